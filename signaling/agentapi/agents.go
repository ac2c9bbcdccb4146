package agentapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// desk is the contact centre, or 404 when this server has none: it is somebody else's control plane then.
func (q *request) desk() (Desk, error) {
	if q.s.deps.Desk == nil {
		return nil, errDeskOff
	}
	return q.s.deps.Desk, nil
}

// agent is the agent a request is about: the path's, if it may be this token's business.
func (q *request) agent(id string) (Desk, string, error) {
	d, err := q.desk()
	if err != nil {
		return nil, "", err
	}
	if id == "me" {
		id = q.claims.Agent
	}
	if id == "" {
		return nil, "", problem.New(http.StatusNotFound, "no_agent", "the token is no agent's")
	}
	if id != q.claims.Agent && !q.all() {
		return nil, "", q.notOwn("agent", id)
	}
	return d, id, nil
}

// errDeskOff answers what only a contact centre has.
var errDeskOff = &problem.Error{
	Status: http.StatusNotFound, Code: "desk_off",
	Detail: "this is a media server without a contact centre (desk.enabled = false): agents, queues and what belongs to them are your own control plane's",
}

// deskOnly are the first words of the paths that only a contact centre has.
var deskOnly = []string{
	"sessions", "agents", "offers", "wrapups", "queues", "config", "callbacks", "campaigns", "records", "lists", "contacts", "do-not-call", "work",
	"targets", "wall", "supervisions", "call-records", "reports",
}

// deskOfCall are the last words of the paths below /v1/calls/{call} that only a contact centre has.
var deskOfCall = []string{
	"prefer", "handling", "hold", "resume", "consult", "end", "swap", "conference", "exit", "drop", "transfer", "callback", "contact",
	"monitor", "coach", "barge", "takeover", "force-end",
}

// ofDesk says whether a route is the contact centre's.
func (r *Route) ofDesk() bool {
	words := strings.Split(strings.TrimPrefix(r.Pattern, "/v1/"), "/")
	if slices.Contains(deskOnly, words[0]) {
		return true
	}
	if words[0] != "calls" || len(words) < 3 {
		return false
	}
	if words[2] == "variables" { // as a patch of the call they are the media plane's
		return r.Method != patch
	}
	// Ending a call is not the contact centre's alone, ending a consult is.
	return slices.Contains(deskOfCall, words[len(words)-1]) && r.Pattern != "/v1/calls/{call}/end"
}

func agentTag(a wire.Agent) string { return fmt.Sprintf("%q", fmt.Sprint(a.Version)) }

func (q *request) replyAgent(a wire.Agent, err error) error {
	if err != nil {
		return err
	}
	q.header("ETag", agentTag(a))
	return q.reply(http.StatusOK, a)
}

func postRefresh(q *request) error {
	if name := q.claims.Foreign; name != "" {
		return problem.New(http.StatusForbidden, "foreign_token", "a token of %s is renewed by %s", name, name)
	}
	t, c, err := q.s.deps.Keys.Refresh(q.claims)
	if errors.Is(err, auth.ErrToken) {
		return unauthorized("signin_over", "this sign-in has lasted as long as it may, sign in again")
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.Token{Token: t, Expires: c.Expires().UTC()})
}

