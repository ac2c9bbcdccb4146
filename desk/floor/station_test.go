package floor

import (
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/signaling/wire"
)

// stationConfig is a centre in which bor has a desk phone.
func stationConfig() Config {
	cfg := stageConfig()
	cfg.Agents[1].Station = "200"
	cfg.Callbacks.EntryPoints = []EntryPoint{{Number: "0800"}}
	return cfg
}

// bors brings something to bor, who is ready, and ana: a call for which bor's phone is to ring. The customer of the call is
// there already or comes when bor is.
var bors = map[string]func(p *play) (call string){
	"queue": func(p *play) string { return p.ring("050", "300") },
	"consult": func(p *play) string {
		call := p.anas()
		p.do(StartConsult{Call: call, Agent: "ana", Actor: "ana", Kind: wire.TargetAgent, Target: "bor", Hold: true})
		return call
	},
	"consult of a queue": func(p *play) string {
		call := p.anas()
		p.do(StartConsult{Call: call, Agent: "ana", Actor: "ana", Kind: wire.TargetQueue, Target: "help", Hold: true})
		return call
	},
	"conference": func(p *play) string {
		call := p.anas()
		p.do(Confer{Call: call, Agent: "ana", Actor: "ana", Kind: wire.TargetAgent, Target: "bor"})
		return call
	},
	"blind transfer": func(p *play) string {
		call := p.anas()
		p.do(Transfer{Call: call, Agent: "ana", Actor: "ana", Kind: wire.TargetAgent, Target: "bor"})
		return call
	},
	"transfer of a consult": func(p *play) string {
		call := p.anas()
		p.do(StartConsult{Call: call, Agent: "ana", Actor: "ana", Kind: wire.TargetAgent, Target: "bor", Hold: true})
		p.do(Transfer{Call: call, Agent: "ana", Actor: "ana"})
		return call
	},
	"callback": func(p *play) string {
		p.do(AskCallback{ID: "cbk_1", Ask: wire.CallbackAsk{Number: "041555002", Name: "Web", Queue: "help"}})
		return p.callOf("cbk_1")
	},
	"preview record":     func(p *play) string { return p.campaign(wire.ModePreview) },
	"push preview":       func(p *play) string { return p.campaign(wire.ModePushPreview) },
	"progressive record": func(p *play) string { return p.campaign(wire.ModeProgressive) },
	"predictive record":  func(p *play) string { return p.campaign(wire.ModePredictive) },
}

// anas is a call ana has.
func (p *play) anas() string {
	p.t.Helper()
	p.ready("ana")
	p.do(SetState{Agent: "bor", State: wire.AgentNotReady, Reason: "test", Actor: "bor"})
	call := p.ring("050", "100")
	p.talk("ana")
	p.do(SetState{Agent: "bor", State: wire.AgentReady, Actor: "bor"})
	return call
}

// callOf is the call of a callback.
func (p *play) callOf(task string) string {
	return p.Floor.state.Callbacks[task].Call
}

// campaign runs a campaign until it has a call for bor; a customer who is dialled answers.
func (p *play) campaign(mode wire.CampaignMode) string {
	p.t.Helper()
	p.SetContacts(modelContacts{})
	p.do(MakeCampaign{ID: "cmp_1", Request: wire.CampaignRequest{Name: "spring", Mode: mode, List: "lst_1", Queue: "help", CapPercent: 10}, Actor: "sup"})
	p.do(MoveCampaign{ID: "cmp_1", To: "start", Actor: "sup"})
	if mode == wire.ModePreview {
		p.do(AskRecord{Campaign: "cmp_1", Agent: "bor"})
	}
	p.pass(2 * time.Second)
	for id := range p.Floor.state.Contacts {
		if mode == wire.ModeProgressive || mode == wire.ModePredictive {
			p.do(LegAnswered{wire.Leg{ID: "leg_" + id, CallID: id, Role: wire.RoleCustomer}})
		}
		return id
	}
	p.t.Fatal("nobody is dialled")
	return ""
}

// phone is the invitation of bor's phone into a call.
func (p *play) phone(call string) Invite {
	p.t.Helper()
	var phones []Invite
	for _, c := range p.did(OpInvite, call) {
		if c.Invite.Phone == "bor" {
			phones = append(phones, *c.Invite)
		}
	}
	if len(phones) != 1 || phones[0].To != "200" {
		p.t.Fatalf("bor's phone rings %d times: %+v", len(phones), phones)
	}
	return phones[0]
}

func (p *play) hungUp(leg string) bool {
	return slices.ContainsFunc(p.cmds, func(c Command) bool { return c.Op == OpHangup && c.LegID == leg })
}

