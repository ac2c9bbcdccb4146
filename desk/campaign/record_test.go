package campaign

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

func TestSettle(t *testing.T) {
	quiet := time.Date(2026, 3, 2, 9, 0, 25, 0, time.UTC)
	review := quiet.Add(30 * time.Minute)
	two := []wire.ContactNumber{{Number: "1"}, {Number: "2"}}
	for name, c := range map[string]struct {
		in   Record
		want Record // what counts of it
	}{
		"offered":       {Record{State: wire.RecordOffered, Agent: "ana", Call: "c"}, Record{State: wire.RecordReady}},
		"preview":       {Record{State: wire.RecordPreview, Agent: "ana", Call: "c"}, Record{State: wire.RecordReady}},
		"first number":  {Record{State: wire.RecordDialing, Attempts: 2, Tried: 1}, Record{State: wire.RecordReady, Attempts: 1, Next: quiet}},
		"second number": {Record{State: wire.RecordDialing, At: 1, Attempts: 2, Tried: 2}, Record{State: wire.RecordReady, At: 1, Attempts: 2, Tried: 1, Next: quiet}},
		"older log":     {Record{State: wire.RecordDialing, At: 1, Attempts: 1}, Record{State: wire.RecordReady, At: 1, Next: quiet}},
		"talking":       {Record{State: wire.RecordTalking, Agent: "ana", Call: "c"}, Record{State: wire.RecordReview, Agent: "ana", Deadline: review}},
		"review":        {Record{State: wire.RecordReview, Deadline: quiet}, Record{State: wire.RecordReview, Deadline: quiet}},
	} {
		c.in.Numbers = two
		got := c.in.Settle(quiet, review)
		if got.State != c.want.State || got.At != c.want.At || got.Attempts != c.want.Attempts || got.Tried != c.want.Tried ||
			got.Agent != c.want.Agent || got.Call != "" || !got.Next.Equal(c.want.Next) || !got.Deadline.Equal(c.want.Deadline) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
