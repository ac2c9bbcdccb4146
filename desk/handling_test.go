package desk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// handled is a call as the desk handles it.
func (r *rig) handled(call string) wire.Handling {
	r.t.Helper()
	h, err := r.Handling(call)
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// ok fails on an error and lets everything settle.
func (r *rig) ok(_ any, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	went(0)
}

// refused is 409 (or another status) with a state.
func (r *rig) refused(_ any, err error) *problem.Error {
	r.t.Helper()
	p := problem.As(err)
	if err == nil || p.Status != 409 || p.State == "" {
		r.t.Fatalf("want 409 with a state, got %v", err)
	}
	return p
}

// leg is a leg of the plane.
func (r *rig) leg(id string) wire.Leg {
	r.plane.mu.Lock()
	defer r.plane.mu.Unlock()
	for _, c := range r.plane.calls {
		for _, l := range c.Legs {
			if l.ID == id {
				return l
			}
		}
	}
	return wire.Leg{}
}

// seat checks where a leg is: "main", "consult", with "held" behind it.
func (r *rig) seat(leg, want string) {
	r.t.Helper()
	l := r.leg(leg)
	got := "main"
	if l.Side != "" {
		got = l.Side
	}
	if l.Hold.Local {
		got += " held"
	}
	if got != want {
		r.t.Fatalf("leg %s is %s, want %s", leg, got, want)
	}
}

func (r *rig) consult(call, by string, kind wire.TargetKind, target string) {
	r.t.Helper()
	r.ok(r.StartConsult(r.t.Context(), call, by, wire.ConsultRequest{Kind: kind, Target: target}, by))
}

// answers brings the asked agent in and returns the leg.
func (r *rig) answers(call, agentID string) string {
	r.t.Helper()
	r.accept(agentID)
	return r.attach(call, agentID)
}

// numberAnswers answers the number that is being dialled for the call's consult.
func (r *rig) numberAnswers(call string) string {
	r.t.Helper()
	k := r.handled(call).Consult
	if k == nil {
		r.t.Fatal("nobody is dialled")
	}
	leg := "leg_" + k.ID
	if err := r.plane.leg(leg, "leg.answered", "server", func(l *wire.Leg) { l.State = wire.LegConnected }); err != nil {
		r.t.Fatal(err)
	}
	went(0)
	return leg
}

func (r *rig) conference(t *testing.T) (call, customer, ana, bor string) {
	t.Helper()
	r.ready("ana", "bor", "eva")
	call, ana = r.talk("ana")
	r.consult(call, "ana", wire.TargetAgent, "bor")
	bor = r.answers(call, "bor")
	r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{}, "ana"))
	return call, "leg_" + call, ana, bor
}

func TestW27_W29_W30_W95_W96_Hold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		r.ok(r.HoldCall(t.Context(), call, "ana", true, "ana"))
		r.seat("leg_"+call, "main held")
		h := r.handled(call)
		if h.State != "held" || h.Controls["ana"].End.Enabled || !h.Controls["ana"].End.Visible {
			t.Fatalf("%+v", h)
		}
		_, err := r.EndCall(t.Context(), call, "ana", "ana")
		if p := r.refused(nil, err); p.State != "held" || !slices.Contains(p.Allowed, "hold") || slices.Contains(p.Allowed, "end") {
			t.Fatalf("%+v", p)
		}
		r.ok(r.HoldCall(t.Context(), call, "ana", false, "ana"))
		r.seat("leg_"+call, "main")
		r.ok(r.EndCall(t.Context(), call, "ana", "ana"))
		r.is("ana", wire.AgentWrapup, "")
	})
}

