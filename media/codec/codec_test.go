package codec_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

var rates = []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k}

var formats = []media.Format{
	{Codec: media.PCMU},
	{Codec: media.PCMA},
	{Codec: media.G722},
	{Codec: media.Opus, Bitrate: 32000, Complexity: 5},
	{Codec: media.Opus, Bitrate: 48000, Complexity: 3, LowDelay: true},
}

func name(f media.Format) string {
	if f.LowDelay {
		return f.Codec.String() + "-lowdelay"
	}
	return f.Codec.String()
}

// encode turns a signal at the codec's own rate into 20 ms payloads.
func encode(t testing.TB, f media.Format, signal []int16) [][]byte {
	t.Helper()
	r := f.Codec.Rate()
	e, err := codec.NewEncoder(f, r)
	if err != nil {
		t.Fatal(err)
	}
	defer codec.PutEncoder(e)
	var payloads [][]byte
	var frame pcm.Frame
	for n := r.Samples(); len(signal) >= n; signal = signal[n:] {
		frame.SetRate(r)
		copy(frame.Samples(), signal)
		buf := make([]byte, codec.MaxPayload)
		got, err := e.Encode(buf, &frame)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, buf[:got])
	}
	return payloads
}

func decoder(t testing.TB, c media.Codec) codec.Decoder {
	t.Helper()
	d, err := codec.NewDecoder(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { codec.PutDecoder(d) })
	return d
}

func TestToneAtEveryRate(t *testing.T) {
	for _, f := range formats {
		for _, r := range rates {
			t.Run(fmt.Sprintf("%s-%v", name(f), r), func(t *testing.T) {
				d := decoder(t, f.Codec)
				dst := make([]int16, 5760)
				var out []int16
				for _, p := range encode(t, f, testaudio.Tone(1000, float64(f.Codec.Rate()), int(f.Codec.Rate()), -10)) {
					n, err := d.Decode(dst, p, r)
					if err != nil || n != r.Samples() {
						t.Fatalf("got %d samples, %v", n, err)
					}
					out = append(out, dst[:n]...)
				}
				out = out[len(out)/4:]
				if got := testaudio.Level(out, 1000, float64(r)); math.Abs(got+10) > 0.5 {
					t.Errorf("level %.2f dB, want -10", got)
				}
				if got := testaudio.SINAD(out, 1000, float64(r)); got < 25 {
					t.Errorf("SINAD %.1f dB, want 25", got)
				}
			})
		}
	}
}

// A decoder asked for another rate goes on as if it had always been asked for that one.
func TestRateSwitchIsSeamless(t *testing.T) {
	for _, f := range formats {
		for _, from := range rates {
			for _, to := range rates {
				if from == to {
					continue
				}
				signal := testaudio.Speech(1, float64(f.Codec.Rate()), int(f.Codec.Rate()), -12)
				payloads := encode(t, f, signal)
				steady, switching := decoder(t, f.Codec), decoder(t, f.Codec)
				dst := make([]int16, 5760)
				var want, got []int16
				for i, p := range payloads {
					n, err := steady.Decode(dst, p, to)
					if err != nil {
						t.Fatal(err)
					}
					if i >= 25 {
						want = append(want, dst[:n]...)
					}
					r := from
					if i >= 25 {
						r = to
					}
					if n, err = switching.Decode(dst, p, r); err != nil {
						t.Fatal(err)
					}
					if i >= 25 {
						got = append(got, dst[:n]...)
					}
				}
				first := testaudio.SegmentalSNR(want[:to.Samples()], got[:to.Samples()], int(to))
				all := testaudio.SegmentalSNR(want, got, int(to))
				t.Logf("%s %v to %v: SNR %.1f dB in the first frame, %.1f after", name(f), from, to, first, all)
				if first < 20 || all < 30 {
					t.Errorf("%s %v to %v: SNR against a decoder that never switched: %.1f dB in the first frame, want 20; %.1f in all, want 30", name(f), from, to, first, all)
				}
			}
		}
	}
}

