package desk

import (
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

func (r *rig) alarms(typ string) (out []wire.Alarm) {
	for _, e := range r.events("desk.alarm") {
		if a := e.Data.(wire.Alarm); a.Type == typ {
			out = append(out, a)
		}
	}
	return out
}

// save puts the rig's configuration in force with a change.
func (r *rig) save(change func(*Config)) {
	r.t.Helper()
	cfg := testConfig()
	r.cfg(&cfg)
	change(&cfg)
	if _, err := r.SaveConfig(r.t.Context(), cfg, r.ConfigVersion(), "", "adm"); err != nil {
		r.t.Fatal(err)
	}
	went(time.Second)
}

// What belongs to an agent who is taken out of the configuration is anybody's then, and not stuck.
func TestWorkOfARemovedAgentIsGivenToAll(t *testing.T) {
	without := func(c *Config) {
		c.Agents = slices.DeleteFunc(c.Agents, func(a floor.Agent) bool { return a.ID == "ana" })
	}
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		web := r.asked()
		if _, err := r.AssignCallback(t.Context(), web.ID, "ana", 0, "", "sup"); err != nil {
			t.Fatal(err)
		}
		req := inHours(1)
		req.Assignee = "ana"
		planned := r.plan(req, "ana")
		r.ready("bor")
		went(5 * time.Second)
		if n := len(r.Offers("bor")); n != 0 {
			t.Fatal("it is ana's")
		}
		r.save(without)
		if c := r.callback(web.ID, wire.CallbackOffered); c.Assignee != "" || c.Agent != "bor" {
			t.Errorf("%+v", c)
		}
		if c := r.callback(planned.ID, wire.CallbackPlanned); c.Assignee != "" {
			t.Errorf("%+v", c)
		}
	})
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		went(12 * time.Hour)
		cid := r.campaign(wire.ModePushPreview, people(1), nil)
		r.campaignStart(cid)
		r.ready("ana")
		r.take("ana")
		rec := r.record(cid, 1)
		q := wire.RecordReschedule{Date: time.Now().UTC().Format(time.DateOnly), Time: "13:00", Personal: true}
		if got := r.do(floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Own: true, Reschedule: q}); got.Personal != "ana" {
			t.Fatalf("%+v", got)
		}
		if _, err := r.SignOut(t.Context(), "ana", "ana"); err != nil {
			t.Fatal(err)
		}
		went(time.Minute)
		r.save(without)
		if got := r.record(cid, 1); got.Personal != "" {
			t.Fatalf("%+v", got)
		}
		r.ready("bor")
		went(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)) + 2*time.Second)
		if o := r.offered("bor"); o.Record == nil || o.Record.ID != rec.ID {
			t.Errorf("%+v", o)
		}
	})
}

// A queue whose agents all take no callbacks, or that has no number to call from, keeps its callbacks for ever: that
// is told when they are due, when the configuration becomes so, and when it is saved.
func TestX17_CallbacksNobodyCanTake(t *testing.T) {
	nobody := func(c *Config) {
		for i := range c.Agents {
			c.Agents[i].NoCallbacks = []string{"main"}
		}
	}
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		r.asked()
		if len(r.alarms("callback.no_eligible_agent")) != 0 {
			t.Fatal("nobody is here yet, but somebody may come")
		}
		r.save(nobody)
		a := r.alarms("callback.no_eligible_agent")
		if len(a) != 1 || a[0].Queue != "main" || a[0].Count != 1 {
			t.Fatalf("%+v", a)
		}
		cfg := testConfig()
		r.cfg(&cfg)
		nobody(&cfg)
		got, err := r.CheckConfig(cfg)
		if err != nil || !slices.ContainsFunc(got.Saved.Findings, func(f wire.Finding) bool {
			return f.Code == "swallows_callbacks" && f.Pointer == "/queues/0" && f.Warning
		}) {
			t.Errorf("%+v %v", got.Saved.Findings, err)
		}
		req := inHours(1)
		req.Assignee = "ana"
		_, err = r.PlanCallback(t.Context(), req, "", "sup")
		r.fault(err, 422, "/assignee", "no_callbacks")
		r.plan(inHours(1), "bor")
		went(time.Hour + time.Second)
		if a = r.alarms("callback.no_eligible_agent"); len(a) != 2 {
			t.Errorf("when it is due: %+v", a)
		}
	})
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		r.asked()
		r.save(func(c *Config) { c.Callbacks.EntryPoints[0].Off = true })
		if a := r.alarms("callback.no_entry_point"); len(a) != 1 || a[0].Queue != "main" {
			t.Errorf("%+v", a)
		}
	})
}
