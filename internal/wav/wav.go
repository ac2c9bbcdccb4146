// Package wav reads and writes sound files in the one container that everything can play: RIFF WAVE with plain
// samples. It reads 16, 24 and 32-bit integers and 32-bit floats, and writes 16-bit integers.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrFormat: not a WAV file, or one with coded samples.
var ErrFormat = errors.New("wav: not a WAV file with plain samples")

// Sound is samples, interleaved where there is more than one channel.
type Sound struct {
	Rate, Channels int
	Samples        []int16
}

const (
	formatInteger    = 1
	formatFloat      = 3
	formatExtensible = 0xfffe // the real format is the first word of what follows
)

// Decode reads a file. A data length that runs past the end, as programs leave it that write to a pipe, means up
// to the end. Errors wrap ErrFormat.
func Decode(b []byte) (Sound, error) {
	var s Sound
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return s, ErrFormat
	}
	le := binary.LittleEndian
	var format, bits int
	for at := 12; at+8 <= len(b); {
		size := int(le.Uint32(b[at+4:]))
		body := b[at+8:]
		body = body[:min(size, len(body))]
		switch string(b[at : at+4]) {
		case "fmt ":
			if len(body) < 16 {
				return s, ErrFormat
			}
			format, s.Channels, s.Rate, bits = int(le.Uint16(body)), int(le.Uint16(body[2:])), int(le.Uint32(body[4:])), int(le.Uint16(body[14:]))
			if format == formatExtensible && len(body) >= 26 {
				format = int(le.Uint16(body[24:]))
			}
		case "data":
			if s.Channels == 0 || s.Rate == 0 {
				return s, ErrFormat
			}
			read := reader(format, bits)
			if read == nil {
				return s, fmt.Errorf("%w: format %d with %d bits", ErrFormat, format, bits)
			}
			n := bits / 8
			s.Samples = make([]int16, len(body)/n/s.Channels*s.Channels)
			for i := range s.Samples {
				s.Samples[i] = read(body[i*n:])
			}
			return s, nil
		}
		at += 8 + size + size&1
	}
	return s, ErrFormat
}

// reader turns one sample's bytes into 16 bits; nil where the format is not ours.
func reader(format, bits int) func([]byte) int16 {
	le := binary.LittleEndian
	switch {
	case format == formatInteger && (bits == 16 || bits == 24 || bits == 32):
		skip := bits/8 - 2
		return func(b []byte) int16 { return int16(le.Uint16(b[skip:])) }
	case format == formatFloat && bits == 32:
		return func(b []byte) int16 {
			v := float64(math.Float32frombits(le.Uint32(b))) * 32768
			if math.IsNaN(v) {
				return 0
			}
			return int16(max(-32768, min(32767, math.RoundToEven(v))))
		}
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
