package wire

import (
	"encoding/json"
	"time"
)

// Protocol is the WebSocket sub-protocol of /v1/events.
const Protocol = "cordboard.v1"

// The close codes of the WebSocket, in the private range of RFC 6455, with their reasons.
const (
	CloseUnauthorized  = 4401 // no good token in time, or the token has run out: "unauthorized", "token_expired"
	CloseRevoked       = 4403 // the token was good and no longer is: "token_revoked", "account_disabled"
	CloseSlow          = 4408 // the client does not read: "too_slow"
	CloseCursorExpired = 4410 // the cursor is older than what the server holds: "cursor_expired"; read the state afresh
)

// ServerFrame is one WebSocket text frame from the server; exactly one field is set.
type ServerFrame struct {
	Hello *Hello `json:"hello,omitempty"`
	Event *Event `json:"event,omitempty"`
	Reply *Reply `json:"reply,omitempty"`
}

// Hello is the first frame of a connection, after the token was accepted.
type Hello struct {
	Seq     uint64    `json:"seq"` // the newest event; what follows the cursor up to it comes next
	Time    time.Time `json:"time"`
	Session string    `json:"session,omitempty"` // the desktop session the token is bound to
	Agent   string    `json:"agent,omitempty"`
}

// Reply answers one Command.
type Reply struct {
	ID     string `json:"id"`
	Status int    `json:"status"`         // the HTTP status
	Body   any    `json:"body,omitempty"` // the object, or a Problem for a status from 400
}

// Command is one WebSocket text frame from the client: a request of the HTTP API.
type Command struct {
	ID             string          `json:"id"` // the client's, repeated in the Reply
	Method         string          `json:"method"`
	Path           string          `json:"path"` // with its query: "/v1/legs/leg_01/hold"
	Body           json.RawMessage `json:"body,omitempty"`
	ContentType    string          `json:"content_type,omitempty"` // default application/json; a body of another type is a JSON string
	IfMatch        string          `json:"if_match,omitempty"`
	IdempotencyKey string          `json:"idempotency_key,omitempty"`
}

// Auth is the first frame of a client that did not put its token into the sub-protocols, and may come
// again at any time with a fresh token of the same session.
type Auth struct {
	Auth string `json:"auth"`
}
