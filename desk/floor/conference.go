package floor

import (
	"net/http"
	"time"

	"github.com/cordboard/cordboard/desk/consult"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Confer opens the conference: who is asked joins it, now or on answering. With a target somebody is added
// without having been asked first (X5).
type Confer struct {
	Call, Agent, Actor string
	Kind               wire.TargetKind
	Target             string
}

// Exit is an agent leaving a conference that goes on.
type Exit struct{ Call, Agent, Actor string }

// Drop takes a participant out of a conference.
type Drop struct{ Call, Agent, Actor, Leg string }

func (in Confer) step(f *Floor) error {
	if in.Target != "" || in.Kind != "" {
		return f.add(in)
	}
	c, _, err := f.gate(in.Call, in.Agent, "conference")
	if err != nil {
		return err
	}
	k, _ := f.consultOf(c.ID)
	f.joinConference(c, k, in.Actor)
	return nil
}

func (f *Floor) add(in Confer) error {
	c, by, err := f.gate(in.Call, in.Agent, "add")
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
	f.ask(c, consult.Consult{By: by, Merge: true}, t, in.Actor)
	return nil
}

// joinConference makes who is asked one of the participants; who has not answered yet will be on answering.
// The customer is off hold at once (W55).
func (f *Floor) joinConference(c contact.Contact, k consult.Consult, actor string) {
	c.Parked = false
	if k.State != wire.ConsultAnswered {
		k.Merge, k.Main = true, false
		f.setConsult(k)
		f.setContact(c)
		f.arrange(c)
		return
	}
	first := len(c.Others) == 0
	c.Others = c.Others.Join(guest(k))
	f.setContact(c)
	f.forget(k, causeMerged, actor)
	if i := c.Others.Next(); i >= 0 && c.State == contact.Outside { // nobody had control
		c = f.pass(c, i)
	}
	f.arrange(c)
	if first {
		f.publish("conference.started", c.ID, actor, f.handling(c))
	}
	f.publish("conference.joined", c.ID, actor, f.handling(c))
}

func (in Exit) step(f *Floor) error {
	c, by, err := f.gate(in.Call, in.Agent, "exit")
	if err != nil {
		return err
	}
	if by == c.Agent {
		f.command(OpHangup, c.ID, c.Leg, "hangup")
		f.primaryLeaves(c, in.Actor)
		return nil
	}
	i := c.Others.ByAgent(by)
	f.command(OpHangup, c.ID, c.Others[i].Leg, "hangup")
	f.partyLeaves(c, i, in.Actor)
	return nil
}

func (in Drop) step(f *Floor) error {
	c, _, err := f.gate(in.Call, in.Agent, "drop")
	if err != nil {
		return err
	}
	i := c.Others.ByLeg(in.Leg)
	if i < 0 {
		return &problem.Error{
			Status: http.StatusUnprocessableEntity, Code: "invalid_field", Detail: "this leg is no participant that can be taken out",
			Fields: []problem.Field{{Pointer: "/leg_id", Code: "unknown_value"}},
		}
	}
	f.command(OpHangup, c.ID, in.Leg, "hangup")
	f.partyLeaves(c, i, in.Actor)
	return nil
}

// partyLeaves: a participant beside customer and primary agent is gone.
func (f *Floor) partyLeaves(c contact.Contact, i int, actor string) {
	p := c.Others[i]
	c.Others = c.Others.Leave(i)
	f.setContact(c)
	f.letGo(p.Agent, c.ID)
	if k, asking := f.consultOf(c.ID); asking && p.Agent != "" && k.By == p.Agent {
		f.orphan(c, k, c.Agent)
	}
	c = f.state.Contacts[c.ID]
	if f.over(c) {
		f.finish(c, "hangup")
		return
	}
	f.arrange(c)
	f.publish("conference.left", c.ID, actor, f.handling(c))
}

// orphan deals with a consult whose agent has left: who has answered stays as a participant, who is to merge
// is heir's from now on, the agent in control, anybody else is let go.
func (f *Floor) orphan(c contact.Contact, k consult.Consult, heir string) {
	switch {
	case k.State == wire.ConsultAnswered:
		c.Others = c.Others.Join(guest(k))
		f.setContact(c)
		f.forget(k, causeMerged, Actor)
	case k.Merge && c.Left.IsZero():
		k.By = heir
		f.setConsult(k)
	default:
		f.dismiss(k)
		f.forget(k, causeCallEnded, Actor)
	}
}

// over says whether a call has nobody left to talk to each other.
func (f *Floor) over(c contact.Contact) bool {
	switch c.State {
	case contact.PostCall:
		return f.voices(c) < 2
	case contact.Outside:
		if !c.Left.IsZero() {
			return f.voices(c) < 2
		}
		_, asking := f.consultOf(c.ID)
		return len(c.Others) == 0 && !asking
	default:
		return false
	}
}

// primaryLeaves: the agent in control has left the call for good; the agent who has been there longest takes
// control (W58, X6). When none is left the policy says whether a number may stay; when nobody is left it is
// the call's end. The agent's leg is somebody else's to hang up.
func (f *Floor) primaryLeaves(c contact.Contact, actor string) {
	was := c.Agent
	if k, asking := f.consultOf(c.ID); asking && k.By == was {
		if k.State != wire.ConsultAnswered && k.Merge {
			k.By = ""
			f.setConsult(k)
		} else {
			f.orphan(c, k, c.Agent)
			c = f.state.Contacts[c.ID]
		}
	}
	i := c.Others.Next()
	if i < 0 && (len(c.Others) == 0 || f.cfg.Handling.LastAgentLeft != KeepCall) {
		f.finish(c, "hangup")
		return
	}
	f.retire(c)
	if i < 0 {
		c = f.outside(c)
	} else {
		c = f.pass(c, i)
	}
	if f.over(c) {
		f.finish(c, "hangup")
		return
	}
	f.arrange(c)
	f.publish("conference.left", c.ID, actor, f.handling(c))
	if i >= 0 {
		f.publish("conference.owner_changed", c.ID, actor, f.handling(c))
	}
}

// primaryLost: the agent in control of a call that is not theirs alone did not come back.
func (f *Floor) primaryLost(c contact.Contact) {
	k, asking := f.consultOf(c.ID)
	stays := c.Others.Next() >= 0 || asking && k.State == wire.ConsultAnswered && k.Agent != ""
	if stays || c.Outbound || f.queues[c.Queue] == nil {
		f.primaryLeaves(c, Actor)
		return
	}
	// No agent stays: the customer gets another one, the numbers go.
	if asking {
		f.dismiss(k)
		f.forget(k, causeLost, Actor)
	}
	for _, p := range c.Others {
		f.command(OpHangup, c.ID, p.Leg, "hangup")
	}
	f.retire(c)
	c.Others = nil
	f.setContact(c)
	f.command(OpHold, c.ID, c.Customer, "")
	f.requeue(c, reasonAgentLost)
}

// retire lets the agent in control wrap up, or go if they never talked.
func (f *Floor) retire(c contact.Contact) {
	a, ok := f.state.Agents[c.Agent]
	switch {
	case !ok || a.Call != c.ID || a.State != wire.AgentBusy:
	case c.Talked:
		f.beginWrapup(a, c)
	default:
		f.setAgent(must(a.Disengage(f.now)), Actor)
	}
}

// pass gives control to the i-th party.
func (f *Floor) pass(c contact.Contact, i int) contact.Contact {
	p := c.Others[i]
	c.Others = c.Others.Leave(i)
	c = must(c.Pass(p.Agent, p.Leg, p.Since, p.Deadline))
	f.setContact(c)
	if k, asking := f.consultOf(c.ID); asking && k.By == "" {
		k.By = c.Agent
		f.setConsult(k)
	}
	return c
}

// outside leaves those who are not agents to themselves.
func (f *Floor) outside(c contact.Contact) contact.Contact {
	c = must(c.Out(contact.Outside))
	f.setContact(c)
	return c
}

// customerLeaves begins the post call when two or more stay, else it is the end (W65 to W68). Who is being
// asked and has not answered is let go: nobody new comes in.
func (f *Floor) customerLeaves(c contact.Contact) {
	if k, asking := f.consultOf(c.ID); asking {
		if k.State == wire.ConsultAnswered {
			c.Others = c.Others.Join(guest(k))
			f.setContact(c)
			f.forget(k, causeCustomer, Actor)
		} else {
			f.dismiss(k)
			f.forget(k, causeCustomer, Actor)
		}
		c = f.state.Contacts[c.ID]
	}
	if !c.InHand() && c.State != contact.Outside || f.voices(c) < 2 {
		f.finish(c, "hangup")
		return
	}
	lost := c.State == contact.Away
	c = must(c.CustomerLeft(f.now))
	f.setContact(c)
	if lost {
		if i := c.Others.Next(); i >= 0 && c.Others[i].Leg != "" {
			f.retire(c)
			c = f.pass(c, i)
		} else {
			f.finish(c, "hangup")
			return
		}
	}
	f.arrange(c)
	f.publish("call.post_call", c.ID, Actor, f.handling(c))
}

// partiesOverdue lets go of those whose voice did not come back.
func (f *Floor) partiesOverdue(c contact.Contact) {
	for {
		i := -1
		for j, p := range c.Others {
			if !p.Deadline.IsZero() && !p.Deadline.After(f.now) {
				i = j
			}
		}
		if i < 0 {
			return
		}
		f.partyLeaves(c, i, Actor)
		var alive bool
		if c, alive = f.state.Contacts[c.ID]; !alive {
			return
		}
	}
}

// Stats counts what calls were besides talk with one agent.
type Stats struct {
	PostCalls       uint64        // calls whose customer left before the others
	PostCallTime    time.Duration // of all of them
	LongestPostCall time.Duration
}

// Stats are the counters since the start.
func (f *Floor) Stats() Stats { return f.stats }

func (f *Floor) countPostCall(c contact.Contact) {
	if c.Left.IsZero() {
		return
	}
	d := f.now.Sub(c.Left)
	f.stats.PostCalls++
	f.stats.PostCallTime += d
	f.stats.LongestPostCall = max(f.stats.LongestPostCall, d)
}
