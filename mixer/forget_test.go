package mixer

import (
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// An encoder that goes on while another one's resampler brings the mix to its rate does not keep what its own
// resampler heard last.
func TestResamplerWithoutWorkForgets(t *testing.T) {
	enc, err := codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 24000}, pcm.Rate48k)
	if err != nil {
		t.Fatal(err)
	}
	defer codec.PutEncoder(enc)
	s := newStream(enc, key{format: media.Format{Codec: media.Opus}, from: pcm.Rate8k, to: pcm.Rate48k})
	p := &plan{stock: []stocked{{stream: s}}}
	var in, out pcm.Frame
	in.Reset(pcm.Rate8k)
	for i := range in.Samples() {
		in.Samples()[i] = int16(1000 + i)
	}
	fresh := *pcm.NewResampler(pcm.Rate8k, pcm.Rate48k)
	s.resampler.ProcessFrame(&out, &in)
	if s.resampled = 100; *s.resampler == fresh {
		t.Fatal("a resampler that has heard something is as new")
	}
	s.ran = 100 + forgetEvery
	if p.forget(100 + forgetEvery); *s.resampler == fresh {
		t.Error("forgotten while it may still be wanted")
	}
	s.ran = 101 + forgetEvery
	if p.forget(101 + forgetEvery); *s.resampler != fresh || s.ran == 0 {
		t.Error("the resampler keeps what it heard, or the encoder that is at work is stopped")
	}
}
