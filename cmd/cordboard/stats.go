package main

import "github.com/cordboard/cordboard/mixer"

// tickTime is the mixer's histogram of tick times as the metrics want it.
type tickTime mixer.Stats

// Histogram gives the bounds in seconds, the counts and the sum.
func (t tickTime) Histogram() (bounds []float64, counts []uint64, sum float64) {
	for _, b := range mixer.Buckets {
		bounds = append(bounds, b.Seconds())
	}
	return bounds, t.TickTime[:], t.TickTimeSum.Seconds()
}

// mixerStats adds the histogram to the mixer's plain numbers.
func mixerStats(s mixer.Stats) any {
	return struct {
		mixer.Stats
		TickTimeSeconds tickTime
	}{s, tickTime(s)}
}
