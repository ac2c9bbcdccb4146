package stream

import (
	"math"
	"time"

	"github.com/cordboard/cordboard/media/pcm"
)

// Every decoder's own concealment grows weaker from its first millisecond on. Within a short hole that is
// heard as a dip, so there it is held near the level of what came before; a longer one may fade.
const (
	holdFor  = 40 * time.Millisecond
	holdLoss = 1  // dB below what came before
	holdMost = 12 // dB at most that are made up for
)

// hold brings concealment at the beginning of a hole up to level.
func (r *Receiver) hold(seg []int16) {
	if r.run == 0 {
		r.boost = 1
	}
	to := float32(1)
	if r.run < holdFor {
		if lack := float64(pcm.Level(seg)) - float64(r.sounded) - holdLoss; lack > 0 {
			to = float32(math.Pow(10, min(lack, holdMost)/20))
		}
	}
	ramp := min(len(seg), int(r.rate)/200)
	slide(seg[:ramp], r.boost, to)
	slide(seg[ramp:], to, to)
	r.boost = to
}

// release leads from held concealment back to what is decoded, in 5 ms.
func (r *Receiver) release(seg []int16) {
	slide(seg[:min(len(seg), int(r.rate)/200)], r.boost, 1)
}

// slide applies a gain that goes from one value to another.
func slide(x []int16, from, to float32) {
	if from == to && to == 1 {
		return
	}
	step := (to - from) / float32(max(len(x), 1))
	for i, v := range x {
		x[i] = pcm.Clip16(int32(float32(v) * from))
		from += step
	}
}
