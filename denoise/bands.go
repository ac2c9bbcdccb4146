package denoise

import (
	"math"

	"github.com/cordboard/cordboard/internal/vec"
	"github.com/cordboard/cordboard/media/pcm"
)

// The bands, as train/bands.py has them: 50 Hz bins one by one up to 2.35 kHz, then 16 bands as wide as the
// ear's up to 8 kHz.
const (
	low    = 48
	high   = 16
	bands  = low + high
	bins   = 161 // 0 to 8 kHz: what the network knows about
	padded = 168 // the same in whole vectors
	floor  = 1e-12
)

// edges are the bins where the upper bands begin, and the end of the last.
var edges = func() (e [high + 1]int) {
	erb := func(f float64) float64 { return 21.4 * math.Log10(1+0.00437*f) }
	from, to := erb(low*50), erb(8000)
	for i := range e {
		at := from + (to-from)*float64(i)/high
		e[i] = int(math.RoundToEven((math.Pow(10, at/21.4) - 1) / 0.00437 / 50))
	}
	return e
}()

// share is one by the number of an upper band's bins, as they are counted for its mean.
var share = func() (s [high]float32) {
	for k := range s {
		s[k] = 1 / float32(edges[k+1]-edges[k])
	}
	return s
}()

// between are the upper bins whose gain lies between those of two bands, the one at band and the next.
type between struct {
	band     int
	from, to int
}

// spans are the upper bins in order, and parts how far each lies from the one band to the next.
var spans, parts = func() (s [high]between, parts [bins]float32) {
	var centre [high + 1]float64
	centre[0] = low - 1
	for k := range high {
		centre[k+1] = float64(edges[k]+edges[k+1]-1) / 2
	}
	b := low
	for j := range s {
		s[j] = between{low - 1 + j, b, b}
		for ; b < bins && (j == high-1 || float64(b) <= centre[j+1]); b++ {
			t := (float64(b) - centre[j]) / (centre[j+1] - centre[j])
			parts[b] = float32(max(0, min(1, t)))
		}
		s[j].to = b
	}
	return s, parts
}()

// signal is what a sample rate needs: the transform and the windows. Read only, shared.
type signal struct {
	half  int // samples of a hop, 10 ms
	bins  int // that the rate has, of those the network knows; the last is a multiple of 8
	fft   *vec.FFT
	taper []float32 // the analysis window over the length of the transform
	wave  []float32 // the synthesis window
}

func newSignal(r pcm.Rate) *signal {
	n := r.Samples()
	s := &signal{half: n / 2, bins: min(bins, n/2+1), fft: vec.NewFFT(n), taper: make([]float32, n), wave: make([]float32, n)}
	for i := range n {
		w := math.Sqrt(0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n)))
		s.wave[i], s.taper[i] = float32(w), float32(w/float64(n))
	}
	return s
}

var signals = map[pcm.Rate]*signal{
	pcm.Rate8k: newSignal(pcm.Rate8k), pcm.Rate16k: newSignal(pcm.Rate16k), pcm.Rate48k: newSignal(pcm.Rate48k),
}

// spectrum is one frame's bins that the network knows.
type spectrum struct{ re, im [padded]float32 }

// features writes the network's input for one frame to rows of bands, and keeps the logarithms in last, which
// hold the frame before's on entry. power is of every bin, and overwritten; logs is scratch.
func features(dst []float32, x *spectrum, last *[bands]float32, power *[padded]float32, logs *[bands]float32) {
	for b := range low {
		logs[b] = power[b] + floor
	}
	for k := range high {
		var sum, odd float32 // two chains of additions
		of := power[edges[k]:edges[k+1]]
		for len(of) >= 2 {
			sum += of[0]
			odd += of[1]
			of = of[2:]
		}
		if len(of) > 0 {
			sum += of[0]
		}
		if k == high-1 {
			sum += power[bins-1]
		}
		logs[low+k] = (sum+odd)*share[k] + floor
	}
	vec.Log2(logs[:])
	// |X| to the power of -0.7, times 4.
	turn := power[:low]
	for b := range turn {
		turn[b] = 2 - 0.35*logs[b]
	}
	vec.Exp2(turn)
	const perOctave = 0.3 * 0.30102999566
	all := (*[bands * inputs]float32)(dst)
	for b := range low {
		f := 1.8 + perOctave*logs[b]
		d := (*[inputs]float32)(all[inputs*b:])
		*d = [inputs]float32{f, last[b], turn[b] * x.re[b], turn[b] * x.im[b]}
		last[b] = f
	}
	for b := low; b < bands; b++ {
		f := 1.8 + perOctave*logs[b]
		d := (*[inputs]float32)(all[inputs*b:])
		*d = [inputs]float32{f, last[b], 0, 0}
		last[b] = f
	}
}
