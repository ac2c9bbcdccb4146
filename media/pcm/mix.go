package pcm

import (
	"math"

	"github.com/cordboard/cordboard/internal/vec"
)

// Add adds src to the sum. The sum of up to 65536 sources is exact. The slices have one length.
func Add(sum []int32, src []int16) { vec.Add(sum[:len(src)], src) }

// Sub takes src out of the sum it was added to, exactly.
func Sub(sum []int32, src []int16) { vec.Sub(sum[:len(src)], src) }

// Clip writes the sum, limited to 16 bits, to dst. It comes last: a sum that is clipped before the
// listener's own voice is taken out is wrong exactly when it is loud.
func Clip(dst []int16, sum []int32) { vec.Narrow(dst[:len(sum)], sum) }

// Clip16 limits one sample to 16 bits.
func Clip16(s int32) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, s)))
}

// Silent reports whether all samples are zero.
func Silent(samples []int16) bool {
	var or int16
	for _, s := range samples {
		or |= s
	}
	return or == 0
}
