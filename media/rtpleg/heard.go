package rtpleg

import (
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// What a room may ask of a leg beyond its frames. A party that is not to be heard (SendOnly, Inactive) is
// silent here too.

var (
	_ media.Dozer       = (*Leg)(nil)
	_ media.LevelSource = (*Leg)(nil)
)

// Skip implements media.Skipper.
func (l *Leg) Skip() media.Kind {
	k := l.rx.Skip()
	if !l.session.Load().Direction.receives() {
		return media.Silence
	}
	return k
}

// SkipPast implements media.Dozer.
func (l *Leg) SkipPast(ago time.Duration) media.Kind {
	k := l.rx.SkipPast(ago)
	if !l.session.Load().Direction.receives() {
		return media.Silence
	}
	return k
}

// Doze implements media.Dozer.
func (l *Leg) Doze(wake *atomic.Bool) bool {
	rx, tx := l.rx.Doze(wake), l.tx.Doze(wake)
	return rx && tx
}

// Level implements media.LevelSource.
func (l *Leg) Level() (level uint8, voice, ok bool) {
	if !l.session.Load().Direction.receives() {
		return 0, false, false
	}
	return l.rx.Level()
}

// Recent implements media.RelaySource.
func (l *Leg) Recent(dst []pcm.Frame) int {
	if !l.session.Load().Direction.receives() {
		return 0
	}
	return l.rx.Recent(dst)
}
