package agentapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// schema checks a value against a JSON Schema as far as our document uses it, and returns what is wrong.
type validator struct{ doc map[string]any }

func (v validator) check(schema map[string]any, value any, at string) []string {
	if ref, ok := schema["$ref"].(string); ok {
		s, ok := v.resolve(ref)
		if !ok {
			return []string{at + ": dangling " + ref}
		}
		return v.check(s, value, at)
	}
	for key := range schema {
		if !slices.Contains([]string{"type", "format", "enum", "const", "properties", "required", "items", "additionalProperties", "anyOf", "oneOf", "maxLength", "minimum", "maximum"}, key) {
			return []string{at + ": the validator does not know " + key}
		}
	}
	var bad []string
	for key, exactly := range map[string]bool{"anyOf": false, "oneOf": true} {
		list, ok := schema[key].([]any)
		if !ok {
			continue
		}
		fits := 0
		for _, s := range list {
			if len(v.check(s.(map[string]any), value, at)) == 0 {
				fits++
			}
		}
		if fits == 0 || exactly && fits > 1 {
			bad = append(bad, fmt.Sprintf("%s: fits %d of %s", at, fits, key))
		}
	}
	if c, ok := schema["const"]; ok && c != value {
		bad = append(bad, fmt.Sprintf("%s: %v is not %v", at, value, c))
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, value) {
		bad = append(bad, fmt.Sprintf("%s: %v is none of %v", at, value, enum))
	}
	switch schema["type"] {
	case "object":
		bad = append(bad, v.object(schema, value, at)...)
	case "array":
		list, ok := value.([]any)
		if !ok {
			return append(bad, fmt.Sprintf("%s: %T is no array", at, value))
		}
		items, _ := schema["items"].(map[string]any)
		for i, e := range list {
			bad = append(bad, v.check(items, e, fmt.Sprintf("%s/%d", at, i))...)
		}
	case "string":
		s, ok := value.(string)
		if !ok {
			bad = append(bad, fmt.Sprintf("%s: %T is no string", at, value))
		} else if schema["format"] == "date-time" {
			if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
				bad = append(bad, at+": "+s+" is no time")
			}
		}
	case "integer":
		if n, ok := value.(float64); !ok || n != math.Trunc(n) {
			bad = append(bad, fmt.Sprintf("%s: %v is no integer", at, value))
		}
	case "number":
		if _, ok := value.(float64); !ok {
			bad = append(bad, fmt.Sprintf("%s: %T is no number", at, value))
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			bad = append(bad, fmt.Sprintf("%s: %T is no boolean", at, value))
		}
	case "null":
		if value != nil {
			bad = append(bad, at+": is not null")
		}
	}
	return bad
}

// object is strict: what the schema does not name must not be there, so the document cannot lag behind.
func (v validator) object(schema map[string]any, value any, at string) (bad []string) {
	m, ok := value.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s: %T is no object", at, value)}
	}
	props, _ := schema["properties"].(map[string]any)
	more, _ := schema["additionalProperties"].(map[string]any)
	for name, e := range m {
		if p, ok := props[name].(map[string]any); ok {
			bad = append(bad, v.check(p, e, at+"/"+name)...)
		} else if more != nil {
			bad = append(bad, v.check(more, e, at+"/"+name)...)
		} else {
			bad = append(bad, at+": "+name+" is not in the schema")
		}
	}
	req, _ := schema["required"].([]any)
	for _, name := range req {
		if _, ok := m[name.(string)]; !ok {
			bad = append(bad, at+": "+name.(string)+" is missing")
		}
	}
	return bad
}

func (v validator) resolve(ref string) (map[string]any, bool) {
	var node any = v.doc
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, ok := node.(map[string]any)
		if !ok {
			return nil, false
		}
		node = m[part]
	}
	m, ok := node.(map[string]any)
	return m, ok
}

