package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// HoldName is the object beside a held recording that says so in each archive.
const HoldName = "hold.json"

// custodyName is the folder in the spool with one file for each ward.
const custodyName = "custody"

// ward is a recording that somebody has decided about: it must not be deleted, or it must, or its key. The file is
// written before anything is done about it, so that a restart goes on where it was.
//
//	free -> held -> releasing -> free
//	free -> erasing -> free
//	free, erasing -> deleting -> gone
//
// A held recording cannot be deleted nor its key erased, and one to which either happens cannot be held: 409.
type ward struct {
	Version   int             `json:"version"` // 1
	Recording string          `json:"recording"`
	Hold      *wire.LegalHold `json:"hold,omitempty"`
	Told      bool            `json:"told,omitempty"` // every archive with the recording knows of the hold
	Releasing bool            `json:"releasing,omitempty"`
	Erase     *order          `json:"erase,omitempty"`
	Delete    *order          `json:"delete,omitempty"`
	// Left are archives that have given the recording up and may have parts of it.
	Left []string `json:"left,omitempty"`
}

// free: nothing is decided.
func (w ward) free() bool {
	return w.Hold == nil && !w.Releasing && w.Erase == nil && w.Delete == nil && len(w.Left) == 0
}

// order is what somebody wants to be deleted: the recording, or its key.
type order struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Folder string    `json:"folder"`          // in the archives
	Begun  bool      `json:"begun,omitempty"` // something is gone already
	CallID string    `json:"call_id,omitempty"`
}

// custody is all wards, and who is using a recording's objects right now. Safe for concurrent use.
type custody struct {
	dir  string
	kick chan struct{}

	mu    sync.RWMutex
	wards map[string]*ward
	using map[string]int
}

func newCustody(dir string) *custody {
	return &custody{dir: dir, kick: make(chan struct{}, 1), wards: make(map[string]*ward), using: make(map[string]int)}
}

func (c *custody) path(recID string) string { return filepath.Join(c.dir, recID+".json") }

// load reads what an earlier process has left.
func (c *custody) load() error {
	if err := os.MkdirAll(c.dir, 0o750); err != nil {
		return fmt.Errorf("recorder: create custody: %w", err)
	}
	list, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("recorder: read custody: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range list {
		recID, ok := strings.CutSuffix(d.Name(), ".json")
		if !ok || !id.Valid(id.Recording, recID) {
			continue
		}
		b, err := os.ReadFile(c.path(recID))
		if err != nil {
			return fmt.Errorf("recorder: read custody: %w", err)
		}
		var w ward
		if err := json.Unmarshal(b, &w); err != nil || w.Version != 1 || w.Recording != recID {
			// Whatever was decided, what cannot be read must not lead to a deletion.
			return fmt.Errorf("recorder: custody of %s cannot be read: %w", recID, errors.Join(err, errors.New("repair or remove the file")))
		}
		c.wards[recID] = &w
	}
	return nil
}

// save writes a ward, or forgets one that nothing is decided about. c.mu is held.
func (c *custody) save(w ward) error {
	if w.free() {
		if err := os.Remove(c.path(w.Recording)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("recorder: write custody: %w", err)
		}
		if err := archive.SyncDir(c.dir); err != nil {
			return fmt.Errorf("recorder: write custody: %w", err)
		}
		delete(c.wards, w.Recording)
		return nil
	}
	w.Version = 1
	b, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("recorder: write custody: %w", err)
	}
	if err := writeFile(osDisk{}, c.path(w.Recording), append(b, '\n')); err != nil {
		return fmt.Errorf("recorder: write custody: %w", err)
	}
	c.wards[w.Recording] = &w
	return nil
}

// change applies f to a recording's ward and makes the outcome last before it returns it.
func (c *custody) change(recID string, f func(w *ward) error) (ward, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := ward{Recording: recID}
	if old := c.wards[recID]; old != nil {
		w = *old
	}
	if err := f(&w); err != nil {
		return w, err
	}
	if err := c.save(w); err != nil {
		e := problem.New(http.StatusServiceUnavailable, "recorder_unavailable", "the decision cannot be kept: the disk does not take it")
		e.Err = err
		return w, e
	}
	c.wake()
	return w, nil
}

func (c *custody) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

func (c *custody) get(recID string) ward {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if w := c.wards[recID]; w != nil {
		return *w
	}
	return ward{Recording: recID}
}

// marks is what filters ask.
func (c *custody) marks(recID string) (held, deleting bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	w := c.wards[recID]
	return w != nil && w.Hold != nil, w != nil && w.Delete != nil
}

// dress adds to a recording what was decided about it.
func (c *custody) dress(r wire.Recording) wire.Recording {
	w := c.get(r.ID)
	r.Hold = w.Hold
	if w.Delete != nil {
		r.State = wire.RecordingDeleting
	}
	return r
}

// open lists the wards with something left to do.
func (c *custody) open() []ward {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []ward
	for _, w := range c.wards {
		if w.Delete != nil || w.Erase != nil || w.Releasing || len(w.Left) > 0 || w.Hold != nil && !w.Told {
			list = append(list, *w)
		}
	}
	return list
}

// use keeps a deletion from beginning while objects of a recording are written. It reports false when the
// recording is to be deleted: then nothing may be written.
func (c *custody) use(recID string) (done func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.wards[recID]; w != nil && w.Delete != nil {
		return nil, false
	}
	c.using[recID]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.using[recID]--; c.using[recID] == 0 {
			delete(c.using, recID)
			if w := c.wards[recID]; w != nil && w.Delete != nil {
				c.wake()
			}
		}
	}, true
}

func (c *custody) used(recID string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.using[recID] > 0
}
