package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/signaling/wire"
)

// The three sounds of the pause tests: before, in and behind the pause.
const hzBefore, hzSecret, hzAfter = 600, 1237, 1900

// nothing is the tone of a party that sends nothing.
const nothing = -1

// pauseKinds are what else happens in a pause, or how it ends.
var pauseKinds = []string{"normal", "deadline", "transfer", "conference", "hold", "consult", "capture", "silent", "hangup", "browser", "denoise"}

// pauseRuns is how many timings of each kind are tried: make pause sets 100.
func pauseRuns() int {
	if n, err := strconv.Atoi(os.Getenv("PAUSE_RUNS")); err == nil && n > 0 {
		return n
	}
	return 1
}

func randomDigits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('1' + rand.IntN(9))
	}
	return string(b)
}

// TestPauseMatrix: what is said and keyed in a pause is in no file, object, log, event or store, and a second
// after the pause in no memory of the process, whatever happens meanwhile and at whatever moment. What a party says
// counts from when the server has answered that it has paused until the server is asked to resume, by when it went
// to the socket. A machine that stands still in the wrong moment makes a run say nothing: it is done again.
func TestPauseMatrix(t *testing.T) {
	stalls.start()
	store := newObjectStore(t)
	s := newServer(t, store.config()).start()
	for i := range pauseRuns() {
		for k, kind := range pauseKinds {
			says := talksPCMU
			if (i+k)%2 == 1 {
				says = talksOpus
			}
			t.Run(fmt.Sprintf("%s/%s/%d", kind, says, i), func(t *testing.T) {
				t.Parallel()
				for try := 1; ; try++ {
					r := &pauseRun{t: t, s: s, store: store, kind: kind, says: says}
					if r.do() {
						return
					}
					if try == 10 {
						t.Fatal("the machine never ran for long enough")
					}
				}
			})
		}
	}
}

// TestPauseKilled: the server is killed in a pause, or in a capture; what the next one finds has nothing of it.
func TestPauseKilled(t *testing.T) {
	const rooms = 6
	for i := range (pauseRuns() + rooms - 1) / rooms {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			pauseKilled(t, min(rooms, 2*pauseRuns()))
		})
	}
}

// recorded is a call with a caller and an agent that is being recorded, and where the server's output stood when it
// began.
type recorded struct {
	c, a   *party
	callID string
	recID  string
	began  time.Time
	logged int
	told   int
}

// recordedRoom makes one, with something in it. The agent listens, or speaks by WebRTC.
func recordedRoom(t *testing.T, s *server, says talks, browser bool) recorded {
	t.Helper()
	r := recorded{began: time.Now(), logged: len(s.log.String())}
	s.seen.mu.Lock()
	r.told = len(s.seen.list)
	s.seen.mu.Unlock()
	var room wire.Room
	waitFor(t, 30*time.Second, "room for a call", func() bool { // a busy machine refuses with 503
		return s.call(http.MethodPost, "/v1/rooms", map[string]any{}, &room) == http.StatusCreated
	})
	r.callID = room.CallID
	r.c = join(t, s, room.CallID, says, wire.RoleCustomer, hzBefore)
	if browser {
		r.a = joinBrowser(t, s, room.CallID, wire.RoleAgent, hzBefore+100)
	} else {
		r.a = join(t, s, room.CallID, listens, wire.RoleAgent, 0)
	}
	var w wire.Recording
	waitFor(t, 30*time.Second, "a recording", func() bool {
		return s.call(http.MethodPost, "/v1/calls/"+room.CallID+"/recordings", nil, &w) == http.StatusCreated
	})
	r.recID = w.ID
	waitFor(t, 30*time.Second, "something recorded", func() bool {
		return s.call(http.MethodGet, "/v1/recordings/"+w.ID, nil, &w) == http.StatusOK && w.DurationMS > 500 && len(w.Tracks) > 0
	})
	time.Sleep(rand.N(40 * time.Millisecond))
	return r
}

// pauseRun is one pause of one call.
type pauseRun struct {
	t       *testing.T
	s       *server
	store   *objectStore
	kind    string
	says    talks
	at      recorded
	parties []*party
	capture wire.Capture
}

func (r *pauseRun) post(path string, body, out any, want int) {
	r.t.Helper()
	if st := r.s.call(http.MethodPost, path, body, out); st != want {
		r.t.Fatalf("POST %s: %d, want %d", path, st, want)
	}
}

