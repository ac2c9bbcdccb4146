package denoise

import (
	"math"
	"sync/atomic"

	"github.com/cordboard/cordboard/denoise/music"
	"github.com/cordboard/cordboard/internal/vec"
	"github.com/cordboard/cordboard/media/pcm"
)

// DecibelsPerLevel is how much deeper the noise may be pushed for each point of the level below MaxLevel; at
// MaxLevel there is no limit.
const DecibelsPerLevel = 0.4

// ramp is how much of the way between off and full the mix of before and after moves in one hop of 10 ms. The
// windows make a smooth curve of it, so that a switch takes 40 ms with the delay's coming and going, and never clicks.
const ramp = 0.5

const (
	// quietLevel is the RMS of a frame, -65 dBFS, below which there is nothing worth the work: the mixer's gate
	// takes such a source for silent.
	quietLevel = 18.4
	// quietAfter is how many such frames in a row end the work until a louder one comes: 300 ms.
	quietAfter = 15
)

// Denoiser takes the noise out of one source, frame by frame, in place. While it is off it changes nothing, bit
// for bit; while it is on what comes out is 10 ms late against what went in. The change from one to the other
// is a crossfade of 10 ms, within the 40 ms of a switch:
//
//	through ──Set on──► [shift: raw to delayed] ──► delayed, suppressed at a level
//	   ▲                                                    │ Set off, or shed
//	   └────────── [shift: delayed to raw] ◄── faded to as it was
//
// A Denoiser is about 13 kB and allocates nothing while it runs. Process, Rest, Shed and Reset belong to the one
// goroutine that moves the audio; Set, Settings, Idle, Voice and Passes may be called from any.
type Denoiser struct {
	wanted  atomic.Uint32 // level, 1<<8 for the residual, 1<<9 for music
	passes  atomic.Uint32 // an index of reasons
	voice   atomic.Uint32 // bits of a float32: the probability of speech, negative where it is not known
	through atomic.Bool   // nothing is held back: frames pass as they are
	shed    atomic.Bool   // off until there is time again, whatever is wanted

	rate     pcm.Rate
	dry, wet float32 // what is heard is dry*before + wet*after
	quiet    int     // frames in a row, up to quietAfter, with nothing in them
	fresh    bool    // the windows' overlap is not of the frame before
	net      *network
	memory   memory
	music    music.Detector
	toned    int                   // frames of tones not long ago: one more for each, one less for each without
	past     [taps - 1]lowSpectrum // the frames before, oldest first
	late     [pcm.MaxSamples / 2]float32
	overlap  [pcm.MaxSamples / 2]float32
}

type lowSpectrum struct{ re, im [low]float32 }

// New is a Denoiser with these settings, which must be valid. The rate is taken from the first frame.
func New(s Settings) *Denoiser {
	d := &Denoiser{net: weights()}
	d.Reset()
	d.Set(s)
	return d
}

// Set changes the settings, which must be valid, from the next frame on. The change is blended in.
func (d *Denoiser) Set(s Settings) {
	v := uint32(max(0, min(MaxLevel, s.Level)))
	if s.Residual {
		v |= 1 << 8
	}
	if s.Music {
		v |= 1 << 9
	}
	d.wanted.Store(v)
}

// Settings is what was last Set.
func (d *Denoiser) Settings() Settings {
	v := d.wanted.Load()
	return Settings{Level: int(v & 0xff), Residual: v&(1<<8) != 0, Music: v&(1<<9) != 0}
}

// Shed switches suppression off while the machine is short of time, and back. It is blended like Set.
func (d *Denoiser) Shed(on bool) { d.shed.Store(on) }

// now is what is to be done: what was Set, unless it is shed.
func (d *Denoiser) now() Settings {
	if d.shed.Load() {
		return Settings{}
	}
	return d.Settings()
}

// Idle reports whether suppression is off or shed and all of the last frame is out, so that the next frame would
// pass as it is: the source need not be led through here.
func (d *Denoiser) Idle() bool { return d.now().Off() && d.through.Load() }

// Inverted reports that the noise is to be heard in place of the voice.
func (d *Denoiser) Inverted() bool { return d.now().Residual }

// Voice is the probability, 0 to 1, that somebody spoke in the last frame. ok is false while the network does not
// look, or while the noise is to be heard instead of the voice.
func (d *Denoiser) Voice() (p float32, ok bool) {
	p = math.Float32frombits(d.voice.Load())
	return p, p >= 0
}

// reasons are what Passes may answer.
var reasons = [...]string{"", PassMusic, PassTones}

