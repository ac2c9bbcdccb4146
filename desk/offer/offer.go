// Package offer is a call ringing at one agent, as a pure state machine. An offer is settled once: whoever
// comes second (a click after the deadline, a second tab, a caller who has hung up) is refused with the
// state it ended in, so there are never two winners.
package offer

import (
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Offer is one offer's state, plain data.
//
//	        accept      ┌──> accepted
//	        decline     ├──> declined
//	open ───────────────┤
//	        deadline    ├──> expired     (RONA)
//	        caller left └──> withdrawn
type Offer struct {
	ID       string          `json:"id"`
	Call     string          `json:"call"`
	Agent    string          `json:"agent"`
	Queue    string          `json:"queue"`
	State    wire.OfferState `json:"state"`
	Created  time.Time       `json:"created"`
	Deadline time.Time       `json:"deadline"`
	Attempt  int             `json:"attempt"` // 1 for the call's first offer
	// Phone: it rings at the agent's desk phone too, until it is taken elsewhere; Leg is that phone once it is dialled.
	Phone bool   `json:"phone,omitempty"`
	Leg   string `json:"leg,omitempty"`
	// Consult is set where the agent is asked for help with the call rather than given it.
	Consult string `json:"consult,omitempty"`
	// Work is the written request that is offered; Call is empty then.
	Work string `json:"work,omitempty"`
}

// Allowed names what may be done with the offer now.
func (o Offer) Allowed() []string {
	if o.State == wire.OfferOpen {
		return []string{"accept", "decline"}
	}
	return nil
}

// Settle ends an open offer in the given state.
func (o Offer) Settle(s wire.OfferState) (Offer, error) {
	if o.State != wire.OfferOpen {
		return o, problem.Conflict("offer_wrong_state", string(o.State), o.Allowed(), "offer %s is %s already", o.ID, o.State)
	}
	o.State = s
	return o, nil
}

// Accept is the agent's yes. It is too late at the deadline, even if the clock has not struck yet.
func (o Offer) Accept(now time.Time) (Offer, error) {
	if o.State == wire.OfferOpen && !now.Before(o.Deadline) {
		return o, problem.Conflict("offer_wrong_state", string(wire.OfferExpired), nil, "offer %s has run out", o.ID)
	}
	return o.Settle(wire.OfferAccepted)
}
