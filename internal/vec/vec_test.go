package vec

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// both runs f with the reference and, where this CPU has them, with the routines.
func both(t *testing.T, f func(t *testing.T, run func(func()))) {
	if !vectors {
		t.Log("no AVX2 on this CPU: the reference alone is tested")
	}
	f(t, func(do func()) {
		was := vectors
		vectors = false
		defer func() { vectors = was }()
		do()
	})
}

// TestMain runs everything with the widest routines this CPU has, then with those of eight values alone.
func TestMain(m *testing.M) {
	code := m.Run()
	if wide {
		wide = false
		code = max(code, m.Run())
	}
	os.Exit(code)
}

const guard = 12345678

func random(r *rand.Rand, n int, scale float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64() * scale)
	}
	return x
}

// apart is the largest difference between two slices, relative to 1 or to the value, whichever is larger.
func apart(a, b []float32) float64 {
	worst := 0.0
	for i := range a {
		d := math.Abs(float64(a[i])-float64(b[i])) / max(1, math.Abs(float64(b[i])))
		if !(d <= worst) {
			worst = d
		}
	}
	return worst
}

// TestProduct: every shape of block, with and without bias, addend and limit, with rows that overlap; within
// 1e-5 of the reference for up to 96 terms of size one, and not a value beside the result is touched.
func TestProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	both(t, func(t *testing.T, reference func(func())) {
		for _, cols := range []int{8, 16, 24, 32, 40, 48, 56, 96} {
			for _, inner := range []int{1, 2, 3, 16, 32, 33, 64, 96} {
				for _, rows := range []int{4, 8, 12, 16, 32} {
					w := Matrix{random(r, inner*(cols+3), 1/math.Sqrt(float64(inner))), inner, cols, cols + 3}
					a := Rows{random(r, rows*5+inner, 1), 5}
					bias, add := random(r, cols, 1), Rows{random(r, rows*(cols+2), 1), cols + 2}
					for k := range 8 {
						b, d := bias, add
						if k&1 != 0 {
							b = nil
						}
						if k&2 != 0 {
							d = Rows{}
						}
						got, want := make([]float32, rows*(cols+4)), make([]float32, rows*(cols+4))
						for i := range got {
							got[i], want[i] = guard, guard
						}
						Product(Rows{got, cols + 4}, a, rows, w, b, d, k&4 != 0)
						reference(func() { Product(Rows{want, cols + 4}, a, rows, w, b, d, k&4 != 0) })
						for i := range got {
							if (want[i] == guard) != (got[i] == guard) {
								t.Fatalf("%dx%dx%d: value %d is %v, want %v", rows, inner, cols, i, got[i], want[i])
							}
						}
						if e := apart(got, want); !(e < 1e-5) {
							t.Fatalf("%dx%dx%d, variant %d: off by %g", rows, inner, cols, k, e)
						}
					}
				}
			}
		}
	})
}

// TestProductAddsToItself: the result may be its own addend.
func TestProductAddsToItself(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w := NewMatrix(random(r, 32*32, 0.2), 32, 32)
	a, x := Rows{random(r, 16*32, 1), 32}, random(r, 16*32, 1)
	want := append([]float32(nil), x...)
	Product(Rows{x, 32}, a, 16, w, nil, Rows{x, 32}, false)
	both(t, func(t *testing.T, reference func(func())) {
		reference(func() { Product(Rows{want, 32}, a, 16, w, nil, Rows{want, 32}, false) })
	})
	if e := apart(x, want); !(e < 1e-5) {
		t.Errorf("off by %g", e)
	}
}

func TestMix(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, rows := range []int{8, 16, 24} {
		for _, heads := range []int{1, 2, 4, 5} {
			x, m := Rows{random(r, 2*rows*(8*heads+3), 1), 8*heads + 3}, random(r, heads*rows*rows, 0.3)
			add := Rows{random(r, rows*8*heads, 1), 8 * heads}
			got, want := make([]float32, 2*rows*(8*heads+1)), make([]float32, 2*rows*(8*heads+1))
			for i := range got {
				got[i], want[i] = guard, guard
			}
			Mix(Rows{got, 8*heads + 1}, m, x, rows, heads, add)
			both(t, func(_ *testing.T, reference func(func())) {
				reference(func() { Mix(Rows{want, 8*heads + 1}, m, x, rows, heads, add) })
			})
			if e := apart(got, want); !(e < 1e-5) {
				t.Errorf("%d rows, %d heads: off by %g", rows, heads, e)
			}
		}
	}
}

