package mixer

import (
	"math/bits"

	"github.com/cordboard/cordboard/media/pcm"
)

// totals prepares the sum of everything that is heard at one rate, where taking what a listener must not
// hear out of it costs less than adding up what it hears. All sums are exact, so the way makes no
// difference to the result.
func (p *plan) totals(sc *scratch, classes []class, open uint32) {
	sc.total.mask = 0
	rate := p.ears[classes[0].leader].key.from
	var all uint32
	for i := range p.feeds {
		if f := &p.feeds[i]; f.rate == rate && f.wanted {
			all |= 1 << f.slot & open
		}
	}
	apart, together := 0, bits.OnesCount32(all)
	for k := range classes {
		if p.ears[classes[k].leader].key.from == rate {
			apart += bits.OnesCount32(classes[k].mask)
			together += 1 + bits.OnesCount32(all&^classes[k].mask)
		}
	}
	if together >= apart {
		return
	}
	sc.total.mask, sc.total.rate = all, rate
	add(sc.total.sum[:rate.Samples()], sc, all)
}

// mix gives what the ears hear, of which the leader is one: the sources of the mask. One voice alone at
// 0 dB is that voice's frame itself; otherwise the voices are summed exactly, gains come on top, and the
// limiter brings the sum to 16 bits, once.
func (r *Room) mix(p *plan, sc *scratch, leader int, mask uint32, ears uint8) *pcm.Frame {
	a := &p.ears[leader]
	flat := mask & a.flat()
	sc.counts.mixes++
	if mask == flat && flat&(flat-1) == 0 && a.summed == 0 {
		return &sc.frames[bits.TrailingZeros32(flat)]
	}
	sum := sc.sum[:a.key.from.Samples()]
	t := &sc.total
	if t.mask != 0 && t.rate == a.key.from && flat&^t.mask == 0 && 1+bits.OnesCount32(t.mask&^flat) < bits.OnesCount32(flat) {
		copy(sum, t.sum[:])
		for m := t.mask &^ flat; m != 0; m &= m - 1 {
			pcm.Sub(sum, sc.frames[bits.TrailingZeros32(m)].Samples())
		}
	} else {
		add(sum, sc, flat)
	}
	for m := mask &^ flat; m != 0; m &= m - 1 {
		j := bits.TrailingZeros32(m)
		a.gains[j].AddTo(sum, sc.frames[j].Samples())
	}
	sc.mixed.SetRate(a.key.from)
	a.limiter.Process(sc.mixed.Samples(), sum)
	if mask&(mask-1) != 0 || mask != flat {
		a.summed = limiterRelease
	} else {
		a.summed--
	}
	for m := ears; m != 0; m &= m - 1 { // whoever leads the next tick goes on from here
		b := &p.ears[bits.TrailingZeros8(m)]
		b.limiter, b.summed = a.limiter, a.summed
		for g := mask &^ flat; g != 0; g &= g - 1 {
			j := bits.TrailingZeros32(g)
			b.gains[j] = a.gains[j]
		}
	}
	return &sc.mixed
}

// add sets the sum to that of the sources in the mask.
func add(sum []int32, sc *scratch, mask uint32) {
	clear(sum)
	for m := mask; m != 0; m &= m - 1 {
		pcm.Add(sum, sc.frames[bits.TrailingZeros32(m)].Samples())
	}
}

// limiterRelease is how many ticks the limiter may need to let go of a sum that was too loud.
const limiterRelease = 25

// flat is the sources that pass at exactly 0 dB.
func (a *ear) flat() uint32 {
	flat := ^uint32(0)
	for j := range a.gains {
		if !a.gains[j].Unity() {
			flat &^= 1 << j
		}
	}
	return flat
}
