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
	// flush is how many ticks a source stays that says that it is silent: until its listeners' encoders have
	// given out what they hold back.
	flush = 2
	// settle is how many ticks a source must carry a lower rate before the room follows it down: 2 s.
	settle = 100
	// speechLevel in -dBov and speechOnset in ticks: so loud, for so long, is speech.
	speechLevel = 45
	speechOnset = 2
	// remainder in -dBov is as loud as the rest of suppressed noise may be, without speech, to count as
	// silence.
	remainder = 55
	// trusted is how many ticks in a row a source must have shown an Opus payload before a tap alone no
	// longer has it decoded: 1 s.
	trusted = 50
	// mistrust is how many lost packets in a row end that: 200 ms, as long as concealment lasts.
	mistrust = 10
)

// source is one voice as the ticks know it: a member's, a player's or hold music. But for id and the
// atomics it belongs to the shard.
type source struct {
	id      string
	src     media.Source
	payload media.PayloadSource // nil where src is none; so below
	skipper media.Skipper
	dozer   media.Dozer
	leveler media.LevelSource
	ager    media.AgedSource
	relay   media.RelaySource
	poller  media.Poller
	ender   interface{ Done() bool }

	gate     gate
	lower    int          // ticks in a row with a rate below the settled one
	settled  atomic.Int32 // the rate plans go by
	level    atomic.Uint32
	finished atomic.Bool // a player that is done
	idle     int         // ticks in a row, up to fallow, without audio
	packets  int8        // ticks in a row, up to trusted, for which the Opus payload was there
	missed   int8        // ticks in a row, up to mistrust, for which it was missing since
	holds    bool        // its suppressor holds audio back
	passes   string      // why its suppressor lets it pass
	relays   int         // listeners its packets are handed on to
	seated   bool        // its socket may be polled
	polled   bool        // it is
}

func newSource(id string, src media.Source) *source {
	s := &source{id: id, src: src}
	s.payload, _ = src.(media.PayloadSource)
	s.skipper, _ = src.(media.Skipper)
	s.dozer, _ = src.(media.Dozer)
	s.leveler, _ = src.(media.LevelSource)
	s.ager, _ = src.(media.AgedSource)
	s.relay, _ = src.(media.RelaySource)
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

// seat lets the shard read the source's socket, or takes that back.
func (s *source) seat(on bool) {
	s.seated = on
	s.poll()
}

// poll has the socket read where that is best now: by the tick, whose frames need the packets no earlier,
// or by the leg itself while packets are handed on as they arrive.
func (s *source) poll() {
	if on := s.seated && s.relays == 0; s.poller != nil && on != s.polled {
		s.polled = on
		s.poller.SetPolled(on)
	}
}

// voicing is what a suppressor knows of a frame.
type voicing int8

const (
	unknown   voicing = iota
	voiceless         // no speech
	unsure            // too little to open the gate, too much to close it
	voiced            // speech
)

// voicing asks the suppressor, if one is at work.
func (f *feed) voicing() voicing {
	if f.suppressor == nil {
		return unknown
	}
	switch p, ok := f.suppressor.Voice(); {
	case !ok:
		return unknown
	case p < 0.1:
		return voiceless
	case p < 0.5:
		return unsure
	default:
		return voiced
	}
}

// gate decides whether a source counts as heard and whether it speaks.
type gate struct {
	open   int8 // ticks the source stays in the mix
	voice  int8 // ticks it counts as speaking
	onset  int8 // ticks in a row loud enough for speech
	smooth float32
}

// update takes one frame's level in -dBov, the level from which on it counts as silence, and what is known of
// whether the frame holds speech.
func (g *gate) update(level, silence uint8, v voicing) {
	if v == voiceless {
		silence = min(silence, remainder)
	}
	if level < silence {
		g.open = hangover
	} else if g.open > 0 {
		g.open--
	}
	if v == voiced && level < silence || v == unknown && level <= speechLevel {
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

// member is one party as the ticks know it: its voice and its ear.
type member struct {
	leg Leg
	in  *source
	out *listener
}

func newMember(id string, leg Leg) *member {
	m := &member{leg: leg, in: newSource(id, leg), out: newListener(leg)}
	m.in.poller, _ = leg.(media.Poller)
	return m
}

// listener is one way out of the room: a member's own sink, or one of those it has for single voices. But
// for the atomics it belongs to the shard.
type listener struct {
	sink  media.Sink
	relay media.RelaySink // nil where sink is none

	gains   [MaxMembers]pcm.Gain // on each seat's voice
	limiter pcm.Limiter
	stream  atomic.Pointer[stream] // what encoded the last frame, nil after silence; plans read it
	quiet   int                    // frames of silence sent in a row

	from     atomic.Pointer[source] // whose packets it gets as they are; nil: none
	loose    bool                   // the source has let go of it, the sink not yet
	switched uint64                 // the tick in which the last forwarding began, 0 before the first
	woken    uint64                 // the tick in which the last one ended
	recent   int                    // slot of the source it came from, -1 where nothing is known of it
}

func newListener(sink media.Sink) *listener {
	l := &listener{sink: sink}
	l.relay, _ = sink.(media.RelaySink)
	return l
}

// listen notes which encoder the listener hears now. Storing is dear, and it seldom changes.
func (l *listener) listen(s *stream) {
	if l.stream.Load() != s {
		l.stream.Store(s)
	}
}

// name is how a stage shows itself.
func name(v any) string {
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", v)
}
