package event

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/signaling/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, b *Bus, cursor uint64, limit int) []wire.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	got, err := b.After(ctx, cursor, nil, limit)
	if err != nil {
		t.Fatalf("After(%d): %v", cursor, err)
	}
	return got
}

func seqs(events []wire.Event) (s []uint64) {
	for _, e := range events {
		s = append(s, e.Seq)
	}
	return s
}

func TestSequence(t *testing.T) {
	b := New(8, 1, time.Now)
	for i := range 5 {
		if got := b.Publish("leg.held", "call_1", "agt_1", wire.Leg{}); got != uint64(i+1) {
			t.Fatalf("Publish = %d, want %d", got, i+1)
		}
	}
	if d := cmp.Diff([]uint64{3, 4}, seqs(read(t, b, 2, 2))); d != "" {
		t.Error(d)
	}
	if b.Last() != 5 {
		t.Errorf("Last = %d", b.Last())
	}
}

func TestExpired(t *testing.T) {
	b := New(4, 1, time.Now)
	for range 10 {
		b.Publish("leg.held", "", "", nil)
	}
	for cursor, ok := range map[uint64]bool{0: false, 5: false, 6: true, 9: true, 11: false, 1 << 60: false} {
		_, err := b.After(t.Context(), cursor, nil, 1)
		if (err == nil) != ok || (!ok && !errors.Is(err, ErrExpired)) {
			t.Errorf("cursor %d: %v, want ok %t", cursor, err, ok)
		}
	}
}

// What comes after the end of a call goes on counting.
func TestCallSequenceGoesOnAfterTheEnd(t *testing.T) {
	b := New(64, 1, time.Now)
	b.Publish("call.created", "call_1", "", nil)
	b.Publish("call.created", "call_2", "", nil)
	b.Publish("call.ended", "call_1", "", nil)
	b.Publish("recording.stored", "call_1", "", nil)
	var got []string
	for _, e := range read(t, b, 0, 10) {
		got = append(got, fmt.Sprintf("%s %s %d", e.Type, e.CallID, e.CallSeq))
	}
	want := []string{"call.created call_1 1", "call.created call_2 1", "call.ended call_1 2", "recording.stored call_1 3"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCountersAreBounded(t *testing.T) {
	b := New(4, 1, time.Now)
	for i := range 3 * keepEnded {
		b.Publish("call.ended", fmt.Sprint(i), "", nil)
	}
	if n := len(b.perCall); n != keepEnded {
		t.Errorf("%d counters, want %d", n, keepEnded)
	}
}

func TestManyReadersSeeEverythingInOrder(t *testing.T) {
	const writers, each, readers = 8, 500, 8
	b := New(writers*each, 1, time.Now)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range each {
				b.Publish("leg.held", fmt.Sprint("call_", w), "", nil)
			}
		})
	}
	for range readers {
		wg.Go(func() {
			perCall := make(map[string]uint64)
			var cursor uint64
			for cursor < writers*each {
				events, err := b.After(t.Context(), cursor, nil, 100)
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range events {
					if e.Seq != cursor+1 || e.CallSeq != perCall[e.CallID]+1 {
						t.Errorf("seq %d after %d, call seq %d after %d", e.Seq, cursor, e.CallSeq, perCall[e.CallID])
						return
					}
					cursor, perCall[e.CallID] = e.Seq, e.CallSeq
				}
			}
		})
	}
	wg.Wait()
}

// memory is a Store that can be made to fail.
type memory struct {
	mu     sync.Mutex
	events []wire.Event
	fail   int
}

func (m *memory) Append(events []wire.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail > 0 {
		m.fail--
		return errors.New("disk on fire")
	}
	m.events = append(m.events, events...)
	return nil
}

func (m *memory) Load(after uint64, limit int) ([]wire.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []wire.Event
	for _, e := range m.events {
		if e.Seq > after && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func TestPersistAndRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := New(512, 1, time.Now), &memory{fail: 3}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Persist(ctx, 0, m, slog.New(slog.DiscardHandler)) }()
		for range 300 {
			b.Publish("leg.held", "call_1", "", wire.Leg{ID: "leg_1"})
		}
		time.Sleep(10 * time.Second)
		b.Publish("call.ended", "call_1", "", wire.Call{ID: "call_1"})
		cancel() // the last event is still written
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(m.events) != 301 {
			t.Fatalf("%d events stored, want 301", len(m.events))
		}
		again := New(16, 1, time.Now)
		if err := again.Restore(m); err != nil {
			t.Fatal(err)
		}
		if seq := again.Publish("recording.stored", "call_1", "", nil); seq != 302 {
			t.Errorf("numbering goes on at %d, want 302", seq)
		}
		last := read(t, again, 301, 1)[0]
		if last.CallSeq != 302 {
			t.Errorf("call_seq goes on at %d, want 302", last.CallSeq)
		}
		if got := len(read(t, again, 290, 100)); got != 12 {
			t.Errorf("%d events after 290, want 12", got)
		}
	})
}

func TestPersistTellsWhatItLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := New(8, 1, time.Now), &memory{fail: 1}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		b.Publish("leg.held", "", "", nil)
		go func() { done <- b.Persist(ctx, 0, m, slog.New(slog.DiscardHandler)) }()
		synctest.Wait() // the first Append has failed
		for range 20 {
			b.Publish("leg.held", "", "", nil)
		}
		time.Sleep(time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		// The event in hand is kept, what left the ring meanwhile is not.
		if d := cmp.Diff([]uint64{1, 14, 15, 16, 17, 18, 19, 20, 21}, seqs(m.events)); d != "" {
			t.Error(d)
		}
	})
}

// gate is a Store whose Append waits until it is let through.
type gate struct {
	memory
	pass chan error
}

func (g *gate) Append(events []wire.Event) error {
	if err := <-g.pass; err != nil {
		return err
	}
	return g.memory.Append(events)
}

// What is not on disk is not shown outside, and parts of the server have it at once.
func TestOutsidersWaitForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g := New(512, 1, time.Now), &gate{pass: make(chan error)}
		if err := b.Restore(g); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Persist(ctx, 0, g, slog.New(slog.DiscardHandler)) }()
		var told []uint64
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for cursor := uint64(0); ; {
				events, err := b.AfterKept(ctx, cursor, nil, 100)
				if err != nil {
					return
				}
				for _, e := range events {
					cursor = e.Seq
				}
				told = append(told, seqs(events)...)
			}
		}()
		b.Publish("leg.held", "", "", nil)
		synctest.Wait() // the store has the first
		b.Publish("leg.held", "", "", nil)
		b.Publish("leg.held", "", "", nil)
		synctest.Wait()
		if got := len(read(t, b, 0, 10)); got != 3 || len(told) != 0 || b.LastKept() != 0 {
			t.Errorf("inside %d of 3, outside %v, newest %d before anything is on disk", got, told, b.LastKept())
		}
		g.pass <- nil
		synctest.Wait()
		if d := cmp.Diff([]uint64{1}, told); d != "" || b.LastKept() != 1 {
			t.Errorf("newest %d, %s", b.LastKept(), d)
		}
		g.pass <- nil
		synctest.Wait()
		if d := cmp.Diff([]uint64{1, 2, 3}, told); d != "" || b.LastKept() != 3 {
			t.Errorf("newest %d, %s", b.LastKept(), d)
		}
		cancel()
		<-stopped
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// A store that stays away stops nobody for long; when it is back outsiders wait for it again.
func TestOutsidersGoOnWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, g := New(512, 1, time.Now), &gate{pass: make(chan error)}
		if err := b.Restore(g); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Persist(ctx, 0, g, slog.New(slog.DiscardHandler)) }()
		b.Publish("leg.held", "", "", nil)
		began := time.Now()
		for b.LastKept() == 0 {
			g.pass <- errors.New("disk on fire")
			synctest.Wait()
		}
		if waited := time.Since(began); waited < patience || waited > 2*patience {
			t.Errorf("outsiders waited %v", waited)
		}
		b.Publish("leg.held", "", "", nil)
		if b.LastKept() != 2 {
			t.Errorf("newest outside is %d while the store is away, want 2", b.LastKept())
		}
		g.pass <- nil // back: event 1
		g.pass <- nil // event 2
		synctest.Wait()
		b.Publish("leg.held", "", "", nil)
		synctest.Wait()
		if b.LastKept() != 2 {
			t.Errorf("newest outside is %d, want 2 until 3 is on disk", b.LastKept())
		}
		g.pass <- nil
		synctest.Wait()
		if b.LastKept() != 3 {
			t.Errorf("newest outside is %d, want 3", b.LastKept())
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzAfter(f *testing.F) {
	f.Add(uint64(0), uint64(10), 4, 3)
	f.Fuzz(func(t *testing.T, cursor, publish uint64, size, limit int) {
		size, limit, publish = 1+size&31, 1+limit&63, publish%100
		b := New(size, 1, time.Now)
		for range publish {
			b.Publish("leg.held", "", "", nil)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		got, err := b.After(ctx, cursor, nil, limit)
		if out, errOut := b.AfterKept(ctx, cursor, nil, limit); !errors.Is(errOut, err) || !cmp.Equal(got, out) { // no store: the same
			t.Fatalf("inside %d events, %v; outside %d, %v", len(got), err, len(out), errOut)
		}
		if err == nil && len(got) == 0 || len(got) > min(limit, size) {
			t.Fatalf("%d events, %v", len(got), err)
		}
		for i, e := range got {
			if e.Seq != cursor+1+uint64(i) {
				t.Fatalf("event %d has seq %d after cursor %d", i, e.Seq, cursor)
			}
		}
	})
}
