package desk

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// tomorrow is a moment of the next day as a form writes it, in UTC.
func tomorrow(clock string) (date, at string) {
	return time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly), clock
}

// asked is a web callback of a customer, confirmed.
func (r *rig) asked() wire.CallbackReceipt {
	r.t.Helper()
	c, err := r.AskCallback(r.t.Context(), wire.CallbackAsk{Number: "041555555", Name: "Ana Web", Queue: "main"}, true)
	if err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
	return c
}

// Each of the three kinds is set to another time, and is made then and not before: a campaign's record, a callback that
// an agent planned, and one that a customer asked for on the web.
func TestG1_EachKindIsRescheduled(t *testing.T) {
	t.Run("record", func(t *testing.T) {
		working(t, wire.ModePreview, people(1), nil, nil, func(t *testing.T, r *rig, cid string) {
			r.campaignStart(cid)
			r.ready("ana")
			rec := r.next(cid, "ana")
			date, at := tomorrow("10:00")
			got := r.do(floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Actor: "ana", Reschedule: wire.RecordReschedule{Date: date, Time: at, Zone: "UTC", Personal: true}})
			went(time.Until(*got.Next) - time.Minute)
			if n := len(r.Offers("")); n != 0 {
				t.Fatal("before its time")
			}
			went(time.Minute + 2*time.Second)
			if o := r.offered("ana"); o.Record == nil || o.Record.ID != rec.ID {
				t.Fatalf("%+v", o)
			}
		})
	})
	move := func(t *testing.T, r *rig, id string) {
		t.Helper()
		later := inHours(3)
		got, err := r.RescheduleCallback(t.Context(), id, wire.CallbackRequest{Date: later.Date, From: later.From, Till: later.Till, Zone: "UTC"}, "ana", "ana")
		if err != nil || got.State != wire.CallbackPlanned {
			t.Fatalf("%+v %v", got, err)
		}
		went(3*time.Hour - time.Minute)
		r.callback(id, wire.CallbackPlanned)
		went(time.Minute + time.Second)
		r.callback(id, wire.CallbackOffered)
	}
	busy := map[string]string{"041555555": "busy"}
	t.Run("planned", func(t *testing.T) {
		calling(t, busy, nil, func(t *testing.T, r *rig) {
			c := r.plan(inHours(1), "ana")
			went(time.Hour + time.Second)
			r.ready("ana")
			r.take("ana")
			move(t, r, c.ID)
		})
	})
	t.Run("web", func(t *testing.T) {
		calling(t, busy, nil, func(t *testing.T, r *rig) {
			c := r.asked()
			r.ready("ana")
			r.take("ana")
			move(t, r, c.ID)
		})
	})
}

// A personal record comes to the agent who set it and to nobody else, also when that agent is away at its time; any
// other goes back to the list, where whoever asks gets it.
func TestG7_PersonalOrBackToTheList(t *testing.T) {
	for _, personal := range []bool{true, false} {
		working(t, wire.ModePreview, people(1), nil, nil, func(t *testing.T, r *rig, cid string) {
			r.campaignStart(cid)
			r.ready("ana")
			rec := r.next(cid, "ana")
			date, at := tomorrow("10:00")
			got := r.do(floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Actor: "ana", Reschedule: wire.RecordReschedule{Date: date, Time: at, Zone: "UTC", Personal: personal}})
			if (got.Personal == "ana") != personal {
				t.Fatalf("%+v", got)
			}
			if _, err := r.SetState(t.Context(), "ana", wire.AgentNotReady, "break", "ana"); err != nil {
				t.Fatal(err)
			}
			r.ready("bor")
			went(time.Until(*got.Next) + 2*time.Second)
			_, err := r.AskRecord(t.Context(), cid, "bor")
			synctest.Wait()
			if personal {
				r.fault(err, 404, "", "no_record")
				if _, err := r.SetState(t.Context(), "ana", wire.AgentReady, "", "ana"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if o := r.offered("ana"); o.Record.ID != rec.ID {
					t.Fatalf("%+v", o)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if now := r.record(cid, 1); now.Agent != "bor" {
				t.Fatalf("%+v", now)
			}
		})
	}
}

// Another known number is picked: it and no other is dialled then. One the contact does not have is refused.
func TestG10_AnotherKnownNumber(t *testing.T) {
	working(t, wire.ModePreview, "name,number,number2,number3\nAna,041000001,041000002,041000003\n", nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		rec := r.next(cid, "ana")
		date, at := tomorrow("10:00")
		q := wire.RecordReschedule{Date: date, Time: at, Zone: "UTC", Personal: true, Number: "041999999"}
		_, err := r.ChangeRecord(t.Context(), floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Actor: "ana", Reschedule: q})
		r.fault(err, 422, "/number", "unknown")
		q.Number = "041 000 003"
		got := r.do(floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Actor: "ana", Reschedule: q})
		went(time.Until(*got.Next) + 2*time.Second)
		if o := r.offered("ana"); o.From != "041000003" {
			t.Fatalf("%+v", o)
		}
		call, _ := r.take("ana")
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "ana", Actor: "ana"})
		if d := r.dialled(); len(d) != 1 || d[0] != call+" 041000003" {
			t.Fatalf("dialled %v", d)
		}
	})
}

