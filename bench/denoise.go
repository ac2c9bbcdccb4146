package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/denoise"
	"github.com/cordboard/cordboard/denoise/score"
	"github.com/cordboard/cordboard/internal/wav"
	"github.com/cordboard/cordboard/media/pcm"
)

type denoiseCmd struct {
	JSON   string `help:"Write the result here." placeholder:"FILE"`
	Pairs  string `help:"Folder with clean/NAME.wav and noisy/NAME.wav, 8, 16 or 48 kHz mono. A NAME like babble_5_001 counts for the noise babble and the SNR 5." placeholder:"DIR"`
	Frames int    `default:"20000" help:"Frames of 20 ms to time at each rate."`
}

// denoiseResult is what is written. Times are per 10 ms of audio on one thread, everything included.
type denoiseResult struct {
	Network        string           `json:"network"` // SHA-256 of the weights
	CPU            int              `json:"cpus"`
	US8k           float64          `json:"us_per_frame_8k"` // median
	US16k          float64          `json:"us_per_frame_16k"`
	US48k          float64          `json:"us_per_frame_48k"`
	Best8k         float64          `json:"best_us_per_frame_8k"`
	Best16k        float64          `json:"best_us_per_frame_16k"`
	Best48k        float64          `json:"best_us_per_frame_48k"`
	StreamsPerCore int              `json:"streams_per_core_48k"`
	Quality        []denoiseQuality `json:"quality,omitempty"`
}

// denoiseQuality is the mean over the pairs of one group, before and after.
type denoiseQuality struct {
	Group         string `json:"group"` // all, noise:KIND or snr:DB
	Pairs         int    `json:"pairs"`
	Before, After map[string]float64
}

func (c denoiseCmd) Run(ctx context.Context) error {
	r := denoiseResult{Network: denoise.Digest(), CPU: runtime.NumCPU()}
	r.US8k, r.Best8k = timeDenoise(pcm.Rate8k, c.Frames)
	r.US16k, r.Best16k = timeDenoise(pcm.Rate16k, c.Frames)
	r.US48k, r.Best48k = timeDenoise(pcm.Rate48k, c.Frames)
	r.StreamsPerCore = int(10000 / r.US48k)
	fmt.Printf("network %.12s\n%-8s%12s%12s\n", r.Network, "", "median us", "best us")
	for _, row := range []struct {
		name         string
		median, best float64
	}{{"8 kHz", r.US8k, r.Best8k}, {"16 kHz", r.US16k, r.Best16k}, {"48 kHz", r.US48k, r.Best48k}} {
		fmt.Printf("%-8s%12.1f%12.1f\n", row.name, row.median, row.best)
	}
	fmt.Printf("%d streams at 48 kHz fill a core\n", r.StreamsPerCore)
	if c.Pairs != "" {
		var err error
		if r.Quality, err = judgePairs(ctx, c.Pairs); err != nil {
			return err
		}
	}
	if c.JSON == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	return os.WriteFile(c.JSON, append(b, '\n'), 0o644)
}

// timeDenoise is the median and the least of the microseconds that 10 ms of noise take.
func timeDenoise(rate pcm.Rate, frames int) (median, best float64) {
	g := rand.New(rand.NewPCG(1, 2))
	noise := make([]int16, 50*rate.Samples())
	for i := range noise {
		noise[i] = int16(g.NormFloat64() * 2000)
	}
	d := denoise.New(denoise.Settings{Level: denoise.MaxLevel})
	var f pcm.Frame
	f.Reset(rate)
	took := make([]float64, max(1, frames))
	for i := range took {
		copy(f.Samples(), noise[i%50*rate.Samples():])
		began := time.Now()
		d.Process(&f)
		took[i] = float64(time.Since(began).Nanoseconds()) / 2000
	}
	slices.Sort(took)
	return took[len(took)/2], took[0]
}

// judgePairs processes every noisy file as a stream is and scores it against the clean one, in groups.
func judgePairs(ctx context.Context, dir string) ([]denoiseQuality, error) {
	noisy, err := filepath.Glob(filepath.Join(dir, "noisy", "*.wav"))
	if err != nil || len(noisy) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no pairs in %s: want clean/*.wav and noisy/*.wav", dir))
	}
	groups := map[string]*denoiseQuality{}
	for _, path := range noisy {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name := filepath.Base(path)
		heard, err := readMono(path)
		if err != nil {
			return nil, err
		}
		clean, err := readMono(filepath.Join(dir, "clean", name))
		if err != nil {
			return nil, err
		}
		if clean.Rate != heard.Rate || !pcm.Rate(clean.Rate).Valid() {
			return nil, fmt.Errorf("%s: %d and %d Hz", name, heard.Rate, clean.Rate)
		}
		n := min(len(clean.Samples), len(heard.Samples))
		after := denoise.Clip(heard.Samples[:n], pcm.Rate(heard.Rate), denoise.Settings{Level: denoise.MaxLevel}, nil)
		before, then := scores(heard.Samples[:n], clean.Samples[:n], clean.Rate), scores(after, clean.Samples[:n], clean.Rate)
		if math.IsNaN(then["stoi"]) {
			return nil, fmt.Errorf("%s: too little speech to judge", name)
		}
		keys := []string{"all"}
		if p := strings.Split(name, "_"); len(p) > 2 {
			keys = append(keys, "noise:"+p[0], "snr:"+p[1])
		}
		for _, k := range keys {
			q := groups[k]
			if q == nil {
				q = &denoiseQuality{Group: k, Before: map[string]float64{}, After: map[string]float64{}}
				groups[k] = q
			}
			q.Pairs++
			for m := range before {
				q.Before[m] += before[m]
				q.After[m] += then[m]
			}
		}
	}
	var out []denoiseQuality
	for _, q := range groups {
		for m := range q.Before {
			q.Before[m] /= float64(q.Pairs)
			q.After[m] /= float64(q.Pairs)
		}
		out = append(out, *q)
	}
	slices.SortFunc(out, func(a, b denoiseQuality) int { return cmp.Compare(a.Group, b.Group) })
	fmt.Printf("\n%-24s%6s", "", "pairs")
	for _, m := range measures {
		fmt.Printf("%18s", m)
	}
	for _, q := range out {
		fmt.Printf("\n%-24s%6d", q.Group, q.Pairs)
		for _, m := range measures {
			fmt.Printf("%9.3f%9.3f", q.Before[m], q.After[m])
		}
	}
	fmt.Println()
	return out, nil
}

func readMono(path string) (wav.Sound, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return wav.Sound{}, err
	}
	s, err := wav.Decode(b)
	if err == nil && s.Channels != 1 {
		err = fmt.Errorf("%d channels", s.Channels)
	}
	if err != nil {
		return wav.Sound{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

var measures = []string{"si_sdr_db", "segmental_snr_db", "stoi", "estoi", "log_spectral_db"}

func scores(heard, clean []int16, rate int) map[string]float64 {
	y, s := make([]float64, len(clean)), make([]float64, len(clean))
	for i := range s {
		y[i], s[i] = float64(heard[i])/32768, float64(clean[i])/32768
	}
	return map[string]float64{
		"si_sdr_db": score.SISDR(y, s), "segmental_snr_db": score.SegmentalSNR(y, s, rate),
		"stoi": score.STOI(y, s, rate), "estoi": score.ESTOI(y, s, rate),
		"log_spectral_db": score.LogSpectralDistance(y, s),
	}
}
