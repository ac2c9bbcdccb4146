package agentapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/campaign"
	"github.com/cordboard/cordboard/desk/contacts"
	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/numbering"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// outbound is a desk with one callback, one campaign and one record, all of bob's.
type outbound struct{}

const (
	callbackID = "cbk_01"
	campaignID = "cmp_01"
	recordID   = "rcd_01"
)

func theCallback() wire.Callback {
	return callback.Callback{
		ID: callbackID, Kind: wire.CallbackVoice, State: wire.CallbackPlanned, Number: theNumber, Name: "Cene Customer", Queue: "main",
		Assignee: "bob", Agent: "bob", Recording: recID, Limit: 3, Created: epoch, By: "bob", Version: 7, Deadline: epoch.Add(time.Hour),
	}.Wire()
}

func theCampaign() wire.Campaign {
	return campaign.Campaign{ID: campaignID, State: wire.CampaignRunning, Created: epoch, Version: 1, Setup: wire.CampaignRequest{Name: "Spring", Mode: wire.ModePreview, Queue: "main"}}.Wire(0, epoch)
}

func theRecord() wire.CampaignRecord {
	return campaign.Record{ID: recordID, Campaign: campaignID, State: wire.RecordPreview, Agent: "bob", Numbers: []wire.ContactNumber{{Number: theNumber}}, Version: 2}.Wire()
}

func known(id, want, noun string) error {
	if id != want {
		return problem.NotFound(noun, id)
	}
	return nil
}

func (outbound) PlanCallback(context.Context, wire.CallbackRequest, string, string) (wire.Callback, error) {
	return theCallback(), nil
}

func (outbound) ChangeCallback(_ context.Context, id string, _ wire.CallbackRequest, version uint64, _, _ string) (wire.Callback, error) {
	if version != 0 && version != 7 {
		return wire.Callback{}, problem.New(http.StatusPreconditionFailed, "version_mismatch", "it has changed")
	}
	return theCallback(), known(id, callbackID, "callback")
}

func (outbound) RescheduleCallback(context.Context, string, wire.CallbackRequest, string, string) (wire.Callback, error) {
	return theCallback(), nil
}

func (outbound) AssignCallback(context.Context, string, string, time.Duration, string, string) (wire.Callback, error) {
	return theCallback(), nil
}

func (outbound) CancelCallback(context.Context, string, string, string) (wire.Callback, error) {
	return theCallback(), nil
}

func (outbound) CompleteCallback(context.Context, string, string, string, string) (wire.Callback, error) {
	return theCallback(), nil
}

func (outbound) DialCallback(context.Context, string, string, string, string) (wire.Callback, error) {
	return theCallback(), nil
}

func (outbound) TakeBack(_ context.Context, _ string, r wire.CallbackFromCall, _ string) (wire.Callback, error) {
	if r.Kind == wire.CallbackVoice { // the message comes first
		return wire.Callback{}, nil
	}
	return theCallback(), nil
}

func (outbound) AskCallback(context.Context, wire.CallbackAsk, bool) (wire.CallbackReceipt, error) {
	return wire.CallbackReceipt{ID: callbackID, State: wire.CallbackRequested}, nil
}

func (outbound) ConfirmCallback(_ context.Context, id, _ string) (wire.CallbackReceipt, error) {
	return wire.CallbackReceipt{ID: id, State: wire.CallbackWaiting}, nil
}

func (outbound) Callback(id string) (wire.Callback, error) {
	return theCallback(), known(id, callbackID, "callback")
}

func (outbound) Callbacks(desk.CallbackFilter) []wire.Callback {
	a, b := theCallback(), theCallback()
	b.ID = "cbk_02"
	return []wire.Callback{a, b}
}
func (outbound) CallbackMine(_, agentID string) bool { return agentID == "bob" }
func (outbound) Slots(string, string, string) ([]wire.Slot, error) {
	return []wire.Slot{{Start: epoch, End: epoch.Add(time.Hour), Available: true}}, nil
}

func (outbound) EntryPoints() wire.EntryPointList {
	return wire.EntryPointList{Items: []wire.EntryPoint{{Number: "0800", Name: "0800"}}, Planning: true}
}

