package agentapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

// legFor finds the path's leg and checks it with may.
func (q *request) legFor(may func(wire.Call) error) (wire.Leg, error) {
	l, err := q.s.deps.Calls.Leg(q.path("leg"))
	if err != nil || q.all() {
		return l, err
	}
	c, err := q.s.deps.Calls.Call(l.CallID)
	if err != nil {
		return l, err
	}
	return l, may(c)
}

// legRequest reads the body in either of its shapes: JSON, or a bare SDP offer as in WHIP (RFC 9725).
func (q *request) legRequest() (in wire.LegRequest, whip bool, err error) {
	if q.contentType() != typeSDP {
		return in, false, q.decode(&in)
	}
	b, err := q.raw(maxSDP)
	v := q.r.URL.Query()
	return wire.LegRequest{CallID: v.Get("call_id"), Replaces: v.Get("replaces"), Receive: wire.Receive(v.Get("receive")), SDP: string(b)}, true, err
}

// own says whether a leg is the token's agent's, and alive.
func (q *request) own(l wire.Leg) bool {
	return q.claims.Agent != "" && l.Agent == q.claims.Agent && l.State != wire.LegEnded
}

// ownLeg finds the path's leg for what an agent may do to the agent's own leg only: mute it, set its level, play to
// it, negotiate it.
func (q *request) ownLeg() (wire.Leg, error) {
	l, err := q.s.deps.Calls.Leg(q.path("leg"))
	if err == nil && !q.all() && !q.own(l) {
		err = q.notOwn("leg", l.ID)
	}
	return l, err
}

// otherLeg finds the path's leg for what an agent does to another party with a control of the call, if the party has
// one of the roles.
func (q *request) otherLeg(control string, roles ...wire.Role) (wire.Leg, error) {
	l, err := q.legFor(q.maySteer)
	switch {
	case err != nil || q.all():
	case !slices.Contains(roles, l.Role):
		err = q.notOwn("leg", l.ID)
	default:
		err = q.mayUse(l.CallID, control)
	}
	return l, err
}

func postLeg(q *request) error {
	in, whip, err := q.legRequest()
	if err != nil {
		return err
	}
	if in.CallID == "" {
		return invalid("/call_id", "required", "say which call")
	}
	if _, err := q.s.deps.Calls.Call(in.CallID); err != nil {
		return err
	}
	watching, err := q.supervises(in)
	if err != nil {
		return err
	}
	if watching {
		in.Whisper = &wire.Whisper{To: []string{}} // heard by nobody until the desk has said by whom
	} else if err := q.mayJoin(in); err != nil {
		return err
	}
	if in.Role == "" {
		in.Role = wire.RoleCustomer
		if q.claims.Agent != "" {
			in.Role = wire.RoleAgent
		}
	}
	if err := checkReceive(in.Receive); err != nil {
		return err
	}
	switch in.Kind {
	case "", wire.LegWebRTC:
		return q.joinWebRTC(in, whip)
	case wire.LegRTP:
		return q.joinRTP(in)
	default:
		return q.joinDialled(in)
	}
}

// mayJoin checks that a token may bring this leg: any for who controls all legs; for an agent a browser
// leg into a call the desk lets the agent into, in place of an own leg if any.
func (q *request) mayJoin(in wire.LegRequest) error {
	if q.all() {
		return nil
	}
	if in.Kind != "" && in.Kind != wire.LegWebRTC {
		return forbidden(q.route.Grant, "an agent brings browser legs only")
	}
	if in.Whisper != nil {
		return forbidden(q.route.Grant, "an agent is heard by all")
	}
	if in.Role != "" && in.Role != wire.RoleAgent {
		return forbidden(q.route.Grant, "an agent joins as agent only")
	}
	d, err := q.desk()
	if err != nil {
		return err
	}
	if err := d.MayJoin(q.claims.Agent, in.CallID); err != nil {
		return err
	}
	if in.Replaces == "" {
		return nil
	}
	l, err := q.s.deps.Calls.Leg(in.Replaces)
	if err == nil && l.Agent != q.claims.Agent {
		err = q.notOwn("leg", in.Replaces)
	}
	return err
}

