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
	last   pcm.Rate              // the rate of the last call, 0 before the first
	path   pcm.Resampler         // native to last, where they differ
	buf    [past + portion]int16 // the past, then the audio at hand, at the native rate
}

const (
	past    = 128 // native samples kept: the longest filter plus its delay
	portion = 320 // native samples worked on at a time: 20 ms at 16 kHz
	delay   = 14  // in samples at 8 kHz: what the filters from and to 8 kHz take
)

func (d *linearDecoder) start(l law, native pcm.Rate) {
	d.law, d.native = l, native
	d.Reset()
}

func (d *linearDecoder) Reset() {
	d.law.reset()
	d.plc.Reset(d.native)
	d.last, d.path = 0, pcm.Resampler{}
	clear(d.buf[:])
}

func (d *linearDecoder) Decode(dst []int16, payload []byte, r pcm.Rate) (int, error) {
	if n := d.law.samples(payload); n == 0 || n > int(d.native)*120/1000 {
		return 0, fmt.Errorf("%w: %d bytes", ErrPayload, len(payload))
	}
	out := 0
	for len(payload) > 0 {
		part := payload[:min(len(payload), portion/d.law.samples(payload[:1]))]
		payload = payload[len(part):]
		in := d.buf[past : past+d.law.samples(part)]
		d.law.decode(in, part)
		d.plc.Good(in)
		out += d.give(dst[out:], len(in), r)
	}
	return out, nil
}

func (d *linearDecoder) DecodeFEC([]int16, []byte, int, pcm.Rate) (int, error) { return 0, ErrNoFEC }

func (d *linearDecoder) Conceal(dst []int16, n int, r pcm.Rate) error {
	own := n * int(d.native) / int(r)
	if own <= 0 || own > int(d.native)*120/1000 || own*int(r) != n*int(d.native) {
		return fmt.Errorf("%w: conceal %d samples at %v", ErrPayload, n, r)
	}
	for own > 0 {
		part := min(own, portion)
		own -= part
		d.plc.Lost(d.buf[past : past+part])
		dst = dst[d.give(dst, part, r):]
	}
	return nil
}

// give sends the n native samples behind the past through the path to r and moves the past on.
func (d *linearDecoder) give(dst []int16, n int, r pcm.Rate) int {
	total := delay * int(d.native) / 8000
	var out int
	if r == d.native {
		if d.last != r {
			d.path = pcm.Resampler{} // what it has heard must not stay because nobody asks for its rate any more
		}
		out = copy(dst, d.buf[past-total:past-total+n])
	} else {
		fresh := d.last != r
		if fresh {
			d.path.Reset(d.native, r)
		}
		start := past - (total - d.path.InputDelay())
		if fresh {
			// The number of samples is even, so a decimator keeps its phase.
			var primed [6 * past]int16
			d.path.Process(primed[:], d.buf[start&1:start])
			clear(primed[:]) // the stack keeps it otherwise
		}
		out = d.path.Process(dst, d.buf[start:start+n])
	}
	d.last = r
	copy(d.buf[:past], d.buf[n:n+past])
	return out
}
