package mixer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// talker is a leg whose voice can be switched on and off.
type talker struct {
	*fakeLeg
	on   bool
	hiss bool // it says something far too soft to be heard when it is off, and not that it is silent
	out  []media.OutFrame
}

func newTalker(rate pcm.Rate, format media.Format) *talker {
	l := &talker{fakeLeg: &fakeLeg{rate: rate, format: format}}
	l.say = func(f *pcm.Frame) media.Kind {
		if !l.on && l.hiss {
			return constant(3)(f)
		}
		if !l.on {
			f.Reset(f.Rate())
			return media.Silence
		}
		return constant(1000)(f)
	}
	l.hear = func(o media.OutFrame) {
		o.Payload = slices.Clone(o.Payload)
		l.out = append(l.out, o)
	}
	return l
}

var opusFormat = media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}

// counted is an encoder that knows its number and what was done to it; its payload is one byte, its number.
type counted struct {
	number         byte
	resets, format int
	frames         int
}

func (c *counted) Encode(dst []byte, _ *pcm.Frame) (int, error) {
	c.frames++
	dst[0] = c.number
	return 1, nil
}
func (c *counted) Reset()                       { c.resets++ }
func (c *counted) Configure(media.Format) error { c.format++; return nil }

// countedConfig hands out counted encoders and collects them.
func countedConfig(all *[]*counted, back *int) Config {
	return Config{
		NewEncoder: func(media.Format, pcm.Rate) (codec.Encoder, error) {
			c := &counted{number: byte(len(*all))}
			*all = append(*all, c)
			return c, nil
		},
		PutEncoder: func(codec.Encoder) { *back++ },
	}
}

func opusRoom(h *hand, n int) (*Room, []*talker) {
	var cmds []Command
	var legs []*talker
	for i := range n {
		l := newTalker(pcm.Rate48k, opusFormat)
		legs = append(legs, l)
		cmds = append(cmds, Join{ID: fmt.Sprint(i), Leg: l})
	}
	return h.open("r", cmds...), legs
}

func TestOneEncodeForAllWhoHearTheSame(t *testing.T) {
	for _, c := range []struct {
		talkers           int
		encodes, silenced uint64 // per tick
	}{{0, 0, 8}, {1, 1, 1}, {2, 3, 0}, {3, 4, 0}, {7, 8, 0}, {8, 8, 0}} {
		h := byHand(t, rawConfig())
		_, legs := opusRoom(h, 8)
		for i := range c.talkers {
			legs[i].on = true
		}
		h.ticks(50)
		before := h.e.Stats()
		h.ticks(100)
		after := h.e.Stats()
		if got := after.Encodes - before.Encodes; got != 100*c.encodes {
			t.Errorf("%d talkers: %d encodes in 100 ticks, want %d", c.talkers, got, 100*c.encodes)
		}
		if got := after.Silent - before.Silent; got != 100*c.silenced {
			t.Errorf("%d talkers: %d silent frames in 100 ticks, want %d", c.talkers, got, 100*c.silenced)
		}
		if got := after.Encodes + after.Shared + after.Silent - before.Encodes - before.Shared - before.Silent; got != 800 {
			t.Errorf("%d talkers: %d frames went out in 100 ticks, want 800", c.talkers, got)
		}
	}
}

// TestEncoderStaysWithItsListeners: whoever begins to speak gets an encoder of its own, and the others
// notice nothing; when it has ended it comes back to theirs, 300 ms later, or at once where it says that it
// is silent.
func TestEncoderStaysWithItsListeners(t *testing.T) {
	t.Run("soft", func(t *testing.T) { encoderStays(t, true, hangover-5, hangover) })
	t.Run("silent", func(t *testing.T) { encoderStays(t, false, flush, flush) })
}

