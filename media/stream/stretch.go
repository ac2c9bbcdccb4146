package stream

import (
	"math"

	"github.com/cordboard/cordboard/media/pcm"
)

// Time-scale modification: make a piece of audio a little longer or shorter without a change of pitch.
// In silence any amount goes, with a short cross-fade over the seam. In speech only a whole number of
// pitch periods goes, and only where the signal repeats itself well enough that the seam is not heard
// (the idea of WSOLA).

const quietLevel = 52 // -dBov; a frame that is quieter counts as silence

// shrink takes up to want samples out of buf[:n] and returns the new length. quiet says the audio is
// silence; otherwise whole pitch periods go, or nothing.
func shrink(buf []int16, n, want int, r pcm.Rate, quiet bool) int {
	fade := int(r) / 400 // 2.5 ms
	if quiet {
		if want >= n { // inaudible at this level, and one correction instead of two
			return 0
		}
		cut := min(want, n-fade)
		if cut <= 0 {
			return n
		}
		crossfade(buf[:fade], buf[:fade], buf[cut:cut+fade])
		copy(buf[fade:], buf[fade+cut:n])
		return n - cut
	}
	lag, over := period(buf[:n], want, r)
	if lag == 0 {
		return n
	}
	crossfade(buf[:over], buf[:over], buf[lag:lag+over])
	copy(buf[over:], buf[over+lag:n])
	return n - lag
}

// stretch inserts about want samples into buf[:n], which has the room, and returns the new length.
func stretch(buf []int16, n, want int, r pcm.Rate, quiet bool) int {
	fade := int(r) / 400
	lag, over := 0, fade
	if quiet {
		if want >= n && 2*n <= len(buf) {
			copy(buf[n:2*n], buf[:n])
			return 2 * n
		}
		lag = min(want, n-fade, len(buf)-n)
		if lag < fade {
			return n
		}
	} else if lag, over = period(buf[:n], want, r); lag == 0 || n+lag > len(buf) {
		return n
	}
	// What follows lag fades into what follows 0, and from there on everything comes again.
	copy(buf[lag+over:n+lag], buf[over:n])
	for i := range over {
		from, to := int32(buf[2*lag+i]), int32(buf[i])
		buf[lag+i] = int16((from*int32(over-i) + to*int32(i)) / int32(over))
	}
	return n + lag
}

func crossfade(dst, from, to []int16) {
	n := int32(len(dst))
	for i := range dst {
		k := int32(i)
		dst[i] = int16((int32(from[i])*(n-k) + int32(to[i])*k) / n)
	}
}

// period finds the distance of 2.5 ms to want samples at which x repeats itself best, and the length of
// the cross-fade to use; 0 where it does not repeat well enough.
func period(x []int16, want int, r pcm.Rate) (lag, over int) {
	step := int(r) / 8000 // search at 8 kHz, that is enough for a period
	tmpl := int(r) / 200  // 5 ms
	low := int(r) / 400
	high := min(max(want, int(r)/80), len(x)-tmpl) // never less than 12.5 ms to choose from
	if high < low {
		return 0, 0
	}
	best := 0.80
	var e0 float64
	for i := 0; i < tmpl; i += step {
		e0 += float64(x[i]) * float64(x[i])
	}
	for l := low; l <= high; l += step {
		var c, e float64
		for i := 0; i < tmpl; i += step {
			a, b := float64(x[i]), float64(x[l+i])
			c += a * b
			e += b * b
		}
		if e0 == 0 || e == 0 {
			continue
		}
		if q := c / math.Sqrt(e0*e); q > best {
			best, lag = q, l
		}
	}
	if lag == 0 {
		return 0, 0
	}
	if step > 1 { // refine to the sample
		best = -1
		from, to := max(lag-step, low), min(lag+step, high)
		for l := from; l <= to; l++ {
			var c, e float64
			for i := range tmpl {
				a, b := float64(x[i]), float64(x[l+i])
				c += a * b
				e += b * b
			}
			if e == 0 {
				continue
			}
			if q := c / math.Sqrt(e); q > best {
				best, lag = q, l
			}
		}
	}
	return lag, min(lag, tmpl)
}
