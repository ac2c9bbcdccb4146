// Package hours says when something is open: weekly hours and exceptions (holidays, special days) in an
// IANA time zone, compiled once and asked with instants. It is pure, and right on the days on which clocks
// are changed:
//
//   - a wall time that is skipped (spring) stands for the moment of the change: a shop that opens at 02:30
//     opens when the clock jumps from 02:00 to 03:00;
//   - a wall time that comes twice (autumn) opens at its first and closes at its second coming, so opening
//     hours never shrink and a day may be 23 or 25 hours long.
//
// A span belongs to the day on which it begins; one whose till is not after its from ends on the next day.
package hours

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config is opening hours as they are written. No hours at all (the zero Config) is always open.
type Config struct {
	// Zone is an IANA time zone, "Europe/Ljubljana"; empty: UTC.
	Zone string `toml:"zone" json:"zone,omitempty"`
	// Week is the weekly hours. With exceptions only: open round the clock but for them.
	Week []Span `toml:"week" json:"week,omitempty"`
	// Exceptions replace the weekly hours of single days.
	Exceptions []Exception `toml:"exceptions" json:"exceptions,omitempty"`
}

// Span is hours on some days of the week.
type Span struct {
	// Days are "mon" to "sun", or ranges of them, "mon-fri". Empty: every day.
	Days []string `toml:"days" json:"days,omitempty"`
	// From and Till are wall times, "08:30"; till may be "24:00". A till that is not after from is the next day's.
	From string `toml:"from" json:"from"`
	Till string `toml:"till" json:"till"`
}

// Exception is a day with hours of its own, or none.
type Exception struct {
	// Date is "2026-12-24", or "12-25" for every year; the full date wins.
	Date string `toml:"date" json:"date"`
	Name string `toml:"name" json:"name,omitempty"`
	// Open are the day's hours; empty: closed.
	Open []Span `toml:"open" json:"open,omitempty"` // days are ignored
}

// Interval is a stretch of time, End not included.
type Interval struct{ Start, End time.Time }

// Plan is compiled opening hours. The nil Plan is always open. Safe for concurrent use.
type Plan struct {
	loc    *time.Location
	always bool
	week   [7][]span
	dates  map[string][]span // "2026-12-24" or "12-25"
}

// span is minutes of the day; till may exceed 24 hours.
type span struct{ from, till int }

