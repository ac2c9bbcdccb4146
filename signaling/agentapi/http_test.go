package agentapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// ask sends one request through the whole handler. head holds name, value pairs.
func (f *fixture) ask(token, method, path, body string, head ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	w := httptest.NewRecorder()
	f.s.Handler().ServeHTTP(w, r)
	return w
}

// problemOf reads the problem of an answer and checks its form.
func problemOf(t testing.TB, w *httptest.ResponseRecorder) wire.Problem {
	t.Helper()
	var p wire.Problem
	if ct := w.Header().Get("Content-Type"); ct != typeProblem {
		t.Fatalf("%d with Content-Type %q: %s", w.Code, ct, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != w.Code || p.Type != problemBase+p.Code || p.Title == "" || p.Code == "" || p.Instance == "" {
		t.Errorf("problem %+v with status %d", p, w.Code)
	}
	return p
}

// TestProfileMayForbidDenoise: whom the profile does not permit it cannot change noise suppression, but the rest.
func TestProfileMayForbidDenoise(t *testing.T) {
	f := newFixture(t)
	f.desk.denied = "denoise"
	alice := f.token("alice")
	if p := problemOf(t, f.ask(alice, "PATCH", "/v1/legs/"+customer, `{"denoise":{"in":50}}`)); p.Code != "not_permitted" || p.Status != 403 {
		t.Errorf("%d %s, want 403 not_permitted", p.Status, p.Code)
	}
	if w := f.ask(alice, "PATCH", "/v1/legs/"+aliceLeg, `{"gain_db":1}`); w.Code != 200 {
		t.Errorf("another setting: %d %s", w.Code, w.Body)
	}
}

func TestProblems(t *testing.T) {
	f := newFixture(t)
	admin, alice := f.token("", "admin:*"), f.token("alice")
	leg := "/v1/legs/" + customer
	big := `{"reason":"` + strings.Repeat("x", 70_000) + `"}`
	for _, c := range []struct {
		name, token, method, path, body, contentType string
		status                                       int
		code, pointer                                string
	}{
		{"no token", "", "GET", "/v1/calls", "", "", 401, "unauthorized", ""},
		{"bad token", "abc", "GET", "/v1/calls", "", "", 401, "invalid_token", ""},
		{"no such path", admin, "GET", "/v1/nothing", "", "", 404, "not_found", ""},
		{"no such path at all", "", "GET", "/nothing", "", "", 404, "not_found", ""},
		{"wrong method", admin, "PUT", "/v1/calls", "", "", 405, "method_not_allowed", ""},
		{"wrong method of an action", admin, "GET", leg + "/hold", "", "", 405, "method_not_allowed", ""},
		{"no grant", f.token("", "call:read"), "POST", "/v1/calls", `{"to":"1"}`, "", 403, "forbidden", ""},
		{"no JSON", admin, "POST", "/v1/calls", `{"to":`, "", 400, "malformed_json", ""},
		{"two values", admin, "POST", "/v1/calls", `{"to":"1"}{}`, "", 400, "malformed_json", ""},
		{"a list", admin, "POST", "/v1/calls", `[]`, "", 400, "wrong_type", ""},
		{"number for a string", admin, "POST", "/v1/calls", `{"to":17}`, "", 400, "wrong_type", "/to"},
		{"null for a string", admin, "POST", "/v1/calls", `{"to":null}`, "", 400, "wrong_type", "/to"},
		{"unknown field", admin, "POST", "/v1/calls", `{"to":"1","evil":1}`, "", 422, "unknown_field", "/evil"},
		{"field in another case", admin, "POST", "/v1/calls", `{"To":"1"}`, "", 422, "unknown_field", "/To"},
		{"nested unknown field", admin, "PATCH", leg, `{"denoise":{"in":1,"out":1,"up":2}}`, "", 422, "unknown_field", "/denoise/up"},
		{"noise suppression beyond its range", admin, "PATCH", leg, `{"denoise":{"in":101}}`, "", 422, "invalid_field", "/denoise"},
		{"missing field", admin, "POST", "/v1/calls", `{}`, "", 422, "invalid_field", "/to"},
		{"header injection", admin, "POST", "/v1/calls", `{"to":"1","from_name":"a\r\nX: y"}`, "", 400, "control_character", "/from_name"},
		{"NUL in a text of several lines", admin, "POST", "/v1/work", `{"kind":"email","queue":"main","from":"a@b","text":"a\n\u0000"}`, "", 400, "control_character", "/text"},
		{"line break in a subject", admin, "POST", "/v1/work", `{"kind":"email","queue":"main","from":"a@b","subject":"a\nb","text":"a"}`, "", 400, "control_character", "/subject"},
		{"NUL in a map's key", admin, "POST", "/v1/calls", `{"to":"1","variables":{"a\u0000":"b"}}`, "", 400, "control_character", "/variables/a\x00"},
		{"unknown state", admin, "POST", "/v1/agents/bob/state", `{"state":"asleep"}`, "", 422, "invalid_field", "/state"},
		{"too long", admin, "POST", "/v1/calls", `{"to":"` + strings.Repeat("1", 1025) + `"}`, "", 422, "invalid_field", "/to"},
		{"fraction for a whole number", admin, "POST", leg + "/dtmf", `{"digits":"1","duration_ms":0.5}`, "", 400, "wrong_type", "/duration_ms"},
		{"bad digits", admin, "POST", leg + "/dtmf", `{"digits":"12x"}`, "", 422, "invalid_field", "/digits"},
		{"too large", admin, "POST", "/v1/wrapups/" + wrapupID + "/submit", big, "", 413, "body_too_large", ""},
		{"not JSON's type", admin, "POST", "/v1/calls", `to=1`, "application/x-www-form-urlencoded", 415, "unsupported_media_type", ""},
		{"no such call", admin, "GET", "/v1/calls/call_0", "", "", 404, "call_not_found", ""},
		{"another's agent", alice, "POST", "/v1/agents/bob/state", `{"state":"ready"}`, "", 403, "forbidden", ""},
		{"another's offer", alice, "POST", "/v1/offers/" + offerID + "/accept", "", "", 403, "forbidden", ""},
		{"another's call", f.token("bob"), "GET", "/v1/calls/" + callID, "", "", 403, "forbidden", ""},
		{"another's recording", f.token("bob"), "GET", "/v1/recordings/" + recID, "", "", 403, "forbidden", ""},
		{"listening to another's recording", f.token("bob"), "GET", "/v1/recordings/" + recID + "/tracks/customer-1", "", "", 403, "forbidden", ""},
		{"joining another's call", f.token("bob"), "POST", "/v1/legs", `{"call_id":"` + callID + `","sdp":"v=0"}`, "", 409, "call_not_yours", ""},
		{"an agent dialling a leg", alice, "POST", "/v1/legs", `{"call_id":"` + callID + `","kind":"sip","to":"1"}`, "", 403, "forbidden", ""},
		{"another's list", alice, "GET", "/v1/calls?agent=bob", "", "", 403, "forbidden", ""},
		{"bad limit", admin, "GET", "/v1/calls?limit=1000", "", "", 422, "invalid_query", "?limit"},
		{"bad cursor", admin, "GET", "/v1/calls?cursor=x", "", "", 422, "invalid_query", "?cursor"},
		{"bad time", admin, "GET", "/v1/recordings?since=yesterday", "", "", 422, "invalid_query", "?since"},
		{"bad state filter", admin, "GET", "/v1/calls?state=on", "", "", 422, "invalid_query", "?state"},
		{"bad SDP", admin, "POST", "/v1/legs", `{"call_id":"` + callID + `","sdp":"hello"}`, "", 422, "sdp_refused", "/sdp"},
		{"bad SDP as WHIP", admin, "POST", "/v1/legs?call_id=" + callID, "hello", typeSDP, 422, "sdp_refused", "/sdp"},
		{"large SDP", admin, "POST", "/v1/legs?call_id=" + callID, "v=0" + strings.Repeat("x", 20_000), typeSDP, 413, "body_too_large", ""},
		{"RTP to the world", admin, "POST", "/v1/legs", `{"call_id":"` + callID + `","kind":"rtp","address":"192.0.2.1:4000","codec":"PCMU"}`, "", 403, "forbidden", ""},
		{"RTP to a name", admin, "POST", "/v1/legs", `{"call_id":"` + callID + `","kind":"rtp","address":"localhost:4000","codec":"PCMU"}`, "", 422, "invalid_field", "/address"},
		{"RTP in RTCP's place", admin, "POST", "/v1/legs", `{"call_id":"` + callID + `","kind":"rtp","address":"127.0.0.1:4000","codec":"PCMU","payload_type":72}`, "", 422, "invalid_field", "/payload_type"},
		{"receive in an unknown way", admin, "POST", "/v1/legs", `{"call_id":"` + callID + `","sdp":"v=0","receive":"loud"}`, "", 422, "invalid_field", "/receive"},
		{"receive in an unknown way from now on", admin, "PATCH", leg, `{"receive":"loud"}`, "", 422, "invalid_field", "/receive"},
		{"trickle to a phone", admin, "PATCH", leg, "m=audio 9 X 0\r\n", typeTrickle, 409, "leg_not_webrtc", ""},
		{"trickle of nonsense", admin, "PATCH", leg, "hello", typeTrickle, 400, "malformed_fragment", ""},
		{"reject after the answer", admin, "POST", "/v1/legs/" + aliceLeg + "/reject", "", "", 409, "leg_wrong_state", ""},
		{"odd reason", admin, "DELETE", leg + "?reason=because", "", "", 422, "invalid_field", "?reason"},
		{"events without upgrade", admin, "GET", "/v1/events", "", "", 426, "upgrade_required", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var head []string
			if c.contentType != "" {
				head = []string{"Content-Type", c.contentType}
			}
			w := f.ask(c.token, c.method, c.path, c.body, head...)
			p := problemOf(t, w)
			if w.Code != c.status || p.Code != c.code {
				t.Fatalf("%d %s, want %d %s: %s", w.Code, p.Code, c.status, c.code, w.Body)
			}
			if c.pointer != "" && (len(p.Errors) == 0 || p.Errors[0].Pointer != c.pointer) {
				t.Errorf("errors %+v, want pointer %s", p.Errors, c.pointer)
			}
			if c.status == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
			if c.status == 405 && (w.Header().Get("Allow") == "" || len(p.Allowed) == 0) {
				t.Error("405 without Allow")
			}
			if c.status == 403 && c.token != "" && p.Grant == "" && !strings.Contains(p.Detail, "rtp_allow") {
				t.Error("403 does not name the grant")
			}
		})
	}
	if did := f.calls.done(); len(did) != 0 {
		t.Errorf("refused requests did %v", did)
	}
}

// Every route asks for a token, and its grant is what opens it.
func TestGrantMatrix(t *testing.T) {
	f := newFixture(t, func(c *Config, _ *Deps) { c.RateLimit, c.Burst = 1000, 10_000 })
	grants := make(map[string]bool)
	for _, r := range f.s.routes {
		for _, g := range []string{r.Grant, r.Own} {
			if g != "" {
				grants[g] = true
				if !auth.ValidGrant(g) {
					t.Errorf("%s %s: %q is no grant", r.Method, r.Pattern, g)
				}
			}
		}
	}
	fill := strings.NewReplacer("{call}", callID, "{leg}", customer, "{room}", roomID, "{recording}", recID, "{track}", "customer-1",
		"{agent}", "zoe", "{offer}", "off_x", "{wrapup}", "wru_x", "{session}", "ses_x")
	n := 0
	for i := range f.s.routes {
		r := &f.s.routes[i]
		if r.Public {
			continue
		}
		path := fill.Replace(r.Pattern)
		if w := f.ask("", r.Method, path, ""); w.Code != 401 {
			t.Errorf("%s %s without a token: %d", r.Method, path, w.Code)
		}
		for g := range grants {
			c := auth.Claims{Grants: []string{g}}
			open := r.Grant == "" || c.Allows(r.Grant) || c.Allows(r.Own)
			w := f.ask(f.token("", g), r.Method, path, "")
			n++
			lacks := false
			if w.Code == 403 {
				lacks = strings.Contains(problemOf(t, w).Detail, "lacks the grant")
			}
			if open == lacks {
				t.Errorf("%s %s with %s: %d %s", r.Method, path, g, w.Code, w.Body)
			}
		}
	}
	t.Logf("%d routes x %d grants: %d requests", len(f.s.routes), len(grants), n)
}

func TestSignInAndRefresh(t *testing.T) {
	f := newFixture(t)
	w := f.ask(f.token("alice"), "POST", "/v1/sessions", "{}")
	var in wire.SessionAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &in); err != nil || w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c, err := f.keys.Verify(in.Token.Token)
	if err != nil || c.Session != in.Session.ID || c.Agent != "alice" || c.Expires().Sub(c.IssuedAt.Time) != auth.DesktopLife {
		t.Fatalf("claims %+v, %v", c, err)
	}
	w = f.ask(in.Token.Token, "POST", "/v1/token/refresh", "")
	var fresh wire.Token
	if err := json.Unmarshal(w.Body.Bytes(), &fresh); err != nil || w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c2, err := f.keys.Verify(fresh.Token)
	if err != nil || c2.Session != c.Session || !slices.Equal(c2.Grants, c.Grants) {
		t.Errorf("refreshed %+v, %v", c2, err)
	}
	var me wire.Snapshot
	w = f.ask(fresh.Token, "GET", "/v1/agents/me", "")
	if err := json.Unmarshal(w.Body.Bytes(), &me); err != nil || me.Agent.ID != "alice" || me.Call == nil || me.Call.ID != callID || me.Session != in.Session.ID || len(me.Recordings) != 1 ||
		len(me.Stages) != 1 || len(me.Records) != 1 || me.Records[0].ID != recordID {
		t.Errorf("snapshot %s", w.Body)
	}
	if w = f.ask(fresh.Token, "DELETE", "/v1/sessions/"+in.Session.ID, ""); w.Code != 200 {
		t.Fatalf("sign out: %d %s", w.Code, w.Body)
	}
	for _, tok := range []string{in.Token.Token, fresh.Token} {
		if p := problemOf(t, f.ask(tok, "GET", "/v1/agents/me", "")); p.Code != "session_over" || p.Status != 401 {
			t.Errorf("a token of a session that is over: %+v", p)
		}
	}
}

