package listen

import (
	"context"
	"sync"
	"time"
)

// Job is one copy to be made. Do calls pace often; pace waits so that the calls that run keep the machine,
// and its error, ctx's, ends the job. Do reports its own failures.
type Job struct {
	ID string // one job per id waits at a time
	Do func(ctx context.Context, pace func(context.Context) error)
}

// Worker makes copies one after another with a bounded share of one core. New jobs beyond its limit are
// refused: a copy can be made later as well.
type Worker struct {
	share float64
	busy  func() bool

	mu      sync.Mutex
	waiting []Job
	limit   int
	running string
	wake    chan struct{}
}

// standAside is how long a worker waits before it looks again whether the machine has time for it.
const standAside = time.Second

// NewWorker makes a worker that holds up to limit jobs and works for at most share, of (0,1], of the time.
// While busy, which may be nil, says true it does nothing at all.
func NewWorker(limit int, share float64, busy func() bool) *Worker {
	if busy == nil {
		busy = func() bool { return false }
	}
	return &Worker{share: min(max(share, 0.01), 1), busy: busy, limit: limit, wake: make(chan struct{}, 1)}
}

// Add hands the worker a job. It reports false when it has as many as it may have; a job whose id waits
// or runs already counts as taken. It never waits.
func (w *Worker) Add(j Job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == j.ID {
		return true
	}
	for _, x := range w.waiting {
		if x.ID == j.ID {
			return true
		}
	}
	if len(w.waiting) >= w.limit {
		return false
	}
	w.waiting = append(w.waiting, j)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return true
}

// Waiting is how many jobs wait or run.
func (w *Worker) Waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.waiting)
	if w.running != "" {
		n++
	}
	return n
}

// Run works until ctx is done. Jobs that wait then are forgotten.
func (w *Worker) Run(ctx context.Context) {
	for {
		w.mu.Lock()
		var j Job
		if len(w.waiting) > 0 {
			j, w.waiting = w.waiting[0], w.waiting[1:]
		}
		w.running = j.ID
		w.mu.Unlock()
		if j.Do == nil {
			select {
			case <-w.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		p := pacer{w: w, since: time.Now()}
		if p.pace(ctx) == nil {
			j.Do(ctx, p.pace)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// pacer waits as long as the share asks for after what was worked.
type pacer struct {
	w     *Worker
	since time.Time // work has gone on since
	owed  time.Duration
}

// leastWait is the shortest wait worth a timer.
const leastWait = 5 * time.Millisecond

func (p *pacer) pace(ctx context.Context) error {
	worked := time.Since(p.since)
	p.owed += time.Duration(float64(worked) * (1/p.w.share - 1))
	if p.owed >= leastWait {
		if err := sleep(ctx, p.owed); err != nil {
			return err
		}
		p.owed = 0
	}
	for p.w.busy() {
		if err := sleep(ctx, standAside); err != nil {
			return err
		}
	}
	p.since = time.Now()
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