// A web callback stands before its agent, who calls; nobody answers, and the agent sets another time from there. With
// another number of the customer it is that one that is called then (G20).
func TestG18_G20_WebCallbackFromItsPreview(t *testing.T) {
	numbers := map[string]string{"041555555": "no_answer", "041666666": "answer"}
	calling(t, numbers, func(c *Config) { c.Callbacks.Preview = true }, func(t *testing.T, r *rig) {
		c := r.asked()
		r.ready("ana")
		r.take("ana")
		if got := r.callback(c.ID, wire.CallbackPreview); got.Kind != wire.CallbackWeb {
			t.Fatalf("%+v", got)
		}
		later := inHours(3)
		req := wire.CallbackRequest{Number: "041 666 666", Date: later.Date, From: later.From, Till: later.Till, Zone: "UTC"}
		if _, err := r.DialCallback(t.Context(), c.ID, "", "ana", "ana"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d := r.dialled(); len(d) != 1 {
			t.Fatalf("dialled %v", d)
		}
		if now, err := r.Callback(c.ID); err != nil || now.Result != "no_answer" {
			t.Fatalf("%+v %v", now, err)
		}
		got, err := r.RescheduleCallback(t.Context(), c.ID, req, "ana", "ana")
		if err != nil || got.State != wire.CallbackPlanned || got.Number != "041 666 666" {
			t.Fatalf("%+v %v", got, err)
		}
		went(3*time.Hour + time.Second)
		r.callback(c.ID, wire.CallbackOffered)
		r.take("ana")
		if _, err := r.DialCallback(t.Context(), c.ID, "", "ana", "ana"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.callback(c.ID, wire.CallbackTalking)
		if d := r.dialled(); len(d) != 2 || d[1][len(d[1])-9:] != "041666666" {
			t.Fatalf("dialled %v", d)
		}
	})
	// And before anybody was called.
	calling(t, nil, func(c *Config) { c.Callbacks.Preview = true }, func(t *testing.T, r *rig) {
		c := r.asked()
		r.ready("ana")
		call, _ := r.take("ana")
		later := inHours(3)
		if _, err := r.RescheduleCallback(t.Context(), c.ID, wire.CallbackRequest{Date: later.Date, From: later.From, Till: later.Till, Zone: "UTC"}, "ana", "ana"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if k, _ := r.plane.Call(call); k.State != wire.CallEnded || len(r.dialled()) != 0 {
			t.Fatalf("%s, dialled %v", k.State, r.dialled())
		}
	})
}

// On the call the agent writes what is learnt, keeps a callback, chooses a result and has a call's actions; what was
// written is kept with the record when it is closed.
func TestG32_OnTheCall(t *testing.T) {
	working(t, wire.ModePreview, people(1), func(q *wire.CampaignRequest) {
		q.Dispositions = []wire.Disposition{{Code: "sold"}, {Code: "later"}}
	}, map[string]string{"041000001": "answer"}, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		rec := r.next(cid, "ana")
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "ana", Actor: "ana"})
		rec = r.record(cid, 1)
		if rec.State != wire.RecordTalking {
			t.Fatalf("%+v", rec)
		}
		name := "Ana Kranjc"
		change := func(p wire.RecordPatch) (wire.CampaignRecord, error) {
			return r.ChangeRecord(t.Context(), floor.ChangeRecord{ID: rec.ID, Do: "change", Agent: "ana", Actor: "ana", Patch: p})
		}
		got, err := change(wire.RecordPatch{Name: &name, Fields: map[string]string{"debt": "0 EUR"}})
		if err != nil || got.Name != name || got.Fields["debt"] != "0 EUR" || got.Version == rec.Version || got.State != wire.RecordTalking {
			t.Fatalf("%+v %v", got, err)
		}
		_, err = change(wire.RecordPatch{Fields: map[string]string{"debt": "x", "colour": "red"}})
		r.fault(err, 422, "/fields/colour", "unknown")
		if now := r.record(cid, 1); now.Fields["debt"] != "0 EUR" {
			t.Fatalf("a refused change is half done: %+v", now)
		}
		if h := r.handled(rec.CallID); !h.Controls["ana"].Hold.Enabled || !h.Controls["ana"].End.Enabled || !h.Controls["ana"].Transfer.Enabled || !h.Controls["ana"].Consult.Enabled || !h.Controls["ana"].Keypad.Enabled {
			t.Errorf("%+v", h.Controls["ana"])
		}
		req := inHours(2)
		req.CallID = rec.CallID
		if c := r.plan(req, "ana"); c.Origin != rec.CallID {
			t.Errorf("%+v", c)
		}
		_, err = r.ChangeRecord(t.Context(), floor.ChangeRecord{ID: rec.ID, Do: "done", Agent: "ana", Actor: "ana", Done: wire.RecordDone{Disposition: "gold"}})
		r.fault(err, 422, "/disposition", "unknown")
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "done", Agent: "ana", Actor: "ana", Done: wire.RecordDone{Disposition: "sold"}})
		if now := r.record(cid, 1); now.State != wire.RecordClosed || now.Result != "sold" || now.Name != name || now.Fields["debt"] != "0 EUR" {
			t.Errorf("%+v", now)
		}
		_, err = change(wire.RecordPatch{Name: &name})
		r.fault(err, 404, "", "record_not_found") // closed, and kept with its list
	})
}