func TestFunctions(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	positive := func(n int) []float32 {
		x := random(r, n, 30)
		for i := range x {
			x[i] = float32(math.Exp2(float64(x[i])))
		}
		return x
	}
	signed := func(n int) []float32 { return random(r, n, 8) }
	for _, c := range []struct {
		name  string
		f     func([]float32)
		in    func(int) []float32
		bound float64
	}{
		{"sigmoid", Sigmoid, signed, 3e-7},
		{"tanh", Tanh, signed, 5e-7},
		{"log2", Log2, positive, 3e-7},
		{"exp2", Exp2, signed, 3e-7},
	} {
		for n := 0; n <= 64; n += 8 {
			got := append(c.in(n), guard)
			want := append([]float32(nil), got...)
			c.f(got[:n])
			both(t, func(_ *testing.T, reference func(func())) { reference(func() { c.f(want[:n]) }) })
			if e := apart(got, want); !(e < c.bound) {
				t.Errorf("%s of %d: off by %g, bound %g", c.name, n, e, c.bound)
			}
		}
	}
}

// TestFunctionsAtTheEnds: nothing that goes in makes a function give anything but what its range allows.
func TestFunctionsAtTheEnds(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, v := range []float32{0, inf, -inf, nan, 1e-45, -1e-45, math.MaxFloat32, -math.MaxFloat32} {
		fill := func() []float32 { return []float32{v, v, v, v, v, v, v, v} }
		s, h, e := fill(), fill(), fill()
		Sigmoid(s)
		Tanh(h)
		Exp2(e)
		if v != v {
			continue // NaN may come out of the reference, and of nothing else
		}
		if !(s[0] >= 0 && s[0] <= 1) || !(h[7] >= -1 && h[7] <= 1) || !(e[3] >= 0) || math.IsInf(float64(e[3]), 0) {
			t.Errorf("of %v: sigmoid %v, tanh %v, exp2 %v", v, s[0], h[7], e[3])
		}
	}
}

func TestGates(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{8, 16, 32, 64} {
		h, x, g := append(random(r, 3*n, 0.5), guard), random(r, 9*n, 2), random(r, 9*n, 2)
		want := append([]float32(nil), h...)
		both(t, func(_ *testing.T, reference func(func())) {
			reference(func() { Gates(want[:3*n], slices.Clone(x), slices.Clone(g), n) })
		})
		Gates(h[:3*n], x, g, n)
		if e := apart(h, want); !(e < 5e-6) {
			t.Errorf("%d states: off by %g", n, e)
		}
	}
}

func TestSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for n := 0; n <= 48; n += 8 {
		in := make([][]float32, 8)
		for i := range in {
			in[i] = random(r, n, 1)
		}
		samples := make([]int16, n)
		for i := range samples {
			samples[i] = int16(r.IntN(65536) - 32768)
		}
		all := func() (out [][]float32) {
			for i := range 4 {
				out = append(out, append(append([]float32(nil), in[i]...), guard))
			}
			Mul(out[0][:n], in[4], in[5])
			Power(out[1][:n], in[4], in[5])
			Turn(out[2][:n], out[3][:n], in[4], in[5], in[6], in[7])
			o := append(append([]float32(nil), in[0]...), guard)
			Overlap(o[:n], in[1], in[2], in[3], 0.7)
			f := append(make([]float32, n), guard)
			FromInt16(f[:n], samples)
			return append(out, o, f)
		}
		got := all()
		both(t, func(t *testing.T, reference func(func())) {
			var want [][]float32
			reference(func() { want = all() })
			for i := range got {
				if e := apart(got[i], want[i]); !(e < 1e-6) {
					t.Errorf("%d values, %d: off by %g", n, i, e)
				}
			}
		})
	}
}

