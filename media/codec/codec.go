// Package codec turns payloads into samples and back. An Encoder serves one distinct mix in one format, a
// Decoder one incoming stream; both keep all their memory and allocate nothing per frame. The codecs
// themselves live below (g711, g722, opus); here they get one face: a decoder gives audio at whatever of
// the three frame rates the room runs at and conceals what was lost, so nobody above has to know which
// codec it was. Both kinds are pooled, since their state is large and calls come and go.
//
// Every decoder delays its audio by the same amount at every rate, so a room may change its rate between
// two frames and nothing clicks: 1.75 ms for G.711 and G.722 (the resampling filter, matched by a delay
// line where there is none), nothing beyond the codec's own for Opus.
package codec

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/codec/opus"
	"github.com/cordboard/cordboard/media/pcm"
)

// MaxPayload is the longest payload an Encoder produces for one frame (RFC 6716 section 3.4 R2).
const MaxPayload = opus.MaxPayload

// MaxDuration is the longest audio one payload can hold (RFC 6716 section 3.4 R5); other codecs are held
// to the same.
const MaxDuration = 120 * time.Millisecond

var (
	// ErrNoFEC: the packet carries no copy of the one before it.
	ErrNoFEC = opus.ErrNoFEC
	// ErrPayload: the payload is empty, malformed or holds more than MaxDuration.
	ErrPayload = errors.New("codec: bad payload")
	// ErrRate: the codec does not take audio at this rate.
	ErrRate = errors.New("codec: wrong sample rate")
	// ErrUnknown: there is no such codec.
	ErrUnknown = errors.New("codec: unknown codec")
)

// Encoder encodes one stream of frames. Not safe for concurrent use.
type Encoder interface {
	// Encode writes the payload of one frame to dst, which has room for MaxPayload bytes, and returns its
	// length; 0 means there is nothing to send (silence under DTX). Opus takes every rate and may be given
	// another one from frame to frame; G.711 takes 8 kHz, G.722 16 kHz, anything else is ErrRate.
	Encode(dst []byte, src *pcm.Frame) (int, error)
	// Reset forgets the stream, for a new one.
	Reset()
	// Configure changes the settings while the stream goes on. The codec itself cannot change.
	Configure(f media.Format) error
}

// Decoder decodes one stream of payloads. Not safe for concurrent use.
type Decoder interface {
	// Decode writes the payload's audio at rate r to dst and returns the number of samples: a payload
	// holds 2.5 to 120 ms, and dst must hold 120 ms. After an error the payload counts as lost.
	Decode(dst []int16, payload []byte, r pcm.Rate) (int, error)
	// DecodeFEC fills the n samples at rate r that were lost just before the packet next from the copy
	// in it. It answers ErrNoFEC, leaving the stream as it was, where there is none.
	DecodeFEC(dst []int16, next []byte, n int, r pcm.Rate) (int, error)
	// Conceal makes up n samples at rate r for what was lost. n is a multiple of 2.5 ms.
	Conceal(dst []int16, n int, r pcm.Rate) error
	// Reset forgets the stream, for a new one.
	Reset()
}

// Scrub has every encoder and decoder leave nothing of what it works on behind, not even where only a later call
// would have taken its place: from now until as many calls with false as with true. While on, each frame of Opus
// takes some microseconds more. Safe for concurrent use.
func Scrub(on bool) { opus.Scrub(on) }

// NewEncoder takes an encoder from the pool, reset and configured, that expects its first frames at rate
// r. Give it back with PutEncoder.
func NewEncoder(f media.Format, r pcm.Rate) (Encoder, error) {
	switch f.Codec {
	case media.PCMU, media.PCMA:
		if r != pcm.Rate8k {
			return nil, fmt.Errorf("%w: %v takes 8000Hz, not %v", ErrRate, f.Codec, r)
		}
		return &g711Encoder{codec: f.Codec}, nil
	case media.G722:
		if r != pcm.Rate16k {
			return nil, fmt.Errorf("%w: G722 takes 16000Hz, not %v", ErrRate, r)
		}
		e := new(g722Encoder)
		e.Reset()
		return e, nil
	case media.Opus:
		e, _ := opusEncoders.Get().(*opus.Encoder)
		if e == nil {
			e = opus.NewEncoder()
		}
		if err := e.Start(f, r); err != nil {
			return nil, fmt.Errorf("codec: start opus encoder: %w", err)
		}
		return e, nil
	default:
		return nil, fmt.Errorf("%w: %v", ErrUnknown, f.Codec)
	}
}

// NewDecoder takes a decoder from the pool, reset. Give it back with PutDecoder.
func NewDecoder(c media.Codec) (Decoder, error) {
	switch c {
	case media.PCMU, media.PCMA, media.G722:
		d, _ := linearDecoders.Get().(*linearDecoder)
		if d == nil {
			d = new(linearDecoder)
		}
		if c == media.G722 {
			d.start(new(g722Law), pcm.Rate16k)
		} else {
			d.start(g711Law{table: g711.Table(c)}, pcm.Rate8k)
		}
		return d, nil
	case media.Opus:
		d, _ := opusDecoders.Get().(*opus.Decoder)
		if d == nil {
			d = opus.NewDecoder()
		}
		d.Reset()
		return d, nil
	default:
		return nil, fmt.Errorf("%w: %v", ErrUnknown, c)
	}
}

var opusEncoders, opusDecoders, linearDecoders sync.Pool

// PutEncoder gives an encoder back. The caller must not use it afterwards.
func PutEncoder(e Encoder) {
	if e, ok := e.(*opus.Encoder); ok {
		e.Reset()
		opusEncoders.Put(e)
	}
}

// PutDecoder gives a decoder back. The caller must not use it afterwards.
func PutDecoder(d Decoder) {
	switch d := d.(type) {
	case *opus.Decoder:
		d.Reset()
		opusDecoders.Put(d)
	case *linearDecoder:
		*d = linearDecoder{}
		linearDecoders.Put(d)
	}
}

// Duration is how much audio a payload holds: for Opus from its TOC byte (RFC 6716 section 3.1), for
// the others from its length. An empty payload, one longer than MaxDuration, and for Opus a malformed
// one, is an error.
func Duration(c media.Codec, payload []byte) (time.Duration, error) {
	switch c {
	case media.Opus:
		return opus.Duration(payload)
	case media.PCMU, media.PCMA, media.G722: // 8000 bytes a second each
		d := time.Duration(len(payload)) * time.Second / 8000
		if d == 0 || d > MaxDuration {
			return 0, fmt.Errorf("%w: %d bytes of %v", ErrPayload, len(payload), c)
		}
		return d, nil
	default:
		return 0, ErrUnknown
	}
}
