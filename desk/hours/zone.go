package hours

import (
	"fmt"
	"time"
	_ "time/tzdata" // the binary knows all zones, whatever the machine has installed
)

// Zone finds an IANA time zone. "Local" and the empty name are refused: what they mean depends on the
// machine.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("hours: %q is not an IANA time zone", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("hours: %q is not an IANA time zone", name)
	}
	return loc, nil
}

// Wall is the first and the last moment at which the clocks of a zone show a date and a minute of the day
// (from 0; minutes beyond the day run into the next ones). They differ where the wall time comes twice. A
// wall time that is skipped yields the moment of the change, twice.
func Wall(loc *time.Location, year int, month time.Month, day, minute int) (first, last time.Time) {
	first, last, _ = resolve(loc, year, month, day, minute)
	return first, last
}

// Exists says whether the clocks of the zone show that date and minute at all.
func Exists(loc *time.Location, year int, month time.Month, day, minute int) bool {
	_, _, ok := resolve(loc, year, month, day, minute)
	return ok
}

// resolve looks at the offsets a day before and a day after: a change of the clocks lies between them or
// there is none.
func resolve(loc *time.Location, year int, month time.Month, day, minute int) (first, last time.Time, exists bool) {
	naive := time.Date(year, month, day, 0, minute, 0, 0, time.UTC)
	_, before := naive.Add(-24 * time.Hour).In(loc).Zone()
	_, after := naive.Add(24 * time.Hour).In(loc).Zone()
	a := naive.Add(-time.Duration(before) * time.Second).In(loc)
	b := naive.Add(-time.Duration(after) * time.Second).In(loc)
	shows := func(t time.Time) bool {
		_, offset := t.Zone()
		return t.Add(time.Duration(offset) * time.Second).Equal(naive)
	}
	switch okA, okB := shows(a), shows(b); {
	case okA && okB && b.Before(a):
		return b, a, true
	case okA && okB:
		return a, b, true
	case okA:
		return a, a, true
	case okB:
		return b, b, true
	}
	change, _ := a.ZoneBounds() // reckoned with the old offset it lies behind the change
	if change.IsZero() {
		change = a
	}
	return change, change, false
}