func onPhone(call string, in Invite) wire.Leg {
	return wire.Leg{ID: "leg_phone", CallID: call, Role: wire.RoleAgent, Kind: wire.LegSIP, Agent: "bor", ClientRef: in.Ref, Side: in.Side}
}

func handed(name string) bool { return name == "progressive record" || name == "predictive record" }

// Whatever kind of offer it is, the desk phone rings with it, and picking it up is the yes.
func TestX16_DeskPhoneRingsForEveryKindOfOffer(t *testing.T) {
	for name, bring := range bors {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, stationConfig())
			p.ready("bor")
			call := bring(p)
			p.is("bor", wire.AgentReserved, "")
			l := onPhone(call, p.phone(call))
			p.do(LegCreated{Leg: l})
			p.do(LegAnswered{l})
			p.is("bor", wire.AgentBusy, "")
			if p.hungUp(l.ID) || len(p.Floor.state.Offers) != 0 {
				t.Fatal("the phone is hung up, or the offer is still there")
			}
			if l.Side != "" { // what rang for the consult's side ends up where the call is by now
				want := map[string]string{"consult": wire.ConsultSide, "consult of a queue": wire.ConsultSide, "transfer of a consult": ""}
				side, seated := "nowhere", p.did(OpArrange, call)
				for _, s := range seated[len(seated)-1].Seats {
					if s.LegID == l.ID {
						side = *s.Side
					}
				}
				if side != want[name] {
					t.Fatalf("bor's phone is on side %q: %+v", side, seated[len(seated)-1])
				}
			}
			p.do(LegAnswered{l}) // told twice
			p.is("bor", wire.AgentBusy, "")
			if p.hungUp(l.ID) {
				t.Fatal("hung up by an event told twice")
			}
		})
	}
}

// Accepting at the desktop stops the phone, whether it has been dialled already or not; picked up all the same, it does
// not take the call from the browser.
func TestX16_AcceptingElsewhereStopsThePhone(t *testing.T) {
	for name, bring := range bors {
		for _, dialled := range []bool{true, false} {
			if handed(name) {
				continue // nobody accepts those; see the next test
			}
			t.Run(name, func(t *testing.T) {
				p := newPlay(t, stationConfig())
				p.ready("bor")
				call := bring(p)
				l := onPhone(call, p.phone(call))
				if dialled {
					p.do(LegCreated{Leg: l})
				}
				p.do(Accept{Offer: p.Offers("bor")[0].ID, Actor: "bor"})
				if !dialled {
					p.do(LegCreated{Leg: l})
				}
				if !p.hungUp(l.ID) {
					t.Fatal("the phone rings on")
				}
				p.cmds = nil
				p.do(LegAnswered{l})
				if !p.hungUp(l.ID) {
					t.Fatal("the phone has the call, or an open line")
				}
				p.do(LegAnswered{wire.Leg{ID: "leg_bor", CallID: call, Role: wire.RoleAgent, Kind: wire.LegWebRTC, Agent: "bor"}})
				p.is("bor", wire.AgentBusy, "")
				p.cmds = nil
				p.do(LegAnswered{l})
				p.do(LegEnded{l})
				if p.is("bor", wire.AgentBusy, ""); p.hungUp("leg_bor") || !p.hungUp(l.ID) {
					t.Fatal("the phone takes the call from the browser")
				}
			})
		}
	}
}

// A call that is handed over with its customer on the line: the browser may take it, then the phone stops.
func TestX16_BrowserTakesWhatIsHandedOver(t *testing.T) {
	for name, bring := range bors {
		if !handed(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, stationConfig())
			p.ready("bor")
			call := bring(p)
			l := onPhone(call, p.phone(call))
			p.do(LegCreated{Leg: l})
			p.do(LegAnswered{wire.Leg{ID: "leg_bor", CallID: call, Role: wire.RoleAgent, Kind: wire.LegWebRTC, Agent: "bor"}})
			p.is("bor", wire.AgentBusy, "")
			if !p.hungUp(l.ID) {
				t.Fatal("the phone rings on")
			}
		})
	}
}

