package main

import (
	"encoding/csv"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cordboard/cordboard/bench/report"
)

func TestSippStatistics(t *testing.T) {
	const head = "StartTime;ElapsedTime(C);TotalCallCreated;FailedCall(C);CallLength(C);\n"
	s, err := parseSipp(csv.NewReader(strings.NewReader(head + "a;00:00:01:000000;10;0;00:00:00:001000;\nb;00:01:02:500000;40;2;00:00:00:020500;\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := sippTotals{total: 40, failed: 2, elapsed: 62500 * time.Millisecond, setup: 20500 * time.Microsecond}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	for _, bad := range []string{"", head, head + "a;x;1;1;00:00:00:1;\n", "A;B\n1;2\n"} {
		if _, err := parseSipp(csv.NewReader(strings.NewReader(bad))); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if d, err := sippTime("00:00:04"); err != nil || d != 4*time.Second {
		t.Errorf("a time without a fraction: %v, %v", d, err)
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		done, total int
		gone        time.Duration
		want        string
	}{
		{0, 4, 0, "[........................] 0/4  0s  x"},
		{1, 4, 10 * time.Second, "[######..................] 1/4  10s, 30s left  x"},
		{4, 4, time.Minute, "[########################] 4/4  1m0s  x"},
		{5, 4, time.Minute, "[########################] 5/4  1m0s  x"},
		{0, 0, 0, "[........................] 0/1  0s  x"},
	} {
		if got := line(c.done, c.total, c.gone, "x"); got != c.want {
			t.Errorf("%d of %d: got %q, want %q", c.done, c.total, got, c.want)
		}
	}
}

func TestFull(t *testing.T) {
	fig := func(p50, p99, heard, late float64) report.Figures {
		return report.Figures{Latency: &report.Latency{P50: p50, P99: p99, N: 10}, Heard: report.P(heard), LateTicks: report.P(late)}
	}
	base := fig(25, 30, 44, 0)
	s := search{limit: 60, step: 2, share: 8}
	for _, c := range []struct {
		name string
		f    report.Figures
		full bool
	}{
		{"as before", base, false},
		{"slower", fig(40, 80, 44, 0), false},
		{"too slow", fig(40, 90, 44, 0), true},
		{"packets missing", fig(25, 30, 39, 0), true},
		{"a few late ticks", fig(25, 30, 44, 20), false},
		{"many late ticks", fig(25, 30, 44, 60), true},
		{"bursts missing", report.Figures{Latency: &report.Latency{P50: 25, P99: 30, N: 7}, Heard: report.P(44)}, true},
		{"nothing heard", report.Figures{Heard: report.P(44)}, true},
	} {
		heard := 0.0
		if c.f.Latency != nil {
			heard = float64(c.f.Latency.N) / 5
		}
		if got := s.full(c.f, base, heard, 2); (got != "") != c.full {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
	if got := []int{s.next(1), s.next(16), s.next(80)}; got[0] != 3 || got[1] != 18 || got[2] != 90 {
		t.Errorf("steps lead to %v, want 3, 18, 90", got)
	}
}

// TestTable holds each line of the table to its own command: it parses, and it is the same load.
func TestTable(t *testing.T) {
	all := &allCmd{common: common{Repeat: 3}}
	names := make(map[string]bool)
	for _, e := range all.table() {
		if names[e.name] {
			t.Errorf("%s is there twice", e.name)
		}
		names[e.name] = true
		var c cli
		p, err := kong.New(&c, kong.Vars{"speech": "x"})
		if err != nil {
			t.Fatal(err)
		}
		k, err := p.Parse(strings.Fields(e.command))
		if err != nil {
			t.Errorf("%s: %q: %v", e.name, e.command, err)
			continue
		}
		s, ok := k.Selected().Target.Addr().Interface().(scenario)
		if !ok {
			t.Errorf("%s: %q is no scenario", e.name, e.command)
			continue
		}
		if got, want := s.result().Title, e.result().Title; got != want {
			t.Errorf("%s: its command measures %q, the table %q", e.name, got, want)
		}
	}
}

func TestRoot(t *testing.T) {
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "bench", "main.go")); len(files) != 1 {
		t.Errorf("%s is not the top of the module", dir)
	}
}
