package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/ledger"
	"github.com/cordboard/cordboard/desk/tally"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/signaling/wire"
)

var _ ledger.Log = (*store.Log)(nil)

// records are all call records that fit, newest first.
func (r *rig) records(f RecordFilter) []wire.CallRecord {
	r.t.Helper()
	synctest.Wait()
	f.Limit = 100
	items, next, err := r.CallRecords(r.t.Context(), f)
	if err != nil || next != "" {
		r.t.Fatal(next, err)
	}
	return items
}

// rows are the rows of a report over the whole time, by id.
func (r *rig) rows(q ReportQuery) (rows []wire.ReportRow) {
	r.t.Helper()
	synctest.Wait()
	if q.From.IsZero() {
		q.From, q.Until = tally.Start(time.Now()).Add(-24*time.Hour), tally.Start(time.Now()).Add(24*time.Hour)
	}
	if q.Zone == nil {
		q.Zone = time.UTC
	}
	if err := r.EachReportRow(r.t.Context(), q, func(row wire.ReportRow) error { rows = append(rows, row); return nil }); err != nil {
		r.t.Fatal(err)
	}
	return rows
}

func (r *rig) row(kind tally.Kind, id string) wire.ReportRow {
	r.t.Helper()
	rows := r.rows(ReportQuery{Every: tally.All, Kind: kind, ID: id})
	if len(rows) != 1 {
		r.t.Fatalf("%s %s: %+v", kind, id, rows)
	}
	return rows[0]
}

// One call through a whole life: it waits, is missed by one agent and taken by another, is put on hold, and wrapped up.
func TestX7_OneCallsRecord(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call := r.ring("100")
		went(21 * time.Second) // ana does not answer
		r.ready("bor")
		went(4 * time.Second)
		r.accept("bor")
		leg := r.attach(call, "bor")
		went(30 * time.Second)
		if _, err := r.HoldCall(t.Context(), call, "bor", true, "bor"); err != nil {
			t.Fatal(err)
		}
		went(10 * time.Second)
		if _, err := r.HoldCall(t.Context(), call, "bor", false, "bor"); err != nil {
			t.Fatal(err)
		}
		went(20 * time.Second)
		r.end(leg, "hangup")
		if got := r.records(RecordFilter{}); len(got) != 0 {
			t.Fatalf("a record before the wrap-up is over: %+v", got)
		}
		went(5 * time.Second)
		if _, err := r.SubmitWrapup(t.Context(), r.is("bor", wire.AgentWrapup, "").WrapupID, "solved", "bor"); err != nil {
			t.Fatal(err)
		}
		all := r.records(RecordFilter{})
		if len(all) != 1 {
			t.Fatalf("%d records", len(all))
		}
		c := all[0]
		if c.ID != call || c.Outcome != wire.OutcomeAnswered || c.Agent != "bor" || c.Queue != "main" || c.Disposition != "solved" || c.WaitSeconds != 26 ||
			c.TalkSeconds != 50 || c.HoldSeconds != 10 || c.WrapupSeconds != 5 || c.Closed.Sub(c.Ended) != 5*time.Second || !c.Masked {
			t.Errorf("%+v", c)
		}
		if len(c.Offers) != 2 || c.Offers[0].End != "expired" || c.Offers[0].Agent != "ana" || c.Offers[1].End != "accepted" || len(c.Waits) != 1 || c.Waits[0].End != "answered" {
			t.Errorf("offers %+v, waits %+v", c.Offers, c.Waits)
		}
		q := r.row(tally.Queue, "main")
		if q.Offered != 1 || q.Answered != 1 || q.AnsweredInTime != 0 || *q.ServiceLevel != 0 || *q.AnswerSpeedSeconds != 26 || q.LongestWaitSeconds != 26 ||
			q.Missed != 1 || q.Handled != 1 || *q.HandleTimeSeconds != 65 || q.TalkSeconds != 50 || q.HoldSeconds != 10 || q.WrapupSeconds != 5 {
			t.Errorf("queue %+v", q)
		}
		a, b := r.row(tally.Agent, "ana"), r.row(tally.Agent, "bor")
		if a.Missed != 1 || a.ReservedSeconds != 20 || a.Occupancy == nil || *a.Occupancy != 0 || a.Name != "Ana" {
			t.Errorf("ana %+v", a)
		}
		if b.Handled != 1 || b.BusySeconds != 60 || b.WrapSeconds != 5 || b.ReservedSeconds != 5 || *b.Occupancy != 65.0/70 {
			t.Errorf("bor %+v", b)
		}
		// The time of a state that goes on counts up to now, also over quarters.
		went(time.Hour)
		if b := r.row(tally.Agent, "bor"); b.ReadySeconds != 3600 || b.BusySeconds != 60 {
			t.Errorf("an hour later bor %+v", b)
		}
		hours := r.rows(ReportQuery{Every: tally.Hour, Kind: tally.Agent, ID: "bor"})
		if len(hours) != 2 || hours[0].ReadySeconds+hours[1].ReadySeconds != 3600 || hours[0].ReadySeconds+hours[0].ReservedSeconds+hours[0].BusySeconds+hours[0].WrapSeconds+hours[0].NotReadySeconds != 3578 {
			t.Errorf("by the hour: %+v", hours)
		}
	})
}

