package pcm

import "github.com/cordboard/cordboard/internal/vec"

// Limiter keeps a sum of voices inside 16 bits by turning it down for a moment instead of clipping it.
// It looks at 2.5 ms at a time, adds no delay, comes down within one such block and goes back up over
// about 200 ms. What a block's onset still exceeds is clipped. A sum that fits passes bit-exact. The zero
// Limiter is ready. Not safe for concurrent use.
type Limiter struct {
	reduction float32 // 1 - gain
}

// Ceiling is the highest magnitude the limiter lets through, about 1 dB below full scale.
const Ceiling = 29204

const (
	blocksPerFrame = 8    // 2.5 ms each
	release        = 0.04 // of the reduction that goes away per block: a time constant of 62 ms
)

// Process limits one frame's sum into dst, which has the same length.
func (l *Limiter) Process(dst []int16, sum []int32) {
	dst = dst[:len(sum)]
	if l.reduction == 0 {
		if lo, hi := vec.Narrow(dst, sum); lo >= -Ceiling && hi <= Ceiling {
			return // as nearly always: all blocks pass as they are
		}
	}
	for len(sum) > 0 {
		n := max(1, min(len(sum), (len(dst)+blocksPerFrame-1)/blocksPerFrame))
		if n < len(sum) && len(sum) < 2*n {
			n = len(sum)
		}
		l.block(dst[len(dst)-len(sum):][:n], sum[:n])
		sum = sum[n:]
	}
}

func (l *Limiter) block(dst []int16, sum []int32) {
	lo, hi := vec.Narrow(dst, sum)
	peak := max(hi, -lo)
	want := float32(0)
	if peak > Ceiling {
		want = 1 - Ceiling/float32(peak)
	}
	if want < l.reduction {
		want = max(want, l.reduction*(1-release))
		if want < 1e-4 {
			want = 0
		}
	}
	if want == 0 && l.reduction == 0 {
		return
	}
	gain, step := 1-l.reduction, (l.reduction-want)/float32(len(sum))
	for i, s := range sum {
		gain += step
		dst[i] = round(float32(s) * gain)
	}
	l.reduction = want
}
