package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	keysFresh   = 10 * time.Minute // fetched keys are used without asking again
	keysPause   = 5 * time.Second  // between two fetches, whatever is asked for
	keysKept    = 24 * time.Hour   // without an answer from the issuer its keys are believed for so long
	maxKeys     = 64
	maxKeyBody  = 256 << 10
	minSecret   = 32   // bytes of an HS256 secret
	minRSABits  = 2048 // RFC 7518 section 3.3
	fetchWithin = 5 * time.Second
)

var (
	errUnknownKey  = errors.New("unknown kid")
	errUnreachable = errors.New("keys cannot be fetched")
)

// foreignKey is a key and the one algorithm it is for.
type foreignKey struct {
	kid, alg string
	key      any // []byte, *rsa.PublicKey or *ecdsa.PublicKey
}

// keySet is the keys of one issuer: those known beforehand and those it publishes, which are fetched when they are
// asked for and kept. A kid that is not known makes us look again, but never more often than every keysPause, so that
// tokens with made-up kids cannot make us hammer the issuer. A key the issuer takes back is believed for at
// most keysFresh more.
type keySet struct {
	static []foreignKey
	url    string
	client *http.Client
	now    func() time.Time

	fetching sync.Mutex // held over a fetch, before mu
	mu       sync.Mutex
	fetched  []foreignKey
	at       time.Time // of the last good fetch
	tried    time.Time // of the last one
}

func newKeySet(static []foreignKey, url string, client *http.Client, now func() time.Time) *keySet {
	if now == nil {
		now = time.Now
	}
	return &keySet{static: static, url: url, client: client, now: now}
}

// find is the key with a kid for an algorithm. Without a kid it is the only key for the algorithm.
func (s *keySet) find(kid, alg string) (any, error) {
	if k, ok := pick(s.static, kid, alg); ok || s.url == "" {
		if !ok {
			return nil, errUnknownKey
		}
		return k, nil
	}
	key, known, age := s.cached(kid, alg)
	if known && age < keysFresh {
		return key, nil
	}
	if known && !s.fetching.TryLock() { // somebody is asking; what we have will do meanwhile
		return s.atMost(key, age)
	}
	if !known {
		s.fetching.Lock()
	}
	defer s.fetching.Unlock()
	if key, known, age = s.cached(kid, alg); known && age < keysFresh { // came while we waited
		return key, nil
	}
	s.mu.Lock()
	due := s.tried.IsZero() || s.now().Sub(s.tried) >= keysPause
	s.mu.Unlock()
	if due {
		s.fetch()
	}
	key, known, age = s.cached(kid, alg)
	switch {
	case known:
		return s.atMost(key, age)
	case age > keysFresh: // never fetched, or long ago
		return nil, errUnreachable
	default:
		return nil, errUnknownKey
	}
}

func (s *keySet) atMost(key any, age time.Duration) (any, error) {
	if age > keysKept {
		return nil, errUnreachable
	}
	return key, nil
}

// cached looks a key up and says how old the set is.
func (s *keySet) cached(kid, alg string) (key any, known bool, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() {
		return nil, false, keysKept + 1
	}
	key, known = pick(s.fetched, kid, alg)
	return key, known, s.now().Sub(s.at)
}

func pick(keys []foreignKey, kid, alg string) (key any, ok bool) {
	for _, k := range keys {
		switch {
		case k.alg != alg: // the key says what it is for, never the token
		case kid != "" && k.kid == kid:
			return k.key, true
		case kid == "" && ok:
			return nil, false // more than one
		case kid == "":
			key, ok = k.key, true
		}
	}
	return key, ok
}

// fetch asks the issuer for its keys. What it had stays when there is no good answer.
func (s *keySet) fetch() {
	began := s.now()
	keys, err := s.ask()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried = s.now()
	if err == nil {
		s.fetched, s.at = keys, began
	}
}

func (s *keySet) ask() ([]foreignKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeyBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxKeyBody {
		return nil, errors.New("the set of keys is too large")
	}
	return parseKeys(body)
}

// parseKeys reads a JSON Web Key Set (RFC 7517). Keys that are not for verifying, or that we cannot use, are left out:
// a set may hold keys for others. What is left is public keys alone.
func parseKeys(body []byte) ([]foreignKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("no set of keys: %w", err)
	}
	if set.Keys == nil || len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("no set of 0 to %d keys", maxKeys)
	}
	var out []foreignKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue
		}
		alg, err := algorithmOf(k.Key)
		if err != nil || k.Algorithm != "" && k.Algorithm != alg {
			continue
		}
		out = append(out, foreignKey{kid: k.KeyID, alg: alg, key: k.Key})
	}
	return out, nil
}

// algorithmOf is the algorithm a public key is for.
func algorithmOf(key any) (string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return "", fmt.Errorf("an RSA key of %d bits is too short, %d are the least", k.N.BitLen(), minRSABits)
		}
		return RS256, nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", errors.New("an EC key for ES256 is on P-256")
		}
		return ES256, nil
	default:
		return "", fmt.Errorf("a %T is for no algorithm there is here", key)
	}
}

// staticKeys reads the keys of an entry.
func staticKeys(c IssuerConfig) ([]foreignKey, error) {
	var out []foreignKey
	seen := map[string]bool{}
	for _, k := range c.Keys {
		key, err := readKey(k)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", k.KID, err)
		}
		if seen[k.KID] {
			return nil, fmt.Errorf("key %q is there twice", k.KID)
		}
		seen[k.KID] = true
		out = append(out, foreignKey{kid: k.KID, alg: k.Algorithm, key: key})
	}
	return out, nil
}

func readKey(k IssuerKey) (any, error) {
	if (k.File == "") == (k.PublicKey == "") {
		return nil, errors.New("set file or public_key")
	}
	text := []byte(k.PublicKey)
	if k.File != "" {
		info, err := os.Stat(k.File)
		if err != nil {
			return nil, err
		}
		if k.Algorithm == HS256 && info.Mode().Perm()&0o077 != 0 {
			return nil, fmt.Errorf("%s can be read by others (mode %04o): chmod 600 it", k.File, info.Mode().Perm())
		}
		if text, err = os.ReadFile(k.File); err != nil {
			return nil, err
		}
	}
	if k.Algorithm == HS256 {
		secret := strings.TrimSpace(string(text))
		switch {
		case k.File == "":
			return nil, errors.New("a secret stands in a file, not in the configuration")
		case strings.HasPrefix(secret, "-----BEGIN"):
			return nil, errors.New("this is no secret but a key for RS256 or ES256")
		case len(secret) < minSecret:
			return nil, fmt.Errorf("the secret has %d bytes, %d are the least", len(secret), minSecret)
		}
		return []byte(secret), nil
	}
	key, err := publicKey(text)
	if err != nil {
		return nil, err
	}
	if alg, err := algorithmOf(key); err != nil {
		return nil, err
	} else if alg != k.Algorithm {
		return nil, fmt.Errorf("the key is for %s, not for %q", alg, k.Algorithm)
	}
	return key, nil
}

// publicKey reads a public key or the key of a certificate.
func publicKey(text []byte) (any, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("holds no PEM block")
	}
	switch block.Type {
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	default:
		return nil, fmt.Errorf("holds a %s and not a PUBLIC KEY", block.Type)
	}
}
