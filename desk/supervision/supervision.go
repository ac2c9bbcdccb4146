// Package supervision is a supervisor on a call, as a pure state machine: who listens, who is spoken to, and
// whether the supervisor's voice is there. The supervisions of a call live and end with it.
package supervision

import (
	"slices"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Supervision is one supervisor's part in one call, plain data.
//
//	start              leg up
//	──────> connecting ──────> active <──┐ monitor, coach, barge in any order
//	            │  ^  leg lost  │  └─────┘
//	   deadline │  └────────────┤ leaves, takes over, call over
//	            v               v
//	          ended           ended
//
// In every state the mode can be changed; nobody hears more than the mode of the moment allows.
type Supervision struct {
	ID       string               `json:"id"`
	By       string               `json:"by"`
	Mode     wire.SupervisionMode `json:"mode"`
	Agent    string               `json:"agent,omitempty"` // who is supervised, "" for whoever is in control
	Leg      string               `json:"leg,omitempty"`   // "" while connecting
	Since    time.Time            `json:"since"`
	Deadline time.Time            `json:"deadline,omitzero"` // connecting: until when the leg must be up
}

// State is where the supervision is.
func (s Supervision) State() wire.SupervisionState {
	if s.Leg == "" {
		return wire.SupervisionConnecting
	}
	return wire.SupervisionActive
}

// Allowed names what may be done to it.
func (s Supervision) Allowed() []string { return []string{"monitor", "coach", "barge", "leave"} }

// To changes mode and whom it is about.
func (s Supervision) To(mode wire.SupervisionMode, agent string) Supervision {
	s.Mode, s.Agent = mode, agent
	return s
}

// Joined takes the supervisor's leg. A second leg beside the first is refused: it would be heard as nobody said.
func (s Supervision) Joined(leg string) (Supervision, error) {
	if s.Leg != "" && s.Leg != leg {
		return s, problem.Conflict("supervision_wrong_state", string(s.State()), s.Allowed(), "supervision %s has a leg already", s.ID)
	}
	s.Leg, s.Deadline = leg, time.Time{}
	return s, nil
}

// Lost takes the leg away and waits for another until the deadline.
func (s Supervision) Lost(deadline time.Time) Supervision {
	s.Leg, s.Deadline = "", deadline
	return s
}

// Seat is where the supervisor's leg belongs, given the leg and the side of who is supervised ("" and "" while
// there is nobody: then nobody is spoken to).
func (s Supervision) Seat(leg, side string) wire.Seat {
	hold := false
	seat := wire.Seat{LegID: s.Leg, Hold: &hold, Side: &side}
	switch {
	case s.Mode == wire.Barge:
		main := ""
		seat.Side, seat.Aloud = &main, true
	case s.Mode == wire.Coach && leg != "":
		seat.Whisper = &wire.Whisper{To: []string{leg}}
	default:
		seat.Whisper = &wire.Whisper{To: []string{}}
	}
	return seat
}

// Wire is the supervision as the API shows it.
func (s Supervision) Wire(callID string) wire.Supervision {
	w := wire.Supervision{
		ID: s.ID, CallID: callID, By: s.By, Mode: s.Mode, State: s.State(), Agent: s.Agent, LegID: s.Leg, Since: s.Since,
	}
	if !s.Deadline.IsZero() {
		t := s.Deadline
		w.Deadline = &t
	}
	return w
}

// List is the supervisions of a call. Its methods never change the slice they are called on.
type List []Supervision

// Find is the index of the first one that fits, -1 for none.
func (l List) Find(fits func(Supervision) bool) int { return slices.IndexFunc(l, fits) }

// With adds one, or replaces the one of the same id.
func (l List) With(s Supervision) List {
	out := slices.Clone(l)
	if i := l.Find(func(o Supervision) bool { return o.ID == s.ID }); i >= 0 {
		out[i] = s
		return out
	}
	return append(out, s)
}

// Without takes out the i-th.
func (l List) Without(i int) List {
	out := slices.Delete(slices.Clone(l), i, i+1)
	if len(out) == 0 {
		return nil
	}
	return out
}

// Due is the earliest deadline, zero for none.
func (l List) Due() time.Time {
	var at time.Time
	for _, s := range l {
		if !s.Deadline.IsZero() && (at.IsZero() || s.Deadline.Before(at)) {
			at = s.Deadline
		}
	}
	return at
}
