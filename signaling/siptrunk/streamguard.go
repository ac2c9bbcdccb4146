package siptrunk

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/emiago/sipgo/sip"
)

// guardedListener gives connections whose bytes the parser has seen once before the library gives them to
// it: what the parser would fall over ends that connection, and not the process.
type guardedListener struct {
	net.Listener
	log *slog.Logger
	new func() streamParser
}

// streamParser takes the bytes of one connection in their order.
type streamParser func(data []byte) error

// newStreamParser parses as the library does, and drops the messages, overwritten: an INFO may be a digit of a card
// number.
func (s *Server) newStreamParser() streamParser {
	p := s.parser.NewSIPStream()
	return func(data []byte) error {
		err := p.ParseSIPStream(data, func(m sip.Message) { clear(m.Body()) })
		if b := p.Buffer(); b.Len() == 0 {
			b.Reset()
			clear(b.AvailableBuffer()[:b.Available()])
		}
		return err
	}
}

// washedPackets overwrites the buffer that it is read into when the next datagram is asked for: the library has parsed
// the last one then, and uses one buffer for all. It is read by one goroutine, the library's.
type washedPackets struct {
	net.PacketConn
	n int // bytes of the last datagram
}

// ReadFrom implements net.PacketConn.
func (c *washedPackets) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	clear(b[:min(c.n, len(b))])
	c.n, from, err = c.PacketConn.ReadFrom(b)
	return c.n, from, err
}

// Accept implements net.Listener.
func (l guardedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: c, log: l.log, parse: l.new(), idle: true}, nil
}

// guardedConn is read by one goroutine, the library's.
type guardedConn struct {
	net.Conn
	log   *slog.Logger
	parse streamParser
	n     int  // bytes of the last read
	idle  bool // between two messages
	over  bool // the parser found the stream broken; so will the library
}

var errParser = errors.New("siptrunk: the parser failed on what the peer sent")

// Read implements net.Conn. It errors where the parser would panic. What was read before is overwritten, as
// washedPackets does.
func (c *guardedConn) Read(b []byte) (int, error) {
	clear(b[:min(c.n, len(b))])
	n, err := c.Conn.Read(b)
	c.n = n
	if n == 0 || c.over || len(bytes.Trim(b[:n], "\x00")) == 0 || c.idle && n <= 4 && len(bytes.Trim(b[:n], "\r\n")) == 0 {
		return n, err // nothing, or a keep-alive (RFC 5626 section 3.5.1), which the library takes out itself
	}
	if !c.try(b[:n]) {
		return 0, errParser
	}
	return n, err
}

func (c *guardedConn) try(data []byte) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("sip parser panicked, closing the connection", "peer", c.RemoteAddr().String(), "cause", fmt.Sprint(p))
			ok = false
		}
	}()
	err := c.parse(data)
	c.idle = err == nil
	c.over = err != nil && !errors.Is(err, sip.ErrParseSipPartial)
	return true
}
