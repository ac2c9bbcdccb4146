package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/desk/contacts"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// plane is a media plane without media: it does at once what it is asked for and tells it on the bus, as
// the calls do.
type plane struct {
	bus *event.Bus

	mu    sync.Mutex
	calls map[string]*wire.Call
	seat  map[string]wire.Seat // the last of each leg
	did   []string             // the commands, in order
	fail  map[string]error
	delay time.Duration // what a command takes
	// numbers say what becomes of a dialled number: "answer", a cause, or nothing: it rings.
	numbers map[string]string
	dialled int
	secrets map[string]map[string]string // secure variables by call
}

func (p *plane) note(op, id string) error {
	if p.delay > 0 {
		time.Sleep(p.delay)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did = append(p.did, op+" "+id)
	return p.fail[op]
}

func (p *plane) log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.did)
}

// leg changes a leg and tells.
func (p *plane) leg(legID, typ, actor string, f func(*wire.Leg)) error {
	p.mu.Lock()
	for _, c := range p.calls {
		for i := range c.Legs {
			if c.Legs[i].ID == legID && c.Legs[i].State != wire.LegEnded {
				f(&c.Legs[i])
				l := c.Legs[i]
				p.mu.Unlock()
				p.bus.Publish(typ, c.ID, actor, l)
				return nil
			}
		}
	}
	p.mu.Unlock()
	return problem.NotFound("leg", legID)
}

func (p *plane) Answer(_ context.Context, legID, actor string) error {
	if err := p.note("answer", legID); err != nil {
		return err
	}
	return p.leg(legID, "leg.answered", actor, func(l *wire.Leg) { l.State = wire.LegConnected })
}

func (p *plane) Hold(_ context.Context, legID, actor string) error {
	if err := p.note("hold", legID); err != nil {
		return err
	}
	return p.leg(legID, "leg.held", actor, func(l *wire.Leg) { l.Hold.Local = true })
}

func (p *plane) Resume(_ context.Context, legID, actor string) error {
	if err := p.note("resume", legID); err != nil {
		return err
	}
	return p.leg(legID, "leg.resumed", actor, func(l *wire.Leg) { l.Hold.Local = false })
}

func (p *plane) HangupLeg(_ context.Context, legID, code, actor string) error {
	if err := p.note("hangup", legID); err != nil {
		return err
	}
	return p.leg(legID, "leg.ended", actor, func(l *wire.Leg) { l.State, l.Cause = wire.LegEnded, code })
}

func (p *plane) EndCall(_ context.Context, callID, code, actor string) error {
	if err := p.note("end", callID); err != nil {
		return err
	}
	c, err := p.Call(callID)
	if err != nil || c.State == wire.CallEnded {
		return problem.NotFound("call", callID)
	}
	for _, l := range c.Legs {
		_ = p.leg(l.ID, "leg.ended", actor, func(l *wire.Leg) { l.State, l.Cause = wire.LegEnded, code }) // some have ended already
	}
	p.mu.Lock()
	p.calls[callID].State = wire.CallEnded
	c = *p.calls[callID]
	p.mu.Unlock()
	p.bus.Publish("call.ended", callID, actor, c)
	return nil
}

func (p *plane) Arrange(_ context.Context, callID string, seats []wire.Seat, actor string) (wire.Call, error) {
	if err := p.note("arrange", callID); err != nil {
		return wire.Call{}, err
	}
	for _, s := range seats {
		p.mu.Lock()
		if p.seat == nil {
			p.seat = map[string]wire.Seat{}
		}
		p.seat[s.LegID] = s
		p.mu.Unlock()
		held := false
		_ = p.leg(s.LegID, "leg.changed", actor, func(l *wire.Leg) { // one that has ended is passed over
			held = l.Hold.Local != *s.Hold
			l.Hold.Local, l.Side = *s.Hold, *s.Side
		})
		if held {
			typ := map[bool]string{true: "leg.held", false: "leg.resumed"}[*s.Hold]
			_ = p.leg(s.LegID, typ, actor, func(*wire.Leg) {})
		}
	}
	return p.Call(callID)
}

