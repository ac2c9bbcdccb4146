// Package event is the bus that everything which happened goes over, once, in order: a gap-free sequence
// number, a ring of the recent past for readers who come back with a cursor, and an optional store that
// makes it last. Publishing never waits for a reader: one who falls out of the ring gets ErrExpired and
// must read the state afresh; nothing is dropped silently.
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

// Bus numbers and keeps events. The zero Bus is not usable; call New. Safe for concurrent use.
type Bus struct {
	mu      sync.Mutex
	ring    []wire.Event
	next    uint64 // sequence number of the next event; ring[seq%len] holds event seq
	first   uint64 // oldest sequence number in the ring
	perCall map[string]uint64
	wake    chan struct{} // closed and replaced at each publish
	now     func() time.Time
}

// New makes a bus that keeps the last size events and numbers the next one start (1 on a fresh system).
func New(size int, start uint64, now func() time.Time) *Bus {
	return &Bus{ring: make([]wire.Event, size), next: start, first: start,
		perCall: make(map[string]uint64), wake: make(chan struct{}), now: now}
}

// Publish numbers and keeps one event and wakes the readers. data must not be changed afterwards. It
// never blocks for long and returns the event's sequence number.
func (b *Bus) Publish(typ, callID, actor string, data any) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := wire.Event{ID: id.New(id.Event), Seq: b.next, Type: typ, Time: b.now().UTC().Truncate(time.Millisecond),
		CallID: callID, Actor: actor, Data: data}
	if callID != "" {
		b.perCall[callID]++
		e.CallSeq = b.perCall[callID]
		if typ == "call.ended" {
			defer delete(b.perCall, callID)
		}
	}
	b.ring[e.Seq%uint64(len(b.ring))] = e
	b.next++
	if b.next-b.first > uint64(len(b.ring)) {
		b.first = b.next - uint64(len(b.ring))
	}
	close(b.wake)
	b.wake = make(chan struct{})
	return e.Seq
}

// Last is the sequence number of the newest event, 0 before the first on a fresh system.
func (b *Bus) Last() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next - 1
}

// After waits until there are events newer than the cursor and appends up to max of them to dst, oldest
// first. It returns ErrExpired when the cursor has fallen out of the ring, and the context's error.
func (b *Bus) After(ctx context.Context, cursor uint64, dst []wire.Event, limit int) ([]wire.Event, error) {
	for {
		b.mu.Lock()
		if cursor+1 < b.first || cursor >= b.next {
			b.mu.Unlock()
			return dst, ErrExpired
		}
		if cursor+1 < b.next {
			for seq := cursor + 1; seq < b.next && limit > 0; seq++ {
				dst = append(dst, b.ring[seq%uint64(len(b.ring))])
				limit--
			}
			b.mu.Unlock()
			return dst, nil
		}
		wake := b.wake
		b.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return dst, ctx.Err()
		}
	}
}
