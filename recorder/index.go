package recorder

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

const indexName = "index.jsonl"

// index is the list of stored recordings: a file with one recording a line, the newest line of an id
// counts, and in memory only what filters need. A line that no longer counts is overwritten with spaces, so
// that nothing of a deleted recording stays. It can be made again from the manifests of the archives.
type index struct {
	path string
	mu   sync.Mutex
	file *os.File
	size int64
	rows []row // sorted by id, which is by time
	same map[string]string
	made bool // load found nothing: the archives know more
}

// row points at a recording's line in the file.
type row struct {
	facts
	offset int64
	length int32
}

func newIndex(path string) *index { return &index{path: path, same: make(map[string]string)} }

// wasteful is how many bytes of an index may be blank before it is written anew, if they are more than what
// counts.
const wasteful = 1 << 20

// load reads the file. A last line that a crash has cut is dropped.
func (x *index) load() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(x.path), 0o750); err != nil {
		return fmt.Errorf("recorder: create spool: %w", err)
	}
	f, err := os.OpenFile(x.path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return fmt.Errorf("recorder: open index: %w", err)
	}
	x.file = f
	var stale []row
	var counts int64
	lines := bufio.NewReaderSize(f, 256<<10)
	byID := make(map[string]int)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("recorder: read index: %w", err)
		}
		var w brief
		if line[0] == '{' && json.Unmarshal(line, &w) == nil && id.Valid(id.Recording, w.ID) {
			r := x.row(w.recording(), x.size, len(line))
			if i, ok := byID[w.ID]; ok {
				stale = append(stale, x.rows[i])
				x.rows[i] = r
			} else {
				byID[w.ID] = len(x.rows)
				x.rows = append(x.rows, r)
			}
			counts += int64(len(line))
		}
		x.size += int64(len(line))
	}
	x.made = x.size == 0
	slices.SortFunc(x.rows, func(a, b row) int { return cmp.Compare(a.id, b.id) })
	if err := f.Truncate(x.size); err != nil {
		return fmt.Errorf("recorder: cut index: %w", err)
	}
	for _, r := range stale {
		if err := x.blank(r); err != nil {
			return err
		}
	}
	if x.size-counts > max(counts, wasteful) {
		return x.compact()
	}
	return nil
}

func (x *index) row(w wire.Recording, offset int64, length int) row {
	f := factsOf(w)
	for _, s := range []*string{&f.agent, &f.queue, &f.state} { // there are few different ones
		if _, ok := x.same[*s]; !ok {
			x.same[*s] = *s
		}
		*s = x.same[*s]
	}
	return row{facts: f, offset: offset, length: int32(length)}
}

// blank overwrites a line that does not count any more. x.mu is held.
func (x *index) blank(r row) error {
	if _, err := x.file.WriteAt(bytes.Repeat([]byte{' '}, int(r.length)-1), r.offset); err != nil {
		return fmt.Errorf("recorder: write index: %w", err)
	}
	return nil
}

// compact writes the file anew without what is blank. x.mu is held.
func (x *index) compact() error {
	f, err := os.OpenFile(x.path+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o640)
	if err != nil {
		return fmt.Errorf("recorder: write index: %w", err)
	}
	out := bufio.NewWriterSize(f, 256<<10)
	rows := slices.Clone(x.rows)
	var size int64
	for i := range rows {
		line := make([]byte, rows[i].length)
		if _, err = x.file.ReadAt(line, rows[i].offset); err != nil {
			break
		}
		if _, err = out.Write(line); err != nil {
			break
		}
		rows[i].offset = size
		size += int64(rows[i].length)
	}
	if err == nil {
		err = errors.Join(out.Flush(), f.Sync(), os.Rename(f.Name(), x.path))
	}
	if err != nil {
		return fmt.Errorf("recorder: write index: %w", errors.Join(err, f.Close()))
	}
	old := x.file
	x.file, x.rows, x.size = f, rows, size
	return errors.Join(old.Close(), archive.SyncDir(filepath.Dir(x.path)))
}

