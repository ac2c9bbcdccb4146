package rtpleg

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// mouth sends a leg one stream of packets in order, from the party's own address.
type mouth struct {
	t    testing.TB
	conn *net.UDPConn
	to   netip.AddrPort
	pkt  []byte
	seq  uint16
}

func newMouth(t testing.TB) *mouth {
	x := newIntruder(t, netip.AddrPort{})
	return &mouth{t: t, conn: x.conn, pkt: x.pkt, seq: 65500}
}

func (m *mouth) addr() netip.AddrPort { return m.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (m *mouth) speak(n int) {
	for range n {
		binary.BigEndian.PutUint16(m.pkt[2:], m.seq)
		binary.BigEndian.PutUint32(m.pkt[4:], uint32(m.seq)*160)
		m.seq++
		if _, err := m.conn.WriteToUDPAddrPort(m.pkt, m.to); err != nil {
			m.t.Error(err)
		}
	}
}

// leg makes a leg that hears m. It is not started.
func (m *mouth) leg(change func(*Config)) *Leg {
	cfg := Config{Socket: socket(m.t, pool(m.t)), Session: Session{Codec: media.PCMU, Remote: m.addr()}}
	if change != nil {
		change(&cfg)
	}
	l, err := New(cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = l.Close() })
	m.to = l.Local()
	return l
}

// Reading changes hands all the time while packets come as fast as they can be written: each must be taken
// once and in order.
func TestPollingLosesNothingWhenReadingChangesHands(t *testing.T) {
	m := newMouth(t)
	order := &ordered{next: m.seq}
	l := m.leg(func(c *Config) { c.Cipher = order })
	l.Start()
	const n = 6000
	stop := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		var f pcm.Frame
		f.Reset(pcm.Rate8k)
		on := false
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if i%7 == 0 {
				on = !on
				l.SetPolled(on)
			}
			l.Poll(time.Now())
			l.ReadFrame(&f)
			if i%50 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	for i := range n / 10 {
		m.speak(10)
		for uint64(10*i) > l.Stats().PacketsIn+60 {
			runtime.Gosched()
		}
	}
	s := eventually(l, func(s media.Stats) bool { return s.PacketsIn == n })
	close(stop)
	<-gone
	_ = l.Close()
	if s.PacketsIn != n || s.Lost != 0 || s.Duplicate != 0 || s.RecvDropped != 0 {
		t.Errorf("of %d: %+v", n, s)
	}
	if order.wrong != 0 {
		t.Errorf("%d packets out of order", order.wrong)
	}
}

// ordered is a cipher that only looks whether each packet follows the one before.
type ordered struct {
	next  uint16
	wrong int
}

func (o *ordered) OpenRTP(dst, pkt []byte) ([]byte, error) {
	if seq := binary.BigEndian.Uint16(pkt[2:]); seq == o.next {
		o.next++
	} else {
		o.wrong, o.next = o.wrong+1, seq+1
	}
	return append(dst, pkt...), nil
}

func (o *ordered) SealRTP(dst, pkt []byte) ([]byte, error)  { return append(dst, pkt...), nil }
func (o *ordered) OpenRTCP(dst, pkt []byte) ([]byte, error) { return append(dst, pkt...), nil }
func (o *ordered) SealRTCP(dst, pkt []byte) ([]byte, error) { return append(dst, pkt...), nil }

func TestPolledOrWoken(t *testing.T) {
	m := newMouth(t)
	l := m.leg(nil)
	l.SetPolled(true)
	l.Poll(time.Now()) // nothing before Start
	l.Start()
	m.speak(3)
	time.Sleep(30 * time.Millisecond)
	if !loopsExist {
		t.Log("no loops here")
		return
	}
	if n := l.Stats().PacketsIn; n != 0 {
		t.Errorf("%d packets were read without a Poll", n)
	}
	l.Poll(time.Now())
	if n := l.Stats().PacketsIn; n != 3 {
		t.Errorf("%d packets after a Poll", n)
	}
	m.speak(2)
	l.SetPolled(false) // what waits is read now
	if s := eventually(l, func(s media.Stats) bool { return s.PacketsIn == 5 }); s.PacketsIn != 5 {
		t.Errorf("%d packets after polling has ended", s.PacketsIn)
	}
	l.Poll(time.Now())
	m.speak(1)
	if s := eventually(l, func(s media.Stats) bool { return s.PacketsIn == 6 }); s.PacketsIn != 6 {
		t.Errorf("%d packets, woken", s.PacketsIn)
	}
}

