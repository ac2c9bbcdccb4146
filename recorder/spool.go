package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// spoolLimit is how much of a recording waits in memory while the disk does not take it, some
	// minutes of audio. Beyond it audio is dropped and becomes a gap.
	spoolLimit = 4 << 20
	// diskRetry is the pause between tries on a disk that fails.
	diskRetry = 250 * time.Millisecond
	// lazyEvery is how often files that can be made again are written.
	lazyEvery = 2 * time.Second
)

// file is one growing file of a recording. When the disk fails under it, what is not known to last goes into
// a new part of the file, in the same folder or in the fallback folder; in the end the parts are made one
// file again. All but the last three fields belong to the spool's goroutine.
//
//	customer-1.ogg                    bytes 0 ..
//	customer-1.ogg.part-1-48200       bytes 48200 .., whatever the part before holds there
type file struct {
	name string // in the recording's folder
	// lazy is for a file that can be made again from another one: it is written seldom.
	lazy bool
	// named: the name of a new part must last before the first bytes do.
	named bool

	f       diskFile
	parts   []segment // the last one is open if f is
	turns   int
	pending []byte
	since   time.Time // pending has bytes since
	tail    []byte    // written, but not known to last

	size   int64 // written
	synced int64 // of that, known to last
	marked int64 // written when the sync of the whole disk that runs now began
	doubt  bool  // that sync failed
}

// segment is a part of a file: what it holds from base on.
type segment struct {
	path string
	base int64
}

// job is one thing the disk has to do, in order.
type job struct {
	to   *file
	data []byte
	sync bool
	done func(error) // called once from the spool's goroutine; may be nil
	run  func() error
}

// spool is a recording's way to the disk: a queue and the one goroutine that writes it. Giving it work
// never waits. What has gathered for a file goes out in one write. A failing write is tried again until it
// succeeds or the spool is abandoned, so that the order of the files never has a hole.
type spool struct {
	disk     disk
	dir      string // the recording's folder
	fallback string // a folder for parts where dir fails; empty: none
	log      *slog.Logger

	mu      sync.Mutex
	queue   []job
	spare   []job
	bytes   int // in memory, not yet written
	closing bool
	err     error     // the disk's last answer, nil when it works
	busy    time.Time // the goroutine has been at its jobs since, zero when it waits

	wake     chan struct{}
	abandon  chan struct{} // closed when the process gives up: what is not written stays unwritten
	finished chan struct{}

	files []*file // appended under mu by the goroutine, which may read it without
}

func newSpool(d disk, dir, fallback string, log *slog.Logger, abandon chan struct{}) *spool {
	return &spool{
		disk: d, dir: dir, fallback: fallback, log: log, abandon: abandon, wake: make(chan struct{}, 1), finished: make(chan struct{}),
	}
}

// push queues a job and gets the disk going.
func (s *spool) push(j job) {
	s.queueUp(j)
	s.flush()
}

// queueUp queues a job that may wait for the next flush.
func (s *spool) queueUp(j job) {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		if j.done != nil {
			j.done(errClosed)
		}
		return
	}
	s.queue = append(s.queue, j)
	s.bytes += len(j.data)
	s.mu.Unlock()
}

func (s *spool) flush() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

var errClosed = errors.New("recorder: recording is closed")

// close ends the goroutine after the queue is empty.
func (s *spool) close() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.flush()
}

// full reports whether the disk is too far behind.
func (s *spool) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes > spoolLimit
}

func (s *spool) fault() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *spool) loop() {
	defer close(s.finished)
	defer s.closeFiles()
	for {
		s.mu.Lock()
		batch, closing := s.queue, s.closing
		s.queue, s.spare = s.spare[:0], nil
		s.busy = time.Time{}
		if len(batch) > 0 {
			s.busy = time.Now()
		}
		s.mu.Unlock()
		if !s.work(batch) {
			return
		}
		if n := len(batch); n > 0 {
			clear(batch)
			s.spare = batch[:0] // only this goroutine reads it
			continue
		}
		if closing {
			return
		}
		select {
		case <-s.wake:
		case <-s.abandon:
			return
		}
	}
}

