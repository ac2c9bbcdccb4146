package rtpleg

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
)

var (
	party    = netip.MustParseAddrPort("192.0.2.10:4000")
	mapped   = netip.MustParseAddrPort("192.0.2.1:61000") // the party as its NAT shows it
	attacker = netip.MustParseAddrPort("198.51.100.66:4000")
	trunk    = netip.MustParsePrefix("192.0.2.0/24")
)

func rtpPacket(ssrc uint32, seq uint16) []byte {
	b := make([]byte, 172)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

// The attacker knows the payload type, has guessed the SSRC and is near the sequence number, at every
// rate and from every moment on: none of its packets may be taken, and it may never become the target.
func TestSourceAgainstAnAttacker(t *testing.T) {
	for _, tc := range []struct {
		name string
		nat  bool
		from netip.Prefix
		real netip.AddrPort
		wait time.Duration // the attacker comes this long after the party, -1: before it
	}{
		{"no NAT, attacker first", false, netip.Prefix{}, party, -1},
		{"NAT, attacker first, signalling known", true, trunk, mapped, -1},
		{"NAT, attacker after a second", true, netip.Prefix{}, mapped, time.Second},
		{"NAT, attacker after a minute", true, netip.Prefix{}, mapped, time.Minute},
		{"marked NAT without one", true, netip.Prefix{}, party, 0},
	} {
		for run := range uint64(100) {
			r := rand.New(rand.NewPCG(run, 1))
			pps := []int{50, 200, 2000}[run%3]
			var s source
			s.reset(party, tc.nat, tc.from)
			now := time.Unix(0, 0)
			begin := max(tc.wait, 0)
			if tc.wait >= 0 { // the party's first packets
				for q := range uint16(8) {
					s.accept(tc.real, rtpPacket(7, 100+q), now)
					now = now.Add(20 * time.Millisecond)
				}
				if s.locked != tc.real {
					t.Fatalf("%s: not settled: %v", tc.name, s.locked)
				}
			}
			now = now.Add(begin)
			taken := 0
			seq := uint16(100 + r.IntN(50))
			for range 500 {
				if ok, settled := s.accept(attacker, rtpPacket(7, seq), now); ok || settled {
					taken++
				}
				seq++
				now = now.Add(time.Second / time.Duration(pps))
				if r.IntN(pps) < 50 {
					s.accept(tc.real, rtpPacket(7, seq+3), now)
				}
			}
			for q := range uint16(8) { // the party speaks on
				s.accept(tc.real, rtpPacket(7, 5000+q), now)
			}
			if taken > 0 || s.locked == attacker {
				t.Errorf("%s at %d/s: %d packets taken, locked to %v", tc.name, pps, taken, s.locked)
			}
			if s.locked != tc.real {
				t.Errorf("%s at %d/s: locked to %v, want %v", tc.name, pps, s.locked, tc.real)
			}
		}
	}
}

func TestSourceSettlesByTime(t *testing.T) {
	var s source
	s.reset(party, true, netip.Prefix{})
	now := time.Unix(0, 0)
	for i := range uint16(4) { // a slow party: never five in a row
		s.accept(mapped, rtpPacket(1, i), now)
		now = now.Add(900 * time.Millisecond)
	}
	if ok, settled := s.accept(mapped, rtpPacket(1, 99), now); !ok && !settled && !s.locked.IsValid() {
		t.Error("not settled after three seconds")
	}
	if s.locked != mapped {
		t.Errorf("locked to %v", s.locked)
	}
}

func TestHoldKeepsTheLearnedAddress(t *testing.T) {
	var s source
	s.reset(party, true, trunk)
	same := Session{Remote: party, Symmetric: true, From: trunk, Codec: media.PCMU}
	if s.keeps(&same) {
		t.Error("nothing is learned yet")
	}
	for i := range uint16(5) {
		s.accept(mapped, rtpPacket(1, i), time.Unix(0, 0))
	}
	if !s.keeps(&same) {
		t.Error("a re-INVITE with the same address forgets the party")
	}
	moved := same
	moved.Remote = netip.MustParseAddrPort("192.0.2.10:5000")
	if s.keeps(&moved) {
		t.Error("the party has moved and is not learned anew")
	}
}
