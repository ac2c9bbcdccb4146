package wire

import (
	"encoding/json"
	"time"
)

// DeskConfig is a version of the contact centre's configuration; the data of config.changed, without the
// configuration itself.
type DeskConfig struct {
	Version  int             `json:"version"` // 0: of the configuration file
	Saved    *time.Time      `json:"saved,omitempty"`
	Actor    string          `json:"actor,omitempty"`
	Note     string          `json:"note,omitempty"`
	Config   json.RawMessage `json:"config,omitempty"` // as in the [desk] part of the configuration file
	Findings []Finding       `json:"findings,omitempty"`
}

// Finding is something wrong with a configuration, or questionable.
type Finding struct {
	Pointer string `json:"pointer"` // RFC 6901, into the configuration
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Warning bool   `json:"warning"` // may be saved all the same
}

// DeskConfigRequest saves a configuration and puts it in force, or only says what it would do.
type DeskConfigRequest struct {
	Config json.RawMessage `json:"config"`
	Base   int             `json:"base"` // the version it was made from
	Note   string          `json:"note,omitempty"`
	Check  bool            `json:"check,omitempty"` // find and compare, save nothing
}

// DeskConfigAnswer is the version in force (with check: the candidate, under the number it would get), and
// what changes against the one before.
type DeskConfigAnswer struct {
	Saved   DeskConfig     `json:"saved"`
	Changes []ConfigChange `json:"changes"`
}

// RollBackRequest puts an old version in force again, as a new one.
type RollBackRequest struct {
	Version int `json:"version"`
	Base    int `json:"base"` // the version in force
}

// ConfigChange is one difference between two configurations.
type ConfigChange struct {
	Pointer string          `json:"pointer"` // members of lists by id, number or code: /queues/service/ring
	From    json.RawMessage `json:"from,omitempty"`
	To      json.RawMessage `json:"to,omitempty"`
}

// ConfigDiff is what changes from one version to another.
type ConfigDiff struct {
	From    int            `json:"from"`
	To      int            `json:"to"`
	Changes []ConfigChange `json:"changes"`
}

// DeskConfigList is all versions, newest first, without the configurations themselves.
type DeskConfigList struct {
	Items []DeskConfig `json:"items"`
}

// DryRunRequest asks who would get a call.
type DryRunRequest struct {
	To            string          `json:"to"` // the called number
	From          string          `json:"from,omitempty"`
	At            *time.Time      `json:"at,omitempty"` // default now
	Preferred     string          `json:"preferred,omitempty"`
	WaitedSeconds int             `json:"waited_seconds,omitempty"`
	Config        json.RawMessage `json:"config,omitempty"` // a candidate; default the one in force
}

// DryRun is who would get a call, and why nobody else.
type DryRun struct {
	Number   string        `json:"number"` // as configured
	Queue    string        `json:"queue"`
	Class    int           `json:"class"` // 1 returned call, 2 new customer, 3 service
	Stage    string        `json:"stage,omitempty"`
	Priority int           `json:"priority"`
	Routed   *Routed       `json:"routed,omitempty"`   // what the number's routing hook says
	Diverted *Diversion    `json:"diverted,omitempty"` // it would not wait for an agent at all
	Agent    string        `json:"agent,omitempty"`    // who would get it; absent: it would wait
	Agents   []DryRunAgent `json:"agents"`             // all, in the order they would be asked
}

// DryRunAgent is one agent's chance of a call.
type DryRunAgent struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Suits  bool   `json:"suits"` // could take it
	Free   bool   `json:"free"`  // and is free
	Score  int    `json:"score"` // of preferred skills
	Reason string `json:"reason,omitempty"`
}
