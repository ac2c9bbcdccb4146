// Package oidc signs people in at a provider of their organisation (OpenID Connect Core 1.0): the authorisation code
// flow with PKCE (RFC 7636), state and nonce. It says who somebody is here; what a token is good for is package auth's.
//
//	page ──> Begin ──> provider: the person signs in ──> Finish ──> claims: agent, role, profile
//	          │ state, nonce, verifier                     ▲
//	          └────────── sealed, in the browser ──────────┘
//
// Nothing is kept here between the two: what must come back lies sealed in a cookie of the browser, so any node can
// finish what another began, and nobody can fill our memory. Every request to a provider goes through the client
// given, which decides where it may go.
package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/auth"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	stateLife    = 10 * time.Minute // how long somebody may take at the provider
	tokenLife    = time.Minute      // how long a wrapped token is good for
	discoverLife = time.Hour        // how long what a provider says of itself is used
	askPause     = 5 * time.Second  // before a provider that did not answer is asked again
	askWithin    = 10 * time.Second // for the requests of one Begin or Finish
	maxAnswer    = 4096             // bytes of each parameter a provider sends the browser back with
)

// Algorithms are those an ID token may be signed with: asymmetric ones, and never none.
var algorithms = []string{oidc.RS256, oidc.ES256, oidc.PS256, oidc.EdDSA}

// The codes of refusals, which the page explains.
const (
	CodeExpired     = "signin_expired"     // no sign-in that was begun in this browser, or too long ago
	CodeRefused     = "signin_refused"     // the provider says no
	CodeUnreachable = "signin_unreachable" // the provider does not answer, or not as it should
	CodeToken       = "signin_token"       // what the provider says is not to be believed
	CodeClock       = "signin_clock"       // the clocks are too far apart
	CodeNobody      = "signin_nobody"      // who that is has no role here
	CodeNoAgent     = "signin_no_agent"    // nothing says which agent that is, or there is no such agent
)

// Deps is what SignIn stands on; all are required but Now.
type Deps struct {
	// PublicURL is where browsers reach this server, as "https://desk.example.com".
	PublicURL string
	// Client makes the requests to providers.
	Client *http.Client
	// Key seals what lies in browsers: 32 bytes, the same on every node.
	Key []byte
	// KnowsAgent says whether there is an agent of that id.
	KnowsAgent func(id string) bool
	Log        *slog.Logger
	Now        func() time.Time // nil: time.Now
}

// SignIn is the providers of a server. Safe for concurrent use.
type SignIn struct {
	deps      Deps
	box       *box
	providers []*provider
}

// provider is one of them.
type provider struct {
	cfg    Config
	secret string

	mu    sync.Mutex // guards what follows, held over a discovery so that there is one at a time
	found *found
	until time.Time
	cause error // of the last failure, until then too
}

// found is what a provider says of itself.
type found struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
	// issInAnswer: the provider names itself in its answers (RFC 9207).
	issInAnswer bool
}

// New makes the providers of validated entries. Nothing is asked before somebody signs in.
func New(cfg []Config, deps Deps) (*SignIn, error) {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	b, err := newBox(deps.Key)
	if err != nil {
		return nil, err
	}
	s := &SignIn{deps: deps, box: b}
	for _, c := range cfg {
		p := &provider{cfg: c}
		if p.secret, err = c.secret(); err != nil {
			return nil, err
		}
		s.providers = append(s.providers, p)
	}
	return s, nil
}

// Secure says whether browsers reach the server over TLS.
func (s *SignIn) Secure() bool { return strings.HasPrefix(s.deps.PublicURL, "https:") }

// Providers are those there are, in the order of the configuration.
func (s *SignIn) Providers() []wire.SignInProvider {
	out := make([]wire.SignInProvider, len(s.providers))
	for i, p := range s.providers {
		out[i] = wire.SignInProvider{ID: p.cfg.ID, Name: p.cfg.Name, Path: "/v1/signin/" + p.cfg.ID}
	}
	return out
}

// attempt is what must come back from the browser that began a sign-in.
type attempt struct {
	Provider string `json:"p"`
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
}

func (s *SignIn) provider(id string) (*provider, error) {
	i := slices.IndexFunc(s.providers, func(p *provider) bool { return p.cfg.ID == id })
	if i < 0 {
		return nil, problem.NotFound("provider", id)
	}
	return s.providers[i], nil
}

func refuse(status int, code string, err error, format string, args ...any) error {
	p := problem.New(status, code, format, args...)
	p.Err = err
	return p
}

// Begin says where to send the browser, and what it must bring back to Finish.
func (s *SignIn) Begin(ctx context.Context, id string) (to, kept string, err error) {
	p, err := s.provider(id)
	if err != nil {
		return "", "", err
	}
	f, err := s.discover(ctx, p)
	if err != nil {
		return "", "", err
	}
	a := attempt{Provider: id, State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
	to = f.oauth.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier))
	return to, s.box.seal("attempt", a, s.deps.Now().Add(stateLife)), nil
}

