package agentapi

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/signaling/wire"
)

// maskAll is the policy of a contact centre that masks numbers and has a secure variable.
func maskAll() *veil.Policy { return veil.New(veil.Config{Numbers: true, Secure: []string{"pin"}}) }

// numberNames are fields that may hold a customer's number.
var numberNames = []string{"From", "To", "FromName", "Name", "Number", "Address", "Customer"}

// laden is a value of a type with a customer's number in every field that may hold one, a secure value in every map
// of variables, and one element in every list.
func laden(t reflect.Type, depth int) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() || depth > 6 {
			return v
		}
		for i := range t.NumField() {
			f := t.Field(i)
			switch {
			case !f.IsExported():
			case f.Type.Kind() == reflect.String && slices.Contains(numberNames, f.Name):
				v.Field(i).SetString(theNumber)
			case f.Name == "Variables" && f.Type == reflect.TypeFor[map[string]string]():
				v.Field(i).Set(reflect.ValueOf(map[string]string{"pin": theSecret, "case": "A"}))
			case f.Name == "Fields" && f.Type == reflect.TypeFor[map[string]string]():
				v.Field(i).Set(reflect.ValueOf(map[string]string{"mobile": "041 987 654", "case": "A"}))
			case f.Type == reflect.TypeFor[wire.Role]():
				v.Field(i).SetString(string(wire.RoleCustomer))
			case f.Type == reflect.TypeFor[wire.PartyRole]():
				v.Field(i).SetString(string(wire.PartyCustomer))
			case f.Type == reflect.TypeFor[wire.Direction]():
				v.Field(i).SetString(string(wire.Inbound))
			default:
				v.Field(i).Set(laden(f.Type, depth+1))
			}
		}
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.Append(v, laden(t.Elem(), depth+1)))
		}
	case reflect.Pointer:
		if depth < 6 {
			v.Set(reflect.New(t.Elem()))
			v.Elem().Set(laden(t.Elem(), depth+1))
		}
	}
	return v
}

// openFields are the fields that agents see as they are, by the object they stand in, with the reason.
var openFields = map[string]string{
	"Agent.name":           "of an agent",
	"Call.to":              "our own number: the call came in",
	"CallRecord.customer":  "masked by the desk, by a grant of its own",
	"CallRecord.name":      "masked by the desk, by a grant of its own",
	"CampaignNotice.name":  "of a campaign",
	"CampaignRequest.from": "a time of day",
	"CampaignRequest.name": "of a campaign",
	"Stage.name":           "of a campaign stage",
	"ContactNumber.from":   "a time of day",
	"Diversion.to":         "where the configuration leads",
	"DryRun.number":        "our own number",
	"DryRunAgent.name":     "of an agent",
	"EntryPoint.name":      "of a number of ours",
	"EntryPoint.number":    "our own number",
	"LegAnswer.address":    "where we listen",
	"ContactListing.name":  "of a list",
	"OfferVariable.name":   "of a variable",
	"Queue.name":           "of a queue",
	"RecordingLink.name":   "of a file",
	"ReportRow.name":       "of a queue or an agent",
	"SignInProvider.name":  "of a provider",
	"Transfer.from":        "an agent's id",
	"Variable.name":        "of a variable",
	"ArchiveStatus.name":   "of an archive",
	"AuditEntry.from":      "an address in the network, for auditors",
}

// tells says whether a text gives a number or a secure value away.
func tells(text string) bool {
	return strings.Contains(text, "987654") || strings.Contains(text, "987 654") || strings.Contains(text, theSecret)
}

// leaks names the fields of a value that give something away, as Type.field.
func leaks(v reflect.Value, in string, out map[string]bool) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				leaks(v.Field(i), v.Type().Name()+"."+name, out)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			leaks(v.Index(i), in, out)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			leaks(it.Value(), in, out)
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			leaks(v.Elem(), in, out)
		}
	case reflect.String:
		if tells(v.String()) {
			out[in] = true
		}
	}
}

// Every object of the API and of the events, with a customer's number in every field that may hold one and a secure
// value among its variables, is shown to an agent without them. What is shown as it is has a reason, and no reason is
// without its field.
func TestW17_NoObjectGivesNumbersAway(t *testing.T) {
	types := map[reflect.Type]bool{}
	for _, r := range routes() {
		if _, text := r.Response.(string); r.Response != nil && !text {
			types[reflect.TypeOf(r.Response)] = true
		}
	}
	for _, data := range wire.EventTypes {
		types[reflect.TypeOf(data)] = true
	}
	used := map[string]bool{}
	for typ := range types {
		out := map[string]bool{}
		leaks(reflect.ValueOf(maskAll().Show(laden(typ, 0).Interface(), false)), typ.Name(), out)
		for field := range out {
			used[field] = true
			if openFields[field] == "" {
				t.Errorf("%s shows %s", typ.Name(), field)
			}
		}
	}
	for field := range openFields {
		if !used[field] {
			t.Errorf("%s needs no exception", field)
		}
	}
}

