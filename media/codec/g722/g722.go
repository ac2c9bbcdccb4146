// Package g722 is ITU-T G.722 at 64 kbit/s (mode 1): 16 kHz audio, split by a quadrature mirror filter
// into two bands of 8 kHz samples, each coded by adaptive differential PCM, six bits for the lower band
// and two for the upper: one byte for two samples. The names in comments (QUANTL, SCALEL, UPZERO, ...)
// are those of the blocks in the recommendation's section 6.
//
// Its RTP clock is 8000 although its audio has 16000 samples a second (RFC 3551 section 4.5.2).
package g722

// qmf holds one half of the symmetric impulse response of both filters (table 11), the even taps of the
// transmit filter in order; the odd ones are the same backwards.
var qmf = [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}

// band is the adaptive half of one sub-band's ADPCM, the same in encoder and decoder.
type band struct {
	det int32    // step size (DETL, DETH)
	nb  int32    // its logarithm (NBL, NBH)
	s   int32    // predicted sample (SL, SH)
	sz  int32    // its part from the zeros
	r   [2]int32 // twice the reconstructed samples, saturated: the filters use nothing else
	p   [2]int32 // partially reconstructed samples
	a   [3]int32 // pole coefficients, from 1
	d   [6]int32 // twice the quantised differences, saturated
	b   [6]int32 // zero coefficients
}

func sat(v int32) int32 { return max(-32768, min(32767, v)) }

// adapt takes in the quantised difference and predicts the next sample (BLOCK4).
func (s *band) adapt(d int32) {
	r := sat(2 * sat(s.s+d)) // RECONS
	p := sat(s.sz + d)       // PARREC

	same1, same2 := p^s.p[0] >= 0, p^s.p[1] >= 0
	wd := sat(s.a[1] << 2) // UPPOL2
	if same1 {
		wd = min(-wd, 32767)
	}
	a2 := wd>>7 + s.a[2]*32512>>15
	if same2 {
		a2 += 128
	} else {
		a2 -= 128
	}
	a2 = max(-12288, min(12288, a2))

	a1 := s.a[1] * 32640 >> 15 // UPPOL1
	if same1 {
		a1 = sat(a1 + 192)
	} else {
		a1 = sat(a1 - 192)
	}
	limit := sat(15360 - a2)
	s.a[1], s.a[2] = max(-limit, min(limit, a1)), a2

	gain := int32(128) // UPZERO
	if d == 0 {
		gain = 0
	}
	var sz int32 // FILTEZ
	x := sat(2 * d)
	for i, last := range &s.d {
		b := s.b[i] * 32640 >> 15
		if last^d >= 0 {
			b += gain
		} else {
			b -= gain
		}
		s.b[i] = b // within 16 bits: 32639 and 128 are 32767
		sz += b * x >> 15
		s.d[i], x = x, last // DELAYA
	}
	s.r[1], s.r[0] = s.r[0], r
	s.p[1], s.p[0] = s.p[0], p

	sp := sat(s.a[1]*s.r[0]>>15 + s.a[2]*s.r[1]>>15) // FILTEP
	s.sz = sat(sz)
	s.s = sat(sp + s.sz) // PREDIC
}

// scale moves the logarithmic step size by w and computes the step size from it (LOGSC, SCALE). shift is
// 8 in the lower band and 10 in the upper, limit the largest logarithm.
func (s *band) scale(w, shift, limit int32) {
	s.nb = max(0, min(limit, s.nb*127>>7+w))
	v := antilog[s.nb>>6&31]
	if shift -= s.nb >> 11; shift < 0 {
		v <<= -shift
	} else {
		v >>= shift
	}
	s.det = v << 2
}

// low takes the six-bit code into the lower band's state; only four of the bits count there, so that
// modes that rob two of them stay in step.
func (s *band) low(code int32) {
	d := s.det * invert4[code>>2] >> 15   // INVQAL
	s.scale(weightLow[code>>2], 8, 18432) // SCALEL
	s.adapt(d)
}

func (s *band) high(code int32) {
	d := s.det * invert2[code] >> 15     // INVQAH
	s.scale(weightHigh[code], 10, 22528) // SCALEH
	s.adapt(d)
}

// state is what both directions have.
type state struct {
	lower, upper band
	x            [24]int32 // the filter's delay line
}

func (s *state) reset() { *s = state{lower: band{det: 32}, upper: band{det: 8}} }

// filter runs both halves of the mirror filter over the delay line.
func (s *state) filter() (even, odd int32) {
	for i, c := range qmf {
		even += s.x[2*i] * c
		odd += s.x[2*i+1] * qmf[11-i]
	}
	return even, odd
}

// Encoder encodes one stream. The zero Encoder is not usable; call Reset first.
type Encoder struct{ state }

// Reset starts a new stream.
func (e *Encoder) Reset() { e.reset() }

// Encode writes one byte per two samples to dst and returns their number. An odd last sample is ignored.
func (e *Encoder) Encode(dst []byte, src []int16) int {
	n := len(src) / 2
	dst = dst[:n]
	for i := range dst {
		copy(e.x[:], e.x[2:])
		e.x[22], e.x[23] = int32(src[2*i]), int32(src[2*i+1])
		even, odd := e.filter()
		low := quantizeLow(sat((odd+even)>>14-e.lower.s), e.lower.det)
		high := quantizeHigh(sat((odd-even)>>14-e.upper.s), e.upper.det)
		e.lower.low(low)
		e.upper.high(high)
		dst[i] = byte(high<<6 | low)
	}
	return n
}

// quantizeLow is QUANTL: 60 levels of a difference.
func quantizeLow(diff, det int32) int32 {
	m := diff
	if diff < 0 {
		m = ^diff
	}
	level := int32(1)
	for level < 30 && m >= decide[level]*det>>12 {
		level++
	}
	switch {
	case diff >= 0:
		return 62 - level
	case level <= 2:
		return 64 - level
	default:
		return 34 - level
	}
}

// quantizeHigh is QUANTH: four levels.
func quantizeHigh(diff, det int32) int32 {
	m, code := diff, int32(3)
	if diff < 0 {
		m, code = ^diff, 1
	}
	if m >= 564*det>>12 {
		code--
	}
	return code
}

// Decoder decodes one stream. The zero Decoder is not usable; call Reset first.
type Decoder struct{ state }

// Reset starts a new stream.
func (d *Decoder) Reset() { d.reset() }

// Decode writes two samples per byte to dst and returns their number.
func (d *Decoder) Decode(dst []int16, payload []byte) int {
	dst = dst[:2*len(payload)]
	for i, b := range payload {
		low, high := int32(b&63), int32(b>>6)
		rl := max(-16384, min(16383, d.lower.s+d.lower.det*invert6[low]>>15)) // INVQBL, LIMIT
		rh := max(-16384, min(16383, d.upper.s+d.upper.det*invert2[high]>>15))
		d.lower.low(low)
		d.upper.high(high)
		copy(d.x[:], d.x[2:])
		d.x[22], d.x[23] = rl+rh, rl-rh
		even, odd := d.filter()
		dst[2*i], dst[2*i+1] = int16(sat(odd>>11)), int16(sat(even>>11))
	}
	return len(dst)
}
