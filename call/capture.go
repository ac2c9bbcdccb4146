package call

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The limits of a capture.
const (
	maxCaptured    = 32               // digits
	captureSeconds = 60               // when nobody says how long
	maxCapture     = 10 * time.Minute // at most
	keepDigits     = time.Minute      // how long digits wait for who asked for them
)

// capture is the secure entry of one party's keys: while it is open they go here and nowhere else. It belongs
// to the call's goroutine.
//
//	open --(terminator, enough digits)--> complete --(taken, or a minute later)--> gone
//	open --(time is over)--> timed_out; --(Cancel)--> cancelled; --(party or call gone)--> ended
//
// Digits lie in an array of its own that is overwritten when they are taken or no longer wanted; they are never
// a string on our side of the API.
type capture struct {
	wire       wire.Capture
	asker      string // the token's subject: nobody else gets the digits
	digits     [maxCaptured]byte
	max        int
	terminator byte // 0: none
	silent     time.Duration
	mask       bool
	quietAt    time.Time   // ends then if no key comes; zero: never
	timer      *time.Timer // of the next deadline
	epoch      int
}

// wipe overwrites the digits.
func (c *capture) wipe() { clear(c.digits[:]) }

// StartCapture begins a secure capture in a call and pauses its recording; asker is who may take the digits. The
// errors are problems: 404 for a leg that is not there, 409 while another capture is open or the leg is not
// connected, 422 for values out of range, 503 when the pause is not saved.
func (b *Board) StartCapture(ctx context.Context, callID string, req wire.CaptureRequest, asker, actorName string) (wire.Capture, error) {
	c, err := newCapture(req)
	if err != nil {
		return wire.Capture{}, err
	}
	a, err := b.call(callID)
	if err != nil {
		return wire.Capture{}, err
	}
	var w wire.Capture
	err = a.do(ctx, func() error {
		if a.capture != nil && a.capture.wire.State == wire.CaptureOpen {
			return problem.Conflict("capture_open", string(wire.CaptureOpen), []string{"cancel"}, "keys of this call are being captured already")
		}
		l := a.capturable(req.LegID)
		if l == nil || !l.alive() {
			return problem.NotFound("leg", req.LegID)
		}
		if err := inRoom(l); err != nil {
			return err
		}
		if req.Voice == wire.CapturePass && l.media.SendDigits("", 0) != nil {
			e := problem.New(http.StatusUnprocessableEntity, "keys_in_voice", "the keys of leg %s come in its voice, which cannot be passed on then", l.wire.ID)
			e.Fields = []problem.Field{{Pointer: "/voice", Code: "not_possible", Detail: e.Detail}}
			return e
		}
		now := b.now()
		c.asker = asker
		c.wire.ID, c.wire.CallID, c.wire.LegID, c.wire.By = id.New(id.Capture), a.id, l.wire.ID, actorName
		c.wire.Started, c.wire.Deadline = now, now.Add(time.Duration(limitSeconds(req))*time.Second)
		a.dropCapture()
		a.capture = c
		if c.wire.Voice == wire.CaptureMute {
			if err := a.room.Do(ctx, mixer.Mute{ID: l.wire.ID, On: true}); err != nil {
				a.capture = nil
				return err
			}
		}
		if err := a.pauseForCapture(ctx, req.Reason); err != nil {
			a.endCapture(wire.CaptureCancelled, "server")
			return err
		}
		a.armCapture()
		b.mu.Lock()
		b.captures[c.wire.ID] = a
		b.mu.Unlock()
		w = c.wire
		a.call.Capture = &w
		a.refresh()
		a.publish("capture.started", actorName, w)
		return nil
	})
	return w, err
}

func limitSeconds(req wire.CaptureRequest) int {
	if req.MaxSeconds == 0 {
		return captureSeconds
	}
	return req.MaxSeconds
}

