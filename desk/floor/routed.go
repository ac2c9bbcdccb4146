package floor

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// RoutingHook is a program outside that may choose where the calls of an entry point go.
type RoutingHook struct {
	ID  string `toml:"id" json:"id"`
	URL string `toml:"url" json:"url"`
	// Timeout is how long a call waits for the answer; then it goes where the configuration says.
	Timeout Duration `toml:"timeout" json:"timeout,omitzero"`
	// Failures in a row after which it is not asked for Pause.
	Failures int      `toml:"failures" json:"failures,omitempty"`
	Pause    Duration `toml:"pause" json:"pause,omitzero"`
	// Secret is which of the hook's secrets signs, counted from 1. OldSecretTill is how long the one before signs too.
	Secret        int       `toml:"secret" json:"secret,omitempty"`
	OldSecretTill time.Time `toml:"old_secret_till" json:"old_secret_till,omitzero"`
}

func (h RoutingHook) withDefaults() RoutingHook {
	orElse(&h.Timeout, 500*time.Millisecond)
	orElse(&h.Pause, 30*time.Second)
	if h.Failures == 0 {
		h.Failures = 5
	}
	if h.Secret == 0 {
		h.Secret = 1
	}
	return h
}

// The bounds of the skills a hook may ask for.
const (
	wantedMost      = 8
	wantedRelaxMost = 24 * 60 * 60 // seconds
)

// priorityMost bounds the priority a hook may choose, both ways.
const priorityMost = 1000

func (k *checker) hooks() {
	known := ids(k, "hooks", k.Hooks, func(h RoutingHook) string { return h.ID })
	for i, h := range k.Hooks {
		at := fmt.Sprintf("/hooks/%d", i)
		u, err := url.Parse(h.URL)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
			k.add(at+"/url", "invalid", "hook %s: the address must be like https://example.com/path", h.ID)
		}
		if h.Timeout.Duration < 50*time.Millisecond || h.Timeout.Duration > 5*time.Second {
			k.add(at+"/timeout", "out_of_range", "hook %s: timeout must be from 50ms to 5s: the caller waits for it", h.ID)
		}
		if h.Failures < 1 {
			k.add(at+"/failures", "out_of_range", "hook %s: failures must be at least 1", h.ID)
		}
		if h.Secret < 1 {
			k.add(at+"/secret", "out_of_range", "hook %s: its secrets are counted from 1", h.ID)
		}
		if !h.OldSecretTill.IsZero() && h.Secret < 2 {
			k.add(at+"/old_secret_till", "out_of_range", "hook %s: there is no secret before the first", h.ID)
		}
		if h.Pause.Duration < time.Second || h.Pause.Duration > time.Hour {
			k.add(at+"/pause", "out_of_range", "hook %s: pause must be from 1s to 1h", h.ID)
		}
	}
	for i, n := range k.Numbers {
		if n.Hook != "" && !known[n.Hook] {
			k.add(fmt.Sprintf("/numbers/%d/hook", i), "unknown", "number %s: there is no hook %q", n.Number, n.Hook)
		}
	}
}

// HookOf is the routing hook of a called number, if its entry point has one, with the entry point.
func (d *Directory) HookOf(to string) (h RoutingHook, n Number, ok bool) {
	n, ok = d.numbers[Normalize(to)]
	if !ok {
		n = d.numbers[Any]
	}
	for _, h := range d.cfg.Hooks {
		if h.ID == n.Hook {
			return h, n, true
		}
	}
	return h, n, false
}

// Accept refuses what a hook chose for a call to a number and there is not, or what nobody could take; the configured
// routing stays then.
func (d *Directory) Accept(n Number, r wire.Routed) wire.Routed {
	why := d.refuseSkills(n, r)
	if r.Queue != "" && !d.hasQueue(r.Queue) {
		why = fmt.Sprintf("there is no queue %q", r.Queue)
	}
	if _, known := d.agents[r.Agent]; r.Agent != "" && !known {
		why = fmt.Sprintf("there is no agent %q", r.Agent)
	}
	if r.Priority != nil && (*r.Priority < -priorityMost || *r.Priority > priorityMost) {
		why = fmt.Sprintf("a priority lies between -%d and %d", priorityMost, priorityMost)
	}
	if why != "" {
		r.Outcome, r.Detail, r.Queue, r.Agent, r.Priority, r.Skills = wire.RouteRefused, why, "", "", nil, nil
	}
	return r
}

