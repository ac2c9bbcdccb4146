package desk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// busyConfig is a small contact centre with everything that has deadlines.
func busyConfig() Config {
	c := Config{
		Queues: []Queue{
			{ID: "main", Prompts: floor.Prompts{Welcome: "w.wav", Position: true, Every: Seconds(30)}, MaxWait: Seconds(240), Overflow: floor.Target{Kind: floor.TargetQueue, To: "back"}},
			{ID: "back", Skills: []floor.Need{{Skill: "de", Level: 4, RelaxAfter: Seconds(20)}}},
		},
		Numbers: []Number{{Number: "100", Queue: "main"}, {Number: "200", Queue: "back", Priority: 3}, {Number: "300", Queue: "main", Stage: "new"}},
		Stages:  []floor.Stage{{ID: "new", Kind: floor.StageNew, Agents: []string{"a1", "a2"}}},
		Skills:  []floor.Skill{{ID: "de"}},
	}
	for i := range 6 {
		a := Agent{ID: fmt.Sprintf("a%d", i)}
		if i > 2 {
			a.Skills = floor.Levels{{Skill: "de", Level: i}}
		}
		c.Agents = append(c.Agents, a)
	}
	return c
}

// busyHour is a script of an hour: it runs inputs on a floor through a book, deadlines at their time, until
// the given number of entries is on disk. The floor then is as it was acknowledged: nothing runs any more.
type busyHour struct {
	t    *testing.T
	r    *rand.Rand
	f    *floor.Floor
	b    *book
	now  time.Time
	n    int
	live []string
	stop uint64 // the log dies after this entry
	m    *memory
}

func (h *busyHour) dead() bool { return h.stop > 0 && h.m.last >= h.stop }

// do runs an input and writes it down; what cannot be written is not acknowledged.
func (h *busyHour) do(in floor.Input) []floor.Effect {
	if h.dead() {
		return nil
	}
	changes, effects, err := h.f.Step(h.now, in)
	if err != nil {
		return nil // refused: nothing is acknowledged and nothing has changed
	}
	h.b.add(changes)
	if err := h.b.write(h.f.Snapshot); err != nil {
		h.t.Fatal(err)
	}
	return effects
}

func dump(f *floor.Floor) string {
	var b bytes.Buffer
	for _, c := range f.Snapshot() {
		fmt.Fprintf(&b, "%s %s %s\n", c.Kind, c.ID, c.Value)
	}
	return b.String()
}

func (h *busyHour) pass(d time.Duration) {
	end := h.now.Add(d)
	for next := h.f.Next(); !next.IsZero() && !next.After(end) && !h.dead(); next = h.f.Next() {
		if next.After(h.now) {
			h.now = next
		}
		h.do(floor.Tick{})
	}
	h.now = end
}

