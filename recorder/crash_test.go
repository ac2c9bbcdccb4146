package recorder

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/bench/report"
	"github.com/cordboard/cordboard/internal/event"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/media/pcm"
	"github.com/cordboard/cordboard/recorder/seal"
	"github.com/cordboard/cordboard/signaling/wire"
)

// expert is a party that sends G.711.
var expert = Party{LegID: "leg_e", Role: wire.RoleExpert}

// crashDir is set in the process that a crash test kills.
func crashDir() string { return os.Getenv("RECORDER_CRASH_DIR") }

const crashRecordings = 4

// crashConfig is the configuration on both sides of a crash. Where there is a key recordings are sealed.
func crashConfig(dir string) Config {
	c := testConfig(dir)
	if path := filepath.Join(dir, "seal.keys"); exists(path) {
		c.Keys.SealFile = path
	}
	return c
}

// crashChild records in real time until it is killed, and prints each tick it has given to all recordings.
func crashChild(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	r, err := New(crashConfig(dir), Deps{Bus: event.New(1024, 1, time.Now), Log: slog.New(slog.DiscardHandler)})
	fail(err)
	go func() { fail(r.Run(context.Background())) }()
	var recs []*Recording
	for range crashRecordings {
		rec, err := r.Start(context.Background(), StartRequest{CallID: "call_1"})
		fail(err)
		rec.AddParty(customer)
		rec.AddParty(agent)
		rec.AddParty(expert)
		recs = append(recs, rec)
		fmt.Println("recording", rec.ID())
	}
	var c, a pcm.Frame
	phone := &phone{leg: expert.LegID, law: media.PCMA}
	next := time.Now()
	for tick := uint64(1); ; tick++ {
		c.Reset(pcm.Rate8k)
		a.Reset(pcm.Rate16k)
		for i := range c.Samples() {
			c.Samples()[i] = int16(rand.IntN(8000) - 4000)
		}
		for i := range a.Samples() {
			a.Samples()[i] = int16(rand.IntN(8000) - 4000)
		}
		e := phone.tapped()
		for _, rec := range recs {
			rec.Tick(tick, []media.Tapped{
				{Member: "leg_c", Kind: media.Audio, In: &c}, {Member: "leg_a", Kind: media.Audio, In: &a}, e,
			})
		}
		fmt.Println("tick", tick)
		next = next.Add(pcm.Period)
		time.Sleep(time.Until(next))
	}
}

// crash runs a child on dir and kills it after d. It returns its recordings and the ticks each was given.
func crash(t *testing.T, dir string, d time.Duration) (ids []string, ticks int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RECORDER_CRASH_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "recording":
			ids = append(ids, rest)
		case "tick":
			if timer == nil {
				timer = time.AfterFunc(d, func() {
					if err := cmd.Process.Kill(); err != nil {
						t.Error(err)
					}
				})
			}
			if ticks, err = strconv.ParseInt(rest, 10, 64); err != nil {
				t.Fatal(err)
			}
		case "error":
			t.Error(lines.Text())
		}
	}
	if timer == nil {
		t.Fatal("the child has not ticked")
	}
	timer.Stop()
	_ = cmd.Wait() // "signal: killed"
	return ids, ticks
}

// checkTape compares a track of samples with what its party has sent.
func checkTape(t *testing.T, got tape, tr wire.Track) {
	t.Helper()
	sent := &phone{leg: expert.LegID, law: media.PCMA}
	var want []byte
	for len(want) < len(got.samples) {
		want = append(want, sent.tapped().Samples...)
	}
	if !bytes.HasPrefix(want, got.samples) || int64(len(got.samples)) != tr.DurationMS*8 {
		t.Errorf("%s: %d bytes for %d ms, or not what was sent", tr.ID, len(got.samples), tr.DurationMS)
	}
}

