// Package denoise is the place of noise suppression in a member's chain of processors, and the settings by
// which it is asked for. There is no suppressor in it yet: a leg whose settings ask for one is heard as it
// is. A suppressor will be a mixer.Processor, one for each source, working in place on 20 ms frames.
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
}

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
