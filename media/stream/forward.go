package stream

import (
	"sync"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// forwarding is what a Sender knows of the stream it hands on. Their timestamps map to ours by a constant,
// their sequence numbers by a distance that grows when something of our own goes in between.
//
// The packets come on the goroutine that reads them, the beats on the tick; the lock keeps them apart, and
// the tick only ever tries it.
type forwarding struct {
	mu       sync.Mutex
	on       bool // changed by the tick, under the lock
	open     bool // a packet has come
	ssrc     uint32
	from, to uint32    // a timestamp of theirs and what it is in ours
	top      uint16    // their highest sequence number
	run      int       // sequence numbers of ours in a row that are theirs
	last     uint32    // their newest timestamp,
	at       time.Time // and when it came
	begin    uint32    // our timestamp of the first tick,
	beat     uint32    // and of this one
	fresh    bool      // a packet has come since
	lead     uint32    // by how much the packets are ahead of the beat
	end      uint32    // our timestamp behind the newest packet

	resume  uint32 // theirs, of the frame that the source gives next
	resumes bool
}

// Bounds of what belongs to the stream as it was (as in jitter).
const (
	jumpBack    = 200 * time.Millisecond
	jumpAhead   = time.Second
	seqJump     = 3000
	seqMisorder = 100
)

// Relays implements media.RelaySink: the codec is ours, and so is the packet time where the codec does not
// tell it by itself.
func (s *Sender) Relays(c media.Codec, duration time.Duration) bool {
	t := s.target.Load()
	if c != t.codec {
		return false
	}
	if c == media.Opus {
		return duration >= 10*time.Millisecond && duration <= 60*time.Millisecond
	}
	if t.bytes == 0 {
		return duration == pcm.Period
	}
	return duration == time.Duration(t.bytes)*time.Second/8000
}

// BeginRelay implements media.RelaySink.
func (s *Sender) BeginRelay(tick uint64, ts uint32) bool {
	f := &s.forward
	if !f.mu.TryLock() {
		return false
	}
	defer f.mu.Unlock()
	t := s.target.Load()
	at := s.stamp(tick, t)
	if s.catching && int32(s.until-at) > 0 {
		at = s.until
	}
	s.catching = false
	s.held = 0
	f.on, f.open, f.resumes = true, false, false
	s.stats.forwards.Store(true)
	s.join.next = true
	f.from, f.to, f.last, f.end = ts, at, ts, at
	f.begin, f.beat, f.lead, f.run, f.fresh = at, at, 0, 0, false
	return true
}

// RelayPacket implements media.RelaySink. While digits go out the packets do not.
func (s *Sender) RelayPacket(p *media.Packet) {
	f := &s.forward
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on {
		return
	}
	if len(p.Payload) == 0 {
		f.resume, f.resumes = p.TS, !f.open || p.SSRC == f.ssrc
		return
	}
	t := s.target.Load()
	if p.Codec != t.codec || len(p.Payload) > MaxPacket-headerSize-8 {
		return
	}
	clock := int64(t.codec.ClockRate())
	gone := int64(p.Arrival.Sub(f.at)) * clock / int64(time.Second)
	if !f.open {
		f.open, f.ssrc, f.top = true, p.SSRC, p.Seq-1
		gone = int64(f.beat - f.begin)
	}
	f.anchor(s, p, clock, gone)
	d := int(int16(p.Seq - f.top))
	ts := f.to + p.TS - f.from
	if int32(p.TS-f.from) < 0 || d <= 0 && -d >= f.run {
		return // from before
	}
	if d > 0 {
		f.top, f.last, f.at = p.Seq, p.TS, p.Arrival
		f.lead, f.fresh = ts-f.beat, true
		if end := ts + p.Duration; int32(end-f.end) > 0 {
			f.end = end
		}
	}
	if t.eventPT != 0 && t.digits.Busy() {
		return
	}
	seq := s.seq + uint16(d-1) // d-1 of theirs are missing, or d <= 0 belongs among those sent
	if d > 0 {
		s.seq = seq + 1
		f.run = min(f.run+d, seqMisorder)
	}
	levelID := t.levelID
	if p.Level == media.LevelUnknown {
		levelID = 0
	} else {
		s.stats.level.Store(uint32(p.Level))
	}
	s.stats.ts.Store(ts)
	s.put(t.pt, p.Marker || !s.talking, seq, ts, levelID, p.Level, p.Voice, p.Payload)
	s.talking = true
}

// anchor notices another source, or another count of the same, and goes on from where the old one would
// be now. gone is the time since its newest packet, in units of the clock.
func (f *forwarding) anchor(s *Sender, p *media.Packet, clock, gone int64) {
	d := int(int16(p.Seq - f.top))
	off := int64(int32(p.TS-f.last)) - gone
	if p.SSRC == f.ssrc && d <= seqJump && d > -seqMisorder &&
		off >= -clock*int64(jumpBack)/int64(time.Second) && off <= clock*int64(jumpAhead)/int64(time.Second) {
		return
	}
	f.ssrc, f.top, f.run = p.SSRC, p.Seq-1, 0
	f.from, f.to = p.TS, f.end
	if per := clock / 50; gone > per {
		f.to += uint32(gone - per)
	}
	s.talking = false
}

// relayBeat is WriteFrame while packets are handed on: time passes, and digits go out.
func (s *Sender) relayBeat(t *target, ts uint32) {
	f := &s.forward
	if !f.mu.TryLock() {
		return // a packet is just going out; a digit can wait for the next tick
	}
	defer f.mu.Unlock()
	if per := t.codec.ClockRate() / 50; f.fresh && ts-f.beat > per { // ticks were left out, and the newest packet is of the last
		f.lead -= ts - f.beat - per
	}
	f.beat, f.fresh = ts, false
	s.fade(ts)
	ts += f.lead
	s.stats.ts.Store(ts)
	if t.eventPT == 0 {
		return
	}
	if n, marker, at, busy := t.digits.Next(s.event[:], ts); busy {
		s.alarm.ring()
		s.talking, f.run = false, 0
		if n > 0 {
			s.send(t.eventPT, marker, at, 0, 127, false, s.event[:n])
		}
	}
}

// EndRelay implements media.RelaySink. Frames that hold what was handed on already are not sent again.
func (s *Sender) EndRelay(tick uint64) bool {
	f := &s.forward
	if !f.mu.TryLock() {
		return false
	}
	defer f.mu.Unlock()
	if !f.on {
		return true
	}
	f.on = false
	s.stats.forwards.Store(false)
	if !f.open {
		return true
	}
	s.until, s.catching, s.join.next = f.end, true, true
	if f.resumes { // the frame of tick is this one, whatever the clocks have done meanwhile
		t := s.target.Load()
		s.offset += f.to + f.resume - f.from - s.stamp(tick, t)
	}
	return true
}

// caughtUp reports whether the frame with timestamp ts lies behind what was handed on, and gives the
// timestamp it goes out with: the first one joins on without a hole when it is about to.
func (s *Sender) caughtUp(ts, perTick uint32) (uint32, bool) {
	ahead := int32(ts - s.until)
	if ahead < -int32(perTick)/2 && ahead > -int32(perTick)*50 {
		return ts, false
	}
	s.catching = false
	if ahead <= int32(perTick)/2 {
		s.offset -= uint32(ahead)
		ts = s.until
	}
	return ts, true
}
