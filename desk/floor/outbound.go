package floor

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// A task is what an outbound contact is for: a callback, or a record of a campaign. The contact carries the
// task's id, the task the contact's; what happens to the call is told to the task through the functions
// below. A call of a task has an identifier chosen here, so it is written down before anything is dialled:
// a task found dialling after a restart is settled and never dialled twice at once.
//
//	waiting in its queue ── agent free ──> offered ── accept, agent's leg up ──> [look] ──> dial ──> talk
//	      ^                                   │                                            │
//	      └───────── declined, RONA ──────────┘                       no answer: the task's retry policy

// The commands of a task's call, beside those of every call.
const (
	OpOpen Op = "open" // make an empty call
	OpDial Op = "dial" // call the customer into it
	OpBeep Op = "beep" // to one leg
)

// Dial is what OpOpen and OpDial need.
type Dial struct {
	To, From, Name, Trunk string
	Queue, Agent          string
	Task                  string
	Ring                  time.Duration
}

func isCallback(task string) bool { return strings.HasPrefix(task, id.Callback+"_") }

// offerTask makes a call for a task and rings it at an agent.
func (f *Floor) offerTask(c contact.Contact, a agent.Agent, ring time.Duration, d Dial) (contact.Contact, offer.Offer) {
	o := f.ringAt(a, offer.Offer{Call: c.ID, Queue: c.Queue, Attempt: c.Attempt + 1}, ring, func(o offer.Offer) {
		c.State = contact.Queued // where every offer begins; never seen in line
		c = must(c.OfferTo(o.Agent, o.ID))
		f.setContact(c)
		d.Agent = o.Agent
		f.openCall(c, d)
	})
	return c, o
}

func (f *Floor) openCall(c contact.Contact, d Dial) {
	d.To, d.From, d.Name, d.Queue, d.Task = c.To, c.From, c.FromName, c.Queue, c.Task
	f.effects = append(f.effects, Command{Op: OpOpen, CallID: c.ID, Dial: &d})
}

func (f *Floor) dialCustomer(c contact.Contact, trunk string, ring time.Duration) {
	f.effects = append(f.effects, Command{Op: OpDial, CallID: c.ID, Dial: &Dial{
		To: c.To, From: c.From, Trunk: trunk, Queue: c.Queue, Agent: c.Agent, Task: c.Task, Ring: ring,
	}})
}

// DialLimit refuses one more outbound call at the limit.
func (f *Floor) DialLimit() error {
	if n := f.taskCalls; n >= f.cfg.Callbacks.MaxDialing {
		return &problem.Error{
			Status: http.StatusTooManyRequests, Code: "call_limit", Detail: "the limit of simultaneous outbound calls is reached",
			Limit: f.cfg.Callbacks.MaxDialing, Use: n, RetryAfter: 10,
		}
	}
	return nil
}

// taskMissed: the agent did not take the offer, or was lost before anything was dialled. It replaces the
// return to the queue that other contacts have.
func (f *Floor) taskMissed(c contact.Contact, reason string) {
	if !isCallback(c.Task) && c.Customer != "" {
		f.recordLost(c)
		return
	}
	f.dropContact(c.ID)
	f.command(OpEnd, c.ID, "", "cancelled")
	if isCallback(c.Task) {
		f.callbackMissed(c, reason)
		return
	}
	f.recordMissed(c)
}

// taskAttached: the agent's voice is up and the customer has not been dialled yet.
func (f *Floor) taskAttached(c contact.Contact) {
	if isCallback(c.Task) {
		f.callbackAttached(c)
		return
	}
	f.recordAttached(c)
}

// taskAnswered: the customer has answered.
func (f *Floor) taskAnswered(c contact.Contact) {
	if c.State == contact.Connected && f.recorded(c) {
		f.command(OpRecord, c.ID, "", "")
	}
	if c.State == contact.Away { // the agent's voice was lost while it rang
		f.hold(c)
	}
	if isCallback(c.Task) {
		f.callbackAnswered(c)
		return
	}
	f.recordAnswered(c)
}

// taskUnanswered: the customer's leg ended before it was answered. The call ends with it.
func (f *Floor) taskUnanswered(c contact.Contact, cause string) {
	if isCallback(c.Task) {
		f.callbackUnanswered(c, cause)
	} else {
		f.recordUnanswered(c, cause)
	}
	f.finish(c, cause)
}

