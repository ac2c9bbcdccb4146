package store

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrFenced: somebody else has written to the log since we read it.
var ErrFenced = errors.New("store: log has another writer")

// Log is an append-only sequence of entries with one writer. A second writer is noticed and refused, so a
// process that has lost its turn cannot add to a history that is no longer its own.
type Log struct {
	s      *Store
	name   string
	stream jetstream.Stream

	mu     sync.Mutex // guards the rest, held over an append so that entries keep their order
	last   uint64
	unsure bool // an append has ended without its acknowledgement
}

// Log opens the log of that name (letters, digits, - and _), made on first use.
func (s *Store) Log(name string) (*Log, error) {
	st, err := s.stream(name, 0)
	if err != nil {
		return nil, err
	}
	info := st.CachedInfo()
	return &Log{s: s, name: name, stream: st, last: info.State.LastSeq}, nil
}

// Append adds one entry of at most MaxEntry bytes and returns its sequence number when it is on disk.
// data is borrowed for the call. After an error other than ErrFenced it is unknown whether the entry was
// kept; appending it again must therefore be harmless to whoever reads it.
func (l *Log) Append(ctx context.Context, data []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq, err := l.append(ctx, data)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		if !l.unsure {
			return 0, ErrFenced
		}
		if err := l.caughtUp(ctx); err != nil {
			return 0, err
		}
		seq, err = l.append(ctx, data)
	}
	if err != nil {
		return 0, fmt.Errorf("store: append to %s: %w", l.name, err)
	}
	return seq, nil
}

func (l *Log) append(ctx context.Context, data []byte) (uint64, error) {
	ack, err := l.s.js.Publish(ctx, l.name, data, jetstream.WithExpectLastSequence(l.last))
	if err != nil {
		var api *jetstream.APIError
		l.unsure = l.unsure || !errors.As(err, &api)
		return 0, err
	}
	l.last, l.unsure = ack.Sequence, false
	return ack.Sequence, nil
}

// caughtUp tells a foreign writer from our own entry whose acknowledgement was lost: an unacknowledged
// append leaves the log exactly one ahead.
func (l *Log) caughtUp(ctx context.Context) error {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("store: append to %s: %w", l.name, err)
	}
	if info.State.LastSeq != l.last+1 {
		return ErrFenced
	}
	l.last = info.State.LastSeq
	return nil
}

// Read calls f for every entry after the given sequence number, oldest first, until the last one there is
// or f's error. data is borrowed for the call.
func (l *Log) Read(ctx context.Context, after uint64, f func(seq uint64, data []byte) error) error {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("store: read %s: %w", l.name, err)
	}
	for seq := max(after+1, info.State.FirstSeq); seq <= info.State.LastSeq; seq++ {
		m, err := l.stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return fmt.Errorf("store: read %s: entry %d is missing", l.name, seq)
		}
		if err != nil {
			return fmt.Errorf("store: read %s: %w", l.name, err)
		}
		if err := f(seq, m.Data); err != nil {
			return err
		}
	}
	return nil
}

// Trim forgets all entries before seq.
func (l *Log) Trim(ctx context.Context, seq uint64) error {
	if err := l.stream.Purge(ctx, jetstream.WithPurgeSequence(seq)); err != nil {
		return fmt.Errorf("store: trim %s: %w", l.name, err)
	}
	return nil
}

// Get reads one entry; ErrNotFound for one that was trimmed or is not there yet.
func (l *Log) Get(ctx context.Context, seq uint64) ([]byte, error) {
	m, err := l.stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: read %s: %w", l.name, err)
	}
	return m.Data, nil
}

// Bounds are the sequence numbers of the first and the last entry; an empty log's first comes after its last.
func (l *Log) Bounds(ctx context.Context) (first, last uint64, err error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("store: read %s: %w", l.name, err)
	}
	if info.State.Msgs == 0 {
		return info.State.LastSeq + 1, info.State.LastSeq, nil
	}
	return info.State.FirstSeq, info.State.LastSeq, nil
}
