// Package audit is the log of who did what with recordings: files of JSON lines, one for each month, that are
// only ever added to. A line is on disk before Write returns, and holds the hash of the line before it, so that
// a line that was changed or taken out is noticed. Several processes may write to one folder.
//
//	entry > number, time, hash of the line before > line > synced to disk
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// suffix ends the names of the files; before it stands the month, as 2026-03.
const suffix = ".jsonl"

// maxLine bounds the lines we read.
const maxLine = 64 << 10

// Log is a folder of lines. Safe for concurrent use.
type Log struct {
	dir string
	now func() time.Time
	mu  sync.Mutex
}

// Open makes the folder if need be. now is nil for the real clock.
func Open(dir string, now func() time.Time) (*Log, error) {
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit: make folder: %w", err)
	}
	return &Log{dir: dir, now: now}, nil
}

// Write adds an entry; number, time and hash are filled in. When it returns nil the entry is on disk.
func (l *Log) Write(e wire.AuditEntry) (wire.AuditEntry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock, err := os.OpenFile(filepath.Join(l.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return e, fmt.Errorf("audit: lock: %w", err)
	}
	defer lock.Close() // which ends the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return e, fmt.Errorf("audit: lock: %w", err)
	}
	names, err := l.files()
	if err != nil {
		return e, err
	}
	e.Time = l.now().UTC().Truncate(time.Millisecond)
	name := filepath.Join(l.dir, e.Time.Format("2006-01")+suffix)
	e.Seq, e.Previous = 1, ""
	for _, n := range slices.Backward(names) {
		name = max(name, n) // a clock that was set back must not write into the past
		line, err := lastLine(n)
		if err != nil {
			return e, err
		}
		if line == nil {
			continue
		}
		var before wire.AuditEntry
		if err := json.Unmarshal(line, &before); err != nil {
			return e, fmt.Errorf("audit: last line of %s: %w", filepath.Base(n), err)
		}
		e.Seq, e.Previous = before.Seq+1, hash(line)
		break
	}
	line, err := json.Marshal(e)
	if err != nil {
		return e, fmt.Errorf("audit: %w", err)
	}
	if len(line) >= maxLine {
		return e, fmt.Errorf("audit: entry of %d bytes", len(line))
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return e, fmt.Errorf("audit: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return e, fmt.Errorf("audit: write: %w", err)
	}
	if len(names) == 0 || name != names[len(names)-1] {
		d, err := os.Open(l.dir)
		if err != nil {
			return e, fmt.Errorf("audit: %w", err)
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return e, fmt.Errorf("audit: %w", err)
		}
	}
	return e, nil
}

func hash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// files are the files' paths, the oldest first.
func (l *Log) files() ([]string, error) {
	list, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var names []string
	for _, d := range list {
		if m, ok := strings.CutSuffix(d.Name(), suffix); ok && d.Type().IsRegular() {
			if _, err := time.Parse("2006-01", m); err == nil {
				names = append(names, filepath.Join(l.dir, d.Name()))
			}
		}
	}
	return names, nil // ReadDir sorts
}

// lastLine is the last whole line of a file, nil when there is none. What a crash has left behind it, of a write
// that was never acknowledged, is cut off.
func lastLine(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	tail := make([]byte, min(size, 2*maxLine))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("audit: %w", err)
	}
	end := bytes.LastIndexByte(tail, '\n')
	if torn := int64(len(tail) - end - 1); torn > 0 {
		if err := f.Truncate(size - torn); err != nil {
			return nil, fmt.Errorf("audit: cut torn line: %w", err)
		}
	}
	if end < 0 {
		return nil, nil
	}
	return tail[bytes.LastIndexByte(tail[:end], '\n')+1 : end], nil
}
