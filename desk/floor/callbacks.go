package floor

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/journal"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

func (f *Floor) indexCallback(old, c callback.Callback) {
	if l := f.queues[old.Queue]; l != nil && old.State == wire.CallbackWaiting {
		l.tasks.Leave(queue.Waiting{ID: old.ID, Place: old.Place})
	}
	if l := f.queues[c.Queue]; l != nil && c.State == wire.CallbackWaiting {
		l.tasks.Enter(queue.Waiting{ID: c.ID, Place: c.Place})
	}
	f.due.add(old.Next(), c.Next(), key{KindCallback, c.ID})
}

// setCallback writes a callback and tells what has become of it.
func (f *Floor) setCallback(c callback.Callback, actor string) {
	old := f.state.Callbacks[c.ID]
	if c.Over() && c.Deadline.IsZero() {
		c.Deadline = f.now.Add(f.cfg.Callbacks.Keep.Duration) // then it is forgotten
	}
	put(f, key{KindCallback, c.ID}, f.state.Callbacks, any(c))
	typ := "callback.changed"
	switch {
	case old.State == c.State:
	case c.Unopened > 0 && !c.Over(): // comes and goes because of us: nothing new about it
	case c.State == wire.CallbackRequested:
		typ = "callback.requested"
	case c.State == wire.CallbackPlanned:
		typ = "callback.scheduled"
	case c.State == wire.CallbackWaiting && old.State != wire.CallbackOffered:
		typ = "callback.due"
	case c.State == wire.CallbackCompleted:
		typ = "callback.completed"
	case c.State == wire.CallbackFailed:
		typ = "callback.failed"
	case c.State == wire.CallbackCancelled:
		typ = "callback.cancelled"
	}
	f.publish(typ, c.Call, actor, c.Wire())
	if c.State == wire.CallbackWaiting && old.State != wire.CallbackWaiting {
		f.alarmStranded(c)
	}
	if c.State == wire.CallbackFailed && old.State != wire.CallbackFailed && c.Result == callback.ResultWindowOver {
		f.publish("desk.alarm", "", Actor, wire.Alarm{
			Type: "callback.window_over", Queue: c.Queue,
			Detail: "nobody was free for callback " + c.ID + " in the time that was agreed",
		})
	}
}

// callback finds a callback, also one that is over and not yet forgotten.
func (f *Floor) callback(cid string) (callback.Callback, error) {
	c, ok := f.state.Callbacks[cid]
	if !ok {
		return c, problem.NotFound("callback", cid)
	}
	return c, nil
}

// callbackOfAgent finds a callback an agent wants to do something with ("" for a program or a supervisor). From the
// offer until it is closed it is the business of the agent who has it, and of nobody else.
func (f *Floor) callbackOfAgent(cid, agentID string) (callback.Callback, error) {
	c, err := f.callback(cid)
	if err != nil || agentID == "" || c.Held() && c.Agent == agentID || !c.Held() && f.mayTouch(c, agentID) {
		return c, err
	}
	return c, problem.Conflict("callback_not_yours", string(c.State), []string{}, "callback %s is not agent %s's", cid, agentID)
}

// callbackDue is a callback's deadline.
func (f *Floor) callbackDue(cid string) {
	c := f.state.Callbacks[cid]
	if c.Over() {
		put(f, key{KindCallback, cid}, f.state.Callbacks, nil)
		return
	}
	f.setCallback(c.Expire(f.now), Actor)
}

// open is the first moment at or after t at which customers may be called.
func (f *Floor) open(t time.Time) (time.Time, bool) { return f.callHours.Next(t) }

// offerCallback gives a waiting callback to an agent.
func (f *Floor) offerCallback(l *line, cb callback.Callback, a agent.Agent, e entryPoint) {
	c := contact.Contact{
		ID: f.newID(id.Call), Outbound: true, Task: cb.ID, From: e.Number, To: cb.Number, FromName: cb.Name,
		Queue: cb.Queue, Place: cb.Place,
	}
	f.setCallback(must(cb.Offer(a.ID, c.ID)), Actor)
	f.offerTask(c, a, l.Ring.Duration, Dial{Trunk: e.Trunk})
}

func (f *Floor) callbackOf(c contact.Contact) (callback.Callback, bool) {
	cb, ok := f.state.Callbacks[c.Task]
	return cb, ok && cb.Call == c.ID
}

func (f *Floor) callbackMissed(c contact.Contact, _ string) {
	if cb, ok := f.callbackOf(c); ok && (cb.State == wire.CallbackOffered || cb.State == wire.CallbackPreview) {
		f.setCallback(must(cb.Missed(f.now)), Actor)
	}
}

// callbackNoCall: no call could be opened. The callback waits a while, so as not to ask again at once.
func (f *Floor) callbackNoCall(c contact.Contact) {
	if cb, ok := f.callbackOf(c); ok && cb.State == wire.CallbackOffered {
		f.setCallback(cb.NoCall(f.now), Actor)
	}
}

