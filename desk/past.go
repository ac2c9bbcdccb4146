package desk

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/journal"
	"github.com/cordboard/cordboard/desk/ledger"
	"github.com/cordboard/cordboard/desk/tally"
	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Past is where call records and tallies are kept, and for how long.
type Past struct {
	Records, Tallies ledger.Log // nil: they do not outlive the process
	// Gone matches the logs' error for an entry that is not there.
	Gone error
	// KeepRecords and KeepTallies are how long after they were over; 0 for ever.
	KeepRecords, KeepTallies time.Duration
}

// The past's times.
const (
	keepRetry   = 2 * time.Second
	forgetEvery = time.Hour
)

// past keeps what is over. The actor hands it over and goes on; it is written on a goroutine of its own, and only
// then does the state forget it.
type past struct {
	Past
	records *ledger.Ledger[journal.Journal]
	tallies *ledger.Ledger[tally.Tally]
	kept    func(floor.Kept)
	warn    func(msg string, args ...any)
	now     func() time.Time

	mu       sync.Mutex // guards what waits
	journals []journal.Journal
	quarters []tally.Tally
	wake     chan struct{}
}

func newPast(p Past, now func() time.Time, warn func(string, ...any), kept func(floor.Kept)) (*past, error) {
	if p.Gone == nil {
		p.Gone = ledger.ErrGone
	}
	if p.Records == nil {
		p.Records = &ledger.Memory{}
	}
	if p.Tallies == nil {
		p.Tallies = &ledger.Memory{}
	}
	out := &past{Past: p, kept: kept, warn: warn, now: now, wake: make(chan struct{}, 1)}
	var err error
	if out.records, err = ledger.Open(context.Background(), p.Records, ledger.Of[journal.Journal]{
		Key: func(j journal.Journal) string { return j.ID }, Gone: p.Gone,
		From: func(j journal.Journal) time.Time { return j.Started }, Until: func(j journal.Journal) time.Time { return j.Closed },
	}); err != nil {
		return nil, err
	}
	out.tallies, err = ledger.Open(context.Background(), p.Tallies, ledger.Of[tally.Tally]{
		Key: tally.Tally.Key, Gone: p.Gone,
		From: func(t tally.Tally) time.Time { return t.Start }, Until: func(t tally.Tally) time.Time { return t.Start },
	})
	return out, err
}

// file hands one over.
func (p *past) file(j journal.Journal) {
	p.mu.Lock()
	p.journals = append(p.journals, j)
	p.mu.Unlock()
	p.poke()
}

func (p *past) fileTally(t tally.Tally) {
	p.mu.Lock()
	p.quarters = append(p.quarters, t)
	p.mu.Unlock()
	p.poke()
}

func (p *past) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends. What has not been written then stays in the desk's state.
func (p *past) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var forgotten time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
		wait := forgetEvery
		if err := p.write(ctx); err != nil && ctx.Err() == nil {
			p.warn("call records or tallies not kept", "cause", err)
			wait = keepRetry
		}
		if now := p.now(); now.Sub(forgotten) >= forgetEvery {
			forgotten = now
			if err := p.forget(ctx, now); err != nil && ctx.Err() == nil {
				p.warn("old call records or tallies not forgotten", "cause", err)
			}
		}
		timer.Reset(wait)
	}
}

// write keeps what waits.
func (p *past) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*keepLimit)
	defer cancel()
	p.mu.Lock()
	journals, quarters := p.journals, p.quarters
	p.mu.Unlock()
	var in floor.Kept
	defer func() {
		if len(in.Journals)+len(in.Tallies) > 0 {
			p.kept(in)
		}
	}()
	if len(journals) > 0 {
		sorted := slices.Clone(journals)
		slices.SortStableFunc(sorted, func(a, b journal.Journal) int { return a.Closed.Compare(b.Closed) })
		if err := p.records.Keep(ctx, sorted); err != nil {
			return err
		}
		for _, j := range journals {
			in.Journals = append(in.Journals, j.ID)
		}
		p.mu.Lock()
		p.journals = p.journals[len(journals):]
		p.mu.Unlock()
	}
	if len(quarters) > 0 {
		sorted := slices.Clone(quarters)
		slices.SortStableFunc(sorted, func(a, b tally.Tally) int { return a.Start.Compare(b.Start) })
		if err := p.tallies.Keep(ctx, sorted); err != nil {
			return err
		}
		for _, t := range quarters {
			in.Tallies = append(in.Tallies, t.Key())
		}
		p.mu.Lock()
		p.quarters = p.quarters[len(quarters):]
		p.mu.Unlock()
	}
	return nil
}

func (p *past) forget(ctx context.Context, now time.Time) error {
	if p.KeepRecords > 0 {
		if err := p.records.Forget(ctx, now.Add(-p.KeepRecords)); err != nil {
			return err
		}
	}
	if p.KeepTallies > 0 {
		return p.tallies.Forget(ctx, now.Add(-p.KeepTallies))
	}
	return nil
}

// RecordFilter chooses call records; empty fields choose all.
type RecordFilter struct {
	Since, Until      time.Time // when the contact began
	Agent, Queue      string    // any who was on it, any it waited in
	Number, NumberEnd string    // the customer's, or its last characters
	Disposition       string
	Direction         wire.Direction
	Outcome           wire.CallOutcome
	Call              string
	Own               string // the agent whose contacts alone are seen
	Cursor            string
	Limit             int
	Whole             bool // customers' numbers whole, rather than their last four characters
}

