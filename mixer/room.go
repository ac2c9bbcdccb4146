package mixer

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

// eventQueue is how many events wait for their reader; more are dropped and counted.
const eventQueue = 64

// EventKind is what a room noticed.
type EventKind uint8

const (
	// SpeakerChanged: Member speaks now; "" when nobody does.
	SpeakerChanged EventKind = iota + 1
	// PlayerFinished: Player's source was done, and the player is gone.
	PlayerFinished
	// ShedChanged: processors that can do less do so since the machine is short of time (Shed), or as much as
	// they should again.
	ShedChanged
	// PassChanged: what Member says passes its Suppressor as it is, for the reason in Passes, or no more ("").
	PassChanged
	// Closed: the room is over, Err as in Room.Err. It is the last event.
	Closed
)

// Event is something a room noticed in a tick.
type Event struct {
	Kind   EventKind
	Tick   uint64
	Member string
	Player string
	Shed   bool
	Passes string
	Err    error
}

// Room is up to MaxMembers parties who hear each other as its matrix says. All methods are safe for
// concurrent use.
type Room struct {
	id     string
	engine *Engine
	home   atomic.Pointer[shard] // whose list it is on, for who only wants to know

	mu    sync.Mutex // before Engine.mu
	shard *shard     // where commands go; written by who holds the lock while no shard has the room
	scene scene
	next  *plan // what the scene has become; installed or on its way

	events  chan Event
	dropped atomic.Uint64
	done    chan struct{}
	speaker atomic.Pointer[source]
	cost    atomic.Uint64 // what a tick takes, smoothed, in no unit

	// The shard's own.
	at      int // place among the shard's rooms
	plan    *plan
	retired []*stream // of plans before, to be forgotten
	doze    doze
	tick    uint64
	ran     uint64 // the last tick that was not skipped
	forgot  uint64 // the tick in which old audio was last overwritten
	floor   floor
	asked   bool // for another plan
	load    float32
	shed    bool // processors have been told to do less
	seats   int  // members of the plan
	over    bool
	err     error // before done is closed
}

func newRoom(e *Engine, s *shard, id string) *Room {
	p := &plan{}
	r := &Room{
		id: id, engine: e, shard: s, next: p, plan: p,
		events: make(chan Event, eventQueue), done: make(chan struct{}), doze: doze{wake: new(atomic.Bool)},
	}
	r.home.Store(s)
	return r
}

// ID is the id the room was opened with.
func (r *Room) ID() string { return r.id }

// Do applies the commands together, between two ticks, in their order, and returns when they are in effect.
// If one of them is invalid or an encoder cannot be had, none is applied. When the shard has too many
// commands waiting it refuses them (503 mixer_busy); on a room that is over it answers 409 room_closed. A
// context that ends while the commands are on their way does not call them back. It is not for use from
// inside a tick.
func (r *Room) Do(ctx context.Context, cmds ...Command) error {
	done := make(chan error, 1)
	if err := r.change(cmds, done); err != nil {
		return err
	}
	return r.wait(ctx, done)
}

// change derives the next scene and plan and sends the plan on its way, or leaves all as it was.
func (r *Room) change(cmds []Command, done chan error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended() {
		return errRoomClosed(r.id)
	}
	sc := r.scene.clone()
	for _, c := range cmds {
		if err := c.apply(&sc); err != nil {
			return err
		}
	}
	return r.adopt(sc, done)
}

// adopt makes a scene the room's and sends its plan to the shard. The caller holds the lock.
func (r *Room) adopt(sc scene, done chan error) error {
	p, err := build(r.engine, r.shard, &sc, r.next)
	if err != nil {
		return fmt.Errorf("mixer: room %s: %w", r.id, err)
	}
	select {
	case r.shard.posts <- post{room: r, op: opPlan, plan: p, done: done}:
	default:
		r.shard.refused.Add(1)
		p.discard(r.engine)
		return errBusy()
	}
	r.scene, r.next = sc, p
	return nil
}

// refresh builds the plan anew because rates or formats have changed or players have ended. When the shard
// is too busy to take it, the tick asks again.
func (r *Room) refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended() {
		return
	}
	sc := r.scene.clone()
	players := sc.players[:0]
	for _, p := range sc.players {
		if !p.source.finished.Load() {
			players = append(players, p)
		}
	}
	clear(sc.players[len(players):])
	sc.players = players
	if err := r.adopt(sc, nil); err != nil {
		select {
		case r.shard.posts <- post{room: r, op: opAgain}:
		default:
		}
	}
}

func (r *Room) wait(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-r.engine.ended:
		select {
		case err := <-done:
			return err
		default:
			return errStopped()
		}
	}
}

func (r *Room) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Close ends the room and waits until its shard has let go of it; before Engine.Run it does not wait. It
// closes no leg. Idempotent.
func (r *Room) Close() error {
	if r.ended() {
		return nil
	}
	if !r.postClose() {
		return nil
	}
	if !r.engine.running() {
		return nil
	}
	select {
	case <-r.done:
	case <-r.engine.ended:
	}
	return nil
}

