package mixer

import (
	"math"
	"time"
)

const (
	// hot is the busy fraction above which a shard gives rooms away, to one that is less busy by hotter.
	hot    = 0.6
	hotter = 0.25
	// moveEvery lets a move show its effect before the next.
	moveEvery = 2 * time.Second
)

// balance moves a room from the busiest shard to the least busy one when that helps: the one whose share of
// the load comes nearest to half of the difference without passing it.
func (w *watcher) balance(now time.Time) {
	e := w.engine
	if len(e.shards) < 2 || now.Sub(w.moved) < moveEvery {
		return
	}
	var from, to *shard
	most, least := hot, math.Inf(1)
	for _, s := range e.shards {
		busy := math.Float64frombits(s.busy.Load())
		if busy > most {
			from, most = s, busy
		}
		if busy < least {
			to, least = s, busy
		}
	}
	if from == nil || most-least < hotter {
		return
	}
	if r := e.pick(from, most, (most-least)/2); r != nil && r.move(to) {
		w.moved = now
		e.moves.Add(1)
	}
}

// pick finds the room of a shard that takes most of its busy fraction but not more than limit; where each
// takes more, the smallest, as long as moving it leaves the shards closer than they are.
func (e *Engine) pick(s *shard, busy, limit float64) *Room {
	e.mu.Lock()
	defer e.mu.Unlock()
	var total uint64
	for _, r := range e.rooms {
		if r.home.Load() == s {
			total += r.cost.Load()
		}
	}
	var fits, smallest *Room
	for _, r := range e.rooms {
		c := r.cost.Load()
		if r.home.Load() != s || c == 0 {
			continue
		}
		if smallest == nil || c < smallest.cost.Load() {
			smallest = r
		}
		if busy*float64(c)/float64(total) <= limit && (fits == nil || c > fits.cost.Load()) {
			fits = r
		}
	}
	if fits == nil && smallest != nil && busy*float64(smallest.cost.Load())/float64(total) < 2*limit {
		fits = smallest
	}
	return fits
}

// move takes the room from its shard to another one, between two of its ticks. Its ticks go on counting, so
// nothing tells the listeners but one tick that comes up to 20 ms earlier than it would have. It reports
// whether the room has moved. The caller is no shard.
func (r *Room) move(to *shard) bool {
	r.mu.Lock() // until the room has arrived, so that no command goes to where it was
	defer r.mu.Unlock()
	from := r.shard
	if r.ended() || from == to {
		return false
	}
	p, err := build(r.engine, to, &r.scene, r.next) // hold music is the shard's
	if err != nil {
		return false
	}
	gone := make(chan error, 1)
	select {
	case from.posts <- post{room: r, op: opDepart, plan: p, done: gone}:
	default:
		p.discard(r.engine)
		return false
	}
	r.next = p
	select {
	case err = <-gone:
	case <-r.engine.ended: // no shard runs any more
		select {
		case err = <-gone:
			if err == nil {
				r.finish()
			}
		default:
		}
		return false
	}
	if err != nil {
		return false
	}
	r.shard = to
	r.home.Store(to)
	to.seats.Add(emptyRoom)
	select {
	case to.posts <- post{room: r, op: opOpen}:
		return true
	case <-r.engine.ended:
		r.finish()
		return false
	}
}