// The mode is the supervisor's to choose, and to change while the campaign rests: the same list comes to the same agent
// when asked for, by itself, or with the answered call.
func TestG24_TheModeDecidesHowRecordsCome(t *testing.T) {
	working(t, wire.ModePreview, people(9), nil, map[string]string{"041000003": "answer"}, func(t *testing.T, r *rig, cid string) {
		mode := func(m wire.CampaignMode) {
			t.Helper()
			if c, err := r.Campaign(cid); err != nil {
				t.Fatal(err)
			} else if c.State == wire.CampaignRunning {
				req := c.Setup
				req.Mode = m
				_, err := r.ChangeCampaign(t.Context(), cid, req, "sup")
				r.fault(err, 409, "", "campaign_wrong_state")
				if _, err := r.MoveCampaign(t.Context(), cid, "pause", "sup"); err != nil {
					t.Fatal(err)
				}
			}
			c, err := r.Campaign(cid)
			if err != nil {
				t.Fatal(err)
			}
			c.Setup.Mode = m
			if _, err := r.ChangeCampaign(t.Context(), cid, c.Setup, "sup"); err != nil {
				t.Fatal(err)
			}
			r.campaignStart(cid)
			went(5 * time.Second)
		}
		finish := func(row int) {
			t.Helper()
			r.do(floor.ChangeRecord{ID: r.record(cid, row).ID, Do: "cancel", Agent: "ana", Actor: "ana"})
			went(40 * time.Second) // a wrap-up, if there is one
		}
		r.ready("ana")
		mode(wire.ModePreview)
		if n := len(r.Offers("ana")); n != 0 {
			t.Fatal("manual: comes by itself")
		}
		if rec := r.next(cid, "ana"); rec.Row != 1 || len(r.dialled()) != 0 {
			t.Fatalf("%+v, dialled %v", rec, r.dialled())
		}
		finish(1)
		mode(wire.ModePushPreview)
		if o := r.offered("ana"); o.Record == nil || o.Record.Row != 2 || len(r.dialled()) != 0 {
			t.Fatalf("%+v", o)
		}
		r.take("ana")
		finish(2)
		if len(r.dialled()) != 0 {
			t.Fatalf("dialled %v", r.dialled())
		}
		r.is("ana", wire.AgentReserved, "") // push goes on with the next
		if _, err := r.Decline(t.Context(), r.offered("ana").ID, "ana"); err != nil {
			t.Fatal(err)
		}
		mode(wire.ModeProgressive)
		if _, err := r.SetState(t.Context(), "ana", wire.AgentReady, "", "ana"); err != nil {
			t.Fatal(err)
		}
		went(5 * time.Second)
		o := r.events("offer.created")
		if last := o[len(o)-1].Data.(wire.Offer); !last.Auto || last.Record.Row != 3 || len(r.dialled()) != 1 {
			t.Fatalf("%+v, dialled %v", last, r.dialled())
		}
	})
}

// Agents find contacts of the lists and call them back.
func TestG17_S22_CallbackFromTheContactSearch(t *testing.T) {
	working(t, wire.ModePreview, people(3), nil, nil, func(t *testing.T, r *rig, _ string) {
		found := r.SearchContacts("person 2", 10)
		if len(found) != 1 || found[0].ListName != "spring" || found[0].Row != 2 {
			t.Fatalf("%+v", found)
		}
		req := inHours(1)
		req.Name, req.Number = found[0].Name, found[0].Numbers[0].Number
		c := r.plan(req, "ana")
		r.ready("ana")
		went(time.Hour + time.Second)
		if o := r.offered("ana"); o.Callback == nil || o.Callback.ID != c.ID || o.From != "041000002" || o.FromName != "Person 2" {
			t.Fatalf("%+v", o)
		}
	})
}
