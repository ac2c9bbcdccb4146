package floor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Accept is an agent's yes to an offer.
type Accept struct {
	Offer, Actor string
	phone        bool // given by picking the desk phone up
}

// Decline is an agent's no.
type Decline struct{ Offer, Actor string }

// match makes one offer, to the agent who suits best and has been idle longest, of the first call that
// somebody can take.
func (f *Floor) match() bool {
	i := queue.Match(f.lines)
	if i < 0 {
		return false
	}
	p := f.rank[i]
	if k, ok := f.state.Consults[p.Calls()[0].ID]; ok {
		f.ring(k, f.state.Agents[p.Idle()[0].ID], p.line.Ring)
		return true
	}
	if w, ok := f.state.Works[p.Calls()[0].ID]; ok {
		f.offerWork(w, f.state.Agents[p.Idle()[0].ID], p.line.Ring)
		return true
	}
	c := f.state.Contacts[p.Calls()[0].ID]
	f.ringAt(f.state.Agents[p.Idle()[0].ID], offer.Offer{Call: c.ID, Queue: c.Queue, Attempt: c.Attempt + 1}, p.line.Ring.Duration, func(o offer.Offer) {
		f.setContact(must(c.OfferTo(o.Agent, o.ID)))
	})
	return true
}

// ringAt rings something at an agent for a time, at the desktop and at the desk phone if the agent has one: it is the one
// way an offer comes to be. o says what rings; with an ID the agent is reserved under it already, with a State it is
// settled from the beginning. bind writes down at what is offered that it is.
func (f *Floor) ringAt(a agent.Agent, o offer.Offer, ring time.Duration, bind func(o offer.Offer)) offer.Offer {
	reserved := o.ID != ""
	o.ID, o.State = cmp.Or(o.ID, f.newID(id.Offer)), cmp.Or(o.State, wire.OfferOpen)
	o.Agent, o.Created, o.Deadline = a.ID, f.now, f.now.Add(ring)
	o.Phone = a.Station != "" && o.Call != ""
	bind(o)
	put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
	if !reserved {
		f.setAgent(must(a.Reserve(o.ID, cmp.Or(o.Call, o.Work), f.now)), Actor)
	}
	f.publish("offer.created", o.Call, Actor, f.wireOffer(o))
	if o.Phone {
		f.ringStation(a, o.Call, o.ID, ring)
	}
	return o
}

// offer finds an offer, also one that is settled and not yet forgotten.
func (f *Floor) offer(oid string) (offer.Offer, error) {
	if o, ok := f.state.Offers[oid]; ok {
		return o, nil
	}
	if o, ok := f.pastOffers.m[oid]; ok {
		return o, nil
	}
	return offer.Offer{}, problem.NotFound("offer", oid)
}

// closeOffer forgets an offer but for late questions. A desk phone that still rings with it stops.
func (f *Floor) closeOffer(oid string) { f.offerTaken(oid, "") }

// offerTaken is closeOffer when the agent's voice is there, by a leg that may be the desk phone's.
func (f *Floor) offerTaken(oid, leg string) {
	o, ok := f.state.Offers[oid]
	if !ok {
		return
	}
	if o.Leg != leg {
		o = f.hushPhone(o)
	}
	f.pastOffers.add(oid, o)
	put(f, key{KindOffer, oid}, f.state.Offers, nil)
}

// hushPhone stops the desk phone that rings with an offer.
func (f *Floor) hushPhone(o offer.Offer) offer.Offer {
	if o.Leg != "" {
		f.command(OpHangup, o.Call, o.Leg, "cancelled")
	}
	o.Phone, o.Leg = false, ""
	return o
}

// dropOffer settles a contact's open offer from our side and tells. An accepted one is only closed.
func (f *Floor) dropOffer(c contact.Contact, s wire.OfferState) {
	o, ok := f.state.Offers[c.Offer]
	if !ok {
		return
	}
	if o.State == wire.OfferOpen {
		o = must(o.Settle(s))
		put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
		f.publish("offer."+string(s), c.ID, Actor, f.wireOffer(o))
	}
	f.closeOffer(o.ID)
}

func (in Accept) step(f *Floor) error {
	o, err := f.offer(in.Offer)
	if err == nil {
		o, err = o.Accept(f.now)
	}
	if err != nil {
		return err
	}
	if !in.phone {
		o = f.hushPhone(o)
	}
	put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
	if w, ok := f.state.Works[o.Work]; ok {
		f.acceptWork(o, w, in.Actor)
		return nil
	}
	if k, ok := f.state.Consults[o.Consult]; ok {
		f.consultAccepted(k)
	} else {
		f.setContact(must(f.state.Contacts[o.Call].Accepted(f.now.Add(f.cfg.Attach.Duration))))
		f.openForm(f.state.Contacts[o.Call], in.Actor)
	}
	f.publish("offer.accepted", o.Call, in.Actor, f.wireOffer(o))
	return nil
}

