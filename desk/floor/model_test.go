package floor

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// world is everything around a floor, at random: customers who call and hang up, agents who click late,
// twice or never, browsers that vanish, legs that break, a media plane that fails, a server that restarts.
type world struct {
	t     *testing.T
	r     *rand.Rand
	cfg   Config
	f     *Floor
	log   State // what replaying the log gives
	now   time.Time
	calm  bool // few calls and long ones, so that they fill up
	ids   int
	steps int

	calls   []*party
	bus     []Input // what the media plane has published and the floor has not read yet
	held    map[string]bool
	settled map[string]string // offer -> how it ended
	offers  []string
	wraps   []string
	ses     []string
	counts  map[string]int
	trace   []happening
}

type happening struct {
	at time.Time
	in Input
}

type party struct {
	wire.Call
	customer string
	legs     map[string]wire.Leg // alive, of agents and experts
	over     bool
}

func modelConfig() Config {
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
	c.Stages = []Stage{{ID: "out", Kind: StageOutbound, Agents: []string{"ag2", "ag3"}}, {ID: "new", Kind: StageNew, Agents: []string{"ag4"}}}
	c.Numbers = append(c.Numbers, Number{Number: "4", Queue: "a", Stage: "out"}, Number{Number: "5", Queue: "b", Stage: "new", Skills: []Need{{Skill: "de"}}},
		Number{Number: "6", Queue: "c", Agents: []string{"ag0", "ag5"}})
	c.Limits.Calls = 7
	c.OfferLimit, c.OfferAlarm = 4, 3
	return c
}

func sequences(t *testing.T) uint64 {
	s := os.Getenv("CORDBOARD_SEQUENCES")
	if s == "" {
		return 160
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		t.Fatalf("CORDBOARD_SEQUENCES is %q, want a number from 1", s)
	}
	return n
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), cfg: modelConfig(), log: NewState(),
		now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), held: map[string]bool{}, settled: map[string]string{}, counts: map[string]int{},
	}
	w.f = w.floor(NewState())
	return w
}

func (w *world) floor(s State) *Floor {
	f, err := New(w.cfg, s, w.id)
	if err != nil {
		w.t.Fatal(err)
	}
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
	w.t.Fatalf("after %d steps: %s\nlast steps:\n%s", w.steps, fmt.Sprintf(format, args...), b.String())
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

func (w *world) step(in Input) {
	w.steps++
	w.trace = append(w.trace, happening{w.now, in})
	deep, before, after := w.steps%10 == 0, "", ""
	if deep {
		before = dump(w.f.state)
	}
	changes, effects, err := w.f.Step(w.now, in)
	if deep {
		after = dump(w.f.state)
	}
	if err != nil {
		if p := problem.As(err); p.Status >= 500 {
			w.fail("internal error: %v", err)
		}
		if len(changes)+len(effects) > 0 || after != before {
			w.fail("a refused input (%v) left something behind", err)
		}
		w.counts["refused"]++
		w.check()
		return
	}
	data, _ := json.Marshal(changes)
	var back []Change
	if err := json.Unmarshal(data, &back); err != nil {
		w.fail("%v", err)
	}
	for _, c := range back {
		if err := w.log.Apply(c); err != nil {
			w.fail("%v", err)
		}
	}
	if deep && dump(w.log) != after {
		w.fail("replay differs:\n%s\n%s", dump(w.log), after)
	}
	for _, e := range effects {
		switch e := e.(type) {
		case Event:
			w.event(e)
		case Command:
			w.command(e)
		}
	}
	w.check()
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
	}
}

// command is the media plane doing, or failing to do, what it was asked for.
func (w *world) command(c Command) {
	w.counts["command "+string(c.Op)]++
	if c.Op == OpHold || c.Op == OpResume {
		w.held[c.LegID] = c.Op == OpHold
		return
	}
	if c.Op == OpArrange {
		w.arranged(c)
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
	case OpAnswer:
		w.bus = append(w.bus, LegAnswered{wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer}})
	case OpHangup:
		w.endLeg(p, c.LegID, c.Code)
	case OpSay:
		w.bus = append(w.bus, PlayEnded{p.ID, c.LegID})
	case OpInvite:
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
	w.bus = append(w.bus, LegEnded{wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer, Cause: cause}}, CallEnded{ID: p.ID, Cause: cause})
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
	switch w.r.IntN(22) {
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
	cfg := modelConfig()
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
	base := w.f.Version()
	if w.r.IntN(4) == 0 {
		base--
	}
	w.step(Reconfigure{Config: cfg, Base: base, Actor: "adm"})
}

