package floor

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/desk/queue"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// maxLinks bounds the buttons of a ring beside its own.
const maxLinks = 4

// RingRule is what the rings of some kinds of contact show (W8). The first rule that fits is taken; without one a ring
// shows the variables marked popover, and both its buttons.
type RingRule struct {
	// Kinds of what rings; none: all. Queue narrows the rule to one queue.
	Kinds []wire.RingKind `toml:"kinds" json:"kinds,omitempty"`
	Queue string          `toml:"queue" json:"queue,omitempty"`
	// Variables are shown in this order, 3 to 6 of them, in place of those marked popover; none: as marked.
	Variables []string `toml:"variables" json:"variables,omitempty"`
	// Links are buttons that open a page in a window of its own.
	Links []RingLink `toml:"links" json:"links,omitempty"`
	// NoDecline leaves the button to decline away: the agent answers, or the ring runs out.
	NoDecline bool `toml:"no_decline" json:"no_decline,omitempty"`
}

// RingLink is a button of a ring. {number}, {name}, {call}, {queue} and {agent} in the address stand for what is known of
// the contact, {var:x} for its variable x; each is escaped.
type RingLink struct {
	Label string `toml:"label" json:"label"`
	URL   string `toml:"url" json:"url"`
}

// The words in braces that a link may have, beside {var:...}.
var linkWords = []string{"number", "name", "call", "queue", "agent"}

// expand replaces the words in braces by what known says of them.
func (l RingLink) expand(known func(word string) string) string {
	var out strings.Builder
	rest := l.URL
	for {
		before, after, ok := strings.Cut(rest, "{")
		out.WriteString(before)
		word, tail, closed := strings.Cut(after, "}")
		if !ok || !closed {
			return out.String()
		}
		// A query's escaping leaves nothing that means something elsewhere in an address, but for its blanks.
		out.WriteString(strings.ReplaceAll(url.QueryEscape(known(word)), "+", "%20"))
		rest = tail
	}
}

func (h Handling) validateRings(queues map[string]bool) error {
	variable := func(name string) (VariableDef, bool) {
		i := slices.IndexFunc(h.Variables, func(d VariableDef) bool { return d.Name == name })
		if i < 0 {
			return VariableDef{}, false
		}
		return h.Variables[i], true
	}
	for i, r := range h.Rings {
		at := fmt.Sprintf("desk: handling: ring rule %d", i+1)
		for _, k := range r.Kinds {
			if !slices.Contains(wire.Enums["RingKind"], string(k)) {
				return fmt.Errorf("%s: there is no kind %q", at, k)
			}
		}
		if r.Queue != "" && !queues[r.Queue] {
			return fmt.Errorf("%s: there is no queue %q", at, r.Queue)
		}
		if n := len(r.Variables); n != 0 && (n < minPopover || n > maxPopover) {
			return fmt.Errorf("%s: %d to %d variables are shown in a ring, not %d", at, minPopover, maxPopover, n)
		}
		for k, name := range r.Variables {
			if d, ok := variable(name); !ok || d.Secure || slices.Contains(r.Variables[:k], name) {
				return fmt.Errorf("%s: variable %q is not configured, secure, or there twice", at, name)
			}
		}
		if len(r.Links) > maxLinks {
			return fmt.Errorf("%s: a ring has at most %d links", at, maxLinks)
		}
		for _, l := range r.Links {
			if err := h.validateLink(l, variable); err != nil {
				return fmt.Errorf("%s: link %q: %w", at, l.Label, err)
			}
		}
	}
	return nil
}

func (h Handling) validateLink(l RingLink, variable func(string) (VariableDef, bool)) error {
	bad := ""
	address := l.expand(func(word string) string {
		name, isVar := strings.CutPrefix(word, "var:")
		d, known := variable(name)
		switch {
		case isVar && (!known || d.Secure), !isVar && !slices.Contains(linkWords, word):
			bad = word
		case word == "number" && h.MaskNumbers:
			bad = "number, which is masked here"
		}
		return "x"
	})
	// What is filled in must not say where the address leads.
	head, _, _ := strings.Cut(l.URL, "{")
	u, err := url.Parse(address)
	h2, errHead := url.Parse(head)
	switch {
	case strings.TrimSpace(l.Label) == "":
		return errors.New("it needs a label")
	case bad != "":
		return fmt.Errorf("there is no {%s}, or it is secure", bad)
	case strings.Count(l.URL, "{") != strings.Count(l.URL, "}"):
		return errors.New("a brace is not closed")
	case err != nil || errHead != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Host != h2.Host || !strings.Contains(strings.TrimPrefix(head, u.Scheme+"://"), "/"):
		return errors.New("the address must be like https://crm.example.com/customers?number={number}")
	}
	return nil
}

// kindOf is what rings.
func (f *Floor) kindOf(o offer.Offer, c contact.Contact) wire.RingKind {
	switch {
	case o.Work != "":
		return wire.RingWritten
	case o.Consult != "":
		return wire.RingConsult
	case isCallback(c.Task):
		return wire.RingCallback
	case c.Task != "":
		return wire.RingRecord
	case c.Place.Class == queue.ClassReturned:
		return wire.RingReturned
	case c.Place.Class == queue.ClassNew:
		return wire.RingNewCustomer
	default:
		return wire.RingCall
	}
}

// ringRule is the rule of an offer's ring; the zero rule where none fits.
func (f *Floor) ringRule(o offer.Offer, c contact.Contact) RingRule {
	kind := f.kindOf(o, c)
	for _, r := range f.cfg.Handling.Rings {
		if (len(r.Kinds) == 0 || slices.Contains(r.Kinds, kind)) && (r.Queue == "" || r.Queue == o.Queue) {
			return r
		}
	}
	return RingRule{}
}

// ringLinks are the links of an offer's ring, filled in.
func (f *Floor) ringLinks(r RingRule, o offer.Offer, c contact.Contact) []wire.OfferLink {
	var out []wire.OfferLink
	for _, l := range r.Links {
		out = append(out, wire.OfferLink{Label: l.Label, URL: l.expand(func(word string) string {
			if name, ok := strings.CutPrefix(word, "var:"); ok {
				if d, _ := f.definition(name); d.Secure { // a configuration in force cannot have one
					return ""
				}
				return c.Variables[name].Text
			}
			return map[string]string{"number": f.dir.Veil().Number(c.Party()), "name": f.dir.Veil().Name(c.FromName), "call": c.ID, "queue": o.Queue, "agent": o.Agent}[word]
		})})
	}
	return out
}

// mayDecline refuses to decline where the ring has no such button.
func (f *Floor) mayDecline(o offer.Offer) error {
	if o.State != wire.OfferOpen || !f.ringRule(o, f.state.Contacts[o.Call]).NoDecline {
		return nil
	}
	return problem.Conflict("offer_no_decline", string(o.State), []string{"accept"}, "offer %s cannot be declined: it is answered, or runs out", o.ID)
}
