package stream

import (
	"math"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
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

// Behind a lost packet of SILK or hybrid the decoder begins some decibels too low; that must not be heard.
func TestPacketsBehindAHoleKeepTheLevel(t *testing.T) {
	var levels [2][]float64 // without and with loss
	behind, since := 100, make([]int, 600)
	for run := range levels {
		l := newLine(t, media.Opus)
		enc, err := codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 8}, pcm.Rate48k)
		if err != nil {
			t.Fatal(err)
		}
		l.enc = enc
		phase := 0.0
		l.tone = func(n int) int16 { // a vowel with the melody and the rhythm of speech
			at := float64(n) / 48000
			phase += 2 * math.Pi * (130 + 30*math.Sin(2*math.Pi*1.3*at)) / 48000
			v := 0.0
			for k := 1.0; k <= 24; k++ {
				v += math.Sin(k*phase+k*k) / k
			}
			return int16(3000 * v * (1 + 0.5*math.Sin(2*math.Pi*3*at)))
		}
		l.fate = func(n int) bool {
			lost := run == 1 && n > 50 && n%25 == 0
			if behind++; lost {
				behind = 0
			}
			return lost
		}
		silk := 0
		for i := range since {
			l.step(0)
			if l.buf[0]>>3 < 16 {
				silk++
			}
			since[i] = behind
			levels[run] = append(levels[run], testaudio.RMS(l.out.Samples()))
		}
		if silk < len(since)*9/10 {
			t.Fatalf("%d of %d packets are SILK or hybrid", silk, len(since))
		}
	}
	mean, n := 0.0, 0
	for i := 60; i < len(since); i++ {
		if since[i] < 1 || since[i] > 3 {
			continue
		}
		mean += math.Abs(levels[1][i] - levels[0][i])
		n++
	}
	mean /= float64(n)
	t.Logf("behind a hole the level is %.2f dB off", mean)
	if mean > 1.9 {
		t.Errorf("behind a hole the level is %.2f dB off, want 1.9", mean)
	}
}

// A voice that falls silent in a hole must not come back louder than it is.
func TestRecoveryKeepsQuietQuiet(t *testing.T) {
	l := newLine(t, media.Opus)
	l.freq = 800
	l.fate = func(n int) bool { return n%50 == 0 }
	worst := -100.0
	for i := range 500 {
		amp := 8000.0
		if k := i % 50; k >= 48 || k < 10 { // weaker from just before the lost packet on, by 12 dB
			amp = 2000
		}
		l.step(amp)
		if k := i % 50; i > 50 && k >= 4 && k < 9 {
			worst = max(worst, testaudio.RMS(l.out.Samples())-testaudio.RMS(l.in.Samples()))
		}
	}
	if worst > 1 {
		t.Errorf("frames behind a hole are up to %.1f dB louder than what was said", worst)
	}
}
