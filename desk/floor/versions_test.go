package floor

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Another configuration comes into force under calls that ring, wait and talk, and drops none.
func TestReconfigureLive(t *testing.T) {
	p := newPlay(t, stageConfig())
	p.ready("ana", "bor")
	talking := p.ring("050", "100")
	p.talk("ana")
	ringing := p.ring("051", "100")
	waiting := p.ring("052", "100")
	deadline := p.Offers("bor")[0].Deadline

	cfg := stageConfig()
	cfg.Queues[1].ID, cfg.Queues[1].Name = "care", "Customer care" // the queue they wait in is called differently
	for i := range cfg.Numbers {
		if cfg.Numbers[i].Queue == "help" {
			cfg.Numbers[i].Queue = "care"
		}
	}
	cfg.Queues[1].Agents = []string{"eva", "iva", "ana"}
	p.do(Reconfigure{Config: cfg, Actor: "adm", Note: "rename"})
	for call, want := range map[string]contact.State{talking: contact.Connected, ringing: contact.Offered, waiting: contact.Queued} {
		if c := p.Floor.state.Contacts[call]; c.State != want || c.Queue != "care" {
			t.Errorf("%s: %+v, want %s", call, c, want)
		}
	}
	if got := p.Offers("bor"); len(got) != 1 || !got[0].Deadline.Equal(deadline) {
		t.Errorf("the open offer: %+v", got)
	}
	p.ready("eva")
	p.wants("eva", waiting)
	if e := told[wire.DeskConfig](p, "config.changed"); len(e) != 1 || e[0].Version != 1 || e[0].Actor != "adm" || e[0].Config != nil {
		t.Errorf("told %+v", e)
	}
	p.pass(20 * time.Second)
	p.is("bor", wire.AgentNotReady, "rona") // its deadline stands

	for name, c := range map[string]struct {
		spoil func(*Config)
		base  int
		code  string
	}{
		"made from an old version":     {func(*Config) {}, 0, "config_version"},
		"an agent who is here":         {func(c *Config) { c.Agents[0].ID = "ada"; c.Queues[1].Agents[2] = "ada"; c.Stages[0].Agents[0] = "ada" }, 1, "agent_in_use"},
		"a queue whose calls are lost": {func(c *Config) { c.Queues[1].ID = "x"; c.Numbers = nil }, 1, "queue_in_use"},
	} {
		cfg := cfg
		cfg.Agents, cfg.Queues, cfg.Numbers, cfg.Stages = slices.Clone(cfg.Agents), slices.Clone(cfg.Queues), slices.Clone(cfg.Numbers), slices.Clone(cfg.Stages)
		cfg.Queues[1].Agents, cfg.Stages[0].Agents = slices.Clone(cfg.Queues[1].Agents), slices.Clone(cfg.Stages[0].Agents)
		c.spoil(&cfg)
		if e := problem.As(p.try(Reconfigure{Config: cfg, Base: c.base})); e.Status != 409 || e.Code != c.code {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if p.Version() != 1 {
		t.Errorf("version %d", p.Version())
	}
}

func TestVersionsOutliveRestartAndAreBounded(t *testing.T) {
	versionLimit := DefaultConfig().Limits.ConfigVersions
	p := newPlay(t, stageConfig())
	for i := range versionLimit + 3 {
		cfg := stageConfig()
		cfg.Queues[0].Priority = i + 1
		p.do(Reconfigure{Config: cfg, Base: i, Actor: "adm"})
	}
	state := NewState()
	for _, c := range p.log {
		if err := state.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	f, err := New(stageConfig(), state, func(s string) string { return s })
	if err != nil {
		t.Fatal(err)
	}
	if f.Version() != versionLimit+3 || f.Config().Queues[0].Priority != versionLimit+3 {
		t.Errorf("after the restart: version %d, priority %d", f.Version(), f.Config().Queues[0].Priority)
	}
	if n := len(f.Versions()); n != versionLimit+1 {
		t.Errorf("%d versions are kept, want %d and the file's", n, versionLimit)
	}
	if s, err := f.Saved(0); err != nil || s.Config.Queues[0].Priority != 0 {
		t.Errorf("the file's: %+v, %v", s.Config.Queues[0], err)
	}
	if _, err := f.Saved(1); problem.As(err).Status != 404 {
		t.Errorf("one that is forgotten: %v", err)
	}
	old, _ := f.Saved(10)
	if _, _, err := f.Step(time.Now(), Reconfigure{Config: old.Config, Base: f.Version(), Note: "back"}); err != nil {
		t.Fatal(err)
	}
	if f.Config().Queues[0].Priority != 10 || f.Version() != versionLimit+4 {
		t.Errorf("rolled back to %d, version %d", f.Config().Queues[0].Priority, f.Version())
	}
}

// With fewer to keep the older ones go at the next save, and what is out of range is refused.
func TestFewerVersionsAreKept(t *testing.T) {
	p := newPlay(t, stageConfig())
	for i := range 6 {
		cfg := stageConfig()
		cfg.Queues[0].Priority = i + 1
		if i == 5 {
			cfg.Limits.ConfigVersions = 2
		}
		p.do(Reconfigure{Config: cfg, Base: i, Actor: "adm"})
	}
	var kept []int
	for _, v := range p.Versions() {
		kept = append(kept, v.Version)
	}
	if !slices.Equal(kept, []int{6, 5, 0}) {
		t.Errorf("kept %v", kept)
	}
	for _, n := range []int{-1, 1001} {
		cfg := stageConfig()
		cfg.Limits.ConfigVersions = n
		if e := problem.As(p.try(Reconfigure{Config: cfg, Base: 6})); e.Status != 422 || e.Fields[0].Pointer != "/limits/config_versions" {
			t.Errorf("%d: %+v", n, e)
		}
	}
}

func TestDiff(t *testing.T) {
	a, b := stageConfig(), stageConfig()
	if d := Diff(a, b); len(d) != 0 {
		t.Fatalf("nothing changed: %+v", d)
	}
	b.Queues[1].Ring = Seconds(15)
	b.Agents = append([]Agent{{ID: "new"}}, b.Agents...) // in front: still one change
	b.Numbers = b.Numbers[:4]
	b.Limits.Calls = 9
	got := map[string]string{}
	for _, c := range Diff(a, b) {
		got[c.Pointer] = string(c.From) + " -> " + string(c.To)
	}
	want := map[string]string{
		"/queues/help/ring": `"20s" -> "15s"`, "/agents/new": ` -> {"id":"new"}`, "/limits/calls": " -> 9",
		"/numbers/400": `{"agents":["eva","iva"],"class":3,"number":"400","queue":"help"} -> `,
	}
	for p, w := range want {
		if got[p] != w {
			t.Errorf("%s: %q, want %q", p, got[p], w)
		}
		delete(got, p)
	}
	if len(got) > 0 {
		t.Errorf("also: %v", got)
	}
}

func TestDryRunSaysWhoAndWhyNobodyElse(t *testing.T) {
	cfg := stageConfig()
	cfg.Skills = []Skill{{ID: "de"}}
	cfg.Agents[0].Skills, cfg.Agents[1].Skills = Levels{{"de", 5}}, Levels{{"de", 7}}
	cfg.Queues[1].Skills = []Need{{Skill: "de", Level: 5, RelaxAfter: Seconds(60)}}
	cfg.Profiles = []Profile{{ID: "off"}}
	cfg.Agents[3].Profile = "off"
	p := newPlay(t, cfg)
	p.ready("eva", "ana")
	before, _ := json.Marshal(p.Snapshot())
	ask := func(c *Config, q wire.DryRunRequest) (wire.DryRun, map[string]string) {
		t.Helper()
		r, err := p.WouldGet(c, q, nil, p.at)
		if err != nil {
			t.Fatal(err)
		}
		why := map[string]string{}
		for _, a := range r.Agents {
			why[a.ID] = a.Reason
		}
		return r, why
	}
	r, why := ask(nil, wire.DryRunRequest{To: "100"})
	if r.Agent != "ana" || r.Queue != "help" || r.Class != 3 || why["eva"] != "skills" || why["iva"] != "not_permitted" || why["bor"] != "offline" {
		t.Errorf("%+v %v", r, why)
	}
	if r, why = ask(nil, wire.DryRunRequest{To: "100", WaitedSeconds: 60}); r.Agent != "eva" || why["eva"] != "" { // idle for longer
		t.Errorf("after a minute: %+v %v", r, why)
	}
	if r, why = ask(nil, wire.DryRunRequest{To: "300", From: "9"}); r.Agent != "" || r.Class != 2 || why["ana"] != "not_assigned" || why["bor"] != "offline" {
		t.Errorf("a stage: %+v %v", r, why)
	}
	candidate := stageConfig()
	candidate.Stages[1].Agents = []string{"eva"}
	if r, _ = ask(&candidate, wire.DryRunRequest{To: "300"}); r.Agent != "eva" {
		t.Errorf("a candidate: %+v", r)
	}
	if _, err := p.WouldGet(nil, wire.DryRunRequest{To: "999"}, nil, p.at); problem.As(err).Status != 404 {
		t.Errorf("an unknown number: %v", err)
	}
	bad := stageConfig()
	bad.Stages[1].Agents = nil
	if _, err := p.WouldGet(&bad, wire.DryRunRequest{To: "300"}, nil, p.at); problem.As(err).Status != 422 {
		t.Errorf("a candidate that swallows calls: %v", err)
	}
	if after, _ := json.Marshal(p.Snapshot()); string(after) != string(before) {
		t.Error("a dry run changes the state")
	}
	call := p.ring("050", "100")
	if p.offered("ana") != call {
		t.Error("the dry run was wrong")
	}
}
