// Package floor is the contact centre itself as one pure state machine: it joins the machines of agents,
// contacts, offers and wrap-ups, chooses who gets which call, and keeps every deadline as data. A step
// takes an input and the time; it changes the state and yields effects (events to publish, commands to the
// media plane) and the changes to write down. It reads no clock, waits for nothing and talks to nobody:
// that is desk's part, which owns a Floor on its one goroutine.
//
//	input, now ──> Step ──> state'                kept here
//	                  ├───> []Change              to the log, before anything else
//	                  └───> []Effect              then: events to the bus, commands to the calls
//
// Beside the state stand indexes made from it: the lines of each queue and the deadlines in order.
package floor

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/campaign"
	"github.com/cordboard/cordboard/desk/consult"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/desk/tally"
	"github.com/cordboard/cordboard/desk/wait"
	"github.com/cordboard/cordboard/desk/work"
	"github.com/cordboard/cordboard/desk/wrapup"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Actor is who the floor says it is in events and commands.
const Actor = "desk"

// pastLimit is how many settled offers and wrap-ups can still be asked about.
const pastLimit = 2000

// Floor is the machine. Not safe for concurrent use.
type Floor struct {
	cfg     Config
	file    Config // of the configuration file
	version int    // of cfg
	dir     *Directory
	state   State
	newID   func(prefix string) string

	agents    map[string]*staff
	queues    map[string]*line
	order     []*line
	numbers   map[string]Number
	stages    map[string]Stage
	calendars map[string]*hours.Plan

	pools  map[demand]*pool
	rank   []*pool
	lines  []*queue.Lines   // of rank, for queue.Match
	berths map[string]berth // by contact

	entries   []entryPoint
	callHours *hours.Plan // of callbacks
	contacts  Contacts    // nil: no campaigns
	tempos    map[string]*tempo
	counts    map[string]map[wire.RecordState]int // of records, by campaign
	ready     map[string][]turn                   // likewise, by their time
	dialable  map[string]map[string]bool          // records that are not closed, by number
	live      []string                            // calls whose customer has answered and is not connected yet
	taskCalls int

	worksOf  map[string][]string // the written requests that ring or are open at an agent
	jugglers []string            // agents who may have several, sorted

	due        deadlines
	pastOffers past[offer.Offer]
	pastWraps  past[wrapup.Wrapup]
	pastWorks  past[work.Work]
	asks       map[string]string // call -> its consult
	told       map[string]wire.Handling
	heard      map[string][]wire.Seat // call -> its supervisors as they were last seated
	stats      Stats

	// The step under way.
	now     time.Time
	before  map[key]any // what was there before, nil for nothing
	gone    map[key]any // what was there last, of what is gone
	touched []key
	effects []Effect
	// restarting: calls that are gone were interrupted, not hung up.
	restarting bool

	// For what the step writes into journals and tallies.
	ends      map[string]string // why contacts left their queue, where their state does not tell
	answered  string            // the call whose customer has answered
	restarted bool
	cut       time.Time // restarted: the server was not there later than this
	outdated  string    // what is wrong by today's rules with the configuration that was saved last
	counted   []counted
	totals    map[string]*Total
}

type key struct {
	kind Kind
	id   string
}

// staff is an agent's part of the configuration.
type staff struct {
	Agent          // with the profile in force
	profile string // as configured
	lines   []*line
	ids     []string // of the queues
	pools   []*pool
}

// Input is one thing that happened or is asked for.
type Input interface{ step(f *Floor) error }

// New makes a floor on a state it then owns. A configuration in the state goes before cfg. newID makes identifiers by their prefix. cfg is validated.
func New(cfg Config, state State, newID func(prefix string) string) (*Floor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	f := &Floor{state: state, newID: newID, before: map[key]any{}, gone: map[key]any{}, ends: map[string]string{}, totals: map[string]*Total{}, file: cfg, told: map[string]wire.Handling{}, heard: map[string][]wire.Seat{}, tempos: map[string]*tempo{}}
	if saved, ok := f.startWith(); ok {
		cfg, f.version = saved.Config.withDefaults(), saved.Version
	}
	f.apply(cfg)
	return f, nil
}

