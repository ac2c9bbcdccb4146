package ogg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// PreSkip is the number of samples at 48 kHz a player drops at the start of a track: the look-ahead of
// the Opus encoder (RFC 7845 section 4.2). Every track has the same, so tracks stay aligned.
const PreSkip = 312

// PacketDuration is the samples at 48 kHz in one packet of ours, 20 ms.
const PacketDuration = 960

// Silence is an Opus packet of 20 ms of digital silence: CELT, full band, mono, one frame that says
// nothing but "silent" (RFC 6716 section 4.3).
var Silence = [3]byte{0xf8, 0xff, 0xfe}

// Discontinuous is the one-byte packet that repeats the mode of the packet before it and holds no frame
// data, the form RFC 7845 section 4.1 gives to a lost or untransmitted frame of 20 ms. The decoder
// conceals or makes comfort noise, as it would have done live.
func Discontinuous(toc byte) byte {
	config := toc >> 3
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		config = config&^3 | 1
	case config < 16: // hybrid: 10, 20 ms
		config |= 1
	default: // CELT: 2.5, 5, 10, 20 ms
		config |= 3
	}
	return config<<3 | toc&4
}

// ErrPacket: the bytes are not an Opus packet (RFC 6716 section 3.4).
var ErrPacket = errors.New("ogg: not an opus packet")

// PacketSamples is the duration of an Opus packet in samples at 48 kHz. It checks the framing of all
// frames, so a decoder will take the packet. It allocates nothing.
func PacketSamples(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, ErrPacket
	}
	size := frameSamples(p[0])
	body := p[1:]
	switch p[0] & 3 {
	case 0:
		if len(body) > 1275 {
			return 0, ErrPacket
		}
		return size, nil
	case 1:
		if len(body)%2 != 0 || len(body)/2 > 1275 {
			return 0, ErrPacket
		}
		return 2 * size, nil
	case 2:
		n, used := frameLength(body)
		if used == 0 || used+n > len(body) || len(body)-used-n > 1275 {
			return 0, ErrPacket
		}
		return 2 * size, nil
	}
	return severalFrames(body, size)
}

// severalFrames checks a packet of code 3: a count byte, optional padding, lengths, frames.
func severalFrames(body []byte, size int) (int, error) {
	if len(body) == 0 {
		return 0, ErrPacket
	}
	head := body[0]
	count := int(head & 0x3f)
	if count == 0 || count*size > 5760 {
		return 0, ErrPacket
	}
	body = body[1:]
	if head&0x40 != 0 {
		padding := 0
		for {
			if len(body) == 0 {
				return 0, ErrPacket
			}
			b := int(body[0])
			body = body[1:]
			if b != 255 {
				padding += b
				break
			}
			padding += 254
		}
		if padding > len(body) {
			return 0, ErrPacket
		}
		body = body[:len(body)-padding]
	}
	if head&0x80 == 0 {
		if len(body)%count != 0 || len(body)/count > 1275 {
			return 0, ErrPacket
		}
		return count * size, nil
	}
	total := 0
	for range count - 1 {
		n, used := frameLength(body)
		if used == 0 {
			return 0, ErrPacket
		}
		body = body[used:]
		total += n
	}
	if total > len(body) || len(body)-total > 1275 {
		return 0, ErrPacket
	}
	return count * size, nil
}

// frameLength reads a frame length of one or two bytes (RFC 6716 section 3.2.1); used is 0 when there
// are too few bytes.
func frameLength(b []byte) (n, used int) {
	switch {
	case len(b) == 0:
		return 0, 0
	case b[0] < 252:
		return int(b[0]), 1
	case len(b) == 1:
		return 0, 0
	}
	return int(b[0]) + 4*int(b[1]), 2
}

// frameSamples is the samples at 48 kHz of one frame of the mode in a TOC byte (RFC 6716 section 3.1).
func frameSamples(toc byte) int {
	config := toc >> 3
	switch {
	case config < 12:
		return [4]int{480, 960, 1920, 2880}[config&3]
	case config < 16:
		return [2]int{480, 960}[config&1]
	}
	return 120 << (config & 3)
}

// Head is the identification header of a stream (RFC 7845 section 5.1), channel mapping family 0.
type Head struct {
	Channels  uint8
	PreSkip   uint16
	InputRate uint32 // of the original audio, for information
	Gain      int16  // Q7.8 dB
}

func (h Head) append(b []byte) []byte {
	b = append(b, "OpusHead\x01"...)
	b = append(b, h.Channels)
	b = binary.LittleEndian.AppendUint16(b, h.PreSkip)
	b = binary.LittleEndian.AppendUint32(b, h.InputRate)
	b = binary.LittleEndian.AppendUint16(b, uint16(h.Gain))
	return append(b, 0)
}

func parseHead(p []byte) (Head, error) {
	if len(p) < 19 || string(p[:8]) != "OpusHead" || p[8]&0xf0 != 0 {
		return Head{}, errors.New("ogg: no OpusHead")
	}
	h := Head{
		Channels: p[9], PreSkip: binary.LittleEndian.Uint16(p[10:]),
		InputRate: binary.LittleEndian.Uint32(p[12:]), Gain: int16(binary.LittleEndian.Uint16(p[16:])),
	}
	if p[18] != 0 || h.Channels == 0 || h.Channels > 2 {
		return Head{}, fmt.Errorf("ogg: channel mapping %d with %d channels is not supported", p[18], h.Channels)
	}
	return h, nil
}

// maxTags bounds the comment header, ours and foreign.
const maxTags = 32 << 10

func appendTags(b []byte, comments []string) []byte {
	const vendor = "cordboard"
	b = append(b, "OpusTags"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(vendor)))
	b = append(b, vendor...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(comments)))
	for _, c := range comments {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(c)))
		b = append(b, c...)
	}
	return b
}
