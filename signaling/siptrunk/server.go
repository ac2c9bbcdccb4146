package siptrunk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/siptrunk/validate"
	"github.com/cordboard/cordboard/signaling/wire"
)

func init() {
	// The library logs whole messages, numbers included, when it cannot parse them. What matters of it
	// is counted or logged here, masked.
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
	// An answer goes back the way its request came, however long it is (RFC 3261 section 18.2.2); the
	// library's limit for datagrams would swallow those over 1300 bytes.
	sip.UDPMTUSize = validate.MaxMessage
}

// A Handler takes the inbound calls; *call.Board is one. The error is a *problem.Error whose status
// becomes the SIP status. The Endpoint may be used before Incoming has returned.
type Handler interface {
	Incoming(ctx context.Context, in call.Inbound) (call.Progress, wire.Call, error)
}

// Deps is what a Server stands on.
type Deps struct {
	Media Media
	Log   *slog.Logger
}

// trunk is a configured peer with its strings parsed.
type trunk struct {
	Trunk
	prefixes []netip.Prefix
	codecs   []media.Codec
	active   atomic.Int32
}

// Server is the SIP side of cordboard: one user agent for all trunks. Safe for concurrent use.
type Server struct {
	cfg    Config
	deps   Deps
	log    *slog.Logger
	trunks []*trunk
	timers timers
	flood  *flood

	ua      *sipgo.UserAgent
	client  *sipgo.Client
	parser  *sip.Parser
	handler Handler

	udp      net.PacketConn
	tcp      net.Listener
	ready    chan struct{} // closed when the listeners are there
	draining atomic.Bool
	closed   atomic.Bool     // nothing is read or sent any more
	ctx      context.Context // of Run, set before ready

	mu      sync.Mutex
	dialogs map[string]*dialog  // by our tag
	invites map[string]struct{} // inbound INVITEs in progress, for merged requests

	wg sync.WaitGroup // everything a dialog started
}

// timers are the protocol's times (RFC 3261 section 17); tests shorten them.
type timers struct {
	t1, t2 time.Duration
	ack    time.Duration // how long a 200 waits for its ACK: 64 * T1
}

// New makes a server. It listens when Run is called, not before.
func New(cfg Config, deps Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, deps: deps, log: deps.Log, flood: newFlood(cfg), parser: sip.NewParser(),
		timers: timers{t1: sip.T1, t2: sip.T2, ack: 64 * sip.T1}, ready: make(chan struct{}),
		dialogs: make(map[string]*dialog), invites: make(map[string]struct{}),
	}
	for _, t := range cfg.Trunks {
		tr := &trunk{Trunk: t}
		var err error
		if tr.Password, err = t.password(); err != nil {
			return nil, err
		}
		tr.codecs, _ = t.codecs()
		for _, src := range t.Sources {
			p, _ := prefix(src)
			tr.prefixes = append(tr.prefixes, p)
		}
		s.trunks = append(s.trunks, tr)
	}
	var err error
	s.ua, err = sipgo.NewUA(sipgo.WithUserAgent("cordboard"),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerReadFilter(s.filter)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerUnhandledResponseHandler(func(*sip.Response) {})))
	if err != nil {
		return nil, fmt.Errorf("siptrunk: user agent: %w", err)
	}
	srv, err := sipgo.NewServer(s.ua)
	if err != nil {
		return nil, fmt.Errorf("siptrunk: server: %w", err)
	}
	if s.client, err = sipgo.NewClient(s.ua); err != nil {
		return nil, fmt.Errorf("siptrunk: client: %w", err)
	}
	s.route(srv)
	return s, nil
}

// Handle gives the server its Handler. It is called once, before Run, because the Handler needs the
// server to dial and the server the Handler to deliver.
func (s *Server) Handle(h Handler) { s.handler = h }

// route is the table of contents: one handler per method.
func (s *Server) route(srv *sipgo.Server) {
	for method, f := range map[sip.RequestMethod]handlerFunc{
		sip.INVITE: s.onInvite, sip.ACK: s.onAck, sip.CANCEL: s.onCancel, sip.BYE: s.onBye,
		sip.OPTIONS: s.onOptions, sip.INFO: s.onInfo, sip.UPDATE: s.onUpdate, sip.REFER: s.onRefer,
	} {
		srv.OnRequest(method, s.guard(f))
	}
	srv.OnNoRoute(s.guard(s.onOther))
}

// handlerFunc handles one request; trunk is nil when it came from an address of none.
type handlerFunc func(req *sip.Request, tx sip.ServerTransaction, tr *trunk)

// guard is what every request passes first: known source, then form. A panic ends one request only.
func (s *Server) guard(f handlerFunc) sipgo.RequestHandler {
	return func(req *sip.Request, tx sip.ServerTransaction) {
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("request handler panicked", "method", req.Method.String(), "cause", fmt.Sprint(p))
				s.respond(tx, req, sip.StatusInternalServerError)
			}
		}()
		tr := s.trunkFrom(req.Source())
		if tr == nil && toTag(req) == "" && !req.IsCancel() {
			if !req.IsAck() {
				s.respond(tx, req, sip.StatusForbidden)
			}
			return
		}
		if ref := validate.Request(req); ref != nil {
			if !req.IsAck() {
				s.refuse(tx, req, ref)
			}
			return
		}
		f(req, tx, tr)
	}
}

