package agentapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

// problemBase begins the type URI of every problem; the code follows.
const problemBase = "https://cordboard.dev/problems/"

// statusClientGone is what a request counts as whose client left before the answer.
const statusClientGone = 499

// describe prints an error as RFC 9457 wants it. instance is the path of the request.
func describe(err error, instance string) wire.Problem {
	e := problem.As(err)
	p := wire.Problem{
		Type: problemBase + e.Code, Title: title(e.Code), Status: e.Status, Detail: e.Detail, Instance: instance, Code: e.Code,
		CallID: e.CallID, State: e.State, Allowed: e.Allowed, Grant: e.Grant, RetryAfter: e.RetryAfter, Limit: e.Limit, Use: e.Use,
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, wire.ProblemField(f))
	}
	return p
}

// title is the code as a short phrase: "room_full" is "Room full".
func title(code string) string {
	s := strings.ReplaceAll(code, "_", " ")
	if s == "" {
		return "Problem"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// fail answers with a problem and returns the status. What is our fault is logged with its cause.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) int {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return statusClientGone
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = &problem.Error{Status: http.StatusServiceUnavailable, Code: "timeout", Detail: "it took too long", RetryAfter: 1, Err: err}
	}
	p := describe(err, r.URL.Path)
	if p.Status == http.StatusInternalServerError {
		s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "code", p.Code, "cause", err)
	}
	h := w.Header()
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="cordboard"`)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic("agentapi: problem: " + err.Error()) // strings and numbers only
	}
	h.Set("Content-Type", typeProblem)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Del("ETag")
	w.WriteHeader(p.Status)
	_, _ = w.Write(b) // the client may be gone
	return p.Status
}
