// Package impair is a bad network inside a test: it loses, delays, reorders, doubles and rewrites UDP
// packets, always in the same way for the same seed.
//
// A Relay stands between two parties as a pair of real UDP sockets; a Conn does the same to what one
// net.PacketConn sends. What happens to packet n is decided by Impairment.Fate, a pure function of the
// seed and n, so a test can also ask it without any network.
//
//	party A <--> [socket a | Relay | socket b] <--> party B
package impair

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// Impairment is how a direction of the network treats its packets. The zero Impairment passes everything
// on at once.
type Impairment struct {
	Seed      uint64
	Loss      float64       // share of packets lost, 0 to 1
	Burst     float64       // mean length of a run of losses; up to 1 means each loss stands alone
	Delay     time.Duration // every packet
	Jitter    time.Duration // uniform, on top, 0 to Jitter; packets may overtake each other
	KeepOrder bool          // jitter makes no packet overtake another
	Reorder   float64       // share of packets held back by ReorderBy
	ReorderBy time.Duration // 30 ms when zero
	Duplicate float64       // share of packets sent twice
	SkewPPM   float64       // the sender's clock, as seen behind the network: +200 runs 200 ppm slow
	// Rewrite changes a packet in place before it is sent on; n counts the direction's packets from 0.
	Rewrite func(n int, pkt []byte)
}

// Fate is what becomes of one packet.
type Fate struct {
	Lost      bool
	Duplicate bool
	Delay     time.Duration
}

// stream decides the fates of a direction one after the other.
type stream struct {
	imp  Impairment
	r    *rand.Rand
	n    int
	bad  bool          // inside a burst of losses
	last time.Duration // latest delivery so far, since the first packet
}

func newStream(imp Impairment) *stream {
	if imp.ReorderBy == 0 {
		imp.ReorderBy = 30 * time.Millisecond
	}
	return &stream{imp: imp, r: rand.New(rand.NewPCG(imp.Seed, 0x1d))}
}

// Fates is the fates of the first n packets, when they are sent every gap.
func (imp Impairment) Fates(n int, gap time.Duration) []Fate {
	s := newStream(imp)
	out := make([]Fate, n)
	for i := range out {
		out[i] = s.next(time.Duration(i) * gap)
	}
	return out
}

// next decides about the next packet, sent at at, counted from the first. It draws the same numbers
// whatever the settings are, so that one setting does not disturb another.
func (s *stream) next(at time.Duration) Fate {
	loss, burst, jitter, order, twice := s.r.Float64(), s.r.Float64(), s.r.Float64(), s.r.Float64(), s.r.Float64()
	s.n++
	imp := &s.imp
	f := Fate{Delay: imp.Delay + time.Duration(jitter*float64(imp.Jitter)), Duplicate: twice < imp.Duplicate}
	switch {
	case imp.Burst > 1 && imp.Loss > 0 && imp.Loss < 1: // Gilbert's model with mean run Burst
		if s.bad {
			s.bad = burst >= 1/imp.Burst
		} else {
			s.bad = burst < imp.Loss/(imp.Burst*(1-imp.Loss))
		}
		f.Lost = s.bad
	default:
		f.Lost = loss < imp.Loss
	}
	if order < imp.Reorder {
		f.Delay += imp.ReorderBy
	}
	f.Delay += time.Duration(float64(at) * imp.SkewPPM / 1e6)
	if imp.KeepOrder {
		f.Delay = max(f.Delay, s.last-at)
	}
	s.last = max(s.last, at+f.Delay)
	return f
}

// RewriteRTP changes the fields of RTP packets from packet number from on: the SSRC is replaced when ssrc
// is not 0, sequence number and timestamp are moved.
func RewriteRTP(from int, ssrc uint32, seq int16, ts int32) func(int, []byte) {
	return func(n int, pkt []byte) {
		if n < from || len(pkt) < 12 || pkt[0]>>6 != 2 || pkt[1] >= 192 && pkt[1] <= 223 {
			return
		}
		binary.BigEndian.PutUint16(pkt[2:], binary.BigEndian.Uint16(pkt[2:])+uint16(seq))
		binary.BigEndian.PutUint32(pkt[4:], binary.BigEndian.Uint32(pkt[4:])+uint32(ts))
		if ssrc != 0 {
			binary.BigEndian.PutUint32(pkt[8:], ssrc)
		}
	}
}