// work works a batch off: what is for a file is gathered, all else in order. It reports false when the spool
// was abandoned before it could.
func (s *spool) work(batch []job) bool {
	for i := range batch {
		j := &batch[i]
		ok := true
		if j.to != nil {
			s.gather(j.to, j.data)
			clear(j.data)
		}
		if j.sync || j.run != nil {
			ok = s.writeOut(false) && s.try(func() error {
				if j.run != nil {
					return j.run()
				}
				return s.sync(j.to)
			})
		}
		if !ok {
			for _, j := range batch[i:] {
				if j.done != nil {
					j.done(errClosed)
				}
			}
			return false
		}
		if j.done != nil {
			j.done(nil)
		}
	}
	if !s.writeOut(false) {
		return false
	}
	for f := s.doubtful(); f != nil; f = s.doubtful() {
		if !s.try(func() error { return s.sync(f) }) {
			return false
		}
	}
	return true
}

// doubtful is a file that a sync of the whole disk has left in doubt.
func (s *spool) doubtful() *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.doubt {
			return f
		}
	}
	return nil
}

func (s *spool) gather(f *file, data []byte) {
	if len(f.parts) == 0 && f.pending == nil {
		s.mu.Lock()
		s.files = append(s.files, f)
		s.mu.Unlock()
		f.pending = make([]byte, 0, 4<<10)
	}
	if len(f.pending) == 0 {
		f.since = time.Now()
	}
	f.pending = append(f.pending, data...)
}

// writeOut writes what has been gathered; lazy files only when it is time or with all. It reports false when
// the spool was abandoned before it could.
func (s *spool) writeOut(all bool) bool {
	for _, f := range s.files {
		if len(f.pending) == 0 || f.lazy && !all && time.Since(f.since) < lazyEvery {
			continue
		}
		if !s.try(func() error { return s.write(f) }) {
			return false
		}
	}
	return true
}

// try does something until it succeeds. It reports false when the spool was abandoned before it did.
func (s *spool) try(do func() error) bool {
	wait := diskRetry
	for {
		err := do()
		s.mu.Lock()
		changed := (err == nil) != (s.err == nil)
		s.err = err
		s.mu.Unlock()
		if changed {
			if err != nil {
				s.log.Error("spool write failed", "cause", err)
			} else {
				s.log.Info("spool works again")
			}
		}
		if err == nil {
			return true
		}
		select {
		case <-time.After(wait):
		case <-s.abandon:
			return false
		}
		wait = min(2*wait, 8*diskRetry)
	}
}

// write writes what has been gathered for a file. After a failure the next try goes into another part, but
// on a full disk without another place.
func (s *spool) write(f *file) error {
	err := s.attempt(f)
	if err != nil && !(errors.Is(err, syscall.ENOSPC) && s.fallback == "") {
		s.turn(f)
	}
	return err
}

func (s *spool) attempt(f *file) error {
	if f.f == nil {
		if err := s.open(f); err != nil {
			return fmt.Errorf("recorder: create %s: %w", f.name, err)
		}
	}
	// At a fixed offset, so that a try after half a write leaves no rest of the first.
	n := len(f.pending)
	if _, err := f.f.WriteAt(f.pending, f.size-f.parts[len(f.parts)-1].base); err != nil {
		return fmt.Errorf("recorder: write %s: %w", f.name, err)
	}
	s.mu.Lock()
	f.size += int64(n)
	s.bytes -= n
	lasting := f.synced
	s.mu.Unlock()
	if drop := int(lasting - (f.size - int64(n) - int64(len(f.tail)))); drop > 0 {
		f.tail = f.tail[:copy(f.tail, f.tail[drop:])]
	}
	f.tail = append(f.tail, f.pending...)
	clear(f.pending)
	f.pending = f.pending[:0]
	return nil
}

func (s *spool) open(f *file) error {
	path := filepath.Join(s.dir, f.name)
	if f.turns > 0 {
		dir := s.dir
		if s.fallback != "" && f.turns%2 == 1 {
			dir = s.fallback
			if err := s.disk.MkdirAll(dir); err != nil {
				return err
			}
		}
		path = filepath.Join(dir, partName(f.name, f.turns, f.size))
	}
	h, err := s.disk.Create(path)
	if err != nil {
		return err
	}
	if f.named || f.turns > 0 {
		if err := s.disk.SyncDir(filepath.Dir(path)); err != nil {
			return errors.Join(err, h.Close(), s.disk.Remove(path))
		}
	}
	f.f, f.parts = h, append(f.parts, segment{path: path, base: f.size})
	return nil
}

