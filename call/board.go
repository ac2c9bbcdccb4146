package call

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Board holds all calls of this server. Safe for concurrent use.
type Board struct {
	cfg  Config
	deps Deps

	mu       sync.Mutex // guards the maps and draining, never held while anything waits
	calls    map[string]*actor
	legs     map[string]*actor // leg id -> its call
	rooms    map[string]*actor
	recs     map[string]*actor // live recordings
	captures map[string]*actor // the last capture of each call
	ended    []wire.Call       // the newest KeepEnded, oldest first
	draining bool

	timelines map[string]wire.Timeline // of the ended calls

	scales  *scales
	refused atomic.Uint64

	wg sync.WaitGroup // one per actor
}

// New makes a Board. It starts nothing; each call starts its own actor.
func New(cfg Config, deps Deps) (*Board, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Board{
		cfg: cfg, deps: deps,
		calls: make(map[string]*actor), legs: make(map[string]*actor),
		rooms: make(map[string]*actor), recs: make(map[string]*actor), captures: make(map[string]*actor),
		timelines: make(map[string]wire.Timeline), scales: newScales(),
	}, nil
}

// SetDialer gives the Board its way out. It is called once at start-up, before the first call, because the
// trunk needs the Board and the Board the trunk.
func (b *Board) SetDialer(d Dialer) { b.deps.Dialer = d }

// SetAdmit gives the Board its check of called numbers; see Deps.Admit. Once at start-up.
func (b *Board) SetAdmit(f func(ctx context.Context, to string) error) { b.deps.Admit = f }

// SetQueueOf gives the Board the queues of called numbers; see Deps.QueueOf. Once at start-up.
func (b *Board) SetQueueOf(f func(to string) (string, error)) { b.deps.QueueOf = f }

// SetPrompt gives the Board its announcements; see Deps.Prompt. Once at start-up.
func (b *Board) SetPrompt(f func(name string) (media.Source, error)) { b.deps.Prompt = f }

// SetSecret gives the Board its secure variables; see Deps.Secret. Once at start-up.
func (b *Board) SetSecret(f func(name string) bool) { b.deps.Secret = f }

// NewCall is an outbound call to place, or an empty one to attach legs to when To is empty.
type NewCall struct {
	ID                 string // empty: a fresh one; otherwise one that was never used
	Queue              string // for the call's picture and its recordings
	To, From, FromName string
	Trunk              string
	ClientRef          string
	Agent              string // who places it
	Actor              string
	Variables          map[string]string
	Tones              wire.TonePolicy       // "": as configured
	DTMFRelay          wire.RelayPolicy      // "": as configured
	RecordingPolicy    *wire.RecordingPolicy // nil: as the queue has it
}

// Incoming takes a call from a trunk. The leg is new: it rings nowhere until somebody rings or answers it.
// The error is a *problem.Error: 404 for a number that leads nowhere, 503 when draining or full.
func (b *Board) Incoming(ctx context.Context, in Inbound) (Progress, wire.Call, error) {
	if b.deps.Admit != nil {
		if err := b.deps.Admit(ctx, in.To); err != nil {
			return nil, wire.Call{}, err
		}
	}
	queue := ""
	if b.deps.QueueOf != nil {
		if q, err := b.deps.QueueOf(in.To); err == nil {
			queue = q
		}
	}
	a, err := b.open(wire.Call{Direction: wire.Inbound, Trunk: in.Trunk, From: in.From, FromName: in.FromName, To: in.To, Queue: queue})
	if err != nil {
		return nil, wire.Call{}, err
	}
	l := a.newLeg(wire.Leg{Kind: wire.LegSIP, Direction: wire.Inbound, Role: wire.RoleCustomer, Address: in.Address, State: wire.LegNew}, in.Endpoint)
	l.trunk = in.Trunk
	var c wire.Call
	err = a.do(ctx, func() error {
		a.addLeg(l)
		c = a.snapshot()
		a.publish("call.created", "customer", c)
		return nil
	})
	return l, c, err
}

// Create opens a call: with a leg dialled through a trunk when n.To is set, otherwise an empty one.
func (b *Board) Create(ctx context.Context, n NewCall) (wire.Call, error) {
	if n.To != "" && b.deps.Dialer == nil {
		return wire.Call{}, problem.New(http.StatusServiceUnavailable, "no_trunk", "no trunk is configured to call out")
	}
	if err := checkVariables(n.Variables); err != nil {
		return wire.Call{}, err
	}
	open, secret := b.apart(n.Variables)
	a, err := b.open(wire.Call{
		ID: n.ID, Queue: n.Queue, Direction: wire.Outbound, Trunk: n.Trunk, From: n.From, FromName: n.FromName, To: n.To,
		ClientRef: n.ClientRef, Variables: open, Tones: n.Tones, DTMFRelay: n.DTMFRelay, RecordingPolicy: n.RecordingPolicy,
	})
	if err != nil {
		return wire.Call{}, err
	}
	var c wire.Call
	if err := a.do(ctx, func() error {
		a.secrets.Store(&secret)
		c = a.snapshot()
		a.publish("call.created", n.Actor, c)
		return nil
	}); err != nil {
		return wire.Call{}, err
	}
	if n.To == "" {
		return c, nil
	}
	if _, err := b.dialLeg(ctx, a, DialRequest{Trunk: n.Trunk, To: n.To, From: n.From, FromName: n.FromName}, wire.RoleCustomer, n.Actor); err != nil {
		_ = b.EndCall(context.WithoutCancel(ctx), a.id, CauseUnavailable, n.Actor)
		return wire.Call{}, err
	}
	return b.Call(a.id)
}

