package wire

import "time"

// TargetKind is what a consult, a transfer or another party of a conference may be.
type TargetKind string

// The kinds of target.
const (
	TargetAgent      TargetKind = "agent"
	TargetQueue      TargetKind = "queue"
	TargetNumber     TargetKind = "number"      // dialled through a trunk
	TargetEntryPoint TargetKind = "entry_point" // one of our own numbers
)

// Target is somebody to consult, add or transfer to.
type Target struct {
	Kind  TargetKind `json:"kind"`
	ID    string     `json:"id"` // at most 36 characters
	Label string     `json:"label"`
	State AgentState `json:"state,omitempty"` // of an agent
	Free  bool       `json:"free"`            // somebody could take it now
}

// TargetList is what a search for targets found.
type TargetList struct {
	Items []Target `json:"items"`
}

// TargetRequest names a target.
type TargetRequest struct {
	Kind   TargetKind `json:"kind,omitempty"`
	Target string     `json:"target,omitempty"` // at most 36 characters
}

// ConsultRequest asks somebody.
type ConsultRequest struct {
	Kind   TargetKind `json:"kind"`
	Target string     `json:"target"`
	// HoldParticipants says whether the others wait; default true.
	HoldParticipants *bool `json:"hold_participants,omitempty"`
}

// DropRequest takes a participant out of a conference.
type DropRequest struct {
	LegID string `json:"leg_id"`
}

// ConsultState is how far a consult is.
type ConsultState string

// requested -> reached -> connecting -> answered; each may end.
const (
	ConsultRequested  ConsultState = "requested"  // on its way, or waiting in a queue
	ConsultReached    ConsultState = "reached"    // rings
	ConsultConnecting ConsultState = "connecting" // accepted, the voice is on its way
	ConsultAnswered   ConsultState = "answered"
	ConsultEnded      ConsultState = "ended"
)

// The sides of a call during a consult.
const (
	MainSide    = "main"
	ConsultSide = "consult"
)

// Consult is an agent of a call asking somebody else.
type Consult struct {
	ID               string       `json:"id"`
	CallID           string       `json:"call_id"`
	By               string       `json:"by,omitempty"` // the agent who asks
	Kind             TargetKind   `json:"kind"`
	Target           string       `json:"target"`
	State            ConsultState `json:"state"`
	HoldParticipants bool         `json:"hold_participants"`
	Active           string       `json:"active"` // consult | main: whom the agent who asks talks to
	Merging          bool         `json:"merging,omitempty"`
	Transferring     bool         `json:"transferring,omitempty"`
	Agent            string       `json:"agent,omitempty"` // who is asked, once known
	LegID            string       `json:"leg_id,omitempty"`
	Created          time.Time    `json:"created"`
	Answered         *time.Time   `json:"answered,omitempty"`
	Cause            string       `json:"cause,omitempty"` // why it ended
}

// PartyRole is what somebody is on a call as the desk sees it.
type PartyRole string

// The roles of participants.
const (
	PartyCustomer   PartyRole = "customer"
	PartyPrimary    PartyRole = "primary" // the agent in control
	PartyConsulted  PartyRole = "consulted"
	PartyConference PartyRole = "conference"
)

// Participant is somebody on a call.
type Participant struct {
	Role   PartyRole  `json:"role"`
	LegID  string     `json:"leg_id,omitempty"` // absent while there is no voice
	Agent  string     `json:"agent,omitempty"`
	Name   string     `json:"name,omitempty"`
	Number string     `json:"number,omitempty"`
	Held   bool       `json:"held"`
	Side   string     `json:"side"` // main | consult
	Since  *time.Time `json:"since,omitempty"`
}

// Control is one thing an agent may do.
type Control struct {
	Visible bool `json:"visible"`
	Enabled bool `json:"enabled"`
}

// Controls is what an agent may do with a call now.
type Controls struct {
	Accept     Control `json:"accept"`
	Hold       Control `json:"hold"`
	Mute       Control `json:"mute"`
	Keypad     Control `json:"keypad"`
	End        Control `json:"end"`
	Transfer   Control `json:"transfer"`
	Consult    Control `json:"consult"`
	Add        Control `json:"add"` // another party, directly
	Swap       Control `json:"swap"`
	EndConsult Control `json:"end_consult"`
	Conference Control `json:"conference"` // merge the consult
	Exit       Control `json:"exit"`
	Drop       Control `json:"drop"`
	Recording  Control `json:"recording"`
	Wrapup     Control `json:"wrapup"`
}

// Handling is how the desk handles a call: who is on it, who is in control, and what each agent may do.
type Handling struct {
	CallID string `json:"call_id"`
	// State is the state of the call for the agent in control: the row of the control matrix.
	State         string              `json:"state"`
	Primary       string              `json:"primary,omitempty"`
	Queue         string              `json:"queue,omitempty"`
	Participants  []Participant       `json:"participants"`
	Consult       *Consult            `json:"consult,omitempty"`
	PostCallSince *time.Time          `json:"post_call_since,omitempty"`
	Controls      map[string]Controls `json:"controls"` // by agent
}

// Transfer is a call changing hands.
type Transfer struct {
	CallID string     `json:"call_id"`
	From   string     `json:"from,omitempty"` // the agent who gives it
	Kind   TargetKind `json:"kind"`
	Target string     `json:"target"`
	Cause  string     `json:"cause,omitempty"` // transfer.failed: why
}
