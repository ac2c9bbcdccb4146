package music

import (
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/cordboard/cordboard/internal/resample"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/internal/vec"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/codec/opus"
	"github.com/cordboard/cordboard/media/pcm"
)

// spectra hands the bins of each frame to f.
func spectra(samples []int16, r pcm.Rate, f func(re, im []float32)) {
	n := r.Samples()
	fft := vec.NewFFT(n)
	scratch := fft.NewScratch()
	window, x, zero := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range window {
		window[i] = float32(math.Sqrt(0.5-0.5*math.Cos(2*math.Pi*float64(i)/float64(n))) / float64(n))
	}
	const bins = (Bins + 7) &^ 7
	var re, im, rest [bins]float32
	for ; len(samples) >= n; samples = samples[n:] {
		vec.FromInt16(x, samples[:n])
		fft.Forward(re[:], im[:], rest[:], rest[:], x, zero, window, Bins, scratch)
		f(re[:], im[:])
	}
}

// told is for each frame whether it was taken for music.
func told(samples []int16, r pcm.Rate) (music []bool) {
	var d Detector
	spectra(samples, r, func(re, im []float32) { music = append(music, d.Push(re, im)) })
	return music
}

func count(b []bool) (n int) {
	for _, v := range b {
		if v {
			n++
		}
	}
	return n
}

const seconds = 6

// lines are the ways that a sound of 16 kHz comes in.
var lines = []struct {
	name    string
	rate    pcm.Rate
	through func([]int16) []int16
}{
	{"8 kHz", pcm.Rate8k, func(s []int16) []int16 { return resample.Int16(s, 16000, 8000) }},
	{"16 kHz", pcm.Rate16k, func(s []int16) []int16 { return s }},
	{"48 kHz", pcm.Rate48k, func(s []int16) []int16 { return resample.Int16(s, 16000, 48000) }},
	{"mu-law", pcm.Rate8k, func(s []int16) []int16 {
		s = resample.Int16(s, 16000, 8000)
		b := make([]byte, len(s))
		g711.EncodeMu(b, s)
		g711.Decode(s, b, g711.Table(media.PCMU))
		return s
	}},
	{"Opus", pcm.Rate48k, throughOpus},
}

// throughOpus is the sound at 48 kHz after Opus at 20 kbit/s.
func throughOpus(s []int16) (out []int16) {
	s = resample.Int16(s, 16000, 48000)
	enc, dec := opus.NewEncoder(), opus.NewDecoder()
	if err := enc.Start(media.Format{Codec: media.Opus, Bitrate: 20000, Complexity: 3}, pcm.Rate48k); err != nil {
		panic(err)
	}
	var f pcm.Frame
	f.Reset(pcm.Rate48k)
	payload, back := make([]byte, opus.MaxPayload), make([]int16, 6*pcm.MaxSamples)
	for n := len(f.Samples()); len(s) >= n; s = s[n:] {
		copy(f.Samples(), s)
		k, err := enc.Encode(payload, &f)
		if err == nil {
			k, err = dec.Decode(back, payload[:k], pcm.Rate48k)
		}
		if err != nil {
			panic(err)
		}
		out = append(out, back[:k]...)
	}
	return out
}

func sum(a, b []int16) []int16 {
	out := slices.Clone(a)
	for i, v := range b {
		out[i] = int16(max(-32768, min(32767, int(out[i])+int(v))))
	}
	return out
}

// TestMusicIsTold: tunes with and without drums are taken for music within 3 s and from then on; a voice, steady noise,
// fans, babble and voices in all of these never are. Through every codec, at every rate.
func TestMusicIsTold(t *testing.T) {
	const n = seconds * 16000
	speech := func(seed uint64) []int16 { return testaudio.Speech(seed, 16000, n, -22) }
	babble := speech(1)
	for i := range uint64(5) {
		babble = sum(babble, speech(20+3*i))
	}
	for i := range babble {
		babble[i] /= 3
	}
	others := map[string][]int16{
		"voice": speech(3), "noise": testaudio.Noise(4, n, -30), "fan": testaudio.Fan(5, 16000, n, -25), "mains hum": testaudio.Fan(6, 16000, n, -25),
		"babble": babble, "voice in noise": sum(speech(7), testaudio.Noise(8, n, -32)), "voice by a fan": sum(speech(9), testaudio.Fan(10, 16000, n, -30)),
		"voice in babble": sum(speech(11), babble), "silence": make([]int16, n),
	}
	for _, line := range lines {
		for seed := range uint64(2) {
			got := told(line.through(testaudio.Music(seed, 16000, n, -20)), line.rate)
			if late := slices.Index(got, true); late < 0 || late > 150 {
				t.Errorf("%s: tune %d was taken for music at frame %d of %d, want by 150", line.name, seed, late, len(got))
			} else if k := count(got[late:]); k < (len(got)-late)*8/10 {
				t.Errorf("%s: tune %d was taken for music for %d of %d frames from then on", line.name, seed, k, len(got)-late)
			}
		}
		for name, s := range others {
			if k := count(told(line.through(s), line.rate)); k > 0 {
				t.Errorf("%s: %s was taken for music for %d of %d frames", line.name, name, k, 50*seconds)
			}
		}
	}
}

// TestVoiceAfterMusic: when the music stops and somebody speaks, the voice is a voice after 4.5 s, and the other way round.
func TestVoiceAfterMusic(t *testing.T) {
	const n = 8 * 8000
	tune, voice := testaudio.Music(1, 8000, n, -20), sum(testaudio.Speech(2, 8000, n, -20), testaudio.Noise(3, n, -40))
	got := told(slices.Concat(tune, voice, tune), pcm.Rate8k)
	for _, c := range []struct {
		from, to int
		music    bool
	}{{150, 400, true}, {625, 800, false}, {950, 1200, true}} {
		k := count(got[c.from:c.to])
		if c.music && k < (c.to-c.from)*8/10 || !c.music && k > 0 {
			t.Errorf("frames %d to %d: music in %d of them", c.from, c.to, k)
		}
	}
}

// TestDamage: what is no number is no music, and forgotten after a second.
func TestDamage(t *testing.T) {
	tune := testaudio.Music(1, 8000, 12*8000, -20)
	for _, poison := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e30} {
		var d Detector
		frame, after := 0, 0
		spectra(tune, pcm.Rate8k, func(re, im []float32) {
			if frame == 200 {
				re[20], im[30] = poison, poison
			}
			if d.Push(re, im) && frame > 400 {
				after++
			}
			frame++
		})
		if after < 100 {
			t.Errorf("after %v music was told in %d of the last 200 frames", poison, after)
		}
	}
}

func TestCosts(t *testing.T) {
	if n := unsafe.Sizeof(Detector{}); n > 6<<10 {
		t.Errorf("a detector is %d bytes", n)
	}
	var d Detector
	re, im := make([]float32, Bins), make([]float32, Bins)
	if a := testing.AllocsPerRun(50, func() { d.Push(re, im) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func BenchmarkPush(b *testing.B) {
	var d Detector
	var res, ims [][]float32
	spectra(testaudio.Music(1, 8000, 8000, -20), pcm.Rate8k, func(re, im []float32) {
		res, ims = append(res, slices.Clone(re)), append(ims, slices.Clone(im))
	})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Push(res[i%50], ims[i%50])
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)*50, "us/s")
}
