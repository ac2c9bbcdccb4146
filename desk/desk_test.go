package desk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killHelper); dir != "" {
		helpKill(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestFirstCall(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call := r.ring("100")
		customer := "leg_" + call
		o := r.accept("ana")
		if o.CallID != call || o.State != wire.OfferAccepted || o.Attempt != 1 || o.From == "" {
			t.Fatalf("offer %+v", o)
		}
		r.is("ana", wire.AgentReserved, "")
		if err := r.MayJoin("ana", call); err != nil {
			t.Fatal(err)
		}
		if err := r.MayJoin("bor", call); problem.As(err).Status != 409 {
			t.Fatalf("bor may join: %v", err)
		}
		leg := r.attach(call, "ana")
		r.is("ana", wire.AgentBusy, "")
		if want := []string{"answer " + customer, "hold " + customer, "resume " + customer, "record " + call}; !slices.Equal(r.plane.log(), want) {
			t.Fatalf("commands %v, want %v", r.plane.log(), want)
		}
		went(time.Minute)
		r.end(leg, "hangup")
		if c, _ := r.plane.Call(call); c.State != wire.CallEnded {
			t.Fatalf("the agent hung up and the call is %s", c.State)
		}
		a := r.is("ana", wire.AgentWrapup, "")
		w, err := r.SubmitWrapup(t.Context(), a.WrapupID, "resolved", "ana")
		if err != nil || w.Completed == nil || w.By != "agent" {
			t.Fatalf("%+v, %v", w, err)
		}
		r.is("ana", wire.AgentReady, "")
	})
}

func TestW22_X8_RONA(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		first := r.ring("100")
		went(time.Second)
		second := r.ring("100")
		o := r.offered("ana")
		if o.CallID != first {
			t.Fatalf("offered %s, want the oldest %s", o.CallID, first)
		}
		went(time.Until(o.Deadline) - time.Millisecond)
		r.is("ana", wire.AgentReserved, "")
		went(time.Millisecond)
		r.is("ana", wire.AgentNotReady, "rona")
		if e := r.events("offer.expired"); len(e) != 1 || e[0].Data.(wire.Offer).ID != o.ID {
			t.Fatalf("expired: %v", e)
		}
		queued := r.events("call.queued")
		if p := queued[len(queued)-1].Data.(wire.QueuePlace); p.CallID != first || p.Position != 1 || p.Reason != "rona" || !p.Queued.Equal(o.Queued) {
			t.Fatalf("back in the queue: %+v", p)
		}
		if _, err := r.Accept(t.Context(), o.ID, "ana"); problem.As(err).State != "expired" {
			t.Fatalf("accepted too late: %v", err)
		}
		r.ready("bor") // the next agent gets the same call, before the later one
		if o := r.offered("bor"); o.CallID != first || o.Attempt != 2 {
			t.Fatalf("bor is offered %+v, want %s again", o, first)
		}
		r.ready("eva")
		if o := r.offered("eva"); o.CallID != second {
			t.Fatalf("eva is offered %+v", o)
		}
	})
}

func TestX8_RepeatsAreVisible(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call := r.ring("100")
		for range 5 {
			went(20 * time.Second)
			if _, err := r.SetState(t.Context(), "ana", wire.AgentReady, "", "ana"); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range r.events("desk.alarm") {
			if a := e.Data.(wire.Alarm); a.Type == "call.offer_limit" && a.CallID == call && a.Count == 5 {
				return
			}
		}
		t.Fatal("no alarm after five missed offers")
	})
}

func TestW24_OnlyReadyAgentsLongestIdleFirst(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("bor", "eva", "ana")
		if _, err := r.SetState(t.Context(), "bor", wire.AgentNotReady, "break", "bor"); err != nil {
			t.Fatal(err)
		}
		r.ring("100")
		if o := r.offered("eva"); o.Agent != "eva" {
			t.Fatal("not the longest idle")
		}
		if n := len(r.Offers("")); n != 1 {
			t.Fatalf("%d offers", n)
		}
	})
}

