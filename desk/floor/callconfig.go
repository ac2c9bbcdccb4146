package floor

import (
	"fmt"
	"slices"
	"time"
)

// What becomes of a call when its last agent leaves and numbers stay.
const (
	EndCallPolicy = "end"  // it ends
	KeepCall      = "keep" // it goes on until one remains, also when the customer has left
)

// Handling is how calls are handled once an agent has them.
type Handling struct {
	// ConsultTimeout is how long an agent or number that is asked may take to answer.
	ConsultTimeout Duration `toml:"consult_timeout" json:"consult_timeout,omitzero"`
	// ConsultQueueTimeout is how long a consult may wait in a queue until somebody answers.
	ConsultQueueTimeout Duration `toml:"consult_queue_timeout" json:"consult_queue_timeout,omitzero"`
	// FallbackQueue is where a call without a queue waits when its transfer fails; empty: the first queue of
	// the agent who transfers.
	FallbackQueue string `toml:"fallback_queue" json:"fallback_queue,omitempty"`
	// LastAgentLeft says what happens when the last agent leaves a conference and a number stays.
	LastAgentLeft string `toml:"last_agent_left" json:"last_agent_left,omitempty"`
	// RecordPlaced records the calls agents place, as a queue records its own.
	RecordPlaced bool `toml:"record_placed" json:"record_placed,omitempty"`
	// MaskNumbers shows agents only the last four digits of customers' numbers.
	MaskNumbers bool `toml:"mask_numbers" json:"mask_numbers,omitempty"`
	// Variables of a call that agents see; none: any text, shown by its name.
	Variables []VariableDef `toml:"variables" json:"variables,omitempty"`
	// Rings are rules of what a ring shows, by kind and queue.
	Rings []RingRule `toml:"rings" json:"rings,omitempty"`
	// Wrapups are rules of the work after a call by queue and profile.
	Wrapups []WrapupRule `toml:"wrapups" json:"wrapups,omitempty"`
}

func (h Handling) withDefaults() Handling {
	orElse(&h.ConsultTimeout, time.Minute)
	orElse(&h.ConsultQueueTimeout, 5*time.Minute)
	if h.LastAgentLeft == "" {
		h.LastAgentLeft = EndCallPolicy
	}
	return h
}

func (h Handling) validate(queues map[string]bool) error {
	for name, d := range map[string]Duration{"consult_timeout": h.ConsultTimeout, "consult_queue_timeout": h.ConsultQueueTimeout} {
		if d.Duration < time.Second || d.Duration > time.Hour {
			return fmt.Errorf("desk: handling: %s must be from 1s to 1h", name)
		}
	}
	if h.FallbackQueue != "" && !queues[h.FallbackQueue] {
		return fmt.Errorf("desk: handling: there is no queue %q", h.FallbackQueue)
	}
	if err := validateVariables(h.Variables); err != nil {
		return err
	}
	if err := h.validateRings(queues); err != nil {
		return err
	}
	if err := validateWrapups(h.Wrapups, queues); err != nil {
		return err
	}
	if !slices.Contains([]string{EndCallPolicy, KeepCall}, h.LastAgentLeft) {
		return fmt.Errorf("desk: handling: last_agent_left is %q or %q", EndCallPolicy, KeepCall)
	}
	return nil
}
