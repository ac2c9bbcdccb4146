//go:build linux && !portable

package rtpleg

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestScreenLetsInOneAddress(t *testing.T) {
	for _, tc := range []struct{ ip, stranger string }{
		{"127.0.0.1", "127.0.0.1"}, // another port
		{"127.0.0.1", "127.0.0.2"},
		{"::1", "::1"},
	} {
		t.Run(tc.ip+" against "+tc.stranger, func(t *testing.T) {
			p, err := openPort(netip.MustParseAddr(tc.ip), 0)
			if err != nil {
				t.Logf("no %s here: %v", tc.ip, err)
				return
			}
			defer p.close()
			n, err := p.number()
			if err != nil {
				t.Fatal(err)
			}
			to := netip.AddrPortFrom(netip.MustParseAddr(tc.ip), uint16(n))
			speak := func(ip string) *net.UDPConn {
				c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 0)))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				return c
			}
			party, stranger := speak(tc.ip), speak(tc.stranger)
			taken := func() (n int) {
				for _, c := range []*net.UDPConn{party, stranger} {
					if _, err := c.WriteToUDPAddrPort([]byte("datagram"), to); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(10 * time.Millisecond)
				v := vectors.Get().(*vector)
				defer vectors.Put(v)
				n, _ = p.receive(v)
				for i := range n {
					if pkt, from, _ := v.take(i, time.Now()); string(pkt) != "datagram" || from.Addr() != to.Addr() && from.Addr().String() != tc.stranger {
						t.Errorf("%q from %v", pkt, from)
					}
				}
				return n
			}
			if n := taken(); n != 2 {
				t.Errorf("%d datagrams before", n)
			}
			if err := p.screen(party.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
				t.Fatal(err)
			}
			if n := taken(); n != 1 {
				t.Errorf("%d datagrams through the screen", n)
			}
			if d := p.dropped(); d != 1 {
				t.Errorf("%d dropped", d)
			}
			p.unscreen()
			if n := taken(); n != 2 {
				t.Errorf("%d datagrams after", n)
			}
		})
	}
}

func TestPortOutlivesItsCalls(t *testing.T) {
	p, err := openPort(loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !p.enter() {
		t.Fatal("closed at birth")
	}
	p.close()
	p.close()
	if p.enter() {
		t.Error("a call may begin after close")
	}
	if _, err := p.number(); err != nil {
		t.Errorf("the descriptor is gone while a call uses it: %v", err)
	}
	p.leave()
	if n := p.users.Load(); n != gonePort {
		t.Errorf("users is %d after the last call", n)
	}
	if p.enter() || p.send([]byte{1}, &sockaddr{}) || p.dropped() != 0 {
		t.Error("a call works after the end")
	}
	if n := p.users.Load(); n != gonePort {
		t.Errorf("users is %d after calls that came too late", n)
	}
}
