package pcm

import "math"

// The resampler's filter, by the pair of rates. All three rates are whole multiples of each other, so
// one low-pass at the higher rate serves both directions: interpolation runs it in factor phases,
// decimation computes every factor-th output only.
const (
	kaiserBeta = 6.76 // about 70 dB of stop-band attenuation
	// half is half the filter's length in samples of the lower rate, and so its delay.
	half8k  = 14 // 8 kHz to or from 16 and 48 kHz: pass band to 3.4 kHz, stop band from 4.6 kHz, 1.75 ms
	half16k = 20 // 16 kHz to or from 48 kHz: pass band to 7.1 kHz, stop band from 8.9 kHz, 1.25 ms

	maxTaps    = 2*6*half8k + 6 // the longest prototype, 8 to 48 kHz, padded to whole phases
	chunk      = 160            // samples taken in at a time: every resampler holds as many
	maxHistory = maxTaps - 1    // what a filter looks back
)

// bank is a designed filter. taps holds factor phases of perPhase taps each, time-reversed, so that an
// output sample is one dot product over contiguous history.
type bank struct {
	factor, perPhase, delay int // delay in samples of the lower rate
	up                      []float32
	down                    []float32 // the whole prototype, time-reversed, gain 1
}

var (
	bank8to16  = design(2, half8k)
	bank8to48  = design(6, half8k)
	bank16to48 = design(3, half16k)
)

// design computes a Kaiser-windowed sinc low-pass with its -6 dB point at the lower rate's half.
func design(factor, half int) *bank {
	n := 2*factor*half + 1
	proto := make([]float64, n)
	for i := range proto {
		x := float64(i-factor*half) / float64(factor)
		s := 1.0
		if x != 0 {
			s = math.Sin(math.Pi*x) / (math.Pi * x)
		}
		w := x / float64(half)
		proto[i] = s * besselI0(kaiserBeta*math.Sqrt(max(0, 1-w*w))) / besselI0(kaiserBeta)
	}
	b := &bank{factor: factor, perPhase: 2*half + 1, delay: half}
	b.up = make([]float32, factor*b.perPhase)
	for p := range factor {
		sum := 0.0
		for i := p; i < n; i += factor {
			sum += proto[i]
		}
		for k := range b.perPhase {
			if i := p + k*factor; i < n {
				proto[i] /= sum // every phase passes DC alike, or a constant would gain a ripple
				b.up[p*b.perPhase+b.perPhase-1-k] = float32(proto[i])
			}
		}
	}
	b.down = make([]float32, n)
	for i := range proto {
		b.down[n-1-i] = float32(proto[i] / float64(factor))
	}
	return b
}

// besselI0 is the modified Bessel function of the first kind and order zero, by its power series.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}

// Resampler converts a stream of audio between two of the three frame rates with a linear-phase FIR. It
// keeps its state from call to call, so frames join without a seam, and allocates nothing. Images and
// aliases of the pass band are at least 60 dB down, the pass band (3.4 kHz of 8, 7 kHz of 16) is flat
// within 0.1 dB. The zero Resampler passes nothing; call Reset first. Not safe for concurrent use.
type Resampler struct {
	from, to Rate
	bank     *bank
	phase    int // decimation: input samples still to skip before the next output
	history  int
	buf      [maxHistory + chunk]float32 // history, then the chunk at hand
}

// NewResampler makes a resampler from one rate to another. It panics on a rate that is not Valid.
func NewResampler(from, to Rate) *Resampler {
	r := new(Resampler)
	r.Reset(from, to)
	return r
}

// Reset clears the history and sets the rates; equal rates copy. It panics on a rate that is not Valid.
func (r *Resampler) Reset(from, to Rate) {
	if !from.Valid() || !to.Valid() {
		panic("pcm: resample " + from.String() + " to " + to.String())
	}
	*r = Resampler{from: from, to: to}
	switch low, high := min(from, to), max(from, to); {
	case low == high:
		return
	case low == Rate16k:
		r.bank = bank16to48
	case high == Rate16k:
		r.bank = bank8to16
	default:
		r.bank = bank8to48
	}
	if to > from {
		r.history = r.bank.perPhase - 1
	} else {
		r.history = len(r.bank.down) - 1
	}
}

// From is the rate of the input.
func (r *Resampler) From() Rate { return r.from }

// To is the rate of the output.
func (r *Resampler) To() Rate { return r.to }

// Delay is how many output samples the audio comes later than it went in: 1.75 ms with 8 kHz at either
// end, 1.25 ms between 16 and 48 kHz, 0 for equal rates.
func (r *Resampler) Delay() int {
	switch {
	case r.bank == nil:
		return 0
	case r.to > r.from:
		return r.bank.delay * r.bank.factor
	default:
		return r.bank.delay
	}
}

// InputDelay is Delay in samples of the input.
func (r *Resampler) InputDelay() int {
	return r.Delay() * int(r.from) / int(max(r.to, 1))
}

// OutputLen is the number of samples Process gives for n samples of input.
func (r *Resampler) OutputLen(n int) int {
	switch {
	case r.bank == nil:
		return n
	case r.to > r.from:
		return n * r.bank.factor
	default:
		return (n - r.phase + r.bank.factor - 1) / r.bank.factor
	}
}

// Process converts src to dst and returns how many samples it wrote. dst must hold OutputLen(len(src))
// samples and must not overlap src.
func (r *Resampler) Process(dst, src []int16) int {
	if r.bank == nil {
		return copy(dst, src)
	}
	n := 0
	for len(src) > 0 {
		c := src[:min(len(src), chunk)]
		src = src[len(c):]
		in := r.buf[r.history : r.history+len(c)]
		for i, s := range c {
			in[i] = float32(s)
		}
		if r.to > r.from {
			n += r.interpolate(dst[n:], len(c))
		} else {
			n += r.decimate(dst[n:], len(c))
		}
		copy(r.buf[:r.history], r.buf[len(c):len(c)+r.history])
	}
	return n
}

func (r *Resampler) interpolate(dst []int16, n int) int {
	b := r.bank
	dst = dst[:n*b.factor]
	for i := range n {
		window := r.buf[i : i+b.perPhase]
		for p := range b.factor {
			dst[i*b.factor+p] = round(dot(b.up[p*b.perPhase:(p+1)*b.perPhase], window))
		}
	}
	return len(dst)
}

func (r *Resampler) decimate(dst []int16, n int) int {
	b, out, i := r.bank, 0, r.phase
	for ; i < n; i += b.factor {
		dst[out] = round(dot(b.down, r.buf[i:i+len(b.down)]))
		out++
	}
	r.phase = i - n
	return out
}

// ProcessFrame converts one frame; dst gets the resampler's output rate. It panics when src has not the
// input rate.
func (r *Resampler) ProcessFrame(dst, src *Frame) {
	if src.rate != r.from {
		panic("pcm: resampler takes " + r.from.String() + ", not " + src.rate.String())
	}
	dst.SetRate(r.to)
	r.Process(dst.Samples(), src.Samples())
}

// dot has four sums so that the processor need not wait for each addition.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

func round(x float32) int16 {
	switch {
	case x >= math.MaxInt16:
		return math.MaxInt16
	case x <= math.MinInt16:
		return math.MinInt16
	case x >= 0:
		return int16(x + 0.5)
	default:
		return int16(x - 0.5)
	}
}
