package controls

import (
	"slices"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/signaling/wire"
)

// The matrix as the specification draws it: + usable, o visible but disabled, - hidden, in the order of the
// columns. What X2 and X5 add to it stands in the columns recording and add.
func TestW26_W29_W48_W49_W50_W57_W60_W61_W62_W63_W83_W86_W96_X2_X5_ControlMatrix(t *testing.T) {
	columns := []string{"accept", "hold", "mute", "end", "transfer", "consult", "add", "swap", "end_consult", "conference", "exit", "drop", "recording", "wrapup"}
	prim := func(r Row, n int) View { return View{Row: r, Primary: true, Parties: n, Customer: true} }
	with := func(v View, f func(*View)) View { f(&v); return v }
	for _, c := range []struct {
		name string
		view View
		want string
	}{
		{"not involved (W47, W50, W63: numbers and customers have no controls)", View{Row: None}, "- - - - - - - - - - - - - -"},
		{"offered", View{Row: Offered}, "+ - - - - - - - - - - - - -"},
		{"connecting", prim(Connecting, 2), "- - - - - - - - - - - - - -"},
		{"connected", prim(Connected, 2), "- + + + + + + - - - - - + -"},
		{"connected, merge pending", with(prim(Connected, 3), func(v *View) { v.Pending, v.Own = true, true }), "- o + + - o o - + - - - + -"},
		{"held", prim(Held, 2), "- + o o + + - - - - - - + -"},
		{"consult requested", with(prim(ConsultRequested, 3), func(v *View) { v.Pending, v.Own = true, true }), "- - - o o - - - + o - - + -"},
		{"consult reached (W45)", with(prim(ConsultRequested, 3), func(v *View) { v.Pending, v.Own, v.Usable = true, true, true }), "- - - o + - - - + + - - + -"},
		{"consulting", with(prim(Consulting, 3), func(v *View) { v.Pending, v.Own, v.Usable = true, true, true }), "- - + o + - - + + + - - + -"},
		{"consulting, back with the customer", with(prim(Consulting, 3), func(v *View) { v.Pending, v.Own, v.Main = true, true, true }), "- - + + + - - + + + - - + -"},
		{"consulting, an eighth", with(prim(Consulting, 8), func(v *View) { v.Pending, v.Own = true, true }), "- - + o + - - + + + - - + -"},
		{"consulting, a ninth", with(prim(Consulting, 9), func(v *View) { v.Pending, v.Own = true, true }), "- - + o + - - + + o - - + -"},
		{"consulted", View{Row: Consulted, Parties: 3, Customer: true}, "- - + - - - - - + - - - - -"},
		{"conference, in control", with(prim(Conference, 4), func(v *View) { v.Others = true }), "- o + + - + + - - - + + + -"},
		{"conference, full", with(prim(Conference, 8), func(v *View) { v.Others = true }), "- o + + - o o - - - + + + -"},
		{"conference, another consult running", with(prim(Conference, 5), func(v *View) { v.Others, v.Pending = true, true }), "- o + + - o o - - - + + + -"},
		{"conference, not in control", View{Row: Conference, Parties: 4, Customer: true, Others: true}, "- o + + - + o - - - + - - -"},
		{"customer has left", prim(PostCall, 2), "- o + + - o - - - - + - + -"},
		{"the agent's voice is lost", prim(Away, 2), "- - - + - - - - - - - - - -"},
		{"wrap-up", View{Row: Wrapup, Primary: true}, "- - - - - - - - - - - - - +"},
	} {
		got := make([]string, len(columns))
		for i, col := range columns {
			switch x := Get(For(c.view), col); {
			case x.Enabled && !x.Visible:
				t.Errorf("%s: %s is enabled and hidden", c.name, col)
			case x.Enabled:
				got[i] = "+"
			case x.Visible:
				got[i] = "o"
			default:
				got[i] = "-"
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s:\n got %s\nwant %s\n    (%v)", c.name, s, c.want, columns)
		}
	}
}

func TestAllowed(t *testing.T) {
	if got := Allowed(For(View{Row: Consulted})); !slices.Equal(got, []string{"mute", "end_consult"}) {
		t.Fatalf("%v", got)
	}
	if Get(wire.Controls{}, "fly").Visible {
		t.Fatal("an unknown control is shown")
	}
}
