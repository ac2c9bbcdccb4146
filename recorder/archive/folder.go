package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Folder keeps objects as files below one folder. An object appears under its name only when it is
// complete, on disk and verified.
type Folder struct{ name, dir string }

// incoming holds files that are being written. Keys never begin with a dot.
const incoming = ".incoming"

// NewFolder makes an archive called "folder" of a folder, which need not exist yet.
func NewFolder(dir string) *Folder { return NamedFolder("folder", dir) }

// NamedFolder is NewFolder under another name.
func NamedFolder(name, dir string) *Folder { return &Folder{name: name, dir: dir} }

// Name is the name the archive was made with.
func (a *Folder) Name() string { return a.name }

func (a *Folder) fail(err error, format string, args ...any) error {
	kind := KindBusy
	if errors.Is(err, fs.ErrPermission) {
		kind = KindAccess
	}
	return &Error{Archive: a.Name(), Kind: kind, Detail: fmt.Sprintf(format, args...) + ": " + err.Error(), Err: err}
}

// Check creates the folder if need be and writes a file into it.
func (a *Folder) Check(context.Context) error {
	dir := filepath.Join(a.dir, incoming)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return a.fail(err, "cannot create %s", a.dir)
	}
	f, err := os.CreateTemp(dir, "check-*")
	if err != nil {
		return a.fail(err, "cannot write to %s", a.dir)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (a *Folder) path(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	return filepath.Join(a.dir, filepath.FromSlash(key)), nil
}

// begin makes a file for what is coming in. It stays locked until it is closed, which tells Sweep that somebody
// writes it; on a file system without locks nothing is swept.
func (a *Folder) begin() (*os.File, error) {
	for {
		f, err := os.CreateTemp(filepath.Join(a.dir, incoming), "put-*")
		if err != nil {
			return nil, err
		}
		_ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if _, err := os.Stat(f.Name()); !errors.Is(err, fs.ErrNotExist) {
			return f, nil
		}
		_ = f.Close() // it was swept before it was locked
	}
}

// Sweep implements Sweeper.
func (a *Folder) Sweep() error {
	list, err := os.ReadDir(filepath.Join(a.dir, incoming))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return a.fail(err, "cannot list what was coming in")
	}
	var errs []error
	for _, d := range list {
		if !strings.HasPrefix(d.Name(), "put-") {
			continue
		}
		f, err := os.Open(filepath.Join(a.dir, incoming, d.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, a.fail(err, "cannot sweep"))
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, a.fail(err, "cannot sweep"))
			}
		}
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Put copies the file, syncs it and moves it to its name.
func (a *Folder) Put(ctx context.Context, key string, f File) (err error) {
	path, err := a.path(key)
	if err != nil {
		return err
	}
	if a.holds(path, f) {
		return nil
	}
	src, err := f.open()
	if err != nil {
		return err
	}
	defer src.Close()
	if err := os.MkdirAll(filepath.Join(a.dir, incoming), 0o750); err != nil {
		return a.fail(err, "cannot create %s", a.dir)
	}
	tmp, err := a.begin()
	if err != nil {
		return a.fail(err, "cannot write to %s", a.dir)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(tmp, h), contextReader{ctx, src})
	if err == nil {
		err = errors.Join(tmp.Chmod(0o640), tmp.Sync())
	}
	defer tmp.Close() // again; the lock must last until the file has its name
	if err != nil {
		return a.fail(err, "cannot write %s", key)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); n != f.Size || sum != f.SHA256 {
		return fmt.Errorf("%w: %d bytes with hash %.12s, not %d with %.12s", ErrSource, n, sum, f.Size, f.SHA256)
	}
	if !a.holds(tmp.Name(), f) {
		return a.fail(errors.New("stored bytes differ from what was written"), "cannot verify %s", key)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return a.fail(err, "cannot create folder of %s", key)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return a.fail(err, "cannot store %s", key)
	}
	if err := tmp.Close(); err != nil {
		return a.fail(err, "cannot store %s", key)
	}
	for ; len(dir) >= len(a.dir); dir = filepath.Dir(dir) {
		if err := SyncDir(dir); err != nil {
			return a.fail(err, "cannot sync folder of %s", key)
		}
	}
	return nil
}

// holds reports whether the file at path has the size and hash of f.
func (a *Folder) holds(path string, f File) bool {
	r, err := os.Open(path)
	if err != nil {
		return false
	}
	defer r.Close()
	if st, err := r.Stat(); err != nil || st.Size() != f.Size {
		return false
	}
	_, sum, err := digest(r)
	return err == nil && sum == f.SHA256
}

// Open opens the object's file.
func (a *Folder) Open(_ context.Context, key string) (io.ReadSeekCloser, int64, error) {
	path, err := a.path(key)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, ErrNotFound
	}
	if err != nil {
		return nil, 0, a.fail(err, "cannot open %s", key)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(a.fail(err, "cannot open %s", key), f.Close())
	}
	return f, st.Size(), nil
}

// Stat reads the whole object to tell its hash.
func (a *Folder) Stat(ctx context.Context, key string) (Info, error) {
	f, _, err := a.Open(ctx, key)
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	n, sum, err := digest(contextReader{ctx, f})
	if err != nil {
		return Info{}, a.fail(err, "cannot read %s", key)
	}
	return Info{Size: n, SHA256: sum}, nil
}

// Walk lists the files.
func (a *Folder) Walk(ctx context.Context, prefix string, f func(key string) error) error {
	root := a.dir
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 && checkKey(prefix[:i]) == nil {
		root = filepath.Join(a.dir, filepath.FromSlash(prefix[:i])) // nothing else begins so
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if d.IsDir() {
			if d.Name() == incoming {
				return filepath.SkipDir
			}
			return ctx.Err()
		}
		rel, err := filepath.Rel(a.dir, path)
		if err != nil {
			return err
		}
		if key := filepath.ToSlash(rel); strings.HasPrefix(key, prefix) {
			return f(key)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("folder archive: list: %w", err)
	}
	return nil
}

// Remove deletes the object's file.
func (a *Folder) Remove(_ context.Context, key string) error {
	path, err := a.path(key)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return a.fail(err, "cannot remove %s", key)
	}
	a.tidy(filepath.Dir(path))
	return nil
}

// tidy removes folders that are empty now, up to the archive's own: a recording's folder tells its id.
func (a *Folder) tidy(dir string) {
	for ; len(dir) > len(filepath.Clean(a.dir)); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil { // not empty, or gone
			return
		}
	}
}

// SyncDir makes the names in a folder last.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// contextReader ends a copy when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
