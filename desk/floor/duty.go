package floor

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/desk/agent"
	"github.com/cordboard/cordboard/desk/contact"
	"github.com/cordboard/cordboard/desk/offer"
	"github.com/cordboard/cordboard/internal/id"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The results of a check.
const (
	checkPassed = "passed"
	checkFailed = "failed"
)

// Preflight is what an agent's desktop found when it tested itself. Checks it does not name stay.
type Preflight struct {
	Agent  string
	Checks map[string]string
	Actor  string
}

func (in Preflight) step(f *Floor) error {
	a, err := f.agent(in.Agent)
	if err != nil {
		return err
	}
	if !a.SignedIn() {
		return problem.Conflict("agent_wrong_state", string(a.Visible()), a.Allowed(), "agent %s is not signed in", a.ID)
	}
	a.Checks = maps.Clone(a.Checks)
	if a.Checks == nil {
		a.Checks = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Checks)) {
		result := in.Checks[name]
		if !slices.Contains(checks, name) || result != checkPassed && result != checkFailed {
			return &problem.Error{
				Status: http.StatusUnprocessableEntity, Code: "invalid_check",
				Detail: "a check is microphone, speaker, notifications or sound, and passed or failed",
				Fields: []problem.Field{{Pointer: "/checks/" + escape(name), Code: "unknown"}},
			}
		}
		a.Checks[name] = result
	}
	a.Version++
	if len(f.unfit(a)) > 0 {
		switch {
		case a.State == wire.AgentReady, a.Want == wire.AgentReady:
			leaving := a.Leaving // stays what it is: this is nobody's choice
			a = must(a.SetState(wire.AgentNotReady, agent.ReasonPreflight, f.now))
			a.Leaving = leaving
		}
	}
	f.setAgent(a, in.Actor)
	return nil
}

// unfit are the checks because of which an agent cannot be offered calls. A desk phone needs none.
func (f *Floor) unfit(a agent.Agent) []string {
	if a.Station != "" {
		return nil
	}
	var out []string
	for _, c := range checks {
		needed := slices.Contains(f.cfg.Preflight, c)
		always := c == CheckMicrophone || c == CheckSpeaker
		if needed && a.Checks[c] != checkPassed || always && a.Checks[c] == checkFailed {
			out = append(out, c)
		}
	}
	return out
}

// mayBeReady refuses an agent whose profile has no calls, or whose desktop could not take one.
func (f *Floor) mayBeReady(a agent.Agent) error {
	if err := f.dir.Allowed(a.ID, ActAnswer); err != nil {
		return err
	}
	if bad := f.unfit(a); a.SignedIn() && len(bad) > 0 {
		return problem.Conflict("preflight_failed", string(a.Visible()), []string{"not_ready", "sign_out"},
			"the desktop could not take a call: %s", strings.Join(bad, ", "))
	}
	return nil
}

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
		return problem.Conflict("nothing_to_hand_over", string(a.Visible()), nil, "agent %s has no call that could move to a desk phone", a.ID)
	}
	a.Station = in.Station
	a.Version++
	f.setAgent(a, in.Actor)
	if in.Handover {
		f.ringStation(a, c.ID, "handover_"+c.ID, f.cfg.Attach.Duration)
	}
	return nil
}

// ringStation calls an agent's desk phone into a call, if there is one.
func (f *Floor) ringStation(a agent.Agent, callID, ref string, ring time.Duration) {
	if a.Station != "" {
		f.effects = append(f.effects, Command{Op: OpInvite, CallID: callID, Invite: &Invite{To: a.Station, Ref: ref, Phone: a.ID, Timeout: ring}})
	}
}

// stationRings learns the leg of a desk phone that rings with an offer, or hangs it up when that is over.
func (f *Floor) stationRings(l wire.Leg) {
	if l.Agent == "" || l.Role != wire.RoleAgent || !strings.HasPrefix(l.ClientRef, id.Offer+"_") {
		return
	}
	o, open := f.state.Offers[l.ClientRef]
	if !open {
		f.command(OpHangup, l.CallID, l.ID, "cancelled")
		return
	}
	o.Leg = l.ID
	put(f, key{KindOffer, o.ID}, f.state.Offers, any(o))
}

// stationRefused: the desk phone was busy, was not answered or could not be reached.
func (f *Floor) stationRefused(o offer.Offer, cause string) {
	if o.State != wire.OfferOpen {
		return
	}
	o.Leg = ""
	reason, state := agent.ReasonRONA, wire.OfferExpired
	if cause == "busy" || cause == "rejected" {
		reason, state = agent.ReasonDeclined, wire.OfferDeclined
	}
	f.missed(must(o.Settle(state)), reason, Actor)
}

// holdsSignout says whether something that is being set up for an agent holds their sign-out: a call that
// rings or is being connected. A call in progress and the work after it hold it too, but have ends of their
// own and no limit.
func (f *Floor) holdsSignout(a agent.Agent) bool {
	return a.Leaving && (a.State == wire.AgentReserved || a.State == wire.AgentBusy && f.state.Contacts[a.Call].State == contact.Dialing)
}

// letLeave is the limit of a sign-out: what is being set up goes on without the agent.
func (f *Floor) letLeave(a agent.Agent) {
	c := f.state.Contacts[a.Call]
	if a.State != wire.AgentReserved {
		f.finish(c, "cancelled")
		return
	}
	if o, ok := f.state.Offers[a.Offer]; ok && o.State == wire.OfferOpen {
		f.missed(must(o.Settle(wire.OfferWithdrawn)), reasonSignedOut, Actor)
		return
	}
	f.closeOffer(a.Offer)
	f.setAgent(must(a.Fail(reasonSignedOut, f.now)), Actor)
	if k, asking := f.consultOf(c.ID); asking && k.Agent == a.ID {
		f.consultMissed(k, reasonSignedOut)
		return
	}
	if c.Task != "" && c.State == contact.Dialing { // rings on; whoever is free when it is answered takes it
		c.Agent, c.Offer = "", ""
		f.setContact(c)
		return
	}
	f.requeue(c, reasonSignedOut)
}

const reasonSignedOut = "signed_out"

// signout is what a pending sign-out waits for.
func (f *Floor) signout(a agent.Agent) *wire.Signout {
	s := &wire.Signout{WaitsFor: "call"}
	switch {
	case a.State == wire.AgentBusy && isWork(a.Call):
		s.WaitsFor = "work"
	case a.State == wire.AgentReserved && a.Offer != "":
		s.WaitsFor = "offer"
	case a.State == wire.AgentWrapup:
		s.WaitsFor = "wrapup"
		if w, ok := f.state.Wrapups[a.Wrapup]; ok {
			by := w.Deadline
			s.By = &by
		}
	case f.holdsSignout(a):
		s.WaitsFor = "call_setup"
	}
	if !a.LeaveBy.IsZero() {
		by := a.LeaveBy
		s.By = &by
	}
	return s
}

// openForm opens the customer's record at the agent who takes a call of a campaign stage. A service call
// opens none.
func (f *Floor) openForm(c contact.Contact, actor string) {
	if c.Stage == "" {
		return
	}
	f.publish("record.opened", c.ID, actor, wire.RecordForm{
		CallID: c.ID, Agent: c.Agent, Stage: c.Stage, Number: c.From, New: f.stages[c.Stage].Kind == StageNew,
	})
}
