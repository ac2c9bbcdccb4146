// Package webhook sends events to addresses outside, signed as the Standard Webhooks specification says.
//
// The outbox is the event log itself: an event is on disk before it is sent, and each webhook remembers, on disk
// too, up to which event it is done. So nothing is lost when this server is killed; what was sent and not yet
// remembered is sent again with the same webhook-id (at least once). A webhook gets its events strictly in their
// order: one that fails is tried again before the next one is sent, after random waits that grow (full jitter), for
// a day. Then it becomes a dead letter, and a webhook that took nothing else in that time is disabled, with an
// event. Dead letters are listed, and sent again when asked for; those come out of order.
//
//	event log ──► after Seq, in order ──► POST ──2xx──► Seq moves on
//	                    ▲                   │ failed: wait, again
//	                    └───────────────────┤ a day: dead letter, Seq moves on; nothing else delivered: disabled
//	              dead letters ──replay──►──┘
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Source is where events come from; *event.Bus is it. Kept waits until an event is on disk.
type Source interface {
	After(ctx context.Context, cursor uint64, dst []wire.Event, limit int) ([]wire.Event, error)
	Kept(ctx context.Context, seq uint64) error
	Last() uint64
	Publish(typ, callID, actor string, data any) uint64
}

// History has the events that the Source no longer has; *store.EventLog is it.
type History interface {
	Load(after uint64, limit int) ([]wire.Event, error)
}

// Store keeps what a webhook remembers; *store.Bucket is it.
type Store interface {
	Put(ctx context.Context, key string, data []byte) (uint64, error)
	Get(ctx context.Context, key string) (store.Value, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string) ([]store.Value, error)
}

// Deps is what webhooks stand on.
type Deps struct {
	Source  Source
	History History
	Store   Store
	Dead    Store // forgets by itself after Config.KeepDead
	Client  *http.Client
	// CheckURL refuses addresses that may not be called.
	CheckURL func(string) error
	Master   []byte // secrets are derived from it
	Log      *slog.Logger
	Now      func() time.Time
}

// Hooks are all webhooks. Safe for concurrent use.
type Hooks struct {
	cfg   Config
	deps  Deps
	mu    sync.Mutex // guards hooks, ctx and closed; taken before a hook's own
	hooks map[string]*hook
	ctx   context.Context // of Run; nil before
	done  bool
	wg    sync.WaitGroup
	count counts
}

// Stats are numbers for the metrics.
type Stats struct {
	Delivered, Failed, Dead, Skipped uint64
	Active, Failing, Disabled        int
	BehindMost                       int // events the slowest enabled webhook is behind
}

type counts struct {
	sync.Mutex
	delivered, failed, dead, skipped uint64
}

const (
	hookKey  = "hook."
	stateKey = "state."
	// keepSecret is how long an old secret goes on signing when the rotation does not say.
	keepSecret    = 24 * time.Hour
	maxKeepSecret = 7 * 24 * time.Hour
	storeLimit    = 2 * time.Second
	batch         = 64
)

