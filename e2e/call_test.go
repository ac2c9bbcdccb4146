package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media"
	"github.com/cordboard/cordboard/recorder/archive/archivetest"
	"github.com/cordboard/cordboard/signaling/wire"
)

// TestFirstCall is the whole of it: a telephone with recorded speech, an agent's browser with another
// recording, both ways, and what is found in both archives afterwards.
func TestFirstCall(t *testing.T) {
	caller := sox(t, "caller.wav", prompts+"demo-congrats.wav", prompts+"priv-callee-options.wav", "-r", "8000", "-c", "1", "-b", "16", "OUT")
	agent := sox(t, "agent.wav", prompts+"demo-instruct.wav", "-r", "48000", "-c", "1", "-b", "16", "OUT")
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			store := newObjectStore(t)
			s := newServer(t, store.config()).start()
			p := newPhone(t, phoneOpts{user: "caller", wav: caller, codec: "PCMU/8000/1"})
			d := newDesktop(t, s, "alice", agent)
			d.ready()
			p.dial(s, "1000", transport)
			p.wait("CALL_ESTABLISHED", 5*time.Second)
			d.see("ring", 5*time.Second)
			d.click("accept")
			d.see("call-card", 5*time.Second)
			time.Sleep(time.Second)
			d.listen()
			time.Sleep(12 * time.Second)
			atAgent := samples8k(t, d.take(), 48000)
			d.click("hangup")
			p.wait("CALL_CLOSED", 5*time.Second)
			p.quit()

			said := through(t, format(media.Opus), through(t, format(media.PCMU), at8k(t, caller)))
			if c, hole := likeness(t, said, atAgent); c < 0.9 || hole > 40 {
				t.Errorf("the agent heard the caller with correlation %.3f (want 0.9), longest hole %d ms (want 40)", c, hole)
			} else {
				t.Logf("agent hears caller: correlation %.3f, longest hole %d ms", c, hole)
			}
			spoken := through(t, format(media.PCMU), through(t, format(media.Opus), at8k(t, agent)))
			atCaller := at8k(t, p.heard())
			atCaller = atCaller[len(atCaller)-11*8000 : len(atCaller)-8000] // past the queue's music
			if c, hole := likeness(t, spoken, atCaller); c < 0.9 || hole > 40 {
				t.Errorf("the caller heard the agent with correlation %.3f (want 0.9), longest hole %d ms (want 40)", c, hole)
			} else {
				t.Logf("caller hears agent: correlation %.3f, longest hole %d ms", c, hole)
			}

			rec := s.stored(1)[0]
			if len(rec.Tracks) != 2 {
				t.Fatalf("the recording has %d tracks, want 2: %+v", len(rec.Tracks), rec)
			}
			inFolder, inStore := s.archive(), store.fetch(t)
			for _, tr := range rec.Tracks {
				f, o := find(inFolder, rec.ID, tr.Object), find(inStore, rec.ID, tr.Object)
				if f == nil || !bytes.Equal(f, o) {
					t.Errorf("track %s: %d bytes in the folder, %d in the store, or they differ", tr.Object, len(f), len(o))
				}
				if got := sha(f); got != tr.SHA256 {
					t.Errorf("track %s: hash %s, the manifest says %s", tr.Object, got, tr.SHA256)
				}
				voice := decodeTrack(t, f)
				want := said
				if tr.Role == wire.RoleAgent {
					want = spoken
				}
				if tr.Role == wire.RoleCustomer && (tr.Codec != "pcmu" || tr.Object != "customer-1.wav") {
					t.Errorf("track of the customer, who sends mu-law: %+v", tr)
				}
				if c, _ := likeness(t, want, voice); c < 0.9 {
					t.Errorf("track of the %s: correlation %.3f with what was said, want 0.9", tr.Role, c)
				}
			}
		})
	}
}

