package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cordboard/cordboard/denoise"
	"github.com/cordboard/cordboard/internal/resample"
	"github.com/cordboard/cordboard/internal/wav"
	"github.com/cordboard/cordboard/media/pcm"
)

type denoiseCmd struct {
	In       string `arg:"" help:"WAV file, - for standard input."`
	Out      string `arg:"" help:"WAV file to write, - for standard output."`
	Level    int    `default:"100" help:"How much of the noise is taken away, 0 to 100."`
	Residual bool   `help:"Write what is taken away instead of what is left."`
	Quiet    bool   `short:"q" help:"No progress bar."`
}

func (c denoiseCmd) Run(ctx context.Context) error {
	settings := denoise.Settings{Level: c.Level, Residual: c.Residual}
	if err := settings.Validate(); err != nil {
		return err
	}
	var file []byte
	var err error
	if c.In == "-" {
		file, err = io.ReadAll(os.Stdin)
	} else {
		file, err = os.ReadFile(c.In)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", c.In, err)
	}
	sound, err := wav.Decode(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.In, err)
	}
	bar := func(share float64) {
		const width = 40
		n := int(share * width)
		fmt.Fprintf(os.Stderr, "\r[%s%s] %3.0f %%", strings.Repeat("=", n), strings.Repeat(" ", width-n), 100*share)
	}
	if info, err := os.Stderr.Stat(); c.Quiet || err != nil || info.Mode()&os.ModeCharDevice == 0 {
		bar = func(float64) {}
	}
	if err := denoised(ctx, &sound, settings, bar); err != nil {
		return err
	}
	bar(1)
	if !c.Quiet {
		fmt.Fprintln(os.Stderr)
	}
	if c.Out == "-" {
		_, err = os.Stdout.Write(wav.Encode(sound))
	} else {
		err = os.WriteFile(c.Out, wav.Encode(sound), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", c.Out, err)
	}
	return nil
}

// denoised takes the noise out of each channel on its own. Rates that no stream has are worked on at the next
// higher one that a stream can have, or at the highest.
func denoised(ctx context.Context, s *wav.Sound, settings denoise.Settings, progress func(float64)) error {
	if s.Rate < 4000 || s.Rate > 192000 {
		return errors.New("the sample rate must lie between 4 and 192 kHz")
	}
	rate := pcm.Rate48k
	for _, r := range []pcm.Rate{pcm.Rate16k, pcm.Rate8k} {
		if s.Rate <= int(r) {
			rate = r
		}
	}
	for c := range s.Channels {
		one := make([]int16, len(s.Samples)/s.Channels)
		for i := range one {
			one[i] = s.Samples[i*s.Channels+c]
		}
		one = resample.Int16(one, s.Rate, int(rate))
		one = denoise.Clip(one, rate, settings, func(share float64) {
			progress((float64(c) + share) / float64(s.Channels))
		})
		one = resample.Int16(one, int(rate), s.Rate)
		for i, v := range one {
			s.Samples[i*s.Channels+c] = v
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
