package wire

import "time"

// WebhookState is what a webhook does.
type WebhookState string

// The states of a webhook.
const (
	WebhookActive   WebhookState = "active"
	WebhookFailing  WebhookState = "failing"  // the next event is being tried again
	WebhookDisabled WebhookState = "disabled" // nothing is sent until it is enabled
)

// Webhook is an address that events are sent to.
type Webhook struct {
	ID          string       `json:"id"`
	URL         string       `json:"url"`
	Description string       `json:"description,omitempty"`
	Events      []string     `json:"events"` // types, or "call.*"; none: all
	State       WebhookState `json:"state"`
	Reason      string       `json:"reason,omitempty"`     // why it is disabled
	Configured  bool         `json:"configured,omitempty"` // stands in the configuration file and is changed there
	Created     time.Time    `json:"created"`
	By          string       `json:"by,omitempty"`
	// Seq is the newest event that is done with: delivered, a dead letter, or not asked for.
	Seq    uint64 `json:"seq"`
	Behind uint64 `json:"behind"` // events that came since
	Dead   int    `json:"dead"`   // dead letters
	// Attempt and Next are of the event being tried again.
	Attempt      int        `json:"attempt,omitempty"`
	Next         *time.Time `json:"next,omitempty"`
	FailingSince *time.Time `json:"failing_since,omitempty"`
	Delivered    *time.Time `json:"delivered,omitempty"` // when something was delivered last
	Error        string     `json:"error,omitempty"`     // of the last failure
	// OldSecretUntil is how long events are signed with the secret before the last rotation too.
	OldSecretUntil *time.Time `json:"old_secret_until,omitempty"`
}

// WebhookList lists webhooks.
type WebhookList struct {
	Items []Webhook `json:"items"`
}

// WebhookRequest makes a webhook.
type WebhookRequest struct {
	URL         string   `json:"url"`
	Description string   `json:"description,omitempty"`
	Events      []string `json:"events,omitempty"`
	After       *uint64  `json:"after,omitempty"` // begin behind this event; absent: with what happens from now on
}

// WebhookPatch changes a webhook; what is absent stays.
type WebhookPatch struct {
	URL         *string   `json:"url,omitempty"`
	Description *string   `json:"description,omitempty"`
	Events      *[]string `json:"events,omitempty"`
	Enabled     *bool     `json:"enabled,omitempty"` // true goes on where it stopped
}

// WebhookRotation asks for a new secret.
type WebhookRotation struct {
	KeepSeconds *int `json:"keep_seconds,omitempty"` // how long the old one signs too; absent: a day
}

// WebhookSecret is a webhook with its secret, which is shown this once.
type WebhookSecret struct {
	Webhook Webhook `json:"webhook"`
	Secret  string  `json:"secret"`
}

// WebhookOutcome is how an attempt ended.
type WebhookOutcome string

// The outcomes.
const (
	WebhookDelivered WebhookOutcome = "delivered"
	WebhookFailed    WebhookOutcome = "failed" // to be tried again
	WebhookDead      WebhookOutcome = "dead"   // not tried again by itself
	WebhookTested    WebhookOutcome = "tested" // asked for by the test button
)

// WebhookAttempt is one request that was sent, or could not be.
type WebhookAttempt struct {
	Time    time.Time      `json:"time"`
	EventID string         `json:"event_id"`
	Seq     uint64         `json:"seq,omitempty"`
	Type    string         `json:"type"`
	Attempt int            `json:"attempt"`
	Outcome WebhookOutcome `json:"outcome"`
	Status  int            `json:"status,omitempty"` // of the answer, 0 without one
	MS      int64          `json:"ms"`
	Error   string         `json:"error,omitempty"`
	// RetryAfterSeconds is how long the receiver asked to be left alone (429, 503).
	RetryAfterSeconds int `json:"retry_after_seconds,omitempty"`
}

// WebhookAttemptList lists attempts, newest first.
type WebhookAttemptList struct {
	Items []WebhookAttempt `json:"items"`
}

// DeadLetter is an event that a webhook could not be given.
type DeadLetter struct {
	EventID  string    `json:"event_id"`
	Seq      uint64    `json:"seq"`
	Type     string    `json:"type"`
	CallID   string    `json:"call_id,omitempty"`
	Time     time.Time `json:"time"`  // of the event
	First    time.Time `json:"first"` // attempt
	Died     time.Time `json:"died"`
	Attempts int       `json:"attempts"`
	Status   int       `json:"status,omitempty"`
	Error    string    `json:"error,omitempty"`
	Replay   bool      `json:"replay,omitempty"` // is being tried again
}

// DeadLetterList lists dead letters by their sequence number.
type DeadLetterList struct {
	Items []DeadLetter `json:"items"`
	Next  string       `json:"next,omitempty"`
}

// ReplayRequest asks for dead letters to be sent again.
type ReplayRequest struct {
	Seqs []uint64 `json:"seqs,omitempty"`
	All  bool     `json:"all,omitempty"`
}

// ReplayAnswer says how many are sent again.
type ReplayAnswer struct {
	Count int `json:"count"`
}
