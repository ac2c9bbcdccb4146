package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cordboard/cordboard/signaling/wire"
)

// Headers of a batch: the sequence numbers of its first and last event.
const (
	headFirst = "Cordboard-First"
	headLast  = "Cordboard-Last"
)

// EventLog keeps the events of the API with their own sequence numbers, so that a reader may come back
// with a cursor after a restart. Each Append is one message on disk.
type EventLog struct {
	s      *Store
	name   string
	stream jetstream.Stream

	mu   sync.Mutex // guards last
	last uint64     // newest event kept
}

// EventLog opens the log of that name, made on first use. Events older than maxAge are forgotten, 0 for never.
func (s *Store) EventLog(name string, maxAge time.Duration) (*EventLog, error) {
	st, err := s.stream(name, maxAge)
	if err != nil {
		return nil, err
	}
	l := &EventLog{s: s, name: name, stream: st}
	if state := st.CachedInfo().State; state.Msgs > 0 {
		b, err := l.batch(context.Background(), state.LastSeq)
		if err != nil {
			return nil, err
		}
		l.last = b.last
	}
	return l, nil
}

// Last is the sequence number of the newest event kept, 0 when there is none.
func (l *EventLog) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Append keeps a batch of events and returns when they are on disk. Their sequence numbers must follow one
// another. Events that are kept already are passed over, so a batch may be given again after an error.
func (l *EventLog) Append(events []wire.Event) error {
	if len(events) == 0 {
		return nil
	}
	first, last := events[0].Seq, events[len(events)-1].Seq
	if last-first+1 != uint64(len(events)) {
		return fmt.Errorf("store: append events %d to %d: not in sequence", first, last)
	}
	if have := l.Last(); first <= have {
		if last <= have {
			return nil
		}
		events = events[have+1-first:]
		first = have + 1
	}
	data, err := json.Marshal(events)
	if err != nil {
		return fmt.Errorf("store: append events: %w", err)
	}
	if len(data) > MaxEntry && len(events) > 1 {
		half := len(events) / 2
		if err := l.Append(events[:half]); err != nil {
			return err
		}
		return l.Append(events[half:])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if first <= l.last {
		return fmt.Errorf("store: append events %d to %d: somebody else has written up to %d", first, last, l.last)
	}
	m := nats.NewMsg(l.name)
	m.Data = data
	m.Header.Set(headFirst, strconv.FormatUint(first, 10))
	m.Header.Set(headLast, strconv.FormatUint(last, 10))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := l.s.js.PublishMsg(ctx, m); err != nil {
		return fmt.Errorf("store: append events: %w", err)
	}
	l.last = last
	return nil
}

// Load returns up to limit events newer than after, oldest first; fewer mean that there are no more. The
// Data of a loaded event is a json.RawMessage. When the events right after the cursor are forgotten
// already, the answer begins later: compare the first Seq with after+1.
func (l *EventLog) Load(after uint64, limit int) ([]wire.Event, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	info, err := l.stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: load events: %w", err)
	}
	if info.State.Msgs == 0 {
		return nil, nil
	}
	// The first message that holds an event newer than the cursor, by halving.
	lo, hi := info.State.FirstSeq, info.State.LastSeq+1
	for lo < hi {
		mid := lo + (hi-lo)/2
		b, err := l.batch(ctx, mid)
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil, err
		}
		if err != nil || b.last <= after { // not found: aged out since, so it is older
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	var out []wire.Event
	for seq := lo; seq <= info.State.LastSeq && len(out) < limit; seq++ {
		b, err := l.batch(ctx, seq)
		if err != nil {
			return nil, err
		}
		var events []loaded
		if err := json.Unmarshal(b.data, &events); err != nil {
			return nil, fmt.Errorf("store: load events: batch %d: %w", seq, err)
		}
		for _, e := range events {
			// A batch whose acknowledgement was lost may be there twice.
			if e.Seq > after && (len(out) == 0 || e.Seq > out[len(out)-1].Seq) && len(out) < limit {
				ev := wire.Event(e.plain)
				ev.Data = e.Data
				out = append(out, ev)
			}
		}
	}
	return out, nil
}

// plain is wire.Event without its methods, should it ever get any.
type plain wire.Event

// loaded reads an event's data as it is, for it may be any of the API's objects.
type loaded struct {
	plain
	Data json.RawMessage `json:"data"`
}

type batch struct {
	last uint64
	data []byte
}

func (l *EventLog) batch(ctx context.Context, seq uint64) (batch, error) {
	m, err := l.stream.GetMsg(ctx, seq)
	if err != nil {
		return batch{}, fmt.Errorf("store: read events: %w", err)
	}
	last, err := strconv.ParseUint(m.Header.Get(headLast), 10, 64)
	if err != nil {
		return batch{}, fmt.Errorf("store: read events: batch %d has no %s", seq, headLast)
	}
	return batch{last: last, data: m.Data}, nil
}