func TestRecordCrash(t *testing.T) {
	kills, bound := 10, 2*time.Second // a machine that runs all tests at once may be late; e2e kills whole servers
	if report.Slow() {
		bound = time.Second
	}
	if s := os.Getenv("FAULT_KILLS"); s != "" {
		kills, _ = strconv.Atoi(s)
	}
	worst := time.Duration(0)
	for n := range kills {
		dir := t.TempDir()
		if n%2 == 1 {
			if err := seal.CreateRing(filepath.Join(dir, "seal.keys")); err != nil {
				t.Fatal(err)
			}
		}
		ids, ticks := crash(t, dir, 200*time.Millisecond+rand.N(1800*time.Millisecond))
		g := newRig(t, crashConfig(dir))
		for _, recID := range ids {
			w := g.await(t, "recording.stored", recID)
			fed := time.Duration(ticks) * pcm.Period
			for _, tr := range w.Tracks {
				lost := fed - time.Duration(tr.DurationMS)*time.Millisecond
				worst = max(worst, lost)
				if lost > bound {
					t.Errorf("kill %d: %v of %s lost", n, lost, tr.ID)
				}
				if tr.Codec == "pcma" {
					checkTape(t, readTape(t, g.track(t, w.ID, tr.ID)), tr)
					continue
				}
				path := filepath.Join(t.TempDir(), tr.ID+".ogg")
				if err := os.WriteFile(path, g.track(t, w.ID, tr.ID), 0o600); err != nil {
					t.Fatal(err)
				}
				opusinfo(t, path)
				if s := decode(t, readFile(t, path)); len(s) != int(tr.DurationMS)*8 {
					t.Errorf("kill %d: %s has %d samples, want %d", n, tr.ID, len(s), tr.DurationMS*8)
				}
			}
			if fed > time.Second && len(w.Tracks) != 3 || !w.Recovered {
				t.Errorf("kill %d after %v: %+v", n, fed, w)
			}
		}
		g.stop(t)
	}
	t.Logf("%d kills with %d recordings each: at most %v lost", kills, crashRecordings, worst)
}

// TestTornTail cuts the files a crash left in worse places than a kill does.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	ids, _ := crash(t, dir, 1500*time.Millisecond)
	tear := map[string]func(string) error{
		ids[0]: func(dir string) error { // half a page
			path := filepath.Join(dir, "customer-1.ogg")
			st, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, st.Size()-7)
		},
		ids[1]: func(dir string) error { // rubbish behind the last page, half a line in the journal
			for _, name := range []string{"agent-2.ogg", journalName} {
				f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				_, err = f.WriteString("OggS\x00garbage 01234")
				if err = errors.Join(err, f.Close()); err != nil {
					return err
				}
			}
			return nil
		},
		ids[2]: func(dir string) error { return os.Truncate(filepath.Join(dir, "agent-2.ogg"), 30) }, // no track left
		ids[3]: func(dir string) error { return os.Truncate(filepath.Join(dir, journalName), 5) },    // nothing known
	}
	spool := testConfig(dir).SpoolDir
	for recID, f := range tear {
		if err := f(filepath.Join(spool, recID)); err != nil {
			t.Fatal(err)
		}
	}
	g := newRig(t, testConfig(dir))
	for i, tracks := range []int{3, 3, 2} {
		w := g.await(t, "recording.stored", ids[i])
		if len(w.Tracks) != tracks || w.DurationMS < 400 || !w.Recovered {
			t.Errorf("recording %d: %+v", i, w)
		}
		for _, tr := range w.Tracks {
			if tr.Codec == "opus" {
				opusinfo(t, g.archived(w, tr.Object))
			}
		}
	}
	if _, err := os.Stat(filepath.Join(spool, ids[3], "customer-1.ogg")); err != nil {
		t.Errorf("what cannot be recovered was not left alone: %v", err)
	}
	if _, err := g.Get(ids[3]); err == nil {
		t.Error("a recording without a journal is there")
	}
}

func TestBitFlip(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Archive.Folder = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(cfg.Archive.Folder, nil, 0o600); err != nil { // an archive that cannot work
		t.Fatal(err)
	}
	g := newRig(t, cfg)
	rec := start(t, g, customer)
	r := &room{voices: []*voice{newVoice(t, "leg_c", 500, pcm.Rate16k, false)}}
	r.run(t, rec, 100)
	if _, err := rec.Stop(t.Context(), "hangup"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.SpoolDir, rec.ID(), "customer-1.ogg")
	b := readFile(t, path)
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(cfg.Archive.Folder); err != nil { // healed
		t.Fatal(err)
	}
	w := g.await(t, "recording.failed", rec.ID())
	if w.State != wire.RecordingFailed || !strings.Contains(w.Error, "damaged") {
		t.Errorf("failed: %+v", w)
	}
	if _, err := os.Stat(g.archived(w, "customer-1.ogg")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the damaged track is in the archive: %v", err)
	}
	if got, err := g.Get(rec.ID()); err != nil || got.State != wire.RecordingFailed {
		t.Errorf("get: %+v, %v", got, err)
	}
	f, _, _, err := g.OpenTrack(t.Context(), rec.ID(), "customer-1") // still there to be looked at
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, f); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