// DialLeg calls somebody through a trunk into a call that is there. A server without room for it answers 503.
func (b *Board) DialLeg(ctx context.Context, callID string, req DialRequest, role wire.Role, actorName string) (wire.Leg, error) {
	a, err := b.call(callID)
	if err != nil {
		return wire.Leg{}, err
	}
	if b.deps.Dialer == nil {
		return wire.Leg{}, problem.New(http.StatusServiceUnavailable, "no_trunk", "no trunk is configured to call out")
	}
	if err := b.capacity(); err != nil {
		return wire.Leg{}, err
	}
	return b.dialLeg(ctx, a, req, role, actorName)
}

// dialLeg is DialLeg for a call that has been let in.
func (b *Board) dialLeg(ctx context.Context, a *actor, req DialRequest, role wire.Role, actorName string) (wire.Leg, error) {
	if req.Timeout == 0 {
		req.Timeout = b.cfg.RingTimeout
	}
	if err := checkSide("/side", req.Side); err != nil {
		return wire.Leg{}, err
	}
	l := a.newLeg(wire.Leg{
		Kind: wire.LegSIP, Direction: wire.Outbound, Role: role, Address: req.To, State: wire.LegTrying,
		Side: req.Side, ClientRef: req.ClientRef, Agent: req.Agent,
	}, nil)
	l.trunk = req.Trunk
	if err := a.do(ctx, func() error {
		if err := a.admitLeg(l, ""); err != nil {
			return err
		}
		a.publish("leg.created", actorName, l.wire)
		return nil
	}); err != nil {
		return wire.Leg{}, err
	}
	ep, err := b.deps.Dialer.Dial(ctx, req, l)
	if err != nil {
		l.Ended(Cause{Code: CauseUnavailable, Detail: err.Error()})
		return wire.Leg{}, err
	}
	var w wire.Leg
	err = a.do(ctx, func() error {
		a.setEndpoint(l, ep)
		w = l.wire
		return nil
	})
	return w, err
}

// Attach joins a leg that signalling has already negotiated. A leg it replaces leaves in the same tick.
// The error is a *problem.Error: 404 for a call that is not there, 409 room_full for a ninth member, 503 when
// the machine has no room for it. One who comes back to a call, on another leg, is always let in: the call
// runs, and running calls do not suffer for new ones.
func (b *Board) Attach(ctx context.Context, callID string, at Attach) (Progress, wire.Leg, error) {
	a, err := b.call(callID)
	if err != nil {
		return nil, wire.Leg{}, err
	}
	if at.Replaces == "" && !a.knows(at.Agent) {
		if err := b.capacity(); err != nil {
			return nil, wire.Leg{}, err
		}
	}
	if err := checkSide("/side", at.Side); err != nil {
		return nil, wire.Leg{}, err
	}
	l := a.newLeg(wire.Leg{
		Kind: at.Kind, Direction: wire.Inbound, Role: at.Role, Agent: at.Agent, Address: at.Address, State: wire.LegNew,
		Side: at.Side, Whisper: at.Whisper, ClientRef: at.ClientRef,
	}, at.Endpoint)
	var w wire.Leg
	err = a.do(ctx, func() error {
		if err := a.admitLeg(l, at.Replaces); err != nil {
			return err
		}
		if err := a.connect(l, at.Replaces); err != nil {
			a.dropLeg(l)
			return err
		}
		if at.Receive == wire.ReceiveStreams {
			if err := a.receive(l, at.Receive, string(at.Role)); err != nil {
				a.endLeg(l, Cause{Code: CauseError, Detail: err.Error()}, "server", true)
				return err
			}
		}
		w = l.wire
		return nil
	})
	if err != nil {
		return nil, wire.Leg{}, err
	}
	return l, w, nil
}

// Drain refuses new calls from now on; the ones there go on.
func (b *Board) Drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
}

// Close ends all calls with cause shutdown and waits until their legs, rooms and recordings are closed, or
// until ctx ends.
func (b *Board) Close(ctx context.Context) error {
	b.Drain()
	b.mu.Lock()
	ids := make([]string, 0, len(b.calls))
	for cid := range b.calls {
		ids = append(ids, cid)
	}
	b.mu.Unlock()
	var errs []error
	for _, cid := range ids {
		if err := b.EndCall(ctx, cid, CauseShutdown, "server"); err != nil && problem.As(err).Status != http.StatusNotFound {
			errs = append(errs, err)
		}
	}
	done := make(chan struct{})
	go func() { b.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, ctx.Err())
	}
	return errors.Join(errs...)
}

