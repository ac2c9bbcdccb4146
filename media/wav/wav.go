// Package wav reads and writes sound files in the one container that everything can play: RIFF WAVE with plain
// samples. It reads integers of 8 to 32 bits, floats of 32 and 64, and G.711 in both laws, and writes 16-bit integers.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
)

// ErrFormat: not a WAV file, or one with coded samples.
var ErrFormat = errors.New("not a WAV file with plain samples")

// Sound is samples, interleaved where there is more than one channel.
type Sound struct {
	Rate, Channels int
	Samples        []int16
}

const (
	formatInteger    = 1
	formatFloat      = 3
	formatALaw       = 6
	formatMuLaw      = 7
	formatExtensible = 0xfffe // the real format is the first word of what follows
)

// coded are formats that people have, by name.
var coded = map[int]string{2: "Microsoft ADPCM", 0x11: "IMA ADPCM", 0x31: "GSM", 0x55: "MP3"}

// Decode reads a file. A data length that runs past the end, as programs leave it that write to a pipe, means up
// to the end, and so does one of 0 where the length of the whole was not filled in either. Errors wrap ErrFormat.
func Decode(b []byte) (Sound, error) {
	var s Sound
	if len(b) < 12 || string(b[:4]) != "RIFF" && string(b[:4]) != "RF64" || string(b[8:12]) != "WAVE" {
		return s, ErrFormat
	}
	le := binary.LittleEndian
	open := le.Uint32(b[4:]) == 0
	var l layout
	for at := 12; at+8 <= len(b); {
		size := int(le.Uint32(b[at+4:]))
		body := b[at+8:]
		if kind := string(b[at : at+4]); kind != "data" || size > 0 || !open {
			body = body[:min(size, len(body))]
		}
		switch string(b[at : at+4]) {
		case "fmt ":
			if len(body) < 16 {
				return s, fmt.Errorf("%w: its format is cut short", ErrFormat)
			}
			l = layoutOf(body)
		case "data":
			if l.channels == 0 || l.rate == 0 {
				return s, fmt.Errorf("%w: it does not say how many channels or samples a second there are", ErrFormat)
			}
			read := l.reader()
			if read == nil {
				return s, fmt.Errorf("%w: %s", ErrFormat, l)
			}
			s.Rate, s.Channels = l.rate, l.channels
			s.Samples = make([]int16, len(body)/l.bytes/l.channels*l.channels)
			for i := range s.Samples {
				s.Samples[i] = read(body[i*l.bytes:])
			}
			return s, nil
		}
		at += 8 + size + size&1
	}
	return s, fmt.Errorf("%w: there is no sound in it", ErrFormat)
}

// layout is how samples lie in a file.
type layout struct{ format, channels, rate, bits, bytes int }

// layoutOf reads a format chunk. Samples with fewer bits than their bytes hold have them at the top.
func layoutOf(body []byte) layout {
	le := binary.LittleEndian
	l := layout{int(le.Uint16(body)), int(le.Uint16(body[2:])), int(le.Uint32(body[4:])), int(le.Uint16(body[14:])), 0}
	if l.format == formatExtensible && len(body) >= 26 {
		l.format = int(le.Uint16(body[24:]))
	}
	l.bytes = (l.bits + 7) / 8
	if block := int(le.Uint16(body[12:])); l.channels > 0 && block%l.channels == 0 && block/l.channels > l.bytes && block/l.channels <= 4 {
		l.bytes = block / l.channels
	}
	return l
}

func (l layout) String() string {
	if name := coded[l.format]; name != "" {
		return "it is coded as " + name
	}
	return fmt.Sprintf("its format is number %d with %d bits", l.format, l.bits)
}

// reader turns one sample's bytes into 16 bits; nil where the format is not ours.
func (l layout) reader() func([]byte) int16 {
	le := binary.LittleEndian
	float := func(v float64) int16 {
		if math.IsNaN(v) {
			return 0
		}
		return int16(max(-32768, min(32767, math.RoundToEven(v*32768))))
	}
	switch {
	case l.format == formatInteger && l.bytes == 1:
		return func(b []byte) int16 { return int16(b[0])<<8 ^ -0x8000 }
	case l.format == formatInteger && l.bytes >= 2 && l.bytes <= 4:
		skip := l.bytes - 2
		return func(b []byte) int16 { return int16(le.Uint16(b[skip:])) }
	case l.format == formatFloat && l.bytes == 4:
		return func(b []byte) int16 { return float(float64(math.Float32frombits(le.Uint32(b)))) }
	case l.format == formatFloat && l.bytes == 8:
		return func(b []byte) int16 { return float(math.Float64frombits(le.Uint64(b))) }
	case l.format == formatALaw && l.bytes == 1:
		return func(b []byte) int16 { return g711.Table(media.PCMA)[b[0]] }
	case l.format == formatMuLaw && l.bytes == 1:
		return func(b []byte) int16 { return g711.Table(media.PCMU)[b[0]] }
	}
	return nil
}

// Encode is the sound as a file of 16-bit samples.
func Encode(s Sound) []byte {
	le := binary.LittleEndian
	size := 2 * len(s.Samples)
	b := make([]byte, 0, 44+size)
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(36+size))
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00"...)
	b = le.AppendUint16(b, uint16(s.Channels))
	b = le.AppendUint32(b, uint32(s.Rate))
	b = le.AppendUint32(b, uint32(s.Rate*s.Channels*2))
	b = le.AppendUint16(b, uint16(s.Channels*2))
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(size))
	for _, v := range s.Samples {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}
