package rtpleg

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

func TestMain(m *testing.M) {
	if targets := os.Getenv(benchEnv); targets != "" {
		speak(targets) // until it is killed
	}
	goleak.VerifyTestMain(m)
}

var loopback = netip.MustParseAddr("127.0.0.1")

func pool(t testing.TB) *PortPool {
	p, err := NewPortPool(loopback, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func socket(t testing.TB, p *PortPool) *Socket {
	s, err := p.Get()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pair makes two legs that face each other.
func pair(t testing.TB, change func(a, b *Config)) (a, b *Leg) {
	p := pool(t)
	sa, sb := socket(t, p), socket(t, p)
	s := Session{Codec: media.PCMU, PT: 0, EventPT: 101}
	ca, cb := Config{Socket: sa, Session: s, CNAME: "a@x"}, Config{Socket: sb, Session: s, CNAME: "b@x"}
	ca.Remote, cb.Remote = sb.Addr(), sa.Addr()
	if change != nil {
		change(&ca, &cb)
	}
	var err error
	if a, err = New(ca); err != nil {
		t.Fatal(err)
	}
	if b, err = New(cb); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
		if n := p.InUse(); n != 0 {
			t.Errorf("%d ports still in use", n)
		}
	})
	return a, b
}

// talk lets a send a tone to b in real time for n ticks and returns how many frames b heard.
func talk(t testing.TB, a, b *Leg, n int, each func(i int)) (heard int) {
	enc, err := codec.NewEncoder(a.Format(), pcm.Rate8k)
	if err != nil {
		t.Fatal(err)
	}
	var in, out pcm.Frame
	in.Reset(pcm.Rate8k)
	out.Reset(pcm.Rate8k)
	var buf [codec.MaxPayload]byte
	tick := time.NewTicker(pcm.Period)
	defer tick.Stop()
	for i := range n {
		for k := range in.Samples() {
			in.Samples()[k] = int16(8000 * math.Sin(2*math.Pi*400*float64(i*160+k)/8000))
		}
		m, err := enc.Encode(buf[:], &in)
		if err != nil {
			t.Fatal(err)
		}
		a.WriteFrame(media.OutFrame{Payload: buf[:m], Tick: uint64(time.Now().UnixMilli() / 20), Level: 15, Voice: true})
		if each != nil {
			each(i)
		}
		<-tick.C
		if b.ReadFrame(&out) == media.Audio && pcm.Level(out.Samples()) < 20 {
			heard++
		}
	}
	return heard
}

// eventually waits up to two seconds for a leg's reader to have taken what the test has sent.
func eventually(l *Leg, done func(media.Stats) bool) media.Stats {
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if s := l.Stats(); done(s) || time.Now().After(end) {
			return s
		}
	}
}

func TestTwoLegs(t *testing.T) {
	a, b := pair(t, nil)
	a.Start()
	b.Start()
	if heard := talk(t, a, b, 50, func(i int) {
		if i == 10 {
			if err := a.SendDigits("7", 80*time.Millisecond); err != nil {
				t.Error(err)
			}
		}
	}); heard < 30 {
		t.Errorf("%d frames heard", heard)
	}
	if e := <-b.Events(); e.Kind != media.EventConnected {
		t.Errorf("%+v", e)
	}
	if e := <-b.Events(); e.Kind != media.EventDigit || e.Digit != '7' {
		t.Errorf("%+v", e)
	}
	s := b.Stats()
	if s.PacketsIn < 45 || s.Lost != 0 || s.Malformed != 0 || s.Foreign != 0 || s.LastPacket.IsZero() {
		t.Errorf("%+v", s)
	}
	if err := a.Close(); err != nil || a.Err() != nil {
		t.Error(err, a.Err())
	}
	<-a.Done()
}

// intruder sends plausible RTP from a port that is not the party's.
type intruder struct {
	t    testing.TB
	conn *net.UDPConn
	to   netip.AddrPort
	pkt  []byte
}

func newIntruder(t testing.TB, to netip.AddrPort) *intruder {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	pkt := make([]byte, 172)
	pkt[0], pkt[11] = 0x80, 9
	return &intruder{t, c, to, pkt}
}

