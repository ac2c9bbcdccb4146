package call

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

// captured is a recorded call between a customer and an agent.
type captured struct {
	*bench
	call     wire.Call
	rec      wire.Recording
	customer *fakeEndpoint
	p        Progress
	agent    *fakeEndpoint
	agentLeg wire.Leg
}

func newCaptured(t *testing.T) *captured {
	t.Helper()
	return recordedCall(t, newBench(t, DefaultConfig()))
}

// recordedCall makes one on a bench.
func recordedCall(t *testing.T, b *bench) *captured {
	t.Helper()
	c := &captured{bench: b}
	c.customer, c.p, c.call = c.incoming()
	c.ok(c.Answer(c.ctx, c.call.Legs[0].ID, "server"))
	c.agent, c.agentLeg = c.bench.agent(c.call.ID, "")
	c.until("the customer in the room", func() bool { return c.now(c.call.ID).Legs[0].State == wire.LegConnected })
	all := wire.RelayAll
	_, err := c.PatchCall(c.ctx, c.call.ID, wire.CallPatch{DTMFRelay: &all}, "agt_a")
	c.ok(err)
	c.rec, err = c.StartRecording(c.ctx, c.call.ID, "agt_a")
	c.ok(err)
	return c
}

func (c *captured) now(callID string) wire.Call {
	c.t.Helper()
	w, err := c.Call(callID)
	c.ok(err)
	return w
}

// press has the customer press keys, and waits until each has been told.
func (c *captured) press(keys string, e media.Event) {
	c.t.Helper()
	for i := range len(keys) {
		n := len(c.digits())
		e.Kind, e.Digit = media.EventDigit, keys[i]
		if e.Duration == 0 {
			e.Duration = 100 * time.Millisecond
		}
		c.customer.leg.events <- e
		c.until("key "+keys[i:i+1], func() bool { return len(c.digits()) > n })
	}
}

func (c *captured) start(req wire.CaptureRequest) wire.Capture {
	c.t.Helper()
	w, err := c.StartCapture(c.ctx, c.call.ID, req, "app", "payments")
	c.ok(err)
	return w
}

func (c *captured) state(id string) wire.Capture {
	c.t.Helper()
	w, err := c.Capture(c.ctx, id)
	c.ok(err)
	return w
}

func (c *captured) recording() wire.Recording {
	c.t.Helper()
	w, err := c.deps.Recorder.Get(c.rec.ID)
	c.ok(err)
	return w
}

// secretKept fails when a key has reached an event, the timeline or another party.
func (c *captured) secretKept() {
	c.t.Helper()
	if d := c.digits(); slices.ContainsFunc(d, func(s string) bool { return s != "" }) {
		c.t.Errorf("events tell keys: %q", d)
	}
	if d := c.agent.leg.digits(); len(d) != 0 {
		c.t.Errorf("the agent was sent %q", d)
	}
}

