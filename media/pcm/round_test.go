package pcm

import (
	"math"
	"testing"
)

func TestRound(t *testing.T) {
	for _, c := range []struct {
		x    float32
		want int16
	}{
		{0, 0},
		{0.49, 0},
		{0.5, 1},
		{-0.5, -1},
		{-0.49, 0},
		{2.5, 3},
		{-2.5, -3},
		{1.4, 1},
		{-1.6, -2},
		{32766.5, 32767},
		{32767.6, 32767},
		{1e9, 32767},
		{-32768.4, -32768},
		{-1e9, -32768},
		{1e15, 32767},
	} {
		if got := round(c.x); got != c.want {
			t.Errorf("round(%v) = %d, want %d", c.x, got, c.want)
		}
	}
	for x := -40000.0; x < 40000; x += 0.37 {
		want := math.Max(math.MinInt16, math.Min(math.MaxInt16, math.Round(x)))
		if got := round(float32(x)); float64(got) != want && math.Abs(math.Abs(x-math.Trunc(x))-0.5) > 0.01 {
			t.Fatalf("round(%v) = %d, want %v", x, got, want)
		}
	}
}
