package agent

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// in gives an agent in each state by the events that lead there.
func in(t *testing.T, s wire.AgentState) Agent {
	t.Helper()
	a := New("ana", t0)
	if s == wire.AgentOffline {
		return a
	}
	a = a.SignIn(Session{ID: "ses_1", Expires: t0.Add(time.Hour), Up: true}, t0)
	if s == wire.AgentNotReady {
		return a
	}
	a = ok(t)(a.SetState(wire.AgentReady, "", t0))
	if s == wire.AgentReady {
		return a
	}
	a = ok(t)(a.Reserve("off_1", "call_1", t0))
	if s == wire.AgentReserved {
		return a
	}
	a = ok(t)(a.Engage("call_1", t0))
	if s == wire.AgentBusy {
		return a
	}
	return ok(t)(a.BeginWrapup("wru_1", t0))
}

func ok(t *testing.T) func(Agent, error) Agent {
	return func(a Agent, err error) Agent {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

func TestTransitions(t *testing.T) {
	now := t0.Add(time.Minute)
	events := map[string]func(Agent) (Agent, error){
		"ready":     func(a Agent) (Agent, error) { return a.SetState(wire.AgentReady, "", now) },
		"not_ready": func(a Agent) (Agent, error) { return a.SetState(wire.AgentNotReady, "break", now) },
		"sign_out":  func(a Agent) (Agent, error) { return a.SignOut(now) },
		"reserve":   func(a Agent) (Agent, error) { return a.Reserve("off_2", "call_2", now) },
		"release":   func(a Agent) (Agent, error) { return a.Release(now) },
		"fail":      func(a Agent) (Agent, error) { return a.Fail(ReasonRONA, now) },
		"engage":    func(a Agent) (Agent, error) { return a.Engage("call_1", now) },
		"wrap":      func(a Agent) (Agent, error) { return a.BeginWrapup("wru_1", now) },
		"disengage": func(a Agent) (Agent, error) { return a.Disengage(now) },
		"done":      func(a Agent) (Agent, error) { return a.EndWrapup(now) },
	}
	const (
		off, notReady, ready, reserved, busy, wrap, pending = wire.AgentOffline, wire.AgentNotReady, wire.AgentReady,
			wire.AgentReserved, wire.AgentBusy, wire.AgentWrapup, wire.AgentSignoutPending
	)
	// What each event makes of each state; an event that is not listed is refused.
	want := map[wire.AgentState]map[string]wire.AgentState{
		off:      {},
		notReady: {"ready": ready, "not_ready": notReady, "sign_out": off, "engage": busy},
		ready:    {"ready": ready, "not_ready": notReady, "sign_out": off, "reserve": reserved, "engage": busy},
		reserved: {"ready": reserved, "not_ready": reserved, "sign_out": pending, "release": ready, "fail": notReady, "engage": busy},
		busy:     {"ready": busy, "not_ready": busy, "sign_out": pending, "wrap": wrap, "disengage": ready},
		wrap:     {"ready": wrap, "not_ready": wrap, "sign_out": pending, "done": ready},
	}
	for from, row := range want {
		for name, event := range events {
			before := in(t, from)
			after, err := event(before)
			to, legal := row[name]
			switch {
			case !legal && err == nil:
				t.Errorf("%s in %s: went to %s, want a refusal", name, from, after.Visible())
			case !legal:
				p := problem.As(err)
				if p.Status != 409 || p.State != string(from) || len(p.Allowed) == 0 {
					t.Errorf("%s in %s: %+v, want 409 with state and allowed", name, from, p)
				}
			case err != nil:
				t.Errorf("%s in %s: %v", name, from, err)
			case after.Visible() != to:
				t.Errorf("%s in %s: went to %s, want %s", name, from, after.Visible(), to)
			}
		}
	}
}

func TestConflict2_AfterwardsTheStateChosenBefore(t *testing.T) {
	now := t0.Add(time.Minute)
	for name, c := range map[string]struct {
		choose func(Agent) Agent
		want   wire.AgentState
		reason string
	}{
		"nothing chosen":        {func(a Agent) Agent { return a }, wire.AgentReady, ""},
		"a break in the call":   {func(a Agent) Agent { return ok(t)(a.SetState(wire.AgentNotReady, "break", now)) }, wire.AgentNotReady, "break"},
		"sign-out in the call":  {func(a Agent) Agent { return ok(t)(a.SignOut(now)) }, wire.AgentOffline, ""},
		"sign-out taken back":   {func(a Agent) Agent { return ok(t)(ok(t)(a.SignOut(now)).SetState(wire.AgentReady, "", now)) }, wire.AgentReady, ""},
		"connection lost in it": {func(a Agent) Agent { return a.Missed(now, now.Add(time.Hour)) }, wire.AgentNotReady, ReasonConnectionLost},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.choose(in(t, wire.AgentBusy))
			a = ok(t)(ok(t)(a.BeginWrapup("wru_1", now)).EndWrapup(now))
			if a.State != c.want || a.Reason != c.reason {
				t.Errorf("after the call: %s (%s), want %s (%s)", a.State, a.Reason, c.want, c.reason)
			}
			if a.Call != "" || a.Wrapup != "" || a.Leaving {
				t.Errorf("something is left over: %+v", a)
			}
		})
	}
}

func TestIdleTimeIsKeptWhenTheCallerLeaves(t *testing.T) {
	a := in(t, wire.AgentReserved)
	a = ok(t)(a.Release(t0.Add(10 * time.Second)))
	if !a.Idle.Equal(t0) {
		t.Errorf("idle since %s, want %s", a.Idle, t0)
	}
	a = ok(t)(a.Reserve("off_2", "call_2", t0.Add(20*time.Second)))
	a = ok(t)(a.Engage("call_2", t0.Add(21*time.Second)))
	a = ok(t)(a.BeginWrapup("wru_1", t0.Add(30*time.Second)))
	a = ok(t)(a.EndWrapup(t0.Add(40 * time.Second)))
	if want := t0.Add(40 * time.Second); !a.Idle.Equal(want) {
		t.Errorf("after a call idle since %s, want %s", a.Idle, want)
	}
}

func TestConnectionLost(t *testing.T) {
	until := t0.Add(time.Hour)
	a, lost := in(t, wire.AgentReady).Lost("ses_1", t0.Add(15*time.Second))
	if !lost || a.State != wire.AgentReady || !a.Absent.Equal(t0.Add(15*time.Second)) {
		t.Fatalf("at first: %+v", a)
	}
	if back, up := a.Connected("ses_1"); !up || !back.Absent.IsZero() {
		t.Fatalf("back in time: %+v", back)
	}
	a = a.Missed(t0.Add(15*time.Second), until)
	if a.State != wire.AgentNotReady || a.Reason != ReasonConnectionLost || !a.Absent.Equal(until) {
		t.Fatalf("after the grace time: %+v", a)
	}
	if a = a.Missed(until, until.Add(time.Hour)); a.State != wire.AgentOffline || !a.Absent.IsZero() {
		t.Fatalf("after the long time: %+v", a)
	}
}

func TestReloadKeepsTheCall(t *testing.T) {
	a, _ := in(t, wire.AgentBusy).Lost("ses_1", t0.Add(15*time.Second))
	a = a.SignIn(Session{ID: "ses_2", Expires: t0.Add(time.Hour), Up: true}, t0.Add(time.Second))
	if a.State != wire.AgentBusy || a.Call != "call_1" || !a.Absent.IsZero() || len(a.Sessions) != 1 {
		t.Fatalf("after a reload: %+v", a)
	}
}