// What telephones signal by themselves shows in what the desk says of the call, that moment: the hold of an agent's desk
// phone is the agent's hold, that of the customer's telephone is none of the agent's, and who hangs up is gone. (A REFER is
// declined by the trunk: TestReferIsDeclined of siptrunk.)
func TestW28_X4_HoldAndHangupOfThePhoneShow(t *testing.T) {
	cfg := testConfig()
	cfg.Agents[0].Station = "200"
	configured(t, cfg, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call := r.ring("100")
		phone := "leg_" + r.offered("ana").ID
		held := func(leg string, on bool) {
			t.Helper()
			typ := map[bool]string{true: "leg.held", false: "leg.resumed"}[on]
			if err := r.plane.leg(leg, typ, "customer", func(l *wire.Leg) { l.Hold.Remote = on }); err != nil {
				t.Fatal(err)
			}
			went(0)
		}
		shows := func(state, seat string) {
			t.Helper()
			all := r.events("call.handling_changed")
			if last := all[len(all)-1]; last.Data.(wire.Handling).State != state || !last.Time.Equal(time.Now().UTC()) && time.Since(last.Time) > 500*time.Millisecond {
				t.Fatalf("desktops are told %s at %s, want %s", last.Data.(wire.Handling).State, last.Time, state)
			}
			if h := r.handled(call); h.State != state || h.Controls["ana"].End.Enabled != (state == "connected") {
				t.Fatalf("%+v", h)
			}
			r.seat("leg_"+call, seat)
		}
		if err := r.plane.leg(phone, "leg.answered", "customer", func(l *wire.Leg) { l.State = wire.LegConnected }); err != nil {
			t.Fatal(err)
		}
		went(time.Minute)
		r.is("ana", wire.AgentBusy, "")
		held(phone, true)
		shows("held", "main held")
		went(time.Minute)
		held(phone, false)
		shows("connected", "main")
		went(time.Minute)
		before := len(r.events("call.handling_changed"))
		held("leg_"+call, true)
		held("leg_"+call, false)
		if n := len(r.events("call.handling_changed")); n != before {
			t.Fatal("the customer's own hold passes for the agent's")
		}
		// With somebody asked the desk says who waits, whatever a telephone does.
		r.consult(call, "ana", wire.TargetAgent, "bor")
		r.answers(call, "bor")
		held(phone, true)
		if h := r.handled(call); h.State != "consulting" {
			t.Fatalf("%+v", h)
		}
		r.seat("leg_"+call, "main held")
		held(phone, false)
		r.ok(r.EndConsult(t.Context(), call, "ana", "ana"))
		at := time.Now().UTC()
		r.end(phone, "hangup") // a BYE of the desk phone
		r.is("ana", wire.AgentWrapup, "")
		if e := r.events("wrapup.started"); len(e) != 1 || e[0].Time.Sub(at) > 500*time.Millisecond {
			t.Fatalf("seen late: %+v", e)
		}
	})
}

func TestW31_W32_W33_W35_W39_W40_W43_ConsultHoldsOneSide(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		if _, err := r.StartConsult(t.Context(), "call_none", "ana", wire.ConsultRequest{}, "ana"); problem.As(err).Status != 404 {
			t.Fatalf("consult without a call: %v", err)
		}
		call, ana := r.talk("ana")
		customer := "leg_" + call
		r.consult(call, "ana", wire.TargetAgent, "bor")
		r.seat(customer, "main held")
		r.seat(ana, "consult")
		if h := r.handled(call); h.State != "consult_requested" {
			t.Fatalf("state %s", h.State)
		}
		bor := r.answers(call, "bor")
		r.seat(bor, "consult")
		r.seat(customer, "main held")
		h := r.handled(call)
		if h.State != "consulting" || len(h.Participants) != 3 || !h.Controls["bor"].Mute.Enabled || h.Controls["bor"].Hold.Visible {
			t.Fatalf("%+v", h)
		}
		if c := h.Controls["ana"]; !c.Swap.Enabled || !c.Mute.Enabled || !c.Keypad.Enabled || !c.Transfer.Enabled || !c.Conference.Enabled || !c.EndConsult.Enabled {
			t.Fatalf("%+v", c)
		}
		r.ok(r.SwapConsult(t.Context(), call, "ana", "ana"))
		r.seat(customer, "main")
		r.seat(ana, "main")
		r.seat(bor, "consult held")
		r.ok(r.SwapConsult(t.Context(), call, "ana", "ana"))
		r.seat(customer, "main held")
		r.seat(bor, "consult")
		// A program that holds the asked party as well is set right at once (W33).
		_ = r.plane.Hold(t.Context(), bor, "program")
		went(0)
		r.seat(bor, "consult")
		r.is("bor", wire.AgentBusy, "")
	})
}

