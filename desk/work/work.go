// Package work is written requests (email, chat, social) as a pure state machine. What is written comes from a program
// outside and the reply goes back to it; what happens between, the place in a queue, the offer to an agent and the work
// after it, is as with calls, and is the floor's.
package work

import (
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Results of a request that is closed.
const (
	ResultReplied   = "replied"
	ResultNoReply   = "no_reply"  // the agent has closed it without one
	ResultCancelled = "cancelled" // by the program that brought it
	ResultNoQueue   = "no_queue"  // its queue is gone from the configuration
)

// Work is one written request, plain data.
//
//	          offer            accept          reply, or close
//	queued ──────────> offered ──────> open ───────────────────> closed
//	  ^                   │             │
//	  ├── not taken ──────┘             │
//	  └── its agent is gone ────────────┘
//
//	queued, offered, open ── cancelled ──> closed
type Work struct {
	ID       string         `json:"id"`
	Kind     wire.WorkKind  `json:"kind"`
	State    wire.WorkState `json:"state"`
	Queue    string         `json:"queue"`
	From     string         `json:"from"`
	FromName string         `json:"from_name,omitempty"`
	Subject  string         `json:"subject,omitempty"`
	Text     string         `json:"text"`
	Ref      string         `json:"ref,omitempty"`
	Place    queue.Place    `json:"place"` // kept over missed offers
	Attempt  int            `json:"attempt,omitempty"`
	Agent    string         `json:"agent,omitempty"` // offered to, open at or closed by
	Offer    string         `json:"offer,omitempty"`
	Reply    string         `json:"reply,omitempty"`
	Result   string         `json:"result,omitempty"`
	Created  time.Time      `json:"created"`
	Closed   time.Time      `json:"closed,omitzero"`
	Version  uint64         `json:"version"`
}

// Allowed names what may be done with it now.
func (w Work) Allowed() []string {
	switch w.State {
	case wire.WorkQueued:
		return []string{"cancel"}
	case wire.WorkOffered:
		return []string{"accept", "decline", "cancel"}
	case wire.WorkOpen:
		return []string{"reply", "close", "cancel"}
	default:
		return []string{}
	}
}

func (w Work) may(what string) error {
	if slices.Contains(w.Allowed(), what) {
		return nil
	}
	return problem.Conflict("work_wrong_state", string(w.State), w.Allowed(), "work %s is %s: cannot %s", w.ID, w.State, what)
}

func (w Work) to(s wire.WorkState) Work {
	w.State = s
	w.Version++
	return w
}

// OfferTo rings it at an agent.
func (w Work) OfferTo(agent, offer string) (Work, error) {
	if w.State != wire.WorkQueued {
		return w, w.may("offer")
	}
	w.Agent, w.Offer = agent, offer
	w.Attempt++
	return w.to(wire.WorkOffered), nil
}

// Accepted: its agent has it.
func (w Work) Accepted() (Work, error) {
	if err := w.may("accept"); err != nil {
		return w, err
	}
	w.Offer = ""
	return w.to(wire.WorkOpen), nil
}

// Back puts it where it was in its queue: not taken, or its agent is gone.
func (w Work) Back() (Work, error) {
	if w.State != wire.WorkOffered && w.State != wire.WorkOpen {
		return w, w.may("go back")
	}
	w.Agent, w.Offer = "", ""
	return w.to(wire.WorkQueued), nil
}

// Send closes it with a reply.
func (w Work) Send(text string, now time.Time) (Work, error) {
	if err := w.may("reply"); err != nil {
		return w, err
	}
	w.Reply = text
	return w.end(ResultReplied, now), nil
}

// Close ends it without a reply.
func (w Work) Close(now time.Time) (Work, error) {
	if err := w.may("close"); err != nil {
		return w, err
	}
	return w.end(ResultNoReply, now), nil
}

// Cancel ends it whatever it is doing.
func (w Work) Cancel(result string, now time.Time) (Work, error) {
	if err := w.may("cancel"); err != nil {
		return w, err
	}
	return w.end(result, now), nil
}

func (w Work) end(result string, now time.Time) Work {
	w.Result, w.Closed, w.Offer = result, now, ""
	return w.to(wire.WorkClosed)
}

// Wire is the request as the API shows it.
func (w Work) Wire() wire.Work {
	out := wire.Work{
		ID: w.ID, Kind: w.Kind, State: w.State, Queue: w.Queue, From: w.From, FromName: w.FromName, Subject: w.Subject, Text: w.Text,
		ClientRef: w.Ref, Queued: w.Place.Entered, Agent: w.Agent, Reply: w.Reply, Result: w.Result, Allowed: w.Allowed(), Created: w.Created, Version: w.Version,
	}
	if !w.Closed.IsZero() {
		t := w.Closed
		out.Closed = &t
	}
	return out
}
