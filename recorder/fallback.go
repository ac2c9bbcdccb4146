package recorder

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// hand gives a finished recording to the archives that are to have it: to all, or to the first one. r.mu is
// held.
func (r *Recorder) hand(f *finishedRecording) {
	list := r.uploads
	if r.cfg.Archive.Mode == ArchiveFirst {
		list = list[:1]
	}
	f.handed = time.Now()
	for _, u := range list {
		f.missing[u.archive.Name()] = true
	}
	for _, u := range list {
		u.add(f)
	}
}

// fallbackEvery is how often recordings are looked for whose archive has refused them for too long.
const fallbackEvery = time.Second

// fallback moves recordings on to the next archive, where only the first that takes one gets it. Behind the last
// archive comes the first again: it may work by now, and there may be nothing else by which that would be found out.
func (r *Recorder) fallback(ctx context.Context) {
	if r.cfg.Archive.Mode != ArchiveFirst || len(r.uploads) < 2 {
		return
	}
	ticker := time.NewTicker(min(fallbackEvery, r.cfg.Archive.FallbackAfter))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for i, u := range r.uploads {
			r.moveOn(u, r.uploads[(i+1)%len(r.uploads)], time.Now())
		}
	}
}

// moveOn gives what has waited at one archive for too long to the next. What is being tried right now stays.
func (r *Recorder) moveOn(from, to *uploader, now time.Time) {
	r.mu.Lock()
	after := r.cfg.Archive.FallbackAfter
	from.mu.Lock()
	var moved, stay []*finishedRecording
	for _, f := range from.queue {
		if from.failures > 0 && now.Sub(from.failing) >= after && now.Sub(f.handed) >= after {
			moved = append(moved, f)
		} else {
			stay = append(stay, f)
		}
	}
	from.queue = stay
	from.mu.Unlock()
	for _, f := range moved {
		delete(f.missing, from.archive.Name())
		f.missing[to.archive.Name()], f.handed = true, now
		to.add(f)
	}
	r.mu.Unlock()
	for _, f := range moved {
		recID := f.manifest.Recording.ID
		r.log.Warn("recording goes to the next archive", "recording", recID, "refused_by", from.archive.Name(), "archive", to.archive.Name())
		if err := r.leave(recID, from.archive.Name()); err != nil { // then it goes when the recording does
			r.log.Warn("parts of a recording may stay in an archive", "recording", recID, "archive", from.archive.Name(), "cause", err)
		}
	}
}

// leave notes that an archive has given a recording up and may have parts of it.
func (r *Recorder) leave(recID, name string) error {
	_, err := r.custody.change(recID, func(w *ward) error {
		if !slices.Contains(w.Left, name) {
			w.Left = append(slices.Clone(w.Left), name)
		}
		return nil
	})
	return err
}

// clearLeft removes what archives have of a recording that they have given up, when another one has it. Under a legal
// hold nothing is removed.
func (r *Recorder) clearLeft(ctx context.Context, recID string) error {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	w := r.custody.get(recID)
	rec, err := r.Get(recID)
	if err != nil || rec.State != wire.RecordingStored || w.Hold != nil {
		return err
	}
	done, ok := r.custody.use(recID)
	if !ok {
		return nil
	}
	defer done()
	var still []string
	var errs []error
	for _, a := range r.archives {
		if !slices.Contains(w.Left, a.Name()) || slices.Contains(rec.Archives, a.Name()) { // it has come back to that one
			continue
		}
		if _, err := removeBelow(ctx, a, folderKey(rec)); err != nil {
			still, errs = append(still, a.Name()), append(errs, err)
		}
	}
	_, err = r.custody.change(recID, func(w *ward) error {
		w.Left = still
		return nil
	})
	return errors.Join(append(errs, err)...)
}
