package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// working is a bubble with a list and a campaign of the given mode on queue main, not started, at noon.
func working(t *testing.T, mode wire.CampaignMode, csv string, change func(*wire.CampaignRequest), numbers map[string]string, f func(t *testing.T, r *rig, cid string)) {
	calling(t, numbers, nil, func(t *testing.T, r *rig) {
		went(12 * time.Hour)
		f(t, r, r.campaign(mode, csv, change))
	})
}

// campaign makes a campaign of the given mode on queue main, and its list.
func (r *rig) campaign(mode wire.CampaignMode, csv string, change func(*wire.CampaignRequest)) string {
	r.t.Helper()
	l, err := r.AddList(r.t.Context(), "spring", strings.NewReader(csv))
	if err != nil {
		r.t.Fatal(err)
	}
	req := wire.CampaignRequest{Name: "Spring", Mode: mode, List: l.ID, Queue: "main"}
	if change != nil {
		change(&req)
	}
	c, err := r.MakeCampaign(r.t.Context(), req, "sup")
	if err != nil {
		r.t.Fatal(err)
	}
	return c.ID
}

func (r *rig) campaignStart(cid string) {
	r.t.Helper()
	if _, err := r.MoveCampaign(r.t.Context(), cid, "start", "sup"); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// people is a list of n contacts with the numbers 041000001 and so on.
func people(n int) string {
	var b strings.Builder
	b.WriteString("name,number,debt\n")
	for i := range n {
		fmt.Fprintf(&b, "Person %d,041 000 %03d,%d EUR\n", i+1, i+1, i)
	}
	return b.String()
}

func (r *rig) record(cid string, row int) wire.CampaignRecord {
	r.t.Helper()
	l, err := r.Records(cid)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, rec := range l {
		if rec.Row == row {
			return rec
		}
	}
	r.t.Fatalf("no record of row %d in %+v", row, l)
	return wire.CampaignRecord{}
}

func (r *rig) do(in floor.ChangeRecord) wire.CampaignRecord {
	r.t.Helper()
	rec, err := r.ChangeRecord(r.t.Context(), in)
	if err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
	return rec
}

// ask takes the next record and brings the agent's leg; it returns the record.
func (r *rig) next(cid, agentID string) wire.CampaignRecord {
	r.t.Helper()
	if _, err := r.AskRecord(r.t.Context(), cid, agentID); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
	a, _ := r.Agent(agentID)
	r.attach(a.CallID, agentID)
	l, _ := r.Records(cid)
	for _, rec := range l {
		if rec.Agent == agentID && rec.State == wire.RecordPreview {
			return rec
		}
	}
	r.t.Fatalf("no record in preview: %+v", l)
	return wire.CampaignRecord{}
}

func TestG23_G25_PreviewAskLookDial(t *testing.T) {
	working(t, wire.ModePreview, people(3), nil, map[string]string{"041000001": "answer"}, func(t *testing.T, r *rig, cid string) {
		_, err := r.AskRecord(t.Context(), cid, "ana")
		r.fault(err, 409, "", "campaign_wrong_state")
		r.campaignStart(cid)
		_, err = r.AskRecord(t.Context(), cid, "ana")
		r.fault(err, 409, "", "agent_wrong_state")
		r.ready("ana")
		went(5 * time.Second)
		if len(r.dialled()) != 0 || len(r.Offers("")) != 0 {
			t.Fatal("nothing comes by itself")
		}
		rec := r.next(cid, "ana")
		if rec.Name != "Person 1" || rec.Fields["debt"] != "0 EUR" || len(r.dialled()) != 0 {
			t.Fatalf("%+v, dialled %v", rec, r.dialled())
		}
		if rec = r.do(floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "ana", Actor: "ana"}); rec.State != wire.RecordTalking && r.record(cid, 1).State != wire.RecordTalking {
			t.Fatalf("%+v", rec)
		}
	})
}

func TestG26_PushPreviewComesByItself(t *testing.T) {
	working(t, wire.ModePushPreview, people(2), nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		o := r.offered("ana")
		if o.Record == nil || o.Record.Row != 1 || o.From == "" {
			t.Fatalf("%+v", o)
		}
		r.take("ana")
		if rec := r.record(cid, 1); rec.State != wire.RecordPreview || len(r.dialled()) != 0 {
			t.Fatalf("%+v dialled %v", rec, r.dialled())
		}
	})
}

