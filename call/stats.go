package call

import (
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/quality"
	"github.com/cordboard/cordboard/signaling/wire"
)

// LegStats is a leg's quality now.
func (b *Board) LegStats(lid string) (wire.LegStats, error) {
	a, err := b.lookup(b.legs, "leg", lid)
	if err != nil {
		return wire.LegStats{}, err
	}
	m := a.party(lid)
	if m == nil {
		return wire.LegStats{}, problem.Conflict("leg_not_connected", "new", nil, "leg %s has no media yet", lid)
	}
	s := m.Stats()
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return wire.LegStats{
		LegID: lid, PacketsIn: s.PacketsIn, PacketsOut: s.PacketsOut, Lost: s.Lost, Late: s.Late,
		Concealed: s.Concealed, JitterMS: ms(s.Jitter), DelayMS: ms(s.Delay), RoundTripMS: ms(s.RoundTrip),
		RemoteLost: s.RemoteLost, MOS: quality.FromStats(m.Format().Codec, s), LevelIn: int(s.LevelIn), LevelOut: int(s.LevelOut),
		SendDropped: s.SendDropped, Foreign: s.Foreign, Malformed: s.Malformed,
	}, nil
}
