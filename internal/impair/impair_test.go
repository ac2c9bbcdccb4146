package impair

import (
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFates(t *testing.T) {
	const n = 50000
	share := func(f []Fate, is func(Fate) bool) float64 {
		c := 0
		for _, x := range f {
			if is(x) {
				c++
			}
		}
		return float64(c) / float64(len(f))
	}
	lost := func(f Fate) bool { return f.Lost }
	imp := Impairment{Seed: 3, Loss: 0.05, Delay: 10 * time.Millisecond, Jitter: 60 * time.Millisecond, Duplicate: 0.02}
	f := imp.Fates(n, 20*time.Millisecond)
	if !reflect.DeepEqual(f, imp.Fates(n, 20*time.Millisecond)) {
		t.Error("the same seed gives other fates")
	}
	if s := share(f, lost); math.Abs(s-0.05) > 0.005 {
		t.Errorf("loss %.3f", s)
	}
	if s := share(f, func(f Fate) bool { return f.Duplicate }); math.Abs(s-0.02) > 0.003 {
		t.Errorf("duplicates %.3f", s)
	}
	for _, x := range f {
		if x.Delay < 10*time.Millisecond || x.Delay > 70*time.Millisecond {
			t.Fatalf("delay %v", x.Delay)
		}
	}
	burst := Impairment{Seed: 3, Loss: 0.05, Burst: 3}.Fates(n, 20*time.Millisecond)
	runs, was := 0, false
	for _, x := range burst {
		if x.Lost && !was {
			runs++
		}
		was = x.Lost
	}
	if s := share(burst, lost); math.Abs(s-0.05) > 0.01 || math.Abs(s*n/float64(runs)-3) > 0.4 {
		t.Errorf("bursts: loss %.3f, mean run %.2f", s, s*n/float64(runs))
	}
	ordered := Impairment{Seed: 1, Jitter: 100 * time.Millisecond, KeepOrder: true}.Fates(1000, 20*time.Millisecond)
	for i := 1; i < len(ordered); i++ {
		if ordered[i].Delay+20*time.Millisecond < ordered[i-1].Delay {
			t.Fatal("a packet overtakes another")
		}
	}
	if d := (Impairment{SkewPPM: 200}).Fates(180001, 20*time.Millisecond)[180000].Delay; d != 720*time.Millisecond {
		t.Errorf("an hour at 200 ppm is %v", d)
	}
}

func party(t *testing.T) (*net.UDPConn, netip.AddrPort) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func rtp(n int) []byte {
	p := make([]byte, 20)
	p[0] = 0x80
	binary.BigEndian.PutUint16(p[2:], uint16(n))
	binary.BigEndian.PutUint32(p[4:], uint32(160*n))
	binary.BigEndian.PutUint32(p[8:], 7)
	return p
}

func TestRelay(t *testing.T) {
	a, aa := party(t)
	b, _ := party(t)
	r, err := NewRelay(aa, netip.AddrPort{}, Impairment{Loss: 0.2, Seed: 5, Duplicate: 0.1, Rewrite: RewriteRTP(50, 99, 1000, -320)}, Impairment{Delay: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, 100)
	began := time.Now()
	if _, err := b.WriteToUDPAddrPort(rtp(1), r.B()); err != nil { // b makes itself known
		t.Fatal(err)
	}
	if _, from, err := a.ReadFromUDPAddrPort(buf); err != nil || from != r.A() {
		t.Fatal(from, err)
	}
	if d := time.Since(began); d < 30*time.Millisecond {
		t.Errorf("came after %v", d)
	}
	for n := range 100 {
		if _, err := a.WriteToUDPAddrPort(rtp(n), r.A()); err != nil {
			t.Fatal(err)
		}
		if n%20 == 19 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	got, changed := 0, 0
	for {
		_ = b.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, _, err := b.ReadFromUDPAddrPort(buf); err != nil {
			break
		}
		got++
		seq, ts, ssrc := binary.BigEndian.Uint16(buf[2:]), binary.BigEndian.Uint32(buf[4:]), binary.BigEndian.Uint32(buf[8:])
		if ssrc == 99 {
			changed++
			if ts != uint32(160*(int(seq)-1000)-320) {
				t.Errorf("seq %d ts %d", seq, ts)
			}
		}
	}
	ab, _ := r.Counts()
	if want := int(ab.Sent); got != want || ab.Lost == 0 || ab.Duplicated == 0 || ab.Sent != 100-ab.Lost+ab.Duplicated {
		t.Errorf("received %d, counts %+v", got, ab)
	}
	if changed == 0 || changed > 60 {
		t.Errorf("%d rewritten", changed)
	}
}

func TestConn(t *testing.T) {
	a, _ := party(t)
	b, ba := party(t)
	c := NewConn(a, Impairment{Reorder: 1, ReorderBy: 20 * time.Millisecond})
	defer c.Close()
	if _, err := c.WriteTo(rtp(1), net.UDPAddrFromAddrPort(ba)); err != nil {
		t.Fatal(err)
	}
	c.Set(Impairment{})
	if _, err := c.WriteTo(rtp(2), net.UDPAddrFromAddrPort(ba)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	for _, want := range []uint16{2, 1} {
		_ = b.SetReadDeadline(time.Now().Add(2 * time.Second))
		if _, _, err := b.ReadFromUDPAddrPort(buf); err != nil || binary.BigEndian.Uint16(buf[2:]) != want {
			t.Errorf("got %d %v, want %d", binary.BigEndian.Uint16(buf[2:]), err, want)
		}
	}
}
