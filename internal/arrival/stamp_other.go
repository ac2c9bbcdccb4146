//go:build !linux

package arrival

import (
	"syscall"
	"time"
)

// Stamp is room for what a kernel tells of a datagram beside its bytes; here nothing is asked of it.
type Stamp struct{}

// AskConn does nothing here: arrival times are those of the read.
func AskConn(syscall.RawConn) error { return nil }

// Bytes is no memory.
func (s *Stamp) Bytes() []byte { return nil }

// Time is now.
func (s *Stamp) Time(_ int, now time.Time) time.Time { return now }
