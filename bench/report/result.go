// Package report keeps what was measured: a Result per case as JSON, with the command, commit and machine that
// made it, and from all of them a table and charts. Figures of one case are medians over its runs; runs in
// which the load generator itself was late are kept, marked invalid and left out of the medians.
package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Result is one case: one load, on one server or on several in turns.
type Result struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Scenario string         `json:"scenario"`
	Command  string         `json:"command"`
	Commit   string         `json:"commit"`
	Time     time.Time      `json:"time"`
	Machine  Machine        `json:"machine"`
	Load     map[string]any `json:"load"`
	// Order of the table and the charts.
	Order     int       `json:"order,omitempty"`
	Summaries []Summary `json:"summaries"` // ours first
	// Ratio is our CPU per party and second to the other's, or our parties on one core to the other's.
	Ratio *float64 `json:"ratio,omitempty"`
	// Targets are what the project holds itself to.
	Targets []Target `json:"targets,omitempty"`
	Runs    []Run    `json:"runs"`
}

// Target is a bound on one figure of ours, or on the ratio.
type Target struct {
	Figure  string  `json:"figure"` // the JSON name, "ratio", "latency_ms.p50" or "latency_ms.p99"
	Most    float64 `json:"most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
}

// Run is one server under load once.
type Run struct {
	Server  string  `json:"server"`
	Invalid string  `json:"invalid,omitempty"` // why it does not count
	LoadAvg float64 `json:"load_average"`      // of the machine, before it
	Figures
}

// Summary is the medians of a server's valid runs.
type Summary struct {
	Server string `json:"server"`
	Runs   int    `json:"valid_runs"`
	Figures
}

// Figures are what one run measures. Absent ones were not measured.
type Figures struct {
	Parties      *float64 `json:"parties,omitempty"`
	CPU          *float64 `json:"cpu_ms_per_party_s,omitempty"`
	CPUPerCall   *float64 `json:"cpu_us_per_call,omitempty"` // signalling
	Core         *float64 `json:"core_pct,omitempty"`        // of the server's core
	RSS          *float64 `json:"rss_kb_per_party,omitempty"`
	Latency      *Latency `json:"latency_ms,omitempty"`
	Glitch       *float64 `json:"glitch_pct,omitempty"`
	MOS          *float64 `json:"mos_estimate,omitempty"`
	LateTicks    *float64 `json:"late_ticks,omitempty"`          // begun over 5 ms late or given up, in the CPU window
	Encodes      *float64 `json:"encodes_per_party_s,omitempty"` // what cordboard says of its work
	Decodes      *float64 `json:"decodes_per_party_s,omitempty"`
	RecEncodes   *float64 `json:"recorded_encodes_per_party_s,omitempty"` // of those, the recorder's own
	RecDropped   *float64 `json:"recorded_ticks_dropped,omitempty"`
	RecordExtra  *float64 `json:"record_beyond_encode_ms_per_party_s,omitempty"` // what recording costs beyond not recording and its bare encodes
	Ready        *float64 `json:"ready_s,omitempty"`                             // from the start of the process to healthy
	Spooled      *float64 `json:"spooled_stored_s,omitempty"`                    // and to all that was spooled being stored
	MaxParties   *float64 `json:"max_parties_per_core,omitempty"`
	MaxCPS       *float64 `json:"max_calls_per_s,omitempty"`
	Failed       *float64 `json:"failed_calls,omitempty"`
	Setup        *float64 `json:"setup_mean_ms,omitempty"`
	Sent         *float64 `json:"sent_pps_per_party,omitempty"`
	Heard        *float64 `json:"heard_pps_per_party,omitempty"`
	Gaps         *float64 `json:"sequence_gaps,omitempty"`
	GeneratorP99 *float64 `json:"generator_late_p99_ms,omitempty"`
	// What an idle server holds after a soak beyond what it held after the first calls of it.
	Goroutines *float64 `json:"goroutines_growth,omitempty"`
	FDs        *float64 `json:"fds_growth,omitempty"`
	RSSGrowth  *float64 `json:"rss_kb_growth,omitempty"`
	Calls      *float64 `json:"calls,omitempty"`
}

// Latency is a distribution in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	N   int     `json:"n"`
	all []float64
}

// NewLatency sums up samples. Nil when there are none.
func NewLatency(ms []float64) *Latency {
	if len(ms) == 0 {
		return nil
	}
	return &Latency{P50: Percentile(ms, 50), P99: Percentile(ms, 99), N: len(ms), all: ms}
}

// P makes a pointer of a figure, rounded to four digits.
func P(v float64) *float64 {
	v = round(v)
	return &v
}

// fields are the figures that are summed up by their median.
func (f *Figures) fields() map[string]**float64 {
	return map[string]**float64{
		"parties": &f.Parties, "cpu_ms_per_party_s": &f.CPU, "cpu_us_per_call": &f.CPUPerCall, "core_pct": &f.Core, "rss_kb_per_party": &f.RSS,
		"glitch_pct": &f.Glitch, "mos_estimate": &f.MOS, "late_ticks": &f.LateTicks, "encodes_per_party_s": &f.Encodes, "decodes_per_party_s": &f.Decodes, "recorded_encodes_per_party_s": &f.RecEncodes, "recorded_ticks_dropped": &f.RecDropped, "record_beyond_encode_ms_per_party_s": &f.RecordExtra, "ready_s": &f.Ready, "spooled_stored_s": &f.Spooled,
		"max_parties_per_core": &f.MaxParties, "max_calls_per_s": &f.MaxCPS,
		"failed_calls": &f.Failed, "setup_mean_ms": &f.Setup, "sent_pps_per_party": &f.Sent, "heard_pps_per_party": &f.Heard, "sequence_gaps": &f.Gaps,
		"generator_late_p99_ms": &f.GeneratorP99, "goroutines_growth": &f.Goroutines, "fds_growth": &f.FDs, "rss_kb_growth": &f.RSSGrowth, "calls": &f.Calls,
	}
}

// Figure finds a figure by its JSON name.
func (f *Figures) Figure(name string) (float64, bool) {
	if f.Latency != nil {
		switch name {
		case "latency_ms.p50":
			return f.Latency.P50, true
		case "latency_ms.p99":
			return f.Latency.P99, true
		}
	}
	if v := f.fields()[name]; v != nil && *v != nil {
		return **v, true
	}
	return 0, false
}

// Sum makes summaries and ratio from the runs. Servers come in the order of their first run.
func (r *Result) Sum() {
	r.Summaries, r.Ratio = nil, nil
	var order []string
	runs := make(map[string][]*Run)
	for i := range r.Runs {
		run := &r.Runs[i]
		if !slices.Contains(order, run.Server) {
			order = append(order, run.Server)
		}
		if run.Invalid == "" {
			runs[run.Server] = append(runs[run.Server], run)
		}
	}
	for _, name := range order {
		r.Summaries = append(r.Summaries, summarize(name, runs[name]))
	}
	if len(r.Summaries) == 2 {
		figure := "max_parties_per_core" // where that was looked for
		if _, ok := r.Summaries[0].Figure(figure); !ok {
			figure = "cpu_ms_per_party_s"
		}
		a, ok1 := r.Summaries[0].Figure(figure)
		b, ok2 := r.Summaries[1].Figure(figure)
		if ok1 && ok2 && b > 0 {
			r.Ratio = P(a / b)
		}
	}
}

func summarize(name string, runs []*Run) Summary {
	s := Summary{Server: name, Runs: len(runs)}
	for key, to := range s.fields() {
		var all []float64
		for _, run := range runs {
			if v := *run.fields()[key]; v != nil {
				all = append(all, *v)
			}
		}
		if len(all) > 0 {
			*to = P(Median(all))
		}
	}
	var ms, p50, p99 []float64
	n := 0
	for _, run := range runs {
		if l := run.Latency; l != nil {
			ms, p50, p99, n = append(ms, l.all...), append(p50, l.P50), append(p99, l.P99), n+l.N
		}
	}
	switch {
	case len(ms) > 0 && len(ms) == n:
		s.Latency = NewLatency(ms)
	case n > 0: // read from a file, where the samples are gone
		s.Latency = &Latency{P50: Median(p50), P99: Median(p99), N: n}
	}
	return s
}

// Met says whether a target is met, and by what figure; ok is false where there is none.
func (r *Result) Met(t Target) (v float64, met, ok bool) {
	if len(r.Summaries) == 0 {
		return 0, false, false
	}
	v, ok = r.Summaries[0].Figure(t.Figure)
	if t.Figure == "ratio" {
		if ok = r.Ratio != nil; ok {
			v = *r.Ratio
		}
	}
	if t.AtLeast > 0 {
		return v, ok && v >= t.AtLeast, ok
	}
	return v, ok && v <= t.Most, ok
}

// Write stores a result as JSON.
func (r *Result) Write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: encode: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// ReadAll reads all results of a folder, in the order of the table.
func ReadAll(dir string) ([]Result, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var all []Result
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("report: %w", err)
		}
		var r Result
		if err := json.Unmarshal(b, &r); err != nil {
			return nil, fmt.Errorf("report: %s: %w", name, err)
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b Result) int {
		if a.Order != b.Order {
			return a.Order - b.Order
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}
