package agentapi

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The desk is asked before anything is dialled: an agent who could not talk places no call.
func TestPlacedCallIsTheDesks(t *testing.T) {
	f := newFixture(t)
	alice := f.token("alice")

	f.desk.busy = true
	w := f.ask(alice, "POST", "/v1/calls", `{"to":"+386"}`)
	if p := problemOf(t, w); p.Status != 409 || p.Code != "agent_wrong_state" || p.State != "wrapup" || !slices.Contains(p.Allowed, "ready") {
		t.Fatalf("%+v", p)
	}
	if did := f.calls.done(); len(did) != 0 {
		t.Fatalf("dialled all the same: %v", did)
	}
	f.desk.busy = false

	w = f.ask(alice, "POST", "/v1/calls", `{"to":"+386","from":"+3861","from_name":"Shop","variables":{"order":"17"}}`)
	var c wire.Call
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(f.desk.placed) != 1 {
		t.Fatalf("planned %+v", f.desk.placed)
	}
	if p := f.desk.placed[0]; p.ID != c.ID || p.To != "+386" || p.From != "+3861" || p.FromName != "Shop" || p.Variables["order"] != "17" {
		t.Fatalf("planned %+v, made %+v", p, c)
	}

	f.desk.undone = nil
	f.calls.err = problem.New(503, "no_trunk", "no trunk is configured to call out")
	w = f.ask(alice, "POST", "/v1/calls", `{"to":"+386"}`)
	if w.Code != 503 || len(f.desk.undone) != 1 || f.desk.undone[0] != f.desk.placed[1].ID {
		t.Fatalf("%d: the agent stays busy with a call there is not: %v of %v", w.Code, f.desk.undone, f.desk.placed)
	}
	f.calls.err = nil

	// A program's own call, for nobody in particular, is none of the desk's.
	if w := f.ask(f.token("", "call:dial"), "POST", "/v1/calls", `{"to":"+386"}`); w.Code != 201 || len(f.desk.placed) != 2 {
		t.Fatalf("%d %v", w.Code, f.desk.placed)
	}
}