// Run listens and serves until ctx is done; then it hangs up what is left, with BYE, and returns. A clean
// end gives nil.
func (s *Server) Run(ctx context.Context) error {
	if s.handler == nil || s.deps.Media == nil {
		return errors.New("siptrunk: run without handler or media")
	}
	s.ctx = ctx
	var serving sync.WaitGroup
	if s.cfg.UDP != "" {
		var lc net.ListenConfig
		conn, err := lc.ListenPacket(ctx, "udp", s.cfg.UDP)
		if err != nil {
			return fmt.Errorf("siptrunk: listen: %w", err)
		}
		s.udp = conn
	}
	if s.cfg.TCP != "" {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", s.cfg.TCP)
		if err != nil {
			if s.udp != nil {
				err = errors.Join(err, s.udp.Close())
			}
			return fmt.Errorf("siptrunk: listen: %w", err)
		}
		s.tcp = l
	}
	failed := make(chan error, 2)
	var closers []io.Closer
	if s.udp != nil {
		closers = append(closers, s.udp)
		serving.Go(func() { failed <- s.ua.TransportLayer().ServeUDP(&washedPackets{PacketConn: s.udp}) })
		s.awaitUDP()
	}
	if s.tcp != nil {
		closers = append(closers, s.tcp)
		serving.Go(func() { failed <- s.ua.TransportLayer().ServeTCP(guardedListener{s.tcp, s.log, s.newStreamParser}) })
	}
	s.log.Info("sip listening", "udp", s.Addr("udp"), "tcp", s.Addr("tcp"), "trunks", len(s.trunks))
	close(s.ready)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		if err == nil {
			err = errors.New("listener stopped")
		}
		err = fmt.Errorf("siptrunk: serve: %w", err)
	}
	s.hangupAll()
	// What has been read is let through first: the library opens a socket of its own to answer a request
	// whose connection is gone.
	s.closed.Store(true)
	time.Sleep(20 * time.Millisecond)
	for _, c := range closers {
		err = errors.Join(err, c.Close())
	}
	err = errors.Join(err, s.ua.Close())
	serving.Wait()
	s.wg.Wait()
	return errors.Join(err, s.ua.TransportLayer().Close())
}

