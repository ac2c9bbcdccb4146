package prompt

import (
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// Clip plays recorded samples. It converts to whatever rate is asked for without any delay, since it can
// read ahead; the rate may change from frame to frame. Not safe for concurrent use, but many clips may
// share samples.
type Clip struct {
	samples []int16
	rate    pcm.Rate
	loop    bool
	at      int // next sample to be heard
	last    pcm.Rate
	conv    pcm.Resampler
	in      [pcm.MaxSamples]int16
}

// NewPCM makes a player of samples at a rate, which it keeps and never changes. It panics on a rate that
// is not Valid.
func NewPCM(samples []int16, rate pcm.Rate, loop bool) *Clip {
	if !rate.Valid() {
		panic("prompt: clip at " + rate.String())
	}
	return &Clip{samples: samples, rate: rate, loop: loop}
}

// Rate implements media.Source.
func (c *Clip) Rate() pcm.Rate { return c.rate }

// Length is how long a clip that does not loop is.
func (c *Clip) Length() time.Duration {
	return time.Duration(len(c.samples)) * time.Second / time.Duration(c.rate)
}

// Done implements Source.
func (c *Clip) Done() bool { return len(c.samples) == 0 || !c.loop && c.at >= len(c.samples) }

// Rewind starts the clip from its beginning.
func (c *Clip) Rewind() { c.at, c.last = 0, 0 }

// ReadFrame implements media.Source: Audio, and Absent after the end.
func (c *Clip) ReadFrame(dst *pcm.Frame) media.Kind {
	r := dst.Rate()
	if c.Done() {
		dst.Reset(r)
		return media.Absent
	}
	n := c.rate.Samples()
	if r == c.rate {
		c.read(dst.Samples(), c.at)
	} else {
		if r != c.last {
			c.prime(r, dst.Samples())
		}
		c.read(c.in[:n], c.at+c.conv.InputDelay())
		c.conv.Process(dst.Samples(), c.in[:n])
	}
	c.last = r
	if c.at += n; c.loop && c.at >= len(c.samples) {
		c.at %= len(c.samples)
	}
	return media.Audio
}

// prime fills the resampler with the last 20 ms up to where it reads ahead to. scratch is overwritten.
func (c *Clip) prime(r pcm.Rate, scratch []int16) {
	c.conv.Reset(c.rate, r)
	n := c.rate.Samples()
	c.read(c.in[:n], c.at+c.conv.InputDelay()-n)
	c.conv.Process(scratch, c.in[:n])
}

// read copies samples from a position that may lie before the beginning or after the end.
func (c *Clip) read(dst []int16, from int) {
	total := len(c.samples)
	if c.loop {
		from = (from%total + total) % total
	} else if from < 0 {
		n := min(-from, len(dst))
		clear(dst[:n])
		dst, from = dst[n:], 0
	}
	for len(dst) > 0 && from < total {
		n := copy(dst, c.samples[from:])
		dst, from = dst[n:], from+n
		if c.loop && from == total {
			from = 0
		}
	}
	clear(dst)
}
