// Package recorder keeps what is said in a call and never makes the call wait for it. A Recording is a tap
// on a room: each tick's audio is copied into a lock-free ring, a goroutine per recording turns it into
// one Ogg Opus track per party on one time line, another writes pages to a folder on a local disk, and
// when the recording is over an uploader brings the folder to every archive, verifies it there and only
// then clears the disk. A restart finishes whatever a crash has left.
//
//	Tick > ring > tracks > pages > spool on disk > archive (folder, S3)
//
// Where a party's voice is already Opus and nothing has changed it, its packets are written as they came;
// everything else is encoded here. What the room does not hear (muted, held, absent) is silence.
//
// A pause cuts before the ring, so paused audio exists nowhere behind it. Its deadline is in the
// recording's journal and the server ends it, whoever asked for it.
package recorder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Deps is what a Recorder needs of the house. Now is the wall clock and may be nil.
type Deps struct {
	Bus *event.Bus
	Log *slog.Logger
	Now func() time.Time
	// Audit writes down what happens to recordings without anybody's asking, and what came of what was asked for. It
	// returns when the entry is on disk; it may be nil.
	Audit func(wire.AuditEntry) error
	// Busy says that the machine has no time for listening copies; it may be nil.
	Busy func() bool
}

// Recorder makes recordings and brings them to the archives. Safe for concurrent use.
type Recorder struct {
	cfg      Config
	bus      *event.Bus
	log      *slog.Logger
	wall     func() time.Time
	audit    func(wire.AuditEntry) error
	born     time.Time
	uptime   func() time.Duration // since born
	archives []archive.Archive
	uploads  []*uploader // one per archive
	index    *index
	learning *learning
	disk     disk
	hurry    float64   // 1; a test's back-off is shorter
	scribes  []*scribe // each recording belongs to one
	syncer   syncer
	custody  *custody
	deciding sync.Mutex    // held while a decision is carried out in the archives, one at a time
	abandon  chan struct{} // closed when Run is over
	signer   *seal.Signer  // nil: manifests are not signed
	keeper   seal.Keeper   // nil: recordings are not sealed
	copies   *listen.Worker

	encoded atomic.Uint64 // frames
	refuses atomic.Bool   // recordings cannot be kept now; set by watch
	started atomic.Uint64 // recordings, to spread them over the scribes
	fences  fences
	proofs  proofs

	mu      sync.Mutex
	live    map[string]*Recording
	waiting map[string]*finishedRecording // on disk, not yet in every archive
	closed  bool
	writers sync.WaitGroup
}

// New checks the configuration, opens the archives' and the recordings' keys, and starts nothing.
func New(cfg Config, deps Deps) (*Recorder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	archives, err := cfg.Archive.Open()
	if err != nil {
		return nil, err
	}
	r := newRecorder(cfg, deps, archives)
	if r.signer, r.keeper, err = cfg.Keys.keys(); err != nil {
		return nil, err
	}
	return r, nil
}

func newRecorder(cfg Config, deps Deps, archives []archive.Archive) *Recorder {
	r := &Recorder{
		cfg: cfg, bus: deps.Bus, log: deps.Log, wall: deps.Now, audit: deps.Audit, born: time.Now(), archives: archives,
		custody: newCustody(filepath.Join(cfg.SpoolDir, custodyName)), index: newIndex(filepath.Join(cfg.SpoolDir, indexName)), learning: &learning{path: filepath.Join(cfg.SpoolDir, learntName)}, disk: osDisk{}, hurry: 1, abandon: make(chan struct{}),
		live: make(map[string]*Recording), waiting: make(map[string]*finishedRecording),
	}
	r.copies = listen.NewWorker(maxCopies, float64(cfg.Copy.CPUPercent)/100, deps.Busy)
	if r.audit == nil {
		r.audit = func(wire.AuditEntry) error { return nil }
	}
	r.uptime = func() time.Duration { return time.Since(r.born) }
	if r.wall == nil {
		r.wall = time.Now
	}
	r.syncer = syncer{disk: r.disk, dirs: cfg.spools(), wake: make(chan struct{}, 1)}
	for range min(runtime.GOMAXPROCS(0), maxScribes) {
		r.scribes = append(r.scribes, &scribe{wake: make(chan struct{}, 1)})
	}
	for _, a := range archives {
		r.uploads = append(r.uploads, newUploader(r, a, cfg.UploadWorkers))
	}
	return r
}

func (r *Recorder) now() time.Time { return r.wall().UTC().Truncate(time.Millisecond) }

func (r *Recorder) publish(typ, actor string, w wire.Recording) {
	if r.bus != nil {
		r.bus.Publish(typ, w.CallID, actor, w)
	}
}

// outcome audits what was done. That it was asked for is in the log already.
func (r *Recorder) outcome(e wire.AuditEntry) {
	if err := r.audit(e); err != nil {
		r.log.Error("audit entry not written", "action", e.Action, "recording", e.Object, "cause", err)
	}
}

