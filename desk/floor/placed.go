package floor

import (
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/signaling/wire"
)

// PlaceCall makes an agent busy with a call that is about to be placed under an identifier chosen before: first the
// agent, then the call, so that no customer is dialled for whom nobody could be there. CallEnded takes it back.
type PlaceCall struct {
	Call  wire.Call // ID, From, FromName, To, Variables (also the secure ones)
	Agent string
	Actor string
}

func (in PlaceCall) step(f *Floor) error {
	a, err := f.agent(in.Agent)
	if err == nil {
		a, err = a.Engage(in.Call.ID, f.now)
	}
	if err != nil {
		return err
	}
	c := contactOf(in.Call, in.Actor)
	c.State, c.Outbound, c.Agent = contact.Dialing, true, a.ID
	f.setContact(c)
	f.setAgent(a, in.Actor)
	return nil
}

// placed: a call an agent places is there. A desk phone is rung for it.
func (f *Floor) placed(c contact.Contact) {
	if c.State == contact.Dialing && c.Task == "" && c.Leg == "" {
		f.callStation(c, f.state.Agents[c.Agent], f.cfg.Return.Duration)
	}
}

// placedUp: the customer of a call an agent places has answered. The agent must be there soon.
func (f *Floor) placedUp(c contact.Contact) {
	switch c.State {
	case contact.Dialing:
		c.Deadline = f.now.Add(f.cfg.Attach.Duration)
		f.setContact(c)
	case contact.Connected, contact.Away:
		if c.State == contact.Away {
			f.hold(c)
		}
		if f.recorded(c) {
			f.command(OpRecord, c.ID, "", "")
		}
	}
}
