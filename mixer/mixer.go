// Package mixer holds the rooms in which parties hear each other. A room is its members plus who hears
// whom and how loud; mute, hold, music, whisper, prompts and recording are settings of that matrix.
//
//	commands > scene > plan            a person's pace, any goroutine, may allocate
//	-------------------|------------------------------------------------------
//	           tick: read > process > tap > mix > encode > write    every 20 ms
//
// A command changes the room's scene; from the scene a plan is derived: which source is read at which
// rate, which sources each listener hears, which encoders stand ready. The shard that owns the room swaps
// the finished plan in between two ticks, so a tick finds everything decided and prepared: it takes no
// lock, allocates nothing, reads no clock, walks no map and waits for nobody. When a tick notices that the
// plan no longer fits (a source carries another rate, a sink wants another format, a prompt has ended) it
// asks the planner for a new one and goes on with the old.
//
// Nobody commands how a listener gets its audio; it follows from what it hears:
//
//	one voice at 0 dB, nothing done to it, the legs agree    its packets are handed on as they arrive
//	the same otherwise                                       that voice's frame, encoded
//	several voices, gains, prompts                           a mix of its own or shared, encoded
//	nothing, or nothing but silence                          a constant payload, no encoder
//	on hold                                                  music, encoded once for a shard and codec
//
// From handing on to mixing a listener goes in the tick that needs it, the other way at most every two
// seconds. Its encoder is warmed up with what the listener heard last, whoever encoded that.
//
// A room in which everybody is only handed on dozes: it runs once in ten ticks and makes up for the others,
// until a command, digits or new terms wake it (see doze.go).
//
// Work is shared inside a tick. A source is read, processed and measured once, and one that nobody hears
// is not decoded. Listeners that hear the same sources at the same gains have one mix between them, and
// those of them that want the same format one encoder, so the silent majority of a conference costs one
// encode; a listener gets a mix of its own only while its own voice is in the others'. A voice that is silent is
// left out of the sum. Sums are exact: a mix is the total less the listener's own voice and whatever it must
// not hear, brought to 16 bits once, at the end. What was encoded of one voice alone goes to the tap as well.
//
// An Engine has a fixed number of shards, each one goroutine with its own phase of the 20 ms. A room stays
// on its shard unless that is too busy and another is not. When all are, processors that can do less do, and
// Opus is encoded with less effort; Admit says when there is no room for another call. What panics inside a room's tick ends that room and no other.
package mixer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// The limits of a room.
const (
	MaxMembers = 8
	MaxPlayers = 8
)

// Period is the length of one tick.
const Period = pcm.Period

// DefaultGateLevel is the level in -dBov from which on a source counts as silent.
const DefaultGateLevel = 65

// Config says how an Engine works. The zero Config is ready to use.
type Config struct {
	// Shards is the number of tick goroutines; 0 is one per CPU the process may use.
	Shards int
	// GateLevel: a source quieter than this (in -dBov) for the time of the hangover is left out of the mix
	// until it speaks up. 0 is DefaultGateLevel, 127 lets everything in that is not digital silence.
	GateLevel uint8
	// Music makes the default hold music; each call starts a new one. nil: held members hear silence.
	Music func() media.Source
	// NoPoll leaves reading their sockets to the legs. Otherwise the tick reads those of legs that can be
	// asked to (media.Poller).
	NoPoll bool
	// MaxBusy is the busy fraction of a shard up to which Admit lets calls in; 0 is DefaultMaxBusy.
	MaxBusy float64
	// MaxLate is the share of a shard's ticks that may begin late before Admit refuses; 0 is DefaultMaxLate.
	MaxLate float64
	// OnEffort is told when the engine begins to try less hard because a shard is too busy, or harder again:
	// the complexity that Opus encoders are kept to now (10: no limit), whether processors that can do less
	// are asked to, which comes before the complexity falls, and the busy fraction of the hottest shard. It is
	// not called from a tick, and must return soon. nil: nobody is told.
	OnEffort func(complexity int8, shed bool, load float64)
	// NewEncoder and PutEncoder replace the pool of media/codec.
	NewEncoder func(media.Format, pcm.Rate) (codec.Encoder, error)
	PutEncoder func(codec.Encoder)
}

// Validate reports what is out of range.
func (c Config) Validate() error {
	if c.Shards < 0 || c.Shards > 1024 {
		return fmt.Errorf("mixer: shards must be 0 to 1024, not %d", c.Shards)
	}
	if c.GateLevel > pcm.LevelSilence {
		return fmt.Errorf("mixer: gate level must be 0 to 127, not %d", c.GateLevel)
	}
	if c.MaxBusy < 0 || c.MaxLate < 0 || c.MaxLate > 1 {
		return fmt.Errorf("mixer: the limits of admission must be positive, and of late ticks at most 1, not %v and %v", c.MaxBusy, c.MaxLate)
	}
	return nil
}

// Processor changes one member's voice before anybody hears it. Process works in place on one frame and
// keeps its rate; it is called by the shard for frames that hold audio, never for silence, must not block
// or allocate, and must cope with a rate that changes between two frames.
type Processor interface {
	Process(f *pcm.Frame)
}

// Shedder is a Processor that can do less while the machine is short of time. Shed is called by the shard,
// between two calls of Process.
type Shedder interface {
	Processor
	Shed(on bool)
}

