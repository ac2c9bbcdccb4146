package rtpleg

import (
	"net/netip"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/stream"
)

// rtpHeader is the shortest RTP packet.
const rtpHeader = 12

// relearnAfter is how long a learned address must have been silent before a re-INVITE that leaves the
// party's address as it was opens it to learning again; else every hold would be a chance to step in.
const relearnAfter = 5 * time.Second

// adoptUpdate is for the owner of the RTP port.
func (l *Leg) adoptUpdate() {
	s := l.update.Swap(nil)
	if s == nil {
		return
	}
	if l.src.keeps(s) && l.clock().Sub(l.rx.LastPacket()) < relearnAfter {
		l.aim(s, l.src.locked)
		return
	}
	l.adopt(s)
}

// packet takes one datagram from the RTP port, for its owner.
func (l *Leg) packet(pkt []byte, from netip.AddrPort, at time.Time) {
	if l.update.Load() != nil {
		l.adoptUpdate()
	}
	if stream.IsRTCP(pkt) {
		l.post(pkt, from, at)
		return
	}
	if len(pkt) < rtpHeader || pkt[0]>>6 != 2 {
		l.counts.malformed.Add(1)
		return
	}
	ok, settled := l.src.accept(from, pkt, at)
	if settled {
		l.aim(l.session.Load(), l.src.locked)
	}
	if !ok {
		l.counts.foreign.Add(1)
		return
	}
	if l.cfg.Cipher != nil {
		var err error
		if l.plain, err = l.cfg.Cipher.OpenRTP(l.plain[:0], pkt); err != nil {
			l.counts.malformed.Add(1)
			return
		}
		pkt = l.plain
		defer clear(pkt)
	}
	if l.rx.PushPacket(pkt, at) && !l.connected {
		l.connected = true
		l.emit(media.Event{Kind: media.EventConnected})
	}
}

func (l *Leg) emit(e media.Event) {
	select {
	case l.events <- e:
	default:
		l.counts.eventsDropped.Add(1)
	}
}
