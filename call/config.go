package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Config bounds what a Board takes on.
type Config struct {
	// MaxCalls is how many calls may be alive at once; one more is refused with 503.
	MaxCalls int `toml:"max_calls"`
	// RingTimeout is how long an outbound leg may ring.
	RingTimeout time.Duration `toml:"ring_timeout"`
	// KeepEnded is how many ended calls can still be read.
	KeepEnded int `toml:"keep_ended"`
	// Tones and DTMFRelay are the settings of a call that says nothing else, AGC that of a leg.
	Tones     wire.TonePolicy  `toml:"tones"`
	DTMFRelay wire.RelayPolicy `toml:"dtmf_relay"`
	AGC       bool             `toml:"agc"`
}

// DefaultConfig is what an empty configuration means.
func DefaultConfig() Config {
	return Config{MaxCalls: 500, RingTimeout: 60 * time.Second, KeepEnded: 1000, Tones: wire.TonesOff, DTMFRelay: wire.RelayNone}
}

// Validate reports the first value that cannot be.
func (c Config) Validate() error {
	switch {
	case c.MaxCalls < 1:
		return errors.New("call: max_calls must be at least 1")
	case c.KeepEnded < 0:
		return errors.New("call: keep_ended must not be negative")
	case c.RingTimeout <= 0:
		return errors.New("call: ring_timeout must be positive")
	case !slices.Contains(wire.Enums["TonePolicy"], string(c.Tones)):
		return fmt.Errorf("call: tones is one of %v, not %q", wire.Enums["TonePolicy"], c.Tones)
	case !slices.Contains(wire.Enums["RelayPolicy"], string(c.DTMFRelay)):
		return fmt.Errorf("call: dtmf_relay is one of %v, not %q", wire.Enums["RelayPolicy"], c.DTMFRelay)
	}
	return nil
}

// Deps is what a Board stands on. All fields but Recorder, Dialer, Admit and QueueOf are required.
type Deps struct {
	Engine   *mixer.Engine
	Recorder *recorder.Recorder // nil: nothing can be recorded
	Dialer   Dialer             // nil: no outbound calls
	Bus      *event.Bus
	Log      *slog.Logger
	// Admit says whether a called number leads anywhere; nil admits all. Its error is a *problem.Error.
	Admit func(ctx context.Context, to string) error
	// QueueOf says which queue a called number leads to, for the call's picture and its recordings; it must
	// not wait. With an error, or nil, the call has no queue: who may call is Admit's to say.
	QueueOf func(to string) (string, error)
	// Denoise says how the noise suppression of a leg begins, by the leg, the trunk it was asked to take ("" for
	// the usual one) and the call's queue; nil: off. It must not wait.
	Denoise func(l wire.Leg, trunk, queue string) wire.DenoisePatch
	// Capacity says whether the machine has room for one more call; nil: always. Its error is a *problem.Error.
	Capacity func() error
	Now      func() time.Time // nil: time.Now
	// Secret says whether a variable is secure: its value is handed to the contact centre alone (Secrets), and
	// stands in no picture of the call, no event and no recording; nil: none is. It must not wait.
	Secret func(name string) bool
	// Prompt opens an announcement by its name; nil: there are none. Its error is a *problem.Error.
	Prompt func(name string) (media.Source, error)
}
