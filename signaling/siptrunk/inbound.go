package siptrunk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/signaling/siptrunk/sdp"
	"github.com/cordboard/cordboard/signaling/siptrunk/validate"
)

// onInvite takes a new call, or a new offer in one that is up. It returns when the INVITE has been
// answered and the answer acknowledged.
func (s *Server) onInvite(req *sip.Request, tx sip.ServerTransaction, tr *trunk) {
	if toTag(req) != "" {
		s.onReinvite(req, tx)
		return
	}
	if tr == nil {
		s.respond(tx, req, sip.StatusForbidden)
		return
	}
	if s.draining.Load() {
		s.respond(tx, req, sip.StatusServiceUnavailable)
		return
	}
	forget, ok := s.first(req)
	if !ok {
		s.respond(tx, req, sip.StatusLoopDetected)
		return
	}
	defer func() {
		// The same request by another way may come as long as this one's answer may be asked for again.
		if !tx.OnTerminate(func(string, error) { forget() }) {
			forget()
		}
	}()
	network := sip.NetworkToLower(req.Transport())
	d := s.newDialog(tr, true, req.CallID().Value(), network)
	// All answers carry our tag, the transaction's own 487 included, which it builds from this request.
	req.To().Params.Add("tag", d.localTag)
	s.respond(tx, req, sip.StatusTrying)
	if status := d.read(req); status != 0 {
		s.respond(tx, req, status)
		return
	}
	if !s.add(d) {
		s.respond(tx, req, sip.StatusServiceUnavailable)
		return
	}
	d.tx = tx
	if err := d.open(); err != nil {
		d.log.Warn("no media port", "cause", err)
		d.forget()
		s.respond(tx, req, sip.StatusServiceUnavailable)
		return
	}
	if !tx.OnCancel(func(*sip.Request) { close(d.cancelled) }) {
		d.over(call.Cause{Code: call.CauseCancelled, SIP: sip.StatusRequestTerminated})
		d.forget()
		return
	}
	d.log.Info("inbound call", "from", number(userOf(&req.From().Address)), "to", number(userOf(&req.Recipient)), "late_offer", d.offer == nil)
	s.wg.Go(func() { d.deliver(req) })
	s.wg.Add(1)
	defer s.wg.Done()
	d.serve()
}

// first notes an INVITE until forget is called; false when the same one is in progress already and has
// come by another way (RFC 3261 section 8.2.2.2).
func (s *Server) first(req *sip.Request) (forget func(), ok bool) {
	key := fmt.Sprintf("%s\x00%s\x00%d", req.CallID().Value(), fromTag(req), req.CSeq().SeqNo)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.invites[key]; there {
		return nil, false
	}
	s.invites[key] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.invites, key)
	}, true
}

// read takes from a new INVITE what the dialog needs. It returns the status to refuse with, or 0.
func (d *dialog) read(req *sip.Request) int {
	d.invite = req
	d.remoteTag = fromTag(req)
	d.local = sip.FromHeader{DisplayName: req.To().DisplayName, Address: req.To().Address, Params: req.To().Params.Clone()}
	d.remote = req.From().AsTo()
	d.target = req.Contact().Address
	d.routes = recordRoutes(req)
	d.source = req.Source()
	d.remoteSeq = req.CSeq().SeqNo
	body := description(req)
	if body == nil {
		return 0
	}
	offer, choice, status := negotiate(body, d.trunk)
	d.offer, d.choice = offer, choice
	return status
}

// negotiate reads an offer and chooses from it; status is 0 or the refusal.
func negotiate(body []byte, tr *trunk) (*sdp.Session, sdp.Choice, int) {
	offer, err := sdp.Parse(body)
	if errors.Is(err, sdp.ErrTooLarge) {
		return nil, sdp.Choice{}, sip.StatusMessageTooLarge
	}
	if err != nil {
		return nil, sdp.Choice{}, sip.StatusBadRequest
	}
	choice, err := sdp.Negotiate(offer, tr.codecs)
	if err != nil {
		return nil, sdp.Choice{}, sip.StatusNotAcceptableHere
	}
	return offer, choice, 0
}

