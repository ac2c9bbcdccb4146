package call

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

// clip is an announcement that lasts until it is told to end.
type clip struct {
	*prompt.Tone
	over atomic.Bool
}

func newClip() *clip {
	return &clip{Tone: prompt.NewTone(-20, true, prompt.Step{Freqs: [2]float64{hzClip}, For: time.Second})}
}

func (c *clip) Done() bool { return c.over.Load() }

// What the parties may hear: the announcement, the recording's beep, and the two tones of a pause.
const (
	hzClip          = 900
	hzBeep          = 1400
	hzLow, hzHigh   = 440, 660
	heardAt, unsure = -35, -60 // dBFS: what is above is heard, what is below is not
)

// loudest is the level of a tone in what a party was sent, in 100 ms where it is loudest.
func (f *fakeLeg) loudest(hz float64) float64 {
	f.mu.Lock()
	heard := slices.Clone(f.heard)
	f.mu.Unlock()
	samples := make([]int16, len(heard))
	g711.Decode(samples, heard, g711.Table(media.PCMU))
	most := -200.0
	for at := 0; at+800 <= len(samples); at += 160 {
		most = max(most, testaudio.Level(samples[at:at+800], hz, 8000))
	}
	return most
}

// sent waits until a party has been sent so much more.
func (c *captured) sent(f *fakeLeg, d time.Duration) {
	c.t.Helper()
	n := func() int { f.mu.Lock(); defer f.mu.Unlock(); return len(f.heard) }
	before := n()
	c.until("sent", func() bool { return n() >= before+int(8*d.Milliseconds()) })
}

// noticed is a call between a customer and an agent who say nothing, recorded by rules.
func noticed(t *testing.T, rules func(*recorder.Rules)) (*captured, *clip) {
	t.Helper()
	b := newBenchOf(t, DefaultConfig(), func(c *recorder.Config) { rules(&c.Rules) })
	b.quiet = true
	said := newClip()
	b.SetPrompt(func(string) (media.Source, error) { return said, nil })
	c := recordedCall(t, b)
	return c, said
}

func consentBefore(r *recorder.Rules) {
	r.Consent, r.ConsentWhen = "recorded", wire.ConsentBefore
}

func (c *captured) shows(what string, state wire.RecordingState, left time.Duration) {
	c.t.Helper()
	w := c.recording()
	if w.State != state || left == 0 && w.PausedTill != nil || left > 0 && (w.PausedTill == nil || (time.Until(*w.PausedTill)-left).Abs() > 20*time.Second) {
		c.t.Fatalf("%s: the recording is %s till %v, want %s for %v; %+v", what, w.State, w.PausedTill, state, left, w.Gaps)
	}
}

// byServer counts how often the server itself has paused a recording, ended a pause or let one go on.
func (c *captured) byServer() (n int) {
	c.t.Helper()
	evs, err := c.bus.After(c.ctx, 0, nil, 1000)
	c.ok(err)
	for _, e := range evs {
		if e.Actor == "server" && (e.Type == "recording.paused" || e.Type == "recording.resumed") {
			n++
		}
	}
	return n
}

