package floor

import (
	"github.com/cordboard/cordboard/desk/consult"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Transfer gives the call away: to who is being asked, or (with a target, and nobody asked) blindly.
type Transfer struct {
	Call, Agent, Actor string
	Kind               wire.TargetKind
	Target             string
}

func (in Transfer) step(f *Floor) error {
	c, by, err := f.gate(in.Call, in.Agent, "transfer")
	if err != nil {
		return err
	}
	k, asking := f.consultOf(c.ID)
	switch {
	case asking && (in.Target != "" || in.Kind != ""):
		return f.notInConsult(c)
	case asking:
		return f.handToConsulted(c, k, in.Actor)
	}
	t, err := f.resolve(c, in.Kind, in.Target)
	if err != nil {
		return err
	}
	fallback, err := f.fallback(c, by)
	if err != nil && t.line == nil {
		return err
	}
	told := wire.Transfer{CallID: c.ID, From: by, Kind: t.kind, Target: t.name}
	f.publish("transfer.started", c.ID, in.Actor, told)
	f.give(c)
	switch t.kind {
	case wire.TargetAgent:
		f.offerTo(c, t, fallback)
	case wire.TargetNumber:
		c.Queue = fallback
		c = must(c.Out(contact.Transferring))
		f.setContact(c)
		f.ask(c, consult.Consult{Transfer: true}, t, in.Actor)
		return nil // completed when it answers
	default:
		c = must(c.ToQueue(t.line.ID, t.place(c.Place)))
		f.setContact(c)
		f.arrange(c)
		f.queued(c, reasonTransferred)
	}
	f.publish("transfer.completed", c.ID, in.Actor, told)
	return nil
}

// give takes the agent in control off the call, who wraps up (R3, W76).
func (f *Floor) give(c contact.Contact) {
	if c.Leg != "" {
		f.command(OpHangup, c.ID, c.Leg, "hangup")
	}
	f.retire(c)
}

// offerTo rings a transferred call at an agent.
func (f *Floor) offerTo(c contact.Contact, t target, fallback string) {
	f.ringAt(t.agent, offer.Offer{Call: c.ID, Queue: fallback, Attempt: c.Attempt + 1}, f.ringTime(fallback).Duration, func(o offer.Offer) {
		c = must(c.ToAgent(o.Agent, o.ID, fallback, false, o.Deadline))
		f.setContact(c)
	})
	f.arrange(c)
}

// handToConsulted completes a transfer to who is asked, also before they answer (W45, W77).
func (f *Floor) handToConsulted(c contact.Contact, k consult.Consult, actor string) error {
	told := wire.Transfer{CallID: c.ID, From: c.Agent, Kind: k.Kind, Target: k.Target}
	if len(c.Others) > 0 {
		return f.handInConference(c, k, told, actor)
	}
	fallback, err := f.fallback(c, c.Agent)
	if err != nil && k.State != wire.ConsultAnswered {
		return err
	}
	f.publish("transfer.started", c.ID, actor, told)
	f.give(c)
	switch {
	case k.State == wire.ConsultAnswered && k.Agent != "":
		f.forget(k, causeTransferred, actor)
		c.Avoid = c.Agent
		c = must(c.Pass(k.Agent, k.Leg, k.Answered, k.Deadline))
		f.setContact(c)
		f.arrange(c)
		f.publish("conference.owner_changed", c.ID, actor, f.handling(c))
	case k.State == wire.ConsultAnswered:
		k.Transfer = true
		c = must(c.Out(contact.Transferring))
		f.setContact(c)
		f.wentOutside(c, k)
		return nil
	case k.Kind == wire.TargetNumber:
		k.Transfer, k.By, k.Main = true, "", false
		f.setConsult(k)
		c.Queue = fallback
		c = must(c.Out(contact.Transferring))
		f.setContact(c)
		f.arrange(c)
		return nil // completed when it answers
	case k.Offer != "":
		o := f.state.Offers[k.Offer]
		q := fallback
		if k.Queue != "" {
			q = k.Queue
		}
		o.Consult, o.Queue = "", q
		put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
		f.forget(k, causeTransferred, actor)
		c = must(c.ToAgent(k.Agent, o.ID, q, k.State == wire.ConsultConnecting, k.Deadline))
		f.setContact(c)
		f.arrange(c)
	default: // waits in a queue
		f.forget(k, causeTransferred, actor)
		p := k.Place
		p.Entered = c.Place.Entered // the customer has waited longer than the consult
		if p.Entered.IsZero() {
			p.Entered = k.Place.Entered
		}
		c = must(c.ToQueue(k.Queue, p))
		f.setContact(c)
		f.arrange(c)
		f.queued(c, reasonTransferred)
	}
	f.publish("transfer.completed", c.ID, actor, told)
	return nil
}

// handInConference gives control of a conference to who is asked (W78); somebody who has not answered, or who
// cannot have control, joins it on answering, and control passes to the agent who has been there longest.
func (f *Floor) handInConference(c contact.Contact, k consult.Consult, told wire.Transfer, actor string) error {
	ready := k.State == wire.ConsultAnswered && k.Agent != ""
	if !ready && c.Others.Next() < 0 {
		return problem.Conflict("no_agent_left", f.stateOf(c), []string{"end_consult", "conference"}, "call %s would be left without an agent", c.ID)
	}
	f.publish("transfer.started", c.ID, actor, told)
	f.give(c)
	switch {
	case ready:
		c.Others = c.Others.Join(guest(k))
		f.forget(k, causeTransferred, actor)
		c = f.pass(c, len(c.Others)-1)
	case k.State == wire.ConsultAnswered:
		c.Others = c.Others.Join(guest(k))
		f.forget(k, causeTransferred, actor)
		c = f.pass(c, c.Others.Next())
	default:
		k.Merge, k.Main, k.By = true, false, ""
		f.setConsult(k)
		c = f.pass(c, c.Others.Next())
	}
	f.arrange(c)
	f.publish("conference.owner_changed", c.ID, actor, f.handling(c))
	f.publish("transfer.completed", c.ID, actor, told)
	return nil
}

// wentOutside: the number a call was given to has answered.
func (f *Floor) wentOutside(c contact.Contact, k consult.Consult) {
	put(f, key{KindConsult, k.ID}, f.state.Consults, nil)
	c.Others = c.Others.Join(guest(k))
	c = must(c.Out(contact.Outside))
	f.setContact(c)
	f.arrange(c)
	f.publish("transfer.completed", c.ID, Actor, wire.Transfer{CallID: c.ID, From: c.Avoid, Kind: k.Kind, Target: k.Target})
}

// strand puts a call whose transfer failed into its queue.
func (f *Floor) strand(c contact.Contact) {
	if f.queues[c.Queue] == nil {
		f.finish(c, "error")
		return
	}
	p := c.Place
	if p.Class == 0 {
		p.Class, p.Entered = 3, f.now // an outbound call had no place yet
	}
	c = must(c.ToQueue(c.Queue, p))
	f.setContact(c)
	f.arrange(c)
	f.queued(c, reasonTransferFailed)
}
