package recorder

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestPauseCountsAudioTime: what was spoken in a pause and played after it, because it waited in a jitter
// buffer, is not kept. The pause begins and ends at random phases of the delay.
func TestPauseCountsAudioTime(t *testing.T) {
	const toneA, toneB, toneC = 500, 1250, 2000
	g := newRig(t, testConfig(t.TempDir()))
	c := &clock{}
	c.keeps(g.Recorder)
	for run := range 12 {
		delay := rand.IntN(16) // ticks between mouth and tap
		rec := start(t, g, customer)
		v := newVoice(t, "leg_c", toneA, pcm.Rate16k, run%2 == 1)
		v.age = time.Duration(delay)*pcm.Period + time.Duration(rand.IntN(20))*time.Millisecond
		r := &room{voices: []*voice{v}, clock: c}
		r.run(t, rec, 30+rand.IntN(10))
		if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil {
			t.Fatal(err)
		}
		r.run(t, rec, delay) // what was spoken before the pause comes out of the buffer
		v.hz = toneB
		r.run(t, rec, 30+rand.IntN(10)) // spoken and played in the pause
		if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
			t.Fatal(err)
		}
		r.run(t, rec, delay+1) // spoken in the pause, played after it
		v.hz = toneC
		r.run(t, rec, 50)
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		w := g.await(t, "recording.stored", rec.ID())
		s := decode(t, readFile(t, g.archived(w, "customer-1.ogg")))
		for at := time.Duration(0); at < time.Duration(len(s))*time.Second/8000; at += 20 * time.Millisecond {
			if p := power(stretch(s, at, at+60*time.Millisecond), toneB); p > -45 {
				t.Errorf("delay %v: tone B at %.1f dB, %v", v.age, p, at)
				break
			}
		}
		lost := time.Duration(w.Gaps[0].OffsetMS+w.Gaps[0].LengthMS)*time.Millisecond + v.age + 60*time.Millisecond
		if p := power(stretch(s, lost, lost+200*time.Millisecond), toneC); p < -20 {
			t.Errorf("delay %v: tone C is lost as well, %.1f dB", v.age, p)
		}
	}
}

// TestPauseEndsInAStall: ticks that are made up for run at once. They count for less than 20 ms each when it is asked
// what was spoken in the pause, or the last of it would be kept.
func TestPauseEndsInAStall(t *testing.T) {
	const toneB, toneC = 1250, 2000
	g := newRig(t, testConfig(t.TempDir()))
	c := &clock{}
	c.keeps(g.Recorder)
	for _, age := range []time.Duration{20 * time.Millisecond, 45 * time.Millisecond, 90 * time.Millisecond, 400 * time.Millisecond} {
		rec := start(t, g, customer)
		v := newVoice(t, "leg_c", 500, pcm.Rate16k, false)
		v.age = age
		r := &room{voices: []*voice{v}}
		r.run(t, rec, 30)
		if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil {
			t.Fatal(err)
		}
		r.run(t, rec, 30)
		if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
			t.Fatal(err)
		}
		v.hz = toneB
		r.run(t, rec, 3) // at once
		r.clock = c
		for spoken := age; spoken > 0; spoken -= pcm.Period {
			r.run(t, rec, 1)
		}
		v.hz = toneC
		r.run(t, rec, 50)
		if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
			t.Fatal(err)
		}
		w := g.await(t, "recording.stored", rec.ID())
		s := decode(t, readFile(t, g.archived(w, "customer-1.ogg")))
		for at := time.Duration(0); at < time.Duration(len(s))*time.Second/8000; at += 20 * time.Millisecond {
			if p := power(stretch(s, at, at+60*time.Millisecond), toneB); p > -45 {
				t.Errorf("age %v: what was said in the pause has %.1f dB at %v", age, p, at)
				break
			}
		}
		if p := power(stretch(s, 2*time.Second, 2200*time.Millisecond), toneC); p < -20 {
			t.Errorf("age %v: what was said behind it is lost as well, %.1f dB", age, p)
		}
	}
}