// TestConsentBefore: nothing is kept until the announcement is over, and what others pause meanwhile goes on behind it.
func TestConsentBefore(t *testing.T) {
	for name, tc := range map[string]struct {
		meanwhile func(c *captured)
		state     wire.RecordingState
		left      time.Duration // behind the announcement
	}{
		"nothing": {func(*captured) {}, wire.RecordingActive, 0},
		"a pause": {func(c *captured) {
			_, err := c.PauseRecording(c.ctx, c.rec.ID, time.Minute, "card", "payments")
			c.ok(err)
		}, wire.RecordingPaused, time.Minute},
		"a long pause": {func(c *captured) {
			_, err := c.PauseRecording(c.ctx, c.rec.ID, 10*time.Minute, "card", "payments")
			c.ok(err)
		}, wire.RecordingPaused, 10 * time.Minute},
		"a capture that goes on": {func(c *captured) { c.start(wire.CaptureRequest{MaxSeconds: 300}) }, wire.RecordingPaused, 5 * time.Minute},
		"a capture that ends": {func(c *captured) {
			c.start(wire.CaptureRequest{MaxDigits: 1})
			c.press("4", media.Event{})
			c.shows("behind the capture", wire.RecordingPaused, consentLimit)
		}, wire.RecordingActive, 0},
		"somebody resumes": {func(c *captured) {
			_, err := c.ResumeRecording(c.ctx, c.rec.ID, "agt_a")
			if st, code := status(err); st != http.StatusConflict || code != "consent_waits" {
				c.t.Errorf("resume: %d %s", st, code)
			}
		}, wire.RecordingActive, 0},
		"stopped and begun again": {func(c *captured) {
			_, err := c.StopRecording(c.ctx, c.rec.ID, "agt_a")
			c.ok(err)
			c.rec, err = c.StartRecording(c.ctx, c.call.ID, "agt_a")
			c.ok(err)
		}, wire.RecordingActive, 0},
		"stopped in a pause and begun again": {func(c *captured) {
			_, err := c.PauseRecording(c.ctx, c.rec.ID, 10*time.Minute, "card", "payments")
			c.ok(err)
			_, err = c.StopRecording(c.ctx, c.rec.ID, "agt_a")
			c.ok(err)
			c.rec, err = c.StartRecording(c.ctx, c.call.ID, "agt_a")
			c.ok(err)
		}, wire.RecordingPaused, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, said := noticed(t, consentBefore)
			c.shows("at the start", wire.RecordingPaused, consentLimit)
			tc.meanwhile(c)
			if s := c.recording().State; s != wire.RecordingPaused {
				t.Fatalf("in the announcement the recording is %s", s)
			}
			c.until("the announcement", func() bool { return c.customer.leg.loudest(hzClip) > heardAt && c.agent.leg.loudest(hzClip) > heardAt })
			before := c.byServer()
			said.over.Store(true)
			c.until("its end", func() bool { return c.byServer() > before })
			c.until("what comes behind it", func() bool {
				w := c.recording()
				return w.State == tc.state && (w.PausedTill == nil || (time.Until(*w.PausedTill)-tc.left).Abs() < 20*time.Second)
			})
			c.sent(c.agent.leg, time.Second) // and stays
			c.shows("behind the announcement", tc.state, tc.left)
		})
	}
}

// TestConsentTime: a long announcement is waited for to its end.
func TestConsentTime(t *testing.T) {
	long := prompt.NewPCM(make([]int16, 8000*300), pcm.Rate8k, false)
	if d := consentTime(long); d != 5*time.Minute+consentLimit {
		t.Errorf("of 5 minutes: %v", d)
	}
	if d := consentTime(newClip()); d != consentLimit {
		t.Errorf("of unknown length: %v", d)
	}
	b := newBenchOf(t, DefaultConfig(), func(c *recorder.Config) { consentBefore(&c.Rules) })
	b.SetPrompt(func(string) (media.Source, error) { return long, nil })
	recordedCall(t, b).shows("at the start", wire.RecordingPaused, 5*time.Minute+consentLimit)
}

// TestConsentAtStart: the announcement is played while the recording runs.
func TestConsentAtStart(t *testing.T) {
	c, said := noticed(t, func(r *recorder.Rules) { r.Consent, r.ConsentTo = "recorded", wire.HearersCustomer })
	c.shows("at the start", wire.RecordingActive, 0)
	c.until("the announcement", func() bool { return c.customer.leg.loudest(hzClip) > heardAt })
	said.over.Store(true)
	c.until("its marker", func() bool {
		list, err := c.deps.Recorder.Markers(c.ctx, c.rec.ID)
		c.ok(err)
		return slices.ContainsFunc(list.Items, func(m wire.Marker) bool { return m.Type == wire.MarkerConsent && m.LengthMS > 0 })
	})
	if l := c.agent.leg.loudest(hzClip); l > unsure {
		t.Errorf("the agent heard what was for the customer: %.0f dB", l)
	}
	if w := c.recording(); len(w.Gaps) != 0 {
		t.Errorf("gaps: %+v", w.Gaps)
	}
}