func (outbound) MakeCampaign(context.Context, wire.CampaignRequest, string) (wire.Campaign, error) {
	return theCampaign(), nil
}

func (outbound) ChangeCampaign(context.Context, string, wire.CampaignRequest, string) (wire.Campaign, error) {
	return theCampaign(), nil
}

func (outbound) MoveCampaign(context.Context, string, string, string) (wire.Campaign, error) {
	return theCampaign(), nil
}

func (outbound) AskRecord(context.Context, string, string) (wire.Campaign, error) {
	return theCampaign(), nil
}

func (outbound) Campaign(id string) (wire.Campaign, error) {
	return theCampaign(), known(id, campaignID, "campaign")
}
func (outbound) Campaigns(string) []wire.Campaign { return []wire.Campaign{theCampaign()} }
func (outbound) WorksIn(agentID, _ string) bool   { return agentID == "bob" || agentID == "alice" }

func (outbound) Records(string) ([]wire.CampaignRecord, error) {
	return []wire.CampaignRecord{theRecord()}, nil
}

func (outbound) Record(id string) (wire.CampaignRecord, error) {
	return theRecord(), known(id, recordID, "record")
}

func (outbound) StagesOf(string) []wire.Stage {
	return []wire.Stage{{ID: "new", Name: "New customers", Inbound: true}}
}

func (outbound) RecordsOf(agentID string) []wire.CampaignRecord {
	if agentID != "alice" {
		return nil
	}
	return []wire.CampaignRecord{theRecord()}
}

func (outbound) ChangeRecord(context.Context, floor.ChangeRecord) (wire.CampaignRecord, error) {
	return theRecord(), nil
}

func (outbound) AddList(_ context.Context, name string, csv io.Reader) (wire.ContactListing, error) {
	p, err := contacts.Parse(csv, numbering.Plan{})
	return wire.ContactListing{ID: "lst_01", Name: name, Contacts: len(p.Rows), Columns: p.Columns, Created: epoch, Errors: p.Errors}, err
}

func (outbound) Lists() []wire.ContactListing {
	return []wire.ContactListing{{ID: "lst_01", Name: "Spring", Columns: []string{"number"}, Created: epoch}}
}

func (outbound) KeepContact(_ context.Context, number, _ string, r wire.ContactRequest) (wire.ContactMatch, error) {
	return wire.ContactMatch{List: "lst_stage_" + r.Stage, ListName: r.Stage, Row: 1, Name: r.Name, Numbers: []wire.ContactNumber{{Number: number}}}, nil
}

func (outbound) SearchContacts(string, int) []wire.ContactMatch {
	return []wire.ContactMatch{{List: "lst_01", ListName: "Spring", Row: 1, Name: "Ana Kranjc", Numbers: []wire.ContactNumber{{Number: theNumber}}}}
}

func (outbound) Contact(list string, row int) (wire.ContactMatch, error) {
	if list != "lst_01" || row != 1 {
		return wire.ContactMatch{}, problem.NotFound("contact", list)
	}
	return wire.ContactMatch{List: "lst_01", ListName: "Spring", Row: 1, Name: "Ana", Numbers: []wire.ContactNumber{{Number: theNumber}, {Number: "+38640111222"}}}, nil
}
func (outbound) DropList(context.Context, string) error    { return nil }
func (outbound) Bar(context.Context, []string, bool) error { return nil }
func (outbound) Barred(number string) bool                 { return number == "041000001" }

const workID = "wrk_01"

func theWork() wire.Work {
	return wire.Work{
		ID: workID, Kind: wire.WorkEmail, State: wire.WorkOpen, Queue: "main", From: "ana@example.com", Subject: "My order", Text: "Where is it?",
		Queued: epoch, Agent: "alice", Allowed: []string{"reply", "close", "cancel"}, Created: epoch, Version: 3,
	}
}

func (outbound) MakeWork(context.Context, wire.WorkRequest, string) (wire.Work, error) {
	return theWork(), nil
}

func (outbound) ReplyWork(context.Context, string, string, string) (wire.Work, error) {
	return theWork(), nil
}

func (outbound) CloseWork(context.Context, string, string) (wire.Work, error) { return theWork(), nil }

