package call

import (
	"context"

	"github.com/cordboard/cordboard/denoise"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/signaling/wire"
)

// leg is one party of a call. All fields belong to the call's goroutine. It is the Progress that
// signalling reports to.
//
//	new ──► ringing ──► connected ◄──► held
//	trying ─► ringing/early ─► connected      connected ◄──► reconnecting
//	any ──► ended
type leg struct {
	a        *actor
	wire     wire.Leg
	ep       Endpoint
	media    media.Leg                  // once in the room
	gauge    *gauge                     // likewise
	denoiser *denoise.Denoiser          // of its voice, nil until first needed
	passes   wire.Pass                  // what the denoiser found its voice to be
	trunk    string                     // sip: whose it is, as far as said
	sinks    map[string]media.RelaySink // of the voices that have a stream of their own
	joined   bool                       // a member of the room
	answered bool                       // the far side answered (outbound), perhaps before the dialer returned
}

var _ Progress = (*leg)(nil)

func (l *leg) alive() bool { return l.wire.State != wire.LegEnded }

func (l *leg) party() recorder.Party {
	return recorder.Party{LegID: l.wire.ID, Role: l.wire.Role, Agent: l.wire.Agent}
}

func (l *leg) post(f func()) {
	l.a.post(func() {
		if l.alive() && l.a.call.State != wire.CallEnded {
			f()
		}
		l.a.settle()
	})
}

// Ringing implements Progress.
func (l *leg) Ringing() { l.post(func() { l.progress(wire.LegRinging, "leg.ringing") }) }

// Early implements Progress.
func (l *leg) Early() { l.post(func() { l.progress(wire.LegEarly, "leg.early_media") }) }

func (l *leg) progress(s wire.LegState, typ string) {
	if l.joined || l.wire.State == s {
		return
	}
	l.wire.State = s
	if l.a.call.State == wire.CallNew {
		l.a.call.State = wire.CallRinging
	}
	l.a.refresh()
	l.a.publish(typ, "server", l.wire)
}

// Answered implements Progress: an outbound leg was answered, or an inbound one acknowledged.
func (l *leg) Answered() {
	l.post(func() {
		l.answered = true
		if l.ep != nil {
			l.afterAnswer()
		}
	})
}

func (l *leg) afterAnswer() {
	if err := l.a.connect(l, ""); err != nil {
		l.a.log.Warn("connect answered leg failed", "leg", l.wire.ID, "cause", err)
		l.a.endLeg(l, Cause{Code: CauseError, Detail: err.Error()}, "server", true)
	}
}

// HeldRemotely implements Progress: the far side put us on hold or took us off it.
func (l *leg) HeldRemotely(on bool) {
	l.post(func() {
		if l.wire.Hold.Remote != on {
			l.wire.Hold.Remote = on
			l.a.heldChanged(l, "customer")
		}
	})
}

// Ended implements Progress: the far side is gone. Signalling has already said so to it.
func (l *leg) Ended(c Cause) {
	l.post(func() { l.a.endLeg(l, c, string(l.wire.Role), c.Code == CauseMediaLost) })
}

// mediaEvent takes what the media path noticed.
func (l *leg) mediaEvent(e media.Event) {
	if !l.alive() {
		return
	}
	switch e.Kind {
	case media.EventDigit:
		l.digit(e)
	case media.EventReconnecting:
		if l.wire.State != wire.LegReconnecting {
			l.wire.State = wire.LegReconnecting
			l.a.refresh()
			l.a.publish("leg.reconnecting", "server", l.wire)
		}
	case media.EventReconnected:
		if l.wire.State == wire.LegReconnecting {
			l.wire.State = wire.LegConnected
			l.a.heldState(l)
			l.a.refresh()
			l.a.publish("leg.reconnected", "server", l.wire)
		}
	}
}

// heldState makes the leg's state follow its holds.
func (a *actor) heldState(l *leg) {
	held := l.wire.Hold.Local || l.wire.Hold.Remote
	switch {
	case held && l.wire.State == wire.LegConnected:
		l.wire.State = wire.LegHeld
	case !held && l.wire.State == wire.LegHeld:
		l.wire.State = wire.LegConnected
	}
}

func (a *actor) heldChanged(l *leg, actorName string) {
	a.heldState(l)
	a.refresh()
	typ := "leg.resumed"
	if l.wire.Hold.Local || l.wire.Hold.Remote {
		typ = "leg.held"
	}
	a.publish(typ, actorName, l.wire)
}

// answer accepts an inbound leg without making the call wait for the network.
func (a *actor) answer(ctx context.Context, l *leg, done chan<- error) {
	ep := l.ep
	a.work.Go(func() {
		err := ep.Answer(ctx)
		if !a.post(func() {
			if err == nil {
				err = a.connect(l, "")
			}
			if err != nil {
				a.endLeg(l, Cause{Code: CauseError, Detail: err.Error()}, "server", true)
			}
			a.settle()
			done <- err
		}) {
			done <- err
		}
	})
}
