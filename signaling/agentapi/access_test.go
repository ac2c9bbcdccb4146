package agentapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/oidc"
	"github.com/cordboard/cordboard/signaling/wire"
)

var _ SignIn = (*oidc.SignIn)(nil)

// memory keeps revocations as long as the test runs.
type memory struct {
	mu   sync.Mutex
	keys map[string][]byte
	rev  uint64
}

func (m *memory) Put(_ context.Context, key string, data []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rev++
	m.keys[key] = data
	return m.rev, nil
}

func (m *memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rev++
	delete(m.keys, key)
	return nil
}

func (m *memory) List(_ context.Context, prefix string) (out []store.Value, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range m.keys {
		if strings.HasPrefix(k, prefix) {
			out = append(out, store.Value{Key: k, Data: v, Revision: m.rev})
		}
	}
	return out, nil
}

func (m *memory) Watch(ctx context.Context, _ string, _ func(store.Value) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func newRevocations(t testing.TB) *auth.Revocations {
	t.Helper()
	r, err := auth.OpenRevocations(context.Background(), &memory{keys: map[string][]byte{}}, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fakeSignIn is a provider that vouches for whoever its answer names.
type fakeSignIn struct {
	secure bool
	who    auth.Claims
	err    error
}

func (f *fakeSignIn) Providers() []wire.SignInProvider {
	return []wire.SignInProvider{{ID: "company", Name: "Example Ltd", Path: "/v1/signin/company"}}
}

func (f *fakeSignIn) Begin(_ context.Context, id string) (string, string, error) {
	if id != "company" {
		return "", "", problem.NotFound("provider", id)
	}
	return "https://login.example.com/authorize?state=s", "kept", f.err
}

func (f *fakeSignIn) Finish(_ context.Context, id string, answer url.Values, kept string) (auth.Claims, error) {
	switch {
	case id != "company":
		return auth.Claims{}, problem.NotFound("provider", id)
	case kept != "kept" || answer.Get("state") != "s":
		return auth.Claims{}, problem.New(http.StatusBadRequest, "signin_expired", "not begun here")
	}
	return f.who, f.err
}

func (f *fakeSignIn) Wrap(token string) string { return "wrapped." + token }

func (f *fakeSignIn) Unwrap(wrapped string) (string, error) {
	token, ok := strings.CutPrefix(wrapped, "wrapped.")
	if !ok {
		return "", errors.New("not ours")
	}
	return token, nil
}

func (f *fakeSignIn) Secure() bool { return f.secure }

func whoIsAlice() auth.Claims {
	return auth.Claims{Agent: "alice", Profile: "sales", Grants: auth.AgentGrants(), Until: time.Now().Add(time.Hour).Unix(), RegisteredClaims: jwt.RegisteredClaims{Subject: "alice"}}
}

// signInFixture has a provider.
func signInFixture(t *testing.T, secure bool) (*fixture, *fakeSignIn) {
	p := &fakeSignIn{secure: secure, who: whoIsAlice()}
	return newFixture(t, func(_ *Config, d *Deps) { d.SignIn = p }), p
}

// cookies of an answer by name.
func cookies(w *httptest.ResponseRecorder) map[string]*http.Cookie {
	out := map[string]*http.Cookie{}
	for _, c := range w.Result().Cookies() { //nolint:bodyclose // a recorder's
		out[c.Name] = c
	}
	return out
}

// TestSignInAtAProvider goes the browser's way: to the provider, back, and the page fetches its token, once.
func TestSignInAtAProvider(t *testing.T) {
	for _, secure := range []bool{false, true} {
		f, _ := signInFixture(t, secure)
		prefix := ""
		if secure {
			prefix = "__Host-"
		}
		var o wire.SignInOptions
		if w := f.ask("", "GET", "/v1/signin", ""); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &o) != nil || len(o.Providers) != 1 || o.Providers[0].Path != "/v1/signin/company" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		w := f.ask("", "GET", "/v1/signin/company", "")
		kept := cookies(w)[prefix+cookieSignIn]
		if w.Code != 302 || w.Header().Get("Location") != "https://login.example.com/authorize?state=s" || kept == nil {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		if !kept.HttpOnly || kept.Secure != secure || kept.SameSite != http.SameSiteLaxMode || kept.Path != "/" || kept.Domain != "" || kept.MaxAge != 600 {
			t.Errorf("%+v", kept)
		}
		w = f.ask("", "GET", "/v1/signin/company/return?state=s&code=c", "", "Cookie", kept.Name+"="+kept.Value)
		all := cookies(w)
		given := all[prefix+cookieToken]
		if w.Code != 303 || w.Header().Get("Location") != "/#signin=done" || given == nil || all[kept.Name] == nil || all[kept.Name].MaxAge >= 0 {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		if !given.HttpOnly || given.Secure != secure || given.SameSite != http.SameSiteStrictMode || given.MaxAge != 60 {
			t.Errorf("%+v", given)
		}
		if strings.Contains(w.Header().Get("Location")+w.Body.String(), given.Value[len("wrapped."):]) {
			t.Error("the token is in the address or the page")
		}
		cookie := given.Name + "=" + given.Value
		for _, other := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
			if p := problemOf(t, f.ask("", "POST", "/v1/signin/token", "", append(other, "Cookie", cookie)...)); p.Code != "origin_not_allowed" {
				t.Errorf("%v: %s", other, p.Code)
			}
		}
		w = f.ask("", "POST", "/v1/signin/token", "", "Cookie", cookie, "Sec-Fetch-Site", "same-origin", "Origin", "http://example.com")
		var tok wire.Token
		if err := json.Unmarshal(w.Body.Bytes(), &tok); w.Code != 200 || err != nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if gone := cookies(w)[given.Name]; gone == nil || gone.MaxAge >= 0 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("the cookie stays: %v", w.Header())
		}
		c, err := f.keys.Verify(tok.Token)
		if err != nil || c.Agent != "alice" || c.Profile != "sales" || c.Until == 0 || c.Expires().Sub(c.IssuedAt.Time) > 24*time.Hour {
			t.Errorf("%+v %v", c, err)
		}
		w = f.ask("", "POST", "/v1/signin/token", "", "Cookie", cookie, "Sec-Fetch-Site", "same-origin", "Origin", "http://example.com")
		if p := problemOf(t, w); p.Status != 401 || p.Code != "signin_expired" {
			t.Errorf("handed over twice: %+v", p)
		}
		// The session has the profile, and the token that comes of it the same end.
		w = f.ask(tok.Token, "POST", "/v1/sessions", `{}`)
		var ses wire.SessionAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &ses); w.Code != 201 || err != nil || f.desk.profile != "sales" {
			t.Fatalf("%d %s, profile %q", w.Code, w.Body, f.desk.profile)
		}
		if d, err := f.keys.Verify(ses.Token.Token); err != nil || d.Until != c.Until || d.Root() != c.ID || d.Session == "" || d.Profile != "sales" {
			t.Errorf("%+v %v", d, err)
		}
		if p := problemOf(t, f.ask("", "POST", "/v1/signin/token", "")); p.Status != 401 || p.Code != "signin_expired" {
			t.Errorf("without a cookie: %+v", p)
		}
	}
}

// What goes wrong is a code in the desktop's address, never a sentence that others could write.
func TestSignInThatFails(t *testing.T) {
	f, p := signInFixture(t, false)
	location := func(path, cookie string) string {
		t.Helper()
		w := f.ask("", "GET", path, "", "Cookie", cookie)
		if w.Code != 303 || cookies(w)[cookieToken] != nil {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		return w.Header().Get("Location")
	}
	const back = "/v1/signin/company/return?state=s&code=c"
	if got := location(back, "x=y"); got != "/#signin=signin_expired" {
		t.Error(got)
	}
	p.err = problem.New(http.StatusForbidden, "signin_nobody", "you are nobody, call +1 900 EVIL")
	if got := location(back, cookieSignIn+"=kept"); got != "/#signin=signin_nobody" {
		t.Error(got)
	}
	if got := location("/v1/signin/company", ""); got != "/#signin=signin_nobody" {
		t.Error(got)
	}
	p.err = errors.New("broken")
	if got := location(back, cookieSignIn+"=kept"); got != "/#signin=internal" {
		t.Error(got)
	}
	p.err = nil
	if _, err := f.s.deps.Revocations.Disable(t.Context(), "alice", "", "x"); err != nil {
		t.Fatal(err)
	}
	if got := location(back, cookieSignIn+"=kept"); got != "/#signin=account_disabled" {
		t.Error(got)
	}
	for _, path := range []string{"/v1/signin/other", "/v1/signin/other/return"} {
		if pr := problemOf(t, f.ask("", "GET", path, "")); pr.Code != "provider_not_found" {
			t.Errorf("%s: %+v", path, pr)
		}
	}
	for range signInBurst + 20 {
		if w := f.ask("", "GET", "/v1/signin/company", ""); w.Code == http.StatusTooManyRequests {
			if w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			f.s.deps.SignIn = nil
			if pr := problemOf(t, f.ask("", "GET", "/v1/signin/company", "")); pr.Code != "no_provider" {
				t.Errorf("without providers: %+v", pr)
			}
			return
		}
	}
	t.Error("there is no limit")
}

// TestT9_RevokedSocketsClose: live sockets of what is revoked are closed within a second, with a code of their own; others stay.
func TestT9_RevokedSocketsClose(t *testing.T) {
	f := newFixture(t)
	address := f.listen(t)
	admin := f.token("", "admin:*")
	program := func(name string) string {
		tok, _, err := f.keys.Mint(auth.Claims{Grants: []string{"events:all", "call:read"}, RegisteredClaims: jwt.RegisteredClaims{Subject: name}})
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	open := func(tok string) *client {
		c := connect(t, address, "", tok)
		c.hello()
		return c
	}
	closes := func(what string, c *client, since time.Time, reason string) {
		t.Helper()
		if code, why := c.closed(); code != wire.CloseRevoked || why != reason {
			t.Errorf("%s: %d %s", what, code, why)
		}
		if d := time.Since(since); d > time.Second {
			t.Errorf("%s: closed after %v", what, d)
		}
	}
	stays := open(program("other"))
	revoke := func(body string, want int) wire.Revocation {
		t.Helper()
		w := f.ask(admin, "POST", "/v1/revocations", body)
		var e wire.Revocation
		if w.Code != want {
			t.Fatalf("%s: %d %s", body, w.Code, w.Body)
		}
		_ = json.Unmarshal(w.Body.Bytes(), &e)
		return e
	}

	// A token, by the token itself; what came of it goes with it.
	tok := program("crm")
	var fresh wire.Token
	if err := json.Unmarshal(f.ask(tok, "POST", "/v1/token/refresh", "").Body.Bytes(), &fresh); err != nil {
		t.Fatal(err)
	}
	one, two := open(tok), open(fresh.Token)
	at := time.Now()
	e := revoke(`{"token":"`+tok+`","reason":"leaked"}`, 201)
	closes("the token", one, at, "token_revoked")
	closes("one that came of it", two, at, "token_revoked")
	for _, x := range []string{tok, fresh.Token} {
		if p := problemOf(t, f.ask(x, "GET", "/v1/calls", "")); p.Status != 401 || p.Code != "token_revoked" {
			t.Errorf("%+v", p)
		}
		if code, reason := connect(t, address, "", x).closed(); code != wire.CloseRevoked || reason != "token_revoked" {
			t.Errorf("a new socket: %d %s", code, reason)
		}
	}
	revoke(`{"token":"`+tok+`"}`, 201) // again: the same
	if p := problemOf(t, f.ask(admin, "DELETE", "/v1/revocations/"+e.ID, "")); p.Status != 409 || p.Code != "token_stays_revoked" {
		t.Errorf("%+v", p)
	}

	// By the id in the audit log, of a token that came of another.
	tok = program("billing")
	if err := json.Unmarshal(f.ask(tok, "POST", "/v1/token/refresh", "").Body.Bytes(), &fresh); err != nil {
		t.Fatal(err)
	}
	c, _ := f.keys.Verify(fresh.Token)
	one = open(tok)
	at = time.Now()
	revoke(`{"token_id":"`+c.ID+`"}`, 201)
	closes("by an id", one, at, "token_revoked")

	// An account: agent and program alike. A desktop is signed out.
	desk, _ := f.session("alice")
	one, two = open(desk), open(program("reports"))
	at = time.Now()
	e = revoke(`{"subject":"alice","reason":"left"}`, 201)
	closes("the agent", one, at, "account_disabled")
	if p := problemOf(t, f.ask(desk, "GET", "/v1/agents/me", "")); p.Code != "account_disabled" {
		t.Errorf("%+v", p)
	}
	if p := problemOf(t, f.ask(f.token("alice"), "POST", "/v1/sessions", "{}")); p.Code != "account_disabled" {
		t.Errorf("%+v", p)
	}
	if len(f.desk.sessions) != 0 {
		t.Error("alice is still signed in")
	}
	at = time.Now()
	revoke(`{"subject":"reports"}`, 201)
	closes("the program", two, at, "account_disabled")
	if w := f.ask(admin, "DELETE", "/v1/revocations/"+e.ID, ""); w.Code != 204 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.ask(f.token("alice"), "POST", "/v1/sessions", "{}"); w.Code != 201 {
		t.Errorf("enabled again: %d %s", w.Code, w.Body)
	}

	// Given up by the bearer.
	tok = program("gone")
	one = open(tok)
	at = time.Now()
	if w := f.ask(tok, "POST", "/v1/token/revoke", ""); w.Code != 204 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	closes("given up", one, at, "token_revoked")

	if r := stays.do(wire.Command{ID: "1", Method: "GET", Path: "/v1/calls"}); r.Status != 200 {
		t.Errorf("somebody else's socket: %+v", r)
	}
	// All of it is in the audit log, and in the list.
	w := f.ask(admin, "GET", "/v1/audit?limit=200", "").Body.String()
	for _, want := range []string{`"account.disabled"`, `"account.enabled"`, `"token.revoked"`, `"leaked"`} {
		if !strings.Contains(w, want) {
			t.Errorf("the audit log lacks %s", want)
		}
	}
	var list wire.RevocationList
	if err := json.Unmarshal(f.ask(admin, "GET", "/v1/revocations", "").Body.Bytes(), &list); err != nil || len(list.Items) != 4 {
		t.Errorf("%+v %v", list, err)
	}
	for _, bad := range []string{`{}`, `{"token":"x","subject":"y"}`, `{"token":"x"}`, `{"token_id":"a b"}`, `{"subject":"y","issuer":"crm"}`, `{"subject":"` + strings.Repeat("x", 501) + `"}`} {
		revoke(bad, 422)
	}
}

// A command of a revoked token is refused although its socket is still there.
func TestT9_RevokedCommand(t *testing.T) {
	f := newFixture(t)
	c := connect(t, f.listen(t), "", f.token("", "call:read"))
	c.hello()
	f.s.deps.Revocations.OnChange(func() {}) // as if the close were late
	if _, err := f.s.deps.Revocations.Disable(t.Context(), "test", "", "x"); err != nil {
		t.Fatal(err)
	}
	if r := c.do(wire.Command{ID: "1", Method: "GET", Path: "/v1/calls"}); r.Status != 401 {
		t.Errorf("%+v", r)
	}
}

// A token of another issuer is not renewed here.
func TestForeignTokenIsNotRenewed(t *testing.T) {
	f := newFixture(t)
	q := &request{s: f.s, claims: auth.Claims{Foreign: "crm"}}
	if p := problem.As(postRefresh(q)); p.Status != 403 || p.Code != "foreign_token" {
		t.Errorf("%+v", p)
	}
	q.claims = auth.Claims{Agent: "alice", Until: 1}
	if p := problem.As(postRefresh(q)); p.Status != 401 || p.Code != "signin_over" {
		t.Errorf("%+v", p)
	}
}
