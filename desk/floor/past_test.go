package floor

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/journal"
	"github.com/cordboard/cordboard/desk/tally"
	"github.com/cordboard/cordboard/signaling/wire"
)

// remembered is what a world has kept of what is over, as desk does: call records and quarters, each once, now and
// then only after they have been handed out again.
type remembered struct {
	journals map[string]journal.Journal
	tallies  map[string]tally.Tally
	handed   int
	pending  Kept
}

func (w *world) filed(j journal.Journal) {
	if w.past.journals == nil {
		w.past.journals, w.past.tallies = map[string]journal.Journal{}, map[string]tally.Tally{}
	}
	if was, twice := w.past.journals[j.ID]; twice && fmt.Sprint(was) != fmt.Sprint(j) {
		w.fail("the call record of %s was\n%+v\nand is\n%+v", j.ID, was, j)
	}
	w.past.journals[j.ID] = j
	if w.past.handed++; w.past.handed%5 != 0 || w.steady || w.ending {
		w.past.pending.Journals = append(w.past.pending.Journals, j.ID)
	}
}

func (w *world) tallied(t tally.Tally) {
	if w.past.journals == nil {
		w.past.journals, w.past.tallies = map[string]journal.Journal{}, map[string]tally.Tally{}
	}
	if was, twice := w.past.tallies[t.Key()]; twice && was != t {
		w.fail("the tally %s was\n%+v\nand is\n%+v", t.Key(), was, t)
	}
	w.past.tallies[t.Key()] = t
	if w.past.handed++; w.past.handed%5 != 0 || w.steady {
		w.past.pending.Tallies = append(w.past.pending.Tallies, t.Key())
	}
}

// keep lets the floor forget what is kept. What it was not told of it hands out again after a restart.
func (w *world) keep() {
	in := w.past.pending
	w.past.pending = Kept{}
	if w.ending { // nothing is left in the end
		for id, j := range w.f.state.Journals {
			if _, kept := w.past.journals[id]; kept && !j.Closed.IsZero() {
				in.Journals = append(in.Journals, id)
			}
		}
		slices.Sort(in.Journals)
	}
	if len(in.Journals)+len(in.Tallies) == 0 {
		return
	}
	changes, effects, err := w.f.Step(w.now, in)
	if err != nil {
		w.fail("%v", err)
	}
	for _, c := range changes {
		w.wrote[key{c.Kind, c.ID}] = c
	}
	for _, e := range effects {
		if _, ok := e.(Tallied); !ok {
			w.fail("keeping has the effect %T", e)
		}
		w.tallied(e.(Tallied).Tally)
	}
}

// checkPast holds the invariants of journals.
func (w *world) checkPast() {
	s := w.f.state
	for cid, c := range s.Contacts {
		j, ok := s.Journals[cid]
		if !ok || !j.Ended.IsZero() || !j.Closed.IsZero() {
			w.fail("contact %s has the journal %+v", cid, j)
		}
		n := len(j.Waits) - 1
		waits := !c.Outbound && c.Queue != "" && (c.State == contact.Queued || c.State == contact.Offered || c.State == contact.Connecting)
		if open := n >= 0 && j.Waits[n].Left.IsZero(); open != waits || open && j.Waits[n].Queue != c.Queue {
			w.fail("contact %+v waits and its journal has %+v", c, j.Waits)
		}
	}
	on := map[string]string{}
	for cid, j := range s.Journals {
		_, alive := s.Contacts[cid]
		if !alive && j.Ended.IsZero() {
			w.fail("the journal of a call that is gone goes on: %+v", j)
		}
		working := false
		for _, x := range j.Agents {
			if !x.Left.IsZero() {
				working = working || x.Wrapup != "" && x.WrapupEnd.IsZero()
				continue
			}
			if on[x.Agent] != "" || s.Agents[x.Agent].State != wire.AgentBusy || s.Agents[x.Agent].Call != cid {
				w.fail("agent %+v is on %s and %q", s.Agents[x.Agent], cid, on[x.Agent])
			}
			on[x.Agent] = cid
		}
		for _, o := range j.Offers {
			if _, open := s.Offers[o.ID]; open != o.Settled.IsZero() {
				w.fail("offer %+v of the journal is open in the state: %t", o, open)
			}
		}
		if !alive && !working && j.Closed.IsZero() {
			w.fail("nothing is left to come and the journal is open: %+v", j)
		}
	}
}

