package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cordboard/cordboard/bench/peer"
	"github.com/cordboard/cordboard/bench/report"
)

type signalCmd struct {
	common
	Rate     int  `help:"Calls per second." default:"100"`
	Capacity bool `help:"Raise the rate by half each time until calls fail."`
}

// Run measures.
func (c *signalCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *signalCmd) result() report.Result {
	r := report.Result{Name: "signal", Scenario: "signal", Title: fmt.Sprintf("SIP calls, %d a second", c.Rate), Load: map[string]any{"rate": c.Rate}}
	if c.Capacity {
		r.Name, r.Title = "capacity-signal", "SIP calls a second on one core"
	}
	return r
}

func (c *signalCmd) steps() int { return c.Repeat }

func (c *signalCmd) measure(ctx context.Context, b *bench, r *report.Result) error {
	for range c.Repeat {
		run, err := b.signal(ctx, c.Rate, c.Capacity)
		if err != nil {
			return err
		}
		r.Runs = append(r.Runs, run)
		b.bar.finish()
		b.bar.say("%-22s %-10s %s", r.Name, run.Server, brief(run))
	}
	r.Sum()
	return nil
}

// failedShare of calls may fail before a rate is too high.
const failedShare = 0.001

// signal sets calls up and hangs them up at a rate, or at rising rates until more than one in a thousand
// fails.
func (b *bench) signal(ctx context.Context, rate int, rising bool) (r report.Run, err error) {
	r = report.Run{Server: "cordboard", LoadAvg: loadAverage()}
	srv, err := peer.StartCordboard(ctx, peer.Config{Core: serverCore, Dir: b.dir, Binary: b.binary}, true)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	// What the first calls set up once, as the hold music, is not what a call costs.
	if _, err := b.callRate(ctx, srv, 5, 2); err != nil {
		return r, err
	}
	for ; ; rate += rate / 2 {
		b.bar.step("cordboard: %d calls a second", rate)
		stop := b.profile(srv.Process().PID())
		f, err := b.callRate(ctx, srv, rate, max(int(b.times.cpu/time.Second), 1))
		stop()
		if err != nil {
			return r, err
		}
		bad := *f.Failed > failedShare*(*f.Calls)
		if !rising {
			r.Figures = f
			return r, nil
		}
		if bad {
			b.bar.say("%d calls a second are too many: %.0f of %.0f failed, mean set-up %.0f ms", rate, *f.Failed, *f.Calls, *f.Setup)
			return r, nil
		}
		r.Figures = f
		r.MaxCPS = report.P(float64(rate))
	}
}

// callRate runs sipp for some seconds.
func (b *bench) callRate(ctx context.Context, srv *peer.Cordboard, rate, seconds int) (f report.Figures, err error) {
	calls := rate * seconds
	stats := filepath.Join(b.dir, "sipp.csv")
	if err := ignoreMissing(os.Remove(stats)); err != nil {
		return f, err
	}
	u0, err := srv.Process().Usage()
	if err != nil {
		return f, err
	}
	cmd := exec.CommandContext(ctx, "sipp", "-sn", "uac", srv.SIP().String(), "-i", "127.0.0.1", "-s", "1000", "-r", strconv.Itoa(rate), "-m", strconv.Itoa(calls),
		"-l", "100000", "-d", "0", "-recv_timeout", "5000", "-nostdin", "-trace_stat", "-stf", stats, "-fd", "1", "-rtp_echo")
	cmd.Dir = b.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	runErr := cmd.Run() // not 0 when a call failed: the statistics say how many
	u1, err := srv.Process().Usage()
	if err != nil {
		return f, err
	}
	file, err := os.Open(stats)
	if err != nil {
		return f, fmt.Errorf("sipp left no statistics: %w", errors.Join(runErr, err))
	}
	defer file.Close()
	s, err := parseSipp(csv.NewReader(file))
	if err != nil {
		return f, err
	}
	f.Calls, f.Failed = report.P(float64(s.total)), report.P(float64(s.failed))
	f.CPUPerCall = report.P(float64((u1.CPU - u0.CPU).Microseconds()) / float64(max(s.total, 1)))
	f.Core = report.P((u1.CPU - u0.CPU).Seconds() / s.elapsed.Seconds() * 100)
	f.Setup = report.P(s.setup.Seconds() * 1e3)
	return f, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// sippTotals is what sipp's statistics say in the end.
type sippTotals struct {
	total, failed int
	elapsed       time.Duration
	setup         time.Duration // mean time from INVITE to the end of the call, which is its set-up
}

// parseSipp reads the last line of sipp's statistics (-trace_stat), which are separated by semicolons.
func parseSipp(r *csv.Reader) (s sippTotals, err error) {
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = ';', -1, true
	rows, err := r.ReadAll()
	if err != nil {
		return s, fmt.Errorf("sipp's statistics: %w", err)
	}
	if len(rows) < 2 {
		return s, errors.New("sipp's statistics are empty")
	}
	at := make(map[string]string)
	for i, name := range rows[0] {
		if last := rows[len(rows)-1]; i < len(last) {
			at[name] = last[i]
		}
	}
	var errs []error
	number := func(name string) int {
		n, err := strconv.Atoi(at[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("sipp's statistics: %s is %q", name, at[name]))
		}
		return n
	}
	s.total, s.failed = number("TotalCallCreated"), number("FailedCall(C)")
	if s.elapsed, err = sippTime(at["ElapsedTime(C)"]); err != nil {
		errs = append(errs, err)
	}
	if s.setup, err = sippTime(at["CallLength(C)"]); err != nil {
		errs = append(errs, err)
	}
	return s, errors.Join(errs...)
}

// sippTime reads hours:minutes:seconds and, mostly, :microseconds, as sipp writes times.
func sippTime(t string) (time.Duration, error) {
	var h, m, s, us int64
	// Whole times come without the last part.
	if n, err := fmt.Sscanf(t, "%d:%d:%d:%d", &h, &m, &s, &us); err != nil && n < 3 {
		return 0, fmt.Errorf("sipp's statistics: %q is no time", t)
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(us)*time.Microsecond, nil
}
