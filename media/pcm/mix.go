package pcm

import "math"

// The loops take eight samples at a time through array pointers: one bounds check each, and additions
// that do not wait for each other.

// Add adds src to the sum. The sum of up to 65536 sources is exact. The slices have one length.
func Add(sum []int32, src []int16) {
	sum = sum[:len(src)]
	for len(src) >= 8 && len(sum) >= 8 {
		to, s := (*[8]int32)(sum), (*[8]int16)(src)
		to[0] += int32(s[0])
		to[1] += int32(s[1])
		to[2] += int32(s[2])
		to[3] += int32(s[3])
		to[4] += int32(s[4])
		to[5] += int32(s[5])
		to[6] += int32(s[6])
		to[7] += int32(s[7])
		sum, src = sum[8:], src[8:]
	}
	for i, s := range src {
		sum[i] += int32(s)
	}
}

// Sub takes src out of the sum it was added to, exactly.
func Sub(sum []int32, src []int16) {
	sum = sum[:len(src)]
	for len(src) >= 8 && len(sum) >= 8 {
		to, s := (*[8]int32)(sum), (*[8]int16)(src)
		to[0] -= int32(s[0])
		to[1] -= int32(s[1])
		to[2] -= int32(s[2])
		to[3] -= int32(s[3])
		to[4] -= int32(s[4])
		to[5] -= int32(s[5])
		to[6] -= int32(s[6])
		to[7] -= int32(s[7])
		sum, src = sum[8:], src[8:]
	}
	for i, s := range src {
		sum[i] -= int32(s)
	}
}

// Clip writes the sum, limited to 16 bits, to dst. It comes last: a sum that is clipped before the
// listener's own voice is taken out is wrong exactly when it is loud.
func Clip(dst []int16, sum []int32) {
	dst = dst[:len(sum)]
	if fits(dst, sum, math.MaxInt16) {
		return
	}
	for i, s := range sum {
		dst[i] = Clip16(s)
	}
}

// fits copies the sum to dst and reports whether no value is beyond plus or minus limit; where one is,
// dst holds nothing of use. No branch depends on a sample: a value beyond shows as the sign of its
// distance from a limit, and if both distances overflow or not, one of them is negative.
func fits(dst []int16, sum []int32, limit int32) bool {
	var beyond, more int32
	for len(sum) >= 8 && len(dst) >= 8 {
		to, s := (*[8]int16)(dst), (*[8]int32)(sum)
		s0, s1, s2, s3 := s[0], s[1], s[2], s[3]
		beyond |= (limit - s0) | (limit + s0) | (limit - s1) | (limit + s1)
		more |= (limit - s2) | (limit + s2) | (limit - s3) | (limit + s3)
		to[0], to[1], to[2], to[3] = int16(s0), int16(s1), int16(s2), int16(s3)
		s4, s5, s6, s7 := s[4], s[5], s[6], s[7]
		beyond |= (limit - s4) | (limit + s4) | (limit - s5) | (limit + s5)
		more |= (limit - s6) | (limit + s6) | (limit - s7) | (limit + s7)
		to[4], to[5], to[6], to[7] = int16(s4), int16(s5), int16(s6), int16(s7)
		sum, dst = sum[8:], dst[8:]
	}
	for i, s := range sum {
		beyond |= (limit - s) | (limit + s)
		dst[i] = int16(s)
	}
	return beyond|more >= 0
}

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
