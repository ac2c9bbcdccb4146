package e2e

import (
	endian "encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
)

// Tones of parties that nothing else makes: they lie between the notes of the hold music, which stays 20 dB below
// them there, and on no sum, difference or harmonic of each other.
const (
	toneCaller = 733.0
	toneAlice  = 918.0
	toneBob    = 1103.0
	toneEva    = 1251.0
	toneOther  = 1658.0
)

var parties = []float64{toneCaller, toneAlice, toneBob, toneEva, toneOther}

// listener is a party whose ear can be asked while it hears.
type listener interface {
	fmt.Stringer
	sound() (samples []int16, rate int) // all so far
}

func (p *peer) sound() ([]int16, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard[:len(p.heard):len(p.heard)], 48000
}

// sound reads the file baresip writes what it hears to, as far as it has come.
func (p *phone) sound() ([]int16, int) {
	files, err := filepath.Glob(filepath.Join(p.dir, "snd", "*-dec.wav"))
	if err != nil || len(files) == 0 {
		return nil, 8000
	}
	b, err := os.ReadFile(files[len(files)-1])
	if err != nil || len(b) < 44 {
		return nil, 8000
	}
	rate := int(endian.LittleEndian.Uint32(b[24:]))
	b = b[44:]
	out := make([]int16, len(b)/2)
	for i := range out {
		out[i] = int16(endian.LittleEndian.Uint16(b[2*i:]))
	}
	return out, rate
}

func (p *phone) String() string { return "telephone " + filepath.Base(filepath.Dir(p.dir)) }

// lately is the last part of what an ear has heard, nil while there is less.
func lately(e listener, d time.Duration) ([]int16, int) {
	s, rate := e.sound()
	n := int(d.Seconds() * float64(rate))
	if len(s) < n {
		return nil, rate
	}
	return s[len(s)-n:], rate
}

// loud is where a party's tone counts as heard: they speak at -24 dBFS.
const loud = -36

func heardTones(s []int16, rate int) []float64 {
	var got []float64
	for _, hz := range parties {
		if testaudio.Level(s, hz, float64(rate)) > loud {
			got = append(got, hz)
		}
	}
	return got
}

// hearing is what an ear should hear: exactly these tones, and music where it is said.
type hearing struct {
	ear   listener
	music bool
	tones []float64
}

func hearsOnly(e listener, tones ...float64) hearing { return hearing{e, false, tones} }

// hearsMusic is somebody on hold: music and none of the parties.
func hearsMusic(e listener) hearing { return hearing{e, true, nil} }

// wrong says what is not as it should be, "" when all is.
func (h hearing) wrong() string {
	s, rate := lately(h.ear, 300*time.Millisecond)
	if s == nil {
		return fmt.Sprintf("%s has heard nothing yet", h.ear)
	}
	if got := heardTones(s, rate); !slices.Equal(got, h.tones) {
		return fmt.Sprintf("%s hears %v, want %v", h.ear, got, h.tones)
	}
	if level := testaudio.RMS(s); h.music && level < -45 {
		return fmt.Sprintf("%s hears no music: %.0f dBFS", h.ear, level)
	}
	return ""
}

// settles waits until all hear what they should, all at once.
func settles(t *testing.T, what string, want ...hearing) {
	t.Helper()
	var wrong []string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		wrong = wrong[:0]
		for _, h := range want {
			slices.Sort(h.tones)
			if w := h.wrong(); w != "" {
				wrong = append(wrong, w)
			}
		}
		if len(wrong) == 0 {
			return
		}
	}
	t.Fatalf("%s: %s", what, strings.Join(wrong, "; "))
}

// soFar is a moment in what an ear hears.
func soFar(e listener) int {
	s, _ := e.sound()
	return len(s)
}

// never checks that from a place on until now, and for a second at least, not one of the tones is heard, not even for
// a twentieth of a second.
func never(t *testing.T, what string, e listener, from int, tones ...float64) {
	t.Helper()
	s, rate := e.sound()
	waitFor(t, 10*time.Second, e.String()+" hears on", func() bool {
		s, rate = e.sound()
		return len(s) >= from+rate
	})
	win, to := rate/20, len(s)
	for at := from; at+win <= to; at += win {
		for _, hz := range tones {
			if level := testaudio.Level(s[at:at+win], hz, float64(rate)); level > loud {
				t.Errorf("%s: %s heard %g Hz at %.0f dBFS, %d ms into the stretch", what, e, hz, level, (at-from)*1000/rate)
				return
			}
		}
	}
}

// levels checks that an ear hears each tone as loud as it is spoken, within 3 dB.
func levels(t *testing.T, what string, e listener, tones ...float64) {
	t.Helper()
	s, rate := lately(e, 300*time.Millisecond)
	for _, hz := range tones {
		if got := testaudio.Level(s, hz, float64(rate)); got < -27 || got > -21 {
			t.Errorf("%s: %s hears %g Hz at %.1f dBFS, want -24 within 3 dB", what, e, hz, got)
		}
	}
}
