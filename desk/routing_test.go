package desk

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// oracle is a Router that answers as the test says, after a while.
type oracle struct {
	mu     sync.Mutex
	answer wire.Routed
	takes  time.Duration
	asked  []wire.RouteRequest
}

func (o *oracle) Route(ctx context.Context, h floor.RoutingHook, q wire.RouteRequest) wire.Routed {
	o.mu.Lock()
	o.asked = append(o.asked, q)
	r, takes := o.answer, o.takes
	o.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	r.Hook, r.CallID = h.ID, q.CallID
	return r
}

// hooked is a desk whose number 100 has a routing hook, and a second queue of eva's alone.
func hooked(t *testing.T, o *oracle, f func(r *rig, marks func() []wire.TimelineMark)) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var marks []wire.TimelineMark
		r := &rig{t: t, store: &memory{}, router: o, mark: func(_ string, m wire.TimelineMark) {
			mu.Lock()
			defer mu.Unlock()
			marks = append(marks, m)
		}}
		r.cfg = func(c *Config) {
			c.Queues = append(c.Queues, Queue{ID: "vip", Agents: []string{"eva"}})
			c.Hooks = []floor.RoutingHook{{ID: "crm", URL: "https://crm.example.com/route"}}
			c.Numbers[0].Hook = "crm"
			c.Skills = []floor.Skill{{ID: "french"}, {ID: "with a space"}}
			c.Agents[1].Skills = floor.Levels{{Skill: "french", Level: 6}}
			c.Agents[2].Queues = []string{"vip"} // eva
			c.Agents[0].Queues, c.Agents[1].Queues = []string{"main"}, []string{"main"}
		}
		r.start(nil)
		defer func() {
			if err := r.halt(); err != nil {
				t.Error(err)
			}
		}()
		f(r, func() []wire.TimelineMark {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(marks)
		})
	})
}

func (r *rig) waiting(queue string) int {
	for _, q := range r.Queues() {
		if q.ID == queue {
			return q.Waiting
		}
	}
	return -1
}

func TestRoutingHookChooses(t *testing.T) {
	five := 5
	for _, c := range []struct {
		name    string
		answer  wire.Routed
		queue   string
		outcome wire.RouteOutcome
	}{
		{"a queue", wire.Routed{Outcome: wire.RouteChosen, Queue: "vip", Priority: &five}, "vip", wire.RouteChosen},
		{"nothing", wire.Routed{Outcome: wire.RouteUnchanged}, "main", wire.RouteUnchanged},
		{"no answer in time", wire.Routed{Outcome: wire.RouteTimeout}, "main", wire.RouteTimeout},
		{"a queue there is not", wire.Routed{Outcome: wire.RouteChosen, Queue: "gone"}, "main", wire.RouteRefused},
		{"an agent there is not", wire.Routed{Outcome: wire.RouteChosen, Queue: "vip", Agent: "gone"}, "main", wire.RouteRefused},
		{"a skill there is not", wire.Routed{Outcome: wire.RouteChosen, Skills: []wire.RouteSkill{{Skill: "dutch"}}}, "main", wire.RouteRefused},
		{"a skill nobody has", wire.Routed{Outcome: wire.RouteChosen, Skills: []wire.RouteSkill{{Skill: "french", Level: 9}}}, "main", wire.RouteRefused},
		{"a level out of range", wire.Routed{Outcome: wire.RouteChosen, Skills: []wire.RouteSkill{{Skill: "french", Level: 11}}}, "main", wire.RouteRefused},
		{"a skill twice", wire.Routed{Outcome: wire.RouteChosen, Skills: []wire.RouteSkill{{Skill: "french"}, {Skill: "french"}}}, "main", wire.RouteRefused},
		{"a skill nobody of the chosen queue has", wire.Routed{Outcome: wire.RouteChosen, Queue: "vip", Skills: []wire.RouteSkill{{Skill: "french"}}}, "main", wire.RouteRefused},
		{"a skill", wire.Routed{Outcome: wire.RouteChosen, Skills: []wire.RouteSkill{{Skill: "french", Level: 5}}}, "main", wire.RouteChosen},
		{"a priority out of range", wire.Routed{Outcome: wire.RouteChosen, Priority: ptr(1001)}, "main", wire.RouteRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &oracle{answer: c.answer, takes: 300 * time.Millisecond}
			hooked(t, o, func(r *rig, marks func() []wire.TimelineMark) {
				id := r.ring("100")
				if got := r.waiting("main") + r.waiting("vip"); got != 0 {
					t.Errorf("%d calls wait before the hook has answered", got)
				}
				time.Sleep(400 * time.Millisecond)
				synctest.Wait()
				if r.waiting(c.queue) != 1 {
					t.Errorf("queue %s: %d calls", c.queue, r.waiting(c.queue))
				}
				events, err := r.deps.Bus.After(r.t.Context(), 0, nil, 1000)
				if err != nil {
					t.Fatal(err)
				}
				i := slices.IndexFunc(events, func(e wire.Event) bool { return e.Type == "call.routed" })
				if i < 0 {
					t.Fatal("no call.routed")
				}
				if d := events[i].Data.(wire.Routed); d.Outcome != c.outcome || d.CallID != id || d.Hook != "crm" {
					t.Errorf("%+v", d)
				}
				if m := marks(); len(m) != 1 || m[0].Type != "call.routed" || !strings.HasPrefix(m[0].Detail, "crm: "+string(c.outcome)) {
					t.Errorf("timeline %+v", m)
				}
				if q := o.asked[0]; q.CallID != id || q.To != "100" || q.From == "" || q.Queue != "main" || q.DryRun {
					t.Errorf("asked %+v", q)
				}
				if r.ring("200"); len(o.asked) != 1 {
					t.Error("a number without a hook was asked about")
				}
			})
		})
	}
}

