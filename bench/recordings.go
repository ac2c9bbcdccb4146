package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

type recordingsCmd struct {
	common
	Recordings int `help:"Recordings at once, of two Opus parties each." default:"500"`
}

func (c *recordingsCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *recordingsCmd) result() report.Result {
	return report.Result{
		Name: "recordings", Scenario: "recordings", Title: fmt.Sprintf("%d recordings at once, the recorder alone", c.Recordings),
		Load: map[string]any{"recordings": c.Recordings, "parties": 2 * c.Recordings},
	}
}

func (c *recordingsCmd) steps() int { return c.Repeat }

// measure runs the recorder in this process and hands it the ticks of as many calls: no server stands in between that
// a machine of two cores could not run beside a load of a thousand parties.
func (c *recordingsCmd) measure(ctx context.Context, b *bench, r *report.Result) error {
	for i := range c.Repeat {
		run, err := c.run(ctx, b, filepath.Join(b.dir, fmt.Sprintf("recordings-%d", i)))
		if err != nil {
			return err
		}
		r.Runs = append(r.Runs, run)
		b.bar.say("%-22s %s", r.Name, brief(run))
		b.bar.finish()
	}
	r.Sum()
	return nil
}

func (c *recordingsCmd) run(ctx context.Context, b *bench, dir string) (run report.Run, err error) {
	run = report.Run{Server: "recorder", LoadAvg: loadAverage()}
	b.bar.step("recording %d calls", c.Recordings)
	many, err := startRecordings(ctx, dir, c.Recordings)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, many.close()) }()
	if err := many.play(ctx, c.Warm); err != nil {
		return run, err
	}
	before, began, dropped := cpuTime(), time.Now(), many.rec.Stats().DroppedTicks
	if err := many.play(ctx, c.Time); err != nil {
		return run, err
	}
	spent, wall := cpuTime()-before, time.Since(began)
	parties := float64(2 * c.Recordings)
	run.Parties = report.P(parties)
	run.CPU = report.P(spent.Seconds() * 1e3 / wall.Seconds() / parties)
	run.Core = report.P(100 * spent.Seconds() / wall.Seconds())
	run.RecDropped = report.P(float64(many.rec.Stats().DroppedTicks - dropped))
	return run, nil
}

// recordings are many of them on one recorder, each of two parties that send Opus.
type recordings struct {
	rec    *recorder.Recorder
	recs   []*recorder.Recording
	frames []media.Tapped
	ticks  uint64
	stop   func()
	done   chan error
}

// startRecordings begins n of them below dir, in dir/spool and dir/archive. Close what it returns.
func startRecordings(ctx context.Context, dir string, n int) (*recordings, error) {
	cfg := recorder.Defaults()
	cfg.SpoolDir, cfg.Archive.Folder = filepath.Join(dir, "spool"), filepath.Join(dir, "archive")
	rec, err := recorder.New(cfg, recorder.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	m := &recordings{rec: rec, recs: make([]*recorder.Recording, n), stop: stop, done: make(chan error, 1)}
	go func() { m.done <- rec.Run(running) }()
	payload := make([]byte, 80)
	payload[0] = 0x78 // one Opus frame of 20 ms
	for _, leg := range []string{"leg_c", "leg_a"} {
		m.frames = append(m.frames, media.Tapped{Member: leg, Kind: media.Audio, Codec: media.Opus, Payload: payload})
	}
	errs := make([]error, 32)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += len(errs) {
				if m.recs[i], errs[w] = rec.Start(ctx, recorder.StartRequest{CallID: fmt.Sprintf("call_%d", i)}); errs[w] == nil {
					m.recs[i].AddParty(recorder.Party{LegID: "leg_c", Role: wire.RoleCustomer})
					m.recs[i].AddParty(recorder.Party{LegID: "leg_a", Role: wire.RoleAgent})
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// play hands the recordings the ticks of some time, in its pace.
func (m *recordings) play(ctx context.Context, length time.Duration) error {
	next := time.Now()
	for range length / (20 * time.Millisecond) {
		m.ticks++
		for _, r := range m.recs {
			r.Tick(m.ticks, m.frames)
		}
		next = next.Add(20 * time.Millisecond)
		if err := sleep(ctx, time.Until(next)); err != nil {
			return err
		}
	}
	return nil
}

// close ends the recorder. What was recorded is of no interest any more, finished or not.
func (m *recordings) close() error {
	m.stop()
	if err := <-m.done; !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
