package desk

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/signaling/wire"
)

// A save answers with what is stored and its version, and whoever follows the call's events has it within 500 ms, by
// the real clock: the median of 15 saves, since one may meet a machine that stands still.
func TestX12_W93_ASaveIsSeenAtOnce(t *testing.T) {
	bus := event.New(4096, 1, time.Now)
	c := &wire.Call{
		ID: "call_001", Direction: wire.Inbound, From: "+38641123456", To: "100", State: wire.CallNew,
		Legs: []wire.Leg{{ID: "leg_1", CallID: "call_001", Role: wire.RoleCustomer, State: wire.LegNew}},
	}
	p := &plane{bus: bus, calls: map[string]*wire.Call{c.ID: c}, fail: map[string]error{}}
	d, err := New(secureConfig(), Deps{Plane: p, Voice: p, Bus: bus, Store: &memory{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- d.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	}()
	first := *c
	first.Legs = slices.Clone(c.Legs)
	bus.Publish("call.created", c.ID, "customer", first)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := d.Handling(c.ID); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	var took []time.Duration
	for i := range 15 {
		after, version, value := bus.Last(), uint64(i), string(rune('a'+i))
		start := time.Now()
		v, err := d.SetVariable(ctx, c.ID, "case", wire.VariableRequest{Value: value, Version: &version}, "ana")
		if err != nil || v.Value != value || v.Version != version+1 {
			t.Fatalf("%+v, %v", v, err)
		}
		for seen := false; !seen; {
			events, err := bus.After(ctx, after, nil, 64)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				after = e.Seq
				if l, ok := e.Data.(wire.VariableList); ok && e.Type == "variables.changed" {
					seen = slices.ContainsFunc(l.Items, func(x wire.Variable) bool { return x.Name == "case" && x.Value == value && x.Version == v.Version })
				}
			}
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > 500*time.Millisecond {
		t.Errorf("a save is seen after %v (median of %v)", median, took)
	}
}