// Every route of the document, asked by an agent with no more than the route's own grant, answers without the
// customer's number and without the value of a secure variable; so does what refuses.
func TestW17_NoRouteGivesNumbersAway(t *testing.T) {
	f := newFixture(t)
	f.desk.veil = maskAll()
	f.calls.call.Variables["pin"] = theSecret
	answered := map[string]bool{}
	for _, e := range append(examples(), outboundExamples()...) {
		i := slices.IndexFunc(f.s.routes, func(r Route) bool { return r.Method+" "+r.Pattern == e.route })
		r := f.s.routes[i]
		if r.Stream && !strings.Contains(e.route, "export") {
			continue // a file, a socket, a page: no objects
		}
		if r.Public {
			continue // to people without a token
		}
		grant := cmp.Or(r.Own, r.Grant, "agent:self")
		for _, agent := range []string{"alice", "bob"} {
			tok := f.token(agent, grant)
			if strings.Contains(e.path, "SESSION") {
				_, session := f.session(agent)
				e.path = strings.ReplaceAll(e.path, "SESSION", session)
			}
			var head []string
			if e.contentType != "" {
				head = []string{"Content-Type", e.contentType}
			}
			w := f.ask(tok, r.Method, e.path, e.body, head...)
			if w.Code < 300 {
				answered[e.route] = true
			}
			if tells(w.Body.String()) {
				t.Errorf("%s as %s: %d %s", e.route, agent, w.Code, w.Body)
			}
		}
	}
	for _, r := range routes() {
		if _, text := r.Response.(string); r.Public || r.Response == nil || text || r.Stream || answered[r.Method+" "+r.Pattern] {
			continue
		}
		t.Errorf("%s %s has never answered an agent: it was not looked at", r.Method, r.Pattern)
	}
}

// The same objects are whole for programs, supervisors and who may do it to everybody's; secure values are nobody's.
func TestNumbersAreWholeForThoseWhoMaySeeThem(t *testing.T) {
	f := newFixture(t)
	f.desk.veil = maskAll()
	f.calls.call.Variables["pin"] = theSecret
	for _, path := range []string{"/v1/calls/" + callID, "/v1/calls", "/v1/calls/" + callID + "/legs", "/v1/recordings/" + recID, "/v1/recordings"} {
		for who, tok := range map[string]string{
			"a program": f.token("", "call:read", "recording:read"), "a supervisor": f.token("bob", "call:read", "recording:read"),
		} {
			w := f.ask(tok, "GET", path, "")
			if w.Code != 200 || !strings.Contains(w.Body.String(), theNumber) || strings.Contains(w.Body.String(), theSecret) {
				t.Errorf("%s as %s: %d %s", path, who, w.Code, w.Body)
			}
		}
	}
}

// Events of every type reach an agent's socket without numbers and secure values, and a program's with numbers; what
// is printed for one is never given to the other.
func TestW17_NoEventGivesNumbersAway(t *testing.T) {
	frames, under := newFrameCache(), maskAll()
	seq := uint64(0)
	for _, name := range slices.Sorted(maps.Keys(wire.EventTypes)) {
		seq++
		e := wire.Event{Seq: seq, Type: name, Data: laden(reflect.TypeOf(wire.EventTypes[name]), 0).Interface()}
		for range 2 { // printed, and found printed
			all, err := frames.get(&e, under, true)
			if err != nil {
				t.Fatal(err)
			}
			some, err := frames.get(&e, under, false)
			if err != nil {
				t.Fatal(err)
			}
			var f wire.ServerFrame
			if err := json.Unmarshal(some, &f); err != nil {
				t.Fatal(err)
			}
			out := map[string]bool{}
			leaks(reflect.ValueOf(f.Event.Data), name, out)
			for field := range out {
				if openFields[field] == "" {
					t.Errorf("%s shows an agent %s", name, field)
				}
			}
			if strings.Contains(string(all), theSecret) {
				t.Errorf("%s shows everybody a secure value", name)
			}
			if c, ok := e.Data.(wire.Call); ok && !strings.Contains(string(all), c.From) {
				t.Errorf("%s hides the number from a program", name)
			}
		}
	}
	// Another configuration, the same event: it is printed anew.
	e := wire.Event{Seq: seq, Type: "call.created", Data: wire.Call{Direction: wire.Inbound, From: theNumber, Legs: []wire.Leg{}}}
	if b, _ := frames.get(&e, veil.New(veil.Config{}), false); !strings.Contains(string(b), theNumber) {
		t.Errorf("%s", b)
	}
	if b, _ := frames.get(&e, under, false); strings.Contains(string(b), theNumber) {
		t.Errorf("%s", b)
	}
}
