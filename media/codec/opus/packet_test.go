package opus_test

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/opus"
	"github.com/cordboard/cordboard/media/pcm"
)

func TestParse(t *testing.T) {
	padded := append([]byte{0x7b, 0x41, 3, 0xaa}, 0, 0, 0)
	for _, c := range []struct {
		name string
		in   []byte
		want opus.Packet
		bad  bool
	}{
		{name: "silk 10 ms", in: []byte{0x00, 1}, want: opus.Packet{Frames: 1, Frame: 10 * time.Millisecond, FirstAt: 1, FirstLen: 1}},
		{name: "hybrid 20 ms stereo", in: []byte{0x7c, 1}, want: opus.Packet{Mode: opus.Hybrid, Stereo: true, Frames: 1, Frame: 20 * time.Millisecond, FirstAt: 1, FirstLen: 1}},
		{name: "two alike", in: []byte{0xf9, 1, 2}, want: opus.Packet{Mode: opus.CELT, Frames: 2, Frame: 20 * time.Millisecond, FirstAt: 1, FirstLen: 1}},
		{name: "two odd", in: []byte{0xf9, 1, 2, 3}, bad: true},
		{name: "two of two", in: []byte{0xfa, 1, 9, 8, 8}, want: opus.Packet{Mode: opus.CELT, Frames: 2, Frame: 20 * time.Millisecond, FirstAt: 2, FirstLen: 1}},
		{name: "two, first too long", in: []byte{0xfa, 9, 9}, bad: true},
		{name: "many padded", in: padded, want: opus.Packet{Mode: opus.Hybrid, Frames: 1, Frame: 20 * time.Millisecond, FirstAt: 3, FirstLen: 1}},
		{name: "no count", in: []byte{0x7b}, bad: true},
		{name: "no frames", in: []byte{0x7b, 0}, bad: true},
		{name: "140 ms", in: []byte{0x7b, 7}, bad: true},
		{name: "empty", bad: true},
	} {
		got, err := opus.Parse(c.in)
		if (err != nil) != c.bad || !c.bad && got != c.want {
			t.Errorf("%s: Parse(%x) = %+v, %v; want %+v, error %v", c.name, c.in, got, err, c.want, c.bad)
		}
	}
}

// packets gives real packets of many shapes.
func packets(t testing.TB) [][]byte {
	var out [][]byte
	for _, f := range []media.Format{
		{Codec: media.Opus, Bitrate: 12000},
		{Codec: media.Opus, Bitrate: 32000, LossPercent: 20},
		{Codec: media.Opus, Bitrate: 24000, DTX: true},
		{Codec: media.Opus, Bitrate: 64000, LowDelay: true},
	} {
		for _, r := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k} {
			e := opus.NewEncoder()
			if err := e.Start(f, r); err != nil {
				t.Fatal(err)
			}
			speech := testaudio.Speech(1, float64(r), r.Samples()*20, -15)
			for i := range 20 {
				var frame pcm.Frame
				frame.SetRate(r)
				copy(frame.Samples(), speech[i*r.Samples():])
				buf := make([]byte, opus.MaxPayload)
				n, err := e.Encode(buf, &frame)
				if err != nil {
					t.Fatal(err)
				}
				if n > 0 {
					out = append(out, buf[:n])
				}
			}
		}
	}
	return out
}

// FuzzDecode holds the parser against libopus: what the parser calls a packet has, if libopus decodes it,
// the duration the parser said; what libopus decodes, the parser must not refuse.
func FuzzDecode(f *testing.F) {
	for _, p := range packets(f) {
		f.Add(p, p)
	}
	f.Add([]byte{0x7b, 0x41, 3, 0xaa, 0, 0, 0}, []byte{0})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d := opus.NewDecoder()
		dst := make([]int16, 5760)
		for _, r := range []pcm.Rate{pcm.Rate48k, pcm.Rate8k} {
			for _, p := range [][]byte{a, b} {
				want, parseErr := opus.Duration(p)
				n, err := d.Decode(dst, p, r)
				if err == nil && (parseErr != nil || time.Duration(n)*time.Second/time.Duration(r) != want) {
					t.Fatalf("%x: %d samples at %v, parser says %v, %v", p, n, r, want, parseErr)
				}
				if parseErr == nil && (want <= 0 || want > 120*time.Millisecond) {
					t.Fatalf("%x: duration %v", p, want)
				}
				if opus.HasFEC(p) && parseErr != nil {
					t.Fatalf("%x: FEC in what is no packet", p)
				}
				_, _ = d.DecodeFEC(dst, p, r.Samples(), r)
			}
			if err := d.Conceal(dst, r.Samples(), r); err != nil {
				t.Fatalf("conceal after %x, %x: %v", a, b, err)
			}
		}
	})
}

// The parser's FEC flag agrees with what recovery is worth: it is set on none of the packets of an
// encoder without FEC, and on most voiced ones of an encoder with it.
func TestHasFEC(t *testing.T) {
	for _, loss := range []int8{0, 20} {
		e := opus.NewEncoder()
		if err := e.Start(media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5, LossPercent: loss}, pcm.Rate16k); err != nil {
			t.Fatal(err)
		}
		speech, n := testaudio.Speech(1, 16000, 320*50, -12), 0
		for i := range 50 {
			var frame pcm.Frame
			frame.SetRate(pcm.Rate16k)
			copy(frame.Samples(), speech[i*320:])
			buf := make([]byte, opus.MaxPayload)
			size, err := e.Encode(buf, &frame)
			if err != nil {
				t.Fatal(err)
			}
			if opus.HasFEC(buf[:size]) {
				n++
			}
		}
		if loss == 0 && n > 0 || loss > 0 && n < 25 {
			t.Errorf("loss %d%%: %d of 50 packets have FEC", loss, n)
		}
	}
}
