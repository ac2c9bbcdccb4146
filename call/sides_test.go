package call

import (
	"context"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

func seat(leg string, hold bool, side string) wire.Seat {
	return wire.Seat{LegID: leg, Hold: &hold, Side: &side}
}

// hearing is who hears whom, as "ab" for a hears b, of legs named by a letter each.
func (b *bench) hearing(callID string, names map[string]string) []string {
	b.t.Helper()
	c, err := b.Call(callID)
	b.ok(err)
	r, err := b.Room(b.ctx, c.Room)
	b.ok(err)
	var out []string
	for _, x := range r.Matrix {
		out = append(out, names[x.Listener]+names[x.Source])
	}
	slices.Sort(out)
	return out
}

func TestArrange(t *testing.T) {
	b := newBench(t, DefaultConfig())
	c, err := b.Create(b.ctx, NewCall{})
	b.ok(err)
	_, cust := b.party(c.ID)
	_, a := b.party(c.ID)
	names := map[string]string{cust.ID: "c", a.ID: "a"}
	// An agent and a colleague speak apart, the customer waits.
	if _, err := b.Arrange(b.ctx, c.ID, []wire.Seat{seat(cust.ID, true, ""), seat(a.ID, false, "consult")}, "desk"); err != nil {
		t.Fatal(err)
	}
	if h := b.hearing(c.ID, names); len(h) != 0 {
		t.Fatalf("agent on a side alone, yet %v", h)
	}
	_, e, err := b.Attach(b.ctx, c.ID, Attach{Kind: wire.LegRTP, Role: wire.RoleExpert, Endpoint: newEndpoint(true), Side: "consult"})
	b.ok(err)
	names[e.ID] = "e"
	if h := b.hearing(c.ID, names); !slices.Equal(h, []string{"ae", "ea"}) {
		t.Fatalf("consult: %v", h)
	}
	_, d, err := b.Attach(b.ctx, c.ID, Attach{Kind: wire.LegRTP, Role: wire.RoleExpert, Endpoint: newEndpoint(true)})
	b.ok(err)
	names[d.ID] = "d"
	if h := b.hearing(c.ID, names); !slices.Equal(h, []string{"ae", "cd", "dc", "ea"}) {
		t.Fatalf("with another on the main side: %v", h)
	}
	// Swap.
	after, err := b.Arrange(b.ctx, c.ID, []wire.Seat{seat(cust.ID, false, ""), seat(a.ID, false, ""), seat(e.ID, true, "consult")}, "desk")
	b.ok(err)
	if h := b.hearing(c.ID, names); !slices.Equal(h, []string{"ac", "ad", "ca", "cd", "da", "dc"}) {
		t.Fatalf("swapped: %v", h)
	}
	for _, l := range after.Legs {
		if l.Hold.Local != (l.ID == e.ID) {
			t.Fatalf("leg %s held %v", names[l.ID], l.Hold.Local)
		}
	}
	// A leg that replaces another takes its side.
	_, a2, err := b.Attach(b.ctx, c.ID, Attach{Kind: wire.LegRTP, Role: wire.RoleExpert, Endpoint: newEndpoint(true), Replaces: e.ID})
	b.ok(err)
	if a2.Side != "consult" {
		t.Fatalf("replacing leg is on side %q", a2.Side)
	}
	// Legs that have ended are passed over, unknown ones refused, bad names too.
	_, err = b.Arrange(b.ctx, c.ID, []wire.Seat{seat(e.ID, true, "")}, "desk")
	b.ok(err)
	if _, err := b.Arrange(b.ctx, c.ID, []wire.Seat{seat("leg_x", true, "")}, "desk"); problem.As(err).Status != 404 {
		t.Fatalf("unknown leg: %v", err)
	}
	if _, err := b.Arrange(b.ctx, c.ID, []wire.Seat{seat(a.ID, true, "A side")}, "desk"); problem.As(err).Status != 422 {
		t.Fatalf("bad side: %v", err)
	}
}

type dialler struct{ ep *fakeEndpoint }

func (d dialler) Dial(context.Context, DialRequest, Progress) (Endpoint, error) { return d.ep, nil }

func TestDialIntoASide(t *testing.T) {
	b := newBench(t, DefaultConfig())
	ep := newEndpoint(false)
	b.SetDialer(dialler{ep})
	c, err := b.Create(b.ctx, NewCall{})
	b.ok(err)
	_, a := b.party(c.ID)
	l, err := b.DialLeg(b.ctx, c.ID, DialRequest{To: "200", Side: "consult", ClientRef: "cns_1"}, wire.RoleExpert, "desk")
	b.ok(err)
	if l.Side != "consult" || l.ClientRef != "cns_1" {
		t.Fatalf("%+v", l)
	}
	if !slices.Contains(b.types(), "leg.created") {
		t.Fatalf("nobody was told of the leg: %v", b.types())
	}
	// On hold before it has answered: it comes in on hold.
	_, err = b.Arrange(b.ctx, c.ID, []wire.Seat{seat(l.ID, true, "consult")}, "desk")
	b.ok(err)
	ep.mu.Lock()
	ep.up = true
	ep.mu.Unlock()
	act, err := b.call(c.ID)
	b.ok(err)
	b.ok(act.do(b.ctx, func() error { return act.connect(act.leg(l.ID), "") }))
	names := map[string]string{a.ID: "a", l.ID: "l"}
	if h := b.hearing(c.ID, names); len(h) != 0 {
		t.Fatalf("on different sides, yet %v", h)
	}
	if got, _ := b.Leg(l.ID); !got.Hold.Local || got.State != wire.LegHeld {
		t.Fatalf("%+v", got)
	}
	_, err = b.Arrange(b.ctx, c.ID, []wire.Seat{seat(l.ID, false, "")}, "desk")
	b.ok(err)
	if h := b.hearing(c.ID, names); !slices.Equal(h, []string{"al", "la"}) {
		t.Fatalf("joined: %v", h)
	}
}
