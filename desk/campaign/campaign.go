package campaign

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/callback"
	"github.com/cordboard/cordboard/desk/dialer"
	"github.com/cordboard/cordboard/desk/hours"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// monthDays is the stretch over which, beside the campaign day, abandonment is kept under the cap.
const monthDays = 30

// Day is the tally of one campaign day.
type Day struct {
	Date string `json:"date"`
	dialer.Tally
}

// Campaign is a campaign's state, plain data.
//
//	         start            pause
//	draft ─────────> running <──────> paused
//	                    │      start     │
//	                    └─> finished <───┘   no record left, or finish
type Campaign struct {
	ID      string               `json:"id"`
	State   wire.CampaignState   `json:"state"`
	Setup   wire.CampaignRequest `json:"setup"`
	Total   int                  `json:"total"`
	Cursor  int                  `json:"cursor"` // contacts of the list taken up
	Open    int                  `json:"open"`
	Results map[string]int       `json:"results,omitempty"`
	Days    []Day                `json:"days,omitempty"` // the last 30, newest last
	Stopped []string             `json:"stopped,omitempty"`
	Created time.Time            `json:"created"`
	Started time.Time            `json:"started,omitzero"`
	Version uint64               `json:"version"`
}

// Complete fills in the defaults of a request.
func Complete(r wire.CampaignRequest) wire.CampaignRequest {
	r.CapPercent = cmp.Or(r.CapPercent, 3)
	r.Attempts = cmp.Or(r.Attempts, 3)
	r.RetrySeconds = cmp.Or(r.RetrySeconds, 3600)
	r.RingSeconds = cmp.Or(r.RingSeconds, 25)
	r.WaitMS = cmp.Or(r.WaitMS, 2000)
	r.From, r.Till, r.Zone = cmp.Or(r.From, "08:00"), cmp.Or(r.Till, "20:00"), cmp.Or(r.Zone, "UTC")
	return r
}

// Rules checks what of a completed request does not depend on queues and lists.
func Rules(r wire.CampaignRequest) (f callback.Faults) {
	f.Text("/name", r.Name, 1, callback.MaxText)
	if !slices.Contains([]wire.CampaignMode{wire.ModePreview, wire.ModePushPreview, wire.ModeProgressive, wire.ModePredictive}, r.Mode) {
		f.Add("/mode", "required", "a campaign has a mode: preview, push_preview, progressive or predictive")
	}
	if !(r.CapPercent > 0 && r.CapPercent <= 20) {
		f.Add("/cap_percent", "out_of_range", "the cap lies above 0 and up to 20 percent")
	}
	for _, n := range []struct {
		pointer     string
		v, from, to int
	}{
		{"/attempts", r.Attempts, 1, 50},
		{"/retry_seconds", r.RetrySeconds, 60, 31 * 24 * 3600},
		{"/ring_seconds", r.RingSeconds, 5, 120},
		{"/wait_ms", r.WaitMS, 500, 10_000},
		{"/max_calls", r.MaxCalls, 0, 10_000},
	} {
		if n.v < n.from || n.v > n.to {
			f.Add(n.pointer, "out_of_range", "%s lies between %d and %d", n.pointer[1:], n.from, n.to)
		}
	}
	if _, err := hours.Zone(r.Zone); err != nil {
		f.Add("/zone", "unknown", "%q is not an IANA time zone", r.Zone)
	}
	a, err := hours.ParseClock(r.From)
	if err != nil {
		f.Add("/from", "invalid", "a time is like 08:00")
	}
	if b, err := hours.ParseClock(r.Till); err != nil || b <= a {
		f.Add("/till", "invalid", "a time is like 20:00, and after the first")
	}
	if !slices.Contains([]string{"", "personal", "campaign"}, r.Personal) {
		f.Add("/personal", "not_allowed", "personal is empty, personal or campaign")
	}
	for _, d := range r.Dispositions {
		if d.Code == "" || len(d.Code) > 100 {
			f.Add("/dispositions", "invalid", "a disposition has a code of up to 100 characters")
		}
	}
	return f
}

// Allowed names what may be done with the campaign now.
func (c Campaign) Allowed() []string {
	switch c.State {
	case wire.CampaignDraft:
		return []string{"start", "change"}
	case wire.CampaignRunning:
		return []string{"pause", "finish"}
	case wire.CampaignPaused:
		return []string{"start", "finish", "change"}
	default:
		return []string{}
	}
}

func (c Campaign) may(what string) error {
	if slices.Contains(c.Allowed(), what) {
		return nil
	}
	return problem.Conflict("campaign_wrong_state", string(c.State), c.Allowed(), "campaign %s is %s: cannot %s", c.ID, c.State, what)
}