// An Opus encoder whose source changes its rate does not make the far side click.
func TestEncoderRateSwitch(t *testing.T) {
	for _, to := range rates {
		for _, from := range rates {
			for _, low := range []bool{false, true} {
				if from == to {
					continue
				}
				f := media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5, LowDelay: low}
				e, err := codec.NewEncoder(f, from)
				if err != nil {
					t.Fatal(err)
				}
				d := decoder(t, media.Opus)
				buf, dst := make([]byte, codec.MaxPayload), make([]int16, 5760)
				var out []int16
				var frame pcm.Frame
				tones := map[pcm.Rate][]int16{}
				for _, r := range rates {
					tones[r] = testaudio.Tone(400, float64(r), int(r), -10)
				}
				for i := range 50 {
					r := from
					if i >= 25 {
						r = to
					}
					frame.SetRate(r)
					n := r.Samples()
					copy(frame.Samples(), tones[r][n*i:])
					n, err := e.Encode(buf, &frame)
					if err != nil {
						t.Fatal(err)
					}
					if n, err = d.Decode(dst, buf[:n], pcm.Rate48k); err != nil {
						t.Fatal(err)
					}
					out = append(out, dst[:n]...)
				}
				codec.PutEncoder(e)
				worst := 100.0
				for at := 24 * 960; at < 34*960; at += 240 {
					worst = min(worst, testaudio.SINAD(out[at:at+480], 400, 48000))
				}
				after := testaudio.SINAD(out[28*960:34*960], 400, 48000)
				t.Logf("%v to %v, low delay %v: worst 10 ms SINAD %.1f dB, %.1f dB after 60 ms", from, to, low, worst, after)
				limit := 15.0
				if !low && min(from, to) == pcm.Rate8k { // SILK changes its inner rate: see opus.Encoder
					limit = 2
				} else if clicks := testaudio.Clicks(out[10*960:], 48000, 6); len(clicks) > 0 {
					t.Errorf("%v to %v, low delay %v: clicks at %v", from, to, low, clicks)
				}
				if worst < limit || after < 10 {
					t.Errorf("%v to %v, low delay %v: worst SINAD %.1f dB, want %v; %.1f dB after 60 ms, want 10", from, to, low, worst, limit, after)
				}
			}
		}
	}
}

// One encoder that goes from CELT to SILK and back, as the listener's loss comes and goes, is heard as
// one stream: no click, no jump in time, a tone stays a tone.
func TestModeSwitch(t *testing.T) {
	for _, r := range rates {
		f := media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5, LowDelay: true}
		e, err := codec.NewEncoder(f, r)
		if err != nil {
			t.Fatal(err)
		}
		defer codec.PutEncoder(e)
		d := decoder(t, media.Opus)
		tone := testaudio.Tone(400, float64(r), 4*int(r), -12)
		n := r.Samples()
		var frame pcm.Frame
		buf, dst := make([]byte, codec.MaxPayload), make([]int16, 5760)
		var out []int16
		for i := 0; i < 200; i++ {
			if i%25 == 0 {
				f.LowDelay = !f.LowDelay
				f.LossPercent = 0
				if !f.LowDelay {
					f.LossPercent = 10
				}
				if err := e.Configure(f); err != nil {
					t.Fatal(err)
				}
			}
			frame.SetRate(r)
			copy(frame.Samples(), tone[i*n:])
			m, err := e.Encode(buf, &frame)
			if err != nil {
				t.Fatal(err)
			}
			if low := buf[0] >= 0x80; i%25 > 2 && low != f.LowDelay { // the TOC byte: CELT from config 16 on
				t.Errorf("%v: frame %d is CELT: %v", r, i, low)
			}
			if m, err = d.Decode(dst, buf[:m], r); err != nil {
				t.Fatal(err)
			}
			out = append(out, dst[:m]...)
		}
		worst := 100.0
		for i := 25; i < 200; i += 25 { // the frames before and after each change
			for at := (i - 1) * n; at < (i+3)*n; at += n / 4 {
				worst = min(worst, testaudio.SINAD(out[at:at+n/2], 400, float64(r)))
			}
		}
		t.Logf("%v: worst 10 ms SINAD %.1f dB", r, worst)
		if worst < 14 {
			t.Errorf("%v: worst 10 ms have %.1f dB SINAD, want 14", r, worst)
		}
		if clicks := testaudio.Clicks(out[20*n:], int(r), 6); len(clicks) > 0 {
			t.Errorf("%v: clicks at %v", r, clicks)
		}
	}
}

