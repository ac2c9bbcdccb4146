package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/client"
	"github.com/cordboard/cordboard/internal/testaudio"
	"github.com/cordboard/cordboard/media/dtmf"
	"github.com/cordboard/cordboard/signaling/wire"
)

// keypad is a telephone that tells its keys in one of three ways: as events beside its voice (RFC 4733), by SIP INFO, or
// as tones in its voice. It presses 0, control, before the capture, then the digits and #. A voice that a busy machine sends
// late may have a tone too many or too few in it: those keys it may press three times.
type keypad struct {
	way     string
	dial    func(s *server)
	control func()
	digits  func()
	end     func() // #, and the digits before where they are tones
	tries   int
	look    *secrets
}

// captureDigits is how many keys make a card number here.
const captureDigits = 12

// newKeypad makes the telephone.
func newKeypad(t *testing.T, way, digits string) *keypad {
	t.Helper()
	k := &keypad{way: way, look: &secrets{digits: []string{digits}}, tries: 1}
	if way == "events" {
		p := newPhone(t, phoneOpts{user: "041000333", wav: toneFile(t, hzBefore, 8000, 1, 240), codec: "PCMU/8000/1"})
		press := func(keys string) {
			for _, key := range keys {
				p.command("sndcode", string(key))
				time.Sleep(200 * time.Millisecond)
			}
		}
		k.dial = func(s *server) { p.dial(s, "1000", "udp") }
		k.control = func() { press("0") }
		k.digits, k.end = func() { press(digits) }, func() { press("#") }
		return k
	}
	p := newSippPhone(t)
	info := func(keys string) {
		for _, key := range keys {
			// Each length is another, so that each of the bodies is known by it.
			body := fmt.Sprintf("Signal=%c\nDuration=%d", key, 1000+len(k.look.texts)*37)
			k.look.texts = append(k.look.texts, []byte(strings.ReplaceAll(body, "\n", "\r\n")))
			p.sends("INFO", "application/dtmf-relay", body)
		}
	}
	p.plays("before", steady(hzBefore, 4), true)
	p.awaits()
	switch way {
	case "info":
		info("0")
		k.look.texts = nil // that one was no secret
		p.awaits()
		k.look.spoken(p.plays("secret", steady(hzSecret, 4), true))
		info(digits)
		p.awaits()
		p.plays("after", steady(hzAfter, 4), true)
		info("#")
		k.digits, k.end = p.cue, p.cue
	case "tones":
		p.plays("control", append(keyTones("0"), steady(hzBefore, 30)...), false)
		k.tries = 3
		tones := keyTones(digits + "#")
		for range k.tries {
			p.awaits()
			// What is behind the last tone is no secret, and keeps the call alive.
			k.look.spoken(p.plays("secret", append(tones[:len(tones):len(tones)], steady(hzAfter, 60)...), false)[:len(tones)-640])
		}
		k.digits, k.end = func() {}, p.cue
	}
	k.dial = func(s *server) { p.calls(s, "1000", way == "info") }
	k.control = p.cue
	return k
}

// TestCaptureByTelephone: a telephone's keys reach who asked for them and nobody else, in whichever of the three ways
// it tells them: they are in no file, object, log, event or store, the agent hears none, and a second after the capture
// they are in no memory of the process.
func TestCaptureByTelephone(t *testing.T) {
	store := newObjectStore(t)
	s := newServer(t, store.config())
	s.configure(`agents = [{ id = "alice", name = "Alice" }, { id = "bob", name = "Bob" }]`, threeAgents)
	s.start()
	payments := s.api().As(s.token("--name", "payments", "--grant", "capture:digits", "--grant", "call:read"))
	other := s.api().As(s.token("--name", "other", "--grant", "capture:digits", "--grant", "call:read"))
	people := map[string]string{"events": "alice", "info": "bob", "tones": "eva"}
	for _, way := range []string{"events", "info", "tones"} {
		r := recorded{began: time.Now(), logged: len(s.log.String())}
		s.seen.mu.Lock()
		r.told = len(s.seen.list)
		s.seen.mu.Unlock()
		digits := randomDigits(captureDigits)
		k := newKeypad(t, way, digits)
		a := s.signIn(people[way], "agent", toneAlice).ready()
		k.dial(s)
		r.callID = a.takes().CallID
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			captureByTelephone(t, s, store, k, a, r, digits, payments, other)
		})
	}
}

