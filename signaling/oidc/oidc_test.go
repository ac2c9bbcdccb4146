package oidc

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cordboard/cordboard/internal/egress"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/internal/testoidc"
	"github.com/cordboard/cordboard/signaling/auth"
)

const public = "https://desk.example.com"

// rig is a provider and who signs in there.
type rig struct {
	t     *testing.T
	op    *testoidc.Provider
	s     *SignIn
	ahead time.Duration // of the clock
	log   bytes.Buffer
}

func loopback() egress.Config {
	return egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
}

func newRig(t *testing.T, secret string, change ...func(c *Config)) *rig {
	t.Helper()
	r := &rig{t: t, op: testoidc.New("cordboard", secret)}
	t.Cleanup(r.op.Close)
	c := Config{ID: "company", Name: "Example Ltd", Issuer: r.op.URL, ClientID: "cordboard", AgentClaim: "preferred_username", Role: auth.RoleAgent}
	c.SetDefaults()
	if secret != "" {
		c.ClientSecretFile = filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(c.ClientSecretFile, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range change {
		f(&c)
	}
	if err := c.Validate(loopback().CheckURL); err != nil {
		t.Fatal(err)
	}
	var err error
	r.s, err = New([]Config{c}, Deps{
		PublicURL: public, Client: loopback().Client(5 * time.Second), Key: make([]byte, 32), Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		Now: r.now, KnowsAgent: func(id string) bool { return id == "alice" || id == "bob" },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.person(map[string]any{"sub": "17", "preferred_username": "alice"})
	return r
}

// now is the clock of the server.
func (r *rig) now() time.Time { return time.Now().Add(r.ahead) }

func (r *rig) person(claims map[string]any) { r.op.Set(func(h *testoidc.How) { h.Person = claims }) }

// begin goes to the provider, presses the button there, and comes back with its answer.
func (r *rig) begin() (answer url.Values, kept string) {
	r.t.Helper()
	to, kept, err := r.s.Begin(r.t.Context(), "company")
	if err != nil {
		r.t.Fatal(err)
	}
	return r.agree(to), kept
}

func (r *rig) agree(to string) url.Values {
	r.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Post(to, "application/x-www-form-urlencoded", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		body, _ := io.ReadAll(resp.Body)
		r.t.Fatalf("%d %s %v", resp.StatusCode, body, err)
	}
	if at := back.Scheme + "://" + back.Host + back.Path; at != public+"/v1/signin/company/return" {
		r.t.Fatalf("sent back to %s", at)
	}
	return back.Query()
}

func (r *rig) signIn() (auth.Claims, error) {
	r.t.Helper()
	answer, kept := r.begin()
	return r.s.Finish(r.t.Context(), "company", answer, kept)
}

func (r *rig) refused(what, code string, err error) {
	r.t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != code || p.Detail == "" {
		r.t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestSignIn(t *testing.T) {
	for _, secret := range []string{"", "s3cret with blanks & +"} {
		r := newRig(t, secret)
		c, err := r.signIn()
		if err != nil {
			t.Fatalf("secret %q: %v", secret, err)
		}
		if c.Agent != "alice" || c.Subject != "alice" || !slices.Equal(c.Grants, auth.AgentGrants()) || c.Session != "" || c.LifeSeconds != 900 ||
			time.Until(time.Unix(c.Until, 0)) < 12*time.Hour-time.Minute || time.Until(time.Unix(c.Until, 0)) > 12*time.Hour {
			t.Errorf("%+v", c)
		}
		if n := r.op.Asked("/.well-known/openid-configuration"); n != 1 {
			t.Errorf("asked %d times what it says of itself", n)
		}
	}
}

// Where the browser is sent has what the flow needs, and nothing of it twice.
func TestBegin(t *testing.T) {
	r := newRig(t, "")
	seen := map[string]bool{}
	for range 20 {
		to, kept, err := r.s.Begin(t.Context(), "company")
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(to)
		q := u.Query()
		if q.Get("response_type") != "code" || q.Get("client_id") != "cordboard" || q.Get("code_challenge_method") != "S256" || q.Get("scope") != "openid profile email" ||
			q.Get("redirect_uri") != public+"/v1/signin/company/return" || q.Has("code_verifier") {
			t.Fatalf("%s", to)
		}
		for _, v := range []string{q.Get("state"), q.Get("nonce"), q.Get("code_challenge"), kept} {
			if len(v) < 43 || seen[v] {
				t.Fatalf("%q is short or was there before", v)
			}
			seen[v] = true
		}
		if strings.Contains(kept, q.Get("state")) {
			t.Error("the state can be read in what the browser keeps")
		}
	}
	if _, _, err := r.s.Begin(t.Context(), "other"); problem.As(err).Status != http.StatusNotFound {
		t.Errorf("%v", err)
	}
}

// TestT9_Answers: what comes back must be the answer to what this browser has asked, once.
func TestT9_Answers(t *testing.T) {
	r := newRig(t, "")
	finish := func(answer url.Values, kept string) error {
		_, err := r.s.Finish(t.Context(), "company", answer, kept)
		return err
	}
	answer, kept := r.begin()
	_, others := r.begin()
	r.refused("another browser's", CodeExpired, finish(answer, others))
	r.refused("no cookie", CodeExpired, finish(answer, ""))
	r.refused("a changed cookie", CodeExpired, finish(answer, kept[:len(kept)-4]+"AAAA"))
	r.refused("a wrapped token as cookie", CodeExpired, finish(answer, r.s.Wrap("token")))
	with := func(name, v string) url.Values {
		a := url.Values{}
		for k := range answer {
			a.Set(k, answer.Get(k))
		}
		a.Set(name, v)
		return a
	}
	r.refused("another state", CodeExpired, finish(with("state", "x"), kept))
	r.refused("no state", CodeExpired, finish(with("state", ""), kept))
	r.refused("another issuer's answer", CodeToken, finish(with("iss", "https://evil.example"), kept))
	r.refused("no issuer, who says that there is one", CodeToken, finish(with("iss", ""), kept))
	r.refused("a long answer", CodeRefused, finish(with("code", strings.Repeat("x", 5000)), kept))
	double := with("x", "y")
	double["code"] = []string{"a", "b"}
	r.refused("two codes", CodeRefused, finish(double, kept))
	if err := finish(answer, kept); err != nil {
		t.Errorf("the right one: %v", err)
	}
	r.refused("the code a second time", CodeRefused, finish(answer, kept))

	answer, kept = r.begin()
	r.ahead += stateLife + time.Second
	r.refused("too late", CodeExpired, finish(answer, kept))

	r = newRig(t, "")
	r.op.Set(func(h *testoidc.How) { h.Refuse = "access_denied" })
	_, err := r.signIn()
	r.refused("cancelled there", CodeRefused, err)
	// The right code with another verifier: PKCE.
	r = newRig(t, "")
	answer, _ = r.begin()
	stolen := r.s.box.seal("attempt", attempt{Provider: "company", State: answer.Get("state"), Nonce: "n", Verifier: strings.Repeat("v", 43)}, r.now().Add(time.Minute))
	_, err = r.s.Finish(t.Context(), "company", answer, stolen)
	r.refused("a stolen code", CodeRefused, err)
}

// TestT9_IDTokens is the table of ID tokens that must and must not be believed.
func TestT9_IDTokens(t *testing.T) {
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	// A duration is a time from when the token is signed.
	set := func(kv ...any) func(_, claims map[string]any) {
		return func(_, claims map[string]any) {
			for i := 0; i < len(kv); i += 2 {
				switch v := kv[i+1].(type) {
				case nil:
					delete(claims, kv[i].(string))
				case time.Duration:
					claims[kv[i].(string)] = time.Now().Add(v).Unix()
				default:
					claims[kv[i].(string)] = v
				}
			}
		}
	}
	head := func(name string, v any) func(header, _ map[string]any) {
		return func(header, _ map[string]any) { header[name] = v }
	}
	for _, c := range []struct {
		name  string
		forge func(header, claims map[string]any)
		sign  func(*jwt.Token) (string, error)
		code  string
	}{
		{"good", nil, nil, ""},
		{"expired 30 s ago", set("exp", -30*time.Second), nil, ""},
		{"issued 40 s ahead", set("iat", 40*time.Second, "nbf", 40*time.Second), nil, ""},
		{"audience in a list, ours is azp", set("aud", []string{"other", "cordboard"}, "azp", "cordboard"), nil, ""},
		{"no at_hash", set("at_hash", nil), nil, ""},

		{"expired 90 s ago", set("exp", -90*time.Second), nil, CodeClock},
		{"issued 2 min ahead", set("iat", 2*time.Minute), nil, CodeClock},
		{"valid in 2 min", set("nbf", 2*time.Minute), nil, CodeClock},
		{"no exp", set("exp", nil), nil, CodeToken},
		{"another nonce", set("nonce", "x"), nil, CodeToken},
		{"no nonce", set("nonce", nil), nil, CodeToken},
		{"another audience", set("aud", "other"), nil, CodeToken},
		{"audience in a list, no azp", set("aud", []string{"other", "cordboard"}), nil, CodeToken},
		{"azp another", set("azp", "other"), nil, CodeToken},
		{"another issuer", set("iss", "https://evil.example"), nil, CodeToken},
		{"no subject", set("sub", nil), nil, CodeToken},
		{"another access token", set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), nil, CodeToken},
		{"unknown kid", head("kid", "other"), nil, CodeToken},
		{"foreign key", nil, func(t *jwt.Token) (string, error) { return t.SignedString(foreign) }, CodeToken},
		{"alg none", nil, func(t *jwt.Token) (string, error) {
			n := jwt.NewWithClaims(jwt.SigningMethodNone, t.Claims)
			n.Header["kid"] = t.Header["kid"]
			return n.SignedString(jwt.UnsafeAllowNoneSignatureType)
		}, CodeToken},
		{"HS256 with the client's id", nil, func(t *jwt.Token) (string, error) {
			n := jwt.NewWithClaims(jwt.SigningMethodHS256, t.Claims)
			n.Header["kid"] = t.Header["kid"]
			return n.SignedString([]byte("cordboard"))
		}, CodeToken},
		{"no token", nil, func(*jwt.Token) (string, error) { return "", nil }, CodeToken},
		{"nonsense", nil, func(*jwt.Token) (string, error) { return "a.b.c", nil }, CodeToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "")
			r.op.Set(func(h *testoidc.How) { h.Forge, h.Sign = c.forge, c.sign })
			got, err := r.signIn()
			if c.code == "" {
				if err != nil || got.Agent != "alice" {
					t.Errorf("%+v %v", got, err)
				}
				return
			}
			r.refused(c.name, c.code, err)
			if got.Grants != nil || got.Agent != "" {
				t.Errorf("%+v of a refused sign-in", got)
			}
		})
	}
}

// Keys change while the server runs: a new one is found, also of another kind, one that was taken back is not believed.
func TestProviderRotatesKeys(t *testing.T) {
	r := newRig(t, "")
	for i, turn := range []func(){func() {}, func() { r.op.Rotate(false) }, func() { r.op.Rotate(true) }, func() { r.op.Rotate(false); r.op.Withdraw() }} {
		turn()
		if _, err := r.signIn(); err != nil {
			t.Fatalf("turn %d: %v", i, err)
		}
	}
}

func TestProviderDown(t *testing.T) {
	r := newRig(t, "")
	r.op.Set(func(h *testoidc.How) { h.Down = true })
	_, _, err := r.s.Begin(t.Context(), "company")
	r.refused("down", CodeUnreachable, err)
	for range 5 {
		_, _, err = r.s.Begin(t.Context(), "company")
		r.refused("still down", CodeUnreachable, err)
	}
	if n := r.op.Asked("/.well-known/openid-configuration"); n > 3 { // one, but the machine may be slower than the pause
		t.Errorf("asked %d times within the pause", n)
	}
	r.op.Set(func(h *testoidc.How) { h.Down = false })
	r.ahead += askPause
	answer, kept := r.begin()
	// Down between going there and coming back.
	r.op.Set(func(h *testoidc.How) { h.Down = true })
	_, err = r.s.Finish(t.Context(), "company", answer, kept)
	r.refused("down at the end", CodeUnreachable, err)
	// What it said before will do when it does not answer after an hour.
	r.op.Set(func(h *testoidc.How) { h.Down = false })
	if _, err := r.signIn(); err != nil {
		t.Error(err)
	}
	r.op.Set(func(h *testoidc.How) { h.Down = true })
	r.ahead += 2 * discoverLife
	if _, _, err := r.s.Begin(t.Context(), "company"); err != nil {
		t.Error(err)
	}
}

func TestDiscoveryThatWillNotDo(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another issuer": func(d map[string]any) { d["issuer"] = "https://evil.example" },
		"no S256":        func(d map[string]any) { d["code_challenge_methods_supported"] = []string{"plain"} },
		"no keys":        func(d map[string]any) { delete(d, "jwks_uri") },
		"no token":       func(d map[string]any) { delete(d, "token_endpoint") },
	} {
		r := newRig(t, "")
		r.op.Set(func(h *testoidc.How) { h.Discovery = change })
		_, _, err := r.s.Begin(t.Context(), "company")
		r.refused(name, CodeUnreachable, err)
	}
}

// TestT11_ProviderInside: what a provider of a public address says can lead inside; no request goes there.
func TestT11_ProviderInside(t *testing.T) {
	r := newRig(t, "")
	r.s.deps.Client = egress.Config{}.Client(time.Second)
	_, _, err := r.s.Begin(t.Context(), "company")
	r.refused("not listed", CodeUnreachable, err)
	if !errors.Is(err, egress.ErrBlocked) || r.op.Asked("/.well-known/openid-configuration") != 0 {
		t.Errorf("%v", err)
	}
}

// TestWhoSomebodyIs is the table of what claims mean.
func TestWhoSomebodyIs(t *testing.T) {
	rules := []Rule{
		{Claim: "groups", Value: "cc-supervisors", Role: auth.RoleSupervisor},
		{Claim: "realm_access.roles", Value: "cc-admin", Role: auth.RoleAdmin},
		{Claim: "https://example.com/groups", Value: "sales", Profile: "sales"},
		{Claim: "groups", Value: "support", Profile: "support"},
		{Claim: "email", Value: "b@example.com", Agent: "bob"},
		{Claim: "employee", Value: "true", Role: auth.RoleAgent},
		{Claim: "level", Value: "7", Role: auth.RoleSupervisor},
	}
	type m = map[string]any
	for _, c := range []struct {
		name                                string
		claims                              m
		agent, subject, role, profile, code string
		change                              func(*Config)
	}{
		{name: "nobody", claims: m{"preferred_username": "alice"}, code: CodeNobody},
		{name: "true as text", claims: m{"preferred_username": "alice", "employee": true}, agent: "alice", role: "agent"},
		{name: "a number", claims: m{"preferred_username": "alice", "level": 7}, agent: "alice", role: "supervisor"},
		{name: "the greatest role", claims: m{"preferred_username": "alice", "employee": "true", "groups": []string{"x", "cc-supervisors"}}, agent: "alice", role: "supervisor"},
		{name: "nested", claims: m{"preferred_username": "alice", "realm_access": m{"roles": []string{"cc-admin"}}}, agent: "alice", role: "admin"},
		{name: "an admin without calls", claims: m{"preferred_username": "root", "realm_access": m{"roles": []string{"cc-admin"}}}, subject: "company:17", role: "admin"},
		{name: "a name with dots, the first profile", claims: m{"preferred_username": "alice", "employee": true, "https://example.com/groups": []string{"sales"}, "groups": []string{"support"}}, agent: "alice", role: "agent", profile: "sales"},
		{name: "another profile", claims: m{"preferred_username": "alice", "employee": true, "groups": []string{"support"}}, agent: "alice", role: "agent", profile: "support"},
		{name: "the rule's agent goes first", claims: m{"preferred_username": "alice", "employee": true, "email": "b@example.com", "email_verified": true}, agent: "bob", role: "agent"},
		{name: "an unverified address counts for nothing", claims: m{"preferred_username": "alice", "employee": true, "email": "b@example.com", "email_verified": false}, agent: "alice", role: "agent"},
		{name: "nor one of which nothing is said", claims: m{"preferred_username": "alice", "employee": true, "email": "b@example.com"}, agent: "alice", role: "agent"},
		{name: "unless it may", claims: m{"employee": true, "email": "b@example.com"}, agent: "bob", role: "agent", change: func(c *Config) { c.UnverifiedEmail = true }},
		{name: "no agent", claims: m{"employee": true}, code: CodeNoAgent},
		{name: "an agent there is not", claims: m{"preferred_username": "eve", "employee": true}, code: CodeNoAgent},
		{name: "two agents", claims: m{"preferred_username": []string{"alice", "bob"}, "employee": true}, code: CodeNoAgent},
		{name: "groups of another shape", claims: m{"preferred_username": "alice", "groups": m{"cc-supervisors": true}}, code: CodeNobody},
		{name: "the default", claims: m{"preferred_username": "alice"}, agent: "alice", role: "supervisor", change: func(c *Config) { c.Role = auth.RoleSupervisor }},
		{name: "a claim of the user info", claims: m{"preferred_username": "alice"}, agent: "alice", role: "supervisor", change: func(c *Config) { c.UserInfo = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "", func(cfg *Config) {
				cfg.Role, cfg.Rules = "", rules
				if c.change != nil {
					c.change(cfg)
				}
			})
			c.claims["sub"] = "17"
			r.person(c.claims)
			r.op.Set(func(h *testoidc.How) { h.Info = m{"groups": []string{"cc-supervisors"}, "preferred_username": "bob"} })
			got, err := r.signIn()
			if c.code != "" {
				r.refused(c.name, c.code, err)
				return
			}
			subject := c.subject
			if subject == "" {
				subject = c.agent
			}
			if err != nil || got.Agent != c.agent || got.Subject != subject || got.Profile != c.profile || !slices.Equal(got.Grants, auth.RoleGrants(auth.Role(c.role))) {
				t.Errorf("%+v %v", got, err)
			}
		})
	}
}

// What the UserInfo endpoint says of somebody else is not taken.
func TestUserInfoOfAnother(t *testing.T) {
	r := newRig(t, "", func(c *Config) { c.UserInfo = true })
	r.op.Set(func(h *testoidc.How) { h.Info = map[string]any{"sub": "18"} })
	_, err := r.signIn()
	r.refused("another's", CodeToken, err)
}

func TestConfig(t *testing.T) {
	good := func() Config {
		c := Config{ID: "a", Name: "A", Issuer: "https://a.example.com", ClientID: "x", Role: auth.RoleAgent}
		c.SetDefaults()
		return c
	}
	if err := good().Validate(egress.Config{}.CheckURL); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *Config){
		"id":             func(c *Config) { c.ID = "A B" },
		"id: \"token\"":  func(c *Config) { c.ID = "token" },
		"name":           func(c *Config) { c.Name = "" },
		"issuer":         func(c *Config) { c.Issuer = "http://127.0.0.1/" },
		"client_id":      func(c *Config) { c.ClientID = "" },
		"scopes":         func(c *Config) { c.Scopes = []string{"email"} },
		"nobody could":   func(c *Config) { c.Role = "" },
		"none of agent":  func(c *Config) { c.Role = "root" },
		"claim and":      func(c *Config) { c.Rules = []Rule{{Role: auth.RoleAgent}} },
		"set role, prof": func(c *Config) { c.Rules = []Rule{{Claim: "a", Value: "b"}} },
		"leeway":         func(c *Config) { c.Leeway = time.Hour },
		"session":        func(c *Config) { c.Session = time.Second },
		"no such file":   func(c *Config) { c.ClientSecretFile = "/none" },
	} {
		c := good()
		change(&c)
		if err := c.Validate(egress.Config{}.CheckURL); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for address, ok := range map[string]bool{
		"https://desk.example.com": true, "http://127.0.0.1:8080": true, "https://desk.example.com/": false, "desk.example.com": false,
		"": false, "ftp://x": false, "https://desk.example.com/x": false, "https://u:p@x": false,
	} {
		if err := CheckPublicURL(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestWrap(t *testing.T) {
	r := newRig(t, "")
	w := r.s.Wrap("a.b.c")
	if got, err := r.s.Unwrap(w); err != nil || got != "a.b.c" {
		t.Errorf("%q %v", got, err)
	}
	_, kept := r.begin()
	for _, bad := range []string{"", "x", w[:len(w)-2], kept} {
		if _, err := r.s.Unwrap(bad); err == nil {
			t.Errorf("%q was opened", bad)
		}
	}
	r.ahead += tokenLife + time.Second
	if _, err := r.s.Unwrap(w); err == nil {
		t.Error("opened after its time")
	}
	if _, err := newBox([]byte("short")); err == nil {
		t.Error("a short key")
	}
}

// Nothing but what we sealed comes out of a box.
func FuzzBox(f *testing.F) {
	b, err := newBox(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	now := time.Unix(1000, 0)
	good := b.seal("attempt", attempt{State: "x"}, now.Add(time.Minute))
	f.Add(good)
	f.Add("")
	f.Add(strings.Repeat("A", 64))
	f.Fuzz(func(t *testing.T, text string) {
		var a attempt
		if err := b.open("attempt", text, &a, now); err == nil && text != good {
			t.Fatalf("%q was opened: %+v", text, a)
		}
	})
}

// What a provider says can have any shape.
func FuzzClaims(f *testing.F) {
	f.Add("a.b", `{"a":{"b":["c",1,true,null,{}]}}`)
	f.Add("sub", `{"sub":"x","exp":1e400}`)
	cfg := Config{ID: "p", Name: "P", AgentClaim: "a", Rules: []Rule{{Claim: "r", Value: "x", Role: auth.RoleSupervisor}}}
	f.Fuzz(func(t *testing.T, name, text string) {
		s, ok := parse(text)
		if !ok {
			return
		}
		for _, v := range s.values(name) {
			if v == "" {
				t.Fatal("an empty value")
			}
		}
		_, _ = s.time(name)
		c, err := cfg.who(s, func(string) bool { return true }, time.Unix(0, 0))
		if err == nil && (c.Agent == "" || !slices.Contains(s.values("r"), "x")) {
			t.Fatalf("%+v of %s", c, text)
		}
		_ = cfg.check(s, time.Unix(0, 0))
	})
}

func parse(text string) (s said, ok bool) {
	return s, json.Unmarshal([]byte(text), &s) == nil && s != nil
}
