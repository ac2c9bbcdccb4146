package agentapi

import (
	"slices"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

// party brings another leg into the fake's call.
func (f *fixture) party(role wire.Role, agent string, state wire.LegState) string {
	l := wire.Leg{ID: id.New(id.Leg), CallID: callID, Kind: wire.LegWebRTC, State: state, Direction: wire.Inbound, Role: role, Agent: agent, Created: epoch}
	f.calls.mu.Lock()
	defer f.calls.mu.Unlock()
	f.calls.call.Legs = append(slices.Clone(f.calls.call.Legs), l)
	return l.ID
}

// An agent steers the own leg. What may be done to another party goes by a control of the call; the rest is refused,
// and nothing reaches the call.
func TestX2_W48_W49_W61_AnAgentSteersTheOwnLeg(t *testing.T) {
	f := newFixture(t)
	colleague, boss, expert := f.party(wire.RoleAgent, "eva", wire.LegConnected), f.party(wire.RoleSupervisor, "sup", wire.LegConnected), f.party(wire.RoleExpert, "", wire.LegConnected)
	tok := f.token("alice")
	try := func(what, method, path, body string, want int, head ...string) {
		t.Helper()
		f.calls.mu.Lock()
		f.calls.did = nil
		f.calls.mu.Unlock()
		w := f.ask(tok, method, path, body, head...)
		if w.Code != want {
			t.Errorf("%s: %d, want %d: %s", what, w.Code, want, w.Body)
		}
		if did := f.calls.done(); want >= 400 && len(did) > 0 {
			t.Errorf("%s was refused and did %v", what, did)
		}
	}
	trickle := []string{"Content-Type", typeTrickle}
	for who, leg := range map[string]string{"the customer": customer, "a colleague": colleague, "the supervisor": boss, "an expert": expert} {
		at := "/v1/legs/" + leg
		for _, body := range []string{`{"muted":true}`, `{"deafened":true}`, `{"gain_db":-24}`, `{"agc":true}`, `{"sdp":"v=0"}`, `{"receive":"mix"}`, `{"denoise":{"in":1},"muted":true}`} {
			try(body+" of "+who, "PATCH", at, body, 403)
		}
		try("candidates of "+who, "PATCH", at, "m=audio 9 X 0\r\na=mid:0\r\n", 403, trickle...)
		try("playing to "+who, "POST", at+"/play", `{"source":"beep"}`, 403)
		try("stopping what plays to "+who, "POST", at+"/play", `{"stop":"play_1"}`, 403)
	}
	for _, leg := range []string{colleague, boss} {
		try("noise of another agent", "PATCH", "/v1/legs/"+leg, `{"denoise":{"in":50}}`, 403)
		try("keys to another agent", "POST", "/v1/legs/"+leg+"/dtmf", `{"digits":"1"}`, 403)
	}
	for _, leg := range []string{colleague, boss, expert, aliceLeg} {
		try("a hold of a single participant", "POST", "/v1/legs/"+leg+"/hold", "", 403)
		try("the end of it", "POST", "/v1/legs/"+leg+"/resume", "", 403)
	}
	try("hanging the supervisor up", "DELETE", "/v1/legs/"+boss, "", 403)
	try("hanging the supervisor up", "POST", "/v1/legs/"+boss+"/hangup", "", 403)

	try("mute", "PATCH", "/v1/legs/"+aliceLeg, `{"muted":true,"gain_db":3}`, 200)
	try("the customer's noise", "PATCH", "/v1/legs/"+customer, `{"denoise":{"in":50}}`, 200)
	try("keys to the customer", "POST", "/v1/legs/"+customer+"/dtmf", `{"digits":"1"}`, 204)
	try("keys to an expert", "POST", "/v1/legs/"+expert+"/dtmf", `{"digits":"1"}`, 204)
	try("hold", "POST", "/v1/legs/"+customer+"/hold", "", 200)
	f.desk.refuse = "keypad" // as while a consult is on its way
	try("keys when there are none", "POST", "/v1/legs/"+customer+"/dtmf", `{"digits":"1"}`, 409)
	f.desk.refuse = "hold"
	try("hold when there is none", "POST", "/v1/legs/"+customer+"/hold", "", 409)
	f.desk.refuse = "recording"
	try("a pause of the recording where there is none", "POST", "/v1/recordings/"+recID+"/pause", `{}`, 409)

	// A program, or who controls every leg, is not asked.
	tok = f.token("", "leg:control")
	try("a program", "PATCH", "/v1/legs/"+customer, `{"muted":true}`, 200)
	try("a program", "POST", "/v1/legs/"+colleague+"/play", `{"source":"beep"}`, 201)
}

// ringing is a desk at which the call only rings at bob, on the page and on a desk phone.
type ringing struct{ *fakeDesk }

func (ringing) Agent(aid string) (wire.Agent, error) {
	return wire.Agent{ID: aid, State: wire.AgentReserved, Queues: []string{"support"}, CallID: callID, OfferID: offerID}, nil
}

// A call that rings at an agent is not the agent's yet: the agent sees it, and neither steers it nor gets the value of
// a secure variable. A supervisor who listens does not steer it either.
func TestW14_W92_NothingBeforeAccept(t *testing.T) {
	f := newFixture(t, func(_ *Config, deps *Deps) { deps.Desk = ringing{deps.Desk.(*fakeDesk)} })
	f.party(wire.RoleAgent, "bob", wire.LegRinging) // the desk phone
	f.party(wire.RoleSupervisor, "sup", wire.LegConnected)
	forbidden := []string{
		"GET /v1/calls/" + callID + "/variables/pin", "PUT /v1/calls/" + callID + "/variables/pin", "POST /v1/calls/" + callID + "/hold",
		"POST /v1/calls/" + callID + "/end", "POST /v1/calls/" + callID + "/transfer", "POST /v1/calls/" + callID + "/consult",
		"POST /v1/legs/" + customer + "/hold", "POST /v1/legs/" + customer + "/dtmf", "POST /v1/legs/" + customer + "/answer", "DELETE /v1/legs/" + customer,
		"POST /v1/legs/" + aliceLeg + "/hangup", "GET /v1/recordings/" + recID, "POST /v1/recordings/" + recID + "/pause", "POST /v1/captures/cap_1/cancel",
	}
	bodies := map[string]string{"pin": `{"value":"1","version":0}`, "dtmf": `{"digits":"1"}`, "transfer": `{"kind":"queue","target":"main"}`, "consult": `{"kind":"agent","target":"eva"}`}
	for _, who := range []string{"bob", "sup"} {
		tok := f.token(who)
		for _, route := range forbidden {
			method, path, _ := strings.Cut(route, " ")
			body := bodies[path[strings.LastIndex(path, "/")+1:]]
			if method == "GET" || method == "DELETE" {
				body = ""
			}
			if w := f.ask(tok, method, path, body); w.Code != 403 {
				t.Errorf("%s as %s: %d %s", route, who, w.Code, w.Body)
			}
		}
	}
	if did := f.calls.done(); len(did) > 0 {
		t.Errorf("refused, and did %v", did)
	}
	bob := f.token("bob")
	for _, path := range []string{"/v1/calls/" + callID, "/v1/calls/" + callID + "/variables"} {
		if w := f.ask(bob, "GET", path, ""); w.Code != 200 || strings.Contains(w.Body.String(), "1234") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	f.desk.refuse = "accept" // taken: there is nothing left to accept
	if w := f.ask(bob, "GET", "/v1/calls/"+callID+"/variables/pin", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "1234") {
		t.Errorf("after accept: %d %s", w.Code, w.Body)
	}
}

// An agent stores a variable by its name and with the version seen, and in no other way.
func TestX11_W87_W89_AgentsSaveWithAVersion(t *testing.T) {
	f := newFixture(t)
	for _, tok := range []string{f.token("alice"), f.token("alice", "call:write:own", "call:read")} {
		if p := problemOf(t, f.ask(tok, "PATCH", "/v1/calls/"+callID+"/variables", `{"order":"18"}`, "Content-Type", typeMerge)); p.Status != 403 || p.Grant != "call:write" {
			t.Errorf("%+v", p)
		}
	}
	if did := f.calls.done(); len(did) > 0 {
		t.Errorf("refused, and did %v", did)
	}
	if w := f.ask(f.token("alice"), "PUT", "/v1/calls/"+callID+"/variables/order", `{"value":"18","version":0}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.ask(f.token("", "call:write"), "PATCH", "/v1/calls/"+callID+"/variables", `{"order":"18"}`, "Content-Type", typeMerge); w.Code != 200 {
		t.Errorf("a program: %d %s", w.Code, w.Body)
	}
}
