// Package journal is what is written down about one contact from its coming to the end of the work after it, as
// a pure state machine: it is shown the contact again and again as it is, and keeps when it waited where, at whom
// it rang, and what each agent on it did for how long. What it finds in passing it says in Facts, which is what
// tallies count; at the end it is the contact's call record.
package journal

import (
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/tally"
)

// most bounds each list of a journal. A contact beyond that loses the oldest finished entries of the list, never
// what is counted.
const most = 100

// How a wait or a contact ended. The values are stored and shown: never change one.
const (
	Answered    = "answered"
	Abandoned   = "abandoned"   // the customer hung up
	Diverted    = "diverted"    // to a number outside, or an announcement and the end
	Message     = "message"     // the customer left a voice message
	Callback    = "callback"    // the customer asked to be called back
	Moved       = "moved"       // a wait only: to another queue
	Interrupted = "interrupted" // the server was restarted and the call was gone
	Unanswered  = "unanswered"  // an outbound contact whose customer never answered
)

// How an offer ended, beside the states of offers.
const NoMedia = "no_media"

// Roles of an agent on a contact, from the least to the most. Who had several has the last of them.
const (
	Consulted  = "consulted"
	Conference = "conference"
	Primary    = "primary"
)

// Mode is what an agent on a contact does at a moment.
type Mode string

// The modes. The values are stored: never change one.
const (
	Talk    Mode = "talk"
	Hold    Mode = "hold"      // the customer of whoever has control hears music
	Consult Mode = "consult"   // talks to somebody asked, or waits for them, apart from the customer
	Dialing Mode = "dialing"   // an outbound contact's customer has not answered
	Post    Mode = "post_call" // the customer has left
)

// Journal is what is written down, plain data: copy it freely, but not its slices.
//
//	          See            See, once no agent and no wrap-up is left
//	open ──────────> open ───────────────────────────────────────────> closed
type Journal struct {
	ID       string    `json:"id"`
	Outbound bool      `json:"outbound,omitempty"` // when it began
	From     string    `json:"from,omitempty"`
	To       string    `json:"to,omitempty"`
	Name     string    `json:"name,omitempty"`
	Entry    string    `json:"entry,omitempty"`
	Stage    string    `json:"stage,omitempty"`
	Task     string    `json:"task,omitempty"`
	Campaign string    `json:"campaign,omitempty"`
	Queue    string    `json:"queue,omitempty"` // the last one
	Class    int       `json:"class,omitempty"`
	Started  time.Time `json:"started"`
	Up       time.Time `json:"up,omitzero"`    // Outbound: when the customer answered
	Left     time.Time `json:"left,omitzero"`  // when the customer left before the others
	Ended    time.Time `json:"ended,omitzero"` // when the contact was over
	Closed   time.Time `json:"closed,omitzero"`
	Outcome  string    `json:"outcome,omitempty"`

	Waits  []Wait    `json:"waits,omitempty"`
	Offers []Offer   `json:"offers,omitempty"`
	Agents []Segment `json:"agents,omitempty"`

	Disposition string            `json:"disposition,omitempty"`
	Variables   map[string]string `json:"variables,omitempty"`
	Recordings  []string          `json:"recordings,omitempty"`
}

// Wait is one stay in a queue; the customer who comes back to it after an agent was lost begins another.
type Wait struct {
	Queue   string    `json:"queue"`
	Entered time.Time `json:"entered"`
	Left    time.Time `json:"left,omitzero"`
	End     string    `json:"end,omitempty"`
}

// Offer is one ring at an agent.
type Offer struct {
	ID      string    `json:"id"`
	Agent   string    `json:"agent"`
	Queue   string    `json:"queue,omitempty"`
	Consult bool      `json:"consult,omitempty"`
	At      time.Time `json:"at"`
	Settled time.Time `json:"settled,omitzero"`
	End     string    `json:"end,omitempty"`
}

// Segment is one stay of an agent on the contact and the work after it.
type Segment struct {
	Agent  string    `json:"agent"`
	Role   string    `json:"role"`
	Queue  string    `json:"queue,omitempty"`
	Joined time.Time `json:"joined"`
	Left   time.Time `json:"left,omitzero"`
	// Mode since Mark; what was before stands in the sums.
	Mode    Mode          `json:"mode,omitempty"`
	Mark    time.Time     `json:"mark,omitzero"`
	Talk    time.Duration `json:"talk,omitempty"`
	Hold    time.Duration `json:"hold,omitempty"`
	Consult time.Duration `json:"consult,omitempty"`
	Dialing time.Duration `json:"dialing,omitempty"`
	Post    time.Duration `json:"post,omitempty"`
	// Wrapup is the work after it, over at WrapupEnd, with a reason.
	Wrapup      string    `json:"wrapup,omitempty"`
	WrapupStart time.Time `json:"wrapup_start,omitzero"`
	WrapupEnd   time.Time `json:"wrapup_end,omitzero"`
	Reason      string    `json:"reason,omitempty"`
	Counted     bool      `json:"counted,omitempty"` // as handled or assisted
}

