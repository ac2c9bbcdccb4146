package mixer

import (
	"math/bits"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
)

// maxEars is the most ways out of a room: a mix for each member, or single voices to each from each.
const maxEars = MaxMembers * MaxMembers

// route is how a listener gets its audio.
type route uint8

const (
	routeNone    route = iota // there is nothing it could hear: silence
	routeMusic                // the engine's hold music, encoded once for all rooms of a shard
	routeMix                  // a mix
	routeForward              // one source as it is: its packets are handed on where the legs agree, else it is mixed
)

// ear is one way out of the room, as the plan has it.
type ear struct {
	*listener
	*member
	seat   int
	voice  bool // a sink for one member's voice alone, beside the member's own
	spare  bool // a member's own sink where others take the voices
	route  route
	via    *feed  // routeForward: the one source
	hears  uint32 // sources, by slot
	solo   uint32 // players during which nothing else is heard
	named  uint32 // on hold: players that replace the music
	held   bool
	own    uint32 // on hold: the slot of its own music
	reach  uint32 // every source it might ever hear under this plan
	music  *music // on hold without own music
	db     [MaxMembers]float64
	level  uint32 // sources with a gain of exactly 0 dB
	key    key
	format media.Format
}

// key says which listeners an encoder can serve if they hear the same.
type key struct {
	format   media.Format
	from, to pcm.Rate // the mix's rate and the encoder's
}

// addEars says what the member in seat i hears, as far as the scene goes, and where.
func (p *plan) addEars(sc *scene, i int) {
	m := &sc.seats[i]
	a := p.ear(sc, i, m.member.out)
	whole := a.hears
	for _, o := range m.outlets {
		j := sc.seat(o.source)
		if j < 0 {
			continue
		}
		a.hears &^= 1 << j
		v := p.ear(sc, i, o.listener)
		v.voice, v.hears, v.own, v.named, v.held = true, whole&(1<<j), 0, 0, false
		p.ears = append(p.ears, v)
	}
	a.spare = len(m.outlets) > 0
	p.ears = append(p.ears, a)
}

func (p *plan) ear(sc *scene, i int, l *listener) ear {
	m := &sc.seats[i]
	a := ear{listener: l, member: m.member, seat: i, level: ^uint32(0), format: l.sink.Format()}
	if m.deafened {
		return a
	}
	a.held = m.held
	for k, pl := range sc.players {
		named := pl.to&(1<<i) != 0
		if !named && (!pl.all || m.held) {
			continue
		}
		bit := uint32(1) << (playerSlot + k)
		if pl.exclusive {
			a.solo |= bit
		}
		if m.held {
			a.named |= bit
		} else {
			a.hears |= bit
		}
	}
	if m.held {
		if m.music != nil {
			a.own = 1 << p.slot(m.music)
		}
		return a
	}
	for j := range sc.seats {
		o, c := &sc.seats[j], sc.cells[i][j]
		if o.member == nil || o.muted || o.held || o.listenOnly || !c.on {
			continue
		}
		a.db[j] = c.db + o.db
		if a.db[j] > MinGainDB {
			a.hears |= 1 << j
		}
		if a.db[j] != 0 {
			a.level &^= 1 << j
		}
	}
	return a
}

// hear is the sources of a tick that the listener hears, and whether it hears music instead.
func (a *ear) hear(playing, open uint32) (mask uint32, music bool) {
	if only := a.solo & playing; only != 0 {
		if a.voice {
			return 0, false
		}
		return only & open, false
	}
	if a.held {
		if only := a.named & playing; only != 0 {
			return only & open, false
		}
		return a.own & playing & open, a.own == 0 && a.music != nil
	}
	return a.hears & playing & open, false
}

// carry is the highest rate a listener's codec can carry; 0 for a listener that has no codec yet.
func (a *ear) carry() pcm.Rate {
	if a.format.Codec == 0 {
		return 0
	}
	return a.format.Codec.Rate()
}

// flat is the sources that pass at exactly 0 dB.
func (l *listener) flat() uint32 {
	flat := ^uint32(0)
	for j := range l.gains {
		if !l.gains[j].Unity() {
			flat &^= 1 << j
		}
	}
	return flat
}

// compare finds out which listeners have which gains in common, and which could be forwarded to.
func (p *plan) compare() {
	p.same = make([]uint32, len(p.ears)*len(p.ears))
	for i := range p.ears {
		a := &p.ears[i]
		for k := range p.ears {
			same := ^uint32(0)
			for j := range MaxMembers {
				if a.db[j] != p.ears[k].db[j] {
					same &^= 1 << j
				}
			}
			p.same[i*len(p.ears)+k] = same
		}
		a.route = p.routeOf(a)
		if a.route == routeForward {
			p.forwards++
		}
	}
}

// level reports whether two ears hear all sources of the mask at the same gains.
func (p *plan) level(i, k int, mask uint32) bool { return mask&^p.same[i*len(p.ears)+k] == 0 }

func (p *plan) routeOf(a *ear) route {
	switch {
	case a.reach == 0:
		return routeNone
	case a.relay != nil && bits.OnesCount32(a.reach) == 1 && a.hears == a.reach && a.reach&a.level == a.reach:
		if f := p.feed(bits.TrailingZeros32(a.reach)); f.member && f.relay != nil && len(f.processors) == 0 {
			a.via = f
			return routeForward
		}
	}
	return routeMix
}