func (f *RecordFilter) fits(j journal.Journal) bool {
	with := func(agent string) bool {
		return slices.ContainsFunc(j.Agents, func(s journal.Segment) bool { return s.Agent == agent })
	}
	number := strings.TrimPrefix(floor.Normalize(j.Party()), "+")
	switch {
	case f.Call != "" && j.ID != f.Call, f.Agent != "" && !with(f.Agent), f.Own != "" && !with(f.Own),
		f.Number != "" && number != strings.TrimPrefix(floor.Normalize(f.Number), "+"), !strings.HasSuffix(number, f.NumberEnd),
		f.Disposition != "" && j.Disposition != f.Disposition && !slices.ContainsFunc(j.Agents, func(s journal.Segment) bool { return s.Reason == f.Disposition }),
		f.Direction != "" && directionOf(j) != f.Direction, f.Outcome != "" && j.Outcome != string(f.Outcome),
		f.Queue != "" && j.Queue != f.Queue && !slices.ContainsFunc(j.Waits, func(w journal.Wait) bool { return w.Queue == f.Queue }):
		return false
	}
	return true
}

func directionOf(j journal.Journal) wire.Direction {
	if j.Outbound {
		return wire.Outbound
	}
	return wire.Inbound
}

// CallRecords is a page of call records, the newest first, and the cursor of the next page. A page may have fewer
// than asked for and a cursor all the same.
func (d *Desk) CallRecords(ctx context.Context, f RecordFilter) ([]wire.CallRecord, string, error) {
	f.narrow()
	found, next, err := d.past.records.Page(ctx, f.Since, f.Until, f.Cursor, f.Limit, f.fits)
	if err != nil {
		return nil, "", unread(err)
	}
	out := make([]wire.CallRecord, 0, len(found))
	for _, j := range found {
		out = append(out, f.show(j))
	}
	return out, next, nil
}

// EachCallRecord calls do for the call records a filter chooses, the oldest first, until it errs; no more than one
// entry of the log is in memory.
func (d *Desk) EachCallRecord(ctx context.Context, f RecordFilter, do func(wire.CallRecord) error) error {
	f.narrow()
	var stop error
	err := d.past.records.Scan(ctx, f.Since, f.Until, func(j journal.Journal) bool {
		if f.fits(j) {
			stop = do(f.show(j))
		}
		return stop == nil
	})
	if err != nil {
		return unread(err)
	}
	return stop
}

// narrow uses the time an id of a call was made to look in fewer places.
func (f *RecordFilter) narrow() {
	at := id.Time(f.Call)
	if at.IsZero() {
		return
	}
	if since := at.Add(-time.Minute); f.Since.Before(since) {
		f.Since = since
	}
	if until := at.Add(time.Minute); f.Until.IsZero() || until.Before(f.Until) {
		f.Until = until
	}
}

// unread is an error of a ledger as the outside gets it.
func unread(err error) error {
	if p := problem.As(err); p.Status < 500 {
		return err
	}
	return &problem.Error{Status: 503, Code: "store_unavailable", Detail: "the past cannot be read at the moment", RetryAfter: 1, Err: err}
}

// show is a journal as the API shows it.
func (f *RecordFilter) show(j journal.Journal) wire.CallRecord {
	r := wire.CallRecord{
		ID: j.ID, Direction: directionOf(j), Started: j.Started, Ended: j.Ended, Closed: j.Closed, Outcome: wire.CallOutcome(j.Outcome),
		Customer: j.Party(), Name: j.Name, Line: j.To, EntryPoint: j.Entry, Queue: j.Queue, Class: j.Class, Stage: j.Stage,
		Task: j.Task, Campaign: j.Campaign, Disposition: j.Disposition, Variables: j.Variables,
		Recordings: append([]string{}, j.Recordings...),
		Waits:      make([]wire.RecordWait, 0, len(j.Waits)), Offers: make([]wire.RecordOffer, 0, len(j.Offers)), Agents: make([]wire.RecordAgent, 0, len(j.Agents)),
	}
	if j.Outbound {
		r.Line = j.From
	}
	if !f.Whole {
		r.Customer, r.Masked = veil.Mask(r.Customer), true
		if r.Name != "" && strings.Trim(floor.Normalize(r.Name), "+0123456789") == "" {
			r.Name = veil.Mask(r.Name) // callers without a name have their number for one
		}
	}
	for _, w := range j.Waits {
		d := seconds(w.Left.Sub(w.Entered))
		r.WaitSeconds += d
		r.Waits = append(r.Waits, wire.RecordWait{Queue: w.Queue, Entered: w.Entered, Left: w.Left, Seconds: d, End: w.End})
	}
	for _, o := range j.Offers {
		r.Offers = append(r.Offers, wire.RecordOffer{ID: o.ID, Agent: o.Agent, Consult: o.Consult, Offered: o.At, Settled: o.Settled, End: o.End})
	}
	for _, s := range j.Agents {
		a := wire.RecordAgent{
			Agent: s.Agent, Role: s.Role, Queue: s.Queue, Joined: s.Joined, Left: s.Left, TalkSeconds: seconds(s.Talk), HoldSeconds: seconds(s.Hold),
			ConsultSeconds: seconds(s.Consult), DialingSeconds: seconds(s.Dialing), PostCallSeconds: seconds(s.Post),
			WrapupSeconds: seconds(s.Work()), Disposition: s.Reason,
		}
		r.Agents = append(r.Agents, a)
		if s.Role != journal.Primary {
			continue
		}
		r.Agent = s.Agent
		r.TalkSeconds += a.TalkSeconds
		r.HoldSeconds += a.HoldSeconds
		r.ConsultSeconds += a.ConsultSeconds
		r.DialingSeconds += a.DialingSeconds
		r.WrapupSeconds += a.WrapupSeconds
	}
	if !j.Left.IsZero() {
		r.PostCallSeconds = seconds(j.Ended.Sub(j.Left))
	}
	return r
}

// seconds is a duration to the millisecond.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}
