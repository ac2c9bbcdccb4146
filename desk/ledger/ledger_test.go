package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
)

type thing struct {
	ID          string    `json:"id"`
	From, Until time.Time `json:",omitzero"`
	Pad         string    `json:"pad,omitempty"`
}

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func ofThing() Of[thing] {
	return Of[thing]{
		Key: func(t thing) string { return t.ID }, From: func(t thing) time.Time { return t.From },
		Until: func(t thing) time.Time { return t.Until }, Gone: ErrGone,
	}
}

// moody fails now and then, sometimes after it has written.
type moody struct {
	Memory
	r *rand.Rand
}

func (m *moody) Append(ctx context.Context, data []byte) (uint64, error) {
	switch m.r.IntN(6) {
	case 0:
		return 0, errors.New("no answer, nothing written")
	case 1:
		_, _ = m.Memory.Append(ctx, data) // never fails
		return 0, errors.New("no answer, but written")
	}
	return m.Memory.Append(ctx, data)
}

// Whatever is kept, in batches, again after errors and after restarts, is there once; every period and page gives
// exactly what a plain list gives.
func TestX7_LedgerIsAList(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		m := &moody{r: r}
		ctx := t.Context()
		l, err := Open(ctx, m, ofThing())
		if err != nil {
			t.Fatal(err)
		}
		var all, pending []thing
		now := epoch
		for n := range 200 {
			now = now.Add(time.Duration(r.IntN(300)) * time.Second)
			life := time.Duration(r.IntN(600)) * time.Second
			if r.IntN(40) == 0 {
				life = 30 * time.Hour
			}
			x := thing{ID: fmt.Sprint(n), From: now.Add(-life), Until: now}
			all, pending = append(all, x), append(pending, x)
			if r.IntN(3) > 0 {
				continue
			}
			if l.Keep(ctx, pending) == nil {
				pending = nil
			}
			if r.IntN(10) == 0 { // a crash: what was given last may be given again
				if l, err = Open(ctx, m, ofThing()); err != nil {
					t.Fatal(err)
				}
				pending = slices.Concat(all[max(0, len(all)-len(pending)-3):len(all)-len(pending)], pending)
			}
		}
		for l.Keep(ctx, pending) != nil {
		}
		for range 60 {
			since, until := epoch.Add(time.Duration(r.IntN(40))*time.Hour-time.Hour), time.Time{}
			if r.IntN(3) > 0 {
				until = since.Add(time.Duration(r.IntN(10)) * time.Hour)
			}
			fits := func(x thing) bool { return seed%2 == 0 || len(x.ID)%2 == 0 }
			var want []string
			for _, x := range all {
				if !x.From.Before(since) && (until.IsZero() || x.From.Before(until)) {
					want = append(want, x.ID)
				}
			}
			var got []string
			if err := l.Scan(ctx, since, until, func(x thing) bool { got = append(got, x.ID); return true }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %s to %s: %v, want %v", seed, since, until, got, want)
			}
			want = slices.DeleteFunc(want, func(id string) bool { return !fits(thing{ID: id}) })
			slices.Reverse(want)
			var pages []string
			cursor, limit := "", 1+r.IntN(9)
			for {
				items, next, err := l.Page(ctx, since, until, cursor, limit, fits)
				if err != nil || len(items) > limit {
					t.Fatalf("%d items, %v", len(items), err)
				}
				for _, x := range items {
					pages = append(pages, x.ID)
				}
				if cursor = next; cursor == "" {
					break
				}
			}
			if !slices.Equal(pages, want) {
				t.Fatalf("seed %d, %s to %s by %d: %v, want %v", seed, since, until, limit, pages, want)
			}
		}
	}
}

func TestX7_LedgerForgets(t *testing.T) {
	ctx, m := t.Context(), &Memory{}
	l, err := Open(ctx, m, ofThing())
	if err != nil {
		t.Fatal(err)
	}
	for day := range 10 {
		at := epoch.AddDate(0, 0, day)
		if err := l.Keep(ctx, []thing{{ID: fmt.Sprint(day), From: at, Until: at}}); err != nil {
			t.Fatal(err)
		}
	}
	_, next, err := l.Page(ctx, time.Time{}, time.Time{}, "", 8, func(thing) bool { return true })
	if err != nil || next == "" {
		t.Fatal(next, err)
	}
	if err := l.Forget(ctx, epoch.AddDate(0, 0, 4)); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := l.Scan(ctx, time.Time{}, time.Time{}, func(x thing) bool { got = append(got, x.ID); return true }); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, "") != "456789" {
		t.Errorf("left: %v", got)
	}
	if items, _, err := l.Page(ctx, time.Time{}, time.Time{}, next, 8, func(thing) bool { return true }); err != nil || len(items) != 0 {
		t.Errorf("a cursor into what is forgotten: %v, %v", items, err)
	}
	if l, err = Open(ctx, m, ofThing()); err != nil {
		t.Fatal(err)
	}
	if err := l.Keep(ctx, []thing{{ID: "9", From: epoch, Until: epoch.AddDate(0, 0, 9)}}); err != nil {
		t.Fatal(err)
	}
	if _, last, _ := m.Bounds(ctx); last != 10 {
		t.Errorf("what is there was written again: %d entries", last)
	}
}

// Entries stay below the log's size, and a page that finds nothing ends.
func TestX7_LedgerIsBounded(t *testing.T) {
	ctx, m := t.Context(), &Memory{}
	l, err := Open(ctx, m, ofThing())
	if err != nil {
		t.Fatal(err)
	}
	big := make([]thing, 40)
	for i := range big {
		big[i] = thing{ID: fmt.Sprint("big", i), From: epoch, Until: epoch, Pad: strings.Repeat("x", 100<<10)}
	}
	if err := l.Keep(ctx, big); err != nil {
		t.Fatal(err)
	}
	for i, e := range m.entries {
		if len(e) > entryBytes+1024 {
			t.Errorf("entry %d has %d bytes", i, len(e))
		}
	}
	for i := range maxLook + 5 {
		at := epoch.Add(time.Duration(i+1) * time.Second)
		if err := l.Keep(ctx, []thing{{ID: fmt.Sprint(i), From: at, Until: at}}); err != nil {
			t.Fatal(err)
		}
	}
	pages, cursor := 0, ""
	for {
		items, next, err := l.Page(ctx, time.Time{}, time.Time{}, cursor, 10, func(x thing) bool { return x.ID == "big3" })
		if pages++; err != nil || pages > 3 {
			t.Fatal(pages, err)
		}
		if len(items) == 1 {
			break
		}
		cursor = next
	}
	if pages != 2 {
		t.Errorf("found on page %d, want 2", pages)
	}
}

func TestX7_CursorsOfOthersAreRefused(t *testing.T) {
	l, err := Open(t.Context(), &Memory{}, ofThing())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"x", "0", "-", "3-", "3--1", "3-x", "99999999999999999999"} {
		if _, _, err := l.Page(t.Context(), time.Time{}, time.Time{}, bad, 5, func(thing) bool { return true }); problem.As(err).Status != 422 {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
	for _, good := range []string{"", "7", "7-0", "7-3"} {
		if _, _, err := l.Page(t.Context(), time.Time{}, time.Time{}, good, 5, func(thing) bool { return true }); err != nil {
			t.Errorf("cursor %q: %v", good, err)
		}
	}
}
