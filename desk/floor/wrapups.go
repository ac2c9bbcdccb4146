package floor

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/wrapup"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Submit completes a wrap-up with a reason.
type Submit struct{ Wrapup, Reason, Actor string }

// Extend moves a wrap-up's deadline on.
type Extend struct{ Wrapup, Actor string }

// beginWrapup starts the work after a call for an agent who was in it.
func (f *Floor) beginWrapup(a agent.Agent, c contact.Contact) {
	q := Queue{}.withDefaults() // of a call without a queue
	if l := f.queues[c.Queue]; l != nil {
		q = l.Queue
	}
	r := f.wrapupRule(q, a.ID)
	w := wrapup.Wrapup{
		ID: f.newID(id.Wrapup), Call: c.ID, Agent: a.ID, Queue: c.Queue, Started: f.now,
		Deadline: f.now.Add(r.Time.Duration), Amount: r.Extension.Duration, Extensions: r.Extensions,
		Policy: r.Policy, Default: r.Default,
	}
	if r.Total.Duration > 0 {
		w.Last = f.now.Add(max(r.Total.Duration, r.Time.Duration))
	}
	for _, x := range r.Reasons {
		w.Reasons = append(w.Reasons, wrapup.Reason{Code: x.Code, Label: x.Label})
	}
	put(f, key{KindWrapup, w.ID}, f.state.Wrapups, any(w))
	f.setAgent(must(a.BeginWrapup(w.ID, f.now)), Actor)
	f.publish("wrapup.started", c.ID, Actor, w.Wire())
}

// wrapup finds a wrap-up, also one that is completed and not yet forgotten.
func (f *Floor) wrapup(wid string) (wrapup.Wrapup, error) {
	if w, ok := f.state.Wrapups[wid]; ok {
		return w, nil
	}
	if w, ok := f.pastWraps.m[wid]; ok {
		return w, nil
	}
	return wrapup.Wrapup{}, problem.NotFound("wrapup", wid)
}

func (f *Floor) complete(w wrapup.Wrapup, reason, by, actor string) error {
	w, err := w.Complete(reason, by, f.now)
	if err != nil {
		return err
	}
	put(f, key{KindWrapup, w.ID}, f.state.Wrapups, nil)
	f.pastWraps.add(w.ID, w)
	f.publish("wrapup.completed", w.Call, actor, w.Wire())
	f.setAgent(must(f.state.Agents[w.Agent].EndWrapup(f.now)), actor)
	f.nextWork(w.Agent)
	return nil
}

func (in Submit) step(f *Floor) error {
	w, err := f.wrapup(in.Wrapup)
	if err != nil {
		return err
	}
	known := func(r wrapup.Reason) bool { return r.Code == in.Reason }
	switch {
	case strings.TrimSpace(in.Reason) == "":
		return badReason("required", "a wrap-up needs a reason")
	case utf8.RuneCountInString(in.Reason) > maxReason:
		return tooLong("/reason")
	case len(w.Reasons) > 0 && in.Reason != f.defaultReason(w) && !slices.ContainsFunc(w.Reasons, known):
		return badReason("unknown", "this wrap-up reason is not one of the configured ones")
	}
	return f.complete(w, in.Reason, wrapup.ByAgent, in.Actor)
}

func badReason(code, detail string) error {
	return &problem.Error{
		Status: http.StatusUnprocessableEntity, Code: "invalid_reason", Detail: detail,
		Fields: []problem.Field{{Pointer: "/reason", Code: code}},
	}
}

func (in Extend) step(f *Floor) error {
	w, err := f.wrapup(in.Wrapup)
	if err == nil {
		w, err = w.Extend()
	}
	if err != nil {
		return err
	}
	put(f, key{KindWrapup, w.ID}, f.state.Wrapups, any(w))
	f.publish("wrapup.extended", w.Call, in.Actor, w.Wire())
	return nil
}

// Wrapup is one wrap-up as the API shows it.
func (f *Floor) Wrapup(wid string) (wire.Wrapup, error) {
	w, err := f.wrapup(wid)
	return w.Wire(), err
}

// defaultReason is what a wrap-up is completed with when its agent names none.
func (f *Floor) defaultReason(w wrapup.Wrapup) string {
	return cmp.Or(w.Default, f.cfg.WrapupDefault) // a log written before there were rules has none
}
