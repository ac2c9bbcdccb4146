package testaudio

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
)

func TestLevelAndSINAD(t *testing.T) {
	tone := Tone(1000, 8000, 1600, -12)
	if got := Level(tone, 1000, 8000); math.Abs(got+12) > 0.01 {
		t.Errorf("level of a -12 dB tone: got %.2f", got)
	}
	if got := Level(tone, 1300, 8000); got > -90 {
		t.Errorf("leak of a 1000 Hz tone at 1300 Hz: got %.1f dB", got)
	}
	if got := RMS(tone); math.Abs(got+12) > 0.01 {
		t.Errorf("RMS: got %.2f, want -12", got)
	}
	if got := SINAD(tone, 1000, 8000); got < 70 {
		t.Errorf("SINAD of a clean tone: got %.1f dB", got)
	}
	if got := RMS(Noise(1, 48000, -20)); math.Abs(got+20+3) > 3.2 {
		t.Errorf("RMS of -20 dB noise: got %.2f", got)
	}
}

func TestAlign(t *testing.T) {
	want := Speech(3, 8000, 8000, -10)
	got := make([]int16, len(want)+500)
	for i, s := range want {
		got[i+123] = s / 2
	}
	delay, likeness := Align(want, got, 400)
	if delay != 123 || likeness < 0.999 {
		t.Errorf("got delay %d likeness %.3f, want 123 and 1", delay, likeness)
	}
	if snr := SegmentalSNR(want, want, 8000); snr != 35 {
		t.Errorf("SNR of equal signals: got %.1f, want 35", snr)
	}
}

func TestGapsAndClicks(t *testing.T) {
	s := Tone(400, 8000, 4000, -6)
	if c := Clicks(s, 8000, 2); len(c) != 0 {
		t.Errorf("clicks in a tone: %v", c)
	}
	clear(s[1000:1200])
	if got, want := Gaps(s, 2, 50), (Span{1000, 200}); len(got) != 1 || got[0].At > 1000 || got[0].Len < want.Len {
		t.Errorf("gaps: got %v, want %v", got, want)
	}
	s = Tone(400, 8000, 4000, -6)
	for i := 2007; i < len(s); i++ {
		s[i] += 3000
	}
	if c := Clicks(s, 8000, 2); len(c) != 1 || c[0] < 2006 || c[0] > 2008 {
		t.Errorf("clicks: got %v, want about 2007", c)
	}
}

func TestWAV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	want := Noise(7, 1001, -20)
	if err := WriteWAV(path, want, 16000, 1); err != nil {
		t.Fatal(err)
	}
	got, rate, channels, err := ReadWAV(path)
	if err != nil || rate != 16000 || channels != 1 || !slices.Equal(got, want) {
		t.Errorf("got %d samples, %d Hz, %d channels, %v", len(got), rate, channels, err)
	}
	for _, bad := range [][]byte{nil, []byte("RIFF"), []byte("RIFFxxxxWAVEdata\x00\x00\x00\x00")} {
		if _, _, _, err := DecodeWAV(bad); err == nil {
			t.Errorf("DecodeWAV(%q) gave no error", bad)
		}
	}
}
