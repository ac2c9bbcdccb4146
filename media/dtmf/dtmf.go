// Package dtmf carries telephone keys. Over RTP they come as telephone events (RFC 4733): a packet every
// 20 ms that says which key and how long it has been down, all with the timestamp of its beginning, and
// three with the end bit. Receiver turns those into one event per key press whatever gets lost; Sender
// makes them. Where a party has no telephone events, Detector hears the two tones in G.711 audio.
package dtmf

import (
	"errors"
	"strings"
	"time"

	"github.com/cordboard/cordboard/media"
)

// keys are the events 0 to 15 of RFC 4733 section 3.2, in their order.
const keys = "0123456789*#ABCD"

// PacketLen is the length of one event.
const PacketLen = 4

var (
	// ErrShort: the payload is shorter than one event.
	ErrShort = errors.New("dtmf: payload too short")
	// ErrDigit: not one of 0-9 * # A-D.
	ErrDigit = errors.New("dtmf: not a digit")
	// ErrFull: more digits are waiting than the queue holds.
	ErrFull = errors.New("dtmf: too many digits waiting")
)

// Packet is the payload of RFC 4733 section 2.3.
type Packet struct {
	Event    uint8
	End      bool
	Volume   uint8  // -dBm0, 0 to 63
	Duration uint16 // in units of the RTP clock, since the packet's timestamp
}

// Parse reads the first event of a payload. Further events in it (section 2.5.1.5 allows them for
// history) are left aside.
func Parse(payload []byte) (Packet, error) {
	if len(payload) < PacketLen {
		return Packet{}, ErrShort
	}
	return Packet{
		Event:    payload[0],
		End:      payload[1]&0x80 != 0,
		Volume:   payload[1] & 0x3f,
		Duration: uint16(payload[2])<<8 | uint16(payload[3]),
	}, nil
}

// Marshal writes the packet to dst, which has room for PacketLen bytes.
func (p Packet) Marshal(dst []byte) int {
	_ = dst[3]
	dst[0], dst[1], dst[2], dst[3] = p.Event, p.Volume&0x3f, byte(p.Duration>>8), byte(p.Duration)
	if p.End {
		dst[1] |= 0x80
	}
	return PacketLen
}

// Digit is the key of the event, false for an event that is no key.
func (p Packet) Digit() (byte, bool) {
	if int(p.Event) >= len(keys) {
		return 0, false
	}
	return keys[p.Event], true
}

// Valid reports whether all of digits are 0-9 * # A-D, in capitals.
func Valid(digits string) bool {
	return strings.Trim(digits, keys) == ""
}

// lostAfter is how long after the last packet of a key, in the stream's own time, its end counts as lost.
const lostAfter = 100 * time.Millisecond

// Receiver tells the key presses of one stream. Each is told once, when it has ended. The zero Receiver
// is not usable; set ClockRate. It allocates nothing. Not safe for concurrent use.
type Receiver struct {
	// ClockRate is the RTP clock of the telephone events, in hertz.
	ClockRate uint32

	down    bool   // a key is held
	seen    bool   // start, last and event mean something
	event   uint8  // the current or last key
	start   uint32 // its timestamp
	segment uint32 // the timestamp of its current segment, for keys held longer than a duration can say
	length  uint32 // how long it has been held, in clock units
	pending media.Event
	waiting bool // pending has not been told yet
}

// Push takes in one packet and tells a key press that has ended: the packet's own when it has the end
// bit, or the one before when this one begins without the other's end having come.
func (r *Receiver) Push(payload []byte, marker bool, ts uint32) (media.Event, bool) {
	p, err := Parse(payload)
	if err != nil || int(p.Event) >= len(keys) {
		return r.told()
	}
	switch {
	case r.seen && ts == r.segment: // more of the same
		if !r.down || p.Event != r.event {
			return r.told() // a repeated end
		}
		r.length = max(r.length, ts-r.start+uint32(p.Duration))
	case r.seen && int32(ts-r.segment) < 0:
		return r.told() // late, of an earlier key
	case r.down && p.Event == r.event && !marker && ts-r.start <= r.length+r.ClockRate/25:
		// A key held past 65535 units goes on in a new segment (section 2.5.1.3); some senders do that
		// with every packet.
		r.segment = ts
		r.length = ts - r.start + uint32(p.Duration)
	default:
		if r.down {
			r.end()
		}
		r.down, r.seen, r.event, r.start, r.segment, r.length = true, true, p.Event, ts, ts, uint32(p.Duration)
	}
	if !p.End {
		return r.told()
	}
	if r.waiting { // two at once: tell the earlier now, this one at its repeated end or by Idle
		e, _ := r.told()
		r.end()
		return e, true
	}
	r.end()
	return r.told()
}

// Idle tells a key press whose end was lost: call it now and then with the RTP timestamp the stream has
// reached, by later packets or by the clock.
func (r *Receiver) Idle(ts uint32) (media.Event, bool) {
	quiet := int32(ts - r.start - r.length)
	if r.down && quiet > int32(r.ClockRate/uint32(time.Second/lostAfter)) {
		r.end()
	}
	return r.told()
}

// Reset forgets the stream, for one with another SSRC, and tells a key that was held.
func (r *Receiver) Reset() (media.Event, bool) {
	if r.down {
		r.end()
	}
	e, ok := r.told()
	*r = Receiver{ClockRate: r.ClockRate}
	return e, ok
}

// Down reports whether a key is held now; the audio under it is the key's tone.
func (r *Receiver) Down() bool { return r.down }

func (r *Receiver) end() {
	r.down = false
	r.pending = media.Event{
		Kind: media.EventDigit, Digit: keys[r.event],
		Duration: time.Duration(r.length) * time.Second / time.Duration(r.ClockRate),
	}
	r.waiting = true
}

func (r *Receiver) told() (media.Event, bool) {
	if !r.waiting {
		return media.Event{}, false
	}
	r.waiting = false
	return r.pending, true
}
