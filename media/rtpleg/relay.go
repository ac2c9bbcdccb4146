package rtpleg

import (
	"time"

	"github.com/cordboard/cordboard/media"
)

var (
	_ media.RelaySource = (*Leg)(nil)
	_ media.RelaySink   = (*Leg)(nil)
)

// gate keeps a party's packets from a listener while the party is not to be heard: a re-INVITE may say so
// in the middle of a relay.
type gate struct {
	media.RelaySink
	from *Leg
}

func (g *gate) RelayPacket(p *media.Packet) {
	if len(p.Payload) == 0 || g.from.session.Load().Direction.receives() {
		g.RelaySink.RelayPacket(p)
	}
}

// Codec implements media.RelaySource.
func (l *Leg) Codec() media.Codec { return l.rx.Codec() }

// Relay implements media.RelaySource. Packets are handed on by whoever reads the port: a loop, or the
// shard itself where the leg is polled, a tick late.
func (l *Leg) Relay(tick uint64, to media.RelaySink) bool {
	if !l.session.Load().Direction.receives() {
		return false
	}
	g := &gate{to, l}
	if !l.rx.Relay(tick, g) {
		return false
	}
	l.gates = append(l.gates, g)
	return true
}

// Unrelay implements media.RelaySource.
func (l *Leg) Unrelay(to media.RelaySink) bool {
	for i, g := range l.gates {
		if g.RelaySink != to {
			continue
		}
		if !l.rx.Unrelay(g) {
			return false
		}
		l.gates = append(l.gates[:i], l.gates[i+1:]...)
		break
	}
	return true
}

// Relays implements media.RelaySink: nothing to a party that is to hear nothing.
func (l *Leg) Relays(c media.Codec, duration time.Duration) bool {
	return l.session.Load().Direction.sends() && l.tx.Relays(c, duration)
}

// BeginRelay implements media.RelaySink.
func (l *Leg) BeginRelay(tick uint64, ts uint32) bool { return l.tx.BeginRelay(tick, ts) }

// RelayPacket implements media.RelaySink. A party that is to hear nothing (RecvOnly, Inactive) is sent
// nothing.
func (l *Leg) RelayPacket(p *media.Packet) {
	if len(p.Payload) == 0 || l.session.Load().Direction.sends() {
		l.tx.RelayPacket(p)
	}
}

// EndRelay implements media.RelaySink.
func (l *Leg) EndRelay(tick uint64) bool { return l.tx.EndRelay(tick) }