func TestAgentsOwnCall(t *testing.T) {
	f := newFixture(t)
	alice := f.token("alice")
	for _, c := range []struct{ method, path, body, did string }{
		{"POST", "/v1/legs/" + customer + "/hold", "", "hold " + customer + " alice"},
		{"POST", "/v1/legs/" + customer + "/resume", "{}", "resume " + customer + " alice"},
		{"POST", "/v1/legs/" + customer + "/dtmf", `{"digits":"1#"}`, "digits " + customer + " 1# 100ms"},
		{"PATCH", "/v1/legs/" + aliceLeg, `{"muted":true}`, "patch " + aliceLeg + " alice"},
		{"POST", "/v1/recordings/" + recID + "/pause", `{"max_seconds":4,"reason":"card"}`, "pause 4s card alice"},
		{"POST", "/v1/recordings/" + recID + "/resume", "", "resume_recording alice"},
		{"DELETE", "/v1/legs/" + aliceLeg + "?reason=reload", "", "hangup " + aliceLeg + " reload alice"},
		{"POST", "/v1/calls", `{"to":"+386"}`, "create +386 alice alice"},
		{"POST", "/v1/calls/" + callID + "/end", `{"reason":"hangup"}`, "end " + callID + " hangup alice"},
	} {
		w := f.ask(alice, c.method, c.path, c.body)
		did := f.calls.done()
		if w.Code/100 != 2 || len(did) == 0 || did[len(did)-1] != c.did {
			t.Errorf("%s %s: %d %s, did %q, want %q", c.method, c.path, w.Code, w.Body, did, c.did)
		}
	}
}

