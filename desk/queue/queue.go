// Package queue is the order in which calls wait and agents are chosen, and nothing else: two sorted lines
// per queue, pure and without a clock. Calls stand by class, priority, the time they first entered and id,
// so a call that comes back after a missed offer stands exactly where it stood; agents stand by how well
// they suit and then by how long they have been idle.
package queue

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Class ranks kinds of call; the smaller comes first.
type Class int

// The classes.
const (
	ClassReturned Class = 1 // a customer calls back one of our campaign calls
	ClassNew      Class = 2 // a new customer on a campaign's hotline
	ClassService  Class = 3 // everything else
	ClassWritten  Class = 4 // nobody waits on the line
)

// Place is a call's claim. It is given once and kept over missed offers.
type Place struct {
	// Front: the caller was already talking to an agent who was lost, and comes before all classes.
	Front    bool      `json:"front,omitempty"`
	Class    Class     `json:"class"`
	Priority int       `json:"priority"` // within the class, the greater comes first
	Entered  time.Time `json:"entered"`
}

// Waiting is a call in line.
type Waiting struct {
	ID string
	Place
}

// Compare is the total order of waiting calls.
func Compare(a, b Waiting) int {
	if a.Front != b.Front {
		if a.Front {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(b.Priority, a.Priority),
		a.Entered.Compare(b.Entered), strings.Compare(a.ID, b.ID))
}

// Idle is an agent in line.
type Idle struct {
	ID    string
	Score int // how well the agent suits the calls of the line; the greater comes first
	Since time.Time
}

// CompareIdle is the total order of idle agents.
func CompareIdle(a, b Idle) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
}

// Lines is one queue's two lines, of calls and of agents. The zero Lines are empty.
type Lines struct {
	calls  []Waiting
	agents []Idle
}

// Enter puts a call in line; one that is there already stays.
func (q *Lines) Enter(w Waiting) { q.calls = insert(q.calls, w, Compare) }

// Leave takes a call out of line.
func (q *Lines) Leave(w Waiting) { q.calls = remove(q.calls, w, Compare) }

// Sit puts an agent in line.
func (q *Lines) Sit(a Idle) { q.agents = insert(q.agents, a, CompareIdle) }

// Rise takes an agent out of line.
func (q *Lines) Rise(a Idle) { q.agents = remove(q.agents, a, CompareIdle) }

// Calls is the line of calls, first to last. Borrowed until the next change.
func (q *Lines) Calls() []Waiting { return q.calls }

// Callers is the line without what is written, which stands behind all who wait on the line. Borrowed likewise.
func (q *Lines) Callers() []Waiting {
	i, _ := slices.BinarySearchFunc(q.calls, ClassWritten, func(w Waiting, c Class) int {
		if w.Front {
			return -1
		}
		return cmp.Compare(w.Class, c)
	})
	return q.calls[:i]
}

// Idle is the line of agents, longest idle first. Borrowed until the next change.
func (q *Lines) Idle() []Idle { return q.agents }

// Position is a call's place in line, 1 for the next one, 0 when it is not there.
func (q *Lines) Position(w Waiting) int {
	i, ok := slices.BinarySearchFunc(q.calls, w, Compare)
	if !ok {
		return 0
	}
	return i + 1
}

// Before is how many calls of the line stand before one that may be in another line.
func (q *Lines) Before(w Waiting) int {
	i, _ := slices.BinarySearchFunc(q.calls, w, Compare)
	return i
}

// Oldest is when the caller who has waited longest entered, zero without one.
func (q *Lines) Oldest() time.Time {
	var t time.Time
	for _, w := range q.Callers() {
		if t.IsZero() || w.Entered.Before(t) {
			t = w.Entered
		}
	}
	return t
}

// Match is the next pair over several queues: of the calls that are first in a line with an idle agent the
// first of all, and of that queue's agents the longest idle. It returns the index of the queue, -1 for none.
func Match(queues []*Lines) int {
	best := -1
	for i, q := range queues {
		if len(q.calls) == 0 || len(q.agents) == 0 {
			continue
		}
		if best < 0 || Compare(q.calls[0], queues[best].calls[0]) < 0 {
			best = i
		}
	}
	return best
}

func insert[T any](line []T, x T, order func(a, b T) int) []T {
	i, ok := slices.BinarySearchFunc(line, x, order)
	if ok {
		return line
	}
	return slices.Insert(line, i, x)
}

func remove[T any](line []T, x T, order func(a, b T) int) []T {
	i, ok := slices.BinarySearchFunc(line, x, order)
	if !ok {
		return line
	}
	return slices.Delete(line, i, i+1)
}
