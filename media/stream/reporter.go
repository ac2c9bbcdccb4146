package stream

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/quality"
)

// RTCP packet types (RFC 3550 section 12.1).
const (
	rtcpSR   = 200
	rtcpRR   = 201
	rtcpSDES = 202
	rtcpBye  = 203
)

// reportEvery is the mean time between reports (RFC 3550 section 6.2).
const reportEvery = 5 * time.Second

// ErrRTCP: the datagram is not RTCP.
var ErrRTCP = errors.New("stream: not rtcp")

// Reporter speaks RTCP for a Receiver and a Sender: sender and receiver reports out, the party's reports
// in. It has no goroutine and no timer; the leg asks Due and hands packets over. Safe for concurrent use,
// and never called from the tick.
type Reporter struct {
	rx *Receiver
	tx *Sender

	mu         sync.Mutex
	epoch      time.Time
	next       time.Time
	sent       uint64 // packets at the last report
	theirSSRC  uint32
	theirSR    uint32 // middle of the party's last sender report
	theirSRAt  time.Time
	highest    uint32 // of the last report about us, to weigh its fraction
	roundTrip  time.Duration
	remoteLost int32
	remoteJit  uint32
	remoteFrac float64
	reports    uint64
	xr         extended
}

// NewReporter makes a reporter whose first report is due half an interval after now.
func NewReporter(rx *Receiver, tx *Sender, now time.Time) *Reporter {
	r := &Reporter{rx: rx, tx: tx, epoch: now}
	r.schedule(now, reportEvery/2)
	return r
}

// schedule spreads the reports as RFC 3550 section 6.3.1 asks.
func (r *Reporter) schedule(now time.Time, mean time.Duration) {
	const compensation = 2.718281828 - 1.5
	r.next = now.Add(time.Duration(float64(mean) * (0.5 + rand.Float64()) / compensation))
}

// Due reports whether it is time for a report.
func (r *Reporter) Due(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !now.Before(r.next)
}

// Next is when the next report is due.
func (r *Reporter) Next() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next
}

// Append appends a compound report (SR or RR, SDES with the CNAME, and XR where it is spoken) to dst and
// plans the next.
func (r *Reporter) Append(dst []byte, now time.Time) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.schedule(now, reportEvery)
	dst, sender := r.compound(dst, now)
	return r.appendXR(dst, now, sender)
}

// AppendBye appends a compound packet that ends with BYE (RFC 3550 section 6.6).
func (r *Reporter) AppendBye(dst []byte, now time.Time) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	dst, _ = r.compound(dst, now)
	dst = append(dst, 0x81, rtcpBye, 0, 1)
	return binary.BigEndian.AppendUint32(dst, r.tx.ssrc)
}

// compound appends a report, a sender's where something was sent since the last one, and says which.
func (r *Reporter) compound(dst []byte, now time.Time) ([]byte, bool) {
	rep, heard := r.rx.report()
	start := len(dst)
	kind := byte(rtcpRR)
	packets := r.tx.stats.packets.Load()
	if packets > r.sent {
		kind = rtcpSR
	}
	r.sent = packets
	dst = append(dst, 0x80, kind, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, r.tx.ssrc)
	if kind == rtcpSR {
		dst = binary.BigEndian.AppendUint64(dst, quality.NTP(r.wall(now)))
		dst = binary.BigEndian.AppendUint32(dst, r.tx.stats.ts.Load())
		dst = binary.BigEndian.AppendUint32(dst, uint32(packets))
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.tx.stats.bytes.Load()))
	}
	if heard {
		dst[start] |= 1
		if rep.SSRC == r.theirSSRC && r.theirSR != 0 {
			rep.LastSR = r.theirSR
			rep.DelayLast = uint32(now.Sub(r.theirSRAt) * 65536 / time.Second)
		}
		dst = appendBlock(dst, rep)
	}
	closeRTCP(dst, start)

	start = len(dst)
	dst = append(dst, 0x81, rtcpSDES, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, r.tx.ssrc)
	name := r.tx.cname[:min(len(r.tx.cname), 255)]
	dst = append(dst, 1, byte(len(name)))
	dst = append(dst, name...)
	dst = append(dst, 0)
	for (len(dst)-start)%4 != 0 {
		dst = append(dst, 0)
	}
	closeRTCP(dst, start)
	return dst, kind == rtcpSR
}

