package conceal_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/codec/conceal"
	"github.com/cordboard/cordboard/media/pcm"
)

// lose runs a signal in 20 ms frames through a concealer that misses some of them.
func lose(r pcm.Rate, signal []int16, lost func(i int) bool) []int16 {
	var c conceal.Concealer
	c.Reset(r)
	out := append([]int16(nil), signal...)
	n := r.Samples()
	for i := 0; (i+1)*n <= len(out); i++ {
		if f := out[i*n : (i+1)*n]; lost(i) {
			clear(f)
			c.Lost(f)
		} else {
			c.Good(f)
		}
	}
	return out
}

func TestSteadyToneGoesOn(t *testing.T) {
	for _, r := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k} {
		for _, freq := range []float64{100, 160, 200, 250} {
			in := testaudio.Tone(freq, float64(r), 50*r.Samples(), -10)
			out := lose(r, in, func(i int) bool { return i%10 == 9 })
			if clicks := testaudio.Clicks(out, int(r), 6); len(clicks) > 0 {
				t.Errorf("%v, %v Hz: clicks at %v", r, freq, clicks)
			}
			if gaps := testaudio.Gaps(out[r.Samples():], 300, r.Samples()/4); len(gaps) > 0 {
				t.Errorf("%v, %v Hz: gaps %v", r, freq, gaps)
			}
			if snr := testaudio.SegmentalSNR(in, out, int(r)); snr < 30 {
				t.Errorf("%v, %v Hz: SNR %.1f dB", r, freq, snr)
			}
		}
	}
}

func TestLongLossFadesOut(t *testing.T) {
	in := testaudio.Speech(1, 8000, 8000, -10)
	out := lose(pcm.Rate8k, in, func(i int) bool { return i >= 8 && i < 16 })
	n := 160
	if got := testaudio.RMS(out[8*n : 9*n]); got < testaudio.RMS(in[7*n:8*n])-4 {
		t.Errorf("first lost frame at %.1f dB, the one before at %.1f", got, testaudio.RMS(in[7*n:8*n]))
	}
	if !pcm.Silent(out[11*n : 16*n]) {
		t.Error("60 ms into a loss it is not silent")
	}
}

func TestSilenceStaysSilent(t *testing.T) {
	if out := lose(pcm.Rate16k, make([]int16, 3200), func(i int) bool { return i%2 == 1 }); !pcm.Silent(out) {
		t.Error("concealed silence is not silent")
	}
}

func TestShortFrames(t *testing.T) {
	var c conceal.Concealer
	c.Reset(pcm.Rate8k)
	tone := testaudio.Tone(200, 8000, 8000, -10)
	for at := 0; at+20 <= len(tone); at += 20 {
		if at%500 < 100 {
			c.Lost(tone[at : at+20])
		} else {
			c.Good(tone[at : at+20])
		}
	}
	if got := testaudio.Level(tone, 200, 8000); got < -12 {
		t.Errorf("level %.1f dB with 20%% lost in pieces of 2.5 ms", got)
	}
}

func BenchmarkLost(b *testing.B) {
	var c conceal.Concealer
	c.Reset(pcm.Rate8k)
	speech, frame := testaudio.Speech(1, 8000, 800, -10), make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		c.Good(speech)
		c.Lost(frame)
	}
}

// On something like speech, with one frame of twenty lost, what is made up is closer to the original than
// the last frame repeated, as loud as it nearly always, and joins without a click.
func TestSpeechUnderLoss(t *testing.T) {
	const n = 160
	src := testaudio.Speech(5, 8000, 20*8000, -20)
	var c conceal.Concealer
	c.Reset(pcm.Rate8k)
	var out, lost, made, again []int16
	frame, last := make([]int16, n), make([]int16, n)
	rng := rand.New(rand.NewPCG(3, 4))
	off := 0
	for at := 0; at+n <= len(src); at += n {
		copy(frame, src[at:])
		if rng.Float64() < 0.05 {
			c.Lost(frame)
			lost, made, again = append(lost, src[at:at+n]...), append(made, frame...), append(again, last...)
			if want := testaudio.RMS(src[at : at+n]); want > -45 && math.Abs(testaudio.RMS(frame)-want) > 6 {
				off++
			}
		} else {
			c.Good(frame)
			copy(last, src[at:])
		}
		out = append(out, frame...)
	}
	snr, plain := testaudio.SegmentalSNR(lost, made, 8000), testaudio.SegmentalSNR(lost, again, 8000)
	t.Logf("SNR in %d lost frames %.1f dB, with the last one repeated %.1f; %d off by more than 6 dB", len(lost)/n, snr, plain, off)
	if snr < plain+2 || off > len(lost)/n/3 {
		t.Errorf("SNR in %d lost frames %.1f dB, with the last one repeated %.1f; %d off by more than 6 dB", len(lost)/n, snr, plain, off)
	}
	clicks, before := len(testaudio.Clicks(out, 8000, 2.5)), len(testaudio.Clicks(src, 8000, 2.5))
	if clicks > before+6 {
		t.Errorf("%d clicks, %d in the original", clicks, before)
	}
}
