package desk

import (
	"context"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The methods below wait for the actor and, where they change something, until the change is on disk.
// Their errors are *problem.Error: 404 for what is not there, 409 with the state and what is allowed, 422
// for a value that breaks a rule, 503 when the state cannot be saved; or the context's error.

// read runs f on the actor's goroutine.
func (d *Desk) read(f func()) error { return d.ask(context.Background(), nil, f) }

// Agents are all agents, in the configuration's order; none after the desk has ended.
func (d *Desk) Agents() (out []wire.Agent) {
	_ = d.read(func() { out = d.floor.Agents() }) // only fails when the desk has ended
	return out
}

// Agent is one agent.
func (d *Desk) Agent(agentID string) (wire.Agent, error) {
	var a wire.Agent
	var err error
	if closed := d.read(func() { a, err = d.floor.Agent(agentID) }); closed != nil {
		return a, closed
	}
	return a, err
}

// SetState makes an agent ready or not_ready; while an offer, call or wrap-up is open the choice is kept
// for afterwards. It takes back a pending sign-out. Setting offline is SignOut.
func (d *Desk) SetState(ctx context.Context, agentID string, state wire.AgentState, reason, actor string) (wire.Agent, error) {
	return d.changeAgent(ctx, agentID, floor.SetState{Agent: agentID, State: state, Reason: reason, Actor: actor})
}

// SignIn signs an agent in on one more desktop. Somebody who was away becomes not_ready; somebody in a call
// goes on with it.
func (d *Desk) SignIn(ctx context.Context, agentID string) (wire.Session, error) {
	return d.SignInAs(ctx, agentID, "")
}

// SignInAs is SignIn with the profile the agent has until signing out, in place of the one configured; "" is that one.
func (d *Desk) SignInAs(ctx context.Context, agentID, profile string) (wire.Session, error) {
	var s wire.Session
	var err error
	sid := id.New(id.Session)
	if refused := d.ask(ctx, floor.SignIn{Agent: agentID, Session: sid, Profile: profile}, func() { s, err = d.floor.Session(sid) }); refused != nil {
		return wire.Session{}, refused
	}
	return s, err
}

// SignOut signs an agent out. The answer's state is offline, or signout_pending while something is open.
func (d *Desk) SignOut(ctx context.Context, agentID, actor string) (wire.Agent, error) {
	return d.changeAgent(ctx, agentID, floor.SignOut{Agent: agentID, Actor: actor})
}

// Preflight takes what an agent's desktop found when it tested itself. An agent who could not take a call
// becomes not_ready.
func (d *Desk) Preflight(ctx context.Context, agentID string, checks map[string]string, actor string) (wire.Agent, error) {
	return d.changeAgent(ctx, agentID, floor.Preflight{Agent: agentID, Checks: checks, Actor: actor})
}

// SetStation chooses the agent's device, "" for the browser; with handover the call in progress moves to it.
func (d *Desk) SetStation(ctx context.Context, agentID, station string, handover bool, actor string) (wire.Agent, error) {
	return d.changeAgent(ctx, agentID, floor.Station{Agent: agentID, Station: station, Handover: handover, Actor: actor})
}

// Prefer makes a waiting call wait for one agent first.
func (d *Desk) Prefer(ctx context.Context, callID, agentID string) error {
	return d.ask(ctx, floor.Prefer{CallID: callID, Agent: agentID}, nil)
}

// PlaceCall makes an agent busy with a call that is about to be placed; c says its ID, From, FromName, To and Variables.
// 409 with the agent's state and what is allowed for one who is not here or has something open. When the call is not
// placed after all, tell by NotPlaced.
func (d *Desk) PlaceCall(ctx context.Context, agentID string, c wire.Call, actor string) error {
	return d.ask(ctx, floor.PlaceCall{Call: c, Agent: agentID, Actor: actor}, nil)
}

// NotPlaced takes a PlaceCall back, also one of which nobody knows whether it was done. It returns at once.
func (d *Desk) NotPlaced(callID string) { d.post(letter{in: floor.CallEnded{ID: callID}}) }

func (d *Desk) changeAgent(ctx context.Context, agentID string, in floor.Input) (wire.Agent, error) {
	var a wire.Agent
	var err error
	if refused := d.ask(ctx, in, func() { a, err = d.floor.Agent(agentID) }); refused != nil {
		return wire.Agent{}, refused
	}
	return a, err
}

// Session finds a session.
func (d *Desk) Session(sessionID string) (wire.Session, error) {
	var s wire.Session
	var err error
	if closed := d.read(func() { s, err = d.floor.Session(sessionID) }); closed != nil {
		return s, closed
	}
	return s, err
}

// SessionLost says that a desktop's connection is gone. It returns at once. An agent who stays without any
// connection becomes not_ready after a grace time and is signed out later.
func (d *Desk) SessionLost(sessionID string) {
	d.post(letter{in: floor.SessionLost{Session: sessionID}})
}

// SessionUp says that a desktop's connection is there (again). 404 for a session that is over: sign in anew.
func (d *Desk) SessionUp(ctx context.Context, sessionID string) error {
	return d.ask(ctx, floor.SessionUp{Session: sessionID}, nil)
}

// Offers are the open offers of one agent, or of all when agentID is empty, oldest first.
func (d *Desk) Offers(agentID string) (out []wire.Offer) {
	_ = d.read(func() { out = d.floor.Offers(agentID) }) // only fails when the desk has ended
	return out
}

// Offer is one offer, also for a while after it was settled.
func (d *Desk) Offer(offerID string) (wire.Offer, error) {
	var o wire.Offer
	var err error
	if closed := d.read(func() { o, err = d.floor.Offer(offerID) }); closed != nil {
		return o, closed
	}
	return o, err
}

// Accept takes an offer. The agent's leg must then come up within the attach timeout.
func (d *Desk) Accept(ctx context.Context, offerID, actor string) (wire.Offer, error) {
	return d.changeOffer(ctx, offerID, floor.Accept{Offer: offerID, Actor: actor})
}

// Decline turns an offer down: the call goes back to its place, the agent becomes not_ready.
func (d *Desk) Decline(ctx context.Context, offerID, actor string) (wire.Offer, error) {
	return d.changeOffer(ctx, offerID, floor.Decline{Offer: offerID, Actor: actor})
}

func (d *Desk) changeOffer(ctx context.Context, offerID string, in floor.Input) (wire.Offer, error) {
	var o wire.Offer
	var err error
	if refused := d.ask(ctx, in, func() { o, err = d.floor.Offer(offerID) }); refused != nil {
		return wire.Offer{}, refused
	}
	return o, err
}

// Queues are all queues, in the configuration's order.
func (d *Desk) Queues() (out []wire.Queue) {
	_ = d.read(func() { out = d.floor.Queues() }) // only fails when the desk has ended
	return out
}

// Wrapup is one wrap-up, also for a while after it was completed.
func (d *Desk) Wrapup(wrapupID string) (wire.Wrapup, error) {
	var w wire.Wrapup
	var err error
	if closed := d.read(func() { w, err = d.floor.Wrapup(wrapupID) }); closed != nil {
		return w, closed
	}
	return w, err
}

// SubmitWrapup completes a wrap-up with a reason.
func (d *Desk) SubmitWrapup(ctx context.Context, wrapupID, reason, actor string) (wire.Wrapup, error) {
	return d.changeWrapup(ctx, wrapupID, floor.Submit{Wrapup: wrapupID, Reason: reason, Actor: actor})
}

// ExtendWrapup moves a wrap-up's deadline on by the queue's fixed amount, a limited number of times.
func (d *Desk) ExtendWrapup(ctx context.Context, wrapupID, actor string) (wire.Wrapup, error) {
	return d.changeWrapup(ctx, wrapupID, floor.Extend{Wrapup: wrapupID, Actor: actor})
}

func (d *Desk) changeWrapup(ctx context.Context, wrapupID string, in floor.Input) (wire.Wrapup, error) {
	var w wire.Wrapup
	var err error
	if refused := d.ask(ctx, in, func() { w, err = d.floor.Wrapup(wrapupID) }); refused != nil {
		return wire.Wrapup{}, refused
	}
	return w, err
}

// WrapupReasons are the configured reasons; none means that any text will do. It does not wait.
func (d *Desk) WrapupReasons() []Reason { return d.books.Load().WrapupReasons() }

// Admit says whether a call to a number is let in: nil, 404 unknown_number, or 429 call_limit with limit, use
// and when to try again. It does not wait.
func (d *Desk) Admit(_ context.Context, to string) error {
	b := d.books.Load()
	if _, err := b.QueueOf(to); err != nil {
		return err
	}
	return b.Room(int(d.alive.Load()))
}

// Room says whether one more call is let in, inbound or outbound: nil or 429 call_limit. It does not wait.
func (d *Desk) Room() error { return d.books.Load().Room(int(d.alive.Load())) }

// Allowed says whether an agent's profile permits an action: nil, or 403 not_permitted. It does not wait.
func (d *Desk) Allowed(agentID, action string) error {
	return d.books.Load().Allowed(agentID, floor.Action(action))
}

// DenoiseOf is how the noise suppression of a queue's customer and of an agent begins. It does not wait.
func (d *Desk) DenoiseOf(queueID, agentID string) (customer, agent wire.DenoisePatch) {
	return d.books.Load().DenoiseOf(queueID, agentID)
}

// QueueOf is the queue a called number leads to, or 404 unknown_number. It does not wait.
func (d *Desk) QueueOf(to string) (string, error) { return d.books.Load().QueueOf(to) }

// MayJoin says whether an agent may attach a leg to a call now: nil for one whose offer is accepted, who is
// in the call, or who was lost from it.
func (d *Desk) MayJoin(agentID, callID string) error {
	var err error
	if closed := d.read(func() { err = d.floor.MayJoin(agentID, callID) }); closed != nil {
		return closed
	}
	return err
}
