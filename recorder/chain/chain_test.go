package chain

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"
)

const name = "rec_01JD0000000000000000000000/customer-1.ogg"

// sample is a file of chunks of random sizes and bytes with its chain.
func sample(t testing.TB, seed uint64, chunks int) (parts [][]byte, c Chain, head Head) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	w := NewWriter(name)
	lines := w.Title()
	for range chunks {
		p := make([]byte, 1+r.IntN(700))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		line, err := w.Add(p)
		if err != nil {
			t.Fatal(err)
		}
		parts, lines = append(parts, p), append(lines, line...)
	}
	c, err := Read(bytes.NewReader(lines))
	if err != nil || c.Torn || c.Name != name || len(c.Links) != chunks {
		t.Fatalf("read back: %d links, torn %v, %v", len(c.Links), c.Torn, err)
	}
	if !bytes.Equal(c.Encode(), lines) {
		t.Fatal("the chain is written otherwise than read")
	}
	if c.Head() != w.Head() {
		t.Fatalf("head %+v, want %+v", c.Head(), w.Head())
	}
	return parts, c, w.Head()
}

func join(parts [][]byte) []byte { return bytes.Join(parts, nil) }

func verifyBytes(b []byte, c Chain, head Head) error {
	return Verify(iotest.HalfReader(bytes.NewReader(b)), c, name, head)
}

func TestVerifyIntact(t *testing.T) {
	for _, chunks := range []int{0, 1, 2, 50} {
		parts, c, head := sample(t, 1, chunks)
		if err := verifyBytes(join(parts), c, head); err != nil {
			t.Errorf("%d chunks: %v", chunks, err)
		}
		if n, end, err := Prefix(bytes.NewReader(join(parts)), c); n != chunks || end != head.Bytes || err != nil {
			t.Errorf("%d chunks without a head: %d chunks, %d bytes, %v", chunks, n, end, err)
		}
	}
}

// TestVerifyNamesTheChunk damages every chunk of many files in every way there is.
func TestVerifyNamesTheChunk(t *testing.T) {
	damages := map[string]func(r *rand.Rand, parts [][]byte, k int) [][]byte{
		"flip": func(r *rand.Rand, parts [][]byte, k int) [][]byte {
			parts[k] = bytes.Clone(parts[k])
			parts[k][r.IntN(len(parts[k]))] ^= 1 << r.IntN(8)
			return parts
		},
		"drop": func(_ *rand.Rand, parts [][]byte, k int) [][]byte { return slices.Delete(parts, k, k+1) },
		"swap": func(r *rand.Rand, parts [][]byte, k int) [][]byte {
			if k == len(parts)-1 {
				return nil
			}
			j := k + 1 + r.IntN(len(parts)-k-1)
			parts[k], parts[j] = parts[j], parts[k]
			return parts
		},
		"cut the chunk": func(r *rand.Rand, parts [][]byte, k int) [][]byte {
			parts[k] = parts[k][:r.IntN(len(parts[k]))]
			return parts
		},
		"cut the file": func(r *rand.Rand, parts [][]byte, k int) [][]byte {
			parts[k] = parts[k][:r.IntN(len(parts[k]))]
			return parts[:k+1]
		},
		"repeat": func(_ *rand.Rand, parts [][]byte, k int) [][]byte {
			if k == 0 {
				return nil
			}
			return slices.Insert(parts, k, parts[k-1])
		},
		"insert": func(_ *rand.Rand, parts [][]byte, k int) [][]byte {
			return slices.Insert(parts, k, []byte("foreign"))
		},
	}
	n := 0
	for seed := range uint64(8) {
		parts, c, head := sample(t, seed, 40)
		for what, damage := range damages {
			for k := range parts {
				bad := damage(rand.New(rand.NewPCG(seed, uint64(k))), slices.Clone(parts), k)
				if bad == nil {
					continue
				}
				n++
				var f *Fault
				if err := verifyBytes(join(bad), c, head); !errors.As(err, &f) || f.Chunk != k {
					t.Fatalf("seed %d: %s %d: %v", seed, what, k, err)
				}
				if want := int64(len(join(parts[:k]))); f.Offset != want {
					t.Fatalf("%s %d: offset %d, want %d", what, k, f.Offset, want)
				}
				if i, end, err := Prefix(bytes.NewReader(join(bad)), c); i != k || end != f.Offset || err != nil {
					t.Fatalf("seed %d: %s %d without a head: chunk %d, %v", seed, what, k, i, err)
				}
			}
		}
	}
	t.Logf("%d damages named", n)
}

