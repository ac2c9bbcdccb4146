package floor

import (
	"fmt"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// juggling is a floor on which ana may have three written requests at once, and n requests wait.
func juggling(t *testing.T, n int) *play {
	t.Helper()
	cfg := stageConfig()
	cfg.Agents[0].Written = 3
	p := newPlay(t, cfg)
	for i := range n {
		p.do(MakeWork{ID: fmt.Sprintf("wrk_%d", i), Actor: "crm", Request: wire.WorkRequest{Kind: wire.WorkEmail, Queue: "help", From: "x@example.com", Text: "hello"}})
		p.at = p.at.Add(time.Second)
	}
	return p
}

func (p *play) works(s wire.WorkState) (n int) {
	for _, w := range p.Floor.Works("", "ana") {
		if w.State == s {
			n++
		}
	}
	return n
}

// Several written requests ring at once and are taken together; each is replied to in any order and wrapped up by itself.
func TestW11_W10_WrittenRequestsAreAcceptedTogether(t *testing.T) {
	p := juggling(t, 4)
	p.ready("ana")
	if n := len(p.Offers("ana")); n != 3 || p.works(wire.WorkOffered) != 3 {
		t.Fatalf("%d requests ring, want 3", n)
	}
	p.do(AcceptAll{Agent: "ana", Actor: "ana"})
	if n := len(told[wire.Offer](p, "offer.accepted")); n != 3 || p.works(wire.WorkOpen) != 3 || len(p.Offers("")) != 0 {
		t.Fatalf("%d accepted, %d open, %d ring", n, p.works(wire.WorkOpen), len(p.Offers("")))
	}
	a := p.is("ana", wire.AgentBusy, "")
	if a.WorkID != "wrk_0" {
		t.Fatalf("in hand is %s", a.WorkID)
	}
	call := p.ring("050", "100")
	p.wants("ana", "") // who writes is not rung
	p.do(ReplyWork{ID: "wrk_2", Text: "there it is", Actor: "ana"})
	if a = p.is("ana", wire.AgentWrapup, ""); told[wire.Wrapup](p, "wrapup.started")[0].CallID != "wrk_2" {
		t.Fatalf("%+v", told[wire.Wrapup](p, "wrapup.started"))
	}
	if e := problem.As(p.try(ReplyWork{ID: "wrk_1", Text: "too early", Actor: "ana"})); e.Status != 409 || e.State != "wrapup" || e.Allowed[0] != "submit" {
		t.Fatalf("two wrap-ups at once: %+v", e)
	}
	p.do(Submit{Wrapup: a.WrapupID, Reason: "done", Actor: "ana"})
	if a = p.is("ana", wire.AgentBusy, ""); a.WorkID != "wrk_0" || p.works(wire.WorkOpen) != 2 {
		t.Fatalf("next is %s, %d open", a.WorkID, p.works(wire.WorkOpen))
	}
	for _, wid := range []string{"wrk_0", "wrk_1"} {
		p.do(CloseWork{ID: wid, Actor: "ana"})
		p.do(Submit{Wrapup: p.is("ana", wire.AgentWrapup, "").WrapupID, Reason: "done", Actor: "ana"})
	}
	p.wants("ana", call) // then the call, and after it what is written still waits
	if e := problem.As(p.try(AcceptAll{Agent: "ana", Actor: "ana"})); e.Status != 409 || e.Code != "no_offers" || e.State != "reserved" || len(e.Allowed) == 0 {
		t.Fatalf("a call is taken together with nothing: %+v", e)
	}
	p.wants("ana", call)
}

// Whoever may have one has one, and nothing rings beside a call.
func TestW11_OneAtATimeUnlessConfigured(t *testing.T) {
	p := juggling(t, 3)
	p.ready("bor")
	if n := len(p.Offers("bor")); n != 1 {
		t.Fatalf("%d requests ring", n)
	}
	p = juggling(t, 0)
	p.ready("ana")
	p.ring("050", "100")
	p.do(MakeWork{ID: "wrk_9", Actor: "crm", Request: wire.WorkRequest{Kind: wire.WorkEmail, Queue: "help", From: "x@example.com", Text: "hello"}})
	if n := len(p.Offers("ana")); n != 1 {
		t.Fatalf("%d things ring beside a call", n)
	}
	bad := stageConfig()
	bad.Agents[0].Written = writtenAtOnce + 1
	if bad.Validate() == nil {
		t.Fatal("any number is accepted")
	}
}

// One that is declined goes back and is not offered again beside the others; one that nobody answers makes the agent not
// ready with all that rang.
func TestWrittenRequestsThatAreNotTaken(t *testing.T) {
	p := juggling(t, 3)
	p.ready("ana")
	p.do(Decline{Offer: p.Offers("ana")[0].ID, Actor: "ana"})
	a := p.is("ana", wire.AgentReserved, "")
	if a.WorkID != "wrk_1" || p.works(wire.WorkOffered) != 2 {
		t.Fatalf("%+v, %d ring", a, p.works(wire.WorkOffered))
	}
	p.do(Decline{Offer: p.Offers("ana")[1].ID, Actor: "ana"})
	if p.is("ana", wire.AgentReserved, ""); p.works(wire.WorkOffered) != 1 {
		t.Fatalf("%d ring", p.works(wire.WorkOffered))
	}
	p.do(Decline{Offer: p.Offers("ana")[0].ID, Actor: "ana"})
	p.is("ana", wire.AgentNotReady, "declined")

	p = juggling(t, 3)
	p.ready("ana")
	p.pass(20 * time.Second)
	if p.is("ana", wire.AgentNotReady, "rona"); p.works(wire.WorkOffered) != 0 || len(p.Floor.state.Offers) != 0 {
		t.Fatalf("%d ring on", p.works(wire.WorkOffered))
	}

	p = juggling(t, 3)
	p.ready("ana")
	p.do(Accept{Offer: p.Offers("ana")[1].ID, Actor: "ana"}) // one of them; the others ring on, and run out
	if a := p.is("ana", wire.AgentBusy, ""); a.WorkID != "wrk_1" || len(p.Offers("ana")) != 2 {
		t.Fatalf("%+v", a)
	}
	p.pass(20 * time.Second)
	if p.is("ana", wire.AgentBusy, ""); p.works(wire.WorkOffered) != 0 || p.works(wire.WorkOpen) != 1 {
		t.Fatal("the request in hand is gone, or the others ring again")
	}
}

// An agent who leaves or is lost leaves nothing behind, and a restart loses nothing.
func TestWrittenRequestsOfWhoLeaves(t *testing.T) {
	p := juggling(t, 3)
	p.ready("ana")
	p.do(AcceptAll{Agent: "ana", Actor: "ana"})
	p.do(SignOut{Agent: "ana", Actor: "ana"})
	p.do(ReplyWork{ID: "wrk_0", Text: "hello", Actor: "ana"})
	p.pass(time.Minute) // the wrap-up ends by itself
	if p.is("ana", wire.AgentOffline, ""); len(p.Floor.Works("", "ana")) != 0 || len(p.Floor.Works("help", "")) != 2 {
		t.Fatalf("%+v", p.Floor.Works("", ""))
	}

	p = juggling(t, 3)
	p.ready("ana")
	p.do(Accept{Offer: p.Offers("ana")[0].ID, Actor: "ana"})
	p.do(AcceptAll{Agent: "ana", Actor: "ana"})
	p.do(Restart{})
	if p.is("ana", wire.AgentBusy, ""); p.works(wire.WorkOpen) != 3 {
		t.Fatalf("%d open after a restart", p.works(wire.WorkOpen))
	}
	p.do(SessionLost{"ses_ana"})
	p.pass(time.Hour) // nobody comes back
	if p.is("ana", wire.AgentOffline, ""); len(p.Floor.Works("", "ana")) != 0 || len(p.Floor.Works("help", "")) != 3 {
		t.Fatalf("%+v", p.Floor.Works("", ""))
	}
}
