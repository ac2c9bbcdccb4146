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

// scribe is a goroutine that turns the rings of many recordings into pages: one timer for all of them. It
// runs while it has recordings.
type scribe struct {
	wake chan struct{} // a ring is half full

	mu      sync.Mutex
	recs    []*Recording
	running bool
}

func (s *scribe) add(rec *Recording, wg *sync.WaitGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recs = append(s.recs, rec)
	if !s.running {
		s.running = true
		wg.Go(s.loop)
	}
}

func (s *scribe) loop() {
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	var recs []*Recording
	for {
		s.mu.Lock()
		s.recs = slices.DeleteFunc(s.recs, func(rec *Recording) bool { return rec.over.Load() })
		recs = append(recs[:0], s.recs...)
		s.running = len(recs) > 0
		s.mu.Unlock()
		if len(recs) == 0 {
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

	mu      sync.Mutex
	spools  []*spool
	running bool
}

func (y *syncer) add(s *spool, wg *sync.WaitGroup) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.spools = append(y.spools, s)
	if !y.running {
		y.running = true
		wg.Go(y.loop)
	}
}

// remove takes a spool away that is finished.
func (y *syncer) remove(s *spool) {
	y.mu.Lock()
	y.spools = slices.DeleteFunc(y.spools, func(x *spool) bool { return x == s })
	y.mu.Unlock()
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
		y.mu.Lock()
		spools := slices.Clone(y.spools)
		y.running = len(spools) > 0
		y.mu.Unlock()
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