// TestVerifyNamesTheLine does the same to the chain.
func TestVerifyNamesTheLine(t *testing.T) {
	parts, c, head := sample(t, 3, 40)
	file := join(parts)
	lines := bytes.SplitAfter(c.Encode(), []byte("\n"))
	lines = lines[:len(lines)-1]
	damages := map[string]func(lines [][]byte, k int) [][]byte{
		"flip": func(lines [][]byte, k int) [][]byte {
			lines[k+1] = bytes.Clone(lines[k+1])
			lines[k+1][len(lines[k+1])/2] ^= 1
			return lines
		},
		"flip the length": func(lines [][]byte, k int) [][]byte {
			lines[k+1] = bytes.Clone(lines[k+1])
			lines[k+1][0] ^= 3
			return lines
		},
		"drop": func(lines [][]byte, k int) [][]byte { return slices.Delete(lines, k+1, k+2) },
		"cut":  func(lines [][]byte, k int) [][]byte { return lines[:k+1] },
		"tear": func(lines [][]byte, k int) [][]byte {
			lines[k+1] = lines[k+1][:len(lines[k+1])/2]
			return lines[:k+2]
		},
		"swap": func(lines [][]byte, k int) [][]byte {
			if k+2 >= len(lines) {
				return nil
			}
			lines[k+1], lines[k+2] = lines[k+2], lines[k+1]
			return lines
		},
	}
	for what, damage := range damages {
		for k := range parts {
			b := damage(slices.Clone(lines), k)
			if b == nil {
				continue
			}
			bad, err := Read(bytes.NewReader(join(b)))
			if err != nil {
				t.Fatal(err)
			}
			var f *Fault
			if err := verifyBytes(file, bad, head); !errors.As(err, &f) || f.Chunk != k {
				t.Errorf("%s line %d: %v", what, k, err)
			}
			if what == "flip" && f.Kind != Relisted && f.Kind != Unlisted {
				t.Errorf("%s line %d: the chunk is intact, got %s", what, k, f.Kind)
			}
		}
	}
}

func TestVerifyKinds(t *testing.T) {
	parts, c, head := sample(t, 5, 10)
	file := join(parts)
	swapped := slices.Clone(parts)
	swapped[2], swapped[7] = swapped[7], swapped[2]
	_, foreign, _ := sample(t, 6, 10)
	for _, test := range []struct {
		what  string
		file  []byte
		chain Chain
		want  Kind
		chunk int
	}{
		{"swap", join(swapped), c, Displaced, 2},
		{"short", join(parts[:4]), c, Missing, 4},
		{"file and chain short", join(parts[:4]), Chain{Name: name, Links: c.Links[:4]}, Missing, 4},
		{"long", append(bytes.Clone(file), 'x'), c, Extra, 10},
		{"line gone", file, Chain{Name: name, Links: c.Links[:9]}, Unlisted, 9},
		{"line too many", file, Chain{Name: name, Links: append(slices.Clone(c.Links), Link{1, Sum{}})}, Unlisted, 10},
		{"other file of the name", file, foreign, Changed, 0},
		{"other name", file, Chain{Name: "x", Links: c.Links}, Foreign, 0},
	} {
		var f *Fault
		if err := verifyBytes(test.file, test.chain, head); !errors.As(err, &f) || f.Kind != test.want || f.Chunk != test.chunk {
			t.Errorf("%s: %v", test.what, err)
		}
		if f != nil && f.Error() == "" {
			t.Errorf("%s: no words", test.what)
		}
	}
	for _, head := range []Head{{Chunks: -1}, {Chunks: 1 << 40, Bytes: -1}} {
		var f *Fault
		if err := verifyBytes(file, c, head); !errors.As(err, &f) {
			t.Errorf("head %+v: %v", head, err)
		}
	}
	// Somebody changes the file and makes a fitting chain: only the head tells.
	parts[3][0] ^= 1
	w := NewWriter(name)
	lines := w.Title()
	for _, p := range parts {
		line, err := w.Add(p)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line...)
	}
	again, err := Read(bytes.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	var f *Fault
	if err := verifyBytes(join(parts), again, head); !errors.As(err, &f) || f.Kind != Rewritten && f.Kind != Changed {
		t.Errorf("written anew: %v", err)
	}
}