// TestCapture: keys of every origin are gathered, counted for those who watch, and given once to who asked; the
// recording is paused meanwhile, the party is muted, and nobody else gets a key.
func TestCapture(t *testing.T) {
	c := newCaptured(t)
	w := c.start(wire.CaptureRequest{MaxDigits: 4})
	if s := c.recording().State; s != wire.RecordingPaused {
		t.Fatalf("the recording is %s in a capture", s)
	}
	_, err := c.StartCapture(c.ctx, c.call.ID, wire.CaptureRequest{}, "app", "payments")
	if st, code := status(err); st != http.StatusConflict || code != "capture_open" {
		t.Errorf("a second capture: %d %s", st, code)
	}
	_, err = c.ResumeRecording(c.ctx, c.rec.ID, "agt_a")
	if st, code := status(err); st != http.StatusConflict || code != "capture_open" {
		t.Errorf("resume in a capture: %d %s", st, code)
	}
	c.press("4", media.Event{})                                 // RFC 4733
	c.press("1", media.Event{Duration: 160 * time.Millisecond}) // SIP INFO comes like this
	c.press("2", media.Event{Inband: true})
	if got := c.now(c.call.ID).Capture; got == nil || got.Count != 3 || got.State != wire.CaptureOpen {
		t.Errorf("the call shows %+v", got)
	}
	if _, err := c.TakeCapture(c.ctx, w.ID, "app", nil); err == nil {
		t.Error("digits before the end")
	}
	last := time.Now()
	c.press("9", media.Event{})
	if s := c.state(w.ID); s.State != wire.CaptureComplete || s.Count != 4 {
		t.Errorf("after the last key: %+v", s)
	}
	if s := c.recording().State; s != wire.RecordingActive {
		t.Errorf("after a capture the recording is %s", s)
	}
	c.press("7", media.Event{At: last}) // one too many: it was meant for the capture
	_, err = c.TakeCapture(c.ctx, w.ID, "somebody", nil)
	if st, _ := status(err); st != http.StatusNotFound {
		t.Errorf("digits for somebody else: %d", st)
	}
	if d, err := c.TakeCapture(c.ctx, w.ID, "app", nil); err != nil || string(d) != "4129" {
		t.Errorf("taken: %q, %v", d, err)
	}
	if _, err := c.TakeCapture(c.ctx, w.ID, "app", nil); err == nil {
		t.Error("digits twice")
	}
	c.secretKept()
	for _, typ := range []string{"capture.started", "capture.changed", "capture.ended"} {
		if !slices.Contains(c.types(), typ) {
			t.Errorf("no event %s in %v", typ, c.types())
		}
	}
}

// TestCaptureEnds: however a capture ends, the recording goes on, and digits are kept only for who can take them.
func TestCaptureEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		req  wire.CaptureRequest
		end  func(c *captured, w wire.Capture)
		want wire.CaptureState
		left bool // digits may be taken
	}{
		"terminator": {wire.CaptureRequest{}, func(c *captured, _ wire.Capture) { c.press("#", media.Event{}) }, wire.CaptureComplete, true},
		"silence":    {wire.CaptureRequest{SilentSeconds: 1}, nil, wire.CaptureTimedOut, true},
		"deadline":   {wire.CaptureRequest{MaxSeconds: 1}, nil, wire.CaptureTimedOut, true},
		"cancel": {wire.CaptureRequest{}, func(c *captured, w wire.Capture) {
			_, err := c.CancelCapture(c.ctx, w.ID, "agt_a")
			c.ok(err)
			_, err = c.CancelCapture(c.ctx, w.ID, "agt_a")
			if st, _ := status(err); st != http.StatusConflict {
				c.t.Errorf("cancelled twice: %d", st)
			}
		}, wire.CaptureCancelled, false},
		"the agent leaves and the customer goes on": {wire.CaptureRequest{MaxDigits: 3}, func(c *captured, _ wire.Capture) {
			other, _ := c.bench.agent(c.call.ID, "")
			c.ok(c.HangupLeg(c.ctx, c.agentLeg.ID, CauseHangup, "agt_a"))
			c.press("3", media.Event{})
			if d := other.leg.digits(); len(d) != 0 {
				c.t.Errorf("the other agent was sent %q", d)
			}
		}, wire.CaptureComplete, true},
		"the customer leaves": {wire.CaptureRequest{}, func(c *captured, _ wire.Capture) {
			c.bench.agent(c.call.ID, "") // so that the call goes on
			c.p.Ended(Cause{Code: CauseHangup})
		}, wire.CaptureEnded, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCaptured(t)
			w := c.start(tc.req)
			if tc.end != nil { // else its time may be over before a key is through
				c.press("12", media.Event{})
				tc.end(c, w)
			}
			c.until("the end", func() bool { return c.state(w.ID).State != wire.CaptureOpen })
			if s := c.state(w.ID).State; s != tc.want {
				t.Fatalf("the capture is %s, want %s", s, tc.want)
			}
			if s := c.recording().State; s != wire.RecordingActive {
				t.Errorf("the recording is %s", s)
			}
			if c.now(c.call.ID).Capture != nil {
				t.Error("the call still shows a capture")
			}
			_, err := c.TakeCapture(c.ctx, w.ID, "app", nil)
			if (err == nil) != tc.left {
				t.Errorf("take: %v", err)
			}
			c.secretKept()
		})
	}
}

