package codec

import (
	"fmt"

	"github.com/cordboard/cordboard/media/codec/conceal"
	"github.com/cordboard/cordboard/media/pcm"
)

// law is the part of a codec without concealment of its own that differs: bytes to samples.
type law interface {
	decode(dst []int16, payload []byte) int
	samples(payload []byte) int
	reset()
}

// linearDecoder gives G.711 and G.722 concealment and all three rates. The audio is decoded at the
// codec's own rate, concealed there, and then takes one of three paths, each as long as the longest: so
// it comes out at the same moment whichever rate is asked for. A path that was not used is primed from
// the recent past when it is, so its first sample is as good as its thousandth.
type linearDecoder struct {
	law    law
	native pcm.Rate
	plc    conceal.Concealer
	last   pcm.Rate                // the rate of the last call, 0 before the first
	path   [2]pcm.Resampler        // native to the two other rates
	buf    [past + maxNative]int16 // the past, then the audio at hand, at the native rate
}

const (
	past      = 128      // native samples kept: the longest filter plus its delay
	maxNative = 16 * 120 // 120 ms at 16 kHz
	delay     = 14       // in samples at 8 kHz: what the filters from and to 8 kHz take
)

func (d *linearDecoder) start(l law, native pcm.Rate) {
	d.law, d.native = l, native
	d.Reset()
}

func (d *linearDecoder) Reset() {
	d.law.reset()
	d.plc.Reset(d.native)
	d.last = 0
	clear(d.buf[:past])
}

func (d *linearDecoder) Decode(dst []int16, payload []byte, r pcm.Rate) (int, error) {
	n := d.law.samples(payload)
	if n == 0 || n > int(d.native)*120/1000 {
		return 0, fmt.Errorf("%w: %d bytes", ErrPayload, len(payload))
	}
	in := d.buf[past : past+n]
	d.law.decode(in, payload)
	d.plc.Good(in)
	return d.give(dst, n, r), nil
}

func (d *linearDecoder) DecodeFEC([]int16, []byte, int, pcm.Rate) (int, error) { return 0, ErrNoFEC }

func (d *linearDecoder) Conceal(dst []int16, n int, r pcm.Rate) error {
	own := n * int(d.native) / int(r)
	if own <= 0 || own > int(d.native)*120/1000 || own*int(r) != n*int(d.native) {
		return fmt.Errorf("%w: conceal %d samples at %v", ErrPayload, n, r)
	}
	d.plc.Lost(d.buf[past : past+own])
	d.give(dst, own, r)
	return nil
}

// give sends the n native samples behind the past through the path to r and moves the past on.
func (d *linearDecoder) give(dst []int16, n int, r pcm.Rate) int {
	total := delay * int(d.native) / 8000
	var out int
	if r == d.native {
		out = copy(dst, d.buf[past-total:past-total+n])
	} else {
		p := d.pathTo(r)
		fresh := p.From() != d.native || p.To() != r
		if fresh {
			p.Reset(d.native, r)
		}
		start := past - (total - p.InputDelay())
		if fresh || d.last != r {
			p.Reset(d.native, r)
			// dst is scratch here: the primed output is overwritten at once. The number of samples is
			// even, so a decimator keeps its phase.
			p.Process(dst, d.buf[start&1:start])
		}
		out = p.Process(dst, d.buf[start:start+n])
	}
	d.last = r
	copy(d.buf[:past], d.buf[n:n+past])
	return out
}

func (d *linearDecoder) pathTo(r pcm.Rate) *pcm.Resampler {
	if r == pcm.Rate48k {
		return &d.path[1]
	}
	return &d.path[0]
}
