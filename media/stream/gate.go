package stream

import (
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/jitter"
	"github.com/cordboard/cordboard/media/pcm"
)

const (
	// gateLevel in -dBov: a party this quiet or quieter is not heard by the mixer (its default gate).
	gateLevel = 65
	// gateAfter is how long a party must have been that quiet before its packets are no longer decoded,
	// gateAgain how long after a sign of sound that turned out to be nothing.
	gateAfter = 300 * time.Millisecond
	gateAgain = 60 * time.Millisecond
	// Of the packets behind a closed gate some are decoded all the same, to see whether the signs tell
	// the truth: every probeSoon-th in the first second, every probeLater-th from then on.
	probeSoon  = 5
	probeLater = 20
	probeShy   = 50
	// doubtLevel in -dBov: a party that says it is silent and is this loud is not believed again.
	doubtLevel = 50
	// emptyCELT is the length up to which a CELT packet of 20 ms holds digital silence (7 bytes at most
	// from libopus with a variable bitrate).
	emptyCELT = 8
)

// gate decides which packets of a party need not be decoded, since they hold nothing that anybody would
// hear. It goes by what a packet shows from outside:
//
//   - its RFC 6464 level, where it has one;
//   - the voice activity flag in front of a SILK or hybrid packet (RFC 6716 section 4.2.3). On 100 s of
//     prompts over a noise of +-4 units it is off in 98 to 99 % of the quiet packets;
//     A calm packet that is longer than those before it is decoded to be sure;
//   - the length of a CELT packet, which tells digital silence from anything else and no more: with a
//     variable bitrate CELT spends as many bytes on a noise at -80 dBov as on speech, and so CELT
//     without a level is decoded.
//
// The gate closes after a while of decoded quiet and opens with the first sign of sound, which may be in a
// packet that still waits in the jitter buffer; a probe now and then makes sure.
type gate struct {
	off      bool
	closed   bool
	doubted  bool          // the party's levels are not true
	quiet    time.Duration // how long it has been quiet
	after    time.Duration // how long it must be
	since    int           // packets since one was decoded
	probes   int           // since the gate closed
	probing  bool          // the packet that is let through now is a probe
	size     float32       // of a calm packet, on average
	toc      byte          // of the packets that was taken of
	declared sign          // what the last packet said by itself, unknown where it said nothing
}

// sign is what a packet shows.
type sign uint8

const (
	unknown sign = iota
	calm
	sound
)

func (g *gate) sign(it *jitter.Item) sign {
	if it.Level != noLevel && !g.doubted {
		if it.Level >= gateLevel {
			return calm
		}
		return sound
	}
	if media.Codec(it.PT) != media.Opus || len(it.Payload) < 2 || it.Payload[0]&3 != 0 {
		return unknown
	}
	toc := it.Payload[0]
	if toc >= 16<<3 {
		if len(it.Payload) <= emptyCELT {
			return calm
		}
		return sound
	}
	frames := 1
	if toc>>3 < 12 {
		frames = max(int(toc>>3&3), 1)
	}
	if it.Payload[1]>>(8-frames) != 0 {
		return sound
	}
	return calm
}

// shut reports whether the packet need not be decoded. ahead is the packet behind it, where it is there.
func (g *gate) shut(it, ahead *jitter.Item) bool {
	g.probing = false
	if g.off {
		return false
	}
	now := g.sign(it)
	g.declared = unknown
	if it.Level != noLevel && !g.doubted {
		g.declared = now
	}
	if now != calm || ahead != nil && g.sign(ahead) == sound {
		if g.closed {
			g.closed, g.quiet, g.after = false, 0, gateAgain
		}
		return false
	}
	grown := g.grown(it)
	if !g.closed {
		if g.quiet < g.after {
			return false
		}
		g.closed, g.since, g.probes = true, 0, 0
	}
	every := probeSoon
	switch {
	case grown:
		every = 0
	case g.declared == calm:
		every = probeShy
	case g.probes >= int(time.Second/pcm.Period)/probeSoon:
		every = probeLater
	}
	if g.since++; g.since < every {
		return true
	}
	g.since = 0
	g.probes++
	g.probing = true
	return false
}

// grown reports whether a packet that seems calm is longer than such packets have been, which is how a soft
// beginning shows before the encoder calls it voice.
func (g *gate) grown(it *jitter.Item) bool {
	if g.declared != unknown || len(it.Payload) == 0 {
		return false
	}
	if g.toc != it.Payload[0] {
		g.toc, g.size = it.Payload[0], 0
	}
	n := float32(len(it.Payload))
	if g.size == 0 {
		g.size = n
	}
	grown := n > g.size*1.1+0.5
	g.size += (n - g.size) / 16
	return grown
}

// heard takes the level of a packet that was decoded. It reports false where a probe found that the gate
// should have been open.
func (g *gate) heard(level uint8, d time.Duration) bool {
	switch {
	case g.declared == sound:
		level = 0
	case g.declared == calm && g.probing && level < doubtLevel:
		g.doubted = true
	case g.declared == calm:
		level = gateLevel
	}
	if level >= gateLevel {
		g.quiet += d
		return true
	}
	g.quiet, g.after = 0, gateAfter
	was := g.closed
	g.closed = false
	return !was
}
