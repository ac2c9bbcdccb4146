package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/cordboard/cordboard/bench/report"
)

type allCmd struct {
	common
	Quick bool     `help:"Short phases: everything in about ten minutes."`
	Out   string   `help:"Folder for the results." default:"bench/results"`
	Only  []string `help:"Only cases whose name begins so." placeholder:"NAME"`
}

type targets = []report.Target

// entry is a line of the table.
type entry struct {
	name string
	targets
	command string // for the reader, without what is default
	scenario
	order int
	slow  bool // not when time is short
}

func most(figure string, v float64) report.Target { return report.Target{Figure: figure, Most: v} }

func least(figure string, v float64) report.Target { return report.Target{Figure: figure, AtLeast: v} }

// table is every case, in the order of the report.
func (c *allCmd) table() []entry {
	base := c.common
	share := 8
	if c.Quick {
		share = 4
	}
	once := base
	once.Repeat = 1
	mix := func(talkers int, codec string) *mixCmd {
		return &mixCmd{common: base, Peer: "janus", Rooms: 5, Parties: 8, Talkers: talkers, Codec: codec, Complexity: 5, Limit: 60, Step: 1, Share: share}
	}
	impaired := func(n network) *mixCmd {
		m := mix(1, "opus")
		m.network = n
		if n.FEC {
			m.Peer = "" // Janus has nothing to do with it
		}
		return m
	}
	capacity := mix(1, "opus")
	capacity.common, capacity.Capacity, capacity.Rooms = once, true, 8
	capacity8 := *capacity
	capacity8.Talkers = 8
	size := func(rooms int) *mixCmd {
		m := mix(1, "opus")
		m.common, m.Peer, m.Rooms = once, "", rooms
		return m
	}
	jitter := network{Jitter: 60 * time.Millisecond}
	loss, fec := network{Loss: 5}, network{Loss: 5, FEC: true}
	soak := &soakCmd{common: once, For: 2 * time.Minute, Calls: 20, Life: 5 * time.Second, Settle: 20 * time.Second}
	if c.Quick {
		soak.For, soak.Settle = 25*time.Second, 8*time.Second
	}
	return []entry{
		{name: "mix-opus-1", targets: targets{most("ratio", 0.35), most("latency_ms.p50", 30), most("latency_ms.p99", 45), most("rss_kb_per_party", 150)}, scenario: mix(1, "opus"), command: "mix --peer janus"},
		{name: "mix-opus-2", targets: targets{most("ratio", 0.5)}, scenario: mix(2, "opus"), command: "mix --talkers 2 --peer janus"},
		{name: "mix-opus-8", targets: targets{most("ratio", 0.8)}, scenario: mix(8, "opus"), command: "mix --talkers 8 --peer janus"},
		{name: "mix-pcmu-1", slow: true, targets: targets{most("ratio", 0.9)}, scenario: mix(1, "pcmu"), command: "mix --codec pcmu --peer janus"},
		{name: "webrtc-1", targets: targets{most("ratio", 0.55), most("rss_kb_per_party", 400)}, scenario: &webrtcCmd{common: base, Peer: "janus", Rooms: 5, Parties: 8, Talkers: 1, Complexity: 5}, command: "webrtc --peer janus"},
		{name: "bridge-1", targets: targets{most("ratio", 0.35)}, scenario: &bridgeCmd{common: base, Peer: "rtpengine", Calls: 20, Talkers: 1}, command: "bridge --peer rtpengine"},
		{name: "bridge-2", slow: true, scenario: &bridgeCmd{common: base, Peer: "rtpengine", Calls: 20, Talkers: 2}, command: "bridge --talkers 2 --peer rtpengine"},
		{name: "relay-pcmu", targets: targets{most("ratio", 1), most("latency_ms.p99", 2)}, scenario: &relayCmd{common: base, Peer: "rtpengine", Calls: 250, Codec: "pcmu"}, command: "relay --peer rtpengine"},
		{name: "jitter-60", targets: targets{most("glitch_pct", 1), most("latency_ms.p50", 90)}, scenario: impaired(jitter), command: "mix --jitter 60ms --peer janus"},
		{name: "loss-5", targets: targets{most("glitch_pct", 0.5)}, scenario: impaired(loss), command: "mix --loss 5 --peer janus"},
		{name: "loss-5-fec", targets: targets{least("mos_estimate", 3.8)}, scenario: impaired(fec), command: "mix --loss 5 --fec"},
		{name: "record-mix", targets: targets{most("ratio", 1.05)}, scenario: &recordCmd{common: base, Server: "cordboard", Of: "mix", G711: "samples", Rooms: 5, Talkers: 1}, command: "record"},
		{name: "record-bridge", targets: targets{most("ratio", 1.05)}, scenario: &recordCmd{common: base, Server: "cordboard", Of: "bridge", G711: "samples", Rooms: 20, Talkers: 1}, command: "record --of bridge --rooms 20"},
		{name: "record-opus", targets: targets{most("ratio", 1.08)}, scenario: &recordCmd{common: base, Server: "cordboard", Of: "opus", G711: "samples", Rooms: 20, Talkers: 1}, command: "record --of opus --rooms 20"},
		{name: "record-pcmu", targets: targets{most("record_beyond_encode_ms_per_party_s", 0.3), most("late_ticks", 0)}, scenario: &recordCmd{common: base, Server: "cordboard", Of: "pcmu", G711: "opus", Rooms: 20, Talkers: 1}, command: "record --of pcmu --g711 opus --rooms 20"},
		{name: "record-pcmu-samples", targets: targets{most("late_ticks", 0)}, scenario: &recordCmd{common: base, Server: "cordboard", Of: "pcmu", G711: "samples", Rooms: 20, Talkers: 1}, command: "record --of pcmu --rooms 20"},
		{name: "recordings", targets: targets{most("recorded_ticks_dropped", 0)}, scenario: &recordingsCmd{common: once, Recordings: 500}, command: "recordings"},
		{name: "spool", slow: true, targets: targets{most("ready_s", 2)}, scenario: &spoolCmd{common: once, Recordings: 1000, Length: 3 * time.Second}, command: "spool"},
		{name: "size-008", scenario: size(1), command: "mix --rooms 1"},
		{name: "size-040", scenario: size(5), command: "mix --rooms 5"},
		{name: "size-120", scenario: size(15), command: "mix --rooms 15"},
		{name: "size-200", scenario: size(25), command: "mix --rooms 25"},
		{name: "size-400", slow: true, scenario: size(50), command: "mix --rooms 50"},
		{name: "capacity-opus-1", targets: targets{least("max_parties_per_core", 200)}, scenario: capacity, command: "mix --capacity --peer janus"},
		{name: "capacity-opus-8", slow: true, targets: targets{least("max_parties_per_core", 90)}, scenario: &capacity8, command: "mix --capacity --talkers 8 --peer janus"},
		{name: "capacity-bridge", targets: targets{least("max_parties_per_core", 200)}, scenario: &bridgeCmd{common: once, Peer: "rtpengine", Calls: 20, Talkers: 1, Capacity: true, Limit: 60, Step: 4, Share: share}, command: "bridge --capacity --peer rtpengine"},
		{name: "signal", scenario: &signalCmd{common: base, Rate: 100}, command: "signal"},
		{name: "capacity-signal", scenario: &signalCmd{common: once, Rate: 100, Capacity: true}, command: "signal --capacity"},
		{name: "soak", scenario: soak, command: fmt.Sprintf("soak --for %v --life 5s", soak.For)},
	}
}

