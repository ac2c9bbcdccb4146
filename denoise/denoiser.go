package denoise

import (
	"math"
	"sync/atomic"

	"github.com/cordboard/cordboard/internal/vec"
	"github.com/cordboard/cordboard/media/pcm"
)

// DecibelsPerLevel is how much deeper the noise may be pushed for each point of the level below MaxLevel; at
// MaxLevel there is no limit.
const DecibelsPerLevel = 0.4

// ramp is how much of the way between off and full the mix of before and after moves in one hop of 10 ms. The
// windows make a smooth curve of it, so that a switch takes 30 ms and never clicks.
const ramp = 0.5

// Denoiser takes the noise out of one source, frame by frame, in place. What comes out is 10 ms late against
// what went in, whether suppression is on or off, so that switching it leaves no gap. A Denoiser is about 9 kB
// and allocates nothing while it runs. Process and Reset belong to the one goroutine that moves the audio; Set,
// Settings and VAD may be called from any.
type Denoiser struct {
	wanted atomic.Uint32 // level, and 1<<8 for the residual
	vad    atomic.Uint32 // bits of a float32

	rate     pcm.Rate
	dry, wet float32 // what is heard is dry*before + wet*after
	idle     bool    // off, and has been for a frame: only delayed
	net      *network
	memory   memory
	past     [taps - 1]lowSpectrum // the frames before, oldest first
	late     [pcm.MaxSamples / 2]float32
	overlap  [pcm.MaxSamples / 2]float32
}

type lowSpectrum struct{ re, im [low]float32 }

// New is a Denoiser with these settings, which must be valid. The rate is taken from the first frame.
func New(s Settings) *Denoiser {
	d := &Denoiser{net: weights(), idle: true, dry: 1}
	d.memory.reset()
	d.Set(s)
	return d
}

// Set changes the settings, which must be valid, from the next frame on. The change is blended in.
func (d *Denoiser) Set(s Settings) {
	v := uint32(max(0, min(MaxLevel, s.Level)))
	if s.Residual {
		v |= 1 << 8
	}
	d.wanted.Store(v)
}

// Settings is what was last Set.
func (d *Denoiser) Settings() Settings {
	v := d.wanted.Load()
	return Settings{Level: int(v & 0xff), Residual: v&(1<<8) != 0}
}

// VAD is the probability, 0 to 1, that somebody spoke in the last frame; 0 while suppression is off.
func (d *Denoiser) VAD() float32 { return math.Float32frombits(d.vad.Load()) }

// Reset forgets the source: the next frame is the first of another.
func (d *Denoiser) Reset() {
	d.memory.reset()
	d.past = [taps - 1]lowSpectrum{}
	clear(d.late[:])
	clear(d.overlap[:])
	d.idle = true
	d.dry, d.wet = 1, 0
	d.vad.Store(0)
}

// mix is what the settings ask for in the end.
func (s Settings) mix() (dry, wet float32) {
	wet = 1
	if s.Level < MaxLevel && (s.Level > 0 || !s.Residual) {
		wet = 1 - float32(math.Pow(10, -DecibelsPerLevel*float64(s.Level)/20))
	}
	if s.Residual {
		return wet, -wet // what is taken away
	}
	return 1 - wet, wet
}

// scratch is what one frame needs while it is worked on. Streams share a few of them.
type scratch struct {
	work
	fft     *vec.Scratch
	in, out [3 * pcm.MaxSamples / 2]float32
	spectra [hops]spectrum
	change  [hops]spectrum
	scale   [padded]float32
	answers [hops]answer
}

var spare = make(chan *scratch, 64)

func borrow() *scratch {
	select {
	case s := <-spare:
		return s
	default:
		return &scratch{fft: signals[pcm.Rate48k].fft.NewScratch()}
	}
}

func (s *scratch) giveBack() {
	select {
	case spare <- s:
	default:
	}
}

// Process takes the noise out of one frame. A frame at another rate than the last begins a new source. A
// frame without a rate is left alone.
func (d *Denoiser) Process(f *pcm.Frame) {
	sig := signals[f.Rate()]
	if sig == nil {
		return
	}
	if f.Rate() != d.rate {
		d.Reset()
		d.rate = f.Rate()
	}
	s := borrow()
	samples, half := f.Samples(), sig.half
	in, out := s.in[:3*half], s.out[:3*half]
	copy(in, d.late[:half])
	vec.FromInt16(in[half:], samples)
	copy(d.late[:half], in[2*half:])

	dry, wet := d.Settings().mix()
	if dry == 1 && wet == 0 && d.dry == 1 && d.wet == 0 {
		vec.ToInt16(samples, in[:2*half])
		d.idle = true
		d.vad.Store(0)
		s.giveBack()
		return
	}
	if d.idle { // the last frame's tail was only delayed: bring it to where it would be
		d.idle = false
		d.memory.reset()
		d.past = [taps - 1]lowSpectrum{}
		clear(d.overlap[:])
		vec.Overlap(d.overlap[:half], s.zeros(half), in[:half], sig.wave[half:], 1)
	}
	d.suppress(sig, s, dry, wet)
	vec.ToInt16(samples, out[:2*half])
	s.giveBack()
}

