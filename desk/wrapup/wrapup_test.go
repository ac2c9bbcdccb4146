package wrapup

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func TestU4_U5_ExtendByFixedAmountSeveralTimes(t *testing.T) {
	w := Wrapup{ID: "wru_1", Deadline: t0, Amount: 30 * time.Second, Extensions: 2}
	var err error
	for i := range 2 {
		if w, err = w.Extend(); err != nil {
			t.Fatal(err)
		}
		if want := t0.Add(time.Duration(i+1) * 30 * time.Second); !w.Deadline.Equal(want) {
			t.Errorf("deadline %s, want %s", w.Deadline, want)
		}
	}
	_, err = w.Extend()
	if p := problem.As(err); p.Status != 409 || p.Code != "wrapup_extension_limit" || len(p.Allowed) != 1 {
		t.Errorf("third extension: %+v", p)
	}
}

func TestR8_R13_CompletedOnceWithOneReason(t *testing.T) {
	w, err := Wrapup{ID: "wru_1", Extensions: 1}.Complete("resolved", ByAgent, t0)
	if err != nil || w.Reason != "resolved" || w.By != ByAgent || w.State() != "completed" {
		t.Fatalf("%+v, %v", w, err)
	}
	if _, err := w.Complete("other", ByDeadline, t0); problem.As(err).Status != 409 {
		t.Errorf("second reason: %v", err)
	}
	if _, err := w.Extend(); problem.As(err).State != "completed" {
		t.Errorf("extended when completed: %v", err)
	}
	if got := w.Wire(); got.Completed == nil || !got.Completed.Equal(t0) {
		t.Errorf("on the wire: %+v", got)
	}
}
