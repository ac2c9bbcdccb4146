package recorder

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// PauseRequest asks for a pause.
type PauseRequest struct {
	Max    time.Duration // ends by itself after this; 0: the configured length
	By     string        // who asks
	Reason string        // empty: of a pause whose deadline is moved, the reason it has
	Owner  Owner         // empty: a person
}

// Pause keeps everything from now on out of the recording, for at most p.Max. The cut is made before
// anything else happens: audio of a later tick is not copied at all, what waits in the ring from a later
// tick is dropped, and the buffers behind it are overwritten. Pause returns when the pause will survive a crash; a
// restart then finds the recording paused and keeps it so.
//
// Each owner has a pause and a deadline of its own, and the recording is paused until the latest of them ends. An owner
// that asks again moves its own deadline; the running gap goes to who asked last. A person's pause lasts at most
// Rules.MaxPause, and pauses of persons that prolong each other at most Rules.MaxPauseTotal together.
//
// The errors are problems: 422 for a length out of range, 409 after the end, 503 when the disk did not
// take the entry in time; the recording is paused all the same then.
func (rec *Recording) Pause(ctx context.Context, p PauseRequest) (wire.Recording, error) {
	if p.Owner == "" {
		p.Owner = OwnerPerson
	}
	asked := p.Max
	if p.Max == 0 {
		p.Max = rec.rules.DefaultPause
	}
	limit := rec.rules.MaxPause
	if p.Max < 0 || p.Max > limit && p.Owner == OwnerPerson {
		return wire.Recording{}, badLength("a pause lasts more than 0 and at most %g seconds", limit.Seconds())
	}
	rec.ctl.Lock()
	defer rec.ctl.Unlock()
	if rec.over.Load() {
		return wire.Recording{}, rec.stopped()
	}
	at := time.Now()
	left := rec.pauses.without(over(at))
	if p.Owner == OwnerPerson && !left.since.IsZero() {
		rest := rec.rules.MaxPauseTotal - at.Sub(left.since)
		if asked == 0 {
			p.Max = min(p.Max, rest)
		}
		if p.Max > rest || rest <= 0 {
			return wire.Recording{}, badLength("pauses that prolong each other last at most %g seconds together, and %.0f of them are left", rec.rules.MaxPauseTotal.Seconds(), max(0, rest.Seconds()))
		}
	}
	end := at.Add(p.Max)
	left.put(pause{p.Owner, p.By, p.Reason, end, rec.rec.now().Add(p.Max).UTC().Truncate(time.Millisecond)}, at)
	return rec.hold(ctx, left, p.By)
}

func badLength(format string, args ...any) error {
	e := problem.New(http.StatusUnprocessableEntity, "invalid_pause", format, args...)
	e.Fields = []problem.Field{{Pointer: "/max_seconds", Code: "out_of_range", Detail: e.Detail}}
	return e
}

// hold has the recording be paused as p says, which has a pause. It returns when that is on disk. rec.ctl is held.
func (rec *Recording) hold(ctx context.Context, p pauses, by string) (wire.Recording, error) {
	fresh := !rec.gated.Load()
	if fresh {
		rec.scrub(true)
		rec.gate()
	}
	saved := make(chan error, 1)
	rec.mu.Lock()
	if fresh {
		rec.pauses = p
		rec.forget()
		rec.openGap()
	} else {
		rec.drain() // for the length so far
		rec.pass(p, by)
	}
	w := rec.held(func(err error) { saved <- err })
	rec.mu.Unlock()
	rec.announce(w, by)
	if err := wait(ctx, saved); err != nil {
		e := problem.New(http.StatusServiceUnavailable, "pause_not_saved", "the recording is paused, but the disk has not taken the entry")
		e.CallID, e.Err = rec.header.CallID, err
		return w, e
	}
	return w, nil
}

// pass has a paused recording be paused by p from now on, as by has it. When another pause holds it then, the running
// gap ends and one of the other's begins. rec.mu is held.
func (rec *Recording) pass(p pauses, by string) {
	rec.pauses = p
	x, g := p.holder(), &rec.wire.Gaps[rec.gap]
	if g.Owner != string(x.owner) || g.By != x.by || g.Reason != x.reason {
		*g = rec.closing("continued", by)
		rec.openGap()
	} else if !g.Deadline.Equal(x.till) {
		g.Deadline = &x.till
		g.Moved++
	}
}

