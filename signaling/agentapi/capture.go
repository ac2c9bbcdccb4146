package agentapi

import (
	"net/http"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/signaling/wire"
)

// asker is who may take a capture's digits: the subject of the token that asked for it.
func (q *request) asker() string { return q.claims.Subject + " " + q.claims.Agent }

func postCapture(q *request) error {
	var in wire.CaptureRequest
	if err := q.decode(&in); err != nil {
		return err
	}
	c, err := q.callFor(func(wire.Call) error { return nil })
	if err != nil {
		return err
	}
	w, err := q.s.deps.Calls.StartCapture(q.ctx(), c.ID, in, q.asker(), q.actor())
	if err != nil {
		return err
	}
	q.header("Location", "/v1/captures/"+w.ID)
	return q.reply(http.StatusCreated, w)
}

// captureFor finds the path's capture and checks that its call is the token's business.
func (q *request) captureFor(may func(wire.Call) error) (wire.Capture, error) {
	w, err := q.s.deps.Calls.Capture(q.ctx(), q.path("capture"))
	if err != nil {
		return w, err
	}
	c, err := q.s.deps.Calls.Call(w.CallID)
	if err != nil {
		return w, err
	}
	return w, may(c)
}

func getCapture(q *request) error {
	w, err := q.captureFor(q.mayRead)
	if err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

func postCancelCapture(q *request) error {
	w, err := q.captureFor(q.maySteer)
	if err != nil {
		return err
	}
	if w, err = q.s.deps.Calls.CancelCapture(q.ctx(), w.ID, q.actor()); err != nil {
		return err
	}
	return q.reply(http.StatusOK, w)
}

// washes is how many bytes of white space follow an answer with digits: more than the server's own buffers
// hold, so that what is left in them afterwards is white space.
const washes = 16 << 10

// postTakeCapture writes the digits by hand, without a string or an encoder's buffer in between, and washes the
// buffers of the connection behind them.
func postTakeCapture(q *request) error {
	if q.r.Header.Get("Idempotency-Key") != "" {
		return problem.New(http.StatusBadRequest, "not_idempotent", "digits are given out once: send no Idempotency-Key")
	}
	var room [64]byte
	const head, tail = `{"digits":"`, `"}`
	b := append(room[:0], head...)
	b, err := q.s.deps.Calls.TakeCapture(q.ctx(), q.path("capture"), q.asker(), b)
	if err != nil {
		return err
	}
	b = append(b, tail...)
	q.status = http.StatusOK
	q.header("Content-Type", typeJSON)
	q.header("Cache-Control", "no-store")
	q.w.WriteHeader(http.StatusOK)
	_, _ = q.w.Write(b) // the client may be gone; the digits are all the same
	clear(b)
	out := http.NewResponseController(q.w)
	_ = out.Flush()
	var wash [512]byte
	for i := range wash {
		wash[i] = ' '
	}
	for range washes / len(wash) {
		if _, err := q.w.Write(wash[:]); err != nil {
			break
		}
	}
	_ = out.Flush()
	return nil
}

func getMarkers(q *request) error {
	r, w, err := q.recordingFor()
	if err != nil {
		return err
	}
	m, err := r.Markers(q.ctx(), w.ID)
	if err != nil {
		return err
	}
	m.Items = list(m.Items)
	return q.reply(http.StatusOK, m)
}

// Announcement opens an announcement of the prompt folder. The error is a problem.
func (s *Server) Announcement(name string) (media.Source, error) { return s.file(name, false) }
