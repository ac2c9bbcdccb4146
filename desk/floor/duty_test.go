package floor

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Sign-out is granted by the server as soon as nothing being set up depends on the agent, with an upper limit.
func TestG34_G35_G36_G37_G39_X9_X19_W9_NegotiatedSignOut(t *testing.T) {
	cfg := stageConfig()
	cfg.SignoutLimit = Seconds(8)
	p := newPlay(t, cfg)
	p.ready("ana")
	p.do(SignOut{Agent: "ana", Actor: "ana"}) // nothing depends on her
	p.is("ana", wire.AgentOffline, "")

	p.ready("ana")
	call := p.ring("050", "100")
	p.do(SignOut{Agent: "ana", Actor: "ana"})
	a := p.is("ana", wire.AgentSignoutPending, "")
	if a.Signout == nil || a.Signout.WaitsFor != "offer" || !a.Signout.By.Equal(p.at.Add(8*time.Second)) {
		t.Fatalf("the agent is not told until when: %+v", a.Signout)
	}
	p.do(CallEnded{ID: call}) // nothing is being set up any more: granted that moment
	p.is("ana", wire.AgentOffline, "")
	if n := len(told[wire.Agent](p, "agent.signed_out")); n != 2 {
		t.Fatalf("granted %d times", n)
	}

	p.ready("ana")
	call = p.ring("050", "100")
	p.do(SignOut{Agent: "ana", Actor: "ana"})
	p.pass(8*time.Second - time.Millisecond)
	p.is("ana", wire.AgentSignoutPending, "")
	p.pass(time.Millisecond) // the limit: she goes, the caller keeps the place
	p.is("ana", wire.AgentOffline, "")
	places := told[wire.QueuePlace](p, "call.queued")
	if last := places[len(places)-1]; last.CallID != call || last.Reason != "signed_out" || last.Position != 1 {
		t.Fatalf("the caller: %+v", last)
	}

	p.do(CallEnded{ID: call})
	p.ready("bor")
	p.ring("051", "100")
	p.talk("bor")
	p.do(SignOut{Agent: "bor", Actor: "bor"})
	if a := p.is("bor", wire.AgentSignoutPending, ""); a.Signout.WaitsFor != "call" || a.Signout.By != nil {
		t.Fatalf("in a call: %+v", a.Signout)
	}
	p.pass(time.Hour) // no limit cuts a conversation off
	a = p.is("bor", wire.AgentSignoutPending, "")
	p.do(CallEnded{ID: a.CallID})
	if a := p.is("bor", wire.AgentSignoutPending, ""); a.Signout.WaitsFor != "wrapup" || a.Signout.By == nil {
		t.Fatalf("wrapping up: %+v", a.Signout)
	}
	p.pass(30 * time.Second)
	p.is("bor", wire.AgentOffline, "")
}

func TestG35_CallBeingSetUpHoldsTheSignOut(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	p.do(PlaceCall{Call: wire.Call{ID: "call_out", To: "041"}, Agent: "ana", Actor: "ana"})
	p.do(SignOut{Agent: "ana", Actor: "ana"})
	if a := p.is("ana", wire.AgentSignoutPending, ""); a.Signout.WaitsFor != "call_setup" || a.Signout.By == nil {
		t.Fatalf("%+v", a.Signout)
	}
	p.pass(time.Minute)
	p.is("ana", wire.AgentOffline, "")
	if len(p.did(OpEnd, "call_out")) != 1 {
		t.Fatal("the call goes on without anybody")
	}
}

func TestSignOutWhileConnecting(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	call := p.ring("050", "100")
	p.do(Accept{Offer: p.Offers("ana")[0].ID, Actor: "ana"})
	p.do(SignOut{Agent: "ana", Actor: "ana"})
	p.pass(10 * time.Second) // the voice does not come up
	p.is("ana", wire.AgentOffline, "")
	if p.state(call) != contact.Queued {
		t.Fatalf("the call is %s", p.state(call))
	}
}

func TestX16_DeskPhoneIsAStation(t *testing.T) {
	cfg := stageConfig()
	cfg.Agents[0].Station = "sip:200@10.0.0.5"
	p := newPlay(t, cfg)
	p.ready("ana") // the browser is the phone unless a station is chosen
	p.ready("bor")
	call := p.ring("050", "100")
	in := p.did(OpInvite, call)
	if len(in) != 1 || in[0].Invite.To != "sip:200@10.0.0.5" || in[0].Invite.Phone != "ana" || in[0].Invite.Ref != p.Offers("ana")[0].ID {
		t.Fatalf("rung %+v", in)
	}
	leg := wire.Leg{ID: "leg_phone", CallID: call, Role: wire.RoleAgent, Agent: "ana", ClientRef: in[0].Invite.Ref}
	p.do(LegCreated{Leg: leg})
	p.do(LegAnswered{leg}) // picked up: that is the yes
	p.is("ana", wire.AgentBusy, "")
	if c := p.Floor.state.Contacts[call]; c.State != contact.Connected || c.Leg != "leg_phone" {
		t.Fatalf("%+v", c)
	}
	browser := p.ring("051", "100")
	p.wants("bor", browser)
	if len(p.did(OpInvite, browser)) != 0 {
		t.Fatal("a browser is dialled")
	}
}

