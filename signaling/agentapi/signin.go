package agentapi

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

// SignIn is what the API asks of the providers that people sign in with; *oidc.SignIn is it. All errors are
// *problem.Error, whose code the page knows how to explain.
type SignIn interface {
	Providers() []wire.SignInProvider
	// Begin says where to send the browser, and what it must bring back.
	Begin(ctx context.Context, id string) (to, kept string, err error)
	// Finish reads what the provider sent the browser back with, and asks the provider who it is.
	Finish(ctx context.Context, id string, answer url.Values, kept string) (auth.Claims, error)
	// Wrap makes a token fit to lie in a cookie for a moment, Unwrap gives it back.
	Wrap(token string) string
	Unwrap(wrapped string) (token string, err error)
	// Secure says whether cookies are for TLS alone.
	Secure() bool
}

const (
	signInRate  = 5  // a second from one address: many people may share one
	signInBurst = 50 // at the beginning of a shift
	// signInTime is how long somebody may take at the provider, handoverTime how long the page may take to fetch the token.
	signInTime   = 10 * time.Minute
	handoverTime = time.Minute

	cookieSignIn = "cordboard-signin"
	cookieToken  = "cordboard-token"
)

func signInRoutes() []Route {
	return []Route{
		{
			Method: get, Pattern: "/v1/signin", Public: true, Summary: "How people can sign in besides with a token",
			Response: wire.SignInOptions{}, Statuses: []int{200}, Handler: getSignIn,
		},
		{
			Method: get, Pattern: "/v1/signin/{provider}", Public: true, Stream: true,
			Summary:  "Send the browser to a provider to sign in there (OpenID Connect, authorisation code with PKCE)",
			Statuses: []int{302, 404, 429, 502}, Handler: getSignInProvider,
		},
		{
			Method: get, Pattern: "/v1/signin/{provider}/return", Public: true, Stream: true, Query: []string{"code", "state", "error", "iss"},
			Summary:  "Where the provider sends the browser back to; goes on to the desktop",
			Statuses: []int{303, 404, 429}, Handler: getSignInReturn,
		},
		{
			Method: post, Pattern: "/v1/signin/token", Public: true, Stream: true, Summary: "The token of a sign-in that has just succeeded in this browser, once",
			Response: wire.Token{}, Statuses: []int{200, 401, 403, 404}, Handler: postSignInToken,
		},
	}
}

// handovers remembers which tokens this server has handed over to a page, for as long as their cookies are good: each
// is handed over once, also to who has kept the cookie. On another node such a cookie is good once more, within its
// minute.
type handovers struct {
	mu sync.Mutex
	at map[string]time.Time // by the token's id
}

// first reports whether a token is handed over for the first time, and remembers it.
func (h *handovers) first(token string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, at := range h.at {
		if now.Sub(at) > 2*handoverTime { // the cookie has run out by its own time, whatever the clocks
			delete(h.at, id)
		}
	}
	if _, again := h.at[token]; again {
		return false
	}
	if h.at == nil {
		h.at = map[string]time.Time{}
	}
	h.at[token] = now
	return true
}

func getSignIn(q *request) error {
	out := wire.SignInOptions{Providers: []wire.SignInProvider{}}
	if s := q.s.deps.SignIn; s != nil {
		out.Providers = append(out.Providers, s.Providers()...)
	}
	return q.reply(http.StatusOK, out)
}

// signIn is the providers, or 404 when there are none.
func (q *request) signIn() (SignIn, error) {
	if q.s.deps.SignIn == nil {
		return nil, problem.New(http.StatusNotFound, "no_provider", "there are no providers to sign in with here (auth.providers)")
	}
	if wait, ok := q.s.signInLimits.take(q.household()); !ok {
		e := problem.New(http.StatusTooManyRequests, "rate_limited", "too many people sign in from here at once")
		e.RetryAfter = int(wait/time.Second) + 1
		return nil, e
	}
	return q.s.deps.SignIn, nil
}

