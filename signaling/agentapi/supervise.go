package agentapi

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// superviseRoutes is what supervisors may do. Each has a grant of its own, and each is audited before it is done.
func superviseRoutes() []Route {
	sup := func(mode wire.SupervisionMode, summary string) Route {
		return Route{
			Method: post, Pattern: "/v1/calls/{call}/" + string(mode), Grant: auth.GrantSupervise + string(mode), Summary: summary,
			Request: wire.SupervisionRequest{}, Response: wire.Supervision{}, Statuses: []int{200, 404, 409, 422, 503},
			Handler: func(q *request) error { return q.supervise(mode) },
		}
	}
	return []Route{
		{
			Method: get, Pattern: "/v1/wall", Grant: auth.GrantSupervise + "wall", Summary: "Agents, queues and calls at one moment",
			Response: wire.Wall{}, Statuses: []int{200, 503}, Handler: getWall,
		},
		sup(wire.Monitor, "Listen to a call, heard by nobody"),
		sup(wire.Coach, "Listen to a call, heard by its agent only"),
		sup(wire.Barge, "Join a call, heard by everybody"),
		{
			Method: remove, Pattern: "/v1/supervisions/{supervision}", Grant: auth.GrantSupervise + "all", Own: auth.GrantSupervise + "monitor",
			Summary: "A supervisor leaves a call", Statuses: []int{204, 404, 503}, Handler: deleteSupervision,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/takeover", Grant: auth.GrantSupervise + "takeover",
			Summary: "A supervisor becomes the agent of a call, its agent wraps up",
			Request: wire.TakeoverRequest{}, Response: wire.Agent{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postTakeover,
		},
		{
			Method: post, Pattern: "/v1/calls/{call}/force-end", Grant: auth.GrantSupervise + "end", Summary: "End any call for everybody",
			Statuses: []int{204, 404, 503}, Handler: postForceEnd,
		},
		{
			Method: post, Pattern: "/v1/agents/{agent}/force-state", Grant: auth.GrantSupervise + "state",
			Summary: "Make another agent ready or not ready, now or after what is open",
			Request: wire.StateRequest{}, Response: wire.Agent{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postForceState,
		},
		{
			Method: post, Pattern: "/v1/agents/{agent}/force-wrapup", Grant: auth.GrantSupervise + "wrapup",
			Summary: "Take an agent off a call into wrap-up, or complete the agent's wrap-up",
			Request: wire.ForceWrapupRequest{}, Response: wire.Agent{}, Statuses: []int{200, 404, 409, 422, 503}, Handler: postForceWrapup,
		},
		{
			Method: post, Pattern: "/v1/agents/{agent}/force-signout", Grant: auth.GrantSupervise + "signout",
			Summary:  "Sign another agent out, now or after what is open",
			Response: wire.Agent{}, Statuses: []int{200, 404, 409, 503}, Handler: postForceSignout,
		},
	}
}

// ordered writes down what a supervisor is about to do, and tells. Nothing is done that could not be written down.
func (q *request) ordered(act wire.SupervisorAct) error {
	if a := q.s.deps.Audit; a != nil {
		_, err := a.Write(wire.AuditEntry{
			Actor: q.actor(), Token: q.claims.ID, From: q.from(), Action: act.Action, Object: act.Agent, CallID: act.CallID, Detail: act.Detail,
		})
		if err != nil {
			e := problem.New(http.StatusServiceUnavailable, "audit_unavailable", "the audit log cannot be written: nothing was done")
			e.Err, e.RetryAfter = err, 1
			return e
		}
	}
	q.s.deps.Bus.Publish("supervisor.acted", act.CallID, q.actor(), act)
	return nil
}

func getWall(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	w, err := d.Wall()
	if err != nil {
		return err
	}
	w.Agents, w.Queues, w.Calls = list(w.Agents), list(w.Queues), list(w.Calls)
	return q.reply(http.StatusOK, w)
}

func (q *request) supervise(mode wire.SupervisionMode) error {
	var in wire.SupervisionRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	if err := q.ordered(wire.SupervisorAct{Action: "supervision." + string(mode), CallID: q.path("call"), Agent: in.Agent}); err != nil {
		return err
	}
	w, err := d.Supervise(q.ctx(), q.path("call"), mode, in.Agent, q.actor())
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func deleteSupervision(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	w, err := d.Supervision(q.path("supervision"))
	if err != nil {
		return err
	}
	if w.By != q.actor() && !q.all() {
		return q.notOwn("supervision", w.ID)
	}
	if err := q.ordered(wire.SupervisorAct{Action: "supervision.leave", CallID: w.CallID, Agent: w.Agent, Detail: map[string]string{"of": w.By}}); err != nil {
		return err
	}
	if err := d.EndSupervision(q.ctx(), w.ID, q.actor()); err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

func postTakeover(q *request) error {
	var in wire.TakeoverRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	who := cmp.Or(in.Agent, q.claims.Agent)
	switch {
	case who == "":
		return invalid("/agent", "required", "say which agent takes the call over")
	case who != q.claims.Agent && q.claims.Agent != "" && !q.claims.Allows("agent:control"):
		return forbidden("agent:control", "you can take a call over for yourself only")
	}
	act := wire.SupervisorAct{Action: "call.taken_over", CallID: q.path("call"), Detail: map[string]string{"to": who}}
	if c, err := q.s.deps.Calls.Call(act.CallID); err == nil {
		if i := slices.IndexFunc(c.Legs, func(l wire.Leg) bool { return l.Role == wire.RoleAgent && l.State != wire.LegEnded }); i >= 0 {
			act.Agent = c.Legs[i].Agent
		}
	}
	if err := q.ordered(act); err != nil {
		return err
	}
	return q.replyAgent(d.TakeOver(q.ctx(), act.CallID, who, q.actor()))
}

func postForceEnd(q *request) error {
	c, err := q.s.deps.Calls.Call(q.path("call"))
	if err != nil {
		return err
	}
	if err := q.ordered(wire.SupervisorAct{Action: "call.forced_end", CallID: c.ID}); err != nil {
		return err
	}
	if d := q.s.deps.Desk; d != nil {
		if err := d.ForceEnd(q.ctx(), c.ID, q.actor()); err != nil && problem.As(err).Status != http.StatusNotFound {
			return err
		}
	}
	// The desk's own end is on its way; one that is no call of the desk's, or hangs, is ended here.
	if err := q.s.deps.Calls.EndCall(q.ctx(), c.ID, call.CauseHangup, q.actor()); err != nil && problem.As(err).Status != http.StatusNotFound {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

// forced finds the path's agent, who must be another one, and audits.
func (q *request) forced(action string, detail map[string]string) (Desk, string, error) {
	d, err := q.desk()
	if err != nil {
		return nil, "", err
	}
	a, err := d.Agent(q.path("agent"))
	if err != nil {
		return nil, "", err
	}
	return d, a.ID, q.ordered(wire.SupervisorAct{Action: action, CallID: a.CallID, Agent: a.ID, Detail: detail})
}

func postForceState(q *request) error {
	var in wire.StateRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.State == "" {
		return invalid("/state", "required", "say which state")
	}
	d, id, err := q.forced("agent.forced_state", map[string]string{"state": string(in.State), "reason": in.Reason})
	if err != nil {
		return err
	}
	return q.replyAgent(d.SetState(q.ctx(), id, in.State, in.Reason, q.actor()))
}

func postForceWrapup(q *request) error {
	var in wire.ForceWrapupRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, id, err := q.forced("agent.forced_wrapup", map[string]string{"reason": in.Reason})
	if err != nil {
		return err
	}
	return q.replyAgent(d.ForceWrapup(q.ctx(), id, in.Reason, q.actor()))
}

func postForceSignout(q *request) error {
	d, id, err := q.forced("agent.forced_signout", nil)
	if err != nil {
		return err
	}
	return q.replyAgent(d.SignOut(q.ctx(), id, q.actor()))
}

// supervises says whether a leg to bring is a supervisor's of this token, and refuses one that claims to be.
func (q *request) supervises(in wire.LegRequest) (bool, error) {
	if in.Role != wire.RoleSupervisor || in.ClientRef == "" || q.s.deps.Desk == nil {
		return false, nil
	}
	w, err := q.s.deps.Desk.Supervision(in.ClientRef)
	switch {
	case err != nil && problem.As(err).Status == http.StatusNotFound:
		return false, nil
	case err != nil:
		return false, err
	case w.CallID != in.CallID:
		return false, invalid("/client_ref", "wrong_call", "supervision %s is not of call %s", w.ID, in.CallID)
	case w.By != q.actor() && !q.all():
		return false, q.notOwn("supervision", w.ID)
	}
	return true, nil
}