// refused makes an error of the media a refusal of the SDP, unless it says better itself.
func refused(err error) error {
	var p *problem.Error
	if errors.As(err, &p) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := invalid("/sdp", "refused", "the SDP was not accepted: %v", err)
	p = problem.As(e)
	p.Code, p.Err = "sdp_refused", err
	return p
}

func (q *request) joinWebRTC(in wire.LegRequest, whip bool) error {
	if q.s.deps.WebRTC == nil {
		return problem.New(http.StatusServiceUnavailable, "webrtc_off", "browser legs are switched off in the configuration")
	}
	if strings.TrimSpace(in.SDP) == "" {
		return invalid("/sdp", "required", "send an SDP offer")
	}
	peer, answer, err := q.s.deps.WebRTC.NewLeg(q.ctx(), in.SDP, in.Receive == wire.ReceiveStreams)
	if err != nil {
		return refused(err)
	}
	l, err := q.attach(in, wire.LegWebRTC, "", &endpoint{media: peer, peer: peer, offer: in.SDP})
	if err != nil {
		return err
	}
	q.header("Location", "/v1/legs/"+l.ID)
	if whip {
		q.header("Accept-Patch", typeTrickle)
		return q.replyRaw(http.StatusCreated, typeSDP, []byte(answer))
	}
	return q.reply(http.StatusCreated, wire.LegAnswer{Leg: l, SDP: answer})
}

// checkReceive refuses what is no way to receive; none is the default.
func checkReceive(how wire.Receive) error {
	switch how {
	case "", wire.ReceiveMix, wire.ReceiveStreams:
		return nil
	}
	return invalid("/receive", "unknown_value", "receive must be mix or streams")
}

// attach brings a built leg into its call; a leg that cannot join is closed.
func (q *request) attach(in wire.LegRequest, kind wire.LegKind, address string, e *endpoint) (wire.Leg, error) {
	e.end = func() { q.s.legs.drop(e) }
	_, l, err := q.s.deps.Calls.Attach(q.ctx(), in.CallID, call.Attach{
		Kind: kind, Role: in.Role, Agent: q.claims.Agent,
		Address: address, Endpoint: e, Replaces: in.Replaces, ClientRef: in.ClientRef, Receive: in.Receive, Side: q.sideOf(in), Whisper: in.Whisper,
	})
	if err != nil {
		return l, errors.Join(err, e.media.Close())
	}
	q.s.legs.put(l.ID, e)
	return l, nil
}

// sideOf is where a leg belongs in its call: where a token that may says, else where the desk does.
func (q *request) sideOf(in wire.LegRequest) string {
	if q.s.deps.Desk == nil || q.claims.Agent == "" || q.all() && in.Side != "" {
		return in.Side
	}
	return q.s.deps.Desk.SideOf(q.claims.Agent, in.CallID)
}

// codecs are the codecs of plain RTP legs by name.
var codecs = map[string]media.Codec{"pcmu": media.PCMU, "pcma": media.PCMA, "g722": media.G722, "opus": media.Opus}

func (q *request) joinDialled(in wire.LegRequest) error {
	if in.To == "" {
		return invalid("/to", "required", "say whom to call")
	}
	l, err := q.s.deps.Calls.DialLeg(q.ctx(), in.CallID, call.DialRequest{
		Trunk: in.Trunk, To: in.To, From: in.From, Side: in.Side, ClientRef: in.ClientRef,
	}, in.Role, q.actor())
	if err != nil {
		return err
	}
	q.header("Location", "/v1/legs/"+l.ID)
	return q.reply(http.StatusCreated, wire.LegAnswer{Leg: l})
}

func getLeg(q *request) error {
	l, err := q.legFor(q.mayRead)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, l)
}

func getLegStats(q *request) error {
	l, err := q.legFor(q.mayRead)
	if err != nil {
		return err
	}
	st, err := q.s.deps.Calls.LegStats(l.ID)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, st)
}

