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
	q      [2][4][2]float32 // the filters' memory
	energy float32
	n      int // samples in the current block

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
		d.filter(part)
		if d.n += len(part); d.n < blockLen {
			break
		}
		hit := d.decide()
		d.q, d.energy, d.n = [2][4][2]float32{}, 0, 0
		if got, is := d.follow(hit); is {
			e, ok = got, true
		}
	}
	return e, ok
}

// Down is the key that is held now, 0 for none.
func (d *Detector) Down() byte { return d.key }

func (d *Detector) filter(samples []int16) {
	for _, s := range samples {
		x := float32(s) / 32768
		d.energy += x * x
		for g := range d.q {
			for i := range d.q[g] {
				q := &d.q[g][i]
				q[0], q[1] = x+coefficients[g][i]*q[0]-q[1], q[0]
			}
		}
	}
}

// decide is the key whose tones the block holds, 0 for none.
func (d *Detector) decide() byte {
	var best [2]int
	var power [2]float32
	for g := range d.q {
		var p [4]float32
		for i, q := range d.q[g] {
			// Of a sine with amplitude a the filter holds (a*n/2)^2; scaled, a^2.
			p[i] = (q[0]*q[0] + q[1]*q[1] - coefficients[g][i]*q[0]*q[1]) * (4.0 / (blockLen * blockLen))
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
	if (power[0]+power[1])*(blockLen/2) < ofTotal*d.energy {
		return 0
	}
	return pad[best[0]][best[1]]
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
