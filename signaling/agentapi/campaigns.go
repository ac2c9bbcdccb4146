package agentapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// CampaignDesk is what the API asks of the desk's campaigns.
type CampaignDesk interface {
	MakeCampaign(ctx context.Context, r wire.CampaignRequest, actor string) (wire.Campaign, error)
	ChangeCampaign(ctx context.Context, id string, r wire.CampaignRequest, actor string) (wire.Campaign, error)
	MoveCampaign(ctx context.Context, id, to, actor string) (wire.Campaign, error)
	AskRecord(ctx context.Context, campaignID, agentID string) (wire.Campaign, error)
	Campaign(id string) (wire.Campaign, error)
	Campaigns(agentID string) []wire.Campaign
	WorksIn(agentID, campaignID string) bool
	Records(campaignID string) ([]wire.CampaignRecord, error)
	Record(id string) (wire.CampaignRecord, error)
	RecordsOf(agentID string) []wire.CampaignRecord
	StagesOf(agentID string) []wire.Stage
	ChangeRecord(ctx context.Context, in floor.ChangeRecord) (wire.CampaignRecord, error)
	AddList(ctx context.Context, name string, csv io.Reader) (wire.ContactListing, error)
	Lists() []wire.ContactListing
	SearchContacts(text string, limit int) []wire.ContactMatch
	KeepContact(ctx context.Context, number, agentID string, r wire.ContactRequest) (wire.ContactMatch, error)
	// Contact is a row of a list, from 1; 404 for one there is not.
	Contact(list string, row int) (wire.ContactMatch, error)
	DropList(ctx context.Context, id string) error
	Bar(ctx context.Context, numbers []string, on bool) error
	Barred(number string) bool
}

const (
	typeCSV = "text/csv"
	// maxList is the largest file of contacts.
	maxList = 64 << 20
	// mostFound is how many contacts are looked at for an agent who sees numbers masked.
	mostFound = 1000
)

