package agentapi

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
)

const (
	keepReplay  = 24 * time.Hour
	maxReplays  = 10_000
	maxReplayed = 32 << 20 // bytes of kept answers
)

// replays remembers answers by Idempotency-Key, so that a POST whose answer was lost can be sent again. A
// key belongs to a subject; with the same request it gives the same answer, with another it is refused.
// Refusals that may go away by themselves (429, 5xx) are not kept. The memory is bounded by count and
// bytes, the oldest goes first.
type replays struct {
	mu    sync.Mutex
	kept  map[string]*replay
	order []*replay // oldest first
	bytes int
	now   func() time.Time
}

type replay struct {
	key     string
	request [sha256.Size]byte
	till    time.Time
	done    chan struct{} // closed when the answer is there or the entry has been dropped
	gone    bool
	answer  recording
}

func newReplays(now func() time.Time) *replays {
	return &replays{kept: make(map[string]*replay), now: now}
}

// do runs the handler once per key.
func (p *replays) do(q *request) error {
	key := q.r.Header.Get("Idempotency-Key")
	if len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }) {
		return problem.New(http.StatusBadRequest, "invalid_idempotency_key", "an Idempotency-Key is 1 to 255 visible ASCII characters")
	}
	body, err := q.raw(maxBody)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, _ = io.WriteString(h, q.r.Method+" "+q.r.URL.RequestURI()+"\n"+q.contentType()+"\n") // a hash never fails
	_, _ = h.Write(body)
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	q.r.Body = io.NopCloser(bytes.NewReader(body))

	for {
		r, mine := p.enter(q.claims.Subject+"\n"+key, sum)
		switch {
		case r == nil:
			return problem.New(http.StatusUnprocessableEntity, "idempotency_key_reused", "this Idempotency-Key was used for another request")
		case mine:
			return p.first(q, r)
		}
		select {
		case <-r.done:
		case <-q.ctx().Done():
			return q.ctx().Err()
		}
		if r.gone {
			continue // the first try failed in a way that may be tried again
		}
		q.status = r.answer.status
		for name, v := range r.answer.header {
			q.w.Header()[name] = v
		}
		q.header("Idempotency-Replayed", "true")
		q.w.WriteHeader(r.answer.status)
		_, _ = q.w.Write(r.answer.body.Bytes()) // the client may be gone
		return nil
	}
}

// enter finds the entry of a key or makes it; nil when the key was used for another request.
func (p *replays) enter(key string, sum [sha256.Size]byte) (r *replay, mine bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	if r := p.kept[key]; r != nil {
		if r.request != sum {
			return nil, false
		}
		return r, false
	}
	r = &replay{key: key, request: sum, till: p.now().Add(keepReplay), done: make(chan struct{})}
	p.kept[key] = r
	p.order = append(p.order, r)
	return r, true
}

// first runs the handler and keeps what it answers. Its writer is restored before the answer goes out.
func (p *replays) first(q *request, r *replay) error {
	w := q.w
	answered := false
	defer func() {
		if !answered { // the handler panicked
			p.settle(r, nil)
		}
	}()
	rec := newRecording()
	q.w = rec
	err := q.route.Handler(q)
	if err != nil {
		q.status = q.s.fail(rec, q.r, err)
	}
	q.w = w
	answered = true
	p.settle(r, rec)
	for name, v := range rec.header {
		w.Header()[name] = v
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(rec.body.Bytes()) // the client may be gone
	return nil
}

func (p *replays) settle(r *replay, rec *recording) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rec == nil || rec.status == http.StatusTooManyRequests || rec.status >= http.StatusInternalServerError || rec.status == 0 {
		r.gone = true
		delete(p.kept, r.key)
	} else {
		r.answer = *rec
		p.bytes += rec.body.Len()
	}
	close(r.done)
}

// expire drops what is over a day old or too much. Entries under way stay.
func (p *replays) expire() {
	now := p.now()
	for len(p.order) > 0 {
		r := p.order[0]
		if !r.gone && p.kept[r.key] == r {
			select {
			case <-r.done:
			default:
				return
			}
			if now.Before(r.till) && len(p.kept) < maxReplays && p.bytes < maxReplayed {
				return
			}
			p.bytes -= r.answer.body.Len()
			delete(p.kept, r.key)
		}
		p.order[0] = nil
		p.order = p.order[1:]
	}
}

// recording is a ResponseWriter that keeps the answer, for replays and for commands over the socket.
type recording struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func newRecording() *recording { return &recording{header: make(http.Header)} }

// Header implements http.ResponseWriter.
func (r *recording) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recording) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *recording) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}
