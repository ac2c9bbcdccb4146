package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/cordboard/cordboard/bench/load"
	"github.com/cordboard/cordboard/bench/report"
)

// common is what every scenario can be told.
type common struct {
	JSON      string        `name:"json" help:"Write the result to this file." placeholder:"FILE"`
	Repeat    int           `help:"Runs of each server; shown are medians." default:"3"`
	Warm      time.Duration `help:"Time from the last join to measuring." default:"3s"`
	Time      time.Duration `help:"Time over which CPU is measured." default:"10s"`
	ProbeTime time.Duration `help:"Time over which delay, and bad frames, are measured." default:"10s"`
	Binary    string        `help:"The cordboard to measure; without one it is built." placeholder:"FILE"`
	Profile   string        `help:"Write a CPU profile of the server to this file (needs perf), one per run." placeholder:"FILE"`
	Speech    string        `help:"Folder with Asterisk's G.722 prompts." default:"${speech}"`
}

// network is the way to the server.
type network struct {
	Loss   float64       `help:"Loss on the way to the server, in percent."`
	Jitter time.Duration `help:"Jitter on the way to the server, uniform from 0."`
	FEC    bool          `name:"fec" help:"Opus parties send in-band FEC."`
}

func (n network) options() load.Options { return load.Options{Loss: n.Loss, Jitter: n.Jitter} }

func (n network) fec() int {
	if !n.FEC {
		return 0
	}
	return max(int(n.Loss), 1)
}

// String says what is wrong with the way, to go behind a title.
func (n network) String() string {
	s := ""
	if n.Loss > 0 {
		s += fmt.Sprintf(", %g %% loss", n.Loss)
	}
	if n.Jitter > 0 {
		s += fmt.Sprintf(", %v jitter", n.Jitter)
	}
	if n.FEC {
		s += ", FEC"
	}
	return s
}

func (n network) bad() bool { return n.Loss > 0 || n.Jitter > 0 }

// scenario is a command that ends in a Result.
type scenario interface {
	// result is the case as far as it is known before measuring.
	result() report.Result
	// steps is how many runs it takes, for the progress bar.
	steps() int
	measure(ctx context.Context, b *bench, r *report.Result) error
}

// execute runs a scenario as a command of its own.
func execute(ctx context.Context, c common, s scenario) (err error) {
	bar := newProgress(s.steps())
	defer bar.close()
	b, err := newBench(ctx, c, bar)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r, err := b.take(ctx, s)
	if err != nil {
		return err
	}
	r.Command = commandLine()
	for _, sum := range r.Summaries {
		bar.say("median of %d: %s: %s", sum.Runs, sum.Server, brief(report.Run{Figures: sum.Figures}))
	}
	if r.Ratio != nil {
		bar.say("ratio: %sx", report.Number(*r.Ratio))
	}
	if c.JSON == "" {
		return nil
	}
	return r.Write(c.JSON)
}

