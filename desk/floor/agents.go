package floor

import (
	"maps"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/wrapup"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// maxReason bounds a reason in characters.
const maxReason = 100

// SignIn signs an agent in on a desktop; the floor keeps the session under the given id. Profile is the agent's until
// signing out, in place of the one configured; empty leaves what is.
type SignIn struct{ Agent, Session, Profile string }

// SignOut signs an agent out, now or when nothing is open any more.
type SignOut struct{ Agent, Actor string }

// SetState makes an agent ready or not_ready, now or when nothing is open any more; offline is a SignOut.
type SetState struct {
	Agent  string
	State  wire.AgentState
	Reason string
	Actor  string
}

// SessionLost says that a desktop's connection is gone.
type SessionLost struct{ Session string }

// SessionUp says that a desktop's connection is there again.
type SessionUp struct{ Session string }

// agent finds an agent of the configuration; one never seen before is offline.
func (f *Floor) agent(id string) (agent.Agent, error) {
	if f.agents[id] == nil {
		return agent.Agent{}, problem.NotFound("agent", id)
	}
	a, ok := f.state.Agents[id]
	if !ok {
		a = agent.New(id, f.now)
	}
	return a, nil
}

// setAgent writes an agent and tells what the outside can see of the change.
func (f *Floor) setAgent(a agent.Agent, actor string) {
	old, ok := f.state.Agents[a.ID]
	if !ok {
		old = agent.New(a.ID, f.now)
	}
	switch held := f.holdsSignout(a); {
	case held && a.LeaveBy.IsZero():
		a.LeaveBy = f.now.Add(f.cfg.SignoutLimit.Duration)
	case !held:
		a.LeaveBy = time.Time{}
	}
	put(f, key{KindAgent, a.ID}, f.state.Agents, any(a))
	was, is := f.wireAgent(old), f.wireAgent(a)
	if was.State == is.State && was.Reason == is.Reason && was.CallID == is.CallID &&
		was.OfferID == is.OfferID && was.WorkID == is.WorkID && was.WrapupID == is.WrapupID && was.Station == is.Station && maps.Equal(was.Checks, is.Checks) {
		return
	}
	if !old.SignedIn() && a.SignedIn() {
		f.publish("agent.signed_in", "", actor, is)
	}
	if !old.Leaving && a.Leaving {
		f.publish("agent.signout_pending", "", actor, is)
	}
	f.publish("agent.state_changed", is.CallID, actor, is)
	if old.SignedIn() && !a.SignedIn() {
		f.publish("agent.signed_out", "", actor, is)
	}
}

func (f *Floor) publish(typ, callID, actor string, data any) {
	f.effects = append(f.effects, Event{Type: typ, CallID: callID, Actor: actor, Data: data})
}

func (f *Floor) command(op Op, callID, legID, code string) {
	if (op == OpHold || op == OpResume) && legID == "" {
		return // a customer who is still being called
	}
	f.effects = append(f.effects, Command{Op: op, CallID: callID, LegID: legID, Code: code})
}

func (in SignIn) step(f *Floor) error {
	a, err := f.agent(in.Agent)
	if err != nil {
		return err
	}
	if in.Profile != "" && !slices.ContainsFunc(f.cfg.Profiles, func(p Profile) bool { return p.ID == in.Profile }) {
		return problem.New(http.StatusUnprocessableEntity, "unknown_profile", "there is no profile %s to sign in with", in.Profile)
	}
	s := agent.Session{ID: in.Session, Created: f.now, Expires: f.now.Add(f.cfg.SessionLife.Duration), Up: true}
	fresh := !a.SignedIn()
	a = a.SignIn(s, f.now)
	if fresh {
		a.Station = f.agents[a.ID].Station
	}
	if in.Profile != "" {
		a.Profile = in.Profile
	}
	f.setAgent(a, in.Agent)
	if a.State == wire.AgentReady && !f.cfg.may(f.agents[a.ID].Agent, ActAnswer) {
		f.setAgent(must(a.SetState(wire.AgentNotReady, agent.ReasonNotPermitted, f.now)), in.Agent)
	}
	f.announceAll(in.Agent)
	return nil
}

func (in SignOut) step(f *Floor) error {
	a, err := f.agent(in.Agent)
	if err == nil {
		a, err = a.SignOut(f.now)
	}
	if err != nil {
		return err
	}
	f.setAgent(a, in.Actor)
	return nil
}

func (in SetState) step(f *Floor) error {
	if in.State == wire.AgentOffline {
		return SignOut{Agent: in.Agent, Actor: in.Actor}.step(f)
	}
	if in.State != wire.AgentReady && in.State != wire.AgentNotReady {
		return &problem.Error{
			Status: http.StatusUnprocessableEntity, Code: "invalid_state", Detail: "an agent can be set to ready, not_ready or offline",
			Fields: []problem.Field{{Pointer: "/state", Code: "not_allowed"}},
		}
	}
	if utf8.RuneCountInString(in.Reason) > maxReason {
		return tooLong("/reason")
	}
	if in.State == wire.AgentReady {
		in.Reason = ""
	}
	a, err := f.agent(in.Agent)
	if w, open := f.state.Wrapups[a.Wrapup]; open && in.State == wire.AgentReady && in.Actor == in.Agent && a.State == wire.AgentWrapup {
		a.Leaving = false // the choice takes a pending sign-out back
		f.setAgent(a, in.Actor)
		if err := f.complete(w, f.defaultReason(w), wrapup.ByAgent, in.Actor); err != nil { // available ends it at once (U7)
			return err
		}
		a = f.state.Agents[in.Agent]
	}
	if err == nil && in.State == wire.AgentReady {
		err = f.mayBeReady(a)
	}
	if err == nil {
		a, err = a.SetState(in.State, in.Reason, f.now)
	}
	if err != nil {
		return err
	}
	if in.Actor == in.Agent {
		a = a.Seen()
	}
	f.setAgent(a, in.Actor)
	return nil
}

func tooLong(pointer string) error {
	return &problem.Error{
		Status: http.StatusUnprocessableEntity, Code: "too_long", Detail: "the text is longer than 100 characters",
		Fields: []problem.Field{{Pointer: pointer, Code: "too_long"}},
	}
}

func (in SessionLost) step(f *Floor) error {
	for _, a := range f.state.Agents {
		if b, ok := a.Lost(in.Session, f.now.Add(f.cfg.AbsentGrace.Duration)); ok {
			f.setAgent(b, Actor)
			return nil
		}
	}
	return nil // unknown or lost already: nothing to do
}

func (in SessionUp) step(f *Floor) error {
	for _, a := range f.state.Agents {
		if b, ok := a.Connected(in.Session); ok {
			f.setAgent(b, a.ID)
			return nil
		}
	}
	return problem.NotFound("session", in.Session)
}

// absent is the deadline of an agent without a connection.
func (f *Floor) absent(id string) {
	a := f.state.Agents[id]
	if !a.LeaveBy.IsZero() && !a.LeaveBy.After(f.now) {
		f.letLeave(a)
		return
	}
	a = a.Missed(f.now, f.now.Add(f.cfg.AbsentSignout.Duration))
	f.setAgent(a, Actor)
	if a.Leaving && a.State == wire.AgentBusy && isWork(a.Call) {
		f.leaveWork(a) // nothing else would end it
	}
}

// wireAgent is the agent as the API shows it.
func (f *Floor) wireAgent(a agent.Agent) wire.Agent {
	w := wire.Agent{
		ID: a.ID, State: a.Visible(), Reason: a.Reason, Since: a.Since, CallID: a.Call,
		OfferID: a.Offer, WrapupID: a.Wrapup, Version: a.Version, Checks: a.Checks, Station: a.Station,
	}
	if isWork(a.Call) {
		w.CallID, w.WorkID = "", a.Call
	}
	if a.Leaving {
		w.Signout = f.signout(a)
	}
	if s := f.agents[a.ID]; s != nil {
		w.Name, w.Queues = s.Name, s.ids
	}
	return w
}

// Agent is one agent as the API shows it.
func (f *Floor) Agent(id string) (wire.Agent, error) {
	a, err := f.agent(id)
	return f.wireAgent(a), err
}

// Agents are all agents of the configuration, in its order.
func (f *Floor) Agents() []wire.Agent {
	out := make([]wire.Agent, 0, len(f.cfg.Agents))
	for _, a := range f.cfg.Agents {
		w, _ := f.Agent(a.ID) // is in the configuration
		out = append(out, w)
	}
	return out
}

// Session finds a session of an agent.
func (f *Floor) Session(id string) (wire.Session, error) {
	for _, a := range f.state.Agents {
		for _, s := range a.Sessions {
			if s.ID == id {
				return wire.Session{ID: s.ID, Agent: a.ID, Created: s.Created, Expires: s.Expires}, nil
			}
		}
	}
	return wire.Session{}, problem.NotFound("session", id)
}
