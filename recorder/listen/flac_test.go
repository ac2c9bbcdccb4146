package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mewkiz/flac"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/pcm"
)

// decodeFLAC reads a file back, samples by turns, and checks what its head says of it.
func decodeFLAC(t testing.TB, b []byte) (all []int16, rate, channels int) {
	t.Helper()
	s, err := flac.New(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for {
		f, err := s.ParseNext()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(f.BlockSize) {
			for _, c := range f.Subframes {
				all = append(all, int16(c.Samples[i]))
			}
		}
	}
	channels = int(s.Info.NChannels)
	if int(s.Info.NSamples)*channels != len(all) || s.Info.BitsPerSample != 16 {
		t.Fatalf("the head says %+v of %d samples", s.Info, len(all))
	}
	return all, int(s.Info.SampleRate), channels
}

// signals are channels of n samples that an encoder of fixed predictors treats each in its own way.
func signals(n int) map[string][]int16 {
	rnd := rand.New(rand.NewPCG(1, 2))
	out := map[string][]int16{
		"silence": make([]int16, n), "tone": testaudio.Tone(700, 16000, n, -6), "constant": slices.Repeat([]int16{-5}, n),
		"noise": make([]int16, n), "rails": make([]int16, n), "quiet": make([]int16, n), "bursts": make([]int16, n),
	}
	for i := range n {
		out["noise"][i] = int16(rnd.IntN(1<<16) - 1<<15)
		out["rails"][i] = int16(32767 - 65535*(i%2))
		out["quiet"][i] = int16(rnd.IntN(3) - 1)
		if i/777%2 == 0 {
			out["bursts"][i] = int16(rnd.IntN(1 << 12))
		}
	}
	return out
}

func encodeFLAC(t testing.TB, o Options, channels ...[]int16) []byte {
	t.Helper()
	var b bytes.Buffer
	n := o.Rate.Samples()
	s, err := newFLAC(&b, o, int64(len(channels[0])/n))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at+n <= len(channels[0]); at += n {
		var f [][]int16
		for _, c := range channels {
			f = append(f, c[at:at+n])
		}
		if err := s.frame20(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What FLAC keeps it keeps bit for bit, in the eyes of decoders that are not ours as well.
func TestFLACKeepsEverySample(t *testing.T) {
	readers := map[string][]string{
		"ffmpeg": {"ffmpeg", "-v", "error", "-i", "FILE", "-f", "s16le", "-"},
		"sox":    {"sox", "FILE", "-t", "raw", "-e", "signed", "-b", "16", "-L", "-"},
	}
	for _, rate := range []pcm.Rate{pcm.Rate8k, pcm.Rate16k, pcm.Rate48k} {
		// a whole number of blocks, one with a rest, one shorter than a block, one frame
		for _, n := range []int{rate.Samples() * 64 * 3, rate.Samples() * 100, rate.Samples() * 3, rate.Samples()} {
			all := signals(n)
			for name, left := range all {
				want := make([]int16, 0, 2*n)
				for i, x := range left {
					want = append(want, x, all["noise"][i])
				}
				stereo := encodeFLAC(t, Options{Rate: rate, Comment: []string{"TITLE=a call"}}, left, all["noise"])
				if got, r, c := decodeFLAC(t, stereo); r != int(rate) || c != 2 || !slices.Equal(got, want) {
					t.Errorf("%s, %v, %d samples: not what went in (%d channels, %d)", name, rate, n, c, r)
				}
				mono := encodeFLAC(t, Options{Rate: rate, Mono: true}, left)
				if got, r, c := decodeFLAC(t, mono); r != int(rate) || c != 1 || !slices.Equal(got, left) {
					t.Errorf("%s, %v, %d samples in mono: not what went in (%d channels, %d)", name, rate, n, c, r)
				}
				if n != rate.Samples()*100 || rate != pcm.Rate16k {
					continue // the tools need tens of milliseconds for each
				}
				for tool, args := range readers {
					for _, c := range []struct {
						file []byte
						want []int16
					}{{stereo, want}, {mono, left}} {
						if got, ok := foreign(t, args, c.file); ok && !slices.Equal(got, c.want) {
							t.Errorf("%s hears something else in %s at %v", tool, name, rate)
						}
					}
				}
			}
		}
	}
}

// foreign decodes a file with a tool; false where there is none.
func foreign(t testing.TB, args []string, file []byte) ([]int16, bool) {
	t.Helper()
	tool, err := exec.LookPath(args[0])
	if err != nil {
		t.Logf("%s is not installed", args[0])
		return nil, false
	}
	path := filepath.Join(t.TempDir(), "copy.flac")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	list := slices.Clone(args[1:])
	list[slices.Index(list, "FILE")] = path
	cmd := exec.Command(tool, list...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	raw, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("%s: %v %s", args[0], err, &complaints)
	}
	out := make([]int16, len(raw)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return out, true
}

func TestFLACIsSmallerThanWAV(t *testing.T) {
	var size [2]int
	for i, format := range []Format{WAV, FLAC} {
		var b bytes.Buffer
		if _, err := Make(t.Context(), &b, conversation(t), Options{Format: format}); err != nil {
			t.Fatal(err)
		}
		size[i] = b.Len()
	}
	t.Logf("%d bytes as WAV, %d as FLAC", size[0], size[1])
	if size[1] > size[0]*2/3 {
		t.Errorf("%d bytes as WAV, %d as FLAC", size[0], size[1])
	}
}

func TestMP3IsRefusedWithReason(t *testing.T) {
	err := Format("mp3").Check()
	if !errors.Is(err, ErrMP3) || !strings.Contains(err.Error(), "use opus") {
		t.Errorf("mp3: %v", err)
	}
	for _, f := range []Format{Opus, WAV, FLAC} {
		if err := f.Check(); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}
