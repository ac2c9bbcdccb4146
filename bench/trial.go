package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/bench/load"
	"github.com/cordboard/cordboard/bench/peer"
	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/quality"
)

// trial is one server under one load.
type trial struct {
	server  string // cordboard, janus, rtpengine
	label   string // how it is called in the results, server when empty
	rooms   int
	codecs  []string // one per party of a room
	talkers int
	webrtc  bool
	record  bool
	g711    string // how G.711 is recorded; empty: as by default
	net     load.Options
	fec     int
	// probe measures the delay after the CPU time, tone the bad frames.
	probe, tone bool
	complexity  int
	sampleRate  int
}

func (t trial) name() string {
	if t.label != "" {
		return t.label
	}
	return t.server
}

// times are how long the phases of a trial last.
type times struct {
	warm, cpu, probe time.Duration
}

// bench has what all trials need: the speech, the server's binary, a folder.
type bench struct {
	dir      string
	binary   string
	times    times
	perf     string // file for profiles of the CPU phase, none when empty
	perfRuns int
	bar      *progress
	speech   []int16
	voices   map[string]*load.Voices // by codec and FEC
}

// lateLimit is the lateness of the generator's own 99th percentile, in milliseconds, above which a run says
// nothing about the server.
const lateLimit = 5

func (b *bench) voice(codec string, fec int) (*load.Voices, error) {
	key := fmt.Sprint(codec, fec)
	if v := b.voices[key]; v != nil {
		return v, nil
	}
	c, err := load.ParseCodec(codec)
	if err != nil {
		return nil, err
	}
	v, err := load.NewVoices(c, b.speech, fec)
	if err != nil {
		return nil, err
	}
	b.voices[key] = v
	return v, nil
}

func (b *bench) start(ctx context.Context, t trial) (peer.Server, error) {
	cfg := peer.Config{Core: serverCore, Dir: b.dir, Record: t.record, G711: t.g711, Complexity: t.complexity, SampleRate: t.sampleRate, Binary: b.binary}
	var s peer.Server
	var err error
	switch t.server {
	case "janus":
		s, err = peer.StartJanus(ctx, cfg)
	case "rtpengine":
		s, err = peer.StartRtpengine(ctx, cfg)
	default:
		s, err = peer.StartCordboard(ctx, cfg, false)
	}
	if err != nil {
		return nil, err // and no nil pointer in an interface
	}
	return s, nil
}

// floor is a set of rooms full of parties on one server.
type floor struct {
	b        *bench
	t        trial
	srv      peer.Server
	gen      *load.Generator
	browsers *load.Browsers
	rooms    int
	idle     peer.Usage // before the first party
}

// idleTime is how long a server may take to have prepared all it needs, before its idle memory is read.
const idleTime = 2 * time.Second

