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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/denoise"
	"github.com/cordboard/cordboard/denoise/score"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/wav"
)

type denoiseCmd struct {
	JSON   string `help:"Write the result here." placeholder:"FILE"`
	Pairs  string `help:"Folder with clean/NAME.wav and noisy/NAME.wav, 8, 16 or 48 kHz mono. A NAME like babble_5_001 counts for the noise babble and the SNR 5." placeholder:"DIR"`
	Report string `help:"Write a table and a chart of the quality here." placeholder:"DIR"`
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
	Streams8k      int              `json:"streams_per_core_8k"`
	Streams16k     int              `json:"streams_per_core_16k"`
	StreamsPerCore int              `json:"streams_per_core_48k"`
	Quality        []denoiseQuality `json:"quality,omitempty"`
}

// denoiseQuality is the mean over the pairs of one group, before and after.
type denoiseQuality struct {
	Group  string             `json:"group"` // all, noise:KIND, snr:DB or noise:KIND snr:DB
	Pairs  int                `json:"pairs"`
	Before map[string]float64 `json:"before"`
	After  map[string]float64 `json:"after"`
}

func (c denoiseCmd) Run(ctx context.Context) error {
	r := denoiseResult{Network: denoise.Digest(), CPU: runtime.NumCPU()}
	r.US8k, r.Best8k = timeDenoise(pcm.Rate8k, c.Frames)
	r.US16k, r.Best16k = timeDenoise(pcm.Rate16k, c.Frames)
	r.US48k, r.Best48k = timeDenoise(pcm.Rate48k, c.Frames)
	r.Streams8k, r.Streams16k, r.StreamsPerCore = int(10000/r.US8k), int(10000/r.US16k), int(10000/r.US48k)
	fmt.Printf("network %.12s\n%-8s%12s%12s%18s\n", r.Network, "", "median us", "best us", "streams per core")
	for _, row := range []struct {
		name         string
		median, best float64
		streams      int
	}{{"8 kHz", r.US8k, r.Best8k, r.Streams8k}, {"16 kHz", r.US16k, r.Best16k, r.Streams16k}, {"48 kHz", r.US48k, r.Best48k, r.StreamsPerCore}} {
		fmt.Printf("%-8s%12.1f%12.1f%18d\n", row.name, row.median, row.best, row.streams)
	}
	if c.Pairs != "" {
		var err error
		if r.Quality, err = judgePairs(ctx, c.Pairs); err != nil {
			return err
		}
		fmt.Printf("\n%s", qualityTable(r.Quality))
		if c.Report != "" {
			if err := reportQuality(c.Report, r); err != nil {
				return err
			}
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

// judged is one pair's scores.
type judged struct {
	before, after map[string]float64
	err           error
}

// judgePairs processes every noisy file as a stream is and scores it against the clean one, in groups: by noise, by
// SNR, and by both. It takes as many threads as there are.
func judgePairs(ctx context.Context, dir string) ([]denoiseQuality, error) {
	noisy, err := filepath.Glob(filepath.Join(dir, "noisy", "*.wav"))
	if err != nil || len(noisy) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no pairs in %s: want clean/*.wav and noisy/*.wav", dir))
	}
	all := make([]judged, len(noisy))
	var next atomic.Int64
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(noisy) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				all[i] = judge(dir, filepath.Base(noisy[i]))
			}
		})
	}
	work.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	groups := map[string]*denoiseQuality{}
	for i, j := range all {
		if j.err != nil {
			return nil, j.err
		}
		keys := []string{"all"}
		if p := strings.Split(filepath.Base(noisy[i]), "_"); len(p) > 2 {
			keys = append(keys, "noise:"+p[0], "snr:"+p[1], "noise:"+p[0]+" snr:"+p[1])
		}
		for _, k := range keys {
			q := groups[k]
			if q == nil {
				q = &denoiseQuality{Group: k, Before: map[string]float64{}, After: map[string]float64{}}
				groups[k] = q
			}
			q.Pairs++
			for m := range j.before {
				q.Before[m] += j.before[m]
				q.After[m] += j.after[m]
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
	slices.SortFunc(out, func(a, b denoiseQuality) int { return cmp.Compare(groupOrder(a.Group), groupOrder(b.Group)) })
	return out, nil
}

// groupOrder puts numbers in their order.
func groupOrder(group string) string {
	head, snr, ok := strings.Cut(group, "snr:")
	db, err := strconv.ParseFloat(snr, 64)
	if !ok || err != nil {
		return group
	}
	return fmt.Sprintf("%ssnr:%09.2f", head, db+1000)
}

// judge processes and scores one pair.
func judge(dir, name string) judged {
	heard, err := readMono(filepath.Join(dir, "noisy", name))
	if err != nil {
		return judged{err: err}
	}
	clean, err := readMono(filepath.Join(dir, "clean", name))
	if err != nil {
		return judged{err: err}
	}
	if clean.Rate != heard.Rate || !pcm.Rate(clean.Rate).Valid() {
		return judged{err: fmt.Errorf("%s: %d and %d Hz", name, heard.Rate, clean.Rate)}
	}
	n := min(len(clean.Samples), len(heard.Samples))
	after := denoise.Clip(heard.Samples[:n], pcm.Rate(heard.Rate), denoise.Settings{Level: denoise.MaxLevel}, nil)
	j := judged{before: scores(heard.Samples[:n], clean.Samples[:n], clean.Rate), after: scores(after, clean.Samples[:n], clean.Rate)}
	if math.IsNaN(j.after["stoi"]) {
		j.err = fmt.Errorf("%s: too little speech to judge", name)
	}
	return j
}

// qualityTable is the groups as a table in Markdown, before and after.
func qualityTable(all []denoiseQuality) string {
	var b strings.Builder
	b.WriteString("| group | pairs |")
	for _, m := range measures {
		fmt.Fprintf(&b, " %s | cleaned |", m)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|---|", len(measures)) + "\n")
	for _, q := range all {
		fmt.Fprintf(&b, "| %s | %d |", q.Group, q.Pairs)
		for _, m := range measures {
			fmt.Fprintf(&b, " %.3f | %.3f |", q.Before[m], q.After[m])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// reportQuality writes denoise.md and denoise.svg into a folder.
func reportQuality(dir string, r denoiseResult) error {
	var bars []report.Bar
	for _, q := range r.Quality {
		if strings.Contains(q.Group, " ") {
			continue
		}
		bars = append(bars, report.Bar{Label: q.Group, Name: "noisy", Value: max(0, q.Before["estoi"])},
			report.Bar{Name: "cleaned", Value: max(0, q.After["estoi"])})
	}
	sub := fmt.Sprintf("ESTOI, mean of each group, 1 is all of it; network %.12s", r.Network)
	table := fmt.Sprintf("# Noise suppression: quality\n\nNetwork %s, level 100. Means of each group, noisy and cleaned.\n\n%s", r.Network, qualityTable(r.Quality))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "denoise.svg"), []byte(report.Bars("How much can be understood", sub, bars)), 0o644),
		os.WriteFile(filepath.Join(dir, "denoise.md"), []byte(table), 0o644))
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
