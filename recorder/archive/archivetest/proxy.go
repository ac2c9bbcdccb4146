package archivetest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Fault is what a Proxy does to one request. The zero Fault lets it pass.
type Fault struct {
	Delay time.Duration // before anything else
	// Status and Code are an answer of the proxy's own, as a store words it, before the store sees the request.
	Status int
	Code   string
	// Reset cuts the connection in the middle of the request's body.
	Reset bool
	// Lose lets the store do what is asked and cuts the connection instead of handing its answer on.
	Lose bool
}

// Proxy stands before a store and breaks requests as a test tells it to. Refuse makes it a machine that is
// not there.
type Proxy struct {
	Addr string

	mu       sync.Mutex
	fault    func(*http.Request) Fault
	server   *http.Server
	handler  http.Handler
	requests int
}

// NewProxy stands before the store at addr.
func NewProxy(t *testing.T, addr string) *Proxy {
	t.Helper()
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: addr})
			r.Out.Host = r.In.Host // it is signed
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	p := &Proxy{}
	p.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := p.next(r)
		time.Sleep(f.Delay)
		switch {
		case f.Reset:
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2) // as far as it comes
			panic(http.ErrAbortHandler)
		case f.Status != 0:
			_, _ = io.Copy(io.Discard, r.Body) // as far as it comes
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(f.Status)
			fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>told to</Message></Error>`, f.Code)
		case f.Lose:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			forward.ServeHTTP(w, r)
		}
	})
	p.listen(t, "127.0.0.1:0")
	t.Cleanup(p.Refuse)
	return p
}

func (p *Proxy) next(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	if p.fault == nil {
		return Fault{}
	}
	return p.fault(r)
}

func (p *Proxy) listen(t *testing.T, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: p.handler}
	p.mu.Lock()
	p.Addr, p.server = l.Addr().String(), s
	p.mu.Unlock()
	go func() { _ = s.Serve(l) }() // until Refuse
}

// Break sets what happens to requests from now on; nil: nothing.
func (p *Proxy) Break(f func(*http.Request) Fault) {
	p.mu.Lock()
	p.fault = f
	p.mu.Unlock()
}

// Refuse closes the port: connections are refused until Accept.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	s := p.server
	p.server = nil
	p.mu.Unlock()
	if s != nil {
		_ = s.Close() // connections break; that is the point
	}
}

// Accept opens the port again.
func (p *Proxy) Accept(t *testing.T) {
	t.Helper()
	p.listen(t, p.Addr)
}

// Requests is how many have come since it was asked last.
func (p *Proxy) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.requests
	p.requests = 0
	return n
}