func encoderStays(t *testing.T, hiss bool, least, most int) {
	var all []*counted
	back := 0
	h := byHand(t, countedConfig(&all, &back))
	_, legs := opusRoom(h, 8)
	made := len(all)
	legs[1].hiss = hiss
	legs[0].on = true
	h.ticks(30)
	shared := legs[7].out[29].Payload[0]
	legs[1].on = true
	h.ticks(30)
	own := legs[1].out[30].Payload[0]
	if own == shared {
		t.Error("a speaker hears the shared mix, and itself in it")
	}
	legs[1].on = false
	h.ticks(60)
	for i, l := range legs[2:] {
		for k, o := range l.out {
			if o.Payload[0] != shared {
				t.Fatalf("listener %d hears encoder %d in tick %d, not %d all along", i+2, o.Payload[0], k, shared)
			}
		}
	}
	changed := slices.IndexFunc(legs[1].out[60:], func(o media.OutFrame) bool { return o.Payload[0] == shared })
	if changed < least || changed > most {
		t.Errorf("back to the shared encoder %d ticks after the voice ended, want %d to %d", changed, least, most)
	}
	for _, o := range legs[1].out[60+changed:] {
		if o.Payload[0] != shared {
			t.Fatal("left the shared encoder again")
		}
	}
	if len(all) != made {
		t.Errorf("%d encoders were made while ticking", len(all)-made)
	}
	if resets := all[shared].resets; resets > 1 {
		t.Errorf("the shared encoder was reset %d times", resets)
	}
}

// TestCommandsKeepEncoders: a plan takes over what runs, changes settings in place, and gives the rest back.
func TestCommandsKeepEncoders(t *testing.T) {
	var all []*counted
	back := 0
	h := byHand(t, countedConfig(&all, &back))
	r, legs := opusRoom(h, 3)
	made := len(all)
	legs[0].on = true
	h.ticks(5)
	before := legs[1].out[4].Payload[0]
	h.do(r, Mute{ID: "2", On: true}, Gain{ID: "0", DB: 3})
	legs[1].format.LossPercent = 5
	legs[2].format.LossPercent = 5
	h.ticks(10)
	if got := legs[1].out[14].Payload[0]; got != before || all[before].resets > 1 {
		t.Errorf("encoder %d became %d with %d resets", before, got, all[before].resets)
	}
	configured := 0
	for _, c := range all {
		configured += c.format
	}
	if len(all) != made || configured < 2 {
		t.Errorf("%d encoders made and %d settings changed, want 0 and 2 or more", len(all)-made, configured)
	}
	start := back
	h.do(r, Leave{ID: "2"})
	if back != start+1 {
		t.Errorf("%d encoders given back after one left, want 1", back-start)
	}
	go h.e.shards[0].apply(post{room: r, op: opClose})
	<-r.Done()
	if back != start+3 {
		t.Errorf("%d encoders given back at the end, want 3", back-start)
	}
}

func TestSilence(t *testing.T) {
	h := byHand(t, Config{})
	dtx := opusFormat
	dtx.DTX = true
	legs := []*talker{
		newTalker(pcm.Rate48k, dtx), newTalker(pcm.Rate48k, opusFormat),
		newTalker(pcm.Rate8k, media.Format{Codec: media.PCMU}), newTalker(pcm.Rate8k, media.Format{Codec: media.PCMA}),
	}
	var cmds []Command
	for i, l := range legs {
		cmds = append(cmds, Join{ID: fmt.Sprint(i), Leg: l})
	}
	h.open("r", cmds...)
	h.ticks(100)
	if s := h.e.Stats(); s.Encodes != 0 || s.Silent != 400 {
		t.Errorf("a silent room cost %d encodes; %d silent frames, want 400", s.Encodes, s.Silent)
	}
	var sent []int
	for i, o := range legs[0].out {
		if len(o.Payload) > 0 {
			sent = append(sent, i)
		}
		if o.Tick != uint64(i+1) {
			t.Fatalf("frame %d has tick %d", i, o.Tick)
		}
	}
	if want := []int{0, 1, 2, 20, 40, 60, 80}; !slices.Equal(sent, want) {
		t.Errorf("under DTX silence was sent in ticks %v, want %v", sent, want)
	}
	for i, l := range legs[1:] {
		dec, err := codec.NewDecoder(l.format.Codec)
		if err != nil {
			t.Fatal(err)
		}
		var pcmOut [6 * pcm.MaxSamples]int16
		for k, o := range l.out {
			n, err := dec.Decode(pcmOut[:], o.Payload, pcm.Rate8k)
			if err != nil || n != 160 {
				t.Fatalf("leg %d, frame %d: silence decodes to %d samples, %v", i+1, k, n, err)
			}
			if level := pcm.Level(pcmOut[:n]); level < 70 {
				t.Fatalf("leg %d, frame %d: silence has -%d dBov", i+1, k, level)
			}
		}
	}
}

