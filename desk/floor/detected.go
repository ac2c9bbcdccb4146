package floor

import (
	"github.com/cordboard/cordboard/desk/campaign"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/dialer"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Detected is what an answering-machine detector says of a call.
type Detected struct {
	CallID  string
	Machine bool
}

func (in Detected) step(f *Floor) error {
	c, ok := f.state.Contacts[in.CallID]
	if !ok {
		return nil
	}
	r, ok := f.recordOf(c)
	if !ok || r.State != wire.RecordDialing {
		return nil
	}
	if c.State != contact.Connected && c.State != contact.Away && (c.State != contact.Dialing || !c.Deadline.IsZero()) {
		return nil // has been said already: the customer waits for an agent, or has one
	}
	if in.Machine {
		f.recordUnanswered(c, campaign.ResultMachine)
		f.finish(c, "hangup")
		return nil
	}
	f.person(c, r)
	return nil
}

// known says whether an answered call has been counted: at once, or when the detector has spoken.
func (f *Floor) known(c contact.Contact, r campaign.Record) bool {
	return !f.state.Campaigns[r.Campaign].Setup.Detect || c.State != contact.Dialing || !c.Deadline.IsZero()
}

// person: somebody has answered.
func (f *Floor) person(c contact.Contact, r campaign.Record) {
	f.count(r, dialer.Tally{Dialled: 1, Answered: 1})
	if c.State == contact.Connected || c.State == contact.Away { // the agent has dialled, and is there or may come back
		f.setRecord(must(r.Talk(c.Agent)), c.Agent)
		return
	}
	f.hand(c)
}
