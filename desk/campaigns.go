package desk

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/contacts"
	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Detector tells whether a person or an answering machine has answered a leg. It may take up to 3 s. An
// error means that it could not tell; then whoever answered is taken for a person.
type Detector interface {
	Machine(ctx context.Context, callID, legID string) (bool, error)
}

// keepLimit bounds the wait for the log of the lists.
const keepLimit = 2 * time.Second

// keepRecords keeps closed records with their lists and lets the state forget them. What could not be kept
// stays in the state and is tried with the next ones.
func (d *Desk) keepRecords() {
	if len(d.settled) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), keepLimit)
	defer cancel()
	if err := d.contacts.Close(ctx, d.settled); err != nil {
		d.deps.Log.Warn("closed records not kept", "count", len(d.settled), "cause", err)
		return
	}
	in := floor.Archived{}
	for _, r := range d.settled {
		in.IDs = append(in.IDs, r.ID)
	}
	d.settled = nil
	d.post(letter{in: in})
}

// AddList reads a CSV file (see package contacts) and keeps it as a list.
func (d *Desk) AddList(ctx context.Context, name string, csv io.Reader) (wire.ContactListing, error) {
	var faults callback.Faults
	faults.Text("/name", name, 1, callback.MaxText)
	if err := faults.Err(); err != nil {
		return wire.ContactListing{}, err
	}
	p, err := contacts.Parse(csv, d.deps.Numbering)
	if err != nil {
		return wire.ContactListing{}, err
	}
	return d.contacts.Add(ctx, id.New(id.List), name, p, d.deps.Now())
}

// Lists are all lists.
func (d *Desk) Lists() []wire.ContactListing { return d.contacts.Lists() }

// DropList forgets a list; 409 while a campaign calls it.
func (d *Desk) DropList(ctx context.Context, listID string) error {
	var err error
	if closed := d.read(func() { err = d.floor.ListInUse(listID) }); closed != nil {
		return closed
	}
	if err != nil {
		return err
	}
	return d.contacts.Drop(ctx, listID)
}

// Bar puts numbers on the do-not-call list, or with on false takes them off.
func (d *Desk) Bar(ctx context.Context, numbers []string, on bool) error {
	var faults callback.Faults
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = faults.Number("/numbers", n)
	}
	if len(numbers) == 0 || len(numbers) > contacts.MaxNumbers {
		faults.Add("/numbers", "length", "one to 256 numbers")
	}
	if err := faults.Err(); err != nil {
		return err
	}
	return d.contacts.Bar(ctx, out, on)
}

// KeepContact keeps who has called a campaign stage for new customers in the stage's own list. agentID is the agent who does
// it, "" for a program; 403 for one who is not of the stage.
func (d *Desk) KeepContact(ctx context.Context, number, agentID string, r wire.ContactRequest) (wire.ContactMatch, error) {
	var faults callback.Faults
	faults.Text("/name", r.Name, 1, callback.MaxText)
	faults.Text("/note", r.Note, 0, callback.MaxText)
	var stage floor.Stage
	var known bool
	if closed := d.read(func() { stage, known = d.floor.Stage(r.Stage) }); closed != nil {
		return wire.ContactMatch{}, closed
	}
	if !known {
		faults.Add("/stage", "unknown", "there is no campaign stage %s", r.Stage)
	}
	if err := faults.Err(); err != nil {
		return wire.ContactMatch{}, err
	}
	if agentID != "" && !slices.Contains(stage.Agents, agentID) {
		return wire.ContactMatch{}, problem.New(http.StatusForbidden, "forbidden", "agent %s is not of campaign stage %s", agentID, stage.ID)
	}
	row := contacts.Row{Name: r.Name, Numbers: []wire.ContactNumber{{Number: number}}}
	if r.Note != "" {
		row.Fields = map[string]string{"note": r.Note}
	}
	list, name := id.List+"_stage_"+stage.ID, cmp.Or(stage.Name, stage.ID)
	at, err := d.contacts.Keep(ctx, list, name, []string{"name", "number", "note"}, row, d.deps.Now())
	return wire.ContactMatch{List: list, ListName: name, Row: at, Name: row.Name, Numbers: row.Numbers, Fields: row.Fields}, err
}

// SearchContacts finds contacts of the lists by words of their name or digits of their numbers. It does not wait.
func (d *Desk) SearchContacts(text string, limit int) []wire.ContactMatch {
	return d.contacts.Search(text, limit)
}

// Contact is a row of a list, from 1; 404 for one there is not. It does not wait.
func (d *Desk) Contact(list string, row int) (wire.ContactMatch, error) {
	r, ok := d.contacts.Row(list, row-1)
	l, err := d.contacts.List(list)
	if !ok || err != nil {
		return wire.ContactMatch{}, problem.NotFound("contact", fmt.Sprintf("%s/%d", list, row))
	}
	return contacts.Match(l, row, r), nil
}

// Barred says whether a number is on the do-not-call list.
func (d *Desk) Barred(number string) bool { return d.contacts.Barred(floor.Normalize(number)) }

func (d *Desk) changeCampaign(ctx context.Context, cid string, in floor.Input) (wire.Campaign, error) {
	var c wire.Campaign
	var err error
	if refused := d.ask(ctx, in, func() { c, err = d.floor.Campaign(cid, d.deps.Now()) }); refused != nil {
		return wire.Campaign{}, refused
	}
	return c, err
}

