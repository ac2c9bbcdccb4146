package floor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/hours"
)

// Who a callback may be for, see Callbacks.Assign.
const (
	AssignFree     = ""         // the agent chooses
	AssignPersonal = "personal" // always the agent who schedules it
	AssignQueue    = "queue"    // always the whole queue
)

// Callbacks is how callbacks are made.
type Callbacks struct {
	// EntryPoints are the numbers callbacks are made from; the first active one unless another is chosen.
	// None: no callbacks.
	EntryPoints []EntryPoint `toml:"entry_points" json:"entry_points,omitempty"`
	// Hours are when customers may be called back; empty: always.
	Hours hours.Config `toml:"hours" json:"hours,omitzero"`
	// Attempts is how often a customer is tried, Retry how long after an attempt.
	Attempts int      `toml:"attempts" json:"attempts,omitempty"`
	Retry    Duration `toml:"retry" json:"retry,omitzero"`
	// Ring is how long the customer's phone may ring.
	Ring Duration `toml:"ring" json:"ring,omitzero"`
	// Preview lets the agent look at every callback before dialling, not only at voice messages.
	Preview bool `toml:"preview" json:"preview,omitempty"`
	// NoEndCall keeps agents from cancelling a callback while the customer's phone rings.
	NoEndCall bool `toml:"no_end_call" json:"no_end_call,omitempty"`
	// Assign is "" (the agent chooses), "personal" or "queue".
	Assign string `toml:"assign" json:"assign,omitempty"`
	// Slot is the length of the slots that can be chosen, SlotCapacity how many callbacks of a queue may
	// begin in one; 0: any number.
	Slot         Duration `toml:"slot" json:"slot,omitzero"`
	SlotCapacity int      `toml:"slot_capacity" json:"slot_capacity,omitempty"`
	// MaxDialing is how many outbound calls of callbacks and campaigns may be under way at once.
	MaxDialing int `toml:"max_dialing" json:"max_dialing,omitempty"`
	// Review is how long after a conversation a callback waits for the agent's word before it is completed.
	Review Duration `toml:"review" json:"review,omitzero"`
	// Message is the longest voice message.
	Message Duration `toml:"message" json:"message,omitzero"`
	// CodeLife is how long a request from the web waits for its code.
	CodeLife Duration `toml:"code_life" json:"code_life,omitzero"`
	// CourtesyDigit and MessageDigit are the keys with which a waiting caller asks to be called back, or
	// leaves a message; empty: none.
	CourtesyDigit string `toml:"courtesy_digit" json:"courtesy_digit,omitempty"`
	MessageDigit  string `toml:"message_digit" json:"message_digit,omitempty"`
	// Keep is how long a callback that is over can be asked about.
	Keep Duration `toml:"keep" json:"keep,omitzero"`
}

// EntryPoint is a number outbound calls are made from.
type EntryPoint struct {
	Number string `toml:"number" json:"number,omitempty"`
	Name   string `toml:"name" json:"name,omitempty"`
	Trunk  string `toml:"trunk" json:"trunk,omitempty"` // empty: the first that can call out
	// Hours are when it is active; empty: always. Off switches it off.
	Hours hours.Config `toml:"hours" json:"hours,omitzero"`
	Off   bool         `toml:"off" json:"off,omitempty"`
}

// entryPoint is an EntryPoint, compiled.
type entryPoint struct {
	EntryPoint
	plan *hours.Plan
}

func (c Callbacks) withDefaults() Callbacks {
	if c.Attempts == 0 {
		c.Attempts = 3
	}
	if c.MaxDialing == 0 {
		c.MaxDialing = 200
	}
	orElse(&c.Retry, 15*time.Minute)
	orElse(&c.Ring, 30*time.Second)
	orElse(&c.Slot, 30*time.Minute)
	orElse(&c.Review, 30*time.Minute)
	orElse(&c.Message, 2*time.Minute)
	orElse(&c.CodeLife, 10*time.Minute)
	orElse(&c.Keep, 7*24*time.Hour)
	c.EntryPoints = slices.Clone(c.EntryPoints)
	for i := range c.EntryPoints {
		if c.EntryPoints[i].Name == "" {
			c.EntryPoints[i].Name = c.EntryPoints[i].Number
		}
	}
	return c
}

func (c Callbacks) validate() error {
	if _, err := c.Hours.Compile(); err != nil {
		return fmt.Errorf("desk: callbacks: %w", err)
	}
	seen := map[string]bool{}
	for _, e := range c.EntryPoints {
		if key := Normalize(e.Number); key == "" || seen[key] {
			return fmt.Errorf("desk: callbacks: entry point %q is empty or there twice", e.Number)
		}
		seen[Normalize(e.Number)] = true
		if _, err := e.Hours.Compile(); err != nil {
			return fmt.Errorf("desk: callbacks: entry point %s: %w", e.Number, err)
		}
	}
	if !slices.Contains([]string{AssignFree, AssignPersonal, AssignQueue}, c.Assign) {
		return fmt.Errorf("desk: callbacks: assign is \"\", %q or %q", AssignPersonal, AssignQueue)
	}
	if c.Attempts < 1 || c.SlotCapacity < 0 || c.MaxDialing < 1 {
		return fmt.Errorf("desk: callbacks: attempts and max_dialing must be at least 1, slot_capacity not negative")
	}
	for _, d := range []string{c.CourtesyDigit, c.MessageDigit} {
		if len(d) > 1 || strings.Trim(d, "0123456789*#") != "" {
			return fmt.Errorf("desk: callbacks: %q is not one key", d)
		}
	}
	if c.CourtesyDigit != "" && c.CourtesyDigit == c.MessageDigit {
		return fmt.Errorf("desk: callbacks: courtesy_digit and message_digit are the same")
	}
	if c.Retry.Duration < 0 || c.Retry.Duration > 31*24*time.Hour {
		return fmt.Errorf("desk: callbacks: retry must lie between 0s and 744h")
	}
	for name, d := range map[string]Duration{"ring": c.Ring, "message": c.Message} {
		if d.Duration < time.Second || d.Duration > 10*time.Minute {
			return fmt.Errorf("desk: callbacks: %s must be from 1s to 10m", name)
		}
	}
	for name, d := range map[string]Duration{"slot": c.Slot, "review": c.Review, "code_life": c.CodeLife, "keep": c.Keep} {
		if d.Duration < time.Minute || d.Duration > 90*24*time.Hour {
			return fmt.Errorf("desk: callbacks: %s must be from 1m to 2160h", name)
		}
	}
	return nil
}
