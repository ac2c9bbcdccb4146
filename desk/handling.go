package desk

import (
	"context"
	"errors"
	"net/http"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// What agents do with calls. The methods wait as those of api.go do. An empty agentID is the agent in control
// of the call: a supervisor or a program acts for them. What the control matrix does not allow is 409 with
// the state and what is allowed.

// handle runs an input about a call and gives the call as it is handled afterwards; one that is over has the
// state "ended".
func (d *Desk) handle(ctx context.Context, callID string, in floor.Input) (wire.Handling, error) {
	var h wire.Handling
	if err := d.ask(ctx, in, func() { h = d.handled(callID) }); err != nil {
		return wire.Handling{}, err
	}
	return h, nil
}

func (d *Desk) handled(callID string) wire.Handling {
	h, err := d.floor.Handling(callID)
	if err != nil {
		return wire.Handling{CallID: callID, State: "ended", Participants: []wire.Participant{}, Controls: map[string]wire.Controls{}}
	}
	return h
}

// Handling is how a call is handled: who is on it, who is in control, what each agent may do.
func (d *Desk) Handling(callID string) (h wire.Handling, err error) {
	if closed := d.read(func() { h, err = d.floor.Handling(callID) }); closed != nil {
		return h, closed
	}
	return h, err
}

// MayControl says whether an agent may use a control of a call now. A call that is not the desk's has no
// controls and may be used as the token allows.
func (d *Desk) MayControl(callID, agentID, control string) (err error) {
	closed := d.read(func() {
		if d.floor.Knows(callID) {
			err = d.floor.May(callID, agentID, control)
		}
	})
	return errors.Join(closed, err)
}

// SideOf is where in a call an agent's leg belongs; see call.Board.Arrange.
func (d *Desk) SideOf(agentID, callID string) (side string) {
	_ = d.read(func() { side = d.floor.SideOf(agentID, callID) }) // only fails when the desk has ended
	return side
}

// HoldCall puts a call's customer on hold or takes the hold off.
func (d *Desk) HoldCall(ctx context.Context, callID, agentID string, on bool, actor string) (wire.Handling, error) {
	return d.handle(ctx, callID, floor.HoldCall{Call: callID, Agent: agentID, Actor: actor, On: on})
}

// EndCall ends a call for everybody.
func (d *Desk) EndCall(ctx context.Context, callID, agentID, actor string) (wire.Handling, error) {
	return d.handle(ctx, callID, floor.EndCall{Call: callID, Agent: agentID, Actor: actor})
}

// StartConsult asks somebody.
func (d *Desk) StartConsult(ctx context.Context, callID, agentID string, r wire.ConsultRequest, actor string) (wire.Handling, error) {
	return d.handle(ctx, callID, floor.StartConsult{
		Call: callID, Agent: agentID, Actor: actor, Kind: r.Kind, Target: r.Target, Hold: r.HoldParticipants == nil || *r.HoldParticipants,
	})
}

// EndConsult ends a consult, whatever it has come to.
func (d *Desk) EndConsult(ctx context.Context, callID, agentID, actor string) (wire.Handling, error) {
	return d.handle(ctx, callID, floor.EndConsult{Call: callID, Agent: agentID, Actor: actor})
}

// SwapConsult changes whom the agent who asks talks to.
func (d *Desk) SwapConsult(ctx context.Context, callID, agentID, actor string) (wire.Handling, error) {
	return d.handle(ctx, callID, floor.Swap{Call: callID, Agent: agentID, Actor: actor})
}

// Confer merges the consult into a conference, or (with a target) adds somebody directly.
func (d *Desk) Confer(ctx context.Context, callID, agentID string, r wire.TargetRequest, actor string) (wire.Handling, error) {
	return d.handle(ctx, callID, floor.Confer{Call: callID, Agent: agentID, Actor: actor, Kind: r.Kind, Target: r.Target})
}

// ExitConference takes an agent out of a conference that goes on.
func (d *Desk) ExitConference(ctx context.Context, callID, agentID, actor string) (wire.Handling, error) {
	return d.handle(ctx, callID, floor.Exit{Call: callID, Agent: agentID, Actor: actor})
}

// DropParty takes a participant out of a conference.
func (d *Desk) DropParty(ctx context.Context, callID, agentID, legID, actor string) (wire.Handling, error) {
	return d.handle(ctx, callID, floor.Drop{Call: callID, Agent: agentID, Actor: actor, Leg: legID})
}

// TransferCall gives a call to who is being asked, or (with a target) to somebody blindly.
func (d *Desk) TransferCall(ctx context.Context, callID, agentID string, r wire.TargetRequest, actor string) (wire.Handling, error) {
	return d.handle(ctx, callID, floor.Transfer{Call: callID, Agent: agentID, Actor: actor, Kind: r.Kind, Target: r.Target})
}

// Targets are agents, queues and entry points whose name holds the text.
func (d *Desk) Targets(text string, limit int) (out []wire.Target) {
	_ = d.read(func() { out = d.floor.Targets(text, limit) }) // only fails when the desk has ended
	return out
}

// Variables are a call's variables; the values of secure ones are left out.
func (d *Desk) Variables(callID string) (l wire.VariableList, err error) {
	if closed := d.read(func() { l, err = d.floor.Variables(callID) }); closed != nil {
		return l, closed
	}
	return l, err
}

// Variable is one variable with its value, also of a secure one.
func (d *Desk) Variable(callID, name string) (v wire.Variable, err error) {
	if closed := d.read(func() { v, err = d.floor.Variable(callID, name) }); closed != nil {
		return v, closed
	}
	return v, err
}

// SetVariable stores a value. The first of two who have seen the same version wins; the other is refused with
// 409 variable_conflict and both values.
func (d *Desk) SetVariable(ctx context.Context, callID, name string, r wire.VariableRequest, actor string) (v wire.Variable, err error) {
	if r.Version == nil {
		return v, &problem.Error{
			Status: http.StatusUnprocessableEntity, Code: "invalid_field", Detail: "say which version you have seen, 0 for none",
			Fields: []problem.Field{{Pointer: "/version", Code: "required"}},
		}
	}
	in := floor.SetVariable{Call: callID, Actor: actor, Name: name, Value: r.Value, Version: *r.Version}
	if refused := d.ask(ctx, in, func() { v, err = d.floor.Variable(callID, name) }); refused != nil {
		return v, refused
	}
	return v, err
}

// CancelWrapup stops a wrap-up's countdown, where its policy is to let the agent complete it by hand.
func (d *Desk) CancelWrapup(ctx context.Context, wrapupID, actor string) (wire.Wrapup, error) {
	return d.changeWrapup(ctx, wrapupID, floor.CancelCountdown{Wrapup: wrapupID, Actor: actor})
}

// Veil is what of the API's objects who may see, by the configuration in force. It does not wait.
func (d *Desk) Veil() *veil.Policy { return d.books.Load().Veil() }

// Stats counts.
func (d *Desk) Stats() (s floor.Stats) {
	_ = d.read(func() { s = d.floor.Stats() }) // only fails when the desk has ended
	return s
}