func TestW37_W47_ConsultWithoutHolding(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		call, customer, ana, bor := r.conference(t)
		no := false
		r.ok(r.StartConsult(t.Context(), call, "ana", wire.ConsultRequest{Kind: wire.TargetAgent, Target: "eva", HoldParticipants: &no}, "ana"))
		eva := r.answers(call, "eva")
		r.seat(customer, "main")
		r.seat(bor, "main")
		r.seat(ana, "consult")
		r.seat(eva, "consult")
		_, err := r.StartConsult(t.Context(), call, "bor", wire.ConsultRequest{Kind: wire.TargetNumber, Target: strings.Repeat("1", 37)}, "bor")
		r.refused(nil, err) // another consult is running
		r.ok(r.EndConsult(t.Context(), call, "ana", "ana"))
		if _, err := r.StartConsult(t.Context(), call, "ana", wire.ConsultRequest{Kind: wire.TargetNumber, Target: strings.Repeat("1", 37)}, "ana"); problem.As(err).Status != 422 {
			t.Fatalf("37 characters: %v", err)
		}
	})
}

func TestW41_W44_EndOfAConsult(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call, _ := r.talk("ana")
		r.consult(call, "ana", wire.TargetAgent, "bor")
		r.answers(call, "bor")
		r.ok(r.EndConsult(t.Context(), call, "bor", "bor")) // the asked one leaves
		if h := r.handled(call); h.State != "connected" || h.Consult != nil {
			t.Fatalf("%+v", h)
		}
		r.seat("leg_"+call, "main")
		r.is("bor", wire.AgentReady, "") // without a wrap-up (W97)
		r.consult(call, "ana", wire.TargetAgent, "bor")
		r.answers(call, "bor")
		r.ok(r.EndConsult(t.Context(), call, "ana", "ana")) // the primary one ends it: back to the held customer
		if h := r.handled(call); h.State != "held" {
			t.Fatalf("%+v", h)
		}
		r.is("ana", wire.AgentBusy, "")
	})
}

func TestW22_ConsultNotAnsweredGoesBackToWhereItCameFrom(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call, _ := r.talk("ana")
		r.consult(call, "ana", wire.TargetAgent, "bor")
		went(21 * time.Second)
		r.is("bor", wire.AgentNotReady, "rona")
		if h := r.handled(call); h.State != "connected" || h.Consult != nil {
			t.Fatalf("%+v", h)
		}
		if _, err := r.StartConsult(t.Context(), call, "ana", wire.ConsultRequest{Kind: wire.TargetAgent, Target: "bor"}, "ana"); problem.As(err).State != "not_ready" {
			t.Fatalf("asked somebody who is not there: %v", err)
		}
		// A number nobody answers ends by the deadline.
		r.consult(call, "ana", wire.TargetNumber, "+386 1 200 300")
		went(61 * time.Second)
		if e := r.events("consult.ended"); e[len(e)-1].Data.(wire.Consult).Cause != "timeout" || r.handled(call).State != "connected" {
			t.Fatalf("%+v", e)
		}
	})
}

func TestW34_W45_W46_W50_ConsultANumber(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		r.consult(call, "ana", wire.TargetNumber, "+386 1 200 300")
		h := r.handled(call)
		if h.Controls["ana"].Transfer.Enabled || h.Controls["ana"].Conference.Enabled {
			t.Fatal("usable before it is reached")
		}
		leg := "leg_" + h.Consult.ID
		_ = r.plane.leg(leg, "leg.ringing", "server", func(l *wire.Leg) { l.State = wire.LegRinging })
		went(0)
		if c := r.handled(call).Controls["ana"]; !c.Transfer.Enabled || !c.Conference.Enabled {
			t.Fatalf("not usable although it rings: %+v", c)
		}
		r.numberAnswers(call)
		r.seat(leg, "consult")
		if h := r.handled(call); h.State != "consulting" || len(h.Controls) != 1 {
			t.Fatalf("a number has no controls: %+v", h.Controls)
		}
	})
}