const (
	dayMinutes = 24 * 60
	// searchDays bounds the search for the next opening; rarer than once a year counts as never.
	searchDays = 367
)

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Compile checks the hours and makes them askable. A Config without hours and exceptions yields nil.
func (c Config) Compile() (*Plan, error) {
	if len(c.Week) == 0 && len(c.Exceptions) == 0 {
		if c.Zone != "" {
			if _, err := Zone(c.Zone); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	p := &Plan{loc: time.UTC, always: len(c.Week) == 0, dates: map[string][]span{}}
	if c.Zone != "" {
		var err error
		if p.loc, err = Zone(c.Zone); err != nil {
			return nil, err
		}
	}
	for _, s := range c.Week {
		parsed, err := s.parse()
		if err != nil {
			return nil, err
		}
		days, err := parseDays(s.Days)
		if err != nil {
			return nil, err
		}
		for _, d := range days {
			p.week[d] = append(p.week[d], parsed)
		}
	}
	for _, e := range c.Exceptions {
		_, full := time.Parse(time.DateOnly, e.Date)
		_, yearly := time.Parse("2006-01-02", "2024-"+e.Date) // a leap year: 02-29 is a day
		if full != nil && yearly != nil {
			return nil, fmt.Errorf("hours: exception %q is not a date like 2026-12-24 or 12-25", e.Date)
		}
		if _, twice := p.dates[e.Date]; twice {
			return nil, fmt.Errorf("hours: exception %s is there twice", e.Date)
		}
		spans := []span{}
		for _, s := range e.Open {
			parsed, err := s.parse()
			if err != nil {
				return nil, err
			}
			spans = append(spans, parsed)
		}
		p.dates[e.Date] = spans
	}
	return p, nil
}

func (s Span) parse() (span, error) {
	from, err := ParseClock(s.From)
	if err != nil {
		return span{}, err
	}
	till, err := ParseClock(s.Till)
	if err != nil {
		return span{}, err
	}
	if from == dayMinutes {
		return span{}, fmt.Errorf("hours: a span cannot begin at 24:00")
	}
	if till <= from {
		till += dayMinutes
	}
	return span{from, till}, nil
}

// ParseClock reads a wall time, "08:30" or "24:00", as minutes of the day.
func ParseClock(s string) (int, error) {
	if s == "24:00" {
		return dayMinutes, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 {
		return 0, fmt.Errorf("hours: %q is not a wall time like 08:30", s)
	}
	return t.Hour()*60 + t.Minute(), nil
}

func parseDays(days []string) ([]int, error) {
	if len(days) == 0 {
		return []int{0, 1, 2, 3, 4, 5, 6}, nil
	}
	var set [7]bool
	for _, d := range days {
		first, last, isRange := strings.Cut(strings.ToLower(d), "-")
		if !isRange {
			last = first
		}
		i, j := slices.Index(dayNames, first), slices.Index(dayNames, last)
		if i < 0 || j < 0 {
			return nil, fmt.Errorf("hours: %q is not a day (mon to sun) or a range like mon-fri", d)
		}
		for ; ; i = (i + 1) % 7 {
			set[i] = true
			if i == j {
				break
			}
		}
	}
	var out []int
	for i, in := range set {
		if in {
			out = append(out, i)
		}
	}
	return out, nil
}

// Location is the plan's time zone; UTC for the nil Plan.
func (p *Plan) Location() *time.Location {
	if p == nil {
		return time.UTC
	}
	return p.loc
}

// day is the intervals of one date, as wall minutes.
func (p *Plan) day(year int, month time.Month, day int) []span {
	date := time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
	if s, ok := p.dates[date.Format(time.DateOnly)]; ok {
		return s
	}
	if s, ok := p.dates[date.Format("01-02")]; ok {
		return s
	}
	if p.always {
		return []span{{0, dayMinutes}}
	}
	return p.week[date.Weekday()]
}

// Intervals are the open intervals that touch [from, till), in order, joined where they meet, not cut at
// the ends.
func (p *Plan) Intervals(from, till time.Time) []Interval {
	if p == nil {
		return []Interval{{from, till}}
	}
	var out []Interval
	first := from.In(p.loc)
	y, m, d := first.Date()
	for i := -1; ; i++ { // a span of the day before may reach into this one
		date := time.Date(y, m, d+i, 12, 0, 0, 0, time.UTC)
		if start, _ := Wall(p.loc, date.Year(), date.Month(), date.Day(), 0); !start.Before(till) {
			break
		}
		for _, s := range p.day(date.Year(), date.Month(), date.Day()) {
			start, _ := Wall(p.loc, date.Year(), date.Month(), date.Day(), s.from)
			_, end := Wall(p.loc, date.Year(), date.Month(), date.Day(), s.till)
			if start.Before(till) && end.After(from) && start.Before(end) {
				out = append(out, Interval{start, end})
			}
		}
	}
	slices.SortFunc(out, func(a, b Interval) int { return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End)) })
	joined := out[:0]
	for _, i := range out {
		if n := len(joined); n > 0 && !i.Start.After(joined[n-1].End) {
			if i.End.After(joined[n-1].End) {
				joined[n-1].End = i.End
			}
			continue
		}
		joined = append(joined, i)
	}
	return joined
}

// Open says whether it is open at t.
func (p *Plan) Open(t time.Time) bool {
	if p == nil {
		return true
	}
	return len(p.Intervals(t, t.Add(time.Nanosecond))) > 0
}

// Next is the first moment at or after t at which it is open; false when there is none within a year.
func (p *Plan) Next(t time.Time) (time.Time, bool) {
	if p == nil {
		return t, true
	}
	for i := range searchDays {
		at := t.AddDate(0, 0, i)
		if l := p.Intervals(at, at.AddDate(0, 0, 1)); len(l) > 0 {
			if l[0].Start.Before(t) {
				return t, true
			}
			return l[0].Start, true
		}
	}
	return time.Time{}, false
}

// Change is the first moment after t at which it opens or closes; false when it never does within a year.
func (p *Plan) Change(t time.Time) (time.Time, bool) {
	if p == nil {
		return time.Time{}, false
	}
	for _, days := range []int{3, 12, searchDays} {
		until := t.AddDate(0, 0, days)
		for _, l := range p.Intervals(t, until) {
			if l.Start.After(t) {
				return l.Start, true
			}
			// An interval that reaches to the end of what was asked for is not known to end there.
			if l.End.Before(until.AddDate(0, 0, -2)) {
				return l.End, true
			}
		}
	}
	return time.Time{}, false
}

// Slots cuts the open time in [from, till) into slots of the given length that begin on full multiples of
// it on the wall clock; a slot lies wholly inside the open time.
func (p *Plan) Slots(from, till time.Time, length time.Duration) []Interval {
	var out []Interval
	if length <= 0 {
		return nil
	}
	for _, open := range p.Intervals(from, till) {
		start := open.Start
		if start.Before(from) {
			start = from
		}
		_, offset := start.In(p.Location()).Zone()
		shift := time.Duration(offset) * time.Second
		at := start.Add(shift).Truncate(length).Add(-shift)
		if at.Before(start) {
			at = at.Add(length)
		}
		for ; !at.Add(length).After(open.End) && !at.Add(length).After(till); at = at.Add(length) {
			out = append(out, Interval{at, at.Add(length)})
		}
	}
	return out
}