const (
	passMusic = 1 + iota
	passTones
)

// Passes tells why what comes passes as it is: PassMusic, PassTones, or "" where it does not. Tones count when there
// were half a second of them, and until there have been none for as long as ring-back pauses.
func (d *Denoiser) Passes() string { return reasons[d.passes.Load()] }

const (
	tonesLong = 25  // frames
	tonesGone = 300 // frames
)

// note keeps why frames pass. tones is whether this one was nothing else.
func (d *Denoiser) note(tones, music bool) {
	if tones {
		d.toned = min(max(d.toned, 0)+1, tonesLong)
	} else if d.toned > 0 && d.toned < tonesLong {
		d.toned-- // too few so far
	} else if d.toned >= tonesLong {
		d.toned = -tonesGone
	} else if d.toned < 0 {
		d.toned++
	}
	now := uint32(0)
	switch {
	case music:
		now = passMusic
	case d.toned >= tonesLong || d.toned < 0:
		now = passTones
	}
	if now != d.passes.Load() {
		d.passes.Store(now)
	}
}

func (d *Denoiser) setVoice(p float32) { d.voice.Store(math.Float32bits(p)) }

// Reset forgets the source: the next frame is the first of another.
func (d *Denoiser) Reset() {
	d.Rest()
	d.memory.reset()
	d.music.Reset()
	d.toned = 0
	d.passes.Store(0)
	d.through.Store(true)
	d.dry, d.wet = 1, 0
	d.quiet = 0
	d.setVoice(-1)
}