// discover asks the provider what it says of itself, unless that is known.
func (s *SignIn) discover(ctx context.Context, p *provider) (*found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := s.deps.Now()
	if !now.Before(p.until) {
		f, err := s.ask(ctx, p)
		if p.cause = err; err == nil {
			p.found, p.until = f, now.Add(discoverLife)
		} else {
			p.until = s.deps.Now().Add(askPause)
			s.deps.Log.Warn("provider cannot be asked what it offers", "provider", p.cfg.ID, "known", p.found != nil, "cause", err)
		}
	}
	if p.found == nil {
		return nil, refuse(http.StatusBadGateway, CodeUnreachable, p.cause, "%s cannot be asked", p.cfg.Name)
	}
	return p.found, nil // what it said before will do
}

func (s *SignIn) ask(ctx context.Context, p *provider) (*found, error) {
	ctx, cancel := context.WithTimeout(s.client(ctx), askWithin)
	defer cancel()
	op, err := oidc.NewProvider(ctx, p.cfg.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
		Challenges  []string `json:"code_challenge_methods_supported"`
		Iss         bool     `json:"authorization_response_iss_parameter_supported"`
		KeysURL     string   `json:"jwks_uri"`
	}
	if err := op.Claims(&more); err != nil {
		return nil, err
	}
	if len(more.Challenges) > 0 && !slices.Contains(more.Challenges, "S256") {
		return nil, errors.New("the provider does not take PKCE with S256")
	}
	endpoint := op.Endpoint()
	if endpoint.AuthURL == "" || endpoint.TokenURL == "" || more.KeysURL == "" {
		return nil, errors.New("the provider names no endpoints")
	}
	// Chosen here: trying both, as the library would, spends the code on the first.
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.secret == "" || len(more.AuthMethods) > 0 && !slices.Contains(more.AuthMethods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &found{
		provider: op, issInAnswer: more.Iss,
		// The keys outlive this request.
		verifier: op.VerifierContext(s.client(context.WithoutCancel(ctx)), &oidc.Config{
			ClientID: p.cfg.ClientID, SupportedSigningAlgs: algorithms,
			SkipExpiryCheck: true, // by checkTimes, with the leeway configured
		}),
		oauth: oauth2.Config{
			ClientID: p.cfg.ClientID, ClientSecret: p.secret, Endpoint: endpoint, Scopes: p.cfg.Scopes,
			RedirectURL: s.deps.PublicURL + "/v1/signin/" + p.cfg.ID + "/return",
		},
	}, nil
}

// client makes the requests of ctx go through our client.
func (s *SignIn) client(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, s.deps.Client)
}

