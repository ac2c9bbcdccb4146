package floor

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/desk/work"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The bounds of written requests: how many may be open at once, and how long their parts are, in characters.
const (
	worksMost     = 10_000
	addressMost   = 320
	subjectMost   = 250
	writtenMost   = 20_000
	workRefMost   = 128
	workPriorMost = 1000
)

// isWork says whether what an agent has in hand is a written request.
func isWork(callID string) bool { return strings.HasPrefix(callID, id.Work+"_") }

func (f *Floor) indexWork(old, w work.Work) {
	if l := f.queues[old.Queue]; l != nil && old.State == wire.WorkQueued {
		l.Leave(queue.Waiting{ID: old.ID, Place: old.Place})
	}
	if l := f.queues[w.Queue]; l != nil && w.State == wire.WorkQueued {
		l.Enter(queue.Waiting{ID: w.ID, Place: w.Place})
	}
	if old.Agent == w.Agent {
		return
	}
	if i, there := slices.BinarySearch(f.worksOf[old.Agent], old.ID); there {
		f.worksOf[old.Agent] = slices.Delete(slices.Clone(f.worksOf[old.Agent]), i, i+1)
	}
	if i, there := slices.BinarySearch(f.worksOf[w.Agent], w.ID); !there && w.Agent != "" {
		f.worksOf[w.Agent] = slices.Insert(slices.Clone(f.worksOf[w.Agent]), i, w.ID)
	}
}

// setWork writes a request and tells; a closed one is only remembered for late questions.
func (f *Floor) setWork(w work.Work, actor string) {
	old, had := f.state.Works[w.ID]
	if w.State == wire.WorkClosed {
		put(f, key{KindWork, w.ID}, f.state.Works, nil)
		f.pastWorks.add(w.ID, w)
	} else {
		put(f, key{KindWork, w.ID}, f.state.Works, any(w))
	}
	typ := "work.changed"
	switch {
	case !had:
		typ = "work.created"
	case w.State == wire.WorkClosed && w.Result == work.ResultReplied:
		typ = "work.replied"
	case w.State == wire.WorkClosed:
		typ = "work.closed"
	case old.State == w.State:
		return
	}
	f.publish(typ, "", actor, w.Wire())
}

// work finds a request, also one that is closed and not yet forgotten.
func (f *Floor) work(wid string) (work.Work, error) {
	if w, ok := f.state.Works[wid]; ok {
		return w, nil
	}
	if w, ok := f.pastWorks.m[wid]; ok {
		return w, nil
	}
	return work.Work{}, problem.NotFound("work", wid)
}

// MakeWork brings a written request into its queue under the given id.
type MakeWork struct {
	ID      string
	Request wire.WorkRequest
	Actor   string
}

// ReplyWork closes one with a reply, CloseWork without. Its agent then wraps up (R4).
type ReplyWork struct{ ID, Text, Actor string }

// CloseWork closes a request without a reply.
type CloseWork struct{ ID, Actor string }

// CancelWork takes a request back, whatever it is doing.
type CancelWork struct{ ID, Actor string }

func (in MakeWork) step(f *Floor) error {
	r := in.Request
	if n := len(f.state.Works); n >= worksMost {
		return &problem.Error{
			Status: http.StatusTooManyRequests, Code: "work_limit", Detail: "there are as many open written requests as may be",
			Limit: worksMost, Use: n, RetryAfter: 60,
		}
	}
	var faults callback.Faults
	if !slices.Contains(wire.Enums["WorkKind"], string(r.Kind)) {
		faults.Add("/kind", "unknown", "a written request is email, chat or social")
	}
	switch {
	case r.Queue == "":
		faults.Add("/queue", "required", "say which queue")
	case f.queues[r.Queue] == nil:
		faults.Add("/queue", "unknown", "there is no queue %s", r.Queue)
	}
	faults.Text("/from", r.From, 1, addressMost)
	faults.Text("/from_name", r.FromName, 0, subjectMost)
	faults.Text("/subject", r.Subject, 0, subjectMost)
	faults.Text("/client_ref", r.ClientRef, 0, workRefMost)
	faults.Written("/text", r.Text, writtenMost)
	if r.Priority < -workPriorMost || r.Priority > workPriorMost {
		faults.Add("/priority", "out_of_range", "a priority lies between -%d and %d", workPriorMost, workPriorMost)
	}
	if err := faults.Err(); err != nil {
		return err
	}
	f.setWork(work.Work{
		ID: in.ID, Kind: r.Kind, State: wire.WorkQueued, Queue: r.Queue, From: r.From, FromName: r.FromName, Subject: r.Subject, Text: r.Text, Ref: r.ClientRef,
		Place: queue.Place{Class: queue.ClassWritten, Priority: r.Priority, Entered: f.now}, Created: f.now, Version: 1,
	}, in.Actor)
	return nil
}

