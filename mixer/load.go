package mixer

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
)

// The defaults of Config.
const (
	DefaultMaxBusy = 0.85
	DefaultMaxLate = 0.25
)

const (
	// watchEvery is how often the engine looks at its load. A shard's busy fraction follows the load with a
	// time constant of one second.
	watchEvery = 500 * time.Millisecond
	// strained and relaxed are the busy fractions of the hottest shard above which the engine tries less
	// hard and below which it tries harder again.
	strained = 0.7
	relaxed  = 0.5
	// downAfter lets a step down show its effect before the next; a step up waits for a calm of upAfter.
	downAfter = 2 * time.Second
	upAfter   = 5 * time.Second
	// lateWindow is over how many looks late ticks are counted: 2 s.
	lateWindow = 4
	// callSeats is what a call of two parties weighs.
	callSeats = emptyRoom + 2
	// retryAfter is what a refused call is told, in seconds.
	retryAfter = 5
)

// effort is how hard the engine tries.
type effort struct {
	complexity int8 // no Opus encoder works harder
	shed       bool // processors do less
}

// efforts are the steps from all that is wanted down to the least: what cleans a voice goes before what
// codes it. The first complexity limits nothing.
var efforts = [...]effort{{10, false}, {10, true}, {3, true}, {1, true}, {0, true}}

// Admit says whether there is room for one more call, before anybody's audio suffers: nil, or a problem 503
// "overloaded" that says when to come back. It refuses when the least busy shard would be busier than
// Config.MaxBusy with the call and with what was placed there and does not show yet, or when more than
// Config.MaxLate of that shard's ticks began late in the last two seconds and it is not nearly idle: in
// that case the time goes elsewhere, and refusing calls would not bring it back. It takes no part of the room.
func (e *Engine) Admit() error {
	busy, late := math.Inf(1), 0.0
	for _, s := range e.shards {
		if p := s.predict(callSeats); p < busy {
			busy, late = p, math.Float64frombits(s.lateShare.Load())
		}
	}
	if busy <= e.cfg.MaxBusy && (late <= e.cfg.MaxLate || busy < nearlyIdle) {
		return nil
	}
	err := problem.New(http.StatusServiceUnavailable, "overloaded", "the server has no room for another call now")
	err.RetryAfter = retryAfter
	return err
}

// predict is how busy the shard would be with so many seats more. What a seat costs is learned from those that
// are there, slowly: the first ones pay for setting up too.
func (s *shard) predict(seats float64) float64 {
	busy, seen := math.Float64frombits(s.busy.Load()), math.Float64frombits(s.seen.Load())
	each := (busy + float64(guessed)/fullShard) / (seen + guessed)
	return busy + each*(seats+max(float64(s.seats.Load())-seen, 0))
}

// guessed is how many seats the first guess of a seat's cost counts as.
const guessed = 64

// nearlyIdle is the busy fraction below which late ticks say nothing about our own load.
const nearlyIdle = 0.25

// watch steers the engine by its load until ctx is done: how hard it tries, and which shard has which room.
func (e *Engine) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	w := watcher{engine: e, looks: make([][lateWindow]look, len(e.shards))}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.lateness()
			w.effort(now)
			w.balance(now)
		}
	}
}

// watcher is what the engine knows of its load over time. It belongs to the goroutine that watches.
type watcher struct {
	engine  *Engine
	looks   [][lateWindow]look // by shard
	at      int
	stepped time.Time // the last change of effort
	calm    time.Time // since when the load has been low
	moved   time.Time
}

type look struct{ ticks, late uint64 }

// lateness works out each shard's share of late and lost ticks.
func (w *watcher) lateness() {
	for i, s := range w.engine.shards {
		lost := s.skipped.Load()
		now := look{s.ticked.Load() + lost, s.late.Load() + lost}
		was := &w.looks[i][w.at]
		share := 0.0
		if n := now.ticks - was.ticks; n > 0 {
			share = float64(now.late-was.late) / float64(n)
		}
		s.lateShare.Store(math.Float64bits(share))
		*was = now
	}
	w.at = (w.at + 1) % lateWindow
}

// effort takes a step down while a shard is strained, and one up after all have been relaxed for a while.
func (w *watcher) effort(now time.Time) {
	e := w.engine
	load := 0.0
	for _, s := range e.shards {
		load = max(load, math.Float64frombits(s.busy.Load()))
	}
	if load >= relaxed {
		w.calm = now
	}
	step := e.effort.Load()
	switch {
	case load > strained && step < int32(len(efforts))-1 && now.Sub(w.stepped) >= downAfter:
		step++
	case step > 0 && now.Sub(w.calm) >= upAfter && now.Sub(w.stepped) >= upAfter:
		step--
	default:
		return
	}
	w.stepped = now
	e.effort.Store(step)
	if e.cfg.OnEffort != nil {
		e.cfg.OnEffort(efforts[step].complexity, efforts[step].shed, load)
	}
}
