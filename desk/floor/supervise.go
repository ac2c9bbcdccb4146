package floor

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/supervision"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Supervise begins a supervision under the given id, or changes the mode of the one the supervisor has on the
// call already. Agent, when given, must be on the call.
type Supervise struct {
	ID, Call, By string
	Mode         wire.SupervisionMode
	Agent        string
}

// Unsupervise ends a supervision; its leg is hung up.
type Unsupervise struct{ ID, Actor string }

// TakeOver gives a call to a supervisor: the agent in control leaves it and wraps up. The supervisor must be an
// agent of the configuration, signed in and in no call. A supervision of theirs on the call becomes their voice;
// without one their leg must be up within the time an agent has to come back.
type TakeOver struct{ Call, Agent, Actor string }

// ForceWrapup ends what keeps an agent busy. An agent on a call leaves it, as if they had hung up, and wraps up:
// a conference goes on without them, a consult ends for who was asked, any other call ends. An agent who wraps up is done
// with it.
type ForceWrapup struct{ Agent, Reason, Actor string }

// ForceEnd ends a call for everybody, in whatever state it is.
type ForceEnd struct{ Call, Actor string }

func (f *Floor) supervisionOf(id string) (contact.Contact, int, error) {
	for _, c := range f.state.Contacts {
		if i := c.Watchers.Find(func(s supervision.Supervision) bool { return s.ID == id }); i >= 0 {
			return c, i, nil
		}
	}
	return contact.Contact{}, -1, problem.NotFound("supervision", id)
}

func (in Supervise) step(f *Floor) error {
	c, ok := f.state.Contacts[in.Call]
	if !ok {
		return problem.NotFound("call", in.Call)
	}
	if in.Agent != "" && !f.onCall(c, in.Agent) {
		e := problem.Conflict("agent_not_on_call", f.stateOf(c), nil, "agent %s is not on call %s", in.Agent, in.Call)
		e.CallID = in.Call
		return e
	}
	if f.onCall(c, in.By) {
		e := problem.Conflict("own_call", f.stateOf(c), nil, "%s is on call %s: nobody supervises themselves", in.By, in.Call)
		e.CallID = in.Call
		return e
	}
	typ := "supervision.started"
	s := supervision.Supervision{ID: in.ID, By: in.By, Since: f.now, Deadline: f.now.Add(f.cfg.Return.Duration)}
	if i := c.Watchers.Find(func(s supervision.Supervision) bool { return s.By == in.By }); i >= 0 {
		s, typ = c.Watchers[i], "supervision.changed"
	}
	s = s.To(in.Mode, in.Agent)
	c.Watchers = c.Watchers.With(s)
	f.setContact(c)
	f.publish(typ, c.ID, in.By, s.Wire(c.ID))
	return nil
}

func (in Unsupervise) step(f *Floor) error {
	c, i, err := f.supervisionOf(in.ID)
	if err != nil {
		return err
	}
	f.unwatch(c, i, in.Actor, true)
	return nil
}

// unwatch ends the i-th supervision of a call.
func (f *Floor) unwatch(c contact.Contact, i int, actor string, hangUp bool) {
	s := c.Watchers[i]
	c.Watchers = c.Watchers.Without(i)
	f.setContact(c)
	if hangUp && s.Leg != "" {
		f.command(OpHangup, c.ID, s.Leg, "hangup")
	}
	f.supervisionEnded(c.ID, s, actor)
}

func (f *Floor) supervisionEnded(callID string, s supervision.Supervision, actor string) {
	w := s.Wire(callID)
	w.State, w.Deadline = wire.SupervisionEnded, nil
	f.publish("supervision.ended", callID, actor, w)
}

// onCall says whether an agent has a part in a call.
func (f *Floor) onCall(c contact.Contact, agentID string) bool {
	if agentID == "" {
		return false
	}
	k, asking := f.consultOf(c.ID)
	return c.Agent == agentID || c.Others.ByAgent(agentID) >= 0 || asking && k.Agent == agentID
}

// watcherUp takes a supervisor's leg. Reports whether the leg is a supervisor's at all.
func (f *Floor) watcherUp(c contact.Contact, l wire.Leg) bool {
	if l.Role != wire.RoleSupervisor {
		return false
	}
	i := c.Watchers.Find(func(s supervision.Supervision) bool { return s.ID == l.ClientRef })
	if i < 0 {
		return true // a program's own, which nobody asked the desk for
	}
	s, err := c.Watchers[i].Joined(l.ID)
	if err != nil {
		f.command(OpHangup, c.ID, l.ID, "rejected")
		return true
	}
	c.Watchers = c.Watchers.With(s)
	f.setContact(c)
	f.publish("supervision.changed", c.ID, s.By, s.Wire(c.ID))
	return true
}

