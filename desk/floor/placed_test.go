package floor

import (
	"slices"
	"testing"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

func outbound(id string) wire.Call {
	return wire.Call{ID: id, Direction: wire.Outbound, To: "+38640123"}
}

// An agent who is not here or has something open places no call: 409 with state and allowed, and nothing has changed.
func TestWhoMayPlaceACall(t *testing.T) {
	for want, set := range map[wire.AgentState]func(p *play){
		wire.AgentOffline:  func(*play) {},
		wire.AgentReady:    func(p *play) { p.ready("ana") },
		wire.AgentNotReady: func(p *play) { p.do(SignIn{Agent: "ana", Session: "s"}) },
		wire.AgentReserved: func(p *play) { p.ready("ana"); p.ring("050", "100") },
		wire.AgentBusy:     func(p *play) { p.ready("ana"); p.ring("050", "100"); p.talk("ana") },
		wire.AgentWrapup: func(p *play) {
			p.ready("ana")
			call := p.ring("050", "100")
			p.talk("ana")
			p.do(CallEnded{ID: call})
		},
		wire.AgentSignoutPending: func(p *play) { p.ready("ana"); p.ring("050", "100"); p.do(SignOut{Agent: "ana", Actor: "ana"}) },
	} {
		t.Run(string(want), func(t *testing.T) {
			p := newPlay(t, stageConfig())
			set(p)
			if a, _ := p.Agent("ana"); a.State != want {
				t.Fatalf("ana is %s", a.State)
			}
			live := p.Live()
			err := p.try(PlaceCall{Call: outbound("call_out"), Agent: "ana", Actor: "ana"})
			if want == wire.AgentReady || want == wire.AgentNotReady {
				if a := p.is("ana", wire.AgentBusy, ""); err != nil || a.CallID != "call_out" || p.state("call_out") != contact.Dialing {
					t.Fatalf("%v, %+v", err, a)
				}
				if err := p.MayJoin("ana", "call_out"); err != nil {
					t.Fatal(err)
				}
				p.do(CallEnded{ID: "call_out"}) // it was not placed after all
				p.is("ana", want, map[wire.AgentState]string{wire.AgentNotReady: "signed_in"}[want])
				return
			}
			allowed := []string{"ready", "not_ready", "sign_out"}
			if want == wire.AgentOffline {
				allowed = []string{"sign_in"}
			}
			if e := problem.As(err); e.Status != 409 || e.State != string(want) || !slices.Equal(e.Allowed, allowed) || p.Live() != live {
				t.Fatalf("%+v, %d contacts", e, p.Live())
			}
		})
	}
	p := newPlay(t, stageConfig())
	if err := p.try(PlaceCall{Call: outbound("call_out"), Agent: "nobody"}); problem.As(err).Status != 404 {
		t.Fatalf("somebody unknown: %v", err)
	}
	p.do(CallCreated{Call: outbound("call_x"), Actor: "ana"}) // of a program: none of the floor's business
	if p.Live() != 0 {
		t.Fatal("a contact nobody asked for")
	}
}
