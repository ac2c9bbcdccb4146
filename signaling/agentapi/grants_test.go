package agentapi

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/signaling/auth"
)

// matrix is who may ask what: one letter each for agent, supervisor and administrator. y is everything, o only
// what is the agent's own, - nothing; *** is open to all. The last word is the action of an agent's profile that
// is asked for besides. It is written by hand on purpose: whoever adds a route says here who may use it.
var matrix = []struct{ route, roles, act string }{
	{"GET /healthz", "***", ""},
	{"GET /metrics", "***", ""},
	{"GET /v1/openapi.json", "***", ""},
	{"GET /v1/events", "***", ""},
	{"POST /v1/token/refresh", "yyy", ""},
	{"POST /v1/sessions", "ooy", ""},
	{"DELETE /v1/sessions/{session}", "ooy", ""},
	{"GET /v1/agents", "-yy", ""},
	{"GET /v1/agents/me", "oyy", ""},
	{"GET /v1/agents/{agent}", "oyy", ""},
	{"GET /v1/agents/{agent}/offers", "oyy", ""},
	{"POST /v1/agents/{agent}/offers/accept", "ooy", "answer"},
	{"POST /v1/agents/{agent}/state", "ooy", ""},
	{"POST /v1/agents/{agent}/signout", "ooy", ""},
	{"POST /v1/agents/{agent}/preflight", "ooy", ""},
	{"POST /v1/agents/{agent}/station", "ooy", "station"},
	{"POST /v1/calls/{call}/prefer", "--y", ""},
	{"POST /v1/offers/{offer}/accept", "ooy", "answer"},
	{"POST /v1/offers/{offer}/decline", "ooy", ""},
	{"GET /v1/wrapups/{wrapup}", "oyy", ""},
	{"POST /v1/wrapups/{wrapup}/submit", "ooy", ""},
	{"POST /v1/wrapups/{wrapup}/extend", "ooy", "extend_wrapup"},
	{"GET /v1/queues", "yyy", ""},
	{"GET /v1/config/desk", "--y", ""},
	{"PUT /v1/config/desk", "--y", ""},
	{"GET /v1/config/desk/versions", "--y", ""},
	{"GET /v1/config/desk/diff", "--y", ""},
	{"POST /v1/config/desk/rollback", "--y", ""},
	{"POST /v1/config/desk/dryrun", "--y", ""},
	{"POST /v1/calls", "yyy", "dial"},
	{"GET /v1/calls", "oyy", ""},
	{"GET /v1/calls/{call}", "oyy", ""},
	{"PATCH /v1/calls/{call}", "--y", ""},
	{"GET /v1/calls/{call}/legs", "oyy", ""},
	{"GET /v1/calls/{call}/timeline", "oyy", ""},
	{"POST /v1/calls/{call}/arrange", "--y", ""},
	{"POST /v1/calls/{call}/end", "ooy", "end"},
	{"PATCH /v1/calls/{call}/variables", "--y", ""},
	{"GET /v1/calls/{call}/recordings", "ooy", ""},
	{"POST /v1/calls/{call}/recordings", "--y", ""},
	{"POST /v1/calls/{call}/capture", "--y", ""},
	{"GET /v1/captures/{capture}", "oyy", ""},
	{"POST /v1/captures/{capture}/cancel", "ooy", ""},
	{"POST /v1/captures/{capture}/take", "--y", ""},
	{"POST /v1/legs", "ooy", ""},
	{"GET /v1/legs/{leg}", "oyy", ""},
	{"GET /v1/legs/{leg}/stats", "oyy", ""},
	{"GET /v1/legs/{leg}/quality", "oyy", ""},
	{"PATCH /v1/legs/{leg}", "ooy", ""},
	{"DELETE /v1/legs/{leg}", "ooy", ""},
	{"POST /v1/legs/{leg}/answer", "ooy", ""},
	{"POST /v1/legs/{leg}/reject", "ooy", ""},
	{"POST /v1/legs/{leg}/hold", "ooy", "hold"},
	{"POST /v1/legs/{leg}/resume", "ooy", "hold"},
	{"POST /v1/legs/{leg}/dtmf", "ooy", "dtmf"},
	{"POST /v1/legs/{leg}/play", "ooy", ""},
	{"POST /v1/legs/{leg}/hangup", "ooy", ""},
	{"POST /v1/rooms", "--y", ""},
	{"GET /v1/rooms/{room}", "oyy", ""},
	{"GET /v1/rooms/{room}/matrix", "oyy", ""},
	{"PATCH /v1/rooms/{room}/matrix", "--y", ""},
	{"POST /v1/rooms/{room}/play", "--y", ""},
	{"GET /v1/recordings", "ooy", ""},
	{"GET /v1/recordings/{recording}", "ooy", ""},
	{"POST /v1/recordings/{recording}/pause", "ooy", "pause_recording"},
	{"POST /v1/recordings/{recording}/resume", "ooy", "pause_recording"},
	{"POST /v1/recordings/{recording}/stop", "--y", ""},
	{"GET /v1/recordings/{recording}/tracks/{track}", "ooy", ""},
	{"GET /v1/recordings/{recording}/markers", "ooy", ""},
	{"GET /v1/recordings/{recording}/tracks/{track}/link", "ooy", ""},
	{"GET /v1/recordings/{recording}/peaks", "ooy", ""},
	{"POST /v1/recordings/{recording}/hold", "--y", ""},
	{"POST /v1/recordings/{recording}/erase", "--y", ""},
	{"DELETE /v1/recordings/{recording}", "--y", ""},
	{"GET /v1/audit", "--y", ""},
	{"POST /v1/callbacks", "oyy", "callback"},
	{"GET /v1/callbacks", "oyy", ""},
	{"GET /v1/callbacks/slots", "oyy", ""},
	{"GET /v1/callbacks/entry-points", "oyy", ""},
	{"POST /v1/callbacks/requests", "***", ""},
	{"POST /v1/callbacks/requests/{callback}/confirm", "***", ""},
	{"POST /v1/callbacks/trusted", "-yy", ""},
	{"POST /v1/calls/{call}/callback", "-yy", ""},
	{"GET /v1/callbacks/{callback}", "oyy", ""},
	{"PUT /v1/callbacks/{callback}", "oyy", "callback"},
	{"DELETE /v1/callbacks/{callback}", "oyy", "callback"},
	{"POST /v1/callbacks/{callback}/reschedule", "oyy", "callback"},
	{"POST /v1/callbacks/{callback}/assign", "oyy", "callback"},
	{"POST /v1/callbacks/{callback}/dial", "oyy", "callback"},
	{"POST /v1/callbacks/{callback}/complete", "oyy", "callback"},
	{"GET /v1/callbacks/{callback}/message", "oyy", ""},
	{"POST /v1/lists", "-yy", ""},
	{"GET /v1/lists", "-yy", ""},
	{"DELETE /v1/lists/{list}", "-yy", ""},
	{"GET /v1/contacts", "ooy", "search"},
	{"POST /v1/calls/{call}/contact", "oyy", "campaign_change"},
	{"PATCH /v1/records/{record}", "oyy", "campaign_change"},
	{"POST /v1/do-not-call", "-yy", ""},
	{"GET /v1/do-not-call/{number}", "-yy", ""},
	{"DELETE /v1/do-not-call/{number}", "-yy", ""},
	{"POST /v1/campaigns", "-yy", ""},
	{"GET /v1/campaigns", "oyy", ""},
	{"GET /v1/campaigns/{campaign}", "oyy", ""},
	{"PUT /v1/campaigns/{campaign}", "-yy", ""},
	{"POST /v1/campaigns/{campaign}/next", "oyy", "campaign_next"},
	{"GET /v1/campaigns/{campaign}/records", "-yy", ""},
	{"GET /v1/records/{record}", "oyy", ""},
	{"POST /v1/campaigns/{campaign}/start", "-yy", ""},
	{"POST /v1/campaigns/{campaign}/pause", "-yy", ""},
	{"POST /v1/campaigns/{campaign}/finish", "-yy", ""},
	{"POST /v1/records/{record}/dial", "oyy", "campaign_dial"},
	{"POST /v1/records/{record}/done", "oyy", "campaign_done"},
	{"POST /v1/records/{record}/reschedule", "oyy", "campaign_reschedule"},
	{"POST /v1/records/{record}/reject", "oyy", "campaign_reject"},
	{"POST /v1/records/{record}/cancel", "oyy", "campaign_cancel"},
	{"POST /v1/records/{record}/do-not-call", "oyy", "campaign_do_not_call"},
	{"GET /v1/calls/{call}/handling", "oyy", ""},
	{"POST /v1/calls/{call}/hold", "ooy", "hold"},
	{"POST /v1/calls/{call}/resume", "ooy", "hold"},
	{"POST /v1/calls/{call}/consult", "ooy", "consult"},
	{"POST /v1/calls/{call}/consult/end", "ooy", ""},
	{"POST /v1/calls/{call}/consult/swap", "ooy", "consult"},
	{"POST /v1/calls/{call}/conference", "ooy", "conference"},
	{"POST /v1/calls/{call}/exit", "ooy", ""},
	{"POST /v1/calls/{call}/drop", "ooy", "conference"},
	{"POST /v1/calls/{call}/transfer", "ooy", "transfer"},
	{"GET /v1/targets", "oyy", ""},
	{"GET /v1/calls/{call}/variables", "oyy", ""},
	{"GET /v1/calls/{call}/variables/{name}", "ooy", ""},
	{"PUT /v1/calls/{call}/variables/{name}", "ooy", "variables"},
	{"POST /v1/wrapups/{wrapup}/cancel", "ooy", "extend_wrapup"},
	{"GET /v1/webhooks", "--y", ""},
	{"POST /v1/webhooks", "--y", ""},
	{"GET /v1/webhooks/{webhook}", "--y", ""},
	{"PATCH /v1/webhooks/{webhook}", "--y", ""},
	{"DELETE /v1/webhooks/{webhook}", "--y", ""},
	{"POST /v1/webhooks/{webhook}/rotate", "--y", ""},
	{"POST /v1/webhooks/{webhook}/test", "--y", ""},
	{"GET /v1/webhooks/{webhook}/attempts", "--y", ""},
	{"GET /v1/webhooks/{webhook}/dead", "--y", ""},
	{"POST /v1/webhooks/{webhook}/replay", "--y", ""},
	{"GET /v1/call-records", "oyy", ""},
	{"GET /v1/call-records/export", "-yy", ""},
	{"GET /v1/reports", "-yy", ""},
	{"GET /v1/reports/export", "-yy", ""},
	{"GET /v1/signin", "***", ""},
	{"GET /v1/signin/{provider}", "***", ""},
	{"GET /v1/signin/{provider}/return", "***", ""},
	{"POST /v1/signin/token", "***", ""},
	{"POST /v1/token/revoke", "yyy", ""},
	{"GET /v1/revocations", "--y", ""},
	{"POST /v1/revocations", "--y", ""},
	{"DELETE /v1/revocations/{revocation}", "--y", ""},
	{"POST /v1/work", "--y", ""},
	{"GET /v1/work", "ooy", ""},
	{"GET /v1/work/{work}", "ooy", ""},
	{"POST /v1/work/{work}/reply", "ooy", ""},
	{"POST /v1/work/{work}/close", "ooy", ""},
	{"DELETE /v1/work/{work}", "--y", ""},
	{"GET /v1/wall", "-yy", ""},
	{"POST /v1/calls/{call}/monitor", "-yy", ""},
	{"POST /v1/calls/{call}/coach", "-yy", ""},
	{"POST /v1/calls/{call}/barge", "-yy", ""},
	{"DELETE /v1/supervisions/{supervision}", "-yy", ""},
	{"POST /v1/calls/{call}/takeover", "-yy", ""},
	{"POST /v1/calls/{call}/force-end", "-yy", ""},
	{"POST /v1/agents/{agent}/force-state", "-yy", ""},
	{"POST /v1/agents/{agent}/force-wrapup", "-yy", ""},
	{"POST /v1/agents/{agent}/force-signout", "-yy", ""},
}

