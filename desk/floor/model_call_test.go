package floor

import (
	"github.com/cordboard/cordboard/desk/conference"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/controls"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/signaling/wire"
)

// handle is an agent (now and then one it does not concern) doing something with a call.
func (w *world) handle() {
	var calls []contact.Contact
	for _, p := range w.calls[max(0, len(w.calls)-8):] {
		if c, ok := w.f.state.Contacts[p.ID]; ok && c.InHand() {
			calls = append(calls, c)
		}
	}
	if len(calls) == 0 {
		return
	}
	c := pick(w, calls)
	who := c.Agent
	switch w.r.IntN(8) {
	case 0:
		who = w.agent()
	case 1:
		if len(c.Others) > 0 {
			who = pick(w, c.Others).Agent
		}
	case 2:
		if k, ok := w.f.consultOf(c.ID); ok {
			who = k.Agent
		}
	case 3:
		who = ""
	}
	kind, target := w.target()
	switch w.r.IntN(14) {
	case 0, 1, 2:
		w.step(StartConsult{Call: c.ID, Agent: who, Actor: who, Kind: kind, Target: target, Hold: w.r.IntN(3) > 0})
	case 3, 4:
		w.step(Confer{Call: c.ID, Agent: who, Actor: who})
	case 5, 6, 7:
		w.step(Confer{Call: c.ID, Agent: who, Actor: who, Kind: kind, Target: target})
	case 8:
		w.step(Swap{Call: c.ID, Agent: who, Actor: who})
	case 9:
		w.step(EndConsult{Call: c.ID, Agent: who, Actor: who})
	case 10:
		if w.calm && w.r.IntN(2) > 0 {
			return
		}
		w.step(Exit{Call: c.ID, Agent: who, Actor: who})
	case 11:
		in := Transfer{Call: c.ID, Agent: who, Actor: who}
		if w.r.IntN(2) == 0 {
			in.Kind, in.Target = kind, target
		}
		w.step(in)
	case 12:
		if w.r.IntN(3) == 0 && len(c.Others) > 0 {
			w.step(Drop{Call: c.ID, Agent: who, Actor: who, Leg: pick(w, c.Others).Leg})
		} else {
			w.step(HoldCall{Call: c.ID, Agent: who, Actor: who, On: w.r.IntN(2) == 0})
		}
	case 13:
		if w.calm && w.r.IntN(5) > 0 {
			return
		}
		if w.r.IntN(4) == 0 {
			w.step(EndCall{Call: c.ID, Agent: who, Actor: who})
		} else if len(c.Others) > 0 || w.r.IntN(3) == 0 { // the customer hangs up
			w.bus = append(w.bus, LegEnded{wire.Leg{ID: c.Customer, CallID: c.ID, Role: wire.RoleCustomer, Cause: "hangup"}})
		}
	}
}

func (w *world) target() (wire.TargetKind, string) {
	if w.calm && w.r.IntN(2) == 0 {
		return wire.TargetNumber, "080"
	}
	switch w.r.IntN(6) {
	case 0:
		return wire.TargetQueue, pick(w, []string{"a", "b", "nowhere"})
	case 1:
		return wire.TargetEntryPoint, pick(w, []string{"1", "2", "9"})
	case 2, 3:
		return wire.TargetNumber, pick(w, []string{"080", "+386 41 1", "2", ""})
	default:
		for range 6 {
			if a := w.agent(); w.f.state.Agents[a].Free() {
				return wire.TargetAgent, a
			}
		}
		return wire.TargetAgent, w.agent()
	}
}

// arranged keeps where everybody is, and holds W33: customer and asked party are never both on hold.
func (w *world) arranged(c Command) {
	for _, s := range c.Seats {
		w.held[s.LegID] = *s.Hold
	}
	x := w.f.state.Contacts[c.CallID]
	if k, asking := w.f.consultOf(c.CallID); asking && x.Customer != "" && k.Leg != "" && w.held[x.Customer] && w.held[k.Leg] {
		w.fail("W33: customer and asked party of %s are both on hold: %+v", c.CallID, c.Seats)
	}
}

// invited dials: it rings, is answered, is refused, or nothing ever comes.
func (w *world) invited(p *party, c Command) {
	l := wire.Leg{ID: w.id("leg"), CallID: p.ID, Role: wire.RoleExpert, ClientRef: c.Invite.Ref}
	if len(p.legs) >= 7 {
		w.bus = append(w.bus, CommandFailed{Command: c, Detail: "full"})
		return
	}
	p.legs[l.ID] = l
	w.bus = append(w.bus, LegCreated{l})
	if w.r.IntN(4) > 0 {
		w.bus = append(w.bus, LegRinging{l})
	}
	switch w.r.IntN(6) {
	case 0:
		w.endLeg(p, l.ID, "busy")
	case 1: // nobody answers
	default:
		w.bus = append(w.bus, LegAnswered{l})
	}
}

