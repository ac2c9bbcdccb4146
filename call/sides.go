package call

import (
	"context"
	"reflect"
	"regexp"
	"slices"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/mixer"
	"github.com/cordboard/cordboard/signaling/wire"
)

// A call's parties can be on sides: who is on one side hears and is heard by that side only. Everybody
// begins on the main side, "". That is how somebody asks a colleague something while the others wait or go
// on: the two are on a side of their own. Sides are rows of the room's hearing matrix: changing a leg's side
// sets the cells between it and everybody else, and undoes what SetMatrix had said about them.

var sideName = regexp.MustCompile(`^[a-z0-9_-]{0,32}$`)

func checkSide(pointer, side string) error {
	if sideName.MatchString(side) {
		return nil
	}
	e := problem.New(422, "invalid_field", "a side is named by at most 32 of a-z, 0-9, - and _")
	e.Fields = []problem.Field{{Pointer: pointer, Code: "invalid"}}
	return e
}

// A leg may also whisper: then only the named legs of its side hear it, or nobody, while it hears its side as
// anybody does. That is how somebody listens in, or says something to one party alone.

// place is what the hearing matrix needs to know of a leg.
type place struct {
	side    string
	whisper *wire.Whisper
}

func placeOf(l *leg) place { return place{l.wire.Side, l.wire.Whisper} }

// heardBy says whether what the leg in place p says is heard by another leg.
func (p place) heardBy(legID string, at place) bool {
	return p.side == at.side && (p.whisper == nil || slices.Contains(p.whisper.To, legID))
}

// Arrange sets hold, side and whisper of several legs between the same two ticks, so that nobody ever hears what is
// in between. A leg that has no media yet is arranged when it has; one that has ended is passed over. 404 for
// a leg that never was in the call.
func (b *Board) Arrange(ctx context.Context, callID string, seats []wire.Seat, actorName string) (wire.Call, error) {
	for _, s := range seats {
		if s.Side != nil {
			if err := checkSide("/legs", *s.Side); err != nil {
				return wire.Call{}, err
			}
		}
	}
	a, err := b.call(callID)
	if err != nil {
		return wire.Call{}, err
	}
	var c wire.Call
	err = a.do(ctx, func() error {
		if err := a.arrange(ctx, seats, actorName); err != nil {
			return err
		}
		c = a.snapshot()
		return nil
	})
	return c, err
}

func (a *actor) arrange(ctx context.Context, seats []wire.Seat, actorName string) error {
	type move struct {
		l          *leg
		hold, side bool // side: its place in the matrix changes
	}
	var moves []move
	var cmds []mixer.Command
	places := map[*leg]place{} // as they will be
	for _, l := range a.legs {
		places[l] = placeOf(l)
	}
	for _, s := range seats {
		l := a.leg(s.LegID)
		if l == nil {
			return problem.NotFound("leg", s.LegID)
		}
		if !l.alive() {
			continue
		}
		to := placeOf(l)
		if s.Side != nil {
			to.side = *s.Side
		}
		if s.Whisper != nil || s.Aloud {
			to.whisper = s.Whisper
		}
		m := move{l: l, hold: s.Hold != nil && *s.Hold != l.wire.Hold.Local, side: !reflect.DeepEqual(to, placeOf(l))}
		if !m.hold && !m.side {
			continue
		}
		moves = append(moves, m)
		if m.hold && l.joined {
			cmds = append(cmds, mixer.Hold{ID: s.LegID, On: *s.Hold})
		}
		if m.side {
			places[l] = to
		}
	}
	if len(moves) == 0 {
		return nil
	}
	for _, m := range moves {
		if m.side && m.l.joined {
			cmds = append(cmds, a.hearing(m.l, places)...)
		}
	}
	if len(cmds) > 0 {
		if err := a.room.Do(ctx, cmds...); err != nil {
			return err
		}
	}
	for _, m := range moves {
		m.l.wire.Side, m.l.wire.Whisper = places[m.l].side, places[m.l].whisper
		if m.hold {
			m.l.wire.Hold.Local = !m.l.wire.Hold.Local
			if m.l.joined {
				a.heldState(m.l)
			}
		}
	}
	a.refresh()
	for _, m := range moves {
		if m.hold && m.l.joined {
			a.heldChanged(m.l, actorName)
		} else {
			a.publish("leg.changed", actorName, m.l.wire)
		}
	}
	return nil
}

// hearing is the cells between a leg and everybody else in the room, in the given places.
func (a *actor) hearing(l *leg, places map[*leg]place) []mixer.Command {
	var cmds []mixer.Command
	for _, o := range a.legs {
		if o == l || !o.joined {
			continue
		}
		cmds = append(cmds,
			mixer.Hear{Listener: l.wire.ID, Source: o.wire.ID, Off: !places[o].heardBy(l.wire.ID, places[l])},
			mixer.Hear{Listener: o.wire.ID, Source: l.wire.ID, Off: !places[l].heardBy(o.wire.ID, places[o])})
	}
	return cmds
}

// takePlace is what a leg needs, besides joining, to come in on its side and on hold if it is to be. The leg
// it replaces is gone by then.
func (a *actor) takePlace(l, replaced *leg) []mixer.Command {
	var cmds []mixer.Command
	places := map[*leg]place{l: placeOf(l)}
	aside := l.wire.Side != "" || l.wire.Whisper != nil
	for _, o := range a.legs {
		places[o] = placeOf(o)
		aside = aside || o.joined && o != replaced && (o.wire.Side != "" || o.wire.Whisper != nil)
	}
	if aside {
		for _, c := range a.hearing(l, places) {
			if h := c.(mixer.Hear); replaced == nil || h.Listener != replaced.wire.ID && h.Source != replaced.wire.ID {
				cmds = append(cmds, c)
			}
		}
	}
	if l.wire.Hold.Local {
		cmds = append(cmds, mixer.Hold{ID: l.wire.ID, On: true})
	}
	return cmds
}
