package agentapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// speaks says whether an agent is in a call now, took says whether the agent ever was.
func speaks(c wire.Call, agent string) bool {
	return agent != "" && slices.ContainsFunc(c.Legs, func(l wire.Leg) bool { return l.Agent == agent && l.State != wire.LegEnded })
}

// serving says whether an agent is in a call now, and not to supervise somebody else's.
func serving(c wire.Call, agent string) bool {
	return speaks(c, agent) && slices.ContainsFunc(c.Legs, func(l wire.Leg) bool {
		return l.Agent == agent && l.State != wire.LegEnded && l.Role != wire.RoleSupervisor
	})
}

func took(c wire.Call, agent string) bool {
	return agent != "" && slices.ContainsFunc(c.Legs, func(l wire.Leg) bool { return l.Agent == agent })
}

// mayRead checks that a call is the token's business to see.
func (q *request) mayRead(c wire.Call) error {
	if q.all() || took(c, q.claims.Agent) || q.serves(c.ID) {
		return nil
	}
	return q.notOwn("call", c.ID)
}

// maySteer checks that a call is the token's business to change: the agent is in it now, or has taken it and is on
// the way. A call that only rings at the agent is not, and neither is one the agent listens to as a supervisor.
func (q *request) maySteer(c wire.Call) error {
	if q.all() || talks(c, q.claims.Agent) || q.holds(c.ID) {
		return nil
	}
	return q.notOwn("call", c.ID)
}

// talks says whether an agent's voice is in a call, other than as a supervisor's. A desk phone that rings is not.
func talks(c wire.Call, agent string) bool {
	return agent != "" && slices.ContainsFunc(c.Legs, func(l wire.Leg) bool {
		return l.Agent == agent && l.Role != wire.RoleSupervisor &&
			(l.State == wire.LegConnected || l.State == wire.LegHeld || l.State == wire.LegReconnecting)
	})
}

// holds says whether the token's agent has taken a call: the desk has given it to the agent, and it does not ring there
// any more.
func (q *request) holds(callID string) bool {
	return q.serves(callID) && q.s.deps.Desk.MayControl(callID, q.claims.Agent, "accept") != nil
}

// serves says whether the desk has given the call to the token's agent, be it that it still rings there.
func (q *request) serves(callID string) bool {
	if q.s.deps.Desk == nil || q.claims.Agent == "" {
		return false
	}
	a, err := q.s.deps.Desk.Agent(q.claims.Agent)
	return err == nil && a.CallID == callID
}

// callFor finds the path's call and checks it.
func (q *request) callFor(may func(wire.Call) error) (wire.Call, error) {
	c, err := q.s.deps.Calls.Call(q.path("call"))
	if err != nil {
		return c, err
	}
	return c, may(c)
}

// cause checks the reason of a hang-up: one of the codes clients may give.
func cause(pointer, code, otherwise string, allowed ...string) (string, error) {
	if code == "" {
		return otherwise, nil
	}
	if !slices.Contains(allowed, code) {
		return "", invalid(pointer, "unknown_value", "a reason here is one of %q", allowed)
	}
	return code, nil
}

// hangupCauses are the reasons a client may end a leg or a call for.
var hangupCauses = []string{call.CauseHangup, call.CauseReload, call.CauseSessionLost, call.CauseCancelled, call.CauseMediaLost, call.CauseReplaced}

func postCall(q *request) error {
	var in wire.CallRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.To == "" {
		return invalid("/to", "required", "say whom to call")
	}
	if q.claims.Agent != "" {
		if in.Agent != "" && in.Agent != q.claims.Agent && !q.claims.Allows("agent:control") {
			return forbidden("agent:control", "you can dial for yourself only")
		}
		if in.Agent == "" {
			in.Agent = q.claims.Agent
		}
	}
	if err := q.maySetPolicy(in.RecordingPolicy); err != nil {
		return err
	}
	n := call.NewCall{
		To: in.To, From: in.From, FromName: in.FromName, Trunk: in.Trunk,
		ClientRef: in.ClientRef, Agent: in.Agent, Actor: q.actor(), Variables: in.Variables,
		Tones: in.Tones, DTMFRelay: in.DTMFRelay, RecordingPolicy: in.RecordingPolicy,
	}
	c, err := q.place(n)
	if err != nil {
		return err
	}
	q.header("Location", "/v1/calls/"+c.ID)
	return q.reply(http.StatusCreated, c)
}

// place makes a call. One of an agent of the desk is the desk's: it is asked first, so that nobody is dialled for an
// agent who could not talk.
func (q *request) place(n call.NewCall) (wire.Call, error) {
	d := q.s.deps.Desk
	if d == nil {
		return q.s.deps.Calls.Create(q.ctx(), n)
	}
	if err := d.Room(); err != nil {
		return wire.Call{}, err
	}
	if n.Agent == "" {
		return q.s.deps.Calls.Create(q.ctx(), n)
	}
	if err := d.Allowed(n.Agent, "dial"); err != nil {
		if problem.As(err).Status == http.StatusForbidden {
			return wire.Call{}, err
		}
		return q.s.deps.Calls.Create(q.ctx(), n) // somebody the desk does not know
	}
	n.ID = id.New(id.Call)
	planned := wire.Call{ID: n.ID, From: n.From, FromName: n.FromName, To: n.To, Variables: n.Variables}
	err := d.PlaceCall(q.ctx(), n.Agent, planned, q.actor())
	if err == nil {
		var c wire.Call
		if c, err = q.s.deps.Calls.Create(q.ctx(), n); err == nil {
			return c, nil
		}
	}
	d.NotPlaced(n.ID)
	return wire.Call{}, err
}

