// Package campaign is outbound campaigns as pure state machines: a campaign with its counts, and a record,
// one contact of the campaign's list on its way to being closed. Who is free, what is dialled and when the
// next record's turn comes is the floor's; how many are dialled ahead is package dialer's.
package campaign

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Results of a record beside causes of a call's end and dispositions.
const (
	ResultDone      = "done" // closed without a word from the agent
	ResultDNC       = "do_not_call"
	ResultCancelled = "cancelled"
	ResultMachine   = "machine"
	ResultAbandoned = "abandoned"
	ResultNoNumber  = "no_number" // none that may be called
	ResultRestart   = "restart"
)

// Record is one contact in a campaign, plain data.
//
//	                         ┌───────────── reject, not taken ────────────┐
//	                         v                                            │
//	list ── its turn ──> ready ── push, or asked for ──> offered ──> preview
//	                      ^  │                                            │ dial
//	                      │  └──────── progressive, predictive ─────┐     │
//	        reschedule,   │                                         v     v
//	        next number,  └──── no answer, machine, abandoned ───── dialing
//	        next round                                                │ answered, agent there
//	                                                                  v
//	closed <── done, the deadline ── review <────── hang up ─────── talking
//	closed <── cancel, do not call (ready, preview, talking, review); rounds used up; no number left
type Record struct {
	ID       string               `json:"id"`
	Campaign string               `json:"campaign"`
	Row      int                  `json:"row"`
	State    wire.RecordState     `json:"state"`
	Name     string               `json:"name,omitempty"`
	Zone     string               `json:"zone,omitempty"`
	Numbers  []wire.ContactNumber `json:"numbers"`
	At       int                  `json:"at"`
	Fields   map[string]string    `json:"fields,omitempty"`
	Attempts int                  `json:"attempts"`          // rounds begun
	Tried    int                  `json:"tried,omitempty"`   // numbers dialled in the present round
	Next     time.Time            `json:"next,omitzero"`     // ready: not before
	Deadline time.Time            `json:"deadline,omitzero"` // review: closed by itself
	Personal string               `json:"personal,omitempty"`
	Agent    string               `json:"agent,omitempty"`
	Call     string               `json:"call,omitempty"`
	Started  time.Time            `json:"started,omitzero"`
	Result   string               `json:"result,omitempty"`
	History  []wire.RecordAttempt `json:"history,omitempty"`
	Version  uint64               `json:"version"`
}

// historyLimit bounds the attempts a record remembers.
const historyLimit = 20

// Allowed names what may be done with the record now.
func (r Record) Allowed() []string {
	switch r.State {
	case wire.RecordReady:
		return []string{"reschedule", "cancel", "do_not_call"}
	case wire.RecordOffered:
		return []string{"accept", "decline"}
	case wire.RecordPreview:
		return []string{"dial", "done", "reschedule", "reject", "cancel", "do_not_call", "change"}
	case wire.RecordDialing:
		return []string{"end"}
	case wire.RecordTalking:
		return []string{"end", "done", "reschedule", "cancel", "do_not_call", "change"}
	case wire.RecordReview:
		return []string{"done", "reschedule", "cancel", "do_not_call", "change"}
	default:
		return []string{}
	}
}

func (r Record) may(what string) error {
	if slices.Contains(r.Allowed(), what) {
		return nil
	}
	return problem.Conflict("record_wrong_state", string(r.State), r.Allowed(), "record %s is %s: cannot %s", r.ID, r.State, what)
}

func (r Record) to(s wire.RecordState) Record {
	r.State, r.Next, r.Deadline = s, time.Time{}, time.Time{}
	r.Version++
	return r
}

// Held says whether its agent has it before them: it has been taken, and is not closed.
func (r Record) Held() bool {
	switch r.State {
	case wire.RecordPreview, wire.RecordDialing, wire.RecordTalking, wire.RecordReview:
		return r.Agent != ""
	}
	return false
}

// Number is the number whose turn it is.
func (r Record) Number() string {
	if r.At >= len(r.Numbers) {
		return ""
	}
	return r.Numbers[r.At].Number
}

