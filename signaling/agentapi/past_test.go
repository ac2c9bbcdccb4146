package agentapi

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/signaling/wire"
)

// pastFake is a past with one contact of alice's and a row of a queue; asked is what it was last asked.
type pastFake struct {
	asked  desk.RecordFilter
	report desk.ReportQuery
	rows   int   // 0: one
	broken error // after the first
	name   string
	gate   chan struct{} // waited for before the end
}

func (p *pastFake) record() wire.CallRecord {
	r := wire.CallRecord{
		ID: callID, Direction: wire.Inbound, Started: epoch, Ended: epoch.Add(2 * time.Minute), Closed: epoch.Add(3 * time.Minute),
		Outcome: wire.OutcomeAnswered, Customer: "+38641123456", Name: p.name, Line: "1000", Queue: "support", Agent: "alice", WaitSeconds: 4.5, TalkSeconds: 100,
		WrapupSeconds: 60, Disposition: "solved",
		Waits:      []wire.RecordWait{{Queue: "support", Entered: epoch, Left: epoch.Add(4500 * time.Millisecond), Seconds: 4.5, End: "answered"}},
		Offers:     []wire.RecordOffer{{ID: offerID, Agent: "alice", Offered: epoch, Settled: epoch.Add(4 * time.Second), End: "accepted"}},
		Agents:     []wire.RecordAgent{{Agent: "alice", Role: "primary", Joined: epoch, Left: epoch.Add(2 * time.Minute), TalkSeconds: 100, WrapupSeconds: 60, Disposition: "solved"}},
		Variables:  map[string]string{"order": "=17"},
		Recordings: []string{recID},
	}
	if !p.asked.Whole {
		r.Customer, r.Masked = veil.Mask(r.Customer), true
	}
	return r
}

func (p *pastFake) CallRecords(_ context.Context, f desk.RecordFilter) ([]wire.CallRecord, string, error) {
	p.asked = f
	return []wire.CallRecord{p.record()}, "7-1", nil
}

