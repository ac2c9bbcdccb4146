package recorder

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/problem"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestW81_W82_Pause speaks tone A, pauses, speaks tone B, lets the deadline pass and speaks tone C, in real time,
// for a party that is encoded here and for one whose packets are reused.
func TestW81_W82_Pause(t *testing.T) {
	const toneA, toneB, toneC = 500, 1250, 2000
	const limit = 1510 * time.Millisecond // between two ticks: one at the deadline may have what was said before it
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer, agent)
	c, a := newVoice(t, "leg_c", toneA, pcm.Rate8k, false), newVoice(t, "leg_a", toneA, pcm.Rate48k, true)
	r := &room{tick: 1000, voices: []*voice{c, a}}
	r.live(t, rec, time.Second)
	begun := time.Now()
	first := r.tick
	w, err := rec.Pause(t.Context(), PauseRequest{Max: limit, By: "agt_1", Reason: "card"})
	if err != nil || w.State != wire.RecordingPaused || w.PausedTill == nil {
		t.Fatalf("pause: %+v, %v", w, err)
	}
	c.hz, a.hz = toneB, toneB
	for rec.gated.Load() {
		r.live(t, rec, pcm.Period)
		if time.Since(begun) > limit+time.Second {
			t.Fatal("the pause does not end")
		}
	}
	late := time.Since(begun) - limit
	last := r.tick // the first tick that may have audio again, or the one before
	if late < -5*time.Millisecond || late > 100*time.Millisecond {
		t.Errorf("resumed %v after the deadline, want 0 to 100ms", late)
	}
	c.hz, a.hz = toneC, toneC
	r.live(t, rec, time.Second)
	w, err = rec.Stop(t.Context(), "hangup")
	if err != nil {
		t.Fatal(err)
	}
	w = g.await(t, "recording.stored", rec.ID())
	if len(w.Gaps) != 1 {
		t.Fatalf("gaps: %+v", w.Gaps)
	}
	gap := w.Gaps[0]
	if gap.Cause != "pause" || gap.By != "agt_1" || gap.Reason != "card" || gap.Resumed != "deadline" || gap.Till == nil {
		t.Errorf("gap: %+v", gap)
	}
	if want := int64(first-1000) * 20; gap.OffsetMS != want {
		t.Errorf("gap begins at %d ms, want %d", gap.OffsetMS, want)
	}
	if want := int64(last-first) * 20; gap.LengthMS < want-20 || gap.LengthMS > want+20 {
		t.Errorf("gap is %d ms long, want %d +-20", gap.LengthMS, want)
	}
	if wall := gap.Till.Sub(gap.From).Milliseconds(); gap.LengthMS < wall-60 || gap.LengthMS > wall+60 {
		t.Errorf("gap is %d ms long on the time line, %d on the clock", gap.LengthMS, wall)
	}
	for _, tr := range w.Tracks {
		path := g.archived(w, tr.Object)
		opusinfo(t, path)
		s := decode(t, readFile(t, path))
		from, to := time.Duration(gap.OffsetMS)*time.Millisecond, time.Duration(gap.OffsetMS+gap.LengthMS)*time.Millisecond
		if p := power(stretch(s, 100*time.Millisecond, from-50*time.Millisecond), toneA); p < -20 {
			t.Errorf("%s: tone A at %.1f dB", tr.ID, p)
		}
		if p := power(stretch(s, to+100*time.Millisecond, to+900*time.Millisecond), toneC); p < -20 {
			t.Errorf("%s: tone C at %.1f dB", tr.ID, p)
		}
		// A decoder fades the last frame out over a few milliseconds; after that nothing.
		// The decoder's output is PreSkip, 6.5 ms, ahead of the time line.
		if p := peak(stretch(s, from+20*time.Millisecond, to-7*time.Millisecond)); p > 0 {
			t.Errorf("%s: the gap holds samples up to %d", tr.ID, p)
		}
		for at := time.Duration(0); at < time.Duration(len(s))*time.Second/8000; at += 20 * time.Millisecond {
			if p := power(stretch(s, at, at+60*time.Millisecond), toneB); p > -45 {
				t.Errorf("%s: tone B at %.1f dB, %v", tr.ID, p, at)
			}
		}
	}
	t.Logf("resumed %v after the deadline", late)
}