func postSession(q *request) error {
	var in wire.SessionRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	id := cmp.Or(in.Agent, q.claims.Agent)
	if id == "" {
		return invalid("/agent", "required", "say which agent signs in")
	}
	d, id, err := q.agent(id)
	if err != nil {
		return err
	}
	profile := ""
	if id == q.claims.Agent {
		profile = q.claims.Profile
	}
	ses, err := d.SignInAs(q.ctx(), id, profile)
	if err != nil {
		return err
	}
	a, err := d.Agent(id)
	if err != nil {
		return err
	}
	grants := q.claims.Grants
	if q.claims.Agent == "" {
		grants = auth.AgentGrants() // somebody signs an agent in: the desktop gets an agent's grants
	}
	token, claims, err := q.s.deps.Keys.Mint(auth.Claims{
		Agent: id, Session: ses.ID, Grants: grants, Profile: profile, Until: q.claims.Until,
		RegisteredClaims: jwt.RegisteredClaims{Subject: id, ID: q.claims.ID},
	})
	if err != nil {
		return err
	}
	out := wire.SessionAnswer{
		Session: ses, Agent: a, Token: wire.Token{Token: token, Expires: claims.Expires().UTC()},
		ICEServers: []wire.ICEServer{}, Config: q.s.deps.Rules,
	}
	if f := q.s.deps.ICEServers; f != nil {
		out.ICEServers = append(out.ICEServers, f(id)...)
	}
	if out.Config.NotReadyReasons == nil {
		out.Config.NotReadyReasons = []string{}
	}
	if out.Config.WrapupReasons == nil {
		out.Config.WrapupReasons = []string{}
	}
	q.header("Location", "/v1/sessions/"+ses.ID)
	return q.reply(http.StatusCreated, out)
}

func deleteSession(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	ses, err := d.Session(q.path("session"))
	if err != nil {
		return err
	}
	if _, _, err := q.agent(ses.Agent); err != nil {
		return err
	}
	return q.replyAgent(d.SignOut(q.ctx(), ses.Agent, q.actor()))
}

func getAgents(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.AgentList{Items: list(d.Agents())})
}

// list makes sure that an empty list is [] and not null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func getAgent(q *request) error {
	d, id, err := q.agent(q.path("agent"))
	if err != nil {
		return err
	}
	return q.replyAgent(d.Agent(id))
}

// getMe pictures an agent's situation. Seq is read first: what happens while the picture is taken comes
// again as an event, so nothing can be missed.
func getMe(q *request) error {
	seq := q.s.deps.Bus.LastKept()
	d, id, err := q.agent("me")
	if err != nil {
		return err
	}
	a, err := d.Agent(id)
	if err != nil {
		return err
	}
	snap := wire.Snapshot{Seq: seq, Agent: a, Session: q.claims.Session}
	snap.Offers = d.Offers(id)
	for _, o := range snap.Offers {
		if o.State == wire.OfferOpen {
			snap.Offer = &o
			break
		}
	}
	callID := a.CallID
	if callID == "" {
		for _, c := range q.s.deps.Calls.Calls(call.Filter{Agent: id}) {
			if c.State != wire.CallEnded && serving(c, id) {
				callID = c.ID
				break
			}
		}
	}
	for _, w := range d.Works("", id) {
		if w.State == wire.WorkOpen {
			snap.Works = append(snap.Works, w)
		}
	}
	if a.WorkID != "" {
		if w, err := d.Work(a.WorkID); err == nil {
			snap.Work = &w
		}
	}
	if a.WrapupID != "" {
		if w, err := d.Wrapup(a.WrapupID); err == nil {
			snap.Wrapup = &w
			callID = cmp.Or(callID, w.CallID)
		}
	}
	snap.Records, snap.Stages = d.RecordsOf(id), d.StagesOf(id)
	if callID != "" {
		if c, err := q.s.deps.Calls.Call(callID); err == nil { // it may have been forgotten meanwhile
			snap.Call = &c
			if h, err := d.Handling(c.ID); err == nil {
				snap.Handling = &h
			}
			if l, err := d.Variables(c.ID); err == nil {
				snap.Variables = l.Items
			}
			if r := q.s.deps.Recordings; r != nil && c.Recording != "" {
				if w, err := r.Get(c.Recording); err == nil {
					snap.Recordings = append(snap.Recordings, w)
				}
			}
		}
	}
	q.header("ETag", agentTag(a))
	return q.reply(http.StatusOK, snap)
}

func getOffers(q *request) error {
	d, id, err := q.agent(q.path("agent"))
	if err != nil {
		return err
	}
	if _, err := d.Agent(id); err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.OfferList{Items: list(d.Offers(id))})
}

