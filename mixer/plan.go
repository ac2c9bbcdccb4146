package mixer

import (
	"math/bits"
	"slices"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// Every source has a slot in a tick's masks and scratch: members by seat, then players, then hold music.
const (
	playerSlot = MaxMembers
	musicSlot  = playerSlot + MaxPlayers
	maxSources = musicSlot + MaxMembers
)

// plan is everything a tick has to do, decided. But for the runtime state it points to it is not changed
// after it was built.
type plan struct {
	feeds   []feed
	ears    []ear
	stock   []stocked
	tap     Tap
	tapped  []media.Tapped // scratch for the tap, one entry for each member
	silence pcm.Frame

	// What install does between two ticks, and gives back.
	reuse   []reuse
	release []codec.Encoder
	fresh   []codec.Encoder // made for this plan, given back if it is never installed
}

// feed is one source to read.
type feed struct {
	*source
	slot       int
	rate       pcm.Rate // to read at
	wanted     bool     // somebody hears or records it; otherwise it is skipped
	processors []Processor
	member     bool
	muted      bool
	held       bool
	aside      bool // a held or listening party: nobody hears it and nobody keeps what it says
}

// route is how a listener gets its audio.
type route uint8

const (
	routeNone    route = iota // there is nothing it could hear: silence
	routeMusic                // the engine's hold music, encoded once for all rooms of a shard
	routeMix                  // a mix
	routeForward              // a mix that is one source as it is: its packets could be sent on instead
)

// ear is one member as a listener.
type ear struct {
	*member
	seat   int
	route  route
	via    int    // routeForward: the seat of the one source
	hears  uint32 // sources, by slot
	solo   uint32 // players during which nothing else is heard
	named  uint32 // on hold: players that replace the music
	held   bool
	own    uint32 // on hold: the slot of its own music
	music  *music // on hold without own music
	db     [MaxMembers]float64
	level  uint32             // sources with a gain of exactly 0 dB
	same   [MaxMembers]uint32 // by ear: sources that have the same gain there
	key    key
	format media.Format
}

// key says which listeners an encoder can serve if they hear the same.
type key struct {
	format   media.Format
	from, to pcm.Rate // the mix's rate and the encoder's
}

type stocked struct {
	key key
	*stream
}

// reuse is an encoder that goes on with other settings.
type reuse struct {
	stream    *stream
	format    media.Format
	resampler *pcm.Resampler
}

// build derives a plan from a scene. old is the plan before it, whose encoders live on where they fit; it
// is not changed. The caller holds the room's lock.
func build(e *Engine, s *shard, sc *scene, old *plan) (*plan, error) {
	p := &plan{tap: sc.tap}
	p.silence.Reset(pcm.Rate48k)
	p.addFeeds(sc)
	for i := range sc.seats {
		if m := &sc.seats[i]; m.member != nil {
			p.ears = append(p.ears, p.ear(sc, i))
		}
	}
	p.rates(sc.tap != nil)
	p.compare()
	if err := p.equip(e, s, old); err != nil {
		p.discard(e)
		return nil, err
	}
	return p, nil
}

func (p *plan) addFeeds(sc *scene) {
	for i := range sc.seats {
		m := &sc.seats[i]
		if m.member == nil {
			continue
		}
		p.feeds = append(p.feeds, feed{
			source: m.member.in, slot: i, processors: m.processors,
			member: true, muted: m.muted || m.listenOnly, held: m.held, aside: m.held || m.listenOnly,
		})
		p.tapped = append(p.tapped, media.Tapped{Member: m.member.in.id})
	}
	for i, pl := range sc.players {
		p.feeds = append(p.feeds, feed{source: pl.source, slot: playerSlot + i})
	}
	for i := range sc.seats {
		if m := sc.seats[i].music; m != nil && p.slot(m) < 0 {
			p.feeds = append(p.feeds, feed{source: m, slot: musicSlot + i})
		}
	}
}

// slot finds the slot of hold music that several members may hear together, or -1.
func (p *plan) slot(s *source) int {
	for i := range p.feeds {
		if p.feeds[i].source == s {
			return p.feeds[i].slot
		}
	}
	return -1
}

// at is the source in a slot, nil where there is none.
func (p *plan) at(slot int) *source {
	for i := range p.feeds {
		if p.feeds[i].slot == slot {
			return p.feeds[i].source
		}
	}
	return nil
}

// ear says what the member in seat i hears, as far as the scene goes.
func (p *plan) ear(sc *scene, i int) ear {
	m := &sc.seats[i]
	a := ear{member: m.member, seat: i, level: ^uint32(0), via: -1, format: m.member.leg.Format()}
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

// reach is every source the listener might ever hear under this plan.
func (a *ear) reach() uint32 { return a.hears | a.solo | a.named | a.own }

// carry is the highest rate a listener's codec can carry; 0 for a listener that has no codec yet.
func (a *ear) carry() pcm.Rate {
	if a.format.Codec == 0 {
		return 0
	}
	return a.format.Codec.Rate()
}

// rates decides the rate of every source: the highest that a source really carries and one of its listeners
// can hear. Sources heard in one mix have one rate, so it spreads over all that hang together; two parties
// that only hear each other do not, and each direction has its own. A tap that cannot take the payload as
// it came counts as a listener that hears everything.
func (p *plan) rates(tap bool) {
	var rate [maxSources]pcm.Rate
	for i := range p.feeds {
		f := &p.feeds[i]
		recorded := tap && f.member && !f.aside
		if recorded && (f.payload == nil || len(f.processors) > 0) {
			rate[f.slot] = f.source.rate()
		}
		f.wanted = recorded
		for k := range p.ears {
			if a := &p.ears[k]; a.reach()&(1<<f.slot) != 0 {
				f.wanted = true
				rate[f.slot] = max(rate[f.slot], min(f.source.rate(), a.carry()))
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for k := range p.ears {
			a := &p.ears[k]
			a.key.from = 0
			for m := a.reach(); m != 0; m &= m - 1 {
				a.key.from = max(a.key.from, rate[bits.TrailingZeros32(m)])
			}
			for m := a.reach(); m != 0; m &= m - 1 {
				if r := &rate[bits.TrailingZeros32(m)]; *r != a.key.from {
					*r, changed = a.key.from, true
				}
			}
		}
	}
	for i := range p.feeds {
		f := &p.feeds[i]
		f.rate = rate[f.slot]
		switch {
		case f.rate != 0:
		case f.wanted:
			f.rate = f.source.rate()
		default:
			f.rate = pcm.Rate8k
		}
	}
}

// compare finds out which listeners have which gains in common, and which could be forwarded to.
func (p *plan) compare() {
	for i := range p.ears {
		a := &p.ears[i]
		for k := range p.ears {
			b := &p.ears[k]
			a.same[k] = ^uint32(0)
			for j := range MaxMembers {
				if a.db[j] != b.db[j] {
					a.same[k] &^= 1 << j
				}
			}
		}
		a.route = p.routeOf(a)
	}
}

func (p *plan) routeOf(a *ear) route {
	switch reach := a.reach(); {
	case reach == 0:
		return routeNone
	case bits.OnesCount32(reach) == 1 && a.hears == reach && reach&a.level == reach:
		slot := bits.TrailingZeros32(reach)
		i := slices.IndexFunc(p.feeds, func(f feed) bool { return f.slot == slot })
		if f := &p.feeds[i]; f.member && f.payload != nil && len(f.processors) == 0 {
			a.via = slot
			return routeForward
		}
	}
	return routeMix
}

// equip finds every listener an encoder: the one it hears now if that need not change, else the one it
// hears with other settings, else any of the old plan's, else a new one. There are as many for each key as
// listeners, since each of them may come to hear something else.
func (p *plan) equip(e *Engine, s *shard, old *plan) error {
	need := make([]*ear, 0, MaxMembers)
	for i := range p.ears {
		a := &p.ears[i]
		if a.format.Codec == 0 {
			continue
		}
		if a.held && a.own == 0 {
			var err error
			if a.music, err = s.musicFor(e, a.format.Codec); err != nil {
				return err
			}
			if a.music != nil && a.route == routeNone {
				a.route = routeMusic
			}
		}
		if a.reach() == 0 {
			continue
		}
		a.key.format, a.key.to = a.format, a.format.Codec.Rate()
		if a.format.Codec == media.Opus {
			a.key.to = a.key.from
		}
		need = append(need, a)
	}
	left := slices.Clone(old.stock)
	claim := func(fits func(a *ear, o stocked) bool) {
		need = slices.DeleteFunc(need, func(a *ear) bool {
			k := slices.IndexFunc(left, func(o stocked) bool { return fits(a, o) })
			if k < 0 {
				return false
			}
			p.take(a.key, left[k])
			left = slices.Delete(left, k, k+1)
			return true
		})
	}
	claim(func(a *ear, o stocked) bool { return o.key == a.key && o.stream == a.stream.Load() })
	claim(func(a *ear, o stocked) bool {
		return o.key.format.Codec == a.key.format.Codec && o.stream == a.stream.Load()
	})
	claim(func(a *ear, o stocked) bool { return o.key == a.key })
	claim(func(a *ear, o stocked) bool { return o.key.format.Codec == a.key.format.Codec })
	for _, o := range left {
		p.release = append(p.release, o.encoder)
	}
	for _, a := range need {
		enc, err := e.cfg.NewEncoder(a.key.format, a.key.to)
		if err != nil {
			return err
		}
		p.fresh = append(p.fresh, enc)
		p.stock = append(p.stock, stocked{key: a.key, stream: &stream{encoder: enc, resampler: a.key.resampler()}})
	}
	return nil
}

// take puts an encoder of the old plan to work for a key, with other settings if need be.
func (p *plan) take(k key, o stocked) {
	p.stock = append(p.stock, stocked{key: k, stream: o.stream})
	if o.key != k {
		p.reuse = append(p.reuse, reuse{stream: o.stream, format: k.format, resampler: k.resampler()})
	}
}

// resampler makes what stands between the mix and the encoder, nil where their rates are the same.
func (k key) resampler() *pcm.Resampler {
	if k.from == k.to {
		return nil
	}
	return pcm.NewResampler(k.from, k.to)
}

// install puts the plan in place of the room's old one. The shard calls it between two ticks.
func (p *plan) install(r *Room, e *Engine) {
	for _, u := range p.reuse {
		if err := u.stream.encoder.Configure(u.format); err != nil {
			r.shard.encodeErrors.Add(1)
		}
		u.stream.resampler = u.resampler
	}
	for i := range p.ears {
		a := &p.ears[i]
		known := slices.ContainsFunc(r.plan.ears, func(o ear) bool { return o.member == a.member })
		for j, db := range a.db {
			switch {
			case a.hears&(1<<j) == 0:
			case known && r.plan.at(j) == p.at(j):
				a.gains[j].Set(db)
			default: // a voice that is new to the listener begins as loud as it should be
				a.gains[j].Jump(db)
			}
		}
	}
	for _, enc := range p.release {
		e.cfg.PutEncoder(enc)
	}
	r.shard.seats.Add(int64(len(p.ears) - len(r.plan.ears)))
	p.reuse, p.release, p.fresh = nil, nil, nil
	r.plan, r.asked = p, false
}

// discard gives back what was made for a plan that is not going to be installed.
func (p *plan) discard(e *Engine) {
	for _, enc := range p.fresh {
		e.cfg.PutEncoder(enc)
	}
	p.fresh = nil
}
