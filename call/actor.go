package call

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/prompt"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

// hangupLimit is how long the far side gets to take a BYE or CANCEL before we let go of the leg.
const hangupLimit = 5 * time.Second

// actor owns one call. Its fields belong to its goroutine, except id, the mailbox and snap.
type actor struct {
	b    *Board
	id   string
	log  *slog.Logger
	room *mixer.Room

	call wire.Call // without legs; snapshot adds them
	legs []*leg    // in the order they came, ended ones too
	rec  *recorder.Recording

	past []span // pauses of recordings that were stopped

	capture *capture // the last one; nil: none
	notices notices

	shed bool                     // noise suppression is bypassed for want of time
	play map[string]wire.Playback // what is being played, by id

	marks []wire.TimelineMark

	secrets atomic.Pointer[map[string]string] // secure variables, likewise; the map never changes
	snap    atomic.Pointer[wire.Call]         // the newest picture, for readers
	parties atomic.Pointer[map[string]*gauge] // of the legs in the room, likewise

	mu   sync.Mutex // guards box and over
	box  []func()
	over bool // nothing is taken any more
	wake chan struct{}

	work sync.WaitGroup // hang-ups, answers and leg watchers under way
}

func newActor(b *Board, c wire.Call) *actor {
	a := &actor{b: b, id: c.ID, call: c, wake: make(chan struct{}, 1), log: b.deps.Log.With("call", c.ID)}
	a.refresh()
	return a
}

// run is the call's one goroutine. It ends after the call has ended and everything of it is closed.
func (a *actor) run() {
	roomEvents := a.room.Events()
	for {
		select {
		case <-a.wake:
		case e, ok := <-roomEvents:
			if !ok {
				roomEvents = nil
				continue
			}
			a.roomEvent(e)
			a.settle()
		}
		for {
			a.mu.Lock()
			batch := a.box
			a.box = nil
			a.mu.Unlock()
			if len(batch) == 0 {
				break
			}
			for _, f := range batch {
				f()
			}
		}
		if a.call.State == wire.CallEnded {
			a.shut()
			return
		}
	}
}

// post leaves f for the actor's goroutine; false when the call is over. Never blocks.
func (a *actor) post(f func()) bool {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		return false
	}
	a.box = append(a.box, f)
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return true
}

