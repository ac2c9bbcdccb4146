// Package consult is an agent of a call asking somebody else: an agent, whoever takes a queue's next, or a
// number, as a pure state machine. The party that is asked may stay a guest of the agent's, join the
// conference, or get the call: what becomes of it is decided before or after it answers.
package consult

import (
	"time"

	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Consult is one consult's state, plain data. Every state but a heard Answered has a deadline.
//
//	            rings           accepts            voice up
//	requested ────────> reached ────────> connecting ────────> answered
//	    ^   (queue: declined,  │              │                    │  voice lost: until the deadline
//	    └─── rang out) ────────┴──────────────┘                    │
//	any ── ended, failed, merged into the conference, or transferred ──> gone
//
// A number goes from reached to answered. Merge says that who answers joins the conference at once; Transfer,
// that who answers gets the call, and the agent who asked has left already.
type Consult struct {
	ID       string            `json:"id"`
	Call     string            `json:"call"`
	By       string            `json:"by,omitempty"` // the agent who asks; empty after Transfer
	Kind     wire.TargetKind   `json:"kind"`
	Target   string            `json:"target"`
	State    wire.ConsultState `json:"state"`
	Hold     bool              `json:"hold"`           // the others wait, rather than talk on
	Main     bool              `json:"main,omitempty"` // the agent who asks is back with the customer; the other waits
	Merge    bool              `json:"merge,omitempty"`
	Transfer bool              `json:"transfer,omitempty"`
	Held     bool              `json:"held,omitempty"` // the customer was on hold before
	Queue    string            `json:"queue,omitempty"`
	Place    queue.Place       `json:"place,omitzero"`
	Attempt  int               `json:"attempt,omitempty"`
	Agent    string            `json:"agent,omitempty"` // who is asked, once known
	Offer    string            `json:"offer,omitempty"`
	Leg      string            `json:"leg,omitempty"` // of who is asked
	Created  time.Time         `json:"created"`
	Answered time.Time         `json:"answered,omitzero"`
	Deadline time.Time         `json:"deadline,omitzero"`
}

// Queued reports whether the consult stands in a queue's line.
func (k Consult) Queued() bool { return k.Queue != "" && k.State == wire.ConsultRequested }

// EntryPoint reports whether the consult goes through an entry point: transfer and conference need not wait
// until anybody is reached (W42).
func (k Consult) EntryPoint() bool { return k.Kind == wire.TargetEntryPoint }

// Usable reports whether the consult can be merged or transferred (W45).
func (k Consult) Usable() bool { return k.EntryPoint() || k.State != wire.ConsultRequested }

// Apart reports whether agent and asked party talk on a side of their own.
func (k Consult) Apart() bool { return !k.Merge && !k.Transfer }

// Allowed names what the agent who asks may do with the consult now.
func (k Consult) Allowed() []string {
	out := []string{"end_consult"}
	if k.Usable() {
		out = append(out, "conference", "transfer")
	}
	if k.State == wire.ConsultAnswered && k.Apart() {
		out = append(out, "swap")
	}
	return out
}

func (k Consult) refuse(what string) error {
	return problem.Conflict("consult_wrong_state", string(k.State), k.Allowed(), "the consult is %s: cannot %s", k.State, what)
}

// Ring says that the target was reached: an offer rings at an agent, or the number rings.
func (k Consult) Ring(agent, offer string) (Consult, error) {
	if k.State != wire.ConsultRequested {
		return k, k.refuse("ring")
	}
	k.State, k.Agent, k.Offer = wire.ConsultReached, agent, offer
	if offer != "" {
		k.Attempt++
	}
	return k, nil
}

// Accepted: the agent wants it; its voice must be up by the deadline.
func (k Consult) Accepted(deadline time.Time) (Consult, error) {
	if k.State != wire.ConsultReached {
		return k, k.refuse("be accepted")
	}
	k.State, k.Deadline = wire.ConsultConnecting, deadline
	return k, nil
}

// Back puts a consult whose agent did not take it into its queue's line again. ok is false for one that has
// no queue: it has failed.
func (k Consult) Back(deadline time.Time) (_ Consult, ok bool) {
	if k.Queue == "" {
		return k, false
	}
	k.State, k.Agent, k.Offer, k.Leg, k.Deadline = wire.ConsultRequested, "", "", "", deadline
	return k, true
}

// Up says that the asked party's voice is there, for the first time or again.
func (k Consult) Up(leg string, now time.Time) (Consult, error) {
	switch k.State {
	case wire.ConsultReached, wire.ConsultRequested:
		if k.Kind != wire.TargetNumber {
			return k, k.refuse("be answered")
		}
	case wire.ConsultConnecting, wire.ConsultAnswered:
	default:
		return k, k.refuse("be answered")
	}
	if k.Answered.IsZero() {
		k.Answered = now
	}
	k.State, k.Leg, k.Deadline = wire.ConsultAnswered, leg, time.Time{}
	return k, nil
}

// Lose takes the asked agent's voice away until the deadline.
func (k Consult) Lose(deadline time.Time) Consult {
	k.Leg, k.Deadline = "", deadline
	return k
}

// Swap changes whom the agent who asks talks to.
func (k Consult) Swap() (Consult, error) {
	if k.State != wire.ConsultAnswered || !k.Apart() {
		return k, k.refuse("swap")
	}
	k.Main = !k.Main
	return k, nil
}

// Wire is the consult as the API shows it.
func (k Consult) Wire() wire.Consult {
	w := wire.Consult{
		ID: k.ID, CallID: k.Call, By: k.By, Kind: k.Kind, Target: k.Target, State: k.State, HoldParticipants: k.Hold,
		Active: wire.ConsultSide, Merging: k.Merge, Transferring: k.Transfer, Agent: k.Agent, LegID: k.Leg, Created: k.Created,
	}
	if k.Main {
		w.Active = wire.MainSide
	}
	if !k.Answered.IsZero() {
		t := k.Answered
		w.Answered = &t
	}
	return w
}
