package denoise

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/pcm"
)

var rates = []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k}

// run passes samples through d frame by frame; the length is a whole number of frames.
func run(d *Denoiser, r pcm.Rate, samples []int16) []int16 {
	out := make([]int16, 0, len(samples))
	var f pcm.Frame
	f.Reset(r)
	for n := r.Samples(); len(samples) >= n; samples = samples[n:] {
		copy(f.Samples(), samples)
		d.Process(&f)
		out = append(out, f.Samples()...)
	}
	return out
}

func hiss(r pcm.Rate, seconds, level float64) []int16 {
	g := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, int(seconds*50)*r.Samples())
	for i := range out {
		out[i] = int16(max(-32768, min(32767, g.NormFloat64()*level*32768)))
	}
	return out
}

func rms(x []int16) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum/float64(len(x))) / 32768
}

func db(ratio float64) float64 { return 20 * math.Log10(ratio) }

// TestGolden: what the training framework makes of the same samples with the same weights, to within 2 steps
// of 16 bits and 0.002 of voice activity, 10 ms later.
func TestGolden(t *testing.T) {
	for _, r := range rates {
		b, err := os.ReadFile(fmt.Sprintf("testdata/golden_%d.raw", int(r)))
		if err != nil {
			t.Fatal(err)
		}
		v := make([]int16, len(b)/2)
		for i := range v {
			v[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
		}
		n, half := int(r)*8/10, r.Samples()/2
		in, want, activity := v[:n], v[n:2*n], v[2*n:]
		d := New(Settings{Level: MaxLevel})
		d.start(r) // the framework knows no beginning of being switched on
		var f pcm.Frame
		f.Reset(r)
		worst := 0
		for i := range n / (2 * half) {
			copy(f.Samples(), in[2*half*i:])
			d.Process(&f)
			for j, got := range f.Samples() {
				if at := 2*half*i + j - half; at >= 0 {
					worst = max(worst, int(math.Abs(float64(got)-float64(want[at]))))
				}
			}
			p := float64(max(activity[2*i], activity[2*i+1])) / 10000
			if v, ok := d.Voice(); !ok || math.Abs(p-float64(v)) > 0.002 {
				t.Errorf("%v, frame %d: voice activity %.4f, want %.4f", r, i, v, p)
			}
		}
		if worst > 2 {
			t.Errorf("%v: up to %d steps of 16 bits off", r, worst)
		}
		if l := db(rms(want) / rms(in)); l > -0.1 {
			t.Errorf("%v: the golden vector is %.2f dB against its input: nothing was suppressed", r, l)
		}
	}
}

// TestOffIsTheSame: level 0 is the input, bit for bit and in time.
func TestOffIsTheSame(t *testing.T) {
	for _, r := range rates {
		in := hiss(r, 0.5, 0.5)
		d := New(Settings{})
		for i, v := range run(d, r, in) {
			if v != in[i] {
				t.Fatalf("%v: sample %d is %d, want %d", r, i, v, in[i])
			}
		}
		if _, ok := d.Voice(); ok || !d.Idle() {
			t.Errorf("%v: idle %v, voice known %v", r, d.Idle(), ok)
		}
	}
}

// TestShed: what is shed is off within 40 ms and says so, whatever is set meanwhile, and comes back by itself.
func TestShed(t *testing.T) {
	r := pcm.Rate16k
	in := hiss(r, 1, 0.1)
	d := New(Settings{Level: MaxLevel})
	run(d, r, in)
	if d.Idle() {
		t.Fatal("idle while it is on")
	}
	d.Shed(true)
	run(d, r, in[:2*r.Samples()])
	d.Set(Settings{Level: 50})
	if !d.Idle() {
		t.Error("not idle 40 ms after it was shed")
	}
	for i, v := range run(d, r, in) {
		if v != in[i] {
			t.Fatalf("shed: sample %d is %d, want %d", i, v, in[i])
		}
	}
	d.Shed(false)
	if d.Idle() {
		t.Error("idle when it is no more shed")
	}
	run(d, r, in)
	if _, ok := d.Voice(); !ok || d.Settings().Level != 50 {
		t.Errorf("settings %+v, voice known %v after it was shed", d.Settings(), ok)
	}
}

// TestQuietCostsNothing: a line with nothing on it is not worked on, and speech after it is, at once.
func TestQuietCostsNothing(t *testing.T) {
	r := pcm.Rate16k
	d := New(Settings{Level: MaxLevel})
	run(d, r, hiss(r, 0.5, 0.05))
	quiet := hiss(r, 1, 2e-4) // -74 dBFS
	out := run(d, r, quiet)
	if d.quiet != quietAfter || !d.fresh {
		t.Fatalf("after a second at -74 dBFS: %d quiet frames", d.quiet)
	}
	if l := db(rms(out[len(out)/2:])); l > -73 || l < -76 {
		t.Errorf("%.1f dBFS come out of -74", l)
	}
	if v, ok := d.Voice(); v != 0 || !ok {
		t.Errorf("voice activity of nothing: %v, %v", v, ok)
	}
	loud := run(d, r, hiss(r, 0.04, 0.05))
	if d.fresh || rms(loud) < 1e-4 {
		t.Error("not worked on when something comes")
	}
}

// TestRest: after the last frame one of silence brings out what was held back, and nothing is left of it later.
func TestRest(t *testing.T) {
	r := pcm.Rate8k
	n := r.Samples()
	in := mixed(r, 1, -6, 0, 1000) // a tone passes as it is
	d := New(Settings{Level: MaxLevel})
	run(d, r, in)
	tail := run(d, r, make([]int16, n))
	for i := range n / 2 {
		if e := int(tail[i]) - int(in[len(in)-n/2+i]); e < -2 || e > 2 {
			t.Fatalf("sample %d of the tail is %d, want %d", i, tail[i], in[len(in)-n/2+i])
		}
	}
	d.Rest()
	for i, v := range run(d, r, make([]int16, 5*n)) {
		if v != 0 {
			t.Fatalf("sample %d after a rest is %d", i, v)
		}
	}
}

// TestResidual: what is left and what is taken away add up to what came in.
func TestResidual(t *testing.T) {
	for _, level := range []int{30, MaxLevel} {
		for _, r := range rates {
			in, half := hiss(r, 0.6, 0.1), r.Samples()/2
			left := run(New(Settings{Level: level}), r, in)
			taken := run(New(Settings{Level: level, Residual: true}), r, in)
			for i := 10 * half; i < len(in); i++ {
				if e := int(left[i]) + int(taken[i]) - int(in[i-half]); e > 2 || e < -2 {
					t.Fatalf("%v, level %d: sample %d: %d left, %d taken of %d", r, level, i, left[i], taken[i], in[i-half])
				}
			}
		}
	}
}

// TestSwitch: while suppression is switched, at any moment and level, no step from sample to sample is larger
// than the tone's own, and after 60 ms off is off.
func TestSwitch(t *testing.T) {
	for _, r := range rates {
		n := r.Samples()
		in := make([]int16, 100*n)
		for i := range in {
			in[i] = int16(8000 * math.Sin(2*math.Pi*200*float64(i)/float64(r)))
		}
		own := 8000 * 2 * math.Pi * 200 / float64(r)
		d := New(Settings{})
		var out []int16
		for i := range 100 {
			if i%7 == 0 {
				d.Set([]Settings{{Level: 100}, {}, {Level: 40}, {Level: 100, Residual: true}, {}}[i/7%5])
			}
			out = append(out, run(d, r, in[i*n:(i+1)*n])...)
		}
		for i := 1; i < len(out); i++ {
			if step := math.Abs(float64(out[i]) - float64(out[i-1])); step > 1.6*own+2 {
				t.Fatalf("%v: a step of %.0f at sample %d of frame %d, the tone's own are %.0f", r, step, i%n, i/n, own)
			}
		}
		d.Set(Settings{})
		run(d, r, in[:3*n])
		tail := run(d, r, in[3*n:10*n])
		for i := n / 2; i < len(tail); i++ {
			if tail[i] != in[3*n+i] {
				t.Fatalf("%v: not off 60 ms after it was switched off", r)
			}
		}
	}
}

// TestPoisoned: whatever a stream remembers, if all of it is poisoned at once, what comes out is no louder than what
// went in after the one frame the poison is in, and a second later as it would have been, to 1 dB, or at least 30 dB
// quieter than what went in.
func TestPoisoned(t *testing.T) {
	for _, poison := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-42, 1e30} {
		for _, r := range rates {
			in, n := hiss(r, 1.5, 0.05), r.Samples()
			d, clean := New(Settings{Level: MaxLevel}), New(Settings{Level: MaxLevel})
			run(d, r, in)
			run(clean, r, in)
			for i := range d.memory.states {
				for j := range d.memory.states[i] {
					d.memory.states[i][j] = poison
				}
			}
			for i := range d.memory.last {
				d.memory.last[i] = poison
			}
			for i := range d.past {
				for j := range d.past[i].re {
					d.past[i].re[j], d.past[i].im[j] = poison, -poison
				}
			}
			for i := range d.late {
				d.late[i], d.overlap[i] = poison, poison
			}
			got, want := run(d, r, in), run(clean, r, in)
			if l := db(rms(got[3*n : 20*n])); !(l < db(0.05)+3) {
				t.Errorf("%v, poisoned with %v: %.1f dBFS come out", r, poison, l)
			}
			if l, w := db(rms(got[50*n:])), db(rms(want[50*n:])); !(math.Abs(l-w) < 1 || l < db(0.05)-30) {
				t.Errorf("%v, poisoned with %v: %.1f dB a second later, %.1f without", r, poison, l, w)
			}
		}
	}
}