func (f *Floor) callbackAttached(c contact.Contact) {
	cb, ok := f.callbackOf(c)
	if !ok || cb.State != wire.CallbackOffered {
		return
	}
	if cb.Kind == wire.CallbackVoice || f.cfg.Callbacks.Preview {
		f.setCallback(must(cb.Look()), c.Agent)
		return
	}
	e, _ := f.entryOf(c.From) // was active when it was offered
	f.dialCallback(c, cb, e)
}

func (f *Floor) dialCallback(c contact.Contact, cb callback.Callback, e entryPoint) {
	f.setCallback(must(cb.Dial(f.cfg.Callbacks.NoEndCall)), Actor)
	f.dialCustomer(c, e.Trunk, f.cfg.Callbacks.Ring.Duration)
}

func (f *Floor) callbackAnswered(c contact.Contact) {
	if cb, ok := f.callbackOf(c); ok && cb.State == wire.CallbackDialing {
		f.setCallback(must(cb.Answered()), Actor)
	}
}

func (f *Floor) callbackUnanswered(c contact.Contact, cause string) {
	if cb, ok := f.callbackOf(c); ok && cb.State == wire.CallbackDialing {
		f.setCallback(must(cb.Unanswered(cause, f.now, f.open)), Actor)
	}
}

func (f *Floor) callbackOver(c contact.Contact) {
	cb, ok := f.callbackOf(c)
	if !ok {
		return
	}
	switch cb.State {
	case wire.CallbackOffered, wire.CallbackPreview:
		f.setCallback(must(cb.Missed(f.now)), Actor)
	case wire.CallbackDialing:
		if f.restarting { // settled with the others
			return
		}
		f.setCallback(must(cb.Unanswered("cancelled", f.now, f.open)), Actor)
	case wire.CallbackTalking:
		f.setCallback(must(cb.HungUp(f.now.Add(f.cfg.Callbacks.Review.Duration))), Actor)
	}
}

// settleTasks makes callbacks found after a restart true, once the contacts are.
func (f *Floor) settleTasks() {
	quiet := f.now.Add(f.cfg.Callbacks.Ring.Duration)
	for _, cid := range slices.Sorted(maps.Keys(f.state.Callbacks)) {
		cb := f.state.Callbacks[cid]
		switch {
		case f.queues[cb.Queue] == nil:
			if !cb.Over() {
				cb.State, cb.Result, cb.Deadline = wire.CallbackFailed, "no_queue", time.Time{}
				f.setCallback(cb, Actor)
			}
		case cb.Call != "" && f.state.Contacts[cb.Call].Task != cb.ID && !cb.Over():
			f.setCallback(cb.Settle(f.now, quiet, f.now.Add(f.cfg.Callbacks.Review.Duration), f.open), Actor)
		}
	}
}

// showTask shows an outbound offer from the agent's side: the customer's number, and ours.
func (f *Floor) showTask(w *wire.Offer, c contact.Contact) {
	w.From, w.To = c.To, c.From
	if cb, ok := f.state.Callbacks[c.Task]; ok {
		shown := cb.Wire()
		w.Callback, w.From = &shown, shown.Number
	}
	if r, ok := f.state.Records[c.Task]; ok {
		shown := r.Wire()
		w.Record = &shown
		w.Auto = w.State == wire.OfferAccepted && c.Customer != ""
	}
}

// messageLeft makes a callback of a voice message.
func (f *Floor) messageLeft(c contact.Contact) {
	cb := f.fromContact(c, wire.CallbackVoice, c.From, c.FromName)
	cb.Recording = c.Recording
	f.setCallback(cb.Plan(f.now), "customer")
}

// messageFailed puts a caller whose message cannot be recorded back to where they were.
func (f *Floor) messageFailed(c contact.Contact) {
	c.State, c.Deadline = contact.Queued, time.Time{}
	f.setContact(c)
	f.command(OpHold, c.ID, c.Customer, "")
	f.queued(c, "no_message")
}

func (f *Floor) fromContact(c contact.Contact, kind wire.CallbackKind, number, name string) callback.Callback {
	cfg := f.cfg.Callbacks
	return callback.Callback{
		ID: f.newID(id.Callback), Kind: kind, Number: Normalize(number), Shown: number, Name: cmp.Or(name, number), Queue: c.Queue,
		Place: c.Place, Origin: c.ID, Limit: cfg.Attempts, Retry: cfg.Retry.Duration, Created: f.now, By: "customer",
	}
}

// takeMessage lets a customer who waits leave a voice message instead.
func (f *Floor) takeMessage(c contact.Contact) {
	c.State, c.Deadline = contact.Message, f.now.Add(f.cfg.Callbacks.Message.Duration)
	f.setContact(c)
	f.unhold(c)
	f.command(OpBeep, c.ID, c.Customer, "")
	f.command(OpRecord, c.ID, "", "")
	f.publish("message.started", c.ID, Actor, wire.Diversion{CallID: c.ID, Queue: c.Queue, Kind: TargetMessage, Reason: "message"})
}

// DigitPressed is a key the customer has pressed.
type DigitPressed struct{ CallID, LegID, Digit string }

