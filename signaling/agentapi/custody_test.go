package agentapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/audit"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// recorded is an API over a real recorder with one finished recording of alice in the queue sales.
func recorded(t *testing.T, change func(*recorder.Config)) (*fixture, wire.Recording) {
	t.Helper()
	dir := t.TempDir()
	cfg := recorder.Defaults()
	cfg.SpoolDir, cfg.Archive.Folder = filepath.Join(dir, "spool"), filepath.Join(dir, "archive")
	cfg.Copy.Format = "wav"
	change(&cfg)
	log, err := audit.Open(filepath.Join(dir, "audit"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := recorder.New(cfg, recorder.Deps{Log: slog.New(slog.DiscardHandler), Audit: func(e wire.AuditEntry) error {
		e.From, e.Token = "the recorder", "none"
		_, err := log.Write(e)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	f := newFixture(t, func(_ *Config, d *Deps) { d.Recordings, d.Audit = r, log })
	rec, err := r.Start(ctx, recorder.StartRequest{CallID: "call_1", Queue: "sales", From: "+49 30 1234567", To: "1000", Variables: map[string]string{"order": "17"}})
	if err != nil {
		t.Fatal(err)
	}
	rec.AddParty(recorder.Party{LegID: "leg_c", Role: wire.RoleCustomer})
	rec.AddParty(recorder.Party{LegID: "leg_a", Role: wire.RoleAgent, Agent: "alice"})
	var tone pcm.Frame
	tone.Reset(pcm.Rate16k)
	for tick := range uint64(100) {
		for i := range tone.Samples() {
			tone.Samples()[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(int(tick)*320+i)/16000))
		}
		rec.Tick(tick+1, []media.Tapped{{Member: "leg_c", Kind: media.Audio, In: &tone}, {Member: "leg_a", Kind: media.Silence, In: &tone}})
		if tick%20 == 19 {
			time.Sleep(120 * time.Millisecond) // so that it is written
		}
	}
	if _, err := rec.Stop(ctx, "hangup"); err != nil {
		t.Fatal(err)
	}
	f.eventually("the copy", func() bool {
		w, err := r.Get(rec.ID())
		if err != nil || w.State != wire.RecordingStored {
			return false
		}
		c, _, _, err := r.OpenTrack(ctx, rec.ID(), "copy")
		return err == nil && c.Close() == nil
	})
	w, err := r.Get(rec.ID())
	if err != nil {
		t.Fatal(err)
	}
	return f, w
}

func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	for limit := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			f.t.Fatalf("waited for %s", what)
		}
	}
}

// into decodes an answer of this status.
func into[T any](t *testing.T, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	var v T
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func sealed(t *testing.T) func(*recorder.Config) {
	return func(c *recorder.Config) {
		c.Keys.SealFile = filepath.Join(t.TempDir(), "seal.keys")
		if err := seal.CreateRing(c.Keys.SealFile); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecordPlayback: a sealed recording is heard in clear and in pieces, under the right name and type; each
// play, download, hold and deletion is in the audit log with who and from where, once.
func TestRecordPlayback(t *testing.T) {
	f, rec := recorded(t, sealed(t))
	path := "/v1/recordings/" + rec.ID
	alice, boss := f.token("alice"), f.token("", "recording:read", "recording:listen", "recording:hold", "recording:delete", "audit:read")
	for _, c := range []struct{ track, head, kind, name string }{
		{"customer-1", "OggS", "audio/ogg; codecs=opus", ".ogg"},
		{"copy", "RIFF", "audio/wav", ".wav"},
	} {
		whole := f.ask(alice, "GET", path+"/tracks/"+c.track, "")
		if b := whole.Body.String(); whole.Code != 200 || !strings.HasPrefix(b, c.head) || whole.Header().Get("Content-Type") != c.kind ||
			whole.Header().Get("Content-Disposition") != `inline; filename="`+rec.ID+"-"+c.track+c.name+`"` {
			t.Errorf("%s: %d %.4q %v", c.track, whole.Code, b, whole.Header())
		}
		part := f.ask(alice, "GET", path+"/tracks/"+c.track, "", "Range", "bytes=1000-1099")
		if cache := whole.Header().Get("Cache-Control"); cache != "no-store" {
			t.Errorf("%s: a browser may keep it: %q", c.track, cache)
		}
		if part.Code != http.StatusPartialContent || part.Body.String() != whole.Body.String()[1000:1100] {
			t.Errorf("%s: part with status %d, %d bytes", c.track, part.Code, part.Body.Len())
		}
		tail := f.ask(alice, "GET", path+"/tracks/"+c.track, "", "Range", "bytes=-50")
		if all := whole.Body.String(); tail.Code != http.StatusPartialContent || tail.Body.String() != all[len(all)-50:] {
			t.Errorf("%s: tail with status %d, %d bytes", c.track, tail.Code, tail.Body.Len())
		}
	}
	if w := f.ask(boss, "GET", path+"/tracks/copy?download=1", ""); !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("download: %v", w.Header())
	}
	if l := into[wire.RecordingLink](t, f.ask(boss, "GET", path+"/tracks/copy/link", ""), 200); l.Presigned || l.URL != path+"/tracks/copy" || l.Type != "audio/wav" {
		t.Errorf("link to a sealed copy: %+v", l)
	}
	if w := into[wire.Recording](t, f.ask(boss, "POST", path+"/hold", `{"reason":"case 7"}`), 200); w.Hold == nil || w.Hold.Reason != "case 7" {
		t.Errorf("hold: %+v", w.Hold)
	}
	for _, try := range []struct{ method, path string }{{"DELETE", path}, {"POST", path + "/erase"}} {
		if p := problemOf(t, f.ask(f.token("", "admin:*"), try.method, try.path, "")); p.Status != 409 || p.Code != "recording_held" {
			t.Errorf("%s of a held recording: %+v", try.method, p)
		}
	}
	if p := problemOf(t, f.ask(alice, "POST", path+"/hold", `{"on":false}`)); p.Status != 403 || p.Grant != "recording:hold" {
		t.Errorf("release without the grant: %+v", p)
	}
	into[wire.Recording](t, f.ask(boss, "POST", path+"/hold", `{"on":false}`), 200)
	into[wire.Recording](t, f.ask(boss, "POST", path+"/erase", `{"reason":"asked for"}`), 200)
	if p := problemOf(t, f.ask(boss, "GET", path+"/tracks/customer-1", "")); p.Status != 410 || p.Code != "recording_erased" {
		t.Errorf("heard without its key: %+v", p)
	}
	if w := f.ask(boss, "DELETE", path, ""); w.Code != 204 {
		t.Errorf("delete: %d %s", w.Code, w.Body)
	}
	if p := problemOf(t, f.ask(boss, "GET", path, "")); p.Status != 404 {
		t.Errorf("after its deletion: %+v", p)
	}
	var got []string
	for cursor := ""; ; {
		page := into[wire.AuditList](t, f.ask(boss, "GET", "/v1/audit?limit=2&object="+rec.ID+"&cursor="+cursor, ""), 200)
		for _, e := range page.Items {
			if e.From == "" || e.Token == "" || e.Time.IsZero() || e.Actor == "" || e.CallID != "call_1" {
				t.Errorf("entry without who, when or from where: %+v", e)
			}
			got = append(got, e.Action+" "+e.Detail["track"]+e.Detail["refused"])
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	want := []string{
		"recording.deleted ", "recording.delete_asked ", "recording.key_erased ", "recording.erase_asked ", "recording.released ", "recording.release_asked ",
		"recording.key_erased_refused recording_held", "recording.erase_asked ", "recording.delete_asked_refused recording_held", "recording.delete_asked ",
		"recording.held ", "recording.hold_asked ", "recording.downloaded copy", "recording.played copy", "recording.played customer-1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("audit, newest first:\n%q, want\n%q", got, want)
	}
	if p := problemOf(t, f.ask(alice, "GET", "/v1/audit", "")); p.Status != 403 || p.Grant != "audit:read" {
		t.Errorf("audit for an agent: %+v", p)
	}
}

// TestRecordAccess: who may see and hear a recording: its agent, who has the grant for its queue or for all, and
// nobody else; the filters of the list.
func TestRecordAccess(t *testing.T) {
	f, rec := recorded(t, func(*recorder.Config) {})
	path := "/v1/recordings/" + rec.ID
	for _, c := range []struct {
		name          string
		token         string
		see, hear     int
		listed, alone int
	}{
		{"its agent", f.token("alice"), 200, 200, 1, 200},
		{"another agent", f.token("bob"), 403, 403, 0, 200},
		{"all", f.token("", "recording:read", "recording:listen"), 200, 200, 1, 200},
		{"its queue", f.token("", "recording:read:queue:sales", "recording:listen:queue:sales"), 200, 200, 1, 200},
		{"its queue, not to hear", f.token("", "recording:read:queue:sales"), 200, 403, 1, 200},
		{"another queue", f.token("", "recording:read:queue:service", "recording:listen:queue:service"), 403, 403, 0, 200},
		{"its agent, by another queue's grants", f.token("alice", "recording:read:queue:service", "recording:listen:queue:service"), 403, 403, 0, 200},
		{"its agent, to see own and to hear another queue's", f.token("alice", "recording:read:own", "recording:listen:queue:service"), 200, 403, 1, 200},
		{"its agent, by its queue's grants", f.token("alice", "recording:read:queue:sales", "recording:listen:queue:sales"), 200, 200, 1, 200},
	} {
		if w := f.ask(c.token, "GET", path, ""); w.Code != c.see {
			t.Errorf("%s: sees with status %d", c.name, w.Code)
		}
		if w := f.ask(c.token, "GET", path+"/tracks/customer-1", ""); w.Code != c.hear {
			t.Errorf("%s: hears with status %d", c.name, w.Code)
		}
		if w := f.ask(c.token, "GET", path+"/markers", ""); w.Code != c.see {
			t.Errorf("%s: sees the markers with status %d", c.name, w.Code)
		}
		if l := into[wire.RecordingList](t, f.ask(c.token, "GET", "/v1/recordings", ""), 200); len(l.Items) != c.listed {
			t.Errorf("%s: lists %d", c.name, len(l.Items))
		}
	}
	for _, c := range []struct {
		name  string
		token string
		want  int
	}{
		{"its agent, by another queue's grants", f.token("alice", "recording:read:own", "recording:hold:queue:service", "recording:delete:queue:service"), 403},
		{"its agent, by its queue's grants", f.token("alice", "recording:hold:queue:sales", "recording:delete:queue:sales"), 409},
	} {
		into[wire.Recording](t, f.ask(f.token("", "recording:hold"), "POST", path+"/hold", `{"reason":"case 7"}`), 200)
		for _, try := range []struct{ method, path string }{{"DELETE", path}, {"POST", path + "/erase"}} {
			if w := f.ask(c.token, try.method, try.path, ""); w.Code != c.want {
				t.Errorf("%s: %s %s with status %d, want %d", c.name, try.method, try.path, w.Code, c.want)
			}
		}
		released := f.ask(c.token, "POST", path+"/hold", `{"on":false}`).Code == 200
		if w, err := f.s.deps.Recordings.Get(rec.ID); err != nil || released != (c.want == 409) || (w.Hold == nil) != released {
			t.Errorf("%s: released %v, %+v, %v", c.name, released, w.Hold, err)
		}
	}
	all := f.token("", "recording:read")
	for query, want := range map[string]int{
		"number=%2B49301234567": 1, "number=1234567": 0, "number_end=4567": 1, "number_end=9": 0, "variable=order%3D17": 1, "variable=order%3D1": 0,
		"state=stored": 1, "state=failed": 0, "held=false": 1, "held=true": 0, "queue=sales&agent=alice": 1, "agent=bob": 0,
		"since=2020-01-01T00:00:00Z&until=2021-01-01T00:00:00Z": 0,
	} {
		if l := into[wire.RecordingList](t, f.ask(all, "GET", "/v1/recordings?"+query, ""), 200); len(l.Items) != want {
			t.Errorf("%s: %d", query, len(l.Items))
		}
	}
	for _, query := range []string{"state=gone", "held=perhaps", "variable=order", "cursor=x", "since=today"} {
		if w := f.ask(all, "GET", "/v1/recordings?"+query, ""); w.Code != 422 {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
}

// TestRecordLink: from a bucket that gives addresses away audio comes without a token, under its name.
func TestRecordLink(t *testing.T) {
	g := archivetest.NewGateway(t)
	f, rec := recorded(t, func(c *recorder.Config) {
		c.Archive.Folder = ""
		c.Archive.S3 = recorder.S3Config{
			Endpoint: g.Addr, Bucket: archivetest.Bucket, Region: "us-east-1", AccessKey: archivetest.AccessKey, SecretKey: archivetest.SecretKey,
			PathStyle: true, PresignFor: time.Minute,
		}
	})
	l := into[wire.RecordingLink](t, f.ask(f.token("alice"), "GET", "/v1/recordings/"+rec.ID+"/tracks/copy/link", ""), 200)
	if !l.Presigned || l.Expires == nil || l.Name != rec.ID+"-copy.wav" {
		t.Fatalf("link: %+v", l)
	}
	r, err := http.Get(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil || r.StatusCode != 200 || !strings.HasPrefix(string(b), "RIFF") || r.Header.Get("Content-Type") != "audio/wav" {
		t.Errorf("%d %.4q %v %v", r.StatusCode, b, r.Header, err)
	}
	list := into[wire.AuditList](t, f.ask(f.token("", "audit:read"), "GET", "/v1/audit?action=recording.link_given", ""), 200)
	if len(list.Items) != 1 || list.Items[0].Actor != "alice" || list.Items[0].Detail["track"] != "copy" {
		t.Errorf("audit: %s", fmt.Sprint(list.Items))
	}
}

// TestRecordAuditFails: what cannot be written down is not done, and a refusal tells so.
func TestRecordAuditFails(t *testing.T) {
	f, rec := recorded(t, sealed(t))
	path := "/v1/recordings/" + rec.ID
	boss := f.token("", "recording:read", "recording:listen", "recording:hold", "recording:delete")
	good := f.s.deps.Audit
	dir := t.TempDir()
	bad, err := audit.Open(dir, nil)
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		t.Fatal(err)
	}
	f.s.deps.Audit = bad
	tries := []struct{ method, path, body string }{
		{"POST", path + "/hold", `{"reason":"case 7"}`},
		{"POST", path + "/erase", ""},
		{"DELETE", path, ""},
		{"GET", path + "/tracks/customer-1", ""},
		{"GET", path + "/tracks/customer-1", ""}, // no further request of a play that was refused
		{"GET", path + "/tracks/copy?download=1", ""},
	}
	for _, try := range tries {
		if p := problemOf(t, f.ask(boss, try.method, try.path, try.body)); p.Status != 503 || p.Code != "audit_unavailable" {
			t.Errorf("%s %s: %+v", try.method, try.path, p)
		}
	}
	f.s.deps.Audit = good
	if w := into[wire.Recording](t, f.ask(boss, "GET", path, ""), 200); w.Hold != nil || w.State != wire.RecordingStored {
		t.Errorf("something was done: %+v", w)
	}
	if w := f.ask(boss, "GET", path+"/tracks/customer-1", ""); w.Code != 200 {
		t.Errorf("heard with status %d", w.Code)
	}
	into[wire.Recording](t, f.ask(boss, "POST", path+"/hold", ""), 200)
	f.s.deps.Audit = bad // a release, too
	if p := problemOf(t, f.ask(boss, "POST", path+"/hold", `{"on":false}`)); p.Status != 503 {
		t.Errorf("release: %+v", p)
	}
	if w := into[wire.Recording](t, f.ask(boss, "GET", path, ""), 200); w.Hold == nil {
		t.Error("the hold was released")
	}
}
