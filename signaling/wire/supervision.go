package wire

import "time"

// SupervisionMode is how a supervisor takes part in a call.
type SupervisionMode string

// The modes.
const (
	Monitor SupervisionMode = "monitor" // hears the agent and whom the agent hears, is heard by nobody
	Coach   SupervisionMode = "coach"   // and is heard by the agent only
	Barge   SupervisionMode = "barge"   // and is heard by everybody
)

// SupervisionState is how far a supervision is.
type SupervisionState string

// connecting -> active; each may end.
const (
	SupervisionConnecting SupervisionState = "connecting" // the supervisor's leg must be up by the deadline
	SupervisionActive     SupervisionState = "active"
	SupervisionEnded      SupervisionState = "ended"
)

// Supervision is a supervisor on a call. The leg that brings the supervisor's voice has role supervisor and
// the supervision's id as client_ref.
type Supervision struct {
	ID       string           `json:"id"`
	CallID   string           `json:"call_id"`
	By       string           `json:"by"` // the supervisor: an agent's id or a program's name
	Mode     SupervisionMode  `json:"mode"`
	State    SupervisionState `json:"state"`
	Agent    string           `json:"agent,omitempty"` // who is supervised; absent: whoever is in control
	LegID    string           `json:"leg_id,omitempty"`
	Since    time.Time        `json:"since"`
	Deadline *time.Time       `json:"deadline,omitempty"` // connecting
}

// SupervisionRequest says whom of a call to supervise.
type SupervisionRequest struct {
	Agent string `json:"agent,omitempty"` // default: the agent in control
}

// TakeoverRequest says who takes a call over.
type TakeoverRequest struct {
	Agent string `json:"agent,omitempty"` // default: the token's agent
}

// ForceWrapupRequest ends what keeps an agent busy.
type ForceWrapupRequest struct {
	Reason string `json:"reason,omitempty"` // of a wrap-up that is completed; default: the configured one
}

// SupervisorAct is something a supervisor or administrator did to somebody else, as it is audited.
type SupervisorAct struct {
	Action string            `json:"action"` // supervision.monitor, agent.forced_state, call.forced_end and so on
	CallID string            `json:"call_id,omitempty"`
	Agent  string            `json:"agent,omitempty"` // whom it was done to
	Detail map[string]string `json:"detail,omitempty"`
}

// Wall is all of the contact centre at one moment.
type Wall struct {
	Seq    uint64     `json:"seq"` // the newest event that is in it; what comes after it follows on the event socket
	Time   time.Time  `json:"time"`
	Agents []Agent    `json:"agents"`
	Queues []Queue    `json:"queues"`
	Calls  []WallCall `json:"calls"` // the oldest first
}

// WallCall is one call on the wall.
type WallCall struct {
	CallID      string        `json:"call_id"`
	State       string        `json:"state"` // as in Handling
	Direction   Direction     `json:"direction"`
	Number      string        `json:"number"` // the customer's
	Name        string        `json:"name,omitempty"`
	Queue       string        `json:"queue,omitempty"`
	Agent       string        `json:"agent,omitempty"`   // in control, or rung at
	Entered     *time.Time    `json:"entered,omitempty"` // into the queue
	Since       *time.Time    `json:"since,omitempty"`   // the agent is on the call
	Supervisors []Supervision `json:"supervisors"`
}

// Whisper says who hears a leg of those on its side.
type Whisper struct {
	To []string `json:"to"` // legs; none: nobody hears it
}