// Start makes records come.
func (c Campaign) Start(now time.Time) (Campaign, error) {
	if err := c.may("start"); err != nil {
		return c, err
	}
	c.State = wire.CampaignRunning
	if c.Started.IsZero() {
		c.Started = now
	}
	c.Version++
	return c, nil
}

// Pause stops records from coming; calls go on.
func (c Campaign) Pause() (Campaign, error) {
	if err := c.may("pause"); err != nil {
		return c, err
	}
	c.State = wire.CampaignPaused
	c.Version++
	return c, nil
}

// Finish ends the campaign; calls go on.
func (c Campaign) Finish() (Campaign, error) {
	if err := c.may("finish"); err != nil {
		return c, err
	}
	c.State = wire.CampaignFinished
	c.Version++
	return c, nil
}

// Change sets another set-up; the list of a campaign that has begun stays.
func (c Campaign) Change(r wire.CampaignRequest) (Campaign, error) {
	if err := c.may("change"); err != nil {
		return c, err
	}
	if c.State != wire.CampaignDraft {
		r.List = c.Setup.List
	}
	c.Setup = r
	c.Version++
	return c, nil
}

// date is the campaign day of a moment, in the campaign's zone.
func (c Campaign) date(t time.Time) string {
	loc, err := hours.Zone(c.Setup.Zone)
	if err != nil {
		loc = time.UTC
	}
	return t.In(loc).Format(time.DateOnly)
}

// Count adds to the tally of the day of a moment.
func (c Campaign) Count(t dialer.Tally, at, now time.Time) Campaign {
	date := c.date(at)
	c.Days = slices.Clone(c.Days)
	i, found := slices.BinarySearchFunc(c.Days, date, func(d Day, date string) int { return cmp.Compare(d.Date, date) })
	if !found {
		c.Days = slices.Insert(c.Days, i, Day{Date: date})
	}
	c.Days[i].Tally = c.Days[i].Add(t)
	first := c.date(now.AddDate(0, 0, -monthDays+1))
	for len(c.Days) > 0 && c.Days[0].Date < first {
		c.Days = c.Days[1:]
	}
	return c
}

// Tallies are those of the day and of the last 30 days.
func (c Campaign) Tallies(now time.Time) (day, month dialer.Tally) {
	date, first := c.date(now), c.date(now.AddDate(0, 0, -monthDays+1))
	for _, d := range c.Days {
		if d.Date == date {
			day = d.Tally
		}
		if d.Date >= first {
			month = month.Add(d.Tally)
		}
	}
	return day, month
}

// Closed counts a record's end.
func (c Campaign) Closed(result string) Campaign {
	c.Results = maps.Clone(c.Results)
	if c.Results == nil {
		c.Results = map[string]int{}
	}
	c.Results[result]++
	c.Open--
	return c
}

// Serves says whether an agent takes records of the campaign now.
func (c Campaign) Serves(agent string) bool { return !slices.Contains(c.Stopped, agent) }

// Stop ends (or with on false begins again) the coming of records to an agent.
func (c Campaign) Stop(agent string, on bool) Campaign {
	i := slices.Index(c.Stopped, agent)
	if on == (i >= 0) {
		return c
	}
	c.Stopped = slices.Clone(c.Stopped)
	if on {
		c.Stopped = append(c.Stopped, agent)
	} else {
		c.Stopped = slices.Delete(c.Stopped, i, i+1)
	}
	c.Version++
	return c
}

// Wire is the campaign as the API shows it; calls are those under way.
func (c Campaign) Wire(calls int, now time.Time) wire.Campaign {
	day, month := c.Tallies(now)
	w := wire.Campaign{
		ID: c.ID, State: c.State, Setup: c.Setup, Total: c.Total, Begun: c.Cursor, Open: c.Open, Closed: c.Cursor - c.Open, Calls: calls,
		Results: c.Results, Today: tally(day), Month: tally(month), Stopped: c.Stopped, Allowed: c.Allowed(), Created: c.Created, Version: c.Version,
	}
	if w.Results == nil {
		w.Results = map[string]int{}
	}
	if w.Stopped == nil {
		w.Stopped = []string{}
	}
	if !c.Started.IsZero() {
		t := c.Started
		w.Started = &t
	}
	return w
}

func tally(t dialer.Tally) wire.CampaignTally {
	return wire.CampaignTally{Dialled: t.Dialled, Answered: t.Answered, Abandoned: t.Abandoned, AbandonedPercent: 100 * t.Rate()}
}
