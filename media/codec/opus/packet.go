package opus

import (
	"errors"
	"time"
)

// MaxPayload is the longest packet an encoder gives for one frame (RFC 6716 section 3.4 R2).
const MaxPayload = 1275

// ErrPacket: the packet breaks a rule of RFC 6716 section 3.4.
var ErrPacket = errors.New("opus: malformed packet")

// Mode is which half of the codec made a packet.
type Mode uint8

// The modes of RFC 6716 table 2.
const (
	SILK Mode = iota
	Hybrid
	CELT
)

// Packet is what a packet says of itself before it is decoded.
type Packet struct {
	Mode     Mode
	Stereo   bool
	Frames   int           // 1 to 48
	Frame    time.Duration // the length of one frame, 2.5 to 60 ms
	FirstAt  int           // where the first frame begins
	FirstLen int           // its length, 0 in DTX
}

// Duration is the length of the packet's audio.
func (p Packet) Duration() time.Duration { return time.Duration(p.Frames) * p.Frame }

// Parse reads the framing of RFC 6716 section 3 and checks its rules; it does not decode. Errors are
// ErrPacket.
func Parse(payload []byte) (Packet, error) {
	if len(payload) == 0 {
		return Packet{}, ErrPacket
	}
	toc := payload[0]
	p := Packet{Stereo: toc&4 != 0, FirstAt: 1}
	switch config := toc >> 3; {
	case config < 12:
		p.Mode = SILK
		p.Frame = [4]time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16:
		p.Mode = Hybrid
		p.Frame = [2]time.Duration{10, 20}[config&1] * time.Millisecond
	default:
		p.Mode = CELT
		p.Frame = 2500 * time.Microsecond << (config & 3)
	}
	rest := payload[1:]
	ok := true
	switch toc & 3 {
	case 0: // one frame
		p.Frames, p.FirstLen = 1, len(rest)
	case 1: // two of one length
		p.Frames, p.FirstLen = 2, len(rest)/2
		ok = len(rest)%2 == 0
	case 2: // two of two lengths
		size, n := frameLen(rest)
		p.Frames, p.FirstAt, p.FirstLen = 2, 1+n, size
		ok = n > 0 && n+size <= len(rest) && len(rest)-n-size <= MaxPayload
	case 3:
		ok = p.parseMany(rest)
	}
	if !ok || p.FirstLen > MaxPayload || p.Duration() > 120*time.Millisecond {
		return Packet{}, ErrPacket
	}
	return p, nil
}

// parseMany reads the frame count byte, the padding and the lengths of code 3 (section 3.2.5).
func (p *Packet) parseMany(rest []byte) bool {
	if len(rest) == 0 {
		return false
	}
	count := rest[0]
	p.Frames = int(count & 63)
	if p.Frames == 0 || p.Duration() > 120*time.Millisecond {
		return false
	}
	at, end := 1, len(rest)
	for padded := count&64 != 0; padded; at++ {
		if at >= len(rest) {
			return false
		}
		pad := int(rest[at])
		padded = pad == 255
		end -= min(pad, 254)
	}
	if end < at {
		return false
	}
	if count&128 == 0 { // all of one length
		p.FirstAt, p.FirstLen = 1+at, (end-at)/p.Frames
		return (end-at)%p.Frames == 0
	}
	sum := 0
	for i := range p.Frames - 1 {
		size, n := frameLen(rest[at:end])
		if n == 0 {
			return false
		}
		if i == 0 {
			p.FirstLen = size
		}
		at += n
		sum += size
	}
	last := end - at - sum
	if p.Frames == 1 {
		p.FirstLen = last
	}
	p.FirstAt = 1 + at
	return last >= 0 && last <= MaxPayload
}

// frameLen reads a length of section 3.2.1 and says how many bytes it took, 0 where it is cut off.
func frameLen(b []byte) (size, n int) {
	switch {
	case len(b) == 0:
		return 0, 0
	case b[0] < 252:
		return int(b[0]), 1
	case len(b) == 1:
		return 0, 0
	default:
		return int(b[1])*4 + int(b[0]), 2
	}
}

// Duration is the length of a packet's audio, 2.5 to 120 ms.
func Duration(payload []byte) (time.Duration, error) {
	p, err := Parse(payload)
	return p.Duration(), err
}

// HasFEC reports whether the packet carries a copy of the audio before it: the LBRR flag, which follows
// the VAD flags of the SILK frames as a plain bit (RFC 6716 sections 4.2.3 and 4.2.4).
func HasFEC(payload []byte) bool {
	p, err := Parse(payload)
	if err != nil || p.Mode == CELT || p.FirstLen == 0 {
		return false
	}
	first := payload[p.FirstAt]
	vads := int(max(p.Frame/(20*time.Millisecond), 1))
	if first>>(7-vads)&1 != 0 {
		return true
	}
	return p.Stereo && first>>(6-2*vads)&1 != 0
}
