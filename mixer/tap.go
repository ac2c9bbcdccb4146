package mixer

import (
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// spoken is the Opus payload of one member's voice alone, as it was encoded for a listener in this tick.
type spoken struct {
	n   int
	buf [codec.MaxPayload]byte
}

// leastSpoken is the length from which on an Opus payload holds audio (RFC 6716 section 2.1.9).
const leastSpoken = 3

// speak keeps a payload for the tap, where the frame it came from is one member's as the tap gets it.
func (sc *scratch) speak(p *plan, format media.Format, slot int, payload []byte) {
	if p.tap == nil || format.Codec != media.Opus || slot < 0 || slot >= MaxMembers || len(payload) < leastSpoken {
		return
	}
	if f := p.feed(slot); f == nil || f.inverted() {
		return
	}
	if s := &sc.spoken[slot]; s.n == 0 {
		s.n = copy(s.buf[:], payload)
	}
}

// report hands every member's share to the tap. It comes after the listeners' frames, whose payloads it
// reuses.
func (r *Room) report(p *plan, sc *scratch) {
	n := 0
	for i := range p.feeds {
		f := &p.feeds[i]
		if !f.member {
			continue
		}
		t := &p.tapped[n]
		n++
		slot := f.slot
		spoken := sc.spoken[slot].n
		sc.spoken[slot].n = 0
		t.Kind, t.In, t.Level = sc.kinds[slot], &sc.frames[slot], sc.levels[slot]
		t.Codec, t.Payload, t.Age = 0, nil, 0
		t.Sent, t.Samples, t.Processed = 0, nil, false
		if f.ager != nil {
			t.Age = f.ager.Age()
		}
		t.Muted, t.Held, t.Voice = f.muted, f.held, f.gate.voice > 0
		if f.aside {
			t.Kind, t.In, t.Level, t.Voice = media.Silence, &sc.silence, pcm.LevelSilence, false
			t.RawIn, t.RawCodec, t.RawPayload = t.In, 0, nil
			continue
		}
		if sc.skipped&(1<<slot) != 0 {
			t.In = nil
		}
		if f.inverted() && sc.sounding&(1<<slot) != 0 {
			t.In = &sc.raw[slot]
		}
		if f.payload != nil && len(f.processors) == 0 && t.Kind == media.Audio {
			t.Codec, t.Payload = f.payload.Payload()
		}
		f.verbatim(t)
		if !f.trust(t) {
			r.doze.wake.Store(true)
		}
		if t.Codec != media.Opus && spoken > 0 {
			t.Codec, t.Payload = media.Opus, sc.spoken[slot].buf[:spoken]
		}
		if f.raw {
			f.asItCame(t, sc)
		}
	}
	if sc.ago > 0 {
		p.dozer.TickPast(r.tick, sc.ago, p.tapped)
	} else {
		p.tap.Tick(r.tick, p.tapped)
	}
	for i := range p.feeds {
		if f := &p.feeds[i]; f.taped && len(f.processors) > 0 {
			sc.raw[f.slot] = pcm.Frame{}
		}
	}
}

// verbatim adds what the party sends, and the frame as it came where that is G.711.
func (f *feed) verbatim(t *media.Tapped) {
	t.Processed = len(f.processors) > 0
	if f.relay == nil || f.payload == nil {
		return
	}
	if t.Sent = f.relay.Codec(); t.Sent != media.PCMU && t.Sent != media.PCMA || t.Kind != media.Audio && t.Kind != media.Silence {
		return
	}
	if c, payload := f.payload.Payload(); c == t.Sent && len(payload) == pcm.Rate8k.Samples() {
		t.Samples = payload
	}
}

// inverted reports that the noise is to be heard in place of the voice: a tap still gets the voice.
func (f *feed) inverted() bool { return f.suppressor != nil && f.suppressor.Inverted() }

// asItCame adds the voice before its processors.
func (f *feed) asItCame(t *media.Tapped, sc *scratch) {
	t.RawIn, t.RawCodec, t.RawPayload = t.In, t.Codec, t.Payload
	if len(f.processors) == 0 {
		return
	}
	t.RawCodec, t.RawPayload = 0, nil
	if t.In != nil && sc.sounding&(1<<f.slot) != 0 {
		t.RawIn = &sc.raw[f.slot]
	}
	if f.payload != nil && t.Kind == media.Audio {
		t.RawCodec, t.RawPayload = f.payload.Payload()
	}
}

// carried is the codec of the packet behind the last frame, 0 where there is none of its own.
func (s *source) carried() media.Codec {
	if s.payload == nil {
		return 0
	}
	c, _ := s.payload.Payload()
	return c
}

// trust watches whether the tap could do without the decoded voice, and reports false when it no longer can. A hole
// now and then is no reason: what would be made up for it is not recorded where packets are. Two frames in a row
// without a packet of their own that are no hole are: the packets have become longer.
func (f *feed) trust(t *media.Tapped) bool {
	switch {
	case t.Kind == media.Silence && f.carried() == media.Opus && f.packets < trusted:
		f.packets++
	case t.Kind == media.Silence || t.Kind == media.Absent:
	case t.Codec == media.Opus && t.Payload != nil:
		f.missed = 0
		if f.packets < trusted {
			f.packets++
		}
	case f.packets == trusted && (f.missed < 1 || t.Kind == media.Concealed && f.missed < mistrust):
		f.missed++ // lost, or stretched to another delay
	default:
		was := f.packets
		f.packets, f.missed = 0, 0
		return was < trusted
	}
	return true
}
