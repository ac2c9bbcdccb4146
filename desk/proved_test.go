package desk

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// An agent is told that a contact is on its way (reserved) before the request itself comes.
func TestW6_ConnectingNoticeBeforeTheRequest(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		r.ring("100")
		o := r.offered("ana")
		all, err := r.plane.bus.After(t.Context(), 0, nil, 4096)
		if err != nil {
			t.Fatal(err)
		}
		notice := slices.IndexFunc(all, func(e wire.Event) bool {
			a, ok := e.Data.(wire.Agent)
			return ok && a.ID == "ana" && a.State == wire.AgentReserved && a.OfferID == o.ID
		})
		request := slices.IndexFunc(all, func(e wire.Event) bool { return e.Type == "offer.created" })
		if notice < 0 || request < 0 || notice > request {
			t.Fatalf("the notice is event %d, the request %d", notice, request)
		}
	})
}

// What a telephone does by itself (hold, hang up) during a consult or conference changes nothing of what the desk
// has arranged, or shows as what it is; consult, conference and transfer are begun through the API alone.
func TestW36_W54_W73_X4_NoTelephoneBreaksTheState(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor", "eva")
		call, _ := r.talk("ana")
		customer := "leg_" + call
		r.ok(r.StartConsult(t.Context(), call, "ana", wire.ConsultRequest{Kind: wire.TargetAgent, Target: "bor"}, "ana"))
		bor := r.answers(call, "bor")
		r.seat(customer, "main held")
		// The telephone takes the customer off hold by itself.
		if err := r.plane.leg(customer, "leg.resumed", "telephone", func(l *wire.Leg) { l.Hold.Local = false }); err != nil {
			t.Fatal(err)
		}
		went(0)
		r.seat(customer, "main held")
		if h := r.handled(call); h.State != "consulting" || h.Consult == nil {
			t.Fatalf("%+v", h)
		}
		r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{}, "ana"))
		if err := r.plane.leg(customer, "leg.held", "telephone", func(l *wire.Leg) { l.Hold.Local = true }); err != nil {
			t.Fatal(err)
		}
		went(0)
		r.seat(customer, "main")
		r.end(bor, "hangup") // the telephone of one who helps: the call goes on
		if h := r.handled(call); h.State != "connected" || h.Primary != "ana" {
			t.Fatalf("%+v", h)
		}
		r.ok(r.TransferCall(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetAgent, Target: "eva"}, "ana"))
		if o := r.offered("eva"); o.CallID != call {
			t.Fatalf("%+v", o)
		}
		r.is("ana", wire.AgentWrapup, "")
	})
}

// Each look at the targets is at the moment's state, for consult and transfer alike.
func TestW38_W75_TargetsAreReadAfresh(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		free := func() bool {
			l := r.Targets("bor", 10)
			if len(l) != 1 {
				t.Fatalf("%+v", l)
			}
			return l[0].Free
		}
		before := free()
		r.ready("bor")
		ready := free()
		r.talk("bor")
		if busy := free(); before || !ready || busy {
			t.Fatalf("free before %v, ready %v, in a call %v", before, ready, busy)
		}
	})
}

// Everybody in a conference is shown to all of them; who is no agent has no controls.
func TestW63_W64_WhoIsInTheConference(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana", "bor")
		call, _ := r.talk("ana")
		r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetAgent, Target: "bor"}, "ana"))
		r.answers(call, "bor")
		r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetNumber, Target: "+38640123456"}, "ana"))
		r.numberAnswers(call)
		h := r.handled(call)
		var who []string
		for _, p := range h.Participants {
			who = append(who, string(p.Role)+" "+p.Agent+p.Number)
		}
		want := []string{"customer +38641123456", "primary ana", "conference bor", "conference +38640123456"}
		if !slices.Equal(who, want) {
			t.Errorf("%q, want %q", who, want)
		}
		if got := slices.Sorted(maps.Keys(h.Controls)); !slices.Equal(got, []string{"ana", "bor"}) {
			t.Errorf("controls of %v", got)
		}
	})
}

// A call is recorded from its first conversation on, unless its queue says otherwise.
func TestW80_RecordedByItself(t *testing.T) {
	for name, off := range map[string]bool{"on": false, "off": true} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			cfg.Queues[0].NoRecording = off
			configured(t, cfg, func(t *testing.T, r *rig) {
				r.ready("ana")
				waiting := r.ring("100")
				if slices.Contains(r.plane.log(), "record "+waiting) {
					t.Error("recorded while it waits")
				}
				r.accept("ana")
				r.attach(waiting, "ana")
				if got := slices.Contains(r.plane.log(), "record "+waiting); got == off {
					t.Errorf("recorded %v", got)
				}
			})
		})
	}
}

// The next call comes when the wrap-up ends, whatever a telephone does or does not do.
func TestW99_X16_NextCallWhenWrapupEnds(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		_, leg := r.talk("ana")
		next := r.ring("100")
		r.end(leg, "hangup")
		if len(r.Offers("ana")) != 0 {
			t.Fatal("offered in wrap-up")
		}
		went(30 * time.Second)
		if o := r.offered("ana"); o.CallID != next {
			t.Fatalf("%+v", o)
		}
	})
}

