package desk

import (
	"context"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Wall is agents, queues and calls at one moment. Seq is read first: what happens meanwhile comes again as an
// event, so nothing can be missed.
func (d *Desk) Wall() (w wire.Wall, err error) {
	seq := d.deps.Bus.LastKept()
	err = d.read(func() { w = d.floor.Wall() })
	w.Seq, w.Time = seq, d.deps.Now().UTC()
	return w, err
}

// Supervise lets somebody take part in a call, or changes how they do. agentID may be empty: whoever is in
// control. The leg that brings their voice has role supervisor and the supervision's id as client_ref.
func (d *Desk) Supervise(ctx context.Context, callID string, mode wire.SupervisionMode, agentID, by string) (w wire.Supervision, err error) {
	in := floor.Supervise{ID: id.New(id.Supervision), Call: callID, By: by, Mode: mode, Agent: agentID}
	if refused := d.ask(ctx, in, func() { w, err = d.floor.Watched(callID, by) }); refused != nil {
		return w, refused
	}
	return w, err
}

// Supervision is one that is under way.
func (d *Desk) Supervision(id string) (w wire.Supervision, err error) {
	if closed := d.read(func() { w, err = d.floor.Supervision(id) }); closed != nil {
		return w, closed
	}
	return w, err
}

// EndSupervision takes a supervisor off a call.
func (d *Desk) EndSupervision(ctx context.Context, id, actor string) error {
	return d.ask(ctx, floor.Unsupervise{ID: id, Actor: actor}, nil)
}

// TakeOver gives a call to an agent who supervises.
func (d *Desk) TakeOver(ctx context.Context, callID, agentID, actor string) (wire.Agent, error) {
	var a wire.Agent
	var err error
	if refused := d.ask(ctx, floor.TakeOver{Call: callID, Agent: agentID, Actor: actor}, func() { a, err = d.floor.Agent(agentID) }); refused != nil {
		return a, refused
	}
	return a, err
}

// ForceWrapup ends what keeps an agent busy: a call becomes a wrap-up, a wrap-up is completed.
func (d *Desk) ForceWrapup(ctx context.Context, agentID, reason, actor string) (wire.Agent, error) {
	return d.changeAgent(ctx, agentID, floor.ForceWrapup{Agent: agentID, Reason: reason, Actor: actor})
}

// ForceEnd ends a call for everybody. 404 for a call that is not the desk's.
func (d *Desk) ForceEnd(ctx context.Context, callID, actor string) error {
	return d.ask(ctx, floor.ForceEnd{Call: callID, Actor: actor}, nil)
}
