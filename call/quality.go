package call

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/quality"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	// keepSeconds is how much of a leg's quality can be read: five minutes.
	keepSeconds = 300
	// tellEvery is how many seconds lie between two leg.quality events of a leg whose quality stays.
	tellEvery = 5
	// dropMOS is the MOS below which a leg is degraded, recoverMOS the one from which on it is not any more.
	// Between them nothing changes, so that a leg on the edge does not flood the events.
	dropMOS    = 3.5
	recoverMOS = 3.6
)

// gauge measures one leg, second by second. Its ring keeps numbers of 16 bits, 7 kB for five minutes.
type gauge struct {
	id    string
	media media.Leg

	mu       sync.Mutex // guards all below; held for microseconds
	prev     media.Stats
	last     time.Time // of the newest second
	ring     []packed
	at       int // where the next second goes once the ring is full
	sum      tally
	degraded bool
	forwards bool // at the last second
	told     int  // seconds since the last event
}

func newGauge(id string, m media.Leg, now time.Time) *gauge {
	return &gauge{id: id, media: m, prev: m.Stats(), last: now}
}

// packed is a quality.Second: percents in hundredths, times in tenths of a millisecond, MOS in thousandths.
type packed struct {
	lossIn, lossOut, late, concealed                          uint16
	jitterIn, jitterOut, roundTrip, buffer, delayIn, delayOut uint16
	mosIn, mosOut                                             uint16
	after                                                     uint16 // tenths of a second since the one before
}

func pack(q quality.Second, after time.Duration) packed {
	u := func(v float64) uint16 { return uint16(math.Round(min(max(v, 0), math.MaxUint16))) }
	d := func(t time.Duration) uint16 { return u(float64(t) / float64(100*time.Microsecond)) }
	return packed{
		lossIn: u(q.LossIn * 100), lossOut: u(q.LossOut * 100), late: u(q.Discard * 100), concealed: u(q.Concealed * 100),
		jitterIn: d(q.JitterIn), jitterOut: d(q.JitterOut), roundTrip: d(q.RoundTrip), buffer: d(q.Buffer),
		delayIn: d(q.DelayIn), delayOut: d(q.DelayOut), mosIn: u(q.MOSIn * 1000), mosOut: u(q.MOSOut * 1000),
		after: u(float64(after) / float64(100*time.Millisecond)),
	}
}

func (p packed) wire(at time.Time) wire.Quality {
	return wire.Quality{
		Time: at.UTC().Truncate(time.Millisecond), LossInPercent: float64(p.lossIn) / 100, LossOutPercent: float64(p.lossOut) / 100,
		LatePercent: float64(p.late) / 100, ConcealedPercent: float64(p.concealed) / 100,
		JitterInMS: float64(p.jitterIn) / 10, JitterOutMS: float64(p.jitterOut) / 10, RoundTripMS: float64(p.roundTrip) / 10,
		BufferMS: float64(p.buffer) / 10, DelayInMS: float64(p.delayIn) / 10, DelayOutMS: float64(p.delayOut) / 10,
		MOSIn: float64(p.mosIn) / 1000, MOSOut: float64(p.mosOut) / 1000,
	}
}

// worse is the MOS of a second: the lower one of the directions that are known, 0 when none is.
func worse(q quality.Second) float64 {
	switch {
	case q.MOSIn == 0:
		return q.MOSOut
	case q.MOSOut == 0:
		return q.MOSIn
	}
	return min(q.MOSIn, q.MOSOut)
}

// tally sums seconds up.
type tally struct {
	seconds, drops             int
	mos, lossIn, lossOut, made float64 // sums
	mosMin                     float64
	jitter, roundTrip          time.Duration // the most
}

