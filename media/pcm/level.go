package pcm

import "math"

// LevelSilence is the level of digital silence (RFC 6464 section 3).
const LevelSilence = 127

// Level is the root-mean-square level of the samples in -dBov as in RFC 6464: 0 is a full-scale square
// wave, 3 a full-scale sine, 127 digital silence or anything below -127 dBov.
func Level(samples []int16) uint8 {
	var sum uint64
	for _, s := range samples {
		v := int64(s)
		sum += uint64(v * v)
	}
	if sum == 0 {
		return LevelSilence
	}
	mean := float64(sum) / float64(len(samples)) / (32768 * 32768)
	return uint8(max(0, min(LevelSilence, math.Round(-10*math.Log10(mean)))))
}
