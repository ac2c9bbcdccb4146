package agentapi

import (
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestX7_W70_EachSupervisorActHasAGrantAndAnAuditEntry: an agent may do none of it, a supervisor all, a token
// with one grant that one; every act is written down, and what cannot be written down is not done.
func TestX7_W70_EachSupervisorActHasAGrantAndAnAuditEntry(t *testing.T) {
	type entry struct{ actor, action, agent string }
	dir := t.TempDir() + "/audit"
	book, err := audit.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, func(_ *Config, d *Deps) { d.Audit = book })
	newest := func() (all []wire.AuditEntry) {
		t.Helper()
		all, _, err := book.List(audit.Filter{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	boss := f.token("bob", auth.RoleGrants(auth.RoleSupervisor)...)
	c := "/v1/calls/" + callID
	for _, tt := range []struct {
		grant, method, path, body string
		status                    int
		want                      entry
		did                       string
	}{
		{"supervise:wall", get, "/v1/wall", "", 200, entry{}, ""},
		{"supervise:monitor", post, c + "/monitor", `{"agent":"alice"}`, 200, entry{"bob", "supervision.monitor", "alice"}, "monitor " + callID + " bob"},
		{"supervise:coach", post, c + "/coach", `{}`, 200, entry{"bob", "supervision.coach", ""}, "coach " + callID + " bob"},
		{"supervise:barge", post, c + "/barge", `{}`, 200, entry{"bob", "supervision.barge", ""}, "barge " + callID + " bob"},
		{"supervise:monitor", remove, "/v1/supervisions/sup_1", "", 204, entry{"bob", "supervision.leave", ""}, "leave sup_1"},
		{"supervise:takeover", post, c + "/takeover", `{}`, 200, entry{"bob", "call.taken_over", "alice"}, "takeover " + callID + " bob"},
		{"supervise:end", post, c + "/force-end", "", 204, entry{"bob", "call.forced_end", ""}, "end " + callID},
		{"supervise:state", post, "/v1/agents/alice/force-state", `{"state":"not_ready","reason":"break"}`, 200, entry{"bob", "agent.forced_state", "alice"}, ""},
		{"supervise:wrapup", post, "/v1/agents/alice/force-wrapup", `{}`, 200, entry{"bob", "agent.forced_wrapup", "alice"}, "wrapup alice "},
		{"supervise:signout", post, "/v1/agents/alice/force-signout", "", 200, entry{"bob", "agent.forced_signout", "alice"}, ""},
	} {
		t.Run(tt.path, func(t *testing.T) {
			f.desk.forced = nil
			before := len(newest())
			if w := f.ask(f.token("alice"), tt.method, tt.path, tt.body); w.Code != http.StatusForbidden || len(newest()) != before || len(f.desk.forced) != 0 {
				t.Fatalf("an agent: %d %s, log %v", w.Code, w.Body, newest())
			}
			if tt.want.action != "" {
				if err := os.Rename(dir, dir+".away"); err != nil {
					t.Fatal(err)
				}
				if w := f.ask(boss, tt.method, tt.path, tt.body); w.Code != http.StatusServiceUnavailable || len(f.desk.forced) != 0 {
					t.Fatalf("without an audit log: %d %s, did %v", w.Code, w.Body, f.desk.forced)
				}
				if err := os.Rename(dir+".away", dir); err != nil {
					t.Fatal(err)
				}
			}
			for _, token := range []string{boss, f.token("bob", tt.grant)} {
				f.desk.forced, before = nil, len(newest())
				if w := f.ask(token, tt.method, tt.path, tt.body); w.Code != tt.status {
					t.Fatalf("%d, want %d: %s", w.Code, tt.status, w.Body)
				}
				if tt.want.action != "" {
					log := newest()
					if e := log[0]; len(log) != before+1 || (entry{e.Actor, e.Action, e.Object}) != tt.want {
						t.Errorf("audit log %+v, want %+v", log[0], tt.want)
					}
				}
				if tt.did != "" && !slices.Equal(f.desk.forced, []string{tt.did}) {
					t.Errorf("did %v, want %q", f.desk.forced, tt.did)
				}
			}
		})
	}
}

// TestX7_SupervisorsLegIsSilentAtFirst: the leg of a supervision is let in for whom it is, heard by nobody.
func TestX7_SupervisorsLegIsSilentAtFirst(t *testing.T) {
	f := newFixture(t)
	body := `{"call_id":"` + callID + `","sdp":"v=0","role":"supervisor","client_ref":"sup_1"}`
	if w := f.ask(f.token("alice"), post, "/v1/legs", body); w.Code != http.StatusForbidden {
		t.Fatalf("another's supervision: %d %s", w.Code, w.Body)
	}
	if w := f.ask(f.token("bob", auth.RoleGrants(auth.RoleSupervisor)...), post, "/v1/legs", body); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if a := f.calls.attached[len(f.calls.attached)-1]; a.Whisper == nil || len(a.Whisper.To) != 0 || a.Role != wire.RoleSupervisor || a.ClientRef != "sup_1" {
		t.Fatalf("attached %+v", a)
	}
	if w := f.ask(f.token("alice"), post, "/v1/legs", `{"call_id":"`+callID+`","sdp":"v=0","whisper":{"to":[]}}`); w.Code != http.StatusForbidden {
		t.Fatalf("an agent who whispers: %d", w.Code)
	}
}
