package floor

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/campaign"
	"github.com/cordboard/cordboard/desk/contacts"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// ChangeRecord is what an agent does with a record; see the API for the names in Do.
type ChangeRecord struct {
	ID, Do, Actor string
	Agent         string // who, "" for a program
	Own           bool   // the agent may only do it with what is the agent's
	Number        string // dial
	Done          wire.RecordDone
	Reschedule    wire.RecordReschedule
	Patch         wire.RecordPatch
}

func (in ChangeRecord) step(f *Floor) error {
	r, ok := f.state.Records[in.ID]
	if !ok {
		return problem.NotFound("record", in.ID)
	}
	if err := in.may(r); err != nil {
		return err
	}
	was, callID := r.State, r.Call
	stop := false
	var err error
	switch in.Do {
	case "dial":
		return f.dialRecord(r, in)
	case "done":
		if err = f.disposition(r.Campaign, in.Done.Disposition); err == nil {
			r, err = r.Done(in.Done.Disposition)
		}
		stop = in.Done.Stop
	case "reject":
		if !slices.Contains(r.Allowed(), "reject") {
			err = problem.Conflict("record_wrong_state", string(r.State), r.Allowed(), "record %s is %s: cannot reject", r.ID, r.State)
		} else {
			r, err = r.Back()
		}
	case "cancel":
		r, err = r.Cancel(campaign.ResultCancelled, "cancel")
	case "do_not_call":
		r, err = r.Cancel(campaign.ResultDNC, "do_not_call")
	case "change":
		r, err = r.Change(in.Patch)
	case "reschedule":
		r, err = f.reschedule(r, in)
		stop = in.Reschedule.Stop
	}
	if err != nil {
		return err
	}
	f.setRecord(r, in.Actor)
	if c := f.state.Campaigns[r.Campaign]; stop && in.Agent != "" {
		f.setCampaign(c.Stop(in.Agent, true), in.Actor)
	}
	if k, ok := f.state.Contacts[callID]; ok && was == wire.RecordPreview {
		f.finish(k, "cancelled")
	}
	return nil
}

// may refuses what an agent wants to do with a record that another one has, or that waits for nobody or another one.
func (in ChangeRecord) may(r campaign.Record) error {
	if !in.Own || in.Agent != "" && (r.Agent == in.Agent || r.State == wire.RecordReady && r.Personal == in.Agent) {
		return nil
	}
	return problem.Conflict("record_not_yours", string(r.State), []string{}, "record %s is not agent %s's", r.ID, in.Agent)
}

// MayChange refuses a change that the record's state or the agent's rights do not allow.
func (f *Floor) MayChange(in ChangeRecord) error {
	r, ok := f.state.Records[in.ID]
	if !ok {
		return problem.NotFound("record", in.ID)
	}
	if err := in.may(r); err != nil {
		return err
	}
	if !slices.Contains(r.Allowed(), in.Do) {
		return problem.Conflict("record_wrong_state", string(r.State), r.Allowed(), "record %s is %s: cannot %s", r.ID, r.State, in.Do)
	}
	return nil
}

func (f *Floor) disposition(cid, code string) error {
	var faults callback.Faults
	known := f.state.Campaigns[cid].Setup.Dispositions
	faults.Text("/disposition", code, 1, 100)
	if len(known) > 0 && !slices.ContainsFunc(known, func(d wire.Disposition) bool { return d.Code == code }) {
		faults.Add("/disposition", "unknown", "this is none of the campaign's dispositions")
	}
	return faults.Err()
}

func (f *Floor) dialRecord(r campaign.Record, in ChangeRecord) error {
	if !slices.Contains(r.Allowed(), "dial") {
		return problem.Conflict("record_wrong_state", string(r.State), r.Allowed(), "record %s is %s: cannot dial", r.ID, r.State)
	}
	k, ok := f.state.Contacts[r.Call]
	if !ok {
		return problem.NotFound("call", r.Call)
	}
	if in.Number != "" {
		i := f.indexOf(r, in.Number)
		if i < 0 {
			return unknownNumber()
		}
		r.At = i
	}
	if f.contacts.Barred(r.Number()) {
		return problem.New(http.StatusUnprocessableEntity, "do_not_call", "this number must not be called")
	}
	c := f.state.Campaigns[r.Campaign]
	if at, ok := r.Window(f.now, c.Setup.From, c.Setup.Till, c.Setup.Zone); !ok || at.After(f.now) {
		return problem.New(http.StatusUnprocessableEntity, "outside_window", "this number must not be called at this hour of the contact's day")
	}
	e, ok := f.entry(c.Setup.EntryPoint)
	if !ok {
		return noEntryPoint()
	}
	k.To, k.From = r.Number(), e.Number
	f.setContact(k)
	f.setRecord(must(r.Dial(k.Agent, k.ID, f.now)), in.Actor)
	f.dialCustomer(k, e.Trunk, time.Duration(c.Setup.RingSeconds)*time.Second)
	return nil
}

// indexOf is the place of a number among a contact's, -1 for none.
func (f *Floor) indexOf(r campaign.Record, number string) int {
	key := f.key(number)
	return slices.IndexFunc(r.Numbers, func(n wire.ContactNumber) bool { return f.key(n.Number) == key })
}

