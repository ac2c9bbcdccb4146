package pcm

import (
	"math"

	"github.com/cordboard/cordboard/internal/vec"
)

// The resampler's filter, by the pair of rates. All three rates are whole multiples of each other, so
// one low-pass at the higher rate serves both directions: interpolation runs it in factor phases,
// decimation computes every factor-th output only. Either is a product of two matrices: each row of the
// left one is a stretch of the input, the rows overlapping; the right one holds the filter once for each
// output of such a stretch, moved on. That is more multiplications than needed, the zeros between, and all
// of them eight at a time.
const (
	kaiserBeta = 6.76 // about 70 dB of stop-band attenuation
	// half is half the filter's length in samples of the lower rate, and so its delay.
	half8k  = 14 // 8 kHz to or from 16 and 48 kHz: pass band to 3.4 kHz, stop band from 4.6 kHz, 1.75 ms
	half16k = 20 // 16 kHz to or from 48 kHz: pass band to 7.1 kHz, stop band from 8.9 kHz, 1.25 ms

	maxHistory = 2 * 6 * half8k // what the longest filter, 8 and 48 kHz, looks back
	downRow    = 8              // outputs to a row of a decimation
	rowStep    = 4              // vec.Product takes rows in fours
	// maxOut is the most outputs a chunk can have, 320 and 480 input samples from 16 kHz, the last rows' filling
	// included.
	maxOut = MaxSamples + rowStep*24
	// maxIn is the longest stretch of input that the rows of a chunk look at, filling included.
	maxIn = maxHistory + MaxSamples + rowStep*downRow*6 + 8
)

// bank is a designed filter.
type bank struct {
	factor, delay int // delay in samples of the lower rate
	up, down      kernel
}

// kernel is one direction of a bank.
type kernel struct {
	history int // input samples it looks back
	step    int // input samples from one row to the next
	w       vec.Matrix
}

var (
	bank8to16  = design(2, half8k, 8)
	bank8to48  = design(6, half8k, 4)
	bank16to48 = design(3, half16k, 8)
)

// design computes a Kaiser-windowed sinc low-pass with its -6 dB point at the lower rate's half. An
// interpolation takes step samples to a row.
func design(factor, half, step int) *bank {
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
	for p := range factor {
		sum := 0.0
		for i := p; i < n; i += factor {
			sum += proto[i]
		}
		for i := p; i < n; i += factor {
			proto[i] /= sum // every phase passes DC alike, or a constant would gain a ripple
		}
	}
	perPhase := 2*half + 1
	up := make([]float32, (perPhase+step-1)*step*factor)
	for j := range step {
		for i, v := range proto {
			// Output j*factor+p is the sum over k of tap p+k*factor and the input k before the j-th.
			p, k := i%factor, i/factor
			up[(j+perPhase-1-k)*step*factor+j*factor+p] = float32(v)
		}
	}
	down := make([]float32, (n+(downRow-1)*factor)*downRow)
	for j := range downRow {
		for i, v := range proto {
			down[(j*factor+n-1-i)*downRow+j] = float32(v / float64(factor))
		}
	}
	return &bank{
		factor: factor,
		delay:  half,
		up:     kernel{perPhase - 1, step, vec.NewMatrix(up, perPhase+step-1, step*factor)},
		down:   kernel{n - 1, downRow * factor, vec.NewMatrix(down, n+(downRow-1)*factor, downRow)},
	}
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
// aliases of the pass band are at least 60 dB down (measured 62 from 16 and 48 to 8 kHz at the edge of the
// stop band, 70 elsewhere), the pass band (3.4 kHz of 8, 7 kHz of 16) is flat within 0.01 dB. The zero
// Resampler passes nothing; call Reset first. Not safe for concurrent use.
type Resampler struct {
	from, to Rate
	bank     *bank
	phase    int // decimation: input samples still to skip before the next output
	past     [maxHistory]float32
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
}

// kernel is the direction in use.
func (r *Resampler) kernel() *kernel {
	if r.to > r.from {
		return &r.bank.up
	}
	return &r.bank.down
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
	chunk := MaxSamples
	if r.to > r.from {
		chunk /= r.bank.factor
	}
	n := 0
	for len(src) > 0 {
		c := src[:min(len(src), chunk)]
		n += r.chunk(dst[n:], c)
		src = src[len(c):]
	}
	return n
}

func (r *Resampler) chunk(dst, src []int16) int {
	k := r.kernel()
	var in [maxIn]float32
	copy(in[:], r.past[:k.history])
	fresh := in[k.history:][:len(src)]
	whole := len(src) &^ 7
	vec.FromInt16(fresh[:whole], src[:whole])
	for i := whole; i < len(src); i++ {
		fresh[i] = float32(src[i]) / 32768
	}
	n, start := r.OutputLen(len(src)), 0
	if r.to < r.from {
		start = r.phase
		r.phase += n*r.bank.factor - len(src)
	}
	if n > 0 {
		var out [maxOut]float32
		rows := (n + k.w.Cols - 1) / k.w.Cols
		rows += -rows & (rowStep - 1)
		vec.Product(vec.Rows{Data: out[:], Stride: k.w.Cols}, vec.Rows{Data: in[start:], Stride: k.step}, rows, k.w, nil, vec.Rows{}, false)
		whole = n &^ 7
		vec.ToInt16(dst[:whole], out[:whole])
		if n > whole {
			var tail [8]int16
			vec.ToInt16(tail[:], out[whole:whole+8])
			copy(dst[whole:n], tail[:])
		}
	}
	copy(r.past[:k.history], in[len(src):])
	return n
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
