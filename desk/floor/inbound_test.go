package floor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Three classes in fixed order, whatever came first; within a class the number's priority, then the time.
func TestS1_S4_S11_S23_S26_Conflict6_Conflict7_TotalOrder(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.do(SetOpen{Number: "041", Stage: "spring"})
	service := p.ring("050", "100")
	p.pass(time.Second)
	important := p.ring("051", "101") // a number with priority, still a service call
	p.pass(time.Second)
	fresh := p.ring("060", "300")
	p.pass(time.Second)
	returned := p.ring("041", "200")
	p.pass(time.Second)
	p.ready("bor") // in every group
	for _, want := range []string{returned, fresh, important, service} {
		p.wants("bor", want)
		p.talk("bor")
		p.do(CallEnded{ID: want})
		p.do(Submit{Wrapup: p.is("bor", wire.AgentWrapup, "").WrapupID, Reason: "x", Actor: "bor"})
	}
}

func TestS2_S3_S6_S12_CallMatching(t *testing.T) {
	p := newPlay(t, stageConfig())
	for _, c := range []struct {
		from, to, stage string
		class           int
	}{
		{"+386 41 1", "200", "", 3},         // the caller ID, no open record: a service call
		{"+386 41 1", "300", "new", 2},      // the hotline: a new customer
		{"+386-41-2", "200", "spring", 1},   // an open record: returned, in its stage
		{"+386 (41) 2", "300", "spring", 1}, // also on the hotline: no new customer
		{"+386412", "100", "", 3},           // a number without a stage
	} {
		p.do(SetOpen{Number: "+386412", Stage: "spring"})
		call := p.ring(c.from, c.to)
		places := told[wire.QueuePlace](p, "call.queued")
		if got := places[len(places)-1]; got.CallID != call || got.Class != c.class || got.Stage != c.stage {
			t.Errorf("%s to %s: class %d, stage %q, want %d, %q", c.from, c.to, got.Class, got.Stage, c.class, c.stage)
		}
	}
	if s, ok := p.Match("+38641 2"); !ok || s != "spring" {
		t.Errorf("matched %q, %t", s, ok)
	}
	p.do(SetOpen{Number: "+386412"}) // the record is closed
	p.ring("+386412", "200")
	if places := told[wire.QueuePlace](p, "call.queued"); places[len(places)-1].Class != 3 {
		t.Errorf("a closed record: %+v", places[len(places)-1])
	}
}

func TestS5_ReturnedCallHasItsTone(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.do(SetOpen{Number: "041", Stage: "spring"})
	p.ready("ana")
	returned := p.ring("041", "200")
	if o := p.talk("ana"); o.Class != 1 || o.Stage != "Spring" {
		t.Errorf("offer %+v", o)
	}
	if tones := p.did(OpTone, returned); len(tones) != 1 || tones[0].LegID != "leg_ana" {
		t.Errorf("tones: %v", tones)
	}
	p.ready("eva")
	service := p.ring("050", "400")
	p.talk("eva")
	if tones := p.did(OpTone, service); len(tones) != 0 {
		t.Errorf("a service call has a tone: %v", tones)
	}
}

func TestS7_S8_S9_S13_NewCustomersReachTheirStageOnly(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana", "eva", "iva")
	call := p.ring("060", "300")
	if n := len(p.Offers("")); n != 0 {
		t.Fatalf("%d offers to agents outside the stage", n)
	}
	p.ready("bor")
	p.wants("bor", call)
	if got := p.StagesOf("bor"); !slices.Contains(got, wire.Stage{ID: "new", Name: "New customers", Inbound: true}) {
		t.Errorf("bor sees stages %+v", got)
	}
	if got := p.StagesOf("eva"); len(got) != 0 {
		t.Errorf("eva, who is in no stage, sees %+v", got)
	}
	if o := p.Offers("bor")[0]; o.Class != 2 || o.Stage != "New customers" {
		t.Errorf("offer %+v", o)
	}
}