// pathOf puts ids into a route's path.
func pathOf(pattern string) string {
	return strings.NewReplacer(
		"{session}", "ses_1", "{agent}", "bob", "{call}", callID, "{leg}", customer, "{offer}", offerID, "{wrapup}", wrapupID,
		"{room}", roomID, "{recording}", recID, "{track}", "customer-1", "{capture}", "cap_1", "{callback}", callbackID,
		"{campaign}", campaignID, "{record}", recordID, "{list}", "lst_1", "{number}", "041", "{name}", "pin",
		"{supervision}", "sup_1", "{webhook}", "whk_1", "{work}", workID,
		"{provider}", "company", "{revocation}", "account.626f62",
	).Replace(pattern)
}

// stubbed is a fixture whose handlers do nothing: what is answered otherwise is the authorisation.
func stubbed(t *testing.T, change ...func(*Config, *Deps)) *fixture {
	f := newFixture(t, change...)
	for i := range f.s.routes {
		f.s.routes[i].Handler = func(q *request) error { return q.reply(http.StatusNoContent, nil) }
	}
	return f
}

// TestT9_EveryRouteOfEveryRole asks every route without a token, with one of no grants, and with one of each role.
func TestT9_EveryRouteOfEveryRole(t *testing.T) {
	f := stubbed(t)
	listed := map[string]int{}
	for i, row := range matrix {
		listed[row.route] = i + 1
	}
	for i := range f.s.routes {
		r := &f.s.routes[i]
		name := r.Method + " " + r.Pattern
		at := listed[name]
		if at == 0 {
			t.Errorf("%s is not in the matrix: say who may use it", name)
			continue
		}
		row := matrix[at-1]
		delete(listed, name)
		if r.Act != row.act {
			t.Errorf("%s asks for the action %q, the matrix says %q", name, r.Act, row.act)
		}
		ask := func(token string) int { return f.ask(token, r.Method, pathOf(r.Pattern), "").Code }
		public := row.roles == "***"
		if got := ask(""); public != (got == http.StatusNoContent) || !public && got != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", name, got)
		}
		if public {
			continue
		}
		if got := ask(f.token("", "nothing:read")); got != http.StatusForbidden && (r.Grant != "" || got != http.StatusNoContent) {
			t.Errorf("%s without a grant: %d", name, got)
		}
		for k, role := range auth.Roles() {
			agent := "alice"
			if role == auth.RoleAdmin {
				agent = ""
			}
			want := http.StatusNoContent
			if row.roles[k] == '-' {
				want = http.StatusForbidden
			}
			grants := auth.RoleGrants(role)
			if got := ask(f.token(agent, grants...)); got != want {
				t.Errorf("%s as %s: %d, want %d", name, role, got, want)
			}
			all := r.Grant == "" || auth.Claims{Grants: grants}.Allows(r.Grant)
			if want != http.StatusForbidden && all != (row.roles[k] == 'y') {
				t.Errorf("%s as %s: on everything is %t, the matrix says %c", name, role, all, row.roles[k])
			}
		}
	}
	for name := range listed {
		t.Errorf("%s is in the matrix and is no route", name)
	}
}

