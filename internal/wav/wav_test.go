package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	want := Sound{44100, 2, []int16{0, 1, -1, 32767, -32768, 7}}
	got, err := Decode(Encode(want))
	if err != nil || got.Rate != want.Rate || got.Channels != want.Channels || !slices.Equal(got.Samples, want.Samples) {
		t.Fatalf("%+v, %v; want %+v", got, err, want)
	}
}

// file is a WAV file with one format and some data, with a chunk of odd length before it.
func file(format, bits int, data []byte) []byte {
	le := binary.LittleEndian
	b := []byte("RIFF....WAVEjunk\x03\x00\x00\x00abc\x00fmt ")
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, uint16(format))
	b = le.AppendUint16(b, 1)
	b = le.AppendUint32(b, 8000)
	b = le.AppendUint32(b, uint32(1000*bits))
	b = le.AppendUint16(b, uint16(bits/8))
	b = le.AppendUint16(b, uint16(bits))
	b = append(b, "data\xff\xff\xff\xff"...)
	return append(b, data...)
}

func TestFormats(t *testing.T) {
	float := func(v ...float32) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return b
	}
	for _, c := range []struct {
		name string
		in   []byte
		want []int16
		bad  bool
	}{
		{"16 bits, length unknown", file(1, 16, []byte{1, 2, 0xff, 0xff}), []int16{0x201, -1}, false},
		{"24 bits", file(1, 24, []byte{9, 1, 2, 9, 0xff, 0xff, 5}), []int16{0x201, -1}, false},
		{"32 bits", file(1, 32, []byte{9, 9, 1, 2}), []int16{0x201}, false},
		{"float", file(3, 32, float(0.5, -1, 2, float32(math.NaN()))), []int16{16384, -32768, 32767, 0}, false},
		{"mu-law", file(7, 8, []byte{1, 2}), nil, true},
		{"nothing", nil, nil, true},
		{"no data", file(1, 16, nil)[:40], nil, true},
	} {
		got, err := Decode(c.in)
		if c.bad != errors.Is(err, ErrFormat) || !slices.Equal(got.Samples, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, got.Samples, err, c.want)
		}
	}
}

// FuzzDecode: whatever comes in, what is read can be written and read again.
func FuzzDecode(f *testing.F) {
	f.Add(Encode(Sound{8000, 1, []int16{1, 2, 3}}))
	f.Add(file(3, 32, make([]byte, 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			return
		}
		if len(s.Samples)%s.Channels != 0 {
			t.Fatalf("%d samples in %d channels", len(s.Samples), s.Channels)
		}
		again := Encode(s)
		back, err := Decode(again)
		if err != nil || !bytes.Equal(Encode(back), again) {
			t.Fatalf("written and read again: %v", err)
		}
	})
}
