// Package g711 is ITU-T G.711: 8 kHz audio as one byte per sample, logarithmic, in the two laws the world's
// telephone networks use. Both directions are table look-ups; the tables are computed from the
// recommendation's segments at start.
package g711

import (
	"math/bits"

	"github.com/cordboard/cordboard/media"
)

var (
	muDecode, aDecode [256]int16
	// The encode tables are indexed by the sample's upper bits: mu-law tells 14-bit samples apart, A-law
	// 13-bit ones.
	muEncode [1 << 14]byte
	aEncode  [1 << 13]byte
)

func init() {
	for i := range 256 {
		muDecode[i], aDecode[i] = muToLinear(byte(i)), aToLinear(byte(i))
	}
	for i := range muEncode {
		muEncode[i] = linearToMu(int32(int16(i << 2)))
	}
	for i := range aEncode {
		aEncode[i] = linearToA(int32(int16(i << 3)))
	}
}

// Table is the decoding table of media.PCMU or media.PCMA. It must not be changed.
func Table(c media.Codec) *[256]int16 {
	if c == media.PCMA {
		return &aDecode
	}
	return &muDecode
}

// Decode writes one sample per byte of payload to dst and returns their number.
func Decode(dst []int16, payload []byte, table *[256]int16) int {
	dst = dst[:len(payload)]
	for i, b := range payload {
		dst[i] = table[b]
	}
	return len(dst)
}

// EncodeMu writes one mu-law byte per sample to dst and returns their number.
func EncodeMu(dst []byte, src []int16) int {
	dst = dst[:len(src)]
	for i, s := range src {
		dst[i] = muEncode[uint16(s)>>2]
	}
	return len(dst)
}

// EncodeA writes one A-law byte per sample to dst and returns their number.
func EncodeA(dst []byte, src []int16) int {
	dst = dst[:len(src)]
	for i, s := range src {
		dst[i] = aEncode[uint16(s)>>3]
	}
	return len(dst)
}

// The segments of mu-law (G.711 table 2) become plain doublings once 33 is added to the 14-bit
// magnitude; the byte goes over the line inverted.
const muBias = 33

func linearToMu(s int32) byte {
	sign, m := byte(0x80), s>>2
	if s < 0 {
		sign, m = 0, ^s>>2 // one's complement: -1 falls into the step next to zero
	}
	m = min(m+muBias, 8191)
	segment := byte(0)
	for m>>(segment+6) != 0 {
		segment++
	}
	return sign | (^(segment<<4 | byte(m>>(segment+1)&15)))&0x7f
}

func muToLinear(b byte) int16 {
	b = ^b
	segment, step := b>>4&7, int32(b&15)
	m := ((step<<1 + muBias) << segment) - muBias
	if b&0x80 != 0 {
		m = -m
	}
	return int16(m << 2)
}

// aInvert is the even-bit inversion of A-law (G.711 table 1a, note 2).
const aInvert = 0x55

func linearToA(s int32) byte {
	sign, m := byte(0x80), s>>4
	if s < 0 {
		sign, m = 0, ^s>>4
	}
	segment, step := 0, m // below 16 there is no leading one
	if m >= 16 {
		segment = bits.Len32(uint32(m)) - 4
		step = m >> (segment - 1) & 15
	}
	return (sign | byte(segment<<4) | byte(step)) ^ aInvert
}

func aToLinear(b byte) int16 {
	b ^= aInvert
	segment, step := b>>4&7, int32(b&15)
	m := step<<1 + 1
	if segment > 0 {
		m = (m + 32) << (segment - 1)
	}
	if b&0x80 == 0 {
		m = -m
	}
	return int16(m << 3)
}
