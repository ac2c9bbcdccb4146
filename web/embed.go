// Package web carries the agent desktop inside the binary. The page is written in ui/ (TypeScript and
// Preact) and built into dist/app, which git ignores; dist/placeholder.html is committed and is served in
// its place, so the Go side builds and tests without Node. The desktop is a client of the public API like
// any other: it needs nothing from this package but its files.
package web

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var files embed.FS

// policy allows what the desktop needs and nothing more: own scripts and styles from files, the event
// socket, and recordings and microphones as blobs. Nothing inline, no frames around it.
const policy = "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; object-src 'none'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Built says whether the desktop was built into this binary; without it Handler serves the placeholder.
func Built() bool {
	_, err := fs.Stat(files, "dist/app/index.html")
	return err == nil
}

// Handler serves the desktop. Files under assets/ carry a hash of their content in the name and may be
// cached for ever; every other file is asked for again each time. The page itself is answered at / and
// /index.html only: an unknown path is 404, so a mistyped API path never looks like a success. GET and
// HEAD only.
func Handler() http.Handler {
	sub, err := fs.Sub(files, "dist/app")
	if err != nil {
		panic("web: " + err.Error()) // the path is a constant
	}
	placeholder, err := files.ReadFile("dist/placeholder.html")
	if err != nil {
		panic("web: " + err.Error()) // committed beside this file
	}
	return handler{files: sub, placeholder: placeholder}
}

// handler serves one tree of built files.
type handler struct {
	files       fs.FS
	placeholder []byte
}

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Permissions-Policy", "microphone=(self), speaker-selection=(self), camera=(), geolocation=(), display-capture=()")
	head.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	body, err := fs.ReadFile(h.files, name)
	if err != nil {
		if name == "index.html" {
			h.send(w, r, name, h.placeholder)
			return
		}
		http.NotFound(w, r)
		return
	}
	if strings.HasPrefix(name, "assets/") {
		head.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.send(w, r, name, body)
}

// types are the kinds of file a build holds. They are written here because the system's table of types
// differs from machine to machine and nosniff makes a wrong one fatal.
var types = map[string]string{
	".html":  "text/html; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".css":   "text/css; charset=utf-8",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".json":  "application/json",
	".woff2": "font/woff2",
	".txt":   "text/plain; charset=utf-8",
}

func (h handler) send(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	typ, ok := types[path.Ext(name)]
	if !ok {
		typ = "application/octet-stream"
	}
	w.Header().Set("Content-Type", typ)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
}
