package floor

import (
	"reflect"
	"slices"

	"github.com/cordboard/cordboard/desk/conference"
	"github.com/cordboard/cordboard/desk/consult"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/controls"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// consultOf is the consult under way on a call.
func (f *Floor) consultOf(callID string) (consult.Consult, bool) {
	k, ok := f.state.Consults[f.asks[callID]]
	return k, ok
}

func (f *Floor) setConsult(k consult.Consult) {
	put(f, key{KindConsult, k.ID}, f.state.Consults, any(k))
}

// parties is how many are on a call, or on their way into it.
func (f *Floor) parties(c contact.Contact) int {
	n := len(c.Others)
	if c.Left.IsZero() {
		n++
	}
	if c.Agent != "" {
		n++
	}
	if _, ok := f.consultOf(c.ID); ok {
		n++
	}
	return n
}

// voices is how many of the call can be heard, the customer apart.
func (f *Floor) voices(c contact.Contact) int {
	n := c.Others.Voices()
	if c.Leg != "" {
		n++
	}
	if k, ok := f.consultOf(c.ID); ok && k.Leg != "" && k.State == wire.ConsultAnswered {
		n++
	}
	return n
}

// view is what an agent's controls over a call depend on.
func (f *Floor) view(c contact.Contact, agentID string) controls.View {
	k, asking := f.consultOf(c.ID)
	v := controls.View{
		Row: controls.None, Primary: agentID != "" && c.Agent == agentID, Parties: f.parties(c),
		Customer: c.Left.IsZero(), Others: len(c.Others) > 0, Pending: asking,
	}
	if agentID == "" {
		return v
	}
	if asking {
		v.Own, v.Usable, v.Main = k.By == agentID, k.Usable(), k.Main
	}
	other := c.Others.ByAgent(agentID) >= 0
	switch {
	case asking && k.Agent == agentID:
		switch k.State {
		case wire.ConsultReached:
			v.Row = controls.Offered
		case wire.ConsultConnecting:
			v.Row = controls.Connecting
		case wire.ConsultAnswered:
			v.Row = controls.Consulted
		}
	case !v.Primary && !other:
	case asking && v.Own && k.Apart() && k.State == wire.ConsultAnswered:
		v.Row = controls.Consulting
	case asking && v.Own && k.Apart():
		v.Row = controls.ConsultRequested
	case c.State == contact.PostCall:
		v.Row = controls.PostCall
	case v.Primary && c.Task != "" && c.Customer == "":
		v.Row = controls.Dialing // nobody to hold, share or hand over before the customer is there
	case other, v.Primary && c.State == contact.Connected && len(c.Others) > 0:
		v.Row = controls.Conference
	case c.State == contact.Connected && c.Parked:
		v.Row = controls.Held
	default:
		v.Row = map[contact.State]controls.Row{
			contact.Offered: controls.Offered, contact.Connecting: controls.Connecting, contact.Connected: controls.Connected,
			contact.Away: controls.Away, contact.Dialing: controls.Dialing,
		}[c.State]
	}
	return v
}

// stateOf is the call's state for people: the row of who is in control, or the contact's own.
func (f *Floor) stateOf(c contact.Contact) string {
	if r := f.view(c, c.Agent).Row; c.Agent != "" && r != controls.None {
		return string(r)
	}
	return string(c.State)
}

// gate finds a call and refuses what the control matrix does not allow an agent now. No agent means the one
// in control: a supervisor or a program acts for them.
func (f *Floor) gate(callID, agentID, control string) (contact.Contact, string, error) {
	c, ok := f.state.Contacts[callID]
	if !ok {
		return c, "", problem.NotFound("call", callID)
	}
	if agentID == "" {
		agentID = c.Agent
	}
	v := f.view(c, agentID)
	all := controls.For(v)
	if controls.Get(all, control).Enabled {
		return c, agentID, nil
	}
	state := string(v.Row)
	if v.Row == controls.None {
		state = f.stateOf(c)
	}
	err := problem.Conflict("call_wrong_state", state, controls.Allowed(all), "call %s is %s for %s: %s is not possible now", callID, state, agentID, control)
	err.CallID = callID
	return c, agentID, err
}

// May refuses what an agent may not do with a call now: 404, or 409 with the state and what is allowed.
func (f *Floor) May(callID, agentID, control string) error {
	_, _, err := f.gate(callID, agentID, control)
	return err
}

// Knows says whether a call is one of the floor's.
func (f *Floor) Knows(callID string) bool {
	_, ok := f.state.Contacts[callID]
	return ok
}

// seats is where everybody of a call belongs: pure, from contact and consult alone. What it never says,
// whatever they are: that customer and asked party are both on hold (W33).
func seats(c contact.Contact, k consult.Consult, asking bool) []wire.Seat {
	var out []wire.Seat
	seat := func(leg string, hold bool, side string) {
		if leg != "" {
			out = append(out, wire.Seat{LegID: leg, Hold: &hold, Side: &side})
		}
	}
	apart := asking && k.Apart()
	waiting := c.State == contact.Transferring || c.State == contact.Queued || c.State == contact.Offered || c.State == contact.Connecting
	away := (c.State == contact.Away || c.State == contact.Outside) && c.Others.Voices() == 0
	hold := c.Parked && len(c.Others) == 0 && !asking || waiting || away
	others := false
	if apart {
		asker := 0 // of those with a voice on the main side, the one who asks
		if k.By != c.Agent {
			asker = 1
		}
		alone := c.Others.Voices()-asker == 0 && (k.By == c.Agent || c.Leg == "")
		others = k.Hold && !k.Main
		hold = !k.Main && (k.Hold || alone) || away && k.Leg == ""
	}
	seat(c.Customer, hold, "")
	side := func(agent string) (bool, string) {
		if !apart {
			return false, ""
		}
		if agent != "" && agent == k.By {
			if k.Main {
				return false, ""
			}
			return false, wire.ConsultSide
		}
		return others, ""
	}
	h, s := side(c.Agent)
	seat(c.Leg, h, s)
	for _, p := range c.Others {
		h, s := side(p.Agent)
		seat(p.Leg, h, s)
	}
	if asking {
		if apart {
			seat(k.Leg, k.Main, wire.ConsultSide)
		} else {
			seat(k.Leg, false, "")
		}
	}
	return out
}

// arrange tells the call where everybody belongs.
func (f *Floor) arrange(c contact.Contact) {
	k, asking := f.consultOf(c.ID)
	f.effects = append(f.effects, Command{Op: OpArrange, CallID: c.ID, Seats: seats(c, k, asking)})
}

// SideOf is where in a call an agent's leg belongs.
func (f *Floor) SideOf(agentID, callID string) string {
	c, ok := f.state.Contacts[callID]
	k, asking := f.consultOf(callID)
	if !ok || !asking || !k.Apart() {
		return ""
	}
	if k.Agent == agentID || k.By == agentID && !k.Main && (c.Agent == agentID || c.Others.ByAgent(agentID) >= 0) {
		return wire.ConsultSide
	}
	return ""
}

// handling is a call as the desk sees it.
func (f *Floor) handling(c contact.Contact) wire.Handling {
	k, asking := f.consultOf(c.ID)
	h := wire.Handling{
		CallID: c.ID, State: f.stateOf(c), Primary: c.Agent, Queue: c.Queue,
		Participants: []wire.Participant{}, Controls: map[string]wire.Controls{},
	}
	where := map[string]wire.Seat{}
	for _, s := range seats(c, k, asking) {
		where[s.LegID] = s
	}
	add := func(p wire.Participant) {
		p.Side = wire.MainSide
		if s, ok := where[p.LegID]; ok && p.LegID != "" {
			p.Held = *s.Hold
			if *s.Side != "" {
				p.Side = *s.Side
			}
		}
		if s := f.agents[p.Agent]; s != nil {
			p.Name = s.Name
			h.Controls[p.Agent] = controls.For(f.view(c, p.Agent))
		}
		h.Participants = append(h.Participants, p)
	}
	if c.Left.IsZero() {
		add(wire.Participant{Role: wire.PartyCustomer, LegID: c.Customer, Name: c.FromName, Number: c.Party()})
	} else {
		t := c.Left
		h.PostCallSince = &t
	}
	if c.Agent != "" {
		p := wire.Participant{Role: wire.PartyPrimary, LegID: c.Leg, Agent: c.Agent}
		if !c.Since.IsZero() {
			t := c.Since
			p.Since = &t
		}
		add(p)
	}
	for _, o := range c.Others {
		t := o.Since
		add(wire.Participant{Role: wire.PartyConference, LegID: o.Leg, Agent: o.Agent, Number: o.Number, Since: &t})
	}
	if asking {
		w := k.Wire()
		h.Consult = &w
		p := wire.Participant{Role: wire.PartyConsulted, LegID: k.Leg, Agent: k.Agent, Since: w.Answered}
		if k.Kind == wire.TargetNumber {
			p.Number = k.Target
		}
		add(p)
	}
	return h
}

// Handling is one call as the desk sees it.
func (f *Floor) Handling(callID string) (wire.Handling, error) {
	c, ok := f.state.Contacts[callID]
	if !ok {
		return wire.Handling{}, problem.NotFound("call", callID)
	}
	return f.handling(c), nil
}

// tell publishes how the calls of this step are handled, where that has changed and somebody works on them.
func (f *Floor) tell() {
	for _, cid := range f.touchedCalls() {
		c, ok := f.state.Contacts[cid]
		if !ok {
			delete(f.told, cid)
			continue
		}
		if c.State == contact.Queued || c.State == contact.Offered {
			delete(f.told, cid)
			continue
		}
		h := f.handling(c)
		if was, ok := f.told[cid]; ok && reflect.DeepEqual(was, h) {
			continue
		}
		f.told[cid] = h
		f.publish("call.handling_changed", cid, Actor, h)
	}
}

// touchedCalls are the calls that this step has changed so far, or their consults.
func (f *Floor) touchedCalls() []string {
	var calls []string
	for _, k := range f.touched {
		switch k.kind {
		case KindContact:
			calls = append(calls, k.id)
		case KindConsult:
			if x, ok := f.state.Consults[k.id]; ok {
				calls = append(calls, x.Call)
			} else if x, ok := f.before[k].(consult.Consult); ok {
				calls = append(calls, x.Call)
			}
		}
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

// allowed names what the agent in control may do with a call now.
func (f *Floor) allowed(c contact.Contact) []string {
	return controls.Allowed(controls.For(f.view(c, c.Agent)))
}

// full refuses another party on a call that has as many as can be.
func (f *Floor) full(c contact.Contact) error {
	n := f.parties(c)
	if n < conference.Limit {
		return nil
	}
	e := problem.Conflict("conference_full", "full", f.allowed(c), "call %s has %d participants already", c.ID, conference.Limit)
	e.CallID, e.Limit, e.Use = c.ID, conference.Limit, n
	return e
}

// HoldCall puts the customer on hold or takes the hold off.
type HoldCall struct {
	Call, Agent, Actor string
	On                 bool
}

func (in HoldCall) step(f *Floor) error {
	c, _, err := f.gate(in.Call, in.Agent, "hold")
	if err != nil || c.Parked == in.On {
		return err
	}
	c.Parked = in.On
	f.setContact(c)
	f.arrange(c)
	return nil
}

// EndCall is an agent ending the call for everybody.
type EndCall struct{ Call, Agent, Actor string }

func (in EndCall) step(f *Floor) error {
	c, _, err := f.gate(in.Call, in.Agent, "end")
	if err != nil {
		return err
	}
	f.finish(c, "hangup")
	return nil
}
