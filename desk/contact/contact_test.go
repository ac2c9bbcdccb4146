package contact

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func in(s State) Contact {
	c := Contact{ID: "call_1", State: s, Customer: "leg_c", Attempt: 1}
	switch s {
	case Offered, Connecting:
		c.Agent, c.Offer = "ana", "off_1"
	case Connected, Away:
		c.Agent, c.Leg, c.Talked = "ana", "leg_a", true
	case Dialing:
		c.Agent, c.Outbound = "ana", true
	}
	return c
}

func TestTransitions(t *testing.T) {
	events := map[string]func(Contact) (Contact, error){
		"offer":   func(c Contact) (Contact, error) { return c.OfferTo("ana", "off_1") },
		"accept":  func(c Contact) (Contact, error) { return c.Accepted(t0) },
		"requeue": Contact.Requeue,
		"attach":  func(c Contact) (Contact, error) { return c.Attach("ana", "leg_b") },
		"foreign": func(c Contact) (Contact, error) { return c.Attach("bor", "leg_b") },
		"lose":    func(c Contact) (Contact, error) { return c.Lose(t0) },
		"end":     Contact.End,
	}
	want := map[State]map[string]State{
		Queued:     {"offer": Offered, "end": Ended},
		Offered:    {"accept": Connecting, "requeue": Queued, "end": Ended},
		Connecting: {"attach": Connected, "requeue": Queued, "end": Ended},
		Connected:  {"attach": Connected, "lose": Away, "end": Ended},
		Away:       {"attach": Connected, "requeue": Queued, "end": Ended},
		Dialing:    {"attach": Connected, "end": Ended},
		Ended:      {},
	}
	for from, row := range want {
		for name, event := range events {
			after, err := event(in(from))
			to, legal := row[name]
			if !legal {
				if p := problem.As(err); p.Status != 409 || p.State != string(from) {
					t.Errorf("%s in %s: %+v, want 409", name, from, p)
				}
				continue
			}
			if err != nil || after.State != to {
				t.Errorf("%s in %s: %s, %v, want %s", name, from, after.State, err, to)
			}
			if timed := to == Connecting || to == Away; timed == after.Deadline.IsZero() {
				t.Errorf("%s in %s: deadline %s", name, from, after.Deadline)
			}
		}
	}
}

func TestRequeueKeepsThePlace(t *testing.T) {
	for _, s := range []State{Offered, Connecting, Away} {
		c := in(s)
		c.Place.Entered, c.Place.Priority = t0, 3
		got, err := c.Requeue()
		if err != nil || got.Place.Entered != t0 || got.Place.Priority != 3 || got.Place.Front != (s == Away) {
			t.Errorf("from %s: %+v, %v", s, got.Place, err)
		}
		if got.Agent != "" || got.Offer != "" || got.Leg != "" {
			t.Errorf("from %s: still somebody's: %+v", s, got)
		}
	}
	c := in(Away)
	c.Outbound = true
	if _, err := c.Requeue(); err == nil {
		t.Error("an outbound contact was queued")
	}
}
