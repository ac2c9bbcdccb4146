package recorder

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestMoveCutShort: a recording is finished on the fallback's disk because its own stays full. Whenever that is cut
// short, right before the move counts or right behind, the next start finds the recording once and whole.
func TestMoveCutShort(t *testing.T) {
	for _, when := range []string{"before", "behind"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, cut := t.TempDir(), t.TempDir()
				cfg := testConfig(dir)
				cfg.FallbackDir = filepath.Join(dir, "fallback")
				b := newBubble(t, cfg, newFaultDisk())
				b.record(1)
				b.run(3 * time.Second)
				home := filepath.Join(cfg.SpoolDir, b.recs[0].ID())
				full := diskFull(cfg.SpoolDir)
				var moved, copied atomic.Bool
				b.disk.set(0, func(op, path string) error {
					moving := op == "rename" && path == home
					if (when == "before" && moving || when == "behind" && moved.Load() && op == "syncdir" && path == cfg.SpoolDir) && !copied.Swap(true) {
						if err := os.CopyFS(cut, os.DirFS(dir)); err != nil {
							t.Error(err)
						}
					}
					if moving {
						moved.Store(true)
					}
					return full(op, path)
				})
				b.run(4 * time.Second)
				b.hangup()
				b.stored()
				b.close()
				if !moved.Load() || !copied.Load() {
					t.Fatalf("moved %v, copied %v", moved.Load(), copied.Load())
				}

				again := testConfig(cut)
				again.FallbackDir = filepath.Join(cut, "fallback")
				other := newBubble(t, again, newFaultDisk())
				other.recs, other.ticks = b.recs, b.ticks
				synctest.Wait()
				time.Sleep(time.Second)
				other.stored()
				if lost := other.missing(); lost > 0 {
					t.Errorf("%d frames lost", lost)
				}
				other.close()
				other = newBubble(t, again, newFaultDisk()) // nothing comes up a second time
				time.Sleep(time.Minute)
				for _, e := range other.events {
					if w, ok := e.Data.(wire.Recording); ok {
						t.Errorf("again: %s %s", e.Type, w.ID)
					}
				}
				other.close()
				for _, root := range again.spools() {
					left, err := filepath.Glob(filepath.Join(root, "rec_*"))
					if err != nil || len(left) > 0 {
						t.Errorf("left: %q, %v", left, err)
					}
				}
			})
		})
	}
}

// TestMoveIsTriedAgain: the fallback's disk fails in the middle of the move, too. Nothing is taken from where the
// recording is, what was copied goes, and when the disk is better the sealed recording is whole over there.
func TestMoveIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cfg := testConfig(dir)
		cfg.FallbackDir = filepath.Join(dir, "fallback")
		cfg.Keys.SealFile = filepath.Join(dir, "seal.keys")
		if err := seal.CreateRing(cfg.Keys.SealFile); err != nil {
			t.Fatal(err)
		}
		b := newBubble(t, cfg, newFaultDisk())
		b.record(1)
		b.run(3 * time.Second)
		rec := b.recs[0]
		full := diskFull(cfg.SpoolDir)
		b.disk.set(0, full)
		b.run(3 * time.Second)
		var tries atomic.Int64
		b.disk.set(0, func(op, path string) error {
			if op == "create" && strings.HasPrefix(path, cfg.FallbackDir) && strings.HasSuffix(path, EnvelopeName+freshSuffix) {
				tries.Add(1)
				return syscall.EIO
			}
			return full(op, path)
		})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b.hangup()
		}()
		time.Sleep(20 * time.Second)
		for _, name := range []string{journalName, EnvelopeName, "customer-1.ogg.sealed"} {
			if !exists(filepath.Join(cfg.SpoolDir, rec.ID(), name)) {
				t.Errorf("%s is gone", name)
			}
			if exists(filepath.Join(cfg.FallbackDir, rec.ID(), name)) && name != "customer-1.ogg.sealed" {
				t.Errorf("%s is left on the fallback's disk", name)
			}
		}
		b.disk.set(0, full)
		<-ended
		b.stored()
		if tries.Load() < 3 {
			t.Errorf("%d tries", tries.Load())
		}
		for _, track := range []string{"customer-1", "agent-2"} {
			f, _, _, err := b.r.OpenTrack(t.Context(), rec.ID(), track)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(f)
			if err = errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			packets, err := ogg.NewPackets(bytes.NewReader(body))
			n := 0
			for err == nil {
				if _, err = packets.Next(); err == nil {
					n++
				}
			}
			if !errors.Is(err, io.EOF) || n < int(b.ticks[0]) {
				t.Errorf("%s: %d packets of %d: %v", track, n, b.ticks[0], err)
			}
		}
		b.close()
	})
}
