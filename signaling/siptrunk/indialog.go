package siptrunk

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/siptrunk/sdp"
	"github.com/cordboard/cordboard/signaling/siptrunk/validate"
)

// onBye takes the far side's hang-up, also of a call that is not answered yet.
func (s *Server) onBye(req *sip.Request, tx sip.ServerTransaction, _ *trunk) {
	d := s.match(req)
	if d == nil {
		s.respond(tx, req, sip.StatusCallTransactionDoesNotExists)
		return
	}
	s.respond(tx, req, sip.StatusOK)
	d.mu.Lock()
	was := d.state
	if was == proceeding && d.inbound {
		d.finish(s.response(d.invite, sip.StatusRequestTerminated, reason(sip.StatusRequestTerminated), nil))
	}
	d.mu.Unlock()
	d.over(call.Cause{Code: call.CauseHangup})
	if was != proceeding {
		d.forget()
	}
}

// onReinvite answers a new offer in a call that is up: hold, unhold, another codec or address, or (no
// description) a request for our offer.
func (s *Server) onReinvite(req *sip.Request, tx sip.ServerTransaction) {
	d := s.match(req)
	if d == nil {
		s.respond(tx, req, sip.StatusCallTransactionDoesNotExists)
		return
	}
	s.respond(tx, req, sip.StatusTrying)
	leave, ok := d.enter(req, tx)
	if !ok {
		return
	}
	res, late := d.reoffer(req)
	if !res.IsSuccess() { // the offer is over with the refusal, and the next one may follow it at once
		leave()
		s.send(tx, res)
		return
	}
	defer leave()
	s.send(tx, res)
	s.wg.Add(1)
	defer s.wg.Done()
	ack := d.awaitACK(tx, res, req.CSeq().SeqNo)
	var lost string
	switch {
	case ack == nil:
		lost = "a new offer's answer was never acknowledged"
	case late:
		if err := d.takeAnswer(description(ack)); err != nil {
			lost = err.Error()
		}
	}
	if lost == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := d.Hangup(ctx, call.Cause{Code: call.CauseError, Detail: lost}); err != nil {
		d.log.Debug("hang up failed", "cause", err)
	}
}

// onUpdate is a new offer, or a new contact, without the ACK (RFC 3311).
func (s *Server) onUpdate(req *sip.Request, tx sip.ServerTransaction, _ *trunk) {
	d := s.match(req)
	if d == nil {
		s.respond(tx, req, sip.StatusCallTransactionDoesNotExists)
		return
	}
	leave, ok := d.enter(req, tx)
	if !ok {
		return
	}
	var res *sip.Response
	if description(req) != nil {
		res, _ = d.reoffer(req)
	} else {
		d.retarget(req)
		res = s.response(req, sip.StatusOK, reason(sip.StatusOK), nil)
		res.AppendHeader(s.contact(d.network))
	}
	leave() // the answer ends the exchange, and the next offer may follow it at once
	s.send(tx, res)
}

// enter admits one offer at a time; when it refuses, it has answered. 491 while an offer of ours is open,
// 500 while one of theirs is (RFC 3261 section 14.2).
func (d *dialog) enter(req *sip.Request, tx sip.ServerTransaction) (leave func(), ok bool) {
	if !d.follows(req) {
		d.s.respond(tx, req, sip.StatusInternalServerError)
		return nil, false
	}
	d.mu.Lock()
	status := 0
	// Who offers anew has acknowledged our answer (RFC 3261 section 13.2.2.4), whose ACK another goroutine may still hold.
	acknowledged := d.state == accepted && !d.byeOnACK
	switch {
	case d.state == ended:
		status = sip.StatusCallTransactionDoesNotExists
	case d.state == proceeding, d.state == accepted && d.offer == nil:
		status = sip.StatusRequestPending
	case d.busy:
		status = sip.StatusInternalServerError
	default:
		d.busy = true
	}
	d.mu.Unlock()
	if status != 0 {
		res := d.s.response(req, status, reason(status), nil)
		if status == sip.StatusInternalServerError {
			res.AppendHeader(sip.NewHeader("Retry-After", "2"))
		}
		d.s.send(tx, res)
		return nil, false
	}
	if acknowledged {
		d.answered()
	}
	return func() {
		d.mu.Lock()
		d.busy = false
		d.mu.Unlock()
	}, true
}

// reoffer applies an offer and builds its answer; late says that the answer holds our offer instead. When
// nothing fits the call goes on as it was.
func (d *dialog) reoffer(req *sip.Request) (res *sip.Response, late bool) {
	body := description(req)
	var offer *sdp.Session
	if body != nil {
		o, choice, status := negotiate(body, d.trunk)
		if status != 0 {
			return d.s.response(req, status, reason(status), nil), false
		}
		if err := d.startMedia(choice); err != nil {
			d.log.Warn("media did not follow", "cause", err)
			return d.s.response(req, sip.StatusInternalServerError, reason(sip.StatusInternalServerError), nil), false
		}
		offer = o
	}
	d.retarget(req)
	d.mu.Lock()
	defer d.mu.Unlock()
	answer := d.describe(func(l sdp.Local) []byte {
		if offer == nil {
			return sdp.Offer(l, d.trunk.codecs)
		}
		return sdp.Answer(offer, d.choice, l)
	})
	res = d.s.response(req, sip.StatusOK, reason(sip.StatusOK), answer)
	res.AppendHeader(d.s.contact(d.network))
	res.AppendHeader(sip.NewHeader("Allow", validate.Allow))
	return res, offer == nil
}

