package floor

import (
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Reasons for which a call does not wait where it came in.
const (
	whyClosed = "closed"
	whyFull   = "full"
	whyLimit  = "call_limit"
)

// number finds the entry point of a called number, and the key it is configured under.
func (f *Floor) number(to string) (Number, string, bool) {
	key := Normalize(to)
	if n, ok := f.numbers[key]; ok {
		return n, key, true
	}
	n, ok := f.numbers[Any]
	return n, Any, ok
}

// SetOpen says that a customer's number has an open record in an outbound stage, or (empty stage) no more.
// A campaign says so as its records open and close.
type SetOpen struct{ Number, Stage string }

func (in SetOpen) step(f *Floor) error {
	f.setOpen(in.Number, in.Stage)
	return nil
}

func (f *Floor) setOpen(number, stage string) {
	k := key{KindOpen, Normalize(number)}
	switch was, open := f.state.Open[k.id]; {
	case stage == "" && open:
		put(f, k, f.state.Open, nil)
	case stage != "" && was != stage:
		put(f, k, f.state.Open, any(stage))
	}
}

// Match says in which outbound stage a customer's number has an open record.
func (f *Floor) Match(number string) (stage string, ok bool) {
	stage, ok = f.state.Open[Normalize(number)]
	return stage, ok && f.stages[stage].Kind == StageOutbound
}

// classify says what kind of call comes in on a number and which stage it belongs to. A number without a
// stage takes service calls, or what its class says. A call to a number of a stage is a returned one when the
// caller has an open record, goes to that record's stage, and ranks first. Otherwise a hotline's call is a
// new customer's, and one to an outbound stage's caller ID a service call.
func (f *Floor) classify(n Number, from string) (queue.Class, string) {
	s, tied := f.stages[n.Stage]
	if !tied {
		return n.Class, ""
	}
	if stage, ok := f.Match(from); ok {
		return queue.ClassReturned, stage
	}
	if s.Kind == StageNew {
		return queue.ClassNew, s.ID
	}
	return queue.ClassService, ""
}

// arrive takes an inbound call to one of our numbers in.
func (f *Floor) arrive(c contact.Contact, r *wire.Routed) {
	n, entry, ok := f.number(c.To)
	if !ok {
		return
	}
	n = f.routed(n, r)
	l := f.queues[n.Queue]
	c.State, c.Queue, c.Entry = contact.Queued, n.Queue, entry
	if r != nil && len(r.Skills) > 0 {
		c.Wanted = contact.Wanted{Queue: c.Queue, Skills: r.Skills}
	}
	c.Place = queue.Place{Priority: n.Priority + l.Priority, Entered: f.now}
	c.Place.Class, c.Stage = f.classify(n, c.From)
	if limit := f.cfg.Limits.Calls; limit > 0 && len(f.state.Contacts) >= limit {
		f.command(OpEnd, c.ID, "", "busy")
		f.publish("call.refused", c.ID, Actor, wire.Diversion{CallID: c.ID, Queue: c.Queue, Reason: whyLimit, Limit: limit, Use: len(f.state.Contacts)})
		return
	}
	closed, target := f.closed(n)
	full := !closed && l.MaxWaiting > 0 && l.waiting() >= l.MaxWaiting
	f.setContact(c)
	if c.Customer != "" {
		f.receive(c)
	}
	switch {
	case closed:
		f.divert(c, target, whyClosed)
	case full:
		f.divert(c, l.Overflow, whyFull)
	default:
		if r != nil && r.Agent != "" {
			f.prefer(c, r.Agent)
		}
		f.queued(c, reasonNew)
	}
}

// closed says whether a number, or its queue, is closed now, and where its calls go then.
func (f *Floor) closed(n Number) (bool, Target) {
	l := f.queues[n.Queue]
	shut := Target{Kind: TargetEnd}
	if !f.calendars[n.Calendar].Open(f.now) {
		return true, orTarget(n.Closed, l.Closed, shut)
	}
	if !f.calendars[l.Calendar].Open(f.now) {
		return true, orTarget(l.Closed, n.Closed, shut)
	}
	return false, Target{}
}

func orTarget(targets ...Target) Target {
	for _, t := range targets {
		if t.Kind != "" {
			return t
		}
	}
	return Target{}
}

// Prefer makes a waiting call wait for one agent first, for the queue's preferred_wait, if that agent is on
// duty. Otherwise it changes nothing.
type Prefer struct{ CallID, Agent string }

func (in Prefer) step(f *Floor) error {
	c, ok := f.state.Contacts[in.CallID]
	if !ok {
		return problem.NotFound("call", in.CallID)
	}
	if c.State != contact.Queued {
		return problem.Conflict("call_wrong_state", string(c.State), c.Allowed(), "call %s does not wait", c.ID)
	}
	if f.agents[in.Agent] == nil {
		return problem.NotFound("agent", in.Agent)
	}
	f.prefer(c, in.Agent)
	return nil
}

// Targets' times: how long a number outside may ring and how long an
// announcement is waited for at most.
const (
	outRing    = 45 * time.Second
	promptMost = 2 * time.Minute
	maxMoves   = 5
)

// divert sends a waiting call elsewhere. A call that has been moved too often, or has nowhere to go, stays.
func (f *Floor) divert(c contact.Contact, t Target, reason string) {
	if c.State != contact.Queued || t.Kind == "" {
		return
	}
	d := wire.Diversion{CallID: c.ID, Queue: c.Queue, Reason: reason, Kind: t.Kind, To: t.To}
	if t.Kind == TargetQueue {
		f.moveTo(c, t, d)
		return
	}
	f.publish("call.diverted", c.ID, Actor, d)
	c = must(c.Elsewhere(t.Kind, t.To, f.now.Add(promptMost)))
	f.setContact(c)
	if t.Prompt == "" || c.Customer == "" {
		f.proceed(c)
		return
	}
	f.say(c, t.Prompt)
}

// mayMove says whether a waiting call can go to another queue: to one it is not in, and not for ever.
func (f *Floor) mayMove(c contact.Contact, t Target) bool {
	return f.state.Waits[c.ID].Moves < maxMoves && t.To != c.Queue
}

// moveTo puts a waiting call into another queue, at the place its age gives it. There it is for that queue's agents: what
// ties it to a stage's has just failed, or is closed.
func (f *Floor) moveTo(c contact.Contact, t Target, d wire.Diversion) {
	w, l := f.state.Waits[c.ID], f.queues[t.To]
	if !f.mayMove(c, t) {
		return
	}
	f.publish("call.diverted", c.ID, Actor, d)
	c.Queue, c.Stage = t.To, ""
	c.Place.Priority = l.Priority
	if n, ok := f.numbers[c.Entry]; ok {
		c.Place.Priority += n.Priority
	}
	f.setContact(c)
	f.setWait(w.Move(f.policy(c), f.now))
	if t.Prompt != "" {
		f.say(c, t.Prompt)
	}
	f.queued(c, d.Reason)
}

// PlayEnded says that something played to a leg is over.
type PlayEnded struct{ CallID, LegID string }

func (in PlayEnded) step(f *Floor) error {
	c, ok := f.state.Contacts[in.CallID]
	if ok && c.State == contact.Diverted && in.LegID == c.Customer && c.Divert != divertedOn {
		f.proceed(c)
	}
	return nil
}

// divertedOn is a Divert that is under way: the announcement is over.
const divertedOn = "under_way"

// proceed does what a diverted call was diverted for, once its announcement is over.
func (f *Floor) proceed(c contact.Contact) {
	kind := c.Divert
	c.Divert = divertedOn
	switch kind {
	case TargetNumber:
		c.Deadline = f.now.Add(outRing + 5*time.Second)
		f.setContact(c)
		f.effects = append(f.effects, Command{Op: OpInvite, CallID: c.ID, Invite: &Invite{To: c.DivertTo, Ref: c.ID, Timeout: outRing}})
	case TargetMessage:
		f.takeMessage(c)
	case TargetEnd:
		f.finish(c, "closed")
	}
}

// outUp is the party outside answering.
func (f *Floor) outUp(c contact.Contact, l wire.Leg) {
	if c.DivertTo == "" || c.Far != "" {
		return
	}
	c.Far, c.Deadline = l.ID, time.Time{}
	f.setContact(c)
	f.unhold(c)
}

// divertedOverdue is the end of an announcement nobody told the end of, of a message, or of ringing.
func (f *Floor) divertedOverdue(c contact.Contact) {
	if c.Divert != divertedOn {
		f.proceed(c)
		return
	}
	f.finish(c, "no_answer")
}
