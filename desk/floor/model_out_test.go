package floor

import (
	"fmt"
	"time"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/contacts"
	"github.com/cordboard/cordboard/desk/dialer"
	"github.com/cordboard/cordboard/desk/numbering"
	"github.com/cordboard/cordboard/desk/supervision"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// modelContacts is a list of 40 contacts, every fifth with two numbers, and numbers nobody may call: a contact's only
// one, the first of two and the second of two.
type modelContacts struct{}

const modelRows = 40

func (modelContacts) Row(list string, i int) (contacts.Row, bool) {
	if list != "lst_1" || i >= modelRows {
		return contacts.Row{}, false
	}
	r := contacts.Row{Name: fmt.Sprintf("Person %d", i), Numbers: []wire.ContactNumber{{Number: fmt.Sprintf("04100000%02d", i)}}}
	if i%5 == 0 {
		r.Numbers = append(r.Numbers, wire.ContactNumber{Number: fmt.Sprintf("05100000%02d", i), From: "08:00", Till: "18:00"})
	}
	return r, true
}

func (modelContacts) List(id string) (wire.ContactListing, error) {
	if id != "lst_1" {
		return wire.ContactListing{}, problem.NotFound("list", id)
	}
	return wire.ContactListing{ID: id, Contacts: modelRows}, nil
}

func (modelContacts) Barred(number string) bool {
	return number == "0410000007" || number == "0410000005" || number == "0510000010"
}

func (modelContacts) Key(number string) string { return numbering.Plan{}.Key(number) }

// begin makes and starts a campaign.
func (w *world) begin(seed uint64) {
	w.campaign = w.id("cmp")
	modes := []wire.CampaignMode{wire.ModePreview, wire.ModePushPreview, wire.ModeProgressive, wire.ModePredictive}
	r := wire.CampaignRequest{
		Name: "spring", Mode: modes[seed/3%4], List: "lst_1", Queue: pick(w, []string{"a", "b"}), RetrySeconds: 60,
		Detect: w.r.IntN(3) == 0, MaxCalls: w.r.IntN(5), CapPercent: 10,
	}
	if w.r.IntN(2) == 0 {
		r.Message = "called.wav"
	}
	w.step(MakeCampaign{ID: w.campaign, Request: r, Actor: "sup"})
	if r.Mode == wire.ModePredictive { // it has called before today, so that it may call ahead
		w.f.state.Campaigns[w.campaign] = w.f.state.Campaigns[w.campaign].Count(dialer.Tally{Dialled: 150, Answered: 100}, w.now, w.now)
		w.wrote[key{KindCampaign, w.campaign}] = w.f.state.change(KindCampaign, w.campaign)
	}
	w.step(MoveCampaign{ID: w.campaign, To: "start", Actor: "sup"})
}

// open is the media plane making a call for a task.
func (w *world) open(c Command) {
	if w.r.IntN(25) == 0 {
		w.bus = append(w.bus, CommandFailed{Command: c, Detail: "no room"})
		return
	}
	p := &party{legs: map[string]wire.Leg{}}
	p.Call = wire.Call{ID: c.CallID, Direction: wire.Outbound, From: c.Dial.From, To: c.Dial.To}
	w.calls = append(w.calls, p)
	w.bus = append(w.bus, CallCreated{Call: p.Call, Actor: Actor})
}

// dialled is a customer's telephone: it is answered, busy, rings out, or rings on until something else happens.
func (w *world) dialled(p *party) {
	p.customer = w.id("leg")
	l := wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer}
	w.bus = append(w.bus, LegCreated{l}, LegRinging{l})
	switch x := w.r.IntN(6); {
	case w.ending || x == 0:
		l.Cause = "no_answer"
		w.bus = append(w.bus, LegEnded{l})
	case x == 1:
		l.Cause = "busy"
		w.bus = append(w.bus, LegEnded{l})
	case x == 2:
		p.ringing = true
	default:
		w.bus = append(w.bus, LegAnswered{l})
	}
}

// closed is a record on its way into its list.
func (w *world) closed(id string) {
	w.counts["record closed"]++
	if w.r.IntN(3) > 0 {
		w.bus = append(w.bus, Archived{IDs: []string{id}})
	}
}