// Run measures every case. One that fails is reported and does not stop the others.
func (c *allCmd) Run(ctx context.Context) (err error) {
	if c.Quick {
		c.Warm, c.Time, c.ProbeTime = time.Second, 3*time.Second, 2*time.Second
	}
	top, err := root()
	if err != nil {
		return err
	}
	dir := c.Out
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(top, dir)
	}
	var table []entry
	total := 0
	for i, e := range c.table() {
		if c.wants(e) {
			e.order = i + 1
			table = append(table, e)
			total += e.steps()
		}
	}
	bar := newProgress(total)
	defer bar.close()
	b, err := newBench(ctx, c.common, bar)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	var failed []error
	for _, e := range table {
		r, err := b.take(ctx, e.scenario)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			bar.say("%s failed: %v", e.name, err)
			failed = append(failed, err)
			continue
		}
		r.Name, r.Targets, r.Order, r.Command = e.name, e.targets, e.order, "go run ./bench "+e.command
		r.Command += fmt.Sprintf(" --repeat %d --warm %v --time %v --probe-time %v", len(r.Runs)/max(len(r.Summaries), 1), c.Warm, c.Time, c.ProbeTime)
		for _, t := range r.Targets {
			if v, met, ok := r.Met(t); ok {
				bar.say("%-22s %s %s: %s, met %v", e.name, t.Figure, t, report.Number(v), met)
			}
		}
		if err := r.Write(filepath.Join(dir, e.name+".json")); err != nil {
			return err
		}
	}
	return errors.Join(append(failed, report.WriteAll(dir))...)
}

// wants says whether a case is to be run: those asked for, or all that there is time for.
func (c *allCmd) wants(e entry) bool {
	for _, o := range c.Only {
		if strings.HasPrefix(e.name, o) {
			return true
		}
	}
	return len(c.Only) == 0 && !(c.Quick && e.slow)
}
