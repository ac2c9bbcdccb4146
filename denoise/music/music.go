// Package music tells music from voices and from noise, so that what a far side plays while somebody waits is not taken
// for noise and suppressed.
//
// What it looks at are the bins from 200 Hz to 3.35 kHz that suppression has anyway, one frame in 20 ms, the same at
// every sample rate and through every codec. A note stays where it is for a tenth of a second and longer, with its
// phase running on evenly; the partials of a voice glide, and noise has no phase. That, how loudness and spectrum
// change, and how the lines move from note to note are a dozen numbers; a tiny network fitted by fit/ makes one of
// them, ten times a second, and a sum with a threshold in each direction makes a decision of that.
package music

import (
	"math"

	"github.com/cordboard/cordboard/internal/vec"
)

const (
	lowest = 4  // the first bin of 50 Hz, 200 Hz
	width  = 64 // bins
	// Bins is how many bins Push needs.
	Bins = lowest + width
	// lag is over how many frames a phase must run on evenly: 80 ms.
	lag = 4
	// near is a shorter lag, over which a voice is even too.
	near = 2
	// every is how many frames one look takes: 100 ms.
	every = 5
	// forget is what is left of the sums after a look.
	forget = 0.65
	// nothing is the power of a bin, about -90 dBFS, that is as good as none.
	nothing = 1e-11
)

// Features is how many numbers a look makes of the sound.
const Features = 14

// Detector follows one source. It is about 4 kB, allocates nothing, and belongs to one goroutine. The zero Detector is
// at its beginning.
type Detector struct {
	past   [lag][2][width]float32 // the spectra before, their imaginary parts negative
	at     int                    // of the oldest
	frames int                    // so far
	cross  [2][2][width]float32   // by lag: how evenly the phase runs on, real and imaginary
	power  [width]float32         // of the same frames
	logs   [width]float32         // of the frame before
	slow   [width]float32         // the lines of the last seconds

	fast, calm float32 // the loudness, over 60 ms and 300 ms
	sum        [4]float32
	means      [Features]float32
	looks      int
	decision   Decision
}

// Reset forgets the source.
func (d *Detector) Reset() { *d = Detector{} }

// Music reports what the source was last taken for.
func (d *Detector) Music() bool { return d.decision.Music }

// Push takes the bins of 50 Hz from 0 on of the next frame of 20 ms, at least Bins of them, where a full-scale sine has
// a power of about 0.1, and reports whether the source plays music.
func (d *Detector) Push(re, im []float32) bool {
	if d.follow((*[width]float32)(re[lowest:]), (*[width]float32)(im[lowest:])) {
		d.decision.Take(Logit(d.look()))
	}
	return d.decision.Music
}

// follow takes a frame into the sums and reports whether it is time for a look.
func (d *Detector) follow(re, im *[width]float32) bool {
	far, close := &d.past[d.at], &d.past[(d.at+lag-near)%lag]
	// A phase that runs on evenly turns the same way in every frame.
	vec.Turn(d.cross[0][0][:], d.cross[0][1][:], re[:], im[:], far[0][:], far[1][:])
	vec.Turn(d.cross[1][0][:], d.cross[1][1][:], re[:], im[:], close[0][:], close[1][:])
	far[0] = *re
	for k, v := range im {
		far[1][k] = -v
	}
	d.at = (d.at + 1) % lag
	var logs [width]float32
	vec.Power(logs[:], re[:], im[:])
	var total [4]float32
	for k := 0; k < width; k += 4 {
		for j := range 4 {
			p := logs[k+j]
			total[j] += p
			d.power[k+j] += p
			logs[k+j] = p + nothing
		}
	}
	loud := [8]float32{(total[0]+total[1]+total[2]+total[3])/width + nothing, 1, 1, 1, 1, 1, 1, 1}
	vec.Log2(loud[:])
	vec.Log2(logs[:])
	var mean, flux [4]float32
	for k := 0; k < width; k += 4 {
		for j := range 4 {
			l := logs[k+j]
			mean[j] += l
			flux[j] += abs(l - d.logs[k+j])
		}
	}
	d.logs = logs
	change := (flux[0] + flux[1] + flux[2] + flux[3]) / width
	if d.frames == 0 {
		d.fast, d.calm, change = loud[0], loud[0], 0
	}
	d.fast += (loud[0] - d.fast) / 3
	d.calm += (loud[0] - d.calm) / 15
	swing := d.fast - d.calm
	d.sum[0] += swing * swing
	d.sum[1] += max(0, -swing)
	d.sum[2] += min(change, 4)
	d.sum[3] += loud[0] - (mean[0]+mean[1]+mean[2]+mean[3])/width
	d.frames = d.frames + 1
	return d.frames%every == 0 && d.frames >= 2*lag
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// look makes the numbers of the last frames: means over a second or two of what one look sees.
func (d *Detector) look() *[Features]float32 {
	var now [Features]float32
	var power, lines, close, even, low, turn, dense float32
	var line [width]float32
	for k := range width {
		p := d.power[k] + nothing
		l := root(d.cross[0][0][k], d.cross[0][1][k])
		line[k] = l
		power += p
		lines += l
		close += root(d.cross[1][0][k], d.cross[1][1][k])
		even += min(1, l/p)
		if k < 7 { // below 550 Hz
			low += l
		}
	}
	settle := float32(1) / 15
	if d.looks < 15 {
		settle = 1 / float32(d.looks+1)
	}
	for k := range width {
		l := line[k] / (lines + nothing)
		e := l - d.slow[k]
		d.slow[k] += settle * e
		turn += abs(l - d.slow[k])
		dense += l * l
	}
	for i := range d.cross { // all that was is forgotten by half in 160 ms
		for j := range d.cross[i] {
			for k := range d.cross[i][j] {
				d.cross[i][j][k] *= forget
			}
		}
	}
	for k := range d.power {
		d.power[k] *= forget
	}
	now[0] = lines / power
	now[1] = even / width
	now[2] = close / power
	now[3] = low / (lines + nothing)
	now[4] = turn
	now[5] = dense
	for i := range d.sum {
		now[6+i] = d.sum[i] / every
		d.sum[i] = 0
	}
	if e := now[0] + now[4] + now[8] + now[9]; !(e-e == 0) { // no number: begin again
		*d = Detector{decision: d.decision}
		return &d.means
	}
	d.looks = min(d.looks+1, 15)
	pace := 1 / float32(min(d.looks, 10))
	for i := range 10 {
		d.means[i] += pace * (now[i] - d.means[i])
	}
	// How much the first ones change, and what they are just now.
	e0, e8 := now[0]-d.means[0], now[9]-d.means[9]
	d.means[10] += pace * (e0*e0*10 - d.means[10])
	d.means[11] += pace * (e8*e8 - d.means[11])
	quick := max(pace, 0.3)
	d.means[12] += quick * (now[0] - d.means[12])
	d.means[13] += quick * (now[1] - d.means[13])
	return &d.means
}

func root(a, b float32) float32 { return float32(math.Sqrt(float64(a*a + b*b))) }

// Look is Push for who fits the weights: the numbers of a look, when one is due.
func (d *Detector) Look(re, im []float32) (x [Features]float32, ok bool) {
	if d.follow((*[width]float32)(re[lowest:]), (*[width]float32)(im[lowest:])) {
		return *d.look(), true
	}
	return x, false
}
