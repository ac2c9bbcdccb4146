package siptrunk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/siptrunk/sdp"
	"github.com/cordboard/cordboard/signaling/siptrunk/validate"
)

// state is where a dialog is; doc.go draws the transitions.
type state uint8

const (
	proceeding state = iota // the INVITE has no final answer yet
	accepted                // inbound: our 200 is on its way, its ACK is not here
	confirmed               // both sides agree that there is a call
	ended                   // over for the call; the last messages may still be under way
)

// dialog is one call leg's SIP side (RFC 3261 section 12). It is the call.Endpoint of its leg.
type dialog struct {
	s       *Server
	trunk   *trunk
	log     *slog.Logger
	inbound bool

	callID   string
	localTag string
	network  string // udp or tcp

	mu        sync.Mutex
	state     state
	remoteTag string
	local     sip.FromHeader // our side as From of requests we send
	remote    sip.ToHeader   // the far side as To
	target    sip.Uri        // where requests go: the far side's Contact
	routes    []string       // Route values of requests we send
	source    string         // where the far side's requests came from
	localSeq  uint32
	remoteSeq uint32
	busy      bool // an offer is being negotiated
	byeOnACK  bool // hung up before the ACK of our 200 (RFC 3261 section 15)

	port    Port
	addr    netip.AddrPort // the port's, kept for descriptions
	leg     Leg
	held    bool
	session uint64 // SDP session id
	version uint64
	sent    string // our last description, but for its version

	// Inbound set-up: what the INVITE's goroutine waits for.
	invite       *sip.Request
	offer        *sdp.Session // nil: late offer
	choice       sdp.Choice
	tx           sip.ServerTransaction
	final        chan struct{}      // closed when finalRes is set
	finalRes     *sip.Response      // the final answer
	finalSent    chan error         // what became of sending it
	cancelled    chan struct{}      // closed by CANCEL
	acks         chan *sip.Request  // ACKs of 2xx, by whoever waits for one
	hangup       chan struct{}      // outbound: closed when we give up before the answer
	hungup       sync.Once          // guards hangup
	upOnce       sync.Once          // guards up
	answeredOnce sync.Once          // guards telling that we have been acknowledged
	up           chan struct{}      // closed when media is up
	repeated     chan *sip.Response // outbound: 2xx after the first

	pmu      sync.Mutex
	progress call.Progress
	queue    []func(call.Progress) // told before progress was known

	overOnce sync.Once
	done     chan struct{} // closed when the leg is over
	gone     chan struct{} // closed when the dialog has sent its last message
	goneOnce sync.Once
	counted  atomic.Bool
}

var _ call.Endpoint = (*dialog)(nil)

func (s *Server) newDialog(tr *trunk, inbound bool, callID, network string) *dialog {
	d := &dialog{
		s: s, trunk: tr, inbound: inbound, callID: callID, localTag: token(), network: network,
		session: sessionID(), final: make(chan struct{}), finalSent: make(chan error, 1),
		cancelled: make(chan struct{}), acks: make(chan *sip.Request, 4), hangup: make(chan struct{}),
		up: make(chan struct{}), repeated: make(chan *sip.Response, 8),
		done: make(chan struct{}), gone: make(chan struct{}),
	}
	d.log = s.log.With("trunk", tr.Name, "dialog", d.localTag)
	return d
}

// add makes a dialog known, within the limits on how many there may be.
func (s *Server) add(d *dialog) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := d.trunk.MaxCalls
	if len(s.dialogs) >= s.cfg.MaxCalls || limit > 0 && int(d.trunk.active.Load()) >= limit {
		return false
	}
	d.trunk.active.Add(1)
	d.counted.Store(true)
	s.dialogs[d.localTag] = d
	return true
}

// forget ends the dialog's last rites: no request finds it any more.
func (d *dialog) forget() {
	d.goneOnce.Do(func() {
		d.s.mu.Lock()
		delete(d.s.dialogs, d.localTag)
		d.s.mu.Unlock()
		if d.counted.Load() {
			d.trunk.active.Add(-1)
		}
		close(d.gone)
	})
}

