package recorder

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"testing"
)

// TestCopyProven: a listening copy in the clear that was changed, or that nothing proves, is never given out: it is made
// again.
func TestCopyProven(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Copy.Format = "wav"
	g := newRig(t, cfg)
	w := g.make1(t)
	good := g.copy(t, w.ID)
	object, doc := g.archived(w, "copy.wav"), g.archived(w, CopyManifestName)
	awaitTrue(t, "its manifest", func() bool { return exists(doc) })
	doctored := bytes.Clone(good)
	doctored[len(doctored)/2] ^= 1
	for what, change := range map[string]func() error{
		"changed":             func() error { return os.WriteFile(object, doctored, 0o640) },
		"changed, not proved": func() error { return errors.Join(os.WriteFile(object, doctored, 0o640), os.Remove(doc)) },
		"not proved":          func() error { return os.Remove(doc) },
		"proved for another": func() error {
			return os.WriteFile(doc, bytes.Replace(readFile(t, doc), []byte(w.ID), []byte("rec_01M7YV05KF587JZJVA1WXS0000"), 1), 0o640)
		},
	} {
		g.proofs.mu.Lock()
		g.proofs.till = nil // as if ten minutes were over
		g.proofs.mu.Unlock()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := g.OpenTrack(t.Context(), w.ID, CopyTrack); status(err) != http.StatusServiceUnavailable {
			t.Errorf("%s: %v", what, err)
		}
		if got := g.copy(t, w.ID); !bytes.Equal(got, good) {
			t.Errorf("%s: another copy is given out", what)
		}
	}
}
