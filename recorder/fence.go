package recorder

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/id"
)

// A fence is a pause that has outlived its recording: the process died in it, or the recording was stopped in
// it. Until its deadline a new recording of the same call begins paused.
type fence struct {
	till       time.Time
	by, reason string
}

// fences are the fences of this process's time and those the spool tells of. The spool is read once, before
// the first recording starts.
type fences struct {
	once sync.Once
	mu   sync.Mutex
	call map[string]fence
}

func (f *fences) put(callID string, x fence) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.call == nil {
		f.call = make(map[string]fence)
	}
	if x.till.After(f.call[callID].till) {
		f.call[callID] = x
	}
}

// take is the fence of a call that still stands at a time, and takes it away: what it fences is on its own
// recording's account now. Those whose time is over go as well.
func (f *fences) take(callID string, now time.Time) (fence, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x, ok := f.call[callID]
	delete(f.call, callID)
	for c, y := range f.call {
		if !y.till.After(now) {
			delete(f.call, c)
		}
	}
	return x, ok && x.till.After(now)
}

// loadFences reads the journals of the recordings that no process finished. It is done when the first recording
// starts or the spool is scanned, whichever comes first, and costs nothing later.
func (r *Recorder) loadFences() {
	r.fences.once.Do(func() {
		for _, root := range r.cfg.spools() {
			list, err := os.ReadDir(root)
			if err != nil {
				continue // not there yet
			}
			for _, d := range list {
				if d.IsDir() && id.Valid(id.Recording, d.Name()) && !r.known(d.Name()) {
					r.loadFence(filepath.Join(root, d.Name()))
				}
			}
		}
	})
}

// loadFence reads one recording's journal.
func (r *Recorder) loadFence(dir string) {
	if _, err := os.Stat(filepath.Join(dir, ManifestName)); err == nil {
		return
	}
	if r.gather(dir) != nil {
		return // the scan says so
	}
	l, err := readLeftover(dir)
	if err == nil && l.paused && l.till != nil {
		g := l.gaps[len(l.gaps)-1]
		r.fences.put(l.header.CallID, fence{*l.till, g.By, g.Reason})
	}
}
