package siptrunk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/siptrunk/sdp"
	"github.com/cordboard/cordboard/signaling/siptrunk/validate"
)

// maxChallenges bounds how often one call answers a digest challenge: once, and once more when the nonce
// was stale.
const maxChallenges = 2

// Dial implements call.Dialer. It returns when the INVITE is on its way; what comes of it is told to p.
// The error is a *problem.Error.
func (s *Server) Dial(ctx context.Context, req call.DialRequest, p call.Progress) (call.Endpoint, error) {
	select {
	case <-s.ready:
	default:
		return nil, problem.New(http.StatusServiceUnavailable, "not_ready", "the SIP side is not up yet")
	}
	if s.draining.Load() {
		return nil, unavailable("draining", "the server takes no new calls")
	}
	tr := s.trunkOut(req.Trunk)
	if tr == nil {
		return nil, problem.New(http.StatusUnprocessableEntity, "no_trunk", "there is no trunk %q to call out by", req.Trunk)
	}
	d := s.newDialog(tr, false, token()+"@cordboard", tr.transport())
	d.setProgress(p)
	inv, err := d.invitation(req)
	if err != nil {
		return nil, err
	}
	if !s.add(d) {
		return nil, unavailable("trunk_full", "the trunk has no free line")
	}
	if err := d.open(); err != nil {
		d.forget()
		e := unavailable("no_port", "no media port is free")
		e.Err = err
		return nil, e
	}
	d.mu.Lock()
	inv.SetBody(d.describe(func(l sdp.Local) []byte { return sdp.Offer(l, tr.codecs) }))
	d.mu.Unlock()
	sending, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	tx, err := s.client.TransactionRequest(sending, inv, asIs)
	if err != nil {
		d.overOnce.Do(func() {
			close(d.done)
			err = errors.Join(err, d.port.Close())
		})
		d.forget()
		e := unavailable("trunk_unreachable", "the trunk cannot be reached")
		e.Err = err
		return nil, e
	}
	d.log.Info("outbound call", "from", number(req.From), "to", number(req.To))
	ring := req.Timeout
	if ring <= 0 {
		ring = s.cfg.RingTimeout
	}
	s.wg.Go(func() { d.call(inv, tx, ring) })
	return d, nil
}

func unavailable(code, detail string) *problem.Error {
	e := problem.New(http.StatusServiceUnavailable, code, "%s", detail)
	e.RetryAfter = defaultRetryAfter
	return e
}

func invalid(field, code, detail string) *problem.Error {
	e := problem.New(http.StatusUnprocessableEntity, "invalid_request", "%s", detail)
	e.Fields = []problem.Field{{Pointer: "/" + field, Code: code, Detail: detail}}
	return e
}

// invitation builds the INVITE without its body and sets the dialog's own side.
func (d *dialog) invitation(r call.DialRequest) (*sip.Request, error) {
	proxyHost, proxyPort, _ := net.SplitHostPort(d.trunk.Proxy)
	ours := d.s.advertised(d.network)
	toHost, fromHost := d.trunk.Domain, d.trunk.Domain
	if toHost == "" {
		toHost, fromHost = proxyHost, ours.Addr().String()
	}
	to := sip.Uri{Scheme: "sip", User: r.To, Host: bracket(toHost)}
	if rest, ok := strings.CutPrefix(r.To, "sip:"); ok {
		// An address as a whole: user@host[:port], nothing more.
		user, hostPort, ok := strings.Cut(rest, "@")
		if !ok || strings.ContainsAny(hostPort, ";?<>@ \t\r\n\x00\"") || sip.ParseUri("sip:"+user+"@"+hostPort, &to) != nil {
			return nil, invalid("to", "malformed", "the SIP address cannot be dialled")
		}
	} else if d.trunk.Domain == "" {
		to.Port, _ = strconv.Atoi(proxyPort)
	}
	from := r.From
	if from == "" {
		from = d.trunk.Username
	}
	if from == "" {
		from = "anonymous"
	}
	switch {
	case !dialable(to.User):
		return nil, invalid("to", "malformed", "the number to call has characters that cannot be dialled")
	case !dialable(from):
		return nil, invalid("from", "malformed", "the caller's number has characters that cannot be sent")
	case !quotable(r.FromName):
		return nil, invalid("from_name", "malformed", "the caller's name has characters that cannot be sent")
	}
	d.target = to
	d.local = sip.FromHeader{DisplayName: quote(r.FromName), Address: sip.Uri{Scheme: "sip", User: from, Host: bracket(fromHost)}}
	d.local.Params.Add("tag", d.localTag)
	d.remote = sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: to.User, Host: to.Host}}
	req := d.request(sip.INVITE, 0)
	req.SetDestination(d.trunk.Proxy)
	req.AppendHeader(sip.NewHeader("Allow", validate.Allow))
	req.AppendHeader(sip.NewHeader("Content-Type", validate.Accept))
	return req, nil
}