func (w *world) dial() {
	p := &party{customer: w.id("leg"), legs: map[string]wire.Leg{}}
	p.Call = wire.Call{ID: w.id("call"), Direction: wire.Inbound, From: fmt.Sprint(w.r.IntN(4)), To: pick(w, []string{"1", "2", "3", "4", "5", "6", "unknown"})}
	actor := "customer"
	if w.r.IntN(6) == 0 {
		p.Direction, actor = wire.Outbound, w.agent()
	}
	if p.Direction == wire.Inbound && w.r.IntN(4) > 0 {
		p.Legs = []wire.Leg{{ID: p.customer, Role: wire.RoleCustomer}}
	}
	w.calls = append(w.calls, p)
	if p.Direction == wire.Outbound || len(p.Legs) == 0 {
		w.bus = append(w.bus, LegAnswered{wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer}})
	}
	w.step(CallCreated{Call: p.Call, Actor: actor})
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

// pass lets time go by: sometimes a little, sometimes exactly to the next deadline.
func (w *world) pass() {
	switch next := w.f.Next(); {
	case w.r.IntN(25) == 0 && !next.IsZero():
		w.now = next
	default:
		w.now = w.now.Add(time.Duration(w.r.IntN(600)) * time.Millisecond)
	}
	if w.f.Due(w.now) {
		w.step(Tick{})
	}
}

// check holds the invariants.
func (w *world) check() {
	s := w.f.state
	// Every deadline that has come has fired, and everything that must end by itself has one.
	if _, ticked := w.trace[len(w.trace)-1].in.(Tick); ticked && w.f.Due(w.now) {
		w.fail("a deadline of %s has not fired", w.f.Next())
	}
	open, working := map[string]int{}, map[string]string{}
	for oid, o := range s.Offers {
		c, a := s.Contacts[o.Call], s.Agents[o.Agent]
		if o.Consult != "" {
			w.checkConsultOffer(o)
			open[o.Agent]++
			if open[o.Agent] > 1 {
				w.fail("agent %s has two offers", o.Agent)
			}
			continue
		}
		want := contact.Offered
		if o.State == wire.OfferAccepted {
			want = contact.Connecting
		} else if o.State != wire.OfferOpen || o.Deadline.IsZero() {
			w.fail("offer %+v is settled and still there, or has no deadline", o)
		}
		open[o.Agent]++
		if open[o.Agent] > 1 {
			w.fail("agent %s has two offers", o.Agent)
		}
		if c.State != want || c.Offer != oid || c.Agent != o.Agent || a.State != wire.AgentReserved || a.Offer != oid {
			w.fail("offer %+v does not agree with contact %+v and agent %+v", o, c, a)
		}
	}
	for cid, c := range s.Contacts {
		queued := 0
		for _, p := range w.f.rank {
			for _, x := range p.Calls() {
				if x.ID == cid {
					queued++
				}
			}
		}
		if (c.State == contact.Queued) != (queued == 1) || queued > 1 {
			w.fail("contact %s is %s and %d times in line", cid, c.State, queued)
		}
		w.checkHandling(c, working)
		if timed := c.State == contact.Connecting || c.State == contact.Away; timed == c.Deadline.IsZero() && c.State != contact.Diverted && c.State != contact.Message {
			w.fail("contact %s is %s with deadline %s", cid, c.State, c.Deadline)
		}
		if nobody := c.State == contact.Queued || c.State == contact.Transferring || c.State == contact.Outside || c.State == contact.Diverted || c.State == contact.Message; nobody != (c.Agent == "") {
			w.fail("contact %s is %s with agent %q", cid, c.State, c.Agent)
		}
		if c.Agent != "" {
			if other := working[c.Agent]; other != "" {
				w.fail("agent %s is on %s and %s", c.Agent, other, cid)
			}
			working[c.Agent] = cid
		}
		if _, asking := w.f.consultOf(cid); !asking && c.Customer != "" && c.State == contact.Connected && !c.Outbound && !c.Parked && w.held[c.Customer] {
			w.fail("contact %s is connected and its customer hears music", cid)
		}
		if c.Customer != "" && (c.State == contact.Queued || c.State == contact.Offered || c.State == contact.Connecting) && !w.held[c.Customer] {
			w.fail("contact %s waits (%s) and its customer hears nothing", cid, c.State)
		}
	}
	wraps := map[string]string{}
	for wid, x := range s.Wrapups {
		if x.Deadline.IsZero() || wraps[x.Agent] != "" || s.Agents[x.Agent].Wrapup != wid {
			w.fail("wrap-up %+v does not agree with agent %+v", x, s.Agents[x.Agent])
		}
		wraps[x.Agent] = wid
	}
	for aid, a := range s.Agents {
		cid := working[aid]
		st := s.Contacts[cid].State
		good := map[wire.AgentState]bool{
			wire.AgentOffline:  cid == "" && wraps[aid] == "" && !a.Leaving && len(a.Sessions) == 0,
			wire.AgentNotReady: cid == "" && wraps[aid] == "" && !a.Leaving,
			wire.AgentReady:    cid == "" && wraps[aid] == "" && !a.Leaving,
			wire.AgentReserved: st == contact.Offered || st == contact.Connecting || w.helps(aid, cid, true),
			wire.AgentBusy:     st == contact.Connected || st == contact.Away || st == contact.Dialing || st == contact.PostCall || w.helps(aid, cid, false),
			wire.AgentWrapup:   cid == "" && wraps[aid] != "",
		}[a.State]
		if !good {
			w.fail("agent %+v does not agree with contact %+v and wrap-up %q", a, s.Contacts[cid], wraps[aid])
		}
	}
	for _, p := range w.f.rank {
		duty := 0
		for _, a := range s.Agents {
			st := w.f.agents[a.ID]
			_, why := w.f.suits(p.demand, st)
			serves := why == ""
			if serves && a.OnDuty() {
				duty++
			}
			if sits := slices.ContainsFunc(p.Idle(), func(i queue.Idle) bool { return i.ID == a.ID }); sits != (serves && a.Free()) {
				w.fail("agent %s: in line of %s %v, free %v", a.ID, p.id, sits, a.Free())
			}
		}
		if len(p.Calls()) > 0 && len(p.Idle()) > 0 {
			w.fail("pool %s has both calls and free agents", p.id)
		}
		watch := s.Watches[p.id]
		// An agent's request ends by itself; only callers can be stranded.
		callers := slices.ContainsFunc(p.Calls(), func(x queue.Waiting) bool { return s.Contacts[x.ID].ID != "" })
		if stranded := callers && duty == 0 && !p.paused; duty != p.duty || stranded != (watch.Raised || !watch.Due.IsZero()) {
			w.fail("pool %s: %d on duty (%d counted), watch %+v", p.id, duty, p.duty, watch)
		}
	}
	for cid, x := range s.Waits {
		c := s.Contacts[cid]
		if waits := c.State == contact.Queued; !waits && !x.Next.IsZero() || c.State != contact.Queued && c.State != contact.Offered && c.State != contact.Connecting {
			w.fail("wait %+v of contact %+v", x, c)
		}
	}
}

