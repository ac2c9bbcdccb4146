package recorder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// faultDisk is a disk that fails as it is told to.
type faultDisk struct {
	disk
	mu    sync.Mutex
	delay time.Duration                      // of every call that reaches the device
	fault func(op string, path string) error // nil: all is well
	calls map[string]int
}

func newFaultDisk() *faultDisk { return &faultDisk{disk: osDisk{}, calls: make(map[string]int)} }

func (d *faultDisk) set(delay time.Duration, fault func(op, path string) error) {
	d.mu.Lock()
	d.delay, d.fault = delay, fault
	d.mu.Unlock()
}

// diskFull fails what takes space below dir.
func diskFull(dir string) func(op, path string) error {
	return func(op, path string) error {
		if strings.HasPrefix(path, dir+string(filepath.Separator)) && (op == "write" || op == "create" || op == "mkdir") {
			return syscall.ENOSPC
		}
		return nil
	}
}

func (d *faultDisk) do(op, path string) error {
	d.mu.Lock()
	delay, fault := d.delay, d.fault
	d.calls[op]++
	d.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	if fault != nil {
		if err := fault(op, path); err != nil {
			return &os.PathError{Op: op, Path: path, Err: err}
		}
	}
	return nil
}

func (d *faultDisk) MkdirAll(dir string) error {
	if err := d.do("mkdir", dir); err != nil {
		return err
	}
	return d.disk.MkdirAll(dir)
}

func (d *faultDisk) Create(path string) (diskFile, error) {
	if err := d.do("create", path); err != nil {
		return nil, err
	}
	f, err := d.disk.Create(path)
	if err != nil {
		return nil, err
	}
	return &faultFile{f, d, path}, nil
}

func (d *faultDisk) Rename(from, to string) error {
	if err := d.do("rename", from); err != nil {
		return err
	}
	return d.disk.Rename(from, to)
}

func (d *faultDisk) SyncDir(dir string) error {
	if err := d.do("syncdir", dir); err != nil {
		return err
	}
	return d.disk.SyncDir(dir)
}

func (d *faultDisk) OpenAll(dir string) (diskSync, error) {
	f, err := d.disk.OpenAll(dir)
	if err != nil {
		return nil, err
	}
	return faultAll{f, d, dir}, nil
}

type faultFile struct {
	diskFile
	d    *faultDisk
	path string
}

// WriteAt writes half of it before it fails, as a full disk does.
func (f *faultFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.d.do("write", f.path); err != nil {
		n, _ := f.diskFile.WriteAt(b[:len(b)/2], at)
		return n, err
	}
	return f.diskFile.WriteAt(b, at)
}

func (f *faultFile) Sync() error {
	if err := f.d.do("sync", f.path); err != nil {
		return err
	}
	return f.diskFile.Sync()
}

type faultAll struct {
	diskSync
	d   *faultDisk
	dir string
}

// Sync only takes its time: the test's own disk need not be flushed.
func (f faultAll) Sync() error {
	if err := f.d.do("syncall", f.dir); err != nil {
		return fmt.Errorf("syncfs: %w", err)
	}
	return nil
}
