package mixer

import (
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// sleeper is a line that can be left alone. Its packets are handed on in time all the same.
type sleeper struct {
	*line
	t      *testing.T
	wake   *atomic.Bool
	never  bool // it has to be awake
	gone   bool // it sends nothing
	lost   int  // packets that do not come
	ago    []time.Duration
	hole   bool
	writes int
}

func (l *sleeper) Doze(wake *atomic.Bool) bool {
	l.wake = wake
	return !l.never
}

func (l *sleeper) SkipPast(ago time.Duration) media.Kind {
	if ago <= 0 {
		l.t.Errorf("skips what should have been %v ago", ago)
	}
	l.ago = append(l.ago, ago)
	return l.Skip()
}

func (l *sleeper) Skip() media.Kind {
	if l.gone {
		return media.Absent
	}
	kind := l.line.Skip()
	if l.lost > 0 {
		l.lost--
		l.hole = true
		return media.Concealed
	}
	l.hole = false
	return kind
}

func (l *sleeper) Payload() (media.Codec, []byte) {
	if l.hole {
		return 0, nil
	}
	return l.line.Payload()
}

func (l *sleeper) ReadFrame(f *pcm.Frame) media.Kind {
	if l.gone {
		f.Reset(f.Rate())
		return media.Absent
	}
	return l.line.ReadFrame(f)
}

func (l *sleeper) WriteFrame(f media.OutFrame) {
	l.writes++
	l.line.WriteFrame(f)
}

func dozeRoom(t *testing.T) (*hand, *Room, [2]*sleeper) {
	h := byHand(t, rawConfig())
	l := [2]*sleeper{{line: newLine("0", media.PCMU), t: t}, {line: newLine("1", media.PCMU), t: t}}
	r := h.open("r", Join{ID: "0", Leg: l[0]}, Join{ID: "1", Leg: l[1]})
	h.ticks(dozeAfter + 30)
	if r.doze.nap != dozeTicks {
		t.Fatalf("does not doze: %+v", r.doze)
	}
	return h, r, l
}

// TestRoomDozes: a room in which all is forwarded runs every tenth tick, and nothing is missing.
func TestRoomDozes(t *testing.T) {
	h, r, l := dozeRoom(t)
	before, skips, writes := h.e.Stats(), l[0].skips, l[0].writes
	l[0].ago = nil
	h.ticks(200)
	s := h.e.Stats()
	if n := l[0].writes - writes; n != 20 {
		t.Errorf("%d beats in 200 ticks", n)
	}
	if n := l[0].skips - skips; n != 200 || len(l[0].ago) != 180 {
		t.Errorf("%d frames in 200 ticks, %d of them late", n, len(l[0].ago))
	}
	if n, d := s.Forwarded-before.Forwarded, s.Dozed-before.Dozed; n != 400 || d != 180 {
		t.Errorf("%d frames forwarded, %d ticks left out; want 400 and 180", n, d)
	}
	for i, ago := range l[0].ago {
		if want := time.Duration(9-i%9) * Period; ago != want {
			t.Fatalf("frame %d is made up for %v late, want %v", i, ago, want)
		}
	}
	if s.Encodes != before.Encodes || s.Decoded != before.Decoded {
		t.Errorf("%d encodes and %d decodes", s.Encodes-before.Encodes, s.Decoded-before.Decoded)
	}
	for _, l := range l {
		l.sequence(t, "dozing", 2, r.tick)
	}
}

// TestDozingRoomWakes: whatever is asked of a dozing room is done in the next tick, and the listeners hear one
// frame for each tick all the time.
func TestDozingRoomWakes(t *testing.T) {
	for _, c := range []struct {
		name     string
		cmd      func() Command
		by       func(l [2]*sleeper)
		in       int  // ticks until it has to be awake
		forwards bool // still
	}{
		{name: "third party", cmd: func() Command { return Join{ID: "2", Leg: silentLine("2")} }},
		{name: "prompt", cmd: func() Command { return Play{ID: "p", Source: &prompt{left: 1 << 20}, To: []string{"1"}} }},
		{name: "recording", cmd: func() Command { return SetTap{Tap: tapFunc(func(uint64, []media.Tapped) {})} }, forwards: true},
		{name: "processor", cmd: func() Command { return SetProcessors{ID: "0", Processors: []Processor{noop{}}} }},
		{name: "leaving", cmd: func() Command { return Leave{ID: "0"} }},
		{name: "digits", by: func(l [2]*sleeper) { l[1].wake.Store(true) }, forwards: true},
		{name: "loss reported", by: func(l [2]*sleeper) { l[1].format.LossPercent = 5 }, in: dozeTicks},
		{name: "another codec", by: func(l [2]*sleeper) { l[0].codec = media.Opus; l[0].wake.Store(true) }},
		{name: "busy reader", by: func(l [2]*sleeper) { l[0].busy, l[1].format.LossPercent = 2, 5 }, in: dozeTicks},
	} {
		for owed := range dozeTicks {
			h, r, l := dozeRoom(t)
			for r.doze.owed != owed {
				h.ticks(1)
			}
			tick := h.s.ticks
			if c.cmd != nil {
				h.do(r, c.cmd())
			} else {
				c.by(l)
			}
			h.ticks(1 + c.in)
			if r.doze.nap != 0 || r.doze.owed != 0 {
				t.Errorf("%s, %d owed: still dozing: %+v", c.name, owed, r.doze)
			}
			if c.name == "busy reader" {
				h.ticks(2) // it does not wait for another doze
			}
			if l[1].relaying != c.forwards {
				t.Errorf("%s, %d owed: forwarding %v, want %v", c.name, owed, l[1].relaying, c.forwards)
			}
			h.ticks(20)
			if r.tick != h.s.ticks {
				t.Errorf("%s, %d owed: the room counts %d of %d ticks", c.name, owed, r.tick, h.s.ticks)
			}
			if c.name != "leaving" {
				l[1].sequence(t, c.name, 5, r.tick)
			}
			if l[0].twice+l[1].twice > 0 {
				t.Errorf("%s, %d owed: sent twice", c.name, owed)
			}
			if t.Failed() {
				t.Fatalf("%s at tick %d", c.name, tick)
			}
		}
	}
}

// TestRoomsThatDoNotDoze: somebody records or has to be heard, or packets wait for a tick.
func TestRoomsThatDoNotDoze(t *testing.T) {
	tap := SetTap{Tap: tapFunc(func(uint64, []media.Tapped) {})}
	for _, c := range []struct {
		name  string
		cmd   Command
		never bool
	}{{name: "recorded", cmd: tap}, {name: "a party has to be awake", never: true}, {name: "deafened", cmd: Deafen{ID: "1", On: true}}} {
		h := byHand(t, rawConfig())
		l := [2]*sleeper{{line: newLine("0", media.PCMU), t: t}, {line: newLine("1", media.PCMU), t: t, never: c.never}}
		r := h.open("r", Join{ID: "0", Leg: l[0]}, Join{ID: "1", Leg: l[1]})
		if c.cmd != nil {
			h.do(r, c.cmd)
		}
		h.ticks(3 * dozeAfter)
		if n := h.e.Stats().Dozed; n > 0 || !l[0].relaying {
			t.Errorf("%s: %d ticks left out, forwarding %v", c.name, n, l[0].relaying)
		}
	}
}

// napTap is a tap that can do without ticks, and keeps what it is given.
type napTap struct {
	t      *testing.T
	never  bool
	wake   *atomic.Bool
	ticks  []uint64
	past   int
	packet [2]uint32 // of each party, the last
}

func (n *napTap) Doze(wake *atomic.Bool) bool {
	n.wake = wake
	return !n.never
}

func (n *napTap) TickPast(tick uint64, ago time.Duration, frames []media.Tapped) {
	if ago <= 0 || ago > dozeTicks*Period {
		n.t.Errorf("tick %d should have been %v ago", tick, ago)
	}
	n.past++
	n.Tick(tick, frames)
}

func (n *napTap) Tick(tick uint64, frames []media.Tapped) {
	n.ticks = append(n.ticks, tick)
	for i, f := range frames[:2] {
		if len(f.Payload) != 4 {
			n.t.Fatalf("tick %d: %v of party %d has %d bytes", tick, f.Kind, i, len(f.Payload))
		}
		packet := binary.LittleEndian.Uint32(f.Payload)
		if last := n.packet[i]; last > 0 && packet != last+1 {
			n.t.Errorf("tick %d: packet %d of party %d behind %d", tick, packet, i, last)
		}
		n.packet[i] = packet
	}
}

func napRoom(t *testing.T, tap *napTap) (*hand, *Room, [2]*sleeper) {
	h := byHand(t, rawConfig())
	l := [2]*sleeper{{line: newLine("0", media.Opus), t: t}, {line: newLine("1", media.Opus), t: t}}
	r := h.open("r", Join{ID: "0", Leg: l[0]}, Join{ID: "1", Leg: l[1]}, SetTap{Tap: tap})
	h.ticks(3 * dozeAfter)
	return h, r, l
}

// TestRecordedRoomDozes: a tap that can wait is given every tick and every packet, ten at a time, until it rings,
// cannot wait or is taken off.
func TestRecordedRoomDozes(t *testing.T) {
	for owed := range dozeTicks {
		tap := &napTap{t: t}
		h, r, l := napRoom(t, tap)
		if r.doze.nap != dozeTicks || tap.past == 0 {
			t.Fatalf("does not doze: %+v", r.doze)
		}
		decoded := h.e.Stats().Decoded
		for r.doze.owed != owed {
			h.ticks(1)
		}
		before := len(tap.ticks)
		tap.wake.Store(true)
		h.ticks(1)
		if n := len(tap.ticks) - before; n != owed+1 || r.doze.nap != 0 {
			t.Errorf("%d owed: %d ticks when it rang: %+v", owed, n, r.doze)
		}
		tap.never = true // as a paused recording is
		h.ticks(2 * dozeAfter)
		if r.doze.nap != 0 || l[1].relaying != true {
			t.Errorf("%d owed: dozes against the tap's will", owed)
		}
		tap.never = false
		h.ticks(dozeAfter)
		for r.doze.owed != owed {
			h.ticks(1)
		}
		h.do(r, SetTap{})
		if n := tap.ticks[len(tap.ticks)-1]; n != r.tick || tap.wake != nil {
			t.Errorf("%d owed: taken off behind tick %d of %d, may ring: %v", owed, n, r.tick, tap.wake != nil)
		}
		for i, n := range tap.ticks[1:] {
			if n != tap.ticks[i]+1 {
				t.Fatalf("tick %d behind %d", n, tap.ticks[i])
			}
		}
		if n := h.e.Stats().Decoded; n != decoded {
			t.Errorf("%d frames decoded", n-decoded)
		}
	}
}

// TestRecordedRoomWakesForAudio: a lost packet does not wake the room of a tap, packets that are no longer one to a
// tick do: what is in them has to be decoded.
func TestRecordedRoomWakesForAudio(t *testing.T) {
	tap := &holes{}
	h := byHand(t, rawConfig())
	l := [2]*sleeper{{line: newLine("0", media.Opus), t: t}, {line: newLine("1", media.Opus), t: t}}
	r := h.open("r", Join{ID: "0", Leg: l[0]}, Join{ID: "1", Leg: l[1]}, SetTap{Tap: tap})
	h.ticks(3 * dozeAfter)
	l[0].lost = 1
	h.ticks(2 * dozeTicks)
	if r.doze.nap == 0 {
		t.Error("awake for a lost packet")
	}
	if tap.concealed != 1 {
		t.Errorf("%d lost packets, want 1", tap.concealed)
	}
	l[0].codec = media.PCMU
	before := l[0].reads
	h.ticks(3 * dozeTicks)
	if r.doze.nap > 0 || l[0].reads-before < dozeTicks {
		t.Errorf("%d frames decoded of another codec: %+v", l[0].reads-before, r.doze)
	}
}

// holes counts what was lost.
type holes struct{ concealed int }

func (*holes) Doze(*atomic.Bool) bool { return true }
func (c *holes) TickPast(tick uint64, _ time.Duration, frames []media.Tapped) {
	c.Tick(tick, frames)
}

func (c *holes) Tick(_ uint64, frames []media.Tapped) {
	for i := range frames {
		if frames[i].Kind == media.Concealed {
			c.concealed++
		}
	}
}

// TestSilenceWakes: a party that sends nothing for two seconds is mixed again, two dozes later at most.
func TestSilenceWakes(t *testing.T) {
	h, r, l := dozeRoom(t)
	l[0].gone = true
	h.ticks(fallow - 1)
	if !l[1].relaying {
		t.Error("mixed before two seconds of nothing")
	}
	h.ticks(2*dozeTicks + 1)
	if l[1].relaying || r.doze.nap > 0 {
		t.Error("not mixed after two seconds of nothing")
	}
}

// TestDozingRoomsShowWhoSpeaks: the level of G.711 is measured when the room runs.
func TestDozingRoomsShowWhoSpeaks(t *testing.T) {
	h, r, l := dozeRoom(t)
	events(r)
	l[0].level, l[1].level = 90, media.LevelUnknown
	h.ticks(80)
	w := r.Snapshot()
	if w.Members[0].Level != 90 || w.Members[1].Level > 5 || w.Speaker != "1" {
		t.Errorf("levels %d and %d, speaker %q", w.Members[0].Level, w.Members[1].Level, w.Speaker)
	}
	if r.doze.nap != dozeTicks {
		t.Error("awake")
	}
}

// TestDozingRoomsSpreadOut: rooms that fall asleep together do not run together.
func TestDozingRoomsSpreadOut(t *testing.T) {
	h := byHand(t, rawConfig())
	var rooms []*Room
	for i := range 3 * dozeTicks {
		id := string(rune('a' + i))
		rooms = append(rooms, h.open(id, Join{ID: "0", Leg: &sleeper{line: newLine("0", media.PCMU), t: t}},
			Join{ID: "1", Leg: &sleeper{line: newLine("1", media.PCMU), t: t}}))
	}
	h.ticks(dozeAfter + 50)
	var at [dozeTicks]int
	for _, r := range rooms {
		at[r.doze.owed]++
	}
	for k, n := range at {
		if n != 3 {
			t.Errorf("%d of %d rooms run in tick %d of %d", n, len(rooms), k, dozeTicks)
		}
	}
}

// TestDozingTickAllocatesNothing: nor does falling asleep and waking up.
func TestDozingTickAllocatesNothing(t *testing.T) {
	h := byHand(t, rawConfig())
	a, b := &still{quietLine: quietLine{newLine("0", media.Opus)}}, &still{quietLine: quietLine{newLine("1", media.Opus)}}
	r := h.open("r", Join{ID: "0", Leg: a}, Join{ID: "1", Leg: b})
	h.ticks(dozeAfter + 50)
	n := 0
	if got := testing.AllocsPerRun(2000, func() {
		if n++; n%300 == 0 {
			r.doze.wake.Store(true)
		}
		h.tick()
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
	h.s.scratch.flush(&h.s.meter)
	if s := h.e.Stats(); s.Dozed < 500 {
		t.Errorf("%d ticks left out", s.Dozed)
	}
}

// still allocates nothing itself and needs no ticks.
type still struct{ quietLine }

func (*still) Doze(*atomic.Bool) bool            { return true }
func (*still) SkipPast(time.Duration) media.Kind { return media.Audio }

func silentLine(id string) *line {
	l := newLine(id, media.Opus)
	l.say = nil
	return l
}