// View is the contact at a moment.
type View struct {
	// Waits in Queue; when it does not, WaitEnd says why a wait that was open is over.
	Waits   bool
	Queue   string
	WaitEnd string
	Agents  []Present
	Left    time.Time // when the customer left before the others
	Over    bool      // the contact is gone
}

// Present is an agent on the contact.
type Present struct {
	Agent, Role string
	Mode        Mode
}

// Policy is what of a queue's configuration is counted by.
type Policy struct{ InTime, Short time.Duration }

// Fact is something to count, of a queue, an agent or both; an empty one is nobody's.
type Fact struct {
	Queue, Agent string
	Sums         tally.Sums
}

// Party is the customer's number: of a call of ours the called one.
func (j Journal) Party() string {
	if j.Outbound {
		return j.To
	}
	return j.From
}

// See brings the journal up to the moment now. policy gives a queue's. changed says whether anything is to be
// written down.
func (j Journal) See(v View, now time.Time, policy func(queue string) Policy) (_ Journal, facts []Fact, changed bool) {
	j, facts, changed = j.wait(v, now, policy)
	if v.Queue != "" && v.Queue != j.Queue {
		j.Queue, changed = v.Queue, true
	}
	if !v.Left.IsZero() && j.Left.IsZero() {
		j.Left, changed = v.Left, true
	}
	j, moved := j.people(v, now)
	changed = changed || moved
	if v.Over && j.Ended.IsZero() {
		j.Ended, j.Outcome, changed = now, j.outcome(v.WaitEnd), true
		if !j.Left.IsZero() {
			facts = append(facts, Fact{Queue: j.Queue, Sums: tally.Sums{PostCalls: 1, PostCall: now.Sub(j.Left)}})
		}
	}
	return j, facts, changed
}

// wait follows the stays in queues.
func (j Journal) wait(v View, now time.Time, policy func(string) Policy) (_ Journal, facts []Fact, changed bool) {
	n := len(j.Waits) - 1
	open := n >= 0 && j.Waits[n].Left.IsZero()
	if open && v.Waits && j.Waits[n].Queue == v.Queue {
		return j, nil, false
	}
	if open {
		w := j.Waits[n]
		w.Left, w.End = now, v.WaitEnd
		if v.Waits {
			w.End = Moved
		}
		j.Waits = slices.Clone(j.Waits)
		j.Waits[n] = w
		facts = append(facts, Fact{Queue: w.Queue, Sums: w.sums(policy(w.Queue))})
		changed = true
	}
	if v.Waits {
		j.Waits = room(j.Waits, func(w Wait) bool { return !w.Left.IsZero() })
		j.Waits = append(j.Waits, Wait{Queue: v.Queue, Entered: now})
		facts = append(facts, Fact{Queue: v.Queue, Sums: tally.Sums{Offered: 1}})
		changed = true
	}
	return j, facts, changed
}

func (w Wait) sums(p Policy) (s tally.Sums) {
	d := w.Left.Sub(w.Entered)
	s.LongestWait = d
	switch w.End {
	case Answered:
		s.Answered, s.AnswerWait = 1, d
		if d <= p.InTime {
			s.InTime = 1
		}
	case Abandoned, Interrupted:
		s.Abandoned, s.AbandonWait = 1, d
		if d < p.Short {
			s.Short = 1
		}
	default:
		s.Elsewhere = 1
	}
	return s
}

// people follows who is on the contact and what they do.
func (j Journal) people(v View, now time.Time) (_ Journal, changed bool) {
	fresh := slices.Clone(j.Agents)
	there := make([]bool, len(v.Agents))
	for i := range fresh {
		s := &fresh[i]
		if !s.Left.IsZero() {
			continue
		}
		k := slices.IndexFunc(v.Agents, func(p Present) bool { return p.Agent == s.Agent })
		switch {
		case k < 0:
			s.until(now)
			s.Left, s.Mode, s.Mark, changed = now, "", time.Time{}, true
			continue
		case s.Mode != v.Agents[k].Mode:
			s.until(now)
			s.Mode, changed = v.Agents[k].Mode, true
		}
		if r := v.Agents[k].Role; rank(r) > rank(s.Role) {
			s.Role, s.Queue, changed = r, v.Queue, true
		}
		there[k] = true
	}
	for k, p := range v.Agents {
		if !there[k] {
			fresh = room(fresh, func(s Segment) bool { return s.Counted })
			fresh = append(fresh, Segment{Agent: p.Agent, Role: p.Role, Queue: v.Queue, Joined: now, Mode: p.Mode, Mark: now})
			changed = true
		}
	}
	if changed {
		j.Agents = fresh
	}
	return j, changed
}

func rank(role string) int { return slices.Index([]string{Consulted, Conference, Primary}, role) }

