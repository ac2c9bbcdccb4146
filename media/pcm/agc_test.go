package pcm_test

import (
	"math"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/pcm"
)

// agc sends audio through a, frame by frame.
func agc(a *pcm.AGC, in []int16, r pcm.Rate) []int16 {
	var out []int16
	var f pcm.Frame
	for n := r.Samples(); len(in) >= n; in = in[n:] {
		f.SetRate(r)
		copy(f.Samples(), in)
		a.Process(&f)
		out = append(out, f.Samples()...)
	}
	return out
}

// active is the level in dBFS of the parts that are within 16 dB of the loudest.
func active(samples []int16, r pcm.Rate) float64 {
	n := r.Samples()
	var power []float64
	for ; len(samples) >= n; samples = samples[n:] {
		power = append(power, math.Pow(10, testaudio.RMS(samples[:n])/10))
	}
	limit := slices.Max(power) / 40
	sum, count := 0.0, 0.0
	for _, p := range power {
		if p > limit {
			sum += p
			count++
		}
	}
	return 10 * math.Log10(sum/count)
}

func TestAGCBringsSpeechToTheTarget(t *testing.T) {
	for _, r := range rates[:2] {
		speech := testaudio.Speech(3, float64(r), 12*int(r), -10)
		for _, c := range []struct{ in, want float64 }{{-40, -23}, {-30, -23}, {-23, -23}, {-16, -23}, {-10, -23}, {-48, -30}} {
			var a pcm.AGC
			var g pcm.Gain
			g.Jump(c.in + 10)
			in := slices.Clone(speech)
			g.Apply(in)
			out := agc(&a, in, r)
			got := active(out[8*int(r):], r)
			t.Logf("%v: speech at %v dBFS ends at %.1f", r, c.in, got)
			if math.Abs(got-c.want) > 3 {
				t.Errorf("%v: speech at %v dBFS ends at %.1f, want %v", r, c.in, got, c.want)
			}
			if lo, hi := slices.Min(out), slices.Max(out); hi == math.MaxInt16 || lo == math.MinInt16 {
				t.Errorf("%v: speech at %v dBFS clips: %d..%d", r, c.in, lo, hi)
			}
		}
	}
}

func TestAGCLeavesNoiseAlone(t *testing.T) {
	const r = pcm.Rate16k
	for _, db := range []float64{-60, -45, -30} {
		var a pcm.AGC
		agc(&a, make([]int16, 2*r), r) // the line was dead before
		in := testaudio.Noise(1, 20*int(r), db)
		if out := agc(&a, in, r); !slices.Equal(in, out) {
			t.Errorf("noise at %v dBFS is changed by %.1f dB", db, 20*math.Log10(float64(a.Gain())))
		}
	}
	// A gain that speech has earned does not move while there is but noise.
	var a pcm.AGC
	agc(&a, testaudio.Speech(3, float64(r), 10*int(r), -35), r)
	agc(&a, make([]int16, r), r)
	before := a.Gain()
	agc(&a, testaudio.Noise(1, 20*int(r), -55), r)
	if after := a.Gain(); before < 2 || after != before {
		t.Errorf("gain %.2f before the noise, %.2f after", before, after)
	}
}

// Whoever shouts while the gain is high is turned down at once, without clipping.
func TestAGCDoesNotClip(t *testing.T) {
	const r = pcm.Rate16k
	var a pcm.AGC
	agc(&a, testaudio.Speech(3, float64(r), 12*int(r), -40), r)
	if a.Gain() < 5 {
		t.Fatalf("gain %.2f after soft speech", a.Gain())
	}
	out := agc(&a, testaudio.Tone(300, float64(r), int(r), -3), r)
	if lo, hi := slices.Min(out), slices.Max(out); hi > pcm.Ceiling+1 || lo < -pcm.Ceiling-1 {
		t.Errorf("shouting comes out as %d..%d, want at most %d", lo, hi, pcm.Ceiling)
	}
	if got := testaudio.SINAD(out[r/10:], 300, float64(r)); got < 25 {
		t.Errorf("shouting has %.1f dB SINAD, want 25", got)
	}
	a.Reset()
	if a.Gain() != 1 {
		t.Errorf("gain %v after Reset", a.Gain())
	}
}

func TestAGCNoAllocation(t *testing.T) {
	var a pcm.AGC
	var f pcm.Frame
	in := testaudio.Speech(1, 48000, 4*48000, -35)
	at := 0
	if n := testing.AllocsPerRun(190, func() {
		f.SetRate(pcm.Rate48k)
		copy(f.Samples(), in[at:])
		at += 960
		a.Process(&f)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
