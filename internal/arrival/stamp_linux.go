package arrival

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Stamp is room for what the kernel tells of a datagram beside its bytes: the control message of SO_TIMESTAMPNS.
type Stamp struct {
	hdr  unix.Cmsghdr
	time unix.Timespec
}

// Ask has the kernel note when each datagram of a socket comes. Without it arrival times are those of the read.
func Ask(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) }

// AskConn is Ask for a connection of package net.
func AskConn(c syscall.RawConn) error { return c.Control(func(fd uintptr) { Ask(int(fd)) }) }

// Bytes is the stamp's memory, for the call that receives.
func (s *Stamp) Bytes() []byte { return unsafe.Slice((*byte)(unsafe.Pointer(s)), unsafe.Sizeof(*s)) }

// Time is when the datagram came, by the clock of now; now where n bytes of control messages do not tell. It reads
// no clock.
func (s *Stamp) Time(n int, now time.Time) time.Time {
	if uintptr(n) < unsafe.Sizeof(*s) || s.hdr.Level != unix.SOL_SOCKET || s.hdr.Type != unix.SCM_TIMESTAMPNS {
		return now
	}
	return at(s.time.Nano(), now)
}
