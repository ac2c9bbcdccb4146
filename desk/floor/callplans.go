package floor

import (
	"cmp"
	"crypto/subtle"
	"net/http"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// PlanCallback schedules a callback under the given id.
type PlanCallback struct {
	ID      string
	Request wire.CallbackRequest
	Agent   string // who schedules, "" for a program; an agent needs access to the queue
	Actor   string
}

// ChangeCallback changes one whose time has not come. Empty entry_point, preferred, attempts and retry_seconds stay,
// and so does an empty fallback_seconds with the same assignee, and the call it was agreed in.
type ChangeCallback struct {
	ID      string
	Request wire.CallbackRequest
	Agent   string
	Actor   string
	Version uint64 // 0: whatever it is
}

// RescheduleCallback sets another time after an attempt; what is empty in the request stays.
type RescheduleCallback struct {
	ID      string
	Request wire.CallbackRequest
	Agent   string
	Actor   string
}

// AskCallback is a customer's own request, under the given id. Code is the hash the confirmation must have,
// "" for one that needs none.
type AskCallback struct {
	ID   string
	Ask  wire.CallbackAsk
	Code string
}

// ConfirmCallback confirms a request with the hash of a code.
type ConfirmCallback struct{ ID, Code string }

// AssignCallback gives one to an agent or back to the queue. Agent, here and below, is the agent who does it: only
// with what is the agent's. It is "" for a program or a supervisor.
type AssignCallback struct {
	ID       string
	Assignee string
	Alone    time.Duration
	Agent    string
	Actor    string
}

// CancelCallback ends one.
type CancelCallback struct{ ID, Agent, Actor string }

// CompleteCallback closes one.
type CompleteCallback struct{ ID, Result, Agent, Actor string }

// DialCallback dials one that the agent looks at.
type DialCallback struct{ ID, Number, Agent, Actor string }

// maxCodeTries is how many wrong codes end a request.
const maxCodeTries = 5

// plan checks a request against rules, queues, agents, hours and slots. old is the callback it changes, if any.
func (f *Floor) plan(r wire.CallbackRequest, agentID string, old callback.Callback) (callback.Callback, error) {
	c, faults := callback.Rules(r, f.now)
	cfg := f.cfg.Callbacks
	switch l := f.queues[r.Queue]; {
	case r.Queue == "":
	case l == nil:
		faults.Add("/queue", "unknown", "there is no queue %s", r.Queue)
	case agentID != "" && !slices.Contains(f.agents[agentID].ids, r.Queue):
		faults.Add("/queue", "no_access", "agent %s does not serve queue %s", agentID, r.Queue)
	}
	switch {
	case cfg.Assign == AssignPersonal && agentID != "":
		c.Assignee = agentID
	case cfg.Assign == AssignQueue:
		c.Assignee, c.Alone = "", 0
	}
	for _, p := range []struct{ pointer, id string }{{"/assignee", c.Assignee}, {"/preferred", c.Preferred}} {
		if p.id == "" {
			continue
		}
		if s := f.agents[p.id]; s == nil {
			faults.Add(p.pointer, "unknown", "there is no agent %s", p.id)
		} else if f.queues[r.Queue] != nil && !slices.Contains(s.ids, r.Queue) {
			faults.Add(p.pointer, "no_access", "agent %s does not serve queue %s", p.id, r.Queue)
		}
	}
	if f.serves(c.Assignee, r.Queue) && !f.mayHave(c.Assignee, r.Queue) {
		faults.Add("/assignee", "no_callbacks", "agent %s takes no callbacks of queue %s", c.Assignee, r.Queue)
	}
	// An entry point that is chosen must be active now (W114), one that stays, or none in particular, at the time.
	if chosen, active := f.entry(r.EntryPoint); r.EntryPoint != "" && Normalize(r.EntryPoint) != Normalize(old.Entry) {
		if c.Entry = chosen.Number; !active {
			faults.Add("/entry_point", "not_active", "entry point %s is not active", r.EntryPoint)
		}
	} else if e, ok := f.entryDuring(c.Start, c.End, old.Entry); ok {
		c.Entry = e.Number
	} else if len(faults) == 0 {
		return c, noEntryPoint()
	}
	if !c.Start.IsZero() && !f.wholly(c.Start, c.End) {
		faults.Add("/from", "closed", "customers are not called back at that time")
	} else if !c.Start.IsZero() && f.slotUse(c.Queue, c.Start, old.ID) >= cfg.SlotCapacity && cfg.SlotCapacity > 0 {
		faults.Add("/from", "slot_full", "this slot is taken")
	}
	c.Limit, c.Created = cmp.Or(c.Limit, cfg.Attempts), f.now
	if c.Retry == 0 {
		c.Retry = cfg.Retry.Duration
	}
	return c, faults.Err()
}

// wholly says whether a window lies in the hours of callbacks.
func (f *Floor) wholly(start, end time.Time) bool {
	for _, i := range f.callHours.Intervals(start, end) {
		if !i.Start.After(start) && !i.End.Before(end) {
			return true
		}
	}
	return false
}

// slot is the slot a moment lies in.
func (f *Floor) slot(at time.Time) hours.Interval {
	length := f.cfg.Callbacks.Slot.Duration
	_, offset := at.In(f.callHours.Location()).Zone()
	shift := time.Duration(offset) * time.Second
	start := at.Add(shift).Truncate(length).Add(-shift)
	return hours.Interval{Start: start, End: start.Add(length)}
}

// slotUse is how many callbacks of a queue begin in the slot of a moment, but for one.
func (f *Floor) slotUse(queueID string, at time.Time, but string) (n int) {
	s := f.slot(at)
	for _, c := range f.state.Callbacks {
		if c.ID != but && c.Queue == queueID && !c.Over() && !c.Start.Before(s.Start) && c.Start.Before(s.End) {
			n++
		}
	}
	return n
}

// Slots are the slots of a day in a zone, in which callbacks of a queue can be scheduled.
func (f *Floor) Slots(now time.Time, queueID, date, zone string) ([]wire.Slot, error) {
	var faults callback.Faults
	loc, err := hours.Zone(zone)
	if err != nil {
		faults.Add("/zone", "unknown", "%q is not an IANA time zone", zone)
	}
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		faults.Add("/date", "invalid", "a date is like 2026-03-01")
	}
	if f.queues[queueID] == nil {
		faults.Add("/queue", "unknown", "there is no queue %s", queueID)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	from, _ := hours.Wall(loc, day.Year(), day.Month(), day.Day(), 0)
	till, _ := hours.Wall(loc, day.Year(), day.Month(), day.Day(), 24*60)
	out := []wire.Slot{}
	for _, i := range f.callHours.Slots(from, till, f.cfg.Callbacks.Slot.Duration) {
		s := wire.Slot{Start: i.Start.UTC(), End: i.End.UTC(), Available: true}
		switch limit := f.cfg.Callbacks.SlotCapacity; {
		case i.Start.Before(now.Add(callback.Soonest)):
			s.Available, s.Why = false, "past"
		case i.Start.After(now.Add(callback.Latest)):
			s.Available, s.Why = false, "too_late"
		case limit > 0 && f.slotUse(queueID, i.Start, "") >= limit:
			s.Available, s.Why = false, "full"
		}
		out = append(out, s)
	}
	return out, nil
}

func (in PlanCallback) step(f *Floor) error {
	c, err := f.plan(in.Request, in.Agent, callback.Callback{})
	if err != nil {
		return err
	}
	c.ID, c.Kind, c.By = in.ID, wire.CallbackScheduled, in.Actor
	c.Place = f.place()
	f.setCallback(c.Plan(f.now), in.Actor)
	return nil
}

func (in ChangeCallback) step(f *Floor) error {
	c, err := f.callbackOfAgent(in.ID, in.Agent)
	if err != nil {
		return err
	}
	if !slices.Contains(c.Allowed(), "change") {
		return problem.Conflict("callback_wrong_state", string(c.State), c.Allowed(), "callback %s is %s: its time has come, it cannot be changed", c.ID, c.State)
	}
	if in.Version != 0 && in.Version != c.Version {
		return problem.New(http.StatusPreconditionFailed, "version_mismatch", "it has changed meanwhile, its version is %d", c.Version)
	}
	r := in.Request
	if r.Assignee == c.Assignee && r.FallbackSeconds == 0 {
		r.FallbackSeconds = int(c.Alone.Seconds())
	}
	n, err := f.plan(f.fill(r, c), in.Agent, c)
	if err != nil {
		return err
	}
	n.ID, n.Kind, n.By, n.Created, n.Version, n.State = c.ID, c.Kind, c.By, c.Created, c.Version, c.State
	n.Place, n.Origin, n.Recording, n.Attempts = f.place(), cmp.Or(c.Origin, n.Origin), c.Recording, c.Attempts
	f.setCallback(n.Plan(f.now), in.Actor)
	return nil
}

// fill puts into a request what a form need not know of the callback it changes. Who cannot have it any more is
// left out.
func (f *Floor) fill(r wire.CallbackRequest, c callback.Callback) wire.CallbackRequest {
	r.Queue = cmp.Or(r.Queue, c.Queue)
	r.Attempts = cmp.Or(r.Attempts, c.Limit)
	r.RetrySeconds = cmp.Or(r.RetrySeconds, int(c.Retry.Seconds()))
	if r.Preferred == "" && f.serves(c.Preferred, r.Queue) {
		r.Preferred = c.Preferred
	}
	return r
}

func (in RescheduleCallback) step(f *Floor) error {
	c, err := f.callbackOfAgent(in.ID, in.Agent)
	if err != nil {
		return err
	}
	r := in.Request
	r.Number, r.Name, r.Queue = cmp.Or(r.Number, cmp.Or(c.Shown, c.Number)), cmp.Or(r.Name, c.Name), cmp.Or(r.Queue, c.Queue)
	r.Reason, r.Zone = cmp.Or(r.Reason, c.Reason), cmp.Or(r.Zone, c.Zone)
	if r.Assignee == "" && f.mayHave(c.Assignee, r.Queue) {
		r.Assignee = c.Assignee
	}
	r.FallbackSeconds = cmp.Or(r.FallbackSeconds, int(c.Alone.Seconds()))
	if len([]rune(r.Name)) < callback.MinName { // a caller without a name has the number for one
		r.Name = r.Number
	}
	moved, err := c.Reschedule(time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	n, err := f.plan(f.fill(r, c), in.Agent, c)
	if err != nil {
		return err
	}
	wasOn := c.Call
	moved.Number, moved.Shown, moved.Name, moved.Queue, moved.Reason, moved.Zone = n.Number, n.Shown, n.Name, n.Queue, n.Reason, n.Zone
	moved.Assignee, moved.Alone, moved.Preferred, moved.Entry = n.Assignee, n.Alone, n.Preferred, n.Entry
	moved.Start, moved.End, moved.Deadline, moved.Limit, moved.Retry = n.Start, n.End, n.Start, n.Limit, n.Retry
	f.setCallback(moved, in.Actor)
	f.leavePreview(wasOn, c.State)
	return nil
}

// leavePreview ends the call of a callback that its agent looked at and has decided not to make.
func (f *Floor) leavePreview(callID string, was wire.CallbackState) {
	if k, ok := f.state.Contacts[callID]; ok && was == wire.CallbackPreview {
		f.finish(k, "cancelled")
	}
}

func (in AskCallback) step(f *Floor) error {
	a := in.Ask
	var faults callback.Faults
	c := callback.Callback{
		ID: in.ID, Kind: wire.CallbackWeb, Number: faults.Number("/number", a.Number), Shown: a.Number, Name: a.Name, Queue: a.Queue,
		Reason: a.Reason, Zone: a.Zone, Limit: f.cfg.Callbacks.Attempts, Retry: f.cfg.Callbacks.Retry.Duration,
		Created: f.now, By: "customer", Code: in.Code,
	}
	if a.Date != "" {
		p, err := f.plan(wire.CallbackRequest{
			Number: a.Number, Name: a.Name, Queue: a.Queue, Date: a.Date, From: a.From, Till: a.Till, Zone: a.Zone, Reason: a.Reason,
		}, "", callback.Callback{})
		if err != nil {
			return err
		}
		c.Start, c.End, c.Entry = p.Start, p.End, p.Entry
	} else {
		faults.Text("/name", a.Name, callback.MinName, callback.MaxText)
		faults.Text("/reason", a.Reason, 0, callback.MaxText)
		if f.queues[a.Queue] == nil {
			faults.Add("/queue", "unknown", "there is no queue %s", a.Queue)
		}
		if err := faults.Err(); err != nil {
			return err
		}
		if !f.anyEntry() {
			return noEntryPoint()
		}
		if next, ok := f.open(f.now); ok && next.After(f.now) { // outside the hours: when they begin
			c.Start = next
		}
	}
	c.Place = f.place()
	if in.Code != "" {
		c.State, c.Deadline, c.Version = wire.CallbackRequested, f.now.Add(f.cfg.Callbacks.CodeLife.Duration), 1
	} else {
		c.Place.Entered = f.now
		c = c.Plan(f.now)
	}
	f.setCallback(c, "customer")
	return nil
}

func (in ConfirmCallback) step(f *Floor) error {
	c, err := f.callback(in.ID)
	if err != nil {
		return err
	}
	if c.State != wire.CallbackRequested {
		return problem.Conflict("callback_wrong_state", string(c.State), []string{}, "callback %s waits for no code", c.ID)
	}
	if subtle.ConstantTimeCompare([]byte(c.Code), []byte(in.Code)) != 1 {
		// A wrong code is counted, so the step must not be refused: what it wrote would be taken back.
		c.Tries++
		if c.Tries >= maxCodeTries {
			c.Deadline = f.now
			c = c.Expire(f.now)
		}
		f.setCallback(c, "customer")
		return nil
	}
	c, err = c.Confirm(f.now)
	if err != nil {
		return err
	}
	f.setCallback(c, "customer")
	return nil
}

func (in AssignCallback) step(f *Floor) error {
	c, err := f.callbackOfAgent(in.ID, in.Agent)
	if err != nil {
		return err
	}
	if in.Assignee != "" {
		s := f.agents[in.Assignee]
		if s == nil {
			return problem.NotFound("agent", in.Assignee)
		}
		var faults callback.Faults
		if !slices.Contains(s.ids, c.Queue) {
			faults.Add("/assignee", "no_access", "the agent does not serve the callback's queue")
		} else if !f.mayHave(in.Assignee, c.Queue) {
			faults.Add("/assignee", "no_callbacks", "the agent takes no callbacks of the queue")
		}
		if err := faults.Err(); err != nil {
			return err
		}
	}
	if c, err = c.Assign(in.Assignee, in.Alone, f.now); err != nil {
		return err
	}
	f.setCallback(c, in.Actor)
	return nil
}

func (in CancelCallback) step(f *Floor) error {
	c, err := f.callbackOfAgent(in.ID, in.Agent)
	if err != nil {
		return err
	}
	callID := c.Call
	if in.Agent == "" {
		c.Locked = false // for agents
	}
	if c, err = c.Cancel(); err != nil {
		return err
	}
	f.setCallback(c, in.Actor)
	if k, ok := f.state.Contacts[callID]; ok && k.Task == c.ID {
		f.finish(k, "cancelled") // its agent wraps up
	}
	return nil
}

func (in CompleteCallback) step(f *Floor) error {
	c, err := f.callbackOfAgent(in.ID, in.Agent)
	if err != nil {
		return err
	}
	was, callID := c.State, c.Call
	if c, err = c.Complete(cmp.Or(in.Result, callback.ResultReached)); err != nil {
		return err
	}
	f.setCallback(c, in.Actor)
	f.leavePreview(callID, was)
	return nil
}

func (in DialCallback) step(f *Floor) error {
	c, err := f.callbackOfAgent(in.ID, in.Agent)
	if err != nil {
		return err
	}
	if !slices.Contains(c.Allowed(), "dial") {
		return problem.Conflict("callback_wrong_state", string(c.State), c.Allowed(), "callback %s is %s: cannot dial", c.ID, c.State)
	}
	k, ok := f.state.Contacts[c.Call]
	if !ok {
		return problem.NotFound("call", c.Call)
	}
	if in.Number != "" {
		var faults callback.Faults
		number := faults.Number("/number", in.Number)
		if err := faults.Err(); err != nil {
			return err
		}
		c.Number, c.Shown = number, in.Number
		k.To = number
	}
	e, _, ok := f.entryFor(c) // while the agent looked, another one may have become active
	if !ok {
		return noEntryPoint()
	}
	k.From = e.Number
	f.setContact(k)
	f.dialCallback(k, c, e)
	return nil
}

// place is the claim of a callback that no waiting call has made.
func (f *Floor) place() queue.Place { return queue.Place{Class: queue.ClassService} }
