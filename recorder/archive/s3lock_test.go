package archive_test

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
)

// TestRecordObjectLock: a real store with object lock refuses to delete what is under retention or under a
// legal hold, and says so in a way we understand; without either all versions go.
func TestRecordObjectLock(t *testing.T) {
	g := archivetest.NewLockGateway(t, "locked")
	o := g.Options()
	o.Bucket, o.Lock = "locked", archive.LockHold
	hold := newS3(t, o)
	put := func(a *archive.S3, key string, f archive.File) {
		t.Helper()
		if err := a.Put(t.Context(), key, f); err != nil {
			t.Fatalf("put %s: %v", key, err)
		}
	}
	small, large := archivetest.Source(t, archivetest.Bytes(500)), archivetest.Source(t, archivetest.Bytes(9<<20))
	put(hold, "a/small", small)
	put(hold, "a/large", large)
	put(hold, "a/small", archivetest.Source(t, archivetest.Bytes(600))) // a second version
	for _, key := range []string{"a/small", "a/large"} {
		if err := hold.Hold(t.Context(), key, true); err != nil {
			t.Fatalf("hold %s: %v", key, err)
		}
		if err := hold.Remove(t.Context(), key); !errors.Is(err, archive.ErrLocked) {
			t.Errorf("remove held %s: %v", key, err)
		}
		if err := hold.Hold(t.Context(), key, false); err != nil {
			t.Fatalf("release %s: %v", key, err)
		}
		if err := hold.Remove(t.Context(), key); err != nil {
			t.Errorf("remove released %s: %v", key, err)
		}
		if _, err := hold.Stat(t.Context(), key); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%s after its removal: %v", key, err)
		}
	}
	o.Lock, o.LockFor = archive.LockCompliance, time.Hour
	kept := newS3(t, o)
	put(kept, "b/small", small)
	put(kept, "b/large", large)
	for _, key := range []string{"b/small", "b/large"} {
		if err := kept.Remove(t.Context(), key); !errors.Is(err, archive.ErrLocked) {
			t.Errorf("remove %s before its time: %v", key, err)
		}
		if info, err := kept.Stat(t.Context(), key); err != nil || info.Size == 0 {
			t.Errorf("%s is gone: %+v, %v", key, info, err)
		}
	}
	derived := small
	derived.Derived = true
	put(kept, "b/copy", derived)
	if err := kept.Remove(t.Context(), "b/copy"); err != nil {
		t.Errorf("remove a derived object: %v", err)
	}
	if err := kept.Hold(t.Context(), "b/none", false); err != nil {
		t.Errorf("release an object that is gone: %v", err)
	}
	if err := kept.Hold(t.Context(), "b/none", true); err == nil {
		t.Error("an object that is not there can be held")
	}
}

