// Package desk is the contact centre's control plane: agents, queues, offers and wrap-ups. All rules stand
// in pure state machines below it (agent, contact, offer, queue, wrapup, joined by floor); this package
// gives them a life: one goroutine that owns the floor, its inputs (API methods, events of the calls, the
// one timer of the earliest deadline), its log on disk, and the execution of what it asks for.
//
//	API methods ─┐                   ┌─> log (on disk before anything is answered or done)
//	bus events ──┼─> actor: floor ───┼─> bus: agent.* call.queued offer.* wrapup.* desk.alarm
//	deadlines ───┘        ^          └─> executor: commands per call, in order ──> Plane
//	                      └─────────────── what failed ───────────────┘
//
// The desk touches neither media nor SIP. What it does to a call any other client of the API could do.
package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/desk/contacts"
	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/numbering"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Config is the contact centre's configuration; its parts are described in package floor.
type (
	Config   = floor.Config
	Queue    = floor.Queue
	Number   = floor.Number
	Agent    = floor.Agent
	Reason   = floor.Reason
	Duration = floor.Duration
)

// DefaultConfig is an empty contact centre with the usual times.
func DefaultConfig() Config { return floor.DefaultConfig() }

// Seconds is a Duration of n seconds.
func Seconds(n int) Duration { return floor.Seconds(n) }

// Plane is what the desk asks of the calls. Methods may take their time; they are called from the
// executor, for one call one after the other. actor is always "desk".
type Plane interface {
	Answer(ctx context.Context, legID, actor string) error
	Hold(ctx context.Context, legID, actor string) error
	Resume(ctx context.Context, legID, actor string) error
	EndCall(ctx context.Context, callID, code, actor string) error
	HangupLeg(ctx context.Context, legID, code, actor string) error
	StartRecording(ctx context.Context, callID, actor string) (wire.Recording, error)
	SetVariables(ctx context.Context, callID string, vars map[string]string, actor string) (wire.Call, error)
	Arrange(ctx context.Context, callID string, seats []wire.Seat, actor string) (wire.Call, error)
	DialLeg(ctx context.Context, callID string, req call.DialRequest, role wire.Role, actor string) (wire.Leg, error)
	StopPlay(ctx context.Context, legID, playID, actor string) error
	Call(id string) (wire.Call, error)
	// Secrets are the values of secure variables that came with a call. It does not wait.
	Secrets(callID string) map[string]string
	Create(ctx context.Context, n call.NewCall) (wire.Call, error)
	Beep(ctx context.Context, legID, actor string) error
}

// Voice says what callers hear: files of the prompt folder one after the other, once or (loop) over and
// over, or a connect tone when there is no file. The leg hears nothing else meanwhile.
type Voice interface {
	Say(ctx context.Context, legID string, files []string, loop bool, actor string) (wire.Playback, error)
}

// Log is the desk's memory; store.Log is one. Appending the same entry twice must be harmless, and is.
type Log interface {
	Append(ctx context.Context, data []byte) (seq uint64, err error)
	Read(ctx context.Context, after uint64, f func(seq uint64, data []byte) error) error
	Trim(ctx context.Context, seq uint64) error
}

// Deps is what a Desk stands on.
type Deps struct {
	Plane Plane
	Voice Voice // nil: nothing is announced
	Bus   *event.Bus
	Store Log          // nil: nothing outlives the process
	Log   *slog.Logger // nil: silent
	Now   func() time.Time
	// Contacts is the log of contact lists; nil: they do not outlive the process.
	Contacts contacts.Log
	// Numbering says which telephone numbers are the same.
	Numbering numbering.Plan
	// Detector tells people from answering machines; nil: whoever answers is a person.
	Detector Detector
	// Messenger brings codes to customers who ask for a callback; nil: they cannot.
	Messenger Messenger
	// Router asks routing hooks; nil: nobody is asked.
	Router Router
	// Past is where call records and the numbers of reports are kept.
	Past Past
	// Mark writes into a call's timeline; nil: nothing is written.
	Mark func(callID string, m wire.TimelineMark)
}

// Desk is the control plane. Its methods are safe for concurrent use; they wait for the actor, so Run must
// be running or about to.
type Desk struct {
	deps  Deps
	floor *floor.Floor                    // the actor's
	books atomic.Pointer[floor.Directory] // the configuration in force, for everybody
	alive atomic.Int64                    // calls
	book  *book
	exec  *executor
	told  map[string]wire.Queue // the actor's: the queues as they were last told
	// contacts is safe for concurrent use.
	contacts *contacts.Book
	settled  []wire.CampaignRecord // the actor's: closed records that are to be kept
	past     *past

	gated  sync.Mutex     // guards held; taken before mu
	held   gate           // calls whose routing hook is being asked
	asking sync.WaitGroup // routing hooks

	cursor uint64 // of the bus: everything after it will be read

	mu     sync.Mutex // guards box and closed
	box    []letter
	closed bool
	wake   chan struct{}
	done   chan struct{} // closed when Run has ended
}