func TestG27_ProgressiveHandsOverOnlyAnsweredCalls(t *testing.T) {
	numbers := map[string]string{"041000001": "no_answer", "041000002": "busy", "041000003": "answer"}
	working(t, wire.ModeProgressive, people(3), nil, numbers, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		went(5 * time.Second)
		o := r.events("offer.accepted")
		if len(o) != 1 || o[0].Data.(wire.Offer).Record.Row != 3 {
			t.Fatalf("%d offers: %+v", len(o), o)
		}
		call := o[0].Data.(wire.Offer).CallID
		leg := r.attach(call, "ana")
		if rec := r.record(cid, 3); rec.State != wire.RecordTalking {
			t.Fatalf("%+v", rec)
		}
		r.end(leg, "hangup")
		r.is("ana", wire.AgentWrapup, "")
		rec := r.record(cid, 3)
		if rec.State != wire.RecordReview {
			t.Fatalf("%+v", rec)
		}
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "done", Agent: "ana", Actor: "ana", Done: wire.RecordDone{Disposition: "sold"}})
		c, err := r.Campaign(cid)
		if err != nil || c.Results["sold"] != 1 || c.Today.Dialled != 3 || c.Today.Answered != 1 || c.Today.Abandoned != 0 || c.Closed != 1 || c.Open != 2 {
			t.Errorf("%+v %v", c, err)
		}
	})
}

func TestG27_OneAgentOneCall(t *testing.T) {
	working(t, wire.ModeProgressive, people(9), nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana", "bor")
		went(10 * time.Second)
		if n := len(r.dialled()); n != 2 {
			t.Errorf("2 agents, %d calls", n)
		}
		r.is("ana", wire.AgentReserved, "")
	})
}

func TestG28_PredictiveAbandonsWithMessageAndCounts(t *testing.T) {
	working(t, wire.ModePredictive, people(40), func(q *wire.CampaignRequest) { q.Message = "sorry.wav" }, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		went(3 * time.Second)
		d := r.dialled()
		if len(d) < 1 {
			t.Fatal("nothing dialled")
		}
		// The customer answers, and the agent who is reserved does not come.
		call, _, _ := strings.Cut(d[0], " ")
		if err := r.plane.leg("cust_"+call, "leg.answered", "customer", func(l *wire.Leg) { l.State = wire.LegConnected }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		o := r.events("offer.accepted")
		went(time.Until(o[0].Data.(wire.Offer).Deadline))
		if a, _ := r.Agent("ana"); a.State == wire.AgentReady || a.State == wire.AgentReserved {
			t.Fatalf("%+v", a)
		}
		went(1900 * time.Millisecond)
		if slices.Contains(r.plane.log(), "say sorry.wav to cust_"+call) {
			t.Fatal("let go too early")
		}
		went(200 * time.Millisecond)
		log := r.plane.log()
		said, ended := slices.Index(log, "say sorry.wav to cust_"+call), slices.Index(log, "end "+call)
		if said < 0 || ended < said {
			t.Fatalf("message, then the end: %v", log)
		}
		c, _ := r.Campaign(cid)
		if c.Today.Abandoned != 1 || c.Today.Answered != 1 || c.Month.AbandonedPercent != 100 {
			t.Errorf("%+v", c.Today)
		}
	})
}

func TestG28_AnsweredCallFindsAFreeAgent(t *testing.T) {
	working(t, wire.ModePredictive, people(40), nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		went(3 * time.Second)
		call, _, _ := strings.Cut(r.dialled()[0], " ")
		if err := r.plane.leg("cust_"+call, "leg.answered", "customer", func(l *wire.Leg) { l.State = wire.LegConnected }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a := r.is("ana", wire.AgentReserved, "")
		if a.CallID != call {
			t.Fatalf("%+v", a)
		}
		r.attach(call, "ana")
		r.is("ana", wire.AgentBusy, "")
	})
}

