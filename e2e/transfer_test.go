package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// transferFloor is a server with two queues and a trunk to a telephone outside, and who is there.
func transferFloor(t *testing.T) (s *server, caller, outside *phone, alice, bob, eva *agent, call string) {
	t.Helper()
	outside = newCaller(t, "041000222", toneOther)
	s = newServer(t, fmt.Sprintf(trunkConfig, "out", outside.port))
	s.configure(`wrapup = "5s" }]`, `wrapup = "5s", agents = ["alice", "bob"] }, { id = "expert", name = "Experts", ring = "10s", wrapup = "5s", agents = ["eva"] }]`)
	s.configure(`agents = [{ id = "alice", name = "Alice" }, { id = "bob", name = "Bob" }]`, threeAgents)
	s.start()
	caller = newCaller(t, "041000111", toneCaller)
	alice = s.signIn("alice", "agent", toneAlice).ready()
	bob, eva = s.signIn("bob", "agent", toneBob), s.signIn("eva", "agent", toneEva).ready()
	caller.calls(s, "1000")
	call = alice.takes().CallID
	bob.ready()
	settles(t, "alone", hearsOnly(caller, toneAlice), hearsOnly(alice, toneCaller))
	return s, caller, outside, alice, bob, eva, call
}

func (a *agent) transfers(call string, to wire.TargetRequest) {
	a.t.Helper()
	must[wire.Handling](a.t)(a.PostCallTransfer(soon(a.t), call, to))
}

// TestW71_W72_W74_W76_BlindTransferByEar: a call goes blindly from an agent to an agent, to a queue, and to a
// telephone outside. Each time the caller hears the new one alone, and who gave the call away wraps up.
func TestW71_W72_W74_W76_BlindTransferByEar(t *testing.T) {
	_, caller, outside, alice, bob, eva, call := transferFloor(t)
	alice.transfers(call, wire.TargetRequest{Kind: wire.TargetAgent, Target: "bob"})
	alice.is(wire.AgentWrapup)
	if o := bob.takes(); o.CallID != call {
		t.Fatalf("bob was offered %s, want %s", o.CallID, call)
	}
	settles(t, "with bob", hearsOnly(caller, toneBob), hearsOnly(bob, toneCaller))

	bob.transfers(call, wire.TargetRequest{Kind: wire.TargetQueue, Target: "expert"})
	bob.is(wire.AgentWrapup)
	if o := eva.takes(); o.CallID != call || o.Queue != "expert" {
		t.Fatalf("eva was offered %s of %s, want %s of expert", o.CallID, o.Queue, call)
	}
	settles(t, "with eva", hearsOnly(caller, toneEva), hearsOnly(eva, toneCaller))

	eva.transfers(call, wire.TargetRequest{Kind: wire.TargetNumber, Target: "041000222"})
	eva.is(wire.AgentWrapup)
	settles(t, "outside", hearsOnly(caller, toneOther), hearsOnly(outside, toneCaller))
	caller.command("hangup", "")
	outside.wait("CALL_CLOSED", 10*time.Second)
}

// TestW34_W45_W46_W77_ConsultativeTransferByEar: an agent asks a queue and gives the caller to who answers; that one
// asks a telephone outside, and gives the caller to it. Nobody who is asked hears the caller before.
func TestW34_W45_W46_W77_ConsultativeTransferByEar(t *testing.T) {
	_, caller, outside, alice, _, eva, call := transferFloor(t)
	must[wire.Handling](t)(alice.PostCallConsult(soon(t), call, wire.ConsultRequest{Kind: wire.TargetQueue, Target: "expert"}))
	if o := eva.takes(); o.CallID != call || o.Consult == "" {
		t.Fatalf("eva was offered %+v, want a consult of %s", o, call)
	}
	settles(t, "asking eva", hearsMusic(caller), hearsOnly(alice, toneEva), hearsOnly(eva, toneAlice))
	alice.transfers(call, wire.TargetRequest{})
	alice.is(wire.AgentWrapup)
	settles(t, "with eva", hearsOnly(caller, toneEva), hearsOnly(eva, toneCaller))

	must[wire.Handling](t)(eva.PostCallConsult(soon(t), call, wire.ConsultRequest{Kind: wire.TargetNumber, Target: "041000222"}))
	outside.wait("CALL_ESTABLISHED", 10*time.Second)
	settles(t, "asking outside", hearsMusic(caller), hearsOnly(eva, toneOther), hearsOnly(outside, toneEva))
	never(t, "asking outside", outside, 0, toneCaller)
	eva.transfers(call, wire.TargetRequest{})
	eva.is(wire.AgentWrapup)
	settles(t, "outside", hearsOnly(caller, toneOther), hearsOnly(outside, toneCaller))
	caller.command("hangup", "")
	outside.wait("CALL_CLOSED", 10*time.Second)
}
