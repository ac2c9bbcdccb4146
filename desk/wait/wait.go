// Package wait is a call's waiting time, as a pure state machine: which of its demands still hold, what the
// caller is told and when, and when it goes elsewhere. All of it is one deadline at a time, Next, computed
// from what the queue's Policy says and what has been done already.
package wait

import "time"

// Policy is what a queue says about waiting. Zero durations are never.
type Policy struct {
	Preferred time.Duration   // how long only the preferred agent is asked
	Relax     []time.Duration // ascending: after each the demands are one step lower
	Welcome   bool            // something is said at once
	Every     time.Duration   // and again after each of these
	Limit     time.Duration   // then the call goes elsewhere
}

// Wait is one call's waiting time, plain data.
//
//	            released          relaxed ...            limit
//	preferred ───────────> open ─────────────> open ───────────> elsewhere
//	                        │ ^  told, told ...
//	              too many  v │ pause over
//	              offers   paused
//
// It stands still while the call rings or is being connected: nothing is said then, and nothing due is
// lost. It goes on when the call comes back.
type Wait struct {
	Call      string    `json:"call"`
	Since     time.Time `json:"since"` // in this queue
	Preferred string    `json:"preferred,omitempty"`
	Level     int       `json:"level,omitempty"`  // demands lowered so far
	Told      time.Time `json:"told,omitzero"`    // when something was last said
	Paused    time.Time `json:"paused,omitzero"`  // not offered until then
	Failed    int       `json:"failed,omitempty"` // offers since the last pause
	Over      bool      `json:"over,omitempty"`   // the limit has come
	Moves     int       `json:"moves,omitempty"`  // between queues, so that none goes round for ever
	Next      time.Time `json:"next,omitzero"`    // deadline
}

// Act is what a deadline asks for.
type Act string

// The acts.
const (
	Released Act = "released" // the preferred agent is not waited for any more
	Relaxed  Act = "relaxed"  // demands are one step lower
	Welcome  Act = "welcome"
	Tell     Act = "tell"
	Resumed  Act = "resumed" // a pause is over
	Limit    Act = "limit"
)

// Begin is the beginning of a wait.
func Begin(call, preferred string, p Policy, now time.Time) Wait {
	w := Wait{Call: call, Since: now}
	if p.Preferred > 0 {
		w.Preferred = preferred
	}
	return w.Rest(p, true)
}

// due is the next thing to do and when; the empty Act for nothing. The order of the cases is that of things
// due at the same time.
func (w Wait) due(p Policy) (Act, time.Time) {
	act, at := Act(""), time.Time{}
	first := func(a Act, t time.Time) {
		if at.IsZero() || t.Before(at) {
			act, at = a, t
		}
	}
	if p.Limit > 0 && !w.Over {
		first(Limit, w.Since.Add(p.Limit))
	}
	if w.Preferred != "" {
		first(Released, w.Since.Add(p.Preferred))
	}
	if w.Level < len(p.Relax) {
		first(Relaxed, w.Since.Add(p.Relax[w.Level]))
	}
	if !w.Paused.IsZero() {
		first(Resumed, w.Paused)
	}
	switch {
	case w.Told.IsZero() && p.Welcome:
		first(Welcome, w.Since)
	case p.Every > 0 && w.Told.IsZero():
		first(Tell, w.Since.Add(p.Every))
	case p.Every > 0:
		first(Tell, w.Told.Add(p.Every))
	}
	return act, at
}

// Rest sets the deadline: of a call that waits, or none for one that rings.
func (w Wait) Rest(p Policy, waits bool) Wait {
	w.Next = time.Time{}
	if waits {
		_, w.Next = w.due(p)
	}
	return w
}

// Fire does the next thing that is due at now; false when nothing is.
func (w Wait) Fire(p Policy, now time.Time) (Wait, Act, bool) {
	act, at := w.due(p)
	if act == "" || at.After(now) {
		return w.Rest(p, true), "", false
	}
	switch act {
	case Released:
		w.Preferred = ""
	case Relaxed:
		w.Level++
	case Welcome, Tell:
		w.Told = now
	case Resumed:
		w.Paused = time.Time{}
	case Limit:
		w.Over = true
	}
	return w.Rest(p, true), act, true
}

// Pause stops offering until then.
func (w Wait) Pause(until time.Time, p Policy) Wait {
	w.Paused, w.Failed = until, 0
	return w.Rest(p, true)
}

// Move begins again in another queue, where there is nobody preferred.
func (w Wait) Move(p Policy, now time.Time) Wait {
	return Wait{Call: w.Call, Since: now, Moves: w.Moves + 1}.Rest(p, true)
}