func (d *Directory) hasQueue(id string) bool {
	return slices.ContainsFunc(d.cfg.Queues, func(q Queue) bool { return q.ID == id })
}

// refuseSkills says what is wrong with the skills a hook asks for, "" for nothing. Skills that no agent of the call has
// at any time would swallow it (X17).
func (d *Directory) refuseSkills(n Number, r wire.Routed) string {
	if len(r.Skills) > wantedMost {
		return fmt.Sprintf("a hook asks for at most %d skills", wantedMost)
	}
	for i, s := range r.Skills {
		switch {
		case !slices.ContainsFunc(d.cfg.Skills, func(x Skill) bool { return x.ID == s.Skill }):
			return fmt.Sprintf("there is no skill %q", s.Skill)
		case slices.ContainsFunc(r.Skills[:i], func(x wire.RouteSkill) bool { return x.Skill == s.Skill }):
			return fmt.Sprintf("skill %q stands twice", s.Skill)
		case s.Level < 0 || s.Level > 10:
			return "a level lies between 1 and 10"
		case s.RelaxAfterSeconds < 0 || s.RelaxAfterSeconds > wantedRelaxMost:
			return fmt.Sprintf("a skill is relaxed after 1 to %d seconds", wantedRelaxMost)
		}
	}
	if r.Queue != "" {
		n.Queue, n.Stage, n.Agents, n.Skills = r.Queue, "", nil, nil
	}
	i := slices.IndexFunc(d.cfg.Queues, func(q Queue) bool { return q.ID == n.Queue })
	if len(r.Skills) == 0 || i < 0 {
		return ""
	}
	q := d.cfg.Queues[i]
	needs := slices.Concat(q.Skills, n.Skills, wantedNeeds(r.Skills))
	for _, a := range d.cfg.Agents {
		in := assigned(a, n, q)
		for _, s := range d.cfg.Stages {
			in = in || s.ID == n.Stage && slices.Contains(s.Agents, a.ID)
		}
		if in && d.cfg.may(a, ActAnswer) && has(a, needs, 1<<62) {
			return ""
		}
	}
	return "no agent who takes these calls has the skills it asks for"
}

// wantedNeeds is what a hook asks for in the configuration's terms.
func wantedNeeds(skills []wire.RouteSkill) []Need {
	var out []Need
	for _, s := range skills {
		out = append(out, Need{Skill: s.Skill, Level: s.Level, RelaxAfter: Seconds(s.RelaxAfterSeconds)})
	}
	return out
}

// wantedKey is a demand's skills as one word, the same for the same skills in any order; wantedOf reads it.
func wantedKey(skills []wire.RouteSkill) string {
	words := make([]string, 0, len(skills))
	for _, s := range skills {
		words = append(words, fmt.Sprintf("%d %d %q", s.Level, s.RelaxAfterSeconds, s.Skill))
	}
	slices.Sort(words)
	return strings.Join(words, "\n")
}

func wantedOf(word string) []wire.RouteSkill {
	var out []wire.RouteSkill
	for line := range strings.SplitSeq(word, "\n") {
		level, rest, _ := strings.Cut(line, " ")
		relax, quoted, _ := strings.Cut(rest, " ")
		skill, err := strconv.Unquote(quoted)
		if err != nil {
			continue // of no skills at all
		}
		s := wire.RouteSkill{Skill: skill}
		s.Level, _ = strconv.Atoi(level) // written by wantedKey
		s.RelaxAfterSeconds, _ = strconv.Atoi(relax)
		out = append(out, s)
	}
	return out
}

// routed is an entry point as a hook's choice changes it for one call. What the configuration no longer has, since
// it changed meanwhile, changes nothing.
func (f *Floor) routed(n Number, r *wire.Routed) Number {
	if r == nil {
		return n
	}
	if r.Queue != "" && f.queues[r.Queue] != nil {
		n.Queue, n.Stage = r.Queue, "" // a choice goes before the campaign stage's agents
	}
	if r.Priority != nil {
		n.Priority = *r.Priority
	}
	return n
}