// Post-call time is a metric of its own.
func TestW68_PostCallTimeIsAMetric(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		call, customer, _, bor := r.conference(t)
		before := r.row(tally.Queue, "main")
		went(30 * time.Second)
		r.end(customer, "hangup")
		went(45 * time.Second)
		r.end(bor, "hangup") // and with it the call: one alone is nobody to talk to
		went(time.Minute)    // wrap-up
		q := r.row(tally.Queue, "main")
		if before.PostCalls != 0 || q.PostCalls != 1 || q.PostCallSeconds != 45 {
			t.Errorf("post calls %d, %v s", q.PostCalls, q.PostCallSeconds)
		}
		c := r.records(RecordFilter{Call: call})
		if len(c) != 1 || c[0].PostCallSeconds != 45 || c[0].Outcome != wire.OutcomeAnswered {
			t.Fatalf("%+v", c)
		}
		roles := map[string]string{}
		for _, a := range c[0].Agents {
			roles[a.Agent] = a.Role
			if stay := a.Left.Sub(a.Joined).Seconds(); a.PostCallSeconds != 45 || a.TalkSeconds+a.HoldSeconds+a.ConsultSeconds+a.DialingSeconds+a.PostCallSeconds != stay {
				t.Errorf("the times of %+v do not add up to %v", a, stay)
			}
		}
		if roles["ana"] != "primary" || roles["bor"] != "conference" {
			t.Errorf("roles %v", roles)
		}
		if b := r.row(tally.Agent, "bor"); b.Assisted != 1 || b.Handled != 0 || b.AssistSeconds == 0 {
			t.Errorf("bor %+v", b)
		}
	})
}

// How calls that nobody answers end, and that a short abandon does not count against the service level.
func TestX7_CallsNobodyAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		talking, leg := r.talk("ana")
		short, long := r.ring("100"), r.ring("100")
		went(3 * time.Second)
		r.end("leg_"+short, "hangup")
		went(7 * time.Second)
		r.end("leg_"+long, "hangup")
		r.end(leg, "hangup")
		went(time.Minute)
		for id, want := range map[string]wire.CallOutcome{short: wire.OutcomeAbandoned, long: wire.OutcomeAbandoned, talking: wire.OutcomeAnswered} {
			if c := r.records(RecordFilter{Call: id}); len(c) != 1 || c[0].Outcome != want {
				t.Errorf("%s: %+v, want %s", id, c, want)
			}
		}
		q := r.row(tally.Queue, "main")
		if q.Offered != 3 || q.Abandoned != 2 || q.ShortAbandoned != 1 || q.Answered != 1 || *q.ServiceLevel != 0.5 {
			t.Errorf("%+v", q)
		}
		for what, f := range map[string]RecordFilter{
			"3 outcome": {Outcome: wire.OutcomeAbandoned}, "1 agent": {Agent: "ana"}, "0 agent": {Agent: "bor"}, "1 own": {Own: "ana"}, "3 queue": {Queue: "main"},
			"0 queue": {Queue: "other"}, "0 outbound": {Direction: wire.Outbound}, "1 disposition": {Disposition: "none"}, "0 until": {Until: time.Now().Add(-time.Hour)},
			"3 since": {Since: time.Now().Add(-time.Hour)}, "0 number": {Number: "999"},
		} {
			want := int(what[0] - '0')
			if what == "3 outcome" {
				want = 2
			}
			if got := len(r.records(f)); got != want {
				t.Errorf("%s: %d records", what, got)
			}
		}
	})
}

// flaky is a log that fails for a while.
type flaky struct {
	ledger.Memory
	broken atomic.Bool
}

func (f *flaky) Append(ctx context.Context, data []byte) (uint64, error) {
	if f.broken.Load() {
		return 0, errors.New("disk")
	}
	return f.Memory.Append(ctx, data)
}

