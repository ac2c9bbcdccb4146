package floor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/desk/wait"
	"github.com/cordboard/cordboard/signaling/wire"
)

// A queue's waiting calls do not all ask for the same agents: one insists on a skill, one belongs to a
// campaign stage, one waits for its preferred agent. Calls that ask for exactly the same stand in one pool,
// together with the agents who can take them, so that the head of a pool and its first idle agent always
// fit, and routing is a look at the heads of all pools (some hundreds at most) whatever the number of calls.
// A call whose demands relax moves to another pool at its old place.

// demand is what a waiting call asks of an agent. It is the identity of a pool.
type demand struct {
	queue     string
	stage     string // a campaign stage's agents only
	entry     string // a number with agents or skills of its own
	level     int    // how often its skills have been relaxed
	preferred string // this agent only
	not       string // anybody but this agent
	paused    bool   // nobody for the moment
	wanted    string // skills a routing hook asked for, as wantedKey has them
}

// key is the queue's id for the plainest demand, and unique.
func (d demand) key() string {
	plain := demand{queue: d.queue}
	if d == plain {
		return d.queue
	}
	plainest := fmt.Sprintf("%s|%s|%s|%d|%s|%s|%t", d.queue, d.stage, d.entry, d.level, d.preferred, d.not, d.paused)
	if d.wanted == "" {
		return plainest
	}
	return plainest + "|" + d.wanted
}

type pool struct {
	demand
	id   string
	line *line
	queue.Lines
	score map[string]int // of the agents who can take its calls
	duty  int            // of them, those who can take calls now or after what keeps them busy
}

// seat moves an agent in or out of the pool.
func (p *pool) seat(a agent.Agent, in bool) {
	if a.OnDuty() {
		if in {
			p.duty++
		} else {
			p.duty--
		}
	}
	if !a.Free() {
		return
	}
	i := queue.Idle{ID: a.ID, Score: p.score[a.ID], Since: a.Idle}
	if in {
		p.Sit(i)
	} else {
		p.Rise(i)
	}
}

// berth is where a waiting contact stands.
type berth struct {
	pool *pool
	queue.Waiting
}

// demandOf is what a contact asks for now.
func (f *Floor) demandOf(c contact.Contact, w wait.Wait) demand {
	d := demand{queue: c.Queue, stage: c.Stage, not: c.Avoid, preferred: w.Preferred, level: w.Level, paused: !w.Paused.IsZero()}
	if n, ok := f.numbers[c.Entry]; ok && n.Queue == c.Queue && (len(n.Agents) > 0 || len(n.Skills) > 0) {
		d.entry = c.Entry
	}
	if c.Wanted.Queue == c.Queue {
		d.wanted = wantedKey(c.Wanted.Skills)
	}
	if c.Place.Front { // was talking already: whoever can
		d.preferred = ""
	}
	return d
}

// needs are the skills a demand's calls ask for.
func (f *Floor) needs(d demand) []Need {
	var out []Need
	if l := f.queues[d.queue]; l != nil {
		out = l.Skills
	}
	if n, ok := f.numbers[d.entry]; ok && d.entry != "" {
		out = slices.Concat(out, n.Skills)
	}
	if d.wanted != "" {
		out = slices.Concat(out, wantedNeeds(wantedOf(d.wanted)))
	}
	return out
}