// newCapture checks a request.
func newCapture(req wire.CaptureRequest) (*capture, error) {
	bad := func(pointer, detail string) error {
		e := problem.New(http.StatusUnprocessableEntity, "invalid_field", "%s", detail)
		e.Fields = []problem.Field{{Pointer: pointer, Code: "out_of_range", Detail: detail}}
		return e
	}
	c := &capture{max: req.MaxDigits, terminator: '#', silent: time.Duration(req.SilentSeconds) * time.Second, mask: req.MaskTone}
	c.wire = wire.Capture{State: wire.CaptureOpen, Voice: req.Voice}
	if c.max == 0 {
		c.max = maxCaptured
	}
	if c.wire.Voice == "" {
		c.wire.Voice = wire.CaptureMute
	}
	switch {
	case c.max < 1 || c.max > maxCaptured:
		return nil, bad("/max_digits", "max_digits must lie between 1 and 32")
	case req.MaxSeconds < 0 || time.Duration(req.MaxSeconds)*time.Second > maxCapture:
		return nil, bad("/max_seconds", "max_seconds must lie between 1 and 600")
	case req.SilentSeconds < 0 || c.silent > maxCapture:
		return nil, bad("/silent_seconds", "silent_seconds must lie between 1 and 600")
	case c.wire.Voice != wire.CaptureMute && c.wire.Voice != wire.CapturePass:
		return nil, bad("/voice", "voice is mute or pass")
	}
	switch t := req.Terminator; {
	case t == "":
	case t == "none":
		c.terminator = 0
	case len(t) == 1 && strings.Contains(keys, t):
		c.terminator = t[0]
	default:
		return nil, bad("/terminator", "the terminator is one of 0-9 * # A-D, or none")
	}
	return c, nil
}

// capturable is the leg a request means: the one it names, else the customer's.
func (a *actor) capturable(legID string) *leg {
	if legID != "" {
		return a.leg(legID)
	}
	for _, l := range a.legs {
		if l.alive() && l.joined && l.wire.Role == wire.RoleCustomer {
			return l
		}
	}
	return nil
}

// capturing reports whether the keys of a leg are being captured.
func (a *actor) capturing(l *leg) bool {
	return a.capture != nil && a.capture.wire.State == wire.CaptureOpen && a.capture.wire.LegID == l.wire.ID
}

// muted reports whether the room must not hear a leg.
func (a *actor) muted(l *leg) bool {
	return l.wire.Muted || a.capturing(l) && a.capture.wire.Voice == wire.CaptureMute
}

// pauseForCapture pauses the recording until the capture is over.
func (a *actor) pauseForCapture(ctx context.Context, reason string) error {
	if a.rec == nil {
		return nil
	}
	if reason == "" {
		reason = "capture"
	}
	c := a.capture
	a.rec.Mark(wire.Marker{Type: wire.MarkerCapture, LegID: c.wire.LegID, Actor: c.wire.By}, true)
	most := c.wire.Deadline.Add(time.Second).Sub(a.b.now()) // the capture ends it
	_, err := a.rec.Pause(ctx, recorder.PauseRequest{Owner: recorder.OwnerCapture, Max: most, By: c.wire.By, Reason: reason})
	return err
}

// resumeFromCapture lets the recording go on, unless others have paused it too.
func (a *actor) resumeFromCapture(actorName string) {
	if a.rec == nil {
		return
	}
	a.rec.EndMark(wire.MarkerCapture, a.capture.wire.LegID)
	a.release(recorder.OwnerCapture, actorName)
}

// armCapture sets the timer of the capture's next deadline.
func (a *actor) armCapture() {
	c := a.capture
	c.epoch++
	if c.timer != nil {
		c.timer.Stop()
	}
	next := c.wire.Deadline
	if c.silent > 0 {
		c.quietAt = a.b.now().Add(c.silent)
		if c.quietAt.Before(next) {
			next = c.quietAt
		}
	}
	epoch := c.epoch
	c.timer = time.AfterFunc(time.Until(next), func() {
		a.post(func() {
			if a.capture == c && c.epoch == epoch {
				a.endCapture(wire.CaptureTimedOut, "server")
				a.settle()
			}
		})
	})
}

// captureKey takes a key of the captured party.
func (a *actor) captureKey(l *leg, digit byte) {
	c := a.capture
	if digit == c.terminator && c.terminator != 0 {
		a.endCapture(wire.CaptureComplete, string(l.wire.Role))
		return
	}
	c.digits[c.wire.Count] = digit
	c.wire.Count++
	if c.mask {
		var to []string
		for _, o := range a.legs {
			if o != l && o.joined && !o.wire.Hold.Local {
				to = append(to, o.wire.ID)
			}
		}
		if len(to) > 0 {
			a.sound("play mask tone", prompt.NewTone(-20, false, prompt.Step{Freqs: [2]float64{440}, For: 100 * time.Millisecond}), to)
		}
	}
	if c.wire.Count >= c.max {
		a.endCapture(wire.CaptureComplete, string(l.wire.Role))
		return
	}
	a.armCapture()
	w := c.wire
	a.call.Capture = &w
	a.refresh()
	a.publish("capture.changed", string(l.wire.Role), w)
}

