package floor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/queue"
)

// Finding is something wrong with a configuration, or questionable.
type Finding struct {
	Pointer string // RFC 6901, into the configuration
	Code    string // stable: "duplicate", "unknown", "swallows_calls", ...
	Detail  string
	Warning bool // may be saved all the same
}

// Validate refuses what cannot work, above all what would swallow calls. The error is the first finding.
func (c Config) Validate() error {
	for _, f := range c.Check() {
		if !f.Warning {
			return errors.New("desk: " + f.Detail)
		}
	}
	return nil
}

// checker collects findings.
type checker struct {
	Config
	found                                               []Finding
	agents, queues, skills, calendars, stages, profiles map[string]bool
}

func (k *checker) add(pointer, code, format string, args ...any) {
	k.found = append(k.found, Finding{Pointer: pointer, Code: code, Detail: fmt.Sprintf(format, args...)})
}

func (k *checker) warn(pointer, code, format string, args ...any) {
	k.found = append(k.found, Finding{Pointer: pointer, Code: code, Detail: fmt.Sprintf(format, args...), Warning: true})
}

// Check finds all that is wrong with a configuration, in its own order.
func (c Config) Check() []Finding {
	k := &checker{Config: c.withDefaults()}
	k.agents = ids(k, "agents", c.Agents, func(a Agent) string { return a.ID })
	k.queues = ids(k, "queues", c.Queues, func(q Queue) string { return q.ID })
	k.skills = ids(k, "skills", c.Skills, func(s Skill) string { return s.ID })
	k.calendars = ids(k, "calendars", c.Calendars, func(h Calendar) string { return h.ID })
	k.stages = ids(k, "stages", c.Stages, func(s Stage) string { return s.ID })
	k.profiles = ids(k, "profiles", c.Profiles, func(p Profile) string { return p.ID })
	for i, h := range k.Calendars {
		if _, err := h.Compile(); err != nil {
			k.add(fmt.Sprintf("/calendars/%d", i), "invalid", "calendar %s: %v", h.ID, err)
		}
	}
	for i, p := range k.Profiles {
		for _, a := range p.Actions {
			if !slices.Contains(Actions, a) {
				k.add(fmt.Sprintf("/profiles/%d/actions", i), "unknown", "profile %s: there is no action %q", p.ID, a)
			}
		}
	}
	for i := range k.Agents {
		k.agent(i)
	}
	for i := range k.Queues {
		k.queue(i)
	}
	for i := range k.Stages {
		k.stage(i)
	}
	k.checkNumbers()
	k.hooks()
	k.rest()
	return k.found
}

func ids[T any](k *checker, list string, all []T, id func(T) string) map[string]bool {
	out := map[string]bool{}
	for i, x := range all {
		if v := id(x); v == "" || out[v] {
			k.add(fmt.Sprintf("/%s/%d/id", list, i), "duplicate", "%s: id %q is empty or used twice", list, v)
		}
		out[id(x)] = true
	}
	return out
}

func (k *checker) agent(i int) {
	a, at := k.Agents[i], fmt.Sprintf("/agents/%d", i)
	if a.Written < 0 || a.Written > writtenAtOnce {
		k.add(at+"/written", "out_of_range", "agent %s: written lies between 0 and %d", a.ID, writtenAtOnce)
	}
	if !a.Denoise.Valid() {
		k.add(at+"/denoise", "out_of_range", "agent %s: denoise lies between 0 and 100", a.ID)
	}
	for _, q := range a.Queues {
		if !k.queues[q] {
			k.add(at+"/queues", "unknown", "agent %s: there is no queue %q", a.ID, q)
		}
	}
	for i, l := range a.Skills {
		switch {
		case !k.skills[l.Skill]:
			k.add(at+"/skills", "unknown", "agent %s: there is no skill %q", a.ID, l.Skill)
		case l.Level < 1 || l.Level > 10:
			k.add(at+"/skills", "out_of_range", "agent %s: skill %s must be from 1 to 10", a.ID, l.Skill)
		case a.Skills[:i].of(l.Skill) > 0:
			k.add(at+"/skills", "duplicate", "agent %s: skill %s stands twice", a.ID, l.Skill)
		}
	}
	if a.Profile != "" && !k.profiles[a.Profile] {
		k.add(at+"/profile", "unknown", "agent %s: there is no profile %q", a.ID, a.Profile)
	}
}