func TestW34_W42_ConsultThroughQueueAndEntryPoint(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, ana := r.talk("ana")
		r.consult(call, "ana", wire.TargetNumber, "2-0 0") // one of our own numbers is an entry point
		h := r.handled(call)
		if h.Consult.Kind != wire.TargetEntryPoint || !h.Controls["ana"].Transfer.Enabled || !h.Controls["ana"].Conference.Enabled {
			t.Fatalf("an entry point is ready at once: %+v", h)
		}
		r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{}, "ana")) // merge pending
		if c := r.handled(call).Controls["ana"]; c.Transfer.Visible {
			t.Fatal("blind transfer is shown while a merge is pending")
		}
		r.seat("leg_"+call, "main") // the customer is off hold at once (W55)
		r.ready("bor")
		r.answers(call, "bor")
		if h := r.handled(call); h.State != "conference" {
			t.Fatalf("%+v", h)
		}
		r.ok(r.ExitConference(t.Context(), call, "bor", "bor"))
		r.is("bor", wire.AgentReady, "")
		r.consult(call, "ana", wire.TargetQueue, "main")
		r.end("leg_"+call, "hangup") // the customer leaves before anybody answers: nobody new comes in
		r.is("ana", wire.AgentWrapup, "")
		_ = ana
	})
}

func TestW51_W52_W53_W55_W56_W57_W66_X5_ConferenceOfEight(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call, _ := r.talk("ana")
		r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetAgent, Target: "bor"}, "ana")) // without asking first
		r.seat("leg_"+call, "main")
		r.answers(call, "bor")
		for range 5 {
			r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetNumber, Target: "+38640123456"}, "ana"))
			r.seat(r.numberAnswers(call), "main")
		}
		h := r.handled(call)
		if len(h.Participants) != 8 || h.Controls["ana"].Add.Enabled || h.Controls["ana"].Transfer.Visible || !h.Controls["ana"].Exit.Enabled {
			t.Fatalf("%d participants, %+v", len(h.Participants), h.Controls["ana"])
		}
		_, err := r.Confer(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetNumber, Target: "1"}, "ana")
		r.refused(nil, err)
		r.ok(r.DropParty(t.Context(), call, "ana", h.Participants[7].LegID, "ana")) // W61
		if l := r.leg(h.Participants[7].LegID); l.State != wire.LegEnded {
			t.Fatalf("%+v", l)
		}
		if n := len(r.handled(call).Participants); n != 7 {
			t.Fatalf("%d participants", n)
		}
	})
}

func TestW58_W62_W97_R3_X6_ControlPassesToTheLongestPresentAgent(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		call, customer, ana, _ := r.conference(t)
		went(time.Minute)
		r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetAgent, Target: "eva"}, "ana"))
		r.answers(call, "eva")
		r.ok(r.ExitConference(t.Context(), call, "ana", "ana"))
		h := r.handled(call)
		if h.Primary != "bor" || h.State != "conference" {
			t.Fatalf("%+v", h)
		}
		if r.leg(ana).State != wire.LegEnded {
			t.Fatal("ana is still on the call")
		}
		r.is("ana", wire.AgentWrapup, "")
		r.ok(r.ExitConference(t.Context(), call, "eva", "eva"))
		r.is("eva", wire.AgentReady, "")
		if h := r.handled(call); h.State != "connected" || !h.Controls["bor"].Hold.Enabled {
			t.Fatalf("%+v", h)
		}
		r.seat(customer, "main")
		r.ok(r.EndCall(t.Context(), call, "bor", "bor"))
		r.is("bor", wire.AgentWrapup, "")
	})
}

func TestX6_NoAgentLeftFollowsThePolicy(t *testing.T) {
	for _, keep := range []bool{false, true} {
		cfg := testConfig()
		if keep {
			cfg.Handling.LastAgentLeft = "keep"
		}
		configured(t, cfg, func(t *testing.T, r *rig) {
			r.ready("ana")
			call, _ := r.talk("ana")
			r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetNumber, Target: "+38640123456"}, "ana"))
			number := r.numberAnswers(call)
			r.ok(r.ExitConference(t.Context(), call, "ana", "ana"))
			r.is("ana", wire.AgentWrapup, "")
			c, _ := r.plane.Call(call)
			if (c.State == wire.CallEnded) == keep {
				t.Fatalf("keep %v: the call is %s", keep, c.State)
			}
			if keep {
				r.end(number, "hangup")
				if c, _ := r.plane.Call(call); c.State != wire.CallEnded {
					t.Fatal("one is left and the call goes on")
				}
			}
		})
	}
}

