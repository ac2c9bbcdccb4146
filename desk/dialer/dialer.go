// Package dialer says how many customers a campaign should call now. It is a pure function over counts: no
// clock, no randomness, no calls. The aim is to keep agents talking while the share of answered calls that
// find no agent stays under a cap.
//
// A progressive campaign never calls more customers than it has agents reserved for, so it abandons nobody.
// A predictive one calls ahead. For a number n of calls in the air the number of answers is taken as binomial,
// as is the number of agents who become free in the time to answer; the mean of the answers beyond the free
// agents is the expected number of abandoned calls. The greatest n is taken for which
//
//	expected to be abandoned  <=  risk * expected answers
//
// The risk is fed back from what was measured: it is greatest when nothing was abandoned, falls in
// proportion as the rate of the day, or of the last 30 days, comes near the cap, and is zero short of it;
// then nobody is called ahead until answers without abandonment have brought the rate down. The model need
// not be right for that, a wrong one only settles at another rate below the cap.
package dialer

import "math"

const (
	// aim is the part of the cap at which nobody is called ahead any more; the rest is for chance.
	aim = 0.9
	// gain is the risk when nothing has been abandoned, as a multiple of the cap.
	gain = 6
	// reach is the part of the time to answer in which an agent must become free to count.
	reach = 0.75
	// steady is how many answers the measured rate counts in full; before, a few calls say little.
	steady = 60
)

// prior is what a new campaign is taken to have seen, so that a first measurement is no certainty.
const (
	priorDials   = 40
	priorAnswers = 24 // 60 %: on the high side, because too high only means too slow
)

// Tally counts the outcomes of a stretch of time.
type Tally struct {
	Dialled   int `json:"dialled"`   // attempts that have ended
	Answered  int `json:"answered"`  // by a person
	Abandoned int `json:"abandoned"` // answered, and no agent in time
}

// Add is the sum of two tallies.
func (t Tally) Add(o Tally) Tally {
	return Tally{t.Dialled + o.Dialled, t.Answered + o.Answered, t.Abandoned + o.Abandoned}
}

// Rate is the share of answered calls that were abandoned, 0 without any.
func (t Tally) Rate() float64 {
	if t.Answered == 0 {
		return 0
	}
	return float64(t.Abandoned) / float64(t.Answered)
}

// Situation is all Pace looks at.
type Situation struct {
	Idle     int // agents who could talk now
	Talking  int // agents in a call
	WrapUp   int // agents in the work after one
	InFlight int // calls that are being made
	Waiting  int // answered calls that have no agent yet

	// Means in seconds; 0: not known.
	Setup float64 // from dialling to the answer
	Talk  float64
	Wrap  float64

	Day   Tally // the campaign's day so far
	Month Tally // its last 30 days, the day included
	// Recent is the last few hundred attempts for the share that is answered. It must hold only attempts
	// whose outcome is certain to be known, those begun longer ago than a phone may ring: of younger ones
	// the failures come first, and would make the share look small.
	Recent Tally

	Cap   float64 // the greatest share of answered calls that may be abandoned, 0.03 for 3 %
	Limit int     // the most calls that may be in flight, 0: no limit
}

// Progressive is how many customers to call now when each needs an idle agent.
func Progressive(s Situation) int {
	return max(0, limited(s, s.Idle-s.InFlight-s.Waiting))
}

// Predictive is how many customers to call now, ahead of agents who will be free.
func Predictive(s Situation) int {
	n := max(0, s.Idle-s.InFlight-s.Waiting) // nobody is abandoned by these
	p := Answers(s.Recent)
	free := Freeing(s)
	agents := s.Idle + s.Talking + s.WrapUp
	if agents == 0 || p <= 0 {
		return 0
	}
	risk := Risk(s)
	if risk <= 0 {
		return max(0, limited(s, n))
	}
	// The greatest total within the risk, by halving: more calls in the air never fit better.
	least, most := s.InFlight+n, s.InFlight+n+int(math.Ceil(float64(agents)/p))+1
	for least < most {
		half := (least + most + 1) / 2
		if Overflow(half, p, free) <= risk*float64(half)*p {
			least = half
		} else {
			most = half - 1
		}
	}
	n = least - s.InFlight
	return max(0, limited(s, n))
}

func limited(s Situation, n int) int {
	if s.Limit > 0 {
		n = min(n, s.Limit-s.InFlight)
	}
	return n
}

// Answers is the share of attempts that a person answers: what was seen with the prior, and one standard
// deviation on top.
func Answers(t Tally) float64 {
	n := float64(t.Dialled + priorDials)
	p := float64(t.Answered+priorAnswers) / n
	return min(1, p+math.Sqrt(p*(1-p)/n))
}

// Freeing is the distribution of how many agents are free to talk within the time to answer: the idle ones,
// and of the busy ones those whose call or wrap-up ends meanwhile (exponentially distributed rests).
// Freeing[k] is the probability of exactly k.
func Freeing(s Situation) []float64 {
	ends := func(mean float64) float64 {
		if mean <= 0 || s.Setup <= 0 {
			return 0
		}
		return 1 - math.Exp(-reach*s.Setup/mean)
	}
	talk := ends(s.Talk + s.Wrap) // first the call, then the work after it
	wrap := ends(s.Wrap)
	d := convolve(binomial(s.Talking, talk), binomial(s.WrapUp, wrap))
	out := make([]float64, s.Idle+len(d))
	for k, v := range d {
		out[max(0, s.Idle+k-s.Waiting)] += v // those who wait already come first
	}
	return out
}

// Risk is the share of the answers that may be expected to be abandoned now.
func Risk(s Situation) float64 {
	rate := 0.0
	for _, t := range []Tally{s.Day, s.Month} {
		rate = max(rate, float64(t.Abandoned)/float64(max(t.Answered, steady)))
	}
	return gain * s.Cap * max(0, 1-rate/(aim*s.Cap))
}

// Overflow is the expected number of answers beyond the free agents, for n calls answered with probability
// p each.
func Overflow(n int, p float64, free []float64) float64 {
	answers := binomial(n, p)
	// tail[k] is the expected number of answers above k.
	e, above := 0.0, 0.0
	tail := make([]float64, len(answers))
	for k := len(answers) - 1; k > 0; k-- {
		above += answers[k]
		tail[k-1] = tail[k] + above
	}
	for k, v := range free {
		if k < len(tail) {
			e += v * tail[k]
		}
	}
	return e
}

// binomial is the distribution of n trials with probability p, computed from the mode outwards so that
// nothing underflows to a sum of zero.
func binomial(n int, p float64) []float64 {
	out := make([]float64, n+1)
	switch {
	case n == 0 || p <= 0:
		out[0] = 1
		return out
	case p >= 1:
		out[n] = 1
		return out
	}
	mode := min(n, int(float64(n+1)*p))
	out[mode] = 1
	sum := 1.0
	for k := mode; k > 0; k-- {
		out[k-1] = out[k] * float64(k) / float64(n-k+1) * (1 - p) / p
		sum += out[k-1]
	}
	for k := mode; k < n; k++ {
		out[k+1] = out[k] * float64(n-k) / float64(k+1) * p / (1 - p)
		sum += out[k+1]
	}
	for k := range out {
		out[k] /= sum
	}
	return out
}

func convolve(a, b []float64) []float64 {
	out := make([]float64, len(a)+len(b)-1)
	for i, x := range a {
		for j, y := range b {
			out[i+j] += x * y
		}
	}
	return out
}