// letter is one item for the actor: an input, or something to read or do between inputs.
type letter struct {
	in    floor.Input
	api   bool            // somebody waits and can be refused
	then  func()          // runs on the actor's goroutine, after the input and if it was not refused
	reply func(err error) // runs when what the input changed is on disk; nil if nobody waits
}

// New reads the log and brings the state up to date with it. It starts nothing.
func New(cfg Config, deps Deps) (*Desk, error) {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	d := &Desk{held: gate{}, deps: deps, book: &book{log: deps.Store, warn: deps.Log.Warn}, wake: make(chan struct{}, 1), done: make(chan struct{}), cursor: deps.Bus.Last()}
	state, err := d.book.read()
	if err != nil {
		return nil, err
	}
	if d.floor, err = floor.New(cfg, state, id.New); err != nil {
		return nil, err
	}
	if d.contacts, err = contacts.Open(context.Background(), deps.Contacts, deps.Numbering); err != nil {
		return nil, err
	}
	if d.past, err = newPast(deps.Past, deps.Now, deps.Log.Warn, func(in floor.Kept) { d.post(letter{in: in}) }); err != nil {
		return nil, err
	}
	d.floor.SetContacts(d.contacts)
	d.told = map[string]wire.Queue{}
	for _, q := range d.floor.Queues() {
		d.told[q.ID] = q
	}
	d.books.Store(d.floor.Directory())
	d.exec = newExecutor(deps.Plane, deps.Voice, deps.Detector, deps.Log, func(in floor.Input) { d.post(letter{in: in}) })
	return d, nil
}

// Run is the desk's life, until ctx ends. It returns after everything it started has ended.
func (d *Desk) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { d.listen(ctx) })
	wg.Go(func() { d.past.run(ctx) })
	d.process([]letter{{in: floor.Restart{Alive: d.lives}}})
	d.loop(ctx)
	cancel()
	wg.Wait()
	d.asking.Wait()
	d.exec.close()
	d.mu.Lock()
	d.closed = true
	rest := d.box
	d.box = nil
	d.mu.Unlock()
	close(d.done)
	for _, l := range rest {
		if l.reply != nil {
			l.reply(errClosed)
		}
	}
	return d.book.close(d.floor)
}

var errClosed = &problem.Error{Status: http.StatusServiceUnavailable, Code: "shutting_down", Detail: "the desk is shutting down", RetryAfter: 10}

func (d *Desk) lives(callID string) bool {
	c, err := d.deps.Plane.Call(callID)
	return err == nil && c.State != wire.CallEnded
}

// loop takes letters and deadlines until ctx ends.
func (d *Desk) loop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := time.Hour
		if at := d.floor.Next(); !at.IsZero() {
			wait = max(0, at.Sub(d.deps.Now()))
		}
		if d.book.behind() {
			wait = min(wait, retryAppend)
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		}
		d.mu.Lock()
		batch := d.box
		d.box = nil
		d.mu.Unlock()
		d.process(batch)
	}
}

// process runs a batch of letters and the deadlines that have come as one write to the log, and only then
// answers and acts.
func (d *Desk) process(batch []letter) {
	var effects []floor.Effect
	replies := make([]func(error), 0, len(batch)) // of those who wait for the disk
	for _, l := range batch {
		err := d.refuse(l)
		if err == nil && l.in != nil {
			var more []floor.Effect
			more, err = d.step(l.in)
			effects = append(effects, more...)
		}
		if err == nil && l.then != nil {
			l.then()
		}
		if l.reply == nil {
			if err != nil {
				d.deps.Log.Warn("desk input refused", "input", fmt.Sprintf("%T", l.in), "cause", err)
			}
			continue
		}
		if err != nil || l.in == nil {
			l.reply(err)
			continue
		}
		replies = append(replies, l.reply)
	}
	if d.floor.Due(d.deps.Now()) {
		more, err := d.step(floor.Tick{})
		if err != nil {
			d.deps.Log.Error("desk deadline failed", "cause", err)
		}
		effects = append(effects, more...)
	}
	saved := d.book.write(d.floor)
	if saved != nil {
		d.deps.Log.Error("desk state not saved", "cause", saved)
	}
	for _, e := range effects {
		d.execute(e)
	}
	d.keepRecords()
	d.tellQueues()
	for _, reply := range replies {
		if saved != nil {
			reply(&problem.Error{
				Status: http.StatusServiceUnavailable, Code: "store_unavailable",
				Detail: "done, but not yet saved: it would not survive a restart", RetryAfter: 1, Err: saved,
			})
			continue
		}
		reply(nil)
	}
}

// refuse turns commands away while the log cannot be written, so that nothing is acknowledged that may be
// lost. Calls in progress and deadlines go on.
func (d *Desk) refuse(l letter) error {
	if l.api && d.book.behind() {
		return &problem.Error{Status: http.StatusServiceUnavailable, Code: "store_unavailable", Detail: "the state cannot be saved at the moment", RetryAfter: 1}
	}
	return nil
}

