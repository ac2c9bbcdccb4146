package floor

import (
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/hours"
)

// Skill is something agents can be good at, from level 1 to 10.
type Skill struct {
	ID   string `toml:"id" json:"id"`
	Name string `toml:"name" json:"name,omitempty"`
}

// Level is how good an agent is at a skill, 1 to 10.
type Level struct {
	Skill string `toml:"skill" json:"skill"`
	Level int    `toml:"level" json:"level"`
}

// Levels are an agent's skills.
type Levels []Level

// of is the level of a skill, 0 for none.
func (l Levels) of(skill string) int {
	for _, x := range l {
		if x.Skill == skill {
			return x.Level
		}
	}
	return 0
}

// Need is a skill that a call asks for.
type Need struct {
	Skill string `toml:"skill" json:"skill"`
	Level int    `toml:"level" json:"level,omitempty"` // at least; 0 stands for 1
	// Preferred: agents who have it come first, the better the sooner, but nobody is left out.
	Preferred bool `toml:"preferred" json:"preferred,omitempty"`
	// RelaxAfter is how long a call insists on the level; then RelaxTo is enough, 0 being anybody. Zero
	// RelaxAfter insists for ever.
	RelaxAfter Duration `toml:"relax_after" json:"relax_after,omitzero"`
	RelaxTo    int      `toml:"relax_to" json:"relax_to,omitempty"`
}

// at is the level asked for of a call that has been waiting so long.
func (n Need) at(waited time.Duration) int {
	if n.RelaxAfter.Duration > 0 && waited >= n.RelaxAfter.Duration {
		return n.RelaxTo
	}
	return max(n.Level, 1)
}

// Calendar is opening hours by name.
type Calendar struct {
	ID string `toml:"id" json:"id"`
	hours.Config
}

// The kinds of stage.
const (
	StageOutbound = "outbound"      // its records are called, and may call back
	StageNew      = "new_customers" // each call to its number is a new customer
)

// Stage is a stage of a campaign as far as inbound calls are concerned.
type Stage struct {
	ID       string   `toml:"id" json:"id"`
	Name     string   `toml:"name" json:"name,omitempty"`
	Campaign string   `toml:"campaign" json:"campaign,omitempty"`
	Kind     string   `toml:"kind" json:"kind"`
	Agents   []string `toml:"agents" json:"agents,omitempty"`
}

// The kinds of target.
const (
	TargetQueue   = "queue"   // another queue, the place is kept
	TargetNumber  = "number"  // a number outside
	TargetMessage = "message" // the caller may leave a message
	TargetEnd     = "end"     // an announcement, and the end
)

// Target is where a call goes that cannot wait or be taken. The zero Target is nowhere: the call stays.
type Target struct {
	Kind string `toml:"kind" json:"kind,omitempty"`
	// To is the queue or the number.
	To string `toml:"to" json:"to,omitempty"`
	// Prompt is a file of the prompt folder that is played before.
	Prompt string `toml:"prompt" json:"prompt,omitempty"`
}

// Prompts are what a waiting caller hears, as names of files in the prompt folder.
type Prompts struct {
	Welcome string `toml:"welcome" json:"welcome,omitempty"`
	Music   string `toml:"music" json:"music,omitempty"` // instead of the built-in music
	Comfort string `toml:"comfort" json:"comfort,omitempty"`
	// Position and Wait tell the place in line and the expected wait: position.wav or wait.wav, then the
	// number's own file (3.wav), over Most over.wav; minutes.wav ends the wait.
	Position bool `toml:"position" json:"position,omitempty"`
	Wait     bool `toml:"wait" json:"wait,omitempty"`
	// Every is the time between two announcements, 45s unless said.
	Every Duration `toml:"every" json:"every,omitzero"`
}

// mostSaid is the greatest number that is announced.
const mostSaid = 20

// Limits are what the contact centre takes at most; 0: no limit of its own.
type Limits struct {
	Calls int `toml:"calls" json:"calls,omitempty"` // at once, inbound and outbound
	// RetryAfter is what who is refused is told.
	RetryAfter Duration `toml:"retry_after" json:"retry_after,omitzero"`
	// ConfigVersions is how many saved configurations are kept, 1 to 1000.
	ConfigVersions int `toml:"config_versions" json:"config_versions,omitempty"`
}

// retry is RetryAfter in whole seconds, at least 1.
func (l Limits) retry() int { return max(1, int((l.RetryAfter.Duration+time.Second-1)/time.Second)) }

// Action is something an agent may be permitted to do.
type Action string

// The actions.
const (
	ActAnswer     Action = "answer" // be offered calls
	ActDial       Action = "dial"
	ActHold       Action = "hold"
	ActMute       Action = "mute"
	ActDTMF       Action = "dtmf"
	ActConsult    Action = "consult"
	ActConference Action = "conference"
	ActTransfer   Action = "transfer"
	ActEnd        Action = "end"
	ActPause      Action = "pause_recording"
	ActDenoise    Action = "denoise"
	ActVariables  Action = "variables"
	ActCallback   Action = "callback"
	ActCampaign   Action = "campaign" // all that can be done with records; or one by one:

	ActNext       Action = "campaign_next"
	ActRecordDial Action = "campaign_dial"
	ActDone       Action = "campaign_done"
	ActReschedule Action = "campaign_reschedule"
	ActReject     Action = "campaign_reject"
	ActCancel     Action = "campaign_cancel"
	ActDoNotCall  Action = "campaign_do_not_call"
	ActChange     Action = "campaign_change"

	ActExtend  Action = "extend_wrapup"
	ActStation Action = "station" // choose a desk phone
	ActSearch  Action = "search"  // look a contact up
)

// Actions are all actions.
var Actions = []Action{
	ActAnswer, ActDial, ActHold, ActMute, ActDTMF, ActConsult, ActConference, ActTransfer, ActEnd, ActPause,
	ActDenoise, ActVariables, ActCallback, ActCampaign, ActExtend, ActStation, ActSearch,
	ActNext, ActRecordDial, ActDone, ActReschedule, ActReject, ActCancel, ActDoNotCall, ActChange,
}

// Profile is what the agents who name it may do.
type Profile struct {
	ID   string `toml:"id" json:"id"`
	Name string `toml:"name" json:"name,omitempty"`
	// Actions that are permitted.
	Actions []Action `toml:"actions" json:"actions,omitempty"`
}

// The checks of a desktop.
const (
	CheckMicrophone    = "microphone"
	CheckSpeaker       = "speaker"
	CheckNotifications = "notifications"
	CheckSound         = "sound"
)

var checks = []string{CheckMicrophone, CheckSpeaker, CheckNotifications, CheckSound}

// may says whether an agent of the configuration may do something.
func (c *Config) may(a Agent, what Action) bool {
	if a.Profile == "" {
		return true
	}
	i := slices.IndexFunc(c.Profiles, func(p Profile) bool { return p.ID == a.Profile })
	if i < 0 {
		return false
	}
	all := c.Profiles[i].Actions
	return slices.Contains(all, what) || strings.HasPrefix(string(what), string(ActCampaign)+"_") && slices.Contains(all, ActCampaign)
}