func (t *tally) add(q quality.Second) {
	mos := worse(q)
	if mos == 0 {
		return
	}
	if t.seconds == 0 || mos < t.mosMin {
		t.mosMin = mos
	}
	t.seconds++
	t.mos, t.lossIn, t.lossOut, t.made = t.mos+mos, t.lossIn+q.LossIn, t.lossOut+q.LossOut, t.made+q.Concealed
	t.jitter, t.roundTrip = max(t.jitter, q.JitterIn, q.JitterOut), max(t.roundTrip, q.RoundTrip)
}

func (t *tally) join(o tally) {
	if o.seconds == 0 {
		return
	}
	if t.seconds == 0 || o.mosMin < t.mosMin {
		t.mosMin = o.mosMin
	}
	t.seconds, t.drops = t.seconds+o.seconds, t.drops+o.drops
	t.mos, t.lossIn, t.lossOut, t.made = t.mos+o.mos, t.lossIn+o.lossIn, t.lossOut+o.lossOut, t.made+o.made
	t.jitter, t.roundTrip = max(t.jitter, o.jitter), max(t.roundTrip, o.roundTrip)
}

func (t *tally) wire() wire.QualitySummary {
	n := float64(max(t.seconds, 1))
	round := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	return wire.QualitySummary{
		Seconds: t.seconds, MOSMin: round(t.mosMin), MOSAvg: round(t.mos / n), LossInPercent: round(t.lossIn / n),
		LossOutPercent: round(t.lossOut / n), ConcealedPercent: round(t.made / n), JitterMaxMS: round(milliseconds(t.jitter)),
		RoundTripMaxMS: round(milliseconds(t.roundTrip)), Drops: t.drops,
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// change is what a second means for those who watch.
type change struct {
	tell      bool // an event is due
	dropped   bool
	recovered bool
	forwarded bool // packets are handed on to the leg since this second,
	mixed     bool // or are not any more
	mos       float64
}

// sample measures the time since the last call.
func (g *gauge) sample(now time.Time) (quality.Second, change) {
	s := g.media.Stats()
	codec := g.media.Format().Codec
	g.mu.Lock()
	defer g.mu.Unlock()
	d := now.Sub(g.last)
	q := quality.Between(g.prev, s, codec, d)
	g.prev, g.last = s, now
	p := pack(q, d)
	if len(g.ring) < keepSeconds {
		g.ring = append(g.ring, p)
	} else {
		g.ring[g.at] = p
		g.at = (g.at + 1) % keepSeconds
	}
	g.sum.add(q)
	c := change{mos: worse(q)}
	switch {
	case c.mos == 0:
	case !g.degraded && c.mos < dropMOS:
		g.degraded, c.dropped = true, true
		g.sum.drops++
	case g.degraded && c.mos >= recoverMOS:
		g.degraded, c.recovered = false, true
	}
	c.forwarded, c.mixed = s.Forwarded && !g.forwards, !s.Forwarded && g.forwards
	g.forwards = s.Forwarded
	g.told++
	if g.told >= tellEvery || c.dropped || c.recovered || c.forwarded || c.mixed {
		g.told, c.tell = 0, true
	}
	return q, c
}

// newest is the last second, the sum and whether the leg is degraded.
func (g *gauge) newest() (*wire.Quality, *wire.QualitySummary, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.ring) == 0 {
		return nil, nil, false
	}
	q, s := g.ring[(g.at+len(g.ring)-1)%len(g.ring)].wire(g.last), g.sum.wire()
	return &q, &s, g.degraded
}

// history is the ring, oldest first.
func (g *gauge) history() wire.LegQuality {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.ring)
	out := wire.LegQuality{LegID: g.id, Summary: g.sum.wire(), Items: make([]wire.Quality, n)}
	for i, at := n-1, g.last; i >= 0; i-- {
		p := g.ring[(g.at+i)%n]
		out.Items[i] = p.wire(at)
		at = at.Add(-time.Duration(p.after) * 100 * time.Millisecond)
	}
	return out
}

func (g *gauge) tally() tally {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sum
}

