package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/tally"
)

// reportStats shows what the hourly reports count as counters since the start, by queue, and the time of agents by
// state. docs/reports.md says what each number means; rates of the counters give service level, handle time and
// occupancy of any window.
type reportStats struct{ totals func() []floor.Total }

// queueMetric is one counter of a queue.
type queueMetric struct {
	name, help string
	value      func(tally.Sums) float64
}

var queueMetrics = []queueMetric{
	{"offered_total", "Calls that came to wait.", func(s tally.Sums) float64 { return float64(s.Offered) }},
	{"answered_total", "Calls answered by an agent.", func(s tally.Sums) float64 { return float64(s.Answered) }},
	{"answered_in_time_total", "Calls answered within the queue's service_level.", func(s tally.Sums) float64 { return float64(s.InTime) }},
	{"abandoned_total", "Calls whose customer gave up waiting.", func(s tally.Sums) float64 { return float64(s.Abandoned) }},
	{"short_abandoned_total", "Abandoned calls that waited less than the queue's short_abandon.", func(s tally.Sums) float64 { return float64(s.Short) }},
	{"elsewhere_total", "Calls that left the queue for a message, a callback, a number or another queue.", func(s tally.Sums) float64 { return float64(s.Elsewhere) }},
	{"answer_wait_seconds_total", "Wait of answered calls.", func(s tally.Sums) float64 { return s.AnswerWait.Seconds() }},
	{"missed_total", "Offers not answered in time (RONA).", func(s tally.Sums) float64 { return float64(s.Missed) }},
	{"declined_total", "Offers turned down.", func(s tally.Sums) float64 { return float64(s.Declined) }},
	{"no_media_total", "Offers taken without a voice coming up.", func(s tally.Sums) float64 { return float64(s.NoMedia) }},
	{"handled_total", "Calls whose handling, wrap-up included, is over.", func(s tally.Sums) float64 { return float64(s.Handled) }},
	{"handle_seconds_total", "Time of handled calls, wrap-up included.", func(s tally.Sums) float64 { return s.Handle.Seconds() }},
	{"talk_seconds_total", "Talk of handled calls.", func(s tally.Sums) float64 { return s.Talk.Seconds() }},
	{"hold_seconds_total", "Hold of handled calls.", func(s tally.Sums) float64 { return s.Hold.Seconds() }},
	{"consult_seconds_total", "Consults of handled calls.", func(s tally.Sums) float64 { return s.Consult.Seconds() }},
	{"dialing_seconds_total", "Dialling of handled calls.", func(s tally.Sums) float64 { return s.Dialing.Seconds() }},
	{"wrapup_seconds_total", "Wrap-up of handled calls.", func(s tally.Sums) float64 { return s.Wrapup.Seconds() }},
	{"post_calls_total", "Calls whose customer left before the others.", func(s tally.Sums) float64 { return float64(s.PostCalls) }},
	{"post_call_seconds_total", "Time of such calls after that.", func(s tally.Sums) float64 { return s.PostCall.Seconds() }},
}

var agentSeconds = prometheus.NewDesc("cordboard_agents_state_seconds_total", "Time of all agents in a state.", []string{"state"}, nil)

// Describe implements prometheus.Collector.
func (reportStats) Describe(chan<- *prometheus.Desc) {} // queues come and go with the configuration

// Collect implements prometheus.Collector.
func (r reportStats) Collect(ch chan<- prometheus.Metric) {
	for _, t := range r.totals() {
		if t.Kind == tally.Agent {
			for state, d := range map[string]float64{
				"ready": t.Ready.Seconds(), "not_ready": t.NotReady.Seconds(), "reserved": t.Reserved.Seconds(),
				"busy": t.Busy.Seconds(), "wrapup": t.Wrapping.Seconds(),
			} {
				ch <- prometheus.MustNewConstMetric(agentSeconds, prometheus.CounterValue, d, state)
			}
			continue
		}
		for _, m := range queueMetrics {
			d := prometheus.NewDesc("cordboard_queue_"+m.name, m.help, []string{"queue"}, nil)
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, m.value(t.Sums), t.ID)
		}
	}
}
