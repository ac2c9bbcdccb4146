package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/cordboard/cordboard/client"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestX7_W69_CoachIsNotHeardByTheCaller: a telephone, an agent and a supervisor, each with a tone. Listening in
// the supervisor is heard by nobody, coaching by the agent only, barging in by both; and after taking over it is
// the supervisor's call.
func TestX7_W69_CoachIsNotHeardByTheCaller(t *testing.T) {
	s := newServer(t, "").start()
	caller := newCaller(t, "041000111", toneCaller)
	alice, bob := s.signIn("alice", "agent", toneAlice).ready(), s.signIn("bob", "supervisor", toneBob)
	caller.calls(s, "1000")
	call := alice.takes().CallID
	settles(t, "alone", hearsOnly(caller, toneAlice), hearsOnly(alice, toneCaller))

	// An agent may not; a supervisor may.
	_, err := alice.PostCallMonitor(soon(t), call, wire.SupervisionRequest{})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 403 {
		t.Errorf("an agent's monitor: %v, want 403", err)
	}
	sup := must[wire.Supervision](t)(bob.PostCallMonitor(soon(t), call, wire.SupervisionRequest{}))
	voice, st, problem := joinPeer(t, s, bob.Token(), wire.LegRequest{CallID: call, Role: wire.RoleSupervisor, ClientRef: sup.ID}, bob.hz)
	if voice == nil {
		t.Fatalf("supervisor's leg: %d %v", st, problem)
	}
	bob.peer = voice
	quiet := soFar(caller)
	settles(t, "monitor", hearsOnly(caller, toneAlice), hearsOnly(alice, toneCaller), hearsOnly(bob, toneCaller, toneAlice))
	coach := func() {
		t.Helper()
		must[wire.Supervision](t)(bob.PostCallCoach(soon(t), call, wire.SupervisionRequest{}))
		settles(t, "coach", hearsOnly(caller, toneAlice), hearsOnly(alice, toneCaller, toneBob), hearsOnly(bob, toneCaller, toneAlice))
	}
	coach()
	wall := must[wire.Wall](t)(bob.GetWall(soon(t)))
	if len(wall.Calls) != 1 || len(wall.Calls[0].Supervisors) != 1 || wall.Calls[0].Supervisors[0].Mode != wire.Coach || wall.Calls[0].Agent != "alice" {
		t.Errorf("wall: %+v", wall.Calls)
	}
	never(t, "monitor and coach", caller, quiet, toneBob)

	must[wire.Supervision](t)(bob.PostCallBarge(soon(t), call, wire.SupervisionRequest{}))
	settles(t, "barge", hearsOnly(caller, toneAlice, toneBob), hearsOnly(alice, toneCaller, toneBob), hearsOnly(bob, toneCaller, toneAlice))
	coach()
	quiet = soFar(caller)
	never(t, "coach again", caller, quiet, toneBob)

	must[wire.Agent](t)(bob.PostCallTakeover(soon(t), call, wire.TakeoverRequest{}))
	settles(t, "taken over", hearsOnly(caller, toneBob), hearsOnly(bob, toneCaller))
	alice.is(wire.AgentWrapup)
	if a := must[wire.Agent](t)(bob.PostAgentForceWrapup(soon(t), "alice", wire.ForceWrapupRequest{})); a.State == wire.AgentWrapup {
		t.Errorf("after the forced end of the wrap-up alice is %s", a.State)
	}
	if err := bob.PostCallForceEnd(soon(t), call); err != nil {
		t.Fatal(err)
	}
	caller.wait("CALL_CLOSED", 5*time.Second)
	for _, want := range []string{"supervision.started", "supervision.changed", "supervision.ended", "supervisor.acted"} {
		s.event(want)
	}
}
