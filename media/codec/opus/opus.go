// Package opus is RFC 6716 by way of libopus, mono, at 8, 16 and 48 kHz without a resampler: libopus codes
// and decodes at all three. What it adds is that the rate may change in mid-stream. libopus cannot do
// that, its state belongs to one rate; so the state is begun anew at the other rate and brought up to date
// with the recent past. All rates have the same delay in libopus, so nothing shifts and nothing clicks.
package opus

import (
	"errors"
	"fmt"

	"github.com/cordboard/cordboard/media/pcm"
)

var (
	// ErrNoFEC: the packet carries no copy of the one before it.
	ErrNoFEC = errors.New("opus: packet has no forward error correction")
	// ErrCodec: an Opus stream cannot become another codec.
	ErrCodec = errors.New("opus: not an opus format")
)

// replay is how many of the last packets a decoder remembers, to bring a state of another rate up to
// date. After six it differs from a state that heard everything by less than -34 dB from the first frame
// on; after four the first frame still had -13 dB.
const replay = 6

// keep is the longest payload a decoder remembers: 20 ms at 150 kbit/s, 60 ms at 50.
const keep = 384

const tailSize = int(pcm.Rate48k) / 200

// Decoder decodes one stream. It implements codec.Decoder and allocates nothing. Make it with
// NewDecoder. Not safe for concurrent use.
type Decoder struct {
	state *state
	hole  hole
	silk  bool          // the last packet was SILK or hybrid
	heard [replay]heard // ring of what happened last
	next  int           // where the next goes
}

// heard is one thing that happened to the stream.
type heard struct {
	kind    heardKind
	len     uint16 // of payload
	samples uint16 // at 48 kHz
	payload [keep]byte
}

type heardKind uint8

const (
	nothing heardKind = iota
	decoded
	recovered // from the copy in payload
	concealed
)

// NewDecoder makes a decoder.
func NewDecoder() *Decoder { return &Decoder{state: newDecoderState()} }

// Reset forgets the stream. Nothing of it stays in memory.
func (d *Decoder) Reset() {
	d.state.forget()
	d.hole.forget()
	d.silk = false
	for i := range d.heard {
		if h := &d.heard[i]; h.kind != nothing {
			*h = heard{}
		}
	}
}

// Decode implements codec.Decoder.
func (d *Decoder) Decode(dst []int16, payload []byte, r pcm.Rate) (int, error) {
	if _, err := Parse(payload); err != nil {
		return 0, err
	}
	if err := d.at(r, dst); err != nil {
		return 0, err
	}
	var tail [tailSize]int16
	k := d.leave(payload, r, tail[:])
	n, err := d.state.decode(dst, payload, false)
	if err != nil {
		return 0, fmt.Errorf("opus: decode: %w", err)
	}
	join(dst[:n], tail[:k])
	d.remember(decoded, payload, n, r)
	return n, nil
}

// DecodeFEC implements codec.Decoder.
func (d *Decoder) DecodeFEC(dst []int16, next []byte, n int, r pcm.Rate) (int, error) {
	if !HasFEC(next) {
		return 0, ErrNoFEC
	}
	if err := d.at(r, dst); err != nil {
		return 0, err
	}
	var tail [tailSize]int16
	k := d.leave(next, r, tail[:])
	if _, err := d.state.decode(dst[:n], next, true); err != nil {
		return 0, fmt.Errorf("opus: decode fec: %w", err)
	}
	join(dst[:n], tail[:k])
	d.remember(recovered, next, n, r)
	return n, nil
}

// Conceal implements codec.Decoder.
func (d *Decoder) Conceal(dst []int16, n int, r pcm.Rate) error {
	if err := d.at(r, dst); err != nil {
		return err
	}
	if d.silk {
		d.hole.begin(d.state)
	}
	if _, err := d.state.decode(dst[:n], nil, false); err != nil {
		return fmt.Errorf("opus: conceal: %w", err)
	}
	d.remember(concealed, nil, n, r)
	return nil
}

// leave ends a hole before payload, as hole.end does.
func (d *Decoder) leave(payload []byte, r pcm.Rate, tail []int16) int {
	d.silk = predicts(payload)
	if !d.silk {
		d.hole.forget()
	}
	return d.hole.end(d.state, r, tail)
}

func (d *Decoder) remember(kind heardKind, payload []byte, n int, r pcm.Rate) {
	h := &d.heard[d.next]
	d.next = (d.next + 1) % replay
	if len(payload) > keep {
		kind, payload = concealed, nil // replay a gap instead
	}
	was := int(h.len)
	h.kind, h.samples, h.len = kind, uint16(n*int(pcm.Rate48k)/int(r)), uint16(copy(h.payload[:], payload))
	if len(payload) < was {
		clear(h.payload[len(payload):was])
	}
}

// at brings the state to rate r, up to date. dst is scratch.
func (d *Decoder) at(r pcm.Rate, dst []int16) error {
	if d.state.rate == r {
		return nil
	}
	if err := d.state.beginDecoder(r); err != nil {
		d.state.rate = 0
		return fmt.Errorf("opus: decoder at %v: %w", r, err)
	}
	for i := range replay {
		h := &d.heard[(d.next+i)%replay]
		n := min(int(h.samples)*int(r)/int(pcm.Rate48k), len(dst))
		// Errors are left aside: what failed once fails again, and the stream goes on from there.
		switch h.kind {
		case decoded:
			_, _ = d.state.decode(dst, h.payload[:h.len], false)
		case recovered:
			_, _ = d.state.decode(dst[:n], h.payload[:h.len], true)
		case concealed:
			_, _ = d.state.decode(dst[:n], nil, false)
		}
	}
	return nil
}