func TestS10_S15_S20_FormOpensOnAcceptOnly(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.do(SetOpen{Number: "041", Stage: "spring"})
	p.ready("bor")
	fresh := p.ring("060", "300")
	if n := len(told[wire.RecordForm](p, "record.opened")); n != 0 {
		t.Fatalf("%d forms before anybody has accepted", n)
	}
	p.talk("bor")
	want := wire.RecordForm{CallID: fresh, Agent: "bor", Stage: "new", Number: "060", New: true}
	if got := told[wire.RecordForm](p, "record.opened"); len(got) != 1 || got[0] != want {
		t.Fatalf("forms %+v, want %+v", got, want)
	}
	p.ready("ana")
	returned := p.ring("041", "200")
	p.talk("ana")
	want = wire.RecordForm{CallID: returned, Agent: "ana", Stage: "spring", Number: "041"}
	if got := told[wire.RecordForm](p, "record.opened"); len(got) != 2 || got[1] != want {
		t.Fatalf("forms %+v, want %+v", got, want)
	}
	p.ready("eva")
	p.ring("070", "400")
	p.talk("eva")
	if got := told[wire.RecordForm](p, "record.opened"); len(got) != 2 {
		t.Fatalf("a service call opens a form: %+v", got)
	}
}

func TestS17_W25_NothingIsAnsweredByItself(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	call := p.ring("050", "100")
	p.pass(19 * time.Second)
	if s := p.state(call); s != contact.Offered {
		t.Fatalf("without a word from the agent the call is %s", s)
	}
	p.do(Accept{Offer: p.Offers("ana")[0].ID, Actor: "ana"})
	p.pass(time.Second)
	p.do(LegAnswered{wire.Leg{ID: "leg_ana", CallID: call, Role: wire.RoleAgent, Agent: "ana"}})
	shown := told[wire.Handling](p, "call.handling_changed") // what the pane and its timer are drawn from
	h := shown[len(shown)-1]
	i := slices.IndexFunc(h.Participants, func(x wire.Participant) bool { return x.Agent == "ana" })
	if h.CallID != call || h.State != "connected" || i < 0 || h.Participants[i].Since == nil || !h.Participants[i].Since.Equal(p.at) {
		t.Fatalf("no timer from %s: %+v", p.at, h)
	}
	p.pass(time.Minute)
	if h, _ = p.Handling(call); !h.Participants[i].Since.Equal(p.at.Add(-time.Minute)) {
		t.Fatalf("the timer begins anew: %+v", h.Participants[i])
	}
	c := h.Controls["ana"]
	for name, x := range map[string]wire.Control{"hold": c.Hold, "mute": c.Mute, "keypad": c.Keypad, "end": c.End, "consult": c.Consult, "transfer": c.Transfer, "recording": c.Recording} {
		if !x.Visible || !x.Enabled {
			t.Errorf("no control %s: %+v", name, x)
		}
	}
}

