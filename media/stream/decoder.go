package stream

import (
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

func (p *playout) close() {
	for {
		switch {
		case p.state.CompareAndSwap(idle, finished):
			p.giveBack()
			return
		case p.state.CompareAndSwap(reading, closing):
			return
		case p.state.Load() >= closing:
			return
		}
	}
}

func (p *playout) giveBack() {
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
