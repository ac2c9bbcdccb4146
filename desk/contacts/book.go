package contacts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/desk/numbering"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Log is where a Book keeps itself; store.Log is one.
type Log interface {
	Append(ctx context.Context, data []byte) (seq uint64, err error)
	Read(ctx context.Context, after uint64, f func(seq uint64, data []byte) error) error
}

const (
	// rowsPerEntry keeps an entry below the log's entry size.
	rowsPerEntry = 300
	// MaxNumbers is how many numbers one request may put on the do-not-call list.
	MaxNumbers = 256
)

// entry is one entry of the log; one of the fields is set. A list counts once its Done has been written, so
// an upload that a crash cut short was never there.
type entry struct {
	List    *wire.ContactListing  `json:"list,omitempty"`
	Of      string                `json:"of,omitempty"`
	Rows    []Row                 `json:"rows,omitempty"`
	Done    string                `json:"done,omitempty"`
	Drop    string                `json:"drop,omitempty"`
	Bar     []string              `json:"bar,omitempty"`
	Unbar   []string              `json:"unbar,omitempty"`
	Written []string              `json:"written,omitempty"` // the numbers of Bar or Unbar as they were given; older entries have none
	Records []wire.CampaignRecord `json:"records,omitempty"`
}

type list struct {
	wire.ContactListing
	rows []Row
	done bool
}

// Book is all lists, in memory, and the do-not-call list. Safe for concurrent use.
type Book struct {
	log  Log // nil: nothing outlives the process
	plan numbering.Plan

	writing sync.Mutex   // one upload or mark at a time; taken before mu
	mu      sync.RWMutex // guards what follows
	lists   map[string]*list
	barred  map[string]bool
	closed  map[string][]wire.CampaignRecord // by campaign, in the order they were closed
	known   map[string]bool                  // ids of closed
}

// Open reads the log. The plan says which numbers are the same.
func Open(ctx context.Context, log Log, plan numbering.Plan) (*Book, error) {
	b := &Book{log: log, plan: plan, lists: map[string]*list{}, barred: map[string]bool{}, closed: map[string][]wire.CampaignRecord{}, known: map[string]bool{}}
	if log == nil {
		return b, nil
	}
	if err := log.Read(ctx, 0, func(seq uint64, data []byte) error {
		var e entry
		if err := json.Unmarshal(data, &e); err != nil {
			return fmt.Errorf("contacts: entry %d: %w", seq, err)
		}
		b.apply(e)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("contacts: read log: %w", err)
	}
	for id, l := range b.lists {
		if !l.done {
			delete(b.lists, id)
		}
	}
	return b, nil
}

func (b *Book) apply(e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case e.List != nil:
		b.lists[e.List.ID] = &list{ContactListing: *e.List}
	case e.Of != "":
		if l := b.lists[e.Of]; l != nil {
			l.rows = append(l.rows, e.Rows...)
			if l.done { // one that grows: see Keep
				l.Contacts = len(l.rows)
			}
		}
	case e.Done != "":
		if l := b.lists[e.Done]; l != nil {
			l.done = true
		}
	case e.Drop != "":
		delete(b.lists, e.Drop)
	}
	for _, n := range b.keys(e, e.Bar) {
		b.barred[n] = true
	}
	for _, n := range b.keys(e, e.Unbar) {
		delete(b.barred, n)
	}
	for _, r := range e.Records {
		if !b.known[r.ID] {
			b.known[r.ID] = true
			b.closed[r.Campaign] = append(b.closed[r.Campaign], r)
		}
	}
}

// write puts an entry on disk and then into memory.
func (b *Book) write(ctx context.Context, e entry) error {
	if b.log != nil {
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("contacts: write log: %w", err)
		}
		if _, err := b.log.Append(ctx, data); err != nil {
			return &problem.Error{Status: 503, Code: "store_unavailable", Detail: "the lists cannot be saved at the moment", RetryAfter: 1, Err: err}
		}
	}
	b.apply(e)
	return nil
}

