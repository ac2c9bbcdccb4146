package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// TestPauseInAnnouncement: a person pauses the recording while the announcement that says so is being played. The
// announcement's end does not open it: what is said and keyed behind it is nowhere, and what is said behind the pause is
// in the recording.
func TestPauseInAnnouncement(t *testing.T) {
	stalls.start()
	s := newServer(t, "")
	s.configure("[http]\n", fmt.Sprintf("[http]\nprompts = %q\n", filepath.Dir(toneFile(t, 820, 8000, 1, 4))))
	s.start()
	r := recorded{began: time.Now(), logged: len(s.log.String())}
	var room wire.Room
	waitFor(t, 30*time.Second, "room for a call", func() bool {
		return s.call(http.MethodPost, "/v1/rooms", map[string]any{}, &room) == http.StatusCreated
	})
	r.callID = room.CallID
	const hzWaiting = hzSecret + 200 // said before the announcement is over
	r.c = join(t, s, room.CallID, talksPCMU, wire.RoleCustomer, hzWaiting)
	r.a = join(t, s, room.CallID, talksOpus, wire.RoleAgent, hzWaiting)
	both := func(hz float64, secret bool) {
		r.c.say(hz, secret)
		r.a.say(hz, secret)
	}
	var w wire.Recording
	rules := wire.RecordingRequest{Rules: &wire.RecordingRules{Consent: "tone820.wav", ConsentWhen: wire.ConsentBefore}}
	if st := s.call(http.MethodPost, "/v1/calls/"+room.CallID+"/recordings", rules, &w); st != http.StatusCreated || w.State != wire.RecordingPaused {
		t.Fatalf("record: %d, %+v", st, w)
	}
	r.recID = w.ID
	path := "/v1/recordings/" + w.ID
	if st := s.call(http.MethodPost, path+"/resume", nil, nil); st != http.StatusConflict {
		t.Errorf("resume in the announcement: %d", st)
	}
	if st := s.call(http.MethodPost, path+"/pause", wire.PauseRequest{MaxSeconds: 120, Reason: "card"}, &w); st != http.StatusOK || len(w.Gaps) != 2 {
		t.Fatalf("pause in the announcement: %d, %+v", st, w.Gaps)
	}
	waitFor(t, 30*time.Second, "the announcement's end", func() bool { // the server's second word, behind its own pause
		n := 0
		for _, e := range s.events("recording.paused") {
			if e.Actor == "server" {
				n++
			}
		}
		return n == 2
	})
	look := &secrets{digits: []string{randomDigits(12)}}
	both(hzSecret, true)
	r.c.press(look.digits[0])
	waitFor(t, 30*time.Second, "something said in the pause", func() bool {
		r.c.mu.Lock()
		defer r.c.mu.Unlock()
		return len(r.c.said) > 40
	})
	if s.call(http.MethodGet, path, nil, &w); w.State != wire.RecordingPaused {
		t.Fatalf("behind the announcement the recording is %s", w.State)
	}
	both(hzBefore, false)
	if st := s.call(http.MethodPost, path+"/resume", nil, &w); st != http.StatusOK || w.State != wire.RecordingActive {
		t.Fatalf("resume: %d, %s", st, w.State)
	}
	ran(time.Second)
	look.said(r.c)
	look.said(r.a)
	if st := s.call(http.MethodPost, "/v1/calls/"+r.callID+"/end", nil, nil); st != http.StatusNoContent {
		t.Errorf("end: %d", st)
	}
	waitFor(t, 60*time.Second, "the recording in the archive", func() bool {
		s.call(http.MethodGet, path, nil, &w)
		return w.State == wire.RecordingStored
	})
	nowhere(t, s, look, r, nil, w)
	if len(w.Gaps) != 2 || w.Gaps[0].Owner != "consent" || w.Gaps[0].Resumed != "continued" || w.Gaps[1].Reason != "card" || w.Gaps[1].Resumed != "manual" || w.Gaps[1].ResumedBy == "" {
		t.Errorf("gaps: %+v", w.Gaps)
	}
}
