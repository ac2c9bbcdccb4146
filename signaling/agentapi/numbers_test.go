package agentapi

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// numberDesk remembers the numbers it is asked to call.
type numberDesk struct {
	*fakeDesk
	got    wire.CallbackRequest
	number string // to dial
	record floor.ChangeRecord
}

func (d *numberDesk) PlanCallback(_ context.Context, r wire.CallbackRequest, _, _ string) (wire.Callback, error) {
	d.got = r
	return theCallback(), nil
}

func (d *numberDesk) ChangeCallback(_ context.Context, _ string, r wire.CallbackRequest, _ uint64, _, _ string) (wire.Callback, error) {
	d.got = r
	return theCallback(), nil
}

func (d *numberDesk) RescheduleCallback(_ context.Context, _ string, r wire.CallbackRequest, _, _ string) (wire.Callback, error) {
	d.got = r
	return theCallback(), nil
}

func (d *numberDesk) DialCallback(_ context.Context, _, number, _, _ string) (wire.Callback, error) {
	d.number = number
	return theCallback(), nil
}

func (d *numberDesk) Record(id string) (wire.CampaignRecord, error) {
	r := theRecord()
	r.Name, r.Fields = theNumber, map[string]string{"mobile": theNumber, "plan": "basic"}
	return r, known(id, recordID, "record")
}

func (d *numberDesk) ChangeRecord(_ context.Context, in floor.ChangeRecord) (wire.CampaignRecord, error) {
	d.record = in
	return theRecord(), nil
}

// What was shown masked and comes back is the number it stands for: of the call, the contact, the callback or the
// record that the request is about.
func TestW17_W112_W115_G17_MaskedNumbersComeBack(t *testing.T) {
	var d *numberDesk
	f := newFixture(t, func(_ *Config, deps *Deps) {
		d = &numberDesk{fakeDesk: deps.Desk.(*fakeDesk)}
		d.veil = maskAll()
		deps.Desk = d
	})
	shown := veil.Mask(theNumber)
	f.calls.call.FromName = theNumber // a caller without a name
	alice, bob := f.token("alice"), f.token("bob")
	for _, c := range []struct {
		name, token, method, path, body string
		number, as                      string
	}{
		{"from a call", alice, "POST", "/v1/callbacks", `{"number":"` + shown + `","name":"Cene","call_id":"` + callID + `"}`, theNumber, "Cene"},
		{"from a call, with its number for a name", alice, "POST", "/v1/callbacks", `{"number":"` + shown + `","name":"` + shown + `","call_id":"` + callID + `"}`, theNumber, theNumber},
		{"from a call, without a number", alice, "POST", "/v1/callbacks", `{"name":"Cene","call_id":"` + callID + `"}`, theNumber, "Cene"},
		{"from a contact", alice, "POST", "/v1/callbacks", `{"number":"` + shown + `","name":"Ana","contact":{"list":"lst_01","row":1}}`, theNumber, "Ana"},
		{"from a contact by its index", alice, "POST", "/v1/callbacks", `{"name":"Ana","contact":{"list":"lst_01","row":1,"index":1}}`, "+38640111222", "Ana"},
		{"changed", bob, "PUT", "/v1/callbacks/" + callbackID, `{"number":"` + shown + `","name":"Cene"}`, theNumber, "Cene"},
		{"rescheduled", bob, "POST", "/v1/callbacks/" + callbackID + "/reschedule", `{"number":"` + shown + `","name":"Cene"}`, theNumber, "Cene"},
		{"another number", bob, "PUT", "/v1/callbacks/" + callbackID, `{"number":"041222333","name":"Cene"}`, "041222333", "Cene"},
	} {
		d.got = wire.CallbackRequest{}
		w := f.ask(c.token, c.method, c.path, c.body)
		if w.Code >= 300 || d.got.Number != c.number || d.got.Name != c.as || d.got.Contact != nil {
			t.Errorf("%s: %d, number %q, name %q: %s", c.name, w.Code, d.got.Number, d.got.Name, w.Body)
		}
	}
	if w := f.ask(bob, "POST", "/v1/callbacks/"+callbackID+"/dial", `{"number":"`+shown+`"}`); w.Code != 200 || d.number != theNumber {
		t.Errorf("dial: %d, %q", w.Code, d.number)
	}
	for body, want := range map[string]string{`{"number":"` + shown + `"}`: theNumber, `{"index":0}`: theNumber, `{}`: ""} {
		if w := f.ask(bob, "POST", "/v1/records/"+recordID+"/dial", body); w.Code != 200 || d.record.Number != want {
			t.Errorf("record, %s: %d, %q", body, w.Code, d.record.Number)
		}
	}
	if w := f.ask(bob, "PATCH", "/v1/records/"+recordID, `{"name":"`+shown+`","fields":{"mobile":"`+shown+`","plan":"gold"}}`, "Content-Type", typeMerge); w.Code != 200 ||
		d.record.Patch.Name != nil && *d.record.Patch.Name == shown || d.record.Patch.Fields["mobile"] == shown || d.record.Patch.Fields["plan"] != "gold" {
		t.Errorf("what was not changed: %d, %+v", w.Code, d.record.Patch)
	}
	w := f.ask(bob, "GET", "/v1/callbacks?number="+shown, "")
	var l wire.CallbackList
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || len(l.Items) != 2 {
		t.Errorf("the customer's callbacks: %d %s", w.Code, w.Body)
	}
	if w = f.ask(bob, "GET", "/v1/callbacks?number=••••0000", ""); json.Unmarshal(w.Body.Bytes(), &l) != nil || len(l.Items) != 0 {
		t.Errorf("another customer's callbacks: %d %s", w.Code, w.Body)
	}
}

