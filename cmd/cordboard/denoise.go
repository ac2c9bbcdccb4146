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
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/wav"
)

type denoiseCmd struct {
	In       string `arg:"" help:"WAV file with integers or floats of any size, A-law or mu-law, 4 to 192 kHz, - for standard input."`
	Out      string `arg:"" help:"WAV file of 16 bits to write, - for standard output."`
	Level    int    `default:"100" help:"How much of the noise is taken away, 0 to 100."`
	Residual bool   `help:"Write what is taken away instead of what is left."`
	Music    bool   `name:"suppress-music" help:"Music is noise, too, and not left as it is."`
	Quiet    bool   `short:"q" help:"No progress bar."`
}

func (c denoiseCmd) Run(ctx context.Context) error {
	settings := denoise.Settings{Level: c.Level, Residual: c.Residual, Music: c.Music}
	if err := settings.Validate(); err != nil {
		return err
	}
	name, file, err := c.read()
	if err != nil {
		return err
	}
	sound, err := wav.Decode(file)
	if err != nil {
		return fmt.Errorf("%s is %w", name, err)
	}
	bar := progressBar(os.Stderr)
	if info, err := os.Stderr.Stat(); c.Quiet || err != nil || info.Mode()&os.ModeCharDevice == 0 {
		bar = func(float64) {}
	}
	if err := denoised(ctx, &sound, settings, bar); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	bar(1)
	if c.Out == "-" {
		_, err = os.Stdout.Write(wav.Encode(sound))
	} else {
		err = os.WriteFile(c.Out, wav.Encode(sound), 0o644)
	}
	if err != nil {
		return fmt.Errorf("the result was not written: %w", err)
	}
	return nil
}

// read is the file and what to call it.
func (c denoiseCmd) read() (name string, file []byte, err error) {
	if c.In == "-" {
		name = "standard input"
		file, err = io.ReadAll(os.Stdin)
	} else {
		name = c.In
		file, err = os.ReadFile(c.In)
	}
	if err != nil {
		return name, nil, fmt.Errorf("%s cannot be read: %w", name, errors.Unwrap(err))
	}
	if len(file) == 0 {
		return name, nil, fmt.Errorf("%s is empty", name)
	}
	return name, file, nil
}

// progressBar draws the share that is done, and ends the line when all is.
func progressBar(w io.Writer) func(share float64) {
	drawn := -1
	return func(share float64) {
		const width = 40
		percent := int(100 * share)
		if percent == drawn {
			return
		}
		drawn = percent
		n := int(share * width)
		fmt.Fprintf(w, "\r[%s%s] %3d %%", strings.Repeat("=", n), strings.Repeat(" ", width-n), percent)
		if percent == 100 {
			fmt.Fprintln(w)
		}
	}
}

// denoised takes the noise out of each channel on its own. Rates that no stream has are worked on at the next
// higher one that a stream can have, or at the highest.
func denoised(ctx context.Context, s *wav.Sound, settings denoise.Settings, progress func(float64)) error {
	if s.Rate < 4000 || s.Rate > 192000 {
		return fmt.Errorf("its sample rate of %d Hz does not lie between 4 and 192 kHz", s.Rate)
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
