package score

import (
	"math"

	"github.com/cordboard/cordboard/internal/resample"
)

// The measures of intelligibility look at speech at 10 kHz, in 15 bands a third of an octave wide from 150 Hz on,
// over stretches of 30 frames, 384 ms.
const (
	stoiRate    = 10000
	stoiFrame   = 256
	stoiSize    = 512
	stoiBands   = 15
	stoiLowest  = 150
	stoiStretch = 30
	stoiQuiet   = 40 // dB below the loudest frame: not speech
	stoiClip    = 15 // dB of distortion beyond which a cell cannot get worse
)

// STOI is the short-time objective intelligibility, about 0 to 1 (Taal, Hendriks, Heusdens, Jensen 2011): how well
// the envelopes of the bands follow those of the clean speech.
func STOI(heard, clean []float64, rate int) float64 {
	a, b := envelopes(heard, clean, rate)
	return overStretches(a, b, func(p, q [][]float64) float64 {
		var sum float64
		for k := range stoiBands {
			x, y := make([]float64, stoiStretch), make([]float64, stoiStretch)
			for i := range x {
				x[i], y[i] = p[i][k], q[i][k]
			}
			scale := math.Sqrt(dot(x, x)) / (math.Sqrt(dot(y, y)) + silent)
			for i := range y {
				y[i] = min(y[i]*scale, x[i]*(1+math.Pow(10, stoiClip/20.0)))
			}
			x, y = centred(x), centred(y)
			sum += dot(x, y) / (math.Sqrt(dot(x, x)*dot(y, y)) + silent) / stoiBands
		}
		return sum
	})
}

// ESTOI is the extended measure (Jensen, Taal 2016): bands and then frames are normalised before they are compared,
// which also judges noise that comes and goes.
func ESTOI(heard, clean []float64, rate int) float64 {
	a, b := envelopes(heard, clean, rate)
	return overStretches(a, b, func(p, q [][]float64) float64 {
		x, y := normalised(p), normalised(q)
		var sum float64
		for i := range x {
			sum += dot(x[i], y[i]) / stoiStretch
		}
		return sum
	})
}

// normalised makes every band's course over the stretch, and then every frame, of mean 0 and length 1.
func normalised(p [][]float64) [][]float64 {
	out := make([][]float64, len(p))
	for i := range out {
		out[i] = make([]float64, stoiBands)
	}
	for k := range stoiBands {
		x := make([]float64, len(p))
		for i := range x {
			x[i] = p[i][k]
		}
		for i, v := range unit(x) {
			out[i][k] = v
		}
	}
	for i := range out {
		out[i] = unit(out[i])
	}
	return out
}

func unit(x []float64) []float64 {
	x = centred(x)
	n := math.Sqrt(dot(x, x)) + silent
	for i := range x {
		x[i] /= n
	}
	return x
}

func overStretches(a, b [][]float64, f func(p, q [][]float64) float64) float64 {
	var sum float64
	n := len(a) - stoiStretch + 1
	if n < 1 {
		return math.NaN() // too little speech to judge
	}
	for i := range n {
		sum += f(a[i:i+stoiStretch], b[i:i+stoiStretch])
	}
	return sum / float64(n)
}

// envelopes are the magnitudes of the bands of the frames in which somebody speaks, of clean and of heard.
func envelopes(heard, clean []float64, rate int) (a, b [][]float64) {
	fs, fy := frames(resample.Float(clean, rate, stoiRate), stoiFrame), frames(resample.Float(heard, rate, stoiRate), stoiFrame)
	level := make([]float64, len(fs))
	loudest := math.Inf(-1)
	for i, f := range fs {
		level[i] = 20 * math.Log10(math.Sqrt(dot(f, f))+silent)
		loudest = max(loudest, level[i])
	}
	var s, y [][]float64
	for i := range fs {
		if level[i] > loudest-stoiQuiet {
			s, y = append(s, fs[i]), append(y, fy[i])
		}
	}
	return bandsOf(joined(s)), bandsOf(joined(y))
}

// joined is the signal of which these are the frames, half overlapping.
func joined(f [][]float64) []float64 {
	out := make([]float64, stoiFrame/2*(len(f)+1))
	for i, x := range f {
		for j, v := range x {
			out[i*stoiFrame/2+j] += v
		}
	}
	return out
}

func bandsOf(x []float64) [][]float64 {
	bin := func(hz float64) int { return int(math.Round(hz * stoiSize / stoiRate)) }
	var out [][]float64
	for _, f := range frames(x, stoiFrame) {
		p := powers(f, stoiSize)
		e := make([]float64, stoiBands)
		for k := range e {
			centre := stoiLowest * math.Pow(2, float64(k)/3)
			for _, v := range p[bin(centre*math.Pow(2, -1.0/6)):bin(centre*math.Pow(2, 1.0/6))] {
				e[k] += v
			}
			e[k] = math.Sqrt(e[k])
		}
		out = append(out, e)
	}
	return out
}
