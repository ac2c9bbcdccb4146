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

// Wrapup is one wrap-up's state, plain data.
//
//	       extend (deadline += amount)
//	        ┌──┐
//	        v  │   submit(reason)
//	───────> open ────────────────────> completed
//	                deadline(default)
type Wrapup struct {
	ID         string        `json:"id"`
	Call       string        `json:"call"`
	Agent      string        `json:"agent"`
	Queue      string        `json:"queue,omitempty"`
	Started    time.Time     `json:"started"`
	Deadline   time.Time     `json:"deadline"`
	Amount     time.Duration `json:"amount"`     // one extension
	Extensions int           `json:"extensions"` // how many are left
	Reason     string        `json:"reason,omitempty"`
	Completed  time.Time     `json:"completed,omitzero"`
	By         string        `json:"by,omitempty"`
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
	case w.Extensions > 0:
		return []string{"submit", "extend"}
	default:
		return []string{"submit"}
	}
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
	if w.Extensions == 0 {
		return w, problem.Conflict("wrapup_extension_limit", w.State(), w.Allowed(), "wrap-up %s cannot be extended again", w.ID)
	}
	w.Extensions--
	w.Deadline = w.Deadline.Add(w.Amount)
	return w, nil
}

// Wire is the wrap-up as the API shows it.
func (w Wrapup) Wire() wire.Wrapup {
	o := wire.Wrapup{
		ID: w.ID, CallID: w.Call, Agent: w.Agent, Started: w.Started, Deadline: w.Deadline,
		ExtensionsLeft: w.Extensions, Reason: w.Reason, By: w.By,
	}
	if !w.Completed.IsZero() {
		t := w.Completed
		o.Completed = &t
	}
	return o
}
