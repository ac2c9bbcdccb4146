package music

import "math"

// Hidden is the number of units between the numbers of a look and its answer.
const Hidden = 12

// Logit is what a look speaks for: above 0 music, below 0 anything else, the more the surer.
func Logit(x *[Features]float32) float32 {
	var n [Features]float32
	for i, v := range x {
		n[i] = max(-4, min(4, (v-mean[i])*scale[i]))
	}
	out := last[Hidden]
	for j := range Hidden {
		row := first[j*(Features+1):][:Features+1]
		sum := row[Features]
		for i, v := range n {
			sum += row[i] * v
		}
		out += last[j] * float32(math.Tanh(float64(sum)))
	}
	return out
}

// Decision sums up what looks speak for. The zero Decision is that it is no music.
//
//	            sum >= begin
//	no music ──────────────────► music
//	         ◄──────────────────
//	             sum <= end
type Decision struct {
	sum   float32
	Music bool
}

// One look counts at most most; the sum is held to the two thresholds, so that a change of mind takes as long at any time.
const (
	most  = 3
	begin = 18
	end   = -12
)

// Take takes one look's answer and reports whether it is music.
func (d *Decision) Take(logit float32) bool {
	if !(logit > -most) { // what is no number speaks against music
		logit = -most
	}
	d.sum = max(end, min(begin, d.sum+min(most, logit)))
	switch {
	case d.sum >= begin:
		d.Music = true
	case d.sum <= end:
		d.Music = false
	}
	return d.Music
}