func TestPrefix(t *testing.T) {
	parts, c, _ := sample(t, 9, 12)
	file := join(parts)
	for n := range file {
		want, end := 0, 0
		for want < len(parts) && end+len(parts[want]) <= n {
			end += len(parts[want])
			want++
		}
		got, at, err := Prefix(bytes.NewReader(file[:n]), c)
		if err != nil || got != want || at != int64(end) {
			t.Fatalf("cut at %d: %d chunks to %d, %v; want %d to %d", n, got, at, err, want, end)
		}
	}
	text := c.Encode()
	for n := range text { // the chain cut anywhere: its whole lines
		got, err := Read(bytes.NewReader(text[:n]))
		whole := bytes.Count(text[:n], []byte("\n")) - 1
		if whole < 0 {
			if !errors.Is(err, ErrNoChain) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if err != nil || len(got.Links) != whole || got.Torn != (text[n-1] != '\n') {
			t.Fatalf("cut at %d: %d links, torn %v, %v", n, len(got.Links), got.Torn, err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	broken := errors.New("broken")
	_, c, head := sample(t, 2, 3)
	if _, err := Read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("read: %v", err)
	}
	if err := Verify(iotest.ErrReader(broken), c, name, head); !errors.Is(err, broken) {
		t.Errorf("verify: %v", err)
	}
	if _, _, err := Prefix(iotest.ErrReader(broken), c); !errors.Is(err, broken) {
		t.Errorf("prefix: %v", err)
	}
	w := NewWriter(name)
	for _, bad := range [][]byte{nil, make([]byte, MaxChunk+1)} {
		if _, err := w.Add(bad); err == nil {
			t.Errorf("a chunk of %d bytes is taken", len(bad))
		}
	}
}

func FuzzRead(f *testing.F) {
	_, c, _ := sample(f, 4, 3)
	f.Add(c.Encode())
	f.Add([]byte("cordboard-chain 1 x\n01 00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Read(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, ErrNoChain) {
				t.Fatal(err)
			}
			return
		}
		text := c.Encode()
		if !bytes.HasPrefix(b, text) || !c.Torn && len(text) != len(b) {
			t.Fatalf("read %q out of %q", text, b)
		}
	})
}

// FuzzVerify: whatever is done to a file, it verifies only if it is the file.
func FuzzVerify(f *testing.F) {
	parts, c, head := sample(f, 4, 6)
	good, text := join(parts), c.Encode()
	f.Add(good, text)
	f.Add(good[1:], text)
	f.Add(good, text[:len(text)-1])
	f.Fuzz(func(t *testing.T, file, lines []byte) {
		c, err := Read(bytes.NewReader(lines))
		if err != nil {
			return
		}
		err = Verify(bytes.NewReader(file), c, name, head)
		same := bytes.Equal(file, good) && bytes.Equal(lines, text)
		if (err == nil) != same {
			t.Fatalf("same %v: %v", same, err)
		}
		var fault *Fault
		if err != nil && (!errors.As(err, &fault) || fault.Chunk < 0 || fault.Chunk > head.Chunks || fault.Offset > int64(len(file))) {
			t.Fatalf("fault: %v", err)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	for _, size := range []int{2 << 10, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			w := NewWriter(name)
			chunk := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				w.head.Chunks = 0
				if _, err := w.Add(chunk); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