// New reads what is remembered. It starts nothing.
func New(cfg Config, deps Deps) (*Hooks, error) {
	if err := cfg.Validate(deps.CheckURL); err != nil {
		return nil, err
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	h := &Hooks{cfg: cfg, deps: deps, hooks: map[string]*hook{}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	saved, err := deps.Store.List(ctx, hookKey)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	for _, v := range saved {
		var d definition
		if err := json.Unmarshal(v.Data, &d); err != nil {
			return nil, fmt.Errorf("webhook: %s: %w", v.Key, err)
		}
		if err := h.restore(ctx, d, nil); err != nil {
			return nil, err
		}
	}
	for _, s := range cfg.Subscriptions {
		secrets, err := readSecrets(s.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("webhook: %s: %w", s.ID, err)
		}
		d := definition{ID: "whk_" + s.ID, URL: s.URL, Events: s.Events, Created: deps.Now().UTC(), Configured: true}
		if err := h.restore(ctx, d, secrets); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// restore makes a webhook from what is remembered of it.
func (h *Hooks) restore(ctx context.Context, d definition, secrets []hooksig.Secret) error {
	k := newHook(h, d, secrets)
	v, err := h.deps.Store.Get(ctx, stateKey+d.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		k.state.Seq = h.deps.Source.Last() // a configured one that is new
		if err := k.remember(ctx); err != nil {
			return fmt.Errorf("webhook: %w", err)
		}
	case err != nil:
		return fmt.Errorf("webhook: %w", err)
	default:
		if err := json.Unmarshal(v.Data, &k.state); err != nil {
			return fmt.Errorf("webhook: %s: %w", v.Key, err)
		}
	}
	letters, err := h.deps.Dead.List(ctx, d.ID+".")
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	for _, v := range letters {
		var l letter
		if err := json.Unmarshal(v.Data, &l); err != nil {
			return fmt.Errorf("webhook: %s: %w", v.Key, err)
		}
		l.Body = nil
		k.dead[l.Seq] = &l
	}
	h.hooks[d.ID] = k
	return nil
}

// Run delivers until ctx ends.
func (h *Hooks) Run(ctx context.Context) error {
	h.mu.Lock()
	h.ctx = ctx
	for _, k := range h.hooks {
		h.start(k)
	}
	h.mu.Unlock()
	<-ctx.Done()
	h.mu.Lock()
	h.done = true
	h.mu.Unlock()
	h.wg.Wait()
	h.deps.Client.CloseIdleConnections()
	return nil
}

// start gives a webhook its goroutine. mu is held.
func (h *Hooks) start(k *hook) {
	if h.ctx == nil || h.done {
		return
	}
	ctx, cancel := context.WithCancel(h.ctx)
	k.stop = cancel
	h.wg.Go(func() {
		defer cancel()
		k.run(ctx)
	})
}

func (h *Hooks) find(hookID string) (*hook, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if k := h.hooks[hookID]; k != nil {
		return k, nil
	}
	return nil, problem.NotFound("webhook", hookID)
}

// List is all webhooks by their id, which is the order they were made in.
func (h *Hooks) List() []wire.Webhook {
	h.mu.Lock()
	all := slices.SortedFunc(maps.Values(h.hooks), func(a, b *hook) int { return strings.Compare(a.def.ID, b.def.ID) })
	h.mu.Unlock()
	out := make([]wire.Webhook, len(all))
	for i, k := range all {
		out[i] = k.wire()
	}
	return out
}

// Get is one webhook.
func (h *Hooks) Get(hookID string) (wire.Webhook, error) {
	k, err := h.find(hookID)
	if err != nil {
		return wire.Webhook{}, err
	}
	return k.wire(), nil
}

func invalid(pointer, code, format string, args ...any) error {
	e := problem.New(http.StatusUnprocessableEntity, "invalid_field", format, args...)
	e.Fields = []problem.Field{{Pointer: pointer, Code: code, Detail: e.Detail}}
	return e
}

func unsaved(err error) error {
	e := problem.New(http.StatusServiceUnavailable, "store_unavailable", "the webhook cannot be saved at the moment")
	e.Err, e.RetryAfter = err, 1
	return e
}

func (h *Hooks) check(address string, events []string) error {
	if err := h.deps.CheckURL(address); err != nil {
		return invalid("/url", "not_allowed", "%s", strings.TrimPrefix(err.Error(), "egress: "))
	}
	if bad := unknownEvent(events); bad != "" {
		return invalid("/events", "unknown", "there is no event %q", bad)
	}
	if len(events) > 100 {
		return invalid("/events", "too_many", "at most 100")
	}
	return nil
}

// Create makes a webhook and shows its secret.
func (h *Hooks) Create(ctx context.Context, r wire.WebhookRequest, actor string) (wire.WebhookSecret, error) {
	if err := h.check(r.URL, r.Events); err != nil {
		return wire.WebhookSecret{}, err
	}
	d := definition{
		ID: id.New(id.Webhook), URL: r.URL, Description: r.Description, Events: r.Events, Created: h.deps.Now().UTC(), By: actor, Generation: 1,
	}
	k := newHook(h, d, nil)
	k.state.Seq = h.deps.Source.Last()
	// A kill takes back numbers that are not on disk: others would pass for those this webhook is behind.
	kept, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	if err := h.deps.Source.Kept(kept, k.state.Seq); err != nil {
		return wire.WebhookSecret{}, unsaved(err)
	}
	if r.After != nil {
		if *r.After > k.state.Seq {
			return wire.WebhookSecret{}, invalid("/after", "out_of_range", "the newest event is %d", k.state.Seq)
		}
		k.state.Seq = *r.After
	}
	if err := errors.Join(k.remember(ctx), k.define(ctx)); err != nil {
		return wire.WebhookSecret{}, unsaved(err)
	}
	h.mu.Lock()
	if len(h.hooks) >= maxSubscriptions {
		h.mu.Unlock()
		_ = k.forget(ctx) // it was never told of; left over keys of it are harmless
		e := problem.New(http.StatusConflict, "too_many_webhooks", "there are %d webhooks, and that is the most", maxSubscriptions)
		return wire.WebhookSecret{}, e
	}
	h.hooks[d.ID] = k
	h.start(k)
	h.mu.Unlock()
	return wire.WebhookSecret{Webhook: k.wire(), Secret: k.secret(d.Generation).Reveal()}, nil
}

// Change changes a webhook. Those of the configuration file can only be enabled and disabled.
func (h *Hooks) Change(ctx context.Context, hookID string, p wire.WebhookPatch) (wire.Webhook, error) {
	k, err := h.find(hookID)
	if err != nil {
		return wire.Webhook{}, err
	}
	if err := k.change(ctx, p); err != nil {
		return wire.Webhook{}, err
	}
	k.nudge()
	return k.wire(), nil
}

// Delete forgets a webhook with its dead letters.
func (h *Hooks) Delete(ctx context.Context, hookID string) error {
	k, err := h.find(hookID)
	if err != nil {
		return err
	}
	if k.def.Configured {
		return errConfigured
	}
	if err := k.forget(ctx); err != nil {
		return unsaved(err)
	}
	h.mu.Lock()
	delete(h.hooks, hookID)
	stop := k.stop
	h.mu.Unlock()
	if stop != nil {
		stop()
	}
	return nil
}

var errConfigured = problem.Conflict("webhook_configured", "configured", []string{"enable", "disable", "test", "replay"}, "the webhook stands in the configuration file and is changed there")

// Rotate makes a new secret; the old one signs too for a while.
func (h *Hooks) Rotate(ctx context.Context, hookID string, keep *int) (wire.WebhookSecret, error) {
	k, err := h.find(hookID)
	if err != nil {
		return wire.WebhookSecret{}, err
	}
	if k.def.Configured {
		return wire.WebhookSecret{}, errConfigured
	}
	d := keepSecret
	if keep != nil {
		d = time.Duration(*keep) * time.Second
		if d < 0 || d > maxKeepSecret {
			return wire.WebhookSecret{}, invalid("/keep_seconds", "out_of_range", "an old secret is kept for at most %d seconds", int(maxKeepSecret.Seconds()))
		}
	}
	s, err := k.rotate(ctx, d)
	if err != nil {
		return wire.WebhookSecret{}, unsaved(err)
	}
	return wire.WebhookSecret{Webhook: k.wire(), Secret: s.Reveal()}, nil
}

// Test sends a test event now and says how it went. It is no event of the log: seq is 0.
func (h *Hooks) Test(ctx context.Context, hookID string) (wire.WebhookAttempt, error) {
	k, err := h.find(hookID)
	if err != nil {
		return wire.WebhookAttempt{}, err
	}
	e := wire.Event{ID: id.New(id.Event), Type: "webhook.test", Time: h.deps.Now().UTC().Truncate(time.Millisecond), Data: k.wire()}
	body, err := json.Marshal(e)
	if err != nil {
		return wire.WebhookAttempt{}, err
	}
	a := k.send(ctx, e.ID, body)
	a.Type, a.Attempt = e.Type, 1
	if a.Outcome = wire.WebhookTested; a.Error != "" {
		a.Outcome = wire.WebhookFailed
	}
	k.mu.Lock()
	k.note(a)
	k.mu.Unlock()
	return a, nil
}

// Attempts are the last attempts, newest first.
func (h *Hooks) Attempts(hookID string) ([]wire.WebhookAttempt, error) {
	k, err := h.find(hookID)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	out := slices.Clone(k.state.Log)
	slices.Reverse(out)
	return out, nil
}

// Dead are up to limit dead letters after a sequence number; next is the number to go on with, 0 at the end.
func (h *Hooks) Dead(hookID string, after uint64, limit int) (items []wire.DeadLetter, next uint64, err error) {
	k, err := h.find(hookID)
	if err != nil {
		return nil, 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, seq := range slices.Sorted(maps.Keys(k.dead)) {
		if seq <= after {
			continue
		}
		if len(items) == limit {
			return items, items[limit-1].Seq, nil
		}
		items = append(items, k.dead[seq].wire())
	}
	return items, 0, nil
}

// Replay sends dead letters again, with their old webhook-id. One that fails again for a day stays a dead letter.
func (h *Hooks) Replay(ctx context.Context, hookID string, r wire.ReplayRequest) (int, error) {
	k, err := h.find(hookID)
	if err != nil {
		return 0, err
	}
	if !r.All && len(r.Seqs) == 0 {
		return 0, invalid("/seqs", "required", "say which dead letters, or all")
	}
	n, err := k.replay(ctx, r)
	if err == nil {
		k.nudge()
	}
	return n, err
}

// Stats are read at each scrape.
func (h *Hooks) Stats() Stats {
	h.count.Lock()
	s := Stats{Delivered: h.count.delivered, Failed: h.count.failed, Dead: h.count.dead, Skipped: h.count.skipped}
	h.count.Unlock()
	for _, w := range h.List() {
		switch w.State {
		case wire.WebhookDisabled:
			s.Disabled++
			continue
		case wire.WebhookFailing:
			s.Failing++
		default:
			s.Active++
		}
		s.BehindMost = max(s.BehindMost, int(w.Behind))
	}
	return s
}
