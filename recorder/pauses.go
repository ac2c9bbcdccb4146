package recorder

import (
	"slices"
	"time"
)

// Owner says whose a pause is.
type Owner string

// The owners. Of a person's pauses there is one for each person, of the others one for each recording.
const (
	OwnerPerson  Owner = "person"  // somebody asked for it
	OwnerConsent Owner = "consent" // an announcement that must be over before anything is kept
	OwnerCapture Owner = "capture" // a secure capture of keys
)

// pause is what one owner has asked for.
type pause struct {
	owner      Owner
	by, reason string
	end        time.Time // with a reading of the monotonic clock: the wall clock may be set meanwhile
	till       time.Time // end as it is shown, by the recorder's clock
}

// same reports whether two pauses are of one owner: the later takes the place of the earlier then.
func (p pause) same(o pause) bool {
	return p.owner == o.owner && (p.owner != OwnerPerson || p.by == o.by)
}

// pauses are the pauses of one recording that have not ended, in the order in which they were asked for last. It is
// paused as long as there is one; the last of them is the one that its running gap names.
//
//	none --put--> some --put, drop of some--> some --drop of the last--> none
//
// It reads no clock and belongs to whoever holds the recording's ctl; changes need mu too.
type pauses struct {
	list  []pause
	since time.Time // since when there has always been a person's; zero: there is none
}

// put adds a pause, or moves the deadline of its owner's. Without a reason the owner's old one stands.
func (p *pauses) put(x pause, now time.Time) {
	if i := slices.IndexFunc(p.list, x.same); i >= 0 {
		if x.reason == "" {
			x.reason = p.list[i].reason
		}
		p.list = slices.Delete(p.list, i, i+1)
	}
	if x.owner == OwnerPerson && p.since.IsZero() {
		p.since = now
	}
	p.list = append(p.list, x)
}

// without is what is left when those that end are gone.
func (p *pauses) without(ends func(pause) bool) pauses {
	left := pauses{list: slices.DeleteFunc(slices.Clone(p.list), ends), since: p.since}
	if !left.has(OwnerPerson) {
		left.since = time.Time{}
	}
	return left
}

func (p *pauses) has(o Owner) bool {
	return slices.ContainsFunc(p.list, func(x pause) bool { return x.owner == o })
}

// holder is the pause that was asked for last. There must be one.
func (p *pauses) holder() pause { return p.list[len(p.list)-1] }

// last is the one that ends last, next the one that ends first. There must be one.
func (p *pauses) last() pause {
	return slices.MaxFunc(p.list, func(a, b pause) int { return a.end.Compare(b.end) })
}

func (p *pauses) next() pause {
	return slices.MinFunc(p.list, func(a, b pause) int { return a.end.Compare(b.end) })
}

// over reports whether a pause's deadline has passed.
func over(now time.Time) func(pause) bool {
	return func(x pause) bool { return !x.end.After(now) }
}

// persons are those that people asked for.
func (p *pauses) persons() pauses {
	return p.without(func(x pause) bool { return x.owner != OwnerPerson })
}