// Finish reads what the provider sent the browser back with, gets the ID token for it, and says who that is here.
func (s *SignIn) Finish(ctx context.Context, id string, answer url.Values, kept string) (auth.Claims, error) {
	p, err := s.provider(id)
	if err != nil {
		return auth.Claims{}, err
	}
	var a attempt
	if err := s.box.open("attempt", kept, &a, s.deps.Now()); err != nil || a.Provider != id {
		return auth.Claims{}, refuse(http.StatusBadRequest, CodeExpired, err, "this sign-in was not begun in this browser, or too long ago")
	}
	for _, v := range answer {
		if len(v) != 1 || len(v[0]) > maxAnswer {
			return auth.Claims{}, refuse(http.StatusBadRequest, CodeRefused, nil, "%s answered in a way that is not understood", p.cfg.Name)
		}
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1 {
		return auth.Claims{}, refuse(http.StatusBadRequest, CodeExpired, errors.New("the state is another"), "this sign-in was not begun in this browser")
	}
	f, err := s.discover(ctx, p)
	if err != nil {
		return auth.Claims{}, err
	}
	if iss := answer.Get("iss"); iss != p.cfg.Issuer && (iss != "" || f.issInAnswer) { // RFC 9207: a mix-up
		return auth.Claims{}, refuse(http.StatusBadRequest, CodeToken, fmt.Errorf("the answer is of %q", iss), "the answer is not of %s", p.cfg.Name)
	}
	if e := answer.Get("error"); e != "" {
		return auth.Claims{}, refuse(http.StatusForbidden, CodeRefused, fmt.Errorf("%q: %q", e, answer.Get("error_description")), "%s refused the sign-in", p.cfg.Name)
	}
	said, err := s.redeem(ctx, p, f, answer.Get("code"), a)
	if err != nil {
		return auth.Claims{}, err
	}
	return p.cfg.who(said, s.deps.KnowsAgent, s.deps.Now())
}

// redeem exchanges the code for the ID token and believes it.
func (s *SignIn) redeem(ctx context.Context, p *provider, f *found, code string, a attempt) (said, error) {
	ctx, cancel := context.WithTimeout(s.client(ctx), askWithin)
	defer cancel()
	token, err := f.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		var no *oauth2.RetrieveError
		if errors.As(err, &no) && no.Response.StatusCode/100 == 4 {
			return nil, refuse(http.StatusForbidden, CodeRefused, fmt.Errorf("%d %q", no.Response.StatusCode, no.ErrorCode), "%s does not take the code back", p.cfg.Name)
		}
		return nil, refuse(http.StatusBadGateway, CodeUnreachable, err, "%s cannot be asked", p.cfg.Name)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, refuse(http.StatusBadGateway, CodeToken, errors.New("no id_token"), "%s did not say who that is", p.cfg.Name)
	}
	idToken, err := f.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, refuse(http.StatusForbidden, CodeToken, err, "what %s says is not to be believed", p.cfg.Name)
	}
	if subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(a.Nonce)) != 1 {
		return nil, refuse(http.StatusForbidden, CodeToken, errors.New("the nonce is another"), "what %s says belongs to another sign-in", p.cfg.Name)
	}
	if idToken.AccessTokenHash != "" {
		if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, refuse(http.StatusForbidden, CodeToken, err, "what %s says is not to be believed", p.cfg.Name)
		}
	}
	var out said
	if err := idToken.Claims(&out); err != nil {
		return nil, refuse(http.StatusForbidden, CodeToken, err, "what %s says is not understood", p.cfg.Name)
	}
	if err := p.cfg.check(out, s.deps.Now()); err != nil {
		return nil, err
	}
	if !p.cfg.UserInfo {
		return out, nil
	}
	info, err := f.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, refuse(http.StatusBadGateway, CodeUnreachable, err, "%s cannot be asked", p.cfg.Name)
	}
	if info.Subject != idToken.Subject { // OpenID Connect Core 5.3.2
		return nil, refuse(http.StatusForbidden, CodeToken, errors.New("the user info is another's"), "what %s says is not to be believed", p.cfg.Name)
	}
	var more said
	if err := info.Claims(&more); err != nil {
		return nil, refuse(http.StatusForbidden, CodeToken, err, "what %s says is not understood", p.cfg.Name)
	}
	for name, v := range more {
		if _, there := out[name]; !there {
			out[name] = v
		}
	}
	return out, nil
}

// check is what is left to check of an ID token whose signature, issuer and audience are good.
func (c Config) check(s said, now time.Time) error {
	late := func(format string, args ...any) error {
		return refuse(http.StatusForbidden, CodeClock, fmt.Errorf(format, args...), "the clocks of %s and of this server are too far apart, or the sign-in took too long", c.Name)
	}
	exp, ok := s.time("exp")
	if !ok {
		return refuse(http.StatusForbidden, CodeToken, errors.New("no exp"), "what %s says has no end", c.Name)
	}
	if !now.Before(exp.Add(c.Leeway)) {
		return late("the ID token has run out at %v, here it is %v", exp.UTC(), now.UTC())
	}
	for _, name := range []string{"iat", "nbf"} {
		if at, ok := s.time(name); ok && at.After(now.Add(c.Leeway)) {
			return late("the ID token has %s %v, here it is %v", name, at.UTC(), now.UTC())
		}
	}
	if aud, many := s["aud"].([]any); many && len(aud) > 1 || s["azp"] != nil {
		if azp, _ := s["azp"].(string); azp != c.ClientID {
			return refuse(http.StatusForbidden, CodeToken, errors.New("azp is another client"), "what %s says is meant for another", c.Name)
		}
	}
	if sub, _ := s["sub"].(string); sub == "" || len(sub) > 255 {
		return refuse(http.StatusForbidden, CodeToken, errors.New("no sub"), "%s did not say who that is", c.Name)
	}
	return nil
}

// Wrap makes a token fit to lie in the browser for a minute.
func (s *SignIn) Wrap(token string) string {
	return s.box.seal("token", token, s.deps.Now().Add(tokenLife))
}

// Unwrap gives a wrapped token back.
func (s *SignIn) Unwrap(wrapped string) (string, error) {
	var token string
	if err := s.box.open("token", wrapped, &token, s.deps.Now()); err != nil {
		return "", err
	}
	return token, nil
}

// claims are what somebody who has signed in is here.
func (c Config) claims(subject, agent string, role auth.Role, profile string, now time.Time) auth.Claims {
	out := auth.Claims{
		Agent: agent, Profile: profile, Grants: auth.RoleGrants(role),
		LifeSeconds: int64(auth.DesktopLife / time.Second), Until: now.Add(c.Session).Unix(),
		RegisteredClaims: jwt.RegisteredClaims{Subject: agent},
	}
	if agent == "" {
		out.Subject = c.ID + ":" + subject
	}
	return out
}