// TestGrantsAreDocumented: the table of docs/integration.md is the matrix.
func TestGrantsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/integration.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[byte]string{'y': "yes", 'o': "own", '-': "", '*': "open"}
	for _, row := range matrix {
		line := "| `" + row.route + "` |"
		for k := range 3 {
			line += " " + words[row.roles[k]] + " |"
		}
		if line += " " + row.act + " |"; !strings.Contains(string(text), line+"\n") {
			t.Errorf("the table lacks %s", line)
		}
	}
}

// What is allowed on own things only is refused on another's, whatever the thing.
func TestT9_OwnIsNotEverybodys(t *testing.T) {
	f := newFixture(t)
	bodies := map[string]string{
		"POST /v1/agents/{agent}/state": `{"state":"ready"}`, "POST /v1/agents/{agent}/preflight": `{"checks":{"sound":"passed"}}`,
		"POST /v1/agents/{agent}/station": `{"station":""}`, "POST /v1/wrapups/{wrapup}/submit": `{"reason":"x"}`,
		"POST /v1/legs/{leg}/dtmf": `{"digits":"1"}`, "POST /v1/legs/{leg}/play": `{"source":"beep"}`,
		"PATCH /v1/legs/{leg}": `{"muted":true}`, "PATCH /v1/calls/{call}/variables": `{"a":"b"}`,
		"POST /v1/calls/{call}/drop": `{"leg_id":"leg_1"}`, "PUT /v1/calls/{call}/variables/{name}": `{"value":"1","version":0}`,
		"PUT /v1/callbacks/{callback}": `{}`, "POST /v1/records/{record}/done": `{"disposition":"sale"}`,
		"POST /v1/calls/{call}/consult": `{"kind":"agent","target":"bob"}`, "POST /v1/calls/{call}/transfer": `{"kind":"agent","target":"bob"}`,
		"POST /v1/work/{work}/reply":       `{"text":"x"}`,
		"POST /v1/calls/{call}/conference": `{"kind":"agent","target":"bob"}`,
	}
	for _, row := range matrix {
		if row.roles[0] != 'o' || !strings.Contains(row.route, "{") || strings.Contains(row.route, "{campaign}") || row.route == "GET /v1/calls/{call}/recordings" {
			continue // lists are filtered, and a campaign belongs to a queue: tests of their own
		}
		method, pattern, _ := strings.Cut(row.route, " ")
		w := f.ask(f.token("carol", auth.AgentGrants()...), method, pathOf(pattern), bodies[row.route])
		if w.Code != http.StatusForbidden && w.Code != http.StatusNotFound {
			t.Errorf("%s of another's: %d %s", row.route, w.Code, w.Body)
		}
	}
	if len(f.calls.done()) != 0 {
		t.Errorf("a stranger did %v", f.calls.done())
	}
}

