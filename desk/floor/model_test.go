package floor

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/wrapup"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// world is everything around a floor, at random: customers who call and hang up, agents who click late,
// twice or never, browsers that vanish, legs that break, a media plane that fails, a server that restarts.
type world struct {
	t     *testing.T
	seed  uint64
	r     *rand.Rand
	cfg   Config
	f     *Floor
	log   State          // what replaying the log gives, as of the last deep look
	wrote map[key]Change // written since then, the last of each thing
	now   time.Time
	calm  bool // few calls and long ones, so that they fill up
	ids   int
	steps int

	calls    []*party
	bus      []Input // what the media plane has published and the floor has not read yet
	held     map[string]bool
	settled  map[string]string // offer -> how it ended
	offers   []string
	wraps    []string
	ses      []string
	tasks    []string // callbacks
	records  []string
	campaign string
	sups     []supervisor
	ending   bool // nobody answers any more
	counts   map[string]int
	trace    []happening

	past   remembered
	after  func() // every step
	steady bool   // the server is not restarted
}

type happening struct {
	at time.Time
	in Input
}

type party struct {
	wire.Call
	customer string
	legs     map[string]wire.Leg // alive, of agents, experts and supervisors
	ringing  bool                // at a customer who may still answer
	over     bool
}

// modelConfig is the contact centre of a world: the same people and queues in all of them, policies by its seed.
func modelConfig(seed uint64) Config {
	c := Config{
		Queues:  []Queue{{ID: "a"}, {ID: "b", Agents: []string{"ag0", "ag1", "ag2"}}},
		Numbers: []Number{{Number: "1", Queue: "a"}, {Number: "2", Queue: "b", Class: 2}, {Number: "3", Queue: "a", Priority: 5}},
	}
	for i := range 6 {
		a := Agent{ID: fmt.Sprintf("ag%d", i)}
		if i > 2 {
			a.Queues = []string{"a"}
		}
		c.Agents = append(c.Agents, a)
	}
	c.Agents[0].Queues = []string{"a"}
	c.Queues[0].Agents = []string{"ag1", "ag2"}
	c.Skills = []Skill{{ID: "de"}, {ID: "gold"}}
	c.Agents[1].Skills = Levels{{"de", 8}, {"gold", 3}}
	c.Agents[4].Skills = Levels{{"de", 4}}
	c.Agents[0].Skills = Levels{{"de", 2}, {"gold", 9}}
	c.Queues[1].Skills = []Need{{Skill: "de", Level: 5, RelaxAfter: Seconds(8), RelaxTo: 1}, {Skill: "gold", Preferred: true}}
	c.Queues[1].Prompts = Prompts{Welcome: "w.wav", Position: true, Wait: true, Every: Seconds(10)}
	c.Queues[1].MaxWait, c.Queues[1].Overflow = Seconds(40), Target{Kind: TargetQueue, To: "c", Prompt: "moved.wav"}
	c.Queues[0].Fallback, c.Queues[0].FallbackAfter = Target{Kind: TargetMessage, Prompt: "speak.wav"}, Seconds(15)
	c.Queues = append(c.Queues, Queue{ID: "c", MaxWaiting: 3, Overflow: Target{Kind: TargetNumber, To: "0800"}, MaxWait: Seconds(30), Agents: []string{"ag3", "ag5"}})
	c.Stages = []Stage{{ID: "out", Kind: StageOutbound, Campaign: "spring", Agents: []string{"ag2", "ag3"}}, {ID: "new", Kind: StageNew, Agents: []string{"ag4"}}}
	c.Numbers = append(c.Numbers, Number{Number: "4", Queue: "a", Stage: "out"}, Number{Number: "5", Queue: "b", Stage: "new", Skills: []Need{{Skill: "de"}}},
		Number{Number: "6", Queue: "c", Agents: []string{"ag0", "ag5"}})
	c.Callbacks.EntryPoints = []EntryPoint{{Number: "0800"}, {Number: "0801", Off: true}}
	c.Callbacks.CourtesyDigit, c.Callbacks.MessageDigit, c.Callbacks.Retry = "1", "2", Seconds(90)
	c.Limits.Calls = 6
	c.OfferLimit, c.OfferAlarm = 4, 3
	if seed%2 == 1 {
		c.Handling.LastAgentLeft = KeepCall
	}
	if seed%7 < 3 { // desk phones
		c.Agents[1].Station, c.Agents[4].Station = "201", "sip:204@10.0.0.5"
	}
	if seed%4 < 2 { // several written requests at once
		c.Agents[1].Written, c.Agents[3].Written, c.Agents[4].Written = 3, 2, 6
	}
	if seed%5 == 1 {
		c.Preflight = []string{CheckMicrophone}
	}
	if seed%5 == 2 { // who may do less
		c.Profiles = []Profile{{ID: "novice", Actions: []Action{ActAnswer, ActHold}}, {ID: "clerk", Actions: []Action{ActSearch}}}
		c.Agents[3].Profile = "novice"
	}
	if seed%5 == 3 {
		c.Handling.Wrapups = []WrapupRule{{Queue: "a", Policy: wrapup.Cancel, Time: Seconds(5), Total: Seconds(90)}, {Queue: "b", Policy: wrapup.None, Default: "later"}}
		c.Handling.RecordPlaced, c.Queues[0].NoRecording = true, true
	}
	if seed%5 == 4 {
		c.Handling.Variables = []VariableDef{{Name: "case", Editable: true}, {Name: "pin", Secure: true, Editable: true}, {Name: "count", Type: wire.VariableNumber}}
		c.Handling.MaskNumbers, c.Callbacks.Preview = true, true
	}
	if seed%8 == 4 {
		c.Limits.Calls = 2
	}
	return c
}