func getCalls(q *request) error {
	n, err := q.limit()
	if err != nil {
		return err
	}
	v := q.r.URL.Query()
	f := call.Filter{State: wire.CallState(v.Get("state")), Agent: v.Get("agent")}
	if f.State != "" && !slices.Contains(wire.Enums["CallState"], string(f.State)) {
		return invalidQuery("state", "state is one of new, ringing, connected, ended")
	}
	if !q.all() {
		if f.Agent != "" && f.Agent != q.claims.Agent {
			return q.notOwn("agent", f.Agent)
		}
		f.Agent = q.claims.Agent
	}
	cursor := v.Get("cursor")
	if cursor != "" && !id.Valid(id.Call, cursor) {
		return invalidQuery("cursor", "the cursor is not one this server gave")
	}
	out := wire.CallList{Items: list(q.s.deps.Calls.Calls(f))}
	if cursor != "" {
		out.Items = slices.DeleteFunc(out.Items, func(c wire.Call) bool { return c.ID >= cursor })
	}
	if len(out.Items) > n {
		out.Items = out.Items[:n]
		out.Next = out.Items[n-1].ID
	}
	return q.reply(http.StatusOK, out)
}

func getCall(q *request) error {
	c, err := q.callFor(q.mayRead)
	if err != nil {
		return err
	}
	q.header("ETag", tagOf(c.Variables))
	return q.reply(http.StatusOK, c)
}

func patchCall(q *request) error {
	var in wire.CallPatch
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Tones != nil && *in.Tones == "" || in.DTMFRelay != nil && *in.DTMFRelay == "" {
		return invalid("", "unknown_value", "a setting must not be empty")
	}
	if err := q.maySetPolicy(in.RecordingPolicy); err != nil {
		return err
	}
	c, err := q.callFor(q.maySteer)
	if err != nil {
		return err
	}
	if c, err = q.s.deps.Calls.PatchCall(q.ctx(), c.ID, in, q.actor()); err != nil {
		return err
	}
	return q.reply(http.StatusOK, c)
}

func postArrange(q *request) error {
	var in wire.ArrangeRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if len(in.Legs) == 0 {
		return invalid("/legs", "required", "say which legs")
	}
	c, err := q.callFor(q.maySteer)
	if err != nil {
		return err
	}
	if c, err = q.s.deps.Calls.Arrange(q.ctx(), c.ID, in.Legs, q.actor()); err != nil {
		return err
	}
	return q.reply(http.StatusOK, c)
}

func getCallLegs(q *request) error {
	c, err := q.callFor(q.mayRead)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.LegList{Items: list(c.Legs)})
}

func getTimeline(q *request) error {
	c, err := q.callFor(q.mayRead)
	if err != nil {
		return err
	}
	t, err := q.s.deps.Calls.Timeline(c.ID)
	if err != nil {
		return err
	}
	t.Items = list(t.Items)
	return q.reply(http.StatusOK, t)
}

func postEnd(q *request) error {
	var in wire.HangupRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	code, err := cause("/reason", in.Reason, call.CauseHangup, hangupCauses...)
	if err != nil {
		return err
	}
	c, err := q.callFor(q.maySteer)
	if err != nil {
		return err
	}
	if err := q.mayUse(c.ID, "end"); err != nil {
		return err
	}
	if err := q.s.deps.Calls.EndCall(q.ctx(), c.ID, code, q.actor()); err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

// The limits of a call's variables.
const (
	maxVariables = 64
	maxName      = 64
)

func patchVariables(q *request) error {
	var in wire.VariablesPatch
	if err := q.decode(&in); err != nil {
		return err
	}
	c, err := q.callFor(q.maySteer)
	if err != nil {
		return err
	}
	if err := q.match(tagOf(c.Variables)); err != nil {
		return err
	}
	vars, n := make(map[string]string, len(in)), len(c.Variables)
	for name, v := range in {
		if name == "" || len(name) > maxName {
			return invalid("/"+escape(name), "invalid_name", "a variable's name has 1 to %d bytes", maxName)
		}
		if _, there := c.Variables[name]; !there && v != nil {
			n++
		}
		vars[name] = ""
		if v != nil {
			vars[name] = *v
		}
	}
	if n > maxVariables {
		return invalid("", "too_many", "a call has at most %d variables", maxVariables)
	}
	c, err = q.s.deps.Calls.SetVariables(q.ctx(), c.ID, vars, q.actor())
	if err != nil {
		return err
	}
	q.header("ETag", tagOf(c.Variables))
	return q.reply(http.StatusOK, c)
}

// tagOf is an entity tag made of the content, for what has no version of its own.
func tagOf(v any) string {
	b, err := json.Marshal(v) // map keys come out sorted
	if err != nil {
		panic("agentapi: entity tag: " + err.Error()) // plain data only
	}
	sum := sha256.Sum256(b)
	return strconv.Quote(base64.RawURLEncoding.EncodeToString(sum[:9]))
}
