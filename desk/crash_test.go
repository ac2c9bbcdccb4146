package desk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/contacts"
	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/numbering"
	"github.com/cordboard/cordboard/signaling/wire"
)

// busyConfig is a small contact centre with everything that has deadlines.
func busyConfig() Config {
	c := Config{
		Callbacks: floor.Callbacks{EntryPoints: []floor.EntryPoint{{Number: "0800"}}, CourtesyDigit: "1", MessageDigit: "2", Retry: Seconds(300)},
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
	t    testing.TB
	r    *rand.Rand
	f    *floor.Floor
	b    *book
	now  time.Time
	n    int
	live []string
	stop uint64 // the log dies after this entry
	m    *memory
	// quiet leaves the log alone: the script runs up to where it was left.
	quiet bool
	wrote func() // after each write, the state being what was acknowledged
	cmp   string // the campaign
	cbs   []string
}

func (h *busyHour) dead() bool { return h.stop > 0 && h.m.last >= h.stop }

// do runs an input and writes it down; what cannot be written is not acknowledged. What the floor asks of the
// calls happens next: calls are opened, customers answer or do not.
func (h *busyHour) do(in floor.Input) {
	if h.dead() {
		return
	}
	changes, effects, err := h.f.Step(h.now, in)
	if err != nil {
		return // refused: nothing is acknowledged and nothing has changed
	}
	if !h.quiet {
		h.b.add(changes)
		// A disk that is slow for a while is waited for, as the desk does: nothing is acknowledged meanwhile.
		for try := 0; ; try++ {
			err := h.b.write(h.f)
			if err == nil {
				break
			}
			if try == 600 {
				h.t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	if h.wrote != nil && len(changes) > 0 {
		h.wrote()
	}
	for _, e := range effects {
		switch e := e.(type) {
		case floor.Closed:
			h.do(floor.Archived{IDs: []string{e.Record.ID}})
		case floor.Event:
			if c, ok := e.Data.(wire.Callback); ok && len(h.cbs) < 200 {
				h.cbs = append(h.cbs, c.ID)
			}
		case floor.Command:
			h.obey(e)
		}
	}
}

// obey is the media plane.
func (h *busyHour) obey(c floor.Command) {
	switch c.Op {
	case floor.OpOpen:
		h.live = append(h.live, c.CallID)
	case floor.OpEnd:
		h.do(floor.CallEnded{ID: c.CallID, Cause: c.Code})
	case floor.OpDial:
		l := wire.Leg{ID: "leg_" + c.CallID, CallID: c.CallID, Role: wire.RoleCustomer}
		if h.r.IntN(3) == 0 {
			l.Cause = "busy"
			h.do(floor.LegEnded{Leg: l})
			return
		}
		h.do(floor.LegAnswered{Leg: l})
	}
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
		if h.f.Next().Equal(next) {
			h.t.Fatalf("a deadline of %s does not fire", next)
		}
	}
	h.now = end
}

func newBusyHour(t testing.TB, seed, stop uint64) *busyHour {
	h := &busyHour{t: t, r: rand.New(rand.NewPCG(seed, 7)), m: &memory{}, stop: stop, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	h.b = &book{log: h.m, warn: func(string, ...any) {}, every: 30} // so that many ends come in the middle of a renewal
	f, err := floor.New(busyConfig(), floor.NewState(), func(p string) string { h.n++; return fmt.Sprintf("%s_%06d", p, h.n) })
	if err != nil {
		t.Fatal(err)
	}
	h.f = f
	h.lists()
	return h
}

// lists gives the floor a list of contacts.
func (h *busyHour) lists() {
	book, err := contacts.Open(h.t.Context(), nil, numbering.Plan{})
	if err != nil {
		h.t.Fatal(err)
	}
	p, err := contacts.Parse(strings.NewReader(people(60)), numbering.Plan{})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := book.Add(h.t.Context(), "lst_1", "spring", p, h.now); err != nil {
		h.t.Fatal(err)
	}
	h.f.SetContacts(book)
}

// outbound is something about callbacks and the campaign.
func (h *busyHour) outbound(agent string) {
	cb := ""
	if len(h.cbs) > 0 {
		cb = h.cbs[len(h.cbs)-1-h.r.IntN(min(len(h.cbs), 6))]
	}
	switch h.r.IntN(7) {
	case 0:
		if len(h.live) > 0 {
			h.do(floor.TakeBack{Call: h.live[h.r.IntN(len(h.live))], Request: wire.CallbackFromCall{Number: "041555001"}, Actor: "customer"})
		}
	case 1:
		h.n++
		h.do(floor.PlanCallback{ID: fmt.Sprintf("cbk_%06d", h.n), Request: wire.CallbackRequest{
			Number: "041 555 000", Name: "Customer", Queue: "main", Date: h.now.Format(time.DateOnly), Zone: "UTC",
			From: h.now.Add(31 * time.Minute).Format("15:04"), Till: h.now.Add(90 * time.Minute).Format("15:04"),
		}, Actor: "sup"})
	case 2:
		h.do(floor.CompleteCallback{ID: cb, Actor: agent})
	case 3:
		h.do(floor.CancelCallback{ID: cb, Actor: agent})
	case 4:
		h.do(floor.MoveCampaign{ID: h.cmp, To: []string{"start", "start", "pause"}[h.r.IntN(3)], Actor: "sup"})
	default:
		h.do(floor.AskRecord{Campaign: h.cmp, Agent: agent})
		for _, r := range h.f.Records(h.cmp) {
			switch r.State {
			case wire.RecordPreview:
				h.do(floor.ChangeRecord{ID: r.ID, Do: "dial", Agent: r.Agent, Actor: r.Agent})
			case wire.RecordTalking, wire.RecordReview:
				h.do(floor.ChangeRecord{ID: r.ID, Do: "done", Done: wire.RecordDone{Disposition: "sold"}, Agent: r.Agent, Actor: r.Agent})
			default:
				continue
			}
			break
		}
	}
}

// run is the hour.
func (h *busyHour) run() {
	h.cmp = "cmp_1"
	h.do(floor.MakeCampaign{ID: h.cmp, Request: wire.CampaignRequest{Name: "spring", Mode: []wire.CampaignMode{wire.ModePreview, wire.ModeProgressive}[h.r.IntN(2)], List: "lst_1", Queue: "main", RetrySeconds: 120}, Actor: "sup"})
	h.do(floor.MoveCampaign{ID: h.cmp, To: "start", Actor: "sup"})
	for i := range 6 {
		a := fmt.Sprintf("a%d", i)
		h.do(floor.SignIn{Agent: a, Session: "ses_" + a})
		h.do(floor.SetState{Agent: a, State: wire.AgentReady, Actor: a})
	}
	end := h.now.Add(time.Hour)
	for h.now.Before(end) && !h.dead() {
		h.pass(time.Duration(h.r.IntN(8000)) * time.Millisecond)
		if len(h.live) > 20 { // nobody waits for ever
			gone := h.live[0]
			h.live = h.live[1:]
			h.do(floor.CallEnded{ID: gone})
		}
		a := fmt.Sprintf("a%d", h.r.IntN(6))
		switch h.r.IntN(12) {
		case 10, 11:
			h.outbound(a)
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

// The process ends between two writes of a busy hour, at every 20th of them, and with CORDBOARD_KILLS set between
// any two. After the restart everything acknowledged is there, exactly, and the deadlines that passed meanwhile
// fire at once.
func TestCrashBetweenAnyTwoWritesOfABusyHour(t *testing.T) {
	every := uint64(20)
	if os.Getenv("CORDBOARD_KILLS") != "" {
		every = 1
	}
	r := rand.New(rand.NewPCG(2, 2))
	fired, points, before := 0, 0, uint64(0)
	disk, read := floor.NewState(), uint64(0) // what the log holds
	h := newBusyHour(t, 1, 0)
	h.wrote = func() {
		if h.m.last < before+every {
			return
		}
		before = h.m.last
		points++
		if h.m.first > read+1 { // begun anew: what is left of it must say everything
			disk, read = floor.NewState(), 0
		}
		if err := h.m.Read(t.Context(), read, func(seq uint64, data []byte) error {
			var e entry
			if err := json.Unmarshal(data, &e); err != nil {
				return err
			}
			for _, c := range e.Changes {
				if err := disk.Apply(c); err != nil {
					return err
				}
			}
			read = seq
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		state := floor.NewState()
		for _, c := range disk.Snapshot() {
			if err := state.Apply(c); err != nil {
				t.Fatal(err)
			}
		}
		if restarted(t, h, state, time.Duration(r.IntN(600))*time.Second, r.IntN(2) == 0) {
			fired++
		}
	}
	h.run()
	if h.m.last < 1000 {
		t.Fatalf("the hour has only %d writes", h.m.last)
	}
	t.Logf("%d writes in the hour, %d points, after %d of them deadlines fired", h.m.last, points, fired)
	if fired == 0 {
		t.Error("no deadline passed while the process was down: the test shows nothing")
	}
}

// restarted holds that a state read from a log is what was acknowledged, and that a floor made of it fires every
// deadline that has passed while nobody looked. It reports whether there was one.
func restarted(t *testing.T, h *busyHour, state floor.State, away time.Duration, alive bool) (fired bool) {
	t.Helper()
	n := 0
	f, err := floor.New(busyConfig(), state, func(p string) string { n++; return fmt.Sprintf("%s_after%d", p, n) })
	if err != nil {
		t.Fatal(err)
	}
	if got, acked := dump(f), dump(h.f); got != acked {
		t.Fatalf("after write %d: on disk\n%s\nacknowledged\n%s", h.m.last, got, acked)
	}
	(&busyHour{t: t, f: f, now: h.now}).lists()
	now := h.now.Add(away)
	if _, _, err := f.Step(now, floor.Restart{Alive: func(string) bool { return alive }}); err != nil {
		t.Fatal(err)
	}
	if f.Due(now) {
		fired = true
		if _, _, err := f.Step(now, floor.Tick{}); err != nil {
			t.Fatal(err)
		}
	}
	if f.Due(now) {
		t.Fatalf("a deadline of %s has passed and does not fire", f.Next())
	}
	return fired
}

// Replaying the log gives exactly the state, whatever the seed.
func TestReplayIsTheState(t *testing.T) {
	for seed := range uint64(6) {
		h := newBusyHour(t, 100+seed, 0)
		h.run()
		h.do(floor.MoveCampaign{ID: h.cmp, To: "finish", Actor: "sup"}) // its pace is measured anew after a restart
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
	data, err := os.ReadFile("testdata/log-v2.jsonl")
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
	for cid, c := range state.Contacts {
		j, ok := state.Journals[cid]
		if !ok || j.Started.IsZero() || j.Started.After(now) || c.Queue != "" && j.Queue != c.Queue {
			t.Errorf("contact %+v has the journal %+v", c, j)
		}
	}
	if state.Tallies["open"].Start.IsZero() {
		t.Error("agents are signed in and no quarter is open")
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
