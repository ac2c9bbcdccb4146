package proof

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/recorder"
	"github.com/cordboard/cordboard/recorder/archive"
	"github.com/cordboard/cordboard/recorder/seal"
)

// TestVerifyKey: a wrapped key that was changed, or is another recording's, is noticed: by anybody where it is none any
// more, by who has the keys that wrap in any case.
func TestVerifyKey(t *testing.T) {
	s := newSite(t, true)
	_, folder := s.record(t, time.Second)
	_, other := s.record(t, time.Second)
	path := filepath.Join(s.cfg.Archive.Folder, folder, recorder.EnvelopeName)
	good := read(t, path)
	swapped := read(t, filepath.Join(s.cfg.Archive.Folder, other, recorder.EnvelopeName))
	e, err := seal.ParseEnvelope(good)
	if err != nil {
		t.Fatal(err)
	}
	flipped := e
	flipped.Value = append([]byte(nil), e.Value...)
	flipped.Value[len(flipped.Value)/2] ^= 1
	unknown := e
	unknown.KeyID = "0123456789abcdef"
	for _, c := range []struct {
		what          string
		b             []byte
		bad, badKeyed bool // without the keys that wrap, and with them
		opens         bool
	}{
		{"as it was", good, false, false, true},
		{"empty", nil, true, true, false},
		{"another document", []byte("{}"), true, true, false},
		{"no document", []byte("x"), true, true, false},
		{"another recording's", swapped, true, true, false},
		{"a flipped bit", flipped.Encode(), false, true, false},
		{"wrapped by a key that is not here", unknown.Encode(), false, false, false},
	} {
		write(t, path, c.b)
		r, err := Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public})
		if errors.Is(err, ErrBad) != c.bad || err != nil && !c.bad || r.Opens {
			t.Errorf("%s: %+v, %v", c.what, r, err)
		}
		r, err = Verify(t.Context(), s.archive(), folder, Trust{Keys: s.public, Keeper: s.keeper})
		if errors.Is(err, ErrBad) != c.badKeyed || err != nil && !c.badKeyed || r.Opens != c.opens {
			t.Errorf("%s, with the keys: %+v, %v", c.what, r, err)
		}
	}
}

// TestVerifySwappedFolder: another recording in the folder of one is noticed, whatever is done with it.
func TestVerifySwappedFolder(t *testing.T) {
	s := newSite(t, true)
	w, folder := s.record(t, time.Second)
	_, other := s.record(t, time.Second)
	dir := filepath.Join(s.cfg.Archive.Folder, folder)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	copyTree(t, filepath.Join(s.cfg.Archive.Folder, other), dir)
	alone := archive.NewFolder(filepath.Dir(dir)) // as it is when somebody names the folder itself
	for a, f := range map[archive.Archive]string{s.archive(): folder, alone: w.ID + "/"} {
		if _, err := Verify(t.Context(), a, f, Trust{Keys: s.public}); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), w.ID) {
			t.Errorf("verify: %v", err)
		}
		if _, err := Export(t.Context(), a, f, Trust{Keeper: s.keeper}, t.TempDir(), ExportOptions{}); !errors.Is(err, ErrBad) {
			t.Errorf("export: %v", err)
		}
		if _, err := Erase(t.Context(), a, f); !errors.Is(err, ErrBad) {
			t.Errorf("erase: %v", err)
		}
	}
	if _, err := Export(t.Context(), s.archive(), other, Trust{Keeper: s.keeper, Keys: newSite(t, false).public}, t.TempDir(), ExportOptions{}); !errors.Is(err, seal.ErrSigner) {
		t.Errorf("export of what somebody else has signed: %v", err)
	}
}

// hookArchive lets a test in before an object is stored.
type hookArchive struct {
	archive.Archive
	before func(key string)
}

func (a hookArchive) Put(ctx context.Context, key string, f archive.File) error {
	a.before(key)
	return a.Archive.Put(ctx, key, f)
}

// hookKeeper lets a test in before a key is wrapped.
type hookKeeper struct {
	seal.Keeper
	before func()
}

func (k hookKeeper) Wrap(ctx context.Context, key []byte, text string) (seal.Wrapped, error) {
	k.before()
	return k.Keeper.Wrap(ctx, key, text)
}

// TestRewrapAgainstErase: an erased key does not come back because somebody was just wrapping it anew, whenever it was
// erased.
func TestRewrapAgainstErase(t *testing.T) {
	for _, when := range []string{"while it is wrapped", "while it is stored"} {
		s := newSite(t, true)
		_, folder := s.record(t, time.Second)
		ring, err := seal.ParseRing(seal.GenerateKey() + "\n" + string(read(t, s.cfg.Keys.SealFile)))
		if err != nil {
			t.Fatal(err)
		}
		erase := func() {
			if _, err := Erase(t.Context(), s.archive(), folder); err != nil {
				t.Errorf("%s: erase: %v", when, err)
			}
		}
		a, keeper := s.archive(), seal.Keeper(ring)
		if when == "while it is wrapped" {
			keeper = hookKeeper{ring, erase}
		} else {
			a = hookArchive{a, func(key string) {
				if path.Base(key) == recorder.EnvelopeName {
					erase()
				}
			}}
		}
		r, err := Rewrap(t.Context(), a, folder, keeper, nil)
		if !errors.Is(err, recorder.ErrErased) || r.Done != 0 {
			t.Errorf("%s: %+v, %v", when, r, err)
		}
		if _, err := os.Stat(filepath.Join(s.cfg.Archive.Folder, folder, recorder.EnvelopeName)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the key is back: %v", when, err)
		}
	}
}
