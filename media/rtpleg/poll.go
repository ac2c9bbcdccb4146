package rtpleg

import "time"

// Who holds a leg's RTP port and everything that reading it changes: the party's address, the jitter
// buffer's entrance.
const (
	free  uint32 = iota // nobody now
	taken               // a tick, a loop, or an Update or a beat that adopts a session; for microseconds
	ended               // nobody any more
)

// own tries to take hold of the RTP port. Nobody waits for it but the loops, who would lose an event.
func (l *Leg) own() bool { return l.owner.CompareAndSwap(free, taken) }

func (l *Leg) disown() { l.owner.Store(free) }

// pollLimit bounds what one Poll takes. A party sends one packet a tick, two after a stall, a few more
// after a long one; who sends more than that is left to the kernel to drop, and not at the tick's cost.
const pollLimit = 4 * 4

// SetPolled implements media.Poller. The kernel's queue is what is handed over, so nothing is lost, taken
// twice or reordered. Where there are no loops (see reader) it changes nothing and Poll does nothing.
func (l *Leg) SetPolled(on bool) {
	l.life.Lock()
	defer l.life.Unlock()
	if l.polled.Swap(on) != on && l.started.Load() && !l.gone {
		l.reader.wake(!on)
	}
}

// Poll implements media.Poller. Where somebody else holds the port, packets wait for the next Poll.
func (l *Leg) Poll(now time.Time) {
	if !l.polled.Load() || !l.started.Load() || !l.own() {
		return
	}
	l.drain(now)
	l.disown()
}