func TestW65_W67_W68_W78_W79_PostCall(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		call, customer, _, bor := r.conference(t)
		r.end(customer, "hangup")
		h := r.handled(call)
		if h.State != "post_call" || h.PostCallSince == nil || h.Controls["ana"].Consult.Enabled || h.Controls["ana"].Add.Visible || !h.Controls["bor"].Exit.Enabled {
			t.Fatalf("%+v", h)
		}
		if e := r.events("call.post_call"); len(e) != 1 {
			t.Fatalf("both agents are told by %d events", len(e))
		}
		_, err := r.StartConsult(t.Context(), call, "ana", wire.ConsultRequest{Kind: wire.TargetAgent, Target: "eva"}, "ana")
		r.refused(nil, err)
		went(42 * time.Second)
		r.end(bor, "hangup")
		r.is("bor", wire.AgentReady, "")
		r.is("ana", wire.AgentWrapup, "")
		if c, _ := r.plane.Call(call); c.State != wire.CallEnded {
			t.Fatal("one is left and the call goes on")
		}
		if s := r.Stats(); s.PostCalls != 1 || s.PostCallTime != 42*time.Second {
			t.Fatalf("%+v", s)
		}
	})
}

func TestW59_W97_EndOfAConference(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		call, _, _, _ := r.conference(t)
		r.ok(r.EndCall(t.Context(), call, "ana", "ana"))
		r.is("ana", wire.AgentWrapup, "")
		r.is("bor", wire.AgentReady, "")
	})
}

func TestW71_W72_W74_W76_R3_BlindTransferToAnAgent(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call, ana := r.talk("ana")
		r.ok(r.TransferCall(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetAgent, Target: "bor"}, "ana"))
		r.is("ana", wire.AgentWrapup, "")
		if r.leg(ana).State != wire.LegEnded {
			t.Fatal("ana is still there")
		}
		r.seat("leg_"+call, "main held")
		bor := r.answers(call, "bor")
		r.seat("leg_"+call, "main")
		r.seat(bor, "main")
		if h := r.handled(call); h.Primary != "bor" || h.State != "connected" {
			t.Fatalf("%+v", h)
		}
		_, err := r.TransferCall(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetQueue, Target: "main"}, "ana")
		r.refused(nil, err) // not hers any more
	})
}

func TestW71_BlindTransferThatIsNotTakenWaitsInTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call, _ := r.talk("ana")
		r.ok(r.TransferCall(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetAgent, Target: "bor"}, "ana"))
		went(21 * time.Second)
		r.is("bor", wire.AgentNotReady, "rona")
		if q := r.Queues()[0]; q.Waiting != 1 {
			t.Fatalf("%+v", q)
		}
		r.ready("eva")
		if o := r.offered("eva"); o.CallID != call {
			t.Fatalf("%+v", o)
		}
	})
}

func TestW71_W74_BlindTransferToQueueEntryPointAndNumber(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		for _, target := range []wire.TargetRequest{{Kind: wire.TargetQueue, Target: "main"}, {Kind: wire.TargetEntryPoint, Target: "200"}} {
			call, _ := r.talk("ana")
			r.ok(r.TransferCall(t.Context(), call, "ana", target, "ana"))
			if q := r.Queues()[0]; q.Waiting != 1 {
				t.Fatalf("%+v: %+v", target, q)
			}
			r.end("leg_"+call, "hangup")
			r.ok(r.SetState(t.Context(), "ana", wire.AgentReady, "", "ana"))
		}
		call, _ := r.talk("ana")
		r.ok(r.TransferCall(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetNumber, Target: "+38640123456"}, "ana"))
		r.seat("leg_"+call, "main held")
		r.is("ana", wire.AgentWrapup, "")
		leg := r.numberAnswers(call)
		r.seat("leg_"+call, "main")
		r.seat(leg, "main")
		if e := r.events("transfer.completed"); len(e) != 3 {
			t.Fatalf("%d transfers completed", len(e))
		}
		r.end(leg, "hangup")
		if c, _ := r.plane.Call(call); c.State != wire.CallEnded {
			t.Fatal("the number hung up and the call goes on")
		}
		r.ok(r.SetState(t.Context(), "ana", wire.AgentReady, "", "ana"))
		call, _ = r.talk("ana") // a number that is busy: the customer waits for the next agent
		r.ok(r.TransferCall(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetNumber, Target: "+38640123456"}, "ana"))
		r.end("leg_"+r.handled(call).Consult.ID, "busy")
		if e := r.events("transfer.failed"); len(e) != 1 || r.Queues()[0].Waiting != 1 {
			t.Fatalf("%v, %+v", e, r.Queues()[0])
		}
	})
}