func sequences(t *testing.T) uint64 {
	s := os.Getenv("CORDBOARD_SEQUENCES")
	if s == "" {
		return 600
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		t.Fatalf("CORDBOARD_SEQUENCES is %q, want a number from 1", s)
	}
	return n
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 1)), cfg: modelConfig(seed), log: NewState(),
		wrote: map[key]Change{},
		now:   time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), held: map[string]bool{}, settled: map[string]string{}, counts: map[string]int{},
	}
	w.f = w.floor(NewState())
	return w
}

func (w *world) floor(s State) *Floor {
	f, err := New(w.cfg, s, w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	f.SetContacts(modelContacts{})
	return f
}

func (w *world) id(prefix string) string {
	w.ids++
	return fmt.Sprintf("%s_%06d", prefix, w.ids)
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	var b strings.Builder
	for _, h := range w.trace[max(0, len(w.trace)-25):] {
		fmt.Fprintf(&b, "%s %T %+v\n", h.at.Format("15:04:05.000"), h.in, h.in)
	}
	w.t.Fatalf("seed %d, after %d steps: %s\nlast steps:\n%s", w.seed, w.steps, fmt.Sprintf(format, args...), b.String())
}

func pick[T any](w *world, s []T) (v T) {
	if len(s) == 0 {
		return v
	}
	return s[w.r.IntN(len(s))]
}

// recent favours the newest, for old ones are only good for refusals.
func recent(w *world, s []string) string { return pick(w, s[max(0, len(s)-4):]) }

func (w *world) agent() string { return fmt.Sprintf("ag%d", w.r.IntN(6)) }

func (w *world) call() *party {
	return pick(w, w.calls[max(0, len(w.calls)-8):])
}

// deepEvery is how many steps lie between two comparisons of whole states.
const deepEvery = 25

func (w *world) step(in Input) {
	w.steps++
	w.trace = append(w.trace, happening{w.now, in})
	deep := w.steps%deepEvery == 0
	var before State
	if deep {
		before = w.f.state.clone()
	}
	changes, effects, err := w.f.Step(w.now, in)
	if err != nil {
		if p := problem.As(err); p.Status >= 500 {
			w.fail("internal error: %v", err)
		}
		if len(changes)+len(effects) > 0 || deep && !reflect.DeepEqual(before, w.f.state) {
			w.fail("a refused input (%v) left something behind", err)
		}
		w.counts["refused"]++
		w.check()
		return
	}
	for _, c := range changes {
		w.wrote[key{c.Kind, c.ID}] = c
	}
	if deep {
		w.replay()
	}
	for _, e := range effects {
		switch e := e.(type) {
		case Event:
			w.event(e)
		case Command:
			w.command(e)
		case Closed:
			w.closed(e.Record.ID)
		case Filed:
			w.filed(e.Journal)
		case Tallied:
			w.tallied(e.Tally)
		}
	}
	w.keep()
	w.check()
	w.checkPast()
	if w.after != nil {
		w.after()
	}
}

// replay brings the log up to date and compares it with the state.
func (w *world) replay() {
	for k, c := range w.wrote {
		data, err := json.Marshal(c)
		if err != nil {
			w.fail("%v", err)
		}
		var back Change
		if err := json.Unmarshal(data, &back); err != nil {
			w.fail("%v", err)
		}
		if err := w.log.Apply(back); err != nil {
			w.fail("%v", err)
		}
		delete(w.wrote, k)
	}
	if !reflect.DeepEqual(w.log, w.f.state) && dump(w.log) != dump(w.f.state) { // nil and empty are the same
		w.fail("replay differs:\n%s\n%s", dump(w.log), dump(w.f.state))
	}
}

// clone is a copy of the maps; what stands in them is never changed in place.
func (s State) clone() State {
	return State{
		Agents: maps.Clone(s.Agents), Contacts: maps.Clone(s.Contacts), Offers: maps.Clone(s.Offers), Wrapups: maps.Clone(s.Wrapups),
		Callbacks: maps.Clone(s.Callbacks), Consults: maps.Clone(s.Consults), Watches: maps.Clone(s.Watches), Waits: maps.Clone(s.Waits),
		Open: maps.Clone(s.Open), Configs: maps.Clone(s.Configs), Campaigns: maps.Clone(s.Campaigns), Records: maps.Clone(s.Records), Works: maps.Clone(s.Works),
		Journals: maps.Clone(s.Journals), Tallies: maps.Clone(s.Tallies),
	}
}

func dump(s State) string {
	var b strings.Builder
	for _, c := range s.Snapshot() {
		fmt.Fprintf(&b, "%s %s %s\n", c.Kind, c.ID, c.Value)
	}
	return b.String()
}

func (w *world) event(e Event) {
	w.counts[e.Type]++
	switch d := e.Data.(type) {
	case wire.Offer:
		if e.Type == "offer.created" {
			w.offers = append(w.offers, d.ID)
			break
		}
		if was, twice := w.settled[d.ID]; twice {
			w.fail("offer %s was %s and is %s", d.ID, was, e.Type)
		}
		w.settled[d.ID] = e.Type
	case wire.Wrapup:
		if e.Type == "wrapup.started" {
			w.wraps = append(w.wraps, d.ID)
		}
	case wire.Callback:
		if len(w.tasks) == 0 || w.tasks[len(w.tasks)-1] != d.ID {
			w.tasks = append(w.tasks, d.ID)
		}
	case wire.CampaignRecord:
		if len(w.records) == 0 || w.records[len(w.records)-1] != d.ID {
			w.records = append(w.records, d.ID)
		}
	}
}

// command is the media plane doing, or failing to do, what it was asked for.
func (w *world) command(c Command) {
	w.counts["command "+string(c.Op)]++
	if c.Op == OpHold || c.Op == OpResume || c.Op == OpArrange {
		if c.Op == OpArrange {
			w.arranged(c)
		} else {
			w.held[c.LegID] = c.Op == OpHold
		}
		if w.r.IntN(50) == 0 || c.Try > 0 && w.r.IntN(2) == 0 { // it was done, and nobody knows
			w.bus = append(w.bus, CommandFailed{Command: c, Detail: "broken"})
		}
		return
	}
	if c.Op == OpOpen {
		w.open(c)
		return
	}
	i := slices.IndexFunc(w.calls, func(p *party) bool { return p.ID == c.CallID })
	if i < 0 || w.calls[i].over {
		return
	}
	p := w.calls[i]
	if c.Op != OpEnd && w.r.IntN(50) == 0 {
		w.bus = append(w.bus, CommandFailed{Command: c, Detail: "broken"})
		return
	}
	switch c.Op {
	case OpDial:
		w.dialled(p)
	case OpDetect:
		w.bus = append(w.bus, Detected{CallID: p.ID, Machine: w.r.IntN(4) == 0})
	case OpRecord:
		w.bus = append(w.bus, RecordingStarted{CallID: p.ID, ID: "rec_" + p.ID})
	case OpAnswer:
		w.bus = append(w.bus, LegAnswered{wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer}})
	case OpHangup:
		w.endLeg(p, c.LegID, c.Code)
	case OpSay:
		w.bus = append(w.bus, PlayEnded{p.ID, c.LegID})
	case OpInvite:
		if c.Invite.Phone != "" {
			w.rung(p, c)
			break
		}
		if strings.HasPrefix(c.Invite.Ref, "cns_") {
			w.invited(p, c)
			break
		}
		l := wire.Leg{ID: w.id("leg"), CallID: p.ID, Role: wire.RoleExpert, ClientRef: c.Invite.Ref, Cause: "busy"}
		if w.r.IntN(3) == 0 {
			w.bus = append(w.bus, LegEnded{l})
			break
		}
		p.legs[l.ID] = l
		w.bus = append(w.bus, LegAnswered{l})
	case OpEnd:
		w.end(p, c.Code)
	}
}