func (i *intruder) send(n int) {
	for range n {
		i.pkt[3]++
		i.pkt[6]++
		if _, err := i.conn.WriteToUDPAddrPort(i.pkt, i.to); err != nil {
			i.t.Error(err)
		}
	}
}

func (i *intruder) received() (n int) {
	buf := make([]byte, 2048)
	_ = i.conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	for {
		if _, _, err := i.conn.ReadFromUDPAddrPort(buf); err != nil {
			return n
		}
		n++
	}
}

func TestIntruderHearsAndSaysNothing(t *testing.T) {
	for _, tc := range []struct {
		name      string
		symmetric bool
		first     int // packets the intruder sends before the party's first
	}{
		{"signalled address only", false, 20},
		{"learning, party first", true, 0},
		{"learning, a stray packet first", true, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := pair(t, func(_, b *Config) { b.Symmetric = tc.symmetric })
			x := newIntruder(t, b.Local())
			a.Start()
			b.Start()
			x.send(tc.first)
			back := 0
			talk(t, a, b, 30, func(i int) {
				if i > 5 {
					x.send(2)
				}
				b.WriteFrame(media.OutFrame{Payload: make([]byte, 160), Tick: uint64(i)})
			})
			var f pcm.Frame
			f.Reset(pcm.Rate8k)
			a.ReadFrame(&f)
			back = int(a.Stats().PacketsIn)
			if got := x.received(); got != 0 {
				t.Errorf("the intruder received %d packets", got)
			}
			if back < 25 {
				t.Errorf("the party received %d packets", back)
			}
			want := uint64(tc.first + 24*2)
			s := eventually(b, func(s media.Stats) bool { return s.Foreign >= want && s.PacketsIn >= 30 })
			if s.Foreign != want || s.PacketsIn != 30 {
				t.Errorf("foreign %d, want %d; in %d", s.Foreign, want, s.PacketsIn)
			}
		})
	}
}

func TestLearnsBehindNAT(t *testing.T) {
	a, b := pair(t, func(_, b *Config) {
		b.Remote = netip.MustParseAddrPort("127.0.0.1:9") // what the party believes its address is
		b.Symmetric = true
		b.From = netip.PrefixFrom(loopback, 32)
	})
	a.Start()
	b.Start()
	if heard := talk(t, a, b, 40, func(i int) {
		b.WriteFrame(media.OutFrame{Payload: make([]byte, 160), Tick: uint64(i)})
	}); heard < 20 {
		t.Errorf("heard %d frames", heard)
	}
	if n := a.Stats().PacketsIn; n != 0 { // a was told b's address and must take nothing else; b sends from it
		if n < 25 {
			t.Errorf("the party received %d packets", n)
		}
	} else {
		t.Error("nothing was sent to the learned address")
	}
	time.Sleep(50 * time.Millisecond) // until the last of the party's own has been taken
	x := newIntruder(t, b.Local())
	before := b.Stats().PacketsIn
	x.send(20)
	if s := eventually(b, func(s media.Stats) bool { return s.Foreign >= 20 }); s.PacketsIn != before || s.Foreign < 20 {
		t.Errorf("the lock does not hold: %+v", s)
	}
}