// recount adds up what call records say, with nothing of the code that keeps the tallies; quarter says which quarter
// a moment belongs to.
func recount(cfg Config, records map[string]journal.Journal, quarter func(time.Time) time.Time) map[string]tally.Sums {
	out := map[string]tally.Sums{}
	add := func(at time.Time, k tally.Kind, id string, s tally.Sums) {
		if id == "" || s == (tally.Sums{}) {
			return
		}
		name := quarter(at).Format(time.RFC3339) + " " + string(k) + " " + id
		sum := out[name]
		sum.Add(s)
		out[name] = sum
	}
	cfg = cfg.withDefaults()
	for _, j := range records {
		for _, x := range j.Waits {
			q := Queue{}.withDefaults()
			for _, c := range cfg.Queues {
				if c.ID == x.Queue {
					q = c
				}
			}
			d := x.Left.Sub(x.Entered)
			add(x.Entered, tally.Queue, x.Queue, tally.Sums{Offered: 1})
			s := tally.Sums{LongestWait: d}
			switch x.End {
			case journal.Answered:
				s.Answered, s.AnswerWait = 1, d
				if d <= q.ServiceLevel.Duration {
					s.InTime = 1
				}
			case journal.Abandoned, journal.Interrupted:
				s.Abandoned, s.AbandonWait = 1, d
				if d < q.ShortAbandon.Duration {
					s.Short = 1
				}
			default:
				s.Elsewhere = 1
			}
			add(x.Left, tally.Queue, x.Queue, s)
		}
		for _, o := range j.Offers {
			var s tally.Sums
			switch o.End {
			case "expired":
				s.Missed = 1
			case "declined":
				s.Declined = 1
			case "no_media":
				s.NoMedia = 1
			}
			add(o.Settled, tally.Agent, o.Agent, s)
			if !o.Consult {
				add(o.Settled, tally.Queue, o.Queue, s)
			}
		}
		for _, a := range j.Agents {
			at := a.Left
			if !a.WrapupEnd.IsZero() {
				at = a.WrapupEnd
			}
			stay := a.Left.Sub(a.Joined)
			if a.Role != journal.Primary {
				add(at, tally.Agent, a.Agent, tally.Sums{Assisted: 1, Assist: stay})
				continue
			}
			work := time.Duration(0)
			if a.Wrapup != "" {
				work = a.WrapupEnd.Sub(a.WrapupStart)
			}
			s := tally.Sums{
				Handled: 1, Handle: stay + work, Talk: a.Talk, Hold: a.Hold, Consult: a.Consult, Dialing: a.Dialing, PostTime: a.Post, Wrapup: work,
			}
			if j.Outbound {
				s.Outbound = 1
			}
			add(at, tally.Agent, a.Agent, s)
			add(at, tally.Queue, a.Queue, s)
		}
		if !j.Left.IsZero() {
			add(j.Ended, tally.Queue, j.Queue, tally.Sums{PostCalls: 1, PostCall: j.Ended.Sub(j.Left)})
		}
	}
	return out
}

// tallies are all tallies of a world by the same names, without the times of agents' states.
func (w *world) tallies(quarter func(time.Time) time.Time) (all, states map[string]tally.Sums) {
	all, states = map[string]tally.Sums{}, map[string]tally.Sums{}
	seen := maps.Clone(w.past.tallies)
	if seen == nil {
		seen = map[string]tally.Tally{}
	}
	for _, t := range w.f.Tallies(w.now) {
		seen[t.Key()] = t
	}
	for _, t := range seen {
		name := quarter(t.Start).Format(time.RFC3339) + " " + string(t.Kind) + " " + t.ID
		state := tally.Sums{Ready: t.Ready, NotReady: t.NotReady, Reserved: t.Reserved, Busy: t.Busy, Wrapping: t.Wrapping}
		t.Ready, t.NotReady, t.Reserved, t.Busy, t.Wrapping = 0, 0, 0, 0, 0
		for into, s := range map[*map[string]tally.Sums]tally.Sums{&all: t.Sums, &states: state} {
			if s != (tally.Sums{}) {
				sum := (*into)[name]
				sum.Add(s)
				(*into)[name] = sum
			}
		}
	}
	return all, states
}

