package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Config{Dir: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestLogSurvivesReopen(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	s := open(t, dir)
	l, err := s.Log("desk")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if seq, err := l.Append(ctx, fmt.Appendf(nil, "entry %d", i+1)); err != nil || seq != uint64(i+1) {
			t.Fatalf("append %d: seq %d, %v", i, seq, err)
		}
	}
	if err := l.Trim(ctx, 4); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()

	s = open(t, dir)
	if l, err = s.Log("desk"); err != nil {
		t.Fatal(err)
	}
	if seq, err := l.Append(ctx, []byte("entry 11")); err != nil || seq != 11 {
		t.Fatalf("append after reopen: seq %d, %v", seq, err)
	}
	next := uint64(4)
	err = l.Read(ctx, 0, func(seq uint64, data []byte) error {
		if want := fmt.Sprintf("entry %d", next); seq != next || string(data) != want {
			t.Fatalf("read %d %q, want %d %q", seq, data, next, want)
		}
		next++
		return nil
	})
	if err != nil || next != 12 {
		t.Fatalf("read up to %d: %v", next, err)
	}
}

func TestLogRefusesSecondWriter(t *testing.T) {
	s, ctx := open(t, t.TempDir()), context.Background()
	a, _ := s.Log("desk")
	b, _ := s.Log("desk")
	for range 2 {
		if _, err := a.Append(ctx, []byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Append(ctx, []byte("b")); !errors.Is(err, ErrFenced) {
		t.Fatalf("second writer: %v, want ErrFenced", err)
	}
	if _, err := a.Append(ctx, []byte("a")); err != nil {
		t.Fatalf("first writer: %v", err)
	}
}

// An entry that is there although nobody was told, as after a time-out, is no second writer.
func TestLogGoesOnAfterLostAcknowledgement(t *testing.T) {
	s, ctx := open(t, t.TempDir()), context.Background()
	l, _ := s.Log("desk")
	late, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := l.Append(late, []byte("lost")); err == nil {
		t.Fatal("acknowledged after its time")
	}
	if _, err := s.js.Publish(ctx, "desk", []byte("lost")); err != nil { // it came through all the same
		t.Fatal(err)
	}
	for n := uint64(2); n < 4; n++ {
		if seq, err := l.Append(ctx, []byte("next")); err != nil || seq != n {
			t.Fatalf("entry %d, %v", seq, err)
		}
	}
}

func TestEventLog(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	l, err := s.EventLog("events", 0)
	if err != nil {
		t.Fatal(err)
	}
	if l.Last() != 0 {
		t.Fatalf("fresh log: last %d", l.Last())
	}
	seq := uint64(0)
	for size := range 12 {
		var batch []wire.Event
		for range size {
			seq++
			batch = append(batch, wire.Event{ID: "evt", Seq: seq, Type: "agent.state_changed", Time: time.Unix(int64(seq), 0).UTC(), Data: wire.Agent{ID: "ana"}})
		}
		if err := l.Append(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Append([]wire.Event{{Seq: seq - 1}, {Seq: seq}}); err != nil {
		t.Fatalf("a batch given again: %v", err)
	}
	seq++
	if err := l.Append([]wire.Event{{Seq: seq - 1}, {Seq: seq, Data: 1}}); err != nil || l.Last() != seq {
		t.Fatalf("a batch half known: %v, last %d", err, l.Last())
	}
	l.last = seq - 1 // as if the last acknowledgement had been lost
	if err := l.Append([]wire.Event{{Seq: seq, Data: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Append([]wire.Event{{Seq: seq + 1}, {Seq: seq + 3}}); err == nil {
		t.Fatal("a batch with a hole was taken")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir)
	if l, err = s.EventLog("events", 0); err != nil || l.Last() != seq {
		t.Fatalf("reopened: last %d, want %d, %v", l.Last(), seq, err)
	}
	for after := range seq + 2 {
		got, err := l.Load(after, 7)
		if err != nil {
			t.Fatal(err)
		}
		want := int(min(7, max(seq, after)-after))
		if len(got) != want {
			t.Fatalf("after %d: %d events, want %d", after, len(got), want)
		}
		for i, e := range got {
			if e.Seq != after+uint64(i)+1 {
				t.Fatalf("after %d: event %d has seq %d", after, i, e.Seq)
			}
		}
	}
	got, err := l.Load(3, 1)
	if err != nil {
		t.Fatal(err)
	}
	var a wire.Agent
	if raw, ok := got[0].Data.(json.RawMessage); !ok || json.Unmarshal(raw, &a) != nil || a.ID != "ana" {
		t.Fatalf("data came back as %v", got[0].Data)
	}
}

func TestBucket(t *testing.T) {
	s, ctx := open(t, t.TempDir()), context.Background()
	b, err := s.Bucket("config", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(ctx, "a"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("get of nothing: %v", err)
	}
	seen := make(chan Value, 10)
	watch, cancel := context.WithCancel(ctx)
	over := make(chan error, 1)
	go func() { over <- b.Watch(watch, ">", func(v Value) error { seen <- v; return nil }) }()

	rev, err := b.CompareAndSet(ctx, "a", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.CompareAndSet(ctx, "a", []byte("x"), 0); !errors.Is(err, ErrConflict) {
		t.Fatalf("create of what is there: %v", err)
	}
	if _, err := b.CompareAndSet(ctx, "a", []byte("2"), rev); err != nil {
		t.Fatal(err)
	}
	if _, err := b.CompareAndSet(ctx, "a", []byte("x"), rev); !errors.Is(err, ErrConflict) {
		t.Fatalf("set over a newer revision: %v", err)
	}
	if v, err := b.Get(ctx, "a"); err != nil || string(v.Data) != "2" {
		t.Fatalf("get: %+v, %v", v, err)
	}
	if err := b.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	for v := range seen {
		if v.Deleted {
			break
		}
	}
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Fatalf("watch: %v", err)
	}
}

func TestBucketLeaseRunsOut(t *testing.T) {
	s, ctx := open(t, t.TempDir()), context.Background()
	b, err := s.Bucket("lease", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.CompareAndSet(ctx, "desk", []byte("node1"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.CompareAndSet(ctx, "desk", []byte("node2"), 0); !errors.Is(err, ErrConflict) {
		t.Fatalf("lease taken twice: %v", err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := b.CompareAndSet(ctx, "desk", []byte("node2"), 0); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the lease did not run out")
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"nothing set":   {},
		"a file":        {Dir: file},
		"nobody at url": {URL: "nats://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := Open(cfg, nil); err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
		})
	}
}

func BenchmarkLogAppend(b *testing.B) {
	s, err := Open(Config{Dir: b.TempDir()}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // always nil
	l, err := s.Log("desk")
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 500)
	for b.Loop() {
		if _, err := l.Append(context.Background(), data); err != nil {
			b.Fatal(err)
		}
	}
}

// Entries can be read one by one, from the first that is left to the last, also after a trim of all and a reopen.
func TestLogGetAndBounds(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	l, err := s.Log("past")
	if err != nil {
		t.Fatal(err)
	}
	bounds := func(wantFirst, wantLast uint64) {
		t.Helper()
		if first, last, err := l.Bounds(t.Context()); err != nil || first != wantFirst || last != wantLast {
			t.Errorf("from %d to %d, %v, want %d to %d", first, last, err, wantFirst, wantLast)
		}
	}
	bounds(1, 0)
	for i := range 5 {
		if _, err := l.Append(t.Context(), []byte{byte('a' + i)}); err != nil {
			t.Fatal(err)
		}
	}
	bounds(1, 5)
	if err := l.Trim(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	bounds(3, 5)
	for seq, want := range map[uint64]string{3: "c", 5: "e"} {
		if got, err := l.Get(t.Context(), seq); err != nil || string(got) != want {
			t.Errorf("entry %d is %q, %v", seq, got, err)
		}
	}
	for _, seq := range []uint64{2, 6} {
		if _, err := l.Get(t.Context(), seq); !errors.Is(err, ErrNotFound) {
			t.Errorf("entry %d: %v", seq, err)
		}
	}
	if err := l.Trim(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	bounds(6, 5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = open(t, dir).Log("past"); err != nil {
		t.Fatal(err)
	}
	bounds(6, 5)
	if seq, err := l.Append(t.Context(), []byte("f")); err != nil || seq != 6 {
		t.Errorf("appended as %d, %v", seq, err)
	}
	bounds(6, 6)
}