func TestToInt16(t *testing.T) {
	x := []float32{0, 1, -1, 2, -2, 0.5 / 32768, 1.5 / 32768, -0.6 / 32768, 0.99999, -0.99999, 1e30, -1e30, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e-40}
	want := []int16{0, 32767, -32768, 32767, -32768, 0, 2, -1, 32767, -32768, 32767, -32768, 32767, -32768, -32768, 0}
	check := func() {
		got := make([]int16, len(x))
		ToInt16(got, x)
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%v: got %d, want %d", x[i], got[i], want[i])
			}
		}
	}
	check()
	both(t, func(_ *testing.T, reference func(func())) { reference(check) })
}

// TestFFT: against the definition, both signals, forth and back, every length.
func TestFFT(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, n := range []int{160, 320, 960} {
		bins := min(161, n/2+1)
		f := NewFFT(n)
		s := f.NewScratch()
		x, y, w := random(r, n, 1), random(r, n, 1), random(r, n, 1)
		var out [4][]float32
		for i := range out {
			out[i] = make([]float32, padded(bins))
		}
		check := func() {
			f.Forward(out[0], out[1], out[2], out[3], x, y, w, bins, s)
			for k := range bins {
				for j, in := range [][]float32{x, y} {
					var re, im float64
					for i := range in {
						sin, cos := math.Sincos(-2 * math.Pi * float64(i*k%n) / float64(n))
						re += float64(in[i]*w[i]) * cos
						im += float64(in[i]*w[i]) * sin
					}
					if e := math.Hypot(re-float64(out[2*j][k]), im-float64(out[2*j+1][k])); !(e < 1e-4) {
						t.Fatalf("%d values, signal %d, bin %d: off by %g", n, j, k, e)
					}
				}
			}
			for i := range out {
				clear(out[i][bins:])
			}
			bx, by := f.Inverse(out[0], out[1], out[2], out[3], bins, s)
			for i := range n {
				for j, back := range []float32{bx[i], by[i]} {
					var want float64
					for k := range bins {
						sin, cos := math.Sincos(2 * math.Pi * float64(i*k%n) / float64(n))
						v := float64(out[2*j][k])*cos - float64(out[2*j+1][k])*sin
						if k > 0 && k < n/2 {
							v *= 2
						}
						want += v
					}
					if e := math.Abs(want - float64(back)); !(e < 1e-3) {
						t.Fatalf("%d values, signal %d back, sample %d: %v, want %v", n, j, i, back, want)
					}
				}
			}
		}
		check()
		both(t, func(_ *testing.T, reference func(func())) { reference(check) })
		if a := testing.AllocsPerRun(10, func() {
			f.Forward(out[0], out[1], out[2], out[3], x, y, w, bins, s)
			f.Inverse(out[0], out[1], out[2], out[3], bins, s)
		}); a != 0 {
			t.Errorf("%d values: %v allocations", n, a)
		}
	}
}

func BenchmarkFFT(b *testing.B) {
	for _, n := range []int{160, 320, 960} {
		b.Run(map[int]string{160: "8k", 320: "16k", 960: "48k"}[n], func(b *testing.B) {
			f, bins := NewFFT(n), min(161, n/2+1)
			s := f.NewScratch()
			x := make([]float32, n)
			var out [4][]float32
			for i := range out {
				out[i] = make([]float32, padded(bins))
			}
			for b.Loop() {
				f.Forward(out[0], out[1], out[2], out[3], x, x, x, bins, s)
				f.Inverse(out[0], out[1], out[2], out[3], bins, s)
			}
		})
	}
}

func BenchmarkProduct(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name              string
		rows, inner, cols int
	}{{"gates", 32, 32, 96}, {"plain", 32, 32, 32}, {"mix", 16, 16, 8}, {"head", 16, 64, 32}} {
		b.Run(c.name, func(b *testing.B) {
			a, w := Rows{random(r, c.rows*c.inner, 1), c.inner}, NewMatrix(random(r, c.inner*c.cols, 1), c.inner, c.cols)
			dst, bias := Rows{make([]float32, c.rows*c.cols), c.cols}, random(r, c.cols, 1)
			for b.Loop() {
				Product(dst, a, c.rows, w, bias, Rows{}, true)
			}
			b.ReportMetric(float64(c.rows*c.inner*c.cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
		})
	}
}

func BenchmarkGates(b *testing.B) {
	h, x, g := make([]float32, 512), make([]float32, 1536), make([]float32, 1536)
	for b.Loop() {
		Gates(h, x, g, 32)
	}
}
