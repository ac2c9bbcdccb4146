package floor

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Somebody is being added when a supervisor takes the call over: it is the supervisor's to take back.
func TestTakeOverDuringAnAdd(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana", "bor")
	call := p.ring("050", "100")
	p.talk("ana")
	p.do(Confer{Call: call, Agent: "ana", Actor: "ana", Kind: wire.TargetNumber, Target: "+38640"})
	p.do(TakeOver{Call: call, Agent: "bor", Actor: "sup"})
	p.do(LegAnswered{wire.Leg{ID: "leg_bor", CallID: call, Role: wire.RoleAgent, Agent: "bor"}})
	h, err := p.Handling(call)
	if err != nil || h.Consult == nil || h.Consult.By != "bor" || !h.Controls["bor"].EndConsult.Enabled {
		t.Fatalf("%+v %v", h, err)
	}
	p.do(EndConsult{Call: call, Agent: "bor", Actor: "bor"})
	if h, _ = p.Handling(call); h.Consult != nil {
		t.Fatalf("%+v", h)
	}
}

// A forced wrap-up gets the default of the agent's own rule, not that of the whole contact centre.
func TestForcedWrapupHasItsOwnDefault(t *testing.T) {
	cfg := stageConfig()
	cfg.WrapupReasons = []Reason{{Code: "sold"}}
	cfg.Handling.Wrapups = []WrapupRule{{Queue: "help", Default: "no_time"}}
	for _, said := range []string{"", "no_time"} {
		p := newPlay(t, cfg)
		p.ready("ana")
		call := p.ring("050", "100")
		p.talk("ana")
		p.do(CallEnded{ID: call})
		p.do(ForceWrapup{Agent: "ana", Reason: said, Actor: "sup"})
		if w := told[wire.Wrapup](p, "wrapup.completed"); len(w) != 1 || w[0].Reason != "no_time" || w[0].By != "sup" && said == "" {
			t.Fatalf("%+v", w)
		}
	}
}

// An agent who is asked for help can be forced off: the consult ends, the customer's agent goes on.
func TestConsultedAgentIsForcedOff(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana", "bor")
	call := p.ring("050", "100")
	p.talk("ana")
	p.do(StartConsult{Call: call, Agent: "ana", Actor: "ana", Kind: wire.TargetAgent, Target: "bor", Hold: true})
	p.talk("bor")
	p.is("bor", wire.AgentBusy, "")
	p.do(ForceWrapup{Agent: "bor", Actor: "sup"})
	p.is("bor", wire.AgentReady, "") // helped, and has nothing to wrap up (W97)
	if !p.hungUp("leg_bor") {
		t.Fatal("bor hears on")
	}
	if h, err := p.Handling(call); err != nil || h.Consult != nil || h.Primary != "ana" || p.state(call) != contact.Connected {
		t.Fatalf("%+v %v", h, err)
	}
}

// An agent who has been away, came back and is lost again has both deadlines again.
func TestEveryAbsenceHasBothDeadlines(t *testing.T) {
	cfg := stageConfig()
	cfg.AbsentGrace, cfg.AbsentSignout = Seconds(15), Seconds(900)
	back := map[string]func(p *play){
		"reconnects": func(p *play) { p.do(SessionUp{"ses_ana"}) },
		"reloads":    func(p *play) { p.do(SignIn{Agent: "ana", Session: "ses_ana"}) },
	}
	for how, comes := range back {
		for _, busy := range []bool{false, true} {
			p := newPlay(t, cfg)
			p.ready("ana")
			if busy {
				p.ring("050", "100")
				p.talk("ana")
			}
			p.do(SessionLost{"ses_ana"})
			p.pass(15 * time.Second)
			comes(p)
			p.pass(time.Hour)
			p.do(SessionLost{"ses_ana"})
			p.pass(15 * time.Second)
			a, _ := p.Agent("ana")
			if want := map[bool]wire.AgentState{false: wire.AgentNotReady, true: wire.AgentBusy}[busy]; a.State != want {
				t.Fatalf("%s, busy %t: after the grace of the second absence ana is %s", how, busy, a.State)
			}
			p.pass(15 * time.Minute)
			if a, _ := p.Agent("ana"); a.State != map[bool]wire.AgentState{false: wire.AgentOffline, true: wire.AgentSignoutPending}[busy] {
				t.Fatalf("%s, busy %t: at the end of the second absence ana is %s", how, busy, a.State)
			}
		}
	}
}