func (w *world) compareTallies(what string, got, want map[string]tally.Sums) {
	w.t.Helper()
	for name := range want {
		if got[name] != want[name] {
			w.fail("%s, %s:\ntallied  %+v\nrecounted %+v", what, name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			w.fail("%s, %s: tallied %+v, and nothing of it is in the records", what, name, got[name])
		}
	}
}

// Tallies equal what is recomputed from the call records of a random day, quarter by quarter, and the times of agents
// what an onlooker has measured.
func TestX7_TalliesAreTheCallRecords(t *testing.T) {
	seeds := sequences(t) / 10
	var offered, handled int
	for seed := range seeds {
		w := newWorld(t, seed*16+1) // long lives
		w.steady = true
		measured := map[string]tally.Sums{}
		type seen struct {
			state wire.AgentState
			at    time.Time
		}
		last := map[string]seen{}
		look := func() {
			for id, a := range w.f.state.Agents {
				was := last[id]
				for from := was.at; from.Before(w.now) && was.state != "" && was.state != wire.AgentOffline; {
					until := tally.Start(from).Add(tally.Span)
					if until.After(w.now) {
						until = w.now
					}
					name := tally.Start(from).Format(time.RFC3339) + " agent " + id
					sum, d := measured[name], until.Sub(from)
					switch was.state {
					case wire.AgentReady:
						sum.Ready += d
					case wire.AgentNotReady:
						sum.NotReady += d
					case wire.AgentReserved:
						sum.Reserved += d
					case wire.AgentBusy:
						sum.Busy += d
					case wire.AgentWrapup:
						sum.Wrapping += d
					}
					measured[name] = sum
					from = until
				}
				last[id] = seen{a.State, w.now}
			}
		}
		w.after = look
		w.run(w.seed)
		w.settle()
		look()
		all, states := w.tallies(tally.Start)
		w.compareTallies("of calls", all, recount(w.cfg, w.past.journals, tally.Start))
		w.compareTallies("of agents", states, measured)
		for _, s := range all {
			offered += s.Offered
			handled += s.Handled
		}
	}
	if offered < 100 || handled < 50 {
		t.Fatalf("%d calls offered and %d handled are too few to show anything", offered, handled)
	}
	t.Logf("%d worlds, %d calls offered, %d handled", seeds, offered, handled)
}

// Over restarts, whatever becomes of the calls, the sums are the same: nothing is counted twice or lost.
func TestX7_TalliesOverRestarts(t *testing.T) {
	restarts := 0
	once := func(time.Time) time.Time { return time.Time{} }
	for seed := range sequences(t) / 4 {
		w := newWorld(t, seed*16+1)
		w.run(w.seed)
		w.settle()
		all, _ := w.tallies(once)
		w.compareTallies("over restarts", all, recount(w.cfg, w.past.journals, once))
		restarts += w.counts["restart"]
	}
	if restarts == 0 {
		t.Fatal("no server was restarted")
	}
}

// An interrupted call ended no later than the quarter in which the server last ran, however long it was away.
func TestX7_InterruptedCallEndsWithItsQuarter(t *testing.T) {
	w := newWorld(t, 1)
	w.step(SignIn{Agent: "ag4", Session: "s"})
	w.step(SetState{Agent: "ag4", State: wire.AgentReady, Actor: "ag4"})
	w.now = w.now.Add(time.Minute)
	call := wire.Call{ID: "call_x", Direction: wire.Inbound, From: "0", To: "1", Legs: []wire.Leg{{ID: "leg_c", Role: wire.RoleCustomer}}}
	w.step(CallCreated{Call: call, Actor: "customer"})
	o := w.f.state.Contacts["call_x"].Offer
	w.step(Accept{Offer: o, Actor: "x"})
	agentID := w.f.state.Contacts["call_x"].Agent
	w.step(LegAnswered{wire.Leg{ID: "leg_a", CallID: "call_x", Role: wire.RoleAgent, Agent: agentID}})
	joined := w.now
	w.now = w.now.Add(9 * time.Hour)
	w.step(Restart{Alive: func(string) bool { return false }})
	j := w.f.state.Journals["call_x"]
	if want := tally.Start(joined).Add(tally.Span); !j.Ended.Equal(want) || j.Agents[0].Talk != want.Sub(joined) || j.Outcome != journal.Answered {
		t.Fatalf("ended %s, want %s: %+v", j.Ended, want, j)
	}
}

// 2,000 agents cost the state one tally each, whatever the length of the day: a quarter that is over leaves it.
func TestX7_TalliesStayBounded(t *testing.T) {
	const agents = 2000
	cfg := Config{Queues: []Queue{{ID: "q"}}, Numbers: []Number{{Number: "1", Queue: "q"}}}
	for i := range agents {
		cfg.Agents = append(cfg.Agents, Agent{ID: fmt.Sprintf("ag%04d", i)})
	}
	n := 0
	f, err := New(cfg, NewState(), func(p string) string { n++; return fmt.Sprint(p, n) })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, a := range cfg.Agents {
		if _, _, err := f.Step(now, SignIn{Agent: a.ID, Session: "s" + a.ID}); err != nil {
			t.Fatal(err)
		}
	}
	most, bytes, slowest, handed := 0, 0, time.Duration(0), 0
	for range 96 {
		now = now.Add(tally.Span)
		began := time.Now()
		_, effects, err := f.Step(now, Tick{})
		slowest = max(slowest, time.Since(began))
		if err != nil {
			t.Fatal(err)
		}
		in := Kept{}
		for _, e := range effects {
			if x, ok := e.(Tallied); ok {
				in.Tallies = append(in.Tallies, x.Tally.Key())
			}
		}
		handed += len(in.Tallies)
		most = max(most, len(f.state.Tallies))
		if bytes == 0 {
			for _, c := range f.Snapshot() {
				if c.Kind == KindTally {
					bytes += len(c.Value)
				}
			}
		}
		if _, _, err := f.Step(now, in); err != nil {
			t.Fatal(err)
		}
		if left := len(f.state.Tallies); left != 1 {
			t.Fatalf("%d tallies are left after the quarter was kept", left)
		}
	}
	if handed != 96*agents || most > agents+1 {
		t.Fatalf("%d tallies handed out, at most %d in the state", handed, most)
	}
	t.Logf("96 quarters of %d agents: at most %d tallies in the state, %d bytes as JSON; the slowest turn of a quarter took %s", agents, most, bytes, slowest)
}
