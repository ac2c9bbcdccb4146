package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// learntName is the file beside the index that names the archives whose recordings are all in it. One that is not
// named there, because the index was lost or the archive is new, is looked through until that has succeeded once.
const learntName = "index.archives"

// learntFile is what it holds.
type learntFile struct {
	Version  int      `json:"version"` // 1
	Archives []string `json:"archives"`
}

// rebuildMost is the longest pause between two tries to look an archive through.
const rebuildMost = 10 * time.Minute

// learning is the archives that are still to be looked through. Safe for concurrent use.
type learning struct {
	path string
	mu   sync.Mutex
	todo []string
}

// load finds out which of the archives are to be looked through: all, when the index is new. Then the file goes
// before anything can be put into the index, so that a restart knows it, too.
func (l *learning) load(fresh bool, names []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.todo = names
	if fresh {
		if err := errors.Join(removeIfThere(l.path), archive.SyncDir(filepath.Dir(l.path))); err != nil {
			return fmt.Errorf("recorder: forget archives: %w", err)
		}
		return nil
	}
	b, err := os.ReadFile(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recorder: read archives: %w", err)
	}
	var f learntFile
	if json.Unmarshal(b, &f) == nil && f.Version == 1 { // otherwise looking once more does no harm
		l.todo = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(f.Archives, name) })
	}
	return nil
}

func (l *learning) open(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.todo, name)
}

// done notes that an archive has been looked through, to last. all is the names of all archives.
func (l *learning) done(name string, all []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	todo := slices.DeleteFunc(slices.Clone(l.todo), func(s string) bool { return s == name })
	f := learntFile{Version: 1, Archives: slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(todo, s) })}
	b, err := json.Marshal(f)
	if err == nil {
		err = writeFile(osDisk{}, l.path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("recorder: note archive: %w", err)
	}
	l.todo = todo
	return nil
}

// learn looks the archives through that the index does not know, each until it has succeeded.
func (r *Recorder) learn(ctx context.Context, wg *sync.WaitGroup) {
	var names []string
	for _, a := range r.archives {
		names = append(names, a.Name())
	}
	for _, a := range r.archives {
		if !r.learning.open(a.Name()) {
			continue
		}
		wg.Go(func() {
			for failures := 1; ; failures++ {
				err := r.rebuild(ctx, a)
				if err == nil {
					err = r.learning.done(a.Name(), names)
				}
				if err == nil || ctx.Err() != nil {
					return
				}
				r.log.Warn("index not complete yet", "archive", a.Name(), "cause", err)
				limit := float64(min(rebuildMost, backoffFirst<<min(failures, 16))) * r.hurry
				select {
				case <-time.After(time.Duration(limit * (0.5 + rand.Float64()/2))):
				case <-ctx.Done():
					return
				}
			}
		})
	}
}

// manyFaults is how many objects in a row may be unreadable before the archive is asked whether it is there at all.
const manyFaults = 10

// rebuild puts into the index what an archive has and the index does not know, and takes up the legal holds noted
// there. What cannot be read does not keep the rest from being read; the error says that it has to be tried again.
func (r *Recorder) rebuild(ctx context.Context, a archive.Archive) error {
	found, faults, row := 0, 0, 0
	var first error
	err := a.Walk(ctx, "", func(key string) error {
		recID := path.Base(path.Dir(key))
		if !id.Valid(id.Recording, recID) {
			return nil
		}
		var err error
		switch path.Base(key) {
		case HoldName:
			err = r.relearn(ctx, a, key, recID)
		case ManifestName:
			var fresh bool
			if fresh, err = r.relearnOne(ctx, a, key, recID); fresh {
				found++
			}
		default:
			return nil
		}
		if err == nil {
			row = 0
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if faults++; faults == 1 {
			first = err
		}
		if row++; row%manyFaults == 0 {
			return a.Check(ctx)
		}
		return nil
	})
	if found > 0 {
		r.custody.wake()
		r.log.Info("index rebuilt", "archive", a.Name(), "recordings", found)
	}
	if faults > 0 {
		err = errors.Join(err, fmt.Errorf("recorder: %d objects cannot be read, the first one: %w", faults, first))
	}
	return err
}

// relearnOne puts a recording into the index by its manifest in an archive. One that is still in the spool gets there
// by itself.
func (r *Recorder) relearnOne(ctx context.Context, a archive.Archive, key, recID string) (fresh bool, err error) {
	if old, ok, err := r.index.get(recID); err == nil && ok && slices.Contains(old.Archives, a.Name()) || r.known(recID) {
		return false, nil
	}
	done, ok := r.custody.use(recID) // no deletion comes in between
	if !ok {
		return false, nil
	}
	defer done()
	b, err := ReadDocument(ctx, a.Open, key)
	if errors.Is(err, archive.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	m, err := ParseManifest(b)
	if err == nil && m.Recording.ID != recID {
		err = fmt.Errorf("recorder: manifest of %s", m.Recording.ID)
	}
	if err != nil { // it will not be better next time
		r.log.Warn("manifest skipped", "archive", a.Name(), "key", key, "cause", err)
		return false, nil
	}
	w := m.Recording
	w.State = wire.RecordingStored
	if w.Variables == nil { // a manifest of before had them elsewhere
		w.Variables = m.Variables
	}
	return true, r.index.learn(w, a.Name())
}

// unknownHolder holds what a note says nobody can read.
const unknownHolder = "unknown"

// relearn takes up a hold whose note was found in an archive. A note that cannot be read holds, too: that it is there
// is what counts. The error says that it has to be read again, for who holds and why.
func (r *Recorder) relearn(ctx context.Context, a archive.Archive, key, recID string) error {
	b, err := ReadDocument(ctx, a.Open, key)
	if errors.Is(err, archive.ErrNotFound) { // released meanwhile
		return nil
	}
	var h wire.LegalHold
	read := err == nil && json.Unmarshal(b, &h) == nil
	if !read {
		h = wire.LegalHold{By: unknownHolder, Since: r.now()}
	}
	_, saved := r.custody.change(recID, func(w *ward) error {
		switch {
		case w.Releasing || w.Erase != nil || w.Delete != nil: // decided since
		case w.Hold == nil, read && w.Hold.By == unknownHolder:
			w.Hold, w.Told = &h, err != nil // what could not be read is not written over
		}
		return nil
	})
	return errors.Join(err, saved)
}
