package recorder

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

func TestMain(m *testing.M) {
	if dir := crashDir(); dir != "" {
		crashChild(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func start(t testing.TB, g *rig, parties ...Party) *Recording {
	t.Helper()
	rec, err := g.Start(t.Context(), StartRequest{
		CallID: "call_1", From: "+4930123456", To: "100", Queue: "support", Actor: "agt_1",
		Variables: map[string]string{"case": "42"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parties {
		rec.AddParty(p)
	}
	return rec
}

var (
	customer = Party{LegID: "leg_c", Role: wire.RoleCustomer}
	agent    = Party{LegID: "leg_a", Role: wire.RoleAgent, Agent: "agt_1", Name: "Ann"}
)

func TestRecordToFolder(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Copy.Format, cfg.Copy.CPUPercent = "opus", 100
	g := newRig(t, cfg)
	rec := start(t, g, customer, agent)
	c := newVoice(t, "leg_c", 440, pcm.Rate8k, false)
	a := newVoice(t, "leg_a", 1000, pcm.Rate48k, true)
	r := &room{tick: 77, voices: []*voice{c}}
	r.run(t, rec, 50) // the caller alone
	r.voices = append(r.voices, a)
	r.run(t, rec, 100)
	r.voices = r.voices[1:] // the caller is gone
	rec.RemoveParty("leg_c")
	r.run(t, rec, 50)
	w, err := rec.Stop(t.Context(), "hangup")
	if err != nil {
		t.Fatal(err)
	}
	if w.State != wire.RecordingStopped || w.DurationMS != 4000 || len(w.Tracks) != 2 || len(w.Gaps) != 0 || w.Agent != "agt_1" {
		t.Fatalf("stopped: %+v", w)
	}
	stored := g.await(t, "recording.stored", rec.ID())
	if stored.State != wire.RecordingStored || stored.Recovered {
		t.Fatalf("stored: %+v", stored)
	}
	m, err := readManifest(filepath.Dir(g.archived(w, ManifestName)))
	if err != nil {
		t.Fatal(err)
	}
	if m.Counters.Reused != 150 || m.Counters.Encoded < 150 || m.Counters.Ticks != 200 || m.Variables["case"] != "42" || len(m.Parties) != 2 {
		t.Errorf("manifest: %+v", m)
	}
	for i, want := range []struct {
		id               string
		offset, duration int64
		hz               float64
		from, to         time.Duration
	}{
		{"customer-1", 0, 4000, 440, 0, 3 * time.Second},
		{"agent-2", 1000, 3000, 1000, 0, 3 * time.Second},
	} {
		tr := stored.Tracks[i]
		if tr.ID != want.id || tr.OffsetMS != want.offset || tr.DurationMS != want.duration || tr.SHA256 == "" {
			t.Errorf("track %d: %+v", i, tr)
		}
		path := g.archived(w, tr.Object)
		opusinfo(t, path)
		s := decode(t, readFile(t, path))
		if len(s) != int(want.duration)*8 {
			t.Errorf("%s: %d samples, want %d", tr.ID, len(s), want.duration*8)
		}
		for at := want.from + 100*time.Millisecond; at < want.to-100*time.Millisecond; at += 100 * time.Millisecond {
			if p := power(stretch(s, at, at+100*time.Millisecond), want.hz); p < -20 {
				t.Errorf("%s: %.1f dB of its tone at %v", tr.ID, p, at)
			}
		}
	}
	if s := decode(t, readFile(t, g.archived(w, "customer-1.ogg"))); peak(stretch(s, 3100*time.Millisecond, 4*time.Second)) > 0 {
		t.Error("the caller's track is not silent after it left")
	}
	got, err := g.Get(rec.ID())
	if err != nil || got.State != wire.RecordingStored {
		t.Errorf("get: %+v, %v", got, err)
	}
	list, next, err := g.List(Filter{Agent: "agt_1", CallID: "call_1"})
	if err != nil || len(list) != 1 || next != "" {
		t.Errorf("list: %+v, %q, %v", list, next, err)
	}
	f, size, kind, err := g.OpenTrack(t.Context(), rec.ID(), "agent-2")
	if err != nil || size != stored.Tracks[1].Bytes || kind == "" {
		t.Fatalf("open track: %d, %q, %v", size, kind, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for limit := time.Now().Add(10 * time.Second); g.copies.Waiting() > 0 && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	readFile(t, g.archived(w, peaksName)) // made behind the copy, before anybody has asked
	if err := os.Remove(g.archived(w, peaksName)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // made when asked for, then kept
		p, err := g.Peaks(t.Context(), rec.ID())
		if err != nil || len(p.Tracks) != 2 || len(p.Tracks[0].Peaks) != 40 || p.Tracks[0].Peaks[10] < 20 || p.Tracks[0].Peaks[39] != 0 || p.Tracks[1].OffsetMS != 1000 {
			t.Errorf("peaks: %+v, %v", p, err)
		}
	}
	readFile(t, g.archived(w, peaksName))
}

func TestTickAllocatesNothing(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer, agent)
	c, a := newVoice(t, "leg_c", 440, pcm.Rate48k, false), newVoice(t, "leg_a", 1000, pcm.Rate48k, true)
	frames := []media.Tapped{c.tapped(t), a.tapped(t)}
	tick := uint64(0)
	if n := testing.AllocsPerRun(500, func() { rec.Tick(tick, frames); tick++ }); n != 0 {
		t.Errorf("%v allocations per tick", n)
	}
	if _, err := rec.Stop(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkTick(b *testing.B) {
	rec := &Recording{ring: newRing(ringWords), scribe: &scribe{wake: make(chan struct{}, 1)}}
	rec.seats.Store(&[]seat{{leg: "leg_c", past: &past{}}, {leg: "leg_a", party: 1, past: &past{}}})
	var f pcm.Frame
	f.Reset(pcm.Rate16k)
	frames := []media.Tapped{{Member: "leg_c", Kind: media.Audio, In: &f}, {Member: "leg_a", Kind: media.Audio, In: &f, Codec: media.Opus, Payload: append([]byte{0x78}, make([]byte, 80)...)}}
	b.ReportAllocs()
	for b.Loop() {
		rec.Tick(1, frames)
		rec.ring.peek()
		rec.ring.take()
	}
}

func TestStopWithoutTicks(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	w, err := rec.Stop(t.Context(), "hangup")
	if err != nil || w.DurationMS != 0 || len(w.Tracks) != 0 {
		t.Errorf("stop: %+v, %v", w, err)
	}
	if again, err := rec.Stop(t.Context(), "again"); err != nil || again.State != wire.RecordingStopped {
		t.Errorf("second stop: %+v, %v", again, err)
	}
	g.await(t, "recording.stored", rec.ID())
}

func TestShutdownKeepsRunningRecordings(t *testing.T) {
	cfg := testConfig(t.TempDir())
	g := newRig(t, cfg)
	rec := start(t, g, customer)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 440, pcm.Rate8k, false)}}
	r.run(t, rec, 100)
	g.stop(t)
	if _, err := g.Start(context.Background(), StartRequest{CallID: "call_2"}); err == nil {
		t.Error("a recording started after the shutdown")
	}
	g = newRig(t, cfg)
	w := g.await(t, "recording.stored", rec.ID())
	if w.Recovered || w.DurationMS != 2000 {
		t.Errorf("stored after restart: %+v", w)
	}
}