func (d *dialog) open() error {
	port, err := d.s.deps.Media.Open()
	if err != nil {
		return fmt.Errorf("siptrunk: media port: %w", err)
	}
	d.mu.Lock()
	d.port = port
	d.addr = port.Addr()
	d.mu.Unlock()
	return nil
}

// deliver hands the call to the Handler. The call may answer before this returns.
func (d *dialog) deliver(req *sip.Request) {
	from := req.From()
	p, c, err := d.s.handler.Incoming(d.s.ctx, call.Inbound{
		Trunk: d.trunk.Name, From: userOf(&from.Address), FromName: clean(from.DisplayName),
		To: userOf(&req.Recipient), Address: req.Source(), Headers: extra(req), Endpoint: d,
	})
	if err != nil {
		status, retry := refusalOf(err)
		d.log.Info("call refused", "status", status, "cause", err)
		res := d.s.response(req, status, reason(status), nil)
		if retry > 0 {
			res.RemoveHeader("Retry-After")
			res.AppendHeader(sip.NewHeader("Retry-After", fmt.Sprint(retry)))
		}
		d.mu.Lock()
		d.finish(res)
		d.mu.Unlock()
		d.over(call.Cause{Code: call.CauseRejected, SIP: status})
		return
	}
	d.log.Debug("call taken", "call", c.ID)
	d.setProgress(p)
}

// extra are the headers of an INVITE that a call may want to see: identity, diversion and X- headers.
func extra(req *sip.Request) map[string]string {
	out := map[string]string{"call-id": req.CallID().Value()}
	for _, h := range req.Headers() {
		n := validate.Name(h)
		if n != "p-asserted-identity" && n != "diversion" && n != "user-to-user" && n != "history-info" && !strings.HasPrefix(n, "x-") {
			continue
		}
		if len(out) < 32 && len(h.Value()) <= 512 {
			out[n] = clean(h.Value())
		}
	}
	return out
}

// serve drives the INVITE's transaction to its end: refusal, CANCEL, or 200 and ACK.
func (d *dialog) serve() {
	select {
	case <-d.final:
	case <-d.cancelled:
		d.over(call.Cause{Code: call.CauseCancelled, SIP: sip.StatusRequestTerminated})
		d.forget()
		return
	case <-d.tx.Done():
		d.over(call.Cause{Code: call.CauseError, Detail: "the connection of the invitation is gone"})
		d.forget()
		return
	}
	err := d.sendFinal()
	d.finalSent <- err
	if err != nil {
		d.over(call.Cause{Code: call.CauseCancelled, SIP: sip.StatusRequestTerminated})
		d.forget()
		return
	}
	if d.finalRes.StatusCode >= 300 {
		d.forget()
		return
	}
	ack := d.awaitACK(d.tx, d.finalRes, d.invite.CSeq().SeqNo)
	d.settle(ack)
}

// sendFinal sends the final answer unless a CANCEL was faster.
func (d *dialog) sendFinal() error {
	select {
	case <-d.cancelled:
		return errors.New("siptrunk: cancelled")
	default:
	}
	return d.tx.Respond(d.finalRes)
}

// settle is the end of the set-up: the ACK is here, or (nil) never came.
func (d *dialog) settle(ack *sip.Request) {
	select {
	case <-d.gone: // the far side hung up first
		return
	default:
	}
	var c call.Cause
	switch {
	case ack == nil:
		c = call.Cause{Code: call.CauseError, SIP: sip.StatusRequestTimeout, Detail: "the answer was never acknowledged"}
	case d.offer == nil:
		if err := d.takeAnswer(description(ack)); err != nil {
			c = call.Cause{Code: call.CauseError, Detail: err.Error()}
		}
	}
	d.mu.Lock()
	bye := d.byeOnACK || c.Code != ""
	if d.state == accepted && !bye {
		d.state = confirmed
	}
	d.mu.Unlock()
	if bye {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		d.over(c)
		if err := d.bye(ctx); err != nil {
			d.log.Debug("bye failed", "cause", err)
		}
		return
	}
	d.answered()
}

// answered tells the call that the far side has our answer, once.
func (d *dialog) answered() {
	d.answeredOnce.Do(func() { d.tell(func(p call.Progress) { p.Answered() }) })
}