func (p *plane) Create(_ context.Context, n call.NewCall) (wire.Call, error) {
	if err := p.note("open", n.ID); err != nil {
		return wire.Call{}, err
	}
	c := wire.Call{ID: n.ID, Direction: wire.Outbound, From: n.From, To: n.To, Queue: n.Queue, ClientRef: n.ClientRef, State: wire.CallNew}
	p.mu.Lock()
	p.calls[n.ID] = &c
	first := c
	p.mu.Unlock()
	p.bus.Publish("call.created", n.ID, n.Actor, first)
	return first, nil
}

// DialLeg rings until the test answers, or does what the plane's numbers say.
func (p *plane) DialLeg(_ context.Context, callID string, req call.DialRequest, role wire.Role, actor string) (wire.Leg, error) {
	if err := p.note("dial", callID+" "+req.To); err != nil {
		return wire.Leg{}, err
	}
	if req.ClientRef != "" {
		l := wire.Leg{ID: "leg_" + req.ClientRef, CallID: callID, Role: role, Side: req.Side, ClientRef: req.ClientRef, Agent: req.Agent, Address: req.To, State: wire.LegTrying}
		p.mu.Lock()
		p.calls[callID].Legs = append(p.calls[callID].Legs, l)
		p.mu.Unlock()
		p.bus.Publish("leg.created", callID, actor, l)
		return l, nil
	}
	l := wire.Leg{
		ID: "cust_" + callID, CallID: callID, Role: role, Agent: req.Agent, ClientRef: req.ClientRef, Address: req.To,
		Direction: wire.Outbound, State: wire.LegTrying,
	}
	p.mu.Lock()
	if role != wire.RoleCustomer {
		p.dialled++
		l.ID = fmt.Sprintf("leg_out_%d", p.dialled)
	}
	c := p.calls[callID]
	if c == nil {
		p.mu.Unlock()
		return l, problem.NotFound("call", callID)
	}
	c.Legs = append(c.Legs, l)
	what := p.numbers[req.To]
	p.mu.Unlock()
	p.bus.Publish("leg.created", callID, actor, l)
	switch what {
	case "":
	case "answer":
		return l, p.leg(l.ID, "leg.answered", "customer", func(l *wire.Leg) { l.State = wire.LegConnected })
	default:
		return l, p.leg(l.ID, "leg.ended", "customer", func(l *wire.Leg) { l.State, l.Cause = wire.LegEnded, what })
	}
	return l, nil
}

func (p *plane) SetVariables(_ context.Context, callID string, vars map[string]string, _ string) (wire.Call, error) {
	for name, v := range vars {
		if err := p.note("variable", name+"="+v); err != nil {
			return wire.Call{}, err
		}
	}
	return p.Call(callID)
}

func (p *plane) Secrets(callID string) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secrets[callID]
}

func (p *plane) Beep(_ context.Context, legID, _ string) error { return p.note("beep", legID) }

func (p *plane) StartRecording(_ context.Context, callID, _ string) (wire.Recording, error) {
	err := p.note("record", callID)
	if err == nil {
		p.bus.Publish("recording.started", callID, "desk", wire.Recording{ID: "rec_1", CallID: callID})
	}
	return wire.Recording{ID: "rec_1", CallID: callID}, err
}

// Say is the Voice: what is said is over at once.
func (p *plane) Say(_ context.Context, legID string, files []string, loop bool, actor string) (wire.Playback, error) {
	what := strings.Join(files, "+")
	if loop {
		what += " loop"
	}
	if err := p.note("say "+what+" to", legID); err != nil {
		return wire.Playback{}, err
	}
	b := wire.Playback{ID: "play_1", LegID: legID}
	callID := ""
	p.mu.Lock()
	for id, c := range p.calls {
		if slices.ContainsFunc(c.Legs, func(l wire.Leg) bool { return l.ID == legID }) {
			callID = id
		}
	}
	p.mu.Unlock()
	if !loop {
		p.bus.Publish("playback.finished", callID, actor, b)
	}
	return b, nil
}

