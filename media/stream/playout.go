package stream

import (
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/jitter"
	"github.com/cordboard/cordboard/media/pcm"
)

const (
	// The fifo holds the longest packet, a frame before it and a frame of stretching, at most.
	fifoSize = 8 * pcm.MaxSamples
	// Concealment is faded out between these two lengths of an unbroken hole.
	fadeFrom = 100 * time.Millisecond
	fadeTo   = 200 * time.Millisecond
	// fadeAfter is how many frames or packets in a row without audio are remembered.
	fadeAfter = 25
)

// playout is the tick's half of a Receiver.
type playout struct {
	state atomic.Int32
	ready atomic.Pointer[ready] // the reader's gift: a decoder for what comes now
	dec   codec.Decoder
	codec media.Codec

	packetTime time.Duration

	rate  pcm.Rate
	fifo  []int16 // as long as was ever needed
	n     int
	clock uint32 // RTP clock rate of what is in the fifo
	kind  media.Kind

	payload      []byte
	payloadCodec media.Codec
	verbatim     verbatim
	skipping     bool          // nobody is going to hear this frame
	ago          time.Duration // how long ago it should have been

	silent  bool          // the party is in a pause and says so
	dtx     bool          // the party has been seen to stop sending in pauses
	quiet   bool          // the last packet decoded was silence
	sounded uint8         // -dBov of the last packet decoded
	boost   float32       // gain at the end of the concealment so far
	gap     bool          // something other than a packet came before this one
	heard   bool          // anything was ever decoded
	still   int           // frames in a row for which nothing came
	run     time.Duration // of unbroken concealment
	gate    gate
	past    past
	said    said
	inband  *inband  // nil where nobody asked for it
	band    pcm.Rate // Opus bandwidth that differs from the rate
	banded  int
	frames  int
	recent  int // packets and holes since the loss was last looked at
	holes   int
	copies  int // packets among them that carry forward error correction
}

// said is what the party says of a frame (RFC 6464).
type said struct {
	level uint8
	voice bool
	ok    bool
}

// ReadFrame fills dst with the next 20 ms at dst.Rate().
func (r *Receiver) ReadFrame(dst *pcm.Frame) media.Kind {
	if !r.state.CompareAndSwap(idle, reading) {
		clear(dst.Samples())
		return media.Absent
	}
	k := r.fill(dst.Rate())
	out := dst.Samples()
	copy(out, r.fifo[:len(out)])
	r.listen(k)
	r.consume(len(out))
	if r.frames++; r.frames%8 == 0 && r.types.Load().levelID == 0 {
		r.stats.level.Store(uint32(pcm.Level(out)))
	}
	r.leave()
	return k
}

// Level is what the party says of the frame that was last read or skipped.
func (r *Receiver) Level() (level uint8, voice, ok bool) {
	return r.said.level, r.said.voice, r.said.ok
}

// Payload is the payload behind the last frame where that was exactly one packet of 20 ms, unchanged, or of G.711
// the bytes of any packets.
// Borrowed until the next ReadFrame.
func (r *Receiver) Payload() (media.Codec, []byte) {
	if r.payload == nil {
		return 0, nil
	}
	return r.payloadCodec, r.payload
}

// fill brings the fifo to a frame at this rate and says what the frame holds.
func (r *Receiver) fill(rate pcm.Rate) media.Kind {
	r.verbatim.begin(r.n, r.rate)
	if rate != r.rate {
		r.convert(rate)
	}
	if r.past.blank > 0 && !r.skipping {
		r.catchUp()
	}
	want := rate.Samples()
	r.payload = nil
	if r.n < want {
		r.kind = media.Absent
		r.said.ok = false
		now := r.clock().Add(-r.ago)
		items := 0
		for r.n < want {
			var it jitter.Item
			if r.ago > 0 {
				it = r.jb.PopPast(now, r.queued())
			} else {
				it = r.jb.Pop(now, r.queued())
			}
			k := r.play(&it, want)
			r.verbatim.follow()
			r.fade(&it)
			items++
			if k == media.Absent || r.kind == media.Absent || k == media.Concealed {
				r.kind = max(r.kind, k)
			} else if r.kind == media.Silence {
				r.kind = k
			}
		}
		if items != 1 {
			r.payload = nil
		}
	}
	if isLaw(r.verbatim.codec) && (r.payload == nil || isLaw(r.payloadCodec)) {
		r.payload, r.payloadCodec = r.verbatim.frame(r.n, rate), r.verbatim.codec
	}
	return r.kind
}

// fade forgets what the party said last when nothing more has come of it, or nothing was decoded, for half a
// second: until then concealment and late listeners may need it.
func (r *Receiver) fade(it *jitter.Item) {
	if it.Kind == jitter.Audio || it.Kind == jitter.Lost {
		r.still = 0
	} else if r.still++; r.still == fadeAfter {
		r.past = past{blank: r.past.blank}
		r.jb.Fade()
		if r.dec != nil {
			r.dec.Reset()
		}
		clear(r.fifo[r.n:]) // what stretching, shrinking and long packets left there
	}
	if r.past.missed == fadeAfter && r.dec != nil {
		r.dec.Reset()
	}
}

