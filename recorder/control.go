package recorder

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// PauseRequest asks for a pause.
type PauseRequest struct {
	Max    time.Duration // resumes by itself after this; 0: the configured length
	By     string        // who asks
	Reason string

	beyond bool // past the longest pause: another recording's rest
}

// Pause keeps everything from now on out of the recording, for at most p.Max. The cut is made before
// anything else happens: audio of a later tick is not copied at all, what waits in the ring from a later
// tick is dropped, and the buffers behind it are overwritten. Pause returns when the pause with its
// deadline will survive a crash; a restart then finds the recording paused and keeps it so. Pausing a
// paused recording moves the deadline.
//
// The errors are problems: 422 for a length out of range, 409 after the end, 503 when the disk did not
// take the entry in time; the recording is paused all the same then.
func (rec *Recording) Pause(ctx context.Context, p PauseRequest) (wire.Recording, error) {
	limit := rec.rules.MaxPause
	if p.Max == 0 {
		p.Max = rec.rules.DefaultPause
	}
	if p.Max < 0 || p.Max > limit && !p.beyond {
		e := problem.New(http.StatusUnprocessableEntity, "invalid_pause", "a pause lasts more than 0 and at most %g seconds", limit.Seconds())
		e.Fields = []problem.Field{{Pointer: "/max_seconds", Code: "out_of_range", Detail: e.Detail}}
		return wire.Recording{}, e
	}
	rec.ctl.Lock()
	defer rec.ctl.Unlock()
	if rec.over.Load() {
		return wire.Recording{}, rec.stopped()
	}
	fresh := !rec.gated.Load()
	if fresh {
		rec.scrub(true)
		rec.gate()
	}
	now := rec.rec.now()
	till := now.Add(p.Max).UTC().Truncate(time.Millisecond)
	rec.mu.Lock()
	if fresh {
		rec.beginGap(p, now)
	} else {
		rec.drain() // for the length so far
	}
	rec.wire.State, rec.wire.PausedTill = wire.RecordingPaused, &till
	g := rec.wire.Gaps[rec.gap]
	saved := make(chan error, 1)
	rec.note(entry{Kind: entryPause, Gap: &g, Till: &till}, true, func(err error) { saved <- err })
	w := rec.snapshot()
	rec.mu.Unlock()
	rec.arm(p.Max)
	rec.rec.publish("recording.paused", p.By, w)
	rec.log.Info("recording paused", "by", p.By, "till", till)
	rec.tell(w, fresh)
	if err := wait(ctx, saved); err != nil {
		e := problem.New(http.StatusServiceUnavailable, "pause_not_saved", "the recording is paused, but the disk has not taken the entry")
		e.CallID, e.Err = rec.header.CallID, err
		return w, e
	}
	return w, nil
}

// Hold is Pause with a deadline beyond the longest pause anybody may ask for: a secure capture or an
// announcement that has an end of its own.
func (rec *Recording) Hold(ctx context.Context, p PauseRequest) (wire.Recording, error) {
	p.beyond = true
	return rec.Pause(ctx, p)
}

// scrubOn is how long after a pause the codecs go on leaving nothing behind: what was spoken in it is still on its
// way then.
const scrubOn = time.Second

// scrub has the codecs of the process leave nothing behind while the recording is paused, and a little longer.
func (rec *Recording) scrub(on bool) {
	switch {
	case rec.scrubs.Swap(on) == on:
	case on:
		codec.Scrub(true)
	default:
		time.AfterFunc(scrubOn, func() { codec.Scrub(false) })
	}
}

// tell says to whoever wants to know that a pause has begun or ended.
func (rec *Recording) tell(w wire.Recording, changed bool) {
	if rec.paused != nil && changed {
		rec.paused(w)
	}
}

// beginGap drops what is later than the cut, lets the rest go to the disk and empties the buffers.
func (rec *Recording) beginGap(p PauseRequest, now time.Time) {
	rec.drain()
	rec.endTurns()
	for _, t := range rec.tracks {
		if t != nil {
			rec.keep(t.cut())
		}
	}
	rec.frame = pcm.Frame{}
	switch {
	case rec.gap >= 0: // the pause before has ended, but no tick has come since
		rec.endGap(rec.pos + 1)
		rec.gapStart, rec.gapTicks = rec.pos+1, 0
	case rec.pausedFrom >= 0:
		rec.gapStart = rec.pausedFrom
	default:
		rec.gapStart = rec.pos + 1
	}
	rec.wire.Gaps = append(rec.wire.Gaps, wire.Gap{Cause: "pause", OffsetMS: rec.ms(rec.gapStart), From: now, By: p.By, Reason: p.Reason})
	rec.gap = len(rec.wire.Gaps) - 1
}

// wait waits for the disk's answer.
func wait(ctx context.Context, saved <-chan error) error {
	select {
	case err := <-saved:
		return err
	case <-ctx.Done():
		return fmt.Errorf("recorder: wait for disk: %w", ctx.Err())
	}
}