// until adds the time since the mark to what it was spent on.
func (s *Segment) until(now time.Time) {
	d := now.Sub(s.Mark)
	switch s.Mode {
	case Talk:
		s.Talk += d
	case Hold:
		s.Hold += d
	case Consult:
		s.Consult += d
	case Dialing:
		s.Dialing += d
	case Post:
		s.Post += d
	}
	s.Mark = now
}

// room makes room for one more in a list, in a copy of it, by taking out the oldest that may go.
func room[T any](list []T, gone func(T) bool) []T {
	list = slices.Clone(list)
	if len(list) < most {
		return list
	}
	if i := slices.IndexFunc(list, gone); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// outcome is what became of a contact that is over.
func (j Journal) outcome(end string) string {
	talked := slices.ContainsFunc(j.Agents, func(s Segment) bool { return s.Role == Primary && s.Talk+s.Hold+s.Consult+s.Post > 0 })
	switch {
	case talked, slices.ContainsFunc(j.Waits, func(w Wait) bool { return w.End == Answered }):
		return Answered
	case j.Outbound && j.Up.IsZero():
		return Unanswered
	default:
		return end
	}
}

// Rang begins an offer.
func (j Journal) Rang(o Offer) Journal {
	j.Offers = append(room(j.Offers, func(o Offer) bool { return !o.Settled.IsZero() }), o)
	return j
}

// Settled ends an offer as end. One that was accepted and brought no voice is no_media.
func (j Journal) Settled(id, end string, now time.Time) (Journal, []Fact) {
	i := slices.IndexFunc(j.Offers, func(o Offer) bool { return o.ID == id && o.Settled.IsZero() })
	if i < 0 {
		return j, nil
	}
	o := j.Offers[i]
	o.Settled, o.End = now, end
	j.Offers = slices.Clone(j.Offers)
	j.Offers[i] = o
	var s tally.Sums
	switch end {
	case "expired":
		s.Missed = 1
	case "declined":
		s.Declined = 1
	case NoMedia:
		s.NoMedia = 1
	default:
		return j, nil
	}
	f := Fact{Agent: o.Agent, Sums: s}
	if !o.Consult {
		f.Queue = o.Queue
	}
	return j, []Fact{f}
}

// Worked says that the work of an agent's last stay has begun.
func (j Journal) Worked(agent, wrapup string, now time.Time) Journal {
	for i, s := range slices.Backward(j.Agents) {
		if s.Agent == agent && !s.Left.IsZero() && s.Wrapup == "" && !s.Counted {
			s.Wrapup, s.WrapupStart = wrapup, now
			j.Agents = slices.Clone(j.Agents)
			j.Agents[i] = s
			break
		}
	}
	return j
}

// Done says that a wrap-up is over.
func (j Journal) Done(wrapup, reason string, now time.Time) Journal {
	i := slices.IndexFunc(j.Agents, func(s Segment) bool { return s.Wrapup == wrapup && s.WrapupEnd.IsZero() })
	if i < 0 {
		return j
	}
	j.Agents = slices.Clone(j.Agents)
	j.Agents[i].WrapupEnd, j.Agents[i].Reason = now, reason
	if reason != "" {
		j.Disposition = reason
	}
	return j
}

// Close counts the stays that are over, and closes the journal when it has no more to come.
func (j Journal) Close(now time.Time) (_ Journal, facts []Fact) {
	open, cloned := false, false
	for i, s := range j.Agents {
		if s.Left.IsZero() || s.Wrapup != "" && s.WrapupEnd.IsZero() {
			open = true
			continue
		}
		if s.Counted {
			continue
		}
		if !cloned {
			j.Agents, cloned = slices.Clone(j.Agents), true
		}
		j.Agents[i].Counted = true
		f := Fact{Agent: s.Agent, Sums: s.sums()}
		if s.Role == Primary {
			f.Sums.Outbound = 0
			if j.Outbound {
				f.Sums.Outbound = 1
			}
			f.Queue = s.Queue
		}
		facts = append(facts, f)
	}
	if !open && !j.Ended.IsZero() && j.Closed.IsZero() {
		j.Closed = now
	}
	return j, facts
}

// Work is how long the work after a stay took, while it lasts or without any 0.
func (s Segment) Work() time.Duration {
	if s.WrapupEnd.IsZero() {
		return 0
	}
	return s.WrapupEnd.Sub(s.WrapupStart)
}

func (s Segment) sums() tally.Sums {
	if s.Role != Primary {
		return tally.Sums{Assisted: 1, Assist: s.Left.Sub(s.Joined)}
	}
	return tally.Sums{
		Handled: 1, Handle: s.Left.Sub(s.Joined) + s.Work(), Talk: s.Talk, Hold: s.Hold, Consult: s.Consult,
		Dialing: s.Dialing, PostTime: s.Post, Wrapup: s.Work(),
	}
}
