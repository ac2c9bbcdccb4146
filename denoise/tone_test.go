package denoise

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/dtmf"
	"github.com/cordboard/cordboard/media/pcm"
)

// level is the power of one frequency in samples, in dB against full scale.
func level(samples []int16, hz float64, r pcm.Rate) float64 {
	var re, im float64
	for i, v := range samples {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / float64(r))
		re, im = re+float64(v)*cos, im+float64(v)*sin
	}
	return db(2 * math.Hypot(re, im) / float64(len(samples)) / 32768)
}

func mixed(r pcm.Rate, seconds, dbfs, noise float64, hz ...float64) []int16 {
	g := rand.New(rand.NewPCG(3, 4))
	out := make([]int16, int(seconds*50)*r.Samples())
	amp := math.Pow(10, dbfs/20) * 32768
	for i := range out {
		v := noise * amp * g.NormFloat64()
		for _, f := range hz {
			v += amp * math.Sin(2*math.Pi*f*float64(i)/float64(r))
		}
		out[i] = int16(max(-32768, min(32767, math.Round(v))))
	}
	return out
}

// TestTonesPass: steady tones, alone and as a telephone network uses them, come out as loud as they went in.
func TestTonesPass(t *testing.T) {
	for _, r := range rates {
		for _, hz := range [][]float64{{1000}, {425}, {440, 480}, {400, 450}, {480, 620}, {350, 440}, {1400}, {2100}} {
			in := mixed(r, 1, -12, 0, hz...)
			out := run(New(Settings{Level: MaxLevel}), r, in)
			from := len(in) / 10 // 100 ms
			for _, f := range hz {
				if e := level(out[from:], f, r) - level(in[from:], f, r); math.Abs(e) > 0.5 {
					t.Errorf("%v: %v: %.0f Hz is %.1f dB louder", r, hz, f, e)
				}
			}
		}
	}
}

// TestDigitsPass: all 16 digits of 80 ms at three levels, in silence and in noise 10 dB below: each tone within 1 dB,
// so that a detector behind hears what one before would.
func TestDigitsPass(t *testing.T) {
	for _, r := range rates {
		for _, noise := range []float64{0, 0.316} {
			for _, dbfs := range []float64{-10, -20, -30} {
				d := New(Settings{Level: MaxLevel})
				for _, a := range []float64{697, 770, 852, 941} {
					for _, b := range []float64{1209, 1336, 1477, 1633} {
						pause, in := mixed(r, 0.1, dbfs, noise), mixed(r, 0.08, dbfs-3, noise, a, b)
						run(d, r, pause)
						out := append(run(d, r, in), run(d, r, pause)...)
						got := out[r.Samples()/2:][:len(in)]
						for _, f := range []float64{a, b} {
							if e := level(got, f, r) - level(in, f, r); math.Abs(e) > 1 {
								t.Errorf("%v, %.0f dBFS, noise %v: %.0f and %.0f Hz: %.0f Hz is %.1f dB louder", r, dbfs, noise, a, b, f, e)
							}
						}
					}
				}
			}
		}
	}
}

// TestDigitsAreDetected: behind suppression at full level the detector of in-band digits hears all 16 digits of 80 ms,
// at three levels, with and without noise 10 dB below the two tones, each once.
func TestDigitsAreDetected(t *testing.T) {
	r := pcm.Rate8k
	keys := []string{"123A", "456B", "789C", "*0#D"}
	for _, noise := range []float64{0, 0.316} {
		for _, dbfs := range []float64{-10, -20, -30} {
			d, detector := New(Settings{Level: MaxLevel}), new(dtmf.Detector)
			var want, got []byte
			var all []int16
			for i, a := range []float64{697, 770, 852, 941} {
				for j, b := range []float64{1209, 1336, 1477, 1633} {
					// Two tones of dbfs-3 are dbfs together; the noise is as loud in between.
					all = append(all, mixed(r, 0.1, dbfs-3, noise)...)
					all = append(all, mixed(r, 0.08, dbfs-3, noise, a, b)...)
					want = append(want, keys[i][j])
				}
			}
			all = append(all, mixed(r, 0.1, dbfs, 0)...)
			out := run(d, r, all)
			for n := r.Samples(); len(out) >= n; out = out[n:] {
				if e, ok := detector.Push(out[:n]); ok {
					got = append(got, e.Digit)
				}
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%.0f dBFS, noise %v: %q detected of %q", dbfs, noise, got, want)
			}
		}
	}
}