func TestW85_PauseManual(t *testing.T) {
	for _, policy := range []string{PauseSilence, PauseCut} {
		t.Run(policy, func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			cfg.PausePolicy = policy
			g := newRig(t, cfg)
			rec := start(t, g, customer)
			c := newVoice(t, "leg_c", 500, pcm.Rate16k, false)
			r := &room{voices: []*voice{c}}
			r.run(t, rec, 50)
			pause := func(limit time.Duration) wire.Recording {
				w, err := rec.Pause(t.Context(), PauseRequest{Max: limit, By: "agt_1"})
				if err != nil {
					t.Fatal(err)
				}
				return w
			}
			soon := pause(time.Minute)
			r.run(t, rec, 25)
			later := pause(2 * time.Minute)
			if !later.PausedTill.After(soon.PausedTill.Add(30*time.Second)) || len(later.Gaps) != 1 || later.Gaps[0].LengthMS != 500 {
				t.Errorf("second pause: %+v", later)
			}
			c.hz = 1000
			r.run(t, rec, 25)
			if w, err := rec.Resume(t.Context(), "agt_1"); err != nil || w.State != wire.RecordingActive || w.PausedTill != nil {
				t.Errorf("resume: %+v, %v", w, err)
			}
			if _, err := rec.Resume(t.Context(), "agt_1"); problem.As(err).Status != http.StatusConflict {
				t.Errorf("second resume: %v", err)
			}
			pause(time.Minute) // and again before the next tick
			if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
				t.Error(err)
			}
			c.hz = 2000
			r.run(t, rec, 50)
			pause(time.Minute)
			r.run(t, rec, 10)
			w, err := rec.Stop(t.Context(), "hangup")
			if err != nil {
				t.Fatal(err)
			}
			type gap struct {
				offset, length int64
				how            string
			}
			want := []gap{{1000, 1000, "manual"}, {2000, 0, "manual"}, {3000, 200, "stop"}}
			duration := int64(3200)
			if policy == PauseCut {
				want = []gap{{1000, 1000, "manual"}, {1000, 0, "manual"}, {2000, 200, "stop"}}
				duration = 2000
			}
			var got []gap
			for _, g := range w.Gaps {
				got = append(got, gap{g.OffsetMS, g.LengthMS, g.Resumed})
			}
			if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || w.DurationMS != duration {
				t.Errorf("gaps %v of %d ms, want %v of %d", got, w.DurationMS, want, duration)
			}
			if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Second}); problem.As(err).Status != http.StatusConflict {
				t.Errorf("pause after stop: %v", err)
			}
			s := decode(t, readFile(t, g.archived(g.await(t, "recording.stored", ""), "customer-1.ogg")))
			if len(s) != int(duration)*8 {
				t.Errorf("%d samples, want %d", len(s), duration*8)
			}
			if p := power(s, 1000); p > -60 {
				t.Errorf("the paused tone is in the track: %.1f dB", p)
			}
		})
	}
}

func TestPauseLimits(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	for _, limit := range []time.Duration{-time.Second, g.cfg.MaxPause + time.Millisecond} {
		_, err := rec.Pause(t.Context(), PauseRequest{Max: limit})
		var p *problem.Error
		if !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity || len(p.Fields) != 1 || p.Fields[0].Pointer != "/max_seconds" {
			t.Errorf("pause of %v: %v", limit, err)
		}
	}
	if rec.gated.Load() {
		t.Error("a refused pause pauses")
	}
	w, err := rec.Pause(t.Context(), PauseRequest{})
	if till := time.Until(*w.PausedTill); err != nil || till > g.cfg.DefaultPause || till < g.cfg.DefaultPause-5*time.Second {
		t.Errorf("default pause: %v, %v", till, err)
	}
}

// TestPauseForgets looks for paused samples in every buffer behind the tap.
func TestPauseForgets(t *testing.T) {
	g := newRig(t, testConfig(t.TempDir()))
	rec := start(t, g, customer)
	c := newVoice(t, "leg_c", 500, pcm.Rate48k, false)
	r := &room{voices: []*voice{c}}
	for range 7 {
		r.run(t, rec, 1)
	}
	if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil {
		t.Fatal(err)
	}
	r.run(t, rec, 3)
	rec.mu.Lock()
	rec.drain()
	for i, w := range rec.ring.words {
		if w != 0 {
			t.Fatalf("word %d of the ring holds %d", i, w)
		}
	}
	if rec.frame != (pcm.Frame{}) || !bytes.Equal(rec.scratch[:], make([]byte, len(rec.scratch))) {
		t.Error("the scratch buffers hold audio")
	}
	rec.mu.Unlock()
}

// TestPausedRecovery: a recording whose process died in a pause has nothing behind it.
func TestPausedRecovery(t *testing.T) {
	cfg := testConfig(t.TempDir())
	g := newRig(t, cfg)
	rec := start(t, g, customer)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false)}}
	r.run(t, rec, 90)
	if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute, By: "agt_1"}); err != nil {
		t.Fatal(err)
	}
	// What the disk holds now is what a crash would leave, and then some audio that must not be there.
	dir := filepath.Join(cfg.SpoolDir, rec.ID())
	journal, track := readFile(t, filepath.Join(dir, journalName)), readFile(t, filepath.Join(dir, "customer-1.ogg"))
	if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
		t.Fatal(err)
	}
	r.run(t, rec, 100)
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	w := g.await(t, "recording.stored", rec.ID())
	longer := readFile(t, g.archived(w, "customer-1.ogg"))
	g.stop(t)
	for name, audio := range map[string][]byte{"as it was": track, "with audio behind": longer} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			dir := filepath.Join(cfg.SpoolDir, rec.ID())
			for name, b := range map[string][]byte{journalName: journal, "customer-1.ogg": audio} {
				if err := os.MkdirAll(dir, 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o640); err != nil {
					t.Fatal(err)
				}
			}
			g := newRig(t, cfg)
			w := g.await(t, "recording.stored", rec.ID())
			if !w.Recovered || w.DurationMS != 1800 || len(w.Gaps) != 1 || w.Gaps[0].Cause != "pause" || w.Gaps[0].Till != nil {
				t.Errorf("recovered: %+v", w)
			}
			opusinfo(t, g.archived(w, "customer-1.ogg"))
		})
	}
}
