package agentapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/internal/sheet"
	"github.com/cordboard/cordboard/signaling/wire"
)

// PastDesk is what the API asks of a contact centre about what is over; see desk.Desk.
type PastDesk interface {
	CallRecords(ctx context.Context, f desk.RecordFilter) (items []wire.CallRecord, next string, err error)
	EachCallRecord(ctx context.Context, f desk.RecordFilter, do func(wire.CallRecord) error) error
	EachReportRow(ctx context.Context, q desk.ReportQuery, do func(wire.ReportRow) error) error
}

const (
	grantRecords = "call-record:read"
	// grantNumbers shows customers' numbers whole; without it call records show their last four characters.
	grantNumbers = "call-record:numbers"
	// hiddenEnd is how much of a number may be asked for by who is shown no more.
	hiddenEnd = 4
)

var recordQuery = []string{"since", "until", "agent", "queue", "number", "number_end", "disposition", "direction", "outcome", "call_id"}

// pastRoutes are the routes of call records and reports.
func pastRoutes() []Route {
	return []Route{
		{
			Method: get, Pattern: "/v1/call-records", Grant: grantRecords, Own: grantRecords + ":own", Query: append(slices.Clone(recordQuery), "cursor", "limit"),
			Summary:  "What became of contacts, newest first; an agent's token sees those the agent was on. Numbers are whole with " + grantNumbers + " only",
			Response: wire.CallRecordList{}, Statuses: []int{200, 422, 503}, Handler: getCallRecords,
		},
		{
			Method: get, Pattern: "/v1/call-records/export", Grant: grantRecords, Stream: true, Query: append(slices.Clone(recordQuery), "format"),
			Summary: "All call records that fit, oldest first: format csv (the default) or json, written as they are read", Response: "text/csv",
			Also: []string{typeJSON}, Statuses: []int{200, 422, 503}, Handler: getCallRecordsExport,
		},
		{
			Method: get, Pattern: "/v1/reports", Grant: grantReports, Query: reportQuery,
			Summary:  "What queues and agents did: every quarter, hour (the default), day or the whole period, in a time zone",
			Response: wire.Report{}, Statuses: []int{200, 422, 503}, Handler: getReport,
		},
		{
			Method: get, Pattern: "/v1/reports/export", Grant: grantReports, Stream: true, Query: append(slices.Clone(reportQuery), "format"),
			Summary: "A report of any length: format csv (the default) or json, written as it is read", Response: "text/csv",
			Also: []string{typeJSON}, Statuses: []int{200, 422, 503}, Handler: getReportExport,
		},
	}
}

// recordFilter reads a filter of call records off the query.
func (q *request) recordFilter() (f desk.RecordFilter, err error) {
	v := q.r.URL.Query()
	f = desk.RecordFilter{
		Agent: v.Get("agent"), Queue: v.Get("queue"), Number: v.Get("number"), NumberEnd: v.Get("number_end"), Disposition: v.Get("disposition"),
		Direction: wire.Direction(v.Get("direction")), Outcome: wire.CallOutcome(v.Get("outcome")), Call: v.Get("call_id"), Cursor: v.Get("cursor"),
		Whole: q.claims.Allows(grantNumbers),
	}
	if f.Since, err = q.when("since"); err != nil {
		return f, err
	}
	if f.Until, err = q.when("until"); err != nil {
		return f, err
	}
	for name, is := range map[string][2]string{"direction": {"Direction", string(f.Direction)}, "outcome": {"CallOutcome", string(f.Outcome)}} {
		if all := wire.Enums[is[0]]; is[1] != "" && !slices.Contains(all, is[1]) {
			return f, invalidQuery(name, name+" is one of "+strings.Join(all, ", "))
		}
	}
	if !f.Whole {
		if f.Number != "" {
			return f, forbidden(grantNumbers, "without "+grantNumbers+" ask by number_end, with at most four characters")
		}
		if len(f.NumberEnd) > hiddenEnd {
			return f, forbidden(grantNumbers, "without "+grantNumbers+" number_end has at most four characters")
		}
	}
	if !q.all() {
		if q.claims.Agent == "" {
			return f, problem.New(http.StatusNotFound, "no_agent", "the token is no agent's")
		}
		if f.Agent != "" && f.Agent != q.claims.Agent {
			return f, q.notOwn("agent", f.Agent)
		}
		f.Own = q.claims.Agent
	}
	return f, nil
}

// auditPast writes down who has seen what of the past. What cannot be written down is not shown.
func (q *request) auditPast(action string) error {
	detail := map[string]string{}
	for name, v := range q.r.URL.Query() {
		if name == "cursor" || name == "limit" {
			continue
		}
		value := strings.Join(v, ",")
		if name == "number" && len(value) > hiddenEnd { // the log masks numbers too
			value = strings.Repeat("*", len(value)-hiddenEnd) + value[len(value)-hiddenEnd:]
		}
		if len(value) > 200 {
			value = value[:200]
		}
		detail[name] = value
	}
	return q.audit(action, wire.Recording{}, detail)
}

