package stream

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/media"
)

// DefaultFormat is how a party hears on a clean link unless told otherwise.
func DefaultFormat(c media.Codec) media.Format {
	if c != media.Opus {
		return media.Format{Codec: c}
	}
	return media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}
}

const (
	lossOn    = 0.02             // loss at which forward error correction begins
	lossOff   = 0.005            // loss below which it ends,
	cleanTime = 15 * time.Second // after this long
)

// formatPolicy turns the party's receiver reports into a format: loss switches forward error correction
// on at once and off only after a while, since every change costs the sharing of an encoder.
type formatPolicy struct {
	now atomic.Pointer[media.Format]

	mu     sync.Mutex
	clean  media.Format // wanted without loss
	loss   float64      // smoothed
	step   int8         // LossPercent in force
	lastOn time.Time    // when loss was last above lossOff
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
	if p.loss > lossOff {
		p.lastOn = now
	}
	step := p.step
	switch {
	case p.loss >= 0.15:
		step = 20
	case p.loss >= 0.075:
		step = max(step, 10)
	case p.loss >= lossOn:
		step = max(step, 5)
	case p.loss <= lossOff && now.Sub(p.lastOn) >= cleanTime:
		step = 0
	}
	if step > 10 && p.loss < 0.05 {
		step = 10
	}
	if step != p.step {
		p.step = step
		p.apply()
	}
}

func (p *formatPolicy) apply() {
	f := p.clean
	if f.Codec == media.Opus && p.step > f.LossPercent {
		f.LossPercent = p.step
		f.LowDelay = false // CELT has no forward error correction
	}
	p.now.Store(&f)
}
