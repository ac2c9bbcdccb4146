package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// vault is a key service with the shape of Vault's transit engine; it wraps with rings of ours.
type vault struct {
	mu     sync.Mutex
	rings  []*Ring
	status int // to answer with, 0: as is right
}

func (v *vault) rotate(t *testing.T) {
	t.Helper()
	r, err := ParseRing(GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	v.mu.Lock()
	v.rings = append(v.rings, r)
	v.mu.Unlock()
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	fail := func(status int, text string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{text}})
	}
	reply := func(data map[string]any) { _ = json.NewEncoder(w).Encode(map[string]any{"data": data}) }
	var in struct {
		Plaintext  string `json:"plaintext"`
		Ciphertext string `json:"ciphertext"`
		Associated string `json:"associated_data"`
	}
	if r.Body != nil {
		_ = json.NewDecoder(r.Body).Decode(&in)
	}
	if v.status != 0 {
		fail(v.status, "sealed")
		return
	}
	if r.Header.Get("X-Vault-Token") != "s3cret" || r.Header.Get("X-Vault-Namespace") != "berlin" {
		fail(403, "permission denied")
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/transit/keys/recordings":
		reply(map[string]any{"latest_version": len(v.rings)})
	case "POST /v1/transit/encrypt/recordings":
		plain, err := base64.StdEncoding.DecodeString(in.Plaintext)
		if err != nil || len(plain) == 0 {
			fail(400, "bad plaintext")
			return
		}
		wrapped, _ := v.rings[len(v.rings)-1].Wrap(r.Context(), plain, in.Associated)
		reply(map[string]any{"ciphertext": fmt.Sprintf("vault:v%d:%s", len(v.rings), base64.StdEncoding.EncodeToString(wrapped.Value))})
	case "POST /v1/transit/decrypt/recordings":
		var n int
		var text string
		if _, err := fmt.Sscanf(strings.NewReplacer("vault:v", "", ":", " ").Replace(in.Ciphertext), "%d %s", &n, &text); err != nil || n < 1 || n > len(v.rings) {
			fail(400, "invalid ciphertext")
			return
		}
		value, _ := base64.StdEncoding.DecodeString(text)
		ring := v.rings[n-1]
		plain, err := ring.Unwrap(r.Context(), Wrapped{KeyID: ring.current, Algorithm: wrapAlgorithm, Value: value}, in.Associated)
		if err != nil {
			fail(400, "invalid ciphertext: no matching authentication")
			return
		}
		reply(map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)})
	default:
		fail(404, "no such key")
	}
}

func newVault(t *testing.T) (*vault, *Transit) {
	t.Helper()
	v := &vault{}
	v.rotate(t)
	s := httptest.NewServer(v)
	t.Cleanup(s.Close)
	k, err := NewTransit(TransitOptions{Address: s.URL, Mount: "transit", Key: "recordings", Token: "s3cret", Namespace: "berlin", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return v, k
}

// TestRecordTransit: a data key comes back through the service, for its own recording only; rotation and
// rewrapping work, and each refusal is told apart.
func TestRecordTransit(t *testing.T) {
	v, k := newVault(t)
	ctx := t.Context()
	key, e, err := NewKey(ctx, k, "rec_1")
	if err != nil || e.KeyID != "transit:recordings:1" {
		t.Fatalf("%+v, %v", e.Wrapped, err)
	}
	again, err := e.Open(ctx, k)
	if err != nil || again.secret != key.secret {
		t.Fatalf("open: %v", err)
	}
	other := e
	other.Recording = "rec_2"
	if _, err := other.Open(ctx, k); !errors.Is(err, ErrUnwrap) {
		t.Errorf("as another recording's: %v", err)
	}
	changed := e
	changed.Value = bytes.Replace(e.Value, []byte("vault:v1:"), []byte("vault:v7:"), 1)
	if _, err := changed.Open(ctx, k); !errors.Is(err, ErrUnwrap) {
		t.Errorf("of a version that is not there: %v", err)
	}
	if _, changed, err := e.Rewrap(ctx, k); changed || err != nil {
		t.Errorf("rewrapped without need: %v, %v", changed, err)
	}
	v.rotate(t)
	e2, did, err := e.Rewrap(ctx, k)
	if err != nil || !did || e2.KeyID != "transit:recordings:2" {
		t.Errorf("rewrap: %+v, %v, %v", e2.KeyID, did, err)
	}
	for _, e := range []Envelope{e, e2} {
		if again, err := e.Open(ctx, k); err != nil || again.secret != key.secret {
			t.Errorf("open %s: %v", e.KeyID, err)
		}
	}
	bad := k.o
	bad.Token = "wrong"
	stranger, err := NewTransit(bad)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Open(ctx, stranger); err == nil || errors.Is(err, ErrUnwrap) || errors.Is(err, ErrUnknownKey) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a bad token: %v", err)
	}
	bad = k.o
	bad.Key = "elsewhere"
	if stranger, err = NewTransit(bad); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Open(ctx, stranger); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("with another key: %v", err)
	}
	if _, _, err := NewKey(ctx, stranger, "rec_1"); err == nil {
		t.Error("a key that is not there wraps")
	}
}

