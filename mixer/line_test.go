package mixer

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// line is a leg that can hand on and be handed on to. Frame k of what it says holds k in every sample;
// depth frames wait in its jitter buffer. What it hears it keeps by the tick it belongs to.
type line struct {
	*fakeLeg
	id      string
	codec   media.Codec
	played  int // the frame the next ReadFrame gives
	depth   int
	sinks   []media.RelaySink
	handed  int // the next packet to hand on
	busy    int // how often Unrelay and EndRelay refuse yet
	skips   int
	reads   int
	recents int
	polls   int
	polled  bool
	flips   int
	level   uint8

	relaying bool
	shift    uint64 // how far what it hears is ahead of the room's ticks
	from     uint64 // place of the packet with timestamp first
	first    uint32
	last     uint64         // place of the last packet handed on
	heard    map[uint64]int // by place
	twice    int
	empty    int // frames without a payload
}

func newLine(id string, codec media.Codec) *line {
	l := &line{
		fakeLeg: &fakeLeg{rate: codec.Rate(), format: media.Format{Codec: codec}},
		id:      id, codec: codec, depth: 1, level: 30, heard: map[uint64]int{},
	}
	if codec == media.Opus {
		l.format = opusFormat
	}
	l.say = func(f *pcm.Frame) media.Kind {
		l.reads++
		l.advance()
		return constant(int16(l.played))(f)
	}
	l.hear = func(o media.OutFrame) {
		if l.relaying && len(o.Payload) > 0 {
			panic("a payload for a sink that is relayed to")
		}
		if len(o.Payload) == 0 {
			l.empty++
			return
		}
		l.note(o.Tick+l.shift, int(unraw(o.Payload)[0]))
	}
	return l
}

func (l *line) note(tick uint64, v int) {
	if _, ok := l.heard[tick]; ok {
		l.twice++
	}
	l.heard[tick] = v
}

// advance is the 20 ms in which one more packet has come.
func (l *line) advance() {
	l.played++
	if len(l.sinks) > 0 {
		l.hand(l.played + l.depth)
	}
}

func (l *line) hand(upTo int) {
	for ; l.handed <= upTo; l.handed++ {
		p := media.Packet{Codec: l.codec, TS: uint32(l.handed) * 960, Duration: 960, Payload: binary.LittleEndian.AppendUint16(nil, uint16(l.handed))}
		for _, s := range l.sinks {
			s.RelayPacket(&p)
		}
	}
}

func (l *line) Skip() media.Kind           { l.skips++; l.advance(); return media.Audio }
func (l *line) Level() (uint8, bool, bool) { return l.level, true, l.level != media.LevelUnknown }
func (l *line) Payload() (media.Codec, []byte) {
	if l.level == media.LevelUnknown {
		return l.codec, loudLaw
	}
	return l.codec, binary.LittleEndian.AppendUint32(nil, uint32(l.played))
}
func (l *line) Codec() media.Codec { return l.codec }

func (l *line) Relay(tick uint64, to media.RelaySink) bool {
	if !to.BeginRelay(tick, uint32(l.played+1)*960) {
		return false
	}
	if len(l.sinks) == 0 {
		l.handed = l.played + 1
	}
	l.sinks = append(l.sinks, to)
	l.hand(l.played + l.depth)
	return true
}

func (l *line) Unrelay(to media.RelaySink) bool {
	if l.busy > 0 {
		l.busy--
		return false
	}
	k := slices.Index(l.sinks, to)
	if k < 0 {
		panic("unrelay of somebody else")
	}
	l.sinks = slices.Delete(l.sinks, k, k+1)
	l.played = l.handed - 1
	return true
}

func (l *line) Recent(dst []pcm.Frame) int {
	l.recents++
	for i := range dst {
		constant(int16(l.played - len(dst) + 1 + i))(&dst[i])
	}
	return len(dst)
}

func (l *line) SetPolled(on bool) {
	if l.polled == on {
		panic("polled twice")
	}
	l.polled = on
	l.flips++
}

func (l *line) Poll(now time.Time) {
	if !l.polled || now.IsZero() {
		panic("polled without leave")
	}
	l.polls++
}

func (l *line) Relays(c media.Codec, d time.Duration) bool { return c == l.format.Codec && d == Period }

func (l *line) BeginRelay(tick uint64, ts uint32) bool {
	l.relaying, l.from, l.first = true, tick+l.shift, ts
	l.last = l.from - 1
	return true
}

func (l *line) RelayPacket(p *media.Packet) {
	if !l.relaying {
		panic("a packet for a sink that is not relayed to")
	}
	l.last = l.from + uint64(p.TS-l.first)/960
	l.note(l.last, int(binary.LittleEndian.Uint16(p.Payload)))
}

func (l *line) EndRelay(tick uint64) bool {
	if l.busy > 0 {
		l.busy--
		return false
	}
	l.relaying, l.shift = false, l.last+1-tick
	return true
}

// sequence checks that a listener has heard a voice in order up to a tick: one frame for each tick, with at
// most one missing or repeated wherever it changed between forwarding and mixing.
func (l *line) sequence(t *testing.T, when string, from, to uint64) {
	t.Helper()
	steps := 0
	for k := from + 1; k <= to; k++ {
		was, ok := l.heard[k-1]
		is, now := l.heard[k]
		switch {
		case !ok || !now:
			steps++
		case is == was+1:
		case is == was || is == was+2:
			steps++
		default:
			t.Errorf("%s: frame %d in tick %d follows frame %d", when, is, k, was)
		}
	}
	if steps > 0 {
		t.Logf("%s: %d steps of 20 ms", when, steps)
	}
	if steps > 3 {
		t.Errorf("%s: %d of %d frames are not the one after the one before", when, steps, to-from)
	}
}
