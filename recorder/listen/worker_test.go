package listen

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// work is a job of n slices, each of which takes d.
func work(id string, n int, d time.Duration, done func()) Job {
	return Job{ID: id, Do: func(ctx context.Context, pace func(context.Context) error) {
		for range n {
			time.Sleep(d)
			if pace(ctx) != nil {
				return
			}
		}
		done()
	}}
}

func TestWorkerKeepsItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorker(10, 0.25, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		start := time.Now()
		finished := make(chan time.Duration, 2)
		for _, id := range []string{"a", "b", "a"} {
			if !w.Add(work(id, 1000, time.Millisecond, func() { finished <- time.Since(start) })) {
				t.Errorf("%s is refused", id)
			}
		}
		synctest.Wait()
		if n := w.Waiting(); n != 2 {
			t.Errorf("%d jobs, want 2", n)
		}
		for i := range 2 {
			want := time.Duration(i+1) * 4 * time.Second
			if got := <-finished; (got - want).Abs() > 50*time.Millisecond {
				t.Errorf("job %d done after %v, want %v", i, got, want)
			}
		}
		synctest.Wait()
		if n := w.Waiting(); n != 0 {
			t.Errorf("%d jobs left", n)
		}
		cancel()
		<-ended
	})
}

func TestWorkerStandsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy atomic.Bool
		busy.Store(true)
		w := NewWorker(1, 1, busy.Load)
		ctx, cancel := context.WithCancel(t.Context())
		go w.Run(ctx)
		finished := make(chan struct{})
		w.Add(work("a", 10, time.Millisecond, func() { close(finished) }))
		time.Sleep(time.Minute)
		select {
		case <-finished:
			t.Error("it worked while the machine was busy")
		default:
		}
		busy.Store(false)
		since := time.Now()
		<-finished
		if d := time.Since(since); d > 2*time.Second {
			t.Errorf("back after %v", d)
		}
		cancel()
	})
}

func TestWorkerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorker(2, 1, nil)
		nothing := func() {}
		for i, want := range []bool{true, true, false} {
			if got := w.Add(work(string(rune('a'+i)), 1, time.Second, nothing)); got != want {
				t.Errorf("job %d: %v", i, got)
			}
		}
		if !w.Add(work("a", 1, time.Second, nothing)) {
			t.Error("a job that waits already is refused")
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { w.Run(ctx); close(ended) }()
		synctest.Wait()
		if !w.Add(work("d", 1, time.Second, nothing)) {
			t.Error("no room though one runs")
		}
		cancel() // in the middle of the first
		<-ended
		if w.Waiting() == 0 {
			t.Error("a cancelled worker did the rest")
		}
	})
}