func TestS4_ReturnedCallComesFirst(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ring("100")
		went(time.Minute)
		returned := r.ring("2-0 0")
		r.ready("ana")
		if o := r.offered("ana"); o.CallID != returned {
			t.Fatalf("offered %s, want %s", o.CallID, returned)
		}
	})
}

func TestDecline(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call := r.ring("100")
		o, err := r.Decline(t.Context(), r.offered("ana").ID, "ana")
		if err != nil || o.State != wire.OfferDeclined {
			t.Fatalf("%+v, %v", o, err)
		}
		r.is("ana", wire.AgentNotReady, "declined")
		if o := r.offered("bor"); o.CallID != call || o.Attempt != 2 {
			t.Fatalf("bor is offered %+v", o)
		}
	})
}

func TestOneWinnerOfAnOffer(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call := r.ring("100")
		o := r.offered("ana")
		var wg sync.WaitGroup
		var won atomic.Int32
		for i := range 50 {
			wg.Go(func() {
				act := r.Accept
				if i%2 == 0 {
					act = r.Decline
				}
				if _, err := act(context.Background(), o.ID, "ana"); err == nil {
					won.Add(1)
				} else if problem.As(err).Status != 409 {
					t.Error(err)
				}
			})
		}
		wg.Go(func() { _ = r.plane.EndCall(context.Background(), call, "hangup", "customer") })
		wg.Wait()
		synctest.Wait()
		settled := len(r.events("offer.accepted")) + len(r.events("offer.declined")) + len(r.events("offer.withdrawn"))
		if settled != 1 || won.Load() > 1 {
			t.Fatalf("settled %d times, %d winners", settled, won.Load())
		}
	})
}

func TestCallerHangsUpWhileItRings(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call := r.ring("100")
		o := r.offered("ana")
		r.end("leg_"+call, "hangup")
		r.is("ana", wire.AgentReady, "")
		if e := r.events("offer.withdrawn"); len(e) != 1 || e[0].Data.(wire.Offer).State != wire.OfferWithdrawn {
			t.Fatalf("withdrawn: %v", e)
		}
		if _, err := r.Accept(t.Context(), o.ID, "ana"); problem.As(err).State != "withdrawn" || problem.As(err).Status != 409 {
			t.Fatalf("accepted: %v", err)
		}
		if q := r.Queues()[0]; q.Waiting != 0 || q.Ready != 1 {
			t.Fatalf("queue %+v", q)
		}
	})
}

func TestAcceptedWithoutVoice(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call := r.ring("100")
		r.accept("ana")
		went(10*time.Second - time.Millisecond)
		r.is("ana", wire.AgentReserved, "")
		went(time.Millisecond)
		r.is("ana", wire.AgentNotReady, "no_media")
		late := r.attach(call, "ana")
		if !slices.Contains(r.plane.log(), "hangup "+late) {
			t.Fatal("a leg that came too late stays in the call")
		}
		r.ready("bor")
		if o := r.offered("bor"); o.CallID != call {
			t.Fatalf("bor is offered %+v", o)
		}
	})
}

func TestR10_R11_X1_WrapupCompletesByTheServersDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		session := r.ready("ana")[0]
		call, _ := r.talk("ana")
		r.end("leg_"+call, "hangup")
		w, err := r.Wrapup(r.is("ana", wire.AgentWrapup, "").WrapupID)
		if err != nil || !w.Deadline.Equal(time.Now().Add(30*time.Second)) {
			t.Fatalf("%+v, %v", w, err)
		}
		r.SessionLost(session) // the browser is gone: nothing changes
		went(30*time.Second - time.Millisecond)
		r.is("ana", wire.AgentWrapup, "")
		went(time.Millisecond)
		w, err = r.Wrapup(w.ID)
		if err != nil || w.By != "deadline" || w.Reason != "none" || !w.Completed.Equal(w.Deadline) {
			t.Fatalf("%+v, %v", w, err)
		}
		if e := r.events("wrapup.completed"); len(e) != 1 {
			t.Fatalf("%d events", len(e))
		}
		r.is("ana", wire.AgentNotReady, "connection_lost")
	})
}

