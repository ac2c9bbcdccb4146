package rtpleg

import (
	"net/netip"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/stream"
)

// beat is how often the reader looks at the time when nothing comes.
const beat = 500 * time.Millisecond

// rtpHeader is the shortest RTP packet.
const rtpHeader = 12

// readRTP is the leg's reader: packets, and twice a second reports and the timeout.
func (l *Leg) readRTP() {
	conn := l.cfg.Socket.rtp
	every := beat
	for _, d := range []time.Duration{l.cfg.RTPTimeoutInitial, l.cfg.RTPTimeout} {
		if d > 0 {
			every = min(every, d/4)
		}
	}
	var next time.Time
	for {
		if !time.Now().Before(next) { // real time: deadlines belong to the socket
			next = time.Now().Add(every)
			_ = conn.SetReadDeadline(next)
			if !l.beat(l.clock()) {
				return
			}
		}
		n, from, err := conn.ReadFromUDPAddrPort(l.buf[:])
		switch {
		case err == nil:
			l.packet(l.buf[:n], from, l.clock())
		case isTimeout(err):
			next = time.Time{}
		case isClosed(err):
			return
		default: // an ICMP error for something sent earlier; the socket lives on
			l.counts.malformed.Add(1)
		}
	}
}

// beat does what time brings and reports false when the leg is over.
func (l *Leg) beat(now time.Time) bool {
	l.adoptUpdate()
	select {
	case <-l.done:
		return false
	default:
	}
	if l.rep.Due(now) && l.session.Load().Remote.Port() != 0 {
		l.report = l.rep.Append(l.report[:0], now)
		l.sendRTCP(l.report)
	}
	if l.timedOut(now) {
		l.end(ErrTimeout)
		return false
	}
	return true
}

// relearnAfter is how long a learned address must have been silent before a re-INVITE that leaves the
// party's address as it was opens it to learning again; else every hold would be a chance to step in.
const relearnAfter = 5 * time.Second

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

// packet takes one datagram from the RTP port.
func (l *Leg) packet(pkt []byte, from netip.AddrPort, now time.Time) {
	if l.update.Load() != nil {
		l.adoptUpdate()
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	if stream.IsRTCP(pkt) {
		if l.session.Load().RTCPMux {
			l.control(pkt, from, now)
		} else {
			l.counts.malformed.Add(1)
		}
		return
	}
	if len(pkt) < rtpHeader || pkt[0]>>6 != 2 {
		l.counts.malformed.Add(1)
		return
	}
	ok, settled := l.src.accept(from, pkt, now)
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
	}
	if l.rx.PushPacket(pkt, now) && !l.connected {
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

// readRTCP reads the RTCP port until it is closed.
func (l *Leg) readRTCP() {
	var buf [maxDatagram]byte
	for {
		n, from, err := l.cfg.Socket.rtcp.ReadFromUDPAddrPort(buf[:])
		switch {
		case err == nil:
			l.control(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), l.clock())
		case isClosed(err):
			return
		}
	}
}

// control takes one RTCP datagram, from either port.
func (l *Leg) control(pkt []byte, from netip.AddrPort, now time.Time) {
	if want := *l.rtcpFrom.Load(); from.Addr() != want.Addr() || want.Port() != 0 && from.Port() != want.Port() {
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
	if l.rep.Handle(pkt, now) != nil {
		l.counts.malformed.Add(1)
	}
}

// sendRTCP sends one compound report.
func (l *Leg) sendRTCP(pkt []byte) {
	to := *l.rtcpTo.Load()
	if !to.IsValid() || to.Addr().IsUnspecified() || to.Port() == 0 {
		return
	}
	if l.cfg.Cipher != nil {
		var err error
		if pkt, err = l.cfg.Cipher.SealRTCP(nil, pkt); err != nil {
			return
		}
	}
	conn := l.cfg.Socket.rtcp
	if l.session.Load().RTCPMux {
		conn = l.cfg.Socket.rtp
	}
	_, _ = conn.WriteToUDPAddrPort(pkt, to) // a lost report is made good by the next
}