// do makes the call and looks for what was said in its pause. It reports false where the machine stood still so
// that nobody can say what was in it.
func (r *pauseRun) do() bool {
	t, s := r.t, r.s
	r.at = recordedRoom(t, s, r.says, r.kind == "browser")
	c, a, recID, callID := r.at.c, r.at.a, r.at.recID, r.at.callID
	if r.kind == "denoise" {
		if st := s.call(http.MethodPatch, "/v1/legs/"+c.leg.ID, map[string]any{"denoise": map[string]any{"in": 60}}, nil); st != http.StatusOK {
			t.Fatalf("noise suppression: %d", st)
		}
		time.Sleep(rand.N(300 * time.Millisecond))
	}
	r.parties = []*party{c, a}
	digits := randomDigits(12)
	var w wire.Recording
	switch r.kind {
	case "capture":
		r.post("/v1/calls/"+callID+"/capture", wire.CaptureRequest{MaxDigits: 12, MaxSeconds: 60}, &r.capture, http.StatusCreated)
	default:
		r.post("/v1/recordings/"+recID+"/pause", wire.PauseRequest{MaxSeconds: 60, Reason: "card"}, &w, http.StatusOK)
	}
	from := time.Now()
	c.say(hzSecret, true)
	if r.kind == "browser" {
		a.say(hzSecret+200, true)
	}
	if r.kind == "capture" {
		c.press(digits[:11]) // the last one ends the capture, and the pause with it
	} else {
		c.press(digits)
	}
	r.meanwhile()
	waitFor(t, 30*time.Second, "something said in the pause", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.said) > 40
	})
	time.Sleep(rand.N(40 * time.Millisecond))
	var deadline time.Time
	if r.kind == "deadline" {
		r.post("/v1/recordings/"+recID+"/pause", wire.PauseRequest{MaxSeconds: 1}, &w, http.StatusOK)
		deadline = *w.PausedTill
		time.Sleep(time.Until(deadline) - rand.N(40*time.Millisecond))
	}
	after := float64(hzAfter)
	if r.kind == "silent" || r.kind == "hangup" {
		after = nothing
	}
	for _, p := range r.parties {
		p.say(after, false)
	}
	till := time.Now()
	if !deadline.IsZero() && !till.Before(deadline) {
		r.end()
		return false
	}
	r.resume(digits, deadline)
	ran(time.Second)

	look := &secrets{digits: []string{digits}}
	for _, p := range r.parties {
		look.said(p)
		if p != c || r.kind != "hold" && r.kind != "consult" { // where the caller hears music
			look.sent(p.heardIn(from, till))
		}
	}
	if len(look.windows) < 100 {
		t.Fatalf("only %d byte runs to look for", len(look.windows))
	}
	for _, f := range look.memory(t, s.cmd.Process.Pid) {
		t.Errorf("a second after the pause, in memory: %s", f)
	}
	time.Sleep(200 * time.Millisecond)
	r.end()
	waitFor(t, 60*time.Second, "the recording in the archives", func() bool {
		s.call(http.MethodGet, "/v1/recordings/"+recID, nil, &w)
		return w.State == wire.RecordingStored
	})
	nowhere(t, s, look, r.at, r.store.since(t, r.at.began), w)
	return true
}

// meanwhile is what else happens in the pause.
func (r *pauseRun) meanwhile() {
	t, s, callID := r.t, r.s, r.at.callID
	time.Sleep(rand.N(300 * time.Millisecond))
	switch on := true; r.kind {
	case "transfer":
		r.parties = append(r.parties, join(t, s, callID, listens, wire.RoleAgent, 0))
		if st := s.call(http.MethodDelete, "/v1/legs/"+r.at.a.leg.ID, nil, nil); st != http.StatusNoContent {
			t.Fatalf("the first agent leaves: %d", st)
		}
	case "conference":
		b := join(t, s, callID, talksPCMU, wire.RoleExpert, hzSecret+200)
		b.say(hzSecret+200, true)
		r.parties = append(r.parties, b)
	case "hold":
		r.post("/v1/legs/"+r.at.c.leg.ID+"/hold", map[string]any{}, nil, http.StatusOK)
		time.Sleep(rand.N(400 * time.Millisecond))
		if rand.IntN(2) == 0 { // or the caller stays on hold when the pause ends
			r.post("/v1/legs/"+r.at.c.leg.ID+"/resume", map[string]any{}, nil, http.StatusOK)
		}
	case "consult":
		b := join(t, s, callID, talksPCMU, wire.RoleExpert, hzSecret+200)
		b.say(hzSecret+200, true)
		r.parties = append(r.parties, b)
		side, main, off := "aside", "", false
		r.post("/v1/calls/"+callID+"/arrange", wire.ArrangeRequest{Legs: []wire.Seat{
			{LegID: r.at.c.leg.ID, Hold: &on}, {LegID: r.at.a.leg.ID, Side: &side}, {LegID: b.leg.ID, Side: &side},
		}}, nil, http.StatusOK)
		time.Sleep(rand.N(600 * time.Millisecond))
		if rand.IntN(2) == 0 {
			r.post("/v1/calls/"+callID+"/arrange", wire.ArrangeRequest{Legs: []wire.Seat{
				{LegID: r.at.c.leg.ID, Hold: &off}, {LegID: r.at.a.leg.ID, Side: &main}, {LegID: b.leg.ID, Side: &main},
			}}, nil, http.StatusOK)
		}
	}
}

