package mixer

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media/pcm"
)

const (
	// maxCatchUp is how many overdue ticks are made up for in a row; more are skipped.
	maxCatchUp = 3
	// lateAfter: a tick that begins this much after its time counts as late.
	lateAfter = 5 * time.Millisecond
	// queueLen is how many commands may wait for one shard; the next is refused (503).
	queueLen = 256
	// emptyRoom is the weight of a room in which nobody sits yet, in seats.
	emptyRoom = 2
	// fullShard is about how many seats keep a core busy; it makes seats comparable with measured load.
	fullShard = 400
)

type op uint8

const (
	opOpen   op = iota // put the room on the shard
	opPlan             // swap the plan in
	opClose            // take the room off
	opAgain            // no new plan could be had; the tick may ask again
	opDepart           // take the room off, with its last plan here, for another shard
)

// post is one command on its way to a shard. done has room for the one answer.
type post struct {
	room *Room
	op   op
	plan *plan
	done chan error
}

// shard is one tick goroutine and its rooms. Everything but the atomics belongs to that goroutine.
type shard struct {
	engine *Engine
	index  int
	epoch  time.Time // tick k of the grid is at epoch + k*Period
	posts  chan post

	rooms   []*Room
	ticks   uint64
	forgot  uint64 // the tick in which the scratch was last overwritten
	scratch scratch
	music   [codecs]atomic.Pointer[music] // made under Engine.mu, played by the shard

	seats     atomic.Int64  // placed here, with emptyRoom for each room
	busy      atomic.Uint64 // math.Float64bits of the smoothed busy fraction; so below
	seen      atomic.Uint64 // seats, smoothed alike: those that the busy fraction shows
	lateShare atomic.Uint64 // share of late ticks in the last two seconds
	refused   atomic.Uint64
	meter
}

func newShard(e *Engine, i int) *shard {
	s := &shard{engine: e, index: i, posts: make(chan post, queueLen)}
	s.scratch.gate = e.cfg.GateLevel
	s.scratch.silence.Reset(pcm.Rate48k)
	return s
}

// weight is how much the shard has to do: what it measures plus what was just placed on it.
func (s *shard) weight() float64 {
	return math.Float64frombits(s.busy.Load()) + float64(s.seats.Load())/fullShard
}

// run keeps an absolute schedule on the monotonic clock: it catches up a little, then gives the lost ticks
// up, counts them and keeps the phase. Without rooms it sleeps.
func (s *shard) run(ctx context.Context) {
	var next time.Time
	timer := time.NewTimer(Period)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.stop()
			return
		case p := <-s.posts:
			idle := len(s.rooms) == 0
			s.apply(p)
			if idle && len(s.rooms) > 0 {
				next = s.align(time.Now())
				timer.Reset(time.Until(next))
			}
		case now := <-timer.C:
			for n := 0; n < maxCatchUp && !now.Before(next); n++ {
				start := time.Now()
				s.tick(start)
				s.observe(start.Sub(next), time.Since(start))
				next = next.Add(Period)
			}
			if late := now.Sub(next); late >= 0 {
				lost := late/Period + 1
				s.skip(uint64(lost))
				next = next.Add(lost * Period)
			}
			if len(s.rooms) > 0 {
				timer.Reset(time.Until(next))
			} else {
				s.busy.Store(0)
				s.seen.Store(0)
			}
		}
	}
}

// align is the next moment of the shard's grid after now.
func (s *shard) align(now time.Time) time.Time {
	return s.epoch.Add(time.Duration(s.elapsed(now)+1) * Period)
}

// elapsed is how many ticks of the grid have passed; none before the shard runs.
func (s *shard) elapsed(now time.Time) uint64 {
	if s.epoch.IsZero() {
		return 0
	}
	return uint64(max(now.Sub(s.epoch), 0) / Period)
}

// tick moves 20 ms of audio through every room of the shard.
func (s *shard) tick(now time.Time) {
	s.ticks++
	s.scratch.now, s.scratch.tick = now, s.ticks
	s.scratch.effort = s.engine.effort.Load()
	s.scratch.shed = efforts[s.scratch.effort].shed
	if s.ticks-s.forgot >= forgetEvery {
		s.forgot = s.ticks
		s.scratch.forget()
	}
	for i := 0; i < len(s.rooms); {
		r := s.rooms[i]
		if r.doze.rests() || s.step(r) {
			i++
			continue
		}
		s.remove(r) // puts another room in place i
	}
}

