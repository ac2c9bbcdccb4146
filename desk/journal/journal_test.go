package journal

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/tally"
)

var epoch = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func policy(string) Policy { return Policy{InTime: 20 * time.Second, Short: 5 * time.Second} }

func waits(q string) View { return View{Waits: true, Queue: q} }

func with(who ...Present) View { return View{Queue: "q", WaitEnd: Answered, Agents: who} }

func primary(agent string, m Mode) Present { return Present{Agent: agent, Role: Primary, Mode: m} }

// play shows views to a journal, so many seconds apart each, and adds up what it says.
func play(j Journal, at *time.Time, gap time.Duration, views ...View) (Journal, map[string]tally.Sums) {
	sums := map[string]tally.Sums{}
	count := func(facts []Fact) {
		for _, f := range facts {
			for _, who := range []string{f.Queue, f.Agent} {
				if who != "" {
					s := sums[who]
					s.Add(f.Sums)
					sums[who] = s
				}
			}
		}
	}
	for _, v := range views {
		var facts []Fact
		j, facts, _ = j.See(v, *at, policy)
		count(facts)
		j, facts = j.Close(*at)
		count(facts)
		*at = at.Add(gap)
	}
	return j, sums
}

// How a wait ends decides what it counts as; exactly at a limit a call is in time, and an abandon is not short.
func TestX7_HowWaitsEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		wait time.Duration
		end  View
		want tally.Sums
		out  string
	}{
		{"answered at the limit", 20 * time.Second, with(primary("a", Talk)), tally.Sums{Offered: 1, Answered: 1, InTime: 1, AnswerWait: 20 * time.Second, LongestWait: 20 * time.Second}, ""},
		{"answered after it", 20*time.Second + 1, with(primary("a", Talk)), tally.Sums{Offered: 1, Answered: 1, AnswerWait: 20*time.Second + 1, LongestWait: 20*time.Second + 1}, ""},
		{"abandoned at once", 5*time.Second - 1, View{Over: true, WaitEnd: Abandoned}, tally.Sums{Offered: 1, Abandoned: 1, Short: 1, AbandonWait: 5*time.Second - 1, LongestWait: 5*time.Second - 1}, Abandoned},
		{"abandoned later", 5 * time.Second, View{Over: true, WaitEnd: Abandoned}, tally.Sums{Offered: 1, Abandoned: 1, AbandonWait: 5 * time.Second, LongestWait: 5 * time.Second}, Abandoned},
		{"lost with the server", time.Minute, View{Over: true, WaitEnd: Interrupted}, tally.Sums{Offered: 1, Abandoned: 1, AbandonWait: time.Minute, LongestWait: time.Minute}, Interrupted},
		{"to a message", time.Minute, View{WaitEnd: Message}, tally.Sums{Offered: 1, Elsewhere: 1, LongestWait: time.Minute}, ""},
		{"a callback", time.Minute, View{Over: true, WaitEnd: Callback}, tally.Sums{Offered: 1, Elsewhere: 1, LongestWait: time.Minute}, Callback},
		{"to another queue", time.Minute, waits("r"), tally.Sums{Offered: 1, Elsewhere: 1, LongestWait: time.Minute}, ""},
	} {
		at := epoch
		j, sums := play(Journal{ID: "c", Started: epoch}, &at, tt.wait, waits("q"), tt.end)
		if sums["q"] != tt.want || j.Outcome != tt.out {
			t.Errorf("%s: %+v, %q, want %+v, %q", tt.name, sums["q"], j.Outcome, tt.want, tt.out)
		}
		if over := tt.end.Over; over != !j.Closed.IsZero() || tt.end.Waits && sums["r"].Offered != 1 {
			t.Errorf("%s: closed %s, %+v", tt.name, j.Closed, sums)
		}
	}
}

