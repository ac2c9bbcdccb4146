package floor

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The results of a check.
const (
	checkPassed = "passed"
	checkFailed = "failed"
)

// Preflight is what an agent's desktop found when it tested itself. Checks it does not name stay.
type Preflight struct {
	Agent  string
	Checks map[string]string
	Actor  string
}

func (in Preflight) step(f *Floor) error {
	a, err := f.agent(in.Agent)
	if err != nil {
		return err
	}
	if !a.SignedIn() {
		return problem.Conflict("agent_wrong_state", string(a.Visible()), a.Allowed(), "agent %s is not signed in", a.ID)
	}
	a.Checks = maps.Clone(a.Checks)
	if a.Checks == nil {
		a.Checks = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Checks)) {
		result := in.Checks[name]
		if !slices.Contains(checks, name) || result != checkPassed && result != checkFailed {
			return &problem.Error{
				Status: http.StatusUnprocessableEntity, Code: "invalid_check",
				Detail: "a check is microphone, speaker, notifications or sound, and passed or failed",
				Fields: []problem.Field{{Pointer: "/checks/" + escape(name), Code: "unknown"}},
			}
		}
		a.Checks[name] = result
	}
	a.Version++
	if len(f.unfit(a)) > 0 {
		switch {
		case a.State == wire.AgentReady, a.Want == wire.AgentReady:
			leaving := a.Leaving // stays what it is: this is nobody's choice
			a = must(a.SetState(wire.AgentNotReady, agent.ReasonPreflight, f.now))
			a.Leaving = leaving
		}
	}
	f.setAgent(a, in.Actor)
	return nil
}

// unfit are the checks because of which an agent cannot be offered calls. A desk phone needs none.
func (f *Floor) unfit(a agent.Agent) []string {
	if a.Station != "" {
		return nil
	}
	var out []string
	for _, c := range checks {
		needed := slices.Contains(f.cfg.Preflight, c)
		always := c == CheckMicrophone || c == CheckSpeaker
		if needed && a.Checks[c] != checkPassed || always && a.Checks[c] == checkFailed {
			out = append(out, c)
		}
	}
	return out
}

// mayBeReady refuses an agent whose profile has no calls, or whose desktop could not take one.
func (f *Floor) mayBeReady(a agent.Agent) error {
	if err := f.dir.Allowed(a.ID, ActAnswer); err != nil {
		return err
	}
	if bad := f.unfit(a); a.SignedIn() && len(bad) > 0 {
		return problem.Conflict("preflight_failed", string(a.Visible()), []string{"not_ready", "sign_out"},
			"the desktop could not take a call: %s", strings.Join(bad, ", "))
	}
	return nil
}
