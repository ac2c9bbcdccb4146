package webrtcleg

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"
)

// socketBuffer is what the shared sockets ask of the kernel: a burst of all legs must fit.
const socketBuffer = 4 << 20

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

// listen opens the ports on all addresses and gives them to pion. A port that was free for the first
// address but not for the next is tried again where any will do.
func (a *API) listen(s *webrtc.SettingEngine, ips []net.IP) (err error) {
	for range 10 {
		if err = a.listenOnce(s, ips); err == nil || a.cfg.UDPPort != 0 {
			return err
		}
		_ = a.closePorts() // of the failed try; its error says nothing new
		a.muxes = nil
	}
	return err
}

func (a *API) listenOnce(s *webrtc.SettingEngine, ips []net.IP) error {
	a.port, a.tcpPort = a.cfg.UDPPort, max(a.cfg.TCPPort, 0)
	var udp []ice.UDPMux
	var tcp []ice.TCPMux
	for _, ip := range ips {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: a.port})
		if err != nil {
			return fmt.Errorf("webrtcleg: listen: %w", err)
		}
		// The kernel may grant less than is asked; it is a wish.
		_ = conn.SetReadBuffer(socketBuffer)
		_ = conn.SetWriteBuffer(socketBuffer)
		a.port = conn.LocalAddr().(*net.UDPAddr).Port
		socket, err := newSocket(conn)
		if err != nil {
			_ = conn.Close()
			return err
		}
		m := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket})
		a.muxes = append(a.muxes, m)
		udp = append(udp, m)
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
		t := ice.NewTCPMuxDefault(ice.TCPMuxParams{Listener: ln, ReadBufferSize: 32, WriteBufferSize: 64 << 10})
		a.muxes = append(a.muxes, t)
		tcp = append(tcp, t)
	}
	types := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	s.SetICEUDPMux(ice.NewMultiUDPMuxDefault(udp...))
	if len(tcp) > 0 {
		types = append(types, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
		s.SetICETCPMux(ice.NewMultiTCPMuxDefault(tcp...))
	}
	s.SetNetworkTypes(types)
	return nil
}

// socket is a UDP socket whose writes never wait: when the kernel's buffer is full the datagram is
// dropped, as the network would, for the one who writes is the room's tick.
type socket struct {
	*net.UDPConn
	raw     syscall.RawConn
	v4      bool
	pool    sync.Pool // of *sendOp
	dropped atomic.Uint64
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

func newSocket(conn *net.UDPConn) (*socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("webrtcleg: socket: %w", err)
	}
	s := &socket{UDPConn: conn, raw: raw, v4: conn.LocalAddr().(*net.UDPAddr).IP.To4() != nil}
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

// ReadFromAddrPort implements ice.AddrPortReaderWriter.
func (s *socket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	return s.ReadFromUDPAddrPort(b)
}

// WriteToAddrPort implements ice.AddrPortReaderWriter. A full buffer is no error.
func (s *socket) WriteToAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	op := s.pool.Get().(*sendOp)
	op.buf = b
	if s.v4 {
		op.to4 = unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().Unmap().As4()}
		op.to = &op.to4
	} else {
		op.to6 = unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
		op.to = &op.to6
	}
	err := s.raw.Write(op.do)
	if err == nil {
		err = op.err
	}
	op.buf, op.err = nil, nil
	s.pool.Put(op)
	if err == unix.EAGAIN || err == unix.ENOBUFS {
		s.dropped.Add(1)
		err = nil
	}
	if err != nil {
		return 0, err
	}
	return len(b), nil
}
