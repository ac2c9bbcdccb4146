package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/store"
	"github.com/cordboard/cordboard/signaling/wire"
)

var (
	_ Plane = (*call.Board)(nil)
	_ Log   = (*store.Log)(nil)
)

func TestRestart_WrapupDeadlinePassedFiresAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor", "eva")
		talking, _ := r.talk("ana")
		r.end("leg_"+talking, "hangup")
		w := r.is("ana", wire.AgentWrapup, "").WrapupID
		r.talk("bor") // will be cut off
		r.ring("100") // rings at eva
		r.offered("eva")
		r.kill()
		time.Sleep(time.Hour)
		r.start(nil) // the calls died with the process

		done := r.events("wrapup.completed")
		if len(done) != 1 || done[0].Data.(wire.Wrapup).ID != w || done[0].Data.(wire.Wrapup).By != "deadline" {
			t.Fatalf("completed: %v", done)
		}
		r.is("ana", wire.AgentNotReady, "restart")
		r.is("bor", wire.AgentWrapup, "") // was in a conversation, so there is work to do after it
		r.is("eva", wire.AgentNotReady, "restart")
		if q := r.Queues()[0]; q.Waiting != 0 {
			t.Fatalf("queue %+v", q)
		}
		went(30 * time.Second)
		r.is("bor", wire.AgentNotReady, "restart")
	})
}

func TestRestart_DeskAloneKeepsTheCalls(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		talking, leg := r.talk("ana")
		waiting := r.ring("100")
		queued := r.offered("bor").Queued
		r.kill()
		time.Sleep(time.Second)
		r.start(r.plane.calls)

		if a := r.is("ana", wire.AgentBusy, ""); a.CallID != talking {
			t.Fatalf("%+v", a)
		}
		r.is("bor", wire.AgentNotReady, "restart")
		r.ready("bor")
		if o := r.offered("bor"); o.CallID != waiting || !o.Queued.Equal(queued) || o.Attempt != 2 {
			t.Fatalf("offer %+v", o)
		}
		r.end(leg, "hangup")
		r.is("ana", wire.AgentWrapup, "")
	})
}

// What was acknowledged is there after a crash at any point.
func TestRestart_NothingAcknowledgedIsLost(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for _, want := range []string{"lunch", "meeting", "training", "lunch"} {
			r.ready("ana")
			if _, err := r.SetState(t.Context(), "ana", wire.AgentNotReady, want, "ana"); err != nil {
				t.Fatal(err)
			}
			state, err := (&book{log: r.store}).read()
			if err != nil {
				t.Fatal(err)
			}
			if a := state.Agents["ana"]; a.Reason != want {
				t.Fatalf("on disk: %+v, want %s", a, want)
			}
			r.kill()
			r.start(nil)
			r.is("ana", wire.AgentNotReady, "restart")
		}
	})
}

