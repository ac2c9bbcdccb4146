// Package wrapup is an agent's work after a call, as a pure state machine. The deadline is the server's:
// it is data here, and whatever becomes of browser, network or clock on the agent's side, it completes the
// wrap-up with the default reason.
package wrapup

import (
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Who completed a wrap-up.
const (
	ByAgent    = "agent"
	ByDeadline = "deadline"
)

// Policy is what an agent can do who needs longer.
type Policy string

// The policies (conflict 3 between the manuals: both).
const (
	Extend Policy = "extend" // a fixed amount, several times (U4, U5)
	Cancel Policy = "cancel" // the countdown, and complete by hand (R12); a last deadline stays
	None   Policy = "none"
)

// Reason may be chosen.
type Reason struct {
	Code  string `json:"code"`
	Label string `json:"label"`
}

// Wrapup is one wrap-up's state, plain data.
//
//	       extend (deadline += amount)
//	        ┌──┐
//	        v  │   submit(reason)
//	───────> open ────────────────────> completed
//	                deadline(default)
//
// cancel moves the deadline to the last one there may be, once.
type Wrapup struct {
	ID         string        `json:"id"`
	Call       string        `json:"call"`
	Agent      string        `json:"agent"`
	Queue      string        `json:"queue,omitempty"`
	Started    time.Time     `json:"started"`
	Deadline   time.Time     `json:"deadline"`
	Amount     time.Duration `json:"amount"`     // one extension
	Extensions int           `json:"extensions"` // how many are left
	// Last is when the wrap-up ends whatever is done, zero for never by itself.
	Last      time.Time `json:"last,omitzero"`
	Policy    Policy    `json:"policy,omitempty"`
	Cancelled bool      `json:"cancelled,omitempty"`
	Default   string    `json:"default,omitempty"` // the reason submitted at the deadline
	Reasons   []Reason  `json:"reasons,omitempty"` // those that may be chosen; none: any text
	Reason    string    `json:"reason,omitempty"`
	Completed time.Time `json:"completed,omitzero"`
	By        string    `json:"by,omitempty"`
}

// State is open or completed.
func (w Wrapup) State() string {
	if w.Completed.IsZero() {
		return "open"
	}
	return "completed"
}

// Allowed names what may be done now.
func (w Wrapup) Allowed() []string {
	switch {
	case !w.Completed.IsZero():
		return nil
	case w.Policy == Cancel && !w.Cancelled:
		return []string{"submit", "cancel"}
	case w.mayExtend():
		return []string{"submit", "extend"}
	default:
		return []string{"submit"}
	}
}

func (w Wrapup) mayExtend() bool {
	return w.Extensions > 0 && w.Policy != Cancel && w.Policy != None && (w.Last.IsZero() || w.Deadline.Before(w.Last))
}

// CancelCountdown lets the agent complete the wrap-up by hand, until the last deadline.
func (w Wrapup) CancelCountdown() (Wrapup, error) {
	if !w.Completed.IsZero() {
		return w, problem.Conflict("wrapup_wrong_state", w.State(), w.Allowed(), "wrap-up %s is completed already", w.ID)
	}
	if w.Policy != Cancel {
		return w, problem.Conflict("wrapup_policy", w.State(), w.Allowed(), "the countdown of wrap-up %s cannot be cancelled", w.ID)
	}
	if w.Cancelled {
		return w, nil
	}
	w.Cancelled, w.Deadline = true, w.Last
	return w, nil
}

// Complete ends the wrap-up with a reason.
func (w Wrapup) Complete(reason, by string, now time.Time) (Wrapup, error) {
	if !w.Completed.IsZero() {
		return w, problem.Conflict("wrapup_wrong_state", w.State(), w.Allowed(), "wrap-up %s is completed already", w.ID)
	}
	w.Reason, w.By, w.Completed = reason, by, now
	return w, nil
}

// Extend moves the deadline on by the fixed amount, as often as the count allows.
func (w Wrapup) Extend() (Wrapup, error) {
	if !w.Completed.IsZero() {
		return w, problem.Conflict("wrapup_wrong_state", w.State(), w.Allowed(), "wrap-up %s is completed already", w.ID)
	}
	if !w.mayExtend() {
		return w, problem.Conflict("wrapup_extension_limit", w.State(), w.Allowed(), "wrap-up %s cannot be extended again", w.ID)
	}
	w.Extensions--
	w.Deadline = w.Deadline.Add(w.Amount)
	if !w.Last.IsZero() && w.Deadline.After(w.Last) {
		w.Deadline = w.Last
	}
	return w, nil
}

// Wire is the wrap-up as the API shows it.
func (w Wrapup) Wire() wire.Wrapup {
	o := wire.Wrapup{
		ID: w.ID, CallID: w.Call, Agent: w.Agent, Started: w.Started, Deadline: w.Deadline,
		ExtensionsLeft: w.Extensions, Reason: w.Reason, By: w.By, Default: w.Default,
		ExtensionSeconds: int(w.Amount.Seconds()), Cancelled: w.Cancelled, Allowed: w.Allowed(),
	}
	for _, r := range w.Reasons {
		o.Reasons = append(o.Reasons, wire.WrapupReason{Code: r.Code, Label: r.Label})
	}
	if !w.Completed.IsZero() {
		t := w.Completed
		o.Completed = &t
	}
	return o
}
