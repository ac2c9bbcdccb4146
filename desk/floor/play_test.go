package floor

import (
	"fmt"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/signaling/wire"
)

// play is a floor driven by hand, with what it has said and asked for, and its log.
type play struct {
	*Floor
	t      *testing.T
	at     time.Time
	n      int
	events []Event
	cmds   []Command
	log    []Change
}

func stageConfig() Config {
	return Config{
		Queues: []Queue{{ID: "sales"}, {ID: "help", Agents: []string{"ana", "bor", "eva", "iva"}}},
		Numbers: []Number{
			{Number: "100", Queue: "help"},
			{Number: "101", Queue: "help", Priority: 5},
			{Number: "200", Queue: "sales", Stage: "spring"},
			{Number: "300", Queue: "sales", Stage: "new"},
			{Number: "400", Queue: "help", Agents: []string{"eva", "iva"}},
		},
		Stages: []Stage{
			{ID: "spring", Name: "Spring", Kind: StageOutbound, Agents: []string{"ana", "bor"}},
			{ID: "new", Name: "New customers", Campaign: "spring", Kind: StageNew, Agents: []string{"bor"}},
		},
		Agents: []Agent{{ID: "ana"}, {ID: "bor"}, {ID: "eva"}, {ID: "iva"}},
	}
}

func newPlay(t *testing.T, cfg Config) *play {
	t.Helper()
	p := &play{t: t, at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	f, err := New(cfg, NewState(), func(prefix string) string { p.n++; return fmt.Sprintf("%s_%d", prefix, p.n) })
	if err != nil {
		t.Fatal(err)
	}
	p.Floor = f
	return p
}

// try runs an input now and keeps what follows.
func (p *play) try(in Input) error {
	changes, effects, err := p.Step(p.at, in)
	p.log = append(p.log, changes...)
	for _, e := range effects {
		switch e := e.(type) {
		case Event:
			p.events = append(p.events, e)
		case Command:
			p.cmds = append(p.cmds, e)
		}
	}
	return err
}

func (p *play) do(in Input) {
	p.t.Helper()
	if err := p.try(in); err != nil {
		p.t.Fatal(err)
	}
}

// pass lets time go by, firing every deadline at its time.
func (p *play) pass(d time.Duration) {
	end := p.at.Add(d)
	for next := p.Next(); !next.IsZero() && !next.After(end); next = p.Next() {
		p.at = next
		p.do(Tick{})
	}
	p.at = end
}

// ready signs agents in and makes them ready, a second apart.
func (p *play) ready(agents ...string) {
	p.t.Helper()
	for _, a := range agents {
		p.do(SignIn{Agent: a, Session: "ses_" + a})
		p.do(SetState{Agent: a, State: wire.AgentReady, Actor: a})
		p.at = p.at.Add(time.Second)
	}
}

// ring brings a call; its customer's leg is "leg_"+id.
func (p *play) ring(from, to string) string {
	p.t.Helper()
	p.n++
	id := fmt.Sprintf("call_%03d", p.n)
	p.do(CallCreated{Call: wire.Call{
		ID: id, Direction: wire.Inbound, From: from, To: to,
		Legs: []wire.Leg{{ID: "leg_" + id, CallID: id, Role: wire.RoleCustomer}},
	}, Actor: "customer"})
	return id
}

// offered is the call an agent is offered, empty for none.
func (p *play) offered(agentID string) string {
	for _, o := range p.Offers(agentID) {
		return o.CallID
	}
	return ""
}

func (p *play) wants(agentID, call string) {
	p.t.Helper()
	if got := p.offered(agentID); got != call {
		p.t.Fatalf("%s is offered %q, want %q", agentID, got, call)
	}
}

// talk takes the agent's offer and connects.
func (p *play) talk(agentID string) wire.Offer {
	p.t.Helper()
	o := p.Offers(agentID)[0]
	p.do(Accept{Offer: o.ID, Actor: agentID})
	p.do(LegAnswered{wire.Leg{ID: "leg_" + agentID, CallID: o.CallID, Role: wire.RoleAgent, Agent: agentID}})
	return o
}

func (p *play) is(agentID string, s wire.AgentState, reason string) wire.Agent {
	p.t.Helper()
	a, err := p.Agent(agentID)
	if err != nil {
		p.t.Fatal(err)
	}
	if a.State != s || a.Reason != reason {
		p.t.Fatalf("%s is %s (%s), want %s (%s)", agentID, a.State, a.Reason, s, reason)
	}
	return a
}

// told are the data of the events of a type.
func told[T any](p *play, typ string) (out []T) {
	for _, e := range p.events {
		if e.Type == typ {
			out = append(out, e.Data.(T))
		}
	}
	return out
}

// did are the commands of a kind for a call.
func (p *play) did(op Op, call string) (out []Command) {
	for _, c := range p.cmds {
		if c.Op == op && c.CallID == call {
			out = append(out, c)
		}
	}
	return out
}

func (p *play) state(call string) contact.State { return p.Floor.state.Contacts[call].State }
