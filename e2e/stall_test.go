package e2e

import (
	"sync"
	"time"
)

// stallWatch knows when the machine, or this process on it, stood still.
type stallWatch struct {
	once sync.Once
	mu   sync.Mutex
	list []stall
	ran  time.Duration // since the watch began, without the stalls
}

// stall is a time in which nothing ran that should have.
type stall struct {
	till time.Time
	long time.Duration
}

var stalls stallWatch

const (
	stallStep  = 5 * time.Millisecond
	stallLimit = 20 * time.Millisecond // a sleep of a step that lasts longer is a stall
)

func (w *stallWatch) start() {
	w.once.Do(func() {
		go func() {
			for last := time.Now(); ; {
				time.Sleep(stallStep)
				now := time.Now()
				took := now.Sub(last)
				last = now
				w.mu.Lock()
				w.ran += min(took, stallLimit)
				if took > stallLimit {
					w.list = append(w.list, stall{now, took})
				}
				if len(w.list) > 1000 {
					w.list = append(w.list[:0], w.list[500:]...)
				}
				w.mu.Unlock()
			}
		}()
	})
}

// worst is the longest stall that ended within the last d.
func (w *stallWatch) worst(d time.Duration) (long time.Duration) {
	w.start()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.list {
		if time.Since(s.till) < d {
			long = max(long, s.long)
		}
	}
	return long
}

func (w *stallWatch) total() time.Duration {
	w.start()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ran
}

// ran waits until the machine has run for d: a time in which it stood still does not count.
func ran(d time.Duration) {
	for end := stalls.total() + d; stalls.total() < end; {
		time.Sleep(stallStep)
	}
}
