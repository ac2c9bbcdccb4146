package proof

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/listen"
	"github.com/cordboard/cordboard/recorder/wave"
)

// TestVerifySamples: a track of samples proves what it holds as every track does, and is exported byte for byte.
func TestVerifySamples(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		s := newSite(t, sealed)
		r, bus, stop := s.start(t)
		rec := begin(t, r)
		var sent []byte
		var in pcm.Frame
		in.Reset(pcm.Rate8k)
		next := time.Now()
		for tick := range uint64(100) {
			p := make([]byte, wave.FrameSize)
			for i := range p {
				p[i] = byte(rand.Int())
			}
			sent = append(sent, p...)
			rec.Tick(tick+1, []media.Tapped{{Member: "leg_c", Kind: media.Audio, In: &in, Sent: media.PCMU, Samples: p}})
			next = next.Add(pcm.Period)
			time.Sleep(time.Until(next))
		}
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		w := stored(t, bus, rec.ID())
		stop()
		folders, err := Find(t.Context(), s.archive(), "")
		if err != nil || len(folders) != 1 || len(w.Tracks) != 1 {
			t.Fatalf("%q, %+v, %v", folders, w.Tracks, err)
		}
		verify := func() (Report, error) {
			return Verify(t.Context(), s.archive(), folders[0], Trust{Keys: s.public, Keeper: s.keeper})
		}
		report, err := verify()
		if err != nil || report.Chunks < 4 || report.Bytes != w.Tracks[0].Bytes {
			t.Fatalf("sealed %v: %+v, %v", sealed, report, err)
		}
		out := t.TempDir()
		if _, err := Export(t.Context(), s.archive(), folders[0], Trust{Keys: s.public, Keeper: s.keeper}, out, ExportOptions{Copy: listen.WAV}); err != nil {
			t.Fatal(err)
		}
		if b := read(t, filepath.Join(out, w.ID, "customer-1.wav")); !bytes.HasSuffix(b, sent) || len(b) > len(sent)+300 {
			t.Errorf("sealed %v: %d bytes exported for %d, or others", sealed, len(b), len(sent))
		}
		path := filepath.Join(s.cfg.Archive.Folder, folders[0], w.Tracks[0].Object)
		whole := read(t, path)
		for range 10 {
			b := bytes.Clone(whole)
			switch at := rand.IntN(len(b) - 1); rand.IntN(4) {
			case 0:
				b[at] ^= 1 << rand.IntN(8)
			case 1:
				b = append(b[:at], b[at+1:]...)
			case 2:
				b = b[:at]
			default:
				b = append(b, byte(at))
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := verify(); !errors.Is(err, ErrBad) {
				t.Errorf("sealed %v: changed samples verify: %v", sealed, err)
			}
		}
	}
}
