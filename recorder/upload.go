package recorder

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// finishedRecording is a recording with a manifest that waits for its archives.
type finishedRecording struct {
	dir      string
	manifest Manifest
	bytes    int64
	since    time.Time
	missing  map[string]bool // archives that do not have it yet, by name
	stored   []string        // archives that have it
	handed   time.Time       // when the archive it waits for was given it
	settling bool            // it is being put into the index
}

// Back-off of an archive that fails: a random time up to a limit that doubles with each failure, to one that
// lets the backlog be gone five minutes after the archive is back. A fault that needs a person is tried about
// once a minute.
const (
	backoffFirst  = time.Second
	backoffMost   = 2 * time.Minute
	backoffPerson = time.Minute
)

// backoff is the pause before the next try after the given number of failures in a row. random is in [0,1).
func backoff(failures int, err error, random float64) time.Duration {
	if archive.NeedsPerson(err) {
		return backoffPerson + time.Duration(random*float64(backoffPerson/4))
	}
	limit := min(backoffMost, backoffFirst<<min(failures-1, 16))
	return time.Duration(random * float64(limit))
}

// uploader brings recordings to one archive. While the archive fails one recording at a time is tried;
// when it works, several at once. It gives up on nothing that is intact on disk.
type uploader struct {
	r       *Recorder
	archive archive.Archive
	workers int

	mu       sync.Mutex
	queue    []*finishedRecording
	trying   map[*finishedRecording]bool
	failures int       // in a row
	failing  time.Time // since when, zero while it works
	next     time.Time
	err      error
	wake     chan struct{} // closed and replaced when something changes
}

func newUploader(r *Recorder, a archive.Archive, workers int) *uploader {
	return &uploader{r: r, archive: a, workers: workers, wake: make(chan struct{}), trying: make(map[*finishedRecording]bool)}
}

// add queues a recording, unless it is queued or being tried already.
func (u *uploader) add(f *finishedRecording) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.trying[f] && !slices.Contains(u.queue, f) {
		u.queue = append(u.queue, f)
		u.changed()
	}
}

func (u *uploader) changed() {
	close(u.wake)
	u.wake = make(chan struct{})
}

func (u *uploader) run(ctx context.Context, wg *sync.WaitGroup) {
	for range u.workers {
		wg.Go(func() {
			for f := u.take(ctx); f != nil; f = u.take(ctx) {
				u.done(f, u.store(ctx, f))
			}
		})
	}
}

// take waits for a recording that may be tried now; nil when ctx is done.
func (u *uploader) take(ctx context.Context) *finishedRecording {
	for ctx.Err() == nil {
		u.mu.Lock()
		wait := time.Duration(-1)
		if len(u.queue) > 0 && (u.failures == 0 || len(u.trying) == 0) {
			if wait = time.Until(u.next); wait <= 0 || u.failures == 0 {
				f := u.queue[0]
				u.queue = u.queue[1:]
				u.trying[f] = true
				u.mu.Unlock()
				return f
			}
		}
		wake := u.wake
		u.mu.Unlock()
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer:
		}
	}
	return nil
}

// done notes the outcome of a try.
func (u *uploader) done(f *finishedRecording, err error) {
	damaged := errors.Is(err, archive.ErrSource) || errors.Is(err, archive.ErrKey)
	u.mu.Lock()
	delete(u.trying, f)
	before := u.err
	switch {
	case errors.Is(err, errDeleting): // should the order be withdrawn, requeue brings it back
	case err == nil || damaged:
		u.failures, u.err, u.failing = 0, nil, time.Time{}
	case errors.Is(err, context.Canceled):
		u.queue = append(u.queue, f)
	default:
		u.queue = append(u.queue, f)
		if u.failures++; u.failures == 1 {
			u.failing = time.Now()
		}
		pause := time.Duration(float64(backoff(u.failures, err, rand.Float64())) * u.r.hurry)
		u.err, u.next = err, time.Now().Add(pause)
	}
	now := u.err
	u.changed()
	u.mu.Unlock()
	switch {
	case now != nil && before == nil:
		u.r.log.Error("archive failed", "archive", u.archive.Name(), "cause", now)
		u.r.publishArchive("archive.degraded", u)
	case now == nil && before != nil:
		u.r.log.Info("archive works again", "archive", u.archive.Name())
		u.r.publishArchive("archive.restored", u)
	}
	switch {
	case damaged:
		u.r.failed(f, err)
	case err == nil:
		u.r.stored(f, u.archive.Name())
	case errors.Is(err, errDeleting):
		if _, deleting := u.r.custody.marks(f.manifest.Recording.ID); !deleting { // not any more
			u.r.requeue(f.manifest.Recording.ID)
		}
	}
}

