package floor

import (
	"fmt"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/signaling/wire"
)

// CommandFailed says that the media plane could not do what the floor asked for.
type CommandFailed struct {
	Command Command
	Detail  string
}

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
	f.publish("desk.alarm", c.ID, Actor, wire.Alarm{
		Type: "call.command_failed", CallID: c.ID, Queue: c.Queue,
		Detail: fmt.Sprintf("could not %s: %s", in.Command.Op, in.Detail),
	})
	switch {
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
