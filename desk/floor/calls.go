package floor

import (
	"maps"
	"slices"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Reasons of call.queued.
const (
	reasonNew       = "new"
	reasonAgentLost = "agent_lost"

	reasonTransferred    = "transferred"
	reasonTransferFailed = "transfer_failed"
)

// CallCreated brings a call: an inbound one to a number of ours is queued, any other that is not known yet is none of
// the floor's business.
type CallCreated struct {
	Call  wire.Call
	Actor string
	// Secrets are its secure variables, which the call's picture never has.
	Secrets map[string]string
	Route   *wire.Routed // what its routing hook chose, nil: it was not asked
}

// CallEnded is the end of a call.
type CallEnded struct{ ID, Cause string }

// LegAnswered says that a leg's media is up and in the room.
type LegAnswered struct{ Leg wire.Leg }

// LegEnded says that a leg is gone; its Cause says why.
type LegEnded struct{ Leg wire.Leg }

// LegHeld says that a leg was put on hold or taken off it, and by whom.
type LegHeld struct {
	Leg   wire.Leg
	Actor string
}

func (f *Floor) setContact(c contact.Contact) {
	put(f, key{KindContact, c.ID}, f.state.Contacts, any(c))
	f.settleWait(c)
}

// dropContact forgets a contact.
func (f *Floor) dropContact(cid string) {
	if _, waits := f.state.Waits[cid]; waits {
		put(f, key{KindWait, cid}, f.state.Waits, nil)
	}
	put(f, key{KindContact, cid}, f.state.Contacts, nil)
}

func customerLeg(c wire.Call) string {
	for _, l := range c.Legs {
		if l.Role == wire.RoleCustomer && l.State != wire.LegEnded {
			return l.ID
		}
	}
	return ""
}

func (in CallCreated) step(f *Floor) error {
	if c, there := f.state.Contacts[in.Call.ID]; there {
		f.placed(c)
		return nil
	}
	if in.Call.Direction == wire.Outbound {
		return nil // those that are the floor's are there already: see PlaceCall
	}
	c := contactOf(in.Call, in.Actor)
	take(&c, in.Secrets, in.Actor)
	f.arrive(c, in.Route)
	return nil
}

func contactOf(c wire.Call, actor string) contact.Contact {
	out := contact.Contact{ID: c.ID, From: c.From, FromName: c.FromName, To: c.To, Customer: customerLeg(c)}
	take(&out, c.Variables, actor)
	return out
}

// receive answers the customer and plays music.
func (f *Floor) receive(c contact.Contact) {
	f.command(OpAnswer, c.ID, c.Customer, "")
	f.hold(c)
}

// hold lets the customer hear music, the queue's own where it has some.
func (f *Floor) hold(c contact.Contact) {
	f.command(OpHold, c.ID, c.Customer, "")
	if l := f.queues[c.Queue]; l != nil && l.Prompts.Music != "" {
		f.effects = append(f.effects, Command{Op: OpMusic, CallID: c.ID, LegID: c.Customer, Files: []string{l.Prompts.Music}})
	}
}

// unhold ends it.
func (f *Floor) unhold(c contact.Contact) {
	if l := f.queues[c.Queue]; l != nil && l.Prompts.Music != "" {
		f.command(OpHush, c.ID, c.Customer, "")
	}
	f.command(OpResume, c.ID, c.Customer, "")
}

// queued tells that a contact waits (again).
func (f *Floor) queued(c contact.Contact, reason string) {
	l := f.queues[c.Queue]
	w := f.state.Waits[c.ID]
	place := wire.QueuePlace{
		CallID: c.ID, Queue: c.Queue, Position: l.position(queue.Waiting{ID: c.ID, Place: c.Place}),
		Queued: c.Place.Entered, Attempt: c.Attempt, Reason: reason, Class: int(c.Place.Class), Stage: c.Stage, Preferred: w.Preferred,
	}
	place.ExpectedSeconds = int(l.pace.expected(place.Position).Seconds())
	f.publish("call.queued", c.ID, Actor, place)
	if p := f.berths[c.ID].pool; p != nil && f.state.Watches[p.id].Raised {
		f.alarmNoAgent(p, c.ID)
	}
}

func (in CallEnded) step(f *Floor) error {
	if c, ok := f.state.Contacts[in.ID]; ok {
		f.endContact(c)
	}
	return nil
}

// endContact lets go of whoever was on the contact: an offer is withdrawn, an agent who was on the way goes
// back to where they were, and one who talked wraps up.
func (f *Floor) endContact(c contact.Contact) {
	f.dropOffer(c, wire.OfferWithdrawn)
	if k, asking := f.consultOf(c.ID); asking {
		k.Leg = "" // ends with the call
		f.dismiss(k)
		f.forget(k, causeCallEnded, Actor)
	}
	for _, p := range c.Others {
		f.letGo(p.Agent, c.ID)
	}
	for _, s := range c.Watchers {
		f.supervisionEnded(c.ID, s, Actor)
	}
	f.countPostCall(c)
	f.dropContact(c.ID)
	if c.State == contact.Message {
		f.messageLeft(c)
	}
	if c.Task != "" {
		f.taskOver(c)
	}
	a, ok := f.state.Agents[c.Agent]
	if !ok {
		return
	}
	switch {
	case a.State == wire.AgentReserved && a.Call == c.ID:
		f.setAgent(must(a.Release(f.now)), Actor)
	case a.State == wire.AgentBusy && a.Call == c.ID && c.Talked:
		f.beginWrapup(a, c)
	case a.State == wire.AgentBusy && a.Call == c.ID:
		f.setAgent(must(a.Disengage(f.now)), Actor)
	}
}

// must is for transitions whose guard has just been checked.
func must[T any](v T, err error) T {
	if err != nil {
		panic("floor: impossible transition: " + err.Error())
	}
	return v
}

func (in LegAnswered) step(f *Floor) error {
	c, ok := f.state.Contacts[in.Leg.CallID]
	if !ok {
		return nil
	}
	if in.Leg.Role == wire.RoleCustomer {
		f.answered = c.ID
		f.customerUp(c, in.Leg)
		return nil
	}
	if c.State == contact.Diverted {
		f.outUp(c, in.Leg)
		return nil
	}
	if f.watcherUp(c, in.Leg) {
		return nil
	}
	if !f.pickedUp(c, in.Leg) {
		return nil
	}
	c = f.state.Contacts[c.ID]
	k, asking := f.consultOf(c.ID)
	if ofConsult(in.Leg) {
		if asking && k.ID == in.Leg.ClientRef {
			f.consultUp(k, in.Leg)
		} else if c.Others.ByLeg(in.Leg.ID) < 0 {
			f.command(OpHangup, c.ID, in.Leg.ID, "cancelled")
		}
		return nil
	}
	if in.Leg.Role != wire.RoleAgent || f.agents[in.Leg.Agent] == nil {
		return nil
	}
	if asking && k.Agent == in.Leg.Agent && (k.State == wire.ConsultConnecting || k.State == wire.ConsultAnswered) {
		f.consultUp(k, in.Leg)
		return nil
	}
	if i := c.Others.ByAgent(in.Leg.Agent); i >= 0 {
		c.Others = c.Others.Set(i, c.Others[i].Back(in.Leg.ID))
		f.setContact(c)
		f.arrange(c)
		return nil
	}
	if !c.MayJoin(in.Leg.Agent) {
		f.command(OpHangup, c.ID, in.Leg.ID, "rejected") // came too late: the call is somebody else's by now
		return nil
	}
	f.attach(c, in.Leg)
	return nil
}

// customerUp learns the customer's leg where it was not known yet.
func (f *Floor) customerUp(c contact.Contact, l wire.Leg) {
	if c.Customer != "" {
		return
	}
	c.Customer = l.ID
	f.setContact(c)
	if c.Task != "" {
		f.taskAnswered(c)
		return
	}
	if c.Outbound {
		f.placedUp(c)
		return
	}
	if c.State == contact.Queued || c.State == contact.Offered || c.State == contact.Connecting || c.State == contact.Diverted {
		f.receive(c)
	}
}

// attach connects customer and agent: for the first time, after a loss, or on another leg.
func (f *Floor) attach(c contact.Contact, l wire.Leg) {
	was, first, old := c.State, !c.Talked, c.Leg
	c = must(c.Attach(l.Agent, l.ID))
	if c.Since.IsZero() {
		c.Since = f.now
	}
	if was == contact.Connecting {
		f.offerTaken(c.Offer, l.ID)
		c.Offer = ""
		a := f.state.Agents[l.Agent]
		f.setContact(c)
		f.setAgent(must(a.Engage(c.ID, f.now)), l.Agent)
		if q := f.queues[c.Queue]; q != nil {
			q.pace.taken(f.now)
		}
		if c.Place.Class == queue.ClassReturned {
			f.command(OpTone, c.ID, l.ID, "")
		}
	} else {
		f.setContact(c)
		if was == contact.Connected && old != "" && old != l.ID { // handed over from another device
			f.command(OpHangup, c.ID, old, "replaced")
		}
	}
	if c.Task != "" && c.Customer == "" {
		if was == contact.Connecting {
			f.taskAttached(c)
		}
		return
	}
	if c.Task != "" && was == contact.Connecting {
		f.recordConnected(c)
	}
	if _, asking := f.consultOf(c.ID); asking || len(c.Others) > 0 {
		f.arrange(c)
	} else if c.Task != "" && c.Outbound && was == contact.Connecting {
		// nobody has put the customer on hold, unless the call was transferred and so is like an inbound one
	} else if (was == contact.Connecting || was == contact.Away) && !c.Parked {
		f.unhold(c)
	}
	if l.Side != "" { // a desk phone that was rung for a consult which has become a transfer
		f.arrange(c)
	}
	if first && f.recorded(c) {
		f.command(OpRecord, c.ID, "", "")
	}
}

// recorded says whether a call is recorded by itself once agent and customer are there (W80): by its queue's word, or,
// for one that an agent places, by that of the whole contact centre.
func (f *Floor) recorded(c contact.Contact) bool {
	if l := f.queues[c.Queue]; l != nil {
		return !l.NoRecording
	}
	return c.Outbound && c.Task == "" && c.Customer != "" && f.cfg.Handling.RecordPlaced
}

// left says whether a leg's end was somebody's will rather than a loss.
func left(cause string) bool {
	switch cause {
	case "hangup", "cancelled", "rejected", "shutdown":
		return true
	default:
		return false
	}
}

func (in LegEnded) step(f *Floor) error {
	c, ok := f.state.Contacts[in.Leg.CallID]
	if !ok {
		return nil
	}
	if f.watcherGone(c, in.Leg) {
		return nil
	}
	k, asking := f.consultOf(c.ID)
	switch {
	case c.Task != "" && c.Customer == "" && in.Leg.Role == wire.RoleCustomer:
		f.taskUnanswered(c, in.Leg.Cause)
	case in.Leg.ID == "":
	case in.Leg.ID == c.Customer:
		f.customerLeaves(c)
	case c.State == contact.Diverted && in.Leg.ID == c.Far:
		f.finish(c, in.Leg.Cause)
	case f.ringsWith(in.Leg):
		f.stationRefused(f.state.Offers[in.Leg.ClientRef], in.Leg.Cause)
	case asking && (in.Leg.ID == k.Leg || in.Leg.ClientRef == k.ID):
		f.consultLegEnded(k, in.Leg)
	case in.Leg.ID == c.Leg:
		f.primaryLegEnded(c, in.Leg)
	default:
		if i := c.Others.ByLeg(in.Leg.ID); i >= 0 {
			f.partyLegEnded(c, i, in.Leg)
		}
	}
	return nil
}

// primaryLegEnded: the agent in control has hung up, or was lost and may come back.
func (f *Floor) primaryLegEnded(c contact.Contact, l wire.Leg) {
	_, asking := f.consultOf(c.ID)
	alone := !asking && len(c.Others) == 0
	switch {
	case c.State == contact.PostCall:
		c.Leg = ""
		if left(l.Cause) || f.voices(c) < 2 {
			f.primaryLeaves(c, c.Agent)
			return
		}
		f.setContact(c) // the others go on; control comes back with the agent, or passes when they leave
	case c.State != contact.Connected:
	case left(l.Cause) && alone:
		f.finish(c, "hangup")
	case left(l.Cause):
		c.Leg = ""
		f.primaryLeaves(c, c.Agent)
	default:
		c = must(c.Lose(f.now.Add(f.cfg.Return.Duration)))
		f.setContact(c)
		switch {
		case !alone:
			f.arrange(c)
		case l.Cause != "replaced": // whoever replaces it is in the room already
			f.hold(c)
		}
	}
}

// partyLegEnded: somebody beside customer and primary agent has hung up, or an agent was lost.
func (f *Floor) partyLegEnded(c contact.Contact, i int, l wire.Leg) {
	p := c.Others[i]
	if p.Agent == "" || left(l.Cause) {
		f.partyLeaves(c, i, Actor)
		return
	}
	c.Others = c.Others.Set(i, p.Lose(f.now.Add(f.cfg.Return.Duration)))
	f.setContact(c)
	if f.over(c) {
		f.finish(c, "hangup")
	}
}

// finish ends the contact and its call. The call may be ending already.
func (f *Floor) finish(c contact.Contact, code string) {
	f.endContact(c)
	f.command(OpEnd, c.ID, "", code)
}

// farSide is who holds or resumes by signalling: a telephone, by a re-INVITE.
const farSide = "customer"

func (in LegHeld) step(f *Floor) error {
	c, ok := f.state.Contacts[in.Leg.CallID]
	if !ok || in.Actor == Actor || !c.InHand() {
		return nil
	}
	if _, asking := f.consultOf(c.ID); asking || len(c.Others) > 0 {
		f.arrange(c) // during a consult or conference the desk says who waits (W33, W60)
		return nil
	}
	switch {
	case c.State != contact.Connected:
	case in.Leg.ID == c.Customer && c.Parked != in.Leg.Hold.Local: // the far side's own hold is none of the agent's
		c.Parked = in.Leg.Hold.Local
		f.setContact(c)
	case in.Leg.ID == c.Leg && c.Parked != in.Leg.Hold.Remote && in.Actor == farSide: // the agent's desk phone says what the button would
		c.Parked = in.Leg.Hold.Remote
		f.setContact(c)
		f.arrange(c)
	}
	return nil
}

// overdue is the deadline of an agent whose voice did not come up, or who did not come back.
func (f *Floor) overdue(c contact.Contact) {
	f.watchersOverdue(c.ID)
	c = f.state.Contacts[c.ID]
	f.partiesOverdue(c)
	c, ok := f.state.Contacts[c.ID]
	if !ok || c.Deadline.IsZero() || c.Deadline.After(f.now) {
		return
	}
	a := f.state.Agents[c.Agent]
	switch c.State {
	case contact.Message:
		f.finish(c, "hangup")
	case contact.Diverted:
		f.divertedOverdue(c)
	case contact.Dialing:
		f.abandon(c)
	case contact.Connecting:
		f.noVoice(c)
	case contact.Away:
		a.Want, a.WantWhy = wire.AgentNotReady, agent.ReasonConnectionLost
		if _, asking := f.consultOf(c.ID); asking || len(c.Others) > 0 {
			f.setAgent(a, Actor)
			f.primaryLost(c)
			return
		}
		f.beginWrapup(a, c)
		if c.Outbound {
			f.dropContact(c.ID)
			if c.Task != "" {
				f.taskOver(c)
			}
			f.command(OpEnd, c.ID, "", "media_lost")
			return
		}
		f.hold(c) // after "replaced" nobody has asked for music yet
		f.requeue(c, reasonAgentLost)
	}
}

// noVoice: the agent who took the call did not come.
func (f *Floor) noVoice(c contact.Contact) {
	f.closeOffer(c.Offer)
	f.setAgent(must(f.state.Agents[c.Agent].Fail(agent.ReasonNoMedia, f.now)), Actor)
	f.requeue(c, agent.ReasonNoMedia)
}

func (f *Floor) requeue(c contact.Contact, reason string) {
	if c.Task != "" && c.Avoid == "" { // one that was transferred is a call like any other
		f.taskMissed(c, reason)
		return
	}
	c = must(c.Requeue())
	f.setContact(c)
	f.queued(c, reason)
}

// MayJoin refuses an agent who may not attach a leg to a call now.
func (f *Floor) MayJoin(agentID, callID string) error {
	if _, err := f.agent(agentID); err != nil {
		return err
	}
	c, ok := f.state.Contacts[callID]
	if !ok {
		return problem.NotFound("call", callID)
	}
	if k, asking := f.consultOf(callID); asking && k.Agent == agentID && (k.State == wire.ConsultConnecting || k.State == wire.ConsultAnswered) {
		return nil
	}
	if !c.MayJoin(agentID) {
		return problem.Conflict("call_not_yours", string(c.State), nil, "call %s is not agent %s's to join", callID, agentID)
	}
	return nil
}

// Calls are the ids of the contacts alive, sorted.
func (f *Floor) Calls() []string { return slices.Sorted(maps.Keys(f.state.Contacts)) }
