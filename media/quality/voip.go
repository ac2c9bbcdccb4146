package quality

import (
	"math"
	"time"

	"github.com/cordboard/cordboard/media"
)

// VoIP is one side's view of what it receives (RFC 3611 section 4.7), over the whole session.
type VoIP struct {
	SSRC    uint32  // of the stream it speaks of
	Loss    float64 // 0 to 1
	Discard float64 // 0 to 1
	Burstiness
	RoundTrip  time.Duration
	EndSystem  time.Duration // jitter buffer, decoder and playout of the one who reports
	Signal     int8          // dBm0, 127 for unknown
	R          uint8         // 0 to 100, 127 for unknown
	MOSLQ      float64       // listening quality, without delay; 0 for unknown
	MOSCQ      float64       // conversational quality; 0 for unknown
	JBNominal  time.Duration
	JBMaximum  time.Duration
	JBAbsolute time.Duration
}

// VoIP is the receiver's own view: what Reception counted, and from the leg's Stats what the jitter buffer
// made of it. packet is the packet time. It reports false when nothing has come.
func (r *Reception) VoIP(s media.Stats, c media.Codec, packet time.Duration) (VoIP, bool) {
	if !r.started {
		return VoIP{}, false
	}
	v := VoIP{SSRC: r.ssrc, Burstiness: r.bursts.weigh(packet), RoundTrip: s.RoundTrip, EndSystem: s.Delay + packet, Signal: 127}
	if whole := float64(r.Received() + r.Lost()); whole > 0 {
		v.Loss = float64(r.Lost()) / whole
		v.Discard = min(float64(s.Late)/whole, 1-v.Loss)
	}
	if s.LevelIn < 127 { // a sine at full scale is -3 dBov and +3.14 dBm0
		v.Signal = 6 - int8(s.LevelIn)
	}
	p := Path{Codec: c, Loss: max(v.Loss+v.Discard-r.repaired(s), 0)}
	v.MOSLQ = Estimate(p)
	p.Delay = s.RoundTrip/2 + v.EndSystem + ownDelay
	f := RFactor(p)
	v.R, v.MOSCQ = uint8(math.Round(f)), MOS(f)
	v.JBNominal, v.JBMaximum = s.Delay, s.Delay
	return v, true
}

// repaired is the share of packets that forward error correction replaced.
func (r *Reception) repaired(s media.Stats) float64 {
	whole := float64(r.Received() + r.Lost())
	if whole <= 0 {
		return 0
	}
	return float64(s.FEC) / whole
}
