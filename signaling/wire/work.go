package wire

import "time"

// WorkKind is how a written request came.
type WorkKind string

// The kinds of written requests.
const (
	WorkEmail  WorkKind = "email"
	WorkChat   WorkKind = "chat"
	WorkSocial WorkKind = "social"
)

// WorkState is where a written request is: queued -> offered -> open -> closed.
type WorkState string

// The states of a written request.
const (
	WorkQueued  WorkState = "queued"
	WorkOffered WorkState = "offered" // at an agent, until the offer's deadline
	WorkOpen    WorkState = "open"    // its agent works on it
	WorkClosed  WorkState = "closed"
)

// WorkRequest brings a written request into a queue.
type WorkRequest struct {
	Kind     WorkKind `json:"kind"`
	Queue    string   `json:"queue"`
	From     string   `json:"from"` // an address or an account, as the agent is to see it
	FromName string   `json:"from_name,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	Text     string   `json:"text" text:"lines"`  // of several lines, at most 20,000 characters
	Priority int      `json:"priority,omitempty"` // among written requests, the greater first
	// ClientRef is the sender's own name for it.
	ClientRef string `json:"client_ref,omitempty"`
}

// Work is a written request on its way through the contact centre.
type Work struct {
	ID        string     `json:"id"`
	Kind      WorkKind   `json:"kind"`
	State     WorkState  `json:"state"`
	Queue     string     `json:"queue"`
	From      string     `json:"from"`
	FromName  string     `json:"from_name,omitempty"`
	Subject   string     `json:"subject,omitempty"`
	Text      string     `json:"text"`
	ClientRef string     `json:"client_ref,omitempty"`
	Queued    time.Time  `json:"queued"`
	Agent     string     `json:"agent,omitempty"`
	Reply     string     `json:"reply,omitempty"`
	Result    string     `json:"result,omitempty"` // replied, no_reply, cancelled, no_queue
	Allowed   []string   `json:"allowed"`
	Created   time.Time  `json:"created"`
	Closed    *time.Time `json:"closed,omitempty"`
	Version   uint64     `json:"version"`
}

// WorkList is written requests, in the order they wait in.
type WorkList struct {
	Items []Work `json:"items"`
	Next  string `json:"next,omitempty"`
}

// WorkReply is what an agent answers.
type WorkReply struct {
	Text string `json:"text" text:"lines"` // of several lines, at most 20,000 characters
}