// campaignRoutes are the routes of campaigns, records and lists.
func campaignRoutes() []Route {
	out := []Route{
		{
			Method: post, Pattern: "/v1/lists", Grant: "campaign:write", Query: []string{"name"}, Stream: true, Body: maxList,
			Summary: "Upload contacts as CSV; rows with faults are left out and named", Request: "", Types: []string{typeCSV},
			Response: wire.ContactListing{}, Statuses: []int{201, 413, 415, 422, 503}, Handler: postList,
		},
		{
			Method: get, Pattern: "/v1/lists", Grant: "campaign:write", Summary: "The lists of contacts",
			Response: wire.ContactLists{}, Statuses: []int{200, 503}, Handler: getLists,
		},
		{
			Method: remove, Pattern: "/v1/lists/{list}", Grant: "campaign:write", Summary: "Forget a list that no campaign calls",
			Statuses: []int{204, 404, 409, 503}, Handler: deleteList,
		},
		{
			Method: get, Pattern: "/v1/contacts", Act: "search", Grant: "contact:read", Own: "agent:self", Query: []string{"text", "limit"},
			Summary:  "Contacts of the lists by words of their name or three digits of a number",
			Response: wire.ContactMatches{}, Statuses: []int{200, 422, 503}, Handler: getContacts,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/contact", Act: "campaign_change", Grant: "campaign:write", Own: "agent:self",
			Summary: "Keep the customer of a call as a contact of the campaign stage they have called",
			Request: wire.ContactRequest{}, Response: wire.ContactMatch{}, Statuses: []int{201, 404, 422, 503}, Handler: postContact,
		},
		{
			Method: patch, Pattern: "/v1/records/{record}", Act: "campaign_change", Grant: "campaign:write", Own: "agent:self",
			Summary: "Change what is known about a contact (merge patch)", Request: wire.RecordPatch{}, Types: []string{typeMerge},
			Response: wire.CampaignRecord{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: changeRecord("change"),
		},
		{
			Method: post, Pattern: "/v1/do-not-call", Grant: "campaign:write", Summary: "Numbers that no campaign may call",
			Request: wire.DoNotCall{}, Statuses: []int{204, 422, 503}, Handler: postBar,
		},
		{
			Method: get, Pattern: "/v1/do-not-call/{number}", Grant: "campaign:write", Summary: "204 for a number that must not be called, 404 for others",
			Statuses: []int{204, 404, 503}, Handler: getBar,
		},
		{
			Method: remove, Pattern: "/v1/do-not-call/{number}", Grant: "campaign:write", Summary: "The number may be called again",
			Statuses: []int{204, 422, 503}, Handler: deleteBar,
		},
		{
			Method: post, Pattern: "/v1/campaigns", Grant: "campaign:write", Summary: "Make a campaign; it does not run yet",
			Request: wire.CampaignRequest{}, Response: wire.Campaign{}, Statuses: []int{201, 422, 503}, Handler: postCampaign,
		},
		{
			Method: get, Pattern: "/v1/campaigns", Grant: "campaign:read", Own: "agent:self",
			Summary:  "Campaigns with their progress, newest first; an agent's token sees those of the agent's queues",
			Response: wire.CampaignList{}, Statuses: []int{200, 503}, Handler: getCampaigns,
		},
		{
			Method: get, Pattern: "/v1/campaigns/{campaign}", Grant: "campaign:read", Own: "agent:self", Summary: "One campaign",
			Response: wire.Campaign{}, Statuses: []int{200, 404, 503}, Handler: getCampaign,
		},
		{
			Method: http.MethodPut, Pattern: "/v1/campaigns/{campaign}", Grant: "campaign:write", Summary: "Change a campaign that does not run",
			Request: wire.CampaignRequest{}, Response: wire.Campaign{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: putCampaign,
		},
		{
			Method: post, Pattern: "/v1/campaigns/{campaign}/next", Act: "campaign_next", Grant: "campaign:write", Own: "agent:self",
			Summary:  "The agent's next record; where records come by themselves, they come again after a Done and Stop",
			Response: wire.Campaign{}, Statuses: []int{200, 404, 409, 422, 429, 503}, Handler: postNext,
		},
		{
			Method: get, Pattern: "/v1/campaigns/{campaign}/records", Grant: "campaign:write", Query: []string{"cursor", "limit"},
			Summary: "A campaign's records with their history", Response: wire.RecordList{}, Statuses: []int{200, 404, 422, 503}, Handler: getRecords,
		},
		{
			Method: get, Pattern: "/v1/records/{record}", Grant: "campaign:write", Own: "agent:self", Summary: "One record that is not closed",
			Response: wire.CampaignRecord{}, Statuses: []int{200, 404, 503}, Handler: getRecord,
		},
	}
	for _, to := range []struct{ verb, summary string }{
		{"start", "Records come from now on"}, {"pause", "No further records; calls go on"}, {"finish", "End a campaign; calls go on"},
	} {
		out = append(out, Route{
			Method: post, Pattern: "/v1/campaigns/{campaign}/" + to.verb, Grant: "campaign:write", Summary: to.summary,
			Response: wire.Campaign{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: moveCampaign(to.verb),
		})
	}
	for _, do := range []struct {
		verb, name, summary string
		request             any
	}{
		{"dial", "dial", "Dial the record in preview", wire.DialRequest{}},
		{"done", "done", "Close a record with a disposition; with stop, no further records", wire.RecordDone{}},
		{"reschedule", "reschedule", "Another time for a record, at once and for good", wire.RecordReschedule{}},
		{"reject", "reject", "Back to the list, for another agent", nil},
		{"cancel", "cancel", "Not processed in this campaign", nil},
		{"do-not-call", "do_not_call", "Close a record and never call its numbers again", nil},
	} {
		out = append(out, Route{
			Method: post, Pattern: "/v1/records/{record}/" + do.verb, Act: "campaign_" + do.name, Grant: "campaign:write", Own: "agent:self", Summary: do.summary,
			Request: do.request, Response: wire.CampaignRecord{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: changeRecord(do.name),
		})
	}
	return out
}

func postList(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	if q.contentType() != typeCSV {
		return unsupported(typeCSV)
	}
	var l wire.ContactListing
	name := q.r.URL.Query().Get("name")
	err = q.administer(act{"list.add", "list.added", "", some("name", name)}, func() (string, error) {
		l, err = d.AddList(q.ctx(), name, q.r.Body)
		return l.ID, err
	})
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return problem.New(http.StatusRequestEntityTooLarge, "body_too_large", "a list is at most %d bytes long", maxList)
	}
	if err != nil {
		return err
	}
	q.header("Location", "/v1/lists/"+l.ID)
	return q.reply(http.StatusCreated, l)
}

func getLists(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.ContactLists{Items: list(d.Lists())})
}

func getContacts(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	n, err := q.limit()
	if err != nil {
		return err
	}
	text := strings.TrimSpace(q.r.URL.Query().Get("text"))
	if utf8.RuneCountInString(text) < 2 || utf8.RuneCountInString(text) > 100 {
		return invalidQuery("text", "say at least two letters of a name, or three digits of a number")
	}
	if !q.masked() {
		return q.reply(http.StatusOK, wire.ContactMatches{Items: list(d.SearchContacts(text, n))})
	}
	found := list(hiddenDigits(d.SearchContacts(text, mostFound), text))
	return q.reply(http.StatusOK, wire.ContactMatches{Items: found[:min(n, len(found))]})
}

func postContact(q *request) error {
	var in wire.ContactRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	c, err := q.callFor(q.mayRead)
	if err != nil {
		return err
	}
	number := c.From
	if c.Direction == wire.Outbound {
		number = c.To
	}
	m, err := d.KeepContact(q.ctx(), number, q.onBehalf(), in)
	if err != nil {
		return err
	}
	return q.reply(http.StatusCreated, m)
}

func deleteList(q *request) error {
	d, err := q.desk()
	if err == nil {
		err = q.administer(act{"list.delete", "list.deleted", q.path("list"), nil}, func() (string, error) {
			return "", d.DropList(q.ctx(), q.path("list"))
		})
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

func postBar(q *request) error {
	var in wire.DoNotCall
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err == nil {
		err = q.administer(act{"do_not_call.add", "do_not_call.added", "", numbersOf(in.Numbers)}, func() (string, error) {
			return "", d.Bar(q.ctx(), in.Numbers, true)
		})
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

func getBar(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	if !d.Barred(q.path("number")) {
		return problem.New(http.StatusNotFound, "number_not_found", "this number is not on the do-not-call list")
	}
	return q.reply(http.StatusNoContent, nil)
}

func deleteBar(q *request) error {
	d, err := q.desk()
	if err == nil {
		number := []string{q.path("number")}
		err = q.administer(act{"do_not_call.remove", "do_not_call.removed", "", numbersOf(number)}, func() (string, error) {
			return "", d.Bar(q.ctx(), number, false)
		})
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

func postCampaign(q *request) error {
	var in wire.CampaignRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	var c wire.Campaign
	err = q.administer(act{"campaign.create", "campaign.created", "", campaignOf(in)}, func() (string, error) {
		c, err = d.MakeCampaign(q.ctx(), in, q.actor())
		return c.ID, err
	})
	if err != nil {
		return err
	}
	q.header("Location", "/v1/campaigns/"+c.ID)
	return q.reply(http.StatusCreated, c)
}

func getCampaigns(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.CampaignList{Items: list(d.Campaigns(q.onBehalf()))})
}

// campaign checks that a campaign is the token's agent's business.
func (q *request) campaign() (Desk, string, error) {
	d, err := q.desk()
	if err != nil {
		return nil, "", err
	}
	cid := q.path("campaign")
	if _, err := d.Campaign(cid); err != nil {
		return nil, "", err
	}
	if !q.all() && !d.WorksIn(q.claims.Agent, cid) {
		return nil, "", q.notOwn("campaign", cid)
	}
	return d, cid, nil
}

func (q *request) replyCampaign(c wire.Campaign, err error) error {
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, c)
}

func getCampaign(q *request) error {
	d, cid, err := q.campaign()
	if err != nil {
		return err
	}
	return q.replyCampaign(d.Campaign(cid))
}

func putCampaign(q *request) error {
	var in wire.CampaignRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, cid, err := q.campaign()
	if err != nil {
		return err
	}
	var c wire.Campaign
	err = q.administer(act{"campaign.change", "campaign.changed", cid, campaignOf(in)}, func() (string, error) {
		c, err = d.ChangeCampaign(q.ctx(), cid, in, q.actor())
		return "", err
	})
	return q.replyCampaign(c, err)
}

// campaignOf is what the audit log has of a campaign's setup.
func campaignOf(r wire.CampaignRequest) map[string]string {
	return some("name", r.Name, "mode", string(r.Mode), "list", r.List, "queue", r.Queue)
}

// moved says what a campaign is after a move.
var moved = map[string]string{"start": "started", "pause": "paused", "finish": "finished"}

func moveCampaign(to string) func(*request) error {
	return func(q *request) error {
		d, cid, err := q.campaign()
		if err != nil {
			return err
		}
		var c wire.Campaign
		err = q.administer(act{"campaign." + to, "campaign." + moved[to], cid, nil}, func() (string, error) {
			c, err = d.MoveCampaign(q.ctx(), cid, to, q.actor())
			return "", err
		})
		return q.replyCampaign(c, err)
	}
}

func postNext(q *request) error {
	d, cid, err := q.campaign()
	if err != nil {
		return err
	}
	if q.claims.Agent == "" {
		return problem.New(http.StatusNotFound, "no_agent", "the token is no agent's")
	}
	return q.replyCampaign(d.AskRecord(q.ctx(), cid, q.claims.Agent))
}

func getRecords(q *request) error {
	d, cid, err := q.campaign()
	if err != nil {
		return err
	}
	all, err := d.Records(cid)
	if err != nil {
		return err
	}
	page, next, err := paged(q, all, func(r wire.CampaignRecord) string { return r.ID })
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.RecordList{Items: page, Next: next})
}

// record checks that a record is the token's agent's business.
func (q *request) record() (Desk, wire.CampaignRecord, error) {
	d, err := q.desk()
	if err != nil {
		return nil, wire.CampaignRecord{}, err
	}
	r, err := d.Record(q.path("record"))
	if err == nil && !q.all() && (q.claims.Agent == "" || r.Agent != q.claims.Agent && r.Personal != q.claims.Agent) {
		err = q.notOwn("record", r.ID)
	}
	return d, r, err
}

func getRecord(q *request) error {
	_, r, err := q.record()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, r)
}

func changeRecord(do string) func(*request) error {
	return func(q *request) error {
		in := floor.ChangeRecord{Do: do, Actor: q.actor(), Agent: q.claims.Agent, Own: !q.all()}
		var err error
		var dial wire.DialRequest
		switch do {
		case "dial":
			err = q.decode(&dial)
			in.Number = dial.Number
		case "done":
			err = q.decode(&in.Done)
		case "change":
			err = q.decode(&in.Patch)
		case "reschedule":
			err = q.decode(&in.Reschedule)
		}
		if err != nil {
			return err
		}
		d, r, err := q.record()
		if err != nil {
			return err
		}
		switch do {
		case "dial":
			in.Number, err = ofRecord(r, dial.Number, dial.Index)
		case "change":
			unchanged(r, &in.Patch)
		case "reschedule":
			in.Reschedule.Number, err = ofRecord(r, in.Reschedule.Number, in.Reschedule.Index)
		}
		if err != nil {
			return err
		}
		in.ID = r.ID
		if r, err = d.ChangeRecord(q.ctx(), in); err != nil {
			return err
		}
		return q.reply(http.StatusOK, r)
	}
}
