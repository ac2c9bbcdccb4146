// Package callback is a customer who is to be called, as a pure state machine: when, by whom, how often,
// and what has become of it. Every deadline is data. The floor joins it with queues, agents and calls.
package callback

import (
	"time"

	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Results of an attempt beside the causes of a call's end.
const (
	ResultReached    = "reached"
	ResultWindowOver = "window_over"
	ResultExpired    = "not_confirmed"
	ResultRestart    = "restart"
)

// Callback is one callback's state, plain data.
//
//	requested ─confirm─> scheduled ──start──> waiting <──────────┐ not taken
//	    │                 ^   ^                  │ offer         │
//	    │ expires         │   └───────┐          v               │
//	    v                 │  retry    │       offered ───────────┘
//	  failed              │  later    │          │ accept
//	                      │           │          v
//	                 reschedule       │       preview (voice message) ─┐
//	                      │           │          │ dial                │ agent left
//	                      │           │          v                     v
//	                   reached      no answer ─ dialing            waiting
//	                      ^                      │ answer
//	                      │                      v
//	                      └──── hang up ────── talking
//
//	reached ── complete, or the deadline ──> completed
//	dialing ── no answer, attempts used up, or the window over ──> failed ── reschedule ──> scheduled
//	requested, scheduled, waiting, preview, dialing ── cancel ──> cancelled
type Callback struct {
	ID       string             `json:"id"`
	Kind     wire.CallbackKind  `json:"kind"`
	State    wire.CallbackState `json:"state"`
	Number   string             `json:"number"` // as it is dialled
	Shown    string             `json:"shown,omitempty"`
	Name     string             `json:"name"`
	Queue    string             `json:"queue"`
	Reason   string             `json:"reason,omitempty"`
	Entry    string             `json:"entry,omitempty"`
	Zone     string             `json:"zone,omitempty"`
	Start    time.Time          `json:"start,omitzero"`
	End      time.Time          `json:"end,omitzero"`
	Deadline time.Time          `json:"deadline,omitzero"` // of the present state
	Assignee string             `json:"assignee,omitempty"`
	// Alone is how long after it is due only the assignee is offered it; 0: for ever.
	Alone     time.Duration `json:"alone,omitempty"`
	Fallback  time.Time     `json:"fallback,omitzero"` // when that ends, once it is due
	Preferred string        `json:"preferred,omitempty"`
	Place     queue.Place   `json:"place"`
	Recording string        `json:"recording,omitempty"`
	Origin    string        `json:"origin,omitempty"`
	Call      string        `json:"call,omitempty"`
	Agent     string        `json:"agent,omitempty"`
	Attempts  int           `json:"attempts"`
	Limit     int           `json:"limit"`
	Retry     time.Duration `json:"retry"`
	Result    string        `json:"result,omitempty"`
	Code      string        `json:"code,omitempty"` // hash of the confirmation code
	Tries     int           `json:"tries,omitempty"`
	// Locked: the attempt under way cannot be cancelled by an agent.
	Locked bool `json:"locked,omitempty"`
	// Unopened is how often in a row no call could be made for it, through no fault of customer or agent.
	Unopened int       `json:"unopened,omitempty"`
	Created  time.Time `json:"created"`
	By       string    `json:"by"`
	Version  uint64    `json:"version"`
}

// Over says whether nothing more will come of it by itself.
func (c Callback) Over() bool {
	switch c.State {
	case wire.CallbackCompleted, wire.CallbackFailed, wire.CallbackCancelled:
		return true
	default:
		return false
	}
}

// Held says whether an agent has it: Agent.
func (c Callback) Held() bool {
	switch c.State {
	case wire.CallbackOffered, wire.CallbackPreview, wire.CallbackDialing, wire.CallbackTalking, wire.CallbackReached:
		return true
	default:
		return false
	}
}

// Allowed names what may be done with the callback now.
func (c Callback) Allowed() []string {
	switch c.State {
	case wire.CallbackRequested:
		return []string{"confirm", "cancel"}
	case wire.CallbackPlanned:
		return []string{"change", "assign", "cancel", "reschedule"}
	case wire.CallbackWaiting: // due, and not yet offered
		if c.Attempts > 0 { // whoever did not reach the customer may set another time
			return []string{"assign", "cancel", "reschedule"}
		}
		return []string{"assign", "cancel"}
	case wire.CallbackOffered:
		return []string{"accept", "decline"}
	case wire.CallbackPreview:
		return []string{"dial", "reschedule", "complete", "cancel"}
	case wire.CallbackDialing:
		if c.Locked {
			return []string{}
		}
		return []string{"cancel"}
	case wire.CallbackTalking:
		return []string{"complete", "reschedule"}
	case wire.CallbackReached:
		return []string{"complete", "reschedule"}
	case wire.CallbackFailed:
		return []string{"reschedule"}
	default:
		return []string{}
	}
}

func (c Callback) refuse(what string) error {
	return problem.Conflict("callback_wrong_state", string(c.State), c.Allowed(), "callback %s is %s: cannot %s", c.ID, c.State, what)
}

func (c Callback) may(what string) error {
	for _, a := range c.Allowed() {
		if a == what {
			return nil
		}
	}
	return c.refuse(what)
}

func (c Callback) to(s wire.CallbackState, deadline time.Time) Callback {
	c.State, c.Deadline = s, deadline
	c.Version++
	return c
}

// Plan begins the wait for the start, or stands in line at once when that has come.
func (c Callback) Plan(now time.Time) Callback {
	if c.Start.After(now) {
		return c.to(wire.CallbackPlanned, c.Start)
	}
	return c.Due(now)
}

// Due puts the callback in line. One that has a place keeps it. Its deadline is the end of its window.
func (c Callback) Due(now time.Time) Callback {
	if c.Place.Entered.IsZero() {
		c.Place.Entered = now
	}
	if c.Assignee != "" && c.Alone > 0 && c.Fallback.IsZero() {
		c.Fallback = now.Add(c.Alone)
	}
	c.Call = ""
	return c.to(wire.CallbackWaiting, c.End)
}

// Suits says whether the agent may be offered the callback now.
func (c Callback) Suits(agent string) bool { return c.Assignee == "" || c.Assignee == agent }

// falls says whether the next deadline is the fallback's.
func (c Callback) falls() bool {
	return c.State == wire.CallbackWaiting && !c.Fallback.IsZero() && (c.Deadline.IsZero() || c.Fallback.Before(c.Deadline))
}

// Next is the next moment at which the callback changes by itself, zero for none.
func (c Callback) Next() time.Time {
	if c.falls() {
		return c.Fallback
	}
	return c.Deadline
}

// Confirm is the right code in time.
func (c Callback) Confirm(now time.Time) (Callback, error) {
	if err := c.may("confirm"); err != nil {
		return c, err
	}
	c.Code = ""
	return c.Plan(now), nil
}

// Offer rings it at an agent, under the call that will carry it.
func (c Callback) Offer(agent, call string) (Callback, error) {
	if c.State != wire.CallbackWaiting {
		return c, c.refuse("be offered")
	}
	c.Agent, c.Call = agent, call
	return c.to(wire.CallbackOffered, time.Time{}), nil
}

// Missed: the agent did not take it, or left it without dialling; back to its place.
func (c Callback) Missed(now time.Time) (Callback, error) {
	if c.State != wire.CallbackOffered && c.State != wire.CallbackPreview {
		return c, c.refuse("go back to its queue")
	}
	return c.Due(now), nil
}

// Postpone puts it back until a moment at which it can be made. Its place stays.
func (c Callback) Postpone(until time.Time) Callback {
	c.Call, c.Fallback = "", time.Time{}
	if !c.End.IsZero() && !until.Before(c.End) {
		c.Result = ResultWindowOver
		return c.to(wire.CallbackFailed, time.Time{})
	}
	return c.to(wire.CallbackPlanned, until)
}

// The wait after a call that could not be made: it doubles from the first to the last.
const (
	firstUnopened = 10 * time.Second
	lastUnopened  = 10 * time.Minute
)

// NoCall puts back a callback for which no call could be made, each time in a row for twice as long.
func (c Callback) NoCall(now time.Time) Callback {
	wait := firstUnopened
	for range c.Unopened {
		if wait *= 2; wait >= lastUnopened {
			wait = lastUnopened
			break
		}
	}
	c.Unopened++
	return c.Postpone(now.Add(wait))
}

// Look: the agent has it and dials when ready.
func (c Callback) Look() (Callback, error) {
	if c.State != wire.CallbackOffered {
		return c, c.refuse("be looked at")
	}
	return c.to(wire.CallbackPreview, time.Time{}), nil
}

// Dial begins an attempt; locked, an agent cannot cancel it before it is answered.
func (c Callback) Dial(locked bool) (Callback, error) {
	if c.State != wire.CallbackOffered && c.State != wire.CallbackPreview {
		return c, c.refuse("dial")
	}
	c.Attempts++
	c.Result, c.Locked = "", locked
	return c.to(wire.CallbackDialing, time.Time{}), nil
}

// Answered: the customer is there.
func (c Callback) Answered() (Callback, error) {
	if c.State != wire.CallbackDialing {
		return c, c.refuse("be answered")
	}
	c.Result, c.Unopened = ResultReached, 0
	return c.to(wire.CallbackTalking, time.Time{}), nil
}

// HungUp: the conversation is over; without a word from the agent it is completed at the deadline.
func (c Callback) HungUp(deadline time.Time) (Callback, error) {
	if c.State != wire.CallbackTalking {
		return c, c.refuse("hang up")
	}
	c.Call = ""
	return c.to(wire.CallbackReached, deadline), nil
}

// Unanswered ends an attempt without the customer. It is tried again after the retry time, at the earliest
// at the given moment (opening hours), as long as attempts and window last.
func (c Callback) Unanswered(cause string, now time.Time, open func(time.Time) (time.Time, bool)) (Callback, error) {
	if c.State != wire.CallbackDialing {
		return c, c.refuse("stay unanswered")
	}
	c.Result, c.Call = cause, ""
	if c.Attempts >= c.Limit {
		return c.to(wire.CallbackFailed, time.Time{}), nil
	}
	next, ok := open(now.Add(c.Retry))
	if !ok || !c.End.IsZero() && !next.Before(c.End) {
		return c.to(wire.CallbackFailed, time.Time{}), nil
	}
	c.Fallback = time.Time{}
	if !next.After(now) {
		return c.Due(now), nil
	}
	return c.to(wire.CallbackPlanned, next), nil
}

// Settle makes a callback found after a restart true: a call that was ringing or being dialled when the
// process died is over on our side, but the customer's phone may still ring until the given moment, so it
// is not dialled again before. A conversation is over, and the agent has until review to say what came of it.
func (c Callback) Settle(now, quiet, review time.Time, open func(time.Time) (time.Time, bool)) Callback {
	switch c.State {
	case wire.CallbackOffered, wire.CallbackPreview:
		return c.Due(now)
	case wire.CallbackDialing:
		c.Attempts-- // nobody's fault
		c.Result, c.Call, c.Fallback = ResultRestart, "", time.Time{}
		next, ok := open(quiet)
		if !ok || !c.End.IsZero() && !next.Before(c.End) {
			return c.to(wire.CallbackFailed, time.Time{})
		}
		return c.to(wire.CallbackPlanned, next)
	case wire.CallbackTalking:
		c.Call = ""
		return c.to(wire.CallbackReached, review)
	}
	return c
}

// Complete closes it: the customer was reached, or need not be called any more.
func (c Callback) Complete(result string) (Callback, error) {
	if err := c.may("complete"); err != nil {
		return c, err
	}
	c.Result, c.Call = result, ""
	return c.to(wire.CallbackCompleted, time.Time{}), nil
}

// Reschedule sets another time, after an attempt or a failure. The attempts begin anew: a person decided.
func (c Callback) Reschedule(start, end time.Time) (Callback, error) {
	if err := c.may("reschedule"); err != nil {
		return c, err
	}
	c.Start, c.End, c.Attempts, c.Call, c.Fallback = start, end, 0, "", time.Time{}
	c.Place.Front = false
	return c.to(wire.CallbackPlanned, start), nil
}

// Cancel ends it.
func (c Callback) Cancel() (Callback, error) {
	if err := c.may("cancel"); err != nil {
		return c, err
	}
	return c.to(wire.CallbackCancelled, time.Time{}), nil
}

// Assign gives it to an agent, or to the whole queue with "".
func (c Callback) Assign(agent string, alone time.Duration, now time.Time) (Callback, error) {
	if err := c.may("assign"); err != nil {
		return c, err
	}
	c.Assignee, c.Alone, c.Fallback = agent, alone, time.Time{}
	if c.State == wire.CallbackWaiting && agent != "" && alone > 0 {
		c.Fallback = now.Add(alone)
	}
	c.Version++
	return c, nil
}

// Release gives it to the whole queue whatever it is doing: its assignee is gone.
func (c Callback) Release() Callback {
	c.Assignee, c.Alone, c.Fallback = "", 0, time.Time{}
	c.Version++
	return c
}

// Expire is the deadline of the present state, for those that have one.
func (c Callback) Expire(now time.Time) Callback {
	switch c.State {
	case wire.CallbackRequested:
		c.Result = ResultExpired
		return c.to(wire.CallbackFailed, time.Time{})
	case wire.CallbackPlanned:
		return c.Due(now)
	case wire.CallbackWaiting:
		if c.falls() { // from now on anybody, the assignee still first
			c.Preferred, c.Assignee, c.Fallback = c.Assignee, "", time.Time{}
			c.Version++
			return c
		}
		c.Result = ResultWindowOver
		return c.to(wire.CallbackFailed, time.Time{})
	case wire.CallbackReached:
		return c.to(wire.CallbackCompleted, time.Time{})
	}
	return c.to(c.State, time.Time{})
}

// Wire is the callback as the API shows it.
func (c Callback) Wire() wire.Callback {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	w := wire.Callback{
		ID: c.ID, Kind: c.Kind, State: c.State, Number: c.Shown, Name: c.Name, Queue: c.Queue, Reason: c.Reason,
		EntryPoint: c.Entry, Zone: c.Zone, Start: at(c.Start), End: at(c.End), Assignee: c.Assignee, Fallback: at(c.Fallback),
		FallbackSeconds: int(c.Alone / time.Second), RetrySeconds: int(c.Retry / time.Second),
		Preferred: c.Preferred, Queued: at(c.Place.Entered), Recording: c.Recording, Origin: c.Origin, CallID: c.Call, Agent: c.Agent,
		Attempts: c.Attempts, Limit: c.Limit, Result: c.Result, Created: c.Created, By: c.By, Version: c.Version, Allowed: c.Allowed(),
	}
	if w.Number == "" {
		w.Number = c.Number
	}
	if c.State == wire.CallbackPlanned {
		w.Next = at(c.Deadline)
	}
	return w
}
