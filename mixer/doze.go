package mixer

import (
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media/pcm"
)

// A room in which everybody's packets are handed on has nothing to do in a tick that could not wait. After a
// while it dozes: it runs every few ticks, and makes up for those that it left out as if each had been run
// in its time, so that nobody can tell the difference. A plan, digits to be sent, new terms or a tap that cannot
// wait wake it. A tap gets the packets of the ticks that were left out, for nothing is decoded then.
//
//	awake --(2 s of nothing but forwarding)--> dozing --(plan, alarm, anything else than forwarding)--> awake

const (
	// dozeAfter is how many ticks in a row nothing but forwarding must have been done: 2 s.
	dozeAfter = 100
	// dozeTicks is how many ticks become one: 200 ms.
	dozeTicks = 10
	// dozeRetry is how many ticks pass before a party is asked again that could not doze: 1 s.
	dozeRetry = 50
)

// doze is how far a room has nodded off. It belongs to the shard.
type doze struct {
	wake  *atomic.Bool // set by legs; apart from the room, which they would keep alive
	still int          // ticks in a row, up to dozeAfter, of nothing but forwarding
	nap   int          // run after so many ticks; 0 while awake
	owed  int          // ticks left out
}

// rests reports whether the room leaves this tick out.
func (d *doze) rests() bool {
	if d.nap <= d.owed+1 || d.wake.Load() {
		return false
	}
	d.owed++
	return true
}

// makeUp runs the ticks that were left out, the last of which should have been some time ago.
func (r *Room) makeUp(sc *scratch, last time.Duration) {
	sc.needed = 0
	for ; r.doze.owed > 0; r.doze.owed-- {
		sc.ago = last + time.Duration(r.doze.owed-1)*Period
		r.tick++
		r.gather(r.plan, sc)
		if r.plan.tap != nil {
			r.report(r.plan, sc)
		}
		sc.counts.dozed++
		sc.counts.forwarded += uint64(len(r.plan.ears))
	}
	sc.ago = 0
	r.ran = r.tick
}

// rouse makes up for what was left out and keeps the room awake, between two ticks.
func (r *Room) rouse(sc *scratch, now time.Time) {
	r.makeUp(sc, min(max(now.Sub(sc.now), 0), Period))
	r.doze.nap, r.doze.still = 0, 0
}

// drowse decides at the end of a tick whether the next ones are left out. forwarded is how many listeners were
// forwarded to in this one.
func (r *Room) drowse(p *plan, sc *scratch, forwarded int) {
	d := &r.doze
	switch {
	case !p.calm || forwarded < len(p.ears) || d.wake.Swap(false):
		d.still, d.nap = 0, 0
	case d.nap > 0:
		d.nap = dozeTicks
	case d.still < dozeAfter:
		d.still++
	case !p.doze(d.wake):
		d.still -= dozeRetry
	default:
		sc.naps++
		d.nap = 1 + sc.naps%dozeTicks // rooms that begin together do not stay together
	}
}

// doze asks the legs and the tap whether they can do without ticks.
func (p *plan) doze(wake *atomic.Bool) bool {
	for i := range p.feeds {
		if f := &p.feeds[i]; f.polled || f.taped && f.packets < trusted || !f.dozer.Doze(wake) {
			return false
		}
	}
	return p.tap == nil || p.dozer.Doze(wake)
}

// calms reports whether a room with this plan may doze at all: there are members, nothing but members, nobody
// does anything to or with what they say, and each is sent one voice.
func (p *plan) calms() bool {
	for i := range p.feeds {
		if f := &p.feeds[i]; !f.member || f.dozer == nil || len(f.processors) > 0 {
			return false
		}
	}
	return (p.tap == nil || p.dozer != nil) && p.forwards > 0 && p.forwards == len(p.ears) && len(p.ears) == len(p.feeds)
}

// guess is the level of a frame that was left out: the sender's own figure, else that of the last one
// measured.
func (f *feed) guess() uint8 {
	if f.leveler != nil {
		if level, _, ok := f.leveler.Level(); ok {
			return min(level, pcm.LevelSilence)
		}
	}
	return uint8(f.level.Load())
}
