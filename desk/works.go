package desk

import (
	"context"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/signaling/wire"
)

func (d *Desk) changeWork(ctx context.Context, wid string, in floor.Input) (wire.Work, error) {
	var w wire.Work
	var err error
	if refused := d.ask(ctx, in, func() { w, err = d.floor.Work(wid) }); refused != nil {
		return wire.Work{}, refused
	}
	return w, err
}

// MakeWork brings a written request into its queue.
func (d *Desk) MakeWork(ctx context.Context, r wire.WorkRequest, actor string) (wire.Work, error) {
	wid := id.New(id.Work)
	return d.changeWork(ctx, wid, floor.MakeWork{ID: wid, Request: r, Actor: actor})
}

// ReplyWork closes a request with a reply; its agent wraps up.
func (d *Desk) ReplyWork(ctx context.Context, wid, text, actor string) (wire.Work, error) {
	return d.changeWork(ctx, wid, floor.ReplyWork{ID: wid, Text: text, Actor: actor})
}

// CloseWork closes a request without a reply; its agent wraps up.
func (d *Desk) CloseWork(ctx context.Context, wid, actor string) (wire.Work, error) {
	return d.changeWork(ctx, wid, floor.CloseWork{ID: wid, Actor: actor})
}

// CancelWork takes a request back, whatever it is doing.
func (d *Desk) CancelWork(ctx context.Context, wid, actor string) (wire.Work, error) {
	return d.changeWork(ctx, wid, floor.CancelWork{ID: wid, Actor: actor})
}

// Work is one written request, also for a while after it was closed.
func (d *Desk) Work(wid string) (wire.Work, error) {
	var w wire.Work
	var err error
	if closed := d.read(func() { w, err = d.floor.Work(wid) }); closed != nil {
		return w, closed
	}
	return w, err
}

// Works are the written requests that are not closed, of a queue and at an agent ("" for any).
func (d *Desk) Works(queueID, agentID string) (out []wire.Work) {
	_ = d.read(func() { out = d.floor.Works(queueID, agentID) }) // only fails when the desk has ended
	return out
}

// AcceptAll takes all written requests that ring at an agent, and gives the offers that were accepted. 409 when none rings.
func (d *Desk) AcceptAll(ctx context.Context, agentID, actor string) (out []wire.Offer, err error) {
	var taken []string
	err = d.ask(ctx, floor.AcceptAll{Agent: agentID, Actor: actor}.Into(&taken), func() {
		for _, oid := range taken {
			o, _ := d.floor.Offer(oid) // has just been accepted
			out = append(out, o)
		}
	})
	return out, err
}
