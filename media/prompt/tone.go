// Package prompt makes what the server itself has to say: ringback, beeps, tones for coming and going,
// hold music and recorded announcements. Each is a media.Source that a room can play. Everything is
// computed, so there is no file to license or to lose, and every player of the same prompt sounds the
// same. Reading a frame allocates nothing.
package prompt

import (
	"math"
	"strings"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// Source is a media.Source that may come to an end.
type Source interface {
	media.Source
	// Done reports whether everything was read. One that loops is never done. For the goroutine of
	// ReadFrame.
	Done() bool
}

// Step is one piece of a Tone: up to two frequencies in hertz, both zero for silence, for a time.
type Step struct {
	Freqs [2]float64
	For   time.Duration
}

// clock is the resolution of a tone's steps: samples at the highest rate.
const clock = int64(pcm.Rate48k)

// edge is how long a tone fades in and out, so that it does not click.
const edge = clock / 200 // 5 ms

// Tone plays steps, once or over and over. Not safe for concurrent use.
type Tone struct {
	steps []Step
	ends  []int64 // when each step ends, in units of clock
	amp   float64
	loop  bool
	at    int64 // in units of clock since the beginning of the round
	done  bool
}

// NewTone makes a tone. level is that of each frequency in dBFS, 0 being a full-scale sine.
func NewTone(level float64, loop bool, steps ...Step) *Tone {
	t := &Tone{steps: steps, amp: math.MaxInt16 * math.Pow(10, level/20), loop: loop}
	var end int64
	for _, s := range steps {
		end += int64(s.For) * clock / int64(time.Second)
		t.ends = append(t.ends, end)
	}
	t.done = end == 0
	return t
}

// Rate implements media.Source: all our tones fit into 8 kHz.
func (t *Tone) Rate() pcm.Rate { return pcm.Rate8k }

// Done implements Source.
func (t *Tone) Done() bool { return t.done }

// Rewind starts the tone from its beginning.

// ReadFrame implements media.Source: Audio, Silence in a pause that lasts the whole frame, Absent after
// the end.
func (t *Tone) ReadFrame(dst *pcm.Frame) media.Kind {
	dst.Reset(dst.Rate())
	if t.done {
		return media.Absent
	}
	kind := media.Silence
	out, unit := dst.Samples(), clock/int64(dst.Rate())
	for len(out) > 0 && !t.done {
		i := t.step()
		n := min(int64(len(out)), (t.ends[i]-t.at+unit-1)/unit)
		if t.fill(out[:n], i, unit) {
			kind = media.Audio
		}
		out = out[n:]
		t.at += n * unit
		if end := t.ends[len(t.ends)-1]; t.at >= end {
			t.at -= end
			t.done = !t.loop
		}
	}
	return kind
}

// step is the index of the step at hand.
func (t *Tone) step() int {
	i := 0
	for t.at >= t.ends[i] {
		i++
	}
	return i
}

// fill writes the part of step i that begins now, and reports whether there is sound in it.
func (t *Tone) fill(out []int16, i int, unit int64) (sound bool) {
	begin := int64(0)
	if i > 0 {
		begin = t.ends[i-1]
	}
	for _, f := range t.steps[i].Freqs {
		if f == 0 {
			continue
		}
		sound = true
		// Phases count from the beginning of the step, a rotation goes from sample to sample.
		sin, cos := math.Sincos(2 * math.Pi * f * float64(t.at-begin) / float64(clock))
		dsin, dcos := math.Sincos(2 * math.Pi * f * float64(unit) / float64(clock))
		for k := range out {
			now := t.at + int64(k)*unit
			a := t.amp * min(1, float64(now-begin)/float64(edge), float64(t.ends[i]-now)/float64(edge))
			out[k] = pcm.Clip16(int32(out[k]) + int32(math.Round(a*sin)))
			sin, cos = sin*dcos+cos*dsin, cos*dcos-sin*dsin
		}
	}
	return sound
}

// Ringback is the tone a caller hears while the far phone rings, as in the given country (ISO 3166 letters:
// US and CA, GB and IE; all others the European one of ETSI and ITU-T E.180: 425 Hz, 1 s in 5). It loops.
func Ringback(country string) *Tone {
	switch strings.ToUpper(country) {
	case "US", "CA":
		return NewTone(-19, true, Step{[2]float64{440, 480}, 2 * time.Second}, Step{For: 4 * time.Second})
	case "GB", "IE":
		f := [2]float64{400, 450}
		return NewTone(-19, true, Step{f, 400 * time.Millisecond}, Step{For: 200 * time.Millisecond},
			Step{f, 400 * time.Millisecond}, Step{For: 2 * time.Second})
	default:
		return NewTone(-16, true, Step{[2]float64{425}, time.Second}, Step{For: 4 * time.Second})
	}
}

// Busy is the European busy tone. It loops.
func Busy() *Tone {
	return NewTone(-16, true, Step{[2]float64{425}, 500 * time.Millisecond}, Step{For: 500 * time.Millisecond})
}

// Beep is one short tone, as before a recording.
func Beep() *Tone {
	return NewTone(-18, false, Step{[2]float64{1400}, 200 * time.Millisecond})
}

// RecordingBeep is the reminder that a call is being recorded: a beep every 15 seconds. It loops.
func RecordingBeep() *Tone {
	return NewTone(-24, true, Step{[2]float64{1400}, 200 * time.Millisecond}, Step{For: 14800 * time.Millisecond})
}

// Entry is heard when somebody joins: two tones, rising.
func Entry() *Tone {
	return NewTone(-20, false, Step{[2]float64{523.25}, 120 * time.Millisecond}, Step{[2]float64{783.99}, 180 * time.Millisecond})
}

// Exit is heard when somebody leaves: two tones, falling.
func Exit() *Tone {
	return NewTone(-20, false, Step{[2]float64{783.99}, 120 * time.Millisecond}, Step{[2]float64{523.25}, 180 * time.Millisecond})
}
