package call

import (
	"context"
	"slices"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

// consentLimit is how much longer than its length a recording waits for its announcement to end, whatever happens to
// it.
const consentLimit = 2 * time.Minute

// consentTime is how long a recording waits for an announcement at most.
func consentTime(clip media.Source) time.Duration {
	if c, ok := clip.(interface{ Length() time.Duration }); ok {
		return c.Length() + consentLimit
	}
	return consentLimit
}

// notices is what the parties hear of being recorded. It belongs to the call's goroutine.
type notices struct {
	rules   recorder.Rules
	consent string // the announcement that is being played
	beep    *time.Timer
	paused  bool // who hears of pauses has been told of one
}

// hearers is who hears a notice now: legs in the room that are not on hold.
func (a *actor) hearers(who wire.Hearers) []string {
	var to []string
	for _, l := range a.legs {
		if !l.joined || l.wire.Hold.Local {
			continue
		}
		customer := l.wire.Role == wire.RoleCustomer
		if who == wire.HearersAll || who == wire.HearersCustomer && customer || who == wire.HearersAgents && !customer {
			to = append(to, l.wire.ID)
		}
	}
	return to
}

// announcement loads the consent announcement of the rules, nil where there is none.
func (b *Board) announcement(r recorder.Rules) (media.Source, error) {
	if r.Consent == "" {
		return nil, nil
	}
	if b.deps.Prompt == nil {
		return nil, problem.New(503, "no_prompts", "the recording's announcement cannot be played: there is no prompt folder")
	}
	return b.deps.Prompt(r.Consent)
}

// notify begins what the parties hear of a recording that has just started. With consent before the recording it
// is paused here, before its first frame.
func (a *actor) notify(ctx context.Context, r recorder.Rules, clip media.Source) error {
	a.notices = notices{rules: r}
	a.armBeep()
	to := a.hearers(r.ConsentTo)
	if clip == nil || len(to) == 0 {
		return nil
	}
	if r.ConsentWhen == wire.ConsentBefore {
		if _, err := a.rec.Pause(ctx, recorder.PauseRequest{Owner: recorder.OwnerConsent, Max: consentTime(clip), By: "server", Reason: "consent"}); err != nil {
			return err
		}
	}
	a.notices.consent = id.New(id.Playback)
	if err := a.room.Do(ctx, mixer.Play{ID: a.notices.consent, Source: clip, To: to}); err != nil {
		return err
	}
	a.rec.Mark(wire.Marker{Type: wire.MarkerConsent, Actor: "server", Detail: r.Consent}, true)
	return nil
}

// consentEnded is told that a playback has ended.
func (a *actor) consentEnded(playID string) {
	if playID == "" || playID != a.notices.consent {
		return
	}
	a.notices.consent = ""
	if a.rec == nil {
		return
	}
	a.release(recorder.OwnerConsent, "server")
	a.rec.EndMark(wire.MarkerConsent, "")
}

// release ends the pause of an announcement or a capture that is over, if it has not come to its deadline before. What
// others have asked for goes on.
func (a *actor) release(o recorder.Owner, actorName string) {
	if a.rec.Snapshot().State != wire.RecordingPaused {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
	defer cancel()
	if _, err := a.rec.Release(ctx, o, actorName); err != nil {
		a.log.Warn("end of pause not saved, it goes on until its deadline", "owner", o, "cause", err)
	}
}

// armBeep sets the timer of the next beep.
func (a *actor) armBeep() {
	if a.notices.rules.Beep <= 0 {
		return
	}
	rec := a.rec
	a.notices.beep = time.AfterFunc(a.notices.rules.Beep, func() {
		a.post(func() {
			if a.rec != rec || rec == nil {
				return
			}
			if to := a.hearers(a.notices.rules.BeepTo); len(to) > 0 && rec.Snapshot().State == wire.RecordingActive {
				a.sound("play recording beep", prompt.Beep(), to)
				rec.Mark(wire.Marker{Type: wire.MarkerBeep, Actor: "server"}, false)
			}
			a.armBeep()
		})
	})
}

// quiet ends the notices of a recording that is over.
func (a *actor) quietNotices() {
	if a.notices.beep != nil {
		a.notices.beep.Stop()
	}
	if a.notices.consent != "" {
		ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
		defer cancel()
		_ = a.room.Do(ctx, mixer.StopPlay{ID: a.notices.consent}) // it may have ended by itself
	}
	a.notices = notices{}
}

// pauseChanged plays the tone of a pause's begin or end. The pause itself does not wait for it. That nothing is kept
// until an announcement is over says the announcement.
func (a *actor) pauseChanged(w wire.Recording) {
	if a.rec == nil || a.rec.ID() != w.ID {
		return
	}
	begin := w.State == wire.RecordingPaused && w.Gaps[len(w.Gaps)-1].Owner != string(recorder.OwnerConsent)
	if begin == a.notices.paused {
		return
	}
	a.notices.paused = begin
	to := a.hearers(a.notices.rules.PauseTone)
	if len(to) == 0 {
		return
	}
	first, second := 660.0, 440.0
	if !begin {
		first, second = second, first
	}
	step := func(hz float64) prompt.Step {
		return prompt.Step{Freqs: [2]float64{hz}, For: 120 * time.Millisecond}
	}
	a.sound("play pause tone", prompt.NewTone(-20, false, step(first), step(second)), to)
}

// markRecording puts what happens in the call among the recording's markers.
func (a *actor) markRecording(typ, actorName string, data any) {
	if a.rec == nil {
		return
	}
	switch d := data.(type) {
	case wire.Leg:
		switch typ {
		case "leg.held":
			a.rec.Mark(wire.Marker{Type: wire.MarkerHold, LegID: d.ID, Actor: actorName}, true)
		case "leg.resumed", "leg.ended":
			a.rec.EndMark(wire.MarkerHold, d.ID)
		}
		if typ == "leg.answered" || typ == "leg.ended" {
			a.markConference(actorName)
		}
	case wire.Call, wire.Room:
		if typ == "room.matrix_changed" {
			a.markConference(actorName)
		}
	default:
		switch noun, verb, _ := cutEvent(typ); noun {
		case "transfer":
			a.rec.Mark(wire.Marker{Type: wire.MarkerTransfer, Actor: actorName, Detail: verb}, false)
		case "consult":
			if verb == "started" {
				a.rec.Mark(wire.Marker{Type: wire.MarkerConsult, Actor: actorName}, true)
			} else if verb == "ended" {
				a.rec.EndMark(wire.MarkerConsult, "")
			}
		}
	}
}

func cutEvent(typ string) (noun, verb string, ok bool) {
	i := slices.Index([]byte(typ), '.')
	if i < 0 {
		return typ, "", false
	}
	return typ[:i], typ[i+1:], true
}

// markConference keeps the marker of a conference: three parties or more.
func (a *actor) markConference(actorName string) {
	n := 0
	for _, l := range a.legs {
		if l.joined && l.wire.Role != wire.RoleSupervisor {
			n++
		}
	}
	if n >= 3 {
		a.rec.Mark(wire.Marker{Type: wire.MarkerConference, Actor: actorName}, true)
	} else {
		a.rec.EndMark(wire.MarkerConference, "")
	}
}
