package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// tellLimit is how long whoever decides waits for the archives; they are told later then.
const tellLimit = 10 * time.Second

// Hold puts a recording under legal hold, or releases it. It counts, and survives a crash, when Hold returns;
// archives that cannot be reached are told later. A second hold leaves the first as it is. Errors are
// problems: 404, 409 while it is being deleted or its key erased, 503 when the disk does not take it.
func (r *Recorder) Hold(ctx context.Context, recID string, on bool, by, reason string) (wire.Recording, error) {
	rec, err := r.Get(recID)
	if err != nil {
		return rec, err
	}
	if on { // not while a command erases a key
		limit, cancel := context.WithTimeout(ctx, tellLimit)
		lock, err := lockHolds(limit, r.custody.dir)
		cancel()
		if err != nil {
			p := problem.New(http.StatusServiceUnavailable, "recorder_unavailable", "the hold cannot be set while a key is erased on the command line: try again")
			p.CallID, p.Err = rec.CallID, err
			return rec, p
		}
		defer lock.Close()
	}
	changed := false
	_, err = r.custody.change(recID, func(w *ward) error {
		switch {
		case w.Delete != nil:
			return deleting(rec)
		case on && w.Erase != nil:
			return erasing(rec)
		case on && w.Hold == nil:
			w.Hold, w.Told, w.Releasing, changed = &wire.LegalHold{By: by, Reason: reason, Since: r.now()}, false, false, true
		case !on && w.Hold != nil:
			w.Hold, w.Told, w.Releasing, changed = nil, false, true, true
		}
		return nil
	})
	if err != nil {
		return rec, err
	}
	if changed {
		limit, cancel := context.WithTimeout(ctx, tellLimit)
		defer cancel()
		if err := r.tell(limit, recID); err != nil {
			r.log.Warn("archives not told of the hold yet", "recording", recID, "cause", err)
		}
	}
	rec = r.custody.dress(rec)
	if changed {
		typ := "recording.released"
		if on {
			typ = "recording.held"
		}
		r.log.Info(strings.Replace(typ, ".", " ", 1), "recording", recID, "by", by)
		r.publish(typ, by, rec)
	}
	return rec, nil
}

func deleting(w wire.Recording) error {
	p := problem.Conflict("recording_deleting", string(wire.RecordingDeleting), nil, "the recording is being deleted")
	p.CallID = w.CallID
	return p
}

func erasing(w wire.Recording) error {
	p := problem.Conflict("recording_erasing", string(w.State), nil, "the key of the recording is being erased")
	p.CallID = w.CallID
	return p
}

func held(w wire.Recording) error {
	p := problem.Conflict("recording_held", string(w.State), []string{"release"}, "the recording is under legal hold")
	p.CallID = w.CallID
	return p
}

// tell brings what was decided about a hold to every archive: the note beside the recording, and the store's own
// legal hold of all its objects. An archive that does not have all of it yet is told again when it has.
func (r *Recorder) tell(ctx context.Context, recID string) error {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	w := r.custody.get(recID)
	rec, err := r.Get(recID)
	var p *problem.Error
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		if w.Releasing { // it is gone; there is nobody to tell
			return r.settle(recID, w)
		}
		return nil // the index is being made anew and has not come to it
	}
	if err != nil {
		return err
	}
	if rec.Ended == nil { // nobody has anything of it
		return nil
	}
	done, ok := r.custody.use(recID)
	if !ok {
		return deleting(rec)
	}
	defer done()
	if err := r.tellAll(ctx, folderKey(rec), w); err != nil || w.Hold != nil && rec.State != wire.RecordingStored {
		return err
	}
	return r.settle(recID, w)
}

// tellAll tells all archives at once: one that is away must not keep the others from being told.
func (r *Recorder) tellAll(ctx context.Context, folder string, w ward) error {
	errs := make([]error, len(r.archives))
	var wg sync.WaitGroup
	for i, a := range r.archives {
		wg.Go(func() { errs[i] = r.tellOne(ctx, a, folder, w) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// retell lets the archives be told again of a hold: something was stored beside the recording.
func (r *Recorder) retell(recID string) error {
	if held, _ := r.custody.marks(recID); !held {
		return nil
	}
	_, err := r.custody.change(recID, func(w *ward) error {
		w.Told = false
		return nil
	})
	return err
}

// settle notes that the archives know, unless something else was decided meanwhile.
func (r *Recorder) settle(recID string, told ward) error {
	_, err := r.custody.change(recID, func(w *ward) error {
		if w.Hold == told.Hold || w.Hold != nil && told.Hold != nil && *w.Hold == *told.Hold {
			w.Told, w.Releasing = w.Hold != nil, false
		}
		return nil
	})
	return err
}

func (r *Recorder) tellOne(ctx context.Context, a archive.Archive, folder string, w ward) error {
	keys, err := keysBelow(ctx, a, folder)
	if err != nil || len(keys) == 0 {
		return err
	}
	if h, ok := a.(archive.Holder); ok {
		for _, key := range keys {
			if path.Base(key) == HoldName {
				continue
			}
			if err := h.Hold(ctx, key, w.Hold != nil); err != nil {
				return err
			}
		}
	}
	if w.Hold == nil {
		return a.Remove(ctx, folder+HoldName)
	}
	b, err := json.Marshal(w.Hold)
	if err != nil {
		return err
	}
	note := archive.Document(append(b, '\n'))
	note.Derived = true // it must go when the hold does
	return a.Put(ctx, folder+HoldName, note)
}

// keysBelow lists the objects in a folder of an archive.
func keysBelow(ctx context.Context, a archive.Archive, folder string) ([]string, error) {
	var keys []string
	err := a.Walk(ctx, folder, func(key string) error {
		keys = append(keys, key)
		return nil
	})
	return keys, err
}

// orderOfRemoval puts the key first, without which the rest is noise, and the manifest last, so that half a
// removal is still found.
func orderOfRemoval(keys []string) {
	rank := func(key string) int {
		switch path.Base(key) {
		case EnvelopeName:
			return 0
		case ManifestName:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
}