func (w *world) endLeg(p *party, leg, cause string) {
	if l, ok := p.legs[leg]; ok {
		delete(p.legs, leg)
		l.Cause = cause
		w.bus = append(w.bus, LegEnded{l})
	}
}

func (w *world) end(p *party, cause string) {
	if p.over {
		return
	}
	p.over = true
	for leg := range p.legs {
		w.endLeg(p, leg, cause)
	}
	if p.customer != "" {
		w.bus = append(w.bus, LegEnded{wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer, Cause: cause}})
	}
	w.bus = append(w.bus, CallEnded{ID: p.ID, Cause: cause})
}

// act does one random thing.
func (w *world) act() {
	if len(w.bus) > 0 && w.r.IntN(3) > 0 {
		in := w.bus[0]
		w.bus = w.bus[1:]
		w.step(in)
		if w.r.IntN(20) == 0 {
			w.step(in) // told twice
		}
		return
	}
	if w.r.IntN(4) == 0 || w.calm && w.r.IntN(2) == 0 {
		w.handle()
		return
	}
	switch w.r.IntN(30) {
	case 28, 29:
		w.desk()
	case 22, 23, 24:
		w.outbound()
	case 25, 26, 27:
		w.supervise()
	case 20:
		w.step(SetOpen{Number: fmt.Sprint(w.r.IntN(4)), Stage: pick(w, []string{"out", "", "gone"})})
	case 21:
		switch p := w.call(); {
		case p != nil && w.r.IntN(2) == 0:
			w.step(Prefer{CallID: p.ID, Agent: w.agent()})
		case w.r.IntN(4) == 0:
			w.reconfigure()
		}
	case 0:
		ses := w.id("ses")
		w.ses = append(w.ses, ses)
		w.step(SignIn{Agent: w.agent(), Session: ses})
	case 1, 2, 3:
		a := w.agent()
		w.step(SetState{Agent: a, State: wire.AgentReady, Actor: a})
	case 4:
		w.step(SetState{Agent: w.agent(), State: pick(w, []wire.AgentState{wire.AgentNotReady, wire.AgentNotReady, wire.AgentBusy}), Reason: "break", Actor: "sup"})
	case 5:
		if w.r.IntN(3) == 0 {
			w.step(SignOut{Agent: w.agent(), Actor: "x"})
		}
	case 6:
		if len(w.f.state.Contacts) < 2 || !w.calm {
			w.dial()
		}
	case 7, 8, 9, 10:
		w.step(Accept{Offer: recent(w, w.offers), Actor: "x"})
	case 11:
		w.step(Decline{Offer: recent(w, w.offers), Actor: "x"})
	case 12, 13:
		w.attach()
	case 14:
		if !w.calm || w.r.IntN(4) == 0 {
			w.breakLeg()
		}
	case 15:
		if p := w.call(); p != nil && w.r.IntN(2) == 0 && (!w.calm || w.r.IntN(6) == 0) {
			w.end(p, "hangup")
		}
	case 16:
		if w.r.IntN(2) == 0 {
			w.step(Submit{Wrapup: recent(w, w.wraps), Reason: pick(w, []string{"", "resolved"}), Actor: "x"})
		} else {
			w.step(Extend{Wrapup: recent(w, w.wraps), Actor: "x"})
		}
	case 17:
		if w.r.IntN(2) == 0 {
			w.step(SessionLost{recent(w, w.ses)})
		} else {
			w.step(SessionUp{recent(w, w.ses)})
		}
	case 18:
		w.park()
	case 19:
		if w.r.IntN(20) == 0 {
			w.restart()
		}
	}
}

