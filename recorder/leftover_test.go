package recorder

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cordboard/cordboard/recorder/archive/archivetest"
)

// secondPart refuses the second part of each upload, so that the first stays in the store.
func secondPart(r *http.Request) archivetest.Fault {
	if r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "2" {
		return archivetest.Fault{Status: 503, Code: "SlowDown"}
	}
	return archivetest.Fault{}
}

// unfinishedUploads counts the uploads that a store keeps parts of.
func unfinishedUploads(t *testing.T, g *archivetest.Gateway) int {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(g.Dir, archivetest.Bucket, ".sgwtmp", "multipart", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestDeleteWhileUploading: of a recording that is deleted while it is on its way no part stays in the store.
func TestDeleteWhileUploading(t *testing.T) {
	s := newStoreRig(t, 0.02)
	s.proxy.Break(secondPart)
	recs := s.make(t, 1, 7500, 1275)
	awaitTrue(t, "a part in the store", func() bool { return unfinishedUploads(t, s.store) > 0 })
	s.awaitArchive(t, "archive.degraded")
	if _, err := s.Delete(t.Context(), recs[0], "maja", ""); err != nil {
		t.Fatal(err)
	}
	awaitTrue(t, "the deletion", func() bool { _, err := s.Get(recs[0]); return err != nil })
	if n := unfinishedUploads(t, s.store); n > 0 {
		t.Errorf("%d uploads are left", n)
	}
	if left := traces(t, recs[0], s.cfg.SpoolDir, filepath.Join(s.store.Dir, archivetest.Bucket)); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestMovedOnLeavesNothing: an archive that has given a recording up keeps no part of it once another one has it.
func TestMovedOnLeavesNothing(t *testing.T) {
	s := &storeRig{store: archivetest.NewGateway(t)}
	s.proxy = archivetest.NewProxy(t, s.store.Addr)
	cfg := s3Config(t.TempDir(), s.store)
	cfg.Archive.S3.Endpoint = s.proxy.Addr
	cfg.Archive.Mode, cfg.Archive.FallbackAfter, cfg.Archive.Order = ArchiveFirst, time.Second, []string{"s3", "folder"}
	s.rig = newRigHurried(t, cfg, 0.02)
	s.proxy.Break(secondPart)
	recs := s.make(t, 1, 7500, 1275)
	awaitTrue(t, "a part in the store", func() bool { return unfinishedUploads(t, s.store) > 0 })
	w := s.await(t, "recording.stored", recs[0])
	if !slices.Equal(w.Archives, []string{"folder"}) {
		t.Fatalf("stored in %q", w.Archives)
	}
	awaitTrue(t, "the store to be cleared", func() bool { return s.custody.get(w.ID).free() })
	if n := unfinishedUploads(t, s.store); n > 0 {
		t.Errorf("%d uploads are left", n)
	}
	if left := traces(t, w.ID, filepath.Join(s.store.Dir, archivetest.Bucket)); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if _, err := os.Stat(s.archived(w, ManifestName)); err != nil {
		t.Error(err)
	}
}

// TestIncomingIsSwept: what a killed process was writing into a folder archive does not stay there.
func TestIncomingIsSwept(t *testing.T) {
	cfg := testConfig(t.TempDir())
	left := filepath.Join(cfg.Archive.Folder, ".incoming", "put-123")
	if err := os.MkdirAll(filepath.Dir(left), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("half a track"), 0o640); err != nil {
		t.Fatal(err)
	}
	newRig(t, cfg)
	awaitTrue(t, "the folder to be swept", func() bool { return !exists(left) })
}
