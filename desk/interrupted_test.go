package desk

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// A conversation that a crash cut off is not over and done with: the agent has the time to say what came of it, or
// to set another time, as after any other one.
func TestRestart_InterruptedConversationWaitsForTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: &memory{}, lists: &memory{}, cfg: withCallbacks, dials: map[string]string{"041000001": "answer", "041555555": "answer"}}
		r.start(nil)
		defer func() { _ = r.halt() }()
		went(12 * time.Hour)
		l, err := r.AddList(t.Context(), "x", strings.NewReader(people(1)))
		if err != nil {
			t.Fatal(err)
		}
		camp, err := r.MakeCampaign(t.Context(), wire.CampaignRequest{Name: "Spring", Mode: wire.ModePreview, List: l.ID, Queue: "main"}, "sup")
		if err != nil {
			t.Fatal(err)
		}
		r.campaignStart(camp.ID)
		r.ready("ana")
		rec := r.next(camp.ID, "ana")
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "ana"})
		c := r.plan(inHours(1), "bor")
		went(time.Hour + time.Second)
		r.ready("bor")
		r.take("bor")
		r.callback(c.ID, wire.CallbackTalking)
		if got := r.record(camp.ID, 1); got.State != wire.RecordTalking {
			t.Fatalf("%+v", got)
		}
		r.kill()
		r.start(nil)
		went(29 * time.Minute)
		if got := r.record(camp.ID, 1); got.State != wire.RecordReview || got.Agent != "ana" {
			t.Fatalf("%+v", got)
		}
		if got := r.callback(c.ID, wire.CallbackReached); got.Agent != "bor" {
			t.Fatalf("%+v", got)
		}
		day := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
		q := wire.RecordReschedule{Date: day, Time: "10:00"}
		if got := r.do(floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Own: true, Reschedule: q}); got.State != wire.RecordReady {
			t.Errorf("%+v", got)
		}
		went(2 * time.Minute)
		r.callback(c.ID, wire.CallbackCompleted)
	})
}
