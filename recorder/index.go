package recorder

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

const indexName = "index.jsonl"

// index is the list of stored recordings: a file with one recording a line, the newest line of an id
// counts, and in memory only what filters need. It can be made again from the manifests of an archive.
type index struct {
	path string
	mu   sync.Mutex
	file *os.File
	size int64
	rows []row // sorted by id, which is by time
	made bool  // load found nothing: the archives may know more
}

// row points at a recording's line in the file.
type row struct {
	id     string
	offset int64
	length int32
	key    wire.Recording // only the fields a Filter reads
}

func newIndex(path string) *index { return &index{path: path} }

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
	lines := bufio.NewReaderSize(f, 64<<10)
	byID := make(map[string]int)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("recorder: read index: %w", err)
		}
		var w wire.Recording
		if json.Unmarshal(line, &w) == nil && id.Valid(id.Recording, w.ID) {
			r := newRow(w, x.size, len(line))
			if i, ok := byID[w.ID]; ok {
				x.rows[i] = r
			} else {
				byID[w.ID] = len(x.rows)
				x.rows = append(x.rows, r)
			}
		}
		x.size += int64(len(line))
	}
	x.made = x.size == 0
	slices.SortFunc(x.rows, func(a, b row) int { return cmp.Compare(a.id, b.id) })
	if err := f.Truncate(x.size); err != nil {
		return fmt.Errorf("recorder: cut index: %w", err)
	}
	return nil
}

func newRow(w wire.Recording, offset int64, length int) row {
	return row{
		id: w.ID, offset: offset, length: int32(length),
		key: wire.Recording{ID: w.ID, CallID: w.CallID, Agent: w.Agent, Agents: w.Agents, Queue: w.Queue, Started: w.Started},
	}
}

// put adds a recording or replaces it.
func (x *index) put(w wire.Recording) error {
	line, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("recorder: encode index: %w", err)
	}
	line = append(line, '\n')
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.file == nil {
		return errClosed
	}
	if _, err := x.file.WriteAt(line, x.size); err != nil {
		return fmt.Errorf("recorder: write index: %w", err)
	}
	r := newRow(w, x.size, len(line))
	x.size += int64(len(line))
	i, ok := slices.BinarySearchFunc(x.rows, w.ID, func(r row, s string) int { return cmp.Compare(r.id, s) })
	if ok {
		x.rows[i] = r
	} else {
		x.rows = slices.Insert(x.rows, i, r)
	}
	return nil
}

func (x *index) get(recID string) (wire.Recording, bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, ok := slices.BinarySearchFunc(x.rows, recID, func(r row, s string) int { return cmp.Compare(r.id, s) })
	if !ok {
		return wire.Recording{}, false, nil
	}
	w, err := x.read(x.rows[i])
	return w, err == nil, err
}

func (x *index) read(r row) (wire.Recording, error) {
	var w wire.Recording
	line := make([]byte, r.length)
	if _, err := x.file.ReadAt(line, r.offset); err != nil {
		return w, fmt.Errorf("recorder: read index: %w", err)
	}
	if err := json.Unmarshal(line, &w); err != nil {
		return w, fmt.Errorf("recorder: read index: %w", err)
	}
	return w, nil
}

// list returns up to limit recordings that the filter selects, the newest first.
func (x *index) list(f Filter, limit int) ([]wire.Recording, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var list []wire.Recording
	for i := len(x.rows) - 1; i >= 0 && len(list) < limit; i-- {
		if !f.matches(x.rows[i].key) {
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
