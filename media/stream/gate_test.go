package stream

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// counting is a decoder that counts.
type counting struct {
	codec.Decoder
	n int
}

func (c *counting) Decode(dst []int16, payload []byte, r pcm.Rate) (int, error) {
	c.n++
	return c.Decoder.Decode(dst, payload, r)
}

// talk is speech of about a second at a time between pauses of one to three, at 16 kHz, all over a noise of
// +-4 units: real prompts where this machine has them, else made up.
func talk(seconds int) (samples []int16, what string) {
	r := rand.New(rand.NewPCG(5, 5))
	noisy := func(x []int16) {
		for _, v := range x {
			samples = append(samples, pcm.Clip16(int32(v)+int32(r.IntN(9)-4)))
		}
	}
	files, _ := filepath.Glob("/usr/share/asterisk/sounds/en_US_f_Allison/*.g722")
	what = "real speech"
	if len(files) == 0 {
		what = "made-up speech"
	}
	noisy(make([]int16, 16000))
	for i := 0; len(samples) < seconds*16000; i++ {
		if len(files) == 0 {
			noisy(testaudio.Speech(uint64(i), 16000, 12000+r.IntN(16000), -20))
		} else {
			b, err := os.ReadFile(files[i*7%len(files)])
			if err != nil {
				continue
			}
			d, _ := codec.NewDecoder(media.G722)
			var buf [1920]int16
			for ; len(b) >= 160; b = b[160:] {
				n, _ := d.Decode(buf[:], b[:160], pcm.Rate16k)
				noisy(buf[:n])
			}
		}
		noisy(make([]int16, 16000+r.IntN(32000)))
	}
	return samples, what
}

// The same packets go to a receiver with the gate and to one without. Wherever a word begins after a pause,
// its first 20 ms must be there, as loud as without the gate.
func TestGateLosesNoOnset(t *testing.T) {
	speech, what := talk(30)
	for _, tc := range []struct {
		name   string
		format media.Format
		rate   pcm.Rate
		level  uint8
		saved  float64 // least share of the packets of a pause that need no decoding
	}{
		{"silk 16k c5", media.Format{Bitrate: 32000, Complexity: 5}, pcm.Rate16k, 0, 0.60},
		{"hybrid 48k c8", media.Format{Bitrate: 32000, Complexity: 8}, pcm.Rate48k, 0, 0.60},
		{"celt 48k c5", media.Format{Bitrate: 32000, Complexity: 5, LowDelay: true}, pcm.Rate48k, 0, 0},
		{"celt 48k c5, levels", media.Format{Bitrate: 32000, Complexity: 5, LowDelay: true}, pcm.Rate48k, 1, 0.60},
		{"hybrid 48k c5, levels", media.Format{Bitrate: 32000, Complexity: 5}, pcm.Rate48k, 1, 0.60},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.format.Codec = media.Opus
			in := speech
			if tc.rate == pcm.Rate48k {
				in = upsampled(speech)
			}
			now := time.Unix(1000, 0)
			var rx [2]*Receiver
			var dec [2]*counting
			for i := range rx {
				rx[i] = NewReceiver(ReceiverConfig{
					Codecs: map[uint8]media.Codec{96: media.Opus}, LevelExtID: tc.level,
					Clock: func() time.Time { return now }, DecodeSilence: i == 0,
				})
				d, err := codec.NewDecoder(media.Opus)
				if err != nil {
					t.Fatal(err)
				}
				dec[i] = &counting{Decoder: d}
				rx[i].sends = media.Opus
				rx[i].ready.Store(&ready{media.Opus, dec[i]})
			}
			tx := NewSender(SenderConfig{Codec: media.Opus, PT: 96, LevelExtID: tc.level}, func(p []byte) {
				for _, r := range rx {
					r.PushPacket(p, now.Add(12*time.Millisecond))
				}
			})
			enc, err := codec.NewEncoder(tc.format, tc.rate)
			if err != nil {
				t.Fatal(err)
			}
			var f, free, gated pcm.Frame
			f.Reset(tc.rate)
			free.Reset(tc.rate)
			gated.Reset(tc.rate)
			var buf [codec.MaxPayload]byte
			pause, pauses, onsets, open, closed, soft := 0, 0, 0, 0, 0, 0
			worst := 0.0
			for tick := 0; (tick+1)*tc.rate.Samples() <= len(in); tick++ {
				copy(f.Samples(), in[tick*tc.rate.Samples():])
				n, err := enc.Encode(buf[:], &f)
				if err != nil {
					t.Fatal(err)
				}
				level := pcm.Level(f.Samples())
				tx.WriteFrame(media.OutFrame{Tick: uint64(tick), Payload: buf[:n], Level: level, Voice: level < 50})
				now = now.Add(pcm.Period)
				before := [2]int{dec[0].n, dec[1].n}
				rx[0].ReadFrame(&free)
				rx[1].ReadFrame(&gated)
				is := pcm.Level(free.Samples())
				if is >= gateLevel {
					if pause++; pause == 16 {
						pauses++
					}
					if pause > 16 {
						open += dec[0].n - before[0]
						closed += dec[1].n - before[1]
					}
					continue
				}
				off := testaudio.RMS(free.Samples()) - testaudio.RMS(gated.Samples())
				if pause > 16 {
					onsets++
					if is > 60 && off > 1 { // -60 dBov for 20 ms is not missed
						soft++
					} else if off > 1 || off < -1 {
						t.Errorf("onset at %v: %.1f dB, without the gate %.1f", time.Duration(tick)*pcm.Period, testaudio.RMS(gated.Samples()), testaudio.RMS(free.Samples()))
					}
				}
				if is <= 60 {
					worst = max(worst, off, -off)
				}
				pause = 0
			}
			saved := 1 - float64(closed)/float64(max(open, 1))
			t.Logf("%s: %d pauses, %d onsets, %d softer than -60 dBov lost, worst other frame off by %.2f dB, %d of %d packets of pauses decoded: %.0f %% saved; of all, %d of %d",
				what, pauses, onsets, soft, worst, closed, open, 100*saved, dec[1].n, dec[0].n)
			if saved < tc.saved || onsets < 5 {
				t.Errorf("%.0f %% saved over %d onsets", 100*saved, onsets)
			}
		})
	}
}