// Without a budget a predictive campaign reserves its agents, so that a caller of the same queue does not take
// them while the customer's phone rings; answers make a budget, and then it calls ahead.
func TestG28_ReservesWithoutABudget(t *testing.T) {
	rings := map[string]string{}
	working(t, wire.ModePredictive, people(60), func(q *wire.CampaignRequest) { q.CapPercent = 20 }, rings, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		went(3 * time.Second)
		d := r.dialled()
		if a := r.is("ana", wire.AgentReserved, ""); len(d) != 1 || !strings.HasPrefix(d[0], a.CallID) {
			t.Fatalf("%+v %v", a, d)
		}
		inbound := r.ring("100")
		synctest.Wait()
		call, _, _ := strings.Cut(d[0], " ")
		if err := r.plane.leg("cust_"+call, "leg.answered", "customer", func(l *wire.Leg) { l.State = wire.LegConnected }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a := r.is("ana", wire.AgentReserved, ""); a.CallID != call {
			t.Fatalf("the caller %s took the agent: %+v", inbound, a)
		}
		r.end("leg_"+inbound, "hangup")
		r.end(r.attach(call, "ana"), "hangup")
		all := func(what string) { // becomes of whoever is called from now on
			r.plane.mu.Lock()
			defer r.plane.mu.Unlock()
			for i := range 60 {
				rings[fmt.Sprintf("041000%03d", i+1)] = what
			}
		}
		all("answer")
		for n := 1; n < 5; n++ { // four more answers: a fifth of five is one call
			went(31 * time.Second)
			a := r.is("ana", wire.AgentReserved, "")
			if got, _ := r.Campaign(cid); got.Today.Answered != n+1 || len(r.dialled()) != n+1 {
				t.Fatalf("%+v, %d dialled", got.Today, len(r.dialled()))
			}
			leg := r.attach(a.CallID, "ana")
			if n < 4 {
				r.end(leg, "hangup")
			}
		}
		all("")
		r.is("ana", wire.AgentBusy, "")
		before := len(r.dialled())
		went(2 * time.Minute)
		if n := len(r.dialled()); n != before+1 {
			t.Errorf("with a budget of one call and a busy agent %d were dialled", n-before)
		}
	})
}

// Whoever has answered and waits for an agent when the server dies was abandoned.
func TestG28_RestartAbandonsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: &memory{}, lists: &memory{}, cfg: withCallbacks, dials: map[string]string{"041000001": "answer"}}
		r.start(nil)
		defer func() { _ = r.halt() }()
		went(12 * time.Hour)
		l, _ := r.AddList(t.Context(), "x", strings.NewReader(people(1)))
		c, err := r.MakeCampaign(t.Context(), wire.CampaignRequest{Name: "Spring", Mode: wire.ModePredictive, List: l.ID, Queue: "main"}, "sup")
		if err != nil {
			t.Fatal(err)
		}
		r.campaignStart(c.ID)
		r.ready("ana")
		went(2 * time.Second) // answered, and the agent's leg is not there yet
		r.kill()
		r.start(nil)
		if got, _ := r.Campaign(c.ID); got.Today.Answered != 1 || got.Today.Abandoned != 1 {
			t.Errorf("%+v", got.Today)
		}
		if rec := r.record(c.ID, 1); rec.Result != "abandoned" || rec.State != wire.RecordReady || rec.Next == nil || time.Until(*rec.Next) < 59*time.Minute {
			t.Errorf("%+v", rec)
		}
	})
}

func TestG29_G30_MessagesAtStartAndSignIn(t *testing.T) {
	working(t, wire.ModePreview, people(1), nil, nil, func(t *testing.T, r *rig, cid string) {
		r.ready("ana")
		r.campaignStart(cid)
		e := r.events("campaign.announced")
		if len(e) != 1 || e[0].Data.(wire.CampaignNotice) != (wire.CampaignNotice{Agent: "ana", Campaign: cid, Name: "Spring", Mode: wire.ModePreview}) {
			t.Fatalf("%+v", e)
		}
		r.ready("bor")
		if e = r.events("campaign.announced"); len(e) != 2 || e[1].Data.(wire.CampaignNotice).Agent != "bor" {
			t.Fatalf("at sign-in: %+v", e)
		}
	})
}

func TestG31_MyCampaigns(t *testing.T) {
	working(t, wire.ModePreview, people(1), nil, nil, func(t *testing.T, r *rig, cid string) {
		if l := r.Campaigns("ana"); len(l) != 0 {
			t.Errorf("a draft is nobody's yet: %+v", l)
		}
		r.campaignStart(cid)
		if l := r.Campaigns("ana"); len(l) != 1 || l[0].State != wire.CampaignRunning {
			t.Errorf("%+v", l)
		}
		if _, err := r.MoveCampaign(t.Context(), cid, "pause", "sup"); err != nil {
			t.Fatal(err)
		}
		if l := r.Campaigns("ana"); len(l) != 1 || l[0].State != wire.CampaignPaused {
			t.Errorf("%+v", l)
		}
	})
}

