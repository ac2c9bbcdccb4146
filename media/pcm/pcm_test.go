package pcm_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/pcm"
)

var rates = []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k}

func resample(r *pcm.Resampler, in []int16) []int16 {
	var out []int16
	dst := make([]int16, 6*len(in)+6)
	for len(in) > 0 {
		n := min(len(in), int(r.From())/50)
		out = append(out, dst[:r.Process(dst, in[:n])]...)
		in = in[n:]
	}
	return out
}

// passBand is the highest frequency two rates share undisturbed.
func passBand(a, b pcm.Rate) float64 {
	if min(a, b) == pcm.Rate16k {
		return 7100
	}
	return 3400
}

func TestResamplerPassBandAndImages(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			if from == to {
				continue
			}
			t.Run(fmt.Sprintf("%v-%v", from, to), func(t *testing.T) {
				worstRipple, worstImage := 0.0, -200.0
				for f := 100.0; f <= passBand(from, to); f += 250 {
					out := resample(pcm.NewResampler(from, to), testaudio.Tone(f, float64(from), int(from)/2, -6))[int(to)/10:]
					worstRipple = max(worstRipple, math.Abs(testaudio.Level(out, f, float64(to))+6))
					for k := float64(from); k <= float64(to); k += float64(from) {
						for _, image := range []float64{k - f, k + f} {
							if image < float64(to)/2 {
								worstImage = max(worstImage, testaudio.Level(out, image, float64(to))+6)
							}
						}
					}
				}
				if to < from { // what lies above the lower band must not fold back
					for f := float64(to) - passBand(from, to); f < float64(from)/2; f += 300 {
						out := resample(pcm.NewResampler(from, to), testaudio.Tone(f, float64(from), int(from)/2, -6))[int(to)/10:]
						worstImage = max(worstImage, testaudio.RMS(out)+6)
					}
				}
				if worstRipple > 0.1 {
					t.Errorf("ripple %.3f dB, want at most 0.1", worstRipple)
				}
				if worstImage > -60 {
					t.Errorf("image or alias at %.1f dB, want at most -60", worstImage)
				}
				t.Logf("ripple %.3f dB, images %.1f dB", worstRipple, worstImage)
			})
		}
	}
}

func TestResamplerDelay(t *testing.T) {
	for _, from := range rates {
		for _, to := range rates {
			r := pcm.NewResampler(from, to)
			in := make([]int16, int(from)/10)
			in[120] = 20000
			out := resample(r, in)
			if len(out) != int(to)/10 {
				t.Errorf("%v to %v: %d samples of %d", from, to, len(out), int(to)/10)
			}
			peak := 0
			for i, s := range out {
				if s > out[peak] {
					peak = i
				}
			}
			if want := 120*int(to)/int(from) + r.Delay(); peak != want {
				t.Errorf("%v to %v: impulse at %d, want %d", from, to, peak, want)
			}
			if r.InputDelay()*int(to) != r.Delay()*int(from) {
				t.Errorf("%v to %v: delay %d out, %d in", from, to, r.Delay(), r.InputDelay())
			}
		}
	}
}

func TestResamplerChunksDoNotMatter(t *testing.T) {
	in := testaudio.Noise(1, 4800, -10)
	for _, to := range rates {
		whole := make([]int16, 4800)
		whole = whole[:pcm.NewResampler(pcm.Rate48k, to).Process(whole, in)]
		var pieces []int16
		r, dst := pcm.NewResampler(pcm.Rate48k, to), make([]int16, 4800)
		for at, n := 0, 1; at < len(in); n++ {
			end := min(at+n, len(in))
			want := r.OutputLen(end - at)
			got := r.Process(dst, in[at:end])
			if got != want {
				t.Fatalf("OutputLen(%d) = %d, but Process gave %d", end-at, want, got)
			}
			pieces = append(pieces, dst[:got]...)
			at = end
		}
		if !slices.Equal(whole, pieces) {
			t.Errorf("to %v: pieces differ from the whole", to)
		}
	}
}

