package main

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/media/wav"
)

// TestJudgePairs: pairs are found by name, grouped by noise and SNR, and scored before and after.
func TestJudgePairs(t *testing.T) {
	dir := t.TempDir()
	g := rand.New(rand.NewPCG(1, 2))
	clean := make([]int16, 16000)
	for i := range clean {
		var v float64
		for k := 1.0; k < 25; k++ {
			v += math.Sin(2*math.Pi*150*k*float64(i)/16000+k*k) / k
		}
		clean[i] = int16(3000 * v * (1 + math.Sin(2*math.Pi*4*float64(i)/16000)))
	}
	for _, name := range []string{"hiss_5_1.wav", "hiss_10_2.wav"} {
		noisy := make([]int16, len(clean))
		for i := range noisy {
			noisy[i] = int16(float64(clean[i]) + 300*g.NormFloat64())
		}
		for folder, samples := range map[string][]int16{"clean": clean, "noisy": noisy} {
			path := filepath.Join(dir, folder, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, wav.Encode(wav.Sound{Rate: 16000, Channels: 1, Samples: samples}), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := judgePairs(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[string]int{}
	for _, q := range got {
		pairs[q.Group] = q.Pairs
		if b := q.Before["si_sdr_db"]; b < 10 || b > 30 || q.Before["stoi"] < 0.8 || math.IsNaN(q.After["estoi"]) {
			t.Errorf("%s: before %v, after %v", q.Group, q.Before, q.After)
		}
	}
	if pairs["all"] != 2 || pairs["noise:hiss"] != 2 || pairs["snr:5"] != 1 || pairs["snr:10"] != 1 || pairs["noise:hiss snr:5"] != 1 || len(pairs) != 6 {
		t.Errorf("groups %v", pairs)
	}
	if i := slices.IndexFunc(got, func(q denoiseQuality) bool { return q.Group == "snr:5" }); got[i+1].Group != "snr:10" {
		t.Errorf("snr:5 is followed by %s", got[i+1].Group)
	}
	out := t.TempDir()
	if err := reportQuality(out, denoiseResult{Network: "0123456789abcdef", Quality: got}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"denoise.md": "| noise:hiss snr:10 | 1 |", "denoise.svg": ">noise:hiss<"} {
		if b, err := os.ReadFile(filepath.Join(out, name)); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %q: %v", name, want, err)
		}
	}
	if _, err := judgePairs(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder without pairs was judged")
	}
}
