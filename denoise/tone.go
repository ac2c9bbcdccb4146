package denoise

// What a machine says in tones is no noise, though a network that was taught voices takes it for some: the digits
// of a telephone, ring-back, busy, a test tone. A frame that is nothing but one or two tones is let through as it
// is. Music is not recognised; hold music must not be led through a Denoiser.

const (
	toneSilence = 1e-10 // power, about -80 dBFS
	toneShare   = 0.86  // of the power that lies in the two strongest peaks; a tone 10 dB above noise has 0.91
	toneBroad   = 0.97  // of the power within 150 Hz of the strongest peak
	toneLowest  = 6     // bin, 300 Hz: below, a fan hums and vowels live
	toneHops    = 5     // that the peaks must stay where they are to be a steady tone
	toneSure    = 15    // hops after which it is so sure that a third of them may look otherwise: two tones beat
	toneHold    = 3     // hops that a tone outlives its last sign, so that its end is not cut
	toneRecall  = 600   // hops, 6 s, for which a steady tone is known again at once: ring-back pauses
	toneBegin   = 4     // hops out of silence in which a tone need not be steady yet
)

// tones follows the strongest peaks of one stream.
type tones struct {
	low, high int // bins; of a lone tone the same
	steady    int // hops that they have been there, less two for each that looked otherwise
	hold      int

	known  [2]int // the steady tones of late
	recall int    // hops for which they are still remembered
	begun  int    // hops, up to toneBegin, since there was silence
}

// strongest is the sum of p and where its greatest value is.
func strongest(p []float32) (total float32, at int) {
	// Four sums and four maxima: one would be a chain of additions that wait for each other.
	var sum, most [4]float32
	i := 0
	for ; i+4 <= len(p); i += 4 {
		v := (*[4]float32)(p[i:])
		for j := range 4 {
			sum[j] += v[j]
			if v[j] > most[j] {
				most[j] = v[j]
			}
		}
	}
	total, top := sum[0]+sum[1]+sum[2]+sum[3], max(most[0], most[1], most[2], most[3])
	for ; i < len(p); i++ {
		total += p[i]
		top = max(top, p[i])
	}
	for i, v := range p {
		if v == top {
			return total, i
		}
	}
	return total, 0
}

// peak is the strongest of the bins from..to-1 and its power with its neighbours'; from > 0, to < len(p).
func peak(p []float32, from, to int) (at int, sum float32) {
	at = from
	for i := from + 1; i < to; i++ {
		if p[i] > p[at] {
			at = i
		}
	}
	return at, p[at-1] + p[at] + p[at+1]
}

// tone reports whether the frame with these powers is one or two tones and nothing else to speak of. DTMF, one
// tone from each group, is known at once.
func (t *tones) tone(p *[padded]float32, known int) bool {
	total, a := strongest(p[2 : known-1])
	a += 2
	sa := p[a-1] + p[a] + p[a+1]
	is := false
	if a >= toneLowest && total > toneSilence && sa > toneShare/2.2*total {
		b, sb := 0, float32(0)
		if a > 3 {
			b, sb = peak(p[:], 2, a-2)
		}
		if a+3 < known-1 {
			if c, sc := peak(p[:], a+3, known-1); sc > sb {
				b, sb = c, sc
			}
		}
		// Two tones that beat are one broad peak or two, in turn.
		var broad float32
		for _, v := range p[a-3 : a+4] {
			broad += v
		}
		lone := sb < 0.02*sa || broad > toneBroad*total
		if lone {
			b = a
		}
		low, high := min(a, b), max(a, b)
		pure := (lone && broad > toneBroad*total || sa+sb > toneShare*total) && low >= toneLowest
		switch {
		case pure && near(low, t.low) && near(high, t.high):
			t.steady = min(toneSure, t.steady+1)
		case t.steady > 0:
			t.steady = max(0, t.steady-2)
		default:
			t.low, t.high = low, high
		}
		// 697 to 941 Hz and 1209 to 1633 Hz, neither more than 8 dB above the other.
		digit := low >= 13 && low <= 20 && high >= 23 && high <= 34 && sb > 0.16*sa
		again := t.recall > 0 && near(low, t.known[0]) && near(high, t.known[1])
		is = pure && (digit || again || t.begun < toneBegin) || t.steady >= toneHops
		if t.steady >= toneHops {
			t.known, t.recall = [2]int{t.low, t.high}, toneRecall
		}
	} else {
		t.steady = 0
	}
	t.recall = max(0, t.recall-1)
	t.begun = min(toneBegin, t.begun+1)
	if total <= toneSilence {
		t.begun = 0
	}
	if is {
		t.hold = toneHold
	} else if t.hold > 0 {
		t.hold--
		is = true
	}
	return is
}

func near(a, b int) bool { return a-b <= 2 && b-a <= 2 }
