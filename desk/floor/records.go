package floor

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/campaign"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/dialer"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

// OpDetect asks whether a person or a machine has answered. The answer is a Detected.
const OpDetect Op = "detect"

// Closed is a record that is closed, to be kept elsewhere; when it is, Archived takes it out of the state.
type Closed struct{ Record wire.CampaignRecord }

func (Closed) effect() {}

// Archived says that closed records are kept elsewhere.
type Archived struct{ IDs []string }

func (in Archived) step(f *Floor) error {
	for _, rid := range in.IDs {
		if r, ok := f.state.Records[rid]; ok && r.State == wire.RecordClosed {
			put(f, key{KindRecord, rid}, f.state.Records, nil)
		}
	}
	return nil
}

// turn is a record that waits for its time.
type turn struct {
	at time.Time
	id string
}

func compareTurns(a, b turn) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id)) }

func (f *Floor) indexRecord(old, r campaign.Record) {
	if old.ID != "" {
		f.counts[old.Campaign][old.State]--
		if old.State == wire.RecordReady {
			l := f.ready[old.Campaign]
			if i, ok := slices.BinarySearchFunc(l, turn{old.Next, old.ID}, compareTurns); ok {
				f.ready[old.Campaign] = slices.Delete(l, i, i+1)
			}
		}
	}
	if r.ID != "" {
		if f.counts[r.Campaign] == nil {
			f.counts[r.Campaign] = map[wire.RecordState]int{}
		}
		f.counts[r.Campaign][r.State]++
		if r.State == wire.RecordReady {
			l := f.ready[r.Campaign]
			if i, ok := slices.BinarySearchFunc(l, turn{r.Next, r.ID}, compareTurns); !ok {
				f.ready[r.Campaign] = slices.Insert(l, i, turn{r.Next, r.ID})
			}
		}
	}
	f.indexNumbers(old, r)
	f.due.add(old.Deadline, r.Deadline, key{KindRecord, r.ID})
}

// indexTask keeps count of the desk's own calls, and those whose customer has answered and waits.
func (f *Floor) indexTask(old, c contact.Contact) {
	if old.Task != "" {
		f.taskCalls--
	}
	if c.Task != "" {
		f.taskCalls++
	}
	was, is := answeredTask(old), answeredTask(c)
	switch i, there := slices.BinarySearch(f.live, cmp.Or(c.ID, old.ID)); {
	case was && !is && there:
		f.live = slices.Delete(f.live, i, i+1)
	case is && !there:
		f.live = slices.Insert(f.live, i, c.ID)
	}
}

func answeredTask(c contact.Contact) bool {
	return c.Task != "" && c.Customer != "" && (c.State == contact.Dialing || c.State == contact.Connecting)
}

// setRecord writes a record, counts its end and tells.
func (f *Floor) setRecord(r campaign.Record, actor string) {
	old, had := f.state.Records[r.ID]
	put(f, key{KindRecord, r.ID}, f.state.Records, any(r))
	c := f.state.Campaigns[r.Campaign]
	if !had {
		c.Open++
		f.setCampaign(c, Actor)
	}
	f.matchRecord(r)
	if r.State == wire.RecordClosed && old.State != wire.RecordClosed {
		f.setCampaign(c.Closed(r.Result), Actor)
		f.effects = append(f.effects, Closed{r.Wire()})
	}
	if had && old.Version != r.Version && (r.Agent != "" || old.Agent != "" || r.State == wire.RecordClosed) {
		f.publish("record.changed", r.Call, actor, r.Wire())
	}
}

// nextRecord takes up the next record that may be called now: one whose time has come, the agent's own
// before others, or the next contact of the list. agentID "" is nobody in particular.
func (f *Floor) nextRecord(cid, agentID string) (campaign.Record, bool) {
	var best campaign.Record
	for _, t := range slices.Clone(f.ready[cid]) {
		if t.at.After(f.now) {
			break
		}
		r := f.state.Records[t.id]
		if r.Personal != "" && r.Personal != agentID {
			continue
		}
		if r, ok := f.callable(r); !ok {
			continue
		} else if r.Personal != "" {
			return r, true
		} else if best.ID == "" {
			best = r
		}
	}
	if best.ID != "" {
		return best, true
	}
	for range rowsPerLook {
		c := f.state.Campaigns[cid]
		row, ok := f.contacts.Row(c.Setup.List, c.Cursor)
		if !ok {
			return best, false
		}
		r := campaign.Record{
			ID: f.newID(id.Record), Campaign: cid, Row: c.Cursor, State: wire.RecordReady, Name: row.Name, Zone: row.Zone,
			Numbers: row.Numbers, Fields: row.Fields, Version: 1,
		}
		c.Cursor++
		put(f, key{KindCampaign, cid}, f.state.Campaigns, any(c))
		f.setRecord(r, Actor)
		if r, ok = f.callable(r); ok {
			return r, true
		}
	}
	return best, false
}

