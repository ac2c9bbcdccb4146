package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Signature is a signature of a JSON document; it stands in the document as the member "signature" and
// covers the canonical form of everything else.
type Signature struct {
	Algorithm string `json:"algorithm"` // "ed25519"
	KeyID     string `json:"key_id"`
	Value     []byte `json:"value"`
}

// signatureName is the member that holds a signature.
const signatureName = "signature"

const algorithm = "ed25519"

// Signer signs documents. Safe for concurrent use.
type Signer struct {
	private ed25519.PrivateKey
	id      string
}

// KeyID tells keys apart: the first 12 bytes of the SHA-256 of the public key, in Base64.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// OpenSigner reads an Ed25519 private key (PEM, PKCS #8) that nobody else may read. On first start, when
// there is no such file, it makes one.
func OpenSigner(path string) (*Signer, error) {
	text, err := readSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		text, err = readSecret(path)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("seal: %s holds no PEM block", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("seal: %s: %w", path, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("seal: %s is no Ed25519 key", path)
	}
	return &Signer{private: private, id: KeyID(private.Public().(ed25519.PublicKey))}, nil
}

func createKey(path string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("seal: make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("seal: make key: %w", err)
	}
	return createSecret(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// KeyID is the id of the key that signs.
func (s *Signer) KeyID() string { return s.id }

// Public is the key that verifies.
func (s *Signer) Public() ed25519.PublicKey { return s.private.Public().(ed25519.PublicKey) }

// Sign signs a JSON object. A signature it already has is not covered.
func (s *Signer) Sign(doc []byte) (Signature, error) {
	body, _, err := unsigned(doc)
	if err != nil {
		return Signature{}, err
	}
	return Signature{Algorithm: algorithm, KeyID: s.id, Value: ed25519.Sign(s.private, body)}, nil
}

// unsigned is the canonical form of a document without its signature, and the signature if it has one.
func unsigned(doc []byte) ([]byte, *Signature, error) {
	v, err := parse(doc)
	if err != nil {
		return nil, nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, nil, errors.New("seal: the document is not an object")
	}
	var sig *Signature
	if i := slices.IndexFunc(o, func(m member) bool { return m.name == signatureName }); i >= 0 {
		text, err := encode(nil, o[i].value)
		if err != nil {
			return nil, nil, err
		}
		if sig, err = parseSignature(text); err != nil {
			return nil, nil, err
		}
		o = slices.Delete(o, i, i+1)
	}
	body, err := encode(nil, o)
	return body, sig, err
}

// parseSignature reads a signature in canonical form. Only one spelling is taken, so that no bit of a signed
// document can be changed unseen.
func parseSignature(text []byte) (*Signature, error) {
	sig := new(Signature)
	if err := json.Unmarshal(text, sig); err != nil {
		return nil, fmt.Errorf("seal: parse signature: %w", err)
	}
	again, err := json.Marshal(sig)
	if err == nil {
		again, err = Canonical(again)
	}
	if err != nil || !bytes.Equal(again, text) {
		return nil, errors.New("seal: the signature is not in the form it is written in")
	}
	return sig, nil
}

var (
	// ErrUnsigned: the document has no signature.
	ErrUnsigned = errors.New("seal: the document is not signed")
	// ErrSigner: none of the given keys signed the document.
	ErrSigner = errors.New("seal: the document is signed with another key")
	// ErrSignature: the document is not what was signed.
	ErrSignature = errors.New("seal: the signature does not fit: the document has been changed")
)

// Verify checks a document's signature against keys that are trusted and returns it. The error is
// ErrUnsigned, ErrSigner or ErrSignature, or one of the document's form.
func Verify(doc []byte, keys ...ed25519.PublicKey) (Signature, error) {
	body, sig, err := unsigned(doc)
	if err != nil {
		return Signature{}, err
	}
	if sig == nil || sig.Algorithm != algorithm {
		return Signature{}, ErrUnsigned
	}
	for _, key := range keys {
		if KeyID(key) == sig.KeyID {
			if !ed25519.Verify(key, body, sig.Value) {
				return *sig, ErrSignature
			}
			return *sig, nil
		}
	}
	return *sig, ErrSigner
}

// SignedBy is the id of the key a document says it is signed with, "" for none. It proves nothing.
func SignedBy(doc []byte) string {
	_, sig, err := unsigned(doc)
	if err != nil || sig == nil {
		return ""
	}
	return sig.KeyID
}

// EncodePublic is a public key as a PEM block, as LoadPublic and openssl read it.
func EncodePublic(key ed25519.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic("seal: encode public key: " + err.Error())
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// LoadPublic reads the Ed25519 keys in a PEM file: public ones, and the public half of private ones.
func LoadPublic(path string) ([]ed25519.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("seal: read key: %w", err)
	}
	var keys []ed25519.PublicKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var key any
		switch block.Type {
		case "PUBLIC KEY":
			key, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "PRIVATE KEY":
			if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
				if private, ok := key.(ed25519.PrivateKey); ok {
					key = private.Public()
				}
			}
		}
		if err != nil {
			return nil, fmt.Errorf("seal: %s: %w", path, err)
		}
		public, ok := key.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("seal: %s holds a %s that is no Ed25519 key", path, block.Type)
		}
		keys = append(keys, public)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("seal: %s holds no key", path)
	}
	return keys, nil
}
