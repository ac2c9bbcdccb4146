package dtmf_test

import (
	"math"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/dtmf"
)

var (
	rows    = []float64{697, 770, 852, 941}
	columns = []float64{1209, 1336, 1477, 1633}
	pad     = []string{"123A", "456B", "789C", "*0#D"}
)

// press appends a key of ms milliseconds and a pause of 60 ms.
func press(audio []int16, row, column float64, ms int, lowDB, highDB float64) []int16 {
	tone := make([]int16, ms*8)
	testaudio.AddTone(tone, row, 8000, lowDB, 0.3)
	testaudio.AddTone(tone, column, 8000, highDB, 1.1)
	return append(append(audio, tone...), make([]int16, 480)...)
}

func detect(audio []int16) (digits string) {
	var d dtmf.Detector
	for len(audio) > 0 {
		n := min(160, len(audio))
		if e, ok := d.Push(audio[:n]); ok {
			digits += string(e.Digit)
		}
		audio = audio[n:]
	}
	return digits
}

func TestDetectsEveryKey(t *testing.T) {
	want := "123A456B789C*0#D"
	for _, c := range []struct {
		name      string
		ms        int
		low, high float64
		off       float64 // frequency error, factor
		noise     float64
	}{
		{"clean", 80, -10, -10, 1, -200},
		{"short", 50, -10, -10, 1, -200},
		{"long", 500, -10, -10, 1, -200},
		{"quiet", 80, -36, -36, 1, -200},
		{"loud", 80, -6.1, -6.1, 1, -200},
		{"upper tone 4 dB up", 80, -14, -10, 1, -200},
		{"lower tone 8 dB up", 80, -10, -18, 1, -200},
		{"1.5 % high", 80, -10, -10, 1.015, -200},
		{"1.5 % low", 80, -10, -10, 0.985, -200},
		{"noise 18 dB down", 80, -10, -10, 1, -28},
		{"noise 10 dB down", 50, -20, -20, 1, -27},
	} {
		audio := make([]int16, 777)
		for i, row := range rows {
			for k := range pad[i] {
				audio = press(audio, row*c.off, columns[k]*c.off, c.ms, c.low, c.high)
			}
		}
		if c.noise > -100 {
			for i, n := range testaudio.Noise(1, len(audio), c.noise) {
				audio[i] = int16(max(-32768, min(32767, int(audio[i])+int(n))))
			}
		}
		if got := detect(audio); got != want {
			t.Errorf("%s: got %q, want %q", c.name, got, want)
		}
	}
}

func TestRejects(t *testing.T) {
	for _, c := range []struct {
		name          string
		row, column   float64
		ms            int
		lowDB, highDB float64
	}{
		{"20 ms", 770, 1336, 20, -10, -10},
		{"one tone", 770, 1336, 200, -10, -60},
		{"4 % off", 770 * 1.04, 1336 * 1.04, 200, -10, -10},
		{"dial tone", 350, 440, 500, -10, -10},
		{"ringback", 440, 480, 500, -10, -10},
		{"upper tone 12 dB up", 770, 1336, 200, -22, -10},
	} {
		if got := detect(press(nil, c.row, c.column, c.ms, c.lowDB, c.highDB)); got != "" {
			t.Errorf("%s: heard %q", c.name, got)
		}
	}
}

// Talk-off: a minute of speech-like sound, of noise and of two sweeping tones must press no key.
func TestTalkOff(t *testing.T) {
	for seed := range uint64(4) {
		if got := detect(testaudio.Speech(seed+1, 8000, 30*8000, -12)); got != "" {
			t.Errorf("speech %d: heard %q", seed, got)
		}
	}
	if got := detect(testaudio.Noise(9, 60*8000, -15)); got != "" {
		t.Errorf("noise: heard %q", got)
	}
	sweep, p1, p2 := make([]int16, 60*8000), 0.0, 0.0
	for i := range sweep {
		at := float64(i) / 8000
		p1 += 2 * math.Pi * (800 + 300*math.Sin(at*3)) / 8000
		p2 += 2 * math.Pi * (1500 + 700*math.Sin(at*5)) / 8000
		sweep[i] = int16(6000*math.Sin(p1) + 5000*math.Sin(p2) + 2500*math.Sin(p1+p2))
	}
	if got := detect(sweep); got != "" {
		t.Errorf("sweeps: heard %q", got)
	}
}

func TestDetectorDuration(t *testing.T) {
	var d dtmf.Detector
	audio := press(nil, 770, 1336, 300, -10, -10)
	for ; len(audio) >= 160; audio = audio[160:] {
		if e, ok := d.Push(audio[:160]); ok {
			if ms := e.Duration.Milliseconds(); e.Digit != '5' || ms < 270 || ms > 320 {
				t.Errorf("got %c for %d ms, want 5 for 300", e.Digit, ms)
			}
			return
		}
	}
	t.Error("not heard")
}

func BenchmarkDetect(b *testing.B) {
	for _, c := range []struct {
		name  string
		audio []int16
	}{
		{"speech", testaudio.Speech(1, 8000, 8000, -20)},
		{"silence", make([]int16, 8000)},
		{"key", press(nil, 770, 1336, 940, -10, -10)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var d dtmf.Detector
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.Push(c.audio[i%50*160:][:160])
			}
		})
	}
}
