package jitter

// accept puts a packet where it belongs: into the store, aside as the possible start of a new stream, or
// back among the free slots.
func (b *Buffer) accept(i uint8) {
	s := b.slots[i]
	if !b.open {
		if s.skip {
			b.release(i)
			return
		}
		b.restart(s)
		b.store(i)
		return
	}
	d := int64(int16(s.seq - uint16(b.maxSeq)))
	if s.ssrc != b.ssrc || !s.skip && s.clock != b.clock || d > dropout || d < -misorder {
		b.suspect(i)
		return
	}
	if b.pend != none { // the known stream lives on
		b.release(b.pend)
		b.pend = none
	}
	s.ext = b.maxSeq + d
	if s.skip {
		if b.mark(d) {
			b.maxSeq = max(b.maxSeq, s.ext)
			b.quiet = true
		}
		b.release(i)
		return
	}
	s.ts = b.maxTS + int64(int32(s.rtp-uint32(b.maxTS)))
	at := units(s.arrival, b.clock)
	if d > 0 {
		ms := b.clock64() / 1000
		off := at - s.ts - b.delay.base
		if s.ts < b.maxTS || off < -200*ms || off > 1000*ms {
			b.stats.restarts.Add(1)
			best, was := b.delay.best(at), s.ts
			b.restart(s)
			b.store(i)
			b.delay.remember(best+was-s.ts, at, b.clock)
			return
		}
	}
	if !b.mark(d) {
		b.stats.duplicate.Add(1)
		b.release(i)
		return
	}
	b.maxSeq = max(b.maxSeq, s.ext)
	b.maxTS = max(b.maxTS, s.ts)
	late := b.playing && (s.ext <= b.lastSeq || s.ts+max(s.dur, 1) <= b.play)
	b.delay.arrived(at, s.ts, b.clock, late)
	if late {
		b.stats.late.Add(1)
		b.release(i)
		return
	}
	b.insert(i)
}

// suspect holds the first packet that fits no known stream; a second that follows it makes it the stream.
func (b *Buffer) suspect(i uint8) {
	s := b.slots[i]
	if s.skip {
		b.release(i)
		return
	}
	if b.pend == none {
		b.pend = i
		return
	}
	p := b.slots[b.pend]
	if d := int16(s.seq - p.seq); p.ssrc != s.ssrc || p.clock != s.clock || d < 1 || d > misorder {
		b.release(b.pend)
		b.pend = i
		return
	}
	first := b.pend
	b.pend = none
	b.stats.restarts.Add(1)
	b.restart(p)
	b.store(first)
	b.accept(i)
}

// restart makes s the first packet of the stream and forgets the one before.
func (b *Buffer) restart(s *slot) {
	for b.n > 0 {
		b.release(b.shift())
	}
	b.open, b.playing = true, false
	b.ssrc, b.clock = s.ssrc, s.clock
	b.tick = b.clock64() / 50
	b.maxSeq = int64(s.seq) + 1<<16 // room below for packets that were overtaken
	b.maxTS = int64(s.rtp) + 1<<32
	b.seen, b.spent, b.waited, b.paused = 1, 0, 0, false
	b.ptime = b.tick
	b.delay.restart(b.cfg, b.clock)
}

// store keeps the packet that restart was made for.
func (b *Buffer) store(i uint8) {
	s := b.slots[i]
	s.ext, s.ts = b.maxSeq, b.maxTS
	b.delay.arrived(units(s.arrival, b.clock), s.ts, b.clock, false)
	b.insert(i)
}

// mark notes that the sequence number d away from the highest has come and reports whether it is the
// first time.
func (b *Buffer) mark(d int64) bool {
	if d > 0 {
		if d >= 64 {
			b.seen = 0
		} else {
			b.seen <<= d
		}
		b.seen |= 1
		return true
	}
	if d <= -64 {
		return true // too old to tell; it is late in any case
	}
	bit := uint64(1) << -d
	if b.seen&bit != 0 {
		return false
	}
	b.seen |= bit
	return true
}

// received reports whether every extended sequence number from lo up to but not including hi has come.
func (b *Buffer) received(lo, hi int64) bool {
	for q := lo; q < hi; q++ {
		d := b.maxSeq - q
		if d < 0 || d >= 64 || b.seen&(1<<d) == 0 {
			return false
		}
	}
	return true
}

func (b *Buffer) insert(i uint8) {
	s := b.slots[i]
	if s.dur > 0 {
		b.ptime = s.dur
	}
	b.quiet = false
	at := b.n
	for at > 0 && b.slots[b.order[at-1]].ext > s.ext {
		at--
	}
	copy(b.order[at+1:b.n+1], b.order[at:b.n])
	b.order[at] = i
	b.n++
}

// end is the timestamp behind the last stored packet.
func (b *Buffer) end() int64 {
	last := b.slots[b.order[b.n-1]]
	return last.ts + last.dur
}

func (b *Buffer) first() *slot { return b.slots[b.order[0]] }

func (b *Buffer) shift() uint8 {
	i := b.order[0]
	copy(b.order[:b.n-1], b.order[1:b.n])
	b.n--
	return i
}

// release gives a slot back to the reader, overwritten: what a party said must not stay in memory longer
// than it is needed, for it may be a card number.
func (b *Buffer) release(i uint8) {
	if i != none {
		clear(b.slots[i].buf)
		b.free.put(i)
	}
}

// Forget overwrites every payload that is here, those that Pop gave included. The stream goes on with what
// comes next. For the goroutine that calls Pop.
func (b *Buffer) Forget() {
	b.Collect()
	for b.n > 0 {
		s := b.first()
		b.lastSeq, b.play = s.ext, s.ts+s.dur
		b.release(b.shift())
	}
	b.Fade()
	b.release(b.pend)
	b.pend = none
}

// Fade overwrites the payloads that Pop gave. For the goroutine that calls Pop.
func (b *Buffer) Fade() {
	for i, k := range b.kept {
		b.release(k)
		b.kept[i] = none
	}
}

// trim bounds the delay after a burst or after ticks that never were: when more is stored than the largest
// delay, or the first packet has waited longer than that, the oldest go until what is left is the target.
func (b *Buffer) trim(t int64) {
	if b.n < 2 {
		return
	}
	end, limit := b.end(), b.max()+b.ptime
	if end-b.first().ts <= limit && (!b.playing || t-b.first().ts-b.delay.base <= limit) {
		return
	}
	for b.n > 1 && end-b.first().ts > b.delay.target+b.ptime {
		s := b.first()
		b.lastSeq = s.ext
		b.release(b.shift())
		b.overflow.Add(1)
	}
	if b.playing {
		b.play, b.spent = b.first().ts, 0
	}
}
