package recorder

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
)

const (
	// wideAwake is how many ticks a recording wants as they come after a pause: a second. What it says of a
	// frame's age behind a pause goes by the tick that the frame is of.
	wideAwake = 50
	// wakeLimit bounds how long a control waits for a room that is late.
	wakeLimit = 50 * time.Millisecond
)

// nap is what a recording knows of a room that leaves ticks out and makes up for them later: the packets of 200 ms
// at most have not been recorded yet. A control that must know where it stands rings first.
type nap struct {
	wake  atomic.Pointer[atomic.Bool] // has the room make up for its ticks; nil: it leaves none out
	asked atomic.Bool                 // a control waits for them
	until atomic.Int64                // uptime in ns: what should have been ticked by then is not of the pause that begins
}

// Doze implements mixer.DozingTap. While a recording is paused, and for a while behind it, every tick counts.
func (rec *Recording) Doze(wake *atomic.Bool) bool {
	rec.nap.wake.Store(wake)
	if wake != nil && !rec.gated.Load() && rec.opened.ticks >= wideAwake { // the alarm first: a pause sets the gate first
		return true
	}
	rec.nap.wake.Store(nil)
	return false
}

// TickPast implements mixer.DozingTap. A tick from before a pause that has just begun is kept.
func (rec *Recording) TickPast(tick uint64, ago time.Duration, frames []media.Tapped) {
	gated := rec.gated.Load()
	if gated && int64(rec.rec.uptime()-ago) <= rec.nap.until.Load() {
		gated = false
		rec.cut.Store(tick)
	}
	rec.take(tick, frames, gated)
}

// Tick takes one tick of a room. It copies what it needs into the ring and returns: it never blocks,
// allocates or logs, and reads a clock only within ten seconds of a pause. When the ring is full the tick is dropped and becomes a gap. Called by
// the room's shard; a call that overlaps another one, from a second room, is dropped too.
func (rec *Recording) Tick(tick uint64, frames []media.Tapped) {
	rec.take(tick, frames, rec.gated.Load())
	if rec.nap.asked.Load() {
		rec.nap.asked.Store(false)
	}
}

// catchUp has the room make up for the ticks it has left out, if any, and waits for them: until its next tick.
// Neither the tick's goroutine nor one that holds rec.mu may call it.
func (rec *Recording) catchUp() {
	wake := rec.nap.wake.Load()
	if wake == nil {
		return
	}
	rec.nap.asked.Store(true)
	wake.Store(true)
	for late := time.Now().Add(wakeLimit); rec.nap.asked.Load() && rec.nap.wake.Load() != nil && time.Now().Before(late); {
		time.Sleep(time.Millisecond)
	}
}

// gate keeps from now on everything out of the ring, and has what was left out before now put into it.
func (rec *Recording) gate() {
	rec.cut.Store(rec.lastTick.Load())
	rec.nap.until.Store(int64(rec.rec.uptime()))
	rec.gated.Store(true)
	rec.ticked()
	rec.catchUp()
	rec.nap.until.Store(0)
	rec.ticked()
}

// ticked waits for a tick that has begun; it takes microseconds.
func (rec *Recording) ticked() {
	for rec.ticking.Load() {
		runtime.Gosched()
	}
}
