package recorder

import (
	"slices"

	"github.com/cordboard/cordboard/signaling/wire"
)

// AddParty makes a member of the room part of the recording. Its track begins with its first tick; a party
// whose role the policy leaves out has none.
func (rec *Recording) AddParty(p Party) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.over.Load() || slices.ContainsFunc(*rec.seats.Load(), func(s seat) bool { return s.leg == p.LegID }) {
		return
	}
	for _, p.Voice = range rec.header.Rules.voices(p.Role) {
		rec.join(p)
	}
	rec.mark(wire.Marker{Type: wire.MarkerJoined, LegID: p.LegID}, rec.pos+1)
	if p.Agent != "" && !slices.Contains(rec.wire.Agents, p.Agent) {
		rec.wire.Agents = append(rec.wire.Agents, p.Agent)
		if rec.wire.Agent == "" {
			rec.wire.Agent = p.Agent
		}
	}
}

// join gives a party, or its second voice, its entry and its seat. rec.mu is held.
func (rec *Recording) join(p Party) {
	index := slices.IndexFunc(rec.parties, func(j Joined) bool {
		return j.Voice == p.Voice && (j.LegID == p.LegID || j.LeftMS != nil && p.Agent != "" && j.Agent == p.Agent && j.Role == p.Role)
	})
	if index < 0 {
		index = len(rec.parties)
		rec.parties = append(rec.parties, Joined{Party: p, JoinedMS: rec.ms(rec.pos + 1)})
		rec.tracks = append(rec.tracks, nil)
	} else { // back again: the same track goes on
		rec.parties[index].LegID, rec.parties[index].LeftMS = p.LegID, nil
		for _, t := range rec.files {
			if t.party == index {
				t.wire.LegID = p.LegID
			}
		}
	}
	if rec.header.Rules.takes(p.Role) {
		seats := append(slices.Clone(*rec.seats.Load()), seat{
			leg: p.LegID, party: index, raw: p.Voice == wire.VoiceRaw, keeps: rec.header.Rules.G711 != wire.G711Opus, past: &past{},
		})
		rec.seats.Store(&seats)
	}
	joined := rec.parties[index]
	rec.note(entry{Kind: entryParty, Party: &joined}, false, nil)
}

// RemoveParty ends a member's part; its track is silent from here to the end of the recording.
func (rec *Recording) RemoveParty(legID string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.drain() // what it said until now
	seats := slices.DeleteFunc(slices.Clone(*rec.seats.Load()), func(s seat) bool { return s.leg == legID })
	rec.seats.Store(&seats)
	gone := false
	for i := range rec.parties {
		if p := &rec.parties[i]; p.LegID == legID && p.LeftMS == nil {
			left := rec.ms(rec.pos + 1)
			p.LeftMS = &left
			if i < len(rec.marks.turns) {
				rec.endTurn(i)
			}
			gone = true
			rec.note(entry{Kind: entryLeft, Leg: legID, Offset: left}, false, nil)
		}
	}
	if gone {
		rec.mark(wire.Marker{Type: wire.MarkerLeft, LegID: legID}, rec.pos+1)
	}
}