// held brings the recording's picture up to date with its pauses and writes them down. rec.mu is held.
func (rec *Recording) held(done func(error)) wire.Recording {
	till := rec.pauses.last().till
	rec.wire.State, rec.wire.PausedTill = wire.RecordingPaused, &till
	g := rec.wire.Gaps[rec.gap]
	rec.note(entry{Kind: entryPause, Gap: &g}, true, done)
	return rec.snapshot()
}

// announce says that the recording is paused now as w shows. rec.ctl is held.
func (rec *Recording) announce(w wire.Recording, by string) {
	rec.arm()
	rec.rec.publish("recording.paused", by, w)
	rec.log.Info("recording paused", "by", by, "till", w.PausedTill)
	rec.tell(w)
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

// tell says to whoever wants to know that a pause has begun, changed or ended.
func (rec *Recording) tell(w wire.Recording) {
	if rec.paused != nil {
		rec.paused(w)
	}
}

// forget drops what is later than the cut, lets the rest go to the disk and empties the buffers. rec.mu is held.
func (rec *Recording) forget() {
	rec.drain()
	rec.endTurns()
	for _, t := range rec.files {
		rec.keep(t.cut())
	}
	rec.frame = pcm.Frame{}
}

// openGap begins a gap of the pause that holds the recording. rec.mu is held.
func (rec *Recording) openGap() {
	switch {
	case rec.gap >= 0: // the gap before has ended, but no tick has come since
		rec.endGap(rec.pos + 1)
		rec.gapStart, rec.gapTicks = rec.pos+1, 0
	case rec.pausedFrom >= 0:
		rec.gapStart = rec.pausedFrom
	default:
		rec.gapStart = rec.pos + 1
	}
	x := rec.pauses.holder()
	rec.wire.Gaps = append(rec.wire.Gaps, wire.Gap{
		Cause: "pause", OffsetMS: rec.ms(rec.gapStart), From: rec.rec.now(), By: x.by, Reason: x.reason, Owner: string(x.owner), Deadline: &x.till,
	})
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

// arm sets the timer of the deadline that comes first. rec.ctl is held.
func (rec *Recording) arm() {
	rec.disarm()
	epoch := rec.epoch
	rec.timer = time.AfterFunc(time.Until(rec.pauses.next().end), func() {
		rec.ctl.Lock()
		defer rec.ctl.Unlock()
		if epoch == rec.epoch && rec.gated.Load() && !rec.over.Load() {
			rec.lapse()
		}
	})
}

func (rec *Recording) disarm() {
	rec.epoch++
	if rec.timer != nil {
		rec.timer.Stop()
	}
}

// lapse ends the pauses whose deadline has come. rec.ctl is held.
func (rec *Recording) lapse() {
	switch left := rec.pauses.without(over(time.Now())); len(left.list) {
	case 0:
		rec.resume("server", "deadline")
	case len(rec.pauses.list):
		rec.arm()
	default:
		rec.leave(left, "server")
	}
}

// leave has a paused recording go on being paused by the pauses that are left. rec.ctl is held.
func (rec *Recording) leave(left pauses, by string) wire.Recording {
	rec.mu.Lock()
	rec.drain()
	rec.pass(left, by)
	w := rec.held(nil)
	rec.mu.Unlock()
	rec.announce(w, by)
	return w
}

// Resume ends a person's own pause before its deadline, and those that nobody has asked for by name or that people
// have asked for who are gone. The recording stays paused while others hold it. That it goes on is on disk before any
// audio is kept. The errors are problems: 409 when the recording is not paused or stopped, when an announcement that
// must be over first is not, or when the person has no pause; 503 when the disk does not take the entry; then the
// pause goes on.
func (rec *Recording) Resume(ctx context.Context, by string, gone ...string) (wire.Recording, error) {
	rec.ctl.Lock()
	defer rec.ctl.Unlock()
	if err := rec.notPaused(); err != nil {
		return wire.Recording{}, err
	}
	refuse := func(code, detail string, args ...any) error {
		e := problem.Conflict(code, string(wire.RecordingPaused), []string{"pause", "stop"}, detail, args...)
		e.CallID = rec.header.CallID
		return e
	}
	if rec.pauses.has(OwnerConsent) {
		return wire.Recording{}, refuse("consent_waits", "nothing is recorded until the announcement that says so is over")
	}
	left := rec.pauses.without(func(x pause) bool {
		return x.owner == OwnerPerson && (x.by == by || x.by == "" || slices.Contains(gone, x.by))
	})
	if len(left.list) == len(rec.pauses.list) {
		x := left.last()
		return wire.Recording{}, refuse("paused_by_other", "the recording is paused by %s, who alone ends that before its time", x.by)
	}
	return rec.end(ctx, left, by, "manual")
}

// Release ends the pause of an announcement or a capture that is over. Where there is none it changes nothing. The
// errors are those of Resume.
func (rec *Recording) Release(ctx context.Context, o Owner, by string) (wire.Recording, error) {
	rec.ctl.Lock()
	defer rec.ctl.Unlock()
	if err := rec.notPaused(); err != nil {
		return wire.Recording{}, err
	}
	if !rec.pauses.has(o) {
		return rec.Snapshot(), nil
	}
	return rec.end(ctx, rec.pauses.without(func(x pause) bool { return x.owner == o }), by, "over")
}

// notPaused is the error of ending a pause where there is none.
func (rec *Recording) notPaused() error {
	switch {
	case rec.over.Load():
		return rec.stopped()
	case rec.gated.Load():
		return nil
	}
	e := problem.Conflict("recording_not_paused", string(wire.RecordingActive), []string{"pause", "stop"}, "the recording is not paused")
	e.CallID = rec.header.CallID
	return e
}

// end leaves a paused recording the pauses that are left, and has it go on when there is none. rec.ctl is held.
func (rec *Recording) end(ctx context.Context, left pauses, by, how string) (wire.Recording, error) {
	if len(left.list) > 0 {
		return rec.leave(left, by), nil
	}
	saved := make(chan error, 1)
	rec.mu.Lock()
	g := rec.closing(how, by)
	rec.note(entry{Kind: entryResumed, Gap: &g}, true, func(err error) { saved <- err })
	rec.mu.Unlock()
	if err := wait(ctx, saved); err != nil {
		rec.mu.Lock()
		running := rec.wire.Gaps[rec.gap]
		rec.note(entry{Kind: entryPause, Gap: &running}, false, nil) // should the disk take both after all
		rec.mu.Unlock()
		e := problem.New(http.StatusServiceUnavailable, "resume_not_saved", "the pause goes on: the disk has not taken the entry")
		e.CallID, e.Err = rec.header.CallID, err
		return wire.Recording{}, e
	}
	return rec.resume(by, how), nil
}

// closing is the running gap as it looks when it ends now. rec.mu is held.
func (rec *Recording) closing(how, by string) wire.Gap {
	rec.drain()
	g := rec.wire.Gaps[rec.gap]
	now := rec.rec.now()
	g.Till, g.Resumed, g.ResumedBy, g.LengthMS = &now, how, by, rec.gapLength()
	return g
}

// resume lets audio in again. For the deadline no entry has to be on disk before: the pause's own entry
// says that it ends then. rec.ctl is held.
func (rec *Recording) resume(by, how string) wire.Recording {
	rec.disarm()
	rec.mu.Lock()
	g := rec.closing(how, by)
	if how == "deadline" {
		rec.note(entry{Kind: entryResumed, Gap: &g}, true, nil) // in the queue before any page behind it
	}
	rec.wire.Gaps[rec.gap] = g
	rec.wire.State, rec.wire.PausedTill = wire.RecordingActive, nil
	rec.pauses = pauses{}
	rec.gated.Store(false)
	rec.scrub(false)
	w := rec.snapshot()
	rec.mu.Unlock()
	rec.rec.publish("recording.resumed", by, w)
	rec.log.Info("recording resumed", "by", by, "how", how)
	rec.tell(w)
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
