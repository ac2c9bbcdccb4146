package seal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"
)

const (
	recording = "rec_01JD0000000000000000000000"
	track     = "customer-1.ogg"
)

func testKey(t testing.TB) (*Key, Envelope, *Ring) {
	t.Helper()
	ring, err := ParseRing(GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	k, e, err := NewKey(t.Context(), ring, recording)
	if err != nil {
		t.Fatal(err)
	}
	return k, e, ring
}

// sealed is a file of random chunks, clear and sealed.
func sealed(t testing.TB, k *Key, chunks int) (clear, chunk [][]byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(chunks), 7))
	s := k.Sealer(track, 0)
	for i := range chunks {
		p := make([]byte, r.IntN(500))
		for j := range p {
			p[j] = byte(r.Uint32())
		}
		b, err := s.Seal(nil, p, i == chunks-1)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != len(p)+Overhead || len(p) > 8 && bytes.Contains(b, p) {
			t.Fatalf("chunk %d: %d bytes became %d", i, len(p), len(b))
		}
		clear, chunk = append(clear, p), append(chunk, b)
	}
	return clear, chunk
}

func open(k *Key, b []byte) ([]byte, error) {
	r, err := NewReader(bytes.NewReader(b), k.Opener(track), nil, false)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestSealAndOpen(t *testing.T) {
	k, _, _ := testKey(t)
	for _, n := range []int{1, 2, 30} {
		want, chunks := sealed(t, k, n)
		sizes := make([]int, n)
		for i, c := range chunks {
			sizes[i] = len(c)
		}
		for name, sizes := range map[string][]int{"walk": nil, "sizes": sizes} {
			r, err := NewReader(bytes.NewReader(bytes.Join(chunks, nil)), k.Opener(track), sizes, false)
			if err != nil {
				t.Fatal(err)
			}
			if r.Size() != int64(len(bytes.Join(want, nil))) {
				t.Errorf("%d chunks: size %d", n, r.Size())
			}
			if err := iotest.TestReader(r, bytes.Join(want, nil)); err != nil { // seeks as well
				t.Errorf("%d chunks, %s: %v", n, name, err)
			}
		}
	}
}

// TestDamage damages every chunk in every way: nothing opens, and the chunk is named.
func TestDamage(t *testing.T) {
	k, _, _ := testKey(t)
	want, chunks := sealed(t, k, 20)
	for what, damage := range map[string]func(c [][]byte, i int) [][]byte{
		"flip": func(c [][]byte, i int) [][]byte {
			c[i] = bytes.Clone(c[i])
			c[i][rand.IntN(len(c[i]))] ^= 1 << rand.IntN(8)
			return c
		},
		"flip a length": func(c [][]byte, i int) [][]byte {
			c[i] = bytes.Clone(c[i])
			c[i][10+rand.IntN(2)] ^= 1 << rand.IntN(8)
			return c
		},
		"drop": func(c [][]byte, i int) [][]byte {
			if i == len(c)-1 {
				return nil
			}
			return slices.Delete(c, i, i+1)
		},
		"swap": func(c [][]byte, i int) [][]byte {
			if i == len(c)-1 {
				return nil
			}
			j := i + 1 + rand.IntN(len(c)-i-1)
			c[i], c[j] = c[j], c[i]
			return c
		},
		"cut": func(c [][]byte, i int) [][]byte {
			c[i] = c[i][:1+rand.IntN(len(c[i])-1)]
			return c[:i+1]
		},
	} {
		for i := range chunks {
			bad := damage(slices.Clone(chunks), i)
			if bad == nil {
				continue
			}
			got, err := open(k, bytes.Join(bad, nil))
			var d *Damage
			if !errors.As(err, &d) || !errors.Is(err, ErrDamaged) || d.Chunk != i {
				t.Errorf("%s %d: %v", what, i, err)
			}
			if !bytes.HasPrefix(bytes.Join(want[:i], nil), got) {
				t.Errorf("%s %d: wrong bytes came out", what, i)
			}
		}
	}
	for n := range chunks { // whole chunks missing at the end
		if _, err := open(k, bytes.Join(chunks[:n], nil)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d of %d chunks: %v", n, len(chunks), err)
		}
		r, err := NewReader(bytes.NewReader(append(bytes.Join(chunks[:n], nil), chunks[n][:9]...)), k.Opener(track), nil, true)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, bytes.Join(want[:n], nil)) {
			t.Errorf("growing, %d chunks: %d bytes, %v", n, len(got), err)
		}
	}
	if _, err := open(k, append(bytes.Join(chunks, nil), chunks[0]...)); !errors.Is(err, ErrDamaged) {
		t.Errorf("more behind the end: %v", err)
	}
}