func TestS14_S27_S28_X17_ConfigurationsThatSwallowCalls(t *testing.T) {
	for name, c := range map[string]struct {
		spoil   func(*Config)
		pointer string
		code    string
	}{
		"S27 a new-customers stage without agents": {func(c *Config) { c.Stages[1].Agents = nil }, "/stages/1/agents", "swallows_calls"},
		"S28 an outbound stage without agents":     {func(c *Config) { c.Stages[0].Agents = nil }, "/stages/0/agents", "swallows_calls"},
		"S14 two numbers of one stage":             {func(c *Config) { c.Numbers[0].Stage = "new" }, "/numbers/3/stage", "duplicate"},
		"a queue without agents":                   {func(c *Config) { c.Queues[1].Agents = []string{}; c.Agents = nil }, "/queues/0", "swallows_calls"},
		"agents who may not answer": {func(c *Config) {
			c.Profiles = []Profile{{ID: "mute", Actions: []Action{ActDial}}}
			c.Agents[1].Profile = "mute"
		}, "/stages/1/agents", "swallows_calls"},
		"a skill nobody has": {func(c *Config) {
			c.Skills = []Skill{{ID: "de"}}
			c.Queues[1].Skills = []Need{{Skill: "de", Level: 3}}
		}, "/queues/1/skills", "swallows_calls"},
		"a number whose agents lack its skill": {func(c *Config) {
			c.Skills = []Skill{{ID: "de"}}
			c.Agents[0].Skills = Levels{{"de", 9}}
			c.Numbers[4].Skills = []Need{{Skill: "de"}}
		}, "/numbers/4/skills", "swallows_calls"},
		"a stage whose agents lack the queue's skill": {func(c *Config) {
			c.Skills = []Skill{{ID: "de"}}
			c.Agents[2].Skills = Levels{{"de", 9}} // of the queue, not of the stage
			c.Queues[0].Skills = []Need{{Skill: "de", Level: 3}}
		}, "/stages/1/agents", "swallows_calls"},
		"a stage whose agents lack its number's skill": {func(c *Config) {
			c.Skills = []Skill{{ID: "de"}}
			c.Agents[2].Skills = Levels{{"de", 9}}
			c.Numbers[3].Skills = []Need{{Skill: "de"}}
		}, "/stages/1/agents", "swallows_calls"},
		"skills in two agents of a stage, and both are asked for": {func(c *Config) {
			c.Skills = []Skill{{ID: "de"}, {ID: "gold"}}
			c.Agents[0].Skills, c.Agents[1].Skills = Levels{{"de", 9}}, Levels{{"gold", 9}}
			c.Agents[3].Skills = Levels{{"de", 9}, {"gold", 9}}
			c.Queues[0].Skills = []Need{{Skill: "de"}}
			c.Numbers[2].Skills = []Need{{Skill: "gold"}}
		}, "/stages/0/agents", "swallows_calls"},
		"an overflow without a target": {func(c *Config) { c.Queues[0].MaxWaiting = 1 }, "/queues/0/overflow", "required"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := stageConfig()
			c.spoil(&cfg)
			e := problem.As(cfg.Problem())
			if !slices.ContainsFunc(e.Fields, func(f problem.Field) bool { return f.Pointer == c.pointer && f.Code == c.code }) {
				t.Errorf("%+v, want %s at %s", e.Fields, c.code, c.pointer)
			}
			p := newPlay(t, stageConfig())
			if err := p.try(Reconfigure{Config: cfg}); problem.As(err).Status != 422 || p.Version() != 0 {
				t.Errorf("saved: %v", err)
			}
		})
	}
	flagged := stageConfig()
	flagged.Numbers = flagged.Numbers[:3]
	i := slices.IndexFunc(flagged.Check(), func(f Finding) bool { return f.Code == "no_number" && f.Warning })
	if err := flagged.Problem(); err != nil || i < 0 {
		t.Errorf("a stage without a number: %v, %+v", err, flagged.Check())
	}
	across := stageConfig() // customers of spring who call the hotline, whose calls ask for what spring's agents lack
	across.Skills = []Skill{{ID: "de"}}
	across.Stages[0].Agents, across.Agents[1].Skills = []string{"ana"}, Levels{{"de", 9}}
	across.Numbers[3].Skills = []Need{{Skill: "de"}}
	i = slices.IndexFunc(across.Check(), func(f Finding) bool {
		return f.Code == "swallows_calls" && f.Pointer == "/stages/0/agents" && f.Warning
	})
	if err := across.Problem(); err != nil || i < 0 {
		t.Errorf("another stage's number: %v, %+v", err, across.Check())
	}
	hotline := stageConfig() // the number's service agents are never asked: its calls are the stage's
	hotline.Skills = []Skill{{ID: "de"}}
	hotline.Agents[1].Skills = Levels{{"de", 9}}
	hotline.Numbers[3].Skills, hotline.Numbers[3].Agents = []Need{{Skill: "de"}}, []string{"eva"}
	if err := hotline.Problem(); err != nil {
		t.Errorf("a hotline whose stage can take its calls: %v", err)
	}
	relaxes := stageConfig()
	relaxes.Skills = []Skill{{ID: "de"}}
	relaxes.Queues[1].Skills = []Need{{Skill: "de", Level: 3, RelaxAfter: Seconds(30)}}
	if err := relaxes.Problem(); err != nil {
		t.Errorf("a skill that relaxes to nothing: %v", err)
	}
}

