package rtpleg

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"

	"github.com/cordboard/cordboard/internal/problem"
)

// Socket is a pair of bound UDP ports: RTP on an even one, RTCP on the odd one above it (RFC 3550 section
// 11). It belongs to one leg at a time.
type Socket struct {
	pool *PortPool
	rtp  *port
	rtcp *port
	addr netip.AddrPort
}

// Addr is where the party sends its RTP: the address for the SDP.
func (s *Socket) Addr() netip.AddrPort { return s.addr }

// Release closes both ports and gives them back. Idempotent. A leg's Close does it for its own socket.
func (s *Socket) Release() { s.pool.Put(s) }

func (s *Socket) close() {
	s.rtp.close()
	s.rtcp.close()
}

// PortPool hands out port pairs of a range on one address. It goes round the range before it uses a port
// again, so that late packets of one call do not reach the next. Safe for concurrent use.
type PortPool struct {
	ip          netip.Addr
	first, last int

	mu   sync.Mutex
	next int
	used map[int]*Socket // by RTP port
}

// NewPortPool makes a pool over the ports first to last, both included, on ip. first 0 leaves the choice
// to the system, for tests. It binds nothing yet.
func NewPortPool(ip netip.Addr, first, last int) (*PortPool, error) {
	if !ip.IsValid() {
		return nil, fmt.Errorf("rtpleg: port pool: no address")
	}
	if first != 0 {
		first += first % 2
		if first < 1024 || last > 65535 || last < first+1 {
			return nil, fmt.Errorf("rtpleg: port pool: %d-%d holds no pair of ports between 1024 and 65535", first, last)
		}
	}
	return &PortPool{ip: ip, first: first, last: last, next: first, used: map[int]*Socket{}}, nil
}

// Get binds the next free pair. A port that another program holds is passed over. When there is none the
// error is a problem with code "no_ports" and status 503.
func (p *PortPool) Get() (*Socket, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first == 0 {
		return p.any()
	}
	for range (p.last - p.first + 1) / 2 {
		port := p.next
		if p.next += 2; p.next+1 > p.last {
			p.next = p.first
		}
		if p.used[port] != nil {
			continue
		}
		if s, err := p.bind(port); err == nil {
			return s, nil
		}
	}
	return nil, noPorts(fmt.Errorf("all of %d-%d are in use", p.first, p.last))
}

// any lets the system choose until it chooses an even port whose neighbour is free.
func (p *PortPool) any() (*Socket, error) {
	var err error
	for range 64 {
		var c *port
		if c, err = openPort(p.ip, 0); err != nil {
			return nil, noPorts(err)
		}
		port, nerr := c.number()
		c.close()
		if port &^= 1; nerr != nil || port == 0 || p.used[port] != nil {
			continue
		}
		var s *Socket
		if s, err = p.bind(port); err == nil {
			return s, nil
		}
	}
	return nil, noPorts(err)
}

func noPorts(err error) error {
	e := problem.New(http.StatusServiceUnavailable, "no_ports", "there is no free pair of RTP ports")
	e.RetryAfter, e.Err = 5, err
	return e
}

func (p *PortPool) bind(port int) (*Socket, error) {
	rtp, err := openPort(p.ip, port)
	if err != nil {
		return nil, err
	}
	rtcp, err := openPort(p.ip, port+1)
	if err != nil {
		rtp.close()
		return nil, err
	}
	s := &Socket{pool: p, rtp: rtp, rtcp: rtcp, addr: netip.AddrPortFrom(p.ip, uint16(port))}
	p.used[port] = s
	return s, nil
}

// Put closes a pair and frees its ports. Idempotent.
func (p *PortPool) Put(s *Socket) {
	s.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if port := int(s.addr.Port()); p.used[port] == s {
		delete(p.used, port)
	}
}

// InUse is the number of pairs handed out.
func (p *PortPool) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.used)
}