func (k *checker) needs(at, of string, needs []Need) {
	for _, n := range needs {
		switch {
		case !k.skills[n.Skill]:
			k.add(at+"/skills", "unknown", "%s: there is no skill %q", of, n.Skill)
		case n.Level < 0 || n.Level > 10 || n.RelaxTo < 0 || n.RelaxTo > max(n.Level, 1):
			k.add(at+"/skills", "out_of_range", "%s: level of skill %s must be from 1 to 10, and relax_to at most as much", of, n.Skill)
		case n.RelaxAfter.Duration < 0:
			k.add(at+"/skills", "out_of_range", "%s: relax_after of skill %s must not be negative", of, n.Skill)
		}
	}
}

func (k *checker) target(at, of string, t Target, message bool) {
	switch t.Kind {
	case "", TargetEnd:
	case TargetMessage:
		if !message {
			k.add(at, "not_here", "%s: no message can be left here", of)
		}
	case TargetQueue:
		if !k.queues[t.To] {
			k.add(at+"/to", "unknown", "%s: there is no queue %q", of, t.To)
		}
	case TargetNumber:
		if strings.TrimSpace(t.To) == "" {
			k.add(at+"/to", "required", "%s: say which number", of)
		}
	default:
		k.add(at+"/kind", "unknown", "%s: the kind must be queue, number, message or end", of)
	}
}

func (k *checker) calendar(at, of, id string) {
	if id != "" && !k.calendars[id] {
		k.add(at+"/calendar", "unknown", "%s: there is no calendar %q", of, id)
	}
}

// somebody refuses a group of agents in which nobody may answer, or nobody has the skills ever asked for.
func (k *checker) somebody(at, of string, in func(a Agent) bool, needs []Need) {
	any, permitted := false, false
	for _, a := range k.Agents {
		any = any || in(a)
		permitted = permitted || in(a) && k.may(a, ActAnswer)
	}
	switch {
	case !any:
		k.add(at, "swallows_calls", "%s has no agents: its calls would never be answered", of)
	case !permitted:
		k.add(at, "swallows_calls", "%s has no agents who may answer: its calls would never be answered", of)
	case !k.skilled(in, needs):
		k.add(at+"/skills", "swallows_calls", "%s: no agent has the skills it never relaxes: its calls would never be answered", of)
	}
}

// has says whether an agent has the skills that a call asks for that has been waiting so long.
func has(a Agent, needs []Need, waited time.Duration) bool {
	for _, n := range needs {
		if !n.Preferred && a.Skills.of(n.Skill) < n.at(waited) {
			return false
		}
	}
	return true
}