// open starts the server and the generator; parties come with add.
func (b *bench) open(ctx context.Context, t trial) (_ *floor, err error) {
	f := &floor{b: b, t: t}
	if f.gen, err = load.New(t.net); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if t.webrtc {
		if f.browsers, err = load.NewBrowsers(f.gen); err != nil {
			return nil, err
		}
	}
	f.gen.Start()
	if f.srv, err = b.start(ctx, t); err != nil {
		return nil, err
	}
	if err = sleep(ctx, idleTime); err != nil {
		return nil, err
	}
	if f.idle, err = f.srv.Process().Usage(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *floor) close() error {
	var errs []error
	if f.browsers != nil {
		errs = append(errs, f.browsers.Close())
	}
	if f.srv != nil {
		errs = append(errs, f.srv.Close())
	}
	return errors.Join(append(errs, f.gen.Close())...)
}

// add fills n more rooms.
func (f *floor) add(ctx context.Context, n int) error {
	for range n {
		if err := f.addRoom(ctx); err != nil {
			return fmt.Errorf("%s, room %d: %w", f.t.server, f.rooms, err)
		}
		f.rooms++
	}
	return nil
}

func (f *floor) addRoom(ctx context.Context) error {
	voices := make([]*load.Stream, len(f.t.codecs))
	seats := make([]peer.Seat, len(f.t.codecs))
	for i, c := range f.t.codecs {
		v, err := f.b.voice(c, f.t.fec)
		if err != nil {
			return err
		}
		voices[i] = v.Comfort
		if i < f.t.talkers {
			voices[i] = v.Speech
		}
		seats[i] = peer.Seat{Codec: c, Client: f.gen.Addr()}
	}
	if f.t.webrtc {
		c, ok := f.srv.(*peer.Cordboard)
		if !ok {
			return errors.New("only cordboard is joined over WebRTC")
		}
		return f.addBrowsers(ctx, c, voices)
	}
	r, err := f.srv.Open(ctx, seats)
	if err != nil {
		return err
	}
	for i, to := range r.Addresses {
		f.gen.Add(to, f.rooms, i, voices[i])
	}
	return nil
}

func (f *floor) addBrowsers(ctx context.Context, c *peer.Cordboard, voices []*load.Stream) error {
	id, err := c.NewRoom(ctx)
	if err != nil {
		return err
	}
	for i, v := range voices {
		if _, err := f.browsers.Add(ctx, f.rooms, i, v, func(ctx context.Context, sdp string) (string, error) { return c.Offer(ctx, id, sdp) }); err != nil {
			return err
		}
	}
	return nil
}

// parties is how many there are.
func (f *floor) parties() int { return f.rooms * len(f.t.codecs) }

// sleep waits; an interrupted wait is an error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case <-time.After(d):
		return nil
	}
}

// cpu measures what the parties cost over the phase's time.
func (f *floor) cpu(ctx context.Context, d time.Duration) (report.Figures, error) {
	var fig report.Figures
	work0 := f.counters(ctx)
	u0, err := f.srv.Process().Usage()
	if err != nil {
		return fig, err
	}
	s := f.gen.Begin()
	if err := sleep(ctx, d); err != nil {
		return fig, err
	}
	u1, err := f.srv.Process().Usage()
	if err != nil {
		return fig, err
	}
	s = f.gen.End(s)
	n, sec := float64(f.parties()), s.Elapsed.Seconds()
	spent := (u1.CPU - u0.CPU).Seconds()
	fig.Parties = report.P(n)
	fig.CPU = report.P(spent * 1e3 / sec / n)
	fig.Core = report.P(spent / sec * 100)
	fig.RSS = report.P(float64(u1.RSS-f.idle.RSS) / n)
	fig.Sent, fig.Heard, fig.Gaps = report.P(s.Sent), report.P(s.Heard), report.P(float64(s.Gaps))
	fig.GeneratorP99 = report.P(report.Percentile(s.Late, 99))
	if work0 != nil {
		work := f.counters(ctx)
		since := func(name string) float64 { return work[name] - work0[name] }
		fig.LateTicks = report.P(since("cordboard_mixer_late_total") + since("cordboard_mixer_skipped_total"))
		fig.Encodes = report.P((since("cordboard_mixer_encodes_total") + since("cordboard_mixer_primed_total")) / sec / n)
		if f.t.record {
			fig.RecEncodes = report.P(since("cordboard_recorder_encoded_total") / sec / n)
			fig.RecDropped = report.P(since("cordboard_recorder_dropped_ticks_total"))
		}
		fig.Decodes = report.P(since("cordboard_mixer_decoded_total") / sec / n)
	}
	return fig, nil
}

// counters are cordboard's own, nil of others.
func (f *floor) counters(ctx context.Context) map[string]float64 {
	c, ok := f.srv.(*peer.Cordboard)
	if !ok {
		return nil
	}
	m, err := c.Metrics(ctx)
	if err != nil {
		return nil
	}
	return m
}

// ears is how many listeners should time bursts or watch the tone: enough for a percentile in seconds.
const ears = 15