// written is something about written requests.
func (w *world) written() {
	switch w.r.IntN(5) {
	case 0:
		w.did("accepted together", AcceptAll{Agent: w.agent(), Actor: "x"})
	case 1, 2:
		w.step(MakeWork{ID: w.id("wrk"), Actor: "crm", Request: wire.WorkRequest{
			Kind: pick(w, []wire.WorkKind{wire.WorkEmail, wire.WorkChat}), Queue: pick(w, []string{"a", "b", "gone"}), From: "ana@example.com", Text: "hello", Priority: w.r.IntN(3),
		}})
	default:
		for _, x := range w.f.Works("", "") {
			if x.State != wire.WorkOpen && w.r.IntN(3) > 0 {
				continue
			}
			w.counts["written"]++
			switch w.r.IntN(5) {
			case 0:
				w.step(CancelWork{ID: x.ID, Actor: "crm"})
			case 1:
				w.step(CloseWork{ID: x.ID, Actor: x.Agent})
			default:
				w.step(ReplyWork{ID: x.ID, Text: "hello", Actor: x.Agent})
			}
			return
		}
	}
}

// outbound is something about callbacks or campaigns.
func (w *world) outbound() {
	if w.r.IntN(4) == 0 {
		w.written()
		return
	}
	for _, p := range w.calls[max(0, len(w.calls)-8):] { // whoever is still ringing
		if p.ringing && !p.over && w.r.IntN(2) == 0 {
			p.ringing = false
			l := wire.Leg{ID: p.customer, CallID: p.ID, Role: wire.RoleCustomer}
			if w.r.IntN(2) == 0 {
				w.bus = append(w.bus, LegAnswered{l})
				return
			}
			l.Cause = "no_answer"
			w.bus = append(w.bus, LegEnded{l})
			return
		}
	}
	cb, who := recent(w, w.tasks), w.agent()
	if w.campaign != "" && w.r.IntN(2) == 0 {
		w.work(who)
		return
	}
	if c, ok := w.f.state.Callbacks[cb]; ok && w.r.IntN(2) == 0 { // what its agent would do
		switch c.State {
		case wire.CallbackPreview:
			w.step(DialCallback{ID: cb, Agent: c.Agent, Actor: c.Agent})
			return
		case wire.CallbackTalking, wire.CallbackReached:
			w.step(CompleteCallback{ID: cb, Agent: c.Agent, Actor: c.Agent})
			return
		}
	}
	day := w.now.AddDate(0, 0, w.r.IntN(2)).Format("2006-01-02")
	from := w.now.Add(40 * time.Minute).Format("15:04")
	till := w.now.Add(100 * time.Minute).Format("15:04")
	plan := wire.CallbackRequest{Number: "041 555 000", Name: "Customer", Queue: pick(w, []string{"a", "b", "c"}), Date: day, From: from, Till: till, Zone: "UTC"}
	switch w.r.IntN(14) {
	case 0, 1:
		if p := w.call(); p != nil {
			w.step(TakeBack{Call: p.ID, Request: wire.CallbackFromCall{Kind: pick(w, []wire.CallbackKind{"", wire.CallbackVoice}), Number: "041555001"}, Actor: "customer"})
		}
	case 2:
		if p := w.call(); p != nil {
			w.step(DigitPressed{CallID: p.ID, LegID: p.customer, Digit: pick(w, []string{"1", "2", "3"})})
		}
	case 3:
		w.step(PlanCallback{ID: w.id("cbk"), Request: plan, Actor: "sup"})
	case 4:
		w.step(AskCallback{ID: w.id("cbk"), Ask: wire.CallbackAsk{Number: "041555002", Name: "Web", Queue: "a"}, Code: pick(w, []string{"", "right"})})
	case 5:
		w.step(ConfirmCallback{ID: cb, Code: pick(w, []string{"right", "right", "wrong"})})
	case 6:
		w.step(AssignCallback{ID: cb, Assignee: pick(w, []string{"", who}), Alone: time.Minute, Actor: "sup"})
	case 7:
		w.step(CancelCallback{ID: cb, Agent: pick(w, []string{who, ""}), Actor: who})
	case 8:
		w.step(CompleteCallback{ID: cb, Agent: who, Actor: who})
	case 9, 10, 11:
		w.step(DialCallback{ID: cb, Agent: who, Actor: who})
	case 12:
		w.step(RescheduleCallback{ID: cb, Request: plan, Actor: "sup"})
	case 13:
		w.step(ChangeCallback{ID: cb, Request: plan, Actor: "sup"})
	}
}

