package e2e

import (
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
)

// prompts is where Debian puts the recorded English prompts of package asterisk-core-sounds-en-wav.
const prompts = "/usr/share/asterisk/sounds/en_US_f_Allison/"

// sox makes an audio file in the test's folder and returns its path.
func sox(t *testing.T, name string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	for i, a := range args {
		if a == "OUT" {
			args[i] = out
		}
	}
	if b, err := exec.Command("sox", append([]string{"-D", "-V1"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("sox %v: %v: %s", args, err, b)
	}
	return out
}

// toneFile is a steady tone: for a phone at 8 or 16 kHz, for a browser or an Opus phone at 48 kHz.
func toneFile(t *testing.T, hz float64, rate, channels, seconds int) string {
	return sox(t, fmt.Sprintf("tone%g.wav", hz), "-n", "-r", fmt.Sprint(rate), "-c", fmt.Sprint(channels), "-b", "16", "OUT",
		"synth", fmt.Sprint(seconds), "sine", fmt.Sprint(hz), "gain", "-24")
}

// at8k reads a file and brings it to 8 kHz mono.
func at8k(t *testing.T, path string) []int16 {
	t.Helper()
	s, rate, channels, err := testaudio.ReadWAV(sox(t, "8k.wav", path, "-r", "8000", "-b", "16", "OUT", "remix", "1"))
	if err != nil || rate != 8000 || channels != 1 {
		t.Fatalf("read %s: %v (%d Hz, %d channels)", path, err, rate, channels)
	}
	return s
}

// samples8k brings samples to 8 kHz.
func samples8k(t *testing.T, s []int16, rate int) []int16 {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in.wav")
	if err := testaudio.WriteWAV(in, s, rate, 1); err != nil {
		t.Fatal(err)
	}
	return at8k(t, in)
}

// through sends 8 kHz samples through a codec and back, as the reference for what can be heard.
func through(t *testing.T, f media.Format, s []int16) []int16 {
	t.Helper()
	enc, err := codec.NewEncoder(f, pcm.Rate8k)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := codec.NewDecoder(f.Codec)
	if err != nil {
		t.Fatal(err)
	}
	var frame pcm.Frame
	buf, out := make([]byte, codec.MaxPayload), make([]int16, 5760)
	var all []int16
	for ; len(s) >= 160; s = s[160:] {
		frame.SetRate(pcm.Rate8k)
		copy(frame.Samples(), s)
		n, err := enc.Encode(buf, &frame)
		if err != nil {
			t.Fatal(err)
		}
		k, err := dec.Decode(out, buf[:n], pcm.Rate8k)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out[:k]...)
	}
	return all
}

// envelope is the amplitude of each 10 ms, to align long recordings with.
func envelope(s []int16) []float64 {
	var e []float64
	for ; len(s) >= 80; s = s[80:] {
		e = append(e, amplitude(s[:80]))
	}
	return e
}

// centred takes the mean off, so that only the ups and downs are compared.
func centred(e []float64) []float64 {
	mean := 0.0
	for _, x := range e {
		mean += x / float64(len(e))
	}
	for i := range e {
		e[i] -= mean
	}
	return e
}

// amplitude is the level as a share of a full-scale sine's.
func amplitude(s []int16) float64 { return math.Pow(10, testaudio.RMS(s)/20) }

// likeness compares what was heard with what was said, both at 8 kHz. It finds where in said the first sound
// of heard comes from, then compares window by window of 125 ms, letting each find its own place within
// 200 ms: two clocks and two playout buffers stand between them, and a buffer that has learnt of a stall of
// its sender plays everything after it that much later. What is judged is the sound; the delay is measured
// by bench. It returns the correlation weighted by energy, and the longest stretch in ms in which something
// was said and nothing heard.
func likeness(t *testing.T, said, heard []int16) (corr float64, holeMS int) {
	t.Helper()
	es, eh := centred(envelope(said)), centred(envelope(heard))
	// All of heard's energy is in the measure, also what lies outside of said at a place: else a few frames of
	// silence at both ends would fit each other perfectly.
	var bb float64
	for _, y := range eh {
		bb += y * y
	}
	bestAt, best := 0, -1.0
	for at := -len(eh) / 2; at < len(es)-50; at++ {
		var ab, aa float64
		for i, y := range eh {
			if at+i < 0 || at+i >= len(es) {
				continue
			}
			x := es[at+i]
			ab, aa = ab+x*y, aa+x*x
		}
		if c := ab / math.Sqrt(aa*bb+1e-9); c > best {
			bestAt, best = at, c
		}
	}
	const win, reach = 1000, 1600
	offset := bestAt * 80
	var num, den float64
	hole := 0
	for at := 0; at+win <= len(heard); at += win {
		x := at + offset
		if x < reach || x+win+reach > len(said) {
			continue
		}
		ref := said[x-reach : x+win+reach]
		energy := amplitude(said[x : x+win])
		if energy < 0.01 {
			continue
		}
		d, c := testaudio.Align(heard[at:at+win], ref, 2*reach)
		num, den = num+c*energy, den+energy
		placed := ref[d:]
		for k := 0; k+80 <= win; k += 80 {
			if testaudio.RMS(placed[k:k+80]) > -38 && testaudio.RMS(heard[at+k:at+k+80]) < -60 {
				hole += 10
				holeMS = max(holeMS, hole)
			} else {
				hole = 0
			}
		}
	}
	if den == 0 {
		t.Fatalf("nothing to compare: heard %d samples, envelope likeness %.2f", len(heard), best)
	}
	return num / den, holeMS
}

// hears says which of the given tones are in samples, louder than -48 dBFS.
func hears(s []int16, rate int, tones []float64) []float64 {
	var got []float64
	for _, hz := range tones {
		if testaudio.Level(s, hz, float64(rate)) > -48 {
			got = append(got, hz)
		}
	}
	return got
}

func without(list []float64, drop ...float64) []float64 {
	return slices.DeleteFunc(slices.Clone(list), func(x float64) bool { return slices.Contains(drop, x) })
}

// format is how a codec is asked for in references.
func format(c media.Codec) media.Format {
	if c == media.Opus {
		return media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}
	}
	return media.Format{Codec: c}
}
