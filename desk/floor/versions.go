package floor

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// sizeLimit is how large a configuration may be as JSON; so many that are kept are in memory and in the state's log.
const sizeLimit = 1 << 20

// Saved is one configuration that was saved through the API. Versions count from 1; version 0 is that of
// the configuration file.
type Saved struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Note    string    `json:"note,omitempty"`
	Config  Config    `json:"config"`
}

// latest is the saved configuration in force, if any is.
func (s *State) latest() (last Saved, ok bool) {
	for _, v := range s.Configs {
		if v.Version > last.Version {
			last, ok = v, true
		}
	}
	return last, ok
}

// startWith is the saved configuration to start with. What was saved was right when it was saved; rules may have become
// stricter since. A configuration that only breaks rules goes on, one that cannot be run gives way to the version before
// it. Either way people are told at the start.
func (f *Floor) startWith() (Saved, bool) {
	versions := slices.SortedFunc(maps.Values(f.state.Configs), func(a, b Saved) int { return b.Version - a.Version })
	for _, v := range versions {
		fault, runs := v.Config.runs()
		if fault != "" && f.outdated == "" {
			f.outdated = fmt.Sprintf("configuration %d, saved by an older version: %s", v.Version, fault)
		}
		if runs {
			return v, true
		}
	}
	return Saved{}, false
}

// runs says whether a floor can run with a configuration, and the first thing that is wrong with it by today's rules, if
// any is. What points to something there is not, what is there twice and what does not compile cannot be run with.
func (c Config) runs() (fault string, ok bool) {
	ok = true
	for _, x := range c.Check() {
		if x.Warning {
			continue
		}
		if bad := x.Code == "unknown" || x.Code == "duplicate" || x.Code == "invalid"; bad && ok {
			fault, ok = x.Detail, false
		} else if fault == "" {
			fault = x.Detail
		}
	}
	return fault, ok
}

// Reconfigure puts another configuration in force without dropping a call, and saves it. Base is the version
// it was made from: 409 when another has been saved since. What it takes away must not be in use: an agent
// who is here, or a queue in which calls wait that their number does not lead elsewhere.
type Reconfigure struct {
	Config Config
	Base   int
	Actor  string
	Note   string
}

// Problem is what keeps a configuration from being saved, as an answer to the outside; nil for nothing.
func (c Config) Problem() error {
	e := &problem.Error{Status: http.StatusUnprocessableEntity, Code: "invalid_config"}
	for _, f := range c.Check() {
		if !f.Warning {
			e.Fields = append(e.Fields, problem.Field{Pointer: f.Pointer, Code: f.Code, Detail: f.Detail})
		}
	}
	if e.Fields == nil {
		return nil
	}
	e.Detail = fmt.Sprintf("%d things are wrong with the configuration; the first: %s", len(e.Fields), e.Fields[0].Detail)
	return e
}

func (in Reconfigure) step(f *Floor) error {
	if in.Base != f.version {
		return problem.Conflict("config_version", strconv.Itoa(f.version), nil, "version %d is in force, not %d", f.version, in.Base)
	}
	if err := in.Config.Problem(); err != nil {
		return err
	}
	if len(in.Note) > 500 {
		return tooLong("/note")
	}
	cfg := in.Config.withDefaults()
	if data, err := json.Marshal(cfg); err != nil || len(data) > sizeLimit {
		return problem.New(http.StatusUnprocessableEntity, "config_too_large", "a configuration has at most %d bytes", sizeLimit)
	}
	if err := f.inUse(cfg); err != nil {
		return err
	}
	last, _ := f.state.latest()
	v := Saved{Version: max(last.Version, f.version) + 1, At: f.now, Actor: in.Actor, Note: in.Note, Config: cfg}
	put(f, key{KindConfig, strconv.Itoa(v.Version)}, f.state.Configs, any(v))
	for id, old := range f.state.Configs {
		if old.Version <= v.Version-cfg.Limits.ConfigVersions {
			put(f, key{KindConfig, id}, f.state.Configs, nil)
		}
	}
	f.version = v.Version
	f.apply(cfg)
	f.adopt()
	f.publish("config.changed", "", in.Actor, v.Wire(false))
	return nil
}