func (b *Board) isDraining() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.draining
}

// Live is the number of calls alive.
func (b *Board) Live() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls)
}

// capacity asks the machine for room, and counts when there is none.
func (b *Board) capacity() error {
	if b.deps.Capacity == nil {
		return nil
	}
	err := b.deps.Capacity()
	if err != nil {
		b.refused.Add(1)
	}
	return err
}

// open makes the call's room and starts its actor.
func (b *Board) open(c wire.Call) (*actor, error) {
	if c.Tones == "" {
		c.Tones = b.cfg.Tones
	}
	if c.DTMFRelay == "" {
		c.DTMFRelay = b.cfg.DTMFRelay
	}
	if !b.isDraining() {
		if err := b.capacity(); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	if b.draining {
		b.mu.Unlock()
		return nil, &problem.Error{Status: http.StatusServiceUnavailable, Code: "draining", Detail: "the server is shutting down and takes no new calls", RetryAfter: 30}
	}
	if len(b.calls) >= b.cfg.MaxCalls {
		n := len(b.calls)
		b.mu.Unlock()
		b.refused.Add(1)
		return nil, &problem.Error{Status: http.StatusServiceUnavailable, Code: "call_limit", Detail: "the limit of simultaneous calls is reached", RetryAfter: 10, Limit: b.cfg.MaxCalls, Use: n}
	}
	if c.ID == "" {
		c.ID = id.New(id.Call)
	}
	if b.calls[c.ID] != nil {
		b.mu.Unlock()
		return nil, problem.New(http.StatusConflict, "call_exists", "there is a call %s already", c.ID)
	}
	c.Room, c.State = id.New(id.Room), wire.CallNew
	c.Created = b.now()
	a := newActor(b, c)
	b.calls[c.ID] = a
	b.rooms[c.Room] = a
	b.mu.Unlock()

	room, err := b.deps.Engine.NewRoom(c.Room)
	if err != nil {
		b.forget(a)
		return nil, err
	}
	a.room = room
	b.wg.Go(a.run)
	return a, nil
}

// forget takes an ended call off the maps and keeps its last picture and its timeline.
func (b *Board) forget(a *actor) {
	t := a.timeline()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.calls, a.id)
	delete(b.rooms, a.call.Room)
	for lid, owner := range b.legs {
		if owner == a {
			delete(b.legs, lid)
		}
	}
	for cid, owner := range b.captures {
		if owner == a {
			delete(b.captures, cid)
		}
	}
	for rid, owner := range b.recs {
		if owner == a {
			delete(b.recs, rid)
		}
	}
	if c := a.snap.Load(); c != nil && b.cfg.KeepEnded > 0 {
		if n := len(b.ended) - b.cfg.KeepEnded + 1; n > 0 {
			for _, old := range b.ended[:n] {
				delete(b.timelines, old.ID)
			}
			b.ended = slices.Delete(b.ended, 0, n)
		}
		b.ended = append(b.ended, *c)
		b.timelines[a.id] = t
	}
}

func (b *Board) now() time.Time { return b.deps.Now().UTC().Truncate(time.Millisecond) }

func (b *Board) lookup(m map[string]*actor, noun, key string) (*actor, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := m[key]; a != nil {
		return a, nil
	}
	return nil, problem.NotFound(noun, key)
}

func (b *Board) call(cid string) (*actor, error) { return b.lookup(b.calls, "call", cid) }

// Call is the call as it is now, or as it ended.
func (b *Board) Call(cid string) (wire.Call, error) {
	if a, err := b.call(cid); err == nil {
		return *a.snap.Load(), nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range slices.Backward(b.ended) {
		if c.ID == cid {
			return c, nil
		}
	}
	return wire.Call{}, problem.NotFound("call", cid)
}

// Filter narrows a list of calls; the zero Filter takes all.
type Filter struct {
	State wire.CallState
	Agent string
}

// Calls lists live and recently ended calls, newest first.
func (b *Board) Calls(f Filter) []wire.Call {
	b.mu.Lock()
	all := slices.Clone(b.ended)
	for _, a := range b.calls {
		if c := a.snap.Load(); c != nil {
			all = append(all, *c)
		}
	}
	b.mu.Unlock()
	all = slices.DeleteFunc(all, func(c wire.Call) bool {
		if f.State != "" && c.State != f.State {
			return true
		}
		return f.Agent != "" && !slices.ContainsFunc(c.Legs, func(l wire.Leg) bool { return l.Agent == f.Agent })
	})
	slices.SortFunc(all, func(x, y wire.Call) int { return cmp.Compare(y.ID, x.ID) })
	return all
}
