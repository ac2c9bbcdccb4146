package floor

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/campaign"
	"github.com/cordboard/cordboard/desk/contacts"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Contacts is what the floor looks up in the lists, which are no part of its state. The answers must not
// wait.
type Contacts interface {
	Row(list string, i int) (contacts.Row, bool)
	List(id string) (wire.ContactListing, error)
	Barred(number string) bool
	// Key is equal for numbers that are the same, written nationally or internationally.
	Key(number string) string
}

// SetContacts gives the floor its lists. Once, before the first step.
func (f *Floor) SetContacts(c Contacts) { f.contacts = c }

// rowsPerLook bounds the contacts of a list that one search passes over.
const rowsPerLook = 200

// setCampaign writes a campaign and tells when its state has changed.
func (f *Floor) setCampaign(c campaign.Campaign, actor string) {
	old := f.state.Campaigns[c.ID]
	put(f, key{KindCampaign, c.ID}, f.state.Campaigns, any(c))
	if old.State == c.State && old.Version == c.Version {
		return
	}
	typ := "campaign.changed"
	if old.State != c.State {
		switch c.State {
		case wire.CampaignRunning:
			typ = "campaign.started"
		case wire.CampaignPaused, wire.CampaignFinished:
			typ = "campaign.stopped"
		}
	}
	if old.State != wire.CampaignFinished && c.State == wire.CampaignFinished {
		for _, r := range f.state.Records {
			if r.Campaign == c.ID {
				f.matchRecord(r)
			}
		}
	}
	f.publish(typ, "", actor, f.wireCampaign(c))
	if typ == "campaign.started" {
		for _, aid := range slices.Sorted(maps.Keys(f.agents)) {
			if a, seen := f.state.Agents[aid]; seen && a.SignedIn() && f.worksIn(aid, c) {
				f.announce(aid, c)
			}
		}
	}
}

func (f *Floor) announce(aid string, c campaign.Campaign) {
	f.publish("campaign.announced", "", Actor, wire.CampaignNotice{Agent: aid, Campaign: c.ID, Name: c.Setup.Name, Mode: c.Setup.Mode})
}

// announceAll tells an agent who signs in of the campaigns that run already.
func (f *Floor) announceAll(aid string) {
	for _, cid := range slices.Sorted(maps.Keys(f.state.Campaigns)) {
		if c := f.state.Campaigns[cid]; c.State == wire.CampaignRunning && f.worksIn(aid, c) {
			f.announce(aid, c)
		}
	}
}

func (f *Floor) worksIn(aid string, c campaign.Campaign) bool {
	s := f.agents[aid]
	return s != nil && slices.Contains(s.ids, c.Setup.Queue)
}

func (f *Floor) wireCampaign(c campaign.Campaign) wire.Campaign {
	n := f.counts[c.ID]
	return c.Wire(n[wire.RecordDialing]+n[wire.RecordTalking], f.now)
}

func (f *Floor) campaign(cid string) (campaign.Campaign, error) {
	c, ok := f.state.Campaigns[cid]
	if !ok {
		return c, problem.NotFound("campaign", cid)
	}
	return c, nil
}

// MakeCampaign makes a campaign under the given id, ChangeCampaign changes one that does not run.
type MakeCampaign struct {
	ID      string
	Request wire.CampaignRequest
	Actor   string
}

// ChangeCampaign changes a campaign that does not run.
type ChangeCampaign struct {
	ID      string
	Request wire.CampaignRequest
	Actor   string
}

// MoveCampaign starts, pauses or finishes one.
type MoveCampaign struct{ ID, To, Actor string }

func (f *Floor) checkCampaign(r wire.CampaignRequest) (wire.CampaignRequest, int, error) {
	r = campaign.Complete(r)
	faults := campaign.Rules(r)
	total := 0
	if f.contacts == nil {
		faults.Add("/list", "unknown", "there are no lists here")
	} else if l, err := f.contacts.List(r.List); err != nil {
		faults.Add("/list", "unknown", "there is no list %s", r.List)
	} else {
		total = l.Contacts
	}
	if f.queues[r.Queue] == nil {
		faults.Add("/queue", "unknown", "there is no queue %s", r.Queue)
	}
	if r.EntryPoint != "" && !slices.ContainsFunc(f.entries, func(e entryPoint) bool { return Normalize(e.Number) == Normalize(r.EntryPoint) }) {
		faults.Add("/entry_point", "unknown", "there is no entry point %s", r.EntryPoint)
	}
	return r, total, faults.Err()
}