// TestRecordS3Versions: in a bucket with versions nothing is left behind of a removed object.
func TestRecordS3Versions(t *testing.T) {
	g := archivetest.NewLockGateway(t, "versions")
	o := g.Options()
	o.Bucket = "versions"
	archivetest.Run(t, newS3(t, o))
	a := newS3(t, o)
	if err := a.Walk(t.Context(), "", func(key string) error { return a.Remove(t.Context(), key) }); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(g.Dir, "versions"), g.Past()} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if info, err := d.Info(); err != nil || info.Size() > 0 {
					t.Errorf("left behind: %s", path)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestRecordPrune: of an object with several versions only the newest stays, where the store lets the others go.
func TestRecordPrune(t *testing.T) {
	g := archivetest.NewLockGateway(t, "versions")
	o := g.Options()
	o.Bucket, o.Lock = "versions", archive.LockHold
	a := newS3(t, o)
	for _, n := range []int{100, 200, 300} {
		if err := a.Put(t.Context(), "a/key.json", archivetest.Source(t, archivetest.Bytes(n))); err != nil {
			t.Fatal(err)
		}
	}
	versions := func() (n int) {
		for _, root := range []string{filepath.Join(g.Dir, "versions"), g.Past()} {
			err := filepath.WalkDir(root, func(_ string, d os.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					n++
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	if n := versions(); n != 3 {
		t.Fatalf("%d versions", n)
	}
	if err := a.Hold(t.Context(), "a/key.json", true); err != nil {
		t.Fatal(err)
	}
	if err := a.Prune(t.Context(), "a/key.json"); !errors.Is(err, archive.ErrLocked) {
		t.Errorf("held: %v", err)
	}
	if n := versions(); n != 3 {
		t.Errorf("held: %d versions are left", n)
	}
	if err := a.Hold(t.Context(), "a/key.json", false); err != nil {
		t.Fatal(err)
	}
	if err := a.Prune(t.Context(), "a/key.json"); err != nil {
		t.Error(err)
	}
	if info, err := a.Stat(t.Context(), "a/key.json"); err != nil || info.Size != 300 || versions() != 1 {
		t.Errorf("%+v, %v, %d versions are left", info, err, versions())
	}
}

func TestRecordPresign(t *testing.T) {
	g := archivetest.NewGateway(t)
	o := g.Options()
	if _, _, ok, err := newS3(t, o).Presign(t.Context(), "a/b", "x.ogg", "audio/ogg"); ok || err != nil {
		t.Errorf("without presign_for: %v, %v", ok, err)
	}
	o.PresignFor = time.Minute
	a := newS3(t, o)
	f := archivetest.Source(t, archivetest.Bytes(5000))
	if err := a.Put(t.Context(), "a/b", f); err != nil {
		t.Fatal(err)
	}
	address, expires, ok, err := a.Presign(t.Context(), "a/b", "rec_1-copy.ogg", "audio/ogg; codecs=opus")
	if !ok || err != nil || time.Until(expires) > time.Minute || time.Until(expires) < 50*time.Second {
		t.Fatalf("%s, %v, %v, %v", address, expires, ok, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=100-199")
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil || r.StatusCode != http.StatusPartialContent || string(b) != string(archivetest.Bytes(5000)[100:200]) {
		t.Errorf("status %d, %d bytes, %v", r.StatusCode, len(b), err)
	}
	if ct, cd := r.Header.Get("Content-Type"), r.Header.Get("Content-Disposition"); ct != "audio/ogg; codecs=opus" || !strings.Contains(cd, "rec_1-copy.ogg") {
		t.Errorf("served as %q, %q", ct, cd)
	}
}

// wish is a store that keeps one object and notes what it was asked to do with it.
type wish struct {
	mu      sync.Mutex
	headers []http.Header
	hosts   []string
	paths   []string
	body    []byte
	sum     string
}

func (s *wish) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headers, s.hosts, s.paths = append(s.headers, r.Header.Clone()), append(s.hosts, r.Host), append(s.paths, r.URL.Path)
	switch r.Method {
	case http.MethodPut:
		b, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.body, s.sum = b, r.Header.Get("X-Amz-Meta-Cordboard-Sha256")
		w.Header().Set("ETag", `"1"`)
	case http.MethodGet:
		if s.body == nil {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>`)
			return
		}
		w.Header().Set("X-Amz-Meta-Cordboard-Sha256", s.sum)
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Now(), strings.NewReader(string(s.body)))
	}
}

// TestRecordS3Wishes: each option reaches the store as the header that S3 names for it, on every request
// that needs it, in path style as in host style.
func TestRecordS3Wishes(t *testing.T) {
	key := []byte(strings.Repeat("k", 32))
	for _, c := range []struct {
		name      string
		set       func(*archive.S3Options)
		put, read map[string]string
	}{
		{"nothing", func(*archive.S3Options) {}, map[string]string{"X-Amz-Server-Side-Encryption": "", "X-Amz-Object-Lock-Mode": "", "X-Amz-Storage-Class": "", "X-Amz-Tagging": ""}, nil},
		{"sse-s3", func(o *archive.S3Options) { o.Encryption = archive.SSES3 }, map[string]string{"X-Amz-Server-Side-Encryption": "AES256"}, map[string]string{"X-Amz-Server-Side-Encryption": ""}},
		{"sse-kms", func(o *archive.S3Options) { o.Encryption, o.KMSKey = archive.SSEKMS, "recordings" }, map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "recordings"}, nil},
		{"sse-c", func(o *archive.S3Options) { o.Encryption, o.CustomerKey = archive.SSEC, key }, map[string]string{"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}, map[string]string{"X-Amz-Server-Side-Encryption-Customer-Key": base64.StdEncoding.EncodeToString(key)}},
		{"class and tags", func(o *archive.S3Options) {
			o.StorageClass, o.Tags = "STANDARD_IA", map[string]string{"team": "berlin"}
		}, map[string]string{"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Tagging": "team=berlin"}, nil},
		{"governance", func(o *archive.S3Options) { o.Lock, o.LockFor = archive.LockGovernance, time.Hour }, map[string]string{"X-Amz-Object-Lock-Mode": "GOVERNANCE"}, nil},
		{"compliance", func(o *archive.S3Options) { o.Lock, o.LockFor = archive.LockCompliance, time.Hour }, map[string]string{"X-Amz-Object-Lock-Mode": "COMPLIANCE"}, nil},
	} {
		for _, pathStyle := range []bool{true, false} {
			s := &wish{}
			server := httptest.NewTLSServer(s)
			o := archive.S3Options{
				Endpoint: strings.Replace(server.Listener.Addr().String(), "127.0.0.1", "localhost", 1), Bucket: "recordings", Region: "us-east-1",
				AccessKey: "a", SecretKey: "s", PathStyle: pathStyle, TLS: true, Insecure: true,
			}
			c.set(&o)
			if err := o.Validate(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			err := newS3(t, o).Put(t.Context(), "a/b.ogg", archivetest.Source(t, archivetest.Bytes(3000)))
			server.Close()
			if err != nil {
				if !pathStyle && strings.Contains(err.Error(), "no such host") {
					t.Skipf("names below localhost do not resolve here: %v", err)
				}
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			put := slices.IndexFunc(s.headers, func(h http.Header) bool { return h.Get("X-Amz-Meta-Cordboard-Sha256") != "" })
			if put < 0 {
				t.Fatalf("%s: no object was stored", c.name)
			}
			for name, want := range c.put {
				if got := s.headers[put].Get(name); got != want {
					t.Errorf("%s: put with %s: %q, want %q", c.name, name, got, want)
				}
			}
			for name, want := range c.read {
				if got := s.headers[len(s.headers)-1].Get(name); got != want {
					t.Errorf("%s: read with %s: %q, want %q", c.name, name, got, want)
				}
			}
			if host := strings.HasPrefix(s.hosts[put], "recordings."); host == pathStyle || strings.HasPrefix(s.paths[put], "/recordings/") != pathStyle {
				t.Errorf("%s: path style %v: %s at %s", c.name, pathStyle, s.paths[put], s.hosts[put])
			}
		}
	}
}

func TestRecordS3OptionsValidate(t *testing.T) {
	good := archive.S3Options{Endpoint: "s3.example.com", Bucket: "b", TLS: true}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, set := range map[string]func(*archive.S3Options){
		"encryption: \"x\"": func(o *archive.S3Options) { o.Encryption = "x" },
		"takes tls":         func(o *archive.S3Options) { o.Encryption, o.TLS = archive.SSEC, false },
		"kms_key":           func(o *archive.S3Options) { o.KMSKey = "k" },
		"lock: ":            func(o *archive.S3Options) { o.Lock = "x" },
		"lock_for: is":      func(o *archive.S3Options) { o.LockFor = time.Hour },
		"under a minute":    func(o *archive.S3Options) { o.Lock = archive.LockCompliance },
		"presign_for: ":     func(o *archive.S3Options) { o.PresignFor = 8 * 24 * time.Hour },
		"given away":        func(o *archive.S3Options) { o.PresignFor, o.Encryption = time.Hour, archive.SSEC },
	} {
		o := good
		set(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, bad := range [][]string{{"x"}, {"=x"}, {"a=1", "a=2"}, strings.Fields("a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1 j=1 k=1")} {
		if _, err := archive.ParseTags(bad); err == nil {
			t.Errorf("tags %q are taken", bad)
		}
	}
}