// retarget follows a new Contact (RFC 3261 section 12.2.2).
func (d *dialog) retarget(req *sip.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := req.Contact(); c != nil {
		d.target = c.Address
	}
	d.source = req.Source()
}

// onOptions says what we can do; a trunk that asks while we drain is told to look elsewhere.
func (s *Server) onOptions(req *sip.Request, tx sip.ServerTransaction, _ *trunk) {
	if toTag(req) != "" && s.match(req) == nil {
		s.respond(tx, req, sip.StatusCallTransactionDoesNotExists)
		return
	}
	if s.draining.Load() && toTag(req) == "" {
		s.respond(tx, req, sip.StatusServiceUnavailable)
		return
	}
	res := s.response(req, sip.StatusOK, reason(sip.StatusOK), nil)
	res.AppendHeader(sip.NewHeader("Allow", validate.Allow))
	res.AppendHeader(sip.NewHeader("Accept", validate.Accept))
	s.send(tx, res)
}

// onInfo takes a digit the far side sends by signalling instead of RFC 4733. The body is overwritten: it may be a digit
// of a card number, and the transaction keeps the request for half a minute in case it is repeated.
func (s *Server) onInfo(req *sip.Request, tx sip.ServerTransaction, _ *trunk) {
	defer clear(req.Body())
	d := s.match(req)
	if d == nil {
		s.respond(tx, req, sip.StatusCallTransactionDoesNotExists)
		return
	}
	if !d.follows(req) {
		s.respond(tx, req, sip.StatusInternalServerError)
		return
	}
	if len(req.Body()) == 0 {
		s.respond(tx, req, sip.StatusOK) // a keep-alive
		return
	}
	e, status := digit(validate.MediaType(req), req.Body())
	if status == sip.StatusUnsupportedMediaType {
		res := s.response(req, status, "Unsupported Media Type", nil)
		res.AppendHeader(sip.NewHeader("Accept", "application/dtmf-relay, application/dtmf"))
		s.send(tx, res)
		return
	}
	if status == sip.StatusOK {
		d.mu.Lock()
		leg := d.leg
		d.mu.Unlock()
		if leg != nil {
			leg.Inject(e)
		}
	}
	s.respond(tx, req, status)
}

// digit reads one key from an INFO body: "Signal=5\r\nDuration=160" or the bare key. It makes no string of the key.
func digit(kind string, body []byte) (media.Event, int) {
	e := media.Event{Kind: media.EventDigit, Duration: 160 * time.Millisecond}
	var key []byte
	switch kind {
	case "application/dtmf":
		key = bytes.TrimSpace(body)
	case "application/dtmf-relay":
		for line := range bytes.Lines(body) {
			name, value, _ := bytes.Cut(line, []byte("="))
			name, value = bytes.TrimSpace(name), bytes.TrimSpace(value)
			switch {
			case bytes.EqualFold(name, []byte("signal")):
				key = value
			case bytes.EqualFold(name, []byte("duration")):
				if d, err := time.ParseDuration(string(value) + "ms"); err == nil && d > 0 && d <= 10*time.Second {
					e.Duration = d
				}
			}
		}
	default:
		return e, sip.StatusUnsupportedMediaType
	}
	switch {
	case len(key) == 1 && key[0] >= 'a':
		e.Digit = key[0] - 'a' + 'A'
	case len(key) == 1:
		e.Digit = key[0]
	case string(key) == "10":
		e.Digit = '*'
	case string(key) == "11":
		e.Digit = '#'
	}
	if strings.IndexByte("0123456789*#ABCD", e.Digit) < 0 {
		return e, sip.StatusBadRequest
	}
	return e, sip.StatusOK
}

// onRefer declines: transfers asked for by the trunk's side are not offered.
func (s *Server) onRefer(req *sip.Request, tx sip.ServerTransaction, _ *trunk) {
	d := s.match(req)
	if d == nil {
		s.respond(tx, req, sip.StatusCallTransactionDoesNotExists)
		return
	}
	d.follows(req)
	s.respond(tx, req, sip.StatusGlobalDecline)
}

// onOther is for every other method: 481 in a dialog we do not have, 405 for those we know and do not do,
// 501 for the rest.
func (s *Server) onOther(req *sip.Request, tx sip.ServerTransaction, _ *trunk) {
	status := sip.StatusNotImplemented
	switch req.Method {
	case sip.REGISTER, sip.SUBSCRIBE, sip.NOTIFY, sip.MESSAGE, sip.PRACK, sip.PUBLISH:
		status = sip.StatusMethodNotAllowed
	}
	if toTag(req) != "" && s.match(req) == nil {
		status = sip.StatusCallTransactionDoesNotExists
	}
	s.respond(tx, req, status)
}