// usable says whether the number whose turn it is may ever be called: it is not barred, and its hours and the
// campaign's have something in common.
func (f *Floor) usable(r campaign.Record) bool {
	c := f.state.Campaigns[r.Campaign].Setup
	_, ok := r.Window(f.now, c.From, c.Till, c.Zone)
	return ok && !f.contacts.Barred(r.Number())
}

// callable says whether a record may be called now. Numbers that cannot be used are passed over: when none is
// left in a round the round is over, and a contact without any is closed. A record whose hours have not come
// waits for them.
func (f *Floor) callable(r campaign.Record) (campaign.Record, bool) {
	c := f.state.Campaigns[r.Campaign].Setup
	first := r
	if first.At = 0; first.Skip(f.usable).At == len(r.Numbers) {
		why := campaign.ResultDNC
		if slices.ContainsFunc(r.Numbers, func(n wire.ContactNumber) bool { return !f.contacts.Barred(n.Number) }) {
			why = campaign.ResultNoNumber
		}
		f.setRecord(r.Close(why), Actor)
		return r, false
	}
	if r = r.Skip(f.usable); r.At == len(r.Numbers) {
		if r.Tried > 0 { // the rest of the chain has been barred meanwhile
			f.setRecord(r.RoundOver(c.Attempts, time.Duration(c.RetrySeconds)*time.Second, f.now), Actor)
			return r, false
		}
		r = first.Skip(f.usable)
	}
	if at, _ := r.Window(f.now, c.From, c.Till, c.Zone); at.After(f.now) {
		r.Next = at
		f.setRecord(r, Actor)
		return r, false
	}
	return r, true
}

// recordCall is the contact of an attempt.
func (f *Floor) recordCall(c campaign.Campaign, r campaign.Record, e entryPoint) contact.Contact {
	return contact.Contact{
		ID: f.newID(id.Call), Outbound: true, Task: r.ID, From: e.Number, To: r.Number(), FromName: r.Name, Queue: c.Setup.Queue,
		Place: queue.Place{Class: queue.ClassService, Entered: f.now},
	}
}

// offerRecord gives a record to an agent to look at, and returns the offer. The campaign's entry point is active.
func (f *Floor) offerRecord(c campaign.Campaign, r campaign.Record, a agent.Agent) string {
	e, _ := f.entry(c.Setup.EntryPoint)
	k := f.recordCall(c, r, e)
	f.setRecord(must(r.Offer(a.ID, k.ID)), Actor)
	_, o := f.offerTask(k, a, f.queues[c.Setup.Queue].Ring.Duration, Dial{Trunk: e.Trunk})
	return o.ID
}

// matchRecords offers a record to an idle agent: where records are pushed, and everywhere those an agent has
// kept for himself or herself.
func (f *Floor) matchRecords() bool {
	for _, cid := range f.campaignOrder() {
		c := f.state.Campaigns[cid]
		l := f.queues[c.Setup.Queue]
		if l == nil || c.State != wire.CampaignRunning || len(l.Idle()) == 0 || f.DialLimit() != nil {
			continue
		}
		if _, ok := f.entry(c.Setup.EntryPoint); !ok { // looked at again with every beat of the campaign
			continue
		}
		for _, i := range slices.Clone(l.Idle()) {
			if !c.Serves(i.ID) {
				continue
			}
			var r campaign.Record
			var ok bool
			if c.Setup.Mode == wire.ModePushPreview {
				r, ok = f.nextRecord(cid, i.ID)
			} else {
				r, ok = f.personalRecord(cid, i.ID)
			}
			if ok {
				f.offerRecord(f.state.Campaigns[cid], r, f.state.Agents[i.ID])
				return true
			}
			if c.Setup.Mode == wire.ModePushPreview && len(f.ready[cid]) == 0 {
				break // nothing for anybody
			}
		}
	}
	return false
}

// campaignOrder is the campaigns, oldest first.
func (f *Floor) campaignOrder() []string {
	if len(f.state.Campaigns) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(f.state.Campaigns))
}

func (f *Floor) personalRecord(cid, agentID string) (campaign.Record, bool) {
	for _, t := range slices.Clone(f.ready[cid]) { // callable moves records in it
		if t.at.After(f.now) {
			break
		}
		if r := f.state.Records[t.id]; r.Personal == agentID {
			if r, ok := f.callable(r); ok {
				return r, true
			}
		}
	}
	return campaign.Record{}, false
}

