package recorder

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/signaling/wire"
)

// storeRig is a recorder whose only archive is a real S3 server behind a proxy that breaks things.
type storeRig struct {
	*rig
	store *archivetest.Gateway
	proxy *archivetest.Proxy
}

func newStoreRig(t *testing.T, hurry float64) *storeRig {
	t.Helper()
	s := &storeRig{store: archivetest.NewGateway(t)}
	s.proxy = archivetest.NewProxy(t, s.store.Addr)
	cfg := s3Config(t.TempDir(), s.store)
	cfg.Archive.Folder = ""
	cfg.Archive.S3.Endpoint = s.proxy.Addr
	s.rig = newRigHurried(t, cfg, hurry)
	return s
}

// make records n calls of so many ticks with packets of size bytes, faster than they were spoken.
func (s *storeRig) make(t *testing.T, n, ticks, size int) (ids []string) {
	t.Helper()
	var recs []*Recording // not handed on: what is over must not take memory
	buf := make([]byte, size)
	for i := range n {
		rec := start(t, s.rig, customer, agent)
		for tick := range uint64(ticks) {
			p := numbered(buf, tick+1)
			for k := 9; k < len(p); k++ {
				p[k] = byte(i) + byte(tick)*byte(k)
			}
			f := media.Tapped{Member: "leg_c", Kind: media.Audio, Codec: media.Opus, Payload: p}
			g := f
			g.Member = "leg_a"
			rec.Tick(tick+1, []media.Tapped{f, g})
			if tick%20 == 19 {
				rec.mu.Lock()
				rec.drain()
				rec.mu.Unlock()
				for n, _ := rec.spool.behind(time.Now()); n > spoolLimit/4; n, _ = rec.spool.behind(time.Now()) {
					rec.spool.flush()
					time.Sleep(time.Millisecond)
				}
			}
		}
		if n := rec.dropped.Load(); n > 0 {
			t.Fatalf("%d ticks dropped", n)
		}
		recs = append(recs, rec)
	}
	for _, rec := range recs {
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, rec.ID())
	}
	return ids
}

