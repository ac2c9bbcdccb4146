//go:build linux && !portable

package rtpleg

import (
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cordboard/cordboard/internal/arrival"
)

// port is one bound UDP port. It is a bare descriptor and not a net.UDPConn, for two reasons. The runtime
// would watch a net.UDPConn's descriptor and wake a thread for each packet, also when a tick is going to
// read it. And its calls take a lock and tell the scheduler of a system call that never waits. All calls
// here are non-blocking and made without telling it: they last a few microseconds. Safe for concurrent use.
type port struct {
	fd    int
	users atomic.Int32 // calls under way; closed once negative
	is4   bool
}

const (
	closedPort = -1 << 30 // added to users by close
	gonePort   = -3 << 29 // users once the descriptor is closed; calls that come later move it by a few
)

// openPort binds a port of ip, 0 for any. Datagrams carry the kernel's time of arrival.
func openPort(ip netip.Addr, n int) (*port, error) {
	p := &port{is4: ip.Is4() || ip.Is4In6()}
	family := unix.AF_INET6
	var sa unix.Sockaddr = &unix.SockaddrInet6{Port: n, Addr: ip.As16()}
	if p.is4 {
		family = unix.AF_INET
		sa = &unix.SockaddrInet4{Port: n, Addr: ip.Unmap().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if !p.is4 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	arrival.Ask(fd)
	if err := unix.Bind(fd, sa); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	p.fd = fd
	return p, nil
}

func (p *port) number() (int, error) {
	sa, err := unix.Getsockname(p.fd)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return a.Port, nil
	case *unix.SockaddrInet6:
		return a.Port, nil
	}
	return 0, fmt.Errorf("rtpleg: a socket of type %T", sa)
}

// enter keeps the descriptor open until leave. It reports false when the port is closed.
func (p *port) enter() bool {
	if p.users.Add(1) > 0 {
		return true
	}
	p.leave()
	return false
}

func (p *port) leave() {
	if p.users.Add(-1) == closedPort {
		p.shut()
	}
}

// shut gives the descriptor back when the port is closed and nobody uses it, once.
func (p *port) shut() {
	if p.users.CompareAndSwap(closedPort, gonePort) {
		_ = unix.Close(p.fd)
	}
}

// close is idempotent. The descriptor goes with the last call under way.
func (p *port) close() {
	for n := p.users.Load(); n >= 0; n = p.users.Load() {
		if p.users.CompareAndSwap(n, n+closedPort) {
			p.shut()
		}
	}
}

// sockaddr is an address as the kernel takes it, made ahead of the send.
type sockaddr struct {
	raw unix.RawSockaddrInet6
	len uintptr
}

// sockaddr is to as this port sends to it; nil where it cannot.
func (p *port) sockaddr(to netip.AddrPort) *sockaddr {
	a := to.Addr().Unmap()
	if !a.IsValid() || a.IsUnspecified() || to.Port() == 0 || a.Is4() != p.is4 {
		return nil
	}
	s := &sockaddr{}
	if a.Is4() {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		in.Family, in.Port, in.Addr = unix.AF_INET, networkOrder(to.Port()), a.As4()
		s.len = unix.SizeofSockaddrInet4
		return s
	}
	s.raw = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(to.Port()), Addr: a.As16()}
	s.len = unix.SizeofSockaddrInet6
	return s
}

func networkOrder(n uint16) (v uint16) {
	b := (*[2]byte)(unsafe.Pointer(&v))
	b[0], b[1] = byte(n>>8), byte(n)
	return v
}

// send reports false when the socket does not take the datagram at once.
func (p *port) send(pkt []byte, to *sockaddr) bool {
	if len(pkt) == 0 || !p.enter() {
		return false
	}
	_, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(p.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(pkt))), uintptr(len(pkt)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL,
		uintptr(unsafe.Pointer(&to.raw)), to.len)
	p.leave()
	return e == 0
}

// dropped is how many datagrams the kernel had no room for, since the port was opened.
func (p *port) dropped() uint32 {
	if !p.enter() {
		return 0
	}
	defer p.leave()
	const drops = 8 // SK_MEMINFO_DROPS, the last
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, e := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(p.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 || uintptr(size) < unsafe.Sizeof(info) {
		return 0
	}
	return info[drops]
}

// batch is how many datagrams one call takes. A leg's tick finds one, now and then two; taking a few at
// once tells in the same call that there is no more.
const batch = 4

// vector is what one recvmmsg fills. They are shared by all ports, for at 7 kB each leg's own would be the
// largest thing about it.
type vector struct {
	msgs    [batch]mmsghdr
	iovs    [batch]unix.Iovec
	names   [batch]unix.RawSockaddrInet6
	control [batch]arrival.Stamp
	bufs    [batch][maxDatagram]byte
}

type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

var vectors = sync.Pool{New: func() any { return newVector() }}

func newVector() *vector {
	v := &vector{}
	for i := range v.msgs {
		v.iovs[i].Base = &v.bufs[i][0]
		v.iovs[i].SetLen(maxDatagram)
		h := &v.msgs[i].hdr
		h.Name = (*byte)(unsafe.Pointer(&v.names[i]))
		h.Iov = &v.iovs[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&v.control[i]))
		v.reset(i)
	}
	return v
}

func (v *vector) reset(i int) {
	h := &v.msgs[i].hdr
	h.Namelen = uint32(unsafe.Sizeof(v.names[i]))
	h.SetControllen(int(unsafe.Sizeof(v.control[i])))
}

// receive fills v with up to batch datagrams and returns how many there are; fewer than batch means that
// there are no more. failed reports an error other than that nothing is there.
func (p *port) receive(v *vector) (n int, failed bool) {
	if !p.enter() {
		return 0, false
	}
	r, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&v.msgs)), batch, unix.MSG_DONTWAIT, 0, 0)
	p.leave()
	switch e {
	case 0:
		return int(r), false
	case unix.EAGAIN, unix.EINTR:
		return 0, false
	default:
		return 0, true
	}
}

// take is datagram i of the last receive, borrowed until the next, its sender, and when the kernel had it:
// by the monotonic clock, or now where that is unknown. A datagram longer than any packet of ours is nil.
func (v *vector) take(i int, now time.Time) (pkt []byte, from netip.AddrPort, at time.Time) {
	m := &v.msgs[i]
	if n := &v.names[i]; n.Family == unix.AF_INET {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(n))
		from = netip.AddrPortFrom(netip.AddrFrom4(in.Addr), networkOrder(in.Port))
	} else {
		from = netip.AddrPortFrom(netip.AddrFrom16(n.Addr).Unmap(), networkOrder(n.Port))
	}
	at = v.control[i].Time(int(m.hdr.Controllen), now)
	if m.hdr.Flags&unix.MSG_TRUNC == 0 {
		pkt = v.bufs[i][:m.n]
	} else {
		clear(v.bufs[i][:])
	}
	v.reset(i)
	return pkt, from, at
}
