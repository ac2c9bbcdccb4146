package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/recorder/wave"
)

// TestCutSamples: a track of samples that a crash has cut anywhere holds what it held, and nothing behind a pause.
func TestCutSamples(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		cfg := testConfig(t.TempDir())
		name := "customer-1.wav"
		if sealed {
			cfg.Keys, name = sealedConfig(t).Keys, name+sealedSuffix
		}
		g := newRig(t, cfg)
		rec := start(t, g, customer)
		p := &phone{leg: "leg_c", law: media.PCMU}
		var at uint64
		var said []byte
		for range 200 {
			tick(rec, &at, p.tapped())
			said = append(said, p.packet[:]...)
		}
		dir := filepath.Join(cfg.SpoolDir, rec.ID())
		await(t, dir, name, len(said))
		running := t.TempDir()
		copyDir(t, dir, running)
		if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil {
			t.Fatal(err)
		}
		paused := t.TempDir()
		copyDir(t, dir, paused)
		if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			tick(rec, &at, p.tapped())
		}
		w, err := rec.Stop(t.Context(), "hangup")
		if err != nil {
			t.Fatal(err)
		}
		g.await(t, "recording.stored", w.ID)
		longer := readFile(t, g.archived(w, name))
		g.stop(t)
		whole := readFile(t, filepath.Join(running, name))
		for _, c := range []struct {
			name  string
			from  string
			track []byte
			chain bool
			least int // frames that must be there
			most  int
		}{
			{"as it was", running, whole, true, 200, 200},
			{"torn", running, whole[:len(whole)-37], true, 180, 199},
			{"half", running, whole[:len(whole)/2], true, 80, 100},
			{"no chain", running, whole, false, 200, 200},
			{"a hole at the end", running, append(bytes.Clone(whole), make([]byte, 4096)...), true, 200, 200},
			{"paused", paused, whole, true, 200, 200},
			{"paused, with audio behind", paused, longer, true, 200, 200},
			{"paused, with audio behind, no chain", paused, longer, false, 200, 200},
		} {
			t.Run(fmt.Sprint(c.name, sealed), func(t *testing.T) {
				again := cfg
				again.SpoolDir, again.Archive.Folder = filepath.Join(t.TempDir(), "spool"), filepath.Join(t.TempDir(), "archive")
				dir := filepath.Join(again.SpoolDir, rec.ID())
				copyDir(t, c.from, dir)
				if err := os.WriteFile(filepath.Join(dir, name), c.track, 0o640); err != nil {
					t.Fatal(err)
				}
				if !c.chain {
					if err := os.Remove(filepath.Join(dir, "customer-1.chain")); err != nil {
						t.Fatal(err)
					}
				}
				g := newRig(t, again)
				w := g.await(t, "recording.stored", rec.ID())
				in, _, _, err := g.OpenTrack(t.Context(), w.ID, "customer-1")
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(in)
				if err = errors.Join(err, in.Close()); err != nil {
					t.Fatal(err)
				}
				got := readTape(t, b)
				n := len(got.samples) / wave.FrameSize
				if !bytes.HasPrefix(said, got.samples) || n < c.least || n > c.most || w.Tracks[0].DurationMS != int64(len(got.samples)/8) {
					t.Errorf("%d frames of %d to %d, or others; %+v", n, c.least, c.most, w.Tracks[0])
				}
				m, err := readManifest(filepath.Dir(g.archived(w, ManifestName)))
				if err != nil || len(m.Chains) != 1 || m.Chains[0].Broken != nil || m.Chains[0].Bytes != w.Tracks[0].Bytes {
					t.Errorf("chains: %+v, %v", m.Chains, err)
				}
			})
		}
	}
}

// await waits until a spooled file has so many bytes.
func await(t *testing.T, dir, name string, size int) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if st, err := os.Stat(filepath.Join(dir, name)); err == nil && st.Size() >= int64(size) {
			return
		} else if time.Now().After(limit) {
			t.Fatalf("%s: %v, %v", name, st, err)
		}
	}
}

// TestChangedSamplesAreNamed: recovery says which chunk of a track of samples is not what its chain has.
func TestChangedSamplesAreNamed(t *testing.T) {
	cfg := testConfig(t.TempDir())
	g := newRig(t, cfg)
	rec := start(t, g, customer)
	p := &phone{leg: "leg_c", law: media.PCMU}
	var at uint64
	for range 200 {
		tick(rec, &at, p.tapped())
	}
	if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil { // its entry is on disk behind all of it
		t.Fatal(err)
	}
	spooled := filepath.Join(cfg.SpoolDir, rec.ID())
	again := testConfig(t.TempDir())
	dir := filepath.Join(again.SpoolDir, rec.ID())
	copyDir(t, spooled, dir)
	b := readFile(t, filepath.Join(dir, "customer-1.wav"))
	b[len(b)/2] ^= 1
	if err := os.WriteFile(filepath.Join(dir, "customer-1.wav"), b, 0o640); err != nil {
		t.Fatal(err)
	}
	o := newRig(t, again)
	w := o.await(t, "recording.stored", rec.ID())
	m, err := readManifest(filepath.Dir(o.archived(w, ManifestName)))
	if err != nil || len(m.Chains) != 1 || m.Chains[0].Broken == nil || *m.Chains[0].Broken < 1 || m.Chains[0].Chunks <= *m.Chains[0].Broken {
		t.Errorf("chains: %+v, %v", m.Chains, err)
	}
}
