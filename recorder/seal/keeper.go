package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Keeper is a key service: it wraps data keys with keys that never leave it. What it is asked may go over a
// network. Safe for concurrent use.
type Keeper interface {
	// Current is the id of the key that Wrap uses.
	Current(ctx context.Context) (keyID string, err error)
	// Wrap encrypts a data key so that it can be unwrapped only with the same context, a text of no secret.
	Wrap(ctx context.Context, dataKey []byte, context string) (Wrapped, error)
	// Unwrap decrypts a data key. The error is ErrUnknownKey for a key the service does not have, ErrUnwrap
	// for a wrapped key that was changed or is of another context.
	Unwrap(ctx context.Context, w Wrapped, context string) ([]byte, error)
}

// Wrapped is a wrapped data key.
type Wrapped struct {
	KeyID     string `json:"key_id"` // of the key that wraps
	Algorithm string `json:"algorithm"`
	Value     []byte `json:"value"`
}

var (
	// ErrUnknownKey: the key service does not have the key that wrapped the data key.
	ErrUnknownKey = errors.New("seal: the key that wraps this recording's key is not here")
	// ErrUnwrap: the wrapped data key is not what this key service made for this recording.
	ErrUnwrap = errors.New("seal: the wrapped key of this recording is damaged or of another recording")
)

// Envelope is the document that holds a recording's wrapped data key. Without it the recording cannot be
// opened by anybody.
type Envelope struct {
	Version   int    `json:"version"` // 1
	Recording string `json:"recording"`
	Wrapped
}

// maxEnvelope bounds the envelopes we read.
const maxEnvelope = 64 << 10

// ParseEnvelope reads an envelope.
func ParseEnvelope(b []byte) (Envelope, error) {
	var e Envelope
	if len(b) > maxEnvelope {
		return e, errors.New("seal: envelope is too large")
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("seal: parse envelope: %w", err)
	}
	if e.Version != 1 || e.Recording == "" || e.KeyID == "" || len(e.Value) == 0 {
		return e, errors.New("seal: not an envelope of version 1")
	}
	return e, nil
}

// Encode is the envelope as a document.
func (e Envelope) Encode() []byte {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		panic("seal: encode envelope: " + err.Error()) // plain fields only
	}
	return append(b, '\n')
}

// NewKey makes a random data key for a recording and wraps it.
func NewKey(ctx context.Context, k Keeper, recording string) (*Key, Envelope, error) {
	key := &Key{recording: recording}
	rand.Read(key.secret[:]) // never fails
	w, err := k.Wrap(ctx, key.secret[:], recording)
	if err != nil {
		return nil, Envelope{}, fmt.Errorf("seal: wrap key: %w", err)
	}
	return key, Envelope{Version: 1, Recording: recording, Wrapped: w}, nil
}

// Open unwraps the data key in the envelope.
func (e Envelope) Open(ctx context.Context, k Keeper) (*Key, error) {
	b, err := k.Unwrap(ctx, e.Wrapped, e.Recording)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	if len(b) != keySize {
		return nil, ErrUnwrap
	}
	key := &Key{recording: e.Recording}
	copy(key.secret[:], b)
	return key, nil
}

// Rewrap wraps the data key with the service's current key; the recording's files stay as they are. It
// reports false when that key wraps it already.
func (e Envelope) Rewrap(ctx context.Context, k Keeper) (Envelope, bool, error) {
	current, err := k.Current(ctx)
	if err != nil || current == e.KeyID {
		return e, false, err
	}
	b, err := k.Unwrap(ctx, e.Wrapped, e.Recording)
	if err != nil {
		return e, false, err
	}
	defer clear(b)
	if e.Wrapped, err = k.Wrap(ctx, b, e.Recording); err != nil {
		return e, false, fmt.Errorf("seal: wrap key: %w", err)
	}
	return e, true, nil
}

// Ring is a Keeper of keys it holds itself: the first wraps, all of them unwrap.
type Ring struct {
	current string
	keys    map[string]cipher.AEAD
}

