package mixer

import (
	"runtime"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

const (
	// calm is the least number of ticks between two beginnings of forwarding to one listener: 2 s. The
	// way back has no limit, since it is what the listener needs in order to hear all it should.
	calm = 100
	// fallow is how many ticks a source must say nothing for its listeners to be sent silence instead of
	// nothing, which keeps what lies between here and them from closing: 2 s.
	fallow = 100
	// letGo bounds how often a command asks a source to let go of a listener that leaves. The one thing to
	// wait for is a packet that is being sent at this moment.
	letGo = 100_000
)

// fits reports whether the one voice the ear hears can be handed on to it as it is: the legs agree on the
// codec, nothing is to be done to the audio, there is audio, and the listener does not need forward error
// correction of its own.
func (a *ear) fits() bool {
	if a.route != routeForward || a.via.idle == fallow || !a.gains[a.via.slot].Unity() {
		return false
	}
	f := a.sink.Format()
	return f.Codec != 0 && f.LossPercent == 0 && f.Codec == a.via.relay.Codec() && a.relay.Relays(f.Codec, Period)
}

// mend ends the forwarding that no longer fits, before the sources are read: the frames of this tick follow
// the last packets handed on. It notes which sources somebody hears in a mix.
func (r *Room) mend(p *plan, sc *scratch) {
	sc.needed = 0
	for i := range p.ears {
		a := &p.ears[i]
		if from := a.from.Load(); from != nil && (a.loose || a.route != routeForward || a.via.source != from || !a.fits()) {
			r.resume(p, a, from, sc)
			r.doze.wake.Store(true) // it may take another tick
		}
		if a.from.Load() == nil {
			sc.needed |= a.reach
		}
	}
}

// resume goes back to mixing for a listener. Its encoder is going to start from what the listener heard last.
func (r *Room) resume(p *plan, a *ear, from *source, sc *scratch) {
	if !a.loose {
		if !from.relay.Unrelay(a.relay) {
			return
		}
		a.loose, a.recent = true, -1
		if f := p.feed(p.slot(from)); f != nil && f.member {
			a.recent = f.slot
			past := &sc.recent[f.slot]
			for i := range past {
				past[i].SetRate(f.rate)
			}
			sc.recents[f.slot] = from.relay.Recent(past[:])
		}
	}
	if a.relay.EndRelay(r.tick) {
		a.release(from)
		a.woken = r.tick
	}
}

// release forgets the source that has let go of the listener.
func (l *listener) release(from *source) {
	l.loose = false
	l.from.Store(nil)
	from.relays--
	from.poll()
}

// forward hands a source's packets on to the listeners that the plan has in mind for it and that now can
// take them, from the frame after this tick's on.
func (r *Room) forward(p *plan) {
	for i := range p.ears {
		a := &p.ears[i]
		if a.route != routeForward || a.from.Load() != nil || a.switched != 0 && r.tick-a.switched < calm ||
			a.limiter != (pcm.Limiter{}) || !a.fits() {
			continue
		}
		s := a.via.source
		if !s.relay.Relay(r.tick+1, a.relay) {
			continue
		}
		a.switched, a.quiet = r.tick, 0
		a.listen(nil)
		a.from.Store(s)
		s.relays++
		s.poll()
	}
}

// relayed is a listener's tick while packets are handed on to it: nothing but a beat, for what the leg has
// to send by itself.
func (r *Room) relayed(a *ear, from *source, sc *scratch) {
	sc.counts.forwarded++
	a.sink.WriteFrame(media.OutFrame{Tick: r.tick, Level: uint8(from.level.Load()), Voice: from.gate.voice > 0})
}

// detach ends whatever is handed on to a listener that goes, so that it may be handed something else when
// this returns. tick is that of the frame that comes next. It may wait for a packet to be through. Not for use
// in a tick.
func (l *listener) detach(tick uint64) {
	from := l.from.Load()
	if from == nil {
		return
	}
	for n := 0; !l.loose && n < letGo; n++ {
		if l.loose = from.relay.Unrelay(l.relay); !l.loose {
			runtime.Gosched()
		}
	}
	for n := 0; !l.relay.EndRelay(tick) && n < letGo; n++ {
		runtime.Gosched()
	}
	l.release(from)
}
