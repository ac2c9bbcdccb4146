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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func keys(t testing.TB) *Keys {
	t.Helper()
	k, err := Open(t.TempDir(), 24*time.Hour, func() time.Time { return epoch })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// forge signs claims and header as told, with nothing filled in.
func forge(t testing.TB, method jwt.SigningMethod, header, claims map[string]any, signKey any) string {
	t.Helper()
	tok := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	maps.Copy(tok.Header, header)
	for name, v := range header {
		if v == nil {
			delete(tok.Header, name)
		}
	}
	s, err := tok.SignedString(signKey)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestT9_Verify is the table of tokens that must and must not be believed.
func TestT9_Verify(t *testing.T) {
	k := keys(t)
	public := k.verify[k.sign.id]
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	_, foreign, _ := ed25519.GenerateKey(nil)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) int64 { return epoch.Add(d).Unix() }
	good := map[string]any{
		"sub": "agt_1", "agent": "agt_1", "session": "ses_1", "aud": "cordboard", "iss": "cordboard",
		"iat": at(0), "nbf": at(0), "exp": at(15 * time.Minute), "grants": []string{"agent:self"},
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
	kid := map[string]any{"kid": k.sign.id}
	head := func(kv ...any) map[string]any {
		m := maps.Clone(kid)
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(string)] = kv[i+1]
		}
		return m
	}
	ed := func(header, claims map[string]any) string {
		return forge(t, jwt.SigningMethodEdDSA, header, claims, k.sign.private)
	}
	ok := ed(kid, good)
	parts := strings.Split(ok, ".")
	b64 := base64.RawURLEncoding.EncodeToString

	rows := []struct {
		name, token string
		valid       bool
	}{
		{"good", ok, true},
		{"audience in a list", ed(kid, with("aud", []string{"other", "cordboard"})), true},
		{"no nbf", ed(kid, with("nbf", nil)), true},
		{"expired 59 s ago", ed(kid, with("iat", at(-10*time.Minute), "nbf", nil, "exp", at(-59*time.Second))), true},
		{"nbf 59 s ahead", ed(kid, with("nbf", at(59*time.Second))), true},
		{"iat 59 s ahead", ed(kid, with("iat", at(59*time.Second))), true},
		{"API token of 24 h", ed(kid, with("agent", nil, "session", nil, "exp", at(24*time.Hour))), true},
		{"no typ", ed(head("typ", nil), good), true},

		{"expired 61 s ago", ed(kid, with("iat", at(-10*time.Minute), "nbf", nil, "exp", at(-61*time.Second))), false},
		{"nbf 61 s ahead", ed(kid, with("nbf", at(61*time.Second))), false},
		{"iat 61 s ahead", ed(kid, with("iat", at(61*time.Second), "nbf", nil)), false},
		{"no exp", ed(kid, with("exp", nil)), false},
		{"exp as text", ed(kid, with("exp", "tomorrow")), false},
		{"no iat", ed(kid, with("iat", nil)), false},
		{"desktop token of 16 min", ed(kid, with("exp", at(16*time.Minute))), false},
		{"API token of 25 h", ed(kid, with("session", nil, "exp", at(25*time.Hour))), false},
		{"no audience", ed(kid, with("aud", nil)), false},
		{"other audience", ed(kid, with("aud", "switchboard")), false},
		{"no issuer", ed(kid, with("iss", nil)), false},
		{"other issuer", ed(kid, with("iss", "https://cordboard.example")), false},
		{"no subject", ed(kid, with("sub", nil)), false},
		{"session without agent", ed(kid, with("agent", nil)), false},
		{"65 grants", ed(kid, with("grants", slices.Repeat([]string{"call:read"}, 65))), false},
		{"grants no list", ed(kid, with("grants", "admin:*")), false},
		{"alg none", forge(t, jwt.SigningMethodNone, kid, good, jwt.UnsafeAllowNoneSignatureType), false},
		{"alg None, signature cut", b64([]byte(`{"alg":"None","kid":"`+k.sign.id+`"}`)) + "." + parts[1] + ".", false},
		{"HS256 with the public key", forge(t, jwt.SigningMethodHS256, kid, good, []byte(public)), false},
		{"HS256 with the public key's PEM", forge(t, jwt.SigningMethodHS256, kid, good, publicPEM), false},
		{"HS512 with an empty key", forge(t, jwt.SigningMethodHS512, kid, good, []byte{}), false},
		{"RS256", forge(t, jwt.SigningMethodRS256, kid, good, rsaKey), false},
		{"PS256", forge(t, jwt.SigningMethodPS256, kid, good, rsaKey), false},
		{"ES256", forge(t, jwt.SigningMethodES256, kid, good, ecKey), false},
		{"foreign key, our kid", forge(t, jwt.SigningMethodEdDSA, kid, good, foreign), false},
		{"no kid", ed(nil, good), false},
		{"unknown kid", ed(head("kid", "other"), good), false},
		{"kid a path", ed(head("kid", "../../../../dev/null"), good), false},
		{"kid SQL", ed(head("kid", "' UNION SELECT 'x"), good), false},
		{"kid a number", ed(head("kid", 7), good), false},
		{"jku", ed(head("jku", "https://evil.example/keys"), good), false},
		{"x5u", ed(head("x5u", "https://evil.example/cert"), good), false},
		{"x5c", ed(head("x5c", []string{"AAAA"}), good), false},
		{"jwk of a foreign key", forge(t, jwt.SigningMethodEdDSA, head("jwk", map[string]any{
			"kty": "OKP", "crv": "Ed25519",
			"x": b64(foreign.Public().(ed25519.PublicKey)),
		}), good, foreign), false},
		{"crit", ed(head("crit", []string{"exp"}), good), false},
		{"typ at+jwt", ed(head("typ", "at+jwt"), good), false},
		{"payload changed", parts[0] + "." + b64([]byte(`{"sub":"root","grants":["admin:*"]}`)) + "." + parts[2], false},
		{"signature of another token", strings.Join([]string{parts[0], parts[1], strings.Split(ed(kid, with("sub", "agt_2")), ".")[2]}, "."), false},
		{"signature with a stray bit", ok[:len(ok)-1] + string(nextBase64(ok[len(ok)-1])), false},
		{"two parts", parts[0] + "." + parts[1], false},
		{"four parts", ok + ".AAAA", false},
		{"JSON serialisation", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, false},
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2], false},
		{"empty", "", false},
		{"5 kB", ed(kid, with("sub", strings.Repeat("x", 5000))), false},
		{"white space", " " + ok, false},
		{"nested array bomb", b64([]byte(strings.Repeat("[", 2000))) + "." + parts[1] + "." + parts[2], false},
	}
	if len(rows) < 40 {
		t.Errorf("only %d rows", len(rows))
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			c, err := k.Verify(r.token)
			if (err == nil) != r.valid {
				t.Fatalf("Verify: %v, want valid %t", err, r.valid)
			}
			if err != nil && !errors.Is(err, ErrToken) {
				t.Errorf("%v is no ErrToken", err)
			}
			if err != nil && (c.Subject != "" || c.Grants != nil) {
				t.Errorf("claims %+v of a refused token", c)
			}
			if err != nil && len(r.token) > 40 && strings.Contains(err.Error(), r.token[:40]) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

// nextBase64 changes only the unused low bit of the last character of a 64-byte signature.
func nextBase64(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func TestMintAndRefresh(t *testing.T) {
	k := keys(t)
	tok, c, err := k.Mint(Claims{Agent: "agt_1", Session: "ses_1", Grants: AgentGrants(), LifeSeconds: 3600})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Expires().Sub(epoch); got != DesktopLife {
		t.Errorf("desktop token lives %v", got)
	}
	back, err := k.Verify(tok)
	if err != nil || back.Agent != "agt_1" || back.Session != "ses_1" || back.Actor() != "agt_1" {
		t.Fatalf("%+v, %v", back, err)
	}
	k.now = func() time.Time { return epoch.Add(10 * time.Minute) }
	_, again, err := k.Refresh(back)
	if err != nil {
		t.Fatal(err)
	}
	if again.Session != "ses_1" || !slices.Equal(again.Grants, AgentGrants()) || again.Expires().Sub(epoch) != 25*time.Minute || again.ID == back.ID {
		t.Errorf("refreshed %+v", again)
	}
	for name, bad := range map[string]Claims{
		"no subject": {Grants: []string{"call:read"}},
		"bad grant":  {Agent: "agt_1", Grants: []string{"call read"}},
		"65 grants":  {Agent: "agt_1", Grants: slices.Repeat([]string{"call:read"}, 65)},
	} {
		if _, _, err := k.Mint(bad); err == nil {
			t.Errorf("%s: minted", name)
		}
	}
}

func TestAllows(t *testing.T) {
	for _, r := range []struct {
		grant, permission string
		want              bool
	}{
		{"call:read", "call:read", true},
		{"call:read", "call:read:own", true},
		{"call:read:own", "call:read", false},
		{"call:read:own", "call:read:own", true},
		{"call:*", "call:read", true},
		{"call:*", "call:read:own", true},
		{"call:*", "callback:read", false},
		{"call:*", "call:", false},
		{"call*", "call:read", false},
		{"*", "call:read", false},
		{"*:*", "call:read", false},
		{"admin:*", "recording:listen", true},
		{"admin", "recording:listen", false},
		{"admin:x", "recording:listen", false},
		{"call", "call:read", false},
		{"call:rea", "call:read", false},
		{"call:read", "call:reader", false},
		{"queue:que_1:*", "queue:que_1:read", true},
		{"queue:que_1:*", "queue:que_2:read", false},
		{"", "", false},
		{"admin:*", "", false},
		{"CALL:READ", "call:read", false},
	} {
		if got := (Claims{Grants: []string{r.grant}}).Allows(r.permission); got != r.want {
			t.Errorf("%q covers %q: %t", r.grant, r.permission, got)
		}
	}
	for _, g := range AgentGrants() {
		if !ValidGrant(g) {
			t.Errorf("%q is no grant", g)
		}
	}
	for _, g := range []string{"", "admin", "a:", ":a", "a:*:b", "a:b c", "a:B", "*:a", strings.Repeat("a:", 40) + "a"} {
		if ValidGrant(g) {
			t.Errorf("%q is a grant", g)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	now := func() time.Time { return epoch }
	var wg sync.WaitGroup
	kids := make([]string, 8)
	for i := range kids {
		wg.Go(func() {
			k, err := Open(dir, time.Hour, now)
			if err != nil {
				t.Error(err)
				return
			}
			kids[i] = k.sign.id
		})
	}
	wg.Wait()
	if slices.Sort(kids); kids[0] != kids[7] {
		t.Fatalf("servers that started at once use different keys: %v", kids)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) != 1 {
		t.Fatalf("files %v", names)
	}
	info, err := os.Stat(names[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	// Rotation: the newer file signs, tokens of the older one stay good.
	older, _ := Open(dir, time.Hour, now)
	tok, _, _ := older.Mint(Claims{Agent: "agt_1"})
	if _, err := create(dir, epoch.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	newer, err := Open(dir, time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	if newer.sign.id == older.sign.id {
		t.Error("the old key still signs")
	}
	if _, err := newer.Verify(tok); err != nil {
		t.Errorf("token of the old key: %v", err)
	}

	if err := os.Chmod(names[0], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, time.Hour, now); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key others can read: %v", err)
	}
	if err := os.WriteFile(names[0], []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, time.Hour, now); err == nil {
		t.Error("a broken key file was taken")
	}
}

// No bytes make Verify panic, and none but our own signature make it believe.
func FuzzVerify(f *testing.F) {
	k := keys(f)
	good, _, err := k.Mint(Claims{Agent: "agt_1", Session: "ses_1", Grants: AgentGrants()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("..")
	f.Add(good[:len(good)-2])
	f.Add("eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + ".")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := k.Verify(token)
		if err == nil && token != good {
			b, _ := json.Marshal(c)
			t.Fatalf("%q was believed: %s", token, b)
		}
	})
}
