package agentapi

import (
	"net/http"
	"testing"
)

// A limit that is reached is an explicit answer on every route that makes a call for an agent: 429 with limit, use and when to
// try again, and nobody is called.
func TestW110_X13_TheLimitIsAnAnswer(t *testing.T) {
	f := newFixture(t)
	f.desk.full = true
	for _, token := range []string{f.token("alice"), f.token("", "call:dial")} {
		w := f.ask(token, "POST", "/v1/calls", `{"to":"+386"}`)
		p := problemOf(t, w)
		if w.Code != http.StatusTooManyRequests || p.Code != "call_limit" || p.Limit != 3 || p.Use != 3 || p.RetryAfter != 7 || w.Header().Get("Retry-After") != "7" {
			t.Errorf("%d %+v, Retry-After %q", w.Code, p, w.Header().Get("Retry-After"))
		}
	}
	if did := f.calls.done(); len(did) != 0 || len(f.desk.placed) != 0 {
		t.Fatalf("dialled all the same: %v, %v", did, f.desk.placed)
	}
	f.desk.full = false
	if w := f.ask(f.token("alice"), "POST", "/v1/calls", `{"to":"+386"}`); w.Code != http.StatusCreated {
		t.Fatalf("with room again: %d %s", w.Code, w.Body)
	}
}

// Extending a wrap-up and calling customers back are an agent's own, and refused by route to whoever's profile is without.
func TestU1_ExtensionAndCallbacksAreAnAgentsActions(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ denied, method, path, body string }{
		{"extend_wrapup", "POST", "/v1/wrapups/" + wrapupID + "/extend", ""},
		{"callback", "POST", "/v1/callbacks", `{"number":"+38640123456","name":"Ana","queue":"support","date":"2026-03-02","from":"10:00","till":"11:00","zone":"UTC"}`},
	} {
		f.desk.denied = c.denied
		w := f.ask(f.token("bob"), c.method, c.path, c.body)
		if p := problemOf(t, w); w.Code != http.StatusForbidden || p.Code != "not_permitted" {
			t.Errorf("%s without the permission: %d %+v", c.path, w.Code, p)
		}
		f.desk.denied = "something else"
		if w := f.ask(f.token("bob"), c.method, c.path, c.body); w.Code/100 != 2 {
			t.Errorf("%s by an agent: %d %s", c.path, w.Code, w.Body)
		}
		if w := f.ask(f.token("", "call:read"), c.method, c.path, c.body); w.Code != http.StatusForbidden {
			t.Errorf("%s by nobody's agent: %d", c.path, w.Code)
		}
	}
}
