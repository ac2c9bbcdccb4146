package main

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/desk/dialer"
)

// dialerCmd simulates outbound campaigns: the same days with the predictive pacing, with a progressive one
// and with diallers of a fixed ratio; then days that are hard for a cap, with callers who want the same agents
// and with few calls. No server and no clock is involved; the same seeds give the same days.
type dialerCmd struct {
	JSON   string        `name:"json" help:"Write the result to this file, and a chart beside it." placeholder:"FILE"`
	Agents []int         `help:"Sizes of the team." default:"10,50,200"`
	Seeds  int           `help:"Days simulated of each." default:"5"`
	Day    time.Duration `help:"Length of a day." default:"8h"`
	Cap    float64       `help:"Cap of the abandonment, in percent." default:"3"`
}

// dialerRow is one dialler with one team, over all seeds.
type dialerRow struct {
	Dialler   string    `json:"dialler"`
	Agents    int       `json:"agents"`
	Hours     float64   `json:"day_h"`
	Inbound   float64   `json:"inbound_calls_per_agent_h"`
	Occupancy []float64 `json:"occupancy_pct"` // a day each
	Talking   []float64 `json:"talking_pct"`
	Abandoned []float64 `json:"abandoned_pct"`
	Over      []int     `json:"calls_over_cap"` // most at any moment of the day
	Answered  []int     `json:"answered_calls"`
	Calls     []int     `json:"connected_calls"`
	WaitMean  []float64 `json:"agent_wait_mean_s"`
}

type dialerResult struct {
	Name    string         `json:"name"`
	Command string         `json:"command"`
	Commit  string         `json:"commit"`
	Time    time.Time      `json:"time"`
	Model   map[string]any `json:"model"`
	Rows    []dialerRow    `json:"rows"`
}

func (c dialerCmd) Run() error {
	dialers := []struct {
		name string
		pace func(dialer.Situation) dialer.Plan
	}{
		{"predictive", dialer.Predictive},
		{"progressive", dialer.Progressive},
		{"fixed 1.5", dialer.Ratio(1.5)},
		{"fixed 2", dialer.Ratio(2)},
		{"fixed 3", dialer.Ratio(3)},
	}
	out := dialerResult{
		Name: "dialer", Command: commandLine(), Commit: report.Commit(), Time: time.Now().UTC().Truncate(time.Second),
		Model: map[string]any{
			"answer_share": "0.30 + 0.15 sin(2 pi t / 4.2 h)", "setup_mean_s": 12, "max_ring_s": 25, "talk_mean_s": 120,
			"wrap_mean_s": 20, "patience_s": 2, "cap_pct": c.Cap, "day_s": c.Day.Seconds(), "pace_every_s": 1,
		},
	}
	fmt.Printf("%-12s %7s %6s %8s %10s %10s %10s %5s %8s\n", "dialler", "agents", "day", "in/agent", "occupancy", "abandoned", "worst day", "over", "wait")
	run := func(name string, pace func(dialer.Situation) dialer.Plan, agents int, day time.Duration, perAgent float64) {
		row := dialerRow{Dialler: name, Agents: agents, Hours: day.Hours(), Inbound: perAgent}
		for seed := range c.Seeds {
			o := dialer.Sim{
				Agents: agents, Seconds: day.Seconds(), Seed: uint64(seed) + 1, Pace: pace, Cap: c.Cap / 100,
				Setup: 12, MaxRing: 25, Talk: 120, Wrap: 20, Patience: 2, Every: 1, Inbound: perAgent * float64(agents) / 3600,
				Answer: func(t float64) float64 { return 0.3 + 0.15*math.Sin(t/2400) },
			}.Run()
			row.Occupancy = append(row.Occupancy, percent(o.Occupancy))
			row.Talking = append(row.Talking, percent(o.Talking))
			row.Abandoned = append(row.Abandoned, percent(o.Rate()))
			row.Over = append(row.Over, o.Over)
			row.Answered = append(row.Answered, o.Answered)
			row.Calls = append(row.Calls, o.Connected)
			row.WaitMean = append(row.WaitMean, math.Round(10*o.MeanIdle)/10)
		}
		out.Rows = append(out.Rows, row)
		fmt.Printf("%-12s %7d %5.1fh %8.0f %9.1f%% %9.2f%% %9.2f%% %5d %7.1fs\n", name, agents, row.Hours, perAgent,
			mean(row.Occupancy), mean(row.Abandoned), worst(row.Abandoned), slices.Max(row.Over), mean(row.WaitMean))
	}
	for _, agents := range c.Agents {
		for _, d := range dialers {
			run(d.name, d.pace, agents, c.Day, 0)
		}
	}
	for _, agents := range c.Agents {
		for _, d := range dialers[:2] {
			run(d.name, d.pace, agents, c.Day, 10) // callers take two fifths of the agents' time
			run(d.name, d.pace, agents, c.Day/16, 0)
		}
	}
	if c.JSON == "" {
		return nil
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.JSON), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(c.JSON, append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(strings.TrimSuffix(c.JSON, ".json")+".svg", []byte(dialerChart(out, c.Cap)), 0o644)
}

func percent(v float64) float64 { return math.Round(10000*v) / 100 }

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(1, len(v)))
}