func (in ReplyWork) step(f *Floor) error {
	w, err := f.work(in.ID)
	if err != nil {
		return err
	}
	var faults callback.Faults
	faults.Written("/text", in.Text, writtenMost)
	if err := faults.Err(); err != nil {
		return err
	}
	done, err := w.Send(in.Text, f.now)
	if err == nil {
		err = f.turnTo(w)
	}
	if err != nil {
		return err
	}
	f.endWork(done, in.Actor)
	return nil
}

func (in CloseWork) step(f *Floor) error {
	w, err := f.work(in.ID)
	done := w
	if err == nil {
		done, err = w.Close(f.now)
	}
	if err == nil {
		err = f.turnTo(w)
	}
	if err != nil {
		return err
	}
	f.endWork(done, in.Actor)
	return nil
}

func (in CancelWork) step(f *Floor) error {
	w, err := f.work(in.ID)
	if err == nil {
		_, err = w.Cancel(work.ResultCancelled, f.now)
	}
	if err != nil {
		return err
	}
	f.cancelWork(w, work.ResultCancelled, in.Actor)
	return nil
}

// endWork closes a request its agent has done with, and begins the agent's wrap-up.
func (f *Floor) endWork(w work.Work, actor string) {
	f.setWork(w, actor)
	if a, ok := f.state.Agents[w.Agent]; ok && a.State == wire.AgentBusy && a.Call == w.ID {
		f.beginWrapup(a, contact.Contact{ID: w.ID, Queue: w.Queue})
	}
}

// cancelWork closes a request and lets its agent go. Who worked on it wraps up.
func (f *Floor) cancelWork(w work.Work, result, actor string) {
	closed := must(w.Cancel(result, f.now))
	if w.State == wire.WorkOffered {
		f.withdrawWork(w)
	}
	f.endWork(closed, actor)
}

// withdrawWork ends the offer of a request from our side.
func (f *Floor) withdrawWork(w work.Work) {
	if o, ok := f.state.Offers[w.Offer]; ok && o.State == wire.OfferOpen {
		f.withdrawn(o)
	}
	if a, ok := f.state.Agents[w.Agent]; ok && a.State == wire.AgentReserved && a.Call == w.ID {
		if f.ringsOn(a) {
			return
		}
		f.setAgent(must(a.Release(f.now)), Actor)
	}
}

// offerWork rings a waiting request at an agent.
func (f *Floor) offerWork(w work.Work, a agent.Agent, ring Duration) {
	f.ringAt(a, offer.Offer{Work: w.ID, Queue: w.Queue, Attempt: w.Attempt + 1}, ring.Duration, func(o offer.Offer) {
		f.setWork(must(w.OfferTo(o.Agent, o.ID)), Actor)
	})
}

// acceptWork opens a request at the agent whose offer was accepted.
func (f *Floor) acceptWork(o offer.Offer, w work.Work, actor string) {
	f.publish("offer.accepted", "", actor, f.wireOffer(o))
	if a := f.state.Agents[o.Agent]; a.State == wire.AgentReserved { // else it is open beside what the agent has in hand
		a.Call, a.Offer = w.ID, o.ID
		f.setAgent(must(a.Engage(w.ID, f.now)), actor)
	}
	f.setWork(must(w.Accepted()), actor)
	f.closeOffer(o.ID)
}

// leaveWork gives the requests back to their queues whose agent is gone; the agent rests.
func (f *Floor) leaveWork(a agent.Agent) {
	f.giveBack(a.ID)
	f.setAgent(must(a.Disengage(f.now)), Actor)
}

// settleWorks makes requests found after a restart true: what was offered waits, what was open stays with its agent as
// long as there is one.
func (f *Floor) settleWorks() {
	for _, w := range f.works() {
		switch {
		case f.queues[w.Queue] == nil:
			if a, ok := f.state.Agents[w.Agent]; ok && a.Call == w.ID && a.State == wire.AgentBusy {
				f.setAgent(must(a.Disengage(f.now)), Actor)
			}
			f.cancelWork(w, work.ResultNoQueue, Actor)
			f.nextWork(w.Agent)
		case w.State == wire.WorkOffered:
			f.withdrawWork(w)
			f.setWork(must(w.Back()), Actor)
		case w.State == wire.WorkOpen && f.agents[w.Agent] == nil:
			f.setWork(must(w.Back()), Actor)
		}
	}
}

// works are all requests that are not closed, in the order they wait in.
func (f *Floor) works() []work.Work {
	out := make([]work.Work, 0, len(f.state.Works))
	for _, w := range f.state.Works {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b work.Work) int {
		return queue.Compare(queue.Waiting{ID: a.ID, Place: a.Place}, queue.Waiting{ID: b.ID, Place: b.Place})
	})
	return out
}

// Work is one written request as the API shows it.
func (f *Floor) Work(wid string) (wire.Work, error) {
	w, err := f.work(wid)
	return w.Wire(), err
}

// Works are the requests that are not closed: of one queue, at one agent; "" for any.
func (f *Floor) Works(queueID, agentID string) []wire.Work {
	out := []wire.Work{}
	for _, w := range f.works() {
		if (queueID == "" || w.Queue == queueID) && (agentID == "" || w.Agent == agentID) {
			out = append(out, w.Wire())
		}
	}
	return out
}