// reconfigure changes the configuration of a running floor: skills, needs, a queue that comes and goes.
func (w *world) reconfigure() {
	cfg := modelConfig(w.seed)
	cfg.Agents[4].Skills = Levels{{"de", 1 + w.r.IntN(10)}}
	cfg.Queues[1].Skills[0].Level = 1 + w.r.IntN(8)
	cfg.Queues[0].Priority = w.r.IntN(3)
	if w.r.IntN(3) == 0 {
		cfg.Queues = append(cfg.Queues, Queue{ID: "d", Agents: []string{"ag5"}})
		cfg.Numbers[2].Queue = "d"
	}
	if w.r.IntN(3) == 0 {
		cfg.Agents = cfg.Agents[:5] // refused when the last one is here
		cfg.Queues[2].Agents = []string{"ag3"}
		cfg.Queues = cfg.Queues[:3]
		cfg.Numbers[2].Queue = "a"
		cfg.Numbers[5].Agents = []string{"ag0"}
	}
	if w.r.IntN(4) == 0 {
		cfg.Agents[w.r.IntN(4)].NoCallbacks = []string{"a", "b"}
	}
	base := w.f.Version()
	if w.r.IntN(4) == 0 {
		base--
	}
	w.step(Reconfigure{Config: cfg, Base: base, Actor: "adm"})
}

