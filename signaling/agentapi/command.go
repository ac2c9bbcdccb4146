package agentapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// clientFrame is what a client may send: one of the two.
type clientFrame struct {
	auth    string
	command wire.Command
}

// maxCommandID bounds the id a client gives its command; it is sent back.
const maxCommandID = 128

// parseFrame reads a frame of the client strictly.
func parseFrame(kind websocket.MessageType, b []byte) (f clientFrame, err error) {
	if kind != websocket.MessageText {
		return f, errors.New("no text frame")
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		return f, err
	}
	if _, ok := keys["auth"]; ok {
		var a wire.Auth
		if err := decodeFrame(b, &a); err != nil {
			return f, err
		}
		if a.Auth == "" {
			return f, errors.New("empty token")
		}
		return clientFrame{auth: a.Auth}, nil
	}
	if err := decodeFrame(b, &f.command); err != nil {
		return clientFrame{}, err
	}
	if f.command.ID == "" || len(f.command.ID) > maxCommandID {
		return clientFrame{}, errors.New("a command needs an id of at most 128 bytes")
	}
	return f, nil
}

func decodeFrame(b []byte, dst any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(dst)
}

// command runs one command through the same mux and table as a request.
func (s *Server) command(c *socket, cmd wire.Command) *wire.Reply {
	ctx, cancel := context.WithTimeout(context.WithValue(c.ctx, inProcess{}, c), commandTimeout)
	defer cancel()
	rec := newRecording()
	r, err := commandRequest(ctx, cmd)
	if err != nil {
		s.fail(rec, &http.Request{Method: cmd.Method, URL: &url.URL{Path: cmd.Path}}, err)
	} else {
		r.RemoteAddr = c.from
		func() {
			defer s.recovered(rec, r)
			s.serveAPI(rec, r)
		}()
	}
	reply := &wire.Reply{ID: cmd.ID, Status: rec.status}
	switch b := rec.body.Bytes(); {
	case len(b) == 0:
	case strings.Contains(rec.header.Get("Content-Type"), "json"):
		reply.Body = json.RawMessage(b)
	default:
		reply.Body = string(b)
	}
	return reply
}

// commandRequest makes the request a command stands for.
func commandRequest(ctx context.Context, cmd wire.Command) (*http.Request, error) {
	u, err := url.ParseRequestURI(cmd.Path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/v1/") {
		return nil, problem.New(http.StatusBadRequest, "invalid_path", "a command's path begins with /v1/")
	}
	body := []byte(cmd.Body)
	if cmd.ContentType != "" && !strings.Contains(cmd.ContentType, "json") {
		var text string
		if err := json.Unmarshal(cmd.Body, &text); err != nil {
			return nil, problem.New(http.StatusBadRequest, "wrong_type", "a body of type %q is sent as a JSON string", title(cmd.ContentType))
		}
		body = []byte(text)
	}
	if string(body) == "null" {
		body = nil
	}
	r, err := http.NewRequestWithContext(ctx, cmd.Method, u.String(), io.NopCloser(bytes.NewReader(body)))
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, "invalid_method", "the method is not one")
	}
	r.RequestURI = u.RequestURI()
	for name, v := range map[string]string{"Content-Type": cmd.ContentType, "If-Match": cmd.IfMatch, "Idempotency-Key": cmd.IdempotencyKey} {
		if v != "" {
			r.Header.Set(name, v)
		}
	}
	return r, nil
}
