package callback

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Limits of a scheduled callback.
const (
	Soonest    = 30 * time.Minute
	Latest     = 31 * 24 * time.Hour
	MinName    = 3
	MaxText    = 250
	MinNumber  = 7
	MaxNumber  = 15
	separators = " -,."
)

// Faults collects broken rules, all of them, so that a form can show them at once.
type Faults []problem.Field

// Add notes a fault.
func (f *Faults) Add(pointer, code, format string, args ...any) {
	*f = append(*f, problem.Field{Pointer: pointer, Code: code, Detail: fmt.Sprintf(format, args...)})
}

// Err is the refusal, nil without faults.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return &problem.Error{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Detail: f[0].Detail, Fields: f}
}

// Number checks a telephone number (W117) and returns it as it is dialled: a leading "+" counts neither
// for the length nor as a separator.
func (f *Faults) Number(pointer, s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		f.Add(pointer, "required", "a number is needed")
		return ""
	}
	body := strings.TrimPrefix(s, "+")
	if n := utf8.RuneCountInString(body); n < MinNumber || n > MaxNumber {
		f.Add(pointer, "length", "a number has %d to %d characters", MinNumber, MaxNumber)
		return ""
	}
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(separators, r) {
			return -1
		}
		return r
	}, body)
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		f.Add(pointer, "characters", "a number consists of digits, a leading +, spaces, hyphens, commas and dots")
		return ""
	}
	return s[:len(s)-len(body)] + digits
}

// Text checks a text of min to max characters without control characters.
func (f *Faults) Text(pointer, s string, least, most int) {
	n := utf8.RuneCountInString(strings.TrimSpace(s))
	switch {
	case least > 0 && n == 0:
		f.Add(pointer, "required", "a text is needed")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		f.Add(pointer, "characters", "the text is not valid Unicode without control characters")
	case n < least || utf8.RuneCountInString(s) > most:
		f.Add(pointer, "length", "the text has %d to %d characters", least, most)
	}
}

// Written checks a text of several lines: something must stand in it, and at most so many characters.
func (f *Faults) Written(pointer, s string, most int) {
	plain := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, s)
	f.Text(pointer, plain, 1, most)
}

// Window reads date, times and zone as moments (W119 to W123). A wall time that the zone's clocks skip is
// refused; one that comes twice begins at its first and ends at its second coming. till not after from is
// of the next day.
func (f *Faults) Window(date, from, till, zone string, now time.Time) (start, end time.Time) {
	had := len(*f)
	for _, r := range []struct{ pointer, value string }{{"/date", date}, {"/from", from}, {"/till", till}, {"/zone", zone}} {
		if strings.TrimSpace(r.value) == "" {
			f.Add(r.pointer, "required", "%s is needed", r.pointer[1:])
		}
	}
	if len(*f) > had {
		return start, end
	}
	loc, err := hours.Zone(zone)
	if err != nil {
		f.Add("/zone", "unknown", "%q is not an IANA time zone", zone)
	}
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		f.Add("/date", "invalid", "a date is like 2026-03-01")
	}
	first, err := hours.ParseClock(from)
	if err != nil || first == 24*60 {
		f.Add("/from", "invalid", "a time is like 09:30")
	}
	last, err := hours.ParseClock(till)
	if err != nil {
		f.Add("/till", "invalid", "a time is like 09:30")
	}
	if len(*f) > had {
		return start, end
	}
	if last <= first {
		last += 24 * 60
	}
	for _, r := range []struct {
		pointer string
		minute  int
	}{{"/from", first}, {"/till", last}} {
		if !hours.Exists(loc, day.Year(), day.Month(), day.Day(), r.minute) {
			f.Add(r.pointer, "nonexistent", "the clocks in %s skip this time on %s", zone, date)
		}
	}
	start, _ = hours.Wall(loc, day.Year(), day.Month(), day.Day(), first)
	_, end = hours.Wall(loc, day.Year(), day.Month(), day.Day(), last)
	start, end = start.UTC(), end.UTC()
	switch {
	case start.Before(now.Add(Soonest)):
		f.Add("/from", "too_soon", "a callback can be scheduled from %d minutes from now", int(Soonest.Minutes()))
	case start.After(now.Add(Latest)):
		f.Add("/date", "too_late", "a callback can be scheduled up to %d days from now", int(Latest.Hours()/24))
	}
	return start, end
}

// Rules checks what of a request does not depend on queues and agents.
func Rules(r wire.CallbackRequest, now time.Time) (c Callback, f Faults) {
	c.Number, c.Shown = f.Number("/number", r.Number), strings.TrimSpace(r.Number)
	f.Text("/name", r.Name, MinName, MaxText)
	c.Start, c.End = f.Window(r.Date, r.From, r.Till, r.Zone, now)
	if r.Queue == "" {
		f.Add("/queue", "required", "a queue is needed")
	}
	f.Text("/reason", r.Reason, 0, MaxText)
	for pointer, n := range map[string]int{"/fallback_seconds": r.FallbackSeconds, "/attempts": r.Attempts, "/retry_seconds": r.RetrySeconds} {
		if n < 0 || n > 31*24*3600 {
			f.Add(pointer, "out_of_range", "%s must not be negative, nor longer than 31 days", pointer[1:])
		}
	}
	c.Name, c.Queue, c.Reason, c.Zone = strings.TrimSpace(r.Name), r.Queue, r.Reason, r.Zone
	c.Assignee, c.Alone, c.Preferred, c.Origin = r.Assignee, time.Duration(r.FallbackSeconds)*time.Second, r.Preferred, r.CallID
	c.Limit, c.Retry = r.Attempts, time.Duration(r.RetrySeconds)*time.Second
	return c, f
}