// Offer gives it to an agent under the call that will carry it.
func (r Record) Offer(agent, call string) (Record, error) {
	if r.State != wire.RecordReady {
		return r, r.may("offer")
	}
	r.Agent, r.Call = agent, call
	return r.to(wire.RecordOffered), nil
}

// Look: the agent has it.
func (r Record) Look() (Record, error) {
	if r.State != wire.RecordOffered {
		return r, r.may("look")
	}
	return r.to(wire.RecordPreview), nil
}

// Back returns it to the list as it was: not taken, or rejected.
func (r Record) Back() (Record, error) {
	if r.State != wire.RecordOffered && r.State != wire.RecordPreview {
		return r, r.may("reject")
	}
	r.Agent, r.Call = "", ""
	return r.to(wire.RecordReady), nil
}

// Dial begins an attempt, from a preview or by the dialler.
func (r Record) Dial(agent, call string, now time.Time) (Record, error) {
	if r.State != wire.RecordPreview && r.State != wire.RecordReady {
		return r, r.may("dial")
	}
	if r.Tried == 0 {
		r.Attempts++
	}
	r.Tried++
	r.Agent, r.Call, r.Started, r.Result = agent, call, now, ""
	return r.to(wire.RecordDialing), nil
}

// Talk: the customer has answered and the agent is there.
func (r Record) Talk(agent string) (Record, error) {
	if r.State != wire.RecordDialing {
		return r, r.may("talk")
	}
	r.Agent = agent
	return r.to(wire.RecordTalking), nil
}

// HungUp: the conversation is over; without a word from the agent it is closed at the deadline.
func (r Record) HungUp(deadline time.Time) (Record, error) {
	if r.State != wire.RecordTalking {
		return r, r.may("end")
	}
	r = r.note("answered")
	r.Call = ""
	r = r.to(wire.RecordReview)
	r.Deadline = deadline
	return r, nil
}

func (r Record) note(result string) Record {
	r.Result = result
	r.History = append(slices.Clone(r.History), wire.RecordAttempt{Time: r.Started, Number: r.Number(), Agent: r.Agent, Result: result})
	if len(r.History) > historyLimit {
		r.History = r.History[1:]
	}
	return r
}

// Unanswered ends an attempt without a conversation: the next number of the contact that is usable comes at
// once, after the last one the round is over. After an abandoned call it is over too.
func (r Record) Unanswered(cause string, usable func(Record) bool, rounds int, retry time.Duration, now time.Time) (Record, error) {
	if r.State != wire.RecordDialing {
		return r, r.may("end")
	}
	r = r.note(cause)
	r.Call, r.Agent = "", ""
	r.At++
	if cause != ResultAbandoned && r.Skip(usable).At < len(r.Numbers) {
		return r.Skip(usable).to(wire.RecordReady), nil
	}
	return r.RoundOver(rounds, retry, now), nil
}

// Skip passes over the numbers that cannot be used, from the one whose turn it is; At is beyond the last one
// when none is left.
func (r Record) Skip(usable func(Record) bool) Record {
	for r.At < len(r.Numbers) && !usable(r) {
		r.At++
	}
	return r
}

// RoundOver ends a round: another one comes after the retry time, after the last one the end.
func (r Record) RoundOver(rounds int, retry time.Duration, now time.Time) Record {
	r.At, r.Tried = 0, 0
	if r.Attempts >= rounds {
		return r.Close(r.Result)
	}
	r = r.to(wire.RecordReady)
	r.Next = now.Add(retry)
	return r
}

// Settle makes a record found after a restart true. One that was being dialled is not dialled again before
// the customer's phone has stopped ringing. A conversation is over, and the agent has until review to say what
// came of it.
func (r Record) Settle(quiet, review time.Time) Record {
	switch r.State {
	case wire.RecordOffered, wire.RecordPreview:
		b, _ := r.Back()
		return b
	case wire.RecordDialing:
		r = r.note(ResultRestart)
		r.Call, r.Agent = "", ""
		if r.Tried = max(0, r.Tried-1); r.Tried == 0 { // nobody's fault
			r.Attempts = max(0, r.Attempts-1)
		}
		r = r.to(wire.RecordReady)
		r.Next = quiet
	case wire.RecordTalking:
		b, _ := r.HungUp(review)
		return b
	}
	return r
}