func TestU4_R12_WrapupExtended(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		r.end("leg_"+call, "hangup")
		w := r.is("ana", wire.AgentWrapup, "").WrapupID
		for left := 1; left >= 0; left-- {
			if x, err := r.ExtendWrapup(t.Context(), w, "ana"); err != nil || x.ExtensionsLeft != left {
				t.Fatalf("%+v, %v", x, err)
			}
		}
		if _, err := r.ExtendWrapup(t.Context(), w, "ana"); problem.As(err).Code != "wrapup_extension_limit" {
			t.Fatalf("third time: %v", err)
		}
		went(89 * time.Second)
		r.is("ana", wire.AgentWrapup, "")
		went(time.Second)
		r.is("ana", wire.AgentReady, "")
	})
}

func TestR8_WrapupNeedsOneReason(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		r.end("leg_"+call, "hangup")
		w := r.is("ana", wire.AgentWrapup, "").WrapupID
		_, err := r.SubmitWrapup(t.Context(), w, " ", "ana")
		if p := problem.As(err); p.Status != 422 || len(p.Fields) != 1 || p.Fields[0].Pointer != "/reason" {
			t.Fatalf("%+v", p)
		}
		if _, err := r.SubmitWrapup(t.Context(), "wru_none", "x", "ana"); problem.As(err).Status != 404 {
			t.Fatalf("%v", err)
		}
	})
}

func TestConflict2_StateChosenDuringTheCall(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		if a, err := r.SetState(t.Context(), "ana", wire.AgentNotReady, "lunch", "ana"); err != nil || a.State != wire.AgentBusy {
			t.Fatalf("%+v, %v", a, err)
		}
		r.end("leg_"+call, "hangup")
		went(30 * time.Second)
		r.is("ana", wire.AgentNotReady, "lunch")
	})
}

func TestX9_X19_G36_SignOutPending(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call := r.ring("100")
		a, err := r.SignOut(t.Context(), "ana", "ana")
		if err != nil || a.State != wire.AgentSignoutPending {
			t.Fatalf("with an offer open: %+v, %v", a, err)
		}
		if len(r.events("agent.signout_pending")) != 1 {
			t.Fatal("not told")
		}
		r.end("leg_"+call, "hangup")
		r.is("ana", wire.AgentOffline, "")
		if e := r.events("agent.signed_out"); len(e) != 1 {
			t.Fatalf("signed out: %v", e)
		}
		if a, err := r.SetState(t.Context(), "bor", wire.AgentOffline, "", "bor"); err != nil || a.State != wire.AgentOffline {
			t.Fatalf("idle: %+v, %v", a, err)
		}
		_, err = r.SetState(t.Context(), "bor", wire.AgentReady, "", "bor")
		if p := problem.As(err); p.Status != 409 || p.State != "offline" || !slices.Equal(p.Allowed, []string{"sign_in"}) {
			t.Fatalf("ready when offline: %+v", p)
		}
	})
}

func TestX17_NoEligibleAgentAlarm(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		first := r.ring("100")
		went(10 * time.Second)
		e := r.events("desk.alarm")
		if len(e) != 1 || e[0].Data.(wire.Alarm).Type != "call.no_eligible_agent" || e[0].CallID != first {
			t.Fatalf("alarms: %v", e)
		}
		second := r.ring("100")
		if e = r.events("desk.alarm"); len(e) != 2 || e[1].CallID != second {
			t.Fatalf("alarms: %v", e)
		}
		r.ready("ana") // takes the first; the second may hope
		went(15 * time.Second)
		if e = r.events("desk.alarm"); len(e) != 2 {
			t.Fatalf("alarms with an agent on duty: %v", e)
		}
	})
}

