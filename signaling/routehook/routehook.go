// Package routehook asks a program of the operator's where a call should go: one signed HTTP request (Standard Webhooks
// headers) with a short limit. A hook that fails several times in a row is not asked for a while; then one request
// tries it again. It decides nothing: what comes back, or why nothing did, goes to package desk.
//
//	closed ──failures in a row──► open ──pause over──► one request ──ok──► closed
//	                               ▲                        │
//	                               └────────failed──────────┘
package routehook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/egress"
	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

const maxAnswer = 16 << 10

// Router asks routing hooks; it is a desk.Router. Safe for concurrent use.
type Router struct {
	client *http.Client
	master []byte // secrets are derived from it
	now    func() time.Time

	mu       sync.Mutex
	breakers map[string]*breaker // by hook and address
	stats    Stats
}

// Stats count what became of asking.
type Stats struct {
	Chosen, Unchanged, Timeouts, Failures, Skipped uint64
	Open                                           int // hooks not asked at the moment
}

// breaker is how one hook did lately.
type breaker struct {
	failed int       // in a row
	limit  int       // so many of them open it
	until  time.Time // not asked before, once open
	trying bool      // one request is on its way to see whether it works again
}

// New makes a Router. now is nil for the real clock.
func New(client *http.Client, master []byte, now func() time.Time) *Router {
	if now == nil {
		now = time.Now
	}
	return &Router{client: client, master: master, now: now, breakers: map[string]*breaker{}}
}

// Secret is what requests to a hook are signed with: one of several, counted from 1, so that it can be changed.
func Secret(master []byte, hook string, n int) hooksig.Secret {
	return hooksig.Derive(master, "routing-hook "+hook, n)
}

// secrets are those in use at a moment: while a hook's secret is being changed the one before signs too.
func (r *Router) secrets(h floor.RoutingHook, now time.Time) []hooksig.Secret {
	n := max(1, h.Secret)
	out := []hooksig.Secret{Secret(r.master, h.ID, n)}
	if n > 1 && now.Before(h.OldSecretTill) {
		out = append(out, Secret(r.master, h.ID, n-1))
	}
	return out
}

// Route implements desk.Router: it always answers, within the hook's time.
func (r *Router) Route(ctx context.Context, h floor.RoutingHook, q wire.RouteRequest) wire.Routed {
	out := wire.Routed{CallID: q.CallID, Hook: h.ID}
	b, wait := r.enter(h)
	if wait > 0 {
		out.Outcome, out.Detail = wire.RouteSkipped, fmt.Sprintf("it has failed %d times in a row and is asked again in %v", h.Failures, wait.Round(time.Second))
		r.count(out.Outcome)
		return out
	}
	start := r.now()
	ctx, cancel := context.WithTimeout(ctx, h.Timeout.Duration)
	defer cancel()
	a, err := r.ask(ctx, h, q)
	out.MS = r.now().Sub(start).Milliseconds()
	switch {
	case err == nil && a.Queue == "" && a.Agent == "" && a.Priority == nil && len(a.Skills) == 0:
		out.Outcome = wire.RouteUnchanged
	case err == nil:
		out.Outcome, out.Queue, out.Agent, out.Priority, out.Skills = wire.RouteChosen, a.Queue, a.Agent, a.Priority, a.Skills
	case errors.Is(err, context.DeadlineExceeded):
		out.Outcome, out.Detail = wire.RouteTimeout, fmt.Sprintf("no answer within %v", h.Timeout.Duration)
	case errors.Is(err, egress.ErrBlocked):
		out.Outcome, out.Detail = wire.RouteFailed, "its address is not public and not listed in egress.allow"
	default:
		out.Outcome, out.Detail = wire.RouteFailed, fmt.Sprintf("%.200s", err.Error())
	}
	r.leave(h, b, err == nil)
	r.count(out.Outcome)
	return out
}

func (r *Router) ask(ctx context.Context, h floor.RoutingHook, q wire.RouteRequest) (a wire.RouteAnswer, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return a, errors.New("its address cannot be asked")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "cordboard-routing/1")
	now := r.now()
	hooksig.Sign(req.Header, id.New("ask"), now, body, r.secrets(h, now)...)
	resp, err := r.client.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNoContent:
		return a, nil
	case resp.StatusCode != http.StatusOK:
		return a, fmt.Errorf("answered %d", resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return a, err
	}
	if len(b) > maxAnswer {
		return a, fmt.Errorf("its answer is larger than %d bytes", maxAnswer)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return wire.RouteAnswer{}, fmt.Errorf("its answer cannot be read: %w", err)
	}
	return a, nil
}

// enter says how long a hook must be left alone, 0 for not.
func (r *Router) enter(h floor.RoutingHook) (*breaker, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := h.ID + " " + h.URL
	b := r.breakers[key]
	if b == nil {
		b = &breaker{}
		r.breakers[key] = b
	}
	if b.limit = h.Failures; b.failed < b.limit {
		return b, 0
	}
	wait := b.until.Sub(r.now())
	if wait <= 0 && !b.trying {
		b.trying = true
		return b, 0
	}
	return b, max(wait, time.Second)
}

func (r *Router) leave(h floor.RoutingHook, b *breaker, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.trying = false
	if ok {
		b.failed = 0
		return
	}
	b.failed++
	b.until = r.now().Add(h.Pause.Duration)
}

func (r *Router) count(o wire.RouteOutcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch o {
	case wire.RouteChosen:
		r.stats.Chosen++
	case wire.RouteUnchanged:
		r.stats.Unchanged++
	case wire.RouteTimeout:
		r.stats.Timeouts++
	case wire.RouteSkipped:
		r.stats.Skipped++
	default:
		r.stats.Failures++
	}
}

// Stats are read at each scrape.
func (r *Router) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	now := r.now()
	for _, b := range r.breakers {
		if now.Before(b.until) && b.failed >= b.limit {
			s.Open++
		}
	}
	return s
}
