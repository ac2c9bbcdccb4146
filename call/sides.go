package call

import (
	"context"
	"regexp"

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

// Arrange sets hold and side of several legs between the same two ticks, so that nobody ever hears what is
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
		hold, side bool
	}
	var moves []move
	var cmds []mixer.Command
	sides := map[*leg]string{} // as they will be
	for _, l := range a.legs {
		sides[l] = l.wire.Side
	}
	for _, s := range seats {
		l := a.leg(s.LegID)
		if l == nil {
			return problem.NotFound("leg", s.LegID)
		}
		if !l.alive() {
			continue
		}
		m := move{l: l, hold: s.Hold != nil && *s.Hold != l.wire.Hold.Local, side: s.Side != nil && *s.Side != l.wire.Side}
		if !m.hold && !m.side {
			continue
		}
		moves = append(moves, m)
		if m.hold && l.joined {
			cmds = append(cmds, mixer.Hold{ID: s.LegID, On: *s.Hold})
		}
		if m.side {
			sides[l] = *s.Side
		}
	}
	if len(moves) == 0 {
		return nil
	}
	for _, m := range moves {
		if m.side && m.l.joined {
			cmds = append(cmds, a.hearing(m.l, sides)...)
		}
	}
	if len(cmds) > 0 {
		if err := a.room.Do(ctx, cmds...); err != nil {
			return err
		}
	}
	for _, m := range moves {
		m.l.wire.Side = sides[m.l]
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

// hearing is the cells between a leg and everybody else in the room, with the given sides.
func (a *actor) hearing(l *leg, sides map[*leg]string) []mixer.Command {
	var cmds []mixer.Command
	for _, o := range a.legs {
		if o == l || !o.joined {
			continue
		}
		off := sides[o] != sides[l]
		cmds = append(cmds,
			mixer.Hear{Listener: l.wire.ID, Source: o.wire.ID, Off: off},
			mixer.Hear{Listener: o.wire.ID, Source: l.wire.ID, Off: off})
	}
	return cmds
}

// takePlace is what a leg needs, besides joining, to come in on its side and on hold if it is to be. The leg
// it replaces is gone by then.
func (a *actor) takePlace(l, replaced *leg) []mixer.Command {
	var cmds []mixer.Command
	sides := map[*leg]string{}
	aside := l.wire.Side != ""
	for _, o := range a.legs {
		sides[o] = o.wire.Side
		aside = aside || o.joined && o != replaced && o.wire.Side != ""
	}
	if aside {
		for _, c := range a.hearing(l, sides) {
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