// store puts the tracks with their chains and then the manifest, so that a manifest in an archive means a whole recording.
func (u *uploader) store(ctx context.Context, f *finishedRecording) error {
	w := f.manifest.Recording
	done, ok := u.r.custody.use(w.ID)
	if !ok {
		return errDeleting
	}
	defer done()
	folder := folderKey(w)
	if f.manifest.Envelope != "" { // first: without it what follows is noise
		if err := u.whole(ctx, f, f.manifest.Envelope); err != nil {
			return err
		}
	}
	for _, t := range w.Tracks {
		err := u.archive.Put(ctx, folder+t.Object, archive.File{
			Path: filepath.Join(f.dir, t.Object), Size: t.Bytes, SHA256: t.SHA256,
			Resume: filepath.Join(f.dir, t.ID+"."+u.archive.Name()),
		})
		if err != nil {
			return err
		}
	}
	for _, c := range f.manifest.Chains {
		if err := u.whole(ctx, f, c.Object); err != nil {
			return err
		}
	}
	return u.whole(ctx, f, ManifestName)
}

// whole puts a small file of a recording.
func (u *uploader) whole(ctx context.Context, f *finishedRecording, object string) error {
	path := filepath.Join(f.dir, object)
	size, sum, err := hashFile(path)
	if err != nil {
		return errors.Join(archive.ErrSource, err)
	}
	return u.archive.Put(ctx, folderKey(f.manifest.Recording)+object, archive.File{Path: path, Size: size, SHA256: sum})
}

// enqueue hands a finished recording to every archive that lacks it. r.mu is held.
func (r *Recorder) enqueue(dir string, m Manifest) {
	f := &finishedRecording{dir: dir, manifest: m, since: r.now(), missing: make(map[string]bool)}
	if m.Recording.Ended != nil {
		f.since = *m.Recording.Ended
	}
	for _, t := range m.Recording.Tracks {
		f.bytes += t.Bytes
	}
	r.waiting[m.Recording.ID] = f
	r.hand(f)
}

// stored notes that an archive has the recording. With the last one the recording leaves the spool.
func (r *Recorder) stored(f *finishedRecording, name string) {
	r.mu.Lock()
	if f.missing[name] {
		delete(f.missing, name)
		f.stored = append(f.stored, name)
	}
	r.mu.Unlock()
	if held, _ := r.custody.marks(f.manifest.Recording.ID); held {
		r.custody.wake() // this archive has all of it to hold now
	}
	r.settleStored(f)
}

// requeue hands a recording to the archives that lack it once more, after an order to delete it was withdrawn:
// while that stood nothing of it was written.
func (r *Recorder) requeue(recID string) {
	r.mu.Lock()
	f := r.waiting[recID]
	var lack []*uploader
	for _, u := range r.uploads {
		if f != nil && f.missing[u.archive.Name()] {
			lack = append(lack, u)
		}
	}
	r.mu.Unlock()
	for _, u := range lack {
		u.add(f)
	}
}

// settleWaiting tries again what every archive has and the index has not taken, and tells whether any is left.
func (r *Recorder) settleWaiting() (left bool) {
	r.mu.Lock()
	var list []*finishedRecording
	for _, f := range r.waiting {
		if len(f.missing) == 0 {
			list = append(list, f)
		}
	}
	r.mu.Unlock()
	for _, f := range list {
		left = !r.settleStored(f) || left
	}
	return left
}

// settleStored ends the wait of a recording that every archive has: it goes into the index and leaves the spool.
// It reports false when that has to be tried again.
func (r *Recorder) settleStored(f *finishedRecording) bool {
	r.mu.Lock()
	w := f.manifest.Recording                                     // which the other archives' uploaders read
	if len(f.missing) > 0 || f.settling || r.waiting[w.ID] != f { // not all have it; or settled or deleted meanwhile
		r.mu.Unlock()
		return true
	}
	f.settling = true
	w.Archives = slices.Clone(f.stored)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		f.settling = false
		r.mu.Unlock()
	}()
	done, ok := r.custody.use(w.ID)
	if !ok {
		return true // deleted, or the order is withdrawn and the house comes here again
	}
	done = sync.OnceFunc(done)
	defer done()
	w.State, w.Error = wire.RecordingStored, ""
	if err := r.index.put(w); err != nil { // the recording is safe; its folder stays until the index takes it
		r.log.Error("index write failed", "recording", w.ID, "cause", err)
		return false
	}
	r.mu.Lock()
	delete(r.waiting, w.ID)
	r.mu.Unlock()
	done()
	r.custody.wake() // a hold the archive must be told of, or another end of its time
	r.publish("recording.stored", "server", w)
	r.log.Info("recording stored", "recording", w.ID, "recovered", w.Recovered)
	if r.wantedCopy(w) != "" { // before the folder goes: a crash in between must not forget the copy
		r.wantCopy(w.ID)
	}
	if err := clearFolder(f.dir, f.manifest); errors.Is(err, errUnlisted) {
		r.log.Error("audio left in the spool: no manifest lists it", "recording", w.ID, "cause", err)
	} else if err != nil {
		r.log.Error("clear spool failed", "recording", w.ID, "cause", err)
	}
	return true
}

