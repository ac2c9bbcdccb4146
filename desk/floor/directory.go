package floor

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Directory is what of a configuration must be known without waiting for the floor: where numbers lead and
// who may do what. It never changes; another configuration is another Directory. Safe for concurrent use.
type Directory struct {
	cfg     Config
	agents  map[string]Agent
	numbers map[string]Number
	version int
	veil    *veil.Policy
}

func newDirectory(cfg Config, version int) *Directory {
	d := &Directory{cfg: cfg, version: version, agents: map[string]Agent{}, numbers: map[string]Number{}, veil: cfg.veil()}
	for _, a := range cfg.Agents {
		d.agents[a.ID] = a
	}
	for _, n := range cfg.Numbers {
		d.numbers[Normalize(n.Number)] = n
	}
	return d
}

// with is the same with another entry for one agent.
func (d *Directory) with(a Agent) *Directory {
	out := *d
	out.agents = maps.Clone(d.agents)
	out.agents[a.ID] = a
	return &out
}

// NewDirectory is that of a configuration that is not in force.
func NewDirectory(cfg Config) *Directory { return newDirectory(cfg.withDefaults(), 0) }

// Directory is that of the configuration in force.
func (f *Floor) Directory() *Directory { return f.dir }

// Veil is what of the API's objects who may see.
func (d *Directory) Veil() *veil.Policy { return d.veil }

// veil is what a configuration hides.
func (c Config) veil() *veil.Policy {
	v := veil.Config{Numbers: c.Handling.MaskNumbers}
	for _, d := range c.Handling.Variables {
		if d.Secure {
			v.Secure = append(v.Secure, d.Name)
		}
	}
	ours := map[string]bool{}
	for _, n := range c.Numbers {
		ours[Normalize(n.Number)] = true
	}
	for _, e := range c.Callbacks.EntryPoints {
		ours[Normalize(e.Number)] = true
	}
	v.Ours = func(number string) bool { return ours[Normalize(number)] }
	return veil.New(v)
}

// Live is how many contacts there are.
func (f *Floor) Live() int { return len(f.state.Contacts) }

// QueueOf is the queue a called number leads to, or 404 unknown_number.
func (d *Directory) QueueOf(to string) (string, error) {
	n, ok := d.numbers[Normalize(to)]
	if !ok {
		n, ok = d.numbers[Any]
	}
	if !ok {
		return "", problem.New(http.StatusNotFound, "unknown_number", "no calls are taken for this number")
	}
	return n.Queue, nil
}

// Room refuses one more call when there are that many already: 429 call_limit.
func (d *Directory) Room(live int) error {
	if limit := d.cfg.Limits.Calls; limit > 0 && live >= limit {
		e := problem.New(http.StatusTooManyRequests, "call_limit", "there are %d calls, and %d are the most", live, limit)
		e.Limit, e.Use, e.RetryAfter = limit, live, d.cfg.Limits.retry()
		return e
	}
	return nil
}

// DenoiseOf is how the noise suppression of a leg begins: that of a queue's customer, or of an agent. Whoever is
// not known, or "", begins with nothing set.
func (d *Directory) DenoiseOf(queueID, agentID string) (customer, agent wire.DenoisePatch) {
	for _, q := range d.cfg.Queues {
		if q.ID == queueID {
			customer = q.Denoise
		}
	}
	return customer, d.agents[agentID].Denoise
}

// Allowed is the one place that says whether an agent may do something: nil, 403 not_permitted, or 404 for
// somebody who is no agent.
func (d *Directory) Allowed(agentID string, what Action) error {
	a, ok := d.agents[agentID]
	if !ok {
		return problem.NotFound("agent", agentID)
	}
	if !d.cfg.may(a, what) {
		e := problem.New(http.StatusForbidden, "not_permitted", "the profile %s does not permit %s", a.Profile, what)
		e.Grant = string(what)
		return e
	}
	return nil
}

// WrapupReasons are the configured reasons.
func (d *Directory) WrapupReasons() []Reason { return slices.Clone(d.cfg.WrapupReasons) }

// CodeLife is how long a request from the web waits for its code.
func (d *Directory) CodeLife() time.Duration { return d.cfg.Callbacks.CodeLife.Duration }

// Limits are the configured limits.
func (d *Directory) Limits() Limits { return d.cfg.Limits }

// QueueNames and AgentNames are the ids and names of the queues and agents, in the configuration's order.
func (d *Directory) QueueNames() (out [][2]string) {
	for _, q := range d.cfg.Queues {
		out = append(out, [2]string{q.ID, q.Name})
	}
	return out
}

// AgentNames: see QueueNames.
func (d *Directory) AgentNames() (out [][2]string) {
	for _, a := range d.cfg.Agents {
		out = append(out, [2]string{a.ID, a.Name})
	}
	return out
}
