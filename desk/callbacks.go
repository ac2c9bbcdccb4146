package desk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Messenger brings a confirmation code to a telephone number, as a text message or a spoken call; what it
// uses is the operator's business.
type Messenger interface {
	SendCode(ctx context.Context, callbackID, number, code string, expires time.Time) error
}

// CallbackFilter chooses callbacks of a list.
type CallbackFilter = floor.CallbackFilter

func (d *Desk) changeCallback(ctx context.Context, cid string, in floor.Input) (wire.Callback, error) {
	var c wire.Callback
	var err error
	if refused := d.ask(ctx, in, func() { c, err = d.floor.Callback(cid) }); refused != nil {
		return wire.Callback{}, refused
	}
	return c, err
}

// PlanCallback schedules a callback. agentID, here and below, is the agent who does it, who needs a right to it; "" for
// a program or a supervisor.
func (d *Desk) PlanCallback(ctx context.Context, r wire.CallbackRequest, agentID, actor string) (wire.Callback, error) {
	cid := id.New(id.Callback)
	return d.changeCallback(ctx, cid, floor.PlanCallback{ID: cid, Request: r, Agent: agentID, Actor: actor})
}

// ChangeCallback changes a callback whose time has not come. version 0 changes any, otherwise 412 for
// another one.
func (d *Desk) ChangeCallback(ctx context.Context, cid string, r wire.CallbackRequest, version uint64, agentID, actor string) (wire.Callback, error) {
	return d.changeCallback(ctx, cid, floor.ChangeCallback{ID: cid, Request: r, Agent: agentID, Actor: actor, Version: version})
}

// RescheduleCallback sets another time after an attempt or a failure; empty fields of r but the time stay.
func (d *Desk) RescheduleCallback(ctx context.Context, cid string, r wire.CallbackRequest, agentID, actor string) (wire.Callback, error) {
	return d.changeCallback(ctx, cid, floor.RescheduleCallback{ID: cid, Request: r, Agent: agentID, Actor: actor})
}

// AssignCallback gives a callback to an agent, or with none back to its queue. alone is how long nobody else
// is offered it, 0 for ever.
func (d *Desk) AssignCallback(ctx context.Context, cid, assignee string, alone time.Duration, agentID, actor string) (wire.Callback, error) {
	return d.changeCallback(ctx, cid, floor.AssignCallback{ID: cid, Assignee: assignee, Alone: alone, Agent: agentID, Actor: actor})
}

// CancelCallback ends a callback; one that is being dialled hangs up.
func (d *Desk) CancelCallback(ctx context.Context, cid, agentID, actor string) (wire.Callback, error) {
	return d.changeCallback(ctx, cid, floor.CancelCallback{ID: cid, Agent: agentID, Actor: actor})
}

// CompleteCallback closes a callback.
func (d *Desk) CompleteCallback(ctx context.Context, cid, result, agentID, actor string) (wire.Callback, error) {
	return d.changeCallback(ctx, cid, floor.CompleteCallback{ID: cid, Result: result, Agent: agentID, Actor: actor})
}

// DialCallback dials a callback its agent has before them, number "" for the callback's own.
func (d *Desk) DialCallback(ctx context.Context, cid, number, agentID, actor string) (wire.Callback, error) {
	return d.changeCallback(ctx, cid, floor.DialCallback{ID: cid, Number: number, Agent: agentID, Actor: actor})
}

// TakeBack turns a waiting call into a callback that keeps its place. A voice callback comes to be when the
// caller's message is over; until then the answer is the zero Callback.
func (d *Desk) TakeBack(ctx context.Context, callID string, r wire.CallbackFromCall, actor string) (wire.Callback, error) {
	var made string
	var c wire.Callback
	err := d.ask(ctx, floor.TakeBack{Call: callID, Request: r, Actor: actor}.Into(&made), func() {
		if made != "" {
			c, _ = d.floor.Callback(made) // has just been made
		}
	})
	return c, err
}

