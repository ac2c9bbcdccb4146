package desk

import (
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// watch brings a supervisor's leg into a call.
func (r *rig) watch(s wire.Supervision) string {
	r.n++
	l := wire.Leg{ID: "leg_" + s.ID, CallID: s.CallID, Role: wire.RoleSupervisor, Agent: s.By, ClientRef: s.ID, State: wire.LegConnected}
	r.plane.mu.Lock()
	r.plane.calls[s.CallID].Legs = append(r.plane.calls[s.CallID].Legs, l)
	r.plane.mu.Unlock()
	r.plane.bus.Publish("leg.answered", s.CallID, s.By, l)
	went(0)
	return l.ID
}

func (r *rig) supervise(call string, mode wire.SupervisionMode, by string) wire.Supervision {
	r.t.Helper()
	s, err := r.Supervise(r.t.Context(), call, mode, "", by)
	if err != nil {
		r.t.Fatal(err)
	}
	went(0)
	return s
}

// seated is who hears a leg, "all" for everybody, by the plane's last word.
func (r *rig) seated(leg string) any {
	r.t.Helper()
	l := r.plane.seat[leg]
	if l.Aloud {
		return "all"
	}
	if l.Whisper == nil {
		return nil
	}
	return slices.Clone(l.Whisper.To)
}

func (r *rig) hearers(leg string, want ...string) {
	r.t.Helper()
	got := r.seated(leg)
	if len(want) == 1 && want[0] == "all" {
		if got != "all" {
			r.t.Fatalf("leg %s is heard by %v, want all", leg, got)
		}
		return
	}
	if to, ok := got.([]string); !ok || !slices.Equal(to, want) {
		r.t.Fatalf("leg %s is heard by %v, want %v", leg, got, want)
	}
}

func TestW69_MonitorCoachBarge(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, leg := r.talk("ana")
		s := r.supervise(call, wire.Monitor, "eva")
		if s.State != wire.SupervisionConnecting {
			t.Fatalf("%+v", s)
		}
		w := r.watch(s)
		r.hearers(w)
		if again := r.supervise(call, wire.Coach, "eva"); again.ID != s.ID || again.State != wire.SupervisionActive {
			t.Fatalf("another mode is another supervision: %+v", again)
		}
		r.hearers(w, leg)
		r.supervise(call, wire.Barge, "eva")
		r.hearers(w, "all")
		r.supervise(call, wire.Coach, "eva")
		// The agent is lost: the coach speaks to nobody, and to the agent when they are back.
		r.end(leg, "media_lost")
		r.hearers(w)
		back := r.attach(call, "ana")
		r.hearers(w, back)
		// The supervisor's own part ends when their leg does, the call goes on.
		r.end(w, "hangup")
		if len(r.events("supervision.ended")) != 1 {
			t.Fatal("the supervision goes on")
		}
		r.is("ana", wire.AgentBusy, "")
	})
}

func TestX7_SupervisionRules(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		ctx := t.Context()
		r.ready("ana", "bor")
		call, _ := r.talk("ana")
		status := func(err error) int {
			if err == nil {
				return 0
			}
			return problem.As(err).Status
		}
		for _, c := range []struct {
			name            string
			call, agent, by string
			want            int
		}{
			{"no such call", "call_x", "", "eva", 404},
			{"an agent who is not on it", call, "bor", "eva", 409},
			{"oneself", call, "", "ana", 409},
		} {
			if _, err := r.Supervise(ctx, c.call, wire.Monitor, c.agent, c.by); status(err) != c.want {
				t.Errorf("%s: %v, want %d", c.name, err, c.want)
			}
		}
		// A voice that does not come up in time.
		r.supervise(call, wire.Monitor, "eva")
		went(time.Minute) // longer than return_timeout
		if w, _ := r.Wall(); len(w.Calls[0].Supervisors) != 0 {
			t.Errorf("%+v", w.Calls[0].Supervisors)
		}
		// Taking over: not by somebody who is away, nor by somebody on a call.
		if _, err := r.TakeOver(ctx, call, "eva", "eva"); status(err) != 409 {
			t.Errorf("an agent who is not signed in took over: %v", err)
		}
		if _, err := r.TakeOver(ctx, call, "ana", "ana"); status(err) != 409 {
			t.Errorf("an agent took over their own call: %v", err)
		}
		if _, err := r.ForceWrapup(ctx, "bor", "", "eva"); status(err) != 409 {
			t.Errorf("nothing to wrap up: %v", err)
		}
		if err := r.ForceEnd(ctx, "call_x", "eva"); status(err) != 404 {
			t.Errorf("no such call ended: %v", err)
		}
	})
}

func TestX7_TakeOver(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, leg := r.talk("ana")
		if _, err := r.SignIn(t.Context(), "eva"); err != nil {
			t.Fatal(err)
		}
		s := r.supervise(call, wire.Coach, "eva")
		w := r.watch(s)
		if _, err := r.TakeOver(t.Context(), call, "eva", "eva"); err != nil {
			t.Fatal(err)
		}
		went(0)
		r.is("eva", wire.AgentBusy, "")
		r.is("ana", wire.AgentWrapup, "")
		r.hearers(w, "all")
		if !slices.Contains(r.plane.log(), "hangup "+leg) {
			t.Fatalf("ana's leg stays: %v", r.plane.log())
		}
		if _, err := r.ForceWrapup(t.Context(), "ana", "", "eva"); err != nil {
			t.Fatal(err)
		}
		r.is("ana", wire.AgentReady, "")
		// Forced wrap-up of a call ends it; the agent wraps up.
		if _, err := r.ForceWrapup(t.Context(), "eva", "", "adam"); err != nil {
			t.Fatal(err)
		}
		went(0)
		r.is("eva", wire.AgentWrapup, "")
		if c, _ := r.plane.Call(call); c.State != wire.CallEnded {
			t.Fatalf("call is %s", c.State)
		}
	})
}

func TestX7_TakeOverWithoutAVoiceYet(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		if _, err := r.SignIn(t.Context(), "eva"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.TakeOver(t.Context(), call, "eva", "eva"); err != nil {
			t.Fatal(err)
		}
		went(0)
		if l, _ := r.plane.Call(call); !l.Legs[0].Hold.Local {
			t.Fatal("the customer is with nobody and hears no music")
		}
		r.attach(call, "eva")
		if l, _ := r.plane.Call(call); l.Legs[0].Hold.Local {
			t.Fatal("the customer stays on hold")
		}
		r.is("eva", wire.AgentBusy, "")
		if err := r.ForceEnd(t.Context(), call, "adam"); err != nil {
			t.Fatal(err)
		}
		went(0)
		r.is("eva", wire.AgentWrapup, "")
	})
}

func TestX7_Wall(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		waiting := r.ring("200")
		r.watch(r.supervise(call, wire.Monitor, "eva"))
		w, err := r.Wall()
		if err != nil {
			t.Fatal(err)
		}
		if len(w.Agents) != 3 || len(w.Queues) != 1 || len(w.Calls) != 2 || w.Queues[0].Waiting != 1 || w.Seq == 0 {
			t.Fatalf("%+v", w)
		}
		if c := w.Calls[0]; c.CallID != call || c.State != "connected" || c.Agent != "ana" || c.Since == nil || len(c.Supervisors) != 1 || c.Supervisors[0].State != wire.SupervisionActive {
			t.Errorf("%+v", c)
		}
		if c := w.Calls[1]; c.CallID != waiting || c.State != "queued" || c.Entered == nil || c.Queue != "main" {
			t.Errorf("%+v", c)
		}
	})
}
