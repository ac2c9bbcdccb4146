package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cordboard/cordboard/signaling/wire"
)

// script is an event server whose connections do, one after another, what a test says.
type script struct {
	t       *testing.T
	mu      sync.Mutex
	acts    []func(*websocket.Conn)
	cursors []string
	tokens  []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.cursors = append(s.cursors, r.URL.Query().Get("cursor"))
	_, token, _ := strings.Cut(r.Header.Get("Sec-WebSocket-Protocol"), "bearer.")
	s.tokens = append(s.tokens, token)
	var act func(*websocket.Conn)
	if len(s.acts) > 0 {
		act, s.acts = s.acts[0], s.acts[1:]
	}
	s.mu.Unlock()
	if act == nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{wire.Protocol}})
	if err != nil {
		s.t.Error(err)
		return
	}
	defer func() { _ = conn.CloseNow() }()
	act(conn)
}

func say(t *testing.T, conn *websocket.Conn, f wire.ServerFrame) {
	b, err := json.Marshal(f)
	if err != nil {
		t.Error(err)
	}
	_ = conn.Write(context.Background(), websocket.MessageText, b) // the client may be gone
}

// speaks says hello with seq and then the events, and closes with a code, or breaks off when it is 0.
func speaks(t *testing.T, seq uint64, code int, events ...uint64) func(*websocket.Conn) {
	return func(conn *websocket.Conn) {
		if seq > 0 {
			say(t, conn, wire.ServerFrame{Hello: &wire.Hello{Seq: seq}})
		}
		for _, n := range events {
			say(t, conn, wire.ServerFrame{Event: &wire.Event{Seq: n, Type: "call.created", Data: wire.Call{ID: "call_1"}}})
		}
		if code > 0 {
			_ = conn.Close(websocket.StatusCode(code), "reason_of_it")
		}
	}
}

func play(t *testing.T, o EventOptions, acts ...func(*websocket.Conn)) (s *script, seqs []uint64, errs []error) {
	t.Helper()
	s = &script{t: t, acts: acts}
	srv := httptest.NewServer(s)
	defer srv.Close()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	for e, err := range New(srv.URL, "tok").Events(ctx, o) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if c, ok := e.Data.(wire.Call); !ok || c.ID != "call_1" {
			t.Errorf("the data of %d is %T", e.Seq, e.Data)
		}
		seqs = append(seqs, e.Seq)
	}
	if ctx.Err() != nil {
		t.Error("the stream did not end by itself")
	}
	return s, seqs, errs
}

func equal[T comparable](t *testing.T, what string, got []T, want ...T) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
}

// A broken stream goes on after the last event; nothing comes twice. The refusal at the end ends the loop.
func TestEventsResume(t *testing.T) {
	var hellos []uint64
	lost := 0
	o := EventOptions{After: new(uint64(3)), Hello: func(h wire.Hello) { hellos = append(hellos, h.Seq) }, Lost: func(error) { lost++ }}
	s, seqs, errs := play(t, o, speaks(t, 5, 0, 4, 5), speaks(t, 0, 0), speaks(t, 6, 4408, 5, 6))
	equal(t, "cursors", s.cursors, "3", "5", "5", "6")
	equal(t, "events", seqs, 4, 5, 6)
	equal(t, "hellos", hellos, 5, 6)
	var p *Problem
	if lost != 3 || len(errs) != 1 || !errors.As(errs[0], &p) || p.Status != http.StatusForbidden {
		t.Errorf("%d lost, %v", lost, errs)
	}
}

// Without a cursor the first event known is the newest at the time of the connection.
func TestEventsFromNow(t *testing.T) {
	s, seqs, _ := play(t, EventOptions{}, speaks(t, 7, 0), speaks(t, 9, 0, 8, 9))
	equal(t, "cursors", s.cursors, "", "7", "9")
	equal(t, "events", seqs, 8, 9)
}

// Where the server no longer holds what follows, or has lost its past, the loop is told and goes on with the present.
func TestEventsMissed(t *testing.T) {
	s, seqs, errs := play(t, EventOptions{After: new(uint64(3))}, speaks(t, 0, wire.CloseCursorExpired), speaks(t, 50, 0, 51), speaks(t, 2, 0, 3))
	equal(t, "cursors", s.cursors, "3", "", "51", "3")
	equal(t, "events", seqs, 51, 3)
	if len(errs) != 3 || !errors.Is(errs[0], ErrMissed) || !errors.Is(errs[1], ErrMissed) {
		t.Errorf("%v", errs)
	}
}

// A token the server does not accept ends the loop, unless there is a newer one.
func TestEventsToken(t *testing.T) {
	s, seqs, errs := play(t, EventOptions{}, speaks(t, 1, wire.CloseUnauthorized, 2))
	var p *Problem
	if len(errs) != 1 || !errors.As(errs[0], &p) || p.Status != http.StatusUnauthorized || p.Code != "reason_of_it" {
		t.Errorf("%v", errs)
	}
	equal(t, "events", seqs, 2)
	equal(t, "tokens", s.tokens, "tok")
}

// A fresh token is shown to the server on the running connection.
func TestEventsFreshToken(t *testing.T) {
	shown := make(chan string, 1)
	s := &script{t: t, acts: []func(*websocket.Conn){func(conn *websocket.Conn) {
		speaks(t, 1, 0, 2)(conn)
		_, b, err := conn.Read(context.Background())
		if err != nil {
			t.Error(err)
		}
		shown <- string(b)
		speaks(t, 0, 0, 3)(conn)
	}}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	c := New(srv.URL, "tok")
	for e := range c.Events(t.Context(), EventOptions{}) {
		if e.Seq == 3 {
			break
		}
		c.SetToken("newer")
	}
	if got := <-shown; got != `{"auth":"newer"}` {
		t.Error(got)
	}
}

func TestEventsEnd(t *testing.T) {
	s := &script{t: t, acts: []func(*websocket.Conn){func(conn *websocket.Conn) {
		speaks(t, 1, 0)(conn)
		_, _, _ = conn.Read(context.Background()) // until the client is gone
	}}}
	srv := httptest.NewServer(s)
	defer srv.Close()
	ctx, stop := context.WithCancel(t.Context())
	for e, err := range New(srv.URL, "tok").Events(ctx, EventOptions{Hello: func(wire.Hello) { stop() }}) {
		t.Errorf("%v %v after the end", e, err)
	}
}