// AskCallback takes a customer's own request. With a Messenger the number is sent a code first and the
// request waits for it; without one the request is refused, 503, unless trusted.
func (d *Desk) AskCallback(ctx context.Context, ask wire.CallbackAsk, trusted bool) (wire.CallbackReceipt, error) {
	cid := id.New(id.Callback)
	code, hash := "", ""
	if !trusted {
		if d.deps.Messenger == nil {
			return wire.CallbackReceipt{}, problem.New(http.StatusServiceUnavailable, "web_callbacks_off", "callbacks cannot be asked for here")
		}
		n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			return wire.CallbackReceipt{}, fmt.Errorf("desk: make code: %w", err)
		}
		code = fmt.Sprintf("%06d", n)
		hash = hashCode(cid, code)
	}
	c, err := d.changeCallback(ctx, cid, floor.AskCallback{ID: cid, Ask: ask, Code: hash})
	if err != nil {
		return wire.CallbackReceipt{}, err
	}
	out := wire.CallbackReceipt{ID: c.ID, State: c.State}
	if code != "" {
		expires := c.Created.Add(d.books.Load().CodeLife())
		out.Expires = &expires
		if err := d.deps.Messenger.SendCode(ctx, cid, ask.Number, code, expires); err != nil {
			d.deps.Log.Warn("confirmation code not sent", "callback", cid, "cause", err)
			_, _ = d.CancelCallback(context.WithoutCancel(ctx), cid, "", floor.Actor) // nobody could ever confirm it
			return wire.CallbackReceipt{}, problem.New(http.StatusServiceUnavailable, "code_not_sent", "the code could not be sent, try again later")
		}
	}
	return out, nil
}

// ConfirmCallback takes the code of a request. Five wrong ones end it.
func (d *Desk) ConfirmCallback(ctx context.Context, cid, code string) (wire.CallbackReceipt, error) {
	c, err := d.changeCallback(ctx, cid, floor.ConfirmCallback{ID: cid, Code: hashCode(cid, code)})
	if err != nil {
		return wire.CallbackReceipt{}, err
	}
	if c.State == wire.CallbackRequested || c.State == wire.CallbackFailed {
		e := problem.New(http.StatusUnprocessableEntity, "wrong_code", "this is not the code")
		e.Fields = []problem.Field{{Pointer: "/code", Code: "wrong"}}
		return wire.CallbackReceipt{}, e
	}
	return wire.CallbackReceipt{ID: c.ID, State: c.State}, nil
}

func hashCode(cid, code string) string {
	sum := sha256.Sum256([]byte(cid + ":" + code))
	return hex.EncodeToString(sum[:])
}

// Callback is one callback, also for a while after it is over.
func (d *Desk) Callback(cid string) (wire.Callback, error) {
	var c wire.Callback
	var err error
	if closed := d.read(func() { c, err = d.floor.Callback(cid) }); closed != nil {
		return c, closed
	}
	return c, err
}

// Callbacks are the callbacks a filter chooses, by the time they are due.
func (d *Desk) Callbacks(by CallbackFilter) (out []wire.Callback) {
	_ = d.read(func() { out = d.floor.Callbacks(by) }) // only fails when the desk has ended
	return out
}

// CallbackMine says whether a callback is an agent's business.
func (d *Desk) CallbackMine(cid, agentID string) (mine bool) {
	_ = d.read(func() { mine = d.floor.CallbackMine(cid, agentID) })
	return mine
}

// Slots are the slots of a day in which callbacks of a queue can be scheduled.
func (d *Desk) Slots(queue, date, zone string) ([]wire.Slot, error) {
	var out []wire.Slot
	var err error
	if closed := d.read(func() { out, err = d.floor.Slots(d.deps.Now(), queue, date, zone) }); closed != nil {
		return nil, closed
	}
	return out, err
}

// EntryPoints are the numbers callbacks can be made from now, and whether there will be any.
func (d *Desk) EntryPoints() (out wire.EntryPointList) {
	_ = d.read(func() { out = d.floor.EntryPoints(d.deps.Now()) })
	return out
}

// DialLimit is nil, or 429 with limit and use while no further outbound call can be made.
func (d *Desk) DialLimit() error {
	var err error
	if closed := d.read(func() { err = d.floor.DialLimit() }); closed != nil {
		return closed
	}
	return err
}
