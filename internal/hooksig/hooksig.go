// Package hooksig signs and verifies requests as the Standard Webhooks specification says: three headers, of which
// webhook-signature holds, for each secret in use, "v1," and the base64 of HMAC-SHA256 over
// "<webhook-id>.<webhook-timestamp>.<body>". While a secret is being changed the request is signed with both.
package hooksig

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how far the time stamp may be from the receiver's clock.
const Tolerance = 5 * time.Minute

const (
	prefix            = "whsec_"
	version           = "v1,"
	minBytes, maxByte = 24, 64
	newBytes          = 32
)

// Errors of Verify.
var (
	ErrHeaders   = errors.New("hooksig: a header is missing or malformed")
	ErrTime      = errors.New("hooksig: the time stamp is too old or in the future")
	ErrSignature = errors.New("hooksig: no signature fits")
)

// Secret is a shared key. Its text is whsec_ and base64; it prints and logs as stars, Reveal shows it.
type Secret struct{ key string }

// New makes a random secret.
func New() Secret {
	b := make([]byte, newBytes)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return Secret{string(b)}
}

// Derive makes the secret that belongs to a name and generation from a master key, so that it need not be kept.
func Derive(master []byte, name string, generation int) Secret {
	m := hmac.New(sha256.New, master)
	fmt.Fprintf(m, "cordboard webhook secret\n%s\n%d", name, generation)
	return Secret{string(m.Sum(nil))}
}

// Parse reads a secret as Reveal prints it; the prefix may be absent. 24 to 64 bytes.
func Parse(text string) (Secret, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(text), prefix))
	if err != nil {
		return Secret{}, errors.New("hooksig: a secret is whsec_ and base64")
	}
	if len(b) < minBytes || len(b) > maxByte {
		return Secret{}, fmt.Errorf("hooksig: a secret has %d to %d bytes, this one %d", minBytes, maxByte, len(b))
	}
	return Secret{string(b)}, nil
}

// Reveal is the secret's text, for whoever is to verify.
func (s Secret) Reveal() string { return prefix + base64.StdEncoding.EncodeToString([]byte(s.key)) }

// String hides the secret.
func (s Secret) String() string { return prefix + "***" }

// GoString hides the secret too.
func (s Secret) GoString() string { return s.String() }

// MarshalText refuses to write a secret down.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Secret) mac(id, stamp string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(s.key))
	m.Write([]byte(id))
	m.Write([]byte{'.'})
	m.Write([]byte(stamp))
	m.Write([]byte{'.'})
	m.Write(body)
	return m.Sum(nil)
}

// Sign sets the three headers for a body, with one signature for each secret.
func Sign(h http.Header, id string, now time.Time, body []byte, secrets ...Secret) {
	stamp := strconv.FormatInt(now.Unix(), 10)
	list := make([]string, len(secrets))
	for i, s := range secrets {
		list[i] = version + base64.StdEncoding.EncodeToString(s.mac(id, stamp, body))
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, strings.Join(list, " "))
}

// Verify checks the headers against a body: one signature must fit one secret, and the time stamp be within
// Tolerance of now.
func Verify(h http.Header, body []byte, now time.Time, secrets ...Secret) error {
	id, stamp := h.Get(HeaderID), h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil || strconv.FormatInt(seconds, 10) != stamp {
		return ErrHeaders
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > Tolerance || d < -Tolerance {
		return ErrTime
	}
	found := false
	for part := range strings.FieldsSeq(h.Get(HeaderSignature)) {
		text, ok := strings.CutPrefix(part, version)
		if !ok {
			continue
		}
		got, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		for _, s := range secrets {
			found = hmac.Equal(got, s.mac(id, stamp, body)) || found
		}
	}
	if !found {
		return ErrSignature
	}
	return nil
}
