package call

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLeg is a party that hums and listens.
type fakeLeg struct {
	events chan media.Event
	done   chan struct{}
	once   sync.Once
	err    error

	mu    sync.Mutex
	stats media.Stats
	sent  []string // digits
	heard []byte   // what was sent to it, PCMU

	quiet   bool // says nothing
	say     func(dst []int16)
	refuses bool // digits
}

func (f *fakeLeg) setStats(s media.Stats) { f.mu.Lock(); f.stats = s; f.mu.Unlock() }
func (f *fakeLeg) digits() []string       { f.mu.Lock(); defer f.mu.Unlock(); return slices.Clone(f.sent) }

func newFakeLeg() *fakeLeg {
	return &fakeLeg{events: make(chan media.Event, 8), done: make(chan struct{})}
}

func (f *fakeLeg) Rate() pcm.Rate { return pcm.Rate8k }
func (f *fakeLeg) ReadFrame(dst *pcm.Frame) media.Kind {
	if f.quiet {
		dst.Reset(dst.Rate())
		return media.Silence
	}
	if f.say != nil {
		f.say(dst.Samples())
		return media.Audio
	}
	for i := range dst.Samples() {
		dst.Samples()[i] = int16(i%40) * 100
	}
	return media.Audio
}
func (f *fakeLeg) Format() media.Format { return media.Format{Codec: media.PCMU} }
func (f *fakeLeg) WriteFrame(o media.OutFrame) {
	f.mu.Lock()
	f.heard = append(f.heard, o.Payload...)
	f.mu.Unlock()
}

