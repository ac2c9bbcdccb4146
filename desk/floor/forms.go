package floor

import (
	"cmp"
	"slices"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/signaling/wire"
)

// openForm opens the customer's record at the agent who takes a call of a campaign stage. A service call
// opens none.
func (f *Floor) openForm(c contact.Contact, actor string) {
	if c.Stage == "" {
		return
	}
	f.publish("record.opened", c.ID, actor, wire.RecordForm{
		CallID: c.ID, Agent: c.Agent, Stage: c.Stage, Number: c.From, New: f.stages[c.Stage].Kind == StageNew,
	})
}

// Stage is a campaign stage by its id.
func (f *Floor) Stage(stageID string) (Stage, bool) {
	s, ok := f.stages[stageID]
	return s, ok
}

// StagesOf are the campaign stages an agent takes calls of, in the configuration's order.
func (f *Floor) StagesOf(agentID string) []wire.Stage {
	var out []wire.Stage
	for _, s := range f.cfg.Stages {
		if slices.Contains(s.Agents, agentID) {
			out = append(out, wire.Stage{ID: s.ID, Name: cmp.Or(s.Name, s.ID), Inbound: s.Kind == StageNew})
		}
	}
	return out
}
