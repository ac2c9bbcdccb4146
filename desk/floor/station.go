package floor

import (
	"net/http"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// Station chooses an agent's device, and (Handover) moves the call in progress to it. To the browser a call
// moves by a leg of the browser's own that replaces the phone's.
type Station struct {
	Agent, Station string
	Handover       bool
	Actor          string
}

func (in Station) step(f *Floor) error {
	a, err := f.agent(in.Agent)
	if err != nil {
		return err
	}
	if !a.SignedIn() || a.State == wire.AgentReserved {
		return problem.Conflict("agent_wrong_state", string(a.Visible()), a.Allowed(), "agent %s is %s: the device stays", a.ID, a.Visible())
	}
	if in.Station != "" && !dialable(in.Station) {
		return &problem.Error{
			Status: http.StatusUnprocessableEntity, Code: "invalid_station", Detail: "a station is a number or a SIP address",
			Fields: []problem.Field{{Pointer: "/station", Code: "invalid"}},
		}
	}
	c, talks := f.state.Contacts[a.Call]
	if in.Handover && (!talks || c.State != contact.Connected || in.Station == "") {
		return problem.Conflict("nothing_to_hand_over", string(a.Visible()), a.Allowed(), "agent %s has no call that could move to a desk phone", a.ID)
	}
	a.Station = in.Station
	a.Version++
	f.setAgent(a, in.Actor)
	if in.Handover {
		f.callStation(c, a, f.cfg.Attach.Duration)
	}
	return nil
}

// ringStation calls an agent's desk phone into a call, if there is one.
func (f *Floor) ringStation(a agent.Agent, callID, ref string, ring time.Duration) {
	if a.Station != "" {
		f.effects = append(f.effects, Command{Op: OpInvite, CallID: callID, Invite: &Invite{
			To: a.Station, Ref: ref, Phone: a.ID, Side: f.SideOf(a.ID, callID), Timeout: ring,
		}})
	}
}

// callStation calls the desk phone of an agent whose call it is already.
func (f *Floor) callStation(c contact.Contact, a agent.Agent, ring time.Duration) {
	f.ringStation(a, c.ID, "handover_"+c.ID, ring)
}

// ofOffer says whether a leg is a desk phone that was rung with an offer, whose id is the leg's client_ref.
func ofOffer(l wire.Leg) bool {
	return l.Role == wire.RoleAgent && l.Kind != wire.LegWebRTC && l.Kind != wire.LegRTP && strings.HasPrefix(l.ClientRef, id.Offer+"_")
}

// ringsWith says whether a leg is the desk phone that an offer still rings at.
func (f *Floor) ringsWith(l wire.Leg) bool {
	o, ok := f.state.Offers[l.ClientRef]
	return ok && ofOffer(l) && o.Phone && (o.Leg == "" || o.Leg == l.ID)
}

// stationRings learns the leg of a desk phone that rings with an offer, or hangs it up when that is over or was taken
// elsewhere.
func (f *Floor) stationRings(l wire.Leg) {
	if !ofOffer(l) {
		return
	}
	if !f.ringsWith(l) {
		f.command(OpHangup, l.CallID, l.ID, "cancelled")
		return
	}
	o := f.state.Offers[l.ClientRef]
	o.Leg = l.ID
	put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
}

// pickedUp takes a desk phone's answer as the agent's yes to the offer it rings with. False for one that comes too late:
// it is hung up.
func (f *Floor) pickedUp(c contact.Contact, l wire.Leg) bool {
	k, _ := f.consultOf(c.ID)
	if !ofOffer(l) || c.Leg == l.ID || k.Leg == l.ID || c.Others.ByLeg(l.ID) >= 0 {
		return true
	}
	if o, ok := f.state.Offers[l.ClientRef]; ok && f.ringsWith(l) && o.Agent == l.Agent {
		if o.State == wire.OfferAccepted { // given to the agent with the customer on the line
			return true
		}
		if err := (Accept{Offer: o.ID, Actor: o.Agent, phone: true}).step(f); err == nil {
			return true
		}
	}
	f.command(OpHangup, c.ID, l.ID, "cancelled")
	return false
}

// stationRefused: the desk phone was busy, was not answered or could not be reached.
func (f *Floor) stationRefused(o offer.Offer, cause string) {
	o.Phone, o.Leg = false, ""
	put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
	if o.State != wire.OfferOpen {
		if c := f.state.Contacts[o.Call]; c.State == contact.Connecting && c.Offer == o.ID {
			f.noVoice(c)
		}
		return
	}
	reason, state := agent.ReasonRONA, wire.OfferExpired
	if cause == "busy" || cause == "rejected" {
		reason, state = agent.ReasonDeclined, wire.OfferDeclined
	}
	f.missed(must(o.Settle(state)), reason, Actor)
}