// inUse refuses a configuration that takes away what is in use.
func (f *Floor) inUse(cfg Config) error {
	for id, a := range f.state.Agents {
		if a.SignedIn() && f.agents[id] != nil && !slices.ContainsFunc(cfg.Agents, func(b Agent) bool { return b.ID == id }) {
			return problem.Conflict("agent_in_use", string(a.Visible()), []string{"sign_out"}, "agent %s is signed in: sign them out before taking them away", id)
		}
	}
	for _, k := range f.state.Consults {
		if k.Queue != "" && !slices.ContainsFunc(cfg.Queues, func(q Queue) bool { return q.ID == k.Queue }) {
			return problem.Conflict("queue_in_use", string(k.State), nil, "somebody in queue %s is being asked for help", k.Queue)
		}
	}
	for _, c := range f.state.Contacts {
		if c.Queue == "" || slices.ContainsFunc(cfg.Queues, func(q Queue) bool { return q.ID == c.Queue }) {
			continue
		}
		if cfg.numberOf(c) == "" {
			return problem.Conflict("queue_in_use", string(c.State), nil, "queue %s has calls that no number leads elsewhere", c.Queue)
		}
	}
	if err := f.outboundInUse(cfg); err != nil {
		return err
	}
	return nil
}

// numberOf is the queue a contact's number leads to, empty for none.
func (c Config) numberOf(x contact.Contact) string {
	for _, n := range c.Numbers {
		if Normalize(n.Number) == x.Entry {
			return n.Queue
		}
	}
	return ""
}

// adopt makes the state fit a new configuration: calls of a queue that is gone move to the one their number
// leads to, calls of a stage that is gone become service calls, demands are looked at afresh.
func (f *Floor) adopt() {
	for id, a := range f.state.Agents {
		if f.agents[id] == nil && !a.SignedIn() {
			put(f, key{KindAgent, id}, f.state.Agents, nil)
		}
	}
	for id, c := range f.state.Contacts {
		if c.Queue != "" && f.queues[c.Queue] == nil {
			c.Queue = f.numbers[c.Entry].Queue
		}
		if _, there := f.stages[c.Stage]; c.Stage != "" && !there {
			c.Stage = ""
		}
		if was := f.state.Contacts[id]; c.Queue != was.Queue || c.Stage != was.Stage {
			put(f, key{KindContact, id}, f.state.Contacts, any(c))
		}
		w, waits := f.state.Waits[id]
		if !waits {
			continue
		}
		p := f.policy(c)
		fresh := w
		fresh.Level = min(w.Level, len(p.Relax))
		if f.agents[w.Preferred] == nil {
			fresh.Preferred = ""
		}
		if fresh = fresh.Rest(p, c.State == contact.Queued); fresh != w {
			f.setWait(fresh)
		}
	}
	f.adoptTasks()
	for id := range f.state.Watches {
		if f.poolOf(id) == nil {
			put(f, key{KindWatch, id}, f.state.Watches, nil)
		}
	}
	for id, a := range f.state.Agents {
		if s := f.agents[id]; s != nil && a.State == wire.AgentReady && !f.cfg.may(s.Agent, ActAnswer) {
			f.setAgent(must(a.SetState(wire.AgentNotReady, agent.ReasonNotPermitted, f.now)), Actor)
		}
	}
}

// Version is the number of the configuration in force.
func (f *Floor) Version() int { return f.version }

// Config is the configuration in force.
func (f *Floor) Config() Config { return f.cfg }

// Saved finds a configuration by its version.
func (f *Floor) Saved(version int) (Saved, error) {
	if version == 0 {
		return Saved{Config: f.file}, nil
	}
	v, ok := f.state.Configs[strconv.Itoa(version)]
	if !ok {
		return Saved{}, problem.NotFound("config_version", strconv.Itoa(version))
	}
	return v, nil
}

// Versions are all configurations there are, newest first; the last is that of the file.
func (f *Floor) Versions() []Saved {
	out := []Saved{{Config: f.file}}
	for _, v := range f.state.Configs {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Saved) int { return b.Version - a.Version })
	return out
}

// Wire is the version as the API shows it, with the configuration itself or without.
func (s Saved) Wire(whole bool) wire.DeskConfig {
	w := wire.DeskConfig{Version: s.Version, Actor: s.Actor, Note: s.Note}
	if !s.At.IsZero() {
		at := s.At
		w.Saved = &at
	}
	if whole {
		w.Config = raw(s.Config)
		w.Findings = s.Config.WireFindings()
	}
	return w
}

// WireFindings are all findings as the API shows them.
func (c Config) WireFindings() []wire.Finding {
	out := []wire.Finding{}
	for _, f := range c.Check() {
		out = append(out, wire.Finding{Pointer: f.Pointer, Code: f.Code, Detail: f.Detail, Warning: f.Warning})
	}
	return out
}

func raw(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic("floor: plain data does not marshal: " + err.Error())
	}
	return data
}
