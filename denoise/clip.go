package denoise

import (
	"slices"

	"github.com/cordboard/cordboard/media/pcm"
)

// Clip is a recording with the noise taken out, as long as it was and in step with it: exactly what a stream of
// the same samples is given, the 10 ms of delay taken off. progress, if not nil, is told after every second of
// sound what share is done.
func Clip(samples []int16, r pcm.Rate, s Settings, progress func(float64)) []int16 {
	n := r.Samples()
	half := n / 2
	if s.Off() {
		return slices.Clone(samples)
	}
	out := make([]int16, 0, len(samples)+2*n)
	d := New(s)
	d.start(r)
	var f pcm.Frame
	f.Reset(r)
	for at, count := 0, 0; at < len(samples)+half; at, count = at+n, count+1 {
		clear(f.Samples())
		if at < len(samples) {
			copy(f.Samples(), samples[at:])
		}
		d.Process(&f)
		out = append(out, f.Samples()...)
		if progress != nil && count%50 == 49 {
			progress(float64(at) / float64(len(samples)))
		}
	}
	return out[half:][:len(samples)]
}

// start makes the next frame one of a stream in which suppression has been on for ever: there is nothing before a
// recording that it could be switched on in.
func (d *Denoiser) start(r pcm.Rate) {
	d.rate = r
	d.through.Store(false)
	d.dry, d.wet = d.Settings().mix()
}
