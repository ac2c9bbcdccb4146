package pcm

import (
	"math"

	"github.com/cordboard/cordboard/internal/vec"
)

// AGC brings one voice to the level of speech that telephony is built around, -26 dBov in the sense of
// ITU-T P.56 (23 dB below a full-scale sine), by at most 18 dB up or down. It measures speech alone, and
// its gain moves while speech sounds alone: what happens in pauses, noise that sets in or a line that goes
// dead leaves it where it is. A frame that would clip is turned down for that moment. It works at any
// rate, adds no delay and allocates nothing. The zero AGC is ready. Not safe for concurrent use.
type AGC struct {
	turn   float32 // the gain in force minus one
	end    float32 // where the last frame's envelope ended, minus one: below turn after a loud block
	speech float32 // mean square of speech, 0 before any was heard
	gate   float32 // mean square above which a frame moves the gain, 0 while there is no speech
	n      int     // frames in the window
	window [agcWindow]float32
}

const (
	agcWindow = 32       // frames, 640 ms: long enough that speech comes and goes in it
	agcTarget = 2.512e-3 // mean square of -26 dBov
	agcFloor  = 5.01e-6  // -53 dBov, 50 dB below a sine: what is softer is never speech
	agcMax    = 7.943    // 18 dB

	// agcSwing is how far a window's frames must lie apart to be speech, 12 dB: steady noise stays within
	// 4 dB. They must also fall back through half of it, or it is but noise that set in.
	agcSwing = 16
	// agcActive is the part of a window's loudest frame that still counts as speech, -16 dB as in P.56.
	agcActive = 1.0 / 40
	// agcNear and agcFar are how much of a window enters the level; far is a window 12 dB or more below it,
	// most likely somebody else in the background.
	agcNear, agcFar = 0.25, 0.03

	agcUp, agcDown = 1.0186, 0.9661 // per frame of speech: 8 dB per second up, 15 down
)

// Reset forgets the voice.
func (a *AGC) Reset() { *a = AGC{} }

// Gain is the factor in force.
func (a *AGC) Gain() float32 { return a.turn + 1 }

// Process changes one frame in place. Frames without speech must be given too.
func (a *AGC) Process(f *Frame) {
	samples := f.Samples()
	if len(samples) == 0 {
		return
	}
	power := float32(float64(vec.Energy(samples)) / float64(len(samples)) / (1 << 30))
	a.window[a.n] = power
	if a.n++; a.n == agcWindow {
		a.n = 0
		a.measure()
	}
	if a.gate > 0 && power > a.gate {
		want := float32(math.Sqrt(float64(agcTarget / a.speech)))
		want = max(1/float32(agcMax), min(agcMax, want))
		gain := a.turn + 1
		gain = max(gain*agcDown, min(gain*agcUp, want))
		if gain > 0.997 && gain < 1.003 && want > 0.97 && want < 1.03 {
			gain = 1
		}
		a.turn = gain - 1
	}
	if a.turn != 0 || a.end != 0 {
		a.scale(samples)
	}
}

// measure takes the level of the speech in a full window, if there is any.
func (a *AGC) measure() {
	loud, soft := a.window[0], a.window[0]
	for _, p := range a.window {
		loud, soft = max(loud, p), min(soft, p)
	}
	a.gate = 0
	if loud < agcFloor || loud < agcSwing*soft {
		return
	}
	var sum, active float32
	falls, up := 0, false
	middle := loud / 4
	for _, p := range a.window {
		if p > loud*agcActive && p > agcFloor {
			sum += p
			active++
		}
		if up && p < middle {
			falls++
		}
		up = p > middle
	}
	if falls == 0 || active < 4 {
		return
	}
	level := sum / active
	switch {
	case a.speech == 0:
		a.speech = level
	case level < a.speech/16:
		a.speech += (level - a.speech) * agcFar
	default:
		a.speech += (level - a.speech) * agcNear
	}
	a.gate = max(agcFloor, loud*agcActive)
}

// scale applies the gain along an envelope that is straight over each 2.5 ms and nowhere high enough to
// clip: its ends are held under what the blocks at both sides of them stand.
func (a *AGC) scale(samples []int16) {
	n := len(samples) / blocksPerFrame
	var room [blocksPerFrame]float32
	for b := range room {
		room[b] = a.turn + 1
		if room[b] > 1 {
			if p := peak16(samples[b*n : (b+1)*n]); float32(p)*room[b] > Ceiling {
				room[b] = max(1, Ceiling/float32(p))
			}
		}
	}
	gain := min(a.end+1, room[0])
	if a.end+1 < 1 { // turned down below unity nothing clips
		gain = a.end + 1
	}
	for b := range room {
		to := room[b]
		if b+1 < blocksPerFrame {
			to = min(to, room[b+1])
		}
		step := (to - gain) / float32(n)
		block := samples[b*n : (b+1)*n]
		for i, s := range block {
			gain += step
			block[i] = round(float32(s) * gain)
		}
		gain = to
	}
	a.end = gain - 1
}
