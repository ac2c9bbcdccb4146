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
	// snapshotPart is how many changes one entry of a snapshot holds, to stay below the log's entry size.
	snapshotPart = 1000
	// partBytes bounds an entry too; a single change may be larger.
	partBytes = 1 << 20

	appendLimit = time.Second
	retryAppend = 500 * time.Millisecond
)

// entry is one write to the log: the changes of one or more steps, whole or not there at all.
type entry struct {
	Version int            `json:"v"`
	Changes []floor.Change `json:"c"`
}

// book writes the floor's changes down. A snapshot is nothing special: the whole state written again as
// changes, after which everything before it can go. So a crash in the middle of one does no harm.
type book struct {
	log     Log
	warn    func(msg string, args ...any)
	pending []floor.Change // not on disk yet
	failed  bool           // the last write failed
	tried   time.Time      // when that was
	entries int            // since the last snapshot
	every   int            // entries after which the log is begun anew; 0: snapshotEvery
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

// write puts what is pending on disk; on error it stays pending. snapshot gives the whole state.
func (b *book) write(snapshot func() []floor.Change) error {
	if len(b.pending) == 0 {
		return nil
	}
	if b.failed && time.Since(b.tried) < retryAppend {
		return errors.New("desk: log cannot be written at the moment")
	}
	_, err := b.append(b.pending)
	if err == nil {
		b.pending = nil
		if b.entries >= cmp.Or(b.every, snapshotEvery) {
			if err := b.renew(snapshot()); err != nil { // the log is whole, only longer than it need be
				b.warn("desk log not shortened", "cause", err)
			}
		}
	}
	b.failed, b.tried = err != nil, time.Now()
	return err
}

// append writes changes in as many entries as their number asks for and returns the first one's number.
func (b *book) append(changes []floor.Change) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), appendLimit)
	defer cancel()
	var first uint64
	for len(changes) > 0 {
		n := part(changes)
		data, err := json.Marshal(entry{Version: version, Changes: changes[:n]})
		if err != nil {
			return 0, fmt.Errorf("desk: write log: %w", err)
		}
		seq, err := b.log.Append(ctx, data)
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

// part is how many of the changes go into one entry.
func part(changes []floor.Change) int {
	size := 0
	for n, c := range changes {
		if size += len(c.Value) + len(c.ID) + 40; n == snapshotPart || n > 0 && size > partBytes {
			return n
		}
	}
	return len(changes)
}

// renew writes a snapshot and forgets what came before it.
func (b *book) renew(state []floor.Change) error {
	b.entries = 0
	if len(state) == 0 {
		return nil
	}
	first, err := b.append(state)
	if err != nil {
		return err
	}
	b.entries = 0
	ctx, cancel := context.WithTimeout(context.Background(), appendLimit)
	defer cancel()
	return b.log.Trim(ctx, first)
}

// close leaves a short log behind.
func (b *book) close(snapshot func() []floor.Change) error {
	if b.log == nil {
		return nil
	}
	b.failed = false
	if err := b.write(snapshot); err != nil {
		return err
	}
	return b.renew(snapshot())
}