// Done closes it with a disposition.
func (r Record) Done(disposition string) (Record, error) {
	if err := r.may("done"); err != nil {
		return r, err
	}
	return r.Close(disposition), nil
}

// Close ends it whatever it is doing.
func (r Record) Close(result string) Record {
	r.Result, r.Call = result, ""
	return r.to(wire.RecordClosed)
}

// Cancel takes it out of the campaign.
func (r Record) Cancel(result, what string) (Record, error) {
	if err := r.may(what); err != nil {
		return r, err
	}
	return r.Close(result), nil
}

// The bounds of what an agent writes about a contact, in characters.
const (
	maxName  = 250
	maxField = 256
)

// Change writes what an agent learns about the contact: the name, and values of the list's own columns.
func (r Record) Change(p wire.RecordPatch) (Record, error) {
	if err := r.may("change"); err != nil {
		return r, err
	}
	var faults callback.Faults
	if p.Name != nil {
		if faults.Text("/name", *p.Name, 1, maxName); len(faults) == 0 {
			r.Name = *p.Name
		}
	}
	fields := maps.Clone(r.Fields)
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		v := p.Fields[name]
		at := "/fields/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		if _, known := fields[name]; !known {
			faults.Add(at, "unknown", "the list has no column %q", name)
			continue
		}
		faults.Text(at, v, 0, maxField)
		fields[name] = v
	}
	if err := faults.Err(); err != nil {
		return r, err
	}
	r.Fields = fields
	r.Version++
	return r, nil
}

// Reschedule sets another time, for one agent or ("") for anybody, with the number at the index.
func (r Record) Reschedule(at time.Time, personal string, number int) (Record, error) {
	if err := r.may("reschedule"); err != nil {
		return r, err
	}
	r.Personal, r.At, r.Attempts, r.Tried, r.Call, r.Agent = personal, number, 0, 0, "", ""
	r = r.to(wire.RecordReady)
	r.Next = at
	return r, nil
}

// Release makes it anybody's whatever it is doing: the agent who kept it is gone.
func (r Record) Release() Record {
	r.Personal = ""
	r.Version++
	return r
}

// Window is the first moment at or after t at which the number whose turn it is may be called: in its own
// hours, and in the given ones, both wall time at the contact. False when there is none within two days.
func (r Record) Window(t time.Time, from, till, zone string) (time.Time, bool) {
	if r.Zone != "" {
		zone = r.Zone
	}
	loc, err := hours.Zone(zone)
	if err != nil || r.At >= len(r.Numbers) {
		return t, false
	}
	a, _ := hours.ParseClock(from) // checked when the campaign was made
	b, _ := hours.ParseClock(till)
	if n := r.Numbers[r.At]; n.From != "" { // checked when the list was read
		x, _ := hours.ParseClock(n.From)
		y, _ := hours.ParseClock(n.Till)
		a, b = max(a, x), min(b, y)
	}
	if a >= b {
		return t, false
	}
	y, m, d := t.In(loc).Date()
	for day := range 3 {
		start, _ := hours.Wall(loc, y, m, d+day, a)
		_, end := hours.Wall(loc, y, m, d+day, b)
		if t.Before(end) {
			if t.After(start) {
				return t, true
			}
			return start.UTC(), true
		}
	}
	return t, false
}

// Wire is the record as the API shows it.
func (r Record) Wire() wire.CampaignRecord {
	w := wire.CampaignRecord{
		ID: r.ID, Campaign: r.Campaign, State: r.State, Name: r.Name, Numbers: r.Numbers, At: r.At, Zone: r.Zone, Fields: r.Fields,
		Row: r.Row + 1, Attempts: r.Attempts, Personal: r.Personal, Agent: r.Agent, CallID: r.Call, Result: r.Result,
		History: r.History, Allowed: r.Allowed(), Version: r.Version,
	}
	if w.History == nil {
		w.History = []wire.RecordAttempt{}
	}
	if !r.Next.IsZero() {
		t := r.Next
		w.Next = &t
	}
	return w
}