// takeAnswer makes media follow the answer to an offer of ours.
func (d *dialog) takeAnswer(body []byte) error {
	if body == nil {
		return errors.New("siptrunk: no answer to our offer")
	}
	_, choice, status := negotiate(body, d.trunk)
	if status != 0 {
		return fmt.Errorf("siptrunk: unusable answer to our offer (%d)", status)
	}
	return d.startMedia(choice)
}

// awaitACK repeats a 200 until its ACK comes, at T1, 2*T1, ... T2 (RFC 3261 section 13.3.1.4). It returns
// nil after 64*T1, or when the far side has hung up meanwhile.
func (d *dialog) awaitACK(tx sip.ServerTransaction, res *sip.Response, seq uint32) *sip.Request {
	interval := d.s.timers.t1
	again := time.NewTimer(interval)
	defer again.Stop()
	limit := time.NewTimer(d.s.timers.ack)
	defer limit.Stop()
	for {
		select {
		case ack := <-d.acks:
			if ack.CSeq().SeqNo == seq {
				return ack
			}
		case <-again.C:
			if err := tx.Respond(res); err != nil {
				d.log.Debug("repeated answer failed", "cause", err)
			}
			interval = min(2*interval, d.s.timers.t2)
			again.Reset(interval)
		case <-limit.C:
			return nil
		case <-tx.Done():
			return nil
		case <-d.gone:
			return nil
		}
	}
}

// onAck takes the ACK of a 200; one of a refusal belongs to the transaction and never gets here alive.
func (s *Server) onAck(req *sip.Request, _ sip.ServerTransaction, _ *trunk) {
	d := s.match(req)
	if d == nil {
		return
	}
	select {
	case d.acks <- req:
	default: // repeated more often than anybody waits for
	}
}

// onCancel is for a CANCEL that no transaction wants; the others are the library's.
func (s *Server) onCancel(req *sip.Request, tx sip.ServerTransaction, _ *trunk) {
	s.respond(tx, req, sip.StatusCallTransactionDoesNotExists)
}

// Ring implements call.Endpoint.
func (d *dialog) Ring(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.inbound || d.state != proceeding {
		return nil
	}
	res := d.s.response(d.invite, sip.StatusRinging, reason(sip.StatusRinging), nil)
	res.AppendHeader(d.s.contact(d.network))
	if err := d.tx.Respond(res); err != nil {
		return fmt.Errorf("siptrunk: ring: %w", err)
	}
	return nil
}

// Answer implements call.Endpoint. With a late offer it waits for the ACK that brings the far side's
// answer, because there is no media before.
func (d *dialog) Answer(ctx context.Context) error {
	if !d.inbound {
		return nil
	}
	if d.offer != nil {
		d.mu.Lock()
		fresh := d.state == proceeding && d.leg == nil
		choice := d.choice
		d.mu.Unlock()
		if fresh {
			if err := d.startMedia(choice); err != nil {
				return err
			}
		}
	}
	d.mu.Lock()
	was := d.state
	if was == proceeding {
		body := d.describe(func(l sdp.Local) []byte {
			if d.offer == nil {
				return sdp.Offer(l, d.trunk.codecs)
			}
			return sdp.Answer(d.offer, d.choice, l)
		})
		res := d.s.response(d.invite, sip.StatusOK, reason(sip.StatusOK), body)
		res.AppendHeader(d.s.contact(d.network))
		res.AppendHeader(sip.NewHeader("Allow", validate.Allow))
		d.state = accepted
		d.finish(res)
	}
	d.mu.Unlock()
	switch was {
	case ended:
		return errors.New("siptrunk: answer: the caller is gone")
	case proceeding:
		select {
		case err := <-d.finalSent:
			if err != nil {
				return fmt.Errorf("siptrunk: answer: %w", err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-d.up: // also when the far side was quick to hang up again: the answer did go out
		return nil
	default:
	}
	select {
	case <-d.up:
		return nil
	case <-d.done:
		return errors.New("siptrunk: answer: the caller is gone")
	case <-ctx.Done():
		return ctx.Err()
	}
}
