package wire

import "time"

// CallbackKind is where a callback comes from.
type CallbackKind string

// The kinds.
const (
	CallbackCourtesy  CallbackKind = "courtesy"  // a waiting caller is called back instead, at the same place
	CallbackVoice     CallbackKind = "voice"     // a waiting caller left a message instead, at the same place
	CallbackWeb       CallbackKind = "web"       // asked for on a web site
	CallbackScheduled CallbackKind = "scheduled" // for a time of the customer's choice
)

// CallbackState is where a callback is in its life; the transitions stand in desk/callback.
type CallbackState string

// The states of a callback.
const (
	CallbackRequested CallbackState = "requested" // not yet confirmed by the customer
	CallbackPlanned   CallbackState = "scheduled" // waits for its time
	CallbackWaiting   CallbackState = "waiting"   // due, stands in its queue
	CallbackOffered   CallbackState = "offered"   // rings at an agent
	CallbackPreview   CallbackState = "preview"   // the agent has it before them and has not dialled yet
	CallbackDialing   CallbackState = "dialing"   // the customer is being called
	CallbackTalking   CallbackState = "talking"   // agent and customer talk
	CallbackReached   CallbackState = "reached"   // the conversation is over, the agent has not closed it yet
	CallbackCompleted CallbackState = "completed"
	CallbackFailed    CallbackState = "failed"
	CallbackCancelled CallbackState = "cancelled"
)

// Callback is a customer who is to be called.
type Callback struct {
	ID         string        `json:"id"`
	Kind       CallbackKind  `json:"kind"`
	State      CallbackState `json:"state"`
	Number     string        `json:"number"`
	Name       string        `json:"name"`
	Queue      string        `json:"queue"`
	Reason     string        `json:"reason,omitempty"`
	EntryPoint string        `json:"entry_point,omitempty"` // the number that is shown to the customer
	Zone       string        `json:"zone,omitempty"`        // the customer's
	// Start and End are the time in which to call; absent: as soon as somebody is free.
	Start *time.Time `json:"start,omitempty"`
	End   *time.Time `json:"end,omitempty"`
	Next  *time.Time `json:"next,omitempty"` // the next attempt, while scheduled
	// Assignee alone is offered it, until Fallback when there is one.
	Assignee string     `json:"assignee,omitempty"`
	Fallback *time.Time `json:"fallback,omitempty"`
	// FallbackSeconds after it is due anybody of the queue may have it; 0: only the assignee.
	FallbackSeconds int        `json:"fallback_seconds,omitempty"`
	Preferred       string     `json:"preferred,omitempty"` // is offered it first, when free
	Queued          *time.Time `json:"queued,omitempty"`    // the place in the queue
	Recording       string     `json:"recording,omitempty"` // of the voice message
	Origin          string     `json:"origin,omitempty"`    // the call it comes from
	CallID          string     `json:"call_id,omitempty"`   // the attempt under way
	Agent           string     `json:"agent,omitempty"`     // who has it now, or had it last
	Attempts        int        `json:"attempts"`
	Limit           int        `json:"limit"` // of attempts
	// RetrySeconds lie between two attempts.
	RetrySeconds int       `json:"retry_seconds,omitempty"`
	Result       string    `json:"result,omitempty"` // of the last attempt: a cause code, or "reached"
	Created      time.Time `json:"created"`
	By           string    `json:"by"`
	Version      uint64    `json:"version"`
	Allowed      []string  `json:"allowed"`
}

