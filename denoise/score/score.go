// Package score judges processed speech against the clean recording it came from, without a listening panel: how
// much of what is heard is the speech (SISDR, SegmentalSNR), how much can be understood (STOI, ESTOI) and how far
// the colour of the sound is off (LogSpectralDistance). Both signals are mono, of one length and in step with each
// other. Nothing here is made to be fast.
package score

import (
	"math"
)

// silent keeps a logarithm of nothing finite.
const silent = 1e-12

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func centred(x []float64) []float64 {
	var mean float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - mean
	}
	return out
}

// SISDR is the scale-invariant signal-to-distortion ratio in dB (Le Roux, Wisdom, Erdogan, Hershey 2019): the part
// of heard that is the clean signal, at any volume, against the rest.
func SISDR(heard, clean []float64) float64 {
	y, s := centred(heard), centred(clean)
	k := dot(y, s) / (dot(s, s) + silent)
	var signal, rest float64
	for i := range s {
		p := k * s[i]
		signal += p * p
		rest += (y[i] - p) * (y[i] - p)
	}
	return 10 * math.Log10((signal+silent)/(rest+silent))
}

// SegmentalSNR is the mean over frames of 30 ms of the signal-to-noise ratio in dB, each held to -10 to 35. Frames
// 40 dB and more below the loudest do not count.
func SegmentalSNR(heard, clean []float64, rate int) float64 {
	n := rate * 30 / 1000
	frames := len(clean) / n
	power, noise := make([]float64, frames), make([]float64, frames)
	var loudest float64
	for f := range frames {
		for i := f * n; i < (f+1)*n; i++ {
			power[f] += clean[i] * clean[i]
			noise[f] += (clean[i] - heard[i]) * (clean[i] - heard[i])
		}
		loudest = max(loudest, power[f])
	}
	var sum, count float64
	for f := range frames {
		if power[f] > loudest*1e-4 {
			sum += max(-10, min(35, 10*math.Log10((power[f]+silent)/(noise[f]+silent))))
			count++
		}
	}
	return sum / count
}

// hann is a Hann window of n values without the zeros at its ends.
func hann(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/float64(n+1))
	}
	return w
}

// frames cuts x into windowed frames of n values, half a frame apart.
func frames(x []float64, n int) [][]float64 {
	w := hann(n)
	var out [][]float64
	for at := 0; at+n <= len(x); at += n / 2 {
		f := make([]float64, n)
		for i := range f {
			f[i] = x[at+i] * w[i]
		}
		out = append(out, f)
	}
	return out
}

// powers are the squared magnitudes of the first half of the spectrum of f, padded to size, a power of two.
func powers(f []float64, size int) []float64 {
	x := make([]complex128, size)
	for i, v := range f {
		x[i] = complex(v, 0)
	}
	transform(x)
	out := make([]float64, size/2+1)
	for i := range out {
		out[i] = real(x[i])*real(x[i]) + imag(x[i])*imag(x[i])
	}
	return out
}

// transform is the discrete Fourier transform in place, for a power of two.
func transform(x []complex128) {
	n := len(x)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		for k := range size / 2 {
			sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(size))
			for at := k; at < n; at += size {
				a, b := x[at], x[at+size/2]*complex(cos, sin)
				x[at], x[at+size/2] = a+b, a-b
			}
		}
	}
}

// LogSpectralDistance is the difference of the spectra in dB, root mean square over the bins of frames of 32 ms at
// 16 kHz, mean over the frames. What is 60 dB below the loudest bin counts as that.
func LogSpectralDistance(heard, clean []float64) float64 {
	const n = 512
	a, b := frames(clean, n), frames(heard, n)
	var p, q [][]float64
	var loudest float64
	for i := range a {
		p, q = append(p, powers(a[i], n)), append(q, powers(b[i], n))
		for _, v := range p[i] {
			loudest = max(loudest, v)
		}
	}
	floor, sum := loudest*1e-6, 0.0
	for i := range p {
		var squares float64
		for k := range p[i] {
			d := 10 * math.Log10((p[i][k]+floor)/(q[i][k]+floor))
			squares += d * d
		}
		sum += math.Sqrt(squares / float64(len(p[i])))
	}
	return sum / float64(len(p))
}