// taskOver: the contact is gone.
func (f *Floor) taskOver(c contact.Contact) {
	if isCallback(c.Task) {
		f.callbackOver(c)
		return
	}
	f.recordOver(c)
}

// taskFailed: the media plane could not open or dial.
func (f *Floor) taskFailed(c contact.Contact, in CommandFailed) {
	f.publish("desk.alarm", c.ID, Actor, wire.Alarm{Type: "call.command_failed", CallID: c.ID, Queue: c.Queue, Detail: "could not " + string(in.Command.Op) + ": " + in.Detail})
	if in.Command.Op == OpDial {
		f.taskUnanswered(c, "unavailable")
		return
	}
	if isCallback(c.Task) {
		f.callbackNoCall(c)
	} else {
		f.recordUnanswered(c, "unavailable")
	}
	f.endContact(c)
}

// matchTasks offers one waiting task, to the longest idle agent who may have it (the preferred one first).
// With first it takes only what stands before all waiting calls of its queue; the others come when nobody
// is left who could take a call.
func (f *Floor) matchTasks(first bool) bool {
	for _, l := range f.order {
		if len(l.Idle()) == 0 || len(l.tasks.Calls()) == 0 {
			continue
		}
		for _, w := range l.tasks.Calls() {
			if calls := l.Calls(); first && len(calls) > 0 && queue.Compare(calls[0], w) < 0 {
				break
			}
			cb := f.state.Callbacks[w.ID]
			if next, ok := f.open(f.now); ok && next.After(f.now) {
				f.setCallback(cb.Postpone(next), Actor) // nobody is called outside the hours
				return true
			}
			a, ok := f.pickFor(l, cb)
			if !ok || f.DialLimit() != nil {
				continue
			}
			e, at, ok := f.entryFor(cb)
			switch {
			case !ok && at.IsZero():
				continue // until another configuration has one
			case !ok:
				f.setCallback(cb.Postpone(at), Actor)
				return true
			}
			f.offerCallback(l, cb, a, e)
			return true
		}
	}
	return false
}

// pickFor finds the agent for a waiting callback.
func (f *Floor) pickFor(l *line, cb callback.Callback) (agent.Agent, bool) {
	best := ""
	for _, i := range l.Idle() {
		if !cb.Suits(i.ID) || slices.Contains(f.agents[i.ID].NoCallbacks, l.ID) {
			continue
		}
		if i.ID == cb.Preferred {
			best = i.ID
			break
		}
		if best == "" {
			best = i.ID
		}
	}
	a, ok := f.state.Agents[best]
	return a, ok
}

// compileOutbound makes the configuration's hours askable.
func (f *Floor) compileOutbound() (err error) {
	if f.callHours, err = f.cfg.Callbacks.Hours.Compile(); err != nil {
		return err
	}
	for _, e := range f.cfg.Callbacks.EntryPoints {
		var plan *hours.Plan
		if plan, err = e.Hours.Compile(); err != nil {
			return err
		}
		f.entries = append(f.entries, entryPoint{e, plan})
	}
	return nil
}

// outboundInUse refuses a configuration without a queue that callbacks or campaigns need.
func (f *Floor) outboundInUse(cfg Config) error {
	has := func(id string) bool { return slices.ContainsFunc(cfg.Queues, func(q Queue) bool { return q.ID == id }) }
	for _, c := range f.state.Callbacks {
		if !c.Over() && !has(c.Queue) {
			return problem.Conflict("queue_in_use", string(c.State), nil, "queue %s has callbacks that are not over", c.Queue)
		}
	}
	for _, w := range f.state.Works {
		if !has(w.Queue) {
			return problem.Conflict("queue_in_use", string(w.State), nil, "queue %s has written requests that are not closed", w.Queue)
		}
	}
	for _, c := range f.state.Campaigns {
		if c.State != wire.CampaignFinished && c.State != wire.CampaignDraft && !has(c.Setup.Queue) {
			return problem.Conflict("queue_in_use", string(c.State), nil, "campaign %s works with queue %s", c.ID, c.Setup.Queue)
		}
	}
	return nil
}
