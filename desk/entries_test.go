package desk

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/signaling/wire"
)

// byDay is entry points that are active from eight to four, the second one on all days but Saturday (the day on
// which the bubble begins) and Sunday.
func byDay(c *Config) {
	day := hours.Config{Zone: "UTC", Week: []hours.Span{{From: "08:00", Till: "16:00"}}}
	week := hours.Config{Zone: "UTC", Week: []hours.Span{{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "08:00", Till: "16:00"}}}
	c.Callbacks.EntryPoints = []floor.EntryPoint{{Number: "0800", Trunk: "t", Hours: day}, {Number: "0810", Trunk: "t", Hours: week}, {Number: "0801", Off: true}}
}

// In the evening, when no entry point is active, a callback for the next morning can be planned, asked for and moved,
// and is made then; only one that is chosen must be active now (W114), and some one must be at its time.
func TestW103_PlannedWhileNoEntryPointIsActive(t *testing.T) {
	calling(t, map[string]string{"041555555": "answer", "041666666": "answer"}, byDay, func(t *testing.T, r *rig) {
		went(18*time.Hour + 5*time.Minute)
		if l := r.EntryPoints(); len(l.Items) != 0 || !l.Planning {
			t.Fatalf("%+v", l)
		}
		morning := inHours(16) // five past ten
		c := r.plan(morning, "ana")
		if c.EntryPoint != "0800" {
			t.Errorf("%+v", c)
		}
		got, err := r.AskCallback(t.Context(), wire.CallbackAsk{Number: "041666666", Name: "Ana Web", Queue: "main", Date: morning.Date, From: morning.From, Till: morning.Till, Zone: "UTC"}, true)
		if err != nil || got.State != wire.CallbackPlanned {
			t.Fatalf("%+v %v", got, err)
		}
		if c, err = r.RescheduleCallback(t.Context(), c.ID, morning, "ana", "ana"); err != nil || c.EntryPoint != "0800" {
			t.Fatalf("%+v %v", c, err)
		}
		undated, err := r.AskCallback(t.Context(), wire.CallbackAsk{Number: "041666666", Name: "Ana Web", Queue: "main"}, true)
		if err != nil || undated.State != wire.CallbackWaiting {
			t.Fatalf("%+v %v", undated, err)
		}
		chosen := morning
		chosen.EntryPoint = "0800"
		_, err = r.PlanCallback(t.Context(), chosen, "ana", "ana")
		r.fault(err, 422, "/entry_point", "not_active")
		night := inHours(3)
		_, err = r.PlanCallback(t.Context(), night, "ana", "ana")
		r.fault(err, 422, "", "no_entry_point")
		if d := r.dialled(); len(d) != 0 {
			t.Fatalf("at night: %v", d)
		}
		r.ready("ana")
		went(13*time.Hour + 55*time.Minute) // eight: the one without a date first
		r.callback(undated.ID, wire.CallbackOffered)
		r.take("ana")
		r.callback(undated.ID, wire.CallbackTalking)
		r.ready("bor", "eva")
		went(2*time.Hour + 5*time.Minute + time.Second)
		r.callback(c.ID, wire.CallbackOffered)
		r.callback(got.ID, wire.CallbackOffered)
	})
}

// At peak times too: everybody is busy and callers wait, and a callback is offered to them instead.
func TestW103_AtPeakTimes(t *testing.T) {
	calling(t, nil, func(c *Config) { c.Callbacks.CourtesyDigit = "1" }, func(t *testing.T, r *rig) {
		r.ready("ana")
		r.talk("ana")
		for range 5 {
			r.ring("100")
		}
		call := r.ring("100")
		r.plane.bus.Publish("leg.dtmf", call, "customer", wire.Digit{CallID: call, LegID: "leg_" + call, Digit: "1"})
		synctest.Wait()
		l := r.Callbacks(CallbackFilter{})
		if len(l) != 1 || l[0].Kind != wire.CallbackCourtesy || l[0].State != wire.CallbackWaiting || l[0].Origin != call {
			t.Errorf("%+v", l)
		}
	})
}