func (in Decline) step(f *Floor) error {
	o, err := f.offer(in.Offer)
	if err == nil {
		err = f.mayDecline(o)
	}
	if err == nil {
		o, err = o.Settle(wire.OfferDeclined)
	}
	if err != nil {
		return err
	}
	f.missed(o, agent.ReasonDeclined, in.Actor)
	return nil
}

// rung is an offer's deadline: nobody answered (RONA).
func (f *Floor) rung(o offer.Offer) {
	f.missed(must(o.Settle(wire.OfferExpired)), agent.ReasonRONA, Actor)
}

// missed puts a call back to its place and its agent out of line.
func (f *Floor) missed(o offer.Offer, reason, actor string) {
	put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
	f.publish("offer."+string(o.State), o.Call, actor, f.wireOffer(o))
	f.closeOffer(o.ID)
	if w, ok := f.state.Works[o.Work]; ok {
		f.workMissed(w, reason, actor)
		return
	}
	f.setAgent(must(f.state.Agents[o.Agent].Fail(reason, f.now)), actor)
	if k, ok := f.state.Consults[o.Consult]; ok {
		f.consultMissed(k, reason)
		return
	}
	f.requeue(f.state.Contacts[o.Call], reason)
	if o.Attempt == f.cfg.OfferAlarm {
		f.publish("desk.alarm", o.Call, Actor, wire.Alarm{
			Type: "call.offer_limit", CallID: o.Call, Queue: o.Queue,
			Count: o.Attempt, Detail: fmt.Sprintf("offered %d times and not taken", o.Attempt),
		})
	}
	if c, waits := f.state.Contacts[o.Call]; waits { // a task's call is over, the task itself waits
		f.limitOffers(c)
	}
}

// limitOffers keeps a call that nobody takes from going round all agents again and again: it goes to the
// queue's fallback, or rests for a while.
func (f *Floor) limitOffers(c contact.Contact) {
	w := f.state.Waits[c.ID]
	w.Failed++
	l := f.queues[c.Queue]
	switch {
	case w.Failed < f.cfg.OfferLimit:
		f.setWait(w)
	case l.Fallback.Kind != "":
		f.divert(c, l.Fallback, "offer_limit")
	default:
		f.setWait(w.Pause(f.now.Add(f.cfg.OfferPause.Duration), f.policy(c)))
	}
}

func (f *Floor) wireOffer(o offer.Offer) wire.Offer {
	c := f.state.Contacts[o.Call]
	rule := f.ringRule(o, c)
	w := wire.Offer{
		Kind: f.kindOf(o, c), Links: f.ringLinks(rule, o, c), NoDecline: rule.NoDecline,
		Consult: o.Consult, Variables: f.popover(o, c),
		ID: o.ID, CallID: o.Call, Agent: o.Agent, Queue: o.Queue, State: o.State, From: c.From,
		FromName: c.FromName, To: c.To, Queued: c.Place.Entered, Created: o.Created, Deadline: o.Deadline, Attempt: o.Attempt,
		Class: int(c.Place.Class),
	}
	if c.Stage != "" {
		w.Stage = f.stageName(c.Stage)
	}
	if c.Task != "" {
		f.showTask(&w, c)
	}
	if k, err := f.work(o.Work); o.Work != "" && err == nil {
		shown := k.Wire()
		w.Work, w.From, w.FromName, w.Queued = &shown, k.From, k.FromName, k.Place.Entered
		w.Class = int(k.Place.Class)
	}
	return w
}

// Offer is one offer as the API shows it.
func (f *Floor) Offer(oid string) (wire.Offer, error) {
	o, err := f.offer(oid)
	return f.wireOffer(o), err
}

// Offers are the open offers, of one agent or (empty) of all, oldest first.
func (f *Floor) Offers(agentID string) []wire.Offer {
	out := []wire.Offer{}
	for _, o := range f.state.Offers {
		if o.State == wire.OfferOpen && (agentID == "" || o.Agent == agentID) {
			out = append(out, f.wireOffer(o))
		}
	}
	sortOffers(out)
	return out
}

func sortOffers(o []wire.Offer) {
	slices.SortFunc(o, func(a, b wire.Offer) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
}
