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
		{Situation{Idle: 5, Limit: 2, Calls: 1}, 1},
	} {
		if got := Progressive(c.s); got != (Plan{Reserved: c.want}) {
			t.Errorf("%+v: %+v, want %d for reserved agents", c.s, got, c.want)
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
	if n := Predictive(busy()); n.Ahead < 2 || n.Ahead > 25 || n.Reserved != 0 {
		t.Errorf("50 busy agents, a budget of 25: %+v", n)
	}
}

// The budget: nothing ahead when it is used up, whichever of day and month it is.
func TestCapIsNeverPlannedOver(t *testing.T) {
	s := busy()
	s.Day.Abandoned = 30
	if n := Predictive(s); n != (Plan{}) {
		t.Errorf("the day's budget is gone: %+v", n)
	}
	s = busy()
	s.Month.Abandoned = 600
	if n := Predictive(s); n != (Plan{}) {
		t.Errorf("the month's budget is gone: %+v", n)
	}
	s.Idle = 4
	if n := Predictive(s); n != (Plan{Reserved: 4}) {
		t.Errorf("idle agents are reserved first: %+v", n)
	}
	// A day of 30 answers has no budget at 3 %, one of 34 has one call.
	for answered, want := range map[int]Plan{0: {Reserved: 4}, 30: {Reserved: 4}, 33: {Reserved: 4}, 34: {Ahead: 1, Reserved: 3}} {
		s := Situation{Idle: 4, Setup: 12, Talk: 120, Wrap: 20, Cap: 0.03, Day: Tally{Answered: answered}, Month: Tally{Answered: 1000}}
		if got := Predictive(s); got != want {
			t.Errorf("%d answers: %+v, want %+v", answered, got, want)
		}
	}
	// What is under way counts as if it were abandoned already.
	s = busy()
	s.InFlight, s.Ahead = 20, 20
	if n := Predictive(s); n.Ahead > 5 {
		t.Errorf("20 of 25 are under way: %+v", n)
	}
}

func TestPredictiveIsMonotonous(t *testing.T) {
	s := busy()
	last := math.MaxInt
	for in := range 60 {
		s.InFlight = in
		n := Predictive(s).Ahead
		if n > last || n > 0 && n+in > 60 {
			t.Fatalf("%d in flight: %d more, before %d", in, n, last)
		}
		last = n
	}
	if (Predictive(Situation{Recent: Tally{Dialled: 100}}) != Plan{}) {
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

func day(agents int, hours, inbound float64, seed uint64, pace func(Situation) Plan) Outcome {
	return Sim{
		Agents: agents, Seconds: hours * 3600, Seed: seed, Pace: pace, Cap: 0.03, Setup: 12, MaxRing: 25, Talk: 120, Wrap: 20, Patience: 2, Every: 1,
		Answer: func(t float64) float64 { return 0.3 + 0.15*math.Sin(t/2400) }, Inbound: inbound,
	}.Run()
}

// TestG28_CapHolds: at every moment of every day the abandoned calls are within the cap's share of the answered
// ones, on days of a few calls and with callers who take the agents as well; and agents are busier than with a
// progressive dialler.
func TestG28_CapHolds(t *testing.T) {
	for _, c := range []struct {
		agents         int
		hours, inbound float64
		seeds          uint64
		gain           float64 // of occupancy over the progressive dialler
	}{
		{10, 4, 0, 3, 0.05},
		{50, 4, 0, 3, 0.05},
		{50, 4, 0.15, 3, 0},  // two fifths of the agents' time
		{10, 8, 0.06, 3, -1}, // callers take nearly all of it
		{3, 0.5, 0, 100, -1},
		{3, 1, 0.01, 100, -1},
		{20, 0.25, 0.1, 50, -1},
	} {
		abandoned := 0
		for seed := range c.seeds {
			p, q := day(c.agents, c.hours, c.inbound, seed, Predictive), day(c.agents, c.hours, c.inbound, seed, Progressive)
			abandoned += p.Abandoned
			if p.Over > 0 || p.Rate() > 0.03 {
				t.Errorf("%+v, seed %d: %d of %d abandoned, up to %d too many", c, seed, p.Abandoned, p.Answered, p.Over)
			}
			if q.Abandoned != 0 {
				t.Errorf("%+v, seed %d: progressive abandoned %d", c, seed, q.Abandoned)
			}
			if p.Occupancy-q.Occupancy < c.gain {
				t.Errorf("%+v, seed %d: occupancy %.3f, progressive %.3f", c, seed, p.Occupancy, q.Occupancy)
			}
			if p != day(c.agents, c.hours, c.inbound, seed, Predictive) {
				t.Error("the same day comes out differently")
			}
		}
		if c.gain > 0 && abandoned == 0 {
			t.Errorf("%+v: nobody was abandoned, the cap was not tried", c)
		}
	}
}

// The simulation can show a cap that does not hold: a pacing that calls ahead whatever has happened.
func TestSimShowsACapThatDoesNotHold(t *testing.T) {
	if o := day(10, 4, 0.03, 1, Ratio(2)); o.Over == 0 || o.Inbound == 0 {
		t.Errorf("%+v", o)
	}
}
