package stream

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/quality"
)

// Extended reports (RFC 3611): the packet type and the blocks spoken here. Others are passed over.
const (
	rtcpXR = 207

	blockReference = 4 // receiver reference time
	blockDLRR      = 5 // delay since the last receiver reference
	blockVoIP      = 7
)

const (
	voipSize = 36
	unsaid   = 127  // of levels and scores
	playback = 0xb0 // enhanced concealment, adaptive jitter buffer, its rate not said (section 4.7.6)
)

// extended is what a Reporter knows of extended reports.
type extended struct {
	on      bool // send them: asked for, or the party sends them
	theirs  uint32
	theirRR uint32 // middle of the party's last receiver reference time
	at      time.Time
	remote  quality.VoIP
	heard   bool // remote is set
}

// SendXR switches extended reports on (RFC 3611): agreed in SDP or configured. They are sent unasked to a
// party that sends them.
func (r *Reporter) SendXR(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.xr.on = on
}

// appendXR appends our extended report: the reference time by which a party that is not sent a sender
// report can tell the round trip, the answer to its own, and the VoIP metrics of what it sends.
func (r *Reporter) appendXR(dst []byte, now time.Time, sender bool) []byte {
	if !r.xr.on {
		return dst
	}
	start := len(dst)
	dst = append(dst, 0x80, rtcpXR, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, r.tx.ssrc)
	if !sender {
		dst = append(dst, blockReference, 0, 0, 2)
		dst = binary.BigEndian.AppendUint64(dst, quality.NTP(r.wall(now)))
	}
	if r.xr.theirRR != 0 {
		dst = append(dst, blockDLRR, 0, 0, 3)
		dst = binary.BigEndian.AppendUint32(dst, r.xr.theirs)
		dst = binary.BigEndian.AppendUint32(dst, r.xr.theirRR)
		dst = binary.BigEndian.AppendUint32(dst, uint32(now.Sub(r.xr.at)*65536/time.Second))
	}
	if v, ok := r.rx.voip(r.tx.target.Load().codec, r.roundTrip); ok {
		dst = appendVoIP(dst, v)
	}
	if len(dst) == start+8 {
		return dst[:start]
	}
	closeRTCP(dst, start)
	return dst
}

// voip is the receiver's view of the party's stream, in codec c.
func (r *Receiver) voip(c media.Codec, roundTrip time.Duration) (quality.VoIP, bool) {
	var s media.Stats
	r.Stats(&s)
	s.RoundTrip = roundTrip
	j := r.jb.Stats()
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.reception.VoIP(s, c, pcm.Period)
	v.JBNominal, v.JBMaximum, v.JBAbsolute = j.Target, max(j.Target, j.Delay), maxDelay
	return v, ok
}

// maxDelay is how far the jitter buffer goes unless configured otherwise.
const maxDelay = 160 * time.Millisecond

// appendVoIP appends a VoIP metrics block (section 4.7).
func appendVoIP(b []byte, v quality.VoIP) []byte {
	b = append(b, blockVoIP, 0, 0, voipSize/4-1)
	b = binary.BigEndian.AppendUint32(b, v.SSRC)
	b = append(b, fraction(v.Loss), fraction(v.Discard), fraction(v.BurstDensity), fraction(v.GapDensity))
	for _, d := range []time.Duration{v.BurstDuration, v.GapDuration, v.RoundTrip, v.EndSystem} {
		b = binary.BigEndian.AppendUint16(b, millis(d))
	}
	b = append(b, byte(v.Signal), unsaid, unsaid, quality.Gmin)
	b = append(b, v.R, unsaid, score(v.MOSLQ), score(v.MOSCQ), playback, 0)
	for _, d := range []time.Duration{v.JBNominal, v.JBMaximum, v.JBAbsolute} {
		b = binary.BigEndian.AppendUint16(b, millis(d))
	}
	return b
}

// parseVoIP reads a VoIP metrics block, header included; false when it is too short.
func parseVoIP(b []byte) (v quality.VoIP, ok bool) {
	if len(b) < voipSize {
		return v, false
	}
	share := func(x byte) float64 { return float64(x) / 256 }
	ms := func(at int) time.Duration {
		return time.Duration(binary.BigEndian.Uint16(b[at:])) * time.Millisecond
	}
	v = quality.VoIP{
		SSRC: binary.BigEndian.Uint32(b[4:]), Loss: share(b[8]), Discard: share(b[9]),
		Burstiness: quality.Burstiness{
			BurstDensity: share(b[10]), GapDensity: share(b[11]), BurstDuration: ms(12), GapDuration: ms(14),
		},
		RoundTrip: ms(16), EndSystem: ms(18), Signal: int8(b[20]), R: unsaid,
		JBNominal: ms(30), JBMaximum: ms(32), JBAbsolute: ms(34),
	}
	if b[24] <= 100 {
		v.R = b[24]
	}
	v.MOSLQ, v.MOSCQ = opinion(b[26]), opinion(b[27])
	return v, true
}

func fraction(x float64) byte { return byte(min(max(x*256, 0), 255)) }

func millis(d time.Duration) uint16 { return uint16(min(max(d.Milliseconds(), 0), math.MaxUint16)) }

// score is a mean opinion score as XR has it, tenfold; opinion is its inverse, 0 for what is none.
func score(mos float64) byte {
	if mos < 1 {
		return unsaid
	}
	return byte(math.Round(min(mos, 5) * 10))
}

func opinion(b byte) float64 {
	if b < 10 || b > 50 {
		return 0
	}
	return float64(b) / 10
}

// extended takes the party's extended report, header included.
func (r *Reporter) extended(pkt []byte, now time.Time) error {
	if len(pkt) < 8 {
		return ErrRTCP
	}
	r.xr.on = true
	from := binary.BigEndian.Uint32(pkt[4:])
	for b := pkt[8:]; len(b) > 0; {
		if len(b) < 4 {
			return ErrRTCP
		}
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) {
			return ErrRTCP
		}
		one := b[:n]
		b = b[n:]
		switch one[0] {
		case blockReference:
			if len(one) >= 12 {
				r.xr.theirs, r.xr.at = from, now
				r.xr.theirRR = quality.Middle(binary.BigEndian.Uint64(one[4:]))
			}
		case blockDLRR:
			for sub := one[4:]; len(sub) >= 12; sub = sub[12:] {
				if u := binary.BigEndian.Uint32; u(sub) == r.tx.ssrc {
					r.trip(now, u(sub[4:]), u(sub[8:]))
				}
			}
		case blockVoIP:
			if v, ok := parseVoIP(one); ok && v.SSRC == r.tx.ssrc {
				r.xr.remote, r.xr.heard = v, true
			}
		}
	}
	return nil
}

// stats fills in what the party's extended reports say.
func (x *extended) stats(s *media.Stats) {
	if !x.heard {
		return
	}
	s.RemoteDiscard, s.RemoteDelay, s.RemoteMOS = x.remote.Discard, x.remote.EndSystem, x.remote.MOSCQ
	if s.RoundTrip == 0 {
		s.RoundTrip = x.remote.RoundTrip
	}
}
