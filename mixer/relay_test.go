package mixer

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

func forwardRoom(t *testing.T, codec media.Codec, n int) (*hand, *Room, []*line) {
	h := byHand(t, rawConfig())
	r := h.open("r")
	var legs []*line
	for i := range n {
		l := newLine(fmt.Sprint(i), codec)
		legs = append(legs, l)
		h.do(r, Join{ID: l.id, Leg: l})
	}
	return h, r, legs
}

// TestTwoPartiesAreForwarded: nothing is decoded or encoded once the packets pass, and the order is kept.
func TestTwoPartiesAreForwarded(t *testing.T) {
	for _, codec := range []media.Codec{media.PCMU, media.Opus} {
		h, r, legs := forwardRoom(t, codec, 2)
		h.ticks(10)
		before := h.e.Stats()
		reads := legs[0].reads
		h.ticks(100)
		s := h.e.Stats()
		if s.Encodes != before.Encodes || s.Decoded != before.Decoded || legs[0].reads != reads {
			t.Errorf("%v: %d encodes and %d decodes while forwarding", codec, s.Encodes-before.Encodes, s.Decoded-before.Decoded)
		}
		if got := s.Forwarded - before.Forwarded; got != 200 {
			t.Errorf("%v: %d frames forwarded, want 200", codec, got)
		}
		for _, l := range legs {
			l.sequence(t, codec.String(), 2, r.tick)
		}
		if got := r.Snapshot().Members[1].Pipeline; got != fmt.Sprintf("fake(%v) > room r (%v) > packets of 0 > %v", codec, codec.Rate(), codec) {
			t.Errorf("pipeline %q", got)
		}
	}
}

// loudLaw is a payload of G.711 at about -3 dBov.
var loudLaw = bytes.Repeat([]byte{0x81, 0x01}, 80)

