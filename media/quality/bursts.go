package quality

import "time"

// Gmin is how many packets must be received in a row for a loss to count as alone, in a gap and not in a
// burst (RFC 3611 section 4.7.2).
const Gmin = 16

// bursts sorts losses into bursts and gaps by the transition counts of RFC 3611 appendix A.2. It sees
// packets as they arrive: one that is merely late counts as lost.
type bursts struct {
	since                        uint32 // received since the last loss
	run                          uint32 // losses in the burst so far
	c11, c13, c14, c22, c23, c33 uint32
}

func (b *bursts) receive() { b.since++ }

func (b *bursts) lose(n uint32) {
	for range min(n, 1000) { // beyond that it is one endless burst
		switch {
		case b.since >= Gmin:
			b.settle()
			b.run = 1
			b.c11 += b.since
		case b.since == 0:
			b.run++
			b.c33++
		default:
			b.run++
			b.c23++
			b.c22 += b.since - 1
		}
		b.since = 0
	}
}

// settle counts the losses so far as one alone or a burst, once it is known which.
func (b *bursts) settle() {
	switch {
	case b.run == 1:
		b.c14++
	case b.run > 1:
		b.c13++
	}
}

// Burstiness is how losses clump: the densities are 0 to 1, the durations means.
type Burstiness struct {
	BurstDensity, GapDensity   float64
	BurstDuration, GapDuration time.Duration
}

func (b bursts) weigh(packet time.Duration) Burstiness {
	b.c11 += b.since
	b.settle()
	c13, c23 := float64(b.c13), float64(b.c23)
	gap := float64(b.c11) + float64(b.c14) + c13
	var w Burstiness
	if d := float64(b.c11 + b.c14); d > 0 {
		w.GapDensity = float64(b.c14) / d
	}
	if c13 == 0 { // never a burst
		w.GapDuration = time.Duration(gap * float64(packet))
		return w
	}
	w.GapDuration = time.Duration(gap / c13 * float64(packet))
	in := float64(b.c22) + c23 + c23 + float64(b.c33) // within bursts
	w.BurstDuration = time.Duration((in + c13) / c13 * float64(packet))
	p23 := 1.0
	if d := float64(b.c22) + c23; d > 0 {
		p23 = c23 / d
	}
	p32 := c23 / (c13 + c23 + float64(b.c33))
	w.BurstDensity = p23 / (p23 + p32)
	return w
}
