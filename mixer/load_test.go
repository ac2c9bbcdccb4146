package mixer

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// heavy is a leg that takes its time, and keeps the ticks it was written in.
type heavy struct {
	*fakeLeg
	takes atomic.Int64 // time.Duration
	mu    sync.Mutex
	ticks []uint64
	at    []time.Time
}

func newHeavy(takes time.Duration) *heavy {
	l := &heavy{fakeLeg: &fakeLeg{rate: pcm.Rate8k, format: pcmu}}
	l.takes.Store(int64(takes))
	l.say = func(f *pcm.Frame) media.Kind {
		time.Sleep(time.Duration(l.takes.Load()))
		return constant(1000)(f)
	}
	l.hear = func(o media.OutFrame) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ticks = append(l.ticks, o.Tick)
		l.at = append(l.at, time.Now())
	}
	return l
}

// TestRoomsMoveFromAHotShard: four busy rooms on one shard and none on the other become two and two, and no
// listener misses a tick.
func TestRoomsMoveFromAHotShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := rawConfig()
		cfg.Shards = 2
		cfg.Music = func() media.Source { return &prompt{value: 700, left: 1 << 30} }
		e := start(t, cfg)
		var legs []*heavy
		var rooms []*Room
		empty := 0
		for i := 0; len(rooms) < 4; i++ {
			r := open(t, e, fmt.Sprint(i))
			if r.home.Load() == e.shards[1] {
				empty++
				continue
			}
			l := newHeavy(4 * time.Millisecond)
			legs = append(legs, l)
			rooms = append(rooms, r)
			held := newHeavy(0)
			legs = append(legs, held)
			do(t, r, Join{ID: "a", Leg: l}, Join{ID: "b", Leg: newHeavy(0)}, Join{ID: "h", Leg: held}, Hold{ID: "h", On: true})
		}
		time.Sleep(12 * time.Second)
		s := e.Stats()
		if s.Moves != 2 {
			t.Errorf("%d rooms moved, want 2", s.Moves)
		}
		seats := 0
		for i, sh := range s.Shards {
			seats += sh.Seats
			if sh.Busy < 0.35 || sh.Busy > 0.45 {
				t.Errorf("shard %d: busy %.2f", i, sh.Busy)
			}
		}
		if want := 4*(emptyRoom+3) + empty*emptyRoom; seats != want {
			t.Errorf("%d seats, want %d", seats, want)
		}
		for i, l := range legs {
			l.mu.Lock()
			ticks, at := slices.Clone(l.ticks), slices.Clone(l.at)
			l.mu.Unlock()
			for k := 1; k < len(ticks); k++ {
				if ticks[k] != ticks[k-1]+1 {
					t.Fatalf("leg %d: tick %d follows tick %d", i, ticks[k], ticks[k-1])
				}
				if gap := at[k].Sub(at[k-1]); gap > 2*Period {
					t.Fatalf("leg %d: %v between two ticks", i, gap)
				}
			}
			if n := len(ticks); n < 595 {
				t.Errorf("leg %d had %d ticks in 12 s", i, n)
			}
		}
		for _, r := range rooms { // commands find their room
			do(t, r, Mute{ID: "a", On: true})
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestMovesAndCommands moves rooms to and fro while commands come, for the race detector.
func TestMovesAndCommands(t *testing.T) {
	cfg := rawConfig()
	cfg.Shards = 2
	e := start(t, cfg)
	var work sync.WaitGroup
	for i := range 3 {
		leg := newVoice(1000)
		r := open(t, e, fmt.Sprint(i), Join{ID: "a", Leg: leg}, Join{ID: "b", Leg: newVoice(1)})
		work.Go(func() {
			for k := range 60 {
				do(t, r, Mute{ID: "a", On: k%2 == 0})
				_ = r.Snapshot()
			}
		})
		work.Go(func() {
			for k := range 20 {
				if !r.move(e.shards[k%2]) && r.home.Load() != e.shards[k%2] {
					t.Error("did not move")
				}
			}
		})
	}
	work.Wait()
	seats := 0
	for _, s := range e.Stats().Shards {
		seats += s.Seats
	}
	if seats != 3*(emptyRoom+2) {
		t.Errorf("%d seats after the moves, want %d", seats, 3*(emptyRoom+2))
	}
	r, _ := e.Room("0")
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if r.move(e.shards[0]) || r.move(e.shards[1]) {
		t.Error("a room that is over moved")
	}
}

// tuned is an encoder that keeps its settings.
type tuned struct {
	raw
	mu     *sync.Mutex
	format *media.Format
}

func (c tuned) Configure(f media.Format) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.format = f
	return nil
}

