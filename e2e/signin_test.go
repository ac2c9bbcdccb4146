package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/cordboard/cordboard/internal/testoidc"
	"github.com/cordboard/cordboard/signaling/wire"
)

// signInConfig takes: the server's address, the provider's address, a file with its client's secret.
const signInConfig = `[egress]
allow = ["127.0.0.1/32"]
[auth]
public_url = "%s"
[[auth.providers]]
id = "company"
name = "Example Ltd"
issuer = "%s"
client_id = "cordboard"
client_secret_file = "%s"
agent_claim = "preferred_username"
[[auth.providers.rules]]
claim = "groups"
value = "cc"
role = "agent"
[[auth.providers.rules]]
claim = "groups"
value = "cc-admins"
role = "admin"
[[auth.issuers]]
name = "crm"
issuer = "%[2]s"
algorithms = ["RS256", "ES256"]
jwks_url = "%[2]s/keys"
grants = ["call:read", "events:all"]
`

// tabTo goes by Tab until the named control has the focus: the way of the keyboard.
func (d *desktop) tabTo(id string) {
	d.t.Helper()
	for range 30 {
		var at string
		d.run(20*time.Second, "tab", chromedp.KeyEvent("\t"), chromedp.Evaluate(`document.activeElement?.dataset?.testid ?? ''`, &at))
		if at == id {
			return
		}
	}
	d.t.Fatalf("%s cannot be reached by keyboard", id)
}

// TestSignInWithAProvider: a person signs in at the organisation's provider by keyboard and reaches the desktop; somebody it
// knows and who is nobody here is told so. Then the account is disabled: the desktop is closed within a second and
// stays closed over a restart. A program's token signed by the provider's key is taken and revoked the same way.
func TestSignInWithAProvider(t *testing.T) {
	op := testoidc.New("cordboard", "a secret of the client")
	defer op.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(op.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, "")
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config, append(text, fmt.Sprintf(signInConfig, s.http, op.URL, secret)...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	person := func(name string, groups ...string) {
		op.Set(func(h *testoidc.How) {
			h.Person = map[string]any{"sub": "id-" + name, "preferred_username": name, "groups": groups}
		})
	}

	person("alice", "everybody")
	d := newPage(t, s, "alice", "", "", testid("signin-with-company"))
	begin := func() {
		t.Helper()
		d.tabTo("signin-with-company")
		d.run(20*time.Second, "go to the provider", chromedp.KeyEvent("\r"), chromedp.WaitVisible("#agree", chromedp.ByQuery))
		d.run(20*time.Second, "sign in there", chromedp.Focus("#agree", chromedp.ByQuery), chromedp.KeyEvent("\r"))
	}
	begin()
	var notice string
	d.run(20*time.Second, "be told why not", chromedp.WaitVisible(testid("notice"), chromedp.ByQuery), chromedp.Text(testid("notice"), &notice, chromedp.ByQuery))
	if !strings.Contains(notice, "no role here") {
		t.Errorf("told %q", notice)
	}
	person("alice", "everybody", "cc")
	begin()
	var address string
	d.run(20*time.Second, "reach the desktop", chromedp.WaitVisible(`body[data-screen="idle"][data-link-state="open"]`, chromedp.ByQuery), chromedp.Location(&address))
	if address != s.http+"/" {
		t.Errorf("the address is %s", address)
	}
	var a wire.Agent
	if st := s.call(http.MethodGet, "/v1/agents/alice", nil, &a); st != http.StatusOK || a.State == wire.AgentOffline {
		t.Fatalf("%d %+v", st, a)
	}

	// A program whose token the same provider has signed.
	now := time.Now()
	program := op.Sign(map[string]any{
		"iss": op.URL, "aud": "cordboard", "sub": "reports", "jti": "7", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "grants": []string{"events:all", "call:read"},
	}, false)
	if st, err := s.request(program, http.MethodGet, "/v1/calls", nil, nil); err != nil || st != http.StatusOK {
		t.Fatalf("a program of the provider: %d %v", st, err)
	}
	if st, _ := s.request(program, http.MethodGet, "/v1/agents", nil, nil); st != http.StatusForbidden {
		t.Errorf("beyond its grants: %d", st)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(s.http, "http", "ws", 1)+"/v1/events", &websocket.DialOptions{Subprotocols: []string{wire.Protocol, "bearer." + program}}) //nolint:bodyclose // of a WebSocket
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, _, err := conn.Read(ctx); err != nil { // the hello
		t.Fatal(err)
	}
	revoked := time.Now()
	if st := s.call(http.MethodPost, "/v1/revocations", wire.RevocationRequest{TokenID: "7", Issuer: "crm"}, nil); st != http.StatusCreated {
		t.Fatalf("revoke: %d", st)
	}
	for err = nil; err == nil; {
		_, _, err = conn.Read(ctx)
	}
	if code, took := websocket.CloseStatus(err), time.Since(revoked); code != wire.CloseRevoked || took > time.Second {
		t.Errorf("closed with %d after %v: %v", code, took, err)
	}

	// The person leaves.
	if st := s.call(http.MethodPost, "/v1/revocations", wire.RevocationRequest{Subject: "alice", Reason: "left"}, nil); st != http.StatusCreated {
		t.Fatalf("disable: %d", st)
	}
	d.run(20*time.Second, "be signed out", chromedp.WaitVisible(testid("signin-with-company"), chromedp.ByQuery), chromedp.Text(testid("notice"), &notice, chromedp.ByQuery))
	if !strings.Contains(notice, "taken back") {
		t.Errorf("told %q", notice)
	}
	s.stop()
	s.start()
	if st, _ := s.request(program, http.MethodGet, "/v1/calls", nil, nil); st != http.StatusUnauthorized {
		t.Errorf("the program after a restart: %d", st)
	}
	d.run(20*time.Second, "come again", chromedp.Navigate(s.http+"/?again"), chromedp.WaitVisible(testid("signin-with-company"), chromedp.ByQuery))
	begin()
	d.run(20*time.Second, "be told why not", chromedp.WaitVisible(testid("notice"), chromedp.ByQuery), chromedp.Text(testid("notice"), &notice, chromedp.ByQuery))
	if !strings.Contains(notice, "disabled") {
		t.Errorf("told %q", notice)
	}

	// An administrator who takes no calls comes the same way, and leaves.
	person("root", "cc-admins")
	begin()
	d.see("page-webhooks", 15*time.Second)
	var token string
	d.run(20*time.Second, "look at the token", chromedp.Evaluate(`sessionStorage.getItem('cordboard.token')`, &token))
	var claims struct {
		Sub   string `json:"sub"`
		Until int64  `json:"until"`
	}
	if part := strings.Split(token, "."); len(part) != 3 {
		t.Errorf("the token is %q", token)
	} else if b, err := base64.RawURLEncoding.DecodeString(part[1]); err != nil || json.Unmarshal(b, &claims) != nil || claims.Sub != "company:id-root" || claims.Until == 0 {
		t.Errorf("%s %v", b, err)
	}
	d.click("office-signout")
	d.see("signin-with-company", 10*time.Second)
	if st, _ := s.request(token, http.MethodGet, "/v1/webhooks", nil, nil); st != http.StatusUnauthorized {
		t.Errorf("the token after signing out: %d", st)
	}
}
