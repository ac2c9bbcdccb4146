package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPercentile(t *testing.T) {
	v := []float64{5, 1, 4, 2, 3}
	for _, c := range []struct {
		p, want float64
	}{{0, 1}, {1, 1}, {20, 1}, {21, 2}, {50, 3}, {99, 5}, {100, 5}} {
		if got := Percentile(v, c.p); got != c.want {
			t.Errorf("percentile %g of %v: got %g, want %g", c.p, v, got, c.want)
		}
	}
	if v[0] != 5 {
		t.Errorf("the samples were sorted in place: %v", v)
	}
	if got := Percentile(nil, 50); !math.IsNaN(got) {
		t.Errorf("percentile of nothing: %g", got)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{4, 2}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(c.v); got != c.want {
			t.Errorf("median of %v: got %g, want %g", c.v, got, c.want)
		}
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing: %g", got)
	}
}

func TestSlope(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want float64
	}{
		{[]float64{0, 1, 2}, []float64{5, 7, 9}, 2},
		{[]float64{0, 1, 2}, []float64{4, 4, 4}, 0},
		{[]float64{1, 1}, []float64{1, 2}, 0},
		{nil, nil, 0},
	} {
		if got := Slope(c.x, c.y); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("slope of %v over %v: got %g, want %g", c.y, c.x, got, c.want)
		}
	}
}

func TestRoundKeepsFourDigits(t *testing.T) {
	for in, want := range map[float64]float64{0: 0, 12345.6: 12350, 0.000123456: 0.0001235, -9.87654: -9.877} {
		if got := round(in); math.Abs(got-want) > 1e-12 {
			t.Errorf("round(%g): got %g, want %g", in, got, want)
		}
	}
}

func run(server string, cpu float64, invalid string, ms ...float64) Run {
	return Run{Server: server, Invalid: invalid, Figures: Figures{CPU: P(cpu), Latency: NewLatency(ms)}}
}

func sample() Result {
	r := Result{Name: "mix", Title: "a <mix> & more", Targets: []Target{{Figure: "ratio", Most: 0.35}}, Runs: []Run{
		run("cordboard", 4, "", 20, 22), run("janus", 10, "", 130), run("cordboard", 99, "late"), run("cordboard", 2, "", 24), run("janus", 14, ""), run("cordboard", 3, ""),
	}}
	r.Sum()
	return r
}

func TestSum(t *testing.T) {
	r := sample()
	if len(r.Summaries) != 2 || r.Summaries[0].Server != "cordboard" {
		t.Fatalf("summaries %+v: want cordboard, then janus", r.Summaries)
	}
	s := r.Summaries[0]
	if *s.CPU != 3 || s.Runs != 3 {
		t.Errorf("got a CPU median of %g over %d runs, want 3 over 3: the invalid one does not count", *s.CPU, s.Runs)
	}
	if l := s.Latency; l.P50 != 22 || l.P99 != 24 || l.N != 3 {
		t.Errorf("latency %+v: want the percentiles over all samples", *l)
	}
	if r.Ratio == nil || *r.Ratio != 0.25 {
		t.Errorf("ratio %v, want 3/12", r.Ratio)
	}
	if _, met, ok := r.Met(r.Targets[0]); !met || !ok {
		t.Errorf("target of 0.35 at a ratio of 0.25: met %v, known %v", met, ok)
	}
}

func TestMet(t *testing.T) {
	r := sample()
	for _, c := range []struct {
		target  Target
		met, ok bool
	}{
		{Target{Figure: "ratio", Most: 0.2}, false, true},
		{Target{Figure: "latency_ms.p99", Most: 24}, true, true},
		{Target{Figure: "latency_ms.p50", Most: 21}, false, true},
		{Target{Figure: "max_parties_per_core", AtLeast: 200}, false, false},
		{Target{Figure: "cpu_ms_per_party_s", AtLeast: 3}, true, true},
	} {
		if _, met, ok := r.Met(c.target); met != c.met || ok != c.ok {
			t.Errorf("%+v: got met %v known %v, want %v %v", c.target, met, ok, c.met, c.ok)
		}
	}
}

func TestNothingValid(t *testing.T) {
	r := Result{Runs: []Run{run("cordboard", 3, "late"), run("janus", 4, "")}}
	r.Sum()
	if r.Ratio != nil || r.Summaries[0].CPU != nil {
		t.Errorf("a ratio %v and a median %v from invalid runs", r.Ratio, r.Summaries[0].CPU)
	}
}

func TestWrittenAndRead(t *testing.T) {
	dir := t.TempDir()
	r := sample()
	r.Order = 2
	first := Result{Name: "zz", Title: "first", Order: 1}
	for _, one := range []*Result{&r, &first} {
		if err := one.Write(filepath.Join(dir, one.Name+".json")); err != nil {
			t.Fatal(err)
		}
	}
	all, err := ReadAll(dir)
	if err != nil || len(all) != 2 || all[0].Name != "zz" {
		t.Fatalf("read %v, %v: want zz, then mix", all, err)
	}
	if got := *all[1].Summaries[0].CPU; got != 3 {
		t.Errorf("CPU %g after reading, want 3", got)
	}
	if err := WriteAll(dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| a <mix> & more | cordboard | 3 | 3.00 |  |", "**0.25x**", "ratio ≤ 0.35x: met |", "![cpu](cpu.svg)", "![delay](delay.svg)"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the table lacks %q:\n%s", want, b)
		}
	}
}

func TestChartsAreXML(t *testing.T) {
	charts := Charts([]Result{sample(), sample()})
	if len(charts) != 2 {
		t.Fatalf("%d charts, want one of CPU and one of delay", len(charts))
	}
	for _, c := range charts {
		d := xml.NewDecoder(strings.NewReader(c.SVG))
		rects := 0
		for {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", c.Name, err, c.SVG)
			}
			if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "rect" {
				rects++
			}
		}
		if rects != 4 {
			t.Errorf("%s has %d bars, want 4", c.Name, rects)
		}
	}
}

func TestCPUModel(t *testing.T) {
	if got := cpuModel("processor\t: 0\nmodel name\t: A Fine CPU @ 2GHz\n"); got != "A Fine CPU @ 2GHz" {
		t.Errorf("got %q", got)
	}
	if got := cpuModel("processor: 0\n"); got != "" {
		t.Errorf("got %q of none", got)
	}
}
