package report

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// column is a figure of the table.
type column struct {
	name, head string
}

var columns = []column{
	{"cpu_ms_per_party_s", "CPU, ms per party and s"},
	{"core_pct", "of its core, %"},
	{"rss_kb_per_party", "memory, kB per party"},
	{"latency_ms.p50", "delay p50, ms"},
	{"latency_ms.p99", "delay p99, ms"},
	{"glitch_pct", "bad frames, %"},
	{"mos_estimate", "MOS estimate"},
	{"max_parties_per_core", "parties on one core"},
	{"max_calls_per_s", "calls set up per s"},
	{"cpu_us_per_call", "CPU, µs per call set up"},
	{"late_ticks", "late ticks"},
	{"recorded_ticks_dropped", "recorded ticks dropped"},
	{"record_beyond_encode_ms_per_party_s", "recording beyond its encodes, ms per party and s"},
	{"ready_s", "ready after, s"},
	{"spooled_stored_s", "spool stored after, s"},
	{"rss_kb_growth", "memory growth, kB"},
	{"goroutines_growth", "goroutines more"},
}

// Number prints a figure with as many digits as it deserves.
func Number(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func (t Target) String() string {
	unit := ""
	if t.Figure == "ratio" {
		unit = "x"
	}
	if t.AtLeast > 0 {
		return "≥ " + Number(t.AtLeast) + unit
	}
	return "≤ " + Number(t.Most) + unit
}

var figureNames = map[string]string{"ratio": "ratio"}

func init() {
	for _, c := range columns {
		figureNames[c.name] = c.head
	}
}

// Markdown is the table of all results, with the charts of Charts above it.
func Markdown(results []Result, charts []string) string {
	var b strings.Builder
	b.WriteString("# Measurements\n\nMade by `make bench`; one JSON file per case lies beside this table. ")
	b.WriteString("Each case starts fresh servers in turns (A, B, A, B ...) on one core, with the load on another, and shows the medians of the valid runs. ")
	b.WriteString("A server at 100 % of its core is full: it would take more than is shown. The delay is what the server adds: from a burst in what a party sends to the same burst in what another hears. Compare ratios, not machines.\n\n")
	if len(results) > 0 {
		m := results[0].Machine
		fmt.Fprintf(&b, "Machine: %s, %d cores, Linux %s, %s, libopus %s", cmp.Or(m.CPU, "unknown processor"), m.Cores, m.Kernel, m.Go, m.Opus)
		for _, p := range []string{"janus", "rtpengine"} {
			if v := m.Peers[p]; v != "" {
				fmt.Fprintf(&b, ", %s %s", p, v)
			}
		}
		fmt.Fprintf(&b, ". Commit %s.\n\n", results[0].Commit)
	}
	for _, c := range charts {
		fmt.Fprintf(&b, "![%s](%s)\n\n", strings.TrimSuffix(c, ".svg"), c)
	}
	b.WriteString("| case | server | runs |")
	for _, c := range columns {
		b.WriteString(" " + c.head + " |")
	}
	b.WriteString(" ratio | targets |\n|---|---|---|" + strings.Repeat("---|", len(columns)+2) + "\n")
	for _, r := range results {
		for i, s := range r.Summaries {
			title, ratio, targets := "", "", ""
			if i == 0 {
				title = r.Title
				if r.Ratio != nil {
					ratio = "**" + Number(*r.Ratio) + "x**"
				}
				targets = r.targets()
			}
			fmt.Fprintf(&b, "| %s | %s | %d |", title, s.Server, s.Runs)
			for _, c := range columns {
				cell := ""
				if v, ok := s.Figure(c.name); ok {
					cell = Number(v)
				}
				b.WriteString(" " + cell + " |")
			}
			fmt.Fprintf(&b, " %s | %s |\n", ratio, targets)
		}
	}
	b.WriteString("\n## Commands\n\n")
	for _, r := range results {
		fmt.Fprintf(&b, "- %s: `%s`\n", r.Title, r.Command)
	}
	return b.String()
}

// targets says which targets are met.
func (r *Result) targets() string {
	var parts []string
	for _, t := range r.Targets {
		_, met, ok := r.Met(t)
		parts = append(parts, fmt.Sprintf("%s %v: %s", figureNames[t.Figure], t, map[[2]bool]string{{true, true}: "met", {false, true}: "**missed**"}[[2]bool{met, ok}]))
	}
	return strings.Join(parts, "; ")
}

// WriteAll renders the table and the charts of a folder's results into it.
func WriteAll(dir string) error {
	results, err := ReadAll(dir)
	if err != nil {
		return err
	}
	charts := Charts(results)
	var names []string
	for _, c := range charts {
		names = append(names, c.Name)
		if err := os.WriteFile(filepath.Join(dir, c.Name), []byte(c.SVG), 0o644); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(Markdown(results, names)), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