// arm sets the timer of the pause's deadline. rec.ctl is held.
func (rec *Recording) arm(after time.Duration) {
	rec.disarm()
	epoch := rec.epoch
	rec.timer = time.AfterFunc(after, func() {
		rec.ctl.Lock()
		defer rec.ctl.Unlock()
		if epoch == rec.epoch && rec.gated.Load() && !rec.over.Load() {
			rec.resume("server", "deadline")
		}
	})
}

func (rec *Recording) disarm() {
	rec.epoch++
	if rec.timer != nil {
		rec.timer.Stop()
	}
}

// Resume ends a pause before its deadline. That it has ended is on disk before any audio is kept. The
// errors are problems: 409 when the recording is not paused or stopped, 503 when the disk does not take
// the entry; then the pause goes on.
func (rec *Recording) Resume(ctx context.Context, by string) (wire.Recording, error) {
	rec.ctl.Lock()
	defer rec.ctl.Unlock()
	if rec.over.Load() {
		return wire.Recording{}, rec.stopped()
	}
	if !rec.gated.Load() {
		e := problem.Conflict("recording_not_paused", string(wire.RecordingActive), []string{"pause", "stop"}, "the recording is not paused")
		e.CallID = rec.header.CallID
		return wire.Recording{}, e
	}
	saved := make(chan error, 1)
	rec.mu.Lock()
	g := rec.closing("manual")
	rec.note(entry{Kind: entryResumed, Gap: &g}, true, func(err error) { saved <- err })
	rec.mu.Unlock()
	if err := wait(ctx, saved); err != nil {
		rec.mu.Lock()
		running := rec.wire.Gaps[rec.gap]
		rec.note(entry{Kind: entryPause, Gap: &running, Till: rec.wire.PausedTill}, false, nil) // should the disk take both after all
		rec.mu.Unlock()
		e := problem.New(http.StatusServiceUnavailable, "resume_not_saved", "the pause goes on: the disk has not taken the entry")
		e.CallID, e.Err = rec.header.CallID, err
		return wire.Recording{}, e
	}
	return rec.resume(by, "manual"), nil
}

// closing is the running gap as it looks when it ends now. rec.mu is held.
func (rec *Recording) closing(how string) wire.Gap {
	rec.drain()
	g := rec.wire.Gaps[rec.gap]
	now := rec.rec.now()
	g.Till, g.Resumed, g.LengthMS = &now, how, rec.gapLength()
	return g
}

// resume lets audio in again. For the deadline no entry has to be on disk before: the pause's own entry
// says that it ends then. rec.ctl is held.
func (rec *Recording) resume(by, how string) wire.Recording {
	rec.disarm()
	rec.mu.Lock()
	g := rec.closing(how)
	if how == "deadline" {
		rec.note(entry{Kind: entryResumed, Gap: &g}, true, nil) // in the queue before any page behind it
	}
	rec.wire.Gaps[rec.gap] = g
	rec.wire.State, rec.wire.PausedTill = wire.RecordingActive, nil
	rec.gated.Store(false)
	rec.scrub(false)
	w := rec.snapshot()
	rec.mu.Unlock()
	rec.rec.publish("recording.resumed", by, w)
	rec.log.Info("recording resumed", "by", by, "how", how)
	rec.tell(w, true)
	return w
}

// endGap closes the pause in the time line: audio goes on at frame pos. rec.mu is held.
func (rec *Recording) endGap(pos int64) {
	if rec.gap < 0 {
		return
	}
	g := &rec.wire.Gaps[rec.gap]
	g.LengthMS = rec.ms(pos - rec.gapStart)
	if rec.header.Policy == PauseCut {
		g.LengthMS = rec.ms(rec.gapTicks)
	}
	rec.gap = -1
	done := *g
	rec.note(entry{Kind: entryGap, Gap: &done}, false, nil)
}

// Stop ends the recording, writes the manifest and hands it to the uploader. It returns when all is on
// disk, or when ctx is done; the rest then goes on behind. Stopping a stopped recording waits likewise.
func (rec *Recording) Stop(ctx context.Context, reason string) (wire.Recording, error) {
	rec.ctl.Lock()
	if !rec.over.Load() {
		rec.catchUp()
		rec.disarm()
		rec.mu.Lock()
		rec.finish(reason)
		rec.mu.Unlock()
	}
	rec.ctl.Unlock()
	select {
	case <-rec.finished:
		return rec.Snapshot(), nil
	case <-ctx.Done():
		return rec.Snapshot(), fmt.Errorf("recorder: stop %s: %w", rec.header.ID, ctx.Err())
	}
}

func (rec *Recording) stopped() error {
	e := problem.Conflict("recording_stopped", string(wire.RecordingStopped), nil, "the recording is over")
	e.CallID = rec.header.CallID
	return e
}
