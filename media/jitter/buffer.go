// Package jitter turns RTP packets in the order they arrive into payloads in the order they are played.
//
// It stands on the border between two clocks. Above it a reader goroutine calls Push whenever a packet
// comes; below it the room asks with Pop, every 20 ms, whatever came. The two meet in a pair of lock-free
// rings that hand slots to and fro, so neither ever waits for the other. Everything that takes thought
// (order, duplicates, jumps, the playout delay) runs on the side of Pop.
//
//	reader: Push --> filled ring --> [accept: order, duplicate, late, jump] --> store --> Pop :tick
//	                 free ring  <---------------- slot of the item before --------------------'
//
// How long a packet waits follows from three numbers, all in units of the RTP clock. A packet's transit
// is its arrival minus its timestamp; the base is the smallest transit of the last two seconds, so a
// clock that drifts takes the base with it. A packet's lateness is its transit minus the base; the target
// is a high percentile of the lateness of the last ten seconds. The slack is what the playout leaves:
// now minus the timestamp being played minus the base. A packet is in time when its lateness is not more
// than the slack, so the buffer holds the slack between the target and one step above it and asks, in
// Item.Adjust, to play a little slower or faster when it is not.
package jitter

import (
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media/pcm"
)

// Kind says what Pop gives.
type Kind uint8

const (
	// Empty: nothing is there to be played yet. The caller conceals or stays silent for the rest of its
	// frame; the playout position waits, and what is made up counts against a hole found later.
	Empty Kind = iota
	// Audio: Payload is the next packet.
	Audio
	// Lost: a packet never came and a later one is there. Duration says how much to conceal; Next is the
	// packet right behind the hole, when the hole ends with this item.
	Lost
	// Silence: the party sent nothing for a while and lost nothing (DTX). Stay silent for the rest of
	// the frame.
	Silence
)

// Item is one answer of Pop.
type Item struct {
	Kind     Kind
	PT       uint8 // RTP payload type
	Level    uint8 // as given to Push; so Voice
	Voice    bool
	Marker   bool
	Quiet    bool   // Empty: the party is sending something else (telephone events) in place of audio
	Urgent   bool   // Adjust should not wait for silence
	Paused   bool   // Audio: the party sent nothing for a while before it, and lost nothing
	Seq      uint16 // Audio
	TS       uint32 // RTP timestamp of the item
	Duration uint32 // RTP clock units the item stands for; 0 for Empty and Silence
	Clock    uint32 // RTP clock rate in hertz, 0 before the first packet
	SSRC     uint32 // Audio
	Payload  []byte // Audio: borrowed until Pop has given Kept more of them
	Next     []byte // Lost: borrowed until the next Pop
	// Adjust is by how many RTP clock units the playout would like to differ from Duration: positive
	// stretches (delay grows), negative shrinks. Whoever follows it calls Adjusted.
	Adjust int32
}

// Packet is what Push takes of an RTP packet.
type Packet struct {
	SSRC     uint32
	TS       uint32
	Clock    uint32 // RTP clock rate of the payload type in hertz
	Duration uint32 // RTP clock units the payload holds; 0 for comfort noise
	Seq      uint16
	PT       uint8
	Level    uint8
	Voice    bool
	Marker   bool
	Skip     bool   // takes a sequence number but holds no audio (telephone event)
	Payload  []byte // copied
}

// Config says how far the delay may go. The zero Config is a good one.
type Config struct {
	Min time.Duration // smallest target, 4 ms when zero
	Max time.Duration // largest delay, 160 ms when zero
}

const (
	slots    = 64     // packets between reader and playout; 640 ms at a packet time of 10 ms
	slotSize = 128    // bytes a slot has at least; a larger payload grows its slot
	maxSize  = 2048   // longest payload taken
	none     = 0xff   // no slot
	dropout  = 3000   // RFC 3550 appendix A.1
	misorder = 100    // RFC 3550 appendix A.1
	longHole = 5      // frames of nothing after which a talkspurt starts afresh
	horizon  = 10_000 // ms the percentile looks back
	baseSpan = 2_000  // ms the base looks back
	startAt  = 5      // ms, the target before anything is known
	margin   = 4      // ms between the percentile and the target,
	sure     = 2      // and once the percentile rests on sureOf packets
	sureOf   = 200
	excess   = 4      // ms of slack beyond target and step that are left alone
	patience = 3 * 50 // pops a wish to adjust waits for silence before it is urgent
)