func TestQueueIsToldAsItChanges(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		pictures := func() (out []string) {
			for _, e := range r.events("queue.changed") {
				q := e.Data.(wire.Queue)
				out = append(out, fmt.Sprintf("%s %d waiting %d ready %t", q.ID, q.Waiting, q.Ready, q.OldestSince != nil))
			}
			return out
		}
		r.ring("100")
		r.ready("ana") // ana is reserved in the step that made her ready
		r.accept("ana")
		r.ready("bor")
		want := []string{"main 1 waiting 0 ready true", "main 0 waiting 0 ready false", "main 0 waiting 1 ready false"}
		if got := pictures(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestUnknownNumber(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if err := r.Admit(t.Context(), "999"); problem.As(err).Status != 404 || problem.As(err).Code != "unknown_number" {
			t.Fatalf("%v", err)
		}
		if err := r.Admit(t.Context(), "1 00"); err != nil {
			t.Fatal(err)
		}
		if q, err := r.QueueOf("100"); err != nil || q != "main" {
			t.Fatalf("%s, %v", q, err)
		}
	})
}

func TestRefresh_AgentComesBack(t *testing.T) {
	for _, cause := range []string{"media_lost", "session_lost", "reload"} {
		t.Run(cause, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				session := r.ready("ana")[0]
				call, leg := r.talk("ana")
				r.end(leg, cause)
				r.SessionLost(session)
				if did := r.plane.log(); did[len(did)-1] != "hold leg_"+call {
					t.Fatalf("the customer hears nothing: %v", did)
				}
				went(3 * time.Second)
				if _, err := r.SignIn(t.Context(), "ana"); err != nil {
					t.Fatal(err)
				}
				if a := r.is("ana", wire.AgentBusy, ""); a.CallID != call {
					t.Fatalf("%+v", a)
				}
				if err := r.MayJoin("ana", call); err != nil {
					t.Fatal(err)
				}
				r.attach(call, "ana")
				if did := r.plane.log(); did[len(did)-1] != "resume leg_"+call {
					t.Fatalf("the customer still hears music: %v", did)
				}
				went(5 * time.Minute)
				r.is("ana", wire.AgentBusy, "")
			})
		})
	}
}

func TestRefresh_HoldByHandIsKept(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, leg := r.talk("ana")
		if err := r.plane.Hold(t.Context(), "leg_"+call, "ana"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.end(leg, "reload")
		r.attach(call, "ana")
		c, _ := r.plane.Call(call)
		if !c.Legs[0].Hold.Local {
			t.Fatal("the agent had the customer on hold, and the return took it away")
		}
	})
}

func TestReplacedLegDoesNotHold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, leg := r.talk("ana")
		r.end(leg, "replaced")
		next := r.attach(call, "ana")
		if slices.Contains(r.plane.log()[2:], "hold leg_"+call) {
			t.Fatalf("the customer heard music: %v", r.plane.log())
		}
		r.end(next, "hangup")
		r.is("ana", wire.AgentWrapup, "")
	})
}

func TestAgentDoesNotReturn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, leg := r.talk("ana")
		went(time.Minute)
		other := r.ring("200") // of a higher class
		r.end(leg, "media_lost")
		went(60*time.Second - time.Millisecond)
		r.is("ana", wire.AgentBusy, "")
		went(time.Millisecond)
		r.is("ana", wire.AgentWrapup, "")
		r.ready("bor")
		if o := r.offered("bor"); o.CallID != call || o.Attempt != 2 {
			t.Fatalf("bor is offered %+v, want the caller who was lost before %s", o, other)
		}
		went(30 * time.Second)
		r.is("ana", wire.AgentNotReady, "connection_lost")
	})
}

func TestIdleSessionLost(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		s := r.ready("ana")[0]
		r.SessionLost(s)
		went(14 * time.Second)
		r.is("ana", wire.AgentReady, "")
		if err := r.SessionUp(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		went(time.Minute)
		r.is("ana", wire.AgentReady, "")
		r.SessionLost(s)
		went(15 * time.Second)
		r.is("ana", wire.AgentNotReady, "connection_lost")
		went(15 * time.Minute)
		r.is("ana", wire.AgentOffline, "")
		if err := r.SessionUp(t.Context(), s); problem.As(err).Status != 404 {
			t.Fatalf("a session that is over: %v", err)
		}
	})
}

