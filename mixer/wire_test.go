package mixer

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/rtpleg"
)

// handset is a telephone on a real socket: it sends a packet every 20 ms and keeps the heads of what it gets.
type handset struct {
	conn *net.UDPConn
	leg  *rtpleg.Leg
	mu   sync.Mutex
	got  []stamp
}

func newHandset(t *testing.T, pool *rtpleg.PortPool) *handset {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := pool.Get()
	if err != nil {
		t.Fatal(err)
	}
	h := &handset{conn: conn}
	h.leg, err = rtpleg.New(rtpleg.Config{
		Socket:  s,
		Session: rtpleg.Session{Codec: media.PCMU, Remote: conn.LocalAddr().(*net.UDPAddr).AddrPort()},
		CNAME:   "a@x",
	})
	if err != nil {
		t.Fatal(err)
	}
	h.leg.Start()
	return h
}

// run talks and listens until ctx is done.
func (h *handset) run(ctx context.Context, work *sync.WaitGroup) {
	work.Go(func() {
		beat := time.NewTicker(Period)
		defer beat.Stop()
		to := net.UDPAddrFromAddrPort(h.leg.Local())
		pkt := make([]byte, 12+160)
		pkt[0] = 0x80
		for n := uint32(1); ; n++ {
			select {
			case <-ctx.Done():
				_ = h.conn.Close() // ends the reader
				return
			case <-beat.C:
			}
			binary.BigEndian.PutUint16(pkt[2:], uint16(n))
			binary.BigEndian.PutUint32(pkt[4:], n*160)
			for i := range pkt[12:] {
				pkt[12+i] = byte(0x80 + i%2) // loud
			}
			_, _ = h.conn.WriteToUDP(pkt, to)
		}
	})
	work.Go(func() {
		var buf [1500]byte
		for {
			n, _, err := h.conn.ReadFromUDPAddrPort(buf[:])
			if err != nil {
				return
			}
			if n == 172 {
				h.mu.Lock()
				h.got = append(h.got, stamp{binary.BigEndian.Uint16(buf[2:]), binary.BigEndian.Uint32(buf[4:])})
				h.mu.Unlock()
			}
		}
	})
}

// TestCallOnTheWire runs calls over real sockets while a third party comes and goes: forwarded, mixed and
// forwarded again, with the sockets read by the tick or by the legs' loops as it goes. Each party gets one
// stream, with nothing sent twice or out of order.
func TestCallOnTheWire(t *testing.T) {
	pool, err := rtpleg.NewPortPool(netip.MustParseAddr("127.0.0.1"), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, Config{Shards: 2})
	ctx, hangUp := context.WithCancel(t.Context())
	var work sync.WaitGroup
	var all []*handset
	for range 3 {
		h := newHandset(t, pool)
		all = append(all, h)
		h.run(ctx, &work)
	}
	r := open(t, e, "r", Join{ID: "0", Leg: all[0].leg}, Join{ID: "1", Leg: all[1].leg})
	time.Sleep(500 * time.Millisecond)
	do(t, r, Join{ID: "2", Leg: all[2].leg})
	time.Sleep(300 * time.Millisecond)
	do(t, r, Leave{ID: "2"})
	time.Sleep(300 * time.Millisecond)
	r.move(e.shards[1])
	r.move(e.shards[0])
	time.Sleep(1500 * time.Millisecond) // forwarding is back
	s := e.Stats()
	if s.Forwarded < 10 || s.Polled < 10 || s.Encodes < 10 || s.Panics > 0 {
		t.Errorf("%d forwarded, %d polled, %d encodes, %d panics", s.Forwarded, s.Polled, s.Encodes, s.Panics)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	hangUp()
	for _, h := range all {
		if err := h.leg.Close(); err != nil {
			t.Error(err)
		}
	}
	work.Wait()
	for i, h := range all[:2] {
		for k := 1; k < len(h.got); k++ {
			p, q := h.got[k-1], h.got[k]
			if d := int32(q.ts - p.ts); q.seq != p.seq+1 || d <= 0 {
				t.Errorf("party %d, packet %d: seq %d after %d, timestamp %d on", i, k, q.seq, p.seq, d)
			}
		}
		if len(h.got) < 60 {
			t.Errorf("party %d got %d packets in 2.6 s", i, len(h.got))
		}
	}
	if n := pool.InUse(); n != 0 {
		t.Errorf("%d ports still in use", n)
	}
}