func (w *world) dial() {
	p := &party{customer: w.id("leg"), legs: map[string]wire.Leg{}}
	p.Call = wire.Call{ID: w.id("call"), Direction: wire.Inbound, From: fmt.Sprint(w.r.IntN(4)), To: pick(w, []string{"1", "2", "3", "4", "5", "6", "unknown"})}
	if w.r.IntN(6) == 0 {
		w.place(p)
		return
	}
	if w.r.IntN(4) > 0 {
		p.Legs = []wire.Leg{{ID: p.customer, Role: wire.RoleCustomer}}
	}
	w.calls = append(w.calls, p)
	if len(p.Legs) == 0 {
		w.bus = append(w.bus, LegAnswered{wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer}})
	}
	in := CallCreated{Call: p.Call, Actor: "customer"}
	if w.r.IntN(5) == 0 { // a routing hook asks for skills
		r := wire.Routed{CallID: p.ID, Hook: "crm", Outcome: wire.RouteChosen, Queue: pick(w, []string{"", "a", "b"}), Skills: pick(w, [][]wire.RouteSkill{
			{{Skill: "de", Level: 4}}, {{Skill: "gold"}, {Skill: "de", Level: 2, RelaxAfterSeconds: 5}}, {{Skill: "de", Level: 10}}, {{Skill: "fr"}},
		})}
		_, n, _ := w.f.Directory().HookOf(p.To)
		if r = w.f.Directory().Accept(n, r); r.Outcome == wire.RouteChosen {
			w.counts["skills chosen"]++
		}
		in.Route = &r
	}
	w.step(in)
}

// place is an agent calling out: the customer answers, does not, or the call cannot be made at all.
func (w *world) place(p *party) {
	p.Direction = wire.Outbound
	who := w.agent()
	w.step(PlaceCall{Call: p.Call, Agent: who, Actor: who})
	if w.f.state.Contacts[p.ID].ID == "" {
		return // refused: nothing is dialled
	}
	w.counts["placed"]++
	if w.r.IntN(10) == 0 {
		w.bus = append(w.bus, CallEnded{ID: p.ID})
		return
	}
	w.calls = append(w.calls, p)
	l := wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer}
	w.bus = append(w.bus, CallCreated{Call: p.Call, Actor: who}, LegCreated{l}, LegRinging{l})
	if w.r.IntN(4) == 0 {
		l.Cause = "busy"
		w.bus = append(w.bus, LegEnded{l}, CallEnded{ID: p.ID})
		p.over = true
		return
	}
	w.bus = append(w.bus, LegAnswered{l})
}

