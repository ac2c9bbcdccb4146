package recorder

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/signaling/wire"
)

// moody is an archive that does as a test says.
type moody struct {
	archive.Archive
	mu    sync.Mutex
	away  bool               // for all
	fault func(string) error // of opening an object
	lock  func(string) error // of removing one
	walks int
}

func (m *moody) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

var errAway = &archive.Error{Archive: "moody", Kind: archive.KindBusy, Detail: "away"}

func (m *moody) ask(f func(string) error, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return errAway
	}
	if f != nil {
		return f(key)
	}
	return nil
}

func (m *moody) Check(ctx context.Context) error {
	return errors.Join(m.ask(nil, ""), m.Archive.Check(ctx))
}

func (m *moody) Put(ctx context.Context, key string, f archive.File) error {
	if err := m.ask(nil, key); err != nil {
		return err
	}
	return m.Archive.Put(ctx, key, f)
}

func (m *moody) Stat(ctx context.Context, key string) (archive.Info, error) {
	if err := m.ask(nil, key); err != nil {
		return archive.Info{}, err
	}
	return m.Archive.Stat(ctx, key)
}

func (m *moody) Open(ctx context.Context, key string) (io.ReadSeekCloser, int64, error) {
	if err := m.ask(m.fault, key); err != nil {
		return nil, 0, err
	}
	return m.Archive.Open(ctx, key)
}

func (m *moody) Remove(ctx context.Context, key string) error {
	if err := m.ask(m.lock, key); err != nil {
		return err
	}
	return m.Archive.Remove(ctx, key)
}

func (m *moody) Walk(ctx context.Context, prefix string, f func(key string) error) error {
	m.mu.Lock()
	if prefix == "" {
		m.walks++
	}
	m.mu.Unlock()
	if err := m.ask(nil, ""); err != nil {
		return err
	}
	return m.Archive.Walk(ctx, prefix, f)
}

func (m *moody) walked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.walks
}

// locking is a moody archive that can refuse to delete.
type locking struct{ *moody }

func (locking) Hold(context.Context, string, bool) error { return nil }

// newMoodyRig makes a rig over archives of a test's own.
func newMoodyRig(t *testing.T, cfg Config, archives ...archive.Archive) *rig {
	t.Helper()
	bus := event.New(1024, 1, time.Now)
	r := newRecorder(cfg, Deps{Bus: bus, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}, archives)
	return runRig(t, r, bus, cfg)
}

// until waits, in a bubble's time, for what must come.
func until(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// makeStored makes recordings and waits until they are stored.
func makeStored(t *testing.T, g *rig, n int) (ids []string) {
	t.Helper()
	for range n {
		rec := start(t, g, customer)
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, rec.ID())
	}
	until(t, time.Minute, "stored", func() bool { return g.Stats().Waiting == 0 })
	return ids
}

// TestRebuildIsTriedAgain: the index is lost while an archive is away. New recordings, a restart and a note that cannot
// be read do not keep the old ones from being found again, and a held one is held as soon as its note is seen.
func TestRebuildIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		m := &moody{Archive: archive.NewFolder(cfg.Archive.Folder)}
		g := newMoodyRig(t, cfg, m)
		until(t, time.Minute, "an empty archive learnt", func() bool { return !g.Archives()[0].Rebuilding })
		old := makeStored(t, g, 5)
		if _, err := g.Hold(t.Context(), old[0], true, "agt_judge", "case 7"); err != nil {
			t.Fatal(err)
		}
		g.stop(t)

		if err := os.RemoveAll(cfg.SpoolDir); err != nil {
			t.Fatal(err)
		}
		m.change(func() { m.away = true })
		g = newMoodyRig(t, cfg, m)
		time.Sleep(time.Minute)
		if !g.Archives()[0].Rebuilding || g.Stats().RebuildingArchives != 1 || m.walked() < 3 {
			t.Errorf("with the archive away: %+v, %d walks", g.Archives()[0], m.walked())
		}
		// It comes back for long enough to take a recording, and goes again before it is looked through.
		w := wire.Recording{ID: old[4], State: wire.RecordingStored, Started: time.Now(), Archives: []string{"folder"}}
		if err := g.index.put(w); err != nil {
			t.Fatal(err)
		}
		g.stop(t)

		g = newMoodyRig(t, cfg, m) // its index is not empty
		time.Sleep(time.Minute)
		m.change(func() {
			m.away = false
			m.fault = func(key string) error {
				if path.Base(key) == HoldName {
					return errAway
				}
				return nil
			}
		})
		until(t, 11*time.Minute, "the others", func() bool {
			for _, recID := range old {
				if _, err := g.Get(recID); err != nil {
					return false
				}
			}
			return true
		})
		w, err := g.Get(old[0])
		if err != nil || w.Hold == nil || !g.Archives()[0].Rebuilding {
			t.Fatalf("with its note unreadable: %+v, %v, %+v", w, err, g.Archives()[0])
		}
		if _, err := g.Delete(t.Context(), old[0], "agt_1", ""); problem.As(err) == nil || problem.As(err).Code != "recording_held" {
			t.Errorf("delete what may be held: %v", err)
		}
		m.change(func() { m.fault = nil })
		until(t, 11*time.Minute, "all", func() bool { return !g.Archives()[0].Rebuilding })
		if w, err = g.Get(old[0]); err != nil || w.Hold == nil || w.Hold.By != "agt_judge" || w.Hold.Reason != "case 7" {
			t.Errorf("hold: %+v, %v", w.Hold, err)
		}
		note := readFile(t, filepath.Join(cfg.Archive.Folder, filepath.FromSlash(folderKey(w)), HoldName))
		if len(note) == 0 || w.Archives[0] != "folder" || len(w.Archives) != 1 {
			t.Errorf("note %q, archives %q", note, w.Archives)
		}
		g.stop(t)

		before := m.walked()
		g = newMoodyRig(t, cfg, m)
		time.Sleep(20 * time.Minute)
		if m.walked() != before || g.Archives()[0].Rebuilding || g.Stats().RebuildingArchives != 0 {
			t.Errorf("looked through %d times more", m.walked()-before)
		}
		g.stop(t)
	})
}