func TestBookRenewsAndReads(t *testing.T) {
	m := &memory{}
	b := &book{log: m, warn: func(msg string, args ...any) { t.Log(msg, args) }}
	state := floor.NewState()
	add := func(id string, n int) {
		v, _ := json.Marshal(map[string]any{"raised": true})
		c := []floor.Change{{Kind: floor.KindWatch, ID: id, Value: v}}
		if n%3 == 0 {
			c[0].Value = nil
		}
		if err := state.Apply(c[0]); err != nil {
			t.Fatal(err)
		}
		b.add(c)
		if err := b.write(&state); err != nil {
			t.Fatal(err)
		}
	}
	for n := range snapshotEvery*2 + 10 {
		add(string(rune('a'+n%20)), n)
	}
	if len(m.entries) > snapshotEvery {
		t.Fatalf("the log has %d entries", len(m.entries))
	}
	back, err := (&book{log: m}).read()
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(back.Snapshot())
	want, _ := json.Marshal(state.Snapshot())
	if string(got) != string(want) {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestBookRefusesWhatItCannotRead(t *testing.T) {
	for name, c := range map[string]struct{ entry, want string }{
		"a newer version": {`{"v":4,"c":[]}`, "newer version"},
		"not JSON":        {`{`, "entry 1"},
		"an unknown kind": {`{"v":1,"c":[{"k":"planet","id":"x"}]}`, "unknown kind"},
		"a broken value":  {`{"v":1,"c":[{"k":"agent","id":"x","v":[1]}]}`, "agent x"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{}
			if _, err := m.Append(t.Context(), []byte(c.entry)); err != nil {
				t.Fatal(err)
			}
			_, err := New(testConfig(), Deps{Plane: &plane{}, Bus: event.New(16, 1, time.Now), Store: m})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

// The same on the real store, in real time: state an agent was told survives.
func TestRestart_OnTheRealStore(t *testing.T) {
	dir := t.TempDir()
	for round, want := range []wire.AgentState{wire.AgentOffline, wire.AgentNotReady} {
		s, err := store.Open(store.Config{Dir: dir}, nil)
		if err != nil {
			t.Fatal(err)
		}
		l, err := s.Log("desk")
		if err != nil {
			t.Fatal(err)
		}
		bus := event.New(64, 1, time.Now)
		d, err := New(testConfig(), Deps{Plane: &plane{bus: bus, calls: map[string]*wire.Call{}}, Bus: bus, Store: l})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- d.Run(ctx) }()
		if a, err := d.Agent("ana"); err != nil || a.State != want {
			t.Fatalf("round %d: %+v, %v", round, a, err)
		}
		if _, err := d.SignIn(ctx, "ana"); err != nil {
			t.Fatal(err)
		}
		if a, err := d.SetState(ctx, "ana", wire.AgentReady, "", "ana"); err != nil || a.State != wire.AgentReady {
			t.Fatalf("%+v, %v", a, err)
		}
		cancel()
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		if _, err := d.SignIn(context.Background(), "ana"); !errors.Is(err, errClosed) {
			t.Fatalf("after the end: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A desk whose listener fell behind reads the calls it knows afresh.
func TestResyncAfterLostEvents(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call := r.ring("100")
		r.accept("ana")
		r.plane.mu.Lock()
		c := r.plane.calls[call]
		c.Legs = append(c.Legs, wire.Leg{ID: "leg_silent", CallID: call, Role: wire.RoleAgent, Agent: "ana", State: wire.LegConnected})
		r.plane.mu.Unlock()
		r.post(letter{then: r.resync})
		synctest.Wait()
		r.is("ana", wire.AgentBusy, "")
		r.plane.mu.Lock()
		c.State = wire.CallEnded
		r.plane.mu.Unlock()
		r.post(letter{then: r.resync})
		synctest.Wait()
		r.is("ana", wire.AgentWrapup, "")
	})
}

// Thousands of things are written again a few at a time, so that no write waits for all of them.
func TestRenewalGoesInParts(t *testing.T) {
	m := &memory{}
	b := &book{log: m, warn: func(msg string, args ...any) { t.Error(msg, args) }, every: 30}
	state := floor.NewState()
	change := func(id string, value string) {
		c := floor.Change{Kind: floor.KindOpen, ID: id, Value: json.RawMessage(value)}
		if err := state.Apply(c); err != nil {
			t.Fatal(err)
		}
		b.add([]floor.Change{c})
		if err := b.write(&state); err != nil {
			t.Fatal(err)
		}
		var e entry
		if err := json.Unmarshal(m.entries[m.last], &e); err != nil {
			t.Fatal(err)
		}
		if len(e.Changes) > 1+renewPart {
			t.Fatalf("an entry of %d changes", len(e.Changes))
		}
	}
	const things = 15 * renewPart
	for n := range things { // most are there before the first renewal
		if err := state.Apply(floor.Change{Kind: floor.KindOpen, ID: fmt.Sprintf("%05d", n), Value: json.RawMessage(`"old"`)}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 50 { // a renewal, and some of it changes before its part is written, some after
		change(fmt.Sprintf("%05d", n*53%things), fmt.Sprintf(`"new %d"`, n))
	}
	if b.renewal || len(m.entries) > 20 {
		t.Fatalf("%d entries, in a renewal: %v", len(m.entries), b.renewal)
	}
	back, err := (&book{log: m}).read()
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(back.Open, state.Open) {
		t.Error("what is read is not what was written")
	}
}
