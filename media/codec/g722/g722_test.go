package g722_test

import (
	"bytes"
	"encoding/binary"
	"os/exec"
	"testing"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/codec/g722"
)

// delay is the encoder's and decoder's filters together, in samples.
const delay = 22

func encode(samples []int16) []byte {
	var e g722.Encoder
	e.Reset()
	out := make([]byte, len(samples)/2)
	return out[:e.Encode(out, samples)]
}

func decode(payload []byte) []int16 {
	var d g722.Decoder
	d.Reset()
	out := make([]int16, 2*len(payload))
	return out[:d.Decode(out, payload)]
}

func TestQuality(t *testing.T) {
	for _, c := range []struct {
		freq, level, want float64
	}{{300, -10, 40}, {1000, -10, 38}, {1000, -40, 30}, {3000, -10, 30}, {5000, -10, 12}, {6500, -10, 12}} {
		out := decode(encode(testaudio.Tone(c.freq, 16000, 16000, c.level)))[1600:]
		if got := testaudio.Level(out, c.freq, 16000); got < c.level-1 || got > c.level+1 {
			t.Errorf("%v Hz at %v dB: level %.2f", c.freq, c.level, got)
		}
		got := testaudio.SINAD(out, c.freq, 16000)
		t.Logf("%v Hz at %v dB: SINAD %.1f dB", c.freq, c.level, got)
		if got < c.want {
			t.Errorf("%v Hz at %v dB: SINAD %.1f dB, want %v", c.freq, c.level, got, c.want)
		}
	}
	speech := testaudio.Speech(1, 16000, 32000, -12)
	out := decode(encode(speech))
	d, likeness := testaudio.Align(speech[:16000], out, 100)
	snr := testaudio.SegmentalSNR(speech, out[d:], 16000)
	t.Logf("speech: delay %d, likeness %.4f, segmental SNR %.1f dB", d, likeness, snr)
	if d != delay || snr < 18 {
		t.Errorf("speech: delay %d, want %d; segmental SNR %.1f dB, want 18", d, delay, snr)
	}
}

func TestSilenceAndRails(t *testing.T) {
	if got := testaudio.RMS(decode(encode(make([]int16, 3200)))[320:]); got > -70 {
		t.Errorf("silence comes back at %.1f dB", got)
	}
	square := make([]int16, 16000)
	for i := range square {
		square[i] = 32767
		if i/16%2 == 1 {
			square[i] = -32768
		}
	}
	if got := testaudio.RMS(decode(encode(square))[320:]); got < 1 {
		t.Errorf("a full-scale square comes back at %.1f dB", got)
	}
}

func ffmpeg(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	cmd := exec.Command(path, append([]string{"-v", "error"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, &stderr)
	}
	return out
}

func toBytes(s []int16) []byte {
	b := make([]byte, 0, 2*len(s))
	for _, v := range s {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func toSamples(b []byte) []int16 {
	s := make([]int16, len(b)/2)
	for i := range s {
		s[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return s
}

func TestAgainstAnotherImplementation(t *testing.T) {
	speech := append(testaudio.Speech(2, 16000, 32000, -12), testaudio.Noise(3, 8000, -15)...)
	ours := encode(speech)
	theirs := toSamples(ffmpeg(t, ours, "-f", "g722", "-i", "-", "-f", "s16le", "-"))
	mine := decode(ours)
	n := min(len(mine), len(theirs))
	differ := 0
	for i := range n {
		if mine[i] != theirs[i] {
			differ++
		}
	}
	t.Logf("their decoder on our bytes: %d of %d samples differ", differ, n)
	if n < len(mine)-100 || differ > 0 {
		t.Errorf("their decoder on our bytes: %d of %d samples differ", differ, n)
	}
	coded := ffmpeg(t, toBytes(speech), "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "-", "-c:a", "g722", "-f", "g722", "-")
	out := decode(coded)
	d, likeness := testaudio.Align(speech[:16000], out, 200)
	snr := testaudio.SegmentalSNR(speech[:32000], out[d:], 16000)
	t.Logf("our decoder on their bytes: delay %d, likeness %.4f, segmental SNR %.1f dB", d, likeness, snr)
	if likeness < 0.99 || snr < 18 {
		t.Errorf("our decoder on their bytes: likeness %.4f, segmental SNR %.1f dB", likeness, snr)
	}
}

func BenchmarkEncode(b *testing.B) {
	var e g722.Encoder
	e.Reset()
	in, out := testaudio.Speech(1, 16000, 320, -12), make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		e.Encode(out, in)
	}
}

func BenchmarkDecode(b *testing.B) {
	var d g722.Decoder
	d.Reset()
	in, out := encode(testaudio.Speech(1, 16000, 320, -12)), make([]int16, 320)
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(out, in)
	}
}