// TestRates: a source is read at the highest rate that it carries and somebody can hear.
func TestRates(t *testing.T) {
	pcmu, g722 := media.Format{Codec: media.PCMU}, media.Format{Codec: media.G722}
	for _, c := range []struct {
		name    string
		legs    []*talker
		reads   []pcm.Rate
		encodes []pcm.Rate
		tap     Tap
	}{
		{"phone and browser", []*talker{newTalker(8000, pcmu), newTalker(48000, opusFormat)}, []pcm.Rate{8000, 8000}, []pcm.Rate{8000, 8000}, nil},
		{"two browsers", []*talker{newTalker(48000, opusFormat), newTalker(48000, opusFormat)}, []pcm.Rate{48000, 48000}, []pcm.Rate{48000, 48000}, nil},
		{"a wideband browser", []*talker{newTalker(16000, opusFormat), newTalker(48000, opusFormat)}, []pcm.Rate{16000, 48000}, []pcm.Rate{48000, 16000}, nil},
		{"phone and two browsers", []*talker{newTalker(8000, pcmu), newTalker(48000, opusFormat), newTalker(16000, opusFormat)}, []pcm.Rate{48000, 48000, 48000}, []pcm.Rate{8000, 48000, 48000}, nil},
		{"three phones", []*talker{newTalker(8000, pcmu), newTalker(8000, pcmu), newTalker(8000, pcmu)}, []pcm.Rate{8000, 8000, 8000}, []pcm.Rate{8000, 8000, 8000}, nil},
		{"phone and wideband phone", []*talker{newTalker(8000, pcmu), newTalker(16000, g722)}, []pcm.Rate{8000, 8000}, []pcm.Rate{8000, 16000}, nil},
		{"phone and browser, recorded", []*talker{newTalker(8000, pcmu), newTalker(48000, opusFormat)}, []pcm.Rate{8000, 48000}, []pcm.Rate{8000, 8000}, tapFunc(func(uint64, []media.Tapped) {})},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := byHand(t, Config{})
			var cmds []Command
			reads := make([]pcm.Rate, len(c.legs))
			for i, l := range c.legs {
				l.on = true
				say := l.say
				l.say = func(f *pcm.Frame) media.Kind { reads[i] = f.Rate(); return say(f) }
				cmds = append(cmds, Join{ID: fmt.Sprint(i), Leg: l})
			}
			r := h.open("r", append(cmds, SetTap{Tap: c.tap})...)
			h.ticks(5)
			var encodes []pcm.Rate
			for i := range r.plan.ears {
				encodes = append(encodes, r.plan.ears[i].key.to)
			}
			if !slices.Equal(reads, c.reads) || !slices.Equal(encodes, c.encodes) {
				t.Errorf("read at %v and encoded at %v; want %v and %v", reads, encodes, c.reads, c.encodes)
			}
			if s := h.e.Stats(); s.EncodeErrors != 0 {
				t.Errorf("%d encode errors", s.EncodeErrors)
			}
		})
	}
}

type tapFunc func(uint64, []media.Tapped)

func (f tapFunc) Tick(tick uint64, frames []media.Tapped) { f(tick, frames) }

// TestRateFollows: up with the source at once, down after two seconds.
func TestRateFollows(t *testing.T) {
	h := byHand(t, Config{})
	r, legs := opusRoom(h, 2)
	rate := func() int { return r.Snapshot().RateHz }
	legs[0].rate, legs[1].rate = 8000, 8000
	h.ticks(settle - 1)
	h.pump()
	if rate() != 48000 {
		t.Errorf("%d Hz, gone down before its time", rate())
	}
	h.ticks(2)
	h.pump()
	if rate() != 8000 {
		t.Errorf("%d Hz two seconds after all voices went down to 8000", rate())
	}
	legs[1].rate = 16000
	h.ticks(1)
	h.pump()
	if rate() != 16000 {
		t.Errorf("%d Hz, want 16000 at once", rate())
	}
	if s := h.e.Stats(); s.Replans != 2 {
		t.Errorf("%d replans, want 2", s.Replans)
	}
}
