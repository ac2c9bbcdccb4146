package testaudio

import "math"

// Level is the level of one frequency in dBFS, where a full-scale sine has 0; -200 for nothing at all. It
// is the Goertzel sum under a Hann window, so tones more than 4/len(samples) of the rate away do not leak
// into it.
func Level(samples []int16, freq, rate float64) float64 {
	var re, im, weight float64
	n := float64(len(samples))
	for i, s := range samples {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/n)
		sin, cos := math.Sincos(2 * math.Pi * freq * float64(i) / rate)
		re += w * float64(s) * cos
		im += w * float64(s) * sin
		weight += w
	}
	a := 2 * math.Hypot(re, im) / weight / 32767
	if a < 1e-10 {
		return -200
	}
	return 20 * math.Log10(a)
}

// SINAD is how far a tone stands above everything else, in dB: the sine of that frequency that fits best
// against the rest.
func SINAD(samples []int16, freq, rate float64) float64 {
	// Least squares on cos, sin and a constant; over many periods the three are as good as orthogonal.
	var c, s, dc, cc, ss float64
	n := float64(len(samples))
	for i, x := range samples {
		sin, cos := math.Sincos(2 * math.Pi * freq * float64(i) / rate)
		c += float64(x) * cos
		s += float64(x) * sin
		dc += float64(x)
		cc += cos * cos
		ss += sin * sin
	}
	c, s, dc = c/cc, s/ss, dc/n
	var signal, rest float64
	for i, x := range samples {
		sin, cos := math.Sincos(2 * math.Pi * freq * float64(i) / rate)
		fit := c*cos + s*sin
		signal += fit * fit
		d := float64(x) - dc - fit
		rest += d * d
	}
	return 10 * math.Log10(signal/(rest+1e-9))
}

// Align finds the delay in samples, 0 to maxDelay, at which got is most like want, and that likeness: the
// normalised correlation, 1 for the same shape at any volume.
func Align(want, got []int16, maxDelay int) (delay int, likeness float64) {
	likeness = -2
	for d := 0; d <= maxDelay && d < len(got); d++ {
		n := min(len(want), len(got)-d)
		if c := correlation(want[:n], got[d:d+n]); c > likeness {
			delay, likeness = d, c
		}
	}
	return delay, likeness
}

func correlation(a, b []int16) float64 {
	var ab, aa, bb float64
	for i, x := range a {
		y := float64(b[i])
		ab += float64(x) * y
		aa += float64(x) * float64(x)
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// SegmentalSNR is the mean over 20 ms segments of the signal-to-noise ratio of got against want in dB,
// each held to -10..35 dB and silent segments left out. Both must be aligned.
func SegmentalSNR(want, got []int16, rate int) float64 {
	n := rate / 50
	var sum float64
	count := 0
	for at := 0; at+n <= min(len(want), len(got)); at += n {
		var signal, noise float64
		for i := at; i < at+n; i++ {
			d := float64(got[i]) - float64(want[i])
			signal += float64(want[i]) * float64(want[i])
			noise += d * d
		}
		if signal/float64(n) < 100*100 {
			continue
		}
		sum += max(-10, min(35, 10*math.Log10(signal/(noise+1e-9))))
		count++
	}
	if count == 0 {
		return 0
	}
	return sum / float64(count)
}

// Span is a stretch of samples.
type Span struct{ At, Len int }

// Gaps finds the stretches of at least minLen samples in which no sample exceeds the threshold.
func Gaps(samples []int16, threshold int16, minLen int) []Span {
	var gaps []Span
	start := -1
	for i := 0; i <= len(samples); i++ {
		quiet := i < len(samples) && samples[i] <= threshold && samples[i] >= -threshold
		switch {
		case quiet && start < 0:
			start = i
		case !quiet && start >= 0:
			if i-start >= minLen {
				gaps = append(gaps, Span{start, i - start})
			}
			start = -1
		}
	}
	return gaps
}

// Clicks finds the samples at which the wave jumps: where the second difference is more than factor times
// the largest that the stretch before it, 20 ms long, had. Steady or slowly changing signals have none;
// factor 2 finds a jump of a few percent of the amplitude in a low tone.
func Clicks(samples []int16, rate int, factor float64) []int {
	n := rate / 50
	var clicks []int
	bend := func(i int) float64 {
		return math.Abs(float64(samples[i]) - 2*float64(samples[i-1]) + float64(samples[i-2]))
	}
	for i := n + 2; i < len(samples); i++ {
		if len(clicks) > 0 && i-clicks[len(clicks)-1] < n {
			continue
		}
		limit := 20.0 // rounding noise of a quiet stretch
		for k := i - n; k < i; k++ {
			limit = max(limit, bend(k))
		}
		if bend(i) > factor*limit {
			clicks = append(clicks, i)
		}
	}
	return clicks
}
