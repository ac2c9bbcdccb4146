package quality

import (
	"math"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
)

func TestBursts(t *testing.T) {
	const packet = 20 * time.Millisecond
	for _, tc := range []struct {
		name string
		// fate is a pattern of received (.) and lost (x) packets, repeated so many times.
		fate          string
		times         int
		burst, gap    float64 // densities
		length, quiet time.Duration
	}{
		{"whole", ".", 100, 0, 0, 0, 2 * time.Second},
		{"one in fifty, alone", ".........................x........................", 20, 0, 0.02, 0, 20 * time.Second},
		// Five lost in a row, then 95 received: a burst of 5 packets, a gap of 95.
		{"five in a row of a hundred", "...................................................xxxxx............................................", 20, 1, 0, 100 * time.Millisecond, 1900 * time.Millisecond},
		// Every second of ten is lost: a burst of nine packets, five of them lost.
		{"every second of nine", "..............................x.x.x.x.x..........................", 20, 0.55, 0, 180 * time.Millisecond, 1120 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r Reception
			seq := uint16(65000)
			lost, n := 0, 0
			for range tc.times {
				for _, c := range tc.fate {
					if c == '.' {
						r.Update(1, seq, 0, 0)
					} else {
						lost++
					}
					n++
					seq++
				}
			}
			w := r.bursts.weigh(packet)
			near := func(a, b time.Duration) bool { return (a - b).Abs() <= b/10 }
			if math.Abs(w.BurstDensity-tc.burst) > 0.06 || math.Abs(w.GapDensity-tc.gap) > 0.005 || !near(w.BurstDuration, tc.length) || !near(w.GapDuration, tc.quiet) {
				t.Errorf("%+v", w)
			}
			v, ok := r.VoIP(media.Stats{LevelIn: 20, Delay: packet}, media.PCMU, packet)
			if want := float64(lost) / float64(n); !ok || math.Abs(v.Loss-want) > 0.01 {
				t.Errorf("loss %v, want %v", v.Loss, want)
			}
			if v.Signal != -14 || v.R == 0 || v.R > 94 || v.MOSLQ < v.MOSCQ {
				t.Errorf("%+v", v)
			}
		})
	}
	if _, ok := new(Reception).VoIP(media.Stats{}, media.PCMU, packet); ok {
		t.Error("metrics of nothing")
	}
}
