package floor

import (
	"maps"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/journal"
	"github.com/cordboard/cordboard/desk/tally"
	"github.com/cordboard/cordboard/signaling/wire"
)

// openQuarter is the key of an empty tally that says which quarter is being counted. There is one while anybody
// is signed in or anything has been counted; its end is a deadline.
const openQuarter = "open"

// Tallied is a quarter's tally that is complete, to be kept elsewhere. When it is, Kept takes it out of the state.
type Tallied struct{ Tally tally.Tally }

func (Tallied) effect() {}

// counted is something to add to the totals once the step is done.
type counted struct {
	kind tally.Kind
	id   string
	sums tally.Sums
}

// quarterDue is when the open quarter is over, zero without one.
func (f *Floor) quarterDue() time.Time {
	t := f.state.Tallies[openQuarter]
	if t.Start.IsZero() {
		return time.Time{}
	}
	return t.Start.Add(tally.Span)
}

// openQuarterNow opens the quarter of this moment, if none is open.
func (f *Floor) openQuarterNow() {
	if f.state.Tallies[openQuarter].Start.IsZero() {
		put(f, key{KindTally, openQuarter}, f.state.Tallies, any(tally.Tally{Start: tally.Start(f.now)}))
	}
}

// tallyAdd adds to the tally of a queue or agent in the open quarter.
func (f *Floor) tallyAdd(k tally.Kind, id string, s tally.Sums) {
	if id == "" || s == (tally.Sums{}) {
		return
	}
	f.openQuarterNow()
	start := f.state.Tallies[openQuarter].Start
	name := tally.Key(start, k, id)
	t, ok := f.state.Tallies[name]
	if !ok {
		t = tally.Tally{Start: start, Kind: k, ID: id}
	}
	t.Add(s)
	put(f, key{KindTally, name}, f.state.Tallies, any(t))
	f.counted = append(f.counted, counted{k, id, s})
}

// tally adds facts to the tallies of those they are about.
func (f *Floor) tally(facts ...journal.Fact) {
	for _, x := range facts {
		f.tallyAdd(tally.Queue, x.Queue, x.Sums)
		f.tallyAdd(tally.Agent, x.Agent, x.Sums)
	}
}

// countState adds the time an agent has spent in the present state, up to a moment, to the open quarter.
func (f *Floor) countState(a agent.Agent, until time.Time) {
	f.openQuarterNow()
	f.tallyAdd(tally.Agent, a.ID, stateTime(a, f.state.Tallies[openQuarter].Start, until))
}

// stateTime is the time an agent has spent in the present state between two moments.
func stateTime(a agent.Agent, from, until time.Time) (s tally.Sums) {
	if a.Since.After(from) {
		from = a.Since
	}
	d := until.Sub(from)
	if d <= 0 {
		return s
	}
	switch a.State {
	case wire.AgentReady:
		s.Ready = d
	case wire.AgentNotReady:
		s.NotReady = d
	case wire.AgentReserved:
		s.Reserved = d
	case wire.AgentBusy:
		s.Busy = d
	case wire.AgentWrapup:
		s.Wrapping = d
	}
	return s
}

// turn closes the open quarter when it is over and opens the one of this moment. Quarters between the two, in
// which nothing has run, stay empty.
func (f *Floor) turn() {
	end := f.quarterDue()
	if end.IsZero() || f.now.Before(end) {
		return
	}
	signedIn := false
	for _, aid := range slices.Sorted(maps.Keys(f.state.Agents)) {
		if a := f.state.Agents[aid]; a.SignedIn() {
			f.countState(a, end)
			signedIn = true
		}
	}
	start := f.state.Tallies[openQuarter].Start
	for _, id := range slices.Sorted(maps.Keys(f.state.Tallies)) {
		if t := f.state.Tallies[id]; id != openQuarter && t.Start.Equal(start) {
			f.effects = append(f.effects, Tallied{t})
		}
	}
	put(f, key{KindTally, openQuarter}, f.state.Tallies, nil)
	if signedIn || len(f.state.Tallies) > 0 {
		f.openQuarterNow()
	}
}

// Tallies are the tallies that are in the state: those of the open quarter, with the times of agents up to now, and
// those that are complete and not kept elsewhere yet.
func (f *Floor) Tallies(now time.Time) []tally.Tally {
	open := f.state.Tallies[openQuarter].Start
	all := maps.Clone(f.state.Tallies)
	delete(all, openQuarter)
	if until := now.UTC(); !open.IsZero() {
		if end := open.Add(tally.Span); until.After(end) {
			until = end
		}
		for _, a := range f.state.Agents {
			if s := stateTime(a, open, until); s != (tally.Sums{}) {
				k := tally.Key(open, tally.Agent, a.ID)
				t := all[k]
				t.Start, t.Kind, t.ID = open, tally.Agent, a.ID
				t.Add(s)
				all[k] = t
			}
		}
	}
	out := make([]tally.Tally, 0, len(all))
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[k])
	}
	return out
}

// Total is what has been counted since the start, of a queue, or of all agents together (ID "").
type Total struct {
	Kind tally.Kind
	ID   string
	tally.Sums
}

// sum moves what the step has counted to the totals.
func (f *Floor) sum() {
	for _, c := range f.counted {
		k := Total{Kind: c.kind, ID: c.id}
		if c.kind == tally.Agent {
			k.ID = ""
		}
		name := string(k.Kind) + "|" + k.ID
		t, ok := f.totals[name]
		if !ok {
			t = &k
			f.totals[name] = t
		}
		t.Add(c.sums)
	}
}

// Totals are all totals, in a fixed order, with the times of agents up to now.
func (f *Floor) Totals(now time.Time) []Total {
	out := make([]Total, 0, len(f.totals)+1)
	agents := Total{Kind: tally.Agent}
	for _, k := range slices.Sorted(maps.Keys(f.totals)) {
		if t := *f.totals[k]; t.Kind == tally.Agent {
			agents = t
		} else {
			out = append(out, t)
		}
	}
	open := f.state.Tallies[openQuarter].Start
	for _, a := range f.state.Agents {
		agents.Add(stateTime(a, open, now.UTC()))
	}
	return append(out, agents)
}

// Serves are the queues each agent serves, by agent, as the configuration in force says.
func (f *Floor) Serves() map[string][]string {
	out := make(map[string][]string, len(f.agents))
	for id, s := range f.agents {
		out[id] = s.ids
	}
	return out
}
