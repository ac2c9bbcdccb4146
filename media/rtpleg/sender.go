package rtpleg

import (
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// sender writes datagrams without ever waiting: what the socket does not take at once is dropped and
// counted. net.UDPConn would park the caller instead, and the caller is the room's tick.
type sender struct {
	raw     syscall.RawConn
	to      atomic.Pointer[unix.Sockaddr]
	dropped atomic.Uint64

	pkt  []byte // of the send under way
	dst  unix.Sockaddr
	call func(fd uintptr) bool // made once, so that a send allocates nothing
}

func (s *sender) init(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	s.raw = raw
	s.call = func(fd uintptr) bool {
		if unix.Sendto(int(fd), s.pkt, unix.MSG_DONTWAIT, s.dst) != nil {
			s.dropped.Add(1)
		}
		return true
	}
	return nil
}

// aim sets where packets go. An invalid or unspecified address stops sending. Any goroutine.
func (s *sender) aim(to netip.AddrPort) {
	var sa unix.Sockaddr
	switch a := to.Addr().Unmap(); {
	case !a.IsValid() || a.IsUnspecified() || to.Port() == 0:
		s.to.Store(nil)
		return
	case a.Is4():
		sa = &unix.SockaddrInet4{Port: int(to.Port()), Addr: a.As4()}
	default:
		sa = &unix.SockaddrInet6{Port: int(to.Port()), Addr: a.As16()}
	}
	s.to.Store(&sa)
}

// send is for the tick alone.
func (s *sender) send(pkt []byte) {
	to := s.to.Load()
	if to == nil {
		return
	}
	s.pkt, s.dst = pkt, *to
	if s.raw.Write(s.call) != nil {
		s.dropped.Add(1)
	}
	s.pkt = nil
}