func (k *checker) queue(i int) {
	q, at := k.Queues[i], fmt.Sprintf("/queues/%d", i)
	of := "queue " + q.ID
	for _, a := range q.Agents {
		if !k.agents[a] {
			k.add(at+"/agents", "unknown", "%s: there is no agent %q", of, a)
		}
	}
	k.needs(at, of, q.Skills)
	k.somebody(at, of, func(a Agent) bool { return serves(a, q) }, q.Skills)
	if len(k.Callbacks.EntryPoints) > 0 && !slices.ContainsFunc(k.Agents, func(a Agent) bool {
		return serves(a, q) && k.may(a, ActAnswer) && has(a, q.Skills, 0) && !slices.Contains(a.NoCallbacks, q.ID)
	}) {
		k.warn(at, "swallows_callbacks", "%s: no agent takes its callbacks, which would wait for ever", of)
	}
	if !q.Denoise.Valid() {
		k.add(at+"/denoise", "out_of_range", "%s: denoise lies between 0 and 100", of)
	}
	if q.WrapupExtensions < 0 {
		k.add(at+"/wrapup_extensions", "out_of_range", "%s: wrapup_extensions must not be negative", of)
	}
	for _, d := range []struct {
		name string
		Duration
	}{{"ring", q.Ring}, {"wrapup", q.Wrapup}, {"wrapup_extension", q.WrapupExtension}, {"preferred_wait", q.PreferredWait}, {"fallback_after", q.FallbackAfter}, {"service_level", q.ServiceLevel}} {
		if d.Duration.Duration < time.Second || d.Duration.Duration > time.Hour {
			k.add(at+"/"+d.name, "out_of_range", "%s: %s must be from 1s to 1h", of, d.name)
		}
	}
	if q.ShortAbandon.Duration < 0 || q.ShortAbandon.Duration > q.ServiceLevel.Duration {
		k.add(at+"/short_abandon", "out_of_range", "%s: short_abandon must not be negative, nor more than service_level", of)
	}
	if e := q.Prompts.Every.Duration; e != 0 && e < 10*time.Second {
		k.add(at+"/prompts/every", "out_of_range", "%s: announcements must be at least 10s apart", of)
	}
	k.calendar(at, of, q.Calendar)
	k.target(at+"/closed", of, q.Closed, true)
	k.target(at+"/overflow", of, q.Overflow, true)
	k.target(at+"/fallback", of, q.Fallback, true)
	if (q.MaxWaiting > 0 || q.MaxWait.Duration > 0) && q.Overflow.Kind == "" {
		k.add(at+"/overflow", "required", "%s: say where calls go that overflow", of)
	}
	if q.MaxWaiting < 0 || q.MaxWait.Duration < 0 {
		k.add(at, "out_of_range", "%s: max_waiting and max_wait must not be negative", of)
	}
	if q.Fallback.Kind == "" {
		k.warn(at+"/fallback", "no_fallback", "%s has no fallback: with nobody on duty its calls wait until somebody comes", of)
	}
	for _, t := range []Target{q.Overflow, q.Fallback, q.Closed} {
		if t.Kind == TargetQueue && t.To == q.ID {
			k.add(at, "loop", "%s sends its calls to itself", of)
		}
	}
}

func (k *checker) stage(i int) {
	s, at := k.Stages[i], fmt.Sprintf("/stages/%d", i)
	if s.Kind != StageOutbound && s.Kind != StageNew {
		k.add(at+"/kind", "unknown", "stage %s: the kind must be outbound or new_customers", s.ID)
	}
	for _, a := range s.Agents {
		if !k.agents[a] {
			k.add(at+"/agents", "unknown", "stage %s: there is no agent %q", s.ID, a)
		}
	}
	in := func(a Agent) bool { return slices.Contains(s.Agents, a.ID) }
	of := "stage " + s.ID
	k.somebody(at+"/agents", of, in, nil)
	// Its calls ask for the skills of number and queue too: those of its own numbers always, those of another stage's
	// number when a customer with an open record calls that one.
	for _, n := range k.Numbers {
		needs := slices.Concat(k.queueSkills(n.Queue), n.Skills)
		switch {
		case n.Stage == "" || k.skilled(in, needs):
		case n.Stage == s.ID:
			k.add(at+"/agents", "swallows_calls", "%s: none of its agents has the skills that calls to %s never stop asking for: they would never be answered", of, n.Number)
		case s.Kind == StageOutbound:
			k.warn(at+"/agents", "swallows_calls", "%s: none of its agents has the skills that calls to %s ask for: its customers who call that number wait for the fallback", of, n.Number)
		}
	}
}

func (k *checker) queueSkills(id string) []Need {
	if i := slices.IndexFunc(k.Queues, func(q Queue) bool { return q.ID == id }); i >= 0 {
		return k.Queues[i].Skills
	}
	return nil
}

// skilled says whether one of a group who may answer has the skills that are never relaxed.
func (k *checker) skilled(in func(a Agent) bool, needs []Need) bool {
	return slices.ContainsFunc(k.Agents, func(a Agent) bool { return in(a) && k.may(a, ActAnswer) && has(a, needs, 1<<62) })
}

