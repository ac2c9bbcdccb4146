package floor

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// The fallback of a queue that nobody serves takes its callers; what is written waits where it is, and fills no queue.
func TestFallbackLeavesWhatIsWritten(t *testing.T) {
	cfg := stageConfig()
	cfg.Queues[1].Fallback, cfg.Queues[1].FallbackAfter = Target{Kind: TargetQueue, To: "sales"}, Seconds(20)
	cfg.Queues[1].MaxWaiting, cfg.Queues[1].Overflow = 1, Target{Kind: TargetQueue, To: "sales"}
	p := newPlay(t, cfg)
	p.do(MakeWork{ID: "wrk_1", Actor: "crm", Request: wire.WorkRequest{Kind: wire.WorkEmail, Queue: cfg.Queues[1].ID, From: "ana@example.com", Text: "Where is it?"}})
	p.pass(time.Minute)
	if n := len(told[wire.Alarm](p, "desk.alarm")); n != 0 {
		t.Fatalf("%d alarms for what is written", n)
	}
	call := p.ring("060", "100")
	p.pass(10 * time.Second)
	if a := told[wire.Alarm](p, "desk.alarm"); len(a) != 1 || a[0].Count != 1 || len(a[0].Calls) != 1 || a[0].CallID != call {
		t.Fatalf("alarms: %+v", a)
	}
	p.pass(10 * time.Second)
	if d := told[wire.Diversion](p, "call.diverted"); len(d) != 1 || d[0].CallID != call || d[0].Reason != "no_agent" {
		t.Fatalf("diverted: %+v", d)
	}
	if w, err := p.Work("wrk_1"); err != nil || w.State != wire.WorkQueued || w.Queue != cfg.Queues[1].ID {
		t.Fatalf("%+v %v", w, err)
	}
}
