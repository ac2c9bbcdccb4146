package floor

import (
	"fmt"
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
	Queues  []Queue  `toml:"queues"`
	Numbers []Number `toml:"numbers"`
	Agents  []Agent  `toml:"agents"`
	// WrapupReasons may be chosen after a call; empty: any text of at most 100 characters.
	WrapupReasons []Reason `toml:"wrapup_reasons"`
	// WrapupDefault is the reason a wrap-up gets when its time runs out.
	WrapupDefault string `toml:"wrapup_default"`
	// Attach is how long an accepted call waits for the agent's voice to come up.
	Attach Duration `toml:"attach_timeout"`
	// Return is how long a customer hears music when the agent was lost in mid-call.
	Return Duration `toml:"return_timeout"`
	// AbsentGrace is how long an agent may be without a connection before becoming not_ready.
	AbsentGrace Duration `toml:"absent_grace"`
	// AbsentSignout is how much later such an agent is signed out.
	AbsentSignout Duration `toml:"absent_signout"`
	// NoAgentAlarm is how long a call may wait with nobody to take it before an alarm; at most 10s.
	NoAgentAlarm Duration `toml:"no_agent_alarm"`
	// OfferAlarm is how many offers of one call may fail before an alarm.
	OfferAlarm int `toml:"offer_alarm"`
	// Handling is how calls are handled once an agent has them.
	Handling Handling `toml:"handling"`
	// SessionLife is how long a sign-in lasts.
	SessionLife Duration `toml:"session_life"`
	// Callbacks is how customers are called back.
	Callbacks Callbacks `toml:"callbacks"`
}

// Queue is where calls wait for agents.
type Queue struct {
	ID   string `toml:"id"`
	Name string `toml:"name"`
	// Ring is how long an offer rings at one agent.
	Ring Duration `toml:"ring"`
	// Wrapup is how long the work after a call may take.
	Wrapup Duration `toml:"wrapup"`
	// WrapupExtension is what one extension adds, WrapupExtensions how many there may be.
	WrapupExtension  Duration `toml:"wrapup_extension"`
	WrapupExtensions int      `toml:"wrapup_extensions"`
	// Agents who serve the queue. Empty: every agent who names no queues of their own.
	Agents []string `toml:"agents"`
	// NoRecording switches the automatic recording off.
	NoRecording bool `toml:"no_recording"`
	// Denoise is how the noise suppression of its callers begins; what is absent is the trunk's.
	Denoise wire.DenoisePatch `toml:"denoise"`
}

// Number is an entry point: a called number and the queue its calls wait in.
type Number struct {
	Number   string      `toml:"number"` // digits as the trunk sends them, or "*" for every other number
	Queue    string      `toml:"queue"`
	Class    queue.Class `toml:"class"`    // 1 returned, 2 new customer, 3 service (default)
	Priority int         `toml:"priority"` // within the class, the greater comes first
}

// Agent is a person who takes calls.
type Agent struct {
	ID   string `toml:"id"`
	Name string `toml:"name"`
	// Queues the agent serves, beside those that name the agent.
	Queues []string `toml:"queues"`
	// NoCallbacks are the queues whose callbacks the agent is not offered.
	NoCallbacks []string `toml:"no_callbacks"`
	// Denoise is how the noise suppression of the agent's leg begins; absent: off.
	Denoise wire.DenoisePatch `toml:"denoise"`
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
	if c.OfferAlarm == 0 {
		c.OfferAlarm = 5
	}
	if c.WrapupDefault == "" {
		c.WrapupDefault = "none"
	}
	c.Callbacks = c.Callbacks.withDefaults()
	c.Queues = slices.Clone(c.Queues)
	for i := range c.Queues {
		c.Queues[i] = c.Queues[i].withDefaults()
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

// Validate refuses what cannot work, above all what would swallow calls: a number without a queue, a queue
// without agents.
func (c Config) Validate() error {
	c = c.withDefaults()
	queues, agents, numbers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range c.Agents {
		if a.ID == "" || agents[a.ID] {
			return fmt.Errorf("desk: agents: id %q is empty or used twice", a.ID)
		}
		if agents[a.ID] = true; !a.Denoise.Valid() {
			return fmt.Errorf("desk: agent %s: denoise lies between 0 and 100", a.ID)
		}
	}
	for _, q := range c.Queues {
		if q.ID == "" || queues[q.ID] {
			return fmt.Errorf("desk: queues: id %q is empty or used twice", q.ID)
		}
		queues[q.ID] = true
		for _, a := range q.Agents {
			if !agents[a] {
				return fmt.Errorf("desk: queue %s: there is no agent %q", q.ID, a)
			}
		}
		if !slices.ContainsFunc(c.Agents, func(a Agent) bool { return serves(a, q) }) {
			return fmt.Errorf("desk: queue %s has no agents: its calls would never be answered", q.ID)
		}
		if !q.Denoise.Valid() {
			return fmt.Errorf("desk: queue %s: denoise lies between 0 and 100", q.ID)
		}
		if q.WrapupExtensions < 0 {
			return fmt.Errorf("desk: queue %s: wrapup_extensions must not be negative", q.ID)
		}
		for name, d := range map[string]Duration{"ring": q.Ring, "wrapup": q.Wrapup, "wrapup_extension": q.WrapupExtension} {
			if d.Duration < time.Second || d.Duration > time.Hour {
				return fmt.Errorf("desk: queue %s: %s must be from 1s to 1h", q.ID, name)
			}
		}
	}
	for _, a := range c.Agents {
		for _, q := range a.Queues {
			if !queues[q] {
				return fmt.Errorf("desk: agent %s: there is no queue %q", a.ID, q)
			}
		}
	}
	for _, n := range c.Numbers {
		key := Normalize(n.Number)
		if key == "" || numbers[key] {
			return fmt.Errorf("desk: numbers: %q is empty or used twice", n.Number)
		}
		numbers[key] = true
		if !queues[n.Queue] {
			return fmt.Errorf("desk: number %s: there is no queue %q", n.Number, n.Queue)
		}
		if n.Class < queue.ClassReturned || n.Class > queue.ClassService {
			return fmt.Errorf("desk: number %s: class must be 1, 2 or 3", n.Number)
		}
	}
	if err := c.Callbacks.validate(); err != nil {
		return err
	}
	if err := c.Handling.validate(queues); err != nil {
		return err
	}
	for _, r := range c.WrapupReasons {
		if r.Code == "" {
			return fmt.Errorf("desk: wrapup_reasons: a code is empty")
		}
	}
	for name, d := range map[string]Duration{
		"attach_timeout": c.Attach, "return_timeout": c.Return,
		"absent_grace": c.AbsentGrace, "absent_signout": c.AbsentSignout, "session_life": c.SessionLife,
	} {
		if d.Duration < time.Second {
			return fmt.Errorf("desk: %s must be at least 1s", name)
		}
	}
	if c.NoAgentAlarm.Duration < 0 || c.NoAgentAlarm.Duration > 10*time.Second {
		return fmt.Errorf("desk: no_agent_alarm must be at most 10s")
	}
	if c.OfferAlarm < 1 {
		return fmt.Errorf("desk: offer_alarm must be at least 1")
	}
	return nil
}
