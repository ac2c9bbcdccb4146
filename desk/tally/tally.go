// Package tally counts what a queue or an agent did in a quarter of an hour: plain numbers that can be added up
// to hours, days and weeks. A quarter is the smallest piece all time zones of today are made of, so an hour of
// any of them is a sum of quarters.
//
//	what happens to calls and agents ──> Tally of the quarter ──┐
//	                                     Tally of the quarter ──┼─> Hours of a time zone ──> Tally of the hour
//	                                     Tally of the quarter ──┘
//
// What each number means, to the letter, stands in docs/reports.md.
package tally

import (
	"strings"
	"time"
)

// Span is how long a quarter is.
const Span = 15 * time.Minute

// Kind says whose tally it is. The values are stored: never change one.
type Kind string

// The kinds.
const (
	Queue Kind = "queue"
	Agent Kind = "agent"
)

// Kinds are all kinds.
func Kinds() []Kind { return []Kind{Queue, Agent} }

// Start is the beginning of the quarter a moment lies in.
func Start(t time.Time) time.Time { return t.UTC().Truncate(Span) }

// Tally is one queue's or agent's quarter. The zero value has nothing in it.
type Tally struct {
	Start time.Time `json:"t"`
	Kind  Kind      `json:"k,omitempty"`
	ID    string    `json:"id,omitempty"`
	Sums
}

// Sums are the numbers. Everything counts in the quarter in which it happened: an offered call when it comes, an
// answered one when it is answered, a handled one when the work after it is over.
type Sums struct {
	// Of calls that wait. InTime are those of Answered within the queue's service_level, Short those of Abandoned
	// within its short_abandon; Elsewhere left the queue for a message, a callback, a number or another queue.
	Offered     int           `json:"of,omitempty"`
	Answered    int           `json:"an,omitempty"`
	InTime      int           `json:"it,omitempty"`
	Abandoned   int           `json:"ab,omitempty"`
	Short       int           `json:"sh,omitempty"`
	Elsewhere   int           `json:"el,omitempty"`
	AnswerWait  time.Duration `json:"aw,omitempty"` // of Answered
	AbandonWait time.Duration `json:"bw,omitempty"` // of Abandoned
	LongestWait time.Duration `json:"lw,omitempty"` // of a wait that ended

	// Of offers that rang at agents and came to nothing: not answered in time (RONA), turned down, taken without
	// a voice coming up.
	Missed   int `json:"mi,omitempty"`
	Declined int `json:"de,omitempty"`
	NoMedia  int `json:"nm,omitempty"`

	// Of Handled calls, those an agent had in control; Outbound are those of them that we have placed. Handle is
	// the whole time of them from the agent's coming to the end of the wrap-up; the parts add up to it.
	Handled  int           `json:"ha,omitempty"`
	Outbound int           `json:"ou,omitempty"`
	Handle   time.Duration `json:"ht,omitempty"`
	Talk     time.Duration `json:"ta,omitempty"`
	Hold     time.Duration `json:"ho,omitempty"`
	Consult  time.Duration `json:"co,omitempty"`
	Dialing  time.Duration `json:"di,omitempty"`
	PostTime time.Duration `json:"pt,omitempty"` // after the customer had left (W68)
	Wrapup   time.Duration `json:"wr,omitempty"`
	// Assisted are calls of others an agent was asked into, Assist their time.
	Assisted int           `json:"as,omitempty"`
	Assist   time.Duration `json:"at,omitempty"`
	// PostCalls are calls whose customer left before the others; PostCall is the time from then to their end,
	// however many took part.
	PostCalls int           `json:"pc,omitempty"`
	PostCall  time.Duration `json:"pd,omitempty"`

	// Of agents' states.
	Ready    time.Duration `json:"sr,omitempty"`
	NotReady time.Duration `json:"sn,omitempty"`
	Reserved time.Duration `json:"so,omitempty"`
	Busy     time.Duration `json:"sb,omitempty"`
	Wrapping time.Duration `json:"sw,omitempty"`
}

// Add adds another quarter's numbers.
func (s *Sums) Add(o Sums) {
	s.Offered += o.Offered
	s.Answered += o.Answered
	s.InTime += o.InTime
	s.Abandoned += o.Abandoned
	s.Short += o.Short
	s.Elsewhere += o.Elsewhere
	s.AnswerWait += o.AnswerWait
	s.AbandonWait += o.AbandonWait
	s.LongestWait = max(s.LongestWait, o.LongestWait)
	s.Missed += o.Missed
	s.Declined += o.Declined
	s.NoMedia += o.NoMedia
	s.Handled += o.Handled
	s.Outbound += o.Outbound
	s.Handle += o.Handle
	s.Talk += o.Talk
	s.Hold += o.Hold
	s.Consult += o.Consult
	s.Dialing += o.Dialing
	s.PostTime += o.PostTime
	s.Wrapup += o.Wrapup
	s.Assisted += o.Assisted
	s.Assist += o.Assist
	s.PostCalls += o.PostCalls
	s.PostCall += o.PostCall
	s.Ready += o.Ready
	s.NotReady += o.NotReady
	s.Reserved += o.Reserved
	s.Busy += o.Busy
	s.Wrapping += o.Wrapping
}

// ServiceLevel is the share of calls answered in time, 0 to 1: of those answered or given up in the period, but
// for those given up too soon to be answered. ok is false when there was none.
func (s Sums) ServiceLevel() (share float64, ok bool) {
	return ratio(float64(s.InTime), float64(s.Answered+s.Abandoned-s.Short))
}

// Occupancy is the share of the time in which an agent was there for calls that went into them: the call and the
// work after it. ok is false when there was no such time.
func (s Sums) Occupancy() (share float64, ok bool) {
	work := s.Busy + s.Wrapping
	return ratio(float64(work), float64(work+s.Ready+s.Reserved))
}

// AnswerSpeed is the average wait of answered calls.
func (s Sums) AnswerSpeed() (d time.Duration, ok bool) { return mean(s.AnswerWait, s.Answered) }

// HandleTime is the average time of handled calls.
func (s Sums) HandleTime() (d time.Duration, ok bool) { return mean(s.Handle, s.Handled) }

func ratio(a, b float64) (float64, bool) {
	if b <= 0 {
		return 0, false
	}
	return a / b, true
}

func mean(sum time.Duration, n int) (time.Duration, bool) {
	if n == 0 {
		return 0, false
	}
	return sum / time.Duration(n), true
}

// Key names a quarter's tally: its beginning, kind and id.
func (t Tally) Key() string { return Key(t.Start, t.Kind, t.ID) }

// Key is the key of the tally of a queue or agent in the quarter a moment lies in.
func Key(at time.Time, k Kind, id string) string {
	return strings.Join([]string{Start(at).Format(time.RFC3339), string(k), id}, "|")
}
