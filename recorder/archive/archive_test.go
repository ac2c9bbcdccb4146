package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
)

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	archivetest.Run(t, archive.NewFolder(dir))
	left, err := os.ReadDir(filepath.Join(dir, ".incoming"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func newS3(t *testing.T, o archive.S3Options) *archive.S3 {
	t.Helper()
	a, err := archive.NewS3(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestObjectStore(t *testing.T) {
	g := archivetest.NewGateway(t)
	for _, prefix := range []string{"", "calls/berlin"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			o := g.Options()
			o.Prefix = prefix
			a := newS3(t, o)
			archivetest.Run(t, a)
			err := a.Walk(t.Context(), "", func(key string) error { return a.Remove(t.Context(), key) })
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestS3Refusals(t *testing.T) {
	g := archivetest.NewGateway(t)
	for _, c := range []struct {
		name string
		set  func(*archive.S3Options)
		kind archive.Kind
		says string
	}{
		{"missing bucket", func(o *archive.S3Options) { o.Bucket = "elsewhere" }, archive.KindBucket, `bucket "elsewhere" does not exist`},
		{"unknown key", func(o *archive.S3Options) { o.AccessKey = "nobody" }, archive.KindCredentials, "refuses the keys"},
		{"wrong secret", func(o *archive.S3Options) { o.SecretKey = "wrong" }, archive.KindCredentials, "refuses the keys"},
		{"nobody there", func(o *archive.S3Options) { o.Endpoint = "127.0.0.1:1" }, archive.KindBusy, "cannot reach 127.0.0.1:1"},
	} {
		o := g.Options()
		c.set(&o)
		a := newS3(t, o)
		f := archivetest.Source(t, archivetest.Bytes(100))
		for what, err := range map[string]error{"check": a.Check(t.Context()), "put": a.Put(t.Context(), "a/b", f)} {
			var e *archive.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %s: %v", c.name, what, err)
			}
			if strings.Contains(fmt.Sprint(err), archivetest.SecretKey) {
				t.Errorf("%s: the secret is in the error", c.name)
			}
		}
	}
}

func TestS3ClockSkew(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>RequestTimeTooSkewed</Code><Message>skewed</Message></Error>`)
	}))
	defer s.Close()
	a := newS3(t, archive.S3Options{Endpoint: strings.TrimPrefix(s.URL, "http://"), Bucket: "recordings", Region: "us-east-1", AccessKey: "a", SecretKey: "s", PathStyle: true})
	err := a.Check(t.Context())
	var e *archive.Error
	if !errors.As(err, &e) || e.Kind != archive.KindClock || !archive.NeedsPerson(err) {
		t.Errorf("check: %v", err)
	}
}

// faults stands before a gateway and breaks what a test tells it to.
type faults struct {
	*httptest.Server
	requests atomic.Int64
	parts    atomic.Int64
	broken   atomic.Pointer[func(*http.Request) bool] // answer 503, before the request
	lost     atomic.Pointer[func(*http.Request) bool] // cut the connection, behind the request
	behind   atomic.Pointer[func(*http.Request)]      // called behind the request, before its answer is given
}

func newFaults(t *testing.T, addr string) *faults {
	t.Helper()
	f := &faults{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: addr})
		r.Out.Host = r.In.Host // it is signed
	}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.requests.Add(1)
		if hit := f.broken.Load(); hit != nil && (*hit)(r) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>slow down</Message></Error>`)
			return
		}
		if r.Method == http.MethodPut && r.URL.Query().Has("partNumber") {
			f.parts.Add(1)
		}
		if hit := f.lost.Load(); hit != nil && (*hit)(r) {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		behind := f.behind.Load()
		if behind == nil {
			proxy.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r)
		(*behind)(r)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	f.Config.ErrorLog = nil
	t.Cleanup(f.Close)
	return f
}

// TestS3Resume breaks a large upload after two parts; the next attempt, by another process as it were,
// sends only the rest.
func TestS3Resume(t *testing.T) {
	g := archivetest.NewGateway(t)
	proxy := newFaults(t, g.Addr)
	o := g.Options()
	o.Endpoint, o.PartSize = proxy.Listener.Addr().String(), 5<<20
	f := archivetest.Source(t, archivetest.Bytes(21<<20))
	third := func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "3" }
	proxy.broken.Store(&third)
	if err := newS3(t, o).Put(t.Context(), "a/b.ogg", f); err == nil || archive.NeedsPerson(err) {
		t.Fatalf("put against a fault: %v", err)
	}
	proxy.broken.Store(nil)
	proxy.parts.Store(0)
	// And this time the reply to the completion is lost.
	complete := func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }
	proxy.lost.Store(&complete)
	if err := newS3(t, o).Put(t.Context(), "a/b.ogg", f); err == nil {
		t.Log("the client healed the lost reply by itself")
	}
	if n := proxy.parts.Load(); n != 3 {
		t.Errorf("%d parts sent again, want 3 of 5", n)
	}
	proxy.lost.Store(nil)
	proxy.parts.Store(0)
	a := newS3(t, o)
	for range 2 { // the first may learn only that the upload is unknown
		if err := a.Put(t.Context(), "a/b.ogg", f); err == nil {
			break
		}
	}
	if n := proxy.parts.Load(); n != 0 {
		t.Errorf("%d parts sent for an object that is there", n)
	}
	info, err := a.Stat(t.Context(), "a/b.ogg")
	if err != nil || info.Size != f.Size || info.SHA256 != f.SHA256 {
		t.Errorf("stat: %+v, %v", info, err)
	}
	n := 0
	if err := a.Walk(t.Context(), "", func(string) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d objects, %v", n, err)
	}
}

func TestS3Busy(t *testing.T) {
	g := archivetest.NewGateway(t)
	proxy := newFaults(t, g.Addr)
	o := g.Options()
	o.Endpoint = proxy.Listener.Addr().String()
	a := newS3(t, o)
	f := archivetest.Source(t, archivetest.Bytes(5000))
	all := func(*http.Request) bool { return true }
	for name, fault := range map[string]*atomic.Pointer[func(*http.Request) bool]{"503": &proxy.broken, "reset": &proxy.lost} {
		fault.Store(&all)
		proxy.requests.Store(0)
		err := a.Put(t.Context(), "a/c", f)
		if err == nil || archive.NeedsPerson(err) || errors.Is(err, archive.ErrSource) || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if n := proxy.requests.Load(); n > 4 {
			t.Errorf("%s: %d requests for one try", name, n)
		}
		fault.Store(nil)
	}
	if err := a.Put(t.Context(), "a/c", f); err != nil {
		t.Errorf("healed: %v", err)
	}
}

// TestS3ReadsBack: whatever its size, an object counts as stored when what the store gives back is the file. One that
// the store has damaged, though size, entity tag and metadata are right, is refused and stored again.
func TestS3ReadsBack(t *testing.T) {
	g := archivetest.NewGateway(t)
	proxy := newFaults(t, g.Addr)
	o := g.Options()
	o.Endpoint, o.PartSize = proxy.Listener.Addr().String(), 5<<20
	a := newS3(t, o)
	for name, size := range map[string]int{"small": 70_000, "one request": 3 << 20, "parts": 12 << 20} {
		key := "a/" + strings.ReplaceAll(name, " ", "-")
		f := archivetest.Source(t, archivetest.Bytes(size))
		path := filepath.Join(g.Dir, archivetest.Bucket, key)
		damage := func(r *http.Request) {
			if r.Method == http.MethodGet || r.URL.Query().Has("partNumber") {
				return
			}
			if file, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
				_, err = file.WriteAt([]byte{0}, int64(size/2))
				if err = errors.Join(err, file.Close()); err != nil {
					t.Error(err)
				}
			}
		}
		proxy.behind.Store(&damage)
		for range 2 { // the second finds an object with the right size and metadata
			err := a.Put(t.Context(), key, f)
			if err == nil || archive.NeedsPerson(err) || errors.Is(err, archive.ErrSource) || !strings.Contains(err.Error(), "differs") {
				t.Errorf("%s: put to a store that damages it: %v", name, err)
			}
		}
		proxy.behind.Store(nil)
		if err := a.Put(t.Context(), key, f); err != nil {
			t.Errorf("%s: put to the healed store: %v", name, err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, archivetest.Bytes(size)) {
			t.Errorf("%s: %d bytes stored, %v", name, len(got), err)
		}
		requests := proxy.requests.Load()
		if err := a.Put(t.Context(), key, f); err != nil || proxy.requests.Load()-requests > 2 {
			t.Errorf("%s: put of what is there: %d requests, %v", name, proxy.requests.Load()-requests, err)
		}
	}
}

// TestS3Stalls: a store that gives half of an object and then nothing does not hold an upload for ever.
func TestS3Stalls(t *testing.T) {
	body := archivetest.Bytes(100_000)
	done := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("ETag", `"0"`)
			return
		}
		if r.Header.Get("Range") != "" { // is it there?
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>no</Message></Error>`)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		<-done
	}))
	defer s.Close()
	defer close(done)
	a := newS3(t, archive.S3Options{Endpoint: s.Listener.Addr().String(), Bucket: "recordings", Region: "us-east-1", AccessKey: "a", SecretKey: "s", PathStyle: true})
	a.SetStall(100 * time.Millisecond)
	err := a.Put(t.Context(), "a/b", archivetest.Source(t, body))
	if err == nil || !strings.Contains(err.Error(), "gives nothing more") || archive.NeedsPerson(err) || errors.Is(err, archive.ErrSource) {
		t.Errorf("put: %v", err)
	}
}

// TestS3WithoutResumeFile: a disk that does not take the note how to go on does not keep its recordings.
func TestS3WithoutResumeFile(t *testing.T) {
	g := archivetest.NewGateway(t)
	o := g.Options()
	o.PartSize = 5 << 20
	f := archivetest.Source(t, archivetest.Bytes(11<<20))
	f.Resume = filepath.Join(t.TempDir(), "no", "such", "folder")
	if err := newS3(t, o).Put(t.Context(), "a/b.ogg", f); err != nil {
		t.Error(err)
	}
}
