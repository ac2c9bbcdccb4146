package tally

import (
	"time"

	"github.com/cordboard/cordboard/desk/hours"
)

// Every is how long a row of a report is.
type Every string

// The lengths.
const (
	Quarter Every = "quarter"
	Hour    Every = "hour"
	Day     Every = "day"
	All     Every = "all" // one row for the whole period
)

// Lengths are all lengths.
func Lengths() []Every { return []Every{Quarter, Hour, Day, All} }

// Row is the beginning and the end of the row a quarter belongs to, as the clocks of loc show it. A day of 23 or
// 25 hours is one day. An hour that comes twice is two rows that begin at different moments; one that is skipped
// is none; where the clocks are moved by half an hour, the hour they are moved in is cut at that moment. For All
// both are zero.
func (e Every) Row(quarter time.Time, loc *time.Location) (from, until time.Time) {
	local := quarter.In(loc)
	switch e {
	case Quarter:
		return local, local.Add(Span)
	case Hour:
		from = local.Add(-time.Duration(local.Minute())*time.Minute - time.Duration(local.Second())*time.Second)
		until = from.Add(time.Hour)
		changed, changes := local.ZoneBounds()
		if !changed.IsZero() && from.Before(changed) {
			from = changed
		}
		if !changes.IsZero() && until.After(changes) {
			until = changes
		}
		return from.In(loc), until.In(loc)
	case Day:
		y, m, d := local.Date()
		from, _ = hours.Wall(loc, y, m, d, 0)
		until, _ = hours.Wall(loc, y, m, d+1, 0)
		return from.In(loc), until.In(loc)
	default:
		return time.Time{}, time.Time{}
	}
}
