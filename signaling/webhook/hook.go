package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/hooksig"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// definition is what a webhook is, as it is kept. The secret is not: it follows from the generation.
type definition struct {
	ID          string    `json:"id"`
	URL         string    `json:"url"`
	Description string    `json:"description,omitempty"`
	Events      []string  `json:"events,omitempty"`
	Created     time.Time `json:"created"`
	By          string    `json:"by,omitempty"`
	Generation  int       `json:"generation"`
	// OldUntil is how long the generation before signs too.
	OldUntil   time.Time `json:"old_until,omitzero"`
	Configured bool      `json:"-"`
}

// state is how far a webhook is, as it is kept.
type state struct {
	Seq       uint64                `json:"seq"`
	Head      *pending              `json:"head,omitempty"` // the event being tried again
	Failing   time.Time             `json:"failing,omitzero"`
	Delivered time.Time             `json:"delivered,omitzero"`
	Disabled  string                `json:"disabled,omitempty"` // why
	Log       []wire.WebhookAttempt `json:"log,omitempty"`
}

// pending is an event that has failed and will be tried again.
type pending struct {
	Seq      uint64    `json:"seq"`
	Attempts int       `json:"attempts"`
	Refused  int       `json:"refused,omitempty"` // how often as such
	First    time.Time `json:"first"`
	Next     time.Time `json:"next"`
	Status   int       `json:"status,omitempty"`
	Error    string    `json:"error,omitempty"`
}

// letter is a dead letter, as it is kept.
type letter struct {
	Seq    uint64          `json:"seq"`
	ID     string          `json:"id"`
	Type   string          `json:"type"`
	CallID string          `json:"call_id,omitempty"`
	Time   time.Time       `json:"time"`
	Died   time.Time       `json:"died"`
	Try    pending         `json:"try"`
	Redo   *pending        `json:"redo,omitempty"` // it is being sent again
	Body   json.RawMessage `json:"body,omitempty"` // only on disk
}

func (l *letter) wire() wire.DeadLetter {
	return wire.DeadLetter{
		EventID: l.ID, Seq: l.Seq, Type: l.Type, CallID: l.CallID, Time: l.Time, First: l.Try.First, Died: l.Died,
		Attempts: l.Try.Attempts, Status: l.Try.Status, Error: l.Try.Error, Replay: l.Redo != nil,
	}
}

const (
	logSize  = 50                     // attempts that are remembered
	maxDead  = 10_000                 // dead letters of one webhook; beyond, the oldest go
	savePace = 200 * time.Millisecond // between two writes of the state while all goes well
)

// hook is one webhook. Its goroutine (run) is the only one to move Seq and Head.
type hook struct {
	all     *Hooks
	secrets []hooksig.Secret // of a configured one

	mu     sync.Mutex
	def    definition
	state  state
	dead   map[uint64]*letter // without bodies
	dirty  bool
	saved  time.Time
	wakeup context.CancelFunc // ends what run waits for
	stop   context.CancelFunc // guarded by all.mu
}

func newHook(h *Hooks, d definition, secrets []hooksig.Secret) *hook {
	return &hook{all: h, def: d, secrets: secrets, dead: map[uint64]*letter{}}
}

func (k *hook) now() time.Time { return k.all.deps.Now() }

func (k *hook) secret(generation int) hooksig.Secret {
	return hooksig.Derive(k.all.deps.Master, k.def.ID, generation)
}

// signers are the secrets in use now.
func (k *hook) signers() []hooksig.Secret {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.def.Configured {
		return k.secrets
	}
	out := []hooksig.Secret{k.secret(k.def.Generation)}
	if k.now().Before(k.def.OldUntil) {
		out = append(out, k.secret(k.def.Generation-1))
	}
	return out
}

func (k *hook) wire() wire.Webhook {
	last := k.all.deps.Source.Last()
	k.mu.Lock()
	defer k.mu.Unlock()
	w := wire.Webhook{
		ID: k.def.ID, URL: k.def.URL, Description: k.def.Description, Events: slices.Concat([]string{}, k.def.Events), State: wire.WebhookActive,
		Configured: k.def.Configured, Created: k.def.Created, By: k.def.By, Seq: k.state.Seq, Dead: len(k.dead),
		Delivered: timeOf(k.state.Delivered), FailingSince: timeOf(k.state.Failing),
	}
	if last > k.state.Seq {
		w.Behind = last - k.state.Seq
	}
	if p := k.state.Head; p != nil {
		w.State, w.Attempt, w.Next, w.Error = wire.WebhookFailing, p.Attempts, timeOf(p.Next), p.Error
	}
	if k.state.Disabled != "" {
		w.State, w.Reason, w.Next = wire.WebhookDisabled, k.state.Disabled, nil
	}
	if k.now().Before(k.def.OldUntil) {
		w.OldSecretUntil = timeOf(k.def.OldUntil)
	}
	return w
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func put(ctx context.Context, s Store, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	_, err = s.Put(ctx, key, b)
	return err
}

// define writes the definition down.
func (k *hook) define(ctx context.Context) error {
	k.mu.Lock()
	d := k.def
	k.mu.Unlock()
	return put(ctx, k.all.deps.Store, hookKey+d.ID, d)
}

// remember writes the state down.
func (k *hook) remember(ctx context.Context) error {
	k.mu.Lock()
	s := k.state
	s.Log = slices.Clone(s.Log)
	if s.Head != nil {
		p := *s.Head
		s.Head = &p
	}
	k.dirty, k.saved = false, k.now()
	k.mu.Unlock()
	if err := put(ctx, k.all.deps.Store, stateKey+k.def.ID, s); err != nil {
		k.mu.Lock()
		k.dirty = true
		k.mu.Unlock()
		return err
	}
	return nil
}

// forget takes all that is kept away, the definition first: what is left without it is never read.
func (k *hook) forget(ctx context.Context) error {
	if err := k.all.deps.Store.Delete(ctx, hookKey+k.def.ID); err != nil {
		return err
	}
	err := k.all.deps.Store.Delete(ctx, stateKey+k.def.ID)
	k.mu.Lock()
	seqs := slices.Collect(maps.Keys(k.dead))
	k.mu.Unlock()
	for _, seq := range seqs {
		err = errors.Join(err, k.all.deps.Dead.Delete(ctx, k.deadKey(seq)))
	}
	return err
}

func (k *hook) deadKey(seq uint64) string { return fmt.Sprintf("%s.%020d", k.def.ID, seq) }

// nudge ends what run waits for, since something has changed.
func (k *hook) nudge() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.wakeup != nil {
		k.wakeup()
	}
}

