package tally

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	_ "time/tzdata"
)

func TestX7_Shares(t *testing.T) {
	min := time.Minute
	for _, tt := range []struct {
		name      string
		s         Sums
		level     float64
		occupancy float64 // -1: none
	}{
		{"nothing", Sums{}, -1, -1},
		{"eight of ten", Sums{Answered: 9, InTime: 8, Abandoned: 1}, 0.8, -1},
		{"a short abandon does not count", Sums{Answered: 8, InTime: 8, Abandoned: 3, Short: 3}, 1, -1},
		{"only short abandons", Sums{Abandoned: 2, Short: 2}, -1, -1},
		{"elsewhere does not count", Sums{Answered: 1, InTime: 1, Elsewhere: 5}, 1, -1},
		{"half busy", Sums{Busy: 20 * min, Wrapping: 10 * min, Ready: 25 * min, Reserved: 5 * min}, -1, 0.5},
		{"a break is not there", Sums{Busy: 30 * min, NotReady: 30 * min}, -1, 1},
		{"only on a break", Sums{NotReady: 30 * min}, -1, -1},
	} {
		for what, got := range map[string]func() (float64, bool){"service level": tt.s.ServiceLevel, "occupancy": tt.s.Occupancy} {
			want := map[string]float64{"service level": tt.level, "occupancy": tt.occupancy}[what]
			if v, ok := got(); ok != (want >= 0) || ok && v != want {
				t.Errorf("%s: %s is %v, %t, want %v", tt.name, what, v, ok, want)
			}
		}
	}
}

// Add forgets no field: with every field of both set, every field changes.
func TestX7_AddForgetsNothing(t *testing.T) {
	var a, b Sums
	for i := range reflect.TypeFor[Sums]().NumField() {
		reflect.ValueOf(&a).Elem().Field(i).SetInt(int64(i + 1))
		reflect.ValueOf(&b).Elem().Field(i).SetInt(int64(100 + i))
	}
	sum := a
	sum.Add(b)
	for i := range reflect.TypeFor[Sums]().NumField() {
		f, want := reflect.TypeFor[Sums]().Field(i), int64(2*i+101)
		if f.Name == "LongestWait" {
			want = int64(100 + i)
		}
		if got := reflect.ValueOf(sum).Field(i).Int(); got != want {
			t.Errorf("%s is %d, want %d", f.Name, got, want)
		}
	}
	data, err := json.Marshal(Tally{Start: time.Unix(0, 0).UTC(), Kind: Agent, ID: "x", Sums: sum})
	var back Tally
	if err != nil || json.Unmarshal(data, &back) != nil || back.Sums != sum {
		t.Errorf("%s reads as %+v: %v", data, back, err)
	}
}

// Every quarter of a year lies in exactly one row of each length, the rows of a day are in order and without a gap,
// and their clocks say what their length promises: over all changes of the clocks, 23- and 25-hour days, half-hour
// changes, midnights that are skipped or come twice.
func TestX7_RowsOverChangesOfTheClocks(t *testing.T) {
	for _, tt := range []struct {
		zone, day string
		hours     int // rows of the day
		quarters  int
	}{
		{"Europe/Ljubljana", "2026-03-28", 24, 96},
		{"Europe/Ljubljana", "2026-03-29", 23, 92}, // 02:00 is skipped
		{"Europe/Ljubljana", "2026-10-25", 25, 100},
		{"America/New_York", "2026-11-01", 25, 100},
		{"Australia/Lord_Howe", "2026-04-05", 25, 98}, // back by half an hour: 01:30 comes twice, 24 and a half hours
		{"Australia/Lord_Howe", "2026-10-04", 24, 94}, // 02:00 to 02:30 is skipped
		{"America/Santiago", "2026-09-06", 23, 92},    // 00:00 is skipped
		{"America/Havana", "2026-11-01", 25, 100},     // 00:00 comes twice
		{"Asia/Kathmandu", "2026-03-01", 24, 96},      // +05:45
		{"UTC", "2026-03-01", 24, 96},
	} {
		loc, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		noon, _ := time.ParseInLocation("2006-01-02 15:04", tt.day+" 12:00", loc)
		from, until := Day.Row(Start(noon), loc)
		if y, m, d := from.Date(); time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) != tt.day {
			t.Errorf("%s %s begins %s", tt.zone, tt.day, from)
		}
		if got := int(until.Sub(from) / Span); got != tt.quarters {
			t.Errorf("%s %s has %d quarters, want %d (%s to %s)", tt.zone, tt.day, got, tt.quarters, from, until)
		}
		rows, end := 0, from
		for q := from; q.Before(until); q = q.Add(Span) {
			a, b := Hour.Row(q, loc)
			if a.After(q) || !b.After(q) {
				t.Errorf("%s: the hour of %s is %s to %s", tt.zone, q, a, b)
			}
			if !a.Equal(end) && !q.Equal(a) && a.Before(end) && q.Before(end) {
				continue // the row under way
			}
			if q.Equal(a) {
				if !a.Equal(end) {
					t.Errorf("%s: an hour begins %s, the one before ended %s", tt.zone, a, end)
				}
				rows, end = rows+1, b
				if b.Sub(a) > time.Hour || a.Hour() != b.Add(-time.Second).Hour() {
					t.Errorf("%s: an hour of %s: %s to %s", tt.zone, b.Sub(a), a, b)
				}
			}
			if c, d := Day.Row(q, loc); !c.Equal(from) || !d.Equal(until) {
				t.Errorf("%s: the day of %s is %s to %s, want %s to %s", tt.zone, q, c, d, from, until)
			}
			if c, d := Quarter.Row(q, loc); !c.Equal(q) || d.Sub(c) != Span {
				t.Errorf("%s: the quarter of %s is %s to %s", tt.zone, q, c, d)
			}
		}
		if rows != tt.hours || !end.Equal(until) {
			t.Errorf("%s %s has %d hours, want %d, the last until %s, want %s", tt.zone, tt.day, rows, tt.hours, end, until)
		}
	}
}
