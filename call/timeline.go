package call

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// keepMarks is how many marks a call's timeline holds; the oldest give way.
const keepMarks = 500

// mark writes into the call's timeline. Time and offset are filled in.
func (a *actor) mark(m wire.TimelineMark) {
	if m.Time.IsZero() {
		m.Time = a.b.now()
	}
	m.OffsetMS = m.Time.Sub(a.call.Created).Milliseconds()
	if len(a.marks) >= keepMarks {
		a.marks = slices.Delete(a.marks, 0, len(a.marks)-keepMarks+1)
	}
	a.marks = append(a.marks, m)
}

// Mark writes what others have to say about a call into its timeline. A call that is over is left as it is.
func (b *Board) Mark(callID string, m wire.TimelineMark) {
	a, err := b.call(callID)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = a.do(ctx, func() error { a.mark(m); return nil }) // the call has ended meanwhile
}

// markEvent writes what an event says into the timeline. Digits are left out: they are nobody's business
// later.
func (a *actor) markEvent(typ, actorName string, data any) {
	m := wire.TimelineMark{Type: typ, Actor: actorName}
	switch d := data.(type) {
	case wire.Leg:
		m.LegID = d.ID
		switch typ {
		case "leg.answered":
			m.Detail = d.Codec
		case "leg.ended":
			m.Detail = d.Cause
		case "denoise.changed", "denoise.degraded":
			m.Detail = denoiseText(d.Denoise)
		}
	case wire.Call:
		switch typ {
		case "call.changed":
			return
		case "call.ended":
			m.Detail = d.Cause
		}
	case wire.Room:
		if typ != "room.matrix_changed" {
			return
		}
	default:
		return
	}
	a.mark(m)
}

// markGaps writes a recording's pauses and losses into a timeline.
func markGaps(marks []wire.TimelineMark, w wire.Recording) []wire.TimelineMark {
	for _, g := range w.Gaps {
		if g.Cause != "pause" {
			marks = append(marks, wire.TimelineMark{Time: g.From, Type: "recording.gap", Detail: g.Cause})
			continue
		}
		marks = append(marks, wire.TimelineMark{Time: g.From, Type: "recording.paused", Actor: g.By, Detail: g.Reason})
		if g.Till != nil && g.Resumed != "stop" && g.Resumed != "continued" {
			marks = append(marks, wire.TimelineMark{Time: *g.Till, Type: "recording.resumed", Actor: g.ResumedBy, Detail: g.Resumed})
		}
	}
	return marks
}

// timeline is the marks so far in their order.
func (a *actor) timeline() wire.Timeline {
	t := wire.Timeline{CallID: a.id, Quality: a.summary(), Items: slices.Clone(a.marks)}
	if a.rec != nil {
		t.Items = markGaps(t.Items, a.rec.Snapshot())
	}
	for i := range t.Items {
		t.Items[i].Time = t.Items[i].Time.UTC().Truncate(time.Millisecond)
		t.Items[i].OffsetMS = t.Items[i].Time.Sub(a.call.Created).Milliseconds()
	}
	slices.SortStableFunc(t.Items, func(x, y wire.TimelineMark) int { return x.Time.Compare(y.Time) })
	if t.Items == nil {
		t.Items = []wire.TimelineMark{}
	}
	return t
}

// Timeline is what happened in a call, live or recently ended.
func (b *Board) Timeline(callID string) (wire.Timeline, error) {
	if a, err := b.call(callID); err == nil {
		got := make(chan wire.Timeline, 1)
		if a.post(func() { got <- a.timeline() }) {
			return <-got, nil
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t, ok := b.timelines[callID]; ok {
		return t, nil
	}
	return wire.Timeline{}, problem.NotFound("call", callID)
}

func mosText(mos float64) string { return "mos " + strconv.FormatFloat(mos, 'f', 2, 64) }
