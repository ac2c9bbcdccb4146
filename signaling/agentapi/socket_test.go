package agentapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// client is one event socket of a test.
type client struct {
	t    *testing.T
	conn *websocket.Conn
}

// listen serves the fixture for the length of the test.
func (f *fixture) listen(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(f.s.Handler())
	t.Cleanup(func() { f.s.Close(); srv.Close() })
	return srv.URL
}

func dial(t *testing.T, base, query, token string, head http.Header) (*client, *http.Response, error) {
	t.Helper()
	opts := &websocket.DialOptions{HTTPHeader: head, HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	if token != "" {
		opts.Subprotocols = []string{wire.Protocol, "bearer." + token}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, strings.Replace(base, "http", "ws", 1)+"/v1/events"+query, opts)
	if err != nil {
		return nil, resp, err
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{t, conn}, resp, nil
}

func connect(t *testing.T, base, query, token string) *client {
	t.Helper()
	c, _, err := dial(t, base, query, token, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// next reads one frame.
func (c *client) next() wire.ServerFrame {
	c.t.Helper()
	f, err := c.try()
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

func (c *client) try() (f wire.ServerFrame, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, b, err := c.conn.Read(ctx)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(b, &f)
}

// hello reads the greeting.
func (c *client) hello() wire.Hello {
	c.t.Helper()
	f := c.next()
	if f.Hello == nil {
		c.t.Fatalf("%+v is no hello", f)
	}
	return *f.Hello
}

// closed reads until the server closes and returns code and reason.
func (c *client) closed() (int, string) {
	c.t.Helper()
	for {
		_, err := c.try()
		var ce websocket.CloseError
		if errors.As(err, &ce) {
			return int(ce.Code), ce.Reason
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *client) send(v any) {
	c.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.conn.Write(c.t.Context(), websocket.MessageText, b); err != nil {
		c.t.Fatal(err)
	}
}

// do sends a command and waits for its reply.
func (c *client) do(cmd wire.Command) wire.Reply {
	c.t.Helper()
	c.send(cmd)
	for {
		if f := c.next(); f.Reply != nil {
			return *f.Reply
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("never: " + what)
}

func TestEventsAndResume(t *testing.T) {
	f := newFixture(t)
	url, admin := f.listen(t), f.token("", "admin:*")
	for i := range 10 {
		f.bus.Publish("leg.held", callID, "alice", wire.Leg{ID: fmt.Sprint(i)})
	}
	c := connect(t, url, "", admin)
	if h := c.hello(); h.Seq != 10 || c.conn.Subprotocol() != wire.Protocol {
		t.Errorf("hello %+v, protocol %q", h, c.conn.Subprotocol())
	}
	f.bus.Publish("call.ended", callID, "alice", wire.Call{ID: callID})
	if e := c.next().Event; e == nil || e.Seq != 11 || e.Type != "call.ended" || e.CallSeq != 11 || e.Actor != "alice" {
		t.Errorf("event %+v", e)
	}

	c = connect(t, url, "?cursor=7", admin)
	c.hello()
	for want := uint64(8); want <= 11; want++ {
		if e := c.next().Event; e == nil || e.Seq != want {
			t.Fatalf("event %+v, want seq %d", e, want)
		}
	}
	for range 300 { // more than the bus holds
		f.bus.Publish("leg.held", callID, "alice", wire.Leg{})
	}
	for _, cursor := range []string{"7", "99999"} {
		c = connect(t, url, "?cursor="+cursor, admin)
		if code, reason := c.closed(); code != wire.CloseCursorExpired || reason != "cursor_expired" {
			t.Errorf("cursor %s: %d %s", cursor, code, reason)
		}
	}
	if _, resp, err := dial(t, url, "?cursor=x", admin, nil); err == nil || resp.StatusCode != 400 {
		t.Errorf("cursor x: %v", err)
	}
}

func TestAgentsSeeTheirOwn(t *testing.T) {
	other := "call_other"
	leg := func(id, agent, call string, s wire.LegState) wire.Leg {
		return wire.Leg{ID: id, CallID: call, Agent: agent, State: s}
	}
	f := newFixture(t)
	c := auth.Claims{Agent: "bob", Grants: auth.AgentGrants()}
	bobsCall := wire.Call{ID: other, Legs: []wire.Leg{leg("l1", "bob", other, wire.LegConnected)}}
	flt := newFilter(c, f.calls, f.desk)
	for i, r := range []struct {
		typ, call string
		data      any
		want      bool
	}{
		{"agent.state_changed", "", wire.Agent{ID: "alice"}, false},
		{"agent.state_changed", "", wire.Agent{ID: "bob", Queues: []string{"sales"}}, true},
		{"offer.created", callID, wire.Offer{Agent: "alice"}, false},
		{"offer.created", other, wire.Offer{Agent: "bob"}, true},
		{"queue.changed", "", wire.Queue{ID: "sales"}, true},
		{"queue.changed", "", wire.Queue{ID: "support"}, false},
		{"call.connected", other, wire.Call{ID: other}, false},
		{"leg.answered", other, leg("l0", "", other, wire.LegConnected), false},
		{"room.created", other, wire.Room{}, false},
		{"leg.answered", other, leg("l1", "bob", other, wire.LegConnected), true},
		{"call.connected", other, bobsCall, true},
		{"leg.held", other, leg("l0", "", other, wire.LegHeld), true},
		{"leg.dtmf", other, wire.Digit{LegID: "l0", CallID: other}, true},
		{"room.matrix_changed", other, wire.Room{}, true},
		{"recording.started", other, wire.Recording{CallID: other}, true},
		{"leg.held", callID, leg("x", "alice", callID, wire.LegHeld), false},
		{"recording.started", callID, wire.Recording{CallID: callID, Agents: []string{"alice"}}, false},
		{"leg.answered", other, leg("l2", "bob", other, wire.LegConnected), true}, // the reloaded page
		{"leg.ended", other, leg("l1", "bob", other, wire.LegEnded), true},
		{"leg.held", other, leg("l0", "", other, wire.LegHeld), true},
		{"leg.ended", other, leg("l2", "bob", other, wire.LegEnded), true},
		{"leg.held", other, leg("l0", "", other, wire.LegHeld), false}, // out of it
		{"agent.state_changed", "", wire.Agent{ID: "bob", CallID: other}, true},
		{"leg.held", other, leg("l0", "", other, wire.LegHeld), true}, // the desk says it is still bob's
		{"agent.state_changed", "", wire.Agent{ID: "bob"}, true},
		{"call.ended", other, bobsCall, true},
		{"recording.stored", other, wire.Recording{CallID: other, Agents: []string{"bob"}}, true},
		{"recording.stored", callID, wire.Recording{CallID: callID, Agents: []string{"alice"}}, false},
		{"wrapup.started", other, wire.Wrapup{Agent: "bob"}, true},
		{"wrapup.started", callID, wire.Wrapup{Agent: "alice"}, false},
		{"desk.alarm", other, wire.Alarm{}, false},
		{"archive.degraded", "", wire.ArchiveStatus{}, false},
		{"node.draining", "", wire.Node{}, true},
	} {
		e := wire.Event{Type: r.typ, CallID: r.call, Data: r.data}
		if got := flt.sees(&e); got != r.want {
			t.Errorf("row %d: %s %+v: %t", i, r.typ, r.data, got)
		}
	}
	if !newFilter(auth.Claims{Grants: []string{"events:all"}}, f.calls, f.desk).sees(&wire.Event{}) {
		t.Error("events:all does not see all")
	}
	if newFilter(auth.Claims{Grants: []string{"call:read"}}, f.calls, f.desk).sees(&wire.Event{Type: "node.draining", Data: wire.Node{}}) {
		t.Error("a program without events:all sees events")
	}

	// Over the socket: seq is global, what is not alice's is left out.
	alice, _ := f.session("alice")
	cl := connect(t, f.listen(t), "", alice)
	if h := cl.hello(); h.Agent != "alice" || h.Session == "" {
		t.Errorf("hello %+v", h)
	}
	f.bus.Publish("leg.held", other, "bob", leg("x", "bob", other, wire.LegHeld))
	f.bus.Publish("leg.held", callID, "alice", leg(customer, "", callID, wire.LegHeld))
	if e := cl.next().Event; e == nil || e.Seq != 2 || e.CallID != callID {
		t.Errorf("event %+v, want seq 2", e)
	}
}

func TestSocketAuthentication(t *testing.T) {
	f := newFixture(t)
	f.s.pace.auth = 150 * time.Millisecond
	url, admin := f.listen(t), f.token("", "admin:*")

	if code, reason := connect(t, url, "", "no.good.token").closed(); code != wire.CloseUnauthorized || reason != "invalid_token" {
		t.Errorf("bad token: %d %s", code, reason)
	}
	if code, reason := connect(t, url, "", "").closed(); code != wire.CloseUnauthorized || reason != "unauthorized" {
		t.Errorf("no token: %d %s", code, reason)
	}
	c := connect(t, url, "", "")
	c.send(wire.Command{ID: "r1", Method: "GET", Path: "/v1/calls"})
	if code, _ := c.closed(); code != wire.CloseUnauthorized {
		t.Errorf("a command before the token: %d", code)
	}
	c = connect(t, url, "", "")
	c.send(wire.Auth{Auth: admin})
	c.hello()
	if c, _, err := dial(t, url, "", "", http.Header{"Authorization": {"Bearer " + admin}}); err != nil {
		t.Error(err)
	} else {
		c.hello()
	}

	for origin, ok := range map[string]bool{
		url: true, "https://desk.example.com": true, "https://evil.example": false, "null": false,
		"https://desk.example.com.evil.example": false, "http://desk.example.com": false,
	} {
		f.s.cfg.Origins = []string{"https://desk.example.com"}
		c, resp, err := dial(t, url, "", admin, http.Header{"Origin": {origin}})
		if ok != (err == nil) {
			t.Errorf("origin %s: %v", origin, err)
		}
		if err != nil && resp.StatusCode != http.StatusForbidden {
			t.Errorf("origin %s: %d, want 403", origin, resp.StatusCode)
		}
		if err == nil {
			c.hello()
		}
	}
}

func TestCommands(t *testing.T) {
	f := newFixture(t)
	alice, _ := f.session("alice")
	c := connect(t, f.listen(t), "", alice)
	c.hello()
	for _, r := range []struct {
		cmd    wire.Command
		status int
		body   string // part of it
	}{
		{wire.Command{Method: "GET", Path: "/v1/agents/me"}, 200, `"id":"alice"`},
		{wire.Command{Method: "POST", Path: "/v1/legs/" + customer + "/hold"}, 200, customer},
		{wire.Command{Method: "POST", Path: "/v1/legs/" + customer + "/dtmf", Body: json.RawMessage(`{"digits":"5"}`)}, 204, ""},
		{wire.Command{Method: "POST", Path: "/v1/calls", Body: json.RawMessage(`{"to":"1"}`), IdempotencyKey: "k"}, 201, `"to":"1"`},
		{wire.Command{Method: "POST", Path: "/v1/calls", Body: json.RawMessage(`{"to":"2"}`), IdempotencyKey: "k"}, 422, "idempotency_key_reused"},
		{wire.Command{Method: "POST", Path: "/v1/calls", Body: json.RawMessage(`{"to":1}`)}, 400, "wrong_type"},
		{wire.Command{Method: "POST", Path: "/v1/rooms"}, 403, `"grant":"room:control"`},
		{wire.Command{Method: "GET", Path: "/v1/nothing"}, 404, "not_found"},
		{wire.Command{Method: "PUT", Path: "/v1/calls"}, 405, "method_not_allowed"},
		{wire.Command{Method: "GET", Path: "/healthz"}, 400, "invalid_path"},
		{wire.Command{Method: "GET", Path: "http://evil.example/v1/calls"}, 400, "invalid_path"},
		{wire.Command{Method: "G T", Path: "/v1/calls"}, 400, "invalid_method"},
		{wire.Command{Method: "GET", Path: "/v1/events"}, 400, "not_on_socket"},
		{wire.Command{Method: "GET", Path: "/v1/recordings/" + recID + "/tracks/customer-1"}, 400, "not_on_socket"},
		{wire.Command{Method: "POST", Path: "/v1/legs", Body: json.RawMessage(`{"call_id":"` + callID + `","sdp":"v=0"}`)}, 201, `"sdp":"v=0`},
		{wire.Command{Method: "PATCH", Path: "/v1/legs/" + aliceLeg, ContentType: typeTrickle, Body: json.RawMessage(`"a=mid:0\r\n"`)}, 409, "leg_not_webrtc"},
		{wire.Command{Method: "POST", Path: "/v1/agents/me/state", Body: json.RawMessage(`{"state":"ready"}`), IfMatch: `"1"`}, 412, "version_mismatch"},
	} {
		r.cmd.ID = "r1"
		got := c.do(r.cmd)
		body, _ := json.Marshal(got.Body)
		if got.ID != "r1" || got.Status != r.status || !strings.Contains(string(body), r.body) {
			t.Errorf("%s %s: %d %s, want %d %s", r.cmd.Method, r.cmd.Path, got.Status, body, r.status, r.body)
		}
	}
	c.send("no object")
	if code, reason := c.closed(); code != int(websocket.StatusUnsupportedData) || reason != "malformed_frame" {
		t.Errorf("%d %s", code, reason)
	}
}

// Commands run in the order they came; more than may wait are refused with a reply.
func TestCommandsInOrderAndBounded(t *testing.T) {
	f := newFixture(t, func(c *Config, _ *Deps) { c.Burst = 1000 })
	f.calls.block = make(chan struct{})
	c := connect(t, f.listen(t), "", f.token("", "admin:*"))
	c.hello()
	const n = queueCommands + 20
	for i := range n {
		c.send(wire.Command{ID: fmt.Sprint(i), Method: "POST", Path: "/v1/legs/" + customer + "/dtmf", Body: json.RawMessage(`{"digits":"` + strings.Repeat("1", 1+i%60) + `"}`)})
	}
	refused := 0
	for range n - queueCommands - 1 { // one is being run
		if r := c.next().Reply; r == nil || r.Status != 429 {
			t.Fatalf("%+v", r)
		}
		refused++
	}
	close(f.calls.block)
	for i := range n - refused {
		if r := c.next().Reply; r == nil || r.Status != 204 || r.ID != fmt.Sprint(i) {
			t.Fatalf("reply %+v, want id %d", r, i)
		}
	}
}

func TestSessionIsLostWithTheLastSocket(t *testing.T) {
	f := newFixture(t)
	url := f.listen(t)
	tok, ses := f.session("alice")
	a, b := connect(t, url, "", tok), connect(t, url, "", tok)
	a.hello()
	b.hello()
	if f.desk.mu.Lock(); !slices.Equal(f.desk.up, []string{ses}) {
		t.Errorf("sessions up %v", f.desk.up)
	}
	f.desk.mu.Unlock()
	_ = a.conn.CloseNow()
	time.Sleep(50 * time.Millisecond)
	if l := f.desk.gone(); len(l) != 0 {
		t.Errorf("lost %v with a socket still open", l)
	}
	_ = b.conn.Close(websocket.StatusNormalClosure, "")
	eventually(t, "the desk is told", func() bool { return slices.Equal(f.desk.gone(), []string{ses}) })
	eventually(t, "the books are empty", func() bool {
		f.s.mu.Lock()
		defer f.s.mu.Unlock()
		return len(f.s.sockets)+len(f.s.sessions)+len(f.s.perToken) == 0
	})
}

func TestSignOutClosesTheSocket(t *testing.T) {
	f := newFixture(t)
	f.s.pace.session = 30 * time.Millisecond
	url := f.listen(t)
	tok, ses := f.session("alice")
	c := connect(t, url, "", tok)
	c.hello()
	if w := f.ask(tok, "DELETE", "/v1/sessions/"+ses, ""); w.Code != 200 {
		t.Fatal(w.Code)
	}
	if code, reason := c.closed(); code != wire.CloseUnauthorized || reason != "session_over" {
		t.Errorf("%d %s", code, reason)
	}
	// The event says it sooner, and arrives before the close.
	f.s.pace.session = time.Hour
	tok, _ = f.session("alice")
	c = connect(t, url, "", tok)
	c.hello()
	f.bus.Publish("agent.signed_out", "", "alice", wire.Agent{ID: "alice", State: wire.AgentOffline})
	if e := c.next().Event; e == nil || e.Type != "agent.signed_out" {
		t.Errorf("%+v", e)
	}
	if code, reason := c.closed(); code != wire.CloseUnauthorized || reason != "session_over" {
		t.Errorf("%d %s", code, reason)
	}
}

func TestTokenExpiryAndRenewal(t *testing.T) {
	f := newFixture(t)
	url := f.listen(t)
	_, ses := f.session("alice")
	mint := func(life int64, agent, session string) string {
		tok, _, err := f.keys.Mint(auth.Claims{Agent: agent, Session: session, Grants: auth.AgentGrants(), LifeSeconds: life})
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	c := connect(t, url, "", mint(1, "alice", ses))
	c.hello()
	if code, reason := c.closed(); code != wire.CloseUnauthorized || reason != "token_expired" {
		t.Errorf("%d %s", code, reason)
	}
	c = connect(t, url, "", mint(2, "alice", ses))
	c.hello()
	c.send(wire.Auth{Auth: mint(600, "alice", ses)})
	time.Sleep(2200 * time.Millisecond)
	if r := c.do(wire.Command{ID: "1", Method: "GET", Path: "/v1/agents/me"}); r.Status != 200 {
		t.Errorf("after the renewal: %+v", r)
	}
	_, bobs := f.session("bob")
	c.send(wire.Auth{Auth: mint(600, "bob", bobs)})
	if code, reason := c.closed(); code != wire.CloseUnauthorized || reason != "other_bearer" {
		t.Errorf("somebody else's token: %d %s", code, reason)
	}
}

// A client that does not read is closed, and what it got is without a gap.
func TestSlowClient(t *testing.T) {
	f := newFixture(t)
	f.s.pace.slow = 200 * time.Millisecond
	url := f.listen(t)
	c := connect(t, url, "", f.token("", "admin:*"))
	c.hello()
	big := wire.Call{ID: callID, Variables: map[string]string{"x": strings.Repeat("y", 60_000)}}
	eventually(t, "the server gives up", func() bool {
		f.bus.Publish("call.changed", callID, "alice", big)
		f.s.mu.Lock()
		defer f.s.mu.Unlock()
		for s := range f.s.sockets {
			var why closing
			if errors.As(context.Cause(s.ctx), &why) {
				if why.code != wire.CloseSlow {
					t.Fatalf("closed with %v", why)
				}
				return true
			}
		}
		return false
	})
	var last uint64
	for {
		fr, err := c.try()
		if err != nil {
			var ce websocket.CloseError
			if !errors.As(err, &ce) || ce.Code != wire.CloseSlow || ce.Reason != "too_slow" {
				t.Errorf("after %d events: %v", last, err)
			}
			break
		}
		if fr.Event != nil {
			if fr.Event.Seq != last+1 {
				t.Fatalf("event %d after %d", fr.Event.Seq, last)
			}
			last = fr.Event.Seq
		}
	}
	t.Logf("%d events, then closed", last)
}

func TestTooManySockets(t *testing.T) {
	f := newFixture(t, func(c *Config, _ *Deps) { c.Sockets = 2 })
	url, tok := f.listen(t), f.token("", "admin:*")
	for range 2 {
		connect(t, url, "", tok).hello()
	}
	if code, reason := connect(t, url, "", tok).closed(); code != int(websocket.StatusPolicyViolation) || reason != "too_many_sockets" {
		t.Errorf("%d %s", code, reason)
	}
}

func TestServeAndShutDown(t *testing.T) {
	f := newFixture(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.s.Serve(ctx, l) }()
	c := connect(t, "http://"+l.Addr().String(), "", f.token("", "admin:*"))
	c.hello()

	slow, err := net.Dial("tcp", l.Addr().String()) // sends half a header and waits
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := slow.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\nX-")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := slow.Read(make([]byte, 1)); err == nil {
		_ = slow.SetReadDeadline(time.Now().Add(10 * time.Second))
	}
	if took := time.Since(began); took > headerTimeout+2*time.Second {
		t.Errorf("half a header was put up with for %v", took)
	}

	stop()
	if code, reason := c.closed(); code != closeGoingAway || reason != "shutdown" {
		t.Errorf("%d %s", code, reason)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Many sockets get every event once and in order.
func TestManySockets(t *testing.T) {
	f := newFixture(t, func(c *Config, _ *Deps) { c.Sockets = 1000 })
	url, tok := f.listen(t), f.token("", "admin:*")
	const sockets, events = 100, 100
	clients := make([]*client, sockets)
	for i := range clients {
		clients[i] = connect(t, url, "", tok)
		clients[i].hello()
	}
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			for want := uint64(1); want <= events; want++ {
				fr, err := c.try()
				if err != nil || fr.Event == nil || fr.Event.Seq != want {
					t.Errorf("frame %+v, %v, want seq %d", fr.Event, err, want)
					return
				}
			}
		})
	}
	for range events {
		f.bus.Publish("leg.held", callID, "alice", wire.Leg{ID: customer, CallID: callID})
	}
	wg.Wait()
}
