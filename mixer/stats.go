package mixer

import (
	"math"
	"sync/atomic"
	"time"
)

// Buckets are the upper bounds of Stats.TickTime; one more bucket holds what took longer.
var Buckets = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 15 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
}

// Stats counts what the shards did since the engine was made.
type Stats struct {
	Ticks        uint64                   // ticks run, over all shards
	Late         uint64                   // of those, begun more than 5 ms after their time
	LateMax      time.Duration            // the latest beginning
	Skipped      uint64                   // ticks given up after a stall
	TickTime     [len(Buckets) + 1]uint64 // histogram of the time a tick took
	TickTimeSum  time.Duration
	Forwarded    uint64 // frames' time in which a listener got a source's packets as they are
	Dozed        uint64 // ticks that a room left out and made up for later, since all was forwarded in it
	Polled       uint64 // sockets read by a tick
	Suppressed   uint64 // frames led through noise suppression
	Passed       uint64 // frames that it knew for music or tones and let through as they were
	Mixes        uint64 // distinct mixes computed
	Encodes      uint64 // encoder calls
	Shared       uint64 // encoder calls saved because listeners heard the same
	Silent       uint64 // frames sent without an encoder because nothing was to be heard
	Primed       uint64 // encoder calls that only warm up an encoder a listener moved to
	EncodeErrors uint64
	Decoded      uint64 // source frames that held audio
	Undecoded    uint64 // source frames that cost no decoding: silent, absent or heard by nobody
	Replans      uint64 // plans rebuilt because a rate, a format or a prompt changed
	Refused      uint64 // commands refused because a shard's queue was full
	Events       uint64 // room events dropped because nobody took them
	Panics       uint64 // rooms ended by a panic
	Moves        uint64 // rooms that went from one shard to another
	Complexity   int8   // what Opus encoders are kept to now; 10 is no limit
	Shed         bool   // noise suppression is off for want of time
	Rooms        int
	Shards       []ShardStats
}

// ShardStats is the load of one shard.
type ShardStats struct {
	Seats int     // members placed on it, and 2 for each room
	Busy  float64 // smoothed fraction of the time it spends in ticks, 1 is the end
}

// Stats reads the counters. Safe for concurrent use; counters of one tick may be split over two readings.
func (e *Engine) Stats() Stats {
	var t Stats
	for _, s := range e.shards {
		m := &s.meter
		t.Ticks += m.ticked.Load()
		t.Late += m.late.Load()
		t.LateMax = max(t.LateMax, time.Duration(m.lateMax.Load()))
		t.Skipped += m.skipped.Load()
		for i := range t.TickTime {
			t.TickTime[i] += m.took[i].Load()
		}
		t.TickTimeSum += time.Duration(m.tookSum.Load())
		t.Forwarded += m.forwarded.Load()
		t.Dozed += m.dozed.Load()
		t.Polled += m.polled.Load()
		t.Suppressed += m.suppressed.Load()
		t.Passed += m.passed.Load()
		t.Mixes += m.mixes.Load()
		t.Encodes += m.encodes.Load()
		t.Shared += m.shared.Load()
		t.Silent += m.silent.Load()
		t.Primed += m.primed.Load()
		t.EncodeErrors += m.encodeErrors.Load()
		t.Decoded += m.decoded.Load()
		t.Undecoded += m.undecoded.Load()
		t.Replans += m.replans.Load()
		t.Refused += s.refused.Load()
		t.Events += m.events.Load()
		t.Panics += m.panics.Load()
		t.Shards = append(t.Shards, ShardStats{Seats: int(s.seats.Load()), Busy: math.Float64frombits(s.busy.Load())})
	}
	step := efforts[e.effort.Load()]
	t.Moves, t.Complexity, t.Shed = e.moves.Load(), step.complexity, step.shed
	e.mu.Lock()
	t.Rooms = len(e.rooms)
	e.mu.Unlock()
	return t
}

// Load is the busy fraction of the least busy shard: what a new room would find. At 1 its ticks take all
// the time there is.
func (e *Engine) Load() float64 {
	least := math.Inf(1)
	for _, s := range e.shards {
		least = min(least, math.Float64frombits(s.busy.Load()))
	}
	return least
}

// meter is a shard's counters. One goroutine writes, any reads.
type meter struct {
	ticked, late, skipped          atomic.Uint64
	lateMax, tookSum               atomic.Int64
	took                           [len(Buckets) + 1]atomic.Uint64
	mixes, encodes, shared, silent atomic.Uint64
	primed, encodeErrors, panics   atomic.Uint64
	decoded, undecoded, replans    atomic.Uint64
	events, forwarded, polled      atomic.Uint64
	dozed                          atomic.Uint64
	suppressed, passed             atomic.Uint64
}

// observe counts one tick.
func (m *meter) observe(late, took time.Duration) {
	m.ticked.Add(1)
	if late > lateAfter {
		m.late.Add(1)
	}
	if int64(late) > m.lateMax.Load() {
		m.lateMax.Store(int64(late))
	}
	i := 0
	for i < len(Buckets) && took > Buckets[i] {
		i++
	}
	m.took[i].Add(1)
	m.tookSum.Add(int64(took))
}

// counts collects what rooms did within a tick, without atomics.
type counts struct {
	mixes, encodes, shared, silent uint64
	primed, encodeErrors, light    uint64 // light: encoder calls of codecs other than Opus
	decoded, undecoded, replans    uint64
	events, forwarded, polled      uint64
	dozed                          uint64
	suppressed, passed             uint64
}

// cost is about what the work counted takes, in microseconds.
func (c *counts) cost() uint64 {
	return 100*(c.encodes+c.primed-c.light) + 10*c.decoded + 25*(c.suppressed+c.passed) + 2*(c.mixes+c.undecoded+c.silent+c.shared+c.forwarded)
}

func (s *scratch) flush(m *meter) {
	c := &s.counts
	m.forwarded.Add(c.forwarded)
	m.dozed.Add(c.dozed)
	m.polled.Add(c.polled)
	m.suppressed.Add(c.suppressed)
	m.passed.Add(c.passed)
	m.mixes.Add(c.mixes)
	m.encodes.Add(c.encodes)
	m.shared.Add(c.shared)
	m.silent.Add(c.silent)
	m.primed.Add(c.primed)
	m.encodeErrors.Add(c.encodeErrors)
	m.decoded.Add(c.decoded)
	m.undecoded.Add(c.undecoded)
	m.replans.Add(c.replans)
	m.events.Add(c.events)
	*c = counts{}
}