// A call that nobody on duty can take raises an alarm within 10 s and follows the fallback.
func TestX17_S27_AlarmAndFallback(t *testing.T) {
	cfg := stageConfig()
	cfg.Queues[0].Fallback, cfg.Queues[0].FallbackAfter = Target{Kind: TargetQueue, To: "help"}, Seconds(20)
	p := newPlay(t, cfg)
	p.ready("eva", "iva") // on duty, but not in the stage
	call := p.ring("060", "300")
	p.pass(10 * time.Second)
	alarms := told[wire.Alarm](p, "desk.alarm")
	if len(alarms) != 1 || alarms[0].Type != "call.no_eligible_agent" || alarms[0].Stage != "new" || alarms[0].CallID != call {
		t.Fatalf("alarms: %+v", alarms)
	}
	p.pass(10 * time.Second)
	d := told[wire.Diversion](p, "call.diverted")
	if len(d) != 1 || d[0].Reason != "no_agent" || d[0].To != "help" {
		t.Fatalf("diverted: %+v", d)
	}
	p.wants("eva", call) // on duty in the queue it has come to, longest idle
	p.do(Decline{Offer: p.Offers("eva")[0].ID, Actor: "eva"})
	p.wants("iva", call)
	if o := p.Offers("iva")[0]; o.Queue != "help" || o.Stage != "" || o.Class != 2 {
		t.Fatalf("offer %+v", o)
	}
	p.talk("iva")
	if n := len(told[wire.RecordForm](p, "record.opened")); n != 0 {
		t.Fatal("a form of a stage the agent is not in")
	}
}

// A call that overflows from a stage's queue is the other queue's too.
func TestX17_OverflowLeavesTheStage(t *testing.T) {
	cfg := stageConfig()
	cfg.Queues[0].MaxWait, cfg.Queues[0].Overflow = Seconds(30), Target{Kind: TargetQueue, To: "help"}
	p := newPlay(t, cfg)
	p.do(SetOpen{Number: "041", Stage: "spring"})
	p.ready("eva")
	call := p.ring("041", "200")
	p.pass(30*time.Second - time.Millisecond)
	p.wants("eva", "")
	p.pass(time.Millisecond)
	p.wants("eva", call)
}

func TestS19_S21_S24_AgentsOfANumber(t *testing.T) {
	cfg := stageConfig()
	cfg.Numbers = append(cfg.Numbers, Number{Number: "500", Queue: "help", Agents: []string{"iva", "ana"}, Priority: 9})
	p := newPlay(t, cfg)
	p.ready("bor") // serves the queue but neither number
	first := p.ring("050", "400")
	p.pass(time.Second)
	second := p.ring("051", "500") // later, of a number with priority
	if n := len(p.Offers("")); n != 0 {
		t.Fatalf("%d offers to agents who are not assigned", n)
	}
	p.ready("iva") // assigned to both
	p.wants("iva", second)
	p.ready("eva")
	p.wants("eva", first)
	p.ready("ana") // an agent of a campaign stage, and assigned to the number as well
	third := p.ring("052", "500")
	p.wants("ana", third)
}