// turn ends a part that the disk has failed under: what is not known to last is written again, to the next
// part.
func (s *spool) turn(f *file) {
	f.turns++
	if f.f == nil {
		return
	}
	_ = f.f.Close() // it has failed already
	f.f = nil
	last := f.parts[len(f.parts)-1]
	s.mu.Lock()
	f.pending = append(f.tail, f.pending...)
	s.bytes += len(f.tail)
	f.size -= int64(len(f.tail))
	f.synced, f.marked = min(f.synced, f.size), min(f.marked, f.size)
	s.mu.Unlock()
	f.tail = nil
	if f.size == last.base { // nothing in it counts
		f.parts = f.parts[:len(f.parts)-1]
		if err := s.disk.Remove(last.path); err != nil {
			s.log.Warn("part of a spooled file left", "file", filepath.Base(last.path), "cause", err)
		}
	}
}

// sync makes a file last.
func (s *spool) sync(f *file) error {
	if len(f.pending) > 0 {
		if err := s.write(f); err != nil {
			return err
		}
	}
	if f.f == nil {
		s.mu.Lock()
		f.doubt = false
		s.mu.Unlock()
		return nil
	}
	if err := f.f.Sync(); err != nil {
		s.turn(f)
		return fmt.Errorf("recorder: sync %s: %w", f.name, err)
	}
	f.tail = f.tail[:0]
	s.mu.Lock()
	f.synced, f.doubt = f.size, false
	s.mu.Unlock()
	return nil
}

// last makes all that was written last. It is called from a job and may be called again.
func (s *spool) last() error {
	for _, f := range s.files {
		if err := s.sync(f); err != nil {
			return err
		}
	}
	return nil
}

// settle makes all files whole, each under its name, when everything lasts. It is called from a job and may be called
// again.
func (s *spool) settle() error {
	for _, f := range s.files {
		if len(f.parts) == 0 || len(f.parts) == 1 && f.parts[0].path == filepath.Join(s.dir, f.name) {
			continue
		}
		if f.f != nil {
			if err := f.f.Close(); err != nil { // it has just been synced
				s.log.Warn("spool close failed", "cause", err)
			}
			f.f = nil
		}
		whole := filepath.Join(s.dir, f.name)
		if err := copyParts(s.disk, whole, f.parts, f.size); err != nil {
			return fmt.Errorf("recorder: join %s: %w", f.name, err)
		}
		for _, p := range f.parts {
			if p.path == whole {
				continue
			}
			if err := s.disk.Remove(p.path); err != nil {
				s.log.Warn("part of a spooled file left", "file", filepath.Base(p.path), "cause", err)
			}
		}
		f.parts = []segment{{path: whole}}
	}
	if s.fallback != "" {
		dropCopies(s.disk, s.fallback)
		_ = s.disk.Remove(s.fallback) // only an empty folder goes, and most have none
	}
	return nil
}

// begin marks what a sync of the whole disk that begins now will make last; it reports false when there is
// nothing.
func (s *spool) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	any := false
	for _, f := range s.files {
		f.marked = f.size
		any = any || f.size > f.synced
	}
	return any
}

// lasts tells how that sync has ended.
func (s *spool) lasts(err error) {
	s.mu.Lock()
	for _, f := range s.files {
		if err != nil {
			f.doubt = f.doubt || f.marked > f.synced
		} else {
			f.synced = max(f.synced, f.marked)
		}
	}
	s.mu.Unlock()
	if err != nil {
		s.flush()
	}
}

// behind is how much waits in memory and how long the disk has been at one batch.
func (s *spool) behind(now time.Time) (bytes int, busy time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.busy.IsZero() {
		busy = now.Sub(s.busy)
	}
	return s.bytes, busy
}

func (s *spool) closeFiles() {
	for _, f := range s.files {
		clear(f.pending)
		if f.f == nil {
			continue
		}
		if err := errors.Join(f.f.Sync(), f.f.Close()); err != nil {
			s.log.Error("spool close failed", "cause", err)
		}
		f.f = nil
	}
}

const partMark = ".part-"

func partName(name string, n int, base int64) string {
	return name + partMark + strconv.Itoa(n) + "-" + strconv.FormatInt(base, 10)
}
