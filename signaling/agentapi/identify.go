package agentapi

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/auth"
)

func unauthorized(code, detail string) *problem.Error {
	return problem.New(http.StatusUnauthorized, code, "%s", detail)
}

// identify reads the bearer token of the request. Tokens are taken from the Authorization header only:
// neither cookies nor the query, so no other page can make a browser send one.
func (q *request) identify() error {
	scheme, token, _ := strings.Cut(q.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return unauthorized("unauthorized", "send a token: Authorization: Bearer …")
	}
	c, err := q.s.believe(strings.TrimSpace(token))
	q.claims = c
	return err
}

// believe verifies a token, that it was not revoked and that the session it is bound to still is.
func (s *Server) believe(token string) (auth.Claims, error) {
	c, err := s.deps.Keys.Verify(token)
	if err != nil {
		e := unauthorized("invalid_token", strings.TrimPrefix(err.Error(), "auth: "))
		e.Err = err
		return c, e
	}
	if err := s.deps.Revocations.Check(c); err != nil {
		return c, err
	}
	return c, s.sessionLives(c)
}

// sessionLives refuses a desktop's token after its session was signed out.
func (s *Server) sessionLives(c auth.Claims) error {
	if c.Session == "" {
		return nil
	}
	if s.deps.Desk == nil {
		return unauthorized("session_over", "there are no desktop sessions here")
	}
	ses, err := s.deps.Desk.Session(c.Session)
	switch {
	case err == nil && ses.Agent == c.Agent:
		return nil
	case err != nil && problem.As(err).Status != http.StatusNotFound:
		return err
	}
	return unauthorized("session_over", "the session of this token is over, sign in again")
}

// authorise checks the rate and the grant. What is only allowed on own things is checked by the handler,
// which knows the thing.
func (q *request) authorise() error {
	if wait, ok := q.s.limits.take(q.claims.ID); !ok {
		e := problem.New(http.StatusTooManyRequests, "rate_limited", "more than %d requests a second with one token", q.s.cfg.RateLimit)
		e.Limit, e.RetryAfter = q.s.cfg.RateLimit, int(wait/time.Second)+1
		return e
	}
	if q.route.Grant == "" || q.claims.Allows(q.route.Grant) || q.claims.Allows(q.route.Own) ||
		q.route.ByQueue && len(q.queues()) > 0 { // the handler knows the queue
		return q.permit(q.route.Act)
	}
	missing := q.route.Grant
	if q.route.Own != "" && q.claims.Agent != "" {
		missing = q.route.Own
	}
	return forbidden(missing, "the token lacks the grant "+missing)
}

func forbidden(grant, detail string) error {
	e := problem.New(http.StatusForbidden, "forbidden", "%s", detail)
	e.Grant = grant
	return e
}

// notOwn is the refusal for a thing that is somebody else's.
func (q *request) notOwn(noun, id string) error {
	return forbidden(q.route.Grant, noun+" "+id+" is not your own")
}

// limiter is one token bucket per token. Idle buckets are forgotten.
type limiter struct {
	mu      sync.Mutex
	buckets map[string]*bucket
	limit   rate.Limit
	burst   int
	now     func() time.Time
	swept   time.Time
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

// idleBucket is how long an unused bucket is kept; it is full again long before.
const idleBucket = time.Minute

func newLimiter(perSecond rate.Limit, burst int, now func() time.Time) *limiter {
	return &limiter{buckets: make(map[string]*bucket), limit: perSecond, burst: burst, now: now, swept: now()}
}

// take takes one request out of the token's bucket; false says how long until there is one again.
func (l *limiter) take(token string) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if now.Sub(l.swept) > idleBucket {
		l.swept = now
		for id, b := range l.buckets {
			if now.Sub(b.used) > idleBucket && b.TokensAt(now) >= float64(l.burst) {
				delete(l.buckets, id)
			}
		}
	}
	b := l.buckets[token]
	if b == nil {
		b = &bucket{Limiter: rate.NewLimiter(l.limit, l.burst)}
		l.buckets[token] = b
	}
	b.used = now
	if b.AllowN(now, 1) {
		return 0, true
	}
	r := b.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	r.CancelAt(now)
	return wait, false
}