// TestRecordKeyChain: while the service does not answer the ring wraps; both unwrap what they wrapped, and
// rewrapping brings keys back to the service.
func TestRecordKeyChain(t *testing.T) {
	v, k := newVault(t)
	ring, err := ParseRing(GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	c := Chain{k, ring}
	ctx := context.Background()
	_, first, err := NewKey(ctx, c, "rec_1")
	if err != nil || !strings.HasPrefix(first.KeyID, "transit:") {
		t.Fatalf("%v, %v", first.KeyID, err)
	}
	v.status = 503
	key, second, err := NewKey(ctx, c, "rec_2")
	if err != nil || second.KeyID != ring.current {
		t.Fatalf("%v, %v", second.KeyID, err)
	}
	if got, err := second.Open(ctx, c); err != nil || got.secret != key.secret {
		t.Errorf("what the ring wrapped while the service is away: %v", err)
	}
	if _, err := first.Open(ctx, c); err == nil || errors.Is(err, ErrUnknownKey) || errors.Is(err, ErrUnwrap) {
		t.Errorf("what the service wrapped while it is away: %v", err)
	}
	v.status = 0
	third, did, err := second.Rewrap(ctx, c)
	if err != nil || !did || !strings.HasPrefix(third.KeyID, "transit:") {
		t.Errorf("rewrap: %v, %v, %v", third.KeyID, did, err)
	}
	if got, err := third.Open(ctx, c); err != nil || got.secret != key.secret {
		t.Errorf("rewrapped: %v", err)
	}
}

func TestRecordTransitOptions(t *testing.T) {
	good := TransitOptions{Address: "https://vault:8200", Mount: "transit", Key: "k", Token: "t", Timeout: time.Second}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, set := range map[string]func(*TransitOptions){
		"address:": func(o *TransitOptions) { o.Address = "vault:8200" },
		"mount:":   func(o *TransitOptions) { o.Mount = "a/b" },
		"key:":     func(o *TransitOptions) { o.Key = "" },
		"token:":   func(o *TransitOptions) { o.Token = "" },
		"timeout:": func(o *TransitOptions) { o.Timeout = 0 },
	} {
		o := good
		set(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s %v", want, err)
		}
	}
}

// A redirect would carry the token to a host that the operator has not named: it is not followed.
func TestRecordTransitStays(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	o := TransitOptions{Address: srv.URL, Mount: "transit", Key: "recordings", Token: "s3cret", Timeout: time.Second}
	k, err := NewTransit(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Wrap(t.Context(), []byte("key"), "x")
	if err == nil || !strings.Contains(err.Error(), "307") || reached {
		t.Errorf("%v, reached %t", err, reached)
	}
}
