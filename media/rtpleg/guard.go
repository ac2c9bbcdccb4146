package rtpleg

import "time"

const (
	floodFrom  = 100              // foreign datagrams between two beats that are a flood
	screenTime = 20 * time.Second // before it is looked whether the flood is over
)

// guard keeps a flood of foreign datagrams from the port's queue, in which the party's own would drown: a
// tick takes a few at a time, and what it leaves fills the queue. Where the party's address is settled the
// kernel is asked to let nothing else in, for a while. In the beat.
func (l *Leg) guard(now time.Time) {
	foreign := l.counts.foreign.Load()
	grown := foreign - l.foreign
	l.foreign = foreign
	if (grown < floodFrom && l.screened.Load() == 0) || !l.own() {
		return
	}
	defer l.disown()
	since := time.Duration(l.screened.Load())
	switch {
	case since == 0 && l.src.locked.IsValid():
		if l.cfg.Socket.rtp.screen(l.src.locked) == nil {
			l.screened.Store(int64(max(now.Sub(l.start), 1)))
		}
	case since != 0 && now.Sub(l.start)-since >= screenTime:
		l.unscreen()
	}
}

// unscreen lets all in again: the flood may be over, or the party may be elsewhere now. For the owner of
// the RTP port.
func (l *Leg) unscreen() {
	if l.screened.Swap(0) != 0 {
		l.cfg.Socket.rtp.unscreen()
	}
}
