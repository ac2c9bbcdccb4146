package desk

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// A draft does not keep its queue in the configuration; without it it cannot be started, and nobody is given a record.
func TestStartLooksAtTheQueueAgain(t *testing.T) {
	calling(t, nil, nil, func(t *testing.T, r *rig) {
		went(12 * time.Hour)
		cid := r.campaign(wire.ModePreview, people(2), func(q *wire.CampaignRequest) { q.Queue = "side" })
		r.save(func(c *Config) {
			c.Queues = slices.DeleteFunc(c.Queues, func(q Queue) bool { return q.ID == "side" })
		})
		_, err := r.MoveCampaign(t.Context(), cid, "start", "sup")
		r.fault(err, 422, "/queue", "unknown")
		r.ready("ana")
		_, err = r.AskRecord(t.Context(), cid, "ana")
		r.fault(err, 409, "", "campaign_wrong_state")
	})
}

// A campaign whose queue went with the configuration file over a restart is paused before anybody can ask for a record.
func TestRestart_CampaignWithoutItsQueueIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		side := true
		r := &rig{t: t, store: &memory{}, lists: &memory{}, cfg: func(c *Config) {
			withCallbacks(c)
			if !side {
				c.Queues = slices.DeleteFunc(c.Queues, func(q Queue) bool { return q.ID == "side" })
			}
		}}
		r.start(nil)
		defer func() { _ = r.halt() }()
		went(12 * time.Hour)
		l, err := r.AddList(t.Context(), "x", strings.NewReader(people(2)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.MakeCampaign(t.Context(), wire.CampaignRequest{Name: "Spring", Mode: wire.ModePreview, List: l.ID, Queue: "side"}, "sup")
		if err != nil {
			t.Fatal(err)
		}
		r.campaignStart(c.ID)
		r.kill()
		side = false
		r.start(nil)
		r.ready("eva")
		_, err = r.AskRecord(t.Context(), c.ID, "eva")
		r.fault(err, 409, "", "campaign_wrong_state")
		if got, _ := r.Campaign(c.ID); got.State != wire.CampaignPaused {
			t.Errorf("%+v", got)
		}
	})
}

// Answering machines can only be detected where something can.
func TestDetectNeedsADetector(t *testing.T) {
	working(t, wire.ModeProgressive, people(2), nil, nil, func(t *testing.T, r *rig, cid string) {
		c, _ := r.Campaign(cid)
		q := c.Setup
		q.Detect = true
		_, err := r.MakeCampaign(t.Context(), q, "sup")
		r.fault(err, 422, "/detect", "no_detector")
		_, err = r.ChangeCampaign(t.Context(), cid, q, "sup")
		r.fault(err, 422, "/detect", "no_detector")
	})
	synctest.Test(t, func(t *testing.T) { // it was made while there was one
		r := &rig{t: t, store: &memory{}, lists: &memory{}, cfg: withCallbacks, detector: machines{}}
		r.start(nil)
		defer func() { _ = r.halt() }()
		went(12 * time.Hour)
		cid := r.campaign(wire.ModeProgressive, people(2), func(q *wire.CampaignRequest) { q.Detect = true })
		if err := r.halt(); err != nil {
			t.Fatal(err)
		}
		r.detector = nil
		r.start(nil)
		_, err := r.MoveCampaign(t.Context(), cid, "start", "sup")
		r.fault(err, 422, "/detect", "no_detector")
	})
}
