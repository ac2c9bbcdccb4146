package pcm

import "math"

// LevelSilence is the level of digital silence (RFC 6464 section 3).
const LevelSilence = 127

// Level is the root-mean-square level of the samples in -dBov as in RFC 6464: 0 is a full-scale square
// wave, 3 a full-scale sine, 127 digital silence or anything below -127 dBov.
func Level(samples []int16) uint8 {
	sum := energy(samples)
	if sum == 0 {
		return LevelSilence
	}
	mean := float64(sum) / float64(len(samples)) / (32768 * 32768)
	return uint8(max(0, min(LevelSilence, math.Round(-10*math.Log10(mean)))))
}

// energy is the sum of the squares, exactly. Two squares fit 32 bits; four sums run side by side.
func energy(samples []int16) uint64 {
	var s0, s1, s2, s3 uint64
	for len(samples) >= 8 {
		s := (*[8]int16)(samples)
		s0 += uint64(square(s[0]) + square(s[1]))
		s1 += uint64(square(s[2]) + square(s[3]))
		s2 += uint64(square(s[4]) + square(s[5]))
		s3 += uint64(square(s[6]) + square(s[7]))
		samples = samples[8:]
	}
	for _, s := range samples {
		s0 += uint64(square(s))
	}
	return s0 + s1 + s2 + s3
}

func square(s int16) uint32 { return uint32(int32(s) * int32(s)) }

// peak16 is the largest magnitude.
func peak16(samples []int16) int32 {
	var lo, hi int16
	for _, s := range samples {
		lo, hi = min(lo, s), max(hi, s)
	}
	return max(int32(hi), -int32(lo))
}