func (k *hook) change(ctx context.Context, p wire.WebhookPatch) error {
	if k.def.Configured && (p.URL != nil || p.Description != nil || p.Events != nil) {
		return errConfigured
	}
	k.mu.Lock()
	before, d := k.def, k.def
	if p.URL != nil {
		d.URL = *p.URL
	}
	if p.Description != nil {
		d.Description = *p.Description
	}
	if p.Events != nil {
		d.Events = *p.Events
	}
	k.mu.Unlock()
	if !d.Configured {
		if err := k.all.check(d.URL, d.Events); err != nil {
			return err
		}
		k.mu.Lock()
		k.def = d
		k.mu.Unlock()
		if err := k.define(ctx); err != nil {
			k.mu.Lock()
			k.def = before
			k.mu.Unlock()
			return unsaved(err)
		}
	}
	if p.Enabled == nil {
		return nil
	}
	k.mu.Lock()
	if *p.Enabled {
		k.state.Disabled, k.state.Failing, k.state.Head = "", time.Time{}, nil // tried at once, for a day from now
	} else if k.state.Disabled == "" {
		k.state.Disabled = "switched off"
	}
	k.mu.Unlock()
	if err := k.remember(ctx); err != nil {
		return unsaved(err)
	}
	return nil
}

func (k *hook) rotate(ctx context.Context, keep time.Duration) (hooksig.Secret, error) {
	k.mu.Lock()
	before := k.def
	k.def.Generation++
	k.def.OldUntil = k.now().UTC().Add(keep)
	next := k.secret(k.def.Generation)
	k.mu.Unlock()
	if err := k.define(ctx); err != nil {
		k.mu.Lock()
		k.def = before
		k.mu.Unlock()
		return next, err
	}
	return next, nil
}

// replay marks dead letters to be sent again, on disk first.
func (k *hook) replay(ctx context.Context, r wire.ReplayRequest) (int, error) {
	k.mu.Lock()
	seqs := r.Seqs
	if r.All {
		seqs = slices.Sorted(maps.Keys(k.dead))
	}
	for _, seq := range seqs {
		if k.dead[seq] == nil {
			k.mu.Unlock()
			e := problem.NotFound("dead_letter", fmt.Sprint(seq))
			e.Status = http.StatusUnprocessableEntity
			return 0, e
		}
	}
	k.mu.Unlock()
	for n, seq := range seqs {
		err := k.update(ctx, seq, func(l *letter) {
			if l.Redo == nil {
				l.Redo = &pending{Seq: seq, First: k.now().UTC(), Next: k.now().UTC()}
			}
		})
		if err != nil {
			return n, unsaved(err)
		}
	}
	return len(seqs), nil
}

// update changes a dead letter on disk and here.
func (k *hook) update(ctx context.Context, seq uint64, f func(*letter)) error {
	l, err := k.load(ctx, seq)
	if err != nil {
		return err
	}
	f(l)
	if err := put(ctx, k.all.deps.Dead, k.deadKey(seq), l); err != nil {
		return err
	}
	l.Body = nil
	k.mu.Lock()
	k.dead[seq] = l
	k.mu.Unlock()
	return nil
}

// load reads a dead letter with its body.
func (k *hook) load(ctx context.Context, seq uint64) (*letter, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	v, err := k.all.deps.Dead.Get(ctx, k.deadKey(seq))
	if err != nil {
		return nil, err
	}
	var l letter
	if err := json.Unmarshal(v.Data, &l); err != nil {
		return nil, err
	}
	return &l, nil
}

// note writes an attempt into the log. mu is held.
func (k *hook) note(a wire.WebhookAttempt) {
	k.state.Log = append(k.state.Log, a)
	if n := len(k.state.Log) - logSize; n > 0 {
		k.state.Log = slices.Clone(k.state.Log[n:])
	}
	k.dirty = true
}
