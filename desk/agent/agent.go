// Package agent is the life of a person who takes calls, as a pure state machine: each method takes the
// agent as it is, an event and the time, and gives back the agent as it is afterwards, or a refusal. No
// clock is read and nothing is sent; what follows from a change is the floor's business.
//
// Every agent has one activity, and beside it a wish: the state to return to when the activity is over.
// Signing out is a wish too. It is granted at once to somebody idle; somebody with an offer, a call or a
// wrap-up open is signed out when that is over, and shows as signout_pending until then.
package agent

import (
	"slices"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Reasons of not_ready that the server gives.
const (
	ReasonSignedIn       = "signed_in"       // just arrived, has not chosen yet
	ReasonRONA           = "rona"            // did not answer an offer
	ReasonDeclined       = "declined"        // turned an offer down
	ReasonNoMedia        = "no_media"        // accepted, but no voice came up
	ReasonConnectionLost = "connection_lost" // no desktop is connected any more
	ReasonRestart        = "restart"         // the server was restarted
	ReasonNotPermitted   = "not_permitted"   // the profile no longer lets the agent answer
	ReasonPreflight      = "preflight"       // the desktop's microphone, speaker, ... does not work
)

// Agent is one agent's state. It is plain data: copy it freely, but not its slices.
//
//	            sign in                 reserve             engage
//	offline ────────────> not_ready <─> ready ──────> reserved ──────> busy
//	   ^                      ^  ^        ^  <────────┘   │              │ release
//	   │ sign out             │  └────────┼─ ring expired ┘              v
//	   └── any idle state     └───────────┴───────────────────────── wrapup
//	                                 to the state wished for
//
// An agent may also be engaged out of not_ready and ready, by placing a call.
type Agent struct {
	ID       string          `json:"id"`
	State    wire.AgentState `json:"state"` // never signout_pending: that is Leaving seen from outside
	Reason   string          `json:"reason,omitempty"`
	Since    time.Time       `json:"since"`
	Idle     time.Time       `json:"idle,omitzero"` // ready since, kept while an offer rings
	Want     wire.AgentState `json:"want,omitempty"`
	WantWhy  string          `json:"want_why,omitempty"`
	Leaving  bool            `json:"leaving,omitempty"` // signs out as soon as nothing is open
	Call     string          `json:"call,omitempty"`
	Offer    string          `json:"offer,omitempty"`
	Wrapup   string          `json:"wrapup,omitempty"`
	Sessions []Session       `json:"sessions,omitempty"`
	Absent   time.Time       `json:"absent,omitzero"`   // deadline: nobody is connected; see Missed
	Missing  bool            `json:"missing,omitempty"` // of the two deadlines of an absence the first is over
	// LeaveBy is the deadline of a sign-out that something being set up holds; see the floor.
	LeaveBy time.Time `json:"leave_by,omitzero"`
	// Checks are the last results of the desktop's own test: microphone -> passed, failed.
	Checks map[string]string `json:"checks,omitempty"`
	// Station is the desk phone the agent's calls go to; empty: the browser.
	Station string `json:"station,omitempty"`
	// Enough: a written request beside what the agent has in hand was not taken; until that is over there are no more.
	Enough bool `json:"enough,omitempty"`
	// Profile is the one the agent signed in with, in place of the one configured; empty: that one.
	Profile string `json:"profile,omitempty"`
	Version uint64 `json:"version"`
}

// Session is one signed-in desktop.
type Session struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Up      bool      `json:"up"` // its connection is there
}

// New is an agent who is not here.
func New(id string, now time.Time) Agent {
	return Agent{ID: id, State: wire.AgentOffline, Since: now}
}

// Visible is the state as the outside sees it.
func (a Agent) Visible() wire.AgentState {
	if a.Leaving {
		return wire.AgentSignoutPending
	}
	return a.State
}

// Due is the earliest deadline, zero for none.
func (a Agent) Due() time.Time {
	if a.Absent.IsZero() || !a.LeaveBy.IsZero() && a.LeaveBy.Before(a.Absent) {
		return a.LeaveBy
	}
	return a.Absent
}

// Free reports whether the agent can be offered a call.
func (a Agent) Free() bool { return a.State == wire.AgentReady && !a.Leaving }

// OnDuty reports whether the agent can take calls now or after what keeps them busy.
func (a Agent) OnDuty() bool {
	switch a.State {
	case wire.AgentReady, wire.AgentReserved:
		return !a.Leaving
	case wire.AgentBusy, wire.AgentWrapup:
		return !a.Leaving && a.Want == wire.AgentReady
	default:
		return false
	}
}

