package recorder

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// refused checks that err is a problem of this status and code.
func refused(t *testing.T, err error, status int, code string) {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Status != status || p.Code != code {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

// make1 makes one stored recording of a second.
func (g *rig) make1(t *testing.T) wire.Recording {
	t.Helper()
	rec := start(t, g, customer)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false)}}
	r.run(t, rec, 50)
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	return g.await(t, "recording.stored", rec.ID())
}

// traces is every file below the folders whose name or content holds the text.
func traces(t *testing.T, text string, dirs ...string) []string {
	t.Helper()
	var list []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.Name() == "lock" {
				return err
			}
			if strings.Contains(path, text) {
				list = append(list, path)
			} else if d.Type().IsRegular() {
				b, err := os.ReadFile(path)
				if err == nil && strings.Contains(string(b), text) {
					list = append(list, path)
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return list
}

func awaitTrue(t *testing.T, what string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(15 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// TestRecordLegalHold: nobody deletes a held recording, by request, by retention or by erasing its key, also
// behind a restart and with a new index; a store with object lock holds it too; released it can go, and then
// nothing of it is left in folder, bucket, spool and index.
func TestRecordLegalHold(t *testing.T) {
	s := archivetest.NewLockGateway(t, "held")
	dir := t.TempDir()
	cfg := s3Config(dir, s)
	cfg.Archive.S3.Bucket, cfg.Archive.S3.Lock = "held", archive.LockHold
	cfg.Keys.SealFile = filepath.Join(dir, "seal.keys")
	cfg.Copy.Format = "wav"
	cfg.Policy.Keep = Keep{For: 2 * time.Second}
	if err := seal.CreateRing(cfg.Keys.SealFile); err != nil {
		t.Fatal(err)
	}
	g := newRig(t, cfg)
	rec := start(t, g, customer)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false)}}
	r.run(t, rec, 50)
	if _, err := g.Delete(t.Context(), rec.ID(), "eve", ""); err == nil {
		t.Error("a running recording can be deleted")
	}
	if w, err := g.Hold(t.Context(), rec.ID(), true, "judge", "case 7"); err != nil || w.Hold == nil || w.Hold.By != "judge" {
		t.Fatalf("hold: %+v, %v", w.Hold, err)
	}
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	w := g.await(t, "recording.stored", rec.ID())
	awaitTrue(t, "the archives to know of the hold", func() bool { return g.custody.get(w.ID).Told })
	if _, err := os.Stat(g.archived(w, HoldName)); err != nil {
		t.Error(err)
	}
	if w, err := g.Hold(t.Context(), rec.ID(), true, "other", ""); err != nil || w.Hold.By != "judge" {
		t.Errorf("a second hold: %+v, %v", w.Hold, err)
	}
	still := func(when string) {
		t.Helper()
		_, err := g.Delete(t.Context(), w.ID, "eve", "")
		refused(t, err, http.StatusConflict, "recording_held")
		_, _, err = g.EraseKey(t.Context(), w.ID, "eve", "")
		refused(t, err, http.StatusConflict, "recording_held")
		yes := true
		list, _, err := g.List(Filter{Held: &yes})
		if err != nil || len(list) != 1 || list[0].ID != w.ID || list[0].Hold == nil || list[0].Hold.Reason != "case 7" {
			t.Errorf("%s: held: %+v, %v", when, list, err)
		}
		if f, _, _, err := g.OpenTrack(t.Context(), w.ID, "customer-1"); err != nil {
			t.Errorf("%s: %v", when, err)
		} else if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	still("at first")
	time.Sleep(time.Until(w.KeepUntil.Add(500 * time.Millisecond))) // its time is over
	still("behind its time")
	lock, err := archive.NewS3(archive.S3Options{Endpoint: s.Addr, Bucket: "held", Region: "us-east-1", AccessKey: archivetest.AccessKey, SecretKey: archivetest.SecretKey, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Remove(t.Context(), folderKey(w)+"customer-1.ogg.sealed"); !errors.Is(err, archive.ErrLocked) {
		t.Errorf("the store lets it go: %v", err)
	}
	g.stop(t)
	g = newRig(t, cfg)
	awaitTrue(t, "the index", func() bool { _, err := g.Get(w.ID); return err == nil })
	still("behind a restart")
	g.stop(t)
	if err := errors.Join(os.Remove(filepath.Join(cfg.SpoolDir, indexName)), os.RemoveAll(filepath.Join(cfg.SpoolDir, custodyName))); err != nil {
		t.Fatal(err)
	}
	g = newRig(t, cfg)
	awaitTrue(t, "the index", func() bool { x, err := g.Get(w.ID); return err == nil && x.Hold != nil && len(x.Archives) == 2 })
	still("with a new index")

	if w, err := g.Hold(t.Context(), w.ID, false, "judge", ""); err != nil || w.Hold != nil {
		t.Fatalf("release: %+v, %v", w.Hold, err)
	}
	awaitTrue(t, "retention", func() bool { _, err := g.Get(w.ID); return err != nil }) // its time had come long ago
	g.stop(t)
	if left := traces(t, w.ID, cfg.SpoolDir, cfg.Archive.Folder, filepath.Join(s.Dir, "held")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	for _, dir := range []string{s.Past()} {
		for _, name := range traces(t, w.ID, dir) {
			if info, err := os.Stat(name); err != nil || info.Mode().IsRegular() {
				t.Errorf("a version is left behind: %s", name)
			}
		}
	}
}

// TestRecordDeleteGoesOn: a deletion whose archive is away is carried out when it is back, also by the next
// process; nobody can open the recording meanwhile, nor hold it.
func TestRecordDeleteGoesOn(t *testing.T) {
	s := archivetest.NewGateway(t)
	var audited []wire.AuditEntry
	cfg := s3Config(t.TempDir(), s)
	g := newRig(t, cfg)
	w := g.make1(t)
	other := g.make1(t)
	s.Stop()
	done, err := g.Delete(t.Context(), w.ID, "maja", "asked for")
	if done || err != nil {
		t.Fatalf("done %v, %v", done, err)
	}
	if x, err := g.Get(w.ID); err != nil || x.State != wire.RecordingDeleting {
		t.Errorf("%s, %v", x.State, err)
	}
	_, _, _, err = g.OpenTrack(t.Context(), w.ID, "customer-1")
	refused(t, err, http.StatusGone, "recording_deleted")
	_, err = g.Peaks(t.Context(), w.ID)
	refused(t, err, http.StatusGone, "recording_deleted")
	_, err = g.Hold(t.Context(), w.ID, true, "judge", "")
	refused(t, err, http.StatusConflict, "recording_deleting")
	if list, _, err := g.List(Filter{State: wire.RecordingDeleting}); err != nil || len(list) != 1 || list[0].ID != w.ID {
		t.Errorf("deleting: %+v, %v", list, err)
	}
	g.stop(t)
	s.Start(t)
	r, err := New(cfg, Deps{Bus: g.bus, Log: g.log, Audit: func(e wire.AuditEntry) error { audited = append(audited, e); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	g = runRig(t, r, g.bus, cfg)
	awaitTrue(t, "the deletion", func() bool { _, err := g.Get(w.ID); return err != nil })
	g.await(t, "recording.deleted", w.ID)
	g.stop(t)
	if left := traces(t, w.ID, cfg.SpoolDir, cfg.Archive.Folder, s.Dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if left := traces(t, other.ID, cfg.SpoolDir, cfg.Archive.Folder, s.Dir); len(left) < 3 {
		t.Errorf("of the other recording there is only %q", left)
	}
	if len(audited) != 1 || audited[0].Action != "recording.deleted" || audited[0].Object != w.ID || audited[0].Actor != "maja" || audited[0].Detail["reason"] != "asked for" {
		t.Errorf("audited: %+v", audited)
	}
}

// TestRecordDeleteUnsent: a recording that no archive has taken yet can be deleted, and does not come back.
func TestRecordDeleteUnsent(t *testing.T) {
	s := archivetest.NewGateway(t)
	cfg := s3Config(t.TempDir(), s)
	cfg.Archive.Folder = ""
	s.Stop()
	g := newRig(t, cfg)
	rec := start(t, g, customer)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false)}}
	r.run(t, rec, 50)
	w, err := rec.Stop(t.Context(), "hangup")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Delete(t.Context(), w.ID, "maja", ""); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	awaitTrue(t, "the deletion", func() bool { _, err := g.Get(w.ID); return err != nil })
	g.stop(t)
	if left := traces(t, w.ID, cfg.SpoolDir, s.Dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestRecordLockedByStore: what a store keeps under a lock until a date is not half deleted.
func TestRecordLockedByStore(t *testing.T) {
	s := archivetest.NewLockGateway(t, "locked")
	cfg := s3Config(t.TempDir(), s)
	cfg.Archive.S3.Bucket, cfg.Archive.S3.Lock, cfg.Archive.S3.LockFor = "locked", archive.LockCompliance, time.Hour
	g := newRig(t, cfg)
	w := g.make1(t)
	_, err := g.Delete(t.Context(), w.ID, "maja", "")
	refused(t, err, http.StatusConflict, "recording_locked")
	if x, err := g.Get(w.ID); err != nil || x.State != wire.RecordingStored {
		t.Errorf("%s, %v", x.State, err)
	}
	for _, o := range []string{"customer-1.ogg", "customer-1.chain", ManifestName} {
		if _, err := os.Stat(g.archived(w, o)); err != nil {
			t.Error(err)
		}
	}
}

// TestRecordEraseKey: without its key nobody opens a recording, and it is still there to be proven.
func TestRecordEraseKey(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(dir)
	g := newRig(t, cfg)
	w := g.make1(t)
	_, _, err := g.EraseKey(t.Context(), w.ID, "eve", "")
	refused(t, err, http.StatusConflict, "recording_not_sealed")
	g.stop(t)
	cfg.Keys.SealFile = filepath.Join(dir, "seal.keys")
	if err := seal.CreateRing(cfg.Keys.SealFile); err != nil {
		t.Fatal(err)
	}
	g = newRig(t, cfg)
	w = g.make1(t)
	if _, _, err := g.EraseKey(t.Context(), w.ID, "eve", ""); err != nil {
		t.Fatal(err)
	}
	_, _, _, err = g.OpenTrack(t.Context(), w.ID, "customer-1")
	refused(t, err, http.StatusGone, "recording_erased")
	_, _, err = g.EraseKey(t.Context(), w.ID, "eve", "")
	refused(t, err, http.StatusGone, "recording_erased")
	if x, err := g.Get(w.ID); err != nil || x.State != wire.RecordingStored {
		t.Errorf("%s, %v", x.State, err)
	}
}

// TestRecordFilters: each filter selects what it says, in memory as from the file.
func TestRecordFilters(t *testing.T) {
	day := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	w := wire.Recording{
		ID: "rec_01", CallID: "call_1", State: wire.RecordingStored, Agent: "maja", Agents: []string{"maja", "jan"}, Queue: "sales",
		From: "sip:+4930123456@trunk.example.com:5060", To: "0800 555-77", Started: day, Variables: map[string]string{"order": "17", "vip": "yes"},
	}
	yes, no := true, false
	for _, c := range []struct {
		f    Filter
		want bool
	}{
		{Filter{}, true},
		{Filter{Agent: "jan"}, true},
		{Filter{Agent: "eve"}, false},
		{Filter{CallID: "call_1", Queue: "sales"}, true},
		{Filter{Queue: "service"}, false},
		{Filter{Number: "+49 30 123456"}, true},
		{Filter{Number: "30123456"}, false},
		{Filter{NumberEnd: "3456"}, true},
		{Filter{NumberEnd: "5060"}, false},
		{Filter{NumberEnd: "55577"}, true},
		{Filter{NumberEnd: "-"}, false},
		{Filter{Number: "0800 555-77"}, true},
		{Filter{Variables: map[string]string{"order": "17", "vip": "yes"}}, true},
		{Filter{Variables: map[string]string{"order": "1"}}, false},
		{Filter{Since: day, Until: day.Add(time.Millisecond)}, true},
		{Filter{Until: day}, false},
		{Filter{State: wire.RecordingStored, Held: &yes}, true},
		{Filter{Held: &no}, false},
		{Filter{State: wire.RecordingFailed}, false},
		{Filter{Own: "jan"}, true},
		{Filter{Own: "eve"}, false},
		{Filter{Own: "eve", Queues: []string{"sales"}}, true},
		{Filter{Queues: []string{"service"}}, false},
	} {
		x := factsOf(w)
		if got := c.f.pass(func(string) (bool, bool) { return true, false })(&x); got != c.want {
			t.Errorf("%+v: %v", c.f, got)
		}
	}
}

// TestRecordIndexLeavesNothing: what is replaced or removed is overwritten in the file, which shrinks in time.
func TestRecordIndexLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), indexName)
	open := func() *index {
		x := newIndex(path)
		if err := x.load(); err != nil {
			t.Fatal(err)
		}
		return x
	}
	x := open()
	ids := make([]string, 300)
	for i := range ids {
		ids[i] = fmt.Sprintf("rec_01M7YV05KF587JZJVA1WXS%04d", i)
		for _, from := range []string{"111-first-", "222-second-"} {
			w := wire.Recording{ID: ids[i], From: from + ids[i], Variables: map[string]string{"text": strings.Repeat("x", 4000)}, Started: time.Now()}
			if err := x.put(w); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, recID := range ids[:200] {
		if err := x.remove(recID); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.close(); err != nil {
		t.Fatal(err)
	}
	before := readFile(t, path)
	if strings.Contains(string(before), "111-first") || strings.Contains(string(before), "222-second-"+ids[0]) || !strings.Contains(string(before), "222-second-"+ids[299]) {
		t.Error("the file still has what was replaced or removed")
	}
	for round := range 2 {
		x = open()
		list, err := x.list("", func(*facts) bool { return true }, 1000)
		if err != nil || len(list) != 100 || list[0].ID != ids[299] || list[99].ID != ids[200] || list[0].From != "222-second-"+ids[299] {
			t.Errorf("round %d: %d recordings, %v", round, len(list), err)
		}
		if err := x.close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := readFile(t, path); len(after) > len(before)/4 {
		t.Errorf("%d bytes of %d left", len(after), len(before))
	}
}

// TestRecordIndexScales lists a hundred thousand recordings, page by page and by filters that find next to
// nothing.
func TestRecordIndexScales(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5000
	}
	x := newIndex(filepath.Join(t.TempDir(), indexName))
	if err := x.load(); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	var file []byte
	for i := range n {
		w := wire.Recording{
			ID: fmt.Sprintf("rec_01M7YV05KF587JZJVA%08d", i), CallID: fmt.Sprintf("call_%d", i), State: wire.RecordingStored, Agent: fmt.Sprintf("agent%d", i%200),
			Queue: fmt.Sprintf("queue%d", i%20), From: fmt.Sprintf("+4930%08d", i), To: "1000", Started: day.Add(time.Duration(i) * time.Second),
			Variables: map[string]string{"order": fmt.Sprint(i), "language": "de"}, Archives: []string{"s3"},
			Tracks: []wire.Track{{ID: "customer-1", Object: "customer-1.ogg", SHA256: strings.Repeat("a", 64)}, {ID: "agent-2", Object: "agent-2.ogg", SHA256: strings.Repeat("b", 64)}},
		}
		line := wireLine(t, w)
		file = append(file, line...)
	}
	if err := errors.Join(x.close(), os.WriteFile(x.path, file, 0o600)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	x = newIndex(x.path)
	if err := x.load(); err != nil || len(x.rows) != n {
		t.Fatalf("%d rows, %v", len(x.rows), err)
	}
	loaded := time.Since(began)
	r := &Recorder{index: x, custody: newCustody(t.TempDir())}
	filters := map[string]Filter{
		"first page": {}, "agent": {Agent: "agent77"}, "number": {Number: "+4930" + fmt.Sprintf("%08d", n/2)}, "last digits": {NumberEnd: fmt.Sprintf("%06d", n/3)},
		"variable": {Variables: map[string]string{"order": "7"}}, "nothing": {Queue: "queue1", Agent: "agent2"}, "an hour": {Since: day, Until: day.Add(time.Hour)},
	}
	for name, f := range filters {
		var took []time.Duration
		for range 40 {
			began := time.Now()
			if _, _, err := r.List(f); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		t.Logf("%s: median %v, p99 %v", name, took[20], took[39])
		if took[20] > time.Second {
			t.Errorf("%s takes %v", name, took[20])
		}
	}
	t.Logf("loaded in %v", loaded)
	pages, cursor, seen := 0, "", 0
	for {
		list, next, err := r.List(Filter{Cursor: cursor, Limit: 200, Agent: "agent77"})
		if err != nil {
			t.Fatal(err)
		}
		pages, seen, cursor = pages+1, seen+len(list), next
		if next == "" {
			break
		}
	}
	if seen != n/200 {
		t.Errorf("%d recordings on %d pages, want %d", seen, pages, n/200)
	}
	if err := x.close(); err != nil {
		t.Error(err)
	}
}