func bracket(h string) string {
	if strings.Contains(h, ":") && !strings.HasPrefix(h, "[") {
		return "[" + h + "]"
	}
	return h
}

// call drives an outbound INVITE from its first response until the last late 200 can have come.
func (d *dialog) call(inv *sip.Request, tx sip.ClientTransaction, ring time.Duration) {
	up := false
	defer func() {
		if !up {
			d.forget()
		}
	}()
	timeout := time.NewTimer(ring)
	defer timeout.Stop()
	hangup := d.hangup
	var dead <-chan time.Time // runs after CANCEL: how long the final response may take
	provisional, cancelling := false, false
	cancel := func() {
		hangup, cancelling = nil, true
		dead = time.After(d.s.timers.ack)
		if provisional {
			d.sendCancel(inv)
		}
	}
	d.listen(tx)
	for challenges := 0; ; {
		select {
		case <-hangup:
			cancel()
		case <-timeout.C:
			d.over(call.Cause{Code: call.CauseNoAnswer, SIP: sip.StatusRequestTimeout})
			if !cancelling {
				cancel()
			}
		case <-dead:
			tx.Terminate()
			return
		case <-tx.Done():
			d.over(call.Cause{Code: call.CauseUnavailable, SIP: sip.StatusRequestTimeout, Detail: "the trunk does not answer"})
			return
		case res := <-tx.Responses():
			switch {
			case res.IsProvisional():
				if cancelling && !provisional {
					d.sendCancel(inv) // not before the first response (RFC 3261 section 9.1)
				}
				provisional = true
				d.onProvisional(res)
			case res.IsSuccess():
				up = true // from here on whoever sends or takes the BYE forgets the dialog
				d.onSuccess(inv, res)
				d.linger(tx, inv)
				return
			case !cancelling && challenges < maxChallenges && (res.StatusCode == 401 || res.StatusCode == 407):
				challenges++
				next, ntx, err := d.authorize(inv, res)
				if err != nil {
					d.log.Warn("digest challenge not answered", "status", res.StatusCode, "cause", err)
					d.over(call.Cause{Code: call.CauseRejected, SIP: res.StatusCode})
					return
				}
				inv, tx, provisional = next, ntx, false
				d.listen(tx)
			default:
				d.over(causeOf(res.StatusCode))
				return
			}
		}
	}
}

// listen makes 2xx after the first (repeated, or from another branch of a fork) come to linger.
func (d *dialog) listen(tx sip.ClientTransaction) {
	tx.OnRetransmission(func(res *sip.Response) {
		select {
		case d.repeated <- res:
		default:
		}
	})
}

// onProvisional takes 18x: ringing, and early media where there is a description.
func (d *dialog) onProvisional(res *sip.Response) {
	if res.StatusCode == sip.StatusRinging {
		d.tell(func(p call.Progress) { p.Ringing() })
	}
	if body := description(res); body != nil && res.StatusCode > 100 {
		if err := d.takeAnswer(body); err != nil {
			d.log.Debug("early media not taken", "cause", err)
			return
		}
		d.tell(func(p call.Progress) { p.Early() })
	}
}

// onSuccess acknowledges the 200 and brings the call up, or hangs up at once when nobody wants it any
// more or its answer cannot be used.
func (d *dialog) onSuccess(inv *sip.Request, res *sip.Response) {
	d.establish(res)
	d.ack(inv)
	var c call.Cause
	if body := description(res); body != nil {
		if err := d.takeAnswer(body); err != nil {
			c = call.Cause{Code: call.CauseError, SIP: sip.StatusNotAcceptableHere, Detail: err.Error()}
		}
	} else if d.Media() == nil {
		c = call.Cause{Code: call.CauseError, SIP: sip.StatusNotAcceptableHere, Detail: "the trunk answered without a description"}
	}
	d.mu.Lock()
	late := d.state == ended
	if c.Code == "" && !late {
		d.state = confirmed
	}
	d.mu.Unlock()
	if c.Code == "" && !late {
		d.tell(func(p call.Progress) { p.Answered() })
		return
	}
	d.over(c)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := d.bye(ctx); err != nil {
		d.log.Debug("bye failed", "cause", err)
	}
}

// establish makes the dialog that of this 2xx: tag, target and route set (RFC 3261 section 12.1.2).
func (d *dialog) establish(res *sip.Response) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := res.To(); h != nil {
		d.remote = sip.ToHeader{DisplayName: h.DisplayName, Address: h.Address, Params: h.Params.Clone()}
		d.remoteTag, _ = h.Params.Get("tag")
	}
	if c := res.Contact(); c != nil {
		d.target = c.Address
	}
	d.routes = recordRoutes(res)
	slices.Reverse(d.routes)
	d.source = res.Source()
}

