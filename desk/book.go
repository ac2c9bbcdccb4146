package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
)

const (
	// version of an entry; entries of older versions can be read, of newer ones not. 2 added waits, open
	// records and configurations; entries of 1 have none, and Restart makes the waits. 3 added journals, tallies
	// and written requests; Restart begins the journals of entries of 2.
	version = 3
	// snapshotEvery is how many entries are written before the log is begun anew.
	snapshotEvery = 5000
	// renewPart is how many things of a renewal go along with each write: they make it longer by a few milliseconds.
	renewPart = 100
	// entryPart is how many changes one entry holds at most, and entryBytes how much, to stay below the log's entry
	// size; a single change may be larger.
	entryPart  = 1000
	entryBytes = 1 << 20

	appendLimit = time.Second
	retryAppend = 500 * time.Millisecond
)

// entry is one write to the log: the changes of one or more steps, whole or not there at all.
type entry struct {
	Version int            `json:"v"`
	Changes []floor.Change `json:"c"`
}

// book writes the floor's changes down. Now and then it begins the log anew: with each write go some things of the
// state as they are then, written as if they had changed, until all have been, and everything before the first of them
// can go. So nobody waits for a snapshot, and a crash in the middle of one does no harm.
type book struct {
	log     Log
	warn    func(msg string, args ...any)
	pending []floor.Change // not on disk yet
	failed  bool           // the last write failed
	tried   time.Time      // when that was
	entries int            // since the log was begun anew
	every   int            // entries after which that is done; 0: snapshotEvery

	left    []floor.Key // of a renewal, still to be written
	begun   uint64      // the entry with the first of them; 0: not written yet
	renewal bool
}

// state is what there is to write down.
type state interface {
	Keys() []floor.Key
	Present(floor.Key) floor.Change
}

// read replays the log.
func (b *book) read() (floor.State, error) {
	s := floor.NewState()
	if b.log == nil {
		return s, nil
	}
	err := b.log.Read(context.Background(), 0, func(seq uint64, data []byte) error {
		b.entries++
		var e entry
		if err := json.Unmarshal(data, &e); err != nil {
			return fmt.Errorf("entry %d: %w", seq, err)
		}
		if e.Version > version {
			return fmt.Errorf("entry %d: written by a newer version (%d)", seq, e.Version)
		}
		for _, c := range e.Changes {
			if err := s.Apply(c); err != nil {
				return fmt.Errorf("entry %d: %w", seq, err)
			}
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("desk: read log: %w", err)
	}
	return s, nil
}

func (b *book) add(c []floor.Change) {
	if b.log != nil {
		b.pending = append(b.pending, c...)
	}
}

// behind reports whether something could not be written and still waits.
func (b *book) behind() bool { return b.failed }

// write puts what is pending on disk; on error it stays pending.
func (b *book) write(now state) error {
	if len(b.pending) == 0 {
		return nil
	}
	if b.failed && time.Since(b.tried) < retryAppend {
		return errors.New("desk: log cannot be written at the moment")
	}
	if !b.failed { // what failed has a part with it
		b.part(now, renewPart)
	}
	return b.flush()
}

// part adds up to n things of a renewal to what is pending.
func (b *book) part(now state, n int) {
	if !b.renewal && b.entries >= cmp.Or(b.every, snapshotEvery) {
		b.renewal, b.begun, b.entries, b.left = true, 0, 0, now.Keys()
	}
	n = min(n, len(b.left))
	for _, k := range b.left[:n] {
		b.pending = append(b.pending, now.Present(k))
	}
	b.left = b.left[n:]
}

// flush puts what is pending on disk, and ends a renewal when nothing of it is left.
func (b *book) flush() error {
	first, err := b.append(b.pending)
	b.failed, b.tried = err != nil, time.Now()
	if err != nil {
		return err
	}
	b.pending = nil
	if !b.renewal {
		return nil
	}
	if b.begun == 0 {
		b.begun = first
	}
	if len(b.left) > 0 {
		return nil
	}
	b.renewal, b.left = false, nil
	ctx, cancel := context.WithTimeout(context.Background(), appendLimit)
	defer cancel()
	if err := b.log.Trim(ctx, b.begun); err != nil { // the log is whole, only longer than it need be
		b.warn("desk log not shortened", "cause", err)
	}
	return nil
}

// append writes changes in as many entries as their number asks for and returns the first one's number.
func (b *book) append(changes []floor.Change) (uint64, error) {
	var first uint64
	for len(changes) > 0 {
		n := fits(changes)
		data, err := json.Marshal(entry{Version: version, Changes: changes[:n]})
		if err != nil {
			return 0, fmt.Errorf("desk: write log: %w", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), appendLimit)
		seq, err := b.log.Append(ctx, data)
		cancel()
		if err != nil {
			return 0, fmt.Errorf("desk: write log: %w", err)
		}
		if first == 0 {
			first = seq
		}
		b.entries++
		changes = changes[n:]
	}
	return first, nil
}

// fits is how many of the changes go into one entry.
func fits(changes []floor.Change) int {
	size := 0
	for n, c := range changes {
		if size += len(c.Value) + len(c.ID) + 40; n == entryPart || n > 0 && size > entryBytes {
			return n
		}
	}
	return len(changes)
}

// close leaves a short log behind.
func (b *book) close(now state) error {
	if b.log == nil {
		return nil
	}
	b.renewal, b.begun, b.entries, b.left = true, 0, 0, now.Keys()
	b.part(now, len(b.left))
	return b.flush()
}
