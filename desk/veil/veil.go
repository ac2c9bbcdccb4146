// Package veil says what of the API's objects who may see, in one place: the values of secure variables stand in no
// object at all but the one that is asked for by its name, and customers' numbers are shown to agents by their last
// four characters, where that is configured.
//
//	object ──> Show ──> copy: secure variables left out; for agents numbers masked ──> answer, event
//
// Whoever prints an object for the outside shows it through a Policy. It goes by the types of package wire: a rule of
// a type holds wherever the type stands, in lists, in pointers, in an event's data.
package veil

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/cordboard/cordboard/signaling/wire"
)

// Config is what a Policy is made of.
type Config struct {
	// Numbers: agents see the last four characters of customers' numbers only.
	Numbers bool
	// Secure are the names of secure variables.
	Secure []string
	// Ours says whether a number is one of our own, which is no secret; nil: none is.
	Ours func(number string) bool
}

// Policy is what is hidden. It never changes; another configuration is another Policy. A nil Policy hides nothing.
// Safe for concurrent use.
type Policy struct {
	numbers bool
	secure  []string
	ours    func(string) bool
}

// New makes a Policy.
func New(c Config) *Policy {
	p := &Policy{numbers: c.Numbers, secure: slices.Clone(c.Secure), ours: c.Ours}
	if p.ours == nil {
		p.ours = func(string) bool { return false }
	}
	return p
}

// Masks says whether agents see masked numbers.
func (p *Policy) Masks() bool { return p != nil && p.numbers }

// Secure says whether a variable is secure.
func (p *Policy) Secure(name string) bool { return p != nil && slices.Contains(p.secure, name) }

// Show is an object as it may be printed, for somebody who may see whole numbers or for others. v is not changed;
// what it shares with the answer is not to be changed either.
func (p *Policy) Show(v any, whole bool) any {
	if v == nil || p == nil || (whole || !p.numbers) && len(p.secure) == 0 {
		return v
	}
	t := reflect.TypeOf(v)
	if !touched(t) {
		return v
	}
	out := reflect.New(t).Elem()
	out.Set(reflect.ValueOf(v))
	view{p, p.numbers && !whole}.walk(out)
	return out.Interface()
}

// Number is a customer's number as an agent may see it.
func (p *Policy) Number(n string) string {
	if p.Masks() {
		view{p, true}.number(&n)
	}
	return n
}

// Name is a customer's name as an agent may see it: who has none often has the number for one.
func (p *Policy) Name(n string) string {
	if p.Masks() {
		view{p, true}.name(&n)
	}
	return n
}

// Mask hides all but the last four characters of a number.
func Mask(number string) string {
	r := []rune(number)
	for i := range max(0, len(r)-4) {
		r[i] = Hidden
	}
	return string(r)
}

// Hidden stands for a character that is not shown.
const Hidden = '•'

// Masked says whether a text is one that Mask has hidden something of.
func Masked(text string) bool { return strings.ContainsRune(text, Hidden) }

// view is a Policy for one reader.
type view struct {
	*Policy
	mask bool
}

// number hides a number that is none of ours.
func (v view) number(n *string) {
	if v.mask && !v.ours(*n) {
		*n = Mask(*n)
	}
}

// name hides a name that is a number: who calls without a name often has the number for one.
func (v view) name(n *string) {
	if numeric(*n) {
		v.number(n)
	}
}

// numeric says whether a text could be a telephone number: seven digits or more, and nothing but what is written
// between them.
func numeric(text string) bool {
	digits := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune("+ -.()/", r):
			return false
		}
	}
	return digits >= 7
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// variables leaves secure ones out. The map is another one then: it may be shared.
func (v view) variables(m *map[string]string) {
	for _, name := range v.secure {
		if _, there := (*m)[name]; there {
			*m = maps.Clone(*m)
			maps.DeleteFunc(*m, func(name, _ string) bool { return v.Secure(name) })
			return
		}
	}
}

// fields hides a contact's columns that repeat one of its numbers.
func (v view) fields(m *map[string]string, numbers []wire.ContactNumber) {
	if !v.mask {
		return
	}
	var hidden map[string]string
	for name, value := range *m {
		if !numeric(value) {
			continue
		}
		d := digitsOf(value)
		if slices.ContainsFunc(numbers, func(n wire.ContactNumber) bool {
			x := digitsOf(n.Number) // with or without the country, the zero in front of the area left out
			return len(x) >= 7 && (strings.HasSuffix(x, strings.TrimLeft(d, "0")) || strings.HasSuffix(d, x))
		}) {
			if hidden == nil {
				hidden = maps.Clone(*m)
			}
			hidden[name] = Mask(value)
		}
	}
	if hidden != nil {
		*m = hidden
	}
}

