package stream

import (
	"runtime"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
)

// The states of a playout: who may touch the decoders.
const (
	idle     int32 = iota
	reading        // a ReadFrame is under way
	closing        // Close came while it was; ReadFrame gives the decoders back
	finished       // the decoders are gone
)

// leave ends what may touch the decoders.
func (r *Receiver) leave() {
	if !r.state.CompareAndSwap(reading, idle) {
		r.giveBack()
		r.state.Store(finished)
	}
}

// close ends the playout; the tick's goroutine may be in it.
func (r *Receiver) closePlayout() {
	p := &r.playout
	for {
		switch {
		case p.state.CompareAndSwap(idle, finished):
			for !r.relays.mu.TryLock() { // a packet is just coming in
				runtime.Gosched()
			}
			r.relays.mu.Unlock()
			r.giveBack()
			return
		case p.state.CompareAndSwap(reading, closing):
			return
		case p.state.Load() >= closing:
			return
		}
	}
}

// giveBack returns the decoders and overwrites what was still to be played. Nobody reads frames any more, but
// a tick may still take listeners off, which looks into the jitter buffer under the relays' lock.
func (r *Receiver) giveBack() {
	p := &r.playout
	if r.relays.mu.TryLock() {
		r.jb.Forget()
		r.relays.mu.Unlock()
	}
	p.past, p.payload = past{}, nil
	p.verbatim.forget()
	clear(p.fifo)
	if r.inband != nil {
		*r.inband = inband{}
	}
	if p.dec != nil {
		codec.PutDecoder(p.dec)
		p.dec = nil
	}
	if g := p.ready.Swap(nil); g != nil {
		codec.PutDecoder(g.dec)
	}
}

// ready is a decoder that was made off the tick.
type ready struct {
	codec media.Codec
	dec   codec.Decoder
}

// prepare makes a decoder for what the party sends from now on. For the reader.
func (p *playout) prepare(c media.Codec) {
	if p.state.Load() >= closing {
		return
	}
	d, err := codec.NewDecoder(c)
	if err != nil {
		return
	}
	if old := p.ready.Swap(&ready{c, d}); old != nil {
		codec.PutDecoder(old.dec)
	}
}

// turn gives the playout a decoder for c: what the reader prepared, or else a new one. It has none where
// that fails.
func (p *playout) turn(c media.Codec) {
	if p.dec != nil {
		codec.PutDecoder(p.dec)
		p.dec = nil
	}
	if g := p.ready.Swap(nil); g != nil {
		if g.codec == c {
			p.dec = g.dec
			return
		}
		codec.PutDecoder(g.dec)
	}
	if d, err := codec.NewDecoder(c); err == nil {
		p.dec = d
	}
}
