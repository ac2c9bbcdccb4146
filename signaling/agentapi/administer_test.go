package agentapi

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/signaling/wire"
)

// What administrators do is in the audit log before it is done, and with what came of it after; numbers only by their
// ends, addresses without what may be secret in them.
func TestAdministratorsActsAreAudited(t *testing.T) {
	dir := t.TempDir()
	log, err := audit.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(_ *Config, d *Deps) { d.Audit = log })
	tok := f.token("", "admin:*")
	const config = `{"base":2,"note":"more agents","config":{"agents":[{"id":"eva"}]}}`
	campaign := "/v1/campaigns/" + campaignID
	setup := `{"name":"Spring","mode":"progressive","list":"lst_01","queue":"main"}`
	for _, c := range []struct {
		method, path, body, contentType string
		asked, done, object, detail     string
	}{
		{"PUT", "/v1/config/desk", config, "", "config.save_asked", "config.saved", "3", "more agents"},
		{"PUT", "/v1/config/desk", `{"base":1,"config":{}}`, "", "config.save_asked", "config.save_refused", "2", "config_version"},
		{"POST", "/v1/config/desk/rollback", `{"version":1,"base":2}`, "", "config.roll_back_asked", "config.rolled_back", "3", "1"},
		{"POST", "/v1/webhooks", `{"url":"https://me:pw@example.com/in?key=s3cret","events":["call.*"]}`, "", "webhook.create_asked", "webhook.created", "whk_1", "https://example.com"},
		{"PATCH", "/v1/webhooks/whk_1", `{"enabled":false}`, typeMerge, "webhook.change_asked", "webhook.changed", "whk_1", "false"},
		{"POST", "/v1/webhooks/whk_1/rotate", `{"keep_seconds":60}`, "", "webhook.rotate_asked", "webhook.rotated", "whk_1", "60"},
		{"DELETE", "/v1/webhooks/whk_1", "", "", "webhook.delete_asked", "webhook.deleted", "whk_1", ""},
		{"POST", "/v1/do-not-call", `{"numbers":["` + theNumber + `","041000002"]}`, "", "do_not_call.add_asked", "do_not_call.added", "", "*7654"},
		{"DELETE", "/v1/do-not-call/" + theNumber, "", "", "do_not_call.remove_asked", "do_not_call.removed", "", "*7654"},
		{"POST", "/v1/lists?name=Spring", "name,number\nAna,041000001\n", typeCSV, "list.add_asked", "list.added", "lst_01", "Spring"},
		{"DELETE", "/v1/lists/lst_01", "", "", "list.delete_asked", "list.deleted", "lst_01", ""},
		{"POST", "/v1/campaigns", setup, "", "campaign.create_asked", "campaign.created", campaignID, "progressive"},
		{"PUT", campaign, setup, "", "campaign.change_asked", "campaign.changed", campaignID, "Spring"},
		{"POST", campaign + "/start", "", "", "campaign.start_asked", "campaign.started", campaignID, ""},
		{"POST", campaign + "/pause", "", "", "campaign.pause_asked", "campaign.paused", campaignID, ""},
		{"POST", campaign + "/finish", "", "", "campaign.finish_asked", "campaign.finished", campaignID, ""},
	} {
		var head []string
		if c.contentType != "" {
			head = []string{"Content-Type", c.contentType}
		}
		w := f.ask(tok, c.method, c.path, c.body, head...)
		got, _, err := log.List(audit.Filter{Limit: 2})
		if err != nil || len(got) != 2 {
			t.Fatalf("%s %s: %d %s, %v, %v", c.method, c.path, w.Code, w.Body, got, err)
		}
		done, asked := got[0], got[1]
		if asked.Action != c.asked || done.Action != c.done || done.Object != c.object || done.Actor != "test" || done.From == "" {
			t.Errorf("%s %s: %d, %+v, then %+v", c.method, c.path, w.Code, asked, done)
		}
		var said []string
		for _, v := range done.Detail {
			said = append(said, v)
		}
		if all := strings.Join(said, " "); !strings.Contains(all, c.detail) || strings.Contains(all, "s3cret") || strings.Contains(all, "pw") || tells(all) {
			t.Errorf("%s %s: %v", c.method, c.path, done.Detail)
		}
	}
	before, _, _ := log.List(audit.Filter{Limit: 200})
	if w := f.ask(tok, "PUT", "/v1/config/desk", `{"base":2,"check":true,"config":{}}`); w.Code != 200 {
		t.Errorf("a check: %d %s", w.Code, w.Body)
	}
	if after, _, _ := log.List(audit.Filter{Limit: 200}); len(after) != len(before) {
		t.Error("a check changes nothing and was written down")
	}
}

// What cannot be written down is not done.
func TestNothingIsDoneWithoutTheAuditLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	log, err := audit.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(_ *Config, d *Deps) { d.Audit = log })
	did := false
	q := &request{s: f.s, r: httptest.NewRequest("PUT", "/v1/config/desk", nil)}
	err = q.administer(act{"config.save", "config.saved", "1", nil}, func() (string, error) { did = true; return "", nil })
	if err == nil || did {
		t.Errorf("done %v, %v", did, err)
	}
	w := f.ask(f.token("", "admin:*"), "PUT", "/v1/config/desk", `{"base":2,"config":{}}`)
	var p wire.Problem
	if p = problemOf(t, w); p.Status != 503 || p.Code != "audit_unavailable" {
		t.Errorf("%+v", p)
	}
}
