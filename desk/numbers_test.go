package desk

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// tried is the numbers that were dialled, in order.
func (r *rig) tried() (out []string) {
	for _, d := range r.dialled() {
		_, number, _ := strings.Cut(d, " ")
		out = append(out, number)
	}
	return out
}

// A contact of which some numbers cannot be used gets its rounds over the others, no more and no fewer.
func TestG33_RoundsOverUsableNumbers(t *testing.T) {
	never := map[string]string{"041000001": "no_answer", "041000002": "no_answer", "041000003": "no_answer"}
	for name, c := range map[string]struct {
		csv, barred string
		want        []string
		result      string
	}{
		"first barred":   {"number,number2\n041000001,041000002\n", "041000001", []string{"041000002", "041000002", "041000002"}, "no_answer"},
		"last barred":    {"number,number2\n041000001,041000002\n", "041000002", []string{"041000001", "041000001", "041000001"}, "no_answer"},
		"middle barred":  {"number,number2,number3\n041000001,041000002,041000003\n", "041000002", []string{"041000001", "041000003", "041000001", "041000003", "041000001", "041000003"}, "no_answer"},
		"first at night": {"number,from,till,number2\n041000001,21:00,22:00,041000002\n", "", []string{"041000002", "041000002", "041000002"}, "no_answer"},
		"last at night":  {"number,number2,from2,till2\n041000001,041000002,21:00,22:00\n", "", []string{"041000001", "041000001", "041000001"}, "no_answer"},
		"all at night":   {"number,from,till\n041000001,21:00,22:00\n", "", nil, "no_number"},
		"all barred":     {"number\n041000001\n", "041000001", nil, "do_not_call"},
	} {
		t.Run(name, func(t *testing.T) {
			working(t, wire.ModeProgressive, c.csv, func(q *wire.CampaignRequest) { q.RetrySeconds = 60 }, never, func(t *testing.T, r *rig, cid string) {
				if c.barred != "" {
					if err := r.Bar(t.Context(), []string{c.barred}, true); err != nil {
						t.Fatal(err)
					}
				}
				r.campaignStart(cid)
				r.ready("ana")
				went(10 * time.Minute)
				if got := r.tried(); !slices.Equal(got, c.want) {
					t.Errorf("dialled %v, want %v", got, c.want)
				}
				if rec := r.record(cid, 1); rec.State != wire.RecordClosed || rec.Result != c.result || rec.Attempts > 3 {
					t.Errorf("%+v", rec)
				}
			})
		})
	}
}

// A number barred while its contact waits for the next one ends the round, not the contact.
func TestG33_NumberBarredBetweenAttempts(t *testing.T) {
	never := map[string]string{"041000001": "no_answer", "041000002": "no_answer"}
	csv := "number,number2,from2,till2\n041000001,041000002,15:00,16:00\n"
	working(t, wire.ModeProgressive, csv, func(q *wire.CampaignRequest) { q.RetrySeconds = 60 }, never, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		went(time.Minute)
		if got := r.tried(); !slices.Equal(got, []string{"041000001"}) {
			t.Fatalf("before its hours: %v", got)
		}
		if err := r.Bar(t.Context(), []string{"041000002"}, true); err != nil {
			t.Fatal(err)
		}
		went(4 * time.Hour)
		if got := r.tried(); !slices.Equal(got, []string{"041000001", "041000001", "041000001"}) {
			t.Errorf("%v", got)
		}
		if rec := r.record(cid, 1); rec.Result != "no_answer" || rec.State != wire.RecordClosed {
			t.Errorf("%+v", rec)
		}
	})
}

func TestG11_RescheduleWithANumberThatCanNeverBeCalled(t *testing.T) {
	csv := "number,number2,from2,till2\n041000001,041000002,21:00,22:00\n"
	working(t, wire.ModePreview, csv, nil, nil, func(t *testing.T, r *rig, cid string) {
		r.campaignStart(cid)
		r.ready("ana")
		rec := r.next(cid, "ana")
		if err := r.Bar(t.Context(), []string{"041000009"}, true); err != nil {
			t.Fatal(err)
		}
		day := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
		for _, c := range []struct {
			q             wire.RecordReschedule
			pointer, code string
		}{
			{wire.RecordReschedule{Add: &wire.ContactNumber{Number: "041000005", From: "20:00", Till: "21:00"}}, "/add/from", "outside_window"},
			{wire.RecordReschedule{Add: &wire.ContactNumber{Number: "041000009"}}, "/add/number", "do_not_call"},
			{wire.RecordReschedule{Number: "041000002"}, "/number", "outside_window"},
		} {
			c.q.Date, c.q.Time = day, "10:00"
			_, err := r.ChangeRecord(t.Context(), floor.ChangeRecord{ID: rec.ID, Do: "reschedule", Agent: "ana", Reschedule: c.q})
			r.fault(err, 422, c.pointer, c.code)
		}
		if got := r.record(cid, 1); got.State != wire.RecordPreview || len(got.Numbers) != 2 {
			t.Errorf("a refusal changes nothing: %+v", got)
		}
	})
}

// After a crash while its second number rang a record goes on with that number, in the same round.
func TestRestart_RoundIsNotCountedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, store: &memory{}, lists: &memory{}, cfg: withCallbacks}
		r.start(nil)
		defer func() { _ = r.halt() }()
		went(12 * time.Hour)
		l, err := r.AddList(t.Context(), "x", strings.NewReader("number,number2\n041000001,041000002\n"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.MakeCampaign(t.Context(), wire.CampaignRequest{Name: "Spring", Mode: wire.ModePreview, List: l.ID, Queue: "main"}, "sup")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Bar(t.Context(), []string{"041000001"}, true); err != nil {
			t.Fatal(err)
		}
		r.campaignStart(c.ID)
		r.ready("ana")
		rec := r.next(c.ID, "ana")
		if rec.At != 1 || rec.Attempts != 0 {
			t.Fatalf("%+v", rec)
		}
		if rec = r.do(floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "ana"}); rec.Attempts != 1 {
			t.Fatalf("%+v", rec)
		}
		r.kill()
		r.start(nil)
		if got := r.record(c.ID, 1); got.State != wire.RecordReady || got.Attempts != 0 || got.At != 1 || got.Result != "restart" {
			t.Errorf("%+v", got)
		}
	})
}