// probes is how many rooms are probed, and how many listen in each. Every room has its own place in the tick,
// so many rooms say more than many listeners; but a room that is probed carries less than its usual load, so
// where the load matters no more than half of them are.
func (f *floor) probes(underLoad bool) (rooms, listeners int) {
	rooms = min(f.rooms, ears)
	if underLoad {
		rooms = max(1, min(f.rooms/2, ears))
	}
	return rooms, min(len(f.t.codecs)-1, max(1, ears/rooms))
}

// listen measures with bursts or the tone in the first rooms, beside the load of the others.
func (f *floor) listen(ctx context.Context, d time.Duration, tone, underLoad bool) (load.Sample, error) {
	var failed error
	pick := func(c load.Codec) (say, silence *load.Stream) {
		v, err := f.b.voice(c.Name, f.t.fec)
		if err != nil {
			failed = err
			return nil, nil
		}
		if tone {
			return v.Tone, v.Comfort
		}
		return v.Bursts, v.Comfort
	}
	rooms, listeners := f.probes(underLoad)
	if err := errors.Join(f.gen.Listen(rooms, listeners, pick), failed); err != nil {
		return load.Sample{}, err
	}
	// For the burst that was on its way, and the switch of voices.
	if err := sleep(ctx, 1200*time.Millisecond); err != nil {
		return load.Sample{}, err
	}
	s := f.gen.Begin()
	if err := sleep(ctx, d); err != nil {
		return s, err
	}
	return f.gen.End(s), nil
}

// run is a trial from start to stop.
func (b *bench) run(ctx context.Context, t trial) (r report.Run, err error) {
	r = report.Run{Server: t.name(), LoadAvg: loadAverage()}
	b.bar.step("%s: starting, %d parties", t.name(), t.rooms*len(t.codecs))
	f, err := b.open(ctx, t)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.add(ctx, t.rooms); err != nil {
		return r, err
	}
	b.bar.step("%s: %d parties, warming up", t.name(), f.parties())
	if err := sleep(ctx, b.times.warm); err != nil {
		return r, err
	}
	b.bar.step("%s: %d parties, CPU time", t.name(), f.parties())
	stop := b.profile(f.srv.Process().PID())
	r.Figures, err = f.cpu(ctx, b.times.cpu)
	stop()
	if err != nil {
		return r, err
	}
	if err := f.sound(ctx, &r.Figures); err != nil {
		return r, err
	}
	r.Invalid = invalid(r.Figures)
	return r, nil
}

// sound measures delay and bad frames, where the trial asks for it.
func (f *floor) sound(ctx context.Context, fig *report.Figures) error {
	late := func(s load.Sample) {
		fig.GeneratorP99 = report.P(max(*fig.GeneratorP99, report.Percentile(s.Late, 99)))
	}
	if f.t.probe {
		f.b.bar.step("%s: %d parties, delay", f.t.name(), f.parties())
		s, err := f.listen(ctx, f.b.times.probe, false, false)
		if err != nil {
			return err
		}
		fig.Latency = report.NewLatency(s.Latency)
		late(s)
	}
	if f.t.tone {
		f.b.bar.step("%s: %d parties, bad frames", f.t.name(), f.parties())
		// Loss comes in clusters; it takes longer than the delay.
		s, err := f.listen(ctx, 2*f.b.times.probe, true, false)
		if err != nil {
			return err
		}
		fig.Glitch = report.P(s.GonePct)
		late(s)
		if fig.Latency != nil {
			fig.MOS = report.P(mos(f.t.codecs[len(f.t.codecs)-1], s.GonePct, fig.Latency.P50, f.t.fec > 0))
		}
	}
	return nil
}

// mos estimates what is left of the call's quality (ITU-T G.107) when frames are bad and audio is late.
func mos(codec string, badPct, delayMS float64, fec bool) float64 {
	c := media.PCMU
	if codec == "opus" {
		c = media.Opus
	}
	return quality.Estimate(quality.Path{Codec: c, Loss: badPct / 100, Delay: time.Duration(delayMS * float64(time.Millisecond)), HasFEC: fec})
}

