// Package ledger keeps what is over and never changes again, call records and quarters' tallies, in the order it
// came, on a log of its own: outside the desk's state, so that what a contact centre remembers of its past costs
// disk and no memory. It is read in pieces from either end, and forgotten from the old end.
//
//	closed ──> Keep ──> entry ┐           ┌──> Scan: oldest first, to the end
//	closed ──> Keep ──> entry ├── log ────┤
//	                          ┘   ^       └──> Page: newest first, a page at a time
//	                              └── Forget takes from the old end
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
)

// Log is where a Ledger keeps itself; store.Log is one, Memory another. Get and Bounds may be called while Append
// is.
type Log interface {
	Append(ctx context.Context, data []byte) (seq uint64, err error)
	// Get reads an entry; its error matches the Ledger's gone for one that is not there (any more).
	Get(ctx context.Context, seq uint64) ([]byte, error)
	// Bounds are the first and the last entry; an empty log's first comes after its last.
	Bounds(ctx context.Context) (first, last uint64, err error)
	// Trim forgets all entries before seq.
	Trim(ctx context.Context, seq uint64) error
}

const (
	// perEntry and entryBytes bound an entry of the log.
	perEntry   = 2000
	entryBytes = 1 << 20
	// maxLook is how many entries a page looks at, so that a filter that fits nothing ends.
	maxLook = 2000
)

// Of says what the things of a Ledger are like.
type Of[T any] struct {
	Key func(T) string
	// From and Until are when a thing began and was over. Things must be kept in the order of their Until.
	From, Until func(T) time.Time
	// Gone matches the log's error for an entry that is not there.
	Gone error
}

// entry is one entry of the log.
type entry[T any] struct {
	head
	Items []T `json:"items"`
}

// head is what can be known of an entry without reading its things. At never goes back from entry to entry: no
// thing of it was over later. Reach is how long before the At of its entry a thing has ever begun.
type head struct {
	At    time.Time     `json:"at"`
	Reach time.Duration `json:"reach"`
}

// Ledger is a log of things. Safe for concurrent use.
type Ledger[T any] struct {
	log Log
	of  Of[T]

	mu    sync.Mutex // guards what follows, held over a Keep
	last  head
	doubt bool // what the last Keep has written is not known
}

// Open finds the end of the log.
func Open[T any](ctx context.Context, log Log, of Of[T]) (*Ledger[T], error) {
	l := &Ledger[T]{log: log, of: of}
	return l, l.catchUp(ctx)
}

// catchUp reads the head of the last entry.
func (l *Ledger[T]) catchUp(ctx context.Context) error {
	first, last, err := l.log.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if first <= last {
		h, err := read[head](ctx, l.log, last)
		if err != nil {
			return err
		}
		l.last = h
	}
	l.doubt = false
	return nil
}

func read[E any](ctx context.Context, log Log, seq uint64) (e E, err error) {
	data, err := log.Get(ctx, seq)
	if err != nil {
		return e, fmt.Errorf("ledger: entry %d: %w", seq, err)
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("ledger: entry %d: %w", seq, err)
	}
	return e, nil
}

// Keep writes things down, in as few entries as they fit into, and returns when they are on disk. One that is
// there already is not written again, so things may be given again after an error, or after a crash.
func (l *Ledger[T]) Keep(ctx context.Context, things []T) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doubt {
		if err := l.catchUp(ctx); err != nil {
			return err
		}
	}
	things, err := l.unknown(ctx, things)
	if err != nil {
		return err
	}
	for len(things) > 0 {
		n, err := l.append(ctx, things)
		if err != nil {
			l.doubt = true
			return err
		}
		things = things[n:]
	}
	return nil
}

// unknown leaves out what is there already, or twice.
func (l *Ledger[T]) unknown(ctx context.Context, things []T) ([]T, error) {
	var oldest time.Time // of what might be there
	for _, t := range things {
		if u := l.of.Until(t); !u.After(l.last.At) && (oldest.IsZero() || u.Before(oldest)) {
			oldest = u
		}
	}
	known := map[string]bool{}
	if !oldest.IsZero() {
		if err := l.each(ctx, oldest, func(e entry[T]) bool {
			for _, t := range e.Items {
				known[l.of.Key(t)] = true
			}
			return true
		}); err != nil {
			return nil, err
		}
	}
	out := make([]T, 0, len(things))
	for _, t := range things {
		if k := l.of.Key(t); !known[k] {
			known[k] = true
			out = append(out, t)
		}
	}
	return out, nil
}

// append writes one entry and returns how many of the things went into it.
func (l *Ledger[T]) append(ctx context.Context, things []T) (int, error) {
	h := l.last
	var items []json.RawMessage
	size := 0
	for _, t := range things {
		data, err := json.Marshal(t)
		if err != nil {
			return 0, fmt.Errorf("ledger: %w", err)
		}
		if size += len(data) + 1; len(items) > 0 && (len(items) == perEntry || size > entryBytes) {
			break
		}
		items = append(items, data)
		if u := l.of.Until(t); u.After(h.At) {
			h.At = u
		}
	}
	for _, t := range things[:len(items)] {
		h.Reach = max(h.Reach, h.At.Sub(l.of.From(t)))
	}
	data, err := json.Marshal(entry[json.RawMessage]{h, items})
	if err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	if _, err := l.log.Append(ctx, data); err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	l.last = h
	return len(items), nil
}

