package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cordboard/cordboard/recorder/archive"
)

const (
	// spoolLimit is how much of a recording waits in memory while the disk does not take it, some
	// minutes of audio. Beyond it audio is dropped and becomes a gap.
	spoolLimit = 4 << 20
	// syncEvery is how often written pages are made to last.
	syncEvery = 2 * time.Second
	// diskRetry is the pause between tries on a disk that fails.
	diskRetry = 250 * time.Millisecond
)

// file is one growing file of a recording. Its fields belong to the spool's goroutine.
type file struct {
	path  string
	f     *os.File
	size  int64 // bytes known to be written
	dirty bool
	// lazy is for a file that can be made again from another one: it is made to last only with the recording.
	lazy bool
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
// never waits. A failing write is tried again until it succeeds or the spool is abandoned, so that the
// order of the files never has a hole.
type spool struct {
	dir      string
	log      *slog.Logger
	syncing  chan struct{} // tokens shared by all recordings: syncs that may run at the same time
	mu       sync.Mutex
	queue    []job
	bytes    int
	closing  bool
	err      error // the disk's last answer, nil when it works
	wake     chan struct{}
	abandon  chan struct{} // closed when the process gives up: what is not written stays unwritten
	finished chan struct{}

	files    []*file // the goroutine's own
	lastSync time.Time
}

func newSpool(dir string, log *slog.Logger, syncing, abandon chan struct{}) *spool {
	return &spool{
		dir: dir, log: log, syncing: syncing, abandon: abandon, wake: make(chan struct{}, 1),
		finished: make(chan struct{}), lastSync: time.Now(),
	}
}

func (s *spool) push(j job) {
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
	select {
	case s.wake <- struct{}{}:
	default:
	}
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
		s.queue = nil
		s.mu.Unlock()
		for i := range batch {
			if !s.do(&batch[i]) {
				for _, j := range batch[i:] {
					if j.done != nil {
						j.done(errClosed)
					}
				}
				return
			}
		}
		if len(batch) > 0 {
			s.syncNow(false)
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

// do works one job off. It reports false when the spool was abandoned before it could.
func (s *spool) do(j *job) bool {
	for try := 0; ; try++ {
		err := s.attempt(j)
		s.mu.Lock()
		changed := (err == nil) != (s.err == nil)
		s.err = err
		if err == nil {
			s.bytes -= len(j.data)
		}
		s.mu.Unlock()
		if changed {
			if err != nil {
				s.log.Error("spool write failed", "cause", err)
			} else {
				s.log.Info("spool works again")
			}
		}
		if err == nil {
			clear(j.data)
			if j.done != nil {
				j.done(nil)
			}
			return true
		}
		select {
		case <-time.After(diskRetry):
		case <-s.abandon:
			return false
		}
	}
}

func (s *spool) attempt(j *job) error {
	if j.run != nil {
		return j.run()
	}
	f := j.to
	if f.f == nil {
		h, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
		if err != nil {
			return fmt.Errorf("recorder: create %s: %w", filepath.Base(f.path), err)
		}
		f.f = h
		s.files = append(s.files, f)
		if !f.lazy {
			if err := archive.SyncDir(s.dir); err != nil {
				return fmt.Errorf("recorder: sync folder: %w", err)
			}
		}
	}
	// At a fixed offset, so that a try after half a write leaves no rest of the first.
	if _, err := f.f.WriteAt(j.data, f.size); err != nil {
		return fmt.Errorf("recorder: write %s: %w", filepath.Base(f.path), err)
	}
	if j.sync {
		if err := f.f.Sync(); err != nil {
			return fmt.Errorf("recorder: sync %s: %w", filepath.Base(f.path), err)
		}
	}
	f.size += int64(len(j.data))
	f.dirty = !j.sync
	return nil
}

// syncNow makes written pages last, if it is time and not too many others are at it.
func (s *spool) syncNow(must bool) {
	if !must {
		if time.Since(s.lastSync) < syncEvery {
			return
		}
		select {
		case s.syncing <- struct{}{}:
			defer func() { <-s.syncing }()
		default:
			return
		}
	}
	s.lastSync = time.Now()
	for _, f := range s.files {
		if !f.dirty || f.f == nil || f.lazy && !must {
			continue
		}
		if err := f.f.Sync(); err != nil {
			s.log.Error("spool sync failed", "cause", err)
			continue
		}
		f.dirty = false
	}
}

func (s *spool) closeFiles() {
	s.syncNow(true)
	for _, f := range s.files {
		if err := f.f.Close(); err != nil {
			s.log.Error("spool close failed", "cause", err)
		}
	}
}
