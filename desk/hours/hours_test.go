package hours

import (
	"testing"
	"time"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func compile(t *testing.T, c Config) *Plan {
	t.Helper()
	p, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWall(t *testing.T) {
	for _, c := range []struct {
		name, zone  string
		date        string
		minute      int
		first, last string
		exists      bool
	}{
		{"plain", "Europe/Ljubljana", "2026-03-28", 150, "2026-03-28T01:30:00Z", "2026-03-28T01:30:00Z", true},
		{"gap in spring", "Europe/Ljubljana", "2026-03-29", 150, "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", false},
		{"after the gap", "Europe/Ljubljana", "2026-03-29", 180, "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", true},
		{"overlap in autumn", "Europe/Ljubljana", "2026-10-25", 150, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", true},
		{"gap in America", "America/New_York", "2026-03-08", 150, "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z", false},
		{"overlap in America", "America/New_York", "2026-11-01", 90, "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", true},
		{"south", "Australia/Sydney", "2026-10-04", 150, "2026-10-03T16:00:00Z", "2026-10-03T16:00:00Z", false},
		{"half an hour", "Australia/Lord_Howe", "2026-10-04", 135, "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z", false},
		{"half an hour back", "Australia/Lord_Howe", "2026-04-05", 105, "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", true},
		{"midnight is skipped", "America/Santiago", "2026-09-06", 0, "2026-09-06T04:00:00Z", "2026-09-06T04:00:00Z", false},
		{"a whole day is skipped", "Pacific/Apia", "2011-12-30", 720, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", false},
		{"no change of clocks", "Asia/Kolkata", "2026-03-29", 150, "2026-03-28T21:00:00Z", "2026-03-28T21:00:00Z", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			loc, err := Zone(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			d, err := time.Parse(time.DateOnly, c.date)
			if err != nil {
				t.Fatal(err)
			}
			first, last := Wall(loc, d.Year(), d.Month(), d.Day(), c.minute)
			if !first.Equal(at(t, c.first)) || !last.Equal(at(t, c.last)) {
				t.Errorf("%s %d min in %s is %s to %s, want %s to %s", c.date, c.minute, c.zone, first.UTC(), last.UTC(), c.first, c.last)
			}
			if got := Exists(loc, d.Year(), d.Month(), d.Day(), c.minute); got != c.exists {
				t.Errorf("exists: %v, want %v", got, c.exists)
			}
		})
	}
}

// TestWallAllYear: whatever the zone, every minute of a year resolves to moments that show it, or to a
// change of the clocks, and time never runs backwards.
func TestWallAllYear(t *testing.T) {
	for _, name := range []string{"Europe/Ljubljana", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu", "Africa/Casablanca"} {
		loc, err := Zone(name)
		if err != nil {
			t.Fatal(err)
		}
		var prev time.Time
		for minute := 0; minute < 365*dayMinutes; minute += 15 {
			first, last := Wall(loc, 2026, 1, 1, minute)
			if first.Before(prev) || last.Before(first) {
				t.Fatalf("%s minute %d: %s to %s after %s", name, minute, first, last, prev)
			}
			prev = first
			naive := time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC).Format("01-02 15:04")
			if Exists(loc, 2026, 1, 1, minute) && first.In(loc).Format("01-02 15:04") != naive {
				t.Fatalf("%s: %s shows %s, want %s", name, first.UTC(), first.In(loc), naive)
			}
		}
	}
}

func weekdays() Config {
	return Config{
		Zone: "Europe/Ljubljana", Week: []Span{{Days: []string{"mon-fri"}, From: "08:00", Till: "16:00"}, {Days: []string{"sat"}, From: "22:00", Till: "04:00"}},
		Exceptions: []Exception{{Date: "12-25", Name: "Christmas"}, {Date: "2026-12-24", Open: []Span{{From: "08:00", Till: "12:00"}}}},
	}
}

func TestOpen(t *testing.T) {
	p := compile(t, weekdays())
	for at1, want := range map[string]bool{
		"2026-11-20T07:00:00Z": true,  // Friday 08:00 sharp
		"2026-11-20T06:59:59Z": false, // a second early
		"2026-11-20T14:59:59Z": true,
		"2026-11-20T15:00:00Z": false, // closing time is closed
		"2026-07-20T06:00:00Z": true,  // summer time: 08:00 is 06:00 UTC
		"2026-11-22T02:30:00Z": true,  // Sunday 03:30, of Saturday's span
		"2026-11-22T03:00:00Z": false,
		"2026-12-24T10:59:00Z": true,
		"2026-12-24T11:00:00Z": false, // half a day
		"2026-12-25T10:00:00Z": false, // a Friday, and a holiday
		"2025-12-25T10:00:00Z": false, // every year
	} {
		if got := p.Open(at(t, at1)); got != want {
			t.Errorf("open at %s: %v, want %v", at1, got, want)
		}
	}
	if !(*Plan)(nil).Open(time.Now()) {
		t.Error("no hours at all: want always open")
	}
}

// TestOpenOverChange: a night span is an hour shorter in spring and an hour longer in autumn, and its ends
// are where the wall clock says.
func TestOpenOverChange(t *testing.T) {
	p := compile(t, weekdays())
	for _, c := range []struct {
		day    string
		length time.Duration
	}{{"2026-03-21T12:00:00Z", 6 * time.Hour}, {"2026-03-28T12:00:00Z", 5 * time.Hour}, {"2026-10-24T12:00:00Z", 7 * time.Hour}} {
		from := at(t, c.day)
		l := p.Intervals(from, from.Add(20*time.Hour))
		if len(l) != 1 || l[0].End.Sub(l[0].Start) != c.length {
			t.Fatalf("%s: %v, want one interval of %s", c.day, l, c.length)
		}
		if s := l[0].Start.In(p.Location()).Format("15:04") + l[0].End.In(p.Location()).Format("15:04"); s != "22:0004:00" {
			t.Errorf("%s: wall times %s", c.day, s)
		}
	}
	// 02:30 comes twice on 25 October: opening takes the first, closing the second.
	night := compile(t, Config{Zone: "Europe/Ljubljana", Week: []Span{{From: "01:00", Till: "02:30"}}})
	l := night.Intervals(at(t, "2026-10-24T22:00:00Z"), at(t, "2026-10-25T06:00:00Z"))
	if len(l) != 1 || l[0].End.Sub(l[0].Start) != 150*time.Minute {
		t.Errorf("closing at a time that comes twice: %v", l)
	}
	// One that lies in the gap altogether does not open.
	gap := compile(t, Config{Zone: "Europe/Ljubljana", Week: []Span{{From: "02:10", Till: "02:50"}}})
	if l := gap.Intervals(at(t, "2026-03-28T23:00:00Z"), at(t, "2026-03-29T06:00:00Z")); len(l) != 0 {
		t.Errorf("hours inside the gap: %v", l)
	}
}

func TestNextAndChange(t *testing.T) {
	p := compile(t, weekdays())
	for _, c := range []struct{ from, next, change string }{
		{"2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z", "2026-11-20T15:00:00Z"},
		{"2026-11-20T16:00:00Z", "2026-11-21T21:00:00Z", "2026-11-21T21:00:00Z"},
		{"2026-12-24T12:00:00Z", "2026-12-26T21:00:00Z", "2026-12-26T21:00:00Z"}, // over Christmas
	} {
		if got, ok := p.Next(at(t, c.from)); !ok || !got.Equal(at(t, c.next)) {
			t.Errorf("next after %s: %s %v, want %s", c.from, got.UTC(), ok, c.next)
		}
		if got, ok := p.Change(at(t, c.from)); !ok || !got.Equal(at(t, c.change)) {
			t.Errorf("change after %s: %s %v, want %s", c.from, got.UTC(), ok, c.change)
		}
	}
	never := compile(t, Config{Week: []Span{{Days: []string{"mon"}, From: "08:00", Till: "09:00"}}, Exceptions: nil})
	if _, ok := never.Next(at(t, "2026-11-24T00:00:00Z")); !ok {
		t.Error("a Monday comes every week")
	}
	always := compile(t, Config{Exceptions: []Exception{{Date: "01-01"}}})
	if got, ok := always.Change(at(t, "2026-11-24T00:00:00Z")); !ok || !got.Equal(at(t, "2027-01-01T00:00:00Z")) {
		t.Errorf("round the clock until the holiday: %s %v", got, ok)
	}
}

func TestSlots(t *testing.T) {
	p := compile(t, weekdays())
	l := p.Slots(at(t, "2026-11-20T07:10:00Z"), at(t, "2026-11-20T23:00:00Z"), 30*time.Minute)
	if len(l) != 15 || !l[0].Start.Equal(at(t, "2026-11-20T07:30:00Z")) || !l[14].End.Equal(at(t, "2026-11-20T15:00:00Z")) {
		t.Errorf("%d slots: %v", len(l), l)
	}
	// In Kathmandu (+05:45) half hours of the wall clock are not those of UTC.
	k := compile(t, Config{Zone: "Asia/Kathmandu", Week: []Span{{From: "09:00", Till: "10:00"}}})
	l = k.Slots(at(t, "2026-11-20T00:00:00Z"), at(t, "2026-11-20T12:00:00Z"), 30*time.Minute)
	if len(l) != 2 || l[0].Start.In(k.Location()).Format("15:04") != "09:00" {
		t.Errorf("slots in Kathmandu: %v", l)
	}
}

func TestCompileRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"zone":          {Zone: "Europe/Nowhere", Week: []Span{{From: "08:00", Till: "09:00"}}},
		"zone only":     {Zone: "Local"},
		"time":          {Week: []Span{{From: "8:00", Till: "09:00"}}},
		"late":          {Week: []Span{{From: "08:00", Till: "25:00"}}},
		"begins at 24":  {Week: []Span{{From: "24:00", Till: "09:00"}}},
		"day":           {Week: []Span{{Days: []string{"mo"}, From: "08:00", Till: "09:00"}}},
		"date":          {Exceptions: []Exception{{Date: "2026-02-30"}}},
		"date twice":    {Exceptions: []Exception{{Date: "12-25"}, {Date: "12-25"}}},
		"hours of date": {Exceptions: []Exception{{Date: "12-25", Open: []Span{{From: "x", Till: "09:00"}}}}},
	} {
		if _, err := c.Compile(); err == nil {
			t.Errorf("%s: want a refusal", name)
		}
	}
}

func FuzzParseClock(f *testing.F) {
	f.Add("08:30")
	f.Add("24:00")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseClock(s); err == nil && (n < 0 || n > dayMinutes || len(s) != 5) {
			t.Errorf("%q is %d", s, n)
		}
	})
}
