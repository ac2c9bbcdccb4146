package floor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/wrapup"
	"github.com/cordboard/cordboard/signaling/wire"
)

// maxAlarmCalls bounds the calls an alarm names.
const maxAlarmCalls = 20

// Tick fires every deadline that has come.
type Tick struct{}

// Restart makes a state found after a restart true again: calls that are not alive any more end, agents
// nobody is connected for stop being ready, what is no longer configured goes. Deadlines stay; those that
// have passed meanwhile fire at the next Tick.
type Restart struct {
	Alive func(callID string) bool
}

func (Tick) step(f *Floor) error {
	for at := f.Next(); !at.IsZero() && !at.After(f.now); at = f.Next() {
		k := f.due[0].key
		switch k.kind {
		case KindAgent:
			f.absent(k.id)
		case KindContact:
			f.overdue(f.state.Contacts[k.id])
		case KindOffer:
			f.rung(f.state.Offers[k.id])
		case KindWrapup:
			w := f.state.Wrapups[k.id]
			if err := f.complete(w, f.defaultReason(w), wrapup.ByDeadline, Actor); err != nil {
				return err
			}
		case KindConsult:
			f.consultOverdue(f.state.Consults[k.id])
		case KindWait:
			f.waited(k.id)
		case KindWatch:
			f.raise(k.id)
		case KindCallback:
			f.callbackDue(k.id)
		case KindRecord:
			f.recordDue(k.id)
		case KindPace:
			f.think(k.id)
		case KindTally:
			f.turn()
		}
	}
	return nil
}

func (in Restart) step(f *Floor) error {
	f.restarting = true
	defer func() { f.restarting = false }()
	for _, aid := range slices.Sorted(maps.Keys(f.state.Agents)) { // nobody is given a call before they are back
		if a := f.state.Agents[aid]; f.agents[aid] != nil && a.State == wire.AgentReady {
			f.setAgent(a.Restarted(f.now, f.now.Add(f.cfg.AbsentSignout.Duration)), Actor)
		}
	}
	for _, cid := range slices.Sorted(maps.Keys(f.state.Contacts)) {
		c := f.state.Contacts[cid]
		switch {
		case in.Alive == nil || !in.Alive(cid):
			f.endContact(c)
		case !c.Outbound && f.queues[c.Queue] == nil:
			f.finish(c, "error")
		case c.State == contact.Offered || c.State == contact.Connecting:
			f.dropOffer(c, wire.OfferWithdrawn)
			if a, ok := f.state.Agents[c.Agent]; ok && a.State == wire.AgentReserved {
				f.setAgent(must(a.Fail(agent.ReasonRestart, f.now)), Actor)
			}
			f.requeue(c, agent.ReasonRestart)
		case c.State == contact.Dialing && c.Task != "" && c.Agent != "":
			c.Agent, c.Offer = "", "" // reserved for it until now; whoever is ready when it is answered takes it
			f.setContact(c)
		case c.State == contact.Queued:
			f.settleWait(c) // logs of before have no waits
		}
	}
	f.settleTasks()
	for _, k := range f.consults() {
		if k.State != wire.ConsultAnswered {
			f.closeConsult(k, agent.ReasonRestart, k.Held, Actor)
		}
	}
	f.settleRecords()
	f.settleWorks()
	for _, aid := range slices.Sorted(maps.Keys(f.state.Agents)) {
		if f.agents[aid] != nil {
			f.setAgent(f.state.Agents[aid].Restarted(f.now, f.now.Add(f.cfg.AbsentSignout.Duration)), Actor)
			continue
		}
		put(f, key{KindAgent, aid}, f.state.Agents, nil)
	}
	for wid, w := range f.state.Wrapups {
		if f.agents[w.Agent] == nil {
			put(f, key{KindWrapup, wid}, f.state.Wrapups, nil)
		}
	}
	for qid := range f.state.Watches {
		if f.poolOf(qid) == nil {
			put(f, key{KindWatch, qid}, f.state.Watches, nil)
		}
	}
	f.refile()
	if f.outdated != "" {
		f.publish("desk.alarm", "", Actor, wire.Alarm{Type: "config.outdated", Detail: fmt.Sprintf("%s; version %d is in force", f.outdated, f.version)})
	}
	return nil
}

// Due reports whether a deadline has come.
func (f *Floor) Due(now time.Time) bool {
	at := f.Next()
	return !at.IsZero() && !at.After(now)
}