// postClose tells the shard, and reports false when there is nobody to tell any more.
func (r *Room) postClose() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.shard.posts <- post{room: r, op: opClose}:
		return true
	case <-r.done:
		return false
	case <-r.engine.ended:
		return false
	}
}

// Done is closed when the room is over; Err then says why: nil after Close and when the engine has
// stopped, otherwise the panic in its tick.
func (r *Room) Done() <-chan struct{} { return r.done }

// Err is nil until Done is closed.
func (r *Room) Err() error {
	if !r.ended() {
		return nil
	}
	return r.err
}

// Events tells what the room noticed. The channel holds 64; a full one drops the newest and counts it. It
// is closed after Closed.
func (r *Room) Events() <-chan Event { return r.events }

// Dropped is the number of events nobody took.
func (r *Room) Dropped() uint64 { return r.dropped.Load() }

// Snapshot is the room as the API shows it.
func (r *Room) Snapshot() wire.Room {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := wire.Room{ID: r.id, Members: []wire.Member{}, Matrix: r.scene.matrix()}
	for i := range r.next.ears {
		a := &r.next.ears[i]
		s := &r.scene.seats[a.seat]
		if a.voice {
			continue
		}
		w.RateHz = max(w.RateHz, int(a.key.from))
		w.Members = append(w.Members, wire.Member{
			LegID: a.in.id, Muted: s.muted, Deafened: s.deafened, Held: s.held,
			GainDB: s.db, Level: int(a.in.level.Load()), Pipeline: r.line(a),
		})
	}
	if s := r.speaker.Load(); s != nil && r.scene.seat(s.id) >= 0 {
		w.Speaker = s.id
	}
	return w
}

// String shows the way of each member's voice into the room and of the mix to it, a line each.
func (r *Room) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for i := range r.next.ears {
		if a := &r.next.ears[i]; !a.voice {
			fmt.Fprintf(&b, "%s: %s\n", a.in.id, r.line(a))
		}
	}
	return b.String()
}

// line is one member's way: its leg and processors, the room with the rate its voice is read at, and how
// it gets its audio.
func (r *Room) line(a *ear) string {
	s := &r.scene.seats[a.seat]
	line := s.pipeline()
	for _, f := range r.next.feeds {
		if f.source == a.in {
			line += fmt.Sprintf(" > room %s (%v)", r.id, f.rate)
		}
	}
	from := a.from.Load()
	switch {
	case from != nil:
		line += " > packets of " + from.id
	case a.route == routeMusic:
		line += " > music"
	case a.route == routeNone:
		line += " > nothing"
	case a.key.from != a.key.to && a.format.Codec != 0:
		line += fmt.Sprintf(" > mix (%v) > resample (%v)", a.key.from, a.key.to)
	default:
		line += fmt.Sprintf(" > mix (%v)", a.key.from)
	}
	return line + " > " + a.format.Codec.String()
}

func errRoomClosed(id string) error {
	return problem.Conflict("room_closed", "closed", nil, "room %s is over", id)
}

// emit hands an event to whoever reads them. Called by the shard.
func (r *Room) emit(e Event, c *counts) {
	e.Tick = r.tick
	select {
	case r.events <- e:
	default:
		r.dropped.Add(1)
		c.events++
	}
}

// ask has the plan rebuilt, once.
func (r *Room) ask(c *counts) {
	if r.asked {
		return
	}
	select {
	case r.engine.replan <- r:
		r.asked = true
		c.replans++
	default: // the next tick asks again
	}
}

// finish ends the room. The shard calls it when the room is off its list, or nobody runs the shard.
func (r *Room) finish() {
	if r.over {
		return
	}
	r.over = true
	r.part()
	if r.err == nil { // what panicked may have left an encoder in any state
		for _, s := range r.plan.stock {
			s.wipe()
			r.engine.cfg.PutEncoder(s.encoder)
		}
		r.retire()
	}
	r.shard.seats.Add(-int64(emptyRoom + r.seats))
	r.emit(Event{Kind: Closed, Err: r.err}, &r.shard.scratch.counts)
	close(r.events)
	r.engine.forget(r)
	close(r.done)
}

// retire forgets what the encoders heard that are gone.
func (r *Room) retire() {
	for i, s := range r.retired {
		s.wipe()
		r.retired[i] = nil
	}
	r.retired = r.retired[:0]
}

// part leaves the legs to themselves. One that has panicked before may do so again.
func (r *Room) part() {
	defer func() {
		if v := recover(); v != nil && r.err == nil {
			r.err = fmt.Errorf("mixer: room %s: panic: %v", r.id, v)
		}
	}()
	if d := r.plan.dozer; d != nil {
		d.Doze(nil)
	}
	for i := range r.plan.ears {
		r.plan.ears[i].detach(r.tick + 1)
	}
	for i := range r.plan.feeds {
		if f := &r.plan.feeds[i]; f.member {
			f.seat(false)
		}
	}
}

var _ Leg = media.Leg(nil)