// TestCaptureAndPause: each outlasts the other.
func TestCaptureAndPause(t *testing.T) {
	c := newCaptured(t)
	long, err := c.PauseRecording(c.ctx, c.rec.ID, time.Minute, "card", "agt_a")
	c.ok(err)
	w := c.start(wire.CaptureRequest{MaxDigits: 2, MaxSeconds: 5})
	c.press("55", media.Event{})
	if r := c.recording(); r.State != wire.RecordingPaused || r.PausedTill.Sub(*long.PausedTill).Abs() > time.Second {
		t.Errorf("a capture in a pause ended it: %s till %v, want %v", r.State, r.PausedTill, long.PausedTill)
	}
	_, err = c.ResumeRecording(c.ctx, c.rec.ID, "agt_a")
	c.ok(err)
	if s := c.state(w.ID).State; s != wire.CaptureComplete {
		t.Errorf("the capture is %s", s)
	}

	w = c.start(wire.CaptureRequest{MaxDigits: 2, MaxSeconds: 5})
	long, err = c.PauseRecording(c.ctx, c.rec.ID, time.Minute, "address", "agt_a")
	c.ok(err)
	c.press("66", media.Event{})
	if r := c.recording(); r.State != wire.RecordingPaused || r.PausedTill.Sub(*long.PausedTill).Abs() > time.Second {
		t.Errorf("a pause in a capture ended with it: %s till %v, want %v", r.State, r.PausedTill, long.PausedTill)
	}
	if _, err := c.CancelCapture(c.ctx, w.ID, "agt_a"); err == nil {
		t.Error("a complete capture was cancelled")
	}
	c.secretKept()
}

// TestKeysOfAPause: a key counts by when it was pressed, not by when it is heard of.
func TestKeysOfAPause(t *testing.T) {
	c := newCaptured(t)
	_, err := c.PauseRecording(c.ctx, c.rec.ID, time.Minute, "card", "agt_a")
	c.ok(err)
	c.press("1", media.Event{})
	pressed := time.Now()
	_, err = c.ResumeRecording(c.ctx, c.rec.ID, "agt_a")
	c.ok(err)
	c.press("2", media.Event{At: pressed})                                                            // on its way
	c.press("3", media.Event{At: pressed.Add(time.Second), Duration: time.Second})                    // held beyond the end
	c.press("4", media.Event{At: time.Now().Add(time.Second), Duration: 100 * time.Millisecond})      // pressed afterwards
	c.press("5", media.Event{At: time.Now().Add(2 * time.Second), Duration: 1500 * time.Millisecond}) // likewise
	if d := c.digits(); !slices.Equal(d, []string{"", "", "", "4", "5"}) {
		t.Errorf("told: %q", d)
	}
}

// TestCaptureRefused: what cannot be captured is said, and nothing is paused for it.
func TestCaptureRefused(t *testing.T) {
	c := newCaptured(t)
	for name, tc := range map[string]struct {
		req    wire.CaptureRequest
		status int
	}{
		"no such leg": {wire.CaptureRequest{LegID: "leg_none"}, http.StatusNotFound},
		"too many":    {wire.CaptureRequest{MaxDigits: 99}, http.StatusUnprocessableEntity},
	} {
		_, err := c.StartCapture(context.Background(), c.call.ID, tc.req, "app", "payments")
		if st, _ := status(err); st != tc.status {
			t.Errorf("%s: %d, want %d", name, st, tc.status)
		}
	}
	c.customer.leg.mu.Lock()
	c.customer.leg.refuses = true
	c.customer.leg.mu.Unlock()
	_, err := c.StartCapture(c.ctx, c.call.ID, wire.CaptureRequest{Voice: wire.CapturePass}, "app", "payments")
	if st, code := status(err); st != http.StatusUnprocessableEntity || code != "keys_in_voice" {
		t.Errorf("a voice with keys in it, passed on: %d %s", st, code)
	}
	if s := c.recording().State; s != wire.RecordingActive {
		t.Errorf("the recording is %s", s)
	}
}
