package e2e

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/client"
	"github.com/cordboard/cordboard/signaling/wire"
)

// witness follows the events through kills and remembers what it has seen under which number, and how long after it happened.
type witness struct {
	mu   sync.Mutex
	seen map[uint64]string // seq -> id
	late []time.Duration
}

func (w *witness) follow(ctx context.Context, t *testing.T, c *client.Client) {
	for e, err := range c.Events(ctx, client.EventOptions{After: new(uint64(0))}) {
		if err != nil {
			t.Errorf("the events: %v", err)
			continue
		}
		late := time.Since(e.Time)
		w.mu.Lock()
		w.seen[e.Seq] = e.ID
		w.late = append(w.late, late)
		w.mu.Unlock()
	}
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// storm changes calls as fast as it can until the server is gone or ctx ends.
func storm(ctx context.Context, c *client.Client) (wait func()) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			room, err := c.PostRooms(ctx, wire.RoomRequest{})
			for n := 0; err == nil; n++ {
				value := strconv.Itoa(n)
				_, err = c.PatchCallVariables(ctx, room.CallID, wire.VariablesPatch{"n": &value})
			}
		})
	}
	return wg.Wait
}

// TestEventNumbersOutliveKill: a client follows the events while the server is killed in the middle of many, again and again,
// and resumes where it was. What it has seen under a number the server has under that number when it is back, and nothing
// between is missing.
func TestEventNumbersOutliveKill(t *testing.T) {
	const kills, many = 4, 200
	t.Setenv("CORDBOARD_HTTP_RATE_LIMIT", "100000")
	t.Setenv("CORDBOARD_HTTP_BURST", "100000")
	t.Setenv("CORDBOARD_LOG_LEVEL", "info")
	s := newServer(t, "").start()
	ctx, stop := context.WithCancel(t.Context())
	w := &witness{seen: map[uint64]string{}}
	var followed sync.WaitGroup
	followed.Go(func() { w.follow(ctx, t, s.api()) })
	defer followed.Wait()
	defer stop()
	for range kills {
		before := w.count()
		raging, calm := context.WithCancel(t.Context())
		wait := storm(raging, s.api())
		waitFor(t, patience, "events", func() bool { return w.count() >= before+many })
		time.Sleep(rand.N(20 * time.Millisecond))
		s.kill()
		calm()
		wait()
		s.start()
	}
	// One more event, which only a client that has resumed is given.
	last := must[wire.Room](t)(s.api().PostRooms(soon(t), wire.RoomRequest{}))
	var all []wire.Event
	waitFor(t, patience, "all events in the log", func() bool {
		all = s.everyEvent()
		return slices.ContainsFunc(all, func(e wire.Event) bool { return e.CallID == last.CallID })
	})
	end := all[len(all)-1].Seq
	waitFor(t, patience, "the client has resumed", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.seen[end] != ""
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, e := range all {
		if e.Seq != uint64(i+1) {
			t.Fatalf("event %d of the log has number %d", i+1, e.Seq)
		}
		if w.seen[e.Seq] != e.ID {
			t.Fatalf("number %d is %s now, the client has seen %q under it", e.Seq, e.ID, w.seen[e.Seq])
		}
	}
	slices.Sort(w.late)
	t.Logf("%d events, %d kills; from happening to the client p50 %v, p99 %v, of those that were sent again after a kill too",
		len(all), kills, w.late[len(w.late)/2], w.late[len(w.late)*99/100])
}

// everyEvent is the log so far, as the newest connection is told it.
func (s *server) everyEvent() []wire.Event {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	return slices.Clone(s.seen.list)
}
