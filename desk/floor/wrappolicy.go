package floor

import (
	"fmt"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/wrapup"
)

// WrapupRule is the work after a call for a queue, a profile or both; the rule that names most wins, and of
// two that name one the profile's. What a rule leaves out is the queue's.
type WrapupRule struct {
	Queue   string `toml:"queue" json:"queue,omitempty"`
	Profile string `toml:"profile" json:"profile,omitempty"`
	// Time is how long the work may take before the default reason is submitted.
	Time Duration `toml:"time" json:"time,omitempty"`
	// Policy says what an agent who needs longer can do: extend, cancel (the countdown), or none.
	Policy wrapup.Policy `toml:"policy" json:"policy,omitempty"`
	// Extension is what one extension adds, Extensions how many there may be, Total how long the work may take
	// with all of them, or after the countdown was cancelled.
	Extension  Duration `toml:"extension" json:"extension,omitempty"`
	Extensions int      `toml:"extensions" json:"extensions,omitempty"`
	Total      Duration `toml:"total" json:"total,omitempty"`
	// Default is the reason submitted when time runs out, Reasons those that may be chosen.
	Default string   `toml:"default" json:"default,omitempty"`
	Reasons []Reason `toml:"reasons" json:"reasons,omitempty"`
}

// cancelTotal is how long a wrap-up may take whose countdown was cancelled, where no rule says.
const cancelTotal = time.Hour

// wrapupRule is the rule for an agent's call of a queue, complete.
func (f *Floor) wrapupRule(q Queue, agentID string) WrapupRule {
	profile := ""
	if s := f.agents[agentID]; s != nil {
		profile = s.Profile
	}
	out, best := WrapupRule{}, -1
	for _, r := range f.cfg.Handling.Wrapups {
		if r.Queue != "" && r.Queue != q.ID || r.Profile != "" && r.Profile != profile {
			continue
		}
		rank := 0
		if r.Queue != "" {
			rank++
		}
		if r.Profile != "" {
			rank += 2
		}
		if rank > best {
			out, best = r, rank
		}
	}
	orElse(&out.Time, q.Wrapup.Duration)
	orElse(&out.Extension, q.WrapupExtension.Duration)
	if out.Extensions == 0 {
		out.Extensions = q.WrapupExtensions
	}
	if out.Policy == "" {
		out.Policy = wrapup.Extend
	}
	if out.Policy == wrapup.Cancel {
		orElse(&out.Total, cancelTotal)
	}
	if out.Policy != wrapup.Extend {
		out.Extensions = 0
	}
	if out.Default == "" {
		out.Default = f.cfg.WrapupDefault
	}
	if len(out.Reasons) == 0 {
		out.Reasons = f.cfg.WrapupReasons
	}
	return out
}

func validateWrapups(rules []WrapupRule, queues map[string]bool) error {
	for i, r := range rules {
		at := fmt.Sprintf("desk: handling: wrap-up rule %d", i+1)
		switch {
		case r.Queue != "" && !queues[r.Queue]:
			return fmt.Errorf("%s: there is no queue %q", at, r.Queue)
		case r.Policy != "" && !slices.Contains([]wrapup.Policy{wrapup.Extend, wrapup.Cancel, wrapup.None}, r.Policy):
			return fmt.Errorf("%s: policy is extend, cancel or none", at)
		case r.Extensions < 0:
			return fmt.Errorf("%s: extensions must not be negative", at)
		}
		for name, d := range map[string]Duration{"time": r.Time, "extension": r.Extension, "total": r.Total} {
			if d.Duration != 0 && (d.Duration < time.Second || d.Duration > 24*time.Hour) {
				return fmt.Errorf("%s: %s must be from 1s to 24h", at, name)
			}
		}
	}
	return nil
}

// CancelCountdown lets an agent complete a wrap-up by hand.
type CancelCountdown struct{ Wrapup, Actor string }

func (in CancelCountdown) step(f *Floor) error {
	w, err := f.wrapup(in.Wrapup)
	if err == nil {
		w, err = w.CancelCountdown()
	}
	if err != nil {
		return err
	}
	put(f, key{KindWrapup, w.ID}, f.state.Wrapups, any(w))
	f.publish("wrapup.extended", w.Call, in.Actor, w.Wire())
	return nil
}