// Run measures every leg once a second until ctx ends. One goroutine does it for all of them.
func (b *Board) Run(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			b.measure(b.deps.Now())
		}
	}
}

// measure takes one second of every leg that is in a room.
func (b *Board) measure(now time.Time) {
	b.mu.Lock()
	all := make([]*actor, 0, len(b.calls))
	for _, a := range b.calls {
		all = append(all, a)
	}
	b.mu.Unlock()
	legs, degraded := 0, 0
	for _, a := range all {
		for _, g := range *a.parties.Load() {
			if g == nil {
				continue
			}
			q, c := g.sample(now)
			b.scales.observe(q)
			legs++
			if _, _, bad := g.newest(); bad {
				degraded++
			}
			if c.tell {
				a.post(func() { a.tellQuality(g, c) })
			}
		}
	}
	b.scales.count(legs, degraded)
}

// tellQuality publishes a leg's quality.
func (a *actor) tellQuality(g *gauge, c change) {
	l := a.leg(g.id)
	if l == nil || !l.joined || l.gauge != g || a.call.State == wire.CallEnded {
		return
	}
	switch {
	case c.dropped:
		a.mark(wire.TimelineMark{Type: "leg.quality_dropped", LegID: g.id, Detail: mosText(c.mos)})
	case c.recovered:
		a.mark(wire.TimelineMark{Type: "leg.quality_recovered", LegID: g.id, Detail: mosText(c.mos)})
	}
	switch {
	case c.forwarded:
		a.mark(wire.TimelineMark{Type: "leg.forwarded", LegID: g.id})
	case c.mixed:
		a.mark(wire.TimelineMark{Type: "leg.mixed", LegID: g.id})
	}
	a.refresh()
	a.publish("leg.quality", "server", g.stats())
}

// summary is the quality of all legs so far, nil before the first second.
func (a *actor) summary() *wire.QualitySummary {
	var t tally
	for _, l := range a.legs {
		if l.gauge != nil {
			t.join(l.gauge.tally())
		}
	}
	if t.seconds == 0 {
		return nil
	}
	s := t.wire()
	return &s
}

// LegStats is a leg's quality now.
func (b *Board) LegStats(lid string) (wire.LegStats, error) {
	g, err := b.gauge(lid)
	if err != nil {
		return wire.LegStats{}, err
	}
	return g.stats(), nil
}

// LegQuality is a leg's quality over the last five minutes, second by second.
func (b *Board) LegQuality(lid string) (wire.LegQuality, error) {
	g, err := b.gauge(lid)
	if err != nil {
		return wire.LegQuality{}, err
	}
	return g.history(), nil
}

func (b *Board) gauge(lid string) (*gauge, error) {
	a, err := b.lookup(b.legs, "leg", lid)
	if err != nil {
		return nil, err
	}
	g := (*a.parties.Load())[lid]
	if g == nil {
		return nil, problem.Conflict("leg_not_connected", "new", nil, "leg %s has no media", lid)
	}
	return g, nil
}

func (g *gauge) stats() wire.LegStats {
	s := g.media.Stats()
	w := wire.LegStats{
		LegID: g.id, PacketsIn: s.PacketsIn, PacketsOut: s.PacketsOut, Lost: s.Lost, Late: s.Late,
		Concealed: s.Concealed, JitterMS: milliseconds(s.Jitter), DelayMS: milliseconds(s.Delay), RoundTripMS: milliseconds(s.RoundTrip),
		RemoteLost: s.RemoteLost, MOS: quality.FromStats(g.media.Format().Codec, s), LevelIn: int(s.LevelIn), LevelOut: int(s.LevelOut),
		SendDropped: s.SendDropped, Foreign: s.Foreign, Malformed: s.Malformed, Forwarded: s.Forwarded,
	}
	w.Quality, w.Summary, w.Degraded = g.newest()
	return w
}