// dialNext dials a campaign's next record; with reserve the longest idle agent is reserved for it. False
// when there is nobody to call, or to talk.
func (f *Floor) dialNext(cid string, reserve bool) bool {
	c := f.state.Campaigns[cid]
	var a agent.Agent
	if reserve {
		i := slices.IndexFunc(f.queues[c.Setup.Queue].Idle(), func(i queue.Idle) bool { return c.Serves(i.ID) })
		if i < 0 {
			return false
		}
		a = f.state.Agents[f.queues[c.Setup.Queue].Idle()[i].ID]
	}
	e, ok := f.entry(c.Setup.EntryPoint)
	if !ok || f.DialLimit() != nil {
		return false
	}
	r, ok := f.nextRecord(cid, "")
	if !ok {
		return false
	}
	c = f.state.Campaigns[cid]
	k := f.recordCall(c, r, e)
	k.State, k.Agent = contact.Dialing, a.ID
	if reserve {
		k.Offer = f.newID(id.Offer)
		f.setAgent(must(a.Reserve(k.Offer, k.ID, f.now)), Actor)
	}
	f.setContact(k)
	f.setRecord(must(r.Dial(a.ID, k.ID, f.now)), Actor)
	t := f.tempos[cid]
	t.air = append(t.air, attempt{record: r.ID, at: f.now})
	f.openCall(k, Dial{Trunk: e.Trunk, Agent: a.ID})
	f.dialCustomer(k, e.Trunk, time.Duration(c.Setup.RingSeconds)*time.Second)
	return true
}

func (f *Floor) recordOf(c contact.Contact) (campaign.Record, bool) {
	r, ok := f.state.Records[c.Task]
	return r, ok && r.Call == c.ID
}

// count adds to the campaign day on which the record was dialled, so that an answer and what becomes of it
// stand in the same one.
func (f *Floor) count(r campaign.Record, t dialer.Tally) {
	c := f.state.Campaigns[r.Campaign].Count(t, r.Started, f.now)
	put(f, key{KindCampaign, c.ID}, f.state.Campaigns, any(c))
}

func (f *Floor) recordMissed(c contact.Contact) {
	if r, ok := f.recordOf(c); ok && (r.State == wire.RecordOffered || r.State == wire.RecordPreview) {
		f.setRecord(must(r.Back()), Actor)
	}
}

func (f *Floor) recordAttached(c contact.Contact) {
	if r, ok := f.recordOf(c); ok && r.State == wire.RecordOffered {
		f.setRecord(must(r.Look()), c.Agent)
	}
}

// recordAnswered: the customer is there. An agent who dialled is too; otherwise one is found.
func (f *Floor) recordAnswered(c contact.Contact) {
	r, ok := f.recordOf(c)
	if !ok || r.State != wire.RecordDialing {
		return
	}
	if t := f.tempos[r.Campaign]; t != nil {
		mean(&t.setup, f.now.Sub(r.Started).Seconds())
		for i := range t.air {
			if t.air[i].record == r.ID {
				t.air[i].answered = true
			}
		}
	}
	if f.state.Campaigns[r.Campaign].Setup.Detect {
		f.effects = append(f.effects, Command{Op: OpDetect, CallID: c.ID, LegID: c.Customer})
		return
	}
	f.person(c, r)
}

// hand gives an answered call to its reserved agent, or to the longest idle one; without any it waits.
func (f *Floor) hand(c contact.Contact) bool {
	a, ok := f.state.Agents[c.Agent]
	if !ok || a.State != wire.AgentReserved || a.Call != c.ID {
		r := f.state.Records[c.Task]
		camp := f.state.Campaigns[r.Campaign]
		l := f.queues[c.Queue]
		if l == nil {
			f.abandon(c)
			return false
		}
		i := slices.IndexFunc(l.Idle(), func(i queue.Idle) bool { return camp.Serves(i.ID) })
		if i < 0 {
			if c.Deadline.IsZero() {
				c.Agent, c.Offer, c.State = "", "", contact.Dialing
				c.Deadline = f.now.Add(time.Duration(camp.Setup.WaitMS) * time.Millisecond)
				f.setContact(c)
			}
			return false
		}
		a, c.Offer = f.state.Agents[l.Idle()[i].ID], ""
	}
	c.Attempt++
	o := f.ringAt(a, offer.Offer{ID: c.Offer, Call: c.ID, Queue: c.Queue, State: wire.OfferAccepted, Attempt: c.Attempt}, f.cfg.Attach.Duration, func(o offer.Offer) {
		c.State, c.Agent, c.Offer, c.Deadline = contact.Connecting, o.Agent, o.ID, o.Deadline
		f.setContact(c)
	})
	f.publish("offer.accepted", c.ID, Actor, f.wireOffer(o))
	return true
}

