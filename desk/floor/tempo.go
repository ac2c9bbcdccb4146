package floor

import (
	"cmp"
	"slices"
	"time"

	"github.com/cordboard/cordboard/desk/campaign"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/dialer"
	"github.com/cordboard/cordboard/signaling/wire"
)

// paceEvery is how often a running campaign's dialling is thought about.
const paceEvery = time.Second

// tempo is what a campaign's dialling measures; it is measured anew after a restart.
type tempo struct {
	at          time.Time // of the next thought, zero when the campaign does not run
	setup, talk float64   // means in seconds
	wrap        float64
	air         []attempt // younger than a phone may ring
	recent      dialer.Recent
}

type attempt struct {
	record   string
	at       time.Time
	answered bool
}

// settle counts the attempts whose outcome is certain by now.
func (t *tempo) settle(now time.Time, ring time.Duration) {
	for len(t.air) > 0 && now.Sub(t.air[0].at) > ring {
		t.recent.Add(t.air[0].answered)
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

// think is a running campaign's beat: outcomes are counted, and customers dialled.
func (f *Floor) think(cid string) {
	c, ok := f.state.Campaigns[cid]
	t := f.tempos[cid]
	if !ok || t == nil || c.State != wire.CampaignRunning {
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
	var plan dialer.Plan
	switch c.Setup.Mode {
	case wire.ModeProgressive:
		plan = dialer.Progressive(f.situation(c, t))
	case wire.ModePredictive:
		plan = dialer.Predictive(f.situation(c, t))
	}
	for i := range plan.Ahead + plan.Reserved {
		if !f.dialNext(c.ID, i >= plan.Ahead) {
			return
		}
	}
}

// situation is what the pacing looks at. Campaigns of one queue share its agents, so what the others have
// called ahead counts too.
func (f *Floor) situation(c campaign.Campaign, t *tempo) dialer.Situation {
	s := dialer.Situation{
		Setup: cmp.Or(t.setup, 10), Talk: cmp.Or(t.talk, 120), Wrap: cmp.Or(t.wrap, 20),
		Recent: t.recent.Tally(), Cap: c.Setup.CapPercent / 100, Limit: c.Setup.MaxCalls,
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
	s.Calls = f.counts[c.ID][wire.RecordDialing]
	for _, k := range f.state.Contacts {
		if k.Queue != l.ID || isCallback(k.Task) || k.State != contact.Dialing && k.State != contact.Connecting {
			continue
		}
		r, ok := f.recordOf(k)
		if !ok || r.State != wire.RecordDialing {
			continue
		}
		switch {
		case k.Agent != "":
		case k.Customer == "":
			s.InFlight++
		default:
			s.Waiting++
		}
		if r.Campaign != c.ID {
			continue
		}
		if k.Customer != "" {
			s.Calls-- // it is made
		}
		if k.Agent == "" || k.State == contact.Connecting {
			s.Ahead++
		}
	}
	if c.Setup.Mode == wire.ModeProgressive {
		s.InFlight, s.Waiting = 0, 0 // what others call ahead does not keep its agents from being reserved
	}
	return s
}