// attach brings a leg: of the agent who may join, now and then of one who may not, or an expert's. A call
// has at most 8 parties.
func (w *world) attach() {
	p := w.call()
	for _, other := range w.calls { // an accepted offer's leg is likeliest to come
		if w.f.state.Contacts[other.ID].State == contact.Connecting && w.r.IntN(2) == 0 {
			p = other
		}
	}
	if p == nil || p.over || len(p.legs) >= 7 {
		return
	}
	l := wire.Leg{ID: w.id("leg"), CallID: p.ID, Role: wire.RoleAgent, Agent: w.f.state.Contacts[p.ID].Agent}
	old := w.f.state.Contacts[p.ID].Leg
	if k, asking := w.f.consultOf(p.ID); asking && k.Agent != "" && w.r.IntN(2) == 0 {
		l.Agent, old = k.Agent, k.Leg
	} else if c := w.f.state.Contacts[p.ID]; len(c.Others) > 0 && w.r.IntN(3) == 0 {
		if o := pick(w, c.Others); o.Agent != "" {
			l.Agent, old = o.Agent, o.Leg
		}
	}
	if w.r.IntN(8) == 0 {
		l.Agent = w.agent()
	}
	if l.Agent == "" || w.r.IntN(10) == 0 {
		l.Agent, l.Role = "", wire.RoleExpert
	}
	if old != "" && l.Role == wire.RoleAgent {
		w.endLeg(p, old, "replaced") // the media plane tells the old one's end first
	}
	p.legs[l.ID] = l
	w.bus = append(w.bus, LegAnswered{l})
}

func (w *world) breakLeg() {
	p := w.call()
	if p == nil {
		return
	}
	for leg := range p.legs {
		w.endLeg(p, leg, pick(w, []string{"hangup", "media_lost", "session_lost", "reload", "error"}))
		return
	}
}

// park is an agent holding or resuming the customer by hand.
func (w *world) park() {
	p := w.call()
	if p == nil || w.f.state.Contacts[p.ID].State != contact.Connected {
		return
	}
	on := w.r.IntN(2) == 0
	w.held[p.customer] = on
	w.step(LegHeld{Leg: wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer, Hold: wire.Hold{Local: on}}, Actor: "ag0"})
}

// restart stops the process: the floor is made anew from its log, some calls are gone.
func (w *world) restart() {
	if w.steady {
		return
	}
	w.replay()
	w.f = w.floor(w.log)
	w.log = NewState()
	for _, c := range w.f.Snapshot() {
		if err := w.log.Apply(c); err != nil {
			w.fail("%v", err)
		}
	}
	gone := w.r.IntN(2) == 0
	for _, p := range w.calls {
		if gone {
			p.over = true
		}
	}
	if gone {
		w.bus = nil
	}
	w.counts["restart"]++
	w.step(Restart{Alive: func(string) bool { return !gone }})
	for _, a := range w.f.state.Agents {
		if a.Free() {
			w.fail("agent %s is ready after a restart", a.ID)
		}
	}
}

// pass lets time go by: mostly a little, sometimes exactly to the next deadline, now and then far, with every
// deadline on the way fired within a second, as a machine under load does.
func (w *world) pass() {
	next := w.f.Next()
	if w.r.IntN(25) == 0 && !next.IsZero() && next.After(w.now) {
		w.now = next
	} else {
		w.now = w.now.Add(time.Duration(w.r.IntN(600)) * time.Millisecond)
	}
	if w.f.Due(w.now) {
		w.step(Tick{})
	}
	w.checkDeadlines()
	if w.r.IntN(400) == 0 {
		w.wait(time.Duration(w.r.IntN(45)) * time.Minute)
	}
}

// wait lets a long time pass.
func (w *world) wait(d time.Duration) {
	end := w.now.Add(d)
	for range 400 {
		next := w.f.Next()
		if next.IsZero() || next.After(end) {
			break
		}
		if late := next.Add(time.Duration(w.r.IntN(900)) * time.Millisecond); late.After(w.now) {
			w.now = late
		}
		w.step(Tick{})
		w.checkDeadlines()
		w.drain()
	}
}

