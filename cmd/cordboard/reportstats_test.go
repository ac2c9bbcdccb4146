package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/tally"
)

// The counters of reports are by queue and by state, in base units, and each is in the table of docs/operations.md.
func TestX7_ReportMetrics(t *testing.T) {
	totals := func() []floor.Total {
		return []floor.Total{
			{Kind: tally.Queue, ID: "service", Sums: tally.Sums{Offered: 7, Answered: 5, InTime: 4, AnswerWait: 90 * time.Second, PostCalls: 1, PostCall: 1500 * time.Millisecond}},
			{Kind: tally.Queue, ID: "sales", Sums: tally.Sums{Handled: 2, Handle: time.Minute}},
			{Kind: tally.Agent, Sums: tally.Sums{Busy: time.Hour, Wrapping: time.Minute, Missed: 3}},
		}
	}
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(reportStats{totals}); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got, names := map[string]float64{}, map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
		for _, m := range f.GetMetric() {
			got[f.GetName()+" "+m.GetLabel()[0].GetName()+"="+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"cordboard_queue_offered_total queue=service": 7, "cordboard_queue_answered_in_time_total queue=service": 4,
		"cordboard_queue_answer_wait_seconds_total queue=service": 90, "cordboard_queue_post_call_seconds_total queue=service": 1.5,
		"cordboard_queue_offered_total queue=sales": 0, "cordboard_queue_handle_seconds_total queue=sales": 60,
		"cordboard_agents_state_seconds_total state=busy": 3600, "cordboard_agents_state_seconds_total state=wrapup": 60, "cordboard_agents_state_seconds_total state=ready": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(doc)
	for name := range names {
		short := strings.TrimPrefix(name, "cordboard_queue")
		if !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, "`"+short+"`") {
			t.Errorf("%s is not in docs/operations.md", name)
		}
	}
}