// rules say what is hidden in the types that hold something. A rule runs on a copy, before the rules of what stands
// inside, so that it sees them whole.
var rules = map[reflect.Type]func(v view, x any){
	reflect.TypeFor[wire.Call](): func(v view, x any) {
		c := x.(*wire.Call)
		if c.Direction == wire.Outbound {
			v.number(&c.To)
		} else {
			v.number(&c.From)
		}
		v.name(&c.FromName)
		v.variables(&c.Variables)
	},
	reflect.TypeFor[wire.Leg](): func(v view, x any) {
		if l := x.(*wire.Leg); l.Role == wire.RoleCustomer {
			v.number(&l.Address)
		}
	},
	reflect.TypeFor[wire.Recording](): func(v view, x any) {
		r := x.(*wire.Recording) // it does not say who called whom
		v.number(&r.From)
		v.number(&r.To)
		v.variables(&r.Variables)
	},
	reflect.TypeFor[wire.Offer](): func(v view, x any) {
		o := x.(*wire.Offer) // in a consult either may be the customer
		if o.Work == nil {
			v.number(&o.From)
		} else {
			v.name(&o.From)
		}
		v.number(&o.To)
		v.name(&o.FromName)
	},
	reflect.TypeFor[wire.Participant](): func(v view, x any) {
		if p := x.(*wire.Participant); p.Role == wire.PartyCustomer {
			v.number(&p.Number)
			v.name(&p.Name)
		}
	},
	reflect.TypeFor[wire.RecordForm](): func(v view, x any) { v.number(&x.(*wire.RecordForm).Number) },
	reflect.TypeFor[wire.Callback](): func(v view, x any) {
		c := x.(*wire.Callback)
		v.number(&c.Number)
		v.name(&c.Name)
	},
	reflect.TypeFor[wire.CampaignRecord](): func(v view, x any) {
		r := x.(*wire.CampaignRecord)
		v.name(&r.Name)
		v.fields(&r.Fields, r.Numbers)
	},
	reflect.TypeFor[wire.ContactMatch](): func(v view, x any) {
		m := x.(*wire.ContactMatch)
		v.name(&m.Name)
		v.fields(&m.Fields, m.Numbers)
	},
	reflect.TypeFor[wire.ContactNumber](): func(v view, x any) { v.number(&x.(*wire.ContactNumber).Number) },
	reflect.TypeFor[wire.RecordAttempt](): func(v view, x any) { v.number(&x.(*wire.RecordAttempt).Number) },
	reflect.TypeFor[wire.WallCall](): func(v view, x any) {
		c := x.(*wire.WallCall)
		v.number(&c.Number)
		v.name(&c.Name)
	},
	reflect.TypeFor[wire.Work](): func(v view, x any) {
		w := x.(*wire.Work) // an address or an account, which may be a number
		v.name(&w.From)
		v.name(&w.FromName)
	},
	// A call record's own number goes by a grant of its own.
	reflect.TypeFor[wire.CallRecord](): func(v view, x any) { v.variables(&x.(*wire.CallRecord).Variables) },
}

// known remembers what touched has found out of each type.
var known sync.Map

// touched says whether something in a type has a rule, or could: an interface may hold anything.
func touched(t reflect.Type) bool {
	if is, ok := known.Load(t); ok {
		return is.(bool)
	}
	is := touches(t, map[reflect.Type]bool{})
	known.Store(t, is)
	return is
}

func touches(t reflect.Type, seen map[reflect.Type]bool) bool {
	if rules[t] != nil {
		return true
	}
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && touches(f.Type, seen) {
				return true
			}
		}
	case reflect.Slice, reflect.Pointer, reflect.Map:
		return touches(t.Elem(), seen)
	case reflect.Interface:
		return true
	}
	return false
}

// walk applies the rules to a value that can be set and is not shared; what it leads to is copied first.
func (v view) walk(x reflect.Value) {
	t := x.Type()
	if !touched(t) {
		return
	}
	if rule := rules[t]; rule != nil {
		rule(v, x.Addr().Interface())
	}
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				v.walk(x.Field(i))
			}
		}
	case reflect.Slice:
		if x.IsNil() {
			return
		}
		c := reflect.MakeSlice(t, x.Len(), x.Len())
		reflect.Copy(c, x)
		x.Set(c)
		for i := range c.Len() {
			v.walk(c.Index(i))
		}
	case reflect.Pointer:
		if x.IsNil() {
			return
		}
		c := reflect.New(t.Elem())
		c.Elem().Set(x.Elem())
		v.walk(c.Elem())
		x.Set(c)
	case reflect.Map:
		if x.IsNil() {
			return
		}
		c := reflect.MakeMapWithSize(t, x.Len())
		for it := x.MapRange(); it.Next(); {
			e := reflect.New(t.Elem()).Elem()
			e.Set(it.Value())
			v.walk(e)
			c.SetMapIndex(it.Key(), e)
		}
		x.Set(c)
	case reflect.Interface:
		if x.IsNil() {
			return
		}
		e := reflect.New(x.Elem().Type()).Elem()
		e.Set(x.Elem())
		v.walk(e)
		x.Set(e)
	}
}