// Kept is how many payloads stay valid behind the playout, so that a decoder that was given a rest can be
// brought up to date.
const Kept = 4

// Buffer is the jitter buffer of one incoming stream. One goroutine calls Push, another Pop and Adjusted;
// Stats may be called from anywhere.
type Buffer struct {
	cfg   Config
	epoch time.Time

	filled, free ring
	slots        [slots]*slot // made when first needed
	spare        [slots]uint8 // the reader's: slots to use, the last used first, so that few are ever made
	spares       int
	overflow     atomic.Uint64 // packets the reader had no slot for, or that the playout gave up to bound the delay

	// Everything below belongs to the goroutine that calls Pop.
	order  [slots]uint8 // stored slots by ascending sequence number
	n      int
	kept   [Kept + 1]uint8 // slots behind the last Items, the one just given among them
	oldest int             // of kept
	pend   uint8           // first packet of what may be a new stream

	open    bool // a stream is known
	playing bool // the playout position is set
	paused  bool // the gap before the next packet is no loss
	quiet   bool // the last thing that came was not audio
	ssrc    uint32
	clock   uint32
	tick    int64 // clock units in one frame
	maxSeq  int64 // extended
	maxTS   int64 // extended
	seen    uint64
	lastSeq int64 // extended, last packet played
	play    int64 // extended timestamp to be played next
	spent   int64 // clock units made up since the store ran empty
	waited  int64 // clock units a packet was kept back for its delay
	ptime   int64

	delay delay
	stats counters
}

// counters are written by the playout and read by anybody.
type counters struct {
	late, duplicate, lost, restarts, adjusted atomic.Uint64
	delay, age, target                        atomic.Int64
}

// Stats is what the buffer counted since it was made.
type Stats struct {
	Late      uint64        // packets that came after their turn
	Duplicate uint64        // packets that came twice
	Lost      uint64        // packets that never came in time
	Overflow  uint64        // packets dropped to bound the delay
	Restarts  uint64        // new synchronisation source, timestamp or sequence jump
	Adjusted  uint64        // times the playout was stretched or shrunk
	Delay     time.Duration // what the last packet played had waited
	Target    time.Duration // what the buffer aims at
}

// New makes an empty buffer.
func New(cfg Config) *Buffer {
	if cfg.Min <= 0 {
		cfg.Min = 4 * time.Millisecond
	}
	if cfg.Max <= 0 {
		cfg.Max = 160 * time.Millisecond
	}
	cfg.Max = max(cfg.Max, cfg.Min+2*pcm.Period)
	b := &Buffer{cfg: cfg, epoch: time.Now(), kept: [Kept + 1]uint8{none, none, none, none, none}, pend: none}
	for i := range b.spare {
		b.spare[i] = uint8(slots - 1 - i)
	}
	b.spares = slots
	return b
}

// Push copies a packet in. It never blocks; it reports false when there is no room, and counts that. It
// allocates only while the buffer holds more than ever before. One goroutine only.
func (b *Buffer) Push(p *Packet, arrival time.Time) bool {
	if len(p.Payload) > maxSize {
		b.overflow.Add(1)
		return false
	}
	if b.spares == 0 || b.slots[b.spare[b.spares-1]] == nil { // before another slot is made
		for {
			i, ok := b.free.get()
			if !ok {
				break
			}
			b.spare[b.spares] = i
			b.spares++
		}
	}
	if b.spares == 0 {
		b.overflow.Add(1)
		return false
	}
	b.spares--
	i := b.spare[b.spares]
	s := b.slots[i]
	if s == nil {
		s = &slot{buf: make([]byte, 0, (max(len(p.Payload), slotSize)+63)/64*64)}
		b.slots[i] = s
	}
	s.ssrc, s.rtp, s.clock, s.dur = p.SSRC, p.TS, p.Clock, int64(p.Duration)
	s.seq, s.pt, s.level, s.voice, s.marker, s.skip = p.Seq, p.PT, p.Level, p.Voice, p.Marker, p.Skip
	s.arrival = int64(arrival.Sub(b.epoch))
	s.buf = append(s.buf[:0], p.Payload...)
	b.filled.put(i)
	return true
}

// Pop gives what is to be played next. queued is how much the caller still holds from earlier items, in
// RTP clock units; a caller asks when that is less than a frame. Never blocks.
func (b *Buffer) Pop(now time.Time, queued uint32) Item {
	b.Collect()
	return b.pop(now, queued)
}

