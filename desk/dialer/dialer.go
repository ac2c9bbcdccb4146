// Package dialer says how many customers a campaign should call now. It is a pure function over counts: no
// clock, no randomness, no calls. The aim is to keep agents talking while the share of answered calls that
// find no agent stays under a cap.
//
// A call is made either for an agent who is reserved for it, or ahead: whoever is free when it is answered
// takes it, and when nobody is, it is abandoned. A progressive campaign only makes the first kind. A
// predictive one makes the second as long as the cap allows it, and the first beyond that.
//
// The cap is a budget: of n answered calls of a day, and of the last 30 days, floor(cap * n) may be abandoned.
// What is left of it is how many calls may be under way ahead, so that the cap holds at every moment even if
// all of them are answered and nobody is free, whoever else takes the agents. A new day begins without a
// budget, and so with reserved agents only.
//
// Within the budget a model says how many calls are worth making. For a number n of calls in the air the
// number of answers is taken as binomial, as is the number of agents who become free in the time to answer;
// the mean of the answers beyond the free agents is the expected number of abandoned calls. The greatest n is
// taken for which
//
//	expected to be abandoned  <=  risk * expected answers
//
// The risk is fed back from what was measured: it is greatest when nothing was abandoned, falls in
// proportion as the rate of the day, or of the last 30 days, comes near the cap, and is zero short of it. The
// model need not be right for the cap to hold; a wrong one only keeps agents waiting, or the budget used up.
package dialer

import "math"

const (
	// aim is the part of the cap at which nobody is called ahead any more; the rest is for chance.
	aim = 0.9
	// gain is the risk when nothing has been abandoned, as a multiple of the cap.
	gain = 6
	// reach is the part of the time to answer in which an agent must become free to count.
	reach = 0.75
	// steady is how many answers the measured rate counts in full; before, a few calls say little about it. The
	// budget counts them all.
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

// Recent is the outcomes of the last few hundred attempts, in two halves: when the younger one is full the
// older one is forgotten. The zero value is ready for use.
type Recent struct{ young, old Tally }

// recentDials is how many attempts both halves of a Recent hold.
const recentDials = 400

// Add counts an attempt.
func (r *Recent) Add(answered bool) {
	if r.young.Dialled >= recentDials/2 {
		r.old, r.young = r.young, Tally{}
	}
	r.young.Dialled++
	if answered {
		r.young.Answered++
	}
}

// Tally is the sum of both halves.
func (r Recent) Tally() Tally { return r.young.Add(r.old) }

// Plan is what to do now.
type Plan struct {
	Reserved int // customers to call for whom an idle agent is reserved first
	Ahead    int // customers to call for whoever is free then
}

// Situation is all a pacing looks at. Reserved agents are none of its agents.
type Situation struct {
	Idle     int // agents who could talk now
	Talking  int // agents in a call
	WrapUp   int // agents in the work after one
	InFlight int // calls that are being made, without those that have an agent reserved
	Waiting  int // answered calls that have no agent yet
	Ahead    int // calls of this campaign that may still be abandoned: called ahead, and with no agent talking yet
	Calls    int // all calls of this campaign that are being made

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
	Limit int     // the most calls that may be being made, 0: no limit
}

// Progressive calls a customer for each idle agent, and reserves the agent.
func Progressive(s Situation) Plan {
	return Plan{Reserved: limited(s, s.Idle-s.InFlight-s.Waiting)}
}

// Predictive calls ahead of agents who will be free, within the budget; beyond it as Progressive.
func Predictive(s Situation) Plan {
	idle := max(0, s.Idle-s.InFlight-s.Waiting)
	p := Answers(s.Recent)
	agents := s.Idle + s.Talking + s.WrapUp
	if agents == 0 || p <= 0 {
		return Plan{}
	}
	n, budget := idle, 0
	if risk := Risk(s); risk > 0 {
		// The greatest total within the risk, by halving: more calls in the air never fit better.
		free := Freeing(s)
		least, most := s.InFlight+idle, s.InFlight+idle+int(math.Ceil(float64(agents)/p))+1
		for least < most {
			half := (least + most + 1) / 2
			if Overflow(half, p, free) <= risk*float64(half)*p {
				least = half
			} else {
				most = half - 1
			}
		}
		n, budget = least-s.InFlight, max(0, Budget(s)-s.Ahead)
	}
	n = limited(s, n)
	ahead := min(n, budget)
	return Plan{Ahead: ahead, Reserved: max(0, min(n, idle)-ahead)}
}

func limited(s Situation, n int) int {
	if s.Limit > 0 {
		n = min(n, s.Limit-s.Calls)
	}
	return max(0, n)
}

// Budget is how many more calls may be abandoned today, the campaign's day and the last 30 days both
// considered. It is negative when the cap has been lowered since, or agents who were reserved did not come.
func Budget(s Situation) int {
	left := math.MaxInt
	for _, t := range []Tally{s.Day, s.Month} {
		left = min(left, int(math.Floor(s.Cap*float64(t.Answered)+1e-9))-t.Abandoned)
	}
	return left
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