// search is the first entry whose At is not before t; last+1 when there is none.
func (l *Ledger[T]) search(ctx context.Context, t time.Time) (seq, first, last uint64, err error) {
	first, last, err = l.log.Bounds(ctx)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("ledger: %w", err)
	}
	lo, hi := first, last+1
	for lo < hi {
		mid := lo + (hi-lo)/2
		h, err := read[head](ctx, l.log, mid)
		if err != nil && !errors.Is(err, l.of.Gone) {
			return 0, 0, 0, err
		}
		if err != nil || h.At.Before(t) { // gone: forgotten since, so it is older
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, first, last, nil
}

// each calls f for the entries whose At is not before from, oldest first, until it returns false.
func (l *Ledger[T]) each(ctx context.Context, from time.Time, f func(entry[T]) bool) error {
	seq, _, last, err := l.search(ctx, from)
	if err != nil {
		return err
	}
	for ; seq <= last; seq++ {
		e, err := read[entry[T]](ctx, l.log, seq)
		if errors.Is(err, l.of.Gone) {
			continue
		}
		if err != nil {
			return err
		}
		if !f(e) {
			return nil
		}
	}
	return nil
}

// Scan calls f for the things that began in [since, until), in the order they were kept, until it returns false;
// zero times are no bounds. One entry is in memory at a time.
func (l *Ledger[T]) Scan(ctx context.Context, since, until time.Time, f func(T) bool) error {
	reach := l.reach()
	return l.each(ctx, since, func(e entry[T]) bool {
		for _, t := range e.Items {
			if l.within(t, since, until) && !f(t) {
				return false
			}
		}
		return until.IsZero() || e.At.Before(until.Add(reach))
	})
}

func (l *Ledger[T]) reach() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.Reach
}

func (l *Ledger[T]) within(t T, since, until time.Time) bool {
	from := l.of.From(t)
	return !from.Before(since) && (until.IsZero() || from.Before(until))
}

// Page is up to limit things that began in [since, until) and fit, newest first, and the cursor of the next page,
// "" when there is none. A page may have fewer things, or none, and a cursor all the same: one request looks at a
// bounded number of entries. The error for a cursor that is none is a *problem.Error.
func (l *Ledger[T]) Page(ctx context.Context, since, until time.Time, cursor string, limit int, fits func(T) bool) (out []T, next string, err error) {
	seq, index, err := position(cursor)
	if err != nil {
		return nil, "", err
	}
	first, last, err := l.log.Bounds(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("ledger: %w", err)
	}
	if cursor == "" {
		seq, index = last, math.MaxInt
		if !until.IsZero() {
			if seq, first, last, err = l.search(ctx, until.Add(l.reach())); err != nil {
				return nil, "", err
			}
		}
	}
	seq = min(seq, last)
	for look := 0; seq >= first && seq > 0; seq, index = seq-1, math.MaxInt {
		if look++; look > maxLook {
			return out, place(seq, math.MaxInt), nil
		}
		e, err := read[entry[T]](ctx, l.log, seq)
		if errors.Is(err, l.of.Gone) {
			return out, "", nil // what is older is forgotten too
		}
		if err != nil {
			return nil, "", err
		}
		if e.At.Before(since) {
			return out, "", nil
		}
		for i := min(index, len(e.Items)) - 1; i >= 0; i-- {
			t := e.Items[i]
			if !l.within(t, since, until) || !fits(t) {
				continue
			}
			if len(out) == limit {
				return out, place(seq, i+1), nil
			}
			out = append(out, t)
		}
	}
	return out, "", nil
}

// place and position write and read a cursor: the entry and how many of its things are left.
func place(seq uint64, index int) string {
	if index == math.MaxInt {
		return strconv.FormatUint(seq, 10)
	}
	return strconv.FormatUint(seq, 10) + "-" + strconv.Itoa(index)
}

func position(cursor string) (seq uint64, index int, err error) {
	if cursor == "" {
		return 0, 0, nil
	}
	a, b, cut := strings.Cut(cursor, "-")
	index = math.MaxInt
	seq, err = strconv.ParseUint(a, 10, 64)
	if err == nil && cut {
		index, err = strconv.Atoi(b)
	}
	if err != nil || index < 0 || seq == 0 {
		e := problem.New(422, "invalid_query", "the cursor is none that this list has given")
		e.Fields = []problem.Field{{Pointer: "?cursor", Code: "invalid"}}
		return 0, 0, e
	}
	return seq, index, nil
}

// Forget takes out the entries all of whose things were over before t.
func (l *Ledger[T]) Forget(ctx context.Context, t time.Time) error {
	seq, first, _, err := l.search(ctx, t)
	if err != nil || seq == first {
		return err
	}
	if err := l.log.Trim(ctx, seq); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}

// ErrGone is the error of a Memory for an entry that is not there.
var ErrGone = errors.New("ledger: no such entry")

// Memory is a Log that does not outlive the process. Safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	entries [][]byte
	before  uint64 // forgotten
}

// Append implements Log.
func (m *Memory) Append(_ context.Context, data []byte) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, slices.Clone(data))
	return m.before + uint64(len(m.entries)), nil
}

// Get implements Log.
func (m *Memory) Get(_ context.Context, seq uint64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seq <= m.before || seq > m.before+uint64(len(m.entries)) {
		return nil, ErrGone
	}
	return m.entries[seq-m.before-1], nil
}

// Bounds implements Log.
func (m *Memory) Bounds(context.Context) (first, last uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.before + 1, m.before + uint64(len(m.entries)), nil
}

// Trim implements Log.
func (m *Memory) Trim(_ context.Context, seq uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := min(int(seq-m.before)-1, len(m.entries)); n > 0 {
		m.entries = slices.Clone(m.entries[n:])
		m.before += uint64(n)
	}
	return nil
}