// apply makes a validated configuration the one in force, and the indexes anew.
func (f *Floor) apply(cfg Config) {
	f.asks = map[string]string{}
	f.counts, f.ready, f.live, f.taskCalls = map[string]map[wire.RecordState]int{}, map[string][]turn{}, nil, 0
	f.dialable = map[string]map[string]bool{}
	f.worksOf, f.jugglers = map[string][]string{}, nil
	paces := map[string]pace{}
	for id, l := range f.queues {
		paces[id] = l.pace
	}
	f.cfg, f.dir = cfg, newDirectory(cfg, f.version)
	f.agents, f.queues, f.order, f.numbers = map[string]*staff{}, map[string]*line{}, nil, map[string]Number{}
	f.stages, f.calendars = map[string]Stage{}, map[string]*hours.Plan{}
	f.pools, f.rank, f.lines, f.berths, f.due = map[demand]*pool{}, nil, nil, map[string]berth{}, nil
	for _, c := range cfg.Calendars {
		f.calendars[c.ID], _ = c.Compile() // validated
	}
	for _, s := range cfg.Stages {
		f.stages[s.ID] = s
	}
	for _, q := range cfg.Queues {
		l := &line{Queue: q, pace: paces[q.ID]}
		f.queues[q.ID] = l
		f.order = append(f.order, l)
	}
	for _, n := range cfg.Numbers {
		f.numbers[Normalize(n.Number)] = n
	}
	for _, a := range cfg.Agents {
		s := &staff{Agent: a, profile: a.Profile, ids: []string{}}
		if worn := f.state.Agents[a.ID].Profile; worn != "" {
			s.Profile = worn
			f.dir = f.dir.with(s.Agent)
		}
		for _, l := range f.order {
			if serves(a, l.Queue) {
				s.lines, s.ids = append(s.lines, l), append(s.ids, l.ID)
			}
		}
		f.agents[a.ID] = s
		if a.Written > 1 {
			f.jugglers = append(f.jugglers, a.ID)
		}
	}
	slices.Sort(f.jugglers)
	f.entries = nil
	if err := f.compileOutbound(); err != nil {
		panic("floor: a validated configuration does not compile: " + err.Error())
	}
	for _, l := range f.order {
		l.main = f.pool(demand{queue: l.ID})
	}
	f.rebuild()
}

// rebuild makes the indexes from the state.
func (f *Floor) rebuild() {
	for _, a := range f.state.Agents { // in the pools they sit already
		if s := f.agents[a.ID]; s != nil {
			for _, l := range s.lines {
				l.seat(a, true)
			}
		}
		f.due.add(time.Time{}, a.Due(), key{KindAgent, a.ID})
	}
	for _, c := range f.state.Contacts {
		f.indexContact(c.ID, contact.Contact{}, c)
	}
	for _, w := range f.state.Waits {
		f.due.add(time.Time{}, w.Next, key{KindWait, w.Call})
	}
	for _, o := range f.state.Offers {
		f.due.add(time.Time{}, offerDue(o), key{KindOffer, o.ID})
	}
	for _, w := range f.state.Wrapups {
		f.due.add(time.Time{}, w.Deadline, key{KindWrapup, w.ID})
	}
	for _, c := range f.state.Callbacks {
		f.indexCallback(callback.Callback{}, c)
	}
	for _, k := range f.state.Consults {
		f.indexConsult(consult.Consult{}, k)
	}
	for _, c := range f.state.Campaigns {
		f.indexCampaign(campaign.Campaign{}, c)
	}
	for _, r := range f.state.Records {
		f.indexRecord(campaign.Record{}, r)
	}
	for _, w := range f.state.Works {
		f.indexWork(work.Work{}, w)
	}
	for q, w := range f.state.Watches {
		f.due.add(time.Time{}, w.Due, key{KindWatch, q})
	}
	f.due.add(time.Time{}, f.quarterDue(), key{KindTally, openQuarter})
}

