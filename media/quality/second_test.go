package quality

import (
	"math"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
)

func TestBetween(t *testing.T) {
	const ms = time.Millisecond
	base := media.Stats{PacketsIn: 1000, PacketsOut: 1000, Lost: 7, Late: 3, Concealed: 10, FEC: 2, RemoteReports: 1}
	plus := func(change func(s *media.Stats)) media.Stats {
		s := base
		s.PacketsIn += 50
		s.PacketsOut += 50
		s.Delay, s.RoundTrip = 20*ms, 30*ms
		change(&s)
		return s
	}
	within := func(lo, hi float64) [2]float64 { return [2]float64{lo, hi} }
	clean := within(4.3, 4.45)
	for _, tc := range []struct {
		name      string
		prev, now media.Stats
		codec     media.Codec
		want      Second // loss, discard and concealment in percent; delays
		in, out   [2]float64
	}{
		{"clean", base, plus(func(*media.Stats) {}), media.PCMU, Second{}, clean, clean},
		{
			"a tenth lost, half of it recovered", base,
			plus(func(s *media.Stats) { s.PacketsIn -= 5; s.Lost += 5; s.Concealed += 5; s.FEC += 3 }),
			media.Opus,
			Second{LossIn: 10, Concealed: 10},
			within(3.8, 4.25), clean,
		},
		{
			"a tenth lost and not recovered", base,
			plus(func(s *media.Stats) { s.PacketsIn -= 5; s.Lost += 5; s.Concealed += 5 }),
			media.PCMU,
			Second{LossIn: 10, Concealed: 10},
			within(2.8, 3.6), clean,
		},
		{
			"late packets are no loss and still missed", base,
			plus(func(s *media.Stats) { s.Late += 5; s.Concealed += 5 }),
			media.PCMU,
			Second{Discard: 10, Concealed: 10},
			within(2.8, 3.6), clean,
		},
		{
			"a stall without a loss", base,
			plus(func(s *media.Stats) { s.PacketsIn = base.PacketsIn + 45; s.Concealed += 5 }),
			media.PCMU,
			Second{Concealed: 10},
			within(2.8, 3.6), clean,
		},
		{
			"a lost packet comes after all", base,
			plus(func(s *media.Stats) { s.PacketsIn++; s.Lost -= 1 }),
			media.PCMU,
			Second{},
			clean, clean,
		},
		{
			"nothing came, nothing was missed: a pause", base,
			plus(func(s *media.Stats) { s.PacketsIn = base.PacketsIn }),
			media.Opus,
			Second{},
			within(0, 0), clean,
		},
		{
			"nothing was sent", base,
			plus(func(s *media.Stats) { s.PacketsOut = base.PacketsOut }),
			media.PCMU,
			Second{},
			clean, within(0, 0),
		},
		{
			"the party never reports",
			media.Stats{},
			media.Stats{PacketsIn: 50, PacketsOut: 50, RemoteLoss: 1},
			media.PCMU,
			Second{},
			clean, within(0, 0),
		},
		{
			"the party misses a tenth", base, plus(func(s *media.Stats) { s.RemoteLoss = 0.1 }),
			media.PCMU,
			Second{LossOut: 10},
			clean, within(2.8, 3.6),
		},
		{
			"and it is repaired", base, plus(func(s *media.Stats) { s.RemoteLoss, s.FECOut = 0.1, true }),
			media.Opus,
			Second{LossOut: 10},
			clean, within(3.3, 3.9),
		},
		{
			"the party throws a tenth away", base, plus(func(s *media.Stats) { s.RemoteDiscard = 0.1 }),
			media.PCMU,
			Second{},
			clean, within(2.8, 3.6),
		},
		{
			"far away", base, plus(func(s *media.Stats) { s.RoundTrip, s.RemoteDelay = 600*ms, 200*ms }),
			media.PCMU,
			Second{},
			within(3.0, 3.9), within(1.5, 3.0),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Between(tc.prev, tc.now, tc.codec, time.Second)
			for _, v := range []struct {
				name      string
				got, want float64
			}{
				{"loss in", got.LossIn, tc.want.LossIn},
				{"loss out", got.LossOut, tc.want.LossOut},
				{"discard", got.Discard, tc.want.Discard},
				{"concealed", got.Concealed, tc.want.Concealed},
			} {
				if math.Abs(v.got-v.want) > 0.01 {
					t.Errorf("%s %.2f %%, want %.2f", v.name, v.got, v.want)
				}
			}
			if got.MOSIn < tc.in[0] || got.MOSIn > tc.in[1] {
				t.Errorf("in %.2f, want %v", got.MOSIn, tc.in)
			}
			if got.MOSOut < tc.out[0] || got.MOSOut > tc.out[1] {
				t.Errorf("out %.2f, want %v", got.MOSOut, tc.out)
			}
			if half := tc.now.RoundTrip / 2; got.DelayIn != half+tc.now.Delay+40*ms || got.DelayOut < half+40*ms {
				t.Errorf("delay in %v, out %v", got.DelayIn, got.DelayOut)
			}
		})
	}
	if got := Between(base, base, media.PCMU, 0); got.Concealed != 0 || got.MOSIn != 0 {
		t.Errorf("an interval of nothing: %+v", got)
	}
}
