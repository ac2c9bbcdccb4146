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
	"github.com/cordboard/cordboard/desk/dialer"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Contacts is what the floor looks up in the lists, which are no part of its state. The answers must not
// wait.
type Contacts interface {
	Row(list string, i int) (contacts.Row, bool)
	List(id string) (wire.ContactListing, error)
	Barred(number string) bool
}

// SetContacts gives the floor its lists. Once, before the first step.
func (f *Floor) SetContacts(c Contacts) { f.contacts = c }

const (
	// paceEvery is how often a running campaign's dialling is thought about.
	paceEvery = time.Second
	// rowsPerLook bounds the contacts of a list that one search passes over.
	rowsPerLook = 200
	// recentDials is how many attempts the share of answers is taken from, in two halves.
	recentDials = 400
)

// tempo is what a campaign's dialling measures; it is measured anew after a restart.
type tempo struct {
	at            time.Time // of the next thought, zero when the campaign does not run
	setup, talk   float64   // means in seconds
	wrap          float64
	air           []attempt // younger than a phone may ring
	recent, older dialer.Tally
}

type attempt struct {
	record   string
	at       time.Time
	answered bool
}

// settle counts the attempts whose outcome is certain by now.
func (t *tempo) settle(now time.Time, ring time.Duration) {
	for len(t.air) > 0 && now.Sub(t.air[0].at) > ring {
		if t.recent.Dialled >= recentDials/2 {
			t.older, t.recent = t.recent, dialer.Tally{}
		}
		t.recent.Dialled++
		if t.air[0].answered {
			t.recent.Answered++
		}
		t.air = t.air[1:]
	}
}

func mean(old *float64, v float64) {
	if *old == 0 {
		*old = v
		return
	}
	*old += (v - *old) / 50
}

func (f *Floor) indexCampaign(old, c campaign.Campaign) {
	t := f.tempos[c.ID]
	if t == nil {
		t = &tempo{}
		f.tempos[cmp.Or(c.ID, old.ID)] = t
	}
	switch {
	case c.State != wire.CampaignRunning:
		t.at = time.Time{}
	case t.at.IsZero():
		t.at = f.now.Add(paceEvery)
	}
	f.due.add(time.Time{}, t.at, key{KindPace, c.ID}) // twice does no harm
}

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
		if _, ok := f.entry(c.Setup.EntryPoint); !ok {
			return noEntryPoint()
		}
		c, err = c.Start(f.now)
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

// think is a running campaign's beat: outcomes are counted, and customers dialled.
func (f *Floor) think(cid string) {
	c, ok := f.state.Campaigns[cid]
	t := f.tempos[cid]
	if !ok || t == nil || c.State != wire.CampaignRunning {
		return
	}
	if f.queues[c.Setup.Queue] == nil { // the configuration file changed over a restart
		c, _ = c.Pause() // it runs
		f.setCampaign(c, Actor)
		return
	}
	was := t.at
	t.at = f.now.Add(paceEvery)
	f.due.add(was, t.at, key{KindPace, cid})
	t.settle(f.now, time.Duration(c.Setup.RingSeconds+5)*time.Second)
	if _, more := f.contacts.Row(c.Setup.List, c.Cursor); !more && c.Open == 0 {
		c, _ = c.Finish() // it runs
		f.setCampaign(c, Actor)
		return
	}
	switch c.Setup.Mode {
	case wire.ModeProgressive:
		for range dialer.Progressive(f.situation(c, t)) {
			if !f.dialNext(c.ID, true) {
				return
			}
		}
	case wire.ModePredictive:
		for range dialer.Predictive(f.situation(c, t)) {
			if !f.dialNext(c.ID, false) {
				return
			}
		}
	}
}

// situation is what the pacing looks at. Campaigns of one queue share its agents, so what is in the air for
// the others counts too.
func (f *Floor) situation(c campaign.Campaign, t *tempo) dialer.Situation {
	s := dialer.Situation{
		Setup: cmp.Or(t.setup, 10), Talk: cmp.Or(t.talk, 120), Wrap: cmp.Or(t.wrap, 20),
		Recent: t.recent.Add(t.older), Cap: c.Setup.CapPercent / 100, Limit: c.Setup.MaxCalls,
	}
	s.Day, s.Month = c.Tallies(f.now)
	l := f.queues[c.Setup.Queue]
	for _, i := range l.Idle() {
		if c.Serves(i.ID) {
			s.Idle++
		}
	}
	for aid, st := range f.agents {
		if slices.Contains(st.ids, l.ID) && c.Serves(aid) {
			switch a := f.state.Agents[aid]; {
			case a.State == wire.AgentBusy && a.OnDuty():
				s.Talking++
			case a.State == wire.AgentWrapup && a.OnDuty():
				s.WrapUp++
			}
		}
	}
	for oid, o := range f.state.Campaigns {
		if o.Setup.Queue != c.Setup.Queue || o.Setup.Mode != wire.ModePredictive && o.Setup.Mode != wire.ModeProgressive {
			continue
		}
		s.InFlight += f.counts[oid][wire.RecordDialing]
	}
	for _, callID := range f.live {
		if k := f.state.Contacts[callID]; k.Queue == l.ID {
			s.InFlight--
			if k.Agent == "" {
				s.Waiting++
			}
		}
	}
	if c.Setup.Mode == wire.ModeProgressive {
		s.InFlight, s.Waiting = 0, 0 // their agents are reserved, and so not idle
		if s.Limit > 0 {
			s.Limit = max(0, s.Limit-f.counts[c.ID][wire.RecordDialing])
			if s.Limit == 0 {
				s.Idle = 0
			}
		}
	}
	return s
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
	if err := f.DialLimit(); err != nil {
		return err
	}
	r, ok := f.nextRecord(c.ID, in.Agent)
	if !ok {
		return problem.New(http.StatusNotFound, "no_record", "no record of this campaign can be called now")
	}
	o := f.offerRecord(c, r, a)
	return Accept{Offer: o, Actor: in.Agent}.step(f) // it was asked for
}
