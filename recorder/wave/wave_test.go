package wave

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec/g711"
	"github.com/cordboard/cordboard/media/wav"
)

// file makes a file of samples, and its chunks.
func file(t testing.TB, c media.Codec, samples []byte, step int) (whole []byte, chunks [][]byte) {
	t.Helper()
	ends := 0
	w, err := NewWriter(func(b []byte, last bool) error {
		if last {
			ends++
		}
		chunks = append(chunks, bytes.Clone(b))
		whole = append(whole, b...)
		return nil
	}, c, "RECORDING=rec_1 TRACK=customer-1")
	if err != nil {
		t.Fatal(err)
	}
	for p := samples; len(p) > 0; p = p[min(step, len(p)):] {
		if err := w.Samples(p[:min(step, len(p))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if w.Samples([]byte{1}) == nil {
		t.Error("samples were taken behind the end")
	}
	if ends != 1 {
		t.Errorf("%d last chunks", ends)
	}
	return whole, chunks
}

// sweep is every byte there is, over and over.
func sweep(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestSamplesComeBack(t *testing.T) {
	for _, c := range []media.Codec{media.PCMU, media.PCMA} {
		samples := sweep(3*Rate + 100)
		whole, chunks := file(t, c, samples, FrameSize)
		for i, b := range chunks {
			if len(b) > Rate || len(b) == 0 {
				t.Errorf("%v: chunk %d has %d bytes", c, i, len(b))
			}
		}
		p, err := NewPackets(bytes.NewReader(whole))
		if err != nil || p.Codec != c {
			t.Fatalf("%v: read as %v: %v", c, p.Codec, err)
		}
		var got []byte
		for {
			b, err := p.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b...)
		}
		if !bytes.Equal(got, samples) {
			t.Errorf("%v: %d bytes came back for %d, or others", c, len(got), len(samples))
		}
		sound, err := wav.Decode(whole)
		if err != nil || sound.Rate != Rate || sound.Channels != 1 || len(sound.Samples) != len(samples) {
			t.Fatalf("%v: read as %d samples at %d: %v", c, len(sound.Samples), sound.Rate, err)
		}
		for i, s := range sound.Samples {
			if want := g711.Table(c)[samples[i]]; s != want {
				t.Fatalf("%v: sample %d is %d, want %d", c, i, s, want)
			}
		}
	}
}

// TestCutAnywhere: a file cut behind its head is read up to the cut, one cut before is none.
func TestCutAnywhere(t *testing.T) {
	whole, chunks := file(t, media.PCMU, sweep(1000), 160)
	for n := range whole {
		p, err := NewPackets(bytes.NewReader(whole[:n]))
		if n < len(chunks[0]) {
			if !errors.Is(err, ErrNotWave) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		got, err := io.ReadAll(p.in)
		if err != nil || len(got) != n-len(chunks[0]) {
			t.Fatalf("cut at %d: %d bytes, %v", n, len(got), err)
		}
	}
}

// TestForeignReaders: tools that people have read the file whole and cut, with the samples and the length it has.
func TestForeignReaders(t *testing.T) {
	for _, tool := range []struct {
		name string
		args func(in, out string) []string
	}{
		{"ffmpeg", func(in, out string) []string {
			return []string{"-loglevel", "error", "-i", in, "-f", "s16le", "-c:a", "pcm_s16le", out}
		}},
		{"sox", func(in, out string) []string {
			return []string{"-V1", "--ignore-length", in, "-t", "raw", "-e", "signed", "-b", "16", out}
		}},
	} {
		path, err := exec.LookPath(tool.name)
		if err != nil {
			t.Logf("%s is not installed", tool.name)
			continue
		}
		for _, c := range []media.Codec{media.PCMU, media.PCMA} {
			samples := sweep(2*Rate + 37)
			whole, _ := file(t, c, samples, FrameSize)
			for _, cut := range []int{0, 5000} {
				dir := t.TempDir()
				in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.raw")
				if err := os.WriteFile(in, whole[:len(whole)-cut], 0o600); err != nil {
					t.Fatal(err)
				}
				said, err := exec.Command(path, tool.args(in, out)...).CombinedOutput()
				if err != nil || strings.Contains(string(said), "rror") {
					t.Fatalf("%s %v: %v: %s", tool.name, c, err, said)
				}
				got, err := os.ReadFile(out)
				if err != nil || len(got) != 2*(len(samples)-cut) {
					t.Fatalf("%s %v: %d bytes of %d samples: %v", tool.name, c, len(got), len(samples)-cut, err)
				}
				for i := range len(got) / 2 {
					s := int16(uint16(got[2*i]) | uint16(got[2*i+1])<<8)
					if want := g711.Table(c)[samples[i]]; s != want {
						t.Fatalf("%s %v: sample %d is %d, want %d", tool.name, c, i, s, want)
					}
				}
			}
		}
	}
}

func FuzzReadHead(f *testing.F) {
	f.Add(Head(media.PCMU, "x"))
	f.Add(Head(media.PCMA, strings.Repeat("long", 100)))
	f.Add([]byte("RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, n, err := ReadHead(bytes.NewReader(b))
		if n > int64(len(b)) || n > 3*maxHead {
			t.Errorf("%d of %d bytes read", n, len(b))
		}
		if err == nil && (!Law(c) || string(b[n-8:n-4]) != "data") {
			t.Errorf("%v at %d", c, n)
		}
		if err != nil && !errors.Is(err, ErrNotWave) {
			t.Errorf("error %v", err)
		}
	})
}