// Packets that are read in one go have come at different times, and that is what counts for jitter.
func TestPolledPacketsKeepTheirTimes(t *testing.T) {
	if !loopsExist {
		t.Log("not polled here")
		return
	}
	m := newMouth(t)
	l := m.leg(nil)
	l.SetPolled(true)
	l.Start()
	begin := time.Now()
	for i := range 30 {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * pcm.Period)))
		m.speak(1)
		if i%3 == 2 {
			l.Poll(time.Now().Add(-5 * time.Millisecond)) // a tick has the time it should have begun
		}
	}
	s := l.Stats()
	if s.PacketsIn != 30 || s.Jitter > 5*time.Millisecond {
		t.Errorf("%d packets, jitter %v", s.PacketsIn, s.Jitter)
	}
	if late := time.Since(s.LastPacket); late < 0 || late > time.Second {
		t.Errorf("the last packet came %v ago", late)
	}
}

func TestOneGoroutineForAllLegs(t *testing.T) {
	before := runtime.NumGoroutine()
	m := newMouth(t)
	var legs []*Leg
	for range 100 {
		l := m.leg(nil)
		l.Start()
		legs = append(legs, l)
	}
	if n := runtime.NumGoroutine() - before; loopsExist && n > 2 {
		t.Errorf("%d goroutines for %d legs", n, len(legs))
	}
	for _, l := range legs {
		_ = l.Close()
	}
	// Close has waited for the last word of the loop, not for the runtime to take its goroutine off the books.
	n := runtime.NumGoroutine() - before
	for end := time.Now().Add(time.Second); n > 0 && time.Now().Before(end); n = runtime.NumGoroutine() - before {
		time.Sleep(time.Millisecond)
	}
	if n > 0 {
		t.Errorf("%d goroutines for no legs", n)
	}
}

func TestFlood(t *testing.T) {
	m := newMouth(t)
	l := m.leg(nil)
	l.SetPolled(true)
	l.Start()
	x := newIntruder(t, l.Local())
	x.send(100)
	l.Poll(time.Now())
	if n := l.Stats().Foreign; loopsExist && n != pollLimit {
		t.Errorf("one Poll took %d datagrams, the limit is %d", n, pollLimit)
	}
	if !loopsExist {
		t.Log("not screened here")
		return
	}
	// 5,000 a second beside the party's 50: the tick's share is bounded, and from the first beat on the party
	// is heard as if nobody else were there.
	var heard []uint64
	var worst time.Duration
	begin := time.Now()
	for i := range 150 {
		for k := range 10 {
			x.send(10)
			if k == 5 {
				m.speak(1)
			}
			time.Sleep(time.Until(begin.Add(time.Duration(i)*pcm.Period + time.Duration(k)*2*time.Millisecond)))
		}
		before := l.Stats()
		at := time.Now()
		l.Poll(at)
		worst = max(worst, time.Since(at))
		after := l.Stats()
		if n := after.Foreign + after.PacketsIn - before.Foreign - before.PacketsIn; n > pollLimit {
			t.Errorf("a Poll took %d datagrams", n)
		}
		heard = append(heard, after.PacketsIn)
	}
	if n := heard[149] - heard[99]; n < 48 {
		t.Errorf("%d of the party's last 50 packets were heard", n)
	}
	l.beat(nil)
	s := l.Stats()
	if s.RecvDropped < 5000 {
		t.Errorf("%d datagrams are counted as dropped", s.RecvDropped)
	}
	t.Logf("the longest Poll took %v; first second %d packets, then %d and %d; %d dropped, %d foreign",
		worst, heard[49], heard[99]-heard[49], heard[149]-heard[99], s.RecvDropped, s.Foreign)

	// The party moves: the screen may not outlive its address.
	other := newMouth(t)
	other.to = l.Local()
	if err := l.Update(Session{Codec: media.PCMU, Remote: other.addr()}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	for range 30 { // what the queue still holds
		l.Poll(time.Now())
	}
	was := l.Stats().PacketsIn
	other.speak(3)
	l.Poll(time.Now())
	if n := l.Stats().PacketsIn - was; n != 3 {
		t.Errorf("%d of 3 packets from the new address", n)
	}
}

func TestPollAllocatesNothing(t *testing.T) {
	m := newMouth(t)
	l := m.leg(nil)
	l.SetPolled(true)
	l.Start()
	var f pcm.Frame
	f.Reset(pcm.Rate8k)
	now := time.Now()
	if n := testing.AllocsPerRun(500, func() {
		m.speak(1)
		l.Poll(now)
		l.ReadFrame(&f)
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	if n := l.Stats().PacketsIn; loopsExist && n < 500 {
		t.Errorf("%d packets", n)
	}
}
