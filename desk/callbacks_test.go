package desk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

func withCallbacks(c *Config) {
	c.Queues = append(c.Queues, Queue{ID: "side", Agents: []string{"eva"}})
	c.Agents[0].Queues, c.Agents[1].Queues = []string{"main"}, []string{"main"}
	c.Agents[2].Queues = []string{"main"}
	c.Callbacks.EntryPoints = []floor.EntryPoint{{Number: "0800", Trunk: "t"}, {Number: "0801", Off: true}}
	c.Callbacks.Retry = Seconds(600)
}

// calling is a bubble with callbacks. numbers say what becomes of a dialled number.
func calling(t *testing.T, numbers map[string]string, change func(*Config), f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: &memory{}, dials: numbers, cfg: func(c *Config) {
			withCallbacks(c)
			if change != nil {
				change(c)
			}
		}}
		r.start(nil)
		defer func() {
			if err := r.halt(); err != nil {
				t.Error(err)
			}
		}()
		f(t, r)
	})
}

// inHours is a good request that begins so many hours from now.
func inHours(h int) wire.CallbackRequest {
	at := time.Now().UTC().Add(time.Duration(h) * time.Hour)
	return wire.CallbackRequest{
		Number: "041 555 555", Name: "Cene Customer", Queue: "main", Zone: "UTC",
		Date: at.Format(time.DateOnly), From: at.Format("15:04"), Till: at.Add(2 * time.Hour).Format("15:04"),
	}
}

func (r *rig) plan(req wire.CallbackRequest, agentID string) wire.Callback {
	r.t.Helper()
	c, err := r.PlanCallback(r.t.Context(), req, agentID, agentID)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) callback(cid string, want wire.CallbackState) wire.Callback {
	r.t.Helper()
	c, err := r.Callback(cid)
	if err != nil || c.State != want {
		r.t.Fatalf("callback is %s (%s), want %s, %v", c.State, c.Result, want, err)
	}
	return c
}

// take accepts the agent's offer and brings the agent's leg; it returns the call and the leg.
func (r *rig) take(agentID string) (call, leg string) {
	r.t.Helper()
	o := r.accept(agentID)
	return o.CallID, r.attach(o.CallID, agentID)
}

func (r *rig) fault(err error, status int, pointer, code string) {
	r.t.Helper()
	p := problem.As(err)
	if err == nil || p.Status != status {
		r.t.Fatalf("%v, want %d", err, status)
	}
	if pointer == "" {
		if p.Code != code {
			r.t.Fatalf("%v, want %s", err, code)
		}
		return
	}
	if !slices.ContainsFunc(p.Fields, func(f problem.Field) bool { return f.Pointer == pointer && f.Code == code }) {
		r.t.Fatalf("%+v, want %s at %s", p.Fields, code, pointer)
	}
}

func (r *rig) dialled() (out []string) {
	for _, d := range r.plane.log() {
		if n, ok := strings.CutPrefix(d, "dial "); ok {
			out = append(out, n)
		}
	}
	return out
}

func TestW101_CourtesyKeepsThePlace(t *testing.T) {
	calling(t, map[string]string{"+38641123456": "answer"}, nil, func(t *testing.T, r *rig) {
		first := r.ring("100")
		went(time.Second)
		second := r.ring("100")
		went(time.Second)
		c, err := r.TakeBack(t.Context(), first, wire.CallbackFromCall{}, "ivr")
		if err != nil || c.State != wire.CallbackWaiting || c.Kind != wire.CallbackCourtesy || c.Origin != first {
			t.Fatalf("%+v, %v", c, err)
		}
		synctest.Wait()
		if w, err := r.plane.Call(first); err != nil || w.State != wire.CallEnded {
			t.Errorf("the caller need not wait any more: %s %v", w.State, err)
		}
		r.ready("ana", "bor") // ana first
		o := r.offered("ana")
		if o.Callback == nil || o.Callback.ID != c.ID {
			t.Fatalf("the callback stood before the second caller: %+v", o)
		}
		if got := r.offered("bor"); got.CallID != second {
			t.Errorf("the second caller is next: %+v", got)
		}
	})
}