// consume takes a frame out of the fifo.
func (p *playout) consume(want int) {
	copy(p.fifo, p.fifo[want:p.n])
	p.n -= want
	clear(p.fifo[p.n : p.n+want]) // nothing stays longer than it is needed
	p.past.blank = min(p.past.blank, p.n)
}

// room makes sure that the fifo can take n samples more, within its bounds.
func (p *playout) room(n int) {
	if need := p.n + n; need > len(p.fifo) {
		old := p.fifo
		p.fifo = make([]int16, min(need, fifoSize))
		copy(p.fifo, old)
		clear(old)
	}
}

// queued is what the fifo holds, in RTP clock units.
func (p *playout) queued() uint32 {
	if p.n == 0 || p.rate == 0 {
		return 0
	}
	return uint32(p.n) * p.clock / uint32(p.rate)
}

// play puts one item of the jitter buffer into the fifo and says what it was. want is the length the
// fifo must reach for the frame.
func (r *Receiver) play(it *jitter.Item, want int) media.Kind {
	if it.Clock != 0 && it.Clock != r.playout.clock {
		r.playout.clock = it.Clock
	}
	switch it.Kind {
	case jitter.Audio:
		return r.audio(it)
	case jitter.Lost:
		n := r.samples(it.Duration)
		r.note(true)
		if r.silent || r.gate.closed {
			return r.silence(n)
		}
		if r.skipping {
			r.zeros(n)
			return media.Concealed
		}
		r.catchUp()
		r.room(n)
		if it.Next != nil && r.codec == media.Opus && r.dec != nil && it.PT == uint8(media.Opus) {
			if got, err := r.dec.DecodeFEC(r.fifo[r.n:r.n+n], it.Next, n, r.rate); err == nil && got == n {
				if r.run > 0 {
					r.release(r.fifo[r.n : r.n+n])
				}
				r.n += n
				r.run, r.gap = 0, false
				r.stats.concealed.Add(1)
				r.stats.fec.Add(1)
				return media.Concealed
			}
		}
		return r.conceal(n)
	case jitter.Silence:
		r.dtx, r.silent = true, true
		return r.silence(want - r.n)
	default:
		if !r.heard {
			r.zeros(want - r.n)
			return media.Absent
		}
		if it.Quiet || r.quiet { // silence goes on as silence
			r.silent = true
		}
		if r.silent || r.gate.closed {
			return r.silence(want - r.n)
		}
		if r.skipping {
			r.zeros(want - r.n)
			return media.Concealed
		}
		r.note(r.run < fadeTo)
		return r.conceal(want - r.n)
	}
}

// audio decodes one packet.
func (r *Receiver) audio(it *jitter.Item) media.Kind {
	r.note(false)
	c := media.Codec(it.PT)
	if c == 0 { // comfort noise
		r.dtx, r.silent = true, true
		r.run = 0
		return media.Silence
	}
	if c != r.codec {
		r.turn(c)
		r.codec, r.banded = c, 0
		r.past = past{blank: r.past.blank}
		r.gate = gate{off: r.gate.off, after: gateAfter}
		if c != media.Opus {
			r.stats.rate.Store(int32(c.Rate()))
		}
	}
	n := r.samples(it.Duration)
	r.packetTime = time.Duration(it.Duration) * time.Second / time.Duration(it.Clock)
	if it.Paused {
		r.dtx, r.silent, r.gap = true, true, true
	}
	if c == media.Opus {
		if len(it.Payload) <= 2 { // DTX, RFC 6716 section 2.1.9
			r.dtx, r.silent, r.gap = true, true, true
			return r.silence(n)
		}
		r.follow(it.Payload[0])
		if carriesCopy(it.Payload) {
			r.copies++
		}
	}
	if it.Level != noLevel {
		r.said = said{it.Level, it.Voice, true}
	}
	var ahead *jitter.Item
	if r.gate.closed {
		if next, ok := r.jb.Ahead(0); ok {
			ahead = &next
		}
	}
	if shut := r.gate.shut(it, ahead); shut || r.skipping {
		r.pass(c, it, n)
		r.quiet = r.quiet || shut
		if r.gate.declared == calm || !r.skipping {
			return media.Silence
		}
		return media.Audio // nobody is going to look whether it is
	}
	if r.dec == nil {
		return r.conceal(n)
	}
	return r.decode(c, it, n)
}

