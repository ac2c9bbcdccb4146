// Package denoise takes the noise out of a voice with a small neural network of our own: weights, features and
// kernels are in the binary, and nothing else is needed to run it.
//
// A frame of 20 ms is two overlapping windows of 20 ms. Each is transformed into bins of 50 Hz, whatever the
// sample rate, so that one set of weights serves 8, 16 and 48 kHz; the network sees 64 bands of them up to 8
// kHz and answers with a gain for each band, a short complex filter for each of the low bins, and whether
// somebody speaks. A Denoiser is a mixer.Processor, one for each source, with a level and a residual mode that
// can be changed while it runs. docs/denoise.md says what it was trained on, how well it does and where it is
// weak; train/ makes the weights.
package denoise

import (
	"net/http"

	"github.com/cordboard/cordboard/internal/problem"
)

// MaxLevel is the strongest suppression.
const MaxLevel = 100

// Settings is what is wanted for one source. The zero Settings is off.
type Settings struct {
	// Level is how much of the noise is taken away, 0 (off) to MaxLevel.
	Level int
	// Residual asks for what suppression takes away in place of what it leaves, for somebody who must
	// listen to the noise: a faulty machine, a bad line.
	Residual bool
	// Music says that music is noise too. Otherwise it is let through as it is, once it is known for music: what
	// a far side plays while somebody waits.
	Music bool
}

// Why frames pass as they are though something is to be done to the source.
const (
	PassMusic = "music"
	PassTones = "tones"
)

// Off reports whether the source is to be left as it is.
func (s Settings) Off() bool { return s.Level == 0 && !s.Residual }

// Validate answers 422 invalid_denoise when a setting is out of range.
func (s Settings) Validate() error {
	if s.Level >= 0 && s.Level <= MaxLevel {
		return nil
	}
	const detail = "the level of noise suppression is 0 to 100"
	err := problem.New(http.StatusUnprocessableEntity, "invalid_denoise", detail)
	err.Fields = []problem.Field{{Pointer: "/level", Code: "out_of_range", Detail: detail}}
	return err
}
