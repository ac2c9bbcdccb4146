package floor

import (
	"slices"
	"strings"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/conference"
	"github.com/cordboard/cordboard/desk/consult"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Why a consult ended, in consult.ended.
const (
	causeEnded       = "ended" // by one of the two
	causeMerged      = "merged"
	causeTransferred = "transferred"
	causeTimeout     = "timeout"
	causeLost        = "media_lost"
	causeCallEnded   = "call_ended"
	causeCustomer    = "customer_left"
)

// StartConsult asks somebody while the others wait (Hold) or talk on.
type StartConsult struct {
	Call, Agent, Actor string
	Kind               wire.TargetKind
	Target             string
	Hold               bool
}

// EndConsult takes back what was asked, or ends the talk with who was asked. Either of the two may.
type EndConsult struct{ Call, Agent, Actor string }

// Swap changes whom the agent who asks talks to: the others or the asked party.
type Swap struct{ Call, Agent, Actor string }

// LegCreated says that a leg is being dialled.
type LegCreated struct{ Leg wire.Leg }

// LegRinging says that a dialled leg has reached somebody.
type LegRinging struct{ Leg wire.Leg }

// ofConsult says whether a leg is one the floor has dialled for a consult, whose id is the leg's client_ref.
func ofConsult(l wire.Leg) bool { return strings.HasPrefix(l.ClientRef, id.Consult+"_") }

func (in StartConsult) step(f *Floor) error {
	c, by, err := f.gate(in.Call, in.Agent, "consult")
	if err != nil {
		return err
	}
	t, err := f.resolve(c, in.Kind, in.Target)
	if err == nil {
		err = f.full(c)
	}
	if err != nil {
		return err
	}
	f.ask(c, consult.Consult{By: by, Hold: in.Hold, Held: c.Parked}, t, in.Actor)
	return nil
}

// ask begins a consult.
func (f *Floor) ask(c contact.Contact, k consult.Consult, t target, actor string) {
	k.ID, k.Call, k.Kind, k.Target, k.State, k.Created = f.newID(id.Consult), c.ID, t.kind, t.name, wire.ConsultRequested, f.now
	k.Deadline = f.now.Add(f.cfg.Handling.ConsultTimeout.Duration)
	if t.line != nil {
		k.Queue, k.Deadline = t.line.ID, f.now.Add(f.cfg.Handling.ConsultQueueTimeout.Duration)
		k.Place = t.place(queue.Place{Class: queue.ClassService, Entered: f.now})
	}
	if c.Parked {
		c.Parked = false // from now on the consult says who waits
		f.setContact(c)
	}
	f.setConsult(k)
	if k.Apart() {
		f.publish("consult.started", c.ID, actor, k.Wire())
	}
	switch t.kind {
	case wire.TargetAgent:
		f.ring(k, t.agent, f.ringTime(c.Queue))
	case wire.TargetNumber:
		f.effects = append(f.effects, Command{Op: OpInvite, CallID: c.ID, Invite: &Invite{
			To: t.name, Ref: k.ID, Side: sideOf(k), Timeout: f.cfg.Handling.ConsultTimeout.Duration,
		}})
	}
	f.arrange(c)
}

func sideOf(k consult.Consult) string {
	if k.Apart() {
		return wire.ConsultSide
	}
	return ""
}

func (f *Floor) ringTime(qid string) Duration {
	if l := f.queues[qid]; l != nil {
		return l.Ring
	}
	return Queue{}.withDefaults().Ring
}

// ring offers a consult to an agent.
func (f *Floor) ring(k consult.Consult, a agent.Agent, d Duration) {
	f.ringAt(a, offer.Offer{Call: k.Call, Queue: k.Queue, Consult: k.ID, Attempt: k.Attempt + 1}, d.Duration, func(o offer.Offer) {
		k = must(k.Ring(o.Agent, o.ID))
		f.setConsult(k)
	})
	if k.Apart() {
		f.publish("consult.reached", k.Call, Actor, k.Wire())
	}
}

// consultAccepted: the agent who is asked wants to talk.
func (f *Floor) consultAccepted(k consult.Consult) {
	f.setConsult(must(k.Accepted(f.now.Add(f.cfg.Attach.Duration))))
}

// consultMissed: the agent who is asked did not take it. It goes back to its queue, or has failed.
func (f *Floor) consultMissed(k consult.Consult, cause string) {
	k.Offer = ""
	deadline := k.Created.Add(f.cfg.Handling.ConsultQueueTimeout.Duration)
	if b, ok := k.Back(deadline); ok && f.now.Before(deadline) && f.queues[k.Queue] != nil {
		f.setConsult(b)
		return
	}
	k.Agent = ""
	f.closeConsult(k, cause, k.Held, Actor)
}

// consultUp: the voice of who is asked is there.
func (f *Floor) consultUp(k consult.Consult, l wire.Leg) {
	first := k.Answered.IsZero()
	k, err := k.Up(l.ID, f.now)
	if err != nil {
		f.command(OpHangup, k.Call, l.ID, "rejected")
		return
	}
	if first && k.Agent != "" {
		f.offerTaken(k.Offer, l.ID)
		k.Offer = ""
		f.setAgent(must(f.state.Agents[k.Agent].Engage(k.Call, f.now)), k.Agent)
	}
	f.setConsult(k)
	c := f.state.Contacts[k.Call]
	switch {
	case k.Transfer:
		f.wentOutside(c, k)
	case k.Merge:
		f.joinConference(c, k, Actor)
	default:
		f.arrange(c)
		if first {
			f.publish("consult.answered", k.Call, k.Agent, k.Wire())
		}
	}
}

// guest is who was asked as a participant of the call.
func guest(k consult.Consult) conference.Party {
	p := conference.Party{Leg: k.Leg, Agent: k.Agent, Since: k.Answered, Deadline: k.Deadline}
	if k.Agent == "" {
		p.Number = k.Target
	}
	return p
}

func (in LegCreated) step(f *Floor) error {
	if !ofConsult(in.Leg) {
		f.stationRings(in.Leg)
		return nil
	}
	k, ok := f.state.Consults[in.Leg.ClientRef]
	if !ok {
		f.command(OpHangup, in.Leg.CallID, in.Leg.ID, "cancelled") // was taken back while it was being dialled
		return nil
	}
	if k.Leg == "" {
		k.Leg = in.Leg.ID
		f.setConsult(k)
	}
	return nil
}

func (in LegRinging) step(f *Floor) error {
	k, ok := f.state.Consults[in.Leg.ClientRef]
	if !ok || k.State != wire.ConsultRequested {
		return nil
	}
	k = must(k.Ring("", ""))
	k.Leg = in.Leg.ID
	f.setConsult(k)
	if k.Apart() {
		f.publish("consult.reached", k.Call, Actor, k.Wire())
	}
	return nil
}

func (in EndConsult) step(f *Floor) error {
	c, by, err := f.gate(in.Call, in.Agent, "end_consult")
	if err != nil {
		return err
	}
	k, _ := f.consultOf(c.ID) // the control is there only with one
	held := k.Held
	if by == k.By && k.State == wire.ConsultAnswered {
		held = !k.Main // back to the customer who waits (W44)
	}
	f.closeConsult(k, causeEnded, held, in.Actor)
	return nil
}

func (in Swap) step(f *Floor) error {
	c, _, err := f.gate(in.Call, in.Agent, "swap")
	if err != nil {
		return err
	}
	k, _ := f.consultOf(c.ID)
	f.setConsult(must(k.Swap()))
	f.arrange(c)
	return nil
}

// dismiss lets go of who was asked: an offer is withdrawn, an agent released, a leg hung up.
func (f *Floor) dismiss(k consult.Consult) {
	if o, ok := f.state.Offers[k.Offer]; ok {
		if o.State == wire.OfferOpen {
			o = must(o.Settle(wire.OfferWithdrawn))
			put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
			f.publish("offer."+string(o.State), k.Call, Actor, f.wireOffer(o))
		}
		f.closeOffer(o.ID)
	}
	if k.Leg != "" {
		f.command(OpHangup, k.Call, k.Leg, "hangup")
	}
	f.letGo(k.Agent, k.Call)
}

// letGo frees an agent who helped with a call, without a wrap-up (W97).
func (f *Floor) letGo(agentID, callID string) {
	a, ok := f.state.Agents[agentID]
	switch {
	case !ok || a.Call != callID:
	case a.State == wire.AgentReserved:
		f.setAgent(must(a.Release(f.now)), Actor)
	case a.State == wire.AgentBusy:
		f.setAgent(must(a.Disengage(f.now)), Actor)
	}
}

// forget takes a consult off the state and tells why it ended.
func (f *Floor) forget(k consult.Consult, cause, actor string) {
	put(f, key{KindConsult, k.ID}, f.state.Consults, nil)
	if !k.Apart() && cause == causeMerged {
		return
	}
	w := k.Wire()
	w.State, w.Cause = wire.ConsultEnded, cause
	f.publish("consult.ended", k.Call, actor, w)
}

// closeConsult ends a consult that led to nothing further. The call is as it was before: in conference,
// connected, or (held) with the customer on hold.
func (f *Floor) closeConsult(k consult.Consult, cause string, held bool, actor string) {
	f.dismiss(k)
	f.forget(k, cause, actor)
	c, ok := f.state.Contacts[k.Call]
	if !ok {
		return
	}
	if k.Transfer {
		f.publish("transfer.failed", c.ID, actor, wire.Transfer{CallID: c.ID, From: c.Avoid, Kind: k.Kind, Target: k.Target, Cause: cause})
		f.strand(c)
		return
	}
	if k.Apart() && c.State != contact.Outside {
		c.Parked = held && len(c.Others) == 0
		f.setContact(c)
	}
	if c.State == contact.Outside && c.Others.Voices() == 0 {
		f.finish(c, "hangup")
		return
	}
	f.arrange(c)
}

// consultOverdue is the deadline of a consult: not reached, not answered, or its voice did not come back.
func (f *Floor) consultOverdue(k consult.Consult) {
	switch {
	case k.State == wire.ConsultConnecting:
		f.closeOffer(k.Offer)
		f.setAgent(must(f.state.Agents[k.Agent].Fail(agent.ReasonNoMedia, f.now)), Actor)
		f.consultMissed(k, agent.ReasonNoMedia)
	case k.State == wire.ConsultAnswered:
		f.closeConsult(k, causeLost, k.Held, Actor)
	default:
		f.closeConsult(k, causeTimeout, k.Held, Actor)
	}
}

// consultLegEnded: who was asked is gone, or only the voice.
func (f *Floor) consultLegEnded(k consult.Consult, l wire.Leg) {
	if k.Agent != "" && k.State == wire.ConsultAnswered && !left(l.Cause) {
		f.setConsult(k.Lose(f.now.Add(f.cfg.Return.Duration)))
		return
	}
	cause := l.Cause
	if k.State == wire.ConsultAnswered {
		cause = causeEnded
	}
	k.Leg = ""
	f.closeConsult(k, cause, k.Held, Actor)
}

// consults are the open consults in a fixed order.
func (f *Floor) consults() []consult.Consult {
	out := make([]consult.Consult, 0, len(f.state.Consults))
	for _, k := range f.state.Consults {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b consult.Consult) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out
}

// notInConsult refuses what cannot be while somebody is asked.
func (f *Floor) notInConsult(c contact.Contact) error {
	if _, asking := f.consultOf(c.ID); !asking {
		return nil
	}
	return problem.Conflict("consult_open", f.stateOf(c), f.allowed(c), "call %s has a consult open", c.ID)
}
