package agentapi

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/desk/tally"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	grantReports = "report:read"
	// maxPeriod is the longest period of a report, maxRows how many rows one has that is no export.
	maxPeriod = 400 * 24 * time.Hour
	maxRows   = 5000
)

var reportQuery = []string{"since", "until", "zone", "every", "kind", "id"}

// reportQuestion reads what a report is to be about off the query. Without a period it is today so far.
func (q *request) reportQuestion() (r desk.ReportQuery, zone string, err error) {
	v := q.r.URL.Query()
	zone = cmp.Or(v.Get("zone"), "UTC")
	if r.Zone, err = hours.Zone(zone); err != nil {
		return r, zone, invalidQuery("zone", "zone must be an IANA time zone like Europe/Ljubljana")
	}
	r.Every, r.Kind, r.ID = tally.Every(cmp.Or(v.Get("every"), string(tally.Hour))), tally.Kind(v.Get("kind")), v.Get("id")
	for name, is := range map[string][2]string{"every": {"ReportEvery", string(r.Every)}, "kind": {"ReportKind", string(r.Kind)}} {
		if all := wire.Enums[is[0]]; is[1] != "" && !slices.Contains(all, is[1]) {
			return r, zone, invalidQuery(name, name+" is one of "+strings.Join(all, ", "))
		}
	}
	if r.From, err = q.when("since"); err != nil {
		return r, zone, err
	}
	if r.Until, err = q.when("until"); err != nil {
		return r, zone, err
	}
	now := q.s.now()
	if r.From.IsZero() {
		at := now
		if !r.Until.IsZero() {
			at = r.Until.Add(-time.Nanosecond)
		}
		r.From, _ = tally.Day.Row(at, r.Zone)
	}
	if r.Until.IsZero() {
		_, r.Until = tally.Day.Row(now, r.Zone)
		r.Until = maxTime(r.Until, r.From.Add(tally.Span))
	}
	r.From, r.Until = r.From.UTC(), r.Until.UTC()
	switch {
	case !r.From.Before(r.Until):
		return r, zone, invalidQuery("until", "until must come after since")
	case r.Until.Sub(r.From) > maxPeriod:
		return r, zone, invalidQuery("until", "a report is of at most 400 days")
	case !r.From.Equal(tally.Start(r.From)):
		return r, zone, invalidQuery("since", "since must be a whole quarter of an hour")
	case !r.Until.Equal(tally.Start(r.Until)):
		return r, zone, invalidQuery("until", "until must be a whole quarter of an hour")
	}
	return r, zone, nil
}

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func getReport(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	r, zone, err := q.reportQuestion()
	if err != nil {
		return err
	}
	out := wire.Report{From: r.From.In(r.Zone), Until: r.Until.In(r.Zone), Zone: zone, Every: wire.ReportEvery(r.Every), Items: []wire.ReportRow{}}
	if err := d.EachReportRow(q.ctx(), r, func(row wire.ReportRow) error {
		if len(out.Items) == maxRows {
			e := problem.New(http.StatusUnprocessableEntity, "report_too_long", "a report has at most %d rows: ask for longer rows, a shorter period or one queue or agent, or export it", maxRows)
			e.Limit = maxRows
			return e
		}
		out.Items = append(out.Items, row)
		return nil
	}); err != nil {
		return err
	}
	return q.reply(http.StatusOK, out)
}

func getReportExport(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	r, _, err := q.reportQuestion()
	if err != nil {
		return err
	}
	t := &table[wire.ReportRow]{q: q, name: "report", columns: reportColumns, row: reportCells}
	if err := t.open(); err != nil {
		return err
	}
	if err := q.auditPast("report.exported"); err != nil {
		return err
	}
	return t.close(d.EachReportRow(q.ctx(), r, t.add))
}

var reportColumns = []string{
	"from", "until", "kind", "id", "name", "offered", "answered", "answered_in_time", "abandoned", "short_abandoned", "elsewhere", "service_level",
	"answer_speed_seconds", "longest_wait_seconds", "missed", "declined", "no_media", "handled", "outbound", "handle_time_seconds", "handle_seconds",
	"talk_seconds", "hold_seconds", "consult_seconds", "dialing_seconds", "wrapup_seconds", "assisted", "assist_seconds", "post_calls", "post_call_seconds",
	"ready_seconds", "not_ready_seconds", "reserved_seconds", "busy_seconds", "wrap_seconds", "occupancy",
}

func reportCells(r wire.ReportRow) []any {
	return []any{
		r.From, r.Until, string(r.Kind), r.ID, r.Name, r.Offered, r.Answered, r.AnsweredInTime, r.Abandoned, r.ShortAbandoned, r.Elsewhere, r.ServiceLevel,
		r.AnswerSpeedSeconds, r.LongestWaitSeconds, r.Missed, r.Declined, r.NoMedia, r.Handled, r.Outbound, r.HandleTimeSeconds, r.HandleSeconds,
		r.TalkSeconds, r.HoldSeconds, r.ConsultSeconds, r.DialingSeconds, r.WrapupSeconds, r.Assisted, r.AssistSeconds, r.PostCalls, r.PostCallSeconds,
		r.ReadySeconds, r.NotReadySeconds, r.ReservedSeconds, r.BusySeconds, r.WrapSeconds, r.Occupancy,
	}
}
