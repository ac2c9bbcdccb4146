package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"github.com/cordboard/cordboard/signaling/wire"
)

// ErrMissed stands in an event stream where events are missing: the server no longer holds what followed the last one.
// The stream goes on with what happens from now on; read anew what you keep a picture of.
var ErrMissed = errors.New("cordboard: events were missed")

// EventOptions say from where on events are wanted.
type EventOptions struct {
	// After is the seq of the last event that is known, as a Snapshot or a Wall tells it; 0: all the server still holds;
	// nil: what happens from now on.
	After *uint64
	// Hello, when it is set, is told of every connection, the first and those after a break, before its events.
	Hello func(wire.Hello)
	// Lost, when it is set, is told why a connection broke or could not be made. Another one follows.
	Lost func(error)
}

const (
	firstWait = 250 * time.Millisecond
	mostWait  = 10 * time.Second
	helloWait = 10 * time.Second
	pingEvery = 20 * time.Second
	pongWait  = 5 * time.Second
	maxFrame  = 4 << 20
)

// Events are the events the token may see, in order, each once. A broken connection is made anew after the last event,
// as often as it takes. The loop ends with ctx, or with a *Problem where the server refuses the token; ErrMissed may
// come in between, alone in its turn.
func (c *Client) Events(ctx context.Context, o EventOptions) iter.Seq2[wire.Event, error] {
	return func(yield func(wire.Event, error) bool) {
		s := stream{c: c, o: o, yield: yield}
		if o.After != nil {
			s.cursor, s.known = *o.After, true
		}
		for !s.over && ctx.Err() == nil {
			err := s.connection(ctx)
			if s.over || ctx.Err() != nil {
				return
			}
			if p := new(Problem); errors.As(err, &p) && (p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden) {
				yield(wire.Event{}, err)
				return
			}
			if o.Lost != nil {
				o.Lost(err)
			}
			wait := time.Duration(rand.Float64() * float64(min(mostWait, firstWait<<min(s.failures, 10))))
			s.failures++
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		}
	}
}

// stream is one loop over events: where it is, and whether the loop wants more.
type stream struct {
	c        *Client
	o        EventOptions
	yield    func(wire.Event, error) bool
	cursor   uint64
	known    bool // the cursor is an event we have seen or were given
	over     bool
	failures int // in a row without a hello
}

// connection runs one connection until it breaks or the loop is over.
func (s *stream) connection(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	token, replaced := s.c.bearer()
	u, err := url.Parse(s.c.base + "/v1/events")
	if err != nil {
		return err
	}
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	if s.known {
		u.RawQuery = fmt.Sprintf("cursor=%d", s.cursor)
	}
	dial, cancel := context.WithTimeout(ctx, helloWait)
	defer cancel()
	conn, res, err := websocket.Dial(dial, u.String(), &websocket.DialOptions{
		HTTPClient: s.c.http, Subprotocols: []string{wire.Protocol, "bearer." + token},
	})
	if err != nil {
		if res != nil && res.StatusCode >= 400 {
			return refusal(res)
		}
		return fmt.Errorf("cordboard: events: %w", err)
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxFrame)
	first := time.AfterFunc(helloWait, stop)
	defer first.Stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.c.watch(ctx, stop, conn, replaced)
	}()
	defer func() { stop(); <-watched }()
	for !s.over {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return s.closed(err, token)
		}
		var f wire.ServerFrame
		if err := json.Unmarshal(b, &f); err != nil {
			return fmt.Errorf("cordboard: events: %w", err)
		}
		switch {
		case f.Hello != nil:
			first.Stop()
			s.hello(*f.Hello)
		case f.Event != nil && (!s.known || f.Event.Seq > s.cursor):
			s.cursor, s.known = f.Event.Seq, true
			s.over = !s.yield(*f.Event, nil)
		}
	}
	return nil
}

// hello begins a connection. A server whose newest event is older than ours has lost its past.
func (s *stream) hello(h wire.Hello) {
	missed := s.known && h.Seq < s.cursor
	if missed || !s.known {
		s.cursor, s.known = h.Seq, true
	}
	s.failures = 0
	if s.o.Hello != nil {
		s.o.Hello(h)
	}
	if missed {
		s.over = !s.yield(wire.Event{}, ErrMissed)
	}
}

// closed turns the end of a connection into what it means.
func (s *stream) closed(err error, token string) error {
	var end websocket.CloseError
	switch {
	case !errors.As(err, &end):
	case end.Code == wire.CloseCursorExpired:
		s.known = false
		s.over = !s.yield(wire.Event{}, ErrMissed)
		return ErrMissed
	case (end.Code == wire.CloseUnauthorized || end.Code == wire.CloseRevoked) && s.c.Token() == token:
		return &Problem{wire.Problem{Title: "Unauthorized", Status: http.StatusUnauthorized, Code: end.Reason, Detail: "the server does not accept the token"}}
	}
	return fmt.Errorf("cordboard: events: %w", err)
}

// watch shows the server fresh tokens and asks into the silence whether anybody is there, until ctx ends; stop breaks
// the connection.
func (c *Client) watch(ctx context.Context, stop context.CancelFunc, conn *websocket.Conn, replaced <-chan struct{}) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-replaced:
			var token string
			token, replaced = c.bearer()
			b, err := json.Marshal(wire.Auth{Auth: token})
			if err != nil || conn.Write(ctx, websocket.MessageText, b) != nil {
				stop()
				return
			}
		case <-tick.C:
			ping, done := context.WithTimeout(ctx, pongWait)
			err := conn.Ping(ping)
			done()
			if err != nil {
				stop()
				return
			}
		}
	}
}
