package auth

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Revocations is what is no longer believed: tokens with all that came of them, and disabled accounts. They are kept
// in a store that every node of a cluster watches; what a node has revoked itself counts there at once.
//
//	          Revoke                       its last token has run out
//	(nothing) ──────> revoked token ──────────────────────────────────> (nothing)
//	          Disable                     Lift
//	(nothing) ──────> disabled account ──────> (nothing)
//
// Safe for concurrent use.
type Revocations struct {
	store  Store
	log    *slog.Logger
	now    func() time.Time
	mu     sync.RWMutex
	byKey  map[string]wire.Revocation
	seen   map[string]uint64 // the newest revision of each key: what a watch tells late must not undo it
	notify func()
}

// Store keeps revocations; *store.Bucket is it.
type Store interface {
	Put(ctx context.Context, key string, data []byte) (uint64, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string) ([]store.Value, error)
	Watch(ctx context.Context, pattern string, f func(store.Value) error) error
}

const (
	tokenKey   = "token."
	accountKey = "account."
	// rewatch is the pause before the store is watched again after a fault.
	rewatch = time.Second
	// tidy is how often what has run out is forgotten.
	tidy = time.Hour
)

// Refusals of a token that was good once.
const (
	CodeRevoked  = "token_revoked"
	CodeDisabled = "account_disabled"
)

// OpenRevocations reads what is revoked. now is nil for the real clock.
func OpenRevocations(ctx context.Context, s Store, log *slog.Logger, now func() time.Time) (*Revocations, error) {
	if now == nil {
		now = time.Now
	}
	r := &Revocations{store: s, log: log, now: now, byKey: make(map[string]wire.Revocation), seen: make(map[string]uint64), notify: func() {}}
	for _, prefix := range []string{tokenKey, accountKey} {
		values, err := s.List(ctx, prefix)
		if err != nil {
			return nil, fmt.Errorf("auth: read revocations: %w", err)
		}
		for _, v := range values {
			if err := r.take(v); err != nil { // a disabled account must not come back because its entry is broken
				return nil, err
			}
		}
	}
	return r, nil
}

// OnChange sets what is called after something was revoked, here or on another node. To be set before Run.
func (r *Revocations) OnChange(f func()) { r.notify = f }

// Run follows the store until ctx ends.
func (r *Revocations) Run(ctx context.Context) error {
	ticker := time.NewTicker(tidy)
	defer ticker.Stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				r.forget(ctx)
			}
		}
	})
	for {
		err := r.store.Watch(ctx, ">", func(v store.Value) error {
			if err := r.take(v); err != nil {
				r.log.Error("revocation cannot be read", "key", v.Key, "cause", err)
				return nil
			}
			r.notify()
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		r.log.Warn("revocations of other nodes are not followed, trying again", "cause", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rewatch):
		}
	}
}