func (p *plane) StopPlay(_ context.Context, legID, _, _ string) error { return p.note("hush", legID) }

func (p *plane) Call(id string) (wire.Call, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.calls[id]; c != nil {
		return *c, nil
	}
	return wire.Call{}, problem.NotFound("call", id)
}

// memory is a Log in memory that can be made to fail.
type memory struct {
	mu      sync.Mutex
	entries map[uint64][]byte
	first   uint64 // after the first Trim
	last    uint64
	err     error
}

func (m *memory) Append(_ context.Context, data []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return 0, m.err
	}
	if m.entries == nil {
		m.entries = map[uint64][]byte{}
	}
	m.last++
	m.entries[m.last] = slices.Clone(data)
	return m.last, nil
}

func (m *memory) Read(_ context.Context, after uint64, f func(uint64, []byte) error) error {
	for seq := after + 1; seq <= m.last; seq++ {
		if data, ok := m.entries[seq]; ok {
			if err := f(seq, data); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Trim(_ context.Context, before uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.first = before
	for seq := range m.entries {
		if seq < before {
			delete(m.entries, seq)
		}
	}
	return nil
}

func (m *memory) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// rig is a desk with everything around it, in a synctest bubble.
type rig struct {
	*Desk
	t         *testing.T
	plane     *plane
	store     *memory
	cfg       func(*Config) // changes the configuration
	dials     map[string]string
	messenger Messenger
	detector  Detector
	lists     *memory
	router    Router
	mark      func(string, wire.TimelineMark)
	past      Past
	halt      func() error // ends the desk, once
	n         int
}

func testConfig() Config {
	return Config{
		Queues:  []Queue{{ID: "main", Ring: Seconds(20), Wrapup: Seconds(30), WrapupExtensions: 2}},
		Numbers: []Number{{Number: "100", Queue: "main"}, {Number: "200", Queue: "main", Class: 1}},
		Agents:  []Agent{{ID: "ana", Name: "Ana"}, {ID: "bor", Name: "Bor"}, {ID: "eva", Name: "Eva"}},
	}
}

// bubble runs a test with a running desk in a synctest bubble.
func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: &memory{}}
		r.start(nil)
		defer func() {
			if err := r.halt(); err != nil {
				t.Error(err)
			}
		}()
		f(t, r)
	})
}

// start begins a desk's life on the rig's store; calls are those that are alive.
func (r *rig) start(calls map[string]*wire.Call) {
	r.t.Helper()
	if calls == nil {
		calls = map[string]*wire.Call{}
	}
	bus := event.New(4096, 1, time.Now)
	r.plane = &plane{bus: bus, calls: calls, fail: map[string]error{}, numbers: r.dials}
	cfg := testConfig()
	if r.cfg != nil {
		r.cfg(&cfg)
	}
	d, err := New(cfg, Deps{Plane: r.plane, Voice: r.plane, Bus: bus, Store: r.store, Log: slog.New(slog.DiscardHandler), Messenger: r.messenger, Detector: r.detector, Contacts: r.log(), Router: r.router, Mark: r.mark, Past: r.past})
	if err != nil {
		r.t.Fatal(err)
	}
	r.Desk = d
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- d.Run(ctx) }()
	r.halt = func() error {
		cancel()
		r.halt = func() error { return nil }
		return <-over
	}
	synctest.Wait()
}

// log is the log of the lists, nil without one.
func (r *rig) log() contacts.Log {
	if r.lists == nil {
		return nil
	}
	return r.lists
}

