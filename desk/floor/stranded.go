package floor

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/signaling/wire"
)

// A callback or record that belongs to one agent, or a callback of a queue whose agents take none, would wait for
// ever once the configuration has no such agent any more. What belongs to an agent is given to all then; where that
// does not help either, an alarm says so.

// mayHave says whether a queue's callbacks may be given to an agent in person.
func (f *Floor) mayHave(agentID, queueID string) bool {
	return f.serves(agentID, queueID) && !slices.Contains(f.agents[agentID].NoCallbacks, queueID)
}

// serves says whether there is such an agent, and the agent serves the queue.
func (f *Floor) serves(agentID, queueID string) bool {
	s := f.agents[agentID]
	return s != nil && slices.Contains(s.ids, queueID)
}

// adoptTasks makes callbacks, records and campaigns fit the configuration in force: a running campaign always has its
// queue.
func (f *Floor) adoptTasks() {
	var waiting []callback.Callback
	for _, cid := range slices.Sorted(maps.Keys(f.state.Callbacks)) {
		c := f.state.Callbacks[cid]
		if c.Over() {
			continue
		}
		if c.Assignee != "" && !f.mayHave(c.Assignee, c.Queue) {
			c = c.Release()
			f.setCallback(c, Actor)
		}
		if c.State == wire.CallbackWaiting {
			waiting = append(waiting, c)
		}
	}
	f.alarmStranded(waiting...)
	for _, rid := range slices.Sorted(maps.Keys(f.state.Records)) {
		r := f.state.Records[rid]
		if r.Personal != "" && r.State != wire.RecordClosed && !f.serves(r.Personal, f.state.Campaigns[r.Campaign].Setup.Queue) {
			f.setRecord(r.Release(), Actor)
		}
	}
	for _, cid := range f.campaignOrder() {
		c := f.state.Campaigns[cid]
		if c.State == wire.CampaignRunning && f.queues[c.Setup.Queue] == nil { // the configuration file changed over a restart
			c, _ = c.Pause() // it runs
			f.setCampaign(c, Actor)
		}
		if c.State == wire.CampaignRunning && !f.everEntry(c.Setup.EntryPoint) {
			f.publish("desk.alarm", "", Actor, wire.Alarm{
				Type: "campaign.no_entry_point", Queue: c.Setup.Queue, Detail: "campaign " + c.ID + " has no entry point that could become active",
			})
		}
	}
}

// alarmStranded tells of waiting callbacks that nobody could take, whoever comes to work, or that could be made from
// no number: an alarm for each queue and reason.
func (f *Floor) alarmStranded(waiting ...callback.Callback) {
	type alarm struct{ queue, typ string }
	found := map[alarm][]string{}
	for _, c := range waiting {
		switch {
		case !slices.ContainsFunc(f.cfg.Agents, func(a Agent) bool { return f.couldTake(a.ID, c.Queue) }):
			k := alarm{c.Queue, "callback.no_eligible_agent"}
			found[k] = append(found[k], c.ID)
		case !f.everEntry(""):
			k := alarm{c.Queue, "callback.no_entry_point"}
			found[k] = append(found[k], c.ID)
		}
	}
	for _, l := range f.order {
		for typ, why := range map[string]string{
			"callback.no_eligible_agent": "no agent takes its callbacks", "callback.no_entry_point": "no entry point could become active",
		} {
			if ids := found[alarm{l.ID, typ}]; len(ids) > 0 {
				f.publish("desk.alarm", "", Actor, wire.Alarm{
					Type: typ, Queue: l.ID, Count: len(ids), Detail: fmt.Sprintf("callback %s waits in queue %s: %s", ids[0], l.ID, why),
				})
			}
		}
	}
}

// couldTake says whether an agent would be offered a queue's callbacks, when free.
func (f *Floor) couldTake(agentID, queueID string) bool {
	_, why := f.suits(demand{queue: queueID}, f.agents[agentID])
	return why == "" && f.mayHave(agentID, queueID)
}

// everEntry says whether an entry point, with "" any one, will be active some time.
func (f *Floor) everEntry(number string) bool {
	return slices.ContainsFunc(f.entries, func(e entryPoint) bool {
		_, ok := e.plan.Next(f.now)
		return ok && !e.Off && (number == "" || Normalize(e.Number) == Normalize(number))
	})
}
