package agentapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	lastWords      = time.Second // for frames in the queue before the close frame
	commandTimeout = 10 * time.Second
	maxFrame       = 64 << 10
	queueFrames    = 256 // frames on their way to one client
	queueCommands  = 64  // commands of one client not yet begun
	eventBatch     = 64
)

// pace is how long an event socket waits for what.
type pace struct {
	auth    time.Duration // for the first frame of a client without a token in the handshake
	ping    time.Duration // between pings, and for the pong
	session time.Duration // between looks whether the session was signed out
	slow    time.Duration // how long a full queue is put up with
}

func defaultPace() pace {
	return pace{auth: 5 * time.Second, ping: 15 * time.Second, session: 4 * time.Second, slow: 5 * time.Second}
}

const closeGoingAway = int(websocket.StatusGoingAway)

// socket is one event socket: a reader (the handler's goroutine), a writer, a pump that turns the bus into
// frames, a worker that runs commands in order, and a watch over ping, token and session. Any of them ends
// it by end; the first reason counts.
type socket struct {
	s     *Server
	conn  *websocket.Conn
	from  string // the client's address
	ctx   context.Context
	stop  context.CancelCauseFunc
	out   chan []byte
	todo  chan wire.Command
	fresh chan struct{} // the claims were replaced

	mu     sync.Mutex
	claims auth.Claims
}

// closing is why a socket ends, with its close code.
type closing struct {
	code   int
	reason string
}

func (c closing) Error() string { return strconv.Itoa(c.code) + " " + c.reason }

// end closes the socket with a code and a reason; later reasons are ignored.
func (c *socket) end(code int, reason string) { c.stop(closing{code, reason}) }

// bearer is whose token the socket has now.
func (c *socket) bearer() auth.Claims {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claims
}

// getEvents opens an event socket. It returns when the socket is over.
func getEvents(q *request) error {
	s := q.s
	if !s.originAllowed(q.r) {
		return problem.New(http.StatusForbidden, "origin_not_allowed", "pages of this origin may not open the event socket; see http.origins")
	}
	cursor, given, err := cursorOf(q.r.URL.Query())
	if err != nil {
		return err
	}
	if !strings.EqualFold(q.r.Header.Get("Upgrade"), "websocket") {
		q.header("Upgrade", "websocket")
		return problem.New(http.StatusUpgradeRequired, "upgrade_required", "this is a WebSocket")
	}
	token, offered := handshakeToken(q.r)
	opts := &websocket.AcceptOptions{InsecureSkipVerify: true} // the origin was checked above
	if offered {
		opts.Subprotocols = []string{wire.Protocol}
	}
	conn, err := websocket.Accept(q.w, q.r, opts)
	if err != nil {
		q.status = http.StatusBadRequest // Accept has answered
		return nil
	}
	q.status = http.StatusSwitchingProtocols
	conn.SetReadLimit(maxFrame)
	// The request's context ends with this handler, which is as long as the socket lives.
	ctx, stop := context.WithCancelCause(context.WithoutCancel(q.ctx()))
	c := &socket{
		s: s, conn: conn, from: q.from(), ctx: ctx, stop: stop, out: make(chan []byte, queueFrames),
		todo: make(chan wire.Command, queueCommands), fresh: make(chan struct{}, 1),
	}
	defer stop(nil)
	if token == "" {
		token, err = c.firstFrame()
		if err != nil {
			_ = conn.Close(wire.CloseUnauthorized, "unauthorized") // the reason to end is known
			return nil
		}
	}
	claims, err := s.believe(token)
	if err != nil {
		_ = conn.Close(websocket.StatusCode(closeCode(err)), problem.As(err).Code)
		return nil
	}
	c.claims = claims
	if code, reason := s.enter(c); code != 0 {
		_ = conn.Close(websocket.StatusCode(code), reason)
		return nil
	}
	defer s.leave(c, claims)
	c.run(cursor, given)
	return nil
}

func cursorOf(v url.Values) (cursor uint64, given bool, err error) {
	text := v.Get("cursor")
	if text == "" {
		return 0, false, nil
	}
	cursor, err = strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, false, problem.New(http.StatusBadRequest, "invalid_cursor", "the cursor is a sequence number")
	}
	return cursor, true, nil
}

// originAllowed protects against other pages in the agent's browser (RFC 6455 section 10.2). A client that
// is no browser sends no Origin.
func (s *Server) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	for _, o := range s.cfg.Origins {
		if strings.EqualFold(o, origin) {
			return true
		}
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// handshakeToken is the token in the sub-protocols ("cordboard.v1, bearer.<token>") or in the Authorization
// header; offered says that the client wants the sub-protocol named in the answer.
func handshakeToken(r *http.Request) (token string, offered bool) {
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(h, ",") {
			p = strings.TrimSpace(p)
			if p == wire.Protocol {
				offered = true
			}
			if t, ok := strings.CutPrefix(p, "bearer."); ok {
				token = t
			}
		}
	}
	if scheme, t, _ := strings.Cut(r.Header.Get("Authorization"), " "); token == "" && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(t)
	}
	return token, offered
}

