package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/cordboard/cordboard/denoise/music"
	"github.com/cordboard/cordboard/internal/resample"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/internal/vec"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/codec/opus"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/wav"
)

// rate is that of the recordings, and seconds how much of one makes a scene.
const (
	rate    = 16000
	seconds = 20
)

// clip is a recording.
type clip struct {
	name    string
	samples []int16
}

// clips reads a folder of WAV files of 16 kHz.
func clips(dir string) ([]clip, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.wav"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no recordings in %s", dir)
	}
	var all []clip
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s, err := wav.Decode(b)
		if err != nil || s.Rate != rate || s.Channels != 1 {
			return nil, fmt.Errorf("%s: want 16 kHz mono: %w", name, err)
		}
		all = append(all, clip{filepath.Base(name), s.Samples})
	}
	return all, nil
}

// scene is one sound to tell, as it arrives.
type scene struct {
	kind  string
	of    string // the recording, or what is mixed to the speech
	music bool
	looks [][music.Features]float32
}

// material is what scenes are made of.
type material struct{ music, speech, noise []clip }

func load(dir string) (m material, err error) {
	for name, to := range map[string]*[]clip{"music": &m.music, "speech": &m.speech, "noise": &m.noise} {
		if *to, err = clips(filepath.Join(dir, name)); err != nil {
			return m, err
		}
	}
	return m, nil
}

// stretch is some seconds of a clip from anywhere in it, repeated where it is shorter, at an RMS level.
func stretch(g *rand.Rand, c clip, dbfs float64) []float64 {
	out := make([]float64, seconds*rate)
	from := 0
	if spare := len(c.samples) - len(out); spare > 0 {
		from = g.IntN(spare)
	}
	var sum float64
	for i := range out {
		v := float64(c.samples[(from+i)%len(c.samples)])
		out[i] = v
		sum += v * v
	}
	a := 32767 / math.Sqrt2 * math.Pow(10, dbfs/20) / (math.Sqrt(sum/float64(len(out))) + 1)
	for i := range out {
		out[i] *= a
	}
	return out
}

func sound(samples []int16) clip { return clip{"made", samples} }

// scenes makes count scenes of each kind, the same for the same seed.
func (m material) scenes(seed uint64, count int) []scene {
	g := rand.New(rand.NewPCG(seed, 1))
	var of string
	pick := func(c []clip) clip {
		k := c[g.IntN(len(c))]
		of = k.name
		return k
	}
	level := func() float64 { return -16 - 16*g.Float64() }
	babble := func(n int) clip {
		sum := make([]float64, seconds*rate)
		for range n {
			for i, v := range stretch(g, pick(m.speech), -30) {
				sum[i] += v
			}
		}
		return clip{"babble", ints(sum)}
	}
	with := func(c clip) []float64 {
		s := level()
		was := of
		a, b := stretch(g, pick(m.speech), s), stretch(g, c, s+5-25*g.Float64())
		of += " " + was
		for i, v := range b {
			a[i] += v
		}
		return a
	}
	buzz := func(n int) clip { // not quite voices
		sum := make([]float64, seconds*rate)
		for range n {
			for i, v := range testaudio.Speech(g.Uint64N(1e6), rate, seconds*rate, -25) {
				sum[i] += float64(v)
			}
		}
		return clip{"buzz", ints(sum)}
	}
	fan := func() clip {
		return sound(testaudio.Fan(g.Uint64N(1e6), rate, seconds*rate, -20))
	}
	kinds := []struct {
		name  string
		music bool
		share int
		of    func() []float64
	}{
		{"music", true, 5, func() []float64 { return stretch(g, pick(m.music), level()) }},
		{"made music", true, 2, func() []float64 {
			return stretch(g, sound(testaudio.Music(g.Uint64N(1e6), rate, seconds*rate, -20)), level())
		}},
		{"speech", false, 2, func() []float64 { return stretch(g, pick(m.speech), level()) }},
		{"speech in noise", false, 3, func() []float64 { return with(pick(m.noise)) }},
		{"speech by a fan", false, 4, func() []float64 { return with(fan()) }},
		{"speech in babble", false, 1, func() []float64 { return with(babble(3 + g.IntN(8))) }},
		{"made speech", false, 1, func() []float64 { return stretch(g, buzz(1+g.IntN(2)*g.IntN(7)), level()) }},
		{"noise", false, 2, func() []float64 { return stretch(g, pick(m.noise), level()) }},
		{"fan", false, 3, func() []float64 { return stretch(g, fan(), level()) }},
		{"babble", false, 1, func() []float64 { return stretch(g, babble(2+g.IntN(10)), level()) }},
	}
	var all []scene
	for _, k := range kinds {
		for range count * k.share {
			line := lines[g.IntN(len(lines))]
			of = ""
			heard := line.through(ints(k.of()))
			all = append(all, scene{line.name + ", " + k.name, of, k.music, looks(heard, line.rate)})
		}
	}
	return all
}

func ints(x []float64) []int16 {
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = int16(max(-32768, min(32767, math.Round(v))))
	}
	return out
}

// lines are the ways that a sound comes in.
var lines = []struct {
	name    string
	rate    pcm.Rate
	through func([]int16) []int16
}{
	{"16 kHz", pcm.Rate16k, func(s []int16) []int16 { return s }},
	{"8 kHz", pcm.Rate8k, func(s []int16) []int16 { return resample.Int16(s, rate, 8000) }},
	{"G.711", pcm.Rate8k, func(s []int16) []int16 {
		s = resample.Int16(s, rate, 8000)
		b := make([]byte, len(s))
		g711.EncodeA(b, s)
		g711.Decode(s, b, g711.Table(media.PCMA))
		return s
	}},
	{"Opus", pcm.Rate48k, throughOpus},
}

// throughOpus is the sound at 48 kHz after Opus at 20 kbit/s.
func throughOpus(s []int16) []int16 {
	s = resample.Int16(s, rate, 48000)
	enc, dec := opus.NewEncoder(), opus.NewDecoder()
	if err := enc.Start(media.Format{Codec: media.Opus, Bitrate: 20000, Complexity: 5}, pcm.Rate48k); err != nil {
		panic(err)
	}
	var f pcm.Frame
	f.Reset(pcm.Rate48k)
	payload, back := make([]byte, opus.MaxPayload), make([]int16, 6*pcm.MaxSamples)
	var out []int16
	for n := len(f.Samples()); len(s) >= n; s = s[n:] {
		copy(f.Samples(), s)
		k, err := enc.Encode(payload, &f)
		if err != nil {
			panic(err)
		}
		k, err = dec.Decode(back, payload[:k], pcm.Rate48k)
		if err != nil {
			panic(err)
		}
		out = append(out, back[:k]...)
	}
	return out
}

// looks is what a detector sees of a sound.
func looks(samples []int16, r pcm.Rate) (all [][music.Features]float32) {
	n := r.Samples()
	fft := vec.NewFFT(n)
	scratch := fft.NewScratch()
	window, x, zero := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range window {
		window[i] = float32(math.Sqrt(0.5-0.5*math.Cos(2*math.Pi*float64(i)/float64(n))) / float64(n))
	}
	const bins = (music.Bins + 7) &^ 7
	var re, im, rest [bins]float32
	var d music.Detector
	for ; len(samples) >= n; samples = samples[n:] {
		vec.FromInt16(x, samples[:n])
		fft.Forward(re[:], im[:], rest[:], rest[:], x, zero, window, music.Bins, scratch)
		if l, ok := d.Look(re[:], im[:]); ok {
			all = append(all, l)
		}
	}
	return all
}
