package proof

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/recorder"
)

// TestVerifyCopy: a listening copy is proved by a signed document of its own; a restart makes one that was to
// be made.
func TestVerifyCopy(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		s := newSite(t, sealed)
		s.cfg.Copy.Format = "opus"
		w, folder := s.record(t, time.Second)
		dir := filepath.Join(s.cfg.Archive.Folder, folder)
		doc := filepath.Join(dir, recorder.CopyManifestName)
		there := func() bool { _, err := os.Stat(doc); return err == nil }
		marker := filepath.Join(s.cfg.SpoolDir, w.ID+".copy")
		if !there() { // the server was stopped before it came to it
			if _, err := os.Stat(marker); err != nil {
				t.Fatalf("sealed %v: nothing tells that the copy is to be made: %v", sealed, err)
			}
		} else {
			for _, path := range []string{doc, filepath.Join(dir, "copy.ogg"), filepath.Join(dir, "copy.ogg.sealed")} {
				if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			write(t, marker, nil)
		}
		_, _, stop := s.start(t)
		for limit := time.Now().Add(20 * time.Second); !there(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("sealed %v: no copy after a restart", sealed)
			}
		}
		for limit := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(marker); errors.Is(err, os.ErrNotExist) {
				break
			}
			if time.Now().After(limit) {
				t.Fatal("the copy is still to be made")
			}
		}
		stop()
		r, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public})
		if err != nil || len(r.Remarks) != 1 || !strings.Contains(r.Remarks[0], "is as it was made") {
			t.Errorf("sealed %v: %+v, %v", sealed, r, err)
		}
		object := filepath.Join(dir, "copy.ogg")
		if sealed {
			object += ".sealed"
		}
		good := read(t, object)
		bad := append([]byte(nil), good...)
		bad[len(bad)/2] ^= 1
		write(t, object, bad)
		if _, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public}); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "listening copy") {
			t.Errorf("sealed %v: a changed copy: %v", sealed, err)
		}
		write(t, object, good)
		text := read(t, doc)
		write(t, doc, []byte(strings.Replace(string(text), `"bytes": `, `"bytes": 1`, 1)))
		if _, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public}); !errors.Is(err, ErrBad) {
			t.Errorf("sealed %v: a changed manifest of the copy: %v", sealed, err)
		}
		if err := os.Remove(doc); err != nil {
			t.Fatal(err)
		}
		for what, copied := range map[string][]byte{"a copy nothing proves": good, "a doctored one": bad} {
			write(t, object, copied)
			if _, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public}); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "nothing proves") {
				t.Errorf("sealed %v: %s: %v", sealed, what, err)
			}
		}
		write(t, object, good)
		write(t, doc, text)
		write(t, filepath.Join(dir, "copy.wav"), good)
		if _, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public}); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "copy.wav") {
			t.Errorf("sealed %v: a second copy: %v", sealed, err)
		}
	}
}