// firstFrame waits for {"auth": "<token>"}.
func (c *socket) firstFrame() (string, error) {
	// A Read whose context ends cuts the connection; Close ends it with a code.
	late := time.AfterFunc(c.s.pace.auth, func() { _ = c.conn.Close(wire.CloseUnauthorized, "unauthorized") })
	defer late.Stop()
	kind, b, err := c.conn.Read(c.ctx)
	if err != nil {
		return "", err
	}
	f, err := parseFrame(kind, b)
	if err == nil && f.auth == "" {
		err = errors.New("the first frame is no token")
	}
	return f.auth, err
}

// enter registers a socket; a code says why it may not be.
func (s *Server) enter(c *socket) (code int, reason string) {
	first := false
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return closeGoingAway, "shutdown"
	case s.perToken[c.claims.Subject] >= s.cfg.Sockets:
		s.mu.Unlock()
		return int(websocket.StatusPolicyViolation), "too_many_sockets"
	}
	// Under the lock of dropRevoked: what is revoked after this look finds the socket on the books.
	if err := s.deps.Revocations.Check(c.claims); err != nil {
		s.mu.Unlock()
		return closeCode(err), problem.As(err).Code
	}
	s.sockets[c] = struct{}{}
	s.perToken[c.claims.Subject]++
	if ses := c.claims.Session; ses != "" {
		s.sessions[ses]++
		first = s.sessions[ses] == 1
	}
	s.wg.Add(1)
	s.mu.Unlock()
	s.stats.sockets.Inc()
	if first && s.deps.Desk != nil {
		if err := s.deps.Desk.SessionUp(c.ctx, c.claims.Session); err != nil {
			s.leave(c, c.claims)
			return wire.CloseUnauthorized, "session_over"
		}
	}
	return 0, ""
}

// leave takes a socket off the books. With a session's last one the desk is told.
func (s *Server) leave(c *socket, claims auth.Claims) {
	s.mu.Lock()
	delete(s.sockets, c)
	if s.perToken[claims.Subject]--; s.perToken[claims.Subject] == 0 {
		delete(s.perToken, claims.Subject)
	}
	lost := false
	if ses := claims.Session; ses != "" {
		if s.sessions[ses]--; s.sessions[ses] == 0 {
			delete(s.sessions, ses)
			lost = true
		}
	}
	s.mu.Unlock()
	s.stats.sockets.Dec()
	if lost && s.deps.Desk != nil {
		s.deps.Desk.SessionLost(claims.Session)
	}
	s.wg.Done()
}

// run greets the client and works until the socket ends, then waits for everything it started.
func (c *socket) run(cursor uint64, given bool) {
	var wg sync.WaitGroup
	last := c.s.deps.Bus.LastKept()
	if !given {
		cursor = last
	}
	claims := c.bearer()
	c.send(wire.ServerFrame{Hello: &wire.Hello{
		Seq: last, Time: c.s.now().UTC().Truncate(time.Millisecond),
		Session: claims.Session, Agent: claims.Agent,
	}})
	written := make(chan struct{})
	wg.Go(func() { defer close(written); c.write() })
	wg.Go(func() { c.pump(cursor) })
	wg.Go(c.work)
	wg.Go(c.watch)
	wg.Go(func() { // Close is what ends a Read that waits
		<-c.ctx.Done()
		select {
		case <-written:
		case <-time.After(lastWords):
		}
		var why closing
		if errors.As(context.Cause(c.ctx), &why) {
			c.s.stats.closes.WithLabelValues(strconv.Itoa(why.code)).Inc()
			_ = c.conn.Close(websocket.StatusCode(why.code), why.reason) // the client may be gone
		}
		_ = c.conn.CloseNow()
	})
	c.read()
	wg.Wait()
}

// read takes frames until the socket ends.
func (c *socket) read() {
	for {
		kind, b, err := c.conn.Read(context.WithoutCancel(c.ctx)) // a context would cut the closing handshake
		if err != nil {
			c.stop(err)
			return
		}
		f, err := parseFrame(kind, b)
		switch {
		case err != nil:
			c.end(int(websocket.StatusUnsupportedData), "malformed_frame")
			return
		case f.auth != "":
			c.renew(f.auth)
		default:
			select {
			case c.todo <- f.command:
			default:
				p := problem.New(http.StatusTooManyRequests, "too_many_commands", "at most %d commands may wait", queueCommands)
				p.Limit, p.RetryAfter = queueCommands, 1
				c.send(wire.ServerFrame{Reply: &wire.Reply{ID: f.command.ID, Status: p.Status, Body: describe(p, f.command.Path)}})
			}
		}
	}
}

