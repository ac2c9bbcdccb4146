package mixer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// party is a fake member and the naive picture of its part in the room.
type party struct {
	*fakeLeg
	id                    string
	muted, deafened, held bool
	listenOnly            bool
	hears                 map[string]bool
	said, heard           []int16 // this tick's
	silent                bool
	relays                bool // its packets can be handed on
	sinks                 []media.RelaySink
}

// A party's packets arrive right before the tick that plays them, so that what is handed on is heard in the
// same tick as what is mixed.
func (p *party) Codec() media.Codec {
	if p.relays {
		return p.format.Codec
	}
	return 0
}

func (p *party) Relay(tick uint64, to media.RelaySink) bool {
	p.sinks = append(p.sinks, to)
	return to.BeginRelay(tick, 0)
}

func (p *party) Unrelay(to media.RelaySink) bool {
	p.sinks = slices.DeleteFunc(p.sinks, func(s media.RelaySink) bool { return s == to })
	return true
}

func (p *party) Recent([]pcm.Frame) int                     { return 0 }
func (p *party) Relays(c media.Codec, _ time.Duration) bool { return p.format.Codec == c }
func (p *party) BeginRelay(uint64, uint32) bool             { return true }
func (p *party) EndRelay(uint64) bool                       { return true }
func (p *party) RelayPacket(k *media.Packet)                { p.heard = unraw(k.Payload) }

func (p *party) Skip() media.Kind {
	var f pcm.Frame
	f.SetRate(p.rate)
	return p.ReadFrame(&f)
}

func (p *party) ReadFrame(f *pcm.Frame) media.Kind {
	kind := p.fakeLeg.ReadFrame(f)
	var buf [codec.MaxPayload]byte
	n, _ := raw{}.Encode(buf[:], f)
	for _, s := range p.sinks {
		s.RelayPacket(&media.Packet{Codec: p.format.Codec, Payload: buf[:n]})
	}
	return kind
}

// naive is what a listener must hear, added up the plain way: every sample of everybody it hears.
func naive(all []*party, l *party, n int) []int16 {
	mix := make([]int16, n)
	if l.deafened || l.held {
		return mix
	}
	for i := range mix {
		sum := 0
		for _, s := range all {
			if l.hears[s.id] && !s.muted && !s.held && !s.listenOnly && !s.silent {
				sum += int(s.said[i])
			}
		}
		mix[i] = int16(sum)
	}
	return mix
}

// TestMixIsExact runs random rooms through random commands and compares every sample that every listener
// gets with the naive sum. Voices are loud, so that no gate closes, and their sum stays below the limiter.
func TestMixIsExact(t *testing.T) {
	var forwarded uint64
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { forwarded += exact(t, rand.New(rand.NewPCG(seed, 1))) })
	}
	if forwarded < 100 {
		t.Errorf("only %d frames were forwarded", forwarded)
	}
}

func exact(t *testing.T, rnd *rand.Rand) (forwarded uint64) {
	h := byHand(t, rawConfig())
	r := h.open("r")
	rate, format := pcm.Rate8k, media.Format{Codec: media.PCMU}
	if rnd.IntN(2) == 0 {
		rate, format = pcm.Rate16k, media.Format{Codec: media.G722}
	}
	var all []*party
	joined := 0
	join := func() (Command, func()) {
		p := &party{fakeLeg: &fakeLeg{rate: rate, format: format}, id: fmt.Sprintf("m%d", joined), hears: map[string]bool{}}
		joined++
		p.silent = rnd.IntN(4) == 0
		p.listenOnly = rnd.IntN(6) == 0
		p.relays = rnd.IntN(2) == 0
		p.say = func(f *pcm.Frame) media.Kind {
			p.said = make([]int16, f.Rate().Samples())
			if p.silent {
				f.Reset(f.Rate())
				return media.Silence
			}
			for i := range p.said {
				p.said[i] = int16(rnd.Uint32()>>20) - 2048
			}
			copy(f.Samples(), p.said)
			return media.Audio
		}
		p.hear = func(o media.OutFrame) {
			if len(o.Payload) > 0 {
				p.heard = unraw(o.Payload)
			}
		}
		return Join{ID: p.id, Leg: p, ListenOnly: p.listenOnly}, func() {
			for _, o := range all {
				o.hears[p.id], p.hears[o.id] = true, true
			}
			all = append(all, p)
		}
	}
	command := func() (Command, func()) {
		if len(all) < 2 || len(all) < MaxMembers && rnd.IntN(4) == 0 {
			return join()
		}
		p, o, on := all[rnd.IntN(len(all))], all[rnd.IntN(len(all))], rnd.IntN(2) == 0
		switch rnd.IntN(6) {
		case 0:
			return Leave{ID: p.id}, func() { all = slices.DeleteFunc(all, func(o *party) bool { return o == p }) }
		case 1:
			return Mute{ID: p.id, On: on}, func() { p.muted = on }
		case 2:
			return Deafen{ID: p.id, On: on}, func() { p.deafened = on }
		case 3:
			return Hold{ID: p.id, On: on}, func() { p.held = on }
		default:
			return Hear{Listener: p.id, Source: o.id, Off: !on}, func() { p.hears[o.id] = on }
		}
	}
	for tick := range 90 {
		for _, p := range all {
			p.heard = nil
		}
		if tick%3 == 0 {
			var cmds []Command
			for range 1 + rnd.IntN(3) {
				c, do := command()
				cmds = append(cmds, c)
				do()
			}
			h.do(r, cmds...)
		}
		h.ticks(1)
		for _, p := range all {
			want := naive(all, p, rate.Samples())
			if !slices.Equal(p.heard, want) {
				t.Fatalf("tick %d: %s does not hear the sum of what it should:\n got %v\nwant %v\n%s", tick, p.id,
					p.heard[:min(8, len(p.heard))], want[:8], r)
			}
		}
	}
	return h.e.Stats().Forwarded
}