// work is an agent at work in the campaign, or a supervisor moving it.
func (w *world) work(who string) {
	in := ChangeRecord{ID: recent(w, w.records), Agent: who, Actor: who, Own: w.r.IntN(4) > 0}
	if r, ok := w.f.state.Records[in.ID]; ok && r.State == wire.RecordPreview && w.r.IntN(2) == 0 {
		in.Do, in.Agent, in.Actor = "dial", r.Agent, r.Agent
		w.step(in)
		return
	}
	switch w.r.IntN(12) {
	case 0, 1:
		w.step(AskRecord{Campaign: w.campaign, Agent: who})
		return
	case 2:
		w.step(MoveCampaign{ID: w.campaign, To: pick(w, []string{"start", "start", "pause"}), Actor: "sup"})
		return
	case 3, 4, 5, 6:
		in.Do = "dial"
	case 7, 8:
		in.Do, in.Done = "done", wire.RecordDone{Disposition: "sold", Stop: w.r.IntN(4) == 0}
	case 9:
		in.Do = pick(w, []string{"reject", "cancel", "do_not_call"})
	default:
		at := w.now.Add(20 * time.Minute)
		in.Do, in.Reschedule = "reschedule", wire.RecordReschedule{Date: at.Format("2006-01-02"), Time: at.Format("15:04"), Zone: "UTC", Personal: w.r.IntN(2) == 0}
	}
	w.step(in)
}

// supervisor is a supervision and its call, as the supervisor's desktop knows them.
type supervisor struct{ id, call, leg string }

// supervise is something a supervisor does, or what happens to the supervisor's voice.
func (w *world) supervise() {
	p := w.call()
	if p == nil {
		return
	}
	var s *supervisor
	if n := len(w.sups); n > 0 {
		s = &w.sups[max(0, n-1-w.r.IntN(3))]
	}
	who := w.agent()
	by := pick(w, []string{"sup", "sup", who})
	x := w.r.IntN(16)
	switch {
	case x < 4:
		id := w.id("sup")
		w.step(Supervise{ID: id, Call: p.ID, By: by, Mode: pick(w, []wire.SupervisionMode{wire.Monitor, wire.Coach, wire.Barge}), Agent: pick(w, []string{"", w.f.state.Contacts[p.ID].Agent, w.agent()})})
		if got, err := w.f.Watched(p.ID, by); err == nil && got.ID == id {
			w.sups = append(w.sups, supervisor{id: id, call: p.ID})
		}
	case x < 8 && s != nil && s.leg == "":
		if q := w.party(s.call); q != nil && !q.over && len(q.legs) < 8 {
			s.leg = w.id("leg")
			l := wire.Leg{ID: s.leg, CallID: s.call, Role: wire.RoleSupervisor, ClientRef: s.id}
			q.legs[s.leg] = l
			w.bus = append(w.bus, LegAnswered{l})
		}
	case x < 9 && s != nil && s.leg != "":
		if q := w.party(s.call); q != nil && !q.over {
			w.endLeg(q, s.leg, pick(w, []string{"hangup", "media_lost"}))
		}
		s.leg = ""
	case x < 10 && s != nil:
		w.step(Unsupervise{ID: s.id, Actor: "sup"})
	case x < 12:
		before := w.f.state.Contacts[p.ID].Agent
		w.step(TakeOver{Call: p.ID, Agent: who, Actor: "sup"})
		if now := w.f.state.Contacts[p.ID].Agent; now == who && before != who && before != "" {
			w.counts["taken over"]++
		}
	case x < 13:
		w.step(ForceWrapup{Agent: who, Reason: pick(w, []string{"", "resolved"}), Actor: "sup"})
		if w.f.state.Agents[who].State == wire.AgentWrapup {
			w.counts["forced wrap-up"]++
		}
	case x < 14 && w.r.IntN(4) == 0:
		w.step(ForceEnd{Call: p.ID, Actor: "sup"})
		w.counts["forced end"]++
	}
}

func (w *world) party(callID string) *party {
	for _, p := range w.calls {
		if p.ID == callID {
			return p
		}
	}
	return nil
}

// checkDeadlines: nothing in the state waits for a moment that was over a second ago. It looks at the things
// themselves, not at the index the floor finds its deadlines by.
func (w *world) checkDeadlines() {
	s, late := w.f.state, w.now.Add(-time.Second)
	for k := range s.Agents {
		w.timely(late, KindAgent, k)
	}
	for k := range s.Contacts {
		w.timely(late, KindContact, k)
	}
	for k := range s.Offers {
		w.timely(late, KindOffer, k)
	}
	for k := range s.Wrapups {
		w.timely(late, KindWrapup, k)
	}
	for k := range s.Callbacks {
		w.timely(late, KindCallback, k)
	}
	for k := range s.Consults {
		w.timely(late, KindConsult, k)
	}
	for k := range s.Waits {
		w.timely(late, KindWait, k)
	}
	for k := range s.Records {
		w.timely(late, KindRecord, k)
	}
	for k := range s.Watches {
		w.timely(late, KindWatch, k)
	}
	for k := range w.f.tempos {
		w.timely(late, KindPace, k)
	}
}