func getCallRecords(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	f, err := q.recordFilter()
	if err != nil {
		return err
	}
	if f.Limit, err = q.limit(); err != nil {
		return err
	}
	if err := q.auditPast("call_records.read"); err != nil {
		return err
	}
	items, next, err := d.CallRecords(q.ctx(), f)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.CallRecordList{Items: list(items), Next: next})
}

// table is an export under way, in one of the formats. The status is sent with its first byte, so what goes wrong
// before is still a problem, and what goes wrong after breaks the connection off: nobody takes a part for the whole.
type table[T any] struct {
	q       *request
	columns []string
	row     func(T) []any
	name    string

	format string
	csv    *sheet.Writer
	json   *json.Encoder
	begun  bool
	rows   int
}

// exportTimeout is how long one piece of an export may take to be read by the client.
const exportTimeout = 30 * time.Second

func (t *table[T]) open() error {
	t.format = t.q.r.URL.Query().Get("format")
	switch t.format {
	case "", "csv":
		t.format = "csv"
	case "json":
	default:
		return invalidQuery("format", "format is csv or json")
	}
	return nil
}

// Write implements io.Writer: it gives every piece its time.
func (t *table[T]) Write(p []byte) (int, error) {
	// Best effort: a writer in a test cannot set deadlines.
	_ = http.NewResponseController(t.q.w).SetWriteDeadline(time.Now().Add(exportTimeout))
	return t.q.w.Write(p)
}

func (t *table[T]) begin() (err error) {
	t.begun = true
	t.q.header("Content-Disposition", `attachment; filename="`+t.name+"."+t.format+`"`)
	t.q.header("Content-Type", map[string]string{"csv": sheet.Type, "json": typeJSON}[t.format])
	t.q.header("Cache-Control", "no-store")
	t.q.status = http.StatusOK
	t.q.w.WriteHeader(http.StatusOK)
	if t.format == "csv" {
		t.csv, err = sheet.New(t, t.columns...)
		return err
	}
	t.json = json.NewEncoder(t)
	_, err = t.Write([]byte("["))
	return err
}

func (t *table[T]) add(v T) error {
	if !t.begun {
		if err := t.begin(); err != nil {
			return err
		}
	}
	t.rows++
	if t.csv != nil {
		return t.csv.Row(t.row(v)...)
	}
	if t.rows > 1 {
		if _, err := t.Write([]byte(",")); err != nil {
			return err
		}
	}
	return t.json.Encode(v)
}

// close ends the export; err is what went wrong.
func (t *table[T]) close(err error) error {
	if err == nil && !t.begun {
		err = t.begin()
	}
	switch {
	case err != nil && !t.begun:
		return err
	case err == nil && t.csv != nil:
		err = t.csv.Close()
	case err == nil:
		_, err = t.Write([]byte("]\n"))
	}
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			t.q.s.deps.Log.Warn("export broken off", "route", t.q.route.Pattern, "rows", t.rows, "cause", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

func getCallRecordsExport(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	f, err := q.recordFilter()
	if err != nil {
		return err
	}
	t := &table[wire.CallRecord]{q: q, name: "call-records", columns: recordColumns, row: recordRow}
	if err := t.open(); err != nil {
		return err
	}
	if err := q.auditPast("call_records.exported"); err != nil {
		return err
	}
	return t.close(d.EachCallRecord(q.ctx(), f, func(r wire.CallRecord) error { return t.add(q.show(r).(wire.CallRecord)) }))
}

var recordColumns = []string{
	"id", "direction", "started", "ended", "closed", "outcome", "customer", "name", "line", "entry_point", "queue", "class", "stage", "task",
	"campaign", "agent", "agents", "wait_seconds", "talk_seconds", "hold_seconds", "consult_seconds", "dialing_seconds", "wrapup_seconds",
	"post_call_seconds", "offers", "missed", "declined", "disposition", "variables", "recordings",
}

// recordRow is a call record as a row: what it has several of in one cell, apart by blanks; variables as JSON.
func recordRow(r wire.CallRecord) []any {
	var agents []string
	for _, a := range r.Agents {
		if !slices.Contains(agents, a.Agent) {
			agents = append(agents, a.Agent)
		}
	}
	missed, declined := 0, 0
	for _, o := range r.Offers {
		switch o.End {
		case string(wire.OfferExpired):
			missed++
		case string(wire.OfferDeclined):
			declined++
		}
	}
	variables, class := "", ""
	if len(r.Variables) > 0 {
		b, _ := json.Marshal(r.Variables) // texts always marshal
		variables = string(b)
	}
	if r.Class > 0 {
		class = strconv.Itoa(r.Class)
	}
	return []any{
		r.ID, string(r.Direction), r.Started, r.Ended, r.Closed, string(r.Outcome), r.Customer, r.Name, r.Line, r.EntryPoint, r.Queue, class, r.Stage, r.Task,
		r.Campaign, r.Agent, strings.Join(agents, " "), r.WaitSeconds, r.TalkSeconds, r.HoldSeconds, r.ConsultSeconds, r.DialingSeconds, r.WrapupSeconds,
		r.PostCallSeconds, len(r.Offers), missed, declined, r.Disposition, variables, strings.Join(r.Recordings, " "),
	}
}