func documentOf(t *testing.T, f *fixture) validator {
	t.Helper()
	w := f.ask("", "GET", "/v1/openapi.json", "")
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var v validator
	if err := json.Unmarshal(w.Body.Bytes(), &v.doc); err != nil {
		t.Fatal(err)
	}
	return v
}

// The document has exactly the routes of the table, every reference leads somewhere, and operation ids
// are unique.
func TestDocumentMatchesTheTable(t *testing.T) {
	f := newFixture(t)
	v := documentOf(t, f)
	want := make(map[string]bool)
	for _, r := range f.s.routes {
		key := r.Method + " " + r.Pattern
		if want[key] {
			t.Errorf("%s is in the table twice", key)
		}
		want[key] = true
		if r.Summary == "" || len(r.Statuses) == 0 || r.Handler == nil {
			t.Errorf("%s is incomplete", key)
		}
	}
	ids := make(map[string]string)
	for path, ops := range v.doc["paths"].(map[string]any) {
		for method, op := range ops.(map[string]any) {
			key := strings.ToUpper(method) + " " + path
			if !want[key] {
				t.Errorf("%s is in the document and not in the table", key)
			}
			delete(want, key)
			id := op.(map[string]any)["operationId"].(string)
			if other := ids[id]; other != "" {
				t.Errorf("%s and %s share the id %s", key, other, id)
			}
			ids[id] = key
			named := make(map[string]bool)
			params, _ := op.(map[string]any)["parameters"].([]any)
			for _, p := range params {
				if m := p.(map[string]any); m["in"] == "path" {
					named[m["name"].(string)] = true
				}
			}
			for _, m := range regexp.MustCompile(`\{(.*?)\}`).FindAllStringSubmatch(path, -1) {
				if !named[m[1]] {
					t.Errorf("%s: parameter %s is not described", key, m[1])
				}
			}
		}
	}
	for key := range want {
		t.Errorf("%s is in the table and not in the document", key)
	}
	b, _ := json.Marshal(v.doc)
	for _, m := range regexp.MustCompile(`"\$ref":"([^"]+)"`).FindAllSubmatch(b, -1) {
		if _, ok := v.resolve(string(m[1])); !ok {
			t.Errorf("dangling reference %s", m[1])
		}
	}
	for name, values := range wire.Enums {
		s, ok := v.resolve("#/components/schemas/" + name)
		if !ok {
			if name != "NodeState" {
				t.Errorf("enumeration %s is not in the document", name)
			}
			continue
		}
		if got := fmt.Sprint(s["enum"]); got != fmt.Sprint(values) {
			t.Errorf("%s: %s, want %v", name, got, values)
		}
	}
}

// example is one request to a route; its answer is checked against the document.
type example struct {
	route, path, body string
	contentType       string
	status            int
}

