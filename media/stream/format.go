package stream

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
)

// DefaultFormat is how a party hears on a clean link unless told otherwise. For Opus that is CELT: at the
// same bitrate it costs a third of SILK or hybrid at 16 and 48 kHz, over half at 8, and its spectrum is
// closer to the original at every rate (docs/adr/0006-codec-policy.md). What it lacks is forward error
// correction, and on a clean link nothing needs that.
func DefaultFormat(c media.Codec) media.Format {
	if c != media.Opus {
		return media.Format{Codec: c}
	}
	return media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5, LowDelay: true}
}

// lossSteps are the few losses an encoder is told to expect, so that listeners with about the same loss
// share one: the step in force, the smoothed loss from which it is, and the bitrate on top of the clean
// link's, in percent of it, for the copy of the frame before that each packet then carries.
var lossSteps = [...]struct {
	percent int8
	from    float64
	bitrate int32
}{
	{0, 0, 0},
	{5, 0.015, 12},
	{10, 0.075, 25},
	{20, 0.15, 25},
}

const (
	lossOff   = 0.005            // loss below which error correction ends,
	cleanTime = 10 * time.Second // after this long
	easeBelow = 0.6              // of a step's from: smoothed loss below which it gives way to the one under it
)

// formatPolicy turns the party's receiver reports into a format: loss switches from CELT to SILK with
// forward error correction at once, and back only after a while, since every change costs the sharing of
// an encoder. The round trip has no say in it: nothing is ever sent again.
type formatPolicy struct {
	now atomic.Pointer[media.Format]

	mu     sync.Mutex
	clean  media.Format // wanted without loss
	loss   float64      // smoothed
	step   int          // of lossSteps
	lastOn time.Time    // when a report last had loss of more than lossOff, or a step was taken
}

func (p *formatPolicy) format() media.Format { return *p.now.Load() }

func (p *formatPolicy) base(f media.Format) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clean = f
	p.apply()
}

// reported takes the loss of one receiver report, 0 to 1.
func (p *formatPolicy) reported(loss float64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clean.Codec != media.Opus {
		return
	}
	p.loss += (loss - p.loss) / 2
	if loss > lossOff {
		p.lastOn = now
	}
	step := p.step
	for i := step + 1; i < len(lossSteps) && p.loss >= lossSteps[i].from; i++ {
		step = i
	}
	switch {
	case step > p.step:
	case step > 1 && p.loss < easeBelow*lossSteps[step].from:
		step--
	case step == 1 && p.loss < lossOff && now.Sub(p.lastOn) >= cleanTime:
		step = 0
	}
	if step != p.step {
		p.step, p.lastOn = step, now
		p.apply()
	}
}

func (p *formatPolicy) apply() {
	f := p.clean
	if s := lossSteps[p.step]; f.Codec == media.Opus && s.percent > f.LossPercent {
		f.LossPercent = s.percent
		f.LowDelay = false // CELT has no forward error correction
		if f.Bitrate > 0 {
			f.Bitrate += f.Bitrate * s.bitrate / 100
		}
	}
	p.now.Store(&f)
}