// TestForwardedVoicesHaveALevel: a forwarded telephone without a level of its own still shows who speaks.
func TestForwardedVoicesHaveALevel(t *testing.T) {
	h, r, legs := forwardRoom(t, media.PCMU, 2)
	legs[0].level, legs[1].level = media.LevelUnknown, 90
	h.ticks(50)
	w := r.Snapshot()
	if !legs[1].relaying || legs[0].reads > 2 {
		t.Fatal("not forwarded")
	}
	if got := w.Members[0].Level; got > 5 || w.Members[1].Level != 90 || w.Speaker != "0" {
		t.Errorf("levels %d and %d, speaker %q", got, w.Members[1].Level, w.Speaker)
	}
	if n := testing.AllocsPerRun(20, func() { r.plan.feeds[0].measure(&h.s.scratch.frames[0], false) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestForwardingEndsWhenItMust: whatever is to be heard beside the one voice or done to it ends forwarding
// in the next tick, without a gap or a repeat of more than a frame; when it is over, forwarding comes back,
// but not twice in two seconds.
func TestForwardingEndsWhenItMust(t *testing.T) {
	third := newLine("2", media.Opus)
	supervisor := newLine("s", media.Opus)
	third.say = func(f *pcm.Frame) media.Kind { f.Reset(f.Rate()); return media.Silence }
	supervisor.say = third.say
	for _, c := range []struct {
		name  string
		begin []Command
		end   []Command
		by    func(l []*line, on bool)
	}{
		{name: "third party", begin: []Command{Join{ID: "2", Leg: third}}, end: []Command{Leave{ID: "2"}}},
		{name: "processor", begin: []Command{SetProcessors{ID: "0", Processors: []Processor{noop{}}}}, end: []Command{SetProcessors{ID: "0"}}},
		{name: "agc", begin: []Command{AGC{ID: "0", On: true}}, end: []Command{AGC{ID: "0"}}},
		{
			name: "whisper", begin: []Command{
				Join{ID: "s", Leg: supervisor}, Hear{Listener: "0", Source: "s", Off: true},
			}, end: []Command{Leave{ID: "s"}},
		},
		{name: "prompt", begin: []Command{Play{ID: "p", Source: &prompt{left: 1 << 20}, To: []string{"1"}}}, end: []Command{StopPlay{ID: "p"}}},
		{name: "loss reported", by: func(l []*line, on bool) {
			l[1].format.LossPercent = 0
			if on {
				l[1].format.LossPercent = 5
			}
		}},
		{name: "another codec", by: func(l []*line, on bool) {
			l[0].codec = media.Opus
			if on {
				l[0].codec = media.PCMU
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, r, legs := forwardRoom(t, media.Opus, 2)
			listener := legs[1]
			h.ticks(120)
			if !listener.relaying {
				t.Fatal("not forwarded to begin with")
			}
			change := func(cmds []Command, on bool) {
				if c.by != nil {
					c.by(legs, on)
				} else {
					h.do(r, cmds...)
				}
				h.ticks(1)
			}
			legs[0].busy, legs[1].busy = 2, 1 // packets are under way
			change(c.begin, true)
			h.ticks(3)
			if listener.relaying {
				t.Error("still forwarded")
			}
			h.ticks(20)
			change(c.end, false)
			if !listener.relaying {
				t.Error("forwarding did not come back 140 ticks after it last began")
			}
			change(c.begin, true)
			h.ticks(5)
			change(c.end, false)
			h.ticks(50)
			if listener.relaying {
				t.Error("forwarding came back twice within two seconds")
			}
			h.ticks(60)
			if !listener.relaying {
				t.Error("forwarding did not come back after two seconds")
			}
			if c.name != "agc" {
				listener.sequence(t, c.name, 5, r.tick)
			}
			if listener.twice > 0 {
				t.Errorf("%d ticks were sent twice", listener.twice)
			}
			if legs[0].recents < 2 {
				t.Error("the encoder was not warmed up with what had been forwarded")
			}
			if s := h.e.Stats(); s.Panics > 0 || s.Primed == 0 {
				t.Errorf("%d panics, %d frames of priming", s.Panics, s.Primed)
			}
		})
	}
}

type noop struct{}

func (noop) Process(*pcm.Frame) {}

// TestLegsArePolledWhileTheyAreMixed: the tick reads the sockets of members; while packets are handed on
// the leg reads them itself, and so it does when it has left.
func TestLegsArePolledWhileTheyAreMixed(t *testing.T) {
	h, r, legs := forwardRoom(t, media.Opus, 2)
	for _, l := range legs {
		if !l.polled {
			t.Fatal("not polled from the start")
		}
		l.format.LossPercent = 3
	}
	h.ticks(10)
	if legs[0].polls != 10 {
		t.Errorf("%d polls in 10 ticks", legs[0].polls)
	}
	legs[1].format.LossPercent = 0
	h.ticks(2)
	if legs[0].polled || !legs[1].polled {
		t.Errorf("polled %v and %v; want the one alone that is not handed on", legs[0].polled, legs[1].polled)
	}
	legs[1].format.LossPercent = 3
	h.ticks(2)
	if !legs[0].polled {
		t.Error("not polled again")
	}
	legs[1].format.LossPercent = 0
	h.ticks(110)
	h.do(r, Leave{ID: "0"})
	if legs[0].polled || legs[1].relaying || len(legs[0].sinks) > 0 {
		t.Error("left, and still polled or handed on")
	}
	h.ticks(1)
	h.s.apply(post{room: r, op: opClose})
	if legs[1].polled {
		t.Error("polled after the room's end")
	}
	if n := h.e.Stats().Polled; n < 100 {
		t.Errorf("%d polls counted", n)
	}

	cfg := rawConfig()
	cfg.NoPoll = true
	h = byHand(t, cfg)
	l := newLine("a", media.Opus)
	h.open("r", Join{ID: "a", Leg: l})
	h.ticks(5)
	if l.flips > 0 || l.polls > 0 {
		t.Error("polled although that is switched off")
	}
}

// TestLeavingEndsForwarding: when Do returns, the listener may be handed something else; a source that is
// busy is waited for.
func TestLeavingEndsForwarding(t *testing.T) {
	h, r, legs := forwardRoom(t, media.PCMU, 2)
	h.ticks(5)
	legs[0].busy, legs[1].busy = 3, 1
	h.do(r, Leave{ID: "1"})
	if len(legs[0].sinks) > 0 || legs[1].relaying {
		t.Error("still forwarded to a listener that has left")
	}
	h.ticks(3)
	var places []uint64
	for k := range legs[0].heard {
		places = append(places, k)
	}
	if first, last := slices.Min(places), slices.Max(places); last-first+1 != uint64(len(places)) || legs[0].twice > 0 {
		t.Errorf("%d frames in places %d to %d, %d of them twice", len(places), first, last, legs[0].twice)
	}
	other := h.open("other", Join{ID: "1", Leg: legs[1]}, Join{ID: "x", Leg: newLine("x", media.PCMU)})
	h.ticks(5)
	if !legs[1].relaying {
		t.Error("not forwarded in the other room")
	}
	h.s.apply(post{room: other, op: opClose})
	if legs[1].relaying {
		t.Error("still forwarded after the room's end")
	}
}

// TestSilenceIsNotForwarded: a party that sends nothing for two seconds is mixed again, so that its listener
// gets silence and not nothing; with its first word it is forwarded.
func TestSilenceIsNotForwarded(t *testing.T) {
	h, r, legs := forwardRoom(t, media.Opus, 2)
	h.ticks(5)
	gone := &goneLine{line: legs[0]}
	h.do(r, Leave{ID: "0"}, Join{ID: "0", Leg: gone})
	h.ticks(calm + 5)
	if !legs[1].relaying {
		t.Fatal("not forwarded to begin with")
	}
	gone.gone = true
	h.ticks(fallow - 1)
	if !legs[1].relaying {
		t.Error("mixed before two seconds of nothing")
	}
	silent := h.e.Stats().Silent
	h.ticks(12)
	if got := h.e.Stats().Silent - silent; legs[1].relaying || got < 10 {
		t.Errorf("%d frames of silence after two seconds of nothing", got)
	}
	gone.gone = false
	h.ticks(2)
	if !legs[1].relaying {
		t.Error("not forwarded again")
	}
}

// goneLine is a line that can go silent.
type goneLine struct {
	*line
	gone bool
}

func (l *goneLine) Skip() media.Kind {
	k := l.line.Skip()
	if l.gone {
		return media.Absent
	}
	return k
}

func (l *goneLine) ReadFrame(f *pcm.Frame) media.Kind {
	k := l.line.ReadFrame(f)
	if l.gone {
		f.Reset(f.Rate())
		return media.Absent
	}
	return k
}

func TestForwardingTickAllocatesNothing(t *testing.T) {
	h, r, legs := forwardRoom(t, media.Opus, 2)
	for _, l := range legs {
		l.say = constant(1000)
		l.sinks = nil
	}
	h.do(r, SetTap{Tap: tapFunc(func(uint64, []media.Tapped) {})})
	h.do(r, Leave{ID: "0"}, Join{ID: "0", Leg: &quietLine{line: legs[0]}})
	h.do(r, Leave{ID: "1"}, Join{ID: "1", Leg: &quietLine{line: legs[1]}})
	h.ticks(20)
	if n := testing.AllocsPerRun(50, h.tick); n != 0 {
		t.Errorf("%v allocations in a tick that forwards", n)
	}
	forwarded := h.e.Stats().Forwarded
	if n := testing.AllocsPerRun(50, func() {
		legs[1].format.LossPercent ^= 1 // begin and end it again and again
		for i := range r.plan.ears {
			r.plan.ears[i].switched = 0
		}
		h.e.effort.Store(int32(h.s.ticks) % int32(len(efforts)))
		h.tick()
	}); n != 0 {
		t.Errorf("%v allocations in a tick that begins or ends forwarding", n)
	}
	h.s.scratch.flush(&h.s.meter)
	if s := h.e.Stats(); s.Forwarded == forwarded || s.Encodes == 0 {
		t.Error("nothing was forwarded or nothing encoded")
	}
}

var threeBytes = []byte("abc")

// quietLine allocates nothing itself.
type quietLine struct{ *line }

func (l *quietLine) Payload() (media.Codec, []byte)         { return media.Opus, threeBytes }
func (l *quietLine) Relay(uint64, media.RelaySink) bool     { return true }
func (l *quietLine) Unrelay(media.RelaySink) bool           { return true }
func (l *quietLine) Skip() media.Kind                       { return media.Audio }
func (l *quietLine) BeginRelay(tick uint64, ts uint32) bool { return true }
func (l *quietLine) EndRelay(tick uint64) bool              { return true }
func (l *quietLine) ReadFrame(f *pcm.Frame) media.Kind      { return constant(1000)(f) }
func (l *quietLine) WriteFrame(media.OutFrame)              {}