// cookie sets a cookie that scripts cannot read, or with a life of 0 removes it.
func (q *request) cookie(s SignIn, name, value string, mode http.SameSite, life time.Duration) {
	c := &http.Cookie{Name: cookieName(s, name), Value: value, Path: "/", HttpOnly: true, Secure: s.Secure(), SameSite: mode, MaxAge: int(life / time.Second)}
	if life == 0 {
		c.MaxAge = -1
	}
	http.SetCookie(q.w, c)
}

// cookieName has the prefix that makes browsers take it from this host alone, where TLS allows that.
func cookieName(s SignIn, name string) string {
	if s.Secure() {
		return "__Host-" + name
	}
	return name
}

func (q *request) cookieValue(s SignIn, name string) string {
	c, err := q.r.Cookie(cookieName(s, name))
	if err != nil {
		return ""
	}
	return c.Value
}

func getSignInProvider(q *request) error {
	s, err := q.signIn()
	if err != nil {
		return err
	}
	to, kept, err := s.Begin(q.ctx(), q.path("provider"))
	if err != nil {
		return q.signInFailed(err)
	}
	q.cookie(s, cookieSignIn, kept, http.SameSiteLaxMode, signInTime)
	q.header("Location", to)
	return q.reply(http.StatusFound, nil)
}

// getSignInReturn is a page to the browser, so that whatever comes of it the browser goes on to the desktop, which explains.
func getSignInReturn(q *request) error {
	s, err := q.signIn()
	if err != nil {
		return err
	}
	kept := q.cookieValue(s, cookieSignIn)
	q.cookie(s, cookieSignIn, "", http.SameSiteLaxMode, 0)
	c, err := s.Finish(q.ctx(), q.path("provider"), q.r.URL.Query(), kept)
	if err == nil {
		err = q.s.deps.Revocations.Check(c)
	}
	var token string
	if err == nil {
		token, c, err = q.s.deps.Keys.Mint(c)
	}
	if err == nil {
		err = q.auditSignIn(c)
	}
	if err != nil {
		return q.signInFailed(err)
	}
	q.cookie(s, cookieToken, s.Wrap(token), http.SameSiteStrictMode, handoverTime)
	q.header("Location", "/#signin=done")
	return q.reply(http.StatusSeeOther, nil)
}

func (q *request) auditSignIn(c auth.Claims) error {
	q.claims = c
	return q.auditAccess("signin.succeeded", c.Actor(), map[string]string{"provider": q.path("provider")})
}

// signInFailed sends the browser to the desktop with the code of what went wrong. The sentence stays in the log: an
// address is something others can write.
func (q *request) signInFailed(err error) error {
	e := problem.As(err)
	if e.Status == http.StatusNotFound && e.Code == "provider_not_found" {
		return err
	}
	q.s.log.Warn("sign-in failed", "provider", q.path("provider"), "code", e.Code, "cause", err.Error())
	q.header("Location", "/#signin="+url.QueryEscape(e.Code))
	return q.reply(http.StatusSeeOther, nil)
}

// postSignInToken hands the token over to the page. A page of another origin cannot: the cookie does not go with its
// requests, and it could not read the answer.
func postSignInToken(q *request) error {
	s, err := q.signIn()
	if err != nil {
		return err
	}
	if site := q.r.Header.Get("Sec-Fetch-Site"); !q.s.originAllowed(q.r) || site != "" && site != "same-origin" {
		return problem.New(http.StatusForbidden, "origin_not_allowed", "only the desktop itself may ask for this")
	}
	token, err := s.Unwrap(q.cookieValue(s, cookieToken))
	q.cookie(s, cookieToken, "", http.SameSiteStrictMode, 0)
	if err != nil {
		return unauthorized("signin_expired", "no sign-in has just succeeded in this browser")
	}
	c, err := q.s.believe(token)
	if err != nil {
		return err
	}
	if !q.s.handovers.first(c.ID, q.s.now()) {
		return unauthorized("signin_expired", "this sign-in has been handed over already")
	}
	return q.reply(http.StatusOK, wire.Token{Token: token, Expires: c.Expires().UTC()})
}
