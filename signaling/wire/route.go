package wire

import "time"

// RouteRequest is what a routing hook is asked about an arriving call.
type RouteRequest struct {
	CallID    string            `json:"call_id,omitempty"` // absent in a dry run
	Time      time.Time         `json:"time"`
	To        string            `json:"to"`
	From      string            `json:"from,omitempty"`
	FromName  string            `json:"from_name,omitempty"`
	Number    string            `json:"number"` // the entry point, as configured
	Queue     string            `json:"queue"`  // where the call goes without an answer
	Variables map[string]string `json:"variables,omitempty"`
	DryRun    bool              `json:"dry_run,omitempty"`
}

// RouteAnswer is what a routing hook may answer; an empty one leaves the configured routing.
type RouteAnswer struct {
	Queue    string `json:"queue,omitempty"`
	Agent    string `json:"agent,omitempty"`    // is waited for first, for the queue's preferred_wait, if on duty
	Priority *int   `json:"priority,omitempty"` // in place of the number's, -1000 to 1000
	// Skills are asked for besides the queue's and the number's, as long as the call waits in that queue; at most 8.
	Skills []RouteSkill `json:"skills,omitempty"`
}

// RouteSkill is a skill that a routing hook asks for.
type RouteSkill struct {
	Skill string `json:"skill"`
	Level int    `json:"level,omitempty"` // at least, 1 to 10; 0 stands for 1
	// RelaxAfterSeconds is how long the call insists on it; 0 insists as long as it waits.
	RelaxAfterSeconds int `json:"relax_after_seconds,omitempty"`
}

// RouteOutcome is what became of asking.
type RouteOutcome string

// The outcomes. All but the first leave the configured routing.
const (
	RouteChosen    RouteOutcome = "chosen"
	RouteUnchanged RouteOutcome = "unchanged" // it answered and chose nothing
	RouteTimeout   RouteOutcome = "timeout"
	RouteFailed    RouteOutcome = "failed"
	RouteRefused   RouteOutcome = "refused" // it chose what there is not
	RouteSkipped   RouteOutcome = "skipped" // it failed so often that it is not asked for a while
)

// Routed is what a routing hook did with a call; the data of call.routed.
type Routed struct {
	CallID   string       `json:"call_id,omitempty"`
	Hook     string       `json:"hook"`
	Outcome  RouteOutcome `json:"outcome"`
	Queue    string       `json:"queue,omitempty"`
	Agent    string       `json:"agent,omitempty"`
	Priority *int         `json:"priority,omitempty"`
	Skills   []RouteSkill `json:"skills,omitempty"`
	MS       int64        `json:"ms"`
	Detail   string       `json:"detail,omitempty"`
}