func (r *Revocations) take(v store.Value) error {
	var e wire.Revocation
	if !v.Deleted {
		if err := json.Unmarshal(v.Data, &e); err != nil {
			return fmt.Errorf("auth: revocation %s: %w", v.Key, err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.Revision < r.seen[v.Key] {
		return nil
	}
	r.seen[v.Key] = v.Revision
	if v.Deleted {
		delete(r.byKey, v.Key)
	} else {
		r.byKey[v.Key] = e
	}
	return nil
}

// forget takes what has run out off the books, which is never an account.
func (r *Revocations) forget(ctx context.Context) {
	var over []string
	r.mu.RLock()
	for k, e := range r.byKey {
		if e.Until != nil && r.now().After(*e.Until) {
			over = append(over, k)
		}
	}
	r.mu.RUnlock()
	for _, k := range over {
		if err := r.store.Delete(ctx, k); err != nil {
			r.log.Warn("revocation that has run out was not forgotten", "key", k, "cause", err)
			continue
		}
		r.mu.Lock()
		delete(r.byKey, k)
		delete(r.seen, k)
		r.mu.Unlock()
	}
}

// Check refuses a token that was revoked, or whose account is disabled: *problem.Error 401. It does not wait.
func (r *Revocations) Check(c Claims) error {
	if r == nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.byKey) == 0 {
		return nil
	}
	if e, ok := r.byKey[tokenKey+c.Root()]; ok && (e.Until == nil || r.now().Before(*e.Until)) {
		return problem.New(401, CodeRevoked, "this token was revoked")
	}
	for _, name := range []string{c.Subject, c.Agent} {
		if _, ok := r.byKey[accountID(name)]; ok && name != "" {
			return problem.New(401, CodeDisabled, "the account %s is disabled", name)
		}
	}
	return nil
}

// accountID is an account's key: names hold what keys cannot.
func accountID(name string) string { return accountKey + hex.EncodeToString([]byte(name)) }

// Revoke takes a token back with all that came of it; id is that of any of them. life is how long the longest of
// them may still be good. It counts, here and after a restart, when Revoke has returned.
func (r *Revocations) Revoke(ctx context.Context, id, subject, reason, by string, life time.Duration) (wire.Revocation, error) {
	now := r.now().UTC().Truncate(time.Millisecond)
	until := now.Add(life + 2*Skew)
	root := Claims{}
	root.ID = id
	key := tokenKey + root.Root()
	if !plainID(root.Root()) {
		e := problem.New(422, "invalid_field", "this is no token's id")
		e.Fields = []problem.Field{{Pointer: "/token_id", Code: "invalid"}}
		return wire.Revocation{}, e
	}
	e := wire.Revocation{ID: key, Kind: wire.RevokedToken, TokenID: root.Root(), Subject: subject, Reason: reason, By: by, Time: now, Until: &until}
	return e, r.put(ctx, key, e)
}

// plainID says whether an id can be part of a key.
func plainID(id string) bool {
	return id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-'
	})
}

// Disable refuses everything that is signed for an account, an agent or a program, until Lift.
func (r *Revocations) Disable(ctx context.Context, name, reason, by string) (wire.Revocation, error) {
	e := wire.Revocation{ID: accountID(name), Kind: wire.DisabledAccount, Subject: name, Reason: reason, By: by, Time: r.now().UTC().Truncate(time.Millisecond)}
	return e, r.put(ctx, e.ID, e)
}

func (r *Revocations) put(ctx context.Context, key string, e wire.Revocation) error {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("auth: revocation: %w", err)
	}
	revision, err := r.store.Put(ctx, key, b)
	if err != nil {
		// It may be kept all the same: it counts here in any case, the caller is told that it may not last.
		p := problem.New(503, "revocation_not_saved", "it is refused here, but the store has not taken it yet: repeat the request")
		p.Err = err
		err = p
	}
	r.set(key, e, revision)
	return err
}

func (r *Revocations) set(key string, e wire.Revocation, revision uint64) {
	r.mu.Lock()
	r.byKey[key] = e
	r.seen[key] = max(r.seen[key], revision)
	r.mu.Unlock()
	r.notify()
}

// Lift enables a disabled account again. A token stays revoked: 409.
func (r *Revocations) Lift(ctx context.Context, id string) (wire.Revocation, error) {
	r.mu.RLock()
	e, ok := r.byKey[id]
	r.mu.RUnlock()
	if !ok {
		return e, problem.NotFound("revocation", id)
	}
	if e.Kind != wire.DisabledAccount {
		return e, problem.Conflict("token_stays_revoked", string(e.Kind), nil, "a token that was revoked stays revoked: mint another")
	}
	if err := r.store.Delete(ctx, id); err != nil {
		p := problem.New(503, "revocation_not_saved", "the store has not taken it: repeat the request")
		p.Err = err
		return e, p
	}
	r.mu.Lock()
	delete(r.byKey, id)
	r.seen[id]++ // the deletion's, or less
	r.mu.Unlock()
	return e, nil
}

// List is everything that is revoked, newest first.
func (r *Revocations) List() []wire.Revocation {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]wire.Revocation, 0, len(r.byKey))
	for _, e := range r.byKey {
		if e.Until == nil || r.now().Before(*e.Until) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b wire.Revocation) int {
		return cmp.Or(b.Time.Compare(a.Time), strings.Compare(a.ID, b.ID))
	})
	return out
}

// ErrRevoked reports whether an error is that of Check.
func ErrRevoked(err error) bool {
	var p *problem.Error
	return errors.As(err, &p) && (p.Code == CodeRevoked || p.Code == CodeDisabled)
}
