package listen

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	libopus "github.com/hraban/opus"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/ogg"
)

// voice is a track with a tone between two times and silence around it, all on the recording's time line.
type voice struct {
	hz                  float64
	from, till          time.Duration // of the track
	toneFrom, toneUntil time.Duration
	rate                pcm.Rate
}

func (v voice) file(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := ogg.NewWriter(&b, 1, ogg.Head{Channels: 1, PreSkip: ogg.PreSkip, InputRate: 48000}, nil, 48000)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}, v.rate)
	if err != nil {
		t.Fatal(err)
	}
	defer codec.PutEncoder(enc)
	n := v.rate.Samples()
	tone := testaudio.Tone(v.hz, float64(v.rate), int(v.till/pcm.Period)*n, -12)
	var buf [codec.MaxPayload]byte
	var f pcm.Frame
	for at := v.from; at < v.till; at += pcm.Period {
		f.Reset(v.rate)
		if at >= v.toneFrom && at < v.toneUntil {
			copy(f.Samples(), tone[int(at/pcm.Period)*n:])
		}
		k, err := enc.Encode(buf[:], &f)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Packet(buf[:k], ogg.PacketDuration); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (v voice) track(t testing.TB, left bool) Track {
	b := v.file(t)
	return Track{Left: left, Offset: v.from, Duration: v.till - v.from, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

// pair is a copy's two channels; in mono right is empty.
type pair struct {
	left, right []int16
	rate        int
}

// part is a stretch of the left channel, which in mono is the only one.
func (p pair) part(from, to time.Duration) []int16 {
	return p.left[int(from*time.Duration(p.rate)/time.Second):int(to*time.Duration(p.rate)/time.Second)]
}

func (p pair) stretch(from, to time.Duration) (left, right []int16) {
	a, b := int(from*time.Duration(p.rate)/time.Second), int(to*time.Duration(p.rate)/time.Second)
	return p.left[a:b], p.right[a:b]
}

func decode(t testing.TB, b []byte, o Options) pair {
	t.Helper()
	var all []int16
	rate, want := 48000, o.channels()
	switch o.Format {
	case WAV:
		var channels int
		var err error
		if all, rate, channels, err = testaudio.DecodeWAV(b); err != nil || channels != want {
			t.Fatalf("%d channels, %v", channels, err)
		}
	case FLAC:
		var channels int
		if all, rate, channels = decodeFLAC(t, b); channels != want {
			t.Fatalf("%d channels", channels)
		}
	default:
		packets, err := ogg.NewPackets(bytes.NewReader(b))
		if err != nil || int(packets.Head.Channels) != want {
			t.Fatalf("%+v, %v", packets, err)
		}
		dec, err := libopus.NewDecoder(rate, want)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]int16, 2*5760)
		for {
			p, err := packets.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			n, err := dec.Decode(p, buf)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, buf[:want*n]...)
		}
		all = all[want*ogg.PreSkip:]
		s, err := ogg.Scan(bytes.NewReader(b), 0)
		if err != nil || !s.Closed {
			t.Fatalf("%+v, %v", s, err)
		}
		all = all[:want*int(s.Samples())]
	}
	p := pair{rate: rate}
	for i := 0; i+want <= len(all); i += want {
		p.left = append(p.left, all[i])
		if want == 2 {
			p.right = append(p.right, all[i+1])
		}
	}
	return p
}

