// Package conference is who is on a call beside the customer and the agent in control of it, and who comes
// next when that agent leaves: plain data and pure functions.
//
// A party is an agent or a number that was dialled. Agents can be given control, numbers cannot: control
// always passes to the agent who has been there longest.
package conference

import (
	"slices"
	"time"
)

// Limit is how many can be on a call, the customer and the agent in control included.
const Limit = 8

// Party is somebody on the call.
//
//	         voice lost             back
//	talking ────────────> lost ──────────────> talking
//	   │                   │ deadline
//	   └──── leaves ───────┴──> gone (no longer in Parties)
type Party struct {
	Leg      string    `json:"leg,omitempty"`    // empty while its voice is lost
	Agent    string    `json:"agent,omitempty"`  // empty for a number
	Number   string    `json:"number,omitempty"` // what was dialled
	Since    time.Time `json:"since"`
	Deadline time.Time `json:"deadline,omitzero"` // lost: until when it may come back
}

// Parties are the others on a call in the order they came. Its methods never change the slice they are
// called on.
type Parties []Party

// Join adds a party.
func (ps Parties) Join(p Party) Parties { return append(slices.Clone(ps), p) }

// Leave takes out the i-th party.
func (ps Parties) Leave(i int) Parties {
	out := slices.Delete(slices.Clone(ps), i, i+1)
	if len(out) == 0 {
		return nil
	}
	return out
}

// Set replaces the i-th party.
func (ps Parties) Set(i int, p Party) Parties {
	out := slices.Clone(ps)
	out[i] = p
	return out
}

// ByLeg is the index of the party with this leg, -1 for none.
func (ps Parties) ByLeg(leg string) int {
	if leg == "" {
		return -1
	}
	return slices.IndexFunc(ps, func(p Party) bool { return p.Leg == leg })
}

// ByAgent is the index of an agent's party, -1 for none.
func (ps Parties) ByAgent(agent string) int {
	if agent == "" {
		return -1
	}
	return slices.IndexFunc(ps, func(p Party) bool { return p.Agent == agent })
}

// Next is the index of the party control passes to: the agent who has been there longest, one whose voice is
// there before one whose is lost; -1 when no agent is left.
func (ps Parties) Next() int {
	best := -1
	for i, p := range ps {
		if p.Agent == "" {
			continue
		}
		if best < 0 || (p.Leg != "") != (ps[best].Leg != "") && p.Leg != "" ||
			(p.Leg != "") == (ps[best].Leg != "") && p.Since.Before(ps[best].Since) {
			best = i
		}
	}
	return best
}

// Voices is how many can be heard.
func (ps Parties) Voices() int {
	n := 0
	for _, p := range ps {
		if p.Leg != "" {
			n++
		}
	}
	return n
}

// Due is the earliest deadline of a lost party, zero for none.
func (ps Parties) Due() time.Time {
	var at time.Time
	for _, p := range ps {
		if !p.Deadline.IsZero() && (at.IsZero() || p.Deadline.Before(at)) {
			at = p.Deadline
		}
	}
	return at
}

// Lose takes a party's voice away until the deadline.
func (p Party) Lose(deadline time.Time) Party {
	p.Leg, p.Deadline = "", deadline
	return p
}

// Back gives a party another leg.
func (p Party) Back(leg string) Party {
	p.Leg, p.Deadline = leg, time.Time{}
	return p
}
