package pcm_test

import (
	"fmt"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/pcm"
)

// What every source and every listener costs a room, per frame.
func BenchmarkFrame(b *testing.B) {
	for _, r := range []pcm.Rate{pcm.Rate8k, pcm.Rate48k} {
		n := r.Samples()
		src, sum, out := testaudio.Speech(1, float64(r), n, -20), make([]int32, n), make([]int16, n)
		loud := make([]int32, n)
		for range 8 {
			pcm.Add(loud, testaudio.Noise(1, n, -6))
		}
		var frame pcm.Frame
		var limiter, busy pcm.Limiter
		var agc pcm.AGC
		for _, c := range []struct {
			name string
			do   func()
		}{
			{"add", func() { pcm.Add(sum, src) }},
			{"sub", func() { pcm.Sub(sum, src) }},
			{"clip", func() { pcm.Clip(out, loud) }},
			{"level", func() { _ = pcm.Level(src) }},
			{"limiter", func() { limiter.Process(out, sum) }},
			{"limiter, loud", func() { busy.Process(out, loud) }},
			{"agc", func() { frame.SetRate(r); copy(frame.Samples(), src); agc.Process(&frame) }},
		} {
			b.Run(fmt.Sprintf("%s-%v", c.name, r), func(b *testing.B) {
				clear(sum)
				b.ReportAllocs()
				for b.Loop() {
					c.do()
				}
			})
		}
	}
}