func TestConcealment(t *testing.T) {
	for _, f := range formats {
		for _, r := range rates {
			d := decoder(t, f.Codec)
			dst := make([]int16, 5760)
			var out []int16
			for i, p := range encode(t, f, testaudio.Tone(200, float64(f.Codec.Rate()), int(f.Codec.Rate()), -10)) {
				n := r.Samples()
				var err error
				switch {
				case i == 20, i >= 30 && i < 40: // one frame, then 200 ms
					err = d.Conceal(dst, n, r)
				default:
					n, err = d.Decode(dst, p, r)
				}
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, dst[:n]...)
			}
			n := r.Samples()
			if got := testaudio.RMS(out[20*n : 21*n]); got < -16 {
				t.Errorf("%s %v: one lost frame has %.1f dB, want more than -16", name(f), r, got)
			}
			left := -30.0
			if f.LowDelay {
				left = -20 // CELT fades into comfort noise more slowly
			}
			if got := testaudio.RMS(out[38*n : 40*n]); got > left {
				t.Errorf("%s %v: after 160 ms of loss %.1f dB are left, want less than %v", name(f), r, got, left)
			}
			if clicks := testaudio.Clicks(out[10*n:], int(r), 8); f.Codec != media.Opus && len(clicks) > 0 {
				t.Errorf("%s %v: clicks at %v", name(f), r, clicks)
			}
		}
	}
}

func TestFECRecoversTheLostFrame(t *testing.T) {
	f := media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5, LossPercent: 15}
	signal := testaudio.Speech(1, 48000, 2*48000, -12)
	payloads := encode(t, f, signal)
	for _, r := range rates {
		whole, lossy, plc := decoder(t, media.Opus), decoder(t, media.Opus), decoder(t, media.Opus)
		dst := make([]int16, 5760)
		var want, got, made []int16
		recovered := 0
		for i, p := range payloads {
			n, err := whole.Decode(dst, p, r)
			if err != nil {
				t.Fatal(err)
			}
			lost := i%10 == 5
			if lost {
				want = append(want, dst[:n]...)
				switch n, err = lossy.DecodeFEC(dst, payloads[i+1], n, r); {
				case errors.Is(err, codec.ErrNoFEC):
					n = r.Samples()
					err = lossy.Conceal(dst, n, r)
				case err == nil:
					recovered++
				}
				got = append(got, dst[:n]...)
				if err == nil {
					err = plc.Conceal(dst, n, r)
				}
				made = append(made, dst[:n]...)
			} else {
				_, err = lossy.Decode(dst, p, r)
				if err == nil {
					_, err = plc.Decode(dst, p, r)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		fec, conc := testaudio.SegmentalSNR(want, got, int(r)), testaudio.SegmentalSNR(want, made, int(r))
		t.Logf("%v: %d recovered, SNR %.1f dB with FEC, %.1f with concealment", r, recovered, fec, conc)
		if recovered < 5 || fec < conc+3 {
			t.Errorf("%v: %d recovered, SNR %.1f dB, concealment alone has %.1f", r, recovered, fec, conc)
		}
	}
}

func TestDTXSendsNothingInSilence(t *testing.T) {
	f := media.Format{Codec: media.Opus, Bitrate: 24000, Complexity: 5, DTX: true}
	sent := 0
	for _, p := range encode(t, f, make([]int16, 2*48000)) {
		if len(p) > 0 {
			sent++
		}
	}
	if sent > 40 {
		t.Errorf("%d of 100 silent frames sent", sent)
	}
}

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		codec   media.Codec
		payload []byte
		want    time.Duration
		bad     bool
	}{
		{codec: media.PCMU, payload: make([]byte, 160), want: 20 * time.Millisecond},
		{codec: media.G722, payload: make([]byte, 80), want: 10 * time.Millisecond},
		{codec: media.PCMA, payload: nil, bad: true},
		{codec: media.PCMA, payload: make([]byte, 1500), bad: true},
		{codec: media.Opus, payload: []byte{0x78, 1}, want: 20 * time.Millisecond},
		{codec: media.Opus, payload: []byte{0x18, 1}, want: 60 * time.Millisecond},
		{codec: media.Opus, payload: []byte{0x19, 1, 1}, want: 120 * time.Millisecond},
		{codec: media.Opus, payload: []byte{0x80}, want: 2500 * time.Microsecond},
		{codec: media.Opus, payload: nil, bad: true},
		{codec: media.Opus, payload: []byte{0x1b, 3, 1, 2, 3}, bad: true},
	} {
		got, err := codec.Duration(c.codec, c.payload)
		if (err != nil) != c.bad || err == nil && got != c.want {
			t.Errorf("Duration(%v, %x) = %v, %v; want %v, error %v", c.codec, c.payload, got, err, c.want, c.bad)
		}
	}
}

