package mixer

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// fakeLeg is a party whose voice a test makes and whose audio a test keeps.
type fakeLeg struct {
	rate   pcm.Rate
	format media.Format
	say    func(f *pcm.Frame) media.Kind // nil: Absent
	hear   func(o media.OutFrame)        // nil: thrown away

	reads, writes atomic.Uint64
}

func (l *fakeLeg) Rate() pcm.Rate       { return l.rate }
func (l *fakeLeg) Format() media.Format { return l.format }
func (l *fakeLeg) String() string       { return "fake(" + l.format.Codec.String() + ")" }

func (l *fakeLeg) ReadFrame(f *pcm.Frame) media.Kind {
	l.reads.Add(1)
	if l.say == nil {
		f.Reset(f.Rate())
		return media.Absent
	}
	return l.say(f)
}

func (l *fakeLeg) WriteFrame(o media.OutFrame) {
	l.writes.Add(1)
	if l.hear != nil {
		l.hear(o)
	}
}

// raw is an encoder whose payload is the first samples of the frame as they are, so that a test can read
// bit for bit what a listener gets.
type raw struct{}

func (raw) Encode(dst []byte, src *pcm.Frame) (int, error) {
	s := src.Samples()
	s = s[:min(len(s), len(dst)/2)]
	for i, v := range s {
		binary.LittleEndian.PutUint16(dst[2*i:], uint16(v))
	}
	return 2 * len(s), nil
}

func (raw) Reset()                       {}
func (raw) Configure(media.Format) error { return nil }

func unraw(payload []byte) []int16 {
	s := make([]int16, len(payload)/2)
	for i := range s {
		s[i] = int16(binary.LittleEndian.Uint16(payload[2*i:]))
	}
	return s
}

func newRaw(media.Format, pcm.Rate) (codec.Encoder, error) { return raw{}, nil }

func rawConfig() Config {
	return Config{Shards: 1, NewEncoder: newRaw, PutEncoder: func(codec.Encoder) {}}
}

// start runs an engine until the test's end.
func start(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return e
}

func open(t testing.TB, e *Engine, id string, cmds ...Command) *Room {
	t.Helper()
	r, err := e.NewRoom(id)
	if err != nil {
		t.Fatal(err)
	}
	do(t, r, cmds...)
	return r
}

func do(t testing.TB, r *Room, cmds ...Command) {
	t.Helper()
	if err := r.Do(context.Background(), cmds...); err != nil {
		t.Fatal(err)
	}
}

// hand is an engine whose one shard a test turns by hand: nothing runs by itself.
type hand struct {
	t testing.TB
	e *Engine
	s *shard
}

func byHand(t testing.TB, cfg Config) *hand {
	t.Helper()
	cfg.Shards = 1
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &hand{t: t, e: e, s: e.shards[0]}
}

// pump does what shard and planner do between two ticks.
func (h *hand) pump() {
	for {
		select {
		case p := <-h.s.posts:
			h.s.apply(p)
		case r := <-h.e.replan:
			r.refresh()
		default:
			return
		}
	}
}

func (h *hand) open(id string, cmds ...Command) *Room {
	h.t.Helper()
	r, err := h.e.NewRoom(id)
	if err != nil {
		h.t.Fatal(err)
	}
	h.do(r, cmds...)
	return r
}

func (h *hand) try(r *Room, cmds ...Command) error {
	done := make(chan error, 1)
	if err := r.change(cmds, done); err != nil {
		return err
	}
	h.pump()
	return <-done
}

func (h *hand) do(r *Room, cmds ...Command) {
	h.t.Helper()
	if err := h.try(r, cmds...); err != nil {
		h.t.Fatal(err)
	}
}

// tick is one tick of the shard, at a time that goes by as ticks do.
func (h *hand) tick() { h.s.tick(time.Unix(0, 0).Add(time.Duration(h.s.ticks) * Period)) }

func (h *hand) ticks(n int) {
	for range n {
		h.pump()
		h.tick()
		h.s.scratch.flush(&h.s.meter)
	}
}

func events(r *Room) []Event {
	var all []Event
	for {
		select {
		case e, ok := <-r.Events():
			if !ok {
				return all
			}
			all = append(all, e)
		default:
			return all
		}
	}
}