func TestU9_MessageKeepsThePlace(t *testing.T) {
	calling(t, nil, func(c *Config) { c.Callbacks.MessageDigit = "2" }, func(t *testing.T, r *rig) {
		first := r.ring("100")
		went(time.Second)
		r.ring("100")
		r.plane.bus.Publish("leg.dtmf", first, "customer", wire.Digit{CallID: first, LegID: "leg_" + first, Digit: "2"})
		synctest.Wait()
		if l := r.plane.log(); !slices.Contains(l, "beep leg_"+first) || !slices.Contains(l, "record "+first) {
			t.Fatalf("beep and recording: %v", l)
		}
		went(20 * time.Second)
		r.end("leg_"+first, "hangup")
		l := r.Callbacks(CallbackFilter{})
		if len(l) != 1 || l[0].Kind != wire.CallbackVoice || l[0].Recording != "rec_1" || l[0].State != wire.CallbackWaiting {
			t.Fatalf("%+v", l)
		}
		r.ready("ana")
		if o := r.offered("ana"); o.Callback == nil || o.Callback.ID != l[0].ID {
			t.Errorf("offered %+v", o)
		}
	})
}

func TestU8_MessageHasALimit(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		call := r.ring("100")
		if _, err := r.TakeBack(t.Context(), call, wire.CallbackFromCall{Kind: wire.CallbackVoice}, "ivr"); err != nil {
			t.Fatal(err)
		}
		went(2*time.Minute + time.Second)
		if l := r.Callbacks(CallbackFilter{}); len(l) != 1 || l[0].Recording != "rec_1" {
			t.Errorf("%+v", l)
		}
		if w, _ := r.plane.Call(call); w.State != wire.CallEnded {
			t.Errorf("the call is %s", w.State)
		}
	})
}

func TestU8_NoMessageWithoutRecorder(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		r.plane.fails("record", errors.New("no recorder"))
		call := r.ring("100")
		if _, err := r.TakeBack(t.Context(), call, wire.CallbackFromCall{Kind: wire.CallbackVoice}, "ivr"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.ready("ana")
		if o := r.offered("ana"); o.CallID != call {
			t.Errorf("the caller waits on: %+v", o)
		}
	})
}

func TestU10_AgentHearsTheMessageThenCalls(t *testing.T) {
	calling(t, map[string]string{"+38641123456": "answer"}, nil, func(t *testing.T, r *rig) {
		call := r.ring("100")
		if _, err := r.TakeBack(t.Context(), call, wire.CallbackFromCall{Kind: wire.CallbackVoice}, "ivr"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.end("leg_"+call, "hangup")
		r.ready("ana")
		cid := r.offered("ana").Callback.ID
		r.take("ana")
		c := r.callback(cid, wire.CallbackPreview)
		if c.Recording == "" || len(r.dialled()) != 0 {
			t.Fatalf("dialled %v before the agent said so; recording %q", r.dialled(), c.Recording)
		}
		if _, err := r.DialCallback(t.Context(), cid, "", "ana", "ana"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.callback(cid, wire.CallbackTalking)
	})
}

func TestW104_W107_U11_AgentFreeCustomerCalledConnectedAndDone(t *testing.T) {
	calling(t, map[string]string{"041555555": "answer"}, nil, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		r.callback(c.ID, wire.CallbackWaiting)
		r.ready("ana")
		call, leg := r.take("ana")
		r.callback(c.ID, wire.CallbackTalking)
		r.is("ana", wire.AgentBusy, "")
		if l := r.plane.log(); !slices.Contains(l, "record "+call) {
			t.Errorf("not recorded: %v", l)
		}
		r.end(leg, "hangup")
		r.callback(c.ID, wire.CallbackReached)
		r.is("ana", wire.AgentWrapup, "")
		if done, err := r.CompleteCallback(t.Context(), c.ID, "", "ana", "ana"); err != nil || done.State != wire.CallbackCompleted {
			t.Fatalf("%+v %v", done, err)
		}
	})
}

func TestW18_W105_OfferShowsTheCallback(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		r.ready("ana")
		o := r.offered("ana")
		if o.Callback == nil || o.From != "041 555 555" || o.To != "0800" || o.Queue != "main" || o.FromName != "Cene Customer" || o.Queued.IsZero() {
			t.Errorf("%+v", o)
		}
	})
}

