package recorder

import (
	"slices"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// Rules say how recordings of a queue's calls are paused and what the parties hear of being recorded. In a
// queue's rules what is empty is as in the general ones.
type Rules struct {
	// MaxPause is the longest pause, DefaultPause the length of one asked for without any.
	MaxPause     time.Duration `toml:"max_pause"`
	DefaultPause time.Duration `toml:"default_pause"`
	// MaxPauseTotal is how long pauses last together that people prolong each other with; at least MaxPause.
	MaxPauseTotal time.Duration `toml:"max_pause_total"`
	// PausePolicy says what stands in the tracks for a pause: "silence" keeps the time line, "cut" leaves the
	// pause out.
	PausePolicy string `toml:"pause_policy"`
	// PauseTone is who hears a tone when a pause begins and ends: "none", "all", "customer" or "agents".
	PauseTone wire.Hearers `toml:"pause_tone"`
	// Beep is how often a soft tone says that the call is recorded, 0: never; BeepTo is who hears it.
	Beep   time.Duration `toml:"beep"`
	BeepTo wire.Hearers  `toml:"beep_to"`
	// Consent is an announcement of the prompt folder that says that the call is recorded; empty: none.
	Consent   string       `toml:"consent"`
	ConsentTo wire.Hearers `toml:"consent_to"`
	// ConsentWhen is "before": nothing is kept until the announcement is over; or "start": it is played when
	// the recording begins.
	ConsentWhen wire.ConsentWhen `toml:"consent_when"`
}

// over puts what o says on top of r.
func (r Rules) over(o Rules) Rules {
	set(&r.MaxPause, o.MaxPause)
	set(&r.DefaultPause, o.DefaultPause)
	set(&r.MaxPauseTotal, o.MaxPauseTotal)
	set(&r.PausePolicy, o.PausePolicy)
	set(&r.PauseTone, o.PauseTone)
	set(&r.Beep, o.Beep)
	set(&r.BeepTo, o.BeepTo)
	set(&r.Consent, o.Consent)
	set(&r.ConsentTo, o.ConsentTo)
	set(&r.ConsentWhen, o.ConsentWhen)
	r.DefaultPause = min(r.DefaultPause, r.MaxPause)
	r.MaxPauseTotal = max(r.MaxPauseTotal, r.MaxPause)
	return r
}

func set[T comparable](dst *T, v T) {
	var zero T
	if v != zero {
		*dst = v
	}
}

// RulesFor is the rules for a queue's calls, with what a call asks for on top.
func (c Config) RulesFor(queue string, call *wire.RecordingPolicy) Rules {
	r := c.Rules
	for _, q := range c.Policies {
		if q.Queue == queue && queue != "" {
			r = r.over(q.Rules)
		}
	}
	if call == nil || call.Rules == nil {
		return r
	}
	asked := call.Rules
	return r.over(Rules{
		MaxPause: seconds(asked.MaxPauseSeconds), DefaultPause: seconds(asked.PauseSeconds), PausePolicy: asked.PausePolicy,
		MaxPauseTotal: seconds(asked.MaxPauseTotalSeconds),
		PauseTone:     asked.PauseTone, Beep: seconds(asked.BeepSeconds), BeepTo: asked.BeepTo,
		Consent: asked.Consent, ConsentTo: asked.ConsentTo, ConsentWhen: asked.ConsentWhen,
	})
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// RulesFor is Config.RulesFor.
func (r *Recorder) RulesFor(queue string, call *wire.RecordingPolicy) Rules {
	return r.cfg.RulesFor(queue, call)
}

// wire is the rules as a manifest shows them.
func (r Rules) wire() wire.RecordingRules {
	return wire.RecordingRules{
		MaxPauseSeconds: int(r.MaxPause / time.Second), MaxPauseTotalSeconds: int(r.MaxPauseTotal / time.Second), PauseSeconds: int(r.DefaultPause / time.Second), PausePolicy: r.PausePolicy,
		PauseTone: r.PauseTone, BeepSeconds: int(r.Beep / time.Second), BeepTo: r.BeepTo,
		Consent: r.Consent, ConsentTo: r.ConsentTo, ConsentWhen: r.ConsentWhen,
	}
}

// The limits of a beep's interval.
const (
	minBeep = 2 * time.Second
	maxBeep = 10 * time.Minute
)

// validate names what is wrong. What is empty is right.
func (r Rules) validate(bad func(key, format string, args ...any)) {
	span := func(key string, d, least, most time.Duration) {
		if d != 0 && (d < least || d > most || d%time.Second != 0) {
			bad(key, "%v is not whole seconds between %v and %v", d, least, most)
		}
	}
	among := func(key, v, enum string) {
		if v != "" && !slices.Contains(wire.Enums[enum], v) {
			bad(key, "%q is none of %v", v, wire.Enums[enum])
		}
	}
	span("max_pause", r.MaxPause, time.Second, 24*time.Hour)
	span("default_pause", r.DefaultPause, time.Second, 24*time.Hour)
	span("max_pause_total", r.MaxPauseTotal, time.Second, 24*time.Hour)
	span("beep", r.Beep, minBeep, maxBeep)
	if r.PausePolicy != "" && r.PausePolicy != PauseSilence && r.PausePolicy != PauseCut {
		bad("pause_policy", "%q is neither %q nor %q", r.PausePolicy, PauseSilence, PauseCut)
	}
	among("pause_tone", string(r.PauseTone), "Hearers")
	among("beep_to", string(r.BeepTo), "Hearers")
	among("consent_to", string(r.ConsentTo), "Hearers")
	among("consent_when", string(r.ConsentWhen), "ConsentWhen")
}
