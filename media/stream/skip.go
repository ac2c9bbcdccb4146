package stream

import (
	"sync"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/jitter"
	"github.com/cordboard/cordboard/media/pcm"
)

// scratch is room for the longest packet at the highest rate. Few are ever in use at once, one per shard.
type scratch [6 * pcm.MaxSamples]int16

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// put gives the scratch back, overwritten.
func (sc *scratch) put() {
	clear(sc[:])
	scratches.Put(sc)
}

// past is the last packets of the party, which its decoder may or may not have heard. The payloads lie in
// the jitter buffer.
type past struct {
	packets [jitter.Kept]pastPacket // the newest last
	n       int
	missed  int // packets in a row up to the newest that the decoder has not heard
	blank   int // samples at the end of the fifo that stand for some of them
}

type pastPacket struct {
	codec   media.Codec
	payload []byte
}

// add notes a packet that was given by the jitter buffer. heard says that it was decoded.
func (p *past) add(c media.Codec, payload []byte, heard bool) {
	if p.n == len(p.packets) {
		copy(p.packets[:], p.packets[1:])
		p.n--
	}
	p.packets[p.n] = pastPacket{c, payload}
	p.n++
	if heard {
		p.missed = 0
	} else {
		p.missed++
	}
}

// Skip lets 20 ms pass without decoding them. What Payload and Level say is as after ReadFrame, and so is
// what the next ReadFrame gives: the decoder is brought up to date by then, exactly when no more than
// jitter.Kept packets were skipped, else from the last ones.
func (r *Receiver) Skip() media.Kind {
	if !r.state.CompareAndSwap(idle, reading) {
		return media.Absent
	}
	// Somebody listens after all where keys are looked for in the audio.
	r.skipping = r.inband == nil || r.types.Load().eventPT != 0
	k := r.fill(r.playRate())
	r.skipping = false
	r.listen(k)
	r.consume(r.rate.Samples())
	r.leave()
	return k
}

// SkipPast implements media.Dozer.
func (r *Receiver) SkipPast(ago time.Duration) media.Kind {
	r.ago = ago
	k := r.Skip()
	r.ago = 0
	return k
}

// playRate is the rate of the fifo, where it has one.
func (r *Receiver) playRate() pcm.Rate {
	if r.rate == 0 {
		return r.Rate()
	}
	return r.rate
}

// pass lets n samples pass for a packet that is not decoded.
func (r *Receiver) pass(c media.Codec, it *jitter.Item, n int) {
	by := int(int64(it.Adjust) * int64(r.rate) / int64(r.playout.clock))
	if by != 0 && n+by >= 0 {
		n += min(by, r.rate.Samples())
		r.jb.Adjusted()
	}
	if by == 0 {
		r.verbatim.whole(c, it.Payload)
	}
	r.past.add(c, it.Payload, false)
	r.zeros(n)
	r.past.blank += n
	r.heard = true
	if r.gap, r.run = false, 0; it.Duration == it.Clock/50 {
		r.payload, r.payloadCodec = it.Payload, c
	}
}

// catchUp lets the decoder hear what it missed and puts what of that still is to be played into the fifo.
func (r *Receiver) catchUp() {
	p := &r.past
	if p.missed == 0 || r.dec == nil {
		p.missed, p.blank = 0, 0
		return
	}
	sc := scratches.Get().(*scratch)
	for _, q := range p.packets[max(p.n-p.missed, 0):p.n] {
		if q.codec != r.codec {
			continue
		}
		got, err := r.dec.Decode(sc[:], q.payload, r.rate)
		if n := min(p.blank, got, r.n); err == nil && n > 0 {
			copy(r.fifo[r.n-n:r.n], sc[got-n:got])
		}
	}
	sc.put()
	p.missed, p.blank = 0, 0
}

// Recent decodes the frames right before the one that the next ReadFrame gives, as media.RelaySource says.
// It gives no more than jitter.Kept-1 frames, since the first packet kept only leads in.
func (r *Receiver) Recent(dst []pcm.Frame) int {
	if len(dst) == 0 || !r.state.CompareAndSwap(idle, reading) {
		return 0
	}
	defer r.leave()
	p := &r.past
	rate := dst[0].Rate()
	if p.n < 2 || r.dec == nil {
		return 0
	}
	if rate != r.rate {
		r.convert(rate)
	}
	dec := r.dec
	if p.missed < p.n { // it has heard some of them, and must not hear them again
		var err error
		if dec, err = codec.NewDecoder(r.codec); err != nil {
			return 0
		}
		defer codec.PutDecoder(dec)
	}
	sc, line := scratches.Get().(*scratch), scratches.Get().(*scratch)
	defer sc.put()
	defer line.put()
	have, lead := 0, 0
	for i, q := range p.packets[:p.n] {
		if q.codec != r.codec {
			continue
		}
		got, err := dec.Decode(sc[:], q.payload, rate)
		if err != nil {
			continue
		}
		if got > len(line)-have { // long packets: the older ones have to go
			drop := min(have, got-(len(line)-have))
			copy(line[:], line[drop:have])
			have -= drop
			lead = max(lead-drop, 0)
		}
		have += copy(line[have:], sc[:got])
		if i == 0 {
			lead = have
		}
	}
	if dec == r.dec {
		if n := min(p.blank, have, r.n); n > 0 {
			copy(r.fifo[r.n-n:r.n], line[have-n:have])
		}
		p.missed, p.blank = 0, 0
	}
	have -= min(r.n, have) // what the fifo holds is still to come
	n, size := 0, rate.Samples()
	for n < len(dst) && have-(n+1)*size >= lead {
		n++
	}
	for i := range n {
		dst[i].SetRate(rate)
		copy(dst[i].Samples(), line[have-(n-i)*size:])
	}
	return n
}
