package prompt

import (
	"math"
	"sync"

	"github.com/cordboard/cordboard/media/pcm"
)

// The hold music: eight slow chords on a soft pad, with a plucked note on each beat. Notes are MIDI
// numbers; each chord has a bass note, three of a pad, and eight to pluck.
var chords = [8]struct {
	bass  int
	pad   [3]int
	pluck [8]int
}{
	{48, [3]int{60, 64, 67}, [8]int{72, 76, 79, 76, 74, 76, 79, 84}}, // C
	{45, [3]int{60, 64, 69}, [8]int{72, 76, 81, 76, 72, 76, 79, 76}}, // A minor
	{41, [3]int{60, 65, 69}, [8]int{72, 77, 81, 77, 76, 77, 81, 84}}, // F
	{43, [3]int{59, 62, 67}, [8]int{71, 74, 79, 74, 71, 74, 76, 74}}, // G
	{40, [3]int{59, 64, 67}, [8]int{71, 76, 79, 76, 74, 76, 79, 83}}, // E minor
	{45, [3]int{57, 60, 64}, [8]int{69, 72, 76, 72, 69, 72, 74, 76}}, // A minor
	{50, [3]int{57, 62, 65}, [8]int{69, 74, 77, 74, 72, 74, 77, 81}}, // D minor
	{43, [3]int{59, 62, 65}, [8]int{71, 74, 77, 74, 71, 67, 71, 74}}, // G7
}

const (
	musicRate  = pcm.Rate16k
	chordLen   = 4 * int(musicRate) // samples
	pluckLen   = chordLen / 8
	musicLevel = -24.0 // RMS in dBFS: under a voice, where it must not tire
)

// music is rendered once, when the first call is put on hold.
var music = sync.OnceValue(renderMusic)

// NewMusic makes a player of the hold music, 32 seconds that loop without a seam. All players share the
// samples.
func NewMusic() *Clip { return NewPCM(music(), musicRate, true) }

func renderMusic() []int16 {
	wave := make([]float64, len(chords)*chordLen)
	long, short := padShape(), pluckShape()
	for i, c := range chords {
		at := i * chordLen
		pad(wave, long, at, c.bass, 0.5)
		for _, n := range c.pad {
			pad(wave, long, at, n, 0.3)
		}
		for k, n := range c.pluck {
			pluck(wave, short, (at+k*pluckLen)%len(wave), n, 0.22)
		}
	}
	var energy float64
	for _, v := range wave {
		energy += v * v
	}
	a := math.MaxInt16 * math.Pow(10, musicLevel/20) / math.Sqrt2 / math.Sqrt(energy/float64(len(wave)))
	out := make([]int16, len(wave))
	for i, v := range wave {
		out[i] = pcm.Clip16(int32(math.Round(a * v)))
	}
	return out
}

const (
	swell = int(musicRate)         // of a pad's note: a second up, and a second down into the next chord
	ring  = 3 * int(musicRate) / 2 // of a plucked note
)

// padShape and pluckShape are how a note's volume runs, computed once for all notes.
func padShape() []float64 {
	shape := make([]float64, chordLen+swell)
	for i := range shape {
		up := min(1, float64(i)/float64(swell))
		down := min(1, float64(len(shape)-i)/float64(swell))
		shape[i] = math.Sin(up*math.Pi/2) * math.Sin(down*math.Pi/2)
	}
	return shape
}

func pluckShape() []float64 {
	shape := make([]float64, ring)
	for i := range shape {
		t := float64(i) / float64(musicRate)
		shape[i] = min(1, t/0.012) * math.Exp(-t*3) * min(1, float64(ring-i)/400)
	}
	return shape
}

// pad adds a note that swells over a second and leaves over the next chord's first second. Two strings,
// slightly apart, make it breathe.
func pad(wave, shape []float64, at, note int, volume float64) {
	for _, detune := range [2]float64{-0.35, 0.35} {
		add(wave, shape, at, hertz(note)+detune, volume, [3]float64{1, 0.25, 0.08})
	}
}

// pluck adds a note that starts softly and rings out over a second and a half.
func pluck(wave, shape []float64, at, note int, volume float64) {
	add(wave, shape, at, hertz(note), volume, [3]float64{1, 0.3, 0.1})
}

// add adds a note with its partials, going round at the end so that the loop has no seam.
func add(wave, shape []float64, at int, freq, volume float64, partials [3]float64) {
	for k, p := range partials {
		if freq*float64(k+1) > 3300 {
			break // nothing a telephone would not carry
		}
		dsin, dcos := math.Sincos(2 * math.Pi * freq * float64(k+1) / float64(musicRate))
		sin, cos := 0.0, volume*p
		for left, to := shape, wave[at:]; len(left) > 0; to = wave {
			n := min(len(left), len(to))
			for i, s := range left[:n] {
				to[i] += s * sin
				sin, cos = sin*dcos+cos*dsin, cos*dcos-sin*dsin
			}
			left = left[n:]
		}
	}
}

func hertz(note int) float64 { return 440 * math.Pow(2, float64(note-69)/12) }