func TestUpdateMovesTheParty(t *testing.T) {
	a, b := pair(t, nil)
	p := pool(t)
	c, err := New(Config{Socket: socket(t, p), Session: Session{Codec: media.PCMA, PT: 8, Remote: b.Local()}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a.Start()
	b.Start()
	c.Start()
	talk(t, a, b, 10, nil)
	if err := b.Update(Session{Codec: media.PCMA, PT: 8, Remote: c.Local()}); err != nil {
		t.Fatal(err)
	}
	if heard := talk(t, c, b, 40, nil); heard < 25 {
		t.Errorf("%d frames heard after the move", heard)
	}
	if f := b.Format(); f.Codec != media.PCMA {
		t.Errorf("%+v", f)
	}
	before := b.Stats().Foreign
	talk(t, a, b, 5, nil)
	if b.Stats().Foreign < before+4 {
		t.Error("the party before is still listened to")
	}
}

func TestDirections(t *testing.T) {
	a, b := pair(t, func(a, b *Config) { b.Direction = SendOnly; a.RemoteRTCP = netip.AddrPort{} })
	a.Start()
	b.Start()
	if heard := talk(t, a, b, 15, nil); heard != 0 {
		t.Errorf("a held party is heard: %d frames", heard)
	}
	s := *a.session.Load()
	s.Direction = Inactive
	if err := a.Update(s); err != nil {
		t.Fatal(err)
	}
	before := a.Stats().PacketsOut
	talk(t, a, b, 10, nil)
	if got := a.Stats().PacketsOut; got != before {
		t.Errorf("an inactive leg sent %d packets", got-before)
	}
}

func TestTimeouts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		packet bool
		held   bool
		over   bool
	}{
		{"never heard", false, false, true},
		{"fell silent", true, false, true},
		{"held", true, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := pair(t, func(_, b *Config) {
				b.RTPTimeoutInitial, b.RTPTimeout = 300*time.Millisecond, 150*time.Millisecond
			})
			a.Start()
			b.SetHeld(tc.held)
			b.Start()
			if tc.packet {
				talk(t, a, b, 3, nil)
			}
			patience := 600 * time.Millisecond
			if tc.over {
				patience = 5 * time.Second
			}
			select {
			case <-b.Done():
				if !tc.over || !errors.Is(b.Err(), ErrTimeout) {
					t.Errorf("over with %v", b.Err())
				}
			case <-time.After(patience):
				if tc.over {
					t.Error("not over")
				}
			}
			if tc.held {
				b.SetHeld(false)
				select {
				case <-b.Done():
				case <-time.After(5 * time.Second):
					t.Error("not over after the hold")
				}
			}
		})
	}
}

func TestReportsOverBothPorts(t *testing.T) {
	for _, mux := range []bool{false, true} {
		a, b := pair(t, func(a, b *Config) { a.RTCPMux, b.RTCPMux = mux, mux })
		a.Start()
		b.Start()
		send := func(l *Leg) { l.sendRTCP(l.rep.Append(nil, time.Now())) }
		talk(t, a, b, 5, nil)
		for range 20 { // the answer tells the time only if it left after a's report was read
			send(a)
			b.beat(nil)
			time.Sleep(30 * time.Millisecond)
			send(b)
			a.beat(nil)
			if a.Stats().RoundTrip != 0 {
				break
			}
		}
		if rtt := a.Stats().RoundTrip; rtt <= 0 || rtt > 500*time.Millisecond {
			t.Errorf("mux %v: round trip %v, foreign %d malformed %d", mux, rtt, a.Stats().Foreign, a.Stats().Malformed)
		}
	}
}

func TestCloseWhileTheRoomStillAsks(t *testing.T) {
	for range 20 {
		a, b := pair(t, nil)
		a.Start()
		b.Start()
		stop := make(chan struct{})
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			var f pcm.Frame
			f.Reset(pcm.Rate16k)
			pay := make([]byte, 160)
			for i := uint64(0); ; i++ {
				select {
				case <-stop:
					return
				default:
					a.WriteFrame(media.OutFrame{Payload: pay, Tick: i})
					b.ReadFrame(&f)
					_ = b.Stats()
				}
			}
		}()
		time.Sleep(2 * time.Millisecond)
		_ = b.SendDigits("12", 0)
		for _, l := range []*Leg{a, b, a} {
			if err := l.Close(); err != nil || l.Err() != nil {
				t.Error(err, l.Err())
			}
		}
		close(stop)
		<-gone
	}
}

