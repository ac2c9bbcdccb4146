// Package contact is one call as the contact centre sees it, from the queue to its end, as a pure state
// machine: plain data in, plain data or a refusal out. Who is on the call, whose turn it is and until when
// stands here; offers, agents and wrap-ups are machines of their own, joined by the floor.
package contact

import (
	"time"

	"github.com/cordboard/cordboard/desk/conference"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/desk/supervision"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// State is where a contact is.
type State string

// The states of a contact.
const (
	Queued     State = "queued"     // waits; the customer hears music
	Offered    State = "offered"    // rings at an agent, its place in the queue is kept
	Connecting State = "connecting" // accepted; the agent's voice is on its way, until the deadline
	Connected  State = "connected"  // customer and agent talk
	Away       State = "away"       // the agent was lost; the customer hears music until the deadline
	Diverted   State = "diverted"   // goes elsewhere: a number outside, a message, an announcement and the end
	Dialing    State = "dialing"    // an agent calls out; nobody but the agent is on it yet
	Message    State = "message"    // the customer leaves a voice message instead of waiting, until the deadline
	// PostCall: the customer has left, those who are still there go on (W68).
	PostCall State = "post_call"
	// Transferring: the agent has left, the number the call goes to rings, until the deadline.
	Transferring State = "transferring"
	// Outside: the customer talks to a number, or (Left) the numbers to each other; no agent is on the call.
	Outside State = "outside"
	Ended   State = "ended"
)

// Contact is one contact's state, plain data.
//
//	               offer            accept              leg up
//	   ┌─> queued ──────> offered ─────────> connecting ──────> connected ──┐
//	   │      ^  expired,    │                   │ no leg          │  ^     │ over
//	   │      └──declined────┘<──────────────────┘         leg lost│  │back v
//	   │                                                           v  │   ended
//	   └────────────── front of the queue, at the deadline ─────── away
//
//	queued ── elsewhere ──> diverted
//	dialing ──────> connected        any state ── call over ──> ended
//
//	connected, away ── customer leaves, two stay ──> post_call
//	connected ── transferred ──> queued, offered, connecting, connected (another agent's), transferring
//	transferring ── answered ──> outside      transferring ── not answered ──> queued
//	connected, away, post_call ── the last agent leaves, a number stays with another or the customer ──> outside
//
// Beside the customer and the agent in control there may be Others; see package conference.
// An outbound contact has no queue: when its agent does not return it ends.
type Contact struct {
	ID       string `json:"id"` // the call's
	State    State  `json:"state"`
	Outbound bool   `json:"outbound,omitempty"`
	From     string `json:"from"`
	// Task is the callback or the record of a campaign that the call is made for.
	Task string `json:"task,omitempty"`
	// Recording is the voice message's.
	Recording string      `json:"recording,omitempty"`
	FromName  string      `json:"from_name,omitempty"`
	To        string      `json:"to"`
	Queue     string      `json:"queue,omitempty"`
	Place     queue.Place `json:"place"` // kept for the contact's whole life
	Attempt   int         `json:"attempt"`
	Customer  string      `json:"customer,omitempty"` // the customer's leg
	Offer     string      `json:"offer,omitempty"`    // the open or accepted one
	Agent     string      `json:"agent,omitempty"`    // reserved for it or in it
	Leg       string      `json:"leg,omitempty"`      // the agent's
	Deadline  time.Time   `json:"deadline,omitzero"`  // Connecting and Away
	// Entry is the number of ours that was called, Stage the campaign stage whose agents alone take it.
	Entry    string `json:"entry,omitempty"`
	Stage    string `json:"stage,omitempty"`
	Divert   string `json:"divert,omitempty"`    // Diverted: the kind of target
	DivertTo string `json:"divert_to,omitempty"` // and what it leads to
	Far      string `json:"far,omitempty"`       // Diverted: the leg outside
	// Parked: the agent has put the customer on hold, so nobody but the agent takes the hold away.
	Parked bool `json:"parked,omitempty"`
	// Variables are what is known about the call, with a version each.
	Variables map[string]Value `json:"variables,omitempty"`
	// Others are on the call beside the customer and the agent in control, who joined at Since.
	Others conference.Parties `json:"others,omitempty"`
	Since  time.Time          `json:"since,omitzero"`
	Left   time.Time          `json:"left,omitzero"`   // PostCall: when the customer left
	Avoid  string             `json:"avoid,omitempty"` // the agent who gave the call away
	// Watchers are the supervisors on the call.
	Watchers supervision.List `json:"watchers,omitempty"`
	// Wanted are skills asked for beside those of queue and number.
	Wanted Wanted `json:"wanted,omitzero"`
	// Talked: agent and customer have been connected at least once; recording is under way.
	Talked bool `json:"talked,omitempty"`
}

// Wanted is what a routing hook asked of the agent, as long as the contact waits in Queue.
type Wanted struct {
	Queue  string            `json:"queue,omitempty"`
	Skills []wire.RouteSkill `json:"skills,omitempty"`
}

// Value is a variable's value, which version of it, and whose.
type Value struct {
	Text    string `json:"text"`
	Version uint64 `json:"version"`
	By      string `json:"by,omitempty"`
}

func (c Contact) refuse(what string) error {
	return problem.Conflict("call_wrong_state", string(c.State), c.Allowed(), "call %s is %s: cannot %s", c.ID, c.State, what)
}

// Allowed names what may happen to the contact now.
func (c Contact) Allowed() []string {
	switch c.State {
	case Queued:
		return []string{"offer", "end"}
	case Offered:
		return []string{"accept", "decline", "end"}
	case Connecting, Dialing, Away:
		return []string{"attach", "end"}
	case Diverted:
		return []string{"end"}
	case Connected:
		return []string{"attach", "hold", "end"}
	case PostCall, Transferring, Outside:
		return []string{"end"}
	default:
		return nil
	}
}

// OfferTo rings the contact at an agent.
func (c Contact) OfferTo(agent, offer string) (Contact, error) {
	if c.State != Queued {
		return c, c.refuse("be offered")
	}
	c.State, c.Agent, c.Offer = Offered, agent, offer
	c.Attempt++
	return c, nil
}

// Accepted: the agent wants it; its voice must be up by the deadline.
func (c Contact) Accepted(deadline time.Time) (Contact, error) {
	if c.State != Offered {
		return c, c.refuse("be accepted")
	}
	c.State, c.Deadline = Connecting, deadline
	return c, nil
}

// Party is the customer's number: of a call of ours the called one.
func (c Contact) Party() string {
	if c.Outbound {
		return c.To
	}
	return c.From
}

// Requeue puts the contact back where it was. One whose agent was lost in mid-conversation goes to the front.
func (c Contact) Requeue() (Contact, error) {
	switch c.State {
	case Offered, Connecting:
	case Away:
		if c.Outbound {
			return c, c.refuse("be queued")
		}
		c.Place.Front = true
	default:
		return c, c.refuse("be queued")
	}
	return c.queued(), nil
}

func (c Contact) queued() Contact {
	c.State, c.Agent, c.Offer, c.Leg, c.Deadline, c.Parked = Queued, "", "", "", time.Time{}, false
	c.Since = time.Time{}
	return c
}

// Due is the earliest deadline, zero for none.
func (c Contact) Due() time.Time {
	var at time.Time
	for _, t := range []time.Time{c.Deadline, c.Others.Due(), c.Watchers.Due()} {
		if at.IsZero() || !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	return at
}

// InHand reports whether an agent has the call: it can be held, transferred and shared.
func (c Contact) InHand() bool { return c.State == Connected || c.State == Away || c.State == PostCall }

// ToQueue gives the call to a queue, not to come back to the agent who gave it.
func (c Contact) ToQueue(q string, p queue.Place) (Contact, error) {
	if !(c.InHand() || c.State == Transferring) || !c.Left.IsZero() {
		return c, c.refuse("be transferred")
	}
	if c.Agent != "" {
		c.Avoid = c.Agent
	}
	c.Queue, c.Place, c.Outbound = q, p, false
	return c.queued(), nil
}

// ToAgent gives the call to an agent at whom it rings, or (accepted) whose voice must be up by the deadline.
// Should that fail it waits in queue q.
func (c Contact) ToAgent(agent, offer, q string, accepted bool, deadline time.Time) (Contact, error) {
	if !c.InHand() || !c.Left.IsZero() {
		return c, c.refuse("be transferred")
	}
	c.Avoid, c.Queue, c.Outbound = c.Agent, q, false
	c = c.queued()
	c.State, c.Agent, c.Offer = Offered, agent, offer
	if accepted {
		c.State, c.Deadline = Connecting, deadline
	}
	c.Attempt++
	return c, nil
}

// Pass gives control of the call to another agent who is on it.
func (c Contact) Pass(agent, leg string, since, deadline time.Time) (Contact, error) {
	if !c.InHand() && c.State != Outside {
		return c, c.refuse("pass to " + agent)
	}
	c.Agent, c.Leg, c.Since, c.Parked = agent, leg, since, false
	c.Deadline = time.Time{}
	if c.State == PostCall {
		return c, nil
	}
	c.State = Connected
	if leg == "" {
		c.State, c.Deadline = Away, deadline
	}
	return c, nil
}

// Out takes the last agent off the call: to a number that still rings (Transferring; not after the customer has
// left), or to those who are there.
func (c Contact) Out(to State) (Contact, error) {
	rings := to == Transferring && c.Left.IsZero()
	if !(c.InHand() || c.State == Transferring) || !rings && to != Outside {
		return c, c.refuse("go outside")
	}
	if c.Agent != "" {
		c.Avoid = c.Agent
	}
	c.State, c.Agent, c.Leg, c.Since, c.Deadline, c.Parked = to, "", "", time.Time{}, time.Time{}, false
	return c, nil
}

// CustomerLeft begins the post call. A call that no agent is on stays Outside.
func (c Contact) CustomerLeft(now time.Time) (Contact, error) {
	if !c.InHand() && c.State != Outside || !c.Left.IsZero() {
		return c, c.refuse("lose its customer")
	}
	if c.State != Outside {
		c.State = PostCall
	}
	c.Left, c.Customer, c.Deadline, c.Parked = now, "", time.Time{}, false
	return c, nil
}

// Elsewhere takes a waiting contact out of line for good: to a target of a kind, until the deadline.
func (c Contact) Elsewhere(kind, to string, deadline time.Time) (Contact, error) {
	if c.State != Queued {
		return c, c.refuse("be diverted")
	}
	c.State, c.Divert, c.DivertTo, c.Deadline = Diverted, kind, to, deadline
	return c, nil
}

// MayJoin reports whether the agent may attach a leg now.
func (c Contact) MayJoin(agent string) bool {
	switch c.State {
	case Dialing: // a customer the desk is calling is nobody's before the answer
		return c.Task == "" && (c.Agent == agent || c.Others.ByAgent(agent) >= 0)
	case Connecting, Connected, Away, PostCall:
		return c.Agent == agent || c.Others.ByAgent(agent) >= 0
	case Outside:
		return c.Others.ByAgent(agent) >= 0
	default:
		return false
	}
}

// Attach takes the agent's leg, the first one, one after a loss, or one that replaces another.
func (c Contact) Attach(agent, leg string) (Contact, error) {
	if !c.MayJoin(agent) || c.Agent != agent {
		return c, c.refuse("be joined by " + agent)
	}
	if c.State == PostCall {
		c.Leg = leg
		return c, nil
	}
	c.State, c.Leg, c.Deadline = Connected, leg, time.Time{}
	c.Talked = true
	return c, nil
}

// Lose takes the agent's leg away and waits for another until the deadline.
func (c Contact) Lose(deadline time.Time) (Contact, error) {
	if c.State != Connected {
		return c, c.refuse("lose its agent")
	}
	c.State, c.Leg, c.Deadline = Away, "", deadline
	return c, nil
}

// End is the end of it, from any state.
func (c Contact) End() (Contact, error) {
	if c.State == Ended {
		return c, c.refuse("end")
	}
	c.State, c.Deadline = Ended, time.Time{}
	return c, nil
}
