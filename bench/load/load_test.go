package load

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/internal/testaudio"
)

func voices(t *testing.T, c Codec) *Voices {
	t.Helper()
	v, err := NewVoices(c, testaudio.Speech(1, 16000, 16000, -20), 0)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBurstsAreFoundInOurOwnPackets(t *testing.T) {
	for _, c := range []Codec{Opus, PCMU} {
		s := voices(t, c).Bursts
		n := 0
		for i, at := range s.onsets {
			if at < 0 {
				continue
			}
			n++
			got := float64(i)*0.02 + float64(at)/48000
			second := float64(int(got))
			// A codec may delay by its look-ahead.
			if d := got - second - burstFrom; d < -0.003 || d > 0.012 {
				t.Errorf("%s: an onset at %.4f s, want %.1f s into the second", c.Name, got, burstFrom)
			}
		}
		if n != 10 {
			t.Errorf("%s: %d onsets in 10 s, want 10", c.Name, n)
		}
	}
}

func TestSpeechOfAllRatesIsAsLong(t *testing.T) {
	for _, c := range []Codec{Opus, PCMU} {
		if n := len(voices(t, c).Speech.Packets); n < 49 || n > 50 {
			t.Errorf("%s: %d packets of one second", c.Name, n)
		}
	}
}

func TestGone(t *testing.T) {
	full := testaudio.Tone(toneHz, 48000, 960, -10.3)
	if gone(full) {
		t.Error("the tone itself counts as gone")
	}
	for i := range full[:600] {
		full[i] = 0
	}
	if !gone(full) || !gone(nil) {
		t.Error("a frame that is mostly silent, or empty, does not count as gone")
	}
}

func TestPayload(t *testing.T) {
	head := func(first byte) []byte { return []byte{first, 111, 1, 2, 0, 0, 0, 0, 0, 0, 0, 9} }
	for _, c := range []struct {
		name string
		pkt  []byte
		want string
		ok   bool
	}{
		{"plain", append(head(0x80), "abc"...), "abc", true},
		{"csrc", append(head(0x81), "1234abc"...), "abc", true},
		{"extension", append(head(0x90), 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 'a'), "a", true},
		{"padding", append(head(0xa0), 'a', 'b', 0, 2), "ab", true},
		{"empty", head(0x80), "", true},
		{"short", head(0x80)[:11], "", false},
		{"version", head(0x40), "", false},
		{"rtcp", []byte{0x80, 200, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0}, "", false},
		{"extension cut", append(head(0x90), 0xbe, 0xde), "", false},
		{"extension too long", append(head(0x90), 0xbe, 0xde, 0, 9, 1, 2, 3, 4), "", false},
		{"padding too long", append(head(0xa0), 'a', 99), "", false},
	} {
		seq, data, ok := payload(c.pkt)
		if ok != c.ok || string(data) != c.want {
			t.Errorf("%s: got %q %v, want %q %v", c.name, data, ok, c.want, c.ok)
		}
		if ok && seq != 0x102 {
			t.Errorf("%s: sequence number %d", c.name, seq)
		}
	}
}

func TestProbe(t *testing.T) {
	var p probe
	t0 := time.Unix(1000, 0)
	if _, ok := p.since(t0); ok {
		t.Error("a burst was heard that nobody sent")
	}
	p.note(t0)
	p.note(t0.Add(time.Second))
	for _, c := range []struct {
		after time.Duration
		want  time.Duration
		ok    bool
	}{
		{30 * time.Millisecond, 30 * time.Millisecond, true},
		{time.Second + 50*time.Millisecond, 50 * time.Millisecond, true},
		{time.Second - 10*time.Millisecond, 990 * time.Millisecond, false}, // too long to belong together
	} {
		if d, ok := p.since(t0.Add(c.after)); ok != c.ok || d != c.want {
			t.Errorf("heard %v after the first: got %v %v, want %v %v", c.after, d, ok, c.want, c.ok)
		}
	}
}

func TestHeard(t *testing.T) {
	var p Party
	pkt := append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, "x"...)
	at := time.Unix(1000, 0)
	for i, seq := range []byte{5, 6, 8, 7} {
		pkt[3] = seq
		p.hear(pkt, at.Add(time.Duration(i*i)*10*time.Millisecond))
	}
	h := p.take()
	if h.packets != 4 || h.gaps != 2 || h.longest != 50*time.Millisecond {
		t.Errorf("got %+v, want 4 packets, 2 gaps, 50 ms at the longest", h)
	}
	if h := p.take(); h.packets != 0 {
		t.Errorf("after taking: %+v", h)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Loss: -1}, {Loss: 101}, {Jitter: -1}, {Jitter: time.Second}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// TestThereAndBack sends to itself: a party whose server is another party's ear.
func TestThereAndBack(t *testing.T) {
	defer goleak.VerifyNone(t)
	v := voices(t, PCMU)
	a, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	pa := a.Add(b.Addr(), 0, 0, v.Speech)
	b.Add(a.Addr(), 0, 1, v.Comfort)
	a.Start()
	b.Start()
	begun := a.Begin()
	time.Sleep(300 * time.Millisecond)
	s := a.End(begun)
	if s.Parties != 1 || s.Heard < 1 || s.Gaps != 0 {
		t.Errorf("got %+v, want one party that hears packets in their order", s)
	}
	a.Remove([]*Party{pa})
	if s := a.End(a.Begin()); s.Parties != 0 {
		t.Errorf("%d parties after the only one was removed", s.Parties)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
