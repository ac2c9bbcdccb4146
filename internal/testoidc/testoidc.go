// Package testoidc is a small OpenID Connect provider for tests: discovery, a page with one button, the authorisation
// code flow with PKCE, signed ID tokens, keys that are published and change. It checks what a client must send and
// refuses what is wrong, and it can be told to answer wrongly.
package testoidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// Provider is a running provider. Its fields are read at each request; set them through Set.
type Provider struct {
	*httptest.Server
	ClientID, Secret string

	mu     sync.Mutex
	how    How
	keys   []key // the newest signs
	codes  map[string]grant
	access map[string]map[string]any // who, by access token
	asked  map[string]int            // requests by path
}

// How is what the provider does and says.
type How struct {
	// Person is the claims of whoever signs in, beside those the provider makes.
	Person map[string]any
	// Info is what only the UserInfo endpoint says.
	Info map[string]any
	// Forge changes the ID token before it is signed.
	Forge func(header, claims map[string]any)
	// Sign signs it in place of the provider's key.
	Sign func(token *jwt.Token) (string, error)
	// Refuse is the error the authorisation endpoint sends the browser back with.
	Refuse string
	// Issuer is put into the answer (RFC 9207) in place of the provider's own.
	Issuer string
	// Discovery changes what the provider says of itself.
	Discovery func(map[string]any)
	// Down answers everything with 503.
	Down bool
}

type key struct {
	id   string
	rsa  *rsa.PrivateKey
	ec   *ecdsa.PrivateKey
	gone bool // no longer published
}

// first is the key every provider begins with: making one takes long on a busy machine.
var first = sync.OnceValue(func() key {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("testoidc: " + err.Error())
	}
	return key{id: rand.Text(), rsa: k}
})

type grant struct {
	nonce, challenge, redirect string
}

// New starts a provider with one client. An empty secret is that of a public client.
func New(clientID, secret string) *Provider {
	p := &Provider{ClientID: clientID, Secret: secret, codes: map[string]grant{}, access: map[string]map[string]any{}, asked: map[string]int{}}
	p.how.Person = map[string]any{"sub": "1"}
	p.keys = []key{first()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.published)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /authorize", p.agree)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked[r.URL.Path]++
		down := p.how.Down
		p.mu.Unlock()
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	return p
}

// Set changes what the provider does.
func (p *Provider) Set(f func(h *How)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.how)
}

// Asked is how often a path was asked for.
func (p *Provider) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// Rotate signs with a new key from now on: one on P-256, else RSA. The keys before it stay published.
func (p *Provider) Rotate(ec bool) {
	k := key{id: rand.Text()}
	var err error
	if ec {
		k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		k.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		panic("testoidc: " + err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, k)
}

// Withdraw takes all keys but the newest back.
func (p *Provider) Withdraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.keys[:len(p.keys)-1] {
		p.keys[i].gone = true
	}
}

// Sign signs claims with the newest key, or the one before it when old is set.
func (p *Provider) Sign(claims map[string]any, old bool) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.sign(jwt.MapClaims(claims), nil, old)
	if err != nil {
		panic("testoidc: " + err.Error())
	}
	return s
}

func (p *Provider) sign(claims jwt.MapClaims, forge func(header, claims map[string]any), old bool) (string, error) {
	k := p.keys[len(p.keys)-1]
	if old {
		k = p.keys[len(p.keys)-2]
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	var private any = k.rsa
	if k.ec != nil {
		t, private = jwt.NewWithClaims(jwt.SigningMethodES256, claims), k.ec
	}
	t.Header["kid"] = k.id
	if forge != nil {
		forge(t.Header, claims)
	}
	if p.how.Sign != nil {
		return p.how.Sign(t)
	}
	return t.SignedString(private)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"userinfo_endpoint": p.URL + "/userinfo", "jwks_uri": p.URL + "/keys", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
		"code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
	}
	if p.how.Discovery != nil {
		p.how.Discovery(d)
	}
	answer(w, http.StatusOK, d)
}

func (p *Provider) published(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, k := range p.keys {
		switch {
		case k.gone:
		case k.ec != nil:
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: &k.ec.PublicKey, KeyID: k.id, Algorithm: "ES256", Use: "sig"})
		default:
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: &k.rsa.PublicKey, KeyID: k.id, Algorithm: "RS256", Use: "sig"})
		}
	}
	answer(w, http.StatusOK, set)
}

// authorize shows the page on which somebody signs in: one button.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != p.ClientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 ||
		len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 {
		http.Error(w, "this client asks wrongly", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Provider</title><form method="post" action="/authorize?%s"><button id="agree" autofocus>Sign in</button></form></html>`,
		html.EscapeString(q.Encode()))
}

// agree is the button: it sends the browser back.
func (p *Provider) agree(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.mu.Lock()
	defer p.mu.Unlock()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		http.Error(w, "no way back", http.StatusBadRequest)
		return
	}
	a := url.Values{"state": {q.Get("state")}, "iss": {p.URL}}
	if p.how.Issuer != "" {
		a.Set("iss", p.how.Issuer)
	}
	if p.how.Refuse != "" {
		a.Set("error", p.how.Refuse)
	} else {
		code := rand.Text()
		p.codes[code] = grant{q.Get("nonce"), q.Get("code_challenge"), q.Get("redirect_uri")}
		a.Set("code", code)
	}
	back.RawQuery = a.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	refuse := func(status int, code string) { answer(w, status, map[string]string{"error": code}) }
	id, secret, basic := r.BasicAuth()
	if basic { // RFC 6749 section 2.3.1
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != p.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(p.Secret)) != 1 || basic != (p.Secret != "") {
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	g, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != g.redirect ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	access := rand.Text()
	hash := sha256.Sum256([]byte(access))
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": p.URL, "aud": p.ClientID, "nonce": g.nonce, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	maps.Copy(claims, p.how.Person)
	idToken, err := p.sign(claims, p.how.Forge, false)
	if err != nil {
		refuse(http.StatusInternalServerError, "server_error")
		return
	}
	info := map[string]any{"sub": p.how.Person["sub"]}
	maps.Copy(info, p.how.Info)
	p.access[access] = info
	answer(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": idToken})
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var token string
	if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %s", &token); err != nil || p.access[token] == nil {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	answer(w, http.StatusOK, p.access[token])
}
