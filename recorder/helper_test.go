package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/codec"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/ogg"
	"github.com/cordboard/cordboard/signaling/wire"
)

// rig is a recorder on temporary folders, with a room of our own making.
type rig struct {
	*Recorder
	bus    *event.Bus
	cfg    Config
	cancel context.CancelFunc
	done   chan error
}

func testConfig(dir string) Config {
	c := Defaults()
	c.SpoolDir = filepath.Join(dir, "spool")
	c.Archive.Folder = filepath.Join(dir, "archive")
	return c
}

func newRig(t testing.TB, cfg Config) *rig { return newRigHurried(t, cfg, 1) }

// newRigHurried makes a rig whose back-off is a share of the real one.
func newRigHurried(t testing.TB, cfg Config, hurry float64) *rig {
	t.Helper()
	bus := event.New(1024, 1, time.Now)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	r, err := New(cfg, Deps{Bus: bus, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	r.hurry = hurry
	return runRig(t, r, bus, cfg)
}

func runRig(t testing.TB, r *Recorder, bus *event.Bus, cfg Config) *rig {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	g := &rig{Recorder: r, bus: bus, cfg: cfg, cancel: cancel, done: make(chan error, 1)}
	go func() { g.done <- r.Run(ctx) }()
	t.Cleanup(func() { g.stop(t) })
	return g
}

// stop ends the recorder; it may be called again.
func (g *rig) stop(t testing.TB) {
	t.Helper()
	g.cancel()
	if err := <-g.done; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	g.done <- nil
}

// await returns the data of the first event of the type after the cursor.
func (g *rig) await(t *testing.T, typ, recID string) wire.Recording {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var cursor uint64
	for {
		list, err := g.bus.After(ctx, cursor, nil, 100)
		if err != nil {
			t.Fatalf("wait for %s: %v", typ, err)
		}
		for _, e := range list {
			cursor = e.Seq
			if w, ok := e.Data.(wire.Recording); ok && e.Type == typ && (recID == "" || w.ID == recID) {
				return w
			}
		}
	}
}

// voice makes a party's frames: a tone, as samples or as Opus.
type voice struct {
	leg   string
	hz    float64 // 0: silence
	rate  pcm.Rate
	opus  bool
	kind  media.Kind
	age   time.Duration
	voice bool
	frame pcm.Frame
	enc   codec.Encoder
	buf   [codec.MaxPayload]byte
	at    int
}

func newVoice(t *testing.T, leg string, hz float64, rate pcm.Rate, opus bool) *voice {
	t.Helper()
	v := &voice{leg: leg, hz: hz, rate: rate, opus: opus, kind: media.Audio}
	if opus {
		e, err := codec.NewEncoder(media.Format{Codec: media.Opus, Bitrate: 32000, Complexity: 5}, rate)
		if err != nil {
			t.Fatal(err)
		}
		v.enc = e
		t.Cleanup(func() { codec.PutEncoder(e) })
	}
	return v
}

func (v *voice) tapped(t *testing.T) media.Tapped {
	t.Helper()
	v.frame.Reset(v.rate)
	s := v.frame.Samples()
	for i := range s {
		if v.hz > 0 {
			s[i] = int16(8000 * math.Sin(2*math.Pi*v.hz*float64(v.at+i)/float64(v.rate)))
		}
	}
	v.at += len(s)
	out := media.Tapped{Member: v.leg, Kind: v.kind, In: &v.frame, Age: v.age, Voice: v.voice}
	if v.enc != nil { // a party's encoder goes on whether we take its packets or not
		n, err := v.enc.Encode(v.buf[:], &v.frame)
		if err != nil {
			t.Fatal(err)
		}
		if v.opus && v.kind == media.Audio {
			out.Codec, out.Payload = media.Opus, v.buf[:n]
		}
	}
	return out
}

// copyDir copies a folder as it is now.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// room ticks a recording.
type room struct {
	tick   uint64
	voices []*voice
	next   time.Time
	clock  *clock // goes on by a tick with each, where there is one
}

// clock is a recorder's uptime in a test's hands.
type clock struct{ ns atomic.Int64 }

func (c *clock) pass(d time.Duration) { c.ns.Add(int64(d)) }

// keeps makes c the recorder's clock, before its first recording.
func (c *clock) keeps(r *Recorder) {
	r.uptime = func() time.Duration { return time.Duration(c.ns.Load()) }
}

func (r *room) run(t *testing.T, rec *Recording, ticks int) {
	t.Helper()
	for range ticks {
		frames := make([]media.Tapped, 0, len(r.voices))
		for _, v := range r.voices {
			frames = append(frames, v.tapped(t))
		}
		rec.Tick(r.tick, frames)
		r.tick++
		if r.clock != nil {
			r.clock.pass(pcm.Period)
		}
		if r.tick%20 == 0 {
			rec.mu.Lock()
			rec.drain()
			rec.mu.Unlock()
		}
	}
}

// live ticks in real time for d.
func (r *room) live(t *testing.T, rec *Recording, d time.Duration) {
	t.Helper()
	if r.next.IsZero() {
		r.next = time.Now()
	}
	for range int(d / pcm.Period) {
		frames := make([]media.Tapped, 0, len(r.voices))
		for _, v := range r.voices {
			frames = append(frames, v.tapped(t))
		}
		rec.Tick(r.tick, frames)
		r.tick++
		r.next = r.next.Add(pcm.Period)
		time.Sleep(time.Until(r.next))
	}
}

// decode returns a track's samples at 8 kHz, without the pre-skip.
func decode(t *testing.T, b []byte) []int16 {
	t.Helper()
	packets, err := ogg.NewPackets(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	d, err := codec.NewDecoder(media.Opus)
	if err != nil {
		t.Fatal(err)
	}
	defer codec.PutDecoder(d)
	var out []int16
	buf := make([]int16, 8000)
	for {
		p, err := packets.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := d.Decode(buf, p, pcm.Rate8k)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		out = append(out, buf[:n]...)
	}
	out = out[min(len(out), ogg.PreSkip/6):]
	s, err := ogg.Scan(bytes.NewReader(b), 0)
	if err != nil {
		t.Fatal(err)
	}
	return out[:min(len(out), int(s.Samples()/6))]
}

// power is the level of a frequency in s at 8 kHz, in dB of full scale.
func power(s []int16, hz float64) float64 {
	if len(s) == 0 {
		return -200
	}
	var re, im float64
	for i, v := range s {
		a := 2 * math.Pi * hz * float64(i) / 8000
		re += float64(v) * math.Cos(a)
		im += float64(v) * math.Sin(a)
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(len(s))/32768+1e-10)
}

// peak is the loudest sample.
func peak(s []int16) int {
	p := 0
	for _, v := range s {
		p = max(p, int(v), -int(v))
	}
	return p
}

// stretch is s from one time to another.
func stretch(s []int16, from, to time.Duration) []int16 {
	return s[min(len(s), int(from*8000/time.Second)):min(len(s), int(to*8000/time.Second))]
}

// opusinfo lets the reference tool judge a file.
func opusinfo(t *testing.T, path string) {
	t.Helper()
	tool, err := exec.LookPath("opusinfo")
	if err != nil {
		t.Skip("opusinfo (opus-tools) is not installed")
	}
	out, err := exec.Command(tool, path).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("WARNING")) || bytes.Contains(out, []byte("ERROR")) {
		t.Errorf("opusinfo %s: %v\n%s", filepath.Base(path), err, out)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// archived is the path of a recording's object in the folder archive.
func (g *rig) archived(w wire.Recording, object string) string {
	return filepath.Join(g.cfg.Archive.Folder, filepath.FromSlash(folderKey(w)), object)
}

// wireLine is a recording as the index has it.
func wireLine(t *testing.T, w wire.Recording) []byte {
	t.Helper()
	b, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}
