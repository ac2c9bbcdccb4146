package floor

import (
	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/signaling/wire"
)

// holdsSignout says whether something that is being set up for an agent holds their sign-out: a call that
// rings or is being connected. A call in progress and the work after it hold it too, but have ends of their
// own and no limit.
func (f *Floor) holdsSignout(a agent.Agent) bool {
	return a.Leaving && (a.State == wire.AgentReserved || a.State == wire.AgentBusy && f.state.Contacts[a.Call].State == contact.Dialing)
}

// letLeave is the limit of a sign-out: what is being set up goes on without the agent.
func (f *Floor) letLeave(a agent.Agent) {
	c := f.state.Contacts[a.Call]
	if a.State != wire.AgentReserved {
		f.finish(c, "cancelled")
		return
	}
	if o, ok := f.state.Offers[a.Offer]; ok && o.State == wire.OfferOpen {
		f.missed(must(o.Settle(wire.OfferWithdrawn)), reasonSignedOut, Actor)
		return
	}
	f.closeOffer(a.Offer)
	f.setAgent(must(a.Fail(reasonSignedOut, f.now)), Actor)
	if k, asking := f.consultOf(c.ID); asking && k.Agent == a.ID {
		f.consultMissed(k, reasonSignedOut)
		return
	}
	if c.Task != "" && c.State == contact.Dialing { // rings on; whoever is free when it is answered takes it
		c.Agent, c.Offer = "", ""
		f.setContact(c)
		return
	}
	f.requeue(c, reasonSignedOut)
}

const reasonSignedOut = "signed_out"

// signout is what a pending sign-out waits for.
func (f *Floor) signout(a agent.Agent) *wire.Signout {
	s := &wire.Signout{WaitsFor: "call"}
	switch {
	case a.State == wire.AgentBusy && isWork(a.Call):
		s.WaitsFor = "work"
	case a.State == wire.AgentReserved && a.Offer != "":
		s.WaitsFor = "offer"
	case a.State == wire.AgentWrapup:
		s.WaitsFor = "wrapup"
		if w, ok := f.state.Wrapups[a.Wrapup]; ok {
			by := w.Deadline
			s.By = &by
		}
	case f.holdsSignout(a):
		s.WaitsFor = "call_setup"
	}
	if !a.LeaveBy.IsZero() {
		by := a.LeaveBy
		s.By = &by
	}
	return s
}