func TestBrowserLeg(t *testing.T) {
	f := newFixture(t)
	alice := f.token("alice")
	body, _ := json.Marshal(wire.LegRequest{CallID: callID, SDP: offerSDP, Replaces: aliceLeg})
	w := f.ask(alice, "POST", "/v1/legs", string(body))
	var a wire.LegAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 201 || a.SDP != answerSDP || a.Leg.Role != wire.RoleAgent || a.Leg.Agent != "alice" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	path := "/v1/legs/" + a.Leg.ID
	frag := "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:3 1 udp 1 192.0.2.7 6000 typ host\r\na=end-of-candidates\r\n"
	if w := f.ask(alice, "PATCH", path, frag, "Content-Type", typeTrickle); w.Code != 204 {
		t.Fatalf("trickle: %d %s", w.Code, w.Body)
	}
	if len(f.legs[0].trickled) != 1 || f.legs[0].trickled[0] != frag {
		t.Errorf("trickled %q", f.legs[0].trickled)
	}
	// An ICE restart in either shape.
	again := strings.ReplaceAll(strings.ReplaceAll(frag, "abcd", "wxyz"), "0123456789012345678901", "9876543210987654321098")
	w = f.ask(alice, "PATCH", path, again, "Content-Type", typeTrickle)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "a=ice-ufrag:serv\r\n") || w.Header().Get("Content-Type") != typeTrickle {
		t.Fatalf("restart by fragment: %d %s", w.Code, w.Body)
	}
	if got := f.legs[0].restarts[0]; !strings.Contains(got, "a=ice-ufrag:wxyz\r\n") || strings.Contains(got, "abcd") || strings.Contains(got, "192.0.2.1 ") || !strings.Contains(got, "192.0.2.7") {
		t.Errorf("offer after the restart:\n%s", got)
	}
	sdp, _ := json.Marshal(map[string]string{"sdp": offerSDP})
	w = f.ask(alice, "PATCH", path, string(sdp), "Content-Type", typeMerge)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"sdp":"v=0`) {
		t.Fatalf("restart by offer: %d %s", w.Code, w.Body)
	}
	if err := f.calls.attached[0].Endpoint.Hangup(t.Context(), callCause()); err != nil || !f.legs[0].closed() || f.s.legs.len() != 0 {
		t.Errorf("after the hang-up: %v, closed %t, %d legs kept", err, f.legs[0].closed(), f.s.legs.len())
	}

	// WHIP, and a call that is full: the built leg must not stay behind.
	w = f.ask(f.token("", "admin:*"), "POST", "/v1/legs?call_id="+callID, offerSDP, "Content-Type", typeSDP)
	if w.Code != 201 || w.Body.String() != answerSDP || w.Header().Get("Location") == "" || w.Header().Get("Content-Type") != typeSDP {
		t.Errorf("WHIP: %d %v %s", w.Code, w.Header(), w.Body)
	}
	f.calls.err = problem.Conflict("room_full", "", nil, "a call has at most 8 parties")
	w = f.ask(alice, "POST", "/v1/legs", string(body))
	if p := problemOf(t, w); p.Code != "room_full" || !f.legs[2].closed() {
		t.Errorf("full room: %+v, leg closed %t", p, f.legs[2].closed())
	}
}

