package agentapi

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/desk"
	"github.com/cordboard/cordboard/desk/veil"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Whoever sees numbers masked has none to send back. What a form was filled with comes back as it was shown, and the
// number behind it is found here: among those of the call, the contact or the object the request is about, which the
// token must be allowed to see. Nothing further in knows masked numbers.

// person is who a number may be of.
type person struct {
	name    string
	numbers []string
}

// behind is the number that was shown as text. Of two that look alike nobody can say which was meant.
func (p person) behind(text, pointer string) (string, error) {
	found := ""
	for _, n := range p.numbers {
		switch {
		case veil.Mask(n) != text || n == found:
		case found != "":
			return "", invalid(pointer, "ambiguous", "two numbers look like this: say which by its index")
		default:
			found = n
		}
	}
	if found == "" {
		return "", invalid(pointer, "masked", "this is a masked number: send the call, contact or callback it is of with it")
	}
	return found, nil
}

// customerOf is the customer of a call the token may see, also of one that has long been over.
func (q *request) customerOf(callID string) (person, error) {
	c, err := q.s.deps.Calls.Call(callID)
	if err == nil {
		if err := q.mayRead(c); err != nil {
			return person{}, err
		}
		number := c.From
		if c.Direction == wire.Outbound {
			number = c.To
		}
		return person{c.FromName, []string{number}}, nil
	}
	d := q.s.deps.Desk
	if d == nil || problem.As(err).Status != http.StatusNotFound {
		return person{}, err
	}
	f := desk.RecordFilter{Call: callID, Whole: true, Limit: 1}
	if !q.all() {
		f.Own = q.claims.Agent
	}
	items, _, past := d.CallRecords(q.ctx(), f)
	if past != nil {
		return person{}, past
	}
	if len(items) == 0 {
		return person{}, err
	}
	return person{items[0].Name, []string{items[0].Customer}}, nil
}

// contactOf is the contact of a list that a search has found.
func (q *request) contactOf(d Desk, ref wire.ContactRef) (person, error) {
	if err := q.permit("search"); err != nil {
		return person{}, err
	}
	m, err := d.Contact(ref.List, ref.Row)
	if err != nil {
		return person{}, err
	}
	p := person{name: m.Name}
	for _, n := range m.Numbers {
		p.numbers = append(p.numbers, n.Number)
	}
	if ref.Index != nil {
		if p.numbers, err = nth(p.numbers, *ref.Index, "/contact/index"); err != nil {
			return person{}, err
		}
	}
	return p, nil
}

func nth(numbers []string, i int, pointer string) ([]string, error) {
	if i < 0 || i >= len(numbers) {
		return nil, invalid(pointer, "out_of_range", "there are %d numbers, from 0", len(numbers))
	}
	return numbers[i : i+1], nil
}

// resolve puts the number and name behind masked ones into a request for a callback. was is the callback it changes,
// nil for a new one. A request that names a call or a contact needs no number.
func (q *request) resolve(d Desk, in *wire.CallbackRequest, was *wire.Callback) error {
	hidden := veil.Masked(in.Number) || veil.Masked(in.Name)
	if in.Contact == nil && !hidden && (in.Number != "" || in.CallID == "" || was != nil) {
		return nil
	}
	var who []person
	if was != nil {
		who = append(who, person{was.Name, []string{was.Number}})
	}
	if in.Contact != nil {
		p, err := q.contactOf(d, *in.Contact)
		if err != nil {
			return err
		}
		who, in.Contact = append(who, p), nil
	}
	if in.CallID != "" {
		p, err := q.customerOf(in.CallID)
		if err != nil {
			return err
		}
		who = append(who, p)
	}
	var all person
	for _, p := range who {
		all.name = cmp.Or(all.name, p.name)
		all.numbers = append(all.numbers, p.numbers...)
		if veil.Masked(in.Name) && veil.Mask(p.name) == in.Name {
			in.Name = p.name
		}
	}
	var err error
	switch {
	case veil.Masked(in.Number):
		in.Number, err = all.behind(in.Number, "/number")
	case in.Number == "" && len(all.numbers) > 0:
		in.Number = all.numbers[0]
	}
	if err != nil {
		return err
	}
	if veil.Masked(in.Name) { // a name that is a number, as shown for one
		in.Name, err = all.behind(in.Name, "/name")
	}
	return err
}

// resolveOf is resolve for a callback there is.
func (q *request) resolveOf(d Desk, cid string, in *wire.CallbackRequest) error {
	was, err := d.Callback(cid)
	if err != nil {
		return err
	}
	return q.resolve(d, in, &was)
}

// ofRecord is the number of a campaign's record that was shown masked, or is named by its index; any other text is as
// it is.
func ofRecord(r wire.CampaignRecord, text string, index *int) (string, error) {
	p := person{}
	for _, n := range r.Numbers {
		p.numbers = append(p.numbers, n.Number)
	}
	switch {
	case index != nil:
		one, err := nth(p.numbers, *index, "/index")
		if err != nil {
			return "", err
		}
		return one[0], nil
	case veil.Masked(text):
		return p.behind(text, "/number")
	}
	return text, nil
}

// unchanged takes out of a change of a record what was shown masked and comes back as it was shown.
func unchanged(r wire.CampaignRecord, p *wire.RecordPatch) {
	if p.Name != nil && veil.Masked(*p.Name) && *p.Name == veil.Mask(r.Name) {
		p.Name = nil
	}
	maps.DeleteFunc(p.Fields, func(name, value string) bool { return veil.Masked(value) && value == veil.Mask(r.Fields[name]) })
}

// alike are the callbacks whose number is shown as text.
func alike(items []wire.Callback, text string) []wire.Callback {
	return slices.DeleteFunc(items, func(c wire.Callback) bool { return veil.Mask(c.Number) != text })
}

// hiddenDigits keeps a search from being asked digit by digit for what is masked: numbers are found by their last four
// digits at most, or whole.
func hiddenDigits(found []wire.ContactMatch, text string) []wire.ContactMatch {
	return slices.DeleteFunc(found, func(m wire.ContactMatch) bool {
		for _, word := range strings.Fields(strings.ToLower(text)) {
			if strings.Contains(strings.ToLower(m.Name), word) && strings.Trim(m.Name, "+0123456789 -./()") != "" {
				continue // found by the name, which is shown
			}
			digits := strings.Map(digitsOnly, word)
			if !slices.ContainsFunc(m.Numbers, func(n wire.ContactNumber) bool {
				x := strings.Map(digitsOnly, n.Number)
				return digits == x || len(digits) <= hiddenEnd && strings.HasSuffix(x, digits)
			}) {
				return true
			}
		}
		return false
	})
}
