package auth

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/signaling/wire"
)

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openRevocations(t *testing.T, s *store.Store, now func() time.Time) *Revocations {
	t.Helper()
	b, err := s.Bucket("revocations", 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenRevocations(t.Context(), b, slog.New(slog.DiscardHandler), now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func codeOf(err error) string {
	var p *problem.Error
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// TestT9_RevokedStaysRevoked: a token goes with all that came of it, a disabled account with all its tokens; both are
// refused after a restart, and only the account comes back.
func TestT9_RevokedStaysRevoked(t *testing.T) {
	k := keys(t)
	dir := t.TempDir()
	s := openStore(t, dir)
	r := openRevocations(t, s, k.now)
	mint := func(c Claims) Claims {
		t.Helper()
		_, out, err := k.Mint(c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	again := func(c Claims) Claims {
		t.Helper()
		_, out, err := k.Refresh(c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	root := mint(Claims{RegisteredClaims: jwt.RegisteredClaims{Subject: "crm"}, Grants: []string{"call:read"}})
	child := again(root)
	grandchild := again(child)
	session := mint(Claims{Agent: "alice", Session: "ses_1", RegisteredClaims: jwt.RegisteredClaims{ID: root.ID}})
	other := mint(Claims{RegisteredClaims: jwt.RegisteredClaims{Subject: "crm"}})
	agent := mint(Claims{Agent: "bob"})
	family := []Claims{root, child, grandchild, session}
	for i, c := range family {
		if c.Root() != root.ID || slices.ContainsFunc(family[:i], func(o Claims) bool { return o.ID == c.ID }) {
			t.Fatalf("%s of %s", c.ID, root.ID)
		}
	}
	check := func(r *Revocations, what string, want string, list ...Claims) {
		t.Helper()
		for _, c := range list {
			if err := r.Check(c); codeOf(err) != want || (err != nil) != ErrRevoked(err) || err != nil && problem.As(err).Status != 401 {
				t.Errorf("%s: %s %v, want %q", what, c.ID, err, want)
			}
		}
	}
	check(r, "before", "", append(family, other, agent)...)
	// By the id of any of them.
	if e, err := r.Revoke(t.Context(), grandchild.ID, "crm", "leaked", "admin", k.Life()); err != nil || e.Kind != wire.RevokedToken || e.TokenID != root.ID || e.Until == nil {
		t.Fatalf("%+v %v", e, err)
	}
	if _, err := r.Disable(t.Context(), "bob", "left", "admin"); err != nil {
		t.Fatal(err)
	}
	check(r, "revoked", CodeRevoked, family...)
	check(r, "another token of the program", "", other)
	check(r, "disabled", CodeDisabled, agent)
	for _, bad := range []string{"", "a b", "../x", "x.>", strings.Repeat("x", 200), "ž"} {
		if _, err := r.Revoke(t.Context(), bad, "", "", "admin", time.Hour); err == nil && bad != "x.>" || err != nil && problem.As(err).Status != 422 {
			t.Errorf("%q: %v", bad, err)
		}
	}
	list := r.List()
	if len(list) < 2 || !slices.ContainsFunc(list, func(e wire.Revocation) bool {
		return e.Subject == "bob" && e.Reason == "left" && e.By == "admin" && e.Until == nil
	}) {
		t.Errorf("%+v", list)
	}

	// After a restart.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	at := k.now()
	r = openRevocations(t, s, func() time.Time { return at })
	check(r, "after a restart", CodeRevoked, family...)
	check(r, "after a restart", CodeDisabled, agent)
	if _, err := r.Lift(t.Context(), "token."+root.ID); problem.As(err).Status != 409 {
		t.Errorf("a token was given back: %v", err)
	}
	if _, err := r.Lift(t.Context(), "account.00"); problem.As(err).Status != 404 {
		t.Errorf("%v", err)
	}
	if e, err := r.Lift(t.Context(), accountID("bob")); err != nil || e.Subject != "bob" {
		t.Errorf("%+v %v", e, err)
	}
	check(r, "lifted", "", agent)
	// When no such token can be good any more it is forgotten, and not before.
	at = at.Add(k.Life() + Skew)
	r.forget(t.Context())
	check(r, "as long as a token lives", CodeRevoked, root)
	at = at.Add(2 * Skew)
	r.forget(t.Context())
	if n := len(r.List()); n != 0 {
		t.Errorf("%d are kept", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(openRevocations(t, openStore(t, dir), k.now).List()); n != 0 {
		t.Errorf("%d are kept in the store", n)
	}
}

// What one node revokes counts on another that shares the store, and is told there.
func TestRevocationsOfOtherNodes(t *testing.T) {
	s := openStore(t, t.TempDir())
	here, there := openRevocations(t, s, time.Now), openRevocations(t, s, time.Now)
	var told atomic.Int32
	there.OnChange(func() { told.Add(1) })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- there.Run(ctx) }()
	until := func(what string, f func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s did not come", what)
			}
		}
	}
	bob := Claims{Agent: "bob"}
	for range 20 { // back and forth: what a watch tells late must not undo what was done since
		if _, err := here.Disable(t.Context(), "bob", "", "x"); err != nil {
			t.Fatal(err)
		}
		if here.Check(bob) == nil {
			t.Fatal("not refused here at once")
		}
		until("disabled there", func() bool { return there.Check(bob) != nil })
		if _, err := here.Lift(t.Context(), accountID("bob")); err != nil {
			t.Fatal(err)
		}
		if here.Check(bob) != nil {
			t.Fatal("not lifted here at once")
		}
		until("enabled there", func() bool { return there.Check(bob) == nil })
	}
	if told.Load() < 40 {
		t.Errorf("told %d times", told.Load())
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// brokenStore fails where it is told to.
type brokenStore struct {
	Store
	puts int
}

var errDisk = errors.New("disk full")

func (b *brokenStore) Put(context.Context, string, []byte) (uint64, error) {
	b.puts++
	return 0, errDisk
}

func (b *brokenStore) List(context.Context, string) ([]store.Value, error) { return nil, nil }

// What the store does not take is refused all the same, and the caller is told that it may not last.
func TestRevocationNotSaved(t *testing.T) {
	r, err := OpenRevocations(t.Context(), &brokenStore{}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Disable(t.Context(), "bob", "", "x"); codeOf(err) != "revocation_not_saved" || !errors.Is(err, errDisk) {
		t.Errorf("%v", err)
	}
	if r.Check(Claims{Agent: "bob"}) == nil {
		t.Error("not refused")
	}
	var none *Revocations
	if err := none.Check(Claims{Agent: "bob"}); err != nil {
		t.Errorf("a server without revocations: %v", err)
	}
}

// Renewals end where the sign-in ends.
func TestUntil(t *testing.T) {
	k := keys(t)
	at := epoch
	k.now = func() time.Time { return at }
	_, c, err := k.Mint(Claims{Agent: "alice", Profile: "sales", Until: epoch.Add(20 * time.Minute).Unix(), LifeSeconds: 900})
	if err != nil || c.Expires().Sub(epoch) != 15*time.Minute {
		t.Fatalf("%v %v", c.Expires(), err)
	}
	at = epoch.Add(14 * time.Minute)
	if _, c, err = k.Refresh(c); err != nil || c.Expires().Sub(epoch) != 20*time.Minute || c.Profile != "sales" {
		t.Errorf("%+v %v", c, err)
	}
	at = epoch.Add(20 * time.Minute)
	if _, _, err = k.Refresh(c); !errors.Is(err, ErrToken) {
		t.Errorf("renewed for ever: %v", err)
	}
}