// relaxations are the times after which needs change, in order.
func relaxations(needs []Need) []time.Duration {
	var out []time.Duration
	for _, n := range needs {
		if n.RelaxAfter.Duration > 0 && !n.Preferred {
			out = append(out, n.RelaxAfter.Duration)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Reasons for which an agent cannot take a call.
const (
	whyNotAssigned  = "not_assigned"
	whyNotPermitted = "not_permitted"
	whySkills       = "skills"
	whyPreferred    = "another_is_preferred"
	whyPassedOn     = "passed_it_on"
	whyPaused       = "offers_paused"
)

// suits says whether an agent can take a demand's calls at all, and how well, or why not.
func (f *Floor) suits(d demand, s *staff) (score int, why string) {
	needs := f.needs(d)
	waited := time.Duration(0)
	if steps := relaxations(needs); d.level > 0 && len(steps) > 0 {
		waited = steps[min(d.level, len(steps))-1]
	}
	switch {
	case d.paused:
		return 0, whyPaused
	case d.preferred != "" && s.ID != d.preferred:
		return 0, whyPreferred
	case d.not == s.ID:
		return 0, whyPassedOn
	case d.stage != "" && !slices.Contains(f.stages[d.stage].Agents, s.ID):
		return 0, whyNotAssigned
	case d.stage == "" && d.entry != "" && !assigned(s.Agent, f.numbers[d.entry], f.queues[d.queue].Queue):
		return 0, whyNotAssigned
	case d.stage == "" && d.entry == "" && !slices.Contains(s.lines, f.queues[d.queue]):
		return 0, whyNotAssigned
	case !f.cfg.may(s.Agent, ActAnswer):
		return 0, whyNotPermitted
	case !has(s.Agent, needs, waited):
		return 0, whySkills
	}
	for _, n := range needs {
		if l := s.Skills.of(n.Skill); n.Preferred && l >= n.at(0) {
			score += l
		}
	}
	return score, ""
}

// pool finds the pool of a demand, or makes it.
func (f *Floor) pool(d demand) *pool {
	if p := f.pools[d]; p != nil {
		return p
	}
	p := &pool{demand: d, id: d.key(), line: f.queues[d.queue], score: map[string]int{}}
	f.pools[d] = p
	f.rank = append(f.rank, p)
	f.lines = append(f.lines, &p.Lines)
	p.line.pools = append(p.line.pools, p)
	join := func(s *staff) {
		score, why := f.suits(d, s)
		if why != "" {
			return
		}
		p.score[s.ID] = score
		s.pools = append(s.pools, p)
		if a, ok := f.state.Agents[s.ID]; ok {
			p.seat(a, true)
		}
	}
	if d.preferred != "" {
		if s := f.agents[d.preferred]; s != nil {
			join(s)
		}
		return p
	}
	for _, a := range f.cfg.Agents {
		join(f.agents[a.ID])
	}
	return p
}

// rejoin finds the pools anew for somebody who sits in none at the moment.
func (f *Floor) rejoin(s *staff) {
	s.pools = nil
	for _, p := range f.rank {
		delete(p.score, s.ID)
		if score, why := f.suits(p.demand, s); why == "" {
			p.score[s.ID] = score
			s.pools = append(s.pools, p)
		}
	}
}

// sweep drops the pools nobody stands in any more, but for the plain ones.
func (f *Floor) sweep() {
	for i := len(f.rank) - 1; i >= 0; i-- {
		p := f.rank[i]
		if len(p.Calls()) > 0 || p.id == p.queue {
			continue
		}
		if _, watched := f.state.Watches[p.id]; watched {
			continue // until watch has put it out
		}
		delete(f.pools, p.demand)
		f.rank = slices.Delete(f.rank, i, i+1)
		f.lines = slices.Delete(f.lines, i, i+1)
		p.line.pools = slices.DeleteFunc(p.line.pools, func(o *pool) bool { return o == p })
		for id := range p.score {
			s := f.agents[id]
			s.pools = slices.DeleteFunc(s.pools, func(o *pool) bool { return o == p })
		}
	}
}

// stand puts a contact into the pool it belongs to, or takes it out of line.
func (f *Floor) stand(cid string) {
	c := f.state.Contacts[cid]
	is, stood := f.berths[cid]
	if c.State != contact.Queued || f.queues[c.Queue] == nil {
		if stood {
			is.pool.Leave(is.Waiting)
			delete(f.berths, cid)
		}
		return
	}
	want := berth{f.pool(f.demandOf(c, f.state.Waits[cid])), queue.Waiting{ID: cid, Place: c.Place}}
	if stood && is == want {
		return
	}
	if stood {
		is.pool.Leave(is.Waiting)
	}
	want.pool.Enter(want.Waiting)
	f.berths[cid] = want
}

// line is a queue with its configuration and what is derived from the state.
type line struct {
	Queue
	pools []*pool
	tasks queue.Lines // callbacks that wait for an agent; its idle line is not used
	main  *pool       // of the plainest demand
	ready int         // agents who serve it and are free
	duty  int         // and those who can take calls now or after what keeps them busy
	pace  pace
}

// Enter puts something that asks for nothing special in line.
func (l *line) Enter(w queue.Waiting) { l.main.Enter(w) }

// Leave takes it out of line.
func (l *line) Leave(w queue.Waiting) { l.main.Leave(w) }

// Calls is the line of what asks for nothing special.
func (l *line) Calls() []queue.Waiting { return l.main.Calls() }

// Idle is the line of agents for what asks for nothing special.
func (l *line) Idle() []queue.Idle { return l.main.Idle() }

// waiting is how many calls wait.
func (l *line) waiting() int {
	n := 0
	for _, p := range l.pools {
		n += len(p.Callers())
	}
	return n
}

// position is a waiting call's place in the whole queue, 1 for the next.
func (l *line) position(w queue.Waiting) int {
	n := 1
	for _, p := range l.pools {
		n += p.Before(w)
	}
	return n
}

// oldest is when the call that has waited longest entered.
func (l *line) oldest() time.Time {
	var t time.Time
	for _, p := range l.pools {
		if o := p.Oldest(); !o.IsZero() && (t.IsZero() || o.Before(t)) {
			t = o
		}
	}
	return t
}

// seat counts an agent in or out.
func (l *line) seat(a agent.Agent, in bool) {
	by := -1
	if in {
		by = 1
	}
	if a.Free() {
		l.ready += by
	}
	if a.OnDuty() {
		l.duty += by
	}
}

// pace is how fast a queue's calls are taken: a running mean of the time between two. It is a guess for
// announcements only and is not kept over a restart.
type pace struct {
	last time.Time
	mean time.Duration
}

func (p *pace) taken(now time.Time) {
	if !p.last.IsZero() {
		between := min(now.Sub(p.last), 10*time.Minute)
		if p.mean == 0 {
			p.mean = between
		}
		p.mean += (between - p.mean) / 8
	}
	p.last = now
}

// expected is how long the call at a position will wait; zero when there is nothing to tell from.
func (p *pace) expected(position int) time.Duration { return p.mean * time.Duration(position) }

// stageName is a stage's name for people.
func (f *Floor) stageName(id string) string {
	s := f.stages[id]
	return cmp.Or(s.Name, s.ID)
}

// Queues are all queues as the API shows them, in the configuration's order.
func (f *Floor) Queues() []wire.Queue {
	out := make([]wire.Queue, 0, len(f.order))
	for _, l := range f.order {
		w := wire.Queue{ID: l.ID, Name: l.Name, Waiting: l.waiting(), Ready: l.ready}
		if t := l.oldest(); !t.IsZero() {
			w.OldestSince = &t
		}
		out = append(out, w)
	}
	return out
}
