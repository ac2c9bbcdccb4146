// Package id makes the identifiers of the API: a type prefix and a ULID, as in call_01JD… . They sort by
// the time they were made.
package id

import (
	"crypto/rand"
	"time"

	"github.com/oklog/ulid/v2"
)

// The type prefixes.
const (
	Call      = "call"
	Leg       = "leg"
	Room      = "room"
	Recording = "rec"
	Playback  = "play"
	Capture   = "cap"
	Agent     = "agt"
	Session   = "ses"
	Queue     = "que"
	Offer     = "off"
	Wrapup    = "wru"
	Consult   = "cns"
	Event     = "evt"
	Callback  = "cbk"
	Campaign  = "cmp"
	Record    = "rcd"
	List      = "lst"
	Webhook   = "whk"
	Work      = "wrk"

	Supervision = "sup"
)

// New makes an identifier with the given prefix. Safe for concurrent use.
func New(prefix string) string {
	return prefix + "_" + ulid.MustNew(ulid.Timestamp(time.Now()), rand.Reader).String()
}

// Valid reports whether s is an identifier of the given prefix.
func Valid(prefix, s string) bool {
	if len(s) != len(prefix)+1+ulid.EncodedSize || s[:len(prefix)] != prefix || s[len(prefix)] != '_' {
		return false
	}
	_, err := ulid.ParseStrict(s[len(prefix)+1:])
	return err == nil
}

// Time is when a valid identifier was made, to the millisecond; the zero time for anything else.
func Time(s string) time.Time {
	if len(s) <= ulid.EncodedSize {
		return time.Time{}
	}
	u, err := ulid.ParseStrict(s[len(s)-ulid.EncodedSize:])
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time())
}
