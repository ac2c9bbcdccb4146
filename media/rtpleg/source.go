package rtpleg

import (
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	learnPackets = 5
	learnTime    = 3 * time.Second
	learnSources = 8 // addresses looked at while learning; more are ignored
)

// source decides which address a party's media comes from (RFC 7362). It is the address in the SDP and
// nothing else, unless the leg is behind a NAT: then the first address that sends five packets of one
// consistent stream, or the busiest after three seconds, is taken and kept until the next re-INVITE.
// The SDP's own address wins at once. While learning, nothing is played from and nothing is sent to an
// address that is not settled.
//
// The times are handed in; a source belongs to the leg's reader.
type source struct {
	signalled netip.AddrPort
	nat       bool
	from      netip.Prefix // where a learned address may lie; invalid: anywhere

	locked  netip.AddrPort // invalid while not settled
	began   time.Time      // first packet while learning
	tried   [learnSources]candidate
	nTried  int
	learned bool
}

type candidate struct {
	addr netip.AddrPort
	ssrc uint32
	seq  uint16
	n    int
}

func (s *source) reset(signalled netip.AddrPort, nat bool, from netip.Prefix) {
	*s = source{signalled: signalled, nat: nat, from: from}
	if !nat {
		s.locked = signalled
	}
}

// keeps reports whether the new session speaks of the same party behind the same NAT, whose address is
// known.
func (s *source) keeps(n *Session) bool {
	return s.nat && n.Symmetric && s.locked.IsValid() && s.signalled == n.Remote && s.from == n.From
}

// accept reports whether a packet from addr is the party's, and whether this packet settled the address.
// pkt is at least an RTP header long.
func (s *source) accept(addr netip.AddrPort, pkt []byte, now time.Time) (ok, settled bool) {
	if s.locked.IsValid() {
		return addr == s.locked, false
	}
	if addr == s.signalled {
		return s.settle(addr)
	}
	if s.from.IsValid() && !s.from.Contains(addr.Addr()) {
		return false, false
	}
	if s.began.IsZero() {
		s.began = now
	}
	c := s.candidate(addr)
	if c == nil {
		return false, false
	}
	seq, ssrc := binary.BigEndian.Uint16(pkt[2:]), binary.BigEndian.Uint32(pkt[8:])
	if d := seq - c.seq; c.n > 0 && c.ssrc == ssrc && d > 0 && d < 50 {
		c.n++
	} else {
		c.n = 1
	}
	c.ssrc, c.seq = ssrc, seq
	if c.n >= learnPackets {
		return s.settle(addr)
	}
	if now.Sub(s.began) >= learnTime {
		best := &s.tried[0]
		for i := range s.tried[:s.nTried] {
			if s.tried[i].n > best.n {
				best = &s.tried[i]
			}
		}
		_, settled = s.settle(best.addr)
		return best.addr == addr, settled
	}
	return false, false
}

func (s *source) settle(addr netip.AddrPort) (ok, settled bool) {
	s.locked, s.learned = addr, addr != s.signalled
	return true, true
}

func (s *source) candidate(addr netip.AddrPort) *candidate {
	for i := range s.tried[:s.nTried] {
		if s.tried[i].addr == addr {
			return &s.tried[i]
		}
	}
	if s.nTried == len(s.tried) {
		return nil
	}
	s.tried[s.nTried] = candidate{addr: addr}
	s.nTried++
	return &s.tried[s.nTried-1]
}