// TestFence: a call whose recording was stopped in a pause begins its next recording paused, until the old deadline or
// a resume. Announcements and captures begin theirs again.
func TestFence(t *testing.T) {
	cfg := testConfig(t.TempDir())
	g := newRig(t, cfg)
	rec := start(t, g, customer)
	w, err := rec.Pause(t.Context(), PauseRequest{Max: 40 * time.Second, By: "agt_1", Reason: "card"})
	if err != nil {
		t.Fatal(err)
	}
	till := *w.PausedTill
	again := func(g *rig) *Recording {
		t.Helper()
		rec, err := g.Start(t.Context(), StartRequest{CallID: w.CallID, Actor: "agt_1"})
		if err != nil {
			t.Fatal(err)
		}
		return rec
	}
	if _, err := rec.Stop(t.Context(), "stopped"); err != nil {
		t.Fatal(err)
	}
	rec = again(g)
	got := rec.Snapshot()
	if got.State != wire.RecordingPaused || got.PausedTill == nil || got.PausedTill.Sub(till).Abs() > 50*time.Millisecond || got.Gaps[0].Reason != "card" || got.Gaps[0].By != "agt_1" {
		t.Fatalf("behind a recording stopped in a pause: %+v", got)
	}
	if other, err := g.Start(t.Context(), StartRequest{CallID: "call_other"}); err != nil || other.Snapshot().State != wire.RecordingActive {
		t.Errorf("another call: %v", err)
	}
	if _, err := rec.Pause(t.Context(), PauseRequest{Owner: OwnerCapture, By: "app", Max: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if _, err := rec.Stop(t.Context(), "stopped"); err != nil {
		t.Fatal(err)
	}
	if d := g.Fence(w.CallID).Sub(till); d.Abs() > 50*time.Millisecond {
		t.Errorf("the fence stands %v longer than the pause", d)
	}
	rec = again(g)
	if s := rec.Snapshot(); s.State != wire.RecordingPaused || s.PausedTill.Sub(till).Abs() > 50*time.Millisecond {
		t.Fatalf("behind a second one: %+v", s)
	}
	if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
		t.Fatal(err)
	}
	if _, err := rec.Stop(t.Context(), "stopped"); err != nil {
		t.Fatal(err)
	}
	if s := again(g).Snapshot(); s.State != wire.RecordingActive || !g.Fence(w.CallID).IsZero() {
		t.Errorf("after a resume the next recording is %s", s.State)
	}
}

func TestMarkers(t *testing.T) {
	cfg := testConfig(t.TempDir())
	g := newRig(t, cfg)
	rec := start(t, g, customer, agent)
	c, a := newVoice(t, "leg_c", 500, pcm.Rate16k, false), newVoice(t, "leg_a", 700, pcm.Rate16k, false)
	r := &room{voices: []*voice{c, a}}
	c.voice = true
	r.run(t, rec, 50) // 0 to 1 s: the customer speaks
	c.voice, a.voice = false, true
	r.run(t, rec, 50) // 1 to 2 s: the agent
	for range 4 {
		rec.Key("leg_c")
		r.run(t, rec, 5)
	}
	a.voice = false
	rec.Mark(wire.Marker{Type: wire.MarkerHold, LegID: "leg_c", Actor: "agt_1"}, true)
	r.run(t, rec, 50)
	rec.EndMark(wire.MarkerHold, "leg_c")
	if _, err := rec.Pause(t.Context(), PauseRequest{By: "agt_1", Reason: "card"}); err != nil {
		t.Fatal(err)
	}
	c.voice = true
	r.run(t, rec, 25)
	if _, err := rec.Resume(t.Context(), "agt_1"); err != nil {
		t.Fatal(err)
	}
	c.voice = false
	r.run(t, rec, 25)
	live, err := g.Markers(t.Context(), rec.ID())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	g.await(t, "recording.stored", rec.ID())
	stored, err := g.Markers(t.Context(), rec.ID())
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]wire.MarkerList{"live": live, "stored": stored} {
		find := func(typ wire.MarkerType, role wire.Role) []wire.Marker {
			var out []wire.Marker
			for _, m := range list.Items {
				if m.Type == typ && (role == "" || m.Role == role) {
					out = append(out, m)
				}
			}
			return out
		}
		span := func(what string, got []wire.Marker, offset, length int64) {
			t.Helper()
			if len(got) != 1 || got[0].OffsetMS != offset || got[0].LengthMS != length {
				t.Errorf("%s %s: %+v, want one at %d for %d", name, what, got, offset, length)
			}
		}
		span("customer's turn", find(wire.MarkerSpeech, wire.RoleCustomer), 0, 1000)
		span("agent's turn", find(wire.MarkerSpeech, wire.RoleAgent), 1000, 1400)
		span("hold", find(wire.MarkerHold, wire.RoleCustomer), 2400, 1000)
		span("pause", find(wire.MarkerPause, ""), 3400, 500)
		span("keys", find(wire.MarkerKeys, ""), 2000, 300)
		if k := find(wire.MarkerKeys, ""); len(k) == 1 && k[0].Count != 4 {
			t.Errorf("%s: %d keys, want 4", name, k[0].Count)
		}
		if n := len(find(wire.MarkerJoined, "")); n != 2 {
			t.Errorf("%s: %d joined, want 2", name, n)
		}
	}
}
