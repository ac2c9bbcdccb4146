package webrtcleg

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cordboard/cordboard/internal/arrival"
)

const (
	// socketBuffer is what the shared sockets ask of the kernel: a burst of all legs must fit.
	socketBuffer = 4 << 20
	readSize     = 1600 // the longest datagram
)

// carrier is what a browser's packets come and go by: the shared UDP socket, or a TCP connection.
type carrier interface {
	// send never waits; a packet the kernel does not take at once is dropped and reported false.
	send(pkt []byte, to netip.AddrPort) bool
	// learn makes packets from an address the leg's, forget ends that.
	learn(from netip.AddrPort, l *Leg)
	forget(from netip.AddrPort, l *Leg)
}

// localIPs are the addresses to listen on.
func (a *API) localIPs() ([]net.IP, error) {
	var ips []net.IP
	for _, s := range a.cfg.IPs {
		ips = append(ips, net.ParseIP(s))
	}
	if len(ips) > 0 {
		return ips, nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("webrtcleg: list addresses: %w", err)
	}
	for _, addr := range addrs {
		n, ok := addr.(*net.IPNet)
		if ok && (n.IP.IsGlobalUnicast() || a.cfg.Loopback && n.IP.IsLoopback()) {
			ips = append(ips, n.IP)
		}
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("webrtcleg: this machine has no address to listen on")
	}
	return ips, nil
}

// listen opens the ports on all addresses and begins to read. A port that was free for the first address
// but not for the next is tried again where any will do.
func (a *API) listen() error {
	ips, err := a.localIPs()
	if err != nil {
		return err
	}
	for range 10 {
		if err = a.listenOnce(ips); err == nil || a.cfg.UDPPort != 0 {
			break
		}
		_ = a.closePorts() // of the failed try; its error says nothing new
		a.wg.Wait()
		a.ports = nil
	}
	if err == nil {
		a.announce(ips)
	}
	return err
}

func (a *API) listenOnce(ips []net.IP) error {
	a.port, a.tcpPort = a.cfg.UDPPort, max(a.cfg.TCPPort, 0)
	for _, ip := range ips {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: a.port})
		if err != nil {
			return fmt.Errorf("webrtcleg: listen: %w", err)
		}
		// The kernel may grant less than is asked; it is a wish.
		_ = conn.SetReadBuffer(socketBuffer)
		_ = conn.SetWriteBuffer(socketBuffer)
		a.port = conn.LocalAddr().(*net.UDPAddr).Port
		s, err := newSocket(a, conn)
		if err != nil {
			_ = conn.Close()
			return err
		}
		a.ports = append(a.ports, s)
		a.wg.Go(s.read)
		if a.cfg.TCPPort < 0 {
			continue
		}
		if a.tcpPort == 0 {
			a.tcpPort = a.port
		}
		ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: a.tcpPort})
		if err != nil {
			return fmt.Errorf("webrtcleg: listen: %w", err)
		}
		t := newListener(a, ln)
		a.ports = append(a.ports, t)
		a.wg.Go(t.accept)
	}
	return nil
}

// announce writes down our candidates: UDP first, then TCP for browsers behind a firewall that lets nothing
// else through (RFC 8839 section 5.1, RFC 6544 section 4.5).
func (a *API) announce(ips []net.IP) {
	hosts := make([]string, 0, len(ips))
	for _, ip := range ips {
		hosts = append(hosts, ip.String())
	}
	if len(a.cfg.PublicIPs) > 0 {
		hosts = a.cfg.PublicIPs
	}
	for i, host := range hosts {
		a.candidates = append(a.candidates, fmt.Sprintf("candidate:%d 1 udp %d %s %d typ host", i+1, 126<<24|(65535-i)<<8|255, host, a.port))
	}
	if a.tcpPort == 0 {
		return
	}
	for i, host := range hosts {
		a.candidates = append(a.candidates, fmt.Sprintf("candidate:%d 1 tcp %d %s %d typ host tcptype passive", len(hosts)+i+1, 90<<24|(65535-i)<<8|255, host, a.tcpPort))
	}
}

// take sorts one packet by its first byte (RFC 7983). known is the leg whose packets come from there, nil
// for none; at is when the packet came. The buffer is overwritten: SRTP is decrypted in place.
func (a *API) take(via carrier, from netip.AddrPort, known *Leg, b []byte, at time.Time) {
	switch {
	case len(b) == 0:
	case b[0] < 4:
		a.binding(via, from, b, at)
	case known == nil:
		a.foreign.Add(1)
	case b[0] >= 20 && b[0] < 64:
		known.dtls.push(b)
	case b[0] >= 128 && b[0] < 192:
		known.take(b, at)
	default:
		a.foreign.Add(1)
	}
}

// socket is a UDP socket of all legs. Writes never wait: when the kernel's buffer is full the datagram is
// dropped, as the network would, for the one who writes is the room's tick.
type socket struct {
	api     *API
	conn    *net.UDPConn
	raw     syscall.RawConn
	v4      bool
	pool    sync.Pool // of *sendOp
	dropped atomic.Uint64

	mu    sync.Mutex // the reader and legs that come and go
	peers map[netip.AddrPort]*Leg
}

// sendOp is one write, kept so that it costs no allocation.
type sendOp struct {
	buf []byte
	to4 unix.SockaddrInet4
	to6 unix.SockaddrInet6
	to  unix.Sockaddr
	err error
	do  func(fd uintptr) bool
}

func newSocket(a *API, conn *net.UDPConn) (*socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("webrtcleg: socket: %w", err)
	}
	if err := arrival.AskConn(raw); err != nil {
		return nil, fmt.Errorf("webrtcleg: socket: %w", err)
	}
	s := &socket{api: a, conn: conn, raw: raw, v4: conn.LocalAddr().(*net.UDPAddr).IP.To4() != nil, peers: make(map[netip.AddrPort]*Leg)}
	s.pool.New = func() any {
		op := new(sendOp)
		op.do = func(fd uintptr) bool {
			op.err = unix.Sendto(int(fd), op.buf, unix.MSG_DONTWAIT, op.to)
			return true
		}
		return op
	}
	return s, nil
}

// read hands every datagram to its leg until the socket is closed.
func (s *socket) read() {
	buf := make([]byte, readSize)
	var stamp arrival.Stamp
	for {
		n, told, _, from, err := s.conn.ReadMsgUDPAddrPort(buf, stamp.Bytes())
		if err != nil {
			if isClosed(err) {
				return
			}
			continue // an ICMP error of somebody's datagram
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		s.mu.Lock()
		l := s.peers[from]
		s.mu.Unlock()
		s.api.take(s, from, l, buf[:n], stamp.Time(told, time.Now()))
	}
}

// Close ends read.
func (s *socket) Close() error { return s.conn.Close() }

func (s *socket) learn(from netip.AddrPort, l *Leg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers[from] = l
}

func (s *socket) forget(from netip.AddrPort, l *Leg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[from] == l { // else the browser's next leg has come from the same address
		delete(s.peers, from)
	}
}

// send implements carrier.
func (s *socket) send(b []byte, to netip.AddrPort) bool {
	op := s.pool.Get().(*sendOp)
	op.buf = b
	if s.v4 {
		op.to4 = unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
		op.to = &op.to4
	} else {
		op.to6 = unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
		op.to = &op.to6
	}
	err := s.raw.Write(op.do)
	if err == nil {
		err = op.err
	}
	op.buf, op.err = nil, nil
	s.pool.Put(op)
	if err != nil {
		s.dropped.Add(1)
	}
	return err == nil
}
