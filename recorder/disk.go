package recorder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cordboard/cordboard/recorder/archive"
)

// disk is what the spool needs of a file system. It is the one place where tests make a disk full, slow or
// broken; outside of them it is osDisk. All methods may block for as long as the device does.
type disk interface {
	MkdirAll(dir string) error
	// Create makes a file that is not there yet.
	Create(path string) (diskFile, error)
	Rename(from, to string) error
	Remove(path string) error
	// SyncDir makes the names in a folder last.
	SyncDir(dir string) error
	// OpenAll opens the file system dir is on: its Sync makes everything last that was written there, and
	// tells of what got lost since it was opened.
	OpenAll(dir string) (diskSync, error)
	// Free is the bytes we may still write to the file system dir is on.
	Free(dir string) (uint64, error)
}

type diskSync interface {
	Sync() error
	Close() error
}

type diskFile interface {
	diskSync
	WriteAt(b []byte, at int64) (int, error)
}

// osDisk is the machine's own file system.
type osDisk struct{}

func (osDisk) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o750) }

func (osDisk) Create(path string) (diskFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) Remove(path string) error { return os.Remove(path) }

func (osDisk) SyncDir(dir string) error { return archive.SyncDir(dir) }

func (osDisk) OpenAll(dir string) (diskSync, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return wholeDisk{d}, nil
}

// wholeDisk is a file system by one of its folders.
type wholeDisk struct{ *os.File }

func (w wholeDisk) Sync() error { return os.NewSyscallError("syncfs", unix.Syncfs(int(w.Fd()))) }

func (osDisk) Free(dir string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	return fs.Bavail * uint64(fs.Bsize), nil
}

// freshSuffix is behind the name of a file that is being written.
const freshSuffix = ".new"

// writeFile replaces a file atomically and makes it last.
func writeFile(d disk, path string, b []byte) error {
	fresh := path + freshSuffix
	if err := d.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := d.Create(fresh)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.Rename(fresh, path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// copyParts writes what lies in parts as one file, to last. The file's name appears when all is there; the
// parts are left. Part i holds the bytes from its base to the next one's, the last one up to size, less than 0:
// all it has.
func copyParts(d disk, path string, parts []segment, size int64) error {
	fresh := path + freshSuffix
	if err := d.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	out, err := d.Create(fresh)
	if err != nil {
		return err
	}
	for i, p := range parts {
		end := size
		if i+1 < len(parts) {
			end = parts[i+1].base
		}
		if err = copyPart(out, p, end); err != nil {
			break
		}
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := d.Rename(fresh, path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// copyPart copies a part up to end, less than 0: all of it, to its place.
func copyPart(out diskFile, p segment, end int64) error {
	in, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer in.Close()
	buf := make([]byte, 64<<10)
	for at := p.base; end < 0 || at < end; {
		b := buf
		if end >= 0 {
			b = buf[:min(int64(len(buf)), end-at)]
		}
		n, err := in.Read(b)
		if n > 0 {
			if _, err := out.WriteAt(b[:n], at); err != nil {
				return err
			}
			at += int64(n)
			continue
		}
		switch {
		case !errors.Is(err, io.EOF):
			return err
		case end >= 0:
			return fmt.Errorf("recorder: %s ends at %d, not %d", filepath.Base(p.path), at, end)
		}
		return nil
	}
	return nil
}
