package desk

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// The reason of a wrap-up is kept with the call, whoever gave it, and calls are found and counted by it.
func TestR1_AReasonIsKeptAndCounted(t *testing.T) {
	cfg := testConfig()
	cfg.WrapupDefault = "none_given"
	cfg.WrapupReasons = []Reason{{Code: "solved"}, {Code: "technician"}, {Code: "none_given"}}
	configured(t, cfg, func(t *testing.T, r *rig) {
		r.ready("ana")
		reasons := map[string]string{}
		for _, reason := range []string{"solved", "technician", "solved", ""} {
			call, leg := r.talk("ana")
			went(10 * time.Second)
			r.end(leg, "hangup")
			w := r.is("ana", wire.AgentWrapup, "").WrapupID
			if reason == "" { // the time runs out
				went(31 * time.Second)
				reason = "none_given"
			} else if _, err := r.SubmitWrapup(t.Context(), w, reason, "ana"); err != nil {
				t.Fatal(err)
			}
			r.is("ana", wire.AgentReady, "")
			reasons[call] = reason
		}
		for reason, want := range map[string]int{"solved": 2, "technician": 1, "none_given": 1, "wrong_number": 0} {
			if got := len(r.records(RecordFilter{Disposition: reason})); got != want {
				t.Errorf("%d calls of %s, want %d", got, reason, want)
			}
		}
		for _, c := range r.records(RecordFilter{}) {
			if c.Disposition != reasons[c.ID] || len(c.Agents) != 1 || c.Agents[0].Disposition != reasons[c.ID] {
				t.Errorf("%s: %q, by agent %+v, want %q", c.ID, c.Disposition, c.Agents, reasons[c.ID])
			}
		}
	})
}
