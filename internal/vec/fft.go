package vec

import "math"

// lanes is the number of values side by side in one vector.
const lanes = 8

// FFT transforms two real signals of n values at once, both ways. n is 160, 320 or 960: 20 ms at 8, 16 and 48
// kHz. The two are the real and the imaginary part of one complex signal, which is cut into eight interleaved
// ones that are transformed side by side, one in each lane, and joined by a transform of length 8. The plan is
// read only and may be shared; the scratch may not.
type FFT struct {
	n, m   int
	passes []pass
	join   []float32 // m vectors of 8 complex twiddles: exp(-2πi lane k/n)
}

// pass is one step of the transforms in the lanes: radix butterflies of s neighbours at m places.
type pass struct {
	radix, m, s int
	tw          []float32 // m times radix-1 complex numbers
}

// Scratch is the working memory of one transform at a time.
type Scratch struct {
	a, b   []float32 // m complex vectors: 8 real parts, 8 imaginary parts
	re, im []float32 // the complex spectrum or signal, n values and a few to spare
}

// Clear overwrites what the last transform left.
func (s *Scratch) Clear() {
	clear(s.a)
	clear(s.b)
	clear(s.re)
	clear(s.im)
}

// NewFFT makes a plan for two signals of n values each.
func NewFFT(n int) *FFT {
	radices := map[int][]int{160: {4, 5}, 320: {4, 5, 2}, 960: {4, 5, 3, 2}}[n]
	if radices == nil {
		panic("vec: no transform of this length")
	}
	f := &FFT{n: n, m: n / lanes}
	left, s := f.m, 1
	for _, r := range radices {
		m := left / r
		p := pass{radix: r, m: m, s: s}
		for i := range m {
			for j := 1; j < r; j++ {
				sin, cos := math.Sincos(-2 * math.Pi * float64(i*j) / float64(left))
				p.tw = append(p.tw, float32(cos), float32(sin))
			}
		}
		f.passes = append(f.passes, p)
		left, s = m, s*r
	}
	f.join = make([]float32, padded(f.m)*2*lanes)
	for k := range f.m {
		for l := range lanes {
			sin, cos := math.Sincos(-2 * math.Pi * float64(k*l) / float64(n))
			f.join[k*2*lanes+l], f.join[k*2*lanes+lanes+l] = float32(cos), float32(sin)
		}
	}
	return f
}

func padded(m int) int { return (m + lanes - 1) / lanes * lanes }

// Len is the length of the signals.
func (f *FFT) Len() int { return f.n }

// NewScratch is working memory for this plan.
func (f *FFT) NewScratch() *Scratch {
	v := padded(f.m) * 2 * lanes
	return &Scratch{
		a: make([]float32, v), b: make([]float32, v),
		re: make([]float32, f.n+2*lanes), im: make([]float32, f.n+2*lanes),
	}
}

// Bytes is the size of the working memory.
func (s *Scratch) Bytes() int { return 4 * (len(s.a) + len(s.b) + len(s.re) + len(s.im)) }

// Forward writes the bins 0 to bins-1 of the spectra of x*w and y*w. The spectra's slices hold bins rounded up
// to a multiple of 8, no more than n/2+8; what follows bin bins-1 is overwritten with anything.
func (f *FFT) Forward(xr, xi, yr, yi, x, y, w []float32, bins int, s *Scratch) {
	n := f.n
	pack(s.a[:2*n], x[:n], y[:n], w[:n])
	f.transform(s, s.re, s.im)
	s.re[n], s.im[n] = s.re[0], s.im[0]
	k := padded(bins)
	split(xr[:k], xi[:k], yr[:k], yi[:k], s.re, s.im, n)
}

// Inverse gives the two real signals whose spectra are given in their bins 0 to bins-1 and zero above, without
// dividing by n: whoever wants Forward's signal back puts 1/n into its window. bins-1 is a multiple of 8; what
// the slices hold from bins on, to the next multiple of 8, must be zero. The results are valid until the next
// use of the scratch.
func (f *FFT) Inverse(xr, xi, yr, yi []float32, bins int, s *Scratch) (x, y []float32) {
	n := f.n
	clear(s.re[bins:max(bins, n-bins+1)])
	clear(s.im[bins:max(bins, n-bins+1)])
	merge(s.re, s.im, xr, xi, yr, yi, bins, n)
	// An inverse transform is a forward one with real and imaginary part swapped before and after.
	pack(s.a[:2*n], s.im[:n], s.re[:n], nil)
	f.transform(s, s.im, s.re)
	return s.re[:n], s.im[:n]
}

// transform runs the passes from s.a and joins the lanes into re and im.
func (f *FFT) transform(s *Scratch, re, im []float32) {
	src, dst := s.a, s.b
	for i := range f.passes {
		p := &f.passes[i]
		butterflies(dst, src, p)
		src, dst = dst, src
	}
	join(re, im, src, f.join, f.m)
}