func postAcceptAll(q *request) error {
	d, id, err := q.agent(q.path("agent"))
	if err != nil {
		return err
	}
	taken, err := d.AcceptAll(q.ctx(), id, q.actor())
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.OfferList{Items: list(taken)})
}

func postState(q *request) error {
	var in wire.StateRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, id, err := q.agent(q.path("agent"))
	if err != nil {
		return err
	}
	if q.r.Header.Get("If-Match") != "" {
		a, err := d.Agent(id)
		if err != nil {
			return err
		}
		if err := q.match(agentTag(a)); err != nil {
			return err
		}
	}
	switch in.State {
	case "":
		return invalid("/state", "required", "say which state")
	case wire.AgentOffline:
		return q.replyAgent(d.SignOut(q.ctx(), id, q.actor()))
	default:
		return q.replyAgent(d.SetState(q.ctx(), id, in.State, in.Reason, q.actor()))
	}
}

func postSignout(q *request) error {
	d, id, err := q.agent(q.path("agent"))
	if err != nil {
		return err
	}
	return q.replyAgent(d.SignOut(q.ctx(), id, q.actor()))
}

func postPreflight(q *request) error {
	var in wire.PreflightRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, id, err := q.agent(q.path("agent"))
	if err != nil {
		return err
	}
	if len(in.Checks) == 0 {
		return invalid("/checks", "required", "say what was found")
	}
	return q.replyAgent(d.Preflight(q.ctx(), id, in.Checks, q.actor()))
}

func postStation(q *request) error {
	var in wire.StationRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, id, err := q.agent(q.path("agent"))
	if err != nil {
		return err
	}
	return q.replyAgent(d.SetStation(q.ctx(), id, in.Station, in.Handover, q.actor()))
}

func postPrefer(q *request) error {
	var in wire.PreferRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	if in.Agent == "" {
		return invalid("/agent", "required", "say which agent")
	}
	if err := d.Prefer(q.ctx(), q.path("call"), in.Agent); err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

// offer checks that an offer is the token's agent's business.
func (q *request) offer() (Desk, string, error) {
	d, err := q.desk()
	if err != nil {
		return nil, "", err
	}
	o, err := d.Offer(q.path("offer"))
	if err != nil {
		return nil, "", err
	}
	if o.Agent != q.claims.Agent && !q.all() {
		return nil, "", q.notOwn("offer", o.ID)
	}
	return d, o.ID, nil
}

func postAccept(q *request) error {
	d, id, err := q.offer()
	if err != nil {
		return err
	}
	o, err := d.Accept(q.ctx(), id, q.actor())
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, o)
}

func postDecline(q *request) error {
	d, id, err := q.offer()
	if err != nil {
		return err
	}
	o, err := d.Decline(q.ctx(), id, q.actor())
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, o)
}

// wrapup checks that a wrap-up is the token's agent's business.
func (q *request) wrapup() (Desk, wire.Wrapup, error) {
	d, err := q.desk()
	if err != nil {
		return nil, wire.Wrapup{}, err
	}
	w, err := d.Wrapup(q.path("wrapup"))
	if err == nil && w.Agent != q.claims.Agent && !q.all() {
		err = q.notOwn("wrap-up", w.ID)
	}
	return d, w, err
}

func getWrapup(q *request) error {
	_, w, err := q.wrapup()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func postSubmit(q *request) error {
	var in wire.SubmitRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	d, w, err := q.wrapup()
	if err == nil {
		w, err = d.SubmitWrapup(q.ctx(), w.ID, in.Reason, q.actor())
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func postExtend(q *request) error {
	d, w, err := q.wrapup()
	if err == nil {
		w, err = d.ExtendWrapup(q.ctx(), w.ID, q.actor())
	}
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func getQueues(q *request) error {
	d, err := q.desk()
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, wire.QueueList{Items: list(d.Queues())})
}
