package wait

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// play fires every deadline up to the end and writes down what was done and when.
func play(w Wait, p Policy, d time.Duration) (did []string) {
	for !w.Next.IsZero() && !w.Next.After(start.Add(d)) {
		at := w.Next
		var act Act
		var ok bool
		if w, act, ok = w.Fire(p, at); !ok {
			return append(did, "stuck")
		}
		did = append(did, fmt.Sprintf("%s@%s", act, at.Sub(start)))
		if act == Limit {
			return did
		}
	}
	return did
}

func TestDeadlines(t *testing.T) {
	for name, c := range map[string]struct {
		policy    Policy
		preferred string
		want      []string
	}{
		"nothing to do":        {Policy{}, "ana", nil},
		"preferred, then open": {Policy{Preferred: 20 * time.Second}, "ana", []string{"released@20s"}},
		"nobody preferred":     {Policy{Preferred: 20 * time.Second}, "", nil},
		"demands relax":        {Policy{Relax: []time.Duration{10 * time.Second, 30 * time.Second}}, "", []string{"relaxed@10s", "relaxed@30s"}},
		"told and told again":  {Policy{Welcome: true, Every: 20 * time.Second}, "", []string{"welcome@0s", "tell@20s", "tell@40s", "tell@1m0s"}},
		"told without welcome": {Policy{Every: 25 * time.Second}, "", []string{"tell@25s", "tell@50s"}},
		"the limit ends it":    {Policy{Every: 20 * time.Second, Limit: 40 * time.Second}, "", []string{"tell@20s", "limit@40s"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := play(Begin("c", c.preferred, c.policy, start), c.policy, time.Minute); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestStandsStillWhileItRings(t *testing.T) {
	p := Policy{Relax: []time.Duration{10 * time.Second}, Limit: 15 * time.Second}
	w := Begin("c", "", p, start).Rest(p, false)
	if !w.Next.IsZero() {
		t.Fatalf("a deadline while it rings: %s", w.Next)
	}
	w = w.Rest(p, true)
	if w, act, ok := w.Fire(p, start.Add(20*time.Second)); !ok || act != Relaxed || w.Next != start.Add(15*time.Second) {
		t.Fatalf("%s, %t, %+v", act, ok, w)
	}
}

func TestPauseAndMove(t *testing.T) {
	p := Policy{Limit: time.Hour}
	w := Begin("c", "", p, start)
	w.Failed = 10
	w = w.Pause(start.Add(30*time.Second), p)
	if w.Failed != 0 || !w.Next.Equal(start.Add(30*time.Second)) {
		t.Fatalf("%+v", w)
	}
	if _, _, ok := w.Fire(p, start.Add(29*time.Second)); ok {
		t.Fatal("too early")
	}
	w, act, ok := w.Fire(p, start.Add(30*time.Second))
	if !ok || act != Resumed || !w.Paused.IsZero() {
		t.Fatalf("%+v %s", w, act)
	}
	if w = w.Move(p, start.Add(time.Minute)); w.Moves != 1 || !w.Next.Equal(start.Add(61*time.Minute)) {
		t.Fatalf("%+v", w)
	}
}
