// Package pcm is the ground floor of the media path: the audio frame, the rates a room may run at,
// and the arithmetic on samples that everything above shares (gain, level, clipping, resampling).
//
// A frame is 20 ms of mono 16-bit linear samples at 8, 16 or 48 kHz. It is a fixed array with its
// rate beside it, so no length can be wrong and nothing escapes to the heap. Sums are int32 and exact;
// a value is clipped once, after the last subtraction.
package pcm

import (
	"fmt"
	"time"
)

// Period is the length of one frame and of one tick of a room.
const Period = 20 * time.Millisecond

// MaxSamples is the number of samples of the longest frame, 20 ms at 48 kHz.
const MaxSamples = 960

// Rate is an audio sample rate in hertz. It is not the RTP clock rate: G.722 has an RTP clock of
// 8000 and a sample rate of 16000 (RFC 3551 section 4.5.2), Opus an RTP clock of 48000 at any rate.
type Rate int32

// The rates a frame can have.
const (
	Rate8k  Rate = 8000
	Rate16k Rate = 16000
	Rate48k Rate = 48000
)

// Samples is the number of samples in one frame at this rate: 160, 320 or 960.
func (r Rate) Samples() int { return int(r) / 50 }

// Valid reports whether r is one of the three rates of a frame.
func (r Rate) Valid() bool { return r == Rate8k || r == Rate16k || r == Rate48k }

func (r Rate) String() string { return fmt.Sprintf("%dHz", int32(r)) }

// Frame is 20 ms of mono audio. The zero Frame has no rate and no samples; call Reset first.
// A Frame is a plain value: copying it copies the audio.
type Frame struct {
	rate Rate
	buf  [MaxSamples]int16
}

// Reset gives the frame a rate and fills it with silence. It panics on a rate that is not Valid.
func (f *Frame) Reset(r Rate) {
	f.SetRate(r)
	clear(f.buf[:r.Samples()])
}

// SetRate gives the frame a rate and leaves the samples as they are, for callers that overwrite all
// of them. It panics on a rate that is not Valid.
func (f *Frame) SetRate(r Rate) {
	if !r.Valid() {
		panic("pcm: invalid rate " + r.String())
	}
	f.rate = r
}

// Rate is the frame's sample rate, 0 for the zero Frame.
func (f *Frame) Rate() Rate { return f.rate }

// Samples is the frame's audio, Rate().Samples() values long. The slice points into the frame.
func (f *Frame) Samples() []int16 { return f.buf[:f.rate.Samples()] }
