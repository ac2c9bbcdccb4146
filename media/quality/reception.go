// Package quality turns what RTP and RTCP say about a stream into numbers a person can judge: loss,
// jitter, round trip and, from these and the codec, an estimated mean opinion score.
//
// Everything here is arithmetic on values handed in; nothing reads a clock or a socket. Reception does
// the receiver's book-keeping of RFC 3550, Report and RoundTrip its reports, and Estimate the E-model of
// ITU-T G.107 in the simplified form that needs only what RTCP tells.
package quality

import "time"

// Reception keeps the counts a receiver reports about one source (RFC 3550 appendix A.1, A.3 and A.8).
// The zero Reception is ready. Not safe for concurrent use.
type Reception struct {
	ssrc     uint32
	started  bool
	base     uint32 // first extended sequence number
	max      uint32 // highest extended sequence number
	bad      uint32 // what would follow a sequence jump, out of range when none
	received uint32

	expectedPrior, receivedPrior uint32
	transit                      uint32
	jitter                       uint32 // scaled by 16, RTP clock units
	hasTransit                   bool

	lostBefore     uint64 // lost under earlier sources
	receivedBefore uint64
	bursts         bursts
}

// Report is one reception report block (RFC 3550 section 6.4.1).
type Report struct {
	SSRC      uint32
	Fraction  uint8  // lost since the last report, in 1/256
	Lost      int32  // cumulative, 24 bits signed
	Highest   uint32 // extended highest sequence number
	Jitter    uint32 // RTP clock units
	LastSR    uint32 // middle 32 bits of the NTP time of the last sender report, 0 for none
	DelayLast uint32 // since that report, in 1/65536 s
}

// Update counts a packet. arrival is its arrival time in units of the stream's RTP clock, of any origin.
func (r *Reception) Update(ssrc uint32, seq uint16, ts, arrival uint32) {
	if !r.started || ssrc != r.ssrc {
		r.restart(ssrc, seq)
	} else {
		const dropout, misorder = 3000, 100
		switch d := seq - uint16(r.max); {
		case d < dropout:
			r.max += uint32(d)
			if d > 1 {
				r.bursts.lose(uint32(d - 1))
			}
		case d <= 65535-misorder:
			if uint32(seq) != r.bad {
				r.bad = uint32(seq + 1)
				return
			}
			r.restart(ssrc, seq) // two in a row: the source has started anew
		}
		r.bad = 1 << 16
	}
	r.received++
	r.bursts.receive()
	transit := arrival - ts
	if r.hasTransit {
		d := int32(transit - r.transit)
		if d < 0 {
			d = -d
		}
		if d < 1<<20 { // a jump of the timestamp is no jitter
			r.jitter += uint32(d) - ((r.jitter + 8) >> 4)
		}
	}
	r.transit, r.hasTransit = transit, true
}

// Skip counts a packet that says nothing about jitter, such as a telephone event.
func (r *Reception) Skip(ssrc uint32, seq uint16) {
	had := r.hasTransit
	transit, jitter := r.transit, r.jitter
	r.Update(ssrc, seq, 0, 0)
	r.transit, r.jitter, r.hasTransit = transit, jitter, had
}

func (r *Reception) restart(ssrc uint32, seq uint16) {
	*r = Reception{
		ssrc: ssrc, started: true, base: uint32(seq), max: uint32(seq), bad: 1 << 16,
		lostBefore: r.Lost(), receivedBefore: r.Received(), bursts: r.bursts,
	}
}

// Received is the number of packets that came, over all sources.
func (r *Reception) Received() uint64 { return r.receivedBefore + uint64(r.received) }

// Lost is the number of packets that never came, over all sources.
func (r *Reception) Lost() uint64 {
	return r.lostBefore + uint64(max(r.lost(), 0))
}

func (r *Reception) lost() int64 {
	if !r.started {
		return 0
	}
	return int64(r.max-r.base) + 1 - int64(r.received)
}

// Jitter is the interarrival jitter in RTP clock units.
func (r *Reception) Jitter() uint32 { return r.jitter >> 4 }

// Report makes the report block and begins the next interval. It reports false when nothing has come.
func (r *Reception) Report() (Report, bool) {
	if !r.started {
		return Report{}, false
	}
	expected := r.max - r.base + 1
	de, dr := int64(expected-r.expectedPrior), int64(r.received-r.receivedPrior)
	r.expectedPrior, r.receivedPrior = expected, r.received
	var fraction uint8
	if lost := de - dr; de > 0 && lost > 0 {
		fraction = uint8(min(lost*256/de, 255))
	}
	return Report{
		SSRC: r.ssrc, Fraction: fraction, Highest: r.max, Jitter: r.Jitter(),
		Lost: int32(min(max(r.lost(), -1<<23), 1<<23-1)),
	}, true
}

// NTP is a time as RTCP sends it: seconds since 1900 and their fraction.
func NTP(t time.Time) uint64 {
	s := uint64(t.Unix()) + 2208988800
	return s<<32 | uint64(t.Nanosecond())<<32/1e9
}

// Middle is the middle 32 bits of an NTP time, as reports refer to it.
func Middle(ntp uint64) uint32 { return uint32(ntp >> 16) }

// RoundTrip is the time to the party and back from a report block that came at now (RFC 3550 section
// 6.4.1), 0 when the block refers to no report of ours or makes no sense.
func RoundTrip(now time.Time, lastSR, delay uint32) time.Duration {
	if lastSR == 0 {
		return 0
	}
	d := int32(Middle(NTP(now)) - lastSR - delay)
	if d < 0 {
		return 0
	}
	return time.Duration(d) * time.Second / 65536
}
