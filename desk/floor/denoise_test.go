package floor

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Noise suppression is every agent's, with nothing configured for it: no licence, no list of agents, no switch. Only a
// profile that an administrator has written without it takes it away, and levels to begin with are the same for all
// until somebody is given others.
func TestW3_NoiseSuppressionIsThereForEveryAgent(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Queues = []Queue{{ID: "main"}}
	cfg.Agents = []Agent{{ID: "ana"}, {ID: "bor", Profile: "sales"}, {ID: "eva", Profile: "bare"}}
	cfg.Profiles = []Profile{{ID: "sales", Actions: Actions}, {ID: "bare", Actions: []Action{ActAnswer}}}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	d := NewDirectory(cfg)
	for _, a := range []string{"ana", "bor"} {
		if err := d.Allowed(a, ActDenoise); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	if err := d.Allowed("eva", ActDenoise); problem.As(err).Status != http.StatusForbidden {
		t.Errorf("a profile without it: %v", err)
	}
	var first [2]wire.DenoisePatch
	first[0], first[1] = d.DenoiseOf("main", "ana")
	for _, a := range []string{"bor", "eva"} {
		var got [2]wire.DenoisePatch
		if got[0], got[1] = d.DenoiseOf("main", a); !reflect.DeepEqual(got, first) {
			t.Errorf("%s begins with %+v, ana with %+v", a, got, first)
		}
	}
}
