// Package resample brings whole recordings to another sample rate, without delay and exact to about 80 dB. It is for
// files; a stream's resampler, which must not look ahead, is pcm.Resampler.
package resample

import "math"

const (
	// reach is how many zero crossings of the sinc lie on either side.
	reach = 32
	// margin is where the pass band ends, as a share of the lower rate's half.
	margin = 0.97
	// mostPhases is how many different positions between two samples are prepared for; with more the filter is
	// worked out as it goes.
	mostPhases = 4096
)

// Float is x at another rate: a windowed sinc. With equal rates it is x itself.
func Float(x []float64, from, to int) []float64 {
	if from == to {
		return x
	}
	g := gcd(from, to)
	up, down := to/g, from/g
	pass := min(1, float64(to)/float64(from)) * margin
	width := reach / pass
	taps := 2 * (int(width) + 1)
	var phases [][]float64
	if up <= mostPhases {
		phases = make([][]float64, up)
	}
	one := make([]float64, taps)
	out := make([]float64, int(int64(len(x))*int64(to)/int64(from)))
	for i := range out {
		at := int64(i) * int64(down)
		whole, phase := int(at/int64(up)), int(at%int64(up))
		f := one
		switch {
		case phases == nil:
			filter(one, float64(phase)/float64(up), pass, width)
		case phases[phase] == nil:
			f = make([]float64, taps)
			filter(f, float64(phase)/float64(up), pass, width)
			phases[phase] = f
		default:
			f = phases[phase]
		}
		first := whole - taps/2 + 1
		lo, hi := max(0, -first), min(taps, len(x)-first)
		if lo >= hi {
			continue
		}
		var sum float64
		w := f[lo:hi]
		for j, v := range x[first+lo : first+hi] {
			sum += v * w[j]
		}
		out[i] = sum
	}
	return out
}

// filter is the weights of the samples around a place between two of them, part of the way from the one to the next.
func filter(f []float64, part, pass, width float64) {
	for j := range f {
		x := float64(j-len(f)/2+1) - part
		if math.Abs(x) >= width {
			f[j] = 0
			continue
		}
		w, sinc := math.Cos(math.Pi/2*x/width), pass
		if x != 0 {
			sinc = math.Sin(math.Pi*x*pass) / (math.Pi * x)
		}
		f[j] = sinc * w * w
	}
}

// Int16 is Float for samples of 16 bits, rounded and held to them.
func Int16(samples []int16, from, to int) []int16 {
	if from == to {
		return samples
	}
	x := make([]float64, len(samples))
	for i, v := range samples {
		x[i] = float64(v)
	}
	y := Float(x, from, to)
	out := make([]int16, len(y))
	for i, v := range y {
		out[i] = int16(max(math.MinInt16, min(math.MaxInt16, math.Round(v))))
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
