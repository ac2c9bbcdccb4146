package report

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// Chart is a picture of some results.
type Chart struct {
	Name string // of the file
	SVG  string
}

// bar is one bar of a chart.
type bar struct {
	label string // of its group, on the first bar
	name  string // the server
	value float64
}

// Bar is one bar of a chart made with Bars.
type Bar struct {
	Label string // of its group, on the first bar
	Name  string
	Value float64 // not negative
}

// Bars draws a horizontal bar chart as SVG.
func Bars(title, subtitle string, all []Bar) string {
	own := make([]bar, len(all))
	for i, b := range all {
		own[i] = bar{b.Label, b.Name, b.Value}
	}
	return bars(title, subtitle, own)
}

const (
	chartWidth = 760
	labelWidth = 300
	barHeight  = 18
	groupGap   = 12
	chartTop   = 56
)

// Colours that keep their contrast on a light and on a dark page.
var colours = map[string]string{"noisy": "#9aa4af", "cleaned": "#2f7ed8", "cordboard": "#2f7ed8", "janus": "#d97706", "rtpengine": "#7c6f9c"}

const (
	colourOther = "#6b8e6b"
	style       = `text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#24292f}.t{font-size:16px;font-weight:600}.s{fill:#57606a}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9aa4af}}`
)

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// bars draws a horizontal bar chart.
func bars(title, subtitle string, all []bar) string {
	height, most := chartTop, 0.0
	for i, b := range all {
		if b.label != "" && i > 0 {
			height += groupGap
		}
		height += barHeight
		most = max(most, b.value)
	}
	height += 16
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-label="%[3]s">`+"\n<style>%[4]s</style>\n", chartWidth, height, escape(title), style)
	fmt.Fprintf(&s, "<text class=\"t\" x=\"8\" y=\"22\">%s</text>\n<text class=\"s\" x=\"8\" y=\"42\">%s</text>\n", escape(title), escape(subtitle))
	y := chartTop
	for i, b := range all {
		if b.label != "" {
			if i > 0 {
				y += groupGap
			}
			fmt.Fprintf(&s, "<text x=\"8\" y=\"%d\">%s</text>\n", y+13, escape(b.label))
		}
		w := 1.0
		if most > 0 {
			w = max(b.value/most*(chartWidth-labelWidth-150), 1)
		}
		colour := colours[b.name]
		if colour == "" {
			colour = colourOther
		}
		fmt.Fprintf(&s, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\" fill=\"%s\"/><text x=\"%.1f\" y=\"%d\">%s %s</text>\n",
			labelWidth, y, w, barHeight-3, colour, labelWidth+w+6, y+12, Number(b.value), escape(b.name))
		y += barHeight
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// compared says whether a case sets us beside another server.
func compared(r Result) bool {
	for _, s := range r.Summaries {
		if !strings.HasPrefix(s.Server, "cordboard") {
			return true
		}
	}
	return false
}

// sized says whether a case is one of several that differ in the number of parties.
func sized(r Result) bool { return strings.HasPrefix(r.Name, "size-") }

func every(Result) bool { return true }

// Charts draws a chart for each figure that compares something.
func Charts(results []Result) []Chart {
	var charts []Chart
	for _, c := range []struct {
		file, figure, title, subtitle string
		shows                         func(Result) bool
	}{
		{"cpu.svg", "cpu_ms_per_party_s", "CPU time", "milliseconds of one core per party and second, less is better", compared},
		{"delay.svg", "latency_ms.p99", "Delay the server adds", "99th percentile in milliseconds, less is better", compared},
		{"capacity.svg", "max_parties_per_core", "Parties on one core", "before the 99th percentile of the delay passes its bound, more is better", every},
		{"memory.svg", "rss_kb_per_party", "Memory", "kilobytes per party, less is better", compared},
		{"glitch.svg", "glitch_pct", "Bad frames", "percent of frames in which a steady tone is gone, less is better", every},
		{"scale.svg", "cpu_ms_per_party_s", "CPU time by number of parties", "milliseconds of one core per party and second", sized},
	} {
		var all []bar
		for _, r := range results {
			if !c.shows(r) {
				continue
			}
			label := r.Title
			for _, s := range r.Summaries {
				v, ok := s.Figure(c.figure)
				if !ok {
					continue
				}
				all = append(all, bar{label, s.Server, v})
				label = ""
			}
		}
		if len(all) > 0 {
			charts = append(charts, Chart{c.file, bars(c.title, c.subtitle, all)})
		}
	}
	return charts
}
