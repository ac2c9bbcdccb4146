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
	Settle time.Duration `help:"Time before which growth does not count." default:"20s"`
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
	b.bar.say("%.0f calls; an hour's growth: %.1f goroutines, %.1f open files, %.0f kB", *run.Calls, *run.Goroutines, *run.FDs, *run.RSSSlope)
	return nil
}

// soak keeps the number of calls up while each lives its own length, and fits lines through what the server
// holds.
func (c *soakCmd) soak(ctx context.Context, b *bench, f *floor) (report.Figures, error) {
	srv, ok := f.srv.(*peer.Cordboard)
	if !ok {
		return report.Figures{}, errors.New("soak: only cordboard")
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var live []soaked
	var hours, goroutines, fds, rss []float64
	total := 0
	began := time.Now()
	for time.Since(began) < c.For {
		for i := 0; i < len(live); {
			if time.Now().Before(live[i].until) {
				i++
				continue
			}
			f.gen.Remove(live[i].parties)
			if err := srv.End(ctx, live[i].room); err != nil {
				return report.Figures{}, err
			}
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
		}
		for len(live) < c.Calls {
			s, err := c.arrive(ctx, b, f, srv, rng, total)
			if err != nil {
				return report.Figures{}, err
			}
			live = append(live, s)
			total++
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return report.Figures{}, err
		}
		if time.Since(began) < c.Settle {
			continue
		}
		u, err := srv.Process().Usage()
		if err != nil {
			return report.Figures{}, err
		}
		m, err := srv.Metrics(ctx)
		if err != nil {
			return report.Figures{}, err
		}
		hours = append(hours, time.Since(began).Hours())
		goroutines, fds, rss = append(goroutines, m["go_goroutines"]), append(fds, float64(u.FDs)), append(rss, float64(u.RSS))
		b.bar.step("soak: %v of %v, %d calls so far, %d kB, %.0f goroutines, %d files", time.Since(began).Round(time.Second), c.For, total, u.RSS, m["go_goroutines"], u.FDs)
	}
	return report.Figures{
		Calls: report.P(float64(total)), Goroutines: report.P(report.Slope(hours, goroutines)), FDs: report.P(report.Slope(hours, fds)), RSSSlope: report.P(report.Slope(hours, rss)),
	}, nil
}

// arrive opens a call of two to eight parties of mixed codecs, one of whom speaks.
func (c *soakCmd) arrive(ctx context.Context, b *bench, f *floor, srv *peer.Cordboard, rng *rand.Rand, n int) (s soaked, err error) {
	s.until = time.Now().Add(time.Duration(rng.ExpFloat64() * float64(c.Life)))
	var seats []peer.Seat
	var voices []*load.Stream
	for i := range 2 + rng.IntN(7) {
		codec := []string{"opus", "pcmu"}[rng.IntN(2)]
		v, err := b.voice(codec, 0)
		if err != nil {
			return s, err
		}
		seats = append(seats, peer.Seat{Codec: codec, Client: f.gen.Addr()})
		voices = append(voices, v.Comfort)
		if i == 0 {
			voices[i] = v.Speech
		}
	}
	if s.room, err = srv.Open(ctx, seats); err != nil {
		return s, err
	}
	for i, to := range s.room.Addresses {
		s.parties = append(s.parties, f.gen.Add(to, n, i, voices[i]))
	}
	return s, nil
}