// take measures a scenario.
func (b *bench) take(ctx context.Context, s scenario) (*report.Result, error) {
	r := s.result()
	r.Commit, r.Machine, r.Time = report.Commit(), report.ThisMachine(), time.Now().UTC().Truncate(time.Second)
	if err := s.measure(ctx, b, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	return &r, nil
}

type mixCmd struct {
	common
	network
	Peer       string `help:"Server to measure beside cordboard: janus." enum:"janus," default:""`
	Rooms      int    `help:"Rooms." default:"5"`
	Parties    int    `help:"Parties per room, 2 to 8." default:"8"`
	Talkers    int    `help:"Parties of a room that speak." default:"1"`
	Codec      string `help:"Codec of the parties." enum:"opus,pcmu" default:"opus"`
	Complexity int    `help:"Complexity of the peer's Opus encoders." default:"5"`
	Capacity   bool   `help:"Add rooms until the delay's 99th percentile passes the limit or audio gets lost."`
	Limit      int    `help:"That limit, in milliseconds; Janus' is what its buffer holds more than ours." default:"60"`
	Step       int    `help:"Rooms to add at a time, at least." default:"1"`
	Share      int    `help:"Add one for so many there are." default:"8"`
}

func (c *mixCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *mixCmd) trials() []trial {
	t := trial{
		server: "cordboard", rooms: c.Rooms, codecs: slices.Repeat([]string{c.Codec}, c.Parties), talkers: c.Talkers, net: c.options(), fec: c.fec(),
		probe: true, tone: c.bad(), complexity: c.Complexity, sampleRate: 48000,
	}
	if c.Codec == "pcmu" {
		t.sampleRate = 16000
	}
	ts := withPeer(t, c.Peer)
	if len(ts) == 2 && c.Capacity {
		ts[1].rooms = min(ts[1].rooms, 3) // a peer may be full early
	}
	return ts
}

// withPeer puts the same load on the peer, if there is one.
func withPeer(t trial, peer string) []trial {
	if peer == "" {
		return []trial{t}
	}
	p := t
	p.server, p.webrtc = peer, false
	return []trial{t, p}
}

func (c *mixCmd) result() report.Result {
	what := fmt.Sprintf("%d talking%v", c.Talkers, c.network)
	r := report.Result{
		Name: fmt.Sprintf("mix-%s-%d", c.Codec, c.Talkers), Scenario: "mix", Title: fmt.Sprintf("%d-party %s rooms, %d parties, %s", c.Parties, c.Codec, c.Rooms*c.Parties, what),
		Load: map[string]any{"rooms": c.Rooms, "parties": c.Parties, "talkers": c.Talkers, "codec": c.Codec, "loss_pct": c.Loss, "jitter_ms": c.Jitter.Milliseconds(), "fec": c.FEC},
	}
	if c.Capacity {
		r.Name = fmt.Sprintf("capacity-%s-%d", c.Codec, c.Talkers)
		r.Title = fmt.Sprintf("%d-party %s rooms on one core, %s", c.Parties, c.Codec, what)
	}
	return r
}

func (c *mixCmd) steps() int { return c.Repeat * len(c.trials()) }

func (c *mixCmd) measure(ctx context.Context, b *bench, r *report.Result) error {
	if c.Capacity {
		return b.capacities(ctx, r, c.Repeat, search{float64(c.Limit), c.Step, 1, c.Share}, c.trials()...)
	}
	return b.compare(ctx, r, c.Repeat, c.trials()...)
}

type bridgeCmd struct {
	common
	network
	Peer     string `help:"Server to measure beside cordboard: rtpengine." enum:"rtpengine," default:""`
	Calls    int    `help:"Calls." default:"20"`
	Talkers  int    `help:"Parties of a call that speak; 1 is the PCMU side." default:"1"`
	Capacity bool   `help:"Add calls until the delay's 99th percentile passes the limit or audio gets lost."`
	Limit    int    `help:"That limit, in milliseconds." default:"60"`
	Step     int    `help:"Calls to add at a time, at least." default:"4"`
	Share    int    `help:"Add one for so many there are." default:"8"`
}

func (c *bridgeCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *bridgeCmd) trials() []trial {
	return withPeer(trial{
		server: "cordboard", rooms: c.Calls, codecs: []string{"pcmu", "opus"}, talkers: c.Talkers, net: c.options(), fec: c.fec(), probe: true, tone: c.bad(),
	}, c.Peer)
}

func (c *bridgeCmd) result() report.Result {
	r := report.Result{
		Name: fmt.Sprintf("bridge-%d", c.Talkers), Scenario: "bridge", Title: fmt.Sprintf("PCMU to Opus, %d calls, %d talking%v", c.Calls, c.Talkers, c.network),
		Load: map[string]any{"calls": c.Calls, "talkers": c.Talkers, "loss_pct": c.Loss, "jitter_ms": c.Jitter.Milliseconds()},
	}
	if c.Capacity {
		r.Name, r.Title = "capacity-bridge", "PCMU to Opus calls on one core (parties: two a call)"
	}
	return r
}

func (c *bridgeCmd) steps() int { return c.Repeat * len(c.trials()) }

func (c *bridgeCmd) measure(ctx context.Context, b *bench, r *report.Result) error {
	if c.Capacity {
		return b.capacities(ctx, r, c.Repeat, search{float64(c.Limit), c.Step, 20, c.Share}, c.trials()...)
	}
	return b.compare(ctx, r, c.Repeat, c.trials()...)
}

type relayCmd struct {
	common
	network
	Peer  string `help:"Server to measure beside cordboard: rtpengine." enum:"rtpengine," default:""`
	Calls int    `help:"Calls." default:"250"`
	Codec string `help:"Codec of both parties." enum:"opus,pcmu" default:"pcmu"`
}

func (c *relayCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *relayCmd) trials() []trial {
	return withPeer(trial{
		server: "cordboard", rooms: c.Calls, codecs: []string{c.Codec, c.Codec}, talkers: 2, net: c.options(), fec: c.fec(), probe: true, tone: c.bad(),
	}, c.Peer)
}

func (c *relayCmd) result() report.Result {
	return report.Result{
		Name: "relay-" + c.Codec, Scenario: "relay", Title: fmt.Sprintf("%s relay, %d calls%v", c.Codec, c.Calls, c.network),
		Load: map[string]any{"calls": c.Calls, "codec": c.Codec, "loss_pct": c.Loss, "jitter_ms": c.Jitter.Milliseconds()},
	}
}

func (c *relayCmd) steps() int { return c.Repeat * len(c.trials()) }

func (c *relayCmd) measure(ctx context.Context, b *bench, r *report.Result) error {
	return b.compare(ctx, r, c.Repeat, c.trials()...)
}

type webrtcCmd struct {
	common
	Peer       string `help:"Server to measure beside cordboard, over plain RTP: janus." enum:"janus," default:""`
	Rooms      int    `help:"Rooms." default:"5"`
	Parties    int    `help:"Parties per room, 2 to 8." default:"8"`
	Talkers    int    `help:"Parties of a room that speak." default:"1"`
	Complexity int    `help:"Complexity of the peer's Opus encoders." default:"5"`
}

func (c *webrtcCmd) Run(ctx context.Context) error { return execute(ctx, c.common, c) }

func (c *webrtcCmd) trials() []trial {
	ts := withPeer(trial{
		server: "cordboard", rooms: c.Rooms, codecs: slices.Repeat([]string{"opus"}, c.Parties), talkers: c.Talkers, webrtc: true,
		probe: true, complexity: c.Complexity, sampleRate: 48000,
	}, c.Peer)
	if len(ts) == 2 {
		ts[1].label = c.Peer + ", plain RTP"
	}
	return ts
}

func (c *webrtcCmd) result() report.Result {
	return report.Result{
		Name: fmt.Sprintf("webrtc-%d", c.Talkers), Scenario: "webrtc", Title: fmt.Sprintf("%d-party rooms over WebRTC, %d parties, %d talking", c.Parties, c.Rooms*c.Parties, c.Talkers),
		Load: map[string]any{"rooms": c.Rooms, "parties": c.Parties, "talkers": c.Talkers},
	}
}

func (c *webrtcCmd) steps() int { return c.Repeat * len(c.trials()) }

func (c *webrtcCmd) measure(ctx context.Context, b *bench, r *report.Result) error {
	return b.compare(ctx, r, c.Repeat, c.trials()...)
}

type reportCmd struct {
	Dir string `arg:"" optional:"" help:"Folder with results." default:"bench/results"`
}

// Run renders.
func (c *reportCmd) Run() error {
	dir := c.Dir
	if !filepath.IsAbs(dir) {
		top, err := root()
		if err != nil {
			return err
		}
		dir = filepath.Join(top, dir)
	}
	return report.WriteAll(dir)
}