// TestSteadyTonesUntouched: a test tone, what telephone networks play and what a fax sends, in their cadences and in
// silence: behind the first 60 ms of the first burst, what comes out is what went in to 0.1 dB, and of later ones behind
// the first 20 ms.
func TestSteadyTonesUntouched(t *testing.T) {
	for _, r := range rates {
		for _, c := range []struct {
			name    string
			on, off float64
			hz      []float64
		}{
			{"1 kHz", 5, 0, []float64{1000}},
			{"ring-back, Europe", 1, 4, []float64{425}},
			{"ring-back, America", 2, 4, []float64{440, 480}},
			{"ring-back, Britain", 0.4, 0.2, []float64{400, 450}},
			{"ring-back, Japan", 1, 2, []float64{384, 416}}, // 400 Hz modulated by 16 Hz
			{"busy, Europe", 0.48, 0.48, []float64{425}},
			{"busy, America", 0.5, 0.5, []float64{480, 620}},
			{"fax, called", 2.6, 1, []float64{2100}},
			{"fax, calling", 0.5, 3, []float64{1100}},
			{"voicemail beep", 0.4, 1, []float64{1400}},
			{"recording beep", 0.2, 1, []float64{1400}},
		} {
			dbfs := -6.0
			if len(c.hz) > 1 {
				dbfs = -12
			}
			d := New(Settings{Level: MaxLevel})
			for burst := range 3 {
				in := mixed(r, c.on, dbfs, 0, c.hz...)
				out := run(d, r, append(in, make([]int16, int(c.off*50)*r.Samples())...))
				half := r.Samples() / 2
				from := 6 * half
				if burst > 0 {
					from = 2 * half
				}
				a, b := in[from:], out[from+half:]
				b = b[:min(len(b), len(a))]
				if e := db(rms(b) / rms(a[:len(b)])); math.Abs(e) > 0.1 {
					t.Errorf("%v, %s, burst %d: %.2f dB", r, c.name, burst, e)
				}
			}
		}
	}
}

// TestMusicPasses: a tune that a far side plays comes out as it went in once it is known for music, and a voice after it
// is cleaned again; what counts as music is suppressed where that is wanted.
func TestMusicPasses(t *testing.T) {
	for _, r := range rates {
		n := int(r)
		tune := testaudio.Music(2, float64(r), 8*n, -20)
		noise := hiss(r, 8, 0.02)
		d := New(Settings{Level: MaxLevel})
		out := run(d, r, tune)
		if got := d.Passes(); got != PassMusic {
			t.Errorf("%v: a tune passes for the reason %q, want %q", r, got, PassMusic)
		}
		if _, ok := d.Voice(); ok {
			t.Errorf("%v: voice activity is claimed to be known of music", r)
		}
		half := r.Samples() / 2
		worst := 0
		for i := 4 * n; i < 8*n; i++ {
			worst = max(worst, int(math.Abs(float64(out[i])-float64(tune[i-half]))))
		}
		if worst > 2 {
			t.Errorf("%v: a tune is up to %d steps of 16 bits off", r, worst)
		}
		cleaned := run(d, r, noise)
		if got := d.Passes(); got != "" {
			t.Errorf("%v: noise passes for the reason %q", r, got)
		}
		if e := db(rms(cleaned[6*n:]) / rms(noise[6*n:])); e > -6 {
			t.Errorf("%v: noise after music is changed by %.1f dB only", r, e)
		}
		d = New(Settings{Level: MaxLevel, Music: true})
		run(d, r, tune)
		if got := d.Passes(); got != "" || !d.Settings().Music {
			t.Errorf("%v: music that is to be suppressed passes for the reason %q", r, got)
		}
	}
}

// TestTonesAreShown: ring-back is shown as the reason through its pauses, a key of 80 ms is not worth showing.
func TestTonesAreShown(t *testing.T) {
	r := pcm.Rate8k
	d := New(Settings{Level: MaxLevel})
	for range 3 {
		run(d, r, slices.Concat(mixed(r, 0.1, -13, 0, 697, 1209), make([]int16, 10*r.Samples())))
	}
	if got := d.Passes(); got != "" {
		t.Errorf("keys are shown as %q", got)
	}
	for range 2 {
		run(d, r, slices.Concat(mixed(r, 1, -6, 0, 425), make([]int16, 200*r.Samples())))
		if got := d.Passes(); got != PassTones {
			t.Errorf("ring-back is shown as %q", got)
		}
	}
	run(d, r, hiss(r, 7, 0.02))
	if got := d.Passes(); got != "" {
		t.Errorf("noise is shown as %q", got)
	}
}

// TestVoiceIsNoTone: neither noise nor a voice with its pitch moving is taken for tones.
func TestVoiceIsNoTone(t *testing.T) {
	r := pcm.Rate16k
	voice := make([]int16, 2*int(r))
	for pitch := 90.0; pitch < 330; pitch += 30 {
		phase := 0.0
		for i := range voice {
			s := float64(i) / float64(r)
			phase += 2 * math.Pi * pitch * (1 + 0.15*math.Sin(2*math.Pi*3*s)) / float64(r)
			var v float64
			for k := 1.0; k*pitch < 5000; k++ {
				f := k * pitch
				v += (1/(1+math.Pow((f-500)/150, 2)) + 0.5/(1+math.Pow((f-1500)/200, 2))) * math.Sin(k*phase)
			}
			voice[i] = int16(4000 * v)
		}
		for name, in := range map[string][]int16{fmt.Sprintf("voice at %.0f Hz", pitch): voice, "hiss": hiss(r, 2, 0.1)} {
			d := New(Settings{Level: MaxLevel})
			count := 0
			for i := 0; i < len(in); i += r.Samples() {
				run(d, r, in[i:i+r.Samples()])
				if d.memory.tones.hold > 0 {
					count++
				}
			}
			if count > 5 {
				t.Errorf("%s: %d of 100 frames were taken for tones", name, count)
			}
		}
	}
}
