package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// ErasedName is the object beside a recording that says that its key was erased. It is there before the key goes:
// whoever is just wrapping the key anew sees it and takes the key away again.
const ErasedName = "erased.json"

// erasedNote is that document.
type erasedNote struct {
	Version   int       `json:"version"` // 1
	Recording string    `json:"recording"`
	At        time.Time `json:"at"`
}

// TakeKey erases the wrapped key of the recording in folder, which is "" or ends with a slash, from one archive, with
// all its versions, and reports whether it was there, or has been taken by the same order, given at this time. The error
// is archive.ErrLocked where the store keeps it; then everything is as it was.
func TakeKey(ctx context.Context, a archive.Archive, folder, recID string, given time.Time) (found bool, err error) {
	key := folder + EnvelopeName
	switch _, err := a.Stat(ctx, key); {
	case err == nil:
		found = true
		b, err := json.Marshal(erasedNote{Version: 1, Recording: recID, At: given})
		if err != nil {
			return false, fmt.Errorf("recorder: erase key: %w", err)
		}
		note := archive.Document(append(b, '\n'))
		note.Derived = true
		if err := a.Put(ctx, folder+ErasedName, note); err != nil {
			return false, err
		}
	case errors.Is(err, archive.ErrNotFound):
		if found, err = takenBy(ctx, a, folder, given); err != nil {
			return false, err
		}
	default:
		return false, err
	}
	if err := a.Remove(ctx, key); err != nil { // also for older versions of one that is not there
		if found && errors.Is(err, archive.ErrLocked) {
			return false, errors.Join(err, a.Remove(ctx, folder+ErasedName))
		}
		return found, err
	}
	if s, ok := a.(archive.Sweeper); ok {
		if err := s.Sweep(); err != nil {
			return found, err
		}
	}
	if _, err := a.Stat(ctx, key); !errors.Is(err, archive.ErrNotFound) {
		return found, fmt.Errorf("recorder: archive %s has not removed %s: %w", a.Name(), key, errors.Join(err, errors.New("the key is still there")))
	}
	return found, nil
}

// takenBy reports whether the order given at this time has taken the key before: what came of it was not heard, or
// the process was killed.
func takenBy(ctx context.Context, a archive.Archive, folder string, given time.Time) (bool, error) {
	b, err := ReadDocument(ctx, a.Open, folder+ErasedName)
	if errors.Is(err, archive.ErrNotFound) {
		return false, nil
	}
	var note erasedNote
	return err == nil && json.Unmarshal(b, &note) == nil && note.At.Equal(given), err
}

// EraseKey takes the key of a sealed recording away in every archive, after which nobody can open it; that it
// was not changed can still be proven. It reports whether that is done; if not, an archive could not be reached, and it
// goes on by itself, also after a restart. Meanwhile nobody can open the recording. Errors are problems: 404, 409 for a
// recording that is not stored, not sealed, under legal hold or locked by a store, 410 when its key was erased before,
// 503.
func (r *Recorder) EraseKey(ctx context.Context, recID, by, reason string) (rec wire.Recording, done bool, err error) {
	if rec, err = r.Get(recID); err != nil {
		return rec, false, err
	}
	conflict := func(code, detail string) error {
		p := problem.Conflict(code, string(rec.State), []string{"delete"}, "%s", detail)
		p.CallID = rec.CallID
		return p
	}
	w, err := r.custody.change(recID, func(w *ward) error {
		switch {
		case w.Hold != nil:
			return held(rec)
		case w.Delete != nil:
			return deleting(rec)
		case rec.State != wire.RecordingStored:
			return conflict("recording_not_stored", "the key of a recording can be erased when it is stored")
		case !sealedRecording(rec):
			return conflict("recording_not_sealed", "the recording is not encrypted, so it has no key to erase")
		case w.Erase == nil:
			w.Erase = &order{By: by, Reason: reason, At: r.now(), Folder: folderKey(rec), CallID: rec.CallID}
		}
		return nil
	})
	if err != nil {
		return rec, false, err
	}
	found, err := r.takeKeys(ctx, w)
	switch {
	case errors.Is(err, errRefused):
		return rec, false, locked(rec, err)
	case err != nil:
		r.log.Warn("key not erased yet", "recording", recID, "cause", err)
		return rec, false, nil
	case !found:
		p := problem.New(http.StatusGone, "recording_erased", "the key of this recording has been erased before")
		p.CallID = rec.CallID
		return rec, false, p
	}
	return rec, true, nil
}

// takeKeys carries out the order to erase a key. found is false when there was none. Where a store refuses before
// anything is gone, the order is withdrawn and the error is errRefused.
func (r *Recorder) takeKeys(ctx context.Context, w ward) (found bool, err error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	given := w.Erase.At
	folder := w.Erase.Folder
	if w = r.custody.get(w.Recording); w.Erase == nil { // the house was quicker
		return r.erasedBy(ctx, folder, given)
	}
	taken, err := r.takeAll(ctx, w)
	_, saved := r.custody.change(w.Recording, func(w *ward) error {
		switch {
		case w.Erase == nil || !w.Erase.At.Equal(given):
		case err == nil:
			w.Erase = nil
		case taken > 0 && !w.Erase.Begun:
			begun := *w.Erase
			begun.Begun = true
			w.Erase = &begun
		case errors.Is(err, archive.ErrLocked) && !w.Erase.Begun:
			w.Erase = nil
			err = errors.Join(errRefused, err)
		}
		return nil
	})
	if err = errors.Join(err, saved); err != nil {
		return taken > 0, err
	}
	if taken == 0 && !w.Erase.Begun {
		return false, nil
	}
	r.log.Info("recording key erased", "recording", w.Recording, "by", w.Erase.By)
	r.outcome(wire.AuditEntry{
		Actor: w.Erase.By, Action: "recording.key_erased", Object: w.Recording, CallID: w.Erase.CallID,
		Detail: map[string]string{"reason": w.Erase.Reason},
	})
	return true, nil
}

// erasedBy tells what came of an order given at this time and carried out by somebody else: as takeKeys does.
func (r *Recorder) erasedBy(ctx context.Context, folder string, given time.Time) (found bool, err error) {
	left := false
	for _, a := range r.archives {
		taken, err := takenBy(ctx, a, folder, given)
		if err != nil || taken {
			return taken, err
		}
		if _, err := a.Stat(ctx, folder+EnvelopeName); err == nil {
			left = true
		}
	}
	if left {
		return false, errRefused
	}
	return false, nil
}

// takeAll takes the key out of all archives and tells out of how many.
func (r *Recorder) takeAll(ctx context.Context, w ward) (taken int, err error) {
	if w.Releasing { // a hold was released that not every archive has heard of
		if err := r.tellAll(ctx, w.Erase.Folder, w); err != nil {
			return 0, err
		}
	}
	var errs []error
	for _, a := range r.refusersFirst() {
		found, err := TakeKey(ctx, a, w.Erase.Folder, w.Recording, w.Erase.At)
		if found {
			taken++
		}
		if errors.Is(err, archive.ErrLocked) {
			return taken, err
		}
		errs = append(errs, err)
	}
	for _, dir := range r.spooled(w.Recording) { // what could not be cleared, or a person has not looked at yet
		errs = append(errs, removeIfThere(filepath.Join(dir, EnvelopeName)))
	}
	return taken, errors.Join(errs...)
}
