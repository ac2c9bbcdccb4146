package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// published is an issuer's set of keys at an address.
type published struct {
	*httptest.Server
	mu    sync.Mutex
	set   jose.JSONWebKeySet
	raw   []byte // in place of the set
	down  bool
	asked atomic.Int32
}

func publish(t testing.TB, keys ...jose.JSONWebKey) *published {
	t.Helper()
	p := &published{set: jose.JSONWebKeySet{Keys: keys}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case p.down:
			w.WriteHeader(http.StatusServiceUnavailable)
		case p.raw != nil:
			_, _ = w.Write(p.raw)
		default:
			_ = json.NewEncoder(w).Encode(p.set)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *published) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func anything(string) error { return nil }

// pemOf is a public key as PEM.
func pemOf(t testing.TB, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const secretText = "0123456789abcdef0123456789abcdef"

// crm is an issuer with one key of each kind, one of them published.
type crm struct {
	keys   *Keys
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	secret string // its file
	at     time.Time
	jwks   *published
}

func newCRM(t testing.TB, change ...func(c *IssuerConfig)) *crm {
	t.Helper()
	f := &crm{keys: keys(t), rsa: rsaKey(t, 2048), ec: ecKey(t, elliptic.P256()), at: epoch, secret: filepath.Join(t.TempDir(), "secret")}
	if err := os.WriteFile(f.secret, []byte(secretText+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.jwks = publish(t, jose.JSONWebKey{Key: &f.ec.PublicKey, KeyID: "ec"})
	c := IssuerConfig{}
	c.SetDefaults()
	c.Name, c.Issuer, c.Algorithms = "crm", "https://crm.example.com", []string{HS256, RS256, ES256}
	c.Grants, c.JWKSURL = []string{"call:*", "webhook:read", "agent:self"}, f.jwks.URL
	c.Keys = []IssuerKey{{KID: "hs", Algorithm: HS256, File: f.secret}, {KID: "rs", Algorithm: RS256, PublicKey: string(pemOf(t, &f.rsa.PublicKey))}}
	for _, ch := range change {
		ch(&c)
	}
	if err := c.Validate(anything); err != nil {
		t.Fatal(err)
	}
	i, err := NewTrusted(c, f.jwks.Client(), func() time.Time { return f.at })
	if err != nil {
		t.Fatal(err)
	}
	f.keys.now = func() time.Time { return f.at }
	f.keys.Trust([]*Trusted{i})
	return f
}

// TestT9_ForeignTokens is the table of tokens of other issuers that must and must not be believed.
func TestT9_ForeignTokens(t *testing.T) {
	f := newCRM(t)
	at := func(d time.Duration) int64 { return epoch.Add(d).Unix() }
	good := map[string]any{
		"iss": "https://crm.example.com", "aud": "cordboard", "sub": "billing", "jti": "1", "iat": at(0), "exp": at(time.Hour),
		"grants": []string{"call:read"},
	}
	with := func(kv ...any) map[string]any {
		m := maps.Clone(good)
		for i := 0; i < len(kv); i += 2 {
			if kv[i+1] == nil {
				delete(m, kv[i].(string))
			} else {
				m[kv[i].(string)] = kv[i+1]
			}
		}
		return m
	}
	hs := func(claims map[string]any, head ...any) string {
		h := map[string]any{"kid": "hs"}
		for i := 0; i < len(head); i += 2 {
			h[head[i].(string)] = head[i+1]
		}
		return forge(t, jwt.SigningMethodHS256, h, claims, []byte(secretText))
	}
	kid := func(id string) map[string]any { return map[string]any{"kid": id} }
	rsPublic, ecPublic := pemOf(t, &f.rsa.PublicKey), pemOf(t, &f.ec.PublicKey)
	_, ed, _ := ed25519.GenerateKey(nil)
	b64 := base64.RawURLEncoding.EncodeToString
	parts := strings.Split(hs(good), ".")

	for _, r := range []struct {
		name, token string
		valid       bool
	}{
		{"HS256", hs(good), true},
		{"RS256", forge(t, jwt.SigningMethodRS256, kid("rs"), good, f.rsa), true},
		{"ES256 of the published set", forge(t, jwt.SigningMethodES256, kid("ec"), good, f.ec), true},
		{"ES256 without kid, one such key", forge(t, jwt.SigningMethodES256, nil, good, f.ec), true},
		{"RS256 without kid, one such key", forge(t, jwt.SigningMethodRS256, nil, good, f.rsa), true},
		{"typ at+jwt", hs(good, "typ", "at+jwt"), true},
		{"x5t", hs(good, "x5t", "AAAA"), true},
		{"audience in a list", hs(with("aud", []string{"other", "cordboard"})), true},
		{"grants as text", hs(with("grants", "call:read call:dial")), true},
		{"no grants", hs(with("grants", nil)), true},
		{"expired 29 s ago", hs(with("iat", at(-time.Hour), "exp", at(-29*time.Second))), true},
		{"nbf 29 s ahead", hs(with("nbf", at(29*time.Second))), true},
		{"iat 29 s ahead", hs(with("iat", at(29*time.Second))), true},
		{"no jti", hs(with("jti", nil)), true},
		{"wildcard within the ceiling", hs(with("grants", []string{"call:write:*"})), true},

		{"alg none", forge(t, jwt.SigningMethodNone, kid("hs"), good, jwt.UnsafeAllowNoneSignatureType), false},
		{"alg none, no kid", forge(t, jwt.SigningMethodNone, nil, good, jwt.UnsafeAllowNoneSignatureType), false},
		{"alg nOnE, signature cut", b64([]byte(`{"alg":"nOnE","kid":"hs"}`)) + "." + parts[1] + ".", false},
		{"HS256 with the RSA key's PEM", forge(t, jwt.SigningMethodHS256, kid("rs"), good, rsPublic), false},
		{"HS256 with the EC key's PEM", forge(t, jwt.SigningMethodHS256, kid("ec"), good, ecPublic), false},
		{"HS256 with the RSA modulus", forge(t, jwt.SigningMethodHS256, kid("rs"), good, f.rsa.N.Bytes()), false},
		{"HS384 with our secret", forge(t, jwt.SigningMethodHS384, kid("hs"), good, []byte(secretText)), false},
		{"HS512 with our secret", forge(t, jwt.SigningMethodHS512, kid("hs"), good, []byte(secretText)), false},
		{"HS256 with an empty key", forge(t, jwt.SigningMethodHS256, kid("hs"), good, []byte{}), false},
		{"RS512 with our key", forge(t, jwt.SigningMethodRS512, kid("rs"), good, f.rsa), false},
		{"PS256 with our key", forge(t, jwt.SigningMethodPS256, kid("rs"), good, f.rsa), false},
		{"RS256 under the secret's kid", forge(t, jwt.SigningMethodRS256, kid("hs"), good, f.rsa), false},
		{"ES256 under the RSA key's kid", forge(t, jwt.SigningMethodES256, kid("rs"), good, f.ec), false},
		{"RS256 of a foreign key", forge(t, jwt.SigningMethodRS256, kid("rs"), good, rsaKey(t, 2048)), false},
		{"ES256 of a foreign key", forge(t, jwt.SigningMethodES256, kid("ec"), good, ecKey(t, elliptic.P256())), false},
		{"ES384", forge(t, jwt.SigningMethodES384, kid("ec"), good, ecKey(t, elliptic.P384())), false},
		{"EdDSA", forge(t, jwt.SigningMethodEdDSA, kid("hs"), good, ed), false},
		{"unknown kid", forge(t, jwt.SigningMethodES256, kid("no"), good, f.ec), false},
		{"kid a number", hs(good, "kid", 7), false},
		{"kid a path", hs(good, "kid", "../../../dev/null"), false},
		{"jku", hs(good, "jku", "https://evil.example/keys"), false},
		{"x5u", hs(good, "x5u", "https://evil.example/cert"), false},
		{"x5c", hs(good, "x5c", []string{"AAAA"}), false},
		{"jwk", hs(good, "jwk", map[string]any{"kty": "oct", "k": b64([]byte(secretText))}), false},
		{"crit", hs(good, "crit", []string{"exp"}), false},
		{"b64 false", hs(good, "b64", false), false},
		{"typ other", hs(good, "typ", "secevent+jwt"), false},
		{"expired 31 s ago", hs(with("iat", at(-time.Hour), "exp", at(-31*time.Second))), false},
		{"nbf 31 s ahead", hs(with("nbf", at(31*time.Second))), false},
		{"iat 31 s ahead", hs(with("iat", at(31*time.Second))), false},
		{"no exp", hs(with("exp", nil)), false},
		{"no iat", hs(with("iat", nil)), false},
		{"lives 25 h", hs(with("exp", at(25*time.Hour))), false},
		{"other audience", hs(with("aud", "switchboard")), false},
		{"no audience", hs(with("aud", nil)), false},
		{"other issuer", hs(with("iss", "https://crm.example.org")), false},
		{"our own issuer", hs(with("iss", Issuer)), false},
		{"no issuer", hs(with("iss", nil)), false},
		{"no subject", hs(with("sub", nil)), false},
		{"more than its issuer may give", hs(with("grants", []string{"call:read", "recording:listen"})), false},
		{"everything", hs(with("grants", []string{"admin:*"})), false},
		{"wider than the ceiling", hs(with("grants", []string{"webhook:*"})), false},
		{"what is no grant", hs(with("grants", []string{"call:"})), false},
		{"65 grants", hs(with("grants", strings.Repeat("call:read ", 65))), false},
		{"grants a number", hs(with("grants", 7)), false},
		{"a role beyond the ceiling", hs(with("role", "supervisor")), false},
		{"a role there is not", hs(with("role", "root")), false},
		{"an agent, who is not allowed", hs(with("agent", "alice")), false},
		{"payload changed", parts[0] + "." + b64([]byte(`{"iss":"https://crm.example.com","sub":"root","grants":["call:*"]}`)) + "." + parts[2], false},
		{"two parts", parts[0] + "." + parts[1], false},
		{"5 kB", hs(with("sub", strings.Repeat("x", 5000))), false},
	} {
		t.Run(r.name, func(t *testing.T) {
			c, err := f.keys.Verify(r.token)
			if (err == nil) != r.valid {
				t.Fatalf("Verify: %v, want valid %t", err, r.valid)
			}
			if err != nil {
				if !errors.Is(err, ErrToken) || c.Subject != "" || c.Grants != nil || strings.Contains(err.Error(), r.token[:min(40, len(r.token))]) {
					t.Errorf("%+v, %v", c, err)
				}
				return
			}
			if c.Foreign != "crm" || c.Subject != "crm:billing" || c.Actor() != "crm:billing" || c.Agent != "" || c.Session != "" || !plainID(c.ID) || c.Root() != c.ID {
				t.Errorf("%+v", c)
			}
			if _, _, err := f.keys.Refresh(c); !errors.Is(err, ErrToken) {
				t.Errorf("renewed: %v", err)
			}
		})
	}
}

// A token of an issuer that may speak for agents signs the agent in; its role is within the ceiling.
func TestForeignAgent(t *testing.T) {
	f := newCRM(t, func(c *IssuerConfig) {
		c.Agents, c.Grants, c.GrantsClaim, c.RoleClaim = true, AgentGrants(), "", "https://crm/role"
	})
	claims := map[string]any{
		"iss": "https://crm.example.com", "aud": "cordboard", "sub": "17", "iat": epoch.Unix(), "exp": epoch.Add(time.Minute).Unix(),
		"https://crm/role": "agent", "agent": "alice", "grants": "admin:*", // a claim that is not looked at
	}
	c, err := f.keys.Verify(forge(t, jwt.SigningMethodES256, map[string]any{"kid": "ec"}, claims, f.ec))
	if err != nil || c.Agent != "alice" || c.Actor() != "alice" || !c.Allows("agent:self") || c.Allows("call:read") || c.Session != "" {
		t.Errorf("%+v %v", c, err)
	}
}

// Keys are fetched once and kept; a new one is found, one that was taken back is believed ten minutes more; tokens with made-up
// kids cannot make us hammer the issuer; an issuer that is down is remembered for a day.
func TestKeyRotation(t *testing.T) {
	f := newCRM(t)
	sign := func(kid string, k *ecdsa.PrivateKey) error {
		_, err := f.keys.Verify(forge(t, jwt.SigningMethodES256, map[string]any{"kid": kid}, map[string]any{
			"iss": "https://crm.example.com", "aud": "cordboard", "sub": "x", "iat": f.at.Unix(), "exp": f.at.Add(time.Minute).Unix(),
		}, k))
		return err
	}
	asked := func(want int32) {
		t.Helper()
		if got := f.jwks.asked.Load(); got != want {
			t.Errorf("asked %d times, want %d", got, want)
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := sign("ec", f.ec); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	asked(1)
	for range 50 {
		if sign("made-up", f.ec) == nil {
			t.Error("a made-up kid was believed")
		}
	}
	asked(1) // within the pause after the fetch
	next := ecKey(t, elliptic.P256())
	f.jwks.change(func() { f.jwks.set.Keys = []jose.JSONWebKey{{Key: &next.PublicKey, KeyID: "next", Algorithm: "ES256"}} })
	f.at = f.at.Add(keysPause)
	if err := sign("next", next); err != nil {
		t.Errorf("the new key: %v", err)
	}
	asked(2)
	if sign("ec", f.ec) == nil {
		t.Error("a key that was taken back is believed after the set was read anew")
	}
	// A key that is taken back while nobody asks for another.
	f.jwks.change(func() { f.jwks.set.Keys = []jose.JSONWebKey{} })
	f.at = f.at.Add(keysFresh - time.Second)
	if err := sign("next", next); err != nil {
		t.Errorf("within ten minutes: %v", err)
	}
	f.at = f.at.Add(time.Second)
	if sign("next", next) == nil {
		t.Error("a key that was taken back is believed after ten minutes")
	}
	// The issuer is down: what is known goes on for a day.
	f.jwks.change(func() { f.jwks.set.Keys = []jose.JSONWebKey{{Key: &next.PublicKey, KeyID: "next"}} })
	f.at = f.at.Add(keysFresh)
	if err := sign("next", next); err != nil {
		t.Error(err)
	}
	f.jwks.change(func() { f.jwks.down = true })
	f.at = f.at.Add(keysKept)
	if err := sign("next", next); err != nil {
		t.Errorf("the issuer has been down for a day: %v", err)
	}
	f.at = f.at.Add(time.Minute)
	if err := sign("next", next); err == nil || !strings.Contains(err.Error(), "cannot be fetched") {
		t.Errorf("the issuer has been down for longer: %v", err)
	}
}

// A set may hold keys that are not for us; what is no public key for verifying is left out.
func TestPublishedSets(t *testing.T) {
	rs, short := rsaKey(t, 2048), rsaKey(t, 1024)
	ec, big := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384())
	ed, _, _ := ed25519.GenerateKey(nil)
	one := func(k jose.JSONWebKey) string {
		b, err := k.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		name, body string
		want       string // kids, "!" for a refusal
	}{
		{"RSA and EC", `{"keys":[` + one(jose.JSONWebKey{Key: &rs.PublicKey, KeyID: "a"}) + "," + one(jose.JSONWebKey{Key: &ec.PublicKey, KeyID: "b", Algorithm: "ES256", Use: "sig"}) + `]}`, "a:RS256 b:ES256"},
		{"for encryption", `{"keys":[` + one(jose.JSONWebKey{Key: &rs.PublicKey, KeyID: "a", Use: "enc"}) + `]}`, ""},
		{"another algorithm", `{"keys":[` + one(jose.JSONWebKey{Key: &rs.PublicKey, KeyID: "a", Algorithm: "RS512"}) + `]}`, ""},
		{"a short RSA key", `{"keys":[` + one(jose.JSONWebKey{Key: &short.PublicKey, KeyID: "a"}) + `]}`, ""},
		{"P-384, Ed25519", `{"keys":[` + one(jose.JSONWebKey{Key: &big.PublicKey, KeyID: "a"}) + "," + one(jose.JSONWebKey{Key: ed, KeyID: "b"}) + `]}`, ""},
		{"a secret", `{"keys":[` + one(jose.JSONWebKey{Key: []byte(secretText), KeyID: "a", Algorithm: "HS256"}) + `]}`, ""},
		{"a private key", `{"keys":[` + one(jose.JSONWebKey{Key: rs, KeyID: "a"}) + `]}`, ""},
		{"an unknown kind", `{"keys":[{"kty":"AKP","kid":"a","pub":"AA"},` + one(jose.JSONWebKey{Key: &ec.PublicKey, KeyID: "b"}) + `]}`, "b:ES256"},
		{"none", `{"keys":[]}`, ""},
		{"no keys", `{}`, "!"},
		{"no object", `[]`, "!"},
		{"no JSON", `<html>`, "!"},
		{"too many", `{"keys":[` + strings.Repeat("{},", 64) + `{}]}`, "!"},
	} {
		got, err := parseKeys([]byte(c.body))
		var kids []string
		for _, k := range got {
			kids = append(kids, k.kid+":"+k.alg)
		}
		if err != nil {
			kids = []string{"!"}
		}
		if strings.Join(kids, " ") != c.want {
			t.Errorf("%s: %v %v, want %q", c.name, kids, err, c.want)
		}
	}
}

func TestIssuerConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ec := string(pemOf(t, &ecKey(t, elliptic.P256()).PublicKey))
	base := func() IssuerConfig {
		c := IssuerConfig{Name: "crm", Issuer: "crm", Algorithms: []string{ES256}, Grants: []string{"call:read"}}
		c.SetDefaults()
		c.Keys = []IssuerKey{{Algorithm: ES256, PublicKey: ec}}
		return c
	}
	if err := base().Validate(anything); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(c *IssuerConfig)
		want   string
	}{
		"name":                 {func(c *IssuerConfig) { c.Name = "C R M" }, "name"},
		"our own issuer":       {func(c *IssuerConfig) { c.Issuer = Issuer }, "issuer"},
		"no audience":          {func(c *IssuerConfig) { c.Audience = "" }, "audience"},
		"alg none":             {func(c *IssuerConfig) { c.Algorithms = []string{"none"} }, "none of HS256"},
		"no algorithm":         {func(c *IssuerConfig) { c.Algorithms = nil }, "algorithms"},
		"no keys":              {func(c *IssuerConfig) { c.Keys = nil }, "keys or a jwks_url"},
		"address":              {func(c *IssuerConfig) { c.JWKSURL = "x" }, "no address"},
		"published secret":     {func(c *IssuerConfig) { c.JWKSURL, c.Algorithms = "https://x", []string{HS256} }, "cannot be secret"},
		"no grants":            {func(c *IssuerConfig) { c.Grants = nil }, "grants"},
		"bad grant":            {func(c *IssuerConfig) { c.Grants = []string{"call"} }, "not a grant"},
		"no claims":            {func(c *IssuerConfig) { c.GrantsClaim, c.RoleClaim = "", "" }, "role_claim"},
		"life":                 {func(c *IssuerConfig) { c.MaxLife = time.Second }, "max_life"},
		"leeway":               {func(c *IssuerConfig) { c.Leeway = time.Hour }, "leeway"},
		"kid twice":            {func(c *IssuerConfig) { c.Keys = append(c.Keys, c.Keys[0]) }, "twice"},
		"wrong algorithm":      {func(c *IssuerConfig) { c.Keys[0].Algorithm = RS256 }, "for ES256, not for"},
		"secret in the text":   {func(c *IssuerConfig) { c.Keys[0] = IssuerKey{Algorithm: HS256, PublicKey: secretText} }, "not in the configuration"},
		"short secret":         {func(c *IssuerConfig) { c.Keys[0] = IssuerKey{Algorithm: HS256, File: write("a", "short", 0o600)} }, "32 are the least"},
		"secret others read":   {func(c *IssuerConfig) { c.Keys[0] = IssuerKey{Algorithm: HS256, File: write("b", secretText, 0o644)} }, "chmod 600"},
		"public key as secret": {func(c *IssuerConfig) { c.Keys[0] = IssuerKey{Algorithm: HS256, File: write("c", ec, 0o600)} }, "no secret"},
		"both":                 {func(c *IssuerConfig) { c.Keys[0].File = "x" }, "file or public_key"},
		"no PEM":               {func(c *IssuerConfig) { c.Keys[0].PublicKey = "x" }, "no PEM"},
		"no such file":         {func(c *IssuerConfig) { c.Keys[0] = IssuerKey{Algorithm: ES256, File: dir + "/none"} }, "no such file"},
	} {
		cfg := base()
		c.change(&cfg)
		check := func(a string) error {
			if a == "x" {
				return errors.New("no address")
			}
			return nil
		}
		if err := cfg.Validate(check); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// No bytes make Verify panic or believe what no key has signed, whatever issuer and key they name.
func FuzzForeign(f *testing.F) {
	c := newCRM(f)
	good := forge(f, jwt.SigningMethodHS256, map[string]any{"kid": "hs"}, map[string]any{
		"iss": "https://crm.example.com", "aud": "cordboard", "sub": "x", "iat": epoch.Unix(), "exp": epoch.Add(time.Minute).Unix(),
	}, []byte(secretText))
	f.Add(good)
	parts := strings.Split(good, ".")
	f.Add("eyJhbGciOiJub25lIn0." + parts[1] + ".")
	f.Add(parts[0] + "." + parts[1] + "." + parts[0])
	f.Fuzz(func(t *testing.T, token string) {
		got, err := c.keys.Verify(token)
		if err == nil && token != good {
			t.Fatalf("%q was believed: %+v", token, got)
		}
		if err != nil && !errors.Is(err, ErrToken) {
			t.Fatalf("%v is no ErrToken", err)
		}
	})
}

// No published set makes us believe a secret or a weak key.
func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA","kid":"a","alg":"HS256"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseKeys(body)
		if err != nil && got != nil || len(got) > maxKeys {
			t.Fatalf("%d keys and %v", len(got), err)
		}
		for _, k := range got {
			switch pub := k.key.(type) {
			case *rsa.PublicKey:
				if k.alg != RS256 || pub.N.BitLen() < minRSABits {
					t.Fatalf("%+v", k)
				}
			case *ecdsa.PublicKey:
				if k.alg != ES256 || pub.Curve != elliptic.P256() {
					t.Fatalf("%+v", k)
				}
			default:
				t.Fatalf("a %T", k.key)
			}
		}
	})
}
