package floor

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/desk/wait"
	"github.com/cordboard/cordboard/signaling/wire"
)

// policy is what waiting is like for a contact.
func (f *Floor) policy(c contact.Contact) wait.Policy {
	l := f.queues[c.Queue]
	if l == nil {
		return wait.Policy{}
	}
	p := wait.Policy{
		Preferred: l.PreferredWait.Duration, Relax: relaxations(f.needs(f.demandOf(c, wait.Wait{}))),
		Welcome: l.Prompts.Welcome != "", Every: l.Prompts.Every.Duration, Limit: l.MaxWait.Duration,
	}
	return p
}

func (f *Floor) setWait(w wait.Wait) { put(f, key{KindWait, w.Call}, f.state.Waits, any(w)) }

// settleWait keeps a contact's waiting time in step with its state.
func (f *Floor) settleWait(c contact.Contact) {
	w, had := f.state.Waits[c.ID]
	switch c.State {
	case contact.Queued, contact.Offered, contact.Connecting:
		if f.queues[c.Queue] == nil {
			return
		}
		if !had {
			w = wait.Begin(c.ID, "", f.policy(c), f.now)
		}
		if fresh := w.Rest(f.policy(c), c.State == contact.Queued); !had || fresh != w {
			f.setWait(fresh)
		}
	default:
		if had {
			put(f, key{KindWait, c.ID}, f.state.Waits, nil)
		}
	}
}

// prefer makes a contact wait for one agent first, if that agent is here to take it.
func (f *Floor) prefer(c contact.Contact, agentID string) {
	a, known := f.state.Agents[agentID]
	if !known || !a.OnDuty() {
		return
	}
	w := wait.Begin(c.ID, agentID, f.policy(c), f.now)
	if s := f.agents[agentID]; s == nil || w.Preferred == "" {
		return
	} else if _, why := f.suits(f.demandOf(c, w), s); why != "" {
		return
	}
	f.setWait(w)
}

// waited is the deadline of a wait.
func (f *Floor) waited(cid string) {
	c := f.state.Contacts[cid]
	w, act, ok := f.state.Waits[cid].Fire(f.policy(c), f.now)
	f.setWait(w)
	if !ok {
		return
	}
	l := f.queues[c.Queue]
	switch act {
	case wait.Welcome:
		f.say(c, l.Prompts.Welcome)
	case wait.Tell:
		f.say(c, f.announcement(l, c)...)
	case wait.Limit:
		f.divert(c, l.Overflow, "overflow")
	}
}

// announcement is what a waiting caller is told: comfort, position, expected wait.
func (f *Floor) announcement(l *line, c contact.Contact) []string {
	var files []string
	if l.Prompts.Comfort != "" {
		files = append(files, l.Prompts.Comfort)
	}
	position := l.position(queue.Waiting{ID: c.ID, Place: c.Place})
	if l.Prompts.Position {
		files = append(files, "position.wav", numeral(position))
	}
	if e := l.pace.expected(position); l.Prompts.Wait && e > 0 {
		minutes := int((e + time.Minute - 1) / time.Minute)
		files = append(files, "wait.wav", numeral(minutes), "minutes.wav")
	}
	return files
}

func numeral(n int) string {
	if n > mostSaid {
		return "over.wav"
	}
	return strconv.Itoa(n) + ".wav"
}

// say plays files to the customer.
func (f *Floor) say(c contact.Contact, files ...string) {
	if c.Customer == "" || len(files) == 0 {
		return
	}
	f.effects = append(f.effects, Command{Op: OpSay, CallID: c.ID, LegID: c.Customer, Files: files})
}

