package rtpleg

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media/stream"
)

// beat does what time brings: reports in and out, a re-INVITE no packet has taken up, the timeout. scratch
// is borrowed for the call and returned, perhaps grown.
func (l *Leg) beat(scratch []byte) []byte {
	l.beating.Lock()
	defer l.beating.Unlock()
	if l.still {
		return scratch
	}
	now := l.clock()
	l.drainRTCP(now)
	l.openBox()
	if l.update.Load() != nil && l.own() {
		l.adoptUpdate()
		l.disown()
	}
	l.counts.overflow.Store(uint64(l.cfg.Socket.rtp.dropped()))
	l.guard(now)
	select {
	case <-l.done:
		return scratch
	default:
	}
	if l.rep.Due(now) && l.session.Load().Remote.Port() != 0 {
		scratch = l.rep.Append(scratch[:0], now)
		l.sendRTCP(scratch)
	}
	if l.timedOut(now) {
		l.end(ErrTimeout)
	}
	return scratch
}

// every is how often a leg is to beat: in time for its timeouts.
func (l *Leg) every() time.Duration {
	every := beatEvery
	for _, d := range []time.Duration{l.cfg.RTPTimeoutInitial, l.cfg.RTPTimeout} {
		if d > 0 {
			every = min(every, d/4)
		}
	}
	return every
}

func (l *Leg) timedOut(now time.Time) bool {
	if l.held.Load() || !l.session.Load().Direction.receives() {
		l.alive()
		return false
	}
	limit := l.cfg.RTPTimeoutInitial
	since := l.start.Add(time.Duration(l.aliveFrom.Load()))
	if last := l.rx.LastPacket(); !last.IsZero() {
		limit = l.cfg.RTPTimeout
		if last.After(since) {
			since = last
		}
	}
	return limit > 0 && now.Sub(since) >= limit
}

// mailbox holds one RTCP datagram that came to the RTP port until the beat: reports are weighed under a
// lock, and a tick takes none. A party reports every few seconds and the box is emptied twice a second;
// what finds it full is dropped and counted.
type mailbox struct {
	full atomic.Bool
	n    int
	from netip.AddrPort
	at   time.Time
	buf  [maxDatagram]byte
}

func (l *Leg) readyBox(s *Session) {
	if s.RTCPMux && l.box.Load() == nil {
		l.box.Store(&mailbox{})
	}
}

func (l *Leg) post(pkt []byte, from netip.AddrPort, at time.Time) {
	b := l.box.Load()
	switch {
	case b == nil || !l.session.Load().RTCPMux:
		l.counts.malformed.Add(1)
	case !l.reportsFrom(from):
		l.counts.foreign.Add(1)
	case b.full.Load():
		l.counts.boxFull.Add(1)
	default:
		b.n, b.from, b.at = copy(b.buf[:], pkt), from, at
		b.full.Store(true)
	}
}

func (l *Leg) openBox() {
	if b := l.box.Load(); b != nil && b.full.Load() {
		l.control(b.buf[:b.n], b.from, b.at)
		b.full.Store(false)
	}
}

// reportsFrom reports whether RTCP from this address is the party's.
func (l *Leg) reportsFrom(from netip.AddrPort) bool {
	want := *l.rtcpFrom.Load()
	return from.Addr() == want.Addr() && (want.Port() == 0 || from.Port() == want.Port())
}

// control takes one RTCP datagram, in the beat.
func (l *Leg) control(pkt []byte, from netip.AddrPort, at time.Time) {
	if !l.reportsFrom(from) {
		l.counts.foreign.Add(1)
		return
	}
	if l.cfg.Cipher != nil {
		var err error
		if pkt, err = l.cfg.Cipher.OpenRTCP(nil, pkt); err != nil {
			l.counts.malformed.Add(1)
			return
		}
	}
	if !stream.IsRTCP(pkt) || l.rep.Handle(pkt, at) != nil {
		l.counts.malformed.Add(1)
	}
}

// sendRTCP sends one compound report. A lost one is made good by the next.
func (l *Leg) sendRTCP(pkt []byte) {
	if l.cfg.Cipher != nil {
		var err error
		if pkt, err = l.cfg.Cipher.SealRTCP(nil, pkt); err != nil {
			return
		}
	}
	port := l.cfg.Socket.rtcp
	if l.session.Load().RTCPMux {
		port = l.cfg.Socket.rtp
	}
	if to := port.sockaddr(*l.rtcpTo.Load()); to != nil {
		port.send(pkt, to)
	}
}
