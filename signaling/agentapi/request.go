package agentapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/auth"
)

// The media types besides JSON.
const (
	typeJSON    = "application/json"
	typeMerge   = "application/merge-patch+json"
	typeSDP     = "application/sdp"
	typeTrickle = "application/trickle-ice-sdpfrag"
	typeProblem = "application/problem+json"
)

// request is one request on its way through a handler. It lives as long as the handler runs.
type request struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	route  *Route
	claims auth.Claims
	status int // of the answer, 0 before it
}

// inProcess marks requests that came over an event socket; the value is the socket.
type inProcess struct{}

// handle puts a route's handler behind token, rate limit, grant and body limit.
func (s *Server) handle(route *Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{s: s, w: w, r: r, route: route}
		c, local := r.Context().Value(inProcess{}).(*socket)
		if !local && !route.Stream {
			// Best effort: a writer in a test cannot set deadlines.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		r.Body = http.MaxBytesReader(w, r.Body, cmp.Or(route.Body, maxBody))
		err := func() error {
			if s.deps.Desk == nil && route.ofDesk() {
				return errDeskOff
			}
			if local && route.Stream {
				return problem.New(http.StatusBadRequest, "not_on_socket", "this cannot be asked over the event socket")
			}
			if !route.Public {
				if local {
					q.claims = c.bearer()
					if err := s.deps.Revocations.Check(q.claims); err != nil { // its socket is about to be closed
						return err
					}
				} else if err := q.identify(); err != nil {
					return err
				}
				if err := q.authorise(); err != nil {
					return err
				}
			}
			if route.Method == http.MethodPost && r.Header.Get("Idempotency-Key") != "" && !route.Public {
				return s.replays.do(q)
			}
			return route.Handler(q)
		}()
		if err != nil {
			q.status = s.fail(q.w, r, err)
		}
		s.stats.answered(route, q.status)
	})
}

// ctx ends with the request.
func (q *request) ctx() context.Context { return q.r.Context() }

// path is a path parameter.
func (q *request) path(name string) string { return q.r.PathValue(name) }

// actor is the name events give to whoever asks.
func (q *request) actor() string { return q.claims.Actor() }

// all says whether the token may do this to everybody's things, not only to its agent's own.
func (q *request) all() bool { return q.claims.Allows(q.route.Grant) }

// header sets an answer header.
func (q *request) header(name, value string) { q.w.Header().Set(name, value) }

// reply answers with JSON, or without a body when v is nil. It is the one way out of every object, and shows of it
// what the token may see.
func (q *request) reply(status int, v any) error {
	if v == nil {
		q.status = status
		q.w.WriteHeader(status)
		return nil
	}
	b, err := json.Marshal(q.show(v))
	if err != nil {
		return err
	}
	return q.replyRaw(status, typeJSON, b)
}

func (q *request) replyRaw(status int, contentType string, b []byte) error {
	q.status = status
	q.header("Content-Type", contentType)
	q.header("Content-Length", strconv.Itoa(len(b)))
	q.w.WriteHeader(status)
	_, _ = q.w.Write(b) // the client may be gone; there is nobody left to tell
	return nil
}

// contentType is the request's media type without parameters; a request without one is JSON.
func (q *request) contentType() string {
	v := q.r.Header.Get("Content-Type")
	if v == "" {
		return typeJSON
	}
	t, _, err := mime.ParseMediaType(v)
	if err != nil {
		return strings.ToLower(strings.TrimSpace(v))
	}
	return t
}

func unsupported(want ...string) error {
	return problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type", "send %s", strings.Join(want, " or "))
}

// raw is the whole body, at most limit bytes.
func (q *request) raw(limit int) ([]byte, error) {
	b, err := io.ReadAll(q.r.Body)
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig) || len(b) > limit:
		e := problem.New(http.StatusRequestEntityTooLarge, "body_too_large", "the body is larger than %d bytes", limit)
		e.Limit = limit
		return nil, e
	case err != nil:
		return nil, &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "the body ended early", Err: err}
	}
	return b, nil
}

// decode reads a JSON body strictly into dst. No body is an empty object.
func (q *request) decode(dst any) error {
	if t := q.contentType(); t != typeJSON && t != typeMerge {
		return unsupported(typeJSON)
	}
	b, err := q.raw(maxBody)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(b)) == 0 {
		b = []byte("{}")
	}
	return decodeStrict(b, dst)
}

// limit reads ?limit= of a list: 1 to 200, 50 when absent.
func (q *request) limit() (int, error) {
	v := q.r.URL.Query().Get("limit")
	if v == "" {
		return 50, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 200 {
		return 0, invalidQuery("limit", "limit must be a number from 1 to 200")
	}
	return n, nil
}

// when reads a time of the query, RFC 3339.
func (q *request) when(name string) (time.Time, error) {
	v := q.r.URL.Query().Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		return t, invalidQuery(name, name+" must be a time like 2026-03-01T12:00:00Z")
	}
	return t, nil
}

// invalidQuery is 422 for a query parameter; the pointer names it.
func invalidQuery(name, detail string) error {
	e := problem.New(http.StatusUnprocessableEntity, "invalid_query", "%s", detail)
	e.Fields = []problem.Field{{Pointer: "?" + name, Code: "invalid"}}
	return e
}

// invalid is 422 for one field of the body.
func invalid(pointer, code, format string, args ...any) error {
	e := problem.New(http.StatusUnprocessableEntity, "invalid_field", format, args...)
	e.Fields = []problem.Field{{Pointer: pointer, Code: code, Detail: e.Detail}}
	return e
}

// match checks If-Match against the current entity tag; without the header everything matches.
func (q *request) match(tag string) error {
	v := q.r.Header.Get("If-Match")
	if v == "" || v == "*" {
		return nil
	}
	for t := range strings.SplitSeq(v, ",") {
		if strings.TrimSpace(t) == tag {
			return nil
		}
	}
	return problem.New(http.StatusPreconditionFailed, "version_mismatch", "it has changed meanwhile, its version is %s", tag)
}