func TestPortPool(t *testing.T) {
	free := socket(t, pool(t)) // a place where something is free
	first := int(free.Addr().Port())
	free.Release()
	p, err := NewPortPool(loopback, first-1, first+8)
	if err != nil {
		t.Fatal(err)
	}
	a := socket(t, p)
	if a.Addr().Port()%2 != 0 {
		t.Errorf("odd RTP port %v", a.Addr())
	}
	got := []*Socket{socket(t, p)}
	a.Release()
	a.Release()
	if c := socket(t, p); c.Addr() == a.Addr() {
		t.Error("a port was used again at once")
	} else {
		got = append(got, c)
	}
	for err = nil; err == nil && len(got) < 10; {
		var s *Socket
		if s, err = p.Get(); err == nil {
			got = append(got, s)
		}
	}
	var e *problem.Error
	if !errors.As(err, &e) || e.Code != "no_ports" || e.Status != 503 {
		t.Errorf("after %d pairs: %v", len(got), err)
	}
	for _, s := range got {
		s.Release()
	}
	if n := p.InUse(); n != 0 {
		t.Errorf("%d pairs still in use", n)
	}
	for _, bad := range [][2]int{{100, 200}, {20000, 20000}, {20000, 70000}, {30000, 20000}} {
		if _, err := NewPortPool(loopback, bad[0], bad[1]); err == nil {
			t.Errorf("range %v is taken", bad)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	a, b := pair(t, nil)
	pkt := newIntruder(t, b.Local()).pkt
	from, now := b.session.Load().Remote, time.Now()
	var out pcm.Frame
	out.Reset(pcm.Rate8k)
	if n := testing.AllocsPerRun(2000, func() {
		pkt[3]++
		if pkt[3] == 0 {
			pkt[2]++
		}
		pkt[7] += 160
		if pkt[7] < 160 {
			pkt[6]++
		}
		now = now.Add(pcm.Period)
		b.packet(pkt, from, now)
		b.ReadFrame(&out)
	}); n != 0 {
		t.Errorf("%v allocations a packet in", n)
	}
	tick := uint64(0)
	pay := make([]byte, 160)
	if n := testing.AllocsPerRun(2000, func() {
		tick++
		a.WriteFrame(media.OutFrame{Payload: pay, Tick: tick})
	}); n != 0 {
		t.Errorf("%v allocations a packet out", n)
	}
}

func TestSkippedAndLevelled(t *testing.T) {
	for _, heard := range []bool{true, false} {
		a, b := pair(t, func(a, b *Config) {
			a.LevelExtID, b.LevelExtID = 1, 1
			if !heard {
				b.Direction = SendOnly
			}
		})
		a.Start()
		b.Start()
		var kinds [4]int
		var f pcm.Frame
		f.Reset(pcm.Rate8k)
		for i := range uint64(20) {
			a.WriteFrame(media.OutFrame{Payload: make([]byte, 160), Tick: i, Level: 15, Voice: true})
			time.Sleep(pcm.Period)
			if i < 10 {
				b.ReadFrame(&f)
			} else {
				kinds[b.Skip()]++
			}
		}
		if heard && kinds[media.Audio] < 5 || !heard && kinds[media.Silence] != 10 {
			t.Errorf("heard %v: kinds of what was skipped %v", heard, kinds)
		}
		before := make([]pcm.Frame, 3)
		for i := range before {
			before[i].Reset(pcm.Rate8k)
		}
		if n := b.Recent(before); heard != (n > 0) {
			t.Errorf("heard %v: %d recent frames", heard, n)
		}
		if level, voice, ok := b.Level(); ok != heard || ok && (level != 15 || !voice) {
			t.Errorf("heard %v: level %d, voice %v, ok %v", heard, level, voice, ok)
		}
	}
}

func TestTwoLegsOverIPv6(t *testing.T) {
	p, err := NewPortPool(netip.IPv6Loopback(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	sa, err := p.Get()
	if err != nil {
		t.Logf("no IPv6 here: %v", err)
		return
	}
	sb := socket(t, p)
	legs := make([]*Leg, 0, 2)
	for _, s := range [][2]*Socket{{sa, sb}, {sb, sa}} {
		l, err := New(Config{Socket: s[0], Session: Session{Codec: media.PCMU, Remote: s[1].Addr()}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		l.Start()
		legs = append(legs, l)
	}
	talk(t, legs[0], legs[1], 10, nil)
	if s := eventually(legs[1], func(s media.Stats) bool { return s.PacketsIn == 10 }); s.PacketsIn != 10 || s.Foreign != 0 {
		t.Errorf("%+v", s)
	}
}
