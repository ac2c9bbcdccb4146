package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{` { "b" : [ 1 , 2.50, -0, true, null ] , "a" : "x" } `, `{"a":"x","b":[1,2.5,0,true,null]}`},
		{`{"a":1e21,"b":1e20,"c":1E-7,"d":0.000001,"e":4.50,"f":2e-3,"g":333333333.33333329}`, `{"a":1e+21,"b":100000000000000000000,"c":1e-7,"d":0.000001,"e":4.5,"f":0.002,"g":333333333.3333333}`},
		{`"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/<>&\u2028"`, "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/<>&\u2028\""},
		// RFC 8785 section 3.2.3: sorted by UTF-16 code units, not by code points
		{`{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}`, "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\ufb33\":3}"},
		{`{}`, `{}`},
		{`[]`, `[]`},
	} {
		got, err := Canonical([]byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", c.in, got, err, c.want)
		}
	}
	for _, bad := range []string{
		"", "{", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, "1 2", "\"\xff\"", "1e999", "nul", `{"a":1}}`, `[1,]`,
		strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2),
	} {
		if got, err := Canonical([]byte(bad)); err == nil {
			t.Errorf("%.40q is taken as %s", bad, got)
		}
	}
}

func testSigner(t testing.TB) (*Signer, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys", "sign.pem")
	s, err := OpenSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	return s, path
}

// signed is a document with its signature in it.
func signed(t testing.TB, s *Signer, doc string) []byte {
	t.Helper()
	sig, err := s.Sign([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(doc), &m); err != nil {
		t.Fatal(err)
	}
	m[signatureName] = sig
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSign(t *testing.T) {
	s, path := testSigner(t)
	doc := signed(t, s, `{"version":1,"recording":{"id":"rec_1","from":"<+49>","gaps":[]},"n":12345678}`)
	sig, err := Verify(doc, s.Public())
	if err != nil || sig.KeyID != s.KeyID() || SignedBy(doc) != s.KeyID() {
		t.Fatalf("verify: %+v, %v", sig, err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, doc); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(compact.Bytes(), s.Public()); err != nil {
		t.Errorf("the same document in another spelling: %v", err)
	}
	again, err := s.Sign(doc) // signed once more: the old signature does not count
	if err != nil || !bytes.Equal(again.Value, sig.Value) {
		t.Errorf("signed again: %v", err)
	}
	want, err := Canonical(doc)
	if err != nil {
		t.Fatal(err)
	}
	survived := 0
	for i := range doc {
		for bit := range 8 {
			bad := bytes.Clone(doc)
			bad[i] ^= 1 << bit
			if _, err := Verify(bad, s.Public()); err == nil {
				got, err := Canonical(bad)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("byte %d bit %d changed and not seen: %s", i, bit, bad)
				}
				survived++ // white space, or the two spare bits at the end of Base64
			}
		}
	}
	t.Logf("%d of %d flipped bits change nothing", survived, len(doc)*8)

	other, _ := testSigner(t)
	if _, err := Verify(doc, other.Public()); !errors.Is(err, ErrSigner) {
		t.Errorf("another's key: %v", err)
	}
	if _, err := Verify(doc, other.Public(), s.Public()); err != nil {
		t.Errorf("two keys: %v", err)
	}
	if _, err := Verify([]byte(`{"version":1}`), s.Public()); !errors.Is(err, ErrUnsigned) || SignedBy([]byte("{}")) != "" {
		t.Errorf("unsigned: %v", err)
	}
	if _, err := s.Sign([]byte(`[1]`)); err == nil {
		t.Error("a list is signed")
	}

	same, err := OpenSigner(path)
	if err != nil || same.KeyID() != s.KeyID() {
		t.Errorf("opened again: %v", err)
	}
	public := filepath.Join(t.TempDir(), "public.pem")
	if err := os.WriteFile(public, append(EncodePublic(other.Public()), EncodePublic(s.Public())...), 0o644); err != nil {
		t.Fatal(err)
	}
	for file, n := range map[string]int{public: 2, path: 1} {
		keys, err := LoadPublic(file)
		if err != nil || len(keys) != n || !keys[n-1].Equal(s.Public()) {
			t.Errorf("%s: %d keys, %v", file, len(keys), err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSigner(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key others can read: %v", err)
	}
}

// TestOpenSSL lets another program check a signature.
func TestOpenSSL(t *testing.T) {
	tool, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	s, _ := testSigner(t)
	const doc = `{"b":[1,2],"a":"x"}`
	sig, err := s.Sign([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{"public.pem": EncodePublic(s.Public()), "doc": []byte(`{"a":"x","b":[1,2]}`), "sig": sig.Value} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tool, "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "doc", "-sigfile", "sig")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("openssl: %v\n%s", err, out)
	}
}

func TestLoadPublicRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "rubbish": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"other": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		path := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if keys, err := LoadPublic(path); err == nil {
			t.Errorf("%s: %d keys", name, len(keys))
		}
		if _, err := OpenSigner(path); err == nil {
			t.Errorf("%s: a signer", name)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add([]byte(`{"b":[1,2.5e3],"a":"\u0000<","é":null}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		once, err := Canonical(doc)
		if err != nil {
			return
		}
		twice, err := Canonical(once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%q became %q, %v", once, twice, err)
		}
		var a, b any
		if json.Unmarshal(doc, &a) != nil || json.Unmarshal(once, &b) != nil {
			t.Fatalf("%q is not what %q says", once, doc)
		}
	})
}

func FuzzVerify(f *testing.F) {
	s, _ := testSigner(f)
	doc := signed(f, s, `{"version":1,"id":"rec_1"}`)
	want, err := Canonical(doc)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	keys := []ed25519.PublicKey{s.Public()}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Verify(b, keys...); err != nil {
			return
		}
		body, _, err := unsigned(b)
		good, _, _ := unsigned(want)
		if err != nil || !bytes.Equal(body, good) {
			t.Fatalf("%q has a good signature", b)
		}
	})
}
