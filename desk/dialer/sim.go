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
	Pace     func(Situation) int
	Cap      float64
	Answer   func(t float64) float64 // share of calls a person answers, at time t
	Setup    float64                 // mean time to the answer
	MaxRing  float64
	Talk     float64 // mean, lognormal with sigma 0.8
	Wrap     float64 // mean, exponential
	Patience float64 // how long an answered call waits for an agent before it is abandoned
	Every    float64 // how often the pace is set
}

// Outcome is what a simulated day came to.
type Outcome struct {
	Tally
	Connected int
	Occupancy float64 // share of the agents' time in calls and wrap-up
	Talking   float64 // share in calls alone
	// WorstRate is the highest running abandonment after the first 200 answers.
	WorstRate float64
	MeanIdle  float64 // seconds an agent waits for the next call
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

// recentDials is how many attempts Situation.Recent looks back, in two halves.
const recentDials = 400

// Run simulates the day. The same Sim gives the same Outcome.
func (s Sim) Run() Outcome {
	r := rand.New(rand.NewPCG(s.Seed, 0x6469616c))
	var q simQueue
	add := func(at float64, kind, id int) { heap.Push(&q, simEvent{at, kind, id}) }
	var o Outcome
	var recent, older Tally
	idle, talking, wrapping, inFlight := s.Agents, 0, 0, 0
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
	connect := func(now float64) {
		idle, talking = idle-1, talking+1
		o.Connected++
		d := lognormal(s.Talk, 0.8)
		talkMean += (d - talkMean) / 50
		add(now+d, simHangup, 0)
	}
	add(0, simPace, 0)
	for q.Len() > 0 {
		e := heap.Pop(&q).(simEvent)
		if e.at > s.Seconds {
			break
		}
		dt := e.at - last
		busy += dt * float64(talking+wrapping)
		talk += dt * float64(talking)
		idleTime += dt * float64(idle)
		last = e.at
		switch e.kind {
		case simPace:
			n := s.Pace(Situation{
				Idle: idle, Talking: talking, WrapUp: wrapping, InFlight: inFlight, Waiting: len(waiting), Setup: setup,
				Talk: talkMean, Wrap: wrapMean, Day: o.Tally, Month: o.Tally, Recent: recent.Add(older), Cap: s.Cap,
			})
			for range n {
				inFlight++
				t := math.Min(lognormal(s.Setup, 0.5), s.MaxRing)
				if r.Float64() < s.Answer(e.at) && t < s.MaxRing {
					add(e.at+t, simAnswer, 0)
					add(e.at+s.MaxRing, simKnown, 1)
				} else { // busy and invalid numbers end soon, the rest ring out
					if r.Float64() < 0.3 {
						t = 2 + 2*r.Float64()
					} else {
						t = s.MaxRing
					}
					add(e.at+t, simNoAnswer, 0)
					add(e.at+s.MaxRing, simKnown, 0)
				}
			}
			add(e.at+s.Every, simPace, 0)
		case simKnown:
			if recent.Dialled >= recentDials/2 {
				older, recent = recent, Tally{}
			}
			recent.Dialled++
			recent.Answered += e.id
		case simNoAnswer:
			inFlight--
			ended(false)
		case simAnswer:
			inFlight--
			ended(true)
			if idle > 0 {
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
			wrapping, idle = wrapping-1, idle+1
			for len(line) > 0 {
				id := line[0]
				line = line[1:]
				if waiting[id] {
					delete(waiting, id)
					connect(e.at)
					break
				}
			}
		}
		if o.Answered >= 200 {
			o.WorstRate = math.Max(o.WorstRate, o.Rate())
		}
	}
	total := last * float64(s.Agents)
	o.Occupancy, o.Talking = busy/total, talk/total
	if o.Connected > 0 {
		o.MeanIdle = idleTime / float64(o.Connected)
	}
	return o
}

// Ratio is the pacing of a fixed-ratio dialler: so many calls in the air for each idle agent.
func Ratio(perIdle float64) func(Situation) int {
	return func(s Situation) int { return max(0, int(math.Floor(perIdle*float64(s.Idle)))-s.InFlight-s.Waiting) }
}