// resume ends the pause, each kind in its way.
func (r *pauseRun) resume(digits string, deadline time.Time) {
	t, s, recID := r.t, r.s, r.at.recID
	var w wire.Recording
	switch r.kind {
	case "deadline":
		waitFor(t, 20*time.Second, "the pause's end", func() bool {
			s.call(http.MethodGet, "/v1/recordings/"+recID, nil, &w)
			return w.State == wire.RecordingActive
		})
		late, allowed := w.Gaps[0].Till.Sub(deadline), 100*time.Millisecond+stalls.worst(time.Since(deadline)+time.Second)
		if late < -20*time.Millisecond || late > allowed {
			t.Errorf("resumed %v after the deadline, want at most %v", late, allowed)
		}
	case "capture":
		time.Sleep(rand.N(100 * time.Millisecond))
		r.at.c.press(digits[11:])
		waitFor(t, 20*time.Second, "the capture's end", func() bool {
			s.call(http.MethodGet, "/v1/captures/"+r.capture.ID, nil, &r.capture)
			return r.capture.State == wire.CaptureComplete
		})
		var got wire.CaptureDigits
		r.post("/v1/captures/"+r.capture.ID+"/take", nil, &got, http.StatusOK)
		if got.Digits != digits {
			t.Errorf("captured %d digits, want the %d that were keyed", len(got.Digits), len(digits))
		}
		r.post("/v1/captures/"+r.capture.ID+"/take", nil, nil, http.StatusConflict)
	default:
		r.post("/v1/recordings/"+recID+"/resume", nil, &w, http.StatusOK)
		if r.kind == "hangup" {
			if st := s.call(http.MethodDelete, "/v1/legs/"+r.at.c.leg.ID, nil, nil); st != http.StatusNoContent {
				t.Fatalf("the caller hangs up: %d", st)
			}
		}
	}
}

// end ends the call and its parties.
func (r *pauseRun) end() {
	r.t.Helper()
	st := r.s.call(http.MethodPost, "/v1/calls/"+r.at.callID+"/end", nil, nil)
	if st != http.StatusNoContent && r.kind != "hangup" { // which may have ended it
		r.t.Fatalf("end: %d", st)
	}
	for _, p := range r.parties {
		p.close()
	}
}

// nowhere looks for the secrets in everything the server has written and said since the call began, and listens to
// the tracks.
func nowhere(t *testing.T, s *server, look *secrets, at recorded, objects map[string][]byte, w wire.Recording) {
	t.Helper()
	all := s.written(at.began)
	all["the log"] = []byte(s.log.String()[at.logged:])
	for name, b := range objects {
		all["object "+name] = b
	}
	s.seen.mu.Lock()
	told := append([]wire.Event(nil), s.seen.list[at.told:]...)
	s.seen.mu.Unlock()
	events, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	all["the events"] = events
	for name, b := range all {
		if hit := look.find(b); hit.run != 0 {
			t.Errorf("%d bytes of %s in %s at byte %d", hit.run, hit.what, name, hit.at)
		}
	}
	keys := 0
	for _, e := range told {
		var d wire.Digit
		if e.Type != "leg.dtmf" {
			continue
		}
		if decode(t, e.Data, &d); d.CallID != at.callID {
			continue
		}
		if keys++; d.Digit != "" {
			t.Error("an event tells a key that was pressed in the pause")
		}
	}
	if keys == 0 {
		t.Error("no event tells that keys were pressed")
	}
	before := math.Inf(-1) // a customer whose voice is processed from some moment on has a second track
	for _, tr := range w.Tracks {
		voice := decodeTrack(t, find(all, w.ID, tr.Object))
		level := func(hz float64) float64 { return loudest(voice, hz) }
		if tr.Role == wire.RoleCustomer {
			before = max(before, level(hzBefore))
		}
		for _, hz := range []float64{hzSecret, hzSecret + 200} {
			if l := level(hz); l > -45 {
				t.Errorf("track %s holds what was said in the pause: %.0f dB at %.0f Hz", tr.ID, l, hz)
			}
		}
	}
	if before < -30 {
		t.Errorf("the customer's tracks lack what was said before the pause: %.0f dB", before)
	}
}

