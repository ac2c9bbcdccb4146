package agentapi

import (
	"maps"
	"slices"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// grantEvents lets a token see every event.
const grantEvents = "events:all"

// filter decides which events a token sees. With events:all it is all of them. An agent sees the agent's
// own state, offers and wrap-ups, the queues the agent serves, and everything of a call from the own leg's
// coming until its going (and the call's end, when the agent was in it). It learns from the events
// themselves, so it must be shown all of them in order.
type filter struct {
	all    bool
	agent  string
	queues []string
	legs   map[string]string // own legs alive, and their calls
	given  string            // the call the desk has given to the agent, leg or not
}

// newFilter begins with what is true now.
func newFilter(c auth.Claims, calls Calls, desk Desk) *filter {
	f := &filter{all: c.Allows(grantEvents), agent: c.Agent, legs: make(map[string]string)}
	if f.all || f.agent == "" {
		return f
	}
	for _, k := range calls.Calls(call.Filter{Agent: f.agent}) {
		for _, l := range k.Legs {
			if l.Agent == f.agent && l.State != wire.LegEnded {
				f.legs[l.ID] = k.ID
			}
		}
	}
	if desk != nil {
		if a, err := desk.Agent(f.agent); err == nil { // an agent who is not configured sees nothing
			f.queues, f.given = a.Queues, a.CallID
		}
	}
	return f
}

// sees says whether the event is the token's business, and learns from it.
func (f *filter) sees(e *wire.Event) bool {
	if f.all {
		return true
	}
	if f.agent == "" {
		return false
	}
	switch d := e.Data.(type) {
	case wire.Agent:
		if d.ID != f.agent {
			return false
		}
		f.queues, f.given = d.Queues, d.CallID
		return true
	case wire.Offer:
		return d.Agent == f.agent
	case wire.Wrapup:
		return d.Agent == f.agent
	case wire.Work:
		return d.Agent == f.agent
	case wire.Campaign:
		return slices.Contains(f.queues, d.Setup.Queue) && d.State != wire.CampaignDraft
	case wire.CampaignNotice:
		return d.Agent == f.agent
	case wire.CampaignRecord:
		return d.Agent == f.agent || d.Personal == f.agent
	case wire.Callback:
		return d.Agent == f.agent || d.Assignee == f.agent || d.Assignee == "" && slices.Contains(f.queues, d.Queue)
	case wire.Queue:
		return slices.Contains(f.queues, d.ID)
	case wire.QueuePlace:
		return f.mine(e.CallID)
	case wire.Leg:
		return f.leg(e, d)
	case wire.Call:
		if e.Type == "call.ended" {
			maps.DeleteFunc(f.legs, func(_, c string) bool { return c == d.ID })
			return took(d, f.agent) || f.given == d.ID
		}
		return f.mine(d.ID) || speaks(d, f.agent)
	case wire.Recording:
		return f.mine(d.CallID) || ownRecording(d, f.agent)
	case wire.Node:
		return true
	case wire.Supervision:
		return d.By == f.agent
	case wire.SupervisorAct:
		return false
	case wire.Alarm, wire.ArchiveStatus, wire.SpoolStatus:
		return false
	default:
		return f.mine(e.CallID)
	}
}

func (f *filter) leg(e *wire.Event, l wire.Leg) bool {
	if l.Agent != f.agent {
		return f.mine(l.CallID)
	}
	if l.State == wire.LegEnded || e.Type == "leg.ended" {
		delete(f.legs, l.ID)
	} else {
		f.legs[l.ID] = l.CallID
	}
	return true
}

// mine says whether the agent is in a call, or the desk has given it to the agent.
func (f *filter) mine(callID string) bool {
	if callID == "" || f.given == callID {
		return callID != ""
	}
	for _, c := range f.legs { // one or two
		if c == callID {
			return true
		}
	}
	return false
}

// ended says whether the event ends the agent's own session: signed out.
func ended(e *wire.Event, agent string) bool {
	a, ok := e.Data.(wire.Agent)
	return ok && e.Type == "agent.signed_out" && a.ID == agent
}