func TestW106_W108_CancelBeforeTheAnswer(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		r.ready("ana")
		call, _ := r.take("ana")
		if got := r.callback(c.ID, wire.CallbackDialing); !slices.Contains(got.Allowed, "cancel") {
			t.Fatalf("no button: %+v", got)
		}
		if _, err := r.CancelCallback(t.Context(), c.ID, "ana", "ana"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.callback(c.ID, wire.CallbackCancelled)
		if a := r.is("ana", wire.AgentWrapup, ""); a.WrapupID == "" {
			t.Error("no wrap-up")
		}
		if w, _ := r.plane.Call(call); w.State != wire.CallEnded {
			t.Errorf("call is %s", w.State)
		}
	})
}

// Where the administrator has not enabled End Call for callbacks there is no such button: the agent waits for the
// answer, and a supervisor may still end it.
func TestW106_NoCancelWhereItIsNotConfigured(t *testing.T) {
	calling(t, nil, func(c *Config) { c.Callbacks.NoEndCall = true }, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		r.ready("ana")
		call, _ := r.take("ana")
		if got := r.callback(c.ID, wire.CallbackDialing); slices.Contains(got.Allowed, "cancel") {
			t.Errorf("%+v", got)
		}
		_, err := r.CancelCallback(t.Context(), c.ID, "ana", "ana")
		r.fault(err, 409, "", "callback_wrong_state")
		if w, _ := r.plane.Call(call); w.State == wire.CallEnded {
			t.Error("the call ended")
		}
		if _, err := r.CancelCallback(t.Context(), c.ID, "", "sup"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.callback(c.ID, wire.CallbackCancelled)
	})
}

func TestW109_NoAnswerGoesBack(t *testing.T) {
	calling(t, map[string]string{"041555555": "no_answer"}, nil, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		r.ready("ana")
		for attempt := 1; attempt <= 3; attempt++ {
			r.take("ana")
			now := wire.CallbackPlanned
			if attempt == 3 {
				now = wire.CallbackFailed
			}
			if got := r.callback(c.ID, now); got.Attempts != attempt || got.Result != "no_answer" {
				t.Fatalf("%+v", got)
			}
			went(31 * time.Second) // the wrap-up
			r.is("ana", wire.AgentReady, "")
			went(10*time.Minute - 30*time.Second)
		}
		if n := len(r.dialled()); n != 3 {
			t.Errorf("dialled %d times, want 3", n)
		}
	})
}

func TestU12_U13_G12_AgentSetsAnotherDate(t *testing.T) {
	calling(t, map[string]string{"041555555": "busy"}, nil, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		r.ready("ana")
		r.take("ana")
		got, err := r.RescheduleCallback(t.Context(), c.ID, wire.CallbackRequest{Date: inHours(3).Date, From: inHours(3).From, Till: inHours(3).Till}, "ana", "ana")
		if err != nil || got.State != wire.CallbackPlanned || got.Attempts != 0 || got.Number != "041 555 555" {
			t.Fatalf("%+v %v", got, err)
		}
		went(2 * time.Hour)
		r.callback(c.ID, wire.CallbackPlanned)
		went(time.Hour)
		if got := r.callback(c.ID, wire.CallbackOffered); got.Queue != "main" {
			t.Errorf("%+v", got)
		}
	})
}

func TestU14_OnlyAgentsWithTheFunction(t *testing.T) {
	calling(t, nil, func(c *Config) { c.Agents[0].NoCallbacks = []string{"main"} }, func(t *testing.T, r *rig) {
		r.plan(inHours(1), "bor")
		r.ready("ana", "bor")
		went(time.Hour + time.Second)
		if n := len(r.Offers("ana")); n != 0 {
			t.Errorf("ana has %d offers", n)
		}
		r.offered("bor")
	})
}

func TestU15_U16_PreferredAgentFirst(t *testing.T) {
	for _, c := range []struct {
		ready []string
		want  string
	}{{[]string{"ana", "bor"}, "bor"}, {[]string{"ana"}, "ana"}} {
		calling(t, nil, nil, func(t *testing.T, r *rig) {
			req := inHours(1)
			req.Preferred = "bor"
			r.plan(req, "")
			r.ready(c.ready...)
			went(time.Hour + time.Second)
			r.offered(c.want)
		})
	}
}