func (d *Desk) step(in floor.Input) ([]floor.Effect, error) {
	changes, effects, err := d.floor.Step(d.deps.Now(), in)
	if err != nil {
		return nil, err
	}
	d.book.add(changes)
	return effects, nil
}

func (d *Desk) execute(e floor.Effect) {
	switch e := e.(type) {
	case floor.Event:
		d.deps.Bus.Publish(e.Type, e.CallID, e.Actor, e.Data)
		if e.Type == "desk.alarm" {
			a, _ := e.Data.(wire.Alarm)
			d.deps.Log.Warn("desk alarm", "type", a.Type, "call", a.CallID, "queue", a.Queue, "detail", a.Detail)
		}
	case floor.Command:
		d.exec.do(e)
	case floor.Closed:
		d.settled = append(d.settled, e.Record)
	case floor.Filed:
		d.past.file(e.Journal)
	case floor.Tallied:
		d.past.fileTally(e.Tally)
	}
}

// tellQueues publishes the queues that are no longer as they were last told. What came and went within one
// batch is not told.
func (d *Desk) tellQueues() {
	now := d.floor.Queues()
	for _, q := range now {
		if was, there := d.told[q.ID]; !there || q.Name != was.Name || q.Waiting != was.Waiting || q.Ready != was.Ready || !same(q.OldestSince, was.OldestSince) {
			d.deps.Bus.Publish("queue.changed", "", floor.Actor, q)
			d.told[q.ID] = q
		}
	}
	d.books.Store(d.floor.Directory())
	d.alive.Store(int64(d.floor.Live()))
}

func same(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }

// post leaves a letter; false when the desk has ended. Never blocks.
func (d *Desk) post(l letter) bool {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return false
	}
	d.box = append(d.box, l)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return true
}

// ask posts an input (or nil) and a function to run after it on the actor's goroutine, and waits until it
// is done and saved.
func (d *Desk) ask(ctx context.Context, in floor.Input, then func()) error {
	answer := make(chan error, 1)
	if !d.post(letter{in: in, api: in != nil, then: then, reply: func(err error) { answer <- err }}) {
		return errClosed
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// listen turns the bus's events into inputs. The mailbox is unbounded, so the cursor keeps up; should it
// fall out of the ring all the same, the calls we know are read afresh.
func (d *Desk) listen(ctx context.Context) {
	cursor := d.cursor
	seen := gathered{}
	var events []wire.Event
	for {
		var err error
		events, err = d.deps.Bus.After(ctx, cursor, events[:0], 256)
		if errors.Is(err, event.ErrExpired) {
			clear(seen)
			cursor = d.deps.Bus.Last()
			d.deps.Log.Error("desk lost events", "cursor", cursor)
			d.post(letter{then: d.resync})
			continue
		}
		if err != nil {
			return
		}
		for _, e := range events {
			cursor = e.Seq
			in := input(e)
			if c, ok := e.Data.(wire.Call); ok {
				in = d.variablesOf(seen, e, c, in)
			}
			if in != nil {
				d.enter(ctx, e.CallID, in)
			}
		}
	}
}

// resync looks after the calls we know, for events that were missed.
func (d *Desk) resync() {
	for _, cid := range d.floor.Calls() {
		c, err := d.deps.Plane.Call(cid)
		if err != nil || c.State == wire.CallEnded {
			d.post(letter{in: floor.CallEnded{ID: cid}})
			continue
		}
		for _, l := range c.Legs {
			if l.State == wire.LegEnded {
				d.post(letter{in: floor.LegEnded{Leg: l}})
			}
		}
		for _, l := range c.Legs {
			if l.State == wire.LegConnected || l.State == wire.LegHeld {
				d.post(letter{in: floor.LegAnswered{Leg: l}})
			}
		}
	}
}

// input is what an event of the calls means to the floor, nil for nothing.
func input(e wire.Event) floor.Input {
	switch data := e.Data.(type) {
	case wire.Recording:
		if e.Type == "recording.started" {
			return floor.RecordingStarted{CallID: data.CallID, ID: data.ID}
		}
	case wire.Digit:
		return floor.DigitPressed{CallID: data.CallID, LegID: data.LegID, Digit: data.Digit}
	case wire.Call:
		switch e.Type {
		case "call.created":
			return floor.CallCreated{Call: data, Actor: e.Actor}
		case "call.ended":
			return floor.CallEnded{ID: data.ID, Cause: data.Cause}
		}
	case wire.Playback:
		return floor.PlayEnded{CallID: e.CallID, LegID: data.LegID}
	case wire.Leg:
		switch e.Type {
		case "leg.created":
			return floor.LegCreated{Leg: data}
		case "leg.ringing", "leg.early_media":
			return floor.LegRinging{Leg: data}
		case "leg.answered":
			return floor.LegAnswered{Leg: data}
		case "leg.ended":
			return floor.LegEnded{Leg: data}
		case "leg.held":
			return floor.LegHeld{Leg: data, Actor: e.Actor}
		case "leg.resumed":
			return floor.LegHeld{Leg: data, Actor: e.Actor}
		}
	}
	return nil
}
