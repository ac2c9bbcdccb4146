package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/signaling/wire"
)

// resident is the memory of the server's process alone.
func (s *server) resident() float64 {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(v)[0], 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return kb * 1024
		}
	}
	s.t.Fatal("no VmRSS")
	return 0
}

// hang ends the calls of recordings, and these with them.
func (s *server) hang(recs []string) {
	s.t.Helper()
	for _, id := range recs {
		var w wire.Recording
		s.call(http.MethodGet, "/v1/recordings/"+id, nil, &w)
		if st := s.call(http.MethodPost, "/v1/calls/"+w.CallID+"/end", map[string]any{}, nil); st/100 != 2 {
			s.t.Errorf("end the call of %s: %d", id, st)
		}
	}
}

// sent waits until the recordings are in the archives and returns them.
func (s *server) sent(recs []string, limit time.Duration) []wire.Recording {
	s.t.Helper()
	found := make(map[string]wire.Recording)
	waitFor(s.t, limit, fmt.Sprintf("%d recordings stored", len(recs)), func() bool {
		for _, e := range s.events("recording.stored") {
			if w, ok := e.Data.(wire.Recording); ok {
				found[w.ID] = w
			}
		}
		return !slices.ContainsFunc(recs, func(id string) bool { return found[id].ID == "" })
	})
	var list []wire.Recording
	for _, id := range recs {
		list = append(list, found[id])
	}
	return list
}

// inStore holds what is in the bucket's folder against the recordings: the files that are missing or differ from their
// manifest, and those that nobody has sent for.
func inStore(t *testing.T, bucket string, recs []wire.Recording) (lost, extra int) {
	t.Helper()
	there := make(map[string]bool)
	err := filepath.WalkDir(bucket, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(bucket, name)
		there[filepath.ToSlash(rel)] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range recs {
		folder := w.Started.UTC().Format("2006/01/02/") + w.ID + "/"
		b, err := os.ReadFile(filepath.Join(bucket, folder, "manifest.json"))
		if err != nil {
			t.Error(err)
			lost++
			continue
		}
		m, err := recorder.ParseManifest(b)
		if err != nil || len(m.Recording.Tracks) != 2 {
			t.Errorf("%s: %d tracks, %v", w.ID, len(m.Recording.Tracks), err)
			lost++
			continue
		}
		delete(there, folder+"manifest.json")
		for i, tr := range m.Recording.Tracks {
			delete(there, folder+m.Chains[i].Object)
			delete(there, folder+tr.Object)
			b, err := os.ReadFile(filepath.Join(bucket, folder, tr.Object))
			if err != nil || sha(b) != tr.SHA256 {
				t.Errorf("%s of %s: %d bytes, %v, or its hash differs", tr.Object, w.ID, len(b), err)
				lost++
			}
		}
	}
	for key := range there {
		if name := path.Base(key); strings.HasPrefix(name, "copy.") || name == "peaks.json" || strings.HasSuffix(name, ".sig") {
			continue // made of a recording
		}
		t.Errorf("%s is in the bucket", key)
		extra++
	}
	return lost, extra
}

// TestRecordStoreRefused: the object store is not there while calls are recorded by a server whose memory nobody else
// has a part in. When it is back all goes there, once. The slow suite refuses for a minute, or for FAULT_DOWN.
func TestRecordStoreRefused(t *testing.T) {
	down, calls, live := 2*time.Second, 4, time.Second
	if report.Slow() {
		down, calls, live = time.Minute, 50, 20*time.Second
		if d, err := time.ParseDuration(os.Getenv("FAULT_DOWN")); err == nil {
			down = d
		}
	}
	t.Setenv("CORDBOARD_HTTP_RATE_LIMIT", "100000")
	t.Setenv("CORDBOARD_HTTP_BURST", "100000")
	t.Setenv("CORDBOARD_LOG_LEVEL", "info")
	t.Setenv("CORDBOARD_MIXER_MAX_BUSY", "1")
	t.Setenv("CORDBOARD_MIXER_MAX_LATE", "1")
	store := newObjectStore(t)
	proxy := archivetest.NewProxy(t, store.Addr)
	s := newServer(t, fmt.Sprintf(storeConfig, proxy.Addr, archivetest.Bucket, archivetest.AccessKey, storeSecret)).start()

	// The same with a store that works: what so many recordings need by themselves.
	k, first := s.speak(calls)
	before := 0.0
	for end := time.Now().Add(live); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		before = max(before, s.resident())
	}
	s.hang(first)
	k.stop()
	all := s.sent(first, time.Minute)
	before = max(before, s.resident())

	proxy.Refuse()
	refused := time.Now()
	grown := 0.0
	watch := func(until time.Time) {
		for time.Now().Before(until) {
			grown = max(grown, s.resident()-before)
			time.Sleep(100 * time.Millisecond)
		}
	}
	k, second := s.speak(calls)
	watch(refused.Add(down / 2)) // half of it with live recordings, half with what waits
	s.hang(second)
	k.stop()
	waitFor(t, 30*time.Second, "alarm", func() bool { return len(s.events("archive.degraded")) > 0 })
	watch(refused.Add(down))
	if n := len(s.events("recording.stored")); n != calls {
		t.Errorf("%d recordings stored in a store that is not there", n-calls)
	}
	proxy.Accept(t)
	back := time.Now()
	list := s.sent(second, 5*time.Minute)
	took := time.Since(back)
	dropped := 0
	for _, w := range list {
		for _, g := range w.Gaps {
			if g.Cause == "overflow" {
				dropped++
			}
		}
	}
	lost, extra := inStore(t, filepath.Join(store.Dir, archivetest.Bucket), append(all, list...))
	report.Keep(t, "s3-refused", fmt.Sprintf("S3 refused for %v with %d recordings; memory of the server's process alone", down, calls),
		report.Exactly("recordings lost", float64(lost), 0), report.Exactly("objects too many", float64(extra), 0),
		report.Exactly("gaps in recordings", float64(dropped), 0), report.Most("memory growth, MB", grown/1e6, 64),
		report.Most("backlog gone after, s", took.Seconds(), 300))
}
