package call

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/signaling/wire"
)

// A relayed key is held as long as the party held it, within what the far side can take for one key.
const (
	shortestKey = 60 * time.Millisecond
	longestKey  = time.Second
)

// A key counts as pressed in a pause, or in a capture, when it was pressed before this long after its end: its
// packets come late, and keys are told when they are let go.
const (
	afterPause   = 200 * time.Millisecond
	afterCapture = time.Second // somebody may press one key more than was asked for
	longestPress = time.Minute // a key that is heard of so long after its begin is believed to be of any pause since
)

// digit takes a key that a party has pressed. While a recording is paused the customer may be keying a card
// number: the digit itself must reach no event, log or store (PCI DSS 3.3.1).
func (l *leg) digit(e media.Event) {
	a := l.a
	if a.rec != nil {
		a.rec.Key(l.wire.ID)
	}
	d := wire.Digit{LegID: l.wire.ID, CallID: a.id, DurationMS: e.Duration.Milliseconds()}
	began := e.Began(a.b.now())
	switch {
	case a.capturing(l):
		a.captureKey(l, e.Digit)
	case a.captured(l, began):
	default:
		if !a.paused(began, began.Add(e.Duration)) {
			d.Digit = string(e.Digit)
		}
		defer a.relayDigit(l, e)
	}
	a.publish("leg.dtmf", string(l.wire.Role), d)
}

// captured reports whether a key of a leg that is not being captured any more was pressed for its capture.
func (a *actor) captured(l *leg, began time.Time) bool {
	c := a.capture
	return c != nil && c.wire.LegID == l.wire.ID && c.wire.Ended != nil && began.Before(c.wire.Ended.Add(afterCapture))
}

// span is a stretch of time.
type span struct{ from, till time.Time }

// remember keeps the pauses of a recording that was stopped for the keys that were pressed in them. One that the
// recording was stopped in goes on until its deadline, with a recording or without.
func (a *actor) remember(w wire.Recording) {
	now, fence := a.b.now(), a.b.deps.Recorder.Fence(a.id)
	a.past = slices.DeleteFunc(a.past, func(s span) bool { return now.Sub(s.till) > longestPress })
	for _, g := range w.Gaps {
		if g.Cause != "pause" || g.Till == nil || now.Sub(*g.Till) > longestPress {
			continue
		}
		s := span{g.From, *g.Till}
		if g.Resumed == "stop" && fence.After(s.till) {
			s.till = fence
		}
		a.past = append(a.past, s)
	}
}

// handOver ends the pauses that have outlived their recording: a new one has taken them over.
func (a *actor) handOver() {
	now := a.b.now()
	for i := range a.past {
		if a.past[i].till.After(now) {
			a.past[i].till = now
		}
	}
}

// paused reports whether the call's recording is paused, or was while a key was held.
func (a *actor) paused(began, ended time.Time) bool {
	in := func(from, till time.Time) bool { return began.Before(till.Add(afterPause)) && ended.After(from) }
	if slices.ContainsFunc(a.past, func(s span) bool { return in(s.from, s.till) }) {
		return true
	}
	if a.rec == nil {
		return false
	}
	s := a.rec.Snapshot()
	return s.State == wire.RecordingPaused || slices.ContainsFunc(s.Gaps, func(g wire.Gap) bool {
		return g.Cause == "pause" && g.Till != nil && in(g.From, *g.Till)
	})
}

// relayDigit sends a key that a party pressed on to the others who are not on hold, as the call wants it: as
// an RFC 4733 event where the leg agreed to those, else as the tones themselves. Neither is kept anywhere,
// so it goes on while a recording is paused: that is when somebody keys in a card number for a machine
// at the other end. What was heard in the party's audio is in the others' audio already.
func (a *actor) relayDigit(from *leg, e media.Event) {
	if a.call.DTMFRelay != wire.RelayAll || e.Inband || from.wire.Hold.Local || from.wire.Muted {
		return
	}
	tone := min(max(e.Duration, shortestKey), longestKey)
	var deaf []string
	for _, l := range a.legs {
		if l == from || !l.joined || l.wire.Hold.Local || l.wire.Deafened {
			continue
		}
		if l.media.SendDigits(string(e.Digit), tone) != nil {
			deaf = append(deaf, l.wire.ID)
		}
	}
	if len(deaf) > 0 {
		a.sound("play digit", keyTone(e.Digit, tone), deaf)
	}
}

// keys are the keys of a telephone in their rows, lows and highs the frequencies of a row and a column
// (ITU-T Q.23).
const keys = "123A456B789C*0#D"

var (
	lows  = [4]float64{697, 770, 852, 941}
	highs = [4]float64{1209, 1336, 1477, 1633}
)

// keyTone is the two tones of a key.
func keyTone(digit byte, d time.Duration) *prompt.Tone {
	i := max(strings.IndexByte(keys, digit), 0)
	return prompt.NewTone(-12, false, prompt.Step{Freqs: [2]float64{lows[i/4], highs[i%4]}, For: d})
}

// sound plays something short to legs, in passing: nobody is told, and nothing waits for it.
func (a *actor) sound(what string, src media.Source, to []string) {
	ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
	defer cancel()
	if err := a.room.Do(ctx, mixer.Play{ID: id.New(id.Playback), Source: src, To: to}); err != nil {
		a.log.Info(what+" failed", "cause", err)
	}
}

// chime lets those who are there hear that somebody comes or goes, as the call wants it.
func (a *actor) chime(l *leg, tone *prompt.Tone) {
	if l.wire.Whisper != nil { // who is not heard by all is not announced to all
		return
	}
	least := math.MaxInt
	switch a.call.Tones {
	case wire.TonesConference:
		least = 2
	case wire.TonesAlways:
		least = 1
	}
	var to []string
	others := 0
	for _, o := range a.legs {
		if o == l || !o.joined {
			continue
		}
		others++
		if !o.wire.Hold.Local {
			to = append(to, o.wire.ID)
		}
	}
	if others >= least && len(to) > 0 && a.call.State != wire.CallEnded {
		a.sound("play tone", tone, to)
	}
}
