package pcm

import "math"

// Gain is a volume knob. A turn is spread over the next frame, so it never clicks. The zero Gain leaves
// the audio as it is. Not safe for concurrent use.
type Gain struct {
	now, target float32 // factors minus one, so that the zero value is unity
}

// MuteDB and everything below it is silence to Set.
const MuteDB = -120

// Set turns the knob to a gain in decibels; MuteDB or less is silence.
func (g *Gain) Set(db float64) { g.target = Factor(db) - 1 }

// Jump turns the knob without the ramp, for a stream that begins.
func (g *Gain) Jump(db float64) { g.Set(db); g.now = g.target }

// Unity reports whether Apply would leave a frame as it is.
func (g *Gain) Unity() bool { return g.now == 0 && g.target == 0 }

// Silent reports whether Apply would leave nothing of a frame.
func (g *Gain) Silent() bool { return g.now == -1 && g.target == -1 }

// Apply scales samples in place and clips. At unity it touches nothing.
func (g *Gain) Apply(samples []int16) {
	if g.Unity() || len(samples) == 0 {
		return
	}
	f, step := g.ramp(len(samples))
	for i, s := range samples {
		f += step
		samples[i] = round(float32(s) * f)
	}
}

// AddTo scales src and adds it to the sum, like Apply and Add but leaving src as it is. A scaled sample
// may pass 16 bits in the sum; Clip ends that.
func (g *Gain) AddTo(sum []int32, src []int16) {
	switch {
	case len(src) == 0 || g.Silent():
		return
	case g.Unity():
		Add(sum, src)
		return
	}
	sum = sum[:len(src)]
	f, step := g.ramp(len(src))
	for i, s := range src {
		f += step
		sum[i] += int32(math.Floor(float64(float32(s)*f) + 0.5))
	}
}

func (g *Gain) ramp(n int) (from, step float32) {
	from, step = g.now+1, (g.target-g.now)/float32(n)
	g.now = g.target
	return from, step
}

// Factor is the linear factor of a gain in decibels; MuteDB or less is 0.
func Factor(db float64) float32 {
	switch {
	case db <= MuteDB:
		return 0
	case db == 0:
		return 1
	default:
		return float32(math.Pow(10, db/20))
	}
}

// round is the nearest sample, halves away from zero, limited to 16 bits. The sign of noise is a coin toss
// to a branch predictor, so none decides here.
func round(x float32) int16 {
	half := math.Float32frombits(math.Float32bits(x)&(1<<31) | 0x3f000000)
	return int16(max(math.MinInt16, min(math.MaxInt16, int64(x+half))))
}
