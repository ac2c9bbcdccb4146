package floor

import (
	"fmt"
	"net/url"
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
}

func (h RoutingHook) withDefaults() RoutingHook {
	orElse(&h.Timeout, 500*time.Millisecond)
	orElse(&h.Pause, 30*time.Second)
	if h.Failures == 0 {
		h.Failures = 5
	}
	return h
}

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

// Accept refuses what a hook chose and there is not; the configured routing stays then.
func (d *Directory) Accept(r wire.Routed) wire.Routed {
	why := ""
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
		r.Outcome, r.Detail, r.Queue, r.Agent, r.Priority = wire.RouteRefused, why, "", "", nil
	}
	return r
}

func (d *Directory) hasQueue(id string) bool {
	for _, q := range d.cfg.Queues {
		if q.ID == id {
			return true
		}
	}
	return false
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