// delays is the most that each leg's voice took to the room in one of the last eight seconds, in ms.
func (s *server) delays(callID string) map[string]float64 {
	s.t.Helper()
	var c wire.Call
	if st := s.call(http.MethodGet, "/v1/calls/"+callID, nil, &c); st != http.StatusOK || len(c.Legs) == 0 {
		s.t.Fatalf("call: %d with %d legs", st, len(c.Legs))
	}
	most := map[string]float64{}
	for _, l := range c.Legs {
		var q wire.LegQuality
		if st := s.call(http.MethodGet, "/v1/legs/"+l.ID+"/quality", nil, &q); st != http.StatusOK {
			s.t.Fatalf("quality of %s: %d", l.ID, st)
		}
		for _, second := range q.Items[max(0, len(q.Items)-8):] {
			most[l.ID] = max(most[l.ID], second.DelayInMS)
		}
	}
	return most
}

// TestPause: tone A, a pause that ends by the server's own deadline, in it tone B and keys, then tone C.
func TestPause(t *testing.T) {
	store := newObjectStore(t)
	s := newServer(t, store.config()).start()
	const a, b, c, mic = 600, 1000, 1400, 440
	// 9 s of A, 3 s of B, the rest C, by the clock of the answered call; the pause covers 8.5 s to 12.5 s.
	var parts []string
	for _, part := range []struct {
		hz, seconds float64
	}{{a, 9}, {b, 3}, {c, 20}} {
		parts = append(parts, toneFile(t, part.hz, 8000, 1, int(part.seconds)))
	}
	tones := sox(t, "abc.wav", append(parts, "OUT")...)
	p := newPhone(t, phoneOpts{user: "caller", wav: tones, codec: "PCMU/8000/1"})
	d := newDesktop(t, s, "alice", toneFile(t, mic, 48000, 1, 60))
	d.ready()
	p.dial(s, "1000", "udp")
	p.wait("CALL_ESTABLISHED", 5*time.Second)
	began := p.last("CALL_ESTABLISHED").At
	d.see("ring", 5*time.Second)
	d.click("accept")
	d.see("call-card", 5*time.Second)
	d.see("rec-pause", 3*time.Second)

	time.Sleep(time.Until(began.Add(8500 * time.Millisecond)))
	var rec wire.Recording
	recID := s.liveRecording()
	if st := s.call(http.MethodPost, "/v1/recordings/"+recID+"/pause", wire.PauseRequest{MaxSeconds: 4, Reason: "card"}, &rec); st != http.StatusOK {
		t.Fatalf("pause: %d", st)
	}
	if rec.State != wire.RecordingPaused || rec.PausedTill == nil {
		t.Fatalf("pause answered %+v", rec)
	}
	deadline := *rec.PausedTill
	d.see("rec-remaining", 2*time.Second)
	for _, key := range "4111" {
		p.command("sndcode", string(key))
		time.Sleep(250 * time.Millisecond)
	}
	time.Sleep(time.Until(began.Add(16 * time.Second)))
	delays := s.delays(rec.CallID)
	d.click("hangup")
	p.wait("CALL_CLOSED", 5*time.Second)
	p.quit()

	rec = s.stored(1)[0]
	if len(rec.Gaps) != 1 || rec.Gaps[0].Cause != "pause" || rec.Gaps[0].Resumed != "deadline" || rec.Gaps[0].Till == nil {
		t.Fatalf("gaps: %+v", rec.Gaps)
	}
	gap := rec.Gaps[0]
	if late := gap.Till.Sub(deadline).Abs(); late > 100*time.Millisecond {
		t.Errorf("resumed %v from the deadline, want at most 100 ms", late)
	} else {
		t.Logf("resumed %v from the deadline", late)
	}
	inFolder, inStore := s.archive(), store.fetch(t)
	for _, where := range []map[string][]byte{inFolder, inStore} {
		for _, tr := range rec.Tracks {
			voice := decodeTrack(t, find(where, rec.ID, tr.Object))
			heard := map[float64]bool{}
			silentFrom, silentTill := -1, -1
			for at := 0; at+160 <= len(voice); at += 160 {
				for _, hz := range []float64{a, b, c, mic} {
					if testaudio.Level(voice[at:at+160], hz, 8000) > -45 {
						heard[hz] = true
					}
				}
				if testaudio.RMS(voice[at:at+160]) < -65 {
					ms := at / 8
					if silentFrom < 0 && ms > 1000 {
						silentFrom = ms
					}
					if silentFrom >= 0 && (silentTill < 0 || silentTill == ms) {
						silentTill = ms + 20
					}
				}
			}
			if tr.Role == wire.RoleCustomer {
				if heard[b] || !heard[a] || !heard[c] {
					t.Errorf("customer's track holds A %v, B %v, C %v; want A and C only", heard[a], heard[b], heard[c])
				}
			} else if !heard[mic] {
				t.Error("agent's track lacks the agent")
			}
			wantFrom, wantLen := gap.OffsetMS-tr.OffsetMS, gap.LengthMS
			// What was spoken in the pause and was still on its way when it ended is not recorded either, so the
			// silence is longer than the pause by what the party's voice takes to the room.
			late := int64(delays[tr.LegID])
			if off, n := int64(silentFrom)-wantFrom, int64(silentTill-silentFrom)-wantLen; math.Abs(float64(off)) > 60 || n < -60 || n > 60+late {
				t.Errorf("%s's silence is %d to %d ms, the manifest says %d for %d, and the voice took up to %d ms", tr.Role, silentFrom, silentTill, wantFrom, wantLen, late)
			}
		}
	}
	if held := gap.Till.Sub(gap.From).Milliseconds(); math.Abs(float64(held-gap.LengthMS)) > 20 {
		t.Errorf("the gap lasted %d ms by its times and %d by its length", held, gap.LengthMS)
	}
	for name, text := range s.everything() {
		if bytes.Contains(text, []byte(`"digit":"4"`)) {
			t.Errorf("a key pressed in the pause stands in %s", name)
		}
	}
}