// renew takes a fresh token of the same bearer.
func (c *socket) renew(token string) {
	claims, err := c.s.believe(token)
	old := c.bearer()
	switch {
	case err != nil:
		c.end(closeCode(err), problem.As(err).Code)
	case claims.Subject != old.Subject || claims.Agent != old.Agent || claims.Session != old.Session:
		c.end(wire.CloseUnauthorized, "other_bearer")
	default:
		c.mu.Lock()
		c.claims = claims
		c.mu.Unlock()
		select {
		case c.fresh <- struct{}{}:
		default:
		}
	}
}

// send queues a frame that is not an event. Whether it waits or ends the socket is queue's business.
func (c *socket) send(f wire.ServerFrame) {
	b, err := json.Marshal(f)
	if err != nil {
		panic("agentapi: frame: " + err.Error()) // plain data only
	}
	c.queue(b)
}

// queue waits for a place among the frames on their way. A client that leaves it full for too long is
// closed: nothing is ever left out.
func (c *socket) queue(b []byte) bool {
	select {
	case c.out <- b:
		return true
	default:
	}
	t := time.NewTimer(c.s.pace.slow)
	defer t.Stop()
	select {
	case c.out <- b:
		return true
	case <-c.ctx.Done():
	case <-t.C:
		c.end(wire.CloseSlow, "too_slow")
	}
	return false
}

// write is the only one to write data frames. When the socket ends it still writes what is in the queue.
func (c *socket) write() {
	for {
		var b []byte
		select {
		case b = <-c.out:
		default:
			select {
			case b = <-c.out:
			case <-c.ctx.Done():
				return
			}
		}
		// Not c.ctx: a context that ends in a write cuts the connection, and with it the close frame.
		if err := c.conn.Write(context.WithoutCancel(c.ctx), websocket.MessageText, b); err != nil {
			c.stop(err)
			return
		}
	}
}

// pump turns the bus into frames, from the cursor on. A client is given what is on disk.
func (c *socket) pump(cursor uint64) {
	claims := c.bearer()
	f := newFilter(claims, c.s.deps.Calls, c.s.deps.Desk)
	var events []wire.Event
	for {
		var err error
		events, err = c.s.deps.Bus.AfterKept(c.ctx, cursor, events[:0], eventBatch)
		switch {
		case errors.Is(err, event.ErrExpired):
			c.end(wire.CloseCursorExpired, "cursor_expired")
			return
		case err != nil:
			return
		}
		for i := range events {
			e := &events[i]
			cursor = e.Seq
			if !f.sees(e) {
				continue
			}
			b, err := c.s.frames.get(e, c.s.policy(), seesNumbers(claims))
			if err != nil {
				c.s.log.Error("event cannot be printed", "event", e.Type, "cause", err)
				continue
			}
			if !c.queue(b) {
				return
			}
			c.s.stats.events.Inc()
			if claims.Session != "" && ended(e, claims.Agent) {
				c.end(wire.CloseUnauthorized, "session_over")
				return
			}
		}
	}
}

// work runs commands one after the other, in the order they came.
func (c *socket) work() {
	for {
		select {
		case cmd := <-c.todo:
			c.send(wire.ServerFrame{Reply: c.s.command(c, cmd)})
		case <-c.ctx.Done():
			return
		}
	}
}

// watch pings, and ends the socket when the token runs out or the session is over.
func (c *socket) watch() {
	ping, session := time.NewTicker(c.s.pace.ping), time.NewTicker(c.s.pace.session)
	defer ping.Stop()
	defer session.Stop()
	expiry := time.NewTimer(c.bearer().Expires().Sub(c.s.now()))
	defer expiry.Stop()
	for {
		select {
		case <-ping.C:
			ctx, cancel := context.WithTimeout(c.ctx, c.s.pace.ping)
			err := c.conn.Ping(ctx)
			cancel()
			if err != nil {
				c.end(int(websocket.StatusGoingAway), "no_pong")
				return
			}
		case <-session.C:
			if err := c.s.sessionLives(c.bearer()); err != nil && problem.As(err).Status == http.StatusUnauthorized {
				c.end(wire.CloseUnauthorized, "session_over")
				return
			}
		case <-c.fresh:
			expiry.Reset(c.bearer().Expires().Sub(c.s.now()))
		case <-expiry.C:
			c.end(wire.CloseUnauthorized, "token_expired")
			return
		case <-c.ctx.Done():
			return
		}
	}
}
