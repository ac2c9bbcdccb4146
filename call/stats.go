package call

import (
	"sync"
	"time"

	"github.com/cordboard/cordboard/media/quality"
)

// Stats is what a Board holds and has refused.
type Stats struct {
	Calls        int    // alive
	Legs         int    // in a room, at the last second
	LegsDegraded int    // of those, with a MOS below 3.5
	Refused      uint64 // calls and legs refused because the server or its limit was full
}

// Stats counts. Safe for concurrent use.
func (b *Board) Stats() Stats {
	legs, degraded := b.scales.legs()
	return Stats{Calls: b.Live(), Legs: legs, LegsDegraded: degraded, Refused: b.refused.Load()}
}

// QualityStats is how the seconds of all legs were distributed since the start. In is what cordboard hears
// of the parties, out what they say they hear of cordboard.
type QualityStats struct {
	MOSIn, MOSOut                     Distribution
	LossInPercent, LossOutPercent     Distribution
	ConcealedPercent                  Distribution
	JitterInSeconds, JitterOutSeconds Distribution
	RoundTripSeconds                  Distribution
	DelayInSeconds, DelayOutSeconds   Distribution
}

// QualityStats copies the distributions. Safe for concurrent use.
func (b *Board) QualityStats() QualityStats { return b.scales.copy() }

// Distribution is a histogram: Counts[i] values up to Bounds[i] that are above the bound before, and one
// more count of those above the last.
type Distribution struct {
	Bounds []float64
	Counts []uint64
	Sum    float64
}

// Histogram gives the parts to whoever prints them.
func (d Distribution) Histogram() (bounds []float64, counts []uint64, sum float64) {
	return d.Bounds, d.Counts, d.Sum
}

func (d *Distribution) add(v float64) {
	i := 0
	for i < len(d.Bounds) && v > d.Bounds[i] {
		i++
	}
	d.Counts[i]++
	d.Sum += v
}

// The bounds of the distributions.
var (
	mosBounds     = []float64{2, 2.5, 3, 3.25, 3.5, 3.75, 4, 4.1, 4.2, 4.3, 4.4}
	percentBounds = []float64{0, 0.1, 0.3, 1, 2, 3, 5, 10, 20, 50}
	jitterBounds  = []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16}
	delayBounds   = []float64{0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.8}
)

// scales gathers the distributions.
type scales struct {
	mu             sync.Mutex
	q              QualityStats
	live, degraded int
}

func newScales() *scales {
	d := func(bounds []float64) Distribution {
		return Distribution{Bounds: bounds, Counts: make([]uint64, len(bounds)+1)}
	}
	return &scales{q: QualityStats{
		MOSIn: d(mosBounds), MOSOut: d(mosBounds), LossInPercent: d(percentBounds), LossOutPercent: d(percentBounds),
		ConcealedPercent: d(percentBounds), JitterInSeconds: d(jitterBounds), JitterOutSeconds: d(jitterBounds),
		RoundTripSeconds: d(delayBounds), DelayInSeconds: d(delayBounds), DelayOutSeconds: d(delayBounds),
	}}
}

// observe takes one second of one leg. A direction of which nothing is known does not count.
func (s *scales) observe(q quality.Second) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.MOSIn > 0 {
		s.q.MOSIn.add(q.MOSIn)
		s.q.LossInPercent.add(q.LossIn)
		s.q.ConcealedPercent.add(q.Concealed)
		s.q.JitterInSeconds.add(q.JitterIn.Seconds())
		s.q.DelayInSeconds.add(q.DelayIn.Seconds())
	}
	if q.MOSOut > 0 {
		s.q.MOSOut.add(q.MOSOut)
		s.q.LossOutPercent.add(q.LossOut)
		s.q.JitterOutSeconds.add(q.JitterOut.Seconds())
		s.q.DelayOutSeconds.add(q.DelayOut.Seconds())
	}
	if q.RoundTrip > 0 {
		s.q.RoundTripSeconds.add(time.Duration(q.RoundTrip).Seconds())
	}
}

func (s *scales) count(legs, degraded int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live, s.degraded = legs, degraded
}

func (s *scales) legs() (legs, degraded int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live, s.degraded
}

func (s *scales) copy() QualityStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.q
	for _, d := range []*Distribution{
		&q.MOSIn, &q.MOSOut, &q.LossInPercent, &q.LossOutPercent, &q.ConcealedPercent, &q.JitterInSeconds,
		&q.JitterOutSeconds, &q.RoundTripSeconds, &q.DelayInSeconds, &q.DelayOutSeconds,
	} {
		d.Counts = append([]uint64(nil), d.Counts...)
	}
	return q
}