// match is the dialog a request belongs to, nil for none.
func (s *Server) match(req *sip.Request) *dialog {
	s.mu.Lock()
	d := s.dialogs[toTag(req)]
	s.mu.Unlock()
	if d == nil || req.CallID() == nil || req.CallID().Value() != d.callID {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.remoteTag != "" && d.remoteTag != fromTag(req) {
		return nil
	}
	return d
}

// follows takes a request's place in the far side's sequence; false when it is out of order.
func (d *dialog) follows(req *sip.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	seq := req.CSeq().SeqNo
	if seq <= d.remoteSeq {
		return false
	}
	d.remoteSeq = seq
	return true
}

// tell reports to the call, in order, also what happened before the call was there.
func (d *dialog) tell(f func(call.Progress)) {
	d.pmu.Lock()
	defer d.pmu.Unlock()
	if d.progress == nil {
		d.queue = append(d.queue, f)
		return
	}
	f(d.progress)
}

func (d *dialog) setProgress(p call.Progress) {
	d.pmu.Lock()
	defer d.pmu.Unlock()
	d.progress = p
	for _, f := range d.queue {
		f(p)
	}
	d.queue = nil
}

// over ends the leg once: the media closes and the call is told. Messages may still be under way; forget
// ends those.
func (d *dialog) over(c call.Cause) {
	d.overOnce.Do(func() {
		d.mu.Lock()
		d.state = ended
		leg, port := d.leg, d.port
		d.port = nil
		d.mu.Unlock()
		close(d.done)
		d.tell(func(p call.Progress) { p.Ended(c) })
		var err error
		if leg != nil {
			err = leg.Close()
		} else if port != nil {
			err = port.Close()
		}
		d.log.Info("leg over", "cause", c.Code, "sip", c.SIP, "close_error", err)
	})
}

// Media implements call.Endpoint.
func (d *dialog) Media() media.Leg {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leg == nil {
		return nil
	}
	return d.leg
}

// startMedia brings the media up, or makes it follow a new choice, and tells of a changed hold.
func (d *dialog) startMedia(c sdp.Choice) error {
	p := Params{Choice: c, NAT: d.trunk.NAT}
	d.mu.Lock()
	if ap, err := netip.ParseAddrPort(d.source); err == nil {
		p.From = ap.Addr().Unmap()
	}
	if d.state == ended {
		d.mu.Unlock()
		return errors.New("siptrunk: leg is over")
	}
	d.choice = c
	leg, held := d.leg, d.held
	var err error
	if leg == nil {
		if leg, err = d.port.Start(p); err == nil {
			d.leg, d.port = leg, nil
			d.s.wg.Go(func() { d.watch(leg) })
		}
	} else {
		err = leg.Update(p)
	}
	if err == nil {
		d.held = c.Held
	}
	d.mu.Unlock()
	if err != nil {
		return fmt.Errorf("siptrunk: media: %w", err)
	}
	if held != c.Held {
		d.tell(func(p call.Progress) { p.HeldRemotely(c.Held) })
	}
	d.upOnce.Do(func() { close(d.up) })
	return nil
}

// watch hangs up when the media gives out on its own.
func (d *dialog) watch(leg media.Leg) {
	select {
	case <-d.done:
	case <-leg.Done():
		err := leg.Err()
		if err == nil {
			return // closed by its owner, who hangs up as well
		}
		d.log.Info("media lost", "cause", err)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := d.Hangup(ctx, call.Cause{Code: call.CauseMediaLost, Detail: "no audio from the far side"}); err != nil {
			d.log.Debug("hang up after lost media failed", "cause", err)
		}
	}
}

// describe is our side of a description; its version rises when the text changes. Called with mu held.
func (d *dialog) describe(write func(sdp.Local) []byte) []byte {
	l := sdp.Local{Addr: d.addr, SessionID: d.session}
	if text := string(write(l)); text != d.sent {
		d.sent = text
		d.version++
	}
	l.Version = d.version
	return write(l)
}

// request builds the next request of the dialog, with its place in our sequence. ACK has its INVITE's.
func (d *dialog) request(method sip.RequestMethod, seq uint32) *sip.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	if seq == 0 {
		d.localSeq++
		seq = d.localSeq
	}
	req := sip.NewRequest(method, d.target)
	req.AppendHeader(d.s.via(d.network))
	routes, strict := d.routes, false
	if len(routes) > 0 && !strings.Contains(strings.ToLower(routes[0]), ";lr") {
		// A strict router takes the request by its own URI; the target goes last (RFC 3261 16.12.1.2).
		var u sip.Uri
		if err := sip.ParseUri(strings.Trim(routes[0], "<>"), &u); err == nil {
			req.Recipient, strict = u, true
			routes = append(append([]string{}, routes[1:]...), "<"+d.target.String()+">")
		}
	}
	for _, r := range routes {
		req.AppendHeader(sip.NewHeader("Route", r))
	}
	from, to := d.local, d.remote
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	id := sip.CallIDHeader(d.callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: method})
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	if method != sip.BYE && method != sip.CANCEL {
		req.AppendHeader(d.s.contact(d.network))
	}
	req.SetBody(nil)
	d.address(req, routes, strict)
	return req
}