func TestG2_G3_X20_RescheduleTakesEffectWithSaveAlone(t *testing.T) {
	working(t, wire.ModePreview, "name,number,number2,zone\nAna,041000001,041000002,Europe/Ljubljana\n", nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		rec := r.next(cid, "ana")
		day := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
		q := wire.RecordReschedule{Date: day, Time: "10:00", Personal: true, Number: "041000002"}
		got := r.do(floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Actor: "ana", Reschedule: q})
		if got.State != wire.RecordReady || got.Personal != "ana" || got.At != 1 || got.Next == nil || got.Next.Format("15:04") != "09:00" {
			t.Fatalf("G7, G10: %+v", got)
		}
		// G7: this agent, at that time, and nobody else.
		r.ready("bor")
		went(time.Until(*got.Next) + 2*time.Second)
		if n := len(r.Offers("bor")); n != 0 {
			t.Error("offered to somebody else")
		}
		if o := r.offered("ana"); o.Record == nil || o.Record.ID != rec.ID || o.From != "041000002" {
			t.Errorf("%+v", o)
		}
	})
}

func TestG8_G9_PolicyForcesEither(t *testing.T) {
	for policy, want := range map[string]string{"personal": "ana", "campaign": ""} {
		working(t, wire.ModePreview, people(1), func(q *wire.CampaignRequest) { q.Personal = policy }, nil, func(t *testing.T, r *rig, cid string) {
			r.campaignStart(cid)
			r.ready("ana")
			rec := r.next(cid, "ana")
			q := wire.RecordReschedule{Date: time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly), Time: "10:00", Personal: policy == "campaign"}
			if got := r.do(floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Reschedule: q}); got.Personal != want {
				t.Errorf("%s: %+v", policy, got)
			}
		})
	}
}

func TestG11_NewNumberWithHours(t *testing.T) {
	working(t, wire.ModePreview, people(1), nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		rec := r.next(cid, "ana")
		q := wire.RecordReschedule{Date: time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly), Time: "10:00", Add: &wire.ContactNumber{Number: "041 999 999", Medium: "work", From: "12:00", Till: "11:00"}}
		_, err := r.ChangeRecord(t.Context(), floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Reschedule: q})
		r.fault(err, 422, "/add/till", "invalid")
		q.Add.Till = "13:00"
		got := r.do(floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Reschedule: q})
		if len(got.Numbers) != 2 || got.Numbers[1].Number != "041999999" || got.Numbers[1].Medium != "work" || got.At != 1 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestG33_DoneAndStop(t *testing.T) {
	working(t, wire.ModePushPreview, people(3), nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		r.take("ana")
		rec := r.record(cid, 1)
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "done", Agent: "ana", Actor: "ana", Done: wire.RecordDone{Disposition: "x", Stop: true}})
		went(40 * time.Second)
		r.is("ana", wire.AgentReady, "")
		if n := len(r.Offers("ana")); n != 0 {
			t.Fatal("records go on coming")
		}
		if _, err := r.AskRecord(t.Context(), cid, "ana"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if o := r.offered("ana"); o.Record.Row != 2 {
			t.Errorf("%+v", o.Record)
		}
	})
}

func TestG33_RejectCancelAndDoNotCall(t *testing.T) {
	working(t, wire.ModePreview, people(3), nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana", "bor")
		rec := r.next(cid, "ana")
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "reject", Agent: "ana", Actor: "ana"})
		if got := r.next(cid, "bor"); got.ID != rec.ID { // for another agent
			t.Fatalf("%+v", got)
		}
		if got, err := r.ChangeRecord(t.Context(), floor.ChangeRecord{ID: rec.ID, Do: "do_not_call", Agent: "bor"}); err != nil || !r.Barred("041 000 001") {
			t.Fatalf("%+v %v", got, err)
		}
		went(40 * time.Second)
		got := r.next(cid, "ana")
		if got.Row != 2 {
			t.Fatalf("%+v", got)
		}
		r.do(floor.ChangeRecord{ID: got.ID, Do: "cancel", Agent: "ana"})
		c, _ := r.Campaign(cid)
		if c.Results["do_not_call"] != 1 || c.Results["cancelled"] != 1 {
			t.Errorf("%+v", c.Results)
		}
	})
}