func newBusyHour(t *testing.T, seed, stop uint64) *busyHour {
	h := &busyHour{t: t, r: rand.New(rand.NewPCG(seed, 7)), m: &memory{}, stop: stop, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	h.b = &book{log: h.m, warn: func(string, ...any) {}}
	f, err := floor.New(busyConfig(), floor.NewState(), func(p string) string { h.n++; return fmt.Sprintf("%s_%06d", p, h.n) })
	if err != nil {
		t.Fatal(err)
	}
	h.f = f
	return h
}

// run is the hour.
func (h *busyHour) run() {
	for i := range 6 {
		a := fmt.Sprintf("a%d", i)
		h.do(floor.SignIn{Agent: a, Session: "ses_" + a})
		h.do(floor.SetState{Agent: a, State: wire.AgentReady, Actor: a})
	}
	end := h.now.Add(time.Hour)
	for h.now.Before(end) && !h.dead() {
		h.pass(time.Duration(h.r.IntN(8000)) * time.Millisecond)
		a := fmt.Sprintf("a%d", h.r.IntN(6))
		switch h.r.IntN(10) {
		case 0, 1, 2:
			h.n++
			id := fmt.Sprintf("call_%06d", h.n)
			h.live = append(h.live, id)
			h.do(floor.CallCreated{Call: wire.Call{
				ID: id, Direction: wire.Inbound, From: fmt.Sprint(h.r.IntN(50)), To: []string{"100", "200", "300"}[h.r.IntN(3)],
				Legs: []wire.Leg{{ID: "leg_" + id, CallID: id, Role: wire.RoleCustomer}},
			}})
		case 3, 4, 5, 6:
			for _, o := range h.f.Offers("") {
				h.do(floor.Accept{Offer: o.ID, Actor: o.Agent})
				h.do(floor.LegAnswered{Leg: wire.Leg{ID: "leg_" + o.ID, CallID: o.CallID, Role: wire.RoleAgent, Agent: o.Agent}})
			}
		case 7:
			if len(h.live) > 0 {
				i := h.r.IntN(len(h.live))
				h.do(floor.CallEnded{ID: h.live[i]})
				h.live = append(h.live[:i], h.live[i+1:]...)
			}
		case 8:
			h.do(floor.SetState{Agent: a, State: wire.AgentReady, Actor: a})
		case 9:
			if w, err := h.f.Agent(a); err == nil && w.WrapupID != "" {
				h.do(floor.Submit{Wrapup: w.WrapupID, Reason: "done", Actor: a})
			} else {
				cfg := busyConfig()
				cfg.Queues[0].Priority = h.r.IntN(5)
				if h.r.IntN(8) > 0 {
					continue
				}
				h.do(floor.Reconfigure{Config: cfg, Base: h.f.Version(), Actor: "adm"})
			}
		}
	}
}

// The process ends at random points of a busy hour (40, with CORDBOARD_KILLS set 500), always between two writes
// to the log, of which half an entry never is there. After the restart everything acknowledged is there, exactly,
// and the deadlines that passed meanwhile fire at once.
func TestKilledAtRandomPointsOfABusyHour(t *testing.T) {
	points := 40
	if os.Getenv("CORDBOARD_KILLS") != "" {
		points = 500
	}
	whole := newBusyHour(t, 1, 0)
	whole.run()
	total := whole.m.last
	if total < 500 {
		t.Fatalf("the hour has only %d writes", total)
	}
	r := rand.New(rand.NewPCG(2, 2))
	fired := 0
	for range points {
		h := newBusyHour(t, 1, 1+r.Uint64N(total))
		h.run()
		away := time.Duration(r.IntN(600)) * time.Second
		state, err := (&book{log: h.m}).read()
		if err != nil {
			t.Fatal(err)
		}
		f, err := floor.New(busyConfig(), state, func(p string) string { h.n++; return fmt.Sprintf("%s_%06d", p, h.n) })
		if err != nil {
			t.Fatal(err)
		}
		if got, acked := dump(f), dump(h.f); got != acked {
			t.Fatalf("killed after write %d: on disk\n%s\nacknowledged\n%s", h.stop, got, acked)
		}
		now := h.now.Add(away)
		alive := r.IntN(2) == 0
		if _, _, err := f.Step(now, floor.Restart{Alive: func(string) bool { return alive }}); err != nil {
			t.Fatal(err)
		}
		if f.Due(now) {
			fired++
			if _, _, err := f.Step(now, floor.Tick{}); err != nil {
				t.Fatal(err)
			}
		}
		if f.Due(now) {
			t.Fatalf("killed after write %d: a deadline of %s has passed and does not fire", h.stop, f.Next())
		}
	}
	t.Logf("%d writes in the hour, %d points, after %d of them deadlines fired", total, points, fired)
	if fired == 0 {
		t.Error("no deadline passed while the process was down: the test shows nothing")
	}
}

// Replaying the log gives exactly the state, whatever the seed.
func TestReplayIsTheState(t *testing.T) {
	for seed := range uint64(12) {
		h := newBusyHour(t, 100+seed, 0)
		h.run()
		state, err := (&book{log: h.m}).read()
		if err != nil {
			t.Fatal(err)
		}
		f, err := floor.New(busyConfig(), state, func(p string) string { return p })
		if err != nil {
			t.Fatal(err)
		}
		if got := dump(f); got != dump(h.f) {
			t.Fatalf("seed %d: replayed\n%s\nstate\n%s", seed, got, dump(h.f))
		}
		if got, want := fmt.Sprint(f.Queues()), fmt.Sprint(h.f.Queues()); len(got) != len(want) || f.Next() != h.f.Next() {
			t.Fatalf("seed %d: indexes differ: %s %s, %s %s", seed, got, f.Next(), want, h.f.Next())
		}
	}
}

// This version reads the log of the one before, and calls that waited then wait on at their place.
func TestReadsTheVersionBefore(t *testing.T) {
	data, err := os.ReadFile("testdata/log-v1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var e entry
		if err := json.Unmarshal(line, &e); err != nil || e.Version != version-1 {
			t.Fatalf("the fixture is of version %d, this is %d (%v): add one of version %d", e.Version, version, err, version-1)
		}
		if _, err := m.Append(t.Context(), line); err != nil {
			t.Fatal(err)
		}
	}
	state, err := (&book{log: m}).read()
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Agents) != 3 || len(state.Contacts) < 4 || len(state.Wrapups) != 1 {
		t.Fatalf("%d agents, %d contacts, %d wrap-ups", len(state.Agents), len(state.Contacts), len(state.Wrapups))
	}
	now := time.Date(2000, 1, 1, 0, 0, 5, 0, time.UTC)
	f, err := floor.New(testConfig(), state, func(p string) string { return p + "_new" })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Step(now, floor.Restart{Alive: func(string) bool { return true }}); err != nil {
		t.Fatal(err)
	}
	for _, w := range state.Waits {
		if w.Since.IsZero() {
			t.Errorf("a call that waits without a beginning: %+v", w)
		}
	}
	if _, _, err := f.Step(now, floor.SetState{Agent: "eva", State: wire.AgentReady, Actor: "eva"}); err != nil {
		t.Fatal(err)
	}
	if o := f.Offers("eva"); len(o) != 1 || o[0].Class != 1 { // the one of the higher class, as before
		t.Fatalf("eva is offered %+v", o)
	}
}
