package call

import (
	"slices"
	"testing"

	"github.com/cordboard/cordboard/signaling/wire"
)

// TestX7_WhisperIsHeardByWhomItIsFor: a leg that whispers hears its side and is heard by the named legs only,
// through replaced legs, changed sides and back to a plain voice.
func TestX7_WhisperIsHeardByWhomItIsFor(t *testing.T) {
	b := newBench(t, DefaultConfig())
	c, err := b.Create(b.ctx, NewCall{})
	b.ok(err)
	_, cust := b.party(c.ID)
	_, a := b.party(c.ID)
	_, s, err := b.Attach(b.ctx, c.ID, Attach{Kind: wire.LegRTP, Role: wire.RoleSupervisor, Endpoint: newEndpoint(true), Whisper: &wire.Whisper{}})
	b.ok(err)
	names := map[string]string{cust.ID: "c", a.ID: "a", s.ID: "s"}
	is := func(what string, want ...string) {
		t.Helper()
		if h := b.hearing(c.ID, names); !slices.Equal(h, want) {
			t.Fatalf("%s: %v, want %v", what, h, want)
		}
	}
	arrange := func(seats ...wire.Seat) {
		t.Helper()
		_, err := b.Arrange(b.ctx, c.ID, seats, "desk")
		b.ok(err)
	}
	is("silent from the start", "ac", "ca", "sa", "sc")
	arrange(wire.Seat{LegID: s.ID, Whisper: &wire.Whisper{To: []string{a.ID}}})
	is("to the agent", "ac", "as", "ca", "sa", "sc")
	_, a2, err := b.Attach(b.ctx, c.ID, Attach{Kind: wire.LegRTP, Role: wire.RoleAgent, Endpoint: newEndpoint(true), Replaces: a.ID})
	b.ok(err)
	names[a2.ID] = "b"
	is("the agent on another leg, not named yet", "bc", "cb", "sb", "sc")
	arrange(wire.Seat{LegID: s.ID, Whisper: &wire.Whisper{To: []string{a2.ID}}})
	is("named", "bc", "bs", "cb", "sb", "sc")
	arrange(seat(a2.ID, false, "consult"))
	is("the agent on another side", "sc")
	arrange(seat(a2.ID, false, ""))
	is("and back", "bc", "bs", "cb", "sb", "sc")
	arrange(wire.Seat{LegID: s.ID, Aloud: true})
	is("aloud", "bc", "bs", "cb", "cs", "sb", "sc")
	if l, _ := b.Leg(s.ID); l.Whisper != nil {
		t.Errorf("leg %+v", l)
	}
}