func TestS18_W24_X18_PreflightBeforeAnyOffer(t *testing.T) {
	cfg := stageConfig()
	cfg.Preflight = []string{CheckMicrophone, CheckSpeaker, CheckNotifications, CheckSound}
	p := newPlay(t, cfg)
	call := p.ring("050", "100")
	p.do(SignIn{Agent: "ana", Session: "s"})
	ready := SetState{Agent: "ana", State: wire.AgentReady, Actor: "ana"}
	err := problem.As(p.try(ready))
	if err.Status != 409 || err.Code != "preflight_failed" || !strings.Contains(err.Detail, "notifications") {
		t.Fatalf("ready without a test: %+v", err)
	}
	all := func(sound string) Preflight {
		return Preflight{Agent: "ana", Actor: "ana", Checks: map[string]string{"microphone": "passed", "speaker": "passed", "notifications": "passed", "sound": sound}}
	}
	p.do(all("failed"))
	if err := problem.As(p.try(ready)); err.Code != "preflight_failed" || !strings.Contains(err.Detail, "sound") {
		t.Fatalf("ready without a bell: %+v", err)
	}
	p.do(all("passed"))
	if a := p.is("ana", wire.AgentNotReady, "signed_in"); a.Checks["sound"] != "passed" {
		t.Fatalf("the server does not know: %+v", a.Checks)
	}
	p.do(ready)
	p.wants("ana", call)
	p.do(Decline{Offer: p.Offers("ana")[0].ID, Actor: "ana"})
	p.do(ready)
	p.do(Decline{Offer: p.Offers("ana")[0].ID, Actor: "ana"})
	p.do(CallEnded{ID: call})
	p.do(ready)
	p.do(Preflight{Agent: "ana", Checks: map[string]string{"microphone": "failed"}, Actor: "ana"}) // unplugged
	p.is("ana", wire.AgentNotReady, "preflight")
	p.ring("051", "100")
	if p.offered("ana") != "" {
		t.Fatal("offered to an agent without a microphone")
	}
	if err := p.try(Preflight{Agent: "ana", Checks: map[string]string{"camera": "passed"}}); problem.As(err).Status != 422 {
		t.Errorf("an unknown check: %v", err)
	}
	p.do(SignOut{Agent: "ana", Actor: "ana"})
	p.do(SignIn{Agent: "ana", Session: "s2"})
	if a := p.is("ana", wire.AgentNotReady, "signed_in"); len(a.Checks) != 0 {
		t.Errorf("yesterday's test counts: %v", a.Checks)
	}
}

func TestW1_S22_PermissionsByProfile(t *testing.T) {
	cfg := stageConfig()
	cfg.Profiles = []Profile{{ID: "novice", Actions: []Action{ActAnswer, ActHold}}, {ID: "clerk", Actions: []Action{ActSearch}}}
	cfg.Agents[0].Profile, cfg.Agents[1].Profile = "novice", "" // bor may do everything
	cfg.Agents[2].Profile = "clerk"
	p := newPlay(t, cfg)
	for _, c := range []struct {
		agent string
		what  Action
		want  int
	}{{"ana", ActHold, 0}, {"ana", ActDial, 403}, {"ana", ActSearch, 403}, {"bor", ActDial, 0}, {"eva", ActSearch, 0}, {"eva", ActAnswer, 403}, {"nobody", ActDial, 404}} {
		err := p.Directory().Allowed(c.agent, c.what)
		if got := 0; err != nil {
			got = problem.As(err).Status
			if got != c.want {
				t.Errorf("%s %s: %v", c.agent, c.what, err)
			}
		} else if c.want != 0 {
			t.Errorf("%s may %s", c.agent, c.what)
		}
	}
	p.do(SignIn{Agent: "eva", Session: "s"})
	if err := problem.As(p.try(SetState{Agent: "eva", State: wire.AgentReady, Actor: "eva"})); err.Status != 403 || err.Grant != "answer" {
		t.Fatalf("ready without the permission: %+v", err)
	}
	call := p.ring("050", "100")
	p.ready("ana")
	p.wants("ana", call)
}