// What an agent does is cut at every change, and adds up to the stay.
func TestX7_TimesOfAStayAddUp(t *testing.T) {
	at := epoch
	left := View{Queue: "q", Left: epoch.Add(40 * time.Second), Agents: []Present{primary("a", Post), {Agent: "b", Role: Conference, Mode: Post}}}
	j, sums := play(Journal{ID: "c", Started: epoch}, &at, 10*time.Second,
		with(primary("a", Talk)), with(primary("a", Hold)), with(primary("a", Consult), Present{Agent: "b", Role: Consulted, Mode: Consult}),
		with(primary("a", Talk), Present{Agent: "b", Role: Conference, Mode: Talk}), left, View{Queue: "q", Over: true, WaitEnd: Abandoned})
	a, b := j.Agents[0], j.Agents[1]
	if a.Talk != 20*time.Second || a.Hold != 10*time.Second || a.Consult != 10*time.Second || a.Post != 10*time.Second || a.Left.Sub(a.Joined) != 50*time.Second {
		t.Errorf("a %+v", a)
	}
	if b.Role != Conference || b.Consult != 10*time.Second || b.Talk != 10*time.Second || b.Post != 10*time.Second {
		t.Errorf("b %+v", b)
	}
	if j.Outcome != Answered || j.Closed.IsZero() || sums["q"].PostCalls != 1 || sums["q"].PostCall != 10*time.Second || sums["b"].Assisted != 1 || sums["a"].Handle != 50*time.Second {
		t.Errorf("%s %+v", j.Outcome, sums)
	}
}

// A journal closes when the last wrap-up is over, and counts a stay once, with its work.
func TestX7_AJournalWaitsForTheWork(t *testing.T) {
	at := epoch
	j, _ := play(Journal{ID: "c", Started: epoch}, &at, 10*time.Second, with(primary("a", Talk)))
	j, _, _ = j.See(View{Over: true, WaitEnd: Abandoned}, at, policy)
	j = j.Worked("a", "w", at)
	if j, facts := j.Close(at); !j.Closed.IsZero() || len(facts) > 0 {
		t.Fatalf("closed during the work: %+v", j)
	}
	at = at.Add(7 * time.Second)
	j = j.Done("w", "solved", at)
	j, facts := j.Close(at)
	if j.Closed != at || j.Disposition != "solved" || len(facts) != 1 || facts[0].Sums.Handle != 17*time.Second || facts[0].Sums.Wrapup != 7*time.Second {
		t.Fatalf("%+v %+v", j, facts)
	}
	if _, again := j.Close(at); len(again) > 0 {
		t.Errorf("counted twice: %+v", again)
	}
}

// Who had control of a call, however late, has handled it; a journal of an outbound contact says so.
func TestX7_ControlMakesAHandler(t *testing.T) {
	at := epoch
	j, sums := play(Journal{ID: "c", Started: epoch, Outbound: true}, &at, time.Second,
		with(Present{Agent: "a", Role: Consulted, Mode: Consult}), with(primary("a", Talk)), View{Over: true, WaitEnd: Abandoned})
	if j.Agents[0].Role != Primary || sums["a"].Handled != 1 || sums["a"].Assisted != 0 || sums["a"].Outbound != 1 {
		t.Errorf("%+v %+v", j.Agents, sums)
	}
	at = epoch
	if j, _ := play(Journal{ID: "c", Started: epoch, Outbound: true}, &at, time.Second, with(primary("a", Dialing)), View{Over: true, WaitEnd: Abandoned}); j.Outcome != Unanswered {
		t.Errorf("a customer who never answered: %s", j.Outcome)
	}
}

// Lists are bounded, what is counted is not, and an entry that is open is never lost.
func TestX7_JournalsAreBounded(t *testing.T) {
	j := Journal{ID: "c", Started: epoch}.Rang(Offer{ID: "open", Agent: "z", At: epoch})
	missed := 0
	for i := range 3 * most {
		id := string(rune('a'+i%26)) + time.Duration(i).String()
		j = j.Rang(Offer{ID: id, Agent: "a", Queue: "q", At: epoch})
		var facts []Fact
		j, facts = j.Settled(id, "expired", epoch)
		missed += facts[0].Sums.Missed
	}
	if len(j.Offers) != most || missed != 3*most || j.Offers[0].ID != "open" {
		t.Errorf("%d offers, the first %+v, %d missed", len(j.Offers), j.Offers[0], missed)
	}
	if _, facts := j.Settled("open", "accepted", epoch); facts != nil {
		t.Errorf("an accepted offer counts: %+v", facts)
	}
	data, err := json.Marshal(j)
	var back Journal
	if err != nil || json.Unmarshal(data, &back) != nil || !reflect.DeepEqual(back, j) {
		t.Errorf("does not survive: %v", err)
	}
}