// put adds a recording or replaces it, for good.
func (x *index) put(w wire.Recording) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.write(w)
}

// learn adds a recording that was found in an archive. Of one that is there already it notes that the archive has
// it, too.
func (x *index) learn(w wire.Recording, by string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	w.Archives = []string{by}
	if i, ok := x.find(w.ID); ok {
		old, err := x.read(x.rows[i])
		if err == nil && slices.Contains(old.Archives, by) {
			return nil
		}
		if err == nil {
			old.Archives = append(old.Archives, by)
			w = old
		}
	}
	return x.write(w)
}

// write is put. x.mu is held.
func (x *index) write(w wire.Recording) error {
	line, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("recorder: encode index: %w", err)
	}
	line = append(line, '\n')
	if x.file == nil {
		return errClosed
	}
	if _, err := x.file.WriteAt(line, x.size); err != nil {
		return fmt.Errorf("recorder: write index: %w", err)
	}
	r := x.row(w, x.size, len(line))
	x.size += int64(len(line))
	if err := x.file.Sync(); err != nil {
		return fmt.Errorf("recorder: write index: %w", err)
	}
	i, ok := x.find(w.ID)
	if !ok {
		x.rows = slices.Insert(x.rows, i, r)
		return nil
	}
	old := x.rows[i]
	x.rows[i] = r
	return x.blank(old)
}

// remove takes a recording out, for good. One that is not there is no error.
func (x *index) remove(recID string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, ok := x.find(recID)
	if !ok {
		return nil
	}
	if x.file == nil {
		return errClosed
	}
	if err := x.blank(x.rows[i]); err != nil {
		return err
	}
	if err := x.file.Sync(); err != nil {
		return fmt.Errorf("recorder: write index: %w", err)
	}
	x.rows = slices.Delete(x.rows, i, i+1)
	return nil
}

// find is where a recording's row is, or would be. x.mu is held.
func (x *index) find(recID string) (int, bool) {
	return slices.BinarySearchFunc(x.rows, recID, func(r row, s string) int { return cmp.Compare(r.id, s) })
}

func (x *index) get(recID string) (wire.Recording, bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, ok := x.find(recID)
	if !ok {
		return wire.Recording{}, false, nil
	}
	w, err := x.read(x.rows[i])
	return w, err == nil, err
}

func (x *index) read(r row) (wire.Recording, error) {
	var w wire.Recording
	if x.file == nil {
		return w, errClosed
	}
	line := make([]byte, r.length)
	if _, err := x.file.ReadAt(line, r.offset); err != nil {
		return w, fmt.Errorf("recorder: read index: %w", err)
	}
	if err := json.Unmarshal(line, &w); err != nil {
		return w, fmt.Errorf("recorder: read index: %w", err)
	}
	return w, nil
}

// list returns up to limit recordings that pass, those older than the cursor, the newest first.
func (x *index) list(cursor string, pass func(*facts) bool, limit int) ([]wire.Recording, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	end := len(x.rows)
	if cursor != "" {
		end, _ = x.find(cursor)
	}
	var list []wire.Recording
	for i := end - 1; i >= 0 && len(list) < limit; i-- {
		if !pass(&x.rows[i].facts) {
			continue
		}
		w, err := x.read(x.rows[i])
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, nil
}

// due lists the recordings that are to be deleted by now, and when the next one will be, the zero time for
// never.
func (x *index) due(now time.Time) (list []string, next time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var soonest int64
	for i := range x.rows {
		switch k := x.rows[i].keep; {
		case k == 0:
		case k <= now.UnixMilli():
			list = append(list, x.rows[i].id)
		case soonest == 0 || k < soonest:
			soonest = k
		}
	}
	if soonest > 0 {
		next = time.UnixMilli(soonest)
	}
	return list, next
}

func (x *index) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.file == nil {
		return nil
	}
	err := errors.Join(x.file.Sync(), x.file.Close())
	x.file = nil
	return err
}