// PopPast is the Pop that should have been at now, some time ago: what came later is not yet there. Nothing
// older may have been asked for since.
func (b *Buffer) PopPast(now time.Time, queued uint32) Item {
	for ns := int64(now.Sub(b.epoch)); ; {
		i, ok := b.filled.peek()
		if !ok || b.slots[i].arrival > ns {
			return b.pop(now, queued)
		}
		b.filled.get()
		b.accept(i)
	}
}

func (b *Buffer) pop(now time.Time, queued uint32) Item {
	if !b.open {
		return Item{}
	}
	t := units(int64(now.Sub(b.epoch)), b.clock)
	b.trim(t)
	fill := max(b.tick-int64(queued), 0)
	if !b.playing {
		if b.n == 0 {
			return b.empty()
		}
		s := b.first()
		if t-s.ts-b.delay.base < b.start(s) && b.waited < b.max() {
			b.waited += fill
			return b.empty()
		}
		for b.n > 1 { // what came before anybody listened is not worth its delay
			next := b.slots[b.order[1]]
			if t-next.ts-b.delay.base < b.start(next) {
				break
			}
			b.release(b.shift())
			b.overflow.Add(1)
			s = next
		}
		b.playing, b.play, b.lastSeq, b.spent = true, s.ts, s.ext-1, 0
	}
	for {
		if b.n == 0 {
			b.spent += fill
			return b.empty()
		}
		s := b.first()
		slack := t - s.ts - b.delay.base
		if gap := s.ts - b.play; gap > 0 {
			if it, hole := b.hole(s, gap, slack, fill); hole {
				return it
			}
		} else if b.spent > 0 && b.n > 1 && slack > b.delay.target+2*b.step(s.dur) &&
			b.slots[b.order[1]].ts <= s.ts+s.dur && b.end() >= s.ts+s.dur+b.tick {
			// It came after it had been concealed, and playing it now would only add delay.
			b.stats.late.Add(1)
			b.lastSeq, b.play = s.ext, s.ts+s.dur
			b.spent -= min(b.spent, s.dur)
			b.release(b.shift())
			continue
		}
		return b.take(s, slack, int64(queued))
	}
}

// Collect takes in what was pushed, as Pop does. For the goroutine that calls Pop.
func (b *Buffer) Collect() {
	for {
		i, ok := b.filled.get()
		if !ok {
			return
		}
		b.accept(i)
	}
}

// Ahead is packet i of those that wait behind the playout position, in order, without taking it. The
// payload is borrowed until the next Pop. For the goroutine that calls Pop.
func (b *Buffer) Ahead(i int) (Item, bool) {
	if i >= b.n {
		return Item{}, false
	}
	return b.item(b.slots[b.order[i]]), true
}

// Next is the RTP timestamp that the playout goes on with, and its source; ok is false before anything was
// played. In a pause of the party it is where the party would be now. For the goroutine that calls Pop.
func (b *Buffer) Next() (ts, ssrc uint32, ok bool) {
	if !b.open || !b.playing {
		return 0, 0, false
	}
	at := b.play
	if b.spent >= longHole*b.tick {
		at += b.spent
	}
	return uint32(at), b.ssrc, true
}

// Adjusted tells the buffer that the caller has followed an Item.Adjust, wholly or in part.
func (b *Buffer) Adjusted() {
	b.stats.adjusted.Add(1)
	b.delay.forgetSlack()
}

// Lookahead asks for extra delay on top of the target, so that a packet's forward error correction is
// there when its predecessor is missed. Called by the playout.
func (b *Buffer) Lookahead(d time.Duration) { b.delay.extra = units(int64(d), b.clock) }

// Delay is what the last packet played had waited. Safe for concurrent use.
func (b *Buffer) Delay() time.Duration { return time.Duration(b.stats.delay.Load()) }

// Age is how long ago the last packet played would have come, had nothing held it up: Delay, and what a jump of the
// transit may hide. Packets that come in a heap, because a network or this machine stood still, look like a stream
// whose timestamps have jumped, and its base is that of late packets until the heap is through; the base from before
// the jump is held against it for ten seconds. Safe for concurrent use.
func (b *Buffer) Age() time.Duration { return time.Duration(b.stats.age.Load()) }

