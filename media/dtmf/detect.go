package dtmf

import (
	"math"
	"time"

	"github.com/cordboard/cordboard/media"
)

// The two groups of ITU-T Q.23, in hertz, and the key at each crossing.
var (
	groups = [2][4]float64{{697, 770, 852, 941}, {1209, 1336, 1477, 1633}}
	pad    = [4]string{"123A", "456B", "789C", "*0#D"}
)

// The detector's limits. Q.24 asks for tones of 40 ms to be heard and of 20 ms not to be, for a twist of
// 4 dB one way and 8 dB the other to pass, and for frequencies off by 1.5 % to pass and by 3.5 % not to.
const (
	blockLen   = 102    // samples at 8 kHz, 12.75 ms
	minBlocks  = 2      // blocks in a row that begin a key, besides those it fills in part
	endBlocks  = 2      // blocks in a row without it that end it
	minPower   = 2.5e-5 // of each tone, against a full-scale sine: -46 dB
	twist      = 4.0    // upper tone over lower, as a factor of power: 6 dB
	backTwist  = 8.0    // lower over upper: 9 dB
	aboveGroup = 5.0    // the tone over each other one of its group: 7 dB
	ofTotal    = 0.80   // of the block's energy that the two tones must hold
)

// What the correlation of a block with itself one and two samples later can be, in parts of its energy,
// when two tones of the pad hold ofTotal of it: with the tones and twists above, 0.36 to 0.83 and -0.66 to
// 0.38 for the tones alone, and the rest of the energy may be anything. Voiced speech, with its energy
// below 600 Hz, lies above; most of what hisses lies below. The filters need not see either.
const (
	lag1Min, lag1Max = 0.08, 0.88
	lag2Min, lag2Max = -0.74, 0.51
)

var coefficients = func() (c [2][4]float32) {
	for g, group := range groups {
		for i, f := range group {
			c[g][i] = float32(2 * math.Cos(2*math.Pi*f/8000))
		}
	}
	return c
}()

// Detector hears keys in audio at 8 kHz, block by block with Goertzel's filter. A key is told once, when
// its tones have ended. The zero Detector is ready. It allocates nothing. Not safe for concurrent use.
type Detector struct {
	block [blockLen]int16
	n     int // samples in it

	last   byte // key of the block before, 0 for none
	run    int  // blocks in a row with it
	key    byte // key that is down
	held   int  // blocks it has been down
	missed int  // blocks in a row without it
}

// Push takes in audio of at most 20 ms and tells a key press that has ended in it.
func (d *Detector) Push(samples []int16) (e media.Event, ok bool) {
	for len(samples) > 0 {
		part := samples[:min(len(samples), blockLen-d.n)]
		samples = samples[len(part):]
		copy(d.block[d.n:], part)
		if d.n += len(part); d.n < blockLen {
			break
		}
		hit := d.decide()
		d.n = 0
		if got, is := d.follow(hit); is {
			e, ok = got, true
		}
	}
	return e, ok
}

// Down is the key that is held now, 0 for none.
func (d *Detector) Down() byte { return d.key }

// decide is the key whose tones the block holds, 0 for none.
func (d *Detector) decide() byte {
	energy, ok := d.correlate()
	if !ok {
		return 0
	}
	var best [2]int
	var power [2]float32
	for g := range groups {
		p := d.powers(&coefficients[g])
		for i := range p {
			if p[i] > p[best[g]] {
				best[g] = i
			}
		}
		power[g] = p[best[g]]
		if power[g] < minPower {
			return 0
		}
		for i := range p {
			if i != best[g] && p[i]*aboveGroup > power[g] {
				return 0
			}
		}
	}
	if power[1] > twist*power[0] || power[0] > backTwist*power[1] {
		return 0
	}
	if (power[0]+power[1])*(blockLen/2) < ofTotal*energy {
		return 0
	}
	return pad[best[0]][best[1]]
}

// correlate is the block's energy against a full-scale square wave's, and whether the block may hold two
// tones of the pad at all.
func (d *Detector) correlate() (energy float32, ok bool) {
	var r0, r1, r2 int64
	a, b := int64(0), int64(0) // the two samples before
	for _, s := range &d.block {
		x := int64(s)
		r0 += x * x
		r1 += x * b
		r2 += x * a
		a, b = b, x
	}
	e, e1, e2 := float32(r0), float32(r1), float32(r2)
	energy = e / (1 << 30)
	return energy, energy >= blockLen*minPower &&
		e1 > lag1Min*e && e1 < lag1Max*e && e2 > lag2Min*e && e2 < lag2Max*e
}

// powers is the power of each tone of a group in the block, against a full-scale sine, by Goertzel's
// filter; four side by side, since each waits for itself.
func (d *Detector) powers(c *[4]float32) (p [4]float32) {
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	var a0, a1, a2, a3, b0, b1, b2, b3 float32 // the filters' last two values
	for _, s := range &d.block {
		x := float32(s)
		a0, b0 = (x-b0)+c0*a0, a0
		a1, b1 = (x-b1)+c1*a1, a1
		a2, b2 = (x-b2)+c2*a2, a2
		a3, b3 = (x-b3)+c3*a3, a3
	}
	// Of a sine with amplitude a the filter holds (a*n/2)^2; scaled, a^2.
	const scale = 4.0 / (blockLen * blockLen) / (1 << 30)
	p[0] = (a0*a0 + b0*b0 - c0*a0*b0) * scale
	p[1] = (a1*a1 + b1*b1 - c1*a1*b1) * scale
	p[2] = (a2*a2 + b2*b2 - c2*a2*b2) * scale
	p[3] = (a3*a3 + b3*b3 - c3*a3*b3) * scale
	return p
}

// follow joins blocks to key presses.
func (d *Detector) follow(hit byte) (e media.Event, ok bool) {
	if hit != 0 && hit == d.last {
		d.run++
	} else {
		d.run = 1
	}
	d.last = hit
	begins := hit != 0 && hit != d.key && d.run >= minBlocks
	if d.key != 0 {
		if hit == d.key {
			d.held += d.missed + 1 // a short hole belongs to the tone
			d.missed = 0
		} else if d.missed++; d.missed >= endBlocks || begins {
			e = media.Event{Kind: media.EventDigit, Digit: d.key, Duration: time.Duration(d.held) * blockLen * time.Second / 8000}
			ok, d.key = true, 0
		}
	}
	if begins {
		d.key, d.held, d.missed = hit, d.run, 0
	}
	return e, ok
}
