package codec_test

import (
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// BenchmarkScrub is what a frame of Opus costs while nothing is paused (off) and while a recording is (on), when every
// encoder and decoder of the process overwrites what it worked on. On a busy machine compare the smallest of many short
// runs: -benchtime 300x -count 40.
func BenchmarkScrub(b *testing.B) {
	const rate = pcm.Rate48k
	f := media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}
	payloads := encode(b, f, testaudio.Speech(1, float64(rate), int(rate), -12))
	speech := testaudio.Speech(1, float64(rate), int(rate), -12)
	dec, dst := decoder(b, media.Opus), make([]int16, 5760)
	enc, err := codec.NewEncoder(f, rate)
	if err != nil {
		b.Fatal(err)
	}
	defer codec.PutEncoder(enc)
	var frame pcm.Frame
	frame.Reset(rate)
	out := make([]byte, codec.MaxPayload)
	size := len(frame.Samples())
	for _, c := range []struct {
		name string
		do   func(i int) error
	}{
		{"decode", func(i int) error { _, err := dec.Decode(dst, payloads[i%len(payloads)], rate); return err }},
		{"encode", func(i int) error {
			copy(frame.Samples(), speech[i%(len(speech)/size)*size:])
			_, err := enc.Encode(out, &frame)
			return err
		}},
	} {
		for name, on := range map[string]bool{"off": false, "on": true} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				if on {
					codec.Scrub(true)
					defer codec.Scrub(false)
				}
				for i := 0; b.Loop(); i++ {
					if err := c.do(i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
