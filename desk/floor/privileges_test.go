package floor

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
)

// What can be done with a record is permitted one by one; "campaign" permits all of it, and nothing else.
func TestG33_EachActionOnARecordIsAPrivilege(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Queues = []Queue{{ID: "main"}}
	cfg.Agents = []Agent{{ID: "all", Profile: "all"}}
	cfg.Profiles = []Profile{{ID: "all", Actions: []Action{ActAnswer, ActCampaign}}}
	var own []Action
	for _, a := range Actions {
		if strings.HasPrefix(string(a), "campaign_") {
			own = append(own, a)
			cfg.Agents = append(cfg.Agents, Agent{ID: string(a), Profile: string(a)})
			cfg.Profiles = append(cfg.Profiles, Profile{ID: string(a), Actions: []Action{ActAnswer, a}})
		}
	}
	if len(own) != 8 {
		t.Fatalf("%d actions on a record", len(own))
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	d := NewDirectory(cfg)
	for _, what := range own {
		if err := d.Allowed("all", what); err != nil {
			t.Errorf("campaign does not permit %s: %v", what, err)
		}
		for _, who := range own {
			if err := d.Allowed(string(who), what); (err == nil) != (who == what) || err != nil && problem.As(err).Status != http.StatusForbidden {
				t.Errorf("a profile with %s alone, %s: %v", who, what, err)
			}
		}
	}
	for _, what := range []Action{ActDial, ActCallback, ActSearch} {
		if err := d.Allowed("all", what); err == nil {
			t.Errorf("campaign permits %s", what)
		}
	}
}