func TestBinding(t *testing.T) {
	k, _, ring := testKey(t)
	_, chunks := sealed(t, k, 1)
	other, _, err := NewKey(t.Context(), ring, recording)
	if err != nil {
		t.Fatal(err)
	}
	moved := &Key{recording: "rec_01JD0000000000000000000001", secret: k.secret}
	for name, o := range map[string]*Opener{
		"another key": other.Opener(track), "another file": k.Opener("agent-2.ogg"), "another recording": moved.Opener(track),
	} {
		if _, _, err := o.Open(nil, chunks[0], 0); !errors.Is(err, ErrDamaged) {
			t.Errorf("opened with %s: %v", name, err)
		}
	}
	// A file gone on with after a crash: the same number, another nonce, and the reader takes both halves.
	var b []byte
	plain := []byte("the same words")
	for i := range 3 {
		if b, err = k.Sealer(track, i).Seal(b, plain, i == 2); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := open(k, b); err != nil || string(got) != "the same wordsthe same wordsthe same words" {
		t.Errorf("gone on with: %q, %v", got, err)
	}
	first, _ := k.Sealer(track, 0).Seal(nil, plain, false)
	second, _ := k.Sealer(track, 0).Seal(nil, plain, false)
	if bytes.Equal(first[16:24], second[16:24]) || bytes.Equal(first[HeadSize:], second[HeadSize:]) {
		t.Error("a nonce is used twice")
	}
	wiped := k.Opener(track)
	k.Wipe()
	if _, _, err := k.Opener(track).Open(nil, chunks[0], 0); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened with a wiped key: %v", err)
	}
	if _, _, err := wiped.Open(nil, chunks[0], 0); err != nil {
		t.Errorf("an opener made before: %v", err)
	}
}

func TestWriter(t *testing.T) {
	k, _, _ := testKey(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, writerChunk - 1, writerChunk, writerChunk + 1, 3 * writerChunk, 200_000} {
		want := make([]byte, n)
		for i := range want {
			want[i] = byte(r.Uint32())
		}
		var b bytes.Buffer
		w := NewWriter(&b, k.Sealer(track, 0))
		if _, err := io.Copy(w, iotest.HalfReader(bytes.NewReader(want))); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Close(), w.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := open(k, b.Bytes()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %d, %v", n, len(got), err)
		}
		direct, err := NewReader(bytes.NewReader(b.Bytes()), k.Opener(track), WriterSizes(int64(b.Len())), false)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(direct); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, sizes known: %d, %v", n, len(got), err)
		}
		if _, err := w.Write([]byte{1}); err == nil {
			t.Error("a write after close")
		}
	}
	broken := errors.New("broken")
	w := NewWriter(errWriter{broken}, k.Sealer(track, 0))
	_, _ = w.Write(make([]byte, 2*writerChunk))
	if err := w.Close(); !errors.Is(err, broken) {
		t.Errorf("close: %v", err)
	}
	if _, err := k.Sealer(track, 0).Seal(nil, make([]byte, MaxClear+1), false); err == nil {
		t.Error("a chunk of any length is taken")
	}
}

type errWriter struct{ err error }

func (w errWriter) Write([]byte) (int, error) { return 0, w.err }

func FuzzReader(f *testing.F) {
	k, _, _ := testKey(f)
	want, chunks := sealed(f, k, 3)
	good, plain := bytes.Join(chunks, nil), bytes.Join(want, nil)
	f.Add(good)
	f.Add(good[:len(chunks[0])])
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := open(k, b)
		if !bytes.HasPrefix(plain, got) {
			t.Fatal("bytes came out that never went in")
		}
		if (err == nil) != bytes.Equal(b, good) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k, _, _ := testKey(b)
	s := k.Sealer(track, 0)
	plain, dst := make([]byte, 2<<10), make([]byte, 0, 4<<10)
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Seal(dst, plain, false); err != nil {
			b.Fatal(err)
		}
	}
}

var _ Keeper = (*Ring)(nil)
