package floor

import (
	"fmt"

	"github.com/cordboard/cordboard/desk/consult"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/signaling/wire"
)

// CommandFailed says that the media plane could not do what the floor asked for.
type CommandFailed struct {
	Command Command
	Detail  string
}

// mostTries is how often the media plane is told again who belongs where, before people are told that it could not be.
const mostTries = 2

func (in CommandFailed) step(f *Floor) error {
	c, ok := f.state.Contacts[in.Command.CallID]
	if !ok {
		return nil
	}
	if c.State == contact.Message && in.Command.Op == OpRecord {
		f.messageFailed(c)
		return nil
	}
	if in.Command.Op == OpOpen || in.Command.Op == OpDial {
		f.taskFailed(c, in)
		return nil
	}
	switch op := in.Command.Op; op {
	case OpHold, OpResume, OpArrange:
		if in.Command.Try < mostTries {
			f.seatAgain(c, in.Command)
			return nil
		}
	}
	f.publish("desk.alarm", c.ID, Actor, wire.Alarm{
		Type: "call.command_failed", CallID: c.ID, Queue: c.Queue,
		Detail: fmt.Sprintf("could not %s: %s", in.Command.Op, in.Detail),
	})
	switch {
	case in.Command.Op == OpArrange:
		f.notHeld(c)
	case in.Command.Op == OpAnswer:
		f.finish(c, "error")
	case c.State == contact.Diverted && in.Command.Op == OpSay:
		f.proceed(c) // without its announcement
	case c.State == contact.Diverted && in.Command.Op == OpInvite:
		f.finish(c, "unavailable")
	case in.Command.Op == OpInvite && in.Command.Invite.Phone != "":
		if o, ok := f.state.Offers[in.Command.Invite.Ref]; ok && o.Phone {
			f.stationRefused(o, "unavailable")
		}
	case in.Command.Op == OpInvite:
		if k, ok := f.state.Consults[in.Command.Invite.Ref]; ok && k.State != wire.ConsultAnswered {
			f.closeConsult(k, "unavailable", k.Held, Actor)
		}
	}
	return nil
}

// seatAgain repeats what was said of who is on hold, as it is right by now: until it is done a customer may hear what is
// not for them, or nothing.
func (f *Floor) seatAgain(c contact.Contact, failed Command) {
	waits := c.State == contact.Queued || c.State == contact.Offered || c.State == contact.Connecting
	if c.InHand() || c.State == contact.Outside || c.State == contact.Transferring || waits && !c.Outbound {
		k, asking := f.consultOf(c.ID)
		failed = Command{Op: OpArrange, CallID: c.ID, Seats: append(seats(c, k, asking), f.ears(c)...), Try: failed.Try}
	}
	failed.Try++
	f.effects = append(f.effects, failed)
}

// notHeld: a customer who was put on hold may hear all the same. Whoever has the call is shown so.
func (f *Floor) notHeld(c contact.Contact) {
	if _, asking := f.consultOf(c.ID); !c.Parked || asking || len(c.Others) > 0 {
		return
	}
	c.Parked = false
	f.setContact(c)
	f.effects = append(f.effects, Command{Op: OpArrange, CallID: c.ID, Seats: seats(c, consult.Consult{}, false), Try: mostTries})
}
