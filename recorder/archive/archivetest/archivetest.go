// Package archivetest is the conformance suite every archive of recordings passes.
package archivetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/recorder/archive"
)

// Run checks an empty archive.
func Run(t *testing.T, a archive.Archive) {
	ctx := t.Context()
	if err := a.Check(ctx); err != nil {
		t.Fatalf("check: %v", err)
	}
	if _, _, err := a.Open(ctx, "2026/01/02/none"); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("open a missing object: %v", err)
	}
	if _, err := a.Stat(ctx, "2026/01/02/none"); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("stat a missing object: %v", err)
	}
	if err := a.Remove(ctx, "2026/01/02/none"); err != nil {
		t.Errorf("remove a missing object: %v", err)
	}
	var keys []string
	for _, o := range []struct {
		key  string
		size int
	}{
		{"2026/01/02/rec_1/manifest.json", 600},
		{"2026/01/02/rec_1/customer-1.ogg", 70_000},
		{"2026/01/02/rec_1/empty", 0},
		{"2026/01/03/rec_2/agent-2.ogg", 19 << 20},
	} {
		body := Bytes(o.size)
		f := Source(t, body)
		for range 2 { // again is harmless
			if err := a.Put(ctx, o.key, f); err != nil {
				t.Fatalf("put %s: %v", o.key, err)
			}
		}
		keys = append(keys, o.key)
		check(t, a, o.key, body)
	}
	var got []string
	if err := a.Walk(ctx, "2026/01/", func(key string) error { got = append(got, key); return nil }); err != nil {
		t.Errorf("walk: %v", err)
	}
	slices.Sort(got)
	slices.Sort(keys)
	if !slices.Equal(got, keys) {
		t.Errorf("walk: %q, want %q", got, keys)
	}
	stop := errors.New("enough")
	if err := a.Walk(ctx, "", func(string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("walk that is stopped: %v", err)
	}

	f := Source(t, Bytes(5000))
	if err := a.Put(ctx, "2026/01/02/rec_1/manifest.json", f); err != nil {
		t.Errorf("replace: %v", err)
	}
	check(t, a, "2026/01/02/rec_1/manifest.json", Bytes(5000))

	if err := a.Put(ctx, "2026/01/02/rec_1/note.json", archive.Document(Bytes(70))); err != nil {
		t.Errorf("put a document: %v", err)
	}
	check(t, a, "2026/01/02/rec_1/note.json", Bytes(70))

	damaged := Source(t, Bytes(3000))
	damaged.SHA256 = f.SHA256
	short := Source(t, Bytes(3000))
	short.Size++
	gone := Source(t, Bytes(10))
	gone.Path += ".gone"
	for _, f := range []archive.File{damaged, short, gone} {
		if err := a.Put(ctx, "2026/01/02/rec_1/damaged", f); !errors.Is(err, archive.ErrSource) || archive.NeedsPerson(err) {
			t.Errorf("put a damaged file: %v", err)
		}
	}
	if _, err := a.Stat(ctx, "2026/01/02/rec_1/damaged"); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("a damaged file was stored: %v", err)
	}
	for _, key := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".a", "a b", "a\x00b", "a%2eb", "ä"} {
		if err := a.Put(ctx, key, f); !errors.Is(err, archive.ErrKey) {
			t.Errorf("put with key %q: %v", key, err)
		}
		if _, _, err := a.Open(ctx, key); !errors.Is(err, archive.ErrKey) {
			t.Errorf("open with key %q: %v", key, err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := a.Put(ended, "2026/01/02/rec_1/late", f); err == nil {
		t.Error("put with an ended context succeeds")
	}
	if err := a.Remove(ctx, keys[0]); err != nil {
		t.Errorf("remove: %v", err)
	}
	if _, err := a.Stat(ctx, keys[0]); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("removed object: %v", err)
	}
}

func check(t *testing.T, a archive.Archive, key string, want []byte) {
	t.Helper()
	info, err := a.Stat(t.Context(), key)
	if sum := sha256.Sum256(want); err != nil || info.Size != int64(len(want)) || info.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("stat %s: %+v, %v", key, info, err)
	}
	r, size, err := a.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("open %s: %v", key, err)
	}
	got, err := io.ReadAll(r)
	if err != nil || size != int64(len(want)) || !bytes.Equal(got, want) {
		t.Errorf("read %s: %d of %d bytes, %v", key, len(got), size, err)
	}
	if len(want) > 1000 {
		at, err := r.Seek(int64(len(want)-500), io.SeekStart)
		if err != nil || at != int64(len(want)-500) {
			t.Errorf("seek %s: %d, %v", key, at, err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want[at:]) {
			t.Errorf("read %s from %d: %d bytes, %v", key, at, len(got), err)
		}
	}
	if err := r.Close(); err != nil {
		t.Errorf("close %s: %v", key, err)
	}
}

// Bytes is n bytes that look random and are always the same.
func Bytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b) // never fails
	return b
}

// Source puts the bytes into a file to be stored.
func Source(t *testing.T, body []byte) archive.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source.ogg")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	return archive.File{Path: path, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), Resume: path + ".resume"}
}