func (in DigitPressed) step(f *Floor) error {
	c, ok := f.state.Contacts[in.CallID]
	if !ok || in.Digit == "" || c.State != contact.Queued || in.LegID != c.Customer {
		return nil
	}
	kind := wire.CallbackKind("")
	switch in.Digit {
	case f.cfg.Callbacks.CourtesyDigit:
		kind = wire.CallbackCourtesy
	case f.cfg.Callbacks.MessageDigit:
		kind = wire.CallbackVoice
	default:
		return nil
	}
	if err := (TakeBack{Call: in.CallID, Request: wire.CallbackFromCall{Kind: kind}, Actor: "customer"}).step(f); err != nil {
		f.publish("desk.alarm", c.ID, Actor, wire.Alarm{Type: "callback.refused", CallID: c.ID, Queue: c.Queue, Detail: problem.As(err).Detail})
	}
	return nil
}

// TakeBack turns a waiting call into a callback that keeps its place (courtesy), or lets the caller leave a
// message first (voice).
type TakeBack struct {
	Call    string
	Request wire.CallbackFromCall
	Actor   string
	made    *string // the callback, unless a message comes first
}

// Into makes the step write the new callback's id to s; it stays empty while a message is recorded.
func (in TakeBack) Into(s *string) TakeBack {
	in.made = s
	return in
}

func (in TakeBack) step(f *Floor) error {
	c, ok := f.state.Contacts[in.Call]
	if !ok {
		return problem.NotFound("call", in.Call)
	}
	if c.State != contact.Queued || c.Task != "" {
		return problem.Conflict("call_wrong_state", string(c.State), c.Allowed(), "call %s does not wait in a queue", c.ID)
	}
	if !f.anyEntry() {
		return noEntryPoint()
	}
	var faults callback.Faults
	number := cmp.Or(in.Request.Number, c.From)
	faults.Number("/number", number)
	if in.Request.Name != "" {
		faults.Text("/name", in.Request.Name, callback.MinName, callback.MaxText)
	}
	switch in.Request.Kind {
	case "", wire.CallbackCourtesy, wire.CallbackVoice:
	default:
		faults.Add("/kind", "not_allowed", "a waiting call becomes a courtesy or voice callback")
	}
	if err := faults.Err(); err != nil {
		return err
	}
	c.From, c.FromName = number, cmp.Or(in.Request.Name, c.FromName)
	if in.Request.Kind == wire.CallbackVoice {
		f.takeMessage(c)
		return nil
	}
	cb := f.fromContact(c, wire.CallbackCourtesy, number, c.FromName).Plan(f.now)
	f.setCallback(cb, in.Actor)
	if in.made != nil {
		*in.made = cb.ID
	}
	f.endedBy(c.ID, journal.Callback)
	f.finish(c, "hangup")
	return nil
}

// Callback is one callback as the API shows it.
func (f *Floor) Callback(cid string) (wire.Callback, error) {
	c, err := f.callback(cid)
	return c.Wire(), err
}

// CallbackFilter chooses callbacks of a list; empty fields choose all.
type CallbackFilter struct {
	State    wire.CallbackState
	Queue    string
	Assignee string
	Number   string
	// Agent sees what is the agent's, or waits for nobody in particular in one of the agent's queues.
	Agent string
	Open  bool // none that is over
}

// Callbacks are the callbacks a filter chooses, by the time they are due.
func (f *Floor) Callbacks(by CallbackFilter) []wire.Callback {
	out := []wire.Callback{}
	number := f.key(by.Number)
	for _, c := range f.state.Callbacks {
		switch {
		case by.State != "" && c.State != by.State, by.Queue != "" && c.Queue != by.Queue,
			by.Assignee != "" && c.Assignee != by.Assignee, by.Open && c.Over(),
			number != "" && f.key(c.Number) != number,
			by.Agent != "" && !f.mayTouch(c, by.Agent):
			continue
		}
		out = append(out, c.Wire())
	}
	slices.SortFunc(out, func(a, b wire.Callback) int {
		return cmp.Or(dueTime(a).Compare(dueTime(b)), strings.Compare(a.ID, b.ID))
	})
	return out
}

func dueTime(c wire.Callback) time.Time {
	for _, t := range []*time.Time{c.Next, c.Start, c.Queued} {
		if t != nil {
			return *t
		}
	}
	return c.Created
}

// mayTouch says whether a callback is an agent's business: the agent has it, it is the agent's alone, or for anybody in
// one of the agent's queues. Who had it last may still look at one that is over.
func (f *Floor) mayTouch(c callback.Callback, agentID string) bool {
	s := f.agents[agentID]
	return c.Assignee == agentID || c.Agent == agentID && (c.Held() || c.Over()) || s != nil && c.Assignee == "" && slices.Contains(s.ids, c.Queue)
}

// CallbackMine says whether an agent sees a callback, see mayTouch.
func (f *Floor) CallbackMine(cid, agentID string) bool {
	c, ok := f.state.Callbacks[cid]
	return ok && f.mayTouch(c, agentID)
}