func (outbound) CancelWork(context.Context, string, string) (wire.Work, error) { return theWork(), nil }

func (outbound) Work(id string) (wire.Work, error) { return theWork(), known(id, workID, "work") }

func (outbound) AcceptAll(context.Context, string, string) ([]wire.Offer, error) {
	return []wire.Offer{bobsOffer(wire.OfferAccepted)}, nil
}

func (outbound) Works(string, string) []wire.Work { return []wire.Work{theWork()} }

func outboundExamples() []example {
	request := `{"number":"+386 41 555 555","name":"Cene Customer","queue":"main","date":"2026-03-02","from":"09:00","till":"10:00","zone":"Europe/Ljubljana"}`
	ask := `{"number":"041555555","name":"Cene Customer","queue":"main"}`
	setup := `{"name":"Spring","mode":"progressive","list":"lst_01","queue":"main"}`
	c, m, r := "/v1/callbacks/"+callbackID, "/v1/campaigns/"+campaignID, "/v1/records/"+recordID
	out := []example{
		{route: "POST /v1/callbacks", path: "/v1/callbacks", body: request, status: 201},
		{route: "GET /v1/callbacks", path: "/v1/callbacks?queue=main&open=true", status: 200},
		{route: "GET /v1/callbacks", path: "/v1/callbacks?limit=1&cursor=cbk_01", status: 200},
		{route: "GET /v1/callbacks", path: "/v1/callbacks?cursor=gone", status: 422},
		{route: "GET /v1/callbacks/slots", path: "/v1/callbacks/slots?queue=main&date=2026-03-02&zone=Europe/Ljubljana", status: 200},
		{route: "GET /v1/callbacks/entry-points", path: "/v1/callbacks/entry-points", status: 200},
		{route: "POST /v1/callbacks/requests", path: "/v1/callbacks/requests", body: ask, status: 202},
		{route: "POST /v1/callbacks/requests/{callback}/confirm", path: "/v1/callbacks/requests/" + callbackID + "/confirm", body: `{"code":"123456"}`, status: 200},
		{route: "POST /v1/callbacks/trusted", path: "/v1/callbacks/trusted", body: ask, status: 201},
		{route: "POST /v1/calls/{call}/callback", path: "/v1/calls/" + callID + "/callback", body: `{"kind":"courtesy"}`, status: 201},
		{route: "POST /v1/calls/{call}/callback", path: "/v1/calls/" + callID + "/callback", body: `{"kind":"voice"}`, status: 204},
		{route: "GET /v1/callbacks/{callback}", path: c, status: 200},
		{route: "GET /v1/callbacks/{callback}", path: "/v1/callbacks/cbk_no", status: 404},
		{route: "PUT /v1/callbacks/{callback}", path: c, body: request, status: 200},
		{route: "DELETE /v1/callbacks/{callback}", path: c, status: 200},
		{route: "POST /v1/callbacks/{callback}/reschedule", path: c + "/reschedule", body: request, status: 200},
		{route: "POST /v1/callbacks/{callback}/assign", path: c + "/assign", body: `{"assignee":"bob","fallback_seconds":600}`, status: 200},
		{route: "POST /v1/callbacks/{callback}/assign", path: c + "/assign", body: `{"fallback_seconds":-1}`, status: 422},
		{route: "POST /v1/callbacks/{callback}/dial", path: c + "/dial", body: `{}`, status: 200},
		{route: "POST /v1/callbacks/{callback}/complete", path: c + "/complete", body: `{}`, status: 200},
		{route: "GET /v1/callbacks/{callback}/message", path: c + "/message", status: 200},
		{route: "POST /v1/lists", path: "/v1/lists?name=Spring", body: "name,number\nAna,041000001\n", contentType: typeCSV, status: 201},
		{route: "GET /v1/lists", path: "/v1/lists", status: 200},
		{route: "GET /v1/contacts", path: "/v1/contacts?text=kranjc&limit=10", status: 200},
		{route: "GET /v1/contacts", path: "/v1/contacts?text=k", status: 422},
		{route: "POST /v1/calls/{call}/contact", path: "/v1/calls/" + callID + "/contact", body: `{"stage":"new","name":"Ana Kranjc","note":"asked for a quote"}`, status: 201},
		{route: "PATCH /v1/records/{record}", path: r, body: `{"name":"Ana Kranjc","fields":{"plan":"gold"}}`, contentType: typeMerge, status: 200},
		{route: "DELETE /v1/lists/{list}", path: "/v1/lists/lst_01", status: 204},
		{route: "POST /v1/do-not-call", path: "/v1/do-not-call", body: `{"numbers":["041000001"]}`, status: 204},
		{route: "GET /v1/do-not-call/{number}", path: "/v1/do-not-call/041000001", status: 204},
		{route: "GET /v1/do-not-call/{number}", path: "/v1/do-not-call/041000002", status: 404},
		{route: "DELETE /v1/do-not-call/{number}", path: "/v1/do-not-call/041000001", status: 204},
		{route: "POST /v1/campaigns", path: "/v1/campaigns", body: setup, status: 201},
		{route: "GET /v1/campaigns", path: "/v1/campaigns", status: 200},
		{route: "GET /v1/campaigns/{campaign}", path: m, status: 200},
		{route: "PUT /v1/campaigns/{campaign}", path: m, body: setup, status: 200},
		{route: "POST /v1/campaigns/{campaign}/next", path: m + "/next", status: 200},
		{route: "GET /v1/campaigns/{campaign}/records", path: m + "/records", status: 200},
		{route: "GET /v1/records/{record}", path: r, status: 200},
		{route: "POST /v1/work", path: "/v1/work", body: `{"kind":"email","queue":"main","from":"ana@example.com","subject":"My order","text":"Hello,\n\nwhere is it?"}`, status: 201},
		{route: "GET /v1/work", path: "/v1/work?queue=main", status: 200},
		{route: "GET /v1/work/{work}", path: "/v1/work/" + workID, status: 200},
		{route: "GET /v1/work/{work}", path: "/v1/work/wrk_no", status: 404},
		{route: "POST /v1/work/{work}/reply", path: "/v1/work/" + workID + "/reply", body: `{"text":"It is on its way."}`, status: 200},
		{route: "POST /v1/work/{work}/close", path: "/v1/work/" + workID + "/close", status: 200},
		{route: "DELETE /v1/work/{work}", path: "/v1/work/" + workID, status: 200},
	}
	for _, verb := range []string{"start", "pause", "finish"} {
		out = append(out, example{route: "POST /v1/campaigns/{campaign}/" + verb, path: m + "/" + verb, status: 200})
	}
	for verb, body := range map[string]string{
		"dial": `{}`, "done": `{"disposition":"sold","stop":true}`, "reschedule": `{"date":"2026-03-02","time":"09:00","personal":true}`,
		"reject": "", "cancel": "", "do-not-call": "",
	} {
		out = append(out, example{route: "POST /v1/records/{record}/" + verb, path: r + "/" + verb, body: body, status: 200})
	}
	return out
}

