package conference

import (
	"testing"
	"time"
)

func TestW58_X6_LongestPresentAgentIsNext(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for name, c := range map[string]struct {
		ps   Parties
		want int
	}{
		"nobody":                           {nil, -1},
		"only numbers":                     {Parties{{Number: "1", Leg: "a", Since: at(1)}}, -1},
		"the longest, not the first":       {Parties{{Agent: "x", Leg: "a", Since: at(5)}, {Agent: "y", Leg: "b", Since: at(2)}}, 1},
		"a number that came earlier":       {Parties{{Number: "1", Leg: "a", Since: at(1)}, {Agent: "y", Leg: "b", Since: at(2)}}, 1},
		"one with a voice before one lost": {Parties{{Agent: "x", Since: at(1)}, {Agent: "y", Leg: "b", Since: at(2)}}, 1},
		"lost ones only":                   {Parties{{Agent: "x", Since: at(3)}, {Agent: "y", Since: at(2)}}, 1},
	} {
		if got := c.ps.Next(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestParties(t *testing.T) {
	var ps Parties
	ps = ps.Join(Party{Agent: "a", Leg: "l1"}).Join(Party{Number: "7", Leg: "l2"})
	lost := ps.Set(0, ps[0].Lose(time.Unix(9, 0)))
	if ps.Voices() != 2 || lost.Voices() != 1 || !lost.Due().Equal(time.Unix(9, 0)) || !ps.Due().IsZero() {
		t.Fatalf("%+v, %+v", ps, lost)
	}
	if back := lost.Set(0, lost[0].Back("l3")); back.ByLeg("l3") != 0 || !back.Due().IsZero() {
		t.Fatalf("%+v", back)
	}
	if ps.ByAgent("") != -1 || ps.ByLeg("") != -1 || ps.ByAgent("a") != 0 {
		t.Fatal("lookup")
	}
	if one := ps.Leave(0); len(one) != 1 || one[0].Number != "7" || len(ps) != 2 || one.Leave(0) != nil {
		t.Fatalf("%+v of %+v", one, ps)
	}
}