// A phone that is busy, is not answered or cannot be reached is the agent's no.
func TestX16_DeskPhoneRefusesEveryKindOfOffer(t *testing.T) {
	for name, bring := range bors {
		for _, how := range []string{"busy", "no_answer", "unreachable", "deadline"} {
			t.Run(name+", "+how, func(t *testing.T) {
				p := newPlay(t, stationConfig())
				p.ready("bor")
				call := bring(p)
				in := p.phone(call)
				l := onPhone(call, in)
				l.Cause = how
				switch how {
				case "unreachable":
					p.do(CommandFailed{Command: p.did(OpInvite, call)[0], Detail: "no trunk"})
				case "deadline":
					p.do(LegCreated{Leg: l})
					p.pass(in.Timeout)
					if !p.hungUp(l.ID) {
						t.Error("the phone rings on")
					}
				default:
					p.do(LegCreated{Leg: l})
					p.do(LegEnded{l})
				}
				want := map[string]string{"busy": "declined"}[how]
				switch {
				case handed(name):
					want = "no_media"
				case want == "":
					want = "rona"
				}
				p.is("bor", wire.AgentNotReady, want)
				if c := p.Floor.state.Contacts[call]; c.Agent == "bor" || len(p.Floor.state.Offers) != 0 {
					t.Fatalf("%+v", c)
				}
			})
		}
	}
}

// A call an agent places or takes over rings at their phone too.
func TestX16_DeskPhoneOfOnesOwnCalls(t *testing.T) {
	p := newPlay(t, stationConfig())
	p.ready("bor")
	p.do(PlaceCall{Call: outbound("call_out"), Agent: "bor", Actor: "bor"})
	if len(p.did(OpInvite, "call_out")) != 0 {
		t.Fatal("rung into a call there is not yet")
	}
	p.do(CallCreated{Call: outbound("call_out"), Actor: "bor"})
	l := onPhone("call_out", p.phone("call_out"))
	p.do(LegCreated{Leg: l})
	p.do(LegAnswered{l})
	if c := p.Floor.state.Contacts["call_out"]; c.State != contact.Connected || c.Leg != l.ID {
		t.Fatalf("%+v", c)
	}

	p = newPlay(t, stationConfig())
	p.ready("ana")
	call := p.ring("050", "100")
	p.talk("ana")
	p.do(SignIn{Agent: "bor", Session: "s"})
	p.do(TakeOver{Call: call, Agent: "bor", Actor: "sup"})
	l = onPhone(call, p.phone(call))
	p.do(LegCreated{Leg: l})
	p.do(LegAnswered{l})
	if c := p.Floor.state.Contacts[call]; c.State != contact.Connected || c.Agent != "bor" || c.Leg != l.ID {
		t.Fatalf("%+v", c)
	}
}

// A customer who answers an agent's call is not kept on a silent line.
func TestPlacedCallWithoutItsAgent(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	p.do(PlaceCall{Call: outbound("call_out"), Agent: "ana", Actor: "ana"})
	p.do(CallCreated{Call: outbound("call_out"), Actor: "ana"})
	p.pass(time.Minute) // it may ring for long
	p.is("ana", wire.AgentBusy, "")
	p.do(LegAnswered{wire.Leg{ID: "leg_c", CallID: "call_out", Role: wire.RoleCustomer}})
	p.pass(10*time.Second - time.Millisecond)
	p.is("ana", wire.AgentBusy, "")
	p.pass(time.Millisecond)
	p.is("ana", wire.AgentReady, "")
	if len(p.did(OpEnd, "call_out")) != 1 || p.Live() != 0 {
		t.Fatal("the customer hears nothing, for ever")
	}
}

// The calls agents place are recorded where that is configured, once both are there, whoever comes first (W80).
func TestW80_PlacedCallsAreRecorded(t *testing.T) {
	up := map[string]func(p *play){
		"customer": func(p *play) {
			p.do(LegAnswered{wire.Leg{ID: "leg_c", CallID: "call_out", Role: wire.RoleCustomer}})
		},
		"agent": func(p *play) {
			p.do(LegAnswered{wire.Leg{ID: "leg_a", CallID: "call_out", Role: wire.RoleAgent, Agent: "ana"}})
		},
		"lost": func(p *play) {
			p.do(LegEnded{wire.Leg{ID: "leg_a", CallID: "call_out", Role: wire.RoleAgent, Agent: "ana", Cause: "media_lost"}})
		},
	}
	for _, on := range []bool{false, true} {
		for _, order := range [][]string{{"agent", "customer"}, {"customer", "agent"}, {"agent", "lost", "customer", "agent"}} {
			cfg := stageConfig()
			cfg.Handling.RecordPlaced = on
			p := newPlay(t, cfg)
			p.ready("ana")
			p.do(PlaceCall{Call: outbound("call_out"), Agent: "ana", Actor: "ana"})
			p.do(CallCreated{Call: outbound("call_out"), Actor: "ana"})
			for i, who := range order {
				up[who](p)
				if n := len(p.did(OpRecord, "call_out")); i == 0 && n != 0 {
					t.Fatalf("recorded with one of the two: %v", order)
				}
			}
			if n := len(p.did(OpRecord, "call_out")); n == 1 != on {
				t.Errorf("record_placed %t, %v: recorded %d times", on, order, n)
			}
		}
	}
}