func (w *world) timely(late time.Time, kind Kind, id string) {
	if at := w.f.dueAt(key{kind, id}); !at.IsZero() && at.Before(late) {
		w.fail("%s %s waits for %s, which is over", kind, id, at)
	}
}

// checkTasks holds what must be true of callbacks and records.
func (w *world) checkTasks() {
	s := w.f.state
	calls := map[string]string{}
	tasks := 0
	for cid, c := range s.Contacts {
		if c.Task == "" {
			continue
		}
		tasks++
		if s.Callbacks[c.Task].Call == cid || s.Records[c.Task].Call == cid {
			calls[c.Task] = cid
		} else if c.Customer == "" && c.Left.IsZero() && c.State != contact.Diverted { // whoever talks may have closed the task already
			w.fail("%+v is dialled for a task that does not know it", c)
		}
		if c.State == contact.Dialing && c.Agent == "" && c.Customer == "" {
			w.counts["dialled ahead"]++
		}
	}
	if tasks != w.f.taskCalls {
		w.fail("%d calls of tasks, %d counted", tasks, w.f.taskCalls)
	}
	for id, c := range s.Callbacks {
		if !c.Over() && c.Assignee != "" && !w.f.mayHave(c.Assignee, c.Queue) {
			w.fail("callback %+v is for somebody who cannot have it", c)
		}
		switch c.State {
		case wire.CallbackOffered, wire.CallbackPreview, wire.CallbackDialing, wire.CallbackTalking:
			if calls[id] != c.Call || c.Call == "" {
				w.fail("callback %+v, its call is %q", c, calls[id])
			}
		case wire.CallbackPlanned, wire.CallbackRequested, wire.CallbackReached:
			if c.Deadline.IsZero() {
				w.fail("callback %+v waits for no time", c)
			}
		}
	}
	for id, r := range s.Records {
		if r.Personal != "" && r.State != wire.RecordClosed && !w.f.serves(r.Personal, s.Campaigns[r.Campaign].Setup.Queue) {
			w.fail("record %+v is for somebody who cannot have it", r)
		}
		if most := s.Campaigns[r.Campaign].Setup.Attempts; r.Attempts > most || r.Tried > len(r.Numbers) {
			w.fail("record %+v has had more than %d rounds", r, most)
		}
		switch r.State {
		case wire.RecordOffered, wire.RecordPreview, wire.RecordDialing, wire.RecordTalking:
			if calls[id] != r.Call || r.Call == "" {
				w.fail("record %+v, its call is %q", r, calls[id])
			}
		case wire.RecordReview:
			if r.Deadline.IsZero() {
				w.fail("record %+v waits for no time", r)
			}
		}
	}
	for _, l := range w.f.order {
		if len(l.Idle()) == 0 || w.f.DialLimit() != nil {
			continue
		}
		for _, x := range l.tasks.Calls() {
			cb := s.Callbacks[x.ID]
			_, free := w.f.pickFor(l, cb)
			_, entry := w.f.entry(cb.Entry)
			if free && entry {
				w.fail("callback %+v waits beside a free agent", cb)
			}
		}
	}
}

// checkWatchers holds what must be true of supervisors.
func (w *world) checkWatchers() {
	for _, c := range w.f.state.Contacts {
		by := map[string]bool{}
		for _, s := range c.Watchers {
			if by[s.By] || (s.Leg == "") == s.Deadline.IsZero() {
				w.fail("supervisions of %s: %+v", c.ID, c.Watchers)
			}
			by[s.By] = true
		}
		for _, seat := range w.f.ears(c) {
			i := c.Watchers.Find(func(s supervision.Supervision) bool { return s.Leg == seat.LegID })
			if s := c.Watchers[i]; s.Mode == wire.Monitor && (seat.Aloud || seat.Whisper == nil || len(seat.Whisper.To) > 0) {
				w.fail("%+v is heard: %+v", s, seat)
			} else if s.Mode == wire.Coach && (seat.Aloud || seat.Whisper == nil || len(seat.Whisper.To) > 1 || len(seat.Whisper.To) == 1 && seat.Whisper.To[0] == c.Customer) {
				w.fail("%+v is heard by somebody else: %+v", s, seat)
			}
		}
	}
}
