package recorder

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/signaling/wire"
)

// PolicyConfig says what is recorded of a call, how, and for how long it is kept. In a queue's policy what is
// empty is as in the general one.
type PolicyConfig struct {
	// Record is "on": calls are recorded by themselves; "on_demand": when somebody asks for it; "off": never.
	Record wire.RecordMode `toml:"record"`
	// Parties are the roles that are recorded; empty: all.
	Parties []wire.Role `toml:"parties"`
	// Voice is "processed": as the others hear it; "raw": as it came, before noise suppression and level
	// control; "both": a track of each.
	Voice wire.VoiceMode `toml:"voice"`
	// Copy is "stereo": the listening copy has the customer left and all others right; "mono": all on one.
	Copy wire.CopyMode `toml:"copy"`
	// CopyFormat is the format of the listening copy: "opus", "wav", "flac"; "none": none until somebody asks for
	// it; empty: as recorder.copy.format says.
	CopyFormat wire.CopyFormat `toml:"copy_format"`
	// G711 is "samples": the voice of a party that sends G.711 is kept as it came, in a WAV file, while no noise
	// suppression or level control changes it; "opus": it is encoded, which takes less space and more CPU.
	G711 wire.G711Mode `toml:"g711"`
	// Keep is how long recordings are kept behind their end: "90d", "48h", "forever".
	Keep Keep `toml:"keep"`
}

// QueuePolicy is the policy of one queue's calls.
type QueuePolicy struct {
	Queue string `toml:"queue"`
	PolicyConfig
	Rules
}

// Values of a policy.
const (
	RecordOn       = wire.RecordOn
	VoiceProcessed = wire.VoiceProcessed
	CopyStereo     = wire.CopyStereo
)

// Keep is how long something is kept. The zero Keep says nothing.
type Keep struct {
	Forever bool
	For     time.Duration
}

// UnmarshalText reads "forever", days as "90d", or a duration as "48h".
func (k *Keep) UnmarshalText(text []byte) error {
	s := string(text)
	*k = Keep{}
	switch {
	case s == "":
		return nil
	case s == "forever":
		k.Forever = true
		return nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 36500 {
			return fmt.Errorf("%q is not a number of days from 1d to 36500d", s)
		}
		k.For = time.Duration(n) * 24 * time.Hour
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second {
		return fmt.Errorf(`%q is not "forever", days like "90d" or a duration like "48h"`, s)
	}
	k.For = d
	return nil
}

// MarshalText is what UnmarshalText reads.
func (k Keep) MarshalText() ([]byte, error) {
	const day = 24 * time.Hour
	switch {
	case k.Forever:
		return []byte("forever"), nil
	case k.For == 0:
		return nil, nil
	case k.For%day == 0:
		return fmt.Appendf(nil, "%dd", k.For/day), nil
	}
	return []byte(k.For.String()), nil
}

// until is the end of what ended at a time, nil for never.
func (k Keep) until(ended time.Time) *time.Time {
	if k.Forever || k.For == 0 {
		return nil
	}
	t := ended.Add(k.For)
	return &t
}

func (c PolicyConfig) validate(key string, partial bool, bad badFunc) {
	oneOf := func(name, value string, allowed ...string) {
		if !slices.Contains(allowed, value) && !(partial && value == "") {
			bad(key+name, "%q is none of %s", value, strings.Join(allowed, ", "))
		}
	}
	oneOf("record", string(c.Record), "on", "off", "on_demand")
	oneOf("voice", string(c.Voice), "processed", "raw", "both")
	oneOf("copy", string(c.Copy), "stereo", "mono")
	if f := c.CopyFormat; f != "" && f != wire.CopyNone {
		if err := listen.Format(f).Check(); err != nil {
			bad(key+"copy_format", "%w", err)
		}
	}
	oneOf("g711", string(c.G711), "samples", "opus")
	for _, p := range c.Parties {
		if !p.Valid() {
			bad(key+"parties", "%q is no role", p)
		}
	}
	if !partial && c.Keep == (Keep{}) {
		bad(key+"keep", `must be "forever" or how long, as "90d"`)
	}
}

func (c Config) validatePolicies(bad badFunc) {
	c.Policy.validate("policy.", false, bad)
	seen := make(map[string]bool)
	for i, p := range c.Policies {
		key := fmt.Sprintf("policies[%d].", i)
		if p.Queue == "" || seen[p.Queue] {
			bad(key+"queue", "%q is empty or named twice", p.Queue)
		}
		seen[p.Queue] = true
		p.PolicyConfig.validate(key, true, bad)
		p.Rules.validate(func(name, format string, args ...any) { bad(key+name, format, args...) })
	}
}

// PolicyFor is the policy of a queue's calls, with what a call asks for on top of it, nil for nothing. A call
// cannot change how long recordings are kept.
func (c Config) PolicyFor(queue string, call *wire.RecordingPolicy) PolicyConfig {
	p := c.Policy
	over := func(o PolicyConfig) {
		if o.Record != "" {
			p.Record = o.Record
		}
		if len(o.Parties) > 0 {
			p.Parties = o.Parties
		}
		if o.Voice != "" {
			p.Voice = o.Voice
		}
		if o.Copy != "" {
			p.Copy = o.Copy
		}
		if o.CopyFormat != "" {
			p.CopyFormat = o.CopyFormat
		}
		set(&p.G711, o.G711)
		if o.Keep != (Keep{}) {
			p.Keep = o.Keep
		}
	}
	for _, q := range c.Policies {
		if q.Queue == queue && queue != "" {
			over(q.PolicyConfig)
		}
	}
	if call != nil {
		over(PolicyConfig{Record: call.Record, Parties: call.Parties, Voice: call.Voice, Copy: call.Copy, CopyFormat: call.CopyFormat, G711: call.G711})
	}
	return p
}

// PolicyFor is Config.PolicyFor.
func (r *Recorder) PolicyFor(queue string, call *wire.RecordingPolicy) PolicyConfig {
	return r.cfg.PolicyFor(queue, call)
}

// wire is the policy as a recording shows it.
func (c PolicyConfig) wire() wire.RecordingPolicy {
	return wire.RecordingPolicy{Record: c.Record, Parties: slices.Clone(c.Parties), Voice: c.Voice, Copy: c.Copy, CopyFormat: c.CopyFormat, G711: c.G711}
}
