// Package controls is the control matrix: what an agent may do with a call in each state of the agent's leg,
// as one pure function. The floor refuses by it, the API shows it, and the desktop draws it.
package controls

import (
	"reflect"
	"strings"

	"github.com/cordboard/cordboard/desk/conference"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Row is the state of an agent's leg.
type Row string

// The rows.
const (
	None             Row = "none"              // not the agent's business
	Offered          Row = "offered"           // rings
	Connecting       Row = "connecting"        // accepted, the agent's voice is on its way
	Connected        Row = "connected"         // customer and agent
	Held             Row = "held"              // the customer is on hold
	ConsultRequested Row = "consult_requested" // the agent waits for who is asked
	Consulting       Row = "consulting"        // the agent asks
	Consulted        Row = "consulted"         // the agent is asked
	Conference       Row = "conference"        // more than two are on the call
	PostCall         Row = "post_call"         // the customer has left
	Away             Row = "away"              // the agent's voice is lost
	Dialing          Row = "dialing"           // the customer is being called, or is yet to be
	Transferring     Row = "transferring"      // on its way to somebody else
	Wrapup           Row = "wrapup"            // work after the call
)

// View is all the controls depend on.
type View struct {
	Row      Row
	Primary  bool // the agent is in control of the call
	Main     bool // Consulting: the agent talks to the customer, the asked party waits
	Usable   bool // the consult can be merged or transferred
	Pending  bool // a consult of anybody's is under way, also one that will merge when it is answered
	Own      bool // and it is this agent's
	Parties  int  // on the call, the pending one included
	Customer bool // is there
	// Others: somebody beside customer and primary agent is there.
	Others bool
}

func on() wire.Control          { return wire.Control{Visible: true, Enabled: true} }
func off() wire.Control         { return wire.Control{Visible: true} }
func when(b bool) wire.Control  { return wire.Control{Visible: true, Enabled: b} }
func shown(b bool) wire.Control { return wire.Control{Visible: b, Enabled: b} }

// For is the matrix.
func For(v View) (c wire.Controls) {
	room := v.Parties < conference.Limit
	switch v.Row {
	case Offered:
		c.Accept = on()
	case Connected:
		c.Hold, c.Mute, c.Keypad, c.End, c.Recording = when(!v.Pending), on(), on(), on(), on()
		c.Consult, c.Add = when(!v.Pending && room), when(!v.Pending && room)
		c.Transfer = shown(!v.Pending) // W42: hidden while a merge is pending
		c.EndConsult = shown(v.Pending && v.Own)
	case Held:
		c.Hold, c.Mute, c.End, c.Recording = on(), off(), off(), on()
		c.Transfer, c.Consult = on(), when(room)
	case ConsultRequested:
		c.End, c.EndConsult, c.Recording = off(), on(), shown(v.Primary) // X2
		c.Transfer, c.Conference = when(v.Usable && v.Primary), when(v.Usable && v.Parties <= conference.Limit)
	case Consulting:
		c.Mute, c.Keypad, c.Swap, c.EndConsult, c.Recording = on(), on(), on(), on(), shown(v.Primary)
		c.End = when(v.Main && v.Primary)
		c.Transfer, c.Conference = when(v.Primary), when(v.Parties <= conference.Limit)
	case Consulted:
		c.Mute, c.EndConsult = on(), on()
	case Conference:
		c.Hold, c.Mute, c.Keypad, c.End, c.Exit = off(), on(), on(), on(), on()
		c.Consult, c.Add = when(room && v.Customer && !v.Pending), when(room && v.Customer && !v.Pending && v.Primary)
		c.EndConsult = shown(v.Pending && v.Own)
		c.Recording, c.Drop = shown(v.Primary), shown(v.Primary && v.Others)
	case PostCall:
		c.Hold, c.Mute, c.End, c.Consult, c.Exit = off(), on(), on(), off(), on()
		c.Recording = shown(v.Primary) // also after an entry point (X2)
	case Away, Dialing:
		c.End = on()
	case Wrapup:
		c.Wrapup = on()
	}
	return c
}

// Allowed names what is enabled, in the order of the fields.
func Allowed(c wire.Controls) []string {
	var out []string
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if v.Field(i).Interface().(wire.Control).Enabled {
			out = append(out, name(v.Type().Field(i)))
		}
	}
	return out
}

// Get is a control by its name; what there is no control for is hidden.
func Get(c wire.Controls, control string) wire.Control {
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if name(v.Type().Field(i)) == control {
			return v.Field(i).Interface().(wire.Control)
		}
	}
	return wire.Control{}
}

func name(f reflect.StructField) string {
	n, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return n
}