// TestPauseTone: who is to hear it hears a tone when a pause begins and when the last ends,
// and none for an announcement. A beep is heard while the recording runs and never in a pause.
func TestPauseTone(t *testing.T) {
	c, said := noticed(t, func(r *recorder.Rules) {
		consentBefore(r)
		r.PauseTone, r.Beep, r.BeepTo = wire.HearersAgents, 2*time.Second, wire.HearersCustomer
	})
	hears := func(what string, hz float64, want bool) {
		t.Helper()
		if want {
			c.until(what, func() bool { return c.agent.leg.loudest(hz) > heardAt })
		} else if l := c.agent.leg.loudest(hz); l > unsure {
			t.Errorf("%s: %.0f dB at %.0f Hz", what, l, hz)
		}
	}
	said.over.Store(true)
	c.until("the announcement's end", func() bool { return c.recording().State == wire.RecordingActive })
	c.until("a beep", func() bool { return c.customer.leg.loudest(hzBeep) > heardAt })
	hears("of an announcement", hzLow, false)
	hears("of a recording that goes on", hzHigh, false)
	hears("the customer's beep", hzBeep, false)

	_, err := c.PauseRecording(c.ctx, c.rec.ID, time.Minute, "card", "agt_a")
	c.ok(err)
	hears("the begin", hzLow, true)
	hears("the begin", hzHigh, true)
	c.sent(c.agent.leg, time.Second) // all of it
	c.agent.leg.forget()
	c.customer.leg.forget()
	_, err = c.PauseRecording(c.ctx, c.rec.ID, time.Minute, "card", "payments")
	c.ok(err)
	_, err = c.ResumeRecording(c.ctx, c.rec.ID, "agt_a")
	c.ok(err)
	c.sent(c.customer.leg, 2500*time.Millisecond) // longer than between two beeps
	hears("of a pause in a pause", hzLow, false)
	if l := c.customer.leg.loudest(hzBeep); l > unsure {
		t.Errorf("a beep in a pause: %.0f dB", l)
	}
	_, err = c.ResumeRecording(c.ctx, c.rec.ID, "payments")
	c.ok(err)
	hears("the end", hzHigh, true)
	hears("the end", hzLow, true)
	if l := c.customer.leg.loudest(hzHigh); l > unsure {
		t.Errorf("the customer heard the agent's tone: %.0f dB", l)
	}
	list, err := c.deps.Recorder.Markers(c.ctx, c.rec.ID)
	c.ok(err)
	if !slices.ContainsFunc(list.Items, func(m wire.Marker) bool { return m.Type == wire.MarkerBeep }) {
		t.Errorf("no marker of a beep: %+v", list.Items)
	}
}

// TestKeysBehindAStop: a key that was pressed in a pause is told nowhere when the recording is stopped in it or right
// behind it; the pause goes on until its deadline, also for the keys.
func TestKeysBehindAStop(t *testing.T) {
	c := newCaptured(t)
	const press = 100 * time.Millisecond
	_, err := c.PauseRecording(c.ctx, c.rec.ID, time.Minute, "card", "agt_a")
	c.ok(err)
	c.press("1", media.Event{})
	pressed := time.Now()
	_, err = c.StopRecording(c.ctx, c.rec.ID, "agt_a")
	c.ok(err)
	c.press("2", media.Event{})
	c.press("3", media.Event{At: time.Now().Add(30 * time.Second), Duration: press})
	c.press("4", media.Event{At: time.Now().Add(2 * time.Minute), Duration: press}) // behind the deadline

	c.rec, err = c.StartRecording(c.ctx, c.call.ID, "agt_a") // has the pause now
	c.ok(err)
	c.press("5", media.Event{})
	_, err = c.ResumeRecording(c.ctx, c.rec.ID, "agt_a")
	c.ok(err)
	resumed := time.Now()
	_, err = c.StopRecording(c.ctx, c.rec.ID, "agt_a")
	c.ok(err)
	c.press("6", media.Event{At: pressed, Duration: press})
	c.press("7", media.Event{At: resumed.Add(press / 2), Duration: press})
	c.press("8", media.Event{At: resumed.Add(2 * time.Second), Duration: press})
	if d := c.digits(); !slices.Equal(d, []string{"", "", "", "4", "", "", "", "8"}) {
		t.Errorf("told: %q", d)
	}
}