// TestRona: an offer nobody takes puts the call back to its place and the agent aside.
func TestRona(t *testing.T) {
	s := newServer(t, "").start()
	p := newPhone(t, phoneOpts{user: "caller", wav: toneFile(t, 500, 8000, 1, 60), codec: "PCMA/8000/1"})
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10))
	d.ready()
	p.dial(s, "1000", "udp")
	d.see("ring", 5*time.Second)
	first := s.event("offer.created")
	d.gone("ring", ringSeconds*time.Second+3*time.Second)
	expired := s.event("offer.expired")
	var o1, o2 wire.Offer
	decode(t, first.Data, &o1)
	if late := expired.Time.Sub(o1.Deadline).Abs(); late > time.Second {
		t.Errorf("the offer expired %v from its deadline, want at most 1 s", late)
	}
	waitFor(t, 3*time.Second, "agent not ready after RONA", func() bool {
		a := s.agent("alice")
		return a.State == wire.AgentNotReady && a.Reason == "rona"
	})
	if p.seen("CALL_CLOSED") > 0 {
		t.Fatal("the caller was dropped")
	}
	d.click("state-ready")
	d.see("ring", 5*time.Second)
	waitFor(t, 3*time.Second, "the second offer", func() bool { return len(s.events("offer.created")) == 2 })
	decode(t, s.events("offer.created")[1].Data, &o2)
	if o2.CallID != o1.CallID || !o2.Queued.Equal(o1.Queued) || o2.Attempt != 2 {
		t.Errorf("second offer %+v does not keep the place of the first %+v", o2, o1)
	}
	d.click("accept")
	d.see("call-card", 5*time.Second)
}

