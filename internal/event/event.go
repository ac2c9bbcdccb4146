// Package event is the bus that everything which happened goes over, once, in order: a gap-free sequence
// number, a ring of the recent past for readers who come back with a cursor, and an optional store that
// makes it last. Publishing never waits for a reader or for the store: a reader who falls out of the ring
// gets ErrExpired and must read the state afresh; nothing is dropped silently.
//
// Whoever is outside is given an event only once it is on disk: what a client has seen under a number, a killed server still
// has under that number when it is back. Parts of the server read events as they happen.
//
//	Publish ──► ring ──┬──────────────────────────────────► After (desk)
//	                   └► Persist, one goroutine, batches ─► Store
//	                                                    └──► AfterKept (WebSockets), Kept (webhooks)
package event

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

// ErrExpired: the cursor is older than what the bus still holds, or newer than what it ever gave.
var ErrExpired = errors.New("event: cursor expired")

// keepEnded is how many ended calls keep their counters, so that what comes after call.ended (a recording
// that reaches its archive much later) goes on counting.
const keepEnded = 16384

// Bus numbers and keeps events. The zero Bus is not usable; call New. Safe for concurrent use.
type Bus struct {
	mu      sync.Mutex
	ring    []wire.Event // grows to size as events come
	size    uint64
	base    uint64 // sequence number that ring[0] was for at first; ring[(seq-base)%size] holds event seq
	next    uint64 // sequence number of the next event
	first   uint64 // oldest sequence number in the ring
	perCall map[string]uint64
	ended   []string // ended calls whose counter is kept, a ring once it is full
	endedAt int
	wake    chan struct{} // closed and replaced at each publish
	lasting bool          // there is a store
	kept    uint64        // newest event the store has
	told    uint64        // newest event outsiders may have: kept, or further while the store is away
	away    bool          // the store has failed for so long that outsiders do not wait for it
	saved   chan struct{} // closed and replaced when kept or told moves
	now     func() time.Time
}

// New makes a bus that keeps the last size events and numbers the next one start (1 on a fresh system).
func New(size int, start uint64, now func() time.Time) *Bus {
	start = max(start, 1)
	return &Bus{
		size: uint64(max(size, 1)), base: start, next: start, first: start,
		told: start - 1, perCall: make(map[string]uint64), wake: make(chan struct{}), saved: make(chan struct{}), now: now,
	}
}

// Publish numbers and keeps one event and wakes the readers. data must not be changed afterwards. It
// never blocks for long and returns the event's sequence number.
func (b *Bus) Publish(typ, callID, actor string, data any) uint64 {
	e := wire.Event{
		ID: id.New(id.Event), Type: typ, Time: b.now().UTC().Truncate(time.Millisecond),
		CallID: callID, Actor: actor, Data: data,
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e.Seq = b.next
	if callID != "" {
		e.CallSeq = b.perCall[callID] + 1
	}
	b.keep(e)
	return e.Seq
}

// keep takes the numbered event into the ring. mu is held.
func (b *Bus) keep(e wire.Event) {
	if e.CallID != "" {
		b.perCall[e.CallID] = e.CallSeq
		if e.Type == "call.ended" {
			b.retire(e.CallID)
		}
	}
	if at := b.slot(e.Seq); at < len(b.ring) {
		b.ring[at] = e
	} else {
		b.ring = append(b.ring, e)
	}
	b.next = e.Seq + 1
	if b.next-b.first > b.size {
		b.first = b.next - b.size
	}
	if !b.lasting || b.away {
		b.tell(e.Seq)
	}
	close(b.wake)
	b.wake = make(chan struct{})
}

// tell lets outsiders have the events up to one and wakes them. mu is held.
func (b *Bus) tell(seq uint64) {
	b.told = max(b.told, seq)
	close(b.saved)
	b.saved = make(chan struct{})
}

// slot is where in the ring an event has its place.
func (b *Bus) slot(seq uint64) int { return int((seq - b.base) % b.size) }

// begin starts an empty ring at a sequence number. mu is held.
func (b *Bus) begin(seq uint64) {
	b.ring, b.base, b.first, b.next = b.ring[:0], seq, seq, seq
}

// retire lets the counter of the call that ended longest ago go when there are too many.
func (b *Bus) retire(callID string) {
	if len(b.ended) < keepEnded {
		b.ended = append(b.ended, callID)
		return
	}
	delete(b.perCall, b.ended[b.endedAt])
	b.ended[b.endedAt] = callID
	b.endedAt = (b.endedAt + 1) % keepEnded
}

// Last is the sequence number of the newest event, 0 before the first on a fresh system.
func (b *Bus) Last() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next - 1
}

// LastKept is the sequence number of the newest event that outsiders may have; see AfterKept. It never goes back, and is at
// most Last.
func (b *Bus) LastKept() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.told
}

// After waits until there are events newer than the cursor and appends up to limit of them to dst, oldest
// first. It returns ErrExpired when the cursor has fallen out of the ring, and the context's error. What it
// gives may not be on disk yet: outsiders read AfterKept.
func (b *Bus) After(ctx context.Context, cursor uint64, dst []wire.Event, limit int) ([]wire.Event, error) {
	return b.after(ctx, cursor, dst, limit, false)
}

// AfterKept is After without the events that are not on disk yet, where there is a store. A store that fails for longer
// than a moment is not waited for: the events come all the same, and only then a kill may take their numbers back.
func (b *Bus) AfterKept(ctx context.Context, cursor uint64, dst []wire.Event, limit int) ([]wire.Event, error) {
	return b.after(ctx, cursor, dst, limit, true)
}

func (b *Bus) after(ctx context.Context, cursor uint64, dst []wire.Event, limit int, outside bool) ([]wire.Event, error) {
	for {
		b.mu.Lock()
		if cursor+1 < b.first || cursor >= b.next {
			b.mu.Unlock()
			return dst, ErrExpired
		}
		end, moved := b.next, b.wake
		if outside {
			end, moved = b.told+1, b.saved
		}
		if cursor+1 < end {
			for seq := cursor + 1; seq < end && limit > 0; seq++ {
				dst = append(dst, b.ring[b.slot(seq)])
				limit--
			}
			b.mu.Unlock()
			return dst, nil
		}
		b.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return dst, ctx.Err()
		}
	}
}
