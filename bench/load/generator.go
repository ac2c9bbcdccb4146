package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	slot     = time.Millisecond
	slots    = 20  // in a packet time
	ahead    = 512 // slots a packet can be delayed by
	sockBuf  = 16 << 20
	maxBatch = 64
)

// Options is what the network between the parties and the server does to their packets.
type Options struct {
	Loss   float64       // percent, of what is sent to the server
	Jitter time.Duration // each packet is delayed by 0 to Jitter, uniformly; under half a second
}

// Generator sends for all its parties and hears for them. Parties can be added while it runs.
type Generator struct {
	opts Options
	conn *net.UDPConn
	rng  *rand.Rand // sender goroutine only

	mu      sync.Mutex // guards what follows
	parties []*Party
	seats   [slots][]*Party // replaced, never changed

	byPort  [1 << 16]atomic.Pointer[Party]
	sent    atomic.Int64
	timing  sync.Mutex
	late    []float64 // ms, one per slot since the last measurement
	stop    chan struct{}
	running sync.WaitGroup
}

// New opens the socket. Start starts sending.
func New(o Options) (*Generator, error) {
	if o.Jitter < 0 || o.Jitter >= ahead*slot || o.Loss < 0 || o.Loss > 100 {
		return nil, fmt.Errorf("load: loss of %g %% and jitter of %v cannot be", o.Loss, o.Jitter)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("load: open socket: %w", err)
	}
	// The kernel caps both silently where it must.
	if err := errors.Join(conn.SetReadBuffer(sockBuf), conn.SetWriteBuffer(sockBuf)); err != nil {
		return nil, errors.Join(fmt.Errorf("load: socket buffers: %w", err), conn.Close())
	}
	return &Generator{opts: o, conn: conn, rng: rand.New(rand.NewPCG(1, 2)), stop: make(chan struct{})}, nil
}

// Addr is where the server must send to. One address serves all parties; they are told apart by the port
// they hear from.
func (g *Generator) Addr() netip.AddrPort { return g.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Add adds a plain RTP party of a room, which the server hears and answers at to.
func (g *Generator) Add(to netip.AddrPort, room, index int, voice *Stream) *Party {
	p := &Party{Room: room, Index: index, to: net.UDPAddrFromAddrPort(to)}
	g.byPort[to.Port()].Store(p)
	g.seat(p, voice)
	return p
}

func (g *Generator) seat(p *Party, voice *Stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.parties)
	p.ssrc = uint32(n)*2654435761 + 1
	p.seq = uint16(n * 137)
	p.at = n * 613 // everybody speaks, nobody the same
	p.usual = voice
	p.Say(voice)
	g.parties = append(g.parties, p)
	s := (n*7 + n/slots) % slots
	g.seats[s] = append(slices.Clone(g.seats[s]), p)
}

// Remove lets parties fall silent and forgets them.
func (g *Generator) Remove(gone []*Party) {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := func(p *Party) bool { return slices.Contains(gone, p) }
	g.parties = slices.DeleteFunc(slices.Clone(g.parties), in)
	for i := range g.seats {
		g.seats[i] = slices.DeleteFunc(slices.Clone(g.seats[i]), in)
	}
	for _, p := range gone {
		if p.to != nil {
			g.byPort[p.to.Port].CompareAndSwap(p, nil)
		}
	}
}

// Start starts sending and hearing.
func (g *Generator) Start() {
	g.running.Go(g.read)
	g.running.Go(g.send)
}

// Close stops everything and closes the socket.
func (g *Generator) Close() error {
	close(g.stop)
	err := g.conn.Close()
	g.running.Wait()
	return err
}

func (g *Generator) read() {
	pc := ipv4.NewPacketConn(g.conn)
	ms := make([]ipv4.Message, maxBatch)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, 1500)}
	}
	for {
		n, err := pc.ReadBatch(ms, 0)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		now := time.Now()
		for _, m := range ms[:max(n, 0)] {
			if from, ok := m.Addr.(*net.UDPAddr); ok {
				if p := g.byPort[from.Port].Load(); p != nil {
					p.hear(m.Buffers[0][:m.N], now)
				}
			}
		}
	}
}

// ticket is a packet on its way to the wire.
type ticket struct {
	p *Party
	b []byte
}

func (g *Generator) send() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out := newWire(g.conn)
	var queue [ahead][]ticket
	var free [][]byte
	start := time.Now()
	for n := 0; ; n++ {
		select {
		case <-g.stop:
			return
		default:
		}
		due := start.Add(time.Duration(n) * slot)
		time.Sleep(time.Until(due))
		g.timed(time.Since(due))
		g.mu.Lock()
		seats := g.seats[n%slots]
		g.mu.Unlock()
		for _, p := range seats {
			s := p.voice.Load()
			var b []byte
			if k := len(free); k > 0 {
				b, free = free[k-1], free[:k-1]
			} else {
				b = make([]byte, 1500)
			}
			size, index := p.packet(b[:cap(b)], s)
			b = b[:size]
			if s.onsets != nil && s.onsets[index] >= 0 {
				p.burst(time.Now().Add(time.Duration(s.onsets[index]) * time.Second / 48000))
			}
			if g.opts.Loss > 0 && g.rng.Float64()*100 < g.opts.Loss {
				free = append(free, b)
				continue
			}
			at := n % ahead
			if g.opts.Jitter > 0 {
				at = (n + g.rng.IntN(int(g.opts.Jitter/slot)+1)) % ahead
			}
			queue[at] = append(queue[at], ticket{p, b})
		}
		now := queue[n%ahead]
		out.write(now)
		g.sent.Add(int64(len(now)))
		for _, t := range now {
			free = append(free, t.b)
		}
		queue[n%ahead] = now[:0]
	}
}

func (p *Party) burst(at time.Time) {
	p.mu.Lock()
	pr := p.probe
	p.mu.Unlock()
	if pr != nil {
		pr.note(at)
	}
}

func (g *Generator) timed(late time.Duration) {
	g.timing.Lock()
	defer g.timing.Unlock()
	g.late = append(g.late, late.Seconds()*1e3)
}

// wire writes packets in as few system calls as it can. Sender goroutine only.
type wire struct {
	pc    *ipv4.PacketConn
	batch []ipv4.Message
}

func newWire(c *net.UDPConn) *wire { return &wire{pc: ipv4.NewPacketConn(c)} }

// write sends what it can; a packet the kernel does not take is lost, as it would be on a network.
func (w *wire) write(ts []ticket) {
	w.batch = w.batch[:0]
	for _, t := range ts {
		if t.p.track != nil {
			_, _ = t.p.track.Write(t.b)
			continue
		}
		w.batch = append(w.batch, ipv4.Message{Buffers: [][]byte{t.b}, Addr: t.p.to})
	}
	for at := 0; at < len(w.batch); {
		n, err := w.pc.WriteBatch(w.batch[at:], 0)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		at += max(n, 1)
	}
}