// Step runs one input at the given time. On error nothing has changed. The times of successive steps must
// not go backwards. The slices are the caller's.
func (f *Floor) Step(now time.Time, in Input) ([]Change, []Effect, error) {
	f.now = now.UTC().Round(0)
	f.effects, f.touched = nil, f.touched[:0]
	clear(f.before)
	f.forgetStep()
	if _, f.restarted = in.(Restart); f.restarted {
		f.cut = f.quarterDue()
	}
	f.turn()
	if err := in.step(f); err != nil {
		f.rollBack()
		return nil, nil, err
	}
	f.settle()
	if _, ok := in.(Tick); ok {
		// A deadline may set another one that has come already: a call that goes back to a stranded queue has
		// waited for the fallback long enough. A few rounds bring rest; if not, the next tick goes on.
		for range 8 {
			if !f.Due(f.now) {
				break
			}
			if err := in.step(f); err != nil {
				f.rollBack()
				return nil, nil, err
			}
			f.settle()
		}
	}
	f.tell()
	f.listen()
	f.note()
	f.sum()
	changes := make([]Change, 0, len(f.touched))
	for _, k := range f.touched {
		changes = append(changes, f.state.change(k.kind, k.id))
	}
	return changes, f.effects, nil
}

// settle gives what waits to who is free and keeps the alarms.
func (f *Floor) settle() {
	for f.handWaiting() || f.matchTasks(true) || f.match() || f.matchTasks(false) || f.matchRecords() || f.matchBeside() {
	}
	f.watch()
}

func (f *Floor) rollBack() {
	undo := f.touched
	f.touched = nil
	for _, k := range undo {
		old := f.before[k]
		switch k.kind {
		case KindAgent:
			put(f, k, f.state.Agents, old)
		case KindContact:
			put(f, k, f.state.Contacts, old)
		case KindOffer:
			put(f, k, f.state.Offers, old)
		case KindWrapup:
			put(f, k, f.state.Wrapups, old)
		case KindWatch:
			put(f, k, f.state.Watches, old)
		case KindCallback:
			put(f, k, f.state.Callbacks, old)
		case KindConsult:
			put(f, k, f.state.Consults, old)
		case KindWait:
			put(f, k, f.state.Waits, old)
		case KindOpen:
			put(f, k, f.state.Open, old)
		case KindConfig:
			put(f, k, f.state.Configs, old)
		case KindCampaign:
			put(f, k, f.state.Campaigns, old)
		case KindRecord:
			put(f, k, f.state.Records, old)
		case KindWork:
			put(f, k, f.state.Works, old)
		case KindJournal:
			put(f, k, f.state.Journals, old)
		case KindTally:
			put(f, k, f.state.Tallies, old)
		}
	}
	f.effects = nil
	f.forgetStep()
}

// put is the one way the state changes: it remembers what was there, keeps the indexes right and writes v,
// or removes the thing when v is nil.
func put[T any](f *Floor, k key, m map[string]T, v any) {
	old, had := m[k.id]
	if _, seen := f.before[k]; !seen {
		f.before[k] = nil
		if had {
			f.before[k] = old
		}
		f.touched = append(f.touched, k)
	}
	var fresh T
	if v != nil {
		fresh = v.(T)
		m[k.id] = fresh
	} else {
		if had {
			f.gone[k] = old
		}
		delete(m, k.id)
	}
	f.index(k, any(old), any(fresh))
}

