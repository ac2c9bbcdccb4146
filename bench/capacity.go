package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cordboard/cordboard/bench/report"
)

// search says when a server is full, and how to get there.
type search struct {
	limit float64 // of the delay's 99th percentile above the one of a few rooms, ms
	step  int     // rooms to add at a time, at least
	first int     // rooms to begin with, at least
	share int     // one in how many rooms to add at a time
}

// next is how many rooms to try after n.
func (s search) next(n int) int { return n + max(s.step, n/s.share) }

// full says what is wrong with a step, empty when nothing is.
// heard and usual are the bursts that one listener heard now and in the first step.
func (s search) full(f, base report.Figures, heard, usual float64) string {
	switch {
	case f.Latency == nil:
		return "no burst came through"
	case f.Latency.P99 > base.Latency.P50+s.limit && f.Latency.P99 > s.limit:
		return fmt.Sprintf("delay p99 %.1f ms", f.Latency.P99)
	case *f.Heard < *base.Heard*0.9: // within it lies what a server leaves out in silence
		return fmt.Sprintf("%.1f packets a second come back", *f.Heard)
	case heard < usual*0.8:
		return fmt.Sprintf("%.1f of %.1f bursts came through", heard, usual)
	case f.LateTicks != nil && *f.LateTicks > lateShare*50*capacityTime.Seconds():
		return fmt.Sprintf("%.0f late ticks", *f.LateTicks)
	}
	return ""
}

// capacityTime is how long each step is measured, twice.
const capacityTime = 3 * time.Second

// lateShare of a core's ticks may begin late before the core counts as full.
const lateShare = 0.2

// capacities searches on each server in turns.
func (b *bench) capacities(ctx context.Context, r *report.Result, repeat int, s search, ts ...trial) error {
	for range repeat {
		for _, t := range ts {
			run, err := b.capacity(ctx, s, t)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name(), err)
			}
			r.Runs = append(r.Runs, run)
			b.bar.finish()
			b.bar.say("%-22s %-10s %s", r.Name, t.name(), brief(run))
		}
	}
	r.Sum()
	return nil
}

// step measures what the search wants to know.
func (f *floor) step(ctx context.Context) (report.Figures, error) {
	fig, err := f.cpu(ctx, capacityTime)
	if err != nil {
		return fig, err
	}
	s, err := f.listen(ctx, capacityTime, false, true)
	if err != nil {
		return fig, err
	}
	fig.Latency = report.NewLatency(s.Latency)
	fig.GeneratorP99 = report.P(max(*fig.GeneratorP99, report.Percentile(s.Late, 99)))
	return fig, f.gen.Resume()
}

// capacity adds rooms to one server until it is full. The run has the figures of the last step that was
// good.
func (b *bench) capacity(ctx context.Context, s search, t trial) (r report.Run, err error) {
	r = report.Run{Server: t.name(), LoadAvg: loadAverage()}
	f, err := b.open(ctx, t)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	var base report.Figures
	var usual float64
	perEar := func(fig report.Figures) float64 {
		if fig.Latency == nil {
			return 0
		}
		rooms, listeners := f.probes(true)
		return float64(fig.Latency.N) / float64(rooms*listeners)
	}
	for n := max(s.first, t.rooms); ; n = s.next(n) {
		if err := f.add(ctx, n-f.rooms); err != nil {
			if f.srv.Process().Alive() && base.Heard != nil {
				b.bar.say("%s is full at %d parties: %v", t.name(), f.parties(), err)
				return r, nil
			}
			return r, err
		}
		b.bar.step("%s: capacity, %d parties", t.name(), f.parties())
		if err := sleep(ctx, b.times.warm); err != nil {
			return r, err
		}
		fig, err := f.step(ctx)
		for try := 0; err == nil && invalid(fig) != "" && try < retries; try++ {
			fig, err = f.step(ctx)
		}
		if err != nil {
			return r, err
		}
		if base.Heard == nil && fig.Latency != nil {
			base, usual = fig, perEar(fig)
		}
		if base.Heard == nil {
			return r, fmt.Errorf("no burst came through at %d parties", f.parties())
		}
		if why := invalid(fig); why != "" {
			r.Invalid = fmt.Sprintf("at %d parties %s", f.parties(), why)
			return r, nil
		}
		// The percentile of one step is that of some forty bursts, where a single stall of the machine decides.
		// A server that is full is so each time.
		why := s.full(fig, base, perEar(fig), usual)
		for try := 0; why != "" && try < retries; try++ {
			if fig, err = f.step(ctx); err != nil {
				return r, err
			}
			if why = s.full(fig, base, perEar(fig), usual); invalid(fig) != "" {
				why = "generator late"
			}
		}
		if why != "" {
			b.bar.say("%s is full at %d parties (%.0f %% of the core): %s", t.name(), f.parties(), *fig.Core, why)
			return r, nil
		}
		fig.MaxParties = fig.Parties
		r.Figures = fig
	}
}
