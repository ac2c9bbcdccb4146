package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cordboard/cordboard/internal/id"
)

// HoldLock keeps the server that works in a spool from setting legal holds as long as it is not closed, so that a
// command beside the server can ask for them and act. Not safe for concurrent use.
type HoldLock struct {
	dir  string
	file *os.File
}

// ErrNoSpool: there is no server's spool.
var ErrNoSpool = errors.New("recorder: there is no spool")

// lockEvery is how often a lock is asked for that somebody else has.
const lockEvery = 20 * time.Millisecond

// LockHolds takes the lock of the server with this spool, waiting until ctx is done. The error is ErrNoSpool where no
// server has ever been.
func LockHolds(ctx context.Context, spoolDir string) (*HoldLock, error) {
	dir := filepath.Join(spoolDir, custodyName)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoSpool
	}
	f, err := lockHolds(ctx, dir)
	return &HoldLock{dir: dir, file: f}, err
}

func lockHolds(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("recorder: lock of holds: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("recorder: lock of holds: %w", err), f.Close())
		}
		select {
		case <-time.After(lockEvery):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("recorder: lock of holds: %w", ctx.Err()), f.Close())
		}
	}
}

// Held reports whether the server has a recording under legal hold.
func (l *HoldLock) Held(recID string) (bool, error) {
	if !id.Valid(id.Recording, recID) {
		return false, fmt.Errorf("recorder: %q is no recording's id", recID)
	}
	b, err := os.ReadFile(filepath.Join(l.dir, recID+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("recorder: read custody: %w", err)
	}
	var w ward
	if err := json.Unmarshal(b, &w); err != nil {
		return false, fmt.Errorf("recorder: custody of %s cannot be read: %w", recID, err)
	}
	return w.Hold != nil, nil
}

// Close lets holds be set again.
func (l *HoldLock) Close() error { return l.file.Close() }