// Suffixes of a recording's folder that is no longer waiting.
const (
	goneSuffix = ".stored" // it is being removed
	leftSuffix = ".left"   // it holds audio that is in no archive, for a person to look at
)

// errUnlisted: a recording's folder holds audio that its manifest does not list.
var errUnlisted = errors.New("recorder: unlisted audio")

// clearFolder removes a stored recording from the spool. Where it holds tracks that the manifest does not list, and
// so no archive has, it is put aside under leftSuffix instead and the error is errUnlisted.
func clearFolder(dir string, m Manifest) error {
	unlisted, err := unlistedTracks(dir, m)
	if err != nil {
		return err
	}
	if len(unlisted) == 0 {
		return removeFolder(dir)
	}
	if err := os.Rename(dir, dir+leftSuffix); err != nil {
		return err
	}
	return fmt.Errorf("%w: %q in %s", errUnlisted, unlisted, dir+leftSuffix)
}

// noTrack and noSamples are the sizes up to which a file of Ogg Opus or of samples that a crash has left is not worth
// keeping for itself: the stream's headers and about a second of audio, whose line in the journal never got to the disk.
const (
	noTrack   = 4 << 10
	noSamples = 9 << 10
)

// worthless is the size up to which a file of this name is no loss, -1 where it is no track.
func worthless(name string) int64 {
	for codec, limit := range map[string]int64{"opus": noTrack, "pcmu": noSamples} {
		if track, _, ok := strings.Cut(name, trackSuffix(codec)); ok && ownObject(wire.Track{ID: track, Codec: codec, Object: name}) {
			return limit
		}
	}
	return -1
}

// unlistedTracks are the files in a recording's folder that hold audio, by their name and size, and are not in its
// manifest.
func unlistedTracks(dir string, m Manifest) (list []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("recorder: look for tracks: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if whole, _, _, ok := parsePart(name); ok {
			name = whole
		}
		limit := worthless(name)
		if limit < 0 ||
			slices.ContainsFunc(m.Recording.Tracks, func(t wire.Track) bool { return t.Object == name }) {
			continue
		}
		st, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("recorder: look for tracks: %w", err)
		}
		if st.Size() > limit {
			list = append(list, e.Name())
		}
	}
	return list, nil
}

// removeFolder removes a recording from the spool. It is renamed first, so that half a removal is not taken for
// half a recording.
func removeFolder(dir string) error {
	gone := strings.TrimSuffix(dir, leftSuffix) + goneSuffix
	if err := os.Rename(dir, gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// failed notes a recording whose files are damaged on disk. They are left for a person to look at.
func (r *Recorder) failed(f *finishedRecording, cause error) {
	r.mu.Lock()
	w := &f.manifest.Recording
	already := w.State == wire.RecordingFailed
	w.State, w.Error = wire.RecordingFailed, cause.Error()
	done := *w
	r.mu.Unlock()
	if already {
		return
	}
	r.log.Error("recording failed", "recording", done.ID, "cause", cause)
	r.publish("recording.failed", "server", done)
}

// status is how the archive does.
func (u *uploader) status() wire.ArchiveStatus {
	u.r.mu.Lock()
	name := u.archive.Name()
	s := wire.ArchiveStatus{Name: name, OK: true, Rebuilding: u.r.learning.open(name)}
	for _, f := range u.r.waiting {
		if f.missing[name] {
			s.Waiting++
			s.BacklogBytes += f.bytes
			if s.OldestSince == nil || f.since.Before(*s.OldestSince) {
				since := f.since
				s.OldestSince = &since
			}
		}
	}
	u.r.mu.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		s.OK, s.Error = false, u.err.Error()
	}
	return s
}

func (r *Recorder) publishArchive(typ string, u *uploader) {
	if r.bus != nil {
		r.bus.Publish(typ, "", "server", u.status())
	}
}

// Archives tells how each archive does.
func (r *Recorder) Archives() []wire.ArchiveStatus {
	list := make([]wire.ArchiveStatus, 0, len(r.uploads))
	for _, u := range r.uploads {
		list = append(list, u.status())
	}
	return slices.Clip(list)
}