// What is somebody else's is refused.
func TestOutbound_OnlyOnesOwn(t *testing.T) {
	f := newFixture(t)
	tok := f.token("alice", "agent:self")
	for _, path := range []string{"GET /v1/callbacks/" + callbackID, "POST /v1/records/" + recordID + "/done", "DELETE /v1/callbacks/" + callbackID} {
		var method, at string
		if _, err := fmt.Sscan(path, &method, &at); err != nil {
			t.Fatal(err)
		}
		if w := f.ask(tok, method, at, ""); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := f.ask(tok, "POST", "/v1/campaigns", `{}`); w.Code != http.StatusForbidden {
		t.Errorf("an agent makes no campaigns: %d", w.Code)
	}
	if w := f.ask(tok, "GET", "/v1/callbacks/cbk_no", ""); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
}

// People without a token are limited by address.
func TestW100_PublicRequestsAreLimited(t *testing.T) {
	f := newFixture(t)
	codes := map[int]int{}
	for i := range publicBurst + 3 {
		codes[f.ask("", "POST", "/v1/callbacks/requests", fmt.Sprintf(`{"number":"04155555%d","name":"Ana","queue":"main"}`, i)).Code]++
	}
	if codes[http.StatusAccepted] != publicBurst || codes[http.StatusTooManyRequests] != 3 {
		t.Errorf("%v", codes)
	}
}