func TestWrongUse(t *testing.T) {
	if _, err := codec.NewEncoder(media.Format{Codec: media.PCMU}, pcm.Rate48k); !errors.Is(err, codec.ErrRate) {
		t.Errorf("PCMU at 48 kHz: %v", err)
	}
	if _, err := codec.NewDecoder(99); !errors.Is(err, codec.ErrUnknown) {
		t.Errorf("codec 99: %v", err)
	}
	for _, f := range formats {
		d := decoder(t, f.Codec)
		if _, err := d.Decode(make([]int16, 5760), nil, pcm.Rate8k); err == nil {
			t.Errorf("%v: an empty payload decodes", f.Codec)
		}
		if _, err := d.Decode(make([]int16, 5760), make([]byte, 4000), pcm.Rate8k); err == nil {
			t.Errorf("%v: 4000 zero bytes decode", f.Codec)
		}
		e, err := codec.NewEncoder(f, f.Codec.Rate())
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Configure(media.Format{Codec: 99}); err == nil {
			t.Errorf("%v: configured as codec 99", f.Codec)
		}
		codec.PutEncoder(e)
	}
}

func TestNoAllocation(t *testing.T) {
	for _, f := range formats {
		r := f.Codec.Rate()
		e, err := codec.NewEncoder(f, r)
		if err != nil {
			t.Fatal(err)
		}
		d := decoder(t, f.Codec)
		var frame pcm.Frame
		frame.Reset(r)
		copy(frame.Samples(), testaudio.Speech(1, float64(r), 960, -10))
		buf, dst := make([]byte, codec.MaxPayload), make([]int16, 5760)
		for _, out := range rates {
			if _, err := d.Decode(dst, encode(t, f, make([]int16, 960))[0], out); err != nil {
				t.Fatal(err)
			}
		}
		i := 0
		if n := testing.AllocsPerRun(60, func() {
			n, err := e.Encode(buf, &frame)
			if err != nil {
				t.Fatal(err)
			}
			i++
			out := rates[i/10%3]
			if i%7 == 0 {
				err = d.Conceal(dst, out.Samples(), out)
			} else {
				_, err = d.Decode(dst, buf[:n], out)
			}
			if err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per frame", name(f), n)
		}
		codec.PutEncoder(e)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, f := range formats {
		payloads := encode(b, f, testaudio.Speech(1, float64(f.Codec.Rate()), int(f.Codec.Rate()), -12))
		for _, r := range rates {
			b.Run(fmt.Sprintf("%s-%v", name(f), r), func(b *testing.B) {
				d, dst := decoder(b, f.Codec), make([]int16, 5760)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, err := d.Decode(dst, payloads[i%len(payloads)], r); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