// What could not be kept stays in the state, over a crash too, and is kept once.
func TestX7_RecordsOutliveACrash(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.kill()
		records, tallies := &flaky{}, &flaky{}
		records.broken.Store(true)
		tallies.broken.Store(true)
		r.past = Past{Records: records, Tallies: tallies}
		r.start(nil)
		r.ready("ana")
		for range 3 {
			_, leg := r.talk("ana")
			went(20 * time.Second)
			r.end(leg, "hangup")
			went(31 * time.Second)
		}
		went(20 * time.Minute)
		if n := len(r.records(RecordFilter{})); n != 0 {
			t.Fatalf("%d records on a log that fails", n)
		}
		before := r.row(tally.Agent, "ana")
		r.kill()
		r.start(nil)
		if after := r.row(tally.Agent, "ana"); after.Handled != 3 || before.Handled != 3 || after.BusySeconds != before.BusySeconds {
			t.Errorf("before the crash %+v, after it %+v", before, after)
		}
		records.broken.Store(false)
		tallies.broken.Store(false)
		went(5 * time.Second)
		if n := len(r.records(RecordFilter{})); n != 3 {
			t.Fatalf("%d records after the log works again, want 3", n)
		}
		for range 3 { // each handed out again whatever was told before
			r.kill()
			r.start(nil)
			went(time.Minute)
		}
		if n := len(r.records(RecordFilter{})); n != 3 {
			t.Errorf("%d records after more crashes", n)
		}
		if a := r.row(tally.Agent, "ana"); a.Handled != 3 {
			t.Errorf("ana %+v", a)
		}
		var ids []string
		if err := r.EachCallRecord(t.Context(), RecordFilter{Whole: true}, func(c wire.CallRecord) error {
			ids = append(ids, c.ID)
			if c.Masked {
				t.Error("masked")
			}
			return nil
		}); err != nil || len(ids) != 3 || slices.Contains(ids, "") {
			t.Errorf("%v, %v", ids, err)
		}
	})
}

// What is older than the configuration wants is forgotten, records and reports each by their own time.
func TestX7_Retention(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.kill()
		r.past = Past{Records: &ledger.Memory{}, Tallies: &ledger.Memory{}, KeepRecords: 24 * time.Hour, KeepTallies: 72 * time.Hour}
		r.start(nil)
		ses := r.ready("ana")
		_, leg := r.talk("ana")
		r.end(leg, "hangup")
		went(time.Minute)
		if len(r.records(RecordFilter{})) != 1 || len(ses) != 1 {
			t.Fatal("no record")
		}
		if _, err := r.SignOut(t.Context(), "ana", "ana"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		went(20 * time.Hour)
		if n := len(r.records(RecordFilter{})); n != 1 {
			t.Fatalf("%d records after 20 hours", n)
		}
		went(6 * time.Hour)
		if n := len(r.records(RecordFilter{})); n != 0 {
			t.Errorf("%d records after 26 hours", n)
		}
		q := ReportQuery{From: tally.Start(began).Add(-time.Hour), Until: tally.Start(began).Add(time.Hour), Every: tally.All, Kind: tally.Queue}
		if rows := r.rows(q); len(rows) != 1 || rows[0].Handled != 1 {
			t.Errorf("after 26 hours the report has %+v", rows)
		}
		went(48 * time.Hour)
		if rows := r.rows(q); len(rows) != 0 {
			t.Errorf("after 74 hours the report has %+v", rows)
		}
	})
}

// A day in a zone whose clocks go back has 25 rows of an hour; the hour that comes twice is two rows with different
// offsets, and what happened stands in the right one.
func TestX7_ReportOverAChangeOfTheClocks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		loc, err := time.LoadLocation("Europe/Ljubljana")
		if err != nil {
			t.Fatal(err)
		}
		night := time.Date(2000, 10, 29, 0, 0, 0, 0, loc)
		time.Sleep(time.Until(night))
		r.ready("ana")
		for range 5 { // 00:00, 01:00, 02:00, 02:00 again, 03:00
			_, leg := r.talk("ana")
			went(time.Minute)
			r.end(leg, "hangup")
			went(59 * time.Minute)
			r.ready("ana")
		}
		time.Sleep(time.Until(night.AddDate(0, 0, 1)))
		rows := r.rows(ReportQuery{From: night, Until: night.AddDate(0, 0, 1), Zone: loc, Every: tally.Hour, Kind: tally.Queue})
		if len(rows) != 25 {
			t.Fatalf("%d rows", len(rows))
		}
		var calls []string
		for _, row := range rows {
			if row.Handled > 0 {
				calls = append(calls, fmt.Sprintf("%s:%d", row.From.Format("15-07"), row.Handled))
			}
		}
		if got := strings.Join(calls, " "); got != "00+02:1 01+02:1 02+02:1 02+01:1 03+01:1" {
			t.Errorf("calls in %s", got)
		}
		days := r.rows(ReportQuery{From: night.AddDate(0, 0, -1), Until: night.AddDate(0, 0, 2), Zone: loc, Every: tally.Day, Kind: tally.Queue, ID: "main"})
		if i := slices.IndexFunc(days, func(d wire.ReportRow) bool { return d.Handled > 0 }); i < 0 || days[i].Handled != 5 || days[i].Until.Sub(days[i].From) != 25*time.Hour {
			t.Errorf("by the day: %+v", days)
		}
	})
}
