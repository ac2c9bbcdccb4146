package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/signaling/wire"
)

// hourAhead sets the page's computer an hour ahead: all that tells the time of day.
const hourAhead = `(() => {
  const hour = 3600000, Real = Date;
  window.Date = class extends Real {
    constructor(...a) { if (a.length === 0) super(Real.now() + hour); else super(...a); }
    static now() { return Real.now() + hour; }
  };
  Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + hour });
})();`

// TestR19_W84_X1_TheComputersClockIsAnHourWrong: ring, pause and wrap-up count down by the server on a computer whose
// clock is an hour ahead, and the wrap-up ends within a second of the server's time. A paused recording shows in word
// and sign.
func TestR19_W84_X1_TheComputersClockIsAnHourWrong(t *testing.T) {
	s := newServer(t, "")
	s.configure(`ring = "4s", wrapup = "5s"`, `ring = "1m", wrapup = "6s"`)
	s.start()
	p := newPhone(t, phoneOpts{user: "caller", wav: toneFile(t, 500, 8000, 1, 60), codec: "PCMU/8000/1"})
	d := newDesktop(t, s, "alice", toneFile(t, 440, 48000, 1, 10), hourAhead)
	d.until("the clock is wrong", fmt.Sprintf(`new Date().getTime() - %d > 3500000 && Date.now() - %[1]d > 3500000 && performance.timeOrigin + performance.now() - %[1]d > 3500000`, time.Now().UnixMilli()))
	d.press("r")
	p.dial(s, "1000", "udp")
	d.see("ring", patience)
	d.until("the ring counts down by the server", `(() => { const left = parseInt(document.querySelector('`+testid("ring-left")+`').innerText.match(/\d+/)[0], 10); return left > 0 && left <= 62; })()`)
	d.press("a")
	d.see("call-card", patience)
	d.until("recording", `document.querySelector('`+testid("rec-state")+`').dataset.state === 'recording'`)
	const sign = `document.querySelector('[data-testid="rec-state"] svg').innerHTML + document.querySelector('[data-testid="rec-state"]').innerText`
	d.until("sign and word are kept", `(window.__running = `+sign+`) !== ''`)
	d.click("rec-pause")
	d.until("paused", `document.querySelector('`+testid("rec-state")+`').dataset.state === 'paused'`)
	d.until("another sign and word", `(() => { const was = window.__running.split('</'), is = (`+sign+`).split('</'); return was[0] !== is[0] && was.at(-1) !== is.at(-1) && /paused/i.test(is.at(-1)); })()`)
	var rec wire.Recording
	decode(t, s.event("recording.paused").Data, &rec)
	if rec.PausedTill != nil {
		d.until("the pause counts down by the server", `(() => { const left = parseInt(document.querySelector('`+testid("rec-remaining")+`').innerText.match(/\d+/)[0], 10); return left > 0 && left <= 600; })()`)
	}
	d.see("rec-resume", patience)
	d.press("E")
	d.see("wrapup", patience)
	var w wire.Wrapup
	decode(t, s.event("wrapup.started").Data, &w)
	if left := clock(t, d.text("wrapup-left")); left > 8*time.Second { // frames of a busy server come late
		t.Errorf("the page counts down from %v", left)
	}
	if since := clock(t, d.text("wrapup-since")); since > time.Since(w.Started)+2*time.Second {
		t.Errorf("the page counts up from %v", since)
	}
	d.gone("wrapup", patience)
	e := s.event("wrapup.completed")
	decode(t, e.Data, &w)
	if late := e.Time.Sub(w.Deadline); w.By != "deadline" || late < 0 || late > time.Second {
		t.Errorf("ended by %s, %v after its time", w.By, late)
	}
	if got := d.text("agent-state"); !strings.Contains(got, "0:") {
		t.Errorf("the state counts from the wrong clock: %q", got)
	}
}
