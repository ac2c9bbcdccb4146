package desk

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/desk/floor"
	"github.com/cordboard/cordboard/signaling/wire"
)

// eva works in a campaign and is assigned to a number that belongs to all campaigns. Between two records, and in the
// mode in which answered calls come by themselves too, a caller of that number reaches her, and before the campaign's
// next record; while she talks the caller waits, and is not lost.
func TestS25_ANumberForAllCampaignsReachesAnAgentOfOne(t *testing.T) {
	for _, mode := range []wire.CampaignMode{wire.ModePushPreview, wire.ModeProgressive} {
		t.Run(string(mode), func(t *testing.T) {
			all := func(c *Config) {
				c.Numbers = append(c.Numbers, floor.Number{Number: "500", Queue: "main", Agents: []string{"eva"}})
			}
			answers := map[string]string{"041000001": "answer", "041000002": "answer", "041000003": "answer"}
			calling(t, answers, all, func(t *testing.T, r *rig) {
				went(12 * time.Hour)
				cid := r.campaign(mode, people(3), func(q *wire.CampaignRequest) { q.Queue = "side" })
				r.campaignStart(cid)
				r.ready("eva")
				r.ready("ana") // of the queue, and not assigned to the number
				went(2 * time.Second)
				var leg string
				if mode == wire.ModePushPreview {
					_, leg = r.take("eva")
					rec := r.record(cid, 1)
					r.do(floor.ChangeRecord{ID: rec.ID, Do: "dial", Agent: "eva", Own: true})
				} else {
					a, _ := r.Agent("eva")
					leg = r.attach(a.CallID, "eva")
				}
				if rec := r.record(cid, 1); rec.State != wire.RecordTalking || rec.Agent != "eva" {
					t.Fatalf("she works in the campaign: %+v", rec)
				}
				call := r.ring("500")
				went(5 * time.Second)
				if n := len(r.Offers("")); n != 0 {
					t.Fatalf("%d offers while she talks", n)
				}
				r.end(leg, "hangup")
				went(31 * time.Second) // her wrap-up is over
				if o := r.offered("eva"); o.CallID != call || o.Record != nil {
					t.Fatalf("the caller comes before the next record: %+v", o)
				}
				r.accept("eva")
				leg = r.attach(call, "eva")
				r.end(leg, "hangup")
				went(35 * time.Second)
				synctest.Wait()
				if rec := r.record(cid, 2); rec.Agent != "eva" {
					t.Errorf("then the campaign goes on: %+v", rec)
				}
			})
		})
	}
}