// kill ends the desk without letting it write anything more, as a crash does.
func (r *rig) kill() {
	r.t.Helper()
	synctest.Wait()
	r.store.breaks(errors.New("dead"))
	_ = r.halt() // that the last write fails is the point
	r.store.breaks(nil)
}

// ring brings a call to a number and returns its id; the customer's leg is "leg_"+id.
func (r *rig) ring(to string) string {
	r.n++
	id := fmt.Sprintf("call_%03d", r.n)
	c := &wire.Call{
		ID: id, Direction: wire.Inbound, From: "+38641123456", To: to, State: wire.CallNew,
		Legs: []wire.Leg{{ID: "leg_" + id, CallID: id, Role: wire.RoleCustomer, State: wire.LegNew}},
	}
	r.plane.mu.Lock()
	r.plane.calls[id] = c
	first := *c
	first.Legs = slices.Clone(c.Legs)
	r.plane.mu.Unlock()
	r.plane.bus.Publish("call.created", id, "customer", first)
	synctest.Wait()
	return id
}

// attach brings an agent's leg into a call and returns its id.
func (r *rig) attach(call, agentID string) string {
	r.n++
	l := wire.Leg{ID: fmt.Sprintf("leg_%03d", r.n), CallID: call, Role: wire.RoleAgent, Agent: agentID, State: wire.LegConnected}
	r.plane.mu.Lock()
	r.plane.calls[call].Legs = append(r.plane.calls[call].Legs, l)
	r.plane.mu.Unlock()
	r.plane.bus.Publish("leg.answered", call, agentID, l)
	synctest.Wait()
	return l.ID
}

// end ends a leg with a cause.
func (r *rig) end(leg, cause string) {
	r.t.Helper()
	if err := r.plane.leg(leg, "leg.ended", "x", func(l *wire.Leg) { l.State, l.Cause = wire.LegEnded, cause }); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// ready signs agents in and makes them ready, a second apart; it returns their sessions.
func (r *rig) ready(agents ...string) (sessions []string) {
	r.t.Helper()
	for _, a := range agents {
		s, err := r.SignIn(r.t.Context(), a)
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.SetState(r.t.Context(), a, wire.AgentReady, "", a); err != nil {
			r.t.Fatal(err)
		}
		sessions = append(sessions, s.ID)
		time.Sleep(time.Second)
	}
	synctest.Wait()
	return sessions
}

// offered is the one open offer of an agent.
func (r *rig) offered(agentID string) wire.Offer {
	r.t.Helper()
	o := r.Offers(agentID)
	if len(o) != 1 {
		r.t.Fatalf("%s has %d offers, want 1", agentID, len(o))
	}
	return o[0]
}

// accept takes the agent's offer.
func (r *rig) accept(agentID string) wire.Offer {
	r.t.Helper()
	o, err := r.Accept(r.t.Context(), r.offered(agentID).ID, agentID)
	if err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
	return o
}

// talk connects a new call with the agent and returns the call and the agent's leg.
func (r *rig) talk(agentID string) (call, leg string) {
	r.t.Helper()
	call = r.ring("100")
	r.accept(agentID)
	return call, r.attach(call, agentID)
}

// is checks an agent's state.
func (r *rig) is(agentID string, s wire.AgentState, reason string) wire.Agent {
	r.t.Helper()
	a, err := r.Agent(agentID)
	if err != nil {
		r.t.Fatal(err)
	}
	if a.State != s || a.Reason != reason {
		r.t.Fatalf("%s is %s (%s), want %s (%s)", agentID, a.State, a.Reason, s, reason)
	}
	return a
}

// events are all events of a type so far.
func (r *rig) events(typ string) (out []wire.Event) {
	r.t.Helper()
	if r.plane.bus.Last() == 0 {
		return nil
	}
	all, err := r.plane.bus.After(r.t.Context(), 0, nil, 4096)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range all {
		if e.Type == typ {
			out = append(out, e)
		}
	}
	return out
}

// went sleeps d and lets everything settle.
func went(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