// SignedIn reports whether the agent is here at all.
func (a Agent) SignedIn() bool { return a.State != wire.AgentOffline }

// Allowed names what the agent may be asked to do now, for refusals.
func (a Agent) Allowed() []string {
	if !a.SignedIn() {
		return []string{"sign_in"}
	}
	return []string{"ready", "not_ready", "sign_out"}
}

func (a Agent) refuse(what string) error {
	return problem.Conflict("agent_wrong_state", string(a.Visible()), a.Allowed(), "agent %s is %s: cannot %s", a.ID, a.Visible(), what)
}

func (a Agent) to(s wire.AgentState, reason string, now time.Time) Agent {
	if s != a.State || reason != a.Reason {
		a.Since = now
	}
	if s == wire.AgentReady && a.Idle.IsZero() {
		a.Idle = now
	}
	if s != wire.AgentReady && s != wire.AgentReserved {
		a.Idle = time.Time{}
	}
	a.State, a.Reason = s, reason
	a.Version++
	return a
}

// rest ends an activity: to the state wished for, or out.
func (a Agent) rest(now time.Time) Agent {
	a.Call, a.Offer, a.Wrapup, a.Enough = "", "", "", false
	if a.Leaving {
		return a.leave(now)
	}
	want, why := a.Want, a.WantWhy
	if want == "" {
		want, why = wire.AgentNotReady, ""
	}
	a.Want, a.WantWhy = "", ""
	return a.to(want, why, now)
}

func (a Agent) leave(now time.Time) Agent {
	a.Leaving, a.Want, a.WantWhy, a.Sessions, a.Checks, a.Profile = false, "", "", nil, nil, ""
	return a.here().to(wire.AgentOffline, "", now)
}

// SignIn adds a desktop. Somebody who was away becomes not_ready; somebody already here goes on with what
// they were doing, which is how a reloaded page comes back. Sessions whose connection is gone are let go.
func (a Agent) SignIn(s Session, now time.Time) Agent {
	kept := []Session{}
	for _, o := range a.Sessions {
		if o.Up && now.Before(o.Expires) {
			kept = append(kept, o)
		}
	}
	a.Sessions = append(kept, s)
	a = a.here()
	if !a.SignedIn() {
		return a.to(wire.AgentNotReady, ReasonSignedIn, now)
	}
	a.Version++
	return a
}

// Connected says that a session's connection is there (again). False: it is not one of the agent's.
func (a Agent) Connected(session string) (Agent, bool) {
	i := slices.IndexFunc(a.Sessions, func(s Session) bool { return s.ID == session })
	if i < 0 {
		return a, false
	}
	a.Sessions = slices.Clone(a.Sessions)
	a.Sessions[i].Up = true
	return a.here(), true
}

// Lost says that a session's connection is gone. With the last one a deadline begins; see Missed.
func (a Agent) Lost(session string, deadline time.Time) (Agent, bool) {
	i := slices.IndexFunc(a.Sessions, func(s Session) bool { return s.ID == session })
	if i < 0 || !a.Sessions[i].Up {
		return a, false
	}
	a.Sessions = slices.Clone(a.Sessions)
	a.Sessions[i].Up = false
	if !slices.ContainsFunc(a.Sessions, func(s Session) bool { return s.Up }) {
		a.Absent = deadline
	}
	return a, true
}

// Seen is a sign of life that names no session: the agent did something.
func (a Agent) Seen() Agent { return a.here() }

// here ends an absence. The next one begins anew, with both its deadlines.
func (a Agent) here() Agent {
	a.Absent, a.Missing = time.Time{}, false
	return a
}

// Missed is the deadline after the last connection was lost. At first somebody idle becomes not_ready, so
// that no call is offered to an empty chair, and the deadline moves to until; at the second the agent is
// signed out, when nothing is open.
func (a Agent) Missed(now, until time.Time) Agent {
	gone := a.Missing
	a = a.here()
	if gone {
		b, _ := a.SignOut(now)
		return b
	}
	a.Absent, a.Missing = until, true
	switch a.State {
	case wire.AgentReady, wire.AgentNotReady:
		return a.to(wire.AgentNotReady, ReasonConnectionLost, now)
	case wire.AgentReserved, wire.AgentBusy, wire.AgentWrapup:
		a.Want, a.WantWhy = wire.AgentNotReady, ReasonConnectionLost
	}
	return a
}