// watcherGone: a supervisor's leg has ended. Reports whether it was one.
func (f *Floor) watcherGone(c contact.Contact, l wire.Leg) bool {
	i := c.Watchers.Find(func(s supervision.Supervision) bool { return s.Leg == l.ID && l.ID != "" })
	if i < 0 {
		return false
	}
	if left(l.Cause) {
		f.unwatch(c, i, c.Watchers[i].By, false)
		return true
	}
	s := c.Watchers[i].Lost(f.now.Add(f.cfg.Return.Duration))
	c.Watchers = c.Watchers.With(s)
	f.setContact(c)
	f.publish("supervision.changed", c.ID, Actor, s.Wire(c.ID))
	return true
}

// watchersOverdue ends the supervisions whose voice did not come up in time.
func (f *Floor) watchersOverdue(callID string) {
	for {
		c := f.state.Contacts[callID]
		i := c.Watchers.Find(func(s supervision.Supervision) bool { return !s.Deadline.IsZero() && !s.Deadline.After(f.now) })
		if i < 0 {
			return
		}
		f.unwatch(c, i, Actor, false)
	}
}

// listen seats the supervisors of the calls this step has changed: whoever is supervised may be on another leg
// or side by now. A step in between leaves a supervisor heard by nobody new, never by somebody more.
func (f *Floor) listen() {
	for _, cid := range f.touchedCalls() {
		c := f.state.Contacts[cid]
		now := f.ears(c)
		if len(now) == 0 {
			delete(f.heard, cid)
			continue
		}
		if reflect.DeepEqual(f.heard[cid], now) {
			continue
		}
		f.heard[cid] = now
		f.effects = append(f.effects, Command{Op: OpArrange, CallID: cid, Seats: now})
	}
}

// ears are the seats of a call's supervisors, pure.
func (f *Floor) ears(c contact.Contact) (out []wire.Seat) {
	if len(c.Watchers) == 0 {
		return nil
	}
	k, asking := f.consultOf(c.ID)
	sides := map[string]string{}
	for _, s := range seats(c, k, asking) {
		sides[s.LegID] = *s.Side
	}
	for _, s := range c.Watchers {
		if s.Leg == "" {
			continue
		}
		leg := c.Leg
		switch i := c.Others.ByAgent(s.Agent); {
		case asking && s.Agent != "" && k.Agent == s.Agent && k.State == wire.ConsultAnswered:
			leg = k.Leg
		case i >= 0:
			leg = c.Others[i].Leg
		case s.Agent != "" && s.Agent != c.Agent:
			leg = "" // not on the call any more: nobody is spoken to
		}
		out = append(out, s.Seat(leg, sides[leg]))
	}
	return out
}

func (in TakeOver) step(f *Floor) error {
	c, ok := f.state.Contacts[in.Call]
	if !ok {
		return problem.NotFound("call", in.Call)
	}
	a, err := f.agent(in.Agent)
	if err != nil {
		return err
	}
	if c.State != contact.Connected && c.State != contact.Away || f.onCall(c, in.Agent) {
		e := problem.Conflict("call_wrong_state", f.stateOf(c), c.Allowed(), "call %s is %s: %s cannot take it over", c.ID, f.stateOf(c), in.Agent)
		e.CallID = c.ID
		return e
	}
	if a.State != wire.AgentReady && a.State != wire.AgentNotReady {
		return problem.Conflict("agent_wrong_state", string(a.Visible()), a.Allowed(), "agent %s is %s: cannot take a call over", a.ID, a.Visible())
	}
	if a, err = a.Engage(c.ID, f.now); err != nil {
		return err
	}
	was, old := c.Agent, c.Leg
	if k, asking := f.consultOf(c.ID); asking && k.By == was {
		f.orphan(c, k, in.Agent)
		c = f.state.Contacts[c.ID]
	}
	leg := ""
	if i := c.Watchers.Find(func(s supervision.Supervision) bool { return s.By == in.Agent }); i >= 0 {
		leg = c.Watchers[i].Leg
		f.unwatch(c, i, in.Actor, false)
		c = f.state.Contacts[c.ID]
	}
	f.retire(c)
	c = must(c.Pass(in.Agent, leg, f.now, f.now.Add(f.cfg.Return.Duration)))
	c.Talked = true
	f.setContact(c)
	f.setAgent(a, in.Actor)
	k, asking := f.consultOf(c.ID)
	all := seats(c, k, asking)
	for i := range all {
		all[i].Aloud = all[i].LegID == leg // it may have whispered
	}
	f.effects = append(f.effects, Command{Op: OpArrange, CallID: c.ID, Seats: all})
	if old != "" {
		f.command(OpHangup, c.ID, old, "hangup")
	}
	if leg == "" {
		f.callStation(c, a, f.cfg.Return.Duration)
	}
	f.publish("conference.owner_changed", c.ID, in.Actor, f.handling(c))
	return nil
}

