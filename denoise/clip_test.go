package denoise

import (
	"math"
	"testing"
)

// TestClipIsTheStream: a file is given what a stream is given, once the stream's switching on is over.
func TestClipIsTheStream(t *testing.T) {
	for _, r := range rates {
		in := hiss(r, 1, 0.1)
		half := r.Samples() / 2
		file := Clip(in[:len(in)-3], r, Settings{Level: 80}, nil)
		if len(file) != len(in)-3 {
			t.Fatalf("%v: %d samples of %d", r, len(file), len(in)-3)
		}
		stream := run(New(Settings{Level: 80}), r, in)
		for i := 5 * half; i < len(in)-3*half; i++ {
			if file[i] != stream[i+half] {
				t.Fatalf("%v: sample %d: %d in the file, %d in the stream", r, i, file[i], stream[i+half])
			}
		}
		for i, v := range Clip(in, r, Settings{}, nil) {
			if v != in[i] {
				t.Fatalf("%v: off, sample %d is %d, want %d", r, i, v, in[i])
			}
		}
	}
}

func TestResampled(t *testing.T) {
	tone := func(rate int) []int16 {
		out := make([]int16, rate/2)
		for i := range out {
			out[i] = int16(10000 * math.Sin(2*math.Pi*1000*float64(i)/float64(rate)))
		}
		return out
	}
	for _, c := range [][2]int{{44100, 48000}, {48000, 44100}, {22050, 48000}, {48000, 48000}} {
		got, want := Resampled(tone(c[0]), c[0], c[1]), tone(c[1])
		var err float64
		for i := 500; i < min(len(got), len(want))-500; i++ {
			err = max(err, math.Abs(float64(got[i])-float64(want[i])))
		}
		if err > 4 {
			t.Errorf("%d to %d: off by %.0f of 10000", c[0], c[1], err)
		}
	}
}
