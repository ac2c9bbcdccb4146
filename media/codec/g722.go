package codec

import (
	"fmt"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g722"
	"github.com/cordboard/cordboard/media/pcm"
)

type g722Encoder struct{ enc g722.Encoder }

func (e *g722Encoder) Encode(dst []byte, src *pcm.Frame) (int, error) {
	if src.Rate() != pcm.Rate16k {
		return 0, fmt.Errorf("%w: G722 takes 16000Hz, not %v", ErrRate, src.Rate())
	}
	return e.enc.Encode(dst, src.Samples()), nil
}

func (e *g722Encoder) Reset() { e.enc.Reset() }

func (e *g722Encoder) Configure(f media.Format) error {
	if f.Codec != media.G722 {
		return fmt.Errorf("codec: configure G722 as %v: %w", f.Codec, ErrUnknown)
	}
	return nil
}

// g722Law is the law of a linearDecoder for G.722.
type g722Law struct{ dec g722.Decoder }

func (l *g722Law) decode(dst []int16, payload []byte) int { return l.dec.Decode(dst, payload) }
func (l *g722Law) samples(payload []byte) int             { return 2 * len(payload) }
func (l *g722Law) reset()                                 { l.dec.Reset() }
