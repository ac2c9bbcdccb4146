package floor

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/desk/wait"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// WouldGet says who would get a call, under a configuration (nil: the one in force), with the agents as they
// are now, and why everybody else would not. r is what the number's routing hook says, nil for none. Nothing changes.
func (f *Floor) WouldGet(cfg *Config, q wire.DryRunRequest, r *wire.Routed, now time.Time) (wire.DryRun, error) {
	g := f
	if cfg != nil {
		if err := cfg.Problem(); err != nil {
			return wire.DryRun{}, err
		}
		state := f.state
		state.Contacts, state.Waits, state.Watches = nil, nil, nil
		state.Callbacks, state.Consults, state.Campaigns, state.Records, state.Works = nil, nil, nil, nil, nil // no part of who gets a call
		state.Agents = maps.Clone(state.Agents)
		g = &Floor{state: state, newID: f.newID, before: map[key]any{}, file: f.file, version: f.version}
		g.apply(cfg.withDefaults())
	}
	if q.At != nil {
		now = *q.At
	}
	n, entry, ok := g.number(q.To)
	if !ok {
		return wire.DryRun{}, problem.New(http.StatusNotFound, "unknown_number", "no calls are taken for this number")
	}
	was := g.now
	g.now = now
	defer func() { g.now = was }()
	n = g.routed(n, r)
	if r != nil && r.Agent != "" && q.Preferred == "" {
		q.Preferred = r.Agent
	}
	class, stage := g.classify(n, q.From)
	l := g.queues[n.Queue]
	out := wire.DryRun{
		Number: n.Number, Queue: n.Queue, Class: int(class), Stage: stage, Priority: n.Priority + l.Priority,
		Agents: []wire.DryRunAgent{}, Routed: r,
	}
	closed, target := g.closed(n)
	if closed {
		out.Diverted = &wire.Diversion{Queue: n.Queue, Reason: whyClosed, Kind: target.Kind, To: target.To}
	}
	waited := time.Duration(q.WaitedSeconds) * time.Second
	w := wait.Wait{}
	if g.agents[q.Preferred] != nil && waited < l.PreferredWait.Duration {
		w.Preferred = q.Preferred
	}
	c := contact.Contact{Queue: n.Queue, Entry: entry, Stage: stage, Place: queue.Place{Class: class}}
	if r != nil && len(r.Skills) > 0 {
		c.Wanted = contact.Wanted{Queue: n.Queue, Skills: r.Skills}
	}
	for _, step := range relaxations(g.needs(g.demandOf(c, w))) {
		if waited >= step {
			w.Level++
		}
	}
	if w.Preferred != "" && !g.state.Agents[w.Preferred].OnDuty() {
		w.Preferred = ""
	}
	d := g.demandOf(c, w)
	type candidate struct {
		wire.DryRunAgent
		idle queue.Idle
	}
	var all []candidate
	for _, a := range g.cfg.Agents {
		s, state := g.agents[a.ID], g.state.Agents[a.ID]
		x := candidate{DryRunAgent: wire.DryRunAgent{ID: a.ID, Name: a.Name}}
		x.Score, x.Reason = g.suits(d, s)
		x.Suits = x.Reason == ""
		if x.Suits && !state.Free() {
			x.Reason = string(cmp.Or(state.Visible(), wire.AgentOffline))
			if state.Reason != "" {
				x.Reason += ": " + state.Reason
			}
		}
		x.Free = x.Suits && x.Reason == ""
		x.idle = queue.Idle{ID: a.ID, Score: x.Score, Since: state.Idle}
		all = append(all, x)
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(rank(a.Free, b.Free), rank(a.Suits, b.Suits), queue.CompareIdle(a.idle, b.idle))
	})
	for i, x := range all {
		if i == 0 && x.Free && !closed {
			out.Agent = x.ID
		}
		out.Agents = append(out.Agents, x.DryRunAgent)
	}
	return out, nil
}

func rank(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}