// Rest tells that no frame comes for a while. After a frame of silence, which brings out what is held back, the
// next frame begins as after silence.
func (d *Denoiser) Rest() {
	d.past = [taps - 1]lowSpectrum{}
	clear(d.late[:])
	clear(d.overlap[:])
	d.fresh = true
	d.setVoice(-1)
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

// spare holds the scratch nobody uses now; as many are taken from it as there are threads that denoise.
var spare [64]atomic.Pointer[scratch]

func borrow() *scratch {
	for i := range spare {
		if s := spare[i].Load(); s != nil && spare[i].CompareAndSwap(s, nil) {
			return s
		}
	}
	return &scratch{fft: signals[pcm.Rate48k].fft.NewScratch()}
}

// giveBack overwrites what was said, for nobody may need the scratch for a long time.
func (s *scratch) giveBack() {
	clear(s.in[:])
	clear(s.out[:])
	clear(s.spectra[:])
	clear(s.change[:])
	s.fft.Clear()
	for i := range spare {
		if spare[i].Load() == nil && spare[i].CompareAndSwap(nil, s) {
			return
		}
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
	want := d.now()
	samples, half := f.Samples(), sig.half
	if d.through.Load() {
		if want.Off() {
			return
		}
		d.through.Store(false)
		d.work(sig, samples, Settings{}).giveBack() // the network hears it, nobody else does
		fade(samples[half:], samples[half:], samples[:half])
		return
	}
	dry, wet := want.mix()
	done := want.Off() && d.dry == 1 && d.wet == 0
	if d.hush(samples) && !done {
		d.dry, d.wet = dry, wet
		d.pass(samples, half)
		d.note(false, d.music.Music())
		d.setVoice(0)
		return
	}
	if done {
		d.leave(samples, half)
		return
	}
	s := d.work(sig, samples, want)
	vec.ToInt16(samples, s.out[:2*half])
	s.giveBack()
}

// work leads a frame through the network. What is to be heard is the first two thirds of the out of the scratch it
// returns, which the caller gives back.
func (d *Denoiser) work(sig *signal, samples []int16, want Settings) *scratch {
	half := sig.half
	dry, wet := want.mix()
	s := borrow()
	in := s.in[:3*half]
	copy(in, d.late[:half])
	vec.FromInt16(in[half:], samples)
	copy(d.late[:half], in[2*half:])
	if d.fresh { // bring what the last frame ended with to where it would be
		d.fresh = false
		d.past = [taps - 1]lowSpectrum{}
		clear(d.overlap[:])
		vec.Overlap(d.overlap[:half], s.zeros(half), in[:half], sig.wave[half:], d.dry)
	}
	if d.suppress(sig, s, dry, wet, !want.Music) || want.Residual {
		d.setVoice(-1)
	}
	return s
}

// hush reports whether the source has had nothing to say for so long that it is not worth the work.
func (d *Denoiser) hush(samples []int16) bool {
	if float64(vec.Energy(samples)) >= quietLevel*quietLevel*float64(len(samples)) {
		d.quiet = 0
		return false
	}
	d.quiet = min(quietAfter, d.quiet+1)
	return d.quiet == quietAfter
}

// pass only delays a frame.
func (d *Denoiser) pass(samples []int16, half int) {
	var tail [pcm.MaxSamples / 2]float32
	vec.FromInt16(tail[:half], samples[half:])
	copy(samples[half:], samples[:half])
	vec.ToInt16(samples[:half], d.late[:half])
	copy(d.late[:half], tail[:half])
	d.fresh = true
}

// leave ends the delay: the frame begins late and ends in time.
func (d *Denoiser) leave(samples []int16, half int) {
	var raw [pcm.MaxSamples / 2]int16
	copy(raw[:half], samples[half:])
	d.pass(samples, half)
	fade(samples[half:], samples[half:], raw[:half])
	d.Reset()
}

// fade blends from one signal into another over their length. dst may be one of them.
func fade(dst, from, to []int16) {
	for i := range dst {
		w := (2*i + 1) * (1 << 14) / (2 * len(dst))
		dst[i] = int16((int(from[i])*(1<<14-w) + int(to[i])*w + 1<<13) >> 14)
	}
}

// zeros are n values of nothing, valid until out is written.
func (s *scratch) zeros(n int) []float32 {
	clear(s.out[:n])
	return s.out[:n]
}

// suppress turns s.in, half a frame of the past and a whole one, into the s.out of the same length, whose first
// two thirds are complete. It reports whether that is music, which it does not touch where spare is set.
func (d *Denoiser) suppress(sig *signal, s *scratch, dry, wet float32, spare bool) (music bool) {
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
	voice := max(s.answers[0].vad, s.answers[1].vad)
	if !(s.answers[0].vad+s.answers[1].vad <= 2) || !d.memory.sound() { // not a number anywhere spreads to here
		d.memory.reset()
		s.answers[0].pass()
		s.answers[1].pass()
		voice = 0
	}
	if spare {
		music = d.music.Push(y.re[:], y.im[:])
	} else {
		d.music.Reset()
	}
	d.note(s.answers[1].tone, music)
	var rest [hops]float32
	for t := range hops {
		a := &s.answers[t]
		if a.tone || music {
			a.pass()
		}
		d.dry, d.wet = toward(d.dry, dry), toward(d.wet, wet)
		rest[t] = d.apply(a, s, t, known)
	}
	d.setVoice(voice)
	c0, c1 := &s.change[0], &s.change[1]
	dx, dy := sig.fft.Inverse(c0.re[:k], c0.im[:k], c1.re[:k], c1.im[:k], sig.bins, s.fft)
	out := s.out[:3*half]
	copy(out, d.overlap[:half])
	clear(out[half:])
	vec.Overlap(out[:2*half], dx, s.in[:2*half], sig.wave, rest[0])
	vec.Overlap(out[half:], dy, s.in[half:3*half], sig.wave, rest[1])
	copy(d.overlap[:half], out[2*half:])
	return music
}

func toward(now, want float32) float32 { return now + max(-ramp, min(ramp, want-now)) }

// pass makes the answer one that changes nothing.
func (a *answer) pass() {
	for b := range a.gain {
		a.gain[b] = 1
	}
	a.tap = [taps][2][low]float32{}
}

// upper writes the gains of the upper bins below known, each between those of the bands whose centres it lies between,
// less the gain of whatever is above them and times k, and returns that gain.
func (a *answer) upper(dst *[padded]float32, known int, k float32) (last float32) {
	end, next := 0, min(known, bins-1) // what is above the network's bins is as loud as the next one
	for ; end+1 < high && spans[end+1].from <= next; end++ {
	}
	last = a.gain[spans[end].band]
	last += (a.gain[spans[end].band+1] - last) * parts[next]
	for _, s := range spans[:end+1] {
		g := k * (a.gain[s.band] - last)
		d := k * (a.gain[s.band+1] - a.gain[s.band])
		part, to := parts[min(s.from, known):min(s.to, known)], dst[min(s.from, known):min(s.to, known)]
		for i := range to {
			to[i] = g + d*part[i]
		}
	}
	return last
}

// apply writes what frame t's spectrum is to be changed by, beyond being made as loud as it returns: that
// alone goes for the bins above the network's, so they are never transformed.
func (d *Denoiser) apply(a *answer, s *scratch, t, known int) (loud float32) {
	x, c := &s.spectra[t], &s.change[t]
	last := a.upper(&s.scale, known, d.wet)
	scale := s.scale[:]
	for b := range low {
		scale[b] = d.wet * (a.gain[b] - last)
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
