package codec

import (
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// A path that is not asked for any more keeps nothing of what went through it.
func TestPathThatIsLeftForgets(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.PCMA, media.G722} {
		dec, err := NewDecoder(c)
		if err != nil {
			t.Fatal(err)
		}
		d := dec.(*linearDecoder)
		payload := make([]byte, 160)
		for i := range payload {
			payload[i] = byte(i * 7)
		}
		var out [pcm.MaxSamples]int16
		for _, r := range []pcm.Rate{pcm.Rate48k, d.native} {
			if _, err := d.Decode(out[:r.Samples()], payload, r); err != nil {
				t.Fatal(err)
			}
			if r != d.native && d.path == (pcm.Resampler{}) {
				t.Fatalf("%v: nothing went through the path", c)
			}
		}
		if d.path != (pcm.Resampler{}) {
			t.Errorf("%v: the path to 48 kHz keeps what it heard", c)
		}
		PutDecoder(dec)
	}
}