func upsampled(in []int16) []int16 {
	r := pcm.NewResampler(pcm.Rate16k, pcm.Rate48k)
	out := make([]int16, 0, 3*len(in))
	var buf [2 * pcm.MaxSamples]int16
	for ; len(in) >= 320; in = in[320:] {
		out = append(out, buf[:r.Process(buf[:], in[:320])]...)
	}
	return out
}

// A party whose levels are not true is not believed for long.
func TestGateDoubtsFalseLevels(t *testing.T) {
	l := newLine(t, media.Opus, func(s *SenderConfig, r *ReceiverConfig) { s.LevelExtID, r.LevelExtID = 1, 1 })
	l.level = 127
	for range 80 {
		l.step(8000)
	}
	for i := range 100 {
		if k := l.step(8000); k != media.Audio || power(l.out.Samples(), 400, l.out.Rate()) < -16 {
			t.Fatalf("frame %d: %v, %.1f dB", i, k, power(l.out.Samples(), 400, l.out.Rate()))
		}
	}
}

// What comes after skipped frames joins as if they had been decoded.
func TestSkipJoins(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.G722, media.Opus} {
		for _, ms := range []int{20, 60} {
			if c == media.Opus && ms != 20 {
				continue
			}
			ptime := func(s *SenderConfig, _ *ReceiverConfig) { s.Ptime = time.Duration(ms) * time.Millisecond }
			a, b := newLine(t, c, ptime), newLine(t, c, ptime)
			worst := -300.0
			for i := range 400 {
				a.step(8000)
				skip := i/10%2 == 1 && i%10 < 1+i/50
				b.skip = skip
				b.step(8000)
				if i < 10 || skip {
					if skip && i > 10 && ms == 20 {
						if pc, p := b.rx.Payload(); pc != c || len(p) == 0 {
							t.Fatalf("%v: no payload of a skipped frame", c)
						}
					}
					continue
				}
				diff := make([]int16, len(a.out.Samples()))
				for k := range diff {
					diff[k] = a.out.Samples()[k] - b.out.Samples()[k]
				}
				worst = max(worst, testaudio.RMS(diff)-testaudio.RMS(a.out.Samples()))
			}
			t.Logf("%v %d ms: the difference stays %.0f dB below", c, ms, -worst)
			if worst > -40 {
				t.Errorf("%v %d ms: the difference comes up to %.0f dB", c, ms, worst)
			}
		}
	}
}
