package agentapi

import (
	"context"
	"net/http"

	"github.com/cordboard/cordboard/signaling/wire"
)

// handled finds the desk and the path's call, which must be the token's business to change, and for whom:
// the token's agent, or nobody in particular for a token that may control every call.
func (q *request) handled() (Desk, string, string, error) {
	d, err := q.desk()
	if err != nil {
		return nil, "", "", err
	}
	c, err := q.callFor(q.maySteer)
	if err != nil {
		return nil, "", "", err
	}
	who := ""
	if !q.all() || speaks(c, q.claims.Agent) {
		who = q.claims.Agent
	}
	return d, c.ID, who, nil
}

// replyHandling runs what is to be done with the path's call and answers with the call as it is handled then.
func (q *request) replyHandling(f func(d Desk, call, agent string) (wire.Handling, error)) error {
	d, id, who, err := q.handled()
	if err != nil {
		return err
	}
	h, err := f(d, id, who)
	if err != nil {
		return err
	}
	h.Participants = list(h.Participants)
	return q.reply(http.StatusOK, h)
}

func getHandling(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	c, err := q.callFor(q.mayRead)
	if err != nil {
		return err
	}
	h, err := d.Handling(c.ID)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, h)
}

func postCallHold(q *request) error { return q.holdCall(true) }

func postCallResume(q *request) error { return q.holdCall(false) }

func (q *request) holdCall(on bool) error {
	return q.replyHandling(func(d Desk, call, agent string) (wire.Handling, error) {
		return d.HoldCall(q.ctx(), call, agent, on, q.actor())
	})
}

func postConsult(q *request) error {
	var in wire.ConsultRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	return q.replyHandling(func(d Desk, call, agent string) (wire.Handling, error) {
		return d.StartConsult(q.ctx(), call, agent, in, q.actor())
	})
}

func postConsultEnd(q *request) error {
	return q.replyHandling(func(d Desk, call, agent string) (wire.Handling, error) {
		return d.EndConsult(q.ctx(), call, agent, q.actor())
	})
}

func postConsultSwap(q *request) error {
	return q.replyHandling(func(d Desk, call, agent string) (wire.Handling, error) {
		return d.SwapConsult(q.ctx(), call, agent, q.actor())
	})
}

func postExit(q *request) error {
	return q.replyHandling(func(d Desk, call, agent string) (wire.Handling, error) {
		return d.ExitConference(q.ctx(), call, agent, q.actor())
	})
}

// withTarget is an action whose body names a target, or nobody.
func (q *request) withTarget(f func(d Desk) func(context.Context, string, string, wire.TargetRequest, string) (wire.Handling, error)) error {
	var in wire.TargetRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	return q.replyHandling(func(d Desk, call, agent string) (wire.Handling, error) {
		return f(d)(q.ctx(), call, agent, in, q.actor())
	})
}

func postConference(q *request) error {
	return q.withTarget(func(d Desk) func(context.Context, string, string, wire.TargetRequest, string) (wire.Handling, error) {
		return d.Confer
	})
}

func postTransfer(q *request) error {
	return q.withTarget(func(d Desk) func(context.Context, string, string, wire.TargetRequest, string) (wire.Handling, error) {
		return d.TransferCall
	})
}

func postDrop(q *request) error {
	var in wire.DropRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.LegID == "" {
		return invalid("/leg_id", "required", "say whose leg")
	}
	return q.replyHandling(func(d Desk, call, agent string) (wire.Handling, error) {
		return d.DropParty(q.ctx(), call, agent, in.LegID, q.actor())
	})
}

func getTargets(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	n, err := q.limit()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.TargetList{Items: list(d.Targets(q.r.URL.Query().Get("text"), n))})
}

func getVariables(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	c, err := q.callFor(q.mayRead)
	if err != nil {
		return err
	}
	l, err := d.Variables(c.ID)
	if err != nil {
		return err
	}
	l.Items = list(l.Items)
	return q.reply(http.StatusOK, l)
}

func getVariable(q *request) error {
	d, id, _, err := q.handled()
	if err != nil {
		return err
	}
	v, err := d.Variable(id, q.path("name"))
	if err != nil {
		return err
	}
	q.header("Cache-Control", "no-store")
	return q.reply(http.StatusOK, v)
}

func putVariable(q *request) error {
	var in wire.VariableRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, id, _, err := q.handled()
	if err != nil {
		return err
	}
	v, err := d.SetVariable(q.ctx(), id, q.path("name"), in, q.actor())
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, v)
}

func postCancelWrapup(q *request) error {
	d, w, err := q.wrapup()
	if err == nil {
		w, err = d.CancelWrapup(q.ctx(), w.ID, q.actor())
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

// mayUse refuses an agent what the control matrix does not allow with a call of the desk's. Tokens that may
// control every call are not asked.
func (q *request) mayUse(callID, control string) error {
	if q.all() || q.s.deps.Desk == nil || q.claims.Agent == "" {
		return nil
	}
	return q.s.deps.Desk.MayControl(callID, q.claims.Agent, control)
}
