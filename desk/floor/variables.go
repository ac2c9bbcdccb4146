package floor

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	maxValue     = 256 // characters of a variable's value (W90)
	minPopover   = 3   // variables of a ring (W13)
	maxPopover   = 6
	maxVariables = 64
)

// VariableDef is a variable agents see.
type VariableDef struct {
	Name     string            `toml:"name" json:"name,omitempty"`
	Label    string            `toml:"label" json:"label,omitempty"`
	Type     wire.VariableType `toml:"type" json:"type,omitempty"` // text (default), number, date, yes_no
	Editable bool              `toml:"editable" json:"editable,omitempty"`
	// Secure values are shown only to who asks for them, and never in a ring.
	Secure bool `toml:"secure" json:"secure,omitempty"`
	// Popover shows the variable in the ring; 3 to 6 may, in the order they stand in.
	Popover bool `toml:"popover" json:"popover,omitempty"`
}

func validateVariables(defs []VariableDef) error {
	seen, shown := map[string]bool{}, 0
	for _, d := range defs {
		if d.Name == "" || seen[d.Name] {
			return fmt.Errorf("desk: handling: variable %q is empty or used twice", d.Name)
		}
		seen[d.Name] = true
		if d.Type != "" && !slices.Contains(wire.Enums["VariableType"], string(d.Type)) {
			return fmt.Errorf("desk: handling: variable %s: type is one of %q", d.Name, wire.Enums["VariableType"])
		}
		if d.Popover {
			shown++
		}
	}
	if shown != 0 && (shown < minPopover || shown > maxPopover) {
		return fmt.Errorf("desk: handling: %d to %d variables are shown in a ring, not %d", minPopover, maxPopover, shown)
	}
	return nil
}

// definition is a variable's part of the configuration. Where none are configured any text may be kept.
func (h Handling) definition(name string) (VariableDef, bool) {
	for _, d := range h.Variables {
		if d.Name == name {
			if d.Label == "" {
				d.Label = d.Name
			}
			if d.Type == "" {
				d.Type = wire.VariableText
			}
			return d, true
		}
	}
	return VariableDef{Name: name, Label: name, Type: wire.VariableText, Editable: true}, len(h.Variables) == 0
}

func (f *Floor) definition(name string) (VariableDef, bool) { return f.cfg.Handling.definition(name) }

func (f *Floor) variable(c contact.Contact, d VariableDef) wire.Variable {
	v := c.Variables[d.Name]
	return wire.Variable{
		Name: d.Name, Label: d.Label, Type: d.Type, Value: v.Text, Secure: d.Secure, Editable: d.Editable,
		Version: v.Version, By: v.By,
	}
}

func masked(v wire.Variable) wire.Variable {
	if v.Secure {
		v.Masked, v.Value = v.Value != "", ""
	}
	return v
}

// Variables are a call's variables in the configured order, those that are not configured after them; secure
// values are left out.
func (f *Floor) Variables(callID string) (wire.VariableList, error) {
	c, ok := f.state.Contacts[callID]
	if !ok {
		return wire.VariableList{}, problem.NotFound("call", callID)
	}
	return f.variables(c), nil
}

func (f *Floor) variables(c contact.Contact) wire.VariableList {
	l := wire.VariableList{CallID: c.ID, Items: []wire.Variable{}}
	named := map[string]bool{}
	for _, d := range f.cfg.Handling.Variables {
		named[d.Name] = true
		d, _ = f.definition(d.Name)
		l.Items = append(l.Items, masked(f.variable(c, d)))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Variables)) {
		if d, _ := f.definition(name); !named[name] && c.Variables[name].Text != "" {
			d.Editable = len(named) == 0
			l.Items = append(l.Items, f.variable(c, d))
		}
	}
	return l
}

// Variable is one variable with its value, also of a secure one (W92).
func (f *Floor) Variable(callID, name string) (wire.Variable, error) {
	c, ok := f.state.Contacts[callID]
	if !ok {
		return wire.Variable{}, problem.NotFound("call", callID)
	}
	d, known := f.definition(name)
	if _, set := c.Variables[name]; !known && !set {
		return wire.Variable{}, problem.NotFound("variable", name)
	}
	return f.variable(c, d), nil
}

// SetVariable stores a value that the actor has edited, having seen the given version.
type SetVariable struct {
	Call, Actor, Name, Value string
	Version                  uint64
}

func badValue(code, detail string) error {
	return &problem.Error{
		Status: http.StatusUnprocessableEntity, Code: "invalid_value", Detail: detail,
		Fields: []problem.Field{{Pointer: "/value", Code: code, Detail: detail}},
	}
}

