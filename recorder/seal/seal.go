// Package seal keeps what is in a recording from everybody without a key, and lets everybody with a public
// key see that it was not changed.
//
// Each recording has a random data key of its own. Its files are written as chunks, each sealed with
// AES-256-GCM under a key derived from the data key, the recording's id and the file's name (HKDF,
// RFC 5869), and bound to its number, so that no chunk can be moved, dropped, or taken over from elsewhere:
//
//	"CBS1" | number, 4 bytes | length of the clear bytes, 4 | flags, 1 | 0, 3 bytes | salt, 8 | sealed bytes | tag, 16
//
// Numbers have their big end first. The nonce is salt and number; the salt is drawn anew by each Sealer, so
// that a file that is gone on with after a crash never uses a nonce twice. All that stands before the sealed
// bytes is authenticated with them. The last chunk of a file says so in its flags.
//
// The data key itself is wrapped by a Keeper, a key service of which two are here: keys from a file and from
// the environment. The wrapped key, an Envelope, is a small document beside the recording and no part of
// what is signed: wrapping it with another key needs no look at the audio, and once it is erased the
// recording is too.
//
// Manifests are signed with Ed25519 (RFC 8032) over their canonical JSON (RFC 8785).
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	// Overhead is how much longer a sealed chunk is than the clear one.
	Overhead = headSize + tagSize
	// MaxClear bounds the clear bytes of a chunk.
	MaxClear = 1<<17 - Overhead

	magic     = "CBS1"
	headSize  = 24
	tagSize   = 16
	nonceSize = 12
	saltSize  = 8
	flagLast  = 1
	keySize   = 32
)

// Key is a recording's data key. It is safe for concurrent use until Wipe.
type Key struct {
	recording string
	secret    [keySize]byte
}

// Wipe overwrites the key. Sealers and Openers made of it go on.
func (k *Key) Wipe() { clear(k.secret[:]) }

// file is what seals and opens one file.
type file struct {
	aead cipher.AEAD
	aad  []byte // the file's identity, room for a header behind it
}

func (k *Key) file(name string) file {
	identity := "cordboard seal 1\n" + k.recording + "\n" + name + "\n"
	derived, err := hkdf.Key(sha256.New, k.secret[:], nil, identity, keySize)
	if err != nil {
		panic("seal: derive key: " + err.Error()) // the lengths are constants
	}
	block, err := aes.NewCipher(derived)
	clear(derived)
	if err != nil {
		panic("seal: cipher: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: gcm: " + err.Error())
	}
	return file{aead: aead, aad: append([]byte(identity), make([]byte, headSize)...)}
}

// bind is the additional data of the chunk with this header.
func (f *file) bind(head []byte) []byte {
	copy(f.aad[len(f.aad)-headSize:], head)
	return f.aad
}

// nonce is salt and number of the chunk with this header.
func nonce(head []byte) []byte {
	var n [nonceSize]byte
	copy(n[:], head[16:24])
	copy(n[saltSize:], head[4:8])
	return n[:]
}

// Sealer seals the chunks of one file, in order. Not safe for concurrent use.
type Sealer struct {
	file  file
	salt  [saltSize]byte
	index uint32
}

// Sealer begins the file of this name, or goes on with it at chunk first.
func (k *Key) Sealer(name string, first int) *Sealer {
	s := &Sealer{file: k.file(name), index: uint32(first)}
	rand.Read(s.salt[:]) // never fails
	return s
}

// Seal appends the sealed chunk to dst. last says that no other will follow. The error is for too many bytes
// or chunks.
func (s *Sealer) Seal(dst, plain []byte, last bool) ([]byte, error) {
	if len(plain) > MaxClear || s.index == math.MaxUint32 {
		return dst, fmt.Errorf("seal: chunk %d of %d bytes is too much", s.index, len(plain))
	}
	var head [headSize]byte
	copy(head[:], magic)
	binary.BigEndian.PutUint32(head[4:], s.index)
	binary.BigEndian.PutUint32(head[8:], uint32(len(plain)))
	if last {
		head[12] = flagLast
	}
	copy(head[16:], s.salt[:])
	s.index++
	return s.file.aead.Seal(append(dst, head[:]...), nonce(head[:]), plain, s.file.bind(head[:])), nil
}

// ErrDamaged: a chunk is not what was sealed, not in its place, or the key is another one.
var ErrDamaged = errors.New("seal: damaged")

// Damage is an ErrDamaged with the chunk it is about.
type Damage struct {
	Chunk int
	What  string
}

func (d *Damage) Error() string { return fmt.Sprintf("seal: chunk %d %s", d.Chunk, d.What) }

// Is makes a Damage an ErrDamaged.
func (d *Damage) Is(target error) bool { return target == ErrDamaged }

// Opener opens the chunks of one file. Not safe for concurrent use.
type Opener struct{ file file }

// Opener opens the file of this name.
func (k *Key) Opener(name string) *Opener { return &Opener{file: k.file(name)} }

// Size is the length of the sealed chunk that begins with head, which has at least HeadSize bytes. The error
// is a *Damage of chunk index.
func Size(head []byte, index int) (int, error) {
	if len(head) < headSize || string(head[:4]) != magic {
		return 0, &Damage{index, "does not begin like a sealed chunk"}
	}
	if n := binary.BigEndian.Uint32(head[4:]); int64(n) != int64(index) {
		return 0, &Damage{index, fmt.Sprintf("is not there: chunk %d is in its place", n)}
	}
	n := binary.BigEndian.Uint32(head[8:])
	if n > MaxClear {
		return 0, &Damage{index, "tells an impossible length"}
	}
	return int(n) + Overhead, nil
}

// HeadSize is how many bytes Size needs.
const HeadSize = headSize

// Open appends the clear bytes of chunk number index to dst and tells whether it is the file's last. The
// error is a *Damage; dst is then as it was.
func (o *Opener) Open(dst, sealed []byte, index int) (plain []byte, last bool, err error) {
	n, err := Size(sealed, index)
	if err != nil {
		return dst, false, err
	}
	if n != len(sealed) {
		return dst, false, &Damage{index, "is cut off"}
	}
	head := sealed[:headSize]
	plain, err = o.file.aead.Open(dst, nonce(head), sealed[headSize:], o.file.bind(head))
	if err != nil {
		return dst, false, &Damage{index, "cannot be opened: it has been changed, or the key is another one"}
	}
	return plain, head[12]&flagLast != 0, nil
}
