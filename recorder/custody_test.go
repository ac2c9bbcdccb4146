package recorder

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// slowArchive lets a test in before an object is removed.
type slowArchive struct {
	archive.Archive
	before atomic.Pointer[func(key string)]
}

func (a *slowArchive) Remove(ctx context.Context, key string) error {
	if f := a.before.Load(); f != nil {
		(*f)(key)
	}
	return a.Archive.Remove(ctx, key)
}

// sealedRig is a rig with sealed recordings, and its configuration.
func sealedRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	dir := t.TempDir()
	cfg := testConfig(dir)
	cfg.Keys.SealFile = filepath.Join(dir, "seal.keys")
	if err := seal.CreateRing(cfg.Keys.SealFile); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	return newRig(t, cfg)
}

// TestHoldAgainstErase: a hold that was granted finds the key, and no erasing that was begun before takes it from it;
// one that comes too late is told so.
func TestHoldAgainstErase(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig(dir)
	cfg.Keys.SealFile = filepath.Join(dir, "seal.keys")
	if err := seal.CreateRing(cfg.Keys.SealFile); err != nil {
		t.Fatal(err)
	}
	bus := event.New(1024, 1, time.Now)
	r, err := New(cfg, Deps{Bus: bus, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowArchive{Archive: r.archives[0]}
	r.archives[0] = slow
	g := runRig(t, r, bus, cfg)
	w := g.make1(t)
	key, asked := g.archived(w, EnvelopeName), make(chan error, 1)
	slow.before.Store(new(func(key string) {
		if path.Base(key) == EnvelopeName {
			_, err := g.Hold(t.Context(), w.ID, true, "judge", "")
			asked <- err
		}
	}))
	if _, done, err := g.EraseKey(t.Context(), w.ID, "maja", ""); !done || err != nil {
		t.Fatalf("done %v, %v", done, err)
	}
	refused(t, <-asked, http.StatusConflict, "recording_erasing")
	if exists(key) {
		t.Error("the key is still there")
	}
	slow.before.Store(nil)
	for range 10 { // whoever is first
		w := g.make1(t)
		key := g.archived(w, EnvelopeName)
		erased := make(chan error, 1)
		go func() {
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
			_, _, err := g.EraseKey(t.Context(), w.ID, "maja", "")
			erased <- err
		}()
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		_, err := g.Hold(t.Context(), w.ID, true, "judge", "")
		had := exists(key)
		if lost := <-erased; err == nil && had && !exists(key) {
			t.Errorf("the key of a held recording is gone; erasing answered %v", lost)
		} else if lost == nil && exists(key) {
			t.Error("erased, but the key is there")
		}
		if err != nil {
			refused(t, err, http.StatusConflict, "recording_erasing")
		}
	}
}

// TestEraseGoesOn: an erasing whose archive is away is carried out when it is back, by the next process; nobody can
// open or hold the recording meanwhile, and it is audited when it is done.
func TestEraseGoesOn(t *testing.T) {
	s := archivetest.NewGateway(t)
	g := sealedRig(t, func(c *Config) { c.Archive.S3 = s3Config("", s).Archive.S3 })
	w := g.make1(t)
	s.Stop()
	if _, done, err := g.EraseKey(t.Context(), w.ID, "maja", "asked for"); done || err != nil {
		t.Fatalf("done %v, %v", done, err)
	}
	_, err := g.Hold(t.Context(), w.ID, true, "judge", "")
	refused(t, err, http.StatusConflict, "recording_erasing")
	_, _, _, err = g.OpenTrack(t.Context(), w.ID, "customer-1")
	refused(t, err, http.StatusGone, "recording_erased")
	g.stop(t)
	s.Start(t)
	audited := make(chan wire.AuditEntry, 10)
	r, err := New(g.cfg, Deps{Bus: g.bus, Log: g.log, Audit: func(e wire.AuditEntry) error { audited <- e; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	g = runRig(t, r, g.bus, g.cfg)
	if e := <-audited; e.Action != "recording.key_erased" || e.Object != w.ID || e.Actor != "maja" || e.Detail["reason"] != "asked for" {
		t.Errorf("audited: %+v", e)
	}
	for _, dir := range []string{g.cfg.Archive.Folder, s.Dir} {
		for _, name := range traces(t, w.ID, dir) {
			if filepath.Base(name) == EnvelopeName {
				t.Errorf("left behind: %s", name)
			}
		}
	}
	awaitTrue(t, "the order to be forgotten", func() bool { return g.custody.get(w.ID).free() })
	_, _, err = g.EraseKey(t.Context(), w.ID, "maja", "")
	refused(t, err, http.StatusGone, "recording_erased")
	if x, err := g.Hold(t.Context(), w.ID, true, "judge", ""); err != nil || x.Hold == nil { // what is left can be held
		t.Errorf("hold: %+v, %v", x, err)
	}
}

// TestEraseLockedByStore: a store that keeps the key under a lock leaves everything as it was.
func TestEraseLockedByStore(t *testing.T) {
	s := archivetest.NewLockGateway(t, "locked")
	g := sealedRig(t, func(c *Config) {
		c.Archive.S3 = s3Config("", s).Archive.S3
		c.Archive.S3.Bucket, c.Archive.S3.Lock, c.Archive.S3.LockFor = "locked", archive.LockCompliance, time.Hour
	})
	w := g.make1(t)
	_, _, err := g.EraseKey(t.Context(), w.ID, "maja", "")
	refused(t, err, http.StatusConflict, "recording_locked")
	if !g.custody.get(w.ID).free() || exists(g.archived(w, ErasedName)) || len(traces(t, ErasedName, s.Dir)) > 0 {
		t.Error("not everything is as it was")
	}
	f, _, _, err := g.OpenTrack(t.Context(), w.ID, "customer-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestHoldBeforeStored: while one archive is away the other one, which has all of a held recording, knows of the hold;
// so it does of the release.
func TestHoldBeforeStored(t *testing.T) {
	s := archivetest.NewGateway(t)
	s.Stop()
	g := sealedRig(t, func(c *Config) { c.Archive.S3 = s3Config("", s).Archive.S3 })
	rec := start(t, g, customer)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false)}}
	r.run(t, rec, 50)
	w, err := rec.Stop(t.Context(), "hangup")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Hold(t.Context(), w.ID, true, "judge", "case 7"); err != nil { // before the folder has it, or after
		t.Fatal(err)
	}
	note := g.archived(w, HoldName)
	awaitTrue(t, "the folder to know", func() bool { return exists(note) && exists(g.archived(w, ManifestName)) })
	if x, err := g.Get(w.ID); err != nil || x.State == wire.RecordingStored {
		t.Fatalf("%+v, %v", x, err)
	}
	if _, err := g.Hold(t.Context(), w.ID, false, "judge", ""); err != nil {
		t.Fatal(err)
	}
	awaitTrue(t, "the folder to know of the release", func() bool { return !exists(note) })
	if _, err := g.Hold(t.Context(), w.ID, true, "judge", "case 8"); err != nil {
		t.Fatal(err)
	}
	awaitTrue(t, "the folder to know again", func() bool { return exists(note) })
	s.Start(t)
	g.await(t, "recording.stored", w.ID)
	awaitTrue(t, "both to know", func() bool { return g.custody.get(w.ID).Told })
	if len(traces(t, "case 8", s.Dir)) == 0 {
		t.Error("the bucket does not know")
	}
}

// TestHoldOfWhatComesLater: a store with object lock holds what is made of a recording behind the hold.
func TestHoldOfWhatComesLater(t *testing.T) {
	s := archivetest.NewLockGateway(t, "held")
	g := sealedRig(t, func(c *Config) {
		c.Archive = s3Config("", s).Archive
		c.Archive.Folder = ""
		c.Archive.S3.Bucket, c.Archive.S3.Lock = "held", archive.LockHold
	})
	w := g.make1(t)
	if _, err := g.Hold(t.Context(), w.ID, true, "judge", ""); err != nil {
		t.Fatal(err)
	}
	awaitTrue(t, "the store to know", func() bool { return g.custody.get(w.ID).Told })
	awaitTrue(t, "the copy", func() bool {
		f, _, _, err := g.OpenTrack(t.Context(), w.ID, CopyTrack)
		return err == nil && f.Close() == nil
	})
	c, err := minio.New(s.Addr, &minio.Options{Creds: credentials.NewStaticV4(archivetest.AccessKey, archivetest.SecretKey, ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range []string{"copy.ogg" + sealedSuffix, CopyManifestName} {
		awaitTrue(t, "the store to hold "+object, func() bool {
			on, err := c.GetObjectLegalHold(t.Context(), "held", folderKey(w)+object, minio.GetObjectLegalHoldOptions{})
			return err == nil && on != nil && *on == minio.LegalHoldEnabled
		})
		if err := g.archives[0].Remove(t.Context(), folderKey(w)+object); !errors.Is(err, archive.ErrLocked) {
			t.Errorf("the store lets %s go: %v", object, err)
		}
	}
}

// TestHoldLock: a command that has the lock keeps holds from being set, and sees those that were.
func TestHoldLock(t *testing.T) {
	g := sealedRig(t, nil)
	w := g.make1(t)
	if _, err := LockHolds(t.Context(), t.TempDir()); !errors.Is(err, ErrNoSpool) {
		t.Errorf("no spool: %v", err)
	}
	l, err := LockHolds(t.Context(), g.cfg.SpoolDir)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := l.Held(w.ID); held || err != nil {
		t.Errorf("held %v, %v", held, err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = g.Hold(soon, w.ID, true, "judge", "")
	refused(t, err, http.StatusServiceUnavailable, "recorder_unavailable")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Hold(t.Context(), w.ID, true, "judge", ""); err != nil {
		t.Fatal(err)
	}
	if l, err = LockHolds(t.Context(), g.cfg.SpoolDir); err != nil {
		t.Fatal(err)
	}
	if held, err := l.Held(w.ID); !held || err != nil {
		t.Errorf("held %v, %v", held, err)
	}
	if _, err := l.Held("../" + w.ID); err == nil || !strings.Contains(err.Error(), "id") {
		t.Errorf("a bad id: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestRetentionIsAudited: what is kept no longer is not deleted before that is written down.
func TestRetentionIsAudited(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Policy.Keep = Keep{For: time.Second}
	bus := event.New(64, 1, time.Now)
	entries, full := make(chan wire.AuditEntry, 10), make(chan struct{}, 100)
	var works atomic.Bool
	r, err := New(cfg, Deps{Bus: bus, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Audit: func(e wire.AuditEntry) error {
		if !works.Load() {
			full <- struct{}{}
			return errors.New("no space left on device")
		}
		entries <- e
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.hurry = 0.02
	g := runRig(t, r, bus, cfg)
	w := g.make1(t)
	for range 3 { // it is tried again
		<-full
	}
	if x, err := g.Get(w.ID); err != nil || x.State != wire.RecordingStored {
		t.Errorf("%+v, %v", x, err)
	}
	works.Store(true)
	awaitTrue(t, "retention", func() bool { _, err := g.Get(w.ID); return err != nil })
	for _, want := range []string{"recording.delete_asked", "recording.deleted"} {
		if e := <-entries; e.Action != want || e.Object != w.ID || e.Actor != "server" || e.Detail["reason"] != "retention" {
			t.Errorf("audited %+v, want %s", e, want)
		}
	}
}
