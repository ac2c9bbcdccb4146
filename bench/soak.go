package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cordboard/cordboard/bench/load"
	"github.com/cordboard/cordboard/bench/peer"
	"github.com/cordboard/cordboard/bench/report"
)

type soakCmd struct {
	common
	For    time.Duration `help:"How long calls come and go." default:"10m"`
	Calls  int           `help:"Calls at a time." default:"20"`
	Life   time.Duration `help:"Mean length of a call." default:"10s"`
	Settle time.Duration `help:"Time from whose end on growth counts." default:"20s"`
}

// Run measures.
func (c *soakCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *soakCmd) result() report.Result {
	return report.Result{
		Name: "soak", Scenario: "soak", Title: fmt.Sprintf("calls come and go for %v, %d at a time", c.For, c.Calls),
		Load: map[string]any{"seconds": c.For.Seconds(), "calls": c.Calls, "mean_life_s": c.Life.Seconds()},
	}
}

func (c *soakCmd) steps() int { return 1 }

// soaked is a call of the soak.
type soaked struct {
	room    peer.Room
	parties []*load.Party
	until   time.Time
}

func (c *soakCmd) measure(ctx context.Context, b *bench, r *report.Result) (err error) {
	f, err := b.open(ctx, trial{server: "cordboard"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	run := report.Run{Server: "cordboard", LoadAvg: loadAverage()}
	run.Figures, err = c.soak(ctx, b, f)
	if err != nil {
		return err
	}
	r.Runs = append(r.Runs, run)
	r.Sum()
	b.bar.finish()
	b.bar.say("%.0f calls later: %.0f goroutines, %.0f open files, %.0f kB more", *run.Calls, *run.Goroutines, *run.FDs, *run.RSSGrowth)
	return nil
}

// held is what an idle server holds.
type held struct{ goroutines, fds, rss float64 }

// soak lets calls come and go, looks at what the server holds when all have ended, and does it again for
// longer: what it then holds more has leaked.
func (c *soakCmd) soak(ctx context.Context, b *bench, f *floor) (fig report.Figures, err error) {
	srv, ok := f.srv.(*peer.Cordboard)
	if !ok {
		return fig, errors.New("soak: only cordboard")
	}
	s := &soaking{soakCmd: c, b: b, f: f, srv: srv, rng: rand.New(rand.NewPCG(3, 4))}
	before, err := s.phase(ctx, c.Settle)
	if err != nil {
		return fig, err
	}
	first := s.total
	after, err := s.phase(ctx, c.For-c.Settle)
	if err != nil {
		return fig, err
	}
	return report.Figures{
		Calls: report.P(float64(s.total - first)), Goroutines: report.P(after.goroutines - before.goroutines),
		FDs: report.P(after.fds - before.fds), RSSGrowth: report.P(after.rss - before.rss),
	}, nil
}

// soaking is a soak on its way.
type soaking struct {
	*soakCmd
	b     *bench
	f     *floor
	srv   *peer.Cordboard
	rng   *rand.Rand
	live  []soaked
	total int
}

// phase keeps the number of calls up for d, each living its own length, then ends all and looks.
func (s *soaking) phase(ctx context.Context, d time.Duration) (h held, err error) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := s.depart(ctx, time.Now()); err != nil {
			return h, err
		}
		for len(s.live) < s.Calls {
			one, err := s.arrive(ctx)
			if err != nil {
				return h, err
			}
			s.live = append(s.live, one)
		}
		s.b.bar.step("soak: %v to go, %d calls so far", time.Until(end).Round(time.Second), s.total)
		if err := sleep(ctx, 250*time.Millisecond); err != nil {
			return h, err
		}
	}
	if err := s.depart(ctx, time.Now().Add(1000*time.Hour)); err != nil {
		return h, err
	}
	if err := sleep(ctx, 3*time.Second); err != nil {
		return h, err
	}
	u, err := s.srv.Process().Usage()
	if err != nil {
		return h, err
	}
	m, err := s.srv.Metrics(ctx)
	if err != nil {
		return h, err
	}
	h = held{m["go_goroutines"], float64(u.FDs), float64(u.RSS)}
	s.b.bar.say("idle after %d calls: %.0f goroutines, %.0f open files, %.0f kB", s.total, h.goroutines, h.fds, h.rss)
	return h, nil
}

// depart ends the calls whose time has come.
func (s *soaking) depart(ctx context.Context, now time.Time) error {
	var stay []soaked
	for _, one := range s.live {
		if now.Before(one.until) {
			stay = append(stay, one)
			continue
		}
		s.f.gen.Remove(one.parties)
		if err := s.srv.End(ctx, one.room); err != nil {
			return err
		}
	}
	s.live = stay
	return nil
}

// arrive opens a call of two to eight parties of mixed codecs, one of whom speaks.
func (s *soaking) arrive(ctx context.Context) (one soaked, err error) {
	one.until = time.Now().Add(time.Duration(s.rng.ExpFloat64() * float64(s.Life)))
	var seats []peer.Seat
	var voices []*load.Stream
	for i := range 2 + s.rng.IntN(7) {
		codec := []string{"opus", "pcmu"}[s.rng.IntN(2)]
		v, err := s.b.voice(codec, 0)
		if err != nil {
			return one, err
		}
		seats = append(seats, peer.Seat{Codec: codec, Client: s.f.gen.Addr()})
		voices = append(voices, v.Comfort)
		if i == 0 {
			voices[i] = v.Speech
		}
	}
	if one.room, err = s.srv.Open(ctx, seats); err != nil {
		return one, err
	}
	for i, to := range one.room.Addresses {
		one.parties = append(one.parties, s.f.gen.Add(to, s.total, i, voices[i]))
	}
	s.total++
	return one, nil
}
