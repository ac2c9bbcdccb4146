package mixer

import (
	"slices"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// halver makes a voice half as loud.
type halver struct{}

func (halver) Process(f *pcm.Frame) {
	s := f.Samples()
	for i := range s {
		s[i] /= 2
	}
}

// TestTapTakesTheVoiceAsItCame: a tap that asks for it gets each voice from before its processors as well,
// with the party's own payload; one that does not ask gets nothing of it.
func TestTapTakesTheVoiceAsItCame(t *testing.T) {
	for _, raw := range []bool{true, false} {
		h := byHand(t, Config{})
		phone, browser := newTalker(8000, pcmu), newTalker(48000, opusFormat)
		phone.on = true
		var got media.Tapped
		var in, rawIn []int16
		h.open("r", Join{ID: "p", Leg: phone}, Join{ID: "b", Leg: browser}, SetProcessors{ID: "p", Processors: []Processor{halver{}}},
			SetTap{Raw: raw, Tap: tapFunc(func(_ uint64, f []media.Tapped) {
				got, in, rawIn = f[0], slices.Clone(f[0].In.Samples()), nil
				if f[0].RawIn != nil {
					rawIn = slices.Clone(f[0].RawIn.Samples())
				}
			})})
		h.ticks(10)
		if !raw {
			if rawIn != nil {
				t.Error("a tap that did not ask gets the voice as it came")
			}
			continue
		}
		loudest := 0
		for i := range rawIn {
			if in[i] != rawIn[i]/2 {
				t.Fatalf("sample %d: %d as it came, %d as heard", i, rawIn[i], in[i])
			}
			loudest = max(loudest, int(rawIn[i]))
		}
		if loudest < 100 || got.Codec == got.RawCodec && got.Codec != 0 {
			t.Errorf("loudest sample %d, payload in %v, raw in %v", loudest, got.Codec, got.RawCodec)
		}
	}
}
