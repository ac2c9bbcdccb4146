package mixer

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// quieter is a suppressor that lets half of every sample through, a frame late.
type quieter struct {
	on, shed atomic.Bool
	held     []int16 // shard's own, like the rest
	frames   int
	rests    int
	voice    float32
	plain    bool // changes nothing
	inverted bool
	why      string // it passes
}

func (h *quieter) Idle() bool             { return (!h.on.Load() || h.shed.Load()) && h.held == nil }
func (h *quieter) Inverted() bool         { return h.inverted }
func (h *quieter) Shed(on bool)           { h.shed.Store(on) }
func (h *quieter) Rest()                  { h.rests++; h.held = nil }
func (h *quieter) Voice() (float32, bool) { return h.voice, h.voice >= 0 }
func (h *quieter) Passes() string         { return h.why }
func (h *quieter) String() string         { return "quieter" }

func (h *quieter) Process(f *pcm.Frame) {
	h.frames++
	s := slices.Clone(f.Samples())
	for i := range f.Samples() {
		if h.plain {
			break
		}
		f.Samples()[i] = 0
		if h.held != nil {
			f.Samples()[i] = h.held[i] / 2
		}
	}
	h.held = s
	if !h.on.Load() || h.shed.Load() {
		h.held = nil
	}
}

// TestSuppressorTakesTurns: a member whose suppressor is idle is forwarded, without a command it is mixed when the
// suppressor is switched on, and forwarded again after it was switched off or shed.
func TestSuppressorTakesTurns(t *testing.T) {
	h, r, legs := forwardRoom(t, media.Opus, 2)
	s := &quieter{voice: -1, plain: true}
	h.do(r, Suppress{ID: "0", By: s})
	h.ticks(10)
	if !legs[1].relaying || s.frames != 0 {
		t.Fatalf("idle: forwarded %v, %d frames", legs[1].relaying, s.frames)
	}
	for _, name := range []string{"switched", "shed"} {
		h.ticks(100) // the least time between two beginnings of forwarding
		s.on.Store(true)
		s.Shed(false)
		h.ticks(4)
		if legs[1].relaying || s.frames == 0 {
			t.Fatalf("%s on: forwarded %v, %d frames", name, legs[1].relaying, s.frames)
		}
		if got := r.Snapshot().Members[0].Pipeline; got != "fake(opus) > quieter > room r (48000Hz) > packets of 1 > opus" {
			t.Errorf("%s on: pipeline %q", name, got)
		}
		if name == "shed" {
			s.Shed(true)
		} else {
			s.on.Store(false)
		}
		h.ticks(110)
		if was := s.frames; !legs[1].relaying {
			t.Errorf("%s off: not forwarded", name)
		} else if h.ticks(10); s.frames != was {
			t.Errorf("%s off: still at work", name)
		}
	}
	legs[1].sequence(t, "suppressed in turns", 2, r.tick)
}

// TestTapOfSuppressed: listeners hear the suppressed voice, to its end, and a tap gets that too, unless what is to be
// heard is the noise.
func TestTapOfSuppressed(t *testing.T) {
	for _, inverted := range []bool{true, false} {
		tapOfSuppressed(t, inverted)
	}
}

func tapOfSuppressed(t *testing.T, inverted bool) {
	h := byHand(t, rawConfig())
	s := &quieter{voice: -1, inverted: inverted}
	s.on.Store(true)
	said := media.Audio
	var heard []int16
	phone := &fakeLeg{rate: pcm.Rate8k, format: media.Format{Codec: media.PCMU}}
	phone.say = func(f *pcm.Frame) media.Kind {
		f.Reset(f.Rate())
		if said == media.Audio {
			for i := range f.Samples() {
				f.Samples()[i] = 8000
			}
		}
		return said
	}
	agent := &fakeLeg{rate: pcm.Rate8k, format: media.Format{Codec: media.PCMA}, hear: func(o media.OutFrame) {
		heard = append(heard, unraw(o.Payload)[0])
	}}
	var taped []int16
	r := h.open("r", Join{ID: "p", Leg: phone}, Join{ID: "a", Leg: agent}, Suppress{ID: "p", By: s},
		SetTap{Tap: tapFunc(func(_ uint64, f []media.Tapped) { taped = append(taped, f[0].In.Samples()[0]) })})
	h.ticks(3)
	said = media.Silence
	h.ticks(3)
	want := []int16{0, 4000, 4000, 4000, 0, 0}
	if inverted {
		want = []int16{8000, 8000, 8000, 0, 0, 0}
	}
	if !slices.Equal(taped, want) {
		t.Errorf("the tap got %v, want %v", taped, want)
	}
	if len(heard) != 6 || heard[1] != 4000 || heard[2] != 4000 || heard[3] != 4000 {
		t.Errorf("heard %v, want 4000 three times behind a frame of nothing", heard)
	}
	if s.rests != 1 || s.frames != 4 {
		t.Errorf("%d rests, %d frames, want 1 and 4", s.rests, s.frames)
	}
	if n := testing.AllocsPerRun(50, func() { h.s.tick(h.s.scratch.now) }); n > 1 { // the fake's own
		t.Errorf("%v allocations", n)
	}
	if got := r.Snapshot().Members[0].Level; got != pcm.LevelSilence {
		t.Errorf("level %d of silence", got)
	}
}

