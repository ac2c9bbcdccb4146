package queue

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func at(id string, class Class, priority, second int) Waiting {
	return Waiting{ID: id, Place: Place{Class: class, Priority: priority, Entered: t0.Add(time.Duration(second) * time.Second)}}
}

// The total order: front, class, priority, time of entry, id; whatever order they come in.
func TestS1_S4_S11_S23_S26_Order(t *testing.T) {
	front := at("lost", ClassService, 0, 50)
	front.Front = true
	want := []Waiting{
		front,                                // was talking already
		at("returned", ClassReturned, 0, 40), // S4
		at("new", ClassNew, 0, 30),           // S11, over a service call of any priority (conflict 7)
		at("vip", ClassService, 9, 20),       // S23
		at("old", ClassService, 0, 1),
		at("tie1", ClassService, 0, 2),
		at("tie2", ClassService, 0, 2),
	}
	for range 200 {
		var l Lines
		for _, i := range rand.Perm(len(want)) {
			l.Enter(want[i])
		}
		if !slices.Equal(l.Calls(), want) {
			t.Fatalf("got %v, want %v", l.Calls(), want)
		}
		for i, w := range want {
			if got := l.Position(w); got != i+1 {
				t.Fatalf("position of %s: %d, want %d", w.ID, got, i+1)
			}
		}
		if !l.Oldest().Equal(t0.Add(time.Second)) {
			t.Fatalf("oldest since %s", l.Oldest())
		}
	}
}

func TestW22_SamePlaceAfterLeaving(t *testing.T) {
	var l Lines
	for i := range 10 {
		l.Enter(at(string(rune('a'+i)), ClassService, 0, i))
	}
	third := l.Calls()[2]
	l.Leave(third)
	l.Enter(at("late", ClassService, 0, 99))
	l.Enter(third)
	if got := l.Position(third); got != 3 {
		t.Errorf("position %d, want 3", got)
	}
}

func TestS24_MatchTakesTheFirstCallOfAllQueues(t *testing.T) {
	var service, hotline, empty Lines
	service.Enter(at("older", ClassService, 0, 0))
	hotline.Enter(at("newer but new customer", ClassNew, 0, 10))
	queues := []*Lines{&empty, &service, &hotline}
	if got := Match(queues); got != -1 {
		t.Errorf("nobody is idle: %d, want -1", got)
	}
	service.Sit(Idle{ID: "ana", Since: t0})
	if got := Match(queues); got != 1 {
		t.Errorf("only service has an agent: %d, want 1", got)
	}
	hotline.Sit(Idle{ID: "ana", Since: t0})
	if got := Match(queues); got != 2 {
		t.Errorf("both have: %d, want 2", got)
	}
}

func TestLongestIdleFirst(t *testing.T) {
	var l Lines
	l.Sit(Idle{"b", 0, t0.Add(time.Second)})
	l.Sit(Idle{"c", 0, t0})
	l.Sit(Idle{"a", 0, t0})
	l.Rise(Idle{"b", 0, t0.Add(time.Second)})
	l.Rise(Idle{"nobody", 0, t0})
	if want := []Idle{{"a", 0, t0}, {"c", 0, t0}}; !slices.Equal(l.Idle(), want) {
		t.Errorf("got %v, want %v", l.Idle(), want)
	}
}