// StartRequest says what is recorded.
type StartRequest struct {
	CallID, From, To, Queue string
	Actor                   string // who asked
	Variables               map[string]string
	// Policy is what the call asks for beside its queue's policy; nil: nothing.
	Policy *wire.RecordingPolicy
	// Paused is told whenever a pause has begun, changed or ended, whoever did it. It must return at once; nil:
	// nobody is told.
	Paused func(wire.Recording)
}

// Start begins a recording; give it to the room as its tap. It returns when the recording's journal is on
// disk; the error is a problem with status 503 when the disk does not take it.
func (r *Recorder) Start(ctx context.Context, req StartRequest) (*Recording, error) {
	now := r.now()
	pauses := r.cfg.RulesFor(req.Queue, req.Policy)
	h := header{
		Version: 1, ID: id.New(id.Recording), CallID: req.CallID, From: req.From, To: req.To, Queue: req.Queue,
		Actor: req.Actor, Policy: pauses.PausePolicy, Pauses: pauses.wire(), Started: now, Monotonic: int64(r.uptime()), Variables: maps.Clone(req.Variables),
		Sealed: r.keeper != nil,
	}
	policy := r.PolicyFor(req.Queue, req.Policy)
	h.Rules, h.Keep = rules(policy.wire()), policy.Keep
	rec := r.newRecording(h)
	rec.rules, rec.paused = pauses, req.Paused
	var envelope []byte
	if r.keeper != nil {
		key, e, err := seal.NewKey(ctx, r.keeper, h.ID)
		if err != nil {
			e := problem.New(http.StatusServiceUnavailable, "recorder_unavailable", "the recording cannot be started: the key service does not answer")
			e.CallID, e.Err = req.CallID, err
			return nil, e
		}
		rec.key, envelope = key, e.Encode()
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, problem.New(http.StatusServiceUnavailable, "shutting_down", "the server is shutting down")
	}
	r.live[h.ID] = rec // before its folder is there, so that no scan takes it for a leftover
	r.mu.Unlock()
	if err := r.open(ctx, rec, envelope); err != nil {
		r.mu.Lock()
		delete(r.live, h.ID)
		r.mu.Unlock()
		e := problem.New(http.StatusServiceUnavailable, "recorder_unavailable", "the recording cannot be started: the disk does not take it")
		e.CallID, e.Err = req.CallID, err
		return nil, e
	}
	rec.log.Info("recording started", "actor", req.Actor)
	r.publish("recording.started", req.Actor, rec.Snapshot())
	if left := r.fences.take(req.CallID, time.Now()); len(left.list) > 0 {
		rec.ctl.Lock()
		_, err := rec.hold(ctx, left, left.holder().by)
		rec.ctl.Unlock()
		if err != nil {
			rec.log.Warn("pause taken over, but not saved", "cause", err)
		}
	}
	return rec, nil
}

func (r *Recorder) newRecording(h header) *Recording {
	dir := filepath.Join(r.cfg.SpoolDir, h.ID)
	fallback := ""
	if r.cfg.FallbackDir != "" {
		fallback = filepath.Join(r.cfg.FallbackDir, h.ID)
	}
	log := r.log.With("recording", h.ID, "call", h.CallID)
	rec := &Recording{
		rec: r, header: h, dir: dir, log: log, spool: newSpool(r.disk, dir, fallback, log, r.abandon),
		journal: &file{name: journalName, named: true}, ring: newRing(ringWords),
		scribe: r.scribes[r.started.Add(1)%uint64(len(r.scribes))], finished: make(chan struct{}), pos: -1, gap: -1, opened: neverPaused, pausedFrom: -1, lastFlush: time.Now(),
		wire: wire.Recording{
			ID: h.ID, CallID: h.CallID, State: wire.RecordingActive, From: h.From, To: h.To, Queue: h.Queue,
			Started: h.Started, Tracks: []wire.Track{}, Gaps: []wire.Gap{}, Variables: h.Variables, Policy: h.Rules.wire(),
		},
	}
	rec.seats.Store(new([]seat))
	return rec
}

// open makes the recording's folder, its envelope if it is sealed and its journal, and starts its goroutines.
func (r *Recorder) open(ctx context.Context, rec *Recording, envelope []byte) error {
	if err := r.house(rec); err != nil {
		return err
	}
	if envelope != nil { // before anything it is the key of
		rec.spool.push(job{run: func() error { return writeFile(r.disk, filepath.Join(rec.dir, EnvelopeName), envelope) }})
	}
	saved := make(chan error, 1)
	rec.note(entry{Kind: entryStart, Header: &rec.header}, true, func(err error) { saved <- err })
	r.writers.Go(func() {
		rec.spool.loop()
		r.syncer.remove(rec.spool)
		r.finished(rec)
	})
	if err := wait(ctx, saved); err != nil {
		rec.over.Store(true)
		rec.spool.close()
		return err
	}
	rec.scribe.crew.add(rec, &r.writers, rec.scribe.loop)
	r.syncer.crew.add(rec.spool, &r.writers, r.syncer.loop)
	return nil
}

