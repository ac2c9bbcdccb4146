// Package opus is RFC 6716 by way of libopus, mono, at 8, 16 and 48 kHz without a resampler: libopus codes
// and decodes at all three. What it adds is that the rate may change in mid-stream. libopus cannot do
// that, its state belongs to one rate; so there is one state per rate that was needed, and the one that
// comes into use is first brought up to date with the recent past. All rates have the same delay in
// libopus, so nothing shifts and nothing clicks.
package opus

import (
	"errors"
	"fmt"

	"github.com/cordboard/cordboard/media/pcm"
	libopus "github.com/hraban/opus"
)

var (
	// ErrNoFEC: the packet carries no copy of the one before it.
	ErrNoFEC = errors.New("opus: packet has no forward error correction")
	// ErrCodec: an Opus stream cannot become another codec.
	ErrCodec = errors.New("opus: not an opus format")
)

func rateIndex(r pcm.Rate) int {
	switch r {
	case pcm.Rate8k:
		return 0
	case pcm.Rate16k:
		return 1
	default:
		return 2
	}
}

// replay is how many of the last packets a decoder remembers, to bring a state of another rate up to
// date. After six it differs from a state that heard everything by less than -34 dB from the first frame
// on; after four the first frame still had -13 dB.
const replay = 6

// Decoder decodes one stream. It implements codec.Decoder and allocates only when a rate is asked for
// the first time. The zero Decoder is ready. Not safe for concurrent use.
type Decoder struct {
	state [3]*libopus.Decoder // by rate, nil until needed
	last  pcm.Rate            // rate of the last call, 0 before the first
	heard [replay]heard       // ring of what happened last
	next  int                 // where the next goes
}

// heard is one thing that happened to the stream.
type heard struct {
	kind    heardKind
	len     int // of payload
	samples int // at 48 kHz, for loss and FEC
	payload [MaxPayload]byte
}

type heardKind uint8

const (
	nothing heardKind = iota
	decoded
	recovered // from the copy in payload
	concealed
)

// NewDecoder makes a decoder.
func NewDecoder() *Decoder { return new(Decoder) }

// Reset forgets the stream.
func (d *Decoder) Reset() {
	d.state = [3]*libopus.Decoder{} // libopus's binding has no reset; a fresh state is 18 kB
	d.last = 0
	for i := range d.heard {
		d.heard[i].kind = nothing
	}
}

// Decode implements codec.Decoder.
func (d *Decoder) Decode(dst []int16, payload []byte, r pcm.Rate) (int, error) {
	if _, err := Parse(payload); err != nil {
		return 0, err
	}
	s, err := d.at(r, dst)
	if err != nil {
		return 0, err
	}
	n, err := s.Decode(payload, dst[:len(dst):len(dst)])
	if err != nil {
		return 0, fmt.Errorf("opus: decode: %w", err)
	}
	d.remember(decoded, payload, 0)
	return n, nil
}

// DecodeFEC implements codec.Decoder.
func (d *Decoder) DecodeFEC(dst []int16, next []byte, n int, r pcm.Rate) (int, error) {
	if !HasFEC(next) {
		return 0, ErrNoFEC
	}
	s, err := d.at(r, dst)
	if err != nil {
		return 0, err
	}
	if err := s.DecodeFEC(next, dst[:n:n]); err != nil {
		return 0, fmt.Errorf("opus: decode fec: %w", err)
	}
	d.remember(recovered, next, n*int(pcm.Rate48k)/int(r))
	return n, nil
}

// Conceal implements codec.Decoder.
func (d *Decoder) Conceal(dst []int16, n int, r pcm.Rate) error {
	s, err := d.at(r, dst)
	if err != nil {
		return err
	}
	if err := s.DecodePLC(dst[:n:n]); err != nil {
		return fmt.Errorf("opus: conceal: %w", err)
	}
	d.remember(concealed, nil, n*int(pcm.Rate48k)/int(r))
	return nil
}

func (d *Decoder) remember(kind heardKind, payload []byte, samples int) {
	h := &d.heard[d.next]
	d.next = (d.next + 1) % replay
	if len(payload) > len(h.payload) {
		kind, payload, samples = concealed, nil, 960 // too long to keep: replay a gap instead
	}
	h.kind, h.samples, h.len = kind, samples, copy(h.payload[:], payload)
}

// at is the state for rate r, up to date. dst is scratch.
func (d *Decoder) at(r pcm.Rate, dst []int16) (*libopus.Decoder, error) {
	s := d.state[rateIndex(r)]
	if s != nil && d.last == r {
		return s, nil
	}
	if s == nil {
		var err error
		if s, err = libopus.NewDecoder(int(r), 1); err != nil {
			return nil, fmt.Errorf("opus: new decoder at %v: %w", r, err)
		}
		d.state[rateIndex(r)] = s
	}
	for i := range replay {
		h := &d.heard[(d.next+i)%replay]
		n := h.samples * int(r) / int(pcm.Rate48k)
		// Errors are left aside: what failed once fails again, and the stream goes on from there.
		switch h.kind {
		case decoded:
			_, _ = s.Decode(h.payload[:h.len], dst[:len(dst):len(dst)])
		case recovered:
			_ = s.DecodeFEC(h.payload[:h.len], dst[:n:n])
		case concealed:
			_ = s.DecodePLC(dst[:n:n])
		}
	}
	d.last = r
	return s, nil
}