func TestW45_W46_W77_ConsultativeTransfer(t *testing.T) {
	for _, answered := range []bool{true, false} {
		bubble(t, func(t *testing.T, r *rig) {
			r.ready("ana", "bor")
			call, _ := r.talk("ana")
			r.consult(call, "ana", wire.TargetAgent, "bor")
			var bor string
			if answered {
				bor = r.answers(call, "bor")
			}
			r.ok(r.TransferCall(t.Context(), call, "ana", wire.TargetRequest{}, "ana"))
			r.is("ana", wire.AgentWrapup, "")
			if !answered {
				r.seat("leg_"+call, "main held")
				bor = r.answers(call, "bor")
			}
			if h := r.handled(call); h.Primary != "bor" || h.State != "connected" || h.Consult != nil {
				t.Fatalf("%+v", h)
			}
			r.seat("leg_"+call, "main")
			r.seat(bor, "main")
			r.end("leg_"+call, "hangup")
			r.is("bor", wire.AgentWrapup, "")
		})
	}
}

func TestW78_TransferOutOfAConference(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		call, customer, _, _ := r.conference(t)
		r.consult(call, "ana", wire.TargetAgent, "eva")
		r.answers(call, "eva")
		r.ok(r.TransferCall(t.Context(), call, "ana", wire.TargetRequest{}, "ana"))
		h := r.handled(call)
		if h.Primary != "eva" || h.State != "conference" || len(h.Participants) != 3 {
			t.Fatalf("%+v", h)
		}
		r.is("ana", wire.AgentWrapup, "")
		r.end(customer, "hangup")
		if h := r.handled(call); h.State != "post_call" {
			t.Fatalf("the agents' talk ended with the customer: %+v", h)
		}
	})
}

func TestReloadInConsultAndConference(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call, _ := r.talk("ana")
		r.consult(call, "ana", wire.TargetAgent, "bor")
		bor := r.answers(call, "bor")
		r.end(bor, "reload")
		if side := r.SideOf("bor", call); side != "consult" {
			t.Fatalf("bor comes back to side %q", side)
		}
		bor = r.attach(call, "bor")
		r.seat(bor, "consult")
		r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{}, "ana"))
		r.end(bor, "media_lost")
		bor = r.attach(call, "bor")
		r.seat(bor, "main")
		r.end(bor, "media_lost") // and this time for good
		went(61 * time.Second)
		r.is("bor", wire.AgentReady, "")
		if h := r.handled(call); h.State != "connected" {
			t.Fatalf("%+v", h)
		}
	})
}

func TestW13_W14_W15_W16_W17_W20_Ring(t *testing.T) {
	cfg := testConfig()
	cfg.Agents[0].DN, cfg.Agents[0].Team = "4711", "gold"
	cfg.Handling.MaskNumbers = true
	for _, n := range []string{"one", "two", "three", "pin"} {
		d := variable(n)
		d.Secure, d.Popover = n == "pin", true
		cfg.Handling.Variables = append(cfg.Handling.Variables, d)
	}
	configured(t, cfg, func(t *testing.T, r *rig) {
		r.ready("ana")
		call := r.ring("100")
		o := r.Veil().Show(r.offered("ana"), false).(wire.Offer)
		if o.From != "••••••••3456" || len(o.Variables) != 3 || o.Variables[0].Label != "Label of one" {
			t.Fatalf("%+v", o)
		}
		r.answers(call, "ana")
		r.ready("bor")
		r.consult(call, "ana", wire.TargetAgent, "bor")
		o = r.offered("bor")
		if len(o.Variables) != 6 || o.Variables[0].Value != "Ana" || o.Variables[1].Value != "4711" || o.Variables[2].Value != "gold" || o.Consult == "" {
			t.Fatalf("%+v", o)
		}
		for _, v := range o.Variables {
			if v.Name == "pin" {
				t.Fatal("a secure variable is shown in a ring")
			}
		}
		c, _ := r.plane.Call(call)
		if m := r.Veil().Show(c, false).(wire.Call); m.From != "••••••••3456" || c.From == m.From {
			t.Fatalf("%q of %q", m.From, c.From)
		}
	})
	cfg.Handling.Variables = cfg.Handling.Variables[:2]
	if err := cfg.Validate(); err == nil {
		t.Fatal("two variables of a ring were accepted (W13: 3 to 6)")
	}
}