func getLegQuality(q *request) error {
	l, err := q.legFor(q.mayRead)
	if err != nil {
		return err
	}
	h, err := q.s.deps.Calls.LegQuality(l.ID)
	if err != nil {
		return err
	}
	h.Items = list(h.Items)
	return q.reply(http.StatusOK, h)
}

// peerOf is the browser side of a leg, for ICE.
func (q *request) peerOf(l wire.Leg) (*endpoint, error) {
	e := q.s.legs.get(l.ID)
	if e == nil || e.peer == nil {
		return nil, problem.Conflict("leg_not_webrtc", string(l.State), nil, "leg %s has no ICE", l.ID)
	}
	return e, nil
}

func patchLeg(q *request) error {
	if q.contentType() == typeTrickle {
		return q.patchICE()
	}
	var in wire.LegPatch
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Receive != nil {
		if err := checkReceive(*in.Receive); err != nil {
			return err
		}
	}
	find := q.ownLeg
	if in == (wire.LegPatch{Denoise: in.Denoise}) { // the noise of the customer's voice is the agent's to take away
		find = q.denoised
	}
	l, err := find()
	if err != nil {
		return err
	}
	var out wire.LegAnswer
	if in.Receive != nil && *in.Receive != wire.ReceiveStreams { // before its streams are given up
		if l, err = q.s.deps.Calls.Receive(q.ctx(), l.ID, wire.ReceiveMix, q.actor()); err != nil {
			return err
		}
		in.Receive = nil
	}
	if in.SDP != nil {
		e, err := q.peerOf(l)
		if err != nil {
			return err
		}
		streams := l.Receive == wire.ReceiveStreams || in.Receive != nil
		if out.SDP, err = e.renegotiate(q.ctx(), *in.SDP, streams); err != nil {
			return refused(err)
		}
		if streams && in.Receive == nil { // there may be more or fewer of them now
			in.Receive = &l.Receive
		}
	}
	if in.Receive != nil {
		if l, err = q.s.deps.Calls.Receive(q.ctx(), l.ID, wire.ReceiveStreams, q.actor()); err != nil {
			return err
		}
	}
	if in.Denoise != nil && !in.Denoise.Valid() {
		return invalid("/denoise", "out_of_range", "denoise lies between 0 and 100")
	}
	if in.Denoise != nil {
		if err := q.permit("denoise"); err != nil {
			return err
		}
	}
	if in.Muted != nil {
		if err := q.permit("mute"); err != nil {
			return err
		}
	}
	if in.Muted != nil || in.Deafened != nil || in.GainDB != nil || in.AGC != nil || in.Denoise != nil {
		l, err = q.s.deps.Calls.PatchLeg(q.ctx(), l.ID, call.LegPatch{Muted: in.Muted, Deafened: in.Deafened, GainDB: in.GainDB, AGC: in.AGC, Denoise: in.Denoise}, q.actor())
		if err != nil {
			return err
		}
	}
	out.Leg = l
	return q.reply(http.StatusOK, out)
}

// denoised finds the path's leg for a change of noise suppression: an agent's own, or the customer's.
func (q *request) denoised() (wire.Leg, error) {
	l, err := q.legFor(q.maySteer)
	if err == nil && !q.all() && !q.own(l) && l.Role != wire.RoleCustomer {
		err = q.notOwn("leg", l.ID)
	}
	return l, err
}

// patchICE takes a trickle fragment: 204, or 200 with the answer's fragment after an ICE restart.
func (q *request) patchICE() error {
	b, err := q.raw(maxSDP)
	if err != nil {
		return err
	}
	f, err := parseFragment(string(b))
	if err != nil {
		return err
	}
	l, err := q.ownLeg()
	if err != nil {
		return err
	}
	e, err := q.peerOf(l)
	if err != nil {
		return err
	}
	answer, err := e.trickle(q.ctx(), f)
	switch {
	case err != nil:
		return refused(err)
	case answer != "":
		return q.replyRaw(http.StatusOK, typeTrickle, []byte(answer))
	}
	return q.reply(http.StatusNoContent, nil)
}