// A browser asks for separate streams, renegotiates for more of them, and goes back to one mix.
func TestStreams(t *testing.T) {
	f := newFixture(t)
	alice := f.token("alice")
	body, _ := json.Marshal(wire.LegRequest{CallID: callID, SDP: offerSDP, Replaces: aliceLeg, Receive: wire.ReceiveStreams})
	w := f.ask(alice, "POST", "/v1/legs", string(body))
	var a wire.LegAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 201 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if !f.legs[0].streams || f.calls.attached[0].Receive != wire.ReceiveStreams {
		t.Errorf("leg %t, call %q", f.legs[0].streams, f.calls.attached[0].Receive)
	}
	path := "/v1/legs/" + a.Leg.ID
	for _, c := range []struct {
		patch   any
		streams bool
		did     string
	}{
		{map[string]string{"sdp": offerSDP, "receive": "streams"}, true, "receive " + a.Leg.ID + " streams alice"},
		{map[string]string{"receive": "mix"}, true, "receive " + a.Leg.ID + " mix alice"},
		{map[string]string{"sdp": offerSDP}, false, "receive " + a.Leg.ID + " mix alice"},
	} {
		sdp, _ := json.Marshal(c.patch)
		if w := f.ask(alice, "PATCH", path, string(sdp), "Content-Type", typeMerge); w.Code != 200 {
			t.Fatalf("%v: %d %s", c.patch, w.Code, w.Body)
		}
		if did := f.calls.done(); did[len(did)-1] != c.did || f.legs[0].streams != c.streams {
			t.Errorf("%v: did %q, streams %t", c.patch, did, f.legs[0].streams)
		}
	}
	w = f.ask(f.token("", "admin:*"), "POST", "/v1/legs?receive=streams&call_id="+callID, offerSDP, "Content-Type", typeSDP)
	if w.Code != 201 || !f.legs[1].streams {
		t.Errorf("WHIP: %d %s", w.Code, w.Body)
	}
}