func (f *fakeLeg) SendDigits(s string, _ time.Duration) error {
	if s == "x" {
		return errors.New("no such key: x")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuses {
		return errors.New("no telephone events")
	}
	f.sent = append(f.sent, s)
	return nil
}
func (f *fakeLeg) Stats() media.Stats         { f.mu.Lock(); defer f.mu.Unlock(); return f.stats }
func (f *fakeLeg) Events() <-chan media.Event { return f.events }
func (f *fakeLeg) Done() <-chan struct{}      { return f.done }
func (f *fakeLeg) Err() error                 { return f.err }
func (f *fakeLeg) Close() error               { f.once.Do(func() { close(f.done) }); return nil }
func (f *fakeLeg) String() string             { return "fake" }

// fakeEndpoint is a dialog that does what it is told and remembers it.
type fakeEndpoint struct {
	leg *fakeLeg

	mu    sync.Mutex
	up    bool
	heard []string
	wait  chan struct{} // Answer waits for it when not nil
}

func (f *fakeEndpoint) note(s string) { f.mu.Lock(); f.heard = append(f.heard, s); f.mu.Unlock() }
func (f *fakeEndpoint) did() []string { f.mu.Lock(); defer f.mu.Unlock(); return slices.Clone(f.heard) }

func (f *fakeEndpoint) Media() media.Leg {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.up {
		return nil
	}
	return f.leg
}
func (f *fakeEndpoint) Ring(context.Context) error { f.note("ring"); return nil }
func (f *fakeEndpoint) Answer(context.Context) error {
	if f.wait != nil {
		<-f.wait
	}
	f.note("answer")
	f.mu.Lock()
	f.up = true
	f.mu.Unlock()
	return nil
}

func (f *fakeEndpoint) Hangup(_ context.Context, c Cause) error {
	f.note("hangup " + c.Code)
	return nil
}

func newEndpoint(up bool) *fakeEndpoint { return &fakeEndpoint{leg: newFakeLeg(), up: up} }

type bench struct {
	*Board
	t   *testing.T
	bus *event.Bus
	ctx context.Context

	quiet bool // the parties say nothing
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	return newBenchOf(t, cfg, func(*recorder.Config) {})
}

// newBenchOf makes a bench whose recorder is configured by set.
func newBenchOf(t *testing.T, cfg Config, set func(*recorder.Config)) *bench {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	engine, err := mixer.New(mixer.Config{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	bus := event.New(1024, 1, time.Now)
	dir := t.TempDir()
	rc := recorder.Defaults()
	rc.SpoolDir, rc.Archive.Folder = filepath.Join(dir, "spool"), filepath.Join(dir, "archive")
	set(&rc)
	rec, err := recorder.New(rc, recorder.Deps{Bus: bus, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(cfg, Deps{Engine: engine, Recorder: rec, Bus: bus, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = engine.Run(ctx) })
	wg.Go(func() { _ = rec.Run(ctx) })
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		cancel()
		wg.Wait()
	})
	return &bench{Board: b, t: t, bus: bus, ctx: ctx}
}

// types lists the types of all events so far.
func (b *bench) types() []string {
	b.t.Helper()
	if b.bus.Last() == 0 {
		return nil
	}
	evs, err := b.bus.After(b.ctx, 0, nil, 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, e := range evs {
		if e.Type != "room.speaker_changed" {
			out = append(out, e.Type)
		}
	}
	return out
}

func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	b.t.Fatalf("not within 30 s: %s; events %v", what, b.types())
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) incoming() (*fakeEndpoint, Progress, wire.Call) {
	b.t.Helper()
	ep := newEndpoint(false)
	ep.leg.quiet = b.quiet
	p, c, err := b.Incoming(b.ctx, Inbound{Trunk: "t", From: "+38640111222", To: "1000", Endpoint: ep})
	b.ok(err)
	return ep, p, c
}

func (b *bench) agent(callID, replaces string) (*fakeEndpoint, wire.Leg) {
	b.t.Helper()
	ep := newEndpoint(true)
	ep.leg.quiet = b.quiet
	_, l, err := b.Attach(b.ctx, callID, Attach{Kind: wire.LegWebRTC, Role: wire.RoleAgent, Agent: "agt_a", Endpoint: ep, Replaces: replaces})
	b.ok(err)
	return ep, l
}

func status(err error) (int, string) {
	if err == nil {
		return 0, ""
	}
	e := problem.As(err)
	return e.Status, e.Code
}

func TestOneCall(t *testing.T) {
	b := newBench(t, DefaultConfig())
	b.SetQueueOf(func(to string) (string, error) { return "queue of " + to, nil })
	ep, p, c := b.incoming()
	if c.Queue != "queue of 1000" {
		t.Errorf("the call's queue is %q", c.Queue)
	}
	leg := c.Legs[0].ID
	b.ok(b.Ring(b.ctx, leg, "desk"))
	b.ok(b.Answer(b.ctx, leg, "desk"))
	b.ok(b.Hold(b.ctx, leg, "desk"))
	_, al := b.agent(c.ID, "")
	b.ok(b.Resume(b.ctx, leg, "desk"))
	rec, err := b.StartRecording(b.ctx, c.ID, "desk")
	b.ok(err)
	if rec.Queue != c.Queue {
		t.Errorf("the recording's queue is %q", rec.Queue)
	}
	on := true
	l, err := b.PatchLeg(b.ctx, al.ID, LegPatch{Muted: &on}, "agt_a")
	b.ok(err)
	if !l.Muted {
		t.Error("the leg is not muted")
	}
	b.ok(b.Digits(b.ctx, leg, "12#", 100*time.Millisecond))
	if st, code := status(b.Digits(b.ctx, leg, "x", 0)); st != http.StatusUnprocessableEntity || code != "dtmf_refused" {
		t.Errorf("digits x: %d %s", st, code)
	}
	r, err := b.Room(b.ctx, c.Room)
	b.ok(err)
	if len(r.Members) != 2 {
		t.Errorf("room has %d members, want 2", len(r.Members))
	}
	// The digit is told, but not while the recording is paused.
	ep.leg.events <- media.Event{Kind: media.EventDigit, Digit: '5'}
	b.until("the digit", func() bool { return slices.Contains(b.types(), "leg.dtmf") })
	_, err = b.PauseRecording(b.ctx, rec.ID, time.Minute, "card", "agt_a")
	b.ok(err)
	ep.leg.events <- media.Event{Kind: media.EventDigit, Digit: '9'}
	count := func(typ string) (n int) {
		for _, x := range b.types() {
			if x == typ {
				n++
			}
		}
		return n
	}
	b.until("the hidden digit", func() bool { return count("leg.dtmf") == 2 })
	evs, _ := b.bus.After(b.ctx, 0, nil, 1000)
	var digits []string
	for _, e := range evs {
		if d, isDigit := e.Data.(wire.Digit); isDigit {
			digits = append(digits, d.Digit)
		}
	}
	if !slices.Equal(digits, []string{"5", ""}) {
		t.Errorf("digits told: %q, want 5 and a hidden one", digits)
	}

	p.Ended(Cause{Code: CauseHangup}) // the customer hangs up
	b.until("the call's end", func() bool { return slices.Contains(b.types(), "room.closed") })
	got, err := b.Call(c.ID)
	b.ok(err)
	if got.State != wire.CallEnded || got.Cause != CauseHangup || got.Ended == nil {
		t.Errorf("call ended as %s, cause %q", got.State, got.Cause)
	}
	want := []string{
		"call.created", "leg.ringing", "leg.answered", "call.connected", "leg.held", "leg.answered", "leg.resumed",
		"recording.started", "leg.muted", "leg.dtmf", "recording.paused", "leg.dtmf", "leg.ended", "leg.ended", "call.ended", "recording.stopped", "room.closed",
	}
	types := slices.DeleteFunc(b.types(), func(s string) bool { return s == "recording.stored" || s == "call.changed" })
	if !slices.Equal(types, want) {
		t.Errorf("events\n got %v\nwant %v", types, want)
	}
	if did := ep.did(); !slices.Equal(did, []string{"ring", "answer"}) {
		t.Errorf("the customer's dialog was told %v; a party that hung up needs no BYE", did)
	}
}

func TestAgentLeavesAndComesBack(t *testing.T) {
	b := newBench(t, DefaultConfig())
	_, _, c := b.incoming()
	b.ok(b.Answer(b.ctx, c.Legs[0].ID, "desk"))
	first, l1 := b.agent(c.ID, "")
	second, l2 := b.agent(c.ID, l1.ID)
	r, err := b.Room(b.ctx, c.Room)
	b.ok(err)
	if len(r.Members) != 2 {
		t.Errorf("after a replacement the room has %d members, want 2", len(r.Members))
	}
	b.until("the first leg's end", func() bool { return slices.Contains(first.did(), "hangup "+CauseReplaced) })
	b.ok(b.HangupLeg(b.ctx, l2.ID, CauseHangup, "agt_a"))
	if cc, err := b.Call(c.ID); err != nil || cc.State != wire.CallConnected {
		t.Errorf("the call without its agent is %v (%v), want connected: the customer is there", cc.State, err)
	}
	b.until("the second leg's end", func() bool { return slices.Contains(second.did(), "hangup "+CauseHangup) })
}

func TestMediaLost(t *testing.T) {
	b := newBench(t, DefaultConfig())
	ep, _, c := b.incoming()
	b.ok(b.Answer(b.ctx, c.Legs[0].ID, "desk"))
	ep.leg.err = errors.New("no packets for 15 s")
	_ = ep.leg.Close()
	b.until("the end", func() bool { return slices.Contains(b.types(), "room.closed") })
	if got, _ := b.Call(c.ID); got.Cause != CauseMediaLost {
		t.Errorf("cause %q, want %q", got.Cause, CauseMediaLost)
	}
	if did := ep.did(); !slices.Contains(did, "hangup "+CauseMediaLost) {
		t.Errorf("the dialog was told %v, want a hang-up", did)
	}
}

func TestRefusals(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxCalls = 2
	b := newBench(t, cfg)
	b.SetAdmit(func(_ context.Context, to string) error {
		if to != "1000" {
			return problem.New(http.StatusNotFound, "unknown_number", "no such number")
		}
		return nil
	})
	_, _, c := b.incoming()
	leg := c.Legs[0].ID
	muted := true
	gain := 99.0
	for _, r := range []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"unknown number", func() error {
			_, _, err := b.Incoming(b.ctx, Inbound{To: "666", Endpoint: newEndpoint(false)})
			return err
		}(), 404, "unknown_number"},
		{"hold before the answer", b.Hold(b.ctx, leg, "x"), 409, "leg_not_connected"},
		{"mute before the answer", func() error { _, err := b.PatchLeg(b.ctx, leg, LegPatch{Muted: &muted}, "x"); return err }(), 409, "leg_not_connected"},
		{"gain too high", func() error { _, err := b.PatchLeg(b.ctx, leg, LegPatch{GainDB: &gain}, "x"); return err }(), 422, "invalid_field"},
		{"leg that is not there", b.Hold(b.ctx, "leg_x", "x"), 404, "leg_not_found"},
		{"call that is not there", b.EndCall(b.ctx, "call_x", CauseHangup, "x"), 404, "call_not_found"},
		{"no way out", func() error { _, err := b.Create(b.ctx, NewCall{To: "1"}); return err }(), 503, "no_trunk"},
		{"pause of nothing", func() error { _, err := b.PauseRecording(b.ctx, "rec_x", 0, "", "x"); return err }(), 409, "recording_not_live"},
	} {
		if st, code := status(r.err); st != r.status || code != r.code {
			t.Errorf("%s: %d %s, want %d %s", r.name, st, code, r.status, r.code)
		}
	}
	b.ok(b.Answer(b.ctx, leg, "desk"))
	if st, code := status(b.Answer(b.ctx, leg, "desk")); st != 409 || code != "leg_wrong_state" {
		t.Errorf("second answer: %d %s", st, code)
	}
	for range 7 {
		b.agent(c.ID, "")
	}
	_, _, err := b.Attach(b.ctx, c.ID, Attach{Kind: wire.LegWebRTC, Endpoint: newEndpoint(true)})
	if st, code := status(err); st != 409 || code != "room_full" {
		t.Errorf("ninth party: %d %s", st, code)
	}
	b.incoming()
	_, _, err = b.Incoming(b.ctx, Inbound{To: "1000", Endpoint: newEndpoint(false)})
	if st, code := status(err); st != 503 || code != "call_limit" {
		t.Errorf("third call: %d %s", st, code)
	}
	b.Drain()
	_, _, err = b.Incoming(b.ctx, Inbound{To: "1000", Endpoint: newEndpoint(false)})
	if st, code := status(err); st != 503 || code != "draining" {
		t.Errorf("while draining: %d %s", st, code)
	}
}

// TestHangupCrossesAnswer: the caller gives up while our answer is on its way.
func TestHangupCrossesAnswer(t *testing.T) {
	b := newBench(t, DefaultConfig())
	ep, p, c := b.incoming()
	ep.wait = make(chan struct{})
	answered := make(chan error, 1)
	go func() { answered <- b.Answer(b.ctx, c.Legs[0].ID, "desk") }()
	p.Ended(Cause{Code: CauseCancelled})
	b.until("the call's end", func() bool { return slices.Contains(b.types(), "call.ended") })
	close(ep.wait)
	<-answered // whatever it says, nothing hangs and nothing is left
	b.until("the room's end", func() bool { return slices.Contains(b.types(), "room.closed") })
	if got, _ := b.Call(c.ID); got.Cause != CauseCancelled {
		t.Errorf("cause %q, want %q", got.Cause, CauseCancelled)
	}
}

type fakeDialer struct {
	ep  *fakeEndpoint
	err error
	p   chan Progress
}

func (f *fakeDialer) Dial(_ context.Context, _ DialRequest, p Progress) (Endpoint, error) {
	if f.err != nil {
		return nil, f.err
	}
	f.p <- p
	return f.ep, nil
}

func TestDial(t *testing.T) {
	b := newBench(t, DefaultConfig())
	d := &fakeDialer{ep: newEndpoint(true), p: make(chan Progress, 1)}
	b.SetDialer(d)
	c, err := b.Create(b.ctx, NewCall{To: "+38640999888", From: "1000", Actor: "api"})
	b.ok(err)
	p := <-d.p
	p.Ringing()
	b.until("ringing", func() bool { cc, _ := b.Call(c.ID); return cc.State == wire.CallRinging })
	p.Answered()
	b.until("connected", func() bool { cc, _ := b.Call(c.ID); return cc.State == wire.CallConnected })
	b.ok(b.EndCall(b.ctx, c.ID, CauseHangup, "api"))
	b.until("the hang-up", func() bool { return slices.Contains(d.ep.did(), "hangup "+CauseHangup) })

	d.err = problem.New(http.StatusServiceUnavailable, "no_route", "trunk down")
	if _, err := b.Create(b.ctx, NewCall{To: "1", Actor: "api"}); err == nil {
		t.Error("a dialer's error was lost")
	}
	b.until("no call left", func() bool { return b.Live() == 0 })
}
