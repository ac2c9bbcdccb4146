package opus

import (
	"fmt"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	libopus "github.com/hraban/opus"
)

// Encoder encodes one stream of frames of any rate. It implements codec.Encoder and allocates only when a
// rate or a delay class is asked for the first time. The zero Encoder is not usable; call Start first.
// Not safe for concurrent use.
type Encoder struct {
	format media.Format
	state  [3][2]*settled // by rate, and by LowDelay
	now    *settled       // the one in use, nil before the first frame
	last   pcm.Frame      // the last frame, to prime another state with
	bridge pcm.Resampler
	prime  [pcm.MaxSamples + maxLate]int16   // that frame, and what the bridge needs beyond
	primed [pcm.MaxSamples + 6*maxLate]int16 // the same at the new rate
	waste  [MaxPayload]byte
}

// settled is a libopus encoder with the settings it has.
type settled struct {
	enc    *libopus.Encoder
	format media.Format
}

// NewEncoder makes an encoder; call Start before use.
func NewEncoder() *Encoder { return new(Encoder) }

// Start resets the encoder for a new stream in a format and makes the state for rate r.
func (e *Encoder) Start(f media.Format, r pcm.Rate) error {
	if !r.Valid() {
		return fmt.Errorf("opus: start at %v", r)
	}
	e.Reset()
	if err := e.Configure(f); err != nil {
		return err
	}
	_, err := e.at(r)
	return err
}

// Reset implements codec.Encoder.
func (e *Encoder) Reset() {
	e.now = nil
	e.last = pcm.Frame{}
	for i := range e.state {
		for _, s := range e.state[i] {
			if s != nil {
				_ = s.enc.Reset() // fails only on a state that was never made
			}
		}
	}
}

// Configure implements codec.Encoder. A change of LowDelay takes effect, without a click, at the next
// frame, as all others do.
func (e *Encoder) Configure(f media.Format) error {
	if f.Codec != media.Opus {
		return fmt.Errorf("%w: %v", ErrCodec, f.Codec)
	}
	e.format = f
	return nil
}

// Encode implements codec.Encoder.
func (e *Encoder) Encode(dst []byte, src *pcm.Frame) (int, error) {
	s, err := e.at(src.Rate())
	if err != nil {
		return 0, err
	}
	if s != e.now && e.now != nil {
		_ = s.enc.Reset()
		e.bring(s, src.Rate())
	}
	e.now = s
	n, err := s.enc.Encode(src.Samples(), dst[:min(len(dst), MaxPayload):min(len(dst), MaxPayload)])
	if err != nil {
		return 0, fmt.Errorf("opus: encode: %w", err)
	}
	e.last = *src
	if n <= 2 && e.format.DTX {
		return 0, nil // RFC 7587 section 3.1.3: need not be sent
	}
	return n, nil
}

// at is the state for rate r with the settings of the format.
func (e *Encoder) at(r pcm.Rate) (*settled, error) {
	app, i := libopus.AppVoIP, 0
	if e.format.LowDelay {
		app, i = libopus.AppRestrictedLowdelay, 1
	}
	p := &e.state[rateIndex(r)][i]
	if *p == nil {
		enc, err := libopus.NewEncoder(int(r), 1, app)
		if err != nil {
			return nil, fmt.Errorf("opus: new encoder at %v: %w", r, err)
		}
		*p = &settled{enc: enc}
	}
	return *p, (*p).settle(e.format)
}

// settle brings the libopus encoder to a format, touching only what differs.
func (s *settled) settle(f media.Format) error {
	if s.format == f {
		return nil
	}
	bitrate := f.Bitrate
	if bitrate == 0 {
		bitrate = DefaultBitrate
	}
	err := s.enc.SetBitrate(int(bitrate))
	if err == nil {
		err = s.enc.SetComplexity(int(f.Complexity))
	}
	if err == nil {
		err = s.enc.SetInBandFEC(f.LossPercent > 0)
	}
	if err == nil {
		err = s.enc.SetPacketLossPerc(int(f.LossPercent))
	}
	if err == nil {
		err = s.enc.SetDTX(f.DTX)
	}
	if err != nil {
		return fmt.Errorf("opus: configure %+v: %w", f, err)
	}
	s.format = f
	return nil
}

// maxLate is the longest input delay of a pcm.Resampler, 1.75 ms at 48 kHz.
const maxLate = 84

// DefaultBitrate is used where a format names none, in bits per second.
const DefaultBitrate = 32000

// bring feeds a fresh state the last 10 ms, converted to its rate, and throws the packet away: its
// look-ahead then holds the end of the past instead of silence. Of 0, 10, 20 and 40 ms, 10 did best on a
// steady tone, the hardest case; more of the past lets SILK predict from a history that the far decoder
// does not share.
func (e *Encoder) bring(s *settled, r pcm.Rate) {
	from := e.last.Rate()
	if from == 0 {
		return
	}
	e.bridge.Reset(from, r)
	// The filter comes late; so that the past ends where it ended, it is run on by its own delay over an
	// odd reflection of the last samples, which keeps value and slope.
	late := e.bridge.InputDelay()
	past := e.last.Samples()
	copy(e.prime[:], past)
	for i := range late {
		e.prime[len(past)+i] = pcm.Clip16(2*int32(past[len(past)-1]) - int32(past[len(past)-2-i]))
	}
	n := e.bridge.Process(e.primed[:], e.prime[:len(past)+late])
	_, _ = s.enc.Encode(e.primed[n-r.Samples()/2:n], e.waste[:])
}
