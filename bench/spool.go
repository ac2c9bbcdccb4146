package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cordboard/cordboard/bench/peer"
	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

type spoolCmd struct {
	common
	Recordings int           `help:"Recordings in the spool." default:"1000"`
	Length     time.Duration `help:"Length of each." default:"3s"`
}

func (c *spoolCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *spoolCmd) result() report.Result {
	return report.Result{
		Name: "spool", Scenario: "spool", Title: fmt.Sprintf("start with %d recordings that a crash has left", c.Recordings),
		Load: map[string]any{"recordings": c.Recordings, "length_s": c.Length.Seconds()},
	}
}

func (c *spoolCmd) steps() int { return c.Repeat }

func (c *spoolCmd) measure(ctx context.Context, b *bench, r *report.Result) error {
	crashed := filepath.Join(b.dir, "crashed")
	b.bar.step("recording %d calls", c.Recordings)
	if err := c.crash(ctx, filepath.Join(b.dir, "made"), crashed); err != nil {
		return err
	}
	for i := range c.Repeat {
		run, err := c.start(ctx, b, crashed, filepath.Join(b.dir, fmt.Sprintf("spool-%d", i)))
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

// crash leaves a spool as a process does that is killed in the middle of recordings: it is copied while they run.
func (c *spoolCmd) crash(ctx context.Context, dir, to string) (err error) {
	cfg := recorder.Defaults()
	cfg.SpoolDir, cfg.Archive.Folder = filepath.Join(dir, "spool"), filepath.Join(dir, "archive")
	rec, err := recorder.New(cfg, recorder.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- rec.Run(running) }()
	defer func() {
		stop()
		// What the copy was made of is of no interest any more, finished or not.
		if e := <-done; !errors.Is(e, context.Canceled) && !errors.Is(e, context.DeadlineExceeded) {
			err = errors.Join(err, e)
		}
	}()
	recs := make([]*recorder.Recording, c.Recordings)
	errs := make([]error, 32)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < len(recs) && errs[w] == nil; i += len(errs) {
				if recs[i], errs[w] = rec.Start(ctx, recorder.StartRequest{CallID: fmt.Sprintf("call_%d", i)}); errs[w] == nil {
					recs[i].AddParty(recorder.Party{LegID: "leg_c", Role: wire.RoleCustomer})
					recs[i].AddParty(recorder.Party{LegID: "leg_a", Role: wire.RoleAgent})
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	payload := make([]byte, 80)
	payload[0] = 0x78 // one Opus frame of 20 ms
	frames := []media.Tapped{
		{Member: "leg_c", Kind: media.Audio, Codec: media.Opus, Payload: payload},
		{Member: "leg_a", Kind: media.Audio, Codec: media.Opus, Payload: payload},
	}
	next := time.Now()
	for tick := range uint64(c.Length / (20 * time.Millisecond)) {
		for _, r := range recs {
			r.Tick(tick+1, frames)
		}
		next = next.Add(20 * time.Millisecond)
		if err := sleep(ctx, time.Until(next)); err != nil {
			return err
		}
	}
	if err := sleep(ctx, 2*time.Second); err != nil { // for the last pages
		return err
	}
	return os.CopyFS(to, os.DirFS(cfg.SpoolDir))
}

// start starts a server on a copy of the spool and waits until all is stored.
func (c *spoolCmd) start(ctx context.Context, b *bench, crashed, spool string) (run report.Run, err error) {
	run = report.Run{Server: "cordboard", LoadAvg: loadAverage()}
	if err := os.CopyFS(spool, os.DirFS(crashed)); err != nil {
		return run, err
	}
	srv, err := peer.StartCordboard(ctx, peer.Config{Core: serverCore, Dir: b.dir, Binary: b.binary, Spool: spool}, false)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	run.Ready = report.P(srv.Ready.Seconds())
	for {
		left, err := filepath.Glob(filepath.Join(spool, "rec_*"))
		if err != nil {
			return run, err
		}
		if len(left) == 0 {
			run.Spooled = report.P(time.Since(srv.Began).Seconds())
			return run, nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return run, fmt.Errorf("%d recordings not stored: %w", len(left), err)
		}
	}
}
