package testaudio

import (
	"math"
	"math/rand/v2"
)

// Music is n samples of a tune: chords and an arpeggio in a tempo and key by the seed, a melody above, a bass below,
// and drums for every second seed.
func Music(seed uint64, rate float64, n int, dbfs float64) []int16 {
	g := rand.New(rand.NewPCG(seed, 9))
	wave := make([]float64, n)
	beat := 60 / (75 + 70*g.Float64()) // seconds
	tonic := 45 + g.IntN(12)           // MIDI
	voices := [...][]float64{{1, 0.5, 0.3, 0.2, 0.1}, {1, 0.1, 0.4, 0.05, 0.2}, {1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1}, {1, 0, 0.1}}
	lead, back := voices[g.IntN(len(voices))], voices[g.IntN(len(voices))]
	note := func(at, length float64, key int, amp, decay float64, partials []float64) {
		hz := 440 * math.Pow(2, float64(key-69)/12)
		from := int(at * rate)
		for i := max(0, from); i < min(n, from+int((length+0.15)*rate)); i++ {
			t := float64(i-from) / rate
			env := min(1, t/0.01) * math.Exp(-decay*t)
			if t > length {
				env *= max(0, 1-(t-length)/0.15)
			}
			for k, p := range partials {
				if f := hz * float64(k+1); f < rate/2*0.95 {
					wave[i] += amp * p * env * math.Sin(2*math.Pi*f*t)
				}
			}
		}
	}
	scale := []int{0, 2, 4, 5, 7, 9, 11}
	degree := func(d int) int { return tonic + 12*(d/7) + scale[d%7] }
	roots := []int{0, 5, 3, 4, 1, 4}
	melody := 14 + g.IntN(5)
	decay := 0.5 + 3*g.Float64()
	for bar := 0; float64(bar)*4*beat < float64(n)/rate; bar++ {
		at := float64(bar) * 4 * beat
		root := roots[(bar+int(seed))%len(roots)]
		for _, d := range []int{0, 2, 4} {
			note(at, 4*beat, degree(7+root+d), 0.3, 0.4, back)
		}
		note(at, 2*beat, degree(root)-12, 0.6, 1, back)
		note(at+2*beat, 2*beat, degree(root+4)-12, 0.5, 1, back)
		for b := range 8 {
			note(at+float64(b)*beat/2, beat/2, degree(14+root+[]int{0, 2, 4, 7}[b%4]), 0.35, decay, lead)
			if g.IntN(2) == 0 {
				melody = max(12, min(24, melody+g.IntN(5)-2))
				note(at+float64(b)*beat/2, beat*[]float64{0.5, 1, 1.5}[g.IntN(3)], degree(melody), 0.7, 1, lead)
			}
			if seed%2 == 0 { // kick or snare on the beat, a hat between
				from := int((at + float64(b)*beat/2) * rate)
				for i := from; i < min(n, from+int(0.12*rate)); i++ {
					t := float64(i-from) / rate
					switch {
					case b%2 == 1:
						wave[i] += 0.15 * math.Exp(-60*t) * g.NormFloat64()
					case b%4 == 0:
						wave[i] += 1.2 * math.Exp(-25*t) * math.Sin(2*math.Pi*(60+60*math.Exp(-40*t))*t)
					default:
						wave[i] += 0.5 * math.Exp(-30*t) * g.NormFloat64()
					}
				}
			}
		}
	}
	return scaled(wave, dbfs)
}

// Fan is n samples of a machine that runs steadily: broad noise and the lines of its blades or of the mains, by the seed.
func Fan(seed uint64, rate float64, n int, dbfs float64) []int16 {
	g := rand.New(rand.NewPCG(seed, 11))
	wave := make([]float64, n)
	hz, lines, tilt := 40+160*g.Float64(), 0.4*g.Float64(), 0.8+0.19*g.Float64()
	if seed%3 == 0 {
		hz, lines = 50, 0.6
	}
	wander, low := 0.0, 0.0
	phase := 0.0
	for i := range wave {
		wander += 0.002 * (g.NormFloat64() - 0.02*wander)
		phase += 2 * math.Pi * hz * (1 + 0.002*wander) / rate
		low = tilt*low + (1-tilt)*g.NormFloat64()
		wave[i] = low + 0.02*g.NormFloat64()
		for k := 1.0; k < 12 && k*hz < rate/2; k++ {
			wave[i] += lines / k * math.Sin(k*phase+k*k)
		}
	}
	return scaled(wave, dbfs)
}

// scaled is the wave at an RMS level in dBFS, where a full-scale sine has 0, held to 16 bits.
func scaled(wave []float64, dbfs float64) []int16 {
	var energy float64
	for _, v := range wave {
		energy += v * v
	}
	out := make([]int16, len(wave))
	if energy == 0 {
		return out
	}
	a := 32767 * math.Pow(10, dbfs/20) / math.Sqrt2 / math.Sqrt(energy/float64(len(wave)))
	for i, v := range wave {
		out[i] = int16(max(-32768, min(32767, math.Round(a*v))))
	}
	return out
}
