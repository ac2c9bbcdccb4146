package denoise

import (
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name     string
		in       Settings
		off, bad bool
	}{
		{"zero", Settings{}, true, false},
		{"weakest", Settings{Level: 1}, false, false},
		{"strongest", Settings{Level: MaxLevel}, false, false},
		{"residual at level 0", Settings{Residual: true}, false, false},
		{"negative", Settings{Level: -1}, false, true},
		{"too strong", Settings{Level: MaxLevel + 1}, false, true},
	} {
		err := c.in.Validate()
		if c.in.Off() != c.off || (err != nil) != c.bad {
			t.Errorf("%s: %+v: off %v, error %v; want off %v, refused %v", c.name, c.in, c.in.Off(), err, c.off, c.bad)
		}
		if err != nil && problem.As(err).Status != 422 {
			t.Errorf("%s: status %d, want 422", c.name, problem.As(err).Status)
		}
	}
}
