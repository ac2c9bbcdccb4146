package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
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

// wide says that a sample has four bytes, whatever its bits.
func wide(b []byte) []byte {
	b[44] = 4
	return b
}

// unfinished is a file as a program leaves it that cannot go back to fill in the lengths: both are zero.
func unfinished(b []byte) []byte {
	clear(b[4:8])
	clear(b[52:56])
	return b
}

// extensible is a file with the long form of the format: the real one is the first word of an identifier.
func extensible(bits, format int, data []byte) []byte {
	le := binary.LittleEndian
	b := []byte("RIFF....WAVEfmt ")
	b = le.AppendUint32(b, 40)
	b = append(b, 0xfe, 0xff, 1, 0)
	b = le.AppendUint32(b, 8000)
	b = le.AppendUint32(b, uint32(1000*bits))
	b = append(b, byte(bits/8), 0, byte(bits), 0, 22, 0, byte(bits), 0, 4, 0, 0, 0, byte(format), 0)
	b = append(b, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71data"...)
	b = le.AppendUint32(b, uint32(len(data)))
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
		{"8 bits", file(1, 8, []byte{0, 128, 255}), []int16{-32768, 0, 0x7f00}, false},
		{"20 bits in three bytes", file(1, 20, []byte{0, 1, 2, 0x10, 0xff, 0xff}), []int16{0x201, -1}, false},
		{"24 bits in four bytes", wide(file(1, 24, []byte{9, 9, 1, 2})), []int16{0x201}, false},
		{"extensible, 24 bits", extensible(24, 1, []byte{9, 1, 2}), []int16{0x201}, false},
		{"extensible, float", extensible(32, 3, float(0.5)), []int16{16384}, false},
		{"float of 64 bits", file(3, 64, binary.LittleEndian.AppendUint64(nil, math.Float64bits(-0.5))), []int16{-16384}, false},
		{"64-bit container", append([]byte("RF64"), file(1, 16, []byte{1, 2})[4:]...), []int16{0x201}, false},
		{"no lengths", unfinished(file(1, 16, []byte{1, 2})), []int16{0x201}, false},
		{"32 bits", file(1, 32, []byte{9, 9, 1, 2}), []int16{0x201}, false},
		{"float", file(3, 32, float(0.5, -1, 2, float32(math.NaN()))), []int16{16384, -32768, 32767, 0}, false},
		{"A-law, the extremes and the middle", file(6, 8, []byte{0xaa, 0x2a, 0xd5, 0x55}), []int16{32256, -32256, 8, -8}, false},
		{"mu-law, the same", file(7, 8, []byte{0x80, 0x00, 0xff, 0x7f}), []int16{32124, -32124, 0, 0}, false},
		{"A-law with 16 bits", file(6, 16, []byte{1, 2}), nil, true},
		{"Microsoft ADPCM", file(2, 4, []byte{1, 2}), nil, true},
		{"nothing", nil, nil, true},
		{"no data", file(1, 16, nil)[:40], nil, true},
	} {
		got, err := Decode(c.in)
		if c.bad != errors.Is(err, ErrFormat) || !slices.Equal(got.Samples, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, got.Samples, err, c.want)
		}
	}
}

// TestErrorsSayWhat: somebody with the wrong file reads what is wrong with it.
func TestErrorsSayWhat(t *testing.T) {
	short := file(1, 16, nil)
	for _, c := range []struct {
		in   []byte
		want string
	}{
		{[]byte("ID3 and no sound"), "not a WAV file with plain samples"},
		{file(2, 4, nil), "not a WAV file with plain samples: it is coded as Microsoft ADPCM"},
		{file(77, 12, nil), "not a WAV file with plain samples: its format is number 77 with 12 bits"},
		{short[:len(short)-8], "not a WAV file with plain samples: there is no sound in it"},
		{append([]byte("RIFF....WAVE"), "fmt \x02\x00\x00\x00aa"...), "not a WAV file with plain samples: its format is cut short"},
		{append([]byte("RIFF....WAVE"), "data\x02\x00\x00\x00aa"...), "not a WAV file with plain samples: it does not say how many channels or samples a second there are"},
	} {
		if _, err := Decode(c.in); err == nil || err.Error() != c.want {
			t.Errorf("%.20q: %v, want %s", c.in, err, c.want)
		}
	}
}

// TestDamagedFiles: files of every kind, cut short anywhere and with bytes changed, are read or refused, never more.
func TestDamagedFiles(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	whole := [][]byte{
		Encode(Sound{8000, 2, make([]int16, 40)}), file(1, 24, make([]byte, 31)), file(3, 64, make([]byte, 64)),
		extensible(24, 1, make([]byte, 30)), unfinished(file(1, 16, make([]byte, 8))), file(1, 8, make([]byte, 9)),
	}
	read := 0
	for range 50000 {
		b := slices.Clone(whole[g.IntN(len(whole))])
		for range g.IntN(6) {
			b[g.IntN(len(b))] = []byte{0, 1, 2, 0xff, 0x7f, byte(g.IntN(256))}[g.IntN(6)]
		}
		b = b[:g.IntN(len(b)+1)]
		s, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("%x: %v", b, err)
			}
			continue
		}
		read++
		if s.Channels <= 0 || s.Rate <= 0 || len(s.Samples)%s.Channels != 0 || len(s.Samples) > len(b) {
			t.Fatalf("%x: %d samples in %d channels at %d Hz", b, len(s.Samples), s.Channels, s.Rate)
		}
	}
	if read < 5000 {
		t.Errorf("%d of 50000 were read: hardly anything was tested", read)
	}
}

// FuzzDecode: whatever comes in, what is read can be written and read again.
func FuzzDecode(f *testing.F) {
	f.Add(Encode(Sound{8000, 1, []int16{1, 2, 3}}))
	f.Add(file(3, 32, make([]byte, 8)))
	f.Add(extensible(24, 1, make([]byte, 9)))
	f.Add(unfinished(file(1, 8, make([]byte, 3))))
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
