package desk

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The desk's own timer fires every deadline: agents, callers and browsers do things at random, and whenever all is at
// rest no deadline of the floor has passed. Nobody else calls Tick here, and the look is taken before the actor, woken by
// it, could make up for what its timer has missed.
func TestTimerMissesNoDeadline(t *testing.T) {
	fired := map[string]int{}
	for seed := range uint64(30) {
		cfg := testConfig()
		cfg.Queues[0].PreferredWait, cfg.Queues[0].Fallback, cfg.Queues[0].FallbackAfter = floor.Seconds(7), floor.Target{Kind: floor.TargetEnd}, floor.Seconds(25)
		cfg.Callbacks.EntryPoints, cfg.Callbacks.Retry = []floor.EntryPoint{{Number: "0800"}}, floor.Seconds(70)
		cfg.AbsentGrace, cfg.AbsentSignout, cfg.Return = floor.Seconds(11), floor.Seconds(90), floor.Seconds(13)
		configured(t, cfg, func(t *testing.T, r *rig) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			agents := []string{"ana", "bor", "eva"}
			sessions := r.ready(agents...)
			var calls, legs []string
			for range 120 {
				who := agents[rnd.IntN(3)]
				switch rnd.IntN(11) {
				case 0, 1:
					if len(calls) < 40 {
						calls = append(calls, r.ring("100"))
					}
				case 2, 3:
					if o := r.Offers(who); len(o) == 1 && o[0].CallID != "" {
						if _, err := r.Accept(t.Context(), o[0].ID, who); err == nil && rnd.IntN(3) > 0 && r.known(o[0].CallID) {
							legs = append(legs, r.attach(o[0].CallID, who))
						}
					}
				case 4:
					_, _ = r.SetState(t.Context(), who, wire.AgentReady, "", who) // some are refused
				case 5:
					if n := len(legs); n > 0 {
						_ = r.plane.leg(legs[n-1], "leg.ended", "x", func(l *wire.Leg) { l.State, l.Cause = wire.LegEnded, []string{"hangup", "media_lost"}[rnd.IntN(2)] })
					}
				case 6:
					r.SessionLost(sessions[rnd.IntN(3)])
				case 7:
					if s, err := r.SignIn(t.Context(), who); err == nil {
						sessions[rnd.IntN(3)] = s.ID
					}
				case 8:
					if n := len(calls); n > 0 {
						_ = r.Prefer(t.Context(), calls[n-1], who)
						_, _ = r.StartConsult(t.Context(), calls[n-1], "", wire.ConsultRequest{Kind: wire.TargetAgent, Target: who}, who)
					}
				case 9:
					_, _ = r.AskCallback(t.Context(), wire.CallbackAsk{Number: "041555002", Name: "Web", Queue: "main"}, true)
				case 10:
					_, _ = r.SignOut(t.Context(), who, who)
				}
				for range 1 + rnd.IntN(3) {
					time.Sleep(time.Duration(rnd.IntN(9000)) * time.Millisecond)
					synctest.Wait()
					var at time.Time
					if err := r.read(func() { at = r.floor.Next() }); err != nil { // the actor looks before it fires what is due
						t.Fatal(err)
					}
					if now := time.Now(); !at.IsZero() && !at.After(now) {
						t.Fatalf("seed %d: at %s the deadline of %s has not been seen to", seed, now, at)
					}
				}
			}
			for _, typ := range []string{"offer.expired", "wrapup.completed", "callback.failed", "callback.due", "desk.alarm", "call.diverted", "agent.signed_out", "consult.ended"} {
				fired[typ] += len(r.events(typ))
			}
			for _, e := range r.events("offer.expired") {
				if o := e.Data.(wire.Offer); !e.Time.Equal(o.Deadline) {
					t.Fatalf("seed %d: an offer runs out at %s instead of %s", seed, e.Time, o.Deadline)
				}
			}
			for _, e := range r.events("wrapup.completed") {
				if w := e.Data.(wire.Wrapup); w.By == "deadline" && !e.Time.Equal(w.Deadline) {
					t.Fatalf("seed %d: a wrap-up ends at %s instead of %s", seed, e.Time, w.Deadline)
				}
			}
		})
	}
	for _, typ := range []string{"offer.expired", "wrapup.completed", "desk.alarm", "call.diverted", "agent.signed_out", "callback.due"} {
		if fired[typ] == 0 {
			t.Errorf("%s never came: %s", typ, fmt.Sprint(fired))
		}
	}
}

// known says whether the plane has a call.
func (r *rig) known(callID string) bool {
	c, err := r.plane.Call(callID)
	return err == nil && c.State != wire.CallEnded
}