// Whoever ends the call, agent or customer, the agent is asked for a reason.
func TestR2_R5_EitherEndAsksForAReason(t *testing.T) {
	for name, end := range map[string]func(r *rig, call string){
		"agent":    func(r *rig, call string) { r.ok(r.EndCall(r.t.Context(), call, "ana", "ana")) },
		"customer": func(r *rig, call string) { r.end("leg_"+call, "hangup") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.ready("ana")
				call, _ := r.talk("ana")
				end(r, call)
				a := r.is("ana", wire.AgentWrapup, "")
				w, err := r.Wrapup(a.WrapupID)
				if err != nil || w.CallID != call || !slices.Contains(w.Allowed, "submit") {
					t.Fatalf("%+v, %v", w, err)
				}
				if _, err := r.SubmitWrapup(t.Context(), w.ID, "", "ana"); problem.As(err).Status != 422 {
					t.Fatalf("without a reason: %v", err)
				}
			})
		})
	}
}

// The wrap-up ends at the server's time to the second, whatever becomes of the browser meanwhile.
func TestR15_R16_R17_R18_R20_NothingStretchesTheWrapup(t *testing.T) {
	for name, fault := range map[string]func(r *rig, session string){
		"R16_closed_browser": func(r *rig, s string) { r.SessionLost(s) },
		"R17_refresh_near_the_end": func(r *rig, s string) {
			went(29 * time.Second)
			r.SessionLost(s)
			went(500 * time.Millisecond)
			r.ok(nil, r.SessionUp(r.t.Context(), s))
		},
		"R18_network_lost_and_back": func(r *rig, s string) {
			r.SessionLost(s)
			went(10 * time.Second)
			r.ok(nil, r.SessionUp(r.t.Context(), s))
			went(5 * time.Second)
			r.SessionLost(s)
		},
		"R20_agent_does_nothing": func(*rig, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				session := r.ready("ana")[0]
				_, leg := r.talk("ana")
				r.end(leg, "hangup")
				began := time.Now()
				w, err := r.Wrapup(r.is("ana", wire.AgentWrapup, "").WrapupID)
				if err != nil {
					t.Fatal(err)
				}
				fault(r, session)
				went(time.Until(began.Add(30*time.Second - time.Millisecond)))
				if w, _ := r.Wrapup(w.ID); w.By != "" {
					t.Fatalf("ended early: %+v", w)
				}
				went(time.Second)
				if w, _ := r.Wrapup(w.ID); w.By != "deadline" {
					t.Fatalf("a second after its time: %+v", w)
				}
			})
		})
	}
}

// Extending a wrap-up and callbacks are actions of a profile.
func TestU1_ExtensionAndCallbacksArePermissions(t *testing.T) {
	cfg := testConfig()
	cfg.Profiles = append(cfg.Profiles, floor.Profile{ID: "novice", Actions: []floor.Action{floor.ActAnswer}},
		floor.Profile{ID: "agent", Actions: []floor.Action{floor.ActAnswer, floor.ActExtend, floor.ActCallback}})
	cfg.Agents[0].Profile, cfg.Agents[1].Profile = "novice", "agent"
	configured(t, cfg, func(t *testing.T, r *rig) {
		for _, action := range []floor.Action{floor.ActExtend, floor.ActCallback} {
			if err := r.Allowed("ana", string(action)); problem.As(err).Status != 403 {
				t.Errorf("%s for a novice: %v", action, err)
			}
			if err := r.Allowed("bor", string(action)); err != nil {
				t.Errorf("%s: %v", action, err)
			}
		}
	})
}

// A call that an agent has given away is not offered to that agent again, however long it waits.
func TestTransferredCallAvoidsWhoGaveIt(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.ready("ana")
		call, _ := r.talk("ana")
		r.ok(r.TransferCall(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetQueue, Target: "main"}, "ana"))
		went(31 * time.Second) // the wrap-up is over
		r.is("ana", wire.AgentReady, "")
		if o := r.Offers("ana"); len(o) != 0 {
			t.Fatalf("comes back to who gave it: %+v", o)
		}
		r.ready("bor")
		if o := r.offered("bor"); o.CallID != call {
			t.Fatalf("%+v", o)
		}
	})
}

// A customer who calls back is matched to the open record of a stage that names the campaign, as long as it is open.
func TestS3_CampaignsOpenAndCloseTheMatch(t *testing.T) {
	working(t, wire.ModePreview, people(3), nil, nil, func(t *testing.T, r *rig, cid string) {
		cfg := r.floor.Config()
		cfg.Stages = append(cfg.Stages, floor.Stage{ID: "out", Kind: floor.StageOutbound, Campaign: "Spring", Agents: []string{"ana"}})
		if _, err := r.SaveConfig(t.Context(), cfg, r.ConfigVersion(), "", "adm"); err != nil {
			t.Fatal(err)
		}
		r.campaignStart(cid)
		match := func() (stage string, ok bool) {
			_ = r.read(func() { stage, ok = r.floor.Match("041 000 001") })
			return stage, ok
		}
		if s, ok := match(); ok {
			t.Fatalf("matched to %s before the record was taken up", s)
		}
		r.ready("ana")
		rec := r.next(cid, "ana")
		if s, ok := match(); !ok || s != "out" {
			t.Fatalf("an open record matches %q", s)
		}
		r.do(floor.ChangeRecord{ID: rec.ID, Do: "cancel", Agent: "ana", Actor: "ana"})
		if s, ok := match(); ok {
			t.Fatalf("a closed record matches %q", s)
		}
	})
}