// checkValue refuses what is not of the type; an empty value is none.
func checkValue(t wire.VariableType, v string) error {
	if utf8.RuneCountInString(v) > maxValue {
		return badValue("too_long", "a value has at most 256 characters")
	}
	if v == "" {
		return nil
	}
	switch t {
	case wire.VariableNumber:
		if n, err := strconv.ParseFloat(v, 64); err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return badValue("no_number", "this is no number")
		}
	case wire.VariableDate:
		if _, err := time.Parse(time.DateOnly, v); err != nil {
			return badValue("no_date", "a date is written 2026-03-01")
		}
	case wire.VariableYesNo:
		if v != "yes" && v != "no" {
			return badValue("not_yes_or_no", "the value is yes or no")
		}
	}
	return nil
}

func (in SetVariable) step(f *Floor) error {
	c, ok := f.state.Contacts[in.Call]
	if !ok {
		return problem.NotFound("call", in.Call)
	}
	d, known := f.definition(in.Name)
	if !known || in.Name == "" || utf8.RuneCountInString(in.Name) > 64 {
		return problem.NotFound("variable", in.Name)
	}
	if !d.Editable {
		return problem.Conflict("variable_read_only", "read_only", nil, "%s cannot be edited", d.Label)
	}
	if err := checkValue(d.Type, in.Value); err != nil {
		return err
	}
	now := c.Variables[in.Name]
	if in.Version != now.Version {
		if in.Value == now.Text {
			return nil // the same said twice
		}
		stored := masked(f.variable(c, d))
		e := problem.Conflict("variable_conflict", strconv.FormatUint(now.Version, 10), nil, "%s was changed meanwhile by %s", d.Label, now.By)
		e.CallID = in.Call
		e.Fields = []problem.Field{{Pointer: "/value", Code: "yours", Detail: in.Value}, {Pointer: "/value", Code: "stored", Detail: stored.Value}}
		return e
	}
	if _, had := c.Variables[in.Name]; !had && len(c.Variables) >= maxVariables {
		return badValue("too_many", "a call has at most 64 variables")
	}
	c.Variables = maps.Clone(c.Variables)
	if c.Variables == nil {
		c.Variables = map[string]contact.Value{}
	}
	c.Variables[in.Name] = contact.Value{Text: in.Value, Version: now.Version + 1, By: in.Actor}
	f.setContact(c)
	if !d.Secure {
		f.effects = append(f.effects, Command{Op: OpVariables, CallID: c.ID, Vars: map[string]string{in.Name: in.Value}})
	}
	f.publish("variables.changed", c.ID, in.Actor, f.variables(c))
	return nil
}

// CallChanged says which of a call's own variables a program has changed; an empty value is one it has taken away.
type CallChanged struct {
	ID    string
	Vars  map[string]string
	Actor string
}

func (in CallChanged) step(f *Floor) error {
	c, ok := f.state.Contacts[in.ID]
	if !ok {
		return nil
	}
	if take(&c, in.Vars, in.Actor) {
		f.setContact(c)
		f.publish("variables.changed", c.ID, in.Actor, f.variables(c))
	}
	return nil
}

// take makes values the contact's, and says whether any was new.
func take(c *contact.Contact, vars map[string]string, actor string) bool {
	changed := false
	for name, text := range vars {
		if now := c.Variables[name]; now.Text != text {
			if !changed {
				c.Variables = maps.Clone(c.Variables)
				if c.Variables == nil {
					c.Variables = map[string]contact.Value{}
				}
			}
			changed = true
			c.Variables[name] = contact.Value{Text: text, Version: now.Version + 1, By: actor}
		}
	}
	return changed
}

// popover is what a ring shows of a call: 3 to 6 variables, none of them secure, and in a consult's ring
// before them who asks (W13 to W16, W20).
func (f *Floor) popover(o offer.Offer, c contact.Contact) []wire.OfferVariable {
	var out []wire.OfferVariable
	if k, ok := f.state.Consults[o.Consult]; ok {
		a := Agent{ID: k.By}
		if s := f.agents[k.By]; s != nil {
			a = s.Agent
		}
		out = append(out,
			wire.OfferVariable{Name: "agent_name", Label: "Agent", Value: a.Name},
			wire.OfferVariable{Name: "agent_dn", Label: "Agent DN", Value: a.DN},
			wire.OfferVariable{Name: "agent_team", Label: "Team", Value: a.Team})
	}
	if names := f.ringRule(o, c).Variables; len(names) > 0 {
		for _, name := range names {
			if d, _ := f.definition(name); !d.Secure {
				out = append(out, wire.OfferVariable{Name: d.Name, Label: d.Label, Value: c.Variables[d.Name].Text})
			}
		}
		return out
	}
	for _, d := range f.cfg.Handling.Variables {
		if d, _ := f.definition(d.Name); d.Popover && !d.Secure {
			out = append(out, wire.OfferVariable{Name: d.Name, Label: d.Label, Value: c.Variables[d.Name].Text})
		}
	}
	return out
}
