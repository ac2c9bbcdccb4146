package floor

import (
	"fmt"

	"github.com/cordboard/cordboard/signaling/wire"
)

// desk is something an agent does at the desk that is not about taking or handling a call: testing the desktop, choosing a
// device or a profile, editing a variable, stopping a wrap-up's countdown.
func (w *world) desk() {
	who := w.agent()
	switch w.r.IntN(6) {
	case 0:
		w.did("tested itself", Preflight{Agent: who, Actor: who, Checks: map[string]string{
			pick(w, []string{CheckMicrophone, CheckMicrophone, CheckSpeaker, "camera"}): pick(w, []string{"passed", "passed", "passed", "failed"}),
		}})
	case 1:
		w.did("another device", Station{
			Agent: who, Actor: who, Station: pick(w, []string{"", "201", "no phone", fmt.Sprint("20", w.r.IntN(6))}), Handover: w.r.IntN(2) == 0,
		})
	case 2:
		ses := w.id("ses")
		w.ses = append(w.ses, ses)
		w.step(SignIn{Agent: who, Session: ses, Profile: pick(w, []string{"", "novice", "clerk", "gone"})})
	case 3:
		w.did("countdown cancelled", CancelCountdown{Wrapup: recent(w, w.wraps), Actor: who})
	default:
		p := w.call()
		if p == nil {
			return
		}
		name := pick(w, []string{"case", "case", "pin", "count", "other"})
		v := w.f.state.Contacts[p.ID].Variables[name].Version
		if w.r.IntN(4) == 0 {
			v += uint64(w.r.IntN(3))
		}
		w.step(SetVariable{Call: p.ID, Actor: who, Name: name, Value: pick(w, []string{"4711", "", "two"}), Version: v})
	}
}

// did runs an input and counts it where it was not refused.
func (w *world) did(what string, in Input) {
	before := w.counts["refused"]
	w.step(in)
	if w.counts["refused"] == before {
		w.counts[what]++
	}
}

// rung is an agent's desk phone: it is picked up, is busy, rings until something else happens, or cannot be reached.
func (w *world) rung(p *party, c Command) {
	if len(p.legs) >= 7 {
		w.bus = append(w.bus, CommandFailed{Command: c, Detail: "full"})
		return
	}
	l := wire.Leg{ID: w.id("leg"), CallID: p.ID, Role: wire.RoleAgent, Kind: wire.LegSIP, Agent: c.Invite.Phone, ClientRef: c.Invite.Ref, Side: c.Invite.Side}
	p.legs[l.ID] = l
	w.bus = append(w.bus, LegCreated{l})
	switch x := w.r.IntN(8); {
	case x == 0:
		w.endLeg(p, l.ID, pick(w, []string{"busy", "no_answer", "rejected"}))
	case x < 3 || w.ending: // rings on
	default:
		w.counts["desk phone answered"]++
		w.bus = append(w.bus, LegAnswered{l})
	}
}
