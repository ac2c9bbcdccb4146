package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// Filter selects entries. Empty fields select all.
type Filter struct {
	Actor, Object, CallID string
	Action                string // "recording.played", or "recording." for all that begin so
	Since, Until          time.Time
	Before                uint64 // only numbers below; 0: all
	Limit                 int    // at least 1
}

func (f Filter) matches(e wire.AuditEntry) bool {
	return (f.Actor == "" || e.Actor == f.Actor) && (f.Object == "" || e.Object == f.Object) && (f.CallID == "" || e.CallID == f.CallID) &&
		(f.Action == "" || e.Action == f.Action || strings.HasSuffix(f.Action, ".") && strings.HasPrefix(e.Action, f.Action)) &&
		(f.Since.IsZero() || !e.Time.Before(f.Since)) && (f.Until.IsZero() || e.Time.Before(f.Until)) && (f.Before == 0 || e.Seq < f.Before)
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// List returns entries, the newest first, and the number to give as Before for those that follow, 0 for none.
func (l *Log) List(f Filter) (list []wire.AuditEntry, next uint64, err error) {
	names, err := l.files()
	if err != nil {
		return nil, 0, err
	}
	for _, name := range slices.Backward(names) {
		month := strings.TrimSuffix(filepath.Base(name), suffix)
		if !f.Since.IsZero() && month < f.Since.UTC().Format("2006-01") {
			break
		}
		err := backward(name, func(line []byte) error {
			var e wire.AuditEntry
			if err := json.Unmarshal(line, &e); err != nil {
				return fmt.Errorf("audit: %s: %w", filepath.Base(name), err)
			}
			if !f.matches(e) {
				return nil
			}
			if len(list) == f.Limit {
				next = list[len(list)-1].Seq
				return errEnough
			}
			list = append(list, e)
			return nil
		})
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return list, next, nil
}

// backward calls f for each whole line of a file, the last one first. A line is borrowed for the call.
func backward(name string, f func(line []byte) error) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer file.Close()
	at, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	const block = 64 << 10
	var rest []byte // what is left of the blocks behind, up to a line's end
	torn := true    // nothing of the last line has been seen to end
	for at > 0 {
		n := min(at, block)
		at -= n
		b := make([]byte, n, int(n)+len(rest))
		if _, err := file.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("audit: %w", err)
		}
		b = append(b, rest...)
		for {
			i := bytes.LastIndexByte(b, '\n')
			if i < 0 {
				break
			}
			line := b[i+1:]
			b = b[:i]
			if torn {
				torn = false
				continue
			}
			if err := f(line); err != nil {
				return err
			}
		}
		if rest = b; len(rest) > maxLine {
			return fmt.Errorf("audit: %s: line is too long", filepath.Base(name))
		}
	}
	if torn {
		return nil
	}
	return f(rest)
}

// Check follows the chain from the first line to the last and returns how many there are. The error names the
// first line that does not fit the one before it.
func (l *Log) Check() (uint64, error) {
	names, err := l.files()
	if err != nil {
		return 0, err
	}
	var count uint64
	previous := ""
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return count, fmt.Errorf("audit: %w", err)
		}
		lines := bufio.NewReaderSize(f, maxLine)
		for n := 1; ; n++ {
			line, err := lines.ReadSlice('\n')
			if errors.Is(err, io.EOF) { // what a crash has left behind the last newline was never acknowledged
				break
			}
			var e wire.AuditEntry
			if err == nil {
				line = line[:len(line)-1]
				err = json.Unmarshal(line, &e)
			}
			if err != nil || e.Previous != previous || e.Seq != count+1 && count > 0 {
				return count, errors.Join(fmt.Errorf("audit: %s: line %d does not follow the one before it", filepath.Base(name), n), err, f.Close())
			}
			count, previous = e.Seq, hash(line)
		}
		if err := f.Close(); err != nil {
			return count, fmt.Errorf("audit: %w", err)
		}
	}
	return count, nil
}
