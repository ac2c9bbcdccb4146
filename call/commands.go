package call

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

// maxGainDB bounds a leg's gain to both sides.
const maxGainDB = 24

// withLeg runs f on the leg's call, if the leg is alive.
func (b *Board) withLeg(ctx context.Context, lid string, f func(a *actor, l *leg) error) error {
	a, err := b.lookup(b.legs, "leg", lid)
	if err != nil {
		return err
	}
	return a.do(ctx, func() error {
		l := a.leg(lid)
		if l == nil || !l.alive() {
			return problem.NotFound("leg", lid)
		}
		return f(a, l)
	})
}

// inRoom refuses an action on a leg that is not a member of the room yet.
func inRoom(l *leg) error {
	if l.joined {
		return nil
	}
	return problem.Conflict("leg_not_connected", string(l.wire.State), []string{"answer", "reject", "hangup"},
		"leg %s is not connected", l.wire.ID)
}

// Ring tells an inbound caller that it rings.
func (b *Board) Ring(ctx context.Context, lid, actorName string) error {
	var ep Endpoint
	err := b.withLeg(ctx, lid, func(a *actor, l *leg) error {
		if l.joined || l.ep == nil {
			return problem.Conflict("leg_wrong_state", string(l.wire.State), nil, "leg %s cannot ring any more", lid)
		}
		ep = l.ep
		l.progress(wire.LegRinging, "leg.ringing")
		return nil
	})
	if err != nil {
		return err
	}
	return ep.Ring(ctx)
}