func TestFullScaleDoesNotWrap(t *testing.T) {
	in := make([]int16, 800)
	for i := range in {
		in[i] = math.MaxInt16
		if i/40%2 == 1 {
			in[i] = math.MinInt16
		}
	}
	out := resample(pcm.NewResampler(pcm.Rate8k, pcm.Rate48k), in)
	for i := 1; i < len(out); i++ {
		if d := int(out[i]) - int(out[i-1]); d > 30000 || d < -30000 {
			t.Fatalf("jump of %d at %d", d, i)
		}
	}
}

func TestMixMinusIsExact(t *testing.T) {
	a, b, c := testaudio.Noise(1, 160, 3), testaudio.Noise(2, 160, 3), testaudio.Noise(3, 160, 3)
	sum, direct := make([]int32, 160), make([]int32, 160)
	for _, s := range [][]int16{a, b, c} {
		pcm.Add(sum, s)
	}
	pcm.Sub(sum, b)
	pcm.Add(direct, a)
	pcm.Add(direct, c)
	if !slices.Equal(sum, direct) {
		t.Error("sum minus own differs from the sum of the others")
	}
	out := make([]int16, 4)
	pcm.Clip(out, []int32{-40000, -32768, 32767, 40000})
	if want := []int16{-32768, -32768, 32767, 32767}; !slices.Equal(out, want) {
		t.Errorf("clip: got %v, want %v", out, want)
	}
}

// The loops that take many at a time give what taking one at a time gives, at every length and limit.
func TestLoopsAreExact(t *testing.T) {
	noise := testaudio.Noise(7, 960, 3)
	for _, n := range []int{0, 1, 7, 8, 9, 15, 160, 320, 960} {
		for _, odd := range []int32{0, pcm.Ceiling, pcm.Ceiling + 1, -pcm.Ceiling - 1, 32767, 32768, -32768, -32769, math.MaxInt32 - 40000, math.MinInt32 + 40000} {
			for _, at := range []int{0, n / 2, n - 1} {
				if n == 0 {
					continue
				}
				src, sum, want := noise[:n], make([]int32, n), make([]int16, n)
				pcm.Add(sum, src)
				for i, s := range sum {
					if s != int32(src[i]) {
						t.Fatalf("add of %d, at %d: %d", n, i, s)
					}
				}
				sum[at] = odd
				for i, s := range sum {
					want[i] = pcm.Clip16(s)
				}
				got := make([]int16, n)
				if pcm.Clip(got, sum); !slices.Equal(got, want) {
					t.Errorf("clip of %d with %d at %d is wrong", n, odd, at)
				}
				for i := range sum {
					sum[i] /= 2
					want[i] = int16(max(-32768, min(32767, sum[i])))
				}
				sum[at], want[at] = odd, pcm.Clip16(odd)
				var l pcm.Limiter
				l.Process(got, sum)
				asIs := slices.Equal(got, want)
				if over := max(odd, -odd) - pcm.Ceiling; over <= 0 && !asIs || over > 1000 && asIs {
					t.Errorf("limiter of %d with %d at %d leaves it: %v", n, odd, at, asIs)
				}
				clear(sum)
				pcm.Sub(sum, src)
				for i, s := range sum {
					if s != -int32(src[i]) {
						t.Fatalf("subtraction of %d, at %d: %d", n, i, s)
					}
				}
			}
		}
	}
	for n := range 40 {
		var sum float64
		for _, s := range noise[:n] {
			sum += float64(s) * float64(s)
		}
		if want := -10 * math.Log10(sum/float64(n)/(1<<30)); n > 0 && math.Abs(float64(pcm.Level(noise[:n]))-max(0, want)) > 0.5001 {
			t.Errorf("level of %d: %d, want %.2f", n, pcm.Level(noise[:n]), want)
		}
	}
}

