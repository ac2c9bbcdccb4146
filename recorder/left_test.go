package recorder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestLargeVariablesOutliveACrash: with as many variables as a call may have, and each of them six times as long in
// JSON, a crash costs nothing that came behind them: neither parties nor tracks nor a pause.
func TestLargeVariablesOutliveACrash(t *testing.T) {
	vars := make(map[string]string)
	for i := range 64 {
		vars[fmt.Sprintf("name_%02d", i)] = strings.Repeat("&", 1024)
	}
	for _, when := range []string{"header", "patch"} {
		t.Run(when, func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			g := newRig(t, cfg)
			req := StartRequest{CallID: "call_1"}
			if when == "header" {
				req.Variables = vars
			}
			rec, err := g.Start(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if when == "patch" {
				rec.SetVariables(vars)
			}
			rec.AddParty(customer)
			rec.AddParty(agent)
			r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false), newVoice(t, "leg_a", 700, pcm.Rate16k, false)}}
			r.run(t, rec, 100)
			if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute, By: "agt_1", Reason: "card"}); err != nil {
				t.Fatal(err)
			}
			crashed := testConfig(t.TempDir())
			copyDir(t, cfg.SpoolDir, crashed.SpoolDir)
			g2 := newRig(t, crashed)
			w := g2.await(t, "recording.stored", rec.ID())
			if len(w.Tracks) != 2 || len(w.Gaps) != 1 || w.Gaps[0].Reason != "card" || len(w.Variables) != 64 || w.Variables["name_63"] != vars["name_63"] {
				t.Errorf("%d tracks, gaps %+v, %d variables", len(w.Tracks), w.Gaps, len(w.Variables))
			}
			for _, tr := range w.Tracks {
				if s := decode(t, g2.track(t, w.ID, tr.ID)); len(s) < 8000 {
					t.Errorf("%s has %d samples", tr.ID, len(s))
				}
			}
		})
	}
}

// TestManifestTakesWhatIsWritten: the largest manifest there is can be read again.
func TestManifestTakesWhatIsWritten(t *testing.T) {
	vars := map[string]string{"a": strings.Repeat("&", wire.MaxVariables)}
	m := Manifest{Version: 1, Recording: wire.Recording{ID: "rec_01JD0000000000000000000000", Variables: vars}, Variables: vars}
	for range maxMarkers {
		m.Markers = append(m.Markers, wire.Marker{
			Type: wire.MarkerSpeech, OffsetMS: 1 << 30, LengthMS: 1 << 30, LegID: "leg_01JD0000000000000000000000",
			Role: wire.RoleSupervisor, Agent: strings.Repeat("a", 64), Track: "supervisor-12", Count: 1000,
		})
	}
	dir := t.TempDir()
	if err := m.write(osDisk{}, dir, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := readManifest(dir); err != nil || len(got.Markers) != maxMarkers {
		st, _ := os.Stat(filepath.Join(dir, ManifestName))
		t.Errorf("%d bytes: %v", st.Size(), err)
	}
}

// TestUnlistedTrackIsKept: a track that the journal does not know, because the disk has damaged its line, is in no
// manifest. It stays in the spool when the rest is stored, over a restart too, and goes with the recording.
func TestUnlistedTrackIsKept(t *testing.T) {
	cfg := testConfig(t.TempDir())
	g := newRig(t, cfg)
	rec := start(t, g, customer, agent)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false), newVoice(t, "leg_a", 700, pcm.Rate16k, false)}}
	r.run(t, rec, 200)
	if _, err := rec.Pause(t.Context(), PauseRequest{Max: time.Minute}); err != nil { // all before it is on disk
		t.Fatal(err)
	}
	crashed := testConfig(t.TempDir())
	copyDir(t, cfg.SpoolDir, crashed.SpoolDir)
	path := filepath.Join(crashed.SpoolDir, rec.ID(), journalName)
	lines := strings.SplitAfter(string(readFile(t, path)), "\n")
	for i, line := range lines {
		if strings.Contains(line, `"t":"track"`) && strings.Contains(line, "agent-2") {
			lines[i] = strings.Replace(line, "agent-2", "agent-3", 1)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	audio := readFile(t, filepath.Join(crashed.SpoolDir, rec.ID(), "agent-2.ogg"))
	left := filepath.Join(crashed.SpoolDir, rec.ID()+leftSuffix)
	for range 2 {
		g2 := newRig(t, crashed)
		var w wire.Recording
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			var err error
			if w, err = g2.Get(rec.ID()); err == nil && w.State == wire.RecordingStored && exists(left) {
				break
			}
		}
		if len(w.Tracks) != 1 || w.Tracks[0].ID != "customer-1" || len(w.Gaps) != 1 {
			t.Fatalf("recording %+v", w)
		}
		if got := readFile(t, filepath.Join(left, "agent-2.ogg")); len(got) != len(audio) {
			t.Errorf("%d bytes left of %d", len(got), len(audio))
		}
		g2.stop(t)
	}
	g2 := newRig(t, crashed)
	g2.Stats()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := g2.Delete(t.Context(), rec.ID(), "agt_1", "test"); err == nil {
			break
		} else if time.Now().After(end) { // the index may not be read yet
			t.Fatal(err)
		}
	}
	if exists(left) {
		t.Error("a deleted recording's audio is left in the spool")
	}
}
