// Package problem is the one error type that crosses package borders with its meaning intact: an RFC 9457
// problem with a stable snake_case code. The state machines return it, HTTP and WebSocket print it, and
// the SIP side maps its status.
package problem

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is a refusal somebody outside will read. Title and type URI follow from Code.
type Error struct {
	Status     int      // HTTP status
	Code       string   // stable, snake_case: "room_full"
	Detail     string   // one sentence for a person
	State      string   // 409: the state the thing is in
	Allowed    []string // 409: what is allowed in that state
	Grant      string   // 403: the missing grant
	CallID     string   // where one is concerned
	RetryAfter int      // seconds, 429 and 503
	Limit, Use int      // 429
	Fields     []Field  // 422: one entry per broken rule
	Err        error    // the cause, for the log only
}

// Field is one broken rule of a request body.
type Field struct {
	Pointer string `json:"pointer"` // RFC 6901 pointer into the body
	Code    string `json:"code"`
	Detail  string `json:"detail,omitempty"`
}

func (e *Error) Error() string {
	s := e.Code + ": " + e.Detail
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// New makes an Error; the detail is formatted like fmt.Sprintf.
func New(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// NotFound is 404 for a thing (call, leg, room, ...) that is not there: code "call_not_found" and so on.
func NotFound(noun, id string) *Error {
	return New(http.StatusNotFound, noun+"_not_found", "there is no %s %s", noun, id)
}

// Conflict is 409: the thing is in a state that does not allow the action.
func Conflict(code, state string, allowed []string, format string, args ...any) *Error {
	e := New(http.StatusConflict, code, format, args...)
	e.State, e.Allowed = state, allowed
	return e
}

// As finds the Error in a chain; anything else becomes 500 "internal" with the cause inside.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Status: http.StatusInternalServerError, Code: "internal", Detail: "something went wrong inside the server", Err: err}
}