// TestLoudMixIsLimited: eight voices at full scale neither wrap around nor leave the limiter stuck.
func TestLoudMixIsLimited(t *testing.T) {
	h := byHand(t, rawConfig())
	r := h.open("r")
	loud := true
	var heard []int16
	for i := range MaxMembers {
		l := &fakeLeg{rate: pcm.Rate8k, format: media.Format{Codec: media.PCMU}}
		l.say = func(f *pcm.Frame) media.Kind {
			for i := range f.Samples() {
				f.Samples()[i] = 500
				if loud {
					f.Samples()[i] = 32767
				}
			}
			return media.Audio
		}
		if i == 0 {
			l.hear = func(o media.OutFrame) { heard = unraw(o.Payload) }
		}
		h.do(r, Join{ID: fmt.Sprint(i), Leg: l})
	}
	for range 10 {
		h.ticks(1)
		if lowest := slices.Min(heard); lowest < 20000 {
			t.Fatalf("a sum of loud voices came out as %d", lowest)
		}
	}
	loud = false
	h.ticks(50)
	if lowest, highest := slices.Min(heard), slices.Max(heard); lowest != 7*500 || highest != 7*500 {
		t.Errorf("a second after the loud passage the sum is %d to %d, want 3500", lowest, highest)
	}
}

// TestGain: cell and member gains add up, in decibels.
func TestGain(t *testing.T) {
	h := byHand(t, rawConfig())
	var heard []int16
	a := &fakeLeg{rate: pcm.Rate8k, format: media.Format{Codec: media.PCMU}, say: constant(1000)}
	b := &fakeLeg{rate: pcm.Rate8k, format: media.Format{Codec: media.PCMU}}
	b.hear = func(o media.OutFrame) { heard = unraw(o.Payload) }
	r := h.open("r", Join{ID: "a", Leg: a}, Join{ID: "b", Leg: b})
	for _, c := range []struct {
		cell, member float64
		want         int16
	}{{0, 0, 1000}, {-6.0206, 0, 500}, {0, 6.0206, 2000}, {-6.0206, 6.0206, 1000}, {20, 0, 10000}, {20, 20, 29204}, {MinGainDB, 0, 0}, {0, 0, 1000}} {
		h.do(r, Hear{Listener: "b", Source: "a", GainDB: c.cell}, Gain{ID: "a", DB: c.member})
		h.ticks(30)
		if got := heard[len(heard)-1]; got < c.want-1 || got > c.want+1 {
			t.Errorf("cell %v dB, member %v dB: 1000 becomes %d, want %d", c.cell, c.member, got, c.want)
		}
	}
	for _, bad := range []Command{Gain{ID: "a", DB: 21}, Hear{Listener: "b", Source: "a", GainDB: 20.5}} {
		if err := h.try(r, bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// constant is a voice of one value; 1000 is -30 dBov.
func constant(v int16) func(*pcm.Frame) media.Kind {
	return func(f *pcm.Frame) media.Kind {
		for i := range f.Samples() {
			f.Samples()[i] = v
		}
		return media.Audio
	}
}
