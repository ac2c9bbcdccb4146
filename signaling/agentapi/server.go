package agentapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/time/rate"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/signaling/wire"
)

const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 15 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	maxBody       = 64 << 10
)

// Server is the API. Make it with New, serve it with Serve or mount Handler, and end it with Close.
type Server struct {
	cfg    Config
	deps   Deps
	log    *slog.Logger
	now    func() time.Time
	routes []Route
	api    *http.ServeMux // the routes, nothing else
	doc    []byte         // the OpenAPI document
	pace   pace

	limits *limiter
	// publicLimits is for people without a token.
	publicLimits *limiter
	// signInLimits is for browsers on their way to a provider and back.
	signInLimits *limiter
	replays      *replays
	legs         *legTable
	plays        plays
	handovers    handovers
	frames       *frameCache
	stats        *counters
	metrics      http.Handler

	mu       sync.Mutex
	sockets  map[*socket]struct{}
	sessions map[string]int // open sockets by desktop session
	perToken map[string]int // open sockets by token
	closed   bool
	wg       sync.WaitGroup // sockets
}

// New checks the configuration and builds the routes. It starts nothing.
func New(cfg Config, deps Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Keys == nil || deps.Calls == nil || deps.Bus == nil || deps.Log == nil {
		return nil, errors.New("agentapi: Keys, Calls, Bus and Log are required")
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	s := &Server{
		cfg: cfg, deps: deps, log: deps.Log, now: deps.Now, routes: routes(), api: http.NewServeMux(),
		limits:       newLimiter(rate.Limit(cfg.RateLimit), cfg.Burst, deps.Now),
		publicLimits: newLimiter(rate.Every(publicPeriod), publicBurst, deps.Now), signInLimits: newLimiter(signInRate, signInBurst, deps.Now), replays: newReplays(deps.Now), legs: newLegTable(),
		frames: newFrameCache(), stats: newCounters(), pace: defaultPace(),
		sockets: make(map[*socket]struct{}), sessions: make(map[string]int), perToken: make(map[string]int),
	}
	if deps.Revocations != nil {
		deps.Revocations.OnChange(s.dropRevoked)
	}
	for i := range s.routes {
		r := &s.routes[i]
		s.api.Handle(r.Method+" "+r.Pattern, s.handle(r))
	}
	var err error
	if s.doc, err = document(s.routes); err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	for _, c := range append([]prometheus.Collector{
		s.stats, newStats(deps.Stats),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}, deps.Collectors...) {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("agentapi: metrics: %w", err)
		}
	}
	s.metrics = metricsHandler(registry)
	return s, nil
}

// Handler is everything: API, event socket, health, metrics, desktop.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		path := r.URL.Path
		switch {
		case path == "/v1" || strings.HasPrefix(path, "/v1/"), path == "/healthz", path == "/metrics":
			s.serveAPI(w, r)
		case s.deps.Desktop != nil:
			s.deps.Desktop.ServeHTTP(w, r)
		default:
			s.fail(w, r, problem.New(http.StatusNotFound, "not_found", "there is nothing at this path"))
		}
	})
}

// serveAPI dispatches by the route table and answers 404 and 405 as problems.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if _, pattern := s.api.Handler(r); pattern != "" {
		s.api.ServeHTTP(w, r)
		return
	}
	if allowed := s.allowed(r); len(allowed) > 0 {
		h.Set("Allow", strings.Join(allowed, ", "))
		p := problem.New(http.StatusMethodNotAllowed, "method_not_allowed", "%s is not possible here", r.Method)
		p.Allowed = allowed
		s.fail(w, r, p)
		return
	}
	s.fail(w, r, problem.New(http.StatusNotFound, "not_found", "there is nothing at this path"))
}

// allowed are the methods the table knows for a path.
func (s *Server) allowed(r *http.Request) []string {
	var list []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := s.api.Handler(probe); pattern != "" {
			list = append(list, m)
		}
	}
	return list
}

// recovered turns a panic in a handler into a 500; the server and its calls go on.
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.log.Error("handler panicked", "method", r.Method, "path", r.URL.Path, "cause", fmt.Sprint(v), "stack", string(debug.Stack()))
	s.fail(w, r, problem.New(http.StatusInternalServerError, "internal", "something went wrong inside the server"))
}

// Serve answers on a listener until ctx ends; then it closes the sockets, lets requests under way finish
// for a moment and returns nil.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if s.cfg.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(s.cfg.CertFile, s.cfg.KeyFile)
		if err != nil {
			return fmt.Errorf("agentapi: certificate: %w", err)
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("agentapi: serve: %w", err)
	case <-ctx.Done():
	}
	s.Close()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	err := srv.Shutdown(limit)
	if err != nil {
		err = srv.Close()
	}
	<-failed // Serve has returned
	if err != nil {
		return fmt.Errorf("agentapi: shut down: %w", err)
	}
	return nil
}

// Close ends every event socket with 1001 and waits for them. New ones are refused.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.sockets {
		c.end(closeGoingAway, "shutdown")
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Server) node() wire.Node {
	n := wire.Node{Status: wire.NodeOK}
	if s.deps.Draining != nil && s.deps.Draining() {
		n.Status = wire.NodeDraining
	}
	if s.deps.Live != nil {
		n.Calls = s.deps.Live()
	}
	return n
}