// Suppressor takes the noise out of one member's voice, live: it stays with the member while it is switched on
// and off, and what changes is blended in. A voice whose Suppressor is idle is treated as if it had none, so its
// packets may be handed on. Process, Rest and Shed are the shard's, the others are asked from any goroutine.
type Suppressor interface {
	Shedder
	// Idle reports that the next frame would pass as it is, and nothing is held back.
	Idle() bool
	// Rest is called when frames stop, after one of silence that brings out what is held back.
	Rest()
	// Inverted reports that it lets the noise through in place of the voice. Taps get the voice then, as it came.
	Inverted() bool
	// Voice is the probability that somebody spoke in the last frame; ok is false where that is not known.
	Voice() (p float32, ok bool)
	// Passes is why what comes passes as it is though it is switched on, one of a few words; "" where it does not.
	Passes() string
}

// Tap is given every member's share of every tick, in the order the members joined their seats. It must not
// block, and everything it is given is borrowed for the call. Ticks that were skipped are missing in the
// count. It is declared here and implemented by the recorder.
type Tap interface {
	Tick(tick uint64, frames []media.Tapped)
}

// DozingTap is a Tap that can do without ticks for a while. What it is told is told in the goroutine of the ticks.
type DozingTap interface {
	Tap
	// Doze says what to ring to be given the ticks that were left out, in the next one, and reports whether the tap
	// can do without ticks now. With nil there is nobody to ring any more.
	Doze(wake *atomic.Bool) bool
	// TickPast is Tick for a tick that was left out and should have been some time ago. They come in order, right
	// before a Tick.
	TickPast(tick uint64, ago time.Duration, frames []media.Tapped)
}

// Engine runs rooms. All methods are safe for concurrent use.
type Engine struct {
	cfg    Config
	shards []*shard
	replan chan *Room    // rooms whose plan no longer fits
	ended  chan struct{} // closed when Run is over
	canned [codecs][]byte
	effort atomic.Int32  // index of efforts
	moves  atomic.Uint64 // rooms moved to another shard

	mu      sync.Mutex
	started bool
	stopped bool
	rooms   map[string]*Room
}

// New makes an engine that does not run yet.
func New(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Shards == 0 {
		cfg.Shards = runtime.GOMAXPROCS(0)
	}
	if cfg.GateLevel == 0 {
		cfg.GateLevel = DefaultGateLevel
	}
	if cfg.MaxBusy == 0 {
		cfg.MaxBusy = DefaultMaxBusy
	}
	if cfg.MaxLate == 0 {
		cfg.MaxLate = DefaultMaxLate
	}
	if cfg.NewEncoder == nil {
		cfg.NewEncoder = codec.NewEncoder
	}
	if cfg.PutEncoder == nil {
		cfg.PutEncoder = codec.PutEncoder
	}
	e := &Engine{cfg: cfg, replan: make(chan *Room, 1024), ended: make(chan struct{}), rooms: make(map[string]*Room)}
	if err := e.can(); err != nil {
		return nil, err
	}
	for i := range cfg.Shards {
		e.shards = append(e.shards, newShard(e, i))
	}
	return e, nil
}

// Run beats until ctx is done, then closes every room that is left. It may be called once.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	if e.started {
		e.mu.Unlock()
		return errors.New("mixer: run twice")
	}
	e.started = true
	e.mu.Unlock()

	var shards, planner, watcher sync.WaitGroup
	epoch := time.Now()
	for i, s := range e.shards {
		s.epoch = epoch.Add(Period * time.Duration(i) / time.Duration(len(e.shards)))
		shards.Go(func() { s.run(ctx) })
	}
	planner.Go(func() { e.plan(ctx) })
	watcher.Go(func() { e.watch(ctx) })
	planner.Wait()
	e.mu.Lock()
	e.stopped = true // no room gets in from here on
	e.mu.Unlock()
	shards.Wait()
	close(e.ended)
	watcher.Wait() // it may have had a room in its hands
	for _, s := range e.shards {
		s.drain()
	}
	return nil
}

// plan rebuilds plans that a tick found wanting, off the tick.
func (e *Engine) plan(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-e.replan:
			r.refresh()
		}
	}
}

// NewRoom opens an empty room on the least loaded shard. The id is unique among open rooms (409
// room_exists). When the engine has stopped it answers 503.
func (e *Engine) NewRoom(id string) (*Room, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return nil, errStopped()
	}
	if e.rooms[id] != nil {
		return nil, problem.Conflict("room_exists", "open", nil, "there is already a room %s", id)
	}
	s := e.shards[0]
	for _, o := range e.shards[1:] {
		if o.weight() < s.weight() {
			s = o
		}
	}
	r := newRoom(e, s, id)
	select {
	case s.posts <- post{room: r, op: opOpen}:
	default:
		s.refused.Add(1)
		return nil, errBusy()
	}
	s.seats.Add(emptyRoom)
	e.rooms[id] = r
	return r, nil
}

// Room finds an open room.
func (e *Engine) Room(id string) (*Room, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r, ok := e.rooms[id]
	return r, ok
}

func (e *Engine) running() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.started
}

func (e *Engine) forget(r *Room) {
	e.mu.Lock()
	if e.rooms[r.id] == r {
		delete(e.rooms, r.id)
	}
	e.mu.Unlock()
}

func errStopped() error {
	return problem.New(http.StatusServiceUnavailable, "shutting_down", "the mixer has stopped")
}

func errBusy() error {
	err := problem.New(http.StatusServiceUnavailable, "mixer_busy", "too many commands are waiting for the mixer")
	err.RetryAfter = 1
	return err
}
