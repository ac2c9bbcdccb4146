// Package archive keeps finished recordings: a folder or a bucket of an S3-compatible store behind one
// small interface. An object is written once under a key the server has made, is verified against its
// SHA-256 before Put returns, and writing it again is harmless, so the uploader may retry without end.
//
// Errors say what to do about them: an *Error is the store's own refusal with its kind, ErrNotFound a
// missing object, ErrSource a fault of the file to be stored, which no retry heals. Anything else is
// worth another try.
package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Archive keeps objects. All methods are safe for concurrent use and may block until ctx is done.
type Archive interface {
	// Name tells archives apart in logs and in the spool: "folder", "s3".
	Name() string
	// Check finds out whether objects could be stored now. The error is one clear sentence.
	Check(ctx context.Context) error
	// Put stores the file under key and reads back what was stored. It goes on with an upload that a
	// crash has cut where it can, and stores nothing when the object is already there and is the file.
	Put(ctx context.Context, key string, f File) error
	// Open reads an object. The error is ErrNotFound where there is none.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, int64, error)
	// Stat tells an object's size and, where the archive knows it, its SHA-256 in hexadecimal.
	Stat(ctx context.Context, key string) (Info, error)
	// Walk calls f for every key that begins with prefix, in no particular order, until f errs.
	Walk(ctx context.Context, prefix string, f func(key string) error) error
	// Remove deletes an object with all its versions. A missing one is no error; the error is ErrLocked for
	// one that the store keeps under a lock.
	Remove(ctx context.Context, key string) error
}

// Holder is an archive that can itself refuse to delete an object.
type Holder interface {
	// Hold sets the legal hold of an object or releases it. It does nothing where the bucket has no locks.
	Hold(ctx context.Context, key string, on bool) error
}

// Presigner is an archive that can give an object to somebody without our doing.
type Presigner interface {
	// Presign is an address that reads the object without further credentials for the given time. name is the
	// file name and contentType the media type it is served with. ok is false where addresses are not given.
	Presign(ctx context.Context, key, name, contentType string) (address string, expires time.Time, ok bool, err error)
}

// Aborter is an archive in which uploads can be left unfinished.
type Aborter interface {
	// Abort ends all unfinished uploads of objects whose keys begin with prefix, whoever began them. Keys that may
	// not list uploads cannot: then it does nothing, and the bucket's own rule for unfinished uploads has to.
	Abort(ctx context.Context, prefix string) error
}

// Sweeper is an archive in which a killed process leaves files that nobody asks for by a key.
type Sweeper interface {
	// Sweep removes what nobody is writing any more.
	Sweep() error
}

// Pruner is an archive that may keep older versions of an object.
type Pruner interface {
	// Prune removes all versions of an object but the newest. The error is ErrLocked where the store keeps one
	// under a lock; the others are gone then.
	Prune(ctx context.Context, key string) error
}

// File is what Put stores.
type File struct {
	Path   string // "": Body is stored
	Body   []byte
	Size   int64
	SHA256 string // hexadecimal
	// Resume is the path of a small file in which an archive notes how to go on after a crash; empty:
	// it does not.
	Resume string
	// Derived files can be made again: they are stored without a lock.
	Derived bool
}

// Document is a small File that need not lie on a disk before.
func Document(b []byte) File {
	sum := sha256.Sum256(b)
	return File{Body: b, Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
}

// source is what a File is read from.
type source interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

func (f File) open() (source, error) {
	if f.Path == "" {
		return body{bytes.NewReader(f.Body)}, nil
	}
	src, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return src, nil
}

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

// Info describes a stored object.
type Info struct {
	Size   int64
	SHA256 string
}

var (
	// ErrNotFound: there is no such object.
	ErrNotFound = errors.New("archive: no such object")
	// ErrSource: the file is not what its size and hash say, or cannot be read.
	ErrSource = errors.New("archive: file is damaged")
	// ErrLocked: the store keeps the object under a lock, by a legal hold or until a date.
	ErrLocked = errors.New("archive: object is locked by the store")
	// ErrKey: the key is not one the server makes.
	ErrKey = errors.New("archive: bad key")
)

// Kind is why a store refuses.
type Kind string

// The kinds of refusal. All but KindBusy need a person; they are retried at most once a minute.
const (
	KindCredentials Kind = "credentials"
	KindBucket      Kind = "bucket"
	KindClock       Kind = "clock"
	KindAccess      Kind = "access"
	KindBusy        Kind = "busy"
)

// Error is a store's refusal.
type Error struct {
	Archive string
	Kind    Kind
	Detail  string
	Err     error
}

func (e *Error) Error() string { return e.Archive + " archive: " + e.Detail }

func (e *Error) Unwrap() error { return e.Err }

// NeedsPerson reports whether err will stay until somebody changes a setting.
func NeedsPerson(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind != KindBusy
}

// checkKey refuses keys that are not plain relative paths of a few safe characters.
func checkKey(key string) error {
	if key == "" || len(key) > 512 {
		return ErrKey
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part[0] == '.' {
			return fmt.Errorf("%w: %q", ErrKey, key)
		}
		for _, c := range []byte(part) {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
			default:
				return fmt.Errorf("%w: %q", ErrKey, key)
			}
		}
	}
	return nil
}

// verifySource proves that the file is what it should be.
func verifySource(f File) error {
	src, err := f.open()
	if err != nil {
		return err
	}
	defer src.Close()
	n, sum, err := digest(src)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	if n != f.Size || sum != f.SHA256 {
		return fmt.Errorf("%w: %d bytes with hash %.12s, not %d with %.12s", ErrSource, n, sum, f.Size, f.SHA256)
	}
	return nil
}

func digest(r io.Reader) (int64, string, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return n, hex.EncodeToString(h.Sum(nil)), err
}
