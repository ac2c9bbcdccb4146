package recorder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// errDeleting: the recording is to be deleted, so nothing of it is written any more.
var errDeleting = errors.New("recorder: the recording is being deleted")

// errRefused: a store keeps the recording, and nothing of it has been deleted.
var errRefused = errors.New("recorder: an archive refuses to delete the recording")

// useLimit is how long a deletion waits for what is being written to the recording's folder.
const useLimit = 2 * time.Second

// errInUse: something still writes to the recording's folder.
var errInUse = errors.New("recorder: the recording is in use")

// Delete deletes a recording with everything that was made of it: key, tracks, manifest, listening copy and
// waveform in every archive, what the spool has, and its line in the index. It reports whether that is done;
// if not, an archive could not be reached or something was still being written, and it goes on by itself, also
// after a restart. Meanwhile nobody can open the recording. Errors are problems: 404, 409 for a running
// recording, one under legal hold and one that a store keeps under a lock, 503.
func (r *Recorder) Delete(ctx context.Context, recID, by, reason string) (done bool, err error) {
	rec, err := r.Get(recID)
	if err != nil {
		return false, err
	}
	if rec.Ended == nil {
		p := problem.Conflict("recording_running", string(rec.State), []string{"stop"}, "the recording is not over")
		p.CallID = rec.CallID
		return false, p
	}
	w, err := r.custody.change(recID, func(w *ward) error {
		if w.Hold != nil {
			return held(rec)
		}
		if w.Delete == nil {
			w.Delete = &order{By: by, Reason: reason, At: r.now(), Folder: folderKey(rec), CallID: rec.CallID}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for limit := time.Now().Add(useLimit); r.custody.used(recID) && time.Now().Before(limit) && ctx.Err() == nil; {
		time.Sleep(10 * time.Millisecond)
	}
	err = r.purge(ctx, w)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errRefused):
		return false, locked(rec, err)
	}
	r.log.Warn("recording not deleted yet", "recording", recID, "cause", err)
	return false, nil
}

func locked(w wire.Recording, cause error) error {
	p := problem.Conflict("recording_locked", string(w.State), nil, "an archive keeps the recording under a lock until its time has come")
	p.CallID, p.Err = w.CallID, cause
	return p
}

// purge carries a deletion out. Where a store refuses it before anything is gone, the order is withdrawn and the
// error is errRefused.
func (r *Recorder) purge(ctx context.Context, w ward) error {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	order := w.Delete.At
	if w = r.custody.get(w.Recording); w.Delete == nil { // somebody else has done it, or been refused
		if _, err := r.Get(w.Recording); err == nil {
			return errRefused
		}
		return nil
	}
	if r.custody.used(w.Recording) {
		return errInUse
	}
	removed, err := r.removeAll(ctx, w)
	if err == nil {
		return r.forget(w, removed)
	}
	if !errors.Is(err, archive.ErrLocked) && removed == 0 || w.Delete.Begun {
		return err
	}
	_, saved := r.custody.change(w.Recording, func(w *ward) error {
		if w.Delete == nil || !w.Delete.At.Equal(order) {
			return nil
		}
		if d := *w.Delete; removed > 0 {
			d.Begun = true
			w.Delete = &d
		} else {
			w.Delete = nil
			err = errors.Join(errRefused, err)
		}
		return nil
	})
	if saved == nil && errors.Is(err, errRefused) {
		r.requeue(w.Recording)
	}
	return errors.Join(err, saved)
}

// removeAll removes a recording's objects from all archives and from the spool, and tells how many.
func (r *Recorder) removeAll(ctx context.Context, w ward) (removed int, err error) {
	r.dropWaiting(w.Recording)
	if w.Releasing { // a hold was released that not every archive has heard of
		if err := r.tellAll(ctx, w.Delete.Folder, w); err != nil {
			return 0, err
		}
	}
	var errs []error
	for _, a := range r.refusersFirst() {
		n, err := removeBelow(ctx, a, w.Delete.Folder)
		if removed += n; errors.Is(err, archive.ErrLocked) {
			return removed, err
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return removed, err
	}
	for _, dir := range r.spooled(w.Recording) {
		if err := removeFolder(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// refusersFirst are the archives with those first that can refuse, so that a refusal finds everything as it was.
func (r *Recorder) refusersFirst() []archive.Archive {
	list := slices.Clone(r.archives)
	slices.SortStableFunc(list, func(a, b archive.Archive) int {
		rank := func(x archive.Archive) int {
			if _, ok := x.(archive.Holder); ok {
				return 0
			}
			return 1
		}
		return rank(a) - rank(b)
	})
	return list
}

// spooled are the folders in which the spool has something of a recording.
func (r *Recorder) spooled(recID string) (dirs []string) {
	for _, root := range r.cfg.spools() {
		for _, name := range []string{recID, recID + leftSuffix} {
			if dir := filepath.Join(root, name); exists(dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// forget ends a deletion: nothing but the memory of the recording is left.
func (r *Recorder) forget(w ward, removed int) error {
	if err := r.index.remove(w.Recording); err != nil {
		return err
	}
	r.mu.Lock()
	delete(r.waiting, w.Recording)
	r.mu.Unlock()
	if _, err := r.custody.change(w.Recording, func(w *ward) error { *w = ward{Recording: w.Recording}; return nil }); err != nil {
		return err
	}
	r.log.Info("recording deleted", "recording", w.Recording, "by", w.Delete.By, "objects", removed)
	r.publish("recording.deleted", w.Delete.By, wire.Recording{
		ID: w.Recording, CallID: w.Delete.CallID, State: wire.RecordingDeleting, Tracks: []wire.Track{}, Gaps: []wire.Gap{},
	})
	r.outcome(wire.AuditEntry{
		Actor: w.Delete.By, Action: "recording.deleted", Object: w.Recording, CallID: w.Delete.CallID,
		Detail: map[string]string{"reason": w.Delete.Reason},
	})
	return nil
}

// dropWaiting takes a recording from the uploaders' queues.
func (r *Recorder) dropWaiting(recID string) {
	for _, u := range r.uploads {
		u.mu.Lock()
		for i, f := range u.queue {
			if f.manifest.Recording.ID == recID {
				u.queue = append(u.queue[:i:i], u.queue[i+1:]...)
				break
			}
		}
		u.mu.Unlock()
	}
}

// removeBelow removes all objects in a folder of an archive and tells how many there were. It looks again
// afterwards: what is still there is an error.
func removeBelow(ctx context.Context, a archive.Archive, folder string) (removed int, err error) {
	keys, err := keysBelow(ctx, a, folder)
	if err != nil {
		return 0, err
	}
	if s, ok := a.(archive.Sweeper); ok {
		if err := s.Sweep(); err != nil {
			return 0, err
		}
	}
	orderOfRemoval(keys)
	for _, key := range keys {
		if err := a.Remove(ctx, key); err != nil {
			return removed, err
		}
		removed++
	}
	if u, ok := a.(archive.Aborter); ok {
		if err := u.Abort(ctx, folder); err != nil {
			return removed, err
		}
	}
	if len(keys) > 0 {
		if keys, err = keysBelow(ctx, a, folder); err == nil && len(keys) > 0 {
			err = errors.New("recorder: archive " + a.Name() + " has not removed " + keys[0])
		}
	}
	return removed, err
}

// Of the housekeeping.
const (
	houseEvery  = time.Minute // at least so often it is looked what is due
	houseRetry  = 5 * time.Second
	lockedRetry = time.Hour // what a store keeps under a lock is asked for again after this
)

// keepHouse deletes what is kept no longer and finishes what was decided and could not be done at once.
func (r *Recorder) keepHouse(ctx context.Context) {
	later := make(map[string]time.Time) // recordings that are not to be tried before
	noted := make(map[string]bool)      // recordings whose retention is in the audit log
	for ctx.Err() == nil {
		wait := r.houseRound(ctx, later, noted)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-r.custody.kick:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// houseRound is one look and tells when to look again.
func (r *Recorder) houseRound(ctx context.Context, later map[string]time.Time, noted map[string]bool) time.Duration {
	now := r.now()
	wait := houseEvery
	soon := func(recID string, err error) {
		if errors.Is(err, archive.ErrLocked) {
			later[recID] = now.Add(lockedRetry)
			return
		}
		retry := time.Duration(float64(houseRetry) * r.hurry)
		later[recID] = now.Add(retry)
		wait = min(wait, retry)
		r.log.Warn("decision about a recording not carried out yet", "recording", recID, "cause", err)
	}
	for _, w := range r.custody.open() {
		if at := later[w.Recording]; ctx.Err() != nil || now.Before(at) {
			wait = min(wait, max(at.Sub(now), 10*time.Millisecond))
			continue
		}
		var err error
		switch {
		case w.Delete != nil:
			err = r.purge(ctx, w)
		case w.Erase != nil:
			_, err = r.takeKeys(ctx, w)
		default:
			if w.Releasing || w.Hold != nil && !w.Told {
				err = r.tell(ctx, w.Recording)
			}
			if len(w.Left) > 0 {
				err = errors.Join(err, r.clearLeft(ctx, w.Recording))
			}
		}
		if delete(later, w.Recording); err != nil && ctx.Err() == nil {
			soon(w.Recording, err)
		}
	}
	due, next := r.index.due(now)
	due = append(due, r.dueWaiting(now)...)
	for _, recID := range due {
		if at := later[recID]; ctx.Err() != nil || now.Before(at) {
			wait = min(wait, max(at.Sub(now), 10*time.Millisecond))
			continue
		}
		if h, d := r.custody.marks(recID); h || d {
			continue
		}
		if !noted[recID] { // what cannot be written down is not done
			e := wire.AuditEntry{Actor: "server", Action: "recording.delete_asked", Object: recID, Detail: map[string]string{"reason": "retention"}}
			if err := r.audit(e); err != nil {
				soon(recID, err)
				continue
			}
			noted[recID] = true
		}
		done, err := r.Delete(ctx, recID, "server", "retention")
		if done {
			delete(noted, recID)
		}
		if err != nil && ctx.Err() == nil {
			later[recID] = now.Add(lockedRetry)
			r.log.Warn("recording kept beyond its time", "recording", recID, "cause", err)
		}
	}
	if !next.IsZero() {
		wait = min(wait, max(next.Sub(now), 10*time.Millisecond))
	}
	if r.settleWaiting() {
		wait = min(wait, houseRetry)
	}
	return wait
}

// dueWaiting are recordings whose time is over before an archive has taken them.
func (r *Recorder) dueWaiting(now time.Time) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for recID, f := range r.waiting {
		if k := f.manifest.Recording.KeepUntil; k != nil && !k.After(now) {
			list = append(list, recID)
		}
	}
	return list
}