// zeros are n values of nothing, valid until out is written.
func (s *scratch) zeros(n int) []float32 {
	clear(s.out[:n])
	return s.out[:n]
}

// suppress turns s.in, half a frame of the past and a whole one, into the s.out of the same length, whose first
// two thirds are complete.
func (d *Denoiser) suppress(sig *signal, s *scratch, dry, wet float32) {
	half := sig.half
	x, y := &s.spectra[0], &s.spectra[1]
	k := (sig.bins + 7) &^ 7
	sig.fft.Forward(x.re[:k], x.im[:k], y.re[:k], y.im[:k], s.in[:2*half], s.in[half:3*half], sig.taper, sig.bins, s.fft)
	known := sig.bins // at 8 kHz the last bin is half the sample rate, which is no speech
	if sig.bins < bins {
		known--
	}
	for t := range s.spectra {
		clear(s.spectra[t].re[known:])
		clear(s.spectra[t].im[known:])
	}
	d.net.infer(&d.memory, &s.spectra, &s.answers, &s.work, known)
	if !d.memory.sound() {
		d.memory.reset()
	}
	var rest [hops]float32
	for t := range hops {
		a := &s.answers[t]
		if a.tone {
			a.pass()
		}
		d.dry, d.wet = toward(d.dry, dry), toward(d.wet, wet)
		rest[t] = d.apply(a, s, t, known)
	}
	d.vad.Store(math.Float32bits(max(s.answers[0].vad, s.answers[1].vad)))
	c0, c1 := &s.change[0], &s.change[1]
	dx, dy := sig.fft.Inverse(c0.re[:k], c0.im[:k], c1.re[:k], c1.im[:k], sig.bins, s.fft)
	out := s.out[:3*half]
	copy(out, d.overlap[:half])
	clear(out[half:])
	vec.Overlap(out[:2*half], dx, s.in[:2*half], sig.wave, rest[0])
	vec.Overlap(out[half:], dy, s.in[half:3*half], sig.wave, rest[1])
	copy(d.overlap[:half], out[2*half:])
}

func toward(now, want float32) float32 { return now + max(-ramp, min(ramp, want-now)) }

// pass makes the answer one that changes nothing.
func (a *answer) pass() {
	for b := range a.gain {
		a.gain[b] = 1
	}
	a.tap = [taps][2][low]float32{}
}

// at is the gain of an upper bin: between those of the bands whose centres it lies between.
func (a *answer) at(bin int) float32 {
	u := &upper[bin-low]
	g := a.gain[u.band]
	return g + (a.gain[u.band+1]-g)*u.part
}

// apply writes what frame t's spectrum is to be changed by, beyond being made as loud as it returns: that
// alone goes for the bins above the network's, so they are never transformed.
func (d *Denoiser) apply(a *answer, s *scratch, t, known int) (loud float32) {
	x, c := &s.spectra[t], &s.change[t]
	last := a.at(min(known, bins-1))
	scale := s.scale[:]
	for b := range low {
		scale[b] = d.wet * (a.gain[b] - last)
	}
	for b := low; b < known; b++ {
		scale[b] = d.wet * (a.at(b) - last)
	}
	clear(scale[known:])
	vec.Mul(c.re[:], x.re[:], scale)
	vec.Mul(c.im[:], x.im[:], scale)
	if d.wet != 1 {
		for k := range a.tap {
			for b := range low {
				a.tap[k][0][b] *= d.wet
				a.tap[k][1][b] *= d.wet
			}
		}
	}
	vec.Turn(c.re[:low], c.im[:low], a.tap[0][0][:], a.tap[0][1][:], x.re[:low], x.im[:low])
	for k := 1; k < taps; k++ {
		p := &d.past[taps-1-k]
		vec.Turn(c.re[:low], c.im[:low], a.tap[k][0][:], a.tap[k][1][:], p.re[:], p.im[:])
	}
	copy(d.past[:], d.past[1:])
	p := &d.past[taps-2]
	copy(p.re[:], x.re[:low])
	copy(p.im[:], x.im[:low])
	return d.dry + d.wet*last
}