// drain lets the floor read all that has been published.
func (w *world) drain() {
	for len(w.bus) > 0 {
		in := w.bus[0]
		w.bus = w.bus[1:]
		w.step(in)
	}
}

// settle lets everything come to its end: no new inputs, all customers gone, nobody answers, time passes.
func (w *world) settle() {
	w.ending = true
	for _, c := range w.f.Campaigns("", w.now) {
		if slices.Contains(c.Allowed, "finish") {
			w.step(MoveCampaign{ID: c.ID, To: "finish", Actor: "sup"})
		}
	}
	for _, p := range w.calls {
		w.end(p, "hangup")
	}
	for _, x := range w.f.Works("", "") { // nobody replies to what is written any more
		w.step(CancelWork{ID: x.ID, Actor: "crm"})
	}
	over := func() int {
		s := w.f.state
		return len(s.Contacts) + len(s.Offers) + len(s.Wrapups) + len(s.Consults) + len(s.Journals) + len(s.Works)
	}
	for rounds := 0; ; rounds++ {
		w.drain()
		if over() == 0 {
			break
		}
		next := w.f.Next()
		if next.IsZero() || rounds == 500 {
			w.fail("%d things never end, the next deadline is %s:\n%s", over(), next, dump(w.f.state))
		}
		if next.After(w.now) {
			w.now = next
		}
		w.step(Tick{})
	}
	for _, a := range w.f.state.Agents {
		if a.State != wire.AgentOffline && a.State != wire.AgentNotReady && a.State != wire.AgentReady {
			w.fail("agent %s is stuck in %s", a.ID, a.State)
		}
	}
	for _, r := range w.f.state.Records {
		if r.State != wire.RecordReady && r.State != wire.RecordReview && r.State != wire.RecordClosed {
			w.fail("record %s is stuck in %s", r.ID, r.State)
		}
	}
	for _, c := range w.f.state.Callbacks {
		switch c.State {
		case wire.CallbackOffered, wire.CallbackPreview, wire.CallbackDialing, wire.CallbackTalking:
			w.fail("callback %s is stuck in %s", c.ID, c.State)
		}
	}
	w.replay()
}

// scene fills a floor with people, most of them ready, and starts a campaign in some worlds.
func (w *world) scene(seed uint64) {
	for i := range 8 {
		ses := w.id("ses")
		w.ses = append(w.ses, ses)
		a := fmt.Sprintf("ag%d", i%6)
		w.step(SignIn{Agent: a, Session: ses})
		if w.r.IntN(8) > 0 {
			w.step(Preflight{Agent: a, Actor: a, Checks: map[string]string{CheckMicrophone: "passed"}})
		}
		if w.r.IntN(3) > 0 {
			w.step(SetState{Agent: a, State: wire.AgentReady, Actor: a})
		}
	}
	if seed%3 == 0 {
		w.begin(seed)
	}
	if seed%8 == 5 {
		w.crowd()
	}
}

// crowd fills a call up to its limit, or nearly.
func (w *world) crowd() {
	for len(w.calls) == 0 { // a call of an agent who is not there is none
		w.dial()
	}
	p := w.calls[len(w.calls)-1]
	w.drain()
	if o := w.f.state.Contacts[p.ID].Offer; o != "" {
		w.step(Accept{Offer: o, Actor: "x"})
		w.attach()
	}
	for range 6 {
		w.drain()
		who := w.f.state.Contacts[p.ID].Agent
		w.step(Confer{Call: p.ID, Agent: who, Actor: who, Kind: wire.TargetNumber, Target: "080"})
	}
	w.drain()
}

// run is one world's life: most are short, so that many beginnings are tried, some long, so that calls fill up
// and numbers wrap.
func (w *world) run(seed uint64) {
	w.calm = seed%4 != 0
	w.scene(seed)
	length := 100
	if seed%16 == 1 {
		length = 600
	}
	for w.steps < length {
		w.act()
		w.pass()
	}
	w.settle()
}

