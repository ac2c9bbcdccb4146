package recorder

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// sealedConfig seals and signs.
func sealedConfig(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	c := testConfig(dir)
	c.Keys = KeysConfig{SignFile: filepath.Join(dir, "keys", "sign.pem"), SealFile: filepath.Join(dir, "keys", "seal.keys")}
	if err := seal.CreateRing(c.Keys.SealFile); err != nil {
		t.Fatal(err)
	}
	return c
}

// track reads a track in clear.
func (g *rig) track(t *testing.T, recID, trackID string) []byte {
	t.Helper()
	f, size, _, err := g.OpenTrack(t.Context(), recID, trackID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil || int64(len(b)) != size {
		t.Fatalf("track %s: %d of %d bytes, %v", trackID, len(b), size, err)
	}
	return b
}

// noClear fails when any file below the recorder's folders holds anything of an Ogg Opus stream.
func noClear(t *testing.T, cfg Config) {
	t.Helper()
	for _, dir := range []string{cfg.SpoolDir, cfg.Archive.Folder} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil // it may be on its way to an archive
			}
			b, err := os.ReadFile(path)
			if err == nil && (bytes.Contains(b, []byte("OggS")) || bytes.Contains(b, []byte("RIFF"))) {
				t.Errorf("%s is in clear", path)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func status(err error) int {
	var p *problem.Error
	if !errors.As(err, &p) {
		return 0
	}
	return p.Status
}

func TestRecordSealed(t *testing.T) {
	cfg := sealedConfig(t)
	cfg.Copy.Format = string(listen.Opus)
	g := newRig(t, cfg)
	rec := start(t, g, customer, agent)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate8k, false), newVoice(t, "leg_a", 900, pcm.Rate16k, true)}}
	r.run(t, rec, 100)
	var s []int16
	for limit := time.Now().Add(10 * time.Second); len(s) < 8000 && time.Now().Before(limit); time.Sleep(flushEvery / 5) {
		if exists(filepath.Join(cfg.SpoolDir, rec.ID(), "customer-1.ogg"+sealedSuffix)) {
			s = decodeGrowing(t, g.track(t, rec.ID(), "customer-1"))
		}
	}
	noClear(t, cfg)
	if p := power(s[len(s)/2:], 500); p < -20 {
		t.Errorf("while it runs: 500 Hz at %.1f dB of %d samples", p, len(s))
	}
	if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute, By: "alice"}); err != nil {
		t.Fatal(err)
	}
	r.voices[0].hz = 1700 // the card number
	r.run(t, rec, 100)
	if _, err := rec.Resume(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	r.voices[0].hz = 500
	r.run(t, rec, 100)
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	w := g.await(t, "recording.stored", rec.ID())
	noClear(t, cfg)
	for i, tr := range w.Tracks {
		b := g.track(t, w.ID, tr.ID)
		s := decode(t, b)
		if len(s) != int(tr.DurationMS)*8 {
			t.Errorf("%s: %d samples, want %d", tr.ID, len(s), tr.DurationMS*8)
		}
		hz := []float64{500, 900}[i]
		if p := power(stretch(s, 500*time.Millisecond, 1500*time.Millisecond), hz); math.Abs(p+12) > 3 {
			t.Errorf("%s: %v Hz at %.1f dB", tr.ID, hz, p)
		}
		if p := power(s, 1700); p > -60 {
			t.Errorf("%s: the pause is there at %.1f dB", tr.ID, p)
		}
		f, _, _, err := g.OpenTrack(t.Context(), w.ID, tr.ID) // for range requests
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(f, b); err != nil {
			t.Errorf("%s: %v", tr.ID, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	m := g.manifest(t, w)
	if len(m.Chains) != 2 || m.Envelope != EnvelopeName || m.Signature == nil || m.Signature.KeyID != g.signer.KeyID() {
		t.Errorf("manifest: %+v", m)
	}

	first, err := g.Peaks(t.Context(), w.ID)
	if err != nil || len(first.Tracks) != 2 || len(first.Tracks[0].Peaks) == 0 {
		t.Fatalf("peaks: %+v, %v", first, err)
	}
	if _, err := os.Stat(g.archived(w, peaksName+sealedSuffix)); err != nil {
		t.Errorf("the waveform is not kept sealed: %v", err)
	}
	if p, ok := g.keptPeaks(t.Context(), w); !ok || len(p.Tracks) != 2 {
		t.Error("the kept waveform cannot be read")
	}
	copied := g.copy(t, w.ID)
	if p, err := ogg.NewPackets(bytes.NewReader(copied)); err != nil || p.Head.Channels != 2 {
		t.Errorf("copy: %+v, %v", p, err)
	}
	noClear(t, cfg)
	for limit := time.Now().Add(10 * time.Second); g.copies.Waiting() > 0 && time.Now().Before(limit); {
		time.Sleep(time.Millisecond) // the archive has the copy before its job is over
	}
	left, err := filepath.Glob(filepath.Join(cfg.SpoolDir, "*"+unfinished+"*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}

	// Another server's key, no key, the key erased.
	g.stop(t)
	for what, keys := range map[string]KeysConfig{"another key": sealedConfig(t).Keys, "no key": {}} {
		c := cfg
		c.Keys = keys
		other := newRig(t, c)
		other.indexed(t, w.ID)
		if _, _, _, err := other.OpenTrack(t.Context(), w.ID, "customer-1"); status(err) != http.StatusServiceUnavailable {
			t.Errorf("with %s: %v", what, err)
		}
		other.stop(t)
	}
	g = newRig(t, cfg)
	g.indexed(t, w.ID)
	if err := os.Remove(g.archived(w, EnvelopeName)); err != nil {
		t.Fatal(err)
	}
	for _, track := range []string{"customer-1", CopyTrack} {
		if _, _, _, err := g.OpenTrack(t.Context(), w.ID, track); status(err) != http.StatusGone {
			t.Errorf("%s of an erased recording: %v", track, err)
		}
	}
	if _, err := g.Peaks(t.Context(), w.ID); status(err) != http.StatusGone {
		t.Errorf("waveform of an erased recording: %v", err)
	}
}

// decodeGrowing decodes a stream without its end.
func decodeGrowing(t *testing.T, b []byte) []int16 {
	t.Helper()
	s, err := ogg.Scan(bytes.NewReader(b), 0)
	if errors.Is(err, ogg.ErrNotOpus) {
		return nil // not yet
	}
	if err != nil || s.Closed {
		t.Fatalf("%+v, %v", s, err)
	}
	return decode(t, append(b, ogg.EndPage(s.Serial, s.Sequence+1, s.Granule)...))
}

// indexed waits until a restarted recorder knows the recording.
func (g *rig) indexed(t *testing.T, recID string) {
	t.Helper()
	for limit := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := g.Get(recID); err == nil {
			return
		} else if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
}

func (g *rig) manifest(t *testing.T, w wire.Recording) Manifest {
	t.Helper()
	b := readFile(t, g.archived(w, ManifestName))
	if _, err := seal.Verify(b, g.signer.Public()); err != nil {
		t.Errorf("manifest: %v", err)
	}
	m, err := ParseManifest(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// copy waits for the listening copy.
func (g *rig) copy(t *testing.T, recID string) []byte {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		f, _, kind, err := g.OpenTrack(t.Context(), recID, CopyTrack)
		if err == nil {
			b, err := io.ReadAll(f)
			if err = errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(kind, "audio/") {
				t.Errorf("the copy is %s", kind)
			}
			return b
		}
		if status(err) != http.StatusServiceUnavailable || time.Now().After(limit) {
			t.Fatalf("copy: %v", err)
		}
	}
}

// TestRecordCopy: pauses in the copy as configured, whatever the tracks have; made on demand as well.
func TestRecordCopy(t *testing.T) {
	for _, c := range []struct {
		tracks, copy string
		want         time.Duration
	}{
		{PauseSilence, PauseSilence, 6 * time.Second},
		{PauseSilence, PauseCut, 4 * time.Second},
		{PauseCut, PauseCut, 4 * time.Second},
		{PauseCut, PauseSilence, 6 * time.Second},
	} {
		cfg := testConfig(t.TempDir())
		cfg.PausePolicy, cfg.Copy.Pauses = c.tracks, c.copy
		g := newRig(t, cfg) // no format: only on demand
		rec := start(t, g, customer, agent)
		if _, _, _, err := g.OpenTrack(t.Context(), rec.ID(), CopyTrack); status(err) != http.StatusConflict {
			t.Errorf("copy of a running recording: %v", err)
		}
		r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate8k, false), newVoice(t, "leg_a", 900, pcm.Rate8k, false)}}
		r.run(t, rec, 100)
		if _, err := rec.Pause(t.Context(), PauseRequest{}); err != nil {
			t.Fatal(err)
		}
		r.run(t, rec, 100)
		if _, err := rec.Resume(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		r.run(t, rec, 100)
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		g.await(t, "recording.stored", rec.ID())
		s, err := ogg.Scan(bytes.NewReader(g.copy(t, rec.ID())), 0)
		got := time.Duration(s.Samples()) * time.Second / 48000
		if err != nil || (got-c.want).Abs() > 2*pcm.Period {
			t.Errorf("tracks with %s, copy with %s: %v long, want %v, %v", c.tracks, c.copy, got, c.want, err)
		}
		g.stop(t)
	}
}

func TestKeysConfig(t *testing.T) {
	dir := t.TempDir()
	for what, k := range map[string]KeysConfig{
		"no such seal file": {SealFile: filepath.Join(dir, "none")}, "bad keys": {SealKeys: "abc"},
		"a folder to sign with": {SignFile: dir},
	} {
		c := testConfig(dir)
		c.Keys = k
		if _, err := New(c, Deps{}); err == nil || !strings.Contains(err.Error(), "recorder.keys.") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, change := range map[string]func(*Config){
		"two": func(c *Config) { c.Keys.SealFile, c.Keys.SealKeys = "a", "b" }, "format": func(c *Config) { c.Copy.Format = "mp3" },
		"pauses": func(c *Config) { c.Copy.Pauses = "" }, "percent": func(c *Config) { c.Copy.CPUPercent = 0 },
	} {
		c := testConfig(dir)
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: taken", what)
		}
	}
}