// TestRefresh: the agent's page is reloaded in a call; the caller hears hold audio and the agent is back in the
// same call within three seconds.
func TestRefresh(t *testing.T) {
	s := newServer(t, "").start()
	p := newPhone(t, phoneOpts{user: "caller", wav: toneFile(t, 700, 8000, 1, 90), codec: "PCMU/8000/1"})
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10))
	d.ready()
	p.dial(s, "1000", "udp")
	d.see("ring", 5*time.Second)
	d.click("accept")
	d.see("call-card", 5*time.Second)
	callID := s.liveCall().ID
	time.Sleep(3 * time.Second)

	var slowest time.Duration
	for range 3 {
		at := time.Now()
		d.reload()
		d.waitTalking(5 * time.Second)
		took := time.Since(at)
		slowest = max(slowest, took)
		d.listen()
		time.Sleep(1500 * time.Millisecond)
		if got := hears(d.take(), 48000, []float64{700}); len(got) != 1 {
			t.Error("back in the call the agent does not hear the caller")
		}
		if c := s.liveCall(); c.ID != callID {
			t.Fatalf("the call is %s, it was %s", c.ID, callID)
		}
	}
	t.Logf("slowest way back into the call: %v", slowest)
	if slowest > 3*time.Second {
		t.Errorf("a reload took %v, want at most 3 s", slowest)
	}
	d.click("hangup")
	p.wait("CALL_CLOSED", 5*time.Second)
	p.quit()
	// The caller heard the agent's tone, and while the agent was away something that is not it and not silence.
	// Stretches of 40 ms, since a reload may take no more than a quarter of a second.
	heard := at8k(t, p.heard())
	tone, other := 0, 0
	for at := 8000; at+320 <= len(heard)-4000; at += 320 {
		seg := heard[at : at+320]
		switch {
		case testaudio.Level(seg, 440, 8000) > -35:
			tone++
		case testaudio.RMS(seg) > -55:
			other++
		}
	}
	t.Logf("the caller heard the agent in %d and hold music in %d of the 40 ms stretches", tone, other)
	if tone < 100 || other < 6 {
		t.Error("the caller should have heard the agent, and hold music while the agent was away")
	}
}

// reload reloads the page as F5 does.
func (d *desktop) reload() {
	d.t.Helper()
	d.run(10*time.Second, "reload", reloadPage())
}

// config makes both the folder and this store the archives.
func (o *objectStore) config() string {
	return fmt.Sprintf(storeConfig, o.Addr, archivetest.Bucket, archivetest.AccessKey, storeSecret)
}

// stored waits until n recordings are in the archive and lists them.
func (s *server) stored(n int) []wire.Recording {
	s.t.Helper()
	var list wire.RecordingList
	waitFor(s.t, 20*time.Second, "recordings in the archive", func() bool {
		list = wire.RecordingList{}
		s.call(http.MethodGet, "/v1/recordings", nil, &list)
		k := 0
		for _, r := range list.Items {
			if r.State == wire.RecordingStored {
				k++
			}
		}
		return k >= n
	})
	return list.Items
}

func (s *server) liveCall() wire.Call {
	s.t.Helper()
	var list wire.CallList
	s.call(http.MethodGet, "/v1/calls?state=connected", nil, &list)
	if len(list.Items) != 1 {
		s.t.Fatalf("%d connected calls, want 1", len(list.Items))
	}
	return list.Items[0]
}

func (s *server) liveRecording() string {
	s.t.Helper()
	var id string
	waitFor(s.t, 5*time.Second, "a running recording", func() bool { id = s.liveCall().Recording; return id != "" })
	return id
}

func (s *server) agent(name string) wire.Agent {
	s.t.Helper()
	var list wire.AgentList
	s.call(http.MethodGet, "/v1/agents", nil, &list)
	for _, a := range list.Items {
		if strings.EqualFold(a.Name, name) || a.ID == name {
			return a
		}
	}
	s.t.Fatalf("no agent %s in %+v", name, list)
	return wire.Agent{}
}

// archive reads every file of the folder archive.
func (s *server) archive() map[string][]byte { return readTree(s.t, filepath.Join(s.dir, "archive")) }

// everything reads every file the server wrote and what it logged.
func (s *server) everything() map[string][]byte {
	all := readTree(s.t, s.dir)
	all["the log"] = []byte(s.log.String())
	return all
}

func readTree(t *testing.T, root string) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // moved to the archive meanwhile
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		all[strings.TrimPrefix(path, root+"/")] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func find(files map[string][]byte, rec, object string) []byte {
	for k, b := range files {
		if strings.Contains(k, rec) && strings.HasSuffix(k, object) {
			return b
		}
	}
	return nil
}

func decode(t *testing.T, data any, out any) {
	t.Helper()
	b, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(b, out)
	}
	if err != nil {
		t.Fatal(err)
	}
}
