package impair

import (
	"container/heap"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// line delivers packets when their time has come, on one goroutine.
type line struct {
	deliver func(pkt []byte, to net.Addr)
	wake    chan struct{}
	done    chan struct{}
	wg      sync.WaitGroup

	mu     sync.Mutex
	stream *stream
	start  time.Time
	queue  packets
	order  uint64
	count  Counts
	closed bool
}

// Counts is what a direction did to its packets.
type Counts struct{ Sent, Lost, Duplicated uint64 }

type packet struct {
	at    time.Time
	order uint64
	pkt   []byte
	to    net.Addr
}

type packets []packet

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	if p[i].at.Equal(p[j].at) {
		return p[i].order < p[j].order
	}
	return p[i].at.Before(p[j].at)
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	old := *p
	x := old[len(old)-1]
	old[len(old)-1] = packet{}
	*p = old[:len(old)-1]
	return x
}

func newLine(imp Impairment, deliver func([]byte, net.Addr)) *line {
	l := &line{deliver: deliver, wake: make(chan struct{}, 1), done: make(chan struct{}), stream: newStream(imp)}
	l.wg.Go(l.run)
	return l
}

// set changes the impairment; packets on their way keep their fate.
func (l *line) set(imp Impairment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream, l.start = newStream(imp), time.Time{}
}

// send takes a packet, which it copies.
func (l *line) send(pkt []byte, to net.Addr) {
	now := time.Now()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	if l.start.IsZero() {
		l.start = now
	}
	n := l.stream.n
	f := l.stream.next(now.Sub(l.start))
	if f.Lost {
		l.count.Lost++
		l.mu.Unlock()
		return
	}
	own := append([]byte(nil), pkt...)
	if l.stream.imp.Rewrite != nil {
		l.stream.imp.Rewrite(n, own)
	}
	copies := 1
	if f.Duplicate {
		copies = 2
		l.count.Duplicated++
	}
	for range copies {
		l.order++
		heap.Push(&l.queue, packet{now.Add(max(f.Delay, 0)), l.order, own, to})
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *line) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := time.Hour
		l.mu.Lock()
		for len(l.queue) > 0 {
			if wait = time.Until(l.queue[0].at); wait > 0 {
				break
			}
			p := heap.Pop(&l.queue).(packet)
			l.count.Sent++
			l.mu.Unlock()
			l.deliver(p.pkt, p.to)
			l.mu.Lock()
			wait = time.Hour
		}
		l.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-l.done:
			return
		case <-l.wake:
		case <-timer.C:
		}
	}
}

func (l *line) close() {
	l.mu.Lock()
	was := l.closed
	l.closed = true
	l.mu.Unlock()
	if !was {
		close(l.done)
	}
	l.wg.Wait()
}

func (l *line) counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// Relay passes UDP packets between two parties. Each party sends to its own side of the relay and
// receives from it, as if the other party were there. A side takes the address of its party from New or,
// where that was not given, from the first packet that comes.
type Relay struct {
	sides [2]*net.UDPConn
	lines [2]*line // lines[i] carries what comes in at side i
	wg    sync.WaitGroup

	mu    sync.Mutex
	party [2]netip.AddrPort
}

// NewRelay opens both sides on 127.0.0.1. a and b are where the parties are, invalid where that is not
// known yet; ab treats what a sends, ba what b sends.
func NewRelay(a, b netip.AddrPort, ab, ba Impairment) (*Relay, error) {
	r := &Relay{party: [2]netip.AddrPort{a, b}}
	for i := range r.sides {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			if i == 1 {
				_ = r.sides[0].Close()
			}
			return nil, err
		}
		r.sides[i] = c
	}
	for i, imp := range []Impairment{ab, ba} {
		r.lines[i] = newLine(imp, func(pkt []byte, _ net.Addr) {
			if to := r.at(1 - i); to.IsValid() {
				_, _ = r.sides[1-i].WriteToUDPAddrPort(pkt, to) // a network that loses it is no error here
			}
		})
		r.wg.Go(func() { r.read(i) })
	}
	return r, nil
}

func (r *Relay) at(i int) netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.party[i]
}

func (r *Relay) read(i int) {
	buf := make([]byte, 65536)
	for {
		n, from, err := r.sides[i].ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		r.mu.Lock()
		if !r.party[i].IsValid() {
			r.party[i] = from
		}
		known := r.party[i] == from
		r.mu.Unlock()
		if known {
			r.lines[i].send(buf[:n], nil)
		}
	}
}

// A is where party a sends to, B where party b does.
func (r *Relay) A() netip.AddrPort { return r.sides[0].LocalAddr().(*net.UDPAddr).AddrPort() }

// B is where party b sends to.
func (r *Relay) B() netip.AddrPort { return r.sides[1].LocalAddr().(*net.UDPAddr).AddrPort() }

// Set changes both directions from the next packet on.
func (r *Relay) Set(ab, ba Impairment) {
	r.lines[0].set(ab)
	r.lines[1].set(ba)
}

// Counts is what happened so far to what a sent and to what b sent.
func (r *Relay) Counts() (ab, ba Counts) { return r.lines[0].counts(), r.lines[1].counts() }

// Close ends both sides; packets on their way are lost.
func (r *Relay) Close() error {
	err := errors.Join(r.sides[0].Close(), r.sides[1].Close())
	r.wg.Wait()
	r.lines[0].close()
	r.lines[1].close()
	return err
}

// Conn is a net.PacketConn whose outgoing packets suffer an impairment.
type Conn struct {
	net.PacketConn
	line *line
}

// NewConn wraps c, which it owns from now on.
func NewConn(c net.PacketConn, imp Impairment) *Conn {
	return &Conn{c, newLine(imp, func(pkt []byte, to net.Addr) { _, _ = c.WriteTo(pkt, to) })}
}

// WriteTo takes a packet and reports it as sent, whatever becomes of it.
func (c *Conn) WriteTo(p []byte, to net.Addr) (int, error) {
	c.line.send(p, to)
	return len(p), nil
}

// Set changes the impairment from the next packet on.
func (c *Conn) Set(imp Impairment) { c.line.set(imp) }

// Counts is what happened so far.
func (c *Conn) Counts() Counts { return c.line.counts() }

// Close closes the connection; packets on their way are lost.
func (c *Conn) Close() error {
	c.line.close()
	return c.PacketConn.Close()
}
