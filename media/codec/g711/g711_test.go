package g711_test

import (
	"math"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
)

var laws = []struct {
	codec  media.Codec
	encode func([]byte, []int16) int
}{{media.PCMU, g711.EncodeMu}, {media.PCMA, g711.EncodeA}}

// Values of G.711 tables 1 and 2, brought from 13 and 14 bits to 16.
func TestRecommendationValues(t *testing.T) {
	for _, c := range []struct {
		codec media.Codec
		b     byte
		want  int16
	}{
		{media.PCMU, 0xff, 0},
		{media.PCMU, 0x7f, 0},
		{media.PCMU, 0xfe, 8},
		{media.PCMU, 0x80, 32124},
		{media.PCMU, 0x00, -32124},
		{media.PCMU, 0xf0, 120},
		{media.PCMA, 0xd5, 8},
		{media.PCMA, 0x55, -8},
		{media.PCMA, 0xaa, 32256},
		{media.PCMA, 0x2a, -32256},
		{media.PCMA, 0xc5, 264},
	} {
		if got := g711.Table(c.codec)[c.b]; got != c.want {
			t.Errorf("%v %#02x: got %d, want %d", c.codec, c.b, got, c.want)
		}
	}
}

// Every byte comes back as itself, and every sample as one of the values nearest to it.
func TestEncodeInvertsDecode(t *testing.T) {
	for _, law := range laws {
		table := g711.Table(law.codec)
		for b := range 256 {
			var out [1]byte
			law.encode(out[:], []int16{table[b]})
			if table[out[0]] != table[b] {
				t.Errorf("%v %#02x: came back as %#02x", law.codec, b, out[0])
			}
		}
		for s := math.MinInt16; s <= math.MaxInt16; s++ {
			var out [1]byte
			law.encode(out[:], []int16{int16(s)})
			got := int(table[out[0]])
			// The step is at most 1/16 of the magnitude, and never less than the smallest step of 16.
			if d := max(got-s, s-got); d > max(16, max(s, -s)/16)/2+16 {
				t.Fatalf("%v %d: came back as %d", law.codec, s, got)
			}
		}
	}
}

func TestToneQuality(t *testing.T) {
	for _, law := range laws {
		in := testaudio.Tone(1020, 8000, 8000, -10)
		b, out := make([]byte, 8000), make([]int16, 8000)
		law.encode(b, in)
		g711.Decode(out, b, g711.Table(law.codec))
		if got := testaudio.SINAD(out, 1020, 8000); got < 36 {
			t.Errorf("%v: SINAD %.1f dB, want 36 (G.712: 33)", law.codec, got)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	in, out := testaudio.Noise(1, 160, -10), make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		g711.EncodeMu(out, in)
	}
}