// TestVoicing: what the suppressor knows of a frame decides who speaks, and the rest of noise closes the gate.
func TestVoicing(t *testing.T) {
	for _, c := range []struct {
		name        string
		level       uint8
		v           voicing
		open, voice bool
	}{
		{"speech by its level", 30, unknown, true, true},
		{"noise that is as loud as speech", 30, voiceless, true, false},
		{"who knows", 30, unsure, true, false},
		{"quiet speech", 50, voiced, true, true},
		{"quiet, and nothing known", 50, unknown, true, false},
		{"the rest of noise", 60, voiceless, false, false},
		{"quiet beginning of a word", 60, unsure, true, false},
		{"nothing", 70, voiced, false, false},
	} {
		var g gate
		for range 5 {
			g.update(c.level, 65, c.v)
		}
		if (g.open > 0) != c.open || (g.voice > 0) != c.voice {
			t.Errorf("%s: open %v, voice %v", c.name, g.open > 0, g.voice > 0)
		}
	}
}

// TestPassingIsTold: when a suppressor finds that what it is given is none of its business, and when that is over, the
// room says so once, and such frames are counted by themselves.
func TestPassingIsTold(t *testing.T) {
	h := byHand(t, rawConfig())
	s := &quieter{voice: -1, plain: true}
	s.on.Store(true)
	talks := newTalker(8000, pcmu)
	talks.on = true
	r := h.open("r", Join{ID: "a", Leg: talks}, Join{ID: "b", Leg: newTalker(8000, pcmu)}, Suppress{ID: "a", By: s})
	h.ticks(10)
	for _, why := range []string{"music", ""} {
		s.why = why
		h.ticks(10)
	}
	var told []string
	for len(r.Events()) > 0 {
		if e := <-r.Events(); e.Kind == PassChanged {
			told = append(told, e.Member+" "+e.Passes)
		}
	}
	if !slices.Equal(told, []string{"a music", "a "}) {
		t.Errorf("told %q", told)
	}
	if st := h.e.Stats(); st.Passed != 10 || st.Suppressed < 18 {
		t.Errorf("%d frames passed and %d suppressed, want 10 and about 20", st.Passed, st.Suppressed)
	}
}

// TestMusicIsNotSuppressed: what the room plays, to parties who talk or who are on hold, is led through nobody's
// suppressor, and the voice of a party on hold costs nothing.
func TestMusicIsNotSuppressed(t *testing.T) {
	var heard []int16
	a := &fakeLeg{rate: pcm.Rate8k, format: media.Format{Codec: media.PCMU}, hear: func(o media.OutFrame) { heard = append(heard, unraw(o.Payload)...) }}
	b := newTalker(8000, pcmu)
	b.on = true
	cfg := rawConfig()
	cfg.Music = func() media.Source { return &prompt{value: 5000, left: 1 << 20} }
	h := byHand(t, cfg)
	sa, sb := &quieter{voice: -1}, &quieter{voice: -1}
	sa.on.Store(true)
	sb.on.Store(true)
	r := h.open("r", Join{ID: "a", Leg: a}, Join{ID: "b", Leg: b}, Suppress{ID: "a", By: sa}, Suppress{ID: "b", By: sb},
		Play{ID: "p", Source: &prompt{value: 5000, left: 1 << 20}, To: []string{"a"}, Exclusive: true})
	h.ticks(10)
	for i, v := range heard {
		if v != 5000 {
			t.Fatalf("sample %d of the prompt is %d, want 5000", i, v)
		}
	}
	if sa.frames != 0 {
		t.Errorf("%d frames of a party that says nothing", sa.frames)
	}
	h.do(r, StopPlay{ID: "p"}, Hold{ID: "a", On: true}, Hold{ID: "b", On: true})
	was := sb.frames
	h.ticks(20)
	if sb.frames != was {
		t.Errorf("%d frames of a party on hold", sb.frames-was)
	}
}