func TestPlainRTPLeg(t *testing.T) {
	f := newFixture(t)
	w := f.ask(f.token("", "admin:*"), "POST", "/v1/legs", `{"call_id":"`+callID+`","kind":"rtp","address":"127.0.0.1:4000","codec":"pcmu","payload_type":0,"event_type":101}`)
	var a wire.LegAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 201 || a.Address != "127.0.0.1:10000" || a.Leg.Kind != wire.LegRTP {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestTrackWithRange(t *testing.T) {
	f := newFixture(t)
	path := "/v1/recordings/" + recID + "/tracks/customer-1"
	w := f.ask(f.token("alice"), "GET", path, "")
	if w.Code != 200 || w.Body.Len() != 1000 || w.Header().Get("Content-Type") != "audio/ogg; codecs=opus" || w.Header().Get("Accept-Ranges") != "bytes" {
		t.Errorf("%d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
	w = f.ask(f.token("alice"), "GET", path, "", "Range", "bytes=10-19")
	if w.Code != 206 || w.Body.String() != "OggS123456" || w.Header().Get("Content-Range") != "bytes 10-19/1000" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	if w = f.ask(f.token("alice", "recording:read:own"), "GET", path, ""); w.Code != 403 {
		t.Errorf("without recording:listen: %d", w.Code)
	}
}

func TestIfMatch(t *testing.T) {
	f := newFixture(t)
	admin := f.token("", "admin:*")
	tag := f.ask(admin, "GET", "/v1/rooms/"+roomID+"/matrix", "").Header().Get("ETag")
	if w := f.ask(admin, "PATCH", "/v1/rooms/"+roomID+"/matrix", `{"cells":[]}`, "If-Match", tag); w.Code != 200 || w.Header().Get("ETag") == tag {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if p := problemOf(t, f.ask(admin, "PATCH", "/v1/rooms/"+roomID+"/matrix", `{"cells":[]}`, "If-Match", tag)); p.Status != 412 {
		t.Errorf("%+v", p)
	}
	if w := f.ask(admin, "POST", "/v1/agents/bob/state", `{"state":"ready"}`, "If-Match", `"3"`); w.Code != 200 || w.Header().Get("ETag") != `"4"` {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if p := problemOf(t, f.ask(admin, "POST", "/v1/agents/bob/state", `{"state":"ready"}`, "If-Match", `"2"`)); p.Code != "version_mismatch" {
		t.Errorf("%+v", p)
	}
	w := f.ask(admin, "PATCH", "/v1/calls/"+callID+"/variables", `{"order":null,"vip":"yes"}`, "If-Match", f.ask(admin, "GET", "/v1/calls/"+callID, "").Header().Get("ETag"))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"variables":{"vip":"yes"}`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestIdempotency(t *testing.T) {
	f := newFixture(t)
	tok := f.token("", "admin:*")
	dial := func(key, body string) *httptest.ResponseRecorder {
		return f.ask(tok, "POST", "/v1/calls", body, "Idempotency-Key", key)
	}
	first := dial("k1", `{"to":"1"}`)
	again := dial("k1", `{"to":"1"}`)
	if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() ||
		again.Header().Get("Idempotency-Replayed") != "true" || again.Header().Get("Location") != first.Header().Get("Location") {
		t.Errorf("first %d %s\nagain %d %s %v", first.Code, first.Body, again.Code, again.Body, again.Header())
	}
	if n := len(f.calls.done()); n != 1 {
		t.Errorf("dialled %d times", n)
	}
	if p := problemOf(t, dial("k1", `{"to":"2"}`)); p.Status != 422 || p.Code != "idempotency_key_reused" {
		t.Errorf("%+v", p)
	}
	if w := f.ask(f.token("", "call:dial"), "POST", "/v1/calls", `{"to":"2"}`, "Idempotency-Key", "k1"); w.Code != 422 {
		t.Errorf("same subject, other token: %d", w.Code)
	}
	if p := problemOf(t, dial("a b", `{"to":"1"}`)); p.Status != 400 {
		t.Errorf("%+v", p)
	}
	// A refusal that may pass is not kept, one that will not is.
	f.calls.err = problem.New(503, "call_limit", "full")
	if w := dial("k2", `{"to":"1"}`); w.Code != 503 {
		t.Fatal(w.Code)
	}
	f.calls.err = nil
	if w := dial("k2", `{"to":"1"}`); w.Code != 201 {
		t.Errorf("after 503: %d", w.Code)
	}
	if a, b := dial("k3", `{}`), dial("k3", `{}`); a.Code != 422 || b.Code != 422 || b.Header().Get("Content-Type") != typeProblem {
		t.Errorf("%d %d", a.Code, b.Code)
	}
}

// Two of the same at once run once; the memory is bounded in time and number.
func TestIdempotencyTogetherAndBounded(t *testing.T) {
	f := newFixture(t)
	tok := f.token("", "admin:*")
	f.calls.block = make(chan struct{})
	answers := make(chan *httptest.ResponseRecorder)
	for range 8 {
		go func() { answers <- f.ask(tok, "POST", "/v1/calls", `{"to":"1"}`, "Idempotency-Key", "k") }()
	}
	time.Sleep(20 * time.Millisecond)
	close(f.calls.block)
	var body string
	for range 8 {
		w := <-answers
		if w.Code != 201 || body != "" && w.Body.String() != body {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		body = w.Body.String()
	}
	if n := len(f.calls.done()); n != 1 {
		t.Errorf("dialled %d times", n)
	}

	now := epoch
	p := newReplays(func() time.Time { return now })
	settle := func(key string) {
		r, mine := p.enter(key, [32]byte{})
		if !mine {
			t.Fatalf("%s is kept already", key)
		}
		rec := newRecording()
		rec.WriteHeader(200)
		p.settle(r, rec)
	}
	for i := range maxReplays + 100 {
		settle(time.Duration(i).String())
	}
	if len(p.kept) > maxReplays {
		t.Errorf("%d answers kept", len(p.kept))
	}
	now = now.Add(keepReplay + time.Second)
	settle("x")
	if len(p.kept) != 1 || len(p.order) != 1 {
		t.Errorf("%d answers kept after a day", len(p.kept))
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(50, 100, time.Now)
		ok := 0
		for range 200 {
			if _, good := l.take("a"); good {
				ok++
			}
		}
		if ok != 100 {
			t.Errorf("burst of %d", ok)
		}
		if wait, good := l.take("a"); good || wait <= 0 || wait > time.Second {
			t.Errorf("wait %v", wait)
		}
		if _, good := l.take("b"); !good {
			t.Error("another token pays for it")
		}
		time.Sleep(time.Second)
		ok = 0
		for range 200 {
			if _, good := l.take("a"); good {
				ok++
			}
		}
		if ok != 50 {
			t.Errorf("%d in the second second", ok)
		}
		time.Sleep(3 * time.Minute)
		l.take("c")
		if len(l.buckets) != 1 {
			t.Errorf("%d buckets kept", len(l.buckets))
		}
	})
	f := newFixture(t, func(c *Config, _ *Deps) { c.RateLimit, c.Burst = 1, 1 })
	tok := f.token("", "admin:*")
	f.ask(tok, "GET", "/v1/calls", "")
	w := f.ask(tok, "GET", "/v1/calls", "")
	if p := problemOf(t, w); p.Status != 429 || p.RetryAfter < 1 || w.Header().Get("Retry-After") == "" || p.Limit != 1 {
		t.Errorf("%+v", p)
	}
}

func TestHealth(t *testing.T) {
	drain := false
	f := newFixture(t, func(_ *Config, d *Deps) {
		d.Draining = func() bool { return drain }
		d.Live = func() int { return 3 }
	})
	if w := f.ask("", "GET", "/healthz", ""); w.Code != 200 || w.Body.String() != `{"status":"ok","calls":3}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	drain = true
	if w := f.ask("", "GET", "/healthz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "draining") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestMetrics(t *testing.T) {
	type shard struct{ Rooms int }
	type numbers struct {
		Ticks, RTPSent uint64
		LateMax        time.Duration
		Rooms          int
		Full           bool
		Load           float64
		Shards         []shard
		name           string
	}
	f := newFixture(t, func(_ *Config, d *Deps) {
		d.Stats = map[string]func() any{"mixer": func() any {
			return numbers{Ticks: 50, RTPSent: 7, LateMax: 1500 * time.Millisecond, Rooms: 2, Full: true, Load: 0.5, Shards: []shard{{1}, {4}}, name: "x"}
		}}
	})
	f.ask(f.token("", "admin:*"), "GET", "/v1/calls", "")
	f.ask("", "GET", "/v1/calls", "")
	w := f.ask("", "GET", "/metrics", "")
	for _, line := range []string{
		"cordboard_mixer_ticks_total 50", "cordboard_mixer_rtp_sent_total 7", "cordboard_mixer_late_max_seconds 1.5",
		"cordboard_mixer_rooms 2", "cordboard_mixer_full 1", "cordboard_mixer_load 0.5", `cordboard_mixer_shards_rooms{index="1"} 4`,
		`cordboard_api_requests_total{method="GET",route="/v1/calls",status="200"} 1`,
		`cordboard_api_requests_total{method="GET",route="/v1/calls",status="401"} 1`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("no %q in\n%s", line, w.Body)
		}
	}
}

func TestPanicIsOneProblem(t *testing.T) {
	f := newFixture(t, func(_ *Config, d *Deps) {
		d.Live = func() int { panic("bug") }
	})
	if p := problemOf(t, f.ask("", "GET", "/healthz", "")); p.Status != 500 || strings.Contains(p.Detail, "bug") {
		t.Errorf("%+v", p)
	}
}

func TestWithoutDeskAndRecorder(t *testing.T) {
	f := newFixture(t, func(_ *Config, d *Deps) { d.Desk, d.Recordings, d.WebRTC, d.RTP = nil, nil, nil, nil })
	admin := f.token("", "admin:*")
	for _, path := range []string{"/v1/recordings", "/v1/recordings/x"} {
		if p := problemOf(t, f.ask(admin, "GET", path, "")); p.Status != 503 || p.Code != "recorder_off" {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if p := problemOf(t, f.ask(admin, "POST", "/v1/legs", `{"call_id":"`+callID+`","sdp":"v=0"}`)); p.Code != "webrtc_off" {
		t.Errorf("%+v", p)
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"http.listen":     func(c *Config) { c.Listen = "8080" },
		"http.cert_file":  func(c *Config) { c.CertFile = "x" },
		"http.origins":    func(c *Config) { c.Origins = []string{"https://*.example.com"} },
		"http.token_life": func(c *Config) { c.TokenLife = time.Second },
		"http.rate_limit": func(c *Config) { c.RateLimit = 0 },
		"http.burst":      func(c *Config) { c.Burst = 1 },
		"http.sockets":    func(c *Config) { c.Sockets = 0 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDesktopIsMounted(t *testing.T) {
	f := newFixture(t, func(_ *Config, d *Deps) {
		d.Desktop = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("desktop")) })
	})
	if w := f.ask("", "GET", "/", ""); w.Body.String() != "desktop" {
		t.Errorf("%s", w.Body)
	}
	if w := f.ask("", "GET", "/v1/x", ""); w.Code != 404 || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