// gone waits until nothing waits for the store any more.
func (s *storeRig) gone(t *testing.T, limit time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for s.Stats().Waiting > 0 {
		if time.Since(began) > limit {
			t.Fatalf("after %v: %+v %+v", limit, s.Stats(), s.Archives())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// compare holds what is in the bucket against the recordings: it tells objects that are missing or differ
// from their manifest, and what is there beside them, unfinished uploads included.
func (s *storeRig) compare(t *testing.T, recs []string) (lost, extra int) {
	t.Helper()
	bucket := filepath.Join(s.store.Dir, archivetest.Bucket)
	there := make(map[string]bool)
	err := filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(bucket, path)
		there[filepath.ToSlash(rel)] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range recs {
		w, err := s.Get(rec)
		if err != nil || w.State != wire.RecordingStored {
			t.Errorf("%+v, %v", w, err)
			lost++
			continue
		}
		want := map[string]string{ManifestName: ""}
		m, err := readManifest(filepath.Join(bucket, filepath.FromSlash(folderKey(w))))
		if err != nil {
			t.Error(err)
			lost++
			continue
		}
		for i, tr := range m.Recording.Tracks {
			want[tr.Object], want[m.Chains[i].Object] = tr.SHA256, ""
		}
		for object, sum := range want {
			key := folderKey(w) + object
			delete(there, key)
			b, err := os.ReadFile(filepath.Join(bucket, filepath.FromSlash(key)))
			if got := sha256.Sum256(b); err != nil || sum != "" && hex.EncodeToString(got[:]) != sum {
				t.Errorf("%s: %v", key, err)
				lost++
			}
		}
	}
	for key := range maps.Keys(there) {
		if strings.Contains(key, "/copy.") || strings.HasSuffix(key, "/peaks.json") {
			continue // made of the recording
		}
		t.Errorf("%s is in the bucket", key)
		extra++
	}
	return lost, extra
}

// TestStoreRefused: connections to the store are refused while calls are recorded and end; when it is back all goes
// there, once. What a server needs meanwhile is measured in e2e.
func TestStoreRefused(t *testing.T) {
	const n = 6
	s := newStoreRig(t, 0.1)
	recs := s.make(t, n, 3000, 80)
	s.gone(t, time.Minute)
	s.proxy.Refuse()
	recs = append(recs, s.make(t, n, 3000, 80)...)
	if g := s.awaitArchive(t, "archive.degraded"); g.OK || g.Error == "" {
		t.Errorf("degraded: %+v", g)
	}
	time.Sleep(2 * time.Second)
	if st := s.Stats(); st.Waiting != n {
		t.Errorf("stats: %+v", st)
	}
	s.proxy.Accept(t)
	s.gone(t, time.Minute)
	if lost, extra := s.compare(t, recs); lost+extra > 0 {
		t.Errorf("%d lost, %d objects too many", lost, extra)
	}
}

// TestStoreFaults: each way a store fails is got over without a restart, nothing is lost and nothing doubled.
func TestStoreFaults(t *testing.T) {
	every := func(n int, f archivetest.Fault) func(*http.Request) archivetest.Fault {
		i := 0
		return func(*http.Request) archivetest.Fault {
			if i++; i%n == 0 {
				return f
			}
			return archivetest.Fault{}
		}
	}
	writes := func(f archivetest.Fault) func(*http.Request) archivetest.Fault {
		return func(r *http.Request) archivetest.Fault {
			if r.Method == http.MethodPut || r.Method == http.MethodPost {
				return f
			}
			return archivetest.Fault{}
		}
	}
	answer := func(status int, code string) archivetest.Fault { return archivetest.Fault{Status: status, Code: code} }
	completion := func(f archivetest.Fault) func(*http.Request) archivetest.Fault {
		return func(r *http.Request) archivetest.Fault {
			if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") {
				return f
			}
			return archivetest.Fault{}
		}
	}
	for _, c := range []struct {
		name   string
		fault  func(*http.Request) archivetest.Fault
		big    bool // with an upload of several parts
		person bool // named as something for a person
		passes bool // the store stays usable
	}{
		{name: "503", fault: every(1, answer(503, "SlowDown"))},
		{name: "500-after-body", fault: writes(answer(500, "InternalError")), big: true},
		{name: "slow", fault: every(1, archivetest.Fault{Delay: 300 * time.Millisecond}), passes: true},
		{name: "reset", fault: writes(archivetest.Fault{Reset: true}), big: true},
		{name: "reset-some", fault: every(3, archivetest.Fault{Reset: true}), big: true, passes: true},
		{name: "lost-replies", fault: writes(archivetest.Fault{Lose: true})},
		{name: "lost-completion", fault: completion(archivetest.Fault{Lose: true}), big: true},
		{name: "wrong-keys", fault: every(1, answer(403, "InvalidAccessKeyId")), person: true},
		{name: "missing-bucket", fault: every(1, answer(404, "NoSuchBucket")), person: true},
		{name: "clock-skew", fault: every(1, answer(403, "RequestTimeTooSkewed")), person: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			hurry, held := 0.02, 1500*time.Millisecond
			if report.Slow() {
				hurry, held = 1, 90*time.Second
			}
			s := newStoreRig(t, hurry)
			s.proxy.Break(c.fault)
			since := time.Now()
			recs := s.make(t, many(10, 2), 500, 80)
			if c.big {
				recs = append(recs, s.make(t, 1, 7500, 1275)...) // 9.6 MB a track
			}
			alarm := time.Duration(0)
			if !c.passes {
				g := s.awaitArchive(t, "archive.degraded")
				alarm = time.Since(since)
				if g.OK || g.Waiting == 0 {
					t.Errorf("degraded: %+v", g)
				}
			}
			s.proxy.Requests()
			time.Sleep(held - min(held, time.Since(since)))
			tries := s.proxy.Requests()
			s.proxy.Break(nil)
			took := s.gone(t, 5*time.Minute)
			lost, extra := s.compare(t, recs)
			figures := []report.Figure{
				report.Exactly("recordings lost", float64(lost), 0), report.Exactly("objects too many", float64(extra), 0),
				report.Most("backlog gone after, s", took.Seconds(), 300), report.Most("alarm after, s", alarm.Seconds(), 30),
			}
			if c.person && report.Slow() {
				figures = append(figures, report.Most("requests in "+held.String(), float64(tries), 2*held.Minutes()))
			}
			report.Keep(t, "s3-"+c.name, "S3: "+c.name, figures...)
		})
	}
}

// TestStoreOrphans: an upload that a crash has cut before its name was noted is aborted when its object is sent.
func TestStoreOrphans(t *testing.T) {
	s := newStoreRig(t, 0.02)
	s.proxy.Break(func(r *http.Request) archivetest.Fault { // begun, but the answer never came
		if r.Method == http.MethodPost && r.URL.Query().Has("uploads") {
			return archivetest.Fault{Lose: true}
		}
		return archivetest.Fault{}
	})
	recs := s.make(t, 1, 7500, 1275)
	s.awaitArchive(t, "archive.degraded")
	uploads := func() (n int) {
		list, err := filepath.Glob(filepath.Join(s.store.Dir, archivetest.Bucket, ".sgwtmp", "multipart", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if uploads() == 0 {
		t.Fatal("there is no orphan")
	}
	s.proxy.Break(nil)
	s.gone(t, time.Minute)
	if lost, extra := s.compare(t, recs); lost+extra+uploads() > 0 {
		t.Errorf("%d lost, %d objects too many, %d unfinished uploads", lost, extra, uploads())
	}
}

// TestChangedWhileWaiting: what was changed on disk while it waited is not sent as if nothing had happened.
func TestChangedWhileWaiting(t *testing.T) {
	s := newStoreRig(t, 0.02)
	s.proxy.Refuse()
	recs := s.make(t, 1, 500, 80)
	path := filepath.Join(s.cfg.SpoolDir, recs[0], "agent-2.ogg")
	b := readFile(t, path)
	if err := os.WriteFile(path, bytes.ToUpper(b), 0o640); err != nil {
		t.Fatal(err)
	}
	s.proxy.Accept(t)
	if w := s.await(t, "recording.failed", recs[0]); w.State != wire.RecordingFailed {
		t.Errorf("%+v", w)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Error("the only copy is gone")
	}
}
