package recorder

import (
	"errors"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// maxScribes bounds the goroutines that write tracks; there is one per core.
	maxScribes = 8
	// drainEvery is how often each ring is emptied.
	drainEvery = 100 * time.Millisecond
	// syncEvery is how often what was written is made to last.
	syncEvery = time.Second
)

// crew is what one goroutine looks after. The goroutine runs while there is anything.
type crew[T comparable] struct {
	mu      sync.Mutex
	list    []T
	running bool
}

// add puts something into the goroutine's care and starts it where it does not run.
func (w *crew[T]) add(x T, wg *sync.WaitGroup, loop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, x)
	if !w.running {
		w.running = true
		wg.Go(loop)
	}
}

// dismiss takes out what is gone.
func (w *crew[T]) dismiss(gone func(T) bool) {
	w.mu.Lock()
	w.list = slices.DeleteFunc(w.list, gone)
	w.mu.Unlock()
}

// now is all there is, in list's memory. With nothing the goroutine must end.
func (w *crew[T]) now(list []T) []T {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = len(w.list) > 0
	return append(list[:0], w.list...)
}

// scribe is a goroutine that turns the rings of many recordings into pages: one timer for all of them. It
// runs while it has recordings.
type scribe struct {
	wake chan struct{} // a ring is half full
	crew crew[*Recording]
}

func (s *scribe) loop() {
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	var recs []*Recording
	for {
		s.crew.dismiss(func(rec *Recording) bool { return rec.over.Load() })
		if recs = s.crew.now(recs); len(recs) == 0 {
			return
		}
		select {
		case <-ticker.C:
			now := time.Now()
			for _, rec := range recs {
				rec.write(now)
			}
		case <-s.wake:
			now := time.Now()
			for _, rec := range recs {
				if rec.ring.used() > ringWords/4 {
					rec.write(now)
				}
			}
		}
		clear(recs)
	}
}

// syncer makes what all recordings have written last, with one call for the whole disk. It runs while there
// are recordings.
type syncer struct {
	disk disk
	dirs []string      // a folder on each disk
	wake chan struct{} // a recording is over
	crew crew[*spool]
}

// remove takes a spool away that is finished.
func (y *syncer) remove(s *spool) {
	y.crew.dismiss(func(x *spool) bool { return x == s })
	select {
	case y.wake <- struct{}{}:
	default:
	}
}

func (y *syncer) loop() {
	ticker := time.NewTicker(syncEvery)
	defer ticker.Stop()
	disks := make([]diskSync, len(y.dirs))
	defer func() {
		for _, d := range disks {
			if d != nil {
				_ = d.Close() // opened for reading only
			}
		}
	}()
	for {
		spools := y.crew.now(nil)
		if len(spools) == 0 {
			return
		}
		select {
		case <-y.wake:
			continue
		case <-ticker.C:
		}
		spools = slices.DeleteFunc(spools, func(s *spool) bool { return !s.begin() })
		if len(spools) == 0 {
			continue
		}
		err := y.sync(disks)
		for _, s := range spools {
			s.lasts(err)
		}
	}
}

func (y *syncer) sync(disks []diskSync) error {
	for i, dir := range y.dirs {
		if disks[i] == nil {
			d, err := y.disk.OpenAll(dir)
			if errors.Is(err, os.ErrNotExist) && i > 0 {
				continue // nothing has needed the fallback yet
			}
			if err != nil {
				return err
			}
			disks[i] = d
		}
		if err := disks[i].Sync(); err != nil {
			return err
		}
	}
	return nil
}