func make1(t testing.TB, tracks []Track, o Options) (pair, Info) {
	t.Helper()
	var b bytes.Buffer
	info, err := Make(t.Context(), &b, tracks, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Format = info.Format
	p := decode(t, b.Bytes(), o)
	if got := time.Duration(len(p.left)) * time.Second / time.Duration(p.rate); got != info.Duration {
		t.Errorf("%v long, the copy says %v", got, info.Duration)
	}
	return p, info
}

// onset is when a channel first gets loud and when it was loud last.
func onset(s []int16, rate int) (from, till time.Duration) {
	const loud = 1500
	first, last := -1, 0
	for i, x := range s {
		if x > loud || x < -loud {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return time.Duration(first) * time.Second / time.Duration(rate), time.Duration(last) * time.Second / time.Duration(rate)
}

const ms = time.Millisecond

// conversation is a customer and two others, each with a tone of its own at a time of its own.
func conversation(t testing.TB) []Track {
	return []Track{
		voice{500, 0, 5 * time.Second, 1000 * ms, 2000 * ms, pcm.Rate8k}.track(t, true),
		voice{900, 400 * ms, 5 * time.Second, 2500 * ms, 3500 * ms, pcm.Rate48k}.track(t, false),
		voice{1400, 1260 * ms, 4 * time.Second, 3000 * ms, 3900 * ms, pcm.Rate16k}.track(t, false),
	}
}

func TestChannelsAndTimes(t *testing.T) {
	for _, o := range []Options{{}, {Format: WAV}, {Format: WAV, Rate: pcm.Rate48k}, {Rate: pcm.Rate16k}, {Format: FLAC}, {Format: FLAC, Rate: pcm.Rate48k}} {
		p, info := make1(t, conversation(t), o)
		if info.Duration != 5*time.Second {
			t.Errorf("%+v: %v long", o, info.Duration)
		}
		for _, c := range []struct {
			what       string
			samples    []int16
			from, till time.Duration
		}{
			{"left", p.left, 1000 * ms, 2000 * ms}, {"right", p.right, 2500 * ms, 3900 * ms},
		} {
			from, till := onset(c.samples, p.rate)
			if (from-c.from).Abs() > 20*ms || (till-c.till).Abs() > 20*ms {
				t.Errorf("%+v: %s from %v to %v, want %v to %v", o, c.what, from, till, c.from, c.till)
			}
			t.Logf("%s %v: %s is off by %v and %v", info.Format, p.rate, c.what, from-c.from, till-c.till)
		}
		for _, c := range []struct {
			hz         float64
			left       bool
			from, till time.Duration
		}{{500, true, 1100 * ms, 1900 * ms}, {900, false, 2600 * ms, 3400 * ms}, {1400, false, 3100 * ms, 3800 * ms}} {
			l, r := p.stretch(c.from, c.till)
			if !c.left {
				l, r = r, l
			}
			own, other := testaudio.Level(l, c.hz, float64(p.rate)), testaudio.Level(r, c.hz, float64(p.rate))
			if own < -15 || own > -9 || other > -60 {
				t.Errorf("%+v: %v Hz at %.1f dB in its channel, %.1f in the other", o, c.hz, own, other)
			}
		}
	}
}

// A copy in mono is a file of one channel with everybody in it, markers too.
func TestMono(t *testing.T) {
	for _, format := range []Format{Opus, WAV, FLAC} {
		p, info := make1(t, conversation(t), Options{Format: format, Mono: true, Edits: []Edit{{At: 4500 * ms, Marker: true}}})
		if info.Duration != 5200*ms {
			t.Errorf("%s: %v long", format, info.Duration)
		}
		for _, c := range []struct {
			hz, level  float64
			from, till time.Duration
		}{
			{500, -12, 1100 * ms, 1900 * ms},
			{900, -12, 2600 * ms, 2900 * ms},
			{900, -12, 3100 * ms, 3400 * ms},
			{1400, -12, 3100 * ms, 3400 * ms},
			{440, -26, 4540 * ms, 4660 * ms},
		} {
			if got := testaudio.Level(p.part(c.from, c.till), c.hz, float64(p.rate)); got < c.level-3 || got > c.level+3 {
				t.Errorf("%s: %v Hz at %.1f dB, want %v", format, c.hz, got, c.level)
			}
		}
	}
}

func TestEdits(t *testing.T) {
	tracks := conversation(t)
	for _, c := range []struct {
		name           string
		edits          []Edit
		long           time.Duration
		left, leftTill time.Duration
		right          time.Duration
	}{
		{"cut between", []Edit{{At: 2100 * ms, Skip: 300 * ms}}, 4700 * ms, 1000 * ms, 2000 * ms, 2200 * ms},
		{"cut into the tone", []Edit{{At: 1500 * ms, Skip: 800 * ms}}, 4200 * ms, 1000 * ms, 1500 * ms, 1700 * ms},
		{"insert", []Edit{{At: 500 * ms, Insert: time.Second}}, 6 * time.Second, 2000 * ms, 3000 * ms, 3500 * ms},
		{"two, out of order", []Edit{{At: 2200 * ms, Skip: 100 * ms}, {At: 100 * ms, Insert: 200 * ms}}, 5100 * ms, 1200 * ms, 2200 * ms, 2600 * ms},
		{"overlapping", []Edit{{At: 2100 * ms, Skip: 200 * ms}, {At: 2200 * ms, Skip: 200 * ms}}, 4700 * ms, 1000 * ms, 2000 * ms, 2200 * ms},
		{"past the end", []Edit{{At: 4500 * ms, Skip: time.Hour}, {At: time.Hour, Skip: time.Hour, Insert: 100 * ms}}, 4600 * ms, 1000 * ms, 2000 * ms, 2500 * ms},
		{"before the beginning", []Edit{{At: -time.Second, Skip: -time.Second}}, 5 * time.Second, 1000 * ms, 2000 * ms, 2500 * ms},
	} {
		for _, format := range []Format{Opus, WAV, FLAC} {
			p, info := make1(t, tracks, Options{Format: format, Edits: c.edits})
			from, till := onset(p.left, p.rate)
			right, _ := onset(p.right, p.rate)
			if info.Duration != c.long || (from-c.left).Abs() > 20*ms || (till-c.leftTill).Abs() > 20*ms || (right-c.right).Abs() > 20*ms {
				t.Errorf("%s, %s: %v long, left %v to %v, right from %v", c.name, format, info.Duration, from, till, right)
			}
		}
	}
}

func TestMarker(t *testing.T) {
	p, info := make1(t, conversation(t), Options{Edits: []Edit{{At: 2100 * ms, Skip: 300 * ms, Marker: true}}})
	if info.Duration != 4900*ms {
		t.Errorf("%v long", info.Duration)
	}
	l, r := p.stretch(2140*ms, 2260*ms)
	for _, c := range [][]int16{l, r} {
		if level := testaudio.Level(c, 440, float64(p.rate)); level < -29 || level > -23 {
			t.Errorf("marker at %.1f dB", level)
		}
	}
	if l, _ := p.stretch(2320*ms, 4800*ms); testaudio.Level(l, 440, float64(p.rate)) > -70 {
		t.Error("the marker does not end")
	}
}

func TestMixIsClippedOnce(t *testing.T) {
	loud := func(left bool) Track { return voice{600, 0, time.Second, 0, time.Second, pcm.Rate16k}.track(t, left) }
	tracks := []Track{loud(false), loud(false), loud(false), loud(false), loud(false)} // 5 x -12 dB
	p, _ := make1(t, tracks, Options{Format: WAV})
	_, r := p.stretch(200*ms, 800*ms)
	if level := testaudio.Level(r, 600, float64(p.rate)); level < 0 { // a clipped sine's fundamental is above full scale
		t.Errorf("sum at %.1f dB", level)
	}
	l, _ := p.stretch(0, time.Second)
	if testaudio.RMS(l) != -200 {
		t.Error("the left channel is not silent")
	}
}

func TestFileIsGood(t *testing.T) {
	tool, err := exec.LookPath("opusinfo")
	if err != nil {
		t.Skip("opusinfo (opus-tools) is not installed")
	}
	path := filepath.Join(t.TempDir(), "listen.ogg")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Make(t.Context(), f, conversation(t), Options{Serial: 7, Comment: []string{"TITLE=a call"}})
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, path).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("WARNING")) || !bytes.Contains(out, []byte("Channels: 2")) || !bytes.Contains(out, []byte("TITLE=a call")) {
		t.Errorf("opusinfo: %v\n%s", err, out)
	}
}

func TestFaults(t *testing.T) {
	good := voice{500, 0, 2 * time.Second, 0, 2 * time.Second, pcm.Rate16k}
	broken := errors.New("broken")
	refuse := Track{Duration: time.Second, Open: func() (io.ReadCloser, error) { return nil, broken }}
	if _, err := Make(t.Context(), io.Discard, []Track{good.track(t, true), refuse}, Options{}); !errors.Is(err, broken) {
		t.Errorf("a track that cannot be opened: %v", err)
	}
	rubbish := Track{Duration: time.Second, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte("x"))), nil }}
	if _, err := Make(t.Context(), io.Discard, []Track{rubbish}, Options{}); !errors.Is(err, ogg.ErrNotOpus) {
		t.Errorf("a track that is none: %v", err)
	}
	for _, o := range []Options{{Format: "mp3"}, {Format: "aac"}, {Rate: 44100}} {
		if _, err := Make(t.Context(), io.Discard, nil, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	tooLong := Track{Duration: 20 * time.Hour, Open: good.track(t, true).Open}
	if _, err := Make(t.Context(), io.Discard, []Track{tooLong}, Options{Format: WAV}); err == nil {
		t.Error("a WAV of 20 hours")
	}
	for _, format := range []Format{Opus, WAV, FLAC} {
		if _, err := Make(t.Context(), failing{broken}, []Track{good.track(t, true)}, Options{Format: format}); !errors.Is(err, broken) {
			t.Errorf("%s to a broken disk: %v", format, err)
		}
		stop := func(context.Context) error { return broken }
		if _, err := Make(t.Context(), io.Discard, []Track{good.track(t, true)}, Options{Format: format, Pace: stop}); !errors.Is(err, broken) {
			t.Errorf("%s told to stop: %v", format, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Make(ctx, io.Discard, []Track{good.track(t, true)}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, format := range []Format{Opus, WAV, FLAC} {
		if p, info := make1(t, nil, Options{Format: format}); info.Duration != 0 || len(p.left) != 0 {
			t.Errorf("%s of no tracks: %v", format, info.Duration)
		}
	}
	// A track cut in the middle is silent from there; the rest of the call is there.
	b := good.file(t)
	cut := Track{Left: true, Duration: 2 * time.Second, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b[:len(b)/2])), nil
	}}
	p, info := make1(t, []Track{cut, voice{900, 0, 3 * time.Second, 0, 3 * time.Second, pcm.Rate16k}.track(t, false)}, Options{})
	if l, r := p.stretch(2*time.Second, 2900*ms); info.Duration != 3*time.Second || testaudio.RMS(l) > -60 || testaudio.RMS(r) < -20 {
		t.Errorf("a cut track: %v, %.1f and %.1f dB", info.Duration, testaudio.RMS(l), testaudio.RMS(r))
	}
}

type failing struct{ err error }

func (w failing) Write([]byte) (int, error) { return 0, w.err }

// BenchmarkMake tells what a second of a call of two costs.
func BenchmarkMake(b *testing.B) {
	tracks := []Track{
		voice{500, 0, 10 * time.Second, 0, 10 * time.Second, pcm.Rate8k}.track(b, true),
		voice{900, 0, 10 * time.Second, 0, 10 * time.Second, pcm.Rate16k}.track(b, false),
	}
	for _, f := range []Format{Opus, WAV} {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				if _, err := Make(b.Context(), io.Discard, tracks, Options{Format: f}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/10, "us/call-second")
		})
	}
}
