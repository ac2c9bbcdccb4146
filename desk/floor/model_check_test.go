package floor

import (
	"reflect"
	"slices"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/signaling/wire"
)

// check holds the invariants.
func (w *world) check() {
	s := w.f.state
	w.checkTasks()
	w.checkNumbers()
	w.checkWatchers()
	open, working, at := map[string]int{}, map[string]string{}, map[string]int{}
	for oid, o := range s.Offers {
		c, a := s.Contacts[o.Call], s.Agents[o.Agent]
		if o.Work != "" {
			x := s.Works[o.Work]
			inHand := a.State == wire.AgentReserved && a.Offer == oid && a.Call == x.ID
			beside := a.Call != x.ID && (a.State == wire.AgentWrapup || isWork(a.Call) && (a.State == wire.AgentReserved || a.State == wire.AgentBusy))
			if x.State != wire.WorkOffered || x.Offer != oid || x.Agent != o.Agent || o.State != wire.OfferOpen || !inHand && !beside {
				w.fail("offer %+v does not agree with work %+v and agent %+v", o, x, a)
			}
			continue
		}
		if o.Consult != "" {
			w.checkConsultOffer(o)
			open[o.Agent]++
			if open[o.Agent] > 1 {
				w.fail("agent %s has two offers", o.Agent)
			}
			continue
		}
		want := contact.Offered
		if o.State == wire.OfferAccepted {
			want = contact.Connecting
		} else if o.State != wire.OfferOpen || o.Deadline.IsZero() {
			w.fail("offer %+v is settled and still there, or has no deadline", o)
		}
		open[o.Agent]++
		if open[o.Agent] > 1 {
			w.fail("agent %s has two offers", o.Agent)
		}
		if c.State != want || c.Offer != oid || c.Agent != o.Agent || a.State != wire.AgentReserved || a.Offer != oid {
			w.fail("offer %+v does not agree with contact %+v and agent %+v", o, c, a)
		}
	}
	for cid, c := range s.Contacts {
		queued := 0
		for _, p := range w.f.rank {
			for _, x := range p.Calls() {
				if x.ID == cid {
					queued++
				}
			}
		}
		if (c.State == contact.Queued) != (queued == 1) || queued > 1 {
			w.fail("contact %s is %s and %d times in line", cid, c.State, queued)
		}
		w.checkHandling(c, working)
		if timed := c.State == contact.Connecting || c.State == contact.Away; timed == c.Deadline.IsZero() && c.State != contact.Diverted && c.State != contact.Message && c.State != contact.Dialing {
			w.fail("contact %s is %s with deadline %s", cid, c.State, c.Deadline)
		}
		if nobody := c.State == contact.Queued || c.State == contact.Transferring || c.State == contact.Outside || c.State == contact.Diverted || c.State == contact.Message; nobody != (c.Agent == "") && (c.State != contact.Dialing || c.Task == "") {
			w.fail("contact %s is %s with agent %q", cid, c.State, c.Agent)
		}
		if c.Agent != "" {
			if other := working[c.Agent]; other != "" {
				w.fail("agent %s is on %s and %s", c.Agent, other, cid)
			}
			working[c.Agent] = cid
		}
		if _, asking := w.f.consultOf(cid); !asking && c.Customer != "" && c.State == contact.Connected && !c.Outbound && !c.Parked && w.held[c.Customer] {
			w.fail("contact %s is connected and its customer hears music", cid)
		}
		if c.Customer != "" && (c.State == contact.Queued || c.State == contact.Offered || c.State == contact.Connecting) && !w.held[c.Customer] && !c.Outbound {
			w.fail("contact %s waits (%s) and its customer hears nothing", cid, c.State)
		}
	}
	for wid, x := range s.Works {
		if x.State != wire.WorkQueued && x.State != wire.WorkOffered && x.State != wire.WorkOpen || (x.State == wire.WorkQueued) != (x.Agent == "") {
			w.fail("work %+v", x)
		}
		if x.Agent != "" {
			at[x.Agent]++
			if n := max(1, w.f.agents[x.Agent].Written); at[x.Agent] > n {
				w.fail("agent %s has %d written requests, and %d are the most", x.Agent, at[x.Agent], n)
			}
			if a := s.Agents[x.Agent]; a.Call != wid {
				w.counts["written beside"]++
				if !slices.Contains(w.f.worksOf[x.Agent], wid) || !isWork(a.Call) && a.State != wire.AgentWrapup {
					w.fail("work %+v stands beside nothing: %+v", x, a)
				}
				continue
			}
			if other := working[x.Agent]; other != "" {
				w.fail("agent %s is on %s and %s", x.Agent, other, wid)
			}
			working[x.Agent] = wid
		}
	}
	for aid, works := range w.f.worksOf {
		if len(works) != at[aid] {
			w.fail("agent %s has %d written requests, and %v are indexed", aid, at[aid], works)
		}
	}
	wraps := map[string]string{}
	for wid, x := range s.Wrapups {
		if x.Deadline.IsZero() || wraps[x.Agent] != "" || s.Agents[x.Agent].Wrapup != wid {
			w.fail("wrap-up %+v does not agree with agent %+v", x, s.Agents[x.Agent])
		}
		wraps[x.Agent] = wid
	}
	for aid, a := range s.Agents {
		cid := working[aid]
		st := s.Contacts[cid].State
		good := map[wire.AgentState]bool{
			wire.AgentOffline:  cid == "" && wraps[aid] == "" && !a.Leaving && len(a.Sessions) == 0,
			wire.AgentNotReady: cid == "" && wraps[aid] == "" && !a.Leaving,
			wire.AgentReady:    cid == "" && wraps[aid] == "" && !a.Leaving,
			wire.AgentReserved: st == contact.Offered || st == contact.Connecting || st == contact.Dialing && s.Contacts[cid].Task != "" || s.Works[cid].State == wire.WorkOffered || w.helps(aid, cid, true),
			wire.AgentBusy:     st == contact.Connected || st == contact.Away || st == contact.Dialing || st == contact.PostCall || s.Works[cid].State == wire.WorkOpen || w.helps(aid, cid, false),
			wire.AgentWrapup:   cid == "" && wraps[aid] != "",
		}[a.State]
		if !good {
			w.fail("agent %+v does not agree with contact %+v and wrap-up %q", a, s.Contacts[cid], wraps[aid])
		}
	}
	for _, p := range w.f.rank {
		duty := 0
		for _, a := range s.Agents {
			st := w.f.agents[a.ID]
			_, why := w.f.suits(p.demand, st)
			serves := why == ""
			if serves && a.OnDuty() {
				duty++
			}
			if sits := slices.ContainsFunc(p.Idle(), func(i queue.Idle) bool { return i.ID == a.ID }); sits != (serves && a.Free()) {
				w.fail("agent %s: in line of %s %v, free %v", a.ID, p.id, sits, a.Free())
			}
		}
		if len(p.Calls()) > 0 && len(p.Idle()) > 0 {
			w.fail("pool %s has both calls and free agents", p.id)
		}
		watch := s.Watches[p.id]
		// An agent's request ends by itself; only callers can be stranded.
		callers := slices.ContainsFunc(p.Calls(), func(x queue.Waiting) bool { return s.Contacts[x.ID].ID != "" })
		if stranded := callers && duty == 0 && !p.paused; duty != p.duty || stranded != (watch.Raised || !watch.Due.IsZero()) {
			w.fail("pool %s: %d on duty (%d counted), watch %+v", p.id, duty, p.duty, watch)
		}
	}
	for cid, x := range s.Waits {
		c := s.Contacts[cid]
		if waits := c.State == contact.Queued; !waits && !x.Next.IsZero() || c.State != contact.Queued && c.State != contact.Offered && c.State != contact.Connecting {
			w.fail("wait %+v of contact %+v", x, c)
		}
	}
}

// checkNumbers: the index of open records by number is what the records say.
func (w *world) checkNumbers() {
	want := map[string]map[string]bool{}
	for rid, r := range w.f.state.Records {
		if r.State == wire.RecordClosed {
			continue
		}
		for _, n := range r.Numbers {
			if want[Normalize(n.Number)] == nil {
				want[Normalize(n.Number)] = map[string]bool{}
			}
			want[Normalize(n.Number)][rid] = true
		}
	}
	if !reflect.DeepEqual(w.f.dialable, want) {
		w.fail("numbers of open records: indexed %v, want %v", w.f.dialable, want)
	}
}