// handWaiting gives answered calls that wait to agents who have become free.
func (f *Floor) handWaiting() bool {
	for _, callID := range f.live {
		c := f.state.Contacts[callID]
		if c.Agent == "" && !c.Deadline.IsZero() && f.queues[c.Queue] != nil && len(f.queues[c.Queue].Idle()) > 0 && f.hand(c) {
			return true
		}
	}
	return false
}

// recordConnected: agent and customer hear each other.
func (f *Floor) recordConnected(c contact.Contact) {
	if r, ok := f.recordOf(c); ok && r.State == wire.RecordDialing {
		f.setRecord(must(r.Talk(c.Agent)), c.Agent)
	}
}

// recordLost: the agent of an answered call did not come. Another one may; the customer is not let go while
// one is free.
func (f *Floor) recordLost(c contact.Contact) {
	c.State, c.Agent, c.Offer, c.Leg, c.Deadline = contact.Dialing, "", "", "", time.Time{}
	f.setContact(c)
	f.hand(c)
}

// abandon ends an answered call that no agent was found for, after the message that says who called.
func (f *Floor) abandon(c contact.Contact) {
	r, ok := f.recordOf(c)
	if !ok {
		f.finish(c, "hangup")
		return
	}
	f.count(r, dialer.Tally{Abandoned: 1})
	f.recordUnanswered(c, campaign.ResultAbandoned)
	m := f.state.Campaigns[r.Campaign].Setup.Message
	if m == "" {
		f.finish(c, "hangup")
		return
	}
	c.State, c.Divert, c.Deadline = contact.Diverted, TargetEnd, f.now.Add(promptMost)
	f.setContact(c)
	f.say(c, m)
}

func (f *Floor) recordUnanswered(c contact.Contact, cause string) {
	r, ok := f.recordOf(c)
	if !ok || r.State != wire.RecordDialing {
		return
	}
	if cause != campaign.ResultAbandoned {
		f.count(r, dialer.Tally{Dialled: 1})
	}
	s := f.state.Campaigns[r.Campaign].Setup
	f.setRecord(must(r.Unanswered(cause, f.usable, s.Attempts, time.Duration(s.RetrySeconds)*time.Second, f.now)), Actor)
}

func (f *Floor) recordOver(c contact.Contact) {
	r, ok := f.recordOf(c)
	if !ok {
		return
	}
	switch r.State {
	case wire.RecordOffered, wire.RecordPreview:
		f.setRecord(must(r.Back()), Actor)
	case wire.RecordDialing:
		switch {
		case c.Customer != "" && c.Leg == "": // answered, and nobody had come; perhaps it was not yet said who had answered
			if n := (dialer.Tally{Abandoned: 1}); f.known(c, r) {
				f.count(r, n)
			} else {
				f.count(r, n.Add(dialer.Tally{Dialled: 1, Answered: 1}))
			}
			f.recordUnanswered(c, campaign.ResultAbandoned)
		case f.restarting:
		default:
			f.recordUnanswered(c, "cancelled")
		}
	case wire.RecordTalking:
		if t := f.tempos[r.Campaign]; t != nil {
			mean(&t.talk, f.now.Sub(r.Started).Seconds())
		}
		f.setRecord(must(r.HungUp(f.now.Add(f.cfg.Callbacks.Review.Duration))), Actor)
	}
}

// settleRecords makes records found after a restart true.
func (f *Floor) settleRecords() {
	for _, rid := range slices.Sorted(maps.Keys(f.state.Records)) {
		r := f.state.Records[rid]
		switch {
		case r.State == wire.RecordClosed:
			f.effects = append(f.effects, Closed{r.Wire()}) // perhaps it was not kept
		case r.Call != "" && f.state.Contacts[r.Call].Task != r.ID:
			ring := time.Duration(f.state.Campaigns[r.Campaign].Setup.RingSeconds) * time.Second
			f.setRecord(r.Settle(f.now.Add(ring), f.now.Add(f.cfg.Callbacks.Review.Duration)), Actor)
		}
	}
	f.adoptTasks()
}

// recordDue is a record's deadline: nobody has closed it.
func (f *Floor) recordDue(rid string) {
	if r := f.state.Records[rid]; r.State == wire.RecordReview {
		f.setRecord(r.Close(campaign.ResultDone), Actor)
	}
}