// Answer accepts an inbound leg and puts it into the room. It returns when both have happened.
func (b *Board) Answer(ctx context.Context, lid, actorName string) error {
	done := make(chan error, 1)
	err := b.withLeg(ctx, lid, func(a *actor, l *leg) error {
		if l.joined || l.ep == nil || l.wire.Direction != wire.Inbound {
			return problem.Conflict("leg_wrong_state", string(l.wire.State), []string{"hold", "hangup"}, "leg %s has nothing to answer", lid)
		}
		a.answer(context.WithoutCancel(ctx), l, done)
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// HangupLeg ends one leg: refuses, cancels or hangs up, as its state asks for. code is a Cause constant.
func (b *Board) HangupLeg(ctx context.Context, lid, code, actorName string) error {
	return b.withLeg(ctx, lid, func(a *actor, l *leg) error {
		a.endLeg(l, Cause{Code: code}, actorName, true)
		return nil
	})
}

// EndCall ends a call and all its legs. code is a Cause constant.
func (b *Board) EndCall(ctx context.Context, callID, code, actorName string) error {
	a, err := b.call(callID)
	if err != nil {
		return err
	}
	return a.do(ctx, func() error { a.end(code, actorName); return nil })
}

// Hold makes a party hear music and be heard by nobody.
func (b *Board) Hold(ctx context.Context, lid, actorName string) error {
	return b.hold(ctx, lid, actorName, true)
}

// Resume ends Hold.
func (b *Board) Resume(ctx context.Context, lid, actorName string) error {
	return b.hold(ctx, lid, actorName, false)
}

func (b *Board) hold(ctx context.Context, lid, actorName string, on bool) error {
	return b.withLeg(ctx, lid, func(a *actor, l *leg) error {
		if err := inRoom(l); err != nil {
			return err
		}
		if l.wire.Hold.Local == on {
			return nil
		}
		if err := a.room.Do(ctx, mixer.Hold{ID: lid, On: on}); err != nil {
			return err
		}
		l.wire.Hold.Local = on
		a.heldChanged(l, actorName)
		return nil
	})
}

// LegPatch is a change of a leg's settings; nil leaves a setting as it is.
type LegPatch struct {
	Muted, Deafened *bool
	GainDB          *float64
	AGC             *bool
	Denoise         *wire.DenoisePatch // valid
}

// PatchLeg changes a leg's settings, all of them between the same two ticks.
func (b *Board) PatchLeg(ctx context.Context, lid string, p LegPatch, actorName string) (wire.Leg, error) {
	if p.GainDB != nil && (*p.GainDB > maxGainDB || *p.GainDB < -maxGainDB) {
		e := problem.New(http.StatusUnprocessableEntity, "invalid_field", "gain_db must lie between -%d and %d", maxGainDB, maxGainDB)
		e.Fields = []problem.Field{{Pointer: "/gain_db", Code: "out_of_range"}}
		return wire.Leg{}, e
	}
	var w wire.Leg
	err := b.withLeg(ctx, lid, func(a *actor, l *leg) error {
		if err := inRoom(l); err != nil {
			return err
		}
		var cmds []mixer.Command
		if p.Muted != nil {
			cmds = append(cmds, mixer.Mute{ID: lid, On: *p.Muted || a.capturing(l) && a.capture.wire.Voice == wire.CaptureMute})
		}
		if p.Deafened != nil {
			cmds = append(cmds, mixer.Deafen{ID: lid, On: *p.Deafened})
		}
		if p.GainDB != nil {
			cmds = append(cmds, mixer.Gain{ID: lid, DB: *p.GainDB})
		}
		if p.AGC != nil {
			cmds = append(cmds, mixer.AGC{ID: lid, On: *p.AGC})
		}
		if len(cmds) > 0 {
			if err := a.room.Do(ctx, cmds...); err != nil {
				return err
			}
		}
		if p.Denoise != nil {
			if err := a.patchDenoise(ctx, l, *p.Denoise, actorName); err != nil {
				return err
			}
		}
		wasMuted := l.wire.Muted
		set(&l.wire.Muted, p.Muted)
		set(&l.wire.Deafened, p.Deafened)
		set(&l.wire.GainDB, p.GainDB)
		set(&l.wire.AGC, p.AGC)
		w = l.wire
		a.refresh()
		switch {
		case p.Muted != nil && wasMuted != *p.Muted && *p.Muted:
			a.publish("leg.muted", actorName, w)
		case p.Muted != nil && wasMuted != *p.Muted:
			a.publish("leg.unmuted", actorName, w)
		case len(cmds) > 0:
			a.publish("leg.changed", actorName, w)
		}
		return nil
	})
	return w, err
}

func set[T any](dst *T, src *T) {
	if src != nil {
		*dst = *src
	}
}

// Digits sends DTMF to a party (RFC 4733).
func (b *Board) Digits(ctx context.Context, lid, digits string, tone time.Duration) error {
	return b.withLeg(ctx, lid, func(_ *actor, l *leg) error {
		if err := inRoom(l); err != nil {
			return err
		}
		if err := l.media.SendDigits(digits, tone); err != nil {
			return &problem.Error{Status: http.StatusUnprocessableEntity, Code: "dtmf_refused", Detail: err.Error()}
		}
		return nil
	})
}

// PatchCall changes a call's settings.
func (b *Board) PatchCall(ctx context.Context, callID string, p wire.CallPatch, actorName string) (wire.Call, error) {
	a, err := b.call(callID)
	if err != nil {
		return wire.Call{}, err
	}
	var c wire.Call
	err = a.do(ctx, func() error {
		set(&a.call.Tones, p.Tones)
		set(&a.call.DTMFRelay, p.DTMFRelay)
		if p.RecordingPolicy != nil {
			a.call.RecordingPolicy = p.RecordingPolicy
		}
		c = a.snapshot()
		a.publish("call.changed", actorName, c)
		return nil
	})
	return c, err
}

// Leg is a leg as it is now.
func (b *Board) Leg(lid string) (wire.Leg, error) {
	a, err := b.lookup(b.legs, "leg", lid)
	if err != nil {
		return wire.Leg{}, err
	}
	for _, l := range a.snap.Load().Legs {
		if l.ID == lid {
			return l, nil
		}
	}
	return wire.Leg{}, problem.NotFound("leg", lid)
}

// Room is a call's room with its matrix.
func (b *Board) Room(ctx context.Context, roomID string) (wire.Room, error) {
	a, err := b.lookup(b.rooms, "room", roomID)
	if err != nil {
		return wire.Room{}, err
	}
	var r wire.Room
	err = a.do(ctx, func() error { r = a.roomPicture(); return nil })
	return r, err
}

// SetMatrix replaces who hears whom in a room, between two ticks.
func (b *Board) SetMatrix(ctx context.Context, roomID string, cells []wire.MatrixCell, actorName string) (wire.Room, error) {
	a, err := b.lookup(b.rooms, "room", roomID)
	if err != nil {
		return wire.Room{}, err
	}
	var r wire.Room
	err = a.do(ctx, func() error {
		if err := a.room.Do(ctx, mixer.SetMatrix{Cells: cells}); err != nil {
			return err
		}
		r = a.roomPicture()
		a.publish("room.matrix_changed", actorName, r)
		return nil
	})
	return r, err
}

// StartRecording records a call from now on if its policy says that calls are recorded by themselves; the
// error is a 409 problem if it does not. One that is being recorded already is left as it is.
func (b *Board) StartRecording(ctx context.Context, callID, actorName string) (wire.Recording, error) {
	return b.record(ctx, callID, nil, true, actorName)
}

// Record records a call from now on, because somebody asks for it. policy, which may be nil, is what is asked
// for beside what the call and its queue say; its Record counts for nothing. The error is a 409 problem where
// the policy forbids recording. A call that is being recorded already is left as it is.
func (b *Board) Record(ctx context.Context, callID string, policy *wire.RecordingPolicy, actorName string) (wire.Recording, error) {
	return b.record(ctx, callID, policy, false, actorName)
}

func (b *Board) record(ctx context.Context, callID string, policy *wire.RecordingPolicy, automatic bool, actorName string) (wire.Recording, error) {
	a, err := b.call(callID)
	if err != nil {
		return wire.Recording{}, err
	}
	if b.deps.Recorder == nil {
		return wire.Recording{}, problem.New(http.StatusServiceUnavailable, "recorder_off", "recording is switched off in the configuration")
	}
	var w wire.Recording
	err = a.do(ctx, func() error {
		if a.rec != nil {
			w = a.rec.Snapshot()
			return nil
		}
		wanted := a.recordingPolicy(policy)
		switch mode := b.deps.Recorder.PolicyFor(a.call.Queue, wanted).Record; {
		case mode == wire.RecordOff:
			return problem.Conflict("recording_off", string(mode), nil, "calls like this one are not recorded, by policy")
		case mode == wire.RecordOnDemand && automatic:
			return problem.Conflict("recording_on_demand", string(mode), nil, "calls like this one are recorded when somebody asks for it")
		}
		rules := b.deps.Recorder.RulesFor(a.call.Queue, wanted)
		clip, err := b.announcement(rules)
		if err != nil {
			return err
		}
		rec, err := b.deps.Recorder.Start(ctx, recorder.StartRequest{
			CallID: a.id, From: a.call.From, To: a.call.To,
			Queue: a.call.Queue, Actor: actorName, Variables: a.call.Variables, Policy: wanted,
			Paused: func(w wire.Recording) { a.post(func() { a.pauseChanged(w) }) },
		})
		if err != nil {
			return err
		}
		a.handOver()
		for _, l := range a.legs {
			if l.joined {
				rec.AddParty(l.party())
			}
		}
		a.rec = rec
		if err = a.notify(ctx, rules, clip); err == nil && a.capture != nil && a.capture.wire.State == wire.CaptureOpen {
			err = a.pauseForCapture(ctx, "")
		}
		if err == nil {
			err = a.room.Do(ctx, mixer.SetTap{Tap: rec, Raw: rec.WantsRaw()})
		}
		if err != nil {
			a.rec = nil
			a.quietNotices()
			_, stopErr := rec.Stop(ctx, "no_tap")
			if stopErr != nil {
				a.log.Warn("stop recording failed", "cause", stopErr)
			}
			return err
		}
		a.rec, a.call.Recording = rec, rec.ID()
		b.mu.Lock()
		b.recs[rec.ID()] = a
		b.mu.Unlock()
		w = rec.Snapshot()
		a.mark(wire.TimelineMark{Type: "recording.started", Actor: actorName, Detail: rec.ID()})
		return nil
	})
	return w, err
}

// recordingPolicy is what the call says of recording it with what is asked for now on top; nil: nothing.
func (a *actor) recordingPolicy(asked *wire.RecordingPolicy) *wire.RecordingPolicy {
	if asked == nil {
		return a.call.RecordingPolicy
	}
	p := wire.RecordingPolicy{Parties: asked.Parties, Voice: asked.Voice, Copy: asked.Copy, CopyFormat: asked.CopyFormat, G711: asked.G711, Rules: asked.Rules}
	if c := a.call.RecordingPolicy; c != nil {
		p.Record = c.Record
		p.Voice, p.Copy, p.Rules = cmp.Or(p.Voice, c.Voice), cmp.Or(p.Copy, c.Copy), cmp.Or(p.Rules, c.Rules)
		p.CopyFormat, p.G711 = cmp.Or(p.CopyFormat, c.CopyFormat), cmp.Or(p.G711, c.G711)
		if len(p.Parties) == 0 {
			p.Parties = c.Parties
		}
	}
	return &p
}

// withRecording runs f on the call whose running recording has this id.
func (b *Board) withRecording(ctx context.Context, recID string, f func(a *actor) error) error {
	a, err := b.lookup(b.recs, "recording", recID)
	if err != nil {
		return problem.Conflict("recording_not_live", "stopped", nil, "recording %s is not running", recID)
	}
	return a.do(ctx, func() error {
		if a.rec == nil || a.rec.ID() != recID {
			return problem.Conflict("recording_not_live", "stopped", nil, "recording %s is not running", recID)
		}
		return f(a)
	})
}

// PauseRecording makes a recording keep nothing until limit has passed, or who asked has resumed it. limit 0 is the
// configured pause.
func (b *Board) PauseRecording(ctx context.Context, recID string, limit time.Duration, reason, actorName string) (w wire.Recording, err error) {
	err = b.withRecording(ctx, recID, func(a *actor) (err error) {
		w, err = a.rec.Pause(ctx, recorder.PauseRequest{Max: limit, By: actorName, Reason: reason})
		return err
	})
	return w, err
}

// ResumeRecording ends a person's own pause before its deadline, and those of agents who have left the call.
func (b *Board) ResumeRecording(ctx context.Context, recID, actorName string) (w wire.Recording, err error) {
	err = b.withRecording(ctx, recID, func(a *actor) (err error) {
		if c := a.capture; c != nil && c.wire.State == wire.CaptureOpen {
			return problem.Conflict("capture_open", string(wire.RecordingPaused), []string{"cancel"}, "the recording is paused until the capture of keys is over")
		}
		w, err = a.rec.Resume(ctx, actorName, a.departed()...)
		return err
	})
	return w, err
}

// departed are the agents who were in the call and are not any more.
func (a *actor) departed() (gone []string) {
	for _, l := range a.legs {
		if l.wire.Agent != "" && !slices.ContainsFunc(a.legs, func(o *leg) bool { return o.wire.Agent == l.wire.Agent && o.alive() }) {
			gone = append(gone, l.wire.Agent)
		}
	}
	return gone
}

// StopRecording finishes a recording; the call goes on.
func (b *Board) StopRecording(ctx context.Context, recID, actorName string) (w wire.Recording, err error) {
	err = b.withRecording(ctx, recID, func(a *actor) error {
		w = a.finishRecording("stopped", actorName)
		return nil
	})
	return w, err
}

// finishRecording takes the tap off the room and closes the recording. It is also the last step but one of
// a call's end.
func (a *actor) finishRecording(reason, actorName string) wire.Recording {
	ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
	defer cancel()
	rec := a.rec
	a.quietNotices()
	a.rec, a.call.Recording = nil, ""
	a.b.mu.Lock()
	delete(a.b.recs, rec.ID())
	a.b.mu.Unlock()
	if err := a.room.Do(ctx, mixer.SetTap{}); err != nil {
		a.log.Warn("take tap off failed", "cause", err)
	}
	w, err := rec.Stop(ctx, reason)
	if err != nil {
		a.log.Error("stop recording failed", "recording", rec.ID(), "cause", err)
	}
	a.remember(w)
	a.marks = markGaps(a.marks, w)
	a.mark(wire.TimelineMark{Type: "recording.stopped", Actor: actorName, Detail: rec.ID()})
	return w
}
