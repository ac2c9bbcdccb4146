package codec

import (
	"fmt"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/pcm"
)

type g711Encoder struct{ codec media.Codec }

func (e *g711Encoder) Encode(dst []byte, src *pcm.Frame) (int, error) {
	if src.Rate() != pcm.Rate8k {
		return 0, fmt.Errorf("%w: %v takes 8000Hz, not %v", ErrRate, e.codec, src.Rate())
	}
	if e.codec == media.PCMA {
		return g711.EncodeA(dst, src.Samples()), nil
	}
	return g711.EncodeMu(dst, src.Samples()), nil
}

func (e *g711Encoder) Reset() {}

func (e *g711Encoder) Configure(f media.Format) error {
	if f.Codec != e.codec {
		return fmt.Errorf("codec: configure %v as %v: %w", e.codec, f.Codec, ErrUnknown)
	}
	return nil
}

// g711Law is the law of a linearDecoder for G.711: a table.
type g711Law struct{ table *[256]int16 }

func (l g711Law) decode(dst []int16, payload []byte) int { return g711.Decode(dst, payload, l.table) }
func (l g711Law) samples(payload []byte) int             { return len(payload) }
func (l g711Law) reset()                                 {}