// SetState is the agent's (or a supervisor's) choice of ready or not_ready. While something is open it is
// kept for afterwards. It takes a pending sign-out back.
func (a Agent) SetState(s wire.AgentState, reason string, now time.Time) (Agent, error) {
	switch a.State {
	case wire.AgentOffline:
		return a, a.refuse("become " + string(s))
	case wire.AgentReady, wire.AgentNotReady:
		if s == a.State && reason == a.Reason {
			return a, nil
		}
		return a.to(s, reason, now), nil
	default:
		a.Leaving, a.Want, a.WantWhy = false, s, reason
		a.Version++
		return a, nil
	}
}

// SignOut signs out at once, or as soon as nothing is open.
func (a Agent) SignOut(now time.Time) (Agent, error) {
	switch a.State {
	case wire.AgentOffline:
		return a, a.refuse("sign out")
	case wire.AgentReady, wire.AgentNotReady:
		return a.leave(now), nil
	default:
		if !a.Leaving {
			a.Leaving = true
			a.Version++
		}
		return a, nil
	}
}

// Reserve rings an offer at a ready agent.
func (a Agent) Reserve(offer, call string, now time.Time) (Agent, error) {
	if !a.Free() {
		return a, a.refuse("be offered a call")
	}
	a.Offer, a.Call = offer, call
	a.Want, a.WantWhy = wire.AgentReady, ""
	return a.to(wire.AgentReserved, "", now), nil
}

// Release ends a reservation that was not the agent's fault: the caller left.
func (a Agent) Release(now time.Time) (Agent, error) {
	if a.State != wire.AgentReserved {
		return a, a.refuse("be released")
	}
	return a.rest(now), nil
}

// Fail ends a reservation the agent did not take up, and with it readiness: rona, declined, no_media.
func (a Agent) Fail(reason string, now time.Time) (Agent, error) {
	if a.State != wire.AgentReserved {
		return a, a.refuse("miss an offer")
	}
	a.Want, a.WantWhy = wire.AgentNotReady, reason
	return a.rest(now), nil
}

// Engage puts the agent on a call: a reserved one whose leg is up, or an idle one who places a call.
func (a Agent) Engage(call string, now time.Time) (Agent, error) {
	switch a.State {
	case wire.AgentReserved:
		if a.Call != call {
			return a, a.refuse("take another call")
		}
		a.Offer = ""
	case wire.AgentReady, wire.AgentNotReady:
		a.Want, a.WantWhy = a.State, a.Reason
	default:
		return a, a.refuse("take a call")
	}
	a.Call = call
	return a.to(wire.AgentBusy, "", now), nil
}

// BeginWrapup starts the work after a call.
func (a Agent) BeginWrapup(wrapup string, now time.Time) (Agent, error) {
	if a.State != wire.AgentBusy {
		return a, a.refuse("wrap up")
	}
	a.Wrapup = wrapup
	return a.to(wire.AgentWrapup, "", now), nil
}

// Disengage ends a call that needs no wrap-up: it never came about.
func (a Agent) Disengage(now time.Time) (Agent, error) {
	if a.State != wire.AgentBusy {
		return a, a.refuse("leave a call")
	}
	return a.rest(now), nil
}

// EndWrapup is the end of the work after a call, by the agent or by the deadline.
func (a Agent) EndWrapup(now time.Time) (Agent, error) {
	if a.State != wire.AgentWrapup {
		return a, a.refuse("end a wrap-up")
	}
	return a.rest(now), nil
}

// Restarted puts an agent found after a restart into a safe state: nobody is connected, so nobody is ready,
// now or after a wrap-up that still runs. until is the deadline for coming back.
func (a Agent) Restarted(now, until time.Time) Agent {
	a.Sessions = slices.Clone(a.Sessions)
	for i := range a.Sessions {
		a.Sessions[i].Up = false
	}
	switch a.State {
	case wire.AgentOffline:
		return a
	case wire.AgentWrapup, wire.AgentBusy:
		a.Want, a.WantWhy = wire.AgentNotReady, ReasonRestart
		a.Version++
	default:
		a.Call, a.Offer, a.Want, a.WantWhy = "", "", "", ""
		if a.Leaving {
			return a.leave(now)
		}
		a = a.to(wire.AgentNotReady, ReasonRestart, now)
	}
	a.Absent, a.Missing = until, false
	return a
}