func deleteLeg(q *request) error {
	code := q.r.URL.Query().Get("reason")
	return q.hangup("?reason", code, call.CauseHangup, hangupCauses...)
}

func postHangup(q *request) error {
	var in wire.HangupRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	return q.hangup("/reason", in.Reason, call.CauseHangup, hangupCauses...)
}

func postReject(q *request) error {
	var in wire.RejectRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	return q.hangup("/reason", in.Reason, call.CauseRejected, call.CauseRejected, call.CauseBusy, call.CauseNotFound, call.CauseUnavailable)
}

func (q *request) hangup(pointer, reason, otherwise string, allowed ...string) error {
	code, err := cause(pointer, reason, otherwise, allowed...)
	if err != nil {
		return err
	}
	l, err := q.s.deps.Calls.Leg(q.path("leg"))
	if err != nil {
		return err
	}
	if !q.own(l) { // who hangs up the own leg asks nobody
		if l, err = q.legFor(q.maySteer); err != nil {
			return err
		}
	}
	if l.Role == wire.RoleSupervisor && !q.own(l) && !q.all() {
		return q.notOwn("leg", l.ID)
	}
	if strings.HasSuffix(q.route.Pattern, "/reject") && (l.Direction != wire.Inbound || l.Answered != nil) {
		return problem.Conflict("leg_wrong_state", string(l.State), []string{"hangup"}, "leg %s has nothing to reject", l.ID)
	}
	if l.Agent == "" || l.Agent != q.claims.Agent {
		control, action := "drop", "conference"
		if l.Role == wire.RoleCustomer {
			control, action = "end", "end"
		}
		if err := q.permit(action); err != nil {
			return err
		}
		if err := q.mayUse(l.CallID, control); err != nil {
			return err
		}
	}
	if err := q.s.deps.Calls.HangupLeg(q.ctx(), l.ID, code, q.actor()); err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}

// act does something to the path's leg and answers with the leg.
func (q *request) act(f func(ctx context.Context, legID, actor string) error) error {
	l, err := q.legFor(q.maySteer)
	if err != nil {
		return err
	}
	if err := f(q.ctx(), l.ID, q.actor()); err != nil {
		return err
	}
	if l, err = q.s.deps.Calls.Leg(l.ID); err != nil {
		return err
	}
	return q.reply(http.StatusOK, l)
}

func postAnswer(q *request) error { return q.act(q.s.deps.Calls.Answer) }
func postHold(q *request) error   { return q.holdLeg(q.s.deps.Calls.Hold) }
func postResume(q *request) error { return q.holdLeg(q.s.deps.Calls.Resume) }

// holdLeg is act for hold and resume, which the desk has a say in for an agent.
func (q *request) holdLeg(f func(ctx context.Context, legID, actor string) error) error {
	if _, err := q.otherLeg("hold", wire.RoleCustomer); err != nil {
		return err
	}
	return q.act(f)
}

// The limits of sent digits.
const (
	maxDigits  = 64
	defaultKey = 100 * time.Millisecond
)

func postDigits(q *request) error {
	var in wire.DigitsRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Digits == "" || len(in.Digits) > maxDigits || strings.Trim(in.Digits, "0123456789*#ABCD") != "" {
		return invalid("/digits", "invalid", "digits are 1 to %d of 0-9 * # A-D", maxDigits)
	}
	tone := defaultKey
	if in.DurationMS != 0 {
		if in.DurationMS < 40 || in.DurationMS > 2000 {
			return invalid("/duration_ms", "out_of_range", "duration_ms must lie between 40 and 2000")
		}
		tone = time.Duration(in.DurationMS) * time.Millisecond
	}
	l, err := q.ownLeg()
	if err != nil { // to whom the agent talks
		l, err = q.otherLeg("keypad", wire.RoleCustomer, wire.RoleExpert)
	}
	if err != nil {
		return err
	}
	if err := q.s.deps.Calls.Digits(q.ctx(), l.ID, in.Digits, tone); err != nil {
		return err
	}
	return q.reply(http.StatusNoContent, nil)
}