// leastFree is the space a disk must have for a recording to begin on it, where there is another.
const leastFree = 16 << 20

// house makes the recording's folder, on the fallback's disk when the spool's does not take it.
func (r *Recorder) house(rec *Recording) error {
	make := func(root string) error {
		if err := r.disk.MkdirAll(filepath.Join(root, rec.header.ID)); err != nil {
			return fmt.Errorf("recorder: create folder: %w", err)
		}
		if err := r.disk.SyncDir(root); err != nil {
			return fmt.Errorf("recorder: sync spool: %w", err)
		}
		return nil
	}
	if r.cfg.FallbackDir == "" {
		return make(r.cfg.SpoolDir)
	}
	free, err := r.disk.Free(r.cfg.SpoolDir)
	if err == nil && free >= leastFree || errors.Is(err, os.ErrNotExist) { // at the very first start it is not made yet
		if err = make(r.cfg.SpoolDir); err == nil {
			return nil
		}
	}
	if other := make(r.cfg.FallbackDir); other != nil {
		return errors.Join(err, other)
	}
	rec.log.Warn("recording begun on the fallback disk", "free_bytes", free, "cause", err)
	rec.dir = rec.spool.fallback
	rec.spool.dir, rec.spool.fallback = rec.dir, ""
	return nil
}

// finished takes over a recording whose files are closed.
func (r *Recorder) finished(rec *Recording) {
	defer close(rec.finished)
	m, err := readManifest(rec.dir)
	r.mu.Lock()
	delete(r.live, rec.header.ID)
	if err != nil { // given up at shutdown or never begun; the next start finishes it
		r.mu.Unlock()
		rec.log.Warn("recording left for recovery", "cause", err)
		return
	}
	r.enqueue(rec.dir, m)
	r.mu.Unlock()
	rec.log.Info("recording stopped", "duration_ms", m.Recording.DurationMS, "reason", m.StopReason)
	r.publish("recording.stopped", "server", m.Recording)
}

// Get is a recording in whatever state it is; the error is a 404 problem.
func (r *Recorder) Get(recID string) (wire.Recording, error) {
	r.mu.Lock()
	rec, f := r.live[recID], r.waiting[recID]
	var w wire.Recording
	if f != nil {
		w = f.manifest.Recording
	}
	r.mu.Unlock()
	if rec != nil {
		w = rec.Snapshot()
	}
	if rec == nil && f == nil {
		var ok bool
		var err error
		if w, ok, err = r.index.get(recID); err != nil {
			return w, err
		}
		if !ok {
			return w, problem.NotFound("recording", recID)
		}
	}
	return r.custody.dress(w), nil
}

// Check asks every archive whether it would take a recording now. Each error is one clear sentence;
// recordings are made all the same and wait on the local disk.
func (r *Recorder) Check(ctx context.Context) []error {
	errs := make([]error, len(r.archives))
	var wg sync.WaitGroup
	for i, a := range r.archives {
		wg.Go(func() { errs[i] = a.Check(ctx) })
	}
	wg.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// drainLimit is how long a shutdown waits for the disk.
const drainLimit = 10 * time.Second

// Run finishes what a crash has left and uploads until ctx is done; then it stops the recordings that
// still run and returns when they are on disk.
func (r *Recorder) Run(ctx context.Context) error {
	unlock, err := lockSpool(r.cfg.SpoolDir)
	if err != nil {
		return err
	}
	err = errors.Join(r.index.load(), r.custody.load())
	if err == nil {
		var names []string
		for _, a := range r.archives {
			names = append(names, a.Name())
		}
		err = r.learning.load(r.index.made, names)
	}
	if err != nil {
		return errors.Join(err, unlock())
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.scan(ctx) })
	wg.Go(func() { r.watch(ctx) })
	wg.Go(func() { r.copies.Run(ctx) })
	wg.Go(func() { r.feed(ctx) })
	wg.Go(func() { r.fallback(ctx) })
	wg.Go(func() { r.keepHouse(ctx) })
	for _, u := range r.uploads {
		u.run(ctx, &wg)
	}
	<-ctx.Done()
	wg.Wait()
	r.mu.Lock()
	r.closed = true
	recs := slices.Collect(maps.Values(r.live))
	r.mu.Unlock()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	var errs []error
	for _, rec := range recs {
		_, err := rec.Stop(limit, "shutdown")
		errs = append(errs, err)
	}
	close(r.abandon)
	r.writers.Wait()
	return errors.Join(append(errs, r.index.close(), unlock())...)
}

// hashFile reads a file for its size and SHA-256.
func hashFile(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", fmt.Errorf("recorder: hash: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return 0, "", fmt.Errorf("recorder: hash %s: %w", filepath.Base(path), err)
	}
	return n, hex.EncodeToString(h.Sum(nil)), nil
}
