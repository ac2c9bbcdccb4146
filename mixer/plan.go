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
	feeds    []feed
	ears     []ear
	same     []uint32 // by ear and ear: sources that have the same gain in both
	forwards int      // ears that may be forwarded to
	stock    []stocked
	calm     bool // the room may doze
	tap      Tap
	dozer    DozingTap      // the tap, where it can do without ticks
	tapped   []media.Tapped // scratch for the tap, one entry for each member

	// What install does between two ticks, and gives back.
	reuse   []reuse
	release []*stream
	fresh   []codec.Encoder // made for this plan, given back if it is never installed
}

// feed is one source to read.
type feed struct {
	*source
	slot       int
	rate       pcm.Rate // to read at
	wanted     bool     // somebody may hear or record it; otherwise it is skipped
	taped      bool     // it is recorded
	raw        bool     // and as it was before its processors, too
	processors []Processor
	shedders   []Shedder  // those of the processors that can do less
	suppressor Suppressor // of the processors; nil: none, or idle
	dormant    Suppressor // the member's, while it is idle
	member     bool
	muted      bool
	held       bool
	aside      bool // a held or listening party: nobody hears it and nobody keeps what it says
}

// build derives a plan from a scene. old is the plan before it, whose encoders live on where they fit; it
// is not changed. The caller holds the room's lock.
func build(e *Engine, s *shard, sc *scene, old *plan) (*plan, error) {
	p := &plan{tap: sc.tap}
	p.dozer, _ = sc.tap.(DozingTap)
	p.addFeeds(sc)
	for i := range sc.seats {
		if sc.seats[i].member != nil {
			p.addEars(sc, i)
		}
	}
	for i := range p.ears {
		a := &p.ears[i]
		a.reach = a.hears | a.solo | a.named | a.own
		if a.voice && a.hears == 0 {
			a.reach = 0
		}
	}
	p.rates()
	p.compare()
	p.calm = p.calms()
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
		f := feed{
			source: m.member.in, slot: i, processors: m.processors,
			member: true, muted: m.muted || m.listenOnly, held: m.held, aside: m.held || m.listenOnly,
		}
		f.taped = sc.tap != nil && !f.aside
		f.raw = f.taped && sc.raw
		if s := m.suppressor; s != nil && s.Idle() {
			f.dormant = s
			f.shedders = append(f.shedders, s)
		} else if s != nil {
			f.suppressor = s
			f.processors = append(slices.Clone(f.processors), s)
		}
		if m.agc != nil {
			f.processors = append(slices.Clone(f.processors), m.agc)
		}
		for _, pr := range f.processors {
			if s, ok := pr.(Shedder); ok {
				f.shedders = append(f.shedders, s)
			}
		}
		p.feeds = append(p.feeds, f)
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

// slot finds the slot of a source, or -1. Hold music may be that of several members.
func (p *plan) slot(s *source) int {
	for i := range p.feeds {
		if p.feeds[i].source == s {
			return p.feeds[i].slot
		}
	}
	return -1
}

// feed is what is in a slot, nil where nothing is.
func (p *plan) feed(slot int) *feed {
	for i := range p.feeds {
		if p.feeds[i].slot == slot {
			return &p.feeds[i]
		}
	}
	return nil
}

// at is the source in a slot, nil where there is none.
func (p *plan) at(slot int) *source {
	if f := p.feed(slot); f != nil {
		return f.source
	}
	return nil
}

// rates decides the rate of every source: the highest that a source really carries and one of its listeners
// can hear. Sources heard in one mix have one rate, so it spreads over all that hang together; two parties
// that only hear each other do not, and each direction has its own. A tap that cannot take the payload as
// it came counts as a listener that hears everything.
func (p *plan) rates() {
	var rate [maxSources]pcm.Rate
	for i := range p.feeds {
		f := &p.feeds[i]
		if f.taped && (f.payload == nil || len(f.processors) > 0) {
			rate[f.slot] = f.source.rate()
		}
		f.wanted = f.taped
		for k := range p.ears {
			if a := &p.ears[k]; a.reach&(1<<f.slot) != 0 {
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
			for m := a.reach; m != 0; m &= m - 1 {
				a.key.from = max(a.key.from, rate[bits.TrailingZeros32(m)])
			}
			for m := a.reach; m != 0; m &= m - 1 {
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

// install puts the plan in place of the room's old one. The shard calls it between two ticks.
func (p *plan) install(r *Room, e *Engine) {
	for _, u := range p.reuse {
		if err := u.stream.encoder.Configure(u.format); err != nil {
			r.shard.encodeErrors.Add(1)
		}
		if old := u.stream.resampler; old != nil {
			old.Reset(old.From(), old.To())
		}
		u.stream.resampler, u.stream.effort = u.resampler, 0
	}
	for i := range p.ears {
		a := &p.ears[i]
		known := r.plan.serves(a.listener)
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
	for i := range r.plan.ears {
		l := r.plan.ears[i].listener
		if f, ok := l.sink.(media.Forgetter); ok && !p.serves(l) {
			f.Forget()
		}
		if from := l.from.Load(); from != nil && (!p.serves(l) || p.slot(from) < 0) {
			l.detach(r.tick + 1)
		}
	}
	for i := range r.plan.feeds {
		if f := &r.plan.feeds[i]; f.member && p.slot(f.source) < 0 {
			f.seat(false)
		}
	}
	if d := r.plan.dozer; d != nil && r.plan.tap != p.tap {
		d.Doze(nil)
	}
	seats := 0
	for i := range p.feeds {
		f := &p.feeds[i]
		if !f.member {
			continue
		}
		seats++
		f.seat(!e.cfg.NoPoll)
		if r.shed {
			f.shed(true)
		}
	}
	for _, s := range p.release {
		e.cfg.PutEncoder(s.encoder)
	}
	r.retired = append(r.retired, p.release...) // a listener that moves on may still want what they heard
	r.shard.seats.Add(int64(seats - r.seats))
	r.seats = seats
	p.reuse, p.release, p.fresh = nil, nil, nil
	r.plan, r.asked = p, false
}

// serves reports whether the plan has an ear for the listener.
func (p *plan) serves(l *listener) bool {
	return slices.ContainsFunc(p.ears, func(a ear) bool { return a.listener == l })
}

// shed tells the feed's processors to do less, or again as much as they can.
func (f *feed) shed(on bool) {
	for _, s := range f.shedders {
		s.Shed(on)
	}
}

// discard gives back what was made for a plan that is not going to be installed.
func (p *plan) discard(e *Engine) {
	for _, enc := range p.fresh {
		e.cfg.PutEncoder(enc)
	}
	p.fresh = nil
}