// TestW1_WhatTheProfileDoesNotPermitIsRefused asks every route that a profile can forbid, over HTTP and by the agent.
func TestW1_WhatTheProfileDoesNotPermitIsRefused(t *testing.T) {
	f := stubbed(t)
	asked := map[string]bool{}
	for _, row := range matrix {
		if row.act == "" {
			continue
		}
		asked[row.act] = true
		method, pattern, _ := strings.Cut(row.route, " ")
		for _, denied := range []string{row.act, "something else"} {
			f.desk.denied = denied
			w := f.ask(f.token("alice"), method, pathOf(pattern), "")
			if refused := w.Code == http.StatusForbidden; refused != (denied == row.act) {
				t.Errorf("%s with %s forbidden: %d", row.route, denied, w.Code)
			} else if refused {
				if p := problemOf(t, w); p.Code != "not_permitted" {
					t.Errorf("%s: %s", row.route, p.Code)
				}
			}
		}
		f.desk.denied = row.act
		if w := f.ask(f.token("", "admin:*"), method, pathOf(pattern), ""); w.Code != http.StatusNoContent {
			t.Errorf("%s by a program: %d", row.route, w.Code)
		}
	}
	for _, act := range []string{"answer", "dial", "hold", "dtmf", "consult", "conference", "transfer", "end", "pause_recording", "variables", "callback", "campaign_next", "campaign_dial", "campaign_done", "campaign_reschedule", "campaign_reject", "campaign_cancel", "campaign_do_not_call", "campaign_change", "extend_wrapup", "station", "search"} {
		if !asked[act] {
			t.Errorf("no route asks for %s", act)
		}
	}
}