// A campaign whose entry point is not active is not dialled, in no mode: the call would have no number to show.
func TestCampaignWaitsForItsEntryPoint(t *testing.T) {
	for _, mode := range []wire.CampaignMode{wire.ModePreview, wire.ModePushPreview, wire.ModeProgressive} {
		calling(t, nil, byDay, func(t *testing.T, r *rig) {
			went(15*time.Hour + 59*time.Minute)
			cid := r.campaign(mode, people(2), nil)
			r.campaignStart(cid)
			var rec wire.CampaignRecord
			if mode == wire.ModePreview {
				r.ready("bor")
				rec = r.next(cid, "bor")
				a, _ := r.Agent("bor")
				if c, _ := r.plane.Call(a.CallID); c.From != "0800" {
					t.Errorf("%+v", c)
				}
			}
			went(2 * time.Minute)
			r.ready("ana")
			went(10 * time.Second)
			if d := r.dialled(); len(d) != 0 || len(r.Offers("ana")) != 0 {
				t.Fatalf("%s: %v", mode, d)
			}
			if mode == wire.ModePreview {
				_, err := r.AskRecord(t.Context(), cid, "ana")
				r.fault(err, 422, "", "no_entry_point")
				_, err = r.ChangeRecord(t.Context(), floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "bor"})
				r.fault(err, 422, "", "no_entry_point")
				return
			}
			went(time.Until(time.Now().Truncate(24*time.Hour).Add(32*time.Hour)) + 3*time.Second) // past eight
			if n := len(r.Offers("ana")) + len(r.dialled()); n == 0 {
				t.Errorf("%s: nothing in the morning", mode)
			}
		})
	}
}

// What a form does not know of a callback stays as it is when the callback is changed or moved.
func TestG1_WhatIsNotSaidStays(t *testing.T) {
	calling(t, map[string]string{"041555555": "no_answer"}, func(c *Config) {
		c.Callbacks.EntryPoints = append(c.Callbacks.EntryPoints, floor.EntryPoint{Number: "0810", Trunk: "t"})
	}, func(t *testing.T, r *rig) {
		req := inHours(1)
		req.Assignee, req.Preferred, req.FallbackSeconds, req.EntryPoint, req.Attempts, req.RetrySeconds, req.Reason, req.CallID = "ana", "ana", 300, "0810", 2, 1200, "invoice", "call_1"
		c := r.plan(req, "bor")
		same := func(what string, got wire.Callback) {
			t.Helper()
			if got.Assignee != "ana" || got.Preferred != "ana" || got.EntryPoint != "0810" || got.Limit != 2 || got.Origin != "call_1" || got.Reason != "invoice" || got.Name != req.Name {
				t.Errorf("%s: %+v", what, got)
			}
		}
		edit := inHours(2)
		edit.Assignee, edit.Reason, edit.CallID = "ana", "invoice", "call_2"
		got, err := r.ChangeCallback(t.Context(), c.ID, edit, 0, "", "sup")
		if err != nil {
			t.Fatal(err)
		}
		same("changed", got)
		at := inHours(1)
		if got, err = r.RescheduleCallback(t.Context(), c.ID, wire.CallbackRequest{Date: at.Date, From: at.From, Till: at.Till}, "", "crm"); err != nil {
			t.Fatal(err)
		}
		same("moved", got)
		// The retry time and the fallback are still those that were asked for.
		r.ready("bor")
		went(time.Hour + time.Second)
		if r.callback(c.ID, wire.CallbackWaiting); len(r.Offers("bor")) != 0 {
			t.Fatal("it is ana's alone")
		}
		went(5 * time.Minute)
		r.callback(c.ID, wire.CallbackOffered)
		r.take("bor")
		if got = r.callback(c.ID, wire.CallbackPlanned); got.Next == nil || time.Until(*got.Next).Round(time.Minute) != 20*time.Minute {
			t.Errorf("%+v", got)
		}
	})
}
