package stream

import (
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
)

// Two packets lost in a row must not be heard as a dip, and the way back must not click.
func TestShortHolesKeepTheLevel(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.G722, media.Opus} {
		l := newLine(t, c)
		l.freq = 800
		l.fate = func(n int) bool { return n > 50 && n%25 < 2 }
		var heard []int16
		worst := 0.0
		for i := range 500 {
			l.step(8000)
			if i < 40 {
				continue
			}
			heard = append(heard, l.out.Samples()...)
			worst = min(worst, testaudio.RMS(l.out.Samples())-testaudio.RMS(l.in.Samples()))
		}
		step, slope := 0, 8000*2*3.1416*800/float64(c.Rate())
		for i := 1; i < len(heard); i++ {
			step = max(step, int(heard[i])-int(heard[i-1]), int(heard[i-1])-int(heard[i]))
		}
		t.Logf("%v: weakest frame %.1f dB, largest step %.2f of the tone's own", c, worst, float64(step)/slope)
		if worst < -3 || float64(step) > 1.8*slope {
			t.Errorf("%v: weakest frame %.1f dB, largest step %.2f of the tone's own", c, worst, float64(step)/slope)
		}
	}
}
