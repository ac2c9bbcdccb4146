package agentapi

import (
	"strings"
	"testing"

	"github.com/cordboard/cordboard/call"
)

// TestHistogram: a distribution is printed with cumulative buckets, its sum and its count.
func TestHistogram(t *testing.T) {
	f := newFixture(t, func(_ *Config, d *Deps) {
		d.Stats = map[string]func() any{"quality": func() any {
			return call.QualityStats{MOSIn: call.Distribution{Bounds: []float64{3.5, 4}, Counts: []uint64{2, 3, 5}, Sum: 40}}
		}}
	})
	got := f.ask("", "GET", "/metrics", "").Body.String()
	for _, line := range []string{
		"# TYPE cordboard_quality_mos_in histogram", `cordboard_quality_mos_in_bucket{le="3.5"} 2`, `cordboard_quality_mos_in_bucket{le="4"} 5`,
		`cordboard_quality_mos_in_bucket{le="+Inf"} 10`, "cordboard_quality_mos_in_sum 40", "cordboard_quality_mos_in_count 10",
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
}
