package floor

import (
	"fmt"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/signaling/wire"
)

// added brings a number into an agent's call, and returns its leg.
func (p *play) added(call, agentID, number string) string {
	p.t.Helper()
	p.do(Confer{Call: call, Agent: agentID, Actor: agentID, Kind: wire.TargetNumber, Target: number})
	in := p.did(OpInvite, call)
	p.n++
	l := wire.Leg{ID: fmt.Sprintf("leg_%d", p.n), CallID: call, Role: wire.RoleExpert, ClientRef: in[len(in)-1].Invite.Ref}
	p.do(LegCreated{Leg: l})
	p.do(LegAnswered{l})
	return l.ID
}

func (p *play) hangUp(call, leg string) {
	p.t.Helper()
	p.do(LegEnded{wire.Leg{ID: leg, CallID: call, Cause: "hangup"}})
}

// The agent leaves a call whose customer has gone: numbers alone go on while two are there, by the policy.
func TestX6_PostCallWithoutAnAgent(t *testing.T) {
	leaves := map[string]func(p *play, call string){
		"exit":           func(p *play, call string) { p.do(Exit{Call: call, Agent: "ana", Actor: "ana"}) },
		"hangs up":       func(p *play, call string) { p.hangUp(call, "leg_ana") },
		"forced wrap-up": func(p *play, _ string) { p.do(ForceWrapup{Agent: "ana", Actor: "sup"}) },
	}
	for how, leave := range leaves {
		for _, policy := range []string{EndCallPolicy, KeepCall} {
			for numbers := 1; numbers <= 2; numbers++ {
				t.Run(fmt.Sprintf("%s, %s, %d", how, policy, numbers), func(t *testing.T) {
					cfg := stageConfig()
					cfg.Handling.LastAgentLeft = policy
					p := newPlay(t, cfg)
					p.ready("ana")
					call := p.ring("050", "100")
					p.talk("ana")
					var legs []string
					for i := range numbers {
						legs = append(legs, p.added(call, "ana", fmt.Sprintf("+38640%d", i)))
					}
					p.hangUp(call, "leg_"+call)
					if p.state(call) != contact.PostCall {
						t.Fatalf("the call is %s", p.state(call))
					}
					p.pass(10 * time.Second)
					leave(p, call)
					p.is("ana", wire.AgentWrapup, "")
					if policy == EndCallPolicy || numbers == 1 {
						if len(p.did(OpEnd, call)) != 1 || p.Live() != 0 {
							t.Fatalf("it goes on: %s", p.state(call))
						}
						return
					}
					h, err := p.Handling(call)
					if err != nil || h.State != "outside" || h.PostCallSince == nil || h.Primary != "" || len(h.Participants) != 2 {
						t.Fatalf("%+v %v", h, err)
					}
					p.pass(10 * time.Second)
					p.hangUp(call, legs[0])
					if len(p.did(OpEnd, call)) != 1 || p.Live() != 0 {
						t.Fatal("one is left and the call goes on")
					}
					if s := p.Stats(); s.PostCallTime != 20*time.Second {
						t.Fatalf("%+v", s)
					}
				})
			}
		}
	}
}

// The customer of a call no agent is on hangs up: the same, in the other order.
func TestW65_CustomerLeavesACallWithoutAnAgent(t *testing.T) {
	cfg := stageConfig()
	cfg.Handling.LastAgentLeft = KeepCall
	p := newPlay(t, cfg)
	p.ready("ana")
	call := p.ring("050", "100")
	p.talk("ana")
	first := p.added(call, "ana", "+386401")
	p.added(call, "ana", "+386402")
	p.do(Exit{Call: call, Agent: "ana", Actor: "ana"})
	p.hangUp(call, "leg_"+call)
	if p.state(call) != contact.Outside || len(told[wire.Handling](p, "call.post_call")) != 1 {
		t.Fatalf("the call is %q", p.state(call))
	}
	p.hangUp(call, first)
	if len(p.did(OpEnd, call)) != 1 || p.Live() != 0 {
		t.Fatal("one is left and the call goes on")
	}
}

// An agent who is still rung when the last other agent leaves takes control on answering.
func TestX6_AgentWhoComesLaterTakesControl(t *testing.T) {
	cfg := stageConfig()
	cfg.Handling.LastAgentLeft = KeepCall
	p := newPlay(t, cfg)
	p.ready("ana", "bor")
	call := p.ring("050", "100")
	p.talk("ana")
	p.added(call, "ana", "+386401")
	p.do(Confer{Call: call, Agent: "ana", Actor: "ana", Kind: wire.TargetAgent, Target: "bor"})
	p.do(Exit{Call: call, Agent: "ana", Actor: "ana"})
	if p.state(call) != contact.Outside {
		t.Fatalf("the call is %s", p.state(call))
	}
	p.talk("bor")
	if h, err := p.Handling(call); err != nil || h.Primary != "bor" || h.State != "conference" || !h.Controls["bor"].End.Enabled {
		t.Fatalf("%+v %v", h, err)
	}
	p.hangUp(call, "leg_bor")
	p.is("bor", wire.AgentWrapup, "")
}
