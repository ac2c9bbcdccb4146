package dialer

import (
	"math"
	"testing"
)

func TestG27_ProgressiveNeverCallsAhead(t *testing.T) {
	for _, c := range []struct {
		s    Situation
		want int
	}{
		{Situation{Idle: 3}, 3},
		{Situation{Idle: 3, InFlight: 2}, 1},
		{Situation{Idle: 3, InFlight: 2, Waiting: 2}, 0},
		{Situation{Idle: 0, Talking: 10}, 0},
		{Situation{Idle: 5, Limit: 2}, 2},
	} {
		if got := Progressive(c.s); got != c.want {
			t.Errorf("%+v: %d, want %d", c.s, got, c.want)
		}
	}
}

func busy() Situation {
	return Situation{
		Talking: 50, Setup: 12, Talk: 120, Wrap: 20, Cap: 0.03, Recent: Tally{Dialled: 400, Answered: 100},
		Day: Tally{Answered: 1000, Abandoned: 5}, Month: Tally{Answered: 20000, Abandoned: 200},
	}
}

func TestG28_PredictiveCallsAheadWithoutIdleAgents(t *testing.T) {
	if n := Predictive(busy()); n < 2 || n > 40 {
		t.Errorf("50 busy agents: %d calls", n)
	}
}

// The budget: nothing ahead when it is used up, whichever of day and month it is.
func TestCapIsNeverPlannedOver(t *testing.T) {
	s := busy()
	s.Day.Abandoned = 30
	if n := Predictive(s); n != 0 {
		t.Errorf("the day's budget is gone: %d", n)
	}
	s = busy()
	s.Month.Abandoned = 600
	if n := Predictive(s); n != 0 {
		t.Errorf("the month's budget is gone: %d", n)
	}
	s.Idle = 4
	if n := Predictive(s); n != 4 {
		t.Errorf("idle agents are still served: %d", n)
	}
}

func TestPredictiveIsMonotonous(t *testing.T) {
	s := busy()
	last := math.MaxInt
	for in := range 60 {
		s.InFlight = in
		n := Predictive(s)
		if n > last || n > 0 && n+in > 60 {
			t.Fatalf("%d in flight: %d more, before %d", in, n, last)
		}
		last = n
	}
	if (Predictive(Situation{Recent: Tally{Dialled: 100}}) != 0) {
		t.Error("no agents, no calls")
	}
}

func TestBinomial(t *testing.T) {
	for _, n := range []int{0, 1, 7, 50, 2000} {
		for _, p := range []float64{0, 1e-9, 0.01, 0.3, 0.999, 1} {
			sum, mean := 0.0, 0.0
			for k, v := range binomial(n, p) {
				sum += v
				mean += float64(k) * v
			}
			if math.Abs(sum-1) > 1e-9 || math.Abs(mean-float64(n)*p) > 1e-6*float64(n+1) {
				t.Errorf("n %d p %g: sum %g mean %g", n, p, sum, mean)
			}
		}
	}
	// The overflow against a plain sum.
	free := []float64{0.2, 0.5, 0.3}
	want := 0.0
	for k, v := range binomial(9, 0.4) {
		for f, w := range free {
			want += v * w * math.Max(0, float64(k-f))
		}
	}
	if got := Overflow(9, 0.4, free); math.Abs(got-want) > 1e-12 {
		t.Errorf("overflow %g, want %g", got, want)
	}
}

func day(agents int, seed uint64, pace func(Situation) int) Outcome {
	return Sim{
		Agents: agents, Seconds: 4 * 3600, Seed: seed, Pace: pace, Cap: 0.03, Setup: 12, MaxRing: 25, Talk: 120, Wrap: 20, Patience: 2, Every: 1,
		Answer: func(t float64) float64 { return 0.3 + 0.15*math.Sin(t/2400) },
	}.Run()
}

// TestCap_HoldsInSimulatedDays: with answers that come and go, the day ends under the cap, and agents are
// busier than with a progressive dialler.
func TestCap_HoldsInSimulatedDays(t *testing.T) {
	for _, agents := range []int{10, 50} {
		for seed := range uint64(3) {
			p, q := day(agents, seed, Predictive), day(agents, seed, Progressive)
			if p.Rate() > 0.03 {
				t.Errorf("%d agents, seed %d: %.2f %% abandoned", agents, seed, 100*p.Rate())
			}
			if q.Abandoned != 0 {
				t.Errorf("progressive abandoned %d", q.Abandoned)
			}
			if p.Occupancy <= q.Occupancy {
				t.Errorf("%d agents, seed %d: occupancy %.3f, progressive %.3f", agents, seed, p.Occupancy, q.Occupancy)
			}
			if p != day(agents, seed, Predictive) {
				t.Error("the same day comes out differently")
			}
		}
	}
}
