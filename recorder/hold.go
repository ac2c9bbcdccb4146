package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// tellLimit is how long whoever decides waits for the archives; they are told later then.
const tellLimit = 10 * time.Second

// Hold puts a recording under legal hold, or releases it. It counts, and survives a crash, when Hold returns;
// archives that cannot be reached are told later. A second hold leaves the first as it is. Errors are
// problems: 404, 409 while it is being deleted, 503 when the disk does not take it.
func (r *Recorder) Hold(ctx context.Context, recID string, on bool, by, reason string) (wire.Recording, error) {
	rec, err := r.Get(recID)
	if err != nil {
		return rec, err
	}
	changed := false
	_, err = r.custody.change(recID, func(w *ward) error {
		switch {
		case w.Delete != nil:
			return deleting(rec)
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

func held(w wire.Recording) error {
	p := problem.Conflict("recording_held", string(w.State), []string{"release"}, "the recording is under legal hold")
	p.CallID = w.CallID
	return p
}

// tell brings what was decided about a hold to every archive that has the recording: the note beside it,
// and the store's own legal hold of all its objects. A recording that is not stored yet is told about when it is.
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
	if rec.State != wire.RecordingStored {
		return nil
	}
	done, ok := r.custody.use(recID)
	if !ok {
		return deleting(rec)
	}
	defer done()
	var errs []error
	for _, a := range r.archives {
		errs = append(errs, r.tellOne(ctx, a, folderKey(rec), w))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return r.settle(recID, w)
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
	name := filepath.Join(r.cfg.SpoolDir, w.Recording+unfinished+HoldName)
	if err := writeFile(r.disk, name, append(b, '\n')); err != nil {
		return err
	}
	defer os.Remove(name)
	size, sum, err := hashFile(name)
	if err != nil {
		return err
	}
	return a.Put(ctx, folder+HoldName, archive.File{Path: name, Size: size, SHA256: sum, Derived: true})
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
		case envelopeName:
			return 0
		case manifestName:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
}
