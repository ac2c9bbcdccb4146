package floor

import (
	"maps"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/journal"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/wrapup"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Filed is a contact's journal that is closed: its call record, to be kept elsewhere. When it is, Kept takes it
// out of the state.
type Filed struct{ Journal journal.Journal }

func (Filed) effect() {}

// Kept says that closed journals and tallies are kept elsewhere.
type Kept struct{ Journals, Tallies []string }

func (in Kept) step(f *Floor) error {
	for _, id := range in.Journals {
		if j, ok := f.state.Journals[id]; ok && !j.Closed.IsZero() {
			put(f, key{KindJournal, id}, f.state.Journals, nil)
		}
	}
	for _, id := range in.Tallies {
		if t, ok := f.state.Tallies[id]; ok && id != openQuarter && t.Start.Before(f.state.Tallies[openQuarter].Start) {
			put(f, key{KindTally, id}, f.state.Tallies, nil)
		}
	}
	return nil
}

// endedBy notes why a contact that waits is about to leave its queue, where its state does not tell.
func (f *Floor) endedBy(callID, why string) { f.ends[callID] = why }

// note writes down what the step has done to contacts and agents: it compares what was there before with what
// there is now, so nothing that moves them can forget to say so.
func (f *Floor) note() {
	for _, k := range slices.Clone(f.touched) {
		switch k.kind {
		case KindOffer:
			f.noteOffer(k)
		case KindAgent:
			f.noteAgent(k)
		}
	}
	calls := f.touchedCalls()
	if _, ours := f.state.Contacts[f.answered]; ours && !slices.Contains(calls, f.answered) {
		calls = append(calls, f.answered)
	}
	if f.restarted { // a log written before there were journals has none
		for cid := range f.state.Contacts {
			if _, has := f.state.Journals[cid]; !has {
				calls = append(calls, cid)
			}
		}
		slices.Sort(calls)
		calls = slices.Compact(calls)
	}
	for _, cid := range calls {
		f.noteContact(cid)
	}
	for _, k := range slices.Clone(f.touched) {
		if k.kind == KindWrapup {
			if cid := f.noteWrapup(k); cid != "" {
				calls = append(calls, cid)
			}
		}
	}
	slices.Sort(calls)
	for _, cid := range slices.Compact(calls) {
		j, ok := f.state.Journals[cid]
		if !ok || !j.Closed.IsZero() {
			continue
		}
		closed, facts := j.Close(f.now)
		if len(facts) > 0 || !closed.Closed.IsZero() {
			f.setJournal(closed)
			f.tally(facts...)
		}
		if !closed.Closed.IsZero() {
			f.effects = append(f.effects, Filed{closed})
		}
	}
}

// forgetStep forgets what was noted for the step that is over.
func (f *Floor) forgetStep() {
	clear(f.ends)
	clear(f.gone)
	f.answered, f.restarted, f.cut, f.counted = "", false, time.Time{}, f.counted[:0]
}

// RecordingStarted names a call's recording; its journal keeps it, and so does a voice message.
type RecordingStarted struct{ CallID, ID string }

func (in RecordingStarted) step(f *Floor) error {
	if j, ok := f.journalOf(in.CallID); ok && !slices.Contains(j.Recordings, in.ID) {
		j.Recordings = append(slices.Clip(j.Recordings), in.ID)
		f.setJournal(j)
	}
	if c, ok := f.state.Contacts[in.CallID]; ok && c.State == contact.Message && c.Recording == "" {
		c.Recording = in.ID
		f.setContact(c)
	}
	return nil
}

func (f *Floor) setJournal(j journal.Journal) {
	put(f, key{KindJournal, j.ID}, f.state.Journals, any(j))
}

// lastContact is a contact as it is, or as it was when the step let go of it.
func (f *Floor) lastContact(cid string) (c contact.Contact, alive, ok bool) {
	if c, alive = f.state.Contacts[cid]; alive {
		return c, true, true
	}
	c, ok = f.gone[key{KindContact, cid}].(contact.Contact)
	return c, false, ok
}

// journalOf is a contact's journal, made on first sight; false for one that is closed and for what is no contact.
func (f *Floor) journalOf(cid string) (journal.Journal, bool) {
	if j, ok := f.state.Journals[cid]; ok {
		return j, j.Closed.IsZero()
	}
	c, _, ok := f.lastContact(cid)
	if !ok {
		return journal.Journal{}, false
	}
	j := journal.Journal{
		ID: c.ID, Outbound: c.Outbound, From: c.From, To: c.To, Name: c.FromName, Entry: c.Entry, Stage: c.Stage, Task: c.Task,
		Class: int(c.Place.Class), Started: f.now,
	}
	if r, ok := f.state.Records[c.Task]; ok {
		j.Campaign = r.Campaign
	}
	if before, touched := f.before[key{KindContact, cid}]; (!touched || before != nil) && !c.Place.Entered.IsZero() {
		j.Started = c.Place.Entered // of a log written before there were journals
	}
	return j, true
}

// noteContact shows a contact to its journal.
func (f *Floor) noteContact(cid string) {
	c, alive, ok := f.lastContact(cid)
	if !ok {
		return // none of ours
	}
	j, ok := f.journalOf(cid)
	if !ok {
		return
	}
	_, had := f.state.Journals[cid]
	if f.answered == cid && j.Outbound && j.Up.IsZero() {
		j.Up, had = f.now, false
	}
	at := f.now
	if !alive && f.restarted && !f.cut.IsZero() && f.cut.Before(at) {
		at = f.cut // nobody knows when it ended; it was not later than this
	}
	j, facts, changed := j.See(f.look(c, j, alive), at, f.policyOf)
	if !alive {
		j.Variables = f.openVariables(c)
	}
	if j.To != c.To || j.From != c.From || j.Name != c.FromName {
		j.To, j.From, j.Name, changed = c.To, c.From, c.FromName, true
	}
	if changed || !had {
		f.setJournal(j)
	}
	f.tally(facts...)
}

// openVariables are a contact's variables but for secure ones.
func (f *Floor) openVariables(c contact.Contact) map[string]string {
	var out map[string]string
	for name, v := range c.Variables {
		if d, _ := f.definition(name); d.Secure || v.Text == "" {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = v.Text
	}
	return out
}

func (f *Floor) policyOf(qid string) journal.Policy {
	q := Queue{}.withDefaults()
	if l := f.queues[qid]; l != nil {
		q = l.Queue
	}
	return journal.Policy{InTime: q.ServiceLevel.Duration, Short: q.ShortAbandon.Duration}
}

// look is a contact as a journal sees it.
func (f *Floor) look(c contact.Contact, j journal.Journal, alive bool) journal.View {
	v := journal.View{Queue: c.Queue, Left: c.Left, Over: !alive}
	if !alive {
		v.WaitEnd = f.whyGone(c)
		return v
	}
	switch c.State {
	case contact.Queued, contact.Offered, contact.Connecting:
		v.Waits = !c.Outbound && c.Queue != ""
	case contact.Diverted:
		v.WaitEnd = journal.Diverted
	case contact.Message:
		v.WaitEnd = journal.Message
	default:
		v.WaitEnd = journal.Answered
	}
	k, asking := f.consultOf(c.ID)
	mode := func(agentID string) journal.Mode {
		switch {
		case c.State == contact.PostCall:
			return journal.Post
		case asking && k.Apart() && (k.By == agentID && !k.Main || k.Agent == agentID):
			return journal.Consult
		case j.Outbound && j.Up.IsZero():
			return journal.Dialing
		default:
			return journal.Talk
		}
	}
	if c.Agent != "" && (c.State == contact.Connected || c.State == contact.Away || c.State == contact.PostCall) {
		p := journal.Present{Agent: c.Agent, Role: journal.Primary, Mode: mode(c.Agent)}
		if p.Mode == journal.Talk && len(c.Others) == 0 && (c.Parked || c.State == contact.Away) {
			p.Mode = journal.Hold
		}
		v.Agents = append(v.Agents, p)
	}
	for _, o := range c.Others {
		if o.Agent != "" {
			v.Agents = append(v.Agents, journal.Present{Agent: o.Agent, Role: journal.Conference, Mode: mode(o.Agent)})
		}
	}
	if asking && k.Agent != "" && !k.Answered.IsZero() {
		v.Agents = append(v.Agents, journal.Present{Agent: k.Agent, Role: journal.Consulted, Mode: mode(k.Agent)})
	}
	return v
}

// whyGone is why a contact that is gone left its queue.
func (f *Floor) whyGone(c contact.Contact) string {
	switch why := f.ends[c.ID]; {
	case why != "":
		return why
	case f.restarted:
		return journal.Interrupted
	case c.State == contact.Diverted:
		return journal.Diverted
	case c.State == contact.Message:
		return journal.Message
	default:
		return journal.Abandoned
	}
}

// noteOffer writes down that an offer rings, or how it ended.
func (f *Floor) noteOffer(k key) {
	old, had := f.before[k].(offer.Offer)
	o, there := f.state.Offers[k.id]
	if !there {
		if o = f.pastOffers.m[k.id]; o.ID == "" {
			o = old
		}
	}
	j, ok := f.journalOf(o.Call)
	if !ok {
		return
	}
	if !had {
		j = j.Rang(journal.Offer{ID: o.ID, Agent: o.Agent, Queue: o.Queue, Consult: o.Consult != "", At: f.now})
		f.setJournal(j)
	}
	if there {
		return
	}
	end := string(o.State)
	if o.State == wire.OfferAccepted && !f.came(o) {
		end = string(wire.OfferWithdrawn)
		if a := f.state.Agents[o.Agent]; a.Reason == agent.ReasonNoMedia && a.Since.Equal(f.now) {
			end = journal.NoMedia
		}
	}
	j, facts := j.Settled(o.ID, end, f.now)
	f.setJournal(j)
	f.tally(facts...)
}

// came says whether the voice of the agent who took an offer has come up.
func (f *Floor) came(o offer.Offer) bool {
	c := f.state.Contacts[o.Call]
	k, asked := f.state.Consults[o.Consult]
	return c.Agent == o.Agent && c.Leg != "" || c.Others.ByAgent(o.Agent) >= 0 || asked && k.Agent == o.Agent && !k.Answered.IsZero()
}

// noteWrapup writes down that the work after a call has begun or is over, and returns the call.
func (f *Floor) noteWrapup(k key) string {
	old, had := f.before[k].(wrapup.Wrapup)
	w, there := f.state.Wrapups[k.id]
	if !there {
		if w = f.pastWraps.m[k.id]; w.ID == "" {
			w = old
		}
	}
	j, ok := f.state.Journals[w.Call]
	if !ok || !j.Closed.IsZero() {
		return ""
	}
	if !had {
		j = j.Worked(w.Agent, w.ID, f.now)
	}
	if !there {
		j = j.Done(w.ID, w.Reason, f.now)
	}
	if !had || !there {
		f.setJournal(j)
		return w.Call
	}
	return ""
}

// noteAgent counts the time an agent has spent in a state.
func (f *Floor) noteAgent(k key) {
	old, had := f.before[k].(agent.Agent)
	a, there := f.state.Agents[k.id]
	if had && old.SignedIn() && (!there || !a.Since.Equal(old.Since)) {
		f.countState(old, f.now)
	}
	if there && a.SignedIn() {
		f.openQuarterNow()
	}
}

// refile hands out again what is closed and perhaps was not kept.
func (f *Floor) refile() {
	for _, id := range slices.Sorted(maps.Keys(f.state.Journals)) {
		if j := f.state.Journals[id]; !j.Closed.IsZero() {
			f.effects = append(f.effects, Filed{j})
		}
	}
	open := f.state.Tallies[openQuarter].Start
	for _, id := range slices.Sorted(maps.Keys(f.state.Tallies)) {
		if t := f.state.Tallies[id]; id != openQuarter && t.Start.Before(open) {
			f.effects = append(f.effects, Tallied{t})
		}
	}
}
