package floor

import (
	"slices"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/desk/work"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// An agent may have several written requests at once, where the configuration says so (W10, W11). One of them is in hand,
// Agent.Call: with it the agent rings, is busy and wraps up, as with a call. The others stand beside it: they ring too, or
// are open, and one of them is in hand when that one is over. Nothing stands beside a call.

// writtenAtOnce bounds what an agent may have at once.
const writtenAtOnce = 20

// AcceptAll takes all written requests that ring at an agent. Calls are taken one by one.
type AcceptAll struct {
	Agent, Actor string
	taken        *[]string
}

// Into makes the step write the accepted offers' ids to s.
func (in AcceptAll) Into(s *[]string) AcceptAll {
	in.taken = s
	return in
}

func (in AcceptAll) step(f *Floor) error {
	a, err := f.agent(in.Agent)
	if err != nil {
		return err
	}
	all := f.writtenOffers(a.ID)
	if len(all) == 0 {
		return problem.Conflict("no_offers", string(a.Visible()), a.Allowed(), "no written request rings at agent %s", a.ID)
	}
	for _, o := range all {
		if err := (Accept{Offer: o.ID, Actor: in.Actor}).step(f); err != nil {
			return err
		}
		if in.taken != nil {
			*in.taken = append(*in.taken, o.ID)
		}
	}
	return nil
}

// writtenOffers are the open offers of written requests at an agent that are not over, oldest first.
func (f *Floor) writtenOffers(agentID string) (out []offer.Offer) {
	for _, wid := range f.worksOf[agentID] {
		if o, ok := f.state.Offers[f.state.Works[wid].Offer]; ok && o.State == wire.OfferOpen && f.now.Before(o.Deadline) {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b offer.Offer) int { return a.Created.Compare(b.Created) })
	return out
}

// beside are the requests of an agent but for the one in hand, in the order of their queues.
func (f *Floor) beside(a agent.Agent, s wire.WorkState) (out []work.Work) {
	for _, wid := range f.worksOf[a.ID] {
		if w := f.state.Works[wid]; wid != a.Call && w.State == s {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b work.Work) int {
		return queue.Compare(queue.Waiting{ID: a.ID, Place: a.Place}, queue.Waiting{ID: b.ID, Place: b.Place})
	})
	return out
}

// matchBeside offers one more written request to an agent who has one in hand and may have more, when nothing that goes
// before it waits in its queue.
func (f *Floor) matchBeside() bool {
	for _, aid := range f.jugglers {
		a, s := f.state.Agents[aid], f.agents[aid]
		inHand := isWork(a.Call) && (a.State == wire.AgentReserved || a.State == wire.AgentBusy)
		if !inHand || !a.OnDuty() || a.Enough || len(f.worksOf[aid]) >= s.Written {
			continue
		}
		for _, l := range s.lines {
			if len(l.Calls()) == 0 {
				continue
			}
			w, written := f.state.Works[l.Calls()[0].ID]
			if _, why := f.suits(l.main.demand, s); !written || why != "" {
				continue
			}
			f.ringAt(a, offer.Offer{ID: f.newID(id.Offer), Work: w.ID, Queue: w.Queue, Attempt: w.Attempt + 1}, l.Ring.Duration, func(o offer.Offer) {
				f.setWork(must(w.OfferTo(o.Agent, o.ID)), Actor)
			})
			return true
		}
	}
	return false
}

// workMissed: an agent did not take a request. Beside another one that says nothing of the agent; of the one that rings in
// hand it does, unless it was declined and another rings.
func (f *Floor) workMissed(w work.Work, reason, actor string) {
	a := f.state.Agents[w.Agent]
	f.setWork(must(w.Back()), actor)
	if a.Call != w.ID || reason == agent.ReasonDeclined && f.ringsOn(a) {
		a = f.state.Agents[a.ID]
		a.Enough = true
		f.setAgent(a, actor)
		return
	}
	f.giveBack(a.ID)
	f.setAgent(must(f.state.Agents[a.ID].Fail(reason, f.now)), actor)
}

// ringsOn gives a reserved agent whose request in hand has gone another one that rings.
func (f *Floor) ringsOn(a agent.Agent) bool {
	rings := f.beside(a, wire.WorkOffered)
	if len(rings) == 0 {
		return false
	}
	a.Call, a.Offer = rings[0].ID, rings[0].Offer
	f.setAgent(a, Actor)
	return true
}

// giveBack puts all requests of an agent back into their queues.
func (f *Floor) giveBack(agentID string) {
	for _, wid := range f.worksOf[agentID] {
		w := f.state.Works[wid]
		if o, ok := f.state.Offers[w.Offer]; ok && o.State == wire.OfferOpen {
			f.withdrawn(o)
		}
		f.setWork(must(w.Back()), Actor)
	}
}

// withdrawn ends the offer of a request from our side.
func (f *Floor) withdrawn(o offer.Offer) {
	o = must(o.Settle(wire.OfferWithdrawn))
	put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
	f.publish("offer.withdrawn", "", Actor, f.wireOffer(o))
	f.closeOffer(o.ID)
}

// turnTo takes a request in hand that stands beside another one: the agent has replied to it first. Not during a wrap-up,
// which is of one request.
func (f *Floor) turnTo(w work.Work) error {
	a, ok := f.state.Agents[w.Agent]
	switch {
	case !ok || a.Call == w.ID:
	case a.State == wire.AgentWrapup:
		return problem.Conflict("agent_wrong_state", string(a.Visible()), f.state.Wrapups[a.Wrapup].Allowed(), "agent %s wraps up what came before work %s", a.ID, w.ID)
	case a.State == wire.AgentBusy:
		a.Call = w.ID
		f.setAgent(a, a.ID)
	}
	return nil
}

// nextWork: what an agent had in hand is over, and wrapped up. What is open beside it is in hand next, then what rings;
// of an agent who does not go on everything goes back.
func (f *Floor) nextWork(agentID string) {
	a, ok := f.state.Agents[agentID]
	if !ok || len(f.worksOf[agentID]) == 0 || a.State != wire.AgentReady && a.State != wire.AgentNotReady && a.State != wire.AgentOffline {
		return
	}
	if open := f.beside(a, wire.WorkOpen); len(open) > 0 && a.SignedIn() {
		f.setAgent(must(a.Engage(open[0].ID, f.now)), Actor)
		return
	}
	rings := f.beside(a, wire.WorkOffered)
	if len(rings) == 0 || !a.Free() {
		f.giveBack(agentID)
		return
	}
	f.setAgent(must(a.Reserve(rings[0].Offer, rings[0].ID, f.now)), Actor)
}