func savedState(t *testing.T, configs ...Config) State {
	t.Helper()
	s := NewState()
	for i, c := range configs {
		v := Saved{Version: i + 1, Config: c.withDefaults()}
		if err := s.Apply(Change{Kind: KindConfig, ID: strconv.Itoa(v.Version), Value: raw(v)}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A configuration that an older version saved under milder rules does not keep the server from starting.
func TestSavedConfigurationOfMilderRules(t *testing.T) {
	good, stricter, broken := stageConfig(), stageConfig(), stageConfig()
	good.Queues[0].Name = "the good one"
	stricter.Queues[0].Name = "the stricter one"
	stricter.Skills = []Skill{{ID: "de"}}
	stricter.Agents[3].Skills = Levels{{"de", 9}}
	stricter.Queues[0].Skills = []Need{{Skill: "de"}} // which nobody in its stages has
	broken.Numbers[0].Queue = "gone"
	for name, c := range map[string]struct {
		saved   []Config
		version int
		queue   string
		fault   string
	}{
		"as it should be":               {[]Config{stricter, good}, 2, "the good one", ""},
		"breaks a rule":                 {[]Config{good, stricter}, 2, "the stricter one", "stage spring"},
		"cannot be run":                 {[]Config{good, broken}, 1, "the good one", "no queue \"gone\""},
		"cannot be run, nor breaks one": {[]Config{stricter, broken}, 1, "the stricter one", "no queue \"gone\""},
		"nothing that can":              {[]Config{broken}, 0, "sales", "no queue \"gone\""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t, stageConfig())
			f, err := New(stageConfig(), savedState(t, c.saved...), func(prefix string) string { return prefix + "_x" })
			if err != nil {
				t.Fatal(err)
			}
			p.Floor = f
			p.do(Restart{})
			if p.Version() != c.version || p.Queues()[0].Name != c.queue {
				t.Fatalf("version %d, %s", p.Version(), p.Queues()[0].Name)
			}
			alarms := told[wire.Alarm](p, "desk.alarm")
			if n := len(alarms); (c.fault == "") != (n == 0) || n > 0 && (alarms[0].Type != "config.outdated" || !strings.Contains(alarms[0].Detail, c.fault)) {
				t.Fatalf("alarms %+v, want %q", alarms, c.fault)
			}
			if err := p.try(Reconfigure{Config: good, Base: c.version, Actor: "adm"}); err != nil || p.Version() != len(c.saved)+1 {
				t.Fatalf("the next one is version %d: %v", p.Version(), err)
			}
		})
	}
}

// A hold the media plane could not do is said again, and when it cannot be done the customer does not pass for held.
func TestHoldThatFails(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	call := p.ring("050", "100")
	p.talk("ana")
	fail := func() Command {
		t.Helper()
		all := p.did(OpArrange, call)
		last := all[len(all)-1]
		p.do(CommandFailed{Command: last, Detail: "no answer"})
		return last
	}
	p.do(HoldCall{Call: call, Agent: "ana", Actor: "ana", On: true})
	for range mostTries {
		n := len(p.did(OpArrange, call))
		if first := fail(); len(first.Seats) == 0 || len(p.did(OpArrange, call)) != n+1 {
			t.Fatal("it is not said again")
		}
		if h, _ := p.Handling(call); h.State != "held" || len(told[wire.Alarm](p, "desk.alarm")) != 0 {
			t.Fatalf("given up too early: %s", h.State)
		}
	}
	fail()
	h, _ := p.Handling(call)
	alarms := told[wire.Alarm](p, "desk.alarm")
	if h.State != "connected" || len(alarms) != 1 || alarms[0].Type != "call.command_failed" {
		t.Fatalf("%s passes for held: %+v", h.State, alarms)
	}
	if shown := told[wire.Handling](p, "call.handling_changed"); shown[len(shown)-1].State != "connected" {
		t.Fatal("and nobody is told")
	}
	n := len(p.did(OpArrange, call))
	fail() // there is an end to it
	if len(p.did(OpArrange, call)) != n {
		t.Fatal("said for ever")
	}

	waiting := p.ring("051", "100")
	holds := p.did(OpHold, waiting)
	p.do(CommandFailed{Command: holds[0], Detail: "no answer"})
	seats := p.did(OpArrange, waiting)
	if len(seats) != 1 || !*seats[0].Seats[0].Hold || seats[0].Seats[0].LegID != "leg_"+waiting {
		t.Fatalf("a waiting customer hears nothing: %+v", seats)
	}
}