// Stats is safe for concurrent use.
func (b *Buffer) Stats() Stats {
	return Stats{
		Late:      b.stats.late.Load(),
		Duplicate: b.stats.duplicate.Load(),
		Lost:      b.stats.lost.Load(),
		Overflow:  b.overflow.Load(),
		Restarts:  b.stats.restarts.Load(),
		Adjusted:  b.stats.adjusted.Load(),
		Delay:     time.Duration(b.stats.delay.Load()),
		Target:    time.Duration(b.stats.target.Load()),
	}
}

func (b *Buffer) empty() Item {
	return Item{Kind: Empty, Quiet: b.quiet, Clock: b.clock}
}

// hole decides what happens when the next stored packet s does not follow on: something was lost, or
// the party was silent. It reports false when s is to be played now.
func (b *Buffer) hole(s *slot, gap, slack, fill int64) (Item, bool) {
	long := b.spent >= longHole*b.tick
	paused := gap > b.ptime/2 && b.received(b.lastSeq+1, s.ext)
	b.paused = b.paused || paused
	if b.spent > 0 {
		done := min(gap, b.spent)
		b.play += done
		gap -= done
		b.spent = 0
	}
	if long || paused {
		// A talkspurt begins: its delay can be chosen freely.
		if slack < b.start(s) && b.waited < b.max() {
			b.waited += fill
			if long {
				b.spent = longHole * b.tick // keep knowing
			}
			return Item{Kind: Silence, TS: uint32(b.play), Clock: b.clock}, true
		}
		b.play = s.ts
		return Item{}, false
	}
	if gap <= b.ptime/2 {
		b.play = s.ts
		return Item{}, false
	}
	d := min(gap, b.ptime)
	it := Item{Kind: Lost, TS: uint32(b.play), Duration: uint32(d), Clock: b.clock, PT: s.pt}
	b.play += d
	if gap-d <= b.ptime/2 {
		b.play = s.ts
		it.Next = s.buf
	}
	b.stats.lost.Add(1)
	return it, true
}

// take gives the first stored packet.
func (b *Buffer) take(s *slot, slack, queued int64) Item {
	it := b.item(s)
	b.release(b.kept[b.oldest])
	b.kept[b.oldest] = b.shift()
	b.oldest = (b.oldest + 1) % len(b.kept)
	b.play, b.lastSeq = s.ts+s.dur, s.ext
	b.spent, b.waited = 0, 0
	it.Paused, b.paused = b.paused, false
	waited := max(slack+queued, 0)
	b.stats.delay.Store(duration(waited, b.clock))
	b.stats.age.Store(duration(waited+b.delay.hidden(units(s.arrival, b.clock)), b.clock))
	b.stats.target.Store(duration(b.delay.target, b.clock))
	if s.dur == 0 {
		return it
	}
	var span int64
	if b.n > 0 {
		span = b.end() - b.play
	}
	it.Adjust, it.Urgent = b.delay.wish(slack, queued, span, b.step(s.dur), b.clock)
	return it
}

func (b *Buffer) item(s *slot) Item {
	return Item{
		Kind: Audio, PT: s.pt, Level: s.level, Voice: s.voice, Marker: s.marker, Seq: s.seq,
		TS: s.rtp, SSRC: s.ssrc, Duration: uint32(s.dur), Clock: b.clock, Payload: s.buf,
	}
}

// start is the slack to begin a talkspurt with: the target, and where packets and frames do not go into
// each other, what the next packet of the same frame will lack.
func (b *Buffer) start(s *slot) int64 {
	if s.dur == 0 {
		return b.delay.target
	}
	return b.delay.target + b.tick - b.step(s.dur)
}

// step is the smallest change of slack a packet time and the frame allow: their greatest common divisor.
func (b *Buffer) step(dur int64) int64 {
	x, y := dur, b.tick
	for y != 0 {
		x, y = y, x%y
	}
	return max(x, b.clock64()/400)
}

func (b *Buffer) clock64() int64 { return int64(b.clock) }

func (b *Buffer) max() int64 { return units(int64(b.cfg.Max), b.clock) }

// units turns nanoseconds into RTP clock units.
func units(ns int64, clock uint32) int64 {
	c := int64(clock)
	s, r := ns/1e9, ns%1e9
	return s*c + r*c/1e9
}

// duration turns RTP clock units into nanoseconds.
func duration(u int64, clock uint32) int64 {
	if clock == 0 {
		return 0
	}
	return u * 1e9 / int64(clock)
}
