package contacts

import (
	"maps"
	"slices"
	"strings"

	"github.com/cordboard/cordboard/signaling/wire"
)

// shortest is how many digits of a number a search must have; fewer would find everybody.
const shortest = 3

// Search finds contacts of all lists: every word of the text is part of the name, or (three digits and more) of one of
// the numbers. Letters are compared without regard to case. At most limit, the newest lists first. It looks at each row
// once, about a million in a second.
func (b *Book) Search(text string, limit int) []wire.ContactMatch {
	words := strings.Fields(strings.ToLower(text))
	out := []wire.ContactMatch{}
	if len(words) == 0 {
		return out
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	ids := slices.Sorted(maps.Keys(b.lists))
	slices.Reverse(ids) // an id begins with the time it was made
	for _, id := range ids {
		l := b.lists[id]
		if !l.done {
			continue
		}
		for i, r := range l.rows {
			if !matches(r, words) {
				continue
			}
			if len(out) == limit {
				return out
			}
			out = append(out, Match(l.ContactListing, i+1, r))
		}
	}
	return out
}

// Match is a row of a list, from 1, as the API shows it.
func Match(l wire.ContactListing, row int, r Row) wire.ContactMatch {
	return wire.ContactMatch{
		List: l.ID, ListName: l.Name, Row: row, Name: r.Name, Zone: r.Zone, Numbers: slices.Clone(r.Numbers), Fields: maps.Clone(r.Fields),
	}
}

func matches(r Row, words []string) bool {
	name := strings.ToLower(r.Name)
	for _, w := range words {
		if !strings.Contains(name, w) && !hasNumber(r, w) {
			return false
		}
	}
	return true
}

func hasNumber(r Row, word string) bool {
	digits := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, word)
	if len(digits) < shortest || strings.Trim(word, "+0123456789-./()") != "" {
		return false
	}
	return slices.ContainsFunc(r.Numbers, func(n wire.ContactNumber) bool { return strings.Contains(n.Number, digits) })
}
