package resample

import (
	"math"
	"testing"
)

func tone(rate int, hz float64) []int16 {
	out := make([]int16, rate/2)
	for i := range out {
		out[i] = int16(math.Round(10000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return out
}

// TestTone: a tone is the same tone at another rate, with and without prepared filters, and one above half the new
// rate is gone.
func TestTone(t *testing.T) {
	for _, c := range [][2]int{{44100, 48000}, {48000, 44100}, {22050, 48000}, {48000, 48000}, {16000, 10000}, {44101, 48000}, {11025, 16000}} {
		got, want := Int16(tone(c[0], 1000), c[0], c[1]), tone(c[1], 1000)
		if d := len(got) - len(want); d < -1 || d > 1 {
			t.Errorf("%v: %d samples, want %d", c, len(got), len(want))
		}
		var off float64
		for i := 500; i < min(len(got), len(want))-500; i++ {
			off = max(off, math.Abs(float64(got[i])-float64(want[i])))
		}
		if off > 4 {
			t.Errorf("%v: off by %.0f of 10000", c, off)
		}
	}
	for i, v := range Int16(tone(48000, 7000), 48000, 10000)[100:4800] {
		if v < -3 || v > 3 {
			t.Fatalf("7 kHz at 10 kHz: sample %d is %d", i, v)
		}
	}
	if got := Int16(nil, 8000, 16000); len(got) != 0 {
		t.Errorf("%d samples of nothing", len(got))
	}
}

func BenchmarkSecond(b *testing.B) {
	x := tone(88200, 1000)
	for b.Loop() {
		Int16(x, 44100, 48000)
	}
}