// wall is now on the wall clock as it was when the reporter began, so that a jump of the system's clock
// does not spoil a round trip.
func (r *Reporter) wall(now time.Time) time.Time { return r.epoch.Add(now.Sub(r.epoch)) }

func closeRTCP(b []byte, start int) {
	binary.BigEndian.PutUint16(b[start+2:], uint16((len(b)-start)/4-1))
}

func appendBlock(b []byte, r quality.Report) []byte {
	b = binary.BigEndian.AppendUint32(b, r.SSRC)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Fraction)<<24|uint32(r.Lost)&0xffffff)
	b = binary.BigEndian.AppendUint32(b, r.Highest)
	b = binary.BigEndian.AppendUint32(b, r.Jitter)
	b = binary.BigEndian.AppendUint32(b, r.LastSR)
	return binary.BigEndian.AppendUint32(b, r.DelayLast)
}

func parseBlock(b []byte) quality.Report {
	u := binary.BigEndian.Uint32
	return quality.Report{
		SSRC: u(b), Fraction: b[4], Lost: int32(u(b[4:])<<8) >> 8, Highest: u(b[8:]),
		Jitter: u(b[12:]), LastSR: u(b[16:]), DelayLast: u(b[20:]),
	}
}

// IsRTCP tells RTCP from RTP on a shared port (RFC 5761 section 4).
func IsRTCP(b []byte) bool { return len(b) >= 8 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223 }

// Handle takes a plaintext RTCP datagram from the party. What it does not know it passes over; it errors
// with ErrRTCP on what is not RTCP.
func (r *Reporter) Handle(pkt []byte, now time.Time) error {
	if !IsRTCP(pkt) {
		return ErrRTCP
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(pkt) > 0 {
		if len(pkt) < 4 || pkt[0]>>6 != 2 {
			return ErrRTCP
		}
		n := 4 * (int(binary.BigEndian.Uint16(pkt[2:])) + 1)
		if n > len(pkt) {
			return ErrRTCP
		}
		one := pkt[:n]
		pkt = pkt[n:]
		var blocks []byte
		switch one[1] {
		case rtcpSR:
			if len(one) < 28 {
				return ErrRTCP
			}
			r.theirSSRC = binary.BigEndian.Uint32(one[4:])
			r.theirSR = quality.Middle(binary.BigEndian.Uint64(one[8:]))
			r.theirSRAt = now
			blocks = one[28:]
		case rtcpRR:
			if len(one) < 8 {
				return ErrRTCP
			}
			blocks = one[8:]
		case rtcpXR:
			if err := r.extended(one, now); err != nil {
				return err
			}
		}
		for i := int(one[0] & 0x1f); i > 0 && len(blocks) >= 24; i-- {
			if b := parseBlock(blocks); b.SSRC == r.tx.ssrc {
				r.reported(b, now)
			}
			blocks = blocks[24:]
		}
	}
	return nil
}

func (r *Reporter) reported(b quality.Report, now time.Time) {
	r.trip(now, b.LastSR, b.DelayLast)
	r.remoteLost, r.remoteJit = b.Lost, b.Jitter
	r.remoteFrac = float64(b.Fraction) / 256
	r.reports++
	if b.Highest != r.highest { // a report over an interval in which nothing was sent says nothing
		r.highest = b.Highest
		r.tx.policy.reported(float64(b.Fraction)/256, now)
	}
}

// trip takes a round trip from a time of ours that the party sent back.
func (r *Reporter) trip(now time.Time, last, delay uint32) {
	if rtt := quality.RoundTrip(r.wall(now), last, delay); rtt > 0 && rtt < 30*time.Second {
		r.roundTrip = rtt
		r.rx.stats.trip.Store(int64(rtt))
	}
}

// Stats fills in what the party's reports say. Safe for concurrent use.
func (r *Reporter) Stats(s *media.Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.RoundTrip = r.roundTrip
	s.RemoteLost = uint64(max(r.remoteLost, 0))
	s.RemoteJitter = time.Duration(r.remoteJit) * time.Second / time.Duration(r.tx.target.Load().codec.ClockRate())
	s.RemoteReports, s.RemoteLoss = r.reports, r.remoteFrac
	s.FECOut = r.tx.Format().LossPercent > 0
	r.xr.stats(s)
}
