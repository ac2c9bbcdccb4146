package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// errBox is every reason why something does not come out of a box.
var errBox = errors.New("oidc: not sealed by this server for this, or too long ago")

// box seals what lies in browsers: AES-256-GCM, bound to what it is for and to a time.
type box struct{ aead cipher.AEAD }

// sealed is what is inside.
type sealed struct {
	Until int64           `json:"x"` // Unix seconds
	Value json.RawMessage `json:"v"`
}

func newBox(key []byte) (*box, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("oidc: a key has 32 bytes, this one %d", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	return &box{aead}, nil
}

// seal makes a text that fits into a cookie.
func (b *box) seal(what string, v any, until time.Time) string {
	value, err := json.Marshal(v)
	if err != nil {
		panic("oidc: seal: " + err.Error()) // plain data only
	}
	text, err := json.Marshal(sealed{until.Unix(), value})
	if err != nil {
		panic("oidc: seal: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b.aead.Seal(nil, nil, text, []byte(what)))
}

// open reads what was sealed for the same purpose, until its time.
func (b *box) open(what, text string, v any, now time.Time) error {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return errBox
	}
	plain, err := b.aead.Open(nil, nil, raw, []byte(what))
	if err != nil {
		return errBox
	}
	var s sealed
	if json.Unmarshal(plain, &s) != nil || now.Unix() > s.Until || json.Unmarshal(s.Value, v) != nil {
		return errBox
	}
	return nil
}