// endCapture ends the open capture: voice and recording go on. What has been gathered is kept for a minute if
// the capture is complete or out of time, and overwritten at once otherwise.
func (a *actor) endCapture(state wire.CaptureState, actorName string) {
	c := a.capture
	if c == nil || c.wire.State != wire.CaptureOpen {
		return
	}
	now := a.b.now()
	c.wire.State, c.wire.Ended = state, &now
	c.epoch++
	if c.timer != nil {
		c.timer.Stop()
	}
	if state != wire.CaptureComplete && state != wire.CaptureTimedOut {
		c.wipe()
	} else {
		time.AfterFunc(keepDigits, func() {
			if !a.post(func() { c.wipe() }) {
				c.wipe() // the call is over and nobody else touches it
			}
		})
	}
	if l := a.leg(c.wire.LegID); l != nil && l.joined && !a.muted(l) {
		ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
		if err := a.room.Do(ctx, mixer.Mute{ID: l.wire.ID, On: false}); err != nil {
			a.log.Warn("unmute after capture failed", "leg", l.wire.ID, "cause", err)
		}
		cancel()
	}
	a.resumeFromCapture(actorName)
	a.call.Capture = nil
	a.refresh()
	a.publish("capture.ended", actorName, c.wire)
}

// dropCapture forgets the last capture.
func (a *actor) dropCapture() {
	if a.capture == nil {
		return
	}
	a.capture.wipe()
	a.b.mu.Lock()
	delete(a.b.captures, a.capture.wire.ID)
	a.b.mu.Unlock()
	a.capture = nil
}

// withCapture runs f on the call whose last capture has this id.
func (b *Board) withCapture(ctx context.Context, capID string, f func(a *actor, c *capture) error) error {
	a, err := b.lookup(b.captures, "capture", capID)
	if err != nil {
		return err
	}
	return a.do(ctx, func() error {
		if a.capture == nil || a.capture.wire.ID != capID {
			return problem.NotFound("capture", capID)
		}
		return f(a, a.capture)
	})
}

// Capture is a capture as it is now, without its digits.
func (b *Board) Capture(ctx context.Context, capID string) (w wire.Capture, err error) {
	err = b.withCapture(ctx, capID, func(_ *actor, c *capture) error {
		w = c.wire
		return nil
	})
	return w, err
}

// CancelCapture ends an open capture and overwrites its digits.
func (b *Board) CancelCapture(ctx context.Context, capID, actorName string) (w wire.Capture, err error) {
	err = b.withCapture(ctx, capID, func(a *actor, c *capture) error {
		if c.wire.State != wire.CaptureOpen {
			return problem.Conflict("capture_over", string(c.wire.State), nil, "the capture is over")
		}
		a.endCapture(wire.CaptureCancelled, actorName)
		w = c.wire
		return nil
	})
	return w, err
}

// TakeCapture appends the digits of a capture to dst and overwrites them here: they are given out once, and only
// to who asked for the capture. dst should have room for 32 bytes, so that no copy is left behind. The errors are
// problems: 404 for a capture that is not there or not the asker's, 409 while it is open, or when there is
// nothing any more.
func (b *Board) TakeCapture(ctx context.Context, capID, asker string, dst []byte) ([]byte, error) {
	err := b.withCapture(ctx, capID, func(_ *actor, c *capture) error {
		switch {
		case c.asker != asker:
			return problem.NotFound("capture", capID)
		case c.wire.State == wire.CaptureOpen:
			return problem.Conflict("capture_open", string(c.wire.State), []string{"cancel"}, "the capture is not over yet")
		case c.wire.State != wire.CaptureComplete && c.wire.State != wire.CaptureTimedOut, c.wire.Count > 0 && c.digits[0] == 0:
			return problem.Conflict("capture_gone", string(c.wire.State), nil, "the capture has no digits any more")
		}
		dst = append(dst, c.digits[:c.wire.Count]...)
		c.wipe()
		c.wire.State = wire.CaptureTaken
		return nil
	})
	return dst, err
}
