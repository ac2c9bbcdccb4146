package desk

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

func letter1() wire.WorkRequest {
	return wire.WorkRequest{Kind: wire.WorkEmail, Queue: "main", From: "ana@example.com", FromName: "Ana", Subject: "My order", Text: "Where is it?\nAna", ClientRef: "msg-1"}
}

func (r *rig) writes(q wire.WorkRequest) wire.Work {
	r.t.Helper()
	w, err := r.MakeWork(r.t.Context(), q, "crm")
	if err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
	return w
}

// A written request is offered like a call; the reply goes out as an event, and whoever has sent it is asked for a
// reason, as is who closes one without a reply.
func TestR4_SendingAReplyAsksForAReason(t *testing.T) {
	for _, reply := range []bool{true, false} {
		bubble(t, func(t *testing.T, r *rig) {
			w := r.writes(letter1())
			r.ready("ana")
			o := r.offered("ana")
			if o.Work == nil || o.Work.ID != w.ID || o.CallID != "" || o.Kind != wire.RingWritten || o.From != "ana@example.com" {
				t.Fatalf("%+v", o)
			}
			_, err := r.ReplyWork(t.Context(), w.ID, "too early", "ana")
			r.fault(err, 409, "", "work_wrong_state")
			r.accept("ana")
			if a := r.is("ana", wire.AgentBusy, ""); a.WorkID != w.ID || a.CallID != "" {
				t.Fatalf("%+v", a)
			}
			if reply {
				_, err := r.ReplyWork(t.Context(), w.ID, " \n", "ana")
				r.fault(err, 422, "/text", "required")
				got, err := r.ReplyWork(t.Context(), w.ID, "It is on its way.\nBor", "ana")
				if err != nil || got.State != wire.WorkClosed || got.Result != "replied" {
					t.Fatalf("%+v %v", got, err)
				}
			} else if got, err := r.CloseWork(t.Context(), w.ID, "ana"); err != nil || got.Result != "no_reply" {
				t.Fatalf("%+v %v", got, err)
			}
			synctest.Wait()
			if e := r.events("work.replied"); reply != (len(e) == 1) || reply && (e[0].Data.(wire.Work).Reply != "It is on its way.\nBor" || e[0].Data.(wire.Work).ClientRef != "msg-1") {
				t.Fatalf("%+v", e)
			}
			a := r.is("ana", wire.AgentWrapup, "")
			_, err = r.SubmitWrapup(t.Context(), a.WrapupID, "", "ana")
			r.fault(err, 422, "/reason", "required")
			if x, err := r.SubmitWrapup(t.Context(), a.WrapupID, "solved", "ana"); err != nil || x.CallID != w.ID || x.Reason != "solved" {
				t.Fatalf("%+v %v", x, err)
			}
			r.is("ana", wire.AgentReady, "")
			if l := r.plane.log(); len(l) != 0 {
				t.Errorf("something was done to a call: %v", l)
			}
		})
	}
}

// A request that is not taken keeps its place, one whose agent is gone goes back, one that is taken back is nobody's, a
// restart loses none, and callers come before all of them.
func TestWrittenRequestsAreNotLost(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		first := r.writes(letter1())
		went(time.Second) // they wait in the order they came
		second := r.writes(letter1())
		r.ready("ana")
		if o := r.offered("ana"); o.Work.ID != first.ID {
			t.Fatalf("%+v", o)
		}
		went(21 * time.Second) // rings out
		r.is("ana", wire.AgentNotReady, "rona")
		session := r.ready("bor")[0]
		if o := r.offered("bor"); o.Work.ID != first.ID || o.Attempt != 2 {
			t.Fatalf("%+v", o)
		}
		r.accept("bor")
		r.SessionLost(session)
		went(3 * time.Hour)
		r.is("bor", wire.AgentOffline, "")
		if w, err := r.Work(first.ID); err != nil || w.State != wire.WorkQueued {
			t.Fatalf("%+v %v", w, err)
		}
		if _, err := r.CancelWork(t.Context(), first.ID, "crm"); err != nil {
			t.Fatal(err)
		}
		call := r.ring("100")
		r.ready("eva")
		if o := r.offered("eva"); o.CallID != call {
			t.Fatalf("written work before a caller: %+v", o)
		}
		if _, err := r.Decline(t.Context(), r.offered("eva").ID, "eva"); err != nil {
			t.Fatal(err)
		}
		if err := r.plane.EndCall(t.Context(), call, "cancelled", "customer"); err != nil {
			t.Fatal(err)
		}
		r.ready("eva")
		r.accept("eva")
		r.kill()
		r.start(nil)
		w, err := r.Work(second.ID)
		if err != nil || w.State != wire.WorkOpen || w.Agent != "eva" {
			t.Fatalf("%+v %v", w, err)
		}
		if _, err := r.ReplyWork(t.Context(), second.ID, "Here.", "eva"); err != nil {
			t.Fatal(err)
		}
		r.is("eva", wire.AgentWrapup, "")
		if n := len(r.Works("", "")); n != 0 {
			t.Errorf("%d left", n)
		}
	})
}

// One that rings while the server is restarted waits again at its place. Nothing written is counted as a caller who waits.
func TestWrittenRequestRingsAtARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := r.writes(letter1())
		if q := r.Queues(); q[0].Waiting != 0 || q[0].OldestSince != nil {
			t.Errorf("%+v", q[0])
		}
		r.ready("ana")
		old := r.offered("ana")
		r.kill()
		r.start(nil)
		if got, err := r.Work(w.ID); err != nil || got.State != wire.WorkQueued || got.Agent != "" {
			t.Fatalf("%+v %v", got, err)
		}
		if a := r.is("ana", wire.AgentNotReady, "restart"); a.WorkID != "" || a.OfferID != "" {
			t.Errorf("%+v", a)
		}
		_, err := r.Accept(t.Context(), old.ID, "ana")
		if err == nil {
			t.Error("an offer from before the restart could be accepted")
		}
		r.ready("bor")
		if o := r.offered("bor"); o.Work.ID != w.ID || o.Attempt != 2 {
			t.Errorf("%+v", o)
		}
		_, err = r.CloseWork(t.Context(), w.ID, "bor")
		r.fault(err, 409, "", "work_wrong_state")
	})
}

func TestWrittenRequestsAreChecked(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for pointer, spoil := range map[string]func(*wire.WorkRequest){
			"/kind": func(q *wire.WorkRequest) { q.Kind = "fax" }, "/queue": func(q *wire.WorkRequest) { q.Queue = "gone" },
			"/from": func(q *wire.WorkRequest) { q.From = "" }, "/text": func(q *wire.WorkRequest) { q.Text = "" },
			"/priority": func(q *wire.WorkRequest) { q.Priority = 1001 },
		} {
			q := letter1()
			spoil(&q)
			_, err := r.MakeWork(t.Context(), q, "crm")
			code := map[string]string{"/kind": "unknown", "/queue": "unknown", "/from": "required", "/text": "required", "/priority": "out_of_range"}[pointer]
			r.fault(err, 422, pointer, code)
		}
	})
}
