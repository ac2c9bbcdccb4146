package e2e

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cordboard/cordboard/client"
	"github.com/cordboard/cordboard/desk/tally"
	"github.com/cordboard/cordboard/signaling/wire"
)

// records are the call records the server has, newest first.
func (s *server) records() []wire.CallRecord {
	s.t.Helper()
	list, err := s.api().GetCallRecords(soon(s.t), client.GetCallRecordsQuery{})
	if err != nil {
		s.t.Fatal(err)
	}
	return list.Items
}

// TestX7_ReportsAndCallRecords: a telephone's call is answered, talked through and wrapped up, and another hangs up
// waiting; the records of both outlive a kill -9, the report agrees with them, and a supervisor finds both on the
// desktop by keyboard, with the way to the recording.
func TestX7_ReportsAndCallRecords(t *testing.T) {
	began := time.Now()
	s := newServer(t, "").start()
	alice := s.signIn("alice", "agent", toneAlice).ready()
	caller := newCaller(t, "041000111", toneCaller)
	caller.calls(s, "1000")
	call := alice.takes().CallID
	alice.is(wire.AgentBusy)
	waitFor(t, 10*time.Second, "the recording", func() bool {
		list, err := s.api().GetRecordings(soon(t), client.GetRecordingsQuery{})
		return err == nil && len(list.Items) == 1
	})
	caller.command("hangup", "")
	w := alice.is(wire.AgentWrapup)
	if len(s.records()) != 0 {
		t.Fatal("there is a call record before the wrap-up is over")
	}
	must[wire.Wrapup](t)(alice.PostWrapupSubmit(soon(t), w.WrapupID, wire.SubmitRequest{Reason: "=solved"}))
	waitFor(t, 10*time.Second, "the call record", func() bool { return len(s.records()) == 1 })
	must[wire.Agent](t)(alice.PostAgentState(soon(t), "alice", wire.StateRequest{State: wire.AgentNotReady, Reason: "break"}))
	caller.calls(s, "1000")
	waitFor(t, 10*time.Second, "the second call in the queue", func() bool {
		return must[wire.QueueList](t)(s.api().GetQueues(soon(t))).Items[0].Waiting == 1
	})
	caller.command("hangup", "")
	waitFor(t, 10*time.Second, "the abandoned call's record", func() bool { return len(s.records()) == 2 })

	s.kill()
	s.start()
	all := s.records()
	if len(all) != 2 {
		t.Fatalf("after a kill there are %d call records: %+v", len(all), all)
	}
	slices.SortFunc(all, func(a, b wire.CallRecord) int { return a.Started.Compare(b.Started) })
	talked, lost := all[0], all[1]
	if talked.ID != call || talked.Outcome != wire.OutcomeAnswered || talked.Agent != "alice" || talked.Disposition != "=solved" || talked.TalkSeconds <= 0 ||
		len(talked.Recordings) != 1 || len(talked.Waits) != 1 || len(talked.Offers) != 1 || talked.Offers[0].End != "accepted" || talked.Masked || talked.Customer != "041000111" {
		t.Errorf("the answered call: %+v", talked)
	}
	if lost.Outcome != wire.OutcomeAbandoned || len(lost.Agents) != 0 || lost.WaitSeconds <= 0 {
		t.Errorf("the abandoned call: %+v", lost)
	}
	report := must[wire.Report](t)(s.api().GetReports(soon(t), client.GetReportsQuery{
		Since: tally.Start(began).Add(-tally.Span), Until: tally.Start(began).Add(time.Hour), Every: "all", Kind: "queue",
	}))
	if len(report.Items) != 1 || report.Items[0].Offered != 2 || report.Items[0].Answered != 1 || report.Items[0].Abandoned != 1 || report.Items[0].Handled != 1 || report.Items[0].ServiceLevel == nil {
		t.Errorf("the report: %+v", report.Items)
	}
	body, resp := s.part(s.admin, "/v1/call-records/export", 0, 0)
	rows, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
	if resp.StatusCode != http.StatusOK || err != nil || len(rows) != 3 || !slices.Contains(rows[1], "'=solved") {
		t.Errorf("the export: %d %s %v", resp.StatusCode, body, err)
	}
	resp.Body.Close()
	metrics, _ := s.part(s.admin, "/metrics", 0, 0)
	if !strings.Contains(string(metrics), `cordboard_agents_state_seconds_total{state="not_ready"}`) {
		t.Error("the metrics have no time of agents")
	}

	token := s.token("--name", "floor", "--grant", "report:read,call-record:read,recording:read,recording:listen")
	d := newPage(t, s, "floor", "", token, testid("reports"))
	d.see("reports-table", patience)
	d.run(patience, "one row for the hour", chromedp.WaitVisible(testid("reports-row")+` [data-column="offered"]`, chromedp.ByQuery))
	d.picture("reports")
	d.run(patience, "agents", chromedp.Focus(testid("reports-kind"), chromedp.ByQuery), chromedp.KeyEvent("a"))
	d.run(patience, "alice's row", chromedp.WaitVisible(testid("reports-row")+`[data-id="alice"]`, chromedp.ByQuery))
	d.picture("reports-agents")
	d.run(patience, "to the records by keyboard", chromedp.Focus(testid("page-records"), chromedp.ByQuery), chromedp.KeyEvent("\r"))
	waitFor(t, patience, "two records", func() bool { return d.rows("records-row") == 2 })
	row := fmt.Sprintf(`[data-call="%s"][data-outcome="answered"]`, call)
	d.run(patience, "open the answered one", chromedp.Focus(row+" > button", chromedp.ByQuery), chromedp.KeyEvent("\r"), chromedp.WaitVisible(testid("records-detail"), chromedp.ByQuery))
	if text := d.text("records"); strings.Contains(text, "041000111") || !strings.Contains(text, "0111") {
		t.Errorf("a number is not masked: %s", text)
	}
	d.picture("records")
	d.run(patience, "to its recording", chromedp.Focus(testid("records-recording"), chromedp.ByQuery), chromedp.KeyEvent("\r"))
	d.run(patience, "the recording", chromedp.WaitVisible(fmt.Sprintf(`[data-recording="%s"] %s`, talked.Recordings[0], testid("library-detail")), chromedp.ByQuery))
}