func examples() []example {
	leg, rec := "/v1/legs/"+customer, "/v1/recordings/"+recID
	offer, _ := json.Marshal(wire.LegRequest{CallID: callID, SDP: offerSDP})
	restart, _ := json.Marshal(map[string]string{"sdp": offerSDP})
	return []example{
		{"GET /healthz", "/healthz", "", "", 200},
		{"GET /metrics", "/metrics", "", "", 200},
		{"GET /v1/openapi.json", "/v1/openapi.json", "", "", 200},
		{"GET /v1/events", "/v1/events", "", "", 426},
		{"POST /v1/token/refresh", "/v1/token/refresh", "", "", 200},
		{"POST /v1/sessions", "/v1/sessions", `{"agent":"alice"}`, "", 201},
		{"POST /v1/sessions", "/v1/sessions", `{"agent":"nobody"}`, "", 404},
		{"DELETE /v1/sessions/{session}", "/v1/sessions/SESSION", "", "", 200},
		{"GET /v1/agents", "/v1/agents", "", "", 200},
		{"GET /v1/agents/me", "/v1/agents/me", "", "", 200},
		{"GET /v1/agents/{agent}", "/v1/agents/bob", "", "", 200},
		{"GET /v1/agents/{agent}", "/v1/agents/nobody", "", "", 404},
		{"GET /v1/agents/{agent}/offers", "/v1/agents/bob/offers", "", "", 200},
		{"POST /v1/agents/{agent}/offers/accept", "/v1/agents/bob/offers/accept", "", "", 200},
		{"POST /v1/agents/{agent}/state", "/v1/agents/bob/state", `{"state":"not_ready","reason":"break"}`, "", 200},
		{"POST /v1/agents/{agent}/state", "/v1/agents/bob/state", `{"state":"offline"}`, "", 200},
		{"POST /v1/agents/{agent}/state", "/v1/agents/bob/state", `{}`, "", 422},
		{"POST /v1/agents/{agent}/signout", "/v1/agents/bob/signout", "", "", 200},
		{"POST /v1/offers/{offer}/accept", "/v1/offers/" + offerID + "/accept", "", "", 200},
		{"POST /v1/offers/{offer}/decline", "/v1/offers/" + offerID + "/decline", "", "", 200},
		{"GET /v1/wrapups/{wrapup}", "/v1/wrapups/" + wrapupID, "", "", 200},
		{"POST /v1/wrapups/{wrapup}/submit", "/v1/wrapups/" + wrapupID + "/submit", `{"reason":"solved"}`, "", 200},
		{"POST /v1/wrapups/{wrapup}/extend", "/v1/wrapups/" + wrapupID + "/extend", "", "", 200},
		{"GET /v1/signin", "/v1/signin", "", "", 200},
		{"GET /v1/signin/{provider}", "/v1/signin/company", "", "", 302},
		{"GET /v1/signin/{provider}/return", "/v1/signin/company/return?state=s&code=c", "", "", 303},
		{"POST /v1/signin/token", "/v1/signin/token", "", "", 401},
		{"POST /v1/token/revoke", "/v1/token/revoke", "", "", 204},
		{"POST /v1/revocations", "/v1/revocations", `{"subject":"crm","reason":"no longer used"}`, "", 201},
		{"POST /v1/revocations", "/v1/revocations", `{"token_id":"tok_1"}`, "", 201},
		{"POST /v1/revocations", "/v1/revocations", `{}`, "", 422},
		{"GET /v1/revocations", "/v1/revocations", "", "", 200},
		{"DELETE /v1/revocations/{revocation}", "/v1/revocations/account.00", "", "", 404},
		{"GET /v1/wall", "/v1/wall", "", "", 200},
		{"POST /v1/calls/{call}/monitor", "/v1/calls/" + callID + "/monitor", `{"agent":"alice"}`, "", 200},
		{"POST /v1/calls/{call}/coach", "/v1/calls/" + callID + "/coach", `{}`, "", 200},
		{"POST /v1/calls/{call}/barge", "/v1/calls/" + callID + "/barge", `{}`, "", 200},
		{"DELETE /v1/supervisions/{supervision}", "/v1/supervisions/sup_1", "", "", 204},
		{"POST /v1/calls/{call}/takeover", "/v1/calls/" + callID + "/takeover", `{"agent":"bob"}`, "", 200},
		{"POST /v1/calls/{call}/force-end", "/v1/calls/" + callID + "/force-end", "", "", 204},
		{"POST /v1/agents/{agent}/force-state", "/v1/agents/bob/force-state", `{"state":"not_ready"}`, "", 200},
		{"POST /v1/agents/{agent}/force-wrapup", "/v1/agents/bob/force-wrapup", `{}`, "", 200},
		{"POST /v1/agents/{agent}/force-signout", "/v1/agents/bob/force-signout", "", "", 200},
		{"GET /v1/queues", "/v1/queues", "", "", 200},
		{"POST /v1/agents/{agent}/preflight", "/v1/agents/bob/preflight", `{"checks":{"microphone":"passed","speaker":"failed"}}`, "", 200},
		{"POST /v1/agents/{agent}/station", "/v1/agents/bob/station", `{"station":"sip:200@10.0.0.5"}`, "", 200},
		{"POST /v1/calls/{call}/prefer", "/v1/calls/" + callID + "/prefer", `{"agent":"bob"}`, "", 204},
		{"GET /v1/config/desk", "/v1/config/desk?version=1", "", "", 200},
		{"PUT /v1/config/desk", "/v1/config/desk", `{"base":2,"note":"more agents","config":{"agents":[{"id":"eva"}]}}`, "", 200},
		{"PUT /v1/config/desk", "/v1/config/desk", `{"base":2,"check":true,"config":{"agents":[{"id":"eva"}]}}`, "", 200},
		{"PUT /v1/config/desk", "/v1/config/desk", `{"base":1,"config":{}}`, "", 409},
		{"GET /v1/config/desk/versions", "/v1/config/desk/versions", "", "", 200},
		{"GET /v1/config/desk/diff", "/v1/config/desk/diff?from=0&to=2", "", "", 200},
		{"POST /v1/config/desk/rollback", "/v1/config/desk/rollback", `{"version":1,"base":2}`, "", 200},
		{"POST /v1/config/desk/dryrun", "/v1/config/desk/dryrun", `{"to":"1000","from":"+38641","config":{}}`, "", 200},
		{"POST /v1/calls", "/v1/calls", `{"to":"+38612345678","variables":{"order":"17"}}`, "", 201},
		{"GET /v1/calls", "/v1/calls?state=connected&limit=1", "", "", 200},
		{"GET /v1/calls/{call}", "/v1/calls/" + callID, "", "", 200},
		{"PATCH /v1/calls/{call}", "/v1/calls/" + callID, `{"tones":"conference","dtmf_relay":"all"}`, typeMerge, 200},
		{"PATCH /v1/calls/{call}", "/v1/calls/" + callID, `{"tones":"loud"}`, typeMerge, 422},
		{"GET /v1/calls/{call}/legs", "/v1/calls/" + callID + "/legs", "", "", 200},
		{"GET /v1/calls/{call}/timeline", "/v1/calls/" + callID + "/timeline", "", "", 200},
		{"POST /v1/calls/{call}/arrange", "/v1/calls/" + callID + "/arrange", `{"legs":[{"leg_id":"` + customer + `","hold":true},{"leg_id":"` + aliceLeg + `","side":"consult"}]}`, "", 200},
		{"POST /v1/calls/{call}/arrange", "/v1/calls/" + callID + "/arrange", `{"legs":[]}`, "", 422},
		{"POST /v1/calls/{call}/end", "/v1/calls/" + callID + "/end", `{"reason":"hangup"}`, "", 204},
		{"PATCH /v1/calls/{call}/variables", "/v1/calls/" + callID + "/variables", `{"vip":"yes","order":null}`, typeMerge, 200},
		{"GET /v1/calls/{call}/handling", "/v1/calls/" + callID + "/handling", "", "", 200},
		{"POST /v1/calls/{call}/hold", "/v1/calls/" + callID + "/hold", "", "", 200},
		{"POST /v1/calls/{call}/resume", "/v1/calls/" + callID + "/resume", "", "", 200},
		{"POST /v1/calls/{call}/consult", "/v1/calls/" + callID + "/consult", `{"kind":"agent","target":"bob","hold_participants":true}`, "", 200},
		{"POST /v1/calls/{call}/consult/end", "/v1/calls/" + callID + "/consult/end", "", "", 200},
		{"POST /v1/calls/{call}/consult/swap", "/v1/calls/" + callID + "/consult/swap", "", "", 200},
		{"POST /v1/calls/{call}/conference", "/v1/calls/" + callID + "/conference", `{"kind":"number","target":"+38641123456"}`, "", 200},
		{"POST /v1/calls/{call}/exit", "/v1/calls/" + callID + "/exit", "", "", 200},
		{"POST /v1/calls/{call}/drop", "/v1/calls/" + callID + "/drop", `{"leg_id":"leg_1"}`, "", 200},
		{"POST /v1/calls/{call}/transfer", "/v1/calls/" + callID + "/transfer", `{"kind":"queue","target":"main"}`, "", 200},
		{"POST /v1/calls/{call}/consult", "/v1/calls/" + callID + "/consult", `{"kind":"queue","target":"full"}`, "", 409},
		{"POST /v1/calls/{call}/drop", "/v1/calls/" + callID + "/drop", "", "", 422},
		{"GET /v1/targets", "/v1/targets?text=ma&limit=5", "", "", 200},
		{"GET /v1/calls/{call}/variables", "/v1/calls/" + callID + "/variables", "", "", 200},
		{"GET /v1/calls/{call}/variables/{name}", "/v1/calls/" + callID + "/variables/pin", "", "", 200},
		{"PUT /v1/calls/{call}/variables/{name}", "/v1/calls/" + callID + "/variables/pin", `{"value":"12","version":0}`, "", 200},
		{"POST /v1/wrapups/{wrapup}/cancel", "/v1/wrapups/" + wrapupID + "/cancel", "", "", 200},
		{"GET /v1/calls/{call}/recordings", "/v1/calls/" + callID + "/recordings", "", "", 200},
		{"POST /v1/calls/{call}/recordings", "/v1/calls/" + callID + "/recordings", "", "", 201},
		{"POST /v1/legs", "/v1/legs", string(offer), "", 201},
		{"POST /v1/legs", "/v1/legs?call_id=" + callID, offerSDP, typeSDP, 201},
		{"POST /v1/legs", "/v1/legs", `{"call_id":"` + callID + `","kind":"sip","to":"200","trunk":"out","role":"expert"}`, "", 201},
		{"POST /v1/legs", "/v1/legs", `{"call_id":"` + callID + `","kind":"rtp","address":"[::1]:4000","codec":"opus","payload_type":111}`, "", 201},
		{"POST /v1/legs", "/v1/legs", "x", "text/plain", 415},
		{"GET /v1/legs/{leg}", leg, "", "", 200},
		{"GET /v1/legs/{leg}/stats", leg + "/stats", "", "", 200},
		{"GET /v1/legs/{leg}/quality", leg + "/quality", "", "", 200},
		{"PATCH /v1/legs/{leg}", leg, `{"muted":true,"gain_db":-3.5,"agc":true,"denoise":{"in":80,"out":0,"residual":false,"suppress_music":false}}`, typeMerge, 200},
		{"PATCH /v1/legs/{leg}", "/v1/legs/BROWSER", string(restart), typeMerge, 200},
		{"PATCH /v1/legs/{leg}", "/v1/legs/BROWSER", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n", typeTrickle, 204},
		{"DELETE /v1/legs/{leg}", leg + "?reason=hangup", "", "", 204},
		{"POST /v1/legs/{leg}/answer", leg + "/answer", "", "", 200},
		{"POST /v1/legs/{leg}/reject", leg + "/reject", `{"reason":"busy"}`, "", 204},
		{"POST /v1/legs/{leg}/hold", leg + "/hold", "", "", 200},
		{"POST /v1/legs/{leg}/resume", leg + "/resume", "", "", 200},
		{"POST /v1/legs/{leg}/dtmf", leg + "/dtmf", `{"digits":"12#","duration_ms":80}`, "", 204},
		{"POST /v1/legs/{leg}/play", leg + "/play", `{"source":"beep"}`, "", 201},
		{"POST /v1/legs/{leg}/play", leg + "/play", `{"source":"tone","hz":440}`, "", 201},
		{"POST /v1/legs/{leg}/play", leg + "/play", `{"source":"tone","hz":5}`, "", 422},
		{"POST /v1/legs/{leg}/play", "/v1/legs/" + aliceLeg + "/play", `{"source":"beep"}`, "", 201},
		{"PATCH /v1/legs/{leg}", "/v1/legs/" + aliceLeg, `{"muted":true}`, typeMerge, 200},
		{"POST /v1/legs/{leg}/play", leg + "/play", `{"stop":"play_1"}`, "", 204},
		{"POST /v1/legs/{leg}/hangup", leg + "/hangup", "", "", 204},
		{"POST /v1/rooms", "/v1/rooms", `{}`, "", 201},
		{"GET /v1/rooms/{room}", "/v1/rooms/" + roomID, "", "", 200},
		{"GET /v1/rooms/{room}/matrix", "/v1/rooms/" + roomID + "/matrix", "", "", 200},
		{"PATCH /v1/rooms/{room}/matrix", "/v1/rooms/" + roomID + "/matrix", `{"cells":[{"listener":"` + customer + `","source":"` + aliceLeg + `","gain_db":-6}]}`, typeMerge, 200},
		{"POST /v1/rooms/{room}/play", "/v1/rooms/" + roomID + "/play", `{"source":"beep","to":["` + customer + `"]}`, "", 201},
		{"POST /v1/rooms/{room}/play", "/v1/rooms/" + roomID + "/play", `{"stop":"play_1"}`, "", 204},
		{"POST /v1/calls/{call}/capture", "/v1/calls/" + callID + "/capture", `{"max_digits":16,"max_seconds":90,"voice":"mute"}`, "", 201},
		{"GET /v1/captures/{capture}", "/v1/captures/cap_1", "", "", 200},
		{"GET /v1/captures/{capture}", "/v1/captures/cap_2", "", "", 404},
		{"POST /v1/captures/{capture}/take", "/v1/captures/cap_1/take", "", "", 200},
		{"POST /v1/captures/{capture}/cancel", "/v1/captures/cap_1/cancel", "", "", 200},
		{"GET /v1/recordings/{recording}/markers", rec + "/markers", "", "", 200},
		{"GET /v1/recordings", "/v1/recordings?agent=alice&since=2026-01-01T00:00:00Z", "", "", 200},
		{"GET /v1/recordings/{recording}", rec, "", "", 200},
		{"POST /v1/recordings/{recording}/pause", rec + "/pause", `{"max_seconds":60}`, "", 200},
		{"POST /v1/recordings/{recording}/resume", rec + "/resume", "", "", 200},
		{"POST /v1/recordings/{recording}/stop", rec + "/stop", "", "", 200},
		{"GET /v1/recordings/{recording}/tracks/{track}", rec + "/tracks/customer-1", "", "", 200},
		{"GET /v1/recordings/{recording}/tracks/{track}", rec + "/tracks/other", "", "", 404},
		{"GET /v1/recordings/{recording}/peaks", rec + "/peaks", "", "", 200},
		{"GET /v1/recordings/{recording}/tracks/{track}/link", rec + "/tracks/customer-1/link", "", "", 200},
		{"POST /v1/recordings/{recording}/hold", rec + "/hold", `{"reason":"case 7"}`, "", 200},
		{"POST /v1/recordings/{recording}/erase", rec + "/erase", `{"reason":"asked for"}`, "", 200},
		{"DELETE /v1/recordings/{recording}", rec, "", "", 204},
		{"POST /v1/recordings/{recording}/erase", rec + "/erase", `{"reason":"later"}`, "", 202},
		{"DELETE /v1/recordings/{recording}", rec + "?reason=later", "", "", 202},
		{"DELETE /v1/recordings/{recording}", rec + "?reason=held", "", "", 409},
		{"GET /v1/audit", "/v1/audit?action=recording.", "", "", 200},
		{"GET /v1/webhooks", "/v1/webhooks", "", "", 200},
		{"POST /v1/webhooks", "/v1/webhooks", `{"url":"https://example.com/events","events":["call.*","wrapup.completed"],"after":0}`, "", 201},
		{"POST /v1/webhooks", "/v1/webhooks", `{"events":["call.*"]}`, "", 422},
		{"GET /v1/webhooks/{webhook}", "/v1/webhooks/whk_1", "", "", 200},
		{"GET /v1/webhooks/{webhook}", "/v1/webhooks/whk_2", "", "", 404},
		{"PATCH /v1/webhooks/{webhook}", "/v1/webhooks/whk_1", `{"enabled":false,"events":[]}`, typeMerge, 200},
		{"DELETE /v1/webhooks/{webhook}", "/v1/webhooks/whk_1", "", "", 204},
		{"POST /v1/webhooks/{webhook}/rotate", "/v1/webhooks/whk_1/rotate", `{"keep_seconds":3600}`, "", 200},
		{"POST /v1/webhooks/{webhook}/test", "/v1/webhooks/whk_1/test", "", "", 200},
		{"GET /v1/webhooks/{webhook}/attempts", "/v1/webhooks/whk_1/attempts", "", "", 200},
		{"GET /v1/webhooks/{webhook}/dead", "/v1/webhooks/whk_1/dead?cursor=3&limit=1", "", "", 200},
		{"GET /v1/webhooks/{webhook}/dead", "/v1/webhooks/whk_1/dead?cursor=x", "", "", 422},
		{"POST /v1/webhooks/{webhook}/replay", "/v1/webhooks/whk_1/replay", `{"seqs":[4]}`, "", 202},
		{"GET /v1/audit", "/v1/audit?cursor=x", "", "", 422},
		{"GET /v1/call-records", "/v1/call-records?since=2026-03-01T00:00:00Z&agent=alice&queue=support&number=%2B38641123456&direction=inbound&outcome=answered&limit=20", "", "", 200},
		{"GET /v1/call-records", "/v1/call-records?number_end=3456", "", "", 200},
		{"GET /v1/call-records", "/v1/call-records?direction=sideways", "", "", 422},
		{"GET /v1/call-records/export", "/v1/call-records/export?format=csv&disposition=solved", "", "", 200},
		{"GET /v1/call-records/export", "/v1/call-records/export?format=json", "", "", 200},
		{"GET /v1/call-records/export", "/v1/call-records/export?format=xls", "", "", 422},
		{"GET /v1/reports", "/v1/reports?since=2026-03-01T00:00:00Z&until=2026-03-02T00:00:00Z&zone=Europe/Ljubljana&every=hour&kind=queue", "", "", 200},
		{"GET /v1/reports", "/v1/reports?zone=Nowhere", "", "", 422},
		{"GET /v1/reports/export", "/v1/reports/export?since=2026-03-01T00:00:00Z&until=2026-03-02T00:00:00Z&format=csv", "", "", 200},
	}
}

// Every route has an example, every example's body fits the request's schema, and every answer fits what
// the document says about its status.
func TestExamplesFitTheDocument(t *testing.T) {
	f := newFixture(t)
	v := documentOf(t, f)
	tok := f.token("alice", "admin:*")
	_, session := f.session("bob")
	w := f.ask(tok, "POST", "/v1/legs?call_id="+callID, offerSDP, "Content-Type", typeSDP)
	browser := strings.TrimPrefix(w.Header().Get("Location"), "/v1/legs/")
	seen := make(map[string]bool)
	for _, e := range append(examples(), outboundExamples()...) {
		t.Run(fmt.Sprintf("%s %d", e.route, e.status), func(t *testing.T) {
			seen[e.route] = true
			method, pattern, _ := strings.Cut(e.route, " ")
			op, ok := v.resolve("#/paths")
			if ok {
				op, ok = op[pattern].(map[string]any)[strings.ToLower(method)].(map[string]any)
			}
			if !ok {
				t.Fatal("no such operation")
			}
			if e.body != "" && e.status < 400 {
				v.request(t, op, e)
			}
			path := strings.NewReplacer("SESSION", session, "BROWSER", browser).Replace(e.path)
			var head []string
			if e.contentType != "" {
				head = []string{"Content-Type", e.contentType}
			}
			tok := f.token("alice", "admin:*") // the rate is a token's
			w := f.ask(tok, method, path, e.body, head...)
			if w.Code != e.status {
				t.Fatalf("%d, want %d: %s", w.Code, e.status, w.Body)
			}
			v.answer(t, op, w.Code, w.Header(), w.Body.Bytes())
		})
	}
	for _, r := range f.s.routes {
		if !seen[r.Method+" "+r.Pattern] {
			t.Errorf("%s %s has no example", r.Method, r.Pattern)
		}
	}
}

func (v validator) request(t *testing.T, op map[string]any, e example) {
	t.Helper()
	body, _ := op["requestBody"].(map[string]any)
	content, _ := body["content"].(map[string]any)
	ct := e.contentType
	if ct == "" {
		ct = typeJSON
	}
	media, ok := content[ct].(map[string]any)
	if !ok {
		t.Fatalf("the document knows no request of type %s", ct)
	}
	var value any = e.body
	if strings.Contains(ct, "json") {
		if err := json.Unmarshal([]byte(e.body), &value); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range v.check(media["schema"].(map[string]any), value, "") {
		t.Error("request:", bad)
	}
}

func (v validator) answer(t *testing.T, op map[string]any, status int, head http.Header, body []byte) {
	t.Helper()
	resp, ok := op["responses"].(map[string]any)[strconv.Itoa(status)].(map[string]any)
	if !ok {
		t.Fatalf("the document knows no status %d", status)
	}
	if ref, ok := resp["$ref"].(string); ok {
		resp, _ = v.resolve(ref)
	}
	content, _ := resp["content"].(map[string]any)
	if content == nil {
		if len(body) > 0 {
			t.Errorf("%s in an answer without content", body)
		}
		return
	}
	ct, _, _ := strings.Cut(head.Get("Content-Type"), ";")
	media, ok := content[ct].(map[string]any)
	if !ok {
		t.Fatalf("the document knows no answer of type %s", ct)
	}
	schema, _ := media["schema"].(map[string]any)
	if schema == nil {
		return
	}
	var value any = string(body)
	if strings.Contains(ct, "json") {
		if err := json.Unmarshal(body, &value); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range v.check(schema, value, "") {
		t.Errorf("answer: %s in %s", bad, body)
	}
}

// Every event fits its schema and only its own.
func TestEventsFitTheDocument(t *testing.T) {
	f := newFixture(t)
	v := documentOf(t, f)
	for typ, data := range wire.EventTypes {
		data = filled(t, data)
		b, err := json.Marshal(wire.Event{ID: "evt_1", Seq: 1, Type: typ, Time: epoch, Data: data})
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(b, &value); err != nil {
			t.Fatal(err)
		}
		schema, _ := v.resolve("#/components/schemas/Event")
		for _, bad := range v.check(schema, value, "") {
			t.Errorf("%s: %s in %s", typ, bad, b)
		}
		var back wire.Event
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if again, _ := json.Marshal(back); !bytes.Equal(again, b) {
			t.Errorf("%s does not survive a round trip:\n%s\n%s", typ, b, again)
		}
	}
}

// filled gives an object's lists and enumerations values that may be on the wire.
func filled(t *testing.T, data any) any {
	t.Helper()
	switch data.(type) {
	case wire.Recording:
		return theRecording(wire.RecordingActive)
	case wire.Callback:
		return theCallback()
	case wire.Campaign:
		return theCampaign()
	case wire.CampaignRecord:
		return theRecord()
	}
	v := reflect.New(reflect.TypeOf(data)).Elem()
	v.Set(reflect.ValueOf(data))
	fill(v)
	return v.Interface()
}

// fill gives every string type its first value and every list no entries.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.String:
		if values := wire.Enums[v.Type().Name()]; len(values) > 0 {
			v.SetString(values[0])
		}
	}
}