// address says where a request goes: the first route, the target, or behind NAT and on a connection the
// far side opened, back to where it came from. Called with mu held.
func (d *dialog) address(req *sip.Request, routes []string, strict bool) {
	req.SetTransport(strings.ToUpper(d.network))
	next := d.target
	if strict {
		next = req.Recipient
	} else if len(routes) > 0 {
		uri, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(routes[0]), "<"), ">")
		_ = sip.ParseUri(uri, &next) // what we stored has been parsed before
	}
	dest := net.JoinHostPort(strings.Trim(next.Host, "[]"), strconv.Itoa(portOf(next)))
	if d.source != "" && len(routes) == 0 && (d.trunk.NAT || d.network == "tcp" && d.inbound) {
		dest = d.source
	}
	req.SetDestination(dest)
	d.s.bind(req, d.network)
}

// bind makes a datagram leave by the socket we listen on.
func (s *Server) bind(req *sip.Request, network string) {
	if network == "udp" {
		a := s.Addr("udp")
		req.Laddr = sip.Addr{IP: net.IP(a.Addr().Unmap().AsSlice()), Port: int(a.Port())}
		if a.Addr().IsUnspecified() {
			// The socket is known by the name the system gave it.
			h, _, _ := net.SplitHostPort(s.udp.LocalAddr().String())
			req.Laddr.IP = net.ParseIP(h)
		}
	}
}

func portOf(u sip.Uri) int {
	if u.Port > 0 {
		return u.Port
	}
	return sip.DefaultUdpPort
}

// via is a new top Via of ours.
func (s *Server) via(network string) *sip.ViaHeader {
	a := s.advertised(network)
	v := &sip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: strings.ToUpper(network),
		Host: host(a.Addr()), Port: int(a.Port()),
	}
	v.Params.Add("branch", sip.RFC3261BranchMagicCookie+token())
	v.Params.Add("rport", "")
	return v
}

// do sends a request outside any INVITE and waits for its final answer until ctx ends.
func (s *Server) do(ctx context.Context, req *sip.Request) (*sip.Response, error) {
	if s.closed.Load() {
		return nil, errClosed // the library would open a socket of its own
	}
	return s.client.Do(ctx, req, asIs)
}

var errClosed = errors.New("siptrunk: closed")

// asIs keeps the client from adding to a request that is already complete.
func asIs(*sipgo.Client, *sip.Request) error { return nil }

// bye sends BYE and waits for its answer until ctx ends.
func (d *dialog) bye(ctx context.Context) error {
	defer d.forget()
	res, err := d.s.do(ctx, d.request(sip.BYE, 0))
	if err != nil {
		return fmt.Errorf("siptrunk: bye: %w", err)
	}
	d.log.Debug("bye answered", "status", res.StatusCode)
	return nil
}

// Hangup implements call.Endpoint.
func (d *dialog) Hangup(ctx context.Context, c call.Cause) error {
	d.mu.Lock()
	was := d.state
	d.state = ended
	if was == accepted {
		d.byeOnACK = true
	}
	if was == proceeding && d.inbound {
		status, text := statusOf(c)
		d.finish(d.s.response(d.invite, status, text, nil))
	}
	d.mu.Unlock()
	switch {
	case was == ended:
		d.over(c)
		return nil
	case was == proceeding && !d.inbound:
		d.hungup.Do(func() { close(d.hangup) })
	case was == confirmed:
		// The BYE is written before the media closes, and its answer is waited for after.
		sent := make(chan error, 1)
		d.s.wg.Go(func() { sent <- d.bye(ctx) })
		d.over(c)
		return <-sent
	}
	d.over(c)
	return nil
}

// finish gives the INVITE's goroutine the final answer. Called with mu held; the first answer wins.
func (d *dialog) finish(res *sip.Response) bool {
	if d.finalRes != nil {
		return false
	}
	d.finalRes = res
	close(d.final)
	return true
}

// token is 80 random bits for tags and branches.
func token() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

func sessionID() uint64 {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic("siptrunk: no randomness: " + err.Error())
	}
	return n.Uint64()
}

// recordRoutes are a message's Record-Route values in order.
func recordRoutes(m sip.Message) []string {
	var out []string
	for _, h := range m.GetHeaders("record-route") {
		out = append(out, h.Value())
	}
	return out
}

// description is the body of a message if it is SDP, nil if there is none.
func description(m sip.Message) []byte {
	if len(m.Body()) == 0 || validate.MediaType(m) != validate.Accept {
		return nil
	}
	return m.Body()
}