func TestSessionLostWithAnOfferOpenIsRONA(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		s := r.ready("ana")[0]
		r.ring("100")
		r.SessionLost(s)
		went(19 * time.Second)
		r.is("ana", wire.AgentReserved, "")
		went(time.Second)
		r.is("ana", wire.AgentNotReady, "rona")
	})
}

func TestOutboundCallOfAnAgent(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		if err := r.PlaceCall(t.Context(), "ana", wire.Call{ID: "call_out", To: "+38640"}, "ana"); err != nil {
			t.Fatal(err)
		}
		c := wire.Call{
			ID: "call_out", Direction: wire.Outbound, To: "+38640", State: wire.CallNew,
			Legs: []wire.Leg{{ID: "leg_out", CallID: "call_out", Role: wire.RoleCustomer}},
		}
		r.plane.calls["call_out"] = &c
		r.plane.bus.Publish("call.created", "call_out", "ana", wire.Call{ID: c.ID, Direction: c.Direction, To: c.To, State: c.State})
		r.plane.bus.Publish("leg.answered", "call_out", "customer", wire.Leg{ID: "leg_out", CallID: "call_out", Role: wire.RoleCustomer})
		synctest.Wait()
		r.is("ana", wire.AgentBusy, "")
		r.ring("100")
		if len(r.Offers("ana")) != 0 {
			t.Fatal("offered a call while dialling")
		}
		if err := r.MayJoin("ana", "call_out"); err != nil {
			t.Fatal(err)
		}
		r.attach("call_out", "ana")
		r.end("leg_out", "hangup")
		r.is("ana", wire.AgentWrapup, "")
		went(30 * time.Second)
		r.offered("ana")
	})
}

func TestAnswerFails(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		r.plane.fail["answer"] = problem.New(488, "no_codec", "no codec in common")
		call := r.ring("100")
		if c, _ := r.plane.Call(call); c.State != wire.CallEnded {
			t.Fatalf("the call is %s", c.State)
		}
		r.is("ana", wire.AgentReady, "")
		if e := r.events("desk.alarm"); len(e) != 1 {
			t.Fatalf("alarms: %v", e)
		}
	})
}

func TestSlowPlaneDoesNotStopTheDesk(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.plane.delay = 5 * time.Second
		r.ready("ana")
		call := r.ring("100")
		before := time.Now()
		r.accept("ana")
		r.attach(call, "ana")
		if d := time.Since(before); d != 0 {
			t.Fatalf("accepting took %s", d)
		}
		went(time.Minute)
		customer := "leg_" + call
		if want := []string{"answer " + customer, "hold " + customer, "resume " + customer, "record " + call}; !slices.Equal(r.plane.log(), want) {
			t.Fatalf("commands %v, want %v", r.plane.log(), want)
		}
	})
}

func TestStoreFailureRefusesCommandsAndHeals(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, leg := r.talk("ana")
		r.store.breaks(errors.New("disk full"))
		if _, err := r.SetState(t.Context(), "ana", wire.AgentNotReady, "x", "ana"); problem.As(err).Code != "store_unavailable" {
			t.Fatalf("first command: %v", err)
		}
		if _, err := r.SignIn(t.Context(), "bor"); problem.As(err).Status != 503 {
			t.Fatalf("second command: %v", err)
		}
		r.end(leg, "hangup") // calls go on
		r.is("ana", wire.AgentWrapup, "")
		if c, _ := r.plane.Call(call); c.State != wire.CallEnded {
			t.Fatal("the call was not ended")
		}
		r.store.breaks(nil)
		went(time.Second)
		if _, err := r.SignIn(t.Context(), "bor"); err != nil {
			t.Fatalf("healed: %v", err)
		}
	})
}