// shedder is a processor that can do less.
type shedder struct {
	noop
	mu  sync.Mutex
	off bool
}

func (s *shedder) Shed(on bool) { s.mu.Lock(); s.off = on; s.mu.Unlock() }
func (s *shedder) shed() bool   { s.mu.Lock(); defer s.mu.Unlock(); return s.off }

// TestEffort: under load processors are shed, then the complexity falls step by step; when the load is gone
// for five seconds, all comes back step by step.
func TestEffort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var now media.Format
		var told []int8
		cfg := Config{
			Shards:     1,
			NewEncoder: func(media.Format, pcm.Rate) (codec.Encoder, error) { return tuned{raw{}, &mu, &now}, nil },
			PutEncoder: func(codec.Encoder) {},
			OnEffort: func(c int8, _ bool, load float64) {
				told = append(told, c)
				if (load > strained) == (load < relaxed) {
					t.Errorf("told of a load of %v", load)
				}
			},
		}
		e := start(t, cfg)
		l := newHeavy(18 * time.Millisecond)
		pr := &shedder{}
		opus := newTalker(48000, opusFormat)
		opus.hear = nil
		open(t, e, "r", Join{ID: "a", Leg: l, Processors: []Processor{pr}}, Join{ID: "b", Leg: opus})
		time.Sleep(3 * time.Second)
		if !pr.shed() || e.Stats().Complexity != 10 {
			t.Error("not shed first")
		}
		late := &shedder{}
		do(t, mustRoom(t, e, "r"), SetProcessors{ID: "a", Processors: []Processor{late}})
		time.Sleep(Period)
		if !late.shed() {
			t.Error("a processor that comes under load is not shed")
		}
		time.Sleep(8 * time.Second)
		mu.Lock()
		got := now
		mu.Unlock()
		if got.Complexity != 0 || got.Bitrate != opusFormat.Bitrate || e.Stats().Complexity != 0 {
			t.Errorf("under load the encoder is set to %+v", got)
		}
		if err := e.Admit(); err == nil || problem.As(err).Status != 503 || problem.As(err).RetryAfter == 0 || code(err) != "overloaded" {
			t.Errorf("under load a call is answered %v", err)
		}
		l.takes.Store(0)
		time.Sleep(4 * time.Second)
		if e.Stats().Complexity != 0 {
			t.Error("back before five calm seconds")
		}
		time.Sleep(21 * time.Second)
		if late.shed() || e.Stats().Complexity != 10 {
			t.Error("not back to all that is wanted")
		}
		if err := e.Admit(); err != nil {
			t.Errorf("without load a call is answered %v", err)
		}
		want := []int8{10, 3, 1, 0, 1, 3, 10, 10}
		if fmt.Sprint(told) != fmt.Sprint(want) {
			t.Errorf("told %v, want %v", told, want)
		}
	})
}

func mustRoom(t *testing.T, e *Engine, id string) *Room {
	t.Helper()
	r, ok := e.Room(id)
	if !ok {
		t.Fatal("no room " + id)
	}
	return r
}

// TestAdmission: what was placed and does not show yet counts, and so do late ticks.
func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := rawConfig()
		e := start(t, cfg)
		n := 0
		for ; n < 1000 && e.Admit() == nil; n++ {
			open(t, e, fmt.Sprint(n), Join{ID: "a", Leg: newVoice(1)}, Join{ID: "b", Leg: newVoice(1)})
		}
		if n < 50 || n > 100 {
			t.Errorf("%d calls admitted at once without knowing what they cost", n)
		}
		time.Sleep(5 * time.Second)
		if err := e.Admit(); err != nil {
			t.Errorf("refused although they cost next to nothing: %v", err)
		}
		slow := newHeavy(0)
		k := 0
		slow.say = func(f *pcm.Frame) media.Kind {
			if k++; k%3 == 0 {
				time.Sleep(26 * time.Millisecond) // the next tick is late
			}
			return constant(1)(f)
		}
		open(t, e, "slow", Join{ID: "a", Leg: slow})
		time.Sleep(3 * time.Second)
		if busy := e.Load(); busy > 0.5 || code(e.Admit()) != "overloaded" {
			t.Errorf("busy %.2f with late ticks: %v", busy, e.Admit())
		}
	})
	for _, bad := range []Config{{MaxBusy: -1}, {MaxLate: 2}, {MaxLate: -1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
}
