package recorder

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/signaling/wire"
)

func s3Config(dir string, s *archivetest.Gateway) Config {
	c := testConfig(dir)
	c.Archive.S3 = S3Config{
		Endpoint: s.Addr, Bucket: archivetest.Bucket, Region: "us-east-1", AccessKey: archivetest.AccessKey,
		SecretKey: archivetest.SecretKey, PathStyle: true,
	}
	return c
}

// TestRecordToBoth: with a folder and S3 both get a copy; S3 is down at first.
func TestRecordToBoth(t *testing.T) {
	s := archivetest.NewGateway(t)
	cfg := s3Config(t.TempDir(), s)
	s.Stop()
	g := newRig(t, cfg)
	errs := g.Check(t.Context())
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "cannot reach "+s.Addr) {
		t.Errorf("check: %v", errs)
	}
	var recs []*Recording
	for range 5 {
		rec := start(t, g, customer)
		r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false)}}
		r.run(t, rec, 100)
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		recs = append(recs, rec)
	}
	degraded := g.awaitArchive(t, "archive.degraded")
	if degraded.Name != "s3" || degraded.OK || degraded.Waiting == 0 || degraded.OldestSince == nil || degraded.BacklogBytes == 0 {
		t.Errorf("degraded: %+v", degraded)
	}
	if st := g.Stats(); st.Waiting != 5 || st.BacklogBytes == 0 || st.FreeBytes == 0 || st.FailingArchives != 1 {
		t.Errorf("stats: %+v", st)
	}
	if w, err := g.Get(recs[0].ID()); err != nil || w.State != wire.RecordingStopped {
		t.Errorf("while S3 is down: %+v, %v", w, err)
	}
	s.Start(t)
	g.awaitArchive(t, "archive.restored")
	for _, rec := range recs {
		w := g.await(t, "recording.stored", rec.ID())
		for _, object := range []string{"customer-1.ogg", ManifestName} {
			mine := readFile(t, g.archived(w, object))
			theirs := readFile(t, filepath.Join(s.Dir, archivetest.Bucket, filepath.FromSlash(folderKey(w)), object))
			if !bytes.Equal(mine, theirs) {
				t.Errorf("%s %s: the copies differ", w.ID, object)
			}
		}
	}
	if st := g.Stats(); st.Waiting != 0 || st.BacklogBytes != 0 || st.OldestUnsent != 0 {
		t.Errorf("stats: %+v", st)
	}
	for limit := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left, err := filepath.Glob(filepath.Join(cfg.SpoolDir, "rec_*"))
		if err == nil && len(left) == 0 {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("left in the spool: %q, %v", left, err)
		}
	}

	// Without the folder the track comes from S3.
	if err := os.RemoveAll(cfg.Archive.Folder); err != nil {
		t.Fatal(err)
	}
	f, size, _, err := g.OpenTrack(t.Context(), recs[0].ID(), "customer-1")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil || int64(len(b)) != size {
		t.Errorf("read from s3: %d of %d, %v", len(b), size, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}

	// A lost index is made again from the manifests.
	g.stop(t)
	if err := os.Remove(filepath.Join(cfg.SpoolDir, indexName)); err != nil {
		t.Fatal(err)
	}
	g = newRig(t, cfg)
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		list, next, err := g.List(Filter{Limit: 3})
		if err == nil && len(list) == 3 && next == list[2].ID && list[0].ID == recs[4].ID() {
			rest, last, err := g.List(Filter{Limit: 3, Cursor: next})
			if err == nil && len(rest) == 2 && last == "" && rest[1].ID == recs[0].ID() {
				break
			}
		}
		if time.Now().After(limit) {
			t.Fatalf("list: %+v, %q, %v", list, next, err)
		}
	}
}

func (g *rig) awaitArchive(t *testing.T, typ string) wire.ArchiveStatus {
	t.Helper()
	var cursor uint64
	for {
		var list []wire.Event
		list, err := g.bus.After(t.Context(), cursor, list, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			cursor = e.Seq
			if s, ok := e.Data.(wire.ArchiveStatus); ok && e.Type == typ {
				return s
			}
		}
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	s := archivetest.NewGateway(t)
	for _, c := range []struct {
		name string
		set  func(*S3Config)
		want string
	}{
		{"missing bucket", func(c *S3Config) { c.Bucket = "elsewhere" }, `s3 archive: bucket "elsewhere" does not exist`},
		{"wrong keys", func(c *S3Config) { c.SecretKey = "wrong" }, "s3 archive: the store refuses the keys (SignatureDoesNotMatch)"},
		{"all is well", func(*S3Config) {}, ""},
	} {
		cfg := s3Config(t.TempDir(), s)
		c.set(&cfg.Archive.S3)
		r, err := New(cfg, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		errs := r.Check(t.Context())
		switch {
		case c.want == "" && len(errs) == 0:
		case len(errs) == 1 && errs[0].Error() == c.want:
		default:
			t.Errorf("%s: %v, want %s", c.name, errs, c.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	busy := &archive.Error{Kind: archive.KindBusy}
	person := &archive.Error{Kind: archive.KindCredentials}
	for failures := 1; failures < 100; failures++ {
		if d := backoff(failures, busy, 0.999); d > backoffMost || failures < 9 && d > backoffFirst<<(failures-1) || d <= 0 {
			t.Errorf("%d failures: %v", failures, d)
		}
		if d := backoff(failures, busy, 0); d != 0 {
			t.Errorf("the jitter is not full: %v", d)
		}
		if d := backoff(failures, person, 0); d < time.Minute {
			t.Errorf("a fault for a person is tried after %v", d)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	for key, set := range map[string]func(*Config){
		"spool_dir":              func(c *Config) { c.SpoolDir = "" },
		"max_pause":              func(c *Config) { c.MaxPause = 0 },
		"default_pause":          func(c *Config) { c.DefaultPause = time.Hour },
		"pause_policy":           func(c *Config) { c.PausePolicy = "skip" },
		"upload_workers":         func(c *Config) { c.UploadWorkers = 0 },
		"archive:":               func(c *Config) { c.Archive.Folder = "" },
		"archive.s3.endpoint":    func(c *Config) { c.Archive.S3.Endpoint = "https://s3.example.com" },
		"archive.s3.bucket":      func(c *Config) { c.Archive.S3.Endpoint = "s3.example.com" },
		"archive.s3.access_key":  func(c *Config) { c.Archive.S3.Endpoint = "s3.example.com" },
		"archive.s3.secret_key:": func(c *Config) { c.Archive.S3.Endpoint = "s3.example.com" },
	} {
		c := Defaults()
		set(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