// Add keeps a list under an id.
func (b *Book) Add(ctx context.Context, id, name string, p Parsed, now time.Time) (wire.ContactListing, error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	l := wire.ContactListing{ID: id, Name: name, Contacts: len(p.Rows), Columns: p.Columns, Created: now.UTC().Truncate(time.Millisecond), Faults: p.Faults}
	if err := b.write(ctx, entry{List: &l}); err != nil {
		return l, err
	}
	for rows := range slices.Chunk(p.Rows, rowsPerEntry) {
		if err := b.write(ctx, entry{Of: id, Rows: rows}); err != nil {
			return l, err
		}
	}
	err := b.write(ctx, entry{Done: id})
	l.Errors = p.Errors
	return l, err
}

// Keep puts a contact at the end of a list, which comes to be with its first one. The answer is the row, from 1.
func (b *Book) Keep(ctx context.Context, id, name string, columns []string, row Row, now time.Time) (int, error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	l, err := b.List(id)
	if err != nil {
		fresh := wire.ContactListing{ID: id, Name: name, Columns: columns, Created: now.UTC().Truncate(time.Millisecond)}
		if err := b.write(ctx, entry{List: &fresh}); err != nil {
			return 0, err
		}
		if err := b.write(ctx, entry{Done: id}); err != nil {
			return 0, err
		}
	}
	if l.Contacts >= MaxRows {
		return 0, problem.New(422, "list_full", "a list has at most %d contacts", MaxRows)
	}
	return l.Contacts + 1, b.write(ctx, entry{Of: id, Rows: []Row{row}})
}

// Drop forgets a list.
func (b *Book) Drop(ctx context.Context, id string) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	if _, err := b.List(id); err != nil {
		return err
	}
	return b.write(ctx, entry{Drop: id})
}

// List is one list.
func (b *Book) List(id string) (wire.ContactListing, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	l := b.lists[id]
	if l == nil || !l.done {
		return wire.ContactListing{}, problem.NotFound("list", id)
	}
	return l.ContactListing, nil
}

// Lists are all lists, oldest first.
func (b *Book) Lists() []wire.ContactListing {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := []wire.ContactListing{}
	for _, l := range b.lists {
		if l.done {
			out = append(out, l.ContactListing)
		}
	}
	slices.SortFunc(out, func(a, b wire.ContactListing) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Row is the contact at an index of a list, false beyond its end. Read only.
func (b *Book) Row(id string, i int) (Row, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	l := b.lists[id]
	if l == nil || !l.done || i < 0 || i >= len(l.rows) {
		return Row{}, false
	}
	return l.rows[i], true
}

// Barred says whether a number must not be called.
func (b *Book) Barred(number string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.barred[b.plan.Key(number)]
}

// Key is equal for numbers that are the same.
func (b *Book) Key(number string) string { return b.plan.Key(number) }

// keys are the keys of an entry's barred numbers. Of an older entry it is not known whether a number was national, so
// it counts as both.
func (b *Book) keys(e entry, numbers []string) []string {
	if len(numbers) == 0 {
		return nil
	}
	var out []string
	for _, n := range e.Written {
		out = append(out, b.plan.Key(n))
	}
	if len(e.Written) == 0 {
		for _, n := range numbers {
			out = append(out, n, b.plan.Key(n))
		}
	}
	return out
}

// plain is a number as servers before Written keep it.
func plain(number string) string { return numbering.Plan{}.Key(number) }

// Bar puts numbers on the do-not-call list, or takes them off.
func (b *Book) Bar(ctx context.Context, numbers []string, on bool) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = plain(n)
	}
	if on {
		return b.write(ctx, entry{Bar: out, Written: numbers})
	}
	return b.write(ctx, entry{Unbar: out, Written: numbers})
}

// BarredCount is how many numbers must not be called.
func (b *Book) BarredCount() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.barred)
}

// Close keeps what became of records. One that is known already is not kept again.
func (b *Book) Close(ctx context.Context, records []wire.CampaignRecord) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	return b.write(ctx, entry{Records: records})
}

// Closed are the closed records of a campaign, in the order they were closed. Borrowed, read only.
func (b *Book) Closed(campaign string) []wire.CampaignRecord {
	b.mu.RLock()
	defer b.mu.RUnlock()
	l := b.closed[campaign]
	return l[:len(l):len(l)]
}