// index moves one thing in the indexes from its old to its new value; zero values are in none.
func (f *Floor) index(k key, old, fresh any) {
	switch v := fresh.(type) {
	case agent.Agent:
		f.indexAgent(old.(agent.Agent), v)
	case contact.Contact:
		f.indexContact(k.id, old.(contact.Contact), v)
	case offer.Offer:
		f.due.add(offerDue(old.(offer.Offer)), offerDue(v), k)
	case wrapup.Wrapup:
		f.due.add(old.(wrapup.Wrapup).Deadline, v.Deadline, k)
	case consult.Consult:
		f.indexConsult(old.(consult.Consult), v)
	case Watch:
		f.due.add(old.(Watch).Due, v.Due, k)
	case callback.Callback:
		f.indexCallback(old.(callback.Callback), v)
	case wait.Wait:
		f.stand(k.id)
		f.due.add(old.(wait.Wait).Next, v.Next, k)
	case campaign.Campaign:
		f.indexCampaign(old.(campaign.Campaign), v)
	case campaign.Record:
		f.indexRecord(old.(campaign.Record), v)
	case work.Work:
		f.indexWork(old.(work.Work), v)
	case tally.Tally:
		if k.id == openQuarter {
			f.due.add(time.Time{}, f.quarterDue(), k)
		}
	}
}

func (f *Floor) indexAgent(old, a agent.Agent) {
	for _, side := range []struct {
		agent.Agent
		in bool
	}{{old, false}, {a, true}} {
		if side.in {
			f.wear(cmp.Or(a.ID, old.ID), a.Profile)
		}
		s := f.agents[side.ID]
		if s == nil {
			continue
		}
		for _, l := range s.lines {
			l.seat(side.Agent, side.in)
		}
		for _, p := range s.pools {
			p.seat(side.Agent, side.in)
		}
	}
	f.due.add(old.Due(), a.Due(), key{KindAgent, a.ID})
}

// wear gives an agent, who sits in no pool at the moment, the profile they signed in with, or, when that is empty, the one
// configured.
func (f *Floor) wear(id, profile string) {
	s := f.agents[id]
	if s == nil {
		return
	}
	if profile = cmp.Or(profile, s.profile); profile != s.Profile {
		s.Profile = profile
		f.dir = f.dir.with(s.Agent)
		f.rejoin(s)
	}
}

func (f *Floor) indexContact(cid string, old, c contact.Contact) {
	f.stand(cid)
	f.due.add(old.Due(), c.Due(), key{KindContact, cid})
	f.indexTask(old, c)
}

func (f *Floor) indexConsult(old, k consult.Consult) {
	if l := f.queues[old.Queue]; l != nil && old.Queued() {
		l.Leave(queue.Waiting{ID: old.ID, Place: old.Place})
	}
	if l := f.queues[k.Queue]; l != nil && k.Queued() {
		l.Enter(queue.Waiting{ID: k.ID, Place: k.Place})
	}
	if old.ID != "" && f.asks[old.Call] == old.ID {
		delete(f.asks, old.Call)
	}
	if k.ID != "" {
		f.asks[k.Call] = k.ID
	}
	f.due.add(old.Deadline, k.Deadline, key{KindConsult, k.ID})
}

func offerDue(o offer.Offer) time.Time {
	if o.State != wire.OfferOpen {
		return time.Time{}
	}
	return o.Deadline
}

// Next is the earliest deadline, zero when there is none.
func (f *Floor) Next() time.Time {
	for len(f.due) > 0 {
		d := f.due[0]
		if f.dueAt(d.key).Equal(d.at) {
			return d.at
		}
		heap.Pop(&f.due) // moved or gone since
	}
	return time.Time{}
}

// dueAt is the deadline of one thing as the state has it.
func (f *Floor) dueAt(k key) time.Time {
	switch k.kind {
	case KindAgent:
		return f.state.Agents[k.id].Due()
	case KindContact:
		return f.state.Contacts[k.id].Due()
	case KindOffer:
		return offerDue(f.state.Offers[k.id])
	case KindWrapup:
		return f.state.Wrapups[k.id].Deadline
	case KindCallback:
		return f.state.Callbacks[k.id].Next()
	case KindConsult:
		return f.state.Consults[k.id].Deadline
	case KindWait:
		return f.state.Waits[k.id].Next
	case KindRecord:
		return f.state.Records[k.id].Deadline
	case KindPace:
		if t := f.tempos[k.id]; t != nil {
			return t.at
		}
		return time.Time{}
	case KindTally:
		return f.quarterDue()
	default:
		return f.state.Watches[k.id].Due
	}
}