func (k *checker) checkNumbers() {
	seen, hotline := map[string]bool{}, map[string]string{}
	for i, n := range k.Numbers {
		at, of := fmt.Sprintf("/numbers/%d", i), "number "+n.Number
		key := Normalize(n.Number)
		if key == "" || seen[key] {
			k.add(at+"/number", "duplicate", "numbers: %q is empty or used twice", n.Number)
		}
		seen[key] = true
		if !k.queues[n.Queue] {
			k.add(at+"/queue", "unknown", "%s: there is no queue %q", of, n.Queue)
		}
		if n.Class < queue.ClassReturned || n.Class > queue.ClassService {
			k.add(at+"/class", "out_of_range", "%s: class must be 1, 2 or 3", of)
		}
		for _, a := range n.Agents {
			if !k.agents[a] {
				k.add(at+"/agents", "unknown", "%s: there is no agent %q", of, a)
			}
		}
		k.needs(at, of, n.Skills)
		k.calendar(at, of, n.Calendar)
		k.target(at+"/closed", of, n.Closed, true)
		if n.Stage != "" && !k.stages[n.Stage] {
			k.add(at+"/stage", "unknown", "%s: there is no stage %q", of, n.Stage)
		}
		if s := k.stageOf(n); s != nil && s.Kind == StageNew {
			if other := hotline[s.ID]; other != "" {
				k.add(at+"/stage", "duplicate", "%s: stage %s has the number %s already, each new-customers stage needs its own", of, s.ID, other)
			}
			hotline[s.ID] = n.Number
		}
		s := k.stageOf(n)
		if s != nil && s.Kind == StageNew {
			continue // every call to it is a stage's
		}
		if i := slices.IndexFunc(k.Queues, func(q Queue) bool { return q.ID == n.Queue }); i >= 0 && (len(n.Agents) > 0 || len(n.Skills) > 0) {
			q := k.Queues[i]
			k.somebody(at, of, func(a Agent) bool { return assigned(a, n, q) }, slices.Concat(q.Skills, n.Skills))
		}
	}
	for i, s := range k.Stages {
		if s.Kind == StageNew && hotline[s.ID] == "" {
			k.warn(fmt.Sprintf("/stages/%d", i), "no_number", "stage %s has no number: no call will ever reach it", s.ID)
		}
	}
}

func (k *checker) stageOf(n Number) *Stage {
	if i := slices.IndexFunc(k.Stages, func(s Stage) bool { return s.ID == n.Stage }); i >= 0 {
		return &k.Stages[i]
	}
	return nil
}

// assigned says whether an agent takes a number's service calls.
func assigned(a Agent, n Number, q Queue) bool {
	if len(n.Agents) > 0 {
		return slices.Contains(n.Agents, a.ID)
	}
	return serves(a, q)
}

func (k *checker) rest() {
	for i, r := range k.WrapupReasons {
		if r.Code == "" {
			k.add(fmt.Sprintf("/wrapup_reasons/%d/code", i), "required", "wrapup_reasons: a code is empty")
		}
	}
	for _, d := range []struct {
		name string
		Duration
	}{
		{"attach_timeout", k.Attach},
		{"return_timeout", k.Return},
		{"absent_grace", k.AbsentGrace},
		{"absent_signout", k.AbsentSignout},
		{"session_life", k.SessionLife},
		{"offer_pause", k.OfferPause},
		{"signout_limit", k.SignoutLimit},
	} {
		if d.Duration.Duration < time.Second {
			k.add("/"+d.name, "out_of_range", "%s must be at least 1s", d.name)
		}
	}
	if k.NoAgentAlarm.Duration < 0 || k.NoAgentAlarm.Duration > 10*time.Second {
		k.add("/no_agent_alarm", "out_of_range", "no_agent_alarm must be at most 10s")
	}
	if k.OfferAlarm < 1 {
		k.add("/offer_alarm", "out_of_range", "offer_alarm must be at least 1")
	}
	if k.OfferLimit < k.OfferAlarm {
		k.add("/offer_limit", "out_of_range", "offer_limit must be at least offer_alarm")
	}
	for _, c := range k.Preflight {
		if !slices.Contains(checks, c) {
			k.add("/preflight", "unknown", "preflight: there is no check %q", c)
		}
	}
	if err := k.Handling.validate(k.queues); err != nil {
		k.add("/handling", "invalid", "%s", strings.TrimPrefix(err.Error(), "desk: "))
	}
	if err := k.Callbacks.validate(); err != nil {
		k.add("/callbacks", "invalid", "%s", strings.TrimPrefix(err.Error(), "desk: "))
	}
	if k.Limits.Calls < 0 {
		k.add("/limits/calls", "out_of_range", "limits: calls must not be negative")
	}
	if n := k.Limits.ConfigVersions; n < 0 || n > 1000 { // 0 stands for the default
		k.add("/limits/config_versions", "out_of_range", "limits: config_versions is 1 to 1000")
	}
}
