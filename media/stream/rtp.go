package stream

import "encoding/binary"

// header is an RTP packet taken apart (RFC 3550 section 5.1). Payload points into the datagram.
type header struct {
	ssrc    uint32
	ts      uint32
	seq     uint16
	pt      uint8
	marker  bool
	level   uint8 // RFC 6464 level in -dBov, noLevel when the packet carries none
	voice   bool  // RFC 6464 V bit
	payload []byte
}

const (
	headerSize = 12
	noLevel    = 0xff
	// MaxPacket is the longest RTP packet a Sender makes or a Receiver takes.
	MaxPacket = 2048
)

// parse takes an RTP packet apart and reports whether it is one. levelID is the RFC 8285 identifier of
// the RFC 6464 level, 0 when none was agreed.
func (h *header) parse(b []byte, levelID uint8) bool {
	if len(b) < headerSize || len(b) > MaxPacket || b[0]>>6 != 2 {
		return false
	}
	h.marker, h.pt = b[1]&0x80 != 0, b[1]&0x7f
	if h.pt >= 64 && h.pt <= 95 { // RTCP on the same port (RFC 5761 section 4)
		return false
	}
	h.seq = binary.BigEndian.Uint16(b[2:])
	h.ts = binary.BigEndian.Uint32(b[4:])
	h.ssrc = binary.BigEndian.Uint32(b[8:])
	h.level, h.voice = noLevel, false
	at := headerSize + 4*int(b[0]&0x0f)
	end := len(b)
	if b[0]&0x20 != 0 { // padding
		pad := int(b[end-1])
		if pad == 0 || at+pad > end {
			return false
		}
		end -= pad
	}
	if b[0]&0x10 != 0 {
		if at+4 > end {
			return false
		}
		profile := binary.BigEndian.Uint16(b[at:])
		n := 4 * int(binary.BigEndian.Uint16(b[at+2:]))
		at += 4
		if at+n > end {
			return false
		}
		if levelID != 0 {
			h.extension(profile, b[at:at+n], levelID)
		}
		at += n
	}
	if at > end {
		return false
	}
	h.payload = b[at:end]
	return true
}

// extension looks for the level among the elements (RFC 8285 sections 4.2 and 4.3).
func (h *header) extension(profile uint16, b []byte, levelID uint8) {
	long := profile>>4 == 0x100
	if !long && profile != 0xbede {
		return
	}
	for len(b) > 0 {
		if b[0] == 0 { // padding
			b = b[1:]
			continue
		}
		var id uint8
		var n int
		if long {
			if len(b) < 2 {
				return
			}
			id, n = b[0], int(b[1])
			b = b[2:]
		} else {
			id, n = b[0]>>4, int(b[0]&0x0f)+1
			if id == 15 {
				return
			}
			b = b[1:]
		}
		if n > len(b) {
			return
		}
		if id == levelID && n >= 1 {
			h.level, h.voice = b[0]&0x7f, b[0]&0x80 != 0
			return
		}
		b = b[n:]
	}
}

// appendHeader writes an RTP header, with an RFC 6464 level when levelID is not 0.
func appendHeader(b []byte, pt uint8, marker bool, seq uint16, ts, ssrc uint32, levelID, level uint8, voice bool) []byte {
	first := byte(0x80)
	if levelID != 0 {
		first |= 0x10
	}
	second := pt & 0x7f
	if marker {
		second |= 0x80
	}
	b = append(b, first, second)
	b = binary.BigEndian.AppendUint16(b, seq)
	b = binary.BigEndian.AppendUint32(b, ts)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	if levelID != 0 {
		v := level & 0x7f
		if voice {
			v |= 0x80
		}
		b = append(b, 0xbe, 0xde, 0, 1, levelID<<4, v, 0, 0)
	}
	return b
}
