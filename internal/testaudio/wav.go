package testaudio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// ErrWAV: the file is no 16-bit PCM WAV.
var ErrWAV = errors.New("testaudio: not a 16-bit PCM wav file")

// EncodeWAV is samples, interleaved where there is more than one channel, as a 16-bit WAV file.
func EncodeWAV(samples []int16, rate, channels int) []byte {
	b := make([]byte, 0, 44+2*len(samples))
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(36+2*len(samples)))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*2))
	b = le.AppendUint16(b, uint16(channels*2))
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(2*len(samples)))
	for _, s := range samples {
		b = le.AppendUint16(b, uint16(s))
	}
	return b
}

// DecodeWAV reads a 16-bit PCM WAV file. A data length that runs past the end (as streaming writers leave
// it) means up to the end.
func DecodeWAV(b []byte) (samples []int16, rate, channels int, err error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, 0, 0, ErrWAV
	}
	le := binary.LittleEndian
	for at := 12; at+8 <= len(b); {
		id, size := string(b[at:at+4]), int(le.Uint32(b[at+4:]))
		body := b[at+8:]
		switch id {
		case "fmt ":
			if len(body) < 16 || le.Uint16(body[14:]) != 16 {
				return nil, 0, 0, ErrWAV
			}
			channels, rate = int(le.Uint16(body[2:])), int(le.Uint32(body[4:]))
		case "data":
			if channels == 0 {
				return nil, 0, 0, ErrWAV
			}
			body = body[:min(size, len(body))&^1]
			samples = make([]int16, len(body)/2)
			for i := range samples {
				samples[i] = int16(le.Uint16(body[2*i:]))
			}
			return samples, rate, channels, nil
		}
		at += 8 + size + size&1
	}
	return nil, 0, 0, ErrWAV
}

// WriteWAV writes a 16-bit WAV file.
func WriteWAV(path string, samples []int16, rate, channels int) error {
	return os.WriteFile(path, EncodeWAV(samples, rate, channels), 0o644)
}

// ReadWAV reads a 16-bit WAV file.
func ReadWAV(path string) (samples []int16, rate, channels int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, 0, err
	}
	samples, rate, channels, err = DecodeWAV(b)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return samples, rate, channels, err
}