// TestRecovers: a network that was poisoned lets the frame through and begins again.
func TestRecovers(t *testing.T) {
	for _, poison := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-42} {
		r := pcm.Rate16k
		in := hiss(r, 3, 0.05)
		d, clean := New(Settings{Level: MaxLevel}), New(Settings{Level: MaxLevel})
		run(d, r, in[:16000])
		run(clean, r, in[:16000])
		for i := range d.memory.states {
			for j := range d.memory.states[i] {
				d.memory.states[i][j] = poison
			}
		}
		d.memory.last[3] = poison
		got, want := run(d, r, in[16000:]), run(clean, r, in[16000:])
		if l, w := db(rms(got[16000:])), db(rms(want[16000:])); !(math.Abs(l-w) < 1 || l < db(0.05)-30) {
			t.Errorf("poisoned with %v: %.1f dB a second later, %.1f without", poison, l, w)
		}
	}
}

// TestExtremes: the loudest input there is, and silence after it.
func TestExtremes(t *testing.T) {
	for _, r := range rates {
		d := New(Settings{Level: MaxLevel})
		in := make([]int16, 50*r.Samples())
		for i := range in {
			in[i] = int16(32767 - 65535*(i/3%2))
		}
		run(d, r, in)
		out := run(d, r, make([]int16, 50*r.Samples()))
		if l := rms(out[10*r.Samples():]); l > 1e-4 {
			t.Errorf("%v: %.1f dBFS of silence after noise", r, db(l))
		}
		if v, ok := d.Voice(); !ok || v >= 0.5 {
			t.Errorf("%v: voice activity of silence: %v, %v", r, v, ok)
		}
	}
}