// What is one setting of several, or one leg of several, is checked where it is known.
func TestW1_SettingsAProfileForbids(t *testing.T) {
	for _, c := range []struct{ denied, method, path, body string }{
		{"mute", "PATCH", "/v1/legs/" + aliceLeg, `{"muted":true}`},
		{"denoise", "PATCH", "/v1/legs/" + customer, `{"denoise":{"in":50}}`},
		{"end", "POST", "/v1/legs/" + customer + "/hangup", `{}`},
		{"end", "DELETE", "/v1/legs/" + customer, ""},
	} {
		f := newFixture(t)
		f.desk.denied = c.denied
		if p := problemOf(t, f.ask(f.token("alice"), c.method, c.path, c.body)); p.Code != "not_permitted" {
			t.Errorf("%s %s: %s", c.method, c.path, p.Code)
		}
		if did := f.calls.done(); len(did) != 0 {
			t.Errorf("%s %s did %v all the same", c.method, c.path, did)
		}
		f.desk.denied = ""
		if w := f.ask(f.token("alice"), c.method, c.path, c.body); w.Code/100 != 2 {
			t.Errorf("%s %s, permitted: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
	f := newFixture(t)
	f.desk.denied = "end" // an own leg may always go
	if w := f.ask(f.token("alice"), "DELETE", "/v1/legs/"+aliceLeg, ""); w.Code != http.StatusNoContent {
		t.Errorf("own leg: %d %s", w.Code, w.Body)
	}
}

// Without a contact centre its routes are not there, with or without a token, and all others are.
func TestDeskOffLeavesAMediaServer(t *testing.T) {
	f := stubbed(t, func(_ *Config, d *Deps) { d.Desk = nil })
	media := map[string]bool{}
	for _, row := range matrix {
		method, pattern, _ := strings.Cut(row.route, " ")
		w := f.ask(f.token("", "admin:*"), method, pathOf(pattern), "")
		if w.Code == http.StatusNoContent {
			media[row.route] = true
			continue
		}
		if p := problemOf(t, w); p.Status != http.StatusNotFound || p.Code != "desk_off" || !strings.Contains(p.Detail, "desk.enabled") {
			t.Errorf("%s: %+v", row.route, p)
		}
		if w := f.ask("", method, pathOf(pattern), ""); w.Code != http.StatusNotFound {
			t.Errorf("%s without a token: %d", row.route, w.Code)
		}
	}
	for _, want := range []string{
		"POST /v1/calls", "GET /v1/calls", "GET /v1/calls/{call}", "PATCH /v1/calls/{call}", "POST /v1/calls/{call}/end", "POST /v1/calls/{call}/arrange",
		"PATCH /v1/calls/{call}/variables", "POST /v1/calls/{call}/recordings", "POST /v1/legs", "POST /v1/legs/{leg}/hold",
		"POST /v1/legs/{leg}/answer", "POST /v1/rooms", "PATCH /v1/rooms/{room}/matrix", "GET /v1/recordings", "GET /v1/audit",
		"POST /v1/recordings/{recording}/hold", "POST /v1/token/refresh", "GET /v1/events", "GET /healthz",
		"POST /v1/token/revoke", "POST /v1/revocations", "GET /v1/signin",
	} {
		if !media[want] {
			t.Errorf("%s is gone with the contact centre", want)
		}
	}
	for row := range media {
		for _, word := range []string{"agent", "queue", "offer", "wrapup", "callback", "campaign", "consult", "config"} {
			if strings.Contains(row, word) {
				t.Errorf("%s is there without a contact centre", row)
			}
		}
	}
}