func TestConflict4_PersonalWithFallback(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		req := inHours(1)
		req.Assignee, req.FallbackSeconds = "bor", 300
		c := r.plan(req, "ana")
		r.ready("ana")
		went(time.Hour + 4*time.Minute)
		r.callback(c.ID, wire.CallbackWaiting)
		went(time.Minute + time.Second)
		if o := r.offered("ana"); o.Callback.Assignee != "" || o.Callback.Preferred != "bor" {
			t.Errorf("%+v", o.Callback)
		}
	})
	calling(t, nil, func(c *Config) { c.Callbacks.Assign = "personal" }, func(t *testing.T, r *rig) {
		if c := r.plan(inHours(1), "ana"); c.Assignee != "ana" {
			t.Errorf("forced personal: %+v", c)
		}
	})
	calling(t, nil, func(c *Config) { c.Callbacks.Assign = "queue" }, func(t *testing.T, r *rig) {
		req := inHours(1)
		req.Assignee = "bor"
		if c := r.plan(req, "ana"); c.Assignee != "" {
			t.Errorf("forced queue: %+v", c)
		}
	})
}

func TestW110_X13_LimitIs429(t *testing.T) {
	calling(t, nil, func(c *Config) { c.Callbacks.MaxDialing = 1 }, func(t *testing.T, r *rig) {
		r.plan(inHours(1), "ana")
		r.plan(inHours(1), "ana")
		r.ready("ana", "bor")
		went(time.Hour + time.Second)
		if n := len(r.Offers("")); n != 1 {
			t.Errorf("%d offers under a limit of 1", n)
		}
		r.fault(r.DialLimit(), 429, "", "call_limit")
		if p := problem.As(r.DialLimit()); p.Limit != 1 || p.Use != 1 || p.RetryAfter == 0 {
			t.Errorf("%+v", p)
		}
	})
}

