package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// TestX7_W69_CoachIsNotHeardByTheCaller: a telephone, an agent and a supervisor, each with a tone. Listening in
// the supervisor is heard by nobody, coaching by the agent only, barging in by both; and after taking over it is
// the supervisor's call.
func TestX7_W69_CoachIsNotHeardByTheCaller(t *testing.T) {
	const caller, agent, supervisor = 431, 743, 1289
	tones := []float64{caller, agent, supervisor}
	s := newServer(t, "").start()
	phone := newPhone(t, phoneOpts{user: "caller", wav: toneFile(t, caller, 8000, 1, 60), codec: "PCMU/8000/1"})

	session := func(agentID, role string) string {
		t.Helper()
		var a wire.SessionAnswer
		if st, err := s.request(s.token("--agent", agentID, "--role", role), http.MethodPost, "/v1/sessions", map[string]any{}, &a); err != nil || st != http.StatusCreated {
			t.Fatalf("sign %s in: %d %v", agentID, st, err)
		}
		return a.Token.Token
	}
	act := func(token, method, path string, body, out any, want int) {
		t.Helper()
		if st, err := s.request(token, method, path, body, out); err != nil || st != want {
			t.Fatalf("%s %s: %d %v, want %d", method, path, st, err, want)
		}
	}
	alice, bob := session("alice", "agent"), session("bob", "supervisor")
	act(alice, http.MethodPost, "/v1/agents/alice/state", map[string]any{"state": "ready"}, nil, http.StatusOK)
	phone.dial(s, "1000", "udp")
	phone.wait("CALL_ESTABLISHED", 5*time.Second)
	var offers wire.OfferList
	waitFor(t, 5*time.Second, "an offer", func() bool {
		act(alice, http.MethodGet, "/v1/agents/alice/offers", nil, &offers, http.StatusOK)
		return len(offers.Items) == 1
	})
	callID := offers.Items[0].CallID
	act(alice, http.MethodPost, "/v1/offers/"+offers.Items[0].ID+"/accept", nil, nil, http.StatusOK)
	a, st, p := joinPeer(t, s, alice, wire.LegRequest{CallID: callID}, agent)
	if a == nil {
		t.Fatalf("agent's leg: %d %v", st, p)
	}
	established := time.Now()

	// The telephone's ear is a file, looked at in the end.
	type phase struct {
		name   string
		at     time.Duration
		caller []float64
	}
	var phases []phase
	var b *peer
	hear := func(name string, atCaller, atAgent, atSupervisor []float64) {
		t.Helper()
		time.Sleep(1200 * time.Millisecond)
		phases = append(phases, phase{name, time.Since(established), atCaller})
		time.Sleep(300 * time.Millisecond)
		if got := a.hears(tones); atAgent != nil && !slices.Equal(got, atAgent) {
			t.Errorf("%s: the agent hears %v, want %v", name, got, atAgent)
		}
		if b == nil {
			return
		}
		if got := b.hears(tones); !slices.Equal(got, atSupervisor) {
			t.Errorf("%s: the supervisor hears %v, want %v", name, got, atSupervisor)
		}
	}
	hear("alone", []float64{agent}, []float64{caller}, nil)

	// An agent may not; a supervisor may.
	act(alice, http.MethodPost, "/v1/calls/"+callID+"/monitor", map[string]any{}, nil, http.StatusForbidden)
	var sup wire.Supervision
	act(bob, http.MethodPost, "/v1/calls/"+callID+"/monitor", map[string]any{}, &sup, http.StatusOK)
	if b, st, p = joinPeer(t, s, bob, wire.LegRequest{CallID: callID, Role: wire.RoleSupervisor, ClientRef: sup.ID}, supervisor); b == nil {
		t.Fatalf("supervisor's leg: %d %v", st, p)
	}
	hear("monitor", []float64{agent}, []float64{caller}, []float64{caller, agent})
	act(bob, http.MethodPost, "/v1/calls/"+callID+"/coach", map[string]any{}, nil, http.StatusOK)
	hear("coach", []float64{agent}, []float64{caller, supervisor}, []float64{caller, agent})
	var wall wire.Wall
	act(bob, http.MethodGet, "/v1/wall", nil, &wall, http.StatusOK)
	if len(wall.Calls) != 1 || len(wall.Calls[0].Supervisors) != 1 || wall.Calls[0].Supervisors[0].Mode != wire.Coach || wall.Calls[0].Agent != "alice" {
		t.Errorf("wall: %+v", wall.Calls)
	}
	act(bob, http.MethodPost, "/v1/calls/"+callID+"/barge", map[string]any{}, nil, http.StatusOK)
	hear("barge", []float64{agent, supervisor}, []float64{caller, supervisor}, []float64{caller, agent})
	act(bob, http.MethodPost, "/v1/calls/"+callID+"/coach", map[string]any{}, nil, http.StatusOK)
	hear("coach again", []float64{agent}, []float64{caller, supervisor}, []float64{caller, agent})
	act(bob, http.MethodPost, "/v1/calls/"+callID+"/takeover", map[string]any{}, nil, http.StatusOK)
	hear("taken over", []float64{supervisor}, nil, []float64{caller})
	var who wire.Agent
	act(alice, http.MethodGet, "/v1/agents/alice", nil, &who, http.StatusOK)
	if who.State != wire.AgentWrapup {
		t.Errorf("after the take-over alice is %s, want wrapup", who.State)
	}
	act(bob, http.MethodPost, "/v1/agents/alice/force-wrapup", map[string]any{}, &who, http.StatusOK)
	if who.State == wire.AgentWrapup {
		t.Errorf("after the forced end of the wrap-up alice is %s", who.State)
	}
	act(bob, http.MethodPost, "/v1/calls/"+callID+"/force-end", nil, nil, http.StatusNoContent)
	phone.wait("CALL_CLOSED", 5*time.Second)
	quit := time.Since(established)
	phone.quit()

	heard := at8k(t, phone.heard())
	for _, ph := range phases {
		at := len(heard) - int((quit-ph.at).Milliseconds())*8 // a telephone's file ends when the call does
		if at < 2000 || at+2000 > len(heard) {
			t.Fatalf("%s: the caller heard only %d samples", ph.name, len(heard))
		}
		if got := hears(heard[at-2000:at+2000], 8000, tones); !slices.Equal(got, ph.caller) {
			t.Errorf("%s: the caller hears %v, want %v", ph.name, got, ph.caller)
		}
	}
	for _, want := range []string{"supervision.started", "supervision.changed", "supervision.ended", "supervisor.acted"} {
		s.event(want)
	}
}
