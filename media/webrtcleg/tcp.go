package webrtcleg

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	maxStrangers  = 256              // TCP connections that no leg has claimed yet
	strangerLimit = 10 * time.Second // how long one may stay so
	backlog       = 64 << 10         // bytes a slow connection may be behind by
)

// listener takes the TCP connections of browsers that get no UDP through (RFC 6544, passive candidates).
type listener struct {
	api *API
	ln  *net.TCPListener

	mu    sync.Mutex
	conns map[*tcpConn]struct{}
	shut  bool
}

func newListener(a *API, ln *net.TCPListener) *listener {
	return &listener{api: a, ln: ln, conns: make(map[*tcpConn]struct{})}
}

func (t *listener) accept() {
	for {
		conn, err := t.ln.AcceptTCP()
		if isClosed(err) {
			return
		}
		if err != nil { // out of file descriptors, most likely
			time.Sleep(100 * time.Millisecond)
			continue
		}
		raw, err := conn.SyscallConn()
		c := &tcpConn{listener: t, conn: conn, raw: raw, from: conn.RemoteAddr().(*net.TCPAddr).AddrPort()}
		if err != nil || !t.add(c) {
			_ = conn.Close()
			continue
		}
		t.api.wg.Go(c.read)
	}
}

// add keeps count; false when there are too many that nobody has claimed.
func (t *listener) add(c *tcpConn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	strangers := 0
	for o := range t.conns {
		if o.owner() == nil {
			strangers++
		}
	}
	if t.shut || strangers >= maxStrangers {
		return false
	}
	t.conns[c] = struct{}{}
	return true
}

func (t *listener) drop(c *tcpConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
}

// Close ends accept and all connections.
func (t *listener) Close() error {
	t.mu.Lock()
	t.shut = true
	errs := []error{t.ln.Close()}
	for c := range t.conns {
		_ = c.conn.Close() // whoever was there is told by DTLS
	}
	t.mu.Unlock()
	return errors.Join(errs...)
}

// tcpConn is one browser's connection. Packets are framed by their length (RFC 4571).
type tcpConn struct {
	listener *listener
	conn     *net.TCPConn
	raw      syscall.RawConn
	from     netip.AddrPort

	mu      sync.Mutex
	leg     *Leg
	pending []byte // accepted for sending, not yet taken by the kernel
}

func (c *tcpConn) owner() *Leg {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leg
}

func (c *tcpConn) read() {
	defer c.listener.drop(c)
	defer c.conn.Close()
	_ = c.conn.SetReadDeadline(time.Now().Add(strangerLimit)) // it fails on a closed connection only
	r := bufio.NewReaderSize(c.conn, 2*readSize)
	buf := make([]byte, readSize)
	var size [2]byte
	claimed := false
	for {
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(size[:]))
		if n > len(buf) {
			return
		}
		if _, err := io.ReadFull(r, buf[:n]); err != nil {
			return
		}
		l := c.owner()
		c.listener.api.take(c, c.from, l, buf[:n], time.Now()) // how long it has waited nobody knows; see jitter.Buffer.Age
		if l != nil && !claimed {
			claimed = true
			_ = c.conn.SetReadDeadline(time.Time{})
		}
	}
}

func (c *tcpConn) learn(_ netip.AddrPort, l *Leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leg = l
}

func (c *tcpConn) forget(_ netip.AddrPort, l *Leg) {
	if c.owner() == l {
		_ = c.conn.Close() // its reader ends
	}
}

// send implements carrier. A packet that the kernel takes in part goes out whole with the next ones; while
// more than backlog waits, packets are dropped.
func (c *tcpConn) send(b []byte, _ netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) > 0 && !c.flush() {
		return false
	}
	if len(c.pending)+len(b) > backlog {
		return false
	}
	c.pending = binary.BigEndian.AppendUint16(c.pending, uint16(len(b)))
	c.pending = append(c.pending, b...)
	return c.flush()
}

// flush writes as much of what is pending as the kernel takes. It reports false when the connection is gone.
func (c *tcpConn) flush() bool {
	var n int
	var failed error
	err := c.raw.Write(func(fd uintptr) bool {
		n, failed = syscall.Write(int(fd), c.pending)
		return true
	})
	if err == nil && failed != nil && !errors.Is(failed, syscall.EAGAIN) && !errors.Is(failed, syscall.EINTR) {
		err = failed
	}
	if err != nil {
		return false
	}
	if n > 0 {
		c.pending = c.pending[:copy(c.pending, c.pending[n:])]
	}
	return true
}

func isClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed)
}