func TestW111_W126_ScheduledAndCalledAtThatTime(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		c := r.plan(inHours(5), "ana")
		r.ready("ana")
		went(5*time.Hour - 2*time.Minute)
		r.callback(c.ID, wire.CallbackPlanned)
		went(2 * time.Minute)
		r.callback(c.ID, wire.CallbackOffered)
		if n := len(r.events("callback.scheduled")); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

func TestW112_X15_G12_G16_FromEveryKindOfCall(t *testing.T) {
	from := func(t *testing.T, r *rig, call string) {
		t.Helper()
		req := inHours(1)
		req.CallID = call
		c := r.plan(req, "ana")
		if c.Origin != call || call == "" {
			t.Errorf("%+v", c)
		}
		went(time.Hour + time.Second)
		if now, err := r.Callback(c.ID); err != nil || now.State != wire.CallbackWaiting && now.State != wire.CallbackOffered {
			t.Errorf("at its time: %+v %v", now, err)
		}
	}
	t.Run("inbound", func(t *testing.T) {
		calling(t, nil, nil, func(t *testing.T, r *rig) {
			r.ready("ana")
			call, _ := r.talk("ana")
			from(t, r, call)
		})
	})
	t.Run("a conference", func(t *testing.T) {
		calling(t, nil, nil, func(t *testing.T, r *rig) {
			r.ready("ana", "bor")
			call, _ := r.talk("ana")
			r.ok(r.Confer(t.Context(), call, "ana", wire.TargetRequest{Kind: wire.TargetAgent, Target: "bor"}, "ana"))
			r.answers(call, "bor")
			from(t, r, call)
		})
	})
	t.Run("a placed call", func(t *testing.T) {
		calling(t, nil, nil, func(t *testing.T, r *rig) {
			r.ready("ana")
			if err := r.PlaceCall(t.Context(), "ana", wire.Call{ID: "call_out", To: "+38640"}, "ana"); err != nil {
				t.Fatal(err)
			}
			c := wire.Call{
				ID: "call_out", Direction: wire.Outbound, To: "+38640", State: wire.CallNew,
				Legs: []wire.Leg{{ID: "leg_out", CallID: "call_out", Role: wire.RoleCustomer}},
			}
			r.plane.calls[c.ID] = &c
			r.plane.bus.Publish("call.created", c.ID, "ana", wire.Call{ID: c.ID, Direction: c.Direction, To: c.To, State: c.State})
			r.plane.bus.Publish("leg.answered", c.ID, "customer", wire.Leg{ID: "leg_out", CallID: c.ID, Role: wire.RoleCustomer})
			synctest.Wait()
			r.attach(c.ID, "ana")
			r.is("ana", wire.AgentBusy, "")
			from(t, r, c.ID)
		})
	})
	for _, kind := range []wire.WorkKind{wire.WorkEmail, wire.WorkChat, wire.WorkSocial} {
		t.Run(string(kind), func(t *testing.T) {
			calling(t, nil, nil, func(t *testing.T, r *rig) {
				w := letter1()
				w.Kind = kind
				id := r.writes(w).ID
				r.ready("ana")
				r.accept("ana")
				from(t, r, id)
				if a := r.is("ana", wire.AgentBusy, ""); a.WorkID != id { // the request is as it was
					t.Errorf("%+v", a)
				}
				if got, err := r.ReplyWork(t.Context(), id, "We will call you.", "ana"); err != nil || got.State != wire.WorkClosed {
					t.Errorf("%+v %v", got, err)
				}
			})
		})
	}
	t.Run("another callback", func(t *testing.T) {
		calling(t, map[string]string{"041555555": "answer"}, nil, func(t *testing.T, r *rig) {
			c := r.plan(inHours(1), "ana")
			went(time.Hour + time.Second)
			r.ready("ana")
			call, _ := r.take("ana")
			r.callback(c.ID, wire.CallbackTalking)
			from(t, r, call)
		})
	})
	t.Run("a campaign's", func(t *testing.T) {
		working(t, wire.ModePreview, people(1), nil, map[string]string{"041000001": "answer"}, func(t *testing.T, r *rig, cid string) {
			r.campaignStart(cid)
			r.ready("ana")
			rec := r.next(cid, "ana")
			r.do(floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "ana", Actor: "ana"})
			from(t, r, r.record(cid, 1).CallID)
		})
	})
	t.Run("after it", func(t *testing.T) {
		calling(t, nil, nil, func(t *testing.T, r *rig) {
			r.ready("ana")
			call, leg := r.talk("ana")
			r.end(leg, "hangup")
			from(t, r, call)
		})
	})
}

func TestW113_W114_EntryPoints(t *testing.T) {
	calling(t, nil, func(c *Config) { c.Callbacks.EntryPoints = nil }, func(t *testing.T, r *rig) {
		_, err := r.PlanCallback(t.Context(), inHours(1), "ana", "ana")
		r.fault(err, 422, "", "no_entry_point")
		if l := r.EntryPoints(); l.Planning {
			t.Errorf("%+v", l)
		}
	})
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		if l := r.EntryPoints(); len(l.Items) != 1 || l.Items[0].Number != "0800" || !l.Planning {
			t.Errorf("active: %+v", l)
		}
		req := inHours(1)
		req.EntryPoint = "0801"
		_, err := r.PlanCallback(t.Context(), req, "ana", "ana")
		r.fault(err, 422, "/entry_point", "not_active")
	})
}

func TestW124_QueueWithAccess(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		for q, code := range map[string]string{"side": "no_access", "nowhere": "unknown", "": "required"} {
			req := inHours(1)
			req.Queue = q
			_, err := r.PlanCallback(t.Context(), req, "ana", "ana")
			r.fault(err, 422, "/queue", code)
		}
	})
}