func TestW87_W89_W90_W91_W92_W93_X11_Variables(t *testing.T) {
	cfg := testConfig()
	for n, typ := range map[string]wire.VariableType{"case": "text", "sum": "number", "born": "date", "vip": "yes_no", "pin": "text"} {
		d := variable(n)
		d.Type, d.Editable, d.Secure = typ, true, n == "pin"
		cfg.Handling.Variables = append(cfg.Handling.Variables, d)
	}
	fixed := variable("account")
	cfg.Handling.Variables = append(cfg.Handling.Variables, fixed)
	configured(t, cfg, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call, _ := r.talk("ana")
		set := func(name, value string, version uint64, actor string) (wire.Variable, error) {
			return r.SetVariable(t.Context(), call, name, wire.VariableRequest{Value: value, Version: &version}, actor)
		}
		v, err := set("case", "A-1", 0, "ana")
		if err != nil || v.Value != "A-1" || v.Version != 1 {
			t.Fatalf("save returns what is stored: %+v, %v", v, err)
		}
		went(0)
		if e := r.events("variables.changed"); len(e) != 1 {
			t.Fatalf("%v", e)
		}
		_, err = set("case", "B-2", 0, "bor") // bor had not seen it
		p := r.refused(nil, err)
		if p.Code != "variable_conflict" || len(p.Fields) != 2 || p.Fields[0].Detail != "B-2" || p.Fields[1].Detail != "A-1" || p.State != "1" {
			t.Fatalf("%+v", p)
		}
		if v, err := set("case", "B-2", 1, "bor"); err != nil || v.Version != 2 {
			t.Fatalf("%+v, %v", v, err)
		}
		for _, bad := range [][2]string{{"case", strings.Repeat("š", 257)}, {"sum", "many"}, {"born", "1.3.2026"}, {"vip", "maybe"}} {
			if _, err := set(bad[0], bad[1], 0, "ana"); bad[0] != "case" && problem.As(err).Status != 422 {
				t.Errorf("%v: %v", bad, err)
			}
		}
		if _, err := set("case", strings.Repeat("š", 257), 2, "ana"); problem.As(err).Status != 422 {
			t.Errorf("257 characters: %v", err)
		}
		for _, good := range [][2]string{{"sum", "-1.5"}, {"born", "2026-03-01"}, {"vip", "yes"}, {"pin", "1234"}} {
			r.ok(set(good[0], good[1], 0, "ana"))
		}
		_, err = set("account", "x", 0, "ana")
		r.refused(nil, err)
		l, err := r.Variables(call)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range l.Items {
			if v.Name == "pin" && (v.Value != "" || !v.Masked || !v.Secure) {
				t.Fatalf("a secure value is shown: %+v", v)
			}
		}
		if v, err := r.Variable(call, "pin"); err != nil || v.Value != "1234" {
			t.Fatalf("click to retry: %+v, %v", v, err)
		}
		if slices.Contains(r.plane.log(), "variable pin=1234") || !slices.Contains(r.plane.log(), "variable sum=-1.5") {
			t.Fatalf("%v", r.plane.log())
		}
	})
}

func TestR6_R9_R10_R11_R13_X1_X21_WrapupStartsWithTheLastLegAndEndsByItself(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		sessions := r.ready("ana")
		_, leg := r.talk("ana")
		r.end(leg, "hangup")
		a := r.is("ana", wire.AgentWrapup, "")
		w, _ := r.Wrapup(a.WrapupID)
		if !w.Started.Equal(time.Now()) || !w.Deadline.Equal(time.Now().Add(30*time.Second)) {
			t.Fatalf("%+v", w)
		}
		r.SessionLost(sessions[0]) // the browser is gone: nothing waits for it (R15 to R20)
		went(30 * time.Second)
		w, _ = r.Wrapup(a.WrapupID)
		if w.By != "deadline" || w.Reason != "none" || w.Completed.Sub(w.Deadline) > time.Second {
			t.Fatalf("%+v", w)
		}
	})
}

