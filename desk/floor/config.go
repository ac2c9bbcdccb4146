package floor

import (
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Duration is a time.Duration that reads and writes as "20s" in configuration files.
type Duration struct{ time.Duration }

// Seconds is a Duration of n seconds.
func Seconds(n int) Duration { return Duration{time.Duration(n) * time.Second} }

// UnmarshalText reads "20s", "500ms", "1h30m".
func (d *Duration) UnmarshalText(text []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(text))
	return err
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Any is the number that catches every call no other number takes.
const Any = "*"

// Config is the contact centre: who works in it, where calls come in, where they wait, and how long
// everything may take. The zero value of a duration or count means its default.
type Config struct {
	Queues  []Queue  `toml:"queues" json:"queues,omitempty"`
	Numbers []Number `toml:"numbers" json:"numbers,omitempty"`
	Agents  []Agent  `toml:"agents" json:"agents,omitempty"`
	// WrapupReasons may be chosen after a call; empty: any text of at most 100 characters.
	WrapupReasons []Reason `toml:"wrapup_reasons" json:"wrapup_reasons,omitempty"`
	// WrapupDefault is the reason a wrap-up gets when its time runs out.
	WrapupDefault string `toml:"wrapup_default" json:"wrapup_default,omitempty"`
	// Attach is how long an accepted call waits for the agent's voice to come up.
	Attach Duration `toml:"attach_timeout" json:"attach_timeout,omitzero"`
	// Return is how long a customer hears music when the agent was lost in mid-call.
	Return Duration `toml:"return_timeout" json:"return_timeout,omitzero"`
	// AbsentGrace is how long an agent may be without a connection before becoming not_ready.
	AbsentGrace Duration `toml:"absent_grace" json:"absent_grace,omitzero"`
	// AbsentSignout is how much later such an agent is signed out.
	AbsentSignout Duration `toml:"absent_signout" json:"absent_signout,omitzero"`
	// NoAgentAlarm is how long a call may wait with nobody to take it before an alarm; at most 10s.
	NoAgentAlarm Duration `toml:"no_agent_alarm" json:"no_agent_alarm,omitzero"`
	// OfferAlarm is how many offers of one call may fail before an alarm.
	OfferAlarm int `toml:"offer_alarm" json:"offer_alarm,omitempty"`
	// OfferLimit is how many offers of one call may fail before it goes to its queue's fallback; without one
	// it is offered again only every OfferPause.
	OfferLimit int      `toml:"offer_limit" json:"offer_limit,omitempty"`
	OfferPause Duration `toml:"offer_pause" json:"offer_pause,omitzero"`
	// Handling is how calls are handled once an agent has them.
	Handling Handling `toml:"handling" json:"handling,omitzero"`
	// SessionLife is how long a sign-in lasts.
	SessionLife Duration `toml:"session_life" json:"session_life,omitzero"`
	// SignoutLimit is how long something that is still being set up for an agent may hold a sign-out.
	SignoutLimit Duration `toml:"signout_limit" json:"signout_limit,omitzero"`
	// Preflight are the checks of a desktop that must have been passed before its agent can be ready:
	// microphone, speaker, notifications, sound. A microphone or speaker that failed always counts.
	Preflight []string `toml:"preflight" json:"preflight,omitempty"`

	Skills    []Skill    `toml:"skills" json:"skills,omitempty"`
	Calendars []Calendar `toml:"calendars" json:"calendars,omitempty"`
	Stages    []Stage    `toml:"stages" json:"stages,omitempty"`
	Profiles  []Profile  `toml:"profiles" json:"profiles,omitempty"`
	Limits    Limits     `toml:"limits" json:"limits,omitzero"`
	// Hooks may be asked where calls go; numbers name them.
	Hooks []RoutingHook `toml:"hooks" json:"hooks,omitempty"`
	// Callbacks is how customers are called back.
	Callbacks Callbacks `toml:"callbacks" json:"callbacks,omitzero"`
}

// Queue is where calls wait for agents.
type Queue struct {
	ID   string `toml:"id" json:"id,omitempty"`
	Name string `toml:"name" json:"name,omitempty"`
	// Ring is how long an offer rings at one agent.
	Ring Duration `toml:"ring" json:"ring,omitzero"`
	// Wrapup is how long the work after a call may take.
	Wrapup Duration `toml:"wrapup" json:"wrapup,omitzero"`
	// WrapupExtension is what one extension adds, WrapupExtensions how many there may be.
	WrapupExtension  Duration `toml:"wrapup_extension" json:"wrapup_extension,omitzero"`
	WrapupExtensions int      `toml:"wrapup_extensions" json:"wrapup_extensions,omitempty"`
	// Agents who serve the queue. Empty: every agent who names no queues of their own.
	Agents []string `toml:"agents" json:"agents,omitempty"`
	// NoRecording switches the automatic recording off.
	NoRecording bool `toml:"no_recording" json:"no_recording,omitempty"`
	// Priority of its calls within their class, added to their number's; the greater comes first.
	Priority int `toml:"priority" json:"priority,omitempty"`
	// Skills its agents must have, or should have.
	Skills []Need `toml:"skills" json:"skills,omitempty"`
	// PreferredWait is how long a call waits for its preferred agent alone.
	PreferredWait Duration `toml:"preferred_wait" json:"preferred_wait,omitzero"`
	// Calendar is when the queue is open; empty: always. Closed is where calls go otherwise.
	Calendar string `toml:"calendar" json:"calendar,omitempty"`
	Closed   Target `toml:"closed" json:"closed,omitzero"`
	// MaxWaiting and MaxWait are when calls go to Overflow; 0: never.
	MaxWaiting int      `toml:"max_waiting" json:"max_waiting,omitempty"`
	MaxWait    Duration `toml:"max_wait" json:"max_wait,omitzero"`
	Overflow   Target   `toml:"overflow" json:"overflow,omitzero"`
	// Fallback is where calls go that nobody on duty can take since FallbackAfter.
	Fallback      Target   `toml:"fallback" json:"fallback,omitzero"`
	FallbackAfter Duration `toml:"fallback_after" json:"fallback_after,omitzero"`
	// ServiceLevel is how long a call may wait to count as answered in time, ShortAbandon how long a caller must
	// have waited for hanging up to count against the service level.
	ServiceLevel Duration `toml:"service_level" json:"service_level,omitzero"`
	ShortAbandon Duration `toml:"short_abandon" json:"short_abandon,omitzero"`
	// Prompts are what a waiting caller hears.
	Prompts Prompts `toml:"prompts" json:"prompts,omitzero"`
	// Denoise is how the noise suppression of its callers begins; what is absent is the trunk's.
	Denoise wire.DenoisePatch `toml:"denoise" json:"denoise,omitzero"`
}

// Number is an entry point: a called number and the queue its calls wait in.
type Number struct {
	Number   string      `toml:"number" json:"number,omitempty"` // digits as the trunk sends them, or "*" for every other number
	Name     string      `toml:"name" json:"name,omitempty"`
	Queue    string      `toml:"queue" json:"queue,omitempty"`
	Class    queue.Class `toml:"class" json:"class,omitempty"`       // 1 returned, 2 new customer, 3 service (default)
	Priority int         `toml:"priority" json:"priority,omitempty"` // within the class, the greater comes first
	// Stage ties the number to a campaign stage: as the hotline of a new-customers stage, or as the caller ID
	// of an outbound one, whose customers call it back.
	Stage string `toml:"stage" json:"stage,omitempty"`
	// Agents who take its service calls; empty: those of the queue.
	Agents []string `toml:"agents" json:"agents,omitempty"`
	// Skills its calls ask for besides their queue's.
	Skills []Need `toml:"skills" json:"skills,omitempty"`
	// Calendar and Closed as for a queue, asked before the queue's.
	Calendar string `toml:"calendar" json:"calendar,omitempty"`
	Closed   Target `toml:"closed" json:"closed,omitzero"`
	// Hook is the routing hook that is asked where its calls go; empty: none.
	Hook string `toml:"hook" json:"hook,omitempty"`
}

// Agent is a person who takes calls.
type Agent struct {
	ID   string `toml:"id" json:"id,omitempty"`
	Name string `toml:"name" json:"name,omitempty"`
	// DN is the agent's own number and Team the team, shown to who is asked for help.
	DN   string `toml:"dn" json:"dn,omitempty"`
	Team string `toml:"team" json:"team,omitempty"`
	// Queues the agent serves, beside those that name the agent.
	Queues []string `toml:"queues" json:"queues,omitempty"`
	// Skills and their levels, 1 to 10.
	Skills Levels `toml:"skills" json:"skills,omitempty"`
	// Profile says what the agent may do; empty: everything an agent can do.
	Profile string `toml:"profile" json:"profile,omitempty"`
	// Station is a desk phone's number or SIP address that calls go to instead of the browser.
	Station string `toml:"station" json:"station,omitempty"`
	// Written is how many written requests the agent may have at once; 0: one, like calls.
	Written int `toml:"written" json:"written,omitempty"`
	// NoCallbacks are the queues whose callbacks the agent is not offered.
	NoCallbacks []string `toml:"no_callbacks" json:"no_callbacks,omitempty"`
	// Denoise is how the noise suppression of the agent's leg begins; absent: off.
	Denoise wire.DenoisePatch `toml:"denoise" json:"denoise,omitzero"`
}

// Reason is a wrap-up reason: the code is stable, the label is for people.
type Reason struct {
	Code  string `toml:"code" json:"code"`
	Label string `toml:"label" json:"label"`
}

// DefaultConfig is an empty contact centre with the usual times.
func DefaultConfig() Config { return Config{}.withDefaults() }

func orElse(d *Duration, v time.Duration) {
	if d.Duration == 0 {
		d.Duration = v
	}
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	orElse(&c.Attach, 10*time.Second)
	orElse(&c.Return, 60*time.Second)
	orElse(&c.AbsentGrace, 15*time.Second)
	orElse(&c.AbsentSignout, 15*time.Minute)
	orElse(&c.NoAgentAlarm, 5*time.Second)
	orElse(&c.SessionLife, 24*time.Hour)
	c.Handling = c.Handling.withDefaults()
	orElse(&c.OfferPause, 30*time.Second)
	orElse(&c.Limits.RetryAfter, 5*time.Second)
	if c.Limits.ConfigVersions == 0 {
		c.Limits.ConfigVersions = 30
	}
	orElse(&c.SignoutLimit, 60*time.Second)
	if c.OfferAlarm == 0 {
		c.OfferAlarm = 5
	}
	if c.OfferLimit == 0 {
		c.OfferLimit = 10
	}
	if c.WrapupDefault == "" {
		c.WrapupDefault = "none"
	}
	c.Callbacks = c.Callbacks.withDefaults()
	c.Queues = slices.Clone(c.Queues)
	for i := range c.Queues {
		c.Queues[i] = c.Queues[i].withDefaults()
	}
	c.Hooks = slices.Clone(c.Hooks)
	for i := range c.Hooks {
		c.Hooks[i] = c.Hooks[i].withDefaults()
	}
	c.Numbers = slices.Clone(c.Numbers)
	for i := range c.Numbers {
		if c.Numbers[i].Class == 0 {
			c.Numbers[i].Class = queue.ClassService
		}
	}
	return c
}

func (q Queue) withDefaults() Queue {
	orElse(&q.Ring, 20*time.Second)
	orElse(&q.Wrapup, 30*time.Second)
	orElse(&q.WrapupExtension, q.Wrapup.Duration)
	orElse(&q.PreferredWait, 20*time.Second)
	orElse(&q.FallbackAfter, 30*time.Second)
	orElse(&q.ServiceLevel, 20*time.Second)
	orElse(&q.ShortAbandon, min(5*time.Second, q.ServiceLevel.Duration))
	if q.Prompts.Every.Duration == 0 && (q.Prompts.Comfort != "" || q.Prompts.Position || q.Prompts.Wait) {
		q.Prompts.Every.Duration = 45 * time.Second
	}
	if q.WrapupExtensions == 0 {
		q.WrapupExtensions = 3
	}
	if q.Name == "" {
		q.Name = q.ID
	}
	return q
}

// Normalize is a called number without what people write between its digits.
func Normalize(number string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/", r) {
			return -1
		}
		return r
	}, number)
}

// serves says whether an agent takes a queue's calls.
func serves(a Agent, q Queue) bool {
	if len(a.Queues) == 0 && len(q.Agents) == 0 {
		return true
	}
	return slices.Contains(a.Queues, q.ID) || slices.Contains(q.Agents, a.ID)
}
