package work

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Every event in every state: it leads where the drawing says, or is refused with 409, the state and what is allowed, and
// leaves the request as it was.
func TestEveryEventInEveryState(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	events := []struct {
		name string
		do   func(Work) (Work, error)
		to   map[wire.WorkState]wire.WorkState
	}{
		{"offer", func(w Work) (Work, error) { return w.OfferTo("ana", "off_1") }, map[wire.WorkState]wire.WorkState{wire.WorkQueued: wire.WorkOffered}},
		{"accept", Work.Accepted, map[wire.WorkState]wire.WorkState{wire.WorkOffered: wire.WorkOpen}},
		{"back", Work.Back, map[wire.WorkState]wire.WorkState{wire.WorkOffered: wire.WorkQueued, wire.WorkOpen: wire.WorkQueued}},
		{"reply", func(w Work) (Work, error) { return w.Send("yes", now) }, map[wire.WorkState]wire.WorkState{wire.WorkOpen: wire.WorkClosed}},
		{"close", func(w Work) (Work, error) { return w.Close(now) }, map[wire.WorkState]wire.WorkState{wire.WorkOpen: wire.WorkClosed}},
		{"cancel", func(w Work) (Work, error) { return w.Cancel(ResultCancelled, now) }, map[wire.WorkState]wire.WorkState{
			wire.WorkQueued: wire.WorkClosed, wire.WorkOffered: wire.WorkClosed, wire.WorkOpen: wire.WorkClosed,
		}},
	}
	for _, s := range []wire.WorkState{wire.WorkQueued, wire.WorkOffered, wire.WorkOpen, wire.WorkClosed} {
		for _, e := range events {
			was := Work{ID: "wrk_1", State: s, Agent: "eva", Version: 7}
			is, err := e.do(was)
			want, legal := e.to[s]
			if legal {
				if err != nil || is.State != want || is.Version != 8 || (want == wire.WorkQueued) != (is.Agent == "") || (want == wire.WorkClosed) != is.Closed.Equal(now) {
					t.Errorf("%s when %s: %+v %v", e.name, s, is, err)
				}
				continue
			}
			p := problem.As(err)
			if err == nil || is != was || p.Status != http.StatusConflict || p.State != string(s) || !slices.Equal(p.Allowed, was.Allowed()) {
				t.Errorf("%s when %s: %+v %v", e.name, s, is, err)
			}
		}
	}
}