// key is equal for numbers that are the same.
func (f *Floor) key(number string) string {
	if f.contacts == nil {
		return Normalize(number)
	}
	return f.contacts.Key(number)
}

func unknownNumber() error {
	return &problem.Error{
		Status: http.StatusUnprocessableEntity, Code: "invalid_field", Detail: "this is none of the contact's numbers",
		Fields: []problem.Field{{Pointer: "/number", Code: "unknown"}},
	}
}

// reschedule checks date, time and number, and sets the record's next turn.
func (f *Floor) reschedule(r campaign.Record, in ChangeRecord) (campaign.Record, error) {
	q := in.Reschedule
	c := f.state.Campaigns[r.Campaign]
	var faults callback.Faults
	zone := cmp.Or(q.Zone, r.Zone, c.Setup.Zone)
	loc, err := hours.Zone(zone)
	if err != nil {
		faults.Add("/zone", "unknown", "%q is not an IANA time zone", zone)
		loc = time.UTC
	}
	day, err := time.Parse(time.DateOnly, q.Date)
	if err != nil {
		faults.Add("/date", "invalid", "a date is like 2026-03-01")
	}
	minute, err := hours.ParseClock(q.Time)
	if err != nil {
		faults.Add("/time", "invalid", "a time is like 09:30")
	}
	at, _ := hours.Wall(loc, day.Year(), day.Month(), day.Day(), minute)
	if len(faults) == 0 {
		switch {
		case !hours.Exists(loc, day.Year(), day.Month(), day.Day(), minute):
			faults.Add("/time", "nonexistent", "the clocks in %s skip this time on %s", zone, q.Date)
		case !at.After(f.now):
			faults.Add("/time", "past", "this time is over")
		case at.After(f.now.Add(366 * 24 * time.Hour)):
			faults.Add("/date", "too_late", "this is more than a year ahead")
		}
	}
	number := r.At
	if q.Add != nil {
		n := *q.Add
		n.Number = faults.Number("/add/number", n.Number)
		if n.Number != "" && f.indexOf(r, n.Number) >= 0 {
			faults.Add("/add/number", "duplicate", "the contact has this number already")
		}
		contacts.CheckHours(&faults, "/add/from", "/add/till", n.From, n.Till)
		r.Numbers = append(slices.Clone(r.Numbers), n)
		number = len(r.Numbers) - 1
	} else if q.Number != "" {
		if number = f.indexOf(r, q.Number); number < 0 {
			return r, unknownNumber()
		}
	}
	personal := ""
	if (q.Personal || c.Setup.Personal == "personal") && c.Setup.Personal != "campaign" {
		if personal = in.Agent; personal == "" {
			faults.Add("/personal", "no_agent", "only an agent can keep a record")
		} else if !f.serves(personal, c.Setup.Queue) {
			faults.Add("/personal", "no_access", "agent %s does not work in the campaign", personal)
		}
	}
	if len(faults) == 0 {
		f.checkNumber(&faults, r, number, q)
	}
	if err := faults.Err(); err != nil {
		return r, err
	}
	return r.Reschedule(at.UTC(), personal, number)
}

// checkNumber refuses a number that could never be called: that was asked for, or that is the last one.
func (f *Floor) checkNumber(faults *callback.Faults, r campaign.Record, number int, q wire.RecordReschedule) {
	pointer, hoursAt := "/number", "/number"
	if q.Add != nil {
		pointer, hoursAt = "/add/number", "/add/from"
	}
	asked := r
	if asked.At = number; f.usable(asked) {
		return
	}
	if r.At = 0; q.Add == nil && q.Number == "" && r.Skip(f.usable).At < len(r.Numbers) {
		return // another one takes its turn
	}
	if f.contacts.Barred(asked.Number()) {
		faults.Add(pointer, "do_not_call", "this number must not be called")
		return
	}
	c := f.state.Campaigns[r.Campaign].Setup
	faults.Add(hoursAt, "outside_window", "the number's hours lie outside those of the campaign, %s to %s", c.From, c.Till)
}

// Record is a record that is not archived yet.
func (f *Floor) Record(rid string) (wire.CampaignRecord, error) {
	r, ok := f.state.Records[rid]
	if !ok {
		return wire.CampaignRecord{}, problem.NotFound("record", rid)
	}
	return r.Wire(), nil
}

// RecordsOf are the records an agent has before them: looked at, dialled, talked to or not yet closed. The one whose
// call is not over is the last.
func (f *Floor) RecordsOf(agentID string) []wire.CampaignRecord {
	var held []campaign.Record
	for _, r := range f.state.Records {
		if r.Agent == agentID && r.Held() {
			held = append(held, r)
		}
	}
	rank := func(r campaign.Record) int {
		if r.State == wire.RecordReview {
			return 0
		}
		return 1
	}
	slices.SortFunc(held, func(a, b campaign.Record) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
	out := make([]wire.CampaignRecord, len(held))
	for i, r := range held {
		out[i] = r.Wire()
	}
	return out
}

// Records are a campaign's records that are not archived, by row.
func (f *Floor) Records(cid string) []wire.CampaignRecord {
	out := []wire.CampaignRecord{}
	for _, r := range f.state.Records {
		if r.Campaign == cid {
			out = append(out, r.Wire())
		}
	}
	slices.SortFunc(out, func(a, b wire.CampaignRecord) int { return cmp.Compare(a.Row, b.Row) })
	return out
}