func invalid(f report.Figures) string {
	if f.GeneratorP99 != nil && *f.GeneratorP99 > lateLimit {
		return fmt.Sprintf("the load generator was late: p99 %.1f ms", *f.GeneratorP99)
	}
	return ""
}

// retries of a run that the generator's lateness has spoiled.
const retries = 2

// compare runs trials in turns.
func (b *bench) compare(ctx context.Context, r *report.Result, repeat int, trials ...trial) error {
	for i := range repeat {
		for _, t := range trials {
			// A run that was disturbed is repeated, so that a busy minute does not cost the case; all are kept.
			for try := 0; try <= retries; try++ {
				run, err := b.run(ctx, t)
				if err != nil {
					return fmt.Errorf("%s, run %d: %w", t.name(), i+1, err)
				}
				r.Runs = append(r.Runs, run)
				b.bar.say("%-22s %-10s %s", r.Name, t.name(), brief(run))
				if run.Invalid == "" {
					break
				}
			}
			b.bar.finish()
		}
	}
	r.Sum()
	return nil
}

// brief is a run on one line.
func brief(r report.Run) string {
	var parts []string
	for _, c := range []struct{ name, format string }{
		{"parties", "%.0f parties"},
		{"cpu_ms_per_party_s", "%.2f ms/party-s"},
		{"core_pct", "%.0f %% of the core"},
		{"rss_kb_per_party", "%.0f kB/party"},
		{"latency_ms.p50", "delay %.1f"},
		{"latency_ms.p99", "p99 %.1f ms"},
		{"glitch_pct", "bad frames %.2f %%"},
		{"late_ticks", "%.0f late"},
		{"encodes_per_party_s", "%.1f encodes"},
		{"decodes_per_party_s", "%.1f decodes/party-s"},
		{"recorded_encodes_per_party_s", "%.1f encodes recorded"},
		{"recorded_ticks_dropped", "%.0f ticks dropped"},
		{"record_beyond_encode_ms_per_party_s", "%.2f ms/party-s beyond encodes"},
		{"ready_s", "ready after %.2f s"},
		{"spooled_stored_s", "stored after %.1f s"},
		{"heard_pps_per_party", "%.1f pps back"},
		{"max_parties_per_core", "at most %.0f parties"},
		{"cpu_us_per_call", "%.0f us/call"},
		{"max_calls_per_s", "%.0f calls/s"},
		{"failed_calls", "%.0f failed"},
		{"goroutines_growth", "%.0f goroutines more"},
		{"rss_kb_growth", "%.0f kB more"},
		{"generator_late_p99_ms", "(generator p99 %.1f ms)"},
	} {
		if v, ok := r.Figure(c.name); ok {
			parts = append(parts, fmt.Sprintf(c.format, v))
		}
	}
	if r.Invalid != "" {
		parts = append(parts, "INVALID: "+r.Invalid)
	}
	return strings.Join(parts, ", ")
}

// loadAverage is that of the last minute.
func loadAverage() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	v, _ := strconv.ParseFloat(strings.Fields(string(b))[0], 64)
	return v
}

// newBench prepares: builds cordboard unless a binary is given, reads the speech.
func newBench(ctx context.Context, c common, bar *progress) (*bench, error) {
	dir, err := os.MkdirTemp("", "cordboard-bench")
	if err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	b := &bench{dir: dir, binary: c.Binary, perf: c.Profile, bar: bar, times: times{c.Warm, c.Time, c.ProbeTime}, voices: make(map[string]*load.Voices)}
	if b.speech, err = load.Speech(c.Speech); err != nil {
		return nil, errors.Join(err, b.close())
	}
	if b.binary == "" {
		b.binary = filepath.Join(dir, "bin-cordboard")
		bar.step("building cordboard")
		if err := peer.BuildCordboard(ctx, b.binary); err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	return b, nil
}

func (b *bench) close() error { return os.RemoveAll(b.dir) }