func ptr[T any](v T) *T { return &v }

// The chosen agent is waited for first, although others are free for longer.
func TestRoutingHookChoosesAnAgent(t *testing.T) {
	o := &oracle{answer: wire.Routed{Outcome: wire.RouteChosen, Agent: "bor"}, takes: 10 * time.Millisecond}
	hooked(t, o, func(r *rig, _ func() []wire.TimelineMark) {
		for _, a := range []string{"ana", "bor"} {
			if _, err := r.SignIn(r.t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if _, err := r.SetState(r.t.Context(), a, wire.AgentReady, "", a); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		r.ring("100")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.Offers("bor"); len(got) != 1 {
			t.Errorf("bor has %d offers, ana %d", len(got), len(r.Offers("ana")))
		}
	})
}

// A call for which the hook asks for a skill waits for an agent who has it, although another is free; asked for a while
// only, it then goes to anybody. In another queue nothing is asked of its agents.
func TestRoutingHookChoosesBySkill(t *testing.T) {
	ready := func(r *rig, agents ...string) {
		for _, a := range agents {
			if _, err := r.SignIn(r.t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if _, err := r.SetState(r.t.Context(), a, wire.AgentReady, "", a); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
	}
	chosen := func(relax int) *oracle {
		return &oracle{answer: wire.Routed{Outcome: wire.RouteChosen, Skills: []wire.RouteSkill{{Skill: "french", Level: 5, RelaxAfterSeconds: relax}}}}
	}
	t.Run("who has it", func(t *testing.T) {
		hooked(t, chosen(0), func(r *rig, _ func() []wire.TimelineMark) {
			ready(r, "ana", "bor")
			r.ring("100")
			time.Sleep(time.Second)
			synctest.Wait()
			if o := r.Offers("bor"); len(o) != 1 || len(r.Offers("ana")) != 0 {
				t.Fatalf("%+v", r.Offers(""))
			}
			if d, err := r.WouldGet(nil, wire.DryRunRequest{To: "100"}); err != nil || len(d.Agents) == 0 || d.Agent == "ana" {
				t.Errorf("%+v %v", d, err)
			}
		})
	})
	t.Run("over a restart", func(t *testing.T) {
		hooked(t, chosen(0), func(r *rig, _ func() []wire.TimelineMark) {
			call := r.ring("100")
			time.Sleep(time.Second)
			synctest.Wait()
			kept := r.plane.calls
			r.kill()
			r.start(kept)
			ready(r, "ana")
			if n := len(r.Offers("")); n != 0 {
				t.Fatal("the skill is forgotten")
			}
			ready(r, "bor")
			synctest.Wait()
			if o := r.Offers("bor"); len(o) != 1 || o[0].CallID != call {
				t.Fatalf("%+v", r.Offers(""))
			}
		})
	})
	t.Run("for a while", func(t *testing.T) {
		hooked(t, chosen(20), func(r *rig, _ func() []wire.TimelineMark) {
			ready(r, "ana")
			r.ring("100")
			time.Sleep(19 * time.Second)
			synctest.Wait()
			if n := len(r.Offers("")); n != 0 {
				t.Fatal("offered before its time")
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if n := len(r.Offers("ana")); n != 1 {
				t.Fatalf("%d offers after it", n)
			}
		})
	})
}

// A caller who hangs up while the hook is asked leaves nothing behind, and what happens meanwhile comes in order.
func TestCallerLeavesBeforeTheHookAnswers(t *testing.T) {
	o := &oracle{answer: wire.Routed{Outcome: wire.RouteChosen, Queue: "vip"}, takes: 400 * time.Millisecond}
	hooked(t, o, func(r *rig, _ func() []wire.TimelineMark) {
		id := r.ring("100")
		if err := r.plane.EndCall(r.t.Context(), id, "cancelled", "customer"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.waiting("main") + r.waiting("vip"); got != 0 || r.alive.Load() != 0 {
			t.Errorf("%d calls wait, %d are alive", got, r.alive.Load())
		}
		r.gated.Lock()
		defer r.gated.Unlock()
		if len(r.held) != 0 {
			t.Errorf("%d calls held", len(r.held))
		}
	})
}

func TestDryRunAsksTheHook(t *testing.T) {
	o := &oracle{answer: wire.Routed{Outcome: wire.RouteChosen, Queue: "vip"}}
	hooked(t, o, func(r *rig, _ func() []wire.TimelineMark) {
		d, err := r.WouldGet(nil, wire.DryRunRequest{To: "100", From: "+38641"})
		if err != nil || d.Queue != "vip" || d.Routed == nil || d.Routed.Outcome != wire.RouteChosen || d.Routed.Hook != "crm" {
			t.Errorf("%+v %v", d, err)
		}
		if q := o.asked[0]; !q.DryRun || q.CallID != "" {
			t.Errorf("asked %+v", q)
		}
		if d, err = r.WouldGet(nil, wire.DryRunRequest{To: "200"}); err != nil || d.Routed != nil || len(o.asked) != 1 {
			t.Errorf("%+v %v", d, err)
		}
	})
}

func TestHooksAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"/hooks/0/url":             func(c *Config) { c.Hooks[0].URL = "crm.example.com" },
		"/hooks/0/timeout":         func(c *Config) { c.Hooks[0].Timeout = Seconds(6) },
		"/hooks/0/pause":           func(c *Config) { c.Hooks[0].Pause = Seconds(7200) },
		"/hooks/0/failures":        func(c *Config) { c.Hooks[0].Failures = -1 },
		"/hooks/1/id":              func(c *Config) { c.Hooks = append(c.Hooks, c.Hooks[0]) },
		"/hooks/0/secret":          func(c *Config) { c.Hooks[0].Secret = -1 },
		"/hooks/0/old_secret_till": func(c *Config) { c.Hooks[0].OldSecretTill = time.Now() },
		"/numbers/0/hook":          func(c *Config) { c.Numbers[0].Hook = "gone" },
	} {
		c := testConfig()
		c.Hooks = []floor.RoutingHook{{ID: "crm", URL: "https://crm.example.com/route"}}
		change(&c)
		if !slices.ContainsFunc(c.Check(), func(f floor.Finding) bool { return f.Pointer == want && !f.Warning }) {
			t.Errorf("%s is not found: %+v", want, c.Check())
		}
	}
}