// CallbackRequest schedules a callback, or changes one. Date and the times are wall times in the zone.
type CallbackRequest struct {
	Number string `json:"number"` // 7 to 15 characters, spaces, - , . allowed, and a leading +
	Name   string `json:"name"`   // 3 to 250 characters
	Queue  string `json:"queue"`
	Date   string `json:"date"` // "2026-03-01"
	From   string `json:"from"` // "09:00"
	Till   string `json:"till"` // "10:00"; not after from: of the next day
	Zone   string `json:"zone"` // IANA
	Reason string `json:"reason,omitempty"`
	// EntryPoint is one of the configured ones; default: the first that is active.
	EntryPoint string `json:"entry_point,omitempty"`
	Assignee   string `json:"assignee,omitempty"`
	// FallbackSeconds after the start anybody of the queue may have it; 0: only the assignee.
	FallbackSeconds int    `json:"fallback_seconds,omitempty"`
	Preferred       string `json:"preferred,omitempty"`
	Attempts        int    `json:"attempts,omitempty"`      // default by configuration
	RetrySeconds    int    `json:"retry_seconds,omitempty"` // between attempts; default by configuration
	CallID          string `json:"call_id,omitempty"`       // the call it was agreed in
	// Contact is whom it is for, as found by a search. With it, or with call_id, the number may be left out, or be
	// the masked one that was shown.
	Contact *ContactRef `json:"contact,omitempty"`
}

// ContactRef names a contact of a list.
type ContactRef struct {
	List  string `json:"list"`
	Row   int    `json:"row"`             // from 1
	Index *int   `json:"index,omitempty"` // of its numbers, from 0; absent: the one that was shown, or the first
}

// CallbackAsk is a customer's wish for a callback, from a web site.
type CallbackAsk struct {
	Number string `json:"number"`
	Name   string `json:"name"`
	Queue  string `json:"queue"`
	Reason string `json:"reason,omitempty"`
	// Date, From, Till and Zone ask for a time; without a date: as soon as possible.
	Date string `json:"date,omitempty"`
	From string `json:"from,omitempty"`
	Till string `json:"till,omitempty"`
	Zone string `json:"zone,omitempty"`
}

// CallbackReceipt is the answer to a CallbackAsk.
type CallbackReceipt struct {
	ID      string        `json:"id"`
	State   CallbackState `json:"state"`
	Expires *time.Time    `json:"expires,omitempty"` // requested: until when the code must be there
}

// CallbackCode confirms a CallbackAsk with the code that was sent to the number.
type CallbackCode struct {
	Code string `json:"code"`
}

// CallbackFromCall turns a waiting call into a callback that keeps its place.
type CallbackFromCall struct {
	Kind   CallbackKind `json:"kind,omitempty"`   // courtesy (default), or voice: the caller leaves a message first
	Number string       `json:"number,omitempty"` // default: the caller's
	Name   string       `json:"name,omitempty"`
}

// CallbackAssign gives a callback to an agent, or with none back to the queue.
type CallbackAssign struct {
	Assignee        string `json:"assignee,omitempty"`
	FallbackSeconds int    `json:"fallback_seconds,omitempty"`
}

// CallbackDone closes a callback after a conversation.
type CallbackDone struct {
	Result string `json:"result,omitempty"` // default "reached"
}

// DialRequest places the call of a callback or record an agent has before them.
type DialRequest struct {
	Number string `json:"number,omitempty"` // another number of the contact, also as it was shown masked
	Index  *int   `json:"index,omitempty"`  // of a record: which of its numbers, from 0, in place of number
}

// CallbackList is a page of callbacks, by the time of their next attempt.
type CallbackList struct {
	Items []Callback `json:"items"`
	Next  string     `json:"next,omitempty"`
}

// Slot is a stretch of opening time in which a callback can be scheduled, if it is available.
type Slot struct {
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Available bool      `json:"available"`
	Why       string    `json:"why,omitempty"` // not available: past | full
}

// SlotList is the slots of a day.
type SlotList struct {
	Items []Slot `json:"items"`
}

// EntryPoint is a number callbacks are made from.
type EntryPoint struct {
	Number string `json:"number"`
	Name   string `json:"name"`
}

// EntryPointList is the entry points that are active now.
type EntryPointList struct {
	// Planning: one will be active some time, so that callbacks can be planned.
	Planning bool         `json:"planning"`
	Items    []EntryPoint `json:"items"`
}