func TestLevel(t *testing.T) {
	square := make([]int16, 160)
	for i := range square {
		square[i] = -32768
	}
	for _, c := range []struct {
		name    string
		samples []int16
		want    uint8
	}{
		{"silence", make([]int16, 160), 127},
		{"nothing", nil, 127},
		{"full-scale square", square, 0},
		{"full-scale sine", testaudio.Tone(1000, 8000, 160, 0), 3},
		{"sine at -20", testaudio.Tone(1000, 8000, 160, -20), 23},
		{"one bit", []int16{1, -1, 1, -1}, 90},
	} {
		if got := pcm.Level(c.samples); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestGainTurnsWithoutClick(t *testing.T) {
	var g pcm.Gain
	in := testaudio.Tone(400, 16000, 16000, -6)
	out := slices.Clone(in)
	for at := 0; at < len(out); at += 320 {
		switch at / 320 {
		case 10:
			g.Set(-12)
		case 20:
			g.Set(pcm.MuteDB)
		case 30:
			g.Set(0)
		}
		g.Apply(out[at : at+320])
	}
	if clicks := testaudio.Clicks(out, 16000, 1.5); len(clicks) != 0 {
		t.Errorf("clicks at %v", clicks)
	}
	if got := testaudio.Level(out[12*320:19*320], 400, 16000); math.Abs(got+18) > 0.1 {
		t.Errorf("level at -12 dB: got %.2f, want -18", got)
	}
	if !pcm.Silent(out[22*320 : 29*320]) {
		t.Error("muted is not silent")
	}
	if !slices.Equal(in[32*320:], out[32*320:]) {
		t.Error("unity changes samples")
	}
	sum := make([]int32, 320)
	g.Jump(6.0206)
	g.AddTo(sum, in[:320])
	for i, s := range sum {
		if d := s - 2*int32(in[i]); d < -1 || d > 1 {
			t.Fatalf("AddTo at %d: got %d of %d", i, s, in[i])
		}
	}
}

func TestLimiter(t *testing.T) {
	var l pcm.Limiter
	quiet, loud := testaudio.Tone(300, 16000, 320, -6), testaudio.Tone(300, 16000, 320, -1)
	sum, out := make([]int32, 320), make([]int16, 320)
	pcm.Add(sum, quiet)
	l.Process(out, sum)
	if !slices.Equal(out, quiet) {
		t.Error("a sum that fits is changed")
	}
	var all []int16
	for range 50 {
		clear(sum)
		for range 3 {
			pcm.Add(sum, loud)
		}
		l.Process(out, sum)
		all = append(all, out...)
	}
	steady := all[1600:]
	if got := testaudio.SINAD(steady, 300, 16000); got < 30 {
		t.Errorf("limited tone has %.1f dB SINAD, want 30 (clipping has about 10)", got)
	}
	if lo, hi := slices.Min(steady), slices.Max(steady); hi > pcm.Ceiling+100 || lo < -pcm.Ceiling-100 {
		t.Errorf("limited to %d..%d, want about %d", lo, hi, pcm.Ceiling)
	}
	for range 25 {
		clear(sum)
		pcm.Add(sum, quiet)
		l.Process(out, sum)
	}
	if got := testaudio.RMS(out); math.Abs(got+6) > 0.3 {
		t.Errorf("half a second after the loud part: %.2f dB, want -6", got)
	}
}

func TestNoAllocation(t *testing.T) {
	r := pcm.NewResampler(pcm.Rate8k, pcm.Rate48k)
	var src, dst pcm.Frame
	src.Reset(pcm.Rate8k)
	var g pcm.Gain
	var l pcm.Limiter
	sum := make([]int32, 960)
	db := 0.0
	if n := testing.AllocsPerRun(100, func() {
		db--
		r.ProcessFrame(&dst, &src)
		g.Set(db)
		g.Apply(dst.Samples())
		g.AddTo(sum, dst.Samples())
		l.Process(dst.Samples(), sum)
		_ = pcm.Level(dst.Samples())
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkResample(b *testing.B) {
	for _, p := range [][2]pcm.Rate{{8000, 16000}, {8000, 48000}, {16000, 48000}, {48000, 8000}, {16000, 8000}} {
		b.Run(fmt.Sprintf("%v-%v", p[0], p[1]), func(b *testing.B) {
			r := pcm.NewResampler(p[0], p[1])
			var src, dst pcm.Frame
			src.Reset(p[0])
			copy(src.Samples(), testaudio.Noise(1, 960, -10))
			b.ReportAllocs()
			for b.Loop() {
				r.ProcessFrame(&dst, &src)
			}
		})
	}
}
