//go:build linux && !portable

package rtpleg

import (
	"encoding/binary"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// screen lets the kernel drop what does not come from the given address before it takes room in the queue:
// a classic filter, which sees the datagram from its UDP header on, and the IP header through an offset of
// its own.
func (p *port) screen(from netip.AddrPort) error {
	if !p.enter() {
		return os.ErrClosed
	}
	defer p.leave()
	const netOff = 0xfff00000 // SKF_NET_OFF
	addr := from.Addr().Unmap().AsSlice()
	at := uint32(netOff + 12) // where IPv4 has its source address
	if len(addr) == 16 {
		at = netOff + 8
	}
	// load; unless equal, jump to the end, which drops
	checks := len(addr)/4 + 1
	var f []unix.SockFilter
	check := func(size uint16, at, want uint32) {
		checks--
		f = append(f,
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_ABS | size, K: at},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: want, Jf: uint8(2*checks + 1)})
	}
	check(unix.BPF_H, 0, uint32(from.Port()))
	for i := 0; i < len(addr); i += 4 {
		check(unix.BPF_W, at+uint32(i), binary.BigEndian.Uint32(addr[i:]))
	}
	f = append(f,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0})
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	return os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(p.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog))
}

// unscreen takes in everything again.
func (p *port) unscreen() {
	if p.enter() {
		_ = unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		p.leave()
	}
}
