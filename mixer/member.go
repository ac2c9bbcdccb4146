package mixer

import (
	"fmt"
	"sync/atomic"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

const (
	// hangover is how many ticks a source stays in the mix after its level has fallen: 300 ms. It is also
	// the least time between two changes of encoder for a listener that begins and ends to speak.
	hangover = 15
	// settle is how many ticks a source must carry a lower rate before the room follows it down: 2 s.
	settle = 100
	// speechLevel in -dBov and speechOnset in ticks: so loud, for so long, is speech.
	speechLevel = 45
	speechOnset = 2
)

// source is one voice as the ticks know it: a member's, a player's or hold music. But for id and the
// atomics it belongs to the shard.
type source struct {
	id      string
	src     media.Source
	payload media.PayloadSource // nil where src is none; so below
	skipper media.Skipper
	leveler media.LevelSource
	ender   interface{ Done() bool }

	gate     gate
	lower    int          // ticks in a row with a rate below the settled one
	settled  atomic.Int32 // the rate plans go by
	level    atomic.Uint32
	finished atomic.Bool // a player that is done
}

func newSource(id string, src media.Source) *source {
	s := &source{id: id, src: src}
	s.payload, _ = src.(media.PayloadSource)
	s.skipper, _ = src.(media.Skipper)
	s.leveler, _ = src.(media.LevelSource)
	s.ender, _ = src.(interface{ Done() bool })
	s.settled.Store(int32(src.Rate()))
	s.level.Store(pcm.LevelSilence)
	return s
}

func (s *source) rate() pcm.Rate {
	if r := pcm.Rate(s.settled.Load()); r.Valid() {
		return r
	}
	return pcm.Rate8k
}

// follow watches the rate the source carries: up at once, down after a while. It reports a change.
func (s *source) follow() bool {
	switch now, was := s.src.Rate(), s.rate(); {
	case !now.Valid() || now == was:
		s.lower = 0
		return false
	case now < was:
		if s.lower++; s.lower < settle {
			return false
		}
		fallthrough
	default:
		s.lower = 0
		s.settled.Store(int32(now))
		return true
	}
}

// gate decides whether a source counts as heard and whether it speaks.
type gate struct {
	open   int8 // ticks the source stays in the mix
	voice  int8 // ticks it counts as speaking
	onset  int8 // ticks in a row loud enough for speech
	smooth float32
}

// update takes one frame's level in -dBov, and the level from which on it counts as silence.
func (g *gate) update(level, silence uint8) {
	if level < silence {
		g.open = hangover
	} else if g.open > 0 {
		g.open--
	}
	if level <= speechLevel {
		if g.onset < speechOnset {
			g.onset++
		}
	} else {
		g.onset = 0
	}
	if g.onset == speechOnset {
		g.voice = hangover
	} else if g.voice > 0 {
		g.voice--
	}
	loud := float32(pcm.LevelSilence - level)
	g.smooth += 0.2 * (loud - g.smooth)
}

// member is one party as the ticks know it: its voice and its ear. It belongs to the shard.
type member struct {
	leg Leg
	in  *source

	gains   [MaxMembers]pcm.Gain // on each seat's voice
	limiter pcm.Limiter
	summed  int8                   // ticks the limiter may still be turning the volume back up
	stream  atomic.Pointer[stream] // what encoded the last frame, nil after silence; plans read it
	past    [primers]pcm.Frame     // the last frames encoded, to warm up the next encoder with
	kept    int                    // of those that follow each other up to now
	oldest  int                    // where in past the next one goes
	quiet   int                    // frames of silence sent in a row
}

func newMember(id string, leg Leg) *member {
	return &member{leg: leg, in: newSource(id, leg)}
}

// primers is how many of the frames a listener heard last an encoder is given that it moves to. In the
// three frames after a move, speech has this segmental SNR against an encoder that was never left (SILK
// and CELT, 8 and 48 kHz): 11 to 16 dB with none, 12 to 20 with one, 19 to 28 with two. Two encoders of
// the same speech agree no better than that anywhere, so more gain nothing.
const primers = 2

// listen notes which encoder the member hears now. Storing is dear, and it seldom changes.
func (m *member) listen(s *stream) {
	if m.stream.Load() != s {
		m.stream.Store(s)
	}
	if s == nil {
		m.kept = 0
	}
}

// keep remembers a frame that was encoded for the member.
func (m *member) keep(f *pcm.Frame) {
	if m.past[(m.oldest+primers-1)%primers].Rate() != f.Rate() {
		m.kept = 0
	}
	m.past[m.oldest] = *f
	m.oldest = (m.oldest + 1) % primers
	m.kept = min(m.kept+1, primers)
}

// name is how a stage shows itself.
func name(v any) string {
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", v)
}
