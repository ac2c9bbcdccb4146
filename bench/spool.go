package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cordboard/cordboard/bench/peer"
	"github.com/cordboard/cordboard/bench/report"
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
func (c *spoolCmd) crash(ctx context.Context, dir, to string) error {
	many, err := startRecordings(ctx, dir, c.Recordings)
	if err != nil {
		return err
	}
	err = many.play(ctx, c.Length)
	if err == nil {
		err = sleep(ctx, 2*time.Second) // for the last pages
	}
	if err == nil {
		err = os.CopyFS(to, os.DirFS(filepath.Join(dir, "spool")))
	}
	return errors.Join(err, many.close())
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
