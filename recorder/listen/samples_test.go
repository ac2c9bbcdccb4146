package listen

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/media/wav"
	"github.com/cordboard/cordboard/recorder/wave"
)

// TestSamplesLieWhereTheyWere: a track of samples is in the copy at its place on the time line, to the sample, at every
// rate, and up to its end.
func TestSamplesLieWhereTheyWere(t *testing.T) {
	const clicks, length = 4, 8000
	for _, law := range []media.Codec{media.PCMU, media.PCMA} {
		for _, rate := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k} {
			in := make([]int16, length)
			for i := range clicks {
				in[i*2000+5] = 20000
			}
			in[length-1] = -20000
			b := make([]byte, length)
			if law == media.PCMA {
				g711.EncodeA(b, in)
			} else {
				g711.EncodeMu(b, in)
			}
			file := append(wave.Head(law, "x"), b...)
			track := Track{Left: true, Offset: 500 * time.Millisecond, Duration: time.Second, Open: func() (io.ReadCloser, error) {
				return io.NopCloser(bytes.NewReader(file)), nil
			}}
			var out bytes.Buffer
			if _, err := Make(t.Context(), &out, []Track{track}, Options{Format: WAV, Rate: rate, Mono: true}); err != nil {
				t.Fatal(err)
			}
			s, err := wav.Decode(out.Bytes())
			if err != nil || len(s.Samples) != 3*length/2*int(rate)/8000 {
				t.Fatalf("%v at %v: %d samples, %v", law, rate, len(s.Samples), err)
			}
			step := int(rate) / 8000
			for i := range clicks {
				at := (length/2 + i*2000 + 5) * step
				loudest := at - 100
				for k := at - 100; k < at+100; k++ {
					if s.Samples[k] > s.Samples[loudest] {
						loudest = k
					}
				}
				if loudest != at {
					t.Errorf("%v at %v: click %d at sample %d, want %d", law, rate, i, loudest, at)
				}
			}
			if last := s.Samples[len(s.Samples)-step]; last > -10000 {
				t.Errorf("%v at %v: the last sample is %d", law, rate, last)
			}
		}
	}
	short := Track{Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte("RIFF rubbish"))), nil }}
	if _, err := Make(t.Context(), io.Discard, []Track{short}, Options{}); !errors.Is(err, wave.ErrNotWave) {
		t.Errorf("rubbish: %v", err)
	}
}