func (in MakeCampaign) step(f *Floor) error {
	r, total, err := f.checkCampaign(in.Request)
	if err != nil {
		return err
	}
	f.setCampaign(campaign.Campaign{ID: in.ID, State: wire.CampaignDraft, Setup: r, Total: total, Created: f.now, Version: 1}, in.Actor)
	return nil
}

func (in ChangeCampaign) step(f *Floor) error {
	c, err := f.campaign(in.ID)
	if err != nil {
		return err
	}
	if c.State != wire.CampaignDraft {
		in.Request.List = c.Setup.List
	}
	r, total, err := f.checkCampaign(in.Request)
	if err != nil {
		return err
	}
	if c, err = c.Change(r); err != nil {
		return err
	}
	if c.State == wire.CampaignDraft {
		c.Total = total
	}
	f.setCampaign(c, in.Actor)
	return nil
}

func (in MoveCampaign) step(f *Floor) error {
	c, err := f.campaign(in.ID)
	if err != nil {
		return err
	}
	switch in.To {
	case "start":
		c, err = f.startCampaign(c)
	case "pause":
		c, err = c.Pause()
	default:
		c, err = c.Finish()
	}
	if err != nil {
		return err
	}
	f.setCampaign(c, in.Actor)
	return nil
}

// startCampaign starts a campaign, if what it was made with is still there.
func (f *Floor) startCampaign(c campaign.Campaign) (campaign.Campaign, error) {
	started, err := c.Start(f.now)
	if err != nil {
		return c, err
	}
	if _, _, err := f.checkCampaign(c.Setup); err != nil {
		return c, err
	}
	if _, ok := f.entry(c.Setup.EntryPoint); !ok {
		return c, noEntryPoint()
	}
	return started, nil
}

// Campaign is one campaign as the API shows it.
func (f *Floor) Campaign(cid string, now time.Time) (wire.Campaign, error) {
	c, err := f.campaign(cid)
	n := f.counts[cid]
	return c.Wire(n[wire.RecordDialing]+n[wire.RecordTalking], now), err
}

// Campaigns are all campaigns, of one agent's queues or (empty) all, newest first.
func (f *Floor) Campaigns(agentID string, now time.Time) []wire.Campaign {
	out := []wire.Campaign{}
	for cid, c := range f.state.Campaigns {
		if agentID != "" && (c.State == wire.CampaignDraft || !f.worksIn(agentID, c)) {
			continue
		}
		w, _ := f.Campaign(cid, now) // is there
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b wire.Campaign) int { return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.ID, a.ID)) })
	return out
}

// WorksIn says whether a campaign is an agent's.
func (f *Floor) WorksIn(agentID, cid string) bool {
	c, ok := f.state.Campaigns[cid]
	return ok && f.worksIn(agentID, c)
}

// ListInUse says whether a campaign that is not finished calls a list.
func (f *Floor) ListInUse(list string) error {
	for _, c := range f.state.Campaigns {
		if c.Setup.List == list && c.State != wire.CampaignFinished {
			return problem.Conflict("list_in_use", string(c.State), nil, "campaign %s calls this list", c.ID)
		}
	}
	return nil
}

// AskRecord is an agent's wish for the next record of a campaign. In the modes in which records come by
// themselves it takes back a Done and Stop.
type AskRecord struct{ Campaign, Agent string }

func (in AskRecord) step(f *Floor) error {
	c, err := f.campaign(in.Campaign)
	if err != nil {
		return err
	}
	if c.State != wire.CampaignRunning {
		return problem.Conflict("campaign_wrong_state", string(c.State), c.Allowed(), "campaign %s does not run", c.ID)
	}
	if s := c.Stop(in.Agent, false); s.Version != c.Version {
		c = s
		f.setCampaign(c, in.Agent)
	}
	if c.Setup.Mode != wire.ModePreview {
		return nil
	}
	a, err := f.agent(in.Agent)
	if err != nil {
		return err
	}
	if !a.Free() {
		return problem.Conflict("agent_wrong_state", string(a.Visible()), a.Allowed(), "agent %s is %s: only a ready agent can be given a record", a.ID, a.Visible())
	}
	if _, ok := f.entry(c.Setup.EntryPoint); !ok {
		return noEntryPoint()
	}
	if err := f.DialLimit(); err != nil {
		return err
	}
	r, ok := f.nextRecord(c.ID, in.Agent)
	if !ok {
		return problem.New(http.StatusNotFound, "no_record", "no record of this campaign can be called now")
	}
	o := f.offerRecord(c, r, a)
	if f.state.Offers[o].Phone {
		return nil // picking the desk phone up takes it
	}
	return Accept{Offer: o, Actor: in.Agent}.step(f) // it was asked for
}