// wrapAlgorithm is AES-256-GCM with a random nonce of 12 bytes in front.
const wrapAlgorithm = "A256GCM"

// ParseRing reads keys of 32 bytes in Base64, separated by white space or commas, from the text of a file or
// of an environment variable. Lines that begin with # are comments. No error tells any of a key.
func ParseRing(text string) (*Ring, error) {
	r := &Ring{keys: make(map[string]cipher.AEAD)}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t\r\n,", c) }) {
			b, err := base64.StdEncoding.DecodeString(word)
			if err != nil || len(b) != keySize {
				return nil, fmt.Errorf("seal: key %d is not 32 bytes in base64", len(r.keys)+1)
			}
			block, err := aes.NewCipher(b)
			if err != nil {
				return nil, fmt.Errorf("seal: %w", err)
			}
			aead, err := cipher.NewGCM(block)
			if err != nil {
				return nil, fmt.Errorf("seal: %w", err)
			}
			sum := sha256.Sum256(append([]byte("cordboard key id\n"), b...))
			clear(b)
			id := hex.EncodeToString(sum[:8])
			if r.current == "" {
				r.current = id
			}
			r.keys[id] = aead
		}
	}
	if r.current == "" {
		return nil, errors.New("seal: no key")
	}
	return r, nil
}

// LoadRing reads the keys in a file, which must not be readable by others.
func LoadRing(path string) (*Ring, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	r, err := ParseRing(string(text))
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, path)
	}
	return r, nil
}

// GenerateKey is a new random key as ParseRing reads it.
func GenerateKey() string {
	var b [keySize]byte
	rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// CreateRing writes a file with one new key. It fails when the file is there.
func CreateRing(path string) error {
	text := "# Wraps the keys of recordings. Whoever has this file can hear them; without it nobody can: keep a copy.\n" +
		"# To rotate, put a new key on a line before the old ones.\n" + GenerateKey() + "\n"
	return createSecret(path, []byte(text))
}

// Current implements Keeper.
func (r *Ring) Current(context.Context) (string, error) { return r.current, nil }

func wrapContext(keyID, context string) []byte {
	return []byte("cordboard data key 1\n" + keyID + "\n" + context)
}

// Wrap implements Keeper.
func (r *Ring) Wrap(_ context.Context, dataKey []byte, context string) (Wrapped, error) {
	n := make([]byte, nonceSize, nonceSize+len(dataKey)+tagSize)
	rand.Read(n) // never fails
	value := r.keys[r.current].Seal(n, n, dataKey, wrapContext(r.current, context))
	return Wrapped{KeyID: r.current, Algorithm: wrapAlgorithm, Value: value}, nil
}

// Unwrap implements Keeper.
func (r *Ring) Unwrap(_ context.Context, w Wrapped, context string) ([]byte, error) {
	aead, ok := r.keys[w.KeyID]
	if !ok {
		return nil, ErrUnknownKey
	}
	if w.Algorithm != wrapAlgorithm || len(w.Value) < nonceSize {
		return nil, ErrUnwrap
	}
	key, err := aead.Open(nil, w.Value[:nonceSize], w.Value[nonceSize:], wrapContext(w.KeyID, context))
	if err != nil {
		return nil, ErrUnwrap
	}
	return key, nil
}

// readSecret reads a small file that nobody else may read.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("seal: read key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("seal: %s can be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	if info.Size() > maxEnvelope {
		return nil, fmt.Errorf("seal: %s is too large for a key", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("seal: read key: %w", err)
	}
	return b, nil
}

// createSecret writes a file that only we may read, whole or not at all, and never over another. The error
// is fs.ErrExist when it is there.
func createSecret(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("seal: write key: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // readable by us alone
	if err != nil {
		return fmt.Errorf("seal: write key: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("seal: write key: %w", err)
	}
	// Linked in, so that of two processes that start at once exactly one key wins.
	if err := os.Link(tmp.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("seal: %s: %w", path, fs.ErrExist)
		}
		return fmt.Errorf("seal: write key: %w", err)
	}
	return nil
}