// TestModel drives floors with everything on them (inbound calls, consult, conference, transfer, supervision,
// callbacks, campaigns of all four kinds) through random sequences, faults included: browsers that vanish, legs that
// break, a media plane that fails, clicks that come late, twice or from the wrong person, configurations that
// change, a server that restarts. After every step it holds:
//
//   - an offer is settled once: it never has two winners; nobody has two offers, two calls or two wrap-ups;
//   - no deadline of anything is older than a second: all have fired;
//   - no call is both queued and connected; a call stands in exactly one line, and a free agent and a call that
//     agent could take never stand beside each other, nor a free agent and a callback that could be made;
//   - customer and asked party are never both on hold (W33); whoever waits hears music, and whoever talks does not;
//   - at most eight are on a call; everybody with a voice has one place; who has control can do something;
//   - a callback or record has at most one call, and that call knows it: nobody is dialled twice at once;
//   - a supervisor hears as the mode allows and is heard by nobody else; none supervises their own call;
//   - every call has one journal, which waits and has agents when the call does, and is closed once; an agent is on
//     one call of all journals at a time; the tallies are what adding up the call records gives;
//   - what a refused input was refused for it has not changed; replaying the log gives exactly the state.
//
// And in the end, with no more input than the passing of time, nothing is left over: no agent, call, offer,
// wrap-up, consult, callback or record is stuck.
//
// CORDBOARD_SEQUENCES says how many sequences; a few hundred are enough to reach every kind of event, and quick
// enough for every run. CORDBOARD_FIRST is the first seed, CORDBOARD_MODEL_FOR a time after which no other is begun
// (the result says how many there were), CORDBOARD_MODEL_JSON a file for the result.
func TestModel(t *testing.T) {
	n := sequences(t)
	var first uint64
	if s := os.Getenv("CORDBOARD_FIRST"); s != "" {
		var err error
		if first, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	limit := time.Duration(0)
	if s := os.Getenv("CORDBOARD_MODEL_FOR"); s != "" {
		var err error
		if limit, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	done := uint64(0)
	total, counts, began := 0, map[string]int{}, time.Now()
	shards := uint64(min(runtime.GOMAXPROCS(0), 4))
	t.Run("sequences", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for seed := first + shard; seed < first+n; seed += shards {
					if limit > 0 && time.Since(began) > limit {
						return
					}
					w := newWorld(t, seed)
					w.run(seed)
					mu.Lock()
					total += w.steps
					done++
					for k, n := range w.counts {
						counts[k] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	took := time.Since(began)
	if t.Failed() {
		return
	}
	t.Logf("%d sequences, %d steps in %s: %v", done, total, took.Round(time.Second), counts)
	for _, k := range []string{
		"offer.accepted", "offer.declined", "offer.expired", "offer.withdrawn", "wrapup.started", "wrapup.extended",
		"wrapup.completed", "agent.signout_pending", "agent.signed_out", "desk.alarm", "command resume", "command record", "restart", "refused",
		"call.diverted", "message.started", "command say", "command invite", "config.changed", "call.refused",
		"consult.started", "consult.reached", "consult.answered", "consult.ended", "conference.started", "conference.joined", "conference.left",
		"conference.owner_changed", "transfer.started", "transfer.completed", "transfer.failed", "call.post_call", "call.handling_changed",
		"command arrange", "eight parties", "outside",
		"callback.requested", "callback.scheduled", "callback.due", "callback.completed", "callback.failed", "callback.cancelled",
		"command open", "command dial", "command detect", "campaign.started", "campaign.stopped", "record.changed", "record closed", "dialled ahead",
		"supervision.started", "supervision.changed", "supervision.ended", "taken over", "forced wrap-up", "forced end", "placed", "desk phone answered", "written", "written beside", "accepted together", "work.replied", "work.closed", "variables.changed", "countdown cancelled", "another device", "tested itself",
	} {
		if counts[k] == 0 {
			t.Errorf("%s never happened: the model does not reach it", k)
		}
	}
	if path := os.Getenv("CORDBOARD_MODEL_JSON"); path != "" && !t.Failed() {
		data, err := json.MarshalIndent(map[string]any{"sequences": done, "asked": n, "first": first, "steps": total, "seconds": int(took.Seconds()), "counts": counts}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
