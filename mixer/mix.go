package mixer

import (
	"math/bits"

	"github.com/cordboard/cordboard/media/pcm"
)

// totals prepares the sum of everything that is heard at one rate, where taking what a listener must not
// hear out of it costs less than adding up what it hears. All sums are exact, so the way makes no
// difference to the result.
func (p *plan) totals(sc *scratch, classes []class) {
	sc.total.mask = 0
	rate := p.ears[classes[0].leader].key.from
	var all uint32
	for i := range p.feeds {
		if f := &p.feeds[i]; f.rate == rate && f.wanted {
			all |= 1 << f.slot & sc.open & sc.sounding
		}
	}
	apart, together := 0, bits.OnesCount32(all)
	for k := range classes {
		if p.ears[classes[k].leader].key.from == rate {
			apart += bits.OnesCount32(classes[k].mask & sc.sounding)
			together += 1 + bits.OnesCount32(all&^classes[k].mask)
		}
	}
	if together >= apart {
		return
	}
	sc.total.mask, sc.total.rate = all, rate
	add(sc.total.sum[:rate.Samples()], sc, all)
}

// mixed is a finished mix.
type mixed struct {
	frame *pcm.Frame
	level uint8
	only  int // the slot of the source whose frame it is as it came, -1 for a sum
}

// mix gives what the ears hear, of which the leader is one: the sources of the mask. One voice alone at
// 0 dB is that voice's frame itself; otherwise the voices are summed exactly, gains come on top, and the
// limiter brings the sum to 16 bits, once. Sources that are silent in this tick are not touched.
func (r *Room) mix(p *plan, sc *scratch, leader int, mask uint32, ears uint64) mixed {
	a := &p.ears[leader]
	bent := mask &^ a.flat()
	flat := mask &^ bent & sc.sounding
	sc.counts.mixes++
	if bent == 0 && flat&(flat-1) == 0 && a.limiter == (pcm.Limiter{}) {
		if flat == 0 {
			sc.mixed.Reset(a.key.from)
			return mixed{&sc.mixed, pcm.LevelSilence, -1}
		}
		slot := bits.TrailingZeros32(flat)
		return mixed{&sc.frames[slot], sc.levels[slot], slot}
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
	for m := bent; m != 0; m &= m - 1 {
		j := bits.TrailingZeros32(m)
		a.gains[j].AddTo(sum, sc.frames[j].Samples())
	}
	sc.mixed.SetRate(a.key.from)
	a.limiter.Process(sc.mixed.Samples(), sum)
	for m := ears; m != 0; m &= m - 1 { // whoever leads the next tick goes on from here
		b := &p.ears[bits.TrailingZeros64(m)]
		b.limiter = a.limiter
		for g := bent; g != 0; g &= g - 1 {
			j := bits.TrailingZeros32(g)
			b.gains[j] = a.gains[j]
		}
	}
	return mixed{&sc.mixed, pcm.Level(sc.mixed.Samples()), -1}
}

// add sets the sum to that of the sources in the mask.
func add(sum []int32, sc *scratch, mask uint32) {
	clear(sum)
	for m := mask; m != 0; m &= m - 1 {
		pcm.Add(sum, sc.frames[bits.TrailingZeros32(m)].Samples())
	}
}