func TestG33_ChainOfNumbers(t *testing.T) {
	numbers := map[string]string{"041000001": "no_answer", "041000002": "busy", "041000003": "answer"}
	working(t, wire.ModeProgressive, "number,number2,number3\n041000001,041000002,041000003\n", nil, numbers, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		went(5 * time.Second)
		rec := r.record(cid, 1)
		if len(rec.History) != 2 || rec.History[0].Result != "no_answer" || rec.History[1].Number != "041000002" || rec.Attempts != 1 || rec.At != 2 {
			t.Errorf("%+v", rec)
		}
	})
}

func TestDoNotCallIsNotDialled(t *testing.T) {
	working(t, wire.ModeProgressive, people(3), nil, nil, func(t *testing.T, r *rig, cid string) {
		if err := r.Bar(t.Context(), []string{"041-000-001", "+041000002"}, true); err != nil {
			t.Fatal(err)
		}
		r.campaignStart(cid)
		r.ready("ana")
		went(5 * time.Second)
		if d := r.dialled(); len(d) != 1 || !strings.HasSuffix(d[0], " 041000003") {
			t.Errorf("dialled %v", d)
		}
	})
}

func TestWindowsOfTheContactsZone(t *testing.T) {
	// Noon UTC: 13:00 in Ljubljana, 07:00 in New York, 21:00 in Tokyo.
	csv := "number,zone\n041000001,America/New_York\n041000002,Asia/Tokyo\n041000003,Europe/Ljubljana\n"
	working(t, wire.ModeProgressive, csv, nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana", "bor")
		went(5 * time.Second)
		if d := r.dialled(); len(d) != 1 || !strings.HasSuffix(d[0], "041000003") {
			t.Fatalf("dialled %v", d)
		}
		went(time.Hour)
		if d := r.dialled(); !slices.ContainsFunc(d, func(s string) bool { return strings.HasSuffix(s, "041000001") }) {
			t.Errorf("New York at eight: %v", d)
		}
		if n := r.record(cid, 2).Next; n == nil || n.UTC().Format("15:04") != "23:00" {
			t.Errorf("Tokyo at eight: %v", n)
		}
	})
}

type machines struct{ numbers map[string]bool }

func (m machines) Machine(_ context.Context, callID, _ string) (bool, error) {
	return m.numbers[callID] || m.numbers["all"], nil
}

func TestAnsweringMachineIsPluggable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: &memory{}, cfg: withCallbacks, detector: machines{map[string]bool{"all": true}}, dials: map[string]string{"041000001": "answer"}}
		r.start(nil)
		defer func() { _ = r.halt() }()
		went(12 * time.Hour)
		l, _ := r.AddList(t.Context(), "x", strings.NewReader(people(1)))
		c, err := r.MakeCampaign(t.Context(), wire.CampaignRequest{Name: "Spring", Mode: wire.ModeProgressive, List: l.ID, Queue: "main", Detect: true}, "sup")
		if err != nil {
			t.Fatal(err)
		}
		r.campaignStart(c.ID)
		r.ready("ana")
		went(5 * time.Second)
		if rec := r.record(c.ID, 1); rec.Result != "machine" || rec.State != wire.RecordReady {
			t.Errorf("%+v", rec)
		}
		r.is("ana", wire.AgentReady, "")
		if got, _ := r.Campaign(c.ID); got.Today.Answered != 0 || got.Today.Dialled != 1 {
			t.Errorf("%+v", got.Today)
		}
	})
}

func TestFinishesAndKeepsHistory(t *testing.T) {
	numbers := map[string]string{"041000001": "busy", "041000002": "busy"}
	working(t, wire.ModeProgressive, people(2), func(q *wire.CampaignRequest) { q.Attempts = 1 }, numbers, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		went(5 * time.Second)
		c, _ := r.Campaign(cid)
		if c.State != wire.CampaignFinished || c.Results["busy"] != 2 || c.Open != 0 {
			t.Errorf("%+v", c)
		}
		if l, err := r.Records(cid); err != nil || len(l) != 2 || l[0].State != wire.RecordClosed || len(l[0].History) != 1 {
			t.Errorf("%+v %v", l, err)
		}
	})
}