func TestW127_ListOfACustomer(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		a := r.plan(inHours(2), "ana")
		b := r.plan(inHours(1), "ana")
		other := inHours(1)
		other.Number = "041 777 777"
		r.plan(other, "ana")
		l := r.Callbacks(CallbackFilter{Number: "041-555-555"})
		if len(l) != 2 || l[0].ID != b.ID || l[1].ID != a.ID {
			t.Fatalf("%+v", l)
		}
		req := inHours(4)
		if c, err := r.ChangeCallback(t.Context(), a.ID, req, a.Version, "ana", "ana"); err != nil || c.Version == a.Version {
			t.Errorf("%+v %v", c, err)
		}
		_, err := r.ChangeCallback(t.Context(), a.ID, req, a.Version, "ana", "ana")
		r.fault(err, 412, "", "version_mismatch")
		if c, err := r.CancelCallback(t.Context(), b.ID, "ana", "ana"); err != nil || c.State != wire.CallbackCancelled {
			t.Errorf("%+v %v", c, err)
		}
	})
}

func TestW128_X14_DueCanBeCancelledOrReassignedUntilOffered(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		a, b := r.plan(inHours(1), "ana"), r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		_, err := r.ChangeCallback(t.Context(), a.ID, inHours(3), 0, "ana", "ana")
		r.fault(err, 409, "", "callback_wrong_state")
		if c, err := r.AssignCallback(t.Context(), a.ID, "bor", 0, "", "sup"); err != nil || c.Assignee != "bor" {
			t.Fatalf("%+v %v", c, err)
		}
		if _, err := r.CancelCallback(t.Context(), b.ID, "ana", "ana"); err != nil {
			t.Fatal(err)
		}
		r.ready("bor")
		r.callback(a.ID, wire.CallbackOffered)
		_, err = r.CancelCallback(t.Context(), a.ID, "", "sup")
		r.fault(err, 409, "", "callback_wrong_state")
		_, err = r.AssignCallback(t.Context(), a.ID, "ana", 0, "", "sup")
		r.fault(err, 409, "", "callback_wrong_state")
	})
}

func TestG13_G14_Slots(t *testing.T) {
	calling(t, nil, func(c *Config) {
		c.Callbacks.SlotCapacity = 1
		c.Callbacks.Hours = hours.Config{Zone: "UTC", Week: []hours.Span{{From: "08:00", Till: "16:00"}}}
	}, func(t *testing.T, r *rig) { // the bubble's clock begins on a Saturday at midnight
		req := inHours(9)
		req.Till = "10:00"
		r.plan(req, "ana")
		l, err := r.Slots("main", req.Date, "UTC")
		if err != nil || len(l) != 16 || l[2].Available || l[2].Why != "full" || !l[3].Available {
			t.Fatalf("%+v %v", l, err)
		}
		_, err = r.PlanCallback(t.Context(), req, "ana", "ana")
		r.fault(err, 422, "/from", "slot_full")
		req.From, req.Till = "07:30", "08:30"
		_, err = r.PlanCallback(t.Context(), req, "ana", "ana")
		r.fault(err, 422, "/from", "closed")
		went(9 * time.Hour)
		if l, _ = r.Slots("main", req.Date, "UTC"); l[0].Available || l[0].Why != "past" {
			t.Errorf("%+v", l[0])
		}
	})
}

func TestW103_AskedOutsideOpeningHours(t *testing.T) {
	calling(t, nil, func(c *Config) {
		c.Callbacks.Hours = hours.Config{Zone: "UTC", Week: []hours.Span{{From: "08:00", Till: "16:00"}}}
	}, func(t *testing.T, r *rig) {
		got, err := r.AskCallback(t.Context(), wire.CallbackAsk{Number: "041555555", Name: "Ana Web", Queue: "main"}, true)
		if err != nil || got.State != wire.CallbackPlanned {
			t.Fatalf("%+v %v", got, err)
		}
		r.ready("ana")
		went(8*time.Hour - time.Minute)
		r.callback(got.ID, wire.CallbackPlanned)
		went(time.Minute)
		r.callback(got.ID, wire.CallbackOffered)
	})
}

type texts struct{ codes []string }

func (m *texts) SendCode(_ context.Context, _, _, code string, _ time.Time) error {
	m.codes = append(m.codes, code)
	return nil
}

