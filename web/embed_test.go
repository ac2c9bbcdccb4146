package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, h http.Handler, method, target string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w.Result()
}

func TestHandlerServesABuild(t *testing.T) {
	h := handler{placeholder: []byte("placeholder"), files: fstest.MapFS{
		"index.html":             {Data: []byte("<!doctype html>page")},
		"favicon.svg":            {Data: []byte("<svg/>")},
		"assets/index-1a2b3c.js": {Data: []byte("let a")},
		"assets/index-1a2b.css":  {Data: []byte("a{}")},
		"assets/odd.bin":         {Data: []byte{1}},
	}}
	const forever, never = "public, max-age=31536000, immutable", "no-store"
	for _, tc := range []struct {
		name, method, target string
		status               int
		typ, cache, body     string
	}{
		{"the page", "GET", "/", 200, "text/html; charset=utf-8", never, "<!doctype html>page"},
		{"the page by name", "GET", "/index.html", 200, "text/html; charset=utf-8", never, "<!doctype html>page"},
		{"head", "HEAD", "/", 200, "text/html; charset=utf-8", never, ""},
		{"a token in the query changes nothing", "GET", "/?x=1", 200, "text/html; charset=utf-8", never, "<!doctype html>page"},
		{"hashed script", "GET", "/assets/index-1a2b3c.js", 200, "text/javascript; charset=utf-8", forever, "let a"},
		{"hashed style", "GET", "/assets/index-1a2b.css", 200, "text/css; charset=utf-8", forever, "a{}"},
		{"icon", "GET", "/favicon.svg", 200, "image/svg+xml", never, "<svg/>"},
		{"unknown kind of file", "GET", "/assets/odd.bin", 200, "application/octet-stream", forever, "\x01"},
		{"missing asset is not cached", "GET", "/assets/gone.js", 404, "text/plain; charset=utf-8", never, "404 page not found\n"},
		{"folder", "GET", "/assets/", 404, "text/plain; charset=utf-8", never, "404 page not found\n"},
		{"climbing out", "GET", "/../placeholder.html", 404, "text/plain; charset=utf-8", never, "404 page not found\n"},
		{"unknown path is no page", "GET", "/v1/callz", 404, "text/plain; charset=utf-8", never, "404 page not found\n"},
		{"writing", "POST", "/", 405, "text/plain; charset=utf-8", never, "method not allowed\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := get(t, h, tc.method, tc.target)
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != tc.status || string(body) != tc.body {
				t.Errorf("got %d %q, want %d %q", res.StatusCode, body, tc.status, tc.body)
			}
			if got := res.Header.Get("Content-Type"); got != tc.typ {
				t.Errorf("content type %q, want %q", got, tc.typ)
			}
			if got := res.Header.Get("Cache-Control"); got != tc.cache {
				t.Errorf("cache control %q, want %q", got, tc.cache)
			}
			if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("X-Frame-Options") != "DENY" ||
				res.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("security headers missing: %v", res.Header)
			}
		})
	}
}

func TestPolicyForbidsInline(t *testing.T) {
	got := get(t, Handler(), "GET", "/").Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'self'", "connect-src 'self' ws:", "media-src 'self' blob:", "frame-ancestors 'none'"} {
		if !strings.Contains(got, want) {
			t.Errorf("policy %q lacks %q", got, want)
		}
	}
	for _, bad := range []string{"unsafe", "data:", "*", "http:"} {
		if strings.Contains(got, bad) {
			t.Errorf("policy %q allows %q", got, bad)
		}
	}
}

// TestWhateverIsEmbedded holds for a checkout with and without a built desktop.
func TestWhateverIsEmbedded(t *testing.T) {
	res := get(t, Handler(), "GET", "/")
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 200 || !strings.Contains(string(body), "<title>cordboard</title>") {
		t.Fatalf("got %d %q", res.StatusCode, body)
	}
	if placeholder := strings.Contains(string(body), "make web"); placeholder == Built() {
		t.Errorf("placeholder shown: %t, desktop built in: %t", placeholder, Built())
	}
	if strings.Contains(string(body), "<script>") || strings.Contains(string(body), "<style") || strings.Contains(string(body), "style=") {
		t.Error("the page holds inline script or style, which its own policy forbids")
	}
}
