package event

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	batch     = 256                    // events handed to the store at once
	loadPage  = 1024                   // events asked of the store at once
	retryMin  = 100 * time.Millisecond // wait after a failed Append, doubled up to retryMax
	retryMax  = 5 * time.Second
	lastFlush = 2 * time.Second // what Persist still does after its context has ended
	patience  = 2 * time.Second // how long outsiders wait for a store that fails
)

// Store makes events last. Append is given them in order and must keep all or none; appending one again
// after an error must be harmless. Load returns up to limit events after a sequence number, oldest first,
// and nothing when there are none.
type Store interface {
	Append(events []wire.Event) error
	Load(after uint64, limit int) ([]wire.Event, error)
}

// Restore fills a fresh bus from what a store kept, so that numbering, cursors and the counters of calls go
// on where they were. It must be called before the first Publish.
func (b *Bus) Restore(s Store) error {
	var after uint64
	for {
		events, err := s.Load(after, loadPage)
		if err != nil {
			return fmt.Errorf("event: load: %w", err)
		}
		b.mu.Lock()
		if len(events) == 0 {
			b.lasting, b.kept, b.told = true, b.next-1, b.next-1
			b.mu.Unlock()
			return nil
		}
		for _, e := range events {
			if e.Seq <= after {
				b.mu.Unlock()
				return fmt.Errorf("event: load: event %d follows %d", e.Seq, after)
			}
			if e.Seq != b.next {
				b.begin(e.Seq) // the store begins later, or lost some: the ring starts here
			}
			b.keep(e)
			after = e.Seq
		}
		b.mu.Unlock()
	}
}

// Persist hands every event after the sequence number to the store until ctx ends, then what is left for a
// moment longer. A store that fails is tried again; when it stays away for so long that events leave the
// ring, they are lost to the store, which is logged with their number. It returns nil, or what kept the
// last events from the store.
func (b *Bus) Persist(ctx context.Context, after uint64, s Store, log *slog.Logger) error {
	var events []wire.Event
	for {
		var err error
		events, err = b.After(ctx, after, events[:0], batch)
		switch {
		case errors.Is(err, ErrExpired):
			b.mu.Lock()
			first := b.first
			b.mu.Unlock()
			log.Error("events lost to the store", "count", first-after-1)
			after = first - 1
			b.mark(after)
			continue
		case err != nil:
			return b.flush(after, s)
		}
		wait, began := retryMin, time.Now()
		for err := s.Append(events); err != nil; err = s.Append(events) {
			log.Warn("event store failed", "cause", err, "behind", b.Last()-after)
			if time.Since(began) >= patience && b.leave() {
				log.Error("event store away, events go out without being on disk")
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return b.flush(after, s)
			}
			wait = min(2*wait, retryMax)
		}
		after = events[len(events)-1].Seq
		b.mark(after)
	}
}

// mark says that the store has all events up to one, or never will.
func (b *Bus) mark(seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept, b.away = seq, false
	b.tell(seq)
}

// leave lets outsiders go on without the store until it is back; false when they already do.
func (b *Bus) leave() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.away
	b.away = true
	b.tell(b.next - 1)
	return !was
}

// Kept waits until an event is in the store, where there is one. It returns the context's error.
func (b *Bus) Kept(ctx context.Context, seq uint64) error {
	for {
		b.mu.Lock()
		saved, there := b.saved, !b.lasting || b.kept >= seq
		b.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-saved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// flush writes what is left when the server goes down.
func (b *Bus) flush(after uint64, s Store) error {
	for end := time.Now().Add(lastFlush); after < b.Last(); {
		events, err := b.After(context.Background(), after, nil, batch)
		if err == nil {
			err = s.Append(events)
		}
		if err != nil {
			if time.Now().After(end) || errors.Is(err, ErrExpired) {
				return fmt.Errorf("event: %d events not stored: %w", b.Last()-after, err)
			}
			time.Sleep(retryMin)
			continue
		}
		after = events[len(events)-1].Seq
		b.mark(after)
	}
	return nil
}