var soak = flag.Duration("denoise.soak", 2*time.Minute, "how much audio TestNoDrift takes")

// TestNoDrift: the same ten seconds of speech in noise, noise alone and silence again and again, for as long as
// -denoise.soak says: the last are as loud as the third, the same but for a step of 16 bits, and no state has grown.
func TestNoDrift(t *testing.T) {
	r := pcm.Rate16k
	in := append(hiss(r, 7, 0.02), make([]int16, 150*r.Samples())...)
	for i, v := range testaudio.Speech(5, float64(r), 4*int(r), -22) {
		in[i] += v
	}
	d := New(Settings{Level: MaxLevel})
	run(d, r, in)
	run(d, r, in)
	third := run(d, r, in)
	last := third
	for n := 3; n < int(*soak/(10*time.Second)); n++ {
		last = run(d, r, in)
	}
	if e := math.Abs(db(rms(last)) - db(rms(third))); !(e < 0.01) {
		t.Errorf("%.3f dB at first, %.3f dB after %v", db(rms(third)), db(rms(last)), *soak)
	}
	var off float64
	for i := range last {
		e := float64(last[i]) - float64(third[i])
		off += e * e / float64(len(last))
	}
	if off > 1 {
		t.Errorf("%.1f steps of 16 bits off after %v, root mean square", math.Sqrt(off), *soak)
	}
	for i := range d.memory.states {
		for _, v := range d.memory.states[i] {
			if !(v >= -1 && v <= 1) {
				t.Fatalf("a state of %v", v)
			}
		}
	}
}