// decode puts the audio of a packet into the fifo.
func (r *Receiver) decode(c media.Codec, it *jitter.Item, n int) media.Kind {
	if !r.gate.closed { // a probe has to see little, and not the packets before it
		r.catchUp()
	}
	r.room(n)
	got, err := r.dec.Decode(r.fifo[r.n:], it.Payload, r.rate)
	if err != nil {
		r.stats.malformed.Add(1)
		return r.conceal(n)
	}
	seg := r.fifo[r.n : r.n+got]
	level := pcm.Level(seg)
	if !r.gate.heard(level, time.Duration(got)*time.Second/time.Duration(r.rate)) {
		r.catchUp()
		if again, err := r.dec.Decode(seg[:got:got], it.Payload, r.rate); err != nil || again != got {
			clear(seg)
		}
	} else if r.gate.closed {
		clear(seg)
	}
	r.past.add(c, it.Payload, !r.gate.closed) // what a probe heard lacks what came before it
	if r.run > fadeFrom || r.silent {
		fadeIn(seg, r.rate)
	} else if r.run > 0 {
		r.release(seg)
	}
	r.sounded = level
	pause := r.silent && r.gap
	r.quiet = level > quietLevel
	changed := false
	if it.Adjust != 0 && (r.quiet || it.Urgent) {
		before := got
		got = r.adjust(got, int(it.Adjust))
		if changed = got != before; changed {
			r.jb.Adjusted()
		}
	}
	r.n += got
	r.silent = pause && r.quiet // a refresh in a pause keeps it one
	r.run, r.gap, r.heard = 0, false, true
	if !changed {
		r.verbatim.whole(c, it.Payload)
		if it.Duration == it.Clock/50 {
			r.payload, r.payloadCodec = it.Payload, c
		}
	}
	if r.gate.closed {
		return media.Silence
	}
	return media.Audio
}

// adjust stretches or shrinks the got samples behind the fifo's end by about units RTP clock units.
func (r *Receiver) adjust(got, units int) int {
	by := units * int(r.rate) / int(r.playout.clock)
	if by < 0 {
		return shrink(r.fifo[r.n:], got, -by, r.rate, r.quiet)
	}
	frame := r.rate.Samples()
	r.room(got + frame) // a period may be longer than what is wanted
	return stretch(r.fifo[r.n:], got, min(by, frame), r.rate, r.quiet)
}

// conceal makes up at least n samples and fades them out when the hole lasts.
func (r *Receiver) conceal(n int) media.Kind {
	unit := int(r.rate) / 400 // concealment comes in steps of 2.5 ms
	n = (n + unit - 1) / unit * unit
	d := time.Duration(n) * time.Second / time.Duration(r.rate)
	r.gap = true
	r.room(n)
	if r.run >= fadeTo || r.dec == nil {
		r.run += d
		r.zeros(n)
		if r.dtx {
			return media.Silence
		}
		return media.Absent
	}
	seg := r.fifo[r.n : r.n+n]
	if err := r.dec.Conceal(seg, n, r.rate); err != nil {
		clear(seg)
	}
	r.hold(seg)
	if r.run+d > fadeFrom {
		from, to := gainAt(r.run), gainAt(r.run+d)
		for i, v := range seg {
			g := from + (to-from)*float32(i)/float32(n)
			seg[i] = int16(float32(v) * g)
		}
	}
	r.run += d
	r.n += n
	r.stats.concealed.Add(1)
	return media.Concealed
}

// gainAt is the gain of concealment after a hole of d.
func gainAt(d time.Duration) float32 {
	return min(max(float32(fadeTo-d)/float32(fadeTo-fadeFrom), 0), 1)
}

func (p *playout) silence(n int) media.Kind {
	p.run, p.gap, p.heard = 0, true, true
	p.zeros(n)
	return media.Silence
}

func (p *playout) zeros(n int) {
	n = max(n, 0)
	p.room(n)
	clear(p.fifo[p.n : p.n+n])
	p.n += n
}

// samples turns RTP clock units into samples at the fifo's rate, never more than the fifo can take.
func (p *playout) samples(units uint32) int {
	if p.clock == 0 {
		return 0
	}
	return min(int(int64(units)*int64(p.rate)/int64(p.clock)), 6*pcm.MaxSamples)
}

// convert brings what is left in the fifo to another rate. It is at most a few frames, once per change.
func (p *playout) convert(to pcm.Rate) {
	from := p.rate
	p.rate = to
	if p.n == 0 || from == 0 {
		return
	}
	n := min(p.n*int(to)/int(from), fifoSize)
	p.room(n - p.n)
	p.past.blank = min(p.past.blank*int(to)/int(from), n)
	if to < from {
		step := int(from) / int(to)
		for i := range n {
			var s int
			for k := range step {
				s += int(p.fifo[i*step+k])
			}
			p.fifo[i] = int16(s / step)
		}
	} else {
		step := int(to) / int(from)
		for i := n - 1; i >= 0; i-- { // from the end, in place
			at, k := i/step, i%step
			a := int(p.fifo[at])
			b := a
			if at+1 < p.n {
				b = int(p.fifo[at+1])
			}
			p.fifo[i] = int16((a*(step-k) + b*k) / step)
		}
	}
	p.n = n
}

func fadeIn(x []int16, r pcm.Rate) {
	n := min(len(x), int(r)/200) // 5 ms
	for i := range n {
		x[i] = int16(int32(x[i]) * int32(i) / int32(n))
	}
}
