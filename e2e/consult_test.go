package e2e

import (
	"testing"

	"github.com/cordboard/cordboard/signaling/wire"
)

const threeAgents = `agents = [{ id = "alice", name = "Alice" }, { id = "bob", name = "Bob" }, { id = "eva", name = "Eva" }]`

// TestW31_W32_W33_W43_W44_W77_ConsultByEar: a telephone and two agents, each with a tone. While one agent asks the
// other, the caller hears music and neither of them; swapping turns it round; cancelling leads back to the caller;
// completing gives the caller to the one who was asked.
func TestW31_W32_W33_W43_W44_W77_ConsultByEar(t *testing.T) {
	s := newServer(t, "").start()
	caller := newCaller(t, "041000111", toneCaller)
	alice, bob := s.signIn("alice", "agent", toneAlice).ready(), s.signIn("bob", "agent", toneBob)
	caller.calls(s, "1000")
	call := alice.takes().CallID
	bob.ready()
	settles(t, "alone", hearsOnly(caller, toneAlice), hearsOnly(alice, toneCaller))

	ask := func() {
		t.Helper()
		must[wire.Handling](t)(alice.PostCallConsult(soon(t), call, wire.ConsultRequest{Kind: wire.TargetAgent, Target: "bob"}))
		if o := bob.takes(); o.CallID != call {
			t.Fatalf("bob was offered call %s, want %s", o.CallID, call)
		}
		settles(t, "consult", hearsMusic(caller), hearsOnly(alice, toneBob), hearsOnly(bob, toneAlice))
	}
	ask()
	from := soFar(caller)
	_, err := alice.PostCallHold(soon(t), call)
	refused(t, err, "call_wrong_state")
	never(t, "consult", caller, from, toneAlice, toneBob)
	settles(t, "still the consult", hearsMusic(caller), hearsOnly(alice, toneBob), hearsOnly(bob, toneAlice))

	must[wire.Handling](t)(alice.PostCallConsultSwap(soon(t), call))
	settles(t, "swapped", hearsOnly(caller, toneAlice), hearsOnly(alice, toneCaller), hearsMusic(bob))
	must[wire.Handling](t)(alice.PostCallConsultSwap(soon(t), call))
	settles(t, "swapped back", hearsMusic(caller), hearsOnly(alice, toneBob), hearsOnly(bob, toneAlice))
	must[wire.Handling](t)(alice.PostCallConsultEnd(soon(t), call))
	settles(t, "cancelled", hearsMusic(caller), hearsOnly(alice))
	must[wire.Handling](t)(alice.PostCallResume(soon(t), call)) // the caller is where the consult left them
	settles(t, "resumed", hearsOnly(caller, toneAlice), hearsOnly(alice, toneCaller))
	if h := s.handlingOf(call); h.Consult != nil || h.Primary != "alice" || len(h.Participants) != 2 {
		t.Errorf("after the consult: %+v", h)
	}

	bob.is(wire.AgentReady) // who was only asked has nothing to wrap up
	ask()
	must[wire.Handling](t)(alice.PostCallTransfer(soon(t), call, wire.TargetRequest{}))
	settles(t, "transferred", hearsOnly(caller, toneBob), hearsOnly(bob, toneCaller))
	alice.is(wire.AgentWrapup)
	if h := s.handlingOf(call); h.Primary != "bob" {
		t.Errorf("after the transfer %s is in control, want bob", h.Primary)
	}
	caller.command("hangup", "")
	bob.is(wire.AgentWrapup)
}

// TestW51_W52_W55_W56_W58_W60_X6_ConferenceOfFour: a telephone and three agents, each with a tone. Each hears the three
// others as loud as they speak, and never itself. Who was in control leaves, and the agent who is there longest has it.
func TestW51_W52_W55_W56_W58_W60_X6_ConferenceOfFour(t *testing.T) {
	s := newServer(t, "")
	s.configure(`agents = [{ id = "alice", name = "Alice" }, { id = "bob", name = "Bob" }]`, threeAgents)
	s.start()
	caller := newCaller(t, "041000111", toneCaller)
	alice := s.signIn("alice", "agent", toneAlice).ready()
	bob, eva := s.signIn("bob", "agent", toneBob), s.signIn("eva", "agent", toneEva)
	caller.calls(s, "1000")
	call := alice.takes().CallID
	bob.ready()
	must[wire.Handling](t)(alice.PostCallConsult(soon(t), call, wire.ConsultRequest{Kind: wire.TargetAgent, Target: "bob"}))
	bob.takes()
	settles(t, "consult", hearsMusic(caller), hearsOnly(alice, toneBob), hearsOnly(bob, toneAlice))
	must[wire.Handling](t)(alice.PostCallConference(soon(t), call, wire.TargetRequest{}))
	settles(t, "three", hearsOnly(caller, toneAlice, toneBob), hearsOnly(alice, toneCaller, toneBob), hearsOnly(bob, toneCaller, toneAlice))
	_, err := alice.PostCallHold(soon(t), call)
	refused(t, err, "call_wrong_state")

	eva.ready() // added directly, without a consult
	must[wire.Handling](t)(alice.PostCallConference(soon(t), call, wire.TargetRequest{Kind: wire.TargetAgent, Target: "eva"}))
	eva.takes()
	all := map[listener][]float64{
		caller: {toneAlice, toneBob, toneEva}, alice: {toneCaller, toneBob, toneEva},
		bob: {toneCaller, toneAlice, toneEva}, eva: {toneCaller, toneAlice, toneBob},
	}
	var want []hearing
	for e, tones := range all {
		want = append(want, hearsOnly(e, tones...))
	}
	settles(t, "four", want...)
	for e, tones := range all {
		levels(t, "four", e, tones...)
	}

	must[wire.Handling](t)(alice.PostCallExit(soon(t), call))
	alice.is(wire.AgentWrapup)
	settles(t, "without alice", hearsOnly(caller, toneBob, toneEva), hearsOnly(bob, toneCaller, toneEva), hearsOnly(eva, toneCaller, toneBob))
	if h := s.handlingOf(call); h.Primary != "bob" || len(h.Participants) != 3 {
		t.Errorf("%s is in control of %d, want bob of 3", h.Primary, len(h.Participants))
	}
	must[wire.Handling](t)(bob.PostCallExit(soon(t), call))
	settles(t, "two", hearsOnly(caller, toneEva), hearsOnly(eva, toneCaller))
	if h := s.handlingOf(call); h.Primary != "eva" {
		t.Errorf("%s is in control, want eva", h.Primary)
	}
	caller.command("hangup", "")
	eva.is(wire.AgentWrapup)
}
