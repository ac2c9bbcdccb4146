package rtpleg

import (
	"net/netip"
	"sync/atomic"
)

// sender writes datagrams without ever waiting: what the socket does not take at once is dropped and
// counted. The socket is not connected to the party, so that it can be aimed anew at any moment while
// packets of the old address are still on their way in; the address is kept as the kernel takes it.
type sender struct {
	port    *port
	to      atomic.Pointer[sockaddr]
	dropped atomic.Uint64
}

// aim sets where packets go. An invalid or unspecified address stops sending. Any goroutine.
func (s *sender) aim(to netip.AddrPort) { s.to.Store(s.port.sockaddr(to)) }

// send never blocks and allocates nothing. Safe for concurrent use.
func (s *sender) send(pkt []byte) {
	to := s.to.Load()
	if to != nil && !s.port.send(pkt, to) {
		s.dropped.Add(1)
	}
}
