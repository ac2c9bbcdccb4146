package desk

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/tally"
	"github.com/cordboard/cordboard/signaling/wire"
)

// ReportQuery says what a report is about.
type ReportQuery struct {
	From, Until time.Time // whole quarters
	Zone        *time.Location
	Every       tally.Every
	Kind        tally.Kind // "": both
	ID          string     // "": all
}

// EachReportRow calls do for the rows of a report, in the order of their time, queues before agents, until it errs.
// Only the rows of one moment are in memory.
func (d *Desk) EachReportRow(ctx context.Context, q ReportQuery, do func(wire.ReportRow) error) error {
	r := &reporter{ReportQuery: q, do: do, names: map[string]string{}, sums: map[[2]string]*tally.Sums{}}
	var present []tally.Tally
	if err := d.read(func() {
		present, r.serves = d.floor.Tallies(d.deps.Now()), d.floor.Serves()
	}); err != nil {
		return err
	}
	r.know(d.books.Load())
	oldest := q.Until
	if len(present) > 0 && present[0].Start.Before(oldest) {
		oldest = present[0].Start
	}
	known := map[string]bool{} // of the state's tallies, what is kept meanwhile
	var stop error
	err := d.past.tallies.Scan(ctx, q.From, q.Until, func(t tally.Tally) bool {
		if !t.Start.Before(oldest) {
			known[t.Key()] = true
		}
		stop = r.take(t)
		return stop == nil
	})
	if err != nil {
		return unread(err)
	}
	for _, t := range present {
		if stop == nil && !known[t.Key()] && !t.Start.Before(q.From) && t.Start.Before(q.Until) {
			stop = r.take(t)
		}
	}
	if stop == nil {
		stop = r.flush()
	}
	return stop
}

// reporter adds tallies up to rows.
type reporter struct {
	ReportQuery
	do     func(wire.ReportRow) error
	names  map[string]string // by kind and id
	serves map[string][]string

	from, until time.Time // of the row under way
	sums        map[[2]string]*tally.Sums
}

func (r *reporter) know(b *floor.Directory) {
	for _, q := range b.QueueNames() {
		r.names[string(tally.Queue)+q[0]] = q[1]
	}
	for _, a := range b.AgentNames() {
		r.names[string(tally.Agent)+a[0]] = a[1]
	}
}

// take adds a tally, after the rows before it are out.
func (r *reporter) take(t tally.Tally) error {
	from, until := r.Every.Row(t.Start, r.Zone)
	if r.Every == tally.All {
		from, until = r.From.In(r.Zone), r.Until.In(r.Zone)
	}
	if from.Before(r.From) {
		from = r.From.In(r.Zone)
	}
	if until.After(r.Until) {
		until = r.Until.In(r.Zone)
	}
	if !from.Equal(r.from) && len(r.sums) > 0 {
		if err := r.flush(); err != nil {
			return err
		}
	}
	r.from, r.until = from, until
	k := [2]string{string(t.Kind), t.ID}
	s := r.sums[k]
	if s == nil {
		s = &tally.Sums{}
		r.sums[k] = s
	}
	s.Add(t.Sums)
	return nil
}

// flush gives out the rows under way.
func (r *reporter) flush() error {
	keys := make([][2]string, 0, len(r.sums))
	staff := map[string]*tally.Sums{} // of a queue's agents
	for k, s := range r.sums {
		keys = append(keys, k)
		if k[0] == string(tally.Agent) {
			for _, qid := range r.serves[k[1]] {
				if staff[qid] == nil {
					staff[qid] = &tally.Sums{}
				}
				staff[qid].Add(*s)
			}
		}
	}
	for qid := range staff { // a queue without a call has agents all the same
		if k := [2]string{string(tally.Queue), qid}; r.sums[k] == nil {
			r.sums[k] = &tally.Sums{}
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return cmp.Or(strings.Compare(b[0], a[0]), strings.Compare(a[1], b[1])) })
	for _, k := range keys {
		kind, id := tally.Kind(k[0]), k[1]
		if r.Kind != "" && kind != r.Kind || r.ID != "" && id != r.ID {
			continue
		}
		s := *r.sums[k]
		if kind == tally.Queue && staff[id] != nil {
			t := staff[id]
			s.Ready, s.NotReady, s.Reserved, s.Busy, s.Wrapping = t.Ready, t.NotReady, t.Reserved, t.Busy, t.Wrapping
		}
		row := reportRow(kind, s)
		row.From, row.Until, row.Kind, row.ID, row.Name = r.from, r.until, wire.ReportKind(kind), id, cmp.Or(r.names[k[0]+id], id)
		if err := r.do(row); err != nil {
			return err
		}
	}
	clear(r.sums)
	return nil
}

// reportRow is a row's numbers. Of a call's time after its customer has left a queue has it once, and each agent
// what they were there for.
func reportRow(kind tally.Kind, s tally.Sums) wire.ReportRow {
	post := s.PostTime
	if kind == tally.Queue {
		post = s.PostCall
	}
	row := wire.ReportRow{
		Offered: s.Offered, Answered: s.Answered, AnsweredInTime: s.InTime, Abandoned: s.Abandoned, ShortAbandoned: s.Short,
		Elsewhere: s.Elsewhere, LongestWaitSeconds: seconds(s.LongestWait), Missed: s.Missed, Declined: s.Declined, NoMedia: s.NoMedia,
		Handled: s.Handled, Outbound: s.Outbound, HandleSeconds: seconds(s.Handle), TalkSeconds: seconds(s.Talk), HoldSeconds: seconds(s.Hold),
		ConsultSeconds: seconds(s.Consult), DialingSeconds: seconds(s.Dialing), WrapupSeconds: seconds(s.Wrapup),
		Assisted: s.Assisted, AssistSeconds: seconds(s.Assist), PostCalls: s.PostCalls, PostCallSeconds: seconds(post),
		ReadySeconds: seconds(s.Ready), NotReadySeconds: seconds(s.NotReady), ReservedSeconds: seconds(s.Reserved),
		BusySeconds: seconds(s.Busy), WrapSeconds: seconds(s.Wrapping),
	}
	if v, ok := s.ServiceLevel(); ok {
		row.ServiceLevel = &v
	}
	if v, ok := s.Occupancy(); ok {
		row.Occupancy = &v
	}
	if v, ok := s.AnswerSpeed(); ok {
		f := seconds(v)
		row.AnswerSpeedSeconds = &f
	}
	if v, ok := s.HandleTime(); ok {
		f := seconds(v)
		row.HandleTimeSeconds = &f
	}
	return row
}

// Totals are what has been counted since the start, of each queue and of all agents together.
func (d *Desk) Totals() (out []floor.Total) {
	_ = d.read(func() { out = d.floor.Totals(d.deps.Now()) }) // only fails when the desk has ended
	return out
}
