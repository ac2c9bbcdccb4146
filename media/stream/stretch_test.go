package stream

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// voice is a tone with harmonics, as a vowel has them.
func voice(n int, f float64, r pcm.Rate) []int16 {
	x := make([]int16, n, 3*n)
	for i := range x {
		w := 2 * math.Pi * f * float64(i) / float64(r)
		x[i] = int16(5000*math.Sin(w) + 2500*math.Sin(2*w+1) + 1200*math.Sin(3*w+2))
	}
	return x
}

// step is the largest second difference, which a click makes large.
func click(x []int16) (m float64) {
	for i := 2; i < len(x); i++ {
		m = max(m, math.Abs(float64(x[i])-2*float64(x[i-1])+float64(x[i-2])))
	}
	return m
}

func TestStretchAndShrinkKeepThePitch(t *testing.T) {
	for _, r := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k} {
		for _, f := range []float64{110, 180, 250, 333} {
			n := r.Samples()
			x := voice(n, f, r)
			before := click(x)
			buf := append(x[:n:n], make([]int16, 2*n)...)
			m := stretch(buf, n, n, r, false)
			if m <= n {
				t.Errorf("%v at %v: not stretched", f, r)
			} else if c := click(buf[:m]); c > 1.6*before+60 {
				t.Errorf("%v at %v: stretching clicks: %.0f against %.0f", f, r, c, before)
			}
			buf = append(x[:n:n], make([]int16, n)...)
			m = shrink(buf, n, n, r, false)
			if m >= n {
				t.Errorf("%v at %v: not shrunk", f, r)
			} else if c := click(buf[:m]); c > 1.6*before+60 {
				t.Errorf("%v at %v: shrinking clicks: %.0f against %.0f", f, r, c, before)
			}
		}
	}
}

func TestNoiseIsLeftAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	n := pcm.Rate8k.Samples()
	left := 0
	for range 50 {
		buf := make([]int16, 3*n)
		for i := range n {
			buf[i] = int16(r.IntN(8000) - 4000)
		}
		if stretch(buf, n, n, pcm.Rate8k, false) == n {
			left++
		}
	}
	if left < 45 {
		t.Errorf("noise was stretched %d times of 50", 50-left)
	}
}

func TestSilenceTakesAnyLength(t *testing.T) {
	n := pcm.Rate16k.Samples()
	for _, want := range []int{50, 160, 320, 500} {
		buf := make([]int16, 3*n)
		if m := shrink(buf, n, want, pcm.Rate16k, true); m > max(n-want, 40) {
			t.Errorf("shrink by %d: %d left", want, m)
		}
		if m := stretch(buf, n, want, pcm.Rate16k, true); m < n+min(want, n-40) {
			t.Errorf("stretch by %d: %d", want, m)
		}
	}
}

// A tone that never pauses must still be led back to a small delay, without a gap or a click.
func TestDelayShrinksInSpeechThatNeverPauses(t *testing.T) {
	l := newLine(t, media.PCMU)
	l.freq = 200
	var held [][]byte
	late := false
	l.tx.out = func(p []byte) {
		if late {
			held = append(held, append([]byte(nil), p...))
			return
		}
		for _, h := range held {
			l.rx.PushPacket(h, l.now.Add(11*time.Millisecond))
		}
		held = held[:0]
		l.rx.PushPacket(p, l.now.Add(12*time.Millisecond))
	}
	for range 50 {
		l.step(8000)
	}
	for i := range 30 { // packets come in pairs and fours for a while
		late = i%4 != 3
		l.step(8000)
	}
	late = false
	var most time.Duration
	bad := 0
	prev := int16(0)
	jump := 0
	for i := range 2000 {
		k := l.step(8000)
		most = max(most, l.rx.Jitter().Delay)
		if k != media.Audio {
			bad++
		}
		for _, v := range l.out.Samples() {
			if i > 0 {
				jump = max(jump, int(math.Abs(float64(v)-float64(prev))))
			}
			prev = v
		}
	}
	s := l.rx.Jitter()
	t.Logf("delay %v at most, %v in the end, %d bad, largest step %d, %+v", most, s.Delay, bad, jump, s)
	if most < 40*time.Millisecond || s.Delay > 40*time.Millisecond {
		t.Errorf("delay %v at most, %v in the end", most, s.Delay)
	}
	if bad > 4 || jump > 3000 {
		t.Errorf("%d bad frames, largest step %d", bad, jump)
	}
}
