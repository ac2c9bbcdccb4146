package mixer

import (
	"fmt"
	"math"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// toneLeg says one tone, of its own frequency, and decodes what it hears.
type toneLeg struct {
	format media.Format
	freq   float64
	n      int
	dec    codec.Decoder
	heard  []int16
	buf    [6 * pcm.MaxSamples]int16
}

func newToneLeg(t testing.TB, format media.Format, freq float64) *toneLeg {
	dec, err := codec.NewDecoder(format.Codec)
	if err != nil {
		t.Fatal(err)
	}
	return &toneLeg{format: format, freq: freq, dec: dec}
}

func (l *toneLeg) Rate() pcm.Rate       { return l.format.Codec.Rate() }
func (l *toneLeg) Format() media.Format { return l.format }

// ReadFrame keeps the tone's phase in time, not in samples, so that it goes on through a change of rate.
func (l *toneLeg) ReadFrame(f *pcm.Frame) media.Kind {
	step := 2 * math.Pi * l.freq / float64(f.Rate())
	start := 2 * math.Pi * l.freq * float64(l.n) / 50
	for i := range f.Samples() {
		f.Samples()[i] = int16(2500 * math.Sin(start+step*float64(i)))
	}
	l.n++
	return media.Audio
}

func (l *toneLeg) WriteFrame(o media.OutFrame) {
	if len(o.Payload) == 0 {
		if err := l.dec.Conceal(l.buf[:], 160, pcm.Rate8k); err != nil {
			panic(err)
		}
		return
	}
	n, err := l.dec.Decode(l.buf[:], o.Payload, pcm.Rate8k)
	if err != nil {
		panic(err)
	}
	l.heard = append(l.heard, l.buf[:n]...)
}

// TestEverybodyHearsAllOthersAndNeverItself runs a conference of phones and browsers, each with a tone of
// its own, through its whole life with the real codecs. A tone that should be heard is at its level; one
// that should not be is at least 30 dB lower, the listener's own most of all.
func TestEverybodyHearsAllOthersAndNeverItself(t *testing.T) {
	h := byHand(t, Config{Music: func() media.Source { return newToneLeg(t, media.Format{Codec: media.G722}, 3300) }})
	opus := media.Format{Codec: media.Opus, Bitrate: 48000, Complexity: 5, LowDelay: true}
	formats := []media.Format{{Codec: media.PCMU}, opus, {Codec: media.PCMA}, opus, {Codec: media.G722}, opus}
	var legs []*toneLeg
	r := h.open("r")
	join := func(i int) Command { return Join{ID: fmt.Sprint(i), Leg: legs[i]} }
	for i, f := range formats {
		legs = append(legs, newToneLeg(t, f, 400+400*float64(i)))
	}
	const music = -2
	// heard says for each listener, in the order of the legs, which tones it must hear.
	check := func(when string, heard ...[]int) {
		t.Helper()
		h.ticks(30) // gates, decoders and filters settle
		for _, l := range legs {
			l.heard = l.heard[:0]
		}
		h.ticks(20)
		for i, want := range heard {
			l := legs[i]
			if want == nil {
				continue
			}
			if len(l.heard) < 3000 && len(want) > 0 {
				t.Errorf("%s: listener %d got only %d samples", when, i, len(l.heard))
				continue
			}
			said := map[int]float64{music: 3300}
			for j, o := range legs {
				said[j] = o.freq
			}
			for j, freq := range said {
				level, audible := testaudio.Level(l.heard, freq, 8000), false
				for _, w := range want {
					audible = audible || w == j
				}
				if audible && math.Abs(level-20*math.Log10(2500./32768)) > 2.5 {
					t.Errorf("%s: listener %d hears tone %d at %.1f dBFS", when, i, j, level)
				}
				if !audible && level > -52 {
					t.Errorf("%s: listener %d must not hear tone %d, has it at %.1f dBFS", when, i, j, level)
				}
			}
		}
	}
	h.do(r, join(0), join(1))
	check("two", []int{1}, []int{0})
	h.do(r, join(2), join(3))
	check("four", []int{1, 2, 3}, []int{0, 2, 3}, []int{0, 1, 3}, []int{0, 1, 2})
	h.do(r, Mute{ID: "1", On: true})
	check("1 muted", []int{2, 3}, []int{0, 2, 3}, []int{0, 3}, []int{0, 2})
	h.do(r, Hold{ID: "0", On: true}, Mute{ID: "1"})
	check("0 held", []int{music}, []int{2, 3}, []int{1, 3}, []int{1, 2})
	h.do(r, join(4), join(5))
	check("six, 0 held", []int{music}, []int{2, 3, 4, 5}, []int{1, 3, 4, 5}, []int{1, 2, 4, 5}, []int{1, 2, 3, 5}, []int{1, 2, 3, 4})
	h.do(r, Hold{ID: "1", On: true})
	check("0 and 1 held", []int{music}, []int{music}, []int{3, 4, 5}, []int{2, 4, 5}, []int{2, 3, 5}, []int{2, 3, 4})
	h.do(r, Hold{ID: "0"}, Hold{ID: "1"}, Leave{ID: "2"})
	check("back, 2 left", []int{1, 3, 4, 5}, []int{0, 3, 4, 5}, nil, []int{0, 1, 4, 5}, []int{0, 1, 3, 5}, []int{0, 1, 3, 4})
	h.do(r, SetMatrix{Cells: []wire.MatrixCell{ // a whisper: 5 to 1 alone; 0 and 1 talk; 3 listens in
		{Listener: "0", Source: "1"},
		{Listener: "1", Source: "0"},
		{Listener: "1", Source: "5"},
		{Listener: "3", Source: "0"},
		{Listener: "3", Source: "1"},
		{Listener: "5", Source: "0"},
		{Listener: "5", Source: "1"},
	}})
	check("whisper", []int{1}, []int{0, 5}, nil, []int{0, 1}, []int{}, []int{0, 1})
	if s := h.e.Stats(); s.EncodeErrors != 0 || s.Panics != 0 {
		t.Errorf("%d encode errors, %d panics", s.EncodeErrors, s.Panics)
	}
}

// loop is how many frames of speech a speaker says again and again.
const loop = 50

// speakers opens a room of eight of which the first n talk.
func speakers(t testing.TB, format media.Format, n int, cmds ...Command) *hand {
	h := byHand(t, Config{})
	r := h.open("r", cmds...)
	for i := range MaxMembers {
		l := newTalker(format.Codec.Rate(), format)
		l.hear = nil
		speech := testaudio.Speech(uint64(i+1), float64(l.rate), loop*l.rate.Samples(), -20)
		at := 0
		l.say = func(f *pcm.Frame) media.Kind {
			at = (at + 1) % loop
			if i >= n {
				f.Reset(f.Rate())
				return media.Silence
			}
			copy(f.Samples(), speech[at*l.rate.Samples():])
			return media.Audio
		}
		h.do(r, Join{ID: fmt.Sprint(i), Leg: l})
	}
	h.ticks(30)
	return h
}

func TestTickAllocatesNothing(t *testing.T) {
	tap := SetTap{Tap: tapFunc(func(uint64, []media.Tapped) {})}
	for _, format := range []media.Format{{Codec: media.PCMU}, {Codec: media.G722}, opusFormat} {
		for _, talkers := range []int{0, 1, 2, 8} {
			h := speakers(t, format, talkers, tap)
			if n := testing.AllocsPerRun(50, h.tick); n != 0 {
				t.Errorf("%v, %d talkers: %v allocations in a tick", format.Codec, talkers, n)
			}
		}
	}
}

func BenchmarkRoom(b *testing.B) {
	for _, format := range []media.Format{{Codec: media.PCMU}, opusFormat} {
		for _, talkers := range []int{0, 1, 2, 8} {
			b.Run(fmt.Sprintf("%v/%dtalk", format.Codec, talkers), func(b *testing.B) {
				h := speakers(b, format, talkers)
				b.ReportAllocs()
				for b.Loop() {
					h.tick()
				}
			})
		}
	}
}

// BenchmarkMix is the tick without its codecs: eight talkers at 48 kHz.
func BenchmarkMix(b *testing.B) {
	h := byHand(b, Config{NewEncoder: func(media.Format, pcm.Rate) (codec.Encoder, error) { return null{}, nil }, PutEncoder: func(codec.Encoder) {}})
	_, legs := opusRoom(h, 8)
	for _, l := range legs {
		l.hear = nil
		l.say = func(f *pcm.Frame) media.Kind {
			f.Samples()[0] = 30000
			return media.Audio
		}
	}
	h.ticks(10)
	b.ReportAllocs()
	for b.Loop() {
		h.tick()
	}
}

type null struct{}

func (null) Encode([]byte, *pcm.Frame) (int, error) { return 1, nil }
func (null) Reset()                                 {}
func (null) Configure(media.Format) error           { return nil }

// TestSwitchIsInaudible: a listener that speaks up from time to time moves to an encoder of its own and
// back. What it hears, somebody else's speech, is compared with what it hears in a room where it keeps
// quiet and so never moves: in the three frames from each move on the segmental SNR between the two stays
// as good as two encoders of the same speech are anyway.
func TestSwitchIsInaudible(t *testing.T) {
	const ticks, every, long = 320, 40, 10 // it speaks for 10 ticks out of 40, and its gate is open for 12
	hear := func(t *testing.T, format media.Format, rate pcm.Rate, speaks bool) ([]int16, Stats) {
		h := byHand(t, Config{})
		r := h.open("r")
		speech := testaudio.Speech(3, float64(rate), ticks*rate.Samples(), -20)
		dec, err := codec.NewDecoder(format.Codec)
		if err != nil {
			t.Fatal(err)
		}
		var heard []int16
		for i := range 4 {
			l := newTalker(rate, format)
			n := -1
			l.say = func(f *pcm.Frame) media.Kind {
				n++
				switch {
				case i == 0:
					copy(f.Samples(), speech[n*f.Rate().Samples():])
				case i == 1 && speaks && n%every < long && n >= every:
					copy(f.Samples(), speech[:f.Rate().Samples()])
				default:
					f.Reset(f.Rate())
					return media.Silence
				}
				return media.Audio
			}
			l.hear = nil
			if i == 1 {
				l.hear = func(o media.OutFrame) {
					var buf [6 * pcm.MaxSamples]int16
					n, err := dec.Decode(buf[:], o.Payload, rate)
					if err != nil {
						t.Fatal(err)
					}
					heard = append(heard, buf[:n]...)
				}
			}
			h.do(r, Join{ID: fmt.Sprint(i), Leg: l})
		}
		h.ticks(ticks)
		return heard, h.e.Stats()
	}
	for _, c := range []struct {
		name   string
		format media.Format
		rate   pcm.Rate
		least  float64
	}{
		{"SILK, telephone band", media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}, pcm.Rate8k, 16},
		{"CELT, telephone band", media.Format{Codec: media.Opus, Bitrate: 48000, Complexity: 5, LowDelay: true}, pcm.Rate8k, 20},
		{"CELT, full band", media.Format{Codec: media.Opus, Bitrate: 48000, Complexity: 5, LowDelay: true}, pcm.Rate48k, 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			still, _ := hear(t, c.format, c.rate, false)
			moved, stats := hear(t, c.format, c.rate, true)
			n := c.rate.Samples()
			around := func(offset int) float64 {
				var want, got []int16
				for k := every + offset; k+3 <= ticks; k += every {
					want = append(want, still[k*n:(k+3)*n]...)
					got = append(got, moved[k*n:(k+3)*n]...)
				}
				return testaudio.SegmentalSNR(want, got, int(c.rate))
			}
			away, back := around(0), around(long+flush-1)
			t.Logf("segmental SNR %.1f dB when it moves away, %.1f dB when it comes back", away, back)
			if away < c.least || back < c.least {
				t.Errorf("segmental SNR %.1f and %.1f dB, want %.0f", away, back, c.least)
			}
			if want := uint64(primers * (ticks/every - 1)); stats.Primed < want {
				t.Errorf("%d frames of priming, want %d or more", stats.Primed, want)
			}
		})
	}
}