func TestX16_DeskPhoneBusyOrSilent(t *testing.T) {
	for cause, want := range map[string]string{"busy": "declined", "rejected": "declined", "no_answer": "rona"} {
		cfg := stageConfig()
		cfg.Agents[0].Station = "200"
		p := newPlay(t, cfg)
		p.ready("ana")
		call := p.ring("050", "100")
		leg := wire.Leg{ID: "leg_phone", CallID: call, Role: wire.RoleAgent, Agent: "ana", ClientRef: p.Offers("ana")[0].ID, Cause: cause}
		p.do(LegCreated{Leg: leg})
		p.do(LegEnded{leg})
		p.is("ana", wire.AgentNotReady, want)
		if p.state(call) != contact.Queued {
			t.Fatalf("%s: the call is %s", cause, p.state(call))
		}
	}
	cfg := stageConfig()
	cfg.Agents[0].Station = "200"
	p := newPlay(t, cfg)
	p.ready("ana")
	call := p.ring("050", "100")
	leg := wire.Leg{ID: "leg_phone", CallID: call, Role: wire.RoleAgent, Agent: "ana", ClientRef: p.Offers("ana")[0].ID}
	p.do(LegCreated{Leg: leg})
	p.pass(20 * time.Second)
	p.is("ana", wire.AgentNotReady, "rona")
	if h := p.did(OpHangup, call); len(h) != 1 || h[0].LegID != "leg_phone" {
		t.Fatalf("the phone rings on: %v", h)
	}
	p.do(LegAnswered{leg}) // picked up too late
	if h := p.did(OpHangup, call); len(h) != 2 {
		t.Fatalf("a late pick-up stays: %v", h)
	}
}

func TestHandOverBetweenDevices(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	call := p.ring("050", "100")
	if err := p.try(Station{Agent: "ana", Station: "200", Actor: "ana"}); problem.As(err).Status != 409 {
		t.Fatalf("another device while an offer rings: %v", err)
	}
	p.talk("ana")
	p.do(Station{Agent: "ana", Station: "200", Handover: true, Actor: "ana"})
	in := p.did(OpInvite, call)
	if len(in) != 1 || in[0].Invite.Phone != "ana" {
		t.Fatalf("rung %+v", in)
	}
	p.do(LegAnswered{wire.Leg{ID: "leg_phone", CallID: call, Role: wire.RoleAgent, Agent: "ana", ClientRef: in[0].Invite.Ref}})
	if h := p.did(OpHangup, call); len(h) != 1 || h[0].LegID != "leg_ana" || h[0].Code != "replaced" {
		t.Fatalf("the browser's leg: %v", h)
	}
	p.do(LegEnded{wire.Leg{ID: "leg_ana", CallID: call, Role: wire.RoleAgent, Agent: "ana", Cause: "replaced"}})
	if c := p.Floor.state.Contacts[call]; c.State != contact.Connected || c.Leg != "leg_phone" {
		t.Fatalf("%+v", c)
	}
	p.do(LegAnswered{wire.Leg{ID: "leg_back", CallID: call, Role: wire.RoleAgent, Agent: "ana"}}) // and back to the browser
	if c := p.Floor.state.Contacts[call]; c.Leg != "leg_back" || len(p.did(OpHangup, call)) != 2 {
		t.Fatalf("%+v", c)
	}
	for name, in := range map[string]Station{
		"no number":            {Agent: "ana", Station: "not a phone"},
		"nothing to hand over": {Agent: "bor", Station: "200", Handover: true},
	} {
		p.do(SignIn{Agent: "bor", Session: "b"})
		if err := p.try(in); err == nil || problem.As(err).Status >= 500 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSeveralTabs(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	p.do(SignIn{Agent: "ana", Session: "second"})
	p.is("ana", wire.AgentReady, "")
	p.do(SessionLost{"ses_ana"})
	p.pass(time.Hour)
	p.is("ana", wire.AgentReady, "") // the other tab is there
	call := p.ring("050", "100")
	o := p.Offers("ana")[0]
	p.do(Accept{Offer: o.ID, Actor: "ana"})
	if err := p.try(Accept{Offer: o.ID, Actor: "ana"}); problem.As(err).Status != 409 {
		t.Fatalf("accepted in both tabs: %v", err)
	}
	p.do(LegAnswered{wire.Leg{ID: "a", CallID: call, Role: wire.RoleAgent, Agent: "ana"}})
	p.do(SessionLost{"second"})
	p.pass(15 * time.Second)
	if a := p.Floor.state.Agents["ana"]; a.Want != wire.AgentNotReady {
		t.Fatalf("ready after the call though nobody is there: %+v", a)
	}
}

// The request is open, with its deadline, as long as the agent is reserved; only then is the agent made not ready.
func TestW7_W21_RingingUntilTheDeadline(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	call := p.ring("050", "100")
	o := p.Offers("ana")
	if len(o) != 1 || o[0].CallID != call || o[0].State != wire.OfferOpen || !o[0].Deadline.Equal(p.at.Add(20*time.Second)) {
		t.Fatalf("offers %+v", o)
	}
	p.pass(20*time.Second - time.Millisecond)
	p.is("ana", wire.AgentReserved, "")
	p.pass(time.Millisecond)
	p.is("ana", wire.AgentNotReady, "rona")
	if len(p.Offers("ana")) != 0 {
		t.Fatal("the request is still open")
	}
}
