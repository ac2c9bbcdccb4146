// Package testaudio makes and judges audio in tests: tones and noise to send, and for what came back the
// level of one frequency, the delay and likeness to what was sent, gaps and clicks. Only tests import it.
package testaudio

import "math"

// Tone is n samples of a sine at freq hertz and rate samples a second, with the given level in dBFS (0 is
// a full-scale sine, whose RFC 6464 level is 3).
func Tone(freq, rate float64, n int, dbfs float64) []int16 {
	out := make([]int16, n)
	AddTone(out, freq, rate, dbfs, 0)
	return out
}

// AddTone adds a sine, starting at the given phase in radians, to samples that leave room for it.
func AddTone(dst []int16, freq, rate, dbfs, phase float64) {
	a := 32767 * math.Pow(10, dbfs/20)
	for i := range dst {
		dst[i] += int16(math.Round(a * math.Sin(phase+2*math.Pi*freq*float64(i)/rate)))
	}
}

// Noise is n samples of white noise with an RMS level in dBFS, the same for the same seed.
func Noise(seed uint64, n int, dbfs float64) []int16 {
	out := make([]int16, n)
	a := math.Sqrt(1.5) * 32767 * math.Pow(10, dbfs/20)
	for i := range out {
		u := 0.0
		for range 2 { // two uniforms make a triangle: mean 0, variance 1/6 of the width squared
			seed += 0x9e3779b97f4a7c15
			z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
			z = (z ^ z>>27) * 0x94d049bb133111eb
			u += float64((z^z>>31)>>11) / (1 << 53)
		}
		out[i] = int16(max(-32768, min(32767, math.Round(a*(u-1)*math.Sqrt2))))
	}
	return out
}

// Speech is n samples of something that moves like speech: a buzz of changing pitch through changing
// formants, in syllables with pauses between. It is no voice; it exercises codecs and detectors.
func Speech(seed uint64, rate float64, n int, dbfs float64) []int16 {
	wave := make([]float64, n)
	noise := Noise(seed, n, -20)
	var phase float64
	var y [3][2]float64
	for i := range wave {
		t := float64(i)/rate + float64(seed%17)
		syllable := math.Mod(t, 0.28) / 0.28
		env := math.Max(0, math.Sin(math.Pi*syllable))
		if math.Mod(t, 2.8) > 2.3 {
			env = 0
		}
		pitch := 120 + 30*math.Sin(2*math.Pi*0.7*t) + 15*math.Sin(2*math.Pi*1.9*t)
		phase += pitch / rate
		phase -= math.Floor(phase)
		x := 1 - 2*phase + float64(noise[i])/32767
		formants := [3]float64{500 + 200*math.Sin(2*math.Pi*1.3*t), 1500 + 500*math.Sin(2*math.Pi*0.9*t), 2600}
		for k, f := range formants { // two-pole resonators in a row
			r := math.Exp(-math.Pi * 110 * float64(k+1) / rate)
			v := x*(1-r) + 2*r*math.Cos(2*math.Pi*f/rate)*y[k][0] - r*r*y[k][1]
			y[k][1], y[k][0] = y[k][0], v
			x = 0.4*x + v
		}
		wave[i] = x * env
	}
	return scaled(wave, dbfs)
}

// RMS is the level in dBFS, where a full-scale sine has 0; -200 for silence.
func RMS(samples []int16) float64 {
	var sum float64
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	if sum == 0 {
		return -200
	}
	return 10 * math.Log10(2*sum/float64(len(samples))/(32767*32767))
}
