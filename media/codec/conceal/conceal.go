// Package conceal fills holes in audio whose codec cannot: G.711 and G.722. It follows the idea of ITU-T
// G.711 Appendix I: find the pitch of what was heard last, repeat it, one period at first and more of
// them as the hole grows so that it does not buzz, fade out until 60 ms, and blend into the first good
// audio after the hole.
package conceal

import "github.com/cordboard/cordboard/media/pcm"

// The times of Appendix I, in samples at 8 kHz; other rates scale them.
const (
	minPitch  = 40  // 5 ms, 200 Hz
	maxPitch  = 120 // 15 ms, 66 Hz
	correlate = 160 // the stretch of the past that the pitch search compares, 20 ms
	history   = 400 // what is kept: three of the longest periods and a quarter of one for the blend
	step      = 80  // 10 ms: how often the template grows, and the unit of fading
	fadeEnd   = 480 // 60 ms: silence from here
	maxScale  = 2   // 16 kHz
)

// Concealer watches one stream at 8 or 16 kHz. It allocates nothing. The zero Concealer is not usable;
// call Reset first. Not safe for concurrent use.
type Concealer struct {
	scale    int
	lost     int // samples concealed since the last good one
	period   int // pitch period, 0 when the past is not worth repeating
	periods  int // how many of them the template has
	at       int // position in the template
	offset   float32
	past     [history * maxScale]int16
	real     [history * maxScale]int16 // the past as it was when the hole began
	template [3 * maxPitch * maxScale]int16
	made     [step * maxScale]int16 // scratch: the continuation that is blended into good audio
}

// Reset forgets the stream and sets the rate, which is 8 or 16 kHz.
func (c *Concealer) Reset(r pcm.Rate) {
	if r != pcm.Rate8k && r != pcm.Rate16k {
		panic("conceal: rate " + r.String())
	}
	*c = Concealer{scale: int(r) / 8000}
}

// Good takes in the next good samples. Just after a hole it changes their first 5 to 10 ms in place, to
// lead over from what was made up.
func (c *Concealer) Good(samples []int16) {
	if c.lost > 0 {
		n := 40 * c.scale // 5 ms, and 4 ms more for each further 10 ms lost, up to 10 ms
		n = min(n+32*c.scale*(c.lost/(step*c.scale)), step*c.scale, len(samples))
		made := c.made[:n]
		c.continueTo(made)
		for i, m := range made {
			w := float32(i+1) / float32(n+1)
			samples[i] = int16(float32(m)*(1-w) + float32(samples[i])*w)
		}
		c.lost = 0
		clear(c.real[:]) // not kept for longer than it is needed
		clear(c.template[:])
		clear(c.made[:])
	}
	c.keep(samples)
}

// Lost fills the next samples, which never came.
func (c *Concealer) Lost(samples []int16) {
	c.continueTo(samples)
	c.keep(samples)
}

func (c *Concealer) keep(samples []int16) {
	past := c.past[:history*c.scale]
	if len(samples) >= len(past) {
		copy(past, samples[len(samples)-len(past):])
		return
	}
	copy(past, past[len(samples):])
	copy(past[len(past)-len(samples):], samples)
}

func (c *Concealer) continueTo(samples []int16) {
	if c.lost == 0 {
		c.begin()
	}
	for i := range samples {
		if c.lost > 0 && c.lost%(step*c.scale) == 0 && c.periods < 3 && c.lost <= 2*step*c.scale {
			c.grow()
		}
		samples[i] = c.next()
		c.lost++
	}
}

// begin finds the pitch and cuts the first template.
func (c *Concealer) begin() {
	past := c.past[:history*c.scale]
	c.period, c.periods, c.at = 0, 1, 0
	if pcm.Silent(past) {
		return
	}
	copy(c.real[:], past)
	c.period = c.pitch(past)
	c.cut()
	// What is left of a step between the last real sample and the first repeated one dies away in 4 ms.
	last, before := past[len(past)-1], past[len(past)-1-c.period]
	c.offset = float32(last) - float32(before)
}

// grow adds one period to the template: the older past varies more, and so buzzes less.
func (c *Concealer) grow() {
	if c.period == 0 {
		return
	}
	c.periods++
	c.cut()
	c.at += c.period // the same phase of the pitch
}

// cut copies the last periods of the real past into the template and blends its end into what came before
// its start, so that it can go round.
func (c *Concealer) cut() {
	past := c.real[:history*c.scale]
	n := c.period * c.periods
	t := c.template[:n]
	copy(t, past[len(past)-n:])
	quarter := c.period / 4
	for i := range quarter {
		w := float32(i+1) / float32(quarter+1)
		old := past[len(past)-n-quarter+i]
		t[n-quarter+i] = int16(float32(t[n-quarter+i])*(1-w) + float32(old)*w)
	}
}

func (c *Concealer) next() int16 {
	fade := c.fade()
	if c.period == 0 || fade == 0 {
		return 0
	}
	v := float32(c.template[c.at])
	c.at++
	if c.at == c.period*c.periods {
		c.at = 0
	}
	if left := 32*c.scale - c.lost; left > 0 {
		v += c.offset * float32(left) / float32(32*c.scale)
	}
	return pcm.Clip16(int32(v * fade))
}

// fade is 1 for 10 ms and falls by a fifth every 10 ms after that.
func (c *Concealer) fade() float32 {
	lost := c.lost / c.scale
	switch {
	case lost < step:
		return 1
	case lost >= fadeEnd:
		return 0
	default:
		return 1 - float32(lost-step)/(fadeEnd-step)
	}
}

// pitch is the lag with the highest normalised correlation: every second lag on every second sample
// first, then its neighbours on all.
func (c *Concealer) pitch(past []int16) int {
	best, lag := float32(-2), minPitch*c.scale
	for l := minPitch * c.scale; l <= maxPitch*c.scale; l += 2 {
		if r := c.likeness(past, l, 2*c.scale); r > best {
			best, lag = r, l
		}
	}
	best = -2
	centre := lag
	for l := max(centre-2, minPitch*c.scale); l <= min(centre+2, maxPitch*c.scale); l++ {
		if r := c.likeness(past, l, 1); r > best {
			best, lag = r, l
		}
	}
	return lag
}

// likeness is the squared normalised correlation of the last stretch with the one a lag earlier, with
// the sign of the correlation.
func (c *Concealer) likeness(past []int16, lag, stride int) float32 {
	now := past[len(past)-correlate*c.scale:]
	then := past[len(past)-correlate*c.scale-lag:]
	var cross, energy float32
	for i := 0; i < len(now); i += stride {
		a, b := float32(now[i]), float32(then[i])
		cross += a * b
		energy += b * b
	}
	if energy == 0 {
		return -1
	}
	if cross < 0 {
		return -cross * cross / energy
	}
	return cross * cross / energy
}
