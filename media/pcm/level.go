package pcm

import (
	"math"

	"github.com/cordboard/cordboard/internal/vec"
)

// LevelSilence is the level of digital silence (RFC 6464 section 3).
const LevelSilence = 127

// Level is the root-mean-square level of the samples in -dBov as in RFC 6464: 0 is a full-scale square
// wave, 3 a full-scale sine, 127 digital silence or anything below -127 dBov.
func Level(samples []int16) uint8 {
	sum := vec.Energy(samples)
	if sum == 0 {
		return LevelSilence
	}
	mean := float64(sum) / float64(len(samples)) / (32768 * 32768)
	return uint8(max(0, min(LevelSilence, math.Round(-10*math.Log10(mean)))))
}

// peak16 is the largest magnitude.
func peak16(samples []int16) int32 {
	var lo, hi int16
	for _, s := range samples {
		lo, hi = min(lo, s), max(hi, s)
	}
	return max(int32(hi), -int32(lo))
}
