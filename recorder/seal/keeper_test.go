package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRing(t *testing.T) {
	a, b := GenerateKey(), GenerateKey()
	for name, text := range map[string]string{
		"lines": "# comment\n" + a + "\n\n" + b + "\n", "commas": a + "," + b, "spaces": " " + a + "  " + b,
	} {
		r, err := ParseRing(text)
		if err != nil || len(r.keys) != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"empty": "", "comment": "# " + a, "short": a[:20], "long": a + a, "not base64": strings.Repeat("!", 44)} {
		r, err := ParseRing(text)
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if len(text) > 20 && strings.Contains(err.Error(), text[:20]) {
			t.Errorf("%s: the key is in the error: %v", name, err)
		}
		if r != nil {
			t.Errorf("%s: a ring beside the error", name)
		}
	}
}

func TestEnvelope(t *testing.T) {
	k, e, ring := testKey(t)
	secret := k.secret
	if bytes.Contains(e.Encode(), secret[:]) {
		t.Error("the key is in its envelope")
	}
	read, err := ParseEnvelope(e.Encode())
	if err != nil {
		t.Fatal(err)
	}
	got, err := read.Open(t.Context(), ring)
	if err != nil || got.secret != secret || got.recording != recording {
		t.Errorf("open: %v", err)
	}
	other := read
	other.Recording = "rec_01JD0000000000000000000001"
	if _, err := other.Open(t.Context(), ring); !errors.Is(err, ErrUnwrap) {
		t.Errorf("envelope of another recording: %v", err)
	}
	for i := range e.Value {
		bad := read
		bad.Value = bytes.Clone(e.Value)
		bad.Value[i] ^= 1
		if _, err := bad.Open(t.Context(), ring); !errors.Is(err, ErrUnwrap) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	stranger, err := ParseRing(GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Open(t.Context(), stranger); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("without the key: %v", err)
	}
	for _, bad := range []string{"", "{}", `{"version":2}`, `{"version":1,"recording":"x","key_id":"y","value":""}`, strings.Repeat(" ", maxEnvelope+1)} {
		if _, err := ParseEnvelope([]byte(bad)); err == nil {
			t.Errorf("envelope %.40q is taken", bad)
		}
	}
}

func TestRotation(t *testing.T) {
	old, fresh := GenerateKey(), GenerateKey()
	before, err := ParseRing(old)
	if err != nil {
		t.Fatal(err)
	}
	both, err := ParseRing(fresh + "\n" + old)
	if err != nil {
		t.Fatal(err)
	}
	after, err := ParseRing(fresh)
	if err != nil {
		t.Fatal(err)
	}
	k, e, err := NewKey(t.Context(), before, recording)
	if err != nil {
		t.Fatal(err)
	}
	_, chunks := sealed(t, k, 3)
	if _, changed, err := e.Rewrap(t.Context(), before); err != nil || changed {
		t.Errorf("wrapped again by the same key: %v, %v", changed, err)
	}
	if _, _, err := e.Rewrap(t.Context(), after); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("without the old key: %v", err)
	}
	next, changed, err := e.Rewrap(t.Context(), both)
	if err != nil || !changed || next.KeyID == e.KeyID {
		t.Fatalf("rewrap: %+v, %v, %v", next, changed, err)
	}
	again, err := next.Open(t.Context(), after) // the old key may go
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(again, bytes.Join(chunks, nil)); err != nil {
		t.Errorf("open after the rotation: %v", err)
	}
}

func TestRingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "seal.key")
	if err := CreateRing(path); err != nil {
		t.Fatal(err)
	}
	if err := CreateRing(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over a key: %v", err)
	}
	if _, err := LoadRing(path); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRing(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key everybody can read: %v", err)
	}
	if _, err := LoadRing(path + ".gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func FuzzEnvelope(f *testing.F) {
	_, e, _ := testKey(f)
	f.Add(e.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEnvelope(b)
		if err != nil {
			return
		}
		again, err := ParseEnvelope(e.Encode())
		if err != nil || again.Recording != e.Recording || again.KeyID != e.KeyID || !bytes.Equal(again.Value, e.Value) {
			t.Fatalf("%+v became %+v, %v", e, again, err)
		}
	})
}