// step runs one room and reports whether it lived through it.
func (s *shard) step(r *Room) (alive bool) {
	defer s.survive(r)
	before, ticks := s.scratch.counts.cost(), uint64(r.doze.owed+1)
	r.step(&s.scratch)
	r.load += (float32(s.scratch.counts.cost()-before) - float32(ticks)*r.load) / 64
	if r.tick%16 < ticks {
		r.cost.Store(uint64(r.load * 16))
	}
	return true
}

// rouse wakes a room before its plan changes and reports whether it lived through it.
func (s *shard) rouse(r *Room) (alive bool) {
	defer s.survive(r)
	r.rouse(&s.scratch, time.Now())
	return true
}

// survive is deferred where a leg may panic: it is the room's end and nobody else's.
func (s *shard) survive(r *Room) {
	if v := recover(); v != nil {
		s.panics.Add(1)
		r.err = fmt.Errorf("mixer: room %s: panic: %v\n%s", r.id, v, debug.Stack())
	}
}

// skip lets ticks pass that are lost, so that RTP timestamps move on by them.
func (s *shard) skip(lost uint64) {
	s.skipped.Add(lost)
	s.ticks += lost
	for _, r := range s.rooms {
		r.tick += lost
	}
}

// observe counts a tick that began late after its time and took this long.
func (s *shard) observe(late, took time.Duration) {
	s.scratch.flush(&s.meter)
	s.meter.observe(late, took)
	follow(&s.busy, float64(took)/float64(Period))
	follow(&s.seen, float64(s.seats.Load()))
}

// follow moves a smoothed value towards what it is now, with a time constant of one second.
func follow(v *atomic.Uint64, now float64) {
	const smooth = 0.02
	was := math.Float64frombits(v.Load())
	v.Store(math.Float64bits(was + smooth*(now-was)))
}

// apply carries out one command, between two ticks.
func (s *shard) apply(p post) {
	r := p.room
	if r.doze.nap > 0 && !r.over && p.op != opAgain && !s.rouse(r) {
		s.remove(r)
	}
	var err error
	switch {
	case r.over:
		err = errRoomClosed(r.id)
		if p.plan != nil {
			p.plan.discard(s.engine)
		}
	case p.op == opOpen:
		r.at = len(s.rooms)
		s.rooms = append(s.rooms, r)
		if r.tick == 0 { // all rooms count alike, for parties that change rooms
			r.tick = s.elapsed(time.Now())
		}
		s.seats.Add(int64(r.seats))
	case p.op == opPlan:
		p.plan.install(r, s.engine)
	case p.op == opClose:
		s.remove(r)
	case p.op == opDepart:
		p.plan.install(r, s.engine)
		s.take(r)
		s.seats.Add(-int64(emptyRoom + r.seats))
	case p.op == opAgain:
		r.asked = false
	}
	if p.done != nil {
		p.done <- err
	}
}

// remove takes a room off the shard and ends it.
func (s *shard) remove(r *Room) {
	s.take(r)
	r.finish()
}

// take takes a room off the shard.
func (s *shard) take(r *Room) {
	last := len(s.rooms) - 1
	s.rooms[r.at] = s.rooms[last]
	s.rooms[r.at].at = r.at
	s.rooms[last] = nil
	s.rooms = s.rooms[:last]
	if last == 0 { // no tick is going to do it
		s.scratch.forget()
	}
}

// stop ends every room when the engine stops.
func (s *shard) stop() {
	for len(s.rooms) > 0 {
		s.remove(s.rooms[len(s.rooms)-1])
	}
}

// drain answers the commands that came too late. No other goroutine runs the shard any more.
func (s *shard) drain() {
	for {
		select {
		case p := <-s.posts:
			if p.op == opOpen {
				p.room.finish()
			}
			if p.plan != nil {
				p.plan.discard(s.engine)
			}
			if p.done != nil {
				p.done <- errStopped()
			}
		default:
			return
		}
	}
}
