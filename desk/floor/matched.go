package floor

import (
	"github.com/cordboard/cordboard/desk/campaign"
	"github.com/cordboard/cordboard/signaling/wire"
)

// matchRecord lets inbound calls be matched to an open record: those of its numbers belong to the outbound stage of
// its campaign (S3), until it is closed or the campaign finished.
func (f *Floor) matchRecord(r campaign.Record) {
	stage := f.stageOf(f.state.Campaigns[r.Campaign])
	if stage == "" {
		return
	}
	for _, n := range r.Numbers {
		switch {
		case f.openRecord(r):
			f.setOpen(n.Number, stage)
		case f.state.Open[Normalize(n.Number)] == stage && !f.openElsewhere(n.Number, r.ID):
			f.setOpen(n.Number, "")
		}
	}
}

func (f *Floor) openRecord(r campaign.Record) bool {
	return r.State != wire.RecordClosed && f.state.Campaigns[r.Campaign].State != wire.CampaignFinished
}

// stageOf is the outbound stage that names a campaign by its id or name, "" for none.
func (f *Floor) stageOf(c campaign.Campaign) string {
	for _, s := range f.cfg.Stages {
		if s.Kind == StageOutbound && s.Campaign != "" && (s.Campaign == c.ID || s.Campaign == c.Setup.Name) {
			return s.ID
		}
	}
	return ""
}

// openElsewhere says whether a number has an open record of the same stage besides one.
func (f *Floor) openElsewhere(number, but string) bool {
	stage := f.stageOf(f.state.Campaigns[f.state.Records[but].Campaign])
	for rid := range f.dialable[Normalize(number)] {
		if r := f.state.Records[rid]; rid != but && f.openRecord(r) && f.stageOf(f.state.Campaigns[r.Campaign]) == stage {
			return true
		}
	}
	return false
}

// indexNumbers keeps, for each number, the records with it that are not closed: in all campaigns together there are
// few. Stages and campaigns are looked at when it is asked, so that neither's change touches the index.
func (f *Floor) indexNumbers(old, r campaign.Record) {
	if old.ID != "" && old.State != wire.RecordClosed {
		for _, n := range old.Numbers {
			number := Normalize(n.Number)
			if delete(f.dialable[number], old.ID); len(f.dialable[number]) == 0 {
				delete(f.dialable, number)
			}
		}
	}
	if r.ID == "" || r.State == wire.RecordClosed {
		return
	}
	for _, n := range r.Numbers {
		number := Normalize(n.Number)
		if f.dialable[number] == nil {
			f.dialable[number] = map[string]bool{}
		}
		f.dialable[number][r.ID] = true
	}
}
