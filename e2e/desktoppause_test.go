package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// TestW25_W84_PauseAndCaptureOnThePage: with the answer the timer starts and the controls are there. The agent sees, and a screen reader says, whether the call is recorded, for how long
// the recording is paused, and that the customer keys something in: how many keys, and nowhere on the page which.
func TestW25_W84_PauseAndCaptureOnThePage(t *testing.T) {
	s := unhurried(t, newServer(t, ""), "1m").start()
	p := newPhone(t, phoneOpts{user: "caller", wav: toneFile(t, 500, 8000, 1, 90), codec: "PCMU/8000/1"})
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10))
	d.press("r")
	p.dial(s, "1000", "udp")
	d.see("ring", patience)
	d.press("a")
	d.see("call-card", patience)
	for _, control := range []string{"mute", "hold", "keypad", "hangup", "handling"} { // the pane of the call, and its timer
		d.see(control, patience)
	}
	d.until("the timer runs", `/^0:0[1-9]$|^0:[1-5][0-9]$/.test(document.querySelector('`+testid("call-timer")+`')?.innerText ?? '')`)
	shows := func(state string) {
		t.Helper()
		d.until("the recording is "+state, `document.querySelector('`+testid("rec-state")+`')?.dataset.state === '`+state+`'`)
	}
	says := func(words string) {
		t.Helper()
		d.until("said: "+words, `[...document.querySelectorAll('[aria-live]')].some(e => e.innerText.includes('`+words+`'))`)
	}
	shows("recording")
	d.picture("recording")

	d.press("p")
	shows("paused")
	says("Recording is paused.")
	if got := d.text("rec-state"); !strings.Contains(got, "Recording paused") {
		t.Errorf("of a paused recording the page says %q", got)
	}
	var rec wire.Recording
	decode(t, s.event("recording.paused").Data, &rec)
	d.until("counting down", `/\d+/.test(document.querySelector('`+testid("rec-remaining")+`')?.innerText ?? '')`)
	if rec.PausedTill == nil || time.Until(*rec.PausedTill) <= 0 {
		t.Errorf("paused till %v", rec.PausedTill)
	}
	d.see("rec-resume", patience)
	d.picture("paused")
	d.press("p")
	shows("recording")

	// A program's pause is its own: the page says whose it is, and cannot end it.
	if st := s.call(http.MethodPost, "/v1/recordings/"+rec.ID+"/pause", wire.PauseRequest{MaxSeconds: 300}, nil); st != http.StatusOK {
		t.Fatalf("pause: %d", st)
	}
	shows("paused")
	d.until("who has paused", `document.querySelector('`+testid("rec-state")+`')?.innerText.includes('paused by ')`)
	d.press("p")
	d.see("notice", patience)
	d.picture("paused by a program")
	shows("paused")
	if st := s.call(http.MethodPost, "/v1/recordings/"+rec.ID+"/resume", nil, nil); st != http.StatusOK {
		t.Fatalf("resume: %d", st)
	}
	shows("recording")

	var c wire.Capture
	if st := s.call(http.MethodPost, "/v1/calls/"+rec.CallID+"/capture", wire.CaptureRequest{MaxSeconds: 300}, &c); st != http.StatusCreated {
		t.Fatalf("capture: %d", st)
	}
	shows("capture")
	says("The customer keys in.")
	d.gone("rec-resume", patience) // it ends by itself
	d.gone("rec-pause", patience)
	const keys = "739518"
	for i, key := range keys {
		p.command("sndcode", string(key))
		d.until("another key", `+document.querySelector('`+testid("capture-count")+`')?.dataset.count > `+string(rune('0'+i)))
	}
	if got := d.text("capture-count"); strings.Count(got, "•") != len(keys) || !strings.Contains(got, "6 keys") || strings.ContainsAny(got, keys) {
		t.Errorf("of %d keys the page says %q", len(keys), got)
	}
	d.until("no keys on the page", `!document.documentElement.outerHTML.includes('`+keys+`')`)
	d.picture("capture")
	if st := s.call(http.MethodPost, "/v1/captures/"+c.ID+"/cancel", nil, nil); st != http.StatusOK {
		t.Fatalf("cancel: %d", st)
	}
	shows("recording")
	d.see("rec-pause", patience)
}
