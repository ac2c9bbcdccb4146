package score

import (
	"math"
	"testing"
)

// made are two and a half seconds of something like a voice, and noise, that any language can make alike.
func made() (voice, noise []float64) {
	const n = 40000
	voice, noise = make([]float64, n), make([]float64, n)
	x := uint64(1)
	for i := range n {
		t := float64(i) / 16000
		if math.Sin(2*math.Pi*0.7*t) > -0.8 {
			for k := 1.0; k <= 35; k++ {
				voice[i] += math.Sin(2*math.Pi*140*k*t+k*k) / k * (1 + math.Sin(2*math.Pi*(2+0.3*k)*t+k))
			}
		}
		x = (x*1103515245 + 12345) % (1 << 31)
		noise[i] = float64(x)/(1<<30) - 1
	}
	return voice, noise
}

// TestAgainstReference: train/scores.py gives these for the same signals. It resamples in another way, which
// moves the measures of intelligibility a little.
func TestAgainstReference(t *testing.T) {
	voice, noise := made()
	for _, c := range []struct {
		voice, noise float64
		want         [5]float64 // SI-SDR, segmental SNR, distance, STOI, ESTOI
	}{
		{1, 0.3, [5]float64{15.5246, 15.5666, 14.5256, 0.8640, 0.8629}},
		{0.5, 2, [5]float64{-7.0368, -1.8327, 28.1393, 0.3940, 0.3542}},
		{1, 0.01, [5]float64{45.0719, 35.0000, 0.6238, 0.9996, 0.9996}},
	} {
		heard := make([]float64, len(voice))
		for i := range heard {
			heard[i] = c.voice*voice[i] + c.noise*noise[i]
		}
		got := [5]float64{
			SISDR(heard, voice), SegmentalSNR(heard, voice, 16000), LogSpectralDistance(heard, voice),
			STOI(heard, voice, 16000), ESTOI(heard, voice, 16000),
		}
		for i, bound := range [5]float64{1e-3, 1e-3, 1e-3, 0.004, 0.004} {
			if math.Abs(got[i]-c.want[i]) > bound {
				t.Errorf("voice %v, noise %v, measure %d: %.4f, want %.4f", c.voice, c.noise, i, got[i], c.want[i])
			}
		}
	}
}

func TestEnds(t *testing.T) {
	voice, _ := made()
	for name, c := range map[string]struct{ got, want float64 }{
		"STOI of itself":     {STOI(voice, voice, 16000), 1},
		"ESTOI of itself":    {ESTOI(voice, voice, 16000), 1},
		"distance to itself": {LogSpectralDistance(voice, voice), 0},
		"segments of itself": {SegmentalSNR(voice, voice, 16000), 35},
	} {
		if !(math.Abs(c.got-c.want) < 1e-6) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	if v := STOI(voice[:2000], voice[:2000], 16000); !math.IsNaN(v) {
		t.Errorf("STOI of an eighth of a second: %v, want no number", v)
	}
}