func (in ForceWrapup) step(f *Floor) error {
	a, err := f.agent(in.Agent)
	if err != nil {
		return err
	}
	if w, ok := f.state.Wrapups[a.Wrapup]; ok && a.State == wire.AgentWrapup {
		if in.Reason == "" || in.Reason == f.defaultReason(w) {
			return f.complete(w, f.defaultReason(w), in.Actor, in.Actor)
		}
		return Submit{Wrapup: w.ID, Reason: in.Reason, Actor: in.Actor}.step(f)
	}
	if a.State == wire.AgentBusy && isWork(a.Call) {
		return CloseWork{ID: a.Call, Actor: in.Actor}.step(f)
	}
	c, ok := f.state.Contacts[a.Call]
	i := c.Others.ByAgent(a.ID)
	k, asking := f.consultOf(a.Call)
	switch {
	case a.State != wire.AgentBusy || !ok:
	case asking && k.Agent == a.ID:
		f.closeConsult(k, causeEnded, k.Held, in.Actor)
		return nil
	case c.Agent == a.ID && (len(c.Others) == 0 || c.State == contact.Dialing):
		f.finish(c, "hangup")
		return nil
	case c.Agent == a.ID:
		f.command(OpHangup, c.ID, c.Leg, "hangup")
		f.primaryLeaves(c, in.Actor)
		return nil
	case i >= 0:
		f.command(OpHangup, c.ID, c.Others[i].Leg, "hangup")
		f.partyLeaves(c, i, in.Actor)
		return nil
	}
	return problem.Conflict("agent_wrong_state", string(a.Visible()), a.Allowed(), "agent %s is %s: there is nothing to wrap up", a.ID, a.Visible())
}

func (in ForceEnd) step(f *Floor) error {
	c, ok := f.state.Contacts[in.Call]
	if !ok {
		return problem.NotFound("call", in.Call)
	}
	f.finish(c, "hangup")
	return nil
}

// Supervision is one that is under way.
func (f *Floor) Supervision(id string) (wire.Supervision, error) {
	c, i, err := f.supervisionOf(id)
	if err != nil {
		return wire.Supervision{}, err
	}
	return c.Watchers[i].Wire(c.ID), nil
}

// Watched is the supervision that a supervisor has on a call.
func (f *Floor) Watched(callID, by string) (wire.Supervision, error) {
	c := f.state.Contacts[callID]
	i := c.Watchers.Find(func(s supervision.Supervision) bool { return s.By == by })
	if i < 0 {
		return wire.Supervision{}, problem.NotFound("supervision", callID)
	}
	return c.Watchers[i].Wire(callID), nil
}

// Wall is agents, queues and calls as they are, the oldest call first. Seq and Time are the caller's.
func (f *Floor) Wall() wire.Wall {
	w := wire.Wall{Agents: f.Agents(), Queues: f.Queues(), Calls: make([]wire.WallCall, 0, len(f.state.Contacts))}
	for _, c := range f.state.Contacts {
		dir := wire.Inbound
		if c.Outbound {
			dir = wire.Outbound
		}
		k := wire.WallCall{
			CallID: c.ID, State: f.stateOf(c), Direction: dir, Number: c.Party(), Name: c.FromName, Queue: c.Queue,
			Agent: c.Agent, Entered: timeOrNil(c.Place.Entered), Since: timeOrNil(c.Since), Supervisors: []wire.Supervision{},
		}
		for _, s := range c.Watchers {
			k.Supervisors = append(k.Supervisors, s.Wire(c.ID))
		}
		w.Calls = append(w.Calls, k)
	}
	slices.SortFunc(w.Calls, func(a, b wire.WallCall) int { return cmp.Or(strings.Compare(a.CallID, b.CallID)) }) // ids sort by time
	return w
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