func TestW100_W102_WebRequestWithCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &texts{}
		r := &rig{t: t, store: &memory{}, cfg: withCallbacks, messenger: m}
		r.start(nil)
		defer func() { _ = r.halt() }()
		ask := wire.CallbackAsk{Number: "041555555", Name: "Ana Web", Queue: "main"}
		got, err := r.AskCallback(t.Context(), ask, false)
		if err != nil || got.State != wire.CallbackRequested || got.Expires == nil || len(m.codes) != 1 {
			t.Fatalf("%+v %v %v", got, err, m.codes)
		}
		for _, e := range r.events("callback.requested") {
			if strings.Contains(string(marshal(t, e)), m.codes[0]) {
				t.Error("the code is in an event")
			}
		}
		_, err = r.ConfirmCallback(t.Context(), got.ID, "wrong")
		r.fault(err, 422, "/code", "wrong")
		if ok, err := r.ConfirmCallback(t.Context(), got.ID, m.codes[0]); err != nil || ok.State != wire.CallbackWaiting {
			t.Fatalf("%+v %v", ok, err)
		}
		// Five wrong codes end it, and so does time.
		got, _ = r.AskCallback(t.Context(), ask, false)
		for range 5 {
			_, err = r.ConfirmCallback(t.Context(), got.ID, "wrong")
			r.fault(err, 422, "/code", "wrong")
		}
		_, err = r.ConfirmCallback(t.Context(), got.ID, m.codes[1])
		r.fault(err, 409, "", "callback_wrong_state")
		got, _ = r.AskCallback(t.Context(), ask, false)
		went(10*time.Minute + time.Second)
		_, err = r.ConfirmCallback(t.Context(), got.ID, m.codes[2])
		r.fault(err, 409, "", "callback_wrong_state")
	})
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		_, err := r.AskCallback(t.Context(), wire.CallbackAsk{Number: "041555555", Name: "Ana Web", Queue: "main"}, false)
		r.fault(err, 503, "", "web_callbacks_off")
	})
}

func TestG22_DueIsTold(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		req := inHours(1)
		req.Assignee = "ana"
		c := r.plan(req, "ana")
		went(time.Hour + time.Second)
		e := r.events("callback.due")
		if len(e) != 1 || e[0].Data.(wire.Callback).ID != c.ID || e[0].Data.(wire.Callback).Assignee != "ana" {
			t.Errorf("%+v", e)
		}
	})
}

// A callback that rang when the process died is found, settled, and not dialled again before the customer's
// phone has stopped ringing.
func TestRestart_CallbackIsNotDialledTwice(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		went(time.Hour + time.Second)
		r.ready("ana")
		r.take("ana")
		r.callback(c.ID, wire.CallbackDialing)
		if n := len(r.dialled()); n != 1 {
			t.Fatalf("dialled %d times", n)
		}
		r.kill()
		r.start(nil)
		got := r.callback(c.ID, wire.CallbackPlanned)
		if got.Attempts != 0 || got.Next.Before(time.Now().Add(29*time.Second)) {
			t.Errorf("%+v", got)
		}
		if n := len(r.dialled()); n != 0 {
			t.Errorf("dialled %d times after the restart", n)
		}
		// Deadlines that passed meanwhile fire at once.
		r.kill()
		time.Sleep(time.Hour)
		r.start(nil)
		r.callback(c.ID, wire.CallbackWaiting)
	})
}

func TestWindowOver(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		went(4 * time.Hour)
		if got := r.callback(c.ID, wire.CallbackFailed); got.Result != "window_over" {
			t.Errorf("%+v", got)
		}
		if n := len(r.events("desk.alarm")); n == 0 {
			t.Error("no alarm for a callback nobody made")
		}
		if _, err := r.RescheduleCallback(t.Context(), c.ID, inHours(1), "ana", "ana"); err != nil {
			t.Errorf("a failed one can be set anew: %v", err)
		}
	})
}

func TestNoCallCanBeOpened(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		c := r.plan(inHours(1), "ana")
		r.plane.fails("open", problem.New(503, "call_limit", "full"))
		r.ready("ana")
		went(time.Hour + 5*time.Second)
		r.callback(c.ID, wire.CallbackPlanned)
		r.is("ana", wire.AgentReady, "")
		r.plane.fails("open", nil)
		went(11 * time.Second)
		r.callback(c.ID, wire.CallbackOffered)
	})
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fails makes a command fail from now on, or with nil no more.
func (p *plane) fails(op string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail[op] = err
}