// watch keeps each pool's alarm: it is armed while calls wait that nobody on duty could take. A call that
// waits for its preferred agent alone stops doing so when that agent is gone.
func (f *Floor) watch() {
	for again := true; again; {
		again = false
		for _, p := range f.rank {
			if p.preferred != "" && p.duty == 0 && len(p.Calls()) > 0 {
				w := f.state.Waits[p.Calls()[0].ID]
				w.Preferred = ""
				f.setWait(w.Rest(f.policy(f.state.Contacts[w.Call]), true))
				again = true
				break
			}
		}
		for again && f.match() {
		}
	}
	for _, p := range f.rank {
		w, armed := f.state.Watches[p.id]
		stranded := p.duty == 0 && !p.paused && f.caller(p)
		switch {
		case stranded && !armed:
			w = Watch{Since: f.now, Due: f.now.Add(f.cfg.NoAgentAlarm.Duration)}
		case stranded && w.Raised && w.Due.IsZero() && p.line.Fallback.Kind != "":
			if w.Due = f.fallbackDue(p, w); w.Due.IsZero() {
				continue
			}
		case !stranded && armed:
			put(f, key{KindWatch, p.id}, f.state.Watches, nil)
			continue
		default:
			continue
		}
		put(f, key{KindWatch, p.id}, f.state.Watches, any(w))
	}
	f.sweep()
}

// caller says whether a caller waits in a pool, rather than an agent who asks for somebody.
func (f *Floor) caller(p *pool) bool {
	for _, c := range p.Calls() {
		if _, ok := f.state.Contacts[c.ID]; ok {
			return true
		}
	}
	return false
}

// fallbackDue is when the first call of a stranded pool goes elsewhere, zero when none can.
func (f *Floor) fallbackDue(p *pool, w Watch) time.Time {
	var first time.Time
	for _, c := range p.Calls() {
		if _, ok := f.state.Contacts[c.ID]; !ok {
			continue // a request of an agent; it ends by itself
		}
		if t := p.line.Fallback; t.Kind == TargetQueue && !f.mayMove(f.state.Contacts[c.ID], t) {
			continue // it has been round already and waits here
		}
		since := f.state.Waits[c.ID].Since
		if since.Before(w.Since) {
			since = w.Since
		}
		if first.IsZero() || since.Before(first) {
			first = since
		}
	}
	if first.IsZero() {
		return first
	}
	return first.Add(p.line.FallbackAfter.Duration)
}

// raise is the deadline of a watch: it tells that a pool's calls have nobody to take them, and then sends
// them to the queue's fallback.
func (f *Floor) raise(id string) {
	w := f.state.Watches[id]
	w.Due = time.Time{}
	p := f.poolOf(id)
	if p == nil || !f.caller(p) {
		put(f, key{KindWatch, id}, f.state.Watches, nil)
		return
	}
	if !w.Raised {
		w.Raised = true
		var calls []string
		for _, c := range p.Calls() {
			if _, ok := f.state.Contacts[c.ID]; ok && len(calls) < maxAlarmCalls {
				calls = append(calls, c.ID)
			}
		}
		put(f, key{KindWatch, id}, f.state.Watches, any(w))
		f.alarmNoAgent(p, calls...)
		return // watch sets the fallback's deadline
	}
	put(f, key{KindWatch, id}, f.state.Watches, any(w))
	for _, x := range append([]queue.Waiting{}, p.Calls()...) {
		if _, ok := f.state.Contacts[x.ID]; !ok {
			continue // asked for by an agent, or written
		}
		since := f.state.Waits[x.ID].Since
		if since.Before(w.Since) {
			since = w.Since
		}
		if !since.Add(p.line.FallbackAfter.Duration).After(f.now) {
			f.divert(f.state.Contacts[x.ID], p.line.Fallback, "no_agent")
		}
	}
}

func (f *Floor) poolOf(id string) *pool {
	for _, p := range f.rank {
		if p.id == id {
			return p
		}
	}
	return nil
}

func (f *Floor) alarmNoAgent(p *pool, calls ...string) {
	what := "queue " + p.line.ID
	if p.stage != "" {
		what = "stage " + p.stage
	}
	f.publish("desk.alarm", calls[0], Actor, wire.Alarm{
		Type: "call.no_eligible_agent", CallID: calls[0], Queue: p.line.ID, Stage: p.stage,
		Calls: calls, Count: len(p.Callers()), Detail: fmt.Sprintf("%s has waiting calls and no agent on duty who can take them", what),
	})
}
