package callback

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

func TestSettleGivesTheAgentTimeToSayWhatCameOfIt(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	always := func(t time.Time) (time.Time, bool) { return t, true }
	c := Callback{State: wire.CallbackTalking, Agent: "ana", Call: "call_1"}.Settle(now, now.Add(30*time.Second), now.Add(30*time.Minute), always)
	if c.State != wire.CallbackReached || c.Agent != "ana" || c.Call != "" || !c.Deadline.Equal(now.Add(30*time.Minute)) {
		t.Errorf("%+v", c)
	}
	if _, err := c.Reschedule(now.Add(time.Hour), now.Add(2*time.Hour)); err != nil {
		t.Error(err)
	}
}