// TestG25_W22_RecordIsFoundAgain: a desktop that was closed or reloaded finds the agent's record in the picture of the agent's
// situation, from the preview until it is closed, and nobody else's.
func TestG25_W22_RecordIsFoundAgain(t *testing.T) {
	working(t, wire.ModePreview, people(3), nil, map[string]string{"041000001": "answer"}, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana", "bor")
		if got := r.RecordsOf("ana"); len(got) != 0 {
			t.Fatalf("%+v before any was asked for", got)
		}
		rec := r.next(cid, "ana")
		holds := func(agent, when string, want wire.RecordState) {
			t.Helper()
			got := r.RecordsOf(agent)
			if len(got) != 1 || got[0].ID != rec.ID || got[0].State != want || len(got[0].Allowed) == 0 {
				t.Errorf("%s: %s has %+v, want record %s, %s", when, agent, got, rec.ID, want)
			}
		}
		holds("ana", "preview", wire.RecordPreview)
		if got := r.RecordsOf("bor"); len(got) != 0 {
			t.Errorf("bor has ana's record: %+v", got)
		}
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "ana", Actor: "ana"})
		holds("ana", "conversation", wire.RecordTalking)
		r.plane.mu.Lock()
		legs := slices.Clone(r.plane.calls[rec.CallID].Legs)
		r.plane.mu.Unlock()
		for _, l := range legs {
			if l.Agent == "ana" {
				r.end(l.ID, "hangup")
			}
		}
		holds("ana", "afterwards", wire.RecordReview)
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "done", Agent: "ana", Actor: "ana", Done: wire.RecordDone{Disposition: "sold"}})
		if got := r.RecordsOf("ana"); len(got) != 0 {
			t.Errorf("%+v after it was closed", got)
		}
	})
}

// A record being dialled when the process died is found, settled, and not dialled twice at once; closed
// ones are kept once, and the cursor does not go back.
func TestRestart_RecordIsNotDialledTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: &memory{}, lists: &memory{}, cfg: withCallbacks, dials: map[string]string{"041000001": "answer"}}
		r.start(nil)
		defer func() { _ = r.halt() }()
		went(12 * time.Hour)
		l, _ := r.AddList(t.Context(), "x", strings.NewReader(people(5)))
		c, err := r.MakeCampaign(t.Context(), wire.CampaignRequest{Name: "Spring", Mode: wire.ModePreview, List: l.ID, Queue: "main"}, "sup")
		if err != nil {
			t.Fatal(err)
		}
		r.campaignStart(c.ID)
		r.ready("ana", "bor")
		one := r.next(c.ID, "ana")
		r.do(floor.ChangeRecord{ID: one.ID, Do: "cancel", Agent: "ana"})
		two := r.next(c.ID, "bor")
		r.do(floor.ChangeRecord{ID: two.ID, Do: "dial", Agent: "bor"})
		if got := r.record(c.ID, 2); got.State != wire.RecordDialing {
			t.Fatalf("%+v", got)
		}
		r.kill()
		r.start(nil)
		got := r.record(c.ID, 2)
		if got.State != wire.RecordReady || got.Result != "restart" || got.Next == nil || got.Next.Before(time.Now().Add(24*time.Second)) {
			t.Errorf("%+v", got)
		}
		if len(r.dialled()) != 0 {
			t.Error("dialled again")
		}
		all, err := r.Records(c.ID)
		if err != nil || len(all) != 2 || r.record(c.ID, 1).Result != "cancelled" {
			t.Errorf("%+v %v", all, err)
		}
		if got, _ := r.Campaign(c.ID); got.Begun != 2 || got.Open != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestListFaults(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		l, err := r.AddList(t.Context(), "x", strings.NewReader("name;number;zone;from;till\nAna;041000001;;;\nBor;12;;;\nCene;041000003;Nowhere;;\nDana;041000001;;;\nEva;041000005;;10:00;09:00\nFilip;041000006\n"))
		if err != nil || l.Contacts != 1 || l.Faults != 5 {
			t.Fatalf("%+v %v", l, err)
		}
		want := []string{"2 number length", "3 zone unknown", "4 number duplicate", "5 till invalid", "6  columns"}
		for i, e := range l.Errors {
			if got := fmt.Sprintf("%d %s %s", e.Row, e.Column, e.Code); got != want[i] {
				t.Errorf("%s, want %s", got, want[i])
			}
		}
		for csv, code := range map[string]string{"": "no_heading", "name\nAna\n": "no_number", "number,number\n": "bad_heading", "number\n\xff\n": "not_utf8"} {
			_, err := r.AddList(t.Context(), "x", strings.NewReader(csv))
			r.fault(err, 422, "", code)
		}
	})
}
