package quality

import (
	"math"
	"time"

	"github.com/cordboard/cordboard/media"
)

// Path is what is known about one direction of a conversation.
type Path struct {
	Codec  media.Codec
	Loss   float64       // packets missing after the jitter buffer, 0 to 1
	Burst  float64       // mean length of a loss burst over that of random loss; 0 and 1 mean random
	Delay  time.Duration // from mouth to ear
	HasFEC bool          // the codec's forward error correction is on
}

// impairment of a codec: the equipment factor Ie and the robustness Bpl of G.113 appendix I. For Opus the
// G.113 tables have no entry; its values are chosen so that the estimate agrees with the scale's
// narrowband end at high rates and with the packet loss behaviour published for it.
func impairment(c media.Codec, fec bool) (ie, bpl float64) {
	switch c {
	case media.Opus:
		if fec {
			return 0, 40
		}
		return 0, 20
	case media.G722:
		return 2, 15
	default:
		return 0, 25.1 // G.711 with packet loss concealment
	}
}

// RFactor is the E-model's rating from 0 to 93.2 with all parameters at their defaults but those of p
// (ITU-T G.107 clause 7, in the simplified form of Cole and Rosenbluth for the delay).
func RFactor(p Path) float64 {
	d := float64(p.Delay.Milliseconds())
	id := 0.024 * d
	if d > 177.3 {
		id += 0.11 * (d - 177.3)
	}
	ie, bpl := impairment(p.Codec, p.HasFEC)
	ppl := 100 * min(max(p.Loss, 0), 1)
	burst := max(p.Burst, 1)
	ieEff := ie + (95-ie)*ppl/(ppl/burst+bpl)
	return min(max(93.2-id-ieEff, 0), 93.2)
}

// MOS maps an R factor to a mean opinion score of 1 to 4.5 (ITU-T G.107 annex B).
func MOS(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	m := 1 + 0.035*r + r*(r-60)*(100-r)*7e-6
	return math.Round(max(m, 1)*100) / 100
}

// Estimate is the mean opinion score of a path.
func Estimate(p Path) float64 { return MOS(RFactor(p)) }

// FromStats estimates what cordboard hears of the party: loss after concealment could not help, delay from
// half the round trip, the jitter buffer, the packet and the frame.
func FromStats(c media.Codec, s media.Stats) float64 {
	total := float64(s.PacketsIn + s.Lost)
	var loss float64
	if total > 0 {
		missed := float64(s.Lost + s.Late)
		missed -= min(missed, float64(s.FEC))
		loss = missed / total
	}
	return Estimate(Path{Codec: c, Loss: loss, Delay: s.RoundTrip/2 + s.Delay + 40*time.Millisecond})
}