// A masked number that could be anybody's is refused, and nobody finds out a number of a call that is not theirs.
func TestW17_MaskedNumbersOfNobody(t *testing.T) {
	f := newFixture(t)
	f.desk.veil = maskAll()
	shown := veil.Mask(theNumber)
	for _, c := range []struct {
		name, token, body, code, pointer string
		status                           int
	}{
		{"of nothing", f.token("alice"), `{"number":"` + shown + `","name":"Cene"}`, "invalid_field", "/number", 422},
		{"of another", f.token("alice"), `{"number":"••••0000","name":"Cene","call_id":"` + callID + `"}`, "invalid_field", "/number", 422},
		{"of a call that is not theirs", f.token("bob"), `{"name":"Cene","call_id":"` + callID + `"}`, "forbidden", "", 403},
		{"of no contact", f.token("alice"), `{"name":"Ana","contact":{"list":"lst_02","row":1}}`, "contact_not_found", "", 404},
		{"of a number the contact has not", f.token("alice"), `{"name":"Ana","contact":{"list":"lst_01","row":1,"index":2}}`, "invalid_field", "/contact/index", 422},
	} {
		p := problemOf(t, f.ask(c.token, "POST", "/v1/callbacks", c.body))
		if p.Status != c.status || p.Code != c.code || c.pointer != "" && (len(p.Errors) == 0 || p.Errors[0].Pointer != c.pointer) {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
	two := person{numbers: []string{"+38641000001", "+38640990001", "+38641000001"}}
	if n, err := two.behind(veil.Mask("+38641000001"), "/number"); err == nil || problem.As(err).Fields[0].Code != "ambiguous" {
		t.Errorf("of two that look alike: %q, %v", n, err)
	}
	same := person{numbers: []string{"+38641000001", "+38641000001"}}
	if n, err := same.behind(veil.Mask("+38641000001"), "/number"); err != nil || n != "+38641000001" {
		t.Errorf("of one that stands there twice: %q, %v", n, err)
	}
}

// A masked number cannot be found out digit by digit.
func TestW17_SearchesDoNotTell(t *testing.T) {
	f := newFixture(t)
	f.desk.veil = maskAll()
	alice := f.token("alice")
	for text, want := range map[string]int{"654": 1, "7654": 1, "987654": 0, "38641": 0, "41987654": 0, "38641987654": 1, "%2B38641987654": 1, "Ana": 1} {
		w := f.ask(alice, "GET", "/v1/contacts?text="+text, "")
		var l wire.ContactMatches
		if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil || w.Code != http.StatusOK || len(l.Items) != want {
			t.Errorf("%s: %d %s, want %d", text, w.Code, w.Body, want)
		}
	}
	for path, want := range map[string]int{"/v1/recordings?number_end=7654": 200, "/v1/recordings?number_end=87654": 403} {
		if w := f.ask(alice, "GET", path, ""); w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := f.ask(f.token("", "recording:read"), "GET", "/v1/recordings?number_end=87654", ""); w.Code != 200 {
		t.Errorf("a program: %d %s", w.Code, w.Body)
	}
}