// awaitUDP waits until the library knows the socket by its address, because a request sent before would
// try to open it again.
func (s *Server) awaitUDP() {
	for range 1000 {
		if c, err := s.ua.TransportLayer().GetConnection("udp", s.udp.LocalAddr().String()); err == nil {
			_, _ = c.TryClose() // gives back the reference; a listener stays open
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// Ready is closed when the listeners are open and Addr has its answer.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Addr is the address listened on, the zero AddrPort for a transport that is off. Network is udp or tcp.
func (s *Server) Addr(network string) netip.AddrPort {
	switch {
	case network == "udp" && s.udp != nil:
		return s.udp.LocalAddr().(*net.UDPAddr).AddrPort()
	case network == "tcp" && s.tcp != nil:
		return s.tcp.Addr().(*net.TCPAddr).AddrPort()
	}
	return netip.AddrPort{}
}

// Drain refuses new calls with 503 from now on; calls that are up go on.
func (s *Server) Drain() { s.draining.Store(true) }

// Active is how many dialogs are alive.
func (s *Server) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dialogs)
}

// Dropped is how many datagrams the flood limits have dropped.
func (s *Server) Dropped() uint64 { return s.flood.count() }

// hangupAll ends every dialog and gives the far sides a moment to agree.
func (s *Server) hangupAll() {
	s.Drain()
	s.mu.Lock()
	all := make([]*dialog, 0, len(s.dialogs))
	for _, d := range s.dialogs {
		all = append(all, d)
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Go(func() {
			if err := d.Hangup(ctx, call.Cause{Code: call.CauseShutdown}); err != nil {
				d.log.Debug("hang up at shutdown failed", "cause", err)
			}
			select {
			case <-d.gone:
			case <-ctx.Done():
			}
		})
	}
	wg.Wait()
}

// advertised is our address on a transport as the far side reaches it.
func (s *Server) advertised(network string) netip.AddrPort {
	a := s.Addr(network)
	if ip, err := netip.ParseAddr(s.cfg.AdvertisedIP); err == nil {
		return netip.AddrPortFrom(ip, a.Port())
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// contact is our Contact on a transport.
func (s *Server) contact(network string) *sip.ContactHeader {
	a := s.advertised(network)
	u := sip.Uri{Scheme: "sip", User: "cordboard", Host: host(a.Addr()), Port: int(a.Port())}
	if network == "tcp" {
		u.UriParams.Add("transport", "tcp")
	}
	return &sip.ContactHeader{Address: u}
}

// host writes an address the way a URI wants it.
func host(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// trunkFrom is the trunk a source address (host:port) belongs to, nil for none. The longest prefix wins.
func (s *Server) trunkFrom(source string) *trunk {
	ap, err := netip.ParseAddrPort(source)
	if err != nil {
		return nil
	}
	return s.trunkAt(ap.Addr().Unmap())
}

func (s *Server) trunkAt(ip netip.Addr) *trunk {
	var best *trunk
	bits := -1
	for _, t := range s.trunks {
		for _, p := range t.prefixes {
			if p.Contains(ip) && p.Bits() > bits {
				best, bits = t, p.Bits()
			}
		}
	}
	return best
}

// trunkOut is the trunk to call out by: the named one, or the first with a proxy.
func (s *Server) trunkOut(name string) *trunk {
	i := slices.IndexFunc(s.trunks, func(t *trunk) bool { return t.Proxy != "" && (name == "" || t.Name == name) })
	if i < 0 {
		return nil
	}
	return s.trunks[i]
}

// isProxy reports whether ip is the literal address of a trunk's proxy.
func (s *Server) isProxy(ip netip.Addr) bool {
	return slices.ContainsFunc(s.trunks, func(t *trunk) bool {
		h, _, _ := net.SplitHostPort(t.Proxy)
		a, err := netip.ParseAddr(h)
		return err == nil && a.Unmap() == ip
	})
}

// filter sees raw bytes before the parser: it drops floods and, on datagrams, answers what cannot be
// parsed. On a stream it can only end the connection.
func (s *Server) filter(info sip.TransportReadProps, data []byte) (out []byte, err error) {
	ap, perr := netip.ParseAddrPort(info.RemoteAddr.String())
	if perr != nil || s.closed.Load() {
		return nil, nil
	}
	ip := ap.Addr().Unmap()
	if !s.flood.allow(ip, s.trunkAt(ip) != nil || s.isProxy(ip), time.Now()) {
		if info.Transport == "UDP" {
			return nil, nil
		}
		return nil, errors.New("siptrunk: too much from one source")
	}
	if info.Transport != "UDP" || len(data) <= 4 {
		return data, nil
	}
	defer func() {
		if recover() != nil { // the parser's own fault: never the server's end
			out, err = nil, nil
		}
	}()
	msg, perr := s.parser.ParseSIP(data)
	if msg != nil {
		defer clear(msg.Body()) // an INFO may be a digit of a card number
	}
	if perr != nil {
		if res := validate.BadRequest(data); res != nil {
			_, _ = s.udp.WriteTo(res, info.RemoteAddr) // a lost answer is asked for again
		}
		return nil, nil
	}
	if res, ok := msg.(*sip.Response); ok && !validate.Response(res, s.ours) {
		return nil, nil
	}
	return data, nil
}

// ours reports whether a Via's sent-by is what we put there.
func (s *Server) ours(h string, port int) bool {
	for _, n := range []string{"udp", "tcp"} {
		if a := s.advertised(n); port == int(a.Port()) && strings.Trim(h, "[]") == a.Addr().String() {
			return true
		}
	}
	return false
}

// response builds an answer to req. All answers pass here.
func (s *Server) response(req *sip.Request, status int, text string, body []byte) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, text, body)
	res.SipVersion = "SIP/2.0"
	if len(body) > 0 {
		res.AppendHeader(sip.NewHeader("Content-Type", validate.Accept))
	}
	switch status {
	case sip.StatusServiceUnavailable:
		res.AppendHeader(sip.NewHeader("Retry-After", strconv.Itoa(defaultRetryAfter)))
	case sip.StatusMethodNotAllowed, sip.StatusNotImplemented:
		res.AppendHeader(sip.NewHeader("Allow", validate.Allow))
	}
	return res
}

// respond answers with a bare status.
func (s *Server) respond(tx sip.ServerTransaction, req *sip.Request, status int) {
	s.send(tx, s.response(req, status, reason(status), nil))
}

func (s *Server) refuse(tx sip.ServerTransaction, req *sip.Request, r *validate.Refusal) {
	res := s.response(req, r.Status, r.Reason, nil)
	for _, h := range r.Header {
		res.AppendHeader(sip.NewHeader(h[0], h[1]))
	}
	s.log.Debug("request refused", "method", req.Method.String(), "status", r.Status, "cause", r.Reason)
	s.send(tx, res)
}

func (s *Server) send(tx sip.ServerTransaction, res *sip.Response) {
	if err := tx.Respond(res); err != nil {
		s.log.Debug("answer failed", "status", res.StatusCode, "cause", err)
	}
}

func toTag(req *sip.Request) string {
	h := req.To()
	if h == nil {
		return ""
	}
	tag, _ := h.Params.Get("tag")
	return tag
}

func fromTag(m interface{ From() *sip.FromHeader }) string {
	h := m.From()
	if h == nil {
		return ""
	}
	tag, _ := h.Params.Get("tag")
	return tag
}
