package main

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cordboard/cordboard/internal/wav"
)

// TestDenoise: both channels of a file come out quieter, of the length and at the rate they came in with.
func TestDenoise(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.wav")
	g := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []int{8000, 16000, 44100, 48000} {
		s := wav.Sound{Rate: rate, Channels: 2, Samples: make([]int16, 2*rate)}
		for i := range s.Samples {
			s.Samples[i] = int16(g.NormFloat64() * 1000)
		}
		if err := os.WriteFile(in, wav.Encode(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (denoiseCmd{In: in, Out: out, Level: 100, Quiet: true}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wav.Decode(b)
		if err != nil || got.Rate != rate || got.Channels != 2 || len(got.Samples) != len(s.Samples) {
			t.Fatalf("%d Hz: %d samples in %d channels at %d Hz, %v", rate, len(got.Samples), got.Channels, got.Rate, err)
		}
		for c := range 2 {
			var sum float64
			for i := rate + c; i < len(got.Samples); i += 2 {
				sum += float64(got.Samples[i]) * float64(got.Samples[i])
			}
			if rms := math.Sqrt(sum / float64(rate/2)); rms > 500 {
				t.Errorf("%d Hz, channel %d: noise of 1000 is still %.0f", rate, c, rms)
			}
		}
	}
	if err := (denoiseCmd{In: in, Out: out, Level: 101}).Run(t.Context()); err == nil {
		t.Error("level 101 was accepted")
	}
	if err := (denoiseCmd{In: filepath.Join(dir, "none.wav"), Out: out}).Run(t.Context()); err == nil {
		t.Error("a file that is not there was accepted")
	}
}