// settle lets everything come to its end: no new inputs, all customers gone, time passes.
func (w *world) settle() {
	for _, p := range w.calls {
		w.end(p, "hangup")
	}
	for range 200 {
		for len(w.bus) > 0 {
			in := w.bus[0]
			w.bus = w.bus[1:]
			w.step(in)
		}
		next := w.f.Next()
		if next.IsZero() {
			break
		}
		w.now = next
		w.step(Tick{})
	}
	if n := len(w.f.state.Contacts) + len(w.f.state.Offers) + len(w.f.state.Wrapups) + len(w.f.state.Consults); n > 0 {
		w.fail("%d things never end:\n%s", n, dump(w.f.state))
	}
	for _, a := range w.f.state.Agents {
		if a.State != wire.AgentOffline && a.State != wire.AgentNotReady && a.State != wire.AgentReady {
			w.fail("agent %s is stuck in %s", a.ID, a.State)
		}
	}
}

// TestModel drives floors through random sequences and holds after every step: no call is both queued and
// connected; nobody has two offers, two calls or two wrap-ups; an offer is settled once; every deadline that
// has come has fired; a free agent and a waiting call of the same queue never stand beside each other;
// whoever waits hears music and whoever talks does not. After every tenth step whole states are compared:
// a refused input changes nothing, and replaying the log gives exactly the state. In the end nothing is
// stuck.
//
// CORDBOARD_SEQUENCES says how many sequences of 500 steps; 160 of them are enough to reach every kind of
// event, and quick enough for every run.
func TestModel(t *testing.T) {
	total, counts := 0, map[string]int{}
	for seed := range sequences(t) {
		w := newWorld(t, seed)
		w.calm = seed%4 != 0
		for i := range 12 { // a floor with people on it
			ses := w.id("ses")
			w.ses = append(w.ses, ses)
			w.step(SignIn{Agent: fmt.Sprintf("ag%d", i%6), Session: ses})
		}
		for w.steps < 500 {
			w.act()
			w.pass()
		}
		w.settle()
		total += w.steps
		for k, n := range w.counts {
			counts[k] += n
		}
	}
	t.Logf("%d steps: %v", total, counts)
	for _, k := range []string{
		"offer.accepted", "offer.declined", "offer.expired", "offer.withdrawn", "wrapup.started", "wrapup.extended",
		"wrapup.completed", "agent.signout_pending", "agent.signed_out", "desk.alarm", "command resume", "command record", "restart", "refused",
		"call.diverted", "message.started", "command say", "command invite", "config.changed", "call.refused",
		"consult.started", "consult.reached", "consult.answered", "consult.ended", "conference.started", "conference.joined", "conference.left",
		"conference.owner_changed", "transfer.started", "transfer.completed", "transfer.failed", "call.post_call", "call.handling_changed",
		"command arrange", "eight parties", "outside",
	} {
		if counts[k] == 0 {
			t.Errorf("%s never happened: the model does not reach it", k)
		}
	}
}
