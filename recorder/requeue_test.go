package recorder

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestRefusedDeletionGoesOn: a store under a lock has the recording and a folder that is away has not. Somebody deletes
// it, the store refuses, and the folder gets the recording when it is back, without a restart.
func TestRefusedDeletionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cfg := testConfig(dir)
		store := &moody{Archive: archive.NamedFolder("store", filepath.Join(dir, "store"))}
		folder := &moody{Archive: archive.NewFolder(cfg.Archive.Folder), away: true}
		store.lock = func(string) error { return archive.ErrLocked }
		g := newMoodyRig(t, cfg, locking{store}, folder)
		rec := start(t, g, customer)
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		until(t, time.Minute, "in the store", func() bool { return g.Archives()[0].Waiting == 0 })
		for range 3 { // at different moments of the other's tries
			if _, err := g.Delete(t.Context(), rec.ID(), "agt_1", ""); problem.As(err) == nil || problem.As(err).Status != http.StatusConflict {
				t.Fatalf("delete: %v", err)
			}
			time.Sleep(17 * time.Second)
		}
		folder.change(func() { folder.away = false })
		until(t, 3*time.Minute, "stored", func() bool {
			w, err := g.Get(rec.ID())
			return err == nil && w.State == wire.RecordingStored && len(w.Archives) == 2
		})
		if exists(filepath.Join(cfg.SpoolDir, rec.ID())) {
			t.Error("still in the spool")
		}
		g.stop(t)
	})
}

// TestFirstArchiveGetsAnotherTurn: all archives are away and the first comes back: what has gone on to the last one
// is stored there, without a restart and without a new recording that would find out.
func TestFirstArchiveGetsAnotherTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cfg := testConfig(dir)
		cfg.Archive.Mode = ArchiveFirst
		var list []*moody
		for _, name := range []string{"one", "two", "three"} {
			list = append(list, &moody{Archive: archive.NamedFolder(name, filepath.Join(dir, name)), away: true})
		}
		g := newMoodyRig(t, cfg, list[0], list[1], list[2])
		var ids []string
		for range 3 {
			rec := start(t, g, customer)
			if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, rec.ID())
		}
		until(t, 10*time.Minute, "all wait for the last archive", func() bool { return g.Archives()[2].Waiting == 3 })
		list[0].change(func() { list[0].away = false })
		until(t, 10*time.Minute, "stored", func() bool { return g.Stats().Waiting == 0 })
		for _, recID := range ids {
			if w, err := g.Get(recID); err != nil || w.State != wire.RecordingStored || len(w.Archives) != 1 || w.Archives[0] != "one" {
				t.Errorf("%+v, %v", w, err)
			}
		}
		g.stop(t)
	})
}

// TestIndexThatRefuses: the disk does not take the index's line of a recording that every archive has. It is tried
// again until it does.
func TestIndexThatRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		g := newMoodyRig(t, cfg, archive.NewFolder(cfg.Archive.Folder))
		synctest.Wait()
		swap := func(f *os.File) *os.File {
			g.index.mu.Lock()
			defer g.index.mu.Unlock()
			old := g.index.file
			g.index.file = f
			return old
		}
		deaf, err := os.Open(g.index.path)
		if err != nil {
			t.Fatal(err)
		}
		right := swap(deaf)
		rec := start(t, g, customer)
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if w, err := g.Get(rec.ID()); err != nil || w.State != wire.RecordingStopped || !exists(filepath.Join(cfg.SpoolDir, rec.ID())) {
			t.Errorf("with an index that refuses: %+v, %v", w, err)
		}
		if err := swap(right).Close(); err != nil {
			t.Fatal(err)
		}
		until(t, time.Minute, "stored", func() bool { return g.Stats().Waiting == 0 })
		if w, err := g.Get(rec.ID()); err != nil || w.State != wire.RecordingStored || exists(filepath.Join(cfg.SpoolDir, rec.ID())) {
			t.Errorf("behind: %+v, %v", w, err)
		}
		g.stop(t)
	})
}
