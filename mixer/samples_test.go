package mixer

import (
	"slices"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
)

// TestTapGetsTheSamples: of a party that sends G.711 a tap gets the bytes behind each frame, also where a processor
// has changed the frame; it says so then. Of one that sends Opus it gets none.
func TestTapGetsTheSamples(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.PCMA, media.Opus} {
		x := newExchange(t, c)
		x.phone("a", 440)
		x.phone("b", 660)
		heard, processed := 0, 0
		var before []int16
		x.do(x.room, SetTap{Tap: tapFunc(func(_ uint64, f []media.Tapped) {
			a := f[0]
			if a.Member != "a" || a.Kind != media.Audio {
				return
			}
			if a.Sent != c {
				t.Errorf("%v: sent %v", c, a.Sent)
			}
			if c == media.Opus {
				if a.Samples != nil {
					t.Errorf("%d bytes of Opus", len(a.Samples))
				}
				heard++
				return
			}
			if a.Samples == nil {
				return
			}
			now := make([]int16, pcm.Rate8k.Samples())
			g711.Decode(now, a.Samples, g711.Table(c))
			if a.Processed {
				processed++
			} else if a.In.Rate() == pcm.Rate8k && before != nil {
				// The decoder gives them 1.75 ms later.
				if want := slices.Concat(before[160-14:], now[:160-14]); !slices.Equal(a.In.Samples(), want) {
					t.Errorf("%v: the samples are not those of the frame", c)
				}
				heard++
			}
			before = now
		})})
		x.run(600)
		x.do(x.room, SetProcessors{ID: "a", Processors: []Processor{halver{}}})
		x.run(400)
		if heard < 15 || c != media.Opus && processed < 15 {
			t.Errorf("%v: %d frames heard, %d of them processed", c, heard, processed)
		}
	}
}