func (w *world) checkConsultOffer(o offer.Offer) {
	k, ok := w.f.state.Consults[o.Consult]
	a := w.f.state.Agents[o.Agent]
	want := wire.ConsultReached
	if o.State == wire.OfferAccepted {
		want = wire.ConsultConnecting
	}
	if !ok || k.Offer != o.ID || k.Agent != o.Agent || k.State != want || a.State != wire.AgentReserved || a.Offer != o.ID || a.Call != o.Call {
		w.fail("offer %+v does not agree with consult %+v and agent %+v", o, k, a)
	}
}

// helps says whether an agent is on a call without being in control of it, or (asked) about to be.
func (w *world) helps(agentID, callID string, asked bool) bool {
	c, ok := w.f.state.Contacts[callID]
	if !ok || c.Agent == agentID {
		return false
	}
	if k, asking := w.f.consultOf(callID); asking && k.Agent == agentID {
		return asked == (k.State == wire.ConsultReached || k.State == wire.ConsultConnecting)
	}
	return !asked && c.Others.ByAgent(agentID) >= 0
}

// checkHandling holds what must be true of everybody on a call.
func (w *world) checkHandling(c contact.Contact, working map[string]string) {
	take := func(agentID string) {
		if agentID == "" {
			return
		}
		if other := working[agentID]; other != "" {
			w.fail("agent %s is on %s and %s", agentID, other, c.ID)
		}
		working[agentID] = c.ID
	}
	for _, p := range c.Others {
		take(p.Agent)
		if (p.Agent == "") == (p.Number == "") || (p.Leg == "") == p.Deadline.IsZero() {
			w.fail("party %+v of %s", p, c.ID)
		}
	}
	k, asking := w.f.consultOf(c.ID)
	if asking {
		take(k.Agent)
		if heard := k.State == wire.ConsultAnswered && k.Leg != ""; heard != k.Deadline.IsZero() {
			w.fail("consult %+v: a deadline exactly when nobody is heard", k)
		}
		if !c.InHand() && c.State != contact.Transferring && c.State != contact.Outside {
			w.fail("contact %s is %s with consult %+v", c.ID, c.State, k)
		}
		if k.Apart() && k.By != c.Agent && c.Others.ByAgent(k.By) < 0 {
			w.fail("consult %+v of an agent who is not on %+v", k, c)
		}
		if k.Transfer != (c.State == contact.Transferring) {
			w.fail("contact %s is %s with consult %+v", c.ID, c.State, k)
		}
	} else if c.State == contact.Transferring {
		w.fail("contact %s is transferred to nobody", c.ID)
	}
	if n := w.f.parties(c); n > conference.Limit {
		w.fail("%d parties on %s", n, c.ID)
	} else if n == conference.Limit {
		w.counts["eight parties"]++
	}
	if c.State == contact.Outside {
		w.counts["outside"]++
	}
	if c.State == contact.PostCall && c.Left.IsZero() || c.State != contact.PostCall && c.State != contact.Outside && !c.Left.IsZero() {
		w.fail("contact %+v: post call and customer do not agree", c)
	}
	if c.State == contact.Outside && c.Others.Next() >= 0 {
		w.fail("nobody has control of %+v, and an agent is on it", c)
	}
	if waits := c.State == contact.Queued || c.State == contact.Offered || c.State == contact.Connecting; waits && len(c.Others) > 0 {
		w.fail("contact %s is %s with others on it", c.ID, c.State)
	}
	// Everybody with a voice belongs somewhere, and never are both customer and asked party on hold.
	seen, both := map[string]bool{}, 0
	for _, s := range seats(c, k, asking) {
		if seen[s.LegID] {
			w.fail("leg %s of %s has two seats", s.LegID, c.ID)
		}
		seen[s.LegID] = true
		if *s.Hold && (s.LegID == c.Customer || s.LegID == k.Leg) {
			both++
		}
	}
	if both > 1 && k.Apart() && k.State == wire.ConsultAnswered {
		w.fail("W33: both legs of %s are on hold", c.ID)
	}
	// Whoever talks can do something about it: nobody is stuck with a call.
	if c.State == contact.Connected || c.State == contact.PostCall {
		if len(controls.Allowed(controls.For(w.f.view(c, c.Agent)))) == 0 {
			w.fail("agent %s can do nothing with %+v", c.Agent, c)
		}
	}
}