func captureByTelephone(t *testing.T, s *server, store *objectStore, k *keypad, a *agent, r recorded, digits string, payments, other *client.Client) {
	all := wire.RelayAll
	must[wire.Call](t)(s.api().PatchCall(soon(t), r.callID, wire.CallPatch{DTMFRelay: &all}))
	waitFor(t, 20*time.Second, "the call to be recorded", func() bool {
		c, err := s.api().GetCall(soon(t), r.callID)
		r.recID = c.Recording
		return err == nil && r.recID != ""
	})
	a.hearsTone(hzBefore)

	// A key that is no secret reaches the agent and the events, or nothing below would show anything.
	from := soFar(a)
	k.control()
	waitFor(t, 20*time.Second, "the key that is no secret, told and heard", func() bool {
		return keysTold(t, s, r, "0") == 1 && keysHeard(a, from) == "0"
	})
	a.hearsTone(hzBefore)

	from = soFar(a)
	for try := 1; ; try++ {
		w := must[wire.Capture](t)(payments.PostCallCapture(soon(t), r.callID, wire.CaptureRequest{MaxSeconds: 60}))
		now := func() wire.Capture { return must[wire.Capture](t)(payments.GetCapture(soon(t), w.ID)) }
		k.digits()
		if k.way != "tones" {
			waitFor(t, 30*time.Second, "all digits", func() bool { return now().Count == captureDigits })
		}
		k.end()
		for end := time.Now().Add(20 * time.Second); now().State == wire.CaptureOpen && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
		}
		if now().State == wire.CaptureOpen && try < k.tries { // not even the # was heard
			must[wire.Capture](t)(payments.PostCaptureCancel(soon(t), w.ID))
			continue
		}
		_, err := other.PostCaptureTake(soon(t), w.ID)
		refused(t, err, "capture_not_found")
		got := must[wire.CaptureDigits](t)(payments.PostCaptureTake(soon(t), w.ID))
		_, err = payments.PostCaptureTake(soon(t), w.ID)
		refused(t, err, "capture_gone")
		if got.Digits == digits {
			break
		}
		if try == k.tries {
			t.Errorf("%d digits were captured, and they are not the %d that were pressed", len(got.Digits), len(digits))
			break
		}
	}
	if heard := keysHeard(a, from); heard != "" {
		t.Errorf("the agent heard %d keys of the capture", len(heard))
	}
	ran(time.Second)
	for _, f := range k.look.memory(t, s.cmd.Process.Pid) {
		t.Errorf("a second after the capture, in memory: %s", f)
	}
	if n := keysTold(t, s, r, ""); n < captureDigits {
		t.Errorf("%d events tell that a key was pressed, want %d", n, captureDigits)
	}
	if st := s.call(http.MethodPost, "/v1/calls/"+r.callID+"/end", nil, nil); st != http.StatusNoContent {
		t.Errorf("end: %d", st)
	}
	var rec wire.Recording
	waitFor(t, 60*time.Second, "the recording in the archives", func() bool {
		s.call(http.MethodGet, "/v1/recordings/"+r.recID, nil, &rec)
		return rec.State == wire.RecordingStored
	})
	s.dropTold(t, r.callID, "0")
	nowhere(t, s, k.look, r, store.since(t, r.began), rec)
	files := s.written(r.began)
	for _, tr := range rec.Tracks {
		voice := decodeTrack(t, find(files, rec.ID, tr.Object))
		if keys := keysIn(voice); keys != "" && (k.way != "tones" || keys != "0") {
			t.Errorf("track %s has %d keys in it", tr.ID, len(keys))
		}
	}
}

// hearsTone waits until the agent hears a tone.
func (a *agent) hearsTone(hz float64) {
	a.t.Helper()
	waitFor(a.t, 20*time.Second, fmt.Sprintf("%g Hz in %s's ear", hz, a.id), func() bool {
		s, rate := lately(a, 300*time.Millisecond)
		return len(s) > 0 && testaudio.Level(s, hz, float64(rate)) > loud
	})
}

// keysIn is the keys whose tones are in samples at 8 kHz.
func keysIn(samples []int16) string {
	var d dtmf.Detector
	var keys []byte
	for ; len(samples) >= 160; samples = samples[160:] {
		if e, ok := d.Push(samples[:160]); ok {
			keys = append(keys, e.Digit)
		}
	}
	return string(keys)
}

// keysHeard is the keys in what an ear has heard since a moment.
func keysHeard(a *agent, from int) string {
	samples, rate := a.sound()
	samples = samples[from:]
	step := rate / 8000
	low := make([]int16, len(samples)/step) // keys lie so low that a mean is filter enough
	for i := range low {
		sum := 0
		for _, x := range samples[i*step:][:step] {
			sum += int(x)
		}
		low[i] = int16(sum / step)
	}
	return keysIn(low)
}

// keysTold is how many events of a call tell a key; "" is one whose name is not told.
func keysTold(t *testing.T, s *server, r recorded, key string) (n int) {
	t.Helper()
	for _, e := range s.events("leg.dtmf") {
		var d wire.Digit
		if decode(t, e.Data, &d); d.CallID == r.callID && d.Digit == key {
			n++
		}
	}
	return n
}

// dropTold takes the events of a key that was no secret out of what was told.
func (s *server) dropTold(t *testing.T, callID, key string) {
	t.Helper()
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	for i, e := range s.seen.list {
		var d wire.Digit
		if e.Type != "leg.dtmf" {
			continue
		}
		if decode(t, e.Data, &d); d.CallID == callID && d.Digit == key {
			d.Digit = ""
			s.seen.list[i].Data = d
		}
	}
}
