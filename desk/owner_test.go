package desk

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// notYours says that the code is why something was not done.
func (r *rig) notYours(err error, code string) {
	r.t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Status != 409 || p.Code != code || p.Allowed == nil {
		r.t.Errorf("%v, want 409 %s", err, code)
	}
}

// From the offer until it is closed a callback is the business of the agent who has it: bor, of the same queue, may
// look at it and no more.
func TestAnotherAgentsCallback(t *testing.T) {
	calling(t, map[string]string{"041555555": "answer"}, func(c *Config) { c.Callbacks.Preview = true }, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		r.ready("ana")
		try := func(state wire.CallbackState) {
			t.Helper()
			r.callback(c.ID, state)
			ctx := t.Context()
			for name, f := range map[string]func() error{
				"cancel":     func() error { _, err := r.CancelCallback(ctx, c.ID, "bor", "bor"); return err },
				"complete":   func() error { _, err := r.CompleteCallback(ctx, c.ID, "", "bor", "bor"); return err },
				"dial":       func() error { _, err := r.DialCallback(ctx, c.ID, "041 666 666", "bor", "bor"); return err },
				"reschedule": func() error { _, err := r.RescheduleCallback(ctx, c.ID, inHours(2), "bor", "bor"); return err },
				"assign":     func() error { _, err := r.AssignCallback(ctx, c.ID, "bor", 0, "bor", "bor"); return err },
				"change":     func() error { _, err := r.ChangeCallback(ctx, c.ID, inHours(2), 0, "bor", "bor"); return err },
			} {
				if err := f(); err == nil {
					t.Errorf("%s: bor may %s ana's callback", state, name)
				} else {
					r.notYours(err, "callback_not_yours")
				}
			}
			if r.callback(c.ID, state); !r.CallbackMine(c.ID, "bor") {
				t.Error("it is still to be seen in its queue")
			}
		}
		o := r.offered("ana")
		try(wire.CallbackOffered)
		call, leg := r.take("ana")
		try(wire.CallbackPreview)
		if o.CallID != call || len(r.dialled()) != 0 {
			t.Fatalf("%v", r.dialled())
		}
		if _, err := r.DialCallback(t.Context(), c.ID, "", "ana", "ana"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		try(wire.CallbackTalking)
		r.end(leg, "hangup")
		try(wire.CallbackReached)
		if _, err := r.CompleteCallback(t.Context(), c.ID, "", "ana", "ana"); err != nil {
			t.Error(err)
		}
	})
}

// Who had a callback last has no hold on it once it is somebody else's.
func TestAnotherAgentsCallbackAfterAnAttempt(t *testing.T) {
	calling(t, map[string]string{"041555555": "no_answer"}, nil, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		r.ready("bor")
		r.take("bor")
		r.callback(c.ID, wire.CallbackPlanned)
		if _, err := r.AssignCallback(t.Context(), c.ID, "ana", 0, "", "sup"); err != nil {
			t.Fatal(err)
		}
		_, err := r.CancelCallback(t.Context(), c.ID, "bor", "bor")
		r.notYours(err, "callback_not_yours")
		if r.CallbackMine(c.ID, "bor") || !r.CallbackMine(c.ID, "ana") {
			t.Error("it is ana's alone")
		}
		if _, err := r.CancelCallback(t.Context(), c.ID, "", "sup"); err != nil {
			t.Errorf("a supervisor may: %v", err)
		}
	})
}

func TestAnotherAgentsRecord(t *testing.T) {
	working(t, wire.ModePreview, people(2), nil, map[string]string{"041000001": "answer"}, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		rec := r.next(cid, "ana")
		name, at := "Other", time.Now().UTC().AddDate(0, 0, 1)
		try := func(state wire.RecordState) {
			t.Helper()
			for _, do := range []string{"dial", "done", "reschedule", "reject", "cancel", "do_not_call", "change"} {
				_, err := r.ChangeRecord(t.Context(), floor.ChangeRecord{
					ID: rec.ID, Do: do, Agent: "bor", Actor: "bor", Own: true, Done: wire.RecordDone{Disposition: "sold"}, Patch: wire.RecordPatch{Name: &name},
					Reschedule: wire.RecordReschedule{Date: at.Format(time.DateOnly), Time: "10:00"},
				})
				r.notYours(err, "record_not_yours")
			}
			if got := r.record(cid, 1); got.State != state || r.Barred("041000001") {
				t.Fatalf("%+v", got)
			}
		}
		try(wire.RecordPreview)
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "ana", Actor: "ana", Own: true})
		try(wire.RecordTalking)
		a, _ := r.Agent("ana")
		call, _ := r.plane.Call(a.CallID)
		i := slices.IndexFunc(call.Legs, func(l wire.Leg) bool { return l.Role == wire.RoleAgent })
		r.end(call.Legs[i].ID, "hangup")
		try(wire.RecordReview)
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Actor: "ana", Own: true, Reschedule: wire.RecordReschedule{Date: at.Format(time.DateOnly), Time: "10:00", Personal: true}})
		try(wire.RecordReady)
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "cancel", Agent: "ana", Actor: "ana", Own: true})
	})
}