// TestSwitchInSpeech: switched in the middle of speech in noise, at any moment and between any levels, the change from
// sample to sample is never larger than it is in the same signals unswitched.
func TestSwitchInSpeech(t *testing.T) {
	for _, r := range rates {
		n := r.Samples()
		in := hiss(r, 4, 0.01)
		for i, v := range testaudio.Speech(9, float64(r), len(in), -20) {
			in[i] += v
		}
		step := func(x []int16) (most float64) {
			for i := 1; i < len(x); i++ {
				most = max(most, math.Abs(float64(x[i])-float64(x[i-1])))
			}
			return most
		}
		settings := []Settings{{}, {Level: 100}, {Level: 30}, {Level: 100, Residual: true}, {Level: 60}}
		own := step(in)
		for _, s := range settings {
			own = max(own, step(run(New(s), r, in)[n:]))
		}
		d := New(Settings{})
		var out []int16
		g := rand.New(rand.NewPCG(7, 8))
		for i := range len(in) / n {
			if g.IntN(4) == 0 {
				d.Set(settings[g.IntN(len(settings))])
			}
			out = append(out, run(d, r, in[i*n:(i+1)*n])...)
		}
		if most := step(out); most > 1.05*own {
			t.Errorf("%v: a step of %.0f, the signals' own are up to %.0f", r, most, own)
		}
	}
}

func TestRateChanges(t *testing.T) {
	d := New(Settings{Level: MaxLevel})
	for i := range 30 {
		r := rates[i%3]
		run(d, r, hiss(r, 0.1, 0.1))
		fresh := New(Settings{Level: MaxLevel})
		in := hiss(r, 0.2, 0.1)
		d.Reset()
		a, b := run(d, r, in), run(fresh, r, in)
		for j := range a {
			if a[j] != b[j] {
				t.Fatalf("after %v: sample %d is %d, of a new one %d", r, j, a[j], b[j])
			}
		}
	}
	var f pcm.Frame
	d.Process(&f) // without a rate: nothing happens
}

func TestCosts(t *testing.T) {
	if n := unsafe.Sizeof(Denoiser{}); n > 20<<10 {
		t.Errorf("a stream is %d bytes", n)
	}
	for _, r := range rates {
		d := New(Settings{Level: MaxLevel})
		var f pcm.Frame
		f.Reset(r)
		d.Process(&f)
		if a := testing.AllocsPerRun(100, func() { d.Process(&f) }); a != 0 {
			t.Errorf("%v: %v allocations", r, a)
		}
	}
}

func TestBrokenWeights(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": nil, "short": blob[:len(blob)-4], "long": append(append([]byte(nil), blob...), 0, 0, 0, 0),
		"one bit": func() []byte { c := append([]byte(nil), blob...); c[len(c)-9] ^= 4; return c }(),
	} {
		if _, err := parse(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// BenchmarkProcess: a frame is 20 ms, two hops of 10 ms.
func BenchmarkProcess(b *testing.B) {
	for _, r := range rates {
		for name, in := range map[string][]int16{"noise": hiss(r, 1, 0.1), "silence": make([]int16, 50*r.Samples())} {
			b.Run(fmt.Sprintf("%v/%s", r, name), func(b *testing.B) {
				d := New(Settings{Level: MaxLevel})
				run(d, r, hiss(r, 1, 0.3))
				var f pcm.Frame
				f.Reset(r)
				n, i := r.Samples(), 0
				b.ReportAllocs()
				for b.Loop() {
					copy(f.Samples(), in[i*n:])
					d.Process(&f)
					i = (i + 1) % 50
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/2, "us/10ms")
			})
		}
	}
}

// TestScratchKeepsNothing: what one frame was worked on with holds nothing of it afterwards. A call that ends leaves its
// scratch to whoever comes next, which may be nobody.
func TestScratchKeepsNothing(t *testing.T) {
	for _, rate := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k} {
		d := New(Settings{Level: 80})
		var f pcm.Frame
		for range 5 {
			f.SetRate(rate)
			for i := range f.Samples() {
				f.Samples()[i] = int16(1000 + i*37%5000)
			}
			d.Process(&f)
		}
		s := borrow()
		for name, left := range map[string][]float32{"in": s.in[:], "out": s.out[:], "spectrum": s.spectra[0].re[:], "change": s.change[1].im[:]} {
			for i, x := range left {
				if x != 0 {
					t.Errorf("%d Hz: %s[%d] is %g", rate, name, i, x)
					break
				}
			}
		}
		s.giveBack()
	}
}