// do runs f on the actor's goroutine and waits for it.
func (a *actor) do(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	if !a.post(func() {
		if a.call.State == wire.CallEnded {
			done <- problem.NotFound("call", a.id)
			return
		}
		done <- f()
		a.settle()
	}) {
		return problem.NotFound("call", a.id)
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle brings the picture up to date and ends a call that nobody is in any more.
func (a *actor) settle() {
	a.endIfEmpty()
	a.restream()
	a.resuppress()
	a.refresh()
}

func (a *actor) refresh() {
	c := a.snapshot()
	a.snap.Store(&c)
	parties := make(map[string]*gauge, len(a.legs))
	for _, l := range a.legs {
		if l.joined {
			parties[l.wire.ID] = l.gauge
		}
	}
	a.parties.Store(&parties)
}

func (a *actor) snapshot() wire.Call {
	c := a.call
	c.Legs = make([]wire.Leg, 0, len(a.legs))
	for _, l := range a.legs {
		c.Legs = append(c.Legs, l.wire)
	}
	c.Quality = a.summary()
	return c
}

func (a *actor) publish(typ, actorName string, data any) {
	a.markEvent(typ, actorName, data)
	a.markRecording(typ, actorName, data)
	a.b.deps.Bus.Publish(typ, a.id, actorName, data)
}

func (a *actor) publishCall(typ, actorName string) {
	a.refresh()
	a.publish(typ, actorName, a.snapshot())
}

func (a *actor) newLeg(w wire.Leg, ep Endpoint) *leg {
	w.ID, w.CallID, w.Created = id.New(id.Leg), a.id, a.b.now()
	return &leg{a: a, wire: w, ep: ep}
}

// addLeg makes the leg known. It is not in the room yet.
func (a *actor) addLeg(l *leg) {
	a.legs = append(a.legs, l)
	a.b.mu.Lock()
	a.b.legs[l.wire.ID] = a
	a.b.mu.Unlock()
	a.refresh()
}

// admitLeg adds a leg to a call that has room for it. The one it replaces does not count.
func (a *actor) admitLeg(l *leg, replaces string) error {
	n := 0
	for _, o := range a.legs {
		if o.alive() && o.wire.ID != replaces {
			n++
		}
	}
	if n >= mixer.MaxMembers {
		e := problem.New(http.StatusConflict, "room_full", "a call has at most %d parties", mixer.MaxMembers)
		e.CallID, e.Limit, e.Use = a.id, mixer.MaxMembers, n
		return e
	}
	a.addLeg(l)
	return nil
}

// dropLeg takes back a leg that never connected.
func (a *actor) dropLeg(l *leg) {
	a.legs = slices.DeleteFunc(a.legs, func(o *leg) bool { return o == l })
	a.b.mu.Lock()
	delete(a.b.legs, l.wire.ID)
	a.b.mu.Unlock()
}

// connect puts a leg whose media is up into the room, in the same tick in which the leg it replaces leaves.
func (a *actor) connect(l *leg, replaces string) error {
	if l.joined || !l.alive() {
		return nil
	}
	m := l.ep.Media()
	if m == nil {
		return problem.New(http.StatusConflict, "no_media", "leg %s has no media yet", l.wire.ID)
	}
	cmds := make([]mixer.Command, 0, 3)
	old := a.leg(replaces)
	swap := old != nil && old.joined && old.alive()
	if swap {
		cmds = append(cmds, mixer.Leave{ID: old.wire.ID})
	}
	cmds = append(cmds, mixer.Join{ID: l.wire.ID, Leg: m})
	if l.wire.AGC = a.b.cfg.AGC; l.wire.AGC {
		cmds = append(cmds, mixer.AGC{ID: l.wire.ID, On: true})
	}
	if swap && l.wire.Side == "" {
		l.wire.Side = old.wire.Side
	}
	if swap {
		cmds = append(cmds, a.takePlace(l, old)...)
	} else {
		cmds = append(cmds, a.takePlace(l, nil)...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
	defer cancel()
	if err := a.room.Do(ctx, cmds...); err != nil {
		return err
	}
	l.joined, l.media = true, m
	if swap {
		old.joined = false
		old.letGo()
	}
	a.beginDenoise(ctx, l)
	now := a.b.now()
	l.gauge = newGauge(l.wire.ID, m, a.b.deps.Now())
	l.wire.State, l.wire.Answered, l.wire.Codec = wire.LegConnected, &now, m.Format().Codec.String()
	a.heldState(l)
	a.work.Go(func() { l.watch(m) })
	if a.rec != nil {
		a.rec.AddParty(l.party())
	}
	if old != nil && old.alive() {
		if swap && a.rec != nil {
			a.rec.RemoveParty(old.wire.ID)
		}
		a.endLeg(old, Cause{Code: CauseReplaced}, "server", true)
	}
	if a.call.State != wire.CallConnected {
		a.call.State, a.call.Answered = wire.CallConnected, &now
		defer a.publishCall("call.connected", "server")
	}
	if !swap {
		a.chime(l, prompt.Entry())
	}
	a.log.Info("leg connected", "leg", l.wire.ID, "pipeline", m.String())
	a.refresh()
	a.publish("leg.answered", "server", l.wire)
	return nil
}

// endLeg is the one place where a leg is taken down: stop signalling, leave the room, close the media.
// tell says whether the far side still has to be told.
func (a *actor) endLeg(l *leg, c Cause, actorName string, tell bool) {
	if !l.alive() {
		return
	}
	now := a.b.now()
	l.wire.State, l.wire.Ended, l.wire.Cause = wire.LegEnded, &now, c.Code
	if l.joined {
		l.joined = false
		ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
		if err := a.room.Do(ctx, mixer.Leave{ID: l.wire.ID}); err != nil {
			a.log.Warn("leave room failed", "leg", l.wire.ID, "cause", err)
		} else {
			l.letGo()
		}
		cancel()
		a.chime(l, prompt.Exit())
		if a.rec != nil {
			a.rec.RemoveParty(l.wire.ID)
		}
	}
	if a.capturing(l) {
		a.endCapture(wire.CaptureEnded, "server")
	}
	ep, m := l.ep, l.media
	a.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
		defer cancel()
		if ep != nil && tell {
			if err := ep.Hangup(ctx, c); err != nil {
				a.log.Info("hang up failed", "leg", l.wire.ID, "cause", err)
			}
		}
		if m == nil && ep != nil {
			m = ep.Media()
		}
		if m != nil {
			_ = m.Close() // only frees; whatever ended the leg has been said
		}
	})
	a.log.Info("leg ended", "leg", l.wire.ID, "cause", c.Code, "sip", c.SIP)
	a.refresh()
	a.publish("leg.ended", actorName, l.wire)
}

// endIfEmpty ends the call when its last leg is gone, or when the customer has left and at most one party
// remains (W65).
func (a *actor) endIfEmpty() {
	if a.call.State == wire.CallEnded || len(a.legs) == 0 {
		return
	}
	live, hadCustomer, customer := 0, false, false
	cause := CauseHangup
	for _, l := range a.legs {
		if l.wire.Role == wire.RoleCustomer {
			hadCustomer = true
			customer = customer || l.alive()
			if !l.alive() {
				cause = l.wire.Cause
			}
		}
		if l.alive() {
			live++
		}
	}
	if live == 0 || (hadCustomer && !customer && live <= 1) {
		a.end(cause, "server")
	}
}

// end ends every leg and then the call. The actor's goroutine finishes the rest in shut.
func (a *actor) end(code, actorName string) {
	if a.call.State == wire.CallEnded {
		return
	}
	now := a.b.now()
	a.call.State, a.call.Ended, a.call.Cause = wire.CallEnded, &now, code
	for _, l := range a.legs {
		a.endLeg(l, Cause{Code: code}, actorName, true)
	}
	a.publishCall("call.ended", actorName)
}

// shut closes what an ended call still holds, in the order: recording, room, watchers.
func (a *actor) shut() {
	a.mu.Lock()
	a.over = true
	rest := a.box
	a.box = nil
	a.mu.Unlock()
	for _, f := range rest {
		f() // answers "call not found" to whoever waits
	}
	a.endCapture(wire.CaptureEnded, "server")
	a.dropCapture()
	if a.rec != nil {
		a.finishRecording("call_ended", "server")
	}
	if err := a.room.Close(); err != nil {
		a.log.Warn("close room failed", "cause", err)
	}
	a.work.Wait()
	a.refresh()
	a.b.forget(a)
	a.publish("room.closed", "server", wire.Room{ID: a.call.Room, CallID: a.id, Members: []wire.Member{}, Matrix: []wire.MatrixCell{}})
}

// knows says whether an agent has or had a leg in the call. Safe for concurrent use.
func (a *actor) knows(agent string) bool {
	return agent != "" && slices.ContainsFunc(a.snap.Load().Legs, func(l wire.Leg) bool { return l.Agent == agent })
}

func (a *actor) leg(lid string) *leg {
	for _, l := range a.legs {
		if l.wire.ID == lid {
			return l
		}
	}
	return nil
}

// setEndpoint gives an outbound leg its dialog. One that ended meanwhile is hung up.
func (a *actor) setEndpoint(l *leg, ep Endpoint) {
	l.ep = ep
	if !l.alive() {
		a.work.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), hangupLimit)
			defer cancel()
			_ = ep.Hangup(ctx, Cause{Code: CauseCancelled})
		})
		return
	}
	if l.answered {
		l.afterAnswer()
	}
}

func (a *actor) roomEvent(e mixer.Event) {
	switch e.Kind {
	case mixer.SpeakerChanged:
		a.publish("room.speaker_changed", "server", a.roomPicture())
	case mixer.PlayerFinished:
		a.playEnded(e.Player)
	case mixer.ShedChanged:
		a.shed = e.Shed
	case mixer.PassChanged:
		a.passChanged(e.Member, e.Passes)
	case mixer.Closed:
		if e.Err != nil {
			a.log.Error("room failed, ending its call", "room", a.call.Room, "cause", e.Err)
			a.end(CauseError, "server")
		}
	}
}

func (a *actor) roomPicture() wire.Room {
	r := a.room.Snapshot()
	r.CallID = a.id
	return r
}

// watch carries what the media noticed to the actor until the leg is over.
func (l *leg) watch(m media.Leg) {
	for {
		select {
		case e := <-m.Events():
			l.a.post(func() { l.mediaEvent(e); l.a.settle() })
		case <-m.Done():
			if err := m.Err(); err != nil {
				l.Ended(Cause{Code: CauseMediaLost, Detail: err.Error()})
			}
			return
		}
	}
}