func TestR12_R14_CancelTheCountdown(t *testing.T) {
	cfg := testConfig()
	cfg.Agents[0].Profile, cfg.Profiles = "expert", append(cfg.Profiles, floor.Profile{ID: "expert", Actions: []floor.Action{"answer"}})
	cfg.Handling.Wrapups = wrapupRules()
	configured(t, cfg, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		_, leg := r.talk("ana")
		r.end(leg, "hangup")
		a := r.is("ana", wire.AgentWrapup, "")
		w, _ := r.Wrapup(a.WrapupID)
		if w.Deadline.Sub(w.Started) != 10*time.Second || !slices.Equal(w.Allowed, []string{"submit", "cancel"}) || len(w.Reasons) != 2 {
			t.Fatalf("the profile's rule: %+v", w)
		}
		_, err := r.ExtendWrapup(t.Context(), w.ID, "ana")
		r.refused(nil, err)
		w, err = r.CancelWrapup(t.Context(), w.ID, "ana")
		if err != nil || !w.Cancelled {
			t.Fatalf("%+v, %v", w, err)
		}
		went(5 * time.Minute)
		r.is("ana", wire.AgentWrapup, "")
		if _, err := r.SubmitWrapup(t.Context(), w.ID, "other", "ana"); problem.As(err).Status != 422 {
			t.Fatalf("a reason that is not the rule's: %v", err)
		}
		r.ok(r.SubmitWrapup(t.Context(), w.ID, "sold", "ana"))
		r.is("ana", wire.AgentReady, "")
		_, leg = r.talk("bor") // bor has no profile: the queue's own
		r.end(leg, "hangup")
		b := r.is("bor", wire.AgentWrapup, "")
		if w, _ := r.Wrapup(b.WrapupID); w.Deadline.Sub(w.Started) != 20*time.Second || !slices.Equal(w.Allowed, []string{"submit", "extend"}) {
			t.Fatalf("the queue's rule: %+v", w)
		}
	})
}

func TestU4_U5_U6_ExtendSeveralTimesWithinTheTotal(t *testing.T) {
	cfg := testConfig()
	cfg.Handling.Wrapups = wrapupRules()
	configured(t, cfg, func(t *testing.T, r *rig) {
		r.ready("bor")
		_, leg := r.talk("bor")
		r.end(leg, "hangup")
		a := r.is("bor", wire.AgentWrapup, "")
		w, _ := r.Wrapup(a.WrapupID)
		for i, want := range []time.Duration{35, 50, 60} { // 20 s, 15 s each, 60 s in all
			var err error
			if w, err = r.ExtendWrapup(t.Context(), w.ID, "bor"); err != nil || w.Deadline.Sub(w.Started) != want*time.Second {
				t.Fatalf("extension %d: %+v, %v", i+1, w, err)
			}
		}
		_, err := r.ExtendWrapup(t.Context(), w.ID, "bor")
		r.refused(nil, err)
		went(61 * time.Second)
		r.is("bor", wire.AgentReady, "") // U3
	})
}

func TestU2_U3_U7_AvailableEndsWrapupAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		_, leg := r.talk("ana")
		r.end(leg, "hangup")
		a := r.is("ana", wire.AgentWrapup, "")
		r.ok(r.SetState(t.Context(), "ana", wire.AgentNotReady, "break", "ana")) // for afterwards
		r.is("ana", wire.AgentWrapup, "")
		r.ok(r.SetState(t.Context(), "ana", wire.AgentReady, "", "ana"))
		r.is("ana", wire.AgentReady, "")
		if w, _ := r.Wrapup(a.WrapupID); w.By != "agent" || w.Reason != "none" {
			t.Fatalf("%+v", w)
		}
	})
}

func TestW37_TargetsAreSearched(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("bor")
		got := r.Targets("", 50)
		if len(got) != 6 || got[0].ID != "bor" || !got[0].Free {
			t.Fatalf("%+v", got)
		}
		if got := r.Targets("AN", 50); len(got) != 1 || got[0].ID != "ana" || got[0].Free {
			t.Fatalf("%+v", got)
		}
	})
}