func worst(v []float64) float64 {
	most := 0.0
	for _, x := range v {
		most = max(most, x)
	}
	return most
}

// dialerChart sets occupancy (to the right is better) against abandonment (down is better), a mark per whole day
// without callers.
func dialerChart(r dialerResult, limit float64) string {
	r.Rows = slices.DeleteFunc(slices.Clone(r.Rows), func(row dialerRow) bool {
		return row.Inbound > 0 || row.Hours*3600 != r.Model["day_s"].(float64)
	})
	const width, height, left, top, right, bottom = 760, 420, 60, 70, 150, 50
	most := limit * 2
	for _, row := range r.Rows {
		most = max(most, worst(row.Abandoned))
	}
	x := func(v float64) float64 { return left + v/100*(width-left-right) }
	y := func(v float64) float64 { return height - bottom - v/most*(height-top-bottom) }
	colours := map[string]string{"predictive": "#2f7ed8", "progressive": "#6b8e6b", "fixed 1.5": "#e3b341", "fixed 2": "#d97706", "fixed 3": "#b42318"}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-label="Occupancy against abandonment">`+"\n", width, height)
	s.WriteString(`<style>text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#24292f}.t{font-size:16px;font-weight:600}.s{fill:#57606a}line{stroke:#9aa4af}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9aa4af}}</style>` + "\n")
	fmt.Fprintf(&s, "<text class=\"t\" x=\"8\" y=\"22\">Occupancy and abandoned calls</text>\n<text class=\"s\" x=\"8\" y=\"42\">simulated days of %s; a mark is one day, its size the team; right and low is good</text>\n",
		html.EscapeString(time.Duration(r.Model["day_s"].(float64)*float64(time.Second)).String()))
	for v := 0; v <= 100; v += 20 {
		fmt.Fprintf(&s, "<text class=\"s\" x=\"%.0f\" y=\"%d\">%d %%</text>\n", x(float64(v))-10, height-bottom+18, v)
	}
	for i := range 5 {
		v := most * float64(i) / 4
		fmt.Fprintf(&s, "<text class=\"s\" x=\"8\" y=\"%.0f\">%.0f %%</text>\n", y(v)+4, v)
	}
	fmt.Fprintf(&s, "<line x1=\"%d\" x2=\"%d\" y1=\"%[3]d\" y2=\"%[3]d\"/>\n<line x1=\"%[1]d\" x2=\"%[2]d\" y1=\"%.1[4]f\" y2=\"%.1[4]f\" stroke-dasharray=\"4 4\"/>\n<text class=\"s\" x=\"%[5]d\" y=\"%.1[6]f\">cap %[7]g %%</text>\n",
		left, width-right, height-bottom, y(limit), width-right+6, y(limit)+4, limit)
	fmt.Fprintf(&s, "<text class=\"s\" x=\"%d\" y=\"%d\">occupancy of the agents</text>\n", left, height-12)
	seen, key := map[string]bool{}, top
	for _, row := range r.Rows {
		size := 2 + math.Log2(float64(row.Agents))/1.6
		for i := range row.Occupancy {
			fmt.Fprintf(&s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" fill-opacity=\".7\"/>\n", x(row.Occupancy[i]), y(row.Abandoned[i]), size, colours[row.Dialler])
		}
		if !seen[row.Dialler] {
			seen[row.Dialler] = true
			fmt.Fprintf(&s, "<circle cx=\"%d\" cy=\"%d\" r=\"5\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">%s</text>\n", width-right+12, key+40, colours[row.Dialler], width-right+24, key+44, html.EscapeString(row.Dialler))
			key += 22
		}
	}
	s.WriteString("</svg>\n")
	return s.String()
}