// ack acknowledges the dialog's 2xx; it is sent anew each time the 2xx is.
func (d *dialog) ack(inv *sip.Request) {
	req := d.request(sip.ACK, inv.CSeq().SeqNo)
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		if h := inv.GetHeader(name); h != nil {
			req.AppendHeader(sip.NewHeader(name, h.Value()))
		}
	}
	if d.s.closed.Load() {
		return
	}
	if err := d.s.client.WriteRequest(req, asIs); err != nil {
		d.log.Warn("ack failed", "cause", err)
	}
}

// linger answers what still comes for the INVITE after its 200: the same 200 again, or one from another
// branch of a fork, which gets ACK and BYE. It ends with the transaction.
func (d *dialog) linger(tx sip.ClientTransaction, inv *sip.Request) {
	for {
		select {
		case <-tx.Done():
			return
		case res := <-d.repeated:
			tag := ""
			if h := res.To(); h != nil {
				tag, _ = h.Params.Get("tag")
			}
			d.mu.Lock()
			same := tag == d.remoteTag
			d.mu.Unlock()
			if same {
				d.ack(inv)
				continue
			}
			d.dropFork(inv, res)
		}
	}
}

// dropFork ends a second call that a fork brought up.
func (d *dialog) dropFork(inv *sip.Request, res *sip.Response) {
	f := d.s.newDialog(d.trunk, false, d.callID, d.network)
	d.mu.Lock()
	f.local, f.remote, f.target, f.localSeq = d.local, d.remote, d.target, d.localSeq
	d.mu.Unlock()
	f.establish(res)
	f.ack(inv)
	d.s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if _, err := d.s.do(ctx, f.request(sip.BYE, 0)); err != nil {
			d.log.Debug("bye to a fork failed", "cause", err)
		}
	})
}

// sendCancel cancels the INVITE (RFC 3261 section 9.1): same branch, same number.
func (d *dialog) sendCancel(inv *sip.Request) {
	req := sip.NewRequest(sip.CANCEL, inv.Recipient)
	req.AppendHeader(inv.Via().Clone())
	sip.CopyHeaders("Route", inv, req)
	from, to := d.local, *inv.To()
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	id := sip.CallIDHeader(d.callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: inv.CSeq().SeqNo, MethodName: sip.CANCEL})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.SetBody(nil)
	req.SetTransport(inv.Transport())
	req.SetDestination(inv.Destination())
	req.Laddr = inv.Laddr
	d.s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), d.s.timers.ack)
		defer cancel()
		if _, err := d.s.do(ctx, req); err != nil {
			d.log.Debug("cancel failed", "cause", err)
		}
	})
}

// authorize sends the INVITE anew with credentials, if the challenger is the one they are for.
func (d *dialog) authorize(inv *sip.Request, res *sip.Response) (*sip.Request, sip.ClientTransaction, error) {
	if d.trunk.Username == "" {
		return nil, nil, errors.New("siptrunk: the trunk has no credentials")
	}
	ask, answer := "WWW-Authenticate", "Authorization"
	if res.StatusCode == sip.StatusProxyAuthRequired {
		ask, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	cred, err := d.credentials(inv, res.GetHeaders(ask))
	if err != nil {
		return nil, nil, err
	}
	next := inv.Clone()
	next.RemoveHeader("Via")
	next.PrependHeader(d.s.via(d.network))
	next.RemoveHeader(answer)
	next.AppendHeader(sip.NewHeader(answer, cred))
	next.CSeq().SeqNo++
	d.mu.Lock()
	d.localSeq = next.CSeq().SeqNo
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	tx, err := d.s.client.TransactionRequest(ctx, next, asIs)
	if err != nil {
		return nil, nil, fmt.Errorf("siptrunk: invite with credentials: %w", err)
	}
	return next, tx, nil
}

// credentials answers the first challenge we can (the challenger puts the best first, RFC 8760).
func (d *dialog) credentials(inv *sip.Request, challenges []sip.Header) (string, error) {
	why := errors.New("siptrunk: no challenge we can answer")
	for _, h := range challenges {
		chal, err := digest.ParseChallenge(h.Value())
		if err != nil {
			why = fmt.Errorf("siptrunk: challenge: %w", err)
			continue
		}
		if d.trunk.Realm != "" && chal.Realm != d.trunk.Realm {
			why = fmt.Errorf("siptrunk: challenge from realm %q", chal.Realm)
			continue
		}
		chal.Algorithm = strings.ToUpper(chal.Algorithm)
		cred, err := digest.Digest(chal, digest.Options{
			Method: inv.Method.String(), URI: inv.Recipient.String(),
			Username: d.trunk.Username, Password: d.trunk.Password,
		})
		if err != nil {
			why = fmt.Errorf("siptrunk: challenge: %w", err)
			continue
		}
		return cred.String(), nil
	}
	return "", why
}
