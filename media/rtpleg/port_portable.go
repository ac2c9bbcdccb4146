//go:build !linux || portable

package rtpleg

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// port is one bound UDP port, where the kernel is not Linux's. Safe for concurrent use.
type port struct {
	conn *net.UDPConn
	raw  syscall.RawConn

	mu   sync.Mutex // one send at a time; never held while waiting
	pkt  []byte
	to   unix.Sockaddr
	sent bool
	call func(fd uintptr) // made once, so that a send allocates nothing
}

// openPort binds a port of ip, 0 for any.
func openPort(ip netip.Addr, n int) (*port, error) {
	network := "udp6"
	if ip.Is4() || ip.Is4In6() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(n))))
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	p := &port{conn: conn, raw: raw}
	p.call = func(fd uintptr) { p.sent = unix.Sendto(int(fd), p.pkt, unix.MSG_DONTWAIT, p.to) == nil }
	return p, nil
}

func (p *port) number() (int, error) { return p.conn.LocalAddr().(*net.UDPAddr).Port, nil }

func (p *port) close() { _ = p.conn.Close() }

// dropped is not known here.
func (p *port) dropped() uint32 { return 0 }

// sockaddr is an address as the kernel takes it, made ahead of the send.
type sockaddr struct{ unix.Sockaddr }

// sockaddr is to as this port sends to it; nil where it cannot.
func (p *port) sockaddr(to netip.AddrPort) *sockaddr {
	switch a := to.Addr().Unmap(); {
	case !a.IsValid() || a.IsUnspecified() || to.Port() == 0:
		return nil
	case a.Is4():
		return &sockaddr{&unix.SockaddrInet4{Port: int(to.Port()), Addr: a.As4()}}
	default:
		return &sockaddr{&unix.SockaddrInet6{Port: int(to.Port()), Addr: a.As16()}}
	}
}

// send reports false when the socket does not take the datagram at once.
func (p *port) send(pkt []byte, to *sockaddr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pkt, p.to, p.sent = pkt, to.Sockaddr, false
	err := p.raw.Control(p.call)
	p.pkt = nil
	return p.sent && err == nil
}

// reader is how a leg's ports are read here: by a goroutine each.
type reader struct{ wg sync.WaitGroup }

func (r *reader) wake(bool) {}

func (r *reader) wait() { r.wg.Wait() }

// loops are for kernels that can say in one call which of many ports has something.
type loops struct{}

// loopsExist says that polling changes something.
const loopsExist = false

func (s *loops) add(l *Leg, _ int) error {
	l.reader.wg.Go(func() { l.read(l.cfg.Socket.rtp, l.packetWhenFree) })
	l.reader.wg.Go(func() { l.read(l.cfg.Socket.rtcp, l.controlBetweenBeats) })
	return nil
}

func (s *loops) remove(*Leg) {}

func (s *loops) close() {}

func (l *Leg) read(p *port, take func([]byte, netip.AddrPort, time.Time)) {
	var buf [maxDatagram]byte
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf[:])
		switch {
		case err == nil:
			take(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), l.clock())
			clear(buf[:n])
		case errors.Is(err, net.ErrClosed):
			return
		default: // an ICMP error for something sent earlier; the socket lives on
			l.counts.malformed.Add(1)
		}
	}
}

func (l *Leg) packetWhenFree(pkt []byte, from netip.AddrPort, at time.Time) {
	for !l.own() {
		if l.owner.Load() == ended {
			return
		}
		runtime.Gosched()
	}
	l.packet(pkt, from, at)
	l.disown()
}

func (l *Leg) controlBetweenBeats(pkt []byte, from netip.AddrPort, at time.Time) {
	l.beating.Lock()
	defer l.beating.Unlock()
	if !l.still {
		l.control(pkt, from, at)
	}
}

// drain and drainRTCP find nothing: the goroutines were there first.
func (l *Leg) drain(time.Time) bool { return false }

func (l *Leg) drainRTCP(time.Time) {}

// screen is not known here: foreign datagrams are dropped one by one.
func (p *port) screen(netip.AddrPort) error { return errors.ErrUnsupported }

func (p *port) unscreen() {}
