package callback

import (
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

var monday = time.Date(2026, 3, 23, 8, 0, 0, 0, time.UTC)

func good() wire.CallbackRequest {
	return wire.CallbackRequest{
		Number: "+386 41 123 456", Name: "Žiga Šašić", Queue: "main", Date: "2026-03-24", From: "09:00", Till: "10:00", Zone: "Europe/Ljubljana",
	}
}

// check runs the rules over a changed good request; want is the code of the fault at the pointer, "" for none.
func check(t *testing.T, pointer, want string, change func(*wire.CallbackRequest)) Callback {
	t.Helper()
	r := good()
	change(&r)
	c, faults := Rules(r, monday)
	got := ""
	for _, f := range faults {
		if f.Pointer == pointer {
			got = f.Code
		} else {
			t.Errorf("%+v: unexpected fault %+v", r, f)
		}
	}
	if got != want {
		t.Errorf("%+v: fault at %s is %q, want %q", r, pointer, got, want)
	}
	return c
}

func TestW117_NumberOf7To15Characters(t *testing.T) {
	for s, want := range map[string]string{
		"": "required", "123456": "length", "1234567": "", "123456789012345": "", "1234567890123456": "length",
		"+123456789012345": "", "+1234567890123456": "length", "041-123-456": "", "041.123,456": "", "041 123 456": "",
		"041/123456": "characters", "12345a7": "characters", "-------": "characters", "12+34567": "characters", "+386 41 123 456": "",
		"1234567\n": "", "sip:123@x": "characters",
	} {
		check(t, "/number", want, func(r *wire.CallbackRequest) { r.Number = s })
	}
	if c := check(t, "/number", "", func(r *wire.CallbackRequest) { r.Number = "+386 41-123.456" }); c.Number != "+38641123456" || c.Shown != "+386 41-123.456" {
		t.Errorf("dialled as %q, shown as %q", c.Number, c.Shown)
	}
}

func TestW118_NameOf3To250Characters(t *testing.T) {
	for s, want := range map[string]string{
		"": "required", "Al": "length", "Ana": "", "李小龍": "", strings.Repeat("š", 250): "", strings.Repeat("š", 251): "length",
		"  A  ": "length", "Ana\x00": "characters", "\xff\xfe\xfd": "characters",
	} {
		check(t, "/name", want, func(r *wire.CallbackRequest) { r.Name = s })
	}
}

func TestW119_DateIsRequired(t *testing.T) {
	for s, want := range map[string]string{"": "required", "24.3.2026": "invalid", "2026-02-30": "invalid"} {
		check(t, "/date", want, func(r *wire.CallbackRequest) { r.Date = s })
	}
}

func TestW120_StartAndEndAreRequired(t *testing.T) {
	for s, want := range map[string]string{"": "required", "9:00": "invalid", "25:00": "invalid"} {
		check(t, "/from", want, func(r *wire.CallbackRequest) { r.From = s })
		check(t, "/till", want, func(r *wire.CallbackRequest) { r.Till = s })
	}
	c := check(t, "/till", "", func(r *wire.CallbackRequest) { r.From, r.Till = "22:00", "01:00" })
	if c.End.Sub(c.Start) != 3*time.Hour {
		t.Errorf("over midnight: %s to %s", c.Start, c.End)
	}
}

func TestW121_AtLeast30MinutesAhead(t *testing.T) {
	// 08:00 UTC is 09:00 in Ljubljana.
	for from, want := range map[string]string{"09:29": "too_soon", "09:30": "", "08:00": "too_soon"} {
		check(t, "/from", want, func(r *wire.CallbackRequest) { r.Date, r.From, r.Till = "2026-03-23", from, "12:00" })
	}
}

func TestW122_AtMost31DaysAhead(t *testing.T) {
	// 31 days later it is summer time: 08:00 UTC is 10:00.
	for from, want := range map[string]string{"10:00": "", "10:01": "too_late"} {
		check(t, "/date", want, func(r *wire.CallbackRequest) { r.Date, r.From, r.Till = "2026-04-23", from, "12:00" })
	}
}

func TestW123_ZoneIsIANA(t *testing.T) {
	for s, want := range map[string]string{"": "required", "Europe/Nowhere": "unknown", "Local": "unknown", "+02:00": "unknown", "Asia/Kathmandu": ""} {
		check(t, "/zone", want, func(r *wire.CallbackRequest) { r.Zone = s })
	}
}

func TestW123_ClockChanges(t *testing.T) {
	for _, c := range []struct {
		name, zone, date, from, till string
		start, end                   string // UTC; empty for a refusal
		pointer                      string
	}{
		{"day before", "Europe/Ljubljana", "2026-03-28", "02:30", "03:30", "2026-03-28T01:30:00Z", "2026-03-28T02:30:00Z", ""},
		{"begins in the gap", "Europe/Ljubljana", "2026-03-29", "02:30", "03:30", "", "", "/from"},
		{"ends in the gap", "Europe/Ljubljana", "2026-03-29", "01:30", "02:30", "", "", "/till"},
		{"over the gap", "Europe/Ljubljana", "2026-03-29", "01:30", "03:30", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", ""},
		{"gap in New York is another day", "America/New_York", "2026-03-29", "02:30", "03:30", "2026-03-29T06:30:00Z", "2026-03-29T07:30:00Z", ""},
		{"evening after", "Europe/Ljubljana", "2026-03-29", "18:00", "19:00", "2026-03-29T16:00:00Z", "2026-03-29T17:00:00Z", ""},
		{"twice in Sydney", "Australia/Sydney", "2026-04-05", "02:30", "02:45", "2026-04-04T15:30:00Z", "2026-04-04T16:45:00Z", ""},
		{"over midnight into the gap", "Europe/Ljubljana", "2026-03-28", "23:00", "02:15", "", "", "/till"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f Faults
			start, end := f.Window(c.date, c.from, c.till, c.zone, monday)
			if c.pointer != "" {
				if len(f) != 1 || f[0].Pointer != c.pointer || f[0].Code != "nonexistent" {
					t.Fatalf("faults %+v, want nonexistent at %s", f, c.pointer)
				}
				return
			}
			if len(f) != 0 || start.Format(time.RFC3339) != c.start || end.Format(time.RFC3339) != c.end {
				t.Fatalf("%s to %s, %+v; want %s to %s", start, end, f, c.start, c.end)
			}
		})
	}
}

func TestW124_QueueIsRequired(t *testing.T) {
	check(t, "/queue", "required", func(r *wire.CallbackRequest) { r.Queue = "" })
}

func TestW125_ReasonOfAtMost250Characters(t *testing.T) {
	for s, want := range map[string]string{"": "", "račun": "", strings.Repeat("č", 250): "", strings.Repeat("č", 251): "length"} {
		check(t, "/reason", want, func(r *wire.CallbackRequest) { r.Reason = s })
	}
}

func FuzzNumber(f *testing.F) {
	f.Add("+386 41 123 456")
	f.Fuzz(func(t *testing.T, s string) {
		var faults Faults
		n := faults.Number("/number", s)
		if (n == "") != (len(faults) > 0) {
			t.Fatalf("%q: %q with %v", s, n, faults)
		}
		if strings.Trim(strings.TrimPrefix(n, "+"), "0123456789") != "" || len(n) > MaxNumber+1 {
			t.Fatalf("%q is dialled as %q", s, n)
		}
	})
}

// TestTransitions runs every event in every state: it is allowed exactly where Allowed says so.
func TestTransitions(t *testing.T) {
	all := []wire.CallbackState{
		wire.CallbackRequested, wire.CallbackPlanned, wire.CallbackWaiting, wire.CallbackOffered, wire.CallbackPreview, wire.CallbackDialing,
		wire.CallbackTalking, wire.CallbackReached, wire.CallbackCompleted, wire.CallbackFailed, wire.CallbackCancelled,
	}
	events := map[string]func(Callback) (Callback, error){
		"confirm":    func(c Callback) (Callback, error) { return c.Confirm(monday) },
		"cancel":     func(c Callback) (Callback, error) { return c.Cancel() },
		"complete":   func(c Callback) (Callback, error) { return c.Complete("x") },
		"assign":     func(c Callback) (Callback, error) { return c.Assign("ana", 0, monday) },
		"reschedule": func(c Callback) (Callback, error) { return c.Reschedule(monday, monday) },
	}
	for _, s := range all {
		c := Callback{ID: "cbk_1", State: s, Limit: 3}
		for name, event := range events {
			got, err := event(c)
			allowed := false
			for _, a := range c.Allowed() {
				allowed = allowed || a == name
			}
			if (err == nil) != allowed {
				t.Errorf("%s in %s: %v, allowed %v", name, s, err, c.Allowed())
			}
			if err != nil && got.State != s {
				t.Errorf("%s in %s refused, and now %s", name, s, got.State)
			}
		}
		if c.Over() != (c.Expire(monday).State == s && len(c.Allowed()) <= 1 && s != wire.CallbackOffered && s != wire.CallbackDialing) && s != wire.CallbackDialing {
			t.Errorf("%s: over %v, after its deadline %s", s, c.Over(), c.Expire(monday).State)
		}
	}
}

func TestRetry(t *testing.T) {
	always := func(t time.Time) (time.Time, bool) { return t, true }
	c := Callback{State: wire.CallbackDialing, Attempts: 1, Limit: 3, Retry: time.Hour}
	for _, x := range []struct {
		name   string
		change func(*Callback)
		open   func(time.Time) (time.Time, bool)
		want   wire.CallbackState
		next   time.Duration
	}{
		{"later", func(*Callback) {}, always, wire.CallbackPlanned, time.Hour},
		{"at once", func(c *Callback) { c.Retry = 0 }, always, wire.CallbackWaiting, 0},
		{"used up", func(c *Callback) { c.Attempts = 3 }, always, wire.CallbackFailed, 0},
		{"window over", func(c *Callback) { c.End = monday.Add(30 * time.Minute) }, always, wire.CallbackFailed, 0},
		{"closed then", func(*Callback) {}, func(t time.Time) (time.Time, bool) { return t.Add(10 * time.Hour), true }, wire.CallbackPlanned, 11 * time.Hour},
		{"closed for good", func(*Callback) {}, func(t time.Time) (time.Time, bool) { return t, false }, wire.CallbackFailed, 0},
	} {
		d := c
		x.change(&d)
		got, err := d.Unanswered("busy", monday, x.open)
		if err != nil || got.State != x.want || got.Result != "busy" {
			t.Errorf("%s: %+v, %v", x.name, got, err)
		}
		if x.want == wire.CallbackPlanned && !got.Deadline.Equal(monday.Add(x.next)) {
			t.Errorf("%s: next %s", x.name, got.Deadline)
		}
	}
}
