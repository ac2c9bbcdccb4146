package stream

import (
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
)

func TestFormatFollowsReportedLoss(t *testing.T) {
	for _, c := range []struct {
		name  string
		loss  []float64 // one report every 5 s
		steps []int8    // LossPercent after each
	}{
		{"clean", []float64{0, 0.004, 0, 0.004}, []int8{0, 0, 0, 0}},
		{"one packet in a hundred now and then", []float64{0.01, 0.01, 0, 0.01}, []int8{0, 0, 0, 0}},
		{"two in a hundred", []float64{0.02, 0.02, 0.02}, []int8{0, 5, 5}},
		{"a burst, then clean", []float64{0.06, 0, 0, 0, 0}, []int8{5, 5, 5, 0, 0}},
		{"around a limit there is no to and fro", []float64{0.16, 0.07, 0.09, 0.06, 0.08, 0.06}, []int8{10, 10, 10, 10, 10, 10}},
		{"worse and better", []float64{0.4, 0.3, 0.02, 0.02, 0.02, 0.02, 0.02}, []int8{20, 20, 20, 10, 10, 5, 5}},
	} {
		p := new(formatPolicy)
		p.base(DefaultFormat(media.Opus))
		now := time.Unix(1000, 0)
		var steps []int8
		for _, loss := range c.loss {
			now = now.Add(5 * time.Second)
			p.reported(loss, now)
			f := p.format()
			steps = append(steps, f.LossPercent)
			if f.LowDelay != (f.LossPercent == 0) || f.Bitrate < 32000 || f.Bitrate > 40000 || f.LossPercent >= 10 && f.Bitrate != 40000 {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
		if !slices.Equal(steps, c.steps) {
			t.Errorf("%s: loss %v gives %v, want %v", c.name, c.loss, steps, c.steps)
		}
	}
}

func TestFormatOfOtherCodecsStays(t *testing.T) {
	p := new(formatPolicy)
	p.base(media.Format{Codec: media.PCMU})
	p.reported(0.3, time.Unix(1000, 0))
	if f := p.format(); f != (media.Format{Codec: media.PCMU}) {
		t.Errorf("PCMU under loss: %+v", f)
	}
	// What was configured with more protection than a step gives keeps it, and its mode.
	own := media.Format{Codec: media.Opus, Bitrate: 24000, Complexity: 3, LossPercent: 10}
	p.base(own)
	p.reported(0.04, time.Unix(1005, 0))
	if f := p.format(); f != own {
		t.Errorf("own protection: %+v, want %+v", f, own)
	}
}
