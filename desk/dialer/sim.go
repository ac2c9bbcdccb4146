package dialer

import (
	"container/heap"
	"math"
	"math/rand/v2"
)

// Sim is a simulated campaign: agents who talk and wrap up, customers who answer or do not. Times are in
// seconds. It shows what a pacing does, and is what the pacing's own tests run on.
type Sim struct {
	Agents   int
	Seconds  float64 // length of the campaign's day
	Seed     uint64
	Pace     func(Situation) Plan
	Cap      float64
	Answer   func(t float64) float64 // share of calls a person answers, at time t
	Setup    float64                 // mean time to the answer
	MaxRing  float64
	Talk     float64 // mean, lognormal with sigma 0.8
	Wrap     float64 // mean, exponential
	Patience float64 // how long an answered call waits for an agent before it is abandoned
	Every    float64 // how often the pace is set
	// Inbound is how many callers a second (Poisson) want the same agents; they wait without end, are served
	// before the campaign's customers and talk as long as these.
	Inbound float64
}

// Outcome is what a simulated day came to.
type Outcome struct {
	Tally
	Connected int
	Occupancy float64 // share of the agents' time in calls and wrap-up
	Talking   float64 // share in calls alone
	Inbound   int     // callers served
	// Over is the most calls by which the abandoned ones have exceeded the cap's share of the answered ones at
	// any moment; 0: the cap has held throughout.
	Over     int
	MeanIdle float64 // seconds an agent waits for the next call
}

type simEvent struct {
	at   float64
	kind int
	id   int
}

// The kinds of simEvent.
const (
	simPace = iota
	simAnswer
	simNoAnswer
	simHangup
	simReady
	simGiveUp
	simKnown // the outcome of an attempt is certain; id 1: answered
	simCaller
)

type simQueue []simEvent

func (q simQueue) Len() int           { return len(q) }
func (q simQueue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q simQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *simQueue) Push(x any)        { *q = append(*q, x.(simEvent)) }
func (q *simQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// Run simulates the day. The same Sim gives the same Outcome.
func (s Sim) Run() Outcome {
	r := rand.New(rand.NewPCG(s.Seed, 0x6469616c))
	var q simQueue
	add := func(at float64, kind, id int) { heap.Push(&q, simEvent{at, kind, id}) }
	var o Outcome
	var recent Recent
	idle, reserved, talking, wrapping, inFlight, callers := s.Agents, 0, 0, 0, 0, 0
	waiting := map[int]bool{}
	var line []int
	last, busy, talk, idleTime := 0.0, 0.0, 0.0, 0.0
	setup, talkMean, wrapMean := s.Setup, s.Talk, s.Wrap // what the dialer has measured; begins with a guess
	next := 0
	lognormal := func(mean, sigma float64) float64 {
		return mean * math.Exp(sigma*r.NormFloat64()-sigma*sigma/2)
	}
	ended := func(answered bool) {
		o.Dialled++
		if answered {
			o.Answered++
		}
	}
	talks := func(now float64) {
		talking++
		d := lognormal(s.Talk, 0.8)
		talkMean += (d - talkMean) / 50
		add(now+d, simHangup, 0)
	}
	connect := func(now float64) {
		o.Connected++
		talks(now)
	}
	// freed gives an agent who has become free to whoever waits.
	freed := func(now float64) {
		if callers > 0 {
			callers--
			o.Inbound++
			talks(now)
			return
		}
		for len(line) > 0 {
			id := line[0]
			line = line[1:]
			if waiting[id] {
				delete(waiting, id)
				connect(now)
				return
			}
		}
		idle++
	}
	call := func(now float64, kept int) {
		inFlight += 1 - kept
		t := math.Min(lognormal(s.Setup, 0.5), s.MaxRing)
		if r.Float64() < s.Answer(now) && t < s.MaxRing {
			add(now+t, simAnswer, kept)
			add(now+s.MaxRing, simKnown, 1)
			return
		}
		// busy and invalid numbers end soon, the rest ring out
		if r.Float64() < 0.3 {
			t = 2 + 2*r.Float64()
		} else {
			t = s.MaxRing
		}
		add(now+t, simNoAnswer, kept)
		add(now+s.MaxRing, simKnown, 0)
	}
	add(0, simPace, 0)
	if s.Inbound > 0 {
		add(r.ExpFloat64()/s.Inbound, simCaller, 0)
	}
	for q.Len() > 0 {
		e := heap.Pop(&q).(simEvent)
		if e.at > s.Seconds {
			break
		}
		dt := e.at - last
		busy += dt * float64(talking+wrapping)
		talk += dt * float64(talking)
		idleTime += dt * float64(idle+reserved)
		last = e.at
		switch e.kind {
		case simPace:
			plan := s.Pace(Situation{
				Idle: idle, Talking: talking, WrapUp: wrapping, InFlight: inFlight, Waiting: len(waiting), Ahead: inFlight + len(waiting),
				Calls: inFlight + reserved, Setup: setup, Talk: talkMean, Wrap: wrapMean, Day: o.Tally, Month: o.Tally,
				Recent: recent.Tally(), Cap: s.Cap,
			})
			for range plan.Ahead {
				call(e.at, 0)
			}
			for range min(idle, plan.Reserved) {
				idle, reserved = idle-1, reserved+1
				call(e.at, 1)
			}
			add(e.at+s.Every, simPace, 0)
		case simCaller:
			if idle > 0 {
				idle--
				o.Inbound++
				talks(e.at)
			} else {
				callers++
			}
			add(e.at+r.ExpFloat64()/s.Inbound, simCaller, 0)
		case simKnown:
			recent.Add(e.id == 1)
		case simNoAnswer:
			ended(false)
			if e.id == 1 {
				reserved--
				freed(e.at)
			} else {
				inFlight--
			}
		case simAnswer:
			ended(true)
			if e.id == 1 {
				reserved--
				connect(e.at)
				break
			}
			inFlight--
			if idle > 0 {
				idle--
				connect(e.at)
				break
			}
			next++
			waiting[next] = true
			line = append(line, next)
			add(e.at+s.Patience, simGiveUp, next)
		case simGiveUp:
			if waiting[e.id] {
				delete(waiting, e.id)
				o.Abandoned++
			}
		case simHangup:
			talking, wrapping = talking-1, wrapping+1
			d := s.Wrap * r.ExpFloat64()
			wrapMean += (d - wrapMean) / 50
			add(e.at+d, simReady, 0)
		case simReady:
			wrapping--
			freed(e.at)
		}
		o.Over = max(o.Over, -Budget(Situation{Day: o.Tally, Month: o.Tally, Cap: s.Cap}))
	}
	total := last * float64(s.Agents)
	o.Occupancy, o.Talking = busy/total, talk/total
	if n := o.Connected + o.Inbound; n > 0 {
		o.MeanIdle = idleTime / float64(n)
	}
	return o
}

// Ratio is the pacing of a fixed-ratio dialler: so many calls in the air for each idle agent.
func Ratio(perIdle float64) func(Situation) Plan {
	return func(s Situation) Plan {
		return Plan{Ahead: max(0, int(math.Floor(perIdle*float64(s.Idle)))-s.InFlight-s.Waiting)}
	}
}