// The profile somebody signs in with goes before the one configured until they sign out, also over a restart.
func TestW1_ProfileOfTheSignIn(t *testing.T) {
	cfg := stageConfig()
	cfg.Profiles = []Profile{{ID: "novice", Actions: []Action{ActAnswer, ActHold}}, {ID: "clerk", Actions: []Action{ActSearch}}}
	cfg.Agents[0].Profile = "clerk"
	p := newPlay(t, cfg)
	may := func(f *Floor, want bool) {
		t.Helper()
		if err := f.Directory().Allowed("ana", ActHold); (err == nil) != want {
			t.Errorf("ana may hold: %v, want %t", err, want)
		}
	}
	may(p.Floor, false)
	if err := problem.As(p.try(SignIn{Agent: "ana", Session: "s", Profile: "root"})); err.Status != 422 || err.Code != "unknown_profile" {
		t.Errorf("a profile there is not: %+v", err)
	}
	p.is("ana", wire.AgentOffline, "")
	before := p.Directory()
	p.do(SignIn{Agent: "ana", Session: "s", Profile: "novice"})
	may(p.Floor, true)
	if before.Allowed("ana", ActHold) == nil {
		t.Error("a directory that was handed out has changed")
	}
	p.do(SetState{Agent: "ana", State: wire.AgentReady, Actor: "ana"})
	p.wants("ana", p.ring("050", "100"))

	state := NewState()
	for _, c := range p.log {
		if err := state.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	again, err := New(cfg, state, func(prefix string) string { return prefix + "_x" })
	if err != nil {
		t.Fatal(err)
	}
	may(again, true)

	p = newPlay(t, cfg)
	p.do(SignIn{Agent: "ana", Session: "s", Profile: "novice"})
	p.do(SetState{Agent: "ana", State: wire.AgentReady, Actor: "ana"})
	p.do(SignIn{Agent: "ana", Session: "s2"}) // another tab, which says nothing about it
	may(p.Floor, true)
	p.do(SignIn{Agent: "ana", Session: "s3", Profile: "clerk"}) // one that takes calls away
	p.is("ana", wire.AgentNotReady, "not_permitted")
	p.do(SignOut{Agent: "ana", Actor: "ana"})
	may(p.Floor, false)
	p.do(SignIn{Agent: "ana", Session: "s4"})
	may(p.Floor, false)
	if err := p.try(SetState{Agent: "ana", State: wire.AgentReady, Actor: "ana"}); problem.As(err).Status != 403 {
		t.Errorf("the configured profile is back: %v", err)
	}
}

func TestX8_W22_PositionKeptRepeatsLimited(t *testing.T) {
	cfg := stageConfig()
	cfg.OfferAlarm, cfg.OfferLimit = 2, 3
	p := newPlay(t, cfg)
	first := p.ring("050", "100")
	p.pass(time.Second)
	second := p.ring("051", "100")
	p.ready("ana")
	for i := range 3 {
		p.wants("ana", first)
		p.pass(20 * time.Second)
		p.is("ana", wire.AgentNotReady, "rona")
		places := told[wire.QueuePlace](p, "call.queued")
		if last := places[len(places)-1]; last.CallID != first || last.Position != 1 || last.Attempt != i+1 || last.Reason != "rona" {
			t.Fatalf("back in the queue: %+v", last)
		}
		p.do(SetState{Agent: "ana", State: wire.AgentReady, Actor: "ana"})
	}
	if a := told[wire.Alarm](p, "desk.alarm"); !slices.ContainsFunc(a, func(a wire.Alarm) bool { return a.Type == "call.offer_limit" && a.CallID == first }) {
		t.Fatalf("alarms %+v", a)
	}
	p.wants("ana", second) // the first rests for a while
	p.talk("ana")
	p.do(CallEnded{ID: second})
	p.pass(30 * time.Second)
	p.wants("ana", first)

	cfg.Queues[1].Fallback = Target{Kind: TargetEnd}
	p = newPlay(t, cfg)
	call := p.ring("050", "100")
	p.ready("ana")
	for range 3 {
		p.pass(20 * time.Second)
		p.do(SetState{Agent: "ana", State: wire.AgentReady, Actor: "ana"})
	}
	if d := told[wire.Diversion](p, "call.diverted"); len(d) != 1 || d[0].Reason != "offer_limit" || len(p.did(OpEnd, call)) != 1 {
		t.Fatalf("diverted %+v, ended %v", d, p.did(OpEnd, call))
	}
}

func TestW23_Conflict1_AfterRONA(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	p.ring("050", "100")
	p.pass(20 * time.Second)
	p.is("ana", wire.AgentNotReady, "rona") // the desktop asks: ready or not?
	p.do(SetState{Agent: "ana", State: wire.AgentNotReady, Reason: "break", Actor: "ana"})
	p.is("ana", wire.AgentNotReady, "break")
	p.do(SetState{Agent: "ana", State: wire.AgentReady, Actor: "ana"})
	p.is("ana", wire.AgentReserved, "")
}

func TestSkillsLevelsAndRelaxation(t *testing.T) {
	cfg := stageConfig()
	cfg.Skills = []Skill{{ID: "de"}, {ID: "gold"}}
	cfg.Agents[0].Skills = Levels{{"de", 4}}
	cfg.Agents[1].Skills = Levels{{"de", 8}}
	cfg.Agents[2].Skills = Levels{{"de", 8}, {"gold", 6}}
	cfg.Queues[1].Skills = []Need{{Skill: "de", Level: 7, RelaxAfter: Seconds(30), RelaxTo: 3}, {Skill: "gold", Preferred: true}}
	p := newPlay(t, cfg)
	p.ready("ana", "iva")
	call := p.ring("050", "100")
	p.wants("ana", "")
	p.pass(30*time.Second - time.Millisecond)
	p.wants("ana", "")
	p.pass(time.Millisecond)
	p.wants("ana", call) // 4 is enough now; iva has none of it

	p.ready("bor", "eva") // eva has been idle for less time, and suits better
	next := p.ring("051", "100")
	p.wants("eva", next)
	last := p.ring("052", "100")
	p.wants("bor", last)
	p.wants("iva", "")
}

func TestPreferredAgentFirst(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana")
	busy := p.ring("040", "100")
	p.talk("ana")
	call := p.ring("050", "100")
	p.do(Prefer{CallID: call, Agent: "ana"})
	p.ready("bor")
	p.wants("bor", "") // ana is here and will be free
	p.do(CallEnded{ID: busy})
	p.do(Submit{Wrapup: p.is("ana", wire.AgentWrapup, "").WrapupID, Reason: "x", Actor: "ana"})
	p.wants("ana", call)
	p.talk("ana")

	second := p.ring("051", "400")
	p.ready("iva")
	p.wants("iva", second)
	p.do(CallEnded{ID: second})
	third := p.ring("052", "100") // bor is free and takes it at once
	p.wants("bor", third)
	p.do(Decline{Offer: p.Offers("bor")[0].ID, Actor: "bor"})
	p.wants("iva", third)
	p.do(Decline{Offer: p.Offers("iva")[0].ID, Actor: "iva"})
	p.do(Prefer{CallID: third, Agent: "ana"})
	p.pass(20 * time.Second) // as long as preferred_wait, then anybody
	p.do(SetState{Agent: "bor", State: wire.AgentReady, Actor: "bor"})
	p.wants("bor", third)

	fourth := p.ring("053", "100")
	p.do(Prefer{CallID: fourth, Agent: "ana"})
	p.do(SetState{Agent: "ana", State: wire.AgentNotReady, Reason: "lunch", Actor: "ana"}) // will not be free after all
	p.do(SetState{Agent: "iva", State: wire.AgentReady, Actor: "iva"})
	p.wants("iva", fourth)
}

func TestOpeningHours(t *testing.T) {
	cfg := stageConfig()
	cfg.Calendars = []Calendar{{ID: "office", Config: hours.Config{Zone: "Europe/Ljubljana", Week: []hours.Span{{Days: []string{"mon-fri"}, From: "08:00", Till: "17:00"}}}}}
	cfg.Numbers[0].Calendar, cfg.Numbers[0].Closed = "office", Target{Kind: TargetEnd, Prompt: "closed.wav"}
	cfg.Queues[0].Calendar, cfg.Queues[0].Closed = "office", Target{Kind: TargetQueue, To: "help"}
	p := newPlay(t, cfg) // Monday, 10:00 in Ljubljana
	p.ready("ana")
	p.wants("ana", p.ring("050", "100"))
	p.at = p.at.Add(8 * time.Hour)
	p.do(Tick{})
	call := p.ring("051", "100")
	if says := p.did(OpSay, call); len(says) != 1 || says[0].Files[0] != "closed.wav" || p.state(call) != contact.Diverted {
		t.Fatalf("said %v, %s", says, p.state(call))
	}
	p.do(PlayEnded{CallID: call, LegID: "leg_" + call})
	if ends := p.did(OpEnd, call); len(ends) != 1 || ends[0].Code != "closed" {
		t.Fatalf("ended %v", ends)
	}
	moved := p.ring("052", "200")
	if c := p.Floor.state.Contacts[moved]; c.Queue != "help" || c.State != contact.Queued {
		t.Fatalf("%+v", c)
	}
}

func TestAnnouncementsPositionAndWait(t *testing.T) {
	cfg := stageConfig()
	cfg.Queues[1].Prompts = Prompts{Welcome: "hello.wav", Music: "own.wav", Comfort: "soon.wav", Position: true, Wait: true, Every: Seconds(20)}
	p := newPlay(t, cfg)
	p.ready("ana", "bor")
	for _, a := range []string{"ana", "bor"} { // two calls taken 60 s apart: the queue's pace
		p.ring("040", "100")
		p.talk(a)
		p.pass(time.Minute)
	}
	p.ring("050", "100")
	call := p.ring("051", "100")
	p.pass(20 * time.Second)
	var said []string
	for _, c := range p.did(OpSay, call) {
		said = append(said, strings.Join(c.Files, " "))
	}
	want := []string{"hello.wav", "soon.wav position.wav 2.wav wait.wav 2.wav minutes.wav"}
	if !slices.Equal(said, want) {
		t.Fatalf("said %q, want %q", said, want)
	}
	if m := p.did(OpMusic, call); len(m) != 1 || m[0].Files[0] != "own.wav" {
		t.Fatalf("music %v", m)
	}
	places := told[wire.QueuePlace](p, "call.queued")
	if last := places[len(places)-1]; last.Position != 2 || last.ExpectedSeconds != 120 {
		t.Fatalf("place %+v", last)
	}
}

func TestOverflow(t *testing.T) {
	cfg := stageConfig()
	cfg.Queues[1].MaxWaiting, cfg.Queues[1].MaxWait = 1, Seconds(60)
	cfg.Queues[1].Overflow = Target{Kind: TargetNumber, To: "+38611"}
	p := newPlay(t, cfg)
	first := p.ring("050", "100")
	second := p.ring("051", "100")
	d := told[wire.Diversion](p, "call.diverted")
	if len(d) != 1 || d[0].CallID != second || d[0].Reason != "full" {
		t.Fatalf("diverted %+v", d)
	}
	if calls := p.did(OpInvite, second); len(calls) != 1 || calls[0].Invite.To != "+38611" {
		t.Fatalf("dialled %+v", calls)
	}
	out := wire.Leg{ID: "leg_out", CallID: second, Role: wire.RoleExpert, ClientRef: second}
	p.do(LegAnswered{out})
	if r := p.did(OpResume, second); len(r) != 1 {
		t.Fatal("the customer still hears music")
	}
	p.pass(time.Hour)
	if d = told[wire.Diversion](p, "call.diverted"); len(d) != 2 || d[1].CallID != first || d[1].Reason != "overflow" {
		t.Fatalf("diverted %+v", d)
	}
	if len(p.did(OpEnd, first)) != 1 { // nobody answered outside
		t.Fatal("rings for ever")
	}
	p.do(LegEnded{out})
	if len(p.did(OpEnd, second)) != 1 {
		t.Fatal("goes on without the party outside")
	}
}

func TestX13_W110_LimitIsExplicit(t *testing.T) {
	cfg := stageConfig()
	cfg.Limits = Limits{Calls: 2, RetryAfter: Seconds(7)}
	p := newPlay(t, cfg)
	p.ring("050", "100")
	p.ring("051", "100")
	e := problem.As(p.Directory().Room(p.Live()))
	if e.Status != 429 || e.Code != "call_limit" || e.Limit != 2 || e.Use != 2 || e.RetryAfter != 7 {
		t.Fatalf("%+v", e)
	}
	third := p.ring("052", "100") // came in between: refused all the same
	r := told[wire.Diversion](p, "call.refused")
	if len(r) != 1 || r[0].CallID != third || r[0].Limit != 2 || r[0].Use != 2 || len(p.did(OpEnd, third)) != 1 || p.Live() != 2 {
		t.Fatalf("refused %+v, %d alive", r, p.Live())
	}
}
