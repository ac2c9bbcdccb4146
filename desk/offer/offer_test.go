package offer

import (
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestSettledOnce(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	open := Offer{ID: "off_1", State: wire.OfferOpen, Deadline: t0.Add(20 * time.Second)}
	ends := []wire.OfferState{wire.OfferAccepted, wire.OfferDeclined, wire.OfferExpired, wire.OfferWithdrawn}
	for _, first := range ends {
		o, err := open.Settle(first)
		if err != nil || o.State != first {
			t.Fatalf("%s: %s, %v", first, o.State, err)
		}
		for _, second := range ends {
			o2, err := o.Settle(second)
			if p := problem.As(err); p.Status != 409 || p.State != string(first) || o2.State != first {
				t.Errorf("%s after %s: %s, %+v", second, first, o2.State, p)
			}
		}
	}
	if !slices.Equal(open.Allowed(), []string{"accept", "decline"}) {
		t.Errorf("allowed: %v", open.Allowed())
	}
}

func TestAcceptAtTheDeadlineIsTooLate(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	open := Offer{ID: "off_1", State: wire.OfferOpen, Deadline: t0}
	if _, err := open.Accept(t0.Add(-time.Nanosecond)); err != nil {
		t.Errorf("just before: %v", err)
	}
	if _, err := open.Accept(t0); problem.As(err).State != string(wire.OfferExpired) {
		t.Errorf("at the deadline: %v", err)
	}
}