// MakeCampaign makes a campaign, which does not run yet.
func (d *Desk) MakeCampaign(ctx context.Context, r wire.CampaignRequest, actor string) (wire.Campaign, error) {
	if err := d.checkDetector(r); err != nil {
		return wire.Campaign{}, err
	}
	cid := id.New(id.Campaign)
	return d.changeCampaign(ctx, cid, floor.MakeCampaign{ID: cid, Request: r, Actor: actor})
}

// checkDetector refuses a campaign that wants answering machines detected where nothing can.
func (d *Desk) checkDetector(r wire.CampaignRequest) error {
	var faults callback.Faults
	if r.Detect && d.deps.Detector == nil {
		faults.Add("/detect", "no_detector", "no detector of answering machines is configured")
	}
	return faults.Err()
}

// ChangeCampaign changes a campaign that does not run.
func (d *Desk) ChangeCampaign(ctx context.Context, cid string, r wire.CampaignRequest, actor string) (wire.Campaign, error) {
	if err := d.checkDetector(r); err != nil {
		return wire.Campaign{}, err
	}
	return d.changeCampaign(ctx, cid, floor.ChangeCampaign{ID: cid, Request: r, Actor: actor})
}

// MoveCampaign starts, pauses or finishes a campaign: to is "start", "pause" or "finish".
func (d *Desk) MoveCampaign(ctx context.Context, cid, to, actor string) (wire.Campaign, error) {
	if c, err := d.Campaign(cid); err == nil && to == "start" {
		if err := d.checkDetector(c.Setup); err != nil {
			return wire.Campaign{}, err
		}
	}
	return d.changeCampaign(ctx, cid, floor.MoveCampaign{ID: cid, To: to, Actor: actor})
}

// AskRecord gives an agent the campaign's next record to look at; where records come by themselves it takes
// back a Done and Stop.
func (d *Desk) AskRecord(ctx context.Context, cid, agentID string) (wire.Campaign, error) {
	return d.changeCampaign(ctx, cid, floor.AskRecord{Campaign: cid, Agent: agentID})
}

// Campaign is one campaign.
func (d *Desk) Campaign(cid string) (wire.Campaign, error) {
	var c wire.Campaign
	var err error
	if closed := d.read(func() { c, err = d.floor.Campaign(cid, d.deps.Now()) }); closed != nil {
		return c, closed
	}
	return c, err
}

// Campaigns are the campaigns of an agent's queues but for drafts, or all ("").
func (d *Desk) Campaigns(agentID string) (out []wire.Campaign) {
	_ = d.read(func() { out = d.floor.Campaigns(agentID, d.deps.Now()) })
	return out
}

// WorksIn says whether a campaign is an agent's.
func (d *Desk) WorksIn(agentID, cid string) (yes bool) {
	_ = d.read(func() { yes = d.floor.WorksIn(agentID, cid) })
	return yes
}

// Records are a campaign's records: those that are closed, and those that are not.
func (d *Desk) Records(cid string) ([]wire.CampaignRecord, error) {
	var open []wire.CampaignRecord
	var err error
	if closed := d.read(func() {
		if _, err = d.floor.Campaign(cid, d.deps.Now()); err == nil {
			open = d.floor.Records(cid)
		}
	}); closed != nil {
		return nil, closed
	}
	if err != nil {
		return nil, err
	}
	kept := d.contacts.Closed(cid)
	known := make(map[string]bool, len(kept))
	for _, r := range kept {
		known[r.ID] = true
	}
	out := append([]wire.CampaignRecord{}, kept...)
	for _, r := range open {
		if !known[r.ID] {
			out = append(out, r)
		}
	}
	return out, nil
}

// Record is one record that is not closed.
func (d *Desk) Record(rid string) (wire.CampaignRecord, error) {
	var r wire.CampaignRecord
	var err error
	if closed := d.read(func() { r, err = d.floor.Record(rid) }); closed != nil {
		return r, closed
	}
	return r, err
}

// StagesOf are the campaign stages an agent takes calls of.
func (d *Desk) StagesOf(agentID string) (out []wire.Stage) {
	_ = d.read(func() { out = d.floor.StagesOf(agentID) }) // only fails when the desk has ended
	return out
}

// RecordsOf are the records an agent has before them and has not closed; the one whose call is not over is the last.
func (d *Desk) RecordsOf(agentID string) (out []wire.CampaignRecord) {
	_ = d.read(func() { out = d.floor.RecordsOf(agentID) }) // only fails when the desk has ended
	return out
}

// ChangeRecord does with a record what in says. A do-not-call mark bars all its numbers first, so that it is
// in force when the record is closed.
func (d *Desk) ChangeRecord(ctx context.Context, in floor.ChangeRecord) (wire.CampaignRecord, error) {
	r, err := d.Record(in.ID)
	if err != nil {
		return r, err
	}
	if in.Do == "do_not_call" {
		if closed := d.read(func() { err = d.floor.MayChange(in) }); closed != nil {
			return r, closed
		}
		if err != nil {
			return r, err
		}
		var numbers []string
		for _, n := range r.Numbers {
			numbers = append(numbers, n.Number)
		}
		if err := d.contacts.Bar(ctx, numbers, true); err != nil {
			return r, err
		}
	}
	if refused := d.ask(ctx, in, func() { r, err = d.floor.Record(in.ID) }); refused != nil {
		return wire.CampaignRecord{}, refused
	}
	return r, err
}