func (p *pastFake) EachCallRecord(ctx context.Context, f desk.RecordFilter, do func(wire.CallRecord) error) error {
	p.asked = f
	for range max(p.rows, 1) {
		if err := do(p.record()); err != nil {
			return err
		}
	}
	if p.gate != nil {
		select {
		case <-p.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return p.broken
}

func (p *pastFake) EachReportRow(_ context.Context, q desk.ReportQuery, do func(wire.ReportRow) error) error {
	p.report = q
	share := 0.8
	for range max(p.rows, 1) {
		if err := do(wire.ReportRow{
			From: epoch, Until: epoch.Add(time.Hour), Kind: wire.ReportQueue, ID: "support", Name: "Support", Offered: 6, Answered: 5,
			AnsweredInTime: 4, ServiceLevel: &share, AnswerSpeedSeconds: &share,
		}); err != nil {
			return err
		}
	}
	return p.broken
}

// Numbers are whole only for who may see them, agents see their own contacts alone, and every look is written down.
func TestX7_CallRecordsByPermission(t *testing.T) {
	f := newFixture(t)
	past := &f.desk.pastFake
	ask := func(agent, path string, grants ...string) *httptest.ResponseRecorder {
		t.Helper()
		return f.ask(f.token(agent, grants...), "GET", path, "")
	}
	number := func(w *httptest.ResponseRecorder) string {
		t.Helper()
		var l wire.CallRecordList
		if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Items) != 1 || l.Next != "7-1" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return l.Items[0].Customer
	}
	if got := number(ask("", "/v1/call-records", "call-record:read")); got != "••••••••3456" {
		t.Errorf("without call-record:numbers: %s", got)
	}
	if got := number(ask("", "/v1/call-records", "call-record:read", "call-record:numbers")); got != "+38641123456" {
		t.Errorf("with call-record:numbers: %s", got)
	}
	if number(ask("alice", "/v1/call-records", "call-record:read:own")); past.asked.Own != "alice" || past.asked.Whole {
		t.Errorf("alice asks for %+v", past.asked)
	}
	for path, want := range map[string]int{
		"/v1/call-records?agent=bob": 403, "/v1/call-records/export": 403,
	} {
		if w := ask("alice", path, "call-record:read:own"); w.Code != want {
			t.Errorf("alice: %s is %d, want %d", path, w.Code, want)
		}
	}
	for path, want := range map[string]int{
		"/v1/call-records?number=%2B38641123456": 403, "/v1/call-records?number_end=23456": 403, "/v1/call-records?number_end=3456": 200,
		"/v1/call-records?since=yesterday": 422, "/v1/call-records?limit=0": 422, "/v1/call-records?outcome=lost": 422,
	} {
		if w := ask("", path, "call-record:read"); w.Code != want {
			t.Errorf("%s is %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
	ask("", "/v1/call-records/export?number=%2B38641123456&queue=support", "call-record:read", "call-record:numbers")
	entries, _, err := f.s.deps.Audit.List(audit.Filter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(entries, func(e wire.AuditEntry) bool { return e.Action == "call_records.exported" })
	if i < 0 || entries[i].Detail["queue"] != "support" || strings.Contains(entries[i].Detail["number"], "38641") {
		t.Errorf("audit %+v", entries)
	}
	if !slices.ContainsFunc(entries, func(e wire.AuditEntry) bool { return e.Action == "call_records.read" && e.Actor == "alice" }) {
		t.Errorf("alice's look is not in the audit log: %+v", entries)
	}
}

// An export is a table every reader of RFC 4180 understands, and nothing in it is a formula.
func TestX7_CallRecordsAsCSV(t *testing.T) {
	f := newFixture(t)
	past := &f.desk.pastFake
	past.rows, past.name = 300, "=HYPERLINK(\"http://x\",\"a, b\")\nc"
	w := f.ask(f.token("", "call-record:*"), "GET", "/v1/call-records/export", "")
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || !strings.Contains(w.Header().Get("Content-Disposition"), "call-records.csv") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	body := w.Body.String()
	if strings.Count(strings.ReplaceAll(body, "\r\n", ""), "\r") > 0 || !strings.HasSuffix(body, "\r\n") {
		t.Error("lines do not end in CR LF")
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 301 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, cell := range rows[1] {
		switch rows[0][i] {
		case "customer":
			if cell != "'+38641123456" {
				t.Errorf("customer %q", cell)
			}
		case "name":
			if cell != "'"+past.name {
				t.Errorf("name %q", cell)
			}
		case "talk_seconds":
			if cell != "100" {
				t.Errorf("talk_seconds %q", cell)
			}
		}
		if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
			t.Errorf("%s could be a formula: %q", rows[0][i], cell)
		}
	}
	w = f.ask(f.token("", "call-record:*"), "GET", "/v1/call-records/export?format=json", "")
	var all []wire.CallRecord
	if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil || len(all) != 300 {
		t.Fatalf("%d records as JSON, %v", len(all), err)
	}
}

// What breaks in the middle of an export breaks the connection: nobody takes a part for the whole.
func TestX7_ExportBreaksOff(t *testing.T) {
	f := newFixture(t)
	past := &f.desk.pastFake
	past.broken = errors.New("disk")
	srv := httptest.NewServer(f.s.Handler())
	defer srv.Close()
	req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/v1/call-records/export", nil)
	req.Header.Set("Authorization", "Bearer "+f.token("", "call-record:*"))
	resp, err := srv.Client().Do(req)
	if err == nil {
		defer resp.Body.Close()
		_, err = csv.NewReader(resp.Body).ReadAll()
	}
	if err == nil {
		t.Fatal("an export that broke off looks whole")
	}
}

// An export is sent while it is read: its first rows are there before its last.
func TestX7_ExportIsStreamed(t *testing.T) {
	for _, format := range []string{"csv", "json"} {
		f := newFixture(t)
		past := &f.desk.pastFake
		past.rows, past.gate = 500, make(chan struct{})
		srv := httptest.NewServer(f.s.Handler())
		defer srv.Close()
		req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/v1/call-records/export?format="+format, nil)
		req.Header.Set("Authorization", "Bearer "+f.token("", "call-record:*"))
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 4096)
		if _, err := io.ReadFull(resp.Body, first); err != nil || !strings.Contains(string(first), callID) {
			t.Fatalf("%s: %q, %v", format, first, err)
		}
		close(past.gate) // only now may the end be read
		rest, err := io.ReadAll(resp.Body)
		one := map[string]string{"csv": callID + ",", "json": `"` + callID + `"`}[format]
		if got := strings.Count(string(first)+string(rest), one); err != nil || got != 500 {
			t.Errorf("%s: %d rows, %v", format, got, err)
		}
		resp.Body.Close()
	}
}

func TestX7_ReportQuery(t *testing.T) {
	f := newFixture(t)
	past := &f.desk.pastFake
	tok := f.token("", "report:read")
	for path, want := range map[string]int{
		"/v1/reports": 200,
		"/v1/reports?since=2026-03-01T00:00:00Z&until=2026-03-01T00:00:00Z": 422,
		"/v1/reports?since=2026-03-01T00:07:00Z":                            422,
		"/v1/reports?since=2024-03-01T00:00:00Z&until=2026-03-01T00:00:00Z": 422,
		"/v1/reports?zone=Local":                                            422, "/v1/reports?every=minute": 422, "/v1/reports?kind=team": 422,
	} {
		if w := f.ask(tok, "GET", path, ""); w.Code != want {
			t.Errorf("%s is %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
	// Without a period it is today, as the zone has it.
	f.ask(tok, "GET", "/v1/reports?zone=Asia/Kathmandu", "")
	loc, _ := time.LoadLocation("Asia/Kathmandu")
	y, m, d := f.s.now().In(loc).Date()
	if day := time.Date(y, m, d, 0, 0, 0, 0, loc); !past.report.From.Equal(day) || !past.report.Until.Equal(day.AddDate(0, 0, 1)) {
		t.Errorf("today is %s to %s, want from %s", past.report.From, past.report.Until, day)
	}
	past.rows = maxRows + 1
	if w := f.ask(tok, "GET", "/v1/reports", ""); w.Code != 422 || !strings.Contains(w.Body.String(), "report_too_long") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.ask(tok, "GET", "/v1/reports/export", ""); w.Code != 200 || strings.Count(w.Body.String(), "\r\n") != maxRows+2 {
		t.Errorf("%d, %d lines", w.Code, strings.Count(w.Body.String(), "\r\n"))
	}
	if got := f.ask(f.token("", "call-record:read"), "GET", "/v1/reports", "").Code; got != 403 {
		t.Errorf("without report:read: %d", got)
	}
}