// standsOut is the level of a tone in 40 ms at 8 kHz, with a window that keeps other tones and clicks apart, if it is
// well above what is beside it; else -200.
func standsOut(samples []int16, hz float64) float64 {
	windowed := make([]int16, len(samples))
	for i, x := range samples {
		windowed[i] = int16(float64(x) * (1 - math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(samples)))) / 2)
	}
	l := testaudio.Level(windowed, hz, 8000) + 6 // which the window takes
	if beside := max(testaudio.Level(windowed, hz-125, 8000), testaudio.Level(windowed, hz+125, 8000)) + 6; l < beside+8 {
		return -200
	}
	return l
}

// pauseKilled kills the server while some of its calls are in a pause and the others in a capture; of neither the next
// process keeps anything.
func pauseKilled(t *testing.T, rooms int) {
	s := newServer(t, "").start()
	from := make([]time.Time, rooms)
	list := make([]recorded, rooms)
	looks := make([]*secrets, rooms)
	captures := make([]wire.Capture, rooms)
	for i := range list {
		list[i] = recordedRoom(t, s, []talks{talksPCMU, talksOpus}[i/2%2], false)
		digits := randomDigits(12)
		looks[i] = &secrets{digits: []string{digits}}
		if i%2 == 0 {
			if st := s.call(http.MethodPost, "/v1/recordings/"+list[i].recID+"/pause", wire.PauseRequest{MaxSeconds: 600}, nil); st != http.StatusOK {
				t.Fatalf("pause: %d", st)
			}
		} else if st := s.call(http.MethodPost, "/v1/calls/"+list[i].callID+"/capture", wire.CaptureRequest{MaxSeconds: 600}, &captures[i]); st != http.StatusCreated {
			t.Fatalf("capture: %d", st)
		}
		from[i] = time.Now()
		list[i].c.say(hzSecret, true)
		go list[i].c.press(digits)
	}
	waitFor(t, 30*time.Second, "keys in every pause", func() bool {
		n := 0
		for _, e := range s.events("leg.dtmf") {
			var d wire.Digit
			if decode(t, e.Data, &d); d.CallID == list[rooms-1].callID {
				n++
			}
		}
		return n > 0
	})
	time.Sleep(rand.N(1500 * time.Millisecond))
	till := time.Now()
	_ = s.cmd.Process.Kill()
	<-s.exited
	for i, r := range list {
		r.c.close()
		r.a.close()
		looks[i].said(r.c)
		looks[i].sent(r.a.heardIn(from[i], till))
	}
	earlier := s.seen // the events of the process that died
	s.start()
	for i, r := range list {
		var w wire.Recording
		waitFor(t, 60*time.Second, "the recovered recording", func() bool {
			s.call(http.MethodGet, "/v1/recordings/"+r.recID, nil, &w)
			return w.State == wire.RecordingStored
		})
		if !w.Recovered || len(w.Gaps) != 1 || w.Gaps[0].Cause != "pause" || w.Gaps[0].Resumed != "" {
			t.Errorf("recovered: %+v", w.Gaps)
		}
		if c := captures[i].ID; c != "" {
			for _, path := range []string{"", "/take", "/cancel"} {
				method := http.MethodPost
				if path == "" {
					method = http.MethodGet
				}
				if st := s.call(method, "/v1/captures/"+c+path, nil, nil); st != http.StatusNotFound {
					t.Errorf("%s of a capture that the server died in: %d", path, st)
				}
			}
		}
		later := s.seen
		s.seen = earlier
		nowhere(t, s, looks[i], r, nil, w)
		s.seen = later
		for _, f := range looks[i].memory(t, s.cmd.Process.Pid) {
			t.Errorf("in the memory of the next process: %s", f)
		}
	}
}

// written reads every file the server has written since a time.
func (s *server) written(since time.Time) map[string][]byte {
	s.t.Helper()
	all := make(map[string][]byte)
	err := filepath.WalkDir(s.dir, func(path string, e os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // moved to the archive meanwhile
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		i, err := e.Info()
		if err == nil && i.ModTime().Before(since.Add(-2*time.Second)) {
			return nil
		}
		b, err2 := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err2, fs.ErrNotExist) {
			return nil
		}
		all[strings.TrimPrefix(path, s.dir+"/")] = b
		return errors.Join(err, err2)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}
